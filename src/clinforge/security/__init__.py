"""Keys. Below every part that keeps something secret, above the models and records it knows nothing of."""

"""Ways to change a base model, one file each."""

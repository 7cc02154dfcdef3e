"""The one door to language models.

`TextModel` is what the rest of the product sees; `transformers`, `llama_cpp` and `scripted` implement it.
`template` renders a conversation to the exact text a model is given, in training and in serving alike.
"""

from clinforge.model.base import Sampling, TextModel

__all__ = ["Sampling", "TextModel"]

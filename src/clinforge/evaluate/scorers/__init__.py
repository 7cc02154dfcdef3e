"""Scorers: each looks at one answer beside its reference and says how good it is, 0 to 1."""

from typing import Annotated

from pydantic import Field

from clinforge.evaluate.scorers.text import ExactMatch, TokenF1

TextScorer = Annotated[ExactMatch | TokenF1, Field(discriminator="kind")]

__all__ = ["ExactMatch", "TextScorer", "TokenF1"]

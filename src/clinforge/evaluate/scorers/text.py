"""Scorers of free text that need no library: Chinese is compared by characters, other text by words."""

import re
import unicodedata
from collections import Counter
from typing import Literal

from clinforge.config import Settings

_IDEOGRAPH = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Comparison signs and per cent are kept: "<38" and "≥38" are different findings.
_TOKEN = re.compile(rf"\d+(?:\.\d+)?|[{_IDEOGRAPH}]|[^\W\d_{_IDEOGRAPH}]+|[<>≤≥±%]")


def tokens(text: str) -> list[str]:
    """Comparable pieces of a text: width and case folded, punctuation left out, numbers whole."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


class ExactMatch(Settings):
    """1 if the answer equals the reference after width, case and punctuation are evened out, else 0."""

    kind: Literal["exact"] = "exact"

    def __call__(self, answer: str, reference: str) -> float:
        """Score one answer."""
        return float(tokens(answer) == tokens(reference))


class TokenF1(Settings):
    """Harmonic mean of the shares of shared tokens in answer and reference, counted with repeats.

    Source: Rajpurkar et al. 2016 (SQuAD), arXiv:1606.05250, sec. 6.1; here Chinese characters are tokens and English
    articles are kept.
    """

    kind: Literal["token_f1"] = "token_f1"

    def __call__(self, answer: str, reference: str) -> float:
        """Score one answer."""
        given, wanted = Counter(tokens(answer)), Counter(tokens(reference))
        if not given or not wanted:
            return float(given == wanted)
        return 2 * (given & wanted).total() / (given.total() + wanted.total())

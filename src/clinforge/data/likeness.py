"""When two texts count as alike, and how hard one looks for such pairs."""

from pydantic import Field

from clinforge.config import Settings
from clinforge.records import Lang


class Likeness(Settings):
    """Two texts are alike when their sets of short runs of words (Chinese: of characters) overlap enough.

    A token is an English word, a number, or one Chinese character. MinHash proposes pairs; the Jaccard similarity of
    the two sets, counted in full, decides.
    """

    threshold: float = Field(default=0.8, gt=0, le=1)
    """Jaccard similarity from which two texts are alike, 0-1."""
    words: int = Field(default=3, ge=1)
    """Tokens in a run of English. A text with fewer tokens is one run."""
    characters: int = Field(default=5, ge=1)
    """Tokens in a run of Chinese. A text with fewer tokens is one run."""
    permutations: int = Field(default=128, ge=16, le=1024)
    """MinHash values of a text. More of them cost time in proportion and leave fewer unrelated pairs to compare."""
    recall: float = Field(default=0.99, gt=0.5, lt=1)
    """Chance that a pair exactly at the threshold is found; one above it is found more often."""

    def run_length(self, lang: Lang) -> int:
        """Tokens in a run."""
        return self.characters if lang == "zh" else self.words

    @property
    def bands(self) -> tuple[int, int]:
        """(bands, values in a band): the longest bands of which a pair at the threshold shares one often enough.

        A pair of similarity s shares a band of r values with chance s^r, and one of b bands with 1 - (1 - s^r)^b
        (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, section 3.4).
        """
        for values in range(self.permutations, 1, -1):
            bands = self.permutations // values
            if 1 - (1 - self.threshold**values) ** bands >= self.recall:
                return bands, values
        return self.permutations, 1

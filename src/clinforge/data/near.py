"""Finding texts that are alike without comparing all with all.

    runs of tokens ─▶ MinHash values ─▶ bands ─▶ candidates share a band ─▶ Jaccard similarity counted in full

A candidate that is not alike is never taken for a duplicate; a pair that is alike is missed with the small chance that
`Likeness.recall` leaves. Nothing depends on the process: the seed is fixed and hashes come from the text alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] -- compiled, without stubs

from clinforge.data.likeness import Likeness
from clinforge.data.shingles import Hashes, jaccard, mixed

_SEED = 1
_BLOCK = 4096
"""Texts whose MinHash values are in memory at once."""


def band_keys(sets: Iterable[Hashes], likeness: Likeness) -> Hashes:
    """(texts, bands): a hash for each band of each text; texts with an equal one are candidates.

    No set may be empty. The sets are read once, a block at a time, and not kept.
    """
    bands, values = likeness.bands
    blocks = [np.empty((0, bands), dtype=np.uint64)]
    for block in _blocks(sets):
        minima = _minhash(block, likeness.permutations)[:, : bands * values].reshape(len(block), bands, values)
        keys = np.broadcast_to(np.arange(bands, dtype=np.uint64), (len(block), bands))
        for place in range(values):
            keys = mixed(keys, minima[:, :, place])
        blocks.append(keys)
    return np.concatenate(blocks)


def _blocks(sets: Iterable[Hashes]) -> Iterator[list[Hashes]]:
    rest = iter(sets)
    while block := list(islice(rest, _BLOCK)):
        yield block


def _minhash(sets: Sequence[Hashes], permutations: int) -> npt.NDArray[np.uint64]:
    """(sets, permutations): the least value of each set under each permutation."""
    ends = np.cumsum([0, *map(len, sets)], dtype=np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(np.concatenate(sets), ends, permutations, _SEED)
    return np.array(matrix.to_rows(), dtype=np.uint64)


class NearIndex:
    """Sets that can be found again by likeness. Holds the sets, and their places by band."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._sets: list[Hashes] = []
        self._places: dict[int, list[int]] = defaultdict(list)

    def add(self, own: Hashes, keys: Iterable[int]) -> None:
        """Take in a set with its band keys."""
        for key in keys:
            self._places[key].append(len(self._sets))
        self._sets.append(own)

    def alike(self, own: Hashes, keys: Iterable[int]) -> list[tuple[int, float]]:
        """(place in the order of adding, similarity) of the sets alike, the most similar first, then the earliest."""
        candidates = {place for key in keys for place in self._places.get(key, ())}
        found = [(place, jaccard(own, self._sets[place])) for place in candidates]
        return sorted((pair for pair in found if pair[1] >= self._threshold), key=lambda pair: (-pair[1], pair[0]))

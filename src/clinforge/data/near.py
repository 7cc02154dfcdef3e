"""Finding texts that are alike without comparing all with all.

    runs of tokens ─▶ MinHash values ─▶ bands ─▶ candidates share a band ─▶ Jaccard similarity counted in full

A candidate that is not alike is never taken for a duplicate; a pair that is alike is missed with the small chance that
`Likeness.recall` leaves. Nothing depends on the process: the seed is fixed and hashes come from the text alone.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] -- compiled, without stubs

from clinforge.data.likeness import Likeness
from clinforge.data.shingles import Hashes, jaccard, mixed

Signatures = npt.NDArray[np.uint32]
"""(texts, permutations): MinHash values."""
_SEED = 1
_BLOCK = 4096
"""Texts handed to the library at once."""
_SIGMAS = 4
"""A candidate whose estimated similarity lies so many standard errors below the threshold is not counted in full:
it would be alike in one of 30,000 cases."""


def signatures(sets: Iterable[Hashes], likeness: Likeness) -> Signatures:
    """MinHash values of sets, none of which may be empty. The sets are read once, a block at a time."""
    blocks = [np.empty((0, likeness.permutations), dtype=np.uint32)]
    blocks += [_minhash(block, likeness.permutations) for block in _blocks(sets)]
    return np.concatenate(blocks)


def band_keys(found: Signatures, likeness: Likeness) -> Hashes:
    """(texts, bands): a hash for each band of each text; texts with an equal one are candidates."""
    bands, values = likeness.bands
    parts = found[:, : bands * values].reshape(len(found), bands, values)
    keys = np.broadcast_to(np.arange(bands, dtype=np.uint64), (len(found), bands))
    for place in range(values):
        keys = mixed(keys, parts[:, :, place].astype(np.uint64))
    return keys


class NearIndex:
    """Sets that can be found again by likeness. A set goes by the number of its row in the signatures."""

    def __init__(self, found: Signatures, likeness: Likeness) -> None:
        self._signatures = found
        self._threshold = likeness.threshold
        error = math.sqrt(likeness.threshold * (1 - likeness.threshold) / likeness.permutations)
        self._least = likeness.permutations * (likeness.threshold - _SIGMAS * error)
        self._sets: dict[int, Hashes] = {}
        self._places: dict[int, list[int]] = defaultdict(list)

    def add(self, number: int, own: Hashes, keys: Iterable[int]) -> None:
        """Take in a set with its band keys."""
        self._sets[number] = own
        for key in keys:
            self._places[key].append(number)

    def alike(self, own: Hashes, signature: npt.NDArray[np.uint32], keys: Iterable[int]) -> list[tuple[int, float]]:
        """(number, similarity) of the sets that are alike, the most similar first, then the lowest number."""
        numbers = np.array(sorted({number for key in keys for number in self._places.get(key, ())}), dtype=np.int64)
        likely = (self._signatures[numbers] == signature).sum(axis=1) >= self._least
        found = [(number, jaccard(own, self._sets[number])) for number in numbers[likely].tolist()]
        return sorted((pair for pair in found if pair[1] >= self._threshold), key=lambda pair: (-pair[1], pair[0]))


def _blocks(sets: Iterable[Hashes]) -> Iterator[list[Hashes]]:
    rest = iter(sets)
    while block := list(islice(rest, _BLOCK)):
        yield block


def _minhash(sets: Sequence[Hashes], permutations: int) -> Signatures:
    ends = np.cumsum([0, *map(len, sets)], dtype=np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(np.concatenate(sets), ends, permutations, _SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32)

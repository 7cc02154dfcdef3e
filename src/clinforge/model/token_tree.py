"""Lay many token sequences out as one tree, so that a shared prefix is computed once.

    seq 1:  a b c x y           nodes:      a b c x y z w
    seq 2:  a b c z w           positions:  0 1 2 3 4 3 4
                                sees:       its own path back to the root, nothing else

One forward pass over the nodes gives each sequence the very logits it would get alone: position ids restart at a
branch point, and the mask lets a token see exactly its ancestors. System prompts, templates, a question's options and
several questions on one text all share prefixes, so the tree is far shorter than the sum of its sequences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class TokenTree:
    """Sequences merged by their common prefixes. All arrays are indexed by node, in an order parents come first."""

    tokens: npt.NDArray[np.int64]
    depths: npt.NDArray[np.int64]
    """Position id of each node: its distance from the root."""
    parents: npt.NDArray[np.int64]
    """-1 for a root."""
    paths: tuple[tuple[int, ...], ...]
    """Per sequence, the node of each of its tokens."""

    def __len__(self) -> int:
        """Number of nodes: the tokens really computed."""
        return len(self.tokens)

    def visible(self) -> npt.NDArray[np.bool_]:
        """Mask of shape (nodes, nodes): row i is true at i and at every ancestor of i."""
        mask = np.eye(len(self), dtype=np.bool_)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                mask[node] |= mask[parent]
        return mask


def grow_tree(sequences: Sequence[Sequence[int]]) -> TokenTree:
    """Merge token sequences into a tree. Equal sequences share all their nodes."""
    children: dict[tuple[int, int], int] = {}
    tokens: list[int] = []
    depths: list[int] = []
    parents: list[int] = []
    paths: list[tuple[int, ...]] = []
    for sequence in sequences:
        path: list[int] = []
        parent = -1
        for depth, token in enumerate(sequence):
            node = children.setdefault((parent, token), len(tokens))
            if node == len(tokens):
                tokens.append(token)
                depths.append(depth)
                parents.append(parent)
            path.append(node)
            parent = node
        paths.append(tuple(path))
    return TokenTree(np.array(tokens), np.array(depths), np.array(parents), tuple(paths))

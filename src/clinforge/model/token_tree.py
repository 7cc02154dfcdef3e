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
from typing import Any

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


def tree_inputs(tree: TokenTree, config: Any, device: str) -> dict[str, Any]:  # noqa: ANN401 -- any HF config
    """Model inputs (a batch of one, on `device`) for a tree.

    Models with sliding-window layers take one mask per kind of layer (or one windowed mask for all); the window is
    applied on depths, which is what it would be in each sequence alone.
    """
    import torch

    visible = torch.from_numpy(tree.visible()).to(device)[None, None]
    depths = torch.from_numpy(tree.depths).to(device)
    mask: Any = visible
    window = getattr(config, "sliding_window", None)
    if window:
        near = visible & ((depths[:, None] - depths[None, :]) < window)
        by_layer = "sliding_attention" in (getattr(config, "layer_types", None) or ())
        mask = {"full_attention": visible, "sliding_attention": near} if by_layer else near
    return {
        "input_ids": torch.from_numpy(tree.tokens).to(device)[None],
        "position_ids": depths[None],
        "attention_mask": mask,
        "use_cache": False,
    }


def supports_trees(config: Any) -> bool:  # noqa: ANN401 -- any Hugging Face config
    """Whether a model family is known (and tested) to give a tree the logits of its separate sequences."""
    return getattr(config, "model_type", "") in {"llama", "mistral", "qwen2", "qwen3", "gemma3_text"}

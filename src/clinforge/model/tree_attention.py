"""Attention over a token tree, block by block.

A tree of N nodes has few visible pairs: a node sees the trunk that all sequences share and its own limb, never another
limb. So attention is computed as a few dense blocks (the trunk, then the limbs in groups of like length, each against
trunk and itself) instead of one N x N square that is mostly hidden. The result is that of the square.

Registered with transformers as an attention implementation, so that the models' own code calls it; a forward pass
without a tree (plain generation) gets transformers' scaled dot product.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from clinforge.model.token_tree import TokenTree

NAME = "clinforge_tree"
FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma3_text"})
"""Model families known (and tested) to give a tree the logits of its separate sequences."""
LIKE_LENGTH = 0.6
"""A limb at least this share of its group's longest is padded to it; a shorter one starts the next group."""


def enable_trees(model: Any) -> bool:  # noqa: ANN401 -- any Hugging Face model
    """Let a freshly loaded model take trees; False, and no change, if its family is not known to."""
    if getattr(model.config, "model_type", "") not in FAMILIES:
        return False
    AttentionInterface.register(NAME, tree_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)
    return True


def takes_trees(model: Any) -> bool:  # noqa: ANN401 -- any Hugging Face or PEFT model
    """Whether trees were enabled in a model."""
    return model.config._attn_implementation == NAME


def tree_inputs(tree: TokenTree, device: str) -> dict[str, Any]:
    """Inputs (a batch of one, on `device`) for a model with trees enabled."""
    return {
        "input_ids": torch.from_numpy(tree.tokens).to(device)[None],
        "position_ids": torch.from_numpy(tree.depths).to(device)[None],
        "attention_mask": torch.ones(1, 1, 1, 1, dtype=torch.bool, device=device),  # keeps the model from making one
        "tree": TreeBlocks(tree, device),
        "use_cache": False,
    }


def plain_inputs(tree: TokenTree, device: str) -> dict[str, Any]:
    """Inputs of a tree of one sequence, for a model that takes no trees."""
    return {"input_ids": torch.from_numpy(tree.tokens).to(device)[None], "use_cache": False}


def tree_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,  # noqa: ANN401 -- whatever a model passes on
) -> tuple[torch.Tensor, None]:
    """Transformers' attention interface, with the blocks of a tree as its option `tree`.

    Query (1, heads, N, size), key and value (1, groups, N, size) -> (1, N, heads, size).
    """
    tree: TreeBlocks | None = options.get("tree")
    if tree is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    scale: float = options.get("scaling") or query.shape[-1] ** -0.5
    window: int | None = options.get("sliding_window")
    q, k, v = (rows[0].transpose(0, 1) for rows in (query * scale, key, value))
    found: list[torch.Tensor] = []
    for at, block in enumerate(tree.blocks):
        bias = tree.bias(at, window, query.dtype)
        found.append(_attend(_take(q, block.queries), _take(k, block.keys), _take(v, block.keys), bias))
    return torch.cat(found).index_select(0, tree.order)[None], None


def _take(rows: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
    """(N, heads, size), (limbs, length) -> (limbs, heads, length, size)."""
    taken = rows.reshape(len(rows), -1).index_select(0, nodes.reshape(-1))
    return taken.view(*nodes.shape, *rows.shape[1:]).transpose(1, 2)


def _attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Softmax(q k + bias) v for grouped heads, written as two batched products: (limbs * length, heads, size)."""
    limbs, heads, length, size = q.shape
    groups, seen = k.shape[1], k.shape[2]
    q = q.reshape(limbs * groups, heads // groups * length, size)
    scores = torch.bmm(q, k.reshape(limbs * groups, seen, size).transpose(1, 2))
    shares = torch.softmax(scores.view(limbs, heads, length, seen) + bias, dim=-1)
    mixed = torch.bmm(shares.view(limbs * groups, -1, seen), v.reshape(limbs * groups, seen, size))
    return mixed.view(limbs, heads, length, size).transpose(1, 2).reshape(limbs * length, heads, size)


@dataclass(frozen=True, slots=True)
class Block:
    """Limbs of like length, padded to one, against what they may see."""

    queries: torch.Tensor
    """(limbs, length): the nodes that ask. Padding repeats a limb's last node."""
    keys: torch.Tensor
    """(limbs, trunk + length): the nodes that are seen."""
    visible: torch.Tensor
    """(limbs, length, trunk + length)."""
    distances: torch.Tensor
    """(limbs, length, trunk + length): tokens from key to query along the path; sliding windows cut on it."""


class TreeBlocks:
    """A tree as blocks on a device."""

    def __init__(self, tree: TokenTree, device: str) -> None:
        self.blocks = [_block(tree, trunk, limbs, device) for trunk, limbs in _groups(tree)]
        asked = torch.cat([block.queries.reshape(-1) for block in self.blocks]).cpu().numpy()
        self.order = torch.from_numpy(np.unique(asked, return_index=True)[1]).to(device)
        """Row of each node among the blocks' results."""
        self._biases: dict[tuple[int, int | None, torch.dtype], torch.Tensor] = {}

    def bias(self, at: int, window: int | None, dtype: torch.dtype) -> torch.Tensor:
        """Additive mask of block `at`, (limbs, 1, length, keys); made once for all layers that need the same."""
        wanted = (at, window, dtype)
        if wanted not in self._biases:
            block = self.blocks[at]
            seen = block.visible if window is None else block.visible & (block.distances < window)
            zeros = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
            self._biases[wanted] = zeros.masked_fill_(~seen, -torch.inf)[:, None]
        return self._biases[wanted]


def _groups(tree: TokenTree) -> Iterator[tuple[int, list[list[int]]]]:
    """The trunk, then limbs in groups: (length of the trunk they see, the nodes of each limb)."""
    trunk = _trunk_length(tree)
    if trunk:
        yield 0, [list(range(trunk))]
    limbs: list[list[int]] = []
    limb_of: dict[int, int] = {}
    for node in range(trunk, len(tree)):
        limb_of[node] = limb_of.get(int(tree.parents[node]), len(limbs))
        if limb_of[node] == len(limbs):
            limbs.append([])
        limbs[limb_of[node]].append(node)
    group: list[list[int]] = []
    for limb in sorted(limbs, key=len, reverse=True):
        if group and len(limb) < LIKE_LENGTH * len(group[0]):
            yield trunk, group
            group = []
        group.append(limb)
    if group:
        yield trunk, group


def _trunk_length(tree: TokenTree) -> int:
    """Number of leading nodes that lie on every path."""
    return next((at for at, nodes in enumerate(zip(*tree.paths, strict=False)) if len(set(nodes)) > 1), None) or min(
        (len(path) for path in tree.paths), default=0
    )


def _block(tree: TokenTree, trunk: int, limbs: Sequence[Sequence[int]], device: str) -> Block:
    length = len(limbs[0])
    queries = np.array([[*limb, *[limb[-1]] * (length - len(limb))] for limb in limbs])
    keys = np.concatenate([np.broadcast_to(np.arange(trunk), (len(limbs), trunk)), queries], axis=1)
    visible: npt.NDArray[np.bool_] = tree.visible()[queries[:, :, None], keys[:, None, :]]
    for row, limb in enumerate(limbs):
        visible[row, :, trunk + len(limb) :] = False
    distances = tree.depths[queries][:, :, None] - tree.depths[keys][:, None, :]
    return Block(*(torch.from_numpy(values).to(device) for values in (queries, keys, visible, distances)))

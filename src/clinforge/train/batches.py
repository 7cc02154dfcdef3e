"""Samples -> token trees with their supervised targets.

Only answer tokens are supervised. A prefix shared by several samples of a batch (role prompt, template, record) stands
in the tree once: same loss and gradients as separate samples, fewer tokens computed.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from clinforge.model.token_tree import TokenTree, grow_tree
from clinforge.model.transformers import ChatTokenizer
from clinforge.records import Sample


@dataclass(frozen=True, slots=True)
class TokenisedSample:
    """A sample as token ids; the answer ends with the end-of-turn token."""

    id: str
    group: str
    """Samples of one group share a long prefix: the wording of their prompt."""
    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]

    def __len__(self) -> int:
        """Tokens of prompt and answer."""
        return len(self.prompt_ids) + len(self.answer_ids)


@dataclass(frozen=True, slots=True)
class Batch:
    """One forward pass: a tree and what it is trained to predict.

    `sources[i]` is the node whose next token should be `targets[i]`; a target that several samples share is listed
    once for each, so it weighs as much as it would in separate sequences.
    """

    tree: TokenTree
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    sample_ids: tuple[str, ...]
    num_separate_tokens: int
    """Tokens the same samples would take one by one."""


def tokenise(samples: Sequence[Sample], tokens: ChatTokenizer) -> list[TokenisedSample]:
    """Token ids of each sample."""
    return [
        TokenisedSample(
            id=sample.id,
            group=sample.template_id or sample.task,
            prompt_ids=tuple(tokens.prompt_ids(sample.prompt)),
            answer_ids=tuple(tokens.answer_ids(sample.answer)),
        )
        for sample in samples
    ]


def epoch_order(samples: Sequence[TokenisedSample], batch_size: int, seed: int) -> list[list[TokenisedSample]]:
    """Cut one epoch into global batches, in an order that depends on the seed alone.

    A batch takes samples of one group, so that they share their prefix; the order of samples within a group and of the
    batches is random. The rests of all groups make up the mixed last batches.
    """
    rng = random.Random(seed)  # noqa: S311 -- an order, not a secret
    groups: dict[str, list[TokenisedSample]] = defaultdict(list)
    for sample in samples:
        groups[sample.group].append(sample)
    batches: list[list[TokenisedSample]] = []
    rest: list[TokenisedSample] = []
    for name in sorted(groups):
        members = groups[name]
        rng.shuffle(members)
        whole = len(members) - len(members) % batch_size
        batches += [members[at : at + batch_size] for at in range(0, whole, batch_size)]
        rest += members[whole:]
    batches += [rest[at : at + batch_size] for at in range(0, len(rest), batch_size)]
    rng.shuffle(batches)
    return batches


def lay_out(samples: Sequence[TokenisedSample], max_tree_tokens: int) -> list[Batch]:
    """Lay a global batch out as trees of at most `max_tree_tokens` nodes each (a longer single sample goes alone)."""
    runs: list[list[TokenisedSample]] = [[]]
    for sample in samples:
        if runs[-1] and len(grow_tree([_sequence(held) for held in [*runs[-1], sample]])) > max_tree_tokens:
            runs.append([])
        runs[-1].append(sample)
    return [_batch(run) for run in runs if run]


def _batch(samples: Sequence[TokenisedSample]) -> Batch:
    tree = grow_tree([_sequence(sample) for sample in samples])
    sources: list[int] = []
    targets: list[int] = []
    for path, sample in zip(tree.paths, samples, strict=True):
        sources += path[len(sample.prompt_ids) - 1 : -1]
        targets += sample.answer_ids
    return Batch(
        tree=tree,
        sources=tuple(sources),
        targets=tuple(targets),
        sample_ids=tuple(sample.id for sample in samples),
        num_separate_tokens=sum(len(sample) for sample in samples),
    )


def _sequence(sample: TokenisedSample) -> tuple[int, ...]:
    return sample.prompt_ids + sample.answer_ids

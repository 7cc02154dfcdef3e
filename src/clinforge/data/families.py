"""Families: members that are so alike that one in training would give the other away in the test."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from clinforge.data.draw import digest


class UnionFind:
    """Sets that grow together by links."""

    def __init__(self, members: Iterable[str]) -> None:
        self._parent = {member: member for member in members}

    def find(self, member: str) -> str:
        """The set's representative: its smallest member, whatever the order of the links."""
        root = member
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[member] != root:
            self._parent[member], member = root, self._parent[member]
        return root

    def link(self, first: str, second: str) -> None:
        """Join the sets of two members."""
        low, high = sorted((self.find(first), self.find(second)))
        self._parent[high] = low


def family_ids(members: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Family id of each member: a hash of the family's smallest member.

    New data leaves the ids of families it does not touch as they are; a family it joins or leads may get a new one.
    """
    members = list(members)
    sets = UnionFind(members)
    for first, second in links:
        sets.link(first, second)
    return {member: digest("family", sets.find(member))[:12] for member in members}


def shared_key_links(keys: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Link members that have a key in common, e.g. an ICD-10 code."""
    first_with: dict[str, str] = {}
    for member, own in keys.items():
        for key in own:
            yield first_with.setdefault(key, member), member


def similar_links(features: Mapping[str, frozenset[str]], threshold: float) -> Iterator[tuple[str, str]]:
    """Link members whose feature sets have Jaccard similarity >= threshold (0 < threshold <= 1).

    Two sets that similar must share one of their rarest features, so only those are indexed (prefix filtering):
    exact, and a second for thousands of members instead of comparing all pairs.
    """
    frequency = Counter(feature for own in features.values() for feature in own)
    index: dict[str, list[str]] = defaultdict(list)
    for member, own in features.items():
        rarest_first = sorted(own, key=lambda feature: (frequency[feature], feature))
        prefix = rarest_first[: len(own) - math.ceil(threshold * len(own)) + 1]
        for candidate in {other for feature in prefix for other in index[feature]}:
            theirs = features[candidate]
            if len(own & theirs) >= threshold * len(own | theirs):
                yield candidate, member
        for feature in prefix:
            index[feature].append(member)

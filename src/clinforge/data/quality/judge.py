"""Apply all rules to all documents: what is kept, what is dropped, and by which rule."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clinforge.data.quality.rules import ALL_RULES, Rule
from clinforge.errors import GateError
from clinforge.records import Document


@dataclass(frozen=True)
class Dropped:
    """A document with the kinds of all rules it breaks, in the order of the rules."""

    document: Document
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Judgement:
    """Every document is in one of the two, in the order it came."""

    kept: tuple[Document, ...]
    dropped: tuple[Dropped, ...]
    rules: tuple[str, ...]
    """Kinds of the rules applied, in their order."""

    @property
    def counts(self) -> dict[str, int]:
        """Rule -> documents dropped, each counted under the first rule it breaks: the counts add up to the dropped."""
        return self._by_rule(Counter(one.rules[0] for one in self.dropped))

    @property
    def broken(self) -> dict[str, int]:
        """Rule -> documents that break it, whatever else they break."""
        return self._by_rule(Counter(rule for one in self.dropped for rule in one.rules))

    @property
    def alone(self) -> dict[str, int]:
        """Rule -> documents that break it and no other: what leaving the rule out would keep."""
        return self._by_rule(Counter(one.rules[0] for one in self.dropped if len(one.rules) == 1))

    def require_kept(self) -> tuple[Document, ...]:
        """The kept documents; GateError when there is none."""
        if self.kept:
            return self.kept
        found = (
            ", ".join(f"{rule} {count}" for rule, count in self.broken.items() if count) or "there was none to judge"
        )
        raise GateError(
            f"The quality rules kept none of {len(self.dropped)} documents: {found}.",
            hint="Look at examples on the report page, then loosen a rule's bounds or leave the rule out.",
        )

    def _by_rule(self, found: Counter[str]) -> dict[str, int]:
        return {rule: found[rule] for rule in self.rules}


def judge(documents: Iterable[Document], rules: Sequence[Rule] = ALL_RULES) -> Judgement:
    """Keep the documents that break no rule. Pure; the order of documents decides nothing but the order given back."""
    given = list(documents)
    broken: list[list[str]] = [[] for _ in given]
    for rule in rules:
        for reasons, is_broken in zip(broken, rule(given), strict=True):
            if is_broken:
                reasons.append(rule.kind)
    return Judgement(
        kept=tuple(document for document, reasons in zip(given, broken, strict=True) if not reasons),
        dropped=tuple(
            Dropped(document, tuple(reasons)) for document, reasons in zip(given, broken, strict=True) if reasons
        ),
        rules=tuple(rule.kind for rule in rules),
    )

"""Four options for a case, none of which the wording of the case gives away."""

from collections.abc import Iterable, Mapping

from clinforge.data.deleak import stems
from clinforge.data.draw import ordered
from clinforge.records import Lang

NUM_OPTIONS = 4


def four_options(
    answer: str,
    shown: Iterable[str],
    profiles: Mapping[str, frozenset[str]],
    lang: Lang,
    *parts: object,
    nearest: int | None = None,
) -> tuple[str, ...] | None:
    """The answer and three other names of `profiles` (name -> its findings), in an order fixed by `parts`.

    Symmetric de-leak: no option's name shares a stem with a finding shown, the answer's as little as the others'.
    With `nearest` the others are drawn from the so many that have most of the findings shown.
    No other option has all the findings shown, so there is one right answer. None if the case cannot be asked so.
    """
    shown = frozenset(shown)
    telling = frozenset[str]().union(*(stems(finding, lang) for finding in shown))
    if stems(answer, lang) & telling:
        return None
    others = [
        name
        for name, findings in profiles.items()
        if name != answer and not stems(name, lang) & telling and not shown <= findings
    ]
    if len(others) < NUM_OPTIONS - 1:
        return None
    drawn = ordered(others, "distractors", *parts, answer, *sorted(shown))
    if nearest:
        alike = sorted(drawn, key=lambda name: -len(shown & profiles[name]))[:nearest]
        drawn = [name for name in drawn if name in alike]
    chosen = drawn[: NUM_OPTIONS - 1]
    return tuple(ordered((answer, *chosen), "positions", *parts, *sorted(shown)))

"""Choose facts by what the model that is to be trained does not know, and by chance to compare with.

Each fact is put as a true statement, and with its object exchanged for another fact's of the same predicate, and the
model weighs Yes against No. The loss is the mean over both statements of minus the logarithm (nats) of the probability
it gives to the right word. A model that always says Yes gains on one what it loses on the other.
"""

import math
import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import Field

from clinforge.config import Settings
from clinforge.data.draw import digest, ordered
from clinforge.errors import ConfigError, InputError, StageError
from clinforge.model.base import TextModel
from clinforge.records import Conversation, Fact, Lang, Message, Record

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, facts done, facts in all)."""
_CODE = re.compile(r"^[A-Z]+:\d+\s+")
"""Codes before names, as in `HP:0001250 Seizure`."""
_SHOWN = 64
"""Candidates for an exchanged object looked at before saying that there is none."""


class SelectSettings(Settings):
    """How many facts are chosen, and how the model is asked."""

    num_facts: int = Field(ge=1)
    """Facts to choose."""
    seed: int = 0
    """Decides which object is exchanged for which, and the order of ties."""
    batch_size: int = Field(default=16, ge=1)
    """Facts weighed in one call of the model."""


class Statement(Record):
    """A sentence that is true, or was made untrue."""

    fact_id: str
    lang: Lang
    text: str
    is_true: bool


class Selection(Record):
    """The chosen facts and the account of all others."""

    facts: tuple[Fact, ...]
    """In order of loss, highest first; in random order for a random selection."""
    losses: dict[str, float]
    """Fact id -> loss (nats) of every fact that could be weighed; empty for a random selection."""
    dropped: dict[str, int]
    """Facts that could not be weighed, by reason; none of them was given a loss."""


@dataclass(frozen=True)
class _Weighed:
    fact: Fact
    statements: tuple[Statement, Statement]


def select_unknown(
    facts: Sequence[Fact],
    model: TextModel,
    settings: SelectSettings,
    known: Iterable[Fact] = (),
    progress: Progress = lambda _text, _done, _total: None,
) -> Selection:
    """The facts with the highest loss. `known` are further facts that no exchanged statement may happen to state.

    Raises ConfigError when fewer facts can be weighed than asked for, and StageError when the model can weigh none.
    """
    dropped: Counter[str] = Counter()
    pairs = true_and_exchanged(facts, settings.seed, known, dropped)
    losses: dict[str, float] = {}
    for at in range(0, len(pairs), settings.batch_size):
        progress("weighing facts", at, len(pairs))
        batch = pairs[at : at + settings.batch_size]
        for pair, loss in zip(batch, _losses(batch, model), strict=True):
            if isinstance(loss, str):
                dropped[loss] += 1
            else:
                losses[pair.fact.id] = loss
    progress("weighing facts", len(pairs), len(pairs))
    if pairs and not losses:
        raise StageError(f"{model.name} could weigh none of {len(pairs)} facts: {dict(dropped)}.")
    weighed = {pair.fact.id: pair.fact for pair in pairs if pair.fact.id in losses}
    chosen = sorted(weighed.values(), key=lambda fact: (-losses[fact.id], digest(settings.seed, fact.id)))
    return _selection(chosen, losses, dropped, settings.num_facts)


def select_random(facts: Sequence[Fact], settings: SelectSettings) -> Selection:
    """The same number of facts by chance alone: what a selection by loss has to be better than."""
    by_id = {fact.id: fact for fact in facts}
    chosen = [by_id[fact_id] for fact_id in ordered(by_id, settings.seed, "random selection")]
    return _selection(chosen, {}, Counter(), settings.num_facts)


def true_and_exchanged(
    facts: Sequence[Fact], seed: int, known: Iterable[Fact], dropped: Counter[str]
) -> "list[_Weighed]":
    """A true and an untrue statement for each fact; facts without a fitting other object are counted in `dropped`."""
    true = _objects((*facts, *known), lambda fact: (fact.lang, fact.predicate, _plain(fact.subject)))
    others = _objects(facts, lambda fact: (fact.lang, fact.predicate))
    candidates = {key: sorted(names) for key, names in others.items()}
    pairs: list[_Weighed] = []
    for fact in {fact.id: fact for fact in facts}.values():
        if fact.predicate in _table()["exchange"]["never"]:
            dropped["its object cannot be exchanged"] += 1
            continue
        held = {_plain(name) for name in true[fact.lang, fact.predicate, _plain(fact.subject)]}
        other = _exchange(fact, candidates[fact.lang, fact.predicate], held, seed)
        if other is None:
            dropped["no other object of its predicate"] += 1
            continue
        statements = (_statement(fact, fact.object, is_true=True), _statement(fact, other, is_true=False))
        pairs.append(_Weighed(fact, statements))
    return pairs


def _selection(chosen: Sequence[Fact], losses: Mapping[str, float], dropped: Counter[str], wanted: int) -> Selection:
    if len(chosen) < wanted:
        told = "".join(f"\n  {count}: {reason}" for reason, count in sorted(dropped.items()))
        raise ConfigError(
            f"{len(chosen)} facts can be chosen from, but num_facts asks for {wanted}.{told}",
            hint=f"Set num_facts to at most {len(chosen)}.",
        )
    return Selection(facts=tuple(chosen[:wanted]), losses=dict(losses), dropped=dict(dropped))


def _objects(facts: Iterable[Fact], key: Callable[[Fact], tuple[str, ...]]) -> dict[tuple[str, ...], set[str]]:
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for fact in facts:
        found[key(fact)].add(fact.object)
    return found


def _exchange(fact: Fact, names: Sequence[str], held: set[str], seed: int) -> str | None:
    """Another object that is not known to be true of the subject; one that contains a true one may well be true too."""
    start = int(digest(seed, "exchange", fact.id), 16) % len(names)
    for step in range(min(len(names), _SHOWN)):
        # Steps of a fixed stride from a drawn place: cheap, and no two neighbours in the alphabet in a row.
        name = names[(start + step * _stride(len(names))) % len(names)]
        plain = _plain(name)
        if not any(plain in other or other in plain for other in held):
            return name
    return next((name for name in names if not any(_plain(name) in o or o in _plain(name) for o in held)), None)


def _stride(count: int) -> int:
    """A step that meets all of `count` places before it repeats one."""
    step = max(1, int(count * 0.618))
    while math.gcd(step, count) > 1:
        step += 1
    return step


def _statement(fact: Fact, value: str, *, is_true: bool) -> Statement:
    table = _table()
    wording: str = table[fact.lang].get(fact.predicate, table["general"][fact.lang])
    text = wording.format(subject=_shown(fact.subject), predicate=fact.predicate, object=_shown(value))
    return Statement(fact_id=fact.id, lang=fact.lang, text=text, is_true=is_true)


def _losses(batch: Sequence[_Weighed], model: TextModel) -> list[float | str]:
    """Loss of each fact, or the reason why there is none. A call that fails is repeated fact by fact."""
    try:
        return _weigh(batch, model)
    except (StageError, InputError):
        if len(batch) == 1:
            return ["the model could not weigh it"]
    return [loss for pair in batch for loss in _losses([pair], model)]


def _weigh(batch: Sequence[_Weighed], model: TextModel) -> list[float | str]:
    statements = [statement for pair in batch for statement in pair.statements]
    options = [_table()["options"][statement.lang] for statement in statements]
    scores = model.score([_question(statement) for statement in statements], options)
    losses: list[float | str] = []
    for at in range(0, len(statements), 2):
        own = [_loss(statements[i], scores[i].logprobs) for i in (at, at + 1)]
        mean = math.fsum(own) / 2
        losses.append(mean if math.isfinite(mean) else "the model's weights are no numbers")
    return losses


def _question(statement: Statement) -> Conversation:
    text = _table()["question"][statement.lang].format(statement=statement.text)
    return (Message(role="user", content=text),)


def _loss(statement: Statement, logprobs: Sequence[float]) -> float:
    """Minus the logarithm of the right word's probability among the two words."""
    yes, no = logprobs
    right, wrong = (yes, no) if statement.is_true else (no, yes)
    if not (math.isfinite(right) and math.isfinite(wrong)):
        return math.nan
    gap = wrong - right
    return gap + math.log1p(math.exp(-gap)) if gap > 0 else math.log1p(math.exp(gap))


def _shown(name: str) -> str:
    return _CODE.sub("", name)


def _plain(name: str) -> str:
    return re.sub(r"\W+", "", unicodedata.normalize("NFKC", _shown(name)).casefold())


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data") / "select.toml").read_text(encoding="utf-8"))

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.data.select import SelectSettings, select_random, select_unknown, true_and_exchanged
from clinforge.data.tasks.base import fact
from clinforge.errors import ConfigError, InputError, StageError
from clinforge.model.scripted import ScriptedModel

FACTS = [fact(f"Disease {n}", "symptom", f"Sign {chr(65 + n)}{chr(97 + n)}", "en", "synthetic") for n in range(12)]
TRUE = {f"{one.object} is a symptom of {one.subject}." for one in FACTS}


def knowing(known: set[str]) -> ScriptedModel:
    """A model that is sure of statements about the diseases it knows and says Yes to everything else."""

    def weigh(conversation, option):
        statement = conversation[-1].content.split("\n")[-1]
        if any(f"of {name}." in statement for name in known):
            return 0.0 if (option == "Yes") == (statement in TRUE) else -9.0
        return -0.1 if option == "Yes" else -4.0

    return ScriptedModel(weigh=weigh)


def test_what_the_model_does_not_know_comes_first():
    known = {f"Disease {n}" for n in range(8)}
    selection = select_unknown(FACTS, knowing(known), SelectSettings(num_facts=4, batch_size=5))
    assert {one.subject for one in selection.facts} == {f"Disease {n}" for n in range(8, 12)}
    losses = [selection.losses[one.id] for one in selection.facts]
    assert losses == sorted(losses, reverse=True)
    assert len(selection.losses) == 12
    sure = selection.losses[FACTS[0].id]
    assert sure == pytest.approx(math.log1p(math.exp(-9)))
    assert losses[0] == pytest.approx((math.log1p(math.exp(-3.9)) + 3.9 + math.log1p(math.exp(-3.9))) / 2)


def test_always_saying_yes_is_no_knowledge():
    always = ScriptedModel(weigh=lambda _conversation, option: 0.0 if option == "Yes" else -5.0)
    losses = select_unknown(FACTS, always, SelectSettings(num_facts=1)).losses.values()
    assert all(loss > math.log(2) for loss in losses)


def test_errors_are_counted_and_never_given_a_loss():
    def weigh(conversation, option):
        if "Disease 3." in conversation[-1].content:
            raise StageError("engine died")
        if "Disease 4." in conversation[-1].content:
            raise InputError("too long")
        return math.nan if "Disease 5." in conversation[-1].content else -1.0

    selection = select_unknown(FACTS, ScriptedModel(weigh=weigh), SelectSettings(num_facts=9, batch_size=4))
    assert selection.dropped == {"the model could not weigh it": 2, "the model's weights are no numbers": 1}
    assert {one.id for one in FACTS[3:6]}.isdisjoint(selection.losses)
    with pytest.raises(ConfigError, match="9 facts can be chosen"):
        select_unknown(FACTS, ScriptedModel(weigh=weigh), SelectSettings(num_facts=10))


def test_a_model_that_can_weigh_nothing_is_an_error():
    def weigh(_conversation, _option):
        raise StageError("cannot weigh")

    with pytest.raises(StageError, match="none of 12"):
        select_unknown(FACTS, ScriptedModel(weigh=weigh), SelectSettings(num_facts=1))


NAMES = st.sampled_from(["fever", "high fever", "cough", "dry cough", "rash", "pain", "Pain", "nausea"])


@given(st.lists(st.tuples(st.sampled_from("ABCD"), NAMES), min_size=1, max_size=20), st.integers(0, 50))
def test_an_exchanged_statement_is_never_a_true_one(rows, seed):
    facts = [fact(subject, "symptom", name, "en", "synthetic") for subject, name in rows]
    known = [fact("A", "symptom", "rash", "en", "other")]
    dropped: Counter[str] = Counter()
    pairs = true_and_exchanged(facts, seed, known, dropped)
    assert len(pairs) + sum(dropped.values()) == len({one.id for one in facts})
    stated = {(one.subject, one.object.lower()) for one in (*facts, *known)}
    for pair in pairs:
        true, exchanged = pair.statements
        assert true.is_true and not exchanged.is_true
        name = exchanged.text.split(" is a symptom of ")[0].lower()
        own = {other for subject, other in stated if subject == pair.fact.subject}
        assert not any(name in other or other in name for other in own)


def test_the_same_seed_gives_the_same_statements_and_another_gives_others():
    def texts(seed):
        return [one.statements[1].text for one in true_and_exchanged(FACTS, seed, (), Counter())]

    assert texts(1) == texts(1) != texts(2)


def test_statements_are_worded_in_both_languages_without_codes():
    facts = [
        fact("OMIM:1 Disease A", "has_finding", "HP:1 Tremor", "en", "s"),
        fact("OMIM:2 Disease B", "has_finding", "HP:2 Ataxia", "en", "s"),
        fact("甲病", "常见症状", "发热", "zh", "s"), fact("乙病", "常见症状", "皮疹", "zh", "s"),
        fact("甲病", "传播途径", "飞沫", "zh", "s"), fact("乙病", "传播途径", "血液", "zh", "s"),
        fact("doc [0:9]", "states", "One sentence.", "en", "s"), fact("doc [9:20]", "states", "Another.", "en", "s"),
    ]  # fmt: skip
    dropped: Counter[str] = Counter()
    texts = [pair.statements[0].text for pair in true_and_exchanged(facts, 0, (), dropped)]
    assert texts == [
        "Tremor is a finding in Disease A.", "Ataxia is a finding in Disease B.", "发热是甲病的常见症状。",
        "皮疹是乙病的常见症状。", "甲病的传播途径是飞沫。", "乙病的传播途径是血液。",
    ]  # fmt: skip
    assert dropped == {"its object cannot be exchanged": 2}


def test_random_selection_is_seeded_and_does_not_depend_on_order():
    settings = SelectSettings(num_facts=5, seed=3)
    assert select_random(FACTS, settings) == select_random(FACTS[::-1], settings)
    assert select_random(FACTS, settings).facts != select_random(FACTS, SelectSettings(num_facts=5, seed=4)).facts
    with pytest.raises(ConfigError):
        select_random(FACTS, SelectSettings(num_facts=13))

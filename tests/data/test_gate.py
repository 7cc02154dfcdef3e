"""Each planted fault is caught by the check that is there for it, and a sound dataset passes."""

import pytest

from clinforge.data.decontaminate import decontaminate
from clinforge.data.gate import CHECKS, Candidate, require_passed, run_gate
from clinforge.data.tasks.base import fact
from clinforge.errors import GateError
from clinforge.model.prompts import all_prompts
from clinforge.records import Sample

SYSTEMS = ("Eye", "Ear", "Skin")
APART = {"organ_system.en": frozenset({"family", "fact", "case"}), "rare_disease.en": frozenset({"fact", "case"})}
FACTS = [fact(f"HP:{number} thing {number}", "in_organ_system", "x", "en", "hpo") for number in range(8)]
WORDS = ("squint", "deafness", "blister", "cataract", "tinnitus", "eczema", "glaucoma", "otitis")


def sample(number, split, **changes):
    prompt = all_prompts()["organ_system.en.test" if split == "test" else "organ_system.en.1"]
    fields = {
        "id": f"row{number}",
        "task": "organ_system",
        "lang": "en",
        "split": split,
        "prompt": prompt.render(finding=changes.pop("finding", WORDS[number])),
        "answer": SYSTEMS[number % 3],
        "options": SYSTEMS,
        "fact_ids": (FACTS[number].id,),
        "family_id": f"family{number}",
        "template_id": prompt.id,
        "source": "hpo",
        "licence": "HPO licence",
    }
    return Sample.model_validate(fields | changes)


def candidate(*changed, facts=FACTS, apart=APART):
    rows = {f"row{number}": sample(number, "train" if number < 4 else "test") for number in range(8)}
    rows |= {row.id: row for row in changed}
    return Candidate(list(rows.values()), facts, apart, max_answer_share=0.5)


def failed(data):
    return {result.name: [fault.sample_id for fault in result.faults] for result in run_gate(data) if not result.passed}


def test_a_sound_dataset_passes():
    assert failed(candidate()) == {}
    require_passed(run_gate(candidate()))


TEST_PROMPT = all_prompts()["organ_system.en.test"]
PLANTED = {
    "no family in training and test": sample(5, "test", family_id="family1"),
    "no fact in training and test": sample(5, "test", fact_ids=(FACTS[5].id, FACTS[1].id)),
    "no text in training and test": sample(5, "test", finding="  DEAFNESS."),
    "test wordings never in training": sample(
        1, "train", template_id=TEST_PROMPT.id, prompt=TEST_PROMPT.render(finding="deafness")
    ),
    "no identifiers": sample(5, "test", finding="eczema, call 13812345678"),
    "licences allow training": sample(5, "test", source="a_friend"),
    "options hold the answer": sample(5, "test", answer="Nose"),
    "every fact and document is there": sample(5, "test", fact_ids=("nowhere",)),
}


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_fault_is_caught_by_its_check_alone(name):
    assert failed(candidate(PLANTED[name])) == {name: [PLANTED[name].id]}


def test_every_check_has_a_planted_fault():
    others = {"no case in training and test", "no answer prevails", "every id once", "no evaluation row in training"}
    assert {check.name for check in CHECKS} == PLANTED.keys() | others


def test_one_case_in_training_and_test_is_caught():
    twin = sample(5, "test", fact_ids=(FACTS[1].id,), answer=SYSTEMS[1])
    assert "no case in training and test" in failed(candidate(twin))


def test_recall_may_share_a_family_but_not_a_fact():
    known = {"task": "rare_disease", "family_id": "same"}
    rows = [sample(1, "train", **known), sample(5, "test", **known)]
    assert failed(candidate(*rows)) == {}
    rows[1] = rows[1].model_copy(update={"fact_ids": (FACTS[1].id, FACTS[5].id)})
    assert set(failed(candidate(*rows))) == {"no fact in training and test"}


def test_validation_counts_as_taught():
    rows = [sample(1, "validation", family_id="same"), sample(5, "test", family_id="same")]
    assert set(failed(candidate(*rows))) == {"no family in training and test"}


def test_an_answer_that_prevails_is_caught():
    rows = [sample(number % 8, "test", id=f"more{number}", answer="Eye") for number in range(4, 16)]
    rows = [row.model_copy(update={"fact_ids": (FACTS[4].id,), "family_id": row.id}) for row in rows]
    rows = [row.model_copy(update={"prompt": TEST_PROMPT.render(finding=row.id)}) for row in rows]
    assert set(failed(candidate(*rows))) == {"no answer prevails"}


def test_an_answer_that_always_stands_first_is_caught():
    rows = [
        sample(number % 8, "test", id=f"mcq{number}", answer=f"a{number}", options=(f"a{number}", "b", "c", "d"))
        for number in range(40)
    ]
    data = Candidate(rows, FACTS, {}, max_answer_share=0.5)
    assert set(failed(data)) == {"no answer prevails"}


def test_a_row_of_an_evaluation_set_is_named_with_what_it_shares():
    data = candidate()
    exam = [sample(2, "test", id="asked", finding="something else")]
    report = decontaminate(list(data.taught()), {"exam.jsonl": exam}).report
    with pytest.raises(GateError, match=r"row2: it shares a fact with asked of exam.jsonl") as error:
        require_passed(run_gate(Candidate(data.samples, FACTS, APART, 0.5, contamination=report)))
    assert "blister" not in str(error.value)


def test_one_id_for_two_rows_is_caught():
    data = candidate()
    twice = Candidate([*data.samples, data.samples[0]], data.facts, data.apart, 0.5)
    assert set(failed(twice)) == {"every id once"}


def test_a_refusal_names_rows_reason_and_remedy_but_no_text():
    row = sample(5, "test", finding="eczema, call 13812345678")
    with pytest.raises(GateError) as error:
        require_passed(run_gate(candidate(row)))
    message = str(error.value)
    assert "row5" in message
    assert "De-identify" in message
    assert "13812345678" not in message
    assert "eczema" not in message

"""Tasks on graphs: as many as asked, each resting on facts, nothing given away, the same every time."""

import re

import pytest

from clinforge.config import parse
from clinforge.data.gate import Candidate, run_gate
from clinforge.data.layout import check_layout, read_layout
from clinforge.data.lineage import Lineage
from clinforge.data.settings import DataSettings
from clinforge.data.tasks.atomic import Atomic
from clinforge.data.tasks.cases import Cases
from clinforge.data.tasks.chain_of_thought import ChainOfThought
from clinforge.data.tasks.multi_hop import MultiHop
from clinforge.errors import ConfigError
from clinforge.knowledge.graphs.hpo import annotation_rows, data_path, denied
from clinforge.model.prompts import all_prompts, not_given

ASKED = ("渐冻症", "亨廷顿舞蹈症")
SMALL = {
    "num_train": 40,
    "num_validation": 5,
    "num_test": 15,
}
TASKS = {
    "cases": Cases(disease_types=ASKED, num_samples=200),
    "atomic.zh": Atomic(lang="zh", **SMALL),
    "atomic.en": Atomic(lang="en", graph="common", **SMALL),
    "multi_hop.zh": MultiHop(lang="zh", **SMALL),
    "multi_hop.en": MultiHop(lang="en", **SMALL),
    "chain_of_thought.zh": ChainOfThought(lang="zh", num_train=20, num_validation=2, num_test=6, num_diseases=8),
    "chain_of_thought.en": ChainOfThought(
        lang="en", num_train=20, num_validation=2, num_test=6, disease_types=(*ASKED, "Wilson disease")
    ),
}


@pytest.fixture(scope="module")
def results():
    return {name: task(0, Lineage()) for name, task in TASKS.items()}


@pytest.fixture(params=TASKS)
def result(request, results):
    return results[request.param]


def test_every_sample_rests_on_facts_that_are_there(result):
    known = {fact.id for fact in result.facts}
    assert len(known) == len(result.facts)
    assert all(row.fact_ids and known.issuperset(row.fact_ids) for row in result.samples)
    assert known == {key for row in result.samples for key in row.fact_ids}


def test_the_gate_lets_it_pass(result):
    apart = {label: task.apart for task in TASKS.values() for label in task.labels}
    found = run_gate(Candidate(result.samples, result.facts, apart, max_answer_share=0.4))
    assert [check.name for check in found if not check.passed] == []


def test_tests_are_worded_as_training_never_is(result):
    uses = {(row.split == "test", all_prompts()[row.template_id].use) for row in result.samples}
    assert uses == {(False, "train"), (True, "test")}


@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_gives_the_same_samples_and_another_seed_others(name, results):
    task = TASKS[name]
    assert task(0, Lineage()) == results[name]
    assert {row.id for row in task(1, Lineage()).samples} != {row.id for row in results[name].samples}


@pytest.mark.parametrize("name", [name for name in TASKS if name != "cases"])
def test_every_split_has_the_number_asked_for(name, results):
    for split in ("train", "validation", "test"):
        count = sum(row.split == split for row in results[name].samples)
        assert count == TASKS[name].wanted(split)


def denied_findings():
    return {
        (f"{row[0]} ", f"{row[3]} ") for row in annotation_rows(data_path("phenotype.hpoa")) if denied(row)
    }  # fmt: skip


def test_nothing_that_a_source_denies_is_taught(results):
    wrong = denied_findings()
    taught = [fact for result in results.values() for fact in result.facts if fact.predicate == "has_finding"]
    pairs = {(fact.subject.partition(" ")[0] + " ", fact.object.partition(" ")[0] + " ") for fact in taught}
    assert len(pairs) > 50
    assert not pairs & wrong


# --- cases


def told(row):
    """Patient and findings of a case, whatever the wording."""
    lines = [line.split("：" if row.lang == "zh" else ": ", 1)[1] for line in row.prompt[-1].content.split("\n")[1:]]
    parts = "、" if row.lang == "zh" else "; "
    return row.lang, lines[0], frozenset(f for line in lines[1:] for f in line.split(parts)) - {not_given(row.lang)}


def test_cases_are_as_many_as_asked_all_distinct_and_shared_out_equally(results):
    rows = results["cases"].samples
    assert len(rows) == len({told(row) for row in rows}) == 200
    assert len({row.id for row in rows}) == 200
    families = {row.family_id for row in rows}
    counts = [sum((row.family_id, row.lang) == (f, lang) for row in rows) for f in families for lang in ("zh", "en")]
    assert counts == [50, 50, 50, 50]


def test_all_findings_of_a_case_are_facts_of_its_disease(results):
    facts = {fact.id: fact for fact in results["cases"].facts}
    for row in results["cases"].samples:
        own = [facts[key] for key in row.fact_ids]
        assert len({fact.subject for fact in own}) == 1
        objects = {re.sub(r"^HP:\d+ ", "", fact.object) for fact in own}
        assert told(row)[2] <= objects
        assert 3 <= len(told(row)[2]) <= 6


def test_one_disease_has_one_answer_in_a_language(results):
    rows = results["cases"].samples
    answers = {(row.family_id, row.lang): set() for row in rows}
    for row in rows:
        answers[row.family_id, row.lang].add(row.answer)
    assert all(len(names) == 1 for names in answers.values())
    assert {"肌萎缩侧索硬化", "Amyotrophic lateral sclerosis", "Huntington disease"} <= set().union(*answers.values())


def test_ages_are_shown_only_where_the_source_states_them(results):
    facts = {fact.id: fact for fact in results["cases"].facts}
    for row in results["cases"].samples:
        stated = {"多发群体", "age_at_onset"} & {facts[key].predicate for key in row.fact_ids}
        assert bool(re.search(r"\d", told(row)[1])) == bool(stated)


def test_too_many_cases_is_an_error_that_says_how_many_there_are(tmp_path):
    facts = own_facts(tmp_path, {"Blue pox": "abcde", "Red pox": "fghij"})
    task = Cases(disease_types=("Blue pox",), facts=facts, langs=("en",), num_samples=30, max_findings=5)
    with pytest.raises(ConfigError, match=r"can give 32 distinct cases of Blue pox in en, .* asks for 33"):
        task.model_copy(update={"num_samples": 33})(0, Lineage())
    assert len(task.model_copy(update={"num_samples": 32})(0, Lineage()).samples) == 32


def test_cases_that_fit_another_of_the_diseases_are_left_out_and_counted(tmp_path):
    facts = own_facts(tmp_path, {"Blue pox": "abcd", "Red pox": "abce"})
    task = Cases(disease_types=("Blue pox", "Red pox"), facts=facts, langs=("en",), num_samples=16, max_findings=4)
    lineage = Lineage()
    result = task(0, lineage)
    assert all(told(row)[2] & {"finding d", "finding e"} for row in result.samples)
    assert next(step for step in lineage.steps if step.operator == "draw").dropped


def test_all_unknown_names_are_reported_together():
    with pytest.raises(ConfigError, match=r"(?s)'no such pox'.*'nor this one'"):
        Cases(disease_types=("渐冻症", "no such pox", "nor this one"))(0, Lineage())


def test_one_disease_under_two_names_is_counted_once_and_said():
    result = Cases(disease_types=("渐冻症", "ALS"), num_samples=20, langs=("zh",))(0, Lineage())
    assert len({row.family_id for row in result.samples}) == 1
    assert any("same disease" in remark for remark in result.remarks)


def test_a_language_without_facts_leaves_the_cases_to_the_other():
    result = Cases(disease_types=("Fabry disease",), num_samples=20)(0, Lineage())
    assert len(result.samples) == 20
    langs = {row.lang for row in result.samples}
    assert "en" in langs
    assert langs == {"zh", "en"} or any("no facts in 'zh'" in remark for remark in result.remarks)


def own_facts(folder, findings):
    """A file of made-up facts: disease -> letters of its findings."""
    rows = [f"{disease},has_symptom,finding {letter}" for disease, letters in findings.items() for letter in letters]
    path = folder / "facts.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return {"path": str(path), "source": "ours"}


def test_nobody_has_a_disease_of_the_other_sex():
    task = Cases(disease_types=("子宫肌瘤", "前列腺增生"), num_samples=60, langs=("zh",))
    patients = {(row.answer, told(row)[1].partition("，")[0]) for row in task(0, Lineage()).samples}
    assert {sex for name, sex in patients if "子宫" in name} == {"女"}
    assert {sex for name, sex in patients if "前列腺" in name} == {"男"}


# --- atomic and multi-hop


def test_a_fact_tested_is_taught_the_other_way_round(results):
    for name in ("atomic.zh", "atomic.en"):
        rows = results[name].samples
        taught = {row.fact_ids: row.answer for row in rows if row.split == "train"}
        for row in rows:
            if row.split != "train":
                assert taught[row.fact_ids] != row.answer


@pytest.mark.parametrize("name", ["atomic.zh", "atomic.en"])
def test_only_one_option_is_right_by_the_graph(name, results):
    facts = {fact.id: fact for fact in results[name].facts}
    index = TASKS[name].index([])
    for row in results[name].samples:
        own = facts[row.fact_ids[0]]
        role = next(edge.role for edge in index.all_about(own.subject) if edge.fact == own)
        asked = row.prompt[-1].content.rpartition("：" if row.lang == "zh" else ": ")[2]
        right = {edge.object for edge in index.called(asked, role)} | {e.subject for e in index.naming(asked, role)}
        assert row.answer in right
        assert len(right & set(row.options)) == 1


@pytest.mark.parametrize("name", ["multi_hop.zh", "multi_hop.en"])
def test_two_facts_join_over_a_disease_that_is_not_named_and_lead_to_one_answer(name, results):
    facts = {fact.id: fact for fact in results[name].facts}
    index = TASKS[name].index([])
    for row in results[name].samples:
        first, second = (facts[key] for key in row.fact_ids)
        assert first.subject == second.subject
        shown = re.sub(r"^\w+:\d+ ", "", first.subject)
        assert shown.lower() not in (row.prompt[-1].content + "".join(row.options)).lower()
        finding = re.sub(r"^HP:\d+ ", "", first.object)
        role = next(edge.role for edge in index.all_about(second.subject) if edge.fact == second)
        diseases = [edge.fact.subject for edge in index.naming(finding, "finding")]
        assert {edge.object for d in diseases for edge in index.about(d, role)} == {row.answer}


def test_the_second_fact_of_a_tested_pair_is_taught(results):
    for name in ("multi_hop.zh", "multi_hop.en"):
        taught = {row.fact_ids[1] for row in results[name].samples if row.split == "train"}
        assert {row.fact_ids[1] for row in results[name].samples} == taught


@pytest.mark.parametrize("kind", ["atomic", "multi_hop"])
def test_more_tests_than_lessons_are_refused(kind):
    tree = {"tasks": [{"kind": kind, "lang": "en", "num_train": 10, "num_test": 11}]}
    with pytest.raises(ConfigError, match="has to be taught"):
        parse(DataSettings, tree, origin="recipe")


# --- reasoning


@pytest.mark.parametrize("name", ["chain_of_thought.zh", "chain_of_thought.en"])
def test_reasoning_passes_the_layouts_own_check_and_ends_with_the_diagnosis(name, results):
    for row in results[name].samples:
        assert check_layout(row.answer, row.lang) == []
        assert read_layout(row.answer, row.lang)[-1][1] not in row.prompt[-1].content


@pytest.mark.parametrize("name", ["chain_of_thought.zh", "chain_of_thought.en"])
def test_the_evidence_tells_the_diagnosis_from_every_other_disease_by_the_graph(name, results):
    facts = {fact.id: fact for fact in results[name].facts}
    for row in results[name].samples:
        parts = dict(read_layout(row.answer, row.lang))
        own = [facts[key] for key in row.fact_ids if is_finding(facts[key])]
        profiles = {}
        for one in own:
            name = re.sub(r"^\w+:\d+ ", "", one.subject)
            profiles.setdefault(name, set()).add(re.sub(r"^HP:\d+ ", "", one.object))
        shown = told(row)[2]
        assert profiles.pop(parts["diagnosis"]) == shown
        assert len(profiles) <= 3
        evidence = parts["evidence"].split("\n")
        for place, line in enumerate(line for line in parts["differential"].split("\n") if line[1:2] == "."):
            mark = "ABC"[place]
            rival = next(name for name in profiles if line.startswith(f"{mark}. {name}"))
            lacked = {finding for finding in shown for text in evidence if lacks(text, finding, mark)}
            assert lacked == shown - profiles[rival]
            assert lacked


def lacks(line, finding, mark):
    """Whether a line of evidence says that the disease of this mark lacks the finding."""
    found = re.fullmatch(re.escape(finding) + r"(?: \(not recorded for |（)([ABC, ]+)(?:\)|未载）)", line)
    return bool(found) and mark in found[1]


def is_finding(row):
    return row.predicate in ("has_finding", "常见症状", "临床症状及体征", "symptom")

"""Facts of any origin become edges with a role, and are found from both ends."""

import json

import pytest

from clinforge.data.facts.edges import own_graph
from clinforge.data.facts.index import FactIndex, edges_of, fact, people, sex_in
from clinforge.errors import InputError

FACTS = [
    fact("Blue pox", "symptom", "Blue spots", "en", "ours"),
    fact("Blue pox", "seen_by", "Painter", "en", "ours"),
    fact("Blue pox", "rumour", "Fun", "en", "ours"),
    fact("Red pox", "symptom", "Red spots", "en", "ours"),
]


def test_facts_are_found_by_subject_by_object_and_by_name():
    index = FactIndex(edges_of(FACTS, {"seen_by": "department"}))
    assert [edge.object for edge in index.about("Blue pox", "finding")] == ["Blue spots"]
    assert [edge.subject for edge in index.naming("Painter", "department")] == ["Blue pox"]
    assert index.subjects("finding") == ["Blue pox", "Red pox"]
    assert index.objects("finding") == ["Blue spots", "Red spots"]
    assert index.about("Blue pox", "gene") == ()
    assert {edge.fact.predicate for edge in index.all_about("Blue pox")} == {"symptom", "seen_by"}


def test_the_order_of_facts_does_not_matter():
    forward, backward = (FactIndex(edges_of(rows, {})) for rows in (FACTS, FACTS[::-1]))
    assert forward.subjects("finding") == backward.subjects("finding")
    assert forward.all_about("Blue pox") == backward.all_about("Blue pox")


def test_facts_of_a_file_keep_their_ids_and_a_file_without_a_known_role_says_what_to_add(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(json.dumps(row.model_dump()) for row in FACTS))
    index = own_graph(path, {}, ("en",))
    assert [edge.fact.id for edge in index.about("Red pox", "finding")] == [FACTS[3].id]
    with pytest.raises(InputError, match="predicates:"):
        own_graph(path, {}, ("zh",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("40～50岁男性", ("male", (40, 50))),
        ("女性", ("female", None)),
        ("20-40 years", (None, (20, 40))),
        ("female, 20-40 years", ("female", (20, 40))),
        ("中年人", (None, None)),
        ("男性多于女性", (None, None)),
        ("50-40岁", (None, None)),
        ("育龄女性", (None, None)),
    ],
)
def test_people_are_read_only_where_the_text_is_exact(text, expected):
    assert people(text) == expected


@pytest.mark.parametrize(
    ("text", "sex"),
    [("子宫肌瘤", "female"), ("前列腺增生", "male"), ("女性睾丸", None), ("头痛", None), ("妊娠呕吐", "female")],
)
def test_organs_of_one_sex_tell_the_sex(text, sex):
    assert sex_in(text) == sex

"""Facts of any origin become edges with a role, and are found from both ends."""

import pytest

from clinforge.data.facts.edges import own_graph
from clinforge.data.facts.index import FactIndex, edges_of, people, sex_in
from clinforge.errors import InputError
from clinforge.knowledge.graphs.triples import Triples
from clinforge.records import Fact

FACTS = [
    Fact.of("Blue pox", "symptom", "Blue spots", "en", "ours"),
    Fact.of("Blue pox", "seen_by", "Painter", "en", "ours"),
    Fact.of("Blue pox", "rumour", "Fun", "en", "ours"),
    Fact.of("Red pox", "symptom", "Red spots", "en", "ours"),
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


def test_a_users_triples_are_facts_in_roles_and_a_bad_row_is_noted(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("Blue pox,symptom,Blue spots\nBlue pox,,Nothing\nBlue pox,seen_by,Painter\n")
    faults = []
    index = own_graph(Triples(path=path, source="ours"), {"seen_by": "department"}, ("en",), faults)
    assert [edge.fact for edge in index.about("Blue pox", "finding")] == [FACTS[0]]
    assert [edge.object for edge in index.about("Blue pox", "department")] == ["Painter"]
    assert [":2" in fault for fault in faults] == [True]
    with pytest.raises(InputError, match="predicates:"):
        own_graph(Triples(path=path, source="ours"), {}, ("zh",), [])


def test_a_fact_keeps_the_id_it_came_with():
    row = FACTS[0].model_copy(update={"id": "theirs"})
    assert [edge.fact for edge in edges_of([row], {})] == [row]


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

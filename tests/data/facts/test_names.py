"""A disease is found in every graph by any of its names; what cannot be found says what is near."""

import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.data.facts.names import Entry, fold, make_book, name_book
from clinforge.errors import ConfigError

BOOK = make_book(
    [
        (Entry("a", "zh", "蓝痘症"), ("蓝痘症", "Blue pox", "BP"), 3),
        (Entry("a", "zh", "大蓝痘"), ("大蓝痘", "蓝痘"), 9),
        (Entry("a", "zh", "小蓝痘"), ("小蓝痘", "蓝痘"), 2),
        (Entry("a", "zh", "红痘"), ("红痘", "BP"), 1),
        (Entry("b", "en", "B:1 Blue pox"), ("Blue pox",), 5),
        (Entry("b", "en", "B:2 High pressure"), ("High pressure", "BP"), 5),
    ]
)


def subjects(named):
    return {entry.subject for entry in named.entries}


def test_a_name_leads_to_every_graph_also_over_the_names_of_what_it_finds():
    assert subjects(BOOK.find("蓝痘病")) == {"蓝痘症", "B:1 Blue pox"}
    assert subjects(BOOK.find("blue  POX")) == {"蓝痘症", "B:1 Blue pox"}
    assert BOOK.find("蓝痘症").remarks == ()


def test_an_abbreviation_is_no_bridge():
    assert subjects(BOOK.find("红痘")) == {"红痘"}
    assert "B:2 High pressure" in subjects(BOOK.find("BP"))


def test_an_ambiguous_name_takes_the_richest_entry_and_says_so():
    found = BOOK.find("蓝痘")
    assert subjects(found) == {"大蓝痘"}
    assert found.remarks == ("'蓝痘' means '大蓝痘' in a; '小蓝痘' was also found and not taken.",)


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(ConfigError, match=r"'Blue poxx'.*\nNearest names: .*Blue pox|蓝痘症"):
        BOOK.find("Blue poxx")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Huntington's disease", "huntington disease"), ("亨廷顿氏舞蹈症", "亨廷顿舞蹈病"),
        ("马凡综合症", "马凡综合征"),
        ("Ａｌｐｏｒｔ综合征", "alport 综合征"),
    ],
)  # fmt: skip
def test_spellings_of_one_name_are_one(one, other):
    assert fold(one) == fold(other)


@given(st.text(max_size=30))
def test_folding_is_idempotent(text):
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize("asked", ["渐冻症", "肌萎缩侧索硬化", "amyotrophic lateral sclerosis", "ALS", "卢伽雷病"])
def test_als_is_found_by_its_names_in_all_graphs(asked):
    assert {"肌萎缩侧索硬化", "ORPHA:803 Amyotrophic lateral sclerosis"} <= subjects(name_book().find(asked))


@pytest.mark.parametrize("asked", ["亨廷顿舞蹈症", "Huntington disease", "Huntington's disease"])
def test_huntington_disease_is_found_by_its_names_in_all_graphs(asked):
    found = subjects(name_book().find(asked))
    assert {"ORPHA:399 Huntington disease", "OMIM:143100 Huntington disease"} <= found
    assert found & {"亨廷顿氏舞蹈症", "亨廷顿病性痴呆"}


def test_a_misspelt_disease_names_the_nearest():
    with pytest.raises(ConfigError, match=r"Nearest names: .*Huntington disease"):
        name_book().find("Huntingdon disese")
    with pytest.raises(ConfigError, match=r"Nearest names: .*渐冻症"):
        name_book().find("渐动症")


def test_every_row_of_our_own_names_leads_to_hpo():
    rows = tomllib.loads((files("clinforge.data.facts") / "names.toml").read_text(encoding="utf-8"))["same"]
    for row in rows:
        sources = {entry.source for entry in name_book().find(row[0]).entries}
        assert sources & {"hpo_orpha", "hpo_omim"}, row[0]

"""Profiles hold what HPO states, and never what any of its rows denies. The rows here are made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.knowledge.graphs.hpo import (
    Hpo,
    annotation_rows,
    data_path,
    denied,
    load_hpo,
    read_annotations,
    read_terms,
)
from clinforge.knowledge.graphs.hpo_profiles import (
    Finding,
    is_test,
    load_profiles,
    onset_years,
    read_profiles,
    share_of,
)

ONTOLOGY = """data-version: hp/releases/2025-01-01

[Term]
id: HP:0000118
name: Phenotypic abnormality

[Term]
id: HP:0010461
name: Abnormality of the male genitalia
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:1
name: Blue nose
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:2
name: Green nose
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:3
name: Undescended nose
is_a: HP:0010461 ! Abnormality of the male genitalia

[Term]
id: HP:4
name: Autosomal inheritance
"""


def row(term, *, disease="OMIM:1", negated="", frequency="", sex="", aspect="P"):
    return "\t".join((disease, "Nose disease", negated, term, "r", "TAS", "", frequency, sex, "", aspect, "us"))


@pytest.fixture
def profiles_of(tmp_path):
    (tmp_path / "hp.obo").write_text(ONTOLOGY)
    (tmp_path / "genes").write_text(
        "ncbi_gene_id\tgene_symbol\thpo_id\thpo_name\tfrequency\tdisease_id\n1\tNOSE1\tHP:1\tBlue nose\t-\tOMIM:1\n"
    )

    def read(*rows):
        path = tmp_path / "phenotype.hpoa"
        path.write_text("\n".join(("#version: x", *rows)) + "\n")
        release, terms = read_terms(tmp_path / "hp.obo")
        hpo = Hpo(release, terms, read_annotations(path, terms))
        return read_profiles(path, tmp_path / "genes", hpo)

    return read


def test_a_profile_holds_findings_shares_sexes_onsets_and_genes(profiles_of):
    found = profiles_of(
        row("HP:1", frequency="1/4"), row("HP:1", frequency="5/6"), row("HP:2", sex="FEMALE", frequency="HP:0040281"),
        row("HP:3"), row("HP:4", aspect="I"), row("HP:0003581", aspect="C"),
    )["OMIM:1"]  # fmt: skip
    assert found.findings == (
        Finding("HP:1", 0.6, None), Finding("HP:2", 0.9, "female"), Finding("HP:3", None, "male"),
    )  # fmt: skip
    assert onset_years(found.onsets) == (16, 80)
    assert found.genes == ("NOSE1",)
    assert found.name == "Nose disease"


@pytest.mark.parametrize("denial", [{"negated": "NOT"}, {"frequency": "0/7"}, {"frequency": "0%"}])
def test_a_finding_that_any_row_denies_is_left_out(profiles_of, denial):
    found = profiles_of(row("HP:1", frequency="3/4"), row("HP:2"), row("HP:1", **denial))["OMIM:1"]
    assert [finding.term for finding in found.findings] == ["HP:2"]


def test_diseases_without_a_licence_row_are_left_out(profiles_of):
    assert set(profiles_of(row("HP:1"), row("HP:1", disease="DECIPHER:1"))) == {"OMIM:1"}


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1))
def test_counts_add_up(pairs):
    counts = [(some, some + more) for some, more in pairs]
    share = share_of((*(f"{some}/{every}" for some, every in counts), "HP:0040284", ""))
    assert share == sum(some for some, _ in counts) / sum(every for _, every in counts)
    assert 0 < share <= 1


def test_bands_and_percentages_are_averaged_and_nothing_is_made_up():
    assert share_of(("HP:0040280", "50%")) == 0.75
    assert share_of(("", "")) is None


def test_no_installed_profile_holds_what_a_row_denies():
    wrong = {(cells[0], cells[3]) for cells in annotation_rows(data_path("phenotype.hpoa")) if denied(cells)}
    profiles = load_profiles()
    assert len(wrong) > 700
    concerned = [profiles[name] for name in {name for name, _ in wrong} & profiles.keys()]
    assert not wrong & {(profile.id, found.term) for profile in concerned for found in profile.findings}
    assert all(found.share is None or 0 < found.share <= 1 for own in concerned for found in own.findings)
    assert "SOD1" in profiles["OMIM:105400"].genes


def test_a_test_result_is_told_from_a_complaint():
    terms = {term.name: term.id for term in load_hpo().terms.values()}
    assert is_test(load_hpo(), terms["EMG abnormality"])
    assert is_test(load_hpo(), terms["Elevated circulating creatine kinase concentration"])
    assert not is_test(load_hpo(), terms["Chorea"])

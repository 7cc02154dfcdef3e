"""What is not in the licence table is not allowed."""

from clinforge.knowledge import licences


def test_an_unknown_source_is_allowed_nothing():
    assert not licences.training_allowed("somewhere")
    assert not licences.release_allowed("somewhere")


def test_every_source_says_its_terms_and_its_installed_version():
    for row in licences.all_licences().values():
        assert row.licence
        assert row.terms
        assert row.acknowledgement
        assert row.package_version[0].isdigit()

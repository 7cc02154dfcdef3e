"""Repeats are found, and nothing else is taken for one."""

import hashlib
import os
import random
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinforge.data.deduplicate import Deduplicate
from clinforge.data.likeness import Likeness
from clinforge.data.near import signatures
from clinforge.data.shingles import jaccard, shingles, tokens
from clinforge.records import Message, Sample
from tests.data.synthetic import document, edited, text


def likeness(one, other, near):
    def own(row):
        read = tokens(row.text)
        return shingles(read.hashes, near.run_length(read.lang))

    return jaccard(own(one), own(other))


def repeats(result):
    return {repeat.row_id: repeat.repeats for repeat in result.repeats}


def test_the_same_words_in_another_typography_are_an_exact_duplicate():
    rows = [
        document(1, "Fever, cough  for 3 days."),
        document(2, "FEVER cough for 3 days"),
        document(3, "Fever for 3 days"),
    ]
    result = Deduplicate(near=None)(rows)
    assert repeats(result) == {"d2": "d1"}
    assert [row.id for row in result.kept] == ["d1", "d3"]
    assert result.dropped == {"exact duplicate": 1}


def test_what_differs_in_a_sign_or_a_point_is_not_an_exact_duplicate():
    rows = [
        document(n, words)
        for n, words in enumerate(("dose 1.5 mg", "dose 15 mg", "HBV(+)", "HBV(-)", "乙肝(+)", "乙肝(-)"))
    ]
    assert Deduplicate(near=None)(rows).repeats == ()


def test_the_most_trusted_source_stays_then_the_earliest_and_the_order_is_kept():
    texts = ("one text", "other words", "one text", "one text", "other words")
    sources = ("web", "web", "guideline", "guideline", "blog")
    rows = [document(n, *pair[:1], source=pair[1]) for n, pair in enumerate(zip(texts, sources, strict=True), 1)]
    result = Deduplicate(trust=("guideline", "web"))(rows)
    assert [row.id for row in result.kept] == ["d2", "d3"]
    assert repeats(result) == {"d1": "d3", "d4": "d3", "d5": "d2"}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_near_duplicates_are_found_and_their_similarity_is_true(lang):
    near = Likeness()
    rows = []
    for number in range(60):
        original = text(("original", number), 60, lang)
        rows += [document(f"{number}a", original), document(f"{number}b", edited(original, 1, number, lang))]
    result = Deduplicate(near=near)(rows)
    assert repeats(result) == {f"d{number}b": f"d{number}a" for number in range(60)}
    by_id = {row.id: row for row in rows}
    for repeat in result.repeats:
        true = likeness(by_id[repeat.row_id], by_id[repeat.repeats], near)
        assert repeat.similarity == pytest.approx(true, abs=1e-4)
        assert repeat.similarity >= near.threshold
        assert repeat.reason == "near-duplicate"


@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.9])
def test_pairs_above_the_threshold_are_found_as_often_as_promised(threshold):
    near, found, planted = Likeness(threshold=threshold), 0, 0
    rows = []
    for number in range(300):
        original = text((threshold, number), 100)
        rows += [document(f"{number}a", original), document(f"{number}b", edited(original, 1 + number % 6, number))]
    missed = {repeat.row_id for repeat in Deduplicate(near=near)(rows).repeats}
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        alike = likeness(first, second, near) >= threshold
        planted += alike
        found += alike and second.id in missed
        assert alike or second.id not in missed
    assert planted > 40
    assert found >= 0.97 * planted


SHORT = st.lists(st.text("ab糖 ", max_size=6), max_size=12)


@settings(deadline=None)
@given(SHORT, st.sampled_from([0.3, 0.8, 1.0]))
def test_whatever_the_texts_every_dropped_row_is_like_the_kept_row_it_repeats(texts, threshold):
    near = Likeness(threshold=threshold)
    rows = [document(number, words) for number, words in enumerate(texts)]
    result = Deduplicate(near=near)(rows)
    kept = {row.id: row for row in result.kept}
    by_id = {row.id: row for row in rows}
    assert [row.id for row in rows if row.id in kept] == [row.id for row in result.kept]
    assert len(kept) + len(result.repeats) == len(rows)
    for repeat in result.repeats:
        assert likeness(by_id[repeat.row_id], kept[repeat.repeats], near) >= threshold
    for first, second in combinations(result.kept, 2):
        assert (
            not tokens(first.text).hashes.size
            or tokens(first.text).hashes.tolist() != tokens(second.text).hashes.tolist()
        )


def test_texts_shorter_than_a_run_are_not_merged_and_those_without_words_are_left_alone():
    rows = [document(n, words) for n, words in enumerate(("发热", "咳嗽", "cough", "fever", "", "???", "。。。", ""))]
    assert Deduplicate()(rows).repeats == ()


def test_likeness_is_not_passed_on_from_row_to_row():
    first = text("chain", 60)
    second = edited(first, 3, 1)
    third = edited(second, 3, 2)
    rows = [document(1, first), document(2, second), document(3, third)]
    near = Likeness(threshold=0.7)
    assert (
        likeness(rows[0], rows[2], near)
        < 0.7
        <= min(likeness(rows[0], rows[1], near), likeness(rows[1], rows[2], near))
    )
    assert repeats(Deduplicate(near=near)(rows)) == {"d2": "d1"}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_many_rows_share_can_be_left_aside(lang):
    template = text("template", 120, lang)
    rows = [document(n, template + (" " if lang == "en" else "") + text(n, 12, lang)) for n in range(200)]
    rows.append(rows[7].model_copy(update={"id": "copy", "text": rows[7].text + (" zz" if lang == "en" else "末")}))
    assert len(Deduplicate(ignore_share=1)(rows).kept) == 1
    assert repeats(Deduplicate(ignore_share=0.2, near=Likeness(threshold=0.7))(rows)) == {"copy": "d7"}


def test_rows_that_hold_nothing_but_boilerplate_are_compared_by_it():
    template = text("letterhead", 40)
    rows = [document(n, template + " " + text(n, 20)) for n in range(60)]
    words = template.split()
    parts = {"all": words, "less": words[1:], "first": words[:30], "last": words[10:]}
    bare = [document(name, " ".join(part)) for name, part in parts.items()]
    assert repeats(Deduplicate()([*rows, *bare])) == {"dless": "dall"}


def test_texts_that_share_only_what_is_rare_are_not_alike():
    phrases = [text(("phrase", n), 12) for n in range(12)]
    rows = [document(n, " ".join([*(phrases[(n + step) % 12] for step in (0, 4, 7)), text(n, 8)])) for n in range(240)]
    shared = text("rare", 90)
    pair = [document(name, " ".join([*phrases[n : n + 6], shared])) for n, name in ((0, "one"), (6, "other"))]
    result = Deduplicate(near=Likeness(threshold=0.7))([*rows, *pair])
    assert not {"done", "dother"} & repeats(result).keys()


def test_a_sample_is_its_question_options_and_answer_without_the_role():
    def sample(number, role, answer):
        prompt = (Message(role="system", content=role), Message(role="user", content="Which organ?"))
        return Sample(
            id=str(number), task="t", lang="en", split="train", prompt=prompt, answer=answer, options=("eye", "ear")
        )

    rows = [sample(1, "You help.", "eye"), sample(2, "You assist.", "eye"), sample(3, "You help.", "ear")]
    assert repeats(Deduplicate(near=None)(rows)) == {"2": "1"}


ROOT = Path(__file__).parents[2]
PROGRAM = """
from clinforge.data.deduplicate import Deduplicate
from tests.data.synthetic import document, edited, text
rows = [document(f"{n}{c}", edited(text(n, 40), n % 3, (n, c))) for n in range(80) for c in "ab"]
print([(r.row_id, r.repeats, r.similarity) for r in Deduplicate()(rows).repeats])
"""


def test_the_result_does_not_depend_on_the_process():
    runs = []
    for seed in ("0", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, check=True
        )
        runs.append(done.stdout.decode())
    assert runs[0] == runs[1]
    assert "0b" in runs[0]


def test_kept_texts_stay_when_rows_are_shuffled_within_a_source_only_by_who_is_first():
    rows = [document(f"{n}{c}", edited(text(n, 50), c == "b", n)) for n in range(40) for c in "ab"]
    shuffled = random.Random(3).sample(rows, len(rows))
    assert len(Deduplicate()(rows).kept) == len(Deduplicate()(shuffled).kept) == 40


def test_bands_reach_the_recall_asked_for_at_the_threshold():
    for threshold in (0.5, 0.7, 0.8, 0.9, 1.0):
        near = Likeness(threshold=threshold)
        bands, values = near.bands
        assert bands * values <= near.permutations
        assert 1 - (1 - threshold**values) ** bands >= near.recall


def test_the_library_gives_the_values_it_gave_when_figures_were_measured():
    found = signatures([np.arange(1, 40, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)], Likeness())
    assert hashlib.sha256(found.astype("<u4").tobytes()).hexdigest()[:16] == "0fb6d55354d54dc6"

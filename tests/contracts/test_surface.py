"""Names and shapes other programs rely on."""

import clinforge.model
import clinforge.train
from clinforge.cli.main import VERBS, build_parser
from clinforge.records import Completion, Fact, Message, Sample, Score

FIELDS = {
    Fact: {"id", "subject", "predicate", "object", "lang", "source"},
    Message: {"role", "content"},
    Sample: {
        "id", "task", "lang", "split", "prompt", "answer", "options", "fact_ids", "family_id", "template_id", "source",
        "licence", "document_ids",
    },
    Completion: {"text", "finish_reason", "prompt_tokens", "completion_tokens"},
}  # fmt: skip


def test_records_keep_their_fields():
    for record, names in FIELDS.items():
        assert set(record.model_fields) == names
    assert {"sample_id", "task", "system", "target", "prediction", "correct"} <= set(Score.model_fields)


def test_verbs_are_there_and_say_what_they_do():
    assert VERBS == ("run", "data", "evaluate", "serve", "chat", "triage", "trace", "review", "check")
    assert all(len(action.help) > 20 for action in build_parser()._subparsers._group_actions[0]._choices_actions)


def test_packages_export_what_they_promise():
    assert clinforge.model.__all__ == ["Sampling", "TextModel"]
    assert clinforge.train.__all__ == ["LoRASettings", "TrainSettings"]

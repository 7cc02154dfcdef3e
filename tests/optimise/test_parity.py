import pytest

from clinforge.errors import StageError
from clinforge.model.transformers import ChatTokenizer, TransformersModel
from clinforge.optimise.parity import compare, greedy_paths, read_transformers
from clinforge.optimise.run import _refuse_disagreement
from clinforge.records import Message

PROMPTS = [(Message(role="user", content=text),) for text in ("cough", "发热")]


@pytest.fixture(scope="module")
def model(tiny_model):
    return TransformersModel(tiny_model, precision="fp32").model


@pytest.fixture(scope="module")
def paths(model, tiny_model):
    return greedy_paths(model, ChatTokenizer(tiny_model), PROMPTS, length=3)


def test_a_model_agrees_with_itself(model, paths):
    found = compare("same", read_transformers(model), paths, tolerance=1e-4)
    assert found.agrees
    assert (found.same_token, found.same_answer) == (1.0, 1.0)
    assert found.tokens == sum(len(path.answer) for path in paths)


def test_a_model_that_says_something_else_is_found_out_and_refused(model, paths):
    honest = read_transformers(model)

    def shifted(path):
        return [{token: logprob - 0.2 for token, logprob in row.items()} for row in honest(path)]

    found = compare("gguf", shifted, paths, tolerance=0.05)
    assert not found.agrees
    assert found.max_difference == pytest.approx(0.2, abs=1e-4)
    with pytest.raises(StageError, match="gguf"):
        _refuse_disagreement([found])


def test_a_token_the_other_form_does_not_rank_counts_as_a_disagreement(paths):
    assert not compare("gguf", lambda path: [{-1: 0.0}] * len(path.answer), paths, tolerance=0.05).agrees

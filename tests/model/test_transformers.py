import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from clinforge.errors import MissingError
from clinforge.model.base import Sampling
from clinforge.model.catalogue import base_folder
from clinforge.model.template import ChatTemplate
from clinforge.model.transformers import TransformersModel
from clinforge.records import Message

ASK = (Message(role="system", content="Be brief."), Message(role="user", content="咳嗽、发热?"))
OPTIONS = ("Eye", "Nervous system", "呼吸内科")


@pytest.fixture(scope="module")
def model(tiny_model):
    return TransformersModel(tiny_model, precision="fp32")


def test_option_scores_equal_those_of_each_option_read_alone(model):
    conversations = [ASK, (*ASK[:1], Message(role="user", content="headache"))]
    scores = model.score(conversations, [OPTIONS, OPTIONS[:2]])
    for conversation, choices, found in zip(conversations, [OPTIONS, OPTIONS[:2]], scores, strict=True):
        prompt = model.tokens.prompt_ids(conversation)
        for option, logprob, count in zip(choices, found.logprobs, found.num_tokens, strict=True):
            answer = model.tokens.answer_ids(option)
            with torch.no_grad():
                logits = model.model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
            expected = torch.log_softmax(logits, -1)[range(len(answer)), answer].sum().item()
            assert logprob == pytest.approx(expected, abs=1e-4)
            assert count == len(answer)


def test_the_size_of_a_pass_does_not_change_a_score(model, tiny_model):
    conversations = [(Message(role="user", content=f"finding {n}"),) for n in range(12)]
    narrow = TransformersModel(tiny_model, precision="fp32", max_tree_tokens=64)
    assert len(list(narrow._passes([[1] * 40] * 4, [[[2, 3]]] * 4))) == 1
    for one, other in zip(
        model.score(conversations, [OPTIONS] * 12), narrow.score(conversations, [OPTIONS] * 12), strict=True
    ):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_a_model_family_without_tree_support_gets_the_same_scores(model, tiny_model):
    plain = TransformersModel(tiny_model, precision="fp32")
    plain._log_probabilities = plain._one_by_one
    assert plain.score([ASK], [OPTIONS])[0].logprobs == pytest.approx(
        model.score([ASK], [OPTIONS])[0].logprobs, abs=1e-4
    )


def test_generation_is_cut_at_a_stop_string_and_counted(model):
    whole = model.generate([ASK], Sampling(max_new_tokens=6))[0]
    assert 1 <= whole.completion_tokens <= 6
    if len(whole.text) > 1:
        cut = model.generate([ASK], Sampling(max_new_tokens=6, stop=(whole.text[1],)))[0]
        assert whole.text[1] not in cut.text


@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_our_render_equals_the_tokenizers_byte_for_byte(base_model, texts):
    tokenizer, ours = _tokenizer(base_model)
    roles = ("user", "assistant")
    messages = [Message(role=roles[at % 2], content=text) for at, text in enumerate(texts)]
    plain = [message.model_dump() for message in messages]
    for answer_next in (True, False):
        theirs = tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=answer_next)
        assert ours.render(tuple(messages), answer_next=answer_next) == theirs


def _tokenizer(folder, cache={}):  # noqa: B006
    if not cache:
        cache["pair"] = AutoTokenizer.from_pretrained(folder), ChatTemplate.load(folder)
    return cache["pair"]


@pytest.mark.parametrize("name", ["no-such-model", "./missing/folder"])
def test_an_unknown_base_model_names_the_known_ones(name):
    with pytest.raises(MissingError, match="smollm2-135m-instruct"):
        base_folder(name)


def test_a_hub_model_that_cannot_be_reached_says_what_to_do_offline():
    with pytest.raises(MissingError, match="smollm2-135m-instruct"):
        base_folder("owner/model-that-is-nowhere")

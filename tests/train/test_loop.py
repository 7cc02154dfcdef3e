import itertools
import json
import shutil

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from clinforge.errors import GateError, StageError
from clinforge.model.transformers import ChatTokenizer
from clinforge.records import Message, Sample
from clinforge.train.batches import epoch_order, lay_out, tokenise
from clinforge.train.loop import STATE_FILE, Loop
from clinforge.train.methods import lora
from clinforge.train.run import shuffle_answers, train
from clinforge.train.settings import LoRASettings, TrainSettings

SETTINGS = TrainSettings(
    method=LoRASettings(rank=4), epochs=2, global_batch_size=4, learning_rate=5e-3, save_every_steps=1, precision="fp32"
)


def sample(index: int, split: str = "train", **changes) -> Sample:
    finding, answer = [("seizure", "Nervous system"), ("cataract", "Eye"), ("cough", "Lung")][index % 3]
    values = {
        "id": f"s{index}",
        "task": "organ",
        "lang": "en",
        "split": split,
        "prompt": (Message(role="system", content="Be brief."), Message(role="user", content=f"{finding} {index}")),
        "answer": answer,
        "template_id": f"t{index % 2}",
    }
    return Sample(**{**values, **changes})


SAMPLES = [*(sample(i) for i in range(14)), *(sample(i, "validation") for i in range(20, 24))]


def quiet(*_):
    return None


def test_shared_prefix_batches_give_the_gradients_of_separate_samples(tiny_model):
    tokens = ChatTokenizer(tiny_model)
    tokenised = tokenise(SAMPLES[:6], tokens)
    model = lora.build(tiny_model, str(tiny_model), LoRASettings(rank=4), seed=1, device="cpu", precision="fp32")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    loop = Loop(model, "cpu", "fp32", SETTINGS, tiny_model)
    (batch,) = lay_out(tokenised, 4096)
    assert len(batch.tree) < 0.6 * batch.num_separate_tokens
    loop._loss_sum(batch).backward()
    together = {name: parameter.grad.clone() for name, parameter in loop.parameters.items()}
    model.zero_grad()
    for one in tokenised:
        ids = torch.tensor([one.prompt_ids + one.answer_ids])
        labels = torch.tensor([(-100,) * len(one.prompt_ids) + one.answer_ids])
        (model(input_ids=ids, labels=labels).loss * len(one.answer_ids)).backward()
    for name, parameter in loop.parameters.items():
        torch.testing.assert_close(together[name], parameter.grad, atol=1e-4, rtol=1e-4)


def test_a_batch_cut_into_several_trees_keeps_every_target(tiny_model):
    tokenised = tokenise(SAMPLES, ChatTokenizer(tiny_model))
    cut, whole = lay_out(tokenised, 64), lay_out(tokenised, 100_000)
    assert len(cut) > 1
    assert all(len(batch.tree) <= 64 for batch in cut)
    assert list(itertools.chain(*(b.targets for b in cut))) == list(whole[0].targets)


def test_an_epoch_holds_each_sample_once_and_depends_on_the_seed_alone(tiny_model):
    tokenised = tokenise(SAMPLES, ChatTokenizer(tiny_model))
    order = epoch_order(tokenised, 4, seed=3)
    assert sorted(s.id for batch in order for s in batch) == sorted(s.id for s in SAMPLES)
    assert order == epoch_order(tokenised, 4, seed=3) != epoch_order(tokenised, 4, seed=4)


def test_a_killed_run_continues_to_the_very_same_weights(tiny_model, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir(), killed.mkdir()
    unbroken = train(tiny_model, SAMPLES, SETTINGS, whole, quiet)

    class Killed(BaseException):
        pass

    def kill(_detail, done, _total):
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        train(tiny_model, SAMPLES, SETTINGS, killed, kill)
    assert (killed / STATE_FILE).is_file()
    continued = train(tiny_model, SAMPLES, SETTINGS, killed, quiet)
    assert continued["final_train_loss"] == unbroken["final_train_loss"]
    assert (killed / "adapter_model.safetensors").read_bytes() == (whole / "adapter_model.safetensors").read_bytes()


def test_training_lowers_the_loss_and_peft_loads_the_folder_as_it_stands(tiny_model, tmp_path):
    figures = train(tiny_model, SAMPLES, SETTINGS.model_copy(update={"epochs": 8}), tmp_path, quiet)
    state = json.loads((tmp_path / "trainer_state.json").read_text())
    losses = [row["loss"] for row in state["history"] if "loss" in row]
    assert losses[-1] < losses[0] - 0.5
    assert figures["best_validation_loss"] < losses[0]
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), tmp_path)
    assert model.peft_config["default"].r == 4
    expected = {"adapter_config.json", "tokenizer.json", "trainer_log.jsonl", "training_loss.png", "tensorboard"}
    assert expected <= {path.name for path in tmp_path.iterdir()}


def test_a_loss_that_is_not_finite_stops_the_run_naming_the_samples(tiny_model, tmp_path):
    model = lora.build(tiny_model, str(tiny_model), LoRASettings(rank=4), seed=1, device="cpu", precision="fp32")
    loop = Loop(model, "cpu", "fp32", SETTINGS, tmp_path)
    with torch.no_grad():
        next(iter(loop.parameters.values())).fill_(float("nan"))
    tokenised = tokenise(SAMPLES[:4], ChatTokenizer(tiny_model))
    with pytest.raises(StageError, match="s0"):
        loop.run(tokenised, tokenised, quiet, quiet)


def test_training_stops_once_the_validation_loss_no_longer_falls(tiny_model, tmp_path):
    settings = SETTINGS.model_copy(update={"epochs": 60, "learning_rate": 0.3, "patience": 2})
    figures = train(tiny_model, SAMPLES, settings, tmp_path, quiet)
    assert figures["steps"] < 60 * 4


def test_an_overlong_sample_is_refused_by_id_or_dropped_and_counted(tiny_model, tmp_path):
    long = sample(40, prompt=(Message(role="user", content="word " * 300),))
    settings = SETTINGS.model_copy(update={"max_seq_length": 128})
    with pytest.raises(GateError, match="s40"):
        train(tiny_model, [*SAMPLES, long], settings, tmp_path, quiet)
    figures = train(
        tiny_model, [*SAMPLES, long], settings.model_copy(update={"on_overlength": "drop"}), tmp_path, quiet
    )
    assert figures["preflight"]["train"]["dropped_overlength"] == 1


def test_an_empty_answer_is_refused_by_id(tiny_model, tmp_path):
    with pytest.raises(GateError, match=r"no supervised token: s41"):
        train(tiny_model, [*SAMPLES, sample(41, answer="")], SETTINGS, tmp_path, quiet)


def test_a_template_that_adds_something_before_the_answer_is_refused(tiny_model, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    template = (broken / "chat_template.jinja").read_text()
    (broken / "chat_template.jinja").write_text(template.replace("<|im_start|>assistant", "<|im_start|>assistant:"))
    with pytest.raises(GateError, match="render differently"):
        train(broken, SAMPLES, SETTINGS, tmp_path, quiet)


def test_shuffled_answers_keep_their_frequencies_and_leave_other_splits_alone():
    shuffled = shuffle_answers(SAMPLES, seed=1)
    assert sorted(s.answer for s in shuffled) == sorted(s.answer for s in SAMPLES)
    assert [s.prompt for s in shuffled] == [s.prompt for s in SAMPLES]
    assert [s.answer for s in shuffled] != [s.answer for s in SAMPLES]
    assert [s for s in shuffled if s.split != "train"] == [s for s in SAMPLES if s.split != "train"]

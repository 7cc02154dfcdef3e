from clinforge.model.scripted import ScriptedModel
from clinforge.safety.disclaimer import DISCLAIMERS
from clinforge.serve.dialogue import talk
from clinforge.serve.engine import Engine
from tests.serve.conftest import SETTINGS


def hold(*lines: str) -> tuple[str, ScriptedModel, list[list[str]]]:
    """What is written, the model, and the conversations it was given."""
    asked: list[list[str]] = []
    model = ScriptedModel(reply=lambda conversation: asked.append([turn.content for turn in conversation]) or "ok")
    written: list[str] = []
    talk(Engine({"clinforge": model}, {}), SETTINGS, lines=lines, write=written.append, prompt=False)
    return "".join(written), model, asked


def test_the_history_goes_along() -> None:
    _, _, asked = hold("one\n", "two\n")
    assert asked[1][1:] == ["one", "ok", "two"]


def test_new_forgets_and_system_sets_the_role() -> None:
    _, _, asked = hold("one", "/new", "two", "/system 你是药师", "three")
    assert asked[1][1:] == ["two"]
    assert asked[2] == ["你是药师", "three"]


def test_quit_ends_it() -> None:
    _, model, _ = hold("one", "/quit", "two")
    assert model.calls == 1


def test_every_answer_carries_the_disclaimer() -> None:
    text, _, _ = hold("我失眠", "I sleep badly")
    assert text.count(DISCLAIMERS["zh"]) == 2  # the greeting and the answer
    assert text.count(DISCLAIMERS["en"]) == 2


def test_an_emergency_is_answered_without_the_model_and_stays_one() -> None:
    text, model, _ = hold("突然胸痛大汗", "没事了，吃什么药？")
    assert model.calls == 0
    assert text.count("请立即拨打急救电话 120") == 2


def test_after_new_an_emergency_is_over() -> None:
    _, model, _ = hold("突然胸痛大汗", "/new", "我失眠")
    assert model.calls == 1


def test_an_unknown_command_is_not_sent_to_the_model() -> None:
    text, model, _ = hold("/help")
    assert "/system TEXT" in text
    assert model.calls == 0


def test_a_turn_that_fails_is_told_and_not_kept() -> None:
    text, _, asked = hold("x" * (SETTINGS.max_text_chars + 1), "two")
    assert "the limit is" in text
    assert asked[0][1:] == ["two"]

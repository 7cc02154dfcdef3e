"""A conversation in the terminal: history, streaming, commands, and the guardrails of the service."""

from collections.abc import Callable, Iterable

from clinforge.errors import ClinForgeError
from clinforge.model.base import Sampling
from clinforge.model.prompts import all_prompts
from clinforge.records import Conversation, Message
from clinforge.safety.disclaimer import DISCLAIMERS
from clinforge.serve import guardrails
from clinforge.serve.engine import Engine
from clinforge.serve.settings import ServeSettings

GREETING = (
    f"{DISCLAIMERS['zh']}\n{DISCLAIMERS['en']}\n\n"
    "/new 新对话 new conversation · /system TEXT 设定角色 set the role · /quit 退出 leave\n"
)


class Dialogue:
    """One conversation with its history."""

    def __init__(self, engine: Engine, settings: ServeSettings, write: Callable[[str], None]) -> None:
        self.system = ""
        self.history: list[Message] = []
        self._engine = engine
        self._settings = settings
        self._write = write

    def new(self) -> None:
        """Forget what was said."""
        self.history = []

    def say(self, text: str) -> None:
        """Take the user's turn and write the answer; a turn that fails is not kept."""
        turns = [*self.history, Message(role="user", content=text)]
        said = [message.content for message in turns if message.role == "user"]
        guardrails.check_texts(said, self._settings)
        verdict = guardrails.triage_history(said)
        if verdict.emergency:
            answer = verdict.advice_text
            self._write(guardrails.emergency_answer(verdict))
        else:
            role = self.system or all_prompts()[f"advice.{verdict.lang}.1"].system
            answer = self._stream((Message(role="system", content=role), *turns))
            self._write(guardrails.ending(verdict))
        self.history = [*turns, Message(role="assistant", content=answer)]
        self._write("\n\n")

    def _stream(self, conversation: Conversation) -> str:
        sampling = Sampling(max_new_tokens=self._settings.max_new_tokens)
        pieces: list[str] = []
        for piece in self._engine.stream(self._engine.default, conversation, sampling):
            if isinstance(piece, str):
                pieces.append(piece)
                self._write(piece)
        return "".join(pieces)


def talk(
    engine: Engine, settings: ServeSettings, *, lines: Iterable[str], write: Callable[[str], None], prompt: bool
) -> None:
    """Hold a conversation line by line until /quit or the end of the input."""
    dialogue = Dialogue(engine, settings, write)
    write(GREETING)
    asking = "\n> " if prompt else ""
    write(asking)
    for line in map(str.strip, lines):
        if line == "/quit":
            return
        _turn(dialogue, line, write)
        write(asking)


def _turn(dialogue: Dialogue, line: str, write: Callable[[str], None]) -> None:
    command, _, rest = line.partition(" ")
    if command == "/new":
        dialogue.new()
        write("新对话。New conversation.\n")
    elif command == "/system":
        dialogue.system = rest.strip()
        dialogue.new()
        write("已设定，新对话。Set; new conversation.\n")
    elif command.startswith("/"):
        write("未知命令。Unknown command: /new /system TEXT /quit\n")
    elif line:
        try:
            dialogue.say(line)
        except ClinForgeError as error:
            write(f"{error}\n")

"""What clients send and get. Every text is checked here: length, NUL, half characters; no fault echoes the text."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from clinforge.records import Lang

MOST_CHARS = 200_000
"""Of any text, whatever the settings; the settings' own limit comes on top."""


def _clean(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half a character (a lone surrogate)")
    return text


Text = Annotated[str, Field(max_length=MOST_CHARS), AfterValidator(_clean)]
Written = Annotated[Text, Field(min_length=1)]


class Request(BaseModel):
    """Base of our own requests: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class DiagnoseRequest(Request):
    """A case in named fields."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"patient_info": "女，34岁", "symptoms": "咳嗽、咳痰三天", "test_results": "胸片：右下肺斑片影"},
                {"patient_info": "woman, 34", "symptoms": "cough for three days", "test_results": "patchy shadow"},
            ]
        }
    )
    patient_info: Text = ""
    symptoms: Written
    test_results: Text = ""
    lang: Lang | None = None
    """Language of the answer; that of the text when left out."""


class AnalyzeRequest(Request):
    """Free text to be answered in words."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "最近两周总是咳嗽，应该看哪个科？", "max_length": 128, "temperature": 0}]
        }
    )
    text: Written
    max_length: int = Field(default=256, ge=1)
    """Longest answer in tokens; cut down to the service's limit."""
    temperature: float = Field(default=0.0, ge=0, le=2)


class Labelled(BaseModel):
    """What stands on every answer."""

    id: str
    model: str
    emergency: bool
    triage_level: int | None
    red_flags: list[str]
    """Ids of the red-flag rules that matched."""
    advice: dict[Lang, str]
    """What to do, when a red flag matched; the text's own language first."""
    disclaimer: str
    ai_generated: Literal[True] = True
    label: str
    """The visible label of AI-generated content."""


class Suggestion(BaseModel):
    """One diagnosis to consider."""

    diagnosis: str
    department: str
    probability: float | None = None
    """Of the model writing just this name; not a probability of disease. None where it cannot be told."""


class DiagnoseResponse(Labelled):
    """Diagnoses to consider, the likeliest first; none in an emergency."""

    suggestions: list[Suggestion]
    department: str
    department_basis: Literal["model", "knowledge", "triage"]
    """Chosen by the model, or the knowledge base's for the first diagnosis, or the emergency department's case."""


class AnalyzeResponse(Labelled):
    """An answer in words; it ends with the disclaimer and the label."""

    analysis: str


class TextPart(BaseModel):
    """One part of a message in OpenAI's list form."""

    type: Literal["text"]
    text: Text


class ChatMessage(BaseModel):
    """One message in OpenAI's shape."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[TextPart], Field(max_length=100)]

    @property
    def text(self) -> str:
        """The content as one text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """OpenAI's options of a streamed answer."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """OpenAI's chat completion request; fields that we do not know are passed over."""

    model_config = ConfigDict(
        extra="ignore",
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [{"model": "clinforge", "messages": [{"role": "user", "content": "咳嗽两周看什么科？"}]}]
        },
    )
    model: Text
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stop: Written | Annotated[list[Written], Field(max_length=4)] | None = None
    seed: int | None = Field(default=None, ge=0, lt=2**32 - 1)
    n: Literal[1] | None = None

    @model_validator(mode="after")
    def _ends_with_user(self) -> "ChatRequest":
        if self.messages[-1].role != "user" or not self.messages[-1].text.strip():
            raise ValueError("the last message must be the user's and not empty")
        return self

    @property
    def user_texts(self) -> list[str]:
        """What the user said, in order."""
        return [message.text for message in self.messages if message.role == "user"]


class ErrorDetail(BaseModel):
    """OpenAI's error."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """The body of every failed request."""

    error: ErrorDetail


Json = dict[str, Any]

"""What a document and a sample have in common for those who compare rows: their texts, by part."""

from clinforge.records import Document, Sample

Row = Document | Sample


def text_of(row: Row) -> str:
    """All that a row says: a document's text; a sample's question, options and answer, without the role prompt."""
    if isinstance(row, Document):
        return row.text
    return "\n".join((question_of(row), *row.options, row.answer))


def question_of(row: Row) -> str:
    """What is asked: the user's turns. Of a document without turns, its text."""
    return "\n".join(turns_of(row)) if isinstance(row, Sample) or row.conversation else row.text


def turns_of(row: Row) -> tuple[str, ...]:
    """The user's turns."""
    conversation = row.prompt if isinstance(row, Sample) else row.conversation
    return tuple(message.content for message in conversation if message.role == "user")


def answer_of(row: Row) -> str:
    """The right answer, or the last turn where that is the assistant's."""
    if isinstance(row, Sample):
        return row.answer
    last = row.conversation[-1:]
    return last[0].content if last and last[0].role == "assistant" else ""

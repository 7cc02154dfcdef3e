"""Texts within FHIR resources: attachments of a DocumentReference, sections of a Composition.

Covers: text in the resource itself, as plain text or HTML in any common encoding, and in a Binary of the same data.
Does not cover: what stands behind a URL, which is never fetched, and PDF, images and other formats.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from email.message import Message
from typing import Any

from clinforge.data.sources.encoding import encoding_of
from clinforge.data.sources.fhir_elements import concept, narrative
from clinforge.data.sources.fhir_files import Resource
from clinforge.errors import InputError

Note = tuple[str, str]
"""Title and text."""
_HTML = ("text/html", "application/xhtml+xml")
_PLAIN = ("text/plain", "text/markdown")


def attached_notes(
    resource: Resource, binary: Callable[[str], Resource | None], say: Callable[[str, str], None]
) -> Iterator[Note]:
    """The texts of a DocumentReference. `say` takes the element and the reason of each that cannot be read."""
    title = resource.get("description") or concept(resource.get("type"))
    for number, content in enumerate(resource.get("content", [])):
        element = f"content[{number}].attachment"
        attachment: Resource = content.get("attachment", {})
        try:
            text = _attached_text(attachment, binary)
        except InputError as error:
            say(element, str(error))
            continue
        yield attachment.get("title") or title, text


def composed_notes(composition: Resource) -> Iterator[Note]:
    """The sections of a Composition that have text, with their titles; inner ones after the one they stand in."""
    sections = [(composition.get("title", ""), section) for section in composition.get("section", [])]
    while sections:
        above, section = sections.pop(0)
        title = section.get("title") or concept(section.get("code")) or above
        if text := narrative(section.get("text", {}).get("div", "")):
            yield title, text
        sections[:0] = [(title, inner) for inner in section.get("section", [])]


def _attached_text(attachment: Resource, binary: Callable[[str], Resource | None]) -> str:
    data, kind = attachment.get("data"), attachment.get("contentType", "text/plain")
    if data is None and (url := attachment.get("url")):
        found = binary(url)
        if found is None:
            raise InputError("is at a URL, which is not fetched; put the text into data")
        data, kind = found.get("data"), found.get("contentType", kind)
    if not data:
        raise InputError("has neither data nor url")
    text = _decoded(data, kind)
    if not text.strip():
        raise InputError("is empty")
    return text


def _decoded(data: str, kind: str) -> str:
    header = Message()
    header["Content-Type"] = kind
    media = header.get_content_type()
    if media not in (*_HTML, *_PLAIN):
        raise InputError(f"is {media}, not text")
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("is not base64") from None
    charset: Any = header.get_param("charset")
    encoding = str(charset) if charset else encoding_of(content)
    try:
        text = content.decode(encoding).lstrip("\ufeff")
    except (UnicodeDecodeError, LookupError):
        raise InputError(f"is not in the encoding {encoding}") from None
    return narrative(text) if media in _HTML else text

"""Small PDF files, made so that tests need no other program: text in any script, pictures, outlines, passwords."""

from collections.abc import Sequence
from pathlib import Path

from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)

PICTURE = "\0picture"
"""A page that holds a picture and no text."""


def write_pdf(path: Path, pages: Sequence[str], outline: Sequence[tuple[int, str, int]] = (), **encrypt: str) -> Path:
    """Write a page a text; `outline` rows are (level, heading, page from 1); `encrypt` goes to pypdf."""
    writer = PdfWriter()
    for text in pages:
        page = writer.add_blank_page(width=595, height=842)
        if text == PICTURE:
            _picture(writer, page)
        else:
            _text(writer, page, text)
    parents: dict[int, object] = {}
    for level, title, number in outline:
        parents[level] = writer.add_outline_item(title=title, page_number=number - 1, parent=parents.get(level - 1))
    if encrypt:
        writer.encrypt(**encrypt)
    with path.open("wb") as file:
        writer.write(file)
    return path


def _text(writer, page, text):
    lines = " T* ".join(f"<{line.encode('utf-16-be').hex()}> Tj" for line in text.split("\n"))
    page[NameObject("/Contents")] = _stream(writer, f"BT /F1 12 Tf 16 TL 50 800 Td {lines} ET")
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): _font(writer, text)})}
    )


def _font(writer, text):
    """A font whose codes are UTF-16, with the table that says so."""
    chars = "\n".join(f"<{ord(c):04x}> <{ord(c):04x}>" for c in sorted(set(text)))
    space = "1 begincodespacerange <0000> <ffff> endcodespacerange"
    table = f"begincmap\n{space}\n{len(set(text))} beginbfchar\n{chars}\nendbfchar\nendcmap"
    system = {"/Registry": TextStringObject("Adobe"), "/Ordering": TextStringObject("Identity")}
    descendant = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/CIDFontType2"),
            NameObject("/BaseFont"): NameObject("/Test"),
            NameObject("/CIDSystemInfo"): DictionaryObject(
                {NameObject(key): value for key, value in system.items()} | {NameObject("/Supplement"): NumberObject(0)}
            ),
            NameObject("/DW"): NumberObject(1000),
        }
    )
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type0"),
            NameObject("/BaseFont"): NameObject("/Test"),
            NameObject("/Encoding"): NameObject("/Identity-H"),
            NameObject("/DescendantFonts"): ArrayObject([writer._add_object(descendant)]),
            NameObject("/ToUnicode"): _stream(writer, table),
        }
    )
    return writer._add_object(font)


def _picture(writer, page):
    image = StreamObject()
    image._data = b"\0"
    image.update(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Image"),
            NameObject("/Width"): NumberObject(1),
            NameObject("/Height"): NumberObject(1),
            NameObject("/ColorSpace"): NameObject("/DeviceGray"),
            NameObject("/BitsPerComponent"): NumberObject(8),
        }
    )
    page[NameObject("/Contents")] = _stream(writer, "q 500 0 0 800 0 0 cm /Im1 Do Q")
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/XObject"): DictionaryObject({NameObject("/Im1"): writer._add_object(image)})}
    )


def _stream(writer, content):
    stream = DecodedStreamObject()
    stream.set_data(content.encode())
    return writer._add_object(stream)

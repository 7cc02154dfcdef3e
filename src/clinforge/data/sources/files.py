"""Guidelines, textbooks and papers: files of text, each one document with its headings and pages.

    path ─▶ formats/ (pdf, docx, html, plain) ─▶ blocks ─▶ Document(text, sections)

A file that gives no text is noted in `faults` with what to do, and the rest is read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from clinforge.artifacts import hash_file
from clinforge.config import Settings
from clinforge.data.sources import document_id
from clinforge.data.sources.formats import Contents, UnreadableError, assemble
from clinforge.encoding import Encoding, language_of
from clinforge.errors import InputError, MissingError
from clinforge.records import Document, Lang

SUFFIXES = (".pdf", ".docx", ".html", ".htm", ".xhtml", ".md", ".markdown", ".txt", ".text")
_MEGABYTE = 1_000_000
_SHOWN_FAULTS = 5
_HASH = 16
_LICENCES = frozenset({"license", "licence", "notice", "copying"})


class Files(Settings):
    """Texts in PDF, Word (.docx), HTML, Markdown or plain text."""

    kind: Literal["files"] = "files"
    path: Path
    """A file, or a folder that is read with all folders in it."""
    lang: Lang | None = None
    """Language of the texts; found for each when left out."""
    encoding: Encoding = ""
    """Encoding of plain text, Markdown and HTML; found from the bytes when left out."""
    max_megabytes: float = Field(default=200, gt=0)
    """A larger file, or one that unpacks to more, is left out and named."""
    source: str = ""
    """Name of the texts in the licence table and in reports; the file's or folder's name when left out."""
    licence: str = ""
    """Licence under which the texts may be used."""

    def documents(self, faults: list[str]) -> Iterator[Document]:
        """Yield a document a file, in the order of their names; raises InputError when none gives any text."""
        count, before = 0, len(faults)
        for path in self._paths(faults):
            try:
                contents = self._read(path)
            except UnreadableError as error:
                faults.append(f"{path}: {error}")
                continue
            faults += [f"{path}: {note}" for note in contents.notes]
            count += 1
            yield self._document(path, contents)
        if not count:
            shown = "".join(f"\n  {fault}" for fault in faults[before:][:_SHOWN_FAULTS])
            raise InputError(f"{self.path} gave no document.{shown}", hint=f"Files that are read: {' '.join(SUFFIXES)}")

    def _paths(self, faults: list[str]) -> Iterator[Path]:
        if self.path.is_file():
            yield self.path
            return
        if not self.path.is_dir():
            raise MissingError(f"There is no file or folder {self.path}.")
        for path in sorted(self.path.rglob("*")):
            if not path.is_file() or path.name.startswith((".", "~$")):
                continue
            if path.stem.lower() in _LICENCES:
                faults.append(f"{path}: left out, because by its name it is a licence.")
            elif path.suffix.lower() in SUFFIXES:
                yield path
            else:
                remedy = "Save it as .docx." if path.suffix.lower() in (".doc", ".wps", ".rtf", ".odt") else ""
                faults.append(f"{path}: left out, because files of its kind are not read. {remedy}".strip())

    def _read(self, path: Path) -> Contents:
        limit = int(self.max_megabytes * _MEGABYTE)
        try:
            size = path.stat().st_size
            if size > limit:
                raise UnreadableError(f"it has {size / _MEGABYTE:.0f} MB.", "Split it, or raise `max_megabytes:`.")
            if not size:
                raise UnreadableError("it is empty.", "Leave it out.")
            return self._contents(path, limit)
        except OSError as error:
            raise UnreadableError(f"it cannot be read ({error.strerror}).", "Check its permissions.") from None
        except ModuleNotFoundError as error:
            raise MissingError(f"Reading {path} needs {error.name}.", hint='pip install "clinforge[data]"') from None

    def _contents(self, path: Path, limit: int) -> Contents:
        suffix = path.suffix.lower()
        if suffix == ".pdf":
            from clinforge.data.sources.formats.pdf import read_pdf

            return read_pdf(path)
        if suffix == ".docx":
            from clinforge.data.sources.formats.docx import read_docx

            return read_docx(path, limit)
        if suffix in (".html", ".htm", ".xhtml"):
            from clinforge.data.sources.formats.html import read_html

            return read_html(path.read_bytes(), self.encoding)
        from clinforge.data.sources.formats.plain import read_markdown, read_text

        read = read_markdown if suffix in (".md", ".markdown") else read_text
        return read(path.read_bytes(), self.encoding)

    def _document(self, path: Path, contents: Contents) -> Document:
        text, sections = assemble(contents.blocks)
        name = path.name if path == self.path else path.relative_to(self.path).as_posix()
        source = self.source or self.path.resolve().stem
        return Document(
            id=document_id(source, name, text),
            text=text,
            lang=self.lang or language_of(text),
            source=source,
            source_id=name,
            title=contents.title,
            sections=sections,
            licence=self.licence,
            version=f"sha256:{hash_file(path)[:_HASH]}",
            meta={"format": path.suffix.lower().lstrip("."), **contents.meta},
        )

"""Collects the messages marked in the source, merges them into the Japanese catalogue and compiles it.

Run `python tools/catalogues.py` after changing a message, translate what it lists, and run it again.
Needs Babel, from the extra `[test]`.
"""

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "koubai"
PO_FILE = SOURCE / "locale" / "ja" / "LC_MESSAGES" / "koubai.po"
MO_FILE = PO_FILE.with_suffix(".mo")
_IDLE_HEADERS = (b"#", b'"POT-', b'"PO-', b'"Report-', b'"Last-', b'"Language-Team', b'"Generated-')
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}


def messages_in_source() -> Catalog:
    """Every message marked with `_`, `N_` or `ngettext` in src/koubai, with the files it stands in."""
    catalog = Catalog(project="koubai")
    found = extract_from_dir(SOURCE, [("**.py", "python")], {}, KEYWORDS)
    for file, _line, message, comments, context in sorted(found, key=lambda row: row[:2]):
        catalog.add(message, locations=[(f"src/koubai/{file}", 0)], auto_comments=comments, context=context)
    return catalog


def japanese() -> Catalog:
    """The Japanese catalogue as it is committed."""
    with PO_FILE.open("rb") as file:
        return read_po(file, locale="ja", domain="koubai")


def merged() -> Catalog:
    """The Japanese catalogue brought up to the source: new messages empty, vanished ones dropped."""
    catalog = japanese()
    catalog.update(messages_in_source(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def untranslated(catalog: Catalog) -> list[Message]:
    """The messages that have no translation yet."""
    return [message for message in catalog if message.id and not _is_complete(message)]


def _is_complete(message: Message) -> bool:
    texts = message.string if isinstance(message.string, (list, tuple)) else [message.string]
    return all(texts) and not message.fuzzy


def compiled(catalog: Catalog) -> bytes:
    """The catalogue in gettext's binary form."""
    buffer = BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def as_text(catalog: Catalog) -> bytes:
    """The catalogue as a .po file, without the header lines that say when and with what it was made."""
    buffer = BytesIO()
    write_po(buffer, catalog, width=100, include_lineno=False, ignore_obsolete=True)
    head, blank, messages = buffer.getvalue().lstrip().partition(b"\n\n")
    kept = [line for line in head.splitlines(keepends=True) if not line.startswith(_IDLE_HEADERS)]
    return b"".join(kept) + blank + messages.rstrip() + b"\n"


def main() -> int:
    """Update both files; the exit code is 1 while messages wait for a translation."""
    PO_FILE.write_bytes(as_text(merged()))
    catalog = japanese()
    MO_FILE.write_bytes(compiled(catalog))
    waiting = untranslated(catalog)
    for message in waiting:
        print(f"not translated: {message.id!r}")
    print(f"{len(catalog)} messages, {len(waiting)} not translated")
    return 1 if waiting else 0


if __name__ == "__main__":
    sys.exit(main())

"""A few surnames of three languages, packed like the archive of the tutorial."""

import io
from pathlib import Path
from zipfile import ZipFile

FILES = sorted(Path(__file__).parent.glob("*.txt"))
COUNT = sum(len(file.read_text("utf-8").split("\n")) - 1 for file in FILES)


def archive(again: str = "") -> bytes:
    """The archive's bytes; `again` is a name that stands in the first file once more."""
    stream = io.BytesIO()
    with ZipFile(stream, "w") as packed:
        packed.writestr("data/eng-fra.txt", "Go.\tVa !\n")
        packed.writestr("data/names/._Italian.txt", b"\xff")
        for number, file in enumerate(FILES):
            names = file.read_text("utf-8") + (f"{again}\n" if again and not number else "")
            packed.writestr(f"data/names/{file.name}", names)
    return stream.getvalue()

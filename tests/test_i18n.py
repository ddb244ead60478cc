"""Every message is translated, the compiled catalogue is up to date, and the right language is chosen."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from string import Formatter
from threading import Thread
from types import ModuleType
from typing import Any

import pytest

from koubai import i18n
from koubai.i18n import _

pytest.importorskip("babel")

VARIABLES = ("KOUBAI_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture(scope="module")
def catalogues() -> ModuleType:
    path = Path(__file__).parent.parent / "tools" / "catalogues.py"
    spec = importlib.util.spec_from_file_location("catalogues", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_every_marked_message_has_a_japanese_translation(catalogues: ModuleType) -> None:
    missing = [message.id for message in catalogues.untranslated(catalogues.merged())]
    assert not missing, "run python tools/catalogues.py and translate these"


def test_no_translation_is_left_over(catalogues: ModuleType) -> None:
    assert {message.id for message in catalogues.japanese()} == {
        message.id for message in catalogues.merged()
    }


def test_compiled_catalogue_is_up_to_date(catalogues: ModuleType) -> None:
    from babel.messages.mofile import read_mo

    with catalogues.MO_FILE.open("rb") as file:
        compiled = read_mo(file)
    assert texts(compiled) == texts(catalogues.japanese())


def test_translations_keep_the_placeholders(catalogues: ModuleType) -> None:
    for message in catalogues.japanese():
        assert placeholders(message.string) == placeholders(message.id), message.id


def test_japanese_uses_the_fields_terms(catalogues: ModuleType) -> None:
    text = catalogues.PO_FILE.read_text(encoding="utf-8")
    for term in (
        "学習率",
        "学習曲線",
        "検証",
        "早期終了",
        "過学習",
        "混同行列",
        "エポック",
        "損失",
        "正解率",
    ):
        assert term in text


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "ja:en"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "KOUBAI_LANG": "en"}, "en"),
        ({"KOUBAI_LANG": "ja-JP"}, "ja"),
        ({"KOUBAI_LANG": "fr", "LANG": "ja_JP.UTF-8"}, "en"),
    ],
)
def test_the_environment_chooses(
    environment: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    assert i18n.language() == expected


def test_a_chosen_language_beats_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("KOUBAI_LANG", "en")
    with i18n.speaking("ja"):
        assert _("epoch") == "エポック"
        assert i18n.ngettext("{n} unknown", "{n} unknowns", 2) == "{n} unknowns"
    assert _("epoch") == "epoch"


def test_what_one_thread_speaks_another_does_not(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("KOUBAI_LANG", "en")
    heard: list[str] = []
    with i18n.speaking("ja"):
        other = Thread(target=lambda: heard.append(i18n.language()))
        other.start()
        other.join()
        assert (heard, i18n.language()) == (["en"], "ja")


def test_nothing_is_nothing_in_every_language() -> None:
    for tag in i18n.LANGUAGES:
        with i18n.speaking(tag):
            assert i18n._("") == ""


@pytest.mark.parametrize("speak", [i18n.set_language, lambda tag: i18n.speaking(tag).__enter__()])
def test_an_unknown_language_is_refused(speak: Any) -> None:
    with pytest.raises(ValueError, match=r"'fr'.*en, ja"):
        speak("fr")


def test_importing_koubai_imports_no_command_line_library() -> None:
    libraries = ("typer", "rich", "pydantic", "matplotlib", "sklearn")
    program = f"import sys, koubai; print([name for name in {libraries} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def texts(catalog: Iterable[Any]) -> dict[Any, Any]:
    return {message.id: message.string for message in catalog if message.id}


def placeholders(text: str | tuple[str, ...]) -> set[str]:
    joined = text if isinstance(text, str) else text[-1]
    named = {name for _literal, name, _spec, _conversion in Formatter().parse(joined) if name}
    return named | set(re.findall(r"%\w", joined))

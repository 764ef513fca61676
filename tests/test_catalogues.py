"""The Chinese catalogues of the app and the panel: complete, as the code has its texts, and compiled."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.components import require

ROOT = Path(__file__).resolve().parent.parent
CATALOGUES = ("smtpadmin/locale/zh_Hans/LC_MESSAGES/django.po", "panel/locale/zh_Hans/LC_MESSAGES/django.po")
_FOLDERS = ("config", "panel", "smtpadmin", "templates")


@pytest.fixture(autouse=True)
def _gettext() -> None:
    require("gettext", all(shutil.which(program) for program in ("msgcat", "msgfmt", "msgunfmt", "xgettext")))


def run(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "SECRET_KEY": "none", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done


def texts(catalogue: Path) -> list[str]:
    # Django 5.2 and 6.1 go through the files in different orders.
    ordered = run("msgcat", "--no-location", "--sort-output", "--no-wrap", str(catalogue)).stdout
    # When the texts were collected last says nothing about whether they are the ones of the code.
    return [line for line in ordered.splitlines() if not line.startswith('"POT-Creation-Date:')]


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_every_text_is_translated_and_keeps_its_placeholders(catalogue: str) -> None:
    counted = run("msgfmt", "--check", "--statistics", "--output-file", os.devnull, catalogue).stderr
    assert re.fullmatch(r"\d+ translated messages\.\n", counted), counted


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_the_compiled_catalogue_holds_the_translations(catalogue: str, tmp_path: Path) -> None:
    run("msgfmt", "--output-file", str(tmp_path / "django.mo"), catalogue)
    committed = (ROOT / catalogue).with_suffix(".mo")
    assert run("msgunfmt", str(committed)).stdout == run("msgunfmt", str(tmp_path / "django.mo")).stdout


def test_collecting_the_texts_anew_changes_nothing(tmp_path: Path) -> None:
    for folder in _FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    command = re.search(r"manage\.py (makemessages (?:.*\\\n)*.*)", (ROOT / "Makefile").read_text())
    assert command is not None
    run(sys.executable, "manage.py", *shlex.split(command[1].replace("\\\n", " ")), folder=tmp_path)
    for catalogue in CATALOGUES:
        assert texts(tmp_path / catalogue) == texts(ROOT / catalogue)

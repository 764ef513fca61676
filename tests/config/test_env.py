"""Reading the environment: what is accepted, and what is said about what is not."""

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Look for secrets below one folder only."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("SMTPADMIN_DATA_DIR", str(tmp_path))
    return tmp_path


def private(path: Path, content: str) -> Path:
    path.write_text(content)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(("value", "expected"), [("", 8000), ("0", 0), ("9000", 9000), ("65535", 65535)])
def test_a_number_is_read_and_an_empty_variable_is_none(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: int
) -> None:
    monkeypatch.setenv("NUMBER", value)

    assert env.number("NUMBER", 8000, highest=65535) == expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("eighty", "NUMBER must be a whole number, not 'eighty'."),
        ("-1", "NUMBER must be a whole number, not '-1'."),
        ("8_000", "NUMBER must be a whole number, not '8_000'."),
        ("８０", "NUMBER must be a whole number, not '８０'."),
        ("65536", "NUMBER must be at most 65535, not 65536."),
    ],
)
def test_what_is_no_number_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str, problem: str) -> None:
    monkeypatch.setenv("NUMBER", value)

    with pytest.raises(ImproperlyConfigured) as refused:
        env.number("NUMBER", 8000, highest=65535)

    assert str(refused.value) == problem


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", True),
        ("Yes", True),
        ("1", True),
        ("on", True),
        ("False", False),
        ("no", False),
        ("0", False),
        ("", True),
    ],
)
def test_a_switch_is_read(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("SWITCH", value)

    assert env.switch("SWITCH", default=True) is expected


def test_a_switch_that_is_neither_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCH", "ture")

    with pytest.raises(ImproperlyConfigured, match=r"^SWITCH must be true or false, not 'ture'\.$"):
        env.switch("SWITCH", default=False)


def test_a_choice_that_is_none_is_refused_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.choice("CHOICE", "one", ["one", "two"]) == "one"
    monkeypatch.setenv("CHOICE", "three")

    with pytest.raises(ImproperlyConfigured, match=r"^CHOICE must be one of one, two, not 'three'\.$"):
        env.choice("CHOICE", "one", ["one", "two"])


def test_a_time_zone_that_is_none_is_refused_with_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.time_zone("ZONE", "Europe/Berlin") == "Europe/Berlin"

    for wrong in ("Mars/Olympus", "../etc/passwd", "Europe"):
        monkeypatch.setenv("ZONE", wrong)
        with pytest.raises(ImproperlyConfigured) as refused:
            env.time_zone("ZONE", "UTC")
        assert str(refused.value) == f"ZONE: no time zone is called {wrong!r}. Example: Europe/Berlin."


def test_a_listing_is_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTING", " a.example.com, ,b.example.com,")

    assert env.listing("LISTING", ["default"]) == ["a.example.com", "b.example.com"]
    assert env.listing("OTHER_LISTING", ["default"]) == ["default"]


def test_a_secret_comes_from_the_first_place_that_has_it(monkeypatch: pytest.MonkeyPatch, places: Path) -> None:
    assert env.secret("A_SECRET") == ""

    private(places / "a_secret", "from the data folder\n")
    assert env.secret("A_SECRET") == "from the data folder"

    (places / "credentials").mkdir()
    private(places / "credentials" / "a_secret", "from systemd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(places / "credentials"))
    assert env.secret("A_SECRET") == "from systemd"

    monkeypatch.setenv("A_SECRET_FILE", str(private(places / "named", "from a named file\n")))
    assert env.secret("A_SECRET") == "from a named file"

    monkeypatch.setenv("A_SECRET", "from the environment")
    assert env.secret("A_SECRET") == "from the environment"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_secret_that_others_can_read_is_refused_with_what_mends_it(places: Path, mode: int) -> None:
    path = private(places / "a_secret", "not for everybody")
    path.chmod(mode)

    with pytest.raises(ImproperlyConfigured) as refused:
        env.secret("A_SECRET")

    assert str(refused.value) == (
        f"{path} holds a secret that others on this machine can read (mode {mode:04o}). Mend it: chmod 600 {path}"
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_mounted_secret_of_somebody_else_is_read_whatever_its_mode(
    monkeypatch: pytest.MonkeyPatch, places: Path
) -> None:
    path = private(places / "mounted", "swarm mounts it with 0444")
    path.chmod(0o444)
    os.chown(path, 65534, 65534)
    monkeypatch.setenv("A_SECRET_FILE", str(path))

    assert env.secret("A_SECRET") == "swarm mounts it with 0444"


def test_a_named_file_that_is_not_there_is_said_by_name(monkeypatch: pytest.MonkeyPatch, places: Path) -> None:
    monkeypatch.setenv("A_SECRET_FILE", str(places / "nowhere"))

    with pytest.raises(env.SecretFileMissing) as missing:
        env.secret("A_SECRET")

    assert str(missing.value) == f"A_SECRET_FILE names {places / 'nowhere'}, which does not exist."


def test_a_secret_that_cannot_be_read_is_said_with_the_reason(monkeypatch: pytest.MonkeyPatch, places: Path) -> None:
    (places / "folder").mkdir(mode=0o700)
    monkeypatch.setenv("A_SECRET_FILE", str(places / "folder"))

    with pytest.raises(ImproperlyConfigured) as refused:
        env.secret("A_SECRET")

    assert str(refused.value) == f"A_SECRET: {places / 'folder'} cannot be read: Is a directory."

"""The operators' page describes what the code takes, and its example works."""

import json
import re
from pathlib import Path

import pytest

from smtpadmin.providers import (
    Category,
    Endpoint,
    FromRule,
    KnownReply,
    Limits,
    Notice,
    Provider,
    SecretKind,
    Security,
    Side,
    UserNameForm,
    load,
)
from smtpadmin.providers.catalogue import FAMILIES

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
EXAMPLE = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])  # type: ignore[index]


@pytest.mark.parametrize("struct", [Provider, Endpoint, Limits, Notice, KnownReply], ids=lambda item: item.__name__)
def test_every_field_is_described(struct: type[Provider]) -> None:
    assert [field for field in struct.__struct_fields__ if f"`{field}`" not in PAGE] == []


@pytest.mark.parametrize(
    "kind", [Category, Security, SecretKind, UserNameForm, FromRule, Side], ids=lambda item: item.__name__
)
def test_every_value_of_a_choice_is_described(kind: type[Side]) -> None:
    assert [value for value in kind if f"`{value}`" not in PAGE] == []


def test_every_family_is_named() -> None:
    assert [path.stem for path in FAMILIES.glob("*.json") if f"`{path.stem}`" not in PAGE] == []


def test_the_number_of_providers_is_right() -> None:
    assert f"The panel knows {len(load())} mail providers" in PAGE


def test_the_example_is_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "providers.json"
    path.write_text(json.dumps(EXAMPLE), encoding="utf-8")
    found = load(path).detect("ada@sales.example.com")
    assert found is not None
    assert found.key == "example-intranet"

"""The operator's own provider file: a list of records, written more loosely than the shipped ones.

A plain string is taken where a text in two languages is expected, and most fields may be left out. Whatever is
wrong is said with the place and the cure; nothing is skipped.
"""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect

from smtpadmin.providers.checks import problems
from smtpadmin.providers.errors import CatalogueError, Problem
from smtpadmin.providers.model import Provider, Text

#: Far above any list of providers, far below what hurts: a wrong path must not fill the memory.
MAX_BYTES: Final = 4 * 1024 * 1024
#: Ahead of every shipped record, so that it wins a domain that both claim and is listed first.
OWN_ORDER: Final = 0
EXAMPLE: Final = (
    '[{"key": "intranet", "name": "Intranet", "endpoints": [{"host": ..., "port": 465, "security": "tls"}]}]'
)


def read(path: Path) -> tuple[Provider, ...]:
    """Return the operator's records, checked."""
    raw = _parse(path)
    if not isinstance(raw, list):
        raise CatalogueError(
            file=path, provider="", field="", cause="it does not hold a list of records", cure=f"Write {EXAMPLE}"
        )
    own = tuple(_record(path, item, index=index) for index, item in enumerate(raw))
    _check_unique(path, own)
    return own


def unreadable(path: Path, error: OSError) -> CatalogueError:
    """Return the error for a file that cannot be opened."""
    return CatalogueError(
        file=path,
        provider="",
        field="",
        cause=f"it cannot be read: {error.strerror or 'no such file'}",
        cure="Check SMTPADMIN_PROVIDERS_FILE and that the panel's user may read the file, or leave the setting empty",
    )


def _parse(path: Path) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise CatalogueError(
            file=path,
            provider="",
            field="",
            cause=f"it is larger than {MAX_BYTES // 1024 // 1024} MB",
            cure="Check that SMTPADMIN_PROVIDERS_FILE names the right file",
        )
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        cause, cure = f"byte {error.start + 1} is not UTF-8", "Save the file as UTF-8"
        raise CatalogueError(file=path, provider="", field="", cause=cause, cure=cure) from error
    except json.JSONDecodeError as error:
        cause = f"line {error.lineno}, column {error.colno} is not JSON: {error.msg}"
        raise CatalogueError(file=path, provider="", field="", cause=cause, cure="Mend that line") from error


def _record(path: Path, item: Any, *, index: int) -> Provider:
    name = item.get("key") if isinstance(item, dict) else None
    key = name if isinstance(name, str) and name else f"number {index + 1}"
    loose = {"order": OWN_ORDER, **item} if isinstance(item, dict) else item
    try:
        provider = msgspec.convert(_with_texts(loose, inspect.type_info(Provider)), Provider)
    except msgspec.ValidationError as error:
        problem = explain(error)
        raise _error(path, key, problem) from error
    for problem in problems(provider):
        raise _error(path, key, problem)
    return provider


def _error(path: Path, key: str, problem: Problem) -> CatalogueError:
    return CatalogueError(file=path, provider=key, field=problem.field, cause=problem.cause, cure=problem.cure)


def _check_unique(path: Path, own: tuple[Provider, ...]) -> None:
    for field in ("key", "domains", "mx_suffixes"):
        owners: dict[str, str] = {}
        for provider in own:
            value = getattr(provider, field)
            for name in (value,) if isinstance(value, str) else value:
                if name in owners:
                    problem = Problem(
                        field, f"{name!r} is already used by {owners[name]!r}", "Give it to one record only"
                    )
                    raise _error(path, provider.key, problem)
                owners[name] = provider.key


def _with_texts(value: Any, expected: inspect.Type) -> Any:
    """Return the value with every plain string that stands for a text in both languages."""
    match expected:
        case inspect.StructType(cls=cls) if cls is Text:
            return {"en": value, "zh": value} if isinstance(value, str) else value
        case inspect.StructType(fields=fields) if isinstance(value, dict):
            types = {field.encode_name: field.type for field in fields}
            return {name: _with_texts(item, types[name]) if name in types else item for name, item in value.items()}
        case inspect.VarTupleType(item_type=item_type) if isinstance(value, list):
            return [_with_texts(item, item_type) for item in value]
        case inspect.UnionType(types=members):
            struct = next((member for member in members if isinstance(member, inspect.StructType)), None)
            return value if struct is None else _with_texts(value, struct)
        case _:
            return value


_PLACE = re.compile(r"^(?P<cause>.*?)(?: - at `(?:key in )?\$\.?(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")


def explain(error: msgspec.MsgspecError) -> Problem:
    """Turn the decoder's message into field, cause and cure."""
    found = _PLACE.match(str(error))
    cause = found["cause"] if found else str(error)
    path = (found["path"] if found else None) or ""
    if unknown := _UNKNOWN.fullmatch(cause):
        close = difflib.get_close_matches(unknown[1], _field_names(), n=1)
        cure = f"Did you mean {close[0]!r}?" if close else "Remove it: the fields are listed in docs/providers.md"
        return Problem(_join(path, unknown[1]), "there is no such field", cure.rstrip("."))
    if missing := _MISSING.fullmatch(cause):
        return Problem(_join(path, missing[1]), "it is missing", "Add it")
    return Problem(path, cause[:1].lower() + cause[1:], "See docs/providers.md for what belongs there")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _field_names() -> list[str]:
    """Return the names of all fields of a record and of what is inside it."""
    names: list[str] = []
    pending: list[inspect.Type] = [inspect.type_info(Provider)]
    while pending:
        match pending.pop():
            case inspect.StructType(fields=fields):
                names += [field.encode_name for field in fields]
                pending += [field.type for field in fields]
            case inspect.VarTupleType(item_type=item_type):
                pending.append(item_type)
            case inspect.UnionType(types=members):
                pending += members
    return names

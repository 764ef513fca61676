"""What is known about mail providers: presets, limits, From rules, and what their replies mean.

A leaf: the standard library and msgspec, no Django, no network, no other part of the project. A record is one
JSON file in `data/`; `docs/providers.md` says how to add one.
"""

from __future__ import annotations

from smtpadmin.providers.catalogue import Catalogue, load
from smtpadmin.providers.decoder import Diagnosis, Failure, Match, explain
from smtpadmin.providers.errors import CatalogueError
from smtpadmin.providers.model import (
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
    Text,
    UserNameForm,
    Window,
)
from smtpadmin.providers.senders import FromProblem, check_from

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Category",
    "Diagnosis",
    "Endpoint",
    "Failure",
    "FromProblem",
    "FromRule",
    "KnownReply",
    "Limits",
    "Match",
    "Notice",
    "Provider",
    "SecretKind",
    "Security",
    "Side",
    "Text",
    "UserNameForm",
    "Window",
    "check_from",
    "explain",
    "load",
]

"""The file that domains publish for mail programs (Thunderbird's autoconfig): what it says about sending.

Pure: bytes in, servers out. The file is a stranger's: document types, entities and deep nesting are refused, and
what is not about SMTP is never kept. Fetching it is `https.py`'s.

Format: draft-ietf-mailmaint-autoconfig, which describes version 1.1 of Thunderbird's wiki too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn
from xml.parsers import expat

from smtpadmin.smtp import ConfigError, Security, ServerConfig

_PATH: Final = ("clientConfig", "emailProvider", "outgoingServer")
_FIELDS: Final = frozenset({"hostname", "port", "socketType", "username", "authentication"})
_SECURITY: Final = {
    "SSL": Security.IMPLICIT_TLS,
    "TLS": Security.IMPLICIT_TLS,
    "STARTTLS": Security.STARTTLS,
    "plain": Security.NONE,
}
# Ways to sign in that need no more than a user name and a password. "plain" and "secure" are of older files.
_WITH_PASSWORD: Final = frozenset({"password-cleartext", "password-encrypted", "plain", "secure"})
_WITHOUT: Final = frozenset({"none", "client-IP-address"})

_DEEPEST: Final = 20
_MOST_SERVERS: Final = 10
_LONGEST: Final = 320


class BadFile(Exception):
    """It is no autoconfig file, or one that is not safe to read."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server for sending; the user name may hold placeholders such as %EMAILADDRESS%."""

    host: str
    port: int
    security: Security
    username: str

    def username_for(self, address: str) -> str:
        """Return the user name with its placeholders filled in; "" where the file names none."""
        local, _at, domain = address.rpartition("@")
        name = self.username
        for placeholder, value in (
            ("%EMAILADDRESS%", address),
            ("%EMAILLOCALPART%", local),
            ("%EMAILDOMAIN%", domain),
        ):
            name = name.replace(placeholder, value)
        return name


def servers(data: bytes) -> tuple[Server, ...]:
    """Return the servers that can be used with a password, or without signing in, in the file's order of preference.

    Unprotected ones are left out: a password is not sent over the network in the clear because a file says so.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise BadFile("The file is not XML.") from error
    if not reader.is_autoconfig:
        raise BadFile("The file is XML of another kind.")
    found = [server for entry in reader.entries if (server := _server(entry)) is not None]
    return tuple(dict.fromkeys(found))


class _Reader:
    """Collects the fields of the outgoing servers while expat goes through the file."""

    def __init__(self) -> None:
        self.is_autoconfig = False
        self.entries: list[dict[str, list[str]]] = []
        self._path: list[str] = []
        self._text = ""
        self._wanted = False
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = _refuse
        self.parser.EntityDeclHandler = _refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._add

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._path.append(name)
        self._text = ""
        if len(self._path) > _DEEPEST:
            raise BadFile("The file is nested too deeply.")
        if len(self._path) == 1:
            self.is_autoconfig = name == _PATH[0]
        if tuple(self._path) == _PATH:
            self._wanted = attributes.get("type") == "smtp" and len(self.entries) < _MOST_SERVERS
            if self._wanted:
                self.entries.append({})

    def _end(self, name: str) -> None:
        if self._inside and name in _FIELDS:
            self.entries[-1].setdefault(name, []).append(self._text.strip())
        self._path.pop()

    def _add(self, text: str) -> None:
        # One more than is allowed, so that a cut text does not pass for a whole one.
        if self._inside and len(self._text) <= _LONGEST:
            self._text += text[: _LONGEST + 1]

    @property
    def _inside(self) -> bool:
        return self._wanted and len(self._path) == len(_PATH) + 1 and tuple(self._path[:-1]) == _PATH


def _refuse(*_arguments: object) -> NoReturn:
    # A document type is where entities are defined that grow to gigabytes or name other files; this format has none.
    raise BadFile("The file defines a document type.")


def _server(entry: Mapping[str, list[str]]) -> Server | None:
    """Return an entry as a server, or None when it is not complete, not protected or wants more than a password."""
    security = _SECURITY.get(_first(entry, "socketType"), Security.NONE)
    methods = set(entry.get("authentication", ()))
    port = _first(entry, "port")
    if security is Security.NONE or not (port.isascii() and port.isdigit() and len(port) < 6):
        return None
    if methods and not methods & (_WITH_PASSWORD | _WITHOUT):
        return None
    username = "" if methods and methods <= _WITHOUT else _first(entry, "username")
    try:
        # Says whether this can be a server at all.
        config = ServerConfig(host=_first(entry, "hostname"), port=int(port), security=security, username=username)
    except ConfigError:
        return None
    if not username.isprintable() or len(username) > _LONGEST:
        return None
    return Server(host=config.host, port=config.port, security=security, username=username)


def _first(entry: Mapping[str, list[str]], name: str) -> str:
    return next(iter(entry.get(name, ())), "")

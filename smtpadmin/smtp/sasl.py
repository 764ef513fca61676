"""AUTH: which mechanism, and its lines. One mechanism, one attempt: a wrong password is one failed login, not three.

Whether AUTH may be used on this connection at all is decided in `opening.py`.
"""

from base64 import b64encode
from collections.abc import Sequence
from typing import assert_never

from smtpadmin.smtp.config import ServerConfig, SignIn
from smtpadmin.smtp.conversation import Conversation
from smtpadmin.smtp.errors import Stage
from smtpadmin.smtp.replies import Reply

PLAIN = "PLAIN"
LOGIN = "LOGIN"

# RFC 4954 4: the initial response belongs into the command only where the line stays within RFC 5321's 512 bytes.
_MAX_COMMAND = 510


class Credentials:
    """The user name and password of a server, in the forms that AUTH needs. UTF-8 throughout (RFC 4616)."""

    __slots__ = ("_config",)

    def __init__(self, config: ServerConfig) -> None:
        self._config = config

    def plain(self) -> bytes:
        """Return the response of PLAIN."""
        return b64encode(f"\0{self._config.username}\0{self._config.password.reveal()}".encode())

    def plain_command(self) -> bytes:
        """Return PLAIN with its response in the command."""
        return b"AUTH PLAIN " + self.plain()

    def username(self) -> bytes:
        """Return the first response of LOGIN."""
        return b64encode(self._config.username.encode())

    def password(self) -> bytes:
        """Return the second response of LOGIN."""
        return b64encode(self._config.password.reveal().encode())


def choose(sign_in: SignIn, offered: Sequence[str]) -> str:
    """Return the mechanism to use, empty when the server offers none that may be used."""
    match sign_in:
        case SignIn.AUTO:
            wanted: tuple[str, ...] = (PLAIN, LOGIN)
        case SignIn.PLAIN:
            wanted = (PLAIN,)
        case SignIn.LOGIN:
            wanted = (LOGIN,)
        case SignIn.NONE:
            wanted = ()
        case _:
            assert_never(sign_in)
    return next((mechanism for mechanism in wanted if mechanism in offered), "")


def authenticate(conversation: Conversation, credentials: Credentials, *, mechanism: str, until: float) -> Reply:
    """Run `mechanism` once and return the server's last reply, whatever it is."""
    return (_plain if mechanism == PLAIN else _login)(conversation, credentials, until)


def _plain(conversation: Conversation, credentials: Credentials, until: float) -> Reply:
    if len(credentials.plain_command()) > _MAX_COMMAND:
        reply = conversation.command("AUTH PLAIN", stage=Stage.AUTH, until=until)
    else:
        reply = conversation.secret_command(
            credentials.plain_command, shown="AUTH PLAIN ***", stage=Stage.AUTH, until=until
        )
    if reply.code == 334:
        # Some servers ignore the initial response and ask for it with an empty challenge.
        reply = conversation.secret_command(credentials.plain, shown="***", stage=Stage.AUTH, until=until)
    return reply


def _login(conversation: Conversation, credentials: Credentials, until: float) -> Reply:
    reply = conversation.command("AUTH LOGIN", stage=Stage.AUTH, until=until)
    for response in (credentials.username, credentials.password):
        if reply.code != 334:
            break
        reply = conversation.secret_command(response, shown="***", stage=Stage.AUTH, until=until)
    return reply

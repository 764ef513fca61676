"""One signed-in connection to one server, from the first look-up to QUIT.

What is sent over it is `transfer.py`'s part. A session is used by one thread at a time.
"""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

from smtpadmin.smtp.config import ServerConfig
from smtpadmin.smtp.conversation import Conversation
from smtpadmin.smtp.errors import SmtpError, Stage
from smtpadmin.smtp.opening import Opening
from smtpadmin.smtp.steps import Status, Step


class Session:
    """A connection to the server of `config`. It is opened once; after a failure a new one is made.

    `with Session(config) as session:` opens it and closes it.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self._conversation = Conversation(config)
        self._opening = Opening(config, self._conversation)
        self._ready = False
        self._begun = False
        #: Whether the server has shown that it answers several messages in one flight as often as it is asked.
        self.is_in_step = False

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def opening(self) -> Iterator[Step]:
        """Open the connection, yielding a step after each stage; a failed step, with its error, is the last one."""
        if self._begun:
            raise RuntimeError("A session is opened once.")
        self._begun = True
        for step in self._opening.steps():
            self._ready = step.status is not Status.FAILED and step.stage is Stage.AUTH
            yield step

    def open(self) -> None:
        """Open the connection. Raises the `SmtpError` of the stage that failed, with nothing left open."""
        for step in self.opening():
            if step.error is not None:
                self.close()
                raise step.error

    def close(self) -> None:
        """Say QUIT if the server still listens, and close the connection. Never raises."""
        self._ready = False
        self._conversation.quit()

    def reset(self) -> bool:
        """Say RSET: forget a begun transaction, and see whether the server is still there. True: it is."""
        if not self.usable:
            return False
        try:
            until = self._conversation.until(self.config.deadlines.mail)
            reply = self._conversation.command("RSET", stage=Stage.MAIL, until=until)
        except SmtpError:
            return False
        if not reply.positive:
            self._conversation.usable = False
        return self.usable

    @property
    def usable(self) -> bool:
        """Whether a message may be sent over it: it is open, and both sides agree on where they are."""
        return self._ready and self._conversation.usable

    @property
    def extensions(self) -> Mapping[str, str]:
        """What the server offers, to be shown: keyword in capitals to its parameters."""
        clean = self._conversation.clean
        return {clean(keyword): clean(parameters) for keyword, parameters in self.offers.items()}

    @property
    def offers(self) -> Mapping[str, str]:
        """What the server offers, as it said it, for `transfer.py` to decide by."""
        return self._opening.offers

    @property
    def pipelines(self) -> bool:
        """Whether several commands may be sent before the first is answered."""
        return self.config.pipelining and "PIPELINING" in self.offers

    @property
    def chunks(self) -> bool:
        """Whether several messages may be: without PIPELINING each chunk would have to wait for its answer."""
        return self.config.chunking and "CHUNKING" in self.offers and self.pipelines

    @property
    def round_trip(self) -> float:
        """The least number of seconds in which the server has answered anything."""
        return self._conversation.round_trip

    @property
    def transcript(self) -> tuple[str, ...]:
        """The newest lines of what was said, without credentials and messages."""
        return self._conversation.transcript.lines()

    @property
    def conversation(self) -> Conversation:
        """Commands and replies, for `transfer.py`."""
        return self._conversation

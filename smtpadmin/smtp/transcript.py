"""What was said on a connection, in lines that may be shown: no credential, no message, bounded.

Cleaning the server's words is the caller's part (`conversation.py`); what goes in here stays as it is.
"""

from collections import deque
from itertools import islice

from smtpadmin.smtp.errors import shorten
from smtpadmin.smtp.replies import Reply

# A connection may carry thousands of messages; the newest lines are the ones that explain a failure.
MAX_LINES = 400
_MAX_LINE = 500


class Transcript:
    """The newest lines of a conversation: `C:` is us, `S:` is the server."""

    __slots__ = ("_lines", "added")

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        #: How many lines there were so far, the forgotten ones too.
        self.added = 0

    def client(self, line: str) -> None:
        """Add a line of ours."""
        self._add(shorten(f"C: {line}", limit=_MAX_LINE))

    def server(self, reply: Reply) -> None:
        """Add a reply, line by line as it came."""
        last = len(reply.lines) - 1
        for at, text in enumerate(reply.lines):
            self._add(shorten(f"S: {reply.code}{' ' if at == last else '-'}{text}", limit=_MAX_LINE))

    def note(self, text: str) -> None:
        """Add what was not said, but happened."""
        self._add(f"-- {text}")

    def lines(self) -> tuple[str, ...]:
        """Return what there is, oldest first."""
        return tuple(self._lines)

    def since(self, mark: int) -> tuple[str, ...]:
        """Return the lines that came after `added` was `mark`, less the forgotten ones."""
        # From the end: few lines are new, and there are hundreds on a connection that has carried many messages.
        newest_first = tuple(islice(reversed(self._lines), self.added - mark))
        return newest_first[::-1]

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self.added += 1

"""What was said on a connection, in lines that may be shown: no credential, no message, bounded.

Cleaning the server's words is the caller's part (`conversation.py`); what goes in here stays as it is.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice

from smtpadmin.smtp.errors import shorten
from smtpadmin.smtp.replies import Reply

# A connection may carry thousands of messages; the newest lines are the ones that explain a failure.
MAX_LINES = 400
_MAX_LINE = 500


class Transcript:
    """The newest lines of a conversation: `C:` is us, `S:` is the server.

    They are put into words when somebody looks, which hardly ever happens to the lines of a message that was sent.
    """

    __slots__ = ("_entries", "added")

    def __init__(self) -> None:
        # Our lines, the server's replies, and what was not said.
        self._entries: deque[str | Reply | tuple[str]] = deque(maxlen=MAX_LINES)
        #: How many entries there were so far, the forgotten ones too.
        self.added = 0

    def client(self, line: str) -> None:
        """Add a line of ours."""
        self._entries.append(line)
        self.added += 1

    def server(self, reply: Reply) -> None:
        """Add a reply, line by line as it came."""
        self._entries.append(reply)
        self.added += 1

    def note(self, text: str) -> None:
        """Add what was not said, but happened."""
        self._entries.append((text,))
        self.added += 1

    def lines(self) -> tuple[str, ...]:
        """Return what there is, oldest first."""
        return _worded(self._entries)

    def since(self, mark: int) -> tuple[str, ...]:
        """Return the lines that came after `added` was `mark`, less the forgotten ones."""
        # From the end: few entries are new, and there are hundreds on a connection that has carried many messages.
        newest_first = list(islice(reversed(self._entries), self.added - mark))
        return _worded(reversed(newest_first))


def _worded(entries: Iterable[str | Reply | tuple[str]]) -> tuple[str, ...]:
    lines: list[str] = []
    for entry in entries:
        if isinstance(entry, str):
            lines.append(f"C: {entry}")
        elif isinstance(entry, Reply):
            last = len(entry.lines) - 1
            lines += (f"S: {entry.code}{' ' if at == last else '-'}{text}" for at, text in enumerate(entry.lines))
        else:
            lines.append(f"-- {entry[0]}")
    return tuple(shorten(line, limit=_MAX_LINE) for line in lines[-MAX_LINES:])

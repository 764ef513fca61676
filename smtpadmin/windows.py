"""How many messages leave at once, and in which way: a pure value that learns from what each way has taken.

Two costs are weighed. What has been marked or handed over and has no answer yet is in doubt when a worker dies: the
fewer, the better. Round trips and commits are paid for each window: the larger, the better.
"""

from dataclasses import dataclass, replace

#: How much of the server's own time is in doubt at once, in seconds.
SPAN = 0.1

# The first window of chunks is small, and none is larger than so many times the largest before: how a server takes
# them is not known until it has.
_FIRST = 4
_GROWTH = 4

# After so many messages one by one, chunks get another chance.
_AGAIN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is known of a server's pace, in seconds; None: nothing yet."""

    #: From the end of a message to its answer, one message after the other.
    one: float | None = None
    #: A message in a window of chunks, and the part of it that is not the way there and back.
    chunked: float | None = None
    served: float | None = None
    largest: int = 0
    #: How many messages have gone one by one since there was a window of chunks.
    since: int = 0
    #: Chunks have led to messages without an answer: not again over this courier.
    broken: bool = False

    def marks(self, *, most: int, hold: float | None = None) -> int:
        """Return how many messages to mark now that leave one after the other; a mark is good for `hold` seconds.

        A slow server gets its mark message by message, where a commit costs nothing beside the round trips; a fast one
        gets the whole batch, where commits would cost most.
        """
        return 1 if self.one is None else _within(_span(hold), each=self.one, most=most)

    def window(self, *, most: int, round_trip: float, hold: float | None = None) -> int:
        """Return how many messages to send as chunks in one flight; 0: one after the other.

        Only the server's own time counts, and not the way: at 50 ms there and back a whole batch takes hardly longer
        than one message, so a smaller window would leave less in doubt for a shorter time, but for more of it in all.
        The batch bounds it.
        """
        if self.broken or self.one is None or most < 2:
            return 0
        if self.chunked is not None and self.chunked >= self.one and self.since < _AGAIN:
            return 0
        served = max(self.one - round_trip, 0.0) if self.served is None else self.served
        count = _within(_span(hold), each=served, most=min(most, max(_FIRST, self.largest * _GROWTH)))
        # A message alone saves nothing, and some servers take chunks badly (see `smtp.wire`).
        return count if count > 1 else 0

    def after_one(self, seconds: float) -> "Pace":
        """Return the pace after a message that took `seconds`; growing slowly and shrinking at once."""
        slower = self.one is None or seconds > self.one
        one = seconds if slower or self.one is None else self.one * 0.75 + seconds * 0.25
        return replace(self, one=one, since=self.since + 1)

    def after_window(self, count: int, seconds: float, *, round_trip: float) -> "Pace":
        """Return the pace after `count` messages in chunks that took `seconds` together."""
        chunked, served = seconds / count, max(seconds - round_trip, 0.0) / count
        # What a flight takes besides its messages is shared: a larger one than ever tells more than all before.
        if self.chunked is not None and self.served is not None and count <= self.largest:
            # One slow window is no reason to give them up.
            chunked = (self.chunked + chunked) / 2
            served = max(served, self.served * 0.75 + served * 0.25)
        return replace(self, chunked=chunked, served=served, largest=max(self.largest, count), since=0)

    def after_doubt(self) -> "Pace":
        """Return the pace after chunks that were handed over without an answer."""
        return replace(self, broken=True)


def _span(hold: float | None) -> float:
    # Whatever leaves after that is paid for again out of the profile's rate, so there is time to spare.
    return SPAN if hold is None else min(SPAN, hold / 3)


def _within(span: float, *, each: float, most: int) -> int:
    return max(1, min(most, int(span / max(each, 1e-6))))

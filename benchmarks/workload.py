"""The message that everybody sends: text and HTML, some 5 kB on the wire, one recipient, the same words each time.

Standard library only, because the peers have an environment of their own.
"""

import random

SENDER = "notify@example.com"

_WORDS = """
    account address amount available before billing change check confirm contact customer date days delivery details
    document due email enclosed expected following from further help hours information invoice item latest message
    month notice number office open order overview payment please position price product question received reference
    reply request report reset return schedule service shipped status summary support team thank this total tracking
    update until usual value visit week welcome will with within your
""".split()  # noqa: SIM905  a list of words is read as text


def subject(number: int) -> str:
    return f"Your order {number} is on its way"


def recipient(number: int) -> str:
    return f"person{number}@example.org"


def _text(size: int, chance: random.Random) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) < size:
        lines.append(" ".join(chance.choice(_WORDS) for _ in range(10)))
    return "\n".join(lines)


def _html(size: int, chance: random.Random) -> str:
    rows: list[str] = []
    while sum(map(len, rows)) < size:
        link = f"https://shop.example.com/orders/{chance.randrange(10**9)}"
        words = " ".join(chance.choice(_WORDS) for _ in range(8))
        rows.append(f'<tr><td style="padding:8px 12px">{words}</td>\n<td><a href="{link}">Show</a></td></tr>')
    return "<!doctype html>\n<html><body><table>\n" + "\n".join(rows) + "\n</table></body></html>\n"


_CHANCE = random.Random(7)  # noqa: S311  the same words each time
TEXT = _text(1400, _CHANCE)
HTML = _html(2900, _CHANCE)
SHORT = "Your order is on its way.\n"

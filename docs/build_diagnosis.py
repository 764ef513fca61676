"""Writes diagnosis.md and diagnosis.zh-CN.md from the decoder's own records, so that the pages cannot differ from it.

    python docs/build_diagnosis.py

A test fails when the pages are not what this writes.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from smtpadmin.providers import Failure, explain  # noqa: E402
from smtpadmin.providers.decoder import REPLIES  # noqa: E402
from smtpadmin.smtp import Cause, Stage  # noqa: E402

# Where each cause is met; those of no single stage are shown once, at the first that can have them.
STAGES = {
    Stage.DNS: ("name_not_found", "dns_failed", "dns_timeout", "address_denied"),
    Stage.TCP: ("connection_refused", "connect_timeout", "unreachable"),
    Stage.TLS: (
        "tls_expired", "tls_not_yet_valid", "tls_self_signed", "tls_unknown_ca", "tls_wrong_name", "tls_version",
        "tls_pin_mismatch", "tls_failed", "plain_on_tls_port", "starttls_missing", "starttls_refused",
        "starttls_injected",
    ),
    Stage.EHLO: (
        "not_smtp", "tls_on_plain_port", "ehlo_refused", "service_unavailable", "connection_closed",
        "protocol_error", "reply_too_long", "deadline_exceeded",
    ),
    Stage.AUTH: (
        "auth_refused", "auth_deferred", "auth_not_offered", "auth_mechanism", "auth_needs_tls", "password_missing",
    ),
    Stage.MAIL: ("sender_refused", "sender_deferred", "utf8_unsupported", "too_large"),
    Stage.RCPT: ("recipient_refused", "recipient_deferred", "no_recipient_accepted", "bad_address"),
    Stage.DATA: (
        "content_refused", "content_deferred", "bad_header", "bad_line", "eightbit_unsupported", "uncertain",
    ),
}  # fmt: skip

TITLES = {
    "en": ("What a diagnosis means", "Stage: ", "Enhanced status codes", "Reply codes"),
    "zh": ("诊断结果的含义", "阶段：", "增强状态码", "应答码"),
}
SIDES = {
    "en": {
        "you": " It is on your side.",
        "provider": " It is on your provider's side.",
        "recipient": " It is on the recipient's side.",
        "network": " It is the network in between.",
    },
    "zh": {
        "you": "问题出在您这一方。",
        "provider": "问题出在服务商。",
        "recipient": "问题出在收件方。",
        "network": "问题出在中间的网络。",
    },
}
INTRODUCTION = {
    "en": """A test that fails names the stage at which it stopped, the cause, what to do, and whose side it is on. The
server's own words stand beside it. What is known of your provider's replies is looked at first, then the enhanced
status code (such as 5.7.8), then the reply code (such as 550). When the words of a reply are not known, the diagnosis
says what it rests on instead.

This page lists what is said without a provider; with one it is more specific. It is made from the decoder's records.""",  # noqa: E501
    "zh": """测试失败时，面板会指出停在哪个阶段、原因是什么、该怎么做，以及问题出在哪一方，并附上服务器的原话。
判断时先查服务商已知的应答，再看增强状态码（例如 5.7.8），最后看应答码（例如 550）。
如果应答的文字不在已知列表中，诊断会说明依据是什么。

本页列出的是未选择服务商时的说明；选择服务商后说明会更具体。内容由诊断数据自动生成。""",
}


def page(language: str) -> str:
    """Return the page in a language."""
    return "\n".join(_lines(language)) + "\n"


def _lines(language: str) -> Iterator[str]:
    title, stage_word, enhanced_word, reply_word = TITLES[language]
    yield f"# {title}"
    yield ""
    yield INTRODUCTION[language]
    for stage, causes in STAGES.items():
        yield ""
        yield f"## {stage_word}{stage.value.upper()}"
        for cause in causes:
            yield from _entry(Failure(stage=stage, cause=Cause(cause)), f"`{cause}`", language)
    for word, failures in ((enhanced_word, _by_enhanced_code()), (reply_word, _by_reply_code())):
        yield ""
        yield f"## {word}"
        for shown, failure in failures:
            yield from _entry(failure, shown, language)


def _by_enhanced_code() -> Iterator[tuple[str, Failure]]:
    for key in _keys("enhanced"):
        if key.count(".") == 2:
            enhanced = key.replace("X", "5")
            yield key, Failure(stage="", cause="", code=550 if enhanced[0] == "5" else 450, enhanced=enhanced)


def _by_reply_code() -> Iterator[tuple[str, Failure]]:
    for key in _keys("replies"):
        if len(key) == 3:
            yield key, Failure(stage="", cause="", code=int(key))


def _keys(table: str) -> list[str]:
    """Return the entries that hold at every stage, in the order of their codes."""
    return sorted(key for key in json.loads((REPLIES / f"{table}.json").read_bytes()) if "@" not in key)


def _entry(failure: Failure, shown: str, language: str) -> Iterator[str]:
    diagnosis = explain(failure)
    yield ""
    yield f"### {diagnosis.title.get(language)} ({shown})"
    yield ""
    yield f"{diagnosis.cause.get(language)}{SIDES[language][diagnosis.side]}"
    yield ""
    yield from (f"{number}. {step.get(language)}" for number, step in enumerate(diagnosis.steps, start=1))


PAGES = {HERE / "diagnosis.md": "en", HERE / "diagnosis.zh-CN.md": "zh"}

if __name__ == "__main__":
    for path, language in PAGES.items():
        path.write_text(page(language), encoding="utf-8")

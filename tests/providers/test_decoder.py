"""What the decoder says to real replies and to everything else that can come."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from smtpadmin.providers import Diagnosis, Failure, KnownReply, Match, Provider, Side, Text, explain, load
from smtpadmin.providers.decoder import REPLIES
from smtpadmin.providers.matching import pattern
from smtpadmin.smtp.errors import Cause, Stage
from smtpadmin.smtp.replies import parse_reply

HAN = re.compile(r"[\u4e00-\u9fff]")
REAL_REPLIES = json.loads((Path(__file__).parent / "real_replies.json").read_text(encoding="utf-8"))
ALL_KNOWN = [(provider, known) for provider in load() for known in provider.known_replies]


def get(key: str) -> Provider | None:
    return load().get(key)


def show(value: Any) -> str:
    return f"{value['provider'] or 'any'} {value['code']} {value['text'][:40]}"


def assert_readable(diagnosis: Diagnosis) -> None:
    """Both languages are complete, no placeholder is left, and there is something to do."""
    for text in (diagnosis.title, diagnosis.cause, *diagnosis.steps):
        assert text.en.strip()
        assert HAN.search(text.zh), text.zh
        assert not re.search(r"\{(provider|secret|reference|code|literal)\}", text.en + text.zh), text
        # A space inside Chinese would come from a name put in carelessly.
        assert not re.search(r"[\u4e00-\u9fff] [\u4e00-\u9fff]", text.zh), text.zh
    assert diagnosis.steps
    assert isinstance(diagnosis.side, Side)
    assert diagnosis.link == "" or diagnosis.link.startswith("https://")


def test_there_are_enough_real_replies() -> None:
    assert len(REAL_REPLIES) >= 60
    assert {"qq", "netease-163", "gmail", "microsoft365", "tencent-ses"} <= {case["provider"] for case in REAL_REPLIES}


@pytest.mark.parametrize("case", REAL_REPLIES, ids=show)
def test_a_real_reply_gets_its_cause_and_cure_in_both_languages(case: dict[str, Any]) -> None:
    failure = Failure(stage=case["stage"], cause="", code=case["code"], enhanced=case["enhanced"], text=case["text"])
    diagnosis = explain(failure, provider=get(case["provider"]))
    assert_readable(diagnosis)
    assert (diagnosis.matched, diagnosis.side) == (case["matched"], case["side"])
    assert diagnosis.title == Text(**case["title"])
    for language in ("en", "zh"):
        assert case["cause"][language] in diagnosis.cause.get(language)
        assert case["first_step"][language] in diagnosis.steps[0].get(language)


def test_the_bytes_of_qq_in_its_old_character_set_are_understood() -> None:
    line = "535 Error: 请使用授权码登录。详情请看: http://service.mail.qq.com/cgi-bin/help?id=28".encode("gbk")
    reply = parse_reply([line])
    failure = Failure(stage=Stage.AUTH, cause=Cause.AUTH_REFUSED, code=reply.code, text=reply.text)
    diagnosis = explain(failure, provider=get("qq"))
    assert diagnosis.title == Text(
        en="QQ Mail refused the sign-in: it wants the authorization code", zh="QQ 邮箱拒绝了登录：需要填写授权码"
    )
    assert diagnosis.matched is Match.PROVIDER_TEXT


def test_the_lines_of_a_long_reply_are_read_as_one() -> None:
    reply = parse_reply(
        [
            b"550-5.4.5 Daily user sending limit",
            b"550-5.4.5 exceeded. For more information on Gmail",
            b"550 5.4.5 sending limits go to https://support.google.com/a/answer/166852 - gsmtp",
        ]
    )
    failure = Failure(stage="data", cause="content_refused", code=reply.code, enhanced=reply.enhanced, text=reply.text)
    assert explain(failure, provider=get("gmail")).pattern == "550 5.4.5 Daily user sending limit exceeded"


def as_failure(known: KnownReply) -> Failure:
    """Return the failure that this known reply describes, as the server would send it."""
    if known.cause:
        return Failure(stage=known.stage or "data", cause=known.cause)
    wanted = pattern(known.match)
    first = wanted.enhanced[:1] or "5"
    return Failure(
        stage=known.stage or "data",
        cause="content_refused",
        code=wanted.code or int(f"{first}50"),
        enhanced=wanted.enhanced,
        text=f"{wanted.enhanced} {wanted.words.replace('*', 'something')}. More at https://help.example/1",
    )


@pytest.mark.parametrize(
    ("provider", "known"), ALL_KNOWN, ids=[f"{item.key} {known.match or known.cause}" for item, known in ALL_KNOWN]
)
def test_every_known_reply_of_every_provider_decodes_to_its_own_diagnosis(
    provider: Provider, known: KnownReply
) -> None:
    diagnosis = explain(as_failure(known), provider=provider)
    assert_readable(diagnosis)
    assert diagnosis.pattern == (known.match or known.cause)
    assert diagnosis.matched in {Match.PROVIDER_TEXT, Match.PROVIDER_CODE}
    assert diagnosis.link == (known.link or provider.docs_url)


def test_known_replies_have_titles_of_their_own() -> None:
    assert [(provider.key, known.match) for provider, known in ALL_KNOWN if not known.title] == []


@pytest.mark.parametrize("provider", [None, *load()], ids=lambda item: item.key if item else "none")
def test_a_refused_sign_in_is_explained_by_every_provider_with_its_kind_of_secret(provider: Provider | None) -> None:
    diagnosis = explain(
        Failure(stage="auth", cause="auth_refused", code=535, enhanced="5.7.8", text="5.7.8 no"), provider=provider
    )
    assert_readable(diagnosis)
    if provider is None:
        assert diagnosis.title.en == "The server refused the sign-in"
        return
    assert diagnosis.title.en.startswith(f"{provider.name.en} refused the sign-in")
    if diagnosis.matched is Match.ENHANCED and provider.takes_password:
        assert provider.secret_note.en in diagnosis.cause.en
        assert provider.secret_note.zh in diagnosis.cause.zh
        assert diagnosis.steps[-len(provider.steps) :] == provider.steps


def test_a_provider_without_passwords_gives_that_reason_for_every_refused_sign_in() -> None:
    for code, enhanced, text in (
        (535, "5.7.3", "5.7.3 Authentication unsuccessful"),
        (535, "5.7.139", "5.7.139 Authentication unsuccessful, the user credentials were incorrect."),
        (550, "", "no"),
    ):
        diagnosis = explain(
            Failure(stage="auth", cause="auth_refused", code=code, enhanced=enhanced, text=text),
            provider=get("outlook"),
        )
        assert diagnosis.title.en.endswith("refused the sign-in: it takes no password at all")
        assert "16 September 2024" in diagnosis.cause.en
        assert "2024 年 9 月 16 日" in diagnosis.cause.zh


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("key", ["", "qq"])
def test_every_cause_that_the_client_finds_out_is_explained(cause: Cause, key: str) -> None:
    for stage in Stage:
        diagnosis = explain(Failure(stage=stage, cause=cause, text="anything"), provider=get(key))
        assert_readable(diagnosis)
        assert (diagnosis.matched, diagnosis.pattern) == (Match.CLIENT, cause)
        assert diagnosis.title.en != "Sending failed"


def test_every_entry_for_a_cause_or_stage_names_one_that_exists() -> None:
    # "rule" is a refusal of our own, before the SMTP core is asked.
    causes, stages = {*map(str, Cause), "unknown", "rule"}, {*map(str, Stage)}
    for table in ("client", "enhanced", "replies"):
        for key in json.loads((REPLIES / f"{table}.json").read_text(encoding="utf-8")):
            entry, _, stage = key.partition("@")
            assert not stage or stage in stages, key
            assert table != "client" or entry in causes, key
    for _, known in ALL_KNOWN:
        assert not known.stage or known.stage in stages
        assert not known.cause or known.cause in causes


def test_an_unknown_cause_still_gets_an_answer() -> None:
    diagnosis = explain(Failure(stage="auth", cause="never_heard_of"))
    assert (diagnosis.title.en, diagnosis.matched) == ("Sending failed", Match.CLIENT)


@pytest.mark.parametrize("stage", ["", *Stage])
@pytest.mark.parametrize("enhanced", ["", "5.1.1", "4.2.2", "5.7.1", "5.7.999", "5.0.0", "4.9.9"])
def test_every_reply_code_gets_an_answer_at_every_stage(stage: str, enhanced: str) -> None:
    for code in range(400, 600):
        assert_readable(explain(Failure(stage=stage, cause="x", code=code, enhanced=enhanced, text="some words")))


def level(code: int, enhanced: str, text: str) -> tuple[Match, str, str]:
    found = explain(Failure(stage="", cause="content_refused", code=code, enhanced=enhanced, text=text))
    return found.matched, found.pattern, found.cause.en


def test_an_unknown_reply_says_on_what_its_explanation_rests() -> None:
    matched, pattern_, cause = level(550, "5.1.1", "we do not like you")
    assert (matched, pattern_) == (Match.ENHANCED, "5.1.1")
    assert cause == (
        "The recipient’s server knows no mailbox of this name. The words of this reply are not among those we know; "
        "the explanation follows from its enhanced status code 5.1.1."
    )
    matched, pattern_, cause = level(551, "", "we do not like you")
    assert (matched, pattern_) == (Match.REPLY, "551")
    assert cause.endswith("the explanation follows from its reply code 551.")
    matched, pattern_, cause = level(599, "5.0.0", "we do not like you")
    assert (matched, pattern_) == (Match.REPLY_CLASS, "599")
    assert cause.endswith("only the first digit could be explained.")


def test_a_reply_without_words_needs_no_such_remark() -> None:
    assert level(551, "", "")[2] == "The server has no such mailbox and does not pass the mail on."


def test_an_enhanced_code_that_nobody_registered_means_its_class() -> None:
    assert level(550, "5.2.99", "")[2] == "The recipient’s mailbox cannot take the message."


@pytest.mark.parametrize(
    ("stage", "title"),
    [
        ("mail", "The server refused the sender address"),
        ("rcpt", "The server does not relay for you"),
        ("data", "The server refused the message by policy"),
        ("auth", "The server refused the sign-in"),
    ],
)
def test_the_same_code_means_what_the_stage_makes_of_it(stage: str, title: str) -> None:
    assert explain(Failure(stage=stage, cause="", code=550, enhanced="5.7.1", text="x")).title.en == title


def test_a_positive_reply_is_no_reason_so_the_cause_decides() -> None:
    failure = Failure(stage="tls", cause="starttls_missing", code=250, text="mx.example.com SIZE 1000")
    assert explain(failure).matched is Match.CLIENT


def test_text_of_our_own_is_not_taken_for_a_reply() -> None:
    failure = Failure(stage="tcp", cause="connect_timeout", text="550 Connection denied")
    assert explain(failure, provider=get("qq")).matched is Match.CLIENT


def ses(text: str) -> Diagnosis:
    return explain(
        Failure(stage="data", cause="content_refused", code=554, enhanced="5.0.0", text=text),
        provider=get("tencent-ses"),
    )


def test_tencents_request_number_is_handed_on_for_its_support() -> None:
    diagnosis = ses(
        'Error: transaction failed, blame it on the weather: ##SES-response-json:{"RequestId": "0b1c-79", '
        '"QcloudError": {"Error": {"Code": "InternalError", "Message": "new"}}} tail'
    )
    assert diagnosis.pattern == "##SES-response-json"
    assert diagnosis.steps[1] == Text(
        en="If you ask Tencent’s support, give them the request number 0b1c-79.",
        zh="联系腾讯云客服时，请提供请求编号 0b1c-79。",
    )


@pytest.mark.parametrize(
    "text",
    [
        'blame it on the weather: ##SES-response-json:{"QcloudError":{"Error":{"Message":"The email is too la',
        "blame it on the weather: ##SES-response-json:",
        "blame it on the weather: ##SES-response-json:[1, 2]",
        "blame it on the weather: ##SES-response-json:" + "[" * 100_000,
        'blame it on the weather: ##SES-response-json:{"Error": [{"Code": 1, "Message": null}]}',
    ],
)
def test_tencents_json_may_be_cut_off_or_strange(text: str) -> None:
    diagnosis = ses(text)
    assert_readable(diagnosis)
    assert diagnosis.matched is Match.PROVIDER_TEXT


def test_tencent_hanging_up_during_a_large_message_is_a_known_reply_too() -> None:
    diagnosis = explain(Failure(stage="data", cause="connection_closed"), provider=get("tencent-ses"))
    assert diagnosis.steps[0].en == "Keep the attachments under 8 MB together."
    assert explain(Failure(stage="tcp", cause="connection_closed"), provider=get("tencent-ses")).matched is Match.CLIENT


def test_the_link_leads_to_the_provider_where_there_is_one() -> None:
    failure = Failure(stage="auth", cause="auth_refused", code=535)
    assert explain(failure, provider=get("gmail")).link == "https://support.google.com/accounts/answer/185833"
    assert explain(failure).link == ""


@pytest.mark.parametrize(
    ("key", "first"),
    [
        ("gmail", "Set the host as Gmail gives it: smtp.gmail.com, port 465 with SSL/TLS, or 587 with STARTTLS."),
        (
            "tencent-ses",
            (
                "Set the host as Tencent Cloud SES gives it: smtp.qcloudmail.com, port 465 with SSL/TLS; or "
                "gz-smtp.qcloudmail.com, port 465 with SSL/TLS; or sg-smtp.qcloudmail.com, port 465 with SSL/TLS."
            ),
        ),
        # One for each region: the right one cannot be told from here.
        ("amazon-ses", "Compare the host with the one in the provider’s help page, letter by letter."),
        # Any name may be that of a server of one's own.
        ("localhost-postfix", "Compare the host with the one in the provider’s help page, letter by letter."),
        ("", "Compare the host with the one in the provider’s help page, letter by letter."),
    ],
)
def test_a_provider_s_own_hosts_are_named_where_they_can_be(key: str, first: str) -> None:
    assert explain(Failure(stage="dns", cause="name_not_found"), provider=get(key)).steps[0].en == first


def test_unencrypted_ways_are_not_offered() -> None:
    step = explain(Failure(stage="tcp", cause="connect_timeout"), provider=get("aliyun-qiye")).steps[0]
    assert "80" not in step.en
    assert step.zh.startswith("依次尝试阿里企业邮箱的各个连接方式：smtp.qiye.aliyun.com 的 465 端口（SSL/TLS）；或 ")


def test_a_strange_authority_in_front_of_a_known_provider_is_an_alarm() -> None:
    failure = Failure(stage="tls", cause="tls_unknown_ca")
    assert (explain(failure).side, explain(failure, provider=get("gmail")).side) == (Side.YOU, Side.NETWORK)


def test_a_refusal_in_usual_words_still_tells_the_kind_of_password() -> None:
    failure = Failure(stage="auth", cause="auth_refused", code=535, text="Error: authentication failed")
    assert explain(failure).matched is Match.COMMON_TEXT
    assert explain(failure, provider=get("icloud")).title.en == (
        "iCloud Mail refused the sign-in: it wants the app-specific password"
    )

"""From an address to filled settings in one step, offline."""

import socket

import pytest

from smtpadmin.finding import Outcome, Source, Step, Sureness, find, known
from smtpadmin.providers import load
from smtpadmin.resolver import Resolver
from smtpadmin.smtp import Security

TLS, STARTTLS = Security.IMPLICIT_TLS, Security.STARTTLS

# Address, provider, host, port, security, user name; of every continent that the catalogue knows.
ADDRESSES = [
    ("10001@qq.com", "qq", "smtp.qq.com", 465, TLS, "10001@qq.com"),
    ("me@foxmail.com", "foxmail", "smtp.qq.com", 465, TLS, "me@foxmail.com"),
    ("me@163.com", "netease-163", "smtp.163.com", 465, TLS, "me@163.com"),
    ("me@126.com", "netease-126", "smtp.126.com", 465, TLS, "me@126.com"),
    ("me@yeah.net", "netease-yeah", "smtp.yeah.net", 465, TLS, "me@yeah.net"),
    ("me@aliyun.com", "aliyun-mail", "smtp.aliyun.com", 465, TLS, "me@aliyun.com"),
    ("13800000000@139.com", "mail139", "smtp.139.com", 465, TLS, "13800000000@139.com"),
    ("me@sina.com", "sina", "smtp.sina.com", 465, TLS, "me@sina.com"),
    ("me@sohu.com", "sohu", "smtp.sohu.com", 465, TLS, "me@sohu.com"),
    ("Me@GMail.com", "gmail", "smtp.gmail.com", 465, TLS, "Me@GMail.com"),
    ("me@outlook.com", "outlook", "smtp-mail.outlook.com", 587, STARTTLS, "me@outlook.com"),
    ("me@contoso.onmicrosoft.com", "microsoft365", "smtp.office365.com", 587, STARTTLS, "me@contoso.onmicrosoft.com"),
    ("me@yahoo.co.uk", "yahoo", "smtp.mail.yahoo.com", 465, TLS, "me@yahoo.co.uk"),
    ("me@yahoo.co.jp", "yahoo-japan", "smtp.mail.yahoo.co.jp", 465, TLS, "me"),
    ("me@icloud.com", "icloud", "smtp.mail.me.com", 587, STARTTLS, "me@icloud.com"),
    ("me@fastmail.com", "fastmail", "smtp.fastmail.com", 465, TLS, "me@fastmail.com"),
    ("me@zoho.com", "zoho", "smtp.zoho.com", 465, TLS, "me@zoho.com"),
    ("me@yandex.ru", "yandex", "smtp.yandex.com", 465, TLS, "me@yandex.ru"),
    ("me@mail.ru", "mailru", "smtp.mail.ru", 465, TLS, "me@mail.ru"),
    ("me@gmx.de", "gmx-net", "mail.gmx.net", 465, TLS, "me@gmx.de"),
    ("me@web.de", "webde", "smtp.web.de", 465, TLS, "me"),
    ("me@t-online.de", "t-online", "securesmtp.t-online.de", 465, TLS, "me@t-online.de"),
    ("me@orange.fr", "orange-fr", "smtp.orange.fr", 465, TLS, "me@orange.fr"),
    ("me@libero.it", "libero", "smtp.libero.it", 465, TLS, "me@libero.it"),
    ("me@seznam.cz", "seznam", "smtp.seznam.cz", 465, TLS, "me@seznam.cz"),
    ("me@naver.com", "naver", "smtp.naver.com", 465, TLS, "me@naver.com"),
]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the network away."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("Something was asked of the network.")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("address", "provider", "host", "port", "security", "username"), ADDRESSES, ids=[row[1] for row in ADDRESSES]
)
def test_an_address_of_a_known_provider_gives_its_settings_offline_in_one_step(
    address: str, provider: str, host: str, port: int, security: Security, username: str
) -> None:
    (step,) = find(address, catalogue=load(), resolver=Resolver(seconds=0))
    assert (step.source, step.outcome) == (Source.CATALOGUE, Outcome.FOUND)
    (finding,) = step.findings
    settings = finding.settings
    assert (finding.source, finding.sureness) == (Source.CATALOGUE, Sureness.CERTAIN)
    assert (settings.provider, settings.host, settings.port) == (provider, host, port)
    assert (settings.security, settings.username) == (security, username)
    assert known(address, catalogue=load()) == finding


def test_at_least_twenty_providers_are_tried() -> None:
    assert len({row[1] for row in ADDRESSES}) >= 20


def test_what_was_found_is_said_in_both_languages() -> None:
    finding = known("me@qq.com", catalogue=load())
    assert finding is not None
    assert (finding.text.en, finding.text.zh) == ("qq.com belongs to QQ Mail.", "qq.com 属于 QQ 邮箱。")


def test_a_bare_domain_gives_settings_without_a_user_name() -> None:
    finding = known("qq.com", catalogue=load())
    assert finding is not None
    assert (finding.settings.host, finding.settings.username) == ("smtp.qq.com", "")


def test_an_unknown_domain_is_said_to_be_unknown() -> None:
    steps = find("me@example.com", catalogue=load(), resolver=Resolver(seconds=0))
    step = next(steps)
    assert isinstance(step, Step)
    assert (step.source, step.outcome, step.findings) == (Source.CATALOGUE, Outcome.NOTHING, ())
    assert step.text.en == "example.com is not the domain of a known provider."
    assert step.text.zh == "example.com 不是已收录服务商的邮箱域名。"

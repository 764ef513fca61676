"""Finding settings on the profile form: the search, streamed and without scripts, and what it never does."""

import html
import json
import re
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import pytest
from django.test import Client
from pytest_django import Settings

from smtpadmin.finding import Options
from smtpadmin.models import Profile
from smtpadmin.resolver import Resolver
from smtpadmin.smtp import Security
from tests.admin.conftest import CANARY
from tests.admin.forms import ADD, page, text_of, values
from tests.support.certificates import CertificateFactory
from tests.support.dns_server import DnsServer, servfail
from tests.support.hostile import HostileServer, hostile_server
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

FIND = "/admin/smtpadmin/profile/find/"
STREAM = {"accept": "application/x-smtpadmin-steps"}
ADDRESS = "ada@example.com"
FILLED = ("provider", "host", "port", "security", "username")

# One address for each of twenty providers, and what the form has then.
KNOWN = {
    "notify@qq.com": ("qq", "smtp.qq.com"),
    "notify@163.com": ("netease-163", "smtp.163.com"),
    "notify@126.com": ("netease-126", "smtp.126.com"),
    "notify@yeah.net": ("netease-yeah", "smtp.yeah.net"),
    "notify@sina.com": ("sina", "smtp.sina.com"),
    "notify@sohu.com": ("sohu", "smtp.sohu.com"),
    "notify@139.com": ("mail139", "smtp.139.com"),
    "notify@189.cn": ("mail189", "smtp.189.cn"),
    "notify@aliyun.com": ("aliyun-mail", "smtp.aliyun.com"),
    "notify@gmail.com": ("gmail", "smtp.gmail.com"),
    "notify@yahoo.com": ("yahoo", "smtp.mail.yahoo.com"),
    "notify@icloud.com": ("icloud", "smtp.mail.me.com"),
    "notify@fastmail.com": ("fastmail", "smtp.fastmail.com"),
    "notify@gmx.net": ("gmx-net", "mail.gmx.net"),
    "notify@web.de": ("webde", "smtp.web.de"),
    "notify@yandex.ru": ("yandex", "smtp.yandex.com"),
    "notify@mail.ru": ("mailru", "smtp.mail.ru"),
    "notify@aol.com": ("aol", "smtp.aol.com"),
    "notify@posteo.de": ("posteo", "posteo.de"),
    "notify@mailbox.org": ("mailbox-org", "smtp.mailbox.org"),
}


@pytest.fixture
def asked(system_dns: DnsServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> DnsServer:
    """The DNS server that every look-up goes to. Files are not fetched: what a domain publishes is tested elsewhere."""
    settings.SMTPADMIN = settings.SMTPADMIN | {"DNS_SERVERS": [system_dns.host], "AUTOCONFIG": False}
    monkeypatch.setattr("smtpadmin.advice.Resolver", lambda servers: Resolver(servers=servers, port=system_dns.port))
    return system_dns


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test when anything is looked up or connected to."""

    def refuse(*_args: object, **_options: object) -> NoReturn:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def search(client: Client, address: str = ADDRESS, url: str = FIND, **more: str) -> Any:
    """Search as the page's script does."""
    return client.post(url, {"address": address, **more}, headers=STREAM)


def press_find(client: Client, url: str = FIND, **typed: str) -> Any:
    """Press the button as a page without scripts does: the whole form is posted."""
    return client.post(url, {"address": ADDRESS, "_find": "1", **typed})


def stages(pieces: list[str]) -> list[tuple[str, str]]:
    """Return each streamed step, and how it looks."""
    return [
        (re.findall(r'data-stage="(\w+)"', piece)[0], re.findall(r"sa-is-(\w+)", piece)[0]) for piece in pieces[:-1]
    ]


def buttons(text: str) -> list[dict[str, str]]:
    """Return what the buttons that use a finding carry."""
    return [json.loads(html.unescape(value)) for value in re.findall(r'name="_use" value="([^"]*)"', text)]


def shown(response: Any, *names: str) -> dict[str, str]:
    """Return what stands in the form."""
    form = response.context["form"]
    return {
        name: str(form[name].value() or "") for name in names or ("provider", "host", "port", "security", "username")
    }


# Known providers, offline


@pytest.mark.parametrize("address", KNOWN)
@pytest.mark.usefixtures("offline")
def test_an_address_of_a_known_provider_is_a_filled_form_in_one_step_without_a_socket(
    admin: Client, address: str
) -> None:
    provider, host = KNOWN[address]
    found = {"link": shown(admin.get(ADD, {"address": address})), "press": shown(press_find(admin, address=address))}
    for filled in found.values():
        assert (filled["provider"], filled["host"]) == (provider, host)
        assert filled["port"] in {"465", "587"}
        assert filled["security"] in {"tls", "starttls"}
        assert filled["username"]
    assert found["link"] == found["press"]
    assert len(KNOWN) == 20


@pytest.mark.usefixtures("offline")
def test_a_search_for_a_known_provider_ends_with_the_first_step(admin: Client) -> None:
    pieces = search(admin, "notify@qq.com").pieces
    assert stages(pieces) == [("catalogue", "ok")]
    assert "qq.com belongs to QQ Mail." in pieces[0]
    assert buttons(pieces[-1]) == [
        {"host": "smtp.qq.com", "port": "465", "security": "tls", "username": "notify@qq.com", "provider": "qq"}
    ]


@pytest.mark.usefixtures("offline")
def test_a_link_fills_in_provider_and_address(admin: Client) -> None:
    filled = shown(
        admin.get(ADD, {"provider": "sendgrid", "address": ADDRESS}), "provider", "address", "host", "username"
    )
    assert filled == {
        "provider": "sendgrid", "address": ADDRESS, "host": "smtp.sendgrid.net", "username": "apikey",
    }  # fmt: skip


@pytest.mark.usefixtures("offline")
def test_without_scripts_a_chosen_provider_is_filled_in_and_nothing_searched_for(admin: Client) -> None:
    response = press_find(admin, provider="zoho", name="Alerts")
    assert shown(response, "provider", "host", "name") == {
        "provider": "zoho", "host": "smtp.zoho.com", "name": "Alerts",
    }  # fmt: skip
    assert "Set up Zoho Mail" in text_of(response)


# Streamed


def test_each_step_says_what_was_found_where_and_how_sure(admin: Client, asked: DnsServer) -> None:
    asked.add("example.com", "MX", "10 mxbiz1.qq.com.")
    *steps, result = search(admin).pieces
    assert stages([*steps, result]) == [
        ("catalogue", "skipped"), ("mx", "ok"), ("srv", "skipped"), ("autoconfig", "skipped"), ("probe", "skipped"),
    ]  # fmt: skip
    assert "Mail for example.com arrives at" in steps[1]
    assert "Most likely right" in steps[1]
    assert buttons(result) == [
        {
            "host": "smtp.exmail.qq.com",
            "port": "465",
            "security": "tls",
            "username": ADDRESS,
            "provider": "tencent-exmail",
        }
    ]


def test_the_stream_speaks_the_reader_s_language(admin: Client, asked: DnsServer) -> None:
    asked.add("example.com", "MX", "10 mxbiz1.qq.com.")
    pieces = admin.post(FIND, {"address": ADDRESS}, headers=STREAM | {"accept-language": "zh-CN"}).pieces  # type: ignore[attr-defined]
    assert "的来信由" in pieces[1]


def test_what_has_to_be_looked_at_first_says_so(admin: Client, asked: DnsServer) -> None:
    asked.add("_submissions._tcp.example.com", "SRV", "0 1 465 smtp.hoster.example.")
    result = search(admin).pieces[-1]
    assert "Check this first" in result
    assert "make sure that it is the one your provider gave you" in result
    assert [found["host"] for found in buttons(result)] == ["smtp.hoster.example"]


def test_a_server_that_several_steps_name_is_offered_once_and_the_surest_first(admin: Client, asked: DnsServer) -> None:
    asked.add("example.com", "MX", "10 mxbiz1.qq.com.")
    asked.add("_submissions._tcp.example.com", "SRV", "0 1 465 out.hoster.example.", "1 1 465 smtp.exmail.qq.com.")
    assert [found["host"] for found in buttons(search(admin).pieces[-1])] == [
        "smtp.exmail.qq.com",
        "out.hoster.example",
    ]


def test_when_nothing_is_found_it_says_whom_to_ask_for_what(admin: Client, asked: DnsServer) -> None:
    asked.add("example.com", "A", "192.0.2.1")
    result = search(admin).pieces[-1]
    assert "No settings were found for this address." in result
    assert "ask your mail provider" in result
    assert [word in result for word in ("server for outgoing mail", "the port", "STARTTLS")] == [True] * 3


def test_a_typing_error_in_the_domain_is_said(admin: Client, asked: DnsServer) -> None:
    pieces = search(admin, "ada@exmaple.invalid").pieces
    assert [stage for stage, _ in stages(pieces)] == ["catalogue", "mx"]
    assert "There is no domain exmaple.invalid." in pieces[1]


def test_dns_that_does_not_answer_is_not_taken_for_nothing(admin: Client, asked: DnsServer) -> None:
    asked.behave("*", servfail)
    assert ("mx", "warning") in stages(search(admin).pieces)


@pytest.mark.parametrize("address", ["", "ada", "ada@", "ada@../../etc"])
def test_what_is_no_address_is_not_searched_for(admin: Client, asked: DnsServer, address: str) -> None:
    response = search(admin, address)
    assert (response.status_code, "Type the whole e-mail address first." in text_of(response)) == (422, True)
    assert asked.questions == []


def test_searches_are_limited_per_person(admin: Client, settings: Settings) -> None:
    settings.SMTPADMIN = settings.SMTPADMIN | {"TESTS_PER_MINUTE": 1}
    assert search(admin, "a@qq.com").status_code == 200
    refused = search(admin, "a@qq.com")
    assert (refused.status_code, "searched 1 times" in text_of(refused)) == (422, True)


# What it never does


@pytest.fixture
def peers(certificates: CertificateFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server of a likely name, on ports of the test's own."""
    context = certificates.for_names("smtp.example.com").context()
    with hostile_server(context=context, implicit_tls=True) as server:
        ways = ((server.port, Security.IMPLICIT_TLS),)
        options = partial(Options, ways=ways, ca_pem=certificates.ca_pem)
        monkeypatch.setattr("smtpadmin.advice.finding.Options", options)
        yield server


def test_a_server_that_answers_is_found_and_gets_no_credential(
    admin: Client, asked: DnsServer, peers: HostileServer
) -> None:
    asked.add("smtp.example.com", "A", "127.0.0.1")
    result = search(admin, secret=CANARY, username=ADDRESS).pieces[-1]
    assert [(found["host"], found["port"]) for found in buttons(result)] == [("smtp.example.com", str(peers.port))]
    peers.settle()
    assert (peers.ledger.count("EHLO") > 0, peers.ledger.count("AUTH")) == (True, 0)
    assert CANARY.encode() not in bytes(peers.ledger.received)


def test_denied_networks_are_not_searched(
    admin: Client, asked: DnsServer, peers: HostileServer, settings: Settings
) -> None:
    settings.SMTPADMIN = settings.SMTPADMIN | {"DENIED_NETWORKS": ["127.0.0.0/8"]}
    asked.add("smtp.example.com", "A", "127.0.0.1")
    assert buttons(search(admin).pieces[-1]) == []
    assert peers.connections == 0


def test_only_the_domain_leaves(admin: Client, asked: DnsServer) -> None:
    asked.add("example.com", "A", "192.0.2.1")
    search(admin, "ada.lovelace@example.com")
    assert asked.questions
    assert not [name for name, _, _ in asked.questions if "lovelace" in name]


@pytest.mark.parametrize(
    ("who", "new", "saved"),
    [
        ("admin", True, True),
        ("editor", True, True),
        ("viewer", False, False),
        ("tester", False, False),
        ("stranger", False, False),
    ],
)
def test_only_who_may_change_profiles_may_search(
    visitor_named: Callable[[str], Client], profile: Profile, who: str, new: bool, saved: bool
) -> None:
    client = visitor_named(who)
    for url, may in ((FIND, new), (page(profile, "find"), saved)):
        assert (search(client, "a@qq.com", url).status_code == 200) is may
        assert (press_find(client, url, address="a@qq.com").status_code == 200) is may


def test_a_visitor_who_is_not_logged_in_is_sent_to_the_login_page(client: Client) -> None:
    assert search(client)["Location"].startswith("/admin/login/")


def test_nothing_is_searched_for_by_following_a_link(admin: Client, profile: Profile) -> None:
    assert admin.get(FIND, {"address": ADDRESS})["Location"] == ADD
    assert admin.get(page(profile, "find"))["Location"] == page(profile)


# Without scripts


def test_without_scripts_the_form_comes_back_filled_in_with_what_was_found(admin: Client, asked: DnsServer) -> None:
    asked.add("example.com", "MX", "10 mxbiz1.qq.com.")
    response = press_find(admin, name="Alerts", reply_to="help@example.com", recipient="you@example.org")
    assert shown(response) == {
        "provider": "tencent-exmail",
        "host": "smtp.exmail.qq.com",
        "port": "465",
        "security": "tls",
        "username": ADDRESS,
    }
    assert shown(response, "name", "reply_to") == {"name": "Alerts", "reply_to": "help@example.com"}
    words = text_of(response)
    assert "Mail for example.com arrives at" in words
    assert "Filled in below. Type the secret, then send a test." in words
    assert 'value="you@example.org"' in response.content.decode()
    assert "is missing or wrong" not in words
    assert not Profile.objects.exists()


def test_without_scripts_the_form_saves_where_it_always_does(admin: Client, asked: DnsServer) -> None:
    asked.add("example.com", "MX", "10 mxbiz1.qq.com.")
    assert f'action="{ADD}"' in press_find(admin).content.decode()
    saved = make_profile()
    response = press_find(admin, page(saved, "find"), **values(saved, address=ADDRESS))
    assert f'action="{page(saved)}"' in response.content.decode()


def test_without_scripts_a_typed_secret_is_asked_for_again_and_never_shown(admin: Client, asked: DnsServer) -> None:
    response = press_find(admin, secret=CANARY)
    assert "Type the secret again" in text_of(response)


def test_without_scripts_what_somebody_typed_is_not_written_over(admin: Client, asked: DnsServer) -> None:
    asked.add("example.com", "MX", "10 mxbiz1.qq.com.")
    response = press_find(admin, provider="other", host="mail.example.com", port="2525", security="starttls")
    assert shown(response, "host", "port") == {"host": "mail.example.com", "port": "2525"}
    (offer,) = buttons(response.content.decode())
    assert offer["host"] == "smtp.exmail.qq.com"


def test_without_scripts_what_has_to_be_looked_at_is_offered_and_not_filled_in(admin: Client, asked: DnsServer) -> None:
    asked.add("_submissions._tcp.example.com", "SRV", "0 1 465 smtp.hoster.example.")
    response = press_find(admin)
    assert shown(response, "host") == {"host": ""}
    assert [found["host"] for found in buttons(response.content.decode())] == ["smtp.hoster.example"]


def test_without_scripts_one_press_uses_a_finding_and_keeps_the_rest(admin: Client) -> None:
    found = {
        "host": "smtp.hoster.example",
        "port": "587",
        "security": "starttls",
        "username": "ada",
        "provider": "other",
    }
    response = admin.post(FIND, {"address": ADDRESS, "name": "Alerts", "batch": "7", "_use": json.dumps(found)})
    assert shown(response) == found
    assert shown(response, "name", "batch", "address") == {"name": "Alerts", "batch": "7", "address": ADDRESS}
    assert next(part for part in response.context["sections"] if part.key == "server").is_open


@pytest.mark.parametrize("carried", ["", "[]", "{", '{"host": 5}', '{"secret": "x", "name": "y"}'])
def test_a_button_with_nonsense_fills_in_nothing(admin: Client, carried: str) -> None:
    response = admin.post(FIND, {"address": ADDRESS, "host": "mail.example.com", "name": "Mine", "_use": carried})
    assert shown(response, "host", "name") == {"host": "mail.example.com", "name": "Mine"}


def test_using_a_finding_for_a_saved_profile_saves_nothing_and_then_asks_for_the_secret(
    admin: Client, profile: Profile
) -> None:
    found = {
        "host": "smtp.hoster.example",
        "port": "587",
        "security": "starttls",
        "username": ADDRESS,
        "provider": "other",
    }
    response = admin.post(page(profile, "find"), values(profile, _use=json.dumps(found)))
    assert shown(response) == found
    profile.refresh_from_db()
    assert profile.host == "smtp.example.com"
    refused = admin.post(page(profile), values(profile, **found))
    assert "is not sent anywhere else" in text_of(refused)

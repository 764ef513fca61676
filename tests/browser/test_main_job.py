"""What the panel exists for, on real parts: a fresh panel as a process, Chromium, and Postfix with Dovecot.

Nobody helps from behind: the link is the one that the panel prints, the provider is recognised by the operator's own
file, the certificate is checked against the authority in SSL_CERT_FILE, and messages are found in Postfix's mailboxes.
"""

import email.policy
import json
import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from smtpadmin.smtp import Security, stages
from tests.browser.visitor import VARIANTS, Variant, Visitor
from tests.config.conftest import Started, launching
from tests.support import canary
from tests.support.certificates import CertificateFactory
from tests.support.processes import wait_until
from tests.support.real_servers import OTHER_RECIPIENT, RealServer

pytestmark = pytest.mark.servers

ENCRYPTED = [pytest.param(security, id=security.name) for security in (Security.STARTTLS, Security.IMPLICIT_TLS)]
DESKTOP, CHINESE = VARIANTS[0], Variant("chinese", locale="zh-CN")

ADMINISTRATOR = "admin"
FIRST_PASSWORD = "first horse battery"
NEW_PASSWORD = "second horse battery"

_DELIVERY_SECONDS = 15

OpenWindow = Callable[..., Visitor]


@pytest.fixture
def start_panel(
    tmp_path: Path, postfix: RealServer, certificates: CertificateFactory
) -> Iterator[Callable[[Security], Started]]:
    """Start a panel on an empty folder that knows Postfix, with this security, as a provider."""
    with launching() as launch:

        def start(security: Security) -> Started:
            providers = tmp_path / "providers.json"
            providers.write_text(json.dumps([provider_record(postfix, security)]))
            return launch(
                tmp_path / "data",
                SMTPADMIN_PROVIDERS_FILE=str(providers),
                SSL_CERT_FILE=str(certificates.ca_file),
            )

        yield start


@pytest.fixture
def panel(start_panel: Callable[[Security], Started]) -> Started:
    return start_panel(Security.IMPLICIT_TLS)


@pytest.fixture
def open_window(browser: Browser) -> Iterator[OpenWindow]:
    """Open browsers; whatever one complained about, violations of the policy first of all, fails the test."""
    windows: list[Visitor] = []

    def open_window(panel: Started, variant: Variant = DESKTOP, *, scripts: bool = True) -> Visitor:
        windows.append(Visitor(browser, base_url=panel.address, variant=variant, scripts=scripts))
        return windows[-1]

    yield open_window
    complaints = [complaint for window in windows for complaint in window.complaints]
    for window in windows:
        window.close()
    assert complaints == []


def provider_record(server: RealServer, security: Security) -> dict[str, Any]:
    """Return what an operator writes about a mail server of their own."""
    return {
        "key": "house-mail",
        "name": "House mail",
        "domains": [server.username.partition("@")[2]],
        "endpoints": [{"host": server.host, "port": server.ports[security], "security": security.value}],
        "secret": "authorization_code",
        "steps": ["Ask the house for a code."],
        "from_rule": "same_as_login",
    }


def open_first_form(window: Visitor, panel: Started, *, address: str = "") -> Page:
    """Become the administrator by the printed link, and come straight to the form of the first profile."""
    assert panel.link, panel.output
    page = window.open(panel.link)
    page.fill("#id_username", ADMINISTRATOR)
    page.fill("#id_email", address)
    page.fill("#id_password1", FIRST_PASSWORD)
    page.fill("#id_password2", FIRST_PASSWORD)
    window.submit()
    expect(page).to_have_url(re.compile(r"/admin/smtpadmin/profile/add/$"))
    return page


def type_into(page: Page, name: str, text: str) -> str:
    """Put `text`, key by key, in the place of what stands in a box, and return the box's name."""
    page.fill(f"#id_{name}", "")
    page.locator(f"#id_{name}").press_sequentially(text)
    return name


def follow(page: Page, button: str) -> None:
    """Press a button and wait for the page that it leads to."""
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name=button, exact=True).click()


def add_profile(page: Page, server: RealServer) -> None:
    type_into(page, "address", server.username)
    type_into(page, "secret", server.password)
    follow(page, "Save and send test")


def send_test(page: Page, recipient: str) -> None:
    type_into(page, "recipient", recipient)
    page.get_by_role("button", name="Send test email").click()


def ended_stages(page: Page) -> list[tuple[str, str]]:
    """Return the stages that the page shows, in their order, and how each ended."""
    rows = page.locator("#test-steps [data-stage]").evaluate_all(
        "rows => rows.map(row => [row.dataset.stage, row.className.match(/sa-is-(\\w+)/)[1]])"
    )
    return [(stage, status) for stage, status in rows]


def all_done(security: Security) -> list[tuple[str, str]]:
    return [(stage.value, "ok") for stage in stages(security)]


def outcome(page: Page, *, tone: str) -> Any:
    found = page.locator(f"[data-outcome].sa-tone-{tone}")
    expect(found).to_be_visible(timeout=30_000)
    return found


def test_message(server: RealServer, recipient: str, *, security: Security, earlier: int) -> EmailMessage:
    """Return the test message that came after `earlier` ones, waiting until it is there."""
    return _arrived(server, recipient, f"{server.host}:{server.ports[security]}", count=earlier + 1)


test_message.__test__ = False  # type: ignore[attr-defined]  # pytest would collect the name


def count_messages(server: RealServer, recipient: str, *, security: Security) -> int:
    return len(_messages(server, recipient, f"{server.host}:{server.ports[security]}"))


def _arrived(server: RealServer, recipient: str, text: str, *, count: int = 1) -> EmailMessage:
    """Return the newest of `count` messages that hold this text, waiting until so many are there."""
    found: list[EmailMessage] = []

    def are_there() -> bool:
        found[:] = _messages(server, recipient, text)
        return len(found) >= count

    assert wait_until(are_there, seconds=_DELIVERY_SECONDS), f"{len(found)} of {count} messages with {text!r} arrived."
    assert len(found) == count
    return found[-1]


def _messages(server: RealServer, recipient: str, text: str) -> list[EmailMessage]:
    parser: BytesParser[EmailMessage] = BytesParser(policy=email.policy.default)
    messages = [parser.parsebytes(content) for content in server.mailbox(recipient).messages()]
    return [message for message in messages if text in part(message, "plain")]


def part(message: EmailMessage, kind: str) -> str:
    """Return a message's text, `plain` or `html`."""
    body = message.get_body((kind,))
    return str(body.get_content()) if body else ""


@pytest.mark.parametrize("security", ENCRYPTED)
def test_an_address_a_secret_and_a_recipient_make_a_message_arrive(
    start_panel: Callable[[Security], Started], open_window: OpenWindow, postfix: RealServer, security: Security
) -> None:
    earlier = count_messages(postfix, postfix.recipient, security=security)
    panel = start_panel(security)
    page = open_first_form(open_window(panel), panel)

    # The form waits for the address: nobody has to reach for the mouse first.
    page.keyboard.type(postfix.username)
    inputs = [page.evaluate("document.activeElement.name")]
    expect(page.locator("[data-field=provider]")).to_contain_text("Recognised from the address.")
    expect(page.locator("#id_provider")).to_have_value("House mail")
    expect(page.locator("[name=port]")).to_have_value(str(postfix.ports[security]))
    expect(page.locator("[data-secret-label-text]")).to_have_text("Authorization code")
    inputs.append(type_into(page, "secret", postfix.password))
    follow(page, "Save and send test")
    inputs.append(type_into(page, "recipient", postfix.recipient))
    page.get_by_role("button", name="Send test email").click()

    expect(outcome(page, tone="ok")).to_contain_text("It works")
    assert inputs == ["address", "secret", "recipient"]
    assert ended_stages(page) == all_done(security)
    message = test_message(postfix, postfix.recipient, security=security, earlier=earlier)
    assert (message["From"], message["To"]) == (postfix.username, postfix.recipient)
    assert message["Subject"] == "Your notification mail works"
    # The result is the profile's: whoever comes later sees it without sending again.
    page.reload()
    expect(outcome(page, tone="ok")).to_contain_text("It works")
    assert ended_stages(page) == all_done(security)


def test_a_wrong_secret_is_named_with_its_cure_and_the_right_one_then_works(
    panel: Started, open_window: OpenWindow, postfix: RealServer, tmp_path: Path
) -> None:
    page = open_first_form(open_window(panel), panel)
    type_into(page, "address", postfix.username)
    type_into(page, "secret", canary.PASSWORD)
    follow(page, "Save and send test")
    send_test(page, postfix.recipient)

    failure = outcome(page, tone="bad")
    expect(failure).to_contain_text("Stopped at AUTH")
    expect(failure.get_by_role("heading", level=2)).to_have_text(
        "House mail refused the sign-in: it wants the authorization code"
    )
    expect(failure.locator("ol > li").first).to_be_visible()
    expect(failure.locator("ol > li", has_text="Ask the house for a code.")).to_have_count(1)
    expect(failure).to_contain_text("535 5.7.8")
    done = [(stage, "ok") for stage in ("dns", "tcp", "tls", "ehlo")]
    assert ended_stages(page) == [*done, ("auth", "failed"), *((s, "unreached") for s in ("mail", "rcpt", "data"))]
    shown = [page.content()]
    failure.get_by_role("link", name="Edit settings").click()
    expect(page.locator("#id_secret")).to_be_in_viewport()
    shown.append(page.content())
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("*.sqlite3*")).decode("latin-1")
    for where in (*shown, panel.output, stored):
        assert canary.found_in(where) == []

    type_into(page, "secret", postfix.password)
    follow(page, "Save and send test")
    send_test(page, postfix.recipient)
    expect(outcome(page, tone="ok")).to_contain_text("It works")
    assert ended_stages(page) == all_done(Security.IMPLICIT_TLS)


@pytest.mark.parametrize("security", ENCRYPTED)
def test_the_same_without_scripts(
    start_panel: Callable[[Security], Started], open_window: OpenWindow, postfix: RealServer, security: Security
) -> None:
    earlier = count_messages(postfix, OTHER_RECIPIENT, security=security)
    panel = start_panel(security)
    page = open_first_form(open_window(panel, scripts=False), panel)
    add_profile(page, postfix)
    send_test(page, OTHER_RECIPIENT)
    expect(outcome(page, tone="ok")).to_contain_text("It works")
    assert ended_stages(page) == all_done(security)
    test_message(postfix, OTHER_RECIPIENT, security=security, earlier=earlier)


@pytest.mark.parametrize(
    ("variant", "language", "words"),
    [
        pytest.param(DESKTOP, "EN", {"ask": "Send the link", "mail": "Set a new password"}, id="english"),
        pytest.param(DESKTOP, "中文", {"ask": "发送链接", "mail": "设置新密码"}, id="chinese-chosen"),
        pytest.param(CHINESE, "", {"ask": "发送链接", "mail": "设置新密码"}, id="chinese-browser"),
    ],
)
def test_a_forgotten_password_is_set_anew_by_mail(
    panel: Started,
    open_window: OpenWindow,
    postfix: RealServer,
    variant: Variant,
    language: str,
    words: dict[str, str],
) -> None:
    add_profile(open_first_form(open_window(panel), panel, address=postfix.recipient), postfix)

    window = open_window(panel, variant)
    page = window.open("/admin/login/")
    if language:
        follow(page, language)
    page.locator("a[href*=password-reset]").click()
    page.fill("#id_email", postfix.recipient)
    follow(page, words["ask"])

    message = _arrived(postfix, postfix.recipient, f"{panel.address}/password-reset/")
    link = re.search(rf"{re.escape(panel.address)}/password-reset/\S+", part(message, "plain"))
    assert link
    assert link[0] in part(message, "html")
    assert words["mail"] in part(message, "html")
    assert (message["From"], message["To"]) == (postfix.username, postfix.recipient)

    window.open(link[0])
    page.fill("#id_new_password1", NEW_PASSWORD)
    page.fill("#id_new_password2", NEW_PASSWORD)
    window.submit()
    window.open("/admin/login/")
    page.fill("#id_username", ADMINISTRATOR)
    page.fill("#id_password", NEW_PASSWORD)
    window.submit()
    expect(page).to_have_url(f"{panel.address}/admin/")
    # The link worked once, and the old password is gone.
    stranger = open_window(panel)
    expect(stranger.open(link[0]).get_by_role("heading", level=1)).to_have_text("This link does not work")
    stranger.open("/admin/login/").fill("#id_username", ADMINISTRATOR)
    stranger.page.fill("#id_password", FIRST_PASSWORD)
    stranger.submit()
    expect(stranger.page).to_have_url(re.compile("/admin/login/"))

"""Pictures of every page, in both languages, in light, dark and on a phone, to be looked at by people.

    .venv/bin/pytest tests/browser/screenshots.py               all of them, into test-results/tour-*.png
    .venv/bin/pytest tests/browser/screenshots.py -k readme     the README's only, into docs/images/

Not a test: nothing is asserted, and pytest takes it only when it is named. What must hold of pages is in `test_skin`,
`test_profiles`, `test_send_test` and `test_providers`.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from playwright.sync_api import Route, expect
from pytest_django import Settings

from panel import first_run, health
from smtpadmin import incidents
from smtpadmin.models import Profile, TestState
from smtpadmin.smtp import Security, dialing
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Variant, Visitor
from tests.support.behaviours import say
from tests.support.hostile import HostileServer, Phase, hostile_server
from tests.support.looks import last_look, month_of_looks
from tests.support.message_log import NO_CONNECTION, REFUSED_SIGN_IN, all_is_well, fill_log, trouble
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, StartServer

README_PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "test.png"
PROFILES = "/admin/smtpadmin/profile/"
MESSAGES = "/admin/smtpadmin/message/"
_SHOWN_ADDRESS = ip_address("203.0.113.25")
LOOKS = [
    Variant(f"{language}-{look}", width=width, height=height, scheme=scheme, locale=locale)  # type: ignore[arg-type]
    for language, locale in (("en", "en-US"), ("zh", "zh-CN"))
    for look, width, height, scheme in (
        ("light", 1280, 860, "light"),
        ("dark", 1280, 860, "dark"),
        ("phone", 390, 844, "light"),
    )
]


@pytest.fixture(params=LOOKS, ids=lambda variant: variant.name)
def visitor(request: pytest.FixtureRequest, new_visitor: NewVisitor) -> Visitor:
    return new_visitor(request.param)


def take(visitor: Visitor, name: str) -> None:
    visitor.picture(f"tour-{name}")


def unfold(visitor: Visitor) -> None:
    visitor.page.locator("#content details").evaluate_all("all => all.forEach(details => { details.open = true; })")


def visit(visitor: Visitor, pages: dict[str, str]) -> None:
    for name, path in pages.items():
        visitor.open(path)
        take(visitor, name)


def save_profiles() -> Profile:
    """Save one of each state, and return the one that works."""
    tested = timezone.now() - timedelta(minutes=12)
    working = make_profile(
        slug="qq-mail-notify", name="QQ Mail – notify", provider="qq", host="smtp.qq.com", username="notify@qq.com",
        from_address="notify@qq.com", from_name="通知中心", is_default=True, test_state=TestState.WORKING,
        tested_at=tested, password="x" * 16,
    )  # fmt: skip
    make_profile(
        slug="receipts", name="Microsoft 365 – receipts", provider="microsoft365", host="smtp.office365.com", port=587,
        security="starttls", username="receipts@example.com", from_address="receipts@example.com",
        test_state=TestState.FAILING, tested_at=tested, test_report={"failure": {"stage": "auth"}}, password="x",
    )  # fmt: skip
    make_profile(
        slug="old-relay", name="Old relay", host="relay.example.com", port=25, security="none", skip_verify=True,
        skip_verify_reason="Replaced next week", allow_plaintext_auth=True,
    )  # fmt: skip
    make_profile(slug="spare", name="Spare", enabled=False)
    return working


def test_pages_before_login(visitor: Visitor, transactional_db: None, settings: Settings) -> None:
    page = visitor.open(reverse("setup", args=[first_run.new_token()]))
    take(visitor, "setup")
    page.fill("#id_username", "alice")
    page.fill("#id_password1", "short")
    page.fill("#id_password2", "shorter")
    visitor.submit()
    take(visitor, "setup-errors")
    user = User.objects.create_superuser("admin", email="admin@example.com", password="correct horse 9")
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    visit(
        visitor,
        {
            "login": "/admin/login/",
            "reset": "/password-reset/",
            "reset-sent": "/password-reset/sent/",
            "reset-bad-link": "/password-reset/x/y/",
            "reset-new-password": f"/password-reset/{uid}/{token}/",
            "reset-done": "/password-reset/done/",
            "error-404": "/nowhere/",
        },
    )
    page = visitor.open("/admin/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "wrong")
    visitor.submit()
    take(visitor, "login-refused")


def test_pages_of_a_fresh_panel(visitor: Visitor, administrator: User) -> None:
    visitor.sign_in(administrator)
    visit(visitor, {"dashboard-empty": "/admin/", "profiles-empty": PROFILES, "add": f"{PROFILES}add/"})
    page = visitor.page
    for name, address in {"add-recognised": "notify@qq.com", "add-outlook": "me@outlook.com"}.items():
        visitor.open(f"{PROFILES}add/")
        page.fill("#id_address", address)
        page.locator("[data-guide]").first.wait_for()
        page.wait_for_timeout(900)
        take(visitor, name)
    page.click("[name=_save]")
    page.wait_for_load_state()
    take(visitor, "add-refused")
    visitor.open(f"{PROFILES}add/")
    page.fill("#id_address", "shop@unknown.example")
    page.fill("#id_host", "mail.unknown.example")
    page.fill("#id_port", "587")
    page.locator("#id_port").blur()
    page.wait_for_timeout(900)
    take(visitor, "add-unknown")


def test_pages_with_profiles(visitor: Visitor, administrator: User, settings: Any) -> None:
    working = save_profiles()
    relay = Profile.objects.get(slug="old-relay")
    bob = User.objects.create_user("bob", email="bob@example.com", password="x", is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename="view_profile"))
    Group.objects.create(name="Operators")
    visitor.sign_in(administrator)
    visit(
        visitor,
        {
            "dashboard": "/admin/",
            "profiles": PROFILES,
            "profiles-none-found": f"{PROFILES}?q=nothing",
            "edit": f"{PROFILES}{working.pk}/change/",
            "edit-dangerous": f"{PROFILES}{relay.pk}/change/?field=skip_verify",
            "delete": f"{PROFILES}{working.pk}/delete/",
            "users": "/admin/auth/user/",
            "user-add": "/admin/auth/user/add/",
            "user": f"/admin/auth/user/{bob.pk}/change/",
            "groups": "/admin/auth/group/",
            "password-change": "/admin/password_change/",
        },
    )
    page = visitor.open(f"{PROFILES}{working.pk}/change/")
    unfold(visitor)
    page.fill("#id_batch", "10")
    take(visitor, "edit-open")
    page.click("[name=_save]")
    page.wait_for_load_state()
    take(visitor, "saved")
    visit(visitor, {"history": f"{PROFILES}{working.pk}/history/", "providers-zoho": f"{PROFILES}providers/?q=zoho"})
    unfold(visitor)
    take(visitor, "providers-zoho-open")
    visitor.open(f"{PROFILES}providers/")
    page.screenshot(path=visitor.picture("tour-providers"))
    visitor.sign_in(bob)
    visit(visitor, {"read-only": f"{PROFILES}{working.pk}/change/", "error-403": "/admin/auth/user/"})
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    visitor.sign_in(administrator)
    visit(
        visitor, {"locked": f"{PROFILES}{working.pk}/change/", "locked-list": PROFILES, "locked-dashboard": "/admin/"}
    )


def test_pages_without_messages(visitor: Visitor, administrator: User) -> None:
    save_profiles()
    visitor.sign_in(administrator)
    visit(visitor, {"messages-empty": MESSAGES, "dashboard-no-mail": "/admin/"})


def test_pages_with_messages(visitor: Visitor, administrator: User) -> None:
    messages = fill_log()
    all_is_well()
    visitor.sign_in(administrator)
    visit(
        visitor,
        {
            "mail-dashboard": "/admin/",
            "messages": MESSAGES,
            "messages-found": f"{MESSAGES}?q=user",
            "messages-filtered": f"{MESSAGES}?state=failed&period=day",
            "messages-none-found": f"{MESSAGES}?q=nobody@",
            **{f"message-{name}": f"{MESSAGES}{message.pk}/change/" for name, message in messages.items()},
        },
    )
    page = visitor.open(f"{MESSAGES}{messages['uncertain'].pk}/change/")
    page.get_by_role("button").filter(has_text=re.compile("Send again|再")).first.click()
    page.wait_for_load_state()
    take(visitor, "message-question")
    page = visitor.open(f"{MESSAGES}{messages['failed'].pk}/change/")
    page.locator(f'form[action$="/{messages["failed"].pk}/text/"] button').click()
    page.wait_for_load_state()
    take(visitor, "message-text")
    trouble()
    visit(visitor, {"mail-dashboard-trouble": "/admin/", "profiles-paused": PROFILES})


def test_pages_of_health(visitor: Visitor, administrator: User) -> None:
    working = save_profiles()
    receipts, relay = Profile.objects.get(slug="receipts"), Profile.objects.get(slug="old-relay")
    month_of_looks(working, mixed=(9,), failing=(16, 17), **NO_CONNECTION)
    last_look(working, left=timedelta(days=61))
    month_of_looks(receipts)
    last_look(receipts, left=timedelta(days=6, minutes=5), **REFUSED_SIGN_IN)
    last_look(relay, failures=1, left=timedelta(days=20, minutes=5), **NO_CONNECTION)
    incidents.update()
    visitor.sign_in(administrator)
    visit(
        visitor,
        {
            "health-dashboard": "/admin/",
            "health-well": f"{PROFILES}{working.pk}/health/",
            "health-failing": f"{PROFILES}{receipts.pk}/health/",
            "health-new": f"{PROFILES}{make_profile(slug='new').pk}/health/",
            "health-settings": f"{PROFILES}{working.pk}/change/",
        },
    )


def test_the_test_page(visitor: Visitor, administrator: User, smtp_server: StartServer) -> None:
    server = smtp_server(security=Security.STARTTLS)
    profile = make_profile(
        name="Office relay", host="localhost", port=server.port, security="starttls", username=USERNAME,
        from_address=USERNAME, password=PASSWORD, ca_pem=server.ca_pem, is_default=True,
    )  # fmt: skip
    visitor.sign_in(administrator)
    page = visitor.open(f"{PROFILES}{profile.pk}/test/")
    take(visitor, "test-before")
    held: list[Route] = []
    page.route("**/test/run/", lambda route: held.append(route))  # noqa: PLW0108  it looks at the function
    page.click("button[name=mode][value=send]")
    expect(page.locator(".sa-running")).to_be_visible()
    take(visitor, "test-running")
    held[0].continue_()
    expect(page.locator("[data-outcome]")).to_be_visible()
    take(visitor, "test-success")
    page.unroute_all()
    unfold(visitor)
    take(visitor, "test-success-open")
    with refusing() as (host, ca_pem):
        refused = refused_profile(host, ca_pem)
        visitor.open(f"{PROFILES}{refused.pk}/test/")
        page.click("button[name=mode][value=send]")
        expect(page.locator("[data-outcome]")).to_be_visible()
        take(visitor, "test-failure")
        visit(visitor, {"dashboard-failing": "/admin/", "test-later": f"{PROFILES}{refused.pk}/test/"})


@pytest.mark.parametrize("path", ["/readyz"])
def test_pages_of_errors(visitor: Visitor, settings: Settings, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(health, "connection", None)
        visit(visitor, {"error-500": path})
    settings.ALLOWED_HOSTS = []
    visit(visitor, {"error-400": "/"})


def test_picture_of_the_readme(new_visitor: NewVisitor, administrator: User) -> None:
    """A failed test at a made-up account of 163.com."""
    visitor = new_visitor(Variant("readme", width=1280, height=400))
    with refusing() as (host, ca_pem):
        profile = refused_profile(host, ca_pem)
        visitor.sign_in(administrator)
        page = visitor.open(f"{PROFILES}{profile.pk}/test/")
        page.fill("#id_recipient", "you@example.com")
        page.click("button[name=mode][value=send]")
        expect(page.locator("[data-outcome].sa-tone-bad")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    picture = visitor.picture("readme")
    README_PICTURE.parent.mkdir(exist_ok=True)
    picture.replace(README_PICTURE)


def refused_profile(host: str, ca_pem: str) -> Profile:
    return make_profile(
        slug="netease", name="NetEase 163.com Mail – notify", provider="netease-163", host=host, port=465,
        username="notify@163.com", from_address="notify@163.com", ca_pem=ca_pem, password="not the code",
    )  # fmt: skip


@contextmanager
def refusing() -> Iterator[tuple[str, str]]:
    """Stand in for the server of 163.com, which answers each sign-in as it answers a wrong authorization code.

    Gives its name and the authority behind its certificate. Nothing leaves this machine: the name leads here, and the
    page shows an address that is reserved for documentation (RFC 5737).
    """
    name = "smtp.163.com"
    authority = trustme.CA(organization_name="Example CA")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(
        name,
        common_name=name,
        organization_name="Example",
        organization_unit_name="Mail",
        not_after=timezone.now() + timedelta(days=200),
    ).configure_cert(context)
    script = {
        Phase.GREETING: say("220 163.com Anti-spam GT for Coremail System"),
        Phase.EHLO: say("250-mail", "250-PIPELINING", "250-AUTH LOGIN PLAIN", "250 8BITMIME"),
        Phase.AUTH: say("535 Error: authentication failed"),
    }
    with hostile_server(script, context=context, implicit_tls=True) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialing, "resolve", lambda *_place, **_limits: (_SHOWN_ADDRESS,))
        patch.setattr(dialing, "connect", lambda *_place, **_limits: _dialed(server))
        yield name, authority.cert_pem.bytes().decode("ascii")


def _dialed(server: HostileServer) -> dialing.Dialed:
    sock = socket.create_connection((server.host, server.port))
    return dialing.Dialed(sock=sock, address=_SHOWN_ADDRESS, failed=())

"""The test page in a real browser: steps as they happen, the outcome, and what a broken connection does."""

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import Page, Route, expect

from smtpadmin.models import Profile
from tests.browser.visitor import Visitor
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer, StartServer
from tests.support.stock_admin import use_stock_admin


@pytest.fixture
def server(smtp_server: StartServer) -> SmtpServer:
    return smtp_server()


def profile_on(server: SmtpServer, *, password: str = PASSWORD) -> Profile:
    return make_profile(
        name="Office relay", host=server.host, port=server.port, security="none", username=USERNAME, password=password
    )


def open_test(visitor: Visitor, administrator: AbstractBaseUser, profile: Profile) -> Page:
    visitor.sign_in(administrator)
    return visitor.open(f"/admin/smtpadmin/profile/{profile.pk}/test/")


def send(page: Page, *, button: str = "send") -> None:
    page.fill("#id_recipient", "you@example.org")
    page.click(f"button[name=mode][value={button}]")


def assert_sound(visitor: Visitor, name: str) -> None:
    # Chromium reports a stream that was read to its end by hand as aborted (seen with 156, also behind gunicorn).
    visitor.complaints[:] = [text for text in visitor.complaints if not text.endswith(("/test/run/", "/try/"))]
    visitor.assert_sound(name)


def test_a_fresh_page_is_sound(visitor: Visitor, administrator: AbstractBaseUser, server: SmtpServer) -> None:
    open_test(visitor, administrator, profile_on(server))
    assert_sound(visitor, "test")


def test_a_success_is_sound(visitor: Visitor, administrator: AbstractBaseUser, server: SmtpServer) -> None:
    page = open_test(visitor, administrator, profile_on(server))
    send(page)
    expect(page.locator("[data-outcome].sa-tone-ok")).to_be_focused()
    assert_sound(visitor, "test-success")


def test_a_failure_is_sound(visitor: Visitor, administrator: AbstractBaseUser, server: SmtpServer) -> None:
    profile = profile_on(server, password="wrong")
    Profile.objects.update(provider="netease-163")
    page = open_test(visitor, administrator, profile)
    send(page)
    expect(page.locator("[data-outcome].sa-tone-bad")).to_be_focused()
    page.eval_on_selector_all("main details", "all => all.forEach((details) => { details.open = true; })")
    assert_sound(visitor, "test-failure")


def test_a_result_in_an_untouched_admin_is_sound(
    visitor: Visitor, administrator: AbstractBaseUser, server: SmtpServer, settings: object
) -> None:
    use_stock_admin(settings)
    page = open_test(visitor, administrator, profile_on(server, password="wrong"))
    send(page)
    expect(page.locator("[data-outcome]")).to_be_visible()
    assert_sound(visitor, "host-test-failure")


def test_steps_appear_in_their_order_and_are_announced(
    desktop: Visitor, administrator: AbstractBaseUser, server: SmtpServer
) -> None:
    page = open_test(desktop, administrator, profile_on(server))
    page.evaluate(
        """() => {
          window.told = [];
          const live = document.querySelector("[data-live]");
          new MutationObserver(() => window.told.push(live.textContent)).observe(live, {childList: true});
        }"""
    )
    send(page)
    expect(page.locator("[data-outcome]")).to_be_visible()
    assert page.evaluate("window.told") == [
        "Find the server (DNS): Done",
        "Connect (TCP): Done",
        "Introduce ourselves (EHLO): Done",
        "Sign in (AUTH): Done",
        "Name the sender (MAIL FROM): Done",
        "Name the recipient (RCPT TO): Done",
        "Send the message (DATA): Done",
    ]
    assert len(server.messages) == 1


def test_a_waiting_stage_is_shown_as_running(
    desktop: Visitor, administrator: AbstractBaseUser, server: SmtpServer
) -> None:
    page = open_test(desktop, administrator, profile_on(server))
    held: list[Route] = []
    page.route("**/test/run/", lambda route: held.append(route))  # noqa: PLW0108  it looks at the function
    send(page)
    expect(page.locator(".sa-running")).to_have_attribute("data-stage", "dns")
    expect(page.locator("button[name=mode]").first).to_be_disabled()
    held[0].continue_()
    expect(page.locator("[data-outcome]")).to_be_visible()
    expect(page.locator(".sa-running")).to_have_count(0)
    expect(page.locator("button[name=mode]").first).to_be_enabled()


def test_the_bars_are_drawn_to_the_scale_of_the_whole(
    desktop: Visitor, administrator: AbstractBaseUser, server: SmtpServer
) -> None:
    page = open_test(desktop, administrator, profile_on(server))
    send(page)
    expect(page.locator("[data-outcome]")).to_be_visible()
    bars = page.eval_on_selector_all(
        "#test-steps .sa-bar-fill", "bars => bars.map((bar) => [bar.x.baseVal.value, bar.width.baseVal.value])"
    )
    assert len(bars) == 7
    assert [start for start, _width in bars] == sorted(start for start, _width in bars)
    assert sum(width for _start, width in bars) == pytest.approx(1000, abs=50)


def test_a_check_says_what_was_left_out(desktop: Visitor, administrator: AbstractBaseUser, server: SmtpServer) -> None:
    page = open_test(desktop, administrator, profile_on(server))
    send(page, button="check")
    expect(page.locator("[data-outcome]")).to_contain_text("Nothing was sent, as you asked.")
    expect(page.locator("[data-stage=data]")).to_contain_text("Left out")
    assert server.messages == []


def test_after_a_lost_connection_nothing_is_sent_again(
    desktop: Visitor, administrator: AbstractBaseUser, server: SmtpServer
) -> None:
    page = open_test(desktop, administrator, profile_on(server))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.route("**/test/run/", lambda route: route.abort())
    send(page)
    expect(page.locator("#test-result [role=alert]")).to_contain_text("The connection to the panel was lost.")
    page.wait_for_timeout(300)
    assert sum("/test/run/" in url for url in requests) == 1


def test_a_page_that_is_no_stream_is_not_shown_as_one(
    desktop: Visitor, administrator: AbstractBaseUser, server: SmtpServer
) -> None:
    """The session ended meanwhile: what comes is the login page."""
    page = open_test(desktop, administrator, profile_on(server))
    desktop.context.clear_cookies()
    send(page)
    expect(page.locator("#test-result [role=alert]")).to_contain_text("The connection to the panel was lost.")
    expect(page.locator("#test-result input")).to_have_count(0)


def test_a_second_test_is_refused_with_the_reason(
    desktop: Visitor, administrator: AbstractBaseUser, server: SmtpServer
) -> None:
    page = open_test(desktop, administrator, profile_on(server))
    page.fill("#id_recipient", "nobody")
    page.click("button[name=mode][value=send]")
    expect(page.locator("[data-problems]")).to_contain_text("has no @")


def test_the_report_is_copied_with_one_press(
    desktop: Visitor, administrator: AbstractBaseUser, server: SmtpServer
) -> None:
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = open_test(desktop, administrator, profile_on(server, password="wrong"))
    send(page)
    page.click("text=Report to copy")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "smtpadmin test report" in copied
    assert "C: AUTH PLAIN ***" in copied


def test_the_failure_leads_to_the_field_at_fault(
    desktop: Visitor, administrator: AbstractBaseUser, server: SmtpServer
) -> None:
    page = open_test(desktop, administrator, profile_on(server, password="wrong"))
    send(page)
    page.locator("[data-outcome]").get_by_role("link", name="Edit settings").click()
    expect(page.locator("#id_secret")).to_be_in_viewport()
    assert page.url.endswith("?field=secret#id_secret")


def test_without_scripts_the_whole_result_is_there(
    scriptless: Visitor, administrator: AbstractBaseUser, server: SmtpServer
) -> None:
    page = open_test(scriptless, administrator, profile_on(server))
    send(page)
    expect(page.locator("[data-outcome]")).to_contain_text("It works")
    expect(page.locator("#test-steps .sa-is-ok")).to_have_count(7)
    expect(page.locator("[data-copy-button]")).to_be_hidden()
    page.reload()
    assert len(server.messages) == 1

"""The message log and the mail on the dashboard: sound in every variant, usable without scripts and without a mouse."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import expect

from smtpadmin.models import Circuit, Message
from tests.browser.visitor import Visitor
from tests.support.message_log import all_is_well, fill_log, trouble
from tests.support.profiles import make_profile

LIST = "/admin/smtpadmin/message/"


@pytest.fixture
def log(transactional_db: None) -> dict[str, Message]:
    return fill_log()


def page_of(message: Message) -> str:
    return f"{LIST}{message.pk}/change/"


def state(message: Message) -> str:
    return Message.objects.get(pk=message.pk).state


def test_the_list_is_sound(visitor: Visitor, administrator: AbstractBaseUser, log: dict[str, Message]) -> None:
    visitor.sign_in(administrator)
    for name, query in {
        "": "",
        "-failed": "?state=failed",
        "-none": "?q=nobody@",
        "-found": "?q=user&period=day",
    }.items():
        visitor.open(LIST + query)
        visitor.assert_sound(f"messages{name}")


def test_an_empty_list_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    make_profile()
    visitor.sign_in(administrator)
    visitor.open(LIST)
    visitor.assert_sound("messages-empty")


def test_the_page_of_a_message_is_sound(
    visitor: Visitor, administrator: AbstractBaseUser, log: dict[str, Message]
) -> None:
    visitor.sign_in(administrator)
    for name in ("delayed", "sent", "moved", "failed", "partly", "uncertain", "expired", "many"):
        page = visitor.open(page_of(log[name]))
        page.locator("#content details").evaluate_all("all => all.forEach(details => { details.open = true; })")
        visitor.assert_sound(f"message-{name}")


def test_question_and_text_are_sound(
    visitor: Visitor, administrator: AbstractBaseUser, log: dict[str, Message]
) -> None:
    visitor.sign_in(administrator)
    page = visitor.open(page_of(log["uncertain"]))
    with page.expect_navigation():
        page.locator("form[action*='/resend/'] button").click()
    visitor.assert_sound("message-question")
    page = visitor.open(f"{LIST}{log['failed'].pk}/text/")
    visitor.assert_sound("message-text-asked")
    with page.expect_navigation():
        page.locator("#content form button").click()
    visitor.assert_sound("message-text")


def test_the_dashboard_with_mail_is_sound(
    visitor: Visitor, administrator: AbstractBaseUser, log: dict[str, Message]
) -> None:
    visitor.sign_in(administrator)
    all_is_well()
    visitor.open("/admin/")
    visitor.assert_sound("dashboard-mail")
    trouble()
    page = visitor.open("/admin/")
    page.locator("#content details").evaluate_all("all => all.forEach(details => { details.open = true; })")
    visitor.assert_sound("dashboard-trouble")
    visitor.open("/admin/smtpadmin/profile/")
    visitor.assert_sound("profiles-paused")


def test_nothing_in_a_message_runs_or_loads(
    desktop: Visitor, administrator: AbstractBaseUser, log: dict[str, Message]
) -> None:
    desktop.sign_in(administrator)
    asked: list[str] = []
    desktop.page.on("request", lambda request: asked.append(request.url))
    page = desktop.open(f"{LIST}{log['failed'].pk}/text/")
    with page.expect_navigation():
        page.get_by_role("button", name="Read the text").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading")).to_have_text("Your order 4711 has been sent")
    expect(frame.locator("body")).to_contain_text("<https://shop.example.com/orders/4711>")
    assert frame.get_by_role("link").count() == 0
    assert page.title().startswith("Text of the message")
    assert [url for url in asked if not url.startswith((desktop.base_url, "about:"))] == []


def test_a_message_is_found_and_decided_without_scripts(
    scriptless: Visitor, administrator: AbstractBaseUser, log: dict[str, Message]
) -> None:
    scriptless.sign_in(administrator)
    page = scriptless.open(LIST)
    page.get_by_role("searchbox").fill("ivan@")
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("link", name="ivan@example.org").click()
    expect(page.get_by_role("heading", name="Unclear whether it was delivered")).to_be_visible()
    page.get_by_role("button", name="Send again…", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send again what may have arrived?")
    assert state(log["uncertain"]) == "uncertain"
    page.get_by_role("button", name="Yes, send again").click()
    expect(page.locator(".messagelist")).to_contain_text("The message is sent again.")
    assert state(log["uncertain"]) == "queued"
    expect(page.get_by_role("region", name="Who did what")).to_contain_text("Sent again, though it may have arrived")
    page.locator(".breadcrumbs").get_by_role("link", name="Messages").click()
    expect(page).to_have_url(re.compile(r"\?q=ivan"))


def test_some_messages_are_cancelled_without_scripts(
    scriptless: Visitor, administrator: AbstractBaseUser, log: dict[str, Message]
) -> None:
    scriptless.sign_in(administrator)
    page = scriptless.open(f"{LIST}?state=queued")
    for name in ("alice@example.org", "niaj@example.org"):
        page.get_by_role("checkbox", name=f"Select the message to {name}").check()
    page.locator("select[name=action]").select_option(label="Cancel")
    page.get_by_role("button", name="Go").click()
    expect(page.locator("#content")).to_contain_text("This is about 2 messages.")
    page.get_by_role("button", name="Yes, do not send").click()
    expect(page.locator(".messagelist")).to_contain_text("2 messages are cancelled and will not be sent.")
    assert [state(log[name]) for name in ("waiting", "interrupted", "delayed")] == ["cancelled", "cancelled", "queued"]


def test_the_keyboard_is_enough(desktop: Visitor, administrator: AbstractBaseUser, log: dict[str, Message]) -> None:
    desktop.sign_in(administrator)
    page = desktop.open(page_of(log["delayed"]))
    button = page.get_by_role("button", name="Try now")
    for _ in range(40):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("The message is tried at once.")
    assert LogEntry.objects.count() == 1


def test_a_paused_profile_tries_again_from_the_dashboard(
    scriptless: Visitor, administrator: AbstractBaseUser, log: dict[str, Message]
) -> None:
    trouble()
    scriptless.sign_in(administrator)
    page = scriptless.open("/admin/")
    page.get_by_role("button", name=re.compile("Try now ?: Microsoft 365 – receipts")).click()
    expect(page.locator(".messagelist")).to_contain_text("is tried at once")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
    assert Circuit.objects.get().failures == 0

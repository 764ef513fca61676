"""The pages of alert channels: what may be saved, what is shown, what the button does."""

import importlib.util
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from smtpadmin import keys
from smtpadmin.models import AlertChannel, AlertNotice, IncidentKind, Message, Profile
from tests.admin.conftest import CANARY, person, signed_in
from tests.admin.forms import errors, text_of
from tests.support import alerts
from tests.support.alerts import make_channel, make_incident
from tests.support.certificates import CertificateFactory
from tests.support.profiles import make_profile
from tests.support.receiver import Receiver, StartReceiver
from tests.support.stock_admin import use_stock_admin

pytestmark = pytest.mark.django_db

LIST = "/admin/smtpadmin/alertchannel/"
ADD = f"{LIST}add/"
ALL = list(IncidentKind.values)
WEBHOOK = {"kind": "webhook", "name": "Ops", "language": "en", "kinds": ALL, "enabled": "on"}
URL = f"https://hooks.example.com/{CANARY}"


def page(channel: AlertChannel, name: str = "change") -> str:
    return f"{LIST}{channel.pk}/{name}/"


def opened(channel: AlertChannel) -> tuple[str, str]:
    channel.refresh_from_db()
    ring = keys.keyring()
    secret = ring.open(channel.secret_context, channel.sealed_secret).decode() if channel.sealed_secret else ""
    return ring.open(channel.target_context, channel.sealed_target).decode(), secret


# Adding


def test_without_a_channel_the_list_offers_the_ways(admin: Client) -> None:
    shown = text_of(admin.get(LIST))
    assert "Nobody is told yet when mail stops." in shown
    for kind in ("mail", "webhook", "service"):
        assert f'{ADD}?kind={kind}"' in admin.get(LIST).content.decode()
    assert "once an hour at most" in shown


@pytest.mark.parametrize("query", ["", "?kind=nonsense"])
def test_adding_begins_with_the_choice_of_a_way(admin: Client, query: str) -> None:
    assert "How do you want to be told?" in text_of(admin.get(ADD + query))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("mail", {"profile", "addresses"}),
        ("webhook", {"target", "secret", "ca_pem"}),
        ("service", {"target"}),
    ],
)
def test_the_form_has_the_fields_of_its_kind(admin: Client, kind: str, fields: set[str]) -> None:
    form = admin.get(f"{ADD}?kind={kind}").context["form"]
    assert set(form.fields) == {"name", "enabled", "language", "kinds"} | fields
    assert set(form["kinds"].value()) == set(ALL)


def test_a_webhook_is_saved_sealed_and_leads_to_its_test(admin: Client) -> None:
    answers = WEBHOOK | {"target": URL, "secret": CANARY, "_test": "1"}
    response = admin.post(ADD, answers, follow=True)
    channel = AlertChannel.objects.get()
    assert response.redirect_chain == [(page(channel, "test"), 302)]
    assert (channel.kind, channel.hint, channel.kinds) == ("webhook", "hooks.example.com", [])
    assert opened(channel) == (URL, CANARY)
    assert "hooks.example.com" in text_of(response)
    # The clients of these tests look for the canary in every page.
    for name in ("change", "history", "delete", "test"):
        assert admin.get(page(channel, name)).status_code == 200
    assert admin.get(LIST).status_code == 200
    assert CANARY not in str(list(LogEntry.objects.values_list("change_message", "object_repr")))


def test_mail_goes_through_a_profile_to_addresses(admin: Client) -> None:
    profile = make_profile()
    answers = {
        **WEBHOOK,
        "kind": "mail",
        "profile": profile.pk,
        "addresses": "a@example.org, b@example.org\n\na@example.org",
    }
    assert admin.post(ADD, answers).status_code == 302
    channel = AlertChannel.objects.get()
    assert (channel.profile, channel.recipients) == (profile, ("a@example.org", "b@example.org"))
    assert "a@example.org, b@example.org, through “Main”" in text_of(admin.get(LIST))


def test_a_service_is_named_and_its_url_is_sealed(admin: Client) -> None:
    url = f"tgram://123456789:{CANARY}_hijklmnop/12345"
    assert admin.post(ADD, {**WEBHOOK, "kind": "service", "target": url}).status_code == 302
    channel = AlertChannel.objects.get()
    assert (channel.hint, opened(channel)) == ("Telegram", (url, ""))


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({}, "target", "Enter the address."),
        ({"target": "http://example.com/"}, "target", "A webhook is an https:// address"),
        ({"target": "https://user:pw@example.com/"}, "target", "A webhook is an https:// address"),
        ({"target": URL, "kinds": []}, "kinds", "Tick at least one"),
        ({"target": URL, "ca_pem": "nonsense"}, "ca_pem", ""),
        ({"target": URL, "name": ""}, "name", "This field is required."),
        ({"kind": "service", "target": "nonsense://x"}, "target", "Apprise does not understand this URL"),
        ({"kind": "service", "target": "syslog://"}, "target", "This service is not available here"),
        ({"kind": "mail", "addresses": "a@example.org"}, "profile", "Choose the profile"),
        ({"kind": "mail", "addresses": ""}, "addresses", "Enter at least one address."),
        ({"kind": "mail", "addresses": "nobody"}, "addresses", "it has no @"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(
    admin: Client, changes: dict[str, Any], field: str, words: str
) -> None:
    response = admin.post(ADD, WEBHOOK | changes)
    assert response.status_code == 200
    assert words in " ".join(errors(response)[field])
    assert AlertChannel.objects.count() == 0


def test_without_apprise_the_page_says_what_to_install(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "apprise" else find(name, *rest)
    )
    command = "pip install &#x27;smtpadmin[alerts]&#x27;"
    assert command in admin.get(ADD).content.decode()
    response = admin.post(ADD, {**WEBHOOK, "kind": "service", "target": "tgram://1:2/3"})
    assert "Apprise is not installed" in errors(response)["target"][0]


# Changing


@pytest.fixture
def channel(db: None) -> AlertChannel:
    return make_channel(kind="webhook", url=URL, secret=CANARY, hint="hooks.example.com")


def test_empty_boxes_keep_what_is_stored(admin: Client, channel: AlertChannel) -> None:
    answers = WEBHOOK | {"name": "Night shift", "kinds": ["queue_old"], "language": "zh-hans"}
    assert admin.post(page(channel), answers).status_code == 302
    assert opened(channel) == (URL, CANARY)
    assert (channel.name, channel.kinds, channel.language) == ("Night shift", ["queue_old"], "zh-hans")


def test_the_kind_of_a_channel_stays(admin: Client, channel: AlertChannel) -> None:
    admin.post(page(channel), {**WEBHOOK, "kind": "service"})
    channel.refresh_from_db()
    assert channel.kind == "webhook"


def test_the_signing_secret_can_be_taken_away(admin: Client, channel: AlertChannel) -> None:
    admin.post(page(channel), WEBHOOK | {"remove_secret": "on"})
    assert opened(channel) == (URL, "")


def test_another_ca_needs_the_address_again(
    admin: Client, channel: AlertChannel, certificates: CertificateFactory
) -> None:
    answers = WEBHOOK | {"ca_pem": certificates.ca_pem}
    assert "Enter the address again" in errors(admin.post(page(channel), answers))["target"][0]
    assert admin.post(page(channel), answers | {"target": URL}).status_code == 302
    assert admin.post(page(channel), answers).status_code == 302


def test_a_changed_channel_tries_again_what_it_could_not_tell(admin: Client, channel: AlertChannel) -> None:
    incident = make_incident(make_profile())
    row = {"incident": incident, "channel": channel, "event": "opened", "attempts": 1, "reason": "timeout"}
    notice = AlertNotice.objects.create(created_at=incident.opened_at, due_at=incident.opened_at, **row)
    later = notice.due_at.replace(year=notice.due_at.year + 1)
    AlertNotice.objects.update(due_at=later)
    admin.post(page(channel), WEBHOOK)
    notice.refresh_from_db()
    assert notice.due_at < later


def test_deleting_destroys_it_and_says_who_is_not_heard_of_then(admin: Client, channel: AlertChannel) -> None:
    make_profile()
    shown = text_of(admin.get(page(channel, "delete")))
    assert "Without this channel nobody is told when one of these profiles fails: Main" in shown
    assert admin.post(page(channel, "delete"), {"post": "yes"}).status_code == 302
    assert AlertChannel.objects.count() == 0


# The list


def test_profiles_that_nobody_would_hear_of_are_named(admin: Client) -> None:
    main, backup = make_profile(), make_profile(slug="backup")
    make_channel(profile=backup, addresses="ops@example.org")
    assert "Nobody is told when this profile fails: Backup" in text_of(admin.get(LIST))
    make_channel(name="Second", profile=main, addresses="ops@example.org")
    assert "Nobody is told" not in text_of(admin.get(LIST))
    Profile.objects.filter(pk=main.pk).update(enabled=False)
    assert "Nobody is told when this profile fails: Backup" in text_of(admin.get(LIST))
    make_channel(name="Third", kind="webhook", url=URL, kinds=["queue_old"])
    assert "Nobody is told when this profile fails: Backup" in text_of(admin.get(LIST))
    AlertChannel.objects.filter(name="Third").update(kinds=[])
    assert "Nobody is told" not in text_of(admin.get(LIST))


def test_the_list_costs_the_same_for_one_and_for_many(
    admin: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    profile = make_profile()
    make_channel(profile=profile, addresses="ops@example.org")
    admin.get(LIST)
    with django_assert_num_queries(12):
        admin.get(LIST)
    for number in range(5):
        make_channel(name=f"More {number}", profile=make_profile(slug=f"p{number}"), addresses="ops@example.org")
    with django_assert_num_queries(12):
        admin.get(LIST)


# The dashboard


def attention(client: Client) -> list[str]:
    shown = client.get("/admin/").content.decode()
    return [part.split("</span>")[0].split("<span>")[1] for part in shown.split("sa-attention-item")[1:]]


NOBODY = "Nobody is told when mail stops: no alert is set up."


def test_the_dashboard_says_that_nobody_is_told(admin: Client, viewer: Client) -> None:
    assert attention(admin) == []
    main = make_profile(is_default=True, test_state="working")
    assert attention(admin) == [NOBODY]
    assert f'href="{LIST}"' in admin.get("/admin/").content.decode()
    assert attention(viewer) == []
    make_channel(name="A", profile=main, addresses="ops@example.org")
    assert attention(admin) == ["Nobody is told when “Main” fails: no alert goes another way."]
    make_channel(name="B", kind="webhook", url=URL)
    assert attention(admin) == []


def test_the_dashboard_says_that_alerts_do_not_arrive(admin: Client, viewer: Client) -> None:
    make_profile(is_default=True, test_state="working")
    make_channel(name="Pager", kind="webhook", url=URL, last_ok=False, last_reason="host-unknown")
    make_channel(name="Off", kind="webhook", url=URL, last_ok=False, last_reason="host-unknown", enabled=False)
    assert attention(admin) == ["Alerts through “Pager” do not arrive: its last try failed."]
    assert attention(viewer) == []


# The button


@pytest.fixture
def receiver(start_receiver: StartReceiver, certificates: CertificateFactory) -> Receiver:
    return start_receiver(certificates.good)


@pytest.fixture
def live(receiver: Receiver, certificates: CertificateFactory) -> AlertChannel:
    return make_channel(kind="webhook", url=receiver.url(f"/{CANARY}"), secret=CANARY, ca_pem=certificates.ca_pem)


@pytest.mark.django_db(transaction=True)
def test_the_button_sends_and_shows_that_it_was_taken(admin: Client, receiver: Receiver, live: AlertChannel) -> None:
    response = admin.post(page(live, "test/run"), follow=True)
    assert response.redirect_chain == [(page(live, "test") + "#result", 302)]
    assert "The alert was taken" in text_of(response)
    assert [call.json["event"] for call in receiver.calls] == ["test"]
    assert "Working" in text_of(admin.get(LIST))


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_shown_with_its_cause_and_cure(admin: Client, receiver: Receiver, live: AlertChannel) -> None:
    receiver.answers.append((404, {}))
    shown = text_of(admin.post(page(live, "test/run"), follow=True))
    assert "There is nothing at this address" in shown
    assert "Copy the address there once more and enter it here." in shown
    assert "HTTP 404" in shown
    assert "There is nothing at this address" in text_of(admin.get(page(live)))
    assert "Failing" in text_of(admin.get(LIST))


def test_in_chinese_too(admin: Client, receiver: Receiver, live: AlertChannel) -> None:
    receiver.answers.append((404, {}))
    admin.post(page(live, "test/run"))
    response = admin.get(page(live, "test"), headers={"Accept-Language": "zh-CN"})
    assert "该地址不存在" in text_of(response)
    assert "在接收方重新复制地址，并填写到这里。" in text_of(response)


def test_a_test_by_mail_leads_to_its_message(admin: Client) -> None:
    channel = make_channel(profile=make_profile(password=CANARY), addresses="ops@example.org")
    response = admin.post(page(channel, "test/run"), follow=True)
    message = Message.objects.get()
    shown = text_of(response)
    assert "The alert is on its way" in shown
    assert f"/admin/smtpadmin/message/{message.pk}/change/" in response.content.decode()
    assert "No worker is running, so mail waits." in shown
    Message.objects.update(state="sent", ended_at=message.created_at, recipients_sent=1)
    assert "The mail server has taken it." in text_of(admin.get(f"{page(channel, 'test')}?message={message.uid}"))


@pytest.mark.parametrize("name", ["\x00", "unknown", "é" * 300])
def test_a_link_to_the_result_of_no_message_shows_the_page(admin: Client, name: str) -> None:
    channel = make_channel(profile=make_profile(), addresses="ops@example.org")
    assert admin.get(page(channel, "test"), {"message": name}).status_code == 200


def test_too_many_tests_within_a_minute_are_refused(
    admin: Client, receiver: Receiver, live: AlertChannel, settings: Any
) -> None:
    settings.SMTPADMIN = {**settings.SMTPADMIN, "TESTS_PER_MINUTE": 1}
    admin.post(page(live, "test/run"))
    assert "many tests within a minute" in text_of(admin.post(page(live, "test/run"), follow=True))
    assert len(receiver.calls) == 1


def test_a_test_is_pressed_and_not_opened(admin: Client, live: AlertChannel) -> None:
    assert admin.get(page(live, "test/run")).status_code == 405


# Who may what, and where


def reader(*codenames: str) -> Client:
    user: User = person("reader")
    user.user_permissions.set(Permission.objects.filter(codename__in=[f"{name}_alertchannel" for name in codenames]))
    return signed_in(user)


@pytest.mark.parametrize(
    ("codenames", "expected"),
    [
        ((), {"list": 403, "add": 403, "change": 403, "test": 403, "run": 403, "delete": 403}),
        (("view",), {"list": 200, "add": 403, "change": 200, "test": 403, "run": 403, "delete": 403}),
        (("view", "change"), {"list": 200, "add": 403, "change": 200, "test": 200, "run": 302, "delete": 403}),
        (("add",), {"list": 403, "add": 200, "change": 403, "test": 403, "run": 403, "delete": 403}),
        (("view", "delete"), {"list": 200, "add": 403, "change": 200, "test": 403, "run": 403, "delete": 200}),
    ],
)
def test_everybody_may_what_their_permissions_say(codenames: tuple[str, ...], expected: dict[str, int]) -> None:
    channel = make_channel(name="Nobody", profile=None, addresses="ops@example.org")
    client = reader(*codenames)
    found = {
        "list": client.get(LIST),
        "add": client.get(ADD),
        "change": client.get(page(channel)),
        "test": client.get(page(channel, "test")),
        "run": client.post(page(channel, "test/run")),
        "delete": client.get(page(channel, "delete")),
    }
    assert {name: response.status_code for name, response in found.items()} == expected


def test_a_reader_sees_where_it_leads_and_no_form(channel: AlertChannel) -> None:
    response = reader("view").get(page(channel))
    assert "hooks.example.com" in text_of(response)
    assert 'name="target"' not in response.content.decode()


def test_a_locked_panel_says_so(admin: Client, channel: AlertChannel, settings: Any) -> None:
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    assert admin.get(LIST).status_code == 200
    for address in (f"{ADD}?kind=mail", page(channel), page(channel, "test"), page(channel, "delete")):
        response = admin.get(address)
        assert (response.status_code, "the encryption key is missing" in text_of(response)) == (503, True)


@pytest.mark.parametrize("address", [LIST, ADD, f"{ADD}?kind=webhook", "change", "test", "history", "delete"])
def test_the_pages_stand_in_a_host_s_admin(admin: Client, channel: AlertChannel, settings: Any, address: str) -> None:
    use_stock_admin(settings)
    shown = admin.get(address if address.startswith("/") else page(channel, address)).content.decode()
    assert "Django administration" in shown
    assert "smtpadmin/smtpadmin.css" in shown
    assert "panel/theme.css" not in shown


def test_an_incident_is_told_by_what_was_made_on_these_pages(admin: Client) -> None:
    backup = make_profile(slug="backup")
    admin.post(ADD, {**WEBHOOK, "kind": "mail", "profile": backup.pk, "addresses": "ops@example.org"})
    make_incident(make_profile(slug="failing"))
    from smtpadmin.alerts import telling

    assert telling.tell_due() == 1
    assert alerts.notices() == [("opened", "sent")]
    assert Message.objects.get().profile == backup

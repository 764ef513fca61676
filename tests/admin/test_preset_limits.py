"""A provider's published limits in the fields of a profile: filled in once, and anybody's to change."""

import pytest
from django.test import Client

from smtpadmin.admin import preset_limits, presets
from smtpadmin.diagnosis import catalogue
from smtpadmin.models import Profile
from smtpadmin.providers import Limits, Provider, Window
from tests.admin.conftest import CANARY
from tests.admin.forms import ADD, errors, text_of

pytestmark = pytest.mark.django_db

# Of all 131 records, those that publish something a profile can keep.
PUBLISHED = {
    "aliyun-directmail": {"rate_minute": "1666", "max_message_bytes": "15728640"},
    "amazon-ses": {
        "rate_second": "1", "rate_day": "200", "max_recipients": "50", "max_message_bytes": "41943040",
    },
    "brevo": {"rate_day": "300"},
    "emailit": {"rate_second": "2"},
    "gmail": {"rate_day": "500", "max_recipients": "100"},
    "google-workspace": {"rate_day": "2000", "max_recipients": "100"},
    "google-workspace-relay": {"rate_day": "10000", "max_recipients": "100"},
    "icloud": {"rate_day": "1000", "max_recipients": "500", "max_message_bytes": "20971520"},
    "infomaniak": {"rate_day": "100"},
    "ionos": {"rate_hour": "50", "max_recipients": "200"},
    "mailersend": {"rate_minute": "120"},
    "microsoft365": {"rate_minute": "30", "rate_day": "10000", "batch": "3"},
    "postmark": {"max_recipients": "50", "max_message_bytes": "10485760"},
    "tencent-ses": {
        "rate_second": "20", "rate_day": "500", "max_recipients": "50", "max_message_bytes": "10485760",
    },
    "yandex": {"rate_day": "500", "max_recipients": "35"},
}  # fmt: skip


def add(client: Client, **data: str) -> Profile:
    response = client.post(ADD, {"secret": CANARY} | data)
    assert response.status_code == 302, errors(response)
    return Profile.objects.latest("pk")


def limits_of(profile: Profile) -> dict[str, str]:
    return {name: str(getattr(profile, name) or "") for name in preset_limits.UNLIMITED}


def test_all_of_these_are_records() -> None:
    assert set(PUBLISHED) <= {provider.key for provider in catalogue()}


@pytest.mark.parametrize("provider", catalogue(), ids=lambda provider: provider.key)
def test_each_record_fills_in_what_it_publishes(provider: Provider) -> None:
    values = {"address": "notify@shop.example", "provider": provider.key}
    presets.fill_in(values, language="en")
    filled = {name: values[name] for name in preset_limits.UNLIMITED}
    assert filled == preset_limits.UNLIMITED | PUBLISHED.get(provider.key, {})
    assert values["limits_from"] == provider.key


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        (Limits(windows=(Window(count=5000, seconds=180),)), {"rate_minute": "1666"}),
        (Limits(windows=(Window(count=100, seconds=90),)), {"rate_minute": "50"}),
        # Less than one in each minute: so many in an hour are too few for comfort, and never too many.
        (Limits(windows=(Window(count=1, seconds=90),)), {"rate_hour": "1"}),
        (Limits(windows=(Window(count=1000, seconds=7 * 86400),)), {"rate_day": "142"}),
        (Limits(per_minute=10, windows=(Window(count=12, seconds=120),)), {"rate_minute": "6"}),
        (Limits(per_day=500, recipients_per_day=2000, external_recipients_per_day=300), {"rate_day": "300"}),
        (Limits(connections=2), {"batch": "2"}),
        (Limits(connections=100), {}),
        (Limits(), {}),
    ],
    ids=str,
)
def test_a_figure_of_another_kind_becomes_one_that_keeps_it(published: Limits, expected: dict[str, str]) -> None:
    gmail = next(provider for provider in catalogue() if provider.key == "gmail")
    fields = {name: getattr(gmail, name) for name in gmail.__struct_fields__} | {"limits": published}
    assert preset_limits.limits(Provider(**fields)) == preset_limits.UNLIMITED | expected


# Through the form


def test_an_address_and_a_secret_save_the_limits_too(admin: Client) -> None:
    assert limits_of(add(admin, address="a@shop.example", provider="tencent-ses")) == {
        "rate_second": "20", "rate_minute": "", "rate_hour": "", "rate_day": "500", "max_recipients": "50",
        "max_message_bytes": "10485760", "batch": "20",
    }  # fmt: skip


def test_what_was_entered_stays(admin: Client) -> None:
    profile = add(admin, address="a@shop.example", provider="tencent-ses", rate_day="50000", batch="7")
    assert (profile.rate_second, profile.rate_day, profile.batch) == (20, 50_000, 7)


def test_what_was_filled_in_and_emptied_stays_empty(admin: Client) -> None:
    data = {"address": "a@shop.example", "provider": "tencent-ses", "limits_from": "tencent-ses"}
    profile = add(admin, **data, rate_second="14", rate_day="", max_recipients="", max_message_bytes="")
    assert limits_of(profile) == preset_limits.UNLIMITED | {"rate_second": "14"}


def test_another_provider_brings_its_own_limits_and_leaves_what_was_entered(admin: Client) -> None:
    data = {"address": "a@shop.example", "provider": "microsoft365", "limits_from": "tencent-ses"}
    profile = add(admin, **data, rate_second="20", rate_day="77", max_recipients="50", batch="20")
    assert limits_of(profile) == preset_limits.UNLIMITED | {"rate_minute": "30", "rate_day": "77", "batch": "3"}


def test_no_provider_takes_the_former_one_s_limits_away(admin: Client) -> None:
    data = {"address": "a@shop.example", "provider": "other", "host": "mail.shop.example"}
    profile = add(admin, **data, limits_from="microsoft365", rate_minute="30", rate_day="10000", batch="3")
    assert limits_of(profile) == preset_limits.UNLIMITED


def test_the_page_shows_them_and_says_where_they_are_from(admin: Client) -> None:
    response = admin.get(ADD, {"provider": "tencent-ses", "address": "a@shop.example"})
    form = response.context["form"]
    assert [form[name].value() for name in ("rate_second", "rate_day", "limits_from")] == ["20", "500", "tencent-ses"]
    assert "20 a second · 500 a day · 20 at once" in text_of(response)
    note = (
        '<div class="sa-field" data-limits-note><p class="sa-note sa-fine">Filled in from the limits that the provider'
    )
    assert note in response.content.decode()


@pytest.mark.parametrize("query", [{}, {"provider": "qq"}, {"provider": "other"}])
def test_without_published_limits_it_says_nothing_of_them(admin: Client, query: dict[str, str]) -> None:
    assert '<div class="sa-field" data-limits-note hidden>' in admin.get(ADD, query).content.decode()


def test_a_saved_profile_is_not_filled_in_again(admin: Client) -> None:
    profile = add(admin, address="a@shop.example", provider="tencent-ses", limits_from="tencent-ses")
    page = admin.get(f"/admin/smtpadmin/profile/{profile.pk}/change/")
    assert '<div class="sa-field" data-limits-note hidden>' in page.content.decode()
    assert page.context["form"]["rate_second"].value() is None
    assert page.context["form"]["limits_from"].value() == "tencent-ses"


def test_a_limit_of_none_is_refused(admin: Client) -> None:
    response = admin.post(ADD, {"address": "a@qq.com", "secret": CANARY, "rate_minute": "0"})
    assert errors(response) == {"rate_minute": ["Ensure this value is greater than or equal to 1."]}

"""The pages in a host project's untouched admin."""

from typing import Any

import pytest
from django.test import Client

from smtpadmin.models import Profile
from tests.admin.conftest import CANARY
from tests.admin.forms import ADD, page, text_of, values
from tests.support.mail import put
from tests.support.stock_admin import use_stock_admin

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def host(settings: Any) -> None:
    use_stock_admin(settings)


@pytest.mark.parametrize(
    "address",
    [
        "/admin/smtpadmin/",
        "/admin/smtpadmin/profile/",
        "/admin/smtpadmin/profile/add/",
        "/admin/smtpadmin/profile/providers/",
        "/admin/smtpadmin/profile/route/?recipient=you@example.org&sender=&profile=&lane=",
        "{profile}change/",
        "{profile}test/",
        "{profile}history/",
        "{profile}health/",
        "{profile}support/",
        "{profile}delete/",
        "/admin/smtpadmin/message/",
        "{message}change/",
        "{message}text/",
    ],
)
def test_every_page_has_the_host_s_frame_and_the_app_s_styles(admin: Client, profile: Profile, address: str) -> None:
    message = f"/admin/smtpadmin/message/{put(profile).pk}/"
    url = address.format(profile=page(profile, "").removesuffix("/"), message=message)
    shown = admin.get(url).content.decode()
    assert "Django administration" in shown
    assert "smtpadmin/smtpadmin.css" in shown
    assert "panel/theme.css" not in shown


def test_deciding_works(admin: Client, profile: Profile) -> None:
    message = put(profile)
    response = admin.post(f"/admin/smtpadmin/message/{message.pk}/cancel/", {"confirmed": "yes"})
    assert response["Location"] == f"/admin/smtpadmin/message/{message.pk}/change/"
    message.refresh_from_db()
    assert message.state == "cancelled"


def test_adding_editing_and_the_locked_page_work(admin: Client, settings: Any) -> None:
    assert admin.post(ADD, {"address": "a@qq.com", "secret": CANARY}).status_code == 302
    profile = Profile.objects.get()
    assert admin.post(page(profile), values(profile, batch="5")).status_code == 302
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    assert "the encryption key is missing" in text_of(admin.get(page(profile)))

"""The provider pages: the searchable list, the guide, the script's presets."""

import json

import pytest
from django.test import Client

from smtpadmin.diagnosis import catalogue
from tests.admin.forms import text_of

pytestmark = pytest.mark.django_db

PROVIDERS = "/admin/smtpadmin/profile/providers/"


def keys(client: Client, query: str) -> list[str]:
    page = client.get(PROVIDERS, {"q": query}).content.decode()
    return [part.split('"')[0] for part in page.split('id="provider-')[1:] if not part.startswith("search")]


def test_all_providers_are_on_the_page_by_kind(admin: Client) -> None:
    response = admin.get(PROVIDERS)
    assert sum(len(group.cards) for group in response.context["groups"]) == len(catalogue())
    assert [group.key for group in response.context["groups"]] == ["mailbox", "business", "transactional", "local"]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("qq", "qq"),
        ("QQ 邮箱", "qq"),
        ("me@gmail.com", "gmail"),
        ("smtp.zoho.eu", "zoho-eu"),
        ("DirectMail", "aliyun-directmail"),
    ],
)
def test_a_search_without_scripts_finds_by_name_address_and_server(admin: Client, query: str, first: str) -> None:
    assert keys(admin, query)[0] == first


def test_a_search_that_finds_nothing_says_so_and_offers_another_server(admin: Client) -> None:
    response = admin.get(PROVIDERS, {"q": "no such provider"})
    assert "No provider fits." in text_of(response)
    assert 'href="/admin/smtpadmin/profile/add/?provider=other"' in response.content.decode()


def test_a_card_says_what_the_password_is_and_where_it_was_checked(admin: Client) -> None:
    shown = text_of(admin.get(PROVIDERS, {"q": "qq.com"}))
    for words in ("Authorization code", "smtp.qq.com:465 SSL/TLS", "Use this", "Checked", "Sources"):
        assert words in shown


def test_a_provider_without_passwords_is_not_offered_for_use(admin: Client) -> None:
    response = admin.get(PROVIDERS, {"q": "outlook.com"})
    assert "No password works" in text_of(response)
    assert '?provider=outlook"' not in response.content.decode()


def test_a_viewer_is_not_offered_to_use_one(viewer: Client) -> None:
    assert "Use this" not in viewer.get(PROVIDERS).content.decode()


def test_a_notice_of_a_retirement_ahead_is_in_sight(admin: Client) -> None:
    page = admin.get(PROVIDERS, {"q": "microsoft365"}).content.decode()
    assert 'class="sa-notice"' in page


def test_the_page_is_chinese_for_chinese_readers(admin: Client) -> None:
    shown = text_of(admin.get(PROVIDERS, {"q": "qq"}, headers={"accept-language": "zh-CN"}))
    for words in ("QQ 邮箱", "QQ Mail", "授权码", "使用"):
        assert words in shown


def test_the_guide_is_a_piece_of_html_for_the_form(admin: Client) -> None:
    response = admin.get(f"{PROVIDERS}qq/guide/", {"address": "a@qq.com"})
    assert "Set up QQ Mail" in text_of(response)
    assert "<html" not in response.content.decode()
    assert "?provider=qq&amp;endpoint=1&amp;address=a%40qq.com" in response.content.decode()
    assert admin.get(f"{PROVIDERS}nobody/guide/").status_code == 404


def test_the_guide_links_pages_and_leaves_the_names_of_servers_alone(admin: Client) -> None:
    page = admin.get(f"{PROVIDERS}gmail/guide/").content.decode()
    assert '<a href="https://myaccount.google.com/apppasswords" target="_blank" rel="noopener noreferrer">' in page
    assert ">smtp.gmail.com</a>" not in page


def test_the_presets_may_be_kept_by_the_browser_and_change_their_address_with_their_contents(admin: Client) -> None:
    form = admin.get("/admin/smtpadmin/profile/add/").content.decode()
    address = form.split('data-presets="')[1].split('"')[0].replace("&amp;", "&")
    response = admin.get(address)
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    presets = {preset["key"]: preset for preset in json.loads(response.content)}
    assert presets["qq"] == {
        "key": "qq", "name": "QQ Mail", "secretLabel": "Authorization code", "username": "full_address",
        "mailbox": True, "domains": presets["qq"]["domains"], "host": "smtp.qq.com", "port": 465, "security": "tls",
        **({"aliases": presets["qq"]["aliases"]} if "aliases" in presets["qq"] else {}),
    }  # fmt: skip
    assert presets["outlook"]["noPassword"] == "oauth2"
    chinese = admin.get("/admin/smtpadmin/profile/add/", headers={"accept-language": "zh-CN"}).content.decode()
    assert address.split("v=")[1] not in chinese

"""Adding a profile: an address and a secret are enough."""

from datetime import timedelta

import pytest
from django.test import Client

from smtpadmin import profiles
from smtpadmin.models import Profile
from smtpadmin.models.profile import today
from tests.admin.conftest import CANARY
from tests.admin.forms import ADD, errors, text_of
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

_UNCHECKED = {
    "skip_verify": "on", "skip_verify_reason": "Old device", "skip_verify_until": str(today() + timedelta(days=7)),
}  # fmt: skip


def add(client: Client, **data: str) -> Profile:
    """Fill in the form and return the profile that it made."""
    response = client.post(ADD, data)
    assert response.status_code == 302, errors(response)
    return Profile.objects.latest("pk")


def refused(client: Client, **data: str) -> dict[str, list[str]]:
    """Fill in the form and return what is wrong with it."""
    response = client.post(ADD, data)
    assert response.status_code == 200, "It was saved."
    return errors(response)


def test_an_address_and_a_secret_make_a_working_profile(admin: Client) -> None:
    profile = add(admin, address="notify@qq.com", secret=CANARY)
    assert {
        name: getattr(profile, name)
        for name in ("name", "slug", "provider", "host", "port", "security", "username", "sign_in", "from_address",
                     "from_name", "batch", "connect_timeout", "enabled", "is_default")
    } == {
        "name": "QQ Mail – notify", "slug": "qq-mail-notify", "provider": "qq", "host": "smtp.qq.com", "port": 465,
        "security": "tls", "username": "notify@qq.com", "sign_in": "auto", "from_address": "notify@qq.com",
        "from_name": "", "batch": 20, "connect_timeout": 30, "enabled": True, "is_default": True,
    }  # fmt: skip
    assert profiles.password(profile).reveal() == CANARY


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # provider, host, port, security, username
        ({"address": "a@163.com"}, ("netease-163", "smtp.163.com", 465, "tls", "a@163.com")),
        ({"address": "a@gmail.com"}, ("gmail", "smtp.gmail.com", 465, "tls", "a@gmail.com")),
        ({"address": "a@shop.example", "provider": "sendgrid"},
         ("sendgrid", "smtp.sendgrid.net", 465, "tls", "apikey")),
        ({"address": "a@shop.example", "provider": "sendgrid", "port": "587"},
         ("sendgrid", "smtp.sendgrid.net", 587, "starttls", "apikey")),
        ({"address": "a@shop.example", "host": "mail.shop.example"},
         ("", "mail.shop.example", 465, "tls", "a@shop.example")),
        ({"address": "a@shop.example", "host": "mail.shop.example", "security": "starttls"},
         ("", "mail.shop.example", 587, "starttls", "a@shop.example")),
        ({"address": "a@shop.example", "provider": "postmark"},
         ("postmark", "smtp.postmarkapp.com", 587, "starttls", "")),
        ({"address": "a@shop.example", "provider": "mailpit"}, ("mailpit", "localhost", 1025, "none", "")),
    ],
)  # fmt: skip
def test_what_is_left_out_follows_from_the_provider(
    admin: Client, data: dict[str, str], expected: tuple[object, ...]
) -> None:
    profile = add(admin, secret=CANARY, **data)
    found = (profile.provider, profile.host, profile.port, profile.security, profile.username)
    assert found == expected


@pytest.mark.parametrize(
    ("data", "policy"),
    [
        ({"address": "a@qq.com"}, "replace"),
        ({"address": "a@qq.com", "from_policy": "keep"}, "keep"),
        ({"address": "a@gmail.com"}, "keep"),
        ({"address": "a@shop.example", "host": "mail.shop.example"}, "keep"),
    ],
)
def test_other_froms_are_replaced_where_the_provider_would_refuse_them(
    admin: Client, data: dict[str, str], policy: str
) -> None:
    assert add(admin, secret=CANARY, **data).from_policy == policy


def test_what_was_typed_is_not_overwritten(admin: Client) -> None:
    profile = add(admin, address="a@qq.com", secret=CANARY, name="Alerts", slug="alerts", username="a@qq.com",
                  host="smtp.qq.com", port="587", security="starttls")  # fmt: skip
    assert (profile.name, profile.slug, profile.port, profile.security) == ("Alerts", "alerts", 587, "starttls")


def test_the_from_may_have_a_display_name_in_any_script(admin: Client) -> None:
    profile = add(admin, address="通知中心 <notify@qq.com>", secret=CANARY)
    assert (profile.from_name, profile.from_address) == ("通知中心", "notify@qq.com")


def test_two_profiles_of_one_mailbox_get_names_that_tell_them_apart(admin: Client) -> None:
    first = add(admin, address="notify@qq.com", secret=CANARY)
    second = add(admin, address="notify@qq.com", secret=CANARY)
    assert (first.name, second.name) == ("QQ Mail – notify", "QQ Mail – notify 2")
    assert (first.slug, second.slug) == ("qq-mail-notify", "qq-mail-notify-2")


def test_a_suggested_name_that_is_taken_gets_a_number_too(admin: Client) -> None:
    make_profile(name="example.org")
    profile = add(admin, address="notify@example.org", secret=CANARY, host="mail.example.org", name="example.org")
    assert profile.name == "example.org 2"


@pytest.mark.parametrize(("field", "value"), [("name", "Main"), ("slug", "main")])
def test_a_taken_name_is_said_beside_its_field(admin: Client, field: str, value: str) -> None:
    make_profile(name="Main", slug="main")
    found = refused(admin, address="notify@qq.com", secret=CANARY, **{field: value})
    assert list(found) == [field]


def test_only_the_first_profile_becomes_the_default(admin: Client) -> None:
    first = add(admin, address="a@qq.com", secret=CANARY)
    second = add(admin, address="b@qq.com", secret=CANARY)
    first.refresh_from_db()
    assert (first.is_default, second.is_default) == (True, False)


def test_an_address_alone_comes_back_filled_in_with_the_steps_to_the_secret(admin: Client) -> None:
    response = admin.post(ADD, {"address": "notify@qq.com"})
    form = response.context["form"]
    assert (form["host"].value(), form["port"].value(), form["username"].value()) == (
        "smtp.qq.com",
        "465",
        "notify@qq.com",
    )
    assert errors(response) == {"secret": ["This is still missing. The guide says where to get it."]}
    page = text_of(response)
    assert "Authorization code" in page
    assert "Set up QQ Mail" in page
    assert not Profile.objects.exists()


def test_a_link_fills_in_provider_address_and_endpoint(admin: Client) -> None:
    response = admin.get(ADD, {"provider": "tencent-ses", "address": "a@shop.example", "endpoint": "2"})
    form = response.context["form"]
    assert [form[name].value() for name in ("provider", "host", "port", "security", "username")] == [
        "tencent-ses", "sg-smtp.qcloudmail.com", "465", "tls", "a@shop.example",
    ]  # fmt: skip


@pytest.mark.parametrize("query", [{"provider": "nobody"}, {"provider": "qq", "endpoint": "99"}, {"endpoint": "x"}])
def test_a_link_with_nonsense_shows_the_form(admin: Client, query: dict[str, str]) -> None:
    assert admin.get(ADD, query).status_code == 200


def test_save_and_send_test_leads_to_the_test_page(admin: Client) -> None:
    response = admin.post(ADD, {"address": "a@qq.com", "secret": CANARY, "_test": "1"})
    assert response["Location"] == f"/admin/smtpadmin/profile/{Profile.objects.get().pk}/test/"


def test_a_profile_may_be_saved_before_its_secret_is_there(admin: Client) -> None:
    profile = add(admin, address="a@qq.com", without_secret="on")
    assert profile.sealed_password == ""


# What is refused, and with what words


def test_a_provider_that_takes_no_password_is_refused_with_the_way_out(admin: Client) -> None:
    assert refused(admin, address="me@outlook.com", secret=CANARY) == {
        "provider": [
            (
                "Outlook.com / Hotmail / Live / MSN takes no password of any kind from programs, so this profile could "
                "never send. Use a mailbox of another provider or a sending service."
            )
        ]
    }


def test_the_form_says_that_no_password_works_before_one_is_typed(admin: Client) -> None:
    response = admin.get(ADD, {"address": "me@outlook.com"})
    page = text_of(response)
    assert "No password works here." in page
    assert "What you can do instead:" in page


def test_a_from_that_the_provider_will_refuse_is_refused_here(admin: Client) -> None:
    found = refused(admin, address="shop@example.com", provider="qq", username="me@qq.com", secret=CANARY)
    assert found["address"][0].startswith("QQ Mail accepts only the address you sign in with as sender.")


def test_a_from_that_may_be_an_alias_is_saved(admin: Client) -> None:
    assert add(admin, address="shop@example.com", provider="gmail", username="me@gmail.com", secret=CANARY)


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        ({"address": ""}, "address", "Enter the address that mail is to come from."),
        ({"address": "shop"}, "address", "it has no @"),
        ({"host": "https://mail.shop.example"}, "host", "without “https://”"),
        ({"host": "me@mail.shop.example"}, "host", "This looks like an address."),
        ({"host": "mail.shop.example:465"}, "host", "the port has its own field"),
        ({"host": "mail.shop.example/smtp"}, "host", "without a path"),
        ({"host": "mail shop"}, "host", "is not a server name"),
        ({"provider": "microsoft365-relay"}, "host", "Put your own value in place of “{tenant}”"),
        ({"provider": "amazon-ses"}, "username", "gives you a user name of its own"),
        ({"provider": "postmark", "username": "token"}, "username", "Leave this empty: Postmark takes the token"),
        ({"ehlo_name": "not a name"}, "ehlo_name", "is not a server name"),
        ({"port": "0"}, "port", "greater than or equal to 1"),
        ({"port": "70000"}, "port", "less than or equal to 65535"),
        (_UNCHECKED | {"skip_verify_reason": ""}, "skip_verify_reason", "Say why the certificate is not checked"),
        (_UNCHECKED | {"skip_verify_until": ""}, "skip_verify_until", "Choose the last day without the check."),
        (_UNCHECKED | {"skip_verify_until": "2026-01-01"}, "skip_verify_until", "This day is over."),
        (_UNCHECKED | {"skip_verify_until": "2126-01-01"}, "skip_verify_until", "At most 90 days ahead: no later than"),
        ({"dkim_selector": "s1._domainkey.shop.example"}, "dkim_selector", "Enter only what stands before"),
        ({"dkim_selector": "s 1"}, "dkim_selector", "“s 1” is not a selector."),
        ({"ca_pem": "nonsense"}, "ca_pem", "This is not a certificate in PEM form."),
        ({"pinned_sha256": "12:34"}, "pinned_sha256", "This is not a SHA-256 fingerprint."),
        ({"allow_plaintext_auth": "on"}, "allow_plaintext_auth", "This connection is encrypted"),
        ({"security": "none"}, "security", "Without encryption anyone on the way can read the password."),
        ({"secret": "with\0nul"}, "secret", "Null characters are not allowed."),
        ({"slug": "no spaces"}, "slug", "valid “slug”"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_at_its_field(admin: Client, data: dict[str, str], field: str, words: str) -> None:
    good = {"address": "a@shop.example", "host": "mail.shop.example", "secret": CANARY}
    if "provider" in data:
        del good["host"]
    found = refused(admin, **good | data)
    assert list(found) == [field]
    assert words in found[field][0]


@pytest.mark.parametrize(
    ("port", "security", "words"),
    [
        ("465", "starttls", "smtp.qq.com speaks SSL/TLS on port 465, so this combination cannot work."),
        ("587", "tls", "smtp.qq.com speaks STARTTLS on port 587, so this combination cannot work."),
    ],
)
def test_a_known_server_with_the_wrong_encryption_is_refused(
    admin: Client, port: str, security: str, words: str
) -> None:
    found = refused(admin, address="a@qq.com", host="smtp.qq.com", port=port, security=security, secret=CANARY)
    assert found == {"security": [words]}


@pytest.mark.parametrize("port", ["25", "1025", "15587"])
def test_a_server_of_your_own_on_this_computer_may_listen_anywhere(admin: Client, port: str) -> None:
    data = {"address": "a@shop.example", "host": "localhost", "port": port, "security": "starttls", "secret": CANARY}
    response = admin.post(ADD, data, follow=True)
    assert [message.level_tag for message in response.context["messages"]] == ["success"]


def test_a_chosen_provider_on_this_computer_has_its_ports(admin: Client) -> None:
    data = {"address": "a@shop.example", "provider": "mailpit", "host": "localhost", "port": "1026"}
    response = admin.post(ADD, data | {"security": "none"}, follow=True)
    warnings = [str(message) for message in response.context["messages"] if message.level_tag == "warning"]
    assert warnings == ["The provider names other ports for this server: 1025 (no encryption)."]


def test_without_a_server_the_form_says_how_to_find_one_and_that_the_secret_is_gone(admin: Client) -> None:
    response = admin.post(ADD, {"address": "a@shop.example", "secret": CANARY})
    assert errors(response) == {"host": ["Enter the mail server, or press “Find settings” above."]}
    assert "Type the secret again: it is never sent back to this page." in text_of(response)
    assert CANARY not in response.content.decode()


def test_the_page_says_at_the_top_what_is_wrong_and_links_to_it(admin: Client) -> None:
    response = admin.post(ADD, {"address": "a@shop.example", "host": "mail shop", "secret": CANARY})
    assert '<a href="#id_host">Server</a>' in response.content.decode()
    assert "<title>Error:" in response.content.decode()


def test_the_section_with_the_mistake_is_open(admin: Client) -> None:
    response = admin.post(ADD, {"address": "a@qq.com", "pinned_sha256": "12", "secret": CANARY})
    assert [section.key for section in response.context["sections"] if section.is_open] == ["certificates"]


def test_a_message_in_chinese_is_chinese_throughout(admin: Client) -> None:
    response = admin.post(ADD, {"address": "me@outlook.com", "secret": CANARY}, headers={"accept-language": "zh-CN"})
    assert "不接受任何形式的密码" in errors(response)["provider"][0]


# The secret as it is pasted


@pytest.mark.parametrize(
    ("address", "pasted", "stored"),
    [
        ("a@gmail.com", "abcd efgh ijkl mnop", "abcdefghijklmnop"),
        ("a@gmail.com", "abcd\u00a0efgh\u00a0ijkl\u00a0mnop ", "abcdefghijklmnop"),
        ("a@qq.com", "  abcdefghijklmnop\n", "abcdefghijklmnop"),
        ("a@qq.com", "\u200babcdefghijklmnop\ufeff", "abcdefghijklmnop"),
        # Spaces inside belong to it where the provider does not write groups.
        ("a@mail.shop.example", " correct horse ", "correct horse"),
    ],
)
def test_what_was_copied_along_with_a_secret_is_taken_off(
    admin: Client, address: str, pasted: str, stored: str
) -> None:
    profile = add(admin, address=address, secret=pasted, host="mail.shop.example" if "shop" in address else "")
    assert profiles.password(profile).reveal() == stored


def test_the_secret_box_is_never_filled_and_no_login_is_offered_for_it(admin: Client) -> None:
    make_profile(password=CANARY)
    response = admin.post(ADD, {"address": "shop", "secret": CANARY})
    box = str(response.context["form"]["secret"])
    assert "value=" not in box
    assert 'autocomplete="new-password"' in box


def test_a_doubt_is_said_once_more_after_saving(admin: Client) -> None:
    response = admin.post(
        ADD, {"address": "a@shop.example", "host": "mail.shop.example", "port": "587", "security": "tls",
              "secret": CANARY}, follow=True,
    )  # fmt: skip
    assert "Port 587 starts unencrypted and then switches with STARTTLS" in text_of(response)

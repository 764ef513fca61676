"""Every shipped record: complete, in both languages, from public sources, and usable as it stands."""

import datetime as dt
import json
import re
from collections import Counter

import pytest

from smtpadmin.providers import Category, FromRule, Limits, Provider, SecretKind, Security, Text, UserNameForm, load
from smtpadmin.providers.catalogue import DATA, FAMILIES
from smtpadmin.providers.checks import is_page, problems, texts
from smtpadmin.providers.decoder import REPLIES

HAN = re.compile(r"[\u4e00-\u9fff]")
# Left over when names of hosts, products and menu entries are taken out of a Chinese sentence.
FOREIGN_WORDS = re.compile(r"\b[a-z]{3,}( [a-z]{3,}){3,}\b")
PROVIDERS = list(load())
CHECKED = dt.date(2026, 11, 21)


def by_key(provider: Provider) -> str:
    return provider.key


def get(key: str) -> Provider:
    provider = load().get(key)
    assert provider is not None
    return provider


def test_there_are_131_records_each_in_a_file_of_its_key() -> None:
    assert len(PROVIDERS) == 131
    assert {path.stem for path in DATA.glob("*.json")} == {provider.key for provider in PROVIDERS}


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("QQ", "qq"),
        ("163", "netease-163"),
        ("smtp.aliyun.com", "aliyun-mail"),
        ("smtp.qiye.aliyun.com", "aliyun-qiye"),
        ("smtp.mxhichina.com", "aliyun-qiye"),
        ("DirectMail", "aliyun-directmail"),
        ("Tencent Cloud SES", "tencent-ses"),
        ("SendGrid", "sendgrid"),
        ("Gmail", "gmail"),
        ("Outlook.com", "outlook"),
        ("Hotmail", "outlook"),
        ("Office 365", "microsoft365"),
        ("Yahoo Mail", "yahoo"),
        ("iCloud", "icloud"),
        ("Zoho Mail", "zoho"),
    ],
)
def test_every_provider_that_guides_name_is_found_first(query: str, key: str) -> None:
    assert load().search(query)[0].key == key


def test_tencent_ses_has_its_three_regions() -> None:
    hosts = {endpoint.host: endpoint.region for endpoint in get("tencent-ses").endpoints}
    assert hosts == {
        "smtp.qcloudmail.com": "Hong Kong",
        "gz-smtp.qcloudmail.com": "Guangzhou",
        "sg-smtp.qcloudmail.com": "Singapore",
    }


@pytest.mark.parametrize("provider", PROVIDERS, ids=by_key)
def test_a_record_has_nothing_wrong_with_it(provider: Provider) -> None:
    assert list(problems(provider)) == []


@pytest.mark.parametrize("provider", PROVIDERS, ids=by_key)
def test_a_record_says_everything_an_operator_needs(provider: Provider) -> None:
    missing = [
        name
        for name in ("name", "secret_note", "username_note", "steps", "from_note", "sources", "checked")
        if not getattr(provider, name)
    ]
    assert missing == []
    assert provider.checked == CHECKED


@pytest.mark.parametrize("provider", PROVIDERS, ids=by_key)
def test_every_text_of_a_record_is_written_in_chinese(provider: Provider) -> None:
    assert untranslated(dict(texts(provider))) == []


@pytest.mark.parametrize("table", ["client", "enhanced", "replies", "secrets", "phrases", "common"])
def test_every_text_of_the_general_tables_is_written_in_chinese(table: str) -> None:
    raw = json.loads((REPLIES / f"{table}.json").read_text(encoding="utf-8"))
    assert untranslated(dict(raw_texts(raw))) == []


def untranslated(found: dict[str, Text]) -> list[tuple[str, str]]:
    # A provider's name may be a proper noun without a Chinese form; anything else is a sentence.
    return [
        (field, text.zh)
        for field, text in found.items()
        if field != "name" and (not HAN.search(text.zh) or FOREIGN_WORDS.search(text.zh))
    ]


def raw_texts(value: object, path: str = "") -> list[tuple[str, Text]]:
    if isinstance(value, dict) and set(value) == {"en", "zh"}:
        return [(path, Text(**value))]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in raw_texts(item, f"{path}.{key}")]


@pytest.mark.parametrize("provider", PROVIDERS, ids=by_key)
def test_the_preset_is_the_safest_door(provider: Provider) -> None:
    securities = [endpoint.security for endpoint in provider.endpoints]
    if provider.category is Category.LOCAL:
        return
    assert Security.NONE not in securities[:1]
    if Security.TLS in securities:
        assert provider.preset.security is Security.TLS


def test_unencrypted_doors_on_public_hosts_are_few_and_come_last_with_a_warning() -> None:
    found = {
        provider.key: endpoint
        for provider in PROVIDERS
        if provider.category is not Category.LOCAL
        for endpoint in provider.endpoints
        if endpoint.security is Security.NONE
    }
    assert set(found) == {"aliyun-qiye", "aliyun-directmail", "godaddy"}
    for key, endpoint in found.items():
        assert get(key).endpoints[-1] == endpoint
        assert endpoint.note is not None
        assert "Not encrypted" in endpoint.note.en
        assert "不加密" in endpoint.note.zh


def test_no_two_records_share_a_domain_an_mx_or_a_place_in_the_order() -> None:
    orders = Counter(provider.order for provider in PROVIDERS)
    assert max(orders.values()) == 1
    for field in ("domains", "mx_suffixes"):
        values = Counter(name for provider in PROVIDERS for name in getattr(provider, field))
        assert [name for name, count in values.items() if count > 1] == []


def test_sources_are_public_and_name_no_private_notes() -> None:
    for provider in PROVIDERS:
        for source in provider.sources:
            assert is_page(source.replace("http://", "https://", 1)) or source.startswith("github:"), source


@pytest.mark.parametrize("provider", PROVIDERS, ids=by_key)
def test_the_steps_tell_the_user_name_that_the_record_asks_for(provider: Provider) -> None:
    steps = " ".join(step.en for step in provider.steps)
    match provider.username:
        case UserNameForm.LITERAL:
            assert f"the word {provider.username_literal}" in steps
        case UserNameForm.LOCAL_PART:
            assert "part before the @ as user name" in steps
        case UserNameForm.SAME_AS_SECRET:
            assert "as user name and as password" in steps
        case _:
            assert "part before the @" not in steps


def test_texts_hold_no_placeholders_outside_known_replies() -> None:
    for provider in PROVIDERS:
        for field, text in texts(provider):
            allowed = {"{provider}", "{secret}", "{reference}"} if field.startswith("known_replies") else set()
            assert set(re.findall(r"\{[a-z]+\}", text.en + text.zh)) <= allowed, (provider.key, field)


def test_outlook_takes_no_password_at_all_since_16_september_2024() -> None:
    outlook = get("outlook")
    assert outlook.secret is SecretKind.OAUTH2_ONLY
    assert not outlook.takes_password
    assert [(notice.since, notice.until) for notice in outlook.notices] == [(dt.date(2024, 9, 16), None)]


def test_microsoft_365_tells_the_dates_on_which_passwords_end() -> None:
    dates = [(notice.since, notice.until) for notice in get("microsoft365").notices]
    assert dates == [
        (dt.date(2026, 1, 27), dt.date(2026, 12, 31)),
        (dt.date(2026, 12, 31), None),
        (dt.date(2027, 7, 1), None),
    ]


@pytest.mark.parametrize(
    ("key", "label", "kind"),
    [
        ("qq", Text("Authorization code", "授权码"), SecretKind.AUTHORIZATION_CODE),
        ("gmail", Text("App password", "应用专用密码"), SecretKind.APP_PASSWORD),
        ("sendgrid", Text("API key", "API 密钥"), SecretKind.API_KEY),
        ("tencent-ses", Text("SMTP password", "SMTP 密码"), SecretKind.SMTP_PASSWORD),
        ("postmark", Text("Server API token", "Server API 令牌"), SecretKind.TOKEN),
        ("mailpit", Text("No password", "无需密码"), SecretKind.NONE),
        ("ionos", Text("Mailbox password", "邮箱密码"), SecretKind.PASSWORD),
    ],
)
def test_the_secret_is_labelled_by_what_it_is(key: str, label: Text, kind: SecretKind) -> None:
    provider = get(key)
    assert (provider.secret, provider.secret_label) == (kind, label)


@pytest.mark.parametrize(
    ("key", "user_name"),
    [
        ("qq", "ada@example.com"),
        ("webde", "ada"),
        ("sendgrid", "apikey"),
        ("postmark", ""),
        ("amazon-ses", ""),
        ("localhost-postfix", ""),
    ],
)
def test_the_user_name_follows_from_the_address_where_it_can(key: str, user_name: str) -> None:
    assert get(key).username_for("ada@example.com") == user_name


def test_the_limits_that_guides_contradict_are_the_strictest() -> None:
    limits = get("tencent-ses").limits
    assert limits is not None
    assert (limits.per_second, limits.attachment_bytes, limits.attachments_bytes, limits.message_bytes) == (
        20,
        4 * 1024**2,
        8 * 1024**2,
        10 * 1024**2,
    )
    assert limits.refused_headers == ("Cc", "Bcc")
    assert [(window.count, window.seconds) for window in limits.per_recipient] == [(10, 3600)]
    assert [(window.count, window.seconds) for window in limits.rates] == [(20, 1), (500, 86400)]


def test_rates_with_unusual_windows_keep_them() -> None:
    limits = get("aliyun-directmail").limits
    assert limits is not None
    assert [(window.count, window.seconds) for window in limits.rates] == [(5000, 180)]
    assert [(window.count, window.seconds) for window in limits.per_recipient] == [(50, 300)]


def test_no_limits_have_no_rates() -> None:
    assert Limits().rates == ()


def test_rules_no_source_states_are_marked_as_advice() -> None:
    assert get("qq").from_documented
    assert not get("yahoo").from_documented
    assert get("sendgrid").from_rule is FromRule.VERIFIED


def test_every_family_of_replies_has_members_and_every_member_a_family() -> None:
    used = {provider.family for provider in PROVIDERS if provider.family}
    assert used == {path.stem for path in FAMILIES.glob("*.json")}


@pytest.mark.parametrize(
    ("family", "members"),
    [
        ("qq", {"qq", "foxmail", "tencent-exmail"}),
        (
            "netease",
            {"netease-163", "netease-126", "netease-yeah", "netease-vip163", "netease-188", "netease-qiye"},
        ),
        ("google", {"gmail", "google-workspace", "google-workspace-relay"}),
        ("microsoft", {"microsoft365", "microsoft365-relay", "microsoft365-cn", "outlook"}),
    ],
)
def test_a_family_shares_its_replies(family: str, members: set[str]) -> None:
    assert {provider.key for provider in PROVIDERS if provider.family == family} == members
    shared = {reply["match"] for reply in json.loads((FAMILIES / f"{family}.json").read_text(encoding="utf-8"))}
    for key in members:
        assert shared <= {reply.match for reply in get(key).known_replies}


def test_text_picks_the_language() -> None:
    text = Text("Code", "授权码")
    assert [text.get(code) for code in ("zh-hans", "zh_CN", "ZH", "en", "de")] == ["授权码"] * 3 + ["Code"] * 2
    assert not Text()

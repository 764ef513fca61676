"""Finding a provider, and the operator's own file on top of the shipped records."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from smtpadmin.providers import Catalogue, CatalogueError, Category, SecretKind, Text, load
from smtpadmin.providers import catalogue as module

INTRANET = {
    "key": "intranet",
    "name": "Intranet",
    "endpoints": [{"host": "mail.intranet.example", "port": 465, "security": "tls", "note": "Only inside."}],
}


def key(provider: object) -> str | None:
    return getattr(provider, "key", None)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "providers.json"


def write(path: Path, records: Any) -> Path:
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ada@qq.com", "qq"),
        ("ada@foxmail.com", "foxmail"),
        ("ada@163.com", "netease-163"),
        ("ada@vip.163.com", "netease-vip163"),
        ("ada@126.com", "netease-126"),
        ("ada@aliyun.com", "aliyun-mail"),
        ("ada@gmail.com", "gmail"),
        ("ada@googlemail.com", "gmail"),
        ("ada@outlook.com", "outlook"),
        ("ada@hotmail.com", "outlook"),
        ("ada@hotmail.co.uk", "outlook"),
        ("ada@live.cn", "outlook"),
        ("ada@msn.com", "outlook"),
        ("ada@contoso.onmicrosoft.com", "microsoft365"),
        ("ada@yahoo.co.uk", "yahoo"),
        ("ada@yahoo.co.jp", "yahoo-japan"),
        ("ada@me.com", "icloud"),
        ("ada@zohomail.eu", "zoho-eu"),
        ("ada@yandex.ru", "yandex"),
        ("ada@gmx.de", "gmx-net"),
        ("ADA@Gmail.COM", "gmail"),
        ("gmail.com", "gmail"),
        (" ada@gmail.com. ", "gmail"),
        ('"a@b"@gmail.com', "gmail"),
        ("ada@onmicrosoft.com", None),
        ("ada@mail.gmail.com", None),
        ("ada@notgmail.com", None),
        ("ada@example.com", None),
        ("ada@", None),
        ("", None),
    ],
)
def test_an_address_tells_its_provider(address: str, expected: str | None) -> None:
    assert key(load().detect(address)) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("mxbiz1.qq.com", "tencent-exmail"),
        ("mx1.qiye.mxhichina.com.", "aliyun-qiye"),
        ("aspmx.l.google.com", "google-workspace"),
        ("smtp.google.com", "google-workspace"),
        ("contoso-com.mail.protection.outlook.com", "microsoft365"),
        ("contoso-com.olc.protection.outlook.com", "outlook"),
        ("mx1.privateemail.com", "namecheap"),
        ("mx.zoho.eu", "zoho-eu"),
        ("mx.example.com", None),
    ],
)
def test_an_mx_host_tells_the_provider_of_an_own_domain(host: str, expected: str | None) -> None:
    assert key(load().detect_mx(host)) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("smtp.qq.com", "qq"),
        ("SMTP.Gmail.com", "gmail"),
        ("gz-smtp.qcloudmail.com", "tencent-ses"),
        ("smtp.example.com", None),
    ],
)
def test_a_host_tells_the_provider_of_a_profile_that_names_none(host: str, expected: str | None) -> None:
    assert key(load().detect_host(host)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("hotmail", ["outlook"]),
        ("HOTMAIL", ["outlook"]),
        ("me@hotmail.com", ["outlook"]),
        ("微软", ["azure-acs", "microsoft365", "microsoft365-cn", "microsoft365-relay", "outlook"]),
        ("腾讯云", ["tencent-ses"]),
        ("企业邮箱", ["tencent-exmail"]),
        ("smtp.sina.cn", ["sina"]),
        ("zoho china", ["zoho-cn"]),
        ("  ", None),
        ("no such provider", []),
    ],
)
def test_search_finds_by_name_domain_host_and_chinese_name(query: str, expected: list[str] | None) -> None:
    found = [provider.key for provider in load().search(query)]
    if expected is None:
        assert found == [provider.key for provider in load()]
    elif expected:
        assert set(expected) <= set(found)
        assert len(expected) > 1 or found[0] == expected[0]
    else:
        assert found == []


def test_search_puts_exact_names_before_parts_of_hosts() -> None:
    assert [provider.key for provider in load().search("163")][:2] == ["netease-163", "netease-vip163"]


def test_a_catalogue_is_a_collection_in_the_order_of_its_lists() -> None:
    known = load()
    assert isinstance(known, Catalogue)
    assert len(known) == len(list(known)) == 131
    assert [provider.key for provider in known][:3] == ["qq", "foxmail", "tencent-exmail"]
    assert "qq" in known
    assert known.get("qq") is known.detect("a@qq.com")
    assert known.get("nobody") is None


def test_loading_is_quick_and_happens_once() -> None:
    for cached in (module._shipped_catalogue, module._shipped, module._families):
        cached.cache_clear()
    started = time.perf_counter()
    first = load()
    # Measured: 8 ms for 131 files on two cores; the bound only catches a mistake of another order.
    assert time.perf_counter() - started < 0.25
    assert load() is first


def test_own_records_may_be_short_and_come_first(own: Path) -> None:
    known = load(write(own, [INTRANET]))
    provider = known.get("intranet")
    assert provider is not None
    assert next(iter(known)) is provider
    assert len(known) == 132
    assert provider.name == Text("Intranet", "Intranet")
    assert provider.preset.note == Text("Only inside.", "Only inside.")
    assert (provider.secret, provider.category) == (SecretKind.PASSWORD, Category.BUSINESS)
    assert provider.secret_label == Text("Mailbox password", "邮箱密码")


def test_an_own_record_replaces_the_shipped_one_of_its_key(own: Path) -> None:
    known = load(write(own, [INTRANET | {"key": "gmail", "name": {"en": "Our Gmail", "zh": "我们的 Gmail"}}]))
    provider = known.get("gmail")
    assert provider is not None
    assert provider.name.get("zh") == "我们的 Gmail"
    assert len(known) == 131


def test_an_own_record_takes_over_a_shipped_domain(own: Path) -> None:
    assert key(load(write(own, [INTRANET | {"domains": ["qq.com"]}])).detect("ada@qq.com")) == "intranet"
    assert key(load().detect("ada@qq.com")) == "qq"


def test_an_own_record_may_join_a_family_and_add_replies_in_plain_words(own: Path) -> None:
    reply = {"match": "550 nope", "meaning": "It said nope.", "fix": ["Ask again."]}
    provider = load(write(own, [INTRANET | {"family": "qq", "known_replies": [reply]}])).get("intranet")
    assert provider is not None
    assert provider.known_replies[0].fix == (Text("Ask again.", "Ask again."),)
    assert "550 Mail content denied" in {known.match for known in provider.known_replies}


def test_a_changed_file_is_read_again(own: Path) -> None:
    assert "intranet" in load(write(own, [INTRANET]))
    assert "intranet" not in load(write(own, [INTRANET | {"key": "other-name"}]))


def test_a_file_with_a_byte_order_mark_is_read(own: Path) -> None:
    own.write_text(json.dumps([INTRANET]), encoding="utf-8-sig")
    assert "intranet" in load(own)


def changed(**fields: Any) -> list[dict[str, Any]]:
    return [INTRANET | fields]


def endpoint(**fields: Any) -> list[dict[str, Any]]:
    return changed(endpoints=[{"host": "mail.example.com", "port": 465, "security": "tls"} | fields])


@pytest.mark.parametrize(
    ("records", "provider", "field", "cause"),
    [
        ({"key": "x"}, "", "", "it does not hold a list of records"),
        (["x"], "number 1", "", "expected `object`, got `str`"),
        ([{"name": "X", "endpoints": []}], "number 1", "key", "it is missing"),
        (changed(key="Not A Key"), "Not A Key", "key", "'Not A Key' is not a key"),
        (changed(name=""), "intranet", "name", "it is empty"),
        (changed(name={"en": "Intranet"}), "intranet", "name.zh", "it is empty"),
        (changed(name={"en": "Intranet", "cn": "内网"}), "intranet", "name.cn", "there is no such field"),
        (changed(endpoints=[]), "intranet", "endpoints", "there is no endpoint"),
        (changed(hosts=[]), "intranet", "hosts", "there is no such field"),
        (
            endpoint(host="https://mail.example.com"),
            "intranet",
            "endpoints[0].host",
            "'https://mail.example.com' is not a host name",
        ),
        (endpoint(host="ada@mail.example.com"), "intranet", "endpoints[0].host", "'ada@mail.example.com' is not"),
        (endpoint(host="{a}.{b}.example.com"), "intranet", "endpoints[0].host", "is not a host name"),
        (endpoint(host=""), "intranet", "endpoints[0].host", "'' is not a host name"),
        (endpoint(port=0), "intranet", "endpoints[0].port", "0 is not a port"),
        (endpoint(port="465"), "intranet", "endpoints[0].port", "expected `int`, got `str`"),
        (endpoint(security="ssl"), "intranet", "endpoints[0].security", "invalid enum value 'ssl'"),
        (endpoint(security="starttls"), "intranet", "endpoints[0].security", "port 465 speaks TLS from the first byte"),
        (endpoint(port=587), "intranet", "endpoints[0].security", "port 587 starts without TLS"),
        (endpoint(port=25, security="none"), "intranet", "endpoints[0].security", "would send mail and password"),
        (changed(domains=["Example.com"]), "intranet", "domains[0]", "'Example.com' is not a mail domain"),
        (changed(domains=["@example.com"]), "intranet", "domains[0]", "'@example.com' is not a mail domain"),
        (changed(spf_include="include:spf.example.com"), "intranet", "spf_include", "is not a domain"),
        (changed(spf_include="SPF.example.com"), "intranet", "spf_include", "is not a domain"),
        (changed(dkim_selectors=["s1", "s 2"]), "intranet", "dkim_selectors[1]", "'s 2' is not a DKIM selector"),
        (changed(username="literal"), "intranet", "username_literal", "do not go together"),
        (changed(secret="oauth2"), "intranet", "secret", '"oauth2" can only be an alternative'),
        (changed(alternatives=["oauth2_only"]), "intranet", "alternatives", "leaves no alternative"),
        (changed(docs_url="http://example.com/help"), "intranet", "docs_url", "is not a page"),
        (changed(docs_url="javascript:alert(1)"), "intranet", "docs_url", "is not a page"),
        (changed(sources=["a friend"]), "intranet", "sources[0]", "'a friend' is not a public source"),
        (changed(checked="yesterday"), "intranet", "checked", "invalid RFC3339 encoded date"),
        (changed(family="nobody"), "intranet", "family", "there is no family 'nobody'"),
        (
            changed(known_replies=[{"match": "", "meaning": "x", "fix": ["y"]}]),
            "intranet",
            "known_replies[0].match",
            "a reply is known by its words or by a cause",
        ),
        (
            changed(known_replies=[{"match": "550 x", "meaning": "x", "fix": []}]),
            "intranet",
            "known_replies[0].fix",
            "it is empty",
        ),
        (
            changed(known_replies=[{"match": "550 x", "meaning": "x", "fix": ["y"], "stage": "login"}]),
            "intranet",
            "known_replies[0].stage",
            "'login' is not a stage",
        ),
        (
            changed(known_replies=[{"match": "550 x", "meaning": "x", "fix": ["y"], "link": "ftp://x.example"}]),
            "intranet",
            "known_replies[0].link",
            "is not a page",
        ),
        ([INTRANET, INTRANET], "intranet", "key", "'intranet' is already used by 'intranet'"),
        (
            [INTRANET | {"domains": ["a.example"]}, INTRANET | {"key": "b", "domains": ["a.example"]}],
            "b",
            "domains",
            "'a.example' is already used by 'intranet'",
        ),
    ],
)
def test_a_bad_record_names_file_provider_field_and_cause(
    own: Path, records: Any, provider: str, field: str, cause: str
) -> None:
    with pytest.raises(CatalogueError) as caught:
        load(write(own, records))
    error = caught.value
    assert (error.file, error.provider, error.field) == (own, provider, field)
    assert cause in error.cause
    assert error.cure
    assert str(own) in str(error)
    assert error.cause in str(error)


def test_a_misspelt_field_is_answered_with_the_right_one(own: Path) -> None:
    with pytest.raises(CatalogueError) as caught:
        load(write(own, changed(domain=["example.com"])))
    assert caught.value.cure == "Did you mean 'domains'?"


def test_the_whole_sentence_of_an_error(own: Path) -> None:
    with pytest.raises(CatalogueError) as caught:
        load(write(own, endpoint(security="starttls")))
    assert str(caught.value) == (
        f"{own}, provider 'intranet', field 'endpoints[0].security': "
        'port 465 speaks TLS from the first byte. Set security to "tls".'
    )


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"[{]", "line 1, column 3 is not JSON"),
        (b"\xff\xfe[]", "byte 1 is not UTF-8"),
        (b" " * (4 * 1024 * 1024 + 1), "it is larger than 4 MB"),
    ],
)
def test_a_file_that_is_no_list_of_records_is_refused(own: Path, content: bytes, cause: str) -> None:
    own.write_bytes(content)
    with pytest.raises(CatalogueError) as caught:
        load(own)
    assert caught.value.cause.startswith(cause)


def test_a_missing_file_says_which_setting_names_it(own: Path) -> None:
    with pytest.raises(CatalogueError) as caught:
        load(own)
    assert caught.value.cause == "it cannot be read: No such file or directory"
    assert "SMTPADMIN_PROVIDERS_FILE" in caught.value.cure


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError) as caught:
        load(tmp_path)
    assert caught.value.cause == "it cannot be read: Is a directory"


def test_the_package_needs_no_django_and_nothing_else_of_the_project() -> None:
    script = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "cryptography"}:
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
import smtpadmin.providers as providers
providers.explain(providers.Failure(stage="auth", cause="auth_refused"), provider=providers.load().get("qq"))
print(sorted(name for name in sys.modules if name.startswith("smtpadmin") and "providers" not in name))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['smtpadmin']"

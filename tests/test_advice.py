"""Tests of `smtpadmin.advice`: the experts with this installation's settings, against real DNS."""

import pytest
from pytest_django import Settings

from smtpadmin.advice import check_profile, find_settings
from smtpadmin.finding import Outcome, Source
from smtpadmin.models import Profile
from smtpadmin.resolver import Resolver
from tests.support.dns_server import DnsServer


@pytest.fixture
def asked(dns_server: DnsServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> DnsServer:
    """The server that the setting names; the port, which has no setting, is the test's."""
    settings.SMTPADMIN = settings.SMTPADMIN | {"DNS_SERVERS": [dns_server.host]}
    monkeypatch.setattr("smtpadmin.advice.Resolver", lambda servers: Resolver(servers=servers, port=dns_server.port))
    return dns_server


def test_settings_are_found_for_an_address_with_a_name(asked: DnsServer) -> None:
    asked.add("example.com", "MX", "10 mxbiz1.qq.com.")
    steps = find_settings("Ada <ada@example.com>")
    found = next(step for step in steps if step.outcome is Outcome.FOUND)
    (finding,) = found.findings
    assert (found.source, finding.settings.provider, finding.settings.username) == (
        Source.MX,
        "tencent-exmail",
        "ada@example.com",
    )


def test_published_settings_are_not_looked_for_when_that_is_off(asked: DnsServer, settings: Settings) -> None:
    settings.SMTPADMIN = settings.SMTPADMIN | {"AUTOCONFIG": False}
    asked.add("example.com", "A", "192.0.2.1")
    outcomes = {step.source: step.outcome for step in find_settings("ada@example.com")}
    assert outcomes[Source.AUTOCONFIG] is Outcome.SKIPPED


def test_what_holds_no_domain_is_refused() -> None:
    with pytest.raises(ValueError, match="not a domain name"):
        find_settings("ada@")


def test_an_unsaved_profile_is_checked(asked: DnsServer) -> None:
    asked.add("example.com", "TXT", "v=spf1 -all")
    profile = Profile(
        name="Alerts",
        provider="namecheap",
        host="mail.privateemail.com",
        port=465,
        username="alerts@example.com",
        from_address="alerts@example.com",
    )
    findings = {finding.code: finding for finding in check_profile(profile, selectors=("s1",))}
    record = findings["spf_not_included"].record
    assert record is not None
    assert record.text == "v=spf1 include:spf.privateemail.com -all"
    assert "dkim_missing" in findings


def test_an_own_server_is_looked_for_by_its_name(asked: DnsServer) -> None:
    asked.add("xn--bcher-kva.example", "TXT", "v=spf1 ip4:93.184.216.34 -all")
    asked.add("mail.xn--bcher-kva.example", "A", "93.184.216.34")
    profile = Profile(name="Own", host="mail.bücher.example", port=465, from_address="alerts@bücher.example")
    assert "spf_host_listed" in {finding.code for finding in check_profile(profile)}

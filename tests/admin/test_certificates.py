"""A refused certificate is shown with what is wrong in it, and can be trusted; going without the check ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from smtpadmin import profiles
from smtpadmin.models import Profile, TestState
from smtpadmin.models.profile import today
from smtpadmin.smtp import Secret
from smtpadmin.testing import Report
from smtpadmin.wording.certificates import Presented, fingerprint_text, presented
from tests.admin.conftest import CANARY
from tests.admin.forms import errors, page, text_of, values
from tests.support.certificates import CertificateFactory, ServerCertificate
from tests.support.profiles import make_profile
from tests.support.smtpd import USERNAME, Security, SmtpServer, StartServer

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
UNCHECKED = {"skip_verify": "on", "skip_verify_reason": "Old device"}

OK, BAD, QUIET = "ok", "bad", "quiet"


@pytest.fixture
def serve(smtp_server: StartServer) -> Callable[[ServerCertificate], SmtpServer]:
    """Start a server that takes the canary, with a certificate."""

    def start(certificate: ServerCertificate) -> SmtpServer:
        server = smtp_server(security=Security.IMPLICIT_TLS, certificate=certificate)
        server.password = CANARY
        return server

    return start


Serve = Callable[[ServerCertificate], SmtpServer]


def profile_on(server: SmtpServer, **fields: Any) -> Profile:
    where = {"host": "localhost", "port": server.port, "security": "tls", "username": USERNAME}
    return make_profile(**where | {"password": CANARY} | fields)


def outcome_of(client: Client, profile: Profile) -> str:
    """Run the saved profile's test and return what the page says of it."""
    client.post(page(profile, "test/run"), {"recipient": "you@example.org"})
    return text_of(client.get(page(profile, "test")))


def shown(profile: Profile) -> Presented:
    profile.refresh_from_db()
    assert profile.test_report is not None
    found = presented(Report.from_json(profile.test_report))
    assert found is not None
    return found


def tones(found: Presented) -> dict[str, tuple[str, str]]:
    return {str(part.label): (part.tone, part.verdict) for part in found.parts}


# What is shown, for each kind of failure


def test_an_expired_certificate_says_since_when(admin: Client, serve: Serve, certificates: CertificateFactory) -> None:
    profile = profile_on(serve(certificates.expired), ca_pem=certificates.ca_pem)
    text = outcome_of(admin, profile)
    assert "The server’s certificate has expired" in text
    assert tones(shown(profile)) == {
        "Name": (OK, "is in the certificate"),
        "Dates": (BAD, "expired 1\xa0day ago"),
        "Issued by": (OK, "whom this computer or the profile trusts"),
    }
    assert shown(profile).pin == certificates.expired.sha256
    assert not shown(profile).is_cure


def test_one_that_is_not_valid_yet_says_from_when(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    profile = profile_on(serve(certificates.not_yet_valid), ca_pem=certificates.ca_pem)
    outcome_of(admin, profile)
    tone, verdict = tones(shown(profile))["Dates"]
    assert (tone, verdict.partition(" in ")[0]) == (BAD, "becomes valid")
    assert tones(shown(profile))["Issued by"][0] == OK


def test_a_wrong_name_stands_beside_the_right_ones(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    profile = profile_on(serve(certificates.wrong_name), ca_pem=certificates.ca_pem)
    text = outcome_of(admin, profile)
    (name,) = [part for part in shown(profile).parts if str(part.label) == "Name"]
    assert (name.tone, name.wanted, name.shown) == (BAD, "localhost", ("mail.example.net",))
    assert "Wanted localhost Shown mail.example.net" in text
    assert tones(shown(profile))["Issued by"][0] == OK


def test_a_self_signed_one_vouches_for_itself(admin: Client, serve: Serve, certificates: CertificateFactory) -> None:
    profile = profile_on(serve(certificates.self_signed))
    text = outcome_of(admin, profile)
    found = shown(profile)
    assert tones(found) == {
        "Name": (OK, "is in the certificate"),
        "Dates": (OK, f"valid for another {found.chain[0].state.removeprefix('valid for another ')}"),
        "Issued by": (BAD, "itself: nobody else vouches for it"),
    }
    assert (found.is_cure, found.ca, found.stands_alone, len(found.chain)) == (True, None, False, 1)
    assert fingerprint_text(certificates.self_signed.sha256) in text


def test_an_unknown_authority_is_named_and_can_be_trusted(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    profile = profile_on(serve(certificates.good))  # whose CA is known to the tests' profiles alone
    outcome_of(admin, profile)
    found = shown(profile)
    assert tones(found)["Issued by"] == (BAD, "whom this computer does not know")
    assert [each.role for each in found.chain] == ["The server’s own certificate", "Sent along"]
    assert found.chain[0].issuer == found.chain[1].subject
    assert found.ca is not None
    assert (found.ca.name, found.ca.fingerprint) == (found.chain[1].subject, found.chain[1].fingerprint)


def test_a_missing_intermediate_is_told_from_an_unknown_authority(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    profile = profile_on(serve(certificates.intermediate_missing), ca_pem=certificates.ca_pem)
    text = outcome_of(admin, profile)
    found = shown(profile)
    assert (found.stands_alone, found.ca, len(found.chain)) == (True, None, 1)
    assert "whose own certificate is missing" in tones(found)["Issued by"][1]
    assert "its owner installs the full chain" in text


def test_another_certificate_than_the_pinned_one_stands_beside_it(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    profile = profile_on(serve(certificates.good), pinned_sha256=certificates.self_signed.sha256)
    outcome_of(admin, profile)
    part = shown(profile).parts[0]
    assert (str(part.label), part.tone) == ("Fingerprint", BAD)
    assert (part.wanted, part.shown) == (
        fingerprint_text(certificates.self_signed.sha256),
        (fingerprint_text(certificates.good.sha256),),
    )


def test_all_faults_are_shown_though_the_handshake_stops_at_the_first(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    """Otherwise whoever trusts the CA meets the next fault only then."""
    profile = profile_on(serve(certificates.wrong_name))
    outcome_of(admin, profile)
    found = tones(shown(profile))
    assert (found["Name"][0], found["Issued by"][0]) == (BAD, BAD)


def test_a_failure_that_is_not_about_a_certificate_shows_none(admin: Client, smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = make_profile(host=server.host, port=server.port, security="none", username=USERNAME, password="wrong")
    text = outcome_of(admin, profile)
    assert "The certificate that the server showed" not in text


def test_a_report_of_an_older_version_is_still_shown(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    profile = profile_on(serve(certificates.self_signed))
    outcome_of(admin, profile)
    profile.refresh_from_db()
    report = profile.test_report
    assert report is not None
    del report["pinned"]
    for step in report["steps"]:
        del step["presented"]
    Profile.objects.update(test_report=report)
    text = text_of(admin.get(page(profile, "test")))
    assert "The server shows a self-signed certificate" in text
    assert "The certificate that the server showed" not in text


@pytest.mark.parametrize(
    ("zone", "end"), [("UTC", "Jan. 31, 2027, 11:30 p.m."), ("Asia/Shanghai", "Feb. 1, 2027, 7:30 a.m.")]
)
def test_dates_are_in_the_readers_time_zone(
    admin: Client, serve: Serve, certificates: CertificateFactory, zone: str, end: str
) -> None:
    profile = profile_on(serve(certificates.self_signed))
    outcome_of(admin, profile)
    profile.refresh_from_db()
    assert profile.test_report is not None
    for step in profile.test_report["steps"]:
        for each in step["presented"]:
            each["not_after"] = "2027-01-31T23:30:00+00:00"
    with timezone.override(zone):
        assert shown_of(profile.test_report).endswith(f"to {end}")


def shown_of(report: dict[str, Any]) -> str:
    found = presented(Report.from_json(report))
    assert found is not None
    return found.chain[0].dates


def report_on(host: str, cause: str, *certificates: dict[str, Any]) -> Report:
    """Return the report of a test that stopped at these certificates."""
    usual = {
        "subject": "CN=a", "names": [], "issuer": "CN=b", "pem": "", "sha256": "ab" * 32,
        "not_before": "2026-01-01T00:00:00+00:00", "not_after": "9999-12-31T23:59:59+00:00",
    }  # fmt: skip
    step = {"stage": "tls", "status": "failed", "seconds": 1, "reply": "", "facts": [], "said": []}
    return Report.from_json(
        {
            "ok": False, "sent": False, "at": "2026-11-21T00:00:00+00:00", "seconds": 1, "server": f"{host}:465",
            "provider": "", "recipient": "a@example.org", "pinned": "",
            "failure": {"stage": "tls", "cause": cause, "code": None, "enhanced": "", "text": "x"},
            "steps": [step | {"presented": [usual | each for each in certificates]}],
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "host", "fits"),
    [
        ("smtp.example.com", "SMTP.example.com", True),
        ("*.example.com", "smtp.example.com", True),
        ("*.example.com", "a.smtp.example.com", False),
        ("*.example.com", "example.com", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("2001:db8:0::1", "2001:db8::1", True),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("192.0.2.1", "smtp.example.com", False),
    ],
)
def test_names_are_compared_as_tls_does(name: str, host: str, fits: bool) -> None:
    found = presented(report_on(host, "tls_unknown_ca", {"names": [name]}))
    assert found is not None
    assert tones(found)["Name"][0] == (OK if fits else BAD)
    assert found.chain[0].state == "valid without an end"


def test_an_expired_intermediate_is_not_taken_for_the_servers_own() -> None:
    above = {"subject": "CN=b", "issuer": "CN=root", "not_after": "2026-02-01T00:00:00+00:00"}
    found = presented(report_on("smtp.example.com", "tls_expired", {}, above))
    assert found is not None
    assert tones(found)["Dates"] == (QUIET, "in time itself: see those that it rests on")
    assert [each.is_current for each in found.chain] == [True, False]


# Trusting it


def test_a_ca_is_trusted_for_this_profile_after_its_fingerprint_was_shown(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    server = serve(certificates.good)
    profile = profile_on(server, skip_verify=True, skip_verify_reason="For now", skip_verify_until=today() - DAY)
    text = outcome_of(admin, profile)
    ca = shown(profile).ca
    assert ca is not None
    assert ca.fingerprint in text
    link = f"{page(profile)}?field=ca_pem&amp;ca={ca.sha256}#id_ca_pem"
    assert link in admin.get(page(profile, "test")).content.decode()
    opened = admin.get(page(profile), {"field": "ca_pem", "ca": ca.sha256})
    form = opened.context["form"]
    assert (form["ca_pem"].value(), form["skip_verify"].value()) == (ca.pem, False)
    assert next(part for part in opened.context["sections"] if part.key == "certificates").is_open
    # Following the link has saved nothing, and saving wants the secret, for the server is known by other means then.
    assert Profile.objects.get().ca_pem == ""
    posted = values(profile, ca_pem=ca.pem)
    del posted["skip_verify"]
    assert "secret" in errors(admin.post(page(profile), posted))
    assert admin.post(page(profile), posted | {"secret": CANARY}).status_code == 302
    assert "It works" in outcome_of(admin, profile)


def test_another_ca_than_the_shown_one_is_not_filled_in(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    profile = profile_on(serve(certificates.good))
    outcome_of(admin, profile)
    own = shown(profile).pin
    for wanted in ("ab" * 32, own, ""):
        form = admin.get(page(profile), {"field": "ca_pem", "ca": wanted}).context["form"]
        assert not form["ca_pem"].value()


def test_the_cas_of_the_profile_stay_beside_the_new_one(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    profile = profile_on(serve(certificates.good), ca_pem=certificates.unknown_ca_pem)
    outcome_of(admin, profile)
    ca = shown(profile).ca
    assert ca is not None
    filled = admin.get(page(profile), {"ca": ca.sha256}).context["form"]["ca_pem"].value()
    assert filled == f"{certificates.unknown_ca_pem.strip()}\n{ca.pem}"


@pytest.mark.parametrize("kind", ["expired", "not_yet_valid", "wrong_name", "self_signed", "unknown_ca",
                                  "intermediate_missing"])  # fmt: skip
def test_every_kind_can_be_pinned_and_works_then(
    admin: Client, serve: Serve, certificates: CertificateFactory, kind: str
) -> None:
    certificate: ServerCertificate = getattr(certificates, kind)
    profile = profile_on(serve(certificate), ca_pem=certificates.ca_pem)
    outcome_of(admin, profile)
    assert f"pin={certificate.sha256}#id_pinned_sha256" in admin.get(page(profile, "test")).content.decode()
    profile.refresh_from_db()
    posted = values(profile, pinned_sha256=certificate.sha256, secret=CANARY)
    assert admin.post(page(profile), posted).status_code == 302
    assert "It works" in outcome_of(admin, profile)


def test_whoever_may_not_change_the_profile_sees_it_and_gets_no_link(
    tester: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    profile = profile_on(serve(certificates.good))
    text = outcome_of(tester, profile)
    html = tester.get(page(profile, "test")).content.decode()
    assert "whom this computer does not know" in text
    assert "Copy the fingerprint into “Pinned certificate”" in text
    assert "-----BEGIN CERTIFICATE-----" in html
    assert "pin=" not in html


# Not checking, for a time


def test_the_form_proposes_an_end_in_a_week(admin: Client) -> None:
    form = admin.get("/admin/smtpadmin/profile/add/").context["form"]
    assert form["skip_verify_until"].value() == today() + 7 * DAY


@pytest.mark.parametrize(("days", "saved"), [(0, True), (90, True), (-1, False), (91, False)])
def test_the_end_is_from_today_to_ninety_days_ahead(admin: Client, profile: Profile, days: int, saved: bool) -> None:
    end = today() + days * DAY
    posted = values(profile, **UNCHECKED, skip_verify_until=str(end), secret=CANARY)
    assert (admin.post(page(profile), posted).status_code == 302) is saved
    assert Profile.objects.get().skip_verify_until == (end if saved else None)


def test_an_end_that_has_come_keeps_nobody_from_changing_the_rest(admin: Client) -> None:
    profile = make_profile(password=CANARY, skip_verify=True, skip_verify_reason="x", skip_verify_until=today() - DAY)
    assert admin.post(page(profile), values(profile, batch="5")).status_code == 302
    assert Profile.objects.get().batch == 5


def test_a_later_end_needs_the_secret_again_and_an_earlier_one_does_not(admin: Client) -> None:
    profile = make_profile(password=CANARY, skip_verify=True, skip_verify_reason="x")
    later = values(profile, skip_verify_until=str(today() + 30 * DAY))
    assert "secret" in errors(admin.post(page(profile), later))
    sooner = values(profile, skip_verify_until=str(today() + DAY))
    assert admin.post(page(profile), sooner).status_code == 302
    assert Profile.objects.get().sealed_password


def test_checking_again_forgets_reason_and_end(admin: Client) -> None:
    profile = make_profile(password=CANARY, skip_verify=True, skip_verify_reason="Old device")
    posted = values(profile)
    del posted["skip_verify"]
    assert admin.post(page(profile), posted).status_code == 302
    changed = Profile.objects.get()
    assert (changed.skip_verify, changed.skip_verify_reason, changed.skip_verify_until) == (False, "", None)


def test_another_end_makes_the_last_test_count_no_more(admin: Client) -> None:
    profile = make_profile(password=CANARY, skip_verify=True, skip_verify_reason="x", test_state=TestState.WORKING)
    admin.post(page(profile), values(profile, skip_verify_until=str(today() + DAY)))
    assert Profile.objects.get().test_state == TestState.CHANGED


@pytest.mark.parametrize(("days", "verify"), [(1, False), (0, False), (-1, True)])
def test_the_certificate_is_checked_again_from_the_day_after(days: int, verify: bool) -> None:
    profile = make_profile(skip_verify=True, skip_verify_reason="x", skip_verify_until=today() + days * DAY)
    assert profiles.server_config(profile, password=Secret("")).verify is verify
    assert profile.skip_verify_ended is verify


def test_a_test_after_the_end_fails_and_shows_what_to_trust(
    admin: Client, serve: Serve, certificates: CertificateFactory
) -> None:
    profile = profile_on(serve(certificates.self_signed), skip_verify=True, skip_verify_reason="x")
    assert "It works" in outcome_of(admin, profile)
    Profile.objects.update(skip_verify_until=today() - DAY)
    text = outcome_of(admin, profile)
    assert f"Since {date_format(today())} the server’s certificate is checked again" in text
    assert "The server shows a self-signed certificate" in text
    assert "Pin this certificate" in text


def test_a_reader_sees_until_when_it_is_not_checked(viewer: Client) -> None:
    profile = make_profile(skip_verify=True, skip_verify_reason="x")
    assert f"NO, until {date_format(today() + 7 * DAY)}" in text_of(viewer.get(page(profile)))

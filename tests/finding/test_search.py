"""Tests of `smtpadmin.finding.search`: the steps over real DNS, a real HTTPS server and real SMTP servers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from time import monotonic

import pytest

from smtpadmin.finding import Finding, Options, Outcome, Settings, Source, Step, Sureness, best, find
from smtpadmin.providers import load
from smtpadmin.smtp import AddressPolicy, Cause, Security
from tests.finding.test_autoconfig import LAUGHS, file, smtp
from tests.support.behaviours import ehlo, hang, say
from tests.support.certificates import CertificateFactory
from tests.support.dns_server import Behaviour, DnsServer, servfail, silent
from tests.support.hostile import HostileServer, Phase, Script, hostile_server
from tests.support.https_server import HttpsServer, StartHttps, page, redirect
from tests.support.https_server import hang as hang_https

TLS, STARTTLS = Security.IMPLICIT_TLS, Security.STARTTLS
ADDRESS = "ada.lovelace@example.com"
LOCAL = b"lovelace"
OFF = Options(autoconfig=False, probe=False)

StartSmtp = Callable[..., HostileServer]


@pytest.fixture
def smtp_peer(certificates: CertificateFactory) -> Iterator[StartSmtp]:
    """Start SMTP servers for the likely names of example.com."""
    context = certificates.for_names("smtp.example.com", "mail.example.com", "mx.hoster.example").context()
    with ExitStack() as stack:

        def start(script: Script | None = None, *, implicit_tls: bool = False) -> HostileServer:
            return stack.enter_context(hostile_server(script, context=context, implicit_tls=implicit_tls))

        yield start


@pytest.fixture
def web(https_server: StartHttps, certificates: CertificateFactory) -> HttpsServer:
    return https_server(certificates.for_names("example.com", "*.example.com"))


def steps(dns: DnsServer, address: str = ADDRESS, *, seconds: float = 10, options: Options = OFF) -> list[Step]:
    return list(find(address, catalogue=load(), resolver=dns.resolver(seconds=seconds), options=options))


def step_of(found: list[Step], source: Source) -> Step:
    return next(step for step in found if step.source is source)


def summary(found: list[Step]) -> list[tuple[Source, Outcome]]:
    return [(step.source, step.outcome) for step in found]


# The order


def test_the_steps_come_in_their_order_and_each_says_how_it_ended(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "A", "192.0.2.1")
    found = steps(dns_server)
    assert summary(found) == [
        (Source.CATALOGUE, Outcome.NOTHING),
        (Source.MX, Outcome.NOTHING),
        (Source.SRV, Outcome.NOTHING),
        (Source.AUTOCONFIG, Outcome.SKIPPED),
        (Source.PROBE, Outcome.SKIPPED),
    ]
    assert all(step.text.en and step.text.zh and "{" not in step.text.en + step.text.zh for step in found)
    assert all(step.seconds >= 0 for step in found)


def test_nothing_is_asked_before_it_is_wanted(dns_server: DnsServer) -> None:
    found = find(ADDRESS, catalogue=load(), resolver=dns_server.resolver(), options=OFF)
    next(found)
    assert dns_server.questions == []
    next(found)
    assert [question[1] for question in dns_server.questions] == ["MX"]


@pytest.mark.parametrize("address", ["", "ada", "ada@", "ada@../../etc", "a@b/c", "ada@exa mple.com", "ada@192.0.2.1"])
def test_an_address_without_a_domain_is_refused_before_anything_is_asked(dns_server: DnsServer, address: str) -> None:
    if "@" in address or not address:
        with pytest.raises(ValueError, match="not a domain name"):
            find(address, catalogue=load(), resolver=dns_server.resolver())
    else:
        # A word may be a domain of this network.
        assert summary(steps(dns_server, address))[-1] == (Source.MX, Outcome.NOTHING)
    assert all(".." not in name and "/" not in name for name, _, _ in dns_server.questions)


def test_a_domain_that_does_not_exist_ends_the_search_with_that(dns_server: DnsServer) -> None:
    found = steps(dns_server, "ada@exmaple.invalid", options=Options())
    assert summary(found) == [(Source.CATALOGUE, Outcome.NOTHING), (Source.MX, Outcome.NOTHING)]
    assert found[-1].text.en.startswith("There is no domain exmaple.invalid.")
    assert found[-1].text.zh.startswith("域名 exmaple.invalid 不存在")


def test_an_international_domain_is_asked_for_in_ascii(dns_server: DnsServer) -> None:
    dns_server.add("xn--bcher-kva.example", "MX", "10 mx1.privateemail.com.")
    found = steps(dns_server, "info@Bücher.example")
    assert step_of(found, Source.MX).findings[0].settings.provider == "namecheap"
    assert {name for name, _, _ in dns_server.questions} == {
        "xn--bcher-kva.example",
        "_submissions._tcp.xn--bcher-kva.example",
        "_submission._tcp.xn--bcher-kva.example",
    }


def test_a_thorough_search_goes_on_after_what_is_certain(dns_server: DnsServer) -> None:
    found = steps(dns_server, "me@qq.com", options=Options(autoconfig=False, probe=False, thorough=True))
    assert summary(found) == [(Source.CATALOGUE, Outcome.FOUND), (Source.MX, Outcome.NOTHING)]


# MX


def test_a_domain_whose_mail_arrives_at_a_known_provider_most_likely_sends_there(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "MX", "10 unknown.example.net.", "20 mxbiz1.qq.com.")
    step = step_of(steps(dns_server), Source.MX)
    assert step == Step(
        source=Source.MX,
        outcome=Outcome.FOUND,
        text=step.text,
        findings=(
            Finding(
                source=Source.MX,
                sureness=Sureness.LIKELY,
                settings=Settings(
                    host="smtp.exmail.qq.com", port=465, security=TLS, username=ADDRESS, provider="tencent-exmail"
                ),
                text=step.text,
            ),
        ),
        seconds=step.seconds,
    )
    assert "mxbiz1.qq.com" in step.text.en
    assert "mxbiz1.qq.com" in step.text.zh


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("aspmx.l.google.com", "google-workspace"),
        ("example-com.mail.protection.outlook.com", "microsoft365"),
        ("mx.zoho.com", "zoho"),
        ("mx1.emailsrvr.com", "rackspace"),
        ("in1-smtp.messagingengine.com", "fastmail"),
    ],
)
def test_own_domains_are_recognised_by_where_their_mail_arrives(
    dns_server: DnsServer, host: str, provider: str
) -> None:
    dns_server.add("example.com", "MX", f"10 {host}.")
    (finding,) = step_of(steps(dns_server), Source.MX).findings
    assert finding.settings.provider == provider


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (("0 .",), "takes no mail at all"),
        (("10 mx.hoster.example.",), "arrives at mx.hoster.example"),
        (("10 evil.qq.com.evil.example.",), "arrives at evil.qq.com.evil.example"),
    ],
)
def test_other_mail_hosts_are_named(dns_server: DnsServer, records: tuple[str, ...], words: str) -> None:
    dns_server.add("example.com", "MX", *records)
    step = step_of(steps(dns_server), Source.MX)
    assert (step.outcome, words in step.text.en) == (Outcome.NOTHING, True)


@pytest.mark.parametrize("behaviour", [servfail, silent])
def test_dns_that_cannot_be_asked_is_not_taken_for_an_answer(dns_server: DnsServer, behaviour: Behaviour) -> None:
    dns_server.behave("*", behaviour)
    started = monotonic()
    found = steps(dns_server, seconds=1, options=Options())
    assert summary(found) == [
        (Source.CATALOGUE, Outcome.NOTHING),
        (Source.MX, Outcome.NOT_ASKED),
        (Source.SRV, Outcome.NOT_ASKED),
        (Source.AUTOCONFIG, Outcome.NOT_ASKED),
        (Source.PROBE, Outcome.NOT_ASKED),
    ]
    assert monotonic() - started < 8


# SRV


def test_servers_named_in_dns_are_taken_implicit_tls_first(dns_server: DnsServer) -> None:
    dns_server.add("_submission._tcp.example.com", "SRV", "0 1 587 mail.example.com.")
    dns_server.add("_submissions._tcp.example.com", "SRV", "20 1 465 backup.example.com.", "10 1 465 mail.example.com.")
    step = step_of(steps(dns_server), Source.SRV)
    assert [(f.settings.host, f.settings.port, f.settings.security, f.sureness) for f in step.findings] == [
        ("mail.example.com", 465, TLS, Sureness.LIKELY),
        ("backup.example.com", 465, TLS, Sureness.LIKELY),
        ("mail.example.com", 587, STARTTLS, Sureness.LIKELY),
    ]
    assert {finding.settings.username for finding in step.findings} == {ADDRESS}


def test_a_server_in_another_domain_is_for_a_person_to_confirm(dns_server: DnsServer) -> None:
    dns_server.add("_submissions._tcp.example.com", "SRV", "0 1 465 smtp.hoster.example.")
    (finding,) = step_of(steps(dns_server), Source.SRV).findings
    assert (finding.settings.host, finding.sureness) == ("smtp.hoster.example", Sureness.POSSIBLE)
    assert "make sure" in finding.text.en


def test_a_server_of_a_known_provider_is_recognised(dns_server: DnsServer) -> None:
    dns_server.add("_submissions._tcp.example.com", "SRV", "0 1 465 smtp.fastmail.com.")
    (finding,) = step_of(steps(dns_server), Source.SRV).findings
    assert (finding.settings.provider, finding.sureness) == ("fastmail", Sureness.LIKELY)


@pytest.mark.parametrize(
    "record", ["0 0 0 .", "0 1 465 .", "0 1 0 smtp.example.com.", r"0 1 465 a\000b.example.com.", r"0 1 465 a\@b."]
)
def test_a_record_that_names_no_server_is_none(dns_server: DnsServer, record: str) -> None:
    dns_server.add("_submissions._tcp.example.com", "SRV", record)
    step = step_of(steps(dns_server), Source.SRV)
    assert (step.outcome, step.findings) == (Outcome.NOTHING, ())


def test_what_dns_names_is_not_connected_to(dns_server: DnsServer, smtp_peer: StartSmtp) -> None:
    server = smtp_peer()
    dns_server.add("_submissions._tcp.example.com", "SRV", f"0 1 {server.port} localhost.")
    assert step_of(steps(dns_server, options=Options()), Source.SRV).outcome is Outcome.FOUND
    assert server.connections == 0


# Autoconfig


def published(dns: DnsServer, web: HttpsServer, certificates: CertificateFactory, **options: object) -> list[Step]:
    for name in ("example.com", "autoconfig.example.com"):
        dns.add(name, "A", "127.0.0.1")
    values: dict[str, object] = {"ca_pem": certificates.ca_pem, "https_port": web.port, "probe": False}
    return steps(dns, options=Options(**values | options))  # type: ignore[arg-type]


def test_what_the_domain_publishes_is_certain_and_ends_the_search(
    dns_server: DnsServer, web: HttpsServer, certificates: CertificateFactory
) -> None:
    web.serve("autoconfig.example.com", "/mail/config-v1.1.xml", page(file(smtp(host="out.hoster.example"))))
    found = published(dns_server, web, certificates)
    assert summary(found)[-1] == (Source.AUTOCONFIG, Outcome.FOUND)
    (finding,) = found[-1].findings
    assert finding.sureness is Sureness.CERTAIN
    assert finding.settings == Settings(host="out.hoster.example", port=465, security=TLS, username=ADDRESS)
    assert "autoconfig.example.com" in finding.text.en


def test_the_well_known_place_is_the_second(
    dns_server: DnsServer, web: HttpsServer, certificates: CertificateFactory
) -> None:
    web.serve("example.com", "/.well-known/autoconfig/mail/config-v1.1.xml", page(file(smtp())))
    assert summary(published(dns_server, web, certificates))[-1] == (Source.AUTOCONFIG, Outcome.FOUND)
    assert web.requests == [
        ("autoconfig.example.com", "/mail/config-v1.1.xml"),
        ("autoconfig.example.com", "/mail/config-v1.1.xml?emailaddress=postmaster%40example.com"),
        ("example.com", "/.well-known/autoconfig/mail/config-v1.1.xml"),
    ]


def test_the_part_before_the_at_never_leaves(
    dns_server: DnsServer, web: HttpsServer, certificates: CertificateFactory
) -> None:
    web.serve(
        "autoconfig.example.com",
        "/mail/config-v1.1.xml?emailaddress=postmaster%40example.com",
        page(file(smtp(username="%EMAILLOCALPART%"))),
    )
    found = published(dns_server, web, certificates)
    assert found[-1].findings[0].settings.username == "ada.lovelace"
    assert not [request for request in web.requests if "lovelace" in request[1]]
    assert not [question for question in dns_server.questions if "lovelace" in question[0]]


def test_a_redirect_to_the_hoster_is_followed(
    dns_server: DnsServer, web: HttpsServer, certificates: CertificateFactory
) -> None:
    dns_server.add("hoster.example.com", "A", "127.0.0.1")
    web.serve("autoconfig.example.com", "/mail/config-v1.1.xml", redirect("https://hoster.example.com/x.xml"))
    web.serve("hoster.example.com", "/x.xml", page(file(smtp())))
    assert summary(published(dns_server, web, certificates))[-1] == (Source.AUTOCONFIG, Outcome.FOUND)


def test_a_file_behind_an_untrusted_certificate_is_not_used(
    dns_server: DnsServer, web: HttpsServer, certificates: CertificateFactory
) -> None:
    web.serve("autoconfig.example.com", "/mail/config-v1.1.xml", page(file(smtp())))
    step = step_of(published(dns_server, web, certificates, ca_pem=""), Source.AUTOCONFIG)
    assert (step.outcome, step.findings, web.requests) == (Outcome.NOTHING, (), [])
    assert "certificate of autoconfig.example.com cannot be trusted" in step.text.en
    assert "autoconfig.example.com 的证书不可信" in step.text.zh


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LAUGHS.encode(), "not safe to read"),
        (b"<html/>", "not safe to read"),
        (file(), "holds no server"),
        (file(smtp(kind="plain")), "holds no server"),
        (b"<clientConfig>" + b" " * 300_000, "too large"),
    ],
    ids=["billion laughs", "html", "nothing for sending", "unprotected", "giant"],
)
def test_a_file_that_cannot_be_used_is_said_to_be_one(
    dns_server: DnsServer, web: HttpsServer, certificates: CertificateFactory, content: bytes, words: str
) -> None:
    web.serve("autoconfig.example.com", "/mail/config-v1.1.xml", page(content))
    step = step_of(published(dns_server, web, certificates), Source.AUTOCONFIG)
    assert (step.outcome, step.findings) == (Outcome.NOTHING, ())
    assert words in step.text.en


def test_a_web_server_that_says_nothing_costs_a_bounded_time(
    dns_server: DnsServer, web: HttpsServer, certificates: CertificateFactory
) -> None:
    web.serve("autoconfig.example.com", "/mail/config-v1.1.xml", hang_https)
    started = monotonic()
    step = step_of(published(dns_server, web, certificates, https_seconds=0.6), Source.AUTOCONFIG)
    assert step.outcome is Outcome.NOT_ASKED
    assert monotonic() - started < 6


def test_no_web_server_is_asked_when_that_is_switched_off(
    dns_server: DnsServer, web: HttpsServer, certificates: CertificateFactory
) -> None:
    web.serve("autoconfig.example.com", "/mail/config-v1.1.xml", page(file(smtp())))
    step = step_of(published(dns_server, web, certificates, autoconfig=False), Source.AUTOCONFIG)
    assert (step.outcome, web.connections) == (Outcome.SKIPPED, 0)
    assert not [question for question in dns_server.questions if question[0].startswith("autoconfig")]


def test_no_web_server_in_a_denied_network_is_asked(
    dns_server: DnsServer, web: HttpsServer, certificates: CertificateFactory
) -> None:
    policy = AddressPolicy(denied=(ip_network("127.0.0.0/8"),))
    step = step_of(published(dns_server, web, certificates, policy=policy), Source.AUTOCONFIG)
    assert (step.outcome, web.connections) == (Outcome.NOTHING, 0)
    assert "may not be connected to" in step.text.en


# Probing


def probing(certificates: CertificateFactory, *ways: tuple[int, Security], seconds: float = 8) -> Options:
    return Options(autoconfig=False, ca_pem=certificates.ca_pem, ways=ways, probe_seconds=seconds)


def test_servers_of_likely_names_are_tried_without_signing_in(
    system_dns: DnsServer, smtp_peer: StartSmtp, certificates: CertificateFactory
) -> None:
    system_dns.add("smtp.example.com", "A", "127.0.0.1")
    implicit, explicit = smtp_peer(implicit_tls=True), smtp_peer()
    options = probing(certificates, (implicit.port, TLS), (explicit.port, STARTTLS))
    found = steps(system_dns, options=options)
    step = found[-1]
    assert summary(found)[-1] == (Source.PROBE, Outcome.FOUND)
    assert [(f.settings, f.sureness) for f in step.findings] == [
        (
            Settings(host="smtp.example.com", port=port, security=security, username=ADDRESS),
            Sureness.LIKELY,
        )
        for port, security in options.ways
    ]
    for server in (implicit, explicit):
        server.settle()
        assert (server.ledger.count("EHLO") > 0, server.ledger.count("AUTH"), server.ledger.count("MAIL")) == (
            True,
            0,
            0,
        )
        assert LOCAL not in bytes(server.ledger.received)


def test_sign_in_on_the_ports_between_servers_is_only_possible(
    system_dns: DnsServer, smtp_peer: StartSmtp, certificates: CertificateFactory
) -> None:
    system_dns.add("example.com", "MX", "10 mx.hoster.example.")
    system_dns.add("mx.hoster.example", "A", "127.0.0.1")
    server = smtp_peer()
    options = probing(certificates, (1, TLS), (2, STARTTLS), (3, STARTTLS), (server.port, STARTTLS))
    step = steps(system_dns, options=options)[-1]
    assert [(f.settings.host, f.sureness) for f in step.findings] == [("mx.hoster.example", Sureness.POSSIBLE)]
    assert [tried.error.cause if tried.error else None for tried in step.tried] == [
        *[Cause.CONNECTION_REFUSED] * 3,
        None,
    ]


def test_a_server_that_offers_no_sign_in_is_none_for_sending(
    system_dns: DnsServer, smtp_peer: StartSmtp, certificates: CertificateFactory
) -> None:
    system_dns.add("mail.example.com", "A", "127.0.0.1")
    server = smtp_peer({Phase.EHLO: ehlo("8BITMIME")})
    step = steps(system_dns, options=probing(certificates, (server.port, STARTTLS)))[-1]
    assert (step.outcome, step.findings) == (Outcome.NOTHING, ())
    assert "mail.example.com" in step.text.en
    assert [(tried.error, tried.offered) for tried in step.tried] == [(None, ())]


def test_a_server_whose_certificate_is_not_trusted_is_not_offered(
    system_dns: DnsServer, smtp_peer: StartSmtp, certificates: CertificateFactory
) -> None:
    system_dns.add("smtp.example.com", "A", "127.0.0.1")
    server = smtp_peer(implicit_tls=True)
    step = steps(system_dns, options=Options(autoconfig=False, ways=((server.port, TLS),)))[-1]
    assert (step.outcome, step.findings) == (Outcome.NOTHING, ())
    (tried,) = step.tried
    assert tried.error is not None
    assert tried.error.cause is Cause.TLS_UNKNOWN_CA
    assert tried.error.certificate is not None


def test_servers_are_tried_at_the_same_time_and_in_bounded_time(
    system_dns: DnsServer, smtp_peer: StartSmtp, certificates: CertificateFactory
) -> None:
    for name in ("smtp", "mail"):
        system_dns.add(f"{name}.example.com", "A", "127.0.0.1")
    silent_ones = [smtp_peer({Phase.GREETING: hang}) for _ in range(4)]
    options = probing(certificates, *((server.port, STARTTLS) for server in silent_ones), seconds=1)
    started = monotonic()
    step = steps(system_dns, options=options)[-1]
    assert monotonic() - started < 8
    assert (step.outcome, len(step.tried)) == (Outcome.NOTHING, 8)


def test_servers_in_a_denied_network_are_not_connected_to(
    system_dns: DnsServer, smtp_peer: StartSmtp, certificates: CertificateFactory
) -> None:
    system_dns.add("smtp.example.com", "A", "127.0.0.1")
    system_dns.add("mail.example.com", "A", "169.254.169.254")
    server = smtp_peer()
    options = Options(
        autoconfig=False,
        ways=((server.port, STARTTLS),),
        policy=AddressPolicy(denied=(ip_network("127.0.0.0/8"),)),
    )
    step = steps(system_dns, options=options)[-1]
    assert [tried.error.cause for tried in step.tried if tried.error] == [Cause.ADDRESS_DENIED] * 2
    assert server.connections == 0


def test_no_server_is_tried_when_settings_are_found_already(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "MX", "10 mxbiz1.qq.com.")
    found = steps(dns_server, options=Options(autoconfig=False))
    assert summary(found)[-1] == (Source.PROBE, Outcome.SKIPPED)


def test_likely_names_that_do_not_exist_are_said_to_be_missing(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "A", "192.0.2.1")
    step = steps(dns_server, options=Options(autoconfig=False))[-1]
    assert (step.outcome, step.tried) == (Outcome.NOTHING, ())
    assert step.text.en == "None of the likely server names of example.com exists."


def test_a_host_name_of_other_bytes_is_not_tried(system_dns: DnsServer, certificates: CertificateFactory) -> None:
    system_dns.add("example.com", "MX", r"10 a\000b.hoster.example.", r"20 -.hoster.example.")
    step = steps(system_dns, options=probing(certificates, (1, TLS)))[-1]
    assert step.tried == ()


# The one to offer


def test_the_best_is_the_surest_and_of_those_the_first(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "MX", "10 mxbiz1.qq.com.")
    dns_server.add("_submissions._tcp.example.com", "SRV", "0 1 465 smtp.hoster.example.")
    chosen = best(iter(steps(dns_server)))
    assert chosen is not None
    assert (chosen.source, chosen.settings.provider) == (Source.MX, "tencent-exmail")


def test_there_is_no_best_of_nothing(dns_server: DnsServer) -> None:
    assert best(iter(steps(dns_server, "a@nowhere.invalid"))) is None


def test_a_refusing_greeting_is_told(
    system_dns: DnsServer, smtp_peer: StartSmtp, certificates: CertificateFactory
) -> None:
    system_dns.add("smtp.example.com", "A", "127.0.0.1")
    server = smtp_peer({Phase.GREETING: say("554 5.7.1 Go away")})
    (tried,) = steps(system_dns, options=probing(certificates, (server.port, STARTTLS)))[-1].tried
    assert tried.error is not None
    assert (tried.error.cause, tried.error.reply and tried.error.reply.code) == (Cause.SERVICE_UNAVAILABLE, 554)

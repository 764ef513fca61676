"""Every broken set-up is named: where it stopped, why, who can mend it, and the first thing to do, in both languages.

All of them, by the panel's own code: `python -m tests.diagnosis` prints the score.
"""

import pytest

from smtpadmin.providers import load
from smtpadmin.providers.model import SecretKind
from tests.diagnosis.bench import Bench, sender_verdict
from tests.diagnosis.cases import CASES, SENDER_CASES
from tests.diagnosis.model import Case, Exim, Postfix, SenderCase
from tests.support.certificates import CertificateFactory

REAL = {Postfix: "postfix", Exim: "exim"}


@pytest.fixture(scope="module")
def bench(certificates: CertificateFactory) -> Bench:
    return Bench(certificates)


@pytest.fixture
def real_server(request: pytest.FixtureRequest, bench: Bench) -> None:
    """Start the real server of a case that needs one."""
    kind = type(request.node.callspec.params["case"].server)
    if kind in REAL and kind not in bench.real:
        bench.real[kind] = request.getfixturevalue(REAL[kind])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.usefixtures("real_server")
def test_a_broken_set_up_is_named_in_both_languages(bench: Bench, case: Case) -> None:
    found = bench.verdict(case)
    assert found.verdict == case.verdict
    if case.link:
        assert found.link == case.link


@pytest.mark.parametrize("case", SENDER_CASES, ids=lambda case: case.name)
def test_a_sender_that_will_not_be_believed_is_named_in_both_languages(bench: Bench, case: SenderCase) -> None:
    found = [sender_verdict(finding) for finding in bench.sender_findings(case)]
    assert [verdict for verdict in found if verdict.code == case.verdict.code] == [case.verdict]


def test_the_corpus_is_large_and_names_each_set_up_once() -> None:
    names = [case.name for case in (*CASES, *SENDER_CASES)]
    assert len(names) >= 80
    assert len(set(names)) == len(names)


def test_the_wrong_kind_of_password_is_in_it_for_ten_providers_and_more() -> None:
    refused = {case.provider for case in CASES if case.verdict.stage == "auth" and case.verdict.cause == "auth_refused"}
    kinds = {provider.key: provider.secret for provider in load()}
    special = {key for key in refused if key and kinds[key] not in {SecretKind.PASSWORD, SecretKind.NONE}}
    assert len(special) >= 10
    # Where such a password is made is one click away.
    without = [
        case.name for case in CASES if case.provider in special and case.verdict.stage == "auth" and not case.link
    ]
    assert without == []

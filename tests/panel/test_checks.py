"""The panel's system checks."""

import pytest
from pytest_django import Settings

from panel.checks import reset_links_lead_here


@pytest.mark.parametrize(
    ("hosts", "offered", "ids"),
    [
        (["mail.example.com"], True, []),
        (["*"], True, ["panel.W001"]),
        (["*"], False, []),
    ],
)
def test_any_host_name_is_a_warning_while_reset_links_are_mailed(
    settings: Settings, hosts: list[str], offered: bool, ids: list[str]
) -> None:
    settings.ALLOWED_HOSTS, settings.PASSWORD_RESET = hosts, offered
    assert [message.id for message in reset_links_lead_here()] == ids

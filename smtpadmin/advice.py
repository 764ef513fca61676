"""The experts, asked with this installation's settings: `finding` and `sender_checks` know nothing of Django.

Other ways to a server that failed need no setting: `finding.alternatives` takes the profile's own configuration.
"""

from collections.abc import Iterator

from smtpadmin import finding, sender_checks
from smtpadmin.conf import conf
from smtpadmin.diagnosis import catalogue, provider_of
from smtpadmin.models import Profile
from smtpadmin.names import ascii_host, split_sender
from smtpadmin.resolver import Resolver
from smtpadmin.smtp import AddressPolicy


def find_settings(address: str) -> Iterator[finding.Step]:
    """Look for the settings of what a person typed: an address, one with a name, or a domain.

    Raises ValueError where there is no domain in it. Each step is done when the next item is asked for.
    """
    options = finding.Options(autoconfig=conf.autoconfig, policy=AddressPolicy(denied=conf.denied_networks))
    return finding.find(split_sender(address).address, catalogue=catalogue(), resolver=_resolver(), options=options)


def check_profile(profile: Profile, *, selectors: tuple[str, ...] = ()) -> Iterator[sender_checks.Finding]:
    """Check the From of a profile against its provider's rule and against DNS. The profile may be unsaved."""
    return sender_checks.check_sender(
        sender_checks.Sender(
            address=profile.from_address,
            username=profile.username,
            provider=provider_of(profile.provider),
            host=ascii_host(profile.host),
            selectors=selectors,
        ),
        resolver=_resolver(),
    )


def _resolver() -> Resolver:
    return Resolver(servers=conf.dns_servers)

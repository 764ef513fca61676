"""Trusting what a server showed: the links of a failed test fill the form in, and saving is a press of its own."""

from django.http import HttpRequest

from smtpadmin.models import Profile
from smtpadmin.testing import Report
from smtpadmin.wording.certificates import presented


def offered(request: HttpRequest, profile: Profile | None) -> dict[str, str]:
    """Return what the link “Pin this certificate” or “Trust this CA” puts into the form; empty without one.

    Anyone can write a link, so it names nothing else than what this profile's last test stopped at.
    """
    pin, authority = request.GET.get("pin", "").lower(), request.GET.get("ca", "").lower()
    if not (pin or authority) or profile is None or not profile.test_report:
        return {}
    shown = presented(Report.from_json(profile.test_report))
    if shown is None:
        return {}
    if pin and pin == shown.pin:
        return {"pinned_sha256": pin}
    if shown.ca is not None and authority == shown.ca.sha256:
        # Those that the profile trusts already stay.
        return {"ca_pem": "\n".join(filter(None, [profile.ca_pem.strip(), shown.ca.pem]))}
    return {}

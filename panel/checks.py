"""System checks of the panel's own settings."""

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register(checks.Tags.security)
def reset_links_lead_here(**_kwargs: Any) -> list[checks.CheckMessage]:
    """Warn when a forged Host header could make a password-reset mail link to another site."""
    if not settings.PASSWORD_RESET or "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        checks.Warning(
            "ALLOWED_HOSTS accepts any name, so a password-reset mail can be made to link to another site.",
            hint="List the panel’s own host names, or set SMTPADMIN_PASSWORD_RESET=False.",
            id="panel.W001",
        )
    ]

"""Who counts on a profile, as far as this project's settings say; and how an app names one."""

import django
from django.conf import settings

from smtpadmin.models import Profile

_BACKEND = "smtpadmin.backend.EmailBackend"


def mailers_naming(slug: str) -> list[str]:
    """Return the entries of MAILERS that name the profile."""
    mailers = getattr(settings, "MAILERS", {})
    return sorted(
        f"MAILERS[{alias!r}]" for alias, entry in mailers.items() if (entry.get("OPTIONS") or {}).get("profile") == slug
    )


def snippet(profile: Profile) -> str:
    """Return the settings with which an app sends through the profile, for this version of Django."""
    if django.VERSION < (6, 1):
        return f'EMAIL_BACKEND = "{_BACKEND}"'
    options = "" if profile.is_default else f',\n        "OPTIONS": {{"profile": "{profile.slug}"}}'
    return f'MAILERS = {{\n    "default": {{\n        "BACKEND": "{_BACKEND}"{options},\n    }},\n}}'

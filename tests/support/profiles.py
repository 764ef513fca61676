"""Profiles for tests: valid in every field, on a server that nothing connects to unless the test says so."""

from datetime import timedelta
from typing import Any

from smtpadmin import profiles
from smtpadmin.models import Profile
from smtpadmin.models.profile import today
from smtpadmin.smtp import Secret


def make_profile(*, slug: str = "main", password: str = "", **fields: Any) -> Profile:
    """Save and return a profile; `password` is sealed into it."""
    defaults: dict[str, Any] = {
        "name": slug.title(),
        "host": "smtp.example.com",
        "port": 465,
        "security": "tls",
        "username": "notify@example.com",
        "from_address": "notify@example.com",
    }
    if fields.get("skip_verify"):
        defaults["skip_verify_until"] = today() + timedelta(days=7)
    profile = Profile(slug=slug, **defaults | fields)
    if password:
        profiles.set_password(profile, Secret(password))
    profile.save()
    return profile

"""The way in for the first administrator: a link that is printed at start, works once and expires.

There is no default account, and whoever finds a fresh panel first must not own it: without the token the page does not
exist.
"""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from panel.models import SetupLink

LIFETIME = timedelta(minutes=30)


class LinkUsed(Exception):
    """The link was used, or it expired, while its form was being filled in."""


def is_needed() -> bool:
    """Say whether nobody can administer the panel yet."""
    return not get_user_model()._default_manager.filter(is_superuser=True, is_active=True).exists()  # noqa: SLF001


def new_token(*, lifetime: timedelta = LIFETIME) -> str:
    """Return the token of a new link; links printed earlier stop working."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        SetupLink.objects.all().delete()
        SetupLink.objects.create(token_hash=_hash(token), expires_at=timezone.now() + lifetime)
    return token


def is_valid(token: str) -> bool:
    """Say whether the link with this token may be used now."""
    return is_needed() and SetupLink.objects.filter(token_hash=_hash(token), expires_at__gt=timezone.now()).exists()


def create_administrator(token: str, *, username: str, email: str, password: str) -> AbstractBaseUser:
    """Use the link up and return the first administrator. Raise LinkUsed when another request was faster."""
    with transaction.atomic():
        used, _ = SetupLink.objects.filter(token_hash=_hash(token), expires_at__gt=timezone.now()).delete()
        if not used or not is_needed():
            raise LinkUsed
        return get_user_model().objects.create_superuser(username=username, email=email, password=password)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

"""A link that logs an administrator in once: for the day when the password is forgotten and mail is broken.

It is made at the command line, lives a quarter of an hour, and ends by use, by a new link, and with the account's
password: what is stored is a hash that holds the password's own. Whoever can make one could change the database too.
"""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from panel.models import SetupLink

LIFETIME = timedelta(minutes=15)


class LinkUsed(Exception):
    """The link was used, or it ended, while its page was open."""


def administrators() -> QuerySet[User]:
    """Return the accounts that a link may be made for."""
    return User.objects.filter(is_superuser=True, is_active=True).order_by("pk")


def new_token(user: User) -> str:
    """Return the token of a new link for `user`; every link before it stops working."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        SetupLink.objects.all().delete()
        SetupLink.objects.create(token_hash=_hash(user, token), expires_at=timezone.now() + LIFETIME)
    return token


def owner(pk: int, token: str) -> User | None:
    """Return whom the link would log in now, or None where it is none. It is not used up by that."""
    user = administrators().filter(pk=pk).first()
    return user if user is not None and _link(user, token).exists() else None


def use(pk: int, token: str) -> User:
    """Use the link up and return whom to log in. Raise LinkUsed; of two requests at once one gets it."""
    with transaction.atomic():
        user = administrators().filter(pk=pk).first()
        if user is None or not _link(user, token).delete()[0]:
            raise LinkUsed
        return user


def _link(user: User, token: str) -> QuerySet[SetupLink]:
    return SetupLink.objects.filter(token_hash=_hash(user, token), expires_at__gt=timezone.now())


def _hash(user: User, token: str) -> str:
    return hashlib.sha256(f"login|{user.pk}|{user.password}|{token}".encode()).hexdigest()

"""People who visit the pages: the administrator, a viewer, a tester, and a stranger without any permission."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from smtpadmin.models import Profile
from tests.support.profiles import make_profile

#: A secret that must never come back in any page, log or error.
CANARY = "canary-Zx81-secret"


def person(name: str, *permissions: str) -> User:
    """Return a member of staff with these permissions on profiles."""
    user = User.objects.create_user(name, f"{name}@example.org", "x", is_staff=True)
    codenames = [f"{name}_profile" for name in permissions]
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="smtpadmin", codename__in=codenames))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(db: None) -> Client:
    return signed_in(User.objects.create_superuser("admin", "admin@example.org", "x"))


@pytest.fixture
def viewer(db: None) -> Client:
    return signed_in(person("viewer", "view"))


@pytest.fixture
def tester(db: None) -> Client:
    return signed_in(person("tester", "view", "test"))


@pytest.fixture
def stranger(db: None) -> Client:
    return signed_in(person("stranger"))


@pytest.fixture
def visit(request: pytest.FixtureRequest) -> Callable[[str], Client]:
    """Return somebody's client by name, for tables of who may do what."""
    return lambda name: request.getfixturevalue(name)


@pytest.fixture
def profile(db: None) -> Profile:
    """A profile with the canary as its secret."""
    return make_profile(password=CANARY)

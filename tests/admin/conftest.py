"""People who visit the pages: the administrator, a viewer, a tester, a stranger without any permission; and a canary.

Every page that they are sent is searched for the canary, the secret that the tests type and store.
"""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpResponseBase
from django.test import Client

from smtpadmin.models import Profile
from tests.support.profiles import make_profile

CANARY = "canary-Zx81-secret"
_FORMS = tuple(
    form.encode() for form in (CANARY, base64.b64encode(f"\0notify@example.com\0{CANARY}".encode()).decode(),
                               base64.b64encode(CANARY.encode()).decode())
)  # fmt: skip


class WatchfulClient(Client):
    """A client that fails the test when a page shows the canary."""

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        body = _whole(response)
        assert not any(form in body for form in _FORMS), f"{request.get('PATH_INFO')} shows the secret"
        return response


def _whole(response: HttpResponseBase) -> bytes:
    if not response.streaming:
        return response.content  # type: ignore[attr-defined]
    chunks = list(response.streaming_content)  # type: ignore[attr-defined]
    response.streaming_content = iter(chunks)  # type: ignore[attr-defined]
    response.pieces = [piece for piece in b"".join(chunks).decode().split("\x1e") if piece]  # type: ignore[attr-defined]
    return b"".join(chunks)


def person(name: str, *permissions: str) -> User:
    """Return a member of staff with these permissions on profiles."""
    user = User.objects.create_user(name, f"{name}@example.org", "x", is_staff=True)
    codenames = [f"{permission}_profile" for permission in permissions]
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="smtpadmin", codename__in=codenames))
    return user


def signed_in(user: User) -> Client:
    client = WatchfulClient()
    client.force_login(user)
    return client


@pytest.fixture
def admin(db: None) -> Client:
    return signed_in(User.objects.create_superuser("admin", "admin@example.org", "x"))


@pytest.fixture
def editor(db: None) -> Client:
    return signed_in(person("editor", "view", "add", "change"))


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
def visitor_named(request: pytest.FixtureRequest) -> Callable[[str], Client]:
    """Return somebody's client by name, for tables of who may do what."""
    return request.getfixturevalue


@pytest.fixture
def profile(db: None) -> Profile:
    """A profile with the canary as its secret."""
    return make_profile(password=CANARY)


@pytest.fixture(autouse=True)
def silent_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail the test when the canary was logged."""
    yield
    assert CANARY not in caplog.text

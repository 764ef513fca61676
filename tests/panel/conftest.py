"""People of the panel: who may do everything, who may look, who may nothing."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

PASSWORD = "correct horse 9"


@pytest.fixture
def alice(db: None) -> User:
    """Administers the panel."""
    return User.objects.create_superuser("alice", email="alice@example.com", password=PASSWORD)


@pytest.fixture
def bob(db: None) -> User:
    """May look at profiles."""
    user = User.objects.create_user("bob", email="bob@example.com", password=PASSWORD, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_profile"))
    return user


@pytest.fixture
def charlie(db: None) -> User:
    """May log in, and nothing else."""
    return User.objects.create_user("charlie", email="charlie@example.com", password=PASSWORD, is_staff=True)


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client

"""People who visit the message log, by what they may do there; and what a page of it says."""

from typing import Any

from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client

from smtpadmin.models import Message
from tests.admin.conftest import WatchfulClient

LIST = "/admin/smtpadmin/message/"


def client_of(*codenames: str, name: str = "someone") -> Client:
    """Return a client of a member of staff with these permissions."""
    user = User.objects.create_user(name, f"{name}@example.org", "x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="smtpadmin", codename__in=codenames))
    client = WatchfulClient()
    client.force_login(user)
    return client


def address(message: Message, page: str = "change") -> str:
    return f"{LIST}{message.pk}/{page}/"


def told(response: Any) -> list[str]:
    """Return what the page after a press says about it."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def state(message: Message) -> str:
    return Message.objects.get(pk=message.pk).state

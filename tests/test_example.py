"""The example project: a separate process, the stock admin, its own password reset and notification."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smtpadmin.crypto import generate_key
from tests.support.smtpd import PASSWORD, USERNAME, StartServer

EXAMPLE = Path(__file__).resolve().parent.parent / "example"

SCRIPT = """
import re, sys
from django.contrib.auth.models import User
from django.test import Client
from smtpadmin import profiles
from smtpadmin.models import Profile
from smtpadmin.smtp import Secret

port, username, password = sys.argv[1:]
profile = Profile(name="Alerts", slug="alerts", host="127.0.0.1", port=int(port), security="none",
                  username=username, from_address="shop@example.com", from_name="The shop")
profiles.set_password(profile, Secret(password))
profile.save()
profiles.make_default_if_first(profile)
User.objects.create_superuser("admin", "admin@example.com", "admin-password")

client = Client()
client.force_login(User.objects.get())
assert client.get("/admin/smtpadmin/profile/").status_code == 200
assert client.post("/order/", {"email": "buyer@example.org"}).content == b"Thank you!"
assert Client().post("/accounts/password_reset/", {"email": "admin@example.com"}).status_code == 302
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "EXAMPLE_DATABASE": str(tmp_path / "shop.sqlite3"),
        "PYTHONPATH": str(EXAMPLE.parent),
        "SMTPADMIN_KEYS": generate_key(),
    }


def manage(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=EXAMPLE, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_example_sends_its_notification_and_its_password_reset(
    smtp_server: StartServer, environment: dict[str, str]
) -> None:
    server = smtp_server()
    manage(environment, "check", "--fail-level", "WARNING")
    manage(environment, "migrate", "-v0")
    arguments = [sys.executable, "-c", f"import django; django.setup()\n{SCRIPT}", str(server.port), USERNAME, PASSWORD]
    done = subprocess.run(arguments, cwd=EXAMPLE, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert server.messages == []
    manage(environment, "deliver", "--once")
    order, reset = server.messages
    assert (order.recipients, order.message["Subject"]) == (("buyer@example.org",), "Order received")
    assert order.message["From"] == "The shop <shop@example.com>"
    assert reset.recipients == ("admin@example.com",)
    assert "/accounts/reset/" in reset.message.get_content()

"""The error pages: in the reader's language, without a user, and without secrets."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from panel import health


def test_an_address_that_is_nowhere(client: Client, db: None) -> None:
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert "This page does not exist" in response.content.decode()


def test_a_host_name_that_the_panel_was_not_told_names_the_setting(client: Client, db: None) -> None:
    response = client.get("/admin/", headers={"host": "mail.example.net"})
    assert response.status_code == 400
    assert "<code>ALLOWED_HOSTS</code>" in response.content.decode()


def test_a_page_that_the_user_may_not_open(client: Client, charlie: User) -> None:
    client.force_login(charlie)
    response = client.get("/admin/auth/user/")
    assert response.status_code == 403
    assert "You may not open this page" in response.content.decode()


def test_a_form_that_cannot_be_checked_names_the_setting_for_proxies(db: None) -> None:
    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a", "password": "b"})
    assert response.status_code == 403
    assert "<code>CSRF_TRUSTED_ORIGINS</code>" in response.content.decode()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], HttpResponse]:
    """A page that fails with a secret in its local variables and its message."""

    class Broken:
        def cursor(self) -> None:
            password = "hunter2-hunter2"
            raise RuntimeError(password)

    def get() -> HttpResponse:
        monkeypatch.setattr(health, "connection", Broken())
        return Client(raise_request_exception=False).get("/readyz")

    return get


def test_a_failure_of_the_panel_tells_nothing_of_its_inside(failing: Callable[[], HttpResponse]) -> None:
    response = failing()
    page = response.content.decode()
    assert response.status_code == 500
    assert "Something went wrong here" in page
    assert "hunter2" not in page
    assert "RuntimeError" not in page


def test_error_pages_speak_the_readers_language(client: Client, db: None) -> None:
    page = client.get("/nowhere/", headers={"accept-language": "zh-CN"}).content.decode()
    assert '<html lang="zh-hans">' in page
    assert "此页面不存在" in page

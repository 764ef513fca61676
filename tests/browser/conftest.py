"""Chromium, the panel on a port of its own, and people to visit it.

    def test_my_page_is_sound(visitor, administrator):      # runs once for each variant
        visitor.sign_in(administrator)
        visitor.open("/admin/my/page/")
        visitor.assert_sound("my-page")

`visitor` looks in all variants, `desktop` and `phone` in one, `scriptless` has no JavaScript.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visitor import VARIANTS, Variant, Visitor
from tests.support.components import require

CHROMIUM = Path("/usr/bin/chromium")

NewVisitor = Callable[..., Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    require(f"Chromium ({CHROMIUM})", CHROMIUM.exists())
    # Playwright's synchronous API keeps an event loop running in this thread, in which Django refuses to query.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def new_visitor(browser: Browser, live_server: Any) -> Iterator[NewVisitor]:
    """Open windows: `new_visitor(variant, scripts=False)`."""
    windows: list[Visitor] = []

    def open_window(variant: Variant = VARIANTS[0], *, scripts: bool = True) -> Visitor:
        windows.append(Visitor(browser, base_url=live_server.url, variant=variant, scripts=scripts))
        return windows[-1]

    yield open_window
    for window in windows:
        window.close()


@pytest.fixture(params=VARIANTS, ids=lambda variant: variant.name)
def visitor(request: pytest.FixtureRequest, new_visitor: NewVisitor) -> Visitor:
    return new_visitor(request.param)


@pytest.fixture
def desktop(new_visitor: NewVisitor) -> Visitor:
    return new_visitor(VARIANTS[0])


@pytest.fixture
def phone(new_visitor: NewVisitor) -> Visitor:
    return new_visitor(VARIANTS[1])


@pytest.fixture
def scriptless(new_visitor: NewVisitor) -> Visitor:
    return new_visitor(VARIANTS[0], scripts=False)


@pytest.fixture
def administrator(transactional_db: None) -> AbstractBaseUser:
    return get_user_model().objects.create_superuser("admin", email="admin@example.com", password="correct horse 9")

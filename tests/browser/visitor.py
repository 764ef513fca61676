"""Somebody who looks at pages: on a desktop or a phone, in light or dark, in English or Chinese.

`Visitor.assert_sound` is what holds for every page: nothing against the content security policy, no script error, no
missing file, no axe finding, nothing wider than the screen. It leaves a picture in test-results/ to be looked at.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request

PICTURES = Path(__file__).resolve().parent.parent.parent / "test-results"

# axe's own script would be blocked by a page's policy if the page loaded it; the debugger's evaluate() is not.
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  reportViolation(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
# What sticks out is named, because "the page is 412 px wide" does not say where to look. Whatever scrolls or is clipped
# inside its own box is no fault.
_TOO_WIDE = """
() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const clipped = (element) => {
    for (let e = element.parentElement; e && e !== document.body; e = e.parentElement)
      if (getComputedStyle(e).overflowX !== "visible") return true;
    return false;
  };
  return [...document.body.querySelectorAll("*")]
    .filter((e) => e.getBoundingClientRect().right > width + 1 && !clipped(e))
    .map((e) => `${e.tagName.toLowerCase()}#${e.id}.${e.className}`)
    .slice(0, 5)
    .concat([`the page: ${document.documentElement.scrollWidth} px on ${width} px`]);
}
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of looking at the pages."""

    name: str
    width: int = 1280
    height: int = 860
    scheme: Literal["light", "dark"] = "light"
    locale: str = "en-US"


VARIANTS = (
    Variant("desktop"),
    Variant("phone", width=390, height=844),
    Variant("dark", scheme="dark"),
    Variant("chinese", locale="zh-CN"),
    Variant("chinese-dark-phone", width=390, height=844, scheme="dark", locale="zh-CN"),
)


class Visitor:
    """One browser window of its own; `page` is Playwright's, for whatever a test does beyond these methods."""

    def __init__(self, browser: Browser, *, base_url: str, variant: Variant, scripts: bool = True) -> None:
        self.variant = variant
        self.base_url = base_url
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            base_url=base_url,
            viewport={"width": variant.width, "height": variant.height},
            color_scheme=variant.scheme,
            locale=variant.locale,
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        self.context.expose_function("reportViolation", lambda text: self.complaints.append(f"CSP {text}"))
        self.context.add_init_script(_REPORT_VIOLATIONS)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("requestfailed", self._miss)

    def _hear(self, message: Any) -> None:
        # Chromium also logs the status of the page itself, which the error pages have on purpose.
        if message.type == "error" and message.location.get("url") != self.page.url:
            self.complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _miss(self, request: Request) -> None:
        # Chromium's word for what a page no longer waits for: a check that the next page overtook, or a stream whose
        # last byte was read before the connection was told to end (measured, about every second time).
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"not loaded: {request.url} ({request.failure})")

    def sign_in(self, user: AbstractBaseUser) -> None:
        """Give this window a session of `user`, without going through the login page."""
        client = Client()
        client.force_login(user)
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": self.base_url}])

    def open(self, path: str) -> Page:
        self.page.goto(path, wait_until="load")
        return self.page

    def submit(self) -> None:
        """Press the page's main button and wait for what it leads to."""
        with self.page.expect_navigation(wait_until="load"):
            self.page.locator("[type=submit].default").click()

    def picture(self, name: str) -> Path:
        """Leave a picture of the whole page in test-results/."""
        path = PICTURES / f"{name}-{self.variant.name}.png"
        # The window is made as high as the page: Playwright's own full-page picture leaves bars that stick to the
        # window's edge in the middle of it.
        height = self.page.evaluate("document.documentElement.scrollHeight")
        self.page.set_viewport_size({"width": self.variant.width, "height": max(height, self.variant.height)})
        self.page.screenshot(path=path)
        self.page.set_viewport_size({"width": self.variant.width, "height": self.variant.height})
        return path

    def axe_findings(self) -> list[str]:
        found = Axe().run(self.page).response["violations"]
        return [f"axe {rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]

    def assert_sound(self, name: str) -> None:
        """Assert what holds for every page, and leave a picture of it under `name`."""
        self.picture(name)
        complaints = [*self.complaints, *self.page.evaluate(_TOO_WIDE)]
        findings = self.axe_findings()
        # axe tries things out on the page, with inline styles among others: that is none of the page's doing.
        self.complaints.clear()
        assert [*complaints, *findings] == []

    def close(self) -> None:
        self.context.close()

"""Response headers that hold for every page of the panel."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

# Scripts, styles and pictures from our own files only, nothing inline. Django has a CSP middleware from 6.0 on; 5.2 has
# none, and one fixed policy needs no more than this.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware:
    """Set the Content-Security-Policy, and keep pages out of caches: they show addresses and settings."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

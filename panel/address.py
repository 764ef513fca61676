"""Where a browser finds the panel, as far as the settings say."""

from django.conf import settings


def panel_address() -> str:
    """Return the public address where one is set, else the one that the panel listens on."""
    public = [origin for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin]
    if public:
        return str(public[0])
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104  read, not bound to
    return f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"

"""Where a browser finds the panel, as far as the settings say."""

from django.conf import settings


def panel_address(*, host: str = "", port: int = 0) -> str:
    """Return the public address where one is set, else the one that the panel listens on.

    `host` and `port` are where it does listen, for whoever knows better than the settings: port 0 is any that is free.
    """
    public = [origin for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin]
    if public:
        return str(public[0])
    host, port = host or settings.HOST, port or settings.PORT
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  read here, not bound to
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

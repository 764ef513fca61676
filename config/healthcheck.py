"""The container's health check: asks /readyz, by a name that the panel answers to, and ends with 0 or 1."""

import sys
from urllib.request import ProxyHandler, Request, build_opener

from config import env


def main() -> int:
    request = Request(f"http://127.0.0.1:{env.number('PORT', 8000)}/readyz", headers={"Host": _host()})
    # A proxy that the container is told to use is not for itself.
    direct = build_opener(ProxyHandler({}))
    try:
        with direct.open(request, timeout=5) as response:
            sys.stdout.write(response.read().decode())
    except OSError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


def _host() -> str:
    """Return a name out of ALLOWED_HOSTS, which refuses requests for any other."""
    name = env.listing("ALLOWED_HOSTS", ["localhost"])[0].removeprefix(".")
    return "localhost" if name == "*" else name


if __name__ == "__main__":
    sys.exit(main())

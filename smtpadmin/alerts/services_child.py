"""The process in which Apprise runs: one URL is read, checked or called, and the answer printed as JSON.

A process of its own, because a library with a hundred and fifty services of many authors keeps no total deadline and
cannot be stopped in a thread; here it can be ended. What it connects to is watched by an audit hook, whichever way it
takes: nothing in the process gets past that or can remove it. Started by `services`, by its path, without Django.
"""

import contextlib
import io
import json
import logging
import sys
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, TextIO

# They act on this computer, or send mail past the profiles.
LOCAL = frozenset(
    {
        "blink1", "dbus", "deltachat", "deltachats", "glib", "gio", "gnome", "kde", "macosx", "mailto", "mailtos", "qt",
        "syslog", "windows",
    }
)  # fmt: skip
# One call of one service; the whole process is given a little more.
SECONDS = 20.0

_FORBIDDEN = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"})
_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_MOST_LINES = 4
# Whatever a service answers is read whole. The workers, which share the container's memory, go on.
_MOST_MEMORY = 1 << 29


class Guard:
    """Refuses connections to addresses that the policy does not allow, and other programs altogether."""

    def __init__(self, allows: Any) -> None:
        self._allows = allows
        self.denied = False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN:
            raise PermissionError("An alert starts no program.")
        if event in _CONNECTING and not self._may_connect(args[1]):
            self.denied = True
            raise PermissionError("This address may not be connected to.")

    def _may_connect(self, address: Any) -> bool:
        if not isinstance(address, tuple):
            # A socket of this computer, or one that is connected already.
            return address is None
        try:
            return bool(self._allows(ip_address(str(address[0]).partition("%")[0])))
        except ValueError:
            return False  # a name: it is looked up past us


def main() -> None:
    _bound_memory()
    order = json.load(sys.stdin)
    sys.path[:] = order["path"]
    answer = sys.stdout
    # Whatever a service prints is no part of the answer.
    sys.stdout = io.StringIO()
    _print(answer, _run(order))


def _bound_memory() -> None:
    # Not on Windows; macOS knows the limit and refuses it.
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


def _print(answer: TextIO, result: dict[str, Any]) -> None:
    json.dump(result, answer)
    answer.flush()


def _run(order: dict[str, Any]) -> dict[str, Any]:
    from smtpadmin.smtp.network import AddressPolicy  # noqa: PLC0415  found on the path of the order

    try:
        import apprise  # noqa: PLC0415  an optional dependency
        from apprise.attachment.file import AttachFile  # noqa: PLC0415
    except ImportError:
        return {"reason": "not_installed"}
    denied: list[IPv4Network | IPv6Network] = [ip_network(text) for text in order["denied"]]
    guard = Guard(AddressPolicy(denied=tuple(denied)).allows)
    # Before the URL is read: making a service of it is the service's own code already.
    sys.addaudithook(guard)
    # Some services read a template or a key from a file that the URL names: none of this computer's.
    AttachFile.location = apprise.ContentLocation.INACCESSIBLE
    said = _listen()
    service = apprise.Apprise.instantiate(order["url"], asset=_asset(apprise), suppress_exceptions=True)
    if service is None:
        local = order["url"].partition(":")[0].strip().lower() in LOCAL
        return {"reason": "local_service" if local else "bad_service_url"}
    result = {"service": str(service.service_name or "")}
    if {str(service.schema or "").lower(), order["url"].partition(":")[0].strip().lower()} & LOCAL:
        return result | {"reason": "local_service"}
    if not service.verify_certificate:
        return result | {"reason": "unverified"}
    if order["act"] == "check":
        return result
    # What a URL says of it (`redirect=yes`) does not count.
    service.redirects = False
    kinds = {"opened": apprise.NotifyType.FAILURE, "resolved": apprise.NotifyType.SUCCESS}
    done = False
    with contextlib.suppress(PermissionError):
        done = service.notify(
            title=order["title"], body=order["body"], notify_type=kinds.get(order["event"], apprise.NotifyType.INFO)
        )
    if done:
        return result
    return result | {"reason": "denied" if guard.denied else "service_refused", "said": said()}


def _asset(apprise: Any) -> Any:
    return apprise.AppriseAsset(
        app_id="smtpadmin",
        app_desc="smtpadmin",
        async_mode=False,
        http_redirects=False,
        secure_logging=True,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        service_timeout=SECONDS,
        allow_templates=False,
    )


def _listen() -> Any:
    """Return what gives the last lines that Apprise has logged."""
    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("apprise")
    log.handlers, log.propagate = [handler], False
    return lambda: " ".join(lines[-_MOST_LINES:])


if __name__ == "__main__":
    main()

"""What a run needs of the machine: a small disk or a network of its own, in namespaces that go with its processes.

They need Linux and root. Where the machine lacks a program or forbids it, the run says so and is not run.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import find_program

# linux/sched.h and linux/mount.h
_NEW_MOUNTS, _NEW_NETWORK = 0x00020000, 0x40000000
_RECURSIVE, _PRIVATE, _DETACH = 0x4000, 0x40000, 2

_libc = ctypes.CDLL(None, use_errno=True)


class Missing(Exception):
    """The machine lacks a program that this run needs; the text says which."""


class NotPermitted(Exception):
    """The machine forbids what this run does; the text says what."""


@contextmanager
def small_disk(folder: Path, *, size: int) -> Iterator[None]:
    """Have a file system of `size` bytes in `folder`, for this process and its children only."""
    _own(_NEW_MOUNTS, "mounts")
    # What is mounted here is to stay here.
    _checked(_libc.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None), "mounts of its own")
    options = f"size={size}".encode()
    _checked(_libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options), "a file system of its own")
    yield
    _checked(_libc.umount2(os.fsencode(folder), _DETACH), "leaving it")


def own_network() -> None:
    """Give this process, and the children that it makes from here on, a network with nothing but a loopback."""
    _own(_NEW_NETWORK, "network")
    ip("link", "set", "lo", "up")


def ip(*words: str) -> None:
    """Run iproute2's `ip` in the network of this process."""
    _run(_ip(), *words)


def ip_of(pid: int, *words: str) -> None:
    """Run `ip` in the network of another process."""
    enter = find_program("nsenter")
    if enter is None:
        raise Missing("util-linux is missing.")
    _run(enter, f"--net=/proc/{pid}/ns/net", _ip(), *words)


def _ip() -> Path:
    program = find_program("ip")
    if program is None:
        raise Missing("iproute2 is missing.")
    return program


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(map(str, command))
        raise NotPermitted(f"This machine does not permit `{words}`: {done.stderr.strip()}")


def _own(kind: int, what: str) -> None:
    _checked(_libc.unshare(kind), f"a namespace of its own for {what}")


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise NotPermitted(f"This machine does not permit {what}: {os.strerror(ctypes.get_errno())}.")

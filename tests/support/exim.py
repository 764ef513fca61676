"""Exim in a directory of its own, with the same three ports as Postfix: the second voice.

Debian's packages of the two exclude each other, so `.ci/install` unpacks Exim's beside instead of installing it.
"""

import os
import pwd
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from smtpadmin.smtp import Security
from tests.support.certificates import ServerCertificate
from tests.support.processes import find_program, free_ports, listens, open_directory, retrying, running

#: What it announces, and the smaller limit that it keeps to itself.
MAX_SIZE = 200_000
UNANNOUNCED_MAX_SIZE = 100_000

#: Where `.ci/install` unpacks the package.
UNPACKED = Path("/var/cache/smtpadmin-ci/exim4/usr/sbin")
#: The user that Debian's build gives up root for.
_USER = "Debian-exim"

_CONFIG = """\
exim_path = {program}
spool_directory = {directory}/spool
log_file_path = {directory}/log/%slog
primary_hostname = mail.example.net
local_interfaces = 127.0.0.1
daemon_smtp_ports = {starttls} : {tls} : {none}
tls_on_connect_ports = {tls}
tls_advertise_hosts = ${{if eq{{$received_port}}{{{none}}}{{}}{{*}}}}
tls_certificate = {directory}/chain.pem
tls_privatekey = {directory}/key.pem
auth_advertise_hosts = ${{if or{{{{def:tls_in_cipher}}{{eq{{$received_port}}{{{none}}}}}}}{{*}}{{}}}}
message_size_limit = {max_size}
acl_smtp_mail = acl_mail
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
domainlist local_domains = {domains}
# As root only what needs it: the machine's other users are none of its business.
deliver_drop_privilege = true
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s

begin acl
acl_mail:
  deny    message = 530 5.7.0 Authentication required
          !authenticated = *
  deny    message = 553 5.7.1 This sender is not yours
          !senders = {username}
  accept
acl_rcpt:
  deny    message = 550 5.7.1 Relaying denied
          domains = !+local_domains
  deny    message = 550 5.1.1 There is no such user
          !verify = recipient
  accept
acl_data:
  deny    message = 552 5.3.4 The message is too big
          condition = ${{if >{{$message_size}}{{{unannounced_max_size}}}}}
  accept

begin routers
users:
  driver = accept
  domains = +local_domains
  local_parts = {local_parts}
  transport = maildir

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = {directory}/mail/$local_part_data
  create_directory

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{username}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{{username}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
"""


def is_available() -> bool:
    """Say whether it is here and may be started."""
    return os.geteuid() == 0 and _program() is not None and _has_user()


@contextmanager
def running_exim(
    *, certificate: ServerCertificate, username: str, password: str, users: Sequence[str]
) -> Iterator[tuple[dict[Security, int], Path]]:
    """Run it, and give the port of each kind of security and the directory with a maildir for each user."""
    with ExitStack() as stack:
        directory = stack.enter_context(open_directory("exim"))
        for name in ("spool", "log", "mail"):
            (directory / name).mkdir(mode=0o750)
            shutil.chown(directory / name, _USER)
        # It reads the key as its own user, who may not enter where the tests keep it.
        for source, name in ((certificate.chain, "chain.pem"), (certificate.key, "key.pem")):
            shutil.copy(source, directory / name)
            shutil.chown(directory / name, _USER)
        values = {
            "username": username,
            "password": password,
            "domains": " : ".join({user.partition("@")[2] for user in users}),
            "local_parts": " : ".join(user.partition("@")[0] for user in users),
        }
        ports = retrying(lambda: _start(stack, directory, values))
        yield ports, directory / "mail"


def _start(stack: ExitStack, directory: Path, values: dict[str, str]) -> dict[Security, int]:
    program = _program()
    ports = dict(zip(Security, free_ports(len(Security)), strict=True))
    config = directory / "config"
    config.write_text(
        _CONFIG.format_map(
            {security.value: port for security, port in ports.items()}
            | values
            | {
                "directory": directory,
                "program": program,
                "max_size": MAX_SIZE,
                "unannounced_max_size": UNANNOUNCED_MAX_SIZE,
            }
        )
    )
    # Exim refuses a configuration that others may write to.
    config.chmod(0o644)
    assert program is not None
    stack.enter_context(
        running(
            [program, "-C", config, "-bdf", "-oP", directory / "log" / "exim.pid"],
            log=directory / "log" / "mainlog",
            is_ready=lambda: all(map(listens, ports.values())),
            directory=directory,
        )
    )
    return ports


def _program() -> Path | None:
    return find_program("exim4", UNPACKED)


def _has_user() -> bool:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return False
    return True

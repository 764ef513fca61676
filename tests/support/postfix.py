"""Postfix in a directory of its own: submission with STARTTLS, with TLS from the first byte, and without TLS.

Dovecot checks the passwords. Nothing of the machine's own Postfix or Dovecot is read or changed.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from smtpadmin.smtp import Security
from tests.support.certificates import ServerCertificate
from tests.support.processes import StartFailed, find_program, free_ports, listens, open_directory, retrying, running

MAX_SIZE = 200_000

_DAEMONS = Path("/usr/lib/postfix/sbin")
#: Owns the delivered mail.
_MAIL_USER = "nobody"

_MAIN = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/postfix.log
maillog_file_prefixes = {directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.com
mydestination =
alias_maps =
default_transport = error:no test sends mail away
message_size_limit = {max_size}

virtual_mailbox_domains = {domains}
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = inline:{{ {mailboxes} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}

smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {directory}/dovecot/auth
smtpd_sasl_local_domain =
smtpd_sender_login_maps = inline:{{ {logins} }}
# At once, so that the refusal of a sender is an answer to MAIL.
smtpd_delay_reject = no
smtpd_sender_restrictions = reject_sender_login_mismatch, permit_sasl_authenticated, reject
# Not even for those who have signed in: no test sends mail away.
smtpd_relay_restrictions = reject_unauth_destination
# The pauses are for guessers; our tests are wrong on purpose.
smtpd_error_sleep_time = 0

smtpd_tls_cert_file = {certificate.chain}
smtpd_tls_key_file = {certificate.key}
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
"""

_MASTER = """\
127.0.0.1:{starttls} inet n - n - - smtpd
127.0.0.1:{tls} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{none} inet n - n - - smtpd -o smtpd_tls_security_level=none -o smtpd_tls_auth_only=no \
-o smtpd_discard_ehlo_keywords=size
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""

_DOVECOT = """\
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/dovecot.log
protocols =
listen = 127.0.0.1
ssl = no
auth_mechanisms = plain login
auth_failure_delay = 0
disable_plaintext_auth = no
passdb {{
  driver = passwd-file
  args = {directory}/users
}}
userdb {{
  driver = passwd-file
  args = {directory}/users
}}
service auth {{
  unix_listener {directory}/auth {{
    mode = 0600
    user = postfix
  }}
}}
# Without this socket nobody is made to wait for having been wrong before.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


def is_available() -> bool:
    """Say whether both programs are here and may be started."""
    return os.geteuid() == 0 and all(find_program(name) for name in ("postfix", "dovecot"))


@contextmanager
def running_postfix(
    *, certificate: ServerCertificate, password_of: Mapping[str, str], users: Sequence[str]
) -> Iterator[tuple[dict[Security, int], Path]]:
    """Run both, and give the port of each kind of security and the directory with a maildir for each user."""
    with ExitStack() as stack:
        directory = stack.enter_context(open_directory("postfix"))
        _write_config(directory, certificate=certificate, logins=list(password_of), users=users)
        stack.enter_context(_dovecot(directory / "dovecot", password_of=password_of))
        ports = retrying(lambda: _start(stack, directory))
        yield ports, directory / "mail"


def _write_config(
    directory: Path, *, certificate: ServerCertificate, logins: Sequence[str], users: Sequence[str]
) -> None:
    for name in ("config", "queue", "data", "mail"):
        (directory / name).mkdir(mode=0o755)
    shutil.chown(directory / "data", "postfix")
    shutil.chown(directory / "mail", _MAIL_USER)
    owner = (directory / "mail").stat()
    main = _MAIN.format(
        directory=directory,
        certificate=certificate,
        max_size=MAX_SIZE,
        domains=" ".join({user.partition("@")[2] for user in users}),
        mailboxes=", ".join(f"{user}={user.partition('@')[0]}/" for user in users),
        logins=", ".join(f"{login}={login}" for login in logins),
        uid=owner.st_uid,
        gid=65534,
    )
    (directory / "config" / "main.cf").write_text(main)


@contextmanager
def _dovecot(directory: Path, *, password_of: Mapping[str, str]) -> Iterator[None]:
    directory.mkdir(mode=0o755)
    users = directory / "users"
    users.touch(mode=0o600)
    users.write_text("".join(f"{name}:{{PLAIN}}{password}::::::\n" for name, password in password_of.items()))
    shutil.chown(users, "dovecot")
    (directory / "config").write_text(_DOVECOT.format(directory=directory))
    program = find_program("dovecot")
    assert program is not None
    with running(
        [program, "-F", "-c", directory / "config"],
        log=directory / "dovecot.log",
        is_ready=(directory / "auth").is_socket,
        directory=directory,
    ):
        yield


def _start(stack: ExitStack, directory: Path) -> dict[Security, int]:
    ports = dict(zip(Security, free_ports(len(Security)), strict=True))
    config = directory / "config"
    (config / "master.cf").write_text(_MASTER.format_map({security.value: port for security, port in ports.items()}))
    # It also makes the directories of the queue.
    check = subprocess.run(["postfix", "-c", config, "check"], capture_output=True, text=True, check=False)
    if check.returncode:
        raise StartFailed(check.stderr)
    stack.enter_context(
        running(
            [_DAEMONS / "master", "-c", config, "-d"],
            log=directory / "postfix.log",
            is_ready=lambda: all(map(listens, ports.values())),
            directory=directory / "queue",
        )
    )
    return ports

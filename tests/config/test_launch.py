"""`python -m config.launch`, which is `make run`, as a newcomer meets it."""

import http.client
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest
from cryptography.fernet import Fernet

from tests.config.conftest import ROOT, Start, Started, environment, launching
from tests.support.components import require
from tests.support.processes import wait_until
from tests.with_postgresql import find_programs, running

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("first") / "below" / "data"


@pytest.fixture(scope="module")
def panel(folder: Path) -> Iterator[Started]:
    """A panel on its first start, for tests that only look at it."""
    with launching() as launch:
        yield launch(folder)


def status(url: str) -> int:
    try:
        with urlopen(url, timeout=10) as response:
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in sorted(folder.iterdir())}


def test_it_serves_the_login_page_and_its_styles(panel: Started) -> None:
    with urlopen(f"{panel.address}/admin/login/", timeout=10) as response:
        page = response.read().decode()
    styles = re.findall(r'<link rel="stylesheet" href="(/static/[^"]+)"', page)

    assert styles
    assert [status(panel.address + style) for style in styles] == [200] * len(styles)
    assert status(f"{panel.address}/readyz") == 200


def test_what_it_makes_is_for_its_owner_alone(panel: Started, folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    found = modes(folder)
    assert {name for name, mode in found.items() if mode & 0o077} == set()
    assert {name: found[name] for name in ("secret_key", "smtpadmin_keys", "smtpadmin.sqlite3")} == {
        "secret_key": 0o600,
        "smtpadmin_keys": 0o600,
        "smtpadmin.sqlite3": 0o600,
    }


def test_the_link_for_the_first_administrator_stands_out_and_leads_there(panel: Started) -> None:
    lines = panel.output.splitlines()
    assert panel.link is not None
    assert panel.link.startswith(f"{panel.address}/setup/")
    assert f"  {panel.link}" in lines
    assert lines.count("=" * 78) == 2
    assert status(panel.link) == 200
    assert status(f"{panel.address}/setup/another-token/") == 404


def test_no_secret_is_printed_and_no_link_is_stored(panel: Started, folder: Path) -> None:
    assert panel.link is not None
    token = panel.link.rstrip("/").rpartition("/")[2]

    for name in ("secret_key", "smtpadmin_keys"):
        assert (folder / name).read_text().strip() not in panel.output
    with closing(sqlite3.connect(folder / "smtpadmin.sqlite3")) as database:
        stored = "\n".join(database.iterdump())
    assert "panel_setuplink" in stored
    assert token not in stored


def test_a_refused_link_is_logged_without_its_token(launch: Start, tmp_path: Path) -> None:
    panel = launch(tmp_path)
    assert status(f"{panel.address}/setup/a-token-of-old/") == 404
    assert panel.stop() == 0

    assert "Not Found: /setup/***/" in panel.output
    assert "a-token-of-old" not in panel.output


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_while_a_browser_holds_its_connection(
    launch: Start, tmp_path: Path, stop_signal: int
) -> None:
    panel = launch(tmp_path)
    browser = http.client.HTTPConnection(urlsplit(panel.address).netloc, timeout=10)
    browser.request("GET", "/readyz")
    browser.getresponse().read()

    # Ctrl-C reaches every process of the terminal, docker stop the first one only.
    if stop_signal == signal.SIGINT:
        os.killpg(panel.process.pid, signal.SIGINT)
        code = panel.wait()
    else:
        code = panel.stop()
    browser.close()

    assert code == 0
    assert "Traceback" not in panel.output


def test_ctrl_c_does_not_wait_for_a_request_that_hangs(launch: Start, tmp_path: Path) -> None:
    # The lock that holds the request up would hold up the worker's last word too.
    panel = launch(tmp_path, SMTPADMIN_WORKER="off")
    with hanging_request(panel, tmp_path / "smtpadmin.sqlite3"):
        started = monotonic()
        os.killpg(panel.process.pid, signal.SIGINT)
        code = panel.wait()

    assert code == 0
    assert 2 < monotonic() - started < 8


def test_a_second_ctrl_c_ends_it_at_once(launch: Start, tmp_path: Path) -> None:
    panel = launch(tmp_path)
    assert wait_until(lambda: "has started" in panel.output, seconds=20)
    with hanging_request(panel, tmp_path / "smtpadmin.sqlite3"):
        os.killpg(panel.process.pid, signal.SIGINT)
        assert wait_until(lambda: "Stopping. Ctrl-C again ends it at once." in panel.output, seconds=10)
        started = monotonic()
        os.killpg(panel.process.pid, signal.SIGINT)
        code = panel.wait()

    assert code == 1
    assert monotonic() - started < 2


@contextmanager
def hanging_request(panel: Started, path: Path) -> Iterator[None]:
    """Log in while another process holds the write lock: attempts are counted, so the answer has to wait."""
    browser = http.client.HTTPConnection(urlsplit(panel.address).netloc, timeout=10)
    browser.request("GET", "/admin/login/")
    page = browser.getresponse()
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    form = {"csrfmiddlewaretoken": cookie.partition("=")[2], "username": "ada", "password": "wrong"}
    page.read()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        browser.request("POST", "/admin/login/", urlencode(form), headers)
        browser.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            browser.sock.recv(1)
        yield
    browser.close()


def test_the_next_start_keeps_keys_data_and_the_administrator(launch: Start, tmp_path: Path) -> None:
    launch(tmp_path).stop()
    kept = {name: (tmp_path / name).read_bytes() for name in ("secret_key", "smtpadmin_keys")}
    subprocess.run(
        [sys.executable, "manage.py", "createsuperuser", "--noinput", "--username=ada", "--email=ada@example.com"],
        cwd=ROOT,
        env=environment(tmp_path, {"DJANGO_SUPERUSER_PASSWORD": "a long enough one"}),
        check=True,
        capture_output=True,
    )

    again = launch(tmp_path)

    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept
    said = [line for line in again.output.splitlines() if not LOG_LINE.match(line)]
    assert said == [f"smtpadmin is at {again.address}/ (Ctrl-C stops it)"]
    assert status(f"{again.address}/admin/login/") == 200


def test_the_next_start_without_an_administrator_prints_a_new_link(launch: Start, tmp_path: Path) -> None:
    first = launch(tmp_path)
    first.stop()
    second = launch(tmp_path)

    assert first.link is not None
    assert second.link is not None
    token = first.link.rstrip("/").rpartition("/")[2]
    assert status(f"{second.address}/setup/{token}/") == 404
    assert status(second.link) == 200


def test_the_public_address_is_the_one_that_is_printed(launch: Start, tmp_path: Path) -> None:
    panel = launch(tmp_path, CSRF_TRUSTED_ORIGINS="https://mail.example.com", HTTPS="true")

    assert "smtpadmin is at https://mail.example.com/ (Ctrl-C stops it)" in panel.output
    assert "\n  https://mail.example.com/setup/" in panel.output


def test_static_files_that_the_operator_collected_are_left_alone(launch: Start, tmp_path: Path) -> None:
    collected = tmp_path / "collected"
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput"],
        cwd=ROOT,
        env=environment(tmp_path, {"SECRET_KEY": "build", "STATIC_ROOT": str(collected)}),
        check=True,
        capture_output=True,
    )
    before = {path: path.stat().st_mtime_ns for path in collected.rglob("*")}

    panel = launch(tmp_path / "data", STATIC_ROOT=str(collected))

    assert status(f"{panel.address}/admin/login/") == 200
    assert {path: path.stat().st_mtime_ns for path in collected.rglob("*")} == before
    assert not (tmp_path / "data" / "static").exists()


def refusal(panel: Started) -> str:
    """Return the one line of a start that came to nothing."""
    assert panel.wait() == 1
    assert panel.output.count("\n") == 1, panel.output
    return panel.output.rstrip("\n")


def test_a_taken_port_ends_the_start_with_one_line(launch: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        panel = launch(tmp_path, PORT=str(port))

    assert refusal(panel) == (
        f"smtpadmin cannot start. Port {port} of 127.0.0.1 cannot be had: Address already in use. "
        "Others can be chosen with PORT and HOST."
    )


def test_a_folder_that_cannot_be_written_ends_the_start_with_one_line(launch: Start, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert refusal(launch(tmp_path / "file" / "data")) == (
        f"smtpadmin cannot start. The data folder {tmp_path}/file/data cannot be written: Not a directory. "
        "Another can be named in SMTPADMIN_DATA_DIR."
    )


def test_a_readable_key_file_ends_the_start_with_what_mends_it(launch: Start, tmp_path: Path) -> None:
    key = tmp_path / "secret_key"
    key.write_text("x" * 64)
    key.chmod(0o644)

    assert refusal(launch(tmp_path)) == (
        f"smtpadmin cannot start. {key} holds a secret that others on this machine can read (mode 0644). "
        f"Mend it: chmod 600 {key}"
    )


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"PORT": "http"}, "PORT must be a whole number, not 'http'."),
        ({"HOST": "no such host"}, "Port 0 of no such host cannot be had: "),
        ({"HTTPS": "maybe"}, "HTTPS must be true or false, not 'maybe'."),
        ({"SMTPADMIN_DENIED_NETWORKS": "10.0.0.0/99"}, "SMTPADMIN['DENIED_NETWORKS']: "),
        ({"SMTPADMIN_DNS_SERVERS": "dns.example.com"}, "SMTPADMIN['DNS_SERVERS']: "),
        ({"SMTPADMIN_PROVIDERS_FILE": "/nowhere.json"}, "SMTPADMIN['PROVIDERS_FILE']: "),
        ({"TIME_ZONE": "Mars/Olympus"}, "TIME_ZONE: "),
        ({"LANGUAGE_CODE": "tlh"}, "LANGUAGE_CODE must be one of en, zh-hans, "),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL must be one of DEBUG, "),
        ({"DATABASE_URL": "mysql://u:hunter2@127.0.0.1/x"}, "DATABASE_URL must begin with "),
    ],
)
def test_a_setting_that_makes_no_sense_ends_the_start_with_one_line(
    launch: Start, tmp_path: Path, variables: dict[str, str], line: str
) -> None:
    said = refusal(launch(tmp_path, **variables))

    assert said.startswith(f"smtpadmin cannot start. {line}")
    assert "hunter2" not in said


def test_a_database_that_does_not_answer_ends_the_start_with_one_line(launch: Start, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        said = refusal(launch(tmp_path, DATABASE_URL=f"postgresql://ada:hunter2@127.0.0.1:{port}/mail"))

    assert said.startswith("smtpadmin cannot start. The database cannot be used: ")
    assert f"port {port}" in said
    assert "Connection refused" in said
    assert "hunter2" not in said


# The worker


def processes(panel: Started, *, count: int) -> list[int]:
    """Return the children of the panel's process, in the order of their start, once there are so many."""
    path = Path(f"/proc/{panel.process.pid}/task/{panel.process.pid}/children")
    assert wait_until(lambda: len(path.read_text().split()) == count, seconds=20)
    return [int(pid) for pid in path.read_text().split()]


def beats(folder: Path) -> list[int]:
    """Return the process ids of the workers that are alive by the panel's account."""
    with closing(sqlite3.connect(folder / "smtpadmin.sqlite3")) as database:
        return [pid for (pid,) in database.execute("SELECT pid FROM smtpadmin_workerbeat ORDER BY id")]


def test_a_worker_runs_beside_the_web_server_and_leaves_with_it(launch: Start, tmp_path: Path) -> None:
    panel = launch(tmp_path)
    web, worker = processes(panel, count=2)
    assert wait_until(lambda: beats(tmp_path) == [worker], seconds=20)
    assert panel.stop() == 0

    assert beats(tmp_path) == []
    assert [Path(f"/proc/{pid}").exists() for pid in (web, worker)] == [False, False]


def test_a_worker_that_dies_is_started_again(launch: Start, tmp_path: Path) -> None:
    panel = launch(tmp_path)
    web, worker = processes(panel, count=2)
    os.kill(worker, signal.SIGKILL)
    assert wait_until(lambda: set(beats(tmp_path)) - {worker} != set(), seconds=20)

    assert processes(panel, count=2) == [web, beats(tmp_path)[-1]]
    assert "The worker has ended (signal 9); it is started again in 1 s." in panel.output
    assert status(f"{panel.address}/readyz") == 200


def test_a_web_server_that_dies_ends_all(launch: Start, tmp_path: Path) -> None:
    panel = launch(tmp_path)
    web, worker = processes(panel, count=2)
    assert wait_until(lambda: beats(tmp_path) == [worker], seconds=20)
    os.kill(web, signal.SIGKILL)

    assert panel.wait() == 1
    assert "The web server has ended (signal 9), so everything ends." in panel.output
    assert beats(tmp_path) == []


def test_without_the_setting_the_worker_is_left_to_others(launch: Start, tmp_path: Path) -> None:
    panel = launch(tmp_path, SMTPADMIN_WORKER="off")
    assert len(processes(panel, count=1)) == 1
    assert status(f"{panel.address}/readyz") == 200
    assert panel.stop() == 0
    assert "Worker" not in panel.output


LOCKED = "The panel is locked: it stores no password, and neither accepts nor sends mail."


def test_it_runs_on_postgresql_with_the_password_in_a_file(launch: Start, tmp_path: Path) -> None:
    found = find_programs()
    require("PostgreSQL", found is not None)
    with running(found) as url:
        password = str(urlsplit(url).password)
        file = tmp_path / "password"
        file.write_text(f"{password}\n")
        file.chmod(0o600)
        panel = launch(tmp_path, DATABASE_URL=url.replace(f":{password}@", "@"), DATABASE_PASSWORD_FILE=str(file))
        assert panel.link is not None
        assert status(panel.link) == 200
        assert status(f"{panel.address}/readyz") == 200
        assert not (tmp_path / "smtpadmin.sqlite3").exists()

    # The server is gone now.
    assert status(f"{panel.address}/readyz") == 503
    assert password not in panel.output


class TestLocked:
    """A wrong or missing encryption key: the panel starts, says why it is locked, and changes nothing."""

    @pytest.fixture
    def used(self, launch: Start, tmp_path: Path) -> Path:
        """The folder of a panel that has sealed something."""
        launch(tmp_path).stop()
        code = (
            "from tests.support.profiles import make_profile; "
            "make_profile(password='s3cret-value', from_address='a@example.com')"
        )
        environment = os.environ | {"SMTPADMIN_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
        for name in ("SECRET_KEY", "SMTPADMIN_KEYS", "DATABASE_URL"):
            environment.pop(name, None)
        subprocess.run([sys.executable, "manage.py", "shell", "-c", code], env=environment, check=True)
        return tmp_path

    def test_another_key(self, launch: Start, used: Path) -> None:
        (used / "smtpadmin_keys").write_text(Fernet.generate_key().decode())

        panel = launch(used)

        assert LOCKED in panel.output
        assert "are not the ones the stored passwords were sealed with" in panel.output
        assert status(f"{panel.address}/admin/login/") == 200

    def test_no_key_where_passwords_were_sealed(self, launch: Start, used: Path) -> None:
        (used / "smtpadmin_keys").unlink()

        panel = launch(used)

        assert f"{LOCKED} No encryption key is set." in panel.output
        assert not (used / "smtpadmin_keys").exists()

    def test_a_named_file_that_is_not_there(self, launch: Start, tmp_path: Path) -> None:
        panel = launch(tmp_path, SMTPADMIN_KEYS_FILE="/nowhere/keys")

        assert f"{LOCKED} No encryption key is set." in panel.output
        assert not (tmp_path / "smtpadmin_keys").exists()

    def test_a_malformed_key(self, launch: Start, tmp_path: Path) -> None:
        panel = launch(tmp_path, SMTPADMIN_KEYS="hunter2hunter2")

        assert "An encryption key is malformed" in panel.output
        assert "hunter2" not in panel.output
        assert status(f"{panel.address}/admin/login/") == 200

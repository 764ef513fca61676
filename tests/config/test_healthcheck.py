"""The container's health check, against a running panel."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.conftest import ROOT, Start, environment
from tests.support.processes import wait_until


def check(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "config.healthcheck", *arguments],
        cwd=ROOT,
        env=environment(folder, variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


@pytest.mark.parametrize("hosts", ["", "mail.example.com,localhost", ".example.com", "*"])
def test_a_healthy_panel_passes_whatever_names_it_answers_to(launch: Start, tmp_path: Path, hosts: str) -> None:
    panel = launch(tmp_path, ALLOWED_HOSTS=hosts)
    port = panel.address.rpartition(":")[2]
    assert wait_until(lambda: "has started" in panel.output, seconds=20)

    code, said = check(tmp_path, ALLOWED_HOSTS=hosts, PORT=port, http_proxy="http://127.0.0.1:9")

    # The worker's first beat may be on its way.
    assert (code, said.partition(",")[0].strip()) == (0, "ok")


def test_a_panel_whose_database_is_gone_fails(launch: Start, tmp_path: Path) -> None:
    panel = launch(tmp_path)
    port = panel.address.rpartition(":")[2]
    for path in tmp_path.glob("smtpadmin.sqlite3*"):
        path.unlink()

    assert check(tmp_path, PORT=port) == (1, "HTTP Error 503: Service Unavailable\n")


def test_no_panel_at_all_fails(tmp_path: Path) -> None:
    code, said = check(tmp_path, PORT="9")

    assert code == 1
    assert "Connection refused" in said


def test_a_worker_is_healthy_while_it_lives(launch: Start, tmp_path: Path) -> None:
    panel = launch(tmp_path)
    assert wait_until(lambda: check(tmp_path, "worker") == (0, "ok\n"), seconds=30)
    assert panel.stop() == 0
    assert check(tmp_path, "worker") == (1, "the worker has not been alive for a minute\n")


def test_a_worker_without_its_database_is_not_healthy(tmp_path: Path) -> None:
    variables = {"SECRET_KEY": "x", "DATABASE_URL": f"sqlite:///{tmp_path}/nowhere/else.sqlite3"}
    assert check(tmp_path, "worker", **variables) == (1, "the database does not answer\n")

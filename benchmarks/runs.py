"""What is measured: each peer in turn on the same work, again and again, so that a noisy minute hits them all."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peer import Measured, Task
from benchmarks.report import Column, Table, number, percentile, ratio
from benchmarks.servers import POSTGRESQL, SQLITE, Databases, raw_tools
from tests.support.processes import free_ports, listens, wait_until
from tests.support.sink import Sink, sink
from tests.support.slow_line import slow_line

ROOT = Path(__file__).resolve().parents[1]
_STEP_SECONDS = 1800
# 50 ms there and back.
_DELAY = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done."""

    repeats: int
    drained: int
    #: Over the slow line: of those who take several round trips for each message, one, and less than one.
    far_slow: int
    far_grouped: int
    far_fast: int
    accepted: int
    rows: tuple[int, ...]
    waiting_bulk: int
    urgent: int
    workers: tuple[int, ...]


FULL = Size(
    repeats=3, drained=5000, far_slow=10, far_grouped=60, far_fast=1000, accepted=1000, rows=(1000, 1_000_000),
    waiting_bulk=100_000, urgent=60, workers=(1, 2, 4),
)  # fmt: skip
QUICK = Size(
    repeats=1, drained=2000, far_slow=5, far_grouped=20, far_fast=200, accepted=300, rows=(1000, 50_000),
    waiting_bulk=10_000, urgent=10, workers=(1, 2),
)  # fmt: skip
#: For the test that all of it still runs.
TINY = Size(
    repeats=1, drained=20, far_slow=2, far_grouped=5, far_fast=20, accepted=10, rows=(10,), waiting_bulk=200, urgent=2,
    workers=(1, 2),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variant:
    """A peer, set up in one way."""

    title: str
    peer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    #: Whether it has a queue, and so a database.
    queues: bool = True


OURS, POST_OFFICE, MAILER = "ours", "post_office", "mailer"
DEFAULT_BATCH, LARGE_BATCH, LARGER_BATCH = 20, 100, 250

_POST_OFFICE = Variant("django-post_office", POST_OFFICE)
_MAILER = Variant("django-mailer", MAILER)
_DJANGO_LIST = Variant("Django's backend, a list on one connection", "django_smtp", queues=False)
_DJANGO_EACH = Variant(
    "Django's backend, a connection for each", "django_smtp", {"one_connection": False}, queues=False
)
_ONE_BY_ONE = {"pipelining": False, "chunking": False}
NEAR = (
    _POST_OFFICE,
    Variant("django-post_office, batch 1,000, 2 processes", POST_OFFICE, {"batch": 1000, "processes": 2}),
    _MAILER,
    _DJANGO_LIST,
    _DJANGO_EACH,
    Variant("smtpadmin, batch 20 (its default)", OURS, {"batch": DEFAULT_BATCH}),
    Variant("smtpadmin, batch 100", OURS, {"batch": LARGE_BATCH}),
    Variant("smtpadmin, batch 250", OURS, {"batch": LARGER_BATCH}),
    Variant("smtpadmin, batch 100, no CHUNKING", OURS, {"batch": LARGE_BATCH, "chunking": False}),
    Variant("smtpadmin, batch 100, no CHUNKING, no PIPELINING", OURS, {"batch": LARGE_BATCH, **_ONE_BY_ONE}),
)
FAR = (
    _DJANGO_LIST,
    _DJANGO_EACH,
    _POST_OFFICE,
    Variant("django-post_office, batch 1,000, 2 processes", POST_OFFICE, {"batch": 1000, "processes": 2}),
    _MAILER,
    Variant("smtpadmin, batch 20 (its default)", OURS, {"batch": DEFAULT_BATCH}),
    Variant("smtpadmin, batch 100", OURS, {"batch": LARGE_BATCH}),
    Variant("smtpadmin, batch 20, no CHUNKING", OURS, {"batch": DEFAULT_BATCH, "chunking": False}),
    Variant("smtpadmin, batch 20, no CHUNKING, no PIPELINING", OURS, {"batch": DEFAULT_BATCH, **_ONE_BY_ONE}),
)


class Bench:
    """Runs the measurements and keeps their figures."""

    def __init__(self, size: Size, databases: Databases, *, python: Path | None, say: Callable[[str], None]) -> None:
        """`python` is that of the peers' environment; None: only ours is measured."""
        self._size = size
        self._databases = databases
        self._python = python
        self._say = say
        self.tables: list[Table] = []

    def near(self) -> None:
        """Drain a queue on the loopback."""
        tables = {
            engine: self._table(
                f"A queue drained on the loopback, {engine}",
                Column("messages/s", number("rate")),
                Column("× post_office", ratio("rate")),
                Column("CPU s per 1,000", number("cpu", digits=3)),
                Column("× post_office", ratio("cpu", digits=2)),
                Column("peak MB", number("peak")),
                against=_POST_OFFICE.title,
            )
            for engine in self._databases.engines
        }
        with sink() as server:
            for engine, variant in self._each_time(self._databases.engines, NEAR):
                into = [tables[engine]] if variant.queues else list(tables.values())
                self._drain(into, variant, engine, server, count=self._size.drained)

    def ceiling(self) -> None:
        """What the machine's own tools reach, without queue or record: smtp-source to smtp-sink."""
        tools = raw_tools()
        if tools is None:
            self._say("Postfix's smtp-source and smtp-sink are not installed: no ceiling is measured.")
            return
        table = self._table(
            "The ceiling: smtp-source to smtp-sink, nothing stored", Column("messages/s", number("rate"))
        )
        for _ in range(self._size.repeats):
            for sessions in (1, 2, 4):
                table.add(f"{sessions} sessions", rate=_raw(*tools, count=self._size.drained, sessions=sessions))

    def far(self) -> None:
        """Drain a queue over a line of 50 ms, and count round trips."""
        engine = SQLITE
        table = self._table(
            "A queue drained over a line of 50 ms there and back, one connection each",
            Column("messages/s", number("rate", digits=1)),
            Column("× Django's list", ratio("rate")),
            Column("round trips a message", number("trips", digits=2)),
            against=_DJANGO_LIST.title,
            note="django-post_office has five connections by default, and ten with two processes.",
        )
        with sink() as server:
            for _, variant in self._each_time((engine,), FAR):
                with slow_line(server.port, delay=_DELAY) as line:
                    count = self._far_count(variant)
                    done = self._drain([], variant, engine, server, count=count, port=line.port)
                    table.add(variant.title, rate=done.count / done.seconds, trips=line.counts().flights / done.count)

    def _far_count(self, variant: Variant) -> int:
        if variant.peer != OURS or not variant.options.get("pipelining", True):
            return self._size.far_slow
        return self._size.far_fast if variant.options.get("chunking", True) else self._size.far_grouped

    def accepting(self) -> None:
        """Accept messages one by one, and a list with one call."""
        for engine in self._databases.engines:
            table = self._table(
                f"Messages accepted into the queue, {engine}",
                Column("one by one: p50 ms", number("p50", digits=2)),
                Column("p95 ms", number("p95", digits=2)),
                Column(f"messages/s, {self._size.accepted:,} in one call", number("rate")),
                Column("× post_office", ratio("rate")),
                against=_POST_OFFICE.title,
            )
            variants = (
                (_POST_OFFICE, "enqueue_each", "enqueue_list"),
                (_MAILER, "enqueue_each", "enqueue_list"),
                (Variant("smtpadmin, through send_mail()", OURS), "enqueue_each", "enqueue_list"),
                (Variant("smtpadmin, bytes ready", OURS), "accept_each", "accept_list"),
            )
            for _ in range(self._size.repeats):
                for variant, one_by_one, at_once in variants:
                    if not self._is_there(variant):
                        continue
                    with self._prepared(variant, engine, count=0, port=1) as empty:
                        task = Task(**{**asdict(empty), "count": self._size.accepted})
                        singly = self._step(variant, one_by_one, task)
                        whole = self._step(variant, at_once, task)
                    table.add(
                        variant.title,
                        p50=percentile(singly.each, 0.5) * 1000,
                        p95=percentile(singly.each, 0.95) * 1000,
                        rate=whole.count / whole.seconds,
                    )

    def rows(self) -> None:
        """Drain with few and with many rows in the tables: over, and waiting."""
        few = min(self._size.rows)
        for engine in self._databases.engines:
            table = self._table(
                f"smtpadmin with more rows in its tables, {engine}",
                Column("messages/s", number("rate")),
                Column(f"of that with {few:,}", ratio("rate", digits=2)),
                against=f"{few:,} rows that are over",
            )
            for state, title in (("sent", "that are over"), ("queued", "that wait")):
                for count in self._size.rows:
                    self._drain_among(table, f"{count:,} rows {title}", engine, rows={state: count})

    def _drain_among(self, table: Table, title: str, engine: str, *, rows: Mapping[str, int]) -> None:
        # The messages that are sent come first; those that only wait have no bodies, and must not be reached.
        variant = Variant(title, OURS, {"batch": LARGE_BATCH, "rows": dict(rows)})
        ready = (self._size.drained + LARGE_BATCH) * self._size.repeats
        with sink() as server, self._prepared(variant, engine, count=ready, port=server.port) as filled:
            task = Task(**{**asdict(filled), "count": self._size.drained})
            for _ in range(self._size.repeats):
                before = server.counts().messages
                done = self._step(variant, "drain_some", task)
                arrived = server.counts().messages - before
                if arrived != done.count:
                    raise AssertionError(f"{title}: {arrived} of {done.count} messages have arrived.")
                table.add(title, rate=done.count / done.seconds)

    def urgent(self) -> None:
        """Send urgent messages while a worker drains the bulk lane."""
        table = self._table(
            f"An urgent message beside {self._size.waiting_bulk:,} that wait in the bulk lane, smtpadmin",
            Column("p50 ms", number("p50")),
            Column("p95 ms", number("p95")),
            Column("longest ms", number("longest")),
            note="From the call of send_mail() to the record that the server has taken it.",
        )
        for engine in self._databases.engines:
            variant = Variant(engine, OURS, {"batch": LARGE_BATCH, "short": True, "urgent": self._size.urgent})
            count = self._size.waiting_bulk
            with sink() as server, self._prepared(variant, engine, count=count, port=server.port) as task:
                done = self._step(variant, "urgent", task)
            milliseconds = [seconds * 1000 for seconds in done.each]
            table.add(
                engine,
                p50=percentile(milliseconds, 0.5),
                p95=percentile(milliseconds, 0.95),
                longest=max(milliseconds),
            )

    def workers(self) -> None:
        """Drain with several workers on one PostgreSQL."""
        if POSTGRESQL not in self._databases.engines:
            self._say("PostgreSQL is not installed: several workers are not measured.")
            return
        table = self._table(
            "smtpadmin with several workers on one PostgreSQL",
            Column("messages/s", number("rate")),
            Column("× one worker", ratio("rate", digits=2)),
            against="1 worker, 4 profiles",
            note=f"This machine has {os.cpu_count()} processors, for workers, database and server together.",
        )
        for _ in range(self._size.repeats):
            for profiles in (4, 1):
                for workers in self._size.workers:
                    title = f"{workers} worker{'s' * (workers > 1)}, {profiles} profile{'s' * (profiles > 1)}"
                    variant = Variant(title, OURS, {"batch": LARGE_BATCH, "profiles": profiles})
                    with sink() as server:
                        count = self._size.drained
                        with self._prepared(variant, POSTGRESQL, count=count, port=server.port) as task:
                            table.add(title, rate=self._drain_together(variant, task, workers, server))

    def _drain_together(self, variant: Variant, task: Task, workers: int, server: Sink) -> float:
        start_at = time.time() + 2.0
        task = Task(**{**asdict(task), "options": {**task.options, "start_at": start_at}})
        begun = [self._begin(variant, "drain", task) for _ in range(workers)]
        done = [self._end(variant, "drain", process) for process in begun]
        if server.counts().messages != task.count:
            raise AssertionError(f"{variant.title}: {server.counts().messages} of {task.count} messages have arrived.")
        return task.count / max(each.seconds for each in done)

    # What all of them need

    def _table(self, title: str, *columns: Column, against: str = "", note: str = "") -> Table:
        self._say(title)
        table = Table(title, columns, against=against, note=note)
        self.tables.append(table)
        return table

    def _each_time(self, engines: Sequence[str], variants: Sequence[Variant]) -> Iterator[tuple[str, Variant]]:
        """Return every variant on every engine, then all of them again."""
        for _ in range(self._size.repeats):
            for engine in engines:
                for variant in variants:
                    # Who has no queue is measured once, and stands in each table.
                    if self._is_there(variant) and (variant.queues or engine == engines[0]):
                        yield engine, variant

    def _is_there(self, variant: Variant) -> bool:
        return variant.peer == OURS or self._python is not None

    def _drain(
        self, tables: Sequence[Table], variant: Variant, engine: str, server: Sink, *, count: int, port: int = 0
    ) -> Measured:
        before = server.counts().messages
        with self._prepared(variant, engine, count=count, port=port or server.port) as task:
            done = self._step(variant, "drain", task)
        arrived = server.counts().messages - before
        if (done.count, arrived) != (count, count):
            raise AssertionError(f"{variant.title}: {done.count} are sent and {arrived} have arrived, of {count}.")
        rate, cpu = count / done.seconds, done.cpu_seconds / count * 1000
        self._say(f"  {engine}, {variant.title}: {rate:,.1f} messages/s, {cpu:.3f} CPU s per 1,000")
        for table in tables:
            table.add(variant.title, rate=rate, cpu=cpu, peak=done.peak_mb)
        return done

    @contextmanager
    def _prepared(self, variant: Variant, engine: str, *, count: int, port: int) -> Iterator[Task]:
        """Give a task whose queue is filled."""
        with tempfile.TemporaryDirectory(prefix="smtpadmin-benchmark-") as folder:
            where = {"folder": folder, "smtp_host": "127.0.0.1", "smtp_port": port, "options": dict(variant.options)}
            if not variant.queues:
                yield Task(count=count, database=None, **where)  # type: ignore[arg-type]
                return
            with self._databases.empty(engine) as database:
                task = Task(count=count, database=database, **where)  # type: ignore[arg-type]
                self._step(variant, "fill", task)
                yield task

    def _step(self, variant: Variant, step: str, task: Task) -> Measured:
        return self._end(variant, step, self._begin(variant, step, task))

    def _begin(self, variant: Variant, step: str, task: Task) -> subprocess.Popen[str]:
        python = sys.executable if variant.peer == OURS else str(self._python)
        command = [python, "-m", "benchmarks.peer", variant.peer, step, json.dumps(asdict(task))]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)

    def _end(self, variant: Variant, step: str, process: subprocess.Popen[str]) -> Measured:
        try:
            output, _ = process.communicate(timeout=_STEP_SECONDS)
        finally:
            process.kill()
        if process.returncode:
            raise RuntimeError(f"{variant.title}: {step} ended with {process.returncode}.")
        return Measured(**json.loads(output.splitlines()[-1]))


def _raw(source: Path, target: Path, *, count: int, sessions: int) -> float:
    """Return the messages per second of smtp-source to smtp-sink."""
    (port,) = free_ports(1)
    server = subprocess.Popen([target, "-u", "nobody", f"127.0.0.1:{port}", "1000"], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port), seconds=10)
        command = [str(source), "-s", str(sessions), "-m", str(count), "-l", "5000", "-d", f"127.0.0.1:{port}"]
        begun = time.perf_counter()
        subprocess.run(command, check=True, timeout=_STEP_SECONDS)
        return count / (time.perf_counter() - begun)
    finally:
        server.kill()
        server.wait()

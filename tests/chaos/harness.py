"""What the fault runs share: a site with a database, a mail server, clients and workers, and the count at the end.

Clients queue mail and write down what was accepted; the mail server writes down what arrived. Comparing the two with
the tables says what was lost and what came twice. Every process is forked from this one, which has Django loaded, so
that a worker is there as soon as it is started and a run can kill some every second.
"""

import contextlib
import ctypes
import itertools
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

from tests.chaos import machine
from tests.chaos.postgresql import PostgreSQL
from tests.chaos.recorder import Recorder

DATABASES = ("sqlite", "postgresql")
PROFILES = 4
#: How long a run's faults may last, small or full: whoever waits for ever has found something too.
LONGEST = {False: 120.0, True: 2400.0}
#: How long a run may take to bring everything to its end once the faults are over.
PATIENCE = 120.0

_FORK = multiprocessing.get_context("fork")
_PR_SET_PDEATHSIG = 1
# Clients wait while this many messages are queued: the queue is to be neither empty nor endless.
_BACKLOG = 120
_TAKEN_BACK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of it: `faults` and `messages` are the least, `seconds` what a fault lasts where that matters."""

    faults: int
    messages: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a run has found."""

    #: Messages for which the caller was told that they are accepted.
    accepted: int
    #: What was done to it, by name.
    faults: dict[str, int]
    #: Accepted, and neither delivered nor in a final state that says why.
    lost: int
    #: Accepted, and delivered once or more.
    delivered: int
    #: Messages that arrived more than once, and bear a mark for each copy but the first; and those that do not.
    doubled_with_mark: int
    doubled_without_mark: int
    #: Messages that bear the mark, doubled or not: those somebody is asked about.
    marked: int
    #: Results that came after their lease had ended, and changed nothing.
    late: int
    #: Whatever contradicts the promise otherwise: arrivals that nobody queued, rows that disagree with their attempts,
    #: workers that ended otherwise than they were told to.
    breaches: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled_without_mark or self.breaches)


@dataclass
class Site:
    """A database, a mail server, and the processes of one run."""

    folder: Path
    #: Where SQLite's file is.
    disk: Path
    database: str
    seed: int
    rng: random.Random
    recorder: Recorder
    postgresql: PostgreSQL | None
    full: bool = False
    profiles: list[Any] = field(default_factory=list)
    #: Seconds that a claim holds.
    lease: float = 60.0
    workers: list[ForkProcess] = field(default_factory=list)
    clients: list[ForkProcess] = field(default_factory=list)
    others: list[ForkProcess] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    # Processes

    def fork(self, act: Callable[..., object], *arguments: Any) -> ForkProcess:
        """Run `act` in a process of its own, which ends with this one."""
        from django.db import connections

        # A connection has one owner.
        connections.close_all()
        process = _FORK.Process(target=_child, args=(self.folder / "log", act, *arguments), daemon=True)
        process.start()
        return process

    def add_worker(self, **options: Any) -> ForkProcess:
        """Start `manage.py deliver` with this site's lease; `options` are those of `_work`."""
        worker = self.fork(_work, self.lease, options)
        self.workers.append(worker)
        return worker

    def add_client(self, **options: Any) -> ForkProcess:
        """Start somebody who queues mail until it is ended; `options` are those of `_queue`."""
        number = next(self._numbers)
        client = self.fork(_queue, self.folder, self.profiles, self._rng(number), number, options)
        self.clients.append(client)
        return client

    def _rng(self, number: int) -> random.Random:
        return random.Random(f"{self.seed}-{number}")  # noqa: S311  the same faults in each run

    def replace(self, processes: list[ForkProcess], add: Callable[[], ForkProcess]) -> None:
        """Kill one of `processes`, as the kernel does when memory runs out, and add another in its place."""
        victim = processes.pop(self.rng.randrange(len(processes)))
        victim.kill()
        victim.join()
        add()

    def stop_worker(self, worker: ForkProcess, *, within: float, codes: Sequence[int] = (0,)) -> float:
        """Send SIGTERM and return how long the worker took to end; longer than `within` is a breach.

        So is an exit code that is none of `codes`: 1 is that of a worker that could not finish.
        """
        begun = time.monotonic()
        worker.terminate()
        worker.join(within)
        if worker.exitcode not in codes:
            self.breaches.append(f"A worker that was told to stop ended with {worker.exitcode}.")
            worker.kill()
            worker.join()
        if worker in self.workers:
            self.workers.remove(worker)
        return time.monotonic() - begun

    def until_up(self, worker: ForkProcess) -> None:
        """Wait until a worker has begun to work: it can be told to stop by then."""
        from smtpadmin.models import WorkerBeat

        until = time.monotonic() + 20
        while not WorkerBeat.objects.filter(pid=worker.pid).exists():
            assert time.monotonic() < until, "A worker does not begin."
            time.sleep(0.02)

    def wait_for(self, what: Callable[[], object], otherwise: str, *, seconds: float = 30) -> None:
        """Wait until `what` is true; in vain, it is a breach with the text `otherwise`."""
        until = time.monotonic() + seconds
        while not what():
            if time.monotonic() > until:
                self.breaches.append(otherwise)
                return
            time.sleep(0.02)

    def until_something_may_have_left(self) -> None:
        """Wait for the worst moment: messages are marked and on their way, and nothing of them is recorded."""
        from smtpadmin.models import Message

        self.wait_for(lambda: Message.objects.filter(state="sending", phase="data").exists(), "Nothing is being sent.")

    def goes_on(self, faults: int, size: Size) -> bool:
        """Say whether there is more to do; a process that has ended by itself, or no end in sight, is a breach."""
        ended = [process.exitcode for process in (*self.workers, *self.clients) if process.exitcode is not None]
        if ended:
            self.breaches.append(f"Processes have ended by themselves: {ended}.")
        if time.monotonic() > self.begun + LONGEST[self.full]:
            self.breaches.append("It does not get on.")
        return not self.breaches and (faults < size.faults or self.accepted_count() < size.messages)

    # What people do

    def decide(self, *, all_of_it: bool = False) -> None:
        """Do what an operator does about messages that wait for one: send uncertain and given-up ones again."""
        from smtpadmin import outbox
        from smtpadmin.models import Message

        waiting = Message.objects.filter(state__in=["uncertain", "failed"]).values_list("pk", "state")
        for message_id, state in list(waiting):
            if all_of_it or self.rng.random() < 0.3:
                (outbox.resend if state == "uncertain" else outbox.retry_now)(message_id)

    def settle_down(self) -> None:
        """End the faults: no more mail is queued, workers do their work, and an operator decides what is open."""
        from smtpadmin import outbox
        from smtpadmin.models import Circuit, Message

        for client in self.clients:
            client.kill()
            client.join()
        until = time.monotonic() + PATIENCE
        while Message.objects.exclude(state="sent").exists():
            if time.monotonic() > until:
                break
            self.decide(all_of_it=True)
            # What waits for a later time waits for nothing else.
            for message_id in Message.objects.filter(state="queued").values_list("pk", flat=True)[:500]:
                outbox.retry_now(message_id)
            for profile_id in Circuit.objects.exclude(reason="").values_list("pk", flat=True):
                outbox.resume(profile_id)
            time.sleep(0.2)
        for worker in list(self.workers):
            self.stop_worker(worker, within=40)

    # What there is

    def held_by(self, worker: ForkProcess, **conditions: Any) -> set[int]:
        """Return the messages that a worker holds."""
        from smtpadmin.models import Message

        lease = f"{socket.gethostname()[:24]}-{worker.pid}-"
        return set(Message.objects.filter(lease__startswith=lease, **conditions).values_list("pk", flat=True))

    def accepted(self) -> set[str]:
        """Return the messages that clients were told are accepted."""
        return {token for path in self.folder.glob("accepted-*") for token in path.read_text().split()}

    def accepted_count(self) -> int:
        return sum(path.read_bytes().count(b"\n") for path in self.folder.glob("accepted-*"))

    def refusals(self) -> list[float]:
        """Return how many seconds each caller waited who was told that the message is not accepted."""
        return [float(each) for path in self.folder.glob("refused-*") for each in path.read_text().split()]

    def count(self, *, one_copy_each: bool = False, **faults: int) -> Counts:
        """Compare what was accepted, what arrived, and what the tables say. With `one_copy_each` marks are breaches."""
        from smtpadmin.models import Attempt, Message

        rows = {
            message_id.strip("<>"): (pk, state, uncertain)
            for pk, message_id, state, uncertain in Message.objects.values_list(
                "pk", "message_id", "state", "uncertain"
            )
        }
        accepted, arrived = self.accepted(), self.recorder.arrivals()
        doubts = {token: uncertain for token, (_, _, uncertain) in rows.items()}
        marked = sum(uncertain > 0 for uncertain in doubts.values())
        doubled = [token for token, copies in arrived.items() if copies > 1]
        # Each copy but the first needs a doubt of its own.
        unmarked = [token for token in doubled if arrived[token] > 1 + doubts.get(token, 0)]
        lost = [
            token
            for token in accepted
            if token not in rows or (not arrived[token] and rows[token][1] not in ("failed", "expired", "uncertain"))
        ]
        breaches = [*self.breaches, *_unexpected(self.folder / "log")]
        if unknown := set(arrived) - set(rows):
            breaches.append(f"{len(unknown)} messages arrived that are not in the tables.")
        if open_ := Counter(state for _, state, _ in rows.values() if state != "sent"):
            breaches.append(f"Not everything was sent in the end: {dict(open_)}.")
        breaches += _contradictions({pk: (state, uncertain) for pk, state, uncertain in rows.values()})
        if one_copy_each and (doubled or marked):
            breaches.append(f"{len(doubled)} messages arrived twice and {marked} bear the mark: none should.")
        return Counts(
            accepted=len(accepted),
            faults=faults,
            lost=len(lost),
            delivered=len(accepted & set(arrived)),
            doubled_with_mark=len(doubled) - len(unmarked),
            doubled_without_mark=len(unmarked),
            marked=marked,
            late=Attempt.objects.filter(outcome="late").count(),
            breaches=tuple(breaches),
            seconds=time.monotonic() - self.begun,
        )


@contextmanager
def site(
    database: str,
    *,
    full: bool,
    seed: int,
    delay: float = 0.02,
    offers: str = "PIPELINING CHUNKING",
    disk: int | None = None,
    hosts: tuple[str, str] | None = None,
    templates: Path | None = None,
) -> Iterator[Site]:
    """Set up a site, Django included, and end all its processes after the block. Once in a process.

    `delay` is how long the mail server takes for an answer, and `offers` what it says that it can; `disk` is the size
    of the disk that SQLite's file is on, which is else this machine's; `hosts` are the addresses of database and mail
    server, in a network of the site's own. With `templates`, a folder, the first run leaves its empty database there,
    and the others begin with that.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smtpadmin-chaos-")))
        # PostgreSQL's own user has to come through.
        folder.chmod(0o755)
        if hosts is not None:
            machine.own_network()
            for host in hosts:
                machine.ip("address", "add", f"{host}/32", "dev", "lo")
        database_host, mail_host = hosts or ("127.0.0.1", "127.0.0.1")
        (folder / "disk").mkdir()
        if disk is not None:
            stack.enter_context(machine.small_disk(folder / "disk", size=disk))
        template = templates / database if templates else None
        is_made = template is not None and template.exists()
        postgresql = None
        file = folder / "disk" / "site.sqlite3"
        url = f"sqlite:///{file}"
        if database == "postgresql":
            server = folder / "postgresql"
            postgresql = PostgreSQL(server, host=database_host, template=template if is_made else None)
            postgresql.start()
            stack.callback(postgresql.stop)
            url = postgresql.url
        elif is_made:
            shutil.copyfile(template, file)
        set_up_django(url, migrate=not is_made)
        if template is not None and not is_made:
            (postgresql.keep if postgresql else partial(_keep, file))(template)
        recorder = Recorder(folder / "arrived", host=mail_host, delay=delay, offers=offers)
        made = Site(
            folder=folder, disk=folder / "disk", database=database, seed=seed, recorder=recorder,
            postgresql=postgresql, full=full,
            rng=random.Random(seed),  # noqa: S311  the same faults in each run
        )  # fmt: skip
        stack.callback(_end, made)
        made.others.append(made.fork(recorder.serve))
        recorder.close()
        made.profiles += make_profiles(recorder)
        yield made


def _keep(file: Path, template: Path) -> None:
    copy = template.with_name(f"{template.name}-{os.getpid()}")
    shutil.copyfile(file, copy)
    copy.rename(template)


def set_up_django(url: str, *, migrate: bool) -> None:
    """Load Django on the database at `url`, and make its tables unless they are there."""
    from cryptography.fernet import Fernet

    os.environ |= {
        "DATABASE_URL": url,
        "SECRET_KEY": "chaos-only-" + "x" * 50,
        "SMTPADMIN_KEYS": Fernet.generate_key().decode(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "WARNING",
    }
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    if migrate:
        call_command("migrate", verbosity=0)
        connections.close_all()


def make_profiles(recorder: Recorder) -> list[Any]:
    """Make profiles that all lead to the recorder: each has its own claims, and they differ in how mail leaves."""
    from tests.support.profiles import make_profile

    return [
        make_profile(
            slug=f"p{number}", host=recorder.host, port=recorder.port, security="none", username="",
            sign_in="none", batch=10, pipelining=number > 0, chunking=number > 1,
        )
        for number in range(PROFILES)
    ]  # fmt: skip


def _child(log: Path, act: Callable[..., object], *arguments: Any) -> None:
    # Whatever becomes of the parent.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    random.seed()
    # All children write into one file, which is looked at in the end.
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number in (1, 2):
        os.dup2(output, number)
    act(*arguments)


def _work(lease: float, options: dict[str, Any]) -> None:
    """Be `manage.py deliver`, with leases of `lease` seconds. `prepare` is called before."""
    from django.core.management import call_command

    from smtpadmin import worker
    from smtpadmin.outbox import clock

    clock.LEASE_SECONDS = lease
    worker._SWEEP = min(worker._SWEEP, lease / 3)
    worker._POLL = 0.05
    worker._SILENT_IN_TRANSACTION = min(worker._SILENT_IN_TRANSACTION, lease * 2)
    options.get("prepare", _nothing)()
    call_command("deliver")


def _nothing() -> None:
    pass


def _queue(folder: Path, profiles: Sequence[Any], rng: random.Random, number: int, options: dict[str, Any]) -> None:
    """Queue mail, and write down what was accepted as soon as it is."""
    from django.db import DatabaseError, InterfaceError, connections, transaction

    from smtpadmin import outbox
    from smtpadmin.models import Message

    options.get("prepare", _nothing)()
    journal = os.open(folder / f"accepted-{number}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    refused = os.open(folder / f"refused-{number}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for turn in itertools.count():
        begun = time.monotonic()
        tokens = [f"{number}.{turn}.{at}" for at in range(rng.choice((1, 1, 1, 2, 5)))]
        try:
            if Message.objects.filter(state="queued")[:_BACKLOG].count() >= _BACKLOG:
                time.sleep(0.05)
                continue
            # The caller's own transaction, which it sometimes takes back.
            with transaction.atomic():
                outbox.enqueue([_outgoing(rng, token, rng.choice(profiles)) for token in tokens])
                taken_back = rng.random() < _TAKEN_BACK
                transaction.set_rollback(taken_back)
        except (DatabaseError, InterfaceError, OSError):
            # Refused, and the caller knows: nothing was promised.
            os.write(refused, f"{time.monotonic() - begun}\n".encode())
            connections.close_all()
            time.sleep(0.1)
            continue
        if taken_back:
            continue
        os.write(journal, "".join(f"{token}\n" for token in tokens).encode())
        time.sleep(rng.uniform(0, 0.02))


def _outgoing(rng: random.Random, token: str, profile: Any) -> Any:
    from tests.support.mail import outgoing

    head = f"From: notify@example.com\r\nMessage-ID: <{token}>\r\nSubject: Hello\r\n\r\n"
    lines = "A line of sixty-two characters, so that a message has a size.\r\n" * rng.randint(1, 60)
    recipients = [f"{name}@example.org" for name in "abc"[: rng.choice((1, 1, 1, 3))]]
    return outgoing(profile, *recipients, content=(head + lines).encode())


def _end(made: Site) -> None:
    """End all processes of the site."""
    from django.db import connections

    connections.close_all()
    for process in (*made.workers, *made.clients, *made.others):
        process.kill()
        process.join()


def _unexpected(log: Path) -> list[str]:
    """Return what the processes have said that none of them should."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    found = [line for line in lines if "failed unexpectedly" in line or line.startswith("Traceback")]
    return [f"{len(found)} unexpected errors; the first: {found[0]}"] if found else []


def _contradictions(rows: dict[int, tuple[str, int]]) -> list[str]:
    """Hold each message against its attempts, which say what its state must be; no late result may have changed it."""
    from smtpadmin.models import Attempt

    attempts: dict[int, list[tuple[int, str, str]]] = {pk: [] for pk in rows}
    for message_id, fence, outcome, stage in Attempt.objects.order_by("id").values_list(
        "message_id", "fence", "outcome", "stage"
    ):
        attempts[message_id].append((fence, outcome, stage))
    wrong: list[str] = []
    for pk, (state, uncertain) in rows.items():
        timely = [(fence, outcome, stage) for fence, outcome, stage in attempts[pk] if outcome != "late"]
        late = {fence for fence, outcome, _ in attempts[pk] if outcome == "late"}
        fences = [fence for fence, _, _ in timely]
        doubts = [item for item in timely if item[1] == "uncertain" or item[1:] == ("lost", "data")]
        if (
            # Each claim ends once, and later ones have higher fences.
            fences != sorted(set(fences))
            # What came late belongs to a claim that had been taken back.
            or not late <= {fence for fence, outcome, _ in timely if outcome == "lost"}
            or len(doubts) != uncertain
            or (state == "sent") != (bool(timely) and timely[-1][1] == "sent")
            or sum(outcome == "sent" for _, outcome, _ in timely) > 1
        ):
            wrong.append(f"message {pk}, {state}, {uncertain} marks: {attempts[pk]}")
    return [f"{len(wrong)} messages contradict their attempts; the first: {wrong[0]}"] if wrong else []


def as_json(counts: Counts) -> str:
    """Return counts as a line for whoever started the run."""
    values = {name: getattr(counts, name) for name in Counts.__slots__}
    return json.dumps(values)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

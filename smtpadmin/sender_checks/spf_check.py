"""SPF for one sender: may this provider send for the envelope's domain, and what would mend it."""

from dataclasses import dataclass, field
from ipaddress import ip_network

from smtpadmin.providers import Text
from smtpadmin.resolver import Answer
from smtpadmin.sender_checks import spf
from smtpadmin.sender_checks.context import Context
from smtpadmin.sender_checks.spf_tree import Fault, Tree, follow
from smtpadmin.sender_checks.texts import REASONS
from smtpadmin.sender_checks.values import Check, Finding, Record, Severity, State

# A record of hundreds of mistakes is shown by its first.
_MOST_SHOWN = 5
_SOFT_END = "~all"

_FAULT_CODES = {
    Fault.NO_RECORD: "spf_part_no_record",
    Fault.SEVERAL_RECORDS: "spf_part_several_records",
    Fault.SYNTAX: "spf_part_syntax",
    Fault.LOOP: "spf_part_loop",
    Fault.MAIL_HOSTS: "spf_part_mail_hosts",
}


def check_spf(context: Context) -> tuple[list[Finding], State]:
    """Return what there is to say about SPF, and whether it will pass."""
    check = _SpfCheck(context)
    check.run()
    # A return path of the provider's own makes its record the one that counts, whatever this one says.
    state = State.NOT_USED if context.has_own_path else check.state
    return check.findings, state


@dataclass(slots=True)
class _SpfCheck:
    context: Context
    findings: list[Finding] = field(default_factory=list)
    state: State = State.UNKNOWN

    @property
    def _domain(self) -> str:
        return self.context.envelope

    @property
    def _needed(self) -> str:
        return self.context.sender.provider.spf_include if self.context.sender.provider else ""

    def run(self) -> None:
        answer = self.context.resolver.txt(self._domain)
        records = [text for text in answer.records if spf.is_spf(text)]
        if answer.trouble is not None:
            self._add("spf_not_asked", Severity.UNKNOWN, reason=REASONS[answer.trouble])
        elif answer.absent:
            self._fail("domain_missing", Severity.PROBLEM)
        elif not records:
            self._missing(answer)
        elif len(records) > 1:
            self._several(records)
        else:
            self._one(records[0])

    # None, or several

    def _missing(self, answer: Answer[str]) -> None:
        nearly = tuple(text for text in answer.records if spf.is_nearly_spf(text))
        if self.context.has_own_path and not nearly:
            self._own_path(records=(), record=self._new_record())
            return
        code = "spf_nearly" if nearly else "spf_missing"
        self._fail(code, Severity.PROBLEM, seen=nearly, record=self._new_record(replaces=nearly))

    def _several(self, records: list[str]) -> None:
        text = spf.merged(records)
        if self._needed and f"include:{self._needed}" not in text.lower().split():
            text = spf.with_term(text, f"include:{self._needed}")
        record = Record(name=self._domain, text=text, replaces=tuple(records))
        self._fail("spf_multiple", Severity.PROBLEM, seen=tuple(records), record=record, number=len(records))

    def _new_record(self, *, replaces: tuple[str, ...] = ()) -> Record | None:
        """Return a first record, where it is known what it has to hold."""
        term = self._wanted_term()
        if not term:
            return None
        return Record(name=self._domain, text=f"{spf.VERSION} {term} {_SOFT_END}", replaces=replaces)

    def _wanted_term(self) -> str:
        if self._needed:
            return f"include:{self._needed}"
        return f"a:{self.context.sender.host}" if self._public_host() else ""

    def _public_host(self) -> bool:
        """Whether the mail leaves from a host of the operator's that others know by its name."""
        host = self.context.sender.host
        return self.context.is_own_server and "." in host and any(a.is_global for a in self._host_addresses())

    def _host_addresses(self) -> tuple[spf.Network, ...]:
        found = self.context.resolver.addresses(self.context.sender.host)
        return tuple(ip_network(address) for address in found.records)

    # One

    def _one(self, text: str) -> None:
        record = spf.parse(text)
        for part in record.errors[:_MOST_SHOWN]:
            self._fail("spf_syntax", Severity.PROBLEM, seen=(text,), part=part)
        if record.errors:
            return
        tree = follow(self._domain, record, resolver=self.context.resolver)
        self._form(record)
        self._faults(record, tree)
        self._limits(record, tree)
        if tree.is_open:
            self._open(record)
        if self.state is not State.FAIL:
            self._permission(record, tree)

    def _form(self, record: spf.Spf) -> None:
        if record.end is None and not record.redirect:
            ended = Record(name=self._domain, text=spf.with_end(record.text, _SOFT_END), replaces=(record.text,))
            self._add("spf_no_end", Severity.NOTE, seen=(record.text,), record=ended)
        for part in record.unreached[:_MOST_SHOWN]:
            self._add("spf_unreached", Severity.WARNING, seen=(record.text,), part=part)
        for part in record.ignored[:_MOST_SHOWN]:
            self._add("spf_ignored", Severity.WARNING, seen=(record.text,), part=part)

    def _faults(self, record: spf.Spf, tree: Tree) -> None:
        for fault, part in tree.faults[:_MOST_SHOWN]:
            self._fail(_FAULT_CODES[fault], Severity.PROBLEM, seen=(record.text,), part=part)

    def _limits(self, record: spf.Spf, tree: Tree) -> None:
        if tree.lookups > spf.MOST_LOOKUPS:
            # Whether a sender passes depends on where in the record it stands.
            number = f"{tree.lookups - 1}+" if tree.cut else str(tree.lookups)
            self._add("spf_too_many_lookups", Severity.PROBLEM, seen=(record.text,), number=number)
        if tree.voids > spf.MOST_VOIDS:
            self._add("spf_too_many_voids", Severity.WARNING, seen=(record.text,), number=tree.voids)
        if tree.uses_ptr:
            self._add("spf_ptr", Severity.NOTE, seen=(record.text,))

    def _open(self, record: spf.Spf) -> None:
        closed = None
        if record.end is not None and record.end.passes:
            closed = Record(name=self._domain, text=spf.with_end(record.text, _SOFT_END), replaces=(record.text,))
        self._add("spf_open", Severity.PROBLEM, seen=(record.text,), record=closed)

    # May this provider send?

    def _permission(self, record: spf.Spf, tree: Tree) -> None:
        if self._needed:
            self._for_provider(record, tree)
        elif self.context.has_own_path:
            self._add("spf_not_used", Severity.NOTE, seen=(record.text,))
        elif self.context.is_own_server:
            self._for_host(record, tree)
        else:
            self._add("spf_need_unknown", Severity.NOTE, seen=(record.text,))

    def _for_provider(self, record: spf.Spf, tree: Tree) -> None:
        if self._needed in tree.included or tree.is_open:
            self._pass(record, tree, "spf_ok")
            return
        needed = self._tree_of_needed()
        # The same addresses written out ("flattened") do as well.
        if needed is not None and needed.networks and all(map(tree.covers, needed.networks)):
            self._pass(record, tree, "spf_ok")
        elif tree.unknown:
            part = ", ".join(tree.unknown[:_MOST_SHOWN])
            self._add("spf_part_not_asked", Severity.UNKNOWN, seen=(record.text,), part=part)
        elif tree.has_macros or tree.cut:
            self._add("spf_macros", Severity.UNKNOWN, seen=(record.text,))
        else:
            self._not_included(record, tree, more=1 + (needed.lookups if needed else 0))

    def _not_included(self, record: spf.Spf, tree: Tree, *, more: int) -> None:
        text = spf.with_term(record.text, f"include:{self._needed}")
        added = Record(name=self._domain, text=text, replaces=(record.text,))
        if self.context.has_own_path:
            self._own_path(records=(record.text,), record=added)
            return
        number = tree.lookups + more
        code = "spf_not_included_full" if number > spf.MOST_LOOKUPS else "spf_not_included"
        self._fail(code, Severity.PROBLEM, seen=(record.text,), record=added, needed=self._needed, number=number)

    def _own_path(self, *, records: tuple[str, ...], record: Record | None) -> None:
        code = "spf_own_path" if self._needed else "spf_not_used"
        self._add(code, Severity.NOTE, seen=records, record=record, needed=self._needed)

    def _tree_of_needed(self) -> Tree | None:
        answer = self.context.resolver.txt(self._needed)
        found = [text for text in answer.records if spf.is_spf(text)]
        if len(found) != 1:
            return None
        tree = follow(self._needed, spf.parse(found[0]), resolver=self.context.resolver)
        return None if tree.cut or tree.unknown or tree.has_macros else tree

    def _for_host(self, record: spf.Spf, tree: Tree) -> None:
        host = self.context.sender.host
        if not self._public_host():
            self._add("spf_host_unknown", Severity.NOTE, seen=(record.text,))
        elif tree.is_open or all(map(tree.covers, self._host_addresses())):
            self._pass(record, tree, "spf_host_listed", host=host)
        elif tree.unknown or tree.has_macros or tree.cut:
            part = ", ".join(tree.unknown[:_MOST_SHOWN])
            code = "spf_part_not_asked" if tree.unknown else "spf_macros"
            self._add(code, Severity.UNKNOWN, seen=(record.text,), part=part)
        else:
            text = spf.with_term(record.text, f"a:{host}")
            added = Record(name=self._domain, text=text, replaces=(record.text,))
            # It may leave from another address, which only the operator knows.
            self._add("spf_host_not_listed", Severity.WARNING, seen=(record.text,), record=added, host=host)

    def _pass(self, record: spf.Spf, tree: Tree, code: str, **values: Text | str | int) -> None:
        self.state = State.UNKNOWN if tree.lookups > spf.MOST_LOOKUPS else State.PASS
        self._add(code, Severity.GOOD, seen=(record.text,), record=None, **values)

    def _fail(
        self,
        code: str,
        severity: Severity,
        *,
        seen: tuple[str, ...] = (),
        record: Record | None = None,
        **values: Text | str | int,
    ) -> None:
        self.state = State.FAIL
        self._add(code, severity, seen=seen, record=record, **values)

    def _add(
        self,
        code: str,
        severity: Severity,
        *,
        seen: tuple[str, ...] = (),
        record: Record | None = None,
        **values: Text | str | int,
    ) -> None:
        known: dict[str, Text | str | int] = {"domain": self._domain}
        self.findings.append(
            self.context.finding(
                Check.SPF, code, severity, name=self._domain, seen=seen, record=record, **known | values
            )
        )

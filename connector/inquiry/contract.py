"""The contract probe: a provider's PARS is asked harmless questions, and each answer is held against the wire table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from connector import channels, yamlfile
from connector.config import Config, ProviderConfig, ServiceKind
from connector.errors import ConnectorError
from connector.pars import contract, recording, report_json, report_xml
from connector.pars.contract import Differs
from connector.pars.recording import Exchange, Recorder
from connector.pars.replies import Action
from connector.pars.wire import unverified
from connector.pars.wire.services import JsonWire, XmlWire
from connector.records import Frozen, Verdict
from connector.yamlfile import Loc

_CREDIT_ID: Final = re.compile(rb"ccid:[^:<\"\s]+:[^:<\"\s]+")


class Compared(Frozen):
    """What the answers say of the table at `table`. `proven` are unverified entries that they confirm."""

    table: tuple[str, ...]
    address: Loc  # where the address stands in config.yaml
    findings: tuple[tuple[str, Differs], ...] = ()
    proven: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()

    def loc(self, entry: str) -> Loc:
        """Where the entry stands, or would stand, in config.yaml."""
        return self.address if entry == "base_url" else (*self.table, *entry.split("."))

    def hint(self, one: Differs) -> str:
        if not one.entry:
            return "ask ACCME what the account may do"
        if not one.proposal:
            return "compare the line with ACCME's guide"
        value = one.proposal
        for part in reversed(self.loc(one.entry)):
            value = f"{{{part}: {value}}}"
        return f"if ACCME's guide says so too, write into config.yaml: {value[1:-1]}"


def compare(config: Config, provider: ProviderConfig, kind: ServiceKind, record: Path | None) -> Compared:
    """Ask every harmless question. Raises a ConnectorError where PARS cannot be reached."""
    wire = channels.wire_of(kind, config.tables(provider))
    recorder = Recorder(record / provider.id, secrets(provider)) if record else None
    with channels.open_client(config, provider, kind, recorder.keep if recorder else None) as client:
        findings: list[tuple[str, Differs]] = []
        proven: list[str] = []
        for probe in contract.probes(wire):
            reply = client.put(probe.question)
            found = contract.judge(probe.name, reply, wire)
            proven += [] if found else contract.proven(probe.name, reply, wire)
            findings += [(probe.name, one) for one in found]
            if any(one.code == "pars.login" for one in found):
                break  # PARS would lock the account
    return _compared(config, provider, kind, findings, proven)


def replay(config: Config, provider: ProviderConfig, kind: ServiceKind, folder: Path) -> Compared:
    """The same of recorded exchanges: nothing is asked."""
    wire = channels.wire_of(kind, config.tables(provider))
    findings: list[tuple[str, Differs]] = []
    for exchange in recording.load(folder):
        name = _name(exchange, wire)
        found = _saved(exchange, wire) if name is None else contract.judge(name, exchange.reply, wire)
        findings += [(name or "save", one) for one in found]
    return _compared(config, provider, kind, findings, [])


def secrets(provider: ProviderConfig) -> dict[str, str]:
    """What must stand in no recording, and what stands for it."""
    login = provider.credentials
    if login is None:
        return {}
    return {
        login.provider_id: "[ProviderId]",
        login.user: "[User]",
        login.password.reveal().get_secret_value(): "[Password]",
    }


def place(path: Path, loc: Sequence[str | int]) -> str:
    """`config.yaml:12:5` where the file has that very entry, else nothing: the entry is the built-in one."""
    document = yamlfile.read(path)
    line, column = document.values.get(tuple(loc), (0, 0))
    return f"{path}:{line}:{column}" if line else ""


def _compared(
    config: Config,
    provider: ProviderConfig,
    kind: ServiceKind,
    found: Sequence[tuple[str, Differs]],
    proven: Sequence[str],
) -> Compared:
    table = ("wire", *(["ja_pars"] if provider.system == "ja-pars" else []), kind.replace("-", "_"))
    own = ("providers", config.provider_ids.index(provider.id), "base_url")
    wire = channels.wire_of(kind, config.tables(provider))
    open_ = unverified(wire)
    return Compared(
        table=table,
        address=own if provider.base_url else (*table, "base_url"),
        findings=tuple(_each_once(found)),
        proven=tuple(one for one in open_ if one in set(proven)),
        unverified=tuple(open_),
    )


def _each_once(found: Sequence[tuple[str, Differs]]) -> Iterator[tuple[str, Differs]]:
    seen = set()
    for name, one in found:
        if (one.entry, one.said) not in seen:
            yield name, one
        seen.add((one.entry, one.said))


def _name(exchange: Exchange, wire: XmlWire | JsonWire) -> contract.Name | None:
    """Which question it was, by the table or by the operation's own name; None for a save."""
    if isinstance(wire, JsonWire):
        asked: contract.Name = "status_by_credit" if "CreditId" in exchange.params else "status_by_learner"
        return asked if exchange.call.startswith("GET") else None
    ends: dict[str, contract.Name] = {
        "Match": "match", "StatusByCreditId": "status_by_credit", "StatusByLearner": "status_by_learner",
    }  # fmt: skip
    own = {wire.calls.match: "Match", wire.calls.status_by_credit: "StatusByCreditId"}
    own[wire.calls.status_by_learner] = "StatusByLearner"
    call = own.get(exchange.call, exchange.call)
    return next((name for end, name in ends.items() if call.endswith(end)), None)


def _saved(exchange: Exchange, wire: XmlWire | JsonWire) -> Iterator[Differs]:
    body = exchange.payload.body if exchange.payload else b""
    ids = [found.decode() for found in dict.fromkeys(_CREDIT_ID.findall(body))]
    action: Action = "delete" if b"delete" in body else "add"
    try:
        if isinstance(wire, JsonWire):
            outcomes = report_json.read_save(exchange.reply, ids, action, wire)
        else:
            outcomes = report_xml.read_save(exchange.reply, ids, action, wire)
    except ConnectorError as error:
        yield Differs(entry="answers.save", said=error.message, expected="an outcome for each credit")
        return
    for one in outcomes:
        if one.verdict is Verdict.UNREADABLE:
            said = f"the status {one.status!r}" if one.status else "nothing of a credit"
            yield Differs(entry="words", said=said, expected="a word of its lists for each credit")

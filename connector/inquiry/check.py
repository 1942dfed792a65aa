"""Does everything around us answer? Each check is one finding a person can act on; none moves a credit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field
from sqlmodel import col, func, select

from connector import activities
from connector.collection import quiet, rereading
from connector.collection.inlet.app import BASE
from connector.config import (
    Config,
    HttpSource,
    InletConfig,
    MoodleConfig,
    OAuth2,
    ProviderConfig,
    SourceConfig,
    in_the_open,
)
from connector.desk import carriers
from connector.endpoints import open_client
from connector.errors import ConnectorError, MappingError
from connector.inquiry import compare, contract, known_learner, linting, listing, lrs_report, moodle_rights
from connector.learners import directory
from connector.learners.sources.remote import Remote
from connector.learners.sources.sheet import SheetFile
from connector.lrs.discover import discover
from connector.mapping.loader import load
from connector.mapping.rule_files import defaults_of
from connector.records import ActorKey, Frozen
from connector.store.leases import is_running
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Credit, Source, StatementRow


class Checked(Frozen):
    """The result of one check; `facts` are what stands in its message, for programs."""

    what: str
    good: bool
    code: str = ""
    message: str = ""
    hint: str = ""
    facts: dict[str, Any] = Field(default_factory=dict)


def lrs(config: Config, store: Store) -> Iterator[Checked]:
    """Each source: reachable, what its LRS does, whether settings fit that, if it is quiet, what could not be read."""
    for source in config.polled:
        yield from _endpoint(source)
        token_url = [source.login.token_url] if isinstance(source.login, OAuth2) else []
        yield from _in_the_open(f"source {source.name}", source.endpoint, *token_url)
    for inlet in config.inlets:
        yield _try(f"inlet {inlet.name}", partial(_inlet, config, store, inlet))
    with store.reading() as session:
        rows = [row for source in config.sources if (row := session.get(Source, source.name))]
        gaps = {source.name: found for source in config.polled if (found := rereading.gaps(session, source.name))}
    yield from (_gaps(name, found) for name, found in gaps.items())
    yield from (_quiet(row) for row in rows if quiet.is_quiet(row, datetime.now(UTC)))


def moodles(config: Config, _store: Store) -> Iterator[Checked]:
    """Each source's Moodle: whether its token can do what rules and `compare` ask of it."""
    for source in config.sources:
        if source.moodle:
            yield _try(f"moodle of {source.name}", partial(_rights, config, source.moodle))
            yield from _in_the_open(f"moodle of {source.name}", source.moodle.site)


def pars(config: Config, store: Store, record: Path | None = None) -> Iterator[Checked]:
    """Each provider's channel: harmless questions, compared with the wire table; and providers who left config.yaml.

    `record`: the folder that keeps what was asked and answered.
    """
    for provider in config.providers:
        yield from _channel(config, provider, record)
    yield from _gone(config, store)


def sheets(config: Config, _store: Store) -> Iterator[Checked]:
    """Each provider's activity sheet, and whether it has every activity that a rule reports."""
    for provider in config.providers:
        if provider.activities is not None:
            yield _try(f"activities of {provider.id}", partial(_activities, config, provider))


def learners(config: Config, store: Store) -> Iterator[Checked]:
    """Each learner source answers; which cells of a sheet gates will hold; and what each says of the learner in
    `learners.known`, by the names of fields."""
    asked = dict(zip(directory.names(config), directory.sources(config, store), strict=True))
    broken = set[str]()
    for (name, source), settings in zip(asked.items(), config.learners.sources, strict=True):
        what = f"learner source {name}"
        found = _try(what, partial(_answers, config, source))
        broken |= set() if found.good else {name}
        yield found
        if found.good and isinstance(source, SheetFile):
            yield from _cells(what, source)
        if isinstance(settings, HttpSource):
            yield from _in_the_open(what, settings.http.url)
    if config.learners.known:
        told = known_learner.told(asked, ActorKey(config.learners.known), broken)
        yield from (_of_known(one) for one in told)


def mappings(config: Config, _store: Store) -> Iterator[Checked]:
    """The mapping files."""
    found = linting.findings(config.mappings, config)
    errors = [finding for finding in found if finding.level == "error"]
    message = "\n".join(str(finding) for finding in found) or "no findings"
    yield Checked(what="mappings", good=not errors, code=errors[0].code if errors else "", message=message)


def notices(config: Config, _store: Store) -> Iterator[Checked]:
    """Each address that is told something: its secret is there, and it is understood. Nothing is sent."""
    said = config.desk.notices
    for name, addresses in (("to", said.to), ("tell", said.tell)):
        for number, address in enumerate(addresses, start=1):
            yield _try(f"notices {name}.{number}", partial(carriers.prove, address))
    if said.webhook:
        yield _try("notices webhook", partial(carriers.prove_webhook, said.webhook))
        yield from _in_the_open("notices webhook", said.webhook.url)
    if said.learners:
        yield _try("notices learners", partial(carriers.prove, said.learners, to_learners=True))
    if not (said.to or said.tell or said.webhook or said.learners):
        yield Checked(what="notices", good=True, message="nobody is told anything: `desk.notices` names no address")


CHECKS: dict[str, Callable[[Config, Store], Iterator[Checked]]] = {
    "mappings": mappings,
    "lrs": lrs,
    "moodle": moodles,
    "pars": pars,
    "activities": sheets,
    "learners": learners,
    "notices": notices,
}


def _endpoint(source: SourceConfig) -> Iterator[Checked]:
    what = f"source {source.name}"
    try:
        with open_client(source) as client:
            found = discover(client, source.page, source.overlap)
    except ConnectorError as error:
        yield _failed(what, error)
        return
    facts = {
        "found": found.model_dump(mode="json"),
        "settings": [one.model_dump() for one in lrs_report.settings(source)],
    }
    said = "\n".join(lrs_report.sentences(found, source))
    wrong = [
        Checked(what=what, good=False, code=one.code, message=one.message, hint=one.hint)
        for one in lrs_report.disagreements(found, source)
    ]
    if not wrong:
        yield Checked(what=what, good=True, message=said, facts=facts)
        return
    yield wrong[0].model_copy(update={"message": f"{wrong[0].message}\n{said}", "facts": facts})
    yield from wrong[1:]


def _in_the_open(what: str, *addresses: str) -> Iterator[Checked]:
    for address in addresses:
        if in_the_open(address):
            yield Checked(
                what=f"{what} in the open",
                good=False,
                code="config.in_the_open",
                message=f"http:// to {urlsplit(address).hostname}: secrets and statements can be read on their way",
                hint="use https://, or an LRS or a tunnel on this machine",
            )


def _inlet(config: Config, store: Store, source: InletConfig) -> str:
    """Where a sender finds it and when anything came; raises where its password is not to be had."""
    source.inlet.password.reveal()
    web = config.web
    if web.tls:
        way = "with its own certificate"
    else:
        way = "behind a proxy that speaks TLS" if web.behind_proxy else "for senders on this machine only"
    port = str(web.port) if web.port else "a free port that the log names at each start"
    host = f"[{web.host}]" if ":" in web.host else web.host
    lines = [f"takes statements at {'https' if web.tls else 'http'}://{host}:{port}{BASE}, {way}"]
    mine = select(StatementRow.received_at).where(StatementRow.source_id == source.name)
    with store.reading() as session:
        last = session.exec(mine.order_by(col(StatementRow.id).desc()).limit(1)).first()
    lines.append(f"the last statement came at {last:%Y-%m-%d %H:%M:%SZ}" if last else "no statement has come yet")
    if not is_running(store):
        lines.append("no daemon is running: nobody listens now")
    return "\n".join(lines)


def _rights(config: Config, settings: MoodleConfig) -> str:
    try:
        rules = load(config.mappings, defaults_of(config))
    except MappingError:
        return moodle_rights.prove(settings, [])  # the check of the mappings says what is wrong with them
    return moodle_rights.prove(settings, compare.named_courses(rules, settings))


def _quiet(row: Source) -> Checked:
    days = quiet.silence(row, datetime.now(UTC)) / timedelta(days=1)
    longest = timedelta(seconds=row.longest_quiet_s) / timedelta(days=1)
    return Checked(
        what=f"source {row.id} talks",
        good=False,
        code="lrs.quiet",
        message=f"nothing new for {days:.1f} days; its longest silence before was {longest:.1f}",
        hint="look whether the LMS still sends its statements: there may be nothing to report, or a broken plugin",
    )


def _gaps(source: str, found: Sequence[rereading.Span]) -> Checked:
    return Checked(
        what=f"source {source} past",
        good=False,
        code=rereading.NOT_READ,
        message=f"not read by a sweep or a backfill: {rereading.in_words(found)}",
        hint=rereading.HINT,
    )


def _channel(config: Config, provider: ProviderConfig, record: Path | None) -> Iterator[Checked]:
    what = f"channel {provider.id} {provider.channel}"
    if provider.service is None:
        yield Checked(what=what, good=True, message="files that a person carries: nobody can be asked")
        return
    try:
        found = contract.compare(config, provider, provider.service, record)
    except ConnectorError as error:
        yield _failed(what, error)
        return
    yield from compared(what, found)


def compared(what: str, found: contract.Compared) -> Iterator[Checked]:
    """A finding for each line of the wire table with which PARS's answers disagree."""
    for name, one in found.findings:
        entry = f"`{'.'.join(map(str, found.loc(one.entry)))}` expects {one.expected}" if one.entry else one.expected
        yield Checked(
            what=f"{what}, {name}",
            good=False,
            code=one.code,
            message=f"PARS answers {one.said}; {entry}",
            hint=found.hint(one),
            facts={"loc": list(found.loc(one.entry)) if one.entry else []},
        )
    if not found.findings:
        seen = f"{len(found.proven)} of {len(found.unverified)} unverified lines are seen now"
        message = f"answers as the wire table says; {seen}"
        if not found.proven:
            message = "answers; whether this is PARS shows with the first credit: 404 is what a wrong path answers too"
        facts = {"seen": list(found.proven), "unverified": list(found.unverified)}
        yield Checked(what=what, good=True, message=message, facts=facts)


def _gone(config: Config, store: Store) -> Iterator[Checked]:
    over = (State.CLOSED, State.WITHDRAWN, State.CONFIRMED)
    rows = select(Credit.provider_id, func.count()).where(col(Credit.state).not_in(over))
    rows = rows.where(col(Credit.provider_id).not_in(config.provider_ids)).group_by(Credit.provider_id)
    with store.reading() as session:
        found = session.exec(rows.order_by(Credit.provider_id)).all()
    for provider_id, count in found:
        waits = listing.counted(count, "credit waits", "credits wait")
        yield Checked(
            what=f"provider {provider_id}",
            good=False,
            code="config.provider_gone",
            message=f"{waits} for a provider who is not in config.yaml",
            hint="put him back: they go on from where they are",
        )


def _activities(config: Config, provider: ProviderConfig) -> str:
    known = {row.activity_id for row in activities.read(provider)}
    try:
        rules = load(config.mappings, defaults_of(config)).rules
    except MappingError:
        return listing.counted(
            len(known), "activity", "activities"
        )  # the check of the mappings says what is wrong with them
    wanted = {active.rule.activity for active in rules if active.provider == provider.id}
    missing = ", ".join(sorted(wanted - known))
    said = listing.counted(len(known), "activity", "activities")
    return said + (f"; rules report {missing}, which the sheet does not have" if missing else "")


def _answers(config: Config, source: directory.Source) -> str:
    is_elsewhere = isinstance(source, Remote)
    source.fetch(directory.strangers(config) if is_elsewhere else [])
    return "answers" if is_elsewhere else "readable"


def _cells(what: str, sheet: SheetFile) -> Iterator[Checked]:
    try:
        problems = sheet.unusable()
    except ConnectorError as error:  # it is being written just now
        yield _failed(what, error)
        return
    for one in problems:
        yield Checked(what=f"{what}, cells", good=False, code=one.code, message=one.message, hint=one.hint)


def _of_known(told: known_learner.Told) -> Checked:
    what, problem = f"{told.who} on the known learner", told.problem
    if problem is None:
        return Checked(what=what, good=True, message=told.message, facts={"fields": list(told.fields)})
    facts = {"field": problem.field}
    return Checked(what=what, good=False, code=problem.code, message=problem.message, hint=problem.hint, facts=facts)


def _try(what: str, ask: Callable[[], str]) -> Checked:
    try:
        return Checked(what=what, good=True, message=ask())
    except ConnectorError as error:
        return _failed(what, error)


def _failed(what: str, error: ConnectorError) -> Checked:
    return Checked(what=what, good=False, code=error.code, message=error.message, hint=error.hint)

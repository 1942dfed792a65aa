"""Does everything around us answer? Each check is one finding a person can act on; none moves a credit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from connector import activities, channels
from connector.collection.stage import open_client
from connector.config import Config, ProviderConfig, SourceConfig
from connector.errors import ConnectorError, MappingError
from connector.learners import directory
from connector.lrs.client import Query
from connector.mapping.loader import lint, load
from connector.mapping.stage import defaults_of
from connector.pars.exchange import Unclear
from connector.records import Frozen
from connector.store.session import Store


class Checked(Frozen):
    """The result of one check."""

    what: str
    good: bool
    code: str = ""
    message: str = ""
    hint: str = ""


def lrs(config: Config, _store: Store) -> Iterator[Checked]:
    """Each source: reachable, credentials taken, which xAPI versions it names."""
    for source in config.polled:
        yield _try(f"source {source.name}", partial(_about, source))


def pars(config: Config, _store: Store) -> Iterator[Checked]:
    """Each provider's channel: a harmless read of a credit that cannot exist."""
    for provider in config.providers:
        yield _try(f"channel {provider.id} {provider.channel}", partial(_probe, config, provider))


def sheets(config: Config, _store: Store) -> Iterator[Checked]:
    """Each provider's activity sheet, and whether it has every activity that a rule reports."""
    for provider in config.providers:
        if provider.activities is not None:
            yield _try(f"activities of {provider.id}", partial(_activities, config, provider))


def learners(config: Config, store: Store) -> Iterator[Checked]:
    """Each learner source can be read."""
    for source in directory.sources(config, store):
        yield _try(f"learner source {type(source).__name__}", partial(_readable, source))


def mappings(config: Config, _store: Store) -> Iterator[Checked]:
    """The mapping files."""
    found = lint(config.mappings, defaults_of(config))
    errors = [finding for finding in found if finding.level == "error"]
    message = "\n".join(str(finding) for finding in found) or "no findings"
    yield Checked(what="mappings", good=not errors, code=errors[0].code if errors else "", message=message)


CHECKS: dict[str, Callable[[Config, Store], Iterator[Checked]]] = {
    "mappings": mappings,
    "lrs": lrs,
    "pars": pars,
    "activities": sheets,
    "learners": learners,
}


def _about(source: SourceConfig) -> str:
    with open_client(source) as client:
        client.page(Query(since=None, limit=1))  # `about` asks for no password
        return "xAPI " + (", ".join(client.about()) or "version not named")


def _probe(config: Config, provider: ProviderConfig) -> str:
    with channels.open_client(config, provider, provider.channel) as client:
        try:
            client.probe()
        except Unclear:
            return "answers, but not as the wire table expects a missing credit to look"
        if client.prove():
            return "answers as the wire table says"
    return "answers; whether this is PARS shows with the first credit: this dialect has no other harmless question"


def _activities(config: Config, provider: ProviderConfig) -> str:
    known = {row.activity_id for row in activities.read(provider)}
    try:
        rules = load(config.mappings, defaults_of(config)).rules
    except MappingError:
        return f"{len(known)} activities"  # the check of the mappings says what is wrong with them
    wanted = {active.rule.activity for active in rules if active.provider == provider.id}
    missing = ", ".join(sorted(wanted - known))
    return f"{len(known)} activities" + (f"; rules report {missing}, which the sheet does not have" if missing else "")


def _readable(source: directory.Source) -> str:
    source.fetch([])
    return "readable"


def _try(what: str, ask: Callable[[], str]) -> Checked:
    try:
        return Checked(what=what, good=True, message=ask())
    except ConnectorError as error:
        return Checked(what=what, good=False, code=error.code, message=error.message, hint=error.hint)

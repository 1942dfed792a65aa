"""What every learner source promises, whatever it is: a new one is one more entry in `laid_out_as`."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from httpx._transports import default

from connector.learners import directory
from connector.learners.directory import Source
from connector.records import ActorKey, Learner
from connector.sandbox.server import Sandbox
from tests.learners.house import ODD, PEOPLE, QUERY, Endpoint, database, settings
from tests.learners.middle import SITE, Middle, laid_out, statement
from tests.moodle.place import placed, rule

TRUST = ssl.create_default_context()
FIELDS = ("given_name", "family_name", "birth_day", "npi")


@dataclass
class Laid:
    """A source that knows these people by these keys, and nobody else."""

    source: Source
    origin: str
    people: dict[ActorKey, dict[str, str]]
    take_away: Callable[[], Any]
    strangers: tuple[ActorKey, ...] = (
        ActorKey("mbox:nobody@example.org"),
        ActorKey(f"account:{SITE}|999"),
        ActorKey("account:https://else.example|3"),
        ActorKey("openid:https://id.example.org/anna"),
        ActorKey("mbox_sha1sum:" + 40 * "0"),
    )


def mailboxes() -> dict[ActorKey, dict[str, str]]:
    return {ActorKey(f"mbox:{one['email']}"): one for one in PEOPLE}


def accounts() -> dict[ActorKey, dict[str, str]]:
    return {ActorKey(f"account:{SITE}|{one['account']}"): one for one in PEOPLE}


def opened(place: Middle, *sources: dict[str, Any]) -> Source:
    place.config = place.config.model_copy(
        update={"learners": place.config.learners.model_validate({"sources": sources})}
    )
    return directory.sources(place.config, place.store)[0]


def sheet(place: Middle, _stack: ExitStack) -> Laid:
    place.sheet(*PEOPLE)
    path = place.folder / "learners.csv"
    return Laid(opened(place, {"sheet": path}), "sheet:learners.csv", mailboxes() | accounts(), path.unlink)


def from_statement(place: Middle, _stack: ExitStack) -> Laid:
    for number, one in enumerate(PEOPLE):
        said = {"extensions": {f"https://lms.example.edu/{name}": one[name] for name in FIELDS}}
        place.post(statement(number, actor={"mbox": f"mailto:{one['email']}"}, context=said))
    paths = {name: f'context.extensions."https://lms.example.edu/{name}"' for name in FIELDS}
    return Laid(opened(place, {"statement": paths}), "statement", mailboxes(), lambda: None)


def sql(place: Middle, stack: ExitStack) -> Laid:
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    file = place.folder / "hr.db"
    patch.setenv("HR", database(file))
    source = opened(place, {"sql": {"url": {"env": "HR"}, "query": QUERY, "home_page": SITE}})
    return Laid(source, "sql", mailboxes() | accounts(), file.unlink)


def http(by: str) -> Callable[[Middle, ExitStack], Laid]:
    def lay(place: Middle, stack: ExitStack) -> Laid:
        serving = stack.enter_context(ExitStack())
        endpoint = serving.enter_context(Endpoint().serving())
        people = {"email": mailboxes(), "account": accounts(), "": mailboxes() | accounts()}[by]
        return Laid(opened(place, settings(endpoint, by)), "http:127.0.0.1", people, serving.close)

    return lay


def moodle(place: Middle, stack: ExitStack) -> Laid:
    serving = stack.enter_context(ExitStack())
    sandbox = serving.enter_context(Sandbox(today=date(2026, 3, 12), load=False))
    stack.enter_context(pytest.MonkeyPatch.context()).setenv("MOODLE_TOKEN", sandbox.moodle_token)
    people = {}
    for number in (3, 4):
        user = sandbox.moodle.users[number]
        odd = replace(user.person, given=ODD["given_name"], family=f"{ODD['family_name']} {number}")
        sandbox.moodle.users[number] = replace(user, person=odd)
        said = {"given_name": odd.given, "family_name": odd.family, "birth_day": f"{user.born:%m-%d}", "npi": odd.npi}
        people |= {ActorKey(f"account:{sandbox.moodle_url}|{number}"): said, ActorKey(f"mbox:{user.email}"): said}
    (place.folder / "site").mkdir()
    there = placed(place.folder / "site", sandbox, rule())
    stack.callback(there.store.dispose)
    source = opened(there, {"moodle": {"source": "campus", "fields": {"npi": "npi", "birth_day": "dob"}}})
    return Laid(source, "moodle:campus", people, serving.close)


KINDS: dict[str, Callable[[Middle, ExitStack], Laid]] = {
    "sheet": sheet,
    "statement": from_statement,
    "moodle": moodle,
    "sql": sql,
    "http-email": http("email"),
    "http-account": http("account"),
    "http-post": http(""),
}


@pytest.fixture(params=KINDS, scope="module")
def laid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laid]:
    """Shared by all tests that change nothing."""
    with ExitStack() as stack:
        # loading the machine's certificates takes longer than all the rest, and loopback needs none
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(default, "create_ssl_context", lambda **_: TRUST)
        place = laid_out(tmp_path_factory.mktemp("sources"))
        stack.callback(place.store.dispose)
        yield KINDS[request.param](place, stack)


def values(learner: Learner) -> dict[str, str]:
    masked = {name: getattr(learner, name) for name in FIELDS[:3]} | {"npi": learner.ids.get("NPI")}
    return {name: value.get_secret_value() for name, value in masked.items() if value}


def test_it_knows_its_people_letter_by_letter_and_whose_key_was_asked(laid: Laid) -> None:
    found = laid.source.fetch([*laid.people])
    assert {key: values(one.learner) for key, one in found.items()} == {
        key: {name: said[name] for name in FIELDS} for key, said in laid.people.items()
    }
    assert all(key in one.keys for key, one in found.items())


def test_who_is_unknown_is_absent(laid: Laid) -> None:
    assert laid.source.fetch(laid.strangers) == {}
    assert laid.source.fetch([]) == {}
    known = next(iter(laid.people))
    assert {*laid.source.fetch([*laid.strangers, known])} == {known}


def test_many_are_answered_as_each_alone(laid: Laid) -> None:
    keys = [*laid.people, *laid.strangers]
    alone = {key: one for single in keys for key, one in laid.source.fetch([single]).items()}
    together = laid.source.fetch(keys)
    assert {key: one.learner for key, one in together.items()} == {key: one.learner for key, one in alone.items()}
    assert {key: {*one.keys} for key, one in together.items()} == {key: {*one.keys} for key, one in alone.items()}
    assert laid.source.fetch([*reversed(keys), *keys]) == together


def test_each_value_names_its_source_and_hides_itself(laid: Laid) -> None:
    for key, one in laid.source.fetch([*laid.people]).items():
        assert {*one.learner.origins.values()} == {laid.origin}
        assert {*FIELDS} <= {*one.learner.origins} | {"npi"}
        assert not [said for said in values(one.learner).values() if said in repr(one.learner)], key


def test_what_it_should_say_of_a_learner_is_named_by_field(laid: Laid) -> None:
    known = next(iter(laid.people))
    for problem in [*laid.source.prove(known), *laid.source.prove(laid.strangers[0])]:
        assert problem.message
        assert problem.hint
        assert not [said for said in laid.people[known].values() if len(said) > 3 and said in str(problem)]
    assert not {*FIELDS} & {problem.field for problem in laid.source.prove(known)}
    assert laid.source.prove(laid.strangers[0])


@pytest.mark.parametrize("kind", ["sheet", "sql", "http-post", "moodle"])
def test_a_stamp_asks_nobody(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
    with ExitStack() as stack:
        place = laid_out(tmp_path)
        stack.callback(place.store.dispose)
        laid = KINDS[kind](place, stack)
        before = laid.source.stamp()
        assert laid.source.stamp() == before
        laid.take_away()
        began = time.perf_counter()
        for _ in range(100):
            laid.source.stamp()
        assert time.perf_counter() - began < 0.5

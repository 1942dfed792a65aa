"""Learners from an endpoint that answers with JSON: one by GET, or many by POST. Knows no database and no cache.

A learner's e-mail stands in addresses and answers, so that neither is ever quoted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson

from connector.config import HttpEndpoint, Secret
from connector.errors import ConfigError, NeedsOperator, RetryLater
from connector.findings import did_you_mean
from connector.http import Http, HttpAnswer
from connector.learners.sources import rows
from connector.learners.sources.paths import compiled, value
from connector.learners.sources.sheet import COLUMNS
from connector.lrs.login import Basic
from connector.records import ActorKey, Found, Problem

CONNECT_SECONDS = 10.0
MOST_BYTES = 16 * 1024 * 1024
_UNREADABLE = "learner.unreadable"
_HINT = "ask the endpoint by hand: `http.url` may have moved, or `http.people` does not fit its answer"


class HttpPeople:
    """`fetch` asks by GET where the address has a place for a learner, else by POST."""

    def __init__(self, settings: HttpEndpoint, name: str) -> None:
        self.name = name
        self._settings = settings
        self._place = next((one for one in ("email", "account") if f"{{{one}}}" in settings.url), "")
        self._people = compiled("people", settings.people)
        for column in settings.fields:
            if column not in COLUMNS:
                hint = did_you_mean(column, COLUMNS) or "known columns: " + ", ".join(COLUMNS)
                raise ConfigError("config.learner_path", f"{column} is no column of a learner sheet", hint)
        self._fields = {column: compiled(column, path) for column, path in settings.fields.items()}

    @property
    def batch(self) -> int:
        """How many keys are lost together when an answer fails."""
        return 10 if self._place else self._settings.batch

    def speaks_for(self, keys: Collection[ActorKey]) -> set[ActorKey]:
        return {key for key in keys if self._email(key) or self._account(key)}

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]:
        with self._connected() as http:
            if not self._place:
                return rows.answered(partial(self._post, http), keys, self.speaks_for, self.name)
            found: dict[ActorKey, Found] = {}
            for key in sorted(self.speaks_for(keys)):
                found |= rows.index(self._get(http, key), self.name, {key}, self.speaks_for)
            return found

    def prove(self, key: ActorKey) -> list[Problem]:
        """What the endpoint leaves open about this learner, field by field."""
        with self._connected() as http:
            said = self._get(http, key) if self._place else self._post(http, {key})
        columns = self._fields or [one for one in COLUMNS if any(row[one] for row in said)]
        mine = [row for row in said if key in rows.keys_of(row)]
        return rows.proven(mine, columns, self.name, "its path in `http.fields` finds nothing in this learner's answer")

    def _email(self, key: ActorKey) -> str:
        return key.removeprefix("mbox:") if self._place != "account" and key.startswith("mbox:") else ""

    def _account(self, key: ActorKey) -> str:
        name = None if self._place == "email" else rows.account_name(key, self._settings.home_page)
        return name or ""

    def _connected(self) -> Http:
        seconds = self._settings.timeout.total_seconds()
        bundle = str(self._settings.ca_bundle) if self._settings.ca_bundle else True
        return Http(blame="learner", connect=min(CONNECT_SECONDS, seconds), read=seconds, verify=bundle)

    def _get(self, http: Http, key: ActorKey) -> list[rows.Cells]:
        """Whoever is found for this key; a row that names no actor of this kind is the one who was asked for."""
        asked = quote(self._email(key) or self._account(key), safe="")
        url = self._settings.url.replace(f"{{{self._place}}}", asked)
        answer = http.read("GET", url, headers=self._headers(), most=MOST_BYTES)
        people = [] if answer.status in (204, 404) else self._read(answer)
        named = [self._named(key, person) for person in people]
        return [person for person in named if key in rows.keys_of(person)]

    def _named(self, key: ActorKey, person: rows.Cells) -> rows.Cells:
        if self._place == "email":
            return person if person["email"] else {**person, "email": self._email(key)}
        name = self._account(key)
        home = person["home_page"] or key.removeprefix("account:").removesuffix(f"|{name}")
        is_named = person["account"] or person["username"]
        return {**person, "home_page": home} | ({} if is_named else {"account": name})

    def _post(self, http: Http, keys: Collection[ActorKey]) -> Sequence[rows.Cells]:
        return [person for chunk in self._chunks(sorted(keys)) for person in self._ask_many(http, chunk)]

    def _chunks(self, keys: Sequence[ActorKey]) -> Iterator[Sequence[ActorKey]]:
        size = self._settings.batch
        return (keys[start : start + size] for start in range(0, len(keys), size))

    def _ask_many(self, http: Http, keys: Sequence[ActorKey]) -> list[rows.Cells]:
        asked = {
            "emails": [said for key in keys if (said := self._email(key))],
            "accounts": [said for key in keys if (said := self._account(key))],
        }
        headers = self._headers() | {"Content-Type": "application/json"}
        answer = http.read("POST", self._settings.url, headers=headers, body=orjson.dumps(asked), most=MOST_BYTES)
        return self._read(answer)

    def _headers(self) -> dict[str, str]:
        settings = self._settings
        own = {
            name: said.reveal().get_secret_value() if isinstance(said, Secret) else said
            for name, said in settings.headers.items()
        }
        if settings.login:
            own["Authorization"] = Basic(settings.login.user, settings.login.password.reveal()).authorization()
        return own | {"Accept": "application/json"}

    def _read(self, answer: HttpAnswer) -> list[rows.Cells]:
        """The people of an answer; a person of whom it says nothing under any column is none."""
        _raise_for(answer)
        try:
            document = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            raise NeedsOperator(_UNREADABLE, "the endpoint answers 200 with what is no JSON", _HINT) from None
        people = value(self._people, document)
        people = [people] if isinstance(people, dict) else people or []
        if not isinstance(people, list) or not all(isinstance(one, dict) for one in people):
            raise NeedsOperator(_UNREADABLE, "the endpoint's answer holds no list of people", _HINT)
        told = [self._columns(person) for person in people]
        return [rows.cells(person, self._settings.home_page) for person in told if any(map(rows.text, person.values()))]

    def _columns(self, person: Mapping[str, Any]) -> dict[str, Any]:
        if not self._fields:
            return {column: person.get(column) for column in COLUMNS}
        return {column: value(path, person) for column, path in self._fields.items()}


def _raise_for(answer: HttpAnswer) -> None:
    """Nothing, for an answer that can be read."""
    if answer.status in (401, 403, 407):
        hint = "check `http.login` and `http.headers`, and what that user may read"
        raise NeedsOperator("learner.refused", f"the endpoint refuses its login or a right ({answer.status})", hint)
    if answer.status in (408, 425, 429) or answer.status >= 500:
        raise RetryLater("learner.failing", f"the endpoint answers {answer.status}", wait=answer.retry_after)
    if answer.status != 200:
        raise NeedsOperator(_UNREADABLE, f"the endpoint answers {answer.status}, which says nothing of anybody", _HINT)

"""Statements made to break a reader: each ends as a problem or does no harm, on both engines, and the page goes on."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from connector.collection import save
from connector.inquiry.explain import explain
from connector.lrs import slices
from connector.lrs.statement import read
from connector.mapping import stage
from connector.store.tables import EvidenceRow, Run, StatementRow
from tests.learners.middle import Middle, laid_out, statement
from tests.lrs.samples import moodle

DEEP = 10_000
RULES = """
  - name: everything
    when:
      - {path: verb.id, exists: true}
      - any:
          - {path: result.score.raw, at_least: 0}
          - {path: result.score.raw, at_most: 0}
          - {path: "context.contextActivities.parent[?definition.type == 'x'].id | [0]", exists: false}
          - {path: "contains(context.contextActivities.category[].id, 'x')", is: true}
          - {path: object.definition.name.en, matches: "[A-Z].*"}
          - {path: result.success, is_not: false}
    activity: "203512345"
    credits:
      - {type: cme, amount: 1.25}
  - name: claimed
    priority: 1
    when: [{path: result.extensions."https://x.org/hours", exists: true}]
    activity: "203512345"
    completed_on: {path: "timestamp || stored"}
    credits:
      - type: cme
        amount: {path: result.extensions."https://x.org/hours", function: quarter_hours, most: 2}
    rems: {type: opioid-analgesic, profession: {path: result.response}}
"""


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Middle]:
    url = f"sqlite:///{tmp_path}/hostile.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")()
    laid = laid_out(tmp_path, store={"url": url, "rems_key": tmp_path / "rems.key"}).rules(RULES)
    yield laid
    laid.store.dispose()


def swallow(place: Middle, raws: list[bytes]) -> list[StatementRow]:
    """One page of these, through collection and mapping; the rows that it left."""
    page = b'{"more":"","statements":[' + b",".join(raws) + b"]}"
    found, _ = slices.split(page)
    assert found == raws
    with place.at(), place.store.writing() as session:
        save.page(session, "campus", [read(raw, "campus", groups="fan_out") for raw in found], now=place.clock)
    with place.at():
        stage.run(place.store, place.config)
    with place.store.reading() as session:
        assert session.exec(select(Run)).all() == []
        assert session.exec(select(EvidenceRow).where(EvidenceRow.reason == "connector.unexpected")).all() == []
        rows = list(session.exec(select(StatementRow).order_by(col(StatementRow.id))))
    assert all(row.mapped_with for row in rows)
    return rows


def put(where: str, value: bytes, number: int) -> bytes:
    """A usual statement with these bytes as one value, or as one more member."""
    usual = orjson.dumps(statement(number, result={"success": True, "score": {"raw": 90}}))
    whole = {
        "extra": usual[:-1] + b',"extra":' + value + b"}",
        "key": usual[:-1] + b"," + value + b":1}",
        "score": usual.replace(b"90", value),
        "verb": usual.replace(b'"http://adlnet.gov/expapi/verbs/completed"', value),
        "object": usual.replace(b'"https://lms.example.org/course/view.php?id=42"', value),
        "mbox": usual.replace(b'"mailto:anna@example.org"', value),
        "member": usual.replace(b'"mbox":"mailto:anna@example.org"', b'"member":' + value),
        "id": usual.replace(b'"' + statement(number)["id"].encode() + b'"', value),
        "time": usual.replace(b'"2026-03-10T15:04:05.000Z"', value),
        "raw": value,
    }[where]
    assert where in ("extra", "key", "raw") or whole != usual
    return whole


LONG = b'"' + b"x" * 1_000_000 + b'"'
TEN_KB = b'"https://x.org/' + b"x" * 10_000 + b'"'
MANY = b"[" + b",".join(b'{"mbox":"mailto:%d@x.org"}' % n for n in range(100_000)) + b"]"
SOME = b"[" + b",".join(b'{"mbox":"m%d"}' % n for n in range(20_000)) + b"]"
HOSTILE: tuple[tuple[str, bytes, str], ...] = (
    ("extra", LONG, "lrs.too_large"),
    ("key", LONG, "lrs.too_large"),
    ("member", MANY, "lrs.too_large"),
    ("member", SOME, "lrs.group_too_large"),
    ("member", b"[" * 40 + b"]" * 40, "lrs.bad_member"),
    ("extra", b"[" * DEEP + b"]" * DEEP, "lrs.too_deep"),
    ("extra", b'{"a":' * DEEP + b"1" + b"}" * DEEP, "lrs.too_deep"),
    ("extra", b"[" * 60 + b"]" * 60, ""),
    ("extra", b'"\\u0000"', "lrs.not_json"),
    ("extra", b'"\0"', "lrs.not_json"),
    ("key", b'"\\u0000"', "lrs.not_json"),
    ("key", b'"a\\\\\\u0000"', "lrs.not_json"),
    ("mbox", b'"mailto:\\u0000@x.org"', "lrs.not_json"),
    ("extra", b'"\\ud800"', "lrs.not_json"),
    ("key", b'"\\udfff\\ud800"', "lrs.not_json"),
    ("extra", b'"\xed\xa0\x80"', "lrs.not_json"),
    ("extra", b'"\xff\xfe"', "lrs.not_json"),
    ("score", b"1e400", "lrs.not_json"),
    ("score", b"-1e400", "lrs.not_json"),
    ("score", b"NaN", "lrs.not_json"),
    ("score", b"-Infinity", "lrs.not_json"),
    ("score", b"9" * 400, "lrs.not_json"),
    ("score", b"9" * 40, ""),
    ("score", b"-0", ""),
    ("score", b"-0.0", ""),
    ("score", b"1e-400", ""),
    ("score", b"0." + b"3" * 5_000, ""),
    ("score", b'"' + b"9" * 5_000 + b'"', ""),
    ("score", b'"\xd9\xa9\xd9\xa0"', ""),
    ("extra", '"\ufeff\u202e\u2028\U0010ffff"'.encode(), ""),
    ("raw", b'"\xef\xbb\xbf{}"', "lrs.not_an_object"),
    ("raw", b"1e400", "lrs.not_json"),
    ("raw", b"null", "lrs.not_an_object"),
    ("verb", TEN_KB, "lrs.bad_verb"),
    ("object", TEN_KB, "lrs.bad_object"),
    ("mbox", TEN_KB, "lrs.bad_actor"),
    ("id", TEN_KB, "lrs.bad_id"),
    ("time", TEN_KB, "lrs.bad_time"),
    ("time", b'"0001-01-01T00:00:00Z"', ""),
    ("time", b'"9999-12-31T23:59:59.9999999Z"', ""),
    ("time", b'"9999-12-31T23:59:59-14:00"', "lrs.bad_time"),
    ("time", b'"2026-03-10T15:04:05.' + b"1" * 9_000 + b'Z"', ""),
    ("mbox", '"mailto:\U0001f600\u202e@x.org"'.encode(), ""),
    ("object", '"https://x.org/\U0010ffff\\ud83d\\ude00"'.encode(), ""),
)


def test_every_hostile_statement_is_a_problem_or_harmless(place: Middle) -> None:
    raws = [put(where, value, number) for number, (where, value, _) in enumerate(HOSTILE, 1)]
    last = orjson.dumps(statement(999))
    rows = swallow(place, [*raws, last])
    told = [(row.problem or {}).get("code", "") for row in rows]
    assert told == [*[code for _, _, code in HOSTILE], ""]
    assert [row.raw for row in rows] == [*raws, last]
    for row in rows:
        assert explain(place.store, place.config, row.statement_id)
    with place.store.reading() as session:
        whole = session.exec(select(EvidenceRow).where(EvidenceRow.statement_pk == rows[-1].id)).all()
    assert [row.outcome for row in whole] == ["completion", "ignored"]


def test_of_a_member_that_stands_twice_every_reader_sees_the_same_one(place: Middle) -> None:
    usual = orjson.dumps(statement(1))
    twice = usual[:-1] + b',"actor":{"mbox":"mailto:boris@example.org"}}'
    (row,) = swallow(place, [twice])
    assert row.actor_key == "mbox:boris@example.org"
    assert {one.actor_key for one in place.evidence()} == {row.actor_key}


# --- anything at all in the place of anything ---

_SHAPE = moodle(1) | {"result": {"score": {"raw": 90}, "success": True, "extensions": {"https://x.org/hours": 1.5}}}


def _places(value: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in named:
        yield from _places(inner, *path, name)


PLACES = [path for path in _places(_SHAPE) if path != ("id",)]
_TEXTS = st.text(st.characters(), max_size=8) | st.sampled_from(["\x00", "\ud800", "true", "0.5", "", "mailto:a@b.org"])
_SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | _TEXTS
VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3), max_leaves=6
)
_SERIAL = itertools.count(1)


def _changed(path: tuple[str | int, ...], value: Any) -> bytes:
    whole: Any = json.loads(json.dumps(_SHAPE))
    whole["id"] = str(uuid.UUID(int=next(_SERIAL), version=4))
    *way, last = path
    holder = whole
    for step in way:
        holder = holder[step]
    holder[last] = value
    return json.dumps(whole).encode()


@settings(
    max_examples=3,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=st.lists(VALUES, min_size=4, max_size=4))
def test_anything_in_any_place_is_an_outcome(place: Middle, values: list[Any]) -> None:
    raws = [_changed(path, value) for path in PLACES for value in values[:: 1 + (len(path) > 2)]]
    rows = swallow(place, raws)
    assert set(raws) <= {row.raw for row in rows}
    with place.store.reading() as session:
        told = set(session.exec(select(EvidenceRow.statement_pk)))
    assert {row.id for row in rows if not row.voids} <= told


@given(path=st.sampled_from(PLACES), value=VALUES)
def test_reading_anything_in_any_place_never_raises(path: tuple[str | int, ...], value: Any) -> None:
    for groups in ("hold", "fan_out"):
        found = read(_changed(path, value), "campus", groups=groups)
        assert found.problem or found.statement.actor_key or found.members

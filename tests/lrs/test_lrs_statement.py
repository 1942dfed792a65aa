"""statement, moments, quirks: what is read of one statement, what is a Problem, and that none of it is quoted."""

from __future__ import annotations

import doctest
import hashlib
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
import tincan
from hypothesis import given
from hypothesis import strategies as st

from connector.lrs import moments, quirks
from connector.lrs.statement import VOIDED, read, typed
from connector.records import Problem
from tests.lrs.samples import INFO, SITE, moodle, raw, voiding


def problem_of(statement: Any) -> str:
    found = read(statement if isinstance(statement, bytes) else raw(statement), "campus").problem
    assert found is not None
    assert "Learner" not in found.model_dump_json()
    return found.code


def key_of(**changes: Any) -> str:
    session = changes.pop("session", False)
    return read(raw(moodle(**changes)), "campus", registration_is_session=session).content_key


def actor_of(actor: Any) -> str | None:
    return read(raw(moodle(actor=actor)), "campus").statement.actor_key


def test_a_completion_is_read_and_kept_as_it_came() -> None:
    slice_ = b" ".join([raw(moodle(7, id="0DE15ACE-0000-7000-8000-00000000000F")), b""])
    found = read(slice_, "campus")
    assert found.problem is None
    statement = found.statement
    assert statement.raw is slice_
    assert statement.id == "0de15ace-0000-7000-8000-00000000000f"
    assert statement.actor_key == f"account:{SITE}|7"
    assert statement.object_id == f"{SITE}/course/view.php?id=42"
    assert statement.stored == datetime(2026, 3, 1, 9, 31, 0, 500_000, tzinfo=UTC)
    assert statement.registration.startswith("0de15ace")


@pytest.mark.parametrize(
    ("actor", "key"),
    [
        ({"mbox": "mailto:Ann@Example.org"}, "mbox:ann@example.org"),
        ({"mbox": "MAILTO:ann@example.org "}, "mbox:ann@example.org"),
        ({"mbox": "ann@example.org", "account": None}, "mbox:ann@example.org"),
        ({"mbox_sha1sum": "A" * 40}, "mbox_sha1sum:" + "a" * 40),
        ({"openid": "https://Ann.example.org"}, "openid:https://Ann.example.org"),
        ({"account": {"homePage": "https://X.org/", "name": 10023}}, "account:https://X.org/|10023"),
        ({"account": {"homePage": "https://X.org", "name": "00A"}}, "account:https://X.org|00A"),
        ({"mbox": " MailTo: Ann@Example.org\n"}, "mbox:ann@example.org"),
        ({"mbox": "mailto:ann lee@example.org"}, "mbox:ann lee@example.org"),
        ({"objectType": None, "member": None, "openid": None, "mbox": "mailto:a@b.org"}, "mbox:a@b.org"),
    ],
)
def test_an_actor_has_one_normal_key(actor: dict[str, Any], key: str) -> None:
    assert actor_of(actor) == key


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        (None, "lrs.no_actor"),
        ("ann", "lrs.no_actor"),
        ({}, "lrs.bad_actor"),
        ({"name": "Learner"}, "lrs.bad_actor"),
        ({"mbox": "mailto:a@b.org", "openid": "https://a.org"}, "lrs.bad_actor"),
        ({"mbox": ["mailto:a@b.org"]}, "lrs.bad_actor"),
        ({"mbox": "mailto:"}, "lrs.bad_actor"),
        ({"mbox_sha1sum": "zz"}, "lrs.bad_actor"),
        ({"mbox_sha1sum": 1}, "lrs.bad_actor"),
        ({"openid": 1}, "lrs.bad_actor"),
        ({"account": {"homePage": "https://x.org", "name": True}}, "lrs.bad_actor"),
        ({"account": {"homePage": "https://x.org", "name": ""}}, "lrs.bad_actor"),
        ({"account": "https://x.org"}, "lrs.bad_actor"),
        ({"mbox": "mailto:" + "é" * 501}, "lrs.bad_actor"),
        ({"objectType": "Group", "mbox": "mailto:a@b.org"}, "lrs.group_actor"),
        ({"member": []}, "lrs.group_actor"),
        ({"objectType": "group", "mbox": "mailto:a@b.org"}, "lrs.group_actor"),
    ],
)
def test_any_other_actor_is_a_problem(actor: Any, code: str) -> None:
    assert problem_of(moodle(actor=actor)) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "not-a-uuid"}, "lrs.bad_id"),
        ({"id": None}, "lrs.bad_id"),
        ({"id": 5}, "lrs.bad_id"),
        ({"timestamp": "2026-03-01T09:30:00"}, "lrs.bad_time"),
        ({"timestamp": "2026-03-01T24:00:00Z"}, "lrs.bad_time"),
        ({"timestamp": "2026-06-30T23:59:60Z"}, "lrs.bad_time"),
        ({"timestamp": 1772357400}, "lrs.bad_time"),
        ({"stored": "yesterday"}, "lrs.bad_time"),
        ({"verb": {}}, "lrs.bad_verb"),
        ({"verb": "completed"}, "lrs.bad_verb"),
        ({"verb": {"id": "https://x.org/" + "v" * 2000}}, "lrs.bad_verb"),
        ({"object": {"objectType": "Activity"}}, "lrs.bad_object"),
        ({"object": {"id": 5}}, "lrs.bad_object"),
        ({"object": []}, "lrs.bad_object"),
        ({"object": {"id": "https://x.org/" + "a" * 2000}}, "lrs.bad_object"),
        (voiding("not-a-uuid", 2), "lrs.bad_object"),
        (voiding("a" * 9000, 2), "lrs.bad_object"),
    ],
)
def test_a_field_of_a_wrong_form_is_a_problem_of_that_statement(changes: dict[str, Any], code: str) -> None:
    assert problem_of(moodle() | changes) == code


@pytest.mark.parametrize(
    ("slice_", "code"),
    [
        (b"[]", "lrs.not_an_object"),
        (b'"text"', "lrs.not_an_object"),
        (b'{"id":"\\ud800"}', "lrs.not_json"),
        (b'{"a":NaN}', "lrs.not_json"),
        (b'{"a":1e400}', "lrs.not_json"),
        (b'{"a":"\\u0000"}', "lrs.not_json"),
        (b'{"a":"\\\\\\u0000"}', "lrs.not_json"),
        (b'{"a":"\0"}', "lrs.not_json"),
        (b'{"a":"' + b"x" * 1_000_000 + b'"}', "lrs.too_large"),
        (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "lrs.too_deep"),
    ],
)
def test_bytes_that_are_no_statement_are_kept_under_their_hash(slice_: bytes, code: str) -> None:
    found = read(slice_, "campus")
    assert found.problem is not None
    assert found.problem.code == code
    assert found.statement.id == f"raw:{hashlib.sha256(slice_).hexdigest()}"
    assert found.statement.raw == slice_
    assert not found.content_key


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert read(raw(moodle(note="C:\\u0000")), "campus").problem is None


def test_a_problem_keeps_what_could_be_read() -> None:
    found = read(raw(moodle(3) | {"timestamp": "yesterday"}), "campus").statement
    assert found.id == moodle(3)["id"]
    assert found.stored is not None


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(max_size=5), st.lists).map(raw))
def test_reading_never_raises(slice_: bytes) -> None:
    assert read(slice_, "campus").problem is not None


@pytest.mark.parametrize("kind", ["Agent", "Group", "SubStatement"])
def test_objects_without_an_id_are_read(kind: str) -> None:
    found = read(raw(moodle(object={"objectType": kind, "mbox": "mailto:a@b.org"})), "campus")
    assert (found.problem, found.statement.object_id) == (None, "")


def test_voiding_names_its_target() -> None:
    assert read(raw(voiding("0DE15ACE-0000-4000-8000-000000000001", 2)), "campus").voids.startswith("0de15ace")
    assert read(raw(moodle(verb={"id": VOIDED})), "campus").voids == ""
    assert read(raw(moodle()), "campus").voids == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": {"objectType": "Group", "mbox": "mailto:staff@example.org"}},
        {"actor": None},
        {"timestamp": "2026-03-01T09:30:00"},
        {"stored": "yesterday"},
        {"id": "no-uuid"},
    ],
)
def test_a_void_needs_no_usable_actor_time_or_id(changes: dict[str, Any]) -> None:
    target = moodle(1)["id"]
    found = read(raw(voiding(target, 2) | changes), "campus")
    assert found.problem is not None
    assert found.voids == target


@pytest.mark.parametrize("target", ["not-a-uuid", "a" * 9000, "raw:" + "a" * 64, 5, None])
def test_only_a_uuid_can_be_voided(target: Any) -> None:
    found = read(raw(voiding(target, 2)), "campus")
    assert found.problem is not None
    assert found.voids == ""


@pytest.mark.parametrize("said", ["a" * 9000, "session 7", 7, ""])
def test_a_registration_that_is_no_uuid_is_none(said: Any) -> None:
    found = read(raw(moodle(context={"registration": said})), "campus")
    assert (found.problem, found.statement.registration) == (None, "")


def test_facts_that_differ_in_a_registration_that_is_no_uuid_are_not_taken_for_one() -> None:
    assert key_of(context={"registration": "one"}) != key_of(context={"registration": "other"})


V7 = "019A5C00-1111-7ABC-8DEF-0123456789AB"
ODD_BUT_ALLOWED: dict[str, dict[str, Any]] = {
    "2.0": {"version": "2.0.0"},
    "an id of version 7": {"id": V7},
    "a registration of version 7": {"context": {"registration": V7}},
    "a statement of version 7 in the context": {"context": {"statement": {"objectType": "StatementRef", "id": V7}}},
    "context agents": {
        "context": {"contextAgents": [{"objectType": "contextAgent", "agent": {"mbox": "mailto:a@b.org"}}]}
    },
    "context groups": {"context": {"contextGroups": [{"objectType": "contextGroup", "group": {"member": []}}]}},
    "a single parent": {"context": {"contextActivities": {"parent": {"id": "https://x.org/p"}}}},
    "a score as text": {"result": {"score": {"scaled": "0.85"}}},
    "null members": {"result": None, "context": None, "authority": None},
    "a reference": {"object": {"objectType": "StatementRef", "id": V7}},
    "a sub-statement": {
        "object": {
            "objectType": "SubStatement",
            "actor": {"mbox": "mailto:a@b.org"},
            "verb": {"id": "https://x.org/v"},
            "object": {"id": "https://x.org/a"},
        }
    },
    "a signature, which nobody verifies": {
        "attachments": [
            {
                "usageType": "http://adlnet.gov/expapi/attachments/signature",
                "display": {"en": "signature"},
                "contentType": "application/octet-stream",
                "length": 10,
                "sha2": "a" * 64,
            }
        ]
    },
}


@pytest.mark.parametrize("changes", ODD_BUT_ALLOWED.values(), ids=ODD_BUT_ALLOWED)
def test_what_xapi_allows_is_read_without_a_word_also_by_tincan(changes: dict[str, Any]) -> None:
    slice_ = raw(moodle(**changes))
    found = read(slice_, "campus")
    assert (found.problem, found.voids) == (None, "")
    assert isinstance(typed(slice_), tincan.Statement)
    assert found.statement.raw == slice_


def test_ids_of_every_version_are_one_in_lower_and_upper_case() -> None:
    found = read(raw(moodle(id=V7, context={"registration": V7})), "campus").statement
    assert (found.id, found.registration) == (V7.lower(), V7.lower())
    assert read(raw(voiding(V7, 2)), "campus").voids == V7.lower()
    assert read(raw(moodle(object={"objectType": "StatementRef", "id": V7})), "campus").statement.object_id == V7


def test_a_home_page_with_a_slash_is_another_account() -> None:
    assert actor_of({"account": {"homePage": SITE + "/", "name": "7"}}) != actor_of(
        {"account": {"homePage": SITE, "name": "7"}}
    )


def test_a_name_that_is_no_language_map_is_a_warning_of_tincan_alone() -> None:
    slice_ = raw(moodle(object={"id": "https://x.org/a", "definition": {"name": "Update 2026"}}))
    assert read(slice_, "campus").problem is None
    refused = typed(slice_)
    assert isinstance(refused, Problem)
    assert (refused.code, refused.holds) == ("lrs.not_typed", False)


def test_a_resend_has_the_same_content_key() -> None:
    """Moodle mints no id, the LRS does; a cron run has another session; an LRS may cut the fraction."""
    context = moodle()["context"] | {"registration": "0de15ace-0000-5000-8000-000000000099"}
    again = key_of(id="0de15ace-0000-4000-8000-000000000abc", context=context, timestamp="2026-03-01T09:30:00Z")
    assert again == key_of()


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": {"account": {"homePage": SITE, "name": "2"}}},
        {"verb": {"id": "http://adlnet.gov/expapi/verbs/failed"}},
        {"object": {"id": f"{SITE}/course/view.php?id=43"}},
        {"timestamp": "2026-03-01T09:30:01Z"},
        {"result": {"score": {"raw": 90}, "completion": True, "success": False}},
        {"result": {"score": {"raw": 40}, "completion": True, "success": True}},
        {"result": "odd"},
        {"context": {"extensions": {INFO: {"event_name": "\\core\\event\\course_module_completion_updated"}}}},
    ],
)
def test_another_fact_has_another_content_key(changes: dict[str, Any]) -> None:
    assert key_of(**changes) != key_of()


def test_a_registration_tells_facts_apart_unless_it_is_a_session() -> None:
    one, other = ({"registration": f"0de15ace-0000-4000-8000-00000000000{n}"} for n in (1, 2))
    assert key_of(context=one) != key_of(context=other)
    assert key_of(context=one, session=True) == key_of(context=other, session=True)


@pytest.mark.parametrize("timestamp", [None, "2026-03-01T10:31:00.5+01:00"])
def test_a_statement_without_its_own_time_has_no_content_key(timestamp: str | None) -> None:
    assert key_of(timestamp=timestamp) == ""


def test_tincan_takes_a_completion_and_its_refusal_quotes_nothing() -> None:
    slice_ = raw(moodle(5))
    assert isinstance(typed(slice_), tincan.Statement)
    refused = typed(raw(moodle(5, surprise="Learner 5")))
    assert isinstance(refused, Problem)
    assert refused.code == "lrs.not_typed"
    assert "Learner" not in refused.message
    assert isinstance(typed(b"{"), Problem)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2026-03-01T09:30:00Z", 0),
        ("2026-03-01t09:30:00.1z", 100_000),
        ("2026-03-01 10:30:00,123456789+01:00", 123_456),
        ("2026-03-01T10:30:00.000001+0100", 1),
        ("2026-03-01T08:30-01", 0),
        ("2026-03-01T09:30:00." + "9" * 30 + " Z", 999_999),
        ("2026-03-01T09:30:00-00:00", 0),
        ("2026-03-01T09:30:00." + "3" * 9_000 + "Z", 333_333),
    ],
)
def test_times_of_every_usual_form_are_read(text: str, microseconds: int) -> None:
    assert moments.parse(text) == datetime(2026, 3, 1, 9, 30, 0, microseconds, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-01",
        "2026-W09-7T09:30:00Z",
        "20260301T093000Z",
        "2026-02-30T09:30:00Z",
        "0001-01-01T00:00:00+10:00",
        "2026-03-01T09:30:00+99:00",
        "2026-03-01T09:30:00+01:75",
        "2026-03-01T24:00:00Z",
        "2026-03-01T09:30:60Z",
        "1772357400",
        "٢٠٢٦-03-01T09:30:00Z",
    ],
)
def test_times_that_say_less_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        moments.parse(text)


@given(st.datetimes(datetime(1971, 1, 1), timezones=st.timezones()))
def test_a_rendered_time_is_read_back_to_the_millisecond(moment: datetime) -> None:
    utc = moment.astimezone(UTC)
    assert moments.parse(moments.render(moment)) == utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def test_a_product_answers_what_the_file_leaves_open() -> None:
    assert quirks.defaults({"product": "ralph"})["cursor_field"] == "timestamp"
    assert quirks.defaults({"product": "ralph", "cursor_field": "stored"}) == {
        "product": "ralph",
        "cursor_field": "stored",
        "page": 100,
    }
    assert quirks.defaults({"cursor_field": "timestamp"})["sweep"] == "400d"
    assert quirks.defaults({"product": "unheard-of"}) == {"product": "unheard-of"}


def test_each_quirk_has_its_evidence_and_a_setting_that_takes_its_value() -> None:
    from connector.config import SourceConfig

    assert set(quirks.PRODUCTS) == set(get_args(quirks.Product))
    least = {"name": "x", "endpoint": "https://lrs.example.org/xapi", "login": {"user": "u", "password": {"env": "X"}}}
    for product, known in quirks.PRODUCTS.items():
        source = SourceConfig.model_validate(least | {"product": product})
        assert all(quirk.says for quirk in known), product
        assert all(getattr(source, quirk.setting) == quirk.value for quirk in known if quirk.setting), product


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (moments, quirks):
        assert doctest.testmod(module).failed == 0

"""The JSON dialect: judged by hand, numbers exact, an echo is believed only for what it echoes."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from judge_json import faults
from pars_samples import (
    CREATED,
    HARD_NAMES,
    credit,
    identifier,
    learner,
    moc,
    record,
    records_,
    rems_record,
    reply,
)

from connector.errors import ConnectorError, InDoubt, NeedsOperator, RetryLater
from connector.pars import report_json
from connector.pars.exchange import CannotSend, LearnerQuery, Unclear
from connector.pars.wire.services import JsonWire
from connector.records import BirthDay, LearnerRecord, Outcome, Verdict

WIRE = JsonWire()
IDS = ["ccid:example.org:a", "ccid:example.org:b"]


def rendered(*records: LearnerRecord) -> Any:
    """The document as a strict reader sees it, numbers exact and no key twice."""
    body = report_json.render(records, WIRE, CREATED).body

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(body, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=once)


def reports(document: Any) -> Any:
    return document["ACCMELearnerReports"]["ActivityReports"]["ActivityReport"]


@given(st.lists(records_(), min_size=1, max_size=1))
@settings(max_examples=60, deadline=None)
def test_any_record_is_valid_and_comes_back_as_it_was(records):
    document = rendered(*records)
    assert list(faults(document)) == []
    for report, one in zip(reports(document), records, strict=True):
        name, module = report["Member"]["Name"], report["Activity"]["Module"]
        assert name["GivenName"] == one.learner.given_name.get_secret_value()
        assert name["FamilyName"] == one.learner.family_name.get_secret_value()
        assert module["ModuleName"] == {"value": one.activity_title, "moduleID": one.activity_id}
        assert [sent["CreditID"] for sent in module["CreditCertificate"]] == [held.credit_id for held in one.credits]
        amounts = [sent["CreditReceived"]["numberOfCredits"] for sent in module["CreditCertificate"]]
        assert amounts == [held.amount for held in one.credits]


@pytest.mark.parametrize("name", HARD_NAMES)
def test_every_hard_name_survives(name):
    (report,) = reports(rendered(record(learner=learner(family=name))))
    assert report["Member"]["Name"]["FamilyName"] == name


def test_the_values_of_wire_md():
    document = rendered(record(credit(), moc(amount=Decimal("2.00"))))
    (report,) = reports(document)
    assert document["ACCMELearnerReports"]["ActivityReports"]["DateTimeCreated"] == "2026-03-02T08:00:00"
    assert report["Member"]["PersonalInfo"] == {"BirthDate": "1904-09-10"}
    assert report["XtensibleInfo"] == {"LearnerRecordAction": "add"}
    assert report["Activity"]["Module"]["CreditCertificate"][1] == {
        "UniqueID": {"value": "123456", "domain": "ABIM"},
        "CreditReceived": {
            "activityCertification": "Medical Knowledge",
            "creditUnit": "Point",
            "numberOfCredits": Decimal(2),
        },
        "CreditID": "ccid:example.org:c2",
    }
    assert b'"numberOfCredits":2}' in report_json.render([record(moc(amount=Decimal("2.00")))], WIRE, CREATED).body


def test_abs_may_go_without_an_identifier():
    document = rendered(record(moc(board="ABS", credit_type="Accredited CME", identifier=None)))
    assert list(faults(document)) == []


def test_the_judge_sees_what_is_wrong():
    document = rendered(record())
    (report,) = reports(document)
    report["Extra"] = 1
    report["Activity"]["Module"]["Status"] = "Registered"
    del report["XtensibleInfo"]
    report["Activity"]["Module"]["CreditCertificate"][0]["CreditReceived"]["numberOfCredits"] = Decimal("1.1")
    assert len(list(faults(document))) == 4


def test_rems_is_held():
    with pytest.raises(CannotSend) as caught:
        rendered(rems_record())
    assert [one.code for one in caught.value.problems] == ["pars.not_supported"]


def test_control_characters_are_refused():
    with pytest.raises(CannotSend):
        rendered(record(learner=learner(family="a\ud800")))


def test_the_questions_of_wire_md():
    query = LearnerQuery(
        activity_id="203500000",
        birth_day=BirthDay("09-10"),
        completed_on=date(2026, 3, 1),
        identifier=identifier("CA", "A 1"),
    )
    question = report_json.ask_learner(query, WIRE)
    assert question.call == "GET /learner-activities/status"
    assert question.payload is None
    assert question.params == {
        "moduleID": "203500000",
        "BirthDate": "09-10",
        "CompletionDate": "2026-03-01",
        "UniqueID": "A 1",
    }
    assert "A 1" not in repr(question)
    assert report_json.ask_credit("ccid:a:b", WIRE).params == {"CreditId": "ccid:a:b"}


# --- what comes back ----------------------------------------------------------------------------------------------


def echo(*ids: str, action: str = "add") -> Any:
    certificates = [{"CreditID": one} for one in ids]
    report = {
        "Activity": {"Module": {"CreditCertificate": certificates}},
        "XtensibleInfo": {"LearnerRecordAction": action},
    }
    return {"ACCMELearnerReports": {"ActivityReports": {"ActivityReport": [report]}}}


def read_save(body: Any, status: int = 201, action: str = "add") -> list[Outcome]:
    return report_json.read_save(reply(json.dumps(body), status), IDS, action, WIRE)


def test_an_echo_takes_what_it_echoes():
    assert [one.verdict for one in read_save(echo(IDS[1], "ccid:x:y"))] == [Verdict.UNREADABLE, Verdict.TAKEN]
    deleted = read_save(echo(*IDS, action="delete"), action="delete")
    assert {one.verdict for one in deleted} == {Verdict.DELETED}


def test_an_echo_of_another_action_or_twice_is_unreadable():
    assert {one.verdict for one in read_save(echo(*IDS, action="delete"))} == {Verdict.UNREADABLE}
    assert {one.verdict for one in read_save(echo(*IDS, *IDS))} == {Verdict.UNREADABLE}


def test_a_list_of_one_may_be_an_object():
    body = echo(IDS[0])
    body["ACCMELearnerReports"]["ActivityReports"]["ActivityReport"] = reports(body)[0]
    assert read_save(body)[0].verdict is Verdict.TAKEN


@pytest.mark.parametrize("body", [{}, {"ACCMELearnerReports": []}, echo()])
def test_an_echo_of_nothing_is_unreadable_for_each(body):
    assert [(one.credit_id, one.verdict) for one in read_save(body)] == [(one, Verdict.UNREADABLE) for one in IDS]


def test_a_400_with_a_list_speaks_for_the_credits_it_names():
    errors = [{"CreditID": IDS[1], "reason": "No match", "message": "unknown"}, "noise", {"reason": "Invalid data"}]
    first, second = read_save({"message": "one failed", "errors": errors}, 400)
    assert first.verdict is Verdict.UNREADABLE
    assert (second.verdict, second.code, second.words) == (Verdict.REFUSED, "pars.no_match", "unknown")


def test_a_400_without_a_list_refuses_the_whole():
    outcomes = read_save({"message": "Invalid input."}, 400)
    assert {(one.verdict, one.code, one.words) for one in outcomes} == {
        (Verdict.REFUSED, "pars.unspecified", "Invalid input.")
    }
    existing = read_save({"reason": "Report already exists"}, 400)
    assert {one.verdict for one in existing} == {Verdict.EXISTS}
    assert {one.verdict for one in read_save(None, 409)} == {Verdict.EXISTS}


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"ACCMELearnerReports": ', b"[]", b'"Saved"', b"[" * 5000])
@pytest.mark.parametrize("status", [201, 400])
def test_what_cannot_be_read_is_in_doubt(body, status):
    with pytest.raises(InDoubt) as caught:
        report_json.read_save(reply(body, status), IDS, "add", WIRE)
    assert caught.value.code == "pars.unreadable"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[{", b"{}"])
def test_a_read_that_cannot_be_read_is_made_again(body):
    with pytest.raises(RetryLater):
        report_json.read_status(reply(body), WIRE)


def test_a_status_read_shows_what_pars_holds():
    body = [
        {
            "moduleID": "203500000",
            "BirthDate": "09-10",
            "CompletedDateTime": "2026-03-01T00:00:00",
            "UniqueID": [{"value": "1", "domain": "NPI"}],
            "CreditID": IDS[0],
            "Status": "Completed",
        },
        {"CreditID": IDS[1], "Status": "Rejected", "Reason": "Multiple matches", "Message": "two of them"},
        {"CreditID": 7, "Status": None},
        "noise",
    ]
    first, second, third, fourth = report_json.read_status(reply(json.dumps(body)), WIRE)
    assert (first.outcome.verdict, first.outcome.code) == (Verdict.TAKEN, "")
    assert (first.activity_id, first.completed_on, first.amount) == ("203500000", "2026-03-01", None)
    assert (second.outcome.verdict, second.outcome.code) == (Verdict.REJECTED, "pars.several_matches")
    assert {third.outcome.code, fourth.outcome.code} == {"pars.unknown_status"}


def test_control_characters_are_dropped_and_words_are_bounded():
    line = {"CreditID": f"{IDS[0]}\x00", "Status": "Rej\x00ected" + "x" * 999, "Reason": "no\x1b[2J\u202e" * 999}
    [held] = report_json.read_status(reply(json.dumps([line | {"Message": "\x00a\tb" + "c" * 9999}])), WIRE)
    said = held.outcome
    assert said.credit_id == IDS[0]
    assert said.status == ("Rejected" + "x" * 999)[:200]
    assert (said.reason[:7], len(said.reason)) == ("no[2Jno", 200)
    assert (said.words[:4], len(said.words)) == ("a bc", 2000)


def test_not_there_and_no():
    assert report_json.read_status(reply("[]"), WIRE) == []
    assert report_json.read_status(reply("", 404), WIRE) == []
    with pytest.raises(Unclear):
        report_json.read_status(reply('{"message": "bad id"}', 400), WIRE)
    with pytest.raises(NeedsOperator):
        report_json.read_status(reply("", 401), WIRE)


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["ACCMELearnerReports", "ActivityReports", "ActivityReport", "errors", "CreditID", "Status"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    ),
    st.sampled_from([200, 201, 400, 500]),
)
@example({"errors": {"CreditID": IDS[0]}}, 400)
@settings(max_examples=100, deadline=None)
def test_readers_raise_nothing_but_our_own_and_never_guess(body, status):
    for read in (
        lambda answer: report_json.read_save(answer, IDS, "add", WIRE),
        lambda answer: report_json.read_status(answer, WIRE),
    ):
        try:
            found = read(reply(json.dumps(body), status))
        except ConnectorError as error:
            assert error.code.startswith("pars.")  # noqa: PT017 - most bodies raise nothing
        else:
            assert all(one.verdict is not Verdict.TAKEN for one in found if isinstance(one, Outcome))

"""The JSON dialect of ACCME's draft: learner documents, questions and replies. Pure; knows no network or secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from connector.pars import forms, replies
from connector.pars.exchange import CannotSend, LearnerQuery, Question
from connector.pars.replies import Action, Line
from connector.pars.sendable import gate
from connector.pars.vocabulary import CREDIT_UNIT, MODULE_STATUS
from connector.pars.wire.services import JsonWire, SaveAnswers, StatusAnswers, submitted_certification
from connector.records import (
    Held,
    Identifier,
    Learner,
    LearnerRecord,
    Outcome,
    Payload,
    Problem,
    RecordCredit,
    Reply,
    Verdict,
)


def render(records: Sequence[LearnerRecord], wire: JsonWire, created: datetime) -> Payload:
    """One `ACCMELearnerReports` document. Raises CannotSend for what is to be held, ValueError for a mixed document."""
    gate(records)
    if records[0].participant:
        message = "REMS by JSON waits for ACCME's supplement"
        raise CannotSend([Problem(code="pars.not_supported", field="rems", message=message, hint="use xml-service")])
    reports = {
        "DateTimeCreated": forms.created_at(created),
        "ActivityReport": [_activity_report(record, wire) for record in records],
    }
    body = orjson.dumps({"ACCMELearnerReports": {"ActivityReports": reports}})
    return Payload(body=body, content_type=wire.content_type)


def _activity_report(record: LearnerRecord, wire: JsonWire) -> dict[str, Any]:
    return {
        "ReportingOrganization": record.provider_name,
        "Member": _member(record.learner or Learner(), wire),
        "Activity": {
            "ProviderOrganization": record.provider_id,
            "Module": {
                "ModuleName": {"value": record.activity_title, "moduleID": record.activity_id},
                "Status": MODULE_STATUS,
                "CompletedDateTime": forms.completed(record.completed_on),
                "CreditCertificate": [_certificate(credit, wire) for credit in record.credits],
            },
        },
        "XtensibleInfo": {"LearnerRecordAction": record.action},
    }


def _member(learner: Learner, wire: JsonWire) -> dict[str, Any]:
    return {
        "Name": {"GivenName": forms.plain(learner.given_name), "FamilyName": forms.plain(learner.family_name)},
        "PersonalInfo": {"BirthDate": forms.birth_date(learner.birth_day, wire.filler_year)},
    }


def _certificate(credit: RecordCredit, wire: JsonWire) -> dict[str, Any]:
    who = {"UniqueID": _identifier(credit.identifier)} if credit.identifier else {}
    return who | {
        "CreditReceived": {
            "activityCertification": submitted_certification(credit, wire.certifications),
            "creditUnit": CREDIT_UNIT,
            # a Fragment is written as it stands: 1.1 through a float could become 1.1000000000000001
            "numberOfCredits": orjson.Fragment(forms.number(credit.amount)),
        },
        "CreditID": credit.credit_id,
    }


def _identifier(identifier: Identifier) -> dict[str, str]:
    return {"value": forms.plain(identifier.value), "domain": identifier.domain}


def ask_credit(credit_id: str, wire: JsonWire) -> Question:
    """The draft's status read, approach B."""
    return Question(call=wire.calls.status, params={"CreditId": credit_id})


def ask_learner(query: LearnerQuery, wire: JsonWire) -> Question:
    """The draft's status read, approach A; it knows no domain."""
    params = {
        "moduleID": query.activity_id,
        "BirthDate": forms.asked_birth(query.birth_day, wire.asked_birth, wire.filler_year),
        "CompletionDate": query.completed_on.isoformat(),
        "UniqueID": forms.plain(query.identifier.value),
    }
    return Question(call=wire.calls.status, params=params)


def read_save(reply: Reply, sent_ids: Sequence[str], action: Action, wire: JsonWire) -> list[Outcome]:
    """Exactly one outcome per sent id, in that order. Raises RetryLater, NeedsOperator or InDoubt for the whole."""
    meaning = replies.judge(reply, wire.answers.save)
    if meaning == "exists":
        return [replies.already_exists(credit_id) for credit_id in sent_ids]
    document = _document(reply, wire.answers.save)
    if not isinstance(document, dict):
        replies.unreadable(reply, wire.answers.save, "not an object")
    if meaning == "no":
        return _refused(document, sent_ids, wire)
    verdict = Verdict.TAKEN if action == "add" else Verdict.DELETED
    return replies.one_each(
        sent_ids,
        (Outcome(credit_id=credit_id, verdict=verdict) for credit_id in _echoed(document, action)),
    )


def _refused(document: dict[str, Any], sent_ids: Sequence[str], wire: JsonWire) -> list[Outcome]:
    """A 400: its list of errors speaks for the credits that it names, its message for all where it names none."""
    names = wire.replies
    keys = (names.error_reason, names.error_message)
    named = [
        Line(credit_id, "", *(_text(error, key) for key in keys))
        for error in _list(document, names.errors)
        if (credit_id := _text(error, names.error_credit_id))
    ]
    if named:
        return replies.one_each(sent_ids, (replies.refusal(line, wire.reasons) for line in named))
    reason, words = _text(document, names.error_reason), _text(document, names.error_message)
    return [replies.refusal(Line(credit_id, "", reason, words), wire.reasons) for credit_id in sent_ids]


def _echoed(document: dict[str, Any], action: Action) -> Iterator[str]:
    """The credit ids in the echo of our document, of reports with our action."""
    for report in _list(document, "ACCMELearnerReports", "ActivityReports", "ActivityReport"):
        if _text(report, "XtensibleInfo", "LearnerRecordAction") == action:
            yield from (
                _text(credit, "CreditID") for credit in _list(report, "Activity", "Module", "CreditCertificate")
            )


def read_status(reply: Reply, wire: JsonWire) -> list[Held]:
    """What PARS shows; none is *not there*. Raises RetryLater, NeedsOperator or Unclear."""
    meaning = replies.judge(reply, wire.answers.status)
    if meaning == "not_there":
        return []
    document = _document(reply, wire.answers.status)
    if meaning == "no":
        replies.declined(reply, _text(document, wire.replies.error_reason), wire.reasons)
    if not isinstance(document, list):
        replies.unreadable(reply, wire.answers.status, "not a list")
    return [_held(item, wire) for item in document]


def _held(item: Any, wire: JsonWire) -> Held:
    names = wire.replies
    line = Line(_text(item, "CreditID"), _text(item, "Status"), _text(item, names.reason), _text(item, names.message))
    return Held(
        outcome=replies.status_of(line, wire.words, wire.reasons),
        activity_id=_text(item, "moduleID"),
        completed_on=_text(item, "CompletedDateTime")[:10],
    )


def _document(reply: Reply, answers: SaveAnswers | StatusAnswers) -> Any:
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        replies.unreadable(reply, answers, "not JSON")


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _list(value: Any, *path: str) -> list[Any]:
    """The list at `path`; a single object counts as a list of one, as XML-minded services write it."""
    found = _at(value, *path)
    return found if isinstance(found, list) else [found] if isinstance(found, dict) else []


def _text(value: Any, *path: str) -> str:
    found = _at(value, *path)
    return replies.legible(found) if isinstance(found, str) else ""

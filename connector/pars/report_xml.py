"""The XML dialect: learner documents, questions and replies as wire.md lays them out. Pure; knows no network or secret.

The confirmed element names stand here in their order; every other name comes from the wire table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from connector.pars import forms, replies, xmldoc
from connector.pars.exchange import LearnerQuery, MatchAnswer, Question
from connector.pars.replies import Action, Line
from connector.pars.sendable import gate
from connector.pars.vocabulary import CREDIT_UNIT, MODULE_STATUS
from connector.pars.wire.services import MatchAnswers, SaveAnswers, StatusAnswers, XmlWire, submitted_certification
from connector.pars.xmldoc import Element, element
from connector.records import (
    Held,
    Identifier,
    Learner,
    LearnerRecord,
    Outcome,
    Payload,
    RecordCredit,
    RemsParticipant,
    Reply,
)


def render(records: Sequence[LearnerRecord], wire: XmlWire, created: datetime) -> Payload:
    """One `ACCMELearnerReports` document. Raises CannotSend for what is to be held, ValueError for a mixed document."""
    gate(records)
    space = wire.rems.activity_report if records[0].participant else wire.report.activity_report
    names = wire.report
    root = element(
        names.root_namespace,
        names.root,
        element(
            space,
            "ActivityReports",
            element(space, "DateTimeCreated", text=_created(records[0], created)),
            *(_activity_report(record, wire, space) for record in forms.without_trace(records)),
            prefixes={"": space, "m": names.member, "n": names.name, "hx": names.lom},
        ),
    )
    return Payload(body=xmldoc.to_bytes(root), content_type=wire.content_type)


def _created(record: LearnerRecord, moment: datetime) -> str:
    return forms.created_on(moment) if record.participant else forms.created_at(moment)


def _activity_report(record: LearnerRecord, wire: XmlWire, space: str) -> Element:
    who = (
        _participants(record.participant, space)
        if record.participant
        else _member(record.learner or Learner(), wire, space)
    )
    extension = wire.report.extension
    return element(
        space,
        "ActivityReport",
        element(space, "ReportingOrganization", text=record.provider_name),
        who,
        _activity(record, wire, space),
        element(extension, "XtensibleInfo", element(extension, "LearnerRecordAction", text=record.action)),
    )


def _member(learner: Learner, wire: XmlWire, space: str) -> Element:
    names = wire.report
    return element(
        space,
        "Member",
        element(
            names.member,
            "Name",
            element(names.name, "GivenName", text=forms.plain(learner.given_name)),
            element(names.name, "FamilyName", text=forms.plain(learner.family_name)),
        ),
        element(
            names.member,
            "PersonalInfo",
            element(names.member, "BirthDate", text=forms.birth_date(learner.birth_day, wire.filler_year)),
        ),
    )


def _participants(participant: RemsParticipant, space: str) -> Element:
    answers = participant.answers
    surgical = {True: "true", False: "false", None: ""}[answers.surgical_procedures]
    return element(
        space,
        "Participants",
        element(
            space,
            "Participant",
            element(space, "LocalIdentifier", text=participant.local_id, domain=participant.domain),
            _if_given(space, "StateOfPrimaryPractice", answers.state),
            _if_given(space, "DEARegistration", answers.dea_registration),
            element(space, "Profession", text=answers.profession),
            _if_given(space, "PracticeArea", answers.practice_area),
            _if_given(space, "SurgicalProcedures", surgical),
            _if_given(space, "TimeInPractice", answers.time_in_practice),
        ),
    )


def _if_given(space: str, name: str, text: str) -> Element | None:
    return element(space, name, text=text) if text else None


def _activity(record: LearnerRecord, wire: XmlWire, space: str) -> Element:
    return element(
        space,
        "Activity",
        element(space, "ProviderOrganization", text=record.provider_id),
        _regulatory(record.participant, wire, space) if record.participant else None,
        element(
            space,
            "Module",
            element(space, "ModuleName", text=record.activity_title, moduleID=record.activity_id),
            element(space, "Status", text=MODULE_STATUS),
            element(space, "CompletedDateTime", text=forms.completed(record.completed_on)),
            *(_certificate(credit, record.participant, wire, space) for credit in record.credits),
        ),
    )


def _regulatory(participant: RemsParticipant, wire: XmlWire, space: str) -> Element:
    regulation = forms.regulation(participant.answers, wire.rems)
    return element(
        space,
        "RegulatoryInformation",
        element(space, "CompliantToRegulation", text=regulation.url, label=regulation.label),
    )


def _certificate(credit: RecordCredit, participant: RemsParticipant | None, wire: XmlWire, space: str) -> Element:
    lom = wire.report.lom
    certification = (
        forms.regulation(participant.answers, wire.rems).certification
        if participant
        else submitted_certification(credit, wire.certifications)
    )
    return element(
        space,
        "CreditCertificate",
        _identifier(credit.identifier, space, "UniqueID") if credit.identifier else None,
        element(
            space,
            "CreditReceived",
            element(lom, "activityCertification", text=certification),
            element(lom, "creditUnit", text=CREDIT_UNIT),
            element(lom, "numberOfCredits", text=forms.number(credit.amount)),
        ),
        element(space, "CreditID", text=credit.credit_id),
    )


def _identifier(identifier: Identifier, space: str, name: str) -> Element:
    return element(space, name, text=forms.plain(identifier.value), domain=identifier.domain)


def ask_credit(credit_id: str, wire: XmlWire) -> Question:
    """GetLearnerStatusByCreditId."""
    names = wire.questions
    root = element("", names.status, element("", names.credit_id, text=credit_id))
    return _question(wire.calls.status_by_credit, root, wire)


def ask_learner(query: LearnerQuery, wire: XmlWire) -> Question:
    """GetLearnerStatusByLearner."""
    names = wire.questions
    birth = forms.asked_birth(query.birth_day, wire.asked_birth, wire.filler_year)
    root = element(
        "",
        names.status,
        element("", names.activity, text=query.activity_id),
        element("", names.birth, text=birth),
        element("", names.completed, text=query.completed_on.isoformat()),
        _identifier(query.identifier, "", names.identifier),
    )
    return _question(wire.calls.status_by_learner, root, wire)


def ask_match(learner: Learner, identifier: Identifier, wire: XmlWire) -> Question:
    """GetLearnerMatch."""
    names = wire.questions
    birth = forms.asked_birth(learner.birth_day, wire.asked_birth, wire.filler_year)
    root = element(
        "",
        names.match,
        element("", names.given_name, text=forms.plain(learner.given_name)),
        element("", names.family_name, text=forms.plain(learner.family_name)),
        element("", names.birth, text=birth),
        _identifier(identifier, "", names.identifier),
    )
    return _question(wire.calls.match, root, wire)


def _question(call: str, root: Element, wire: XmlWire) -> Question:
    return Question(call=call, payload=Payload(body=xmldoc.to_bytes(root), content_type=wire.content_type))


def with_credentials(payload: Payload, named: Sequence[tuple[str, str]]) -> Payload:
    """The document as it travels where the table puts credentials into the body: first in the root."""
    root = cast("Element", xmldoc.parse(payload.body))  # our own bytes
    space = xmldoc.namespace(root)
    for place, (name, value) in enumerate(named):
        root.insert(place, element(space, name, text=value))
    return payload.model_copy(update={"body": xmldoc.to_bytes(root)})


def read_save(reply: Reply, sent_ids: Sequence[str], action: Action, wire: XmlWire) -> list[Outcome]:
    """Exactly one outcome per sent id, in that order. Raises RetryLater, NeedsOperator or InDoubt for the whole."""
    meaning = replies.judge(reply, wire.answers.save)
    if meaning == "exists":
        return [replies.already_exists(credit_id) for credit_id in sent_ids]
    names = wire.replies
    if meaning == "no":
        fault = _document(reply, names.fault, wire.answers.save)
        reason, words = xmldoc.text_of(fault, names.reason), xmldoc.text_of(fault, names.message)
        return [replies.refusal(Line(credit_id, "", reason, words), wire.reasons) for credit_id in sent_ids]
    items = xmldoc.children(_document(reply, names.save, wire.answers.save), names.save_item)
    return replies.one_each(
        sent_ids,
        (replies.saved(_line(item, wire), action, wire.words, wire.reasons) for item in items),
    )


def read_status(reply: Reply, wire: XmlWire) -> list[Held]:
    """What PARS shows; none is *not there*. Raises RetryLater, NeedsOperator or Unclear."""
    meaning = replies.judge(reply, wire.answers.status)
    if meaning == "not_there":
        return []
    if meaning == "no":
        replies.declined(reply, _reason_of_fault(reply, wire, wire.answers.status), wire.reasons)
    root = _document(reply, wire.replies.status_list, wire.answers.status)
    return [_held(item, wire) for item in xmldoc.children(root, wire.replies.status_item)]


def _held(item: Element, wire: XmlWire) -> Held:
    names = wire.replies
    return Held(
        outcome=replies.status_of(_line(item, wire), wire.words, wire.reasons),
        activity_id=xmldoc.text_of(item, names.activity),
        certification=xmldoc.text_of(item, names.certification),
        completed_on=xmldoc.text_of(item, names.completed)[:10],
        amount=forms.read_number(xmldoc.text_of(item, names.amount)),
    )


def read_match(reply: Reply, wire: XmlWire) -> MatchAnswer:
    """Whether PARS would know the learner. Raises RetryLater, NeedsOperator or Unclear."""
    if replies.judge(reply, wire.answers.match) == "no":
        replies.declined(reply, _reason_of_fault(reply, wire, wire.answers.match), wire.reasons)
    names = wire.replies
    root = _document(reply, names.match, wire.answers.match)
    return replies.matched(xmldoc.text_of(root, names.found), xmldoc.text_of(root, names.message), wire.match_words)


def _reason_of_fault(reply: Reply, wire: XmlWire, answers: StatusAnswers | MatchAnswers) -> str:
    return xmldoc.text_of(_document(reply, wire.replies.fault, answers), wire.replies.reason)


def _document(reply: Reply, root_name: str, answers: SaveAnswers | StatusAnswers | MatchAnswers) -> Element:
    root = xmldoc.parse(reply.body)
    if root is None:
        replies.unreadable(reply, answers, "not an XML document")
    if xmldoc.local_name(root) != root_name:
        replies.unreadable(reply, answers, f"not a {root_name}")
    return root


def _line(item: Element, wire: XmlWire) -> Line:
    names = wire.replies
    return Line(*(xmldoc.text_of(item, name) for name in (names.credit_id, names.status, names.reason, names.message)))

"""The JSON dialect after ACCME's draft: bytes to the neutral record, outcomes to bytes. Judges shapes, no value.

A hand-written judge in place of a JSON Schema, so that it can say where a document is wrong in PARS's words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn

from connector.sandbox.pars.holdings import Credit
from connector.sandbox.pars.record import (
    Document,
    Identifier,
    Line,
    Malformed,
    Outcome,
    Person,
    Refusal,
    Report,
    StatusQuestion,
)

CONTENT_TYPE = "application/json"
_BIRTH = re.compile(r"(\d{4}-)?\d{2}-\d{2}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_CREATED = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})?")


def parse(body: bytes) -> dict[str, Any]:
    """An object without doubled names, NaN or broken text; numbers stay exact."""
    try:
        found = json.loads(
            body.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise Malformed("Invalid data", f"the document is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Malformed("Invalid data", "the document is an object")
    return found


def read_document(found: Mapping[str, Any]) -> Document:
    _only(found, {"ACCMELearnerReports"}, "the document")
    root = _object_at(found, "ACCMELearnerReports", "the document", {"ActivityReports"})
    reports = _object_at(root, "ActivityReports", "ACCMELearnerReports", {"DateTimeCreated", "ActivityReport"})
    if not _CREATED.fullmatch(_text(reports, "DateTimeCreated", "ActivityReports")):
        raise Malformed("Invalid data", "DateTimeCreated is yyyy-mm-ddThh:mm:ss")
    return Document(tuple(_report(one) for one in _list(reports, "ActivityReport", "ActivityReports")))


def read_status(query: Mapping[str, str]) -> StatusQuestion:
    """`CreditId` alone, or the four that name a learner's completion."""
    if set(query) == {"CreditId"}:
        return StatusQuestion(credit_id=query["CreditId"])
    if (
        not {"moduleID", "BirthDate", "CompletionDate"}
        <= set(query)
        <= {"moduleID", "BirthDate", "CompletionDate", "UniqueID"}
    ):
        raise Malformed("Invalid data", "ask by CreditId, or by moduleID, BirthDate, CompletionDate and UniqueID")
    if not _BIRTH.fullmatch(query["BirthDate"]) or not _DATE.fullmatch(query["CompletionDate"]):
        raise Malformed("Invalid data", "BirthDate is YYYY-MM-DD or MM-DD, CompletionDate YYYY-MM-DD")
    return StatusQuestion(
        activity=query["moduleID"],
        birth=query["BirthDate"][-5:],
        completed=query["CompletionDate"],
        identifier=query.get("UniqueID"),
    )


def render_echo(found: Mapping[str, Any], *, without_credits: bool) -> bytes:
    """The document as it came; `without_credits` echoes no certificate, so that nothing is confirmed."""
    if without_credits:
        for report in found["ACCMELearnerReports"]["ActivityReports"]["ActivityReport"]:
            report["Activity"]["Module"]["CreditCertificate"] = []
    return to_bytes(found)


def render_refused(outcomes: Sequence[Outcome]) -> bytes:
    refused = [(one.credit_id, one.refusal) for one in outcomes if one.refusal]
    errors = [{"CreditID": credit_id, "reason": no.reason, "message": no.message} for credit_id, no in refused]
    return to_bytes({"message": "nothing of this document was stored", "errors": errors})


def render_fault(refusal: Refusal) -> bytes:
    return to_bytes({"message": f"{refusal.reason}: {refusal.message}", "errors": []})


def render_status(credits: Iterable[Credit], *, draft_words: bool) -> bytes:  # noqa: A002 - the trade's word
    """CME is `Completed`, the draft's only word; a board's credit has its own unless `draft_words`."""
    return to_bytes([_status(credit, draft_words=draft_words) for credit in credits])


def _status(credit: Credit, *, draft_words: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "moduleID": credit.activity,
        "BirthDate": credit.birth,
        "CompletedDateTime": f"{credit.completed}T00:00:00",
        "UniqueID": [{"value": one.value, "domain": one.domain} for one in credit.identifiers],
        "CreditID": credit.credit_id,
        "Status": credit.state if credit.board and not draft_words else "Completed",
    }
    if credit.refusal and not draft_words:
        shown |= {"Reason": credit.refusal.reason, "Message": credit.refusal.message}
    return shown


def _report(one: Any) -> Report:
    where = "ActivityReport"
    _only(one, {"ReportingOrganization", "Member", "Participants", "Activity", "XtensibleInfo"}, where)
    if "Participants" in one:
        raise Malformed("Operation not supported", "REMS reports are not taken as JSON")
    _text(one, "ReportingOrganization", where)
    activity = _object_at(one, "Activity", where, {"ProviderOrganization", "Module"})
    module_keys = {"ModuleName", "Status", "CompletedDateTime", "CreditCertificate"}
    module = _object_at(activity, "Module", "Activity", module_keys)
    name = _object_at(module, "ModuleName", "Module", {"value", "moduleID"})
    _text(name, "value", "ModuleName")
    info = _object_at(one, "XtensibleInfo", where, {"ProviderID", "LearnerRecordAction"})
    return Report(
        provider=_text(activity, "ProviderOrganization", "Activity"),
        activity=_text(name, "moduleID", "ModuleName"),
        status=_text(module, "Status", "Module"),
        completed=_text(module, "CompletedDateTime", "Module"),
        action=_text(info, "LearnerRecordAction", "XtensibleInfo"),
        lines=tuple(_line(certificate) for certificate in _list(module, "CreditCertificate", "Module")),
        person=_person(_object_at(one, "Member", where, {"Name", "PersonalInfo"})),
        provider_login=_text(info, "ProviderID", "XtensibleInfo") if "ProviderID" in info else None,
    )


def _person(member: Mapping[str, Any]) -> Person:
    name = _object_at(member, "Name", "Member", {"GivenName", "FamilyName"})
    birth = None
    if "PersonalInfo" in member:
        birth = _text(_object_at(member, "PersonalInfo", "Member", {"BirthDate"}), "BirthDate", "PersonalInfo")
    return Person(_text(name, "GivenName", "Name"), _text(name, "FamilyName", "Name"), birth)


def _line(certificate: Any) -> Line:
    _only(certificate, {"UniqueID", "CreditReceived", "CreditID"}, "CreditCertificate")
    received_keys = {"activityCertification", "creditUnit", "numberOfCredits"}
    received = _object_at(certificate, "CreditReceived", "CreditCertificate", received_keys)
    amount = received.get("numberOfCredits")
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise Malformed("Invalid data", "numberOfCredits is a number")
    return Line(
        credit_id=_text(certificate, "CreditID", "CreditCertificate"),
        identifiers=_identifiers(certificate.get("UniqueID", [])),
        certification=_text(received, "activityCertification", "CreditReceived"),
        unit=_text(received, "creditUnit", "CreditReceived"),
        amount=str(amount),
    )


def _identifiers(given: Any) -> tuple[Identifier, ...]:
    """One object or a list of them: the draft contradicts itself."""
    several = given if isinstance(given, list) else [given]
    for one in several:
        _only(one, {"value", "domain"}, "UniqueID")
    return tuple(Identifier(_text(one, "domain", "UniqueID"), _text(one, "value", "UniqueID")) for one in several)


def _only(found: Any, names: set[str], where: str) -> None:
    if not isinstance(found, dict):
        raise Malformed("Invalid data", f"{where} is an object")
    if unknown := sorted(set(found) - names):
        raise Malformed("Invalid data", f"{where} has no {unknown[0]}")


def _object_at(found: Mapping[str, Any], name: str, where: str, names: set[str]) -> dict[str, Any]:
    """The object under `name`, in which only `names` may stand."""
    if name not in found:
        raise Malformed("Missing data", f"{where} lacks {name}")
    _only(found[name], names, name)
    inner: dict[str, Any] = found[name]
    return inner


def _list(found: Mapping[str, Any], name: str, where: str) -> list[Any]:
    inner = found.get(name)
    if not isinstance(inner, list) or not inner:
        raise Malformed("Missing data", f"{where} has {name}, a list of at least one")
    return inner


def _text(found: Mapping[str, Any], name: str, where: str) -> str:
    text = found.get(name)
    if text is None:
        raise Malformed("Missing data", f"{where} lacks {name}")
    if not isinstance(text, str) or not text.strip():
        raise Malformed("Invalid data", f"{name} is text")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise Malformed("Invalid data", "a name stands twice in one object")
    return dict(pairs)


def _no_constant(text: str) -> NoReturn:
    raise Malformed("Invalid data", f"{text} is not JSON")


def to_bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=float).encode()

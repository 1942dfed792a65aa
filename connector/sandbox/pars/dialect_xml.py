"""The XML dialect: bytes to the neutral record, outcomes to bytes. Knows the schema, and judges no value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lxml import etree

from connector.sandbox.pars.holdings import Credit
from connector.sandbox.pars.record import (
    Document,
    Identifier,
    Line,
    Malformed,
    Outcome,
    Participant,
    Person,
    Refusal,
    Report,
    StatusQuestion,
)

CONTENT_TYPE = "application/xml; charset=utf-8"
_A = "{http://ns.medbiq.org/activityreport/v1/}"
_M = "{http://ns.medbiq.org/member/v1/}"
_N = "{http://ns.medbiq.org/name/v1/}"
_HX = "{http://ns.medbiq.org/lom/extend/v1/}"
_SCHEMA = etree.XMLSchema(etree.parse(str(Path(__file__).parent / "schema" / "learner_reports.xsd")))
_LOGIN = ("ProviderId", "User", "Password")


def parse(body: bytes) -> etree._Element:
    """The root of a well-formed UTF-8 document without DTD; nothing is fetched and no entity is expanded."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed("Invalid data", f"the document is not well-formed: {error}") from None
    about: Any = root.getroottree().docinfo  # the stubs do not know its attributes
    if about.doctype:
        raise Malformed("Invalid data", "a document type declaration is not taken")
    if (about.encoding or "UTF-8").upper() not in ("UTF-8", "ASCII"):
        raise Malformed("Invalid data", "the document's encoding is UTF-8")
    return root


def take_login(root: etree._Element) -> dict[str, str]:
    """Remove and return the credentials where they travel in the body: the root's first three elements."""
    found = {}
    for name, element in zip(_LOGIN, list(root)[:3], strict=False):
        if element.tag == name:
            found[name] = element.text or ""
            root.remove(element)
    return found


def read_document(root: etree._Element) -> Document:
    _check(root, "ACCMELearnerReports")
    return Document(tuple(_report(element) for element in root.iter(f"{_A}ActivityReport")))


def read_match(root: etree._Element) -> tuple[Person, tuple[Identifier, ...]]:
    """A match request; the birth day may come without a year."""
    _check(root, "LearnerMatchRequest")
    birth = _said(root, "BirthDate")
    person = Person(_said(root, "GivenName"), _said(root, "FamilyName"), birth if len(birth) == 10 else f"2000-{birth}")
    return person, _identifiers(root.find("UniqueID"))


def read_status(root: etree._Element) -> StatusQuestion:
    _check(root, "LearnerStatusRequest")
    if root.find("CreditID") is not None:
        return StatusQuestion(credit_id=_said(root, "CreditID"))
    ids = _identifiers(root.find("UniqueID"))
    return StatusQuestion(
        activity=_said(root, "moduleID"),
        birth=_said(root, "BirthDate")[-5:],
        completed=_said(root, "CompletionDate")[:10],
        domain=ids[0].domain if ids else None,
        identifier=ids[0].value if ids else None,
    )


def render_saved(outcomes: Sequence[Outcome]) -> bytes:
    root = etree.Element("SaveLearnerActivityResponse")
    refused = sum(1 for one in outcomes if one.refusal)
    _add(root, "Result", "Success" if not refused else "Failure" if refused == len(outcomes) else "Partial success")
    for one in outcomes:
        answer = etree.SubElement(root, "LearnerActivity")
        _add(answer, "CreditID", one.credit_id)
        _add(answer, "Status", one.status)
        _add_refusal(answer, one.refusal)
    return _bytes(root)


def render_status(credits: Iterable[Credit]) -> bytes:  # noqa: A002 - the trade's word
    root = etree.Element("LearnerStatusResponse")
    for credit in credits:
        one = etree.SubElement(root, "LearnerStatus")
        _add(one, "moduleID", credit.activity)
        _add(one, "BirthDate", credit.birth)
        _add(one, "CompletedDateTime", f"{credit.completed}T00:00:00")
        for given in credit.identifiers:
            _add(one, "UniqueID", given.value).set("domain", given.domain)
        _add(one, "activityCertification", credit.certification)
        _add(one, "numberOfCredits", str(credit.amount))
        _add(one, "CreditID", credit.credit_id)
        _add(one, "Status", credit.state)
        _add_refusal(one, credit.refusal)
    return _bytes(root)


def render_match(answer: str) -> bytes:
    root = etree.Element("LearnerMatchResponse")
    _add(root, "Match", answer)
    _add(
        root,
        "Message",
        {"Yes": "one learner matches", "No": "no learner matches"}.get(answer, "several learners match"),
    )
    return _bytes(root)


def render_fault(refusal: Refusal) -> bytes:
    root = etree.Element("Fault")
    _add_refusal(root, refusal)
    return _bytes(root)


def _check(root: etree._Element, wanted: str) -> None:
    if root.tag != wanted:
        raise Malformed("Operation not supported", f"the document of this operation is {wanted}, not {root.tag}")
    if not _SCHEMA.validate(root):
        log: Any = _SCHEMA.error_log  # the stubs do not know that it is a list
        first = log[0]
        reason = "Missing data" if "Missing child" in first.message else "Invalid data"
        raise Malformed(reason, f"line {first.line}: {first.message}")


def _report(element: etree._Element) -> Report:
    module = _find(element, f"{_A}Activity/{_A}Module")
    regulation = element.find(f"{_A}Activity/{_A}RegulatoryInformation/{_A}CompliantToRegulation")
    info = _find(element, f"{_A}XtensibleInfo")
    return Report(
        provider=_said(element, f"{_A}Activity/{_A}ProviderOrganization"),
        activity=_find(module, f"{_A}ModuleName").get("moduleID", ""),
        status=_said(module, f"{_A}Status"),
        completed=_said(module, f"{_A}CompletedDateTime"),
        action=_said(info, f"{_A}LearnerRecordAction"),
        lines=tuple(_line(one) for one in module.findall(f"{_A}CreditCertificate")),
        person=_person(element.find(f"{_A}Member")),
        participant=_participant(element.find(f"{_A}Participants/{_A}Participant")),
        regulation=regulation.get("label") if regulation is not None else None,
        provider_login=info.findtext(f"{_A}ProviderID"),
    )


def _person(member: etree._Element | None) -> Person | None:
    if member is None:
        return None
    name = _find(member, f"{_M}Name")
    birth = member.findtext(f"{_M}PersonalInfo/{_M}BirthDate")
    return Person(_said(name, f"{_N}GivenName"), _said(name, f"{_N}FamilyName"), birth)


def _participant(one: etree._Element | None) -> Participant | None:
    if one is None:
        return None
    return Participant(
        local=_identifiers(one.find(f"{_A}LocalIdentifier"))[0],
        profession=_said(one, f"{_A}Profession"),
        state=one.findtext(f"{_A}StateOfPrimaryPractice"),
        dea=one.findtext(f"{_A}DEARegistration"),
        practice_area=one.findtext(f"{_A}PracticeArea"),
        time_in_practice=one.findtext(f"{_A}TimeInPractice"),
    )


def _line(certificate: etree._Element) -> Line:
    received = _find(certificate, f"{_A}CreditReceived")
    return Line(
        credit_id=_said(certificate, f"{_A}CreditID"),
        identifiers=_identifiers(certificate.find(f"{_A}UniqueID")),
        certification=_said(received, f"{_HX}activityCertification"),
        unit=_said(received, f"{_HX}creditUnit"),
        amount=_said(received, f"{_HX}numberOfCredits"),
    )


def _identifiers(element: etree._Element | None) -> tuple[Identifier, ...]:
    return () if element is None else (Identifier(element.get("domain", ""), element.text or ""),)


def _find(element: etree._Element, path: str) -> etree._Element:
    found = element.find(path)
    if found is None:
        raise Malformed(
            "Missing data", f"{path} is missing"
        )  # the schema has seen to it; said again for the type checker
    return found


def _said(element: etree._Element, path: str) -> str:
    return element.findtext(path) or ""


def _add(parent: etree._Element, name: str, text: str) -> etree._Element:
    element = etree.SubElement(parent, name)
    element.text = text
    return element


def _add_refusal(parent: etree._Element, refusal: Refusal | None) -> None:
    if refusal:
        _add(parent, "Reason", refusal.reason)
        _add(parent, "Message", refusal.message)


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")

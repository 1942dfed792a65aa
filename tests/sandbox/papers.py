"""Documents and calls for the rehearsal PARS, by hand from docs/reference/wire.md and never by connector code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import httpx

from connector.sandbox.server import Sandbox
from connector.sandbox.world.people import npi

XML = "application/xml; charset=utf-8"
CME = "AMA PRA Category 1"
TODAY = "2026-03-10"
NAMESPACES = (
    'xmlns="http://ns.medbiq.org/activityreport/v1/" xmlns:m="http://ns.medbiq.org/member/v1/" '
    'xmlns:n="http://ns.medbiq.org/name/v1/" xmlns:hx="http://ns.medbiq.org/lom/extend/v1/"'
)


@dataclass(frozen=True)
class Credit:
    """One credit as a client would send it; no `domain`, no UniqueID."""

    credit_id: str = "ccid:cme.example.org:ana-stewardship"
    domain: str = "NPI"
    identifier: str = npi(101)
    certification: str = CME
    amount: str = "1.50"
    unit: str = "Point"


@dataclass(frozen=True)
class Paper:
    """One report. As it stands it is right: Ana's CME for Antibiotic Stewardship."""

    credits: tuple[Credit, ...] = (Credit(),)
    given: str = "Ana"
    family: str = "O'Neill-García"
    birth: str = "1904-02-29"
    provider: str = "0001234"
    activity: str = "203512347"
    completed: str = "2026-03-05T00:00:00"
    status: str = "Completed"
    action: str = "add"
    login: str = "0001234"
    namespaces: str = NAMESPACES

    def xml(self) -> bytes:
        return document(self.report(), self.namespaces)

    def report(self) -> str:
        return f"""<ActivityReport><ReportingOrganization>Example CME</ReportingOrganization>{self.member()}
 <Activity><ProviderOrganization>{self.provider}</ProviderOrganization>{self.module()}</Activity>{self.info()}</ActivityReport>"""

    def member(self) -> str:
        return f"""<Member><m:Name><n:GivenName>{escape(self.given)}</n:GivenName>
 <n:FamilyName>{escape(self.family)}</n:FamilyName></m:Name><m:PersonalInfo><m:BirthDate>{self.birth}</m:BirthDate></m:PersonalInfo></Member>"""

    def module(self) -> str:
        certificates = "".join(certificate(credit) for credit in self.credits)
        return f"""<Module><ModuleName moduleID="{self.activity}">An activity</ModuleName><Status>{self.status}</Status>
 <CompletedDateTime>{self.completed}</CompletedDateTime>{certificates}</Module>"""

    def info(self) -> str:
        return (
            f"<XtensibleInfo><ProviderID>{self.login}</ProviderID>"
            f"<LearnerRecordAction>{self.action}</LearnerRecordAction></XtensibleInfo>"
        )

    def as_dict(self) -> dict[str, Any]:
        module = {
            "ModuleName": {"value": "An activity", "moduleID": self.activity},
            "Status": self.status,
            "CompletedDateTime": self.completed,
            "CreditCertificate": [_json_certificate(credit) for credit in self.credits],
        }
        report = {
            "ReportingOrganization": "Example CME",
            "Member": {
                "Name": {"GivenName": self.given, "FamilyName": self.family},
                "PersonalInfo": {"BirthDate": self.birth},
            },
            "Activity": {"ProviderOrganization": self.provider, "Module": module},
            "XtensibleInfo": {"LearnerRecordAction": self.action},
        }
        return {
            "ACCMELearnerReports": {
                "ActivityReports": {"DateTimeCreated": f"{TODAY}T08:00:00", "ActivityReport": [report]}
            }
        }

    def json(self) -> bytes:
        return json.dumps(self.as_dict()).encode()


def document(reports: str, namespaces: str = NAMESPACES, prolog: str = "") -> bytes:
    return (
        f"{prolog}<ACCMELearnerReports><ActivityReports {namespaces}>"
        f"<DateTimeCreated>{TODAY}T08:00:00</DateTimeCreated>{reports}</ActivityReports></ACCMELearnerReports>"
    ).encode()


def certificate(credit: Credit) -> str:
    unique = f'<UniqueID domain="{credit.domain}">{credit.identifier}</UniqueID>' if credit.domain else ""
    return f"""<CreditCertificate>{unique}<CreditReceived>
 <hx:activityCertification>{credit.certification}</hx:activityCertification><hx:creditUnit>{credit.unit}</hx:creditUnit>
 <hx:numberOfCredits>{credit.amount}</hx:numberOfCredits></CreditReceived>
 <CreditID>{credit.credit_id}</CreditID></CreditCertificate>"""


def _json_certificate(credit: Credit) -> dict[str, Any]:
    received = {
        "activityCertification": credit.certification,
        "creditUnit": credit.unit,
        "numberOfCredits": float(credit.amount),
    }
    unique = {"UniqueID": {"value": credit.identifier, "domain": credit.domain}} if credit.domain else {}
    return unique | {"CreditReceived": received, "CreditID": credit.credit_id}


@dataclass(frozen=True)
class RemsPaper:
    """One de-identified report: an Opioid REMS completion."""

    local: str = "5f2d9c"
    domain: str = "idd:cme.example.org:rems"
    answers: str = (
        "<StateOfPrimaryPractice>Maine</StateOfPrimaryPractice><DEARegistration>Individual</DEARegistration>"
        "<Profession>Physician</Profession><PracticeArea>Pain</PracticeArea><SurgicalProcedures>true</SurgicalProcedures>"
        "<TimeInPractice>6-10 years</TimeInPractice>"
    )
    member: str = ""
    credit: Credit = Credit("ccid:cme.example.org:5f2d9c", domain="", certification="Opioid REMS", amount="0")
    regulation: str = (
        '<RegulatoryInformation><CompliantToRegulation label="Opioid REMS">https://www.fda.example/opioid.pdf'
        "</CompliantToRegulation></RegulatoryInformation>"
    )
    activity: str = "203512345"
    action: str = "add"

    def report(self) -> str:
        paper = Paper((self.credit,), activity=self.activity, action=self.action)
        return f"""<ActivityReport><ReportingOrganization>Example CME</ReportingOrganization>{self.member}
 <Participants><Participant>
 <LocalIdentifier domain="{self.domain}">{self.local}</LocalIdentifier>{self.answers}</Participant></Participants>
 <Activity><ProviderOrganization>0001234</ProviderOrganization>{self.regulation}{paper.module()}</Activity>
 {paper.info()}</ActivityReport>"""

    def xml(self) -> bytes:
        return document(self.report())


@dataclass(frozen=True)
class Told:
    """What a reply says of one credit, or of the whole document under the empty id."""

    status: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Reply:
    status: int
    text: str
    outcomes: dict[str, Told] = field(default_factory=dict)

    @property
    def only(self) -> Told:
        [told] = self.outcomes.values()
        return told


class Caller:
    """Calls the rehearsal with hand-built bytes. `headers` are the credentials, unless a client puts them elsewhere."""

    def __init__(self, sandbox: Sandbox) -> None:
        own = sandbox.credentials
        self.sandbox = sandbox
        self.headers = {"ProviderId": own.provider_id, "User": own.user, "Password": own.password}
        self.http = httpx.Client(timeout=5, verify=False)

    def xml(self, operation: str, body: bytes, content_type: str = XML, **params: str) -> Reply:
        headers = self.headers | {"Content-Type": content_type}
        url = f"{self.sandbox.pars_url}/{operation}"
        return _read_xml(self.http.post(url, content=body, headers=headers, params=params or None))

    def save(self, *papers: Paper | RemsPaper) -> Reply:
        return self.xml("SaveLearnerActivity", document("".join(paper.report() for paper in papers)))

    def save_bytes(self, body: bytes) -> Reply:
        return self.xml("SaveLearnerActivity", body)

    def save_json(self, paper: Paper) -> Reply:
        return self.save_json_bytes(paper.json())

    def save_json_bytes(self, body: bytes, content_type: str = "application/json") -> Reply:
        headers = self.headers | {"Content-Type": content_type}
        url = f"{self.sandbox.pars_json_url}/learner-activities"
        return _read_json(self.http.post(url, content=body, headers=headers))

    def ask(self, credit_id: str) -> Reply:
        body = f"<LearnerStatusRequest><CreditID>{credit_id}</CreditID></LearnerStatusRequest>"
        return self.xml("GetLearnerStatusByCreditId", body.encode())

    def ask_by_learner(self, paper: Paper, birth: str) -> Reply:
        credit = paper.credits[0]
        unique = f'<UniqueID domain="{credit.domain}">{credit.identifier}</UniqueID>' if credit.domain else ""
        body = (
            f"<LearnerStatusRequest><moduleID>{paper.activity}</moduleID><BirthDate>{birth}</BirthDate>"
            f"<CompletionDate>{paper.completed[:10]}</CompletionDate>{unique}</LearnerStatusRequest>"
        )
        return self.xml("GetLearnerStatusByLearner", body.encode())

    def ask_json(self, **params: str) -> httpx.Response:
        return self.http.get(
            f"{self.sandbox.pars_json_url}/learner-activities/status", params=params, headers=self.headers
        )

    def match(self, given: str, family: str, birth: str, domain: str, identifier: str) -> Reply:
        unique = f'<UniqueID domain="{domain}">{identifier}</UniqueID>' if domain else ""
        body = (
            f"<LearnerMatchRequest><GivenName>{given}</GivenName><FamilyName>{family}</FamilyName>"
            f"<BirthDate>{birth}</BirthDate>{unique}</LearnerMatchRequest>"
        )
        return self.xml("GetLearnerMatch", body.encode())

    def save_and_lose_the_answer(self, *papers: Paper | RemsPaper) -> None:
        """A save whose connection breaks before an answer comes."""
        try:
            self.save(*papers)
        except httpx.TransportError:
            return
        raise AssertionError("the answer was not lost")

    def close(self) -> None:
        self.http.close()


def _read_xml(response: httpx.Response) -> Reply:
    outcomes = {}
    if response.headers.get("Content-Type", "").startswith("application/xml"):
        root = ET.fromstring(response.content)
        if root.tag == "Fault":
            outcomes[""] = _told(root, "Fault")
        for one in root:
            if one.tag in ("LearnerActivity", "LearnerStatus"):
                outcomes[one.findtext("CreditID") or ""] = _told(one, one.findtext("Status") or "")
    return Reply(response.status_code, response.text, outcomes)


def _told(element: ET.Element, status: str) -> Told:
    return Told(status, element.findtext("Reason") or "", element.findtext("Message") or "")


def _read_json(response: httpx.Response) -> Reply:
    found = response.json() if response.headers.get("Content-Type") == "application/json" and response.content else {}
    if response.status_code == 201:
        reports = found["ACCMELearnerReports"]["ActivityReports"]["ActivityReport"]
        ids = [one["CreditID"] for report in reports for one in report["Activity"]["Module"]["CreditCertificate"]]
        return Reply(201, response.text, {credit_id: Told("Taken") for credit_id in ids})
    outcomes = {one["CreditID"]: Told("Refused", one["reason"], one["message"]) for one in found.get("errors", [])}
    if not outcomes and "message" in found:
        reason, _, message = found["message"].partition(": ")
        outcomes[""] = Told("Fault", reason, message)
    return Reply(response.status_code, response.text, outcomes)


CME_PAPER = Paper()
MOC_CREDIT = Credit("ccid:cme.example.org:ben-moc", "ABIM", "410106", "Medical Knowledge", "2.00")
MOC_PAPER = Paper(
    (Credit("ccid:cme.example.org:ben-cme", "NPI", npi(106), CME, "2.00"), MOC_CREDIT),
    given="Ben", family="Achebe", birth="1904-03-21", activity="203512346",
)  # fmt: skip
REMS_PAPER = RemsPaper()

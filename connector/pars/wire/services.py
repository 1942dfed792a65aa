"""The tables of PARS's XML and JSON services: operations, names, words, and what their answers mean. Data only."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from connector.pars.vocabulary import credit_type
from connector.pars.wire.values import Call, FillerYear, Guess, Lists, Name, Numbers, Url, Words
from connector.records import Frozen, RecordCredit

AR1: Final = "http://ns.medbiq.org/activityreport/v1/"

Certifications = dict[str, str]
"""Our certification (`ABA/Lifelong Learning`) -> the exact string to submit, where a board wants another one."""


class SaveAnswers(Frozen):
    """What the HTTP status of a save means; a status in no list leaves the save in doubt."""

    readable: Guess[Numbers] = (200, 201)
    no: Guess[Numbers] = (400, 422)
    operator: Guess[Numbers] = (401, 403, 404, 405, 406, 410, 415)
    exists: Guess[Numbers] = (409,)
    later: Guess[Numbers] = (429,)


class StatusAnswers(Frozen):
    """What the HTTP status of a status read means; a status in no list means: try later."""

    readable: Guess[Numbers] = (200,)
    not_there: Guess[Numbers] = (404,)
    no: Guess[Numbers] = (400, 422)
    operator: Guess[Numbers] = (401, 403, 405, 406, 410, 415, 301, 302, 303, 307, 308)
    later: Guess[Numbers] = (429,)


class MatchAnswers(Frozen):
    """What the HTTP status of a match means. A 404 is a wrong path: else one typing error unmatches every learner."""

    readable: Guess[Numbers] = (200,)
    no: Guess[Numbers] = (400, 422)
    operator: Guess[Numbers] = (401, 403, 404, 405, 406, 410, 415, 301, 302, 303, 307, 308)
    later: Guess[Numbers] = (429,)


class Answers(Frozen):
    """What PARS's HTTP answers mean, per kind of operation."""

    save: Lists[SaveAnswers] = SaveAnswers()
    status: Lists[StatusAnswers] = StatusAnswers()
    match: Lists[MatchAnswers] = MatchAnswers()


class Reasons(Frozen):
    """PARS's words for a no; the field's name is the second word of our code (`pars.no_match`).

    The words are the MedBiquitous service vocabulary's. For the last three ACCME's words are not public.
    """

    missing_data: Guess[Words] = ("Missing data",)
    invalid_data: Guess[Words] = ("Invalid data",)
    no_match: Guess[Words] = ("No match",)
    several_matches: Guess[Words] = ("Multiple matches",)
    already_exists: Guess[Words] = ("Report already exists",)
    not_supported: Guess[Words] = ("Operation not supported",)
    unspecified: Guess[Words] = ("Unspecified failure",)
    not_registered: Guess[Words] = ()
    activity_not_active: Guess[Words] = ()
    window_closed: Guess[Words] = ()


class XmlWords(Frozen):
    """Status words of the XML service; the field's name is the Verdict. Accepted and Rejected are confirmed."""

    taken: Guess[Words] = ("Pending",)
    accepted: Words = ("Accepted",)
    rejected: Words = ("Rejected",)
    deleted: Guess[Words] = ("Deleted",)
    refused: Guess[Words] = ("Refused",)


class JsonWords(Frozen):
    """Status words of the JSON service. Completed, the draft's only one: PARS holds it, and no word of a board."""

    taken: Guess[Words] = ("Completed", "Pending")
    accepted: Words = ("Accepted",)
    rejected: Words = ("Rejected",)
    deleted: Guess[Words] = ("Deleted",)


class MatchWords(Frozen):
    """Words of a match answer."""

    yes: Guess[Words] = ("Yes",)
    no: Guess[Words] = ("No",)
    several: Guess[Words] = ("Multiple",)


class XmlCalls(Frozen):
    """Method and path of each operation; the operations' names are confirmed."""

    save: Guess[Call] = "POST /SaveLearnerActivity"
    match: Guess[Call] = "POST /GetLearnerMatch"
    status_by_credit: Guess[Call] = "POST /GetLearnerStatusByCreditId"
    status_by_learner: Guess[Call] = "POST /GetLearnerStatusByLearner"


class JsonCalls(Frozen):
    """Method and path of each operation in the draft, which has no match."""

    save: Call = "POST /learner-activities"
    status: Call = "GET /learner-activities/status"


class XmlCredentials(Frozen):
    """Where ProviderId, User and Password (confirmed) travel; in the body they stand first in the document's root."""

    where: Guess[Literal["header", "query", "body"]] = "header"
    provider_id: Name = "ProviderId"
    user: Name = "User"
    password: Name = "Password"  # noqa: S105 - the name of a header


class JsonCredentials(Frozen):
    """As for XML, but never in the body: a status read has none."""

    where: Guess[Literal["header", "query"]] = "header"
    provider_id: Guess[Name] = "ProviderId"
    user: Guess[Name] = "User"
    password: Guess[Name] = "Password"  # noqa: S105 - the name of a header


class Regulation(Frozen):
    """What a REMS report says it complies with: `activityCertification`, the label, and the regulation's address."""

    certification: Annotated[str, StringConstraints(min_length=1)]
    label: Annotated[str, StringConstraints(min_length=1)]
    url: Annotated[Url, StringConstraints(min_length=1)]


class Rems(Frozen):
    """REMS reports. A record whose type has no regulation here is held: those for mycophenolate are not public."""

    activity_report: Guess[str] = AR1  # the namespace of a REMS document's ActivityReports
    opioid_analgesic: Guess[Regulation | None] = Regulation(
        certification="Opioid REMS",
        label="Opioid REMS",
        url="http://www.accessdata.fda.gov/drugsatfda_docs/label/2018/OpioidREM2018.pdf",
    )
    mycophenolate: Guess[Regulation | None] = None


class XmlReport(Frozen):
    """The learner document's names that are not the standard's own."""

    root: Name = "ACCMELearnerReports"
    root_namespace: Guess[str] = ""
    activity_report: str = AR1
    member: str = "http://ns.medbiq.org/member/v1/"
    name: str = "http://ns.medbiq.org/name/v1/"
    lom: str = "http://ns.medbiq.org/lom/extend/v1/"
    extension: Guess[str] = AR1  # the namespace of XtensibleInfo and its children


class XmlQuestions(Frozen):
    """Names of the documents that ask: a match, a status by credit id, a status by learner."""

    match: Guess[Name] = "LearnerMatchRequest"
    status: Guess[Name] = "LearnerStatusRequest"
    given_name: Guess[Name] = "GivenName"
    family_name: Guess[Name] = "FamilyName"
    birth: Guess[Name] = "BirthDate"
    identifier: Guess[Name] = "UniqueID"
    credit_id: Guess[Name] = "CreditID"
    activity: Guess[Name] = "moduleID"
    completed: Guess[Name] = "CompletionDate"


class XmlReplies(Frozen):
    """Names in the documents that come back; read without looking at their namespace."""

    save: Guess[Name] = "SaveLearnerActivityResponse"
    save_item: Guess[Name] = "LearnerActivity"
    status_list: Guess[Name] = "LearnerStatusResponse"
    status_item: Guess[Name] = "LearnerStatus"
    match: Guess[Name] = "LearnerMatchResponse"
    found: Guess[Name] = "Match"
    fault: Guess[Name] = "Fault"
    credit_id: Guess[Name] = "CreditID"
    status: Guess[Name] = "Status"
    reason: Guess[Name] = "Reason"
    message: Guess[Name] = "Message"
    activity: Guess[Name] = "moduleID"
    completed: Guess[Name] = "CompletedDateTime"
    identifier: Guess[Name] = "UniqueID"
    certification: Guess[Name] = "activityCertification"
    amount: Guess[Name] = "numberOfCredits"


class JsonReplies(Frozen):
    """Names in the JSON that comes back beside the draft's own."""

    reason: Guess[Name] = "Reason"
    message: Guess[Name] = "Message"
    errors: Guess[Name] = "errors"
    error_credit_id: Guess[Name] = "CreditID"
    error_reason: Guess[Name] = "reason"
    error_message: Guess[Name] = "message"


class XmlWire(Frozen):
    """The XML service. The base URL is confirmed second-hand."""

    base_url: Url = "https://parsii.accme.org/services/ACCMELearnerService.svc"
    content_type: str = "application/xml; charset=utf-8"
    calls: XmlCalls = XmlCalls()
    credentials: XmlCredentials = XmlCredentials()
    report: XmlReport = XmlReport()
    rems: Rems = Rems()
    questions: XmlQuestions = XmlQuestions()
    replies: XmlReplies = XmlReplies()
    filler_year: Guess[FillerYear] = 1904
    asked_birth: Guess[Literal["MM-DD", "YYYY-MM-DD"]] = "MM-DD"
    certifications: Guess[Certifications] = Field(default_factory=dict)
    words: Lists[XmlWords] = XmlWords()
    match_words: Lists[MatchWords] = MatchWords()
    reasons: Lists[Reasons] = Reasons()
    answers: Answers = Answers()


class JsonWire(Frozen):
    """The JSON service of ACCME's draft, which is not known to be live and names no server."""

    base_url: Guess[Url] = ""
    content_type: str = "application/json"
    calls: JsonCalls = JsonCalls()
    credentials: JsonCredentials = JsonCredentials()
    replies: JsonReplies = JsonReplies()
    filler_year: Guess[FillerYear] = 1904
    asked_birth: Literal["MM-DD", "YYYY-MM-DD"] = "MM-DD"
    certifications: Guess[Certifications] = Field(default_factory=dict)
    words: Lists[JsonWords] = JsonWords()
    reasons: Lists[Reasons] = Reasons()
    answers: Answers = Answers()


def submitted_certification(credit: RecordCredit, overrides: Certifications) -> str:
    """The `activityCertification` of a CME or MOC credit: the table's word, else the board's exact string.

    A board without published types is named by its code.
    """
    if credit.certification in overrides:
        return overrides[credit.certification]
    if credit.kind == "cme":
        return credit.certification
    known = credit_type(credit.board, credit.credit_type)
    return known.name if known else credit.credit_type or credit.board

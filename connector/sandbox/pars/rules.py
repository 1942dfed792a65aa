"""What PARS checks at once, rule by rule. Pure: a case in, the first refusal or None out; knows no format.

What ACCME confirms refuses; what we only infer is a warning of the ledger check, but for the credit maximum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from connector.sandbox.pars import vocabulary as words
from connector.sandbox.pars.catalogue import Activity
from connector.sandbox.pars.holdings import Credit
from connector.sandbox.pars.learners import Known, KnownLearner, birth_day, is_npi, matching
from connector.sandbox.pars.record import Document, Line, Malformed, Person, Refusal, Report

_PROVIDER = re.compile(r"\d{7}")
_ACTIVITY = re.compile(r"\d{9}")
_CREDIT_ID = re.compile(r"ccid:[^:]+:[^:]+")
_LOCAL_DOMAIN = re.compile(r"idd:[^:]+:[^:]+")
_AMOUNT = re.compile(r"\d+(\.\d+)?")
_DATE_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})?")
_STEP = Decimal("0.25")


@dataclass(frozen=True)
class Case:
    """One credit of one report, with everything the rules may look at."""

    report: Report
    line: Line
    provider: str
    login: str
    today: date
    activity: Activity | None
    learners: Known
    held: Mapping[str, Credit]
    joint: bool = False  # this is JA-PARS

    @property
    def is_rems(self) -> bool:
        return self.report.participant is not None

    @property
    def board(self) -> str:
        """The board whose credit this is: the identifier's domain, ABS where there is none, empty for CME and REMS."""
        if self.is_rems or self.line.certification == words.CME or self._is_joint:
            return ""
        if not self.line.identifiers:
            return words.BOARD_ID_OPTIONAL
        return self.line.identifiers[0].domain

    @property
    def _is_joint(self) -> bool:
        return self.joint and self.line.certification in words.JOINT

    def meant(self) -> list[KnownLearner]:
        return matching(self.learners, self.report.person, self.line.identifiers) if self.report.person else []

    def learner_ref(self) -> str:
        """Whose credit this is: the one matching learner, the REMS participant's local id, or nobody."""
        if self.report.participant:
            local = self.report.participant.local
            return f"{local.domain}|{local.value}"
        meant = self.meant()
        return meant[0].ref if len(meant) == 1 else ""


Rule = Callable[[Case], Refusal | None]


def invalid(message: str) -> Refusal:
    return Refusal("Invalid data", message)


def missing(message: str) -> Refusal:
    return Refusal("Missing data", message)


def judge_document(document: Document) -> None:
    """What makes PARS refuse the whole document: a person and a REMS participant side by side."""
    for report in document.reports:
        if report.person is None and report.participant is None:
            raise Malformed("Missing data", "a report has Member or, for REMS, Participants")
        if report.person and report.participant:
            raise Malformed("Invalid data", "a REMS report is de-identified: it has Participants and no Member")
    if len({report.participant is None for report in document.reports}) > 1:
        raise Malformed("Invalid data", "identified and REMS reports must not share a document")


def judge(case: Case) -> Refusal | None:
    """The first rule that says no."""
    if case.report.action not in ("add", "delete"):
        return invalid(f"LearnerRecordAction is add or delete, not {case.report.action!r}")
    which = DELETE if case.report.action == "delete" else REMS if case.is_rems else IDENTIFIED
    return next((refusal for rule in which if (refusal := rule(case))), None)


def provider_is_the_callers(case: Case) -> Refusal | None:
    if not _PROVIDER.fullmatch(case.report.provider):
        return invalid(
            f"ProviderOrganization is a 7-digit provider id, leading zeros included: {case.report.provider!r}"
        )
    if case.report.provider != case.provider:
        return invalid(f"provider {case.report.provider} is not the caller's")
    if case.report.provider_login not in (None, case.login):
        return invalid("XtensibleInfo ProviderID is not the caller's")
    return None


def activity_is_known(case: Case) -> Refusal | None:
    if not _ACTIVITY.fullmatch(case.report.activity):
        return invalid(f"moduleID is a 9-digit activity id: {case.report.activity!r}")
    if case.activity is None:
        return invalid(f"activity {case.report.activity} is unknown")
    return None


def activity_is_open(case: Case) -> Refusal | None:
    if case.activity and case.activity.state not in ("Active", "Ready to Close"):
        return invalid(f"activity {case.report.activity} is {case.activity.state}: it takes no learners")
    return None


def status_is_completed(case: Case) -> Refusal | None:
    if case.report.status != "Completed":
        return invalid(f"Status is Completed, not {case.report.status!r}")
    return None


def completion_is_a_date(case: Case) -> Refusal | None:
    text = case.report.completed
    found = _DATE_TIME.fullmatch(text)
    if found is None or not _is_real(found[1]):
        return invalid(f"CompletedDateTime is YYYY-MM-DDT00:00:00: {text!r}")
    if found[4]:
        return invalid(f"CompletedDateTime has a UTC offset: {text!r}; PARS reads Central time and the date may move")
    if found[2] != "00:00:00" or found[3]:
        return invalid(f"CompletedDateTime has a time of day: {text!r}; send the date with T00:00:00")
    return None


def _is_real(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def completion_is_past(case: Case) -> Refusal | None:
    if date.fromisoformat(case.report.completed[:10]) > case.today:
        return invalid(f"CompletedDateTime {case.report.completed[:10]} is in the future")
    return None


def credit_id_is_well_formed(case: Case) -> Refusal | None:
    credit_id = case.line.credit_id
    if len(credit_id) > 300:
        return invalid(f"CreditID has {len(credit_id)} characters, 300 at most")
    if not _CREDIT_ID.fullmatch(credit_id):
        return invalid("CreditID is ccid:<domain>:<local id>")
    return None


def credit_id_is_new(case: Case) -> Refusal | None:
    held = case.held.get(case.line.credit_id)
    if held is None:
        return None
    if held.state == "Deleted":
        return Refusal("Report already exists", "this CreditID was deleted and cannot be used again")
    if held.describes(case.report, case.line, case.board):
        return Refusal("Report already exists", "this credit is already reported")
    return Refusal("Report already exists", "this CreditID is used by another credit")


def unit_is_point(case: Case) -> Refusal | None:
    if case.line.unit != "Point":
        return invalid(f"creditUnit is Point, not {case.line.unit!r}")
    return None


def identifier_is_given(case: Case) -> Refusal | None:
    if case.line.identifiers or words.is_credit_type(words.BOARD_ID_OPTIONAL, case.line.certification):
        return None
    return missing("UniqueID is required; only ABS does without")


def identifier_domain_is_known(case: Case) -> Refusal | None:
    for given in case.line.identifiers:
        if given.domain != "NPI" and given.domain not in words.STATES and given.domain not in words.BOARDS:
            return invalid(f"UniqueID domain {given.domain!r} is neither NPI, a board's code nor a two-letter state")
    return None


def certification_fits(case: Case) -> Refusal | None:
    board, certification = case.board, case.line.certification
    if certification == words.REMS:
        return invalid("an Opioid REMS credit is reported de-identified, with Participants and no Member")
    if not board:
        if certification == words.PHARMACY:
            return Refusal("Operation not supported", "pharmacists' credit goes to CPE Monitor")
        return (
            None
            if _domains(case).isdisjoint(words.BOARDS)
            else invalid(f"{certification} goes by NPI or state licence")
        )
    if board not in words.BOARDS:
        return invalid(f"activityCertification {certification!r} is a board's: UniqueID must be that board's")
    if not words.is_credit_type(board, certification):
        return invalid(f"activityCertification {certification!r} is unknown to {board}")
    return None


def _domains(case: Case) -> set[str]:
    return {given.domain for given in case.line.identifiers}


def credit_type_still_exists(case: Case) -> Refusal | None:
    last = words.DISCONTINUED.get((case.board, words.plain(case.line.certification)))
    if last and case.report.completed[:10] > last:
        return invalid(f"{case.board} {case.line.certification} ended: completions until {last}")
    return None


def activity_is_registered(case: Case) -> Refusal | None:
    if case.activity and case.board and case.board not in case.activity.boards:
        return invalid(f"activity {case.activity.activity_id} is not registered for {case.board}")
    return None


def amount_is_in_quarters(case: Case) -> Refusal | None:
    text = case.line.amount
    if not _AMOUNT.fullmatch(text):
        return invalid(f"numberOfCredits is a decimal number: {text!r}")
    if Decimal(text) <= 0 or Decimal(text) % _STEP:
        return invalid(f"numberOfCredits {text} is not a positive multiple of 0.25")
    return None


def amount_is_within_the_maximum(case: Case) -> Refusal | None:
    if case.activity and Decimal(case.line.amount) > case.activity.credits:
        return invalid(f"numberOfCredits {case.line.amount} is above the activity's maximum of {case.activity.credits}")
    return None


def birth_date_is_whole(case: Case) -> Refusal | None:
    person = case.report.person or Person("", "", None)
    if not person.birth:
        return missing("BirthDate is needed to match the learner")
    if birth_day(person.birth) is None:
        return invalid("BirthDate is a real date with a year, YYYY-MM-DD (a filler year keeps 29 February)")
    return None


def npi_checks(case: Case) -> Refusal | None:
    for given in case.line.identifiers:
        if given.domain == "NPI" and not is_npi(given.value):
            return invalid("NPI is ten digits with a valid check digit")
    return None


def learner_matches_one(case: Case) -> Refusal | None:
    meant = case.meant()
    if not meant:
        return Refusal("No match", "no learner has these names, birth day and identifier")
    if len(meant) > 1:
        return Refusal("Multiple matches", f"{len(meant)} learners have these names and birth day")
    return None


def one_credit_a_date(case: Case) -> Refusal | None:
    """ABA and ABP: one per learner, activity, completion date and credit type; ABP's journals are excepted."""
    if case.board not in words.ONE_PER_DATE or _is_abp_journal(case):
        return None
    ref = case.learner_ref()
    for credit in case.held.values():
        if credit.is_live and credit.learner == ref and credit.is_same_completion(case.report, case.line, case.board):
            return invalid(f"{case.board} takes one credit per learner, activity, completion date and credit type")
    return None


def _is_abp_journal(case: Case) -> bool:
    return case.board == "ABP" and case.activity is not None and case.activity.format == words.JOURNAL


def activity_is_rems(case: Case) -> Refusal | None:
    if case.activity and not case.activity.rems_type:
        return invalid(f"activity {case.activity.activity_id} is not a REMS activity")
    if case.report.regulation != words.REMS:
        return missing(f"RegulatoryInformation with the label {words.REMS!r}")
    return None


def rems_credit_names_nobody(case: Case) -> Refusal | None:
    if case.line.identifiers:
        return invalid("a REMS credit has no UniqueID: the record is de-identified")
    if case.line.certification != words.REMS:
        return invalid(f"activityCertification of a REMS record is {words.REMS!r}")
    if not _AMOUNT.fullmatch(case.line.amount) or Decimal(case.line.amount) != 0:
        return invalid("numberOfCredits of a REMS record is 0")
    return None


def rems_answers_are_known(case: Case) -> Refusal | None:
    one = case.report.participant
    if one is None:
        return missing("Participants")
    if not _LOCAL_DOMAIN.fullmatch(one.local.domain):
        return invalid("LocalIdentifier domain is idd:<domain>:<type>")
    answers = (
        ("Profession", one.profession, words.PROFESSIONS),
        ("StateOfPrimaryPractice", one.state, frozenset(words.STATES.values())),
        ("DEARegistration", one.dea, words.DEA_REGISTRATIONS),
        ("PracticeArea", one.practice_area, words.PRACTICE_AREAS),
        ("TimeInPractice", one.time_in_practice, words.TIMES_IN_PRACTICE),
    )
    unknown = next(
        (f"{name} {text!r} is not in the list" for name, text, known in answers if text and text not in known), ""
    )
    return invalid(unknown) if unknown else None


def credit_is_held(case: Case) -> Refusal | None:
    held = case.held.get(case.line.credit_id)
    if held is None or held.state == "Deleted":
        return Refusal("No match", "there is no such credit to delete")
    return None


def credit_is_the_records(case: Case) -> Refusal | None:
    """A delete names credits of its own learner, activity and date only."""
    held = case.held[case.line.credit_id]
    if held.learner != case.learner_ref() or not held.is_same_completion(case.report, case.line, case.board):
        return invalid("this CreditID belongs to another learner, activity, date or credit type than the record")
    return None


IDENTIFIED: tuple[Rule, ...] = (
    provider_is_the_callers,
    activity_is_known,
    activity_is_open,
    status_is_completed,
    completion_is_a_date,
    completion_is_past,
    credit_id_is_well_formed,
    credit_id_is_new,
    unit_is_point,
    identifier_is_given,
    identifier_domain_is_known,
    certification_fits,
    credit_type_still_exists,
    activity_is_registered,
    amount_is_in_quarters,
    amount_is_within_the_maximum,
    birth_date_is_whole,
    npi_checks,
    learner_matches_one,
    one_credit_a_date,
)
REMS: tuple[Rule, ...] = (
    provider_is_the_callers,
    activity_is_known,
    activity_is_open,
    activity_is_rems,
    status_is_completed,
    completion_is_a_date,
    completion_is_past,
    credit_id_is_well_formed,
    credit_id_is_new,
    unit_is_point,
    rems_credit_names_nobody,
    rems_answers_are_known,
)
DELETE: tuple[Rule, ...] = (
    provider_is_the_callers,
    activity_is_known,
    status_is_completed,
    completion_is_a_date,
    credit_id_is_well_formed,
    credit_is_held,
    credit_is_the_records,
)

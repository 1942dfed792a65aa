"""Clients whose documents are wrong: each differs from the right one in a single thing, and is refused for it."""

from __future__ import annotations

from dataclasses import replace

from broken import refused, unreadable
from papers import CME, CME_PAPER, MOC_CREDIT, MOC_PAPER, Caller, Credit, Paper, Reply, document

from connector.sandbox.world.people import npi


def with_credit(paper: Paper = CME_PAPER, **changes: str) -> Paper:
    return replace(paper, credits=(replace(paper.credits[-1], **changes),))


@refused("Invalid data", "time of day")
def date_with_a_time_of_day(pars: Caller) -> Reply:
    """Sends when the learner clicked, where PARS wants the civil date."""
    return pars.save(replace(CME_PAPER, completed="2026-03-05T22:30:00"))


@refused("Invalid data", "UTC offset")
def date_with_a_utc_offset(pars: Caller) -> Reply:
    return pars.save(replace(CME_PAPER, completed="2026-03-05T00:00:00-06:00"))


@refused("Invalid data", "UTC offset")
def date_in_zulu_time(pars: Caller) -> Reply:
    """Prints its UTC datetime as it stands."""
    return pars.save_json(replace(CME_PAPER, completed="2026-03-06T04:30:00Z"))


@refused("Invalid data", "YYYY-MM-DDT00:00:00")
def date_without_a_time(pars: Caller) -> Reply:
    return pars.save(replace(CME_PAPER, completed="2026-03-05"))


@refused("Invalid data", "in the future")
def completion_in_the_future(pars: Caller) -> Reply:
    """Took the UTC date of an evening in Chicago."""
    return pars.save(replace(CME_PAPER, completed="2026-03-11T00:00:00"))


@unreadable("CompletedDateTime")
def elements_swapped(pars: Caller) -> Reply:
    """Puts CompletedDateTime before Status: the names are right, the order is not."""
    right = CME_PAPER.xml().decode()
    status, completed = "<Status>Completed</Status>", f"<CompletedDateTime>{CME_PAPER.completed}</CompletedDateTime>"
    return pars.save_bytes(right.replace(status, "").replace(completed, completed + status).encode())


@unreadable("ActivityReports")
def namespace_missing(pars: Caller) -> Reply:
    """Declares the prefixes and forgets the default namespace."""
    return pars.save_bytes(document(CME_PAPER.report(), CME_PAPER.namespaces.split(" ", 1)[1]))


@unreadable("Name")
def name_in_the_wrong_namespace(pars: Caller) -> Reply:
    """Writes n:Name where the member's namespace is asked for."""
    return pars.save_bytes(CME_PAPER.xml().replace(b"m:Name>", b"n:Name>"))


@unreadable("ActivityName")
def element_of_the_standard(pars: Caller) -> Reply:
    """Keeps MedBiquitous's ActivityName, which ACCME has dropped."""
    named = b"</ProviderOrganization><ActivityName>An activity</ActivityName>"
    return pars.save_bytes(CME_PAPER.xml().replace(b"</ProviderOrganization>", named))


@refused("Missing data", "CreditID", status=400)
def credit_without_id(pars: Caller) -> Reply:
    credit_id = f"<CreditID>{CME_PAPER.credits[0].credit_id}</CreditID>"
    return pars.save_bytes(CME_PAPER.xml().replace(credit_id.encode(), b""))


@unreadable("document type")
def entity_bomb(pars: Caller) -> Reply:
    """Carries a document type with entities that unfold into entities."""
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(6))
    prolog = f'<!DOCTYPE ACCMELearnerReports [<!ENTITY e0 "ha">{entities}]>'
    return pars.save_bytes(document(replace(CME_PAPER, given="Ana").report(), prolog=prolog))


@unreadable("document type")
def external_document_type(pars: Caller) -> Reply:
    return pars.save_bytes(b'<!DOCTYPE ACCMELearnerReports SYSTEM "file:///etc/passwd">' + CME_PAPER.xml())


@unreadable("encoding is UTF-8")
def other_encoding(pars: Caller) -> Reply:
    declared = '<?xml version="1.0" encoding="ISO-8859-1"?>' + CME_PAPER.xml().decode()
    return pars.save_bytes(declared.encode("iso-8859-1"))


@unreadable("not well-formed")
def ampersand_not_escaped(pars: Caller) -> Reply:
    """Puts text together without escaping it."""
    return pars.save_bytes(CME_PAPER.xml().replace(b"Example CME", b"Grand Rounds & Co"))


@refused("Operation not supported", "Content-Type", status=400)
def content_type_wrong(pars: Caller) -> Reply:
    return pars.xml("SaveLearnerActivity", CME_PAPER.xml(), content_type="text/xml")


@refused("Operation not supported", "Content-Type", status=400)
def content_type_missing_on_json(pars: Caller) -> Reply:
    return pars.save_json_bytes(CME_PAPER.json(), content_type="text/plain")


@refused("Invalid data", "add or delete")
def action_in_capitals(pars: Caller) -> Reply:
    """Uses the Excel sheet's spelling."""
    return pars.save(replace(CME_PAPER, action="Add"))


@refused("Invalid data", "7-digit")
def leading_zeros_eaten(pars: Caller) -> Reply:
    """Kept the provider id as a number."""
    return pars.save(replace(CME_PAPER, provider="1234"))


@refused("Invalid data", "not the caller's")
def another_provider(pars: Caller) -> Reply:
    return pars.save(replace(CME_PAPER, provider="4008030"))


@refused("Invalid data", "XtensibleInfo ProviderID")
def another_login(pars: Caller) -> Reply:
    return pars.save(replace(CME_PAPER, login="0009999"))


@refused("Invalid data", "9-digit")
def own_activity_number(pars: Caller) -> Reply:
    """Sends the LMS's course number in place of ACCME's activity id."""
    return pars.save(replace(CME_PAPER, activity="57"))


@refused("Invalid data", "is unknown")
def unknown_activity(pars: Caller) -> Reply:
    return pars.save(replace(CME_PAPER, activity="203599999"))


@refused("Invalid data", "is Draft")
def draft_activity(pars: Caller) -> Reply:
    return pars.save(with_credit(replace(CME_PAPER, activity="203512352"), amount="1"))


@refused("Invalid data", "is Closed")
def closed_activity(pars: Caller) -> Reply:
    return pars.save(with_credit(replace(CME_PAPER, activity="203512353"), amount="1"))


@refused("Invalid data", "not registered for ABIM")
def board_not_registered(pars: Caller) -> Reply:
    """Reports MOC for an activity that offers CME only."""
    return pars.save(replace(MOC_PAPER, activity="203512347", credits=(replace(MOC_CREDIT, amount="1"),)))


@refused("Invalid data", "Status is Completed")
def status_passed(pars: Caller) -> Reply:
    """Sends the verb of the statement."""
    return pars.save(replace(CME_PAPER, status="Passed"))


@refused("Invalid data", "creditUnit is Point")
def unit_credit(pars: Caller) -> Reply:
    return pars.save(with_credit(unit="Credit"))


@refused("Invalid data", "multiple of 0.25")
def credits_not_in_quarter_steps(pars: Caller) -> Reply:
    return pars.save(with_credit(amount="1.30"))


@refused("Invalid data", "multiple of 0.25")
def no_credits(pars: Caller) -> Reply:
    return pars.save_json(with_credit(amount="0"))


@refused("Invalid data", "above the activity's maximum")
def over_the_maximum(pars: Caller) -> Reply:
    return pars.save(with_credit(amount="1.75"))


@refused("Invalid data", "300 at most")
def credit_id_too_long(pars: Caller) -> Reply:
    return pars.save(with_credit(credit_id="ccid:cme.example.org:" + "x" * 300))


@refused("Invalid data", "ccid:<domain>:<local id>")
def credit_id_is_a_uuid(pars: Caller) -> Reply:
    return pars.save(with_credit(credit_id="4dc7c3c4-6c0b-4f6f-8a52-34f4bb1b1f0a"))


@refused("Report already exists", "used by another credit")
def credit_id_used_twice(pars: Caller) -> Reply:
    """Counts its credit ids from one after every restart."""
    pars.save(with_credit(credit_id="ccid:cme.example.org:1"))
    return pars.save(with_credit(MOC_PAPER, credit_id="ccid:cme.example.org:1"))


@refused("Report already exists", "was deleted")
def credit_id_after_its_deletion(pars: Caller) -> Reply:
    """Corrects by delete and add under the same id."""
    pars.save(CME_PAPER)
    pars.save(replace(CME_PAPER, action="delete"))
    return pars.save(with_credit(amount="1.25"))


@refused("Invalid data", "BirthDate is a real date with a year")
def no_filler_year(pars: Caller) -> Reply:
    """Sends month and day, which is all that ACCME compares, where the schema wants a whole date."""
    return pars.save(replace(CME_PAPER, birth="02-29"))


@refused("Invalid data", "BirthDate is a real date with a year")
def filler_year_without_29_february(pars: Caller) -> Reply:
    return pars.save_json(replace(CME_PAPER, birth="1900-02-29"))


@refused("Missing data", "UniqueID is required")
def no_identifier(pars: Caller) -> Reply:
    return pars.save(with_credit(domain=""))


@refused("Invalid data", "two-letter state")
def state_by_its_full_name(pars: Caller) -> Reply:
    """Uses the Excel sheet's spelling of a state."""
    return pars.save(with_credit(domain="Maine", identifier="10441"))


@refused("Invalid data", "check digit")
def npi_with_a_bad_check_digit(pars: Caller) -> Reply:
    return pars.save(with_credit(identifier=str(int(npi(101)) ^ 1)))


@refused("Invalid data", "goes by NPI or state licence")
def cme_under_a_board_id(pars: Caller) -> Reply:
    credit = Credit("ccid:cme.example.org:ben-cme", "ABIM", "410106", CME, "1")
    return pars.save(replace(MOC_PAPER, credits=(credit,)))


@refused("Invalid data", "UniqueID must be that board's")
def moc_under_an_npi(pars: Caller) -> Reply:
    return pars.save(with_credit(MOC_PAPER, domain="NPI", identifier=npi(106)))


@refused("Invalid data", "unknown to ABIM")
def another_boards_credit_type(pars: Caller) -> Reply:
    return pars.save(with_credit(MOC_PAPER, certification="Lifelong Learning"))


@refused("Invalid data", "ended")
def discontinued_credit_type(pars: Caller) -> Reply:
    credit = Credit("ccid:cme.example.org:path", "ABPATH", "600015", "Self-Assessment (Part II)", "1")
    return pars.save(replace(MOC_PAPER, activity="203512351", credits=(credit,)))


@refused("No match", "no learner")
def nickname(pars: Caller) -> Reply:
    return pars.save(replace(CME_PAPER, given="Annie"))


@refused("No match", "no learner")
def birth_day_and_month_swapped(pars: Caller) -> Reply:
    return pars.save(replace(MOC_PAPER, given="Carla", family="Ricci", birth="1904-08-09", credits=(
        replace(MOC_CREDIT, identifier="410107"),
    )))  # fmt: skip


@refused("Multiple matches", "2 learners")
def surgeon_without_a_board_id(pars: Caller) -> Reply:
    """ABS does without its id; these two surgeons share names and birth day."""
    credit = Credit("ccid:cme.example.org:robin", "", "", "Accredited CME", "1")
    paper = Paper((credit,), given="Robin", family="Ashworth", birth="1904-05-17", activity="203512351")
    return pars.save(paper)


@refused("Invalid data", "ABA takes one credit")
def two_aba_credits_on_one_date(pars: Caller) -> Reply:
    """Reports two sessions of one day one by one, in place of their sum."""
    aba = pars.sandbox.pars.learners
    one = next(learner for learner in aba if learner.ref == "ABA-1")
    credit = Credit("ccid:cme.example.org:aba-1", "ABA", one.ids["ABA"], "Lifelong Learning", "1")
    paper = Paper((credit,), one.given, one.family, f"1904-{one.birth}", activity="203512348")
    pars.save(paper)
    return pars.save(with_credit(paper, credit_id="ccid:cme.example.org:aba-2"))


@unreadable("has no Colour")
def json_with_a_name_of_its_own(pars: Caller) -> Reply:
    return pars.save_json_bytes(CME_PAPER.json().replace(b'"Status"', b'"Colour": "blue", "Status"'))


@unreadable("numberOfCredits is a number")
def json_number_as_text(pars: Caller) -> Reply:
    return pars.save_json_bytes(CME_PAPER.json().replace(b"1.5", b'"1.5"'))


@unreadable("stands twice")
def json_name_twice(pars: Caller) -> Reply:
    return pars.save_json_bytes(CME_PAPER.json().replace(b'"Status"', b'"Status": "Expired", "Status"'))


@unreadable("not JSON")
def json_in_another_encoding(pars: Caller) -> Reply:
    return pars.save_json_bytes(CME_PAPER.json().replace(b"\\u00ed", b"\xed"))

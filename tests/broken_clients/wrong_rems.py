"""Clients that break what makes a REMS record de-identified, or its lists of answers."""

from __future__ import annotations

from dataclasses import replace

from broken import refused, unreadable
from papers import CME_PAPER, REMS_PAPER, Caller, Reply

from connector.sandbox.world.people import npi


@unreadable("de-identified")
def rems_with_a_name(pars: Caller) -> Reply:
    """Keeps Member, which the draft schema still calls required, beside Participants."""
    return pars.save(replace(REMS_PAPER, member=CME_PAPER.member()))


@refused("Invalid data", "de-identified")
def rems_under_a_name(pars: Caller) -> Reply:
    """Reports the REMS completion as one more credit of a named learner."""
    credit = replace(CME_PAPER.credits[0], certification="Opioid REMS", amount="0")
    return pars.save(replace(CME_PAPER, activity="203512345", credits=(credit,)))


@refused("Invalid data", "has no UniqueID")
def rems_with_an_npi(pars: Caller) -> Reply:
    credit = replace(REMS_PAPER.credit, domain="NPI", identifier=npi(101))
    return pars.save(replace(REMS_PAPER, credit=credit))


@unreadable("must not share a document")
def rems_and_identified_in_one_document(pars: Caller) -> Reply:
    """The pair lets anybody join the two."""
    return pars.save(CME_PAPER, REMS_PAPER)


@refused("Missing data", "RegulatoryInformation")
def rems_without_its_regulation(pars: Caller) -> Reply:
    return pars.save(replace(REMS_PAPER, regulation=""))


@refused("Invalid data", "not a REMS activity")
def rems_of_any_activity(pars: Caller) -> Reply:
    return pars.save(replace(REMS_PAPER, activity="203512347"))


@refused("Invalid data", "Profession")
def rems_profession_in_own_words(pars: Caller) -> Reply:
    return pars.save(replace(REMS_PAPER, answers="<Profession>MD</Profession>"))


@refused("Invalid data", "PracticeArea")
def rems_practice_area_renamed(pars: Caller) -> Reply:
    """Uses a later guideline's word for Addiction."""
    answers = "<Profession>Physician</Profession><PracticeArea>Substance Use Disorder</PracticeArea>"
    return pars.save(replace(REMS_PAPER, answers=answers))


@refused("Invalid data", "idd:")
def rems_identifier_without_a_domain(pars: Caller) -> Reply:
    return pars.save(replace(REMS_PAPER, domain="cme.example.org"))


@refused("Invalid data", "REMS record is 0")
def rems_with_credits(pars: Caller) -> Reply:
    return pars.save(replace(REMS_PAPER, credit=replace(REMS_PAPER.credit, amount="1.25")))


@refused("Operation not supported", "not taken as JSON", status=400)
def rems_as_json(pars: Caller) -> Reply:
    return pars.save_json_bytes(CME_PAPER.json().replace(b'"Member"', b'"Participants": {}, "Member"'))

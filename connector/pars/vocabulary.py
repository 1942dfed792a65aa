"""Every word and number ACCME publishes: boards, credit types, states, REMS answers, formats. Data only, no judgement.

Each block names its source and how sure it is in ORIGINS, for the docs and for checks: a *confirmed* fact may hold a
credit, any other only warns.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Final

from connector.records import Frozen


class Certainty(StrEnum):
    """How a fact came to us."""

    CONFIRMED = "confirmed"  # read in a text of ACCME's or MedBiquitous's
    THIRD_PARTY = "third_party"  # somebody else says that ACCME says so
    INFERRED = "inferred"  # our own reasoning


class Origin(Frozen):
    """Where a block of data was read, and how far it can be trusted."""

    certainty: Certainty
    source: str


class CreditType(Frozen):
    """A board's kind of credit. `name` is the exact string to submit, `aliases` are other spellings of it."""

    name: str
    aliases: tuple[str, ...] = ()
    last_completion: date | None = None  # discontinued: the last completion date the board takes


class Board(Frozen):
    """A certifying board that takes credit through PARS."""

    code: str
    name: str
    id_optional: bool = False
    one_per_date: bool = False  # one record per learner, activity and completion date
    journal_exempt: bool = False  # ... unless the activity is journal-based
    names_or_birth_day: bool = False  # it finds its diplomate by its id and one of the two
    current: bool = True
    certainty: Certainty = Certainty.CONFIRMED
    credit_types: tuple[CreditType, ...] = ()  # empty: the board's types are not public


CME_CERTIFICATION: Final = "AMA PRA Category 1"
CERTIFICATIONS: Final = {
    "cme": CME_CERTIFICATION,
    "ipce": "IPCE",
    "nursing": "Nursing",
    "pharmacy": "Pharmacy",
    "aapa": "AAPA Category 1",
    "psychology": "Psychologist",
    "optometry": "Optometrist",
    "social-work": "Social Worker",
    "dentistry": "Dentist",
    "dietetics": "Dietetic CPEU",
    "athletic-training": "Athletic Training CEU",
}
"""Credit that no board stands behind, by a rule's word for it: all but the first are JA-PARS's."""
PHARMACY: Final = CERTIFICATIONS["pharmacy"]
CREDIT_UNIT: Final = "Point"
MODULE_STATUS: Final = "Completed"
JOURNAL_FORMAT: Final = "Journal-based CE"

_LIFELONG_LEARNING = CreditType(name="Lifelong Learning", aliases=("Lifelong Learning (CME)",))
_IMPROVEMENT = CreditType(
    name="Improvement in Medical Practice", aliases=("Improvement in Medical Practice (Part IV)",)
)
_PATIENT_SAFETY = CreditType(name="Patient Safety")
_ACCREDITED_CME = CreditType(name="Accredited CME")

BOARDS: Final = {
    board.code: board
    for board in (
        Board(
            code="ABA",
            name="American Board of Anesthesiology",
            one_per_date=True,
            credit_types=(_LIFELONG_LEARNING, _PATIENT_SAFETY),
        ),
        Board(
            code="ABIM",
            name="American Board of Internal Medicine",
            credit_types=(
                CreditType(name="Medical Knowledge", aliases=("Medical Knowledge (Part II)",)),
                CreditType(name="Practice Assessment", aliases=("Practice Assessment (Part IV)",)),
                _PATIENT_SAFETY,
            ),
        ),
        Board(
            code="ABOHNS",
            name="American Board of Otolaryngology - Head and Neck Surgery",
            credit_types=(
                _LIFELONG_LEARNING,
                CreditType(name="Self-Assessment Module", aliases=("Self-Assessment Module (Part II)",)),
                _IMPROVEMENT,
                _PATIENT_SAFETY,
            ),
        ),
        Board(
            code="ABOS",
            name="American Board of Orthopaedic Surgery",
            credit_types=(
                _ACCREDITED_CME,
                CreditType(name="Self-Assessment Examination", aliases=("Self-Assessment Examination (SAE)",)),
            ),
        ),
        Board(
            code="ABP",
            name="American Board of Pediatrics",
            one_per_date=True,
            journal_exempt=True,
            names_or_birth_day=True,
            credit_types=(
                CreditType(
                    name="Lifelong Learning and Self-Assessment",
                    aliases=("Lifelong Learning and Self-Assessment (Part II)",),
                ),
            ),
        ),
        Board(
            code="ABPATH",
            name="American Board of Pathology",
            credit_types=(
                _LIFELONG_LEARNING,
                _IMPROVEMENT,
                CreditType(
                    name="Self-Assessment", aliases=("Self-Assessment (Part II)",), last_completion=date(2020, 12, 31)
                ),
            ),
        ),
        Board(
            code="ABS",
            name="American Board of Surgery",
            id_optional=True,
            credit_types=(_ACCREDITED_CME, CreditType(name="Self-Assessment", aliases=("Self-Assessment (Part II)",))),
        ),
        Board(code="ABTS", name="American Board of Thoracic Surgery"),
        Board(
            code="ABPMR",
            name="American Board of Physical Medicine and Rehabilitation",
            certainty=Certainty.THIRD_PARTY,
        ),
        Board(
            code="ABO",
            name="American Board of Ophthalmology",
            current=False,
            credit_types=(_LIFELONG_LEARNING, _IMPROVEMENT),
        ),
    )
}

STATES: Final = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky",
    "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
    "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
    "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
    "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont",
    "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
}  # fmt: skip
TERRITORIES: Final = {
    "AS": "American Samoa", "GU": "Guam", "MP": "Northern Mariana Islands", "PR": "Puerto Rico",
    "UM": "US Minor Outlying Islands", "VI": "Virgin Islands",
}  # fmt: skip

REMS_DEA_REGISTRATIONS: Final = ("Individual", "Institutional", "None")
REMS_PROFESSIONS: Final = (
    "Physician", "Advanced practice nurse", "Physician Assistant", "Dentist", "Podiatrist", "Nurse", "Pharmacist",
    "Optometrist", "Psychologist", "Veterinarian", "Other healthcare professional", "Other",
)  # fmt: skip
REMS_PRACTICE_AREAS: Final = (
    "Addiction", "Anesthesiology", "Critical Care", "Dentistry", "Emergency", "Family Medicine", "Geriatric",
    "Hematology", "Hospice and/or Palliative Care", "Internal Medicine", "Neurology", "Obstetrics/Gynecology",
    "Oncology", "Ophthalmology", "Pain", "Pediatric", "Physical Medicine and Rehabilitation", "Psychiatry",
    "General Surgery", "Orthopedic surgery", "Other surgical specialty", "Urology", "Other", "N/A",
)  # fmt: skip
REMS_PRACTICE_AREA_ALIASES: Final = {"Substance Use Disorder": "Addiction"}
REMS_TIMES_IN_PRACTICE: Final = (
    "Trainee", "0-5 years post training", "6-10 years", "11-15 years", "16-20 years", "21+ years",
)  # fmt: skip

NPI_FORMAT: Final = re.compile(r"[0-9]{10}")
PROVIDER_ID_FORMAT: Final = re.compile(r"[0-9]{7}")
ACTIVITY_ID_FORMAT: Final = re.compile(r"[0-9]{9}")
CREDIT_ID_FORMAT: Final = re.compile(r"ccid:[^:]+:[^:]+")
CREDIT_ID_LONGEST: Final = 300
REMS_ID_DOMAIN_FORMAT: Final = re.compile(r"idd:[^:]+:[^:]+")

ORIGINS: Final = {
    "BOARDS": Origin(
        certainty=Certainty.CONFIRMED,
        source="ACCME's list of collaborating boards and its draft schema; `Board.certainty` says where that differs",
    ),
    "BOARDS.credit_types": Origin(
        certainty=Certainty.THIRD_PARTY,
        source="the pick-lists of a CME system; that the wire leaves out the bracketed part is inferred from ACCME's "
        "Excel sample, which says Medical Knowledge",
    ),
    "BOARDS.one_per_date": Origin(certainty=Certainty.CONFIRMED, source="ACCME's questions and answers on ABP and ABA"),
    "BOARDS.names_or_birth_day": Origin(certainty=Certainty.CONFIRMED, source="ACCME's questions and answers on ABP"),
    "BOARDS.id_optional": Origin(certainty=Certainty.CONFIRMED, source="the American Board of Surgery's own answers"),
    "BOARDS.last_completion": Origin(certainty=Certainty.CONFIRMED, source="ACCME's notice on ABPath self-assessment"),
    "CME_CERTIFICATION": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft activity schema"),
    "CERTIFICATIONS": Origin(
        certainty=Certainty.CONFIRMED,
        source="ACCME's draft activity schema of JA-PARS; that its learner records say the same words is inferred",
    ),
    "PHARMACY": Origin(
        certainty=Certainty.CONFIRMED, source="Joint Accreditation: pharmacists' credit goes to CPE Monitor"
    ),
    "CREDIT_UNIT": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
    "MODULE_STATUS": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
    "JOURNAL_FORMAT": Origin(certainty=Certainty.CONFIRMED, source="the public activity catalogue"),
    "STATES": Origin(certainty=Certainty.CONFIRMED, source="postal codes; ACCME takes credit for any state"),
    "TERRITORIES": Origin(certainty=Certainty.CONFIRMED, source="ACCME's activity upload specification"),
    "REMS_DEA_REGISTRATIONS": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
    "REMS_PROFESSIONS": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
    "REMS_PRACTICE_AREAS": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
    "REMS_PRACTICE_AREA_ALIASES": Origin(certainty=Certainty.CONFIRMED, source="MedBiquitous REMS guidelines 0.3"),
    "REMS_TIMES_IN_PRACTICE": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
    "NPI_FORMAT": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft transcript schema"),
    "PROVIDER_ID_FORMAT": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
    "ACTIVITY_ID_FORMAT": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
    "CREDIT_ID_FORMAT": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
    "CREDIT_ID_LONGEST": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
    "REMS_ID_DOMAIN_FORMAT": Origin(certainty=Certainty.CONFIRMED, source="ACCME's draft learner schema"),
}


def credit_type(board: str, text: str) -> CreditType | None:
    """The board's credit type that `text` names, by its name or an alias, in any case.

    >>> credit_type("ABIM", "medical knowledge (part ii)").name
    'Medical Knowledge'
    """
    wanted = " ".join(text.split()).casefold()
    types = BOARDS[board].credit_types if board in BOARDS else ()
    return next((one for one in types if wanted in (name.casefold() for name in (one.name, *one.aliases))), None)


def is_domain(domain: str) -> bool:
    """May an identifier be sent under this domain: `NPI`, a board's code, a state or a territory?"""
    return domain == "NPI" or domain in BOARDS or domain in STATES or domain in TERRITORIES

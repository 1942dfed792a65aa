"""The words PARS takes: boards, credit types, states, REMS answers. Data only; knows no document and no rule.

The credit types are known from a CME system's copy of the PARS pick-lists only, so each is taken with and without its
bracketed part.
"""

from __future__ import annotations

import re

CME = "AMA PRA Category 1"
REMS = "Opioid REMS"
PHARMACY = "Pharmacy"
JOINT = frozenset({
    "IPCE", "Nursing", "AAPA Category 1", "Psychologist", "Optometrist", "Social Worker", "Dentist", "Dietetic CPEU",
    "Athletic Training CEU", PHARMACY,
})  # fmt: skip
"""What JA-PARS takes beside CME, and what it leaves to CPE Monitor."""

BOARDS = ("ABA", "ABIM", "ABOHNS", "ABOS", "ABP", "ABPATH", "ABS", "ABTS", "ABPMR", "ABO")
BOARD_ID_OPTIONAL = "ABS"
ONE_PER_DATE = ("ABA", "ABP")
JOURNAL = "Journal-based CE"
SERIES = "Regularly Scheduled Series"
DISCONTINUED = {("ABPATH", "Self-Assessment"): "2020-12-31"}

_TYPES = {
    "ABIM": ("Medical Knowledge (Part II)", "Practice Assessment (Part IV)", "Patient Safety"),
    "ABA": ("Lifelong Learning (CME)", "Patient Safety"),
    "ABP": ("Lifelong Learning and Self-Assessment (Part II)",),
    "ABPATH": ("Lifelong Learning (CME)", "Improvement in Medical Practice (Part IV)", "Self-Assessment (Part II)"),
    "ABOHNS": (
        "Lifelong Learning (CME)",
        "Self-Assessment Module (Part II)",
        "Improvement in Medical Practice (Part IV)",
        "Patient Safety",
    ),
    "ABOS": ("Accredited CME", "Self-Assessment Examination (SAE)"),
    "ABS": ("Accredited CME", "Self-Assessment (Part II)"),
    "ABO": ("Lifelong Learning", "Improvement in Medical Practice"),
}
_BRACKETED = re.compile(r"\s*\([^)]*\)$")


def plain(credit_type: str) -> str:
    """`Medical Knowledge (Part II)` -> `Medical Knowledge`: the two spellings are one credit type."""
    return _BRACKETED.sub("", credit_type)


def is_credit_type(board: str, text: str) -> bool:
    """ABTS and ABPMR have published no list: any words but CME's own will do."""
    if board not in _TYPES:
        return text != CME
    return text in _TYPES[board] or text in {plain(known) for known in _TYPES[board]}


def has_types(board: str) -> bool:
    """Is a list of its credit types public?"""
    return board in _TYPES


def credit_type(board: str) -> str:
    """The first credit type of `board`, in the short spelling."""
    return plain(_TYPES.get(board, ("Continuing Certification",))[0])


STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii",
    "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana",
    "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi",
    "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey",
    "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma",
    "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota",
    "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington",
    "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming", "AS": "American Samoa", "GU": "Guam",
    "MP": "Northern Mariana Islands", "PR": "Puerto Rico", "UM": "US Minor Outlying Islands", "VI": "Virgin Islands",
}  # fmt: skip

DEA_REGISTRATIONS = frozenset({"Individual", "Institutional", "None"})
PROFESSIONS = frozenset({
    "Physician", "Advanced practice nurse", "Physician Assistant", "Dentist", "Podiatrist", "Nurse", "Pharmacist",
    "Optometrist", "Psychologist", "Veterinarian", "Other healthcare professional", "Other",
})  # fmt: skip
PRACTICE_AREAS = frozenset({
    "Addiction", "Anesthesiology", "Critical Care", "Dentistry", "Emergency", "Family Medicine", "Geriatric",
    "Hematology",
    "Hospice and/or Palliative Care", "Internal Medicine", "Neurology", "Obstetrics/Gynecology", "Oncology",
    "Ophthalmology", "Pain", "Pediatric", "Physical Medicine and Rehabilitation", "Psychiatry", "General Surgery",
    "Orthopedic surgery", "Other surgical specialty", "Urology", "Other", "N/A",
})  # fmt: skip
TIMES_IN_PRACTICE = frozenset({
    "Trainee", "0-5 years post training", "6-10 years", "11-15 years", "16-20 years", "21+ years",
})  # fmt: skip

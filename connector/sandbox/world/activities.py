"""The invented activities: what the provider's sheet says and what PARS holds. Knows no learner and no statement."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from connector.sandbox.pars import vocabulary
from connector.sandbox.pars.catalogue import Activity

OPIOID = "203512345"
HYPERTENSION = "203512346"
STEWARDSHIP = "203512347"
AIRWAY = "203512348"
ASTHMA = "203512349"
JOURNAL_CLUB = "203512350"
ROUNDS = "203512351"
DRAFT = "203512352"
STROKE = "203512353"
WOUNDS = "203512354"
HANDS = "203512355"
RADIATION = "203512356"
SEPSIS = "203512357"
ULTRASOUND = "203512358"
DIABETES = "203512359"

_COLUMNS = (
    "activity_id", "title", "start", "end", "credits", "boards", "credit_claim_date", "rems_type", "rems_rpc_id",
    "format",
)  # fmt: skip


def activities(today: date) -> tuple[Activity, ...]:
    """What PARS holds. Every activity runs from half a year ago to half a year ahead."""
    start, end = today - timedelta(days=180), today + timedelta(days=180)

    def of(activity_id: str, title: str, credits: str, *boards: str) -> Activity:  # noqa: A002 - the trade's word
        claim = end if boards else None
        own = f"ACT-{activity_id[-3:]}"
        return Activity(activity_id, title, start, end, Decimal(credits), boards, claim, provider_activity_id=own)

    opioid = of(OPIOID, "Update in Opioid Prescribing", "1.25")
    return (
        replace(opioid, rems_type="Opioid Analgesic", rems_rpc_id="EG-260000-001"),
        of(HYPERTENSION, "Hypertension in Primary Care", "2.00", "ABIM"),
        of(STEWARDSHIP, "Antibiotic Stewardship", "1.50"),
        replace(of(AIRWAY, "Airway Management Workshop", "4.00", "ABA"), format="Live Course"),
        of(ASTHMA, "Asthma in School Children", "1.00", "ABP"),
        replace(of(JOURNAL_CLUB, "Journal Club: Fever in Infants", "1.00", "ABP"), format=vocabulary.JOURNAL),
        replace(of(ROUNDS, "Quality and Safety Rounds", "12.00", *vocabulary.BOARDS), format=vocabulary.SERIES),
        replace(of(DRAFT, "Palliative Care Basics", "1.00"), state="Draft"),
        replace(of(STROKE, "Stroke Update", "1.00"), state="Closed"),
        of(WOUNDS, "Wound Care Basics", "0.75"),
        of(HANDS, "Hand Hygiene Essentials", "0.50"),
        of(RADIATION, "Radiation Safety", "0.50"),
        of(SEPSIS, "Sepsis Recognition", "0.25"),
        of(ULTRASOUND, "Point-of-care Ultrasound", "3.00"),
        of(DIABETES, "Diabetes Update", "1.00"),
    )


def activities_csv(held: tuple[Activity, ...]) -> str:
    """The provider's own sheet: it does not know that PARS has closed one of them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in held:
        if one.state != "Draft":
            claim, boards = one.credit_claim_date or "", ";".join(one.boards)
            registered = (one.credits, boards, claim, one.rems_type, one.rems_rpc_id, one.format)
            writer.writerow((one.activity_id, one.title, one.start, one.end, *registered))
    return out.getvalue()

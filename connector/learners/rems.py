"""The answers of a REMS record: what the statement did not say, the learner source may. Pure; names nobody."""

from __future__ import annotations

from typing import Any

from connector.pars.vocabulary import REMS_PRACTICE_AREA_ALIASES, REMS_PROFESSIONS, STATES, TERRITORIES
from connector.records import Learner, RemsAnswers

PROFESSIONS = {
    "MD": "Physician",
    "DO": "Physician",
    "NP": "Advanced practice nurse",
    "APRN": "Advanced practice nurse",
    "CRNA": "Advanced practice nurse",
    "PA": "Physician Assistant",
    "DDS": "Dentist",
    "DMD": "Dentist",
    "DPM": "Podiatrist",
    "RN": "Nurse",
    "LPN": "Nurse",
    "PHARMD": "Pharmacist",
    "RPH": "Pharmacist",
    "OD": "Optometrist",
    "PSYD": "Psychologist",
    "DVM": "Veterinarian",
}
"""Our learner sources' professions in the words of REMS records (design section 9)."""

_FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def complete(answers: RemsAnswers, learner: Learner) -> RemsAnswers:
    """The statement's answers win; the learner source fills the gaps. An unknown profession stays empty and is held."""
    known = learner.rems
    area = answers.practice_area or known.get("practice_area", "")
    filled: dict[str, Any] = {
        "profession": answers.profession or _profession(learner.profession),
        "practice_area": REMS_PRACTICE_AREA_ALIASES.get(area, area),
        "state": _state(answers.state or known.get("state", "")),
        "dea_registration": answers.dea_registration or known.get("dea_registration", ""),
        "time_in_practice": answers.time_in_practice or known.get("time_in_practice", ""),
    }
    if answers.surgical_procedures is None:
        filled["surgical_procedures"] = _FLAGS.get(known.get("surgical_procedures", "").lower())
    return answers.model_copy(update=filled)


def _profession(text: str) -> str:
    return text if text in REMS_PROFESSIONS else PROFESSIONS.get(text.upper(), "")


def _state(text: str) -> str:
    """REMS records name the state in full."""
    return {**STATES, **TERRITORIES}.get(text.upper(), text)

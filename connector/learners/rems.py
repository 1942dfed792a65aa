"""The answers of a REMS record: what the statement did not say, the learner source may. Pure; names nobody."""

from __future__ import annotations

from typing import Any

from connector.pars.vocabulary import STATES
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


def complete(answers: RemsAnswers, learner: Learner) -> RemsAnswers:
    """The statement's answers win; the learner source fills the gaps. An unknown profession stays empty and is held."""
    known = learner.rems
    filled: dict[str, Any] = {
        "profession": answers.profession or PROFESSIONS.get(learner.profession.upper(), ""),
        "practice_area": answers.practice_area or known.get("practice_area", ""),
        "state": _state(answers.state or known.get("state", "")),
        "dea_registration": answers.dea_registration or known.get("dea_registration", ""),
        "time_in_practice": answers.time_in_practice or known.get("time_in_practice", ""),
    }
    if answers.surgical_procedures is None and "surgical_procedures" in known:
        filled["surgical_procedures"] = known["surgical_procedures"].lower() in ("yes", "true", "1")
    return answers.model_copy(update=filled)


def _state(text: str) -> str:
    """REMS records name the state in full."""
    return STATES.get(text.upper(), text)

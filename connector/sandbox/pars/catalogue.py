"""The activities the rehearsal PARS knows, and the small judge of a saved one. Knows nothing of learners or credits.

Deliberately small: saving judges only the fields that ACCME's draft calls required, and nothing here claims to rehearse
SaveActivity beyond that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connector.sandbox.pars.record import Malformed


@dataclass(frozen=True)
class Activity:
    """One activity of the provider; `credits` is the most a learner can earn, for CME and for each board."""

    activity_id: str
    title: str
    start: date
    end: date
    credits: Decimal
    boards: tuple[str, ...] = ()
    credit_claim_date: date | None = None
    rems_type: str = ""
    rems_rpc_id: str = ""
    format: str = "Enduring Material"
    state: str = "Active"
    provider_activity_id: str = ""

    def shown(self) -> dict[str, Any]:
        """As the draft names things, as far as the rehearsal knows them."""
        identifiers = [{"catalog": "ACCME Activity ID", "entry": self.activity_id}]
        if self.provider_activity_id:
            identifiers.append({"catalog": "Provider Activity ID", "entry": self.provider_activity_id})
        education = {
            "credits": [{"activityCertification": "AMA PRA Category 1", "numberOfCredits": float(self.credits)}],
            "startDateTime": f"{self.start}T00:00:00",
            "endDateTime": f"{self.end}T00:00:00",
            "activitySponsorship": "direct",
            "activityFormat": self.format,
        }
        return {
            "ReportDescription": {"ReportingStartDate": str(self.start), "ReportingEndDate": str(self.end)},
            "Lom": {"general": {"identifier": identifiers, "title": self.title, "description": self.title}},
            "healthcareMetadata": {"healthcareEducation": education},
            "XtensibleInfo": {
                "ActivityStatus": self.state,
                "MOCRegistrations": {"MOCRegistration": [self._registration(board) for board in self.boards]},
            }
            | ({"REMS": self._rems()} if self.rems_type else {}),
        }

    def _registration(self, board: str) -> dict[str, Any]:
        claim = {"CreditClaimDate": str(self.credit_claim_date)} if self.credit_claim_date else {}
        return {"boardName": board, "mocPoints": float(self.credits), **claim}

    def _rems(self) -> dict[str, str]:
        return {"REMSType": self.rems_type, "REMSRelatedIdentifier": self.rems_rpc_id}


_REQUIRED = (
    "ReportDescription.ReportingStartDate",
    "ReportDescription.ReportingEndDate",
    "Lom.general.identifier",
    "Lom.general.title",
    "Lom.general.description",
    "healthcareMetadata.healthcareEducation.credits",
    "healthcareMetadata.healthcareEducation.startDateTime",
    "healthcareMetadata.healthcareEducation.endDateTime",
    "healthcareMetadata.healthcareEducation.activitySponsorship",
    "healthcareMetadata.healthcareEducation.activityFormat",
)


def judged_activities(document: Any) -> list[Mapping[str, Any]]:
    """The activities of a saved document, or Malformed naming the first required field that is missing."""
    try:
        activities = document["ACCMEActivities"]["MedicalEducationMetrics"]
    except (KeyError, TypeError):
        raise Malformed("Invalid data", "the root is ACCMEActivities with MedicalEducationMetrics") from None
    if not isinstance(activities, list) or not activities:
        raise Malformed("Missing data", "MedicalEducationMetrics is a list of at least one activity")
    for activity in activities:
        for path in _REQUIRED:
            if not _at(activity, path):
                raise Malformed("Missing data", f"{path} is missing")
    return activities


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value

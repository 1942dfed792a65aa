"""A judge of JSON learner documents, by hand: names and rules as wire.md has them, nothing taken from the renderer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

Rule = Any  # a pattern, a type, a list of one rule, a dict of rules (key? is optional)

DOCUMENT: Rule = {
    "ACCMELearnerReports": {
        "ActivityReports": {
            "DateTimeCreated": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
            "ActivityReport": [
                {
                    "ReportingOrganization": str,
                    "Member": {
                        "Name": {"GivenName": str, "FamilyName": str},
                        "PersonalInfo": {"BirthDate": r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"},
                    },
                    "Activity": {
                        "ProviderOrganization": r"[0-9]{7}",
                        "Module": {
                            "ModuleName": {"value": str, "moduleID": r"[0-9]{9}"},
                            "Status": "Completed",
                            "CompletedDateTime": r"\d{4}-\d\d-\d\dT00:00:00",
                            "CreditCertificate": [
                                {
                                    "UniqueID?": {"value": str, "domain": r"NPI|[A-Z]{2}|AB[A-Z]+"},
                                    "CreditReceived": {
                                        "activityCertification": str,
                                        "creditUnit": "Point",
                                        "numberOfCredits": Decimal,
                                    },
                                    "CreditID": r"ccid:[^:]+:[^:]+",
                                }
                            ],
                        },
                    },
                    "XtensibleInfo": {"LearnerRecordAction": "add|delete"},
                }
            ],
        }
    }
}


def faults(value: Any, rule: Rule = DOCUMENT, at: str = "$") -> Iterator[str]:
    """Every place where the document breaks the rule."""
    if isinstance(rule, dict):
        yield from _object(value, rule, at)
    elif isinstance(rule, list):
        if not isinstance(value, list) or not value:
            yield f"{at}: not a list with something in it"
        else:
            for place, item in enumerate(value):
                yield from faults(item, rule[0], f"{at}[{place}]")
    elif rule is Decimal:
        if not isinstance(value, Decimal) or value % Decimal("0.25"):
            yield f"{at}: not a number in quarter steps"
    elif not isinstance(value, str) or not value:
        yield f"{at}: not a text"
    elif isinstance(rule, str) and not re.fullmatch(rule, value):
        yield f"{at}: not {rule}"


def _object(value: Any, rule: dict[str, Rule], at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: not an object"
        return
    known = {key.removesuffix("?"): key for key in rule}
    yield from (f"{at}.{key}: unknown" for key in value.keys() - known.keys())
    for name, key in known.items():
        if name in value:
            yield from faults(value[name], rule[key], f"{at}.{name}")
        elif not key.endswith("?"):
            yield f"{at}.{name}: missing"

"""The short names that stand for the IRIs in use for verbs and activity types. Data only; compares nothing.

The same thing has several IRIs in the wild, and most are seen with http and with https: a short name means all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_ADL_VERB = "adlnet.gov/expapi/verbs/"
_ADL_TYPE = "adlnet.gov/expapi/activities/"
_EDLM = "xapi.edlm/profiles/edlm-lms/concepts/"
_W3ID_ADL = "w3id.org/xapi/adl/verbs/"
_W3ID_TLA = "w3id.org/xapi/tla/verbs/"
_STREAMS = "activitystrea.ms/schema/1.0/"
_TINCAN_TYPE = "id.tincanapi.com/activitytype/"


def _both_schemes(names: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    schemes = ("http://", "https://")
    return {name: frozenset(scheme + iri for iri in iris for scheme in schemes) for name, iris in names.items()}


VERBS: Final = _both_schemes(
    {
        "abandoned": [_W3ID_ADL + "abandoned"],
        "achieved": [_W3ID_TLA + "achieved"],
        "answered": [_ADL_VERB + "answered"],
        "attempted": [_ADL_VERB + "attempted"],
        "attended": [_ADL_VERB + "attended"],
        "completed": [_ADL_VERB + "completed", _STREAMS + "complete"],
        "enrolled": [_EDLM + "verbs/enrolled"],
        "experienced": [_ADL_VERB + "experienced"],
        "failed": [_ADL_VERB + "failed"],
        "forfeited": [_W3ID_TLA + "forfeited"],
        "marked completion": ["vocab.xapi.fr/verbs/marked-completion"],
        "mastered": [_ADL_VERB + "mastered"],
        "passed": [_ADL_VERB + "passed"],
        "progressed": [_ADL_VERB + "progressed"],
        "satisfied": [_W3ID_ADL + "satisfied"],
        "scored": [_W3ID_TLA + "scored", _ADL_VERB + "scored"],
        "submitted": [_STREAMS + "submit"],
        "terminated": [_ADL_VERB + "terminated"],
        "uncompleted": [_EDLM + "verbs/uncompleted"],
        "voided": [_ADL_VERB + "voided"],
        "waived": [_W3ID_ADL + "waived"],
    }
)

ACTIVITY_TYPES: Final = _both_schemes(
    {
        "assignment": [_EDLM + "activity-types/assignment"],
        "block": ["w3id.org/xapi/cmi5/activitytype/block"],
        "certificate": [_EDLM + "activity-types/certificate"],
        "course": [
            "w3id.org/xapi/cmi5/activitytype/course",
            _ADL_TYPE + "course",
            _TINCAN_TYPE + "lms/course",
            "vocab.xapi.fr/activities/course",
        ],
        "feedback": [_EDLM + "activity-types/feedback"],
        "lesson": [_ADL_TYPE + "lesson"],
        "meeting": [_ADL_TYPE + "meeting"],
        "module": [_ADL_TYPE + "module", _TINCAN_TYPE + "lms/module"],
        "objective": [_ADL_TYPE + "objective"],
        "question": [_ADL_TYPE + "cmi.interaction"],
        "quiz": [_ADL_TYPE + "assessment"],
        "quiz attempt": [_ADL_TYPE + "attempt"],
        "scorm content": [_EDLM + "activity-types/scorm-content-object"],
        "section": [_TINCAN_TYPE + "section"],
        "site": [_TINCAN_TYPE + "lms"],
        "submission": [_EDLM + "activity-types/submission"],
    }
)

COMPLETING: Final = frozenset[str]().union(
    *(VERBS[name] for name in ("achieved", "attended", "completed", "marked completion", "mastered", "passed")),
    *(VERBS[name] for name in ("satisfied", "waived")),
)
"""The verbs by which systems say that somebody has finished something."""

"""Drafts of mapping files from what an LRS holds: a person fills in activity ids and credits. Writes text, no file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from datetime import date

from connector.inquiry.listing import counted
from connector.inquiry.suggest import FORMULA, Course
from connector.mapping.language.short_names import ACTIVITY_TYPES, VERBS

SCHEMA = "# yaml-language-server: $schema=mapping.schema.json"
"""Beside the draft, as `pars-connector mappings schema` prints it."""
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")

_RULES = """\
{schema}
# A draft of {day} by `pars-connector mappings suggest`: {count} of what learners have completed.
#
# For each rule fill in the activity id and the credits, or delete the rule: a course without credit needs none.
# `pars-connector lint` points at what is still open; nothing of a file with an error goes live.
version: 1
rules:
"""

_RULE = """\
  # {title}: {statements}, {learners}
  - name: "{name}"
    when:
      - {{path: verb.id, {verbs}}}
      - {{path: object.id, is: {object_id}}}
{type}    activity: ""
    credits:
      - {{type: cme, amount: }}
"""

_CATALOGUE = """\
{schema}
# A draft of {day} by `pars-connector mappings suggest`: one rule, and a row of {sheet} for each of {count}.
#
# In the sheet fill in `activity_id` and `credits` (and a board's column, such as ABIM, for its points). A row without
# an activity id gives no credit: its completions are ignored until there is one. Each learner earns each activity once,
# whichever of the verbs came, and however often: that is `per: activity`, which counts where a rule names no other.
version: 1
rules:
  - name: "{name}"
    when:
      - {{path: verb.id, {verbs}}}
{type}    catalogue: {{from: {quoted_sheet}, key: object.id}}
"""


def as_rules(courses: Sequence[Course], day: date) -> str:
    """A mapping file with a rule for each course."""
    names: dict[str, int] = {}
    text = _RULES.format(schema=SCHEMA, day=day, count=_counted(courses))
    return text + "\n".join(_rule(one, _unique(names, one.title or one.object_id)) for one in courses)


def _rule(one: Course, name: str) -> str:
    return _RULE.format(
        title=one.title or one.object_id, name=name,
        statements=counted(one.statements, "statement", "statements"),
        learners=counted(one.learners, "learner", "learners"),
        verbs=_verbs(one.verbs), object_id=_quoted(one.object_id), type=_type(one.types),
    )  # fmt: skip


def as_catalogue(courses: Sequence[Course], day: date, *, name: str, sheet: str) -> tuple[str, str]:
    """A mapping file with one rule, and the sheet that it names, as CSV; `name` is made a rule's name."""
    verbs = sorted({verb for one in courses for verb in one.verbs})
    types = sorted({kind for one in courses for kind in one.types})
    text = _CATALOGUE.format(
        schema=SCHEMA, day=day, count=_counted(courses), name=_unique({}, name), sheet=sheet,
        quoted_sheet=_quoted(sheet), verbs=_verbs(verbs), type=_type(types),
    )  # fmt: skip
    page = io.StringIO(newline="")
    writer = csv.writer(page)
    writer.writerow(["object_id", "activity_id", "credits", "title", "statements", "learners"])
    writer.writerows([one.object_id, "", "", _inert(one.title), one.statements, one.learners] for one in courses)
    return text, page.getvalue()


def _inert(text: str) -> str:
    """A title from an LRS that Excel would run as a formula stays text."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _verbs(verbs: Sequence[str]) -> str:
    quoted = [_quoted(verb) for verb in verbs]
    return f"is: {quoted[0]}" if len(quoted) == 1 else f"one_of: [{', '.join(quoted)}]"


def _type(types: Sequence[str]) -> str:
    """A condition on the type; none where some statement has no type."""
    if not all(types):
        return ""
    return f"      - {{path: object.definition.type, {_verbs(types)}}}\n"


def _quoted(text: str) -> str:
    """A short name as it is, everything else in quotes: a question mark in braces would be misread, or `true`."""
    return text if text in VERBS or text in ACTIVITY_TYPES else json.dumps(text, ensure_ascii=False)


def _unique(names: dict[str, int], title: str) -> str:
    """A rule's name from a title; `names` are those that are taken, with the last number that each was given.

    >>> names = {}
    >>> _unique(names, "Opioid Update: 2026"), _unique(names, "Opioid update 2026"), _unique(names, "李")
    ('opioid-update-2026', 'opioid-update-2026-2', 'course')
    """
    slug = _NOT_IN_A_NAME.sub("-", title.lower().removeprefix("https://").removeprefix("http://")).strip("-")
    slug = slug[:80].strip("-") or "course"
    number = names.get(slug, 0) + 1
    while (name := slug if number == 1 else f"{slug}-{number}") in names:
        number += 1
    names[slug] = number
    names.setdefault(name, 1)
    return name


def _counted(courses: Iterable[Course]) -> str:
    return counted(sum(1 for _ in courses), "course", "courses")

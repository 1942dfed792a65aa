"""The form of a mapping file: what a rule may say, and which words it may use. Knows no statement."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictInt,
    model_validator,
)

from connector.config import duration
from connector.findings import did_you_mean
from connector.mapping.cases.form import RuleTest
from connector.mapping.language.conditions import Condition, fault, some
from connector.mapping.language.offers import Credit, Name, Rems, Version
from connector.mapping.language.paths import Path, read_path
from connector.records import Frozen


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "posixrules", "Factory"}


def _zone(name: str) -> str:
    if name not in _zones():
        hint = did_you_mean(name[:80], _zones()) or "write it as America/Chicago"
        raise fault("mapping.unknown_zone", "no such time zone", hint)
    return name


def digits(code: str, what: str, count: int) -> BeforeValidator:
    """Ids are texts of digits; without quotes and leading zeros YAML makes them numbers, which is as good."""

    def check(value: Any) -> str:
        text = str(value) if isinstance(value, int) else value
        if not isinstance(text, str) or len(text) != count or not (text.isascii() and text.isdigit()):
            raise fault(code, f"{what} has {count} digits", "put it in quotes, with its leading zeros")
        return text

    return BeforeValidator(check)


def _span(value: Any) -> Any:
    try:
        return duration(value)
    except ValueError as error:
        raise fault("mapping.within", str(error)) from None


def digest(value: Any) -> str:
    """The same for the same values, in whatever order their keys stand."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _key_of(when: tuple[Condition, ...]) -> str:
    return digest([condition.model_dump(mode="json", by_alias=True, exclude_defaults=True) for condition in when])


def _sheet_name(name: str) -> str:
    """Seen from the mapping folder: a version in the store is read on other machines, and a folder may be copied."""
    if not name.isprintable() or "\\" in name:
        raise fault("mapping.catalogue_path", "is not the path of a sheet", "write it with `/` between folders")
    if name.startswith("/"):
        raise fault("mapping.catalogue_path", "is an absolute path", "write it from the mapping folder: ../courses.csv")
    return name


def _column(name: str) -> str:
    """Sheets tell columns by their letters and digits alone."""
    if not any(mark.isalnum() for mark in name):
        raise fault("config.sheet_column", "is no name of a column", "write it as it stands in the sheet's header")
    return name


def _each_once(credits_: tuple[Credit, ...]) -> tuple[Credit, ...]:
    names = [name for credit in credits_ for name in credit.certifications]
    if len(names) > len(set(names)):
        raise fault("mapping.duplicate_credit", "offers one certification twice")
    return credits_


Zone = Annotated[str, AfterValidator(_zone)]
Per = Literal["activity", "date", "session", "registration"]
Credits = Annotated[tuple[Credit, ...], AfterValidator(_each_once)]


class CompletedOn(Frozen):
    """Where the completion's time stands, and whose calendar gives its date: else the source's or the provider's.

    `from: moodle` leaves it open: the statement's time is when Moodle's cron noticed, Moodle itself knows better.
    """

    path: Path = Field(default_factory=lambda: read_path("timestamp"))
    from_: Literal["moodle"] | None = Field(None, alias="from")
    zone: Zone | None = None

    @model_validator(mode="after")
    def _one_place(self) -> CompletedOn:
        if self.from_ and "path" in self.model_fields_set:
            raise fault(
                "mapping.completed_on", "takes `path` or `from`, not both: Moodle is asked for the time", at=("path",)
            )
        return self

    @property
    def is_open(self) -> bool:
        """The statement does not say it: somebody is asked before the award is made."""
        return self.from_ is not None

    def completed_by(self, common: CompletedOn) -> CompletedOn:
        """With what the file's defaults say of the place and of the zone, where this says nothing of it."""
        said = self.model_fields_set
        silent = [{"zone"} - said, set() if said & {"path", "from_"} else {"path", "from_"}]
        taken = set[str]().union(*silent) & common.model_fields_set
        return self.model_copy(update={name: getattr(common, name) for name in taken})


class AlsoRequires(Frozen):
    """Another statement of the same learner that a completion needs, before or after it."""

    within: Annotated[timedelta, BeforeValidator(_span)]
    when: Annotated[tuple[Condition, ...], AfterValidator(some)]

    @property
    def key(self) -> str:
        """What evidence names that meets it: the same for the same conditions, in whatever rule."""
        return _key_of(self.when)


class Catalogue(Frozen):
    """A sheet that gives activity and credits, by the row whose `column` holds what `key` finds in the statement."""

    from_: Annotated[str, Field(min_length=1, max_length=300, alias="from"), AfterValidator(_sheet_name)]
    key: Path = Field(default_factory=lambda: read_path("object.id"))
    column: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_column)] = "object_id"


class Rule(Frozen):
    """Which statements count, and what a learner earns by one."""

    name: Name
    provider: Annotated[str, digits("mapping.provider_id", "a provider's ACCME id", 7)] | None = None
    when: Annotated[tuple[Condition, ...], AfterValidator(some)]
    also_requires: tuple[AlsoRequires, ...] = ()
    undone_by: tuple[Condition, ...] = ()
    activity: Annotated[str, digits("mapping.activity_id", "an ACCME activity id", 9)] = ""
    catalogue: Catalogue | None = None
    completed_on: CompletedOn = CompletedOn()
    per: Per = "activity"
    credits: Credits = ()
    rems: Rems | None = None
    priority: StrictInt = 0
    tests: tuple[RuleTest, ...] = ()

    @model_validator(mode="after")
    def _one_place(self) -> Rule:
        if bool(self.activity) == (self.catalogue is not None):
            message = "names both `activity` and `catalogue`" if self.activity else "names no `activity`"
            raise fault("mapping.no_activity", message, "write an activity id of 9 digits, or a `catalogue`")
        return self

    @property
    def undone_key(self) -> str:
        """What evidence names that undoes it; empty where nothing does."""
        return _key_of(self.undone_by) if self.undone_by else ""

    @property
    def hash(self) -> str:
        """The same for every spelling of the same rule, whatever its file, place, comments and tests."""
        return digest(self.words())

    def words(self, *apart: str) -> dict[str, Any]:
        """All that it says, in one spelling, without the keys in `apart` and the tests."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"tests", *apart})


class FileDefaults(Frozen):
    """What the rules of a file have in common: a rule's own word counts, and its `when` is asked besides."""

    provider: Annotated[str, digits("mapping.provider_id", "a provider's ACCME id", 7)] | None = None
    when: tuple[Condition, ...] = ()
    undone_by: tuple[Condition, ...] = ()
    completed_on: CompletedOn = CompletedOn()
    per: Per = "activity"
    credits: Credits = ()
    priority: StrictInt = 0


class MappingFile(Frozen):
    """One file of the mapping folder."""

    version: Version
    defaults: FileDefaults = FileDefaults()
    rules: Annotated[tuple[Rule, ...], AfterValidator(some)]

    @property
    def effective(self) -> MappingFile:
        """The same with every rule complete: what the defaults say stands in each."""
        return self.model_copy(update={"rules": tuple(self._completed(rule) for rule in self.rules)})

    def _completed(self, rule: Rule) -> Rule:
        said = self.defaults.model_fields_set - rule.model_fields_set - {"when"}
        common: dict[str, Any] = {name: getattr(self.defaults, name) for name in said}
        if self.defaults.when:
            common["when"] = (*self.defaults.when, *rule.when)
        if "completed_on" in rule.model_fields_set:
            common["completed_on"] = rule.completed_on.completed_by(self.defaults.completed_on)
        return rule.model_copy(update=common) if common else rule

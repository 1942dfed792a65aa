"""`learners` of config.yaml: where identities come from, who may earn what, and what PARS is asked beforehand."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from connector.config.values import Duration, HeaderValue, Login, Secret, Zone, own_headers, web_template
from connector.pars.vocabulary import CERTIFICATIONS, CME_CERTIFICATION
from connector.records import Frozen

LearnerField = Literal[
    "given_name", "family_name", "birth_day", "npi", "state", "licence", "board", "board_id", "profession", "consent"
]
ProfileField = (
    LearnerField
    | Literal[
        "consent_at", "rems_practice_area", "rems_state", "rems_dea_registration", "rems_surgical_procedures",
        "rems_time_in_practice",
    ]
)  # fmt: skip

CACHE = timedelta(hours=24)


class SheetSource(Frozen):
    """A sheet of learners, CSV or XLSX, one row a person (docs/reference/learners.md names its columns)."""

    sheet: Path


class StatementSource(Frozen):
    """Identity that the statement itself carries: learner field -> JMESPath."""

    statement: dict[LearnerField, str]


class MoodleProfile(Frozen):
    """The user profiles of the Moodle behind a source: learner field -> short name of the profile field.

    A board's id has a field of its own (`boards`), and so may a licence (`licences`).
    """

    source: str  # of `sources`, which has a `moodle`
    fields: dict[ProfileField, str] = Field(default_factory=dict)
    boards: dict[str, str] = Field(default_factory=dict)  # ABIM -> abimid
    licences: dict[str, str] = Field(default_factory=dict)  # CA -> licenceca
    professions: dict[str, str] = Field(default_factory=dict)  # what a menu shows -> MD
    zone: Zone | None = None  # of the site, in whose midnight a birth date is kept; left out: the source's


class MoodleSource(Frozen):
    """`moodle`, with how long an answer is good for."""

    moodle: MoodleProfile
    cache: Duration = CACHE


class SqlQuery(Frozen):
    """A read-only question to a database of the house; its columns are named as a learner sheet's."""

    url: Secret  # SQLAlchemy's, which may hold a password
    query: str  # with :emails, :accounts or :mbox_sha1sums, each an expanding list
    home_page: str = ""  # of the accounts, where no column says it
    timeout: Duration = timedelta(seconds=30)


class SqlSource(Frozen):
    """`sql`, with how long an answer is good for."""

    sql: SqlQuery
    cache: Duration = CACHE


class HttpEndpoint(Frozen):
    """An endpoint that answers with JSON: asked for one learner by GET (`{email}` or `{account}` stands in `url`), or
    for many by POST of {"emails": [...], "accounts": [...]}."""

    url: Annotated[str, AfterValidator(web_template)]
    people: str = "@"  # JMESPath to the list of people (or the one person) in the answer
    fields: dict[str, str] = Field(default_factory=dict)  # column of a learner sheet -> JMESPath in one person
    home_page: str = ""
    login: Login | None = None
    headers: Annotated[dict[str, HeaderValue], AfterValidator(own_headers)] = Field(default_factory=dict)
    batch: Annotated[int, Field(ge=1, le=1000)] = 100
    timeout: Duration = timedelta(seconds=30)
    ca_bundle: Path | None = None


class HttpSource(Frozen):
    """`http`, with how long an answer is good for."""

    http: HttpEndpoint
    cache: Duration = CACHE


_KINDS = ("sheet", "statement", "moodle", "sql", "http")


def _kind(value: Any) -> str:
    named = value if isinstance(value, dict) else type(value).model_fields if isinstance(value, Frozen) else {}
    return next((kind for kind in _KINDS if kind in named), "sheet")


LearnerSource = Annotated[
    Annotated[SheetSource, Tag("sheet")]
    | Annotated[StatementSource, Tag("statement")]
    | Annotated[MoodleSource, Tag("moodle")]
    | Annotated[SqlSource, Tag("sql")]
    | Annotated[HttpSource, Tag("http")],
    Discriminator(_kind),
]


JaKind = Literal[
    "ipce", "nursing", "aapa", "psychology", "optometry", "social-work", "dentistry", "dietetics", "athletic-training"
]
JA_PROFESSIONS: Final[dict[JaKind, tuple[str, ...]]] = {
    "nursing": (
        "RN", "LPN", "LVN", "APRN", "NP", "FNP", "CNM", "CNS", "CRNA", "DNP", "MSN", "BSN", "Nurse",
        "Advanced practice nurse",
    ),
    "aapa": ("PA", "PA-C", "Physician Assistant"),
    "psychology": ("PsyD", "Psychologist"),
    "optometry": ("OD", "Optometrist"),
    "social-work": ("LCSW", "LMSW", "LSW", "MSW", "Social Worker"),
    "dentistry": ("DDS", "DMD", "Dentist"),
    "dietetics": ("RD", "RDN", "DTR", "NDTR", "Registered Dietitian", "Dietetic Technician Registered"),
    "athletic-training": ("ATC", "Athletic Trainer"),
}  # fmt: skip
"""Who earns which of JA-PARS's credits; our own reading, for JA-PARS names professions and not degrees."""


def _with_defaults(given: dict[JaKind, tuple[str, ...]]) -> dict[JaKind, tuple[str, ...]]:
    return {**JA_PROFESSIONS, **given}


class LearnersConfig(Frozen):
    """Where identities come from, asked in order, and who is eligible."""

    sources: tuple[LearnerSource, ...] = ()
    refresh: Duration = timedelta(hours=1)
    cme_professions: tuple[str, ...] = ("MD", "DO")
    moc_professions: tuple[str, ...] = ("MD", "DO")
    ja_professions: Annotated[dict[JaKind, tuple[str, ...]], AfterValidator(_with_defaults)] = Field(
        default_factory=lambda: dict(JA_PROFESSIONS)
    )
    prevalidate: Literal["off", "warn", "hold"] = "warn"
    new_id: Duration = timedelta(days=7)  # how long an id that PARS does not know may simply be too new
    known: str = ""  # the actor key of one learner in every source, by whom `check --learners` proves rights and names

    @property
    def earning(self) -> tuple[str, ...]:
        """The professions that earn credit of any kind."""
        return (*self.cme_professions, *self.moc_professions, *chain.from_iterable(self.ja_professions.values()))

    def professions(self, kind: str, certification: str) -> tuple[str, ...] | None:
        """Who may earn the credit; None: whoever has a profession."""
        if kind == "moc":
            return self.moc_professions
        if certification == CME_CERTIFICATION:
            return self.cme_professions
        named: dict[str, tuple[str, ...]] = {CERTIFICATIONS[word]: who for word, who in self.ja_professions.items()}
        return named.get(certification)

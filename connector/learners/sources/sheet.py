"""Learners from a sheet, CSV or XLSX, as Excel leaves it; read again when the file changes."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from connector.errors import ConfigError, ConnectorError, RetryLater
from connector.findings import Finding
from connector.learners.sources.fields import is_clean, lack, lacking, learner, tidy, whole
from connector.lrs.actors import actor_key
from connector.pars import identifiers
from connector.pars.identifiers import UNREADABLE
from connector.pars.vocabulary import STATES, TERRITORIES
from connector.records import ActorKey, Found, Identifier, Problem
from connector.sheets import SheetRow, read_sheet
from connector.sheets.rows import CELL, letters

COLUMNS = (
    "username",
    "email",
    "account",
    "home_page",
    "given_name",
    "family_name",
    "birth_day",
    "npi",
    "state",
    "licence",
    "board",
    "board_id",
    "profession",
    "consent",
    "consent_at",
    "rems_practice_area",
    "rems_state",
    "rems_dea_registration",
    "rems_surgical_procedures",
    "rems_time_in_practice",
)

_WORDS = {
    "email": "e_mail, mail, email_address, e_mail_address",
    "account": "user_id, userid, account_name",
    "username": "user_name, login",
    "home_page": "homepage",
    "given_name": "first_name, firstname, first, given, forename, givenname",
    "family_name": "last_name, lastname, last, surname, family, familyname",
    "birth_day": "birthday, dob, dob_mm_dd, birth_mm_dd, date_of_birth, birth_date, birthdate, month_and_day_of_birth",
    "npi": "npi_number, npi_no",
    "state": "license_state, licence_state, licensing_state, state_of_licensure, state_of_license",
    "licence": (
        "license, license_number, licence_number, license_no, licence_no, license_id, licensing_id, state_license, "
        "state_licence, state_license_number, state_licence_number, medical_license, medical_license_number"
    ),
    "board": "certifying_board, board_code",
    "board_id": "certifying_board_id, board_number, diplomate_id, diplomate_number",
    "profession": "degree, credential, credentials",
    "consent": "permission, consent_given, consent_to_report, permission_to_report",
    "consent_at": "consent_date, date_of_consent, permission_date",
}
ALIASES = {other: column for column, others in _WORDS.items() for other in others.split(", ")}
"""What the columns of people's own sheets are called, in lower case, with `_` for whatever stands between words."""
_SAYS_NO = ("birth_day", "npi", "licence", "board_id", "consent")
"""Where a cell that cannot be read is more than an empty one: the gates hold it."""

Fingerprint = tuple[int, int, int, int] | None


@dataclass(frozen=True)
class _Sheet:
    """Everybody in it by his keys; the columns it has, the keys of several rows."""

    people: Mapping[ActorKey, Found]
    columns: tuple[str, ...]
    shared: frozenset[ActorKey]


class SheetFile:
    """`fetch` answers for every actor key that a row's email, account or username makes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def stamp(self) -> object:
        return _fingerprint(self._path)

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]:
        """Raises ConfigError when the sheet cannot be read, RetryLater while it is being written."""
        people = self._read().people
        return {key: people[key] for key in keys if key in people}

    def unusable(self) -> list[Problem]:
        """The cells that gates will hold, by what is wrong with them, and never with what stands there."""
        rows = read_sheet(self._path, required=(), optional=COLUMNS, aliases=ALIASES, keep_faults=True).rows
        found = defaultdict[tuple[str, str], list[str]](list)
        for row in rows:
            for finding in _unusable(row):
                found[finding.message, finding.hint].append(f"{letters(finding.column or 1)}{finding.line}")
        return [
            Problem(code=CELL, message=f"{message}: {_listed(cells)}", hint=hint)
            for (message, hint), cells in found.items()
        ]

    def prove(self, key: ActorKey) -> list[Problem]:
        """The columns of the sheet that are empty for this learner."""
        sheet = self._read()
        if key in sheet.shared:
            return [_SEVERAL]
        if key not in sheet.people:
            return [_UNKNOWN]
        empty = lacking(sheet.people[key].learner, sheet.columns)
        hint = "fill it in, or leave the column out where another source says it"
        return [lack(column, f"the column {column} is empty for this learner", hint) for column in empty]

    def _read(self) -> _Sheet:
        return _read(self._path, _fingerprint(self._path))


@lru_cache(maxsize=4)
def _read(path: Path, before: Fingerprint) -> _Sheet:
    """Kept from one turn to the next: the daemon asks every second, the sheet changes every night."""
    try:
        rows = read_sheet(path, required=(), optional=COLUMNS, aliases=ALIASES, keep_faults=True).rows
    except ConfigError as error:
        raise _changing() if before and _fingerprint(path) != before else error from None
    if _fingerprint(path) != before:
        raise _changing()
    return _index(path, rows)


def _changing() -> ConnectorError:
    return RetryLater("learner.sheet_changing", "the learner sheet changed while it was read")


def _fingerprint(path: Path) -> Fingerprint:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def _index(path: Path, rows: list[SheetRow]) -> _Sheet:
    """Nobody can tell who it was by a key that several rows have, so that none of them has it: neither is a
    statement credited to one of them, nor are two people linked by their mailbox."""
    keys = [row_keys(row.cells) for row in rows]
    if rows and not any(keys):
        message = "no row names an actor: fill in email, or home_page with account or username"
        raise ConfigError("config.sheet_column", message, where=str(path))
    uses = Counter(key for mine in keys for key in mine)
    people = {}
    for row, mine in zip(rows, keys, strict=True):
        own = tuple(key for key in mine if uses[key] == 1)
        answer = Found(learner=learner(_readable(row), f"sheet:{path.name}"), keys=own)
        people.update(dict.fromkeys(own, answer))
    return _Sheet(
        people=people,
        columns=tuple(rows[0].places) if rows else (),
        shared=frozenset(key for key, times in uses.items() if times > 1),
    )


def _readable(row: SheetRow) -> dict[str, str]:
    """A formula as a name is no name; as a number or a permission it is one that the gates must hold."""
    return row.cells | {column: UNREADABLE for column in _SAYS_NO if column in row.faults}


def row_keys(row: Mapping[str, str]) -> list[ActorKey]:
    """Every actor key this row stands for: the mailbox in all its spellings, and the accounts at its home page.

    One with control characters is none: without them it may be somebody else's.
    """
    actors: list[dict[str, object]] = []
    for written in filter(None, map(_mailbox, filter(is_clean, row["email"].split(";")))):
        mailbox = written.lower()
        actors.append({"mbox": f"mailto:{mailbox}"})
        # The specification hashes `mailto:..`; Open edX hashes the bare address.
        spelled = dict.fromkeys((mailbox, written))
        actors += [{"mbox_sha1sum": _sha1(text)} for one in spelled for text in (f"mailto:{one}", one)]
    if home := tidy(row["home_page"] if is_clean(row["home_page"]) else ""):
        names = [name for one in ("account", "username") if is_clean(row[one]) and (name := whole(tidy(row[one])))]
        if len(names) > 1 and names[1].isdecimal():
            names.pop()  # where accounts are numbers, a user name of digits is somebody else's number
        actors += [{"account": {"homePage": home, "name": name}} for name in names]
    return list(dict.fromkeys(actor_key(actor) for actor in actors))


def _mailbox(text: str) -> str:
    plain = tidy(text)
    return plain[len("mailto:") :].strip() if plain.lower().startswith("mailto:") else plain


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _unusable(row: SheetRow) -> list[Finding]:
    """Nothing in one that is read and does not look right: that is for the gates to warn of, credit by credit."""
    hint = "a formula or an error of Excel's: paste its values in its place"
    found = [row.finding(name, CELL, why, hint) for name, why in row.faults.items()]
    person = learner(row.cells, "")
    bad = [person.birth_day and identifiers.birth_day(person.birth_day)]
    bad += [identifiers.identifier(Identifier(domain=of, value=value)) for of, value in person.ids.items()]
    columns = {"birth_day": "birth_day", "ids.NPI": "npi"}
    for problem in (one for one in bad if one and one.holds):
        of = problem.field.removeprefix("ids.")
        other = "licence" if of in STATES or of in TERRITORIES or problem.field == "ids" else "board_id"
        found.append(row.finding(columns.get(problem.field, other), CELL, problem.message, problem.hint))
    return found


def _listed(cells: Sequence[str]) -> str:
    return ", ".join(cells[:_SHOWN]) + (f" and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else "")


_SHOWN = 10
_UNKNOWN = lack(
    "",
    "the sheet has no row for this actor",
    "is the actor's key spelled as in statements? The home page must be the same to the last slash",
)
_SEVERAL = lack(
    "",
    "several rows of the sheet have this actor's key: none of them has it",
    "one row a person: several licences stand in one row, with `;` between them",
)

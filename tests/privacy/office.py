"""An office with every learner source and every way of telling somebody, each with planted secrets."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import stat
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from sqlmodel import select

from connector.sandbox.server import Sandbox
from connector.store.tables import Credit, LearnerRow, Notice
from tests.cli import rehearsal
from tests.desk.mail import Hook, MailServer
from tests.learners.house import Endpoint
from tests.privacy import planted
from tests.privacy.scene import Scene

SECRETS = {
    "staff.key": "zqstaffkey",
    "staff.password": "zqstaffsecret",
    "hook.key": "zqhookkey",
    "moodle.token": planted.CREDENTIALS.moodle_token,
}
QUERY = f"SELECT {', '.join(planted.COLUMNS)} FROM staff WHERE lower(email) IN :emails OR account IN :accounts"
KNOWN = planted.person(5)
LAST_SOURCE = "{statement: {given_name: actor.name"


def furnish(path: Path, sandbox: Sandbox, staff: Endpoint, mail: MailServer, web: Hook) -> None:
    """Everything that may be switched on is, in a laid-out workplace."""
    folder, fields = path.parent, "birth_day: dob, npi: npi, profession: profession, state: licensestate"
    host = web.url.removeprefix("http://")
    to = f"mailto://127.0.0.1:{mail.port}/?from=desk@example.edu&smtp=127.0.0.1&mode=insecure"
    secrets = SECRETS | {
        "staff.address": f"sqlite:///{folder}/staff.db",
        "office.address": f"{to}&to=office@example.edu",
        "locked.address": f"{to.replace('mailto://', 'mailto://zqmailuser:zqmailsecret@')}&to=office@example.edu",
        "team.address": f"json://zqteamuser:zqteamsecret@{host}",
        "learners.address": to,
    }
    for name, secret in secrets.items():
        (folder / name).write_text(secret)
    make_staff(folder, [])
    moodle = f"{{source: rehearsal, fields: {{{fields}, licence: licensenumber, consent: mocconsent}}}}"
    login = "login: {user: zqstaffuser, password: {file: staff.password}}"
    http = f'{{url: "{staff.address}/{{email}}", headers: {{X-Key: {{file: staff.key}}}}, {login}}}'
    sql = f'{{url: {{file: staff.address}}, query: "{QUERY}"}}'
    site = f"{{site: {sandbox.moodle_url}, token: {{file: moodle.token}}, actor: id}}"
    rehearsal.change(
        path,
        (LAST_SOURCE, f"{{moodle: {moodle}}}, {{sql: {sql}}}, {{http: {http}}}, {LAST_SOURCE}"),
        ("refresh: 2s", f"refresh: 1h\n  known: mbox:{KNOWN.email}"),
        ("    registration:", f"    moodle: {site}\n    registration:"),
    )
    with path.open("a", encoding="utf-8") as file:
        file.write(_DESK.format(web=web.url))


_DESK = """
desk:
  folder: desk
  notices:
    at: "00:00"
    to: [{{file: office.address}}, {{file: locked.address}}]
    tell: [{{file: team.address}}]
    webhook: {{url: {web}, headers: {{X-Key: {{file: hook.key}}}}}}
    learners: {{file: learners.address}}
  write_back: {{verb: "https://example.org/verbs/reported"}}
"""


def make_staff(folder: Path, people: list[planted.Person]) -> None:
    """The house's database, with whole dates of birth."""
    with closing(sqlite3.connect(folder / "staff.db")) as connection, connection:
        connection.execute("DROP TABLE IF EXISTS staff")
        connection.execute(f"CREATE TABLE staff ({', '.join(planted.COLUMNS)})")
        for one in people:
            row = planted.row(one, born=planted.BORN.isoformat())
            places = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO staff VALUES ({places})", list(row.values()))


@dataclass
class Office:
    """The scene, and what stands around it."""

    scene: Scene
    staff: Endpoint
    mail: MailServer
    web: Hook

    @property
    def desk(self) -> Path:
        return self.scene.folder / "desk"

    def hires(self, sql: int, http: int, moodle: int) -> None:
        """Three learners, each of whom one source alone knows, with the year of his birth."""
        site = self.scene.sandbox.moodle_url
        for number in (sql, http):
            self.scene.arrives(number, listed=False, most=2)
        self.scene.arrives(moodle, listed=False, most=2, home_page=site)
        make_staff(self.scene.folder, [planted.person(sql)])
        self.staff.people = [planted.row(planted.person(http), born=f"12/30/{planted.YEAR}")]
        self.scene.sandbox.moodle.users[7000 + moodle] = planted.moodle_user(planted.person(moodle))

    def forget_notices(self) -> None:
        """As if a new day had begun, on which everything is told again; and nobody is put off."""
        with self.scene.store.writing() as session:
            for row in session.exec(select(Notice)).all():
                session.delete(row)

    def ages(self) -> None:
        """Every credit has waited long enough for its learner to be told."""
        with self.scene.store.writing() as session:
            for row in session.exec(select(Credit)):
                row.state_since = datetime.now(UTC) - timedelta(days=2)
                session.add(row)

    def learner(self, one: planted.Person) -> int:
        with self.scene.store.reading() as session:
            return session.exec(select(LearnerRow.id).where(LearnerRow.family_name == one.family)).one()

    def lay(self, name: str, content: bytes) -> Path:
        """Into the watched folder, saved a while ago."""
        self.desk.mkdir(mode=0o700, exist_ok=True)
        path = self.desk / name
        path.write_bytes(content)
        then = datetime.now(UTC).timestamp() - 60
        os.utime(path, (then, then))
        return path

    def texts(self) -> Iterator[tuple[str, str]]:
        """What was told outside: texts of mails, messages and figures; never the attached sheet."""
        for place, (_, message) in enumerate(self.mail.mails):
            yield f"mail {place}", f"{message['subject']}\n{self.mail.bodies()[place]}"
        for headers, document in self.web.got:
            yield f"web {headers.get('X-Key', '')[:2]}", json.dumps(document)

    def everything(self) -> Iterator[tuple[str, str]]:
        """All that we have written anywhere, values included: in it nobody's birth year may stand."""
        with closing(sqlite3.connect(self.scene.store.path or "")) as connection:
            yield "store", "\n".join(connection.iterdump())
        for path in sorted(self.scene.folder.rglob("*")):
            ours = path.name.endswith((".txt", ".refused.xlsx")) or path.parent == self.scene.folder
            if ours and path.suffix in (".xlsx", ".txt"):
                yield str(path.relative_to(self.scene.folder)), unpacked(path.read_bytes())
        for place, raw in enumerate(self.mail.raw):
            yield f"mail {place}", raw.decode(errors="replace")
        for place, (_, message) in enumerate(self.mail.mails):
            for part in message.iter_attachments():
                yield f"attachment {place}", unpacked(part.get_payload(decode=True))  # type: ignore[arg-type]
        yield "LRS", "\n".join(row.raw.decode() for row in self.scene.sandbox.lrs._rows)
        yield "PARS", json.dumps(self.scene.sandbox.pars.ledger(), default=str)


def unpacked(content: bytes) -> str:
    """A workbook's parts as one text; anything else as it is."""
    if not content.startswith(b"PK"):
        return content.decode(errors="replace")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return "\n".join(book.read(name).decode() for name in book.namelist())


def corrected(path: Path, cells: dict[int, dict[str, Any]]) -> bytes:
    """An exported sheet in which a person has written, by learner and column."""
    book = load_workbook(path)
    page = book["learners"]
    header = [cell.value for cell in page[2]]
    for line in page.iter_rows(min_row=3):
        for column, value in cells.get(int(str(line[0].value)), {}).items():
            line[header.index(column)].value = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def renamed(number: int) -> planted.Person:
    """The learner of that number under a surname of which PARS knows one part."""
    return replace(planted.person(number), family=planted.person(number).family.partition("-")[0])

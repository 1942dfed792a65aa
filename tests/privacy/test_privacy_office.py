"""Promise P6 with everything switched on: directories of the house, the desk and its sheets, notices, write-back."""

from __future__ import annotations

import pwd
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from connector.learners.sources import sql
from connector.store.tables import Notice, Suggestion, Wish, WrittenBack
from tests.privacy import planted
from tests.privacy.office import Office, corrected, mode, renamed
from tests.privacy.scene import SENDING, TO_CONFIRMED, Scene, leaks, states

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise's, on Python 3.11 and 3.12


def seen(texts: Iterator[tuple[str, str]] | list[tuple[str, str]], *kinds: str) -> dict[str, list[str]]:
    return {where: found for where, text in texts if (found := planted.seen_in(text, *kinds))}


def first_days(office: Office) -> None:
    """Whoever may arrive: known, unknown, misspelt, without permission, of each source, rejected by a board."""
    scene = office.scene
    scene.arrives(1, most=2)
    scene.arrives(2, most=1, family=renamed(2).family)
    scene.arrives(3, most=1, listed=False)
    scene.arrives(4, first=4, most=1, consent="")
    scene.arrives(8, first=3, most=1, fate="rejects", words="not enrolled")
    office.hires(sql=5, http=6, moodle=7)
    scene.turn(TO_CONFIRMED)
    scene.sandbox.pars.boards_answer()
    scene.turn(SENDING)
    office.ages()
    scene.turn(["validation", "desk"])


def sheets(office: Office) -> Iterator[tuple[str, str]]:
    """Sheets go out and come back, by command and by folder: with good values, bad ones, and broken files."""
    scene, folder = office.scene, office.scene.folder
    yield "export", scene.call("unmatched", "export", str(folder / "cases.xlsx"))
    yield "match sheet", scene.call("learners", "check", "--write", str(folder / "match.xlsx"))
    yield "records", scene.call("records", "--learner", "1", "--xlsx", str(folder / "records.xlsx"))
    year = f"12/31/{planted.YEAR}"
    second, fourth = office.learner(planted.person(2)), office.learner(planted.person(8))
    good = {second: {"birth_day": year, "why": "agreed"}}
    bad = {fourth: {"birth_day": f"zq 12/30/{planted.YEAR}", "npi": "zqnpi", "profession": "zqprof\x07"}}
    bad[fourth]["profession"] = "MD"
    whole = corrected(folder / "cases.xlsx", good | bad)
    back = folder.parent / "back.xlsx"  # his own, not ours
    back.write_bytes(whole)
    yield "dry run", scene.both("unmatched", "import", str(back), "--dry-run")
    yield "import", scene.call("unmatched", "import", str(back), "--json")
    office.lay("Zqfamily corrections.xlsx", whole)
    office.lay("broken.xlsx", f"{planted.person(1).given} 12-30".encode())
    office.lay("broken.csv", ("learner;row_check\n1;" + 3 * f'"{planted.person(1).given}').encode())


def decisions(scene: Scene) -> Iterator[tuple[str, str]]:
    """What a person says of a case, also with values that cannot be taken."""
    case, *others = map(str, scene.open_cases())
    for said in ("npi=zqnpi", f"npi={planted.person(9).npi}0", "birth_day=12/30zq", "CA=zq\u0007", "consent=zq"):
        yield f"fix {said}", scene.call("unmatched", "fix", case, "--set", said)
    yield "fix", scene.both("unmatched", "fix", others[0], "--set", "given_name=Zqnew", "--set", "birth_day=12-30")
    for one in (case, *others):
        yield f"suggestion {one}", scene.call("unmatched", "fix", one, "--suggestion", "1")
    yield "retry", scene.both("unmatched", "retry", case)
    yield "close", scene.both("unmatched", "close", others[-1], "--why", "agreed")
    actor = f"account:{planted.person(3).home_page}|{planted.person(3).account}"
    yield "link", scene.call("learners", "link", actor, "1", "--yes")
    yield "unlink", scene.call("learners", "unlink", f"mbox:{planted.person(1).email}")
    roster = str(scene.folder / "learners.csv")
    yield "roster", scene.call("learners", "check", "--roster", roster, "--activity", "203512346", "--json")


def test_a_good_day_in_the_office(
    office: Office, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One rehearsal, looked at from every side; the birth year is searched for in all that we have written."""
    scene = office.scene
    first_days(office)
    assert {"confirmed", "unmatched", "held", "rejected"} <= states(scene)
    told = [*scene.shown(), *scene.kept()]
    told += [*sheets(office), *decisions(scene)]

    def nobody(_: int) -> Any:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)  # a sheet laid on a share: its owner has no name here
    office.forget_notices()
    scene.turn()
    monkeypatch.undo()
    scene.turn(["learners", "validation", "submission", "desk"])

    took_place(office)
    told += [*scene.commands(), *office.texts()]
    told += [(path.name, path.read_text()) for path in (office.desk / "refused").glob("*.txt")]
    assert leaks(scene, capfd, told) == {}
    assert seen(office.everything(), "year") == {}
    secret = [
        "cases.xlsx",
        "match.xlsx",
        "records.xlsx",
        *(f"desk/{one.parent.name}/{one.name}" for one in laid(office)),
    ]
    assert {name: oct(mode(scene.folder / name)) for name in secret if mode(scene.folder / name) != 0o600} == {}
    assert {mode(office.desk), mode(office.desk / "done"), mode(office.desk / "refused")} == {0o700}


def laid(office: Office) -> list[Any]:
    return [path for place in ("done", "refused") for path in (office.desk / place).iterdir()]


def took_place(office: Office) -> None:
    """What is looked for could have been there."""
    scene = office.scene
    names = {path.name for path in laid(office)}
    assert {"Zqfamily corrections.refused.xlsx", "broken.xlsx.txt", "broken.csv.txt"} <= names
    told = [row.kind for row in scene.all(Notice) if row.sent_at]
    assert {kind.partition(":")[0] for kind in told} == {"digest", "learner"}
    assert any("is missing" in body for body in office.mail.bodies())
    assert {row.kind for row in scene.all(Wish) if row.done_at} >= {"desk.fix", "desk.retry", "desk.close", "desk.link"}
    assert scene.all(Suggestion)
    assert any(row.posted_at for row in scene.all(WrittenBack))


FAULTS_OF_SQL = (
    sqlite3.OperationalError("no such column: {given}"),
    sqlite3.OperationalError("unable to open zqstaff for {email}"),
    sqlite3.IntegrityError("Key (email)=({email}) and (npi)=({npi}) already exist"),
    sqlite3.DatabaseError("permission denied for {given} {family}"),
    ValueError("could not convert {npi}"),
)
FAULTS_OF_HTTP = (
    (500, "{given} {npi}"),
    (401, "zqstaffsecret is not the password of {given}"),
    (200, "<html>{given} {family}</html>"),
    (200, '["{given}", "{npi}"]'),
    (302, "{email}"),
)
FAULTS_OF_MOODLE = ("html-200", "wrong-password", "error-500", "truncated", "cut-in-reply")
SQL_URLS = (
    "postgresql://zqhruser:zqhrsecret@127.0.0.1:9/zqstaff?connect_timeout=2",
    "oddsql://zqhruser:zqhrsecret@127.0.0.1/zqstaff",
    "zqhruser zqhrsecret",
)


def say(text: str) -> str:
    one = planted.person(5)
    return (
        text.replace("{given}", one.given)
        .replace("{family}", one.family)
        .replace("{email}", one.email)
        .replace("{npi}", one.npi)
    )


def test_directories_that_fail(
    office: Office, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn meets the first one that fails, `check --learners` all of them: their errors quote values and secrets."""
    scene = office.scene
    office.hires(sql=5, http=6, moodle=7)
    scene.turn()
    told = [("check", scene.call("check", "--learners"))]
    assert "good" in told[0][1]
    for error, (status, body), fault in zip(FAULTS_OF_SQL, FAULTS_OF_HTTP, FAULTS_OF_MOODLE, strict=True):
        failing = type(error)(say(str(error)))

        def refuse(*_: Any, failing: Exception = failing) -> Any:
            raise failing

        with monkeypatch.context() as patched:
            patched.setattr(sql, "_opener", lambda *_, refuse=refuse: refuse)
            office.staff.fault = (status, say(body).encode(), {"Location": f"/{planted.person(6).email}"})
            told += asked_again(office, fault)
        told += [("once", scene.call("once", "--stage", "learners"))]
    office.staff.fault = None
    for url in SQL_URLS:
        (scene.folder / "staff.address").write_text(url)
        told += asked_again(office, "")
    scene.turn()
    said = "".join(text for _, text in told)
    assert {code for code in SILENT if f'"{code}"' not in said} == set()
    assert leaks(scene, capfd, [*told, *scene.told()]) == {}


SILENT = ("learner.unreachable", "config.learner_database", "learner.refused", "learner.failing", "learner.unreadable")


def asked_again(office: Office, fault: str) -> Iterator[tuple[str, str]]:
    """With Moodle's fault for the command alone, or a turn would not come to the sources after it."""
    scene = office.scene
    yield "once", scene.call("once", "--stage", "learners")
    if fault:
        scene.sandbox.switch(fault, side="moodle", times=9)
    yield f"check under {fault}", scene.both("check", "--learners")
    scene.sandbox.switches.clear()


def test_nobody_can_be_told(office: Office, capfd: pytest.CaptureFixture[str]) -> None:
    """Mail server, webhook and LRS refuse, and quote what they were given."""
    scene, one = office.scene, planted.person(1)
    office.mail.reply, office.web.status = f"554 {one.email} is not {one.given}, zqmailsecret", 500
    scene.arrives(1, most=1)
    scene.arrives(4, first=4, most=1, consent="")
    scene.turn(TO_CONFIRMED)
    scene.turn(SENDING)
    assert "confirmed" in states(scene)
    office.ages()
    scene.sandbox.switch("wrong-password", side="lrs", times=None)
    scene.turn(["desk"])
    scene.sandbox.switches.clear()
    assert [bool(row.code) for row in scene.all(Notice) if row.told] == 5 * [True], "four digests, one learner"
    assert [row.code for row in scene.all(WrittenBack) if row.attempts] != []
    told = [*scene.told(), ("check", scene.both("check", "--notices"))]
    (scene.folder / "office.address").write_text("zqschema://zquser:zqsecret@127.0.0.1")
    office.forget_notices()
    scene.turn(["desk"])
    assert leaks(scene, capfd, [*told, ("check", scene.both("check", "--notices")), *scene.told()]) == {}

"""Promise P6: planted values reach no log, stream, metric, error, event or answer, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connector import config as configuration
from connector.errors import ConfigError
from connector.sandbox.faults import FAULTS
from connector.store.tables import StatementRow
from tests.cli import rehearsal
from tests.privacy import planted
from tests.privacy.scene import SENDING, TO_READY, Scene, leaks, states


def test_the_seen_are_seen() -> None:
    """The test would notice."""
    one = planted.person(7)
    values = (one.given, one.family.upper(), one.email, one.npi, one.states[0][1], one.boards[0][1])
    for value in (*values, "1904-12-30", "12/30", " 12-30", planted.CREDENTIALS.password):
        assert planted.seen_in(f"x {value} y"), value
    for born in (planted.BORN, f"born in {planted.YEAR}", f"12/31/{planted.YEAR}", f'"{planted.EPOCH}"'):
        assert planted.seen_in(f"x {born} y", "year"), born
    assert not planted.seen_in(f"7f8a0c5e-{planted.YEAR}-4abc 0.{planted.YEAR} 1{planted.YEAR}")
    assert not planted.seen_in("2026-12-30 177 aa1770012345bb rehearsal")


def test_a_good_day(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.arrives(1)
    scene.arrives(2, most=2, birth="11-11")
    scene.arrives(3, most=2, listed=False)
    scene.arrives(4, first=3, most=1, fate="rejects", words="not enrolled")
    for _ in range(3):
        scene.turn()
        scene.sandbox.pars.boards_answer()
    assert {"confirmed", "unmatched", "held", "refused", "rejected"} <= states(scene)
    assert leaks(scene, capfd) == {}


OF_BOARDS = ("reject", "slow-board", "draft-status-words")
JSON_ONLY = "draft-status-words"


def meet(scene: Scene, faults: Sequence[str]) -> None:
    """For each fault a learner of whom something is ready to be sent; then it is sent, and asked about, under it.

    What the last one has left behind is sent and asked about with it. At the end all of it goes its way.
    """
    firsts = [3 if fault in OF_BOARDS else number % 5 for number, fault in enumerate(faults)]
    people = [scene.arrives(number + 1, first=first, most=1) for number, first in enumerate(firsts)]
    scene.turn(TO_READY)
    for number, fault in enumerate(faults):
        times = 1 if fault == "time-out" else 2
        switch = scene.sandbox.switch(fault, side="pars", times=times)
        scene.turn(SENDING, only=people[max(0, number - 1) : number + 1])
        assert switch.times != times, f"{fault} was not met"
        scene.sandbox.switches.clear()
        scene.sandbox.pars.boards_answer()
    scene.turn(SENDING)
    scene.turn()


def test_every_fault_switch_at_the_lrs(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing but reading can meet it. What only changes an answer is met several at a time."""
    met = planted.person(1)
    odd = [name for name, fault in FAULTS.items() if fault.where == "lrs"]
    alone = [name for name, fault in FAULTS.items() if fault.where == "socket"]
    for names in (*((name,) for name in alone), *(odd[start : start + 6] for start in range(0, len(odd), 6))):
        scene.sandbox.post(planted.completions(met)[:1])
        for name in names:
            scene.sandbox.switch(name, side="lrs", times=2)
        scene.turn(["collection"])
        scene.sandbox.switches.clear()
    out, err = capfd.readouterr()
    assert "source.stopped" in err
    assert planted.seen_in(out) == planted.seen_in(err) == []
    assert leaks(scene, capfd) == {}


def test_every_fault_switch_at_pars(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    named = [one.name for one in FAULTS.values() if one.where in ("pars", "socket") and one.name != JSON_ONLY]
    meet(scene, [name for name in named if not name.startswith("result-")])  # those are of uploaded files
    assert {"confirmed", "refused"} <= states(scene)
    out, err = capfd.readouterr()
    assert "channel.stopped" in err
    assert planted.seen_in(out) == planted.seen_in(err) == []
    assert leaks(scene, capfd) == {}


JSON_FAULTS = (
    "error-500-stored",
    "wrong-password",
    "truncated",
    "html-200",
    "refuse",
    "already-exists",
    "missing-outcomes",
    JSON_ONLY,
)


def test_json_service_under_faults(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    rehearsal.change(
        scene.path,
        ("channel: xml-service", "channel: json-service"),
        (scene.sandbox.pars_url, scene.sandbox.pars_json_url),
    )
    meet(scene, JSON_FAULTS)
    assert leaks(scene, capfd) == {}


def test_broken_statements(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    for raw in planted.broken_statements(planted.person(1)):
        scene.sandbox.lrs.plant(raw, scene.sandbox.lrs.now())
    scene.turn()
    rows = scene.all(StatementRow)
    assert sum(row.problem is not None for row in rows) >= 8
    assert leaks(scene, capfd) == {}


ONE = planted.person(1)
ROW = planted.learners_csv([planted.row(ONE)]).splitlines()[1]
SHEETS = {
    "no header": f"{ROW}\n",
    "an open quote": f'{",".join(planted.COLUMNS)}\n"{ROW}\n',
    "too many cells": f"{','.join(planted.COLUMNS)}\n{ROW},{ONE.given},{ONE.npi}\n",
    "not UTF-8": f"{','.join(planted.COLUMNS)}\n{ROW}\n".encode("latin-1"),
    "a value for a column": f"{','.join(planted.COLUMNS)},{ONE.given}\n{ROW}\n",
    "unreadable values": ",".join(planted.COLUMNS)
    + f"\nzqmail,zqmail@example.org,{ONE.account},{ONE.home_page},Zqgiven,,zqbirth,zqnpi,ZQ,Zq;zq,ZQ,zq;zq,"
    + "Zqprof,zqyes,zqat,Zq\n",
}


def test_broken_sheets(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.arrives(1)
    scene.turn(TO_READY)
    file = scene.folder / "learners.csv"
    for what, sheet in SHEETS.items():
        file.write_bytes(sheet if isinstance(sheet, bytes) else sheet.encode())
        told = scene.call("check", "--learners")
        scene.turn(("learners", "validation"))
        stories = scene.stories(3)
        assert leaks(scene, capfd, [("check", told), ("errors", "\n".join(scene.errors)), *stories]) == {}, what
    scene.turn()
    assert leaks(scene, capfd) == {}


def test_a_broken_rule(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.arrives(1)
    scene.turn()
    rehearsal.change(scene.folder / "mappings" / "rehearsal.yaml", ("verb.id, is: satisfied", "verb.id, iz: satisfied"))
    scene.arrives(2)
    scene.turn()
    assert scene.call("lint")
    assert leaks(scene, capfd) == {}


BROKEN_CONFIG = (
    ("password: {file: pars.password}", "password: zqparssecret"),
    ("password: {file: lrs.password}", "password: {file: lrs.password, env: zqlrssecret}"),
    ("password: {file: lrs.password}", "passwort: zqlrssecret"),
    ("user: zqparsuser", "user: [zqparsuser, zqparssecret]"),
)


@pytest.mark.parametrize("broken", BROKEN_CONFIG)
def test_a_broken_configuration(scene: Scene, broken: tuple[str, str]) -> None:
    rehearsal.change(scene.path, broken)
    with pytest.raises(ConfigError):
        configuration.load(scene.path)
    assert planted.seen_in(scene.call("check") + "\n".join(scene.errors)) == []


def test_an_address_with_a_password_in_it_is_refused(scene: Scene) -> None:
    rehearsal.change(scene.path, ("http://127.0.0.1", "http://zqlrsuser:zqlrssecret@127.0.0.1"))
    with pytest.raises(ConfigError):
        configuration.load(scene.path)
    assert planted.seen_in(scene.call("check") + "\n".join(scene.errors)) == []


def test_a_proxy_with_a_password_in_its_address(
    scene: Scene, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.arrives(1)
    monkeypatch.setenv("LRS_PROXY", "http://zqlrsuser:zqlrssecret@127.0.0.1:9")
    rehearsal.change(scene.path, ("    registration:", "    proxy: {env: LRS_PROXY}\n    registration:"))
    scene.turn()
    assert leaks(scene, capfd) == {}

"""A rule was wrong, and records are out: a person looks at the plan, agrees to it, and PARS holds what is right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector.sandbox.server import Sandbox
from tests.cli.rehearsal import change, holds, lay_out, until

WOUNDS, RIGHT = "203512354", "203512358"


@dataclass
class Scene:
    """A rehearsal whose records went out."""

    config: Path
    sandbox: Sandbox

    def call(self, *arguments: str, answer: str = "") -> Result:
        return CliRunner().invoke(main, ["--config", str(self.config), *arguments], input=answer)

    def rules(self, *changes: tuple[str, str]) -> None:
        change(self.config.parent / "mappings" / "rehearsal.yaml", *changes)

    def plan(self) -> tuple[list[dict], dict]:
        lines = [json.loads(line) for line in self.call("plan", "--json").stdout.splitlines()]
        return [line["group"] for line in lines[:-1]], lines[-1]

    def held(self, *activities: str) -> list[Decimal]:
        """The amounts that PARS holds, without what it was told to delete."""
        there = [one for one in holds(self.sandbox) if one["state"] != "Deleted"]
        return [Decimal(one["amount"]) for one in there if not activities or one["activity"] in activities]

    def works_until(self, done: object, what: str) -> None:
        def turn() -> bool:
            assert self.call("once").exit_code == 0
            return done()

        until(turn, what)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Sandbox() as sandbox:
        one = Scene(lay_out(tmp_path / "place", sandbox), sandbox)
        assert one.call("once").exit_code == 0
        sandbox.pars.boards_answer()
        assert one.call("once").exit_code == 0
        yield one


def test_an_amount_is_put_right(scene: Scene) -> None:
    assert "nothing waits" in scene.call("plan").stdout
    assert scene.held(WOUNDS) == [Decimal("0.75")]
    scene.rules(("amount: 0.75", "amount: 0.50"))
    shown = scene.call("plan")
    assert (shown.exit_code, "withdrawn and reported again" in shown.stdout) == (0, True)
    groups, whole = scene.plan()
    assert [(one["rule"], one["activity"], one["reported_again"]) for one in groups] == [("wound-care", WOUNDS, 1)]
    assert (whole["moved"], whole["waits"]["changes"]) == ([], groups[0]["changed"])
    assert scene.call("plan", "--yes").exit_code == 2
    assert scene.call("plan", "--apply", "--json").exit_code == 2
    other = scene.call("plan", "--apply", "0000000000", "--yes")
    assert (other.exit_code, "not the plan 0000000000 any more" in other.stderr) == (1, True)
    assert scene.call("plan", "--apply", whole["plan"], answer="n\n").exit_code == 1
    nothing_new = scene.call("plan", "--apply", "--adds-only", "--yes")
    assert (nothing_new.exit_code, nothing_new.stdout.startswith("nothing is new")) == (0, True)
    agreed = scene.call("plan", "--apply", whole["plan"], "--wait", answer="y\n")
    assert (agreed.exit_code, "no daemon is running" in agreed.stderr) == (1, True)
    twice = scene.call("plan", "--apply", whole["plan"], "--yes")
    assert (twice.exit_code, "not carried out yet" in twice.stderr) == (1, True)
    scene.works_until(lambda: scene.held(WOUNDS) == [Decimal("0.50")], "PARS holds the right amount, and it alone")
    assert "nothing waits" in scene.call("plan").stdout
    assert scene.sandbox.check() == []


def test_a_wrong_activity_wants_a_second_word(scene: Scene) -> None:
    before = len(scene.held())
    scene.rules((f'"{WOUNDS}"', f'"{RIGHT}"'))
    _, whole = scene.plan()
    assert whole["moved"] == [RIGHT]
    silent = scene.call("plan", "--apply", whole["plan"], "--yes")
    assert (silent.exit_code, f"--moved {RIGHT}" in silent.stderr) == (1, True)
    wrong = scene.call("plan", "--apply", answer=f"y\n{WOUNDS}\n")
    assert (wrong.exit_code, "another activity: nothing is done" in wrong.stderr) == (1, True)
    agreed = scene.call("plan", "--apply", whole["plan"], "--yes", "--moved", RIGHT)
    assert (agreed.exit_code, agreed.stdout.count(RIGHT) > 1) == (0, True)
    scene.works_until(lambda: scene.held(WOUNDS) == [], "nothing is left under the wrong activity")
    scene.works_until(lambda: len(scene.held()) == before, "it is reported under the right one")
    assert scene.sandbox.check() == []

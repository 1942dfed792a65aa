"""A provider who begins: nothing of an activity leaves before a person has looked at it, and then all of it does."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from connector.cli import main
from connector.sandbox.server import Sandbox
from tests.cli.rehearsal import holds, lay_out


def test_release_lists_asks_and_lets_go(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        manual = ("    channel:", "    release: manual\n    channel:")
        config = str(lay_out(tmp_path / "place", sandbox, manual))

        def call(*arguments: str, answer: str = "") -> Result:
            return CliRunner().invoke(main, ["--config", config, *arguments], input=answer)

        assert call("once").exit_code == 0
        assert holds(sandbox) == []
        waiting = [json.loads(line) for line in call("release", "--json").stdout.splitlines()]
        first, *others = waiting
        assert first["credits"] >= first["learners"] >= 1
        assert others

        unknown = call("release", "000000000")
        assert (unknown.exit_code, "000000000" in unknown.stderr) == (1, True)
        refused = call("release", first["activity"], answer="n\n")
        assert (refused.exit_code, first["title"] in refused.stdout) == (1, True)
        call("once")
        assert holds(sandbox) == []

        released = call("release", first["activity"], answer="y\n")
        assert (released.exit_code, "no daemon is running" in released.stdout) == (0, True)
        call("once")
        assert {credit["activity"] for credit in holds(sandbox)} == {first["activity"]}
        assert [json.loads(line)["activity"] for line in call("release", "--json").stdout.splitlines()] == [
            one["activity"] for one in others
        ]
        assert call("release", "--all", "--yes").exit_code == 0
        assert "no activity waits" in call("release").stdout
        call("once")
        assert {credit["activity"] for credit in holds(sandbox)} > {first["activity"]}
        assert "activity.not_released" not in call("records").stdout

"""Rules change under a running daemon: SIGHUP, a bad file, and a plan that it carries out."""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path

import pytest

from connector.sandbox.server import Sandbox
from tests.cli import rehearsal
from tests.cli.rehearsal import change, lay_out, running, until

WOUNDS = "203512354"


@pytest.mark.proof
def test_rules_change_while_it_runs(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        config = lay_out(tmp_path / "place", sandbox)
        rules = config.parent / "mappings" / "rehearsal.yaml"

        def held() -> list[Decimal]:
            there = [one for one in rehearsal.holds(sandbox) if one["state"] != "Deleted"]
            return [Decimal(one["amount"]) for one in there if one["activity"] == WOUNDS]

        with running(config) as daemon:
            until(lambda: held() == [Decimal("0.75")], "the record is out")
            whole = rules.read_text(encoding="utf-8")
            rules.write_text(whole[:300], encoding="utf-8")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.event("mapping.refused")
            until(lambda: "pars_mapping_last_reload_successful 0.0" in daemon.ask("metrics")[1], "the metric says so")
            rules.write_text(whole, encoding="utf-8")
            change(rules, ("amount: 0.75", "amount: 0.50"))
            daemon.process.send_signal(signal.SIGHUP)
            daemon.event("mapping.activated", counts={"added": 0, "changed": 1, "gone": 0})

            def settled() -> bool:
                sandbox.pars.boards_answer()  # those that were sent meanwhile
                return rehearsal.states(config).get("confirmed", 0) >= 14

            until(settled, "nothing moves any more")
            assert held() == [Decimal("0.75")], "new rules touch nothing that was read"
            agreed = rehearsal.call("plan", "--apply", "--yes", "--wait", config=config)
            assert agreed.returncode == 0, agreed.stderr
            assert "done: 1 changes" in agreed.stderr
            until(lambda: held() == [Decimal("0.50")], "PARS holds what is right")
            assert daemon.end()[0] == 0
        assert sandbox.check() == []

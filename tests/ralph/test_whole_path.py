"""From a completion in a real LRS to a credit in PARS: Moodle's statements in Ralph, every stage, the sandbox."""

from __future__ import annotations

from pathlib import Path

from tests.campus import campus_on, play
from tests.real_lrs import RealLrs


def test_what_ralph_holds_is_what_pars_holds(ralph: RealLrs, tmp_path: Path) -> None:
    with campus_on(ralph, tmp_path / "place") as campus:
        play(campus)

"""The truth table: invented learners with the faults that people really make, reported, judged and corrected.

    python -m tests.truth.run [--learners 10000] [--seed 5] [--json FILE]

Fails where anything was reported for the wrong person, where a sure near miss is not the truth, or where something was
suggested though nothing can tell what is right.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from connector import logs
from connector.sandbox.server import Sandbox
from tests.truth.planting import KINDS, plant
from tests.truth.scoring import Score, score, strangers
from tests.truth.town import TODAY, Town


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    logs.set_up(level="error")
    console = Console(width=None if sys.stdout.isatty() else 110)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Sandbox(load=False, today=TODAY) as sandbox:
        with console.status("planting") as status:
            town = Town(Path(folder), plant(asked.learners, asked.seed), sandbox, "warn")
            town.report(status.update)
            first = score(town)
            taken = town.correct(status.update)
            after, foreign = score(town), strangers(town)
        complaints = sandbox.check()
        town.store.dispose()
    console.print(_table(first, after))
    wrong = foreign + sum(one.wrong for one in after.values())
    guessed = sum(one.given for kind, one in first.items() if not KINDS.get(kind, {}).get("mend"))
    missed = sum(one.given - one.right for one in first.values())
    console.print(
        f"{asked.learners} learners, seed {asked.seed}, {time.monotonic() - began:.0f} s: {wrong} wrong matches, "
        f"{missed} sure near misses that are not the truth, {guessed} where nothing can tell; {taken} taken; "
        f"PARS complains of {len(complaints)}"
    )
    if asked.json:
        kept = {kind: {"first": asdict(first[kind]), "after": asdict(after[kind])} for kind in first}
        asked.json.write_text(json.dumps(kept, indent=1))
    return 1 if wrong or guessed or missed or complaints else 0


def _table(first: dict[str, Score], after: dict[str, Score]) -> Table:
    table = Table(title="who is this learner?")
    for column in ("what happened", "planted", "wrong matches", "cause named", "precision", "recall", "reported then"):
        table.add_column(column, justify="left" if column == "what happened" else "right")
    for kind in ("all_right", *KINDS):
        one, then = first[kind], after[kind]
        recall = one.recall(kind)
        shown = "-" if recall is None else f"{recall:.3f}"
        precision = f"{one.precision:.3f}" if one.given else "-"
        cells = (f"{one.named}", precision, shown, f"{then.reported}")
        table.add_row(kind.replace("_", " "), f"{one.planted}", f"{then.wrong}", *cells)
    return table


if __name__ == "__main__":
    sys.exit(main())

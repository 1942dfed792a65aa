"""Statements a second from a local LRS to stored, and to stored and mapped, beside a bare loop and tincan's client.

    python -m tests.bench.bench_collect [--statements 20000] [--rounds 3] [--json FILE]

All contenders read the same prepared pages from a server in another process, in turn, round after round; the table
shows medians. The bare loop and tincan keep nothing: the loop is the ceiling. Figures of different machines do not
compare, ratios do.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx
import orjson
import tincan
from rich.console import Console
from rich.table import Table

from connector.collection import stage
from connector.config import Config
from connector.mapping import stage as mapping
from connector.records import Counts
from connector.store.session import Store
from tests.collection.settings import PASSWORD_IN, config_for, source_for

ROOT = Path(__file__).parents[2]
Contender = Callable[[str], int]

RULE = """\
  - name: course-{number}
    when:
      - {{path: verb.id, is: completed}}
      - {{path: object.id, is: "https://moodle.example.org/course/view.php?id={course}"}}
    activity: "{number:09d}"
    completed_on: {{path: timestamp}}
    per: activity
    credits: [{{type: cme, amount: 1.25}}]
"""


def bare(endpoint: str) -> int:
    """httpx and orjson: read and parse, keep nothing."""
    count, address = 0, f"{endpoint}/statements"
    with httpx.Client(trust_env=False) as client:
        while address:
            page = orjson.loads(client.get(address).content)
            count += len(page["statements"])
            address = urljoin(address, page["more"]) if page["more"] else ""
    return count


def by_tincan(endpoint: str) -> int:
    """tincan's own client and parser: one object tree for each statement, keep nothing."""
    lrs = tincan.RemoteLRS(endpoint=f"{endpoint}/", username="u", password="p", version="1.0.3")
    answer = lrs.query_statements({"limit": 200, "ascending": True})
    count = len(answer.content.statements)
    while answer.content.more:
        answer = lrs.more_statements(answer.content)
        count += len(answer.content.statements)
    return count


def collected(endpoint: str) -> int:
    """The connector: read, cut, check, link and store, a transaction for each page, synchronous FULL."""
    with opened() as (store, folder):
        return _collect(store, endpoint, folder)["stored"]


def mapped(endpoint: str) -> int:
    """The same, and every statement mapped by a hundred rules, one of which fits a tenth of them."""
    with opened() as (store, folder):
        counts = _collect(store, endpoint, folder)
        config = _config(endpoint, folder)
        done = mapping.run(store, config)
    assert done["completion"] == counts["stored"] // 10
    return counts["stored"]


@contextmanager
def opened() -> Iterator[tuple[Store, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        rules = "\n".join(RULE.format(number=number, course=number) for number in range(9, 109))
        (Path(folder) / "rules.yaml").write_text(f"version: 1\nrules:\n{rules}\n", encoding="utf-8")
        store = Store(f"sqlite:///{folder}/bench.db")
        store.upgrade()
        yield store, Path(folder)
        store.dispose()


def _config(endpoint: str, folder: Path) -> Config:
    return config_for(source_for(endpoint)).model_copy(update={"mappings": folder})


def _collect(store: Store, endpoint: str, folder: Path) -> Counts:
    config = _config(endpoint, folder)
    return stage.collect(store, config, config.sources[0])


CONTENDERS: dict[str, Contender] = {
    "bare httpx + orjson": bare,
    "stored in SQLite": collected,
    "stored and mapped": mapped,
    "tincan RemoteLRS": by_tincan,
}


@contextmanager
def serving(count: int) -> Iterator[tuple[str, int]]:
    """The endpoint of a server with `count` statements, and their mean size."""
    command = [sys.executable, "-m", "tests.bench.pages_server", str(count)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            endpoint, size = process.stdout.readline().split()
            yield endpoint, int(size)
        finally:
            process.kill()


def race(endpoint: str, count: int, rounds: int, console: Console) -> dict[str, float]:
    """Median statements a second of each contender."""
    took: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for number in range(1, rounds + 1):
        console.print(f"round {number} of {rounds}")
        for name, contender in CONTENDERS.items():
            began = time.perf_counter()
            assert contender(endpoint) == count, name
            took[name].append(time.perf_counter() - began)
    return {name: count / statistics.median(seconds) for name, seconds in took.items()}


def table(speeds: dict[str, float], title: str) -> Table:
    shown = Table("contender", "statements/s", "of the bare loop", "times tincan", title=title)
    ceiling, floor = speeds["bare httpx + orjson"], speeds["tincan RemoteLRS"]
    for name, speed in speeds.items():
        shown.add_row(name, f"{speed:,.0f}", f"{speed / ceiling:.0%}", f"{speed / floor:.1f}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--statements", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=ROOT / ".cache" / "bench" / "collect.json")
    asked = parser.parse_args()
    os.environ.setdefault(PASSWORD_IN, "bench")
    console = Console(stderr=True)
    with serving(asked.statements) as (endpoint, size):
        speeds = race(endpoint, asked.statements, asked.rounds, console)
    title = f"{asked.statements:,} statements of {size} bytes, median of {asked.rounds} rounds"
    Console().print(table(speeds, title))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {"statements": asked.statements, "bytes": size, "rounds": asked.rounds, "per_second": speeds}
    asked.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()

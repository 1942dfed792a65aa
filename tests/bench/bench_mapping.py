"""Microseconds a statement for the rules' judgement, with few rules and with many, beside tincan's bare parse.

    python -m tests.bench.bench_mapping [--statements 2000] [--rounds 7] [--json FILE]

Every contender takes the same statements, already read from JSON (tincan: as text, since it reads them itself), in
turn, round after round; the table shows processor time of the best round, since whatever else runs only adds. One
statement in ten is matched by one rule; all other rules are about other courses. A catalogue's one rule judges every
statement to the end. Figures of different machines do not compare, ratios do.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import tincan
from rich.console import Console
from rich.table import Table

from connector.lrs.statement import read
from connector.mapping.evaluate import evaluate
from connector.mapping.loader import Defaults, Ruleset, from_texts
from connector.records import Completion, Statement
from tests.bench.pages_server import prepared

ROOT = Path(__file__).parents[2]
SIZES = (10, 100, 1_000, 10_000)
A_FILE = 2_000
"""Rules a file: no mapping file is over 1 MiB."""
PARSE = "tincan's bare parse"
MOST = 1.5
"""Times what ten rules cost: the most that ten thousand may."""

RULE = """\
  - name: course-{course}
    when:
      - {{path: verb.id, is: completed}}
      - {{path: object.id, is: "https://moodle.example.org/course/view.php?id={course}"}}
      - {{path: object.definition.type, is: course}}
      - {{path: result.success, is_not: false}}
    activity: "{course:09d}"
    credits: [{{type: cme, amount: 1.25}}]
"""
BY_SHEET = """\
version: 1
rules:
  - name: all-courses
    when:
      - {path: verb.id, is: completed}
      - {path: object.definition.type, is: course}
      - {path: result.success, is_not: false}
    catalogue: {from: courses.csv}
    credits: [{type: cme, amount: 1.25}]
"""
DEFAULTS = Defaults(providers={"0001234": "America/Chicago"})
Read = tuple[Statement, Any]
Contender = Callable[[], int]


def written_out(count: int) -> Mapping[str, str]:
    """A rule a course, from course 9 on: the statements are about the courses 0 to 9."""
    courses = range(9, 9 + count)
    starts = range(0, count, A_FILE)
    return {
        f"{start}.yaml": "version: 1\nrules:\n" + "".join(map(_rule, courses[start : start + A_FILE]))
        for start in starts
    }


def _rule(course: int) -> str:
    return RULE.format(course=course)


def by_sheet(count: int) -> Mapping[str, str]:
    """One rule, and a row a course."""
    rows = [
        {"line": course, "cells": {"object_id": _course(course), "activity_id": f"{course:09d}"}}
        for course in range(9, 9 + count)
    ]
    return {"rules.yaml": BY_SHEET, "courses.csv": orjson.dumps(rows).decode()}


def _course(number: int) -> str:
    return f"https://moodle.example.org/course/view.php?id={number}"


def texts(count: int) -> list[bytes]:
    pages = [orjson.loads(page)["statements"] for page in prepared(count)]
    return [orjson.dumps(statement) for page in pages for statement in page]


def judging(ruleset: Ruleset, statements: Sequence[Read]) -> Contender:
    def judge() -> int:
        found = 0
        for statement, document in statements:
            found += sum(isinstance(one.outcome, Completion) for one in evaluate(ruleset, statement, document))
        return found

    return judge


def parsing(raws: Sequence[bytes]) -> Contender:
    decoded = [raw.decode() for raw in raws]

    def parse() -> int:
        return sum(tincan.Statement.from_json(raw).id is not None for raw in decoded)

    return parse


def race(contenders: Mapping[str, Contender], expected: Mapping[str, int], rounds: int) -> dict[str, float]:
    """Seconds of the processor that each contender needs for all statements, in its best round."""
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            gc.collect()
            began = time.process_time()
            found = contender()
            took[name].append(time.process_time() - began)
            assert found == expected[name], name
    return {name: min(seconds) for name, seconds in took.items()}


def loaded() -> tuple[dict[str, Ruleset], dict[str, float]]:
    """Each set of rules, and the seconds that it took to read."""
    sets = {f"{size:,} rules": written_out(size) for size in SIZES} | {"a catalogue of 10,000 rows": by_sheet(10_000)}
    rulesets, took = {}, {}
    for name, files in sets.items():
        began = time.process_time()
        rulesets[name] = from_texts(files, DEFAULTS)
        rulesets[name].candidates("", "")  # the index is made when it is first asked
        took[name] = time.process_time() - began
    return rulesets, took


def table(micro: Mapping[str, float], loads: Mapping[str, float], title: str) -> Table:
    shown = Table("contender", "µs a statement", "of 10 rules", "of tincan's parse", "seconds to load", title=title)
    least, parse = micro["10 rules"], micro[PARSE]
    for name, each in micro.items():
        load = f"{loads[name]:.2f}" if name in loads else ""
        shown.add_row(name, f"{each:,.1f}", f"{each / least:.2f}", f"{each / parse:.0%}", load)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--statements", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, default=ROOT / ".cache" / "bench" / "mapping.json")
    asked = parser.parse_args()
    raws = texts(asked.statements)
    statements = [(read(raw, "moodle").statement, orjson.loads(raw)) for raw in raws]
    rulesets, loads = loaded()
    contenders = {name: judging(ruleset, statements) for name, ruleset in rulesets.items()} | {PARSE: parsing(raws)}
    expected = dict.fromkeys(rulesets, asked.statements // 10) | {PARSE: asked.statements}
    seconds = race(contenders, expected, asked.rounds)
    micro = {name: took / asked.statements * 1e6 for name, took in seconds.items()}
    size = sum(map(len, raws)) // len(raws)
    title = f"{asked.statements:,} statements of {size} bytes, best of {asked.rounds} rounds"
    Console().print(table(micro, loads, title))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "statements": asked.statements,
        "bytes": size,
        "rounds": asked.rounds,
        "microseconds": micro,
        "load": loads,
    }
    asked.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    ratio = micro["10,000 rules"] / micro["10 rules"]
    if ratio > MOST:
        parser.exit(1, f"10,000 rules cost {ratio:.2f} times what 10 do: more than {MOST}\n")


if __name__ == "__main__":
    main()

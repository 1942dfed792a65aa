"""The command that tries the rules on cases; it also shows what none has tried, and records new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connector import terminal
from connector.cli.work import FAILED, Work, as_json, from_here, pass_work, plainly

if TYPE_CHECKING:
    from connector.mapping.cases.coverage import Coverage, Spot
    from connector.mapping.cases.run import TestResult

_MOST_LINES = 40


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--require", metavar="PERCENT", default=0, type=click.IntRange(0, 100), help="Exit code 1 below this coverage."
)
@click.option("--record", metavar="STATEMENT_ID", help="Write a test from a stored statement, its learner invented.")
@click.option("--rule", metavar="NAME", help="With --record: the test is about this rule alone.")
@click.option(
    "--into", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="With --record: a *.test.yaml of the mapping folder  [default: recorded.test.yaml]",
)  # fmt: skip
@as_json
@pass_work
@plainly
def test(
    work: Work,
    folder: Path | None,
    require: int,
    record: str | None,
    rule: str | None,
    into: Path | None,
    *,
    as_json: bool,
) -> int:
    """Run the tests of the mapping files; show what none tries.

    A folder that is named is tried without a configuration.

    \b
    pars-connector test
    pars-connector test mappings --require 100
    pars-connector test --record 7f8a0c5e-...
    pars-connector test --record 7f8a0c5e-... --rule hypertension-update-2026 --into moodle.test.yaml
    """
    if record is None:
        if rule or into:
            raise click.UsageError("--rule and --into go with --record")
        return _run(*_tried(work, folder), require, as_json=as_json)
    if folder is not None or require or as_json:
        raise click.UsageError("--record takes --rule and --into, and nothing else")
    return _record(work, record, rule or "", into)


def _tried(work: Work, folder: Path | None) -> tuple[list[TestResult], Coverage]:
    from connector.mapping import loader
    from connector.mapping.cases import coverage as case_coverage
    from connector.mapping.cases import files as case_files
    from connector.mapping.cases import run as rule_tests
    from connector.mapping.rule_files import defaults_of

    place, defaults = (work.config.mappings, defaults_of(work.config)) if folder is None else (folder, None)
    with terminal.progress("reading the rules") as say:
        ruleset = loader.load(place, defaults)
        documents = case_files.documents_of(ruleset, place)
        say("running the tests")
        tried = rule_tests.try_all(ruleset, place, documents)
        say("looking what they have tried")
        covered = case_coverage.coverage(ruleset, documents, tried)
    results = [one.result.model_copy(update={"file": from_here(one.result.file)}) for one in tried]
    return results, replace(covered, rules=_here(covered.rules), conditions=_here(covered.conditions))


def _here(spots: Sequence[Spot]) -> tuple[Spot, ...]:
    return tuple(replace(one, file=from_here(one.file)) for one in spots)


def _run(results: Sequence[TestResult], coverage: Coverage, require: int, *, as_json: bool) -> int:
    passed = sum(one.passed for one in results)
    if as_json:
        _as_json(results, coverage)
    else:
        _in_words(results, coverage)
        terminal.say(f"{passed} passed, {len(results) - passed} failed; {coverage}")
    if coverage.percent < require:
        terminal.complain(
            f"the tests try {coverage.percent} % of what the rules say, and --require asks for {require} %"
        )
    return FAILED if passed < len(results) or coverage.percent < require else 0


def _in_words(results: Sequence[TestResult], coverage: Coverage) -> None:
    for one in results:
        if not one.passed:
            about = f"{one.rule}: " if one.rule else ""
            terminal.say(f"{one.where}: failed: {about}{one.name}: {one.message}")
    shown = coverage.open[:_MOST_LINES]
    rows = ([one.where, one.rule or "defaults", one.condition, one.missing] for one in shown)
    terminal.table("Not covered", ("where", "rule", "condition", "what is missing"), rows, nothing="")
    if len(coverage.open) > len(shown):
        terminal.say(f"... and {len(coverage.open) - len(shown)} more: --json lists them all")


def _as_json(results: Sequence[TestResult], coverage: Coverage) -> None:
    terminal.json_lines({"kind": "test"} | one.model_dump() for one in results)
    terminal.json_lines(_as_row("rule", one) for one in coverage.rules)
    terminal.json_lines(_as_row("condition", one) for one in coverage.conditions)
    failed = sum(not one.passed for one in results)
    summary = {"passed": len(results) - failed, "failed": failed, "percent": coverage.percent}
    terminal.json_lines([{"kind": "summary"} | summary])


def _as_row(kind: str, spot: Spot) -> dict[str, object]:
    return {"kind": kind} | vars(spot) | {"covered": spot.covered}


def _record(work: Work, statement_id: str, rule: str, into: Path | None) -> int:
    from connector.mapping.cases import recording
    from connector.mapping.rule_files import defaults_of

    config = work.config
    written = recording.record(work.store, config.mappings, defaults_of(config), statement_id, rule, into)
    terminal.say(f"{from_here(written.where)}: {written.name}")
    terminal.say("  the learner in it is invented; read it before you share it")
    return 0

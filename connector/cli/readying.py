"""`learners check`: who of a roster is ready to be reported, before the course ends. It moves no credit."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click

from connector import terminal
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.config import ProviderConfig
from connector.inquiry import earnable, matching, readiness, rosters
from connector.inquiry.listing import counted
from connector.inquiry.matching import Pairs, Stopped
from connector.inquiry.readiness import Standing, Verdict
from connector.inquiry.rosters import Entrant
from connector.pars import match_sheet
from connector.records import Problem, RecordCredit
from connector.validation.stage import stops

MOST_SHOWN = 20
"""Learners of one reason in a table; --json has all."""

_FILE = click.Path(path_type=Path, dir_okay=False)
_WORDS: dict[Verdict, str] = {
    "ready": "ready",
    "not_ready": "not ready",
    "not_eligible": "not eligible, which nobody needs to mend",
    "not_known": "not known: not asked about, or their source does not answer",
}


@dataclass
class Found:
    """What was looked at and what came of it."""

    provider: ProviderConfig
    credits: Sequence[RecordCredit]
    stops: Callable[[Problem], bool]
    asked: bool  # PARS was to be asked
    entrants: Sequence[Entrant] = ()
    standings: list[Standing] = field(default_factory=list)
    stopped: Stopped | None = None
    lines: match_sheet.Read | None = None
    written: int | None = None

    def verdict(self, one: Standing) -> Verdict:
        return one.verdict(self.stops, asked=self.asked)

    @property
    def counts(self) -> Counter[Verdict]:
        return Counter(self.verdict(one) for one in self.standings)

    @property
    def exit_code(self) -> int:
        counts = self.counts
        failed = self.stopped is not None and not self.stopped.by_nature
        return FAILED if failed or counts["not_ready"] or counts["not_known"] else 0


@click.command("check")
@click.option("--course", type=click.IntRange(min=1), help="Who is enrolled in this course of Moodle (its number).")
@click.option("--source", "name", help="With --course: the source whose Moodle is meant, where there are several.")
@click.option("--roster", type=_FILE, help="Who stands in this sheet, .xlsx or .csv.")
@click.option("--activity", default="", help="What they are to earn: an ACCME activity id; else CME.")
@click.option("--provider", "provider_id", default="", help="Who reports it, where there are several.")
@click.option("--no-pars", is_flag=True, help="Ask PARS nothing.")
@click.option("--write", "to_write", type=_FILE, help="Write ACCME's spreadsheet for asking, in place of asking.")
@click.option("--read", "to_read", type=_FILE, help="Read the answers from the spreadsheet that came back.")
@click.option("--values", is_flag=True, help="Show names too; on a terminal only.")
@as_json
@pass_work
@plainly
def learners_check(
    work: Work,
    course: int | None,
    name: str | None,
    roster: Path | None,
    activity: str,
    provider_id: str,
    to_write: Path | None,
    to_read: Path | None,
    *,
    no_pars: bool,
    values: bool,
    as_json: bool,
) -> int:
    """Find out who is not ready to be reported, and why.

    Before the course ends: every gate, and PARS's own answer whether it knows the learner. Without --course and
    --roster it looks at every learner of the store.

    \b
    pars-connector learners check --course 42 --activity 203512345
    pars-connector learners check --roster registered.xlsx
    """
    _refuse(course=course, name=name, roster=roster, ways=[no_pars, to_write, to_read])
    if values and (as_json or not sys.stdout.isatty()):
        terminal.complain("--values shows them on a terminal only: they belong into no file and no mail")
        return FAILED
    provider, credits_ = earnable.offered(work.config, activity, provider_id)
    stopping = partial(stops, config=work.config.validation)
    found = Found(provider, credits_, stopping, asked=not (no_pars or to_write))
    with terminal.progress("reading the roster") as tell:
        found.entrants = _entrants(work, course, name, roster, tell)
        _look(work, found, tell)
        pairs = readiness.to_ask(found.standings)
        if to_write is not None:
            found.written = match_sheet.write(
                to_write, readiness.asked(pairs), work.config.tables(provider).match_sheet
            )
        elif to_read is not None:
            found.lines = _read(work, provider, pairs, to_read)
        elif found.asked and found.stopped is None:
            found.stopped = matching.ask(work.store, work.config, provider, pairs, tell)
            found.asked = not (found.stopped and found.stopped.by_nature)
    _show(found, values=values, as_json=as_json)
    return found.exit_code


def _look(work: Work, found: Found, tell: Callable[[str], None]) -> None:
    try:
        for one in readiness.look(work.store, work.config, found.provider, found.credits, found.entrants, tell):
            found.standings.append(one)
    except KeyboardInterrupt:
        found.stopped = Stopped(message="interrupted")


def _refuse(*, course: int | None, name: str | None, roster: Path | None, ways: Sequence[object]) -> None:
    if course is not None and roster is not None:
        raise click.UsageError("--course or --roster, not both")
    if name is not None and course is None:
        raise click.UsageError("--source names the Moodle of a --course")
    if sum(map(bool, ways)) > 1:
        raise click.UsageError("one of --no-pars, --write and --read")


def _entrants(
    work: Work, course: int | None, name: str | None, roster: Path | None, tell: Callable[[str], None]
) -> list[Entrant]:
    if course is not None:
        return rosters.of_course(work.config, name, course, tell)
    return rosters.of_sheet(roster) if roster is not None else rosters.of_store(work.store)


def _read(work: Work, provider: ProviderConfig, pairs: Pairs, path: Path) -> match_sheet.Read:
    table = work.config.tables(provider).match_sheet
    lines = match_sheet.assign(match_sheet.read(path, table), readiness.asked(pairs))
    matching.from_sheet(work.store, work.config, provider, pairs, lines)
    return lines


def _show(found: Found, *, values: bool, as_json: bool) -> None:
    if found.stopped is not None:
        hint = f"\n  {found.stopped.hint}" if found.stopped.hint else ""
        terminal.complain(_stopped(found.stopped) + hint)
    if as_json:
        terminal.json_lines(_plain(found, one) for one in found.standings)
        terminal.json_lines([_summary(found)])
        return
    columns = ("reason", "what", "who acts", "count", "learners")
    rows = (
        [
            one.problem.code + ("" if found.stops(one.problem) else "\n(a doubt)"),
            "\n".join(text for text in (one.problem.message, one.problem.hint) if text),
            readiness.who_acts(one.problem) or "nobody",
            str(len(one.standings)),
            _listed(one.standings, values=values),
        ]
        for one in readiness.groups(found.standings)
    )
    terminal.table("what stands against them", columns, rows, nothing="nothing stands against anybody")
    if not found.entrants:
        terminal.complain("nobody is on this roster: name another with --course NUMBER or --roster FILE")
    unknown = [one for one in found.standings if found.verdict(one) == "not_known"]
    if unknown:
        terminal.say(f"not known: {_listed(unknown, values=values)}")
    _say_lines(found)
    what = ", ".join(one.certification for one in found.credits)
    terminal.say(f"{counted(len(found.standings), 'learner', 'learners')}, for {what}: {_counted(found)}")


def _stopped(stopped: Stopped) -> str:
    if stopped.by_nature:
        return "PARS cannot be asked on the JSON channel, which knows no match: only our own gates were looked at"
    code = f" ({stopped.code})" if stopped.code else ""
    return f"not everybody was asked about: {stopped.message}{code}"


def _counted(found: Found) -> str:
    counts = found.counts
    return ", ".join(f"{counts[one]} {words}" for one, words in _WORDS.items() if counts[one]) or "nobody to look at"


def _listed(standings: Sequence[Standing], *, values: bool) -> str:
    shown = "; ".join(_who(one, values=values) for one in standings[:MOST_SHOWN])
    return f"{shown}; ..." if len(standings) > MOST_SHOWN else shown


def _who(one: Standing, *, values: bool) -> str:
    names = (one.learner.given_name, one.learner.family_name) if values else ()
    shown = " ".join(name.get_secret_value() for name in names if name)
    return f"{one.who}: {shown}" if shown else one.who


def _say_lines(found: Found) -> None:
    """Rows that no answer was taken from, and what was written."""
    if found.written is not None:
        rows = counted(found.written, "row", "rows")
        terminal.say(f"{rows} written for ACCME's spreadsheet tool; its columns are our guess (`wire: match_sheet`)")
    for words, lines in _lines(found).items():
        if lines:
            terminal.say(f"rows that {words.replace('_', ' ')}: {', '.join(map(str, lines))}")


def _lines(found: Found) -> dict[str, list[int]]:
    if found.lines is None:
        return {}
    return {
        "fit_nobody": found.lines.nobody,
        "fit_several": found.lines.several,
        "contradict_each_other": found.lines.contradicting,
        "have_no_answer_yet": found.lines.unanswered,
    }


def _plain(found: Found, one: Standing) -> dict[str, Any]:
    return {
        "place": one.place,
        "learner": one.learner_id,
        "verdict": found.verdict(one),
        "problems": [problem.model_dump(mode="json") for problem in one.all_problems],
        "asked": {question.identifier.domain: question.answer for question in one.questions},
    }


def _summary(found: Found) -> dict[str, Any]:
    stopped = found.stopped.model_dump() if found.stopped else None
    written = {} if found.written is None else {"written": found.written}
    lines = {"rows": _lines(found)} if found.lines else {}
    counts: dict[str, Any] = {word: found.counts[word] for word in _WORDS}
    return {"provider": found.provider.id, **counts, "stopped": stopped, **written, **lines}

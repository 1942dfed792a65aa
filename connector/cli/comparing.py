"""The command that looks whether anything is missing: compare. It writes only what a person has said yes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

import click

from connector import terminal
from connector.cli.work import Work, as_json, pass_work, plainly
from connector.collection import own
from connector.errors import ConfigError
from connector.inquiry import compare as comparison
from connector.inquiry.compare import Compared, Judgement, Untold
from connector.inquiry.listing import counted
from connector.mapping.loader import Ruleset, load
from connector.mapping.rule_files import defaults_of
from connector.store.leases import is_running

_COLUMNS = ("source", "course", "user", "completed at (UTC)")
_UNSEEN = "users who were deleted or unenrolled since cannot be seen: Moodle no longer tells of them"


@click.command()
@click.option("--moodle", "with_moodle", is_flag=True, help="With the Moodle sites of the sources.")
@click.option("--source", "name", help="Only this source.")
@click.option("--course", "courses", multiple=True, type=click.IntRange(min=1), help="Only this course (by number).")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only what was completed on or after this date.")
@click.option("--adopt", is_flag=True, help="Write what is missing as statements, after a question.")
@click.option("--yes", is_flag=True, help="With --adopt: ask nothing.")
@as_json
@pass_work
@plainly
def compare(
    work: Work,
    name: str | None,
    courses: tuple[int, ...],
    since: datetime | None,
    *,
    with_moodle: bool,
    adopt: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Find completions that Moodle has and no statement told.

    With --adopt they take the usual path.

    \b
    pars-connector compare --moodle
    pars-connector compare --moodle --course 42 --adopt
    """
    if not with_moodle:
        raise click.UsageError("say what to compare with: --moodle")
    if adopt and as_json and not yes:
        raise click.UsageError("--adopt --json asks nobody: add --yes")
    rules = load(work.config.mappings, defaults_of(work.config))
    found = _look(work, rules, name, courses, since.date() if since else None)
    untold = [one for compared in found for one in compared.untold]
    _show(found, untold, as_json=as_json)
    return _adopt(work, rules, untold, yes=yes, as_json=as_json) if adopt else 0


def _look(work: Work, rules: Ruleset, name: str | None, courses: Sequence[int], since: date | None) -> list[Compared]:
    found = []
    with terminal.progress("asking Moodle") as tell:
        for source, settings in comparison.sources(work.config, name):
            wanted = sorted(set(courses)) or comparison.named_courses(rules, settings)
            begin = comparison.since_of(work.store, work.config, source, since)
            found.append(comparison.compare(work.store, source, settings, wanted, begin, tell))
    if not any(compared.courses or compared.gone for compared in found):
        message = "no rule names a course of these sites by its full address"
        raise ConfigError("config.no_courses", message, "name the courses: compare --moodle --course NUMBER")
    return found


def _show(found: Sequence[Compared], untold: Sequence[Untold], *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(one.plain() for one in untold)
        terminal.json_lines(
            {"source": one.source, "courses": one.courses, "gone": one.gone, "counts": _counts(one)} for one in found
        )
        return
    rows = ([one.source, str(one.course), str(one.user), _at(one.completed_at)] for one in untold)
    terminal.table("completions that nobody told", _COLUMNS, rows, nothing="every completion was told")
    for one in found:
        terminal.say(f"{one.source}: {counted(len(one.courses), 'course', 'courses')}, " + _said(_counts(one)))
        for course in one.gone:
            terminal.say(f"{one.source}: Moodle knows no course {course}")
    terminal.say(_UNSEEN)


def _counts(one: Compared) -> Counter[str]:
    return Counter({"untold": len(one.untold)}) + one.counts


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items()) or "nobody enrolled"


def _at(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else "Moodle has no time"


def _adopt(work: Work, rules: Ruleset, untold: Sequence[Untold], *, yes: bool, as_json: bool) -> int:
    judged = comparison.judge(rules, [one for one in untold if one.raw])
    if not as_json:
        _forecast(judged)
    if judged.taken and not yes:
        click.confirm(f"Adopt {counted(len(judged.taken), 'completion', 'completions')}?", abort=True, err=as_json)
    written = Counter[str]()
    for source in sorted({one.source for one in judged.taken}):
        written.update(own.keep(work.store, source, [one.raw for one in judged.taken if one.source == source]))
    if as_json:
        terminal.json_lines([{"adopted": written["stored"], "not_taken": dict(judged.reasons)}])
    elif judged.taken:
        doer = (
            "the daemon maps them" if is_running(work.store) else "no daemon is running: they wait for `run` or `once`"
        )
        terminal.say(f"{written['stored']} adopted; {doer}")
    return 0


def _forecast(judged: Judgement) -> None:
    """What the rules in force will make of them, before anybody says yes."""
    for rule, count in sorted(judged.rules.items()):
        terminal.say(f"{count} would be taken by the rule {rule}")
    for reason, count in sorted(judged.reasons.items()):
        terminal.say(f"{count} would not: {reason}")
    if not judged.taken:
        terminal.say("nothing to adopt")


COMMANDS = (compare,)

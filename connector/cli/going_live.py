"""What is done once, when a provider goes live: reading what was stored before, releasing first records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import click

from connector import terminal
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.collection import rereading
from connector.collection.rereading import Stretch
from connector.config import InletConfig, SourceConfig
from connector.inquiry import backfill as inquiry
from connector.inquiry.listing import counted
from connector.inquiry.lrs_report import span
from connector.inquiry.windows import Window
from connector.store import releases
from connector.store.leases import is_running
from connector.store.tables import Source

_WAITING = ("provider", "activity", "title", "credits", "learners", "look at")
_COLUMNS = ("source", "statements", "known", "new", "unreadable", "awards it adds", "completions that join an award")


@click.command()
@click.option("--since", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The first day that is read.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day that is read; usually the present.")
@click.option("--source", "name", help="Only this source.")
@click.option("--dry-run", is_flag=True, help="Count, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@pass_work
@plainly
def backfill(
    work: Work, since: datetime, until: datetime | None, name: str, *, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Read what an LRS stored before the connector came.

    It says first how many awards that would add. Without --until the source counts from that day on for ever.
    What is already known is read and skipped.

    \b
    pars-connector backfill --since 2026-01-01 --dry-run
    pars-connector backfill --since 2026-01-01 --until 2026-06-30 --source campus --yes
    """
    windows = [_window(work, source, since, until) for source in _sources(work, name)]
    with terminal.progress("reading") as tell:
        found = inquiry.estimate(work.store, work.config, windows, lambda *so_far: tell(_how_far(*so_far)))
    _show(found, as_json=as_json)
    adds = sum(one.adds for one in found)
    if dry_run:
        return 0
    if not yes:
        click.confirm(f"Read it, and add {counted(adds, 'award', 'awards')}?", abort=True, err=as_json)
    now, asked = datetime.now(UTC), list[bool]()
    with work.store.writing() as session:
        for window in windows:
            end = window.until if until else None
            stretch = Stretch(window.source.name, window.since, end, "backfill")
            asked.append(rereading.wish(session, stretch, by=work.person, now=now))
    already = "" if any(asked) else "this is asked for already; "
    every = span(max(window.source.every for window in windows))
    running = f"the daemon does it with its next poll, within {every}"
    idle = "no daemon is running: `pars-connector once` does it"
    terminal.complain(already + (running if is_running(work.store) else idle))
    return 0


def _sources(work: Work, name: str | None) -> list[SourceConfig]:
    known = {source.name: source for source in work.config.sources}
    if name is None:
        if not work.config.polled:
            raise click.BadParameter(
                "no source of this configuration is an LRS that can be read", param_hint="--source"
            )
        return list(work.config.polled)
    if name not in known:
        raise click.BadParameter(f"no such source; there are {', '.join(known)}", param_hint="--source")
    source = known[name]
    if isinstance(source, InletConfig):
        raise click.BadParameter(f"{name} is an inlet: it comes by itself and cannot be read", param_hint="--source")
    return [source]


def _window(work: Work, source: SourceConfig, since: datetime, until: datetime | None) -> Window:
    """From midnight to midnight where the source counts its days."""
    zone, now = work.config.zone_of(work.config.providers[0], source), datetime.now(UTC)
    begin = datetime.combine(since.date(), time.min, zone).astimezone(UTC)
    with work.store.reading() as session:
        row = session.get(Source, source.name)
    if begin > now:
        raise click.BadParameter("lies in the future", param_hint="--since")
    if until is None:
        return Window(source=source, since=begin, until=(row.high_water if row else None) or now)
    if until.date() > now.astimezone(zone).date():
        raise click.BadParameter("lies in the future", param_hint="--until")
    if until < since:
        raise click.BadParameter("is before --since", param_hint="--until")
    end = datetime.combine(until.date() + timedelta(days=1), time.min, zone).astimezone(UTC)
    return Window(source=source, since=begin, until=min(end, now), known_from=row.start_from if row else None)


def _show(found: list[inquiry.Estimate], *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(one.model_dump() for one in found)
        return
    rows = ([one.source, *map(str, (one.read, one.known, one.new, one.problems, one.adds, one.joins))] for one in found)
    terminal.table("", _COLUMNS, rows, nothing="")


def _how_far(source: str, way: float, read: int) -> str:
    return f"{source}: {read:,} statements, {way:.0%} of the way"


@click.command()
@click.argument("activity", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every activity that waits.")
@click.option("--provider", help="Only this provider's.")
@click.option("--yes", is_flag=True, help="Without the question.")
@as_json
@pass_work
@plainly
def release(
    work: Work, activity: tuple[str, ...], provider: str | None, *, everything: bool, yes: bool, as_json: bool
) -> int:
    """Let the first records of an activity leave.

    They wait for it where the provider's `release` is manual. Without an activity it lists those that wait.
    Later records of a released activity leave by themselves.

    \b
    pars-connector release                      what waits
    pars-connector explain 17                   one of its credits: what would be reported
    pars-connector release 203512345
    """
    with work.store.reading() as session:
        waiting = [one for one in releases.waiting(session) if provider in (None, one.provider)]
    chosen = [one for one in waiting if everything or one.activity in activity]
    if refused := _refused(activity, chosen, everything=everything):
        terminal.complain(refused)
        return FAILED
    if not chosen:
        _show_waiting(waiting, as_json=as_json)
        return 0
    if not yes:
        if as_json:
            raise click.BadOptionUsage("--json", "--json asks nothing: use it with --yes, or without an activity")
        _show_waiting(chosen, as_json=False)
        click.confirm("These records are right and may leave?", abort=True)
    now = datetime.now(UTC)
    with work.store.writing() as session:
        for one in chosen:
            releases.release(session, one, by=work.person, now=now)
    running = "the records leave with the daemon's next turns"
    idle = "no daemon is running: the records leave with `pars-connector run` or `once`"
    said = f"released {', '.join(one.activity for one in chosen)}; {running if is_running(work.store) else idle}"
    rows = ({"provider": one.provider, "released": one.activity} for one in chosen)
    terminal.json_lines(rows) if as_json else terminal.say(said)
    return 0


def _refused(asked: Sequence[str], chosen: Sequence[releases.Waiting], *, everything: bool) -> str:
    """Why nothing is released: an activity that does not wait, or one of two providers."""
    named = [one.activity for one in chosen]
    if unknown := sorted(set(asked) - set(named)):
        return f"nothing of {', '.join(unknown)} waits for a release: see pars-connector release"
    if not everything and len(set(named)) < len(named):
        return "two providers have an activity of this id: name one with --provider"
    return ""


def _show_waiting(waiting: Sequence[releases.Waiting], *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(one.model_dump() for one in waiting)
        return
    rows = (
        [
            one.provider,
            one.activity,
            one.title,
            str(one.credits),
            str(one.learners),
            f"pars-connector explain {one.first}",
        ]
        for one in waiting
    )
    terminal.table("waiting for a release", _WAITING, rows, nothing="no activity waits for a release")


COMMANDS = (backfill, release)

"""The command that drafts rules from what an LRS holds."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import click

from connector import terminal
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.config import InletConfig, SourceConfig
from connector.inquiry import drafts, suggest
from connector.inquiry.listing import counted
from connector.inquiry.windows import Window
from connector.mapping.loader import RULES, TESTS

_COLUMNS = ("verb", "type", "statements", "objects", "for example")
_AS_RULES = 12
"""Up to so many courses each has a rule of its own; more stand in a sheet."""
_LOOK_BACK = timedelta(days=365)


@click.group()
def mappings() -> None:
    """Draft mapping files; print their schema for editors.

    \b
    pars-connector mappings suggest --since 2026-01-01
    pars-connector mappings schema
    """


@mappings.command("schema")
@plainly
def schema_() -> None:
    """Print the JSON Schema of mapping files, for editors.

    \b
    pars-connector mappings schema > mappings/mapping.schema.json
    """
    from connector.mapping.language import schema

    click.echo(schema.as_text(), nl=False)


@mappings.command("suggest")
@click.option("--source", "name", help="Only this source.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The first day that is read; else a year ago.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Draft for objects of this type; may be repeated.")
@click.option("--as", "style", type=click.Choice(["rules", "catalogue"]), help="Rules, or one rule with a sheet.")
@click.option(
    "--write", "path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the draft there.",
)  # fmt: skip
@as_json
@pass_work
@plainly
def suggest_(
    work: Work,
    name: str | None,
    since: datetime | None,
    types: tuple[str, ...],
    style: str | None,
    path: Path | None,
    *,
    as_json: bool,
) -> int:
    """Draft rules from what an LRS holds, for a person to fill in.

    Shows what was said of what, by verb and type. With --write it drafts a rule for each course, or one rule and a
    sheet with a row for each. Nothing that exists is overwritten; without activity ids the draft reports nothing.

    \b
    pars-connector mappings suggest
    pars-connector mappings suggest --source campus --write mappings/suggested.yaml
    pars-connector mappings suggest --type quiz --as catalogue --write mappings/quizzes.yaml
    """
    if path:
        _refuse_unfit(path)
    found = _read(work, name, since)
    _show(found, as_json=as_json)
    courses = found.courses(types)
    if found.unwritable:
        what = "the id holds a blank or a control character, or begins with = + - @"
        terminal.complain(f"{found.unwritable} objects stand in no draft: {what}")
    if not courses:
        terminal.complain("nothing was completed there: no draft" + (f" for {', '.join(types)}" if types else ""))
        return FAILED
    if path is None:
        said = counted(len(courses), "course", "courses")
        terminal.complain(f"{said} to draft rules for: --write FILE writes the draft")
        return 0
    _write(path, courses, style or ("rules" if len(courses) <= _AS_RULES else "catalogue"))
    return 0


def _refuse_unfit(path: Path) -> None:
    """Say beforehand what would be read by nobody, or take the place of something."""
    if not path.name.endswith(RULES) or path.name.endswith(TESTS) or not path.name.isprintable():
        wanted = f"a mapping file ends in {' or '.join(RULES)}, and not in {TESTS[0]}"
        raise click.BadParameter(f"{wanted}: {path.name!r} would not be read as one", param_hint="--write")
    if taken := [one for one in (path, path.with_suffix(".csv")) if one.exists()]:
        raise click.BadParameter(f"{taken[0]} exists, and nothing is overwritten", param_hint="--write")


def _read(work: Work, name: str | None, since: datetime | None) -> suggest.Holdings:
    known = {source.name: source for source in work.config.sources}
    if name is not None and name not in known:
        raise click.BadParameter(f"no such source; there are {', '.join(known)}", param_hint="--source")
    wanted = [known[name]] if name else list(known.values())
    now = datetime.now(UTC)
    begin = datetime.combine(since.date(), time.min, UTC) if since else now - _LOOK_BACK
    windows = [Window(source=one, since=begin, until=now) for one in wanted if isinstance(one, SourceConfig)]
    with terminal.progress("reading") as tell:
        found = suggest.of_lrs(windows, lambda source, way, read: tell(f"{source}: {read:,} statements, {way:.0%}"))
        inlets = [one for one in wanted if isinstance(one, InletConfig)]
        if inlets:
            suggest.of_store(work.store, inlets, begin, found)
    return found


def _show(found: suggest.Holdings, *, as_json: bool) -> None:
    kinds = found.kinds()
    if as_json:
        terminal.json_lines(one.model_dump() for one in kinds)
        return
    rows = (
        [one.verb, one.type or "none", str(one.statements), str(one.objects), "; ".join(one.titles)] for one in kinds
    )
    terminal.table("", _COLUMNS, rows, nothing="there is no statement in this time")
    if found.beyond:
        terminal.complain(f"{found.beyond} statements of further objects, or of none, are not told apart")


def _write(path: Path, courses: list[suggest.Course], style: str) -> None:
    today = datetime.now(UTC).date()
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = path.with_suffix(".csv")
    if style == "rules":
        path.write_text(drafts.as_rules(courses, today), encoding="utf-8")
        what = f"{path}: fill in the activity id and the credits of each rule"
    else:
        rule, rows = drafts.as_catalogue(courses, today, name=path.stem, sheet=sheet.name)
        sheet.write_bytes(b"\xef\xbb\xbf" + rows.encode())  # with a BOM, or Excel misreads the titles
        path.write_text(rule, encoding="utf-8")
        what = f"{path} and {sheet}: fill in the activity id and the credits of each row"
    terminal.complain(f"{counted(len(courses), 'course', 'courses')} written to {what}, then run `pars-connector lint`")
    if not (schema := path.with_name("mapping.schema.json")).exists():
        terminal.complain(f"for your editor: pars-connector mappings schema > {schema}")


COMMANDS = (mappings,)

"""Every command on a workplace: what it says to a person, to a pipe and to a program, and its exit code."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector.sandbox.server import Sandbox
from tests.cli import rehearsal
from tests.cli.rehearsal import lay_out


@dataclass
class Place:
    """A workplace whose world has been reported once."""

    sandbox: Sandbox
    config: Path

    def call(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["--config", str(self.config), *arguments])

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What `--json` prints, each line one object and nothing else."""
        done = self.call(*arguments, "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Sandbox() as servers:
        config = lay_out(tmp_path_factory.mktemp("cli") / "place", servers)
        done = rehearsal.call("once", config=config)
        assert done.returncode == 0, done.stderr
        assert re.search(r"^collection +36 read, 36 stored, 1 linked$", done.stdout, re.MULTILINE)
        yield Place(servers, config)


def every_command(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, one in group.commands.items():
        yield (*path, name)
        if isinstance(one, click.Group):
            yield from every_command(one, (*path, name))


def test_lists_of_commands_cut_no_sentence() -> None:
    groups = [main, *(one for one in main.commands.values() if isinstance(one, click.Group))]
    cut = [name for group in groups for name, one in group.commands.items() if len(one.get_short_help_str(200)) > 60]
    assert (len(groups) > 3, cut) == (True, [])


@pytest.mark.parametrize("path", sorted(every_command()), ids=" ".join)
def test_help_has_an_example(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*path, "--help"])
    assert done.exit_code == 0
    assert f"pars-connector {' '.join(path)}" in done.output


def test_the_docs_have_every_command_and_option() -> None:
    text = (rehearsal.ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## `pars-connector ?([^`]*)`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    commands = {"": main} | {" ".join(path): _command(path) for path in every_command()}
    assert set(sections) == set(commands)
    for name, one in commands.items():
        assert f"pars-connector {name}".strip() in sections[name].split("```", 1)[1], f"{name}: no example"
        for option in one.params:
            for spelling in (*option.opts, *option.secondary_opts):
                shown = spelling.upper() if isinstance(option, click.Argument) else spelling
                assert f"`{shown}" in sections[name] or f", {shown}" in sections[name], f"{name}: {shown}"


def _command(path: tuple[str, ...]) -> click.Command:
    found: click.Command = main
    for name in path:
        assert isinstance(found, click.Group)
        found = found.commands[name]
    return found


def test_once_says_each_stage(place: Place) -> None:
    rows = place.rows("once", "--stage", "reconciliation", "--stage", "validation")
    assert [row["stage"] for row in rows] == ["validation", "reconciliation"]


def test_records_by_state_activity_learner_and_date(place: Place) -> None:
    everything = place.rows("records")
    assert len(everything) == 24
    confirmed = place.rows("records", "--state", "confirmed")
    assert {row["state"] for row in confirmed} == {"confirmed"}
    one = confirmed[0]
    assert all(row["activity"] == one["activity"] for row in place.rows("records", "--activity", one["activity"]))
    assert one in place.rows("records", "--learner", str(one["learner"]))
    day = one["completed_on"]
    assert {row["completed_on"] for row in place.rows("records", "--from", day, "--to", day)} == {day}
    for nobody in ("mbox:nobody@example.org", "9" * 40, "²"):
        assert place.rows("records", "--learner", nobody) == []


def test_an_empty_list_is_a_sentence(place: Place) -> None:
    done = place.call("records", "--learner", "mbox:nobody@example.org")
    assert (done.exit_code, done.stdout) == (0, "no credit fits\n")


def test_a_table_in_a_pipe_has_one_whole_line_a_row(place: Place) -> None:
    lines = place.call("records").stdout.splitlines()
    assert lines[0].split()[:3] == ["credit", "learner", "activity"]
    assert len(lines) == 25
    assert all(line.isascii() for line in lines)
    assert any("ABIM/Medical Knowledge" in line and "closed" in line for line in lines)


def test_unmatched_list_and_show(place: Place) -> None:
    rows = place.rows("unmatched", "list")
    assert {"pars.no_match", "learner.not_found"} <= {row["reason"] for row in rows}
    number = next(row["credit"] for row in rows if row["reason"] == "pars.no_match")
    assert str(number) in place.call("unmatched", "list").stdout
    shown = place.call("unmatched", "show", str(number))
    assert shown.exit_code == 0
    assert shown.stdout.endswith(place.call("explain", str(number)).stdout)  # the case in words, then its story
    assert f"credit {number} waits for a person" in shown.stdout
    assert "next: a person corrects the learner" in shown.stdout
    story = place.rows("explain", str(number))
    assert place.rows("unmatched", "show", str(number))[-len(story) :] == story


def test_explain_finds_a_credit_by_number_and_id_a_learner_and_a_statement(place: Place) -> None:
    credit = place.rows("records", "--state", "confirmed")[0]
    assert place.rows("explain", str(credit["credit"])) == place.rows("explain", credit["credit_id"])
    assert place.rows("explain", f"learner:{credit['learner']}")
    statement = place.sandbox.world.late_statements()[0]["object"]["id"]
    assert "outcome of rule hand-hygiene: completion" in place.call("explain", statement.upper()).stdout


@pytest.mark.parametrize(
    "what", ["999999", "9" * 40, "learner:999", "learner:" + "9" * 40, "learner:x", "nonsense", ""]
)
def test_explain_of_what_nobody_knows_is_one_line(place: Place, what: str) -> None:
    done = place.call("explain", what)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "nothing is known of" in done.stderr
    assert done.stderr.count("\n") == 1


def test_check_is_good_and_every_part_can_be_asked_alone(place: Place) -> None:
    rows = place.rows("check")
    parts = ("lrs", "pars", "learners", "mappings", "activities", "notices", "ledger")
    alone = [row for part in parts for row in place.rows("check", f"--{part}")]
    assert sorted(map(str, alone)) == sorted(map(str, rows))
    assert all(row.get("good", True) and not row.get("wrong") for row in rows)
    assert place.call("check").exit_code == 0


def test_once_prints_json_also_when_credits_moved(tmp_path: Path) -> None:
    with Sandbox() as servers:
        done = Place(servers, lay_out(tmp_path / "place", servers)).rows("once")
    submission = next(row for row in done if row["stage"] == "submission")
    assert submission["confirmed"]


def test_check_names_what_does_not_answer(place: Place) -> None:
    for side, code in (("lrs", "lrs.login"), ("pars", "pars.login")):
        place.sandbox.switch("wrong-password", side=side)
        done = place.call("check", f"--{side}")
        assert done.exit_code == 1
        assert code in done.stdout


def test_lint_and_test_of_good_rules(place: Place) -> None:
    assert place.call("lint").stdout.endswith(f"0 errors, 0 warnings in {place.config.parent / 'mappings'}\n")
    assert place.call("lint", "--format", "json").stdout == ""
    assert place.call("test").exit_code == 0


def test_db_upgrade_says_when_there_is_nothing_to_do(place: Place) -> None:
    assert place.call("db", "upgrade").stdout == "already up to date\n"


def test_healthcheck_without_a_daemon(place: Place) -> None:
    done = place.call("healthcheck")
    assert done.exit_code == 2
    assert "web.port is 0" in done.stderr


def test_a_reader_that_leaves_early_is_no_fault(place: Place) -> None:
    """`records | head -1`, often enough repeated to fill no buffer."""
    for arguments in (("records", "--json"), ("explain", "1")):
        whole = subprocess.Popen(
            rehearsal.command(*arguments, config=place.config),
            cwd=rehearsal.ROOT, env=rehearsal.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert whole.stdout
        assert whole.stderr
        whole.stdout.close()
        with whole.stderr:
            said = whole.stderr.read().decode()
        assert (whole.wait(), said) == (0, "")

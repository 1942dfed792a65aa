"""`compare --moodle`: what Moodle has and no statement ever told, and how it takes the usual path all the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlmodel import col, select

from connector.cli import main
from connector.config import InletConfig
from connector.errors import ConfigError
from connector.inquiry import check, ledger
from connector.inquiry import compare as comparison
from connector.sandbox.server import Sandbox
from connector.store.tables import Source, StatementRow
from tests.learners.middle import Middle, voiding
from tests.moodle.place import ANNA_ID, BORIS_ID, COURSE, rule, sent

Beside = Callable[..., Middle]
AT = datetime(2026, 3, 10, 15, tzinfo=UTC)

CONFIG = """
providers:
  - id: "0001234"
    name: Example CME
    zone: America/Chicago
    domain: example.org
    environment: rehearsal
    credentials: {{provider_id: "0001234", user: u, password: {{env: NOWHERE}}}}
    activities: activities.csv
sources:
  - name: campus
    endpoint: http://127.0.0.1:9/xapi
    login: {{user: u, password: {{env: NOWHERE}}}}
    start_from: {start}
    moodle: {{site: "{site}", token: {{env: MOODLE_TOKEN}}, actor: {actor}}}
learners: {{sources: [{{sheet: learners.csv}}]}}
store: {{url: sqlite:///pars.db, rems_key: rems.key}}
"""


def named(sandbox: Sandbox, completed_on: str = "{}", more: str = "") -> str:
    """A rule that names the one course."""
    return rule(completed_on, more).replace(
        'starts_with: "http"', f'is: "{sandbox.moodle_url}/course/view.php?id={COURSE}"'
    )


def compare(
    place: Middle, sandbox: Sandbox, *arguments: str, actor: str = "id", start: str = "everything", said: str = ""
) -> Result:
    path = place.folder / "config.yaml"
    path.write_text(CONFIG.format(site=sandbox.moodle_url, actor=actor, start=start), encoding="utf-8")
    with place.at():
        return CliRunner().invoke(main, ["-c", str(path), "compare", "--moodle", *arguments], input=said)


def listed(result: Result) -> tuple[list[int], dict[str, int]]:
    """The users of the list, and the counts."""
    assert result.exit_code == 0, result.output
    *untold, last = [json.loads(line) for line in result.stdout.splitlines()]
    return [one["user"] for one in untold], last["counts"]


def looked(place: Middle, sandbox: Sandbox, *arguments: str, actor: str = "id") -> tuple[list[int], dict[str, int]]:
    return listed(compare(place, sandbox, "--json", *arguments, actor=actor))


def statements(place: Middle) -> Sequence[StatementRow]:
    with place.store.reading() as session:
        return session.exec(select(StatementRow).order_by(col(StatementRow.id))).all()


def test_what_was_told_in_any_form_is_not_missing_and_what_was_not_is(sandbox: Sandbox, beside: Beside) -> None:
    site, place = sandbox.moodle, beside(named(sandbox))
    told = site.complete(ANNA_ID, COURSE, AT)
    for user in (BORIS_ID, 5, 6, 13):
        site.complete(user, COURSE, AT)
    site.enrol(7, COURSE)
    forms: list[dict[str, Any]] = [
        told["actor"],
        {"mbox": f"mailto:{site.users[BORIS_ID].email.upper()}"},
        {"account": {"homePage": sandbox.moodle_url, "name": site.users[5].username}},
        {"mbox_sha1sum": "0" * 40},  # somebody else's
    ]
    place.post(*(sent(told, number, actor=actor) for number, actor in enumerate(forms, 1)))
    place.post(sent(told, 8, actor={"mbox": f"mailto:{site.users[6].email}"}), voiding(9, 8))
    assert looked(place, sandbox) == ([13], {"untold": 1, "told": 4, "not complete": 1})
    asked = site.calls.count("core_completion_get_course_completion_status")
    assert asked == 2  # only about those of whom nothing is told


def test_a_module_that_was_completed_is_not_the_course(sandbox: Sandbox, beside: Beside) -> None:
    told = sandbox.moodle.complete(ANNA_ID, COURSE, AT)
    place = beside(named(sandbox)).post(
        sent(told, 1, object={"id": f"{sandbox.moodle_url}/mod/quiz/view.php?id=571"}),
        sent(told, 2, verb={"id": "http://id.tincanapi.com/verb/viewed"}),
    )
    assert looked(place, sandbox)[0] == [ANNA_ID]


def test_what_is_older_than_the_start_or_on_its_way_is_left_alone(sandbox: Sandbox, beside: Beside) -> None:
    place = beside(named(sandbox))
    with place.store.writing() as session:
        session.get_one(Source, "campus").start_from = AT
    site = sandbox.moodle
    site.complete(ANNA_ID, COURSE, AT - timedelta(seconds=1))
    site.complete(BORIS_ID, COURSE, place.clock - timedelta(minutes=59))
    site.complete(5, COURSE, place.clock - timedelta(minutes=61))
    assert looked(place, sandbox) == ([5], {"untold": 1, "before the start": 1, "on its way": 1})
    assert looked(place, sandbox, "--since", "2026-03-10")[0] == [ANNA_ID, 5]


def test_before_the_first_poll_nobody_knows_what_was_reported_otherwise(sandbox: Sandbox, beside: Beside) -> None:
    place = beside(named(sandbox))
    sandbox.moodle.complete(ANNA_ID, COURSE, AT - timedelta(days=1500))
    sandbox.moodle.complete(BORIS_ID, COURSE, AT)
    refused = compare(place, sandbox, "--adopt", "--yes", start="now")
    assert (refused.exit_code, "config.no_start" in refused.output, "--since" in refused.output) == (2, True, True)
    assert statements(place) == []
    expected = ([BORIS_ID], {"untold": 1, "before the start": 1})
    assert listed(compare(place, sandbox, "--json", "--since", "2026-03-01", start="now")) == expected
    assert listed(compare(place, sandbox, "--json", start="2026-03-10")) == expected
    with place.store.writing() as session:
        session.get_one(Source, "campus").high_water = AT  # read from its beginning, and `now` written later
    assert listed(compare(place, sandbox, "--json", start="now"))[0] == [ANNA_ID, BORIS_ID]


def test_an_inlet_begins_with_its_first_statement(sandbox: Sandbox, beside: Beside) -> None:
    place = beside(named(sandbox))
    settings = place.config.sources[0].moodle
    inlet = InletConfig.model_validate(
        {"name": "campus", "inlet": {"user": "u", "password": {"env": "NOWHERE"}}, "moodle": settings}
    )
    with pytest.raises(ConfigError, match="nobody knows"):
        comparison.since_of(place.store, place.config, inlet, None)
    told = sandbox.moodle.complete(ANNA_ID, COURSE, AT)
    place.post(sent(told, 1))
    place.clock += timedelta(days=1)
    place.post(sent(told, 2))
    assert comparison.since_of(place.store, place.config, inlet, None) == place.clock - timedelta(days=1)
    assert comparison.since_of(place.store, place.config, inlet, AT.date()) == datetime(2026, 3, 10, 5, tzinfo=UTC)


def test_adopted_it_takes_the_usual_path_and_the_real_one_doubles_nothing(sandbox: Sandbox, beside: Beside) -> None:
    place = beside(named(sandbox))
    real = sandbox.moodle.complete(ANNA_ID, COURSE, AT)
    result = compare(place, sandbox, "--adopt", said="n\n")
    assert "1 would be taken by the rule course" in result.output
    assert (result.exit_code, statements(place)) == (1, [])
    result = compare(place, sandbox, "--adopt", "--yes")
    assert (result.exit_code, "1 adopted" in result.output) == (0, True)
    place.run()
    assert place.states() == [("AMA PRA Category 1", "ready")]
    assert [str(award.completed_on) for award in place.awards()] == ["2026-03-10"]
    assert "nothing to adopt" in compare(place, sandbox, "--adopt").output
    assert len(statements(place)) == 1
    place.post(sent(real, 1), sent(real, 2, timestamp="2026-03-11T08:00:00.000Z"))  # by the plugin, by its late cron
    place.run()
    own, linked, late = statements(place)
    assert (linked.duplicate_of, late.duplicate_of) == (own.id, None)
    assert place.states() == [("AMA PRA Category 1", "ready")]
    assert [row.what for row in ledger.prove(place.store) if row.wrong] == []


@pytest.mark.parametrize("actor", ["id", "username", "email"])
def test_it_is_adopted_under_the_name_that_the_plugin_would_use(sandbox: Sandbox, beside: Beside, actor: str) -> None:
    place = beside(named(sandbox, "{from: moodle}"), actor=actor)
    sandbox.moodle.complete(ANNA_ID, COURSE, AT)
    result = compare(place, sandbox, "--adopt", "--yes", "--json", actor=actor)
    assert json.loads(result.stdout.splitlines()[-1]) == {"adopted": 1, "not_taken": {}}
    (row,) = statements(place)
    expected = {"id": f"account:{sandbox.moodle_url}|3", "email": "mbox:aoneill@example.org"}
    assert row.actor_key == expected.get(actor, f"account:{sandbox.moodle_url}|aoneill")
    place.run()
    assert place.states() == [("AMA PRA Category 1", "ready")]


def test_what_no_rule_takes_is_said_with_the_reason_and_stays_unwritten(sandbox: Sandbox, beside: Beside) -> None:
    strict = named(sandbox).replace("when: [", "when: [{path: result.success, is: true}, ")
    place = beside(strict)
    sandbox.moodle.complete(ANNA_ID, COURSE, AT)
    sandbox.moodle.complete(ANNA_ID, 42, AT)
    result = compare(place, sandbox, "--adopt", "--yes", "--course", "57", "--course", "42", "--course", "4711")
    assert result.exit_code == 0
    assert "1 would not: course: not met: `result.success` is true (seen: nothing)" in result.output
    assert "1 would not: no rule names this course" in result.output
    assert "Moodle knows no course 4711" in result.output
    assert statements(place) == []


def test_the_list_names_nobody(sandbox: Sandbox, beside: Beside) -> None:
    place = beside(named(sandbox))
    sandbox.moodle.complete(ANNA_ID, COURSE, AT)
    person = sandbox.moodle.users[ANNA_ID]
    shown = compare(place, sandbox).output + compare(place, sandbox, "--json").output
    assert "2026-03-10 15:00:00" in shown
    assert "unenrolled since cannot be seen" in shown
    assert not any(word in shown for word in (person.username, person.email, person.person.family))


def test_hidden_names_are_a_missing_right_and_not_missing_completions(sandbox: Sandbox, beside: Beside) -> None:
    place = beside(named(sandbox))
    sandbox.moodle.complete(ANNA_ID, COURSE, AT)
    sandbox.moodle.rights -= {"moodle/site:viewuseridentity"}
    result = compare(place, sandbox, actor="email")
    assert (result.exit_code, "moodle.no_right" in result.output) == (3, True)
    assert looked(place, sandbox)[0] == [ANNA_ID]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "elsewhere"], "config.no_moodle"),
        ([], "config.no_courses"),
        (["--adopt", "--json"], "add --yes"),
    ],
)
def test_what_cannot_be_compared_is_said(sandbox: Sandbox, beside: Beside, arguments: list[str], words: str) -> None:
    result = compare(beside(rule()), sandbox, *arguments)
    assert (result.exit_code, words in result.output) == (2, True)


def test_check_proves_the_token_by_trying_it(sandbox: Sandbox, beside: Beside) -> None:
    place = beside(named(sandbox))

    def checked() -> tuple[str, str]:
        (one,) = check.moodles(place.config, place.store)
        return one.code, one.message

    assert "is not tried" in checked()[1]
    sandbox.moodle.enrol(ANNA_ID, COURSE)
    assert checked() == ("", "Moodle 4.5.6 (Build: 20250811); the roster and completions of course 57 can be read")
    site = sandbox.moodle
    rights, site.rights = site.rights, site.rights - {"report/completion:view"}
    assert checked()[0] == "moodle.no_right"
    site.rights = rights
    site.functions.discard("core_course_get_courses_by_field")
    assert checked()[0] == "moodle.no_function"
    site.functions.add("core_course_get_courses_by_field")
    address, site.address = site.address, "https://moodle.example.edu"
    assert (checked()[0], "https://moodle.example.edu" in checked()[1]) == ("moodle.wrong_site", True)
    site.address = address


def test_a_folder_of_its_own_is_enough(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["-c", str(tmp_path / "none.yaml"), "compare"])
    assert (result.exit_code, "--moodle" in result.output) == (2, True)

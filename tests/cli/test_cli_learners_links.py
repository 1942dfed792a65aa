"""`learners show|link|unlink`: what is shown and masked, what is asked for, and what a person is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result
from sqlmodel import col, select

from connector.cli import main, wishing
from connector.inquiry import person
from connector.store import fixes
from connector.store.tables import Award, LearnerRow, Wish
from tests.delivery.correcting import Course
from tests.delivery.workplace import Delivery

MAIL, OTHER = "mbox:aoneill@example.org", "mbox:jbrown@example.org"
ACCOUNT = "account:https://lms.example.org|99"
HIDDEN = ("neill", "Neill", "02-29", "10441", "Joy")


@pytest.fixture
def course(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> Course:
    """Two learners with a credit each, and the folder that the commands are called in."""
    monkeypatch.chdir(delivery.folder)
    known = Course(delivery)
    known.tell("aoneill")
    known.tell("jbrown")
    known.judge()
    return known


def call(*arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(main, ["learners", *arguments], input=said)


def wished(course: Course) -> list[tuple[str, dict[str, object]]]:
    with course.delivery.store.reading() as session:
        return [(one.kind, one.args) for one in session.exec(select(Wish))]


def results(course: Course) -> list[str]:
    course.judge()
    with course.delivery.store.reading() as session:
        return list(session.exec(select(Wish.result)))


def test_show_masks_every_value_and_says_who_told_it(course: Course) -> None:
    with course.delivery.store.writing() as session:
        row = session.exec(select(LearnerRow).order_by(col(LearnerRow.id))).first()
        assert row
        fixes.put(session, row, "birth_day", "03-01", by="maria", now=datetime.now(UTC))
    done = call("show", MAIL)
    assert done.exit_code == 0
    assert "a mailbox at example.org   said by sheet:learners.csv" in done.stdout
    assert "said by sheet:learners.csv" in done.stdout
    assert "birth_day: ***   from a correction" in done.stdout
    assert "by maria" in done.stdout
    assert "1 credit: 1 ready" in done.stdout
    assert not [value for value in (*HIDDEN, "03-01") if value in done.stdout]


def test_show_as_json_masks_too(course: Course) -> None:
    done = call("show", "1", "--json")
    known = json.loads(done.stdout)
    assert (known["learner"], known["credits"]) == (1, {"ready": 1})
    assert {one["value"] for one in known["values"] if one["what"] != "profession"} == {"***"}


@pytest.mark.parametrize("arguments", [["show", "1", "--values"], ["show", "1", "--values", "--json"]])
def test_values_go_into_no_pipe(course: Course, arguments: list[str]) -> None:
    done = call(*arguments)
    assert (done.exit_code, done.stdout) == (1, "")


def test_values_are_there_for_whoever_asks_on_a_terminal(course: Course) -> None:
    with course.delivery.store.reading() as session:
        known = person.known(session, MAIL, values=True)
    assert known
    assert {one.what: one.value for one in known.values}["birth_day"] == "02-29"
    assert MAIL in {one.value for one in known.actors}


def test_nobody_is_shown_under_an_unknown_name(course: Course) -> None:
    for nobody in ("99", "mbox:nobody@example.org"):
        assert call("show", nobody).exit_code == 1


def test_a_link_is_confirmed_wished_for_and_refused_where_they_are_two(course: Course) -> None:
    done = call("link", OTHER, "1", said="n\n")
    assert (done.exit_code, wished(course)) == (1, [])
    done = call("link", OTHER.replace("mbox:", "mbox:MAILTO:"), MAIL, "--yes")
    assert done.exit_code == 0
    assert "no daemon is running" in done.stderr
    assert wished(course) == [("desk.link", {"actor": OTHER, "learner": 1})]
    assert results(course) == ["learner.two_people"]


def test_a_new_actor_is_linked_without_a_question_and_unlinked_again(course: Course) -> None:
    assert call("link", ACCOUNT, "1").exit_code == 0
    assert results(course) == ["desk.done"]
    assert "account 99 at https://lms.example.org   said by person" in call("show", "1").stdout
    assert call("unlink", ACCOUNT).exit_code == 0
    assert results(course) == ["desk.done", "desk.done"]
    assert "account 99 at https://lms.example.org   said by unlinked" in call("show", ACCOUNT).stdout
    with course.delivery.store.reading() as session:
        assert list(session.exec(select(Award.learner_id).order_by(col(Award.id)))) == [1, 2]


@pytest.mark.parametrize(
    "actor", ["", "anna", "mbox:", "mbox_sha1sum:12", "account:https://lms.example.org", "account:|3", "phone:12"]
)
def test_what_is_no_actor_key_is_refused_by_its_form(course: Course, actor: str) -> None:
    for arguments in (["link", actor, "1"], ["unlink", actor]):
        done = call(*arguments)
        assert done.exit_code == 2
        assert "it is written mbox:ADDRESS" in done.stderr
    assert wished(course) == []


def test_unlinking_and_linking_strangers_say_so(course: Course) -> None:
    assert call("unlink", ACCOUNT).exit_code == 1
    assert call("link", MAIL, "99").exit_code == 1
    assert wished(course) == []


def test_every_answer_of_a_wish_has_words() -> None:
    assert {"desk.done", "desk.gone", "learner.two_people"} <= set(wishing._SAID)

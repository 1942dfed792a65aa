"""Who could be reported if he completed now: the gates of the pipeline over a roster, and PARS's own answers."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from connector.config import SheetSource
from connector.errors import ConfigError
from connector.inquiry import earnable, matching, readiness, rosters
from connector.inquiry.matching import Stopped
from connector.inquiry.readiness import Standing
from connector.inquiry.rosters import Entrant
from connector.records import ActorKey, Problem
from connector.sandbox.pars.learners import KnownLearner
from connector.sandbox.server import Sandbox
from connector.sandbox.world.people import npi
from connector.store import fixes
from connector.store.tables import ConsentRow, Credit, LearnerKey, LearnerMatch, LearnerRow
from tests.delivery.workplace import STEWARDSHIP, Delivery
from tests.learners.middle import ANNA, BORIS, MOC, RULE, SITE, Middle, statement, write_sheet
from tests.moodle.place import ANNA_ID, BORIS_ID, COURSE, placed, rule


def quiet(_text: str) -> None:
    """Nobody looks."""


def holds(problem: Problem) -> bool:
    return problem.holds


def entrant(*keys: str, place: str = "row 2") -> Entrant:
    return Entrant(place=place, keys=tuple(map(ActorKey, keys)))


ANNA_KEY, BORIS_KEY = "mbox:anna@example.org", "mbox:boris@example.org"


def looked(place: Middle | Delivery, entrants: Sequence[Entrant], activity: str = "") -> list[Standing]:
    provider, credits_ = earnable.offered(place.config, activity)
    return list(readiness.look(place.store, place.config, provider, credits_, entrants, quiet))


def codes(standing: Standing) -> list[str]:
    return sorted(one.code for one in standing.all_problems)


def test_every_gate_is_asked_before_anything_is_completed(place: Middle) -> None:
    place.rules(RULE + MOC).sheet(
        ANNA, BORIS | {"consent": "", "birth_day": "13/45", "npi": "123", "board_id": "", "board": ""}
    )
    anna, boris, nobody = looked(
        place, [entrant(ANNA_KEY), entrant(BORIS_KEY), entrant("mbox:x@y.example")], "203512345"
    )
    assert (codes(anna), [one.identifier.domain for one in anna.questions]) == ([], ["NPI", "ABIM"])
    assert codes(boris) == [
        "learner.birth_day_format", "learner.no_board_id", "learner.no_consent", "learner.npi_format",
    ]  # fmt: skip
    assert (codes(nobody), nobody.questions, nobody.learner_id) == (["learner.not_found"], [], None)
    verdicts = [one.verdict(holds, asked=False) for one in (anna, boris, nobody)]
    assert verdicts == ["ready", "not_ready", "not_ready"]
    assert anna.verdict(holds, asked=True) == "not_known", "PARS was to be asked, and was not"
    with place.store.reading() as session:
        assert session.exec(select(LearnerRow)).all() == [], "nobody is made a learner by being looked at"
        assert session.exec(select(Credit)).all() == []


def test_reasons_are_grouped_what_stops_first(place: Middle) -> None:
    doubtful = BORIS | {"npi": "1245319590"}  # its check digit is wrong: no certain fact
    place.sheet(ANNA | {"consent": "no"}, doubtful)
    found = readiness.groups(looked(place, [entrant(ANNA_KEY), entrant(BORIS_KEY)]))
    assert [(one.problem.code, len(one.standings)) for one in found] == [
        ("learner.no_consent", 1), ("learner.npi_check_digit", 1),
    ]  # fmt: skip
    strict = looked(place, [entrant(BORIS_KEY)])[0]
    assert [strict.verdict(holds, asked=False), strict.verdict(lambda _: True, asked=False)] == ["ready", "not_ready"]
    strict.questions[0].answer = "yes"
    assert codes(strict) == [], "PARS has settled our doubt"


def test_a_permission_that_the_desk_recorded_holds_as_in_the_pipeline(place: Middle) -> None:
    """Until the sources themselves say something else than they did."""
    place.sheet(ANNA | {"consent": "no"}).post(statement(1)).run()
    assert "learner.no_consent" in codes(looked(place, [entrant(ANNA_KEY)])[0])
    with place.at(), place.session() as session:
        session.add(ConsentRow(learner_id=1, given=True, origin="desk:rosa", seen_at=place.clock))
        session.commit()
    assert codes(looked(place, [entrant(ANNA_KEY)])[0]) == []
    place.sheet(ANNA | {"consent": "no", "consent_at": "2026-03-12"})
    assert codes(looked(place, [entrant(ANNA_KEY)])[0]) == ["learner.no_consent"]


def test_whose_profession_earns_nothing_needs_nobody(place: Middle) -> None:
    place.rules(RULE + MOC).sheet(ANNA | {"profession": "NP"}, BORIS | {"profession": "PA"})
    learners = place.config.learners.model_copy(update={"cme_professions": ("MD", "DO", "PA")})
    place.config = place.config.model_copy(update={"learners": learners})
    nurse, assistant = looked(place, [entrant(ANNA_KEY), entrant(BORIS_KEY)], "203512345")
    assert [one.verdict(holds, asked=False) for one in (nurse, assistant)] == ["not_eligible", "ready"]
    assert ([one.identifier.domain for one in assistant.questions], nurse.questions) == (["NPI"], [])
    assert {readiness.who_acts(one) for one in nurse.all_problems} == {""}


def test_what_an_activity_offers(place: Middle) -> None:
    def boards(activity: str) -> list[str]:
        return [one.board or one.certification for one in earnable.offered(place.config, activity)[1]]

    place.rules(RULE + MOC)
    assert boards("203512345") == ["AMA PRA Category 1", "ABIM"]
    assert boards("") == ["AMA PRA Category 1"]
    place.rules(RULE.replace("203512345", "203599999"))
    assert boards("203512345") == ["AMA PRA Category 1", "ABA", "ABIM", "ABP", "ABPATH", "ABS"], "as the sheet has it"
    with pytest.raises(ConfigError, match="no rule and no activity sheet"):
        boards("203511111")
    other = place.config.providers[0].model_copy(update={"id": "0009999", "activities": None})
    place.config = place.config.model_copy(update={"providers": (*place.config.providers, other)})
    with pytest.raises(ConfigError, match="several providers"):
        boards("")
    assert earnable.offered(place.config, "", "0009999")[0].id == "0009999"


def test_a_catalogue_offers_what_its_row_says(place: Middle) -> None:
    rule_of_all = """
  - name: all
    when: [{path: verb.id, is: completed}]
    catalogue: {from: activities.csv, key: object.id}
"""
    place.config.mappings.mkdir(exist_ok=True)
    rows = "object_id,activity_id,credits,abim_medical_knowledge\nhttps://a/1,203512345,1.00,1.00\n"
    (place.config.mappings / "activities.csv").write_text(rows, encoding="utf-8")
    place.rules(rule_of_all)
    _, credits_ = earnable.offered(place.config, "203512345")
    assert [one.board for one in credits_] == ["", "ABIM"]


def test_a_correction_counts_until_its_source_says_something_else(place: Middle) -> None:
    place.sheet(ANNA | {"npi": "1245319599"})
    place.post(statement(1)).run()
    with place.session() as session:
        row = session.exec(select(LearnerRow)).one()
        fixes.put(session, row, "ids.NPI", "1234567893", by="a person", now=place.clock)
        fixes.put(session, row, "given_name", "Anna Maria", by="a person", now=place.clock)
    (fixed,) = looked(place, rosters.of_store(place.store))
    assert fixed.questions[0].identifier.value.get_secret_value() == "1234567893"
    assert fixed.learner.given_name is not None
    assert fixed.learner.given_name.get_secret_value() == "Anna Maria"
    place.sheet(ANNA | {"npi": "1679576722"})  # not yet read by the daemon
    (fresh,) = looked(place, [entrant(ANNA_KEY)])
    assert (fresh.learner_id, fresh.who) == (fixed.learner_id, f"row 2 (learner {fixed.learner_id})")
    assert fresh.questions[0].identifier.value.get_secret_value() == "1679576722"
    assert fresh.learner.given_name is not None
    assert fresh.learner.given_name.get_secret_value() == "Anna Maria"


def test_two_sources_that_disagree_are_settled_before_pars_is_asked(place: Middle) -> None:
    other = place.folder / "other.csv"
    write_sheet(other, [ANNA | {"npi": "1245319599"}])
    sources = (*place.config.learners.sources, SheetSource(sheet=other))
    learners = place.config.learners.model_copy(update={"sources": sources})
    place.config = place.config.model_copy(update={"learners": learners})
    (anna,) = looked(place, [entrant(ANNA_KEY)])
    assert (codes(anna), anna.questions) == (["learner.sources_disagree"], [])
    place.post(statement(1)).run()
    with place.session() as session:
        row = session.exec(select(LearnerRow)).one()
        fixes.put(session, row, "ids.NPI", "1679576722", by="a person", now=place.clock)
    (settled,) = looked(place, [entrant(ANNA_KEY)])
    assert (codes(settled), len(settled.questions)) == ([], 1)


def test_one_person_is_looked_at_once(place: Middle) -> None:
    anna = f"account:{SITE}|3"
    found = looked(place, [entrant(ANNA_KEY), entrant(anna, place="row 3"), entrant(BORIS_KEY, place="row 4")])
    assert [one.place for one in found] == ["row 2", "row 4"]


def test_a_key_that_a_person_unlinked_answers_for_nobody(place: Middle) -> None:
    place.post(statement(1)).run()
    with place.session() as session:
        link = session.get_one(LearnerKey, ANNA_KEY)
        link.origin = "unlinked"
        alone = LearnerRow()
        session.add(alone)
        session.flush()
        link.learner_id = alone.id
        session.add(link)
    (found,) = looked(place, [entrant(ANNA_KEY)])
    assert codes(found) == ["learner.not_found"]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.csv", "E-mail;Seat\nANNA@example.org;4\n;\nboris@example.org;5\n", ["row 2", "row 4"]),
        ("b.csv", "\ufeffhome_page,username,city\nhttps://lms.example.org,anna,Bath\n", ["row 2"]),
        ("c.csv", "Given,Family\nAnna,Quixley\n", "config.sheet_cell"),
        ("e.csv", f"email\n{'x' * 600}@example.org\n", "config.sheet_cell"),
        ("d.csv", "email,city\nanna@example.org,Bath\n,Bath\n", "config.sheet_cell"),
    ],
)
def test_a_roster_is_any_sheet_that_names_actors(place: Middle, name: str, text: str, found: Any) -> None:
    path = place.folder / name
    path.write_text(text, encoding="utf-8")
    if isinstance(found, str):
        with pytest.raises(ConfigError) as refusal:
            rosters.of_sheet(path)
        assert (refusal.value.code, "Quixley" in str(refusal.value)) == (found, False)
        return
    listed = rosters.of_sheet(path)
    assert [one.place for one in listed] == found
    assert "learner.not_found" not in codes(looked(place, listed)[0])


def test_a_course_is_its_enrolled_users_as_statements_will_name_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(load=False) as sandbox:
        monkeypatch.setenv("MOODLE_TOKEN", sandbox.moodle.token)
        place = placed(tmp_path, sandbox, rule())
        for user in (ANNA_ID, BORIS_ID, 9):
            sandbox.moodle.enrol(user, COURSE)
        roster = rosters.of_course(place.config, None, COURSE, quiet)
        assert [one.place for one in roster] == ["user 3", "user 4", "user 9"]
        assert {len(one.keys) for one in roster} == {1}
        known = looked(place, roster)
        assert [codes(one) for one in known] == [[], [], ["learner.not_found"]]
        with pytest.raises(ConfigError, match="no course 999"):
            rosters.of_course(place.config, None, 999, quiet)
        with pytest.raises(ConfigError, match="has no `moodle`"):
            rosters.of_course(place.config, "nowhere", COURSE, quiet)
        place.store.dispose()


# --- PARS is asked


def asked_about(delivery: Delivery, entrants: Sequence[Entrant] = (), activity: str = STEWARDSHIP) -> Any:
    """Everybody's verdict with what stopped the questions, the roster being the workplace's own learner sheet."""
    roster = entrants or rosters.of_sheet(delivery.folder / "learners.csv")
    found = looked(delivery, roster, activity)
    stopped = matching.ask(
        delivery.store, delivery.config, delivery.config.providers[0], readiness.to_ask(found), quiet
    )
    return [one.verdict(holds, asked=True) for one in found], stopped, found


def matches(delivery: Delivery) -> list[tuple[int, str, str]]:
    with delivery.store.reading() as session:
        return [(one.learner_id, one.domain, one.found) for one in session.exec(select(LearnerMatch))]


def met(delivery: Delivery, *people: str) -> None:
    """The store has these learners already, as the daemon would after their first statement."""
    with delivery.store.writing() as session:
        for name in people:
            who = delivery.sandbox.world.people[name]
            row = LearnerRow(
                given_name=who.given, family_name=who.family, birth_day=who.birth, ids={"NPI": who.npi}, found=True,
                fetched_at=datetime.now(UTC),
            )  # fmt: skip
            session.add(row)
            session.flush()
            session.add(LearnerKey(actor_key=f"mbox:{name}@example.org", learner_id=row.id, origin="sheet"))


def test_pars_is_asked_about_whoever_passed_our_gates(delivery: Delivery) -> None:
    met(delivery, "aoneill", "elind")
    verdicts, stopped, found = asked_about(delivery)
    assert stopped is None
    assert (verdicts.count("ready"), verdicts.count("not_eligible")) == (14, 2)
    lost = {one.place: codes(one) for one, verdict in zip(found, verdicts, strict=True) if verdict == "not_ready"}
    assert lost == {"row 4": ["learner.match_no"], "row 5": ["learner.no_consent"]}
    assert [(domain, said) for _, domain, said in matches(delivery)] == [("NPI", "yes"), ("NPI", "no")]
    assert len([one for one in delivery.sandbox.pars.log if one.operation == "match"]) == 15
    assert delivery.submissions() == []


def test_a_kept_yes_is_not_asked_again_and_a_no_is(delivery: Delivery) -> None:
    met(delivery, "aoneill", "elind")
    asked_about(delivery)
    before = len(delivery.sandbox.pars.log)
    mine = [entrant("mbox:aoneill@example.org"), entrant("mbox:elind@example.org", place="row 3")]
    verdicts, _, _ = asked_about(delivery, mine)
    assert (verdicts, len(delivery.sandbox.pars.log) - before) == (["ready", "not_ready"], 1)


def test_a_number_that_is_new_here_needs_nobody_yet(delivery: Delivery) -> None:
    met(delivery, "elind")
    with delivery.store.writing() as session:
        row = session.exec(select(LearnerRow)).one()
        row.ids_since = {"NPI": datetime.now(UTC).isoformat()}
        session.add(row)
    verdicts, _, found = asked_about(delivery, [entrant("mbox:elind@example.org")])
    (problem,) = found[0].all_problems
    assert (verdicts, problem.code, readiness.who_acts(problem)) == (["not_ready"], "learner.id_may_be_new", "")


@pytest.mark.parametrize("fault", ["error-500", "wrong-password", "cut-before-body"])
def test_an_outage_keeps_what_was_answered_and_stops_no_channel(delivery: Delivery, fault: str) -> None:
    met(delivery, "aoneill")
    both = [entrant("mbox:aoneill@example.org"), entrant("mbox:jbrown@example.org", place="row 3")]
    asked_about(delivery, both[:1])
    delivery.sandbox.switch(fault, side="pars", times=None)
    verdicts, stopped, _ = asked_about(delivery, both)
    assert verdicts == ["ready", "not_known"]
    assert stopped is not None
    assert stopped.code.startswith("pars.")
    assert delivery.channel().circuit == "closed", "a question by hand is not the daemon's work"


def test_a_channel_that_is_stopped_is_not_asked(delivery: Delivery) -> None:
    asked_about(delivery, [entrant("mbox:aoneill@example.org")])
    with delivery.store.writing() as session:
        row = delivery.channel()
        row.circuit = "open"
        session.add(row)
    verdicts, stopped, _ = asked_about(delivery, [entrant("mbox:jbrown@example.org")])
    assert (verdicts, "stopped" in stopped.message) == (["not_known"], True)


def interrupting(after: int) -> Callable[[str], None]:
    """Ctrl-C while that question is put."""

    def tell(text: str) -> None:
        if text.startswith(f"asking PARS: {after} "):
            raise KeyboardInterrupt

    return tell


def test_whoever_ends_it_has_what_was_found_so_far(delivery: Delivery) -> None:
    found = looked(delivery, rosters.of_sheet(delivery.folder / "learners.csv"), STEWARDSHIP)
    provider = delivery.config.providers[0]
    stopped = matching.ask(delivery.store, delivery.config, provider, readiness.to_ask(found), interrupting(3))
    assert stopped == Stopped(message="interrupted")
    verdicts = [one.verdict(holds, asked=True) for one in found]
    assert (verdicts.count("ready"), verdicts.count("not_known")) == (2, 12)
    assert delivery.store.lines[delivery.channel().id].acquire(blocking=False), "the line is free again"


@pytest.mark.parametrize("fault", ["html-200", "empty-200"])
def test_an_answer_that_cannot_be_read_speaks_against_nobody(delivery: Delivery, fault: str) -> None:
    met(delivery, "aoneill")
    delivery.sandbox.switch(fault, side="pars", times=None)
    verdicts, stopped, found = asked_about(delivery, [entrant("mbox:aoneill@example.org")])
    if stopped is None:
        assert (verdicts, found[0].questions[0].answer) == (["ready"], "unclear")
    else:
        assert verdicts == ["not_known"]


def test_the_json_channel_knows_no_match(delivery_on: Callable[[str], Delivery]) -> None:
    delivery = delivery_on("json-service")
    _, stopped, found = asked_about(delivery)
    assert stopped is not None
    assert (stopped.by_nature, stopped.code) == (True, "pars.not_supported")
    assert {one.verdict(holds, asked=False) for one in found} == {"ready", "not_ready", "not_eligible"}


@pytest.mark.proof
def test_five_hundred_are_asked_about_in_a_few_seconds(delivery: Delivery, tmp_path: Path) -> None:
    people = [(f"Given{number}", f"Family{number}", npi(50_000 + number)) for number in range(500)]
    path = tmp_path / "five-hundred.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("email", "given_name", "family_name", "birth_day", "npi", "profession", "consent"))
        writer.writerows(
            (f"{given}@example.org", given, family, "03/04", number, "MD", "yes") for given, family, number in people
        )
    known = [KnownLearner(given, given, family, "03-04", {"NPI": number}) for given, family, number in people[:499]]
    delivery.sandbox.pars.learners = type(delivery.sandbox.pars.learners)(known)
    learners = delivery.config.learners.model_copy(update={"sources": (SheetSource(sheet=path),)})
    delivery.set(learners=learners)
    began = time.perf_counter()
    verdicts, stopped, _ = asked_about(delivery, rosters.of_sheet(path))
    assert (verdicts.count("ready"), verdicts.count("not_ready"), stopped) == (499, 1, None)
    assert time.perf_counter() - began < 30

"""A coordinator corrects, tries again or leaves: what it does to credits in every state, and how long a fix holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from connector.config import LearnersConfig
from connector.learners import decisions
from connector.store import fixes, wishes
from connector.store.states import State
from connector.store.tables import ConsentRow, Event, LearnerFix, LearnerMatch, Wish
from tests.learners.middle import ANNA, MOC, RULE, Middle, statement

HOUR = timedelta(hours=1)


def decide(place: Middle, kind: str, **args: Any) -> str:
    """A wish, and the turn that answers it."""
    with place.at(), place.session() as session:
        number = wishes.wish(session, kind, args, by="rosa", now=place.clock).id
    place.run()
    with place.session() as session:
        return session.get_one(Wish, number).result


def fix(place: Middle, **fields: str) -> str:
    return decide(place, wishes.FIX, learner=1, fields={name.replace("ids_", "ids."): fields[name] for name in fields})


def only(place: Middle) -> tuple[str, str]:
    return place.only().state, place.only().reason


def test_a_fixed_field_frees_the_credit_and_is_kept_with_who_and_when(place: Middle) -> None:
    place.sheet(ANNA | {"birth_day": "13-13"}).post(statement(1)).run()
    assert only(place) == ("held", "learner.birth_day_format")
    assert fix(place, birth_day="02-29") == decisions.DONE
    assert place.only().state == "ready"
    with place.session() as session:
        kept = session.exec(select(LearnerFix)).one()
        assert (kept.field, kept.value, kept.by, kept.ended_at) == ("birth_day", "02-29", "rosa", None)
        assert kept.at is not None
        told = session.exec(select(Event).where(Event.subject == "learner")).one()
        assert (told.what, told.by) == ("corrected birth_day", "rosa")
        assert session.exec(select(Wish)).one().args["fields"] == {"birth_day": ""}  # kept once, with the learner


def test_a_fix_holds_until_the_source_itself_says_something_else(place: Middle) -> None:
    place.sheet(ANNA | {"npi": "1234567890"}).post(statement(1)).run()
    fix(place, ids_NPI=ANNA["npi"])
    married = ANNA | {"family_name": "Quixley-Bell"}
    place.sheet(married | {"npi": "1234567890"}).run(later=HOUR)
    assert place.only().identifier_value == ANNA["npi"]  # another field: the fix stays
    place.sheet(married | {"npi": "1245319599"}).run(later=HOUR)
    assert place.only().identifier_value == "1245319599"
    place.sheet(married | {"npi": "1234567890"}).run(later=HOUR)
    assert place.only().identifier_value == "1234567890"  # an ended fix does not come back
    with place.session() as session:
        assert session.exec(select(LearnerFix.ended_at)).one() is not None


def test_a_fix_of_a_field_the_source_does_not_know_ends_when_it_learns_it(place: Middle) -> None:
    place.sheet(ANNA | {"npi": ""}).post(statement(1)).run()
    assert only(place) == ("held", "learner.no_identifier")
    fix(place, ids_CA="A12345")
    assert (place.only().state, place.only().identifier_domain) == ("ready", "CA")
    place.sheet(ANNA | {"npi": "", "state": "CA", "licence": "A99999"}).run(later=HOUR)
    assert place.only().identifier_value == "A99999"


def test_a_cell_that_is_blank_for_a_night_ends_no_fix(place: Middle) -> None:
    place.sheet(ANNA | {"npi": "1234567890"}).post(statement(1)).run()
    fix(place, ids_NPI=ANNA["npi"])
    for cell in ("", "1234567890"):
        place.sheet(ANNA | {"npi": cell}).run(later=HOUR)
        assert (place.only().state, place.only().identifier_value) == ("ready", ANNA["npi"])


def test_a_name_that_was_said_to_be_his_can_be_taken_back(place: Middle) -> None:
    place.post(statement(1, actor={"mbox": "mailto:anna@example.org", "name": "Zanna Ray"})).run()
    assert fix(place, actor_name="Zanna Ray") == decisions.DONE
    assert place.only().state == "ready"
    assert fix(place, not_actor_name="Zanna Smith") == decisions.GONE
    assert fix(place, not_actor_name="zanna ray") == decisions.DONE
    assert only(place) == ("held", "learner.name_differs")
    assert fix(place, actor_name="Zanna Ray") == decisions.DONE
    assert place.only().state == "ready"
    assert fix(place, not_actor_name="") == decisions.DONE
    assert fix(place, not_actor_name="") == decisions.GONE
    assert place.only().state == "held"


def test_the_same_fix_twice_is_one_and_a_second_ends_the_first(place: Middle) -> None:
    place.sheet(ANNA | {"birth_day": ""}).post(statement(1)).run()
    assert fix(place, birth_day="02-28") == decisions.DONE
    assert fix(place, birth_day="02-28") == decisions.GONE
    assert fix(place, birth_day="02-29") == decisions.DONE
    with place.session() as session:
        rows = session.exec(select(LearnerFix).order_by(LearnerFix.id)).all()
        assert [(row.value, row.ended_at is None) for row in rows] == [("02-28", False), ("02-29", True)]


def test_a_value_put_back_to_the_sources_own_leaves_no_fix(place: Middle) -> None:
    place.sheet(ANNA | {"birth_day": "02-28"}).post(statement(1)).run()
    fix(place, birth_day="02-29")
    assert fix(place, birth_day="02-28") == decisions.DONE
    with place.session() as session:
        assert fixes.standing(session, [1])[1] == {}


def test_a_permission_recorded_here_holds_until_the_source_says_otherwise(place: Middle) -> None:
    place.sheet(ANNA | {"consent": "no"}).post(statement(1)).run()
    assert only(place) == ("held", "learner.no_consent")
    fix(place, consent="yes")
    assert place.only().state == "ready"
    place.run(later=HOUR)
    assert place.only().state == "ready"  # the sheet still says what it said before
    with place.session() as session:
        newest = session.exec(select(ConsentRow).order_by(ConsentRow.id.desc())).first()
        assert newest is not None
        assert (newest.given, newest.origin, newest.at) == (True, "desk:rosa", place.clock.date())
    place.sheet(ANNA | {"consent": "yes"}).run(later=HOUR)
    place.sheet(ANNA | {"consent": "no"}).run(later=HOUR)
    assert only(place) == ("held", "learner.no_consent")


def test_a_sheet_under_another_name_says_nothing_new_of_a_withdrawn_permission(place: Middle) -> None:
    place.post(statement(1)).run()
    fix(place, consent="no")
    (place.folder / "learners.csv").rename(place.folder / "staff.csv")
    sources = LearnersConfig.model_validate({"sources": [{"sheet": place.folder / "staff.csv"}]})
    place.config = place.config.model_copy(update={"learners": sources})
    place.run(later=HOUR)
    assert only(place) == ("held", "learner.no_consent")


def test_nobody_is_corrected_who_is_not_there(place: Middle) -> None:
    place.post(statement(1)).run()
    assert decide(place, wishes.FIX, learner=99, fields={"birth_day": "01-01"}) == decisions.GONE


def test_a_fix_goes_to_whom_the_learner_was_merged_into(place: Middle) -> None:
    place.sheet(ANNA | {"account": "", "username": "", "birth_day": ""}, ANNA | {"email": "", "birth_day": ""})
    place.post(statement(1), statement(2, actor={"account": {"homePage": ANNA["home_page"], "name": "3"}})).run()
    place.sheet(ANNA | {"birth_day": ""}).run(later=HOUR)
    assert decide(place, wishes.FIX, learner=2, fields={"birth_day": "02-29"}) == decisions.DONE
    assert sorted(state for _, state in place.states()) == ["closed", "ready"]


def sent(place: Middle, state: State, at_pars: str, *, first: State = State.SENDING) -> Middle:
    place.post(statement(1)).run()
    identity = {name: ANNA[name] for name in ("given_name", "family_name", "birth_day")}
    place.walk(1, first, sent_as=identity)
    if at_pars == "yes":
        place.walk(1, State.PENDING)
    return place if state is State.PENDING else place.walk(1, state, at_pars=at_pars)


@pytest.mark.parametrize("state", [State.UNMATCHED, State.REFUSED])
def test_what_pars_never_held_is_tried_again_under_its_own_id(place: Middle, state: State) -> None:
    before = sent(place, state, "no").only().credit_id
    with place.session() as session:
        session.add(LearnerMatch(learner_id=1, provider_id="0001234", domain="NPI", identity="x", found="no"))
    assert decide(place, wishes.RETRY, credit=1) == decisions.DONE
    assert (place.only().state, place.only().credit_id) == ("ready", before)
    with place.session() as session:
        assert session.exec(select(LearnerMatch)).all() == []  # PARS's earlier word holds nobody up


@pytest.mark.parametrize("state", [State.UNMATCHED, State.REJECTED])
def test_what_pars_holds_and_rejected_is_reported_anew_in_its_place(place: Middle, state: State) -> None:
    sent(place, state, "yes")
    assert decide(place, wishes.RETRY, credit=1) == decisions.DONE
    with place.credits() as (old, new):
        assert (old.wanted, old.why_absent, new.supersedes) == ("absent", "desk.retry", old.id)
    assert decide(place, wishes.RETRY, credit=1) == decisions.GONE  # it is on its way


@pytest.mark.parametrize("state", [State.PENDING, State.CONFIRMED])
def test_what_pars_may_still_take_is_not_tried_again(place: Middle, state: State) -> None:
    sent(place, state, "yes")
    assert decide(place, wishes.RETRY, credit=1) == decisions.GONE
    assert place.only().state == state


def test_a_refused_delete_is_asked_for_again(place: Middle) -> None:
    sent(place, State.CONFIRMED, "yes").walk(1, wanted="absent", why_absent="statement.voided")
    place.walk(1, State.WITHDRAWING, State.WITHDRAWAL_REFUSED)
    assert decide(place, wishes.RETRY, credit=1) == decisions.DONE
    assert only(place) == ("withdrawing", "statement.voided")


@pytest.mark.parametrize(
    ("state", "at_pars"), [(State.UNMATCHED, "no"), (State.REFUSED, "no"), (State.REJECTED, "yes")]
)
def test_what_is_left_stays_closed_whatever_the_directory_says_later(place: Middle, state: State, at_pars: str) -> None:
    sent(place, state, at_pars)
    assert decide(place, decisions.CLOSE, credit=1, why="agreed") == decisions.DONE
    place.sheet(ANNA | {"birth_day": "03-01"}).run(later=HOUR)
    assert only(place) == ("closed", "closed.by_person")


def test_a_held_credit_that_was_left_opens_when_somebody_tries_it_again(place: Middle) -> None:
    place.sheet(ANNA | {"consent": "no"}).post(statement(1)).run()
    assert decide(place, decisions.CLOSE, credit=1, why="has retired") == decisions.DONE
    place.sheet(ANNA).run(later=HOUR)
    assert place.only().state == "closed"
    assert decide(place, wishes.RETRY, credit=1) == decisions.DONE
    assert place.only().state == "ready"


def test_leaving_one_credit_leaves_the_other(place: Middle) -> None:
    place.rules(RULE + MOC).sheet(ANNA | {"board_id": ""}).post(statement(1)).run()
    assert place.states() == [("AMA PRA Category 1", "ready"), ("Medical Knowledge", "held")]
    decide(place, decisions.CLOSE, credit=2, why="no diplomate")
    assert place.states() == [("AMA PRA Category 1", "ready"), ("Medical Knowledge", "closed")]


def test_a_wish_that_makes_us_stumble_is_answered_and_the_next_one_done(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.sheet(ANNA | {"birth_day": ""}).post(statement(1)).run()
    plain = fixes.put
    monkeypatch.setattr(fixes, "put", lambda *args, **named: plain(*args[:2], args[2], {}[args[3]], **named))
    assert fix(place, birth_day="02-29") == "connector.unexpected"
    monkeypatch.setattr(fixes, "put", plain)
    assert fix(place, birth_day="02-29") == decisions.DONE


@pytest.mark.parametrize("at_pars", ["no", "yes"])
def test_a_correction_made_while_the_credit_is_on_its_way_is_not_lost(place: Middle, at_pars: str) -> None:
    place.post(statement(1)).run()
    place.walk(1, State.SENDING, sent_as={name: ANNA[name] for name in ("given_name", "family_name", "birth_day")})
    assert fix(place, birth_day="02-28") == decisions.DONE
    place.walk(1, *((State.PENDING,) if at_pars == "yes" else ()), State.UNMATCHED, at_pars=at_pars)
    place.run(later=HOUR)
    assert [state for _, state in place.states()] == (["ready"] if at_pars == "no" else ["unmatched", "held"])
    place.run(later=HOUR)
    assert len(place.states()) == (1 if at_pars == "no" else 2)


def test_another_number_first_in_the_order_is_another_identity_for_pars(place: Middle) -> None:
    place.sheet(ANNA | {"npi": "", "state": "CA", "licence": ANNA["npi"]})
    sent(place, State.UNMATCHED, "yes")
    assert fix(place, ids_NPI=ANNA["npi"]) == decisions.DONE
    with place.credits() as (old, new):
        assert (old.wanted, new.supersedes, new.identifier_domain) == ("absent", old.id, "NPI")


def test_a_ready_credit_that_left_once_is_not_judged_for_ever(place: Middle) -> None:
    place.post(statement(1)).run()
    place.walk(1, State.SENDING, State.READY, sent_as={"family_name": "Quixly"}, at_pars="no")
    with place.session() as session:
        before = len(session.exec(select(Event)).all())
    place.run(later=HOUR)
    place.run(later=HOUR)
    with place.session() as session:
        assert len(session.exec(select(Event)).all()) == before

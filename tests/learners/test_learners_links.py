"""One learner under several actors: linked by a person, unlinked again, and what the sources may say to it."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from sqlmodel import select

from connector.errors import ConfigError
from connector.learners import claiming, decisions, linking, parting
from connector.store.tables import Event, LearnerKey
from tests.learners.linking import codes, fix, learner_of, link, origin, owners, row, seen, stumbles, unlink
from tests.learners.middle import ANNA, BORIS, SITE, Middle, account, reopened, statement

MAIL, OLD = "mbox:anna@example.org", "mbox:old@example.org"
FORMER = {"mbox": "mailto:old@example.org"}
ANNA_ONLY = ANNA | {"account": "", "username": ""}
LATER = "2026-03-11T15:00:00Z"
ANOTHER = f"{SITE}/course/view.php?id=43"


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


ACTORS = [
    {"mbox": "mailto:anna@example.org"},
    {"mbox_sha1sum": sha1("mailto:anna@example.org")},
    {"mbox_sha1sum": sha1("anna@example.org")},
    {"openid": "https://id.example.org/anna"},
    account("3"),
    account("anna"),
]


def test_six_actors_are_one_learner_when_one_of_them_is_linked(place: Middle) -> None:
    place.post(*(statement(at, actor=actor) for at, actor in enumerate(ACTORS, 1))).run()
    assert codes(place) == [("ready", []), ("held", ["learner.not_found"])]
    assert link(place, "openid:https://id.example.org/anna", learner_of(place, MAIL)) == decisions.DONE
    assert seen(place) == [("ready", "", ANNA["npi"]), ("closed", "award.same", "")]
    assert set(owners(place)) == {learner_of(place, MAIL)}


def test_a_linked_actor_shares_what_the_sources_know(place: Middle) -> None:
    place.post(statement(1, actor=FORMER)).run()
    place.post(statement(2, object={"id": ANOTHER})).run()
    assert link(place, OLD, learner_of(place, MAIL)) == decisions.DONE
    assert (origin(place, OLD), origin(place, MAIL)) == (claiming.PERSON, "sheet:learners.csv")
    assert [state for state, _ in codes(place)] == ["ready", "closed"]
    with place.session() as session:
        assert [(one.what, one.by) for one in session.exec(select(Event).where(Event.subject == "learner"))] == [
            ("linked an actor", "maria")
        ]


def test_an_actor_that_was_never_met_can_be_linked_beforehand(place: Middle) -> None:
    place.post(statement(1)).run()
    assert link(place, OLD, learner_of(place, MAIL)) == decisions.DONE
    place.post(statement(2, actor=FORMER)).run()
    assert len(place.awards()) == 1


def test_two_people_are_not_linked(place: Middle) -> None:
    place.post(statement(1), statement(2, actor=account("4"))).run()
    assert link(place, f"account:{SITE}|4", learner_of(place, MAIL)) == linking.TWO_PEOPLE
    assert len(set(owners(place))) == 2
    assert [state for state, _ in codes(place)] == ["ready", "ready"]


def test_two_people_are_not_linked_when_their_rows_are_gone_from_the_sheet_either(place: Middle) -> None:
    place.post(statement(1), statement(2, actor=account("4"))).run()
    place.sheet(ANNA)
    assert link(place, f"account:{SITE}|4", learner_of(place, MAIL)) == linking.TWO_PEOPLE


def test_an_unlinked_actor_is_not_linked_to_somebody_else_than_the_sources_say(place: Middle) -> None:
    place.post(statement(1), statement(2, actor=account("4"))).run()
    assert unlink(place, f"account:{SITE}|4") == decisions.DONE
    assert link(place, f"account:{SITE}|4", learner_of(place, MAIL)) == linking.TWO_PEOPLE


@pytest.mark.parametrize(("actor", "learner"), [(MAIL, 99), (MAIL, 1)])
def test_a_link_that_is_there_or_leads_nowhere_changes_nothing(place: Middle, actor: str, learner: int) -> None:
    place.post(statement(1)).run()
    link(place, MAIL, 1)
    assert link(place, actor, learner) == decisions.GONE


def test_an_unlinked_actor_takes_what_his_statements_opened(place: Middle) -> None:
    place.sheet(ANNA_ONLY).post(statement(1), statement(2, actor=FORMER, object={"id": ANOTHER})).run()
    link(place, OLD, learner_of(place, MAIL))
    assert unlink(place, OLD) == decisions.DONE
    assert owners(place) == [learner_of(place, MAIL), learner_of(place, OLD)]
    assert learner_of(place, MAIL) != learner_of(place, OLD)
    assert codes(place) == [("ready", []), ("held", ["learner.not_found"])]
    assert origin(place, OLD) == claiming.UNLINKED
    with place.credits() as credits_:
        assert ["unlinked" in one["message"] for one in credits_[-1].problems] == [True]
    assert unlink(place, OLD) == decisions.GONE


def test_what_the_sources_say_of_an_unlinked_actor_counts_for_nobody(place: Middle) -> None:
    place.post(statement(1), statement(2, actor=account("3"))).run()
    assert unlink(place, f"account:{SITE}|3") == decisions.DONE
    place.post(statement(3, actor=account("3"), timestamp=LATER)).run()
    place.sheet(ANNA | {"profession": "DO"}).run()
    assert codes(place) == [("ready", []), ("held", ["learner.not_found"])]
    place = reopened(place)
    place.run()
    assert owners(place) == [learner_of(place, MAIL), learner_of(place, f"account:{SITE}|3")]
    assert link(place, f"account:{SITE}|3", learner_of(place, MAIL)) == decisions.DONE
    assert [state for state, _ in codes(place)] == ["ready", "closed"]
    place.store.dispose()


def test_the_sources_speak_again_of_an_actor_who_is_linked_to_himself(place: Middle) -> None:
    place.post(statement(1, actor=account("3"))).run()
    unlink(place, f"account:{SITE}|3")
    place.sheet(ANNA | {"email": "", "username": ""})
    assert link(place, f"account:{SITE}|3", learner_of(place, f"account:{SITE}|3")) == decisions.DONE
    assert codes(place) == [("ready", [])]


def test_nobody_keeps_the_values_or_the_permission_that_a_lost_actor_brought(place: Middle) -> None:
    place.sheet(ANNA | {"email": "", "username": ""}).post(statement(1, actor=FORMER)).run()
    link(place, f"account:{SITE}|3", learner_of(place, OLD))
    assert codes(place) == [("ready", [])]
    assert unlink(place, f"account:{SITE}|3") == decisions.DONE
    assert codes(place) == [("held", ["learner.not_found"])]
    place.sheet(BORIS | {"email": "old@example.org", "consent": ""}).run()
    assert codes(place) == [("held", ["learner.no_consent"])]
    place.sheet(BORIS | {"email": "old@example.org"}).run()
    assert seen(place) == [("ready", "", BORIS["npi"])]


def test_a_directory_that_is_down_keeps_no_unlinking_waiting(place: Middle) -> None:
    place.sheet(ANNA_ONLY).post(statement(1, actor=FORMER)).run()
    place.post(statement(2)).run()
    link(place, OLD, learner_of(place, MAIL))
    (place.folder / "learners.csv").unlink()
    with pytest.raises(ConfigError):
        unlink(place, OLD)
    assert learner_of(place, MAIL) != learner_of(place, OLD)


def test_two_credits_sent_before_the_link_are_shown_and_none_is_withdrawn(place: Middle) -> None:
    place.sheet(ANNA | {"account": "", "username": ""}, ANNA | {"email": "", "npi": "", "state": "CA", "licence": "A1"})
    place.post(statement(1), statement(2, actor=account("3"))).run()
    place.send()
    link(place, f"account:{SITE}|3", learner_of(place, MAIL))
    with place.credits() as rows:
        assert [(one.state, one.attention) for one in rows] == [("confirmed", ""), ("confirmed", "credit.doubled")]


def test_a_sent_credit_stays_with_him_who_opened_it(place: Middle) -> None:
    place.sheet(ANNA_ONLY).post(statement(1, actor=FORMER)).run()
    place.post(statement(2)).run()
    link(place, OLD, learner_of(place, MAIL))
    place.send()
    unlink(place, OLD)
    assert owners(place) == [learner_of(place, OLD), learner_of(place, MAIL)]
    assert sorted(state for state, _ in codes(place)) == ["confirmed", "held"]


def sent_as_anna(place: Middle) -> Middle:
    place.sheet(ANNA_ONLY).post(statement(1, actor=FORMER)).run()
    place.post(statement(2)).run()
    link(place, OLD, learner_of(place, MAIL))
    place.send()
    names = {"given_name": ANNA["given_name"], "family_name": ANNA["family_name"], "birth_day": ANNA["birth_day"]}
    with place.credits() as (old, _):
        old.sent_as, old.identifier_domain, old.identifier_value = names, "NPI", ANNA["npi"]
    return place


def attentions(place: Middle) -> list[tuple[str, str]]:
    with place.credits() as rows:
        return [(one.state, one.attention) for one in rows if one.state == "confirmed"]


def test_what_pars_holds_of_an_actor_as_a_former_learner_calls_for_a_person(place: Middle) -> None:
    anna = learner_of(sent_as_anna(place), MAIL)
    assert attentions(place) == [("confirmed", "")]
    unlink(place, OLD)
    assert attentions(place) == [("confirmed", parting.FORMER)]
    link(place, OLD, anna)
    assert attentions(place) == [("confirmed", "")]


def test_whose_name_went_with_the_other_actor_leaves_a_credit_that_is_not_his(place: Middle) -> None:
    sent_as_anna(place).sheet(ANNA_ONLY, BORIS | {"email": "old@example.org"})
    unlink(place, MAIL)
    assert attentions(place) == [("confirmed", parting.FORMER)]


def test_what_a_person_linked_and_the_sources_now_deny_is_a_case(place: Middle) -> None:
    place.sheet(ANNA_ONLY).post(statement(1), statement(2, actor=FORMER, object={"id": ANOTHER})).run()
    link(place, OLD, learner_of(place, MAIL))
    place.post(statement(3, actor=FORMER, timestamp=LATER)).sheet(ANNA_ONLY, BORIS | {"email": "old@example.org"}).run()
    assert learner_of(place, MAIL) == learner_of(place, OLD)
    assert row(place, learner_of(place, MAIL)).family_name == ANNA["family_name"]
    place.run()
    held = [problems for state, problems in codes(place) if state == "held"]
    assert held
    assert set(held[0]) == {"learner.sources_disagree"}
    unlink(place, OLD)
    assert codes(place)[0] == ("ready", [])
    assert stumbles(place) == []


def test_every_actor_says_who_linked_it(place: Middle) -> None:
    place.post(statement(1)).run()
    link(place, OLD, learner_of(place, MAIL))
    with place.session() as session:
        origins = {one.origin for one in session.exec(select(LearnerKey))}
    assert origins == {"sheet:learners.csv", "person"}


@pytest.mark.parametrize("refuses", ["here", "there"])
def test_whoever_becomes_one_is_named_only_where_both_permit_it(place: Middle, refuses: str) -> None:
    home = {"email": "home@example.org", "account": "", "username": ""}
    place.sheet(ANNA | {"account": "", "username": ""}, ANNA | home)
    place.post(statement(1), statement(2, actor={"mbox": "mailto:home@example.org"})).run()
    one, other = learner_of(place, MAIL), learner_of(place, "mbox:home@example.org")
    assert fix(place, {"here": one, "there": other}[refuses], consent="no") == decisions.DONE
    assert link(place, "mbox:home@example.org", one) == decisions.DONE
    held = [("closed", "award.same"), ("held", "learner.no_consent")]
    for _ in range(2):
        place.run(later=timedelta(hours=2))
        assert sorted(said[:2] for said in seen(place)) == held
    place.sheet(*(person | {"consent_at": "2026-03-12"} for person in (ANNA, ANNA | home))).run()
    assert sorted(state for state, *_ in seen(place)) == ["closed", "ready"]

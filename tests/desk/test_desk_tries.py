"""Near misses in the store: made once, tried with the rehearsal's PARS, offered as long as he is who he was."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner
from sqlmodel import Session, delete, select
from structlog.testing import capture_logs

from connector.cli import main
from connector.desk import cases, stage, suggestions, tries
from connector.records import Counts
from connector.sandbox.pars.learners import KnownLearner
from connector.store import fixes, matches
from connector.store.signs import sign
from connector.store.states import State
from connector.store.tables import Award, ConsentRow, Credit, LearnerMatch, LearnerRow, Provider, Run, Suggestion, Wish
from tests.delivery.workplace import Delivery


def refused(delivery: Delivery, person: str = "elind", code: str = "pars.no_match", **values: Any) -> int:
    """A credit that PARS did not match, with these values of its learner in place of the cast's."""
    (pk,) = delivery.ready(person)
    delivery.change(pk, state=State.UNMATCHED, reason=code)
    change_learner(delivery, pk, **values)
    return pk


def change_learner(delivery: Delivery, pk: int, **values: Any) -> None:
    with delivery.store.writing() as session:
        row = learner(session, pk)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)
        session.flush()
        sign(session, row.id)


def learner(session: Session, pk: int) -> LearnerRow:
    return session.get_one(LearnerRow, session.get_one(Award, session.get_one(Credit, pk).award_id).learner_id)


def turn(delivery: Delivery) -> dict[str, int]:
    return dict(stage.run(delivery.store, delivery.config))


def offered(delivery: Delivery, pk: int) -> list[tuple[str, dict[str, str], str]]:
    with delivery.store.reading() as session:
        found = suggestions.of(session, session.get_one(Credit, pk))
        return [(one.cause, one.corrected, one.answer) for one in found]


def mark(delivery: Delivery, pk: int) -> str:
    with delivery.store.reading() as session:
        credit = session.get_one(Credit, pk)
        award = session.get_one(Award, credit.award_id)
        return suggestions.marks(session, [(credit, award)]).get(pk, "none")


def asked(delivery: Delivery) -> int:
    return sum(one.operation == "match" for one in delivery.sandbox.pars.log)


def test_a_birth_day_the_wrong_way_round_is_sure_after_pars_said_yes(delivery: Delivery) -> None:
    pk = refused(delivery)
    assert offered(delivery, pk) == []
    done = turn(delivery)
    assert (done["sure"], done["asked"]) == (1, 1)
    assert offered(delivery, pk) == [("near.birth_day_swapped", {"birth_day": "04-12"}, "yes")]
    assert mark(delivery, pk) == "sure"
    assert turn(delivery).get("asked", 0) == 0
    assert asked(delivery) == 1, "what is sure is not asked again"
    assert delivery.state(pk) == "unmatched", "and never applied by itself"
    assert delivery.is_clean()


def test_where_pars_says_no_to_all_there_is_no_suggestion(delivery: Delivery) -> None:
    pk = refused(delivery, "aoneill", given_name="Zanna", family_name="Quixley-Bell", birth_day="03-04")
    assert turn(delivery)["suggested"] > 3
    assert (offered(delivery, pk), mark(delivery, pk)) == ([], "none")
    before = asked(delivery)
    turn(delivery)
    assert asked(delivery) == before


def test_a_correction_makes_another_of_him_and_the_old_ones_go(delivery: Delivery) -> None:
    pk = refused(delivery)
    turn(delivery)
    with delivery.store.writing() as session:
        fixes.put(
            session, learner(session, pk), "birth_day", "04-12", by="a person", now=delivery.credit(pk).state_since
        )
    assert offered(delivery, pk) == [], "at once, before the desk's next turn"
    turn(delivery)
    with delivery.store.reading() as session:
        assert {"birth_day": "04-12"} not in [row.corrected for row in session.exec(select(Suggestion))]


def test_what_waits_no_more_keeps_no_values(delivery: Delivery) -> None:
    pk = refused(delivery)
    turn(delivery)
    delivery.change(pk, state=State.HELD, reason="learner.no_consent")
    turn(delivery)
    with delivery.store.reading() as session:
        assert session.exec(select(Suggestion)).all() == []


def test_a_number_stays_when_others_fall_away(delivery: Delivery) -> None:
    pk = refused(delivery, "elind", given_name="Erik Olof")
    turn(delivery)
    with delivery.store.reading() as session:
        ((rank, fields),) = [(one.rank, one.corrected) for one in suggestions.of(session, session.get_one(Credit, pk))]
        tried = {row.rank: row.corrected for row in session.exec(select(Suggestion))}
    assert (fields, tried[rank]) == ({"given_name": "Erik", "birth_day": "04-12"}, fields)
    assert rank > 1
    number, other = str(rank), str(rank - 1)
    command = ["--config", str(delivery.folder / "config.yaml"), "unmatched", "fix", str(pk), "--suggestion"]
    assert CliRunner().invoke(main, [*command, other]).exit_code == 1, "what PARS said no to"
    assert CliRunner().invoke(main, [*command, number]).exit_code == 0
    with delivery.store.reading() as session:
        assert session.exec(select(Wish)).one().args["fields"] == fields


def test_one_that_makes_us_stumble_keeps_no_other_from_its_near_misses(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse, fine = refused(delivery, "hsato"), refused(delivery)
    known = suggestions.evidence.gather

    def stumble(session: Session, person: Any, award: Award, **more: Any) -> Any:
        assert award.anchor != "mbox:hsato@example.org"
        return known(session, person, award, **more)

    monkeypatch.setattr(suggestions.evidence, "gather", stumble)
    turn(delivery)
    assert (mark(delivery, worse), mark(delivery, fine)) == ("none", "sure")
    turn(delivery)
    with delivery.store.reading() as session:
        assert len([run for run in session.exec(select(Run)) if run.stage == "desk"]) == 1, "and once only"


def test_a_learner_without_a_near_miss_is_looked_at_once(delivery: Delivery) -> None:
    pk = refused(delivery, code="pars.several_matches")
    turn(delivery)
    with delivery.store.reading() as session:
        (row,) = session.exec(select(Suggestion)).all()
    assert (row.cause, row.corrected, offered(delivery, pk)) == (suggestions.NOTHING, {}, [])
    assert "suggested" not in {name for name, count in turn(delivery).items() if count}
    assert asked(delivery) == 0


def test_an_outage_leaves_them_untried_for_the_next_turn(delivery: Delivery) -> None:
    pk = refused(delivery)
    delivery.sandbox.switches.set("too-many", side="pars", operation="match", seconds=30)
    turn(delivery)
    assert delivery.channel().circuit == "open"
    assert {answer for _, _, answer in offered(delivery, pk)} == {""}
    assert mark(delivery, pk) == "possible"
    before = asked(delivery)
    turn(delivery)
    assert asked(delivery) == before, "nobody is asked while the channel is stopped"
    delivery.turns(2)
    turn(delivery)
    assert mark(delivery, pk) == "sure"


def test_a_question_that_pars_stumbles_over_stops_no_channel(delivery: Delivery) -> None:
    pk = refused(delivery)
    delivery.sandbox.switches.set("error-500", side="pars", operation="match", times=1)
    turn(delivery)
    assert delivery.channel().circuit == "closed"
    assert offered(delivery, pk)[0] == ("near.birth_day_swapped", {"birth_day": "04-12"}, "unclear")
    assert mark(delivery, pk) == "possible", "never sure without a yes"


def test_a_login_that_may_not_ask_stops_no_channel(delivery: Delivery) -> None:
    """Credits leave without this question: it is asked again in an hour, and said once."""
    pk = refused(delivery)
    delivery.prevalidate("hold")
    delivery.sandbox.switch("forbidden", times=None, operation="match")
    with capture_logs() as logs:
        for _ in range(13):
            turn(delivery)
            delivery.pass_by(minutes=10)
        assert asked(delivery) == 3, "in two hours, the first time included"
        assert (delivery.channel().circuit, offered(delivery, pk)[0][2]) == ("closed", "")
        delivery.sandbox.switches.clear()
        delivery.pass_by(hours=1)
        turn(delivery)
    assert mark(delivery, pk) == "sure"
    assert [one["event"] for one in logs] == ["suggestions.stopped", "suggestions.recovered"]


@pytest.mark.parametrize("why", ["off", "send", "withdrawn", "unsaid"])
def test_nothing_is_asked_where_nothing_may_be_asked(delivery: Delivery, why: str) -> None:
    pk = refused(delivery)
    if why == "off":
        delivery.prevalidate("off")
    elif why == "send":
        delivery.set(providers=[delivery.config.providers[0].model_copy(update={"send": "off"})])
    else:
        suggestions.make(delivery.store)  # the permission is taken back after that
        with delivery.store.writing() as session:
            session.exec(delete(ConsentRow))
            given = ConsentRow(learner_id=learner(session, pk).id, given=False, origin="a test")
            session.add_all([given] if why == "withdrawn" else [])
        tries.ask(delivery.store, delivery.config, delivery.config.providers[0], Counts())
    turn(delivery)
    assert asked(delivery) == 0
    assert mark(delivery, pk) == ("possible" if why in ("off", "send") else "none")


def test_a_yes_for_another_number_says_little_where_names_or_birth_day_suffice(delivery: Delivery) -> None:
    """Whoever has the number there, and the same birth day, is meant as well."""
    delivery.sandbox.pars.learners.append(KnownLearner("other", "Some", "Body", "12-04", {"ABP": "012345"}))
    [pk] = delivery.ready("elind")
    delivery.change(
        pk,
        state=State.UNMATCHED,
        reason="pars.no_match",
        board="ABP",
        identifier_domain="ABP",
        identifier_value="12345",
    )
    change_learner(delivery, pk, ids={"ABP": "12345"})
    turn(delivery)
    assert ("near.zeros", {"ids.ABP": "012345"}, "unclear") in offered(delivery, pk)
    assert mark(delivery, pk) == "possible"


def test_what_has_become_another_learner_of_ours_is_not_offered(delivery: Delivery) -> None:
    pk = refused(delivery)
    turn(delivery)
    assert mark(delivery, pk) == "sure"
    with delivery.store.writing() as session:
        met = LearnerRow(given_name="Erik", family_name="Lindqvist", birth_day="04-12", ids={"NPI": "1588667638"})
        session.add(met)
        session.flush()
        sign(session, met.id)
    assert {"birth_day": "04-12"} not in [corrected for _, corrected, _ in offered(delivery, pk)]
    assert mark(delivery, pk) == "possible"


def test_the_likeliest_of_every_case_comes_first(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "QUESTIONS", 2)
    first = refused(delivery, "aoneill", given_name="Zanna", family_name="Quixley-Bell", birth_day="03-04")
    second = refused(delivery)
    turn(delivery)
    assert mark(delivery, second) == "sure"
    assert [answer for _, _, answer in offered(delivery, first)][:1] == [""], "its own second waits for the next turn"


def test_what_another_daemon_made_meanwhile_stays(delivery: Delivery) -> None:
    refused(delivery)
    turn(delivery)
    with delivery.store.reading() as session:
        read = suggestions._made(session)
    with delivery.store.writing() as session:
        new = session.exec(select(Suggestion)).first()
        session.add(Suggestion(**new.model_dump(exclude={"id", "rank"}), rank=99))
    suggestions._forget(delivery.store, read)
    with delivery.store.reading() as session:
        assert [row.rank for row in session.exec(select(Suggestion))] == [99]


def test_so_many_questions_a_turn_and_no_more(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "QUESTIONS", 2)
    refused(delivery, "aoneill", given_name="Zanna", family_name="Quixley-Bell", birth_day="03-04")
    assert [turn(delivery)["asked"] for _ in range(2)] == [2, 2]


def test_another_learners_values_are_not_even_asked_about(delivery: Delivery) -> None:
    known = delivery.sandbox.world.people["hsato"].npi
    turned = known[:2] + known[3] + known[2] + known[4:]
    typed = known + known[-1]
    refused(delivery, "hsato")
    pk = refused(delivery, "elind", ids={"NPI": typed if turned == known else turned}, birth_day="04-12")
    turn(delivery)
    assert {"ids.NPI": known} not in [corrected for _, corrected, _ in offered(delivery, pk)]
    colleague = refused(delivery, "elind", ids={"NPI": known})
    turn(delivery)
    assert offered(delivery, colleague) == [], "a colleague's number is the fault itself"


def test_a_channel_that_cannot_be_asked_leaves_them_possible(delivery_on: Any) -> None:
    delivery = delivery_on("json-service")
    pk = refused(delivery)
    turn(delivery)
    assert (offered(delivery, pk)[0][1:], mark(delivery, pk)) == (({"birth_day": "04-12"}, ""), "possible")


def test_the_name_in_the_statement_speaks_for_a_maiden_name(delivery: Delivery) -> None:
    pk = refused(delivery, "hsato", family_name="Quixley")
    with delivery.store.writing() as session:
        award = session.get_one(Award, delivery.credit(pk).award_id)
        award.actor_name = "Hana Sato"
        session.add(award)
    turn(delivery)
    assert offered(delivery, pk) == [("near.actor_name", {"family_name": "Sato"}, "yes")]


def test_a_missing_board_id_that_stands_as_a_licence(delivery: Delivery) -> None:
    ben = delivery.sandbox.world.people["bachebe"]
    pk = refused(delivery, "bachebe", ids={"NPI": ben.npi, "NC": dict(ben.boards)["ABIM"]})
    delivery.change(
        pk, state=State.HELD, reason="learner.no_board_id", kind="moc", board="ABIM", identifier_domain="",
        problems=[{"code": "learner.no_board_id", "field": "ids.ABIM", "message": "needed"}],
    )  # fmt: skip
    turn(delivery)
    assert offered(delivery, pk) == [("near.board_id_elsewhere", {"ids.ABIM": "410106"}, "yes")]


def test_an_npi_that_pars_refused_for_its_check_digit(delivery: Delivery) -> None:
    """A gate had only warned; the credit lies on the desk, and the two digits that changed places are found."""
    npi = delivery.sandbox.world.people["hsato"].npi
    at = next(at for at in range(2, 9) if npi[at] != npi[at + 1])
    wrong = npi[:at] + npi[at + 1] + npi[at] + npi[at + 2 :]
    (pk,) = delivery.ready("hsato")
    change_learner(delivery, pk, ids={"NPI": wrong})
    warning = {"code": "learner.npi_check_digit", "field": "ids.NPI", "message": "wrong", "holds": False}
    delivery.change(pk, identifier_value=wrong, problems=[warning])
    delivery.send()
    delivery.change(pk, problems=[warning])  # as validation left it
    assert (delivery.state(pk), delivery.credit(pk).reason) == ("refused", "pars.invalid_data")
    with delivery.store.reading() as session:
        (case,) = cases.open_cases(session)
        assert [one.code for one in case.problems] == ["pars.invalid_data", "learner.npi_check_digit"]
    turn(delivery)
    assert offered(delivery, pk) == [("near.npi_transposed", {"ids.NPI": npi}, "yes")]


def test_of_a_refusal_of_something_else_nothing_is_asked(delivery: Delivery) -> None:
    (pk,) = delivery.ready("elind")
    delivery.change(pk, state=State.REFUSED, reason="pars.activity_closed")
    turn(delivery)
    assert (offered(delivery, pk), asked(delivery)) == ([], 0)


def test_who_was_asked_about_beforehand(delivery: Delivery) -> None:
    """The number that PARS was asked about stands with its answer, for the credit has not chosen one yet."""
    pk = refused(delivery)
    delivery.change(pk, state=State.HELD, reason=matches.MATCH_NO, identifier_domain="", identifier_value="")
    with delivery.store.writing() as session:
        number = learner(session, pk).id
        session.add(
            LearnerMatch(learner_id=number, provider_id=delivery.provider, domain="NPI", identity="", found="no")
        )
    turn(delivery)
    assert offered(delivery, pk) == [("near.birth_day_swapped", {"birth_day": "04-12"}, "yes")]


def test_on_either_engine(any_store: Any, delivery: Delivery) -> None:
    """The questions of the store themselves; the rehearsal stands behind SQLite alone."""
    mine, delivery.store = delivery.store, any_store
    with any_store.writing() as session:
        session.add(Provider(id=delivery.provider, environment="rehearsal", host="127.0.0.1"))
    try:
        pk = refused(delivery)
        turn(delivery)
        assert mark(delivery, pk) == "sure"
    finally:
        delivery.store = mine

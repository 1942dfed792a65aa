"""What happens before a record leaves: PARS is asked first about old ones, a record's credits wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from connector.config import RecordConfig
from connector.pars import replies
from connector.pars.client import ParsClient
from connector.pars.exchange import LearnerQuery, Unclear
from connector.pars.wire.services import Reasons
from connector.records import Held, Payload, Reply
from connector.store.tables import Award, Channel, ConsentRow, Credit, Submission, SubmissionCredit
from connector.validation import stage as validation
from tests.delivery.workplace import CME, CME_2, HYPERTENSION, MOC, NOON, OPIOID, PATIENT_SAFETY, REMS, Delivery

OLD = timedelta(hours=2)
PASSWORD = b"rehearsal-pars-password"


def forget(delivery: Delivery, *pks: int) -> None:
    """The store is last night's: PARS has these credits, we do not know it."""
    for pk in pks:
        delivery.change(
            pk, state="ready", at_pars="no", attempts=0, asked=0, asked_at=None, sent_as=None, next_at=None, reason=""
        )


def test_an_old_credit_is_asked_about_and_a_young_one_is_not(delivery: Delivery) -> None:
    delivery.ready()
    delivery.send()
    assert delivery.asked() == 0
    delivery.ready("jbrown", stored=OLD)
    delivery.send()
    assert (delivery.asked(), len(delivery.saves())) == (2, 2)
    assert delivery.is_clean()


def test_what_pars_already_holds_of_ours_is_adopted_and_not_sent(either: Delivery) -> None:
    pks = either.ready("bachebe", (CME_2, MOC), HYPERTENSION, stored=OLD)
    either.send()
    forget(either, *pks)
    either.go_on()
    assert [either.state(pk) for pk in pks] == ["confirmed", "pending"]
    assert len(either.saves()) == 1
    assert either.is_clean()


def test_an_adopted_credit_can_be_withdrawn_under_the_name_it_was_found_under(delivery: Delivery) -> None:
    [cme] = delivery.ready(stored=OLD)
    delivery.send()
    forget(delivery, cme)
    delivery.send()
    assert (delivery.credit(cme).sent_as or {})["family_name"] == "O'Neill-García"
    assert delivery.credit(cme).channel_id == delivery.channel().id
    delivery.unwant(cme)
    delivery.send()
    assert delivery.is_clean(cme)


def test_of_a_record_only_what_pars_does_not_hold_is_sent(delivery: Delivery) -> None:
    safety = (*PATIENT_SAFETY[:4], "2.00")
    pks = delivery.ready("bachebe", (CME_2, MOC, safety), HYPERTENSION, stored=OLD)
    delivery.change(pks[2], state="held", wanted="absent", why_absent="statement.voided")
    delivery.send()
    delivery.change(pks[2], wanted="present", why_absent="")
    forget(delivery, *pks)
    delivery.send()
    assert [delivery.state(pk) for pk in pks] == ["confirmed", "pending", "pending"]
    assert len(delivery.held_live()) == 3


def reported_elsewhere(delivery: Delivery) -> int:
    """PARS holds this completion's credit under a foreign id; ours is ready and old."""
    [cme] = delivery.ready(stored=OLD)
    ours = delivery.credit(cme).credit_id
    delivery.change(cme, credit_id="ccid:other.example:theirs")
    delivery.send()
    forget(delivery, cme)
    delivery.change(cme, credit_id=ours)
    return cme


def test_somebody_elses_report_of_the_same_completion_closes_ours_and_is_said_once(delivery: Delivery) -> None:
    cme = reported_elsewhere(delivery)
    with capture_logs() as lines:
        delivery.go_on()
    assert (delivery.state(cme), delivery.credit(cme).reason) == ("closed", "pars.reported_elsewhere")
    assert [line for line in lines if line["event"] == "credit.reported_elsewhere"] == [
        {
            "event": "credit.reported_elsewhere",
            "log_level": "warning",
            "credit": cme,
            "provider": delivery.provider,
            "activity": "203512347",
            "who": "coordinator",
        }
    ]
    assert delivery.is_clean()


def test_a_report_without_a_certification_closes_nothing(delivery_on: Callable[[str], Delivery]) -> None:
    """The JSON service names none: what it shows may be another credit of the same day. PARS judges duplicates."""
    delivery = delivery_on("json-service")
    cme = reported_elsewhere(delivery)
    delivery.send()
    assert len(delivery.saves()) == 2
    assert delivery.moves(cme)[2] == "sending"


@pytest.mark.parametrize("state", ["Rejected", "Deleted", "Refused", "Marvellous"])
def test_a_report_that_pars_does_not_hold_closes_nothing(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    reported_elsewhere(delivery)
    ask = ParsClient.ask_learner
    words = delivery.config.wire.xml_service.words

    def not_held(client: ParsClient, query: LearnerQuery) -> list[Held]:
        outcome = replies.status_of(replies.Line("ccid:other.example:theirs", state), words, Reasons())
        return [held.model_copy(update={"outcome": outcome}) for held in ask(client, query)]

    monkeypatch.setattr(ParsClient, "ask_learner", not_held)
    delivery.send()
    assert len(delivery.saves()) == 2


def test_a_permission_that_was_withdrawn_after_the_gates_stops_the_credit(delivery: Delivery) -> None:
    [cme], [rems] = delivery.ready(), delivery.ready("lvogel", (REMS,), OPIOID)
    for pk, given in ((cme, True), (cme, False), (rems, False)):
        consent(delivery, pk, given=given)
    delivery.send()
    row = delivery.credit(cme)
    assert (row.state, row.reason, row.next_at) == ("held", "learner.no_consent", None)
    assert [problem["who"] for problem in row.problems] == ["learner"]
    validation.run(delivery.store, delivery.config)
    assert delivery.state(cme) == "held", "the gate remembers it until the learners room knows better"
    assert delivery.state(rems) == "confirmed", "a REMS record is nobody's"
    assert len(delivery.saves()) == 1


def consent(delivery: Delivery, pk: int, *, given: bool) -> None:
    with delivery.store.writing() as session:
        award = session.get_one(Award, session.get_one(Credit, pk).award_id)
        session.add(ConsentRow(learner_id=award.learner_id, given=given, origin="a test"))


def test_a_rems_record_leaves_a_random_while_after_it_became_ready(delivery: Delivery) -> None:
    delivery.set(record=RecordConfig(rems_delay=timedelta(hours=6)))
    [cme], [rems] = delivery.ready("lvogel"), delivery.ready("lvogel", (REMS,), OPIOID)
    delivery.send()
    drawn = delivery.credit(rems).next_at
    assert drawn is not None
    assert NOON < drawn <= NOON + timedelta(hours=6)
    delivery.send()
    assert (delivery.state(cme), delivery.credit(rems).next_at) == ("confirmed", drawn), "it is drawn once"
    delivery.clock.move_to(drawn)
    delivery.send()
    assert delivery.state(rems) == "confirmed"


def test_an_old_rems_credit_is_asked_for_by_its_id(delivery: Delivery) -> None:
    delivery.ready("lvogel", (REMS,), OPIOID, stored=OLD)
    delivery.send()
    assert [one.operation for one in delivery.sandbox.pars.log] == ["status-by-credit", "save"]


def test_nothing_is_sent_while_the_question_cannot_be_asked(delivery: Delivery) -> None:
    [cme] = delivery.ready(stored=OLD)
    delivery.sandbox.switch("error-500", times=4)
    delivery.send()
    assert (delivery.state(cme), delivery.saves(), delivery.channel().circuit) == ("ready", [], "open")
    delivery.go_on()
    assert delivery.state(cme) == "confirmed"


def test_an_outage_makes_a_young_credit_old_and_it_is_asked_about(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    delivery.sandbox.switch("too-many", seconds=2 * 3600)
    delivery.go_on(hours=3)
    assert (delivery.state(cme), delivery.asked() >= 2) == ("confirmed", True)


def test_an_unclear_answer_delays_that_record_ever_more_and_no_other(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    [odd] = delivery.ready(stored=OLD)
    [good] = delivery.ready("jbrown", stored=OLD)
    contradict(monkeypatch, delivery.credit(odd).credit_id)
    with capture_logs() as lines:
        delivery.go_on(hours=2, step=2)
    assert (delivery.state(odd), delivery.credit(odd).reason) == ("ready", "pars.contradictory")
    assert delivery.state(good) == "confirmed"
    assert 5 <= delivery.credit(odd).asked <= 15
    assert [line["event"] for line in lines if line["event"].startswith("channel")] == []
    monkeypatch.undo()
    delivery.go_on()
    assert delivery.state(odd) == "confirmed"


def contradict(monkeypatch: pytest.MonkeyPatch, credit_id: str) -> None:
    """PARS answers the question about this credit with two others."""
    ask = ParsClient.ask_credit

    def odd(client: ParsClient, asked: str) -> object:
        if asked == credit_id:
            raise Unclear("pars.contradictory", "asked for one credit, PARS shows two others")
        return ask(client, asked)

    monkeypatch.setattr(ParsClient, "ask_credit", odd)


def test_cme_waits_for_a_held_moc_then_goes_alone(delivery: Delivery) -> None:
    cme, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION, wait=timedelta(days=7))
    delivery.change(moc, state="held")
    delivery.pass_by(days=6)
    delivery.send()
    assert delivery.state(cme) == "ready"
    delivery.pass_by(days=1, minutes=1)
    delivery.send()
    assert (delivery.state(cme), delivery.state(moc)) == ("confirmed", "held")


def test_a_moc_that_a_gate_stops_in_the_middle_of_a_turn_is_waited_for(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery.ready()
    cme, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    send = ParsClient.send

    def gate_shuts(client: ParsClient, payload: Payload) -> Reply:
        delivery.change(moc, state="held")
        return send(client, payload)

    monkeypatch.setattr(ParsClient, "send", gate_shuts)
    delivery.send()
    assert (delivery.state(cme), len(delivery.saves())) == ("ready", 1)


def test_a_held_moc_that_is_no_longer_wanted_is_not_waited_for(delivery: Delivery) -> None:
    cme, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    delivery.change(moc, state="held")
    delivery.unwant(moc)
    delivery.send()
    assert (delivery.state(cme), delivery.state(moc)) == ("confirmed", "closed")


def test_a_paused_sibling_is_waited_for(delivery: Delivery) -> None:
    _, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    pause = delivery.credit(moc).created_at
    assert pause is not None
    delivery.change(moc, next_at=pause + timedelta(minutes=30))
    delivery.go_on()
    assert len(delivery.saves()) == 1
    assert delivery.is_clean()


def test_the_journal_is_written_before_the_request_reaches_pars(delivery: Delivery) -> None:
    delivery.prevalidate("off")
    [cme] = delivery.ready()
    app = delivery.sandbox._pars_server.application
    act, seen = app.act, []

    def look(request: object) -> object:
        with delivery.store.reading() as session:
            [row] = session.exec(select(Submission)).all()
            lines = session.exec(select(SubmissionCredit.credit_pk)).all()
            seen.append((row.payload == request.body, row.answered_at, lines, delivery.credit(cme).state))
        return act(request)

    app.act = look
    delivery.send()
    app.act = act
    assert seen == [(True, None, [cme], "sending")]


def test_the_journal_keeps_a_save_that_was_cut_off(delivery: Delivery) -> None:
    delivery.ready()
    delivery.sandbox.switch("cut-before-body", operation="save")
    delivery.send()
    [row] = delivery.submissions()
    assert (row.action, row.http_status, row.reply, row.code) == ("add", None, None, "pars.no_answer")
    assert row.payload
    assert row.answered_at is not None


@pytest.mark.parametrize("place", ["header", "query", "body"])
def test_no_payload_holds_a_credential(delivery: Delivery, place: str) -> None:
    xml = delivery.config.wire.xml_service
    credentials = xml.credentials.model_copy(update={"where": place})
    wire = delivery.config.wire.model_copy(update={"xml_service": xml.model_copy(update={"credentials": credentials})})
    delivery.set(wire=wire)
    delivery.sandbox._pars_server.application.place = place
    [cme] = delivery.ready()
    delivery.send()
    assert delivery.state(cme) == "confirmed"
    [row] = delivery.submissions()
    for secret in (PASSWORD, b"rehearsal-user"):
        assert secret not in (row.payload or b"")
        assert secret not in (row.reply or b"")


def test_pars_words_stand_beside_ours(either: Delivery) -> None:
    [cme] = either.ready("oadeyemi", (("cme", "AMA PRA Category 1", "", "", "1.00"),), "203512353")
    either.send()
    row = either.credit(cme)
    assert (row.state, row.at_pars, row.reason, row.pars_reason) == (
        "refused",
        "no",
        "pars.invalid_data",
        "Invalid data",
    )
    assert "Closed" in row.pars_words
    either.go_on()
    assert either.moves(cme) == ["sending", "refused"]


def test_a_failed_match_is_said_once(either: Delivery) -> None:
    [cme] = either.ready("elind")
    with capture_logs() as lines:
        either.go_on()
    said = [line for line in lines if line["event"].startswith("learner")]
    assert [(one["event"], one["credit"], one["reason"]) for one in said] == [
        ("learner.unmatched", cme, "pars.no_match")
    ]
    assert either.state(cme) == "unmatched"


def test_the_last_gate_holds_a_record_and_the_channel_goes_on(delivery: Delivery) -> None:
    [bad], [good] = delivery.ready(), delivery.ready("jbrown")
    delivery.change(bad, identifier_domain="", identifier_value="")
    delivery.send()
    row = delivery.credit(bad)
    assert (row.state, row.problems[0]["code"], row.next_at is not None) == ("held", row.reason, True)
    assert delivery.state(good) == "confirmed"


def test_the_channel_remembers_when_pars_last_spoke(delivery: Delivery) -> None:
    delivery.ready(offers=(CME,))
    delivery.send()
    with delivery.store.reading() as session:
        assert session.exec(select(Channel.last_word_at)).one() is not None

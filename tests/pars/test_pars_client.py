"""The carrier through real HTTP against the rehearsal PARS, which was written from wire.md without seeing this code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pars_samples import credit, identifier, learner, moc, record, rems_record
from pydantic import SecretStr

from connector.errors import ConfigError, InDoubt, NeedsOperator, RetryLater
from connector.pars.client import ParsClient
from connector.pars.exchange import CannotSend, Credentials, LearnerQuery, Unclear
from connector.pars.lookup import Seen, look
from connector.pars.wire.services import JsonWire, XmlWire
from connector.records import BirthDay, Held, LearnerRecord, Outcome, Verdict
from connector.sandbox.server import Sandbox

TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 18, tzinfo=UTC)
HYPERTENSION, OPIOID = "203512346", "203512345"


@pytest.fixture
def pars() -> Iterator[Sandbox]:
    with Sandbox(today=TODAY, load=False) as running:
        yield running


def client(pars: Sandbox, wire: XmlWire | JsonWire | None = None, **changes: str) -> ParsClient:
    own = pars.credentials
    given = {"provider_id": own.provider_id, "user": own.user, "password": own.password} | changes
    table = wire or XmlWire()
    url = pars.pars_url if isinstance(table, XmlWire) else pars.pars_json_url
    return ParsClient(table, Credentials.model_validate(given), base_url=url, connect=2, read=2)


def completion(pars: Sandbox, name: str, who: str = "bachebe", **changes: Any) -> LearnerRecord:
    """CME under the NPI and MOC under the board's id of one of the sandbox's people; credit ids are `name`'s own."""
    person = pars.world.people[who]
    credits_ = (
        credit(credit_id=f"ccid:example.org:{name}-cme", identifier=identifier("NPI", person.npi)),
        moc(credit_id=f"ccid:example.org:{name}-moc", identifier=identifier(*person.boards[0])),
    )
    day = {"activity_id": HYPERTENSION, "completed_on": date(2026, 2, 20)}
    known = learner(person.given, person.family, person.birth)
    return record(*credits_, learner=known, **(day | changes))


def sent(one: ParsClient, what: LearnerRecord) -> list[Outcome]:
    reply = one.send(one.render([what], NOW))
    return one.read_save(reply, [held.credit_id for held in what.credits], what.action)


def query(what: LearnerRecord, number: int = 0) -> LearnerQuery:
    return LearnerQuery.model_validate(
        {
            "activity_id": what.activity_id,
            "birth_day": what.learner and what.learner.birth_day,
            "completed_on": what.completed_on,
            "identifier": what.credits[number].identifier,
        }
    )


@pytest.mark.parametrize("wire", [XmlWire(), JsonWire()], ids=["xml", "json"])
def test_save_status_both_ways_and_delete(pars, wire):
    what = completion(pars, "both")
    cme, moc_id = (held.credit_id for held in what.credits)
    with client(pars, wire) as one:
        assert one.ask_credit(cme) is None
        assert one.ask_learner(query(what)) == []

        assert {held.verdict for held in sent(one, what)} <= {Verdict.TAKEN, Verdict.ACCEPTED}

        held = one.ask_credit(cme)
        assert isinstance(held, Held)
        assert (held.outcome.credit_id, held.activity_id, held.completed_on) == (
            cme,
            HYPERTENSION,
            str(what.completed_on),
        )
        assert held.outcome.verdict in (Verdict.TAKEN, Verdict.ACCEPTED)
        assert cme in {held.outcome.credit_id for held in one.ask_learner(query(what))}
        assert moc_id in {held.outcome.credit_id for held in one.ask_learner(query(what, 1))}

        going = what.model_copy(update={"action": "delete", "credits": what.credits[:1]})
        assert [held.verdict for held in sent(one, going)] == [Verdict.DELETED]
        assert one.ask_credit(cme) is None
        assert one.ask_credit(moc_id) is not None, "a withdrawal touches no second credit"
    assert pars.check([cme]) == []


def test_xml_shows_certification_and_amount_and_the_board_answers_later(pars):
    what = completion(pars, "board")
    with client(pars) as one:
        sent(one, what)
        pars.clock.advance(25 * 3600)
        held = one.ask_credit(what.credits[1].credit_id)
    assert held is not None
    assert (held.certification, held.amount) == ("Medical Knowledge", Decimal("1.25"))
    assert held.outcome.verdict is Verdict.ACCEPTED


def test_a_learner_nobody_knows_is_refused_with_a_reason(pars):
    what = completion(pars, "nobody")
    stranger = what.model_copy(update={"learner": learner("No", "Body", "01-01")})
    with client(pars) as one:
        assert {(held.verdict, held.code) for held in sent(one, stranger)} == {(Verdict.REFUSED, "pars.no_match")}
    with client(pars, JsonWire()) as one:
        assert {(held.verdict, held.code) for held in sent(one, stranger)} == {(Verdict.REFUSED, "pars.no_match")}


def test_a_second_save_of_one_credit_exists_already(pars):
    what = completion(pars, "twice")
    with client(pars) as one:
        sent(one, what)
        assert {held.verdict for held in sent(one, what)} == {Verdict.EXISTS}


def test_match(pars):
    what = completion(pars, "match")
    with client(pars) as one:
        assert one.match(what.learner, what.credits[0].identifier).found == "yes"
        assert one.match(learner("No", "Body"), what.credits[0].identifier).found == "no"
    with client(pars, JsonWire()) as one, pytest.raises(CannotSend):
        one.match(what.learner, what.credits[0].identifier)


def test_rems(pars):
    what = rems_record("c0ffee", practice_area="Pain", state="Maine", surgical_procedures=True).model_copy(
        update={"activity_id": OPIOID, "completed_on": date(2026, 2, 20)}
    )
    with client(pars) as one:
        assert sent(one, what)[0].verdict in (Verdict.TAKEN, Verdict.ACCEPTED)
        assert one.ask_credit(what.credits[0].credit_id) is not None
    with client(pars, JsonWire()) as one, pytest.raises(CannotSend):
        sent(one, what)


def test_probe(pars):
    with client(pars) as one:
        one.probe()
    with client(pars, JsonWire()) as one:
        one.probe()
    with client(pars, password="wrong") as one, pytest.raises(NeedsOperator) as caught:
        one.probe()
    assert caught.value.code == "pars.login"


@pytest.mark.parametrize("where", ["query", "body"])
def test_credentials_travel_where_the_table_says_and_are_never_in_the_payload(where):
    wire = XmlWire.model_validate({"credentials": {"where": where}})
    with Sandbox(today=TODAY, load=False, place=where) as other, client(other, wire) as one:
        one.probe()
        what = completion(other, "placed")
        assert {held.verdict for held in sent(one, what)} <= {Verdict.TAKEN, Verdict.ACCEPTED}
        payload = one.render([what], NOW)
        assert other.credentials.password.encode() not in payload.body
        with client(other) as misplaced, pytest.raises(NeedsOperator):
            misplaced.probe()


def test_json_credentials_in_the_query():
    wire = JsonWire.model_validate({"credentials": {"where": "query"}})
    with Sandbox(today=TODAY, load=False, place="query") as other, client(other, wire) as one:
        one.probe()


@pytest.mark.parametrize(
    "fault", ["cut-before-reply", "cut-in-body", "error-500-stored", "proxy-502", "html-200", "empty-200", "truncated"]
)
def test_a_save_without_a_readable_answer_is_in_doubt_and_a_read_is_made_again(pars, fault):
    what = completion(pars, f"doubt-{fault}")
    with client(pars) as one:
        pars.switch(fault)
        with pytest.raises(InDoubt) as doubt:
            sent(one, what)
        pars.switch(fault)
        with pytest.raises(RetryLater) as later:
            one.ask_credit(what.credits[0].credit_id)
    for caught in (doubt, later):
        assert what.learner.family_name.get_secret_value() not in str(caught.value)
        assert pars.credentials.password not in str(caught.value)


def test_busy_and_missing_outcomes(pars):
    what = completion(pars, "busy")
    with client(pars) as one:
        pars.switch("too-many", seconds=40)
        with pytest.raises(RetryLater) as caught:
            sent(one, what)
        assert caught.value.wait == 40
        pars.switch("missing-outcomes")
        assert {held.verdict for held in sent(one, what)} == {Verdict.UNREADABLE}
        assert one.ask_credit(what.credits[0].credit_id) is not None


def test_json_status_words_of_the_draft_mean_held(pars):
    what = completion(pars, "draft")
    with client(pars, JsonWire()) as one:
        sent(one, what)
        pars.switch("draft-status-words", times=None)
        held = one.ask_credit(what.credits[1].credit_id)
    assert held is not None
    assert (held.outcome.verdict, held.outcome.status) == (Verdict.TAKEN, "Completed")


def test_answers_about_other_credits_settle_nothing(pars):
    what = completion(pars, "other")
    confused = XmlWire.model_validate({"replies": {"credit_id": "moduleID"}})
    with client(pars) as one, client(pars, confused) as other:
        sent(one, what)
        with pytest.raises(Unclear) as caught:
            other.ask_credit(what.credits[0].credit_id)
    assert caught.value.code == "pars.contradictory"


def test_a_client_needs_an_address_and_clean_credentials():
    good = Credentials.model_validate({"provider_id": "1", "user": "u", "password": "p"})
    with pytest.raises(ConfigError):
        ParsClient(JsonWire(), good)
    assert "p" not in repr(good.password)
    with pytest.raises(ConfigError) as caught:
        ParsClient(XmlWire(), good.model_copy(update={"password": SecretStr("hunter2\n")}))
    assert caught.value.code == "config.pars_credentials"
    assert "hunter2" not in str(caught.value)


def test_look_asks_by_id_then_by_learner(pars):
    what = completion(pars, "look")
    cme, board = what.credits
    with client(pars) as one:
        assert look(one, cme, query(what)) == Seen()
        sent(one, what)
        ours = look(one, cme, query(what)).ours
        assert ours is not None
        assert ours.outcome.credit_id == cme.credit_id
        again = cme.model_copy(update={"credit_id": "ccid:example.org:another"})
        others = look(one, again, query(what)).others
        assert [held.outcome.credit_id for held in others] == [cme.credit_id]
        assert look(one, again, None) == Seen()
        assert one.certification(board) == "Medical Knowledge"


def test_a_birth_day_is_masked_in_a_query():
    asked = LearnerQuery(
        activity_id=OPIOID, birth_day=BirthDay("09-10"), completed_on=TODAY, identifier=identifier("CA", "A77")
    )
    assert "09-10" not in repr(asked)
    assert "A77" not in repr(asked)

"""Messages to learners: only what is theirs to mend, once, at an address that is surely theirs."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlmodel import select
from structlog.testing import capture_logs

from connector.config import Secret
from connector.desk import carriers, notices
from connector.desk.carriers import is_mailbox, prove, send_to
from connector.desk.messages import mailbox
from connector.errors import ConfigError
from connector.store.tables import ActivityRow, Award, ConsentRow, Credit, LearnerKey, LearnerRow
from tests.delivery.workplace import HYPERTENSION, Delivery
from tests.desk.mail import MailServer, case, mail_server, told_to

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise's, on Python 3.11 and 3.12
CONSENT, BOARD, NUMBER = "learner.no_consent", "learner.no_board_id", "learner.no_identifier"
LONG_AGO = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def mail(delivery: Delivery) -> Iterator[MailServer]:
    with mail_server() as server:
        told_to(delivery, learners=server.address(delivery.folder))
        yield server


def his(place: Delivery, code: str = CONSENT, *, address: str = "learner@example.org", **more: object) -> int:
    """A case that only the learner can mend, a week old; the credit's number."""
    pk = case(place, code, who="learner", state_since=LONG_AGO, **more)
    if address:
        with place.store.writing() as session:
            learner = session.get_one(Award, session.get_one(Credit, pk).award_id).learner_id
            session.merge(LearnerKey(actor_key=f"mbox:{address}", learner_id=learner, origin="directory"))
    return pk


def learner_of(place: Delivery, pk: int) -> int:
    with place.store.reading() as session:
        return session.get_one(Award, session.get_one(Credit, pk).award_id).learner_id


def run(place: Delivery, days: int = 1) -> None:
    for _ in range(days):
        notices.run(place.store, place.config)
        notices.run(place.store, place.config)
        place.pass_by(days=1)


def test_he_is_told_once_in_plain_words(delivery: Delivery, mail: MailServer) -> None:
    his(delivery, BOARD)
    run(delivery, days=5)
    [(recipients, message)] = mail.mails
    assert recipients == ["learner@example.org"]
    assert message["to"] == "learner@example.org"
    assert message["subject"] == "Your credit from Example CME: something is missing"
    [words] = mail.bodies()
    with delivery.store.reading() as session:
        title = session.get_one(ActivityRow, (delivery.provider, "203512347")).title
        learner = session.exec(select(LearnerRow)).one()
    assert f'"{title}", completed on 2026-03-10:' in words
    assert "  - your ABIM id" in words
    assert "tell the CME office of Example CME" in words
    personal = (learner.family_name, *learner.ids.values())
    assert not any(one in f"{message['subject']} {words}" for one in personal if one)


def test_only_what_is_new_is_told_and_at_most_once_a_day(delivery: Delivery, mail: MailServer) -> None:
    pk = his(delivery)
    run(delivery)
    his(delivery, NUMBER, learner=learner_of(delivery, pk), activity=HYPERTENSION)
    his(delivery, BOARD, learner=learner_of(delivery, pk), activity=HYPERTENSION)
    run(delivery, days=3)
    assert len(mail.mails) == 2
    assert "permission" not in mail.bodies()[1]
    assert "  - your ABIM id" in mail.bodies()[1]
    assert "  - your NPI, or the number of your state licence" in mail.bodies()[1]


def test_a_fresh_case_gets_a_day_to_mend_itself(delivery: Delivery, mail: MailServer) -> None:
    pk = his(delivery)
    delivery.change(pk, state_since=datetime.now(UTC) - timedelta(hours=3))
    run(delivery)
    assert mail.mails == []
    run(delivery)
    assert len(mail.mails) == 1


def test_never_for_what_he_cannot_mend_or_where_he_may_be_another(delivery: Delivery, mail: MailServer) -> None:
    pk = his(delivery)
    mine = delivery.credit(pk).problems
    for what in ("pars.no_match", "learner.no_name", "learner.name_differs"):
        other = {"code": what, "message": "something else", "who": "coordinator"}
        delivery.change(pk, problems=[other] if what == "pars.no_match" else [*mine, other])
        run(delivery)
    delivery.change(pk, state="unmatched", reason="pars.no_match")
    run(delivery)
    assert mail.mails == []


def test_never_while_one_of_his_cases_asks_who_he_is(delivery: Delivery, mail: MailServer) -> None:
    pk = his(delivery)
    other = case(delivery, learner=learner_of(delivery, pk), activity=HYPERTENSION)
    for code in ("learner.name_differs", "learner.other_person"):
        problem = {"code": code, "message": "who is it", "who": "coordinator"}
        delivery.change(other, reason=code, problems=[problem])
        run(delivery)
    assert mail.mails == []
    delivery.change(other, state="ready", reason="", problems=[])
    run(delivery)
    assert len(mail.mails) == 1


def test_he_who_said_no_is_not_asked_again(delivery: Delivery, mail: MailServer) -> None:
    pk = his(delivery)
    with delivery.store.writing() as session:
        session.add(ConsentRow(learner_id=learner_of(delivery, pk), given=False, origin="sheet"))
    run(delivery)
    assert mail.mails == []


@pytest.mark.parametrize("what", ["sha1", "bare_sha1", "earned", "disputed"])
def test_no_address_that_is_or_was_anothers(delivery: Delivery, mail: MailServer, what: str) -> None:
    pk = his(delivery)
    mine = learner_of(delivery, pk)
    [other] = delivery.ready("jbrown")
    with delivery.store.writing() as session:
        theirs = session.get_one(Award, session.get_one(Credit, other).award_id)
        if what == "earned":
            theirs.anchor = "mbox:learner@example.org"
        elif what == "disputed":
            session.get_one(LearnerRow, mine).disputes = [{"field": "birth_day", "origins": ["a", "b"]}]
        else:
            text = ("mailto:" if what == "sha1" else "") + "learner@example.org"
            key = f"mbox_sha1sum:{hashlib.sha1(text.encode()).hexdigest()}"
            session.add(LearnerKey(actor_key=key, learner_id=theirs.learner_id, origin="statement"))
    with delivery.store.reading() as session:
        assert mailbox(session, mine) is None
    run(delivery)
    assert mail.mails == []


@pytest.mark.parametrize(
    "address",
    [
        "learner@example.org\r\nbcc: all@example.org",
        "learner@example.org\nsubject: x",
        "learner@example.org,other@example.org",
        "learner@example.org other@example.org",
        "learner@example.org;other@example.org",
        '"quoted"@example.org',
        "<learner@example.org>",
        "learner@example.org?to=other@example.org",
        "learner@localhost",
        "learner@exam ple.org",
        "ler\u00e4ner@example.org",
        "s.o'neill@example.org",
        "'learner@example.org",
        "learner.@example.org",
        ".learner@example.org",
        "lear..ner@example.org",
        "learner+@example.org",
        "+learner@example.org",
        "a+b+learner@example.org",
        "learner@-example.org",
        "learner@example-.org",
        "",
    ],
)
def test_an_address_that_is_not_plain_is_none(address: str) -> None:
    assert not is_mailbox(address)


@given(st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,8}@([a-z-]{1,3}\.){1,2}org", fullmatch=True))
@settings(max_examples=25)
def test_an_address_that_is_plain_is_the_only_one_that_apprise_writes_to(address: str) -> None:
    assume(is_mailbox(address))
    with tempfile.NamedTemporaryFile("w", suffix=".address") as file:
        file.write("mailto://127.0.0.1:9/?from=desk@example.edu&smtp=127.0.0.1&mode=insecure")
        file.flush()
        assert carriers._addressed(carriers._to_learner(Secret(file=Path(file.name)), address)) == [address]


def test_nothing_but_a_plain_address_is_written_to(delivery: Delivery, mail: MailServer) -> None:
    his(delivery, address="s.o'neill@example.org")
    his(delivery, person="jbrown", address="learner.@example.org")
    his(delivery, person="elind", address="good@example.org")
    run(delivery)
    assert [to for to, _ in mail.mails] == [["good@example.org"]]
    with pytest.raises(ConfigError, match=r"notice\.recipient"):
        send_to(mail.address(delivery.folder), "s.o'neill@example.org", "A subject", "Words")
    assert len(mail.mails) == 1


def test_a_mailbox_that_the_server_refuses_stops_nobody_else(delivery: Delivery, mail: MailServer) -> None:
    mail.unknown = frozenset({"gone@example.org", "dead@example.org"})
    for person, address in (("aoneill", "gone"), ("jbrown", "dead"), ("elind", "good")):
        his(delivery, person=person, address=f"{address}@example.org")
    with capture_logs() as log:
        for _ in range(3):
            run(delivery)
    assert [to for to, _ in mail.mails] == [["good@example.org"]]
    said = [one["event"] for one in log]
    assert said == ["notice.stopped", "notice.recovered", "notice.not_reached", "notice.not_reached"], "and once each"
    mail.unknown = frozenset()
    run(delivery)
    assert len(mail.mails) == 3


def test_an_address_with_signs_arrives_as_it_is(delivery: Delivery, mail: MailServer) -> None:
    send_to(mail.address(delivery.folder), "a.b+cme%x@mail.example.org", "A subject\r\nbcc: all@example.org", "Words")
    [(recipients, message)] = mail.mails
    assert recipients == ["a.b+cme%x@mail.example.org"]
    assert message["bcc"] is None
    assert b"\nbcc:" not in mail.raw[0].lower()


def test_what_he_mended_meanwhile_is_left_out_after_an_outage(delivery: Delivery, mail: MailServer) -> None:
    mail.reply = "451 later"
    first = his(delivery)
    second = his(delivery, person="jbrown", address="second@example.org")
    with capture_logs() as log:
        run(delivery)
        assert mail.tried == 2, "two failures end the turn for all"
        delivery.change(first, state="ready", problems=[])
        run(delivery)
        mail.reply = "250 OK"
        run(delivery)
    assert [one["event"] for one in log] == ["notice.stopped", "notice.recovered"]
    assert [to for to, _ in mail.mails] == [["second@example.org"]]
    delivery.change(first, state="held", state_since=LONG_AGO, problems=delivery.credit(second).problems)
    run(delivery, days=2)
    assert [to for to, _ in mail.mails] == [["second@example.org"], ["learner@example.org"]]


def test_the_address_of_the_learners_names_nobody(delivery: Delivery, mail: MailServer) -> None:
    assert "E-Mail" in prove(mail.address(delivery.folder), to_learners=True)
    with pytest.raises(ConfigError, match="names somebody"):
        prove(mail.address(delivery.folder, "office@example.edu"), to_learners=True)

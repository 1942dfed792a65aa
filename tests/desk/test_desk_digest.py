"""The daily digest: when it leaves, what is news, who gets what, and what an outage does."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select
from structlog.testing import capture_logs

from connector.config import Secret, Webhook
from connector.desk import carriers, notices, stage, suggestions
from connector.desk.cases import Case
from connector.desk.deadlines import Deadline, Kind
from connector.desk.digest import Open, digest, document, subject, text, told
from connector.errors import ConfigError
from connector.inquiry import check, unmatched
from connector.records import Problem
from connector.store.tables import LearnerRow, Notice
from tests.delivery.workplace import Delivery
from tests.desk.mail import Hook, MailServer, case, hook, mail_server, told_to

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise's, on Python 3.11 and 3.12
CHICAGO = ZoneInfo("America/Chicago")
NOW = datetime(2026, 3, 10, 18, tzinfo=UTC)
DAY = date(2026, 3, 10)


@pytest.fixture
def mail(delivery: Delivery) -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def web() -> Iterator[Hook]:
    with hook() as mine:
        yield mine


def waits(number: int, code: str = "pars.no_match", days: int = 3, deadline: Deadline | None = None) -> Open:
    one = Case(
        credit=number,
        learner=number,
        provider="0001234",
        activity="203512347",
        title="Stewardship",
        completed_on=date(2026, 3, 1),
        certification="AMA PRA Category 1",
        state="held",
        since=NOW - timedelta(days=days),
        problems=(Problem(code=code, message=f"what {code} means"),),
    )
    return Open(case=one, deadline=deadline)


@pytest.mark.parametrize(
    ("now", "at", "day"),
    [
        ("2026-03-10T11:59:59+00:00", "07:00", "2026-03-09"),  # 06:59:59 in Chicago: yesterday's may be made up
        ("2026-03-10T12:00:00+00:00", "07:00", "2026-03-10"),
        ("2026-03-08T08:15:00+00:00", "02:30", "2026-03-07"),  # the clocks go forward: there is no 02:30 that night
        ("2026-03-08T08:30:00+00:00", "02:30", "2026-03-08"),
        ("2026-11-01T06:15:00+00:00", "01:30", "2026-10-31"),  # and back: 01:30 comes twice
        ("2026-11-01T06:30:00+00:00", "01:30", "2026-11-01"),
        ("2026-11-01T07:30:00+00:00", "01:30", "2026-11-01"),
        ("2026-03-10T05:30:00+00:00", "00:00", "2026-03-10"),
    ],
)
def test_the_day_whose_hour_has_come(now: str, at: str, day: str) -> None:
    found = notices.last_day(datetime.fromisoformat(now), CHICAGO, time.fromisoformat(at))
    assert found.isoformat() == day


def test_only_what_is_new_changed_solved_or_near_is_news() -> None:
    near = Deadline(kind=Kind.CLAIM_DATE, day=DAY + timedelta(days=6), at=NOW + timedelta(days=6))
    far = near.model_copy(update={"day": DAY + timedelta(days=8), "at": NOW + timedelta(days=8)})
    before = told([waits(1), waits(2), waits(3, deadline=far)], NOW)
    same = digest([waits(1), waits(2), waits(3, deadline=far)], before, day=DAY, now=NOW)
    assert not same.is_news
    open_ = [waits(1), waits(3, "learner.no_consent", deadline=near), waits(4, deadline=near)]
    said = digest(open_, before, day=DAY, now=NOW)
    assert (said.new, said.changed, said.solved, len(said.near)) == (1, 1, 1, 2)
    assert not digest(open_, told(open_, NOW), day=DAY, now=NOW + timedelta(hours=1)).is_news
    assert not digest([], None, day=DAY, now=NOW).is_news
    assert digest([], before, day=DAY, now=NOW).solved == 3


def test_its_words_and_its_figures() -> None:
    near = Deadline(kind=Kind.YEAR_END, day=date(2026, 3, 14), at=NOW + timedelta(days=4))
    said = digest([waits(1, deadline=near), waits(2, days=12), waits(3, "learner.no_consent")], None, day=DAY, now=NOW)
    assert subject(said) == "PARS desk: 3 open, 3 new, 0 solved, 1 near a deadline"
    words = text(said, with_sheet=True)
    assert "3 cases are open, of 3 learners; the oldest has waited for 12 days." in words
    assert "  2026-03-14, the end of the reporting year: 1 x activity 203512347" in words
    assert "  2 x pars.no_match: what pars.no_match means" in words
    assert "attached" not in text(said, with_sheet=False)
    figures = document(said)
    assert figures["by_reason"] == {"pars.no_match": 2, "learner.no_consent": 1}
    assert figures["by_who"] == {"coordinator": 3}
    assert (figures["open"], figures["oldest_days"], figures["new"]) == (3, 12, 3)


def run(place: Delivery) -> None:
    notices.run(place.store, place.config)


def test_once_a_day_to_everybody_each_with_what_is_his(delivery: Delivery, mail: MailServer, web: Hook) -> None:
    office, chat = (mail.address(delivery.folder, f"{name}@example.edu") for name in ("office", "chat"))
    (delivery.folder / "hook.key").write_text("key-of-the-hook")
    key = Secret(file=delivery.folder / "hook.key")
    told_to(delivery, to=(office,), tell=(chat,), webhook=Webhook(url=web.url, headers={"X-Key": key}))
    case(delivery)
    for _ in range(3):
        run(delivery)
        delivery.pass_by(hours=1)
    assert sorted(to for to, _ in mail.mails) == [["chat@example.edu"], ["office@example.edu"]]
    files = {to[0]: [part.get_filename() for part in message.iter_attachments()] for to, message in mail.mails}
    assert files == {"office@example.edu": ["open-cases-2026-03-10.xlsx"], "chat@example.edu": []}
    [(headers, figures)] = web.got
    assert (headers["X-Key"], figures["open"], figures["day"]) == ("key-of-the-hook", 1, "2026-03-10")
    with delivery.store.reading() as session:
        names = [session.exec(select(LearnerRow)).one().family_name or "", "key-of-the-hook"]
    assert not any(name in body or name in str(figures) for name in names for body in mail.bodies())


def test_an_unchanged_case_is_not_told_again_and_a_solved_one_once(delivery: Delivery, mail: MailServer) -> None:
    told_to(delivery, to=(mail.address(delivery.folder, "office@example.edu"),))
    pk = case(delivery)
    run(delivery)
    for _ in range(3):
        delivery.pass_by(days=1)
        run(delivery)
    assert len(mail.mails) == 1
    case(delivery, "learner.no_name", person="jbrown")  # after the hour: it waits for tomorrow's
    delivery.pass_by(minutes=1)
    run(delivery)
    assert len(mail.mails) == 1
    delivery.change(pk, state="ready", problems=[])
    delivery.pass_by(days=1)
    run(delivery)
    run(delivery)
    assert [str(message["subject"]) for _, message in mail.mails] == [
        "PARS desk: 1 open, 1 new, 0 solved",
        "PARS desk: 1 open, 1 new, 1 solved",
    ]


def test_an_outage_is_said_once_tried_again_and_stops_nothing_else(
    delivery: Delivery, mail: MailServer, web: Hook
) -> None:
    told_to(delivery, to=(mail.address(delivery.folder, "office@example.edu"),), webhook=Webhook(url=web.url))
    mail.reply = "451 later"
    case(delivery)
    with capture_logs() as log:
        for _ in range(13):
            run(delivery)
            delivery.pass_by(minutes=3)
        tries = mail.tried
        delivery.pass_by(days=1)
        case(delivery, "learner.no_name", person="jbrown")
        run(delivery)
        mail.reply = "250 OK"
        delivery.pass_by(hours=2)
        run(delivery)
    assert 3 < tries < 12, "the pauses grow"
    assert [(one["event"], one["where"]) for one in log] == [
        ("notice.stopped", "digest:to.1"),
        ("notice.recovered", "digest:to.1"),
    ]
    assert log[0]["code"] == "notice.not_sent"
    assert len(web.got) == 2
    assert [str(message["subject"]) for _, message in mail.mails] == ["PARS desk: 2 open, 2 new, 0 solved"]


def test_what_an_address_was_told_goes_with_it_to_another_place(delivery: Delivery, mail: MailServer) -> None:
    first, second = (mail.address(delivery.folder, f"{name}@example.edu") for name in ("first", "second"))
    told_to(delivery, to=(first,))
    case(delivery)
    run(delivery)
    told_to(delivery, to=(second, first))
    assert first.file
    kept = first.file.read_text()
    with capture_logs() as log:
        first.file.unlink()
        run(delivery)
        first.file.write_text(kept)
        delivery.pass_by(days=1)
        run(delivery)
        case(delivery, "learner.no_name", person="jbrown")
        delivery.pass_by(days=1)
        run(delivery)
    assert [(to, message["subject"][11:24]) for [to], message in mail.mails] == [
        ("first@example.edu", "1 open, 1 new"),
        ("second@example.edu", "1 open, 1 new"),
        ("second@example.edu", "2 open, 1 new"),
        ("first@example.edu", "2 open, 1 new"),
    ]
    assert [(one["event"], one["where"]) for one in log] == [
        ("notice.stopped", "digest:to.2"),
        ("notice.recovered", "digest:to.2"),
    ]
    with delivery.store.reading() as session:
        kinds = " ".join(session.exec(select(Notice.kind)))
    assert "example" not in kinds


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("from=desk@example.edu&to=one@example.edu,two@example.edu", "several recipients"),
        ("from=desk@example.edu&to=one@example.edu&cc=two@example.edu", "several recipients"),
        ("from=desk@example.edu&to=s.o%27neill@example.edu", "another mailbox"),
        ("from=s.o%27neill@example.edu", "another mailbox"),
        ("from=desk@example.edu&to=Office <one@example.edu>", ""),
    ],
)
def test_an_address_has_one_recipient_who_is_the_one_it_names(tmp_path: Path, query: str, fault: str) -> None:
    path = tmp_path / "mail.address"
    path.write_text(f"mailto://desk@127.0.0.1:9/?smtp=127.0.0.1&mode=insecure&{query}")
    if not fault:
        assert "E-Mail" in carriers.prove(Secret(file=path))
        return
    for tries in (carriers.prove, lambda address: carriers.send(address, "subject", "text")):
        with pytest.raises(ConfigError, match=fault):
            tries(Secret(file=path))


def test_a_provider_that_left_the_configuration_still_has_his_cases(delivery: Delivery, web: Hook) -> None:
    told_to(delivery, webhook=Webhook(url=web.url))
    pk = case(delivery)
    delivery.set(providers=[delivery.config.providers[0].model_copy(update={"id": "other"})])
    run(delivery)
    assert web.got[0][1]["open"] == 1
    now = datetime.now(UTC)
    assert len(unmatched.listed(delivery.store, delivery.config, unmatched.Filter(), now)) == 1
    words = unmatched.told(delivery.store, delivery.config, pk, now, values=True)
    assert any("next deadline" in line.text for line in words)


def test_each_part_of_the_desk_is_tried_whatever_came_of_the_others(
    delivery: Delivery, web: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_to(delivery, webhook=Webhook(url=web.url))
    gone = delivery.config.desk.model_copy(update={"folder": delivery.folder / "share" / "desk"})
    delivery.set(desk=gone)
    case(delivery)
    with pytest.raises(ConfigError, match="folder cannot be used"):
        stage.run(delivery.store, delivery.config)
    assert len(web.got) == 1, "the share is gone, and the office hears of its cases all the same"
    case(delivery, "learner.no_name", person="jbrown")
    delivery.pass_by(days=1)

    def fails(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(suggestions, "make", fails)
    with pytest.raises(ZeroDivisionError):
        stage.run(delivery.store, delivery.config)
    assert len(web.got) == 2


def test_a_webhook_that_says_no_is_asked_again(delivery: Delivery, web: Hook) -> None:
    told_to(delivery, webhook=Webhook(url=web.url))
    web.status = 500
    case(delivery)
    run(delivery)
    web.status = 204
    run(delivery)
    assert len(web.got) == 1, "not at once"
    delivery.pass_by(minutes=2)
    run(delivery)
    run(delivery)
    assert len(web.got) == 2
    assert web.got[0][1]["fingerprint"] == web.got[1][1]["fingerprint"]


def test_a_process_that_dies_while_it_sends_leaves_it_to_the_next(
    delivery: Delivery, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_to(delivery, to=(mail.address(delivery.folder, "office@example.edu"),))
    case(delivery)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(carriers, "send", dies)
        with pytest.raises(KeyboardInterrupt):
            run(delivery)
    with delivery.elsewhere():
        run(delivery)
        assert mail.mails == []
        delivery.pass_by(minutes=11)
        run(delivery)
        run(delivery)
    assert len(mail.mails) == 1
    with delivery.store.reading() as session:
        assert len(session.exec(select(Notice).where(col(Notice.sent_at).is_not(None))).all()) == 1


def test_what_cannot_be_told_is_named_and_the_daemon_goes_on(
    delivery: Delivery, web: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    (delivery.folder / "bad").write_text("no-such-scheme://secret-password@host")
    missing, bad = Secret(file=delivery.folder / "not-there"), Secret(file=delivery.folder / "bad")
    told_to(delivery, to=(missing,), tell=(bad,), webhook=Webhook(url=web.url))
    case(delivery)
    with capture_logs() as log:
        run(delivery)
    assert {one["where"]: one["code"] for one in log} == {
        "digest:to.1": "config.secret_missing",
        "digest:tell.1": "notice.address",
    }
    assert "secret-password" not in str(log)
    assert len(web.got) == 1
    found = {one.what: one for one in check.notices(delivery.config, delivery.store)}
    assert {what: one.code for what, one in found.items()} == {
        "notices to.1": "config.secret_missing",
        "notices tell.1": "notice.address",
        "notices webhook": "",
    }
    monkeypatch.setitem(sys.modules, "apprise", None)  # as where the extra is not installed
    with pytest.raises(ConfigError, match=r"notice\.no_apprise"):
        carriers.prove(bad)


def test_apprise_says_nothing_by_itself(delivery: Delivery, caplog: pytest.LogCaptureFixture) -> None:
    told_to(delivery, to=(MailServer(1).address(delivery.folder, "office@example.edu"),))
    case(delivery)
    with caplog.at_level(logging.DEBUG):
        run(delivery)
    assert [record.name for record in caplog.records if record.name.startswith("apprise")] == []

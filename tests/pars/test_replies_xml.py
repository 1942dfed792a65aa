"""Replies of the XML service: read or refused, in any order, cut anywhere, hostile or half there; never guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pars_samples import reply

from connector.errors import ConnectorError, InDoubt, NeedsOperator, RetryLater
from connector.pars import report_xml
from connector.pars.exchange import Unclear
from connector.pars.wire.services import XmlWire
from connector.records import Held, Outcome, Verdict

WIRE = XmlWire()
IDS = ["ccid:example.org:a", "ccid:example.org:b", "ccid:example.org:c"]


def line(credit_id: str, status: str, reason: str = "", message: str = "") -> str:
    return (
        f"<LearnerActivity><CreditID>{credit_id}</CreditID><Status>{status}</Status>"
        f"<Reason>{reason}</Reason><Message>{message}</Message></LearnerActivity>"
    )


def save_reply(*lines: str) -> str:
    return f"<SaveLearnerActivityResponse><Result>Success</Result>{''.join(lines)}</SaveLearnerActivityResponse>"


def read_save(body: bytes | str, ids: list[str] = IDS, action: str = "add", status: int = 200) -> list[Outcome]:
    return report_xml.read_save(reply(body, status), ids, action, WIRE)


def test_one_outcome_each_in_the_order_sent():
    body = save_reply(
        line(IDS[2], "Refused", "No match", "no such learner"),
        line("ccid:other:x", "Accepted"),
        line(IDS[0], " pending\n"),
    )
    outcomes = read_save(body)
    assert [(one.credit_id, one.verdict, one.code) for one in outcomes] == [
        (IDS[0], Verdict.TAKEN, ""),
        (IDS[1], Verdict.UNREADABLE, "pars.unreadable"),
        (IDS[2], Verdict.REFUSED, "pars.no_match"),
    ]
    assert (outcomes[2].status, outcomes[2].reason, outcomes[2].words) == ("Refused", "No match", "no such learner")
    assert "no such learner" not in repr(outcomes)


@pytest.mark.parametrize(
    ("word", "reason", "verdict", "code"),
    [
        ("Accepted", "", Verdict.ACCEPTED, ""),
        ("PENDING", "", Verdict.TAKEN, ""),
        ("Rejected", "Multiple matches", Verdict.REJECTED, "pars.several_matches"),
        ("Refused", "Missing data", Verdict.REFUSED, "pars.missing_data"),
        ("Refused", "Invalid data", Verdict.REFUSED, "pars.invalid_data"),
        ("Refused", "Operation not supported", Verdict.REFUSED, "pars.not_supported"),
        ("Refused", "Unspecified failure", Verdict.REFUSED, "pars.unspecified"),
        ("Refused", "never heard of", Verdict.REFUSED, "pars.unspecified"),
        ("Refused", "", Verdict.REFUSED, "pars.unspecified"),
        ("Refused", "report ALREADY exists", Verdict.EXISTS, "pars.already_exists"),
        ("Deleted", "", Verdict.UNREADABLE, "pars.unknown_status"),
        ("Marvellous", "", Verdict.UNREADABLE, "pars.unknown_status"),
        ("", "", Verdict.UNREADABLE, "pars.unknown_status"),
    ],
)
def test_words_of_an_add(word, reason, verdict, code):
    (one,) = read_save(save_reply(line(IDS[0], word, reason)), IDS[:1])
    assert (one.verdict, one.code) == (verdict, code)


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        ("Deleted", Verdict.DELETED),
        ("Refused", Verdict.REFUSED),
        ("Pending", Verdict.UNREADABLE),
        ("Accepted", Verdict.UNREADABLE),
        ("Rejected", Verdict.UNREADABLE),
    ],
)
def test_words_of_a_delete(word, verdict):
    (one,) = read_save(save_reply(line(IDS[0], word)), IDS[:1], "delete")
    assert one.verdict is verdict


def test_what_is_answered_twice_is_unreadable():
    body = save_reply(line(IDS[0], "Pending"), line(IDS[0], "Refused"), line(IDS[1], "Pending"))
    assert [one.verdict for one in read_save(body, IDS[:2])] == [Verdict.UNREADABLE, Verdict.TAKEN]


def test_a_line_that_contradicts_itself_is_unreadable():
    body = save_reply(
        f"<LearnerActivity><CreditID>{IDS[0]}</CreditID><Status>Pending</Status><Status>Refused</Status></LearnerActivity>",
    )
    assert read_save(body, IDS[:1])[0].verdict is Verdict.UNREADABLE


def test_the_replies_namespace_is_not_asked_for():
    body = save_reply(line(IDS[0], "Pending")).replace("Response>", 'Response xmlns="urn:any">', 1)
    assert read_save(body, IDS[:1])[0].verdict is Verdict.TAKEN


def test_a_fault_refuses_the_whole():
    fault = "<Fault><Reason>Invalid data</Reason><Message>date is in the future</Message></Fault>"
    outcomes = read_save(fault, IDS[:2], status=400)
    assert {(one.verdict, one.code, one.words) for one in outcomes} == {
        (Verdict.REFUSED, "pars.invalid_data", "date is in the future")
    }
    (one,) = read_save("<Fault><Reason><Text>Report already exists</Text></Reason></Fault>", IDS[:1], status=400)
    assert one.verdict is Verdict.EXISTS


def test_a_conflict_is_asked_about():
    assert {one.verdict for one in read_save(b"", IDS, status=409)} == {Verdict.EXISTS}


GOOD = save_reply(*(line(one, "Pending") for one in IDS))
UNREADABLE = [
    b"",
    b"   ",
    b"<html><body>502</body></html>",
    b"<!DOCTYPE html><html></html>",
    b'{"Status": "Pending"}',
    GOOD[: len(GOOD) // 2].encode(),
    b"\x00\x01",
    b"<?xml version='1.0' encoding='no-such'?><a/>",
    b"<Fault><Reason>Invalid data</Reason></Fault>",
    GOOD.encode("utf-16")[2:],
]


@pytest.mark.parametrize("body", UNREADABLE)
def test_a_200_that_cannot_be_read(body):
    with pytest.raises(InDoubt) as doubt:
        read_save(body)
    assert doubt.value.code == "pars.unreadable"
    for read in (report_xml.read_status, report_xml.read_match):
        with pytest.raises(RetryLater) as later:
            read(reply(body), WIRE)
        assert later.value.code == "pars.unreadable"


def test_a_400_that_is_no_fault_decides_nothing():
    with pytest.raises(InDoubt):
        read_save("<html>Bad Request: header too large</html>", status=400)


@pytest.mark.parametrize("status", [100, 204, 302, 418, 500, 502, 503, 504])
def test_other_answers_leave_a_save_in_doubt_and_a_read_for_later(status):
    with pytest.raises(InDoubt):
        read_save(GOOD, status=status)
    if status != 302:
        with pytest.raises(RetryLater) as caught:
            report_xml.read_status(reply(GOOD, status, retry_after=9), WIRE)
        assert (caught.value.code, caught.value.wait) == ("pars.server_error", 9)


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "pars.login"), (403, "pars.forbidden"), (404, "pars.wrong_path"), (405, "pars.wrong_path")],
)
def test_an_operator_is_needed(status, code):
    with pytest.raises(NeedsOperator) as caught:
        read_save(b"<html>", status=status)
    assert caught.value.code == code


def test_a_read_that_is_sent_elsewhere_needs_an_operator():
    with pytest.raises(NeedsOperator):
        report_xml.read_status(reply(b"", 302), WIRE)
    with pytest.raises(NeedsOperator):
        report_xml.read_match(reply(b"", 404), WIRE)


def test_busy_keeps_the_wait():
    with pytest.raises(RetryLater) as caught:
        report_xml.read_save(reply(b"", 429, retry_after=30.0), IDS, "add", WIRE)
    assert (caught.value.code, caught.value.wait) == ("pars.busy", 30.0)


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "Pending"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    + "".join(
        f'<!ENTITY {two} "&{one};&{one};&{one};&{one};&{one};&{one};">'
        for one, two in zip("bcdefghij", "cdefghijk", strict=True)
    )
    + "]>"
)
HOSTILE = [
    BOMB + save_reply(line(IDS[0], "&k;")),
    BOMB + f'<SaveLearnerActivityResponse x="&k;">{line(IDS[0], "Pending")}</SaveLearnerActivityResponse>',
    '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + save_reply(line(IDS[0], "Refused", "&f;")),
    '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + save_reply(line(IDS[0], "Pending")),
    save_reply(line(IDS[0], "&undefined;")),
    "<a>" * 5000 + "</a>" * 5000,
]


@pytest.mark.parametrize("body", HOSTILE, ids=["bomb", "bomb in attribute", "file", "dtd", "undefined", "depth"])
def test_hostile_documents_are_inert(body):
    with pytest.raises(InDoubt):
        read_save(body, IDS[:1])


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_mangled_reply_is_ever_guessed(data):
    """Cut anywhere and with any bytes put in: a credit keeps its true verdict, or the answer is unreadable."""
    whole = GOOD.encode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    body = whole[:start] + data.draw(st.binary(max_size=4)) + whole[end:]
    try:
        outcomes = read_save(body)
    except InDoubt:
        return
    assert [one.credit_id for one in outcomes] == IDS
    assert {one.verdict for one in outcomes} <= {Verdict.TAKEN, Verdict.UNREADABLE}


@given(st.binary(max_size=60), st.integers(100, 599))
@example(b"<a xmlns:b='c'/>", 400)
@settings(max_examples=100, deadline=None)
def test_readers_raise_nothing_but_our_own(body, status):
    for read in (
        lambda answer: report_xml.read_save(answer, IDS, "add", WIRE),
        lambda answer: report_xml.read_status(answer, WIRE),
        lambda answer: report_xml.read_match(answer, WIRE),
    ):
        try:
            read(reply(body, status))
        except ConnectorError as error:
            assert error.code.startswith("pars.")  # noqa: PT017 - most bodies raise nothing


def status_reply(*items: str) -> str:
    lines = "".join(f"<LearnerStatus>{item}</LearnerStatus>" for item in items)
    return f"<LearnerStatusResponse>{lines}</LearnerStatusResponse>"


def test_a_status_read_shows_what_pars_holds():
    body = status_reply(
        "<moduleID>203500000</moduleID><BirthDate>09-10</BirthDate>"
        "<CompletedDateTime>2026-03-01T00:00:00</CompletedDateTime>"
        '<UniqueID domain="NPI">1</UniqueID><activityCertification>AMA PRA Category 1</activityCertification>'
        f"<numberOfCredits>1.25</numberOfCredits><CreditID>{IDS[0]}</CreditID><Status>Accepted</Status>",
        f"<CreditID>{IDS[1]}</CreditID><Status>Rejected</Status><Reason>No match</Reason>"
        "<numberOfCredits>NaN</numberOfCredits>",
        f"<CreditID>{IDS[2]}</CreditID><Status>Under review</Status><numberOfCredits>many</numberOfCredits>",
    )
    first, second, third = report_xml.read_status(reply(body), WIRE)
    assert first == Held(
        outcome=Outcome(credit_id=IDS[0], verdict=Verdict.ACCEPTED, status="Accepted"),
        activity_id="203500000",
        certification="AMA PRA Category 1",
        completed_on="2026-03-01",
        amount=Decimal("1.25"),
    )
    assert (second.outcome.verdict, second.outcome.code, second.amount) == (Verdict.REJECTED, "pars.no_match", None)
    assert second.outcome.is_identity
    assert (third.outcome.verdict, third.outcome.code) == (Verdict.TAKEN, "pars.unknown_status")
    assert (third.outcome.status, third.amount) == ("Under review", None)


def test_none_and_404_are_not_there():
    assert report_xml.read_status(reply("<LearnerStatusResponse/>"), WIRE) == []
    assert report_xml.read_status(reply(b"<html>", 404), WIRE) == []


def test_a_refused_question_is_never_not_there():
    fault = "<Fault><Reason>Invalid data</Reason></Fault>"
    for read in (report_xml.read_status, report_xml.read_match):
        with pytest.raises(Unclear) as caught:
            read(reply(fault, 400), WIRE)
        assert caught.value.code == "pars.read_refused"


@pytest.mark.parametrize(
    ("word", "found", "code"),
    [
        ("Yes", "yes", ""),
        ("NO", "no", "pars.no_match"),
        ("Multiple", "several", "pars.several_matches"),
        ("Perhaps", "unknown", "pars.unknown_status"),
    ],
)
def test_match_answers(word, found, code):
    body = f"<LearnerMatchResponse><Match>{word}</Match><Message>for people</Message></LearnerMatchResponse>"
    answer = report_xml.read_match(reply(body), WIRE)
    assert (answer.found, answer.code, answer.words) == (found, code, "for people")


def test_a_table_with_other_words_reads_other_words():
    told = XmlWire.model_validate(
        {
            "replies": {"save": "R", "save_item": "I", "credit_id": "Id", "status": "S"},
            "words": {"taken": ["Received"]},
            "answers": {"save": {"exists": [418]}},
            "reasons": {"window_closed": ["Too late"]},
        }
    )
    body = "<R><I><Id>x</Id><S>Received</S></I><I><Id>y</Id><S>Refused</S><Reason>too late</Reason></I></R>"
    outcomes = report_xml.read_save(reply(body), ["x", "y"], "add", told)
    assert [(one.verdict, one.code) for one in outcomes] == [
        (Verdict.TAKEN, ""),
        (Verdict.REFUSED, "pars.window_closed"),
    ]
    assert report_xml.read_save(reply(b"", 418), ["x"], "add", told)[0].verdict is Verdict.EXISTS

"""Each way in which PARS may not be as the wire table thinks, and the line of the table that it is told by."""

from __future__ import annotations

import pytest

from connector.errors import RetryLater
from connector.pars import contract
from connector.pars.wire.services import JsonWire, XmlWire
from connector.records import Reply

XML, JSON = XmlWire(), JsonWire()
SOAP = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>"


def reply(status: int, body: str = "") -> Reply:
    return Reply(status=status, content_type="", body=body.encode())


def match(inside: str) -> str:
    return f"<LearnerMatchResponse>{inside}</LearnerMatchResponse>"


def statuses(inside: str) -> str:
    return f"<LearnerStatusResponse>{inside}</LearnerStatusResponse>"


def fault(words: str) -> str:
    return f"<Fault><Message>{words}</Message></Fault>"


# What was asked, the answer, the line, and what could stand there.
XML_ANSWERS: list[tuple[contract.Name, Reply, str, str]] = [
    ("match", reply(200, "<MatchLearnerResponse/>"), "replies.match", "MatchLearnerResponse"),
    ("match", reply(200, match("<IsMatch>false</IsMatch>")), "replies.found", "IsMatch"),
    ("match", reply(200, match("<A/><B/>")), "replies.found", ""),
    ("match", reply(200, match("")), "replies.found", ""),
    ("match", reply(200, match("<Match>NotFound</Match>")), "match_words.no", "[No, NotFound]"),
    ("match", reply(200, match("<Match>Yes</Match>")), "match_words.yes", ""),
    ("match", reply(200, match("<Match>Multiple</Match>")), "match_words.several", ""),
    ("match", reply(200, SOAP), "calls.match", ""),
    ("match", reply(200), "replies.match", ""),
    ("match", reply(200, match("<Match>No</Match>")[:30]), "replies.match", ""),
    ("match", reply(200, '{"match": "No"}'), "content_type", ""),
    ("match", reply(200, "<Fault/>"), "answers.match", ""),
    ("match", reply(200, "<!DOCTYPE html><html/>"), "base_url", ""),
    ("match", reply(302), "base_url", ""),
    ("match", reply(404), "calls.match", ""),
    ("match", reply(405), "calls.match", ""),
    ("match", reply(401), "credentials.where", ""),
    ("match", reply(403), "", ""),
    ("match", reply(400, fault("BirthDate is invalid")), "asked_birth", "YYYY-MM-DD"),
    ("match", reply(400, fault("no")), "questions.match", ""),
    ("match", reply(418), "answers.match", ""),
    ("status_by_credit", reply(200, "<Statuses/>"), "replies.status_list", "Statuses"),
    ("status_by_credit", reply(200, statuses("<Learner/>")), "replies.status_item", "Learner"),
    ("status_by_credit", reply(200, statuses("<LearnerStatus/>")), "calls.status_by_credit", ""),
    ("status_by_credit", reply(200, "<Fault/>"), "answers.status", ""),
    ("status_by_credit", reply(400, "<Fault/>"), "answers.status.not_there", "[404, 400]"),
    ("status_by_credit", reply(400, fault("BirthDate")), "answers.status.not_there", "[404, 400]"),
    ("status_by_credit", reply(204), "answers.status", ""),
    ("status_by_learner", reply(400, fault("CompletionDate is invalid")), "questions.completed", ""),
    ("status_by_learner", reply(400, fault("date of birth")), "asked_birth", "YYYY-MM-DD"),
    ("status_by_learner", reply(422, "<Fault/>"), "answers.status.not_there", "[404, 422]"),
    ("status_by_learner", reply(200, statuses("<LearnerStatus/>")), "calls.status_by_learner", ""),
]
JSON_ANSWERS: list[tuple[contract.Name, Reply, str, str]] = [
    ("status_by_credit", reply(200, "<a/>"), "content_type", ""),
    ("status_by_credit", reply(200, "nothing"), "content_type", ""),
    ("status_by_credit", reply(200, '{"credits": []}'), "calls.status", ""),
    ("status_by_credit", reply(200, '"none"'), "calls.status", ""),
    ("status_by_credit", reply(200, '[{"CreditID": "x"}]'), "calls.status", ""),
    ("status_by_credit", reply(200), "answers.status.readable", ""),
    ("status_by_credit", reply(405), "calls.status", ""),
    ("status_by_learner", reply(400, '{"reason": "BirthDate"}'), "asked_birth", "YYYY-MM-DD"),
    ("status_by_learner", reply(400, "{}"), "answers.status.not_there", "[404, 400]"),
]


@pytest.mark.parametrize(("name", "answer", "entry", "proposal"), XML_ANSWERS)
def test_of_the_xml_service(name: contract.Name, answer: Reply, entry: str, proposal: str) -> None:
    assert [(one.entry, one.proposal) for one in contract.judge(name, answer, XML)] == [(entry, proposal)]


@pytest.mark.parametrize(("name", "answer", "entry", "proposal"), JSON_ANSWERS)
def test_of_the_json_service(name: contract.Name, answer: Reply, entry: str, proposal: str) -> None:
    assert [(one.entry, one.proposal) for one in contract.judge(name, answer, JSON)] == [(entry, proposal)]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_who_cannot_answer_now_says_nothing_of_the_table(status: int) -> None:
    with pytest.raises(RetryLater):
        contract.judge("match", reply(status), XML)


def test_a_right_answer_is_no_finding_and_proves_its_lines() -> None:
    right: list[tuple[contract.Name, Reply]] = [
        ("match", reply(200, match("<Match>No</Match>"))),
        ("status_by_credit", reply(200, statuses(""))),
        ("status_by_learner", reply(200, statuses(""))),
    ]
    assert [contract.judge(name, answer, XML) for name, answer in right] == [[], [], []]
    proven = [set(contract.proven(name, answer, XML)) for name, answer in right]
    assert "match_words.no" in proven[0]
    assert "questions.credit_id" in proven[1]
    assert "questions.completed" in proven[2]


def test_a_404_for_a_credit_proves_nothing() -> None:
    assert contract.judge("status_by_credit", reply(404), XML) == []
    assert contract.proven("status_by_credit", reply(404), XML) == ()
    assert contract.proven("status_by_credit", reply(404), JSON) == ()
    assert contract.judge("status_by_credit", reply(200, "[]"), JSON) == []
    assert contract.proven("status_by_credit", reply(200, "[]"), JSON)


@pytest.mark.parametrize(("wire", "names"), [(XML, 3), (JSON, 2)])
def test_nobody_real_is_asked_about(wire: XmlWire | JsonWire, names: int) -> None:
    probes = contract.probes(wire)
    assert len(probes) == names
    assert not any("SaveLearnerActivity" in one.question.call for one in probes)


def test_what_pars_says_is_repeated_in_short_and_without_signs() -> None:
    long = "A" * 500
    (found,) = contract.judge("match", reply(200, f"<{long}/>"), XML)
    assert len(found.said) < 100
    (word,) = contract.judge("match", reply(200, match(f"<Match>{long}</Match>")), XML)
    assert len(word.said) < 100

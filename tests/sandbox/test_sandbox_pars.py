"""The rehearsal PARS: matching, statuses, boards, both dialects. What it refuses stands in tests/broken_clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import date

import httpx
import pytest
from papers import CME, CME_PAPER, MOC_CREDIT, MOC_PAPER, REMS_PAPER, Caller, Credit, Paper

from connector.sandbox.pars import vocabulary
from connector.sandbox.pars.learners import Known, KnownLearner, is_npi
from connector.sandbox.pars.record import Identifier, Person
from connector.sandbox.server import Sandbox
from connector.sandbox.world.world import World

TODAY = date(2026, 3, 10)
LEARNERS = {one.ref: one for one in World(TODAY).learners}
ROUNDS = "203512351"


@pytest.fixture
def pars() -> Iterator[Caller]:
    with Sandbox(today=TODAY, load=False) as sandbox:
        caller = Caller(sandbox)
        yield caller
        caller.close()


def paper_of(one: KnownLearner, credit: Credit) -> Paper:
    return Paper((credit,), one.given, one.family, f"1904-{one.birth}", activity=ROUNDS)


def moc_of(ref: str) -> Paper:
    one, board = LEARNERS[ref], ref.partition("-")[0]
    credit = Credit(f"ccid:cme.example.org:{ref}", board, one.ids[board], vocabulary.credit_type(board), "1.00")
    return paper_of(one, credit)


@pytest.mark.parametrize("board", vocabulary.BOARDS)
def test_each_board_has_learners_that_it_accepts_rejects_and_is_slow_about(pars: Caller, board: str) -> None:
    papers = [moc_of(f"{board}-{number}") for number in (1, 2, 3)]
    pars.save(*papers)
    pars.sandbox.pars.boards_answer()
    answers = [pars.ask(paper.credits[0].credit_id).only for paper in papers]
    assert [one.status for one in answers] == ["Accepted", "Rejected", "Pending"]
    assert answers[1].message == "not a diplomate in good standing"
    pars.sandbox.clock.advance(15 * 86400)
    assert pars.ask(papers[2].credits[0].credit_id).only.status == "Accepted"


def test_each_state_has_a_learner_who_is_found_by_licence(pars: Caller) -> None:
    papers = []
    for state in vocabulary.STATES:
        one = LEARNERS[f"state-{state}"]
        papers.append(paper_of(one, Credit(f"ccid:cme.example.org:{state}", state, one.ids[state], CME, "1.00")))
    outcomes = pars.save(*papers).outcomes
    assert len(outcomes) == 57
    assert {told.status for told in outcomes.values()} == {"Accepted"}


def test_every_invented_npi_checks_and_one_wrong_digit_does_not() -> None:
    numbers = [one.ids["NPI"] for one in LEARNERS.values()]
    assert all(is_npi(number) for number in numbers)
    assert not any(is_npi(number[:-1] + str((int(number[-1]) + 1) % 10)) for number in numbers)
    assert is_npi("1234567893")  # the check digit's published example


MATCHES = {
    "as it stands": ("Ana", "O'Neill-García", "02-29", "NPI", "Yes"),
    "without accents, in capitals": ("ANA", "O'NEILL-GARCIA", "02-29", "NPI", "Yes"),
    "with a year": ("Ana", "O'Neill-García", "1980-02-29", "NPI", "Yes"),
    "another birth day": ("Ana", "O'Neill-García", "02-28", "NPI", "No"),
    "without the hyphen": ("Ana", "O'Neill García", "02-29", "NPI", "No"),
    "an identifier of somebody else": ("Ana", "O'Neill-García", "02-29", "CA", "No"),
}


@pytest.mark.parametrize("name", MATCHES)
def test_a_match_needs_names_birth_day_and_identifier(pars: Caller, name: str) -> None:
    given, family, birth, domain, answer = MATCHES[name]
    reply = pars.match(given, family, birth, domain, LEARNERS["aoneill"].ids["NPI"])
    assert f"<Match>{answer}</Match>" in reply.text


class Interrupted(Mapping[str, str]):
    """Identifiers during whose first reading somebody else asks; whoever must wait for us is not waited for."""

    def __init__(self, ids: Mapping[str, str], ask: Callable[[], Future[str]]) -> None:
        self._ids, self._ask = ids, ask
        self.asked: Future[str] | None = None

    def __getitem__(self, domain: str) -> str:
        return self._ids[domain]

    def __iter__(self) -> Iterator[str]:
        if self.asked is None:
            self.asked = self._ask()
            wait([self.asked], timeout=0.1)
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def test_a_question_asked_while_another_is_being_answered_gets_the_same_answer(pars: Caller) -> None:
    """As when a client gives up and asks again: the list of learners was once indexed by both."""
    one = LEARNERS["aoneill"]
    asked = Person(one.given, one.family, f"1904-{one.birth}"), (Identifier("NPI", one.ids["NPI"]),)
    with ThreadPoolExecutor(1) as other:
        ids = Interrupted(one.ids, lambda: other.submit(pars.sandbox.pars.match, *asked))
        pars.sandbox.pars.learners = Known([replace(one, ids=ids)])
        assert pars.sandbox.pars.match(*asked) == "Yes"
        assert ids.asked is not None
        assert ids.asked.result() == "Yes"
        assert pars.sandbox.pars.match(*asked) == "Yes"


def test_two_surgeons_without_a_board_id_cannot_be_told_apart_and_with_it_they_can(pars: Caller) -> None:
    assert "<Match>Multiple</Match>" in pars.match("Robin", "Ashworth", "05-17", "", "").text
    one = LEARNERS["twin-2"]
    assert "<Match>Yes</Match>" in pars.match("Robin", "Ashworth", "05-17", "ABS", one.ids["ABS"]).text


def test_a_surgeon_is_found_without_a_board_id(pars: Caller) -> None:
    paper = moc_of("ABS-1")
    paper = replace(paper, credits=(replace(paper.credits[0], domain="", identifier=""),))
    assert pars.save(paper).only.status == "Pending"
    assert pars.ask_by_learner(paper, paper.birth[5:]).only.status == "Pending"


@pytest.mark.parametrize("changes", [{"given": "Somebody"}, {"birth": "1904-06-06"}])
def test_abp_takes_its_id_with_the_names_or_the_birth_day(pars: Caller, changes: dict[str, str]) -> None:
    assert pars.save(replace(moc_of("ABP-1"), **changes)).only.status == "Pending"


def test_abp_does_not_take_its_id_alone(pars: Caller) -> None:
    assert pars.save(replace(moc_of("ABP-1"), given="Somebody", birth="1904-06-06")).only.reason == "No match"


@pytest.mark.parametrize("completed", ["2026-03-05", "2026-03-06"])
def test_status_by_learner_asks_for_one_date(pars: Caller, completed: str) -> None:
    pars.save(CME_PAPER)
    found = pars.ask_by_learner(replace(CME_PAPER, completed=completed), "02-29").outcomes
    assert len(found) == (completed == "2026-03-05")


def test_status_by_learner_goes_by_the_identifier_it_was_sent_under(pars: Caller) -> None:
    pars.save(CME_PAPER)
    licence = replace(CME_PAPER, credits=(replace(CME_PAPER.credits[0], domain="ME", identifier="10441"),))
    assert pars.ask_by_learner(licence, "02-29").outcomes == {}


def test_json_status_by_learner_takes_either_form_of_the_birth_date(pars: Caller) -> None:
    pars.save(CME_PAPER)
    asked = {
        "moduleID": CME_PAPER.activity,
        "CompletionDate": "2026-03-05",
        "UniqueID": CME_PAPER.credits[0].identifier,
    }
    for birth in ("02-29", "1904-02-29"):
        assert pars.ask_json(**asked, BirthDate=birth).json()[0]["BirthDate"] == "02-29"
    assert pars.ask_json(**asked, BirthDate="03-01").status_code == 404
    assert pars.ask_json(moduleID="203512347").status_code == 400


def test_a_rejected_credit_is_told_with_reason_in_both_dialects(pars: Caller) -> None:
    pars.sandbox.switch("reject", message="this credit type is not taken")
    pars.save(MOC_PAPER)
    pars.sandbox.pars.boards_answer()
    assert pars.ask(MOC_CREDIT.credit_id).only.message == "this credit type is not taken"
    [told] = pars.ask_json(CreditId=MOC_CREDIT.credit_id).json()
    assert (told["Status"], told["Message"]) == ("Rejected", "this credit type is not taken")


def test_json_is_all_or_nothing_and_xml_goes_credit_by_credit(pars: Caller) -> None:
    cme, moc = MOC_PAPER.credits
    half = replace(MOC_PAPER, credits=(cme, replace(moc, amount="9")))
    reply = pars.save_json(half)
    assert (reply.status, list(reply.outcomes)) == (400, [moc.credit_id])
    assert pars.ask(cme.credit_id).outcomes == {}
    assert [told.status for told in pars.save(half).outcomes.values()] == ["Accepted", "Refused"]


def test_json_says_409_where_all_it_minds_is_that_the_credit_exists(pars: Caller) -> None:
    pars.save_json(CME_PAPER)
    assert pars.save_json(CME_PAPER).status == 409


def test_the_drafts_delete_takes_everything_of_the_learner(pars: Caller) -> None:
    second = replace(CME_PAPER.credits[0], credit_id="ccid:cme.example.org:ana-hands", amount="0.50")
    pars.save(CME_PAPER, replace(CME_PAPER, activity="203512355", credits=(second,)))
    url = f"{pars.sandbox.pars_json_url}/learner-activities/{second.identifier}"
    assert pars.http.delete(url, headers=pars.headers).status_code == 204
    assert {credit["state"] for credit in pars.sandbox.pars.ledger()["credits"]} == {"Deleted"}
    assert pars.http.delete(url, headers=pars.headers).status_code == 404


def test_a_list_of_identifiers_must_all_mean_one_learner(pars: Caller) -> None:
    found = CME_PAPER.as_dict()
    [report] = found["ACCMELearnerReports"]["ActivityReports"]["ActivityReport"]
    [credit] = report["Activity"]["Module"]["CreditCertificate"]
    credit["UniqueID"] = [credit["UniqueID"], {"value": "10441", "domain": "ME"}]
    assert pars.save_json_bytes(httpx.Request("POST", "http://x", json=found).content).status == 201


@pytest.mark.parametrize("place", ["query", "body"])
def test_credentials_may_be_asked_for_elsewhere(place: str) -> None:
    with Sandbox(today=TODAY, load=False, place=place) as sandbox:  # type: ignore[arg-type]
        caller = Caller(sandbox)
        login, caller.headers = caller.headers, {}
        if place == "query":
            assert caller.xml("SaveLearnerActivity", CME_PAPER.xml(), **login).only.status == "Accepted"
        else:
            first = "".join(f"<{name}>{value}</{name}>" for name, value in login.items()).encode()
            body = CME_PAPER.xml().replace(b"<ActivityReports", first + b"<ActivityReports", 1)
            assert caller.save_bytes(body).only.status == "Accepted"
        caller.headers = login
        assert caller.save(CME_PAPER).status == 401
        caller.close()


def test_what_is_no_operation_is_404_and_a_get_of_a_post_405(pars: Caller) -> None:
    assert pars.xml("SaveLearnerActivities", b"<x/>").status == 404
    assert pars.http.get(f"{pars.sandbox.pars_url}/SaveLearnerActivity", headers=pars.headers).status_code == 405


def test_activities_are_read_by_either_id(pars: Caller) -> None:
    base = f"{pars.sandbox.pars_json_url}/activities"
    one = pars.http.get(f"{base}/203512345", headers=pars.headers).json()["ACCMEActivities"]["MedicalEducationMetrics"]
    assert one[0]["XtensibleInfo"]["REMS"]["REMSType"] == "Opioid Analgesic"
    own = pars.http.get(base, params={"providerActivityId": "ACT-346"}, headers=pars.headers).json()
    assert own["ACCMEActivities"]["MedicalEducationMetrics"][0]["Lom"]["general"]["title"].startswith("Hypertension")
    assert pars.http.get(f"{base}/203599999", headers=pars.headers).status_code == 404


def test_a_saved_activity_needs_what_the_draft_requires(pars: Caller) -> None:
    base = f"{pars.sandbox.pars_json_url}/activities"
    found = pars.http.get(f"{base}/203512345", headers=pars.headers).json()
    assert pars.http.post(base, json=found, headers=pars.headers).status_code == 201
    del found["ACCMEActivities"]["MedicalEducationMetrics"][0]["Lom"]["general"]["title"]
    refused = pars.http.post(base, json=found, headers=pars.headers)
    assert (refused.status_code, "Lom.general.title" in refused.text) == (400, True)


def test_the_ledger_tells_a_credits_whole_life_and_that_it_is_a_rehearsal(pars: Caller) -> None:
    pars.save(MOC_PAPER)
    pars.sandbox.pars.boards_answer()
    pars.save(replace(MOC_PAPER, action="delete", credits=(MOC_CREDIT,)))
    ledger = pars.http.get(f"{pars.sandbox.control_url}/ledger").json()
    moc = next(credit for credit in ledger["credits"] if credit["credit_id"] == MOC_CREDIT.credit_id)
    assert [step["action"] for step in moc["history"]] == ["add", "answer of ABIM", "delete"]
    assert "rehearsal" in ledger["rehearsal"]


def test_a_rems_credit_is_asked_for_by_its_id_only(pars: Caller) -> None:
    pars.save(REMS_PAPER)
    [credit] = pars.sandbox.pars.ledger()["credits"]
    assert (credit["learner"], credit["identifiers"]) == ("idd:cme.example.org:rems|5f2d9c", [])
    assert pars.ask(REMS_PAPER.credit.credit_id).only.status == "Accepted"

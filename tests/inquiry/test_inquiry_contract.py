"""The contract probe against a PARS that is not as the wire table thinks: each disagreement names its line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.inquiry import check, contract
from connector.pars.wire import Wire
from tests.delivery.workplace import Delivery

MATCH, BY_CREDIT, BY_LEARNER = "/GetLearnerMatch", "/GetLearnerStatusByCreditId", "/GetLearnerStatusByLearner"
RIGHT = {
    MATCH: (200, "<LearnerMatchResponse><Match>No</Match></LearnerMatchResponse>"),
    BY_CREDIT: (200, "<LearnerStatusResponse/>"),
    BY_LEARNER: (200, "<LearnerStatusResponse/>"),
}
Odd = Callable[[dict[str, tuple[int, str]]], "Peculiar"]


class Peculiar:
    """A PARS that answers as the test says, by path; whatever else is 404."""

    def __init__(self, answers: dict[str, tuple[int, str]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = answers.get(self.path.partition("?")[0], (404, ""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = _answer  # noqa: N815 - http.server's names

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def odd() -> Iterator[Odd]:
    made: list[Peculiar] = []

    def make(answers: dict[str, tuple[int, str]]) -> Peculiar:
        made.append(Peculiar(RIGHT | answers))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def told(place: Delivery, url: str, **changes: Any) -> list[check.Checked]:
    provider = place.config.providers[0].model_copy(update={"base_url": url, **changes})
    place.set(providers=(provider,))
    return list(check.pars(place.config, place.store))


def entries(found: list[check.Checked]) -> list[str]:
    return [".".join(map(str, one.facts["loc"][2:])) for one in found if not one.good]


SOAP = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>"


def test_each_disagreement_names_the_line_of_the_table(delivery: Delivery, odd: Odd) -> None:
    answers = {MATCH: (200, SOAP), BY_CREDIT: (302, ""), BY_LEARNER: (400, "<Fault/>")}
    found = told(delivery, odd(answers).url)
    assert entries(found) == ["calls.match", "base_url", "answers.status.not_there"]
    assert all(one.hint and "PARS answers" in one.message for one in found)


def test_all_that_agrees_says_how_many_guesses_are_seen(delivery: Delivery, odd: Odd) -> None:
    (found,) = told(delivery, odd({}).url)
    assert found.good
    assert {"calls.match", "replies.status_list", "questions.completed"} <= set(found.facts["seen"])
    assert len(found.facts["unverified"]) > len(found.facts["seen"])


def test_a_404_for_a_credit_confirms_nothing_of_it(delivery: Delivery, odd: Odd) -> None:
    (found,) = told(delivery, odd({BY_CREDIT: (404, ""), BY_LEARNER: (404, "")}).url)
    assert "calls.status_by_credit" not in found.facts["seen"]
    assert "calls.match" in found.facts["seen"]


def test_what_is_proposed_mends_it(delivery: Delivery, odd: Odd) -> None:
    """The proposal, written into the configuration, is what the table lacked."""
    (found,) = told(delivery, odd({MATCH: (200, "<MatchLearnerResponse><Match>No</Match></MatchLearnerResponse>")}).url)
    said = yaml.safe_load(found.hint.split("config.yaml: ", 1)[1])
    delivery.set(wire=Wire.model_validate(said["wire"]))
    assert all(one.good for one in check.pars(delivery.config, delivery.store))


def test_an_overridden_line_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("providers: []\nwire:\n  xml_service:\n    replies: {match: Answer}\n")
    assert contract.place(path, ("wire", "xml_service", "replies", "match")) == f"{path}:4:22"
    assert contract.place(path, ("wire", "xml_service", "replies", "found")) == ""


def test_of_ja_pars_its_own_table_is_named(delivery: Delivery, odd: Odd) -> None:
    (found,) = told(delivery, odd({MATCH: (200, "<A/>")}).url, system="ja-pars")
    assert found.facts["loc"] == ["wire", "ja_pars", "xml_service", "replies", "match"]


def test_wrong_credentials_are_tried_once(delivery: Delivery) -> None:
    delivery.sandbox.switch("wrong-password", times=None)
    (found,) = check.pars(delivery.config, delivery.store)
    assert (found.code, found.facts["loc"][-1]) == ("pars.login", "where")
    assert len(delivery.sandbox.pars.log) == 1


# --- recordings ---


def test_a_recording_is_judged_again_by_another_table(delivery: Delivery, odd: Odd, tmp_path: Path) -> None:
    url = odd({MATCH: (200, "<MatchLearnerResponse><Match>No</Match></MatchLearnerResponse>")}).url
    told(delivery, url)
    folder = tmp_path / "kept"
    list(check.pars(delivery.config, delivery.store, folder))
    provider = delivery.config.providers[0]
    again = contract.replay(delivery.config, provider, "xml-service", folder / provider.id)
    assert [one.entry for _, one in again.findings] == ["replies.match"]


@pytest.mark.parametrize("where", ["header", "query", "body"])
def test_no_secret_stands_in_a_recording(delivery: Delivery, odd: Odd, tmp_path: Path, where: str) -> None:
    echo = "<LearnerMatchResponse><Match>No</Match><Message>user {} of {}</Message></LearnerMatchResponse>"
    login = delivery.config.providers[0].credentials
    assert login is not None
    password = login.password.reveal().get_secret_value()
    delivery.set(wire=Wire.model_validate({"xml_service": {"credentials": {"where": where}}}))
    told(delivery, odd({MATCH: (200, echo.format(login.user.upper(), password))}).url)
    folder = tmp_path / "kept"
    assert all(one.good for one in check.pars(delivery.config, delivery.store, folder))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 6
    whole = b"".join(path.read_bytes() for path in files).lower()
    assert not any(one.lower().encode() in whole for one in (login.user, password))
    assert b"[user]" in whole

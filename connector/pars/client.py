"""The carrier: documents and questions to one provider's PARS, with credentials added on the wire. Knows no row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from connector.errors import ConfigError
from connector.http import Closing, Http
from connector.pars import contract, report_json, report_xml
from connector.pars.exchange import CannotSend, Credentials, LearnerQuery, MatchAnswer, Question, Unclear
from connector.pars.identifiers import is_clean
from connector.pars.recording import Exchange
from connector.pars.replies import Action, the_one
from connector.pars.wire.services import JsonWire, XmlWire, submitted_certification
from connector.records import (
    Held,
    Identifier,
    Learner,
    LearnerRecord,
    Outcome,
    Payload,
    Problem,
    RecordCredit,
    Reply,
)

W_contra = TypeVar("W_contra", contravariant=True)


class _Format(Protocol[W_contra]):
    """What report_xml and report_json offer."""

    def render(self, records: Sequence[LearnerRecord], wire: W_contra, created: datetime) -> Payload: ...
    def ask_credit(self, credit_id: str, wire: W_contra) -> Question: ...
    def ask_learner(self, query: LearnerQuery, wire: W_contra) -> Question: ...
    def read_save(self, reply: Reply, sent_ids: Sequence[str], action: Action, wire: W_contra) -> list[Outcome]: ...
    def read_status(self, reply: Reply, wire: W_contra) -> list[Held]: ...


def _format_of(wire: XmlWire | JsonWire) -> _Format[Any]:
    return report_xml if isinstance(wire, XmlWire) else report_json


def _checked(credentials: Credentials) -> Credentials:
    """Credentials that fit into a header and into a document: a secret often ends with the line feed of its file."""
    values = (credentials.provider_id, credentials.user, credentials.password.get_secret_value())
    if not all(is_clean(mark) for value in values for mark in value):
        raise ConfigError("config.pars_credentials", "a credential for PARS holds a line feed or control character")
    return credentials


class ParsClient(Closing):
    """One provider's PARS. Everything it raises is a ConnectorError without a body, a query or a personal value.

    `base_url` stands in place of the table's (a test host); `connect` and `read` are seconds. Every request has its own
    connection: a stale one that dies under a save would leave it in doubt for nothing.
    """

    def __init__(
        self,
        wire: XmlWire | JsonWire,
        credentials: Credentials,
        *,
        base_url: str = "",
        connect: float = 10,
        read: float = 60,
        ca_bundle: str = "",
        keep: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._wire = wire
        self._format = _format_of(wire)
        self._credentials = _checked(credentials)
        self._keep = keep
        self._base_url = (base_url or wire.base_url).rstrip("/")
        if not self._base_url:
            raise ConfigError(
                "config.pars_base_url", "no address for PARS", "set `base_url` of the provider, as ACCME gave it"
            )
        self._http = Http(blame="pars", connect=connect, read=read, verify=ca_bundle or True, keep_alive=False)

    def render(self, records: Sequence[LearnerRecord], created: datetime) -> Payload:
        """The document, without credentials. Raises CannotSend."""
        return self._format.render(records, self._wire, created)

    def send(self, payload: Payload) -> Reply:
        """Carry one save or delete. Raises RetryLater or NeedsOperator when nothing left, InDoubt without an answer."""
        return self._carry(self._wire.calls.save, {}, payload, saves=True)

    def read_save(self, reply: Reply, sent_ids: Sequence[str], action: Action) -> list[Outcome]:
        """One outcome per sent id. Raises RetryLater or NeedsOperator (nothing is stored) or InDoubt for the whole."""
        return self._format.read_save(reply, sent_ids, action, self._wire)

    def ask_credit(self, credit_id: str) -> Held | None:
        """PARS's copy of one credit, or None: it is not there. Raises RetryLater, NeedsOperator or Unclear."""
        question = self._format.ask_credit(credit_id, self._wire)
        return the_one(credit_id, self._format.read_status(self._ask(question), self._wire))

    def ask_learner(self, query: LearnerQuery) -> list[Held]:
        """What PARS holds for this learner, activity and date, under this identifier. Raises as `ask_credit`."""
        question = self._format.ask_learner(query, self._wire)
        return self._format.read_status(self._ask(question), self._wire)

    def match(self, learner: Learner, identifier: Identifier) -> MatchAnswer:
        """Would PARS know this learner? Raises as `ask_credit`; CannotSend where the dialect has no match."""
        if isinstance(self._wire, JsonWire):
            raise CannotSend([Problem(code="pars.not_supported", message="the JSON service knows no match")])
        question = report_xml.ask_match(learner, identifier, self._wire)
        return report_xml.read_match(self._ask(question), self._wire)

    def certification(self, credit: RecordCredit) -> str:
        """What PARS calls this credit: its `activityCertification`."""
        return submitted_certification(credit, self._wire.certifications)

    def put(self, question: Question) -> Reply:
        """Ask, and read nothing. Raises RetryLater or NeedsOperator."""
        return self._ask(question)

    def probe(self) -> None:
        """Ask for a credit that cannot exist. Returns when PARS answers sensibly, else raises as `ask_credit`."""
        self.ask_credit(contract.NO_CREDIT)

    def prove(self) -> bool:
        """Is this PARS at all? True when a question about an invented learner draws a readable answer; False where the
        dialect has no such question. A wrong address, which answers 404 to everything, raises NeedsOperator here:
        the 404 of a status read cannot tell it from a credit that is not there."""
        try:
            self.match(contract.NOBODY, contract.NO_NPI)
        except CannotSend:
            return False
        except Unclear:
            return True
        return True

    def _ask(self, question: Question) -> Reply:
        return self._carry(question.call, question.params, question.payload, saves=False)

    def _carry(self, call: str, params: dict[str, str], payload: Payload | None, *, saves: bool) -> Reply:
        method, path = call.split(" ", 1)
        names = self._wire.credentials
        named = [
            (names.provider_id, self._credentials.provider_id),
            (names.user, self._credentials.user),
            (names.password, self._credentials.password.get_secret_value()),
        ]
        headers = {"Content-Type": payload.content_type} if payload else {}
        headers["Accept"] = self._wire.content_type.partition(";")[0]
        if names.where == "header":
            headers |= dict(named)
        elif names.where == "query":
            params = params | dict(named)
        elif payload:
            payload = report_xml.with_credentials(payload, named)
        body = payload.body if payload else b""
        carry = self._http.save if saves else self._http.read
        reply = carry(method, self._base_url + path, headers=headers, params=params, body=body)
        if self._keep:
            self._keep(Exchange(call=call, params=params, payload=payload, reply=reply))
        return reply

    def close(self) -> None:
        self._http.close()

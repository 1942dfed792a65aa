"""Harmless questions to PARS, and where its answers disagree with the wire table. Pure; carries nothing.

They are about somebody and something invented, so that whatever comes back says nothing of anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final, Literal

import orjson

from connector.errors import RetryLater
from connector.pars import report_json, report_xml, xmldoc
from connector.pars.exchange import LearnerQuery, Question
from connector.pars.replies import legible
from connector.pars.wire.services import JsonWire, XmlWire
from connector.pars.wire.values import lookup
from connector.pars.xmldoc import Element
from connector.records import BirthDay, Frozen, Identifier, Learner, LicenceNumber, PersonName, Reply

Name = Literal["match", "status_by_credit", "status_by_learner"]
NO_CREDIT: Final = "ccid:pars-connector.invalid:probe"
NOBODY: Final = Learner(
    given_name=PersonName("Nobody"), family_name=PersonName("Rehearsal Probe"), birth_day=BirthDay("01-01")
)
NO_NPI: Final = Identifier(domain="NPI", value=LicenceNumber("1999999984"))  # invented; its check digit is right
_COMPLETION: Final = LearnerQuery(
    activity_id="200000000", birth_day=BirthDay("01-01"), completed_on=date(2024, 1, 2), identifier=NO_NPI
)
_MOST = 60  # characters of a name of PARS's that a finding repeats


class Probe(Frozen):
    """One question, by the name that its findings carry."""

    name: Name
    question: Question


class Differs(Frozen):
    """PARS's answer against one entry of the table: what came, what the table has, and what could stand there.

    `proposal` is YAML for the entry's value; "" where nobody can tell. An empty `entry`: no line is wrong.
    """

    entry: str
    said: str
    expected: str
    proposal: str = ""
    code: str = "pars.contract"


def probes(wire: XmlWire | JsonWire) -> list[Probe]:
    """Every question of the dialect that changes nothing."""
    if isinstance(wire, JsonWire):
        return [
            Probe(name="status_by_credit", question=report_json.ask_credit(NO_CREDIT, wire)),
            Probe(name="status_by_learner", question=report_json.ask_learner(_COMPLETION, wire)),
        ]
    return [
        Probe(name="match", question=report_xml.ask_match(NOBODY, NO_NPI, wire)),
        Probe(name="status_by_credit", question=report_xml.ask_credit(NO_CREDIT, wire)),
        Probe(name="status_by_learner", question=report_xml.ask_learner(_COMPLETION, wire)),
    ]


def judge(name: Name, reply: Reply, wire: XmlWire | JsonWire) -> list[Differs]:
    """Where the answer to a probe is not what the table expects. Raises RetryLater where PARS could not answer now."""
    answers, kind = (wire.answers.match, "match") if name == "match" else (wire.answers.status, "status")
    meaning = lookup(answers, reply.status)
    if reply.status >= 500 or meaning == "later":
        raise RetryLater("pars.server_error", f"PARS cannot answer now (HTTP {reply.status})", wait=reply.retry_after)
    if 300 <= reply.status < 400:
        return [Differs(entry="base_url", said=f"a redirect (HTTP {reply.status})", expected="an answer of its own")]
    match meaning:
        case "operator":
            return [_operator(name, reply.status, wire)]
        case "no":
            return [_declined(name, reply, wire)]
        case "readable":
            return [*_document(name, reply, wire)]
        case "not_there":
            return []
    expected = "a status in one of its lists"
    return [Differs(entry=f"answers.{kind}", said=f"HTTP {reply.status}", expected=expected)]


def proven(name: Name, reply: Reply, wire: XmlWire | JsonWire) -> tuple[str, ...]:
    """Entries that an answer without findings confirms. A 404 for a credit confirms none: a wrong path answers so."""
    if isinstance(wire, JsonWire):
        return () if reply.status == 404 else ("base_url", "credentials.where", "answers.status.readable")
    both = ("credentials.where", f"calls.{name}", "questions.identifier", "questions.birth", "asked_birth")
    if name == "match":
        of_match = ("match", "given_name", "family_name")
        named = tuple(f"questions.{one}" for one in of_match)
        return (*both, *named, "answers.match.readable", "replies.match", "replies.found", "match_words.no")
    if lookup(wire.answers.status, reply.status) != "readable":
        return ()
    read = ("credentials.where", "questions.status", "answers.status.readable", "replies.status_list")
    if name == "status_by_credit":
        return (*read, "calls.status_by_credit", "questions.credit_id")
    return (*read, *both, "questions.activity", "questions.completed")


def _call(name: Name, wire: XmlWire | JsonWire) -> str:
    return "calls.status" if isinstance(wire, JsonWire) else f"calls.{name}"


def _operator(name: Name, status: int, wire: XmlWire | JsonWire) -> Differs:
    if status == 401:
        expected = f"them in the {wire.credentials.where}; or one of the three is wrong"
        return Differs(entry="credentials.where", said="no credentials", expected=expected, code="pars.login")
    if status == 403:
        return Differs(entry="", said="HTTP 403", expected="that this account may ask", code="pars.forbidden")
    expected = f"`{getattr(wire.calls, _call(name, wire).removeprefix('calls.'))}` below the address of the service"
    return Differs(entry=_call(name, wire), said=f"HTTP {status}", expected=expected, code="pars.wrong_path")


def _declined(name: Name, reply: Reply, wire: XmlWire | JsonWire) -> Differs:
    """PARS calls the question wrong. Its words may say which part."""
    words = legible(reply.body[:4000].decode(errors="replace")).casefold()
    said = f"that the question is wrong (HTTP {reply.status})"
    if isinstance(wire, XmlWire) and name != "status_by_credit":
        if "birth" in words:
            other = "YYYY-MM-DD" if wire.asked_birth == "MM-DD" else "MM-DD"
            return Differs(entry="asked_birth", said=said, expected=wire.asked_birth, proposal=other)
        if "date" in words and name == "status_by_learner":
            return Differs(entry="questions.completed", said=said, expected=wire.questions.completed)
    if isinstance(wire, JsonWire) and "birth" in words:
        other = "YYYY-MM-DD" if wire.asked_birth == "MM-DD" else "MM-DD"
        return Differs(entry="asked_birth", said=said, expected=wire.asked_birth, proposal=other)
    if name == "match":
        return Differs(entry="questions.match", said=said, expected="that PARS reads it")
    numbers = ", ".join(map(str, (*wire.answers.status.not_there, reply.status)))
    expected = "that of a credit that is not there" if name == "status_by_credit" else "an empty list"
    return Differs(entry="answers.status.not_there", said=said, expected=expected, proposal=f"[{numbers}]")


def _document(name: Name, reply: Reply, wire: XmlWire | JsonWire) -> Iterator[Differs]:
    body = reply.body.lstrip()
    promised = "replies.match" if name == "match" else "replies.status_list"
    if not body:
        entry = promised if isinstance(wire, XmlWire) else "answers.status.readable"
        yield Differs(entry=entry, said="an empty body", expected="a document")
    elif body[:15].lower().startswith((b"<!doctype html", b"<html")):
        said = "a web page, as of a proxy or of a login"
        yield Differs(entry="base_url", said=said, expected="the service itself at this address")
    elif isinstance(wire, JsonWire):
        yield from _json(body)
    elif body[:1] in (b"{", b"["):
        hint = "XML; `channel: json-service` speaks JSON"
        yield Differs(entry="content_type", said="JSON", expected=hint)
    else:
        yield from _xml(name, body, wire, promised)


def _json(body: bytes) -> Iterator[Differs]:
    if body[:1] == b"<":
        yield Differs(entry="content_type", said="XML", expected="JSON; `channel: xml-service` speaks XML")
        return
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        yield Differs(entry="content_type", said="something that is no JSON", expected="JSON")
        return
    if not isinstance(found, list):
        names = ", ".join(list(found)[:5]) if isinstance(found, dict) else type(found).__name__
        yield Differs(entry="calls.status", said=f"no list but {_short(names)}", expected="a list of credits")
    elif found:
        yield Differs(entry="calls.status", said="credits of nobody", expected="an empty list")


def _xml(name: Name, body: bytes, wire: XmlWire, promised: str) -> Iterator[Differs]:
    root = xmldoc.parse(body)
    if root is None:
        yield Differs(entry=promised, said="half a document, or none of XML", expected="a whole one")
        return
    found, wanted = xmldoc.local_name(root), getattr(wire.replies, promised.removeprefix("replies."))
    if found == "Envelope":
        yield Differs(entry=_call(name, wire), said="a SOAP envelope", expected=f"the document {wanted} alone")
    elif found == wire.replies.fault:
        said = f"a {found} with HTTP 200"
        yield Differs(entry=f"answers.{'match' if name == 'match' else 'status'}", said=said, expected="HTTP 400")
    elif found != wanted:
        yield Differs(entry=promised, said=f"a document {_short(found)}", expected=wanted, proposal=_short(found))
    elif name == "match":
        yield from _word(root, wire)
    else:
        yield from _items(name, root, wire)


def _word(root: Element, wire: XmlWire) -> Iterator[Differs]:
    word = xmldoc.text_of(root, wire.replies.found)
    if not word:
        names = [xmldoc.local_name(one) for one in root]
        only = names[0] if len(names) == 1 else ""
        said = f"a document with {_short(', '.join(names)) or 'nothing'} in it"
        yield Differs(entry="replies.found", said=said, expected=wire.replies.found, proposal=_short(only))
        return
    meaning = lookup(wire.match_words, word)
    if meaning is None:
        listed = ", ".join((*wire.match_words.no, _short(word)))
        expected = "a word of its lists, for somebody whom PARS cannot know"
        yield Differs(
            entry="match_words.no", said=f"the word {_short(word)}", expected=expected, proposal=f"[{listed}]"
        )
    elif meaning != "no":
        said = f"{_short(word)} of somebody invented"
        yield Differs(entry=f"match_words.{meaning}", said=said, expected="a word that means yes")


def _items(name: Name, root: Element, wire: XmlWire) -> Iterator[Differs]:
    others = [xmldoc.local_name(one) for one in root if xmldoc.local_name(one) != wire.replies.status_item]
    if others:
        said = f"items called {_short(others[0])}"
        expected = wire.replies.status_item
        yield Differs(entry="replies.status_item", said=said, expected=expected, proposal=_short(others[0]))
    elif len(root):
        yield Differs(entry=f"calls.{name}", said="a credit of nobody's", expected="an empty list")


def _short(text: str) -> str:
    return legible(text)[:_MOST]

"""What an answer means before its document is read, and how words become verdicts. Pure; knows neither XML nor JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, NoReturn, cast
from unicodedata import category

from connector.errors import ConnectorError, InDoubt, NeedsOperator, RetryLater
from connector.pars.exchange import MatchAnswer, Unclear
from connector.pars.wire.services import (
    JsonWords,
    MatchAnswers,
    MatchWords,
    Reasons,
    SaveAnswers,
    StatusAnswers,
    XmlWords,
)
from connector.pars.wire.values import lookup
from connector.records import Frozen, Held, Outcome, Reply, Verdict

Meaning = Literal["readable", "no", "exists", "not_there"]
Action = Literal["add", "delete"]


class Line(NamedTuple):
    """What PARS says of one credit, in its own words; "" for what it leaves out."""

    credit_id: str
    status: str = ""
    reason: str = ""
    words: str = ""


_WORDS_KEPT: Final = 2000  # characters of PARS's own words; a reply is no place for a book
_WORD_KEPT: Final = 200  # of a status or a reason
_ILLEGIBLE: Final = {"Cc", "Cf", "Cs"}  # control and format characters; PostgreSQL takes no NUL at all
_FITS: Final = {
    "add": {Verdict.TAKEN, Verdict.ACCEPTED, Verdict.REJECTED, Verdict.REFUSED, Verdict.EXISTS},
    "delete": {Verdict.DELETED, Verdict.REFUSED},
}


def judge(reply: Reply, answers: SaveAnswers | StatusAnswers | MatchAnswers) -> Meaning:
    """What the status means by the table. Raises RetryLater, NeedsOperator, or for a save InDoubt."""
    meaning = lookup(answers, reply.status)
    if meaning == "later":
        raise RetryLater("pars.busy", f"PARS asks for patience (HTTP {reply.status})", wait=reply.retry_after)
    if meaning == "operator":
        raise _operator(reply.status)
    if meaning is None:
        raise _without_answer(reply, answers)
    return cast("Meaning", meaning)


def _operator(status: int) -> NeedsOperator:
    match status:
        case 401:
            return NeedsOperator(
                "pars.login", "PARS does not take the credentials (HTTP 401)", "check `credentials` of this provider"
            )
        case 403:
            return NeedsOperator(
                "pars.forbidden", "PARS forbids this account (HTTP 403)", "ask ACCME what the account may do"
            )
    return NeedsOperator(
        "pars.wrong_path",
        f"PARS does not know this path, method or form (HTTP {status})",
        "compare `base_url` and `wire:` in config.yaml with ACCME's guide",
    )


def _without_answer(reply: Reply, answers: Frozen) -> ConnectorError:
    message = f"PARS could not answer (HTTP {reply.status})"
    if isinstance(answers, SaveAnswers):
        return InDoubt("pars.server_error", message)
    return RetryLater("pars.server_error", message, wait=reply.retry_after)


def unreadable(reply: Reply, answers: Frozen, why: str) -> NoReturn:
    """The body is not the document that was promised: a save is in doubt, a read is made again."""
    message = f"PARS's answer cannot be read: {why} (HTTP {reply.status}, {len(reply.body)} bytes)"
    if isinstance(answers, SaveAnswers):
        raise InDoubt("pars.unreadable", message)
    raise RetryLater("pars.unreadable", message)


def declined(reply: Reply, reason: str, reasons: Reasons) -> NoReturn:
    """A read that PARS calls wrong. It says nothing about the credit, so it must not count as *not there*."""
    raise Unclear("pars.read_refused", f"PARS refused the question (HTTP {reply.status}, {code_of(reason, reasons)})")


def legible(text: str) -> str:
    """White space folded, control characters dropped.

    >>> legible("no \\x00  match\\n")
    'no match'
    """
    return " ".join("".join(one for one in text if one.isspace() or category(one) not in _ILLEGIBLE).split())


def code_of(reason: str, reasons: Reasons) -> str:
    """Our code for PARS's reason.

    >>> code_of("no  MATCH", Reasons())
    'pars.no_match'
    """
    return f"pars.{lookup(reasons, reason) or 'unspecified'}"


def refusal(line: Line, reasons: Reasons) -> Outcome:
    """An immediate no; *already exists* is none, it is a question."""
    code = code_of(line.reason, reasons)
    return _outcome(line, Verdict.EXISTS if code == "pars.already_exists" else Verdict.REFUSED, code)


def _outcome(line: Line, verdict: Verdict, code: str) -> Outcome:
    return Outcome(
        credit_id=line.credit_id,
        verdict=verdict,
        code=code,
        status=legible(line.status)[:_WORD_KEPT],
        reason=legible(line.reason)[:_WORD_KEPT],
        words=legible(line.words)[:_WORDS_KEPT],
    )


def already_exists(credit_id: str) -> Outcome:
    """The save as a whole was called a duplicate (409): PARS is asked for each of its credits."""
    return Outcome(credit_id=credit_id, verdict=Verdict.EXISTS, code="pars.already_exists")


def silence(credit_id: str) -> Outcome:
    """PARS said nothing, or nothing clear, about this credit."""
    return Outcome(credit_id=credit_id, verdict=Verdict.UNREADABLE, code="pars.unreadable")


def saved(line: Line, action: Action, table: XmlWords, reasons: Reasons) -> Outcome:
    """One credit's line in the answer to a save. An unknown word, or one that cannot answer `action`, is unreadable."""
    verdict = Verdict(lookup(table, line.status) or Verdict.UNREADABLE)
    if verdict is Verdict.REFUSED:
        return refusal(line, reasons)
    if verdict not in _FITS[action]:
        verdict = Verdict.UNREADABLE
    code = {Verdict.UNREADABLE: "pars.unknown_status", Verdict.REJECTED: code_of(line.reason, reasons)}.get(verdict, "")
    return _outcome(line, verdict, code)


def status_of(line: Line, table: XmlWords | JsonWords, reasons: Reasons) -> Outcome:
    """One line of a status answer. PARS shows it, so PARS holds it: an unknown word is TAKEN, and its code says so."""
    known = lookup(table, line.status)
    if known is None:
        return _outcome(line, Verdict.TAKEN, "pars.unknown_status")
    verdict = Verdict(known)
    no = verdict in (Verdict.REJECTED, Verdict.REFUSED)
    return _outcome(line, verdict, code_of(line.reason, reasons) if no else "")


def matched(found: str, words: str, table: MatchWords) -> MatchAnswer:
    """The answer to a match. `several` and `no` are about who the learner is."""
    known = cast("Literal['yes', 'no', 'several'] | None", lookup(table, found))
    code = {"yes": "", "no": "pars.no_match", "several": "pars.several_matches", None: "pars.unknown_status"}[known]
    return MatchAnswer(found=known or "unknown", code=code, words=legible(words)[:_WORDS_KEPT])


def one_each(sent_ids: Sequence[str], outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Exactly one outcome per sent id, in the order sent: what is missing or answered twice is unreadable."""
    lines = list(outcomes)
    times = Counter(line.credit_id for line in lines)
    once = {line.credit_id: line for line in lines if times[line.credit_id] == 1}
    return [once.get(credit_id) or silence(credit_id) for credit_id in sent_ids]


def the_one(credit_id: str, held: Sequence[Held]) -> Held | None:
    """The asked credit among the answers. Raises Unclear when PARS shows others only, or shows it twice."""
    same = [one for one in held if one.outcome.credit_id == credit_id]
    if not held:
        return None
    if len(same) != 1:
        raise Unclear("pars.contradictory", f"asked for one credit, PARS shows it {len(same)} times among {len(held)}")
    return same[0]

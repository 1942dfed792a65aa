"""What PARS asks of a learner record (confirmed facts hold, inferred ones warn). Pure; knows no table and no format."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from connector.pars import identifiers, vocabulary
from connector.pars.sent_under import choose_identifier
from connector.pars.wire import SystemName
from connector.records import Actor, Frozen, Learner, Problem, RecordCredit, RemsAnswers
from connector.store.reasons import WITHDRAWAL_FIRST


class Sibling(Frozen):
    """Another credit of the same learner, activity and completion date that is live or about to be."""

    board: str
    credit_type: str
    leaves: bool = False  # it is to be withdrawn


class Case(Frozen):
    """All that the gates may look at for one credit."""

    provider_id: str
    activity_id: str
    completed_on: date
    today: date
    system: SystemName = "pars"
    credit: RecordCredit
    learner: Learner
    identifier_order: tuple[str, ...]
    rems: RemsAnswers | None = None
    cme_amount: Decimal | None = None  # what the same completion earns as CME
    siblings: tuple[Sibling, ...] = ()
    journal: bool = False  # a journal-based activity


def check(case: Case) -> list[Problem]:
    """Every problem of one credit, at once."""
    problems = [*_record(case), *_amount(case)]
    if case.credit.kind == "rems":
        return problems + _rems(case)
    return [*problems, *of_learner(case.learner, case.credit, case.identifier_order), *_board(case)]


def of_learner(learner: Learner, credit: RecordCredit, order: Sequence[str]) -> list[Problem]:
    """What of it is about the learner alone: it can be asked before anything is completed."""
    return [*_person(learner), *_identifier(learner, credit, order)]


def _record(case: Case) -> list[Problem]:
    found = [
        identifiers.provider_id(case.provider_id),
        identifiers.activity_id(case.activity_id),
        identifiers.credit_id(case.credit.credit_id),
    ]
    if case.completed_on > case.today:
        found.append(
            Problem(
                code="credit.in_the_future",
                field="completed_on",
                message="the completion date is in the future",
                hint="the clock of the learner's device or of the LMS was wrong; it is sent once the day has come",
                who=Actor.ADMINISTRATOR,
            )
        )
    return [problem for problem in found if problem] + _system(case) + _window(case)


def _system(case: Case) -> list[Problem]:
    """IPCE, nursing and their like are JA-PARS's."""
    if (
        case.system == "ja-pars"
        or case.credit.kind != "cme"
        or case.credit.certification == vocabulary.CME_CERTIFICATION
    ):
        return []
    message = f"PARS takes no {case.credit.certification} credit: JA-PARS does"
    hint = "a jointly accredited provider has `system: ja-pars` in config.yaml; else take the credit out of the rule"
    return [
        Problem(code="credit.not_in_system", field="certification", message=message, hint=hint, who=Actor.ADMINISTRATOR)
    ]


def _window(case: Case) -> list[Problem]:
    """A year stays open to 31 March of the next (an older text) or of the one after (a newer one): only warn."""
    if case.today > date(case.completed_on.year + 2, 3, 31):
        words = "both known reporting windows have closed"
    elif case.today > date(case.completed_on.year + 1, 3, 31):
        words = "one of the two known reporting windows has closed"
    else:
        return []
    hint = "send it soon, and ask ACCME if PARS refuses it"
    return [Problem(code="credit.window", field="completed_on", message=words, hint=hint, holds=False)]


def _amount(case: Case) -> list[Problem]:
    if case.credit.kind == "rems":
        return []
    if case.credit.amount <= 0 or case.credit.amount % Decimal("0.25"):
        message = "credits go in steps of 0.25, above zero"
        return [Problem(code="credit.amount", field="amount", message=message, who=Actor.ADMINISTRATOR)]
    if case.credit.kind == "moc" and case.cme_amount is not None and case.credit.amount > case.cme_amount:
        message = "more maintenance-of-certification points than CME credits of the same completion"
        hint = "points equal the CME credits claimed, or are fewer"
        return [
            Problem(code="credit.moc_above_cme", field="amount", message=message, hint=hint, who=Actor.ADMINISTRATOR)
        ]
    return []


def _person(learner: Learner) -> list[Problem]:
    problems = []
    for name in ("given_name", "family_name"):
        value = getattr(learner, name)
        if value is None:
            problems.append(_missing("learner.no_name", name, "a first and a last name are needed"))
        elif bad := identifiers.text(value.get_secret_value(), name):
            problems.append(bad)
    if learner.birth_day is None:
        problems.append(_missing("learner.no_birth_day", "birth_day", "month and day of birth are needed"))
    elif bad := identifiers.birth_day(learner.birth_day):
        problems.append(bad)
    return problems


def _identifier(learner: Learner, credit: RecordCredit, order: Sequence[str]) -> list[Problem]:
    chosen = choose_identifier(credit, learner, order)
    if chosen is not None:
        return [bad] if (bad := identifiers.identifier(chosen)) else []
    board = vocabulary.BOARDS.get(credit.board)
    if board and board.id_optional:
        return []
    if credit.board:
        message = f"the learner's {credit.board} id is needed"
        return [_missing("learner.no_board_id", f"ids.{credit.board}", message, who=Actor.LEARNER)]
    return [
        _missing("learner.no_identifier", "ids.NPI", "an NPI or a state licence number is needed", who=Actor.LEARNER)
    ]


def _board(case: Case) -> list[Problem]:
    if not case.credit.board:
        return []
    board = vocabulary.BOARDS.get(case.credit.board)
    if board is None or not board.current:
        message = "PARS takes no credit for this board now"
        return [Problem(code="credit.board", field="board", message=message, who=Actor.ADMINISTRATOR)]
    return [*_credit_type(case, board), *_one_per_date(case, board)]


def _credit_type(case: Case, board: vocabulary.Board) -> list[Problem]:
    if not board.credit_types or not case.credit.credit_type:
        return []
    known = vocabulary.credit_type(board.code, case.credit.credit_type)
    if known is None:
        message = f"not among the credit types known for {board.code}"
        return [Problem(code="credit.type", field="credit_type", message=message, who=Actor.ADMINISTRATOR, holds=False)]
    if known.last_completion and case.completed_on > known.last_completion:
        message = f"{board.code} stopped taking this credit type after {known.last_completion}"
        return [Problem(code="credit.discontinued", field="credit_type", message=message, who=Actor.ADMINISTRATOR)]
    return []


def _one_per_date(case: Case, board: vocabulary.Board) -> list[Problem]:
    exempt = board.journal_exempt and case.journal
    same = [one for one in case.siblings if one.board == board.code and one.credit_type == case.credit.credit_type]
    if exempt or not (board.one_per_date and same):
        return []
    message = f"{board.code} takes one credit per activity and completion date, and there is one already"
    if all(one.leaves for one in same):
        hint = "the other one is being withdrawn; this one goes out after that"
        return [_on_date(WITHDRAWAL_FIRST, message, hint, Actor.NOBODY)]
    hint = "withdraw the first and report the sum (`pars-connector unmatched fix`), or leave this one (`close`)"
    return [_on_date("credit.one_per_date", message, hint, Actor.COORDINATOR)]


def _on_date(code: str, message: str, hint: str, who: Actor) -> Problem:
    return Problem(code=code, field="completed_on", message=message, hint=hint, who=who)


def _rems(case: Case) -> list[Problem]:
    if case.rems is None or not case.rems.profession:
        message = "a REMS record needs the participant's profession"
        return [_missing("rems.no_profession", "profession", message)]
    allowed = {
        "profession": vocabulary.REMS_PROFESSIONS,
        "practice_area": vocabulary.REMS_PRACTICE_AREAS,
        "state": tuple({**vocabulary.STATES, **vocabulary.TERRITORIES}.values()),
        "dea_registration": vocabulary.REMS_DEA_REGISTRATIONS,
        "time_in_practice": vocabulary.REMS_TIMES_IN_PRACTICE,
    }
    answers = case.rems.model_dump()
    wrong = [name for name, known in allowed.items() if answers[name] and answers[name] not in known]
    return [
        Problem(
            code="rems.unknown_answer",
            field=name,
            message=f"not one of the answers PARS knows for {name.replace('_', ' ')}",
            hint="one of: " + ", ".join(allowed[name][:6]) + ", ...",
            who=Actor.ADMINISTRATOR,
        )
        for name in wrong
    ]


def _missing(code: str, field: str, message: str, *, who: Actor = Actor.COORDINATOR) -> Problem:
    hint = "fill it in where the learner source keeps it; the credit goes out by itself"
    return Problem(code=code, field=field, message=message, hint=hint, who=who)

"""What a completion earns by the values of its statement: amounts, parts, REMS answers. Knows no condition."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector.mapping.language.functions import FUNCTIONS, number
from connector.mapping.language.offers import Amount, CmeCredit, Computed, Credit, Flag, Read, Rems
from connector.mapping.language.paths import Nothing
from connector.pars import vocabulary
from connector.records import Actor, CreditOffer, Problem, RemsAnswers

_LONGEST_ANSWER = 100


class UnusableError(Exception):
    """A value of the statement that no credit can be made of."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def unusable(code: str, field: str, message: str, hint: str = "") -> UnusableError:
    """The problem is the administrator's, who mends the rule or the system that sends the statement."""
    return UnusableError(Problem(code=code, field=field, message=message, hint=hint, who=Actor.ADMINISTRATOR))


def offers(credit: Credit, document: Any) -> list[CreditOffer]:
    """What the credit earns; an amount of 0 earns nothing, and a constant part never more than a total that the
    statement says."""
    total = _amount(credit.amount, document)
    if isinstance(credit, CmeCredit):
        return [CreditOffer(kind="cme", certification=credit.certification, amount=total)] if total else []
    amounts = [
        (credit_type, _amount(part, document) if isinstance(part, Computed) else min(part, total))
        for credit_type, part in credit.parts
    ]
    if any(amount > total for _, amount in amounts):
        raise unusable("mapping.bad_amount", "of_which", f"a part is more than {credit.board}'s {total}")
    return [
        CreditOffer(
            kind="moc",
            certification=credit.certification(credit_type),
            board=credit.board,
            credit_type=credit_type,
            amount=amount,
            board_total=total,
        )
        for credit_type, amount in amounts
        if amount
    ]


def _amount(amount: Amount, document: Any) -> Decimal:
    if not isinstance(amount, Computed):
        return amount
    field, found = amount.path.text, amount.path.of(document)
    if found is None or isinstance(found, Nothing):
        raise unusable("mapping.no_amount", field, "the statement has no amount here")
    try:
        credits_ = FUNCTIONS[amount.function](found, amount.most) if amount.function else _quarters(found)
    except ValueError as error:
        raise unusable("mapping.bad_amount", field, f"{error}") from None
    return min(credits_, amount.most)


def _quarters(found: Any) -> Decimal:
    exact = number(found)
    if exact is None or exact < 0 or exact % Decimal("0.25"):
        raise ValueError("not a number in steps of 0.25: name a function that rounds, such as quarter_hours")
    return exact


def rems_offer(rems: Rems | None) -> tuple[CreditOffer, ...]:
    return (CreditOffer(kind="rems", certification=f"REMS/{rems.type}", amount=Decimal(0)),) if rems else ()


def rems_answers(rems: Rems, document: Any) -> RemsAnswers:
    """The rule's own answers and those of the statement; what is missing is left for the learner directory."""
    area = _text(rems.practice_area, document)
    return RemsAnswers(
        type=rems.type,
        profession=_text(rems.profession, document),
        practice_area=vocabulary.REMS_PRACTICE_AREA_ALIASES.get(area, area),
        state=_text(rems.state, document),
        dea_registration=_text(rems.dea_registration, document),
        surgical_procedures=_flag(rems.surgical_procedures, document),
        time_in_practice=_text(rems.time_in_practice, document),
    )


def _answer(answer: Any, document: Any) -> Any:
    found = answer.path.of(document) if isinstance(answer, Read) else answer
    return None if isinstance(found, Nothing) else found


def _text(answer: Read | str | None, document: Any) -> str:
    found = _answer(answer, document)
    if found is None:
        return ""
    if isinstance(found, str) and len(found) <= _LONGEST_ANSWER and found.isprintable():
        return found
    raise _unusable_answer(answer, "a short text")


def _flag(answer: Flag | None, document: Any) -> bool | None:
    found = _answer(answer, document)
    if found is None or isinstance(found, bool):
        return found
    raise _unusable_answer(answer, "true or false")


def _unusable_answer(answer: Any, expected: str) -> UnusableError:
    field = answer.path.text if isinstance(answer, Read) else "rems"
    return unusable("mapping.bad_answer", field, f"this REMS answer is not {expected}")

"""Whether the activity can take the credit: known, registered for the board, within its dates and its maximum. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from connector.records import Actor, Frozen, Problem, RecordCredit


class Activity(Frozen):
    """An activity as the provider's sheet describes it."""

    title: str
    start: date | None
    end: date | None
    credits: Decimal | None
    boards: tuple[str, ...]
    credit_claim_date: date | None
    rems_type: str
    rems_rpc_id: str = ""


def check(
    activity: Activity | None, credit: RecordCredit, completed_on: date, today: date, rems_type: str
) -> list[Problem]:
    """Every problem that the activity makes for one credit."""
    if activity is None:
        return [
            Problem(
                code="activity.unknown",
                field="activity",
                message="the activity is not in the provider's activity sheet",
                hint="add its row: PARS takes no credit for an activity it does not know",
                who=Actor.ADMINISTRATOR,
            )
        ]
    found = [
        _registered(activity, credit),
        _rems(activity, credit, rems_type),
        _rpc_id(activity, credit),
        _dates(activity, completed_on),
        _maximum(activity, credit),
        _claim_date(activity, credit, today),
    ]
    return [problem for problem in found if problem]


def _registered(activity: Activity, credit: RecordCredit) -> Problem | None:
    """Confirmed: learner reporting for a board needs the activity's registration for that board."""
    if not credit.board or credit.board in activity.boards:
        return None
    return Problem(
        code="activity.not_registered",
        field="boards",
        message=f"the activity is not registered for {credit.board}",
        hint="register it in PARS, then name the board in the activity sheet",
        who=Actor.ADMINISTRATOR,
    )


def _rems(activity: Activity, credit: RecordCredit, rems_type: str) -> Problem | None:
    if credit.kind != "rems" or activity.rems_type == rems_type:
        return None
    return Problem(
        code="activity.not_rems",
        field="rems_type",
        message=f"the activity is not registered for {rems_type} REMS",
        hint="name the REMS in the activity sheet",
        who=Actor.ADMINISTRATOR,
    )


def _rpc_id(activity: Activity, credit: RecordCredit) -> Problem | None:
    """Inferred: the activity's registration names the grant, and nobody has seen a record refused for want of it."""
    if credit.kind != "rems" or activity.rems_rpc_id:
        return None
    return Problem(
        code="activity.no_rpc_id",
        field="rems_rpc_id",
        message="the REMS activity names no id of the REMS Program Companies",
        hint="write it into the activity sheet, as PARS has it: EG-######-###",
        who=Actor.ADMINISTRATOR,
        holds=False,
    )


def _dates(activity: Activity, completed_on: date) -> Problem | None:
    """Inferred: nobody has seen PARS compare them."""
    early = activity.start is not None and completed_on < activity.start
    late = activity.end is not None and completed_on > activity.end
    if not (early or late):
        return None
    return Problem(
        code="activity.outside_dates",
        field="completed_on",
        message="completed " + ("before the activity began" if early else "after the activity ended"),
        who=Actor.ADMINISTRATOR,
        holds=False,
    )


def _maximum(activity: Activity, credit: RecordCredit) -> Problem | None:
    """Inferred: a maximum in PARS is plausible, and nowhere written."""
    if activity.credits is None or credit.amount <= activity.credits:
        return None
    return Problem(
        code="activity.above_maximum",
        field="amount",
        message="more credits than the activity has",
        who=Actor.ADMINISTRATOR,
        holds=False,
    )


def _claim_date(activity: Activity, credit: RecordCredit, today: date) -> Problem | None:
    """Inferred from the registration's deadline for learner submissions."""
    if not credit.board or activity.credit_claim_date is None or today <= activity.credit_claim_date:
        return None
    return Problem(
        code="activity.claim_date",
        field="credit_claim_date",
        message="the board's claim date of this activity has passed",
        who=Actor.ADMINISTRATOR,
        holds=False,
    )

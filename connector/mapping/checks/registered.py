"""What lint says of a rule beside the activity sheet: PARS takes no credit for what the activity does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from connector.findings import Finding, did_you_mean
from connector.mapping.checks.placed import Placed
from connector.mapping.language.offers import Computed, Credit, MocCredit
from connector.records import Frozen
from connector.yamlfile import Loc

MOST_NAMED = 5


class Registered(Frozen):
    """An activity as its provider's sheet describes it; `most` is None where the sheet says no maximum."""

    most: Decimal | None
    boards: tuple[str, ...]
    rems_type: str


Sheets = Mapping[str, Mapping[str, Registered]]
"""By provider, each activity of its sheet; a provider without a sheet is not in it."""


def check_registered(placed: Placed, sheets: Sheets) -> Iterator[Finding]:
    """Warnings: the sheet may be corrected after the rules, and until then the gates hold what does not fit."""
    known = sheets.get(placed.provider)
    if known is None:
        return
    unknown = dict.fromkeys(activity for activity, _ in placed.offers() if activity not in known)
    if unknown:
        yield _unknown(placed, list(unknown), known)
    for activity, offered in placed.offers():
        if activity in known:
            yield from _offered(placed, activity, offered, known[activity])


def _unknown(placed: Placed, activities: list[str], known: Mapping[str, Registered]) -> Finding:
    hint = did_you_mean(activities[0], known) or "add its row: PARS takes no credit for an activity it does not know"
    more = f" and {len(activities) - MOST_NAMED} more" if len(activities) > MOST_NAMED else ""
    message = f"not in the activity sheet of the provider: {', '.join(activities[:MOST_NAMED])}{more}"
    return placed.finding("mapping.activity_unknown", _place(placed), message, hint, "warning")


def _place(placed: Placed) -> Loc:
    return (*placed.loc, "catalogue" if placed.rule.catalogue else "activity")


def _offered(placed: Placed, activity: str, offered: tuple[Credit, ...], known: Registered) -> Iterator[Finding]:
    for at, credit in enumerate(offered):
        loc = placed.at("credits", at) if placed.rule.credits else _place(placed)
        most = credit.amount.most if isinstance(credit.amount, Computed) else credit.amount
        if known.most is not None and most > known.most:
            message = f"more than the {known.most} credits that the activity sheet has for {activity}"
            hint = "correct the amount, or the sheet"
            yield placed.finding("mapping.above_maximum", (*loc, "amount"), message, hint, "warning")
        if isinstance(credit, MocCredit) and credit.board not in known.boards:
            message = f"the activity sheet does not name {credit.board} among the boards of {activity}"
            hint = "register the activity with the board in PARS, then name it in the sheet"
            yield placed.finding("mapping.board_unregistered", (*loc, "board"), message, hint, "warning")
    rems = placed.rule.rems
    if rems and rems.type != known.rems_type:
        said = known.rems_type or "no REMS"
        message = f"the rule reports {rems.type}, and the activity sheet has {said} for {activity}"
        where = placed.at("rems", "type")
        yield placed.finding("mapping.rems_differs", where, message, "correct the rule, or the sheet", "warning")

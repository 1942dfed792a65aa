"""What lint says of rules beside one another: the same name, the same activity in two ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.findings import Finding
from connector.mapping.checks.placed import Placed


def check_names(rules: Sequence[Placed]) -> Iterator[Finding]:
    """A rule's name stands in records and reports: it is given once in the whole folder."""
    first: dict[str, str] = {}
    for placed in rules:
        name, loc = placed.rule.name, (*placed.loc, "name")
        where = f"{placed.document.name}:{placed.document.where(loc)[0]}"
        if first.setdefault(name, where) != where:
            message = f"the name `{name}` is already used at {first[name]}"
            yield placed.finding("mapping.duplicate_rule", loc, message, "rename one of them")


def check_per(rules: Sequence[Placed]) -> Iterator[Finding]:
    """Rules of one activity must agree what is earned once: else a learner earns it by each of them."""
    first: dict[tuple[str, str], Placed] = {}
    for placed in rules:
        activities = dict.fromkeys(activity for activity, _ in placed.offers())
        others = [first.setdefault((placed.provider, activity), placed) for activity in activities]
        other = next((one for one in others if one.rule.per != placed.rule.per), None)
        if other:
            message = (
                f"the rules `{other.rule.name}` (per: {other.rule.per}) and `{placed.rule.name}` "
                f"(per: {placed.rule.per}) report one activity: a learner would earn its credit by each of them"
            )
            yield placed.finding("mapping.per_differs", placed.at("per"), message, "write the same `per` in both")


def check_apart(rules: Sequence[Placed]) -> Iterator[Finding]:
    """PARS derives CME from MOC by itself: points that leave after the CME credit may be counted twice."""
    first: dict[tuple[str, str, bool], Placed] = {}
    for placed in rules:
        for activity, offered in placed.offers():
            kinds = {credit.type == "cme" for credit in offered if credit.type in ("cme", "moc")}
            if len(kinds) != 1:
                continue
            (is_cme,) = kinds
            first.setdefault((placed.provider, activity, is_cme), placed)
            other = first.get((placed.provider, activity, not is_cme))
            if other:
                yield _apart(placed, other, activity)
                break


def _apart(placed: Placed, other: Placed, activity: str) -> Finding:
    rows = f"two rows of the catalogue of `{placed.rule.name}`"
    rules = f"the rules `{other.rule.name}` and `{placed.rule.name}`"
    message = f"{rows if other is placed else rules} give CME and MOC of the activity {activity} apart"
    hint = "write both in one: they then leave in one record, and PARS does not count the CME twice"
    return placed.finding("mapping.credits_apart", (*placed.loc, "name"), message, hint, "warning")

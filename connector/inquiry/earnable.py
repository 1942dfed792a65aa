"""What an activity's learners could earn, and who would report it: asked of rules and sheets, of no statement."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import starmap

from connector import activities
from connector.config import Config, ProviderConfig
from connector.errors import ConfigError
from connector.mapping.language.offers import CmeCredit, MocCredit
from connector.mapping.loader import ActiveRule, load
from connector.mapping.rule_files import defaults_of
from connector.pars import vocabulary
from connector.records import RecordCredit

_Kind = tuple[str, str]
"""Board and certification; a board's credit types are not told apart."""


def offered(config: Config, activity: str, wanted: str = "") -> tuple[ProviderConfig, tuple[RecordCredit, ...]]:
    """Whose credits they are, and one for each kind and board that a rule offers for the activity, or its sheet has a
    board for; CME where no activity is named. ConfigError where nobody can tell."""
    providers = [one for one in config.providers if wanted in ("", one.id)]
    if activity:
        rules = load(config.mappings, defaults_of(config)).rules
        found = {one.id: _kinds(one, activity, rules) for one in providers}
        providers = [one for one in providers if found[one.id]]
        if not providers:
            hint = "take the number from a rule's `activity`, or from the activity sheet"
            raise ConfigError("config.no_activity", "no rule and no activity sheet has this activity", hint)
    else:
        found = {one.id: {("", vocabulary.CME_CERTIFICATION)} for one in providers}
    if len(providers) != 1:
        named = ", ".join(one.id for one in providers or config.providers)
        raise ConfigError("config.which_provider", "several providers could be meant", f"--provider: one of {named}")
    return providers[0], tuple(starmap(_credit, sorted(found[providers[0].id])))


def _kinds(provider: ProviderConfig, activity: str, rules: Iterable[ActiveRule]) -> set[_Kind]:
    """The sheet alone offers CME and its boards; rules say which of them are earned."""
    earned = set[_Kind]()
    for active in rules:
        if active.provider == provider.id:
            named = [one.credits for one in active.rows.values() if one.activity == activity]
            named += [active.rule.credits] if active.rule.activity == activity else []
            earned |= {_kind(credit) for credits_ in named for credit in credits_}
    if earned or provider.activities is None:
        return earned
    listed = [row for row in activities.read(provider) if row.activity_id == activity]
    boards = {board for row in listed for board in row.boards}
    return {("", vocabulary.CME_CERTIFICATION), *((board, board) for board in boards)} if listed else set()


def _kind(credit: CmeCredit | MocCredit) -> _Kind:
    return (credit.board, credit.board) if isinstance(credit, MocCredit) else ("", credit.certification)


def _credit(board: str, certification: str) -> RecordCredit:
    """A credit that nobody has earned yet: what the gates ask of a learner does not depend on its amount."""
    return RecordCredit(
        credit_id="",
        kind="moc" if board else "cme",
        certification=certification,
        board=board,
        amount=Decimal(0),
    )

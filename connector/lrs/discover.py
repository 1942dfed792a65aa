"""Asks an LRS a dozen harmless questions and says what it does. Knows no setting; prints and keeps no statement."""

from __future__ import annotations

from datetime import timedelta

from connector.errors import ConnectorError, NeedsOperator
from connector.lrs import endpoint
from connector.lrs.client import LrsClient, MoreExpired, Page, Query, Whither
from connector.lrs.endpoint import Answer, Endpoint, Seen, TimeField

NOBODYS_VERB = "https://pars-connector.invalid/verbs/nobody-did-this"


def discover(lrs: LrsClient, page: int, late_after: timedelta) -> Endpoint:
    """What can be found out with pages of `page` statements. Raises what a poll would meet."""
    first = lrs.page(Query(since=None, limit=page))  # as a poll asks: what it raises is what is wrong
    newest = _extra(lrs, Query(since=None, limit=page, ascending=False))
    asking = _Asking(
        lrs, page, endpoint.answer(first), endpoint.answer(newest) if newest else Answer((), is_whole=True)
    )
    compares = asking.what_since_compares()
    # without times of their own, both are one
    field: TimeField | None = compares if compares in ("stored", "timestamp") else asking.either_field()
    full = next((one for one in (first, newest) if one and one.more), None)
    times = endpoint.times(asking.all, late_after)
    state, behind = endpoint.clock(first)
    more, works = _more(lrs, full)
    return Endpoint(
        versions=lrs.about(),
        answers_as=first.version,
        consistent_through=state,
        behind=behind,
        order=endpoint.order(asking.first.seen, asking.newest.seen),
        page_asked=page,
        page_got=len(full.statements) if full else None,
        more=more,
        more_works=works,
        verb_filter=asking.verb_filter(),
        since_compares=compares,
        since_edge=asking.since_edge(field) if field else None,
        until=asking.until(field) if field else None,
        looked_at=times.looked_at,
        own_times=times.own,
        late=times.late,
        latest=times.latest,
    )


def _extra(lrs: LrsClient, query: Query) -> Page | None:
    """The answer to what no poll asks: an LRS that refuses it is none the worse."""
    try:
        return lrs.page(query)
    except ConnectorError as error:
        if error.code not in ("lrs.refused", "lrs.failing"):
            raise
        return None


def _more(lrs: LrsClient, full: Page | None) -> tuple[Whither | None, bool | None]:
    """Where `more` leads, and whether the next page stands there; a small page is asked for, if need be."""
    page = full or _extra(lrs, Query(since=None, limit=1))
    if page is None or not page.more:
        return None, None
    whither = lrs.whither(page.more)
    try:
        following = lrs.follow(page.more)
    except MoreExpired:
        return whither, False
    except NeedsOperator as error:
        if error.code != "lrs.more_elsewhere":
            raise
        return whither, None
    return whither, following.statements != page.statements


class _Asking:
    """The questions that need a statement to ask about."""

    def __init__(self, lrs: LrsClient, page: int, first: Answer, newest: Answer) -> None:
        self._lrs = lrs
        self._page = page
        self.first = first
        self.newest = newest
        self.all: tuple[Seen, ...] = (*first.seen, *newest.seen)

    def what_since_compares(self) -> endpoint.Compared | None:
        late = endpoint.witness(self.all)
        if late is None:
            return None
        since = late.stored - endpoint.APART
        # the end keeps the answer short: a busy LRS would fill a page with what came since
        said = self._ask(Query(since=since, until=late.stored + endpoint.APART, limit=self._page))
        return endpoint.compares(said, late, since) if said else None

    def either_field(self) -> TimeField | None:
        return "stored" if self.all and all(one.stored == one.timestamp for one in self.all) else None

    def since_edge(self, field: TimeField) -> endpoint.Edge | None:
        exact = [one for one in self.all if endpoint.is_exact(one, field)]
        if not exact:
            return None
        one = max(exact, key=lambda one: one.at(field))
        said = self._ask(Query(since=one.at(field), limit=self._page))
        return endpoint.since_edge(said, one, field) if said else None

    def until(self, field: TimeField) -> endpoint.Until | None:
        one = min(self.all, key=lambda one: (not endpoint.is_exact(one, field), one.at(field)), default=None)
        if one is None:
            return None
        said = self._ask(Query(since=None, until=one.at(field), limit=self._page, ascending=False))
        return endpoint.until(said, self.newest, one, field) if said else None

    def verb_filter(self) -> endpoint.Filter | None:
        verb = next((one.verb for one in self.all if one.verb and not one.refers), "")
        known = self._ask(Query(since=None, limit=self._page, verb=verb)) if verb else None
        nonsense = self._ask(Query(since=None, limit=1, verb=NOBODYS_VERB)) if known else None
        return endpoint.verb_filter(known, verb, nonsense) if known and nonsense else None

    def _ask(self, query: Query) -> Answer | None:
        page = _extra(self._lrs, query)
        return endpoint.answer(page) if page else None

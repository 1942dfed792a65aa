"""What `check --lrs` says of an LRS: what it does, which settings are in force and why, and where the two disagree.

Pure: asks nobody. Shows durations and numbers of statements, never one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

from connector.config import SourceConfig
from connector.lrs import quirks
from connector.lrs.endpoint import Endpoint
from connector.records import Frozen

_TOO_SHORT = "lrs.later_than_sweep"
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


class Setting(Frozen):
    """A setting of a source as it is in force."""

    name: str
    value: str
    because: Literal["config.yaml", "product", "default"]


class Disagreement(Frozen):
    """A setting that does not fit what the LRS does, and the cure."""

    code: str
    message: str
    hint: str


def span(length: timedelta) -> str:
    """As in config.yaml, in the largest unit that fits.

    >>> span(timedelta(seconds=90)), span(timedelta(days=400)), span(timedelta())
    ('1.5m', '400d', '0s')
    """
    seconds = length.total_seconds()
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), _UNITS[-1])
    return f"{round(seconds / size, 1):g}{unit}"


def settings(source: SourceConfig) -> list[Setting]:
    """What is in force and from where; a value written out that is the default anyhow counts as the default."""
    back = "look_back" if source.cursor_field == "timestamp" else "overlap"
    names = ("product", "version", "cursor_field", back, "sweep", "page", "rewrite_more", "registration", "groups")
    return [Setting(name=name, value=_shown(getattr(source, name)), because=_because(source, name)) for name in names]


def _because(source: SourceConfig, name: str) -> Literal["config.yaml", "product", "default"]:
    value = getattr(source, name)
    said: dict[str, Any] = {"name": source.name, "endpoint": source.endpoint, "login": source.login}
    if name in {quirk.setting for quirk in quirks.PRODUCTS[source.product]}:
        needed = getattr(SourceConfig.model_validate(said | {"product": source.product}), name)
        return "product" if value == needed else "config.yaml"
    said |= {} if name == "cursor_field" else {"cursor_field": source.cursor_field}  # on which `sweep` depends
    return "default" if value == getattr(SourceConfig.model_validate(said), name) else "config.yaml"


def _shown(value: object) -> str:
    if isinstance(value, timedelta):
        return span(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def sentences(found: Endpoint, source: SourceConfig) -> Iterator[str]:
    """All of it in plain words, one line each."""
    yield _versions(found, source)
    yield from _known(found)
    if unknown := [name for name, value in _QUESTIONS.items() if getattr(found, value) is None]:
        yield f"not known (too few statements, or a question refused): {', '.join(unknown)}"
    yield _times(found, source)
    yield "in force: " + ", ".join(f"{one.name} {one.value} ({one.because})" for one in settings(source))
    if not any(_loses(one) for one in disagreements(found, source)):
        yield from _how_late(found, source)
    for quirk in quirks.PRODUCTS[source.product]:
        yield f"known of {source.product}: {quirk.says} ({quirk.evidence})"


_QUESTIONS = {
    "Consistent-Through": "consistent_through",
    "order": "order",
    "page size": "page_got",
    "`more`": "more",
    "`since`": "since_compares",
    "`since` at its edge": "since_edge",
    "`until`": "until",
    "`verb=`": "verb_filter",
}


def _versions(found: Endpoint, source: SourceConfig) -> str:
    named = "xAPI " + ", ".join(found.versions) if found.versions else "xAPI version not named"
    if not found.answers_as:
        return f"{named}; answers say no version"
    other = found.answers_as[0] != source.version[0]
    return f"{named}; answers as {found.answers_as}" + (f" though {source.version} is asked for" if other else "")


def _known(found: Endpoint) -> Iterator[str]:
    lag = span(found.behind) if found.behind else ""
    yield from _said(found.consistent_through, {
        "absent": "no Consistent-Through: the cursor follows the newest statement and the server's Date",
        "now": "Consistent-Through is the present time: it vouches for little, `overlap` does",
        "behind": f"Consistent-Through lies {lag} back",
        "ahead": f"Consistent-Through lies {lag} ahead of the server's own Date: it is not believed beyond it",
    })  # fmt: skip
    yield from _said(found.order, {
        "stored": "oldest first by stored, as asked",
        "timestamp": "oldest first, but by timestamp",
        "descending": "`ascending=true` is not honoured: newest first (the cursor moves at a chain's end only)",
        "none": "`ascending=true` is not honoured: no order (the cursor moves at a chain's end only)",
    })  # fmt: skip
    if found.page_got is not None:
        cut = found.page_got < found.page_asked
        yield f"pages of {found.page_got}" + (f", though {found.page_asked} are asked for: harmless" if cut else "")
    yield from _said(found.more, {
        "relative": "`more` is a path",
        "own": "`more` is a whole address, of this endpoint",
        "elsewhere": "`more` names another host, scheme or port",
    })  # fmt: skip
    yield from _said(found.since_compares, {
        "stored": "`since` looks at stored",
        "timestamp": "`since` looks at timestamp, not at stored",
        "nothing": "`since` has no effect",
    })  # fmt: skip
    yield from _said(found.since_edge, {edge: f"`since` is {edge}" for edge in ("inclusive", "exclusive")})
    yield from _said(found.until, {
        "inclusive": "`until` is honoured, inclusive",
        "exclusive": "`until` is honoured, exclusive",
        "honoured": "`until` is honoured",
        "ignored": "`until` has no effect: a long way is read in one chain",
    })  # fmt: skip
    yield from _said(found.verb_filter, {
        "works": "`verb=` filters",
        "ignored": "`verb=` has no effect: nothing depends on it",
        "finds nothing": "`verb=` finds nothing: nothing depends on it",
    })  # fmt: skip


def _said(judged: str | None, words: dict[str, str]) -> Iterator[str]:
    if judged is not None:
        yield words[judged]


def _times(found: Endpoint, source: SourceConfig) -> str:
    text = f"{found.looked_at} statements looked at, {found.own_times} with a timestamp of their own"
    if found.looked_at and not found.own_times:
        text += ": the LRS fills in its own, and re-sent statements cannot be linked"
    if found.late:
        text += f"; {found.late} came more than {span(source.overlap)} after it"
    return text + (f", the latest {span(found.latest)}" if found.late and found.latest else "")


def _how_late(found: Endpoint, source: SourceConfig) -> Iterator[str]:
    """How late a statement may come before only `backfill` finds it."""
    sweep = span(source.sweep)
    if source.cursor_field == "stored":
        yield (
            f"a statement that can be seen {span(source.overlap)} after it was stored is found by the next poll, up to "
            f"{sweep} by the daily sweep; a later one only by `backfill`"
        )
        return
    yield (
        f"a statement that comes up to {span(source.look_back)} after its own timestamp is found by the next poll, up "
        f"to {sweep} by the weekly sweep; a later one only by `backfill`"
    )
    if found.since_compares == "stored":
        yield "`cursor_field: stored` would find the same and read less: this LRS compares stored"


def _loses(one: Disagreement) -> bool:
    """Then no length of time is found by anything; how far the sweep looks back is itself about such a length."""
    return one.code != _TOO_SHORT


def disagreements(found: Endpoint, source: SourceConfig) -> Iterator[Disagreement]:
    """What must be changed, or statements are missed or the source stops."""
    if found.since_compares == "timestamp" and source.cursor_field == "stored":
        yield Disagreement(
            code="lrs.since_by_timestamp",
            message="`cursor_field` is stored, but the LRS compares `since` with timestamp: late statements are missed",
            hint="set `product: ralph` if it is Ralph, else `cursor_field: timestamp`",
        )
    if found.since_compares == "nothing":
        yield Disagreement(
            code="lrs.since_ignored",
            message="`since` has no effect: every poll reads everything the LRS holds",
            hint="look whether a proxy cuts the query off; until then a longer `every` spares the LRS",
        )
    if found.more == "elsewhere" and not source.rewrite_more:
        yield Disagreement(
            code="lrs.more_elsewhere",
            message="the LRS announces its next page on another host, scheme or port: reading stops at the first page",
            hint="correct the LRS's public address, or `endpoint`; if that name is an inner one: `rewrite_more: true`",
        )
    if found.more_works is False:
        yield Disagreement(
            code="lrs.more_broken",
            message="the next page that the LRS announces is not there, or is the same page again",
            hint="look at what stands between: a proxy may cut the path or the query",
        )
    if source.cursor_field == "timestamp" and found.latest and found.latest > source.sweep:
        yield Disagreement(
            code=_TOO_SHORT,
            message=f"a statement came {span(found.latest)} after its own timestamp; the sweep looks back "
            f"{span(source.sweep)} only",
            hint="set a longer `sweep`, and read what was missed with `backfill`",
        )

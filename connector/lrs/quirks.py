"""How real products differ from xAPI 1.0.3 where a poller notices, as data with its evidence. Opens no connection.

A quirk with a `setting` becomes that setting's default; one without changes nothing that we do, and `check --lrs` tells
it. `ran`: seen by running it; `code`: read in its source; `doc`: its maker says so; `unverified`: neither.
"""

from __future__ import annotations

from typing import Any, Literal

from connector.records import Frozen

Evidence = Literal["ran", "code", "doc", "unverified"]
Product = Literal[
    "other", "adl-lrs", "grassblade", "learning-locker", "lrsql", "ralph", "scorm-cloud", "trax", "veracity",
    "watershed", "xapi-lrs",
]  # fmt: skip


class Quirk(Frozen):
    """One difference, in a sentence, and how we know."""

    says: str
    evidence: Evidence
    setting: str = ""  # of a source in config.yaml
    value: str | int | bool = ""


def _needs(setting: str, value: str | int | bool, evidence: Evidence, says: str) -> Quirk:  # noqa: FBT001 - data
    return Quirk(says=says, evidence=evidence, setting=setting, value=value)


def _ran(says: str) -> Quirk:
    return Quirk(says=says, evidence="ran")


def _code(says: str) -> Quirk:
    return Quirk(says=says, evidence="code")


def _doc(says: str) -> Quirk:
    return Quirk(says=says, evidence="doc")


_CT_IS_NOW = "Consistent-Through is the present time and no promise: statements may become visible later"
_UNSEEN = Quirk(says="how it pages and filters was not seen: `check --lrs` finds out", evidence="unverified")

PRODUCTS: dict[Product, tuple[Quirk, ...]] = {
    "other": (),
    "adl-lrs": (
        _needs("page", 100, "ran", "a larger limit is cut to 100 without a word"),
        _ran("`more` is a frozen list, one of 300 that it keeps: on a busy server it expires early"),
        _ran("Consistent-Through is always 3 seconds ago: statements of a slow batch become visible later"),
        _ran("timestamps come back rewritten, in UTC with microseconds"),
        _ran("every answer says 2.0.0, whatever version is asked for"),
    ),
    "grassblade": (
        _UNSEEN,
        _code("its clients send neither ids nor timestamps, and scores as texts: a re-sent statement cannot be linked"),
    ),
    "learning-locker": (
        _needs("page", 500, "ran", "no cap; pages of 500 read fastest"),
        _ran("`stored` is one millisecond for a whole POST, taken when it begins"),
        _ran(_CT_IS_NOW),
        _ran("in memory it compares since and until as texts: they must be written with Z and three digits"),
        _doc("version 1 announces `more` as a whole address"),
    ),
    "lrsql": (
        _needs("page", 50, "code", "pages have at most 50 statements by default: a larger limit is cut without a word"),
        _code(_CT_IS_NOW),
        _code("`stored` may have nine digits, and since compares milliseconds"),
        _code("it may answer a 1.0.3 question with 2.0 statements, unless it is set to be strict"),
        _code("its reactions write statements of their own"),
    ),
    "ralph": (
        _needs("cursor_field", "timestamp", "ran", "since and until compare timestamp"),
        _needs("page", 100, "ran", "pages have at most 100 statements by default"),
        _ran("there is no Consistent-Through"),
        _ran("a voided statement is still returned; the voiding one is read like any other"),
        _ran("on files, `ascending` turns each page around and not the whole, and verb= finds nothing (5.0.1, 5.1.0)"),
        _code("on Elasticsearch a `more` lives for a minute"),
        _ran("the version that is asked for is ignored, and no answer names one"),
    ),
    "scorm-cloud": (
        _doc("reads a minute are limited by account: more are answered with 429"),
        _doc("a `more` was once reported empty although older statements existed"),
        _UNSEEN,
    ),
    "trax": (
        _needs("rewrite_more", True, "code", "`more` is a whole address, which behind a proxy may name an inner host"),
        _code("a page has 100 statements by default"),
    ),
    "veracity": (
        _doc("in its lax mode it takes statements that are not xAPI: each one becomes a problem of its own here"),
        _UNSEEN,
    ),
    "watershed": (
        _doc("3,000 requests a minute for each credential: more are answered with 429"),
        _doc("the endpoint is /api/organizations/NUMBER/lrs"),
        _UNSEEN,
    ),
    "xapi-lrs": (
        _needs("page", 50, "ran", "pages have at most 50 statements by default: a larger limit is cut without a word"),
        _ran("since includes its own millisecond, until excludes it, and statements of one millisecond come unordered"),
        _ran("`ascending` other than in lower case is ignored: newest first"),
        _ran("Consistent-Through is the oldest transaction still open: it can be believed"),
        _ran("300 requests a minute: more are answered with 429"),
        _ran("answers name the version that was asked for"),
    ),
}

TIMESTAMP_SWEEP = "400d"
"""What comes late by its own clock is found by the weekly sweep only: it looks back further than a course lasts."""


def defaults(said: dict[str, Any]) -> dict[str, Any]:
    """The settings of a source that its product answers where the file says nothing.

    >>> defaults({"product": "ralph", "page": 20})
    {'sweep': '400d', 'cursor_field': 'timestamp', 'page': 20, 'product': 'ralph'}
    """
    found = next((quirks for product, quirks in PRODUCTS.items() if product == said.get("product")), ())
    known = {quirk.setting: quirk.value for quirk in found if quirk.setting} | said
    return ({"sweep": TIMESTAMP_SWEEP} if known.get("cursor_field") == "timestamp" else {}) | known


MOODLE_INFO = "http://lrs.learninglocker.net/define/extensions/info"
"""The context extension by which a statement of Moodle's logstore_xapi is known, in every version since 4.0 (ran).

Its `context.registration` is a hash of the session that sent it, one value for every learner of a cron run (ran,
5.0.1): two sendings of one event differ in it, so it says nothing about the fact.
"""

"""How real products differ from xAPI 1.0.3 where a poller notices, as data with its evidence. Opens no connection.

Only differences that change what we do stand here. `ran`: seen by running it; `code`: read in its source; `doc`: its
maker says so.
"""

from __future__ import annotations

from typing import Any, Literal

from connector.records import Frozen

Evidence = Literal["ran", "code", "doc", "unverified"]
Product = Literal["other", "adl-lrs", "learning-locker", "lrsql", "ralph", "xapi-lrs"]


class Quirk(Frozen):
    """One setting that a product needs, and how we know."""

    setting: str  # of a source in config.yaml
    value: str | int
    evidence: Evidence
    why: str


_FIFTY = "its default cap: a larger limit is cut without a word"

PRODUCTS: dict[str, tuple[Quirk, ...]] = {
    "other": (),
    "adl-lrs": (Quirk(setting="page", value=100, evidence="ran", why="a larger limit is cut to 100 without a word"),),
    "learning-locker": (Quirk(setting="page", value=500, evidence="ran", why="no cap; pages of 500 read fastest"),),
    "lrsql": (Quirk(setting="page", value=50, evidence="code", why=_FIFTY),),
    "ralph": (
        Quirk(setting="cursor_field", value="timestamp", evidence="ran", why="since and until compare timestamp"),
        Quirk(setting="page", value=100, evidence="ran", why="its default cap"),
    ),
    "xapi-lrs": (Quirk(setting="page", value=50, evidence="ran", why=_FIFTY),),
}

TIMESTAMP_SWEEP = "400d"
"""What comes late by its own clock is found by the weekly sweep only: it looks back further than a course lasts."""


def defaults(said: dict[str, Any]) -> dict[str, Any]:
    """The settings of a source that its product answers where the file says nothing.

    >>> defaults({"product": "ralph", "page": 20})
    {'sweep': '400d', 'cursor_field': 'timestamp', 'page': 20, 'product': 'ralph'}
    """
    quirks = PRODUCTS.get(str(said.get("product")), ())
    known = {quirk.setting: quirk.value for quirk in quirks} | said
    return ({"sweep": TIMESTAMP_SWEEP} if known.get("cursor_field") == "timestamp" else {}) | known


MOODLE_INFO = "http://lrs.learninglocker.net/define/extensions/info"
"""The context extension by which a statement of Moodle's logstore_xapi is known, in every version since 4.0 (ran).

Its `context.registration` is a hash of the session that sent it, one value for every learner of a cron run (ran,
5.0.1): two sendings of one event differ in it, so it says nothing about the fact.
"""

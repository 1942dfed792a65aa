"""Ralph's web application over its file backend, with the three faults mended that make 5.1.0 unusable as an LRS.

Runs in Ralph's own environment. As shipped, the backend opens its file to create it, so that only the first batch is
ever stored; it compares the text of a stored verb or activity with an object, so that these filters match nothing;
and it rewrites its whole history file on each call.
"""

from __future__ import annotations

from typing import Any

from ralph.backends.data.base import BaseOperationType
from ralph.backends.lrs.fs import FSLRSBackend


def compare_as_text(name: str) -> None:
    """Hand the filter of this name a text where it would get Ralph's own kind of IRI."""
    shipped = getattr(FSLRSBackend, name)

    def mended(filters: Any, iri: Any, *rest: Any) -> Any:
        return shipped(filters, str(iri) if iri else None, *rest)

    setattr(FSLRSBackend, name, staticmethod(mended))


FSLRSBackend.default_operation_type = BaseOperationType.APPEND
FSLRSBackend.append_to_history = lambda _self, _event: None
compare_as_text("_add_filter_by_verb")
compare_as_text("_add_filter_by_activity")

from ralph.api import app  # noqa: E402 - reads its backend while it is imported

__all__ = ["app"]

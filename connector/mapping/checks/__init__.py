"""What lint says of rules that can be read; each file looks at them from one side. Knows no store and no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.findings import Finding
from connector.mapping.checks.alone import check_paths, check_rule
from connector.mapping.checks.overlapping import check_overlaps
from connector.mapping.checks.placed import Placed
from connector.mapping.checks.registered import Registered, Sheets, check_registered
from connector.mapping.checks.together import check_apart, check_names, check_per

__all__ = ["Placed", "Registered", "Sheets", "check"]


def check(rules: Sequence[Placed], sheets: Sheets, *, sessions: bool) -> Iterator[Finding]:
    """All that is wrong or doubtful about these rules, alone and together; `sessions`: every source's registrations
    are mere sessions of its server."""
    for document in {id(placed.document): placed.document for placed in rules}.values():
        yield from check_paths(document, document.value)
    for placed in rules:
        yield from check_rule(placed, sessions=sessions)
        yield from check_registered(placed, sheets)
    yield from check_names(rules)
    yield from check_per(rules)
    yield from check_apart(rules)
    yield from check_overlaps(rules)

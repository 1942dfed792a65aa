"""Merged cells of a workbook's sheet, which openpyxl leaves out of what it reads row by row. Knows no column's meaning.

Groups may lie over one another, each over all rows: what a row costs does not depend on how many there are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path

from connector.sheets.rows import refused

MOST = 1000
_GROUP = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]{0,200}?ref=\"([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})\"")
_WHY = "merged cells: only the first of them has the value; unmerge them, and fill in each"

Faults = Mapping[int, str]
"""By column."""


@dataclass(frozen=True)
class Merged:
    """By stretches of rows in which the same columns are merged; `starts` are their first rows."""

    starts: list[int]
    faults: list[Faults]

    def of(self, row: int) -> Faults:
        at = bisect_right(self.starts, row) - 1
        return self.faults[at] if at >= 0 else {}


def read(path: Path, chunks: Iterable[bytes], width: int) -> Merged:
    """From the sheet's own part, up to `width` columns. Raises ConfigError where there are more groups than anybody
    makes."""
    from openpyxl.utils import column_index_from_string as index

    found = set[tuple[bytes, ...]]()
    for chunk in chunks:
        found.update(_GROUP.findall(chunk))
        if len(found) > MOST:
            raise refused(path, 0, "config.sheet", f"more than {MOST} groups of merged cells", "unmerge them")
    groups = [
        (int(top), int(bottom), _bits(index(left.decode()), min(index(right.decode()), width)))
        for left, top, right, bottom in found
    ]
    return _by_rows(groups, width)


def _bits(left: int, right: int) -> int:
    """Columns as bits, so that those of a thousand groups are joined at once."""
    return (1 << (right + 1)) - (1 << left) if left <= right else 0


def _by_rows(groups: list[tuple[int, int, int]], width: int) -> Merged:
    starts = sorted({top for top, _, _ in groups} | {bottom + 1 for _, bottom, _ in groups})
    covered = [reduce(or_, (bits for top, bottom, bits in groups if top <= row <= bottom), 0) for row in starts]
    faults = {bits: {at: _WHY for at in range(1, width + 1) if bits >> at & 1} for bits in covered}
    return Merged(starts, [faults[bits] for bits in covered])

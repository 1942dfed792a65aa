"""What lint, check and readers of sheets report: level, place, sentence and suggestion. Knows no file format."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Finding(BaseModel):
    """One finding; `line` and `column` count from 1, 0 means the whole file. `cell` is the place in a workbook: B7."""

    model_config = ConfigDict(frozen=True)

    level: Literal["error", "warning", "info"]
    code: str
    path: str
    line: int = 0
    column: int = 0
    cell: str = ""
    message: str
    hint: str = ""

    @property
    def where(self) -> str:
        if self.cell:
            return f"{self.path}:{self.cell}"
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path

    def __str__(self) -> str:
        text = f"{self.where}: {self.level}: {self.message} ({self.code})"
        return f"{text}\n  {self.hint}" if self.hint else text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "verb.id"?`, or nothing when no known word is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else ""

"""The files that were written for a person to upload, and how far PARS has answered about them. Writes nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import col, select

from connector.config import BatchKind
from connector.errors import ConfigError
from connector.records import Frozen
from connector.store.session import Store
from connector.store.tables import ExportFile, Submission, SubmissionCredit


class File(Frozen):
    """One file, in the order of their upload."""

    id: int
    receipt: str
    name: str
    action: str
    content: str
    sequence: int
    credits: int
    answered: int
    hash: str
    written_at: datetime | None
    undone_at: datetime | None

    @property
    def state(self) -> str:
        """Undone, or how many of its credits PARS has answered about."""
        if self.undone_at is not None:
            return "undone"
        return "answered" if self.answered == self.credits else f"{self.answered} of {self.credits} answered"

    def plain(self) -> dict[str, Any]:
        """For --json."""
        return self.model_dump(mode="json") | {"state": self.state}


def files(store: Store, provider_id: str, kind: BatchKind) -> list[File]:
    rows = select(ExportFile, Submission).join(Submission, col(Submission.id) == col(ExportFile.submission_id))
    rows = rows.where(ExportFile.provider_id == provider_id, ExportFile.kind == kind).order_by(col(ExportFile.id))
    with store.reading() as session:
        found = []
        for file, row in session.exec(rows):
            lines = session.exec(select(SubmissionCredit).where(SubmissionCredit.submission_id == row.id)).all()
            found.append(
                File(
                    **{name: getattr(file, name) for name in _OF_FILE},
                    action=row.action,
                    hash=row.payload_hash,
                    credits=len(lines),
                    answered=sum(bool(line.verdict) for line in lines),
                )
            )
    return found


_OF_FILE = ("id", "receipt", "name", "content", "sequence", "written_at", "undone_at")


def one(store: Store, provider_id: str, kind: BatchKind, number: int) -> ExportFile:
    """Raises ConfigError where there is none."""
    with store.reading() as session:
        file = session.get(ExportFile, number)
    if file is None or (file.provider_id, file.kind) != (provider_id, kind):
        raise ConfigError("export.no_such_file", f"no file {number} of this channel", f"export {kind} --list")
    return file

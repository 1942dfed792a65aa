"""A provider without a web service in a test: his channel, the folder of his files, and their rows."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from openpyxl import load_workbook

from connector import channels
from connector.config import BatchKind
from connector.inquiry import exports
from connector.store.tables import ExportFile
from connector.submission import batch_file, undoing
from tests.delivery.workplace import Delivery


class Office:
    """A provider without a web service, and the folder of his files."""

    def __init__(self, delivery: Delivery, kind: BatchKind) -> None:
        self.delivery, self.kind = delivery, kind

    @property
    def provider(self) -> Any:
        return self.delivery.config.providers[0]

    def turn(self, *, old: bool = False) -> batch_file.Turn:
        row = channels.row_of(self.delivery.store, self.provider, self.kind)
        here = self.delivery
        return batch_file.Turn(here.store, here.config, self.provider, self.kind, row, old, "ana", lambda _: None)

    def export(self, *, old: bool = False) -> list[exports.File]:
        made = batch_file.export(self.turn(old=old))
        return [file for file in self.files() if file.id in made]

    def files(self) -> list[exports.File]:
        return exports.files(self.delivery.store, self.provider.id, self.kind)

    def bytes(self, file: exports.File) -> bytes:
        return bytes((self.provider.exports / file.name).read_bytes())

    def rows(self, file: exports.File) -> list[tuple[Any, ...]]:
        """Below guidance and header."""
        sheet = load_workbook(io.BytesIO(self.bytes(file)))["Sheet1"]
        return list(sheet.iter_rows(min_row=3, values_only=True))

    def header(self, file: exports.File) -> tuple[Any, ...]:
        sheet = load_workbook(io.BytesIO(self.bytes(file)))["Sheet1"]
        return next(sheet.iter_rows(min_row=2, max_row=2, values_only=True))

    def undo(self, number: int) -> int:
        with self.delivery.store.writing() as session:
            return undoing.undo(session, session.get_one(ExportFile, number), by="ana", now=datetime.now(UTC))

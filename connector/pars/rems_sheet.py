"""The sheet of de-identified REMS records: a participant a row, sorted by the identifier. Pure; names nobody."""

from __future__ import annotations

from collections.abc import Sequence

from connector.pars import forms
from connector.pars.sendable import gate
from connector.pars.upload_sheet import XLSX, Key
from connector.pars.wire.services import Rems
from connector.pars.wire.sheets import RemsSheet
from connector.records import LearnerRecord, Payload, RemsParticipant
from connector.sheets.writing import Cell, Column, Page, workbook

_COLUMNS = (
    "action", "activity", "completed", "rems", "local_id", "profession", "state", "dea_registration", "practice_area",
    "surgical_procedures", "time_in_practice",
)  # fmt: skip


def render(records: Sequence[LearnerRecord], table: RemsSheet, rems: Rems, *, number: str) -> Payload:
    """A workbook whose bytes are a function of these arguments. Raises CannotSend, also for a REMS without regulation,
    ValueError for records that must not share a file.
    """
    gate(records)
    found = [(record, participant) for record in forms.without_trace(records) if (participant := record.participant)]
    if len(found) < len(records):
        raise ValueError("identified records have a sheet of their own")
    rows = [_cells(record, participant, table, rems) for record, participant in found]
    columns = [Column(name, 20) for name in header(table)]
    page = Page(table.sheet, columns, rows, table.guidance, bare=True)
    return Payload(body=workbook([page], {"title": number}), content_type=XLSX)


def header(table: RemsSheet) -> list[str]:
    return [getattr(table, name) for name in _COLUMNS]


def keys(record: LearnerRecord) -> list[Key]:
    """Activity, date, REMS and identifier: the same for the Add row and its Delete row."""
    if record.participant is None:
        raise ValueError("an identified record has other keys")
    who = record.participant
    return [(record.activity_id, record.completed_on.isoformat(), who.answers.type, who.local_id)]


def _cells(record: LearnerRecord, participant: RemsParticipant, table: RemsSheet, rems: Rems) -> list[Cell]:
    answers = participant.answers
    return [
        table.add if record.action == "add" else table.delete,
        record.activity_id,
        record.completed_on,
        forms.regulation(answers, rems).certification,
        participant.local_id,
        answers.profession,
        answers.state,
        answers.dea_registration,
        answers.practice_area,
        {True: "true", False: "false", None: ""}[answers.surgical_procedures],
        answers.time_in_practice,
    ]

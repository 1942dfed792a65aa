"""Records as files: which format, sheet and keys belong to a channel and to what it carries. Pure; knows no row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, Literal

from connector.config import BatchKind
from connector.pars import forms, rems_sheet, report_xml, upload_sheet
from connector.pars.exchange import CannotSend
from connector.pars.sendable import problems_of
from connector.pars.upload_sheet import Key
from connector.pars.wire import Tables
from connector.records import LearnerRecord, Payload, Problem

Content = Literal["identified", "rems"]
SUFFIX: Final[dict[BatchKind, str]] = {"xml-batch": "xml", "excel-batch": "xlsx"}


def render(
    kind: BatchKind, records: Sequence[LearnerRecord], tables: Tables, *, number: str, created: datetime
) -> Payload:
    """One file; its bytes are a function of these arguments. Raises CannotSend where `problems` would have said so."""
    if kind == "xml-batch":
        return report_xml.render(records, tables.xml_service, created)
    if records[0].participant:
        return rems_sheet.render(records, tables.rems_sheet, tables.xml_service.rems, number=number)
    return upload_sheet.render(records, tables.learner_sheet, tables.xml_service.certifications, number=number)


def problems(kind: BatchKind, record: LearnerRecord, tables: Tables) -> list[Problem]:
    """What keeps this one record out of such a file."""
    return [*problems_of(record), *_of_regulation(record, tables), *_of_sheet(kind, record, tables)]


def keys(kind: BatchKind, record: LearnerRecord) -> list[Key]:
    """What no other row of the file may carry; an XML file has credit ids, and needs no such care."""
    if kind == "xml-batch":
        return [(credit.credit_id,) for credit in record.credits]
    return rems_sheet.keys(record) if record.participant else upload_sheet.keys(record)


def _of_regulation(record: LearnerRecord, tables: Tables) -> Sequence[Problem]:
    if record.participant:
        try:
            forms.regulation(record.participant.answers, tables.xml_service.rems)
        except CannotSend as error:
            return error.problems
    return ()


def _of_sheet(kind: BatchKind, record: LearnerRecord, tables: Tables) -> Iterator[Problem]:
    if kind == "excel-batch" and record.participant is None:
        yield from upload_sheet.unfit(record, tables.learner_sheet)

"""The tables. Dumb rows: SQLModel does not validate them, the values in records.py are the strict ones.

An `id` is None until its row is flushed; it is typed as what it is ever after. `next_at` is the moment a row is due
again (None: now); `lease_owner` and `lease_until` say who works on it.
"""

from connector.store.tables.collected import EvidenceRow, Source, StatementRow, Voided
from connector.store.tables.desk import LearnerMatch, Notice, Suggestion, WrittenBack
from connector.store.tables.earned import Award, Credit, Record, Submission, SubmissionCredit
from connector.store.tables.files import ExportFile, ReceiptFile, ReceiptRow, TestLearner
from connector.store.tables.house import (
    ActivityRow,
    Channel,
    Event,
    MappingVersion,
    Provider,
    Release,
    Run,
    Wish,
)
from connector.store.tables.people import (
    ConsentRow,
    LearnerFix,
    LearnerKey,
    LearnerRow,
    LearnerSign,
    Reported,
    ReportedSign,
)

__all__ = [
    "ActivityRow",
    "Award",
    "Channel",
    "ConsentRow",
    "Credit",
    "Event",
    "EvidenceRow",
    "ExportFile",
    "LearnerFix",
    "LearnerKey",
    "LearnerMatch",
    "LearnerRow",
    "LearnerSign",
    "MappingVersion",
    "Notice",
    "Provider",
    "ReceiptFile",
    "ReceiptRow",
    "Record",
    "Release",
    "Reported",
    "ReportedSign",
    "Run",
    "Source",
    "StatementRow",
    "Submission",
    "SubmissionCredit",
    "Suggestion",
    "TestLearner",
    "Voided",
    "Wish",
    "WrittenBack",
]

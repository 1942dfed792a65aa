"""The tables of what passes between us and PARS as files: exports for a person to upload, and what comes back."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from connector.store.columns import json_, when


class ExportFile(SQLModel, table=True):
    """A file that a person uploads; its bytes, their hash, its action and its credits are those of its submission."""

    __tablename__ = "export_file"

    id: int = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="provider.id")
    submission_id: int = Field(foreign_key="submission.id", unique=True)
    kind: str  # xml-batch | excel-batch
    content: str  # identified | rems
    sequence: int  # 1, 2, ... for each provider, kind and content: the order in which they are uploaded
    receipt: str = Field(unique=True)  # our number, on the file's name and in it
    name: str  # of the file, without its folder
    by: str
    written_at: datetime | None = when()  # None: the process died before the file was whole; `export --again` writes it
    undone_at: datetime | None = when()  # a person says that it was not uploaded
    undone_by: str = ""

    __table_args__ = (UniqueConstraint("provider_id", "kind", "content", "sequence"),)


class ReceiptFile(SQLModel, table=True):
    """A file that came back: results of an upload, a status export, or Download All Learners. Imported once."""

    __tablename__ = "receipt_file"

    id: int = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="provider.id")
    hash: str  # SHA-256 of its bytes
    what: str  # result | status | download
    imported_at: datetime | None = when()
    by: str
    counts: dict[str, int] | None = json_()

    __table_args__ = (UniqueConstraint("provider_id", "hash"),)


class ReceiptRow(SQLModel, table=True):
    """What one row said, and of which credit; a row that fits none or several names none. No personal value."""

    __tablename__ = "receipt_row"

    id: int = Field(default=None, primary_key=True)
    receipt_id: int = Field(foreign_key="receipt_file.id")
    line: int
    credit_pk: int | None = Field(default=None, foreign_key="credit.id")
    how: str  # settled | unchanged | nobody | several | contradicting | unreadable
    verdict: str = ""
    code: str = ""

    __table_args__ = (Index("ix_receipt_row_receipt", "receipt_id"), Index("ix_receipt_row_credit", "credit_pk"))


class TestLearner(SQLModel, table=True):
    """One of the learners ACCME invented for its test site; of use where `environment` is test, and nowhere else."""

    __test__ = False  # no class of tests
    __tablename__ = "test_learner"

    id: int = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="provider.id", index=True)
    given_name: str = Field(repr=False)
    family_name: str = Field(repr=False)
    birth_day: str = Field(repr=False)
    ids: dict[str, str] = Field(default_factory=dict, sa_type=JSON, repr=False)
    imported_at: datetime | None = when()
    serial: int = 0  # how many rounds it has run: no two rounds share a credit id
    tried_on: date | None = None

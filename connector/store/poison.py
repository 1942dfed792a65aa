"""One poisonous row never stops the others: its exception leaves a type in `run`, and the row waits an hour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from connector.errors import ConnectorError
from connector.logs import log
from connector.metrics import STAGE_ERRORS
from connector.store.tables import Credit, Run

PAUSE = timedelta(hours=1)
CODE = "connector.unexpected"


@contextmanager
def contained(session: Session, stage: str, credit: Credit | None, *, now: datetime) -> Iterator[None]:
    """What happens inside is undone to a savepoint on an unknown exception; the caller's transaction goes on."""
    try:
        with session.begin_nested():
            yield
    except (ConnectorError, OperationalError):  # a store that stumbles (a deadlock, a full disk) is no row's fault
        raise
    except Exception as error:
        note(session, stage, error, now)
        if credit is not None:
            session.refresh(credit)
            credit.next_at = now + PAUSE
            session.add(credit)


def note(session: Session, stage: str, error: Exception, now: datetime) -> None:
    """The exception's type and the line that raised it: never its text, which may hold a value."""
    kind = describe(error)
    STAGE_ERRORS.labels(stage=stage).inc()
    session.add(Run(stage=stage, owner="", started_at=now, ended_at=now, error=kind))
    log.error("stage.poisoned", stage=stage, error=kind)


def describe(error: BaseException) -> str:
    """`TypeError at award.py:42`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and "connector" in trace.tb_next.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    file = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
    return f"{type(error).__name__} at {file}:{trace.tb_lineno}"

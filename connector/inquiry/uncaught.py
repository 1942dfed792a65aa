"""What a learner has completed and no rule has caught: statements with a verb of completing, and the nearest rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
from sqlalchemy import String, cast
from sqlmodel import Session, col, func, select

from connector.config import Config
from connector.errors import MappingError
from connector.inquiry import judged
from connector.inquiry.story import Line, moment
from connector.mapping.language.mailboxes import without_mailboxes
from connector.mapping.language.short_names import COMPLETING
from connector.mapping.loader import Ruleset
from connector.mapping.rule_files import defaults_of, stored
from connector.mapping.versions.active import active_row
from connector.store.tables import EvidenceRow, LearnerKey, StatementRow
from connector.store.views import as_statement

_MOST = 10
_CAUGHT = ("completion", "evidence", "problem")


def of_learner(session: Session, config: Config, keys: Sequence[LearnerKey]) -> Iterator[Line]:
    """The newest of them, each with the rule of today that came nearest and the condition that stopped it."""
    rules = _rules(session, config)
    rows = _statements(session, [key.actor_key for key in keys]) if rules else []
    if not rows or rules is None:
        return
    newest = "the newest of the " if len(rows) > _MOST else ""
    yield Line(depth=1, text=f"{newest}completions that no rule caught:")
    for row in rows[:_MOST]:
        about = without_mailboxes(f"{row.verb} {row.object_id}")
        yield Line(depth=2, at=moment(row.timestamp), text=f"statement {row.statement_id}: {about}")
        document = orjson.loads(row.raw or b"null")
        yield Line(depth=3, text=judged.stopped(rules, as_statement(row), document))


def _rules(session: Session, config: Config) -> Ruleset | None:
    row = active_row(session)
    try:
        return stored(row.hash, row.files, defaults_of(config)) if row else None
    except MappingError:
        return None


def _statements(session: Session, keys: Sequence[str]) -> Sequence[StatementRow]:
    caught = select(EvidenceRow.id).where(
        EvidenceRow.statement_pk == StatementRow.id, col(EvidenceRow.outcome).in_(_CAUGHT)
    )
    rows = select(StatementRow).where(
        col(StatementRow.actor_key).in_(keys),
        col(StatementRow.verb).in_(COMPLETING),
        col(StatementRow.mapped_with).is_not(None),
        col(StatementRow.raw).is_not(None),
        func.coalesce(cast(StatementRow.problem, String), "null") == "null",
        ~caught.exists(),
    )
    return session.exec(rows.order_by(col(StatementRow.id).desc()).limit(_MOST + 1)).all()

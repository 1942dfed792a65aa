"""Rules that change under records that were sent: what a credit was offered and reported on, and who left which award."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_DUE, _LEFT = sa.text("next_at IS NOT NULL"), sa.text("left_award IS NOT NULL")
_SUCCESSOR = sa.text("supersedes IS NOT NULL")
_ASKED, _ANEW = sa.text("done_at IS NULL"), sa.text("fetched_at IS NULL")
_NO_AWARD = "outcome = 'completion' AND award_id IS NULL"
_OPEN = sa.text(f"{_NO_AWARD} AND reason <> 'evidence.missing' AND reason <> 'evidence.expired'")
_WAITING = sa.text(f"{_NO_AWARD} AND reason IN ('evidence.missing', 'evidence.expired')")


def upgrade() -> None:
    with op.batch_alter_table("credit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("offered", sa.String(16), nullable=True))
        batch_op.add_column(sa.Column("offered_total", sa.String(16), nullable=True))
        batch_op.add_column(sa.Column("summed_into", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("attention", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("reported_on", sa.Date(), nullable=True))
        batch_op.create_index(
            "ix_credit_successor", ["supersedes"], sqlite_where=_SUCCESSOR, postgresql_where=_SUCCESSOR
        )
    op.execute("UPDATE credit SET offered = amount, offered_total = board_total")
    op.execute(
        "UPDATE credit SET reported_on = (SELECT completed_on FROM award WHERE award.id = credit.award_id) "
        "WHERE attempts > 0 OR at_pars <> 'no'"
    )
    op.create_index("ix_wish_open", "wish", ["kind"], sqlite_where=_ASKED, postgresql_where=_ASKED)
    op.create_index("ix_learner_anew", "learner", ["id"], sqlite_where=_ANEW, postgresql_where=_ANEW)
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.add_column(sa.Column("left_award", sa.Integer(), nullable=True))
        batch_op.create_index("ix_evidence_due", ["outcome", "next_at"], sqlite_where=_DUE, postgresql_where=_DUE)
        batch_op.create_index("ix_evidence_left", ["left_award"], sqlite_where=_LEFT, postgresql_where=_LEFT)
    op.drop_index("ix_evidence_open", table_name="evidence")
    op.create_index("ix_evidence_open", "evidence", ["id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index(
        "ix_evidence_waiting", "evidence", ["reason", "actor_key"], sqlite_where=_WAITING, postgresql_where=_WAITING
    )

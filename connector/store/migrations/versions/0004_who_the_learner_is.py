"""Who the learner is: what PARS says of him, what sources dispute, near misses, who was told, what was written back."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=True),
        sa.Column("made_at", sa.DateTime(), nullable=True),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        sa.UniqueConstraint("kind", "subject", "fingerprint", name="uq_notice_kind_subject_fingerprint"),
    )
    op.create_table(
        "learner_match",
        sa.Column("learner_id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("found", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=True),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("told_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name="fk_learner_match_learner_id_learner"),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name="fk_learner_match_provider_id_provider"),
        sa.PrimaryKeyConstraint("learner_id", "provider_id", "domain", name="pk_learner_match"),
    )
    with op.batch_alter_table("learner_match", schema=None) as batch_op:
        batch_op.create_index("ix_learner_match_next_at", ["next_at"], unique=False)

    op.create_table(
        "suggestion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("learner_id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("corrected", sa.JSON(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name="fk_suggestion_learner_id_learner"),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name="fk_suggestion_provider_id_provider"),
        sa.PrimaryKeyConstraint("id", name="pk_suggestion"),
    )
    with op.batch_alter_table("suggestion", schema=None) as batch_op:
        batch_op.create_index("ix_suggestion_case", ["learner_id", "provider_id", "domain", "identity"], unique=False)
        batch_op.create_index(
            "ix_suggestion_untried",
            ["provider_id", "rank", "id"],
            unique=False,
            sqlite_where=sa.text("answer = ''"),
            postgresql_where=sa.text("answer = ''"),
        )

    op.create_table(
        "written_back",
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("credit_pk", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("statement_id", sa.String(), nullable=False),
        sa.Column("posted_at", sa.DateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["credit_pk"], ["credit.id"], name="fk_written_back_credit_pk_credit"),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name="fk_written_back_event_id_event"),
        sa.PrimaryKeyConstraint("event_id", name="pk_written_back"),
    )
    with op.batch_alter_table("written_back", schema=None) as batch_op:
        batch_op.create_index("ix_written_back_credit_pk", ["credit_pk"], unique=False)
        batch_op.create_index("ix_written_back_statement_id", ["statement_id"], unique=False)
        batch_op.create_index(
            "ix_written_back_open",
            ["source_id", "event_id"],
            unique=False,
            sqlite_where=sa.text("posted_at IS NULL"),
            postgresql_where=sa.text("posted_at IS NULL"),
        )

    with op.batch_alter_table("award", schema=None) as batch_op:
        batch_op.add_column(sa.Column("actor_name", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("guest", sa.String(), server_default="", nullable=False))

    with op.batch_alter_table("learner", schema=None) as batch_op:
        batch_op.add_column(sa.Column("disputes", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("ids_since", sa.JSON(), nullable=True))

    with op.batch_alter_table("learner_fix", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ended_at", sa.DateTime(), nullable=True))

"""Exports that a person uploads, the files that come back, and ACCME's test learners."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "receipt_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("imported_at", sa.DateTime(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name="fk_receipt_file_provider_id_provider"),
        sa.PrimaryKeyConstraint("id", name="pk_receipt_file"),
        sa.UniqueConstraint("provider_id", "hash", name="uq_receipt_file_provider_id_hash"),
    )
    op.create_table(
        "test_learner",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("given_name", sa.String(), nullable=False),
        sa.Column("family_name", sa.String(), nullable=False),
        sa.Column("birth_day", sa.String(), nullable=False),
        sa.Column("ids", sa.JSON(), nullable=False),
        sa.Column("imported_at", sa.DateTime(), nullable=True),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("tried_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name="fk_test_learner_provider_id_provider"),
        sa.PrimaryKeyConstraint("id", name="pk_test_learner"),
    )
    with op.batch_alter_table("test_learner", schema=None) as batch_op:
        batch_op.create_index("ix_test_learner_provider_id", ["provider_id"], unique=False)

    op.create_table(
        "export_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("written_at", sa.DateTime(), nullable=True),
        sa.Column("undone_at", sa.DateTime(), nullable=True),
        sa.Column("undone_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name="fk_export_file_provider_id_provider"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_export_file_submission_id_submission"),
        sa.PrimaryKeyConstraint("id", name="pk_export_file"),
        sa.UniqueConstraint(
            "provider_id", "kind", "content", "sequence", name="uq_export_file_provider_id_kind_content_sequence"
        ),
        sa.UniqueConstraint("receipt", name="uq_export_file_receipt"),
        sa.UniqueConstraint("submission_id", name="uq_export_file_submission_id"),
    )
    op.create_table(
        "receipt_row",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("receipt_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("credit_pk", sa.Integer(), nullable=True),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["credit_pk"], ["credit.id"], name="fk_receipt_row_credit_pk_credit"),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipt_file.id"], name="fk_receipt_row_receipt_id_receipt_file"),
        sa.PrimaryKeyConstraint("id", name="pk_receipt_row"),
    )
    with op.batch_alter_table("receipt_row", schema=None) as batch_op:
        batch_op.create_index("ix_receipt_row_credit", ["credit_pk"], unique=False)
        batch_op.create_index("ix_receipt_row_receipt", ["receipt_id"], unique=False)

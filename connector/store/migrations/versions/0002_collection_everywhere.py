"""Groups, open dates, quiet sources, and what was reported before the connector came."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "release",
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("activity_id", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name=op.f("fk_release_provider_id_provider")),
        sa.PrimaryKeyConstraint("provider_id", "activity_id", name=op.f("pk_release")),
    )
    op.create_table(
        "reported",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("activity_id", sa.String(), nullable=False),
        sa.Column("completed_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("board", sa.String(), nullable=False),
        sa.Column("ids", sa.JSON(), nullable=False),
        sa.Column("given_name", sa.String(), nullable=False),
        sa.Column("family_name", sa.String(), nullable=False),
        sa.Column("birth_day", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("imported_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name=op.f("fk_reported_provider_id_provider")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reported")),
        sa.UniqueConstraint("digest", name=op.f("uq_reported_digest")),
    )
    with op.batch_alter_table("reported", schema=None) as batch_op:
        batch_op.create_index("ix_reported_activity", ["provider_id", "activity_id"], unique=False)

    _signs("reported")
    _signs("learner")

    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.add_column(sa.Column("next_at", sa.DateTime(), nullable=True))

    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.add_column(sa.Column("last_news_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("longest_quiet_s", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("quiet_said_at", sa.DateTime(), nullable=True))

    with op.batch_alter_table("statement", schema=None) as batch_op:
        batch_op.add_column(sa.Column("members", sa.JSON(), nullable=True))


def _signs(thing: str) -> None:
    """What finds a person, in a table beside the one that describes him."""
    table, column = f"{thing}_sign", f"{thing}_id"
    op.create_table(
        table,
        sa.Column("sign", sa.String(), nullable=False),
        sa.Column(column, sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint([column], [f"{thing}.id"], name=op.f(f"fk_{table}_{column}_{thing}")),
        sa.PrimaryKeyConstraint("sign", column, name=op.f(f"pk_{table}")),
    )
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_index(op.f(f"ix_{table}_{column}"), [column], unique=False)

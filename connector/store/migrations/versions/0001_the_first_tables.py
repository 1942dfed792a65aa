"""the first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("from_state", sa.String(), nullable=False),
        sa.Column("to_state", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "learner",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("given_name", sa.String(), nullable=True),
        sa.Column("family_name", sa.String(), nullable=True),
        sa.Column("birth_day", sa.String(), nullable=True),
        sa.Column("ids", sa.JSON(), nullable=False),
        sa.Column("profession", sa.String(), nullable=False),
        sa.Column("rems", sa.JSON(), nullable=False),
        sa.Column("origins", sa.JSON(), nullable=False),
        sa.Column("merged_into", sa.Integer(), nullable=True),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["merged_into"], ["learner.id"], name=op.f("fk_learner_merged_into_learner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_learner")),
    )
    op.create_table(
        "mapping_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("activated_at", sa.DateTime(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_version")),
        sa.UniqueConstraint("hash", name=op.f("uq_mapping_version_hash")),
    )
    op.create_table(
        "provider",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("start_from", sa.DateTime(), nullable=True),
        sa.Column("high_water", sa.DateTime(), nullable=True),
        sa.Column("consistent_through", sa.DateTime(), nullable=True),
        sa.Column("circuit", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("next_sweep_at", sa.DateTime(), nullable=True),
        sa.Column("last_success_at", sa.DateTime(), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
    )
    op.create_table(
        "wish",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=True),
        sa.Column("done_at", sa.DateTime(), nullable=True),
        sa.Column("result", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wish")),
    )
    op.create_table(
        "activity",
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("activity_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("start", sa.Date(), nullable=True),
        sa.Column("end", sa.Date(), nullable=True),
        sa.Column("credits", sa.String(16), nullable=True),
        sa.Column("boards", sa.JSON(), nullable=False),
        sa.Column("credit_claim_date", sa.Date(), nullable=True),
        sa.Column("rems_type", sa.String(), nullable=False),
        sa.Column("rems_rpc_id", sa.String(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name=op.f("fk_activity_provider_id_provider")),
        sa.PrimaryKeyConstraint("provider_id", "activity_id", name=op.f("pk_activity")),
    )
    op.create_table(
        "award",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("activity_id", sa.String(), nullable=False),
        sa.Column("learner_id", sa.Integer(), nullable=False),
        sa.Column("per", sa.String(), nullable=False),
        sa.Column("anchor", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("rule_hash", sa.String(), nullable=False),
        sa.Column("completed_on", sa.Date(), nullable=False),
        sa.Column("stored", sa.DateTime(), nullable=True),
        sa.Column("rems", sa.JSON(), nullable=True),
        sa.Column("opened_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name=op.f("fk_award_learner_id_learner")),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name=op.f("fk_award_provider_id_provider")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_award")),
    )
    with op.batch_alter_table("award", schema=None) as batch_op:
        batch_op.create_index("ix_award_earned", ["learner_id", "provider_id", "activity_id", "per"], unique=False)
        batch_op.create_index(batch_op.f("ix_award_learner_id"), ["learner_id"], unique=False)

    op.create_table(
        "channel",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("circuit", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=True),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("last_word_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name=op.f("fk_channel_provider_id_provider")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("provider_id", "kind", name=op.f("uq_channel_provider_id_kind")),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("learner_id", sa.Integer(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("at", sa.Date(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name=op.f("fk_consent_learner_id_learner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_learner_id"), ["learner_id"], unique=False)

    op.create_table(
        "learner_fix",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("learner_id", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("replaced_hash", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name=op.f("fk_learner_fix_learner_id_learner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_learner_fix")),
    )
    with op.batch_alter_table("learner_fix", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_learner_fix_learner_id"), ["learner_id"], unique=False)

    op.create_table(
        "learner_key",
        sa.Column("actor_key", sa.String(), nullable=False),
        sa.Column("learner_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name=op.f("fk_learner_key_learner_id_learner")),
        sa.PrimaryKeyConstraint("actor_key", name=op.f("pk_learner_key")),
    )
    with op.batch_alter_table("learner_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_learner_key_learner_id"), ["learner_id"], unique=False)

    op.create_table(
        "statement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("statement_id", sa.String(), nullable=False),
        sa.Column("stored", sa.DateTime(), nullable=True),
        sa.Column("timestamp", sa.DateTime(), nullable=True),
        sa.Column("actor_key", sa.String(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("registration", sa.String(), nullable=False),
        sa.Column("content_key", sa.String(), nullable=False),
        sa.Column("duplicate_of", sa.Integer(), nullable=True),
        sa.Column("voids", sa.String(), nullable=False),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.Column("received_at", sa.DateTime(), nullable=True),
        sa.Column("mapped_with", sa.Integer(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["duplicate_of"], ["statement.id"], name=op.f("fk_statement_duplicate_of_statement")),
        sa.ForeignKeyConstraint(
            ["mapped_with"], ["mapping_version.id"], name=op.f("fk_statement_mapped_with_mapping_version")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_statement_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement")),
        sa.UniqueConstraint("source_id", "statement_id", name=op.f("uq_statement_source_id_statement_id")),
    )
    with op.batch_alter_table("statement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_statement_actor_key"), ["actor_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_statement_content_key"), ["content_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_statement_mapped_with"), ["mapped_with"], unique=False)

    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("statement_pk", sa.Integer(), nullable=False),
        sa.Column("actor_key", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("rule_hash", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.Column("completion", sa.JSON(), nullable=True),
        sa.Column("award_id", sa.Integer(), nullable=True),
        sa.Column("standing", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["award_id"], ["award.id"], name=op.f("fk_evidence_award_id_award")),
        sa.ForeignKeyConstraint(["statement_pk"], ["statement.id"], name=op.f("fk_evidence_statement_pk_statement")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint("statement_pk", "rule", "actor_key", name=op.f("uq_evidence_statement_pk_rule_actor_key")),
    )
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evidence_actor_key"), ["actor_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_evidence_award_id"), ["award_id"], unique=False)
        batch_op.create_index(
            "ix_evidence_open",
            ["id"],
            unique=False,
            sqlite_where=sa.text("outcome = 'completion' AND award_id IS NULL"),
            postgresql_where=sa.text("outcome = 'completion' AND award_id IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_evidence_statement_pk"), ["statement_pk"], unique=False)
        batch_op.create_index(
            "ix_evidence_voided",
            ["award_id"],
            unique=False,
            sqlite_where=sa.text("NOT standing"),
            postgresql_where=sa.text("NOT standing"),
        )

    op.create_table(
        "record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("award_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("local_id", sa.String(), nullable=False),
        sa.Column("wait_until", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["award_id"], ["award.id"], name=op.f("fk_record_award_id_award")),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name=op.f("fk_record_provider_id_provider")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
    )
    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_award_id"), ["award_id"], unique=False)

    op.create_table(
        "submission",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("payload_hash", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("reply", sa.LargeBinary(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_submission_channel_id_channel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
    )
    op.create_table(
        "voided",
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("statement_id", sa.String(), nullable=False),
        sa.Column("by_statement", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["by_statement"], ["statement.id"], name=op.f("fk_voided_by_statement_statement")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_voided_source_id_source")),
        sa.PrimaryKeyConstraint("source_id", "statement_id", name=op.f("pk_voided")),
    )
    op.create_table(
        "credit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("award_id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("certification", sa.String(), nullable=False),
        sa.Column("board", sa.String(), nullable=False),
        sa.Column("credit_type", sa.String(), nullable=False),
        sa.Column("amount", sa.String(16), nullable=False),
        sa.Column("board_total", sa.String(16), nullable=True),
        sa.Column("credit_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_since", sa.DateTime(), nullable=True),
        sa.Column("wanted", sa.String(), nullable=False),
        sa.Column("why_absent", sa.String(), nullable=False),
        sa.Column("at_pars", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("gate", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("unmatched_since", sa.DateTime(), nullable=True),
        sa.Column("pars_status", sa.String(), nullable=False),
        sa.Column("pars_reason", sa.String(), nullable=False),
        sa.Column("pars_words", sa.String(), nullable=False),
        sa.Column("identifier_domain", sa.String(), nullable=False),
        sa.Column("identifier_value", sa.String(), nullable=False),
        sa.Column("sent_as", sa.JSON(), nullable=True),
        sa.Column("channel_id", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("negatives", sa.Integer(), nullable=False),
        sa.Column("first_negative_at", sa.DateTime(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=True),
        sa.Column("supersedes", sa.Integer(), nullable=True),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("first_sent_at", sa.DateTime(), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["award_id"], ["award.id"], name=op.f("fk_credit_award_id_award")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_credit_channel_id_channel")),
        sa.ForeignKeyConstraint(["provider_id"], ["provider.id"], name=op.f("fk_credit_provider_id_provider")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_credit_record_id_record")),
        sa.ForeignKeyConstraint(["supersedes"], ["credit.id"], name=op.f("fk_credit_supersedes_credit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit")),
        sa.UniqueConstraint("credit_id", name=op.f("uq_credit_credit_id")),
    )
    with op.batch_alter_table("credit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_award_id"), ["award_id"], unique=False)
        batch_op.create_index("ix_credit_due", ["state", "next_at"], unique=False)
        batch_op.create_index("ix_credit_identifier", ["identifier_value", "identifier_domain"], unique=False)
        batch_op.create_index(batch_op.f("ix_credit_record_id"), ["record_id"], unique=False)
        batch_op.create_index(
            "uq_credit_live",
            ["award_id", "certification"],
            unique=True,
            sqlite_where=sa.text(
                "state IN ('confirmed', 'exported', 'in_doubt', 'pending', 'sending', 'withdrawal_in_doubt', 'withdrawal_refused', 'withdrawing')"
            ),
            postgresql_where=sa.text(
                "state IN ('confirmed', 'exported', 'in_doubt', 'pending', 'sending', 'withdrawal_in_doubt', 'withdrawal_refused', 'withdrawing')"
            ),
        )

    op.create_table(
        "submission_credit",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("credit_pk", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["credit_pk"], ["credit.id"], name=op.f("fk_submission_credit_credit_pk_credit")),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_submission_credit_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("submission_id", "credit_pk", name=op.f("pk_submission_credit")),
    )
    with op.batch_alter_table("submission_credit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_submission_credit_credit_pk"), ["credit_pk"], unique=False)

"""Every metric name, on a registry of our own. Knows no table: whoever knows the numbers sets them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

REGISTRY = CollectorRegistry()

STATEMENTS_READ = Counter("pars_statements_read", "Statements stored from a source", ["source"], registry=REGISTRY)
CREDITS_SENT = Counter("pars_credits_sent", "Credits in saves that left this machine", ["channel"], registry=REGISTRY)
MATCHES_ASKED = Counter(
    "pars_learner_matches_asked", "Questions whether PARS would know a learner, by answer", ["answer"],
    registry=REGISTRY,
)  # fmt: skip
STAGE_ERRORS = Counter(
    "pars_stage_errors", "Stage runs that ended in an unknown exception", ["stage"], registry=REGISTRY
)
INLET_REFUSED = Counter("pars_inlet_refused", "Requests that the inlet refused", ["source", "code"], registry=REGISTRY)
CREDITS = Gauge("pars_credits", "Credits by state", ["state"], registry=REGISTRY)
WAITING = Gauge("pars_credits_waiting", "Credits held, by reason", ["reason"], registry=REGISTRY)
OLDEST = Gauge("pars_credits_oldest_seconds", "Age of the oldest credit in a state", ["state"], registry=REGISTRY)
SOURCE_LAG = Gauge("pars_source_lag_seconds", "Now minus the cursor of a source", ["source"], registry=REGISTRY)
SOURCE_UP = Gauge(
    "pars_source_up", "1 when a source is being read, 0 when it is stopped", ["source"], registry=REGISTRY
)
SOURCE_SILENCE = Gauge(
    "pars_source_quiet_seconds", "How long a source that is listened to has told nothing new", ["source"],
    registry=REGISTRY,
)  # fmt: skip
SOURCE_QUIET = Gauge(
    "pars_source_quiet", "1 while a source is quiet for three times its own longest silence", ["source"],
    registry=REGISTRY,
)  # fmt: skip
CHANNEL_UP = Gauge(
    "pars_channel_up", "1 when a channel sends, 0 when its circuit is open", ["channel"], registry=REGISTRY
)
STORE_UP = Gauge(
    "pars_store_up", "1 when the store answers; the gauges of its rows are absent while it does not", registry=REGISTRY
)
MAPPING_VALID = Gauge(
    "pars_mapping_last_reload_successful", "1 when the mapping files on disk are good", registry=REGISTRY
)
MAPPING_ACTIVATED = Gauge(
    "pars_mapping_activated_timestamp_seconds", "When the rules in force were activated", registry=REGISTRY
)
MAPPING_DIFFERS = Gauge(
    "pars_mapping_files_differ", "1 when good files on disk are not the rules in force: another daemon's are",
    registry=REGISTRY,
)  # fmt: skip
MAPPING_WAITS = Gauge(
    "pars_mapping_plan_waits", "Outcomes that the rules in force would give otherwise", ["what"], registry=REGISTRY
)
NOTICES = Counter("pars_notices", "Notices to people that were tried", ["kind", "result"], registry=REGISTRY)
WRITTEN_BACK = Counter("pars_written_back", "Statements stored in an LRS", ["source"], registry=REGISTRY)


def exposition() -> bytes:
    """The Prometheus text format."""
    return generate_latest(REGISTRY)

"""The log: events with a stable name and fields from an allow-list, so that no personal value can slip in.

Quiet by design: one line for a stage run that did something, one when something fails and one when it recovers.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

import structlog

FIELDS = frozenset(
    {
        "activity",
        "attempts",
        "code",
        "channel",
        "command",
        "count",
        "credit",
        "duration_ms",
        "environment",
        "error",
        "field",
        "hint",
        "host",
        "http_status",
        "mapping",
        "next_at",
        "pid",
        "port",
        "provider",
        "reason",
        "record",
        "rule",
        "rules",
        "signal",
        "source",
        "stage",
        "state",
        "statement",
        "store",
        "version",
        "wait_s",
        "where",
        "who",
    }
)
"""The only fields a log line may have. Numbers of things (`read`, `stored`, ...) go into `counts`."""

_KEPT = frozenset({"event", "level", "timestamp", "counts"})

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def set_up(*, style: str = "json", level: str = "info") -> None:
    """Send the log to standard error as JSON lines or for a person's eyes."""
    renderer: Any = structlog.processors.JSONRenderer()
    if style == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_allowed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=_StandardError(),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)  # Python's warnings quote values, pydantic's for one


def guard_threads() -> None:
    """A thread that dies leaves the type of its exception in the log, never a traceback with its text."""
    threading.excepthook = _thread_died


def _thread_died(died: threading.ExceptHookArgs) -> None:
    log.error("thread.died", where=died.thread.name if died.thread else "", error=died.exc_type.__name__)


def only_allowed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What is not on the list is removed, whoever put it there."""
    return {name: value for name, value in event.items() if name in FIELDS or name in _KEPT}


class _StandardError:
    """Looks `sys.stderr` up at each line, so that a redirected stream is honoured."""

    def __call__(self, *_args: Any) -> structlog.PrintLogger:
        return structlog.PrintLogger(sys.stderr)


class _LibraryHandler(logging.Handler):
    """A library's warning becomes its name and level: its text may hold a URL or a value."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        log.warning("library.warning", where=record.name, error=error)

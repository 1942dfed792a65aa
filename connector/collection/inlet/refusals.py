"""What is told of refusals: a number for each, and a log line, but not at every try. Knows no request."""

from __future__ import annotations

import time

from connector.logs import log
from connector.metrics import INLET_REFUSED

FORGET = 3600.0
"""Seconds after which a refusal is news again: one who guesses passwords must not hide behind an old mistake."""


class Refusals:
    """By sender and code; "" is the sender whose user and password are nobody's."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], float] = {}

    def say(self, source: str, code: str) -> None:
        """In the log once an hour until the sender succeeds: whoever is refused tries again."""
        if code == "inlet.not_found":
            return  # the answer to a question
        INLET_REFUSED.labels(source=source, code=code).inc()
        now = time.monotonic()
        if now - self._said.get((source, code), -FORGET) >= FORGET:
            self._said[source, code] = now
            log.warning("inlet.refused", source=source, code=code, who="operator")

    def forget(self, source: str) -> None:
        """The sender succeeded: its next refusal is news."""
        self._said = {(who, code): at for (who, code), at in self._said.items() if who != source}

"""Which statements a query means: agent, verb, activity, registration. Pure; knows no store and no `stored`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")


@dataclass(frozen=True)
class Filter:
    """Absent parts match everything; `agent` is the identifier alone, as a pair of its kind and value."""

    agent: tuple[str, Any] | None = None
    verb: str | None = None
    activity: str | None = None
    registration: str | None = None
    related_activities: bool = False
    related_agents: bool = False

    @property
    def is_empty(self) -> bool:
        return self.agent is None and self.verb is None and self.activity is None and self.registration is None

    def matches(self, statement: Mapping[str, Any]) -> bool:
        try:
            return self._matches(statement)
        except (AttributeError, LookupError, TypeError):
            return False  # a planted statement may be anything: it matches no filter

    def _matches(self, statement: Mapping[str, Any]) -> bool:
        context = statement.get("context", {})
        return (
            (self.verb is None or statement["verb"].get("id") == self.verb)
            and (self.registration is None or str(context.get("registration", "")).lower() == self.registration.lower())
            and (self.activity is None or self.activity in self._activities(statement))
            and (self.agent is None or self.agent in self._agents(statement))
        )

    def _activities(self, statement: Mapping[str, Any]) -> Iterator[str]:
        about = statement["object"]
        if about.get("objectType", "Activity") == "Activity":
            yield about.get("id", "")
        if self.related_activities:
            for several in statement.get("context", {}).get("contextActivities", {}).values():
                yield from (one.get("id", "") for one in several)
            if about.get("objectType") == "SubStatement":
                yield from self._activities(about)

    def _agents(self, statement: Mapping[str, Any]) -> Iterator[tuple[str, Any] | None]:
        about = statement["object"]
        several = [statement["actor"], about if about.get("objectType") in ("Agent", "Group") else {}]
        if self.related_agents:
            context = statement.get("context", {})
            several += [statement.get("authority", {}), context.get("instructor", {}), context.get("team", {})]
        for one in several:
            yield identifier(one)
            yield from (identifier(member) for member in one.get("member", []))
        if self.related_agents and about.get("objectType") == "SubStatement":
            yield from self._agents(about)


def identifier(agent: Mapping[str, Any]) -> tuple[str, Any] | None:
    """The one identifier of an agent or group, or None."""
    return next(((name, agent[name]) for name in _IDENTIFIERS if name in agent), None)

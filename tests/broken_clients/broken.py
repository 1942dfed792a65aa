"""What a broken client is: a function with one mistake, and how the rehearsal must catch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from papers import Caller, Reply

Client = Callable[[Caller], Reply | None]


@dataclass(frozen=True)
class Broken:
    """`act` returns the reply that must hold the refusal; a mistake of conduct is named by `code`."""

    act: Client
    status: int = 200
    reason: str = ""
    message: str = ""
    code: str = ""

    @property
    def name(self) -> str:
        return self.act.__name__.replace("_", "-")


ALL: list[Broken] = []


def refused(reason: str, message: str, *, status: int = 200) -> Callable[[Client], Client]:
    """The last reply refuses with this reason, in words that hold `message`."""

    def register(act: Client) -> Client:
        ALL.append(Broken(act, status, reason, message))
        return act

    return register


def unreadable(message: str) -> Callable[[Client], Client]:
    """The whole document is refused with a Fault: Invalid data."""
    return refused("Invalid data", message, status=400)


def denied(message: str) -> Callable[[Client], Client]:
    """401."""
    return refused("", message, status=401)


def told_on(code: str) -> Callable[[Client], Client]:
    """The ledger check names it."""

    def register(act: Client) -> Client:
        ALL.append(Broken(act, code=code))
        return act

    return register

"""The wire tables: everything of PARS and JA-PARS that ACCME's guides could contradict. Opens no connection.

`docs/reference/wire.md` is this page in words. A provider who holds the guide overrides single entries under `wire:` in
config.yaml; every entry has its own default, so that naming one changes no other. `Guess[...]` marks what nobody
outside has seen confirmed; `unverified()` lists what of it still stands.
"""

from __future__ import annotations

from typing import Literal

from connector.pars.wire.services import JsonWire, XmlWire
from connector.pars.wire.sheets import LearnerSheet, MatchSheet, Receipts, RemsSheet
from connector.pars.wire.values import MARK, Guess, Url
from connector.records import Frozen

SystemName = Literal["pars", "ja-pars"]


class Tables(Frozen):
    """The tables of one system."""

    xml_service: XmlWire = XmlWire()
    json_service: JsonWire = JsonWire()
    learner_sheet: LearnerSheet = LearnerSheet()
    rems_sheet: RemsSheet = RemsSheet()
    match_sheet: MatchSheet = MatchSheet()
    receipts: Receipts = Receipts()


class JaXmlWire(XmlWire):
    """JA-PARS's XML service. Its address is not known: nothing of it may go to PARS's by default."""

    base_url: Guess[Url] = ""


class JaTables(Tables):
    """The tables of JA-PARS: of the same form, since its guide is of the same kind; every entry is a guess."""

    xml_service: JaXmlWire = JaXmlWire()


class Wire(Tables):
    """`wire:` in config.yaml: the tables of PARS, and below `ja_pars` those of JA-PARS."""

    ja_pars: JaTables = JaTables()

    def of(self, system: SystemName) -> Tables:
        return self.ja_pars if system == "ja-pars" else self


def unverified(table: Frozen, prefix: str = "") -> list[str]:
    """Dotted names of the guesses that still stand; an entry that config.yaml has changed is the provider's word."""
    names: list[str] = []
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        if MARK in field.metadata:
            names += [prefix + name] if value == field.get_default(call_default_factory=True) else []
        elif isinstance(value, Frozen):
            names += unverified(value, f"{prefix}{name}.")
    return names

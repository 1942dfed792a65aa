"""Are two answers about one person, and what do they say together? Pure; knows no source and no table."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from connector.records import Found, Learner


def is_someone_else(one: Learner, other: Learner) -> bool:
    """Do two answers speak of two people? A changed surname alone does not say so; another number or birth day does."""
    if any(one.ids[domain] != other.ids[domain] for domain in one.ids.keys() & other.ids.keys()):
        return True
    if one.birth_day and other.birth_day and one.birth_day != other.birth_day:
        return True
    names = [(getattr(one, name), getattr(other, name)) for name in ("given_name", "family_name")]
    return all(mine and theirs and mine != theirs for mine, theirs in names)


def gives_away(kept: Learner, said: Learner) -> bool:
    """Does a source speak of another person than it did? A married name or a corrected birth day or number alone
    does not say so; two of them that change at once do."""
    given, family = (_differ(getattr(kept, name), getattr(said, name)) for name in ("given_name", "family_name"))
    birth = bool(kept.birth_day and kept.birth_day.is_valid) and _differ(kept.birth_day, said.birth_day)
    npi = _differ(kept.ids.get("NPI"), said.ids.get("NPI"))
    return (birth and family) or (npi and (given or family or birth))


def is_same(kept: Learner, said: Learner) -> bool:
    """Enough to give somebody back what was his: the family name, and nothing against it."""
    known = kept.family_name is not None and said.family_name is not None
    return known and not _differ(kept.family_name, said.family_name) and not is_someone_else(kept, said)


def _differ(one: SecretStr | None, other: SecretStr | None) -> bool:
    if not one or not other:
        return False
    return one.get_secret_value().casefold() != other.get_secret_value().casefold()


def merge(first: Found, second: Found) -> Found:
    """`first` wins every field it has.

    Two sources that give one domain two numbers are not reconciled here: the earlier one is trusted more.
    """
    values: dict[str, Any] = {}
    for name in ("given_name", "family_name", "birth_day", "profession", "consent"):
        values[name] = getattr(first.learner, name) or getattr(second.learner, name)
    values["ids"] = {**second.learner.ids, **first.learner.ids}
    values["rems"] = {**second.learner.rems, **first.learner.rems}
    values["origins"] = {**second.learner.origins, **first.learner.origins}
    return Found(learner=Learner(**values), keys=tuple(dict.fromkeys([*first.keys, *second.keys])))

"""Are two answers about one person, and what do they say together? Pure; knows no source and no table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

from connector.learners import naming
from connector.pars.identity import bare
from connector.pars.names import family, plain
from connector.records import Dispute, Found, Learner

IDS = "ids."


def is_someone_else(one: Learner, other: Learner) -> bool:
    """Do two answers speak of two people? A changed surname alone does not say so; another number, birth day or
    given name does."""
    return bool(differences(one, other))


def differences(one: Learner, other: Learner) -> tuple[str, ...]:
    """The fields by which two answers speak of two people, as corrections name them."""
    return tuple(_differences(one, other))


def _differences(one: Learner, other: Learner) -> Iterator[str]:
    for domain in sorted(one.ids.keys() & other.ids.keys()):
        if bare(one.ids[domain].get_secret_value()) != bare(other.ids[domain].get_secret_value()):
            yield f"{IDS}{domain}"
    mine, theirs = one.birth_day, other.birth_day
    if mine and theirs and mine != theirs and mine.is_valid and theirs.is_valid:
        yield "birth_day"
    given = _pair(one.given_name, other.given_name)
    surname = _pair(one.family_name, other.family_name)
    if given and surname and plain(given[0]) != plain(given[1]):
        if family(surname[0]) != family(surname[1]):
            yield from ("family_name", "given_name")
        elif naming.is_other_given(*given):  # one family, two people; a short form or a middle name is the same one's
            yield "given_name"


def gives_away(kept: Learner, said: Learner) -> bool:
    """Does a source speak of another person than it did? A married name or a corrected birth day or number alone
    does not say so; two of them that change at once do."""
    given, family_ = (_differ(getattr(kept, name), getattr(said, name)) for name in ("given_name", "family_name"))
    birth = bool(kept.birth_day and kept.birth_day.is_valid) and _differ(kept.birth_day, said.birth_day)
    npi = _differ(kept.ids.get("NPI"), said.ids.get("NPI"))
    return (birth and family_) or (npi and (given or family_ or birth))


def is_same(kept: Learner, said: Learner) -> bool:
    """Enough to give somebody back what was his: the family name, and nothing against it."""
    known = kept.family_name is not None and said.family_name is not None
    return known and not _differ(kept.family_name, said.family_name) and not is_someone_else(kept, said)


def _pair(one: SecretStr | None, other: SecretStr | None) -> tuple[str, str] | None:
    return (one.get_secret_value(), other.get_secret_value()) if one and other else None


def _differ(one: SecretStr | None, other: SecretStr | None) -> bool:
    if not one or not other:
        return False
    return one.get_secret_value().casefold() != other.get_secret_value().casefold()


def merge(first: Found, second: Found) -> Found:
    """`first` wins every field it has.

    Where the two speak of two people, `second` gives nothing, neither a value nor a key: that is a case for a person.
    """
    disputed = disputes(first, second)
    if disputed:
        return first.model_copy(update={"disputes": tuple(dict.fromkeys([*first.disputes, *disputed]))})
    values: dict[str, Any] = {}
    for name in ("given_name", "family_name", "birth_day", "profession", "consent"):
        values[name] = getattr(first.learner, name) or getattr(second.learner, name)
    values["ids"] = {**second.learner.ids, **first.learner.ids}
    values["rems"] = {**second.learner.rems, **first.learner.rems}
    values["origins"] = {**second.learner.origins, **first.learner.origins}
    keys = tuple(dict.fromkeys([*first.keys, *second.keys]))
    return Found(
        learner=Learner(**values), keys=keys, disputes=tuple(dict.fromkeys([*first.disputes, *second.disputes]))
    )


def disputes(first: Found, second: Found) -> tuple[Dispute, ...]:
    """What the two do not agree on, with who says what."""
    return tuple(
        Dispute(field=field, origins=(_origin(first.learner, field), _origin(second.learner, field)))
        for field in differences(first.learner, second.learner)
    )


def _origin(learner: Learner, field: str) -> str:
    return learner.origins.get(field.removeprefix(IDS), "")

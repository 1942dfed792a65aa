"""However a credit is withdrawn, PARS loses that one and no other; the draft's DELETE takes all, and is never used."""

from __future__ import annotations

import itertools

import pytest

from tests.delivery.workplace import CME_2, HYPERTENSION, MOC, Delivery

PEOPLE = ("bachebe", "cricci")


@pytest.mark.parametrize("gone", [(0,), (1,), (0, 1), (3,), (0, 3), (1, 2, 3)], ids=str)
def test_exactly_the_credits_to_go(either: Delivery, gone: tuple[int, ...]) -> None:
    pks = list(itertools.chain(*(either.ready(who, (CME_2, MOC), HYPERTENSION) for who in PEOPLE)))
    either.send()
    either.go_on(hours=1, step=20)
    ids = {pk: either.credit(pk).credit_id for pk in pks}
    assert set(either.held_live()) == set(ids.values())
    either.unwant(*(pks[place] for place in gone))
    either.go_on(hours=1, step=20)
    stays = {ids[pk] for place, pk in enumerate(pks) if place not in gone}
    assert set(either.held_live()) == stays
    assert [either.state(pks[place]) for place in gone] == ["withdrawn"] * len(gone)
    operations = {exchange.operation for exchange in either.sandbox.pars.log}
    assert "delete-learner" not in operations
    assert "save" in operations

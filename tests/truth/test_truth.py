"""The truth table in small: nobody reported for somebody else, no sure near miss that is not the truth."""

from __future__ import annotations

from pathlib import Path

from connector.sandbox.server import Sandbox
from tests.truth.planting import KINDS, plant
from tests.truth.scoring import TRUE_CAUSES, score, strangers
from tests.truth.town import TODAY, Town


def test_nobody_is_taken_for_somebody_else(tmp_path: Path) -> None:
    with Sandbox(load=False, today=TODAY) as sandbox:
        town = Town(tmp_path, plant(90, seed=7), sandbox, "warn")
        town.report(lambda _: None)
        first = score(town)
        assert town.correct(lambda _: None) > 10
        after = score(town)
        assert (strangers(town), sum(one.wrong for one in after.values())) == (0, 0)
        assert sandbox.check() == []
        town.store.dispose()
    assert all(one.given == one.right for one in first.values())
    blind = [kind for kind, facts in KINDS.items() if not facts["mend"]]
    assert [kind for kind in blind if first[kind].given] == []
    assert first["all_right"].reported == first["all_right"].planted
    for kind in ("birth_swapped", "npi_transposed", "surname_married", "licence_prefix_lost", "board_id_in_licence"):
        assert after[kind].reported == after[kind].planted, kind


def test_the_planter_knows_nothing_of_what_it_tries() -> None:
    text = (Path(__file__).parent / "planting.py").read_text("utf-8")
    assert "connector" not in text
    assert set(TRUE_CAUSES) <= set(KINDS)

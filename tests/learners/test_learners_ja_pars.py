"""Who earns what in JA-PARS, and what is left to CPE Monitor."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from connector.config import LearnersConfig
from connector.learners.eligibility import gate
from connector.pars.vocabulary import CERTIFICATIONS
from connector.records import Consent, CreditOffer, Learner
from tests.learners.middle import ANNA, RULE, Middle, laid_out, statement

TEAM = (
    RULE.replace("{type: cme, amount: 1.25}", "{type: cme, amount: 1}")
    + """
      - {type: ipce, amount: 1.5}
      - {type: nursing, amount: 1.5}
      - {type: pharmacy, amount: 1.5}
      - {type: moc, board: ABIM, amount: 1.25}
"""
)
NOBODY_ELSE = LearnersConfig()


def _codes(kind: str, profession: str, config: LearnersConfig = NOBODY_ELSE, *, found: bool = True) -> list[str]:
    offer = CreditOffer(kind="cme", certification=CERTIFICATIONS[kind], amount=Decimal(1))
    learner = Learner(profession=profession, consent=Consent(given=True))
    return [problem.code for problem in gate(learner, offer, config, found=found)]


@pytest.mark.parametrize(
    ("profession", "earned"),
    [
        ("MD", {"cme", "ipce"}),
        ("do", {"cme", "ipce"}),
        ("RN", {"nursing", "ipce"}),
        ("Nurse", {"nursing", "ipce"}),
        ("pa-c", {"aapa", "ipce"}),
        ("PsyD", {"psychology", "ipce"}),
        ("OD", {"optometry", "ipce"}),
        ("Social Worker", {"social-work", "ipce"}),
        ("DDS", {"dentistry", "ipce"}),
        ("RDN", {"dietetics", "ipce"}),
        ("ATC", {"athletic-training", "ipce"}),
        ("PharmD", {"ipce"}),
        ("PhD", {"ipce"}),  # of what, nobody knows
    ],
)
def test_each_profession_earns_its_own_and_what_all_earn(profession: str, earned: set[str]) -> None:
    assert {kind for kind in CERTIFICATIONS if not _codes(kind, profession)} == earned


def test_without_a_profession_nobody_knows() -> None:
    assert _codes("ipce", "") == ["learner.no_profession"]


@pytest.mark.parametrize("profession", ["PharmD", "MD", ""])
@pytest.mark.parametrize("found", [True, False])
def test_pharmacy_credit_is_left_to_cpe_monitor_whoever_it_is(profession: str, *, found: bool) -> None:
    assert _codes("pharmacy", profession, found=found) == ["credit.cpe_monitor"]


def test_a_list_of_ones_own_replaces_that_one_alone() -> None:
    config = LearnersConfig.model_validate({"ja_professions": {"nursing": ["RN"], "ipce": ["RN", "MD"]}})
    assert _codes("nursing", "LPN", config) == ["learner.not_eligible"]
    assert _codes("ipce", "DDS", config) == ["learner.not_eligible"]
    assert _codes("dentistry", "DDS", config) == []


# --- the whole way to the gates ---


@pytest.fixture
def joint(tmp_path: Path) -> Iterator[Middle]:
    """A provider who reports to JA-PARS, with a rule for a whole team."""
    place = laid_out(tmp_path).rules(TEAM)
    provider = place.config.providers[0].model_copy(update={"system": "ja-pars"})
    place.config = place.config.model_copy(update={"providers": (provider,)})
    yield place
    place.store.dispose()


def _standing(place: Middle) -> dict[str, tuple[str, str]]:
    with place.credits() as rows:
        return {row.certification: (row.state, row.reason) for row in rows}


def test_a_physician_gets_his_share_of_what_a_team_earns(joint: Middle) -> None:
    joint.sheet(ANNA).post(statement(1)).run()
    assert _standing(joint) == {
        "AMA PRA Category 1": ("ready", ""),
        "IPCE": ("ready", ""),
        "Nursing": ("closed", "learner.not_eligible"),
        "Pharmacy": ("closed", "credit.cpe_monitor"),
        "ABIM": ("held", "credit.moc_above_cme"),  # 1.5 IPCE credits are no CME
    }


def test_another_profession_opens_what_is_his_and_never_what_is_a_pharmacists(joint: Middle) -> None:
    joint.sheet(ANNA).post(statement(1)).run()
    joint.sheet(ANNA | {"profession": "RN"}).run(later=joint.config.learners.refresh)
    assert _standing(joint) == {
        "AMA PRA Category 1": ("closed", "learner.not_eligible"),
        "IPCE": ("ready", ""),
        "Nursing": ("ready", ""),
        "Pharmacy": ("closed", "credit.cpe_monitor"),
        "ABIM": ("closed", "learner.not_eligible"),
    }


def test_each_certification_of_a_series_has_its_own_share_of_the_maximum(joint: Middle) -> None:
    joint.rules(TEAM.replace("credits:", "per: date\n    credits:")).sheet(ANNA)
    joint.post(statement(1), statement(2, timestamp="2026-03-11T15:00:00Z")).run()
    with joint.credits() as rows:
        told = sorted(
            (row.certification, str(row.amount)) for row in rows if row.certification in ("IPCE", "AMA PRA Category 1")
        )
    assert told == [
        ("AMA PRA Category 1", "1.00"), ("AMA PRA Category 1", "1.00"), ("IPCE", "0.50"), ("IPCE", "1.50"),
    ]  # fmt: skip


def test_of_a_provider_who_reports_to_pars_it_is_held(joint: Middle) -> None:
    """As when `system` was changed after the rules came into force."""
    joint.sheet(ANNA).post(statement(1)).run()
    provider = joint.config.providers[0].model_copy(update={"system": "pars"})
    with joint.credits() as rows:
        for row in rows:
            row.state = "held" if row.state == "ready" else row.state
    joint.config = joint.config.model_copy(update={"providers": (provider,)})
    joint.run()
    assert _standing(joint)["IPCE"] == ("held", "credit.not_in_system")
    assert _standing(joint)["AMA PRA Category 1"] == ("ready", "")

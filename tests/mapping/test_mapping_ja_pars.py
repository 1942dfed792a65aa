"""Credits that only JA-PARS takes: in rules, in cases, in catalogues, and for whom lint refuses them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from connector.config.learners import JA_PROFESSIONS, JaKind
from connector.mapping.language.offers import CmeCredit
from connector.mapping.loader import Defaults, lint, load
from connector.pars import vocabulary

_RULE = """\
version: 1
rules:
  - name: rounds
    when: [{path: verb.id, is: completed}, {path: object.id, is: "https://lms.example.org/course/1"}]
    activity: "203512345"
    credits:
      - {type: cme, amount: 1}
      - {type: nursing, amount: 0.75}
      - {type: social-work, amount: 0.5}
      - {type: moc, board: ABIM, amount: 1}
"""
JOINT = Defaults(providers={"0001234": "America/Chicago"}, joint=frozenset({"0001234"}))
PLAIN = Defaults(providers={"0001234": "America/Chicago"})


def test_a_rule_may_name_what_the_table_has_and_nothing_else() -> None:
    assert set(get_args(CmeCredit.model_fields["type"].annotation)) == set(vocabulary.CERTIFICATIONS)
    assert set(get_args(JaKind)) == set(vocabulary.CERTIFICATIONS) - {"cme", "pharmacy"}
    assert set(JA_PROFESSIONS) == set(get_args(JaKind)) - {"ipce"}


def test_each_kind_has_the_word_of_the_draft(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(_RULE)
    (rule,) = load(tmp_path, JOINT).rules
    names = [name for credit in rule.rule.credits for name in credit.certifications]
    assert names == ["AMA PRA Category 1", "Nursing", "Social Worker", "ABIM"]
    assert lint(tmp_path, JOINT) == []


def test_lint_refuses_it_of_a_provider_who_reports_to_pars_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(_RULE)
    found = [(one.code, one.line, one.column) for one in lint(tmp_path, PLAIN)]
    assert found == [("mapping.not_in_system", 8, 16), ("mapping.not_in_system", 9, 16)]


@pytest.mark.parametrize("twice", ["nursing", "cme", "ipce"])
def test_one_kind_twice_is_refused(tmp_path: Path, twice: str) -> None:
    one = f"{{type: {twice}, amount: 1}}"
    (tmp_path / "rules.yaml").write_text(_RULE.split("    credits:", maxsplit=1)[0] + f"    credits: [{one}, {one}]\n")
    assert "mapping.duplicate_credit" in [found.code for found in lint(tmp_path, JOINT)]


def test_a_catalogue_has_a_column_for_each(tmp_path: Path) -> None:
    (tmp_path / "courses.csv").write_text(
        "object_id,activity_id,credits,JA-PARS/IPCE,JA-PARS/social-work\na:1,203512345,1,1.5,\n"
    )
    (tmp_path / "rules.yaml").write_text(
        "version: 1\nrules:\n  - name: rounds\n    when: [{path: verb.id, is: completed}]\n"
        "    catalogue: {from: courses.csv, key: object.id, column: object_id}\n"
    )
    assert [one for one in lint(tmp_path, JOINT) if one.level == "error"] == []
    (rule,) = load(tmp_path, JOINT).rules
    (entry,) = rule.rows.values()
    offered = [(credit.certifications[0], credit.amount) for credit in entry.credits]
    assert offered == [("AMA PRA Category 1", Decimal("1.00")), ("IPCE", Decimal("1.50"))]

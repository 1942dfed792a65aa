"""The bench of the rules measures what it says: every contender does the same work, whatever the number of rules."""

from __future__ import annotations

import orjson

from connector.lrs.statement import read
from connector.mapping.loader import from_texts
from tests.bench import bench_mapping as bench


def test_one_statement_in_ten_is_matched_and_other_rules_are_never_asked() -> None:
    raws = bench.texts(30)
    statements = [(read(raw, "moodle").statement, orjson.loads(raw)) for raw in raws]
    assert bench.parsing(raws)() == 30
    few, many = (from_texts(bench.written_out(count), bench.DEFAULTS) for count in (3, 60))
    by_sheet = from_texts(bench.by_sheet(60), bench.DEFAULTS)
    assert [bench.judging(ruleset, statements)() for ruleset in (few, many, by_sheet)] == [3, 3, 3]
    asked = [{len(ruleset.candidates(one.verb, one.object_id)) for one, _ in statements} for ruleset in (few, many)]
    assert asked == [{0, 1}, {0, 1}]

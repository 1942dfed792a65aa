"""The JSON Schema is that of the models, helps in an editor, and never flags what lint accepts."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import wrong_files
from click.testing import CliRunner
from hypothesis import given, settings

from connector import yamlfile
from connector.cli import main
from connector.errors import ConfigError, MappingError
from connector.mapping.language import schema
from connector.mapping.language.rules import MappingFile
from connector.mapping.language.schema_words import WORDS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "reference" / "mapping.schema.json"
SAMPLES = sorted(path for path in (ROOT / "mappings").glob("*.yaml") if not path.name.endswith(".test.yaml"))
JUDGE = jsonschema.Draft7Validator(schema.schema())


def plain(value: Any) -> Any:
    """As an editor reads it: its numbers are no Decimals."""
    if isinstance(value, dict):
        return {key: plain(below) for key, below in value.items()}
    if isinstance(value, list):
        return [plain(below) for below in value]
    return float(value) if isinstance(value, Decimal) else value


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == schema.as_text(), "run `make schema`"
    assert CliRunner().invoke(main, ["mappings", "schema"]).stdout == schema.as_text()


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(json.loads(FILE.read_text(encoding="utf-8")))


def test_every_key_has_its_sentence() -> None:
    whole = schema.schema()
    blocks = {**whole["$defs"], "MappingFile": whole}
    assert {name: sorted(block["properties"]) for name, block in blocks.items()} == {
        name: sorted(words) for name, words in WORDS.items()
    }


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_sample_names_it_and_is_accepted(path: Path) -> None:
    document = yamlfile.read(path)
    assert document.text.splitlines()[0] == "# yaml-language-server: $schema=../docs/reference/mapping.schema.json"
    assert (path.parent / "../docs/reference/mapping.schema.json").resolve() == FILE
    assert [error.message for error in JUDGE.iter_errors(plain(document.value))] == []


def test_the_whole_language_is_accepted() -> None:
    assert [error.message for error in JUDGE.iter_errors(wrong_files.WHOLE)] == []


WRONG: list[tuple[tuple[Any, ...], Any]] = [
    (("colour",), "red"),
    (("version",), 2),
    (("rules",), []),
    (("rules", 0, "colour"), "red"),
    (("rules", 0, "activity"), "20351234"),
    (("rules", 0, "activity"), 2035123456),
    (("rules", 0, "catalogue"), {"from": "a.csv"}),
    (("rules", 0, "provider"), "123"),
    (("rules", 0, "per"), "activty"),
    (("rules", 0, "when"), []),
    (("rules", 0, "when", 0), {"path": "verb.id"}),
    (("rules", 0, "when", 0), {"path": "verb.id", "is": "completed", "is_not": "passed"}),
    (("rules", 0, "when", 0), {"is": "completed"}),
    (("rules", 0, "when", 0), {"path": "verb.id", "is": "complted"}),
    (("rules", 0, "when", 0), {"path": "verb.id", "one_of": ["complted"]}),
    (("rules", 0, "when", 0), {"path": "object.definition.type", "is": "corse"}),
    (("rules", 0, "when", 0), {"path": "verb.id", "is": None}),
    (("rules", 0, "when", 0), {"path": "a", "exists": "yes"}),
    (("rules", 0, "when", 0), {"path": "a", "at_least": "80"}),
    (("rules", 0, "also_requires", 0, "within"), "3 weeks"),
    (("rules", 0, "completed_on", "from"), "moodle"),
    (("rules", 0, "credits", 1, "board"), "ABMI"),
    (("rules", 0, "credits", 1, "amount"), 1.3),
    (("rules", 0, "credits", 1, "amount"), 0),
    (("rules", 0, "credits", 1, "of_which", "Medical Knowledge"), "1"),
    (("rules", 0, "credits", 0, "amount", "function"), "quarter_hour"),
    (("rules", 0, "rems", "type"), "opioid"),
    (("rules", 0, "rems", "profession"), "Physicist"),
    (("rules", 0, "tests", 0, "expect"), "ignord"),
]


@pytest.mark.parametrize(("place", "value"), WRONG, ids=str)
def test_what_lint_refuses_an_editor_underlines(place: tuple[Any, ...], value: Any) -> None:
    whole = copy.deepcopy(wrong_files.WHOLE)
    holder: Any = whole
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    assert not JUDGE.is_valid(whole)
    with pytest.raises(MappingError):
        yamlfile.validate(yamlfile.read_text("a.yaml", wrong_files.as_yaml(whole)), MappingFile, MappingError)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::FutureWarning")
@settings(max_examples=40)
@given(wrong_files.changed())
def test_it_never_flags_what_lint_accepts(whole: dict[str, Any]) -> None:
    try:
        document = yamlfile.read_text("a.yaml", wrong_files.as_yaml(whole))
        yamlfile.validate(document, MappingFile, MappingError)
    except ConfigError:
        return
    assert [error.message for error in JUDGE.iter_errors(plain(document.value))] == []

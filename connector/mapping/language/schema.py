"""The form of a mapping file as JSON Schema, for editors; never stricter than lint. Reads no file.

`make schema` writes it to docs/reference/mapping.schema.json.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from connector.mapping.language.conditions import NAMES
from connector.mapping.language.functions import FUNCTIONS
from connector.mapping.language.offers import PRACTICE_AREAS, REMS_TYPES, STATES
from connector.mapping.language.patterns import LONGEST_PATTERN
from connector.mapping.language.rules import MappingFile
from connector.mapping.language.schema_words import WORDS
from connector.mapping.language.short_names import ACTIVITY_TYPES, VERBS
from connector.pars import vocabulary

Schema = dict[str, Any]

_DRAFT: Final = "http://json-schema.org/draft-07/schema#"  # the newest that yaml-language-server knows whole
_SCALAR: Final[Schema] = {"type": ["string", "number", "boolean"]}
_QUARTERS: Final[Schema] = {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.25}
_AMOUNT: Final[Schema] = {"anyOf": [_QUARTERS, {"$ref": "#/$defs/Computed"}]}
_PLAIN_TYPE: Final = r"^[A-Za-z]+(\.[A-Za-z]+)*\.definition\.type$"
_TEXT_OR_BLOCK: Final[Schema] = {"type": ["string", "object"], "minLength": 1}


def _digits(count: int) -> Schema:
    """An editor reads an id without quotes as a number, and takes its leading zeros away."""
    number = {"type": "integer", "minimum": 0, "maximum": 10**count - 1}
    return {"anyOf": [{"type": "string", "pattern": f"^[0-9]{{{count}}}$"}, number]}


def _answer(*words: str) -> Schema:
    return {"anyOf": [{"enum": list(dict.fromkeys(words))}, {"$ref": "#/$defs/Read"}, {"type": "null"}]}


def _parts() -> Schema:
    """The known credit types are offered; a board may have others."""
    names = sorted({one.name for board in vocabulary.BOARDS.values() for one in board.credit_types})
    return {
        "type": "object",
        "properties": dict.fromkeys(names, _AMOUNT),
        "additionalProperties": _AMOUNT,
        "propertyNames": {"minLength": 1, "maxLength": 100},
    }


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": schema}


_CONDITIONS: Final = _list_of({"$ref": "#/$defs/Condition"})
_FORMS: Final[dict[str, dict[str, Schema]]] = {
    "MappingFile": {"rules": _list_of({"$ref": "#/$defs/Rule"})},
    "Rule": {
        "provider": {"anyOf": [*_digits(7)["anyOf"], {"type": "null"}]},
        "when": _CONDITIONS,
        "activity": _digits(9),
    },
    "FileDefaults": {"provider": {"anyOf": [*_digits(7)["anyOf"], {"type": "null"}]}},
    "AlsoRequires": {"within": {"type": "string", "pattern": r"^[0-9]+\s*[smhd]$"}, "when": _CONDITIONS},
    "Condition": {
        "is": _SCALAR,
        "is_not": _SCALAR,
        "one_of": _list_of(_SCALAR),
        "starts_with": {"type": "string", "minLength": 1},
        "matches": {"type": "string", "minLength": 1, "maxLength": LONGEST_PATTERN},
        "at_least": {"type": "number"},
        "at_most": {"type": "number"},
        "exists": {"type": "boolean"},
        "any": _CONDITIONS,
        "all": _CONDITIONS,
    },
    "CmeCredit": {"amount": _AMOUNT},
    "MocCredit": {"board": {"enum": list(vocabulary.BOARDS)}, "amount": _AMOUNT, "of_which": _parts()},
    "Computed": {"function": {"enum": [*FUNCTIONS, None]}, "most": _QUARTERS},
    "Rems": {
        "type": {"enum": [*(name.lower().replace(" ", "-") for name in REMS_TYPES), *REMS_TYPES]},
        "profession": _answer(*vocabulary.REMS_PROFESSIONS),
        "practice_area": _answer(*PRACTICE_AREAS),
        "state": _answer(*STATES),
        "dea_registration": _answer(*vocabulary.REMS_DEA_REGISTRATIONS),
        "surgical_procedures": {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/Read"}, {"type": "null"}]},
        "time_in_practice": _answer(*vocabulary.REMS_TIMES_IN_PRACTICE),
    },
    "RuleTest": {
        "statement": {"anyOf": [_TEXT_OR_BLOCK, {"type": "null"}]},
        "statements": {"type": "array", "items": _TEXT_OR_BLOCK},
    },
    "Expected": {"credits": {"anyOf": [{"type": "object", "additionalProperties": _QUARTERS}, {"type": "null"}]}},
}
"""What pydantic cannot know: the forms that validators of our own ask for."""


def _names(path: Schema, names: dict[str, frozenset[str]]) -> Schema:
    """Where this is the path, a word is one of the short names or an IRI."""
    word = {"anyOf": [{"enum": list(names)}, {"type": "string", "pattern": ":"}, {"type": ["number", "boolean"]}]}
    words = {"is": word, "is_not": word, "one_of": {"items": word}}
    return {"if": {"required": ["path"], "properties": {"path": path}}, "then": {"properties": words}}


_MORE: Final[dict[str, Schema]] = {
    "Condition": {
        "oneOf": [{"required": [name]} for name in NAMES],
        "dependencies": {name: ["path"] for name in NAMES if name not in ("any", "all")},
        "allOf": [
            _names({"const": "verb.id"}, VERBS),
            _names({"type": "string", "pattern": _PLAIN_TYPE}, ACTIVITY_TYPES),
        ],
    },
    "Rule": {
        "anyOf": [{"required": ["activity"]}, {"required": ["catalogue"]}],
        "not": {"required": ["activity", "catalogue"], "properties": {"catalogue": {"type": "object"}}},
    },
    "CompletedOn": {"not": {"required": ["path", "from"], "properties": {"from": {"const": "moodle"}}}},
}
"""What is asked of a whole block."""


def schema() -> Schema:
    """The whole, with a sentence for every key."""
    whole = MappingFile.model_json_schema(by_alias=True)
    blocks: dict[str, Schema] = {name: _block(name, block) for name, block in whole.pop("$defs").items()}
    about = _block("MappingFile", whole)
    return {"$schema": _DRAFT, "title": "A mapping file of pars-connector", **about, "$defs": blocks}


def _block(name: str, block: Schema) -> Schema:
    forms, words = _FORMS.get(name, {}), WORDS.get(name, {})
    properties = {key: _key(found | {}, forms.get(key), words.get(key)) for key, found in block["properties"].items()}
    kept = {key: value for key, value in block.items() if key in ("type", "required", "additionalProperties")}
    return {"description": block["description"], **kept, "properties": properties, **_MORE.get(name, {})}


def _key(found: Schema, form: Schema | None, words: str | None) -> Schema:
    """Ours or pydantic's; wrapped where it refers to another, since a reference hides what stands beside it."""
    default = found.pop("default", None)
    plain = form or _without_titles(found)
    about: Schema = {"description": words} if words else {}
    if isinstance(default, str | int) and default != "":
        about["default"] = default
    return {**about, "allOf": [plain]} if "$ref" in plain else {**about, **plain}


def _without_titles(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_titles(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_titles(value) for key, value in schema.items() if key not in ("title", "discriminator")}


def as_text() -> str:
    """The file's text: the same on every machine."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_text())

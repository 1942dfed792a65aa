"""Reads YAML into plain values with their places, and checks them against a model; knows no setting and no rule.

`0001234`, `NO` and `2026-01-01` stay text: only `true` and `false` are booleans, only `null`, `~` and nothing are null.
No message repeats a value of the file, because configuration holds passwords: it names the field and its place.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from connector.errors import ConfigError
from connector.findings import Finding, did_you_mean

Loc = tuple[str | int, ...]
Place = tuple[int, int]
M = TypeVar("M", bound=BaseModel)

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 50
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")  # longer numbers stay text: nothing here counts that far
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # the little one begins UTF-32 too
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Document:
    """The values of one file, and the line and column (both from 1) at which each key and each value stands."""

    name: str
    text: str
    value: Any
    keys: Mapping[Loc, Place]
    values: Mapping[Loc, Place]
    quoted: frozenset[Loc]

    def known(self, loc: Loc) -> Loc:
        """`loc` without the parts that the file does not have, such as the union tags in pydantic's locations."""
        found: Loc = ()
        for part in loc:
            if (*found, part) in self.values:
                found = (*found, part)
        return found

    def where(self, loc: Loc, *, key: bool = False) -> Place:
        """The place of the value at `loc`, or of its key; of the nearest parent that exists where there is none."""
        found = self.known(loc)
        return self.keys.get(found, self.values[found]) if key else self.values[found]

    def inside(self, loc: Loc, offset: int) -> Place:
        """The place of a character within the text at `loc` (exact for a text on one line without escapes)."""
        line, column = self.where(loc)
        return line, column + offset + (self.known(loc) in self.quoted)

    def finding(
        self, code: str, place: Place, message: str, hint: str = "",
        level: Literal["error", "warning", "info"] = "error",
    ) -> Finding:  # fmt: skip
        line, column = place
        return Finding(level=level, code=code, path=self.name, line=line, column=column, message=message, hint=hint)


def refusal(findings: Iterable[Finding], error: type[ConfigError] = ConfigError) -> ConfigError:
    """The exception that carries `findings`, the first in the file first."""
    ordered = tuple(sorted(findings, key=lambda finding: (finding.path, finding.line, finding.column)))
    first = ordered[0]
    return error(first.code, first.message, first.hint, where=first.where, findings=ordered)


def dotted(loc: Loc) -> str:
    """`rules[0].credits[1].amount`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


# --- reading -------------------------------------------------------------------------------------------------------


def read(path: Path) -> Document:
    """Reads a file of at most 1 MiB; every fault is a ConfigError with its findings."""
    name = str(path)
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            _refuse("config.unreadable", name, "the file cannot be read: it is no file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        _refuse("config.unreadable", name, f"the file cannot be read: {error.strerror}")
    if len(content) > MAX_BYTES:
        _refuse("config.too_large", name, "the file is over 1 MiB", "split it: every file of the folder is read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        what = "the file is UTF-16" if content.startswith(_UTF_16) else "the file is not UTF-8"
        _refuse("config.encoding", name, what, "save it as UTF-8", _place_of(before))
    return read_text(name, text)


def read_text(name: str, text: str) -> Document:
    """Reads the text of one YAML document; `name` stands in the findings."""
    text = text.removeprefix("\ufeff")
    if unprintable := _UNPRINTABLE.search(text):
        place = _place_of(text[: unprintable.start()])
        _refuse("config.encoding", name, "the file holds a control character or a hidden mark", "delete it", place)
    composer = _Composer(name, text)
    try:
        value = composer.document()
    except yaml.MarkedYAMLError as error:
        _refuse("config.syntax", name, *_explain_syntax(error, text))
    except (ValueError, OverflowError):  # PyYAML lets the code point of "\U7FFFFFFF" through to chr()
        _refuse("config.syntax", name, "a quoted text holds an escape that is no character", "", composer.last)
    if composer.findings:
        raise refusal(composer.findings)
    return Document(name, text, value, composer.keys, composer.values, frozenset(composer.quoted))


def _place_of(before: str) -> Place:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _fault(code: str, name: str, message: str, hint: str = "", place: Place = (0, 0)) -> Finding:
    line, column = place
    return Finding(level="error", code=code, path=name, line=line, column=column, message=message, hint=hint)


def _refuse(code: str, name: str, message: str, hint: str = "", place: Place = (0, 0)) -> NoReturn:
    raise refusal([_fault(code, name, message, hint, place)])


def _explain_syntax(error: yaml.MarkedYAMLError, text: str) -> tuple[str, str, Place]:
    """Our sentence for PyYAML's; its own may quote the file."""
    problem, mark, opened = error.problem or "", error.problem_mark, error.context_mark
    if opened and ("end of stream" in problem or "<stream end>" in problem):
        return "a quote, brace or bracket opens here and is never closed", "", (opened.line + 1, opened.column + 1)
    place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    char = text[mark.index : mark.index + 1] if mark else ""
    return *(_by_character(char, error.context or "") or _by_problem(problem)), place


def _by_character(char: str, context: str) -> tuple[str, str] | None:
    if char == "\t":
        return "a tab is used as indentation", "use spaces"
    if char and char in "?[{" and "flow" in context:
        return f"an unquoted text inside braces holds `{char}`", f"put the text with the `{char}` in quotes"
    if char and char in "@`%":
        return f"a text starts with `{char}`", "put it in quotes"
    return None


def _by_problem(problem: str) -> tuple[str, str]:
    sentences = {
        "mapping values": ("a key is not expected here", "check the indentation; quote a text that holds `: `"),
        "expected ',' or": ("a comma or a closing bracket is missing before this", ""),
        "<block end>": ("this is not indented like the lines above it", ""),
    }
    known = (sentence for part, sentence in sentences.items() if part in problem)
    return next(known, ("this is not YAML", "check the indentation and the quotes"))


class _Composer:
    """Turns the parser's events into values; notes places, collects duplicate keys, refuses the rest at once."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.keys: dict[Loc, Place] = {}
        self.values: dict[Loc, Place] = {(): (1, 1)}
        self.quoted: set[Loc] = set()
        self.findings: list[Finding] = []
        self.last: Place = (1, 1)
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=yaml.SafeLoader))

    def document(self) -> Any:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        value = self._value(self._next(), ())
        self._next()
        if not isinstance(self._next(), yaml.StreamEndEvent):
            self._stop("config.several_documents", "a second document starts here", "keep one document in a file")
        return value

    def _next(self) -> Any:
        event = next(self._events)
        self.last = (event.start_mark.line + 1, event.start_mark.column + 1)
        return event

    def _stop(self, code: str, message: str, hint: str = "") -> NoReturn:
        _refuse(code, self.name, message, hint, self.last)

    def _value(self, event: Any, loc: Loc) -> Any:
        self._check_plain(event)
        self.values[loc] = self.last
        if isinstance(event, yaml.ScalarEvent):
            if event.style in ("'", '"'):
                self.quoted.add(loc)
            return _scalar(self._text(event), plain=event.implicit[0])
        if len(loc) >= MAX_DEPTH:
            self._stop("config.too_deep", f"more than {MAX_DEPTH} levels")
        return self._list(loc) if isinstance(event, yaml.SequenceStartEvent) else self._block(loc)

    def _check_plain(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            self._stop("config.anchor", "anchors and aliases are not read", "write the value out, or quote the text")
        if event.tag:
            self._stop("config.tag", "tags are not read", "quote a text that starts with `!`")

    def _text(self, event: Any) -> str:
        if _SURROGATE.search(event.value):
            self._stop("config.encoding", "a quoted text holds half of a character")
        return str(event.value)

    def _list(self, loc: Loc) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, (*loc, len(items))))
        return items

    def _block(self, loc: Loc) -> dict[str, Any]:
        block: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            self._check_plain(event)
            if not isinstance(event, yaml.ScalarEvent):
                self._stop("config.syntax", "a key must be a text")
            key, place = self._text(event), self.last
            if key in block:
                self._duplicate((*loc, key), place)
            self.keys[(*loc, key)] = place
            block[key] = self._value(self._next(), (*loc, key))
        return block

    def _duplicate(self, loc: Loc, place: Place) -> None:
        message = f"`{_short(str(loc[-1]))}` stands twice in one block, first in line {self.keys[loc][0]}"
        self.findings.append(_fault("config.duplicate_key", self.name, message, "delete one of them", place))


def _scalar(text: str, *, plain: bool) -> Any:
    if not plain:
        return text
    if text in ("true", "false"):
        return text == "true"
    if text in ("null", "~", ""):
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


def _short(word: str) -> str:
    return word if len(word) <= 40 else word[:40] + "…"


# --- checking ------------------------------------------------------------------------------------------------------


def validate(document: Document, model: type[M], error: type[ConfigError] = ConfigError) -> M:
    """The file as `model`; raises `error` with a finding for everything that is wrong with it.

    A validator says more than a sentence with `PydanticCustomError(code, sentence, context)`: a code with a dot is the
    finding's, and the context may hold its `hint`, `at` (the key that is meant) and `offset` (the character in a text).
    """
    try:
        return model.model_validate(document.value)
    except ValidationError as invalid:
        faults = invalid.errors(include_url=False)
    raise refusal(dict.fromkeys(_finding(document, model, fault) for fault in faults), error)


def _finding(document: Document, model: type[BaseModel], fault: ErrorDetails) -> Finding:
    kind, context = fault["type"], fault.get("ctx", {})
    loc: Loc = (*fault["loc"], *context.get("at", ()))
    known = document.known(loc)
    if kind == "extra_forbidden":
        allowed = _keys_at(model, loc[:-1])
        hint = did_you_mean(str(loc[-1]), allowed) or f"keys here: {', '.join(allowed)}"
        message = f"`{_short(str(loc[-1]))}` is not a key of {_block_name(known[:-1])}"
        return document.finding("config.unknown_key", document.where(known, key=True), message, hint)
    if kind == "missing":
        message = f"`{loc[-1]}` is missing in {_block_name(known)}"
        return document.finding("config.missing_key", document.where(known, key=True), message)
    if document.value is None:
        return document.finding("config.missing_key", (1, 1), "the file is empty")
    message, hint = _sentence(fault)
    if "." in kind and fault["input"] in (None, ""):
        message = f"is not filled in yet: {message}"
    code = kind if "." in kind else "config.invalid"
    place = document.inside(known, context["offset"]) if "offset" in context else document.where(known)
    return document.finding(code, place, f"{_block_name(known)}: {message}", context.get("hint", hint))


def _block_name(loc: Loc) -> str:
    return f"`{dotted(loc)}`" if loc else "the file"


def _sentence(fault: ErrorDetails) -> tuple[str, str]:
    """What pydantic said without the value that it saw; `did you mean` only where the words are ours."""
    kind, context, seen = fault["type"], fault.get("ctx", {}), fault["input"]
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        expected = str(context.get("expected") or context.get("expected_tags"))
        word = seen.get(str(context.get("discriminator", "")).strip("'"), "") if isinstance(seen, dict) else seen
        return f"must be {expected}", did_you_mean(str(word)[:40], re.findall("'([^']*)'", expected))
    sentences = {
        "model_type": "must be a block of `key: value`",
        "model_attributes_type": "must be a block of `key: value`",
        "dict_type": "must be a block of `key: value`",
        "list_type": "must be a list",
        "tuple_type": "must be a list",
        "bool_type": "must be true or false",
        "bool_parsing": "must be true or false",
        "int_type": "must be a whole number",
        "string_type": "must be a text; put it in quotes",
        "union_tag_not_found": f"the key {context.get('discriminator')} is missing",
    }
    return sentences.get(kind) or fault["msg"].removeprefix("Value error, ")[:200], ""


def _keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that the model takes at a location; in a union those of every member that may stand there."""
    here: list[Any] = [model]
    for part in loc:
        here = [below for one in here for below in _below(one, part)] or here
    return sorted({name for one in here for member in _members(one) for name in _fields(member)})


def _members(annotation: Any) -> Iterator[Any]:
    """The types behind unions, options and annotations."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        yield from _members(arguments[0])
    elif arguments and not _is_container(annotation):
        for argument in arguments:
            yield from _members(argument)
    else:
        yield annotation


def _is_container(annotation: Any) -> bool:
    return get_origin(annotation) in (list, tuple, set, frozenset, dict)


def _fields(annotation: Any) -> dict[str, Any]:
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return {}
    return {field.alias or name: field.annotation for name, field in annotation.model_fields.items()}


def _below(annotation: Any, part: str | int) -> Iterator[Any]:
    """What stands one step down; a union's tag narrows to the members that carry it."""
    for member in _members(annotation):
        fields = _fields(member)
        if part in fields:
            yield fields[str(part)]
        elif any(part in get_args(field) for field in fields.values()):
            yield member
        elif _is_container(member) and (get_origin(member) is dict) == isinstance(part, str):
            yield get_args(member)[-1 if isinstance(part, str) else 0]

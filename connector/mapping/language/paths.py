"""A JMESPath of a rule, read once: it tells a missing value from null, and a personal place from a plain one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Annotated, Any, Final

import jmespath
from jmespath.exceptions import ParseError
from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from connector.findings import did_you_mean
from connector.mapping.language.mailboxes import without_mailboxes

LONGEST_PATH = 500
_LONGEST_SHOWN = 120
_PERSONAL: Final = frozenset(
    {
        "account", "actor", "authority", "contextAgents", "contextGroups", "instructor", "mbox", "mbox_sha1sum",
        "member", "openid", "response", "team",
    }
)  # fmt: skip


class Nothing(Enum):
    """What a path answers where the document has no value for it; JSON's null is a value and comes as None."""

    MISSING = "nothing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Query:
    """A path that has been read: `keys` are all that it names, `steps` are its chain of them where it is no more."""

    text: str
    steps: tuple[str | int, ...] = field(compare=False)
    keys: frozenset[str] = field(compare=False)
    is_personal: bool = field(compare=False)
    expression: Any = field(compare=False, repr=False)

    def of(self, document: Any) -> Any:
        """The value, or why there is none. Only a plain chain of keys can tell null from missing."""
        if self.steps:
            return _walk(document, self.steps)
        try:
            value = _READER.visit(self.expression.parsed, document)
        except Exception:  # a function of the path met a type it does not take, or worse: that is no answer
            return Nothing.UNREADABLE
        return Nothing.MISSING if value is None else value

    @property
    def chains(self) -> tuple[tuple[str | int, ...], ...]:
        """The plain chains of keys among its alternatives: `timestamp || stored` has two."""
        return tuple(steps for steps in _alternatives(self.expression.parsed) if steps)

    @property
    def is_plain(self) -> bool:
        """Are all of its alternatives plain chains?"""
        return all(_alternatives(self.expression.parsed))

    @property
    def is_a_kind(self) -> bool:
        """Does it lead to the name of a kind of thing: a verb, a type?"""
        return self.steps[-2:] in (("verb", "id"), ("definition", "type"))

    @property
    def is_public(self) -> bool:
        """True for the places that name a thing, never a person: verb, activity, type. An address may still hold one's
        mailbox."""
        return self.is_a_kind or self.steps[-2:] == ("object", "id")


def _listed(value: Any) -> Any:
    """xAPI lets a single object stand where a list belongs: it is a list of one."""
    return [value] if isinstance(value, dict) else value


class _Reader(TreeInterpreter):
    """JMESPath that finds `parent[0]`, `parent[]`, `parent[*]` and `parent[?...]` also where parent is one object."""

    def visit_index(self, node: Any, value: Any) -> Any:
        return super().visit_index(node, _listed(value))

    def visit_slice(self, node: Any, value: Any) -> Any:
        return super().visit_slice(node, _listed(value))

    def visit_flatten(self, node: Any, value: Any) -> Any:
        return super().visit_flatten(self._on_a_list(node, value), value)

    def visit_projection(self, node: Any, value: Any) -> Any:
        return super().visit_projection(self._on_a_list(node, value), value)

    def visit_filter_projection(self, node: Any, value: Any) -> Any:
        return super().visit_filter_projection(self._on_a_list(node, value), value)

    def _on_a_list(self, node: Any, value: Any) -> Any:
        """The same node with what it works on already found."""
        found = {"type": "literal", "value": _listed(self.visit(node["children"][0], value)), "children": []}
        return node | {"children": [found, *node["children"][1:]]}


_READER: Final = _Reader()


def _walk(value: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        holder: type[Any] = dict if isinstance(step, str) else list
        value = _listed(value) if holder is list else value
        try:
            value = value[step] if isinstance(value, holder) else Nothing.MISSING
        except LookupError:
            return Nothing.MISSING
    return value


def read_path(text: Any) -> Query:
    """The path, or a `mapping.path` error that says at which character it goes wrong."""
    if not isinstance(text, str) or not text or len(text) > LONGEST_PATH:
        raise _bad_path(f"must be a path of 1 to {LONGEST_PATH} characters")
    try:
        expression = jmespath.compile(text)
    except ParseError as error:
        offset: int = error.lex_position
        raise _bad_path(
            f"is not a JMESPath at character {offset + 1}", 'quote keys with signs: a."b-c"', offset
        ) from None
    except RecursionError:
        raise _bad_path("nests too deep") from None
    tree: Any = expression.parsed
    for name in _function_names(tree):
        if name not in Functions.FUNCTION_TABLE:
            raise _bad_path(f"`{name}` is not a JMESPath function", did_you_mean(name, Functions.FUNCTION_TABLE))
    return Query(text, _steps(tree), _keys(tree), _is_personal(tree), expression)


def _bad_path(message: str, hint: str = "", offset: int = 0) -> PydanticCustomError:
    return PydanticCustomError("mapping.path", "{message}", {"message": message, "hint": hint, "offset": offset})


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("children", ()):
        if isinstance(child, dict):
            yield from _nodes(child)


def _function_names(node: dict[str, Any]) -> Iterator[str]:
    return (str(one["value"]) for one in _nodes(node) if one["type"] == "function_expression")


def _keys(node: dict[str, Any]) -> frozenset[str]:
    return frozenset(str(one["value"]) for one in _nodes(node) if one["type"] == "field")


def _steps(node: dict[str, Any]) -> tuple[str | int, ...]:
    """The keys of a plain chain such as `a.b[0]."c d"`; empty for anything cleverer."""
    if node["type"] in ("field", "index"):
        return (node["value"],)
    if node["type"] in ("subexpression", "index_expression"):
        chains = [_steps(child) for child in node["children"]]
        return tuple(chain.from_iterable(chains)) if all(chains) else ()
    return ()


def _alternatives(node: dict[str, Any]) -> Iterator[tuple[str | int, ...]]:
    if node["type"] == "or_expression":
        for child in node["children"]:
            yield from _alternatives(child)
    else:
        yield _steps(node)


def _is_personal(node: dict[str, Any]) -> bool:
    """May the path's text be about a person? A path that does not start at a named key may reach anything."""
    root = node
    while root.get("children"):
        root = root["children"][0]
    return root["type"] != "field" or bool(_keys(node) & _PERSONAL) or any(_function_names(node))


def shown(value: Any, query: Query, *, strict: bool) -> str:
    """`value` in words for a screen; with `strict`, for tables and logs, no text or id that may be about a person."""
    if isinstance(value, Nothing):
        return value.value
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if query.is_personal:
        return "a hidden value"
    if isinstance(value, dict | list):
        return "a list or block"
    if strict and not query.is_public and (isinstance(value, str) or "score" not in query.keys):
        return "another text" if isinstance(value, str) else "another value"  # a number may be an NPI
    return _quoted(value) if isinstance(value, str) else str(value)[:_LONGEST_SHOWN]


def _quoted(text: str) -> str:
    if text.startswith("mailto:"):
        return "a hidden value"
    text = without_mailboxes(text)
    return f'"{text[:_LONGEST_SHOWN]}"' + ("…" if len(text) > _LONGEST_SHOWN else "")


Path = Annotated[
    Query,
    PlainValidator(read_path),
    PlainSerializer(lambda query: query.text, return_type=str),
    WithJsonSchema({"type": "string", "maxLength": LONGEST_PATH}),
]

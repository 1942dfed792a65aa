"""The log: an allow-list of fields, no foreign words, and a page that names every event."""

from __future__ import annotations

import ast
import json
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from connector import logs
from connector.logs import log

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reference" / "log.md").read_text(encoding="utf-8")
DOCUMENTED = {
    found[1]: (found[2], set(re.findall(r"`(\w+)`", found[3])))
    for found in re.finditer(r"^\| `([a-z_.]+)` \| (\w+) \| .* \| ([^|]*) \|$", PAGE, re.MULTILINE)
}
"""Event -> its level and fields."""


@dataclass(frozen=True)
class Said:
    """One call of the log in the source; a part of the name that is put together is `*`."""

    event: str
    level: str
    fields: frozenset[str]


def said_in_source() -> Iterator[Said]:
    for path in sorted((ROOT / "connector").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_log(node.func.value):
                fields = frozenset(one.arg for one in node.keywords if one.arg)
                yield Said(_name(node.args[0]), node.func.attr, fields)


def _is_log(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "log"


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "*" for one in node.values)
    assert isinstance(node, ast.Constant)
    return str(node.value)


SAID = sorted(set(said_in_source()), key=lambda one: (one.event, sorted(one.fields)))


@pytest.mark.parametrize("said", SAID, ids=lambda one: one.event)
def test_every_event_of_the_source_is_in_the_docs_with_its_fields(said: Said) -> None:
    fit = {event: row for event, row in DOCUMENTED.items() if fnmatchcase(event, said.event)}
    assert fit, said.event
    assert any(level == said.level and said.fields <= fields for level, fields in fit.values()), fit


def test_every_event_of_the_docs_is_in_the_source() -> None:
    assert [event for event in DOCUMENTED if not any(fnmatchcase(event, one.event) for one in SAID)] == []
    assert {"learner.unmatched", "learner.matched"} <= DOCUMENTED.keys()


def test_no_field_is_said_in_vain() -> None:
    """A field that is not on the list is removed without a word."""
    allowed = logs.FIELDS | logs._KEPT
    assert {field for one in SAID for field in one.fields} <= allowed
    assert {field for _, fields in DOCUMENTED.values() for field in fields} <= allowed


def test_the_docs_have_the_whole_list() -> None:
    listed = PAGE.partition("## Fields that a line may have")[2]
    assert set(re.findall(r"`(\w+)`", listed)) == logs.FIELDS | logs._KEPT


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What stands on standard error since it was asked for."""
    yield lambda: capsys.readouterr().err
    logging.captureWarnings(capture=False)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_what_is_not_on_the_list_is_removed(said: Callable[[], str]) -> None:
    logs.set_up(style="json", level="info")
    log.info("stage.done", stage="mapping", given_name="Ana", counts={"read": 1})
    log.debug("stage.done", stage="too quiet")
    (line,) = lines(said())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "stage.done", "level": "info", "stage": "mapping", "counts": {"read": 1}}


def test_a_librarys_words_are_left_out(said: Callable[[], str]) -> None:
    logs.set_up(style="json", level="debug")
    foreign = logging.getLogger("some.library")
    foreign.info("GET https://lrs.example.org/?agent=Ana")
    foreign.warning("GET https://lrs.example.org/?agent=Ana")
    foreign.error("Ana", exc_info=ValueError("Ana"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("expected a number, saw Ana", UserWarning, stacklevel=1)
    text = said()
    assert "Ana" not in text
    assert [(line["event"], line["where"], line["error"]) for line in lines(text)] == [
        ("library.warning", "some.library", ""),
        ("library.warning", "some.library", "ValueError"),
        ("library.warning", "py.warnings", ""),
    ]


def test_a_thread_that_dies_tells_its_type_only(said: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    logs.set_up(style="json", level="info")
    logs.guard_threads()

    def die() -> None:
        raise ValueError("Ana")

    thread = threading.Thread(target=die, name="fetcher")
    thread.start()
    thread.join()
    assert [(line["event"], line["where"], line["error"]) for line in lines(said())] == [
        ("thread.died", "fetcher", "ValueError")
    ]


def test_the_eyes_form_has_no_colours_in_a_file(said: Callable[[], str]) -> None:
    logs.set_up(style="console", level="info")
    log.info("stage.done", stage="mapping")
    text = said()
    assert "stage.done" in text
    assert "\x1b" not in text

"""Collects from the source every code that a log line, a list or a message can show. Reads files, imports no stage."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from connector.pars.wire.services import Reasons

ROOT = Path(__file__).parents[2]
FAMILIES = (
    "activity", "award", "config", "closed", "connector", "credit", "evidence", "inlet", "learner", "lrs", "mapping",
    "export", "moodle", "notice", "pars", "receipt", "rems", "statement", "store", "web",
)  # fmt: skip
_CODE = re.compile(rf"({'|'.join(FAMILIES)})\.[a-z_]+")
_ANY_CODE = re.compile(r"[a-z]+\.[a-z_]+")
_ENDING = re.compile(r"\.[a-z_]+")
NOT_CODES = {"config.yaml", "config.store", "rems.type", "connector.demo"}
"""A file, a prefix, the name of a field and a package."""


def sources() -> list[Path]:
    """The connector without its rehearsal, whose codes are its own business."""
    folder = ROOT / "connector"
    apart = [folder / "sandbox", folder / "demo"]
    return [path for path in sorted(folder.rglob("*.py")) if not any(map(path.is_relative_to, apart))]


@cache
def codes() -> frozenset[str]:
    """Every code of the source, those that are put together included."""
    texts: set[str] = set()
    apart: set[str] = set()
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts |= {code for code in _texts(tree) if _CODE.fullmatch(code)}
        texts |= {code for code in _keywords(tree, "code") if _ANY_CODE.fullmatch(code)}
        apart |= {*_log_names(tree), *_keywords(tree, "foreign_key")}
    return frozenset((texts - apart - NOT_CODES) | _blamed() | {f"pars.{name}" for name in Reasons.model_fields})


def log_names() -> set[str]:
    """The names of the log's events as far as they are written out."""
    return {name for path in sources() for name in _log_names(ast.parse(path.read_text(encoding="utf-8")))}


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _keywords(tree: ast.AST, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == name and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


def _log_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            of, first = node.func.value, node.args[0]
            if isinstance(of, ast.Name) and of.id == "log" and isinstance(first, ast.Constant):
                yield str(first.value)


def _blamed() -> set[str]:
    """`f"{self._blame}.tls"` of http.py, once for each side that is blamed somewhere."""
    blames = {blame for path in sources() for blame in _keywords(ast.parse(path.read_text(encoding="utf-8")), "blame")}
    tree = ast.parse((ROOT / "connector" / "http.py").read_text(encoding="utf-8"))
    endings = {
        part.value
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and _ENDING.fullmatch(part.value)
    }
    return {blame + ending for blame in blames for ending in endings}

"""Tables: whole in a pipe, and on a terminal never so narrow that a date or a code is cut in two."""

from __future__ import annotations

import sys

import click
import pytest

from connector import terminal

COLUMNS = ("credit", "activity", "completed", "amount", "state", "reason", "who acts")
ROW = ["17", "203512345", "2026-11-18", "1.25", "held", "activity.not_released", "coordinator"]
OTHER = ["18", "203512345", "2026-11-19", "0.5", "confirmed", "", ""]


@pytest.mark.parametrize("width", [40, 60, 80, 92, 100, 140])
def test_no_word_is_cut_at_any_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    terminal.table("records", COLUMNS, [ROW, OTHER], nothing="none")
    shown = click.unstyle(capsys.readouterr().out)
    assert [word for word in (*ROW, *OTHER) if word not in shown] == []
    assert max(map(len, shown.splitlines())) <= width


def test_a_long_sentence_beside_names_cuts_no_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `learners check` has it: columns that need little room, and two that could use all there is."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    rows = [["learner.no_profession", "word " * 30, "coordinator", "12", "sheet.csv, row 3 (learner 12); " * 9]]
    columns = ("reason", "what", "who acts", "count", "learners")
    for width in range(70, 130, 3):
        monkeypatch.setenv("COLUMNS", str(width))
        terminal.table("", columns, rows, nothing="")
        shown = click.unstyle(capsys.readouterr().out)
        assert max(map(len, shown.splitlines())) <= width
        assert (shown.count("word"), shown.count("sheet.csv,")) == (30, 9)


def test_a_narrow_terminal_gets_a_paragraph_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    terminal.table("records", COLUMNS, [ROW, OTHER], nothing="none")
    assert capsys.readouterr().out.splitlines() == [
        "records",
        "credit 17  activity 203512345  completed 2026-11-18",
        "  amount 1.25  state held  reason activity.not_released",
        "  who acts coordinator",
        "credit 18  activity 203512345  completed 2026-11-19",
        "  amount 0.5  state confirmed",
    ]


def test_in_a_pipe_a_sentence_is_a_line_below_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.table("", ["check", "result", ""], [["a", "good", "one\ntwo"], ["bb", "lrs.quiet", ""]], nothing="")
    assert capsys.readouterr().out.splitlines() == [
        "check  result",
        "a      good       one",
        "                  two",
        "bb     lrs.quiet",
    ]

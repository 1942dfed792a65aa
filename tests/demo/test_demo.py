"""The rehearsal as a newcomer sees it: without a terminal, and on one."""

from __future__ import annotations

import os
import pty
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector.demo import workplace
from connector.demo.fates import FATES
from connector.errors import ConfigError, NeedsOperator
from connector.sandbox.server import Sandbox
from connector.store.leases import RunLock
from connector.store.session import Store
from tests.cli import rehearsal


def test_the_sheet_of_persons_and_the_passwords_are_their_owners_alone(tmp_path: Path) -> None:
    with Sandbox(load=False) as sandbox:
        workplace.lay_out(tmp_path / "rehearsal", sandbox)
    names = ("learners.csv", "pars.password", "lrs.password")
    assert {stat.S_IMODE((tmp_path / "rehearsal" / name).stat().st_mode) for name in names} == {0o600}


def test_without_a_terminal_it_ends_by_itself_and_shows_every_fate(tmp_path: Path) -> None:
    """On the JSON service; `make demo`, which CI runs in a fresh clone, is the same on the XML service."""
    folder = tmp_path / "rehearsal"
    done = rehearsal.call("demo", "--folder", str(folder), "--channel", "json-service")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for number, fate in enumerate(FATES, 1):
        assert f"\n{number}. {fate.title.capitalize()}\n   {fate.means}\n" in done.stdout
    assert done.stdout.count("$ pars-connector explain") == len(FATES)
    assert "did not happen" not in done.stdout.lower()
    assert "complains" not in done.stdout
    for stage in ("collection", "mapping", "learners", "validation", "submission", "reconciliation"):
        assert re.search(rf"^   {stage} +\w.* \d+ \w", done.stdout, re.MULTILINE), stage
    assert "REMS" in rehearsal.call("records", "--state", "held", config=folder / "config.yaml").stdout


def test_on_a_terminal_the_daemon_stays_until_ctrl_c(tmp_path: Path) -> None:
    with _on_terminal("demo", "--folder", str(tmp_path / "rehearsal")) as (process, read):
        said = read("Ctrl-C ends it.")
        address = re.search(r"(http://127\.0\.0\.1:\d+)/readyz", said)
        assert address
        assert rehearsal.fetch(f"{address[1]}/readyz")[0] == 200
        assert "pars_credits" in rehearsal.fetch(f"{address[1]}/metrics")[1]
        refused = rehearsal.call("demo", "--folder", str(tmp_path / "rehearsal"))
        assert refused.returncode == 3
        assert "another rehearsal is running" in refused.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert "Traceback" not in said


@contextmanager
def _on_terminal(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], object]]:
    parent, child = pty.openpty()
    process = subprocess.Popen(
        rehearsal.command(*arguments), cwd=rehearsal.ROOT, env=rehearsal.environment() | {"TERM": "xterm"},
        stdin=child, stdout=child, stderr=child,
    )  # fmt: skip
    os.close(child)
    said = ""

    def read(end: str) -> str:
        nonlocal said
        while end not in said:
            said += os.read(parent, 65536).decode(errors="replace")
        return said

    try:
        yield process, read
    finally:
        process.kill()
        process.wait()
        os.close(parent)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(load=False) as servers:
        yield servers


def test_it_begins_again_in_its_own_folder(tmp_path: Path, sandbox: Sandbox) -> None:
    workplace.lay_out(tmp_path / "demo", sandbox)
    (tmp_path / "demo" / "pars-connector.db").write_text("of the last rehearsal")
    workplace.lay_out(tmp_path / "demo", sandbox)
    assert not (tmp_path / "demo" / "pars-connector.db").exists()


def test_somebody_elses_folder_is_left_alone(tmp_path: Path, sandbox: Sandbox) -> None:
    """`demo --folder .` in the folder of a real installation."""
    (tmp_path / "config.yaml").write_text("providers: []\n")
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(ConfigError, match="holds something else"):
        workplace.lay_out(tmp_path, sandbox)
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="cannot work here"):
            workplace.lay_out(folder, sandbox)


def test_a_rehearsal_that_runs_keeps_its_store(tmp_path: Path, sandbox: Sandbox) -> None:
    config = workplace.lay_out(tmp_path / "demo", sandbox)
    store = Store(config.store.url)
    store.upgrade()
    with RunLock(store), pytest.raises(NeedsOperator, match="another rehearsal is running"):
        workplace.lay_out(tmp_path / "demo", sandbox)
    store.dispose()

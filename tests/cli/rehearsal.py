"""A workplace on a sandbox, and the command line as a user starts it: as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from connector import config as configuration
from connector.config import Config
from connector.demo import workplace
from connector.sandbox.server import Sandbox
from connector.store.session import Store
from connector.store.tables import Credit

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from connector.cli import main; main()"]
DEADLINE = 40.0  # seconds; a condition that is not met by then never will be


def lay_out(folder: Path, sandbox: Sandbox, *changes: tuple[str, str], channel: str = "xml-service") -> Path:
    """The demo's workplace with these texts of its configuration replaced; the path of config.yaml."""
    workplace.lay_out(folder, sandbox, channel)
    path = folder / "config.yaml"
    change(path, ("level: warning", "level: debug"), ("format: console", "format: json"), *changes)
    return path


def change(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def load(path: Path) -> Config:
    return configuration.load(path)


def store_of(path: Path) -> Store:
    return Store(load(path).store.url)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}


def command(*arguments: str, config: Path | None = None) -> list[str]:
    return [*COMMAND, *(("--config", str(config)) if config else ()), *arguments]


def call(*arguments: str, config: Path | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """One command to its end, without a terminal."""
    return subprocess.run(
        command(*arguments, config=config),
        cwd=cwd or ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=DEADLINE,
    )


def until(true: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """Poll until it is true: no test waits for a fixed time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.03)
    raise AssertionError(f"not within {seconds} s: {what}")


@dataclass
class Running:
    """A command that runs beside the test."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        whole = self.err.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole if line.startswith("{")]

    def event(self, name: str, **fields: Any) -> dict[str, Any]:
        """The first line of this event with these fields, once it is there."""

        def find() -> dict[str, Any] | None:
            assert self.process.poll() is None or name.startswith("daemon.stop"), self.err.read_text()
            fit = (one for one in self.lines() if one["event"] == name and fields.items() <= one.items())
            return next(fit, None)

        found: dict[str, Any] = until(find, f"{name} {fields} in\n{self.err}")
        return found

    def url(self, page: str) -> str:
        return f"http://127.0.0.1:{self.event('daemon.started')['port']}/{page}"

    def ask(self, page: str) -> tuple[int, str]:
        return fetch(self.url(page))

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Exit code, and how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(DEADLINE), time.monotonic() - began


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextmanager
def running(config: Path, *arguments: str) -> Iterator[Running]:
    """`run` unless something else is named; killed at the end if it still lives."""
    number = len(list(config.parent.glob("*.err")))
    out, err = config.parent / f"{number}.out", config.parent / f"{number}.err"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = subprocess.Popen(
            command(*(arguments or ("run",)), config=config),
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
        )
        try:
            yield Running(process, out, err)
        finally:
            process.kill()
            process.wait()


def holds(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.pars.ledger()["credits"]
    return found


def summary(sandbox: Sandbox) -> list[tuple[str, ...]]:
    """What PARS holds, without the moments and without the ids that each store's own REMS key makes."""
    names = ("activity", "certification", "completed", "state", "amount")
    return sorted(
        ("" if "REMS" in credit["certification"] else credit["credit_id"], *(str(credit[name]) for name in names))
        for credit in holds(sandbox)
    )


def states(path: Path) -> dict[str, int]:
    store = store_of(path)
    with store.reading() as session:
        found = list(session.exec(select(Credit.state)))
    store.dispose()
    return {state: found.count(state) for state in sorted(set(found))}


def run_out_leases(path: Path) -> int:
    """In place of waiting two minutes: every lease of a credit ends now."""
    store = store_of(path)
    with store.writing() as session:
        leased: Sequence[Credit] = session.exec(select(Credit).where(col(Credit.lease_until).is_not(None))).all()
        for credit in leased:
            credit.lease_until = datetime.now(UTC) - timedelta(seconds=1)
            session.add(credit)
    store.dispose()
    return len(leased)

"""The daemon as an operator runs it: a process of its own, signals, `kill -9`, and a sandbox that plays the world."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from connector.cli import main
from connector.sandbox.server import Sandbox
from tests.cli import rehearsal
from tests.cli.rehearsal import lay_out, running, until

SETTLED = {"closed": 4, "confirmed": 14, "held": 2, "pending": 1, "refused": 1, "rejected": 1, "unmatched": 1}
"""What becomes of the sandbox's world once the boards have answered."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as servers:
        yield servers


@pytest.fixture(scope="module")
def ideal(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, ...]]:
    """What PARS holds when nothing disturbs."""
    with Sandbox() as servers:
        config = lay_out(tmp_path_factory.mktemp("ideal"), servers)
        assert rehearsal.call("once", config=config).returncode == 0
        servers.pars.boards_answer()
        return rehearsal.summary(servers)


def test_it_reads_maps_submits_and_follows_to_the_end(
    sandbox: Sandbox, tmp_path: Path, ideal: list[tuple[str, ...]]
) -> None:
    config = lay_out(tmp_path, sandbox)
    with running(config) as daemon:
        assert daemon.event("learner.unmatched")["who"] == "coordinator"
        until(lambda: len(rehearsal.holds(sandbox)) == len(ideal), "everything is sent")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.event("daemon.hangup")
        sandbox.pars.boards_answer()
        until(lambda: rehearsal.states(config) == SETTLED, "the boards' answers have come")
        assert daemon.ask("livez")[0] == daemon.ask("readyz")[0] == 200
        code, seconds = daemon.end()
        assert code == 0
        assert seconds < 10
        assert daemon.event("daemon.stopped")["state"] == "clean"
    assert rehearsal.summary(sandbox) == ideal
    assert sandbox.check() == []
    ledger = rehearsal.call("check", "--ledger", config=config)
    assert ledger.returncode == 0, ledger.stdout


def test_sigterm_ends_it_while_a_save_hangs_and_the_save_is_asked_about(
    sandbox: Sandbox, tmp_path: Path, ideal: list[tuple[str, ...]]
) -> None:
    config = lay_out(tmp_path, sandbox)
    sandbox.switch("time-out", side="pars", operation="save", stored=True)
    with running(config) as daemon:
        until(lambda: rehearsal.holds(sandbox), "a save hangs, and PARS has stored it")
        code, seconds = daemon.end()
        assert (code, daemon.event("daemon.stopped")["state"]) == (0, "in flight")
        assert seconds < 10
    in_flight = rehearsal.states(config)["sending"]
    assert in_flight == rehearsal.run_out_leases(config) == 1
    with running(config) as daemon:
        until(lambda: rehearsal.states(config).get("confirmed") == 13, "all is sent, the doubtful one adopted")
        daemon.end()
    sandbox.pars.boards_answer()
    assert rehearsal.summary(sandbox) == ideal
    assert sandbox.check() == []


def test_kill_9_again_and_again_loses_and_doubles_nothing(
    sandbox: Sandbox, tmp_path: Path, ideal: list[tuple[str, ...]]
) -> None:
    config = lay_out(tmp_path, sandbox)
    for sent in (2, 8):
        with running(config) as daemon:
            until(lambda sent=sent: len(rehearsal.holds(sandbox)) >= sent, f"{sent} credits are there")
            daemon.end(signal.SIGKILL)
        rehearsal.run_out_leases(config)
    with running(config) as daemon:
        until(lambda: rehearsal.states(config).get("confirmed") == 13, "the rest has gone")
        daemon.end()
    sandbox.pars.boards_answer()
    assert rehearsal.summary(sandbox) == ideal
    assert sandbox.check() == []


def test_one_at_a_time_and_ctrl_c_ends_it(sandbox: Sandbox, tmp_path: Path) -> None:
    config = lay_out(tmp_path, sandbox)
    with running(config) as daemon:
        daemon.event("daemon.started")
        for second in ("run", "once"):
            refused = CliRunner().invoke(main, ["--config", str(config), second])
            assert refused.exit_code == 3
            assert refused.stderr.startswith("error: another process is running on this store (store.in_use)")
        code, seconds = daemon.end(signal.SIGINT)
        assert code == 0
        assert seconds < 10


@pytest.mark.proof
def test_both_sides_may_be_down_when_it_starts(tmp_path: Path, ideal: list[tuple[str, ...]]) -> None:
    ports = _free_ports()
    with Sandbox(lrs_port=ports[0], pars_port=ports[1]) as before:
        config = lay_out(tmp_path, before, ("every: 2s", "every: 1s"), ("probe: 2s", "probe: 1s"))
    with running(config) as daemon:
        daemon.event("source.stopped", code="lrs.unreachable")
        status, page = daemon.ask("readyz")
        assert (status, json.loads(page)["stopped"]) == (503, ["source rehearsal: lrs.unreachable"])
        assert daemon.ask("livez")[0] == 200
        with Sandbox(lrs_port=ports[0], pars_port=ports[1]) as sandbox:
            sandbox.switch("wrong-password", side="pars")
            daemon.event("source.recovered")
            daemon.event("channel.stopped", code="pars.login")
            assert daemon.ask("readyz")[0] == 503
            daemon.event("channel.recovered")
            until(lambda: len(rehearsal.holds(sandbox)) == len(ideal), "everything is sent")
            assert daemon.ask("readyz")[0] == 200
            sandbox.pars.boards_answer()
            assert rehearsal.summary(sandbox) == ideal
            assert sandbox.check() == []
    said = [line["event"] for line in daemon.lines()]
    assert said.count("source.stopped") == said.count("source.recovered") == 1


@pytest.mark.proof
def test_an_lrs_that_hangs_delays_no_credit(sandbox: Sandbox, tmp_path: Path) -> None:
    config = lay_out(tmp_path, sandbox)
    assert rehearsal.call("once", "--stage", "collection", config=config).returncode == 0
    sandbox.switch("time-out", side="lrs", times=None)
    with running(config) as daemon:
        until(lambda: rehearsal.states(config).get("confirmed", 0) >= 13, "what was read is sent")
        assert daemon.ask("livez")[0] == 200
        daemon.end(signal.SIGKILL)


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]

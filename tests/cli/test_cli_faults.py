"""What goes wrong at the command line: one clear message, the right exit code, never a traceback."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector.errors import NeedsOperator
from connector.inquiry import explain as stories
from connector.sandbox.server import Sandbox
from connector.store.leases import RunLock
from tests.cli import rehearsal
from tests.cli.rehearsal import call, change, lay_out, running, until

WORKING = (("run",), ("once",), ("check",), ("records",), ("explain", "1"), ("unmatched", "list"))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(load=False) as servers:
        yield servers


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Path:
    return lay_out(tmp_path / "place", sandbox)


def tell(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), *arguments])


def bad_yaml(config: Path) -> str:
    change(config, ("web: {port: 0}", "web: {port: 0"))
    return r"config\.yaml:\d+:\d+: error: .*config\.syntax"


def unknown_key(config: Path) -> str:
    change(config, ("settle: 2s", "setle: 2s"))
    return (
        r'config\.yaml:\d+:\d+: error: `setle` is not a key of `pars` \(config\.unknown_key\)\n  did you mean "settle"'
    )


def literal_password(config: Path) -> str:
    change(config, ("password: {file: pars.password}", "password: hunter2"))
    return r"config\.yaml:\d+:\d+: error: .*never the password itself"


def missing_config(config: Path) -> str:
    config.unlink()
    return r"config\.yaml: no configuration file \(config\.missing\)\n  copy config\.example\.yaml"


def unwritable_store(config: Path) -> str:
    (config.parent / "file").write_text("")
    change(config, ("sqlite:///pars-connector.db", "sqlite:///file/pars-connector.db"))
    return r"the store cannot be written \(config\.store_unwritable\)"


def store_is_a_folder(config: Path) -> str:
    (config.parent / "pars-connector.db").mkdir()
    return r"the store cannot be written \(config\.store_unwritable\)"


@pytest.mark.parametrize("command", WORKING, ids=" ".join)
@pytest.mark.parametrize(
    "break_it", [missing_config, bad_yaml, unknown_key, literal_password, unwritable_store, store_is_a_folder]
)
def test_a_broken_configuration_is_exit_code_2(
    config: Path, break_it: Callable[[Path], str], command: tuple[str, ...]
) -> None:
    said = break_it(config)
    done = tell(config, *command)
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.search(said, done.stderr)
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("secret", ["lrs.password", "pars.password"])
def test_a_missing_secret_is_named(config: Path, sandbox: Sandbox, secret: str) -> None:
    sandbox.load()
    (config.parent / secret).unlink()
    done = tell(config, "once")
    assert done.exit_code == 1
    assert f"no secret in file {config.parent / secret}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mapping_typo_is_exit_code_2_with_place_and_suggestion(config: Path) -> None:
    rules = config.parent / "mappings" / "rehearsal.yaml"
    change(rules, ("verb.id, is: satisfied", "verb.id, is: satisfed"))
    line = rules.read_text().split("satisfed")[0].count("\n") + 1
    for command in ("lint", "run", "once"):
        done = tell(config, command)
        said = done.stdout + done.stderr
        assert done.exit_code == 2
        assert re.search(rf"rehearsal\.yaml:{line}:\d+: error: .*satisfed", said)
        assert 'did you mean "satisfied"?' in said


def test_line_100_is_no_emoji(config: Path) -> None:
    """rich draws `:100:` as a picture unless told not to."""
    rules = config.parent / "mappings" / "rehearsal.yaml"
    rules.write_text("\n" * 99 + "nonsense: 1\n")
    assert "rehearsal.yaml:100:" in tell(config, "lint").stdout


def test_lint_speaks_json_and_github(config: Path) -> None:
    rules = config.parent / "mappings" / "rehearsal.yaml"
    change(rules, ("verb.id, is: satisfied", "verb.id, is: satisfed"))
    rows = [json.loads(line) for line in tell(config, "lint", "--format", "json").stdout.splitlines()]
    assert rows[0]["level"] == "error"
    assert tell(config, "lint", "--format", "github").stdout.startswith(f"::error file={rules},line=")


def test_an_lrs_that_is_down_and_wrong_passwords_are_said_and_exit_1(config: Path, sandbox: Sandbox) -> None:
    sandbox.load()
    for side, said in (("pars", "channel 0001234 xml-service: pars.login"), ("lrs", "source rehearsal: lrs.login")):
        sandbox.switch("wrong-password", side=side)
        done = tell(config, "once")
        assert done.exit_code == 1, done.stdout
        assert f"stopped: {said}" in done.stdout
        assert done.stderr.count(".stopped") == 1
        until(lambda: tell(config, "once").exit_code == 0, "it has recovered by itself")
    change(config, (str(sandbox.lrs_url), "http://127.0.0.1:9/xapi"))
    done = tell(config, "once", "--json")
    assert done.exit_code == 1
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[-1] == {"stopped": "source rehearsal: lrs.unreachable"}


def test_once_is_refused_while_another_holds_the_store(config: Path) -> None:
    store = rehearsal.store_of(config)
    with RunLock(store):
        done = tell(config, "once")
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith("error: another process is running on this store (store.in_use)")


def test_a_taken_port_is_exit_code_3(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        change(config, ("port: 0", f"port: {taken.getsockname()[1]}"))
        done = call("run", config=config)
    assert done.returncode == 3
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert lines[0].startswith("error: port ")
    assert "web.port_taken" in lines[0]


def test_healthcheck_of_a_daemon_and_of_none(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    change(config, ("port: 0", f"port: {port}"))
    assert tell(config, "healthcheck").exit_code == 1
    with running(config) as daemon:
        daemon.event("daemon.started")
        done = tell(config, "healthcheck")
        assert (done.exit_code, done.stdout) == (0, "alive\n")


def test_ctrl_c_in_once_ends_between_two_rows(config: Path, sandbox: Sandbox) -> None:
    sandbox.load()
    sandbox.switch("slow-board", times=None)
    hanging = sandbox.switch("time-out", side="lrs", times=9)
    with running(config, "once") as working:
        until(lambda: hanging.times == 8, "it waits for an answer")
        began = time.monotonic()
        code, _ = working.end(signal.SIGINT)
        assert code == 1
        assert time.monotonic() - began < 10
        said = working.err.read_text()
    assert "ending: what is in flight" in said
    assert "Traceback" not in said
    sandbox.switches.clear()
    assert call("once", config=config).returncode == 0


def test_an_unknown_exception_shows_its_type_and_line_only(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise TypeError("Zyxwv-Planted")

    monkeypatch.setattr(stories, "explain", explode)
    done = tell(config, "explain", "1")
    assert done.exit_code == 1
    assert "error: TypeError at looking.py:" in done.stderr
    assert "Planted" not in done.output


def test_a_wrong_option_is_exit_code_2(config: Path) -> None:
    wrong = (
        ("once", "--stage", "colection"),
        ("recordz",),
        ("records", "--from", "yesterday"),
        ("records", "--state", "x"),
    )
    for arguments in wrong:
        done = tell(config, *arguments)
        assert done.exit_code == 2
        assert "Usage:" in done.stderr


def test_a_sandbox_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(main, ["sandbox", "--lrs-port", port])
    assert done.exit_code == NeedsOperator.exit_code
    assert ("web.port_taken" in done.stderr, f"port {port}: " in done.stderr) == (True, True)


def test_the_sandbox_says_its_addresses_until_ctrl_c() -> None:
    process = subprocess.Popen(
        rehearsal.command("sandbox"), cwd=rehearsal.ROOT, env=rehearsal.environment(), stdout=subprocess.PIPE
    )
    assert process.stdout
    with process.stdout:
        said = [process.stdout.readline().decode()]
        assert "rehearsal" in said[0]
        while not said[-1].startswith("faults, ledger"):
            assert said[-1], said
            said.append(process.stdout.readline().decode())
        control = said[-1].split()[-1]
        assert json.loads(rehearsal.fetch(f"{control}/ledger")[1])["credits"] == []
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b"ended\n"
    assert process.wait(10) == 0


def test_a_terminal_sees_progress_and_a_table(config: Path, sandbox: Sandbox) -> None:
    sandbox.load()
    code, said = on_terminal(rehearsal.command("once", config=config))
    assert code == 0, said
    assert "statements read" in said or "collection" in said
    assert "┃" in said
    code, said = on_terminal(rehearsal.command("check", config=config))
    assert code == 0
    assert "checking" in said


def on_terminal(command: list[str]) -> tuple[int, str]:
    """The command's exit code and all that it showed, on a terminal of its own."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        command, cwd=rehearsal.ROOT, env=rehearsal.environment() | {"TERM": "xterm", "COLUMNS": "160"},
        stdin=child, stdout=child, stderr=child,
    )  # fmt: skip
    os.close(child)
    said = b""
    try:
        while chunk := os.read(parent, 65536):
            said += chunk
    except OSError:
        pass  # the terminal is gone with its last process
    finally:
        os.close(parent)
    return process.wait(10), said.decode(errors="replace")

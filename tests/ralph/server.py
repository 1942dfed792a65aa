"""Starts Ralph, a real LRS, on a free loopback port: `with running(folder) as ralph`."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ralph import install
from tests.real_lrs import RealLrs, free_port, wait


@contextmanager
def running(folder: Path) -> Iterator[RealLrs]:
    """A Ralph that keeps its statements in `folder`, ready to be used, killed at the end."""
    python = install.install()
    port = free_port()
    server = RealLrs("ralph", f"http://127.0.0.1:{port}/xAPI", "campus", secrets.token_urlsafe(16))
    environment = _environment(folder)
    _add_user(python.with_name("ralph"), server, environment)
    with (folder / "ralph.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(str(python), "-m", "uvicorn", "--app-dir", str(Path(__file__).parent), "ralph_app:app"),
                *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
            ],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            wait(f"http://127.0.0.1:{port}/__lbheartbeat__", process, folder / "ralph.log")
            yield server
        finally:
            process.kill()
            process.wait()


def _environment(folder: Path) -> dict[str, str]:
    statements = folder / "statements"
    statements.mkdir()
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "RALPH_APP_DIR": str(folder),
        "RALPH_AUTH_FILE": str(folder / "auth.json"),
        "RALPH_HISTORY_FILE": str(folder / "history.json"),
        "RALPH_RUNSERVER_BACKEND": "fs",
        "RALPH_BACKENDS__LRS__FS__DEFAULT_DIRECTORY_PATH": str(statements),
    }


def _add_user(command: Path, server: RealLrs, environment: dict[str, str]) -> None:
    subprocess.run(
        [
            *(str(command), "auth", "--username", server.user, "--password", server.password, "--scope", "all"),
            *("--agent-ifi-account", server.user, "https://lrs.example.org", "--agent-name", "Example Campus"),
            "--write-to-disk",
        ],
        env=environment,
        check=True,
        capture_output=True,
    )

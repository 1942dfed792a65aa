"""Starts Ralph, a real LRS, on a free loopback port: `with running(folder) as ralph`."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ralph import install

READY_SECONDS = 60


@dataclass(frozen=True)
class Ralph:
    """Where it listens and who may use it. Keep it below 2,000 statements: it reads its whole file for each answer."""

    origin: str
    user: str
    password: str

    @property
    def endpoint(self) -> str:
        return f"{self.origin}/xAPI"

    def post(self, statements: list[dict[str, Any]]) -> list[str]:
        """Store statements as a sender does; the ids that Ralph gave or took."""
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request = urllib.request.Request(
            f"{self.endpoint}/statements",
            data=json.dumps(statements).encode(),
            headers={
                "Authorization": f"Basic {login}",
                "Content-Type": "application/json",
                "X-Experience-API-Version": "1.0.3",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return list(json.load(answer))


@contextmanager
def running(folder: Path) -> Iterator[Ralph]:
    """A Ralph that keeps its statements in `folder`, ready to be used, killed at the end."""
    python = install.install()
    server = Ralph(f"http://127.0.0.1:{_free_port()}", "campus", secrets.token_urlsafe(16))
    environment = _environment(folder)
    _add_user(python.with_name("ralph"), server, environment)
    with (folder / "ralph.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(str(python), "-m", "uvicorn", "--app-dir", str(Path(__file__).parent), "ralph_app:app"),
                *("--host", "127.0.0.1", "--port", server.origin.rpartition(":")[2], "--log-level", "warning"),
            ],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            _wait(server, process, folder / "ralph.log")
            yield server
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


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


def _add_user(command: Path, server: Ralph, environment: dict[str, str]) -> None:
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


def _wait(server: Ralph, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.origin}/__lbheartbeat__", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)  # a poll with a deadline, not a wait
    raise RuntimeError(f"Ralph did not start:\n{log.read_text(errors='replace')[-2000:]}")

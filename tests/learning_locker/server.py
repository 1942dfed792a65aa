"""Starts Learning Locker's statement service in memory, on a free loopback port: `with running(folder) as lrs`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.learning_locker.install import FOLDER
from tests.real_lrs import RealLrs, free_port, wait

LAUNCHER = Path(__file__).with_name("launch.js")


@contextmanager
def running(folder: Path) -> Iterator[RealLrs]:
    """One that keeps its statements in memory and its log in `folder`, ready to be used, killed at the end."""
    port = free_port()
    node = shutil.which("node") or "node"
    with (folder / "learning-locker.log").open("wb") as log:
        process = subprocess.Popen(
            [node, str(LAUNCHER)], cwd=FOLDER, env=_environment(folder, port), stdout=log, stderr=log
        )
        try:
            wait(f"http://127.0.0.1:{port}/xAPI/about", process, folder / "learning-locker.log")
            yield RealLrs("learning-locker", f"http://127.0.0.1:{port}/xAPI", "campus", "any password is taken")
        finally:
            process.kill()
            process.wait()


def _environment(folder: Path, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "LANG": "en",
        "EXPRESS_PORT": str(port),
        "EXPRESS_MORGAN_DIRECTORY": str(folder / "access"),
        "MODELS_REPO": "memory",
        "AUTH_REPO": "test",
        "EVENTS_REPO": "test",
        "STORAGE_REPO": "local",
        "FS_LOCAL_STORAGE_DIR": str(folder / "storage"),
        "SERVICE_AWAIT_UPDATES": "true",
        "WINSTON_CONSOLE_LEVEL": "warn",
    }

"""Puts Learning Locker's statement service, a real LRS, under .cache: `python -m tests.learning_locker.install`.

Only where Node.js and npm are: elsewhere it says so in one line, and its tests skip. Nothing of it is in the product.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache"
FOLDER = CACHE / "learning-locker"
SERVICE = "@learninglocker/xapi-statements@7.8.0"
AS_OF = "2026-11-20"  # npm takes of everything below it what was the newest on that day: the same tree each time
PACE = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


def install() -> Path | None:
    """The folder that holds its packages, None where it cannot be had; installs only when it is missing or another."""
    if not (shutil.which("node") and shutil.which("npm")):
        return _without("node and npm are not here")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test processes may come at once
        return FOLDER if _is_made() or _make() else _without("npm could not install it")


def _is_made() -> bool:
    made_from = FOLDER / "made-from"
    return made_from.is_file() and made_from.read_text(encoding="utf-8") == f"{SERVICE} {AS_OF}"


def _make() -> bool:
    _say("installing its statement service 7.8.0 and what it needs (about 190 MB, once)")
    (FOLDER / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    # without scripts and optional parts: the drivers of databases that it does not use in memory
    leaner = ("--omit=optional", "--omit=dev", "--ignore-scripts", f"--before={AS_OF}")
    done = subprocess.run(["npm", "install", *leaner, *PACE, SERVICE], cwd=FOLDER, capture_output=True, check=False)
    if done.returncode:
        return False
    (FOLDER / "made-from").write_text(f"{SERVICE} {AS_OF}", encoding="utf-8")
    _say("ready")
    return True


def _without(why: str) -> None:
    _say(f"{why}: its tests are skipped")


def _say(what: str) -> None:
    print(f"learning locker: {what}", file=sys.stderr, flush=True)  # noqa: T201 - the progress of a slow step


if __name__ == "__main__":
    install()

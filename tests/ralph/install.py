"""Installs Ralph, a real LRS, into its own environment under .cache: `python tests/ralph/install.py`. Done once.

Ralph pins its own web stack, so that it cannot share ours. Nothing of it is part of the product.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"
VENV = CACHE / "ralph-venv"
CONSTRAINTS = HERE / "constraints.txt"
WANTED = ("ralph-malph[cli,lrs]==5.1.0", "requests")  # without requests its API does not import


def python() -> Path:
    return VENV / "bin" / "python"


def install() -> Path:
    """The environment's interpreter; installs only when it is missing or made from other constraints."""
    made_from = VENV / "made-from"
    wanted = hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()
    if made_from.is_file() and made_from.read_text(encoding="utf-8") == wanted:
        return python()
    _say(f"creating {VENV.relative_to(CACHE.parent)}")
    venv.create(VENV, with_pip=True, clear=True)
    _say("installing Ralph 5.1.0 and what it needs (about 80 MB, once)")
    pip = [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--constraint", str(CONSTRAINTS), *WANTED], check=True)
    made_from.write_text(wanted, encoding="utf-8")
    _say("ready")
    return python()


def _say(what: str) -> None:
    print(f"ralph: {what}", file=sys.stderr, flush=True)  # noqa: T201 - the progress of a slow step


if __name__ == "__main__":
    install()

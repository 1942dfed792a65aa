"""The broken clients share the hand-built documents of the sandbox tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))

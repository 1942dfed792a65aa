"""`learning_locker`: a real LRS, empty at the start of the session and gone at its end; skips where Node.js is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.learning_locker import install
from tests.learning_locker.server import running
from tests.real_lrs import RealLrs


@pytest.fixture(scope="session")
def learning_locker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLrs]:
    if install.install() is None:
        pytest.skip("Learning Locker cannot be had here: it needs node and npm")
    with running(tmp_path_factory.mktemp("learning-locker")) as server:
        yield server

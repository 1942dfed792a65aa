"""`ralph`: a real LRS, empty at the start of the session and gone at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ralph.server import running
from tests.real_lrs import RealLrs


@pytest.fixture(scope="session")
def ralph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLrs]:
    with running(tmp_path_factory.mktemp("ralph")) as server:
        yield server

"""The key of the REMS identifiers is made once, whole, for nobody else, and never replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.store import rems_key as keys


def test_the_key_is_made_once_whole_and_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "rems.key"
    key = keys.rems_key(path, create=True)
    assert len(key) == keys.KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.rems_key(path, create=True) == keys.rems_key(path, create=False) == key
    assert [one.name for one in path.parent.iterdir()] == ["rems.key"]


def test_another_process_that_was_quicker_made_the_key(tmp_path: Path) -> None:
    path = tmp_path / "rems.key"
    path.write_bytes(b"q" * 32)
    keys._make_key(path)
    assert path.read_bytes() == b"q" * 32


def test_a_draft_that_a_killed_process_left_is_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_args: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "rems.key"
    with monkeypatch.context() as patch:
        patch.setattr(keys.os, "fsync", die)
        with pytest.raises(KeyboardInterrupt):
            keys.rems_key(path, create=True)
    assert not path.exists()
    assert len(keys.rems_key(path, create=True)) == keys.KEY_BYTES


@pytest.mark.parametrize(("content", "code"), [(None, "config.rems_key_missing"), (b"", "config.rems_key_damaged")])
def test_a_key_that_is_gone_or_cut_short_is_never_replaced(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "rems.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        keys.rems_key(path, create=False)
    assert (caught.value.code, caught.value.where) == (code, str(path))
    assert "backup" in caught.value.hint

"""Where the inlet listens: on loopback, or where nobody can read a password on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connector import config
from connector.cli import main
from connector.errors import ConfigError
from connector.store.session import Store
from tests.inlet.door import PASSWORD_IN, opened, plugin
from tests.test_config import SMALLEST, load, refused

PEM = Path(__file__).parents[1] / "loopback.pem"
INLET = SMALLEST + "  - name: moodle\n    inlet: {user: moodle, password: {env: TEST_INLET_PASSWORD}}\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", '"::"', "lms.example.org", '""'])
def test_an_inlet_in_the_open_is_refused_at_its_place(tmp_path: Path, host: str) -> None:
    error = refused(tmp_path, INLET + f"web:\n  host: {host}\n")
    assert error.code == "config.inlet_in_the_open"
    assert error.where.endswith(f":{INLET.count(chr(10)) + 2}:9")
    assert "`web.host`" in str(error)
    assert "behind_proxy" in str(error)


@pytest.mark.parametrize(
    "web",
    [
        "{host: 0.0.0.0, behind_proxy: true}",
        "{host: 0.0.0.0, tls: {certificate: a.crt, key: a.key}}",
        '{host: "::1"}',
        "{host: 127.0.0.2}",
        "{host: localhost}",
    ],
)
def test_what_nobody_can_overhear_is_taken(tmp_path: Path, web: str) -> None:
    assert load(tmp_path, INLET + f"web: {web}\n").inlets


def test_without_an_inlet_any_address_is_taken(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST + "web: {host: 0.0.0.0}\n").inlets == ()


def test_two_inlets_do_not_share_a_user(tmp_path: Path) -> None:
    error = refused(tmp_path, INLET + INLET[len(SMALLEST) :].replace("name: moodle", "name: other"))
    assert "share one user" in str(error)


def test_the_user_of_an_inlet_has_no_colon(tmp_path: Path) -> None:
    """`a:b` with `c` and `a` with `b:c` would be one login."""
    assert "has no colon" in str(refused(tmp_path, INLET.replace("{user: moodle,", '{user: "mood:le",')))


def test_a_password_that_is_nowhere_stops_the_start(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD_IN)
    with pytest.raises(ConfigError) as caught, opened(store):
        pass
    assert caught.value.code == "config.secret_missing"


def test_it_speaks_tls_with_its_own_certificate_and_healthcheck_does_too(store: Store, tmp_path: Path) -> None:
    with opened(store, tls={"certificate": PEM, "key": PEM}) as door:
        assert door.post([plugin(1)]).status_code == 200
        path = tmp_path / "config.yaml"
        web = f"web: {{port: {door.port}, tls: {{certificate: {PEM}, key: {PEM}}}}}\n"
        path.write_text(INLET + web, encoding="utf-8")
        done = CliRunner().invoke(main, ["--config", str(path), "healthcheck"])
        assert (done.exit_code, done.output) == (0, "alive\n")
        path.write_text(INLET + f"web: {{port: {door.port}}}\n", encoding="utf-8")
        assert CliRunner().invoke(main, ["--config", str(path), "healthcheck"]).exit_code == 1


def _only(part: str, folder: Path) -> Path:
    """The certificate alone, or the key alone."""
    text = PEM.read_text(encoding="utf-8")
    blocks = {block.split("-----")[0]: "-----BEGIN " + block for block in text.split("-----BEGIN ")[1:]}
    path = folder / f"{part}.pem"
    path.write_text(blocks[part], encoding="utf-8")
    return path


def test_a_certificate_that_cannot_be_used_is_one_clear_line(store: Store, tmp_path: Path) -> None:
    certificate, key = _only("CERTIFICATE", tmp_path), _only("PRIVATE KEY", tmp_path)
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_bytes(b"\x00")
    pairs: list[tuple[Any, Any]] = [(tmp_path / "none.pem", key), (certificate, certificate), (rubbish, key)]
    for one, other in pairs:
        with pytest.raises(ConfigError) as caught, opened(store, tls={"certificate": one, "key": other}):
            pass
        assert (caught.value.code, caught.value.where) == ("config.certificate", str(one))


def test_the_example_shows_an_inlet_that_is_safe() -> None:
    example = config.load(Path(__file__).parents[2] / "config.example.yaml")
    assert [inlet.name for inlet in example.inlets] == ["moodle-push"]
    assert example.web.is_loopback

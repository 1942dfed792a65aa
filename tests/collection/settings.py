"""Configurations of one or more sources, as config.yaml would say them."""

from __future__ import annotations

from typing import Any

from connector.config import Config, SourceConfig

PASSWORD_IN = "TEST_LRS_PASSWORD"


def source_for(endpoint: str, **changes: Any) -> SourceConfig:
    login = {"user": "rehearsal-reader", "password": {"env": PASSWORD_IN}}
    usual = {"name": "campus", "endpoint": endpoint, "login": login, "start_from": "everything", "timeout": "2s"}
    return SourceConfig.model_validate(usual | changes)


def config_for(*sources: SourceConfig) -> Config:
    provider = {
        "id": "0001234",
        "name": "Example Provider",
        "zone": "America/Chicago",
        "domain": "example.org",
        "environment": "rehearsal",
        "credentials": {"provider_id": "0001234", "user": "u", "password": {"env": PASSWORD_IN}},
    }
    return Config.model_validate({"providers": [provider], "sources": list(sources)})

"""`providers` of config.yaml: who reports to PARS, and by which channel."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from connector.config.values import Duration, Secret, Zone, web_address
from connector.pars.wire import SystemName
from connector.records import Frozen


class ParsLogin(Frozen):
    """What ACCME issues to a provider for its web services."""

    provider_id: str
    user: str
    password: Secret


ServiceKind = Literal["xml-service", "json-service"]
BatchKind = Literal["xml-batch", "excel-batch"]
ChannelKind = ServiceKind | BatchKind
SERVICES: Final[tuple[ServiceKind, ...]] = get_args(ServiceKind)
BATCHES: Final[tuple[BatchKind, ...]] = get_args(BatchKind)


class ProviderConfig(Frozen):
    """One accredited provider and its way to PARS."""

    id: Annotated[str, Field(pattern=r"^\d{7}$")]
    name: Annotated[str, Field(min_length=1)]
    zone: Zone
    domain: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+\.[A-Za-z0-9-]+$")]
    environment: Literal["rehearsal", "test", "production"]
    system: SystemName = "pars"
    channel: ChannelKind = "xml-service"
    base_url: Annotated[str, AfterValidator(lambda value: value and web_address(value))] = (
        ""  # in place of the wire table's, for ACCME's test host and for rehearsals
    )
    credentials: ParsLogin | None = None  # a provider who only uploads files has none
    identifier_order: tuple[Literal["NPI", "state"], ...] = ("NPI", "state")
    activities: Path | None = None
    exports: Path = Path("exports")  # the folder for the files of xml-batch and excel-batch
    send: Literal["on", "off"] = "on"
    release: Literal["automatic", "manual"] = "automatic"
    send_after: Duration = timedelta(0)

    @model_validator(mode="after")
    def _a_service_wants_a_login(self) -> ProviderConfig:
        if self.channel in SERVICES and self.credentials is None:
            raise PydanticCustomError(
                "config.invalid",
                "a web service needs `credentials`",
                {"at": (), "hint": "without any, set `channel: excel-batch`: a person uploads the files"},
            )
        return self

    @property
    def service(self) -> ServiceKind | None:
        """None: files that a person carries, and nobody can be asked."""
        return next((kind for kind in SERVICES if kind == self.channel), None)

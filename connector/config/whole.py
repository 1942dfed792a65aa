"""config.yaml as one checked value, read and anchored to its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from connector import yamlfile
from connector.config.desk import DeskConfig
from connector.config.learners import LearnersConfig, MoodleSource
from connector.config.providers import ProviderConfig
from connector.config.settings import (
    LogConfig,
    ParsConfig,
    RecordConfig,
    ScheduleConfig,
    StoreConfig,
    ValidationConfig,
    WebConfig,
)
from connector.config.sources import SHEET, AnySource, InletConfig, SourceConfig, which_source
from connector.config.values import some
from connector.errors import ConfigError
from connector.pars.forms import CENTRAL
from connector.pars.wire import Tables, Wire
from connector.records import Frozen


class Config(Frozen):
    """The whole of config.yaml."""

    providers: Annotated[tuple[ProviderConfig, ...], AfterValidator(some)]
    sources: Annotated[
        tuple[
            Annotated[
                Annotated[SourceConfig, Tag("lrs")] | Annotated[InletConfig, Tag("inlet")],
                Discriminator(which_source),
            ],
            ...,
        ],
        AfterValidator(some),
    ]
    mappings: Path = Path("mappings")
    learners: LearnersConfig = LearnersConfig()
    pars: ParsConfig = ParsConfig()
    record: RecordConfig = RecordConfig()
    validation: ValidationConfig = ValidationConfig()
    desk: DeskConfig = DeskConfig()
    wire: Wire = Wire()
    store: StoreConfig = StoreConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    web: WebConfig = WebConfig()
    log: LogConfig = LogConfig()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Config:
        for what, names in (
            ("provider id", [provider.id for provider in self.providers]),
            ("source name", [source.name for source in self.sources]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"two entries share one {what}")
        users = [source.inlet.user for source in self.inlets]
        if len(set(users)) < len(users):
            raise ValueError("two inlets share one user: nobody could tell their senders apart")
        if any(source.name == SHEET for source in self.sources):
            raise ValueError(f"no source may be called {SHEET}: imported completions are")
        return self

    @model_validator(mode="after")
    def _passwords_do_not_travel_in_the_open(self) -> Config:
        if self.inlets and not (self.web.is_loopback or self.web.tls or self.web.behind_proxy):
            raise PydanticCustomError(
                "config.inlet_in_the_open",
                "with an inlet, an address that is not loopback needs `web.tls` or `web.behind_proxy: true`",
                {"at": ("web", "host"), "hint": "docs/howto/inlet.md shows both ways"},
            )
        return self

    @model_validator(mode="after")
    def _named_sources_are_there(self) -> Config:
        moodles = {source.name for source in self.sources if source.moodle}
        for at, learner_source in enumerate(self.learners.sources):
            if isinstance(learner_source, MoodleSource) and learner_source.moodle.source not in moodles:
                raise PydanticCustomError(
                    "config.invalid",
                    "names no entry of `sources` that has a `moodle`",
                    {"at": ("learners", "sources", at, "moodle", "source"), "hint": "docs/howto/moodle.md shows both"},
                )
        for at, name in enumerate(self.desk.write_back.sources if self.desk.write_back else ()):
            if name not in {source.name for source in self.polled}:
                raise PydanticCustomError(
                    "config.invalid",
                    "names no entry of `sources` that is an LRS",
                    {"at": ("desk", "write_back", "sources", at), "hint": "an inlet has nothing to be written to"},
                )
        return self

    @property
    def polled(self) -> tuple[SourceConfig, ...]:
        """The LRSs that are asked."""
        return tuple(source for source in self.sources if isinstance(source, SourceConfig))

    @property
    def inlets(self) -> tuple[InletConfig, ...]:
        """The senders that come by themselves."""
        return tuple(source for source in self.sources if isinstance(source, InletConfig))

    @property
    def provider_ids(self) -> list[str]:
        """Who reports. What was begun for one who left this file waits, as it is, until he is back in it."""
        return [provider.id for provider in self.providers]

    def provider(self, provider_id: str) -> ProviderConfig:
        """One of `provider_ids`."""
        return next(provider for provider in self.providers if provider.id == provider_id)

    def tables(self, provider: ProviderConfig) -> Tables:
        """The wire tables of the system to which this provider reports."""
        return self.wire.of(provider.system)

    def zone_at(self, provider_id: str) -> ZoneInfo:
        """A provider's; ACCME's own where he has left this file and what was begun for him is still open."""
        zones = {provider.id: ZoneInfo(provider.zone) for provider in self.providers}
        return zones.get(provider_id, CENTRAL)

    def zone_of(self, provider: ProviderConfig, source: AnySource | None) -> ZoneInfo:
        return ZoneInfo((source.zone if source else None) or provider.zone)


def load(path: Path) -> Config:
    """Read and check config.yaml; relative paths count from its folder. Raises ConfigError with every finding."""
    if not path.is_file():
        raise ConfigError(
            "config.missing",
            "no configuration file",
            "copy config.example.yaml to config.yaml, or name another with --config",
            where=str(path),
        )
    anchored: Config = _anchored(yamlfile.validate(yamlfile.read(path), Config), path.resolve().parent)
    return anchored


def _anchored(value: Any, folder: Path) -> Any:
    """The same model with every relative path (and SQLite file) made absolute from `folder`."""
    if isinstance(value, Path):
        return value if value.is_absolute() else folder / value
    if isinstance(value, tuple):
        return tuple(_anchored(item, folder) for item in value)
    if isinstance(value, dict):
        return {name: _anchored(item, folder) for name, item in value.items()}  # headers, of which one may be a secret
    if isinstance(value, StoreConfig):
        url = value.url
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            url = f"sqlite:///{folder / url.removeprefix('sqlite:///')}"
        return value.model_copy(update={"url": url, "rems_key": _anchored(value.rems_key, folder)})
    if isinstance(value, Frozen):
        return value.model_copy(
            update={name: _anchored(getattr(value, name), folder) for name in type(value).model_fields}
        )
    return value

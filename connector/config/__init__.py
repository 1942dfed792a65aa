"""config.yaml as a checked value: every setting, its default, its meaning. Reads no table, opens no connection."""

from connector.config.providers import ChannelKind, ParsLogin, ProviderConfig
from connector.config.settings import (
    CsvSource,
    LearnerField,
    LearnersConfig,
    LearnerSource,
    LogConfig,
    ParsConfig,
    RecordConfig,
    ScheduleConfig,
    StatementSource,
    StoreConfig,
    Tls,
    ValidationConfig,
    WebConfig,
)
from connector.config.sources import SHEET, AnySource, InletConfig, MoodleConfig, SourceConfig
from connector.config.values import Duration, InletLogin, Login, OAuth2, Secret, duration, in_the_open
from connector.config.whole import Config, load

__all__ = [
    "SHEET",
    "AnySource",
    "ChannelKind",
    "Config",
    "CsvSource",
    "Duration",
    "InletConfig",
    "InletLogin",
    "LearnerField",
    "LearnerSource",
    "LearnersConfig",
    "LogConfig",
    "Login",
    "MoodleConfig",
    "OAuth2",
    "ParsConfig",
    "ParsLogin",
    "ProviderConfig",
    "RecordConfig",
    "ScheduleConfig",
    "Secret",
    "SourceConfig",
    "StatementSource",
    "StoreConfig",
    "Tls",
    "ValidationConfig",
    "WebConfig",
    "duration",
    "in_the_open",
    "load",
]

"""config.yaml as a checked value: every setting, its default, its meaning. Reads no table, opens no connection."""

from connector.config.desk import DeskConfig, NoticesConfig, Webhook, WriteBackConfig
from connector.config.learners import (
    HttpEndpoint,
    HttpSource,
    LearnerField,
    LearnersConfig,
    LearnerSource,
    MoodleProfile,
    MoodleSource,
    SheetSource,
    SqlQuery,
    SqlSource,
    StatementSource,
)
from connector.config.providers import ChannelKind, ParsLogin, ProviderConfig
from connector.config.settings import (
    LogConfig,
    ParsConfig,
    RecordConfig,
    ScheduleConfig,
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
    "DeskConfig",
    "Duration",
    "HttpEndpoint",
    "HttpSource",
    "InletConfig",
    "InletLogin",
    "LearnerField",
    "LearnerSource",
    "LearnersConfig",
    "LogConfig",
    "Login",
    "MoodleConfig",
    "MoodleProfile",
    "MoodleSource",
    "NoticesConfig",
    "OAuth2",
    "ParsConfig",
    "ParsLogin",
    "ProviderConfig",
    "RecordConfig",
    "ScheduleConfig",
    "Secret",
    "SheetSource",
    "SourceConfig",
    "SqlQuery",
    "SqlSource",
    "StatementSource",
    "StoreConfig",
    "Tls",
    "ValidationConfig",
    "WebConfig",
    "Webhook",
    "WriteBackConfig",
    "duration",
    "in_the_open",
    "load",
]

"""config.yaml as a checked value: every setting, its default, its meaning. Reads no table, opens no connection."""

from __future__ import annotations

import ipaddress
import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, SecretStr, Tag, model_validator
from pydantic_core import PydanticCustomError

from connector import yamlfile
from connector.errors import ConfigError
from connector.lrs import quirks
from connector.pars.wire import Wire
from connector.records import Frozen

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(value: Any) -> Any:
    """`90s`, `15m`, `24h`, `7d` as a timedelta.

    >>> duration("15m")
    datetime.timedelta(seconds=900)
    """
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d+)\s*([smhd])", str(value))
    if not match:
        raise ValueError("write a duration as a number and a unit: 90s, 15m, 24h or 7d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def zone_name(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("not a time zone name such as America/Chicago")
    return value


def web_address(value: str) -> str:
    """An address to which a path can be added; ValueError without a word of it, as it may hold a password."""
    if not value.startswith(("http://", "https://")):
        raise ValueError("an address begins with http:// or https://")
    try:
        parts = urlsplit(value)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError("an address names a host, and a port if need be")
    if "@" in parts.netloc:
        raise ValueError("an address holds no user and password: they have settings of their own")
    if "?" in value or "#" in value:
        raise ValueError("an address ends with its path: no ? and no #")
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def in_the_open(address: str) -> bool:
    """True when what is sent there can be read on its way: no TLS, and not on this machine."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def start(value: Any) -> Any:
    """`now`, `everything` or a date; said in one sentence when it is none of them."""
    if value in ("now", "everything") or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError("must be now, everything or a date such as 2026-07-01") from None


def user_of_basic(value: str) -> str:
    """`a:b` with the password `c` and `a` with `b:c` are one header."""
    if ":" in value:
        raise ValueError("a user has no colon: Basic authentication ends the user there")
    return value


def own_headers(value: dict[str, Any]) -> dict[str, Any]:
    """Headers that the connector sets itself are not for the file: a second one would win at some servers."""
    taken = {"authorization", "proxy-authorization", "host", "x-experience-api-version", "accept", "accept-encoding"}
    taken |= {"connection", "content-length", "transfer-encoding"}
    for name in value:
        if name.lower() in taken or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ValueError(f"{name[:40]!r} is no header of your own: the connector sets it, or it is no name at all")
    return value


def some(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    """pydantic's own check of the length also complains when only an entry is wrong."""
    if not entries:
        raise ValueError("needs at least one entry")
    return entries


Duration = Annotated[timedelta, BeforeValidator(duration)]
Zone = Annotated[str, AfterValidator(zone_name)]


class Secret(Frozen):
    """Where a secret is kept. A literal password in the file is refused."""

    env: str = ""
    file: Path | None = None
    credential: str = ""

    @model_validator(mode="before")
    @classmethod
    def _no_literal(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1:
            return value
        raise ValueError("a secret is {env: NAME}, {file: PATH} or {credential: NAME}, never the password itself")

    def reveal(self) -> SecretStr:
        """The secret itself; ConfigError when it is not where the file says, or is no text."""
        path = self.file or Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/credentials")) / self.credential
        where = f"environment variable {self.env}" if self.env else f"file {path}"
        try:
            if self.env:
                value = os.environ.get(self.env)
            else:
                value = path.read_text(encoding="utf-8").strip() if path.is_file() else None
            (value or "").encode()  # of a variable that is no UTF-8 Python makes what cannot be sent
        except (OSError, UnicodeError) as error:
            raise ConfigError(
                "config.secret_unreadable",
                f"the secret in {where} cannot be read: {type(error).__name__}",
                "it is UTF-8, and the connector's user may read it",
            ) from None
        if not value:
            raise ConfigError("config.secret_missing", f"no secret in {where}", "set it, then start again")
        return SecretStr(value)


class Login(Frozen):
    """Basic authentication."""

    user: str
    password: Secret


class InletLogin(Login):
    """What a sender shows us, as Basic authentication carries it."""

    user: Annotated[str, AfterValidator(user_of_basic)]


class OAuth2(Frozen):
    """OAuth 2 client credentials (RFC 6749, 4.4): a token from `token_url` in place of a user and password."""

    token_url: Annotated[str, AfterValidator(web_address)]
    client_id: str
    client_secret: Secret
    scope: str = ""


def _which_login(value: Any) -> str:
    return "oauth2" if isinstance(value, OAuth2) or (isinstance(value, dict) and "token_url" in value) else "basic"


def _which_header(value: Any) -> str:
    return "secret" if isinstance(value, dict | Frozen) else "text"


HeaderValue = Annotated[Annotated[str, Tag("text")] | Annotated[Secret, Tag("secret")], Discriminator(_which_header)]


class MoodleConfig(Frozen):
    """The web service of the Moodle site behind a source, and how its plugin names learners."""

    site: Annotated[str, AfterValidator(web_address)]  # wwwroot, as it stands in the statements
    token: Secret
    actor: Literal["id", "username", "email"] = "id"
    home_page: str = ""  # of account names, where the plugin names another than the site
    timeout: Duration = timedelta(seconds=60)
    ca_bundle: Path | None = None

    @model_validator(mode="after")
    def _home_page_goes_with_user_names(self) -> MoodleConfig:
        if self.actor != "username" and self.home_page not in ("", self.site):
            raise PydanticCustomError(
                "config.invalid",
                "counts with `actor: username` only: the plugin names the site's own address beside a user's number",
                {"at": ("home_page",), "hint": "leave it out, or set `actor` as the plugin's `Send username` is set"},
            )
        return self


class ParsLogin(Frozen):
    """What ACCME issues to a provider for its web services."""

    provider_id: str
    user: str
    password: Secret


ChannelKind = Literal["xml-service", "json-service"]


class ProviderConfig(Frozen):
    """One accredited provider and its way to PARS."""

    id: Annotated[str, Field(pattern=r"^\d{7}$")]
    name: Annotated[str, Field(min_length=1)]
    zone: Zone
    domain: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+\.[A-Za-z0-9-]+$")]
    environment: Literal["rehearsal", "test", "production"]
    channel: ChannelKind = "xml-service"
    base_url: Annotated[str, AfterValidator(lambda value: value and web_address(value))] = (
        ""  # in place of the wire table's, for ACCME's test host and for rehearsals
    )
    credentials: ParsLogin
    identifier_order: tuple[Literal["NPI", "state"], ...] = ("NPI", "state")
    activities: Path | None = None
    send: Literal["on", "off"] = "on"
    release: Literal["automatic", "manual"] = "automatic"
    send_after: Duration = timedelta(0)


class SourceConfig(Frozen):
    """One LRS to poll."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
    endpoint: Annotated[str, AfterValidator(web_address)]
    product: quirks.Product = "other"  # its known needs become the defaults below
    login: Annotated[Annotated[Login, Tag("basic")] | Annotated[OAuth2, Tag("oauth2")], Discriminator(_which_login)]
    headers: Annotated[dict[str, HeaderValue], AfterValidator(own_headers)] = Field(default_factory=dict)
    proxy: Secret | None = None  # an address that may hold a password
    version: Literal["1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0"] = "1.0.3"
    cursor_field: Literal["stored", "timestamp"] = "stored"
    overlap: Duration = timedelta(seconds=120)
    look_back: Duration = timedelta(days=14)
    page: Annotated[int, Field(ge=1, le=5000)] = 200
    every: Duration = timedelta(seconds=60)
    sweep: Duration = timedelta(days=7)
    start_from: Annotated[date | Literal["now", "everything"], BeforeValidator(start)] = "now"
    zone: Zone | None = None
    registration: Literal["session", "enrolment"] = "enrolment"
    groups: Literal["hold", "fan_out"] = "hold"
    rewrite_more: bool = False
    ca_bundle: Path | None = None
    timeout: Duration = timedelta(seconds=60)
    moodle: MoodleConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_the_product_needs(cls, said: Any) -> Any:
        return quirks.defaults(said) if isinstance(said, dict) else said


class InletConfig(Frozen):
    """A sender that posts its statements to the connector itself, known by its user."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
    inlet: InletLogin
    zone: Zone | None = None
    registration: Literal["session", "enrolment"] = "enrolment"
    groups: Literal["hold", "fan_out"] = "hold"
    moodle: MoodleConfig | None = None


def _which_source(value: Any) -> str:
    return "inlet" if isinstance(value, InletConfig) or (isinstance(value, dict) and "inlet" in value) else "lrs"


AnySource = SourceConfig | InletConfig
SHEET = "sheet"
"""The source of statements that `completions import` writes: no entry of config.yaml may have its name."""


class CsvSource(Frozen):
    """A sheet of learners, one row a person (docs/reference/learners.md names its columns)."""

    csv: Path


LearnerField = Literal[
    "given_name", "family_name", "birth_day", "npi", "state", "licence", "board", "board_id", "profession", "consent"
]


class StatementSource(Frozen):
    """Identity that the statement itself carries: learner field -> JMESPath."""

    statement: dict[LearnerField, str]


LearnerSource = CsvSource | StatementSource


class LearnersConfig(Frozen):
    """Where identities come from, asked in order, and who is eligible."""

    sources: tuple[LearnerSource, ...] = ()
    refresh: Duration = timedelta(hours=1)
    cme_professions: tuple[str, ...] = ("MD", "DO")
    moc_professions: tuple[str, ...] = ("MD", "DO")


class ParsConfig(Frozen):
    """Patience with PARS."""

    settle: Duration = timedelta(minutes=15)
    ask_first_after: Duration = timedelta(hours=1)
    ask_every: Duration = timedelta(minutes=30)
    retry_first: Duration = timedelta(seconds=30)
    retry_most: Duration = timedelta(hours=1)
    timeout: Duration = timedelta(seconds=60)
    ca_bundle: Path | None = None
    probe: Duration = timedelta(minutes=5)
    most_withdrawals: Annotated[int, Field(ge=0)] = 10


class RecordConfig(Frozen):
    """CME and MOC of one completion leave together, REMS at another time."""

    wait: Duration = timedelta(days=7)
    rems_delay: Duration = timedelta(hours=6)


class ValidationConfig(Frozen):
    """How strictly the gates judge."""

    strict: bool = False
    recheck: Duration = timedelta(hours=1)


class StoreConfig(Frozen):
    """The database: SQLite by default, PostgreSQL for more than one machine."""

    url: str = "sqlite:///data/pars-connector.db"
    rems_key: Path = Path("data/rems.key")


class ScheduleConfig(Frozen):
    """How often the daemon takes a turn; sources have their own `every`."""

    digest: Duration = timedelta(seconds=5)  # mapping, learners, validation
    submission: Duration = timedelta(seconds=5)
    reconciliation: Duration = timedelta(seconds=30)


class Tls(Frozen):
    """The connector's own certificate."""

    certificate: Path
    key: Path


class WebConfig(Frozen):
    """Health, metrics and the inlet, on loopback."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8417
    tls: Tls | None = None
    behind_proxy: bool = False

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)


class LogConfig(Frozen):
    """How the log is written."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Frozen):
    """The whole of config.yaml."""

    providers: Annotated[tuple[ProviderConfig, ...], AfterValidator(some)]
    sources: Annotated[
        tuple[
            Annotated[
                Annotated[SourceConfig, Tag("lrs")] | Annotated[InletConfig, Tag("inlet")],
                Discriminator(_which_source),
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

    @property
    def polled(self) -> tuple[SourceConfig, ...]:
        """The LRSs that are asked."""
        return tuple(source for source in self.sources if isinstance(source, SourceConfig))

    @property
    def inlets(self) -> tuple[InletConfig, ...]:
        """The senders that come by themselves."""
        return tuple(source for source in self.sources if isinstance(source, InletConfig))

    def provider(self, provider_id: str) -> ProviderConfig:
        return next(provider for provider in self.providers if provider.id == provider_id)

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

"""`sources` of config.yaml: LRSs to poll, senders that post to us, and the Moodle behind either."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from connector.config.values import (
    Duration,
    HeaderValue,
    InletLogin,
    Login,
    OAuth2,
    Secret,
    Zone,
    own_headers,
    start,
    web_address,
    which_login,
)
from connector.lrs import quirks
from connector.records import Frozen


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


class SourceConfig(Frozen):
    """One LRS to poll."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
    endpoint: Annotated[str, AfterValidator(web_address)]
    product: quirks.Product = "other"  # its known needs become the defaults below
    login: Annotated[Annotated[Login, Tag("basic")] | Annotated[OAuth2, Tag("oauth2")], Discriminator(which_login)]
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


def which_source(value: Any) -> str:
    return "inlet" if isinstance(value, InletConfig) or (isinstance(value, dict) and "inlet" in value) else "lrs"


AnySource = SourceConfig | InletConfig
SHEET = "sheet"
"""The source of statements that `completions import` writes: no entry of config.yaml may have its name."""

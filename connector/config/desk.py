"""`desk` of config.yaml: where corrected sheets are laid, who is told, and what is written back to the LRS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from connector.config.values import HeaderValue, Secret, own_headers, web_address
from connector.records import Frozen


class Webhook(Frozen):
    """An address that is sent the digest as JSON, without a personal value."""

    url: Annotated[str, AfterValidator(web_address)]
    headers: Annotated[dict[str, HeaderValue], AfterValidator(own_headers)] = Field(default_factory=dict)
    ca_bundle: Path | None = None


class NoticesConfig(Frozen):
    """The daily digest to the CME office, and messages to learners. An address of apprise is a secret: it holds one."""

    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "07:00"  # in the first provider's zone
    to: tuple[Secret, ...] = ()  # apprise addresses that may carry the sheet of open cases: the office's own mailbox
    tell: tuple[Secret, ...] = ()  # apprise addresses that get the figures alone: Slack, Teams
    webhook: Webhook | None = None
    learners: Secret | None = None  # apprise's mail address, without `to`; set: learners are told what they must fix


class WriteBackConfig(Frozen):
    """A statement to the LRS when a credit is confirmed, unmatched or withdrawn; the verb's IRI ends in the state."""

    verb: Annotated[str, AfterValidator(web_address)]
    sources: tuple[str, ...] = ()  # of `sources`; none named: every polled one


class DeskConfig(Frozen):
    """The desk for what needs a person."""

    folder: Path | None = None
    notices: NoticesConfig = NoticesConfig()
    write_back: WriteBackConfig | None = None

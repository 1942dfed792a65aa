"""The ways a notice leaves: apprise, which is optional and imported late, and a web address. Knows no case and no row.

Addresses hold passwords, texts may hold names: neither is in a message of ours, and apprise's own log is silent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson

from connector.config import Secret, Webhook
from connector.errors import ConfigError, ConnectorError, RetryLater
from connector.http import Http

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

Attachment = tuple[str, bytes]
"""A file's name and its bytes: a workbook."""

_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MAILBOX: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63}")
_NOT_UNDERSTOOD = "it is an address of apprise, such as mailtos://user:password@mail.example.edu?to=office@example.edu"


def is_mailbox(text: str) -> bool:
    """A plain address and nothing else: no list, no name, no line feed, nothing that a header could mean otherwise."""
    return _MAILBOX.fullmatch(text) is not None


def send(address: Secret, subject: str, text: str, sheet: Attachment | None = None) -> None:
    """By apprise. Raises ConfigError for an address that is none, RetryLater when it was not taken."""
    _notify(_service(address, []), subject, text, sheet)


def send_to(address: Secret, recipient: str, subject: str, text: str) -> None:
    """The same to one mailbox, by a mail address of apprise that names nobody."""
    _notify(_service(address, [recipient]), subject, text, None)


def post(webhook: Webhook, document: dict[str, Any]) -> None:
    """As JSON; any answer but a 2xx is none."""
    with _open(webhook) as http:
        headers = _headers(webhook) | {"Content-Type": "application/json"}
        answer = http.save("POST", webhook.url, headers=headers, body=orjson.dumps(document))
    if not 200 <= answer.status < 300:
        hint = "its own log says why; the figures are sent again by themselves"
        raise RetryLater("notice.webhook", f"the webhook answers {answer.status}", hint, wait=answer.retry_after)


def prove(address: Secret, *, to_learners: bool = False) -> str:
    """Sends nothing: is the secret there, and does apprise understand it?"""
    service = _service(address, ["test.learner@example.edu"] if to_learners else [])
    return f"apprise takes it for {service.service_name}; whether it arrives shows with the first notice"


def prove_webhook(webhook: Webhook) -> str:
    """Asks for nothing but a head, which changes nothing there."""
    with _open(webhook) as http:
        answer = http.read("HEAD", webhook.url, headers=_headers(webhook))
    return f"answers ({answer.status}); whether it takes figures shows with the first digest"


def _open(webhook: Webhook) -> Http:
    return Http(blame="notice", read=30, verify=str(webhook.ca_bundle) if webhook.ca_bundle else True)


def _headers(webhook: Webhook) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else value.reveal().get_secret_value()
        for name, value in webhook.headers.items()
    }


def _service(address: Secret, targets: list[str]) -> NotifyBase:
    """`targets` are the only ones that it sends to; none: those that the address names."""
    url = address.reveal().get_secret_value()
    with _contained():
        from apprise import Apprise
        from apprise.plugins import url_to_dict

        logging.getLogger("apprise").disabled = True  # its lines hold addresses and hosts
        parts = url_to_dict(url, secure_logging=True)  # type: ignore[no-untyped-call]
        if parts and targets and parts.get("targets"):
            hint = "take the recipient out of it: each learner is one"
            raise ConfigError("notice.address", "`desk.notices.learners` names somebody already", hint)
        if parts and targets:
            parts["targets"] = targets
        service = Apprise.instantiate(parts, asset=_asset()) if parts else None
        if service is None or (targets and "@" not in "".join(str(one) for one in getattr(service, "targets", ()))):
            raise ConfigError(
                "notice.address", "apprise makes nothing of an address of `desk.notices`", _NOT_UNDERSTOOD
            )
        return service


def _asset() -> AppriseAsset:
    """Nothing is written to disk, nothing in a text is replaced, one thing happens at a time."""
    from apprise import AppriseAsset

    asset = AppriseAsset(
        storage_mode="memory", allow_templates=False, async_mode=False, pgp_autogen=False, pem_autogen=False
    )
    asset.app_id, asset.app_desc, asset.app_url = "pars-connector", "pars-connector", ""
    return asset


def _notify(service: NotifyBase, subject: str, text: str, sheet: Attachment | None) -> None:
    with _contained():
        from apprise import Apprise, AppriseAttachment
        from apprise.attachment.memory import AttachMemory

        attached = AppriseAttachment()
        if sheet:
            workbook = AttachMemory(content=sheet[1], name=sheet[0], mimetype=_WORKBOOK)  # type: ignore[no-untyped-call]
            attached.add(workbook)
        carrier = Apprise(asset=service.asset)
        carrier.add(service)
        taken = carrier.notify(body=text, title=subject, body_format="text", attach=attached if sheet else None)
        if not taken:
            hint = "its address, its password, and whether its server answers; it is sent again by itself"
            raise RetryLater("notice.not_sent", f"a notice by {service.service_name} was not taken", hint)


@contextmanager
def _contained() -> Iterator[None]:
    """Whatever apprise raises may quote an address or a text: its type is all that is told."""
    try:
        yield
    except ConnectorError:
        raise
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "apprise":
            raise
        raise ConfigError(
            "notice.no_apprise",
            "`desk.notices` has addresses of apprise, which is not installed",
            "pip install 'pars-connector[notify]', or leave only the webhook",
        ) from None
    except Exception as error:
        raise RetryLater("notice.not_sent", f"apprise stumbled: {type(error).__name__}") from None

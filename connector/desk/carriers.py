"""The ways a notice leaves: apprise, which is optional and imported late, and a web address. Knows no case and no row.

Addresses hold passwords, texts may hold names: neither is in a message of ours, and apprise's own log is silent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

import orjson

from connector.config import Secret, Webhook
from connector.errors import ConfigError, ConnectorError, RetryLater
from connector.http import Http

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

Attachment = tuple[str, bytes]
"""A file's name and its bytes: a workbook."""

NOT_REACHED: Final = "look at the mailbox that the learner source has of him; until then he stays on the desk"
_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ATOM: Final = r"[a-z0-9!#$%&*/=?^_`{|}~-]+"  # no apostrophe: apprise takes what stands before it for a name
_NAME: Final = rf"{_ATOM}(?:\.{_ATOM})*"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_MAILBOX: Final = re.compile(rf"(?=.{{3,254}}$)(?=.{{1,64}}@){_NAME}(?:\+{_NAME})?@(?:{_LABEL}\.)+[a-z]{{2,63}}")
_PROBE: Final = "test.learner@example.edu"
_NOT_UNDERSTOOD = "it is an address of apprise, such as mailtos://user:password@mail.example.edu?to=office@example.edu"


def is_mailbox(text: str) -> bool:
    """A plain address and nothing else: no list, no name, no line feed, nothing that a header could mean otherwise."""
    return _MAILBOX.fullmatch(text) is not None


def send(address: Secret, subject: str, text: str, sheet: Attachment | None = None) -> None:
    """By apprise. Raises ConfigError for an address that is none, RetryLater when it was not taken."""
    _notify(_to_one(address), subject, text, sheet)


def send_to(address: Secret, recipient: str, subject: str, text: str) -> None:
    """The same to one mailbox, by a mail address of apprise that names nobody."""
    _notify(_to_learner(address, recipient), subject, text, None)


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
    service = _to_learner(address, _PROBE) if to_learners else _to_one(address)
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


def _to_one(address: Secret) -> NotifyBase:
    """Exactly one: of several, those that take it would be told again for as long as another does not."""
    parts = _parts(address)
    service = _service(parts)
    told = _addressed(service)
    if max(len(service) // (getattr(service, "retry", 0) + 1), len(told)) > 1:
        hint = "list an address for each of them, one by one; `cc` and `bcc` count too"
        raise ConfigError("notice.address", "an address of `desk.notices` names several recipients", hint)
    written = [one for one in parts.get("targets") or [parts.get("from_addr") or ""] if "@" in one]
    if any(not any(_is_whole(one, text) for text in written) for one in told if written and "@" in one[1:]):
        hint = "apprise takes what stands before an apostrophe for a name: take a mailbox without one"
        raise ConfigError("notice.address", "apprise would send to another mailbox than `desk.notices` names", hint)
    return service


def _is_whole(mailbox: str, written: str) -> bool:
    return written.strip() == mailbox or written.endswith(f"<{mailbox}>")


def _to_learner(address: Secret, recipient: str) -> NotifyBase:
    """The recipient and nobody else. Raises `notice.recipient` where that is his mailbox's fault alone."""
    parts = _parts(address)
    if any(parts.get(name) for name in ("targets", "cc", "bcc")):
        hint = "take the recipient out of it, also of `cc` and `bcc`: each learner is one"
        raise ConfigError("notice.address", "`desk.notices.learners` names somebody already", hint)
    service = _service(parts | {"targets": [recipient]})
    if _addressed(service) == [recipient]:
        return service
    if recipient == _PROBE:
        raise ConfigError("notice.address", "`desk.notices.learners` is no mail address of apprise", _NOT_UNDERSTOOD)
    _to_learner(address, _PROBE)
    raise ConfigError("notice.recipient", "apprise would send to another mailbox than the learner's", NOT_REACHED)


def _addressed(service: NotifyBase) -> list[str]:
    """Whoever gets the same mail, as apprise will have it."""
    targets = [one if isinstance(one, str) else f"{one[-1]}" for one in getattr(service, "targets", None) or ()]
    return [*targets, *(getattr(service, "cc", None) or ()), *(getattr(service, "bcc", None) or ())]


def _parts(address: Secret) -> dict[str, Any]:
    url = address.reveal().get_secret_value()
    with _contained():
        import apprise.plugins

        logging.getLogger("apprise").disabled = True  # its lines hold addresses and hosts
        parts: dict[str, Any] | None = apprise.plugins.url_to_dict(url, secure_logging=True)  # type: ignore[no-untyped-call]
        return parts or _not_understood()


def _service(parts: dict[str, Any]) -> NotifyBase:
    with _contained():
        from apprise import Apprise

        return Apprise.instantiate(parts, asset=_asset()) or _not_understood()


def _not_understood() -> NoReturn:
    raise ConfigError("notice.address", "apprise makes nothing of an address of `desk.notices`", _NOT_UNDERSTOOD)


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

"""The exceptions, grouped by what must happen next; a code's first word says whose fault it is.

    ConnectorError(code, message, hint)
      ConfigError      a person fixes a file: path:line:column; exit code 2
        MappingError   the same, for the mapping folder
      RetryLater       nobody acts, and it is proved that the other side did not act
      InDoubt          a save or delete that may or may not have been stored
      NeedsOperator    stops the source or the channel, never a credit

Messages hold codes, paths and numbers, never a personal value: they end up in logs.
"""

from __future__ import annotations

from typing import Any


class ConnectorError(Exception):
    """The root: `code` names the heading in docs/reference/errors.md, `hint` says what to do."""

    exit_code = 1

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" + (f"\n  {self.hint}" if self.hint else "")


class ConfigError(ConnectorError):
    """A file must be mended; `where` is `path:line:column` or the path alone.

    `findings` are all `findings.Finding` of the file, the first one being this error; typed loosely as that module
    stands above this one.
    """

    exit_code = 2

    def __init__(
        self, code: str, message: str, hint: str = "", *, where: str = "", findings: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(code, message, hint)
        self.where = where
        self.findings = findings

    def __str__(self) -> str:
        if self.findings:
            return "\n".join(map(str, self.findings))
        return f"{self.where}: {super().__str__()}" if self.where else super().__str__()


class MappingError(ConfigError):
    """A mapping file must be mended; the rules that were active keep running."""


class RetryLater(ConnectorError):
    """No connection, 429, or a read that met a 5xx: the other side provably did not act.

    `wait` is what Retry-After asked for, in seconds, or None.
    """

    def __init__(self, code: str, message: str, hint: str = "", *, wait: float | None = None) -> None:
        super().__init__(code, message, hint)
        self.wait = wait


class InDoubt(ConnectorError):
    """A save without a readable answer after the first byte of its body: ask before sending again."""


class NeedsOperator(ConnectorError):
    """Wrong credentials, wrong address or an untrusted certificate: stop the source or channel and say so once."""

    exit_code = 3

# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors of the collection: what went wrong, why, and what to do next (pure; private to the collection)."""

from __future__ import annotations

import typing as t


class CutoverError(Exception):
    """An expected error, in one sentence and a remedy.

    :param message: what happened and why, a sentence without the remedy
    :param remedy: what the user should do, a sentence; may be empty
    :param code: the API's own error code, such as ``ReplicationJob.InvalidStatus``
    :param request_id: the API's request ID, for a support ticket
    :param http_status: the HTTP status of the answer
    :param details: further plain data for the result, never a secret
    :cvar kind: the kind of the error in results, for conditions of playbooks
    """

    kind = "error"

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        code: str = "",
        request_id: str = "",
        http_status: t.Optional[int] = None,
        details: t.Optional[dict[str, t.Any]] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code
        self.request_id = request_id
        self.http_status = http_status
        self.details = details or {}
        #: what had been done before the error, merged into the result
        self.partial: dict[str, t.Any] = {}

    def __str__(self) -> str:
        return " ".join(_sentence(part) for part in (self.message, self.remedy) if part)

    def as_result(self) -> dict[str, t.Any]:
        """The error as a module returns it under ``error``."""
        return {
            "kind": self.kind,
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "request_id": self.request_id,
            "http_status": self.http_status,
            "details": self.details,
        }


class InvalidOptionError(CutoverError):
    """An option's value cannot be used; nothing was changed."""

    kind = "invalid_option"


class PreconditionError(CutoverError):
    """The present state does not allow what was requested."""

    kind = "precondition"


class NotFoundError(CutoverError):
    """A resource that was named does not exist."""

    kind = "not_found"


class UnreachableError(CutoverError):
    """A read got no answer; repeating it is harmless."""

    kind = "unreachable"


class OutcomeUnknownError(CutoverError):
    """A write got no answer: the change may or may not have been made, so it must be read back before it is repeated."""

    kind = "outcome_unknown"


class ConflictError(CutoverError):
    """The state changed between the observation and the action: observe again."""

    kind = "conflict"


class WaitTimeoutError(CutoverError):
    """A wait ended at its deadline."""

    kind = "wait_timeout"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."

# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What went wrong, why, and what to do next: the one family of errors (pure; private to the collection)."""

from __future__ import annotations

import typing as t


class Failure(Exception):
    """An expected failure, told in one sentence and a remedy.

    :param message: what happened and why, a sentence without the remedy
    :param remedy: what the user should do, a sentence; may be empty
    :param code: the API's own error code, such as ``ReplicationJob.InvalidStatus``
    :param request_id: the API's request id, for a support ticket
    :param http_status: the HTTP status of the answer
    :param details: further plain data for the result, never a secret
    """

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
        #: what had been done before the failure, merged into the result
        self.partial: dict[str, t.Any] = {}

    def __str__(self) -> str:
        return " ".join(_sentence(part) for part in (self.message, self.remedy) if part)

    def as_result(self) -> dict[str, t.Any]:
        """The failure as a module returns it under ``error``."""
        return {
            "kind": type(self).__name__,
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "request_id": self.request_id,
            "http_status": self.http_status,
            "details": self.details,
        }


class BadInput(Failure):
    """An option's value cannot be used; nothing was touched."""


class NotReady(Failure):
    """The world is not in a state that allows what was asked."""


class NotFound(Failure):
    """Something that was named does not exist."""


class Unreachable(Failure):
    """A read did not get an answer; asking again is harmless."""


class Ambiguous(Failure):
    """A write got no answer: it may or may not have happened, so look before repeating it."""


class Conflict(Failure):
    """The world moved between the look and the deed: look again."""


class TimedOut(Failure):
    """A wait ended at its deadline."""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."

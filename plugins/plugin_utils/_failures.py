# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Explains in one sentence why a task failed, whatever kind of task it was (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

#: Messages of Ansible that say nothing without what follows them in the result.
_SAYS_NOTHING = ("non-zero return code", "MODULE FAILURE", "")
_SENTENCE_ENDS = (".", "!", "?")


def failure_message(result: t.Any, default: str) -> str:
    """Why a task failed, as one sentence on one line.

    :param result: the task's result: of a module, of a loop, or of a file or role that Ansible could not load
    :param default: what to say if the result holds no reason; Ansible keeps none for a role that it does not find
    """
    text = " ".join(_reason(result).split()) or default
    return text if text.endswith(_SENTENCE_ENDS) else f"{text}."


def _reason(result: t.Any) -> str:
    if not isinstance(result, Mapping):
        return ""
    items = result.get("results")
    if isinstance(items, (list, tuple)):
        reasons = [_reason(item) for item in items if isinstance(item, Mapping) and item.get("failed")]
        # Every item of a loop may fail for the same reason.
        return "; ".join(dict.fromkeys(filter(None, reasons))) or str(result.get("msg") or "")
    message = str(result.get("msg") or "") or _first_line(result.get("reason"))
    if message not in _SAYS_NOTHING:
        return message
    return ": ".join(filter(None, (message, _last_line(result.get("stderr")) or _last_line(result.get("stdout")))))


def _first_line(text: t.Any) -> str:
    """The first line that is not empty: the others repeat it in other words."""
    return next((line.strip() for line in str(text or "").splitlines() if line.strip()), "")


def _last_line(text: t.Any) -> str:
    """The last line that is not empty, where programs write what stopped them."""
    return next((line.strip() for line in reversed(str(text or "").splitlines()) if line.strip()), "")

"""Activation codes for the connector."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any

from lab.alicloud.http.validation import checked_description, checked_name
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import error
from lab.alicloud.world.records import Token
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import seconds_format


class Tokens:
    """The actions on activation codes, and the connector's use of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, parameters: Parameters) -> dict[str, Any]:
        """CreateAccessToken: only this answer contains the code."""
        name, description = checked_name(parameters, "Name"), checked_description(parameters)
        count = parameters.integer("Count", 1, 1000) or 100
        days = parameters.integer("TimeToLiveInDays", 1, 90) or 30
        token = Token(
            token_id=self._store.identifiers.make("at"),
            code=self._store.identifiers.secret(),
            created=self._store.now(),
            count=count,
            days=days,
            name=name,
            description=description,
        )
        self._store.tokens[token.token_id] = token
        self._store.codes.append(token.code)
        return {"AccessTokenId": token.token_id, "AccessTokenCode": token.code}

    def list(self, parameters: Parameters) -> dict[str, Any]:
        """ListAccessTokens. The documents swap the meanings of PageNumber and PageSize; the lab does the same."""
        ids, name, status = parameters.texts("AccessTokenId", 100), parameters.text("Name"), parameters.text("Status")
        found = [
            token
            for token in self._store.tokens.values()
            if (not ids or token.token_id in ids)
            and (not name or token.name == name)
            and (not status or self._status(token) == status.lower())
        ]
        return {
            "PageNumber": 20,
            "PageSize": 1,
            "TotalCount": len(found),
            "AccessTokens": {"AccessToken": [self._view(token) for token in found]},
        }

    def disable(self, parameters: Parameters) -> dict[str, Any]:
        """DisableAccessToken: no further imports."""
        self._find(parameters).disabled = True
        return {}

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteAccessToken."""
        del self._store.tokens[self._find(parameters).token_id]
        return {}

    def use(self, token_id: str, code: str) -> None:
        """One import with a code; refused when it is wrong, disabled, expired or used up."""
        token = self._store.tokens.get(token_id)
        if token is None or not hmac.compare_digest(token.code.encode(), code.encode()):
            raise error("InvalidAccessToken.NotFound")
        if token.disabled:
            raise error("InvalidAccessToken.Disabled")
        if self._expired(token):
            raise error("InvalidAccessToken.Expired")
        if token.registered >= token.count:
            raise error("InvalidAccessToken.CountExceeded", token.count)
        token.registered += 1

    def _find(self, parameters: Parameters) -> Token:
        token = self._store.tokens.get(parameters.required("AccessTokenId"))
        if token is None:
            raise error("InvalidAccessTokenId.NotFound")
        return token

    def _expired(self, token: Token) -> bool:
        return self._store.now() >= token.created + timedelta(days=token.days)

    def _status(self, token: Token) -> str:
        if self._expired(token):
            return "expired"
        if self._store.switches.text("token_status") == "enabled":
            return "unactivated" if token.disabled else "activated"
        # There is no other value for a disabled code if the two others mean whether it was used.
        if token.disabled:
            return "expired"
        return "activated" if token.registered else "unactivated"

    def _view(self, token: Token) -> dict[str, Any]:
        return {
            "AccessTokenId": token.token_id,
            "Count": str(token.count),
            "CreationTime": seconds_format(token.created),
            "Description": token.description,
            "Name": token.name,
            "RegisteredCount": str(token.registered),
            "Status": self._status(token),
            "TimeToLiveInDays": str(token.days),
        }

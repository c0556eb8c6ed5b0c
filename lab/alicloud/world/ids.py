"""Identifiers that look like Alibaba Cloud's."""

from __future__ import annotations

import random
import string
import uuid

_ALPHABET = string.digits + string.ascii_lowercase
# The three letters of a region within an id; those of other regions are derived from the region's name.
_REGION_CODES = {
    "cn-hangzhou": "bp1",
    "cn-shanghai": "uf6",
    "cn-beijing": "2ze",
    "cn-shenzhen": "wz9",
    "cn-hongkong": "j6c",
    "ap-southeast-1": "t4n",
    "ap-northeast-1": "6we",
    "eu-central-1": "gw8",
    "us-west-1": "rj9",
    "us-east-1": "0xi",
}


class Identifiers:
    """Makes ids such as `j-bp1x0o5u1h3k9w2q8z7e`."""

    def __init__(self, region_id: str) -> None:
        letters = [character for character in region_id if character.isalnum()]
        self._code = _REGION_CODES.get(region_id, "".join(letters[-3:]))
        self._random = random.SystemRandom()

    def make(self, prefix: str) -> str:
        """A new id with the prefix of its kind, for example `j` for a job."""
        tail = "".join(self._random.choice(_ALPHABET) for _ in range(17))
        return f"{prefix}-{self._code}{tail}"

    def secret(self, length: int = 32) -> str:
        """A random text that can be a secret."""
        return "".join(self._random.choice(string.ascii_letters + string.digits) for _ in range(length))

    def mac_address(self) -> str:
        """A MAC address with the prefix of Alibaba Cloud's instances."""
        return "00:16:3e:" + ":".join(f"{self._random.randrange(256):02x}" for _ in range(3))


def request_id() -> str:
    """An upper-case UUID, as in every response."""
    return str(uuid.uuid4()).upper()

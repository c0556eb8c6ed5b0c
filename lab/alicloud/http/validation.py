"""Rules for names, descriptions and JSON texts that several actions share."""

from __future__ import annotations

import json
import re

from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import invalid

_LETTER = r"A-Za-z\u4e00-\u9fa5"
# Digits, colons, underscores and hyphens are allowed after the first letter.
_NAME = re.compile(rf"^[{_LETTER}][{_LETTER}0-9:_\-]{{1,127}}$")
_IMAGE_NAME = re.compile(rf"^[{_LETTER}][{_LETTER}0-9:_.\-]{{1,127}}$")
_WORKGROUP_NAME = re.compile(rf"^[{_LETTER}][{_LETTER}0-9:._\-]{{1,63}}$")
_CLIENT_TOKEN = re.compile(r"^[\x21-\x7e]{1,64}$")
_NAME_RULE = "2 to 128 characters: a letter first, then letters, digits, colons, underscores and hyphens; no http:// or https://."


def checked_name(parameters: Parameters, field: str) -> str:
    """A name of a source, job or token; absent is empty."""
    name = parameters.text(field)
    if name and not _NAME.match(name):
        raise invalid(parameters.name_of(field), _NAME_RULE)
    return name


def checked_workgroup_name(parameters: Parameters) -> str:
    """A workgroup's name; absent is empty."""
    name = parameters.text("Name")
    if name and not _WORKGROUP_NAME.match(name):
        raise invalid("Name", "2 to 64 characters: a letter first, then letters, digits, and any of : . _ -")
    return name


def checked_workgroup_description(parameters: Parameters) -> str:
    """A workgroup's description; absent is empty."""
    description = parameters.text("Description")
    if description and not (2 <= len(description) <= 256 and not description.startswith(("http://", "https://"))):
        raise invalid("Description", "2 to 256 characters; no http:// or https://.")
    return description


def checked_image_name(parameters: Parameters, field: str = "ImageName") -> str:
    """A name of an image; absent is empty."""
    name = parameters.text(field)
    if name and not _IMAGE_NAME.match(name):
        raise invalid(parameters.name_of(field), _NAME_RULE)
    return name


def checked_job_description(parameters: Parameters, strict: bool) -> str:
    """A job's description: according to the documentation it has the pattern of a name."""
    description = parameters.text("Description")
    if strict:
        return checked_name(parameters, "Description")
    if len(description) > 128 or description.startswith(("http://", "https://")):
        raise invalid(parameters.name_of("Description"))
    return description


def checked_description(parameters: Parameters, most: int = 256) -> str:
    """A free description."""
    description = parameters.text("Description")
    if len(description) > most or description.startswith(("http://", "https://")):
        raise invalid(parameters.name_of("Description"))
    return description


def checked_client_token(parameters: Parameters) -> str:
    """The idempotency key: ASCII, at most 64 characters; absent is empty."""
    token = parameters.text("ClientToken")
    if token and not _CLIENT_TOKEN.match(token):
        raise invalid("ClientToken", "At most 64 ASCII characters.")
    return token


def checked_replication_parameters(parameters: Parameters) -> str:
    """`ReplicationParameters`: a JSON object of at most 2,048 characters."""
    text = parameters.text("ReplicationParameters")
    if not text:
        return ""
    try:
        parsed = json.loads(text)
    except ValueError as failure:
        raise invalid("ReplicationParameters", "It must be a JSON object.") from failure
    if len(text) > 2048 or not isinstance(parsed, dict):
        raise invalid("ReplicationParameters", "It must be a JSON object of at most 2048 characters.")
    return text

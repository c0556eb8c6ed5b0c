"""Reads and checks what RunCommand asks for."""

from __future__ import annotations

import base64
import binascii
import json
import re

from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import error, invalid, missing
from lab.alicloud.world.records import Instance, Invocation, InvokedInstance
from lab.alicloud.world.store import Store

OS_TYPES = {"RunShellScript": "linux", "RunBatScript": "windows", "RunPowerShellScript": "windows"}
LARGEST_CONTENT = 24 * 1024  # bytes, in Base64
MOST_INSTANCES = 100
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_:\-]+)\s*\}\}")


def new_invocation(store: Store, parameters: Parameters) -> Invocation:
    """The invocation that a request describes; it is not in the store yet."""
    kind = parameters.required("Type")
    if kind not in OS_TYPES:
        raise invalid("Type", f"It must be one of {', '.join(OS_TYPES)}.")
    now = store.now()
    content, custom_parameters = _content(parameters), _custom_parameters(parameters)
    is_dry_run(parameters)
    instances = _instances(store, parameters, kind)
    return Invocation(
        invoke_id=store.identifiers.make("t"),
        command_id=store.identifiers.make("c"),
        created=now,
        kind=kind,
        content=content,
        name=_bounded(parameters, "Name", 128) or "RunCommand",
        timeout=parameters.integer("Timeout", 1, 86400) or 60,
        results=[InvokedInstance(instance.instance_id, created=now) for instance in instances],
        description=_bounded(parameters, "Description", 512),
        parameters=custom_parameters,
        username=_bounded(parameters, "Username", 255),
        working_dir=_bounded(parameters, "WorkingDir", 200),
        resource_group_id=parameters.text("ResourceGroupId"),
        tags=parameters.tags(64, 128),
    )


def is_dry_run(parameters: Parameters) -> bool:
    """`RepeatMode`: Once, or DryRun."""
    mode = parameters.text("RepeatMode", "Once")
    if mode not in ("Once", "DryRun") or parameters.text("Frequency"):
        raise invalid("RepeatMode", "The simulator runs commands Once, or checks them by DryRun.")
    return mode == "DryRun"


def script_of(invocation: Invocation, instance: Instance, region_id: str) -> str:
    """The script with its `{{name}}` filled in; names are not case-sensitive, unknown ones become empty."""
    if not invocation.parameters:
        return invocation.content
    built_in = {
        "ACS::RegionId": region_id,
        "ACS::InstanceId": instance.instance_id,
        "ACS::InstanceName": instance.name,
        "ACS::InvokeId": invocation.invoke_id,
        "ACS::CommandId": invocation.command_id,
    }
    values = {key.lower(): value for key, value in {**built_in, **invocation.parameters}.items()}
    return _PLACEHOLDER.sub(lambda match: values.get(match.group(1).lower(), ""), invocation.content)


def _instances(store: Store, parameters: Parameters, kind: str) -> list[Instance]:
    """The instances that the request names by id or by tag."""
    ids, tags = parameters.texts("InstanceId"), parameters.objects("ResourceTag", 20)
    if ids and tags:
        raise invalid("ResourceTag", "It cannot be given together with InstanceId.")
    if tags:
        ids = [
            instance.instance_id
            for instance in store.instances.values()
            if all(instance.tags.get(tag.text("Key")) == tag.text("Value") for tag in tags)
        ]
    if not ids:
        raise missing("InstanceId.1")
    if len(ids) > MOST_INSTANCES:
        raise error("InstanceIds.ExceedLimit", MOST_INSTANCES)
    unknown = [instance_id for instance_id in ids if instance_id not in store.instances]
    if unknown:
        raise error("InvalidInstance.NotFound", ",".join(unknown))
    found = [store.instances[instance_id] for instance_id in dict.fromkeys(ids)]
    others = [instance.instance_id for instance in found if instance.os_type != OS_TYPES[kind]]
    if others:
        raise error("InvalidInstance.NotMatch", ",".join(others))
    return found


def _bounded(parameters: Parameters, name: str, most: int) -> str:
    text = parameters.text(name)
    if len(text) > most:
        raise invalid(name, f"At most {most} characters are allowed.")
    return text


def _content(parameters: Parameters) -> str:
    """`CommandContent`, decoded; the limit is of its Base64 form. An unknown encoding means plain text."""
    text = parameters.required("CommandContent")
    if parameters.text("ContentEncoding").lower() != "base64":
        encoded, content = base64.b64encode(text.encode()).decode(), text
    else:
        try:
            encoded, content = text, base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as failure:
            raise error("CmdContent.DecodeError") from failure
    if len(encoded) > LARGEST_CONTENT:
        raise error("CmdContent.ExceedLimit")
    return content


def _custom_parameters(parameters: Parameters) -> dict[str, str]:
    text = parameters.text("Parameters")
    if not text or not parameters.boolean("EnableParameter"):
        return {}
    try:
        values = json.loads(text)
    except ValueError as failure:
        raise invalid("Parameters", "It must be a JSON object.") from failure
    if not isinstance(values, dict) or len(values) > 10 or not all(0 < len(key) <= 64 for key in values):
        raise invalid("Parameters", "It must be a JSON object of at most 10 keys of 1 to 64 characters.")
    return {str(key): str(value) for key, value in values.items()}

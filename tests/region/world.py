"""moto, and the only file that knows its inside (5.2.5, pinned in setup.cfg).

moto keeps what machines stand on (networks, images, keys, templates, parameters, queues, events)
and answers every call about it. The machines are ours: see machines.py.
"""

from __future__ import annotations

import io
import json
import os
from functools import cache
from typing import Any

ACCOUNT = "123456789012"
# Identifiers come out the same after every reset.
SEED = 20
ROOT_GIB = 8  # of a disk that an image brings


def install(free_addresses: Any) -> None:
    """Makes moto fit for the region; must run before anything else of this file.

    ``free_addresses(region, subnet)`` says how many addresses a subnet has left.
    """
    # Its 600 images are loaded for each region otherwise, and none of them is used here.
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    from moto.ec2.models.amis import Ami
    from moto.ec2.models.subnets import Subnet
    from moto.events.utils import EventTemplateParser

    # moto counts the interfaces of its own instances, of which there are none. EC2 counts IPv4.
    Subnet.available_ip_address_count = property(
        lambda subnet: (
            0 if subnet.ipv6_native else free_addresses(subnet.ec2_backend.region_name, subnet)
        )
    )
    # moto's images have one root volume, all alike.
    Ami.block_device_mappings = property(disks)
    # Every event of AWS names its account; moto leaves it out on the way to a queue.
    template = EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE
    if "<account>" not in template:
        EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE = template.replace(
            '"version"', '"account": "<account>", "version"'
        )


def reset() -> None:
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data
    from moto.moto_api._internal import mock_random

    BackendDict.reset()
    reset_model_data()
    mock_random.seed(SEED)


@cache
def _application() -> Any:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


def call(environ: dict[str, Any], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """What moto answers to a request: status, headers, body."""
    said: list[Any] = []
    environ = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    chunks = _application()(
        environ, lambda status, headers, exc=None: said.extend([status, headers])
    )
    try:
        content = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    return int(said[0].split()[0]), said[1], content


@cache
def _operation(action: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model("ec2").operation_model(action)


def parse(action: str, flat: dict[str, str]) -> dict[str, Any]:
    """EC2's parameters by boto3's names and types."""
    from moto.core.parse import PROTOCOL_PARSERS
    from werkzeug.datastructures import MultiDict

    parser = PROTOCOL_PARSERS["ec2"](_operation(action), map_type=dict)
    said = {"values": MultiDict(flat), "headers": {}, "body": b"", "method": "POST"}
    return parser.parse({**said, "url_path": "/", "url_params": {}})


def backend(region: str, service: str = "ec2") -> Any:
    from moto.backends import get_backend

    return get_backend(service)[ACCOUNT][region]


@cache
def regions() -> frozenset[str]:
    from moto.ec2.models import ec2_backends

    return frozenset(ec2_backends[ACCOUNT].regions)


@cache
def instance_types() -> frozenset[str]:
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    return frozenset(INSTANCE_TYPES)


def subnet(region: str, subnet_id: str) -> Any:
    """With id, vpc_id, cidr_block, availability_zone, map_public_ip_on_launch; None is unknown."""
    for zone in backend(region).subnets.values():
        if subnet_id in zone:
            return zone[subnet_id]
    return None


def default_subnet(region: str, zone: str | None) -> Any:
    found = [each for zones in backend(region).subnets.values() for each in zones.values()]
    default = [each for each in found if each.default_for_az]
    return next((each for each in default if zone in (None, each.availability_zone)), None)


@cache
def documented_values(action: str) -> Any:
    """The shape of a call's parameters: with type_name, members, member and enum."""
    return _operation(action).input_shape


def disks(image: Any) -> list[dict[str, Any]]:
    """An image's BlockDeviceMappings; what is in ``keeps`` outlives a machine."""
    if image.root_device_type != "ebs":
        return []
    keeps, more = getattr(image, "keeps", False), getattr(image, "more_disks", ())
    ebs = {"SnapshotId": image.ebs_snapshot.id, "VolumeSize": ROOT_GIB, "VolumeType": "gp2"}
    return [
        {"DeviceName": device, "Ebs": {**ebs, "DeleteOnTermination": not keeps}}
        for device in (image.root_device_name, *more)
    ]


def image(region: str, image_id: str) -> Any:
    return backend(region).amis.get(image_id)


def group(region: str, id_or_name: str) -> Any:
    for groups in backend(region).groups.values():
        for each in groups.values():
            if id_or_name in (each.id, each.name):
                return each
    return None


def default_group(region: str, vpc_id: str) -> Any:
    return backend(region).get_default_security_group(vpc_id)


def has_key(region: str, name: str) -> bool:
    return name in backend(region).key_pairs


def parameter(region: str, name: str) -> str | None:
    found = backend(region, "ssm").get_parameter(name)
    return found.value if found else None


def put_parameter(region: str, name: str, value: str) -> None:
    """Also under /aws/, where only AWS may write: put where moto keeps what it knows."""
    from moto.core.utils import utcnow
    from moto.ssm.models import Parameter

    made = Parameter(
        account_id=ACCOUNT,
        name=name,
        value=value,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=utcnow(),
        version=1,
        data_type="aws:ec2:image",
    )
    backend(region, "ssm")._parameters[name].append(made)


def template(region: str, template_id: str | None, name: str | None) -> Any:
    """With id, name, versions, get_version(); None is unknown."""
    here = backend(region)
    return here.launch_templates.get(template_id or here.launch_template_name_to_ids.get(name))


def templates(region: str) -> list[Any]:
    return list(backend(region).launch_templates.values())


def put_event(region: str, detail_type: str, instance_id: str, detail: dict[str, Any]) -> None:
    """As EC2 tells EventBridge; the rules that match send it to their queues."""
    arn = f"arn:aws:ec2:{region}:{ACCOUNT}:instance/{instance_id}"
    event = {"Source": "aws.ec2", "DetailType": detail_type, "Resources": [arn]}
    backend(region, "events").put_events([{**event, "Detail": json.dumps(detail)}])

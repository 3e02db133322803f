"""The volumes that a launch makes: the image's, changed and added to by the launch.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html
"""

from __future__ import annotations

from typing import Any

from tests.region.wire import ApiError

Data = dict[str, Any]
NEEDS_IOPS = {"io1", "io2"}
MAY_HAVE = {"Iops": {"gp3", *NEEDS_IOPS}, "Throughput": {"gp3"}}


def of_launch(image: list[Data], launch: list[Data]) -> dict[str, Data]:
    """Device -> what the volume is, or EC2's error. A name that the image has not is one more."""
    found = {each["DeviceName"]: _plain(each["Ebs"]) for each in image}
    for each in launch:
        device, said = each["DeviceName"], each.get("Ebs") or {}
        if device not in found and not said.get("VolumeSize"):
            raise ApiError("MissingParameter", "The request must contain the parameter size")
        new = {"VolumeType": "gp2", "DeleteOnTermination": True}
        found[device] = {**found.get(device, new), **said}
    for each in found.values():
        _check(each)
    return found


def left_behind(volumes: dict[str, Data]) -> list[str]:
    """What a machine leaves costs money until somebody deletes it."""
    return [device for device, each in volumes.items() if not each["DeleteOnTermination"]]


def _plain(ebs: Data) -> Data:
    return {key: value for key, value in ebs.items() if key != "SnapshotId"}


def _check(ebs: Data) -> None:
    kind = ebs["VolumeType"]
    for key, kinds in MAY_HAVE.items():
        if key in ebs and kind not in kinds:
            text = f"The parameter {key.lower()} is not supported for {kind} volumes."
            raise ApiError("InvalidParameterCombination", text)
    if kind in NEEDS_IOPS and "Iops" not in ebs:
        text = f"The parameter iops must be specified for {kind} volumes."
        raise ApiError("MissingParameter", text)
    if "KmsKeyId" in ebs and not ebs.get("Encrypted"):
        text = "The parameter KmsKeyId requires the parameter Encrypted to be set."
        raise ApiError("InvalidParameterDependency", text)

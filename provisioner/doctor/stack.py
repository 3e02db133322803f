"""The queue of EC2's notices and the rule that fills it, as a template for CloudFormation. Pure.

EventBridge tells a region's events in that region: a stack for each region that machines run in.
"""

from __future__ import annotations

from typing import Any

from provisioner.domain.notices import KINDS, SOURCE

# A notice of two minutes ahead is of no use after an hour; reconciliation has found the loss.
RETENTION = 3600
VISIBILITY = 60


def template(site: str, queue: str) -> dict[str, Any]:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"rolecall, site {site}: EC2's notices for the provisioner",
        "Parameters": {
            "QueueName": {
                "Type": "String",
                "Default": queue,
                "AllowedPattern": "[A-Za-z0-9_-]{1,80}",
                "Description": "The IAM policy names the same",
            }
        },
        "Resources": {
            "Notices": _queue(),
            "NoticesRule": _rule(),
            "NoticesPolicy": _queue_policy(),
        },
        "Outputs": {
            "SpotQueueUrl": {
                "Description": "SPOT_QUEUE_URL of the provisioner",
                "Value": {"Ref": "Notices"},
            }
        },
    }


def event_pattern() -> dict[str, Any]:
    """What is read, and nothing else: the provisioner deletes whatever more a rule sends."""
    return {"source": [SOURCE], "detail-type": list(KINDS)}


def _queue() -> dict[str, Any]:
    return {
        "Type": "AWS::SQS::Queue",
        "Properties": {
            "QueueName": {"Ref": "QueueName"},
            "MessageRetentionPeriod": RETENTION,
            "VisibilityTimeout": VISIBILITY,
            # Keys of KMS would have to let EventBridge in; these do.
            "SqsManagedSseEnabled": True,
        },
    }


def _rule() -> dict[str, Any]:
    target = {"Id": "notices", "Arn": _arn("Notices")}
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": ", ".join(KINDS),
            "EventPattern": event_pattern(),
            "State": "ENABLED",
            "Targets": [target],
        },
    }


def _queue_policy() -> dict[str, Any]:
    """The rule may send, and nobody in the clear."""
    send = {
        "Sid": "TheRuleSends",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": _arn("Notices"),
        "Condition": {"ArnEquals": {"aws:SourceArn": _arn("NoticesRule")}},
    }
    encrypted = {
        "Sid": "NobodyInTheClear",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": _arn("Notices"),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = {"Version": "2012-10-17", "Statement": [send, encrypted]}
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [{"Ref": "Notices"}], "PolicyDocument": document},
    }


def _arn(name: str) -> dict[str, Any]:
    """Made anew each time: in YAML a value that is used twice becomes an alias.

    CloudFormation knows none:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
    """
    return {"Fn::GetAtt": [name, "Arn"]}

"""The tags that make a machine or a template one of ours."""

from __future__ import annotations

SITE_TAG = "rolecall:site"
LAUNCH_TAG = "rolecall:launch"
ROLE_TAG = "rolecall:role"
KIND_TAG = "rolecall:kind"
EXPIRES_TAG = "rolecall:expires"
ENVIRONMENT_TAG = "rolecall:environment"
SPEC_TAG = "rolecall:spec"

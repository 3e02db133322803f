"""Whose EC2 we ask: another account answers truthfully, and knows none of our machines."""

from __future__ import annotations

from provisioner.context import Context


class WrongAccountError(Exception):
    """The credentials belong to another AWS account than the inventory."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(
            f"the credentials are for AWS account {found}, this inventory is of {wanted}; "
            "see 'aws sts get-caller-identity' and set AWS_PROFILE, or point REDIS_URL elsewhere"
        )


def check_account(context: Context) -> None:
    """Raises WrongAccountError, CloudError, StoreError. An inventory may have no account.

    Machines launched elsewhere would never be seen again, and those of ours, not found there,
    would be taken for gone.
    """
    wanted = context.inventory.meta.require().account
    if wanted and (found := context.cloud.account()) != wanted:
        raise WrongAccountError(found, wanted)

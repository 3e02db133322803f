"""User-data: what makes a new machine one of ours. Pure rendering, and the script it carries."""

from provisioner.bootstrap.errors import BootstrapError, ImpossibleValueError, UserDataTooLarge
from provisioner.bootstrap.userdata import LIMIT, render
from provisioner.bootstrap.values import Bootstrap, Install

__all__ = [
    "LIMIT",
    "Bootstrap",
    "BootstrapError",
    "ImpossibleValueError",
    "Install",
    "UserDataTooLarge",
    "render",
]

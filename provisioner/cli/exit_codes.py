"""The exit codes of every command, and which failure ends with which of them."""

from __future__ import annotations

DONE, FAILED, MISTYPED, PARTLY, INTERRUPTED = 0, 1, 2, 3, 130
# As the shell sees a program that the signal has ended: 128 + SIGPIPE.
NOBODY_READS = 141

# By name: to import what did not even happen would take longer than most commands do.
ROLES_FILE = "provisioner.rolesfile.problems.RolesFileError"
MISTYPED_KINDS = frozenset(
    {
        "enc.domain.certname.ImpossibleCertnameError",
        "provisioner.ports.errors.PuppetCommandError",
        "provisioner.bootstrap.errors.BootstrapError",
        "provisioner.importing.nodespp.definition.UnreadableDumpError",
        "provisioner.ending.retire.SparedError",
        "provisioner.settings.SettingError",
    }
)
FAILED_KINDS = frozenset(
    {
        "enc.inventory.errors.StoreError",
        "enc.domain.model.IllegalTransitionError",
        "provisioner.launching.abandon.LaunchAliveError",
        "provisioner.calls.WrongAccountError",
        "provisioner.clocks.WrongClockError",
        "provisioner.domain.ground.UnsuitableError",
        "provisioner.ports.exports.ExportError",
        "provisioner.ports.errors.CloudError",
        "provisioner.ports.errors.PuppetError",
        "provisioner.commands.regions.RegionsError",
        "enc.domain.rolespec.StoredRoleError",
    }
)

"""roles.yaml to checked roles: YAML and pydantic, with errors that name the path and the key.

``loading.load`` reads a file whole or not at all; ``spec.RoleSpec`` is a role, checked;
``differences.diff`` says what an apply would change. Import from those: a command that only needs
a RoleSpec does not pay for the YAML.
"""

"""Our own certificate, as far as we must know it ourselves."""

from __future__ import annotations

from pathlib import Path

from provisioner.settings import SettingError


def certname_in(path: str) -> str:
    """The certname of the certificate (PEM) in a file; raises SettingError."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_pem_x509_certificate(Path(path).read_bytes())
        [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except OSError as error:
        raise SettingError(f"PUPPET_CERT: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingError(f"PUPPET_CERT: {path} holds no certificate of Puppet's (PEM)") from error
    return str(name.value)

"""The certificates of a Puppet CA, out of the file that the user names."""

from __future__ import annotations

import re

from provisioner.rolesfile.fields import wrong

# They travel in user-data, of which EC2 takes 16 KiB in all. Puppet's own two take 4.
MAX_CHARACTERS = 8 * 1024
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


def certificates(text: str) -> str:
    """The PEM blocks of all certificates in ``text``, without what stands around them.

    Raises the error of rolefields.wrong() with the reason: none in it, damaged, a key among them.
    """
    from cryptography import x509

    blocks = list(_BLOCK.finditer(text.replace("\r\n", "\n")))
    if any("PRIVATE KEY" in block[1] for block in blocks):
        raise wrong("holds a private key", "give the certificate alone: every machine gets it")
    found = [block[0] for block in blocks if block[1] == "CERTIFICATE"]
    if not found:
        raise wrong("no certificate in it", "PEM starts with -----BEGIN CERTIFICATE-----")
    pem = "".join(f"{block}\n" for block in found)
    if len(pem) > MAX_CHARACTERS:
        raise wrong(f"more than {MAX_CHARACTERS} characters of certificates", "give only the CA's")
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise wrong("a damaged certificate", "copy the file again") from error
    return pem

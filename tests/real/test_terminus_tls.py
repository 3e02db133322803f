"""The terminus over https: it trusts one authority, checks names, and shows its certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from tests.real.terminusdriver import Found, TerminusDriver, answers, is_warning
from tests.service.certificates import (
    DAY,
    NOW,
    PASSPHRASE,
    Authority,
    Parties,
    as_puppets_own,
    parties_in,
    server_context,
)
from tests.service.enc_script import is_one_line, keep
from tests.service.misbehaving import Act, read, send, serve, stay, trickle
from tests.service.misbehaviours import NODE, WHOLE, response

pytestmark = pytest.mark.differs

GOOD: tuple[Act, ...] = (read, send(response(WHOLE)))
TIMEOUT = 0.5
SLACK = 0.5
# The header of a TLS record of 80 bytes, and none of them.
RECORD = b"\x16\x03\x03\x00\x50"
_BEGUN, _ENDED = (f"-----{word} PRIVATE KEY-----\n".encode() for word in ("BEGIN", "END"))
NO_KEYS = {
    "nothing": b"",
    "a word": b"nonsense\n",
    "half a key": _BEGUN + b"MIIEvQIBADANBgkqhkiG9w0BAQEF\n",
    "no base64": _BEGUN + b"?\n" + _ENDED,
    "another thing in base64": _BEGUN + b"AAECAwQFBgcICQ==\n" + _ENDED,
}


@pytest.fixture(scope="module")
def parties(puppet: TerminusDriver, tmp_path_factory: pytest.TempPathFactory) -> Parties:
    """Some for each Ruby."""
    folder = tmp_path_factory.mktemp(puppet.greeting["ruby"])
    return parties_in(folder, key=as_puppets_own())


def ask(
    puppet: TerminusDriver,
    parties: Parties,
    folder: Path,
    context: ssl.SSLContext | None = None,
    **settings: object,
) -> Found:
    """Asserts as well that a service that we do not accept is not asked either."""
    with serve(GOOD, "https", folder, context or parties.context()) as server:
        found = puppet.look_up(NODE, url=server.url, **parties.settings(**settings))
    assert len(server.requests) == (found.node is not None)
    assert is_one_line(f"{found.raised}\n")
    return found


class TestTheService:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_is_believed_when_the_authority_signed_it(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path, version: ssl.TLSVersion
    ) -> None:
        context = parties.context()
        context.minimum_version = context.maximum_version = version

        assert answers(ask(puppet, parties, tmp_path, context), WHOLE)

    def test_may_be_named_by_an_address_of_its_certificate(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path
    ) -> None:
        with serve(GOOD, "https", tmp_path, parties.context()) as server:
            url = server.url.replace("localhost", "127.0.0.1")
            found = puppet.look_up(NODE, url=url, **parties.settings())

        assert answers(found, WHOLE)

    def test_is_not_believed_by_its_common_name_alone(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path
    ) -> None:
        nameless = server_context(parties.authority.issue("localhost"), parties.authority)

        assert ask(puppet, parties, tmp_path, nameless).node is None

    def test_is_not_believed_when_a_stranger_signed_it(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path
    ) -> None:
        strange = Authority(tmp_path, "strange").issue("server", "localhost")
        context = server_context(strange, parties.authority)

        assert ask(puppet, parties, tmp_path, context).node is None

    def test_is_not_believed_with_another_name(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path
    ) -> None:
        other = parties.authority.issue("other", "enc.example.com", "127.0.0.1")
        context = server_context(other, parties.authority)

        assert ask(puppet, parties, tmp_path, context).node is None

    def test_is_not_believed_when_it_has_expired(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path
    ) -> None:
        old = parties.authority.issue("old", "localhost", until=NOW - DAY)
        context = server_context(old, parties.authority)

        assert ask(puppet, parties, tmp_path, context).node is None

    @pytest.mark.parametrize(
        "acts",
        [
            pytest.param((stay,), id="silent"),
            pytest.param((send(RECORD), stay), id="half-a-record"),
            pytest.param((send(RECORD), trickle(b"x" * 80, 1)), id="a-byte-a-second"),
        ],
    )
    def test_a_handshake_that_never_ends_is_late(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path, acts: tuple[Act, ...]
    ) -> None:
        keep(tmp_path, NODE, WHOLE)
        settings = parties.settings(timeout=TIMEOUT, cache=tmp_path)
        with serve(acts, "https", tmp_path) as server:
            found = puppet.look_up(NODE, url=server.url, **settings)

        assert is_warning(found)
        assert "no answer in time" in found.logs[0]
        assert found.seconds < TIMEOUT + SLACK


class TestTheClient:
    def test_is_refused_without_a_certificate(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path
    ) -> None:
        assert ask(puppet, parties, tmp_path, cert="", key="").node is None

    def test_is_refused_with_a_certificate_of_a_stranger(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path
    ) -> None:
        strange = Authority(tmp_path, "strange").issue("client", key=as_puppets_own())

        assert ask(puppet, parties, tmp_path, cert=strange.cert, key=strange.key).node is None

    def test_a_key_of_another_certificate_is_an_error(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path
    ) -> None:
        other = Authority(tmp_path, "other").issue("client", key=as_puppets_own())

        assert ask(puppet, parties, tmp_path, key=other.key).node is None

    @pytest.mark.parametrize("key", ["ca", "cert", "key"])
    def test_names_the_file_that_is_missing(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path, key: str
    ) -> None:
        found = ask(puppet, parties, tmp_path, **{key: "/nonexistent/x.pem"})

        assert f"{key} = '/nonexistent/x.pem'" in found.raised
        assert "No such file" in found.raised

    def test_trusts_nobody_without_an_authority(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path
    ) -> None:
        assert "ca = ''" in ask(puppet, parties, tmp_path, ca="").raised

    @pytest.mark.parametrize(
        "kind", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL], ids=["pkcs8", "older"]
    )
    def test_a_key_with_a_passphrase_is_told_as_one_and_is_no_question(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path, kind: PrivateFormat
    ) -> None:
        file = tmp_path / "locked.pem"
        lock = BestAvailableEncryption(PASSPHRASE)
        file.write_bytes(as_puppets_own().private_bytes(Encoding.PEM, kind, lock))

        found = ask(puppet, parties, tmp_path, key=file)

        assert f"the key in {file} has a passphrase" in found.raised
        assert "openssl pkey -in OLD -out NEW" in found.raised
        assert found.seconds < 2

    @pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS)
    def test_names_the_file_that_has_no_key(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path, text: bytes
    ) -> None:
        file = tmp_path / "none.pem"
        file.write_bytes(text)

        found = ask(puppet, parties, tmp_path, key=file)

        assert f"key = '{file}'" in found.raised
        assert "passphrase" not in found.raised

    def test_never_shows_its_key(
        self, puppet: TerminusDriver, parties: Parties, tmp_path: Path
    ) -> None:
        secret = parties.client.key.read_text().split("\n")[1]
        for wrong in (
            {"key": parties.client.cert},
            {"ca": parties.client.key},
            {"cert": parties.client.key},
            {"conf": parties.client.key},
        ):
            assert secret[:16] not in ask(puppet, parties, tmp_path, **wrong).raised

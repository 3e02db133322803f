"""The ENC script over https: it trusts one authority, checks names, and shows its certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.service.certificates import DAY, NOW, PASSPHRASE, Parties, parties_in, server_context
from tests.service.enc_script import Run, is_one_line, keep, run_enc
from tests.service.misbehaving import Act, read, send, serve, stay, trickle
from tests.service.misbehaviours import NODE, WHOLE, response

GOOD: tuple[Act, ...] = (read, send(response(WHOLE)))
TIMEOUT = 0.5
STARTUP = 0.5
# The header of a TLS record of 80 bytes, and none of them.
RECORD = b"\x16\x03\x03\x00\x50"


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Parties:
    folder = tmp_path_factory.mktemp("tls")
    return parties_in(folder)


def ask(
    parties: Parties,
    folder: Path,
    context: ssl.SSLContext | None = None,
    acts: tuple[Act, ...] = GOOD,
    **settings: object,
) -> Run:
    """Asserts as well that a service that we do not accept is not asked either."""
    with serve(acts, "https", folder, context or parties.context()) as server:
        run = run_enc(NODE, url=server.url, **parties.settings(**settings))
    assert len(server.requests) == (run.code == 0)
    return run


def assert_refused(run: Run, *words: str) -> None:
    assert (run.code, run.out) == (3, b"")
    assert is_one_line(run.err)
    for word in words:
        assert word in run.err


class TestTheService:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_is_believed_when_the_authority_signed_it(
        self, parties: Parties, tmp_path: Path, version: ssl.TLSVersion
    ) -> None:
        context = parties.context()
        context.minimum_version = context.maximum_version = version

        assert ask(parties, tmp_path, context).out == WHOLE

    def test_may_be_named_by_an_address_of_its_certificate(
        self, parties: Parties, tmp_path: Path
    ) -> None:
        with serve(GOOD, "https", tmp_path, parties.context()) as server:
            url = server.url.replace("localhost", "127.0.0.1")
            run = run_enc(NODE, url=url, **parties.settings())

        assert run.out == WHOLE

    def test_is_not_believed_when_a_stranger_signed_it(
        self, parties: Parties, tmp_path: Path
    ) -> None:
        context = server_context(parties.stranger.issue("strange", "localhost"), parties.authority)

        assert_refused(ask(parties, tmp_path, context), "certificate verify failed")

    def test_is_not_believed_with_another_name(self, parties: Parties, tmp_path: Path) -> None:
        other = parties.authority.issue("other", "enc.example.com", "127.0.0.1")

        run = ask(parties, tmp_path, server_context(other, parties.authority))

        assert_refused(run, "Hostname mismatch")

    def test_is_not_believed_by_its_common_name_alone(
        self, parties: Parties, tmp_path: Path
    ) -> None:
        nameless = parties.authority.issue("localhost")

        run = ask(parties, tmp_path, server_context(nameless, parties.authority))

        assert_refused(run, "Hostname mismatch")

    def test_is_not_believed_when_it_has_expired(self, parties: Parties, tmp_path: Path) -> None:
        old = parties.authority.issue("old", "localhost", until=NOW - DAY)

        run = ask(parties, tmp_path, server_context(old, parties.authority))

        assert_refused(run, "certificate has expired")

    def test_is_not_asked_when_it_does_not_speak_tls(
        self, parties: Parties, tmp_path: Path
    ) -> None:
        with serve((send(response(WHOLE)),), "https", tmp_path) as server:
            run = run_enc(NODE, url=server.url, **parties.settings())

        assert_refused(run, server.url)

    @pytest.mark.parametrize(
        "acts",
        [
            pytest.param((stay,), id="silent"),
            pytest.param((send(RECORD), stay), id="half-a-record"),
            pytest.param((send(RECORD), trickle(b"x" * 80, 1)), id="a-byte-a-second"),
        ],
    )
    def test_a_handshake_that_never_ends_is_late(
        self, parties: Parties, tmp_path: Path, acts: tuple[Act, ...]
    ) -> None:
        keep(tmp_path, NODE, WHOLE)
        settings = parties.settings(timeout=TIMEOUT, cache=tmp_path)
        with serve(acts, "https", tmp_path) as server:
            run = run_enc(NODE, url=server.url, **settings)

        assert (run.code, run.out) == (0, WHOLE)
        assert "no answer in time" in run.err
        assert run.seconds < TIMEOUT + STARTUP

    def test_the_next_url_is_asked_when_it_is_not_believed(
        self, parties: Parties, tmp_path: Path
    ) -> None:
        other = parties.authority.issue("elsewhere", "enc.example.com")
        context = server_context(other, parties.authority)
        with (
            serve(GOOD, "https", tmp_path, context) as wrong,
            serve(GOOD, "https", tmp_path, parties.context()) as right,
        ):
            run = run_enc(NODE, url=f"{wrong.url} {right.url}", **parties.settings())

        assert (run.out, len(wrong.requests), len(right.requests)) == (WHOLE, 0, 1)


class TestTheClient:
    def test_may_have_its_certificate_and_key_in_one_file(
        self, parties: Parties, tmp_path: Path
    ) -> None:
        both = tmp_path / "both.pem"
        both.write_bytes(parties.client.cert.read_bytes() + parties.client.key.read_bytes())

        assert ask(parties, tmp_path, cert=both, key="").out == WHOLE

    def test_is_refused_without_a_certificate(self, parties: Parties, tmp_path: Path) -> None:
        assert_refused(ask(parties, tmp_path, cert="", key=""))

    def test_is_refused_with_a_certificate_of_a_stranger(
        self, parties: Parties, tmp_path: Path
    ) -> None:
        strange = parties.stranger.issue("strange-client")

        assert_refused(ask(parties, tmp_path, cert=strange.cert, key=strange.key))

    @pytest.mark.parametrize("key", ["ca", "cert", "key"])
    def test_names_the_file_that_is_missing(
        self, parties: Parties, tmp_path: Path, key: str
    ) -> None:
        run = ask(parties, tmp_path, **{key: "/nonexistent/x.pem"})

        assert_refused(run, f"{key} = '/nonexistent/x.pem'", "No such file")

    def test_trusts_nobody_without_an_authority(self, parties: Parties, tmp_path: Path) -> None:
        assert_refused(ask(parties, tmp_path, ca=""), "ca = ''")

    def test_a_key_with_a_passphrase_is_an_error_and_no_question(
        self, parties: Parties, tmp_path: Path
    ) -> None:
        run = ask(parties, tmp_path, key=parties.client.locked)

        assert_refused(run, str(parties.client.locked))

    def test_a_key_of_another_certificate_is_an_error(
        self, parties: Parties, tmp_path: Path
    ) -> None:
        assert_refused(ask(parties, tmp_path, key=parties.server.key), "cannot use")

    def test_never_shows_its_key(self, parties: Parties, tmp_path: Path) -> None:
        runs = [
            ask(parties, tmp_path, key=parties.client.locked),
            ask(parties, tmp_path, key=parties.client.cert),
            ask(parties, tmp_path, ca=parties.client.key),
            ask(parties, tmp_path, cert=parties.client.key),
            ask(parties, tmp_path, conf=parties.client.key),
        ]
        secret = parties.client.key.read_text().split("\n")[1]
        for run in runs:
            assert secret[:16] not in run.err
            assert PASSPHRASE.decode() not in run.err

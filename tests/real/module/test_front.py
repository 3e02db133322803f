"""The balancer before puppetservers: who asks is told to them, by it alone; and one may be gone."""

import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.real.front import Answer, Front, configurations, open_folder, own
from tests.real.fronted import Backend, Got
from tests.servers import wait_until
from tests.service.certificates import Authority, Identity
from tests.service.revoker import Revoker

# An Apache tries a backend again that was gone for so long.
RETRY_SECONDS = 5
CERTIFICATE = "/puppet-ca/v1/certificate/i-0abc"
CATALOGUE = "/puppet/v3/catalog/i-0abc"
SPOOFED = (
    "X-Client-Verify: SUCCESS",
    "X-Client-DN: CN=puppet.example",
    "x-client-cert: -----BEGIN%20CERTIFICATE-----",
    "X-SSL-Subject: CN=puppet.example",
    "X-SSL-Client-Verify: SUCCESS",
)


@dataclass
class Setting:
    """Two backends, of which `one` has the CA."""

    front: Front
    authority: Revoker
    agent: Identity
    one: Backend
    two: Backend

    @property
    def backends(self) -> tuple[Backend, Backend]:
        return self.one, self.two

    @property
    def got(self) -> list[Got]:
        return [*self.one.got, *self.two.got]

    def ask(self, line: str, *headers: str, who: Identity | None = None, body: bytes = b"") -> Got:
        """The one request that a backend got of it."""
        assert self.answer(line, *headers, who=who, body=body).status == 200
        (got,) = self.got
        return got

    def answer(
        self, line: str, *headers: str, who: Identity | None = None, body: bytes = b""
    ) -> Answer:
        return self.front.ask(line, *headers, port=self.front.puppet_port, who=who, body=body)

    def who_answers(self, line: str, times: int = 10) -> Counter[str]:
        answers = [self.answer(line, body=b"x") for _ in range(times)]
        return Counter(re.sub(r".*: |[\W]", "", each.text) or str(each.status) for each in answers)


@pytest.fixture(scope="module")
def module_setting() -> Iterator[Setting]:
    with open_folder() as folder, Backend("one") as one, Backend("two") as two:
        authority = Revoker(folder, "ca")
        shown = authority.issue("puppet.example", "puppet.example")
        values = own(folder, "front")
        texts = configurations(
            folder,
            {"front": values},
            backends=[one.address, two.address],
            certificate=str(shown.cert),
            key=str(shown.key),
            ca=str(authority.file),
            crl=str(authority.crl),
        )
        with Front.of(values, texts["front"], authority) as front:
            yield Setting(front, authority, authority.issue("i-0abc"), one, two)


@pytest.fixture
def setting(module_setting: Setting) -> Setting:
    for backend in module_setting.backends:
        backend.got.clear()
        backend.act = lambda _: True
    return module_setting


class TestWhoAsks:
    def test_is_told_to_the_puppetserver(self, setting: Setting) -> None:
        got = setting.ask(f"POST {CATALOGUE}", who=setting.agent, body=b"facts")

        assert got.identity["x-client-verify"] == "SUCCESS"
        assert got.identity["x-client-dn"] == "CN=i-0abc"
        assert (
            unquote(got.identity["x-client-cert"]).strip() == setting.agent.cert.read_text().strip()
        )
        assert got.body == b"facts"

    def test_has_no_name_without_a_certificate(self, setting: Setting) -> None:
        assert setting.ask(f"GET {CERTIFICATE}").identity == {"x-client-verify": "NONE"}

    def test_cannot_say_that_itself(self, setting: Setting) -> None:
        assert setting.ask("GET /x", *SPOOFED).identity == {"x-client-verify": "NONE"}

    def test_with_a_certificate_is_no_other_for_what_it_says(self, setting: Setting) -> None:
        got = setting.ask("GET /x", *SPOOFED, who=setting.agent)

        assert got.identity.keys() == {"x-client-verify", "x-client-dn", "x-client-cert"}
        assert got.identity["x-client-dn"] == "CN=i-0abc"
        assert "i-0abc" not in got.headers.get("x-forwarded-for", "")

    def test_a_header_that_is_nearly_one_of_these_is_refused(self, setting: Setting) -> None:
        assert setting.answer("GET /x", "X-Client-DN : CN=puppet.example").status == 400
        assert setting.got == []

    @pytest.mark.parametrize("name", ["X-Client-Cert", "close, x-client-verify", "X-Client-DN"])
    def test_cannot_take_that_back(self, setting: Setting, name: str) -> None:
        """Without its certificate a client has no extensions, and is known all the same."""
        answer = setting.answer("GET /x", f"Connection: {name}", who=setting.agent)
        told = [got.identity.keys() for got in setting.got]

        assert answer.status == 403 or told == [{"x-client-verify", "x-client-dn", "x-client-cert"}]

    def test_puppets_other_headers_pass(self, setting: Setting) -> None:
        got = setting.ask("GET /x", "X-Puppet-Version: 8.1.0", "Accept: application/json")

        assert (got.headers["x-puppet-version"], got.headers["accept"]) == (
            "8.1.0",
            "application/json",
        )

    def test_a_strangers_certificate_gets_nowhere(self, setting: Setting, tmp_path: Path) -> None:
        stranger = Authority(tmp_path, "ca").issue("i-0abc")

        assert setting.answer("GET /x", who=stranger).status == 0
        assert setting.got == []


class TestRequests:
    @pytest.mark.parametrize(
        "path",
        [
            CERTIFICATE,
            "/puppet-ca",
            "//puppet-ca/v1/x",
            "/%70uppet-ca/v1/x",
            "/puppet/../puppet-ca/v1/x",
        ],
    )
    def test_for_the_ca_go_to_the_one_that_has_it(self, setting: Setting, path: str) -> None:
        assert setting.who_answers(f"PUT {path}", times=4) == {"one": 4}

    @pytest.mark.parametrize("path", [CATALOGUE, "/puppet-cafe", "/puppet-ca/../puppet/v3/x"])
    def test_for_others_are_shared(self, setting: Setting, path: str) -> None:
        assert setting.who_answers(f"PUT {path}", times=4) == {"one": 2, "two": 2}

    @pytest.mark.parametrize("name", ["b%20c", "%25", "%23a%3Fb", "%C3%A4", "a;b=c,d:e@f!$&'()*~"])
    def test_of_odd_files_arrive_as_they_were_asked(self, setting: Setting, name: str) -> None:
        target = f"/puppet/v3/file_content/modules/a/{name}?b=%2F%20+"

        assert setting.ask(f"GET {target}").line == f"GET {target}"

    @pytest.mark.parametrize(
        "head",
        [
            b"Content-Length: 4\r\nContent-Length: 5",
            b"Transfer-Encoding: chunked, identity",
            b"Transfer-Encoding : chunked\r\nContent-Length: 5",
        ],
    )
    def test_of_two_readings_are_refused(self, setting: Setting, head: bytes) -> None:
        request = (
            b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + head + b"\r\n\r\n0\r\n\r\n"
        )

        assert setting.front.send(request, port=setting.front.puppet_port).status == 400
        assert setting.got == []

    def test_hidden_in_the_body_of_another_are_none(self, setting: Setting) -> None:
        lengths = b"Content-Length: 4\r\nTransfer-Encoding: chunked"
        head = b"POST /x HTTP/1.1\r\nHost: a\r\n" + lengths + b"\r\n\r\n"
        hidden = b"0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
        setting.front.send(head + hidden, port=setting.front.puppet_port)

        assert [got.line for got in setting.got] == ["POST /x"]


class TestABackendThatIsGone:
    def test_is_not_missed_and_is_back_soon(self, setting: Setting) -> None:
        setting.one.stop()
        gone = setting.who_answers(f"POST {CATALOGUE}"), setting.answer(f"GET {CERTIFICATE}").status
        setting.one.start()

        assert gone == ({"two": 10}, 503)
        back = lambda: "one" in setting.who_answers("GET /x", times=2)  # noqa: E731
        wait_until("its return", back, timeout=RETRY_SECONDS + 2)
        assert setting.answer(f"GET {CERTIFICATE}").status == 200

    def test_with_all_others_is_503_until_one_is_back(self, setting: Setting) -> None:
        for backend in setting.backends:
            backend.stop()
        gone = setting.answer(f"POST {CATALOGUE}", body=b"x").status
        for backend in setting.backends:
            backend.start()

        assert gone == 503
        assert setting.answer(f"POST {CATALOGUE}", body=b"x").status == 200

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
    def test_while_it_works_on_a_request_does_not_pass_it_to_the_other(
        self, setting: Setting, method: str
    ) -> None:
        for backend in setting.backends:
            backend.act = _no_answer

        assert setting.answer(f"{method} {CATALOGUE}", body=b"x").status == 502
        assert len(setting.got) == 1


def _no_answer(_: BaseHTTPRequestHandler) -> bool:
    return False


class TestRevocation:
    def test_ends_a_certificate_at_both_ports_with_the_next_reload(self, setting: Setting) -> None:
        front, bad = setting.front, setting.authority.issue("i-0bad")
        assert setting.answer("GET /x", who=bad).status == 200
        setting.authority.revoke(bad)
        front.reload()

        for port in (front.puppet_port, front.enc_port):
            refused = lambda port=port: front.ask("GET /x", port=port, who=bad).status == 0  # noqa: E731
            wait_until("the end", refused, timeout=2)
            assert "CERTIFICATE_REVOKED" in front.ask("GET /x", port=port, who=bad).text
        assert setting.answer("GET /x", who=setting.agent).status == 200

    def test_ends_a_connection_that_was_kept_alive(self, setting: Setting) -> None:
        bad = setting.authority.issue("i-0kept")
        request = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
        with setting.front.connect(setting.front.puppet_port, bad) as connection:
            connection.sendall(request)
            assert connection.recv(12) == b"HTTP/1.1 200"
            setting.authority.revoke(bad)
            setting.front.reload()
            connection.settimeout(2)
            while connection.recv(65536):
                pass

    @pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
    @pytest.mark.parametrize("port", ["puppet_port", "enc_port"])
    def test_is_not_got_round_by_an_earlier_session(
        self, setting: Setting, tmp_path: Path, version: str, port: str
    ) -> None:
        where = f"127.0.0.1:{getattr(setting.front, port)}"
        kept = tmp_path / "session"
        first = _session(where, setting.agent, version, "-sess_out", str(kept))
        again = ["-sess_in", str(kept)] if kept.exists() else []

        assert "New, TLS" in first
        assert "Reused" not in _session(where, setting.agent, version, *again)

    def test_lets_a_request_that_runs_get_its_answer(self, setting: Setting) -> None:
        began, go_on = threading.Event(), threading.Event()

        def slowly(_: BaseHTTPRequestHandler) -> bool:
            began.set()
            return go_on.wait(10)

        for backend in setting.backends:
            backend.act = slowly
        answers: list[int] = []
        ask = lambda: answers.append(setting.answer(f"POST {CATALOGUE}", body=b"x").status)  # noqa: E731
        thread = threading.Thread(target=ask)
        thread.start()
        assert began.wait(10)
        setting.front.reload()
        go_on.set()
        thread.join()

        assert (answers, len(setting.got)) == ([200], 1)


def _session(where: str, who: Identity, *options: str) -> str:
    """What openssl says of a connection."""
    certificate = ["-cert", str(who.cert), "-key", str(who.key)]
    return subprocess.run(
        ["openssl", "s_client", "-connect", where, *certificate, "-ign_eof", *options],
        input="GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    ).stdout

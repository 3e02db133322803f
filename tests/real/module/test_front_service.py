"""The balancer before the ENC service: puppetservers ask three things, people look, nobody else."""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from enc.inventory import Inventory
from tests.builders import event, node, role
from tests.conftest import begin
from tests.real.front import Answer, Front, configurations, open_folder, own
from tests.real.fronted import Backend
from tests.servers import RedisServer, Service
from tests.service.certificates import Authority, Identity
from tests.service.revoker import Revoker

NAME = "i-0aaaaaaaaaaaaaaa1"
ENC, AUTOSIGN, REPORTS = f"/v1/enc/{NAME}", f"/v1/autosign/{NAME}", "/v1/reports"
PUPPETSERVER, TOOL = "puppet2.example", "prometheus.example"
JSON = "Content-Type: application/json"
LOOKS = ("/", "/v1/nodes", f"/v1/nodes/{NAME}", "/v1/roles", "/metrics", "/healthz", "/readyz")
GROUP = "--group www-data"


def basic(password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"ann:{password}".encode()).decode()


@dataclass
class Setting:
    """The same service behind a front for each login; `seen` is behind the last one instead."""

    fronts: dict[str, Front]
    people: dict[str, Identity]
    seen: Backend
    service: Service

    def ask(self, login: str, line: str, *headers: str, who: str = "", body: bytes = b"") -> Answer:
        front = self.fronts[login]
        return front.ask(line, *headers, port=front.enc_port, who=self.people.get(who), body=body)

    def puppetserver(self, line: str, *headers: str, body: bytes = b"") -> Answer:
        return self.ask("nobody", line, *headers, who=PUPPETSERVER, body=body)


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        seen = stack.enter_context(Backend("seen", folder / "seen.sock"))
        authority = Revoker(folder, "ca")
        values = {
            login: own(folder, login, socket=str(folder / socket), login=how, tools=[TOOL])
            for login, (socket, how) in _logins(folder).items()
        }
        texts = configurations(folder, values, **_parameters(authority))
        fronts = {
            login: stack.enter_context(Front.of(values[login], texts[login], authority))
            for login in values
        }
        service = _service(folder, stack)
        yield Setting(fronts, _people(authority, folder), seen, service)


def _logins(folder: Path) -> dict[str, tuple[str, object]]:
    """{login: (the socket behind it, the parameter)}."""
    people = folder / "people"
    subprocess.run(["htpasswd", "-bc", people, "ann", "secret"], check=True, capture_output=True)
    return {
        "nobody": ("front.sock", {}),
        "htpasswd": ("front.sock", {"htpasswd": str(people)}),
        "certificates": ("front.sock", {"certificates": ["ann", "bob"]}),
        "config": ("seen.sock", {"config": "Require all granted"}),
    }


def _parameters(authority: Revoker) -> dict[str, object]:
    shown = authority.issue("puppet.example", "puppet.example", "localhost")
    return {
        "backends": [],
        "puppetservers": ["puppet3.example", PUPPETSERVER],
        "certificate": str(shown.cert),
        "key": str(shown.key),
        "ca": str(authority.file),
        "crl": str(authority.crl),
    }


def _people(authority: Revoker, folder: Path) -> dict[str, Identity]:
    names = [NAME, PUPPETSERVER, TOOL, "ann", *NEARLY]
    (folder / "other").mkdir()
    stranger = Authority(folder / "other", "ca").issue(PUPPETSERVER)
    return {name: authority.issue(name) for name in names} | {"stranger": stranger}


def _service(folder: Path, stack: ExitStack) -> Service:
    redis = RedisServer(folder / "redis").start()
    stack.callback(redis.end)
    inventory = Inventory.on(redis.client())
    begin(inventory)
    inventory.roles.apply([role()], event())
    inventory.nodes.create(node(NAME), event())
    env = {"GUNICORN_CMD_ARGS": GROUP}
    service = Service(folder / "service", redis.url, f"unix:{folder}/front.sock", env).start()
    stack.callback(service.end)
    return service


# Names in certificates of our CA that are not a puppetserver's.
NEARLY = (
    "Puppet2.example",
    "puppet2.example.evil.example",
    "evil.puppet2.example",
    "puppet2.exampl",
    "x', 'puppet2.example",
    "*",
)


class TestAPuppetserver:
    def test_asks_who_a_node_is(self, setting: Setting) -> None:
        answer = setting.puppetserver(f"GET {ENC}")

        assert (answer.status, "role::web" in answer.text) == (200, True)

    @pytest.mark.parametrize(("path", "says"), [(AUTOSIGN, "csr-refused"), (REPORTS, "bad-report")])
    def test_sends_certificate_requests_and_reports(
        self, setting: Setting, path: str, says: str
    ) -> None:
        answer = setting.puppetserver(f"POST {path}", JSON, body=b"{}")

        assert says in answer.text

    @pytest.mark.parametrize("path", LOOKS)
    def test_looks_at_nothing_else(self, setting: Setting, path: str) -> None:
        assert setting.puppetserver(f"GET {path}").status == 403

    @pytest.mark.parametrize(
        "target",
        [
            "/v1/enc/../nodes",
            "/v1/enc/%2e%2e/nodes",
            "/v1/enc/x/../../nodes",
            "/v1/enc%2f..%2fnodes",
            "/v1/enc/..%2fnodes",
            "/v1/enc/..;/nodes",
            "/v1/enc/%252e%252e/nodes",
            "/v1/enc/%c0%ae%c0%ae/nodes",
            "/v1/enc\\..\\nodes",
            f"/v1/enc/{NAME}%0a",
            f"/v1/enc/{NAME}%00",
            f"/v1/enc/{NAME}/",
            f"/V1/enc/{NAME}",
            "/v1/enc/",
            "/v1/enc/..",
            "/v1/reports/x",
            "//v1/nodes",
            "/v1//nodes",
            "http://puppet.example/v1/nodes",
            f"http://puppet.example{ENC}/../../nodes",
            "v1/nodes",
            "*",
            f"{ENC}#/../../nodes",
            "/v1/enc/" + "a" * 9000,
        ],
    )
    def test_gets_no_further_by_any_spelling(self, setting: Setting, target: str) -> None:
        answer = setting.puppetserver(f"GET {target}")

        assert answer.status in {400, 403, 404, 414}
        assert "urn:rolecall" not in answer.text

    @pytest.mark.parametrize(
        "header",
        [
            "SCRIPT_NAME: /v1/enc",
            "PATH_INFO: /metrics",
            "X-Original-URL: /metrics",
            "X-Rewrite-URL: /metrics",
            "X-Forwarded-Prefix: /v1/enc",
            "Host: puppet.example:8140",
        ],
    )
    def test_gets_no_further_by_a_header(self, setting: Setting, header: str) -> None:
        """There is no such node; but there is a page of that name."""
        assert "unknown-node" in setting.puppetserver("GET /v1/enc/metrics", header).text

    @pytest.mark.parametrize(
        ("path", "methods"),
        [
            (ENC, ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FOO", "get")),
            (AUTOSIGN, ("GET", "HEAD", "PUT", "DELETE")),
            (REPORTS, ("GET", "HEAD", "PUT", "DELETE")),
        ],
    )
    def test_has_one_method_for_each(
        self, setting: Setting, path: str, methods: tuple[str, ...]
    ) -> None:
        found = {setting.puppetserver(f"{method} {path}").status for method in methods}

        assert found == {405}

    def test_gets_503_while_the_service_is_away_and_no_longer(self, setting: Setting) -> None:
        setting.service.stop()
        away = setting.puppetserver(f"GET {ENC}").status
        setting.service.start()

        assert (away, setting.puppetserver(f"GET {ENC}").status) == (503, 200)


class TestOthers:
    @pytest.mark.parametrize("login", ["nobody", "htpasswd", "certificates"])
    @pytest.mark.parametrize("who", ["", NAME, "ann", *NEARLY])
    @pytest.mark.parametrize("line", [f"GET {ENC}", f"POST {AUTOSIGN}", f"POST {REPORTS}"])
    def test_ask_nothing_that_is_a_puppetservers(
        self, setting: Setting, login: str, who: str, line: str
    ) -> None:
        assert setting.ask(login, line, JSON, basic("secret"), who=who).status == 403

    def test_with_a_certificate_of_another_ca_get_no_answer(self, setting: Setting) -> None:
        assert setting.ask("nobody", f"GET {ENC}", who="stranger").status == 0

    @pytest.mark.parametrize("path", LOOKS)
    def test_look_at_nothing_where_nobody_is_to(self, setting: Setting, path: str) -> None:
        found = {setting.ask("nobody", f"GET {path}", who=who).status for who in ("", NAME, "ann")}

        assert found == {403}


class TestPeople:
    @pytest.mark.parametrize("path", LOOKS)
    def test_with_the_password_look_at_all_pages(self, setting: Setting, path: str) -> None:
        assert setting.ask("htpasswd", f"GET {path}", basic("secret")).status == 200
        assert setting.ask("htpasswd", f"HEAD {path}", basic("secret")).status == 200

    @pytest.mark.parametrize("path", LOOKS)
    def test_without_it_look_at_none(self, setting: Setting, path: str) -> None:
        found = {setting.ask("htpasswd", f"GET {path}", header).status for header in WITHOUT}

        assert found == {401}

    @pytest.mark.parametrize("path", LOOKS)
    def test_are_known_by_their_certificates(self, setting: Setting, path: str) -> None:
        asked = ("ann", "", NAME, PUPPETSERVER, *NEARLY)
        found = [setting.ask("certificates", f"GET {path}", who=who).status for who in asked]

        assert found == [200, *[403] * (len(asked) - 1)]

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
    def test_change_nothing(self, setting: Setting, method: str) -> None:
        line = f"{method} /v1/nodes/{NAME}"

        assert setting.ask("htpasswd", line, basic("secret")).status == 405
        assert setting.ask("certificates", line, who="ann").status == 405


WITHOUT = ("Accept: */*", basic("wrong"), "Authorization: Basic YW5u", "Authorization: Bearer x")


TOLD = ("/v1/discovery/prometheus?port=9100", "/v1/discovery/ansible", "/metrics")


class TestATool:
    @pytest.mark.parametrize("login", ["nobody", "htpasswd", "certificates"])
    @pytest.mark.parametrize("path", TOLD)
    def test_reads_what_there_is_for_tools(self, setting: Setting, login: str, path: str) -> None:
        assert setting.ask(login, f"GET {path}", who=TOOL).status == 200
        assert setting.ask(login, f"POST {path}", who=TOOL).status == 405

    @pytest.mark.parametrize("login", ["nobody", "htpasswd", "certificates"])
    @pytest.mark.parametrize(
        "path",
        [
            *(ENC, "/", "/v1/nodes", "/v1/events", "/healthz", "/v1/", "/metrics/", "/metrics/x"),
            *(
                "/v1/discovery/../nodes",
                "/v1/discovery/%2e%2e/nodes",
                "/v1/discovery/",
                "//v1/nodes",
            ),
            *("/v1/discovery/x/../../nodes", "/v1/discovery%2f..%2fnodes", "/metrics/../v1/nodes"),
        ],
    )
    def test_reads_nothing_else(self, setting: Setting, login: str, path: str) -> None:
        answer = setting.ask(login, f"GET {path}", who=TOOL)

        assert answer.status in {400, 401, 403, 404}
        assert "nodes" not in answer.text

    def test_is_ansible_too(self, setting: Setting) -> None:
        front, tool = setting.fronts["nobody"], setting.people[TOOL]
        script = Path(__file__).parents[3] / "puppet/rolecall/files/rolecall-inventory"
        env = {
            "PATH": "/usr/bin:/bin",
            "ROLECALL_URL": f"https://localhost:{front.enc_port}",
            "ROLECALL_CA": str(front.trusted.file),
            "ROLECALL_CERT": str(tool.cert),
            "ROLECALL_KEY": str(tool.key),
        }
        done = subprocess.run([script, "--list"], env=env, capture_output=True, check=False)
        stranger = {**env, "ROLECALL_CERT": "", "ROLECALL_KEY": ""}
        refused = subprocess.run([script, "--list"], env=stranger, capture_output=True, check=False)

        assert (done.returncode, NAME.encode() in done.stdout) == (0, True), done.stderr
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert b"403" in refused.stderr

    @pytest.mark.parametrize("path", TOLD)
    def test_is_named_whole(self, setting: Setting, path: str) -> None:
        asked = ("", NAME, PUPPETSERVER, "ann", *NEARLY)

        assert {setting.ask("nobody", f"GET {path}", who=who).status for who in asked} == {403}

    @pytest.mark.parametrize("path", TOLD)
    def test_people_read_it_as_well(self, setting: Setting, path: str) -> None:
        assert setting.ask("htpasswd", f"GET {path}", basic("secret")).status == 200
        assert setting.ask("htpasswd", f"GET {path}").status == 401
        assert setting.ask("certificates", f"GET {path}", who="ann").status == 200


class TestTheServiceIsNotTold:
    def test_what_people_prove_themselves_with(self, setting: Setting) -> None:
        setting.seen.got.clear()
        secrets = basic("secret"), "Cookie: session=secret"

        assert setting.ask("config", "GET /v1/nodes", *secrets).status == 200
        assert not {"authorization", "cookie"} & setting.seen.got[0].headers.keys()

    def test_whom_clients_say_that_they_are(self, setting: Setting) -> None:
        setting.seen.got.clear()
        names = ("X-Client-DN", "X-Client-Verify", "X-Client-Cert", "X-SSL-Subject")
        more = ("X-Remote-User", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded")
        setting.ask("config", "GET /v1/nodes", *(f"{name}: spoofed" for name in (*names, *more)))

        assert "spoofed" not in setting.seen.got[0].headers.values()


def test_the_log_says_who_asked_what_and_no_secret(setting: Setting) -> None:
    setting.puppetserver(f"GET {ENC}?token=canary", "X-Secret: canary")
    log = (setting.fronts["nobody"].folder / "access.log").read_text()

    assert f"{PUPPETSERVER} - " in log
    assert f'"GET {ENC}" 200' in log
    assert "canary" not in log

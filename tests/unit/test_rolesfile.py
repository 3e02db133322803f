"""What a roles file says once it is loaded: its sample, merging, defaults, the pinned CA."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from enc.domain.limits import Limits
from enc.domain.model import Market
from enc.domain.rolespec import PuppetServer
from provisioner.bootstrap import LIMIT, render
from provisioner.rolesfile.loading import RolesFile, RolesFileError, RoleSpec, load
from provisioner.rolesfile.userdata import bootstrap

# Every key that there is, as the design of the file has it.
SAMPLE = """
defaults:                          # merged under every role
  environment: production          # optional; without it the agent's own choice stands
  launch:
    region: us-east-1
    subnets: [subnet-a, subnet-b]  # one per zone is used, the one with most free addresses
    security_groups: [sg-1]
    key_name: ops
    instance_profile: null
    tags: {team: conversion}
    volumes: {}                    # device, or root -> {size, type, …}
    public_ip: null                # null: the subnet's choice
    puppet_server: {host: puppet, address: 10.0.0.10, port: 8140, ca: /etc/rolecall/ca.pem}
roles:
  pdf2swf:
    description: Turns PDF into SWF
    classes: {role::pdf2swf: {workers: 4}}
    parameters: {tier: conversion}              # top-scope variables
    launch:
      image: ami-0123456789abcdef0              # or resolve:ssm:/path
      instance_types: [c5.large, c5a.large]
      market: spot                              # spot | on-demand
      spot_deadline: 5m                         # then on-demand for what is missing
      fallback: on-demand                       # or none
      max: 100                                  # in one launch
      max_price: null
      puppet: {install: packages, package: puppet-agent}   # packages | aio | openvox | none
      extra_user_data: null                     # a cloud-config of the user's
    fleet:
      size: 10                                  # left out: launch by hand only
      max_age: 24h
      max_unavailable: 0
      surge: 2
      ready_when: report                        # or running
      ready_timeout: 15m
      drain: 5m
      windows: []                               # ["Mon-Fri 09:00-17:00"]
    burst: {image: ami-0baked, ttl: 2h, max: 20}
    checks: [{name: http, command: check_http, port: 80}]
"""
LAUNCH = "region: us-east-1, subnets: [subnet-a], image: ami-1, instance_types: [c5.large]"


class Files:
    """Files by path; records what was read."""

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        self.texts = dict(texts or {})
        self.read: list[str] = []

    def __call__(self, path: str) -> str:
        self.read.append(path)
        if path not in self.texts:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.texts[path]


def loaded(text: str | bytes, files: Files | None = None) -> RolesFile:
    return load(text, source="roles.yaml", read_file=files or Files())


def role(text: str, name: str = "web") -> RoleSpec:
    return loaded(text).roles[name]


@pytest.fixture(scope="module")
def certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Puppet CA")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 1, start, start + timedelta(days=36500)
    )
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def files(certificate: str) -> Files:
    return Files({"/etc/rolecall/ca.pem": certificate})


def test_the_sample_loads_with_every_key_as_written(files: Files, certificate: str) -> None:
    file = loaded(SAMPLE, files)
    spec = file.roles["pdf2swf"]

    assert list(file.roles) == ["pdf2swf"]
    assert file.warnings == ()
    assert (spec.name, spec.description) == ("pdf2swf", "Turns PDF into SWF")
    assert spec.environment == "production"
    assert spec.classes == {"role::pdf2swf": {"workers": 4}}
    assert spec.parameters == {"tier": "conversion"}
    launch = spec.launch
    assert launch is not None
    assert launch.region == "us-east-1"
    assert launch.subnets == ("subnet-a", "subnet-b")
    assert launch.security_groups == ("sg-1",)
    assert (launch.key_name, launch.instance_profile) == ("ops", None)
    assert (launch.tags, launch.volumes, launch.public_ip) == ({"team": "conversion"}, {}, None)
    assert launch.image == "ami-0123456789abcdef0"
    assert launch.instance_types == ("c5.large", "c5a.large")
    assert launch.market is Market.SPOT
    assert launch.spot_deadline == timedelta(minutes=5)
    assert (launch.fallback, launch.max, launch.max_price) == ("on-demand", 100, None)
    assert (launch.puppet.install, launch.puppet.package) == ("packages", "puppet-agent")
    assert launch.extra_user_data is None
    server = launch.puppet_server
    assert server is not None
    assert (server.host, server.address, server.port) == ("puppet", "10.0.0.10", 8140)
    assert (server.ca, server.ca_pem) == ("/etc/rolecall/ca.pem", certificate)
    fleet = spec.fleet
    assert (fleet.size, fleet.max_unavailable, fleet.surge) == (10, 0, 2)
    assert (fleet.max_age, fleet.drain) == (timedelta(days=1), timedelta(minutes=5))
    assert (fleet.ready_when, fleet.ready_timeout) == ("report", timedelta(minutes=15))
    assert fleet.windows == ()
    assert spec.burst is not None
    assert (spec.burst.image, spec.burst.max) == ("ami-0baked", 20)
    assert spec.burst.ttl == timedelta(hours=2)
    assert [(c.name, c.command, c.port) for c in spec.checks] == [("http", "check_http", 80)]


def test_a_role_may_be_nothing_but_its_name() -> None:
    spec = role("roles: {web: }")

    assert spec == RoleSpec(name="web", classes={"web": {}})
    assert spec.launch is None
    assert spec.spec_hash == ""


def test_what_a_launch_section_leaves_out_has_its_default() -> None:
    launch = role(f"roles: {{web: {{launch: {{{LAUNCH}}}}}}}").launch

    assert launch is not None
    assert (launch.market, launch.spot_deadline) == (Market.SPOT, timedelta(minutes=5))
    assert (launch.fallback, launch.max) == ("on-demand", 100)
    assert launch.puppet_server == PuppetServer(host="puppet", address=None, port=8140)
    assert launch.puppet.install == "packages"


@pytest.mark.parametrize(
    ("install", "package"),
    [("packages", "puppet-agent"), ("aio", "puppet-agent"), ("openvox", "openvox-agent")],
)
def test_the_package_is_the_vendors_unless_it_is_named(install: str, package: str) -> None:
    text = f"roles: {{web: {{launch: {{{LAUNCH}, puppet: {{install: {install}}}}}}}}}"
    named = text.replace(f"install: {install}", f"install: {install}, package: mine")

    assert [spec.launch.puppet.package for spec in (role(text), role(named)) if spec.launch] == [
        package,
        "mine",
    ]


def test_a_list_of_classes_is_classes_without_parameters() -> None:
    text = "roles: {web: {classes: [base, '::role::web']}, db: {classes: {role::db: }}}"

    assert role(text).classes == {"base": {}, "role::web": {}}
    assert role(text, "db").classes == {"role::db": {}}


@pytest.mark.parametrize(
    ("classes", "found"),
    [
        ("['::role::web']", {"role::web": {}}),
        ("{'::role::web': {a: 1}}", {"role::web": {"a": 1}}),
        ("[web, '::web']", {"web": {}}),
    ],
)
def test_the_colons_in_front_of_a_class_are_dropped(classes: str, found: object) -> None:
    """Puppet 7.23 refuses the catalogue of a node with ::web: "Invalid tag '::web'"."""
    assert role(f"roles: {{web: {{classes: {classes}}}}}").classes == found


@pytest.mark.parametrize("drain", ["0s", "24h"])
def test_a_drain_may_be_nothing(drain: str) -> None:
    spec = role(f"roles: {{web: {{fleet: {{drain: {drain}}}}}}}")
    again = RoleSpec.from_definition("web", spec.definition())

    assert spec.definition()["fleet"]["drain"] == drain
    assert again.fleet.drain == spec.fleet.drain


class TestADoubt:
    def warnings(self, text: str) -> tuple[str, ...]:
        return loaded(f"roles:\n  web:\n    {text}\n").warnings

    @pytest.mark.parametrize("name", ["os", "hostname", "ipaddress", "osfamily"])
    def test_is_told_of_a_variable_that_is_a_fact_too(self, name: str) -> None:
        """Seen with Puppet 7.23: $os is the ENC's, $facts['os'] stays the fact."""
        [told] = self.warnings(f"parameters: {{{name}: x}}")

        assert told.startswith(f"roles.yaml:3: roles.web.parameters.{name}: {name} is a core fact")
        assert told.endswith(
            f"${name} would be this value, and no longer the fact; take another name"
        )

    def test_is_told_once_of_what_stands_in_defaults(self) -> None:
        text = "defaults: {parameters: {os: x}}\nroles: {web: , db: }"

        [told] = loaded(text).warnings
        assert told.startswith("roles.yaml:1: defaults.parameters.os: os is a core fact, too")

    @pytest.mark.parametrize("command", ["check_http!-a pa$s", "check_x!$", "check_x!$A$!$b c$"])
    def test_is_told_of_a_dollar_that_begins_a_macro_and_ends_none(self, command: str) -> None:
        [told] = self.warnings(f"checks: [{{name: http, command: '{command}'}}]")

        assert told.startswith("roles.yaml:3: roles.web.checks[0].command: ")
        assert told.endswith("write $$ for a dollar sign")

    @pytest.mark.parametrize(
        "text",
        [
            "parameters: {tier: x, os_family: y}",
            "classes: {role::web: {os: x}}",
            "checks: [{name: http, command: 'check_http!-S -p $_SERVICEPORT$!$ARG1$ $$5'}]",
            "checks: [{name: http, command: 'check_x!$HOSTADDRESS:web1$ $USER1$'}]",
        ],
    )
    def test_is_told_of_nothing_else(self, text: str) -> None:
        assert self.warnings(text) == ()


@pytest.mark.parametrize(
    ("said", "fallback"),
    [
        ("max_price: 0.05", "none"),
        ("max_price: 0.05, fallback: on-demand", "on-demand"),
        ("max_price: null", "on-demand"),
        ("", "on-demand"),
    ],
)
def test_with_a_cap_on_the_price_on_demand_must_be_said(said: str, fallback: str) -> None:
    launch = role(f"roles: {{web: {{launch: {{{LAUNCH}, {said}}}}}}}").launch

    assert launch is not None
    assert launch.fallback == fallback


class TestDefaults:
    def test_maps_merge_deep_and_the_role_wins(self) -> None:
        spec = role(
            f"""
            defaults:
              parameters: {{tier: front, dc: {{name: east, rack: 1}}}}
              launch: {{{LAUNCH}, tags: {{team: ops, cost: "7"}}}}
            roles:
              web: {{parameters: {{dc: {{rack: 2}}}}, launch: {{tags: {{team: web}}}}}}
            """
        )

        assert spec.parameters == {"tier": "front", "dc": {"name": "east", "rack": 2}}
        assert spec.launch is not None
        assert spec.launch.tags == {"team": "web", "cost": "7"}

    def test_lists_and_single_values_are_replaced(self) -> None:
        spec = role(
            f"""
            defaults: {{environment: staging, launch: {{{LAUNCH}, security_groups: [sg-1, sg-2]}}}}
            roles: {{web: {{environment: production, launch: {{security_groups: [sg-3]}}}}}}
            """
        )

        assert spec.environment == "production"
        assert spec.launch is not None
        assert spec.launch.security_groups == ("sg-3",)

    def test_null_overrides_a_default(self) -> None:
        spec = role(
            f"""
            defaults:
              environment: staging
              parameters: {{tier: front}}
              launch: {{{LAUNCH}, key_name: ops, tags: {{team: ops}}, max_price: 0.1}}
              burst: {{max: 5}}
            roles:
              web:
                environment: null
                parameters: {{tier: null}}
                launch: {{key_name: null, tags: {{team: null}}, max_price: null}}
                burst: null
            """
        )

        assert (spec.environment, spec.burst) == (None, None)
        assert spec.parameters == {"tier": None}
        assert spec.launch is not None
        assert (spec.launch.key_name, spec.launch.tags, spec.launch.max_price) == (None, {}, None)

    def test_a_role_takes_the_launch_section_unless_it_says_null(self) -> None:
        text = f"""
            defaults: {{launch: {{{LAUNCH}}}, burst: {{max: 5}}, fleet: {{size: 3, drain: 1m}}}}
            roles: {{launched: , classified: {{launch: null}}}}
            """
        launched, classified = loaded(text).roles.values()

        assert launched.launch is not None
        assert launched.burst is not None
        assert launched.fleet.size == 3
        assert (classified.launch, classified.burst, classified.fleet.size) == (None, None, None)
        assert classified.fleet.drain == timedelta(minutes=1)

    def test_classes_of_defaults_come_with_the_one_named_like_the_role(self) -> None:
        spec = role("{defaults: {classes: [base]}, roles: {web: }}")

        assert spec.classes == {"base": {}, "web": {}}

    def test_a_map_of_classes_adds_to_those_of_defaults_and_a_list_replaces_them(self) -> None:
        text = "{defaults: {classes: {base: {a: 1}}}, roles: {web: {classes: %s}}}"

        assert role(text % "{x: {}, base: {b: 2}}").classes == {"base": {"a": 1, "b": 2}, "x": {}}
        assert role(text % "[x]").classes == {"x": {}}
        assert role(text % "{'::base': {b: 2}}").classes == {"base": {"a": 1, "b": 2}}


class TestTheCertificateOfTheCa:
    TEXT = f"roles: {{web: {{launch: {{{LAUNCH}, puppet_server: {{ca: /ca.pem}}}}}}}}"

    def test_is_read_once_and_pinned_without_what_stands_around_it(self, certificate: str) -> None:
        files = Files({"/ca.pem": f"Subject: CN = Puppet CA\r\n{certificate}\nbye\n{certificate}"})
        text = f"""
            defaults: {{launch: {{{LAUNCH}, puppet_server: {{ca: /ca.pem}}}}}}
            roles: {{web: {{launch: {{}}}}, db: {{launch: {{}}}}}}
            """

        file = loaded(text, files)

        assert files.read == ["/ca.pem"]
        for spec in file.roles.values():
            assert spec.launch is not None
            assert spec.launch.puppet_server is not None
            assert spec.launch.puppet_server.ca_pem == certificate * 2

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("hello", '"/ca.pem": no certificate in it; PEM starts with -----BEGIN CERTIFICATE'),
            (
                "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                '"/ca.pem": a damaged certificate; copy the file again',
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n",
                '"/ca.pem": holds a private key; give the certificate alone',
            ),
            (
                f"-----BEGIN CERTIFICATE-----\n{'x' * 9000}\n-----END CERTIFICATE-----",
                '"/ca.pem": more than 8192 characters of certificates',
            ),
        ],
    )
    def test_is_refused_when_it_is_not_one(self, content: str, message: str) -> None:
        with pytest.raises(RolesFileError) as caught:
            loaded(self.TEXT, Files({"/ca.pem": content}))

        assert str(caught.value).startswith(
            f"roles.yaml:1: roles.web.launch.puppet_server.ca: {message}"
        )

    def test_is_refused_when_it_cannot_be_read(self) -> None:
        with pytest.raises(RolesFileError, match=r'"/ca.pem" cannot be read: No such file'):
            loaded(self.TEXT)

    def test_is_refused_when_it_is_not_text(self) -> None:
        def read(path: str) -> str:
            return b"\x30\x82\xff".decode()

        with pytest.raises(RolesFileError, match=r'"/ca.pem": not a text; PEM is a text'):
            load(self.TEXT, source="roles.yaml", read_file=read)

    def test_that_is_not_given_is_warned_of_once(self) -> None:
        text = f"""
            defaults: {{launch: {{{LAUNCH}, puppet_server: {{host: puppet}}}}}}
            roles: {{web: {{launch: {{}}}}, db: {{launch: {{}}}}}}
            """

        assert loaded(text).warnings == (
            (
                "roles.yaml:2: defaults.launch.puppet_server: no ca: a new machine trusts whoever "
                "answers it first under that name; give the path of the Puppet CA's certificate"
            ),
        )

    def test_that_has_no_server_to_go_with_is_not_warned_of(self) -> None:
        assert loaded(f"roles: {{web: {{launch: {{{LAUNCH}}}}}}}").warnings == ()


class TestTheUserDataOfItsMachines:
    """EC2 takes 16,384 bytes in all: the CA, the role's own part, and rolecall's."""

    def text(self, extra: int, *, ca: bool = True) -> str:
        server = "puppet_server: {ca: /ca.pem}, " if ca else ""
        script = f'extra_user_data: "#!/bin/sh\\n{"x" * extra}"'
        return f"roles:\n  web:\n    launch: {{{LAUNCH}, {server}\n      {script}}}\n"

    def test_is_refused_when_its_parts_are_too_large_together(self, certificate: str) -> None:
        bundle = Files({"/ca.pem": certificate * 8})
        with pytest.raises(RolesFileError) as caught:
            loaded(self.text(9000), bundle)

        said = str(caught.value)
        assert said.startswith("roles.yaml:4: roles.web.launch.extra_user_data: the user-data is ")
        assert "and EC2 takes 16384: 9010 are extra_user_data, " in said
        assert f"{len(certificate) * 8} the certificates of puppet_server.ca, and " in said
        assert "bytes out of the first two, or let extra_user_data fetch them" in said

    def test_is_not_refused_for_either_part_alone(self, certificate: str) -> None:
        bundle = Files({"/ca.pem": certificate * 8})

        assert loaded(self.text(1000), bundle)
        assert loaded(self.text(9000, ca=False))

    def test_is_refused_for_what_only_a_launch_with_a_ttl_would_be_too_large_for(self) -> None:
        def sizes(*, ttl: bool) -> int:
            spec = role(self.text(0, ca=False))
            assert spec.launch is not None
            expires = datetime(2026, 1, 1, tzinfo=UTC) if ttl else None
            return len(render(bootstrap(spec, spec.launch, key="0" * 64, expires_at=expires)))

        room = LIMIT - sizes(ttl=True)
        assert sizes(ttl=False) < sizes(ttl=True)
        assert loaded(self.text(room, ca=False))
        with pytest.raises(RolesFileError, match="the user-data is 16385 bytes"):
            loaded(self.text(room + 1, ca=False))


@pytest.mark.parametrize(
    "text", ["\ufeffroles: {web: }", "roles:\r\n  web: {}\r\n", b"roles: {web: }"]
)
def test_what_editors_make_of_a_text_does_not_matter(text: str | bytes) -> None:
    assert list(loaded(text).roles) == ["web"]


def test_anchors_and_merge_keys_save_writing() -> None:
    spec = role(
        f"""
        roles:
          web: &web
            classes: &classes {{role::web: {{a: 1}}}}
            launch: &launch {{{LAUNCH}, max: 3}}
          db:
            <<: *web
            description: another
            launch: {{<<: [{{max: 4}}, *launch], image: ami-2}}
        """,
        "db",
    )

    assert spec.classes == {"role::web": {"a": 1}}
    assert spec.launch is not None
    assert (spec.launch.max, spec.launch.image, spec.launch.region) == (4, "ami-2", "us-east-1")


@pytest.mark.parametrize(
    ("said", "limits"),
    [
        ("limits: {machines: 60, launches_per_hour: 3}", Limits(machines=60, launches_per_hour=3)),
        ("limits: {machines: 60}", Limits(machines=60)),
        ("limits: null", Limits()),
        ("limits: {}", Limits()),
        ("", None),
    ],
)
def test_the_sites_limits_are_what_the_file_says_or_nothing(
    said: str, limits: Limits | None
) -> None:
    assert loaded(f"{said}\nroles: {{web: }}\n").limits == limits


def test_a_roles_limits_are_its_own_over_those_of_defaults() -> None:
    read = loaded(
        """
        limits: {machines: 60}
        defaults: {limits: {machines: 9, launches_per_hour: 3}}
        roles: {web: {limits: {machines: 20}}, db: }
        """
    )

    assert read.roles["web"].limits.limits == Limits(machines=20, launches_per_hour=3)
    assert read.roles["db"].limits.limits == Limits(machines=9, launches_per_hour=3)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("limits: {machine: 5}", 'limits.machine: unknown key; did you mean "machines"?'),
        ("limits: {machines: -1}", "limits.machines: -1 is out of bounds; at least 0"),
        ("limits: {machines: x}", 'limits.machines: expected a whole number, got the text "x"'),
        ("limits: 5", "limits: expected a map, got the number 5"),
    ],
)
def test_wrong_limits_are_named_with_their_line(said: str, problem: str) -> None:
    with pytest.raises(RolesFileError) as caught:
        loaded(f"roles: {{web: }}\n{said}\n")

    assert str(caught.value).startswith(f"roles.yaml:2: {problem}")

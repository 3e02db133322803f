"""Bad input, one sentence each: the message names the place, what is wrong and what to write."""

from __future__ import annotations

from textwrap import dedent

import pytest

from provisioner.rolesfile.loading import RolesFileError, load


def refused(text: str | bytes) -> list[str]:
    """The messages, a line each."""

    def read(path: str) -> str:
        raise FileNotFoundError(2, "No such file or directory", path)

    with pytest.raises(RolesFileError) as caught:
        load(text, source="roles.yaml", read_file=read)
    return str(caught.value).splitlines()


def in_role(yaml: str) -> str:
    return f"roles:\n  web:\n    {yaml}\n"


def in_launch(yaml: str) -> str:
    needed = {
        "region": "region: us-east-1",
        "subnets": "subnets: [subnet-a]",
        "image": "image: ami-1",
        "instance_types": "instance_types: [c5.large]",
    }
    key = yaml.split(":", 1)[0]
    rest = ", ".join(text for name, text in needed.items() if name != key)
    return f"roles:\n  web:\n    launch: {{{yaml},\n      {rest}}}\n"


class TestEveryProblemIsReported:
    def test_at_once_in_the_order_of_the_file(self) -> None:
        assert refused(
            dedent(
                """\
                default: {}
                roles:
                  web:
                    launch:
                      region: us-east-1
                      subnets: [subnet-a]
                      image: ami-1
                      instance_types: [c5.large, c5]
                      markt: spot
                      fallback: ondemand
                    fleet: {size: "10", redy_when: report}
                  Web: {}
                """
            )
        ) == [
            'roles.yaml:1: default: unknown key; did you mean "defaults"?',
            (
                'roles.yaml:8: roles.web.launch.instance_types[1]: "c5" is not an instance type; '
                "as in c5.large"
            ),
            'roles.yaml:9: roles.web.launch.markt: unknown key; did you mean "market"?',
            (
                'roles.yaml:10: roles.web.launch.fallback: "ondemand" is not valid here; '
                'did you mean "on-demand"?'
            ),
            'roles.yaml:11: roles.web.fleet.redy_when: unknown key; did you mean "ready_when"?',
            (
                'roles.yaml:11: roles.web.fleet.size: expected a whole number, got the text "10"; '
                "write it without quotes"
            ),
            (
                "roles.yaml:12: roles.Web: not a role name; small letters, digits, _ and -, "
                "at most 63, the first a letter"
            ),
        ]

    def test_also_when_some_values_cannot_be_read(self) -> None:
        assert refused("roles:\n  web:\n    parameters: {day: 2026-01-01}\n    chekcs: []\n") == [
            (
                "roles.yaml:3: roles.web.parameters.day: 2026-01-01 is a date to YAML; "
                'put it in quotes: "2026-01-01"'
            ),
            'roles.yaml:4: roles.web.chekcs: unknown key; did you mean "checks"?',
        ]

    def test_of_defaults_once_and_where_it_stands(self) -> None:
        text = """
        defaults: {launch: {markt: spot}}
        roles: {a: {launch: {image: ami-1}}, b: {launch: {image: ami-1}}}
        """

        assert refused(text)[0] == (
            'roles.yaml:2: defaults.launch.markt: unknown key; did you mean "market"?'
        )
        assert len([line for line in refused(text) if "markt" in line]) == 1

    def test_of_defaults_that_no_role_uses(self) -> None:
        assert refused("defaults: {launch: {regoin: us-east-1}}\nroles: {web: {launch: }}") == [
            'roles.yaml:1: defaults.launch.regoin: unknown key; did you mean "region"?'
        ]

    def test_up_to_a_screenful(self) -> None:
        roles = "".join(f"  r{i}: {{x: 1}}\n" for i in range(60))

        assert refused(f"roles:\n{roles}")[50:] == ["roles.yaml: and 10 more: repair these first"]


def test_defaults_that_roles_complete_are_not_refused() -> None:
    text = """
    defaults: {launch: {volumes: {/dev/xvda: {type: gp2}}}, fleet: {surge: 0}}
    roles:
      web:
        launch: {region: us-east-1, subnets: [subnet-a], image: ami-1, instance_types: [c5.large],
          volumes: {/dev/xvda: {size: 8}}}
        fleet: {max_unavailable: 1}
    """

    assert load(text, source="roles.yaml", read_file=str).roles["web"].launch is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("roles: {}", "roles.yaml:1: roles: 0 roles; 1 to 1000 are allowed"),
        ("roles: ", "roles.yaml:1: roles: expected a map of role names, got nothing"),
        ("roles: [web]", "roles.yaml:1: roles: expected a map of role names, got a list"),
        ("defaults: {}", "roles.yaml: roles: required, but missing; as in roles: {web: {}}"),
        ("defaults: 3\nroles: {a: }", "roles.yaml:1: defaults: expected a map, got 3"),
        ("roles: {web: role::web}", 'roles.yaml:1: roles.web: expected a map, got "role::web"'),
        (
            "- web",
            "roles.yaml:1: expected a map with the keys defaults, limits and roles, got a list",
        ),
        ("web", 'roles.yaml:1: expected a map with the keys defaults, limits and roles, got "web"'),
        ("---\n...\n", "expected a map with the keys defaults, limits and roles, got nothing"),
        ("", "roles.yaml: the file is empty; write at least one role"),
        ("# only words\n", "roles.yaml: the file is empty; write at least one role"),
    ],
)
def test_the_file_is_a_map_of_roles(text: str, message: str) -> None:
    assert refused(text)[0].endswith(message)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("classes: {}", "classes: no class; leave classes out to get the class that is named like"),
        ("classes: []", "classes: no class; leave classes out to get the class that is named like"),
        ("classes: ", "classes: expected a map, got nothing; leave the key out for its default"),
        ("classes: role::web", 'classes: expected a map, got the text "role::web"'),
        ("classes: [3]", "classes: expected a map, got a list"),
        ("classes: [Role::Web]", 'classes[0]: "Role::Web" is not a class name; as in role:'),
        ("classes: [role:web]", 'classes[0]: "role:web" is not a class name; as in role::'),
        ("classes: {role-web: {}}", 'classes.role-web: "role-web" is not a class name'),
        ("classes: [node]", 'classes[0]: "node" is reserved by Puppet and cannot be a class'),
        ("classes: ['::node']", '"::node" is reserved by Puppet and cannot be a class; take'),
        ("classes: ['::::a']", 'classes[0]: "::::a" is not a class name; as in role::web'),
        ("classes: {a: {}, '::a': {}}", "one class is written with and without ::; keep one"),
        ("classes: {a: [b]}", "classes.a: expected a map, got a list"),
        ("classes: {a: {B: 1}}", 'classes.a.B: "B" is not a parameter name; as in max_workers'),
        ("classes: {a: {title: x}}", 'classes.a.title: "title" is Puppet\'s own name for the'),
        ("parameters: {role: x}", 'parameters.role: "role" is set for every node by rolecall'),
        ("parameters: {rolecall: x}", 'parameters.rolecall: "rolecall" is set for every node'),
        (
            "parameters: {trusted: x}",
            'parameters.trusted: "trusted" is a variable of Puppet\'s own',
        ),
        ("parameters: {environment: x}", '"environment" is a variable of Puppet\'s own'),
        ("parameters: {a::b: x}", 'parameters.a::b: "a::b" is not a variable name'),
        ("environment: QA", 'environment: "QA" is not an environment; as in production'),
        ("environment: main", 'environment: "main" is a section of puppet.conf and cannot be'),
        ("environment: no", "environment: expected a text, got the boolean false; put it in quot"),
        ("name: web", "name: unknown key; the keys here are: description, environment, classes"),
        ("spec_hash: a", "spec_hash: unknown key; the keys here are"),
        ("fleet: {size: 2}", "roles.web: fleet.size needs a launch section: nothing says what to"),
        ("burst: {}", "roles.web: burst needs a launch section: nothing says what to launch"),
        ("fleet: {size: -1}", "fleet.size: -1 is out of bounds; at least 0"),
        ("fleet: {surge: 0}", "fleet: surge and max_unavailable are both 0: nothing could ever be"),
        (
            "fleet: {size: 2, max_unavailable: 2}",
            "fleet: max_unavailable (2) must be less than size (2); at most 1",
        ),
        ("fleet: {ready_when: repot}", 'ready_when: "repot" is not valid here; did you mean "repo'),
        ("fleet: {ready_when: xyz}", '"xyz" is not valid here; one of: report, running'),
        ("fleet: {drain: 5}", "fleet.drain: expected a duration, got 5; as in 90s, 5m, 24h or 7d"),
        ("fleet: {drain: 5x}", "fleet.drain: '5x' is not a duration; write a whole number above"),
        ("fleet: {ready_timeout: 25h}", "fleet.ready_timeout: 25h is too long; at most 24h"),
        ("fleet: {size: 1.5}", "fleet.size: expected a whole number, got the number 1.5"),
        ("fleet: {size: yes}", "fleet.size: expected a whole number, got the boolean true"),
        ("fleet: {windows: Mon}", 'fleet.windows: expected a list, got the text "Mon"; as in [Mon'),
        ("fleet: {windows: [Mon]}", 'fleet.windows[0]: "Mon" is not a window; as in Mon-Fri 09:00'),
        ("fleet: {windows: [Mon 25:00-26:00]}", "fleet.windows[0]: "),
        ("burst: {ttl: 2}", "burst.ttl: expected a duration, got 2"),
        ("burst: {max: 1001}", "burst.max: 1001 is out of bounds; at most 1000"),
        ("checks: [{name: a}]", "checks[0].command: required, but missing; as in command: check_"),
        ("checks: [{name: a, command: b, port: 0}]", "checks[0].port: 0 is out of bounds; at leas"),
        ("checks: [{name: a, command: b, prot: 1}]", 'prot: unknown key; did you mean "port"?'),
        ("checks: [{name: a, command: 'b;c'}]", 'checks[0].command: "b;c" is not a command'),
        (
            "checks: [{name: a, command: b}, {name: a, command: c}]",
            "roles.web: two checks have one name; name them apart",
        ),
        ("description: 5", "description: expected a text, got the number 5; put it in quotes"),
        (f"description: {'x' * 1001}", "description: 1001 characters; 0 to 1000 are allowed"),
    ],
)
def test_a_role_is_refused_for(yaml: str, message: str) -> None:
    lines = refused(in_role(yaml))

    assert message in lines[0]
    assert lines[0].startswith("roles.yaml:")
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("region: useast", 'region: "useast" is not a region; as in us-east-1'),
        ("region: us-east-1a", 'region: "us-east-1a" is not a region'),
        ("subnets: subnet-a", 'expected a list, got the text "subnet-a"; as in [subnet-a]'),
        ("subnets: []", "subnets: has 0 entries; at least 1 needed"),
        ("subnets: [sn-1]", 'subnets[0]: "sn-1" is not a subnet; as in subnet-'),
        ("subnets: [subnet-a, subnet-a]", 'subnets: "subnet-a" is in the list twice; keep one'),
        ("security_groups: [web]", 'security_groups[0]: "web" is not a security group; as in sg-'),
        ("image: debian", 'image: "debian" is not an image; as in ami-0123456789abcdef0, or res'),
        ("image: null", "image: expected a text, got nothing"),
        ("instance_types: [large]", 'instance_types[0]: "large" is not an instance type'),
        ("market: sport", 'market: "sport" is not valid here; did you mean "spot"?'),
        ("market: 3", "market: expected a text, got the number 3"),
        ("spot_deadline: 0s", "spot_deadline: '0s' is not a duration"),
        ("spot_deadline: 2d", "spot_deadline: 2d is too long; at most 24h"),
        ("max: 0", "max: 0 is out of bounds; at least 1"),
        ("max: 1001", "max: 1001 is out of bounds; at most 1000"),
        ("max_price: 0", "max_price: 0 is out of bounds; at least 0.0001"),
        ("max_price: '0.1'", 'max_price: expected a number, got the text "0.1"'),
        ("tags: {aws:x: y}", 'tags.aws:x: the tag "aws:x" is reserved; take another'),
        ("tags: {rolecall:role: y}", 'the tag "rolecall:role" is reserved'),
        ("tags: {Name: y}", 'tags.Name: the tag "Name" is reserved'),
        ("tags: {cost: 7}", "tags.cost: expected a text, got the number 7; put it in quotes"),
        (f"tags: {{x: {'y' * 257}}}", "tags.x: 257 characters; 0 to 256 are allowed"),
        (
            f"tags: {{{', '.join(f't{i}: x' for i in range(41))}}}",
            "tags: has 41 entries; at most 40",
        ),
        ("volumes: {/dev/xvda: {}}", "volumes: /dev/xvda has no size; as in size: 20; only root"),
        ("volumes: {root: {kms_key: alias/disks}}", "root: kms_key needs encryption; write encry"),
        ("volumes: {root: {encrypted: true, kms_key: 'a b'}}", 'kms_key: "a b" is not a KMS key'),
        ("volumes: {root: {type: gp2, iops: 3000}}", "root: iops cannot be chosen for type gp2"),
        ("volumes: {root: {type: io2}}", "volumes.root: type io2 needs iops; as in iops: 3000"),
        ("volumes: {root: {type: io2, iops: 100, throughput: 125}}", "throughput cannot be chosen"),
        ("volumes: {root: {throughput: 2001}}", "root.throughput: 2001 is out of bounds; at most"),
        ("http_put_response_hop_limit: 65", "hop_limit: 65 is out of bounds; at most 64"),
        ("credit_specification: endless", 'credit_specification: "endless" is not valid here'),
        ("volumes: {/dev/xvda: {size: 8, type: gp}}", '"gp" is not valid here; did you mean "gp'),
        ("volumes: {/dev/xvda: {size: 8, typ: gp3}}", 'typ: unknown key; did you mean "type"?'),
        ("volumes: {'/dev/x v': {size: 8}}", 'volumes."/dev/x v": "/dev/x v" is not a device'),
        ("public_ip: maybe", 'public_ip: expected true or false, got the text "maybe"'),
        ("puppet_server: {ca_pem: x}", "ca_pem: unknown key; the keys here are: host, address, p"),
        ("puppet_server: {host: 'a b'}", 'puppet_server.host: "a b" is not a host name'),
        ("puppet_server: {host: a..b}", 'puppet_server.host: "a..b" is not a host name'),
        ("puppet_server: {address: 'fe80::1%eth0'}", '"fe80::1%eth0" is not an IP address'),
        ("puppet_server: {address: here}", '"here" is not an IP address; as in 10.0.0.10'),
        ("puppet_server: {port: 65536}", "puppet_server.port: 65536 is out of bounds; at most 655"),
        ("puppet: {install: apt}", 'puppet.install: "apt" is not valid here'),
        ("puppet: {package: 'a b'}", 'puppet.package: "a b" is not a package name'),
        ("instance_profile: 'a b'", 'instance_profile: "a b" is not an instance profile'),
        (
            "extra_user_data: 'echo hi'",
            "extra_user_data: its first line does not say what it is; sta",
        ),
        (
            'extra_user_data: "#cloud-config\\na: 2026-99-99"',
            "extra_user_data: not YAML: month must",
        ),
        (
            'extra_user_data: "#cloud-config\\nmerge_how: list()"',
            "extra_user_data: merge_how would replace what rolecall writes; leave it out",
        ),
        ('extra_user_data: "#cloud-config\\na: ["', "extra_user_data: not YAML: while parsing"),
        ('extra_user_data: "#cloud-config\\n- a"', "extra_user_data: a cloud-config is a map of"),
        (
            f"extra_user_data: '#cloud-config{' ' * 10240}'",
            "extra_user_data: more than 10240 bytes; EC2 takes 16 KiB of user-data in all",
        ),
    ],
)
def test_a_launch_section_is_refused_for(yaml: str, message: str) -> None:
    lines = refused(in_launch(yaml))

    assert message in lines[0]
    assert lines[0].startswith("roles.yaml:3: roles.web.launch.")
    assert len(lines) == 1


def test_credits_are_refused_for_a_type_that_has_none() -> None:
    (said,) = refused(in_launch("credit_specification: unlimited"))

    assert "roles.web.launch: c5.large has no CPU credits" in said
    assert "take it out, or keep T types alone" in said


@pytest.mark.parametrize(
    ("missing", "example"),
    [
        ("region", "as in region: us-east-1"),
        ("subnets", "as in subnets: [subnet-0123456789abcdef0]"),
        ("image", "as in image: ami-0123456789abcdef0"),
        ("instance_types", "as in instance_types: [c5.large, c5a.large]"),
    ],
)
def test_a_launch_section_needs(missing: str, example: str) -> None:
    text = in_launch("max: 1").replace(f"{missing}:", f"x{missing}:")

    assert f"roles.yaml:3: roles.web.launch.{missing}: required, but missing; {example}" in refused(
        text
    )


@pytest.mark.parametrize(
    "name", ["Web", "1web", "web.front", "a b", "we/b", "x" * 64, "-web", "_w"]
)
def test_a_role_name_is_refused(name: str) -> None:
    assert "not a role name" in refused(f"roles: {{'{name}': {{classes: [a]}}}}")[0]


def test_a_role_that_gets_half_a_launch_section_from_defaults_is_told_how_to_have_none() -> None:
    text = """
    defaults: {launch: {region: us-east-1, subnets: [subnet-a], instance_types: [c5.large]}}
    roles: {web: , db: {launch: }}
    """

    assert refused(text) == [
        (
            "roles.yaml:3: roles.web.launch.image: required, but missing; as in image: "
            "ami-0123456789abcdef0, or launch: null for a role that launches nothing"
        )
    ]
    assert load(text.replace("web: ", "web: {launch: }"), source="f", read_file=str)


def test_a_role_without_puppet_server_cannot_be_ready_by_a_report() -> None:
    text = in_launch("puppet_server: null")

    assert refused(text) == [
        (
            "roles.yaml:2: roles.web: launch.puppet_server is null, but a node is ready by its "
            "Puppet report; leave puppet_server out, or set fleet.ready_when to running"
        )
    ]
    assert load(f"{text}    fleet: {{ready_when: running}}\n", source="f", read_file=str)


@pytest.mark.parametrize("name", ["web-front", "node", "default"])
def test_a_role_that_no_class_can_be_named_like_needs_classes(name: str) -> None:
    assert refused(f"roles: {{{name}: }}") == [
        (
            f'roles.yaml:1: roles.{name}: no classes, and "{name}" cannot be the name of one; '
            "as in classes: [role::web]"
        )
    ]
    assert load(f"roles: {{{name}: {{classes: [a]}}}}", source="roles.yaml", read_file=str)


@pytest.mark.parametrize(
    "yaml",
    [
        "fleet: {windows: ['Mon-Fri 09:00-17:00', Sat 22:00-24:00, Fri-Mon 23:30-04:00]}",
        "parameters: {camelCase: 1, _x: [1, {any key: null}], nested: {a: {b: 1.5}}}",
        "classes: {'::role::web': {mode: '0644', on: 'on', when: '2026-01-01'}}",
        "checks: [{name: http, command: 'check_http!-S -p 443'}]",
        "description: 'Tab\tand umlaut \u00e4\u00f6\u00fc \U0001f600'",
    ],
)
def test_a_role_is_not_refused_for(yaml: str) -> None:
    assert load(in_role(yaml.replace(" on:", " 'on':")), source="roles.yaml", read_file=str)


@pytest.mark.parametrize(
    "yaml",
    [
        "region: us-gov-west-1",
        "region: eusc-de-east-1",
        "image: resolve:ssm:/rolecall/example/image",
        "instance_types: [u-6tb1.112xlarge, m7i-flex.large, mac2-m2pro.metal]",
        "instance_profile: 'arn:aws:iam::123456789012:instance-profile/web/front'",
        "tags: {awsome: '', 'a b': c, name: x}",
        "volumes: {xvda: {size: 8, type: gp2, encrypted: true}}",
        "volumes: {root: {}, sdf: {size: 9, type: io2, iops: 100, delete_on_termination: false}}",
        "volumes: {root: {encrypted: true, kms_key: alias/disks, iops: 9000, throughput: 500}}",
        "volumes: {root: {encrypted: true, kms_key: 'arn:aws-cn:kms:cn-north-1:1:key/1a-b'}}",
        "http_put_response_hop_limit: 2",
        "instance_types: [t3.small, t4g.small], credit_specification: unlimited",
        "puppet_server: {host: puppet.example.com, address: '2001:db8::1'}",
        "puppet: {install: packages, package: puppet-agent=7.23.0-1+deb12u1}",
        'extra_user_data: "#!/bin/sh\\necho hi"',
        'extra_user_data: "#cloud-config\\npackages: [jq]\\npermissions: 0644"',
        "max_price: 1",
    ],
)
def test_a_launch_section_is_not_refused_for(yaml: str) -> None:
    assert load(in_launch(yaml), source="roles.yaml", read_file=str)

"""What is stored of a role: it reads back as itself, its hash, and what a change looks like."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from enc.domain.classify import role_text
from enc.domain.model import Role
from provisioner.rolesfile.loading import RoleSpec, StoredRoleError, diff, load
from tests.unit.test_rolesfile import LAUNCH, SAMPLE, Files, certificate, files

__all__ = ["certificate", "files"]


def role(launch: str, defaults: str = "", name: str = "web", ca: str = "") -> RoleSpec:
    text = f"{{defaults: {{{defaults}}}, roles: {{{name}: {{launch: {{{launch}}}}}}}}}"
    files = Files({"/ca.pem": ca, "/other.pem": ca})
    return load(text, source="roles.yaml", read_file=files).roles[name]


class TestADefinition:
    def test_of_the_sample_reads_back_as_the_same_role(self, files: Files) -> None:
        spec = load(SAMPLE, source="f", read_file=files).roles["pdf2swf"]
        stored = json.loads(json.dumps(spec.definition()))

        again = RoleSpec.from_definition("pdf2swf", stored, spec_hash=spec.spec_hash)

        assert again == spec
        assert again.definition() == stored

    def test_has_every_default_and_durations_as_written(self) -> None:
        definition = role(f"{LAUNCH}, spot_deadline: 300s").definition()

        assert definition["launch"]["spot_deadline"] == "300s"
        assert definition["launch"]["market"] == "spot"
        assert definition["fleet"]["drain"] == "5m"
        assert not {"name", "spec_hash"} & definition.keys()

    def test_of_the_inventory_is_a_role_again(self) -> None:
        spec = role(LAUNCH)
        stored = Role(name="web", definition=spec.definition(), spec_hash=spec.spec_hash, rev=3)

        assert RoleSpec.of(stored) == spec

    def test_is_what_the_enc_answers_from(self) -> None:
        text = "roles: {web: {classes: {a: {b: [1]}}, environment: staging}}"
        definition = load(text, source="f", read_file=str).roles["web"].definition()
        answer = role_text(Role(name="web", definition=definition))

        assert answer.classes == '  "a": {"b": [1]}\n'
        assert answer.environment == "staging"

    def test_by_an_older_version_gets_the_defaults_of_what_is_new(self) -> None:
        definition = role(LAUNCH).definition()
        del definition["checks"], definition["fleet"]["windows"]

        assert RoleSpec.from_definition("web", definition).fleet.windows == ()

    def test_by_a_newer_version_is_refused_with_what_to_do(self) -> None:
        definition = role(LAUNCH).definition()
        definition["launch"]["hibernate"] = True

        with pytest.raises(StoredRoleError) as caught:
            RoleSpec.from_definition("web", definition)

        assert str(caught.value) == (
            "role web: what is stored of it is not usable here (launch.hibernate: Extra inputs "
            "are not permitted); apply the roles file again with this version"
        )

    @pytest.mark.parametrize("seed", range(40))
    def test_of_any_role_reads_back_as_the_same_role(self, seed: int) -> None:
        text = yaml_of(random.Random(seed))
        spec = load(text, source="f", read_file=str).roles["web"]
        stored = json.loads(json.dumps(spec.definition()))

        again = RoleSpec.from_definition("web", stored, spec_hash=spec.spec_hash)

        assert again == spec
        assert json.dumps(again.definition()) == json.dumps(stored)
        assert diff(stored, again.definition()) == []


def yaml_of(chance: random.Random) -> str:
    """A roles file of one role with some of the keys; JSON is YAML."""

    def some(options: dict[str, list[Any]]) -> dict[str, Any]:
        return {k: chance.choice(values) for k, values in options.items() if chance.random() < 0.6}

    def data(depth: int = 0) -> Any:
        plain = [None, True, 0, -7, 2**63 - 1, 0.1, 1e22, "", "no", "0644", "\u00e4\n\t\U0001f600"]
        if depth > 3 or chance.random() < 0.5:
            return chance.choice(plain)
        if chance.random() < 0.5:
            return [data(depth + 1) for _ in range(chance.randrange(4))]
        return {chance.choice(["a", "b c", "::", "0"]): data(depth + 1) for _ in range(3)}

    launch = {
        "region": "us-east-1",
        "subnets": ["subnet-a"],
        "image": "ami-1",
        "instance_types": ["c5.large", "c5a.large"],
    } | some(
        {
            "security_groups": [[], ["sg-1", "sg-2"]],
            "key_name": [None, "ops"],
            "tags": [{}, {"a b": "c"}],
            "volumes": [{}, {"/dev/xvda": {"size": 8}}],
            "public_ip": [None, True, False],
            "puppet_server": [{}, {"address": "10.0.0.10", "port": 8141}],
            "market": ["spot", "on-demand"],
            "spot_deadline": ["1s", "60m"],
            "fallback": ["none", "on-demand"],
            "max_price": [None, 1, 0.5],
            "puppet": [{}, {"install": "openvox"}, {"install": "none"}],
            "extra_user_data": [None, "#cloud-config\npackages: [jq]\n"],
        }
    )
    role = some(
        {
            "description": ["", "words: many"],
            "environment": [None, "production"],
            "parameters": [{}, {"tier": data(), "dc": data()}],
            "classes": [{"role::web": {"a": data()}}, ["base", "::role::web"]],
            "launch": [launch],
            "checks": [[], [{"name": "http", "command": "check_http", "port": 80}]],
        }
    )
    if "launch" in role:
        role |= some(
            {
                "fleet": [{}, {"size": 3, "max_unavailable": 2, "windows": ["Sat 01:00-02:00"]}],
                "burst": [None, {}, {"image": "ami-2", "ttl": "90m"}],
            }
        )
    return json.dumps({"roles": {"web": role}}, ensure_ascii=False)


class TestTheHashOfALaunchSection:
    def test_is_sixteen_hex_digits_and_stays_the_same_in_every_release(self) -> None:
        assert role(LAUNCH).spec_hash == "9ce8e50e60c6271c"

    def test_is_empty_without_a_launch_section(self) -> None:
        assert load("roles: {web: }", source="f", read_file=str).roles["web"].spec_hash == ""

    @pytest.mark.parametrize(
        ("launch", "defaults"),
        [
            (", ".join(reversed(LAUNCH.split(", "))), ""),
            (f"{LAUNCH}, key_name: null, tags: {{a: null}}, security_groups: [], puppet: {{}}", ""),
            ("", f"launch: {{{LAUNCH}}}"),
            ("image: ami-1", f"launch: {{{LAUNCH.replace('ami-1', 'ami-2')}}}"),
            (LAUNCH, "fleet: {size: 3}, environment: staging, classes: [base]"),
        ],
        ids=["order", "what is empty", "from defaults", "over defaults", "other sections"],
    )
    def test_does_not_change_with(self, launch: str, defaults: str) -> None:
        assert role(LAUNCH).spec_hash == role(launch, defaults).spec_hash

    @pytest.mark.parametrize(
        ("launch", "defaults"),
        [
            (LAUNCH.replace("ami-1", "ami-2"), ""),
            (f"{LAUNCH}, key_name: ops", ""),
            (LAUNCH, "launch: {tags: {team: ops}}"),
            (f"{LAUNCH}, market: spot", ""),
        ],
        ids=["an image", "a key", "a default of the file", "a default written out"],
    )
    def test_changes_with(self, launch: str, defaults: str) -> None:
        assert role(LAUNCH).spec_hash != role(launch, defaults).spec_hash

    def test_is_over_the_certificate_and_not_over_where_it_lies(self, certificate: str) -> None:
        here = role(f"{LAUNCH}, puppet_server: {{ca: /ca.pem}}", ca=certificate)
        there = role(f"{LAUNCH}, puppet_server: {{ca: /other.pem}}", ca=certificate)
        another = role(f"{LAUNCH}, puppet_server: {{ca: /ca.pem}}", ca=certificate * 2)

        assert here.spec_hash == there.spec_hash
        assert here.spec_hash != another.spec_hash


class TestTheDifference:
    def test_of_a_role_to_itself_is_nothing(self) -> None:
        assert diff(role(LAUNCH).definition(), role(LAUNCH).definition()) == []

    @pytest.mark.parametrize(
        ("old", "new", "lines"),
        [
            (
                {"launch": {"market": "spot"}},
                {"launch": {"market": "on-demand"}},
                ["~ launch.market: spot -> on-demand"],
            ),
            ({"classes": {}}, {"classes": {"role::web": {}}}, ["+ classes.role::web"]),
            (
                {"classes": {}},
                {"classes": {"a": {"workers": 4}}},
                ['+ classes.a: {"workers": 4}'],
            ),
            (
                {"classes": {"a": {"b": 1}}},
                {"classes": {"a": {"b": 1, "c": [2]}}},
                ["+ classes.a.c: [2]"],
            ),
            ({"parameters": {"tier": "x"}}, {"parameters": {}}, ["- parameters.tier"]),
            ({"parameters": {}}, {"parameters": {"x": None}}, ["+ parameters.x: null"]),
            ({"a": {"key": "ops"}}, {"a": {"key": None}}, ["~ a.key: ops -> null"]),
            ({"a": {"x": 1}}, {"a": {"x": True}}, ["~ a.x: 1 -> true"]),
            ({"a": {"x": 1}}, {"a": {"x": "1"}}, ['~ a.x: 1 -> "1"']),
            ({"a": {"x": ""}}, {"a": {"x": "b: c"}}, ['~ a.x: "" -> "b: c"']),
            ({"a": {"x": "5m"}}, {"a": {"x": "300s"}}, ["~ a.x: 5m -> 300s"]),
            ({"a": {"x": "null"}}, {"a": {"x": "a b"}}, ['~ a.x: "null" -> a b']),
            ({"a": {"x": [1, 2]}}, {"a": {"x": [2]}}, ["~ a.x: [1, 2] -> [2]"]),
            ({"a": {"x": {"y": 1}}}, {"a": {"x": 5}}, ['~ a.x: {"y": 1} -> 5']),
            ({"a": {"x": f"{'y' * 99}1"}}, {"a": {"x": f"{'y' * 99}2"}}, ["~ a.x: changed"]),
            (
                {"launch": None},
                {"launch": {"image": "ami-1", "tags": {}}},
                ["+ launch.image: ami-1"],
            ),
            ({"launch": {"image": "ami-1"}}, {"launch": None}, ["- launch"]),
        ],
    )
    def test_is_one_line_a_change(
        self, old: dict[str, Any], new: dict[str, Any], lines: list[str]
    ) -> None:
        assert diff(old, new) == lines

    def test_of_a_new_role_leaves_out_what_is_empty(self) -> None:
        lines = diff(
            None, load("roles: {web: }", source="f", read_file=str).roles["web"].definition()
        )

        assert lines[0] == "+ classes.web"
        assert not [line for line in lines if "null" in line or line.endswith(("{}", "[]"))]

    def test_of_a_role_that_goes_is_what_it_had(self) -> None:
        assert diff({"classes": {"a": {}}, "launch": None}, None) == ["- classes"]

"""What must hold in a store at any moment: everything else recomputed from the hashes of nodes.

Written against docs/redis.md, with nothing of the product's but its types.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

LIFE_LENGTH = 200
RUNS_LENGTH = 10
_NODE_INDEXES = ("nodes", "nodes:role:", "nodes:kind:", "nodes:state:", "nodes:market:")
_PREFIXES = (
    *("node:", "nodes:", "fleet:", "name:", "claims:", "formerly:", "life:", "runs:", "archive:"),
    *("ran:", "order:", "signed:"),
    *("role:", "launch:", "drought:", "hold:", "approved:", "backoff:", "suspect:"),
)
_SINGLE = frozenset(
    {
        *("meta", "nodes", "roles", "launches", "launches:open", "events", "archived"),
        *("orders", "pause", "suspects", "swept", "lease:converge", "epoch:converge"),
    }
)


def dump(redis: Redis) -> dict[str, Any]:
    """Every key with its contents, to compare a store before and after."""
    found = sorted(redis.keys())
    kinds = _ask(redis, [("TYPE", key) for key in found])
    reads = [_READS[kind] for kind in kinds]
    answers = _ask(redis, [(r[0], key, *r[1:]) for r, key in zip(reads, found, strict=True)])
    contents = map(_plain, kinds, answers)
    return dict(zip(found, contents, strict=True))


def check(redis: Redis) -> None:
    """Assert that indexes, counts, names, lives, runs, archive and launches follow from nodes."""
    store = _Store(dump(redis))
    nodes = store.of("node:")
    assert not [k for k in store.keys if k not in _SINGLE and not k.startswith(_PREFIXES)]
    indexed = [k for k in store.keys if k.startswith(_NODE_INDEXES) and k != "nodes:texts"]
    assert {k: store.keys[k] for k in indexed} == _indexes(nodes)
    assert set(store.keys.get("nodes:texts", ())) == set(_texts(nodes))
    assert store.of("fleet:") == _counts(nodes)
    assert store.of("ran:") == _last_runs(nodes)
    assert store.of("order:") == _orders(nodes)
    _check_names(store, nodes)
    _check_lives(redis, store, nodes)
    _check_runs(store, nodes)
    _check_archive(redis, store)
    _check_launches(store, nodes)


@dataclass
class _Store:
    keys: Mapping[str, Any]

    def of(self, prefix: str) -> dict[str, Any]:
        length = len(prefix)
        return {key[length:]: value for key, value in self.keys.items() if key.startswith(prefix)}


_READS: Mapping[str, tuple[str, ...]] = {
    "hash": ("HGETALL",),
    "zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
    "set": ("SMEMBERS",),
    "list": ("LRANGE", "0", "-1"),
    "stream": ("XRANGE", "-", "+"),
    "string": ("GET",),
}


def _ask(redis: Redis, commands: Iterable[tuple[str, ...]]) -> list[Any]:
    pipe = redis.pipeline(transaction=False)
    for command in commands:
        pipe.execute_command(*command)
    return pipe.execute()


def _plain(kind: str, answer: Any) -> Any:
    if kind != "zset":
        return answer
    return {member: float(score) for member, score in zip(answer[::2], answer[1::2], strict=True)}


def _launched(node: Mapping[str, str]) -> float:
    return datetime.fromisoformat(node["launched_at"]).timestamp()


def _indexes(nodes: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for certname, node in nodes.items():
        for key in _index_keys(node):
            found.setdefault(key, {})[certname] = _launched(node)
    return found


def _index_keys(node: Mapping[str, str]) -> Iterable[str]:
    yield "nodes"
    yield f"nodes:role:{node['role']}"
    yield f"nodes:kind:{node['kind']}"
    yield f"nodes:state:{node['state']}"
    if "market" in node:
        yield f"nodes:market:{node['market']}"


def _orders(nodes: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    ending = {"draining", "retiring"}
    return {name: node["state"] for name, node in nodes.items() if node["state"] in ending}


def _texts(nodes: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    for certname, node in nodes.items():
        found = (node.get(field) for field in ("private_dns", "public_dns", "private_ip"))
        yield from (f"{text} {certname}" for text in (certname, *found) if text)


def _counts(nodes: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    found: dict[str, Counter[str]] = {}
    for node in nodes.values():
        field = f"{node['kind']}:{node['state']}:{node.get('market', 'none')}"
        found.setdefault(node["role"], Counter())[field] += 1
    return {role: {f: str(n) for f, n in counter.items()} for role, counter in found.items()}


def _last_runs(nodes: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    found: dict[str, Counter[str]] = {}
    for node in nodes.values():
        found.setdefault(node["role"], Counter())[node.get("report_status", "none")] += 1
    return {role: {f: str(n) for f, n in counter.items()} for role, counter in found.items()}


def _check_names(store: _Store, nodes: Mapping[str, Mapping[str, str]]) -> None:
    claims: dict[str, dict[str, float]] = {}
    for certname, node in nodes.items():
        for name in _names(node):
            claims.setdefault(name, {})[certname] = _launched(node)
    newest = {name: max(who, key=lambda c: (who[c], c)) for name, who in claims.items()}
    assert store.of("name:") == newest
    assert store.of("claims:") == {name: who for name, who in claims.items() if len(who) > 1}
    assert not store.of("formerly:").keys() & claims.keys()


def _names(node: Mapping[str, str]) -> set[str]:
    address = f"{node.get('vpc', '')}:{node['private_ip']}" if "private_ip" in node else ""
    return {n for n in (node.get("private_dns", ""), node.get("public_dns", ""), address) if n}


def _check_lives(redis: Redis, store: _Store, nodes: Mapping[str, Mapping[str, str]]) -> None:
    lives = store.of("life:")
    assert lives.keys() == nodes.keys() | store.of("archive:").keys()
    logged = {json.dumps(fields, sort_keys=True) for _, fields in store.keys.get("events", [])}
    for certname, life in lives.items():
        assert len(life) <= LIFE_LENGTH
        entries = [json.loads(text) for text in life]
        assert all(certname in (entry["node"], entry.get("from")) for entry in entries)
        assert all(json.dumps(entry, sort_keys=True) in logged for entry in entries)
    ends = dict(zip(lives, _ask(redis, [("TTL", f"life:{c}") for c in lives]), strict=True))
    assert {certname for certname, ttl in ends.items() if ttl == -1} == nodes.keys()


def _check_runs(store: _Store, nodes: Mapping[str, Mapping[str, str]]) -> None:
    for certname, runs in store.of("runs:").items():
        assert 0 < len(runs) <= RUNS_LENGTH
        times = [json.loads(text)["time"] for text in runs]
        assert times == sorted(set(times))
        assert nodes[certname]["report_at"] == times[-1]


def _check_archive(redis: Redis, store: _Store) -> None:
    archive = store.of("archive:")
    assert store.keys.get("archived", {}).keys() == archive.keys()
    for certname, ended in archive.items():
        assert ended["state"] == "archived"
        at = datetime.fromisoformat(ended["ended_at"]).timestamp()
        assert store.keys["archived"][certname] == at
    assert all(ttl > 0 for ttl in _ask(redis, [("TTL", f"archive:{c}") for c in archive]))


def _check_launches(store: _Store, nodes: Mapping[str, Mapping[str, str]]) -> None:
    everyone = [*nodes.values(), *store.of("archive:").values()]
    born = Counter(node["launch"] for node in everyone if "launch" in node)
    for launch_id, launch in store.of("launch:").items():
        assert int(launch["got"]) == born[launch_id]
    opened = {i for i, launch in store.of("launch:").items() if launch["state"] == "open"}
    assert set(store.keys.get("launches:open", ())) == opened

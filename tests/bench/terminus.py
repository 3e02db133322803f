"""A look-up inside one puppetserver: the terminus beside the script, in turns, and a restart."""

from __future__ import annotations

import http.client
import json
import shutil
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from enc.inventory import Inventory, connect
from tests.bench.table import Row, show
from tests.builders import event, node, role
from tests.conftest import begin
from tests.real.puppetserver import HOST, NAME, PuppetServer, hand_over
from tests.real.terminusdriver import MODULE_LIB
from tests.servers import RedisServer, Service, free_port
from tests.service.enc_script import SCRIPT

BOUND = 0.15
LOOK_UPS = 200
THREADS = 8
# The default: puppetserver takes a variable that looks like a number for one, and does not start.
TIMEOUT = 5
CLASSES = {f"role::part{number}": {"workers": number} for number in range(10)}
NAMES = [f"i-{number:017x}" for number in range(LOOK_UPS)]
# Look-ups before any counts: a puppetserver runs for days, and its JVM compiles what it has run
# often enough.
WARM_UP = 6000
ROUNDS = 200
# Of one request to the puppetserver: seconds.
PATIENCE = 280
FUNCTIONS = "lib/puppet/functions/bench"
# As the compiler asks for a node, but of one terminus or the other.
LOOK = """
require 'puppet/node'
require 'puppet/node/facts'
require 'puppet/indirector/request'

Puppet::Functions.create_function(:'bench::pairs') do
  dispatch(:pairs) { param 'String', :name; param 'Integer', :rounds }

  def pairs(name, rounds)
    termini = %i[rolecall exec].map { |each| Puppet::Node.indirection.terminus(each) }
    facts = Puppet::Node::Facts.new(name, {})
    environment = closure_scope.compiler.environment
    Array.new(rounds) do
      termini.map do |terminus|
        request = Puppet::Indirector::Request.new(:node, :find, name, nil,
                                                  environment: environment, facts: facts)
        begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        found = terminus.find(request)
        spent = (Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun) * 1000
        raise 'not the node' unless found.parameters['rolecall']['instance_id'] == name

        spent
      end
    end
  end
end
"""
MANY = """
require 'puppet/node'
require 'puppet/node/facts'
require 'puppet/indirector/request'

Puppet::Functions.create_function(:'bench::many') do
  dispatch(:many) { param 'Array', :names; param 'Integer', :threads; param 'Numeric', :pause }

  def many(names, threads, pause)
    terminus = Puppet::Node.indirection.terminus(:rolecall)
    environment = closure_scope.compiler.environment
    names.each_slice(names.size / threads).map do |share|
      Thread.new { share.map { |name| sleep(pause); one(terminus, environment, name) } }
    end.flat_map(&:value)
  end

  def one(terminus, environment, name)
    facts = Puppet::Node::Facts.new(name, {})
    request = Puppet::Indirector::Request.new(:node, :find, name, nil,
                                              environment: environment, facts: facts)
    begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    said = begin
      terminus.find(request).parameters['rolecall']['instance_id']
    rescue Puppet::Error => e
      e.message
    end
    [name, said, (Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun) * 1000]
  end
end
"""


def measure() -> list[Row]:
    if shutil.which("puppetserver") is None:
        why = "puppetserver is not installed; run: make debs"
        return [Row(what="terminus", measured=f"not measured: {why}", bound="-", ok=True)]
    with _sides() as sides:
        return [*_pairs(sides), _restart(sides)]


@dataclass(frozen=True)
class _Sides:
    server: PuppetServer
    service: Service

    def call(self, expression: str) -> Any:
        """The value of an expression of Puppet's, made in the puppetserver for its own node."""
        manifest = self.server.environments / "production/manifests/site.pp"
        manifest.write_text(f"notify {{ 'value': message => to_json({expression}) }}\n")
        identity = self.server.identity(NAME)
        context = ssl.create_default_context(cafile=str(self.server.ca_certificate))
        context.load_cert_chain(identity.certificate, identity.key)
        connection = http.client.HTTPSConnection(
            HOST, self.server.port, timeout=PATIENCE, context=context
        )
        with closing(connection):
            path = f"/puppet/v3/catalog/{NAME}?environment=production"
            connection.request("GET", path, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"the puppetserver answers {answer.status}: {body[:500]!r}")
        (value,) = (each for each in json.loads(body)["resources"] if each["title"] == "value")
        return json.loads(value["parameters"]["message"])


@contextmanager
def _sides() -> Iterator[_Sides]:
    with (
        tempfile.TemporaryDirectory(prefix="rolecall-bench-", dir="/tmp") as name,
        ExitStack() as stack,
    ):
        (folder := Path(name)).chmod(0o755)
        redis = RedisServer(folder / "redis").start()
        stack.callback(redis.stop)
        _fill(redis.url)
        service = Service(folder / "service", redis.url, bind=f"unix:{folder}/enc.sock")
        stack.callback(service.stop)
        server = _server(folder, service)
        stack.callback(server.stop)
        _serve(service)
        server.begin()
        server.wait()
        yield _Sides(server, service)


def _fill(url: str) -> None:
    with closing(connect(url, timeout=10)) as redis:
        inventory = Inventory.on(redis)
        begin(inventory)
        inventory.roles.apply([role(definition={"classes": CLASSES})], event())
        inventory.nodes.create_many((node(name), event()) for name in NAMES)


def _serve(service: Service) -> None:
    """For the puppet user, too."""
    service.start()
    Path(service.bind.removeprefix("unix:")).chmod(0o666)


def _server(folder: Path, service: Service) -> PuppetServer:
    # Copied: the puppet user may not be let into the checkout.
    shutil.copytree(MODULE_LIB, folder / "lib")
    script = Path(shutil.copy(SCRIPT, folder / "enc"))
    script.chmod(0o755)
    server = PuppetServer(
        folder / "puppetserver",
        free_port(),
        environment={"ENC_CONF": "", "ENC_URL": service.url},
        settings={"external_nodes": str(script)},
        ruby=(folder / "lib",),
        # It is to become as fast as one that runs for days.
        java=(),
    )
    server.prepare()
    environment = server.environments / "production"
    for name, text in ("pairs", LOOK), ("many", MANY):
        (functions := environment / "modules/bench" / FUNCTIONS).mkdir(parents=True, exist_ok=True)
        (functions / f"{name}.rb").write_text(text)
    (environment / "manifests").mkdir(parents=True)
    hand_over(environment)
    return server


def _pairs(sides: _Sides) -> list[Row]:
    for _ in range(WARM_UP // ROUNDS):
        sides.call(f"bench::pairs('{NAMES[0]}', {ROUNDS})")
    pairs = sides.call(f"bench::pairs('{NAMES[0]}', {ROUNDS})")
    ours, theirs = (median(times) for times in zip(*pairs, strict=True))
    ratio = median(one / other for one, other in pairs)
    return [
        Row(
            what=f"terminus / script, one look-up in a puppetserver (median of {ROUNDS} pairs)",
            measured=f"{ratio:.3f} ({ours:.2f} ms / {theirs:.2f} ms)",
            bound=f"<= {BOUND}",
            ok=ratio <= BOUND,
        )
    ]


def _many(pause: float) -> str:
    return f"bench::many({NAMES}, {THREADS}, {pause})"


def _restart(sides: _Sides) -> Row:
    begun = threading.Timer(1, lambda: (sides.service.stop(), _serve(sides.service)))
    begun.start()
    found = sides.call(_many(pause=0.15))
    begun.join()
    wrong = [said for name, said, _ in found if said != name and f"{name}: no answer" not in said]
    missed = sum(name != said for name, said, _ in found)
    longest = max(ms for _, _, ms in found) / 1000
    return Row(
        what=f"terminus, {len(found)} look-ups from {THREADS} threads, the service restarted",
        measured=f"{len(wrong)} wrong, {missed} said to be unanswered, longest {longest:.2f} s",
        bound=f"none wrong, <= {TIMEOUT} s",
        ok=not wrong and longest <= TIMEOUT and len(found) == LOOK_UPS,
    )


if __name__ == "__main__":
    show(measure())

"""A private puppetserver: CA and compiler on a free port of loopback, all of it below one folder.

`puppetserver foreground` insists on the folders below /etc/puppet, so the java line of
Debian's /usr/share/puppetserver/cli/apps/foreground is run here with folders of our own.
"""

import contextlib
import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.real import serverconf
from tests.real.jvm import BRIEF
from tests.real.puppetdb import Identity

# A cold start is 30 s on two idle cores and more than a minute on two busy ones.
START_SECONDS = 240
RELOAD_SECONDS = 120
STOP_SECONDS = 30
CA_SECONDS = 120
# How often the server is asked whether it is there yet.
POLL_SECONDS = 0.2
ASK_SECONDS = 5

DEBIAN = Path("/etc/puppet/puppetserver")
# What the README points to.
AUTH_RULES = Path(__file__).parents[2] / "puppet" / "example" / "auth-rules.conf"
JAR = "/usr/share/puppetserver/puppetserver.jar"
JAVA = (
    "-Xms512m", "-Xmx1g",
    "-Djruby.logger.class=com.puppetlabs.jruby_utils.jruby.Slf4jLogger",
    "-Djruby.lib=/usr/share/jruby/lib",
    "-Dlogappender=F1",
)  # fmt: skip
HOST = "127.0.0.1"
# A line of a Java or JRuby stack trace.
FRAME = re.compile(r"\tat |org[./]|java|puppetlabs\.|RUBY\.|uri:|/usr/")
# The name that machines know it by; its certificate carries it beside the address.
NAME = "puppet"


def auth_conf() -> str:
    """The package's own, with our rules pasted where the README says."""
    text, place = (DEBIAN / "conf.d" / "auth.conf").read_text(), "rules: [\n"
    assert place in text
    return text.replace(place, place + AUTH_RULES.read_text(), 1)


def as_puppet() -> list[str]:
    """The words before a command that make it the puppet user's, and end it if we die.

    Debian's package makes the user. Without root everything runs as who we are.
    """
    user = ["--reuid", NAME, "--regid", NAME, "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *user, "--pdeathsig", "TERM"]


def hand_over(*paths: Path) -> None:
    """Give PATHS, with all below them, to the puppet user (nothing to do without root)."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{NAME}:{NAME}", *paths], check=True)


@dataclass
class PuppetServer:
    """A handle on one puppetserver.

    `folder` must be open to the puppet user. `environment` is what the JVM and its JRuby get, and
    with it, word for word, every ENC that it runs. `settings` go to [server] of puppet.conf,
    `ruby` are folders with Ruby of ours, and `java` options of the JVM.
    """

    folder: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    ruby: tuple[Path, ...] = ()
    java: tuple[str, ...] = BRIEF
    process: subprocess.Popen[bytes] | None = None

    @property
    def environments(self) -> Path:
        return self.folder / "code" / "environments"

    @property
    def ca_certificate(self) -> Path:
        return self.folder / "ca" / "ca_crt.pem"

    def identity(self, certname: str) -> Identity:
        """The files of a certificate that was made here: the server's own, or by `issue`."""
        ssl = self.folder / "ssl"
        return Identity(
            ssl / "certs" / f"{certname}.pem",
            ssl / "private_keys" / f"{certname}.pem",
            self.ca_certificate,
        )

    @property
    def log(self) -> Path:
        """What the server says, with the standard error of each ENC that it ran."""
        return self.folder / "log" / "puppetserver.log"

    @property
    def _counter(self) -> Path:
        """Where the server counts its starts and reloads (its --restart-file)."""
        return self.folder / "run" / "restarts"

    def prepare(self) -> None:
        """Write the configuration and make the CA, whose leaf is the server's own certificate."""
        for name in ("puppet", "conf.d", "services.d", "code/environments", "run", "log"):
            (self.folder / name).mkdir(parents=True)
        for name in ("ca", "metrics", "web-routes"):
            shutil.copy(DEBIAN / "conf.d" / f"{name}.conf", self.folder / "conf.d")
        (self.folder / "conf.d" / "auth.conf").write_text(auth_conf())
        for name in ("bootstrap", "ca"):
            shutil.copy(DEBIAN / "services.d" / f"{name}.cfg", self.folder / "services.d")
        self.write_settings()
        texts = serverconf.files(self.folder, HOST, self.port, self.environment, self.ruby)
        for name, text in texts.items():
            (self.folder / name).write_text(text)
        self._counter.write_text("0")
        self._make_ca()
        hand_over(self.folder)

    def write_settings(self) -> None:
        """Write puppet.conf from `settings`; a running server takes it over by `reload`."""
        text = serverconf.puppet_conf(self.folder, NAME, self.port, self.settings)
        (self.folder / "puppet" / "puppet.conf").write_text(text)

    def _make_ca(self) -> None:
        self.command(
            "setup", "--certname", NAME, "--subject-alt-names", f"{NAME},localhost,IP:{HOST}"
        )

    def issue(self, certname: str) -> Identity:
        """An ordinary certificate, made as an administrator makes one: the server has to run."""
        self.command("generate", "--certname", certname)
        return self.identity(certname)

    def command(self, *words: str) -> str:
        """What `puppetserver ca` says, which asks the running server with its own certificate.

        Raises RuntimeError with its words if it fails.
        """
        config = self.folder / "puppet" / "puppet.conf"
        done = subprocess.run(
            ["puppetserver", "ca", *words, "--config", config],
            capture_output=True, text=True, check=False, timeout=CA_SECONDS, cwd="/",
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"puppetserver ca {words[0]} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def begin(self) -> None:
        """Start it; `wait` waits until it serves."""
        command = [
            *as_puppet(), "/usr/bin/java", *self.java, *JAVA, "-jar", JAR,
            "--config", self.folder / "conf.d",
            "--bootstrap-config", self.folder / "services.d",
            "--restart-file", self._counter,
        ]  # fmt: skip
        # As Debian 13 starts it. Java 17 of Debian 12 reads files by it.
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder / "run"), "LANG": "C"}
        with (self.folder / "log" / "stdout").open("ab") as out:
            self.process = subprocess.Popen(
                command, env=env | self.environment, cwd="/", start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def wait(self) -> None:
        """Until it serves; raises TimeoutError or RuntimeError with its log."""
        self._wait_for_turn(1, START_SECONDS)

    def reload(self) -> None:
        """Make the running server read all its settings again, in the same JVM."""
        turn = self._turn()
        self._running().send_signal(signal.SIGHUP)
        self._wait_for_turn(turn + 1, RELOAD_SECONDS)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        self.process = None

    def status(self) -> str:
        """`running`, or another word of its own, or `away` when nobody answers."""
        context = ssl.create_default_context(cafile=str(self.ca_certificate))
        connection = http.client.HTTPSConnection(
            HOST, self.port, timeout=ASK_SECONDS, context=context
        )
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.request("GET", "/status/v1/simple")
            return connection.getresponse().read().decode()
        return "away"

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"the puppetserver does not run; it said:\n{self.tail()}")
        return self.process

    def _turn(self) -> int:
        return int(self._counter.read_text() or 0)

    def _wait_for_turn(self, turn: int, seconds: float) -> None:
        """Wait until the counter has reached TURN (everything is set up) and it serves."""
        deadline = time.monotonic() + seconds
        while self._turn() < turn or self.status() != "running":
            self._running()
            if time.monotonic() > deadline:
                raise TimeoutError(f"no puppetserver within {seconds} s; it said:\n{self.tail()}")
            time.sleep(POLL_SECONDS)

    def tail(self, lines: int = 40) -> str:
        """The end of what it said, without the frames of its stack traces."""
        said = []
        for path in (self.folder / "log" / "stdout", self.log):
            text = path.read_text(errors="replace") if path.exists() else ""
            said += [line for line in text.splitlines() if line and not FRAME.match(line)]
        return "\n".join(said[-lines:])

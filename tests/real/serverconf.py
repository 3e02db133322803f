"""The text of a private puppetserver's configuration files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

PUPPET_CONF = """\
[main]
confdir = {d}/puppet
codedir = {d}/code
vardir = {d}/var
rundir = {d}/run
logdir = {d}/log
ssldir = {d}/ssl
publicdir = {d}/public
certname = {name}
# The default of 4096 bits costs seconds and shows nothing more here.
keylength = 2048
# For `puppetserver ca`, which asks the running server.
server = localhost
serverport = {port}
# Without the packages' modules: each new agent would fetch hundreds of files for nothing.
basemodulepath = {d}/code/modules
[server]
vardir = {d}/var
cadir = {d}/ca
environment_timeout = 0
"""

PUPPETSERVER_CONF = """\
jruby-puppet: {{
    ruby-load-path: [{ruby}]
    # JRuby sees of the environment what is named here, and little else.
    environment-vars: {{ {variables} }}
    gem-home: {d}/gems
    gem-path: [${{jruby-puppet.gem-home}}, "/usr/lib/puppetserver/vendored-jruby-gems"]
    server-conf-dir: {d}/puppet
    server-code-dir: {d}/code
    server-var-dir: {d}/var
    server-run-dir: {d}/run
    server-log-dir: {d}/log
    max-active-instances: 1
}}
http-client: {{}}
profiler: {{}}
"""

# With TLS 1.3 the agent's first run hangs for Jetty's idle timeout of 30 s: after the PUT of
# the CSR, Net::HTTP blocks on a session ticket that comes late.
WEBSERVER_CONF = """\
webserver: {{
    access-log-config: {d}/request-logging.xml
    client-auth: want
    ssl-host: {host}
    ssl-port: {port}
    ssl-protocols: [TLSv1.2]
}}
"""

GLOBAL_CONF = """\
global: {{
    logging-config: {d}/logback.xml
}}
"""

LOGBACK_XML = """\
<configuration>
  <appender name="F1" class="ch.qos.logback.core.FileAppender">
    <file>{d}/log/puppetserver.log</file>
    <encoder><pattern>%d{{HH:mm:ss.SSS}} %-5p [%c{{2}}] %m%n</pattern></encoder>
  </appender>
  <logger name="puppetserver" level="info"/>
  <root level="warn"><appender-ref ref="F1"/></root>
</configuration>
"""

REQUEST_LOGGING_XML = """\
<configuration>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender">
    <file>{d}/log/access.log</file>
    <encoder><pattern>%t "%r" %s %b %D</pattern></encoder>
  </appender>
  <appender-ref ref="FILE"/>
</configuration>
"""


VENDOR_RUBY = Path("/usr/lib/puppetserver/ruby/vendor_ruby")


def files(
    folder: Path, host: str, port: int, variables: Mapping[str, str], ruby: Sequence[Path]
) -> dict[str, str]:
    """Relative path -> text, for everything but puppet.conf."""
    values = {
        "d": folder,
        "host": host,
        "port": port,
        "variables": ", ".join(f'{name}: "{value}"' for name, value in variables.items()),
        "ruby": ", ".join(str(path) for path in (*ruby, VENDOR_RUBY)),
    }
    texts = {
        "conf.d/puppetserver.conf": PUPPETSERVER_CONF,
        "conf.d/webserver.conf": WEBSERVER_CONF,
        "conf.d/global.conf": GLOBAL_CONF,
        "logback.xml": LOGBACK_XML,
        "request-logging.xml": REQUEST_LOGGING_XML,
    }
    return {name: text.format(**values) for name, text in texts.items()}


def puppet_conf(folder: Path, name: str, port: int, settings: Mapping[str, str]) -> str:
    """The server's puppet.conf; SETTINGS are added to its [server] section."""
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    return PUPPET_CONF.format(d=folder, name=name, port=port) + lines

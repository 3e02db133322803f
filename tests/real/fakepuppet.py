"""A `puppet` that answers at once, keeps a diary, and ends as it is told.

It lays its files as Debian's does. Each run appends a line to `/root/runs` and copies what the
agent would have read; the exit codes to give come from `/root/codes`, one a line, the last one
for ever. Where `/root/real` exists, `config print` is answered by the real Puppet.
"""

from tests.real.host import Host

RUNS = "/root/runs"
CODES = "/root/codes"
CSR = "/root/csr_attributes.yaml"
SSL = "/var/lib/puppet/ssl"

SCRIPT = r"""#!/bin/sh
confdir=/etc/puppet cache=/var/cache/puppet ssl=/var/lib/puppet/ssl
if [ "$1" = config ]; then
    [ ! -e /root/real ] || exec /usr/bin/ruby -e '$0 = "puppet"
        require "puppet/util/command_line"
        Puppet::Util::CommandLine.new("puppet", ARGV).execute' -- "$@"
    while [ "$1" != --certname ]; do shift; done
    cat <<PATHS
confdir = $confdir
ssldir = $ssl
hostprivkey = $ssl/private_keys/$2.pem
hostcert = $ssl/certs/$2.pem
localcacert = $ssl/certs/ca.pem
csr_attributes = $confdir/csr_attributes.yaml
statedir = $cache/state
lastrunfile = $cache/public/last_run_summary.yaml
client_datadir = $cache/client_data
PATHS
    exit
fi
echo "$0 $*" >>/root/runs
stat -c '%a %U:%G' $confdir/csr_attributes.yaml >/root/csr_mode
cp -p $confdir/csr_attributes.yaml /root/csr_attributes.yaml
cp $confdir/puppet.conf /root/puppet.conf
umask >/root/umask
certname=$(sed -n 's/^certname = //p' $confdir/puppet.conf)
mkdir -p $ssl/private_keys $ssl/certs
[ -e $ssl/private_keys/$certname.pem ] || echo key >$ssl/private_keys/$certname.pem
code=$(head -n 1 /root/codes)
[ "$(wc -l </root/codes)" = 1 ] || sed -i 1d /root/codes
[ "$code" = 1 ] || echo cert >$ssl/certs/$certname.pem
exit "$code"
"""


def install(host: Host, *codes: int, path: str = "/usr/bin/puppet") -> None:
    """Put it on a machine's disk, to exit with these codes in turn (2 where none is given)."""
    host.write(path, SCRIPT, mode=0o755)
    prepare(host, *codes)


def prepare(host: Host, *codes: int) -> None:
    host.write(CODES, "".join(f"{code}\n" for code in codes or (2,)))
    host.write(RUNS, "")


def runs(host: Host) -> list[str]:
    """The command line of each agent run so far."""
    return host.read(RUNS).splitlines()

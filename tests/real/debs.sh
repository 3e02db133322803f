#!/bin/sh
# Installs the Debian packages that the real ring and the browser's drive: debs.sh [real|browser]...
# Starts none of their daemons. Everything there: says nothing and exits 0. Not root: names what is
# missing and the command.
set -eu

REAL="redis-server puppet-agent puppetserver puppetdb puppet-terminus-puppetdb postgresql
cloud-init curl iproute2 gpg gpg-agent shellcheck python3-venv apache2-bin apache2-utils systemd dbus
puppet-module-puppetlabs-stdlib puppet-module-puppetlabs-inifile puppet-lint ruby-rspec-puppet
nagios4-core monitoring-plugins-basic prometheus ansible-core debootstrap
pdns-server pdns-backend-remote bind9-dnsutils dnsperf unbound"
# Debian 12 has no Valkey.
[ "$(. /etc/os-release && echo "$VERSION_CODENAME")" = bookworm ] || REAL="$REAL valkey-server"
# An image that boots has it, a root of debootstrap's does not.
command -v poweroff >/dev/null || REAL="$REAL systemd-sysv"
BROWSER="chromium fonts-dejavu-core"
# Node.js of another making brings its own, which Debian's would break.
command -v npm >/dev/null || BROWSER="$BROWSER npm"
POLICY=/usr/sbin/policy-rc.d

[ $# -gt 0 ] || set -- real browser
PACKAGES=
for group; do
    case $group in
    real) PACKAGES="$PACKAGES $REAL" ;;
    browser) PACKAGES="$PACKAGES $BROWSER" ;;
    *) echo "usage: $0 [real|browser]..." >&2 && exit 2 ;;
    esac
done

missing=
for package in $PACKAGES; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) || status=
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    cat >&2 <<SAY
The real and the browser's ring need Debian packages that are not installed:$missing
Run, as root:  sh $0
or yourself:   apt-get update && apt-get install -y --no-install-recommends$missing
SAY
    exit 1
fi

# invoke-rc.d asks this file before it starts anything; 101 means "forbidden".
# One that exists is somebody's decision about this machine: it stays as it is.
if [ ! -e "$POLICY" ]; then
    trap 'rm -f "$POLICY"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
fi

# cloud-init is here to boot the tests' own hosts; this machine it must never configure.
# Somebody's own, already installed one is not ours to turn off.
case " $missing " in
*" cloud-init "*)
    mkdir -p /etc/cloud
    touch /etc/cloud/cloud-init.disabled
    ;;
esac

export DEBIAN_FRONTEND=noninteractive
apt-get update
# shellcheck disable=SC2086  # a list of words, none of them with a space
apt-get install -y --no-install-recommends $missing

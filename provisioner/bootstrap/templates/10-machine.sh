#!/bin/sh
# shellcheck disable=SC2015  # `a && b || fail` is meant as it reads: fail ends the attempt
#
# rolecall: this machine's end of life, its identity, and its first Puppet run.
# start | boot | run | expire | watch; safe to run again. /var/log/rolecall-bootstrap.log
set -u
umask 022
PATH=/opt/puppetlabs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=${HOME:-/root}
# Puppet without a UTF-8 locale refuses catalogues that are not ASCII.
LANG=${LANG:-C.UTF-8}
export PATH HOME LANG

# Tests put another root in front of every path.
root=${ROLECALL_ROOT:-}
state=$root/var/lib/rolecall
log=$root/var/log/rolecall-bootstrap.log
units=$root/etc/systemd/system
per_boot=$root/var/lib/cloud/scripts/per-boot/rolecall
lock=$root/run/rolecall-bootstrap.lock
key_file=$state/launch-key
mark=$state/bootstrapped
LOG_LIMIT=1000000
# The second is for a machine without IPv4.
METADATA=${ROLECALL_METADATA:-http://169.254.169.254 http://[fd00:ec2::254]}

# shellcheck source=/dev/null
. "$state/settings"

say() { printf '%s rolecall: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

# An attempt that cannot go on ends here; the loop in run() begins another one.
fail() {
    say "$*"
    exit 1
}

systemd_runs() { [ -d "$root/run/systemd/system" ]; }

# Whose machine this is.

cloud_id() { head -n 1 "$root/var/lib/cloud/data/instance-id" 2>/dev/null; }

# An image baked from one of our machines carries that one's files: its marker, its units, its
# end of life. What they say counts only on the instance that wrote them.
ours() { [ -e "$state/instance" ] && [ "$(cat "$state/instance")" = "$(cloud_id)" ]; }
done_here() { [ -e "$mark" ] && [ "$(cat "$mark")" = "$(cloud_id)" ]; }

valid() {
    case $1 in
    '' | [._-]* | *..* | iid-* | *[!abcdefghijklmnopqrstuvwxyz0123456789._-]*) return 1 ;;
    esac
    [ "${#1}" -le 255 ]
}

from_metadata() {
    for service in $METADATA; do
        token=$(curl -gsf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
            "$service/latest/api/token") &&
            curl -gsf -m 2 -H "X-aws-ec2-metadata-token: $token" \
                "$service/latest/meta-data/instance-id" && return
    done
    return 1
}

# cloud-init says iid-... where it found no cloud: then the metadata service is asked.
find_certname() {
    certname=$(cloud_id)
    valid "$certname" || certname=$(from_metadata)
    valid "$certname" || fail "no instance id: neither cloud-init nor the metadata service has one"
}

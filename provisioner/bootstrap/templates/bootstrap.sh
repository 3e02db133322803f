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
METADATA=${ROLECALL_METADATA:-http://169.254.169.254}

# shellcheck source=/dev/null
. "$state/settings"

say() { printf '%s rolecall: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

# An attempt that cannot go on ends here; the loop in run() begins another one.
fail() {
    say "$*"
    exit 1
}

systemd_runs() { [ -d "$root/run/systemd/system" ]; }

# --- whose machine this is -------------------------------------------------------------

cloud_id() { head -n 1 "$root/var/lib/cloud/data/instance-id" 2>/dev/null; }

# An image baked from one of our machines carries that one's files: its marker, its units, its
# end of life. What they say counts only on the instance that wrote them.
ours() { [ "$(cat "$state/instance" 2>/dev/null)" = "$(cloud_id)" ]; }
done_here() { [ -e "$mark" ] && [ "$(cat "$mark")" = "$(cloud_id)" ]; }

valid() {
    case $1 in
    '' | [._-]* | *..* | iid-* | *[!abcdefghijklmnopqrstuvwxyz0123456789._-]*) return 1 ;;
    esac
    [ "${#1}" -le 255 ]
}

from_metadata() {
    token=$(curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
        "$METADATA/latest/api/token") &&
        curl -sf -m 2 -H "X-aws-ec2-metadata-token: $token" "$METADATA/latest/meta-data/instance-id"
}

# cloud-init says iid-... where it found no cloud: then the metadata service is asked.
find_certname() {
    certname=$(cloud_id)
    valid "$certname" || certname=$(from_metadata)
    valid "$certname" || fail "no instance id: neither cloud-init nor the metadata service has one"
}

# --- the end of its life ---------------------------------------------------------------

expired() { [ "$EXPIRES_AT" ] && ours && [ "$(date +%s)" -ge "$EXPIRES_AT" ]; }

expire() {
    expired || return 0
    say "this machine's time is over: powering off" | tee -a "$log"
    sync
    # A clean stop kills us; what comes after is for the machine that would not go.
    shutdown -h now && sleep 120
    poweroff -f && sleep 30
    poweroff -f -f
}

# Where there is no systemd. A minute at most, for a clock that is put right meanwhile.
watch() {
    while ours; do
        expire
        left=$((EXPIRES_AT - $(date +%s)))
        [ "$left" -lt 60 ] || left=60
        [ "$left" -ge 1 ] || left=1
        sleep "$left"
    done
}

# --- what survives a reboot --------------------------------------------------------------

# OnCalendar is the end itself. OnBootSec looks again at every boot: Persistent= alone forgets
# an end that passed before the timer was first started.
arm() {
    [ "$EXPIRES_AT" ] || return 0
    if systemd_runs; then
        cat >"$units/rolecall-expire.service" <<UNIT
[Unit]
Description=rolecall: power off for good when this machine's time is over
After=cloud-init.service cloud-init-network.service
[Service]
ExecStart=/bin/sh $state/bootstrap expire
UNIT
        cat >"$units/rolecall-expire.timer" <<UNIT
[Unit]
Description=rolecall: the end of this machine's time
[Timer]
OnCalendar=$EXPIRES_CALENDAR
OnBootSec=30
Persistent=true
AccuracySec=1s
[Install]
WantedBy=timers.target
UNIT
        systemctl daemon-reload
        systemctl enable rolecall-expire.timer
        systemctl restart rolecall-expire.timer
        [ "$(date +%s)" -lt "$EXPIRES_AT" ] || systemctl start --no-block rolecall-expire.service
    else
        setsid /bin/sh "$state/bootstrap" watch </dev/null >/dev/null 2>&1 &
    fi
}

# Through /bin/sh: SELinux and noexec both forbid systemd to start a file under /var.
begin() {
    if systemd_runs; then
        cat >"$units/rolecall-bootstrap.service" <<UNIT
[Unit]
Description=rolecall: this machine's first Puppet run
Wants=network-online.target
After=network-online.target cloud-init.service cloud-init-network.service
[Service]
ExecStart=/bin/sh $state/bootstrap run
Restart=on-failure
RestartSec=30
[Install]
WantedBy=multi-user.target
UNIT
        systemctl daemon-reload
        systemctl enable rolecall-bootstrap.service
        # cloud-init's last stage may itself be what the unit waits for
        systemctl start --no-block rolecall-bootstrap.service
    else
        setsid /bin/sh "$state/bootstrap" run </dev/null >/dev/null 2>&1 &
    fi
}

hook() {
    systemd_runs && return 0
    mkdir -p "${per_boot%/*}"
    printf '#!/bin/sh\nexec /bin/sh %s/bootstrap boot\n' "$state" >"$per_boot"
    chmod 755 "$per_boot"
}

# --- the way to the server -----------------------------------------------------------------

# Written in place: /etc/hosts keeps its owner, mode and SELinux label.
hosts_line() {
    [ "$PUPPET_ADDRESS" ] || return 0
    hosts=$root/etc/hosts
    [ -e "$hosts" ] || : >"$hosts"
    wanted=$(NAME=$PUPPET_HOST ADDRESS=$PUPPET_ADDRESS awk '
        BEGIN { name = ENVIRON["NAME"]; line = ENVIRON["ADDRESS"] " " name }
        { keep = $0; comment = index(keep, "#"); if (comment) keep = substr(keep, 1, comment - 1) }
        $0 == line { if (!seen++) print; next }
        { n = split(keep, word); found = 0; rest = word[1]
          for (i = 2; i <= n; i++) if (tolower(word[i]) == tolower(name)) found = 1
                                   else rest = rest " " word[i] }
        !found { print; next }
        rest != word[1] { print rest }
        END { if (!seen) print line }' "$hosts") || fail "cannot read $hosts"
    [ "$wanted" = "$(cat "$hosts")" ] || printf '%s\n' "$wanted" >"$hosts"
}

# --- the agent -------------------------------------------------------------------------------

find_puppet() {
    case $INSTALL in
    aio | openvox) puppet=$root/opt/puppetlabs/bin/puppet ;;
    *) puppet=$(command -v puppet) ;;
    esac
    [ "$puppet" ] && [ -x "$puppet" ]
}

release_name() (
    # shellcheck source=/dev/null
    . "$root/etc/os-release"
    if [ "$1" = deb ]; then
        case $INSTALL in
        aio) echo "${VERSION_CODENAME:-unknown}.deb" ;;
        openvox) echo "$ID$VERSION_ID.deb" ;;
        esac
    else
        case $ID in
        fedora) echo "-fedora-$VERSION_ID.noarch.rpm" ;;
        amzn) echo "-amazon-$VERSION_ID.noarch.rpm" ;;
        *) echo "-el-${VERSION_ID%%.*}.noarch.rpm" ;;
        esac
    fi
)

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null
}

# Debian packages puppet-agent as well, in 13 with the higher version of the two.
prefer() {
    for host in $APT_HOSTS; do
        printf 'Package: %s\nPin: origin "%s"\nPin-Priority: 995\n\n' "${PACKAGE%%=*}" "$host"
    done
}

with_apt() {
    if [ "$APT_RELEASE" ]; then
        deb=$(mktemp -d)/release.deb
        /usr/lib/apt/apt-helper download-file "$APT_RELEASE$(release_name deb)" "$deb" &&
            dpkg -i "$deb" || fail "cannot add the package repository $APT_RELEASE"
        rm -rf "${deb%/*}"
        prefer >"$root/etc/apt/preferences.d/rolecall.pref"
    fi
    # A repository of the image's own that is broken is no reason to give up.
    apt update || say "apt-get update had problems"
    apt install "$PACKAGE"
}

with_yum() {
    [ -z "$YUM_RELEASE" ] || "$1" -y install "$YUM_RELEASE$(release_name rpm)" ||
        fail "cannot add the package repository $YUM_RELEASE"
    "$1" -y install "$PACKAGE"
}

install_agent() {
    find_puppet && return 0
    say "installing $PACKAGE ($INSTALL)"
    if [ "$INSTALL" = none ]; then
        fail "this image has no puppet, and its role says 'install: none'"
    elif command -v apt-get >/dev/null; then
        with_apt
    elif command -v dnf >/dev/null; then
        with_yum dnf
    elif command -v yum >/dev/null; then
        with_yum yum
    else
        fail "this image has neither apt-get nor dnf nor yum"
    fi || fail "$PACKAGE was not installed"
    find_puppet || fail "$PACKAGE is installed and brought no puppet command"
}

# --- who we are to Puppet ----------------------------------------------------------------------

setting() {
    value=$(printf '%s\n' "$config" | sed -n "s/^$1 = //p")
    case $value in
    /?*) printf %s "$value" ;;
    *) return 1 ;;
    esac
}

ask_paths() {
    config=$("$puppet" config print --section agent --certname "$certname" confdir ssldir \
        hostprivkey hostcert localcacert csr_attributes statedir lastrunfile client_datadir) &&
        confdir=$(setting confdir) && ssldir=$(setting ssldir) && key=$(setting hostprivkey) &&
        cert=$(setting hostcert) && ca=$(setting localcacert) && csr=$(setting csr_attributes) &&
        statedir=$(setting statedir) && last_run=$(setting lastrunfile) &&
        client_data=$(setting client_datadir) ||
        fail "puppet does not say where its files are: $config"
}

# Without a key of our own, whatever lies here was baked into the image: another machine's
# certificate, its last run, and its cached catalogue, which a failed run would apply. The CA
# stays: it is whom to trust, not who we are.
wipe() {
    [ ! -e "$key" ] || return 0
    [ ! -d "$ssldir" ] || find -H "$ssldir" -type f ! -path "$ca" -exec rm -f {} +
    rm -rf "${client_data:?}"/* "${statedir:?}"/* "$last_run"
}

# What the image says of these, in the agent's sections, gives way; all else stays.
puppet_conf() {
    conf=$confdir/puppet.conf
    mkdir -p "$confdir"
    [ -e "$conf" ] || : >"$conf"
    text=$(OURS="certname = $certname
server = $PUPPET_HOST
serverport = $PUPPET_PORT" awk '
        function put() { print ENVIRON["OURS"]; done = 1 }
        /^[ \t]*\[/ { section = $0; sub(/^[ \t]*\[[ \t]*/, "", section); sub(/[ \t]*\].*/, "", section) }
        (section == "" || section ~ /^(main|agent|user)$/) &&
            /^[ \t]*(certname|server|server_list|serverport|masterport)[ \t]*=/ { next }
        { print }
        /^[ \t]*\[/ && section == "main" && !done { put() }
        END { if (!done) { print "[main]"; put() } }' "$conf") || fail "cannot read $conf"
    [ "$text" = "$(cat "$conf")" ] || printf '%s\n' "$text" >"$conf"
}

pin_ca() {
    [ "$PIN_CA" ] || return 0
    [ "$(cat "$ca" 2>/dev/null)" != "$(cat "$state/ca.pem")" ] || return 0
    mkdir -p "${ca%/*}"
    cat "$state/ca.pem" >"$ca" && chmod 644 "$ca" || fail "cannot write $ca"
    chown "$(stat -c %u:%g "$ssldir")" "${ca%/*}" "$ca"
    # a revocation list of another CA would be held against this one's certificates
    rm -f "$ssldir/crl.pem"
}

# HMAC-SHA256 as RFC 2104 writes it, of $1 with the key file's text (at most 64 bytes, which is
# what rendering allows). openssl would want the key as an argument, where ps shows it; printf
# is the shell's own.
bytes() {
    # shellcheck disable=SC2059  # the format is octal escapes of our own making
    printf "$(printf '\\%03o' "$@")"
}
hmac() (
    inner='' outer='' left=64
    for byte in $(tr -d '\n' <"$key_file" | od -An -v -tu1); do
        inner="$inner $((byte ^ 54))" outer="$outer $((byte ^ 92))" left=$((left - 1))
    done
    while [ "$left" -gt 0 ]; do
        inner="$inner 54" outer="$outer 92" left=$((left - 1))
    done
    # shellcheck disable=SC2086  # numbers, to be split
    digest=$({ bytes $inner && printf %s "$1"; } | sha256sum | cut -c 1-64)
    # shellcheck disable=SC2046,SC2086
    { bytes $outer && bytes $(printf %s "$digest" | sed 's/../0x& /g'); } | sha256sum | cut -c 1-64
)

# Quoted: a digest of digits alone, or with one e, would be a number to YAML.
attributes() {
    [ ! -e "$cert" ] || return 0
    [ -s "$key_file" ] || fail "there is no launch key in $key_file"
    rm -f "$csr"
    (umask 077 && cat >"$csr") <<YAML || fail "cannot write $csr"
---
custom_attributes:
  1.2.840.113549.1.9.7: "$(hmac "$certname")"
extension_requests:
  pp_instance_id: "$certname"
YAML
}

# --- the first run ---------------------------------------------------------------------------------

# No time-out of ours: Puppet has its own (runtimeout, an hour). A catalogue from the cache would
# exit 0 as well, and is no first run.
first_run() {
    "$puppet" agent --onetime --no-daemonize --verbose --color=false --detailed-exitcodes \
        --no-usecacheonfailure --waitforcert "$WAIT_FOR_CERT"
    code=$?
    [ ! -e "$cert" ] || rm -f "$csr"
    case $code in
    0 | 2) say "first Puppet run: exit $code" ;;
    *) fail "first Puppet run: exit $code" ;;
    esac
}

keep_running() {
    systemd_runs && systemctl cat puppet.service >/dev/null 2>&1 || return 0
    systemctl enable puppet.service && systemctl start --no-block puppet.service ||
        fail "cannot start puppet.service"
}

attempt() {
    find_certname
    hosts_line
    install_agent
    # A baked agent that the image starts at boot would run as the machine it was baked from.
    ! systemd_runs || systemctl stop puppet.service 2>/dev/null
    ask_paths
    wipe
    puppet_conf
    pin_ca
    attributes
    ! systemd_runs || systemctl unmask --runtime puppet.service 2>/dev/null
    first_run
    keep_running
    cloud_id >"$mark.new" && mv "$mark.new" "$mark"
    say "bootstrapped as $certname"
}

logged() {
    [ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -lt "$LOG_LIMIT" ] || mv -f "$log" "$log.1"
    (umask 077 && : >>"$log") && chmod 600 "$log"
    ("$@") >>"$log" 2>&1 </dev/null
}

# From half of $1 to all of it: machines that were born together do not ask together.
jittered() { echo $(($1 / 2 + $(od -An -N2 -tu2 /dev/urandom) % ($1 - $1 / 2 + 1))); }

run() {
    [ "$RUN_PUPPET" ] && ours && ! done_here || return 0
    exec 9>"$lock"
    flock -n 9 || return 0
    wait=$RETRY_FIRST
    # 9>&-: a daemon that an installation starts would hold the lock for ever
    until logged attempt 9>&-; do
        seconds=$(jittered "$wait")
        logged say "next attempt in $seconds s"
        sleep "$seconds" 9>&-
        wait=$((wait * 2))
        [ "$wait" -le "$RETRY_CAP" ] || wait=$RETRY_CAP
    done
}

# Once for an instance, by its user-data.
start() {
    chmod 700 "$state"
    cloud_id >"$state/instance"
    hook
    boot
    echo "rolecall: started; what it does is in $log"
}

boot() {
    ours || return 0
    logged arm
    [ -z "$RUN_PUPPET" ] || done_here || logged begin
}

case ${1:-} in
start | boot | run | expire | watch) "$1" ;;
*) echo "usage: $0 start|boot|run|expire|watch" >&2 && exit 2 ;;
esac

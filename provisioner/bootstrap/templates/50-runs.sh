# The first run, and those after a failed one.

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
    # user-data's bootcmd put the mask there
    [ ! -L "$root/run/systemd/system/puppet.service" ] ||
        systemctl unmask --runtime puppet.service
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

# The end of its life.

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

# What survives a reboot.

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

# Who we are to Puppet.

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

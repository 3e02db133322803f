# The way to the server.

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

# The agent.

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

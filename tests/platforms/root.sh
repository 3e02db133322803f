#!/bin/sh
# Runs make's targets in another release of Debian: root.sh RELEASE TARGET...
#
# `make TARGET ROOT=trixie` calls it; `other` is the one of bookworm and trixie that this machine is
# not, and `sid` has the newest Python, and none of the real ring's packages. The release lies in a
# folder of its own below ROLECALL_ROOTS (~/.cache/rolecall/roots). debootstrap makes it once; it is
# made anew when the list of packages changes. That folder is `/` for what runs here, with mounts of
# its own. This checkout is copied to /rolecall there, beside a .venv that is kept.
set -eu

usage() {
    echo "usage: $0 bookworm|trixie|sid|other TARGET..." >&2
    exit 2
}

[ $# -ge 2 ] || usage
release=$1
shift
other=
if [ "$release" = other ]; then
    other=yes
    release=trixie
    ! grep -qs '^VERSION_CODENAME=trixie' /etc/os-release || release=bookworm
fi
case $release in bookworm | trixie | sid) ;; *) usage ;; esac

say() { echo "root.sh: $*" >&2; }
fail() {
    say "$*"
    exit 1
}

here=$(cd "$(dirname "$0")/../.." && pwd)
roots=${ROLECALL_ROOTS:-$HOME/.cache/rolecall/roots}
# README's list, and what a browser and the apt of the root need.
BASE=ca-certificates,git,make,python3,python3-venv,procps
# No wheel has a Redis for its Python.
[ "$release" != sid ] || BASE=$BASE,redis-server
# What is installed there names the folder.
digest=$({ echo "$BASE" && cat "$here/tests/real/debs.sh"; } | sha256sum | cut -c1-12)
root=$roots/$release-$digest

if [ "$(id -u)" != 0 ]; then
    said="Debian $release needs root, for its namespaces; run: sudo make $* ROOT=$release"
    # A person may go on without; in CI nobody would read of it.
    [ -n "$other" ] && [ -z "${CI-}" ] || fail "$said"
    say "skipped: $said"
    exit 0
fi
for tool in git flock unshare; do
    command -v "$tool" >/dev/null || fail "$tool is not installed; as root: apt-get install git util-linux"
done
git -C "$here" rev-parse --is-inside-work-tree >/dev/null 2>&1 ||
    fail "$here is no checkout of git, which says what belongs to it"

# Runs a command in FOLDER as `/`, with mounts of its own.
within() {
    cleanly unshare --mount --propagation private sh -euc '
        root=$1
        shift
        mount --bind "$root" "$root"
        cd "$root"
        for each in proc sys dev; do mount --rbind "/$each" "$each"; done
        for each in run tmp; do mount -t tmpfs -o mode=1777 tmpfs "$each"; done
        chmod 755 run
        mkdir -p .old
        pivot_root . .old
        cd /
        umount -l /.old
        rmdir /.old
        exec "$@"
    ' sh "$@"
}

# With nothing of this machine's environment but what the tests are told, and what a network behind
# a proxy, or with a CA of its own, needs.
cleanly() {
    env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 ${CI+"CI=$CI"} ${TERM+"TERM=$TERM"} \
        ${PYTEST_ADDOPTS+"PYTEST_ADDOPTS=$PYTEST_ADDOPTS"} ${TESTS+"TESTS=$TESTS"} \
        ${PIP_CERT+"PIP_CERT=$PIP_CERT"} \
        ${NODE_EXTRA_CA_CERTS+"NODE_EXTRA_CA_CERTS=$NODE_EXTRA_CA_CERTS"} \
        ${http_proxy+"http_proxy=$http_proxy"} ${https_proxy+"https_proxy=$https_proxy"} \
        ${no_proxy+"no_proxy=$no_proxy"} "$@"
}

take_along() {
    cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
    mkdir -p "$1/etc/ssl/certs"
    cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"
    for file in /etc/pip.conf "$HOME/.npmrc"; do
        [ ! -f "$file" ] || cp "$file" "$1$file"
    done
}

# This machine's own, if it has Debian's; nothing, which is debootstrap's default, if not.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sort -u | head -n 1
}

make_root() {
    command -v debootstrap >/dev/null ||
        fail "debootstrap is not installed; run: apt-get install debootstrap"
    say "making a root of Debian $release in $root: some minutes, this once"
    # What is left of one that was not finished, and those of older lists.
    rm -rf "$roots/$release-"*
    part=$root.part
    mkdir -p "$part"
    # shellcheck disable=SC2046  # none, or one without spaces
    debootstrap --variant=minbase --include="$BASE" "$release" "$part" $(mirror) \
        >"$roots/$release.log" 2>&1 || fail "debootstrap failed; it said why in $roots/$release.log"
    take_along "$part"
    printf '#!/bin/sh\nexit 101\n' >"$part/usr/sbin/policy-rc.d"
    chmod 755 "$part/usr/sbin/policy-rc.d"
    mkdir -p "$part/rolecall"
    [ "$release" = sid ] || install_packages
    mv "$part" "$root"
}

install_packages() {
    say "installing its packages"
    cp "$here/tests/real/debs.sh" "$part/root/"
    within "$part" sh /root/debs.sh real >>"$roots/$release.log" 2>&1 ||
        fail "its packages cannot be installed; apt said why in $roots/$release.log"
}

# As git sees it, with what is not committed yet; what an earlier run left goes, but .venv.
lay_checkout() {
    find "$root/rolecall" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
    git -C "$here" ls-files --cached --others --exclude-standard -z |
        (cd "$here" && xargs -0 sh -c 'for each; do [ ! -e "$each" ] || printf "%s\0" "$each"; done' sh) |
        tar -C "$here" --null --files-from=- --create --file=- |
        tar -C "$root/rolecall" --extract --file=- --no-same-owner
    # Some tests ask git what belongs to it.
    git -C "$root/rolecall" init --quiet
}

mkdir -p "$roots"
# One at a time: the checkout in it is one.
exec 9>"$roots/$release.lock"
flock --nonblock 9 || {
    say "another run uses $release; waiting for it"
    flock 9
}
[ -d "$root" ] || make_root
take_along "$root"
lay_checkout
within "$root" make --no-print-directory -C /rolecall "$@"

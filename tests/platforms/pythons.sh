#!/bin/sh
# Runs what needs no other system on each Python that we claim and that this machine's rings do not
# use: `make check programs` with one that is found, or with Debian's newest in a root of its own.
set -eu
cd "$(dirname "$0")/../.."

# As a command, or as pyenv lays them. Its command is there and runs nothing until a version is chosen.
found() {
    "python$1" -c '' 2>/dev/null && command -v "python$1" ||
        ls -d "$HOME/.pyenv/versions/$1".*/bin/python 2>/dev/null | tail -n 1
}

for version in $(sed -n '/^\[\[python]]/{n;s/version = "\(.*\)"/\1/p}' tests/platforms/matrix.toml); do
    python=$(found "$version") || python=
    if [ "$("${PYTHON:-python3}" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "$version" ]; then
        echo "Python $version: make test has it"
    elif [ -n "$python" ]; then
        echo "Python $version: $python"
        make VENV=".venv-$version" PYTHON="$python" check programs
    elif [ "$version" = 3.14 ]; then
        sh tests/platforms/root.sh sid check programs
    else
        echo "Python $version: not found; install it, or put it on the PATH as python$version" >&2
        [ -z "${CI-}" ] || exit 1
    fi
done

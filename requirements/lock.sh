#!/bin/sh
# Writes the locks: lock.sh [PYTHON]. Each has the newest releases that setup.cfg allows, for
# Python 3.11 to 3.14, with the hashes of all their files; lowest.txt has the oldest ones instead,
# for Python 3.11.
set -eu
cd "$(dirname "$0")/.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
"${1:-python3}" -m venv "$tool"
"$tool/bin/pip" install --quiet --disable-pip-version-check uv

lock() {
    "$tool/bin/uv" pip compile --quiet --python-version 3.11 --generate-hashes \
        --custom-compile-command "make locks" "$@"
}

# All others have what this one has.
lock --universal --upgrade setup.cfg --extra sandbox --extra dev --output-file requirements/dev.txt
lock --universal --constraints requirements/dev.txt setup.cfg --extra sandbox \
    --output-file requirements/sandbox.txt
lock --universal --constraints requirements/dev.txt setup.cfg --output-file requirements/rolecall.txt
echo setuptools | lock --universal --constraints requirements/dev.txt - --output-file requirements/build.txt
lock --upgrade --resolution lowest-direct setup.cfg --output-file requirements/lowest.txt

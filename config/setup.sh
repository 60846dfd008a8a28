#!/bin/sh
# Makes .venv and installs what pyproject.toml names: `sh config/setup.sh` for the shop, with `dev` for its
# tests and tools too. Does nothing while neither pyproject.toml nor the Python has changed since.
#
# torch is large: the CPU build is enough. Where pip's index offers only CUDA builds (several GB), point pip at
# an index of CPU builds by PIP_INDEX_URL or PIP_EXTRA_INDEX_URL.
set -eu
cd "$(dirname "$0")/.."
extra=${1:-}
venv=.venv
began=$(date +%s)

fail() {
    echo "setup: $1" >&2
    exit 1
}

suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null
}

hash_of_needs() {
    "$venv/bin/python" -c 'import hashlib, sys; print(hashlib.sha256(open("pyproject.toml", "rb").read()
        + sys.version.encode()).hexdigest())'
}

is_done() {
    [ -f "$venv/installed-$1" ] && [ "$(cat "$venv/installed-$1")" = "$needs" ]
}

# An installation that was killed may have left half a package, which pip would take for a whole one.
if [ -e "$venv/installing" ] || ! suits "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=
    for candidate in ${PYTHON:-} python3.11 python3.12 python3; do
        if suits "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail "no Python 3.11 or 3.12 found: install one (Debian: apt-get install python3.11 python3.11-venv) or name it, make demo PYTHON=/path/to/python"
    "$python" -m venv --clear "$venv" >/dev/null 2>&1 ||
        fail "$python cannot make $venv: install its venv module (Debian: apt-get install python3-venv) and check that the disk is not full and this folder is yours"
fi

needs=$(hash_of_needs)
if is_done dev || { [ -z "$extra" ] && is_done shop; }; then
    exit 0
fi

free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
[ "$free" -ge 4 ] || fail "disk full: the packages need 4 GB under $PWD, $free GB are free"

echo "setup: installing packages into $venv (the first time takes a minute or two)"
# The project itself is run from its checkout; only what it depends on is installed. Modules are compiled as
# they are imported: compiling all of them at once would take longer than the download.
"$venv/bin/python" - "$extra" >"$venv/requirements.txt" <<'PYTHON'
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
needs = list(project["dependencies"])
if sys.argv[1]:
    needs += project["optional-dependencies"][sys.argv[1]]
print("\n".join(needs))
PYTHON
: >"$venv/installing"
"$venv/bin/python" -m pip install -qq --no-compile --disable-pip-version-check --no-input \
    -r "$venv/requirements.txt" || {
    rm -f "$venv/installing"
    fail "pip could not install the packages: see its message above, then try again"
}
rm -f "$venv/installing"
hash_of_needs >"$venv/installed-${extra:-shop}"
printf '%7.1f s  packages\n' "$(($(date +%s) - began))"

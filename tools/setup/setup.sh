#!/usr/bin/env bash
# Everything that the project's commands need on this machine: uv at a pinned version and the
# virtual environment from uv.lock. Fast when nothing is missing. `setup.sh demo` installs only what
# the command line, its dashboard and the boosting families need (1.8 GB instead of 7). Nothing is
# removed: own packages that were installed beside CLM stay.
set -euo pipefail
case ${1:-all} in
    all) packages=(--inexact --all-packages --all-extras) ;;
    demo) packages=(--inexact --no-dev --package clm-cli --package clm-trainer --extra boosting --extra dashboard) ;;
    *) echo "setup: no ${1}: there are all and demo" >&2; exit 1 ;;
esac
cd "$(dirname "$0")/../.."

UV_VERSION=0.13.9
cache=${CLM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clm}
uv_home=$cache/uv-$UV_VERSION
# Two make targets at once would build one environment twice, at the same time.
mkdir -p "$cache"
exec 9>"$cache/setup.lock"
flock 9

python=$(command -v python3 || true)
[ -n "$python" ] || { echo "setup: python3 is missing: install Python 3.11 or later" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "setup: $("$python" --version) is too old: install Python 3.11 or later" >&2; exit 1; }

# A shim of a version manager is another path each time uv asks: it would make the environment anew.
python=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')

if [ ! -x "$uv_home/bin/uv" ]; then
    rm -rf "$uv_home.new"
    if ! "$python" -m venv "$uv_home.new"; then
        [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
            { echo "setup: python3-venv is missing: install it" >&2; exit 1; }
        DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -qq && apt-get install -y -qq python3-venv' >/dev/null
        "$python" -m venv "$uv_home.new"
    fi
    "$uv_home.new/bin/python" -m pip install --quiet "uv==$UV_VERSION"
    rm -rf "$uv_home"
    mv "$uv_home.new" "$uv_home"
fi
export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never
# Compiled once here, or by every process where PYTHONDONTWRITEBYTECODE is set: seconds each.
[ -d .venv ] || echo "setup: installing Python packages into .venv"
exec "$uv_home/bin/uv" sync --compile-bytecode --quiet --frozen "${packages[@]}" --python "$python"

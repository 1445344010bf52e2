#!/usr/bin/env bash
# The environment of other libraries in a folder of bench/ (the rivals' own without an argument), with
# the exact versions of its requirements.txt: they neither hold back the project's nor follow.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=bench${1:+/$1}
tools/setup/setup.sh
cache=${CLM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clm}
uv=$cache/uv-$(sed -n 's/^UV_VERSION=//p' tools/setup/setup.sh)/bin/uv
export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never
python=$(.venv/bin/python -c 'import os, sys; print(os.path.realpath(sys.executable))')
[ -x "$folder/.venv/bin/python" ] || "$uv" venv --quiet --python "$python" "$folder/.venv"
"$uv" pip sync --quiet --compile-bytecode --python "$folder/.venv/bin/python" "$folder/requirements.txt"

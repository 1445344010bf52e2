#!/usr/bin/env bash
# The rivals' own environment, with exact versions: they neither hold back the project's nor follow.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup/setup.sh
cache=${CLM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clm}
uv=$cache/uv-$(sed -n 's/^UV_VERSION=//p' tools/setup/setup.sh)/bin/uv
export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never
python=$(.venv/bin/python -c 'import os, sys; print(os.path.realpath(sys.executable))')
[ -x bench/.venv/bin/python ] || "$uv" venv --quiet --python "$python" bench/.venv
"$uv" pip sync --quiet --compile-bytecode --python bench/.venv/bin/python bench/requirements.txt

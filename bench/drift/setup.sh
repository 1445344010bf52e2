#!/usr/bin/env bash
# The environment of the libraries that drift is measured beside, with exact versions.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/setup/setup.sh
cache=${CLM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clm}
uv=$cache/uv-$(sed -n 's/^UV_VERSION=//p' tools/setup/setup.sh)/bin/uv
export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never
python=$(.venv/bin/python -c 'import os, sys; print(os.path.realpath(sys.executable))')
[ -x bench/drift/.venv/bin/python ] || "$uv" venv --quiet --python "$python" bench/drift/.venv
"$uv" pip sync --quiet --python bench/drift/.venv/bin/python bench/drift/requirements.txt

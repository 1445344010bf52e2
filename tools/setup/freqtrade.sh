#!/usr/bin/env bash
# The environment of the example bot: freqtrade at the versions of its requirements, away from CLM's
# own (it is under the GPL, and has other libraries). Prints its folder. Fast when it is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=${CLM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clm}
uv=$cache/uv-$(sed -n 's/^UV_VERSION=//p' tools/setup/setup.sh)/bin/uv
wanted=examples/freqtrade/requirements.txt
python=$(.venv/bin/python -c 'import os, sys; print(os.path.realpath(sys.executable))')
folder=$cache/freqtrade-$({ cat "$wanted"; echo "$python"; } | sha256sum | cut -c1-16)
exec 9>"$cache/freqtrade.lock"
flock 9
if [ ! -e "$folder/complete" ]; then
    export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never
    echo "setup: installing freqtrade into $folder" >&2
    rm -rf "$folder"
    "$uv" venv --quiet --python "$python" "$folder"
    "$uv" pip sync --quiet --require-hashes --compile-bytecode --python "$folder/bin/python" "$wanted"
    touch "$folder/complete"
fi
echo "$folder"

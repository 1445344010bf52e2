#!/usr/bin/env bash
# evidently 0.7.23 names no upper bound of pandas, so it installs beside pandas 3 without a word, and
# then its import ends in an error. An environment that resolves is no environment that runs.
#
# Seen with evidently 0.7.23:
#   beside pandas 3.1.1: installed, import ends in an error
#   beside pandas 2.3.3: installed, imported
#
# In CLM: evidently stands only in the bench's own environment, with exact versions and pandas 2.3.3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for pandas in 3.1.1 2.3.3; do
    python3 -m venv "venv-$pandas"
    "venv-$pandas/bin/pip" install -q "evidently==0.7.23" "pandas==$pandas" 2>/dev/null
    told=imported
    "venv-$pandas/bin/python" -W ignore -c "import evidently, evidently.presets" 2>error || told="import ends in an error"
    echo "beside pandas $pandas: installed, $told" | tee -a seen
    [ "$told" = imported ] || tail -1 error
done
[ "$(cat seen)" = "beside pandas 3.1.1: installed, import ends in an error
beside pandas 2.3.3: installed, imported" ] || { echo "this has changed"; exit 1; }

#!/usr/bin/env bash
# make demo: starts the demo with the machine's own Python, which installs the rest.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null ||
    { echo "demo: python3 is missing: install Python 3.11 or later" >&2; exit 1; }
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "demo: $(python3 --version) is too old: install Python 3.11 or later" >&2; exit 1; }
PYTHONDONTWRITEBYTECODE=1 exec python3 -m tools.demo.begin

#!/usr/bin/env bash
# Prometheus and promtool for the tests of metrics and alerts: unpacked from Debian's package, which
# is neither installed nor started.
set -euo pipefail
cache=${CLM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clm}
missing=()
for program in prometheus promtool; do
    command -v "$program" >/dev/null || [ -x "$cache/$program" ] || missing+=("$program")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "setup: ${missing[*]} is missing: install Prometheus" >&2
    exit 1
fi
mkdir -p "$cache"
fresh=$(mktemp -d "$cache/.prometheus.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
cd "$fresh"
fetch() { apt-get download -qq prometheus >/dev/null 2>&1; }
fetch || { [ "$(id -u)" = 0 ] && apt-get update -qq && fetch; } ||
    { echo "setup: ${missing[*]} is missing and apt-get download prometheus failed: install it" >&2; exit 1; }
dpkg-deb -x prometheus_*.deb unpacked
for program in "${missing[@]}"; do mv "unpacked/usr/bin/$program" "$cache/$program"; done

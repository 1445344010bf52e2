#!/usr/bin/env bash
# promtool for the tests of the metrics' manual: unpacked from Debian's package of Prometheus, whose
# server is neither installed nor started.
set -euo pipefail
cache=${CLM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clm}
command -v promtool >/dev/null && exit 0
[ -x "$cache/promtool" ] && exit 0
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "setup: promtool is missing: install it (it comes with Prometheus)" >&2
    exit 1
fi
mkdir -p "$cache"
fresh=$(mktemp -d "$cache/.promtool.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
cd "$fresh"
fetch() { apt-get download -qq prometheus >/dev/null 2>&1; }
fetch || { [ "$(id -u)" = 0 ] && apt-get update -qq && fetch; } ||
    { echo "setup: promtool is missing and apt-get download prometheus failed: install it" >&2; exit 1; }
dpkg-deb -x prometheus_*.deb unpacked
mv unpacked/usr/bin/promtool "$cache/promtool"

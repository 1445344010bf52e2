#!/usr/bin/env bash
# What the tests that look at reports need: a browser, and a reader of what it prints.
set -euo pipefail
wanted=()
command -v chromium >/dev/null || command -v google-chrome >/dev/null || wanted+=(chromium)
command -v pdftotext >/dev/null || wanted+=(poppler-utils)
[ ${#wanted[@]} = 0 ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: install ${wanted[*]} (as root, on Debian: apt-get install ${wanted[*]})" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
echo "installing ${wanted[*]}"
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null

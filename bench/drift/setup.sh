#!/usr/bin/env bash
# The environment of the libraries that drift is measured beside.
exec "$(dirname "$0")/../setup.sh" drift

#!/bin/sh
# The virtual environment of the Makefile, .venv:
#
#   tools/venv.sh check    removes it if it is unusable: its Python is gone, it was made in another folder, or $PYTHON
#                          names another Python
#   tools/venv.sh create   creates it
set -eu
cd "$(dirname "$0")/.."

describe='import sys; print(sys.base_prefix, *sys.version_info[:3])'
made_for=.venv/stamps/made-for

case "$1" in
    check)
        [ -f "$made_for" ] || exit 0
        identity=$(.venv/bin/python -c "$describe" 2>/dev/null || echo broken)
        wanted=$identity
        if [ -n "${PYTHON:-}" ]; then
            wanted=$("$PYTHON" -c "$describe" 2>/dev/null || echo "$identity")
        fi
        if [ "$(cat "$made_for")" != "$PWD: $wanted" ]; then
            echo "==> .venv was made for another Python or folder and is created again" >&2
            rm -rf .venv build
        fi
        ;;
    create)
        python=$(tools/find_python.sh)
        echo "==> Virtual environment: .venv, with $("$python" --version)"
        "$python" -m venv .venv
        # pip 25.1 is the first version with dependency groups.
        if ! .venv/bin/python -c 'import sys, pip; sys.exit([int(n) for n in pip.__version__.split(".")[:2]] < [25, 1])'; then
            .venv/bin/python -m pip install --quiet --upgrade pip
        fi
        mkdir -p .venv/stamps
        echo "$PWD: $(.venv/bin/python -c "$describe")" >"$made_for"
        ;;
    *)
        echo "usage: $0 check|create" >&2
        exit 2
        ;;
esac

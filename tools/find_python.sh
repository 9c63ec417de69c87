#!/bin/sh
# Prints the Python to build with: $PYTHON if it is set, else the first of the usual names that is new enough. Fails with a
# message if there is none.
set -eu

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
    if ! new_enough "$PYTHON"; then
        echo "gymreel needs Python 3.10 or newer; PYTHON=$PYTHON is $("$PYTHON" --version 2>&1 || true)" >&2
        exit 1
    fi
    command -v "$PYTHON"
    exit 0
fi

for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
    if new_enough "$candidate"; then
        command -v "$candidate"
        exit 0
    fi
done
echo "gymreel needs Python 3.10 or newer, but none was found; set it with: make PYTHON=/path/to/python …" >&2
exit 1

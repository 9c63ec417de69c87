#!/bin/sh
# Installs Stable-Baselines3 into .venv for its tests, where torch can be had without CUDA. Fails where it does not, and
# says why the tests will be skipped.
#
# The torch of the usual registry brings several gigabytes of CUDA to a Linux machine. A build for CPUs has "+cpu" in its
# version; where pip finds those is for its configuration to say (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, pip.conf).
# GYMREEL_TORCH=torch takes what there is, whatever its size, and any other requirement does as well.
set -eu
cd "$(dirname "$0")/.."
pip="${PY:-.venv/bin/python} -m pip"
install="$pip install --quiet --disable-pip-version-check"

torch=${GYMREEL_TORCH:-}
if [ -z "$torch" ] && $pip show --quiet torch 2>/dev/null; then
    torch=torch  # It is there already.
elif [ -z "$torch" ] && [ "$(uname -s)" != Linux ]; then
    torch=torch  # Comes without CUDA.
elif [ -z "$torch" ]; then
    version=$($pip index versions torch 2>/dev/null | tr ', ' '\n\n' | grep -m 1 '+cpu$' || true)
    torch=${version:+torch==$version}
fi
if [ -z "$torch" ]; then
    echo "    pip finds no build of torch for CPUs: the tests with Stable-Baselines3 will be skipped."
    echo "    Name a registry that has them in PIP_EXTRA_INDEX_URL, or take any with GYMREEL_TORCH=torch."
    exit 1
fi
echo "    with $torch"
if ! { $install "$torch" && $install --group sb3; }; then
    echo "    pip could not install it: the tests with Stable-Baselines3 will be skipped."
    exit 1
fi

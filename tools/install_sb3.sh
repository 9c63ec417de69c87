#!/bin/sh
# Installs Stable-Baselines3 into .venv for its tests, if torch is available without CUDA. Otherwise it fails and says why
# the tests will be skipped.
#
# On Linux, the torch of the default registry depends on several gigabytes of CUDA. A build for CPUs has "+cpu" in its
# version; pip must be configured to find one (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, pip.conf). GYMREEL_TORCH=torch installs
# any torch, whatever its size; it may be any other requirement as well.
set -eu
cd "$(dirname "$0")/.."
pip="${PY:-.venv/bin/python} -m pip"
install="$pip install --quiet --disable-pip-version-check"

torch=${GYMREEL_TORCH:-}
if [ -z "$torch" ] && $pip show --quiet torch 2>/dev/null; then
    torch=torch  # It is installed already.
elif [ -z "$torch" ] && [ "$(uname -s)" != Linux ]; then
    torch=torch  # It does not need CUDA.
elif [ -z "$torch" ]; then
    version=$($pip index versions torch 2>/dev/null | tr ', ' '\n\n' | grep -m 1 '+cpu$' || true)
    torch=${version:+torch==$version}
fi
if [ -z "$torch" ]; then
    echo "    pip finds no build of torch for CPUs: the tests with Stable-Baselines3 will be skipped."
    echo "    Set PIP_EXTRA_INDEX_URL to a registry that has one, or GYMREEL_TORCH=torch to install any torch."
    exit 1
fi
echo "    with $torch"
if ! { $install "$torch" && $install --group sb3; }; then
    echo "    pip could not install it: the tests with Stable-Baselines3 will be skipped."
    exit 1
fi

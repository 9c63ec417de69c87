#!/bin/sh
# Fetches the archives for tools/build_ffmpeg.sh --sources from Debian's source packages. It uses apt-get but does not
# change the lists of the system.
#
#   tools/fetch_debian_sources.sh FOLDER
#
# RELEASE selects Debian's release. The archives in tools/ffmpeg_sources.txt are those of trixie.
set -eu
[ $# -eq 1 ] || { echo "usage: tools/fetch_debian_sources.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
release=${RELEASE:-trixie}
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/*$') ||
    { echo "fetch_debian_sources.sh: apt-get knows no mirror of Debian" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
echo "deb-src $mirror $release main" >"$work/sources.list"

apt_get() {
    apt-get -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/lists" \
        -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
}

apt_get update
cd "$folder"
apt_get source --download-only --tar-only highway x264 libvpx ffmpeg
rm -f ./*.asc
ls

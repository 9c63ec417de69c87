#!/bin/sh
# Builds the libraries in a wheel: a small static FFmpeg with its encoders, and Google Highway.
#
#   tools/build_ffmpeg.sh [--lgpl] [--sources FOLDER] [PREFIX]
#   tools/build_ffmpeg.sh --download FOLDER     only fetches the sources, which recipients of a wheel are entitled to
#
# PREFIX is bundled/ in the checkout by default, where CMake looks with GYMREEL_BUNDLED_FFMPEG=ON. It gets include/, lib/
# with pkg-config files, and licenses/ for the wheel: licence texts, configure lines, and the addresses of the sources.
# --lgpl (or FFMPEG_FLAVOUR=lgpl) leaves libx264 out. --sources (or FFMPEG_SOURCES) takes the archives from a folder;
# tools/ffmpeg_sources.txt has their names and checksums. An existing result of the same script and settings is kept.
#
# Needs a C and a C++ compiler, make, cmake, pkg-config, on x86 nasm, and curl and git to fetch the sources. JOBS is the
# number of compilers that run at once.
set -eu

fail() {
    echo "build_ffmpeg.sh: $*" >&2
    exit 1
}

flavour=${FFMPEG_FLAVOUR:-gpl}
sources=${FFMPEG_SOURCES:-}
download=
while [ $# -gt 0 ]; do
    case "$1" in
        --lgpl) flavour=lgpl ;;
        --download)
            [ $# -ge 2 ] || fail "--download needs a folder"
            download=$2
            shift
            ;;
        --sources)
            [ $# -ge 2 ] || fail "--sources needs a folder"
            sources=$2
            shift
            ;;
        -*) fail "unknown option $1; usage: tools/build_ffmpeg.sh [--lgpl] [--sources FOLDER] [PREFIX]" ;;
        *) break ;;
    esac
    shift
done
[ $# -le 1 ] || fail "one PREFIX at most, not: $*"
case "$flavour" in gpl | lgpl) ;; *) fail "FFMPEG_FLAVOUR=$flavour must be gpl or lgpl" ;; esac
if [ -n "$sources" ]; then
    [ -d "$sources" ] || fail "--sources (or FFMPEG_SOURCES): there is no folder $sources"
    sources=$(cd "$sources" && pwd)
fi

tools=$(cd "$(dirname "$0")" && pwd)

sha256_of() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

check_archive() {
    found=$(sha256_of <"$1")
    [ "$found" = "$2" ] || fail "$1 has the SHA-256 $found, but it should have $2"
}

# fetch_archive ADDRESS CHECKSUM FILE
fetch_archive() {
    curl --fail --location --silent --show-error --retry 3 --output "$3" "$1" ||
        fail "$1 could not be fetched; put $(basename "$3") into a folder and pass --sources FOLDER, or FFMPEG_SOURCES=FOLDER to make"
    check_archive "$3" "$2"
}

# fetch_git ADDRESS COMMIT FOLDER. Git verifies the content against the commit.
fetch_git() {
    git init --quiet "$3"
    git -C "$3" fetch --quiet --depth 1 "$1" "$2" || fail "commit $2 of $1 could not be fetched; pass --sources FOLDER, or FFMPEG_SOURCES=FOLDER to make, to take it from a folder"
    git -C "$3" checkout --quiet FETCH_HEAD
    [ "$(git -C "$3" rev-parse HEAD)" = "$2" ] || fail "$1 returned another commit than $2"
}

if [ -n "$download" ]; then
    mkdir -p "$download"
    while read -r project file checksum address; do
        case "$project:$file:$address" in
            '#'* | *:) ;;
            *:git:*)
                checkout=$(mktemp -d)
                fetch_git "$address" "$checksum" "$checkout"
                git -C "$checkout" archive --prefix="$project/" --output="$project.tar.gz" HEAD
                mv "$checkout/$project.tar.gz" "$download/$project-$checksum.tar.gz"
                rm -rf "$checkout"
                ;;
            *) fetch_archive "$address" "$checksum" "$download/$file" ;;
        esac
    done <"$tools/ffmpeg_sources.txt"
    ls "$download"
    exit 0
fi

prefix=${1:-$tools/../bundled}
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
work=$prefix/build
licenses=$prefix/licenses
nowhere=/static-libraries-of-gymreel
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
export PKG_CONFIG_LIBDIR="$prefix/lib/pkgconfig"
export CC="${CC:-cc}" CXX="${CXX:-c++}"

for tool in make cmake pkg-config perl diff "$CC" "$CXX"; do
    command -v "$tool" >/dev/null || fail "$tool is missing; run tools/system_packages.sh bundle"
done
case "$(uname -m)" in
    x86_64 | i?86 | amd64) command -v nasm >/dev/null || fail "nasm is missing: without it the encoders are several times slower" ;;
esac

# Everything that affects the result: this script, the sources, the arguments and the compilers.
recipe="$flavour $prefix $(uname -sm) $("$CC" -dumpmachine) $("$CC" -dumpversion) $({ ldd --version 2>&1 || true; } | head -n 1)
${CFLAGS:-} ${MACOSX_DEPLOYMENT_TARGET:-} $(cat "$0" "$tools/ffmpeg_sources.txt" | sha256_of)"
if [ "$(cat "$prefix/recipe.txt" 2>/dev/null)" = "$recipe" ]; then
    echo "==> FFmpeg is in $prefix already ($flavour)"
    exit 0
fi
export CFLAGS="${CFLAGS:-} -fvisibility=hidden"

# unpack PROJECT: puts the sources into $work/PROJECT, from the folder of --sources or from their address.
unpack() {
    echo "==> $1"
    rm -rf "${work:?}/$1"
    mkdir -p "$work/$1"
    origin=
    archive=
    while read -r project file checksum address; do
        [ "$project" = "$1" ] && [ -z "$origin" ] || continue
        if [ -n "$sources" ]; then
            [ -e "$sources/$file" ] || continue
            archive=$sources/$file
            check_archive "$archive" "$checksum"
        elif [ -z "$address" ]; then
            continue
        elif [ "$file" = git ]; then
            fetch_git "$address" "$checksum" "$work/$1"
        else
            archive=$work/$file
            fetch_archive "$address" "$checksum" "$archive"
        fi
        [ -z "$archive" ] || tar -xf "$archive" -C "$work/$1" --strip-components=1
        origin="$project $file $checksum $address"
    done <"$tools/ffmpeg_sources.txt"
    [ -n "$origin" ] || fail "no archive of $1${sources:+ in $sources}; tools/ffmpeg_sources.txt has their names"
    # The address is noted for a build from a folder too, so that readers of the wheel's licences find the sources.
    grep "^$1 .*://" "$tools/ffmpeg_sources.txt" | tr -s ' ' >>"$licenses/SOURCES.txt"
    case "$origin" in *://*) ;; *) echo "    built from ${origin#* }" | tr -s ' ' >>"$licenses/SOURCES.txt" ;; esac
}

# in_build PROJECT COMMAND…: runs a command in the project's folder, and shows its output only if it fails.
in_build() {
    project=$1
    shift
    (cd "$work/$project" && "$@") >"$work/$project.log" 2>&1 || {
        tail -n 20 "$work/$project.log" >&2
        fail "$project: this failed: $*"
    }
}

configure() {
    project=$1
    shift
    echo "$project: $*" >>"$licenses/CONFIGURE.txt"
    in_build "$project" "$@"
}

# Installs into $prefix what was configured for $nowhere. The libraries contain that path, so a wheel does not reveal where
# it was built. The pkg-config files get the real path.
make_and_install() {
    in_build "$1" make -j "$jobs"
    in_build "$1" make install DESTDIR="$work/installed"
    for file in "$work/installed$nowhere"/lib/pkgconfig/*.pc; do
        sed "s|$nowhere|$prefix|g" "$file" >"$work/pc"
        cat "$work/pc" >"$file"
    done
    cp -R "$work/installed$nowhere/." "$prefix/"
    rm -rf "$work/installed"
}

rm -rf "$prefix/include" "$prefix/lib" "$prefix/share" "$licenses" "$prefix/recipe.txt"
mkdir -p "$work" "$licenses"

# For gymreel's own colour conversion.
unpack highway
configure highway cmake -S . -B . -G "Unix Makefiles" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_INSTALL_PREFIX="$nowhere" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_CXX_VISIBILITY_PRESET=hidden -DBUILD_SHARED_LIBS=OFF \
    -DBUILD_TESTING=OFF -DHWY_ENABLE_TESTS=OFF -DHWY_ENABLE_EXAMPLES=OFF -DHWY_ENABLE_CONTRIB=OFF
make_and_install highway
cp "$work/highway/LICENSE-BSD3" "$licenses/highway-LICENSE.txt"

if [ "$flavour" = gpl ]; then
    unpack x264
    configure x264 ./configure --prefix="$nowhere" --enable-static --enable-pic --disable-cli --disable-opencl \
        --disable-interlaced --bit-depth=8 --chroma-format=all
    make_and_install x264
    cp "$work/x264/COPYING" "$licenses/x264-COPYING.txt"
fi

# VP9 for WebM. AV1's encoders are five times the size, and slower than most training loops render.
unpack libvpx
set --
# It detects macOS by its version, and would build without assembly for a version that it does not know.
if [ "$(uname -s)" = Darwin ]; then set -- --target="$(uname -m)-darwin23-gcc"; fi
configure libvpx ./configure "$@" --prefix="$nowhere" --disable-shared --enable-static --enable-pic --disable-vp8 \
    --disable-vp9-decoder --disable-examples --disable-tools --disable-docs --disable-unit-tests --disable-webm-io \
    --disable-libyuv --enable-runtime-cpu-detect
[ ! -e "$work/libvpx/libs-generic-gnu.mk" ] || fail "libvpx does not know this machine: VP9 would be built without assembly"
make_and_install libvpx
cp "$work/libvpx/LICENSE" "$licenses/libvpx-LICENSE.txt"
cp "$work/libvpx/PATENTS" "$licenses/libvpx-PATENTS.txt"

unpack ffmpeg
set -- --enable-encoder=libvpx_vp9,mpeg4,gif,ffv1
if [ "$flavour" = gpl ]; then set -- "$@" --enable-gpl --enable-libx264 --enable-encoder=libx264,libx264rgb; fi
case "$(uname -s)" in MINGW* | MSYS*) set -- "$@" --enable-w32threads ;; *) set -- "$@" --enable-pthreads ;; esac
# Only what writes the containers, and what reads them to complete or recover a recording. mp4 needs properties of VP9 that
# only its decoder reports.
configure ffmpeg ./configure --prefix="$nowhere" --cc="$CC" --cxx="$CXX" --enable-static --disable-shared \
    --enable-pic --pkg-config-flags=--static --disable-everything --disable-autodetect --disable-programs --disable-doc --disable-network --disable-avdevice \
    --disable-avfilter --disable-swresample --disable-postproc --disable-debug --enable-libvpx \
    --enable-muxer=mp4,mov,matroska,webm,gif --enable-demuxer=mov,matroska,gif \
    --enable-parser=h264,vp9,mpeg4video,gif --enable-decoder=vp9 \
    --enable-bsf=extract_extradata,vp9_superframe,vp9_superframe_split "$@"
make_and_install ffmpeg
cp "$work/ffmpeg/LICENSE.md" "$licenses/ffmpeg-LICENSE.md"
cp "$work/ffmpeg/COPYING.LGPLv2.1" "$licenses/ffmpeg-COPYING.LGPLv2.1.txt"
if [ "$flavour" = gpl ]; then cp "$work/ffmpeg/COPYING.GPLv2" "$licenses/ffmpeg-COPYING.GPLv2.txt"; fi

# Notices that single files of FFmpeg require.
{
    echo "This software is based in part on the work of the Independent JPEG Group."
    for file in libavcodec/jfdctint_template.c libavcodec/faandct.c libavutil/x86/x86inc.asm; do
        echo
        echo "FFmpeg, $file:"
        echo
        sed '/^$/q' "$work/ffmpeg/$file"
    done
} >"$licenses/NOTICES.txt"

rm -rf "$work"
echo "$flavour" >"$prefix/flavour.txt"
echo "$recipe" >"$prefix/recipe.txt"
echo "==> FFmpeg is in $prefix ($flavour)"

#!/bin/sh
# Installs the system packages that a purpose needs and that are missing. If it cannot install them, it lists them.
#
#   tools/system_packages.sh demo      to build with the system's FFmpeg
#   tools/system_packages.sh test      to run the tests as well
#   tools/system_packages.sh python    to make a virtual environment, and nothing else
#   tools/system_packages.sh bundle    to build the FFmpeg for a wheel, where Python and CMake exist already
set -eu
cd "$(dirname "$0")/.."
purpose=$1

# Debian has packages of their own for the Pythons besides its default one.
python=$(tools/find_python.sh 2>/dev/null) || python=""
case "$python" in
    /usr/bin/python3.*) debian_python="${python#/usr/bin/}-venv,${python#/usr/bin/}-dev" ;;
    *) debian_python=python3,python3-venv,python3-dev ;;
esac
debian_ffmpeg=libavcodec-dev,libavformat-dev,libavutil-dev,libswscale-dev
fedora_ffmpeg=libavcodec-free-devel,libavformat-free-devel,libavutil-free-devel,libswscale-free-devel

# The packages of each manager. Several are joined by commas, and "-" means that none is needed.
table="
thing       apt-get         dnf                           pacman         apk                           brew
compiler    g++             gcc-c++                       gcc            g++                           -
pkg-config  pkg-config      pkgconf-pkg-config            pkgconf        pkgconf                       pkgconf
python      $debian_python  python3,python3-devel         python         python3,python3-dev           python
ffmpeg      $debian_ffmpeg  $fedora_ffmpeg                ffmpeg         ffmpeg-dev                    ffmpeg
ffprobe     ffmpeg          ffmpeg-free                   ffmpeg         ffmpeg                        ffmpeg
doctest     doctest-dev     doctest-devel                 doctest        doctest-dev                   doctest
egl         libegl1         mesa-libEGL,mesa-dri-drivers  libglvnd,mesa  mesa-egl,mesa-dri-gallium     -
highway     libhwy-dev      highway-devel                 highway        highway-dev                   highway
make        make            make                          make           make                          -
xz          xz-utils        xz                            xz             xz                            xz
curl        curl            curl                          curl           curl                          curl
git         git             git                           git            git                           git
perl        perl            perl                          perl           perl                          perl
diffutils   diffutils       diffutils                     diffutils      diffutils                     diffutils
nasm        nasm            nasm                          nasm           nasm                          nasm
"

packages_for() {
    echo "$table" | awk -v manager="$1" -v missing=" $missing " '
        $1 == "thing" { for (i = 2; i <= NF; i++) if ($i == manager) column = i; next }
        NF && index(missing, " " $1 " ") && $column != "-" { gsub(",", " ", $column); printf "%s ", $column }'
}

have() { command -v "$1" >/dev/null 2>&1; }
need() { missing="$missing $1"; }
need_command() { have "$1" || need "${2:-$1}"; }

python_is_complete() {
    "$1" -c 'import ensurepip, os, sys, sysconfig, venv
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' 2>/dev/null
}

has_header() { printf '#include <%s>\n' "$1" | "${CXX:-c++}" -E -x c++ - >/dev/null 2>&1; }

has_egl() {
    { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep -q libEGL.so.1 && return 0
    ls /usr/lib/libEGL.so.1 /usr/lib64/libEGL.so.1 /usr/lib/*-linux-*/libEGL.so.1 2>/dev/null | grep -q .
}

look() {
    missing=""
    if [ "$purpose" != bundle ]; then
        { [ -n "$python" ] && python_is_complete "$python"; } || need python
    fi
    [ "$purpose" != python ] || return 0
    need_command "${CXX:-c++}" compiler
    need_command pkg-config
    if [ "$purpose" = bundle ]; then
        for tool in make curl git xz perl; do need_command "$tool"; done
        need_command diff diffutils
        case "$(uname -m)" in x86_64 | i?86 | amd64) need_command nasm ;; esac
        return 0
    fi
    # CMake checks the versions.
    pkg-config --exists libavcodec libavformat libavutil libswscale 2>/dev/null || need ffmpeg
    if [ "$purpose" = test ]; then
        need_command ffprobe
        has_header doctest/doctest.h || need doctest
        [ "$(uname)" != Linux ] || has_egl || need egl  # MuJoCo renders without a display through EGL.
    fi
}

give_up() {
    {
        echo "gymreel: missing on this machine:$missing"
        echo "They could not be installed: $1."
        [ -z "$manager" ] || echo "Install them and try again: $manager … $(packages_for "$manager")"
    } >&2
    exit 1
}

is_root_without_password() { [ "$manager" = brew ] || [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install() {
    echo "==> System packages, with $manager: $*"
    case "$manager" in
        apt-get)
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >/dev/null
            ;;
        dnf) as_root dnf install -q -y --setopt=install_weak_deps=False "$@" ;;
        pacman) as_root pacman -Sy --needed --noconfirm "$@" ;;
        apk) as_root apk add --quiet "$@" ;;
        brew) brew install --quiet "$@" ;;
    esac
}

install_missing() {
    case "$missing:$(uname)" in
        *compiler*:Darwin) give_up "xcode-select --install installs the compiler" ;;
    esac
    [ -n "$manager" ] || give_up "this system has none of apt-get, dnf, pacman, apk and brew"
    # sudo can ask for a password only at a terminal.
    is_root_without_password || { have sudo && [ -t 0 ]; } || give_up "that needs root"
    if [ "$manager" = apt-get ]; then
        as_root apt-get update -q >/dev/null || echo "==> apt-get update failed, going on without it" >&2
    fi
    # shellcheck disable=SC2046 # A list of names.
    install $(packages_for "$manager") || give_up "$manager failed, see above"
    python=$(tools/find_python.sh 2>/dev/null) || python=""
    look
    [ -z "$missing" ] || give_up "$manager installed them, but they are still not found"
}

manager=""
for candidate in apt-get dnf pacman apk brew; do
    if [ -z "$manager" ] && have "$candidate"; then manager=$candidate; fi
done

look
[ -z "$missing" ] || install_missing
case "$purpose" in python | bundle) exit 0 ;; esac  # A wheel has its own Highway.
# Google Highway makes the colour conversion faster. It is optional, so nobody is asked for a password.
if ! pkg-config --exists libhwy; then
    missing=highway
    { [ -n "$manager" ] && is_root_without_password && install $(packages_for "$manager"); } ||
        echo "==> Without Google Highway (libhwy) the colour conversion is slower" >&2
fi

#!/bin/sh
# Sees to what is needed from the system: looks first, installs only what is missing, and where it cannot install says
# what to install.
#
#   tools/system_packages.sh demo      to build on the system's FFmpeg
#   tools/system_packages.sh test      and to run the tests
#   tools/system_packages.sh python    for a virtual environment, and nothing else
#   tools/system_packages.sh bundle    to build the FFmpeg that goes into a wheel; Python and CMake are there already
set -eu
cd "$(dirname "$0")/.."
purpose=$1

# What is missing, in generic names.
missing=""
need() { missing="$missing $1"; }

have() { command -v "$1" >/dev/null 2>&1; }
have_header() { printf '#include <%s>\n' "$1" | "${CXX:-c++}" -E -x c++ - >/dev/null 2>&1; }
have_library() {
    { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep -q "$1" && return 0
    for folder in /usr/lib /usr/lib64 /usr/lib/*-linux-*; do
        [ -e "$folder/$1" ] && return 0
    done
    return 1
}
python_is_complete() {
    "$1" -c 'import ensurepip, os, sys, sysconfig, venv
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' 2>/dev/null
}

look() {
    missing=""
    if [ "$purpose" != bundle ]; then
        if python=$(tools/find_python.sh 2>/dev/null); then
            python_is_complete "$python" || need python
        else
            need python
        fi
    fi
    [ "$purpose" != python ] || return 0
    have "${CXX:-c++}" || need compiler
    have pkg-config || need pkg-config
    if [ "$purpose" = bundle ]; then
        have make || need make
        have curl || need curl
        have git || need git
        have xz || need xz
        have perl || need perl
        have diff || need diffutils
        case "$(uname -m)" in x86_64 | i?86 | amd64) have nasm || need nasm ;; esac
        return 0
    fi
    # The versions themselves are CMake's to judge.
    for library in libavcodec libavformat libavutil libswscale; do
        pkg-config --exists "$library" 2>/dev/null || { need ffmpeg; break; }
    done
    if [ "$purpose" = test ]; then
        have ffprobe || need ffprobe
        have_header doctest/doctest.h || need doctest
        # MuJoCo draws without a display through EGL.
        [ "$(uname)" != Linux ] || have_library libEGL.so.1 || need egl
    fi
}

# The package names of what is missing, for one package manager.
packages_for() {
    for thing in $missing; do
        case "$1:$thing" in
            apt-get:compiler) echo g++ ;;
            apt-get:pkg-config) echo pkg-config ;;
            apt-get:ffmpeg) echo libavcodec-dev libavformat-dev libavutil-dev libswscale-dev ;;
            apt-get:python) apt_python_packages ;;
            apt-get:ffprobe) echo ffmpeg ;;
            apt-get:doctest) echo doctest-dev ;;
            apt-get:egl) echo libegl1 ;;

            dnf:compiler) echo gcc-c++ ;;
            dnf:pkg-config) echo pkgconf-pkg-config ;;
            dnf:ffmpeg) echo libavcodec-free-devel libavformat-free-devel libavutil-free-devel libswscale-free-devel ;;
            dnf:python) echo python3 python3-devel ;;
            dnf:ffprobe) echo ffmpeg-free ;;
            dnf:doctest) echo doctest-devel ;;
            dnf:egl) echo mesa-libEGL mesa-dri-drivers ;;

            pacman:compiler) echo gcc ;;
            pacman:pkg-config) echo pkgconf ;;
            pacman:ffmpeg | pacman:ffprobe) echo ffmpeg ;;
            pacman:python) echo python ;;
            pacman:doctest) echo doctest ;;
            pacman:egl) echo libglvnd mesa ;;

            apk:compiler) echo g++ ;;
            apk:pkg-config) echo pkgconf ;;
            apk:ffmpeg) echo ffmpeg-dev ;;
            apk:python) echo python3 python3-dev ;;
            apk:ffprobe) echo ffmpeg ;;
            apk:doctest) echo doctest-dev ;;
            apk:egl) echo mesa-egl mesa-dri-gallium ;;

            brew:compiler | brew:make) ;;
            apt-get:xz) echo xz-utils ;;
            *:make | *:curl | *:diffutils | *:git | *:nasm | *:perl | *:xz) echo "$thing" ;;

            brew:pkg-config) echo pkgconf ;;
            brew:ffmpeg | brew:ffprobe) echo ffmpeg ;;
            brew:python) echo python ;;
            brew:doctest) echo doctest ;;
        esac
    done | tr '\n' ' ' | sed 's/ *$//'
}

# Debian splits venv and the headers from each Python; one that the system did not install has no packages.
apt_python_packages() {
    python=$(tools/find_python.sh 2>/dev/null || true)
    case "$python" in
        "" | /usr/bin/python3) echo python3 python3-venv python3-dev ;;
        /usr/bin/python3.*) echo "${python#/usr/bin/}-venv ${python#/usr/bin/}-dev" ;;
        *) echo python3-venv python3-dev ;;
    esac
}

list_packages() {
    echo "  Debian, Ubuntu  apt-get install $(packages_for apt-get)"
    echo "  Fedora          dnf install $(packages_for dnf)"
    echo "  Arch            pacman -S $(packages_for pacman)"
    echo "  Alpine          apk add $(packages_for apk)"
    echo "  macOS           brew install $(packages_for brew)"
}

give_up() {
    {
        echo "gymreel: this machine lacks:$missing"
        echo "They could not be installed: $1."
        echo "Please install them, then run this again:"
        echo
        list_packages
    } >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

can_become_root_unasked() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
# A password can be asked for only where somebody sits at a terminal.
can_become_root() { can_become_root_unasked || { have sudo && [ -t 0 ]; }; }

update() {
    case "$manager" in
        apt-get) as_root apt-get update -q >/dev/null || echo "==> apt-get update failed: going on without" >&2 ;;
        pacman) as_root pacman -Sy --noconfirm ;;
    esac
}

install() {
    echo "==> System packages, with $manager: $*"
    case "$manager" in
        apt-get)
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >/dev/null
            ;;
        dnf) as_root dnf install -q -y --setopt=install_weak_deps=False "$@" ;;
        pacman) as_root pacman -S --needed --noconfirm "$@" ;;
        apk) as_root apk add --quiet "$@" ;;
        brew) brew install --quiet "$@" ;;
    esac
}

install_what_is_missing() {
    case "$missing:$(uname)" in
        *compiler*:Darwin) give_up "the compiler comes with: xcode-select --install" ;;
    esac
    [ -n "$manager" ] || give_up "no package manager that this script knows (apt-get, dnf, pacman, apk, brew)"
    [ "$manager" = brew ] || can_become_root || give_up "that needs root, and sudo is missing or would ask for a password"
    update
    packages=$(packages_for "$manager")
    # shellcheck disable=SC2086 # A list of names.
    install $packages || give_up "$manager failed, see above"
    look
    [ -z "$missing" ] || give_up "$manager installed $packages, and yet something is not found"
}

# Google Highway makes the colour conversion faster, and its absence stops nobody and is worth no password.
install_highway() {
    case "$manager" in
        apt-get) package="libhwy-dev" ;;
        dnf) package="highway-devel" ;;
        apk) package="highway-dev" ;;
        pacman | brew) package="highway" ;;
        *) return 1 ;;
    esac
    { [ "$manager" = brew ] || can_become_root_unasked; } && install "$package"
}

manager=""
case "$(uname)" in
    Darwin) managers=brew ;;
    Linux) managers="apt-get dnf pacman apk" ;;
    *) managers="" ;;
esac
for candidate in $managers; do
    if have "$candidate"; then
        manager=$candidate
        break
    fi
done

look
[ -z "$missing" ] || install_what_is_missing
case "$purpose" in python | bundle) exit 0 ;; esac  # A wheel has a Highway of its own.
pkg-config --exists libhwy || install_highway ||
    echo "==> Without Google Highway (libhwy) the colour conversion is slower" >&2

#!/usr/bin/env bash
# Makes ready what `mote bench --cycles` needs, in benches/cycles/tools: the plugin cyclesim.so, built from its source,
# and a QEMU that can load it (9.1 or later). Debian 12 has 7.2: then the one of its backports is unpacked here, and the
# system stays as it is. Prints the two paths.
#
#   benches/cycles/setup.sh CYCLESIM_FOLDER     default: $MOTE_CYCLESIM, else shared/tools/cyclesim beside the repository
set -euo pipefail
cd "$(dirname "$0")"

source=${1:-${MOTE_CYCLESIM:-../../../shared/tools/cyclesim}}
[ -f "$source/cyclesim.c" ] || {
    echo "error: no cyclesim.c; name its folder: $0 FOLDER" >&2
    exit 2
}
tools=$PWD/tools
mkdir -p "$tools"

# The plugin's own build.sh writes beside its source, which may not be ours to write to.
gcc -O2 -shared -fPIC -fvisibility=hidden -o "$tools/cyclesim.so" "$source/cyclesim.c"

# True for QEMU 9.1 and later.
is_new() {
    local version
    version=$("$1" --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p')
    [ -n "$version" ] && [ "$(printf '%s\n9.1\n' "$version" | sort -V | head -n 1)" = 9.1 ]
}

unpack_backport() {
    local codename apt=$tools/apt
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $codename-backports main" \
        >"$apt/sources.list"
    local options=(-q -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache")
    apt-get "${options[@]}" update >&2
    (cd "$apt" && apt-get "${options[@]}" download qemu-system-arm >&2)
    dpkg -x "$apt"/qemu-system-arm_*.deb "$tools/qemu"
}

qemu=$(command -v qemu-system-arm || true)
if [ -z "$qemu" ] || ! is_new "$qemu"; then
    qemu=$tools/qemu/usr/bin/qemu-system-arm
    is_new "$qemu" || unpack_backport
fi
is_new "$qemu" || {
    echo "error: $qemu does not run; install QEMU 9.1 or later" >&2
    exit 2
}
echo "plugin $tools/cyclesim.so"
echo "qemu $qemu"

#!/usr/bin/env bash
# Installs what a bare Debian or Ubuntu machine with rustup lacks: the pinned toolchain with its targets, QEMU for the
# emulated boards, Chromium for the pages of `mote report`, and a nightly toolchain with Miri. Needs root (or sudo) for system
# packages only. Says what it did.
#
#   ./setup.sh             everything
#   ./setup.sh --no-qemu   no system packages
set -euo pipefail
cd "$(dirname "$0")"

toolchain=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
targets=$(sed -n '/^targets = \[/,/^\]/s/^ *"\(.*\)",/\1/p' rust-toolchain.toml)
did=()

sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"

# Runs a command quietly; shows its output only when it fails.
quiet() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

install_rust() {
    command -v rustup >/dev/null || {
        echo "error: rustup is missing; install it first (your distribution packages it as 'rustup')" >&2
        exit 2
    }
    if ! rustup toolchain list | grep -q "^$toolchain-"; then
        quiet rustup toolchain install "$toolchain" --profile minimal
        did+=("installed Rust $toolchain")
    fi
    local have missing=() item
    have=$(rustup component list --toolchain "$toolchain" --installed)
    for item in rustfmt clippy; do
        grep -q "^$item" <<<"$have" || missing+=("$item")
    done
    [ ${#missing[@]} = 0 ] || { quiet rustup component add --toolchain "$toolchain" "${missing[@]}" && did+=("added ${missing[*]}"); }
    missing=()
    for item in $targets; do
        grep -qx "rust-std-$item" <<<"$have" || missing+=("$item")
    done
    [ ${#missing[@]} = 0 ] || { quiet rustup target add --toolchain "$toolchain" "${missing[@]}" && did+=("added targets ${missing[*]}"); }

    if ! rustup toolchain list | grep -q '^nightly'; then
        quiet rustup toolchain install nightly --profile minimal
        did+=("installed nightly Rust, for Miri")
    fi
    have=$(rustup component list --toolchain nightly --installed)
    for item in miri rust-src; do
        grep -q "^$item" <<<"$have" || { quiet rustup component add --toolchain nightly "$item" && did+=("added nightly $item"); }
    done
}

# A machine with another suite's qemu-utils refuses the stable suite's emulators: take them from that suite too.
install_qemu_from_backports() {
    local codename uri
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    if ! apt-cache policy | grep -q "$codename-backports"; then
        uri=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
            awk -v c="$codename" '$2 == c { print $1; exit }')
        [ -n "$uri" ] || return 1
        echo "deb $uri $codename-backports main" | $sudo tee /etc/apt/sources.list.d/mote-backports.list >/dev/null
        quiet $sudo apt-get update
        did+=("added the suite $codename-backports")
    fi
    quiet $sudo apt-get install -y --no-install-recommends -t "$codename-backports" "$@"
}

install_qemu() {
    local packages=()
    command -v qemu-system-arm >/dev/null || packages+=(qemu-system-arm)
    command -v qemu-system-riscv32 >/dev/null || packages+=(qemu-system-misc)
    [ ${#packages[@]} != 0 ] || return 0
    command -v apt-get >/dev/null || {
        echo "error: qemu-system-arm or qemu-system-riscv32 is missing and this is no Debian or Ubuntu; install QEMU 7.2 or later" >&2
        exit 2
    }
    quiet $sudo apt-get update
    # Newer releases have it in a package of its own.
    if apt-cache show qemu-system-riscv >/dev/null 2>&1; then packages=("${packages[@]/qemu-system-misc/qemu-system-riscv}"); fi
    if apt-get install -s -y --no-install-recommends "${packages[@]}" >/dev/null 2>&1; then
        quiet $sudo apt-get install -y --no-install-recommends "${packages[@]}"
    else
        install_qemu_from_backports "${packages[@]}"
    fi
    did+=("installed ${packages[*]}: $(qemu-system-arm --version | head -n 1)")
}

# A browser with its driver, and Python's virtual environments.
install_browser() {
    local missing=()
    command -v chromium >/dev/null || missing+=(chromium)
    command -v chromedriver >/dev/null || missing+=(chromium-driver)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null || {
        echo "error: ${missing[*]} are missing and this is no Debian or Ubuntu; install them" >&2
        exit 2
    }
    quiet $sudo apt-get update
    quiet $sudo apt-get install -y --no-install-recommends "${missing[@]}"
    did+=("installed ${missing[*]}")
}

install_rust
if [ "${1:-}" != --no-qemu ]; then
    install_qemu
    install_browser
fi

if [ ${#did[@]} = 0 ]; then
    echo "setup: nothing to do, everything is there"
else
    printf 'setup: %s\n' "${did[@]}"
fi

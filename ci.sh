#!/usr/bin/env bash
# Every check of the project. `./ci.sh` runs all that need no long time; `./ci.sh NAME...` runs some.
#
#   fmt     formatting                          lint    clippy, warnings are errors; in the run of all checks only that of the
#                                               firmware, as `test`, `qemu` and `bench` compile the rest under clippy;
#                                               links the boards that are not emulated
#   nostd   the runtime on every target, every feature
#   miri    the runtime's portable kernels under Miri
#   test    unit, property, whole-model, recipe, command-line and documentation tests
#   qemu    emulated boards: same bytes as the host, arena and stack as planned, panic sites, image size, from file to device
#   page    pages of `mote report` in Chromium, and the style of the Python code
#   bench   every benchmark runs once
#
# Not part of the run of all checks:
#
#   fuzz      Model::load and the decoder of the link under a fuzzer for a minute each; installs cargo-fuzz
#   recorder  the recorder for PyTorch: types and tests; installs PyTorch, 6 GB
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

run_fmt() {
    cargo fmt --all --check
    (cd firmware && cargo fmt --all --check)
}

run_lint() {
    cargo clippy --release --workspace --all-targets -- -D warnings
    run_lint_firmware
}

run_lint_firmware() {
    (cd firmware && cargo clippy --release --all-targets -- -D warnings)
    local board
    for board in firmware/boards/*/board.toml; do
        if grep -qx '\[qemu\]' "$board"; then
            (cd "$(dirname "$board")" && cargo clippy --release -- -D warnings && cargo clippy --release --features unsigned -- -D warnings)
        else
            # Nothing else builds these, so that this does, up to the image. With all features they need no keys.
            (cd "$(dirname "$board")" && linted cargo build --release --locked --all-features)
        fi
    done
}

# Runs cargo with clippy in the place of the compiler for our own crates, warnings being errors, as `cargo clippy` does it but
# with code as the result: in the run of all checks that spares compiling every dependency once more for lint's sake alone.
linted() {
    RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__ "$@"
}

# That `linted` refuses what clippy refuses.
check_linted() {
    local folder
    folder=$(mktemp -d)
    mkdir "$folder/src"
    printf '[package]\nname = "control"\nedition = "2024"\n\n[workspace]\n' >"$folder/Cargo.toml"
    echo 'pub fn len(x: &Vec<u8>) -> usize { return x.len(); }' >"$folder/src/lib.rs"
    if linted cargo build --quiet --manifest-path "$folder/Cargo.toml" 2>"$folder/log"; then
        echo "error: clippy did not look at what was built; run ./ci.sh lint" >&2
        return 1
    fi
    grep -q 'clippy::ptr.arg' "$folder/log" || { cat "$folder/log" >&2 && return 1; }
    rm -rf "$folder"
}

# All targets in one call: cargo checks them side by side. Without features, firmware and boards are built for every
# Cortex-M later.
run_nostd() {
    local targets
    targets=$(sed -n '/^targets = \[/,/^\]/s/^ *"\(.*\)",/--target \1/p' rust-toolchain.toml)
    # shellcheck disable=SC2086 # options without blanks
    cargo check --release -p mote-runtime $targets --features f32
    cargo check --release -p mote-runtime --target riscv32imc-unknown-none-elf --no-default-features
    cargo check --release -p mote-runtime --target thumbv7em-none-eabihf --target riscv32imac-unknown-none-elf --features defmt,half
}

run_miri() {
    MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p mote-runtime --features std,half --lib
}

# All but those that need emulated boards, which `qemu` runs. Never `--workspace`: the benches would change the features
# of shared dependencies, and burn and tract would be built once more.
run_test() {
    local file tests=()
    for file in converter/tests/*.rs; do
        case $(basename "$file" .rs) in
        qemu | bench_cli | device) ;;
        *) tests+=(--test "$(basename "$file" .rs)") ;;
        esac
    done
    check_linted
    linted cargo test --release -p mote --lib --bins "${tests[@]}"
    linted cargo test --release -p mote --doc
    linted cargo test --release -p mote-runtime
}

run_qemu() {
    (cd firmware && cargo test --release)
    MOTE_REQUIRE_QEMU=1 linted cargo test --release -p mote --test qemu --test bench_cli --test device -- --nocapture
}

run_bench() {
    linted cargo bench -p mote-benches -- --test
}

# A virtual environment of that name with these packages; prints its folder of programs.
python_with() {
    local venv=target/$1
    [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${@:2}" >&2
    echo "$PWD/$venv/bin"
}

run_page() {
    local bin
    bin=$(python_with page-venv -r converter/tests/report_page/requirements.txt)
    linted cargo build --release -p mote --bin mote
    MOTE=$PWD/target/release/mote "$bin/pytest" -q -p no:cacheprovider converter/tests/report_page
    (cd converter/python && "$bin/ruff" check . && "$bin/ruff" check --ignore D,PLR2004,PT018 ../tests/report_page && "$bin/ruff" format --check . ../tests/report_page)
}

run_recorder() {
    local bin
    bin=$(python_with recorder-venv "./converter/python[test,lint]")
    (cd converter/python && "$bin/mypy" && "$bin/pytest" -q)
}

run_fuzz() {
    command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
    (cd firmware/link && mkdir -p fuzz/corpus/decode && cargo +nightly fuzz run decode fuzz/corpus/decode -- -max_total_time=60 -rss_limit_mb=2048)
    (cd runtime && mkdir -p fuzz/corpus/load && cargo +nightly fuzz run load fuzz/corpus/load tests/data -- -max_total_time=60 -rss_limit_mb=2048)
}

# Miri uses one core and shares no folder with the rest: beside it, it costs little time.
start_miri() {
    miri_log=$(mktemp)
    run_miri >"$miri_log" 2>&1 &
    miri_job=$!
    trap 'kill "$miri_job" 2>/dev/null || true' EXIT
}

finish_miri() {
    step "miri, started before"
    local status=0
    wait "$miri_job" || status=$?
    cat "$miri_log"
    rm -f "$miri_log"
    trap - EXIT
    return "$status"
}

[ $# -gt 0 ] || set -- fmt lint_firmware nostd miri test page qemu bench
miri_job=
for name in "$@"; do
    step "$name"
    if [ "$name" = miri ] && [ $# -gt 1 ]; then start_miri; else "run_$name"; fi
done
[ -z "$miri_job" ] || finish_miri
step "all passed"

#!/usr/bin/env bash
# Measures microflow beside Mote and writes
#   benches/rivals/microflow.json           instructions, stack and flash on Cortex-M4, for `mote bench --against`
#   benches/results/microflow-outputs.json  output bytes that differ from TensorFlow Lite's reference kernels
#   benches/results/microflow-host.txt      criterion's times on this computer (with --host only)
#
#   benches/rivals/microflow/run.sh [--host]      needs MOTE_DATA, `mote` built, QEMU; about four minutes
set -euo pipefail
cd "$(dirname "$0")"

root=$(cd ../../.. && pwd)
export MOTE_DATA=${MOTE_DATA:-$root/../shared/data}
export MOTE_MODELS=$PWD/target/models
mote=$root/target/release/mote
nets="sine_int8 hello_world_int8 micro_speech_int8 person_detect_int8 kws_dscnn_int8 vww_96_int8 ad01_int8 sww_int8"

mkdir -p "$MOTE_MODELS"
for net in $nets; do
    "$mote" --quiet convert "$MOTE_DATA/tflite/$net/model.tflite" --strip --self-test 0 -o "$MOTE_MODELS/$net.mote" >/dev/null
done

# Outputs, one object a line, as one array.
cargo build --release --locked --quiet -p microflow-host
target/release/microflow-host | sed '1s/^/[/; $!s/$/,/; $s/$/]/' >"$root/benches/results/microflow-outputs.json"

image=target/thumbv7em-none-eabihf/release/microflow-m4
flash_bytes() { size "$image" | awk 'NR == 2 { print $1 + $2 }'; }
build() { (cd m4 && MICROFLOW_NET=$1 cargo build --release --locked --quiet --target-dir ../target); }

build none
harness=$(flash_bytes)
costs=()
for net in $nets; do
    build "$net"
    said=$(qemu-system-arm -M mps2-an386 -display none -monitor none -serial null -icount shift=0 \
        -semihosting-config enable=on,target=native -kernel "$image")
    ticks=$(awk '$1 == "ticks" { print $2 }' <<<"$said")
    stack=$(awk '$1 == "stack" { print $2 }' <<<"$said")
    costs+=("  {\"model\": \"$net\", \"core\": \"m4\", \"instructions\": $((ticks * 40)), \"arena_bytes\": $stack, \"model_bytes\": $(($(flash_bytes) - harness))}")
done
{
    cat <<JSON
{
 "schema": 1,
 "name": "microflow",
 "notes": [
  "microflow 0.1.3 with microflow-macros 0.1.1, $(rustc --version), opt-level 3, LTO, target-cpu=cortex-m4",
  "instructions: $(qemu-system-arm --version | head -n 1), -icount shift=0, second run, exact to 40; input: the first sample of the shared data",
  "arena: the stack of a run, where microflow keeps activations",
  "model file: code and weights together, without the measuring harness; loading: there is none",
  "outputs: benches/results/microflow-outputs.json counts where they differ from TensorFlow Lite's"
 ],
 "costs": [
JSON
    for index in "${!costs[@]}"; do
        [ "$index" = $((${#costs[@]} - 1)) ] && echo "${costs[$index]}" || echo "${costs[$index]},"
    done
    printf ' ]\n}\n'
} >../microflow.json

if [ "${1:-}" = --host ]; then
    results=$root/benches/results/microflow-host.txt
    cargo bench --locked --quiet -p microflow-host --bench models -- --noplot |
        awk '/^[a-z0-9_]+\// { name = $1 } /time:/ { sub(/.*time: */, ""); printf "%-30s %s\n", name, $0 }' >"$results.part"
    {
        echo "# $(grep -m 1 'model name' /proc/cpuinfo | cut -d: -f2- | xargs), one thread, $(rustc --version), $(date -u +%F)"
        echo "# CPU time of a run: low, estimate, high; microflow 0.1.3 and Mote, both without -C target-cpu"
        cat "$results.part"
    } >"$results"
    rm "$results.part"
fi

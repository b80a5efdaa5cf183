#!/usr/bin/env bash
# Measures the shared networks on every emulated core and writes benches/results/: five of MLPerf Tiny beside TensorFlow
# Lite Micro with CMSIS-NN, and those that microflow compiles beside microflow.
#
#   benches/run.sh                two or three minutes; needs MOTE_DATA (or shared/data beside the repository) and QEMU
#   benches/run.sh --no-cycles    without estimated cycles: no QEMU with plugins, no cyclesim
#   benches/run.sh --rivals       measure microflow anew, too (benches/rivals/microflow/run.sh)
set -euo pipefail
cd "$(dirname "$0")/.."

export MOTE_DATA=${MOTE_DATA:-$PWD/../shared/data}
cycles=(yes) rivals=()
for option in "$@"; do
    case $option in
    --no-cycles) cycles=() ;;
    --rivals) rivals=(yes) ;;
    *) echo "error: unknown option $option" >&2 && exit 2 ;;
    esac
done

cargo build --release -p mote
[ ${#rivals[@]} = 0 ] || benches/rivals/microflow/run.sh
if [ ${#cycles[@]} != 0 ]; then
    made=$(benches/cycles/setup.sh)
    cycles=(--cycles "$(sed -n 's/^plugin //p' <<<"$made")")
    MOTE_QEMU=$(sed -n 's/^qemu //p' <<<"$made")
    export MOTE_QEMU
fi

networks() { for name in "$@"; do echo "$MOTE_DATA/tflite/$name/model.tflite"; done; }
mlperf_tiny="kws_dscnn_int8 vww_96_int8 ic_resnet8_int8 ad01_int8 sww_int8"
microflow="sine_int8 hello_world_int8 micro_speech_int8 person_detect_int8 kws_dscnn_int8 vww_96_int8 ad01_int8 sww_int8"

# shellcheck disable=SC2046,SC2086 # names without blanks
target/release/mote bench $(networks $mlperf_tiny) --target m0plus --target m3 --target m4 --target m7 --target m33 "${cycles[@]}" \
    --against benches/rivals/tflm-cmsis-nn.json --against benches/rivals/x-cube-ai.json \
    --save benches/results/cortex-m
# shellcheck disable=SC2046,SC2086
target/release/mote bench $(networks $microflow) --target m4 \
    --against benches/rivals/tflm-cmsis-nn.json --against benches/rivals/microflow.json \
    --save benches/results/microflow

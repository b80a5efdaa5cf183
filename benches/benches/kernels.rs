//! One kernel at a time, on shapes of the MLPerf Tiny networks.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mote_benches::{Convolution, OneInstruction, conv2d, depthwise_conv2d, fully_connected, hwc};
use mote_runtime::{AlignedBytes, Engine, Model};
use std::hint::black_box;

fn time(criterion: &mut Criterion, group: &str, cases: &[(&str, OneInstruction)]) {
    let mut group = criterion.benchmark_group(group);
    for (name, case) in cases {
        let model = Model::load(&case.file).expect("the model is valid");
        let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
        let mut engine = Engine::new(model, &mut arena).expect("the arena is as large as the model asks");
        for (i, x) in engine.input_mut(0).iter_mut().enumerate() {
            *x = (i * 37) as i8;
        }
        group.throughput(Throughput::Elements(case.products));
        // The input lies apart from the output, so that it is still there in the next run.
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                engine.run();
                black_box(engine.output(0));
            });
        });
    }
    group.finish();
}

fn convolutions(criterion: &mut Criterion) {
    let one = |x, out_c| conv2d(Convolution { x, out_c, kernel: 1, stride: 1 });
    let three = |x, out_c, stride| conv2d(Convolution { x, out_c, kernel: 3, stride });
    time(
        criterion,
        "conv2d",
        &[
            ("1x1 kws 25x5x64 to 64", one(hwc(25, 5, 64), 64)),
            ("1x1 vww 48x48x8 to 16", one(hwc(48, 48, 8), 16)),
            ("1x1 vww 6x6x128 to 128", one(hwc(6, 6, 128), 128)),
            ("3x3 stride 2 vww 96x96x3 to 8", three(hwc(96, 96, 3), 8, 2)),
            ("3x3 resnet 32x32x16 to 16", three(hwc(32, 32, 16), 16, 1)),
            ("3x3 resnet 8x8x64 to 64", three(hwc(8, 8, 64), 64, 1)),
        ],
    );
}

fn depthwise_convolutions(criterion: &mut Criterion) {
    let three = |x, stride| depthwise_conv2d(Convolution { x, out_c: x.c, kernel: 3, stride });
    time(
        criterion,
        "depthwise_conv2d",
        &[
            ("3x3 kws 25x5x64", three(hwc(25, 5, 64), 1)),
            ("3x3 vww 48x48x8", three(hwc(48, 48, 8), 1)),
            ("3x3 stride 2 vww 48x48x16", three(hwc(48, 48, 16), 2)),
            ("3x3 vww 6x6x128", three(hwc(6, 6, 128), 1)),
        ],
    );
}

fn fully_connected_layers(criterion: &mut Criterion) {
    time(
        criterion,
        "fully_connected",
        &[
            ("kws 64 to 12", fully_connected(64, 12)),
            ("vww 256 to 2", fully_connected(256, 2)),
            ("ad 640 to 128", fully_connected(640, 128)),
            ("ad 128 to 128", fully_connected(128, 128)),
        ],
    );
}

criterion_group!(kernels, convolutions, depthwise_convolutions, fully_connected_layers);
criterion_main!(kernels);

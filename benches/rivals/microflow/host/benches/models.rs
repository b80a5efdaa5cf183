//! microflow and Mote on this computer, one thread, the same input.
//!
//! The clock is the thread's CPU time, so that other programs on the computer disturb the comparison less.

use cpu_time::ThreadTime;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, criterion_group, criterion_main};
use microflow_host::{mote_file, read_npy};
use microflow_nets::{Net, Visitor, each};
use mote_runtime::{AlignedBytes, Engine, Model};
use std::hint::black_box;
use std::time::Duration;

/// As wall time, by another clock.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }

    fn end(&self, start: ThreadTime) -> Duration {
        start.elapsed()
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

struct Time<'a>(&'a mut Criterion<CpuTime>);

impl Visitor for Time<'_> {
    fn visit<N: Net>(&mut self) {
        let (inputs, samples) = read_npy(&format!("{}/inputs.npy", N::FOLDER));
        let input = &inputs[..inputs.len() / samples];
        let mut group = self.0.benchmark_group(N::NAME);
        let mut real = [0.0; 1024];
        group.bench_function("microflow", |bencher| {
            bencher.iter(|| N::run(black_box(input), &mut real));
        });
        let file = mote_file::<N>();
        let model = Model::load(&file).expect("mote convert made it");
        let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
        let mut engine = Engine::new(model, &mut arena).expect("the arena is as large as the model asks");
        group.bench_function("mote", |bencher| {
            bencher.iter(|| {
                engine.input_mut(0).copy_from_slice(black_box(input));
                engine.run();
                black_box(engine.output(0));
            });
        });
        group.finish();
    }
}

fn models(criterion: &mut Criterion<CpuTime>) {
    each(&mut Time(criterion));
}

criterion_group! {
    name = whole;
    config = Criterion::default().with_measurement(CpuTime).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = models
}
criterion_main!(whole);

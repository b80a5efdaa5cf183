//! microflow and Mote on this computer, one thread, the same input.

use criterion::{Criterion, criterion_group, criterion_main};
use microflow_host::{mote_file, read_npy};
use microflow_nets::{Net, Visitor, each};
use mote_runtime::{AlignedBytes, Engine, Model};
use std::hint::black_box;

struct Time<'a>(&'a mut Criterion);

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

fn models(criterion: &mut Criterion) {
    each(&mut Time(criterion));
}

criterion_group!(whole, models);
criterion_main!(whole);

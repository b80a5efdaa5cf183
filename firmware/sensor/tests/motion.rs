//! Bytes on the bus in, the network's answer out: the accelerometer is a mock of a bus, everything behind it is what a board runs.

use embedded_hal::i2c::ErrorKind;
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
use mote_runtime::{AllOps, Arena, Engine, Model};
use mote_sensor::{Accelerometer, Answer, Classifier, Error, MOTION, Mismatch, SensorError, SlaveAddr, Source};
use std::f32::consts::TAU;

const ADDRESS: u8 = 0x68;
const SAMPLES: usize = 32;
const HOP: usize = 16;
/// Of the sensor, up to 4 g.
const LSB_PER_G: f32 = 8192.0;

type Motion<'m, 'a> = Classifier<'m, 'a, AllOps, 3, SAMPLES, HOP>;

/// What the driver says to start the sensor, and what the chip answers.
fn start(chip_id: u8) -> Vec<Transaction> {
    vec![Transaction::write_read(ADDRESS, vec![0x00], vec![chip_id])]
}

/// Normal mode, 4 g.
fn set_up() -> Vec<Transaction> {
    vec![Transaction::write(ADDRESS, vec![0x7e, 0x11]), Transaction::write(ADDRESS, vec![0x41, 0x05])]
}

fn status(ready: bool) -> Transaction {
    Transaction::write_read(ADDRESS, vec![0x1b], vec![if ready { 0x80 } else { 0 }])
}

/// A measurement: three words, low byte first.
fn measurement(raw: [i16; 3]) -> Vec<Transaction> {
    let bytes = raw.iter().flat_map(|value| value.to_le_bytes()).collect();
    vec![status(true), Transaction::write_read(ADDRESS, vec![0x12], bytes)]
}

/// The measurements of `samples` samples of a movement: two for each.
fn movement(samples: usize, force: impl Fn(f32) -> [f32; 3]) -> Vec<[i16; 3]> {
    let at = |index: usize| force(index as f32 / 100.0).map(|g| (g * LSB_PER_G) as i16);
    (0..2 * samples).map(at).collect()
}

fn still(_: f32) -> [f32; 3] {
    [0.1, -0.2, 0.97]
}

/// One turn a second around the third axis.
fn turning(t: f32) -> [f32; 3] {
    [(TAU * t).cos(), (TAU * t).sin(), 0.05]
}

/// Five times a second along the first axis.
fn shaking(t: f32) -> [f32; 3] {
    [1.1 * (TAU * 5.0 * t).sin(), 0.1, 0.99]
}

fn with_bus<T>(transactions: &[Transaction], run: impl FnOnce(&mut Accelerometer<Mock>) -> T) -> T {
    let all: Vec<Transaction> = [start(0xd1), set_up(), transactions.to_vec()].concat();
    let mut bus = Mock::new(&all);
    let mut sensor = Accelerometer::new(bus.clone(), SlaveAddr::default(), &mut NoopDelay::new()).unwrap();
    let result = run(&mut sensor);
    // All that was expected was said, and nothing else.
    bus.done();
    result
}

/// The answers to all windows in `raw`.
fn answers(raw: &[[i16; 3]]) -> Vec<Answer> {
    let transactions: Vec<_> = raw.iter().flat_map(|&raw| measurement(raw)).collect();
    with_bus(&transactions, |sensor| {
        let mut arena = Arena::<1024>::new();
        let mut motion = Motion::new(Engine::new(Model::load(MOTION).unwrap(), arena.as_mut_slice()).unwrap()).unwrap();
        let polled = raw.iter().filter_map(|_| motion.poll(sensor).unwrap());
        polled.collect()
    })
}

#[test]
fn movements_are_told_from_the_bytes_on_the_bus() {
    for (class, force) in [still as fn(f32) -> [f32; 3], turning, shaking].into_iter().enumerate() {
        let answers = answers(&movement(SAMPLES + 2 * HOP, force));
        assert_eq!(answers.iter().map(|answer| answer.class).collect::<Vec<_>>(), [class; 3], "{answers:?}");
    }
}

#[test]
fn a_movement_that_begins_is_noticed_in_a_window_that_holds_it() {
    let raw = [movement(SAMPLES, still), movement(SAMPLES, shaking)].concat();
    let classes: Vec<_> = answers(&raw).iter().map(|answer| answer.class).collect();
    assert_eq!((classes[0], classes[2]), (0, 2), "{classes:?}");
}

#[test]
fn the_engine_gets_the_samples_as_the_file_says_they_are_stored() {
    let raw = movement(SAMPLES, turning);
    let model = Model::<AllOps>::load(MOTION).unwrap();
    let port = model.inputs()[0].clone();
    // A mean of two measurements, quantized by hand.
    let stored: Vec<i8> = raw
        .chunks_exact(2)
        .flat_map(|pair| [0, 1, 2].map(|axis| (f32::from(pair[0][axis]) + f32::from(pair[1][axis])) / 2.0 / LSB_PER_G))
        .map(|g| ((g / port.scale).round() as i32 + port.zero_point).clamp(-128, 127) as i8)
        .collect();
    let mut arena = Arena::<1024>::new();
    let mut engine = Engine::new(model, arena.as_mut_slice()).unwrap();
    engine.input_mut(0).copy_from_slice(&stored);
    engine.run();
    let mut scores = [0.0; 3];
    engine.read_f32(0, &mut scores).unwrap();
    let best = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
    assert_eq!(answers(&raw), [Answer { class: best, score: scores[best] }]);
    assert!(stored.iter().any(|&q| q > 40) && stored.iter().any(|&q| q < -40), "{stored:?}");
}

#[test]
fn a_sensor_without_news_gives_no_sample_and_a_broken_bus_an_error_after_which_it_goes_on() {
    let failed = Transaction::write_read(ADDRESS, vec![0x1b], vec![0]).with_error(ErrorKind::Bus);
    let ready = [measurement([8192, 0, -8192]), measurement([8192, 0, 0])].concat();
    let transactions = [vec![status(false), failed], ready].concat();
    with_bus(&transactions, |sensor| {
        assert_eq!(sensor.sample(), Ok(None));
        assert_eq!(sensor.sample(), Err(SensorError::Bus(ErrorKind::Bus)));
        assert_eq!((sensor.sample(), sensor.sample()), (Ok(None), Ok(Some([1.0, 0.0, -0.5]))));
    });
}

#[test]
fn the_classifier_passes_a_sensors_error_on() {
    let failed = Transaction::write_read(ADDRESS, vec![0x1b], vec![0]).with_error(ErrorKind::Other);
    with_bus(&[failed], |sensor| {
        let mut arena = Arena::<1024>::new();
        let mut motion = Motion::new(Engine::new(Model::load(MOTION).unwrap(), arena.as_mut_slice()).unwrap()).unwrap();
        assert_eq!(motion.poll(sensor), Err(Error::Sensor(SensorError::Bus(ErrorKind::Other))));
    });
}

#[test]
fn another_chip_is_refused() {
    let mut bus = Mock::new(&start(0xea));
    let made = Accelerometer::new(bus.clone(), SlaveAddr::default(), &mut NoopDelay::new());
    assert_eq!(made.err(), Some(SensorError::OtherChip { found: 0xea }));
    bus.done();
}

#[test]
fn a_network_for_other_windows_is_refused() {
    let mut arena = Arena::<1024>::new();
    let engine = Engine::new(Model::<AllOps>::load(MOTION).unwrap(), arena.as_mut_slice()).unwrap();
    let made = Classifier::<AllOps, 3, 16, 16>::new(engine);
    assert_eq!(made.err(), Some(Mismatch::Input { needed: 48, got: 96 }));
}

#[test]
fn the_shipped_file_passes_its_own_self_test() {
    let mut arena = Arena::<1024>::new();
    let mut engine = Engine::new(Model::<AllOps>::load(MOTION).unwrap(), arena.as_mut_slice()).unwrap();
    assert_eq!(engine.self_test().map(|vectors| vectors > 0), Ok(true));
}

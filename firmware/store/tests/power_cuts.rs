//! The power goes at every step of everything that writes, and nothing is lost.

mod support;

use mote_runtime::AllOps;
use mote_store::{Content, Error, Layout, Slot, Store};
use support::flash::SimFlash;
use support::{models, open, running, send, start, update};

type Device<'f, const W: usize, const E: usize> = Store<'static, &'f mut SimFlash<W, E>>;

/// Something that a device does, which power cuts interrupt.
struct Scenario<'a, const W: usize, const E: usize> {
    name: &'a str,
    layout: Layout,
    /// The device before.
    before: SimFlash<W, E>,
    work: &'a dyn Fn(&mut Device<'_, W, E>) -> Result<(), Error>,
    /// What may run after a cut.
    allowed: &'a [&'a [u8]],
    /// Nothing may run either.
    or_nothing: bool,
    /// What must work afterwards, and then runs.
    new: &'a [u8],
}

impl<const W: usize, const E: usize> Scenario<'_, W, E> {
    /// Cuts at every so many steps with one seed; returns how many cuts that were.
    fn cut_everywhere(&self, seed: u64, every: usize) -> u64 {
        let mut whole = self.before.clone();
        let first = whole.steps;
        let mut store = open(&mut whole, self.layout).unwrap();
        let _ = start(&mut store);
        (self.work)(&mut store).unwrap_or_else(|error| panic!("{}: {error:?} without a cut", self.name));
        assert_eq!(whole.violations, 0, "{}", self.name);
        let steps = whole.steps - first;
        let cuts = (0..steps).step_by(every);
        cuts.map(|step| self.cut(step, seed.wrapping_add(step.wrapping_mul(7919)))).count() as u64
    }

    fn cut(&self, step: u64, seed: u64) {
        let at = format!("{}, words of {W}, step {step}, seed {seed}", self.name);
        let mut flash = self.before.clone();
        flash.reseed(seed);
        flash.power_on(Some(step));
        let mut store = open(&mut flash, self.layout).unwrap();
        let _ = start(&mut store);
        let _ = (self.work)(&mut store);
        assert!(!flash.is_on(), "{at}: the power was cut");
        // It comes back, and goes again soon, up to three times; then it stays.
        for _ in 0..seed % 4 {
            let steps = flash.random() % 40;
            flash.power_on(Some(steps));
            let mut store = open(&mut flash, self.layout).unwrap();
            let _ = start(&mut store);
            let _ = update(&mut store, self.new, 61);
        }
        flash.power_on(None);
        let mut store = open(&mut flash, self.layout).unwrap_or_else(|error| panic!("{at}: open: {error:?}"));
        match start(&mut store) {
            Ok(_) => {
                let runs = running(&store);
                assert!(self.allowed.contains(&&runs[..]) || runs == self.new, "{at}: something else runs");
            }
            Err(error) => assert!(self.or_nothing && error == Error::NoModel, "{at}: boot: {error:?}"),
        }
        if store.running().is_none() || running(&store) != self.new {
            update(&mut store, self.new, 100).unwrap_or_else(|error| panic!("{at}: update: {error:?}"));
        }
        assert_eq!(running(&store), self.new, "{at}");
        store.close();
        let mut store = open(&mut flash, self.layout).unwrap();
        let boot = store.boot::<AllOps>().unwrap();
        assert!(!boot.trial, "{at}: it was confirmed");
        assert_eq!(running(&store), self.new, "{at}");
        assert_eq!(flash.violations, 0, "{at}: a word was written twice");
    }
}

fn device<const W: usize, const E: usize>(layout: Layout, files: &[&[u8]]) -> SimFlash<W, E> {
    let mut flash = SimFlash::new((layout.log.start + layout.log.len) as usize, 1);
    for file in files {
        let mut store = open(&mut flash, layout).unwrap();
        let _ = start(&mut store);
        update(&mut store, file, 512).unwrap();
    }
    flash
}

/// All scenarios on one kind of flash; returns how many cuts there were.
fn all<const W: usize, const E: usize>(seeds: &[u64], every: usize) -> u64 {
    let slot = (5 * E).next_multiple_of(E).max(4096) as u32;
    let layout = Layout::consecutive(0, slot, 2 * E as u32);
    let [one, two, three] = [(1, 700), (2, 900), (3, 800)].map(|(version, extra)| models::signed(version, extra));
    let bad = models::failing(9);
    let scenarios = [
        Scenario {
            name: "first model",
            layout,
            before: device::<W, E>(layout, &[]),
            work: &|store| update(store, &one, 90),
            allowed: &[],
            or_nothing: true,
            new: &one,
        },
        Scenario {
            name: "update",
            layout,
            before: device(layout, &[&one]),
            work: &|store| update(store, &two, 90),
            allowed: &[&one],
            or_nothing: false,
            new: &two,
        },
        Scenario {
            name: "update over the previous model",
            layout,
            before: device(layout, &[&one, &two]),
            work: &|store| update(store, &three, 333),
            allowed: &[&two],
            or_nothing: false,
            new: &three,
        },
        Scenario {
            name: "return to the previous model and back",
            layout,
            before: device(layout, &[&one, &two]),
            work: &|store| {
                for _ in 0..12 {
                    store.rollback()?;
                    store.boot::<AllOps>()?;
                }
                Ok(())
            },
            allowed: &[&one, &two],
            or_nothing: false,
            new: &three,
        },
        Scenario {
            name: "model that fails its self-test",
            layout,
            before: device(layout, &[&one]),
            work: &|store| update(store, &bad, 200),
            allowed: &[&one],
            or_nothing: false,
            new: &two,
        },
        Scenario {
            name: "trial that is never confirmed",
            layout,
            before: device(layout, &[&one]),
            work: &|store| {
                let slot = send(store, &two, 256)?;
                store.activate(slot)?;
                for _ in 0..4 {
                    store.boot::<AllOps>()?;
                }
                Ok(())
            },
            allowed: &[&one],
            or_nothing: false,
            new: &two,
        },
        Scenario {
            name: "erase and update",
            layout,
            before: device(layout, &[&one, &two]),
            work: &|store| {
                store.erase(store.running().map_or(Slot::A, Slot::other))?;
                update(store, &three, 1000)
            },
            allowed: &[&two],
            or_nothing: false,
            new: &three,
        },
    ];
    let mut cuts = 0;
    for scenario in &scenarios {
        cuts += seeds.iter().map(|&seed| scenario.cut_everywhere(seed, every)).sum::<u64>();
    }
    cuts
}

#[test]
fn no_cut_loses_a_model_words_of_4_bytes() {
    let cuts = all::<4, 512>(&[11, 12, 13], 1);
    println!("{cuts} cuts");
    assert!(cuts >= 2000, "only {cuts} cuts");
}

#[test]
fn no_cut_loses_a_model_single_bytes() {
    println!("{} cuts", all::<1, 1024>(&[21], 17));
}

#[test]
fn no_cut_loses_a_model_words_of_32_bytes() {
    println!("{} cuts", all::<32, 2048>(&[31, 32, 33], 1));
}

#[test]
fn a_cut_download_goes_on_near_where_it_was() {
    let layout = support::LAYOUT;
    let [one, two] = [models::signed(1, 700), models::signed(2, 2500)];
    let mut flash = device::<4, 512>(layout, &[&one]);
    flash.power_on(Some(600));
    let mut store = open(&mut flash, layout).unwrap();
    start(&mut store).unwrap();
    assert!(update(&mut store, &two, 64).is_err());
    flash.power_on(None);
    let mut store = open(&mut flash, layout).unwrap();
    start(&mut store).unwrap();
    assert!(store.slots().iter().any(|slot| slot.content == Content::Receiving));
    let begun = store.begin(two.len() as u32, &models::sha256(&two)).unwrap();
    assert_eq!(begun.offset % 512, 0);
    // 600 words, of which the log has taken about 70.
    assert!(begun.offset >= 1536, "starts again at {}", begun.offset);
    update(&mut store, &two, 64).unwrap();
    assert_eq!(running(&store), two);
}

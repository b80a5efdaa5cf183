//! A host, a wire and a device in virtual time. Nothing here sleeps, and the same seed gives the same run.
#![allow(dead_code, unused_imports, reason = "each test uses a part")]

mod store;
mod wire;

pub use store::{INPUT_BYTES, SLOT_BYTES, Store};
pub use wire::{Faults, Rng, Wire};

use mote_link::host::{Client, Clock, Options, Transport};
use mote_link::{Device, Handler, MAX_WIRE_BYTES};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

/// Everything there is.
pub struct World {
    pub now_us: u64,
    pub rng: Rng,
    pub faults: Faults,
    pub up: Wire,
    pub down: Wire,
    pub device: Device,
    pub store: Store,
    connected: bool,
    inbox: VecDeque<u8>,
    pub disconnects: u32,
    pub restarts: u32,
    /// The device is at work until then, and its receiver keeps what it has room for.
    busy_until_us: u64,
    waiting: VecDeque<Vec<u8>>,
    pub overflows: u32,
}

/// What a receiver keeps: as many frames as the window, and two short ones.
const RECEIVER_BYTES: usize = Store::WINDOW as usize * MAX_WIRE_BYTES + 64;

impl World {
    pub fn new(seed: u64, baud: u64, latency_us: u64, faults: Faults) -> Self {
        Self {
            now_us: 0,
            rng: Rng::new(seed),
            faults,
            up: Wire::new(baud, latency_us),
            down: Wire::new(baud, latency_us),
            device: Device::new(),
            store: Store::default(),
            connected: true,
            inbox: VecDeque::new(),
            disconnects: 0,
            restarts: 0,
            busy_until_us: 0,
            waiting: VecDeque::new(),
            overflows: 0,
        }
    }

    /// Goes on to `until`, or to the first bytes for the host.
    fn advance(&mut self, until_us: u64) {
        while self.inbox.is_empty() {
            let ready = (!self.waiting.is_empty()).then_some(self.busy_until_us);
            let (up, down) = (self.up.next_us(), self.down.next_us());
            let Some(next) = ready.into_iter().chain(up).chain(down).min().filter(|&next| next <= until_us) else {
                break;
            };
            self.now_us = self.now_us.max(next);
            if ready.is_some_and(|ready| ready <= next) {
                let bytes = self.waiting.pop_front().unwrap_or_default();
                self.deliver(&bytes);
            } else if up.is_some_and(|up| up <= next) {
                let bytes = self.up.take();
                let waiting: usize = self.waiting.iter().map(Vec::len).sum();
                if self.now_us >= self.busy_until_us && waiting == 0 {
                    self.deliver(&bytes);
                } else if waiting + bytes.len() <= RECEIVER_BYTES {
                    self.waiting.push_back(bytes);
                } else {
                    self.overflows += 1;
                }
            } else {
                self.inbox.extend(self.down.take());
            }
        }
        if self.inbox.is_empty() {
            self.now_us = self.now_us.max(until_us);
        }
    }

    fn deliver(&mut self, bytes: &[u8]) {
        let mut out = Answers(Vec::new());
        let Ok(()) = self.device.feed(bytes, &mut self.store, &mut out);
        self.busy_until_us = self.now_us + std::mem::take(&mut self.store.busy_us);
        for answer in out.0 {
            self.down.send(self.busy_until_us, &answer, &mut self.rng, &self.faults);
        }
        let power_lost = self.rng.chance(self.faults.restart);
        if power_lost || std::mem::take(&mut self.store.reboot) {
            self.restarts += 1;
            self.device = Device::new();
            self.store.lose_power();
            self.waiting.clear();
            self.down.cut();
        }
    }

    fn disconnect(&mut self) {
        self.connected = false;
        self.disconnects += 1;
        self.up.cut();
        self.down.cut();
        self.inbox.clear();
    }
}

/// Keeps what a device writes, answer by answer.
struct Answers(Vec<Vec<u8>>);

impl embedded_io::ErrorType for Answers {
    type Error = Infallible;
}

impl embedded_io::Write for Answers {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The host's end of the wires, and its clock.
#[derive(Clone)]
pub struct End(pub Rc<RefCell<World>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected;

impl std::fmt::Display for Disconnected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("disconnected")
    }
}

impl std::error::Error for Disconnected {}

impl Clock for End {
    fn now(&self) -> Duration {
        Duration::from_micros(self.0.borrow().now_us)
    }
}

impl Transport for End {
    type Error = Disconnected;

    fn write(&mut self, bytes: &[u8]) -> Result<(), Disconnected> {
        let world = &mut *self.0.borrow_mut();
        if world.connected && world.rng.chance(world.faults.disconnect) {
            world.disconnect();
        }
        if !world.connected {
            return Err(Disconnected);
        }
        world.up.send(world.now_us, bytes, &mut world.rng, &world.faults);
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<usize, Disconnected> {
        let world = &mut *self.0.borrow_mut();
        if !world.connected {
            return Err(Disconnected);
        }
        world.advance(world.now_us + timeout.as_micros() as u64);
        let bytes = world.inbox.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(world.inbox.drain(..bytes)) {
            *place = byte;
        }
        Ok(bytes)
    }

    fn reconnect(&mut self) -> Result<(), Disconnected> {
        let world = &mut *self.0.borrow_mut();
        world.now_us += 50_000;
        if world.rng.chance(world.faults.no_reconnect) {
            return Err(Disconnected);
        }
        world.connected = true;
        Ok(())
    }
}

pub fn client(end: &End, session: u16) -> Client<End, End> {
    Client::new(end.clone(), end.clone(), session, Options::default())
}

pub fn world(seed: u64, baud: u64, latency_us: u64, faults: Faults) -> End {
    End(Rc::new(RefCell::new(World::new(seed, baud, latency_us, faults))))
}

//! A host, a line that can break, and a device with a simulated flash that survives its restarts.

use crate::support::{Flash, KEYS, LAYOUT};
use mote_firmware_app::service::{Config, Service, ServiceBoard, Work};
use mote_firmware_app::{Board, StackUsed};
use mote_link::Device;
use mote_link::host::{Client, Clock, Options, Transport};
use mote_runtime::{AllOps, Arena};
use mote_store::Policy;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

pub const ARENA_BYTES: usize = 512;

/// Every look at the clock takes ten ticks.
#[derive(Debug, Default)]
pub struct FakeBoard(u64);

impl Board for FakeBoard {
    const NAME: &'static str = "fake";

    fn write(&mut self, _bytes: &[u8]) {}

    fn ticks(&mut self) -> u64 {
        self.0 += 10;
        self.0
    }

    fn paint_stack(&mut self) {}

    fn stack_used(&mut self) -> StackUsed {
        StackUsed::default()
    }
}

impl ServiceBoard for FakeBoard {
    const WINDOW: u8 = 2;
    const TICKS_PER_SECOND: u32 = 1000;
}

pub type Firmware = Service<'static, FakeBoard, Flash, AllOps>;

pub fn start(flash: Flash) -> Firmware {
    let arena = Box::leak(Box::new(Arena::<ARENA_BYTES>::new())).as_mut_slice();
    // What a board leaves there is not zeros.
    arena.fill(0xa5);
    let times = Box::leak(Box::new([0; 64]));
    let config = Config { layout: LAYOUT, keys: &*KEYS, policy: Policy::new(ARENA_BYTES as u32) };
    Service::start(FakeBoard::default(), flash, config, Work { arena, times }).unwrap()
}

/// Both ends.
pub struct World {
    device: Device,
    pub firmware: Option<Firmware>,
    inbox: VecDeque<u8>,
    now: Duration,
    pub restarts: u32,
    /// The line breaks after so many bytes to the device.
    pub breaks_after: Option<usize>,
    /// Reconnecting does not work.
    pub dead: bool,
    pub reconnects: u32,
}

impl World {
    pub fn firmware(&mut self) -> &mut Firmware {
        self.firmware.as_mut().unwrap()
    }

    /// The device loses power and starts again.
    pub fn restart(&mut self) {
        let (_, flash) = self.firmware.take().unwrap().stop();
        assert_eq!(flash.violations, 0);
        self.firmware = Some(start(flash));
        self.device = Device::new();
        self.restarts += 1;
    }

    /// Changes the flash while the device is off.
    pub fn change_flash(&mut self, change: impl FnOnce(&mut Flash)) {
        let (_, mut flash) = self.firmware.take().unwrap().stop();
        change(&mut flash);
        self.firmware = Some(start(flash));
        self.device = Device::new();
    }
}

#[derive(Clone)]
pub struct Rig(pub Rc<RefCell<World>>);

impl Rig {
    /// A device whose flash is as it leaves the factory.
    pub fn new() -> Self {
        let flash = Flash::new(LAYOUT.log.start as usize + LAYOUT.log.len as usize, 3);
        Self(Rc::new(RefCell::new(World {
            device: Device::new(),
            firmware: Some(start(flash)),
            inbox: VecDeque::new(),
            now: Duration::ZERO,
            restarts: 0,
            breaks_after: None,
            dead: false,
            reconnects: 0,
        })))
    }

    /// A host that has just been started.
    pub fn host(&self) -> Host {
        let session = self.0.borrow().now.as_millis() as u16;
        self.0.borrow_mut().now += Duration::from_millis(77);
        Client::new(self.clone(), self.clone(), session, Options::default())
    }
}

pub type Host = Client<Rig, Rig>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

impl Clock for Rig {
    fn now(&self) -> Duration {
        self.0.borrow().now
    }
}

impl Transport for Rig {
    type Error = Broken;

    fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let world = &mut *self.0.borrow_mut();
        if let Some(left) = world.breaks_after {
            world.breaks_after = left.checked_sub(bytes.len());
            if world.breaks_after.is_none() {
                world.inbox.clear();
                return Err(Broken);
            }
        }
        if world.dead {
            return Err(Broken);
        }
        let mut answers = Vec::new();
        let World { device, firmware, .. } = world;
        let firmware = firmware.as_mut().unwrap();
        device.feed(bytes, firmware, &mut answers).unwrap();
        let reboot = firmware.reboot_wanted();
        world.inbox.extend(answers);
        if reboot {
            world.restart();
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<usize, Broken> {
        let world = &mut *self.0.borrow_mut();
        if world.inbox.is_empty() {
            world.now += timeout;
        }
        let bytes = world.inbox.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(world.inbox.drain(..bytes)) {
            *place = byte;
        }
        Ok(bytes)
    }

    fn reconnect(&mut self) -> Result<(), Broken> {
        let world = &mut *self.0.borrow_mut();
        world.reconnects += 1;
        if world.dead { Err(Broken) } else { Ok(()) }
    }
}

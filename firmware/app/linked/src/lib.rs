//! A whole service, linked for a device. `tests/linked.rs` of the app walks through it and finds its size and every way to a
//! panic.
#![no_std]

mod drivers;

use drivers::{Clock, Port};
use mote_firmware_app::service::{Config, Service, Work};
use mote_link::Device;
use mote_linked::Flash;
use mote_runtime::{Engine, Kernel, Kernels, Model, Ops};
use mote_store::{Error, Key, Layout, Policy, Slot, Store};

/// What image and keyword networks need.
#[derive(Debug)]
pub enum Convolutions {}

impl Ops for Convolutions {
    const KERNELS: Kernels = Kernels::of(&[
        Kernel::Conv2d,
        Kernel::DepthwiseConv2d,
        Kernel::FullyConnected,
        Kernel::AveragePool2d,
        Kernel::Softmax,
    ]);
}

/// The service of such a device.
pub type Firmware = Service<'static, Clock, Flash, Convolutions>;

const LAYOUT: Layout = Layout::consecutive(0, 0x1_0000, 0x2000);
const RAM_BYTES: usize = size_of::<Firmware>() + size_of::<Device>();

/// As large as what a device keeps from one byte to the next, but for arena and times.
#[unsafe(no_mangle)]
pub static MOTE_SERVICE_RAM: [u8; RAM_BYTES] = [1; RAM_BYTES];

/// All that a device does. Never called; `no_mangle` keeps it from being optimised away.
///
/// # Errors
/// As [`Service::start`].
#[unsafe(no_mangle)]
pub fn mote_service_linked(
    memory: &'static [u8],
    keys: &'static [Key],
    work: Work<'static>,
    device: &mut Device,
    received: fn() -> u8,
) -> Result<(), Error> {
    let config = Config { layout: LAYOUT, keys, policy: Policy::new(work.arena.len() as u32) };
    let mut service = Firmware::start(Clock, Flash { memory }, config, work)?;
    while !service.reboot_wanted() {
        let Ok(()) = device.feed(&[received()], &mut service, &mut Port);
    }
    Ok(())
}

/// Of these the runtime with its kernels.
#[unsafe(no_mangle)]
pub fn mote_service_runtime(file: &[u8], arena: &mut [u8]) -> Option<u32> {
    let mut engine = Engine::new(Model::<Convolutions>::load_for(file).ok()?, arena).ok()?;
    engine.run();
    engine.self_test().ok()
}

/// Of these the runtime and the store.
///
/// # Errors
/// As the store.
#[unsafe(no_mangle)]
pub fn mote_service_store(
    memory: &'static [u8],
    keys: &'static [Key],
    arena: &mut [u8],
    bytes: &[u8],
    sha256: &[u8; 32],
) -> Result<u32, Error> {
    let mut store = Store::open(Flash { memory }, LAYOUT, keys, Policy::new(arena.len() as u32))?;
    if store.boot::<Convolutions>()?.trial {
        store.try_out::<Convolutions>(arena)?;
    }
    let begun = store.begin(bytes.len() as u32, sha256)?;
    store.write(begun.offset, bytes)?;
    let (slot, info) = store.finish::<Convolutions>()?;
    store.activate(slot)?;
    store.rollback()?;
    store.erase(Slot::B)?;
    Ok(info.version)
}

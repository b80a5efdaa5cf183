//! A BMI160 on the I2C bus of Nordic's nRF52840-DK: says on the serial port of the debug probe what the board does, about three times a
//! second. The network is part of the program, and no kernels but its own are.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use embassy_nrf::{bind_interrupts, peripherals, twim, uarte};
use embedded_hal::delay::DelayNs;
use mote_board_cortex_m::restart;
use mote_runtime::{Arena, Engine, Kernel, Kernels, Model, Ops};
use mote_sensor::{Accelerometer, Classifier, MOTION, SlaveAddr};

/// `mote inspect` says 520.
const ARENA_BYTES: usize = 576;
/// Samples of a window, and by how many it moves on.
const SAMPLES: usize = 32;
const HOP: usize = 16;
/// Cycles of the core in a microsecond.
const CYCLES_PER_US: u32 = 64;
/// A line of text.
const LINE_BYTES: usize = 32;

bind_interrupts!(struct Irqs {
    UARTE0 => uarte::InterruptHandler<peripherals::UARTE0>;
    TWISPI0 => twim::InterruptHandler<peripherals::TWISPI0>;
});

/// The kernels of the network.
enum Motion {}

impl Ops for Motion {
    const KERNELS: Kernels = Kernels::of(&[Kernel::Conv2d, Kernel::FullyConnected]);
}

/// Waits by counting.
struct Wait;

impl DelayNs for Wait {
    fn delay_ns(&mut self, ns: u32) {
        cortex_m::asm::delay(ns.div_ceil(1000).saturating_mul(CYCLES_PER_US));
    }
}

/// The serial line. Its DMA reads RAM only.
struct Line(uarte::Uarte<'static>);

impl Line {
    fn say(&mut self, text: &str) {
        let mut line = [0; LINE_BYTES];
        let mut bytes = 0;
        for (place, byte) in line.iter_mut().zip(text.bytes().chain(*b"\r\n")) {
            *place = byte;
            bytes += 1;
        }
        // Nobody may be there to read it.
        let _ = self.0.blocking_write(line.get(..bytes).unwrap_or_default());
    }
}

#[entry]
fn main() -> ! {
    static mut ARENA: Arena<ARENA_BYTES> = Arena::new();
    static mut TO_SEND: [u8; 16] = [0; 16];
    let chip = embassy_nrf::init(Default::default());
    // 115,200 baud is the HAL's default.
    let mut line = Line(uarte::Uarte::new(chip.UARTE0, chip.P0_08, chip.P0_06, Irqs, uarte::Config::default()));
    let bus = twim::Twim::new(chip.TWISPI0, Irqs, chip.P0_26, chip.P0_27, twim::Config::default(), TO_SEND);

    let Ok(model) = Model::<Motion>::load_for(MOTION) else { restart() };
    let labels = model.meta().labels;
    let Ok(engine) = Engine::new(model, ARENA.as_mut_slice()) else { restart() };
    let Ok(mut motion) = Classifier::<_, 3, SAMPLES, HOP>::new(engine) else { restart() };
    let Ok(mut sensor) = Accelerometer::new(bus, SlaveAddr::default(), &mut Wait) else {
        line.say("no BMI160 at 0x68");
        Wait.delay_ms(1000);
        restart()
    };
    line.say("watching");
    loop {
        match motion.poll(&mut sensor) {
            Ok(Some(answer)) => line.say(labels.lines().nth(answer.class).unwrap_or_default()),
            Ok(None) => Wait.delay_us(500),
            Err(_) => {
                line.say("the sensor does not answer");
                Wait.delay_ms(1000);
            }
        }
    }
}

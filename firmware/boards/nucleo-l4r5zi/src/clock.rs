//! 120 MHz from the oscillator within the chip.
//!
//! Above 80 MHz the regulator has to be in boost mode before, and the core's clock goes up in two steps (RM0432, section "Dynamic
//! voltage scaling management"). The HAL knows neither, nor the fifth wait state of the flash that goes with it: it sets
//! up 60 MHz, and the second step is taken here.

use embassy_stm32::pac::{FLASH, PWR, RCC};
use embassy_stm32::rcc::{AHBPrescaler, Pll, PllMul, PllPreDiv, PllRDiv, PllSource, Sysclk, mux};
use embassy_stm32::{Config, Peripherals};

/// Of the register PWR_CR5, which the register crate does not have.
const CR5_OFFSET: usize = 0x80;
/// Main regulator in range 1: 1 is normal mode, 0 boost mode.
const CR5_R1MODE: u32 = 1 << 8;
/// Of the flash, from 100 to 120 MHz in boost mode.
const WAIT_STATES: u8 = 5;
/// At 60 MHz; a microsecond is asked for.
const SETTLE_CYCLES: u32 = 120;

/// Sets the clocks up and gives the peripherals.
pub fn init() -> Peripherals {
    boost();
    let mut config = Config::default();
    config.rcc.hsi = true;
    // 16 MHz / 2 * 30 / 2.
    config.rcc.pll = Some(Pll {
        source: PllSource::HSI,
        prediv: PllPreDiv::DIV2,
        mul: PllMul::MUL30,
        divp: None,
        divq: None,
        divr: Some(PllRDiv::DIV2),
    });
    config.rcc.sys = Sysclk::PLL1_R;
    config.rcc.ahb_pre = AHBPrescaler::DIV2;
    // So that the line's rate does not depend on what follows.
    config.rcc.mux.lpuart1sel = mux::Lpuart1sel::HSI;
    let chip = embassy_stm32::init(config);
    FLASH.acr().modify(|w| w.set_latency(WAIT_STATES));
    while FLASH.acr().read().latency() != WAIT_STATES {}
    cortex_m::asm::delay(SETTLE_CYCLES);
    RCC.cfgr().modify(|w| w.set_hpre(AHBPrescaler::DIV1));
    chip
}

fn boost() {
    RCC.apb1enr1().modify(|w| w.set_pwren(true));
    // The bus needs a moment until the peripheral answers.
    let _ = RCC.apb1enr1().read();
    let cr5 = PWR.as_ptr().cast::<u8>().wrapping_add(CR5_OFFSET).cast::<u32>();
    // SAFETY: a register of a peripheral whose clock was just switched on; nothing else runs yet.
    unsafe { cr5.write_volatile(cr5.read_volatile() & !CR5_R1MODE) };
}

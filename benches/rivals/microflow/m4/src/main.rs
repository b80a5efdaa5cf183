//! Runs one microflow network twice and tells the ticks of the second run, its stack and its outputs.
//!
//! The clock is that of Mote's board (`firmware/boards/mps2-common/src/timer.rs`): 40 instructions a tick under
//! `-icount shift=0`.
#![no_std]
#![no_main]

mod stack;
mod timer;

use core::hint::black_box;
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use microflow_nets::{INPUT, Net, Only};

/// More than any of the networks has.
const OUTPUTS: usize = 1024;

#[entry]
fn main() -> ! {
    static mut VALUES: [f32; OUTPUTS] = [0.0; OUTPUTS];
    timer::start();
    // SAFETY: i8 has u8's size and alignment, and every byte is a value of it.
    let input: &[i8] = unsafe { core::slice::from_raw_parts(INPUT.as_ptr().cast(), INPUT.len()) };
    stack::paint();
    let count = run(input, VALUES);
    let stack_bytes = stack::used_bytes();
    let start = timer::now();
    run(black_box(input), VALUES);
    let ticks = start.wrapping_sub(timer::now());
    hprintln!("net {}", Only::NAME);
    hprintln!("ticks {}", ticks);
    hprintln!("stack {}", stack_bytes);
    for value in &VALUES[..count] {
        hprintln!("out {:08x}", value.to_bits());
    }
    exit(true)
}

/// A frame of its own, so that all the stack of a run is below the caller.
#[inline(never)]
fn run(input: &[i8], values: &mut [f32]) -> usize {
    Only::run(input, values)
}

fn exit(success: bool) -> ! {
    loop {
        debug::exit(if success { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    hprintln!("panic {}", info.location().map_or(0, |at| at.line()));
    exit(false)
}

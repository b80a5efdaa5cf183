//! The UART, a 16550: a byte for each register.

const BASE: usize = 0x1000_0000;
const DATA: *mut u8 = BASE as *mut u8;
const FIFO_CONTROL: *mut u8 = (BASE + 2) as *mut u8;
const LINE_STATUS: *mut u8 = (BASE + 5) as *mut u8;

const FIFO_ENABLE: u8 = 1;
#[cfg(feature = "service")]
const STATUS_RECEIVED: u8 = 1;
const STATUS_ROOM: u8 = 1 << 5;

/// Sets it up. An emulator takes no notice of rates.
pub fn enable() {
    // SAFETY: a register of the machine's only UART, whose interrupts stay off, and which nothing else uses.
    unsafe { FIFO_CONTROL.write_volatile(FIFO_ENABLE) };
}

/// Waits for room and sends one byte.
pub fn send(byte: u8) {
    // SAFETY: as above; reading the state and writing data have no other effect.
    unsafe {
        while LINE_STATUS.read_volatile() & STATUS_ROOM == 0 {}
        DATA.write_volatile(byte);
    }
}

/// The byte that has arrived, if one has. The emulator holds the line while the UART is full.
#[cfg(feature = "service")]
pub fn receive() -> Option<u8> {
    // SAFETY: as above; reading data takes the byte that is there.
    unsafe { (LINE_STATUS.read_volatile() & STATUS_RECEIVED != 0).then(|| DATA.read_volatile()) }
}

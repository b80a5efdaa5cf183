//! UART 0: Arm's CMSDK APB UART, DDI 0479D section 4.3.

#[cfg(not(feature = "secure"))]
const BASE: usize = 0x4000_4000;
#[cfg(feature = "secure")]
const BASE: usize = 0x5020_0000;

const DATA: *mut u32 = BASE as *mut u32;
const STATE: *mut u32 = (BASE + 0x04) as *mut u32;
const CTRL: *mut u32 = (BASE + 0x08) as *mut u32;
const BAUD_DIVIDER: *mut u32 = (BASE + 0x10) as *mut u32;

const STATE_TX_FULL: u32 = 1;
#[cfg(feature = "service")]
const STATE_RX_FULL: u32 = 2;
const CTRL_TX_ENABLE: u32 = 1;
#[cfg(feature = "service")]
const CTRL_RX_ENABLE: u32 = 2;

/// Switches the transmitter on.
pub fn enable() {
    // SAFETY: both are registers of a UART that every image has, and nothing else uses it. 16 is the smallest divider
    // it accepts; an emulator takes no notice of the resulting rate.
    unsafe {
        BAUD_DIVIDER.write_volatile(16);
        CTRL.write_volatile(CTRL_TX_ENABLE);
    }
}

/// Waits for room and sends one byte.
pub fn send(byte: u8) {
    // SAFETY: as above; reading the state and writing data have no other effect.
    unsafe {
        while STATE.read_volatile() & STATE_TX_FULL != 0 {}
        DATA.write_volatile(byte.into());
    }
}

/// Switches the receiver on, too.
#[cfg(feature = "service")]
pub fn listen() {
    // SAFETY: as in `enable`.
    unsafe { CTRL.write_volatile(CTRL_TX_ENABLE | CTRL_RX_ENABLE) };
}

/// The byte that has arrived, if one has. The UART keeps one, and the emulator holds the line until it is taken.
#[cfg(feature = "service")]
pub fn receive() -> Option<u8> {
    // SAFETY: as above; reading the state has no effect, and reading data takes the byte that is there.
    unsafe { (STATE.read_volatile() & STATE_RX_FULL != 0).then(|| DATA.read_volatile() as u8) }
}

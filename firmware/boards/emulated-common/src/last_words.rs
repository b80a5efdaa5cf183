//! What a program says when it is wrong.

use core::panic::PanicInfo;

/// Sends a text.
pub fn say(send: impl Fn(u8) + Copy, text: &str) {
    text.bytes().for_each(send);
}

/// Sends eight digits. Larger where it is inlined.
#[inline(never)]
pub fn say_hex(send: impl Fn(u8) + Copy, value: u32) {
    for byte in value.to_be_bytes() {
        for digit in [byte >> 4, byte & 15] {
            send(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
        }
    }
}

/// Sends where a panic began.
pub fn say_panic(send: impl Fn(u8) + Copy, info: &PanicInfo<'_>) {
    say(send, "\npanic ");
    if let Some(at) = info.location() {
        say(send, at.file());
        say(send, " line ");
        say_hex(send, at.line());
    }
    say(send, "\n");
}

//! Pooling: four channels in the lanes of a register.

use super::super::PoolWindow;
use core::arch::asm;

/// What the assembly reads while it walks over a window.
#[repr(C)]
struct Walk {
    columns: usize,
    /// From behind the last element of a row to the first of the next one.
    turn: usize,
}

impl Walk {
    fn new(window: &PoolWindow) -> Self {
        let row = window.columns.wrapping_mul(window.column_pitch);
        Self { columns: window.columns, turn: window.row_pitch.wrapping_sub(row) }
    }
}

/// See [`portable::max_window`](super::super::portable::max_window). A load, a comparison and a selection for four elements, and 4 instructions more for 16.
#[inline(never)]
pub(crate) fn max_window(x: &[i8], window: &PoolWindow, y: &mut [i8]) -> Option<()> {
    let mut from = window.of(x, y.len())?;
    let walk = Walk::new(window);
    let (blocks, rest) = y.as_chunks_mut::<16>();
    for y in blocks {
        // SAFETY: `from` has all elements of the window for 16 channels and more, as `PoolWindow::of` has compared, and the
        // block has 16 places; nothing else is read but the two words of `walk`.
        unsafe {
            asm!(
                "mov {a}, #0x80808080",
                "mov {b}, {a}",
                "mov {c}, {a}",
                "mov {d}, {a}",
                "20:",
                "ldr {columns}, [{walk}]",
                "21:",
                "ldr {w}, [{x}]",
                "ssub8 {t}, {w}, {a}",
                "sel {a}, {w}, {a}",
                "ldr {w}, [{x}, #4]",
                "ssub8 {t}, {w}, {b}",
                "sel {b}, {w}, {b}",
                "ldr {w}, [{x}, #8]",
                "ssub8 {t}, {w}, {c}",
                "sel {c}, {w}, {c}",
                "ldr {w}, [{x}, #12]",
                "ssub8 {t}, {w}, {d}",
                "sel {d}, {w}, {d}",
                "add {x}, {x}, {pitch}",
                "subs {columns}, {columns}, #1",
                "bne 21b",
                "ldr {t}, [{walk}, #4]",
                "add {x}, {x}, {t}",
                "subs {rows}, {rows}, #1",
                "bne 20b",
                "str {a}, [{y}]",
                "str {b}, [{y}, #4]",
                "str {c}, [{y}, #8]",
                "str {d}, [{y}, #12]",
                a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _, w = out(reg) _, t = out(reg) _,
                x = inout(reg) from.as_ptr() => _, y = in(reg) y.as_mut_ptr(), walk = in(reg) &walk,
                rows = inout(reg) window.rows => _, columns = out(reg) _, pitch = in(reg) window.column_pitch,
                options(nostack),
            );
        }
        from = from.get(16..)?;
    }
    let (words, bytes) = rest.as_chunks_mut::<4>();
    for y in words {
        // SAFETY: as above, for four channels.
        unsafe {
            asm!(
                "mov {a}, #0x80808080",
                "20:",
                "ldr {columns}, [{walk}]",
                "21:",
                "ldr {w}, [{x}]",
                "ssub8 {t}, {w}, {a}",
                "sel {a}, {w}, {a}",
                "add {x}, {x}, {pitch}",
                "subs {columns}, {columns}, #1",
                "bne 21b",
                "ldr {t}, [{walk}, #4]",
                "add {x}, {x}, {t}",
                "subs {rows}, {rows}, #1",
                "bne 20b",
                "str {a}, [{y}]",
                a = out(reg) _, w = out(reg) _, t = out(reg) _, x = inout(reg) from.as_ptr() => _, y = in(reg) y.as_mut_ptr(),
                walk = in(reg) &walk, rows = inout(reg) window.rows => _, columns = out(reg) _,
                pitch = in(reg) window.column_pitch, options(nostack),
            );
        }
        from = from.get(4..)?;
    }
    for y in bytes {
        let mut largest: i32;
        // SAFETY: as above, for one channel.
        unsafe {
            asm!(
                "mvn {a}, #127",
                "20:",
                "ldr {columns}, [{walk}]",
                "21:",
                "ldrsb {w}, [{x}]",
                "cmp {w}, {a}",
                "it gt",
                "movgt {a}, {w}",
                "add {x}, {x}, {pitch}",
                "subs {columns}, {columns}, #1",
                "bne 21b",
                "ldr {w}, [{walk}, #4]",
                "add {x}, {x}, {w}",
                "subs {rows}, {rows}, #1",
                "bne 20b",
                a = out(reg) largest, w = out(reg) _, x = inout(reg) from.as_ptr() => _, walk = in(reg) &walk,
                rows = inout(reg) window.rows => _, columns = out(reg) _, pitch = in(reg) window.column_pitch,
                options(nostack),
            );
        }
        *y = largest as i8;
        from = from.get(1..)?;
    }
    Some(())
}

/// See [`portable::sum_window`](super::super::portable::sum_window). A load and two additions for four elements, and 3 instructions more.
#[inline(never)]
pub(crate) fn sum_window(x: &[i8], window: &PoolWindow, sums: &mut [i16]) -> Option<()> {
    let mut from = window.of(x, sums.len())?;
    let walk = Walk::new(window);
    let (words, rest) = sums.as_chunks_mut::<4>();
    for sums in words {
        // SAFETY: `from` has all elements of the window for 4 channels and more, as `PoolWindow::of` has compared, and the
        // block has 4 places; nothing else is read but the two words of `walk`.
        unsafe {
            asm!(
                "mov {a}, #0",
                "mov {b}, #0",
                "20:",
                "ldr {columns}, [{walk}]",
                "21:",
                "ldr {w}, [{x}]",
                "sxtab16 {a}, {a}, {w}",
                "sxtab16 {b}, {b}, {w}, ror #8",
                "add {x}, {x}, {pitch}",
                "subs {columns}, {columns}, #1",
                "bne 21b",
                "ldr {w}, [{walk}, #4]",
                "add {x}, {x}, {w}",
                "subs {rows}, {rows}, #1",
                "bne 20b",
                "pkhbt {w}, {a}, {b}, lsl #16",
                "pkhtb {b}, {b}, {a}, asr #16",
                "str {w}, [{y}]",
                "str {b}, [{y}, #4]",
                a = out(reg) _, b = out(reg) _, w = out(reg) _, x = inout(reg) from.as_ptr() => _,
                y = in(reg) sums.as_mut_ptr(), walk = in(reg) &walk, rows = inout(reg) window.rows => _,
                columns = out(reg) _, pitch = in(reg) window.column_pitch, options(nostack),
            );
        }
        from = from.get(4..)?;
    }
    for sum in rest {
        let mut whole: i32;
        // SAFETY: as above, for one channel.
        unsafe {
            asm!(
                "mov {a}, #0",
                "20:",
                "ldr {columns}, [{walk}]",
                "21:",
                "ldrsb {w}, [{x}]",
                "add {a}, {a}, {w}",
                "add {x}, {x}, {pitch}",
                "subs {columns}, {columns}, #1",
                "bne 21b",
                "ldr {w}, [{walk}, #4]",
                "add {x}, {x}, {w}",
                "subs {rows}, {rows}, #1",
                "bne 20b",
                a = out(reg) whole, w = out(reg) _, x = inout(reg) from.as_ptr() => _, walk = in(reg) &walk,
                rows = inout(reg) window.rows => _, columns = out(reg) _, pitch = in(reg) window.column_pitch,
                options(nostack),
            );
        }
        *sum = whole as i16;
        from = from.get(1..)?;
    }
    Some(())
}

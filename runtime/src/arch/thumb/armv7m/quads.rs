use super::super::super::{Channel, Store, portable};
use super::super::limits::Limits;
use super::output::output;
use core::arch::naked_asm;

/// See [`portable::fully_connect`].
#[inline(never)]
pub(crate) fn fully_connect(x: &[i8], w: &[i8], channels: &[Channel], store: Store, y: &mut [i8]) {
    let (words, tail) = x.as_chunks::<4>();
    let quad_bytes = x.len().next_multiple_of(4).wrapping_mul(4);
    let limits = Limits::from(store);
    let mut at = 0usize;
    for (channels, y) in channels.chunks(4).zip(y.chunks_mut(4)) {
        let Some(w) = w.get(at..).and_then(|w| w.get(..quad_bytes)) else { return };
        let mut sums = [0; 4];
        sums.iter_mut().zip(channels).for_each(|(sum, channel)| *sum = channel.bias);
        if !words.is_empty() {
            let range = words.as_ptr_range();
            // SAFETY: `w` has four words for each of `x`, of which there is at least one.
            unsafe { multiply(range.start, w.as_ptr(), range.end, &mut sums) };
        }
        if !tail.is_empty() {
            sums = portable::dot_quad(tail, w.get(words.len().wrapping_mul(16)..).unwrap_or_default(), sums);
        }
        if let (Some(channels), Some(y)) = (channels.first_chunk(), y.first_chunk_mut()) {
            // SAFETY: all arguments are references to what is read and written.
            unsafe { outputs(&sums, channels, y, &limits) };
        } else {
            let each = y.iter_mut().zip(channels).zip(sums);
            each.for_each(|((y, channel), sum)| *y = channel.output(sum, store));
        }
        at = at.wrapping_add(quad_bytes);
    }
}

/// Four weights of one output.
macro_rules! row {
    ($sum:literal) => {
        concat!(
            "ldrsb r12, [r1], #1\n mla ",
            $sum,
            ", r8, r12, ",
            $sum,
            "\n",
            "ldrsb r12, [r1], #1\n mla ",
            $sum,
            ", r9, r12, ",
            $sum,
            "\n",
            "ldrsb r12, [r1], #1\n mla ",
            $sum,
            ", r10, r12, ",
            $sum,
            "\n",
            "ldrsb r12, [r1], #1\n mla ",
            $sum,
            ", r11, r12, ",
            $sum,
            "\n",
        )
    };
}

/// Adds the products of the words from `x` to `end` to the sums. 38 instructions for 16 products.
///
/// # Safety
/// `x` and `end` are ends of a slice that is not empty; `w` has four words for each of its own.
#[unsafe(naked)]
unsafe extern "C" fn multiply(x: *const [i8; 4], w: *const i8, end: *const [i8; 4], sums: &mut [i32; 4]) {
    naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldm r3, {{r4, r5, r6, r7}}",
        "1:",
        "ldrsb r8, [r0], #1",
        "ldrsb r9, [r0], #1",
        "ldrsb r10, [r0], #1",
        "ldrsb r11, [r0], #1",
        row!("r4"),
        row!("r5"),
        row!("r6"),
        row!("r7"),
        "cmp r0, r2",
        "bne 1b",
        "stm r3, {{r4, r5, r6, r7}}",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}

/// Four outputs.
#[unsafe(naked)]
unsafe extern "C" fn outputs(sums: &[i32; 4], channels: &[Channel; 4], y: &mut [i8; 4], limits: &Limits) {
    naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldm r3, {{r10, r11, r12}}",
        "mov r9, r0",
        "mov r8, r1",
        "mov r7, r2",
        output!(),
        output!(),
        output!(),
        output!(),
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}

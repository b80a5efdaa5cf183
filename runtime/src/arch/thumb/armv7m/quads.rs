use super::super::super::{Channel, Store, portable};
use super::super::limits::Limits;
use super::output::output;
use core::arch::naked_asm;

/// See [`portable::fully_connect`].
#[inline(never)]
pub(crate) fn fully_connect(x: &[i8], w: &[i8], channels: &[Channel], store: Store, y: &mut [i8]) {
    let quad_bytes = x.len().next_multiple_of(4).wrapping_mul(4);
    let limits = Limits::from(store);
    let mut at = 0usize;
    for (channels, y) in channels.chunks(8).zip(y.chunks_mut(8)) {
        let mut sums = [0; 8];
        sums.iter_mut().zip(channels).for_each(|(sum, channel)| *sum = channel.bias);
        let (first, second) = (w.get(at..).unwrap_or_default(), w.get(at.wrapping_add(quad_bytes)..));
        multiply_quads(x, first, if channels.len() > 4 { second } else { None }, &mut sums);
        for ((channels, y), sums) in channels.chunks(4).zip(y.chunks_mut(4)).zip(sums.as_chunks::<4>().0) {
            if let (Some(channels), Some(y)) = (channels.first_chunk(), y.first_chunk_mut()) {
                // SAFETY: all arguments are references to what is read and written.
                unsafe { outputs(sums, channels, y, &limits) };
            } else {
                let each = y.iter_mut().zip(channels).zip(sums);
                each.for_each(|((y, channel), &sum)| *y = channel.output(sum, store));
            }
        }
        at = at.wrapping_add(quad_bytes.wrapping_mul(2));
    }
}

/// Adds the products of the inputs with one or two quads to their sums.
#[inline(never)]
fn multiply_quads(x: &[i8], first: &[i8], second: Option<&[i8]>, sums: &mut [i32; 8]) {
    let (words, tail) = x.as_chunks::<4>();
    let read = words.len().wrapping_mul(16);
    let (Some((w, rest)), Some((second, second_rest))) =
        (first.split_at_checked(read), second.unwrap_or(first).split_at_checked(read))
    else {
        return;
    };
    if !words.is_empty() {
        let range = words.as_ptr_range();
        // SAFETY: `w` and `second` have four words for each of `x`, of which there is at least one.
        unsafe { multiply(range.start, range.end, w.as_ptr(), second.as_ptr(), sums) };
    }
    if !tail.is_empty() {
        for (sums, w) in sums.as_chunks_mut::<4>().0.iter_mut().zip([rest, second_rest]) {
            *sums = portable::dot_quad(tail, w, *sums);
        }
    }
}

/// One input times weights of eight outputs; those of the first quad's first output come last, so that going on to the
/// next group takes no instruction.
macro_rules! column {
    ($at:literal, $last:literal, $x:literal) => {
        concat!(
            "ldrsb r3, [r0",
            $x,
            "\n",
            "ldrsb r12, [r1, #",
            $at,
            " + 4]\n mla r5, r3, r12, r5\n",
            "ldrsb r12, [r1, #",
            $at,
            " + 8]\n mla r6, r3, r12, r6\n",
            "ldrsb r12, [r1, #",
            $at,
            " + 12]\n mla r7, r3, r12, r7\n",
            "ldrsb r12, [r2, #",
            $at,
            " + 4]\n mla r9, r3, r12, r9\n",
            "ldrsb r12, [r2, #",
            $at,
            " + 8]\n mla r10, r3, r12, r10\n",
            "ldrsb r12, [r2, #",
            $at,
            " + 12]\n mla r11, r3, r12, r11\n",
            "ldrsb r12, [r1",
            $last,
            "\n mla r4, r3, r12, r4\n",
            "ldrsb r12, [r2",
            $last,
            "\n mla r8, r3, r12, r8\n",
        )
    };
}

/// Adds the products of the words from `x` to `end` to the sums. 70 instructions for 32 products.
///
/// # Safety
/// `x` and `end` are ends of a slice that is not empty; `w` and `second` have four words for each of its own.
#[unsafe(naked)]
unsafe extern "C" fn multiply(
    x: *const [i8; 4],
    end: *const [i8; 4],
    w: *const i8,
    second: *const i8,
    sums: &mut [i32; 8],
) {
    naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "mov lr, r1",
        "mov r1, r2",
        "mov r2, r3",
        "ldr r3, [sp, #36]",
        "ldm r3, {{r4, r5, r6, r7, r8, r9, r10, r11}}",
        "1:",
        column!("1", ", #1]", ", #1]"),
        column!("2", ", #2]", ", #2]"),
        column!("3", ", #3]", ", #3]"),
        column!("0", "], #16", "], #4"),
        "cmp r0, lr",
        "bne 1b",
        "ldr r3, [sp, #36]",
        "stm r3, {{r4, r5, r6, r7, r8, r9, r10, r11}}",
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

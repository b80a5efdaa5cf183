use super::super::super::{Channel, Store};
use super::super::limits::Limits;
use super::output::{enter, leave, output};
use core::arch::naked_asm;

/// Channels whose sums are held at a time.
const CHANNELS: usize = 32;

/// Groups of four inputs that are held ready at a time.
const GROUPS: usize = 16;

/// See [`portable::fully_connect`](super::super::super::portable::fully_connect).
#[inline(never)]
pub(crate) fn fully_connect(x: &[i8], w: &[i8], channels: &[Channel], store: Store, y: &mut [i8]) {
    let quad_bytes = x.len().next_multiple_of(4).wrapping_mul(4);
    let limits = Limits::from(store);
    let mut at = 0usize;
    for (channels, y) in channels.chunks(CHANNELS).zip(y.chunks_mut(CHANNELS)) {
        let mut sums = [0; CHANNELS];
        sums.iter_mut().zip(channels).for_each(|(sum, channel)| *sum = channel.bias);
        let quads = channels.len().div_ceil(4);
        let Some(sums) = sums.get_mut(..quads.wrapping_mul(4)) else { return };
        let mut w_at = at;
        for x in x.chunks(4 * GROUPS) {
            let mut inputs = [[0; 4]; GROUPS];
            let inputs = inputs.get_mut(..x.len().div_ceil(4)).unwrap_or_default();
            let offset = ready(x, inputs);
            sums.iter_mut().for_each(|sum| *sum = sum.wrapping_sub(offset));
            let Some(w) = w.get(w_at..) else { return };
            multiply_quads(inputs, w, quad_bytes, sums);
            w_at = w_at.wrapping_add(inputs.len().wrapping_mul(16));
        }
        for ((channels, y), sums) in channels.chunks(4).zip(y.chunks_mut(4)).zip(sums.as_chunks::<4>().0) {
            if let (Some(channels), Some(y)) = (channels.first_chunk(), y.first_chunk_mut()) {
                // SAFETY: all arguments are references to what is read and written.
                unsafe { outputs(sums, channels, y, &limits) };
            } else {
                let each = y.iter_mut().zip(channels).zip(sums);
                each.for_each(|((y, channel), &sum)| *y = channel.output(sum, store));
            }
        }
        at = at.wrapping_add(quads.wrapping_mul(quad_bytes));
    }
}

/// Factors for the parts of a word of weights. `V = W ^ 0x80_8080` consists of the bytes `w + 128` but for a signed
/// last one. Then `x · w` is `V * f[0] + (V >> 8) * f[1] + (V >> 16) * f[2] + (V >> 24) * f[3]`, less 128 times the first
/// three inputs: each factor but the first takes away what the lower ones add for its byte. Returns what is to be
/// subtracted.
fn ready(x: &[i8], factors: &mut [[i32; 4]]) -> i32 {
    let (words, tail) = x.as_chunks::<4>();
    let Some((first, last)) = factors.split_at_mut_checked(words.len()) else { return 0 };
    let mut sum = 0i32;
    if !words.is_empty() {
        let range = words.as_ptr_range();
        // SAFETY: `first` has as many elements as `words`, and those are some.
        sum = unsafe { ready_words(range.start, range.end, first.as_mut_ptr()) };
    }
    if let Some(last) = last.first_mut() {
        let mut word = [0; 4];
        word.iter_mut().zip(tail).for_each(|(to, &from)| *to = from);
        // SAFETY: one of each.
        sum = sum.wrapping_add(unsafe { ready_words(&word, (&raw const word).wrapping_add(1), last) });
    }
    sum << 7
}

/// Returns the sum of the first three elements of all words.
///
/// # Safety
/// `x` and `end` are ends of a slice that is not empty; `factors` has as many elements.
#[unsafe(naked)]
unsafe extern "C" fn ready_words(x: *const [i8; 4], end: *const [i8; 4], factors: *mut [i32; 4]) -> i32 {
    naked_asm!(
        "push {{r4, r5, r6, r7, lr}}",
        "mov r12, r1",
        "movs r3, #0",
        "1:",
        "ldrb r4, [r0]",
        "ldrb r5, [r0, #1]",
        "ldrb r6, [r0, #2]",
        "ldrb r7, [r0, #3]",
        "adds r0, #4",
        "sxtb r4, r4",
        "sxtb r5, r5",
        "sxtb r6, r6",
        "sxtb r7, r7",
        "adds r3, r3, r4",
        "adds r3, r3, r5",
        "adds r3, r3, r6",
        "lsls r1, r6, #8",
        "subs r7, r7, r1",
        "lsls r1, r5, #8",
        "subs r6, r6, r1",
        "lsls r1, r4, #8",
        "subs r5, r5, r1",
        "stm r2!, {{r4, r5, r6, r7}}",
        "cmp r0, r12",
        "bne 1b",
        "mov r0, r3",
        "pop {{r4, r5, r6, r7, pc}}",
    )
}

/// What the assembly reads.
#[repr(C)]
struct Job {
    inputs: *const [i32; 4],
    inputs_end: *const [i32; 4],
    /// From behind one quad's weights to the next one's.
    skip: usize,
    sums_end: *const i32,
}

/// Adds the products of the inputs to four sums for every quad; quads are `quad_bytes` apart in `w`.
fn multiply_quads(inputs: &[[i32; 4]], w: &[i8], quad_bytes: usize, sums: &mut [i32]) {
    let read = inputs.len().wrapping_mul(16);
    let quads = sums.len() / 4;
    let end = quads.wrapping_sub(1).wrapping_mul(quad_bytes).wrapping_add(read);
    let small = quad_bytes <= 1 << 20 && quads <= CHANNELS / 4 && inputs.len() <= GROUPS;
    if inputs.is_empty() || quads == 0 || !small || end > w.len() || !w.as_ptr().addr().is_multiple_of(4) {
        return;
    }
    let (range, skip) = (inputs.as_ptr_range(), quad_bytes.wrapping_sub(read));
    let sums = sums.as_mut_ptr_range();
    let job = Job { inputs: range.start, inputs_end: range.end, skip, sums_end: sums.end };
    // SAFETY: the last quad's weights end inside of `w`, none of the numbers being large; there is at least one quad and
    // one group; weights are word-aligned. `sums` holds four for each quad.
    unsafe { multiply(&job, w.as_ptr(), sums.start) };
}

/// One row of four weights in 13 instructions.
macro_rules! row {
    ($sum:literal) => {
        concat!(
            "ldm r4!, {{r5}}
             eors r5, r7
             asrs r6, r5, #24
             muls r6, r3, r6
             add ",
            $sum,
            ", r6
             asrs r6, r5, #16
             muls r6, r2, r6
             add ",
            $sum,
            ", r6
             asrs r6, r5, #8
             muls r6, r1, r6
             add ",
            $sum,
            ", r6
             muls r5, r0, r5
             add ",
            $sum,
            ", r5\n"
        )
    };
}

/// # Safety
/// `job` describes memory that there is: see [`multiply_quads`].
#[unsafe(naked)]
unsafe extern "C" fn multiply(job: &Job, w: *const i8, sums: *mut i32) {
    naked_asm!(
        enter!(),
        "sub sp, #8",
        "str r0, [sp]",
        "mov r4, r1",
        "ldr r7, =0x00808080",
        "10:",
        "str r2, [sp, #4]",
        "ldm r2!, {{r0, r1, r3, r6}}",
        "mov r8, r0",
        "mov r9, r1",
        "mov r10, r3",
        "mov r11, r6",
        "ldr r0, [sp]",
        "ldr r6, [r0]",
        "ldr r0, [r0, #4]",
        "mov lr, r0",
        "11:",
        "ldm r6!, {{r0, r1, r2, r3}}",
        "mov r12, r6",
        row!("r8"),
        row!("r9"),
        row!("r10"),
        row!("r11"),
        "mov r6, r12",
        "cmp r6, lr",
        "bne 11b",
        "ldr r6, [sp, #4]",
        "mov r0, r8",
        "mov r1, r9",
        "mov r2, r10",
        "mov r3, r11",
        "stm r6!, {{r0, r1, r2, r3}}",
        "mov r2, r6",
        "ldr r0, [sp]",
        "ldr r1, [r0, #8]",
        "adds r4, r4, r1",
        "ldr r1, [r0, #12]",
        "cmp r2, r1",
        "bne 10b",
        "add sp, #8",
        leave!(),
        ".p2align 2",
        ".pool",
    )
}

/// Four outputs.
#[unsafe(naked)]
unsafe extern "C" fn outputs(sums: &[i32; 4], channels: &[Channel; 4], y: &mut [i8; 4], limits: &Limits) {
    naked_asm!(
        enter!(),
        "ldm r3!, {{r4, r5, r6}}",
        "mov r10, r4",
        "mov r11, r5",
        "mov r12, r6",
        "mov r5, r1",
        "mov r7, r2",
        "ldm r0!, {{r1, r2, r3, r4}}",
        "push {{r1, r2, r3, r4}}",
        output!(),
        output!(),
        output!(),
        output!(),
        leave!(),
    )
}

use super::super::super::SLOTS;
use super::super::block::Job;
use super::output::{enter, leave};
use core::arch::naked_asm;

/// As [`dot_patches`](super::super::dot_patches), without assembly.
#[cold]
#[inline(never)]
pub(in super::super) fn dot_patches(patches: &[u32], w: &[i8], acc: i32) -> [i32; SLOTS] {
    let mut sums = [acc; SLOTS];
    for (pairs, &w) in patches.as_chunks::<2>().0.iter().zip(w) {
        for (sums, &pair) in sums.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
            let low = i32::from(pair as i16);
            let high = (pair as i32).wrapping_sub(low) >> 16;
            sums[0] = sums[0].wrapping_add(low * i32::from(w));
            sums[1] = sums[1].wrapping_add(high * i32::from(w));
        }
    }
    sums
}

/// For every slot: `sum + sum(patch[k] * w[k])` over four elements.
#[inline(always)]
pub(crate) fn dot_patch_block(sums: [i32; SLOTS], patch: &[u32; 2 * SLOTS], w: &[i8; 4]) -> [i32; SLOTS] {
    let elements: &[[u32; 2]; 4] = bytemuck::cast_ref(patch);
    let [mut a, mut b, mut c, mut d] = sums;
    for (&[ab, cd], &w) in elements.iter().zip(w) {
        let w = i32::from(w);
        let (a_x, c_x) = (i32::from(ab as i16), i32::from(cd as i16));
        a = a.wrapping_add(a_x * w);
        b = b.wrapping_add(((ab as i32).wrapping_sub(a_x) >> 16) * w);
        c = c.wrapping_add(c_x * w);
        d = d.wrapping_add(((cd as i32).wrapping_sub(c_x) >> 16) * w);
    }
    [a, b, c, d]
}

/// The weight in `r5` times one element of four pixels: 10 instructions with the one that extends the weight. `r6` and
/// `r7` are the sums of odd pixels; `r8` and `r9` those of even pixels and, `2^16` times, of odd ones.
macro_rules! tap {
    () => {
        "
         ldm r0!, {{r2, r3}}
         muls r2, r5, r2
         add r8, r2
         asrs r2, r2, #16
         adcs r6, r2
         muls r3, r5, r3
         add r9, r3
         asrs r3, r3, #16
         adcs r7, r3
        "
    };
}

/// Four weights.
macro_rules! group {
    () => {
        concat!(
            "ldm r1!, {{r4}}\n sxtb r5, r4",
            tap!(),
            "lsls r5, r4, #16\n asrs r5, r5, #24",
            tap!(),
            "lsls r5, r4, #8\n asrs r5, r5, #24",
            tap!(),
            "asrs r5, r4, #24",
            tap!(),
        )
    };
}

/// One output of the sum at `sp + $at`.
macro_rules! pixel {
    ($at:literal) => {
        concat!("ldr r0, [sp, #", $at, "]\n blx r12\n strb r2, [r5]\n adds r5, r5, r7\n")
    };
}

/// # Safety
/// `job` describes memory that there is, as [`block`](super::super::block) does.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn convolve_block(job: &mut Job) {
    naked_asm!(
        enter!(),
        "sub sp, #20",
        "str r0, [sp, #16]",
        "mov r5, r0",
        // A filter: pointers, its end, and sums that start with the bias.
        "10:",
        "ldm r5!, {{r0, r1, r2, r3}}",
        "ldr r6, [r3]",
        "lsls r4, r6, #16",
        "adds r4, r4, r6",
        "mov r8, r4",
        "mov r9, r4",
        "mov r7, r6",
        "adds r3, r1, r2",
        "mov r10, r3",
        // An odd number of groups starts with the second of the loop.
        "lsls r2, r2, #29",
        "bmi 12f",
        "11:",
        group!(),
        "12:",
        group!(),
        "cmp r1, r10",
        "bne 11b",
        // The sums go to the stack.
        "ldr r5, [sp, #16]",
        "str r1, [r5, #4]",
        "lsls r0, r6, #16",
        "mov r1, r8",
        "subs r1, r1, r0",
        "str r1, [sp]",
        "str r6, [sp, #4]",
        "lsls r0, r7, #16",
        "mov r1, r9",
        "subs r1, r1, r0",
        "str r1, [sp, #8]",
        "str r7, [sp, #12]",
        // The channel, then what all channels have in common.
        "ldr r0, [r5, #12]",
        "ldm r0!, {{r1, r2, r3, r4}}",
        "str r0, [r5, #12]",
        "mov r8, r3",
        "mov r9, r4",
        "uxth r3, r2",
        "lsrs r4, r2, #16",
        "ldr r0, [r5, #28]",
        "mov r10, r0",
        "ldr r0, [r5, #32]",
        "mov r11, r0",
        "ldr r0, [r5, #36]",
        "mov r12, r0",
        "ldr r7, [r5, #24]",
        "ldr r0, [r5, #20]",
        "adds r1, r0, #1",
        "str r1, [r5, #20]",
        "mov r5, r0",
        pixel!("0"),
        pixel!("4"),
        pixel!("8"),
        pixel!("12"),
        "ldr r5, [sp, #16]",
        "ldr r0, [r5, #12]",
        "ldr r1, [r5, #16]",
        "cmp r0, r1",
        "beq 13f",
        "b 10b",
        "13:",
        "add sp, #20",
        leave!(),
    )
}

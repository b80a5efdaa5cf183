use super::super::super::SLOTS;
use super::super::block::Job;
use core::arch::naked_asm;

/// As [`dot_patches`](super::super::dot_patches), without assembly.
#[cold]
#[inline(never)]
pub(in super::super) fn dot_patches(patches: &[u32], w: &[i8], acc: i32) -> [i32; SLOTS] {
    let elements: &[i16] = bytemuck::cast_slice(patches);
    let mut sums = [acc; SLOTS];
    for (elements, &w) in elements.as_chunks::<SLOTS>().0.iter().zip(w) {
        for (sum, &x) in sums.iter_mut().zip(elements) {
            *sum = sum.wrapping_add(i32::from(x) * i32::from(w));
        }
    }
    sums
}

/// For every slot: `sum + sum(patch[k] * w[k])` over four elements.
#[inline(always)]
pub(crate) fn dot_patch_block(sums: [i32; SLOTS], patch: &[u32; 2 * SLOTS], w: &[i8; 4]) -> [i32; SLOTS] {
    let elements: &[[i16; SLOTS]; 4] = bytemuck::cast_ref(patch);
    let [mut a, mut b, mut c, mut d] = sums;
    for (&[a_x, b_x, c_x, d_x], &w) in elements.iter().zip(w) {
        let w = i32::from(w);
        a = a.wrapping_add(i32::from(a_x) * w);
        b = b.wrapping_add(i32::from(b_x) * w);
        c = c.wrapping_add(i32::from(c_x) * w);
        d = d.wrapping_add(i32::from(d_x) * w);
    }
    [a, b, c, d]
}

/// One element of four pixels times the weights of two filters: 14 instructions for 8 products.
macro_rules! tap {
    () => {
        "ldrsb r12, [r1], #1
         ldrsb lr, [r2], #1
         ldrsh r3, [r0], #2
         mla r4, r3, r12, r4
         mla r8, r3, lr, r8
         ldrsh r3, [r0], #2
         mla r5, r3, r12, r5
         mla r9, r3, lr, r9
         ldrsh r3, [r0], #2
         mla r6, r3, r12, r6
         mla r10, r3, lr, r10
         ldrsh r3, [r0], #2
         mla r7, r3, r12, r7
         mla r11, r3, lr, r11"
    };
}

/// One output of the sum at `r9`.
macro_rules! pixel {
    () => {
        "ldr r0, [r9], #4
         blx r12
         strb r6, [r5]
         add r5, r7"
    };
}

/// # Safety
/// `job` describes memory that there is, as [`block`](super::super::block) does.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn convolve_block(job: &mut Job) {
    naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "sub sp, #44",
        "str r0, [sp, #36]",
        "mov r12, r0",
        // Two filters: pointers, the end of the first, and sums that start with the biases. The last one may be alone;
        // then it is both.
        "10:",
        "ldm r12, {{r0, r1, r2, r3}}",
        "ldr r4, [r12, #16]",
        "add r2, r1",
        "str r2, [sp, #32]",
        "sub r4, r4, r3",
        "cmp r4, #16",
        "ldr r4, [r3]",
        "beq 11f",
        "ldr r8, [r3, #16]",
        "b 12f",
        "11:",
        "mov r2, r1",
        "mov r8, r4",
        "12:",
        "mov r5, r4",
        "mov r6, r4",
        "mov r7, r4",
        "mov r9, r8",
        "mov r10, r8",
        "mov r11, r8",
        "13:",
        tap!(),
        tap!(),
        tap!(),
        tap!(),
        "ldr r3, [sp, #32]",
        "cmp r1, r3",
        "bne 13b",
        // The sums go to the stack.
        "stm sp, {{r4, r5, r6, r7, r8, r9, r10, r11}}",
        "ldr r4, [sp, #36]",
        "str r2, [r4, #4]",
        "ldr r8, [r4, #12]",
        "ldrd r5, r7, [r4, #20]",
        "ldrd r10, r11, [r4, #28]",
        "ldr r12, [r4, #36]",
        "mov r9, sp",
        "14:",
        "ldm r8!, {{r0, r1, r2, r3}}",
        pixel!(),
        pixel!(),
        pixel!(),
        pixel!(),
        "sub r5, r5, r7, lsl #2",
        "adds r5, #1",
        "ldr r0, [sp, #36]",
        "ldr r1, [r0, #16]",
        "cmp r8, r1",
        "beq 15f",
        "add r1, sp, #32",
        "cmp r9, r1",
        "bne 14b",
        "str r8, [r0, #12]",
        "str r5, [r0, #20]",
        "mov r12, r0",
        "b 10b",
        "15:",
        "add sp, #44",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}

//! Arithmetic that traps, and the tree that Floats are summed in.

use super::{Context, Exit, failed, operand, reg};
use crate::bytecode::ops::{Instr, Op};
use crate::bytecode::trap::TrapCode;
use crate::machine::memory::{buffer, data};
use crate::machine::trap::Fault;
use crate::machine::value::format_float;

/// The sum, if it fits.
#[inline(always)]
pub(super) fn add(a: i64, b: i64) -> Option<i64> {
    if cfg!(target_family = "wasm") { unflagged::add(a, b) } else { a.checked_add(b) }
}

/// The difference, if it fits.
#[inline(always)]
pub(super) fn sub(a: i64, b: i64) -> Option<i64> {
    if cfg!(target_family = "wasm") { unflagged::sub(a, b) } else { a.checked_sub(b) }
}

/// The product, if it fits.
#[inline(always)]
pub(super) fn mul(a: i64, b: i64) -> Option<i64> {
    if cfg!(target_family = "wasm") { unflagged::mul(a, b) } else { a.checked_mul(b) }
}

/// The same where no flag of the processor says what does not fit: faster than what the compiler makes of the standard library's then.
mod unflagged {
    #[inline(always)]
    pub(super) fn add(a: i64, b: i64) -> Option<i64> {
        let sum = a.wrapping_add(b);
        if (a ^ sum) & (b ^ sum) < 0 { None } else { Some(sum) }
    }

    #[inline(always)]
    pub(super) fn sub(a: i64, b: i64) -> Option<i64> {
        let difference = a.wrapping_sub(b);
        if (a ^ b) & (a ^ difference) < 0 { None } else { Some(difference) }
    }

    /// A product of 128 bits is made only where it is not plain.
    #[inline(always)]
    pub(super) fn mul(a: i64, b: i64) -> Option<i64> {
        let is_half = |x: i64| x == i64::from(x as i32);
        if is_half(a) && is_half(b) { Some(a.wrapping_mul(b)) } else { a.checked_mul(b) }
    }
}

/// The arithmetic at `pc` traps: tells why.
///
/// # Safety
/// `pc` is at an instruction of the frame `regs` that traps.
#[cold]
#[inline(never)]
pub(super) unsafe fn trap(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Exit {
    // SAFETY: the verifier's promise about operands.
    let fault = unsafe {
        let op = Instr(u64::from_le(*pc)).op().expect("it was dispatched");
        let a = || reg!(pc, regs, A) as i64;
        let b = || reg!(pc, regs, B) as i64;
        let c = || reg!(pc, regs, C) as i64;
        let overflow = |values: String| Fault::trap(TrapCode::Overflow, values);
        let divided = |sign: char| {
            let code = if c() == 0 { TrapCode::DivisionByZero } else { TrapCode::Overflow };
            Fault::trap(code, format!("{} {sign} {}", b(), c()))
        };
        match op {
            Op::AddI => overflow(format!("{} + {}", b(), c())),
            Op::SubI => overflow(format!("{} - {}", b(), c())),
            Op::MulI => overflow(format!("{} * {}", b(), c())),
            Op::AddImm => match operand!(pc c) {
                by @ ..0 => overflow(format!("{} - {}", b(), -by)),
                by => overflow(format!("{} + {by}", b())),
            },
            Op::MulImm => overflow(format!("{} * {}", b(), operand!(pc c))),
            Op::DivI => divided('/'),
            Op::RemI => divided('%'),
            Op::NegI => overflow(format!("-({})", b())),
            Op::AbsI => overflow(format!("abs({})", b())),
            Op::Shl => Fault::trap(TrapCode::ShiftAmount, format!("{} << {}", b(), c())),
            Op::Shr => Fault::trap(TrapCode::ShiftAmount, format!("{} >> {}", b(), c())),
            Op::FloatToInt => {
                let mut values = String::from("Int(");
                format_float(f64::from_bits(reg!(pc, regs, B)), &mut values);
                values.push(')');
                Fault::trap(TrapCode::Conversion, values)
            }
            Op::AccEnd => overflow("the sum does not fit".into()),
            Op::ForTest => Fault::trap(TrapCode::StepIsZero, format!("from {} to {} by 0", a(), b())),
            Op::Trap => {
                let code = TrapCode::from_number(operand!(pc X) as u8).expect("the verifier has looked");
                Fault::trap(code, "")
            }
            op => unreachable!("{op:?} does not trap here"),
        }
    };
    cx.fault = Some(fault);
    failed(cx, pc, regs)
}

/// Combines two nodes of a reduction's tree; and whether a product of Ints overflows.
fn combine(kind: usize, a: u64, b: u64) -> (u64, bool) {
    let (x, y) = (f64::from_bits(a), f64::from_bits(b));
    match kind {
        0 => ((x + y).to_bits(), false),
        1 => ((x * y).to_bits(), false),
        _ => {
            let (product, overflow) = (a as i64).overflowing_mul(b as i64);
            (product as u64, overflow)
        }
    }
}

/// The number of a node's first block; of one that overflowed, all bits are the other way round.
fn block_number(number: u64) -> u64 {
    if overflowed(number) { !number } else { number }
}

fn overflowed(number: u64) -> bool {
    (number as i64) < 0
}

/// The nodes of a tree, in an array of Float or Int: (number of a block, value) by turns, so that the left of two subtrees
/// always is the larger. Whatever a forged program has put there, these are slots.
struct Tree {
    slots: *mut u64,
    nodes: usize,
    kind: usize,
}

impl Tree {
    /// Makes one node of the last two.
    ///
    /// # Safety
    /// There are two.
    unsafe fn join(&mut self) {
        // SAFETY: inside the array.
        unsafe {
            let left = self.slots.add(2 * (self.nodes - 2));
            let (value, overflow) = combine(self.kind, *left.add(1), *left.add(3));
            *left.add(1) = value;
            if (overflow || overflowed(*left.add(2))) && !overflowed(*left) {
                *left = !*left;
            }
        }
        self.nodes -= 1;
    }
}

fn product_overflows(cx: &mut Context<'_>) -> bool {
    cx.fault = Some(Fault::trap(TrapCode::Overflow, "the product does not fit"));
    false
}

/// `fold`
///
/// # Safety
/// As for [`trap`].
#[inline(never)]
pub(super) unsafe fn fold(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: A owns an array of one-slot elements; `reserve` makes it unique, with room for two more.
    unsafe {
        let array = match cx.heap.reserve(&raw mut reg!(pc, regs, A), 2) {
            Ok(array) => array,
            Err(stop) => return super::buffers::stopped(cx, stop),
        };
        let (block, value) = (reg!(pc, regs, C), reg!(pc, regs, B));
        let mut tree = Tree { slots: data(array), nodes: (*array).len as usize / 2, kind: operand!(pc X) };
        while tree.nodes >= 2 {
            let last = tree.slots.add(2 * (tree.nodes - 1));
            let (before, top) = (block_number(*last.sub(2)), block_number(*last));
            // The last two meet below where the new block joins them.
            if (before ^ top).leading_zeros() <= (top ^ block_number(block)).leading_zeros() {
                break;
            }
            tree.join();
        }
        *tree.slots.add(2 * tree.nodes) = block;
        *tree.slots.add(2 * tree.nodes + 1) = value;
        (*array).len = 2 * tree.nodes as u64 + 2;
    }
    true
}

/// `fold.e`
///
/// # Safety
/// As for [`trap`].
#[inline(never)]
pub(super) unsafe fn fold_end(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: B owns an array of one-slot elements, made unique.
    unsafe {
        let kind = operand!(pc X);
        if (*buffer(reg!(pc, regs, B))).len < 2 {
            reg!(pc, regs, A) = [0.0f64.to_bits(), 1.0f64.to_bits(), 1][kind];
            return true;
        }
        let array = super::buffers::make_unique(cx, &raw mut reg!(pc, regs, B));
        if array.is_null() {
            return false;
        }
        let mut tree = Tree { slots: data(array), nodes: (*array).len as usize / 2, kind };
        while tree.nodes > 1 {
            tree.join();
        }
        if kind == 2 && overflowed(*tree.slots) {
            return product_overflows(cx);
        }
        (*array).len = 2;
        reg!(pc, regs, A) = *tree.slots.add(1);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::unflagged;

    #[test]
    fn without_a_flag_the_same_fits() {
        let half = 1 << 31;
        let values = [0, 1, -1, 2, -2, half - 1, half, half + 1, -half, -half - 1, 3_037_000_500, i64::MAX, i64::MIN];
        for a in values {
            for b in values {
                assert_eq!(unflagged::add(a, b), a.checked_add(b), "{a} + {b}");
                assert_eq!(unflagged::sub(a, b), a.checked_sub(b), "{a} - {b}");
                assert_eq!(unflagged::mul(a, b), a.checked_mul(b), "{a} * {b}");
            }
        }
    }
}

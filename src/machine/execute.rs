//! The interpreter's loop.
//!
//! `pc` and `regs` live in machine registers; everything else is behind `cx`. An arm decodes its operands from memory, does
//! the common case in place, and leaves the rest to a function of `arith`, `elements`, `buffers` or `calls`, which decodes
//! anew from `pc`: so the arms keep nothing alive across them. Such a function answers `false` (or null) if it failed, with the
//! reason in [`Context::fault`].
//!
//! What the loop relies on, and the verifier has proved of every program: registers hold what the opcode asks and are
//! initialised; numbers of registers, words, functions and types exist; jumps land on instructions of the function; the
//! window is used as `bytecode::ops` says. In addition the machine keeps: an `Own` register holds 0 or an owner, a `Borrow` a
//! live buffer, a view elements of a live buffer; a read of a register with an owner never sees 0.
//!
//! Called by `worker`, and by `engine` for what runs in order.

mod arith;
mod buffers;
mod calls;
mod elements;

pub(super) use calls::overlap;

use std::cmp::Ordering as Order;
use std::hint::unreachable_unchecked;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::answer::Wait;
use super::code::{Code, INTO_WINDOW};
use super::frame::{self, Stack};
use super::host_call::{HostTable, World};
use super::interrupt::{ALWAYS, Interrupt, Stop};
use super::issue::{self, Issuer};
use super::local::Counts;
use super::memory::{Heap, buffer, data, is_unique, tail_stride, view_tail};
use super::record::COSTS;
use super::trace::{self, Tracer};
use super::trap::Fault;
use super::value::total_order;
use crate::bytecode::ops::Op;
use crate::platform::sync::{AtomicBool, AtomicU64};

/// Why the loop was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exit {
    /// The root frame returned.
    Complete,
    /// See [`Context::fault`].
    Fault,
    /// A poll: to go on, call [`run`] again with [`Context::pc`] and [`Context::regs`].
    Polled,
    /// The issue stage has something for its worker to do, in the [`Issuer`]; to go on, as above.
    Issued,
}

/// What the loop needs of its surroundings.
pub(super) struct Context<'a> {
    /// A frame that reaches past here takes the slow way.
    pub(super) limit: usize,
    /// Where instructions, what they cost, calls, and depth are counted, if `COUNT`.
    pub(super) counts: *mut Counts,
    pub(super) max_steps: u64,
    pub(super) code: &'a Code,
    pub(super) stack: &'a mut Stack,
    pub(super) heap: &'a mut Heap,
    pub(super) interrupt: &'a Interrupt,
    pub(super) host: &'a HostTable,
    pub(super) world: &'a mut (dyn World + 'a),
    /// What the issue stage works on, when the frame is promoted; else null.
    pub(super) issuer: *mut Issuer,
    /// All older work has retired; null where there is none other.
    pub(super) oldest: *const AtomicBool,
    /// Takes down what is read and written, if `COUNT`; else, or if nobody wants it, null.
    pub(super) trace: *mut Tracer,
    /// Bytes of output that is held back.
    pub(super) held: &'a AtomicU64,
    /// The answer of the host that the run waits for, or has waited for; null where it can't wait.
    pub(super) awaits: *mut Option<Arc<Wait>>,
    /// Where the loop was left: the instruction that failed or comes next, and its frame.
    pub(super) pc: *const u64,
    pub(super) regs: *mut u64,
    pub(super) fault: Option<Fault>,
}

/// Operands of a plain or wide instruction.
macro_rules! operand {
    ($pc:ident X) => {
        usize::from(*$pc.cast::<u8>().add(1))
    };
    ($pc:ident A) => {
        usize::from(u16::from_le(*$pc.cast::<u16>().add(1)))
    };
    ($pc:ident B) => {
        usize::from(u16::from_le(*$pc.cast::<u16>().add(2)))
    };
    ($pc:ident C) => {
        usize::from(u16::from_le(*$pc.cast::<u16>().add(3)))
    };
    ($pc:ident b) => {
        i64::from(i16::from_le(*$pc.cast::<i16>().add(2)))
    };
    ($pc:ident c) => {
        i64::from(i16::from_le(*$pc.cast::<i16>().add(3)))
    };
    ($pc:ident i) => {
        i32::from_le(*$pc.cast::<i32>().add(1)) as isize
    };
    // Of a packed one.
    ($pc:ident P) => {
        (u64::from_le(*$pc) >> 8 & 0x3fff) as usize
    };
    ($pc:ident Q) => {
        (u64::from_le(*$pc) >> 22 & 0x3fff) as usize
    };
    ($pc:ident R) => {
        (u64::from_le(*$pc) >> 36 & 0x3fff) as usize
    };
    ($pc:ident S) => {
        (u64::from_le(*$pc) >> 50) as usize
    };
}
use operand;

/// The register that an operand names.
macro_rules! reg {
    ($pc:ident, $regs:ident, $field:tt) => {
        *$regs.add(operand!($pc $field))
    };
    ($pc:ident, $regs:ident, $field:tt + $n:expr) => {
        *$regs.add(operand!($pc $field) + $n)
    };
}
use reg;

/// Runs `$body`, whose arms end with `break` of their opcode's family, and goes on with the next instruction.
///
/// Each family has a jump to the next instruction of its own, for the processor's branch prediction. LLVM copies that jump on
/// into every arm, but only where few blocks lead to it (it gives up beyond 16), and it would undo the families if their ends
/// were alike; so a piece of assembly, empty but for a comment, tells them apart. Without it, all is the same but slower, by
/// a third in calls.
macro_rules! families {
    ($next:lifetime: ; $body:expr) => { $body };
    ($next:lifetime: $family:lifetime $($more:lifetime)*; $body:expr) => {{
        $family: {
            families! { $next: $($more)*; $body }
        }
        #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
        std::arch::asm!(concat!("/* ", stringify!($family), " */"), options(nomem, nostack, preserves_flags));
        continue $next;
    }};
}

/// The run stops or traps at `pc`.
#[cold]
#[inline(never)]
fn failed(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Exit {
    (cx.pc, cx.regs) = (pc, regs);
    Exit::Fault
}

/// The poll word is up, or the steps are used up; `pc` comes next.
#[cold]
#[inline(never)]
fn polled(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Exit {
    (cx.pc, cx.regs) = (pc, regs);
    if let Err(stop) = cx.interrupt.check() {
        cx.fault = Some(stop.into());
    // SAFETY: see [`Context::counts`].
    } else if unsafe { (*cx.counts).steps } >= cx.max_steps {
        cx.fault = Some(Stop::Steps.into());
    } else {
        return Exit::Polled;
    }
    Exit::Fault
}

/// Runs from `pc` in frame `regs` until something ends it. `COUNT`: with counters and a limit of steps. `ISSUE`: instructions
/// that the frame's scoreboard watches pass the issue stage first, and calls are not entered.
///
/// # Safety
/// `regs` is the innermost frame of `cx.stack`, made by it or left by an earlier call of this, `pc` an instruction of its
/// function where that went on or begins, and the code is `cx.code`.
#[inline(never)]
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "with a NaN, not less is not the same as greater or equal")]
pub(super) unsafe fn run<const COUNT: bool, const ISSUE: bool>(
    cx: &mut Context<'_>,
    pc: *const u64,
    regs: *mut u64,
) -> Exit {
    let (mut pc, mut regs) = (pc, regs);
    let word = cx.interrupt;
    let word = word.word();

    macro_rules! get {
        ($field:tt) => {
            reg!(pc, regs, $field)
        };
        ($field:tt + $n:expr) => {
            reg!(pc, regs, $field + $n)
        };
    }
    macro_rules! int {
        ($($field:tt)+) => { get!($($field)+) as i64 };
    }
    macro_rules! float {
        ($field:tt) => {
            f64::from_bits(get!($field))
        };
    }
    macro_rules! imm {
        ($field:tt) => { operand!(pc $field) };
    }
    macro_rules! next {
        ($family:lifetime) => {{
            pc = pc.add(1);
            break $family;
        }};
    }
    // Keeps LLVM from storing the results of several opcodes by one instruction: processors predict which load gets what which
    // store wrote by their addresses, and loops of Floats took up to twice as long.
    macro_rules! apart {
        ($value:expr) => {
            #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
            std::arch::asm!(concat!("/* ", stringify!($value), " */"), options(raw, nomem, nostack, preserves_flags));
        };
    }
    macro_rules! set {
        ($family:lifetime, $value:expr) => {{
            let value = $value;
            get!(A) = value as u64;
            apart!($value);
            next!($family)
        }};
    }
    macro_rules! set_float {
        ($family:lifetime, $value:expr) => {{
            let value: f64 = $value;
            get!(A) = value.to_bits();
            apart!($value);
            next!($family)
        }};
    }
    macro_rules! fail {
        () => {
            return failed(cx, pc, regs)
        };
    }
    // What must be there, or the arithmetic trapped.
    macro_rules! some {
        ($value:expr) => {
            match $value {
                Some(value) => value,
                None => return arith::trap(cx, pc, regs),
            }
        };
    }
    macro_rules! slow {
        ($family:lifetime, $function:expr) => {{
            if !$function(cx, pc, regs) {
                fail!()
            }
            next!($family)
        }};
    }
    macro_rules! poll {
        () => {
            let raised = word.load(Ordering::Relaxed);
            // What is always up asks to promote, and this frame is.
            let raised = if ISSUE { raised & !ALWAYS } else { raised };
            if raised != 0 || (COUNT && (*cx.counts).steps >= cx.max_steps) {
                return polled(cx, pc, regs);
            }
        };
    }
    macro_rules! jump {
        ($family:lifetime, $distance:ident) => {{
            pc = pc.offset(1 + imm!($distance) as isize);
            poll!();
            break $family;
        }};
    }
    macro_rules! jump_if {
        ($family:lifetime, $condition:expr, $distance:ident) => {{
            if $condition {
                jump!($family, $distance)
            }
            next!($family)
        }};
    }
    // Puts an owner into a local register, and drops the one that was there.
    macro_rules! own {
        ($register:expr, $value:expr) => {{
            let value = $value;
            let register: *mut u64 = &raw mut $register;
            let old = *register;
            *register = value;
            if old != 0 {
                buffers::release(cx, old);
            }
        }};
    }
    // The index, if it is below the length.
    macro_rules! index {
        ($index:expr, $len:expr) => {{
            let (index, len): (u64, u64) = ($index, $len);
            if index >= len {
                return elements::index_trap(cx, pc, regs, index, len);
            }
            index as usize
        }};
    }
    // The buffer in a register, with no other owner.
    macro_rules! unique {
        ($register:expr) => {{
            let place: *mut u64 = &raw mut $register;
            let held = buffer(*place);
            if is_unique(held) {
                held
            } else {
                let held = buffers::make_unique(cx, place);
                if held.is_null() {
                    fail!()
                }
                held
            }
        }};
    }
    // A = the reference in a slot of an element, shared.
    macro_rules! share_slot {
        ($family:lifetime, $slot:expr) => {{
            let mut value = *$slot;
            if value == 0 {
                value = elements::empty_of(cx, pc, regs);
            }
            let register: *mut u64 = &raw mut get!(A);
            let old = *register;
            if old != value {
                Heap::share(buffer(value));
                *register = value;
                if old != 0 {
                    buffers::release(cx, old);
                }
            }
            next!($family)
        }};
    }
    // Moves the reference in register C to a slot of an element.
    macro_rules! move_to_slot {
        ($family:lifetime, $slot:expr) => {{
            let slot: *mut u64 = $slot;
            let old = *slot;
            *slot = std::mem::take(&mut get!(C));
            if old != 0 {
                buffers::release(cx, old);
            }
            next!($family)
        }};
    }
    // Moves the reference in a slot of an element to register A.
    macro_rules! take_slot {
        ($family:lifetime, $slot:expr) => {{
            let mut value = std::mem::take(&mut *$slot);
            if value == 0 {
                value = elements::empty_of(cx, pc, regs);
            }
            own!(get!(A), value);
            next!($family)
        }};
    }
    // Slot X of an element of a buffer.
    macro_rules! slot {
        ($buffer:expr, $index:expr) => {
            data($buffer).add($index * (*$buffer).stride() as usize + imm!(X))
        };
    }
    // Slot X of an element of an array's view.
    macro_rules! view_slot {
        ($field:tt, $index:tt) => {{
            let index = index!(get!($index), get!($field + 1));
            let stride = tail_stride(get!($field + 2));
            buffer(get!($field)).cast::<u64>().add(index * stride + imm!(X))
        }};
    }
    // Slot X of an element of a grid's view, by row-by-row index.
    macro_rules! grid_view_slot {
        ($field:tt, $index:tt) => {{
            let (rows, cols, stride) = (get!($field + 1), get!($field + 2), get!($field + 3));
            let mut index = index!(get!($index), rows * cols) as u64;
            if cols != stride {
                index = index / cols * stride + index % cols;
            }
            let element = tail_stride(get!($field + 4));
            buffer(get!($field)).cast::<u64>().add(index as usize * element + imm!(X))
        }};
    }
    // The row-by-row index of an element.
    macro_rules! index2 {
        ($row:expr, $col:expr, $rows:expr, $cols:expr, $stride:expr) => {{
            let (row, col): (u64, u64) = ($row, $col);
            let (rows, cols): (u64, u64) = ($rows, $cols);
            if row >= rows || col >= cols {
                return elements::index2_trap(cx, pc, regs, [row, col, rows, cols]);
            }
            (row * $stride + col) as usize
        }};
    }

    'next: loop {
        if COUNT {
            // SAFETY: `pc` is at an instruction.
            unsafe {
                (*cx.counts).steps += 1;
                (*cx.counts).cost += u64::from(COSTS[usize::from(*pc.cast::<u8>())]);
                if !cx.trace.is_null() {
                    trace::after(cx);
                }
            }
        }
        // SAFETY: `pc` is at an instruction of the promoted frame.
        if ISSUE && unsafe { (*cx.issuer).watches(pc) } {
            // SAFETY: as above.
            match unsafe { issue::step(cx, pc, regs) } {
                issue::Step::Run => {}
                // SAFETY: such an instruction is not a function's last.
                issue::Step::Next(count) => unsafe {
                    pc = pc.add(count);
                    continue 'next;
                },
                issue::Step::Leave => {
                    (cx.pc, cx.regs) = (pc, regs);
                    return Exit::Issued;
                }
            }
        }
        if COUNT && !cx.trace.is_null() {
            // SAFETY: `pc` is at an instruction of the frame `regs`, which is about to run.
            unsafe { trace::before(cx, pc, regs) };
        }
        // SAFETY: `pc` is at an instruction of a verified program, or one of the machine's own two, and what each arm reads
        // and writes is what the verifier has proved of it: see the head of this file.
        unsafe {
            let op = *pc.cast::<u8>();
            if op > Op::Trap as u8 {
                unreachable_unchecked();
            }
            families! {
                'next: 'moves 'ints 'bits 'truths 'floats 'loads 'stores 'views 'grids 'jumps 'jumps_k 'jumps_f 'loops 'calls 'rest;
                match std::mem::transmute::<u8, Op>(op) {
                    Op::Complete => {
                        (cx.pc, cx.regs) = (pc, regs);
                        return Exit::Complete;
                    }
                    Op::Bridge => {
                        (regs, pc) = calls::leave(cx, regs);
                        break 'rest;
                    }

                    Op::LoadInt | Op::LoadBool => set!('moves, imm!(i)),
                    Op::LoadWordI | Op::LoadWordF => set!('moves, *pc.offset(imm!(i))),
                    Op::LoadValue => {
                        own!(get!(A), *pc.offset(imm!(i)));
                        next!('moves)
                    }
                    Op::Move | Op::Borrow => set!('moves, get!(B)),
                    Op::MoveRef => {
                        let value = std::mem::take(&mut get!(B));
                        let register: *mut u64 = &raw mut get!(A);
                        let old = *register;
                        *register = value;
                        if old != 0 && imm!(X) != usize::from(INTO_WINDOW) {
                            buffers::release(cx, old);
                        }
                        next!('moves)
                    }
                    Op::Share => {
                        let value = get!(B);
                        Heap::share(buffer(value));
                        own!(get!(A), value);
                        next!('moves)
                    }
                    Op::Drop => {
                        own!(get!(A), 0);
                        next!('moves)
                    }
                    Op::View => {
                        let (to, from): (*mut u64, *mut u64) = (&raw mut get!(A), &raw mut get!(B));
                        match imm!(X) {
                            0 => {
                                let held = buffer(*from);
                                *to = data(held).expose_provenance() as u64;
                                *to.add(1) = (*held).len;
                                *to.add(2) = view_tail(held, 0);
                            }
                            1 | 3 => {
                                *to = *from;
                                *to.add(1) = *from.add(1);
                                *to.add(2) = *from.add(2);
                            }
                            _ => slow!('loads, elements::view),
                        }
                        next!('loads)
                    }
                    Op::GridView => slow!('rest, elements::grid_view),
                    Op::RowView => slow!('rest, elements::row_view),
                    Op::Own => slow!('rest, buffers::own),

                    Op::AddI => set!('ints, some!(arith::add(int!(B), int!(C)))),
                    Op::SubI => set!('ints, some!(arith::sub(int!(B), int!(C)))),
                    Op::MulI => set!('ints, some!(arith::mul(int!(B), int!(C)))),
                    Op::DivI => set!('ints, some!((int!(B)).checked_div(int!(C)))),
                    Op::RemI => set!('ints, some!((int!(B)).checked_rem(int!(C)))),
                    Op::NegI => set!('ints, some!((int!(B)).checked_neg())),
                    Op::AddW => set!('bits, (int!(B)).wrapping_add(int!(C))),
                    Op::SubW => set!('bits, (int!(B)).wrapping_sub(int!(C))),
                    Op::MulW => set!('bits, (int!(B)).wrapping_mul(int!(C))),
                    Op::And => set!('bits, get!(B) & get!(C)),
                    Op::Or => set!('bits, get!(B) | get!(C)),
                    Op::Xor => set!('bits, get!(B) ^ get!(C)),
                    Op::Not => set!('bits, !get!(B)),
                    Op::Shl => {
                        let amount = get!(C);
                        if amount > 63 {
                            return arith::trap(cx, pc, regs);
                        }
                        set!('bits, get!(B) << amount)
                    }
                    Op::Shr => {
                        let amount = get!(C);
                        if amount > 63 {
                            return arith::trap(cx, pc, regs);
                        }
                        set!('bits, int!(B) >> amount)
                    }
                    Op::AddImm => set!('ints, some!(arith::add(int!(B), imm!(c)))),
                    Op::MulImm => set!('ints, some!(arith::mul(int!(B), imm!(c)))),
                    Op::DivImm => match imm!(c) {
                        0 | -1 => unreachable_unchecked(),
                        by => set!('ints, int!(B) / by),
                    },
                    Op::RemImm => match imm!(c) {
                        0 | -1 => unreachable_unchecked(),
                        by => set!('ints, int!(B) % by),
                    },
                    Op::DivPow => {
                        let (value, shift) = (int!(B), imm!(C) as u32);
                        let bias = ((value >> 63) as u64).wrapping_shr(64 - shift) as i64;
                        set!('bits, value.wrapping_add(bias).wrapping_shr(shift))
                    }
                    Op::RemPow => {
                        let (value, shift) = (int!(B), imm!(C) as u32);
                        let bias = ((value >> 63) as u64).wrapping_shr(64 - shift) as i64;
                        let quotient = value.wrapping_add(bias).wrapping_shr(shift);
                        set!('bits, value.wrapping_sub(quotient.wrapping_shl(shift)))
                    }
                    Op::AndImm => set!('bits, int!(B) & imm!(c)),
                    Op::ShlImm => set!('bits, (int!(B)).wrapping_shl(imm!(C) as u32)),
                    Op::ShrImm => set!('bits, (int!(B)).wrapping_shr(imm!(C) as u32)),
                    Op::AbsI => set!('ints, some!((int!(B)).checked_abs())),
                    Op::MinI => set!('ints, (int!(B)).min(int!(C))),
                    Op::MaxI => set!('ints, (int!(B)).max(int!(C))),
                    Op::LtI => set!('truths, int!(B) < int!(C)),
                    Op::LeI => set!('truths, int!(B) <= int!(C)),
                    Op::EqI => set!('truths, int!(B) == int!(C)),
                    Op::NeI => set!('truths, int!(B) != int!(C)),
                    Op::NotB => set!('truths, get!(B) ^ 1),

                    Op::AddF => set_float!('floats, float!(B) + float!(C)),
                    Op::SubF => set_float!('floats, float!(B) - float!(C)),
                    Op::MulF => set_float!('floats, float!(B) * float!(C)),
                    Op::MulAdd => {
                        get!(P) = (float!(Q) + float!(R) * float!(S)).to_bits();
                        next!('floats)
                    }
                    Op::MulSub => {
                        get!(P) = (float!(Q) - float!(R) * float!(S)).to_bits();
                        next!('floats)
                    }
                    Op::DivF => set_float!('floats, float!(B) / float!(C)),
                    Op::RemF => set_float!('floats, float!(B) % float!(C)),
                    Op::NegF => set_float!('floats, -float!(B)),
                    Op::AbsF => set_float!('floats, float!(B).abs()),
                    Op::MinF => {
                        let (b, c) = (float!(B), float!(C));
                        set_float!('floats, if total_order(b, c) == Order::Greater { c } else { b })
                    }
                    Op::MaxF => {
                        let (b, c) = (float!(B), float!(C));
                        set_float!('floats, if total_order(b, c) == Order::Less { c } else { b })
                    }
                    Op::Sqrt => set_float!('floats, float!(B).sqrt()),
                    Op::Floor => set_float!('floats, float!(B).floor()),
                    Op::Ceil => set_float!('floats, float!(B).ceil()),
                    Op::LtF => set!('truths, float!(B) < float!(C)),
                    Op::LeF => set!('truths, float!(B) <= float!(C)),
                    Op::EqF => set!('truths, float!(B) == float!(C)),
                    Op::NeF => set!('truths, float!(B) != float!(C)),

                    Op::IntToFloat => set_float!('truths, int!(B) as f64),
                    Op::FloatToInt => {
                        let value = float!(B);
                        if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
                            return arith::trap(cx, pc, regs);
                        }
                        set!('truths, value.to_int_unchecked::<i64>())
                    }
                    Op::BoolToInt => set!('truths, get!(B)),

                    Op::Compare => slow!('rest, buffers::compare),
                    Op::Cat => slow!('rest, buffers::cat),
                    Op::LoadByte => {
                        let held = buffer(get!(B));
                        let at = index!(get!(C), (*held).len);
                        set!('loads, *data(held).cast::<u8>().add(at))
                    }
                    Op::SliceStr => slow!('rest, buffers::slice_text),
                    Op::NewArray => slow!('rest, buffers::new_array),
                    Op::NewZeros => slow!('rest, buffers::new_zeros),
                    Op::NewGrid => slow!('rest, buffers::new_grid),
                    Op::Fill => slow!('rest, buffers::fill),
                    Op::FillGrid => slow!('rest, buffers::fill_grid),
                    Op::Push => {
                        let array = buffer(get!(A));
                        let len = (*array).len;
                        if !is_unique(array) || !(*array).takes_scalars() || len >= (*array).cap {
                            slow!('stores, buffers::push)
                        }
                        *data(array).add(len as usize) = get!(B);
                        (*array).len = len + 1;
                        next!('stores)
                    }
                    Op::Len => set!('loads, (*buffer(get!(B))).len),
                    Op::Dim => {
                        let held = buffer(get!(B));
                        set!('loads, if imm!(X) == 0 { (*held).rows } else { (*held).cols })
                    }
                    Op::LenV => set!('loads, get!(B + 1)),
                    Op::DimV => {
                        let (rows, cols) = (get!(B + 1), get!(B + 2));
                        set!('loads, match imm!(X) {
                            0 => rows,
                            1 => cols,
                            _ => rows * cols,
                        })
                    }

                    Op::Load => {
                        let held = buffer(get!(B));
                        let at = index!(get!(C), (*held).len);
                        set!('loads, *data(held).add(at))
                    }
                    Op::LoadF => {
                        let held = buffer(get!(B));
                        let at = index!(get!(C), (*held).len);
                        set!('loads, *slot!(held, at))
                    }
                    Op::LoadR => {
                        let held = buffer(get!(B));
                        let at = index!(get!(C), (*held).len);
                        share_slot!('loads, slot!(held, at))
                    }
                    Op::Store => {
                        let at = index!(get!(B), (*buffer(get!(A))).len);
                        let held = unique!(get!(A));
                        *data(held).add(at) = get!(C);
                        next!('stores)
                    }
                    Op::StoreF => {
                        let at = index!(get!(B), (*buffer(get!(A))).len);
                        let held = unique!(get!(A));
                        *slot!(held, at) = get!(C);
                        next!('stores)
                    }
                    Op::StoreR => {
                        let at = index!(get!(B), (*buffer(get!(A))).len);
                        let held = unique!(get!(A));
                        move_to_slot!('stores, slot!(held, at))
                    }
                    Op::TakeR => {
                        let at = index!(get!(C), (*buffer(get!(B))).len);
                        let held = unique!(get!(B));
                        take_slot!('stores, slot!(held, at))
                    }
                    Op::LoadV => {
                        let at = index!(get!(C), get!(B + 1));
                        set!('views, *buffer(get!(B)).cast::<u64>().add(at))
                    }
                    Op::LoadVF => set!('views, *view_slot!(B, C)),
                    Op::LoadVR => share_slot!('views, view_slot!(B, C)),
                    Op::StoreV => {
                        let at = index!(get!(B), get!(A + 1));
                        *buffer(get!(A)).cast::<u64>().add(at) = get!(C);
                        next!('views)
                    }
                    Op::StoreVF => {
                        *view_slot!(A, B) = get!(C);
                        next!('views)
                    }
                    Op::StoreVR => move_to_slot!('views, view_slot!(A, B)),
                    Op::TakeV => take_slot!('views, view_slot!(B, C)),
                    Op::LoadG => {
                        let held = buffer(get!(Q));
                        let at = index2!(get!(R), get!(S), (*held).rows, (*held).cols, (*held).cols);
                        get!(P) = *data(held).add(at);
                        next!('grids)
                    }
                    Op::StoreG => {
                        let held = buffer(get!(P));
                        let at = index2!(get!(Q), get!(R), (*held).rows, (*held).cols, (*held).cols);
                        let held = unique!(get!(P));
                        *data(held).add(at) = get!(S);
                        next!('grids)
                    }
                    Op::LoadGV => {
                        let at = index2!(get!(R), get!(S), get!(Q + 1), get!(Q + 2), get!(Q + 3));
                        get!(P) = *buffer(get!(Q)).cast::<u64>().add(at);
                        next!('grids)
                    }
                    Op::StoreGV => {
                        let at = index2!(get!(Q), get!(R), get!(P + 1), get!(P + 2), get!(P + 3));
                        *buffer(get!(P)).cast::<u64>().add(at) = get!(S);
                        next!('grids)
                    }
                    Op::Index2 => {
                        let held = buffer(get!(B));
                        set!('grids, index2!(get!(C), get!(C + 1), (*held).rows, (*held).cols, (*held).cols))
                    }
                    Op::Index2V => {
                        let cols = get!(B + 2);
                        set!('grids, index2!(get!(C), get!(C + 1), get!(B + 1), cols, cols))
                    }
                    Op::LoadGVF => set!('grids, *grid_view_slot!(B, C)),
                    Op::LoadGVR => share_slot!('rest, grid_view_slot!(B, C)),
                    Op::StoreGVF => {
                        *grid_view_slot!(A, B) = get!(C);
                        next!('grids)
                    }
                    Op::StoreGVR => move_to_slot!('rest, grid_view_slot!(A, B)),
                    Op::TakeGV => take_slot!('rest, grid_view_slot!(B, C)),

                    Op::Acc => {
                        let (low, carry) = get!(A).overflowing_add(get!(B));
                        let sign = (int!(B) >> 63) as u64;
                        get!(A + 1) = get!(A + 1).wrapping_add(sign).wrapping_add(u64::from(carry));
                        get!(A) = low;
                        next!('truths)
                    }
                    Op::Prod => {
                        let (product, overflow) = (int!(A)).overflowing_mul(int!(B));
                        get!(A) = product as u64;
                        if overflow {
                            get!(A + 1) = u64::MAX;
                        }
                        next!('truths)
                    }
                    Op::AccEnd => {
                        let low = get!(B);
                        if get!(B + 1) != ((low as i64) >> 63) as u64 {
                            return arith::trap(cx, pc, regs);
                        }
                        set!('truths, low)
                    }
                    Op::Fold => slow!('rest, arith::fold),
                    Op::FoldEnd => slow!('rest, arith::fold_end),

                    Op::Jump => jump!('jumps, i),
                    Op::JumpIf => jump_if!('jumps, get!(A) != 0, i),
                    Op::JumpNot => jump_if!('jumps, get!(A) == 0, i),
                    Op::JumpLtI => jump_if!('jumps, (int!(A)) < int!(B), c),
                    Op::JumpLeI => jump_if!('jumps, (int!(A)) <= int!(B), c),
                    Op::JumpEqI => jump_if!('jumps, get!(A) == get!(B), c),
                    Op::JumpNeI => jump_if!('jumps, get!(A) != get!(B), c),
                    Op::JumpLtK => jump_if!('jumps_k, (int!(A)) < imm!(b), c),
                    Op::JumpLeK => jump_if!('jumps_k, (int!(A)) <= imm!(b), c),
                    Op::JumpGtK => jump_if!('jumps_k, (int!(A)) > imm!(b), c),
                    Op::JumpGeK => jump_if!('jumps_k, (int!(A)) >= imm!(b), c),
                    Op::JumpEqK => jump_if!('jumps_k, (int!(A)) == imm!(b), c),
                    Op::JumpNeK => jump_if!('jumps_k, (int!(A)) != imm!(b), c),
                    Op::JumpLtF => jump_if!('jumps_f, float!(A) < float!(B), c),
                    Op::JumpLeF => jump_if!('jumps_f, float!(A) <= float!(B), c),
                    Op::JumpEqF => jump_if!('jumps_f, float!(A) == float!(B), c),
                    Op::JumpNeF => jump_if!('jumps_f, float!(A) != float!(B), c),
                    Op::JumpNotLtF => jump_if!('jumps_f, !(float!(A) < float!(B)), c),
                    Op::JumpNotLeF => jump_if!('jumps_f, !(float!(A) <= float!(B)), c),
                    Op::For => {
                        let i = (int!(A)).wrapping_add(1);
                        get!(A) = i as u64;
                        jump_if!('loops, i < int!(B), c)
                    }
                    Op::ForStep => {
                        let (step, end) = (int!(B + 1), int!(B));
                        let (i, overflow) = (int!(A)).overflowing_add(step);
                        get!(A) = i as u64;
                        jump_if!('loops, !overflow && if step > 0 { i < end } else { i > end }, c)
                    }
                    Op::ForTest => {
                        let (i, step, end) = (int!(A), int!(B + 1), int!(B));
                        if step == 0 {
                            return arith::trap(cx, pc, regs);
                        }
                        jump_if!('loops, if step > 0 { i >= end } else { i <= end }, c)
                    }

                    Op::Call => {
                        let window = regs.add(imm!(A));
                        let entry = pc.offset(imm!(i));
                        // With `PREPARE` in it, the sum passes any limit.
                        if window.addr() as u64 + *entry.sub(1) > cx.limit as u64 {
                            let callee = calls::enter(cx, pc, regs);
                            if callee.is_null() {
                                fail!()
                            }
                            regs = callee;
                        } else {
                            frame::link(window, regs, pc.add(1), entry);
                            regs = window;
                        }
                        pc = entry;
                        if COUNT {
                            calls::count(cx, regs);
                        }
                        poll!();
                        break 'calls;
                    }
                    Op::Sys => slow!('rest, calls::sys),
                    Op::Return => {
                        (regs, pc) = frame::parent(regs);
                        break 'calls;
                    }
                    Op::ReturnValue => {
                        *regs = get!(A);
                        (regs, pc) = frame::parent(regs);
                        break 'calls;
                    }
                    Op::ReturnDrop => {
                        calls::drop_locals(cx, regs);
                        (regs, pc) = frame::parent(regs);
                        break 'calls;
                    }
                    Op::Host => {
                        if !calls::host(cx, pc, regs) {
                            fail!()
                        }
                        (regs, pc) = frame::parent(regs);
                        break 'calls;
                    }
                    Op::Decide => slow!('rest, calls::decide),
                    Op::Trap => return arith::trap(cx, pc, regs),
                }
            }
        }
    }
}

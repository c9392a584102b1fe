//! Calls with more to do than to link a frame: results to null, views to check, the end of a segment; built-ins, and functions of
//! the host.

use std::sync::atomic::Ordering;

use super::{Context, operand, reg};
use crate::bytecode::builtins::BUILTINS;
use crate::bytecode::effects::Effects;
use crate::bytecode::trap::TrapCode;
use crate::machine::code::{ViewParam, prologue};
use crate::machine::extern_call::Extern;
use crate::machine::frame;
use crate::machine::host_call::{HostCall, SysLayout};
use crate::machine::interrupt::Stop;
use crate::machine::machine::HELD;
use crate::machine::memory::buffer;
use crate::machine::split;
use crate::machine::trap::Fault;

/// Enters the callee; its frame, or null with a fault.
///
/// # Safety
/// `pc` is at a `call` of frame `regs`.
#[inline(never)]
pub(super) unsafe fn enter(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> *mut u64 {
    // SAFETY: the verifier's promise about the window; the nulls are registers of the callee's frame.
    unsafe {
        let window = regs.add(operand!(pc A));
        let entry = pc.offset(operand!(pc i));
        let function = prologue(entry);
        let info = cx.code.callee(entry);
        let extent = (*function).bytes();
        let callee = if overlap(window, &info.views) {
            Err(Fault::trap(TrapCode::OverlappingArguments, ""))
        } else if window.addr() as u64 + extent <= cx.limit as u64 {
            frame::link(window, regs, pc.add(1), entry);
            Ok(window)
        } else if is_younger(cx) && cx.heap.budget().is_tight(cx.stack.growth(window, extent) as u64) {
            Err(Stop::Memory.into())
        } else {
            let callee = cx.stack.call(regs, window, pc.add(1), entry, cx.heap);
            cx.limit = cx.stack.limit();
            callee
        };
        match callee {
            Ok(callee) => {
                for &at in &info.nulls {
                    *callee.add(usize::from(at)) = 0;
                }
                if info.range.is_some() && split::is_long(callee) {
                    cx.interrupt.feed();
                }
                callee
            }
            // As in `buffers::stopped`; what was handed over stays where it is.
            Err(Fault::Stop(Stop::Memory)) if is_younger(cx) => {
                cx.fault = Some(Fault::Wait);
                std::ptr::null_mut()
            }
            Err(fault) => {
                // Nobody else knows of what was handed over.
                for &at in &info.owned_params {
                    release_slot(cx, window.add(usize::from(at)));
                }
                cx.fault = Some(fault);
                std::ptr::null_mut()
            }
        }
    }
}

/// # Safety
/// The slot holds 0 or an owner.
unsafe fn release_slot(cx: &mut Context<'_>, slot: *mut u64) {
    // SAFETY: the caller's.
    unsafe {
        let held = std::mem::take(&mut *slot);
        if held != 0 {
            cx.heap.release(buffer(held));
        }
    }
}

/// Where the elements of a view lie: a row of addresses for each of its rows.
struct Box2 {
    start: u64,
    /// Bytes of a row, and from one row to the next.
    width: u64,
    pitch: u64,
    rows: u64,
}

impl Box2 {
    /// Of the view in the registers at `at`; `None` if it is empty.
    ///
    /// # Safety
    /// They hold such a view.
    unsafe fn of(view: &ViewParam, at: *const u64) -> Option<Box2> {
        let bytes = 8 * u64::from(view.stride);
        // SAFETY: the caller's.
        let (start, rows, cols, pitch) = unsafe {
            if view.is_grid { (*at, *at.add(1), *at.add(2), *at.add(3)) } else { (*at, 1, *at.add(1), *at.add(1)) }
        };
        let (width, pitch) = (cols * bytes, pitch * bytes);
        (rows > 0 && width > 0).then_some(Box2 { start, width, pitch, rows })
    }

    /// Past the last byte.
    fn end(&self) -> u64 {
        self.start + (self.rows - 1) * self.pitch + self.width
    }

    /// Whether a byte is in both. Exact if each row is in one row of the other's grid, as all views of one grid are.
    fn meets(&self, other: &Box2) -> bool {
        if self.start >= other.end() || other.start >= self.end() {
            return false;
        }
        let (a, b) = if self.rows >= other.rows { (self, other) } else { (other, self) };
        if a.rows == 1 {
            return true;
        }
        if b.rows > 1 && a.pitch != b.pitch {
            return true;
        }
        // Columns modulo the pitch, relative to the first of `a`: a row of `b` begins at `offset` in some row of the grid.
        let offset = (b.start.wrapping_sub(a.start) as i64).rem_euclid(a.pitch as i64) as u64;
        offset < a.width || offset + b.width > a.pitch
    }
}

/// Whether two views of one call meet, of which one may be written.
///
/// # Safety
/// The window holds these views.
#[inline]
pub(in crate::machine) unsafe fn overlap(window: *mut u64, views: &[ViewParam]) -> bool {
    // SAFETY: the caller's.
    !views.is_empty() && unsafe { some_overlap(window, views) }
}

/// # Safety
/// As for `overlap`.
#[inline(never)]
unsafe fn some_overlap(window: *mut u64, views: &[ViewParam]) -> bool {
    // SAFETY: the caller's.
    let place = |view: &ViewParam| unsafe { Box2::of(view, window.add(usize::from(view.at))) };
    views.iter().enumerate().filter(|(_, a)| a.mutable).any(|(i, a)| {
        let Some(written) = place(a) else { return false };
        // Two that are written are compared once.
        let related = |(j, b): &(usize, &ViewParam)| a.element == b.element && (!b.mutable || *j < i);
        views.iter().enumerate().filter(related).any(|(_, b)| place(b).is_some_and(|b| written.meets(&b)))
    })
}

/// `bridge`: the frame to go on in, and where.
///
/// # Safety
/// `regs` is a bridge, to which the callee returned.
#[cold]
#[inline(never)]
pub(super) unsafe fn leave(cx: &mut Context<'_>, regs: *mut u64) -> (*mut u64, *const u64) {
    // SAFETY: the caller's.
    let caller = unsafe { cx.stack.leave(regs, cx.heap) };
    cx.limit = cx.stack.limit();
    caller
}

/// Counts a call into the frame `regs`.
///
/// # Safety
/// `regs` is the innermost frame.
#[inline(never)]
pub(super) unsafe fn count(cx: &mut Context<'_>, regs: *mut u64) {
    // SAFETY: the caller's.
    unsafe {
        let entry = frame::entry(regs);
        let registers = (*prologue(entry)).registers;
        let counts = &mut *cx.counts;
        counts.calls += 1;
        counts.inlined += u64::from(cx.code.callee(entry).is_task);
        counts.peak_depth = counts.peak_depth.max(cx.stack.depth(regs, registers));
    }
}

/// Drops the owned locals of a frame that returns.
///
/// # Safety
/// `regs` is the innermost frame.
#[inline(never)]
pub(super) unsafe fn drop_locals(cx: &mut Context<'_>, regs: *mut u64) {
    // SAFETY: the caller's; the prologue says where they are.
    unsafe {
        let function = prologue(frame::entry(regs));
        for at in (*function).owned_start..(*function).owned_end {
            let held = *regs.add(usize::from(at));
            if held != 0 {
                cx.heap.release(buffer(held));
            }
        }
    }
}

/// Whether a built-in may not yet run, since older work has not retired: an irrevocable one, or one that prints while a lot of
/// output is held back.
fn has_to_wait(cx: &Context<'_>, is_irrevocable: bool) -> bool {
    is_younger(cx) && (is_irrevocable || cx.held.load(Ordering::Relaxed) > HELD)
}

/// Whether older work may not have retired.
pub(super) fn is_younger(cx: &Context<'_>) -> bool {
    if cx.oldest.is_null() {
        // Everything runs in order.
        return false;
    }
    // SAFETY: it is a flag of the entry whose work is done.
    let is_oldest = cx.issuer.is_null() && unsafe { (*cx.oldest).load(Ordering::Acquire) };
    !is_oldest
}

/// What comes after the iteration in progress is not to be run: where it may be elsewhere, the worker sees to it.
///
/// # Safety
/// `pc` is at a `decide` of frame `regs`.
pub(super) unsafe fn decide(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the caller's; callers of a linked frame are linked.
    unsafe {
        let is_whole = || frame::caller(regs).is_some_and(|(wrapper, _)| frame::caller(wrapper).is_some());
        if operand!(pc X) == 0 || is_whole() {
            return true;
        }
        cx.fault = Some(Fault::Decided);
        false
    }
}

/// `sys`
///
/// # Safety
/// `pc` is at a `sys` of frame `regs`.
#[inline(never)]
pub(super) unsafe fn sys(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about the window; the distance leads to the address of a layout, which the code keeps.
    unsafe {
        let layout: &SysLayout = &*std::ptr::with_exposed_provenance(*pc.offset(operand!(pc i)) as usize);
        if (layout.waits || layout.effects.meets(Effects::OUTPUT)) && has_to_wait(cx, layout.waits) {
            cx.fault = Some(Fault::Wait);
            return false;
        }
        let window: *mut u64 = &raw mut reg!(pc, regs, A);
        let (results, all) = (&layout.owned[..layout.owned_results], &layout.owned);
        for &(at, _) in results {
            *window.add(usize::from(at)) = 0;
        }
        let result = if overlap(window, &layout.views) {
            Err(Fault::trap(TrapCode::OverlappingArguments, ""))
        } else if let Some(function) = cx.host[usize::from(layout.builtin)] {
            function(&mut HostCall::new(window, layout, cx.heap, cx.code, cx.interrupt, cx.world))
        } else {
            let name = BUILTINS[usize::from(layout.builtin)].name;
            Err(Fault::trap(TrapCode::Panic, format!("the host has no function `{name}`")))
        };
        if let Err(fault) = result {
            // What only reads has changed nothing.
            let waits = fault == Fault::Stop(Stop::Memory) && layout.only_reads() && is_younger(cx);
            for &(at, _) in if waits { results } else { all } {
                release_slot(cx, window.add(usize::from(at)));
            }
            cx.fault = Some(if waits { Fault::Wait } else { fault });
            return false;
        }
        for &(at, ty) in results {
            let slot = window.add(usize::from(at));
            if *slot == 0 {
                *slot = cx.code.layouts.get(ty).empty();
            }
        }
    }
    true
}

/// `host`
///
/// # Safety
/// `pc` is at the `host` of frame `regs`, which has its parameters, and results that are 0 where they own.
#[inline(never)]
pub(super) unsafe fn host(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the caller's; the distance leads to the address of what the function was linked with, which the code keeps.
    unsafe {
        let callee: &Extern = &*std::ptr::with_exposed_provenance(*pc.offset(operand!(pc i)) as usize);
        if callee.effects != Effects::NONE && has_to_wait(cx, callee.waits()) {
            cx.fault = Some(Fault::Wait);
            return false;
        }
        match callee.call(cx, regs) {
            Ok(()) => true,
            Err(fault) => {
                cx.fault = Some(*fault);
                false
            }
        }
    }
}

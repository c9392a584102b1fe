//! Frames and the stack segments that they lie in.
//!
//! A frame is a header of `HEADER` slots, then its registers; a frame is named by the address of its register 0. A callee's
//! frame begins where its caller's registers end, so a call is an addition. Where a segment has no room, the callee's
//! frame is put into a new one, behind the header of a *bridge*: a frame without registers that returns into the caller's
//! segment.
//!
//! Invariant: frames from the root to the innermost one lie in `segments`, in order; the header slots below are set for each.
//! A slot of a segment is initialised memory from the first.
//!
//! Used by the interpreter and by whoever walks a suspended run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bumpalo::Bump;

use super::code::prologue;
use super::interrupt::Stop;
use super::memory::Heap;
use super::trap::Fault;
use crate::bytecode::ops::{HEADER, Op};
use crate::bytecode::trap::TrapCode;

/// Slots below register 0. The others are left for what a frame needs out of order.
const PARENT: usize = 8;
const RETURN_PC: usize = 7;
const ENTRY: usize = 6;
/// In a bridge's header: the entry of the callee, and the caller's window.
const CALLEE: usize = 5;
const WINDOW: usize = 4;

/// What a root frame returns to, and what a frame behind a bridge returns to.
static STOPS: [u64; 2] = [(Op::Complete as u64).to_le(), (Op::Bridge as u64).to_le()];

/// The instruction that a root frame returns to.
pub(super) fn complete() -> *const u64 {
    &STOPS[0]
}

fn bridge() -> *const u64 {
    &STOPS[1]
}

/// Writes a frame's header.
///
/// # Safety
/// `regs` is register 0 of a frame whose header is in a segment.
#[inline(always)]
pub(super) unsafe fn link(regs: *mut u64, parent: *mut u64, return_pc: *const u64, entry: *const u64) {
    // SAFETY: the caller's.
    unsafe {
        *regs.sub(PARENT) = parent.expose_provenance() as u64;
        *regs.sub(RETURN_PC) = return_pc.expose_provenance() as u64;
        *regs.sub(ENTRY) = entry.expose_provenance() as u64;
    }
}

/// The frame that `regs` returns to, and the instruction there.
///
/// # Safety
/// `regs` is a linked frame.
#[inline(always)]
pub(super) unsafe fn parent(regs: *mut u64) -> (*mut u64, *const u64) {
    // SAFETY: a linked frame's header holds addresses.
    unsafe { (address(regs.sub(PARENT)), address(regs.sub(RETURN_PC))) }
}

/// The first instruction of the frame's function.
///
/// # Safety
/// `regs` is a linked frame, and not a bridge.
#[inline(always)]
pub(super) unsafe fn entry(regs: *mut u64) -> *const u64 {
    // SAFETY: as above.
    unsafe { address(regs.sub(ENTRY)) }
}

/// # Safety
/// The slot holds an exposed address.
#[inline(always)]
unsafe fn address(slot: *const u64) -> *mut u64 {
    // SAFETY: the caller's.
    std::ptr::with_exposed_provenance_mut(unsafe { *slot } as usize)
}

/// The calling frame and the instruction that it goes on at, past bridges; `None` for a root.
///
/// # Safety
/// `regs` is a linked frame, and not a bridge.
pub(super) unsafe fn caller(regs: *mut u64) -> Option<(*mut u64, *const u64)> {
    // SAFETY: the caller's; a bridge's header is linked too.
    unsafe {
        let (above, pc) = parent(regs);
        if pc == complete() {
            None
        } else if pc == bridge() {
            Some(parent(above))
        } else {
            Some((above, pc))
        }
    }
}

const CLASSES: usize = 4;
/// Bytes of the segment that a stack begins with, unless its first frame is larger.
pub(super) const SEGMENT: usize = size_of_class(0);

/// Bytes of a segment of that class.
const fn size_of_class(class: usize) -> usize {
    (64 << 10) << (2 * class)
}

#[derive(Clone, Copy)]
struct Segment {
    base: *mut u64,
    /// Past its last slot.
    end: usize,
    /// `None` if it is the rest of a segment of another stack, which gets it back.
    class: Option<usize>,
    /// The bytes of depth at which `base` lies, so that a register's depth is this and its distance from `base`.
    depth: u64,
}

/// Where stacks get their segments from, shared by the workers of a machine; its arena lives as long as that. Who uses a segment
/// pays for it.
#[derive(Default)]
pub(super) struct Segments(Mutex<Pool>);

#[derive(Default)]
struct Pool {
    free: [Vec<*mut u64>; CLASSES],
    bump: Bump,
}

// SAFETY: a free segment is reached through the pool alone, which its lock guards.
unsafe impl Send for Pool {}

impl Segments {
    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, class: usize, heap: &mut Heap) -> Result<*mut u64, Stop> {
        let size = size_of_class(class);
        heap.charge(size)?;
        let mut pool = self.pool();
        if let Some(base) = pool.free[class].pop() {
            return Ok(base);
        }
        match pool.bump.try_alloc_slice_fill_default::<u64>(size / 8) {
            Ok(slots) => Ok(slots.as_mut_ptr()),
            Err(_) => {
                heap.refund(size);
                Err(Stop::Memory)
            }
        }
    }

    fn give(&self, class: usize, base: *mut u64, heap: &mut Heap) {
        self.pool().free[class].push(base);
        heap.refund(size_of_class(class));
    }
}

/// The stack of one run: the frames of one activity.
pub(super) struct Stack {
    segments: Vec<Segment>,
    /// Segments that it left and keeps for its next calls, one of a class at most.
    kept: Vec<(usize, *mut u64)>,
    /// Whether its segments are paid for: from its base frame to its end.
    is_open: bool,
    /// Bytes that frames may take from the root to the innermost.
    max_depth: u64,
    pool: Arc<Segments>,
}

// SAFETY: segments are reached through their stack alone.
unsafe impl Send for Stack {}

impl Drop for Stack {
    fn drop(&mut self) {
        debug_assert!(!self.is_open, "somebody still pays for it");
        if let Some(Segment { base, class: Some(class), .. }) = self.segments.pop() {
            self.pool.pool().free[class].push(base);
        }
    }
}

impl Stack {
    /// An empty stack.
    pub(super) fn new(pool: Arc<Segments>) -> Stack {
        Stack { segments: Vec::new(), kept: Vec::new(), is_open: false, max_depth: 0, pool }
    }

    /// The base frame of a function, `depth` bytes of frames below the root, of which there may be `max_depth`. It returns to
    /// `complete`. On failure the stack is closed.
    ///
    /// # Safety
    /// `entry` is the entry of a function of code that outlives the stack, which has no frames.
    #[inline]
    pub(super) unsafe fn base(
        &mut self,
        entry: *const u64,
        depth: u64,
        max_depth: u64,
        heap: &mut Heap,
    ) -> Result<*mut u64, Fault> {
        debug_assert!(!self.is_open, "it has frames");
        // SAFETY: the caller's; the segment has room for the frame.
        unsafe {
            let function = *prologue(entry);
            self.max_depth = max_depth;
            self.check_depth(depth + 8 * (HEADER as u64 + u64::from(function.registers)))?;
            if let Some(Segment { class: Some(class), .. }) = self.segments.last() {
                // The one that it kept from its last base.
                heap.charge(size_of_class(*class))?;
            }
            self.is_open = true;
            let base = match self.segments.last_mut() {
                Some(kept) if function.bytes() as usize + 16 * HEADER <= kept.end - kept.base.addr() => {
                    kept.depth = depth;
                    kept.base
                }
                _ => {
                    self.clear(heap);
                    match self.push(Self::class_for(0, function.bytes()), depth, heap) {
                        Ok(base) => base,
                        Err(stop) => {
                            self.close(heap);
                            return Err(stop.into());
                        }
                    }
                }
            };
            let regs = base.add(HEADER);
            link(regs, std::ptr::null_mut(), complete(), entry);
            Ok(regs)
        }
    }

    /// Lets go of all frames, but may keep a segment for the next base.
    #[inline]
    pub(super) fn close(&mut self, heap: &mut Heap) {
        if !std::mem::replace(&mut self.is_open, false) {
            return;
        }
        match self.segments[..] {
            [Segment { class: Some(class), .. }] if self.kept.is_empty() => heap.refund(size_of_class(class)),
            _ => self.close_some(heap),
        }
    }

    #[cold]
    fn close_some(&mut self, heap: &mut Heap) {
        if self.segments.len() != 1 || self.segments[0].class.is_none() {
            self.clear(heap);
        }
        for (class, base) in self.kept.drain(..) {
            self.pool.give(class, base, heap);
        }
        if let Some(Segment { class: Some(class), .. }) = self.segments.last() {
            heap.refund(size_of_class(*class));
        }
    }

    /// Lets go of all frames.
    fn clear(&mut self, heap: &mut Heap) {
        while let Some(segment) = self.segments.pop() {
            self.put_away(segment, heap);
        }
    }

    fn put_away(&mut self, segment: Segment, heap: &mut Heap) {
        let Some(class) = segment.class else { return };
        if self.kept.iter().any(|&(kept, _)| kept == class) {
            self.pool.give(class, segment.base, heap);
        } else {
            self.kept.push((class, segment.base));
        }
    }

    /// The frame that `regs` has called, if `regs` is not the innermost one, past a bridge.
    ///
    /// # Safety
    /// `regs` is a frame of this stack and not the innermost.
    pub(super) unsafe fn callee(&self, regs: *mut u64) -> *mut u64 {
        // SAFETY: the caller's: its callee is in its window, or the first behind a bridge.
        unsafe {
            let at = self.segment_of(regs);
            if let Some(next) = self.segments.get(at + 1) {
                let bridge_regs = next.base.add(HEADER);
                if parent(bridge_regs).0 == regs {
                    return bridge_regs.add(HEADER);
                }
            }
            regs.add((*prologue(entry(regs))).registers as usize + HEADER)
        }
    }

    fn segment_of(&self, regs: *mut u64) -> usize {
        let inside = |s: &Segment| s.base.addr() <= regs.addr() && regs.addr() < s.end;
        self.segments.iter().position(inside).expect("a frame lies in a segment")
    }

    /// Cuts the stack above the frame `regs`, whose callee is `callee`: this stack keeps what is above and begins at
    /// `callee`, which returns to `complete` from now on; the result has `regs` as its innermost frame.
    ///
    /// # Safety
    /// `regs` is a frame of this stack that has called `callee`.
    pub(super) unsafe fn split(&mut self, regs: *mut u64, callee: *mut u64) -> Stack {
        // SAFETY: the caller's.
        unsafe {
            let at = self.segment_of(regs);
            let mut above = self.segments.split_off(at + 1);
            let lower = Stack {
                segments: std::mem::take(&mut self.segments),
                kept: Vec::new(),
                is_open: true,
                max_depth: self.max_depth,
                pool: self.pool.clone(),
            };
            let cut = lower.segments[at];
            if cut.base.addr() <= callee.addr() && callee.addr() < cut.end {
                let base = callee.sub(HEADER);
                let depth = cut.depth + (base.addr() - cut.base.addr()) as u64;
                above.insert(0, Segment { base, end: cut.end, class: None, depth });
            }
            self.segments = above;
            link(callee, std::ptr::null_mut(), complete(), entry(callee));
            lower
        }
    }

    /// The depth of any frame of the stack, which is where its callee begins.
    ///
    /// # Safety
    /// `regs` is a frame of this stack.
    pub(super) unsafe fn depth_of(&self, regs: *mut u64) -> u64 {
        let segment = self.segments[self.segment_of(regs)];
        // SAFETY: the caller's.
        let registers = unsafe { (*prologue(entry(regs))).registers };
        segment.depth + (regs.addr() - segment.base.addr()) as u64 + 8 * u64::from(registers)
    }

    /// The depth at which a frame of the stack begins.
    ///
    /// # Safety
    /// `regs` is a frame of this stack.
    pub(super) unsafe fn begins_at(&self, regs: *mut u64) -> u64 {
        // SAFETY: the caller's.
        unsafe { self.depth_of(regs) - 8 * (u64::from((*prologue(entry(regs))).registers) + HEADER as u64) }
    }

    /// A frame may reach to here without more ado. Past it either the segment ends or the depth may be too large.
    pub(super) fn limit(&self) -> usize {
        let top = self.segments.last().expect("there is a root frame");
        let room = ((top.end - top.base.addr()) as u64).min(self.max_depth.saturating_sub(top.depth));
        top.base.addr() + room as usize
    }

    /// The depth of the innermost frame, if that is `regs`, which has `registers`.
    pub(super) fn depth(&self, regs: *mut u64, registers: u32) -> u64 {
        let top = self.segments.last().expect("there is a root frame");
        top.depth + (regs.addr() - top.base.addr()) as u64 + 8 * u64::from(registers)
    }

    fn check_depth(&self, depth: u64) -> Result<(), Fault> {
        let most = self.max_depth;
        if depth > most {
            let values = format!("{depth} bytes of frames, at most {most} are allowed");
            return Err(Fault::trap(TrapCode::RecursionTooDeep, values));
        }
        Ok(())
    }

    /// Bytes of the segment that a call with its window there, of a function with that extent, takes more; 0 if there is room.
    pub(super) fn growth(&self, window: *mut u64, extent: u64) -> usize {
        let top = self.segments.last().expect("there is a root frame");
        let is_inside = window.addr() as u64 + extent <= top.end as u64;
        let class = Self::class_above(top, extent);
        if is_inside || self.kept.iter().any(|&(kept, _)| kept == class) { 0 } else { size_of_class(class) }
    }

    /// Of which class the segment above `top` is, which has room for `extent` bytes.
    fn class_above(top: &Segment, extent: u64) -> usize {
        Self::class_for((top.class.unwrap_or(0) + 1).min(CLASSES - 1), extent)
    }

    /// The least class from `class` on with room for two headers and `extent` bytes.
    fn class_for(class: usize, extent: u64) -> usize {
        let needed = extent as usize + 16 * HEADER;
        (class..CLASSES).find(|&c| size_of_class(c) >= needed).expect("a frame fits into the largest")
    }

    /// A call that may pass the limit: links the frame of the function at `entry` to the frame `regs`, in a new segment if this
    /// one has no room at `window`.
    ///
    /// # Safety
    /// `regs` is the innermost frame; the arguments are in its window; `entry` is the entry of a function.
    pub(super) unsafe fn call(
        &mut self,
        regs: *mut u64,
        window: *mut u64,
        return_pc: *const u64,
        entry: *const u64,
        heap: &mut Heap,
    ) -> Result<*mut u64, Fault> {
        // SAFETY: the caller's. The window's header and parameters are inside the caller's extent.
        unsafe {
            let function = *prologue(entry);
            let (registers, boundary, extent) = (function.registers, function.boundary, function.bytes());
            let depth = self.depth(window, registers);
            self.check_depth(depth)?;
            let top = self.segments.last().expect("there is a root frame");
            if window.addr() as u64 + extent <= top.end as u64 {
                link(window, regs, return_pc, entry);
                return Ok(window);
            }
            // Two headers come before the callee's registers, of which its depth counts one.
            let base_depth = depth - 8 * u64::from(registers) - 16 * HEADER as u64;
            let base = self.push(Self::class_above(top, extent), base_depth, heap)?;
            let bridge_regs = base.add(HEADER);
            link(bridge_regs, regs, return_pc, std::ptr::null());
            *bridge_regs.sub(CALLEE) = entry.expose_provenance() as u64;
            *bridge_regs.sub(WINDOW) = window.expose_provenance() as u64;
            let callee = bridge_regs.add(HEADER);
            link(callee, bridge_regs, bridge(), entry);
            callee.copy_from_nonoverlapping(window, usize::from(boundary));
            Ok(callee)
        }
    }

    /// The callee behind the bridge `regs` has returned: hands its results back and leaves the segment. The caller's frame,
    /// and where it goes on.
    ///
    /// # Safety
    /// `regs` is a bridge, and the innermost frame.
    pub(super) unsafe fn leave(&mut self, regs: *mut u64, heap: &mut Heap) -> (*mut u64, *const u64) {
        // SAFETY: `call` made the bridge and what lies around it.
        unsafe {
            let entry = address(regs.sub(CALLEE));
            let window = address(regs.sub(WINDOW));
            window.copy_from_nonoverlapping(regs.add(HEADER), usize::from((*prologue(entry)).boundary));
            let caller = parent(regs);
            let left = self.segments.pop().expect("the bridge lies in one");
            self.put_away(left, heap);
            caller
        }
    }

    /// A new segment of that class; its base.
    fn push(&mut self, class: usize, depth: u64, heap: &mut Heap) -> Result<*mut u64, Stop> {
        let base = match self.kept.iter().position(|&(kept, _)| kept == class) {
            Some(at) => self.kept.swap_remove(at).1,
            None => self.pool.take(class, heap)?,
        };
        self.segments.push(Segment { base, end: base.addr() + size_of_class(class), class: Some(class), depth });
        Ok(base)
    }
}

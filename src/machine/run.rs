//! One activity in order: a stack of frames, and where it goes on. Any thread may resume it, one at a time.
//!
//! Invariant: while it is suspended, `pc` and `regs` are as `execute::run` left them or [`Run::begin`] set them; every owner in its
//! frames is dropped when it ends, whichever way.

use std::ptr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::answer::Wait;
use super::code::{Code, INTO_WINDOW, prologue};
use super::frame::{self, Stack};
use super::memory::{Heap, buffer};
use super::output::Log;
use super::plan::What;
use super::station::Entry;
use super::trap::{Fault, Trace, TraceLine};
use crate::bytecode::ops::{Field, Instr};
use crate::bytecode::program::Function;

pub(super) struct Run {
    pub(super) stack: Stack,
    pub(super) pc: *const u64,
    pub(super) regs: *mut u64,
    /// Register 0 of the frame that it ends with.
    pub(super) base: *mut u64,
    /// What it is the work of; null where nothing is issued.
    pub(super) entry: *mut Entry,
    /// What it printed and could not be written yet.
    pub(super) log: Log,
    /// The answer of the host that its next instruction waits for, or has waited for.
    pub(super) awaits: Option<Arc<Wait>>,
}

// SAFETY: the pointers lead into the stack, the code, and the entry that is its own.
unsafe impl Send for Run {}

impl Run {
    pub(super) fn new(stack: Stack) -> Run {
        Run {
            stack,
            pc: ptr::null(),
            regs: ptr::null_mut(),
            base: ptr::null_mut(),
            entry: ptr::null_mut(),
            log: Log::default(),
            awaits: None,
        }
    }

    /// About to enter the function at `entry`, `depth` bytes below the root, of at most `max_depth`; its parameters are not set yet, and its
    /// results and owned locals null.
    ///
    /// # Safety
    /// `entry` is the entry of a function of `code`, which outlives the run; the stack is empty.
    #[inline]
    pub(super) unsafe fn begin(
        &mut self,
        code: &Code,
        entry: *const u64,
        depth: u64,
        max_depth: u64,
        heap: &mut Heap,
    ) -> Result<(), Fault> {
        // SAFETY: the caller's.
        unsafe {
            self.base = self.stack.base(entry, depth, max_depth, heap)?;
            (self.pc, self.regs) = (entry, self.base);
            for &at in &code.callee(entry).nulls {
                *self.base.add(usize::from(at)) = 0;
            }
        }
        Ok(())
    }

    /// Drops what the innermost frame has moved into its window for a call that will not be made. In order nothing can fail
    /// between the two; but a frame may have stalled there, or a built-in waited for its turn.
    ///
    /// The verifier has seen to it that only `mov.r` puts owners there, that they are taken in the same straight line, and that the
    /// last to take is the call: so what was put there since the last call and not touched since then is there.
    pub(super) fn drop_staged(&mut self, code: &Code, heap: &mut Heap) {
        // SAFETY: `pc` is an instruction of the frame `regs`; see above for the slots, which hold 0 or an owner.
        unsafe {
            let entry = frame::entry(self.regs);
            let plan = code.plan((*prologue(entry)).index);
            let mut touched: SmallVec<[u16; 16]> = SmallVec::new();
            for index in (0..(self.pc.addr() - entry.addr()) / 8).rev() {
                let step = plan.step(index);
                if matches!(step.what, What::Call | What::Sys | What::Leave) {
                    break;
                }
                let instr = Instr(u64::from_le(*entry.add(index)));
                let register = instr.get(Field::A) as u16;
                let staged = step.what == What::MoveRef && instr.get(Field::X) == u32::from(INTO_WINDOW);
                if staged && !touched.contains(&register) {
                    let held = std::mem::take(&mut *self.regs.add(usize::from(register)));
                    if held != 0 {
                        heap.release(buffer(held));
                    }
                }
                let (reads, writes) = plan.sets(step);
                touched.extend_from_slice(reads);
                touched.extend_from_slice(writes);
            }
        }
    }

    /// Drops what its frames own, innermost first, and is empty then.
    pub(super) fn unwind(&mut self, code: &Code, heap: &mut Heap) {
        let mut frame = Some(self.regs);
        while let Some(regs) = frame {
            // SAFETY: a frame of this stack; its `Own` registers hold 0 or an owner, and are not used again.
            unsafe {
                for &at in &code.callee(frame::entry(regs)).owned {
                    let held = *regs.add(usize::from(at));
                    if held != 0 {
                        heap.release(buffer(held));
                    }
                }
                frame = frame::caller(regs).map(|(regs, _)| regs);
            }
        }
        self.stack.close(heap);
    }

    /// Whether nothing in the program called its base frame.
    fn is_root(&self) -> bool {
        // SAFETY: the entry is live as long as its run.
        self.entry.is_null() || unsafe { (*self.entry).is_root }
    }

    /// Adds the chain of calls to a trace, from the instruction where it is.
    pub(super) fn trace(&self, code: &Code, trace: &mut Trace) {
        let sites = &code.program().sites;
        let (mut regs, mut pc) = (self.regs, self.pc);
        loop {
            // SAFETY: a frame of this stack, and `pc` one of its instructions.
            let (function, entry) = unsafe {
                let entry = frame::entry(regs);
                ((*prologue(entry)).index, entry)
            };
            let Function { part_of, .. } = code.program().functions[function as usize];
            // SAFETY: as above; a frame goes on after its call.
            let above = unsafe { frame::caller(regs) };
            // What is known of a function of the host is who called it, unless the host did.
            let is_shown =
                !code.program().functions[function as usize].is_extern() || (above.is_none() && self.is_root());
            if is_shown && trace.shows(part_of) {
                let mut site = code.site(function, entry, pc);
                while let Some((inlined, call)) = sites[site as usize].inlined {
                    trace.add(TraceLine { function: inlined, site });
                    site = call;
                }
                trace.add(TraceLine { function: part_of.unwrap_or(function), site });
            }
            match above {
                Some((above, return_pc)) => (regs, pc) = (above, return_pc.wrapping_sub(1)),
                None => break,
            }
        }
    }
}

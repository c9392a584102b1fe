//! Promotion: a frame of a run in order becomes one that is issued, with the call that it is in as its first entry.
//!
//! Invariant: the run goes on with the callee, on this worker; what is pushed is the right to issue for the frame.

use std::sync::atomic::Ordering;

use super::{Job, Worker};
use crate::bytecode::effects::Effects;
use crate::bytecode::ops::{Field, HEADER, Instr, Op};
use crate::machine::boxes::Area;
use crate::machine::code::{FunctionInfo, Passed, prologue};
use crate::machine::frame;
use crate::machine::machine::Issue;
use crate::machine::memory::buffer;
use crate::machine::run::Run;
use crate::machine::scoreboard::Board;
use crate::machine::split::{self, Half};
use crate::machine::station::{Entry, Kind};

/// Frames that are looked at for one to promote.
const WALK: usize = 4096;

/// Why a run is looked at for something to promote.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It is done at every opportunity.
    Eager,
    /// Some worker has nothing to do.
    Hungry,
    /// The run will wait for an answer of the host.
    Waits,
}

/// Where a run is cut: the frame to be promoted is the innermost one of `lower`, and the run keeps its callee.
struct Cut {
    lower: Box<Run>,
    callee: *mut u64,
    /// The instruction that called it.
    call: *const u64,
    /// The depth at which what is called from there on begins.
    depth: u64,
    /// Of a range function, what is left to be called once more.
    half: Option<Half>,
}

impl Worker {
    /// Promotes the oldest frame of the run that can be, if there is one: its call in progress goes on as the run, and the
    /// frame's continuation is pushed. Whether there was one.
    pub(super) unsafe fn promote(&mut self, run: &mut Box<Run>, why: Why) -> bool {
        let (machine, code) = (self.machine(), self.of().code());
        // SAFETY: the run is suspended, and this worker's; its frames lie in its stack, base first.
        unsafe {
            // Else a range would be cut down to single iterations, each with a stack of its own.
            let base = if why == Why::Eager { None } else { self.cut_base(run, why) };
            let cut = match base {
                None => self.cut_frames(run, why),
                base => base,
            };
            let Some(Cut { lower, callee, call, depth, half }) = cut else { return false };
            let regs = lower.regs;
            let function = (*prologue(frame::entry(regs))).index;
            let board = self.boards.pop().unwrap_or_else(|| Box::into_raw(Board::new()));
            let callee_code = frame::entry(callee);
            (*board).take_over(code, regs, function, HEADER, machine.window, machine.seats.len());
            (*board).boxes.is_exact = machine.simulated;
            (*board).pc = call.add(1);
            (*board).entry = run.entry;
            (*board).root = (*run.entry).root;
            (*board).depth = depth;
            let above: *mut Board = (*run.entry).board;
            (*board).level = if above.is_null() { 0 } else { (*above).level + 1 };
            (*board).log = std::mem::take(&mut run.log);
            (*board).run = Some(lower);
            (*board).promoted_by = self.local.index;
            (*board).promoted_at = machine.platform.now();
            if let Some(recorder) = &machine.recorder {
                recorder.promoted(self.of().share_code(), &mut *board, self.local.index, self.local.counts.cost);
            }
            let window = Instr(u64::from_le(*call)).get(Field::A) as usize;
            if let Some(half) = half {
                // The call is issued once more, for what the call in progress leaves out.
                (*board).pc = call;
                half.cut(code.callee(callee_code), callee, (*board).regs.add(window));
            }
            let entry = machine.link(board, |b| self.first_entry(b, callee_code, callee, call, window));
            run.entry = entry;
            run.base = callee;
            self.working_on(entry);
            self.trace(|tracer, _| tracer.end());
            self.local.counts.promoted += 1;
            self.local.push(Job::Board(board));
        }
        true
    }

    /// Whether a frame of the function may be promoted.
    fn may_promote(&self, function: &FunctionInfo, why: Why) -> bool {
        let machine = self.machine();
        // Back-off counts for nothing if the run waits, nor where all that can be is promoted.
        why == Why::Waits || machine.issue == Issue::Eager || function.back_off.is_over(|| machine.platform.now())
    }

    /// Cuts a run whose base frame is a range function that can be split: what it is part of gets a frame around the call.
    ///
    /// # Safety
    /// The run is suspended, and this worker's.
    unsafe fn cut_base(&mut self, run: &mut Run, why: Why) -> Option<Cut> {
        let of = self.of();
        // SAFETY: the caller's. The wrapper takes what the function takes, and passes it on.
        unsafe {
            let callee = run.base;
            let entry = frame::entry(callee);
            let info = of.code().callee(entry);
            let range = info.range.as_ref()?;
            let wrapper = of.code().entry(range.wrapper);
            if !self.may_promote(of.code().callee(wrapper), why) {
                return None;
            }
            let half = split::half(run, callee, range)?;
            let calls = |pc: *const u64| {
                let instr = Instr(u64::from_le(*pc));
                instr.op() == Some(Op::Call) && pc.offset(instr.signed(Field::I) as isize) == entry
            };
            let mut call = wrapper;
            while !calls(call) {
                call = call.add(1);
            }
            let frame = 8 * (HEADER as u64 + u64::from((*prologue(wrapper)).registers));
            let depth = run.stack.begins_at(callee).saturating_sub(frame);
            let mut lower = self.new_run();
            if lower.begin(of.code(), wrapper, depth, self.machine().max_depth, &mut self.heap).is_err() {
                self.put_away(lower);
                return None;
            }
            lower.regs.copy_from_nonoverlapping(callee, info.boundary);
            (lower.pc, lower.entry) = (call.add(1), run.entry);
            Some(Cut { lower, callee, call, depth, half: Some(half) })
        }
    }

    /// Cuts a run above its oldest frame that may be promoted.
    ///
    /// # Safety
    /// The run is suspended, and this worker's.
    unsafe fn cut_frames(&mut self, run: &mut Run, why: Why) -> Option<Cut> {
        let code = self.of().code();
        // SAFETY: the caller's; a run's frames lie in its stack, base first.
        unsafe {
            let mut regs = run.base;
            for _ in 0..WALK {
                if regs == run.regs {
                    return None;
                }
                let callee = run.stack.callee(regs);
                let call = frame::caller(callee).expect("it was called").1.sub(1);
                let info = code.callee(frame::entry(callee));
                if !info.issues {
                    // Nor does anything that it calls.
                    return None;
                }
                if self.may_promote(code.callee(frame::entry(regs)), why) && !info.effects.meets(Effects::CLOCK) {
                    let half = match &info.range {
                        None => Some(None),
                        Some(range) => split::half(run, callee, range).map(Some),
                    };
                    if let Some(half) = half {
                        // The rest of a range is called by a frame like this one, which takes its place.
                        let depth = if half.is_some() { run.stack.begins_at(regs) } else { run.stack.depth_of(regs) };
                        let mut lower = Box::new(Run::new(run.stack.split(regs, callee)));
                        (lower.pc, lower.regs, lower.base, lower.entry) = (call.add(1), regs, run.base, run.entry);
                        return Some(Cut { lower, callee, call, depth, half });
                    }
                }
                regs = callee;
            }
            None
        }
    }

    /// The entry of the call in progress, `callee`, of a frame that is being promoted: with what the call reads and
    /// writes, as the callee's parameters still say.
    unsafe fn first_entry(
        &mut self,
        board: &mut Board,
        code: *const u64,
        callee: *mut u64,
        call: *const u64,
        window: usize,
    ) -> *mut Entry {
        // SAFETY: a callee never writes the registers of views and borrows that it was passed.
        unsafe {
            let info = self.of().code().callee(code);
            let seq = board.tail_now();
            let entry = board.next_entry();
            let this: *mut Board = board;
            Entry::reset(entry, seq, this, Kind::Call, info.boundary);
            (*entry).code = code;
            (*entry).site = call;
            (*entry).depth = board.depth;
            (*entry).shares = true;
            (*entry).started.store(true, Ordering::Relaxed);
            (board.sharing, board.has_sharing) = (seq, true);
            for register in 0..info.boundary {
                *(*entry).args.add(register) = 0;
            }
            // It runs already.
            let mut access = |area: Area, write| board.access(area, write, |_| {});
            for passed in &info.passed {
                match *passed {
                    Passed::View { at, is_grid, mutable } => {
                        if let Some(area) = Area::of_view(callee.add(usize::from(at)), is_grid) {
                            access(area, mutable);
                        }
                    }
                    Passed::Borrow(at) => {
                        let held = *callee.add(usize::from(at));
                        if !(*buffer(held)).is_immortal() {
                            access(Area::whole(held), false);
                        }
                    }
                    // It is the callee's own.
                    Passed::Owner(_) => {}
                }
            }
            for &(root, write) in &info.resources {
                access(Area::whole(root), write);
            }
            if let Some(shadow) = &mut board.shadow {
                shadow.issued(entry, Some(callee));
            }
            board.tail.store(seq.wrapping_add(1), Ordering::Release);
            for &(register, owns) in &info.returned {
                let to = window + usize::from(register);
                board.set_pending(to, seq, register);
                if owns {
                    *board.regs.add(to) = 0;
                }
            }
            Entry::arm(entry);
            entry
        }
    }
}

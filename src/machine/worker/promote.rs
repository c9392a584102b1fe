//! Promotion: a frame of a run in order becomes one that is issued, with the call that it is in as its first entry.
//!
//! Invariant: the run goes on with the callee, on this worker; what is pushed is the right to issue for the frame.

use std::sync::atomic::Ordering;

use super::{Job, Worker};
use crate::bytecode::effects::Effects;
use crate::bytecode::ops::{Field, HEADER, Instr};
use crate::machine::boxes::Area;
use crate::machine::code::{Passed, prologue};
use crate::machine::frame;
use crate::machine::memory::buffer;
use crate::machine::run::Run;
use crate::machine::scoreboard::Board;
use crate::machine::split;
use crate::machine::station::{Entry, Kind};

/// Frames that are looked at for one to promote.
const WALK: usize = 4096;

impl Worker {
    /// Promotes the oldest frame of the run that can be, if there is one: its call in progress goes on as the run, and the
    /// frame's continuation is pushed. Back-off counts for nothing if the run waits. Whether there was one.
    pub(super) unsafe fn promote(&mut self, run: &mut Box<Run>, waits: bool) -> bool {
        let (machine, code) = (self.machine(), &self.of().code);
        // SAFETY: the run is suspended, and this worker's; its frames lie in its stack, base first.
        unsafe {
            let mut regs = run.base;
            let mut walked = 0;
            let (callee, call, half) = loop {
                if regs == run.regs || walked == WALK {
                    return false;
                }
                walked += 1;
                let callee = run.stack.callee(regs);
                let call = frame::caller(callee).expect("it was called").1.sub(1);
                let info = code.callee(frame::entry(callee));
                let promoted = code.callee(frame::entry(regs));
                if !info.issues {
                    // Nor does anything that it calls.
                    return false;
                }
                let may = waits || promoted.back_off.is_over(|| machine.platform.now());
                if may && !info.effects.meets(Effects::CLOCK) {
                    let half = match &info.range {
                        None => Some(None),
                        Some(range) => split::half(run, callee, range).map(Some),
                    };
                    if let Some(half) = half {
                        break (callee, call, half);
                    }
                }
                regs = callee;
            };
            let function = (*prologue(frame::entry(regs))).index;
            let board = self.boards.pop().unwrap_or_else(|| Box::into_raw(Board::new()));
            let callee_code = frame::entry(callee);
            let depth = run.stack.depth_of(regs);
            let mut lower = Box::new(Run::new(run.stack.split(regs, callee)));
            (lower.pc, lower.regs, lower.base, lower.entry) = (call.add(1), regs, run.base, run.entry);
            (*board).take_over(code, regs, function, HEADER, machine.window, machine.seats.len());
            (*board).pc = call.add(1);
            (*board).entry = run.entry;
            (*board).root = (*run.entry).root;
            (*board).depth = depth;
            (*board).log = std::mem::take(&mut run.log);
            (*board).run = Some(lower);
            (*board).promoted_by = self.local.index;
            (*board).promoted_at = machine.platform.now();
            if let Some(recorder) = &machine.recorder {
                recorder.promoted(code, &mut *board, self.local.index, self.local.counts.cost);
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
            self.local.counts.promoted += 1;
            machine.promotions.fetch_add(1, Ordering::Relaxed);
            self.local.push(Job::Board(board));
        }
        true
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
            let info = self.of().code.callee(code);
            let seq = board.tail_now();
            let entry = board.entry_of(seq);
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
            let head = board.head;
            let mut access = |area: Area, write| {
                if let Some(shadow) = &mut board.shadow {
                    shadow.access(area, write);
                }
                board.boxes.insert(area, write, seq, head);
            };
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
                shadow.issued(entry, true);
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

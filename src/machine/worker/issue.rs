//! The issue of a promoted frame by the worker that has it, until it stalls, is given away, or has drained and goes on in order.
//!
//! Invariant: this worker is the frame's issuer until the frame is pushed, is linked to an entry that it waits for, or is concluded.

use super::{Job, Worker};
use crate::machine::execute::Exit;
use crate::machine::frame;
use crate::machine::interrupt::{SOUGHT, TICK, TIGHT, URGENT};
use crate::machine::issue::{Action, Cause, Issuer};
use crate::machine::machine::Issue;
use crate::machine::record::What;
use crate::machine::retire::Drained;
use crate::machine::scoreboard::{Board, NO_SQUASH};
use crate::machine::station::stall;
use crate::machine::trap::{Failure, Fault, Trace};
use crate::platform::step;
use std::ptr;
use std::sync::atomic::Ordering;

impl Worker {
    /// Issues a promoted frame as far as it goes.
    ///
    /// # Safety
    /// This worker is its issuer.
    pub(super) unsafe fn issue(&mut self, board: *mut Board) {
        let machine = self.machine();
        // SAFETY: the caller's, until the frame is pushed, or has stalled.
        unsafe {
            let code = frame::entry((*board).origin);
            let plan = self.of().code().plan((*board).function);
            let mut issuer = Issuer {
                board,
                local: ptr::null_mut(),
                plan,
                masks: plan.masks(),
                code,
                action: Action::None,
                issued: 1,
            };
            if let Some(shadow) = &mut (*board).shadow {
                shadow.worker = self.local.index;
                self.record(|| What::TakenUp((*board).frame));
            }
            if machine.issue == Issue::Lazy {
                let is_fresh = (*board).retired == 0 && (*board).in_flight() == 1;
                let is_here = (*board).promoted_by == self.local.index;
                if is_fresh && !is_here {
                    machine.taken.fetch_add(1, Ordering::Relaxed);
                }
                if self.taken_back(board, is_fresh && is_here) {
                    (*board).draining = true;
                }
            }
            self.trace(|tracer, _| tracer.end());
            loop {
                self.working_on((*board).entry);
                if (*board).squash.load(Ordering::Acquire) != NO_SQUASH
                    || (*board).fault.is_some()
                    || machine.is_squashed((*board).entry)
                {
                    (*board).draining = true;
                }
                if (*board).draining {
                    match (*board).youngest_open() {
                        Some(entry) => {
                            self.local.counts.stalls[Cause::Drain as usize] += 1;
                            if stall(board, &raw mut (*board).link, entry) {
                                return;
                            }
                            continue;
                        }
                        None => return self.conclude(board),
                    }
                }
                (self.gate.entry, self.gate.log) = (ptr::null_mut(), &raw mut (*board).text);
                let (pc, regs) = ((*board).pc, (*board).regs);
                let mut place = (pc, regs);
                let entry = (*board).entry;
                let (exit, fault) = self.execute(&mut None, pc, regs, &raw mut issuer, entry, |at| place = at);
                (*board).pc = place.0;
                if exit != Exit::Issued || issuer.action != Action::RunKept {
                    self.local.publish();
                }
                match exit {
                    Exit::Complete => unreachable!("a promoted frame does not return"),
                    Exit::Fault => match fault.expect("a fault left its reason") {
                        Fault::Stop(stop) => {
                            if !machine.is_squashed(entry) {
                                machine.stop(self.of(), stop);
                            }
                        }
                        // Output is held back within bounds.
                        Fault::Wait => (*board).draining = true,
                        Fault::Await => unreachable!("a promoted frame calls the host in a frame of its own"),
                        fault => (*board).fault = Some(fault),
                    },
                    Exit::Polled => {
                        step();
                        let bits = self.local.seat().interrupt.lower();
                        if bits & (TICK | URGENT | SOUGHT) != 0 && self.gives_way(bits, entry) {
                            return machine.inject(Job::Board(board));
                        }
                        if bits & TICK != 0 && !(*board).text.is_empty() && (*board).youngest_open().is_none() {
                            // What it printed waits for nothing any more, and no entry may follow that lets it out.
                            (*board).draining = true;
                        }
                        if bits & TIGHT != 0 && self.is_crowded() {
                            (*board).draining = true;
                        }
                    }
                    Exit::Issued => match issuer.action {
                        Action::None => unreachable!("it left with a reason"),
                        Action::Drain => (*board).draining = true,
                        Action::Stall(entry, cause) => {
                            self.local.counts.stalls[cause as usize] += 1;
                            if stall(board, &raw mut (*board).link, entry) {
                                return;
                            }
                        }
                        Action::Wait(entry) => {
                            (*board).pc = place.0.add(issuer.issued);
                            if stall(board, &raw mut (*board).link, entry) {
                                return;
                            }
                        }
                        Action::RunKept => {
                            (*board).pc = place.0.add(issuer.issued);
                            self.next = Some(Job::Entry(self.local.run_kept(board)));
                            return;
                        }
                        Action::RunAndWait(entry) => {
                            (*board).pc = place.0.add(issuer.issued);
                            let waits = stall(board, &raw mut (*board).link, entry);
                            debug_assert!(waits, "nobody has run it");
                            self.next = Some(Job::Entry(entry));
                            return;
                        }
                    },
                }
            }
        }
    }

    /// Whether a frame has nothing in flight, and nobody to issue for; `kept`: nobody has taken it from the worker that promoted it.
    unsafe fn taken_back(&self, board: *mut Board, kept: bool) -> bool {
        // SAFETY: this worker is its issuer.
        unsafe { (kept || !self.machine().is_hungry()) && (*board).youngest_open().is_none() }
    }

    /// A frame has drained: it goes on in order, or fails with what failed in it.
    unsafe fn conclude(&mut self, board: *mut Board) {
        let machine = self.machine();
        // SAFETY: this worker is its issuer, and nothing is in flight.
        unsafe {
            let Drained { failed, is_lost } = machine.unlink(board, &mut self.heap);
            if (*board).shadow.take().is_some() {
                self.record(|| What::Concluded((*board).frame));
            }
            (*board).fold(self.of().code());
            let mut run = (*board).run.take().expect("a promoted frame has a run");
            (run.pc, run.regs) = ((*board).pc, (*board).origin);
            let fault = (*board).fault.take();
            self.boards.push(board);
            // Whether it is squashed itself makes no difference then, and is far to look.
            if let Some((mut failure, site)) = failed {
                run.drop_staged(self.of().code(), &mut self.heap);
                run.pc = site;
                if failure.fault == Fault::Decided && !self.is_part(&run) {
                    // The rest of the range has been squashed, and what was called for all of it is done.
                    run.pc = site.add(1);
                    return self.go_on(run);
                }
                run.trace(self.of().code(), &mut failure.trace);
                return self.failed(run, *failure);
            }
            if let Some(fault) = fault {
                let mut trace = Trace::default();
                run.trace(self.of().code(), &mut trace);
                return self.failed(run, Failure { fault, trace });
            }
            if is_lost {
                return self.break_off(run);
            }
            // Results may be in the window, where nobody would drop them, until it has gone on to its next poll.
            self.go_on(run);
        }
    }
}

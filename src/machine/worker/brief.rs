//! Brief submissions: of functions that are done soon, and leave nothing behind but scalars ([`FunctionInfo::is_brief`]). A worker runs them
//! one after the other, without what else a submission needs to be run: a root entry, a run, memory, a count of its own.
//!
//! Since such a function does nothing that anybody sees before it returns, one that does not get there (it traps, or is asked
//! something) is begun anew as any other.
//!
//! [`FunctionInfo::is_brief`]: crate::machine::code::FunctionInfo::is_brief

use std::ptr;
use std::sync::atomic::Ordering;

use super::Worker;
use super::search::publish;
use crate::bytecode::ops::HEADER;
use crate::machine::execute::{Context, Exit, run as execute};
use crate::machine::frame::{SEGMENT, complete, link};
use crate::machine::ledger::Ticket;
use crate::machine::machine::Machine;
use crate::machine::submission::Submission;
use crate::platform::step;
use crate::platform::sync::AtomicBool;

/// Registers of a function that is run so, at most.
const REGISTERS: usize = 120;

/// The frame of a brief submission.
pub(super) struct Scratch {
    slots: [u64; HEADER + REGISTERS],
    /// Nothing is older than what a submission does itself.
    oldest: AtomicBool,
}

impl Scratch {
    /// One for a worker of that machine; none where instructions are counted, or what happens is taken down.
    pub(super) fn new(machine: &Machine) -> Option<Box<Scratch>> {
        let runs_them = !machine.count && machine.recorder.is_none();
        runs_them.then(|| Box::new(Scratch { slots: [0; HEADER + REGISTERS], oldest: AtomicBool::new(true) }))
    }
}

impl Worker {
    /// Runs a submission, if it is brief, and after it those that have been taken on with it, as long as they are; the first that is not.
    ///
    /// # Safety
    /// Its job is this worker's, which works on nothing else.
    #[inline]
    pub(super) unsafe fn run_brief(&mut self, first: *const Submission) -> Option<*const Submission> {
        let machine = self.machine();
        let Some(scratch) = &mut self.scratch else { return Some(first) };
        let regs = (&raw mut scratch.slots).cast::<u64>().wrapping_add(HEADER);
        let oldest = &raw const scratch.oldest;
        let mut of = first;
        loop {
            self.taken_on.fetch();
            // SAFETY: the caller's; a submission whose job is here has not begun, and its code lives as long. The frame is as large as its function
            // needs, and nobody else's.
            unsafe {
                let (submission, code) = (&*of, (*of).code());
                let info = &code.functions[submission.function as usize];
                let depth = 8 * (HEADER + info.registers) as u64;
                if !info.is_brief || info.slots > REGISTERS || depth > machine.max_depth {
                    return Some(of);
                }
                // What is told to end while all is being ended is told by the usual way.
                let args = submission.scalars(SEGMENT).filter(|args| args.len() == info.boundary - info.results);
                let (Some(args), false) = (args, machine.closing.load(Ordering::Relaxed)) else { return Some(of) };
                let entry = code.entry(submission.function);
                link(regs, ptr::null_mut(), complete(), entry);
                regs.add(info.results).copy_from_nonoverlapping(args.as_ptr(), args.len());
                let mut cx = Context {
                    limit: 0,
                    counts: &raw mut self.local.counts,
                    max_steps: u64::MAX,
                    code,
                    stack: &mut self.no_stack,
                    heap: &mut self.heap,
                    interrupt: &self.local.seat().interrupt,
                    host: machine.host,
                    world: &mut self.gate,
                    issuer: ptr::null_mut(),
                    oldest,
                    trace: ptr::null_mut(),
                    held: submission.seen_held(),
                    awaits: ptr::null_mut(),
                    pc: entry,
                    regs,
                    fault: None,
                };
                if execute::<false, false>(&mut cx, entry, regs) != Exit::Complete {
                    return Some(of);
                }
                step();
                if Ticket::is_asked_for(of, 1) {
                    submission.give(std::slice::from_raw_parts(regs, info.results));
                }
                self.local.counts.run_here += 1;
                // Who is told may block, or ask for those that come next.
                let index = self.local.index;
                let (taken_on, local) = (&mut self.taken_on, &mut self.local);
                machine.ended(of, 1, index, &mut self.leaving, || publish(taken_on, local));
            }
            of = self.taken_on.next()?;
        }
    }
}

//! A worker: takes jobs from its deque, from others, or sleeps; runs them in order, promotes, issues, and completes.
//!
//! The loop never recurses: a job that leads to another leaves it in `next` or on the deque.
//!
//! Invariant: a job is held by one worker, or by one list. Who holds a frame's job is its issuer; who holds an entry's runs it.

mod brief;
mod gate;
mod issue;
mod promote;
mod search;

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::brief::Scratch;
use self::gate::Gate;
use self::promote::Why;
use super::answer::Wait;
use super::code::Code;
use super::deque::{Deque, Owner};
use super::execute::{Context, Exit, run as execute};
use super::frame::{self, Stack};
use super::interrupt::{ALWAYS, CHECK, HUNGRY, SOUGHT, TICK, TIGHT, URGENT};
use super::issue::Issuer;
use super::ledger::{Leaving, Span, Ticket};
use super::local::{Counts, Local};
use super::machine::{Issue, Machine};
use super::memory::{Budget, Heap, buffer};
use super::record::What;
use super::recorder;
use super::run::Run;
use super::scoreboard::{Board, before};
use super::station::{self, Entry, Kind, Ready, Status};
use super::submission::{Priority, Submission};
use super::trace::Tracer;
use super::trap::{Failure, Fault, Stop, Trace};
use crate::platform::step;

/// Something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Job {
    /// A submission that nobody has begun.
    Submission(*const Submission),
    /// An entry that is ready.
    Entry(*mut Entry),
    /// A promoted frame, to be issued.
    Board(*mut Board),
    /// A run, to be gone on with.
    Run(*mut Run),
}

// SAFETY: a job is the right to use what it points to.
unsafe impl Send for Job {}

impl Job {
    /// What it is done for.
    ///
    /// # Safety
    /// The caller has the job.
    pub(super) unsafe fn done_for(self) -> *const Submission {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Job::Submission(of) => of,
                Job::Entry(entry) => (*entry).root,
                Job::Board(board) => (*board).root,
                Job::Run(run) => (*(*run).entry).root,
            }
        }
    }

    /// The entry whose work it is; null: it has none yet.
    ///
    /// # Safety
    /// The caller has the job.
    unsafe fn entry(self) -> *mut Entry {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Job::Submission(_) => ptr::null_mut(),
                Job::Entry(entry) => entry,
                Job::Board(board) => (*board).entry,
                Job::Run(run) => (*run).entry,
            }
        }
    }
}

/// What keeps a submission that a worker works for.
enum Hold {
    /// The machine's count: nobody else works for it, so it does not end elsewhere.
    Machines,
    /// A count of the worker's own.
    Own(Ticket),
}

pub(super) struct Worker {
    pub(super) local: Local,
    heap: Heap,
    gate: Gate,
    next: Option<Job>,
    /// Submissions whose jobs it has taken and nobody else sees: while it runs brief ones.
    taken_on: Span,
    /// Where brief ones run, if they do.
    scratch: Option<Box<Scratch>>,
    /// Takes down what is read and written, if it is to be.
    tracer: Option<Box<Tracer>>,
    #[expect(clippy::vec_box, reason = "a suspended run is a pointer")]
    runs: Vec<Box<Run>>,
    /// For what makes no calls.
    no_stack: Stack,
    /// Each from a `Box`, and in no tree.
    boards: Vec<*mut Board>,
    /// Each from a `Box`, and the root of nothing.
    roots: Vec<*mut Entry>,
    /// What it works for, or did lastly, unless that has ended here.
    of: Option<Hold>,
    /// Records of what has ended here.
    leaving: Leaving,
    /// What its thread is lent to.
    lent_to: Option<Ticket>,
    /// Its slice is over, and what others injected is next; and whether it was so the last time.
    gave_way: bool,
    /// The oldest work is not looked for in the lanes before that.
    looks_in_lanes_from: u64,
    outside: bool,
    random: u64,
}

impl Drop for Worker {
    fn drop(&mut self) {
        for &board in &self.boards {
            // SAFETY: from `Box::into_raw`, and in no tree.
            drop(unsafe { Box::from_raw(board) });
        }
        for &root in &self.roots {
            // SAFETY: from `Box::into_raw`, and in no use.
            drop(unsafe { Box::from_raw(root) });
        }
        self.heap.interrupt.belong_to(ptr::null());
    }
}

impl Worker {
    /// # Safety
    /// The machine outlives it.
    pub(super) unsafe fn new(machine: &Machine, index: usize, (deque, counts): (Deque<Job>, Counts)) -> Worker {
        let interrupt = machine.seats[index].interrupt.clone();
        let mut heap = Heap::new(Budget::new(0), interrupt);
        heap.roots = machine.recorder.as_ref().map(|recorder| recorder.roots.clone());
        let gate = Gate {
            machine,
            of: ptr::null(),
            entry: ptr::null_mut(),
            log: ptr::null_mut(),
            look_at: 0,
            peak_held: counts.peak_held,
        };
        Worker {
            // SAFETY: the caller's.
            local: unsafe { Local::new(machine, index, deque, counts) },
            heap,
            gate,
            next: None,
            taken_on: Span::NONE,
            scratch: Scratch::new(machine),
            tracer: machine.recorder.as_ref().and_then(|recorder| Tracer::new(recorder, index)),
            runs: Vec::new(),
            no_stack: Stack::new(machine.segments.clone()),
            boards: Vec::new(),
            roots: Vec::new(),
            of: None,
            leaving: Leaving::default(),
            lent_to: None,
            gave_way: false,
            looks_in_lanes_from: 0,
            outside: false,
            random: 0x9e37_79b9_7f4a_7c15 ^ (index as u64 + 1),
        }
    }

    fn machine(&self) -> &'static Machine {
        self.local.machine()
    }

    /// What it works for.
    fn of(&self) -> &'static Submission {
        debug_assert!(self.of.is_some(), "it works for one");
        // SAFETY: it is held until the worker turns to another, and methods that borrow it don't.
        unsafe { &*self.gate.of }
    }

    /// Turns to what a job is done for.
    ///
    /// # Safety
    /// It has not ended.
    #[inline]
    unsafe fn turn_to(&mut self, of: *const Submission) {
        if !ptr::eq(self.gate.of, of) {
            // SAFETY: the caller's: so the machine holds one.
            unsafe { self.switch(of, Hold::Own(Ticket::another(of))) };
        }
    }

    /// # Safety
    /// It has not ended, and is kept by that.
    #[inline]
    unsafe fn switch(&mut self, of: *const Submission, hold: Hold) {
        let machine = self.machine();
        // SAFETY: the caller's.
        unsafe {
            self.leaving.stay_with(of);
            (*of).lend_memory(&mut self.heap);
            machine.note_background(self.local.index, (*of).priority() == Priority::Background);
        }
        self.local.seat().now.0.works_for.store(of.addr(), Ordering::Relaxed);
        self.gate.of = of;
        self.of = Some(hold);
    }

    /// Others may work for the same from now on, and end it.
    ///
    /// # Safety
    /// The worker has a job of it, the only one if it has no count of its own.
    #[inline]
    unsafe fn hold(&mut self) {
        if let Some(Hold::Machines) = self.of {
            // SAFETY: the caller's; the machine's count is there as long as there are jobs.
            unsafe {
                self.of().share_memory(&self.heap);
                self.of = Some(Hold::Own(Ticket::another(self.gate.of)));
            }
        }
    }

    /// What it works for ends here, or goes on without it: its count of it, if it had one.
    fn turn_from(&mut self) -> Option<Ticket> {
        self.gate.of = ptr::null();
        self.local.seat().now.0.works_for.store(0, Ordering::Relaxed);
        match self.of.take().expect("it works for one") {
            Hold::Own(ticket) => Some(ticket),
            Hold::Machines => None,
        }
    }

    /// Works for nobody.
    fn turn_away(&mut self) {
        self.leave_off();
        self.leaving.let_go();
    }

    /// What it worked for is nothing to it any more.
    #[inline]
    fn leave_off(&mut self) {
        self.working_on(ptr::null_mut());
        if self.of.is_some() {
            self.heap.settle();
            drop(self.turn_from());
        }
        self.machine().note_background(self.local.index, false);
    }

    /// The entry whose work is being done, if there is one.
    fn working_on(&self, entry: *mut Entry) {
        self.heap.interrupt.working_on(entry);
    }

    /// Works until the machine ends, or it is relieved; until that submission ends, if the thread is lent to it.
    pub(super) fn work(&mut self, lent_to: Option<&Ticket>) {
        let machine = self.machine();
        self.lent_to = lent_to.cloned();
        self.heap.interrupt.belong_to(machine);
        if machine.issue == Issue::Eager || machine.simulated {
            self.local.seat().interrupt.raise(ALWAYS);
        }
        while !machine.done.load(Ordering::Acquire) && !self.is_released() {
            step();
            self.local.seat().now.0.stirred.store(true, Ordering::Relaxed);
            let Some(job) = self.find() else { continue };
            // SAFETY: the job is this worker's, and what it is done for has not ended.
            unsafe {
                if !matches!(job, Job::Submission(_)) {
                    self.turn_to(job.done_for());
                }
                match job {
                    Job::Submission(of) => {
                        self.leave_off();
                        if let Some(of) = self.run_brief(of) {
                            self.publish_submissions();
                            self.switch(of, Hold::Machines);
                            self.begin();
                        }
                    }
                    Job::Entry(entry) => self.start(entry),
                    Job::Board(board) => self.issue(board),
                    Job::Run(run) => {
                        self.record(|| What::Resumed(recorder::name((*run).entry)));
                        self.drive(Box::from_raw(run));
                    }
                }
            }
        }
        // Whoever lent its thread, or is relieved, leaves what it has to the others.
        let left = std::iter::from_fn(|| self.next.take().or_else(|| self.pop()));
        left.for_each(|job| machine.inject(job));
        self.turn_away();
        self.heap.interrupt.belong_to(ptr::null());
        self.local.seat().relief.take();
    }

    /// Whether its thread is wanted back.
    fn is_released(&self) -> bool {
        self.local.seat().relief.is_wanted() || self.lent_to.as_ref().is_some_and(|of| of.has_ended())
    }

    /// What is left of it: its deque, which is empty, and what it counted.
    pub(super) fn leave(mut self) -> (Deque<Job>, Counts) {
        let counts = Counts { peak_held: self.gate.peak_held, ..self.local.counts };
        (std::mem::replace(&mut self.local.deque, Deque::new()), counts)
    }

    /// Takes down what happens, if the run is recorded.
    #[inline]
    fn record(&self, what: impl FnOnce() -> What) {
        if let Some(recorder) = &self.machine().recorder {
            recorder.add(self.local.index, self.local.counts.cost, what());
        }
    }

    /// Traces what is read and written, if that is to be.
    #[inline]
    fn trace(&mut self, what: impl FnOnce(&mut Tracer, &Code)) {
        let of = self.tracer.is_some().then(|| self.of());
        if let (Some(tracer), Some(of)) = (&mut self.tracer, of) {
            what(tracer, of.code());
        }
    }

    /// Begins the submission that it has turned to.
    ///
    /// # Safety
    /// Its job is this worker's.
    unsafe fn begin(&mut self) {
        let root = self.roots.pop().unwrap_or_else(|| Box::into_raw(Box::new(Entry::new())));
        // SAFETY: the caller's; an entry that is kept is in no use.
        unsafe {
            match Submission::begin(self.gate.of, root) {
                Ok(()) => self.start(root),
                Err(stop) => {
                    self.machine().stop(self.of(), stop);
                    (*root).status = Status::Squashed;
                    self.complete(root);
                }
            }
        }
    }

    /// Begins the work of an entry.
    ///
    /// # Safety
    /// The entry is ready, and this worker's.
    unsafe fn start(&mut self, entry: *mut Entry) {
        // SAFETY: the caller's; the arguments are what the function takes.
        unsafe {
            self.working_on(entry);
            (*entry).started.store(true, Ordering::Relaxed);
            self.record(|| What::Started(recorder::name(entry)));
            self.begin_entry(entry);
        }
    }

    /// The same for one that has waited until there may be memory for it.
    unsafe fn begin_entry(&mut self, entry: *mut Entry) {
        let machine = self.machine();
        // SAFETY: the caller's.
        unsafe {
            if machine.is_squashed(entry) {
                return self.squash(entry);
            }
            match (*entry).kind {
                Kind::Call => {}
                Kind::Store => {
                    self.trace(|tracer, code| tracer.store(code, entry));
                    let args = (*entry).args;
                    let to: *mut u64 = ptr::with_exposed_provenance_mut(*args as usize);
                    to.copy_from_nonoverlapping(args.add(2), *args.add(1) as usize);
                    return self.complete(entry);
                }
                Kind::Scalar => return self.scalar(entry),
            }
            let mut run = self.new_run();
            run.entry = entry;
            let of = self.of();
            let info = of.code().callee((*entry).code);
            let code = match &info.range {
                // A frame that can be promoted, around the loop that can be split.
                Some(range) => of.code().entry(range.wrapper),
                None => (*entry).code,
            };
            let is_younger = || !(*entry).oldest.load(Ordering::Acquire);
            let begun = if self.heap.is_tight_for(frame::SEGMENT) && is_younger() {
                Err(Fault::Stop(Stop::Memory))
            } else {
                run.begin(of.code(), code, (*entry).depth, machine.max_depth, &mut self.heap)
            };
            match begun {
                Ok(()) => {}
                Err(Fault::Stop(Stop::Memory)) if is_younger() => {
                    // Older work gives some back. Once it has, or this is squashed, it does not come here again.
                    self.put_away(run);
                    // Many may wait: with nothing that takes room.
                    let mut waiting = Box::new(Run::new(Stack::new(machine.segments.clone())));
                    waiting.entry = entry;
                    if machine.wait_for_turn(of, waiting).is_some() {
                        self.begin_entry(entry);
                    }
                    return;
                }
                Err(fault) => {
                    self.runs.push(run);
                    self.release_args(entry);
                    return self.end(entry, Failure { fault, trace: Trace::default() });
                }
            }
            let (args, base) = ((*entry).args, run.base);
            for register in info.results..info.boundary {
                *base.add(register) = *args.add(register);
            }
            for &register in &info.owned_params {
                *args.add(usize::from(register)) = 0;
            }
            self.go_on(run);
        }
    }

    /// Drops what an entry was passed to own, before it began.
    unsafe fn release_args(&mut self, entry: *mut Entry) {
        // SAFETY: the entry is this worker's, and its owned arguments hold 0 or owners.
        unsafe {
            if (*entry).kind != Kind::Call {
                return;
            }
            for &register in &self.of().code().callee((*entry).code).owned_params {
                let held = std::mem::take(&mut *(*entry).args.add(usize::from(register)));
                if held != 0 {
                    self.heap.release(buffer(held));
                }
            }
        }
    }

    unsafe fn squash(&mut self, entry: *mut Entry) {
        // SAFETY: the entry is this worker's and has not begun, or been unwound.
        unsafe {
            self.release_args(entry);
            (*entry).status = Status::Squashed;
            self.local.counts.squashed += 1;
            self.complete(entry);
        }
    }

    /// Runs a parked scalar operation.
    unsafe fn scalar(&mut self, entry: *mut Entry) {
        // SAFETY: its instruction has its registers in `args`, and is followed by one that leaves the loop.
        unsafe {
            let (pc, regs) = ((&raw const (*entry).instr).cast(), (*entry).args);
            let mut run = None;
            let (exit, fault) = self.execute(&mut run, pc, regs, ptr::null_mut(), entry, |_| {});
            match (exit, fault) {
                (Exit::Complete, _) => self.complete(entry),
                (_, Some(fault)) => self.end(entry, Failure { fault, trace: Trace::default() }),
                (_, None) => unreachable!("one instruction does not poll"),
            }
        }
    }

    /// Runs the loop, with the stack of a run and what it awaits; where it was left is told to `left`.
    unsafe fn execute(
        &mut self,
        run: &mut Option<(&mut Stack, &mut Option<Arc<Wait>>)>,
        pc: *const u64,
        regs: *mut u64,
        issuer: *mut Issuer,
        entry: *mut Entry,
        left: impl FnOnce((*const u64, *mut u64)),
    ) -> (Exit, Option<Fault>) {
        let machine = self.machine();
        let of = self.of();
        let (limit, stack, awaits) = match run {
            Some((stack, awaits)) => (stack.limit(), &mut **stack, &raw mut **awaits),
            None => (0, &mut self.no_stack, ptr::null_mut()),
        };
        let trace = match &mut self.tracer {
            // SAFETY: the entry lives as long as its work is done.
            Some(tracer) => unsafe {
                tracer.enter(entry);
                ptr::from_mut(&mut **tracer)
            },
            None => ptr::null_mut(),
        };
        let mut cx = Context {
            limit,
            counts: &raw mut self.local.counts,
            max_steps: u64::MAX,
            code: of.code(),
            stack,
            heap: &mut self.heap,
            interrupt: &self.local.seat().interrupt,
            host: machine.host,
            world: &mut self.gate,
            issuer,
            // SAFETY: the entry lives as long as its work is done.
            oldest: unsafe { &raw const (*entry).oldest },
            trace,
            held: of.seen_held(),
            awaits,
            pc,
            regs,
            fault: None,
        };
        if !issuer.is_null() {
            // SAFETY: the caller's.
            unsafe { (*issuer).local = &raw mut self.local };
        }
        // SAFETY: the caller's.
        let exit = unsafe {
            match (machine.count, issuer.is_null()) {
                (false, true) => execute::<false, false>(&mut cx, pc, regs),
                (false, false) => execute::<false, true>(&mut cx, pc, regs),
                (true, true) => execute::<true, false>(&mut cx, pc, regs),
                (true, false) => execute::<true, true>(&mut cx, pc, regs),
            }
        };
        left((cx.pc, cx.regs));
        let fault = cx.fault;
        self.trace(|tracer, _| tracer.leave());
        (exit, fault)
    }

    /// Goes on with a run until its entry ends, or it has to wait.
    ///
    /// # Safety
    /// The run is suspended, and this worker's.
    unsafe fn drive(&mut self, run: Box<Run>) {
        // SAFETY: the caller's.
        unsafe {
            if run.pc.is_null() {
                // It has waited for memory to begin with.
                let entry = run.entry;
                self.put_away(run);
                self.working_on(entry);
                return self.begin_entry(entry);
            }
            if self.machine().is_squashed(run.entry) {
                return self.break_off(run);
            }
            self.go_on(run);
        }
    }

    /// The same, without a look whether it is squashed.
    ///
    /// # Safety
    /// As for `drive`.
    unsafe fn go_on(&mut self, mut run: Box<Run>) {
        let machine = self.machine();
        // SAFETY: the caller's.
        unsafe {
            self.working_on(run.entry);
            self.trace(|tracer, _| tracer.end());
            loop {
                (self.gate.entry, self.gate.log, self.gate.look_at) = (run.entry, &raw mut run.log, 64);
                let (pc, regs, entry) = (run.pc, run.regs, run.entry);
                let mut place = (pc, regs);
                let mut of_run = Some((&mut run.stack, &mut run.awaits));
                let (exit, fault) = self.execute(&mut of_run, pc, regs, ptr::null_mut(), entry, |at| place = at);
                (run.pc, run.regs) = place;
                if exit != Exit::Complete {
                    self.hold();
                }
                match exit {
                    Exit::Complete => return self.returned(run),
                    Exit::Polled => match self.polled(run) {
                        Some(same) => run = same,
                        None => return,
                    },
                    Exit::Issued => unreachable!("nothing is issued in order"),
                    Exit::Fault => match fault.expect("a fault left its reason") {
                        Fault::Wait => match machine.wait_for_turn(self.of(), run) {
                            Some(same) if machine.is_squashed(same.entry) => return self.break_off(same),
                            Some(same) => run = same,
                            None => return,
                        },
                        Fault::Await => {
                            self.leave_behind(&mut run);
                            match machine.park(run) {
                                Some(same) if machine.is_squashed(same.entry) => return self.break_off(same),
                                Some(same) => run = same,
                                None => return,
                            }
                        }
                        _ if machine.is_squashed(run.entry) => return self.break_off(run),
                        Fault::Decided if !self.is_part(&run) => run.pc = run.pc.add(1),
                        Fault::Stop(stop) => {
                            machine.stop(self.of(), stop);
                            return self.break_off(run);
                        }
                        fault => {
                            let mut trace = Trace::default();
                            run.trace(self.of().code(), &mut trace);
                            return self.failed(run, Failure { fault, trace });
                        }
                    },
                }
            }
        }
    }

    /// Whether what was decided in the innermost frame of the run, a range or its wrapper, ends a range of which its entry is a part.
    unsafe fn is_part(&self, run: &Run) -> bool {
        // SAFETY: the run is this worker's, and suspended.
        unsafe {
            let (code, of) = ((*run.entry).code, self.of().code());
            let Some(range) = &of.callee(code).range else { return false };
            let is_base = |regs: *mut u64| regs == run.base;
            let function = frame::entry(run.regs);
            if function == code {
                is_base(run.regs) || frame::caller(run.regs).is_some_and(|(wrapper, _)| is_base(wrapper))
            } else {
                function == of.entry(range.wrapper) && is_base(run.regs)
            }
        }
    }

    /// The run will wait for an answer of the host: the frames below its innermost one go on without it, as far as they can.
    unsafe fn leave_behind(&mut self, run: &mut Box<Run>) {
        if self.machine().issue != Issue::InOrder {
            // SAFETY: the run is this worker's, and suspended at an instruction of its innermost frame.
            while unsafe { self.promote(run, Why::Waits) } {}
        }
    }

    /// The base frame of a run has returned.
    unsafe fn returned(&mut self, mut run: Box<Run>) {
        // SAFETY: its results are where they are in every frame.
        unsafe {
            let entry = run.entry;
            let info = self.of().code().callee((*entry).code);
            for &(register, _) in &info.returned {
                let register = usize::from(register);
                *(*entry).args.add(register) = *run.base.add(register);
            }
            if !(*entry).store_to.is_null() {
                *(*entry).store_to = *run.base;
                if info.gives_owner(0) {
                    *(*entry).args = 0;
                }
            }
            run.stack.close(&mut self.heap);
            self.hand_over_log(&mut run);
            self.put_away(run);
            self.complete(entry);
        }
    }

    /// What a run printed and could not write becomes its entry's.
    #[inline]
    unsafe fn hand_over_log(&mut self, run: &mut Run) {
        if !run.log.is_empty() {
            // SAFETY: the caller's.
            unsafe { self.hand_over_some(run) }
        }
    }

    #[cold]
    unsafe fn hand_over_some(&mut self, run: &mut Run) {
        // SAFETY: the run's entry is this worker's.
        unsafe {
            let entry = run.entry;
            if (*entry).oldest.load(Ordering::Acquire) {
                self.machine().write_out(self.of(), &mut run.log);
            } else {
                (*entry).log = Some(Box::new(std::mem::take(&mut run.log)));
            }
        }
    }

    /// A run without frames.
    fn new_run(&mut self) -> Box<Run> {
        self.runs.pop().unwrap_or_else(|| Box::new(Run::new(Stack::new(self.machine().segments.clone()))))
    }

    fn put_away(&mut self, run: Box<Run>) {
        if self.runs.len() < 4 {
            self.runs.push(run);
        }
    }

    /// A run is squashed.
    unsafe fn break_off(&mut self, mut run: Box<Run>) {
        // SAFETY: it is this worker's.
        unsafe {
            let entry = run.entry;
            run.awaits = None;
            run.drop_staged(self.of().code(), &mut self.heap);
            run.unwind(self.of().code(), &mut self.heap);
            self.machine().drop_log(self.of(), &mut run.log);
            self.put_away(run);
            self.squash(entry);
        }
    }

    /// A run failed.
    unsafe fn failed(&mut self, mut run: Box<Run>, failure: Failure) {
        // SAFETY: it is this worker's.
        unsafe {
            let entry = run.entry;
            run.unwind(self.of().code(), &mut self.heap);
            self.hand_over_log(&mut run);
            self.put_away(run);
            self.end(entry, failure);
        }
    }

    /// An entry failed.
    unsafe fn end(&mut self, entry: *mut Entry, failure: Failure) {
        // SAFETY: it is this worker's.
        unsafe {
            if let Fault::Stop(stop) = failure.fault {
                self.machine().stop(self.of(), stop);
                (*entry).status = Status::Squashed;
            } else {
                self.machine().fail(entry, failure);
            }
            let (board, oldest) = ((*entry).board, (*entry).oldest.load(Ordering::Acquire));
            self.complete(entry);
            if oldest && !board.is_null() {
                self.looks_for(board);
            }
        }
    }

    /// The oldest entry of that frame has failed. Whoever has the frame ends it next: others look at once whether they do, unless it is here.
    #[cold]
    fn looks_for(&mut self, board: *mut Board) {
        if self.next.is_none() {
            self.next = self.pop();
        }
        if self.next != Some(Job::Board(board)) {
            self.machine().raise_all(SOUGHT);
        }
    }

    /// An entry has completed: hands it on, and those that are ready then to the deque, but for one that comes next.
    unsafe fn complete(&mut self, entry: *mut Entry) {
        let machine = self.machine();
        // SAFETY: it is this worker's.
        unsafe {
            self.local.counts.run_here += 1;
            self.working_on(ptr::null_mut());
            (*entry).ran_by = self.local.index as u8;
            if let Some(recorder) = &machine.recorder {
                recorder.completed(self.local.index, self.local.counts.cost, entry);
            }
            if (*entry).is_root {
                return self.ended(entry);
            }
            step();
            let (next, pushed) = (&mut self.next, &mut self.local.pushed);
            let deque = &self.local.deque;
            station::close(entry, |ready| {
                let mut job = match ready {
                    Ready::Entry(entry) => Job::Entry(entry),
                    Ready::Board(board) => Job::Board(board),
                };
                if let Job::Entry(entry) = job {
                    match *next {
                        None => {
                            *next = Some(job);
                            return;
                        }
                        // The oldest is next: it often goes on with what is in the cache.
                        Some(Job::Entry(other)) if before((*entry).seq, (*other).seq) => {
                            (*next, job) = (Some(job), Job::Entry(other));
                        }
                        Some(_) => {}
                    }
                }
                deque.push(job);
                *pushed += 1;
                machine.wake_one();
            });
            step();
            if self.of().wants_attention() {
                machine.retire(self.of());
            }
        }
    }

    /// The root entry of what it works for has completed.
    ///
    /// # Safety
    /// It is this worker's.
    unsafe fn ended(&mut self, root: *mut Entry) {
        let of = self.gate.of;
        // SAFETY: the caller's; the machine's count is there until `ended`.
        unsafe {
            let counts = 1 + self.turn_from().map_or(0, |own| {
                own.into_raw();
                1
            });
            (*of).end(root, &self.heap, Ticket::is_asked_for(of, counts));
            self.heap.end();
            self.roots.push(root);
            self.machine().ended(of, counts, self.local.index, &mut self.leaving, || ());
        }
    }

    /// The run was asked something; the run, if it goes on here.
    unsafe fn polled(&mut self, mut run: Box<Run>) -> Option<Box<Run>> {
        let machine = self.machine();
        step();
        let bits = self.local.seat().interrupt.lower();
        // SAFETY: the run is this worker's.
        unsafe {
            if bits & (CHECK | TICK) != 0 && machine.is_squashed(run.entry) {
                self.break_off(run);
                return None;
            }
            if bits & TICK != 0 && !run.log.is_empty() {
                machine.retire(self.of());
                self.gate.flush();
            }
            if bits & TIGHT != 0 && self.is_crowded() {
                match machine.wait_for_turn(self.of(), run) {
                    Some(same) if machine.is_squashed(same.entry) => {
                        self.break_off(same);
                        return None;
                    }
                    Some(same) => run = same,
                    None => return None,
                }
            }
            if bits & (TICK | URGENT | SOUGHT) != 0 && self.gives_way(bits, run.entry) {
                machine.inject(Job::Run(Box::into_raw(run)));
                return None;
            }
            let hungry = bits & HUNGRY != 0;
            let why = match machine.issue {
                Issue::Eager if !hungry => Some(Why::Eager),
                Issue::Eager => Some(Why::Hungry),
                Issue::Lazy => (hungry && self.local.deque.len() == 0).then_some(Why::Hungry),
                Issue::InOrder => None,
            };
            // What runs out of order takes a stack for each entry that is in progress.
            if let Some(why) = why
                && !self.heap.budget().is_tight(frame::SEGMENT as u64)
            {
                self.promote(&mut run, why);
            }
        }
        Some(run)
    }

    /// Whether memory is nearly used up, though the worker has given back what it has taken in advance.
    fn is_crowded(&mut self) -> bool {
        self.heap.settle();
        self.heap.budget().is_tight(0)
    }

    /// Whether other work is to have its turn now: what is older, or another submission's, once a tick; normal work, if this is
    /// not, at once; and the oldest, if that is sought, and here.
    unsafe fn gives_way(&mut self, bits: u32, entry: *mut Entry) -> bool {
        let machine = self.machine();
        if self.is_released() || (machine.normal_waits() && self.of().priority() == Priority::Background) {
            return true;
        }
        // SAFETY: the entry is live.
        let gives = bits & TICK != 0
            && unsafe {
                let waits = match self.of().priority() {
                    Priority::Normal => machine.normal_waits(),
                    Priority::Background => machine.anything_waits(),
                };
                // What was taken from a lane together with this may lie on the deque.
                let others = (waits || self.local.deque.len() > 0) && machine.in_flight() > 1;
                others || (!(*entry).oldest.load(Ordering::Acquire) && machine.has_work())
            };
        if gives {
            // What others injected and what is on the deque have their turns one after the other, so that neither starves.
            self.outside = !self.outside && machine.anything_waits();
            self.gave_way = self.outside;
        }
        // SAFETY: as above.
        let is_oldest = || unsafe { (*entry).oldest.load(Ordering::Acquire) };
        if (gives || bits & SOUGHT != 0) && !is_oldest() && self.brings_up_the_oldest(gives) {
            // The lanes have the next turn.
            (self.gave_way, self.outside) = (false, false);
            return true;
        }
        gives
    }
}

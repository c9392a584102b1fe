//! Runs a prepared program from beginning to end.

use std::sync::Arc;
use std::time::Duration;

use std::ptr;

use super::code::Code;
use super::crew::{Crew, Settings};
use super::execute::{Context, Exit, run as execute};
use super::frame::Stack;
use super::host_call::{HostTable, Lent, World};
use super::interrupt::{Interrupt, Stop};
use super::local::Counts;
use super::machine::Issue;
use super::memory::{Budget, Heap};
use super::pulse::Pulse;
use super::record::{Hazard, Record};
use super::run::Run;
use super::submission::{Memory, Order, Priority};
use super::trap::{Failure, Fault, Trace, Trap};
use crate::platform::os;
use crate::platform::sync::AtomicU64;

/// The limits of a run, and how it is watched.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes that it may take.
    pub max_memory: u64,
    /// Bytes of frames: 8 for a register and 64 for a frame, from `main` to the innermost.
    pub max_depth: u64,
    /// Instructions; looked at whenever it polls.
    pub max_steps: Option<u64>,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// How many workers there are, 1 to 60.
    pub workers: usize,
    /// When calls run out of order.
    pub issue: Issue,
    /// How many entries of a frame may be in flight.
    pub window: u32,
    /// Workers take turns as this seed says, instead of running side by side: for tests, which can be repeated so.
    pub seed: Option<u64>,
    /// Counts instructions, calls and depth, which takes time.
    pub count: bool,
    /// Moves to another thread at every poll: for tests.
    pub migrate: bool,
    /// Takes down what happens, for [`RunResult::record`]; not with a limit of steps.
    pub record: bool,
    /// Takes down what is read and written, too, for [`Record::trace`]: for tests. It takes much time and memory.
    #[doc(hidden)]
    pub trace: bool,
    /// A rule that the scoreboard leaves out, in a recorded run with one worker or in a simulation, to see whether somebody notices: for
    /// tests.
    #[doc(hidden)]
    pub leave_out: Option<Hazard>,
    /// Stops the run when it is raised.
    pub interrupt: Interrupt,
    /// Tells which workers are awake.
    pub pulse: Pulse,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_memory: u64::MAX >> 1,
            max_depth: 256 << 20,
            max_steps: None,
            timeout: None,
            workers: 1,
            issue: Issue::Lazy,
            window: 64,
            seed: None,
            count: false,
            migrate: false,
            record: false,
            trace: false,
            leave_out: None,
            interrupt: Interrupt::new(),
            pulse: Pulse::default(),
        }
    }
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// `main` returned.
    Done,
    /// The program ended itself with that code.
    Exit(u8),
    /// It trapped.
    Trap(Trap),
    /// Something stopped it.
    Stop(Stop),
}

/// What a run took.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Instructions done; 0 if they were not counted, as with the next two.
    pub instructions: u64,
    /// Calls of functions.
    pub calls: u64,
    /// The most bytes of frames.
    pub peak_depth: u64,
    /// The most bytes taken, up to some 64 KiB.
    pub peak_memory: u64,
    /// Bytes not given back at the end: 0, unless the machine leaks.
    pub leaked: u64,
    /// How often it moved to another thread.
    pub moves: u64,
    /// What each worker did; if calls could not run out of order there was one.
    pub workers: Vec<WorkerStats>,
}

/// What a worker did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WorkerStats {
    /// Calls that became entries.
    pub issued: u64,
    /// Of them, calls of tasks.
    pub issued_tasks: u64,
    /// Calls of tasks that began as plain calls, also those that were in progress when their callers were promoted; 0 if they were not
    /// counted.
    pub inlined: u64,
    /// Entries that ran here.
    pub run: u64,
    /// Frames that were promoted.
    pub promoted: u64,
    /// Promotions that brought nothing.
    pub fruitless: u64,
    /// Jobs taken from other workers.
    pub stolen: u64,
    /// Entries that had to wait.
    pub parked: u64,
    /// Registers and buffers that got a new version instead of waiting.
    pub renamed: u64,
    /// Entries that were squashed.
    pub squashed: u64,
    /// The most entries of a frame that were in flight; 0 if that was not counted.
    pub peak_flight: u64,
    /// The most bytes of output that were held back when it printed something.
    pub peak_held: u64,
    /// How often a frame stalled, by cause.
    pub stalls: Vec<(&'static str, u64)>,
    /// How long it had nothing to do.
    pub idle: Duration,
}

impl WorkerStats {
    fn of(counts: &Counts) -> WorkerStats {
        WorkerStats {
            issued: counts.issued,
            issued_tasks: counts.issued_tasks,
            inlined: counts.inlined,
            run: counts.run_here,
            promoted: counts.promoted,
            fruitless: counts.fruitless,
            stolen: counts.stolen,
            parked: counts.parked,
            renamed: counts.renamed,
            squashed: counts.squashed,
            peak_flight: counts.peak_flight,
            peak_held: counts.peak_held,
            stalls: super::issue::CAUSES.into_iter().zip(counts.stalls).collect(),
            idle: Duration::from_nanos(counts.idle),
        }
    }
}

/// How a run ended, and what it took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunResult {
    /// How it ended.
    pub outcome: Outcome,
    /// What it took.
    pub stats: Stats,
    /// What happened, if that was asked for.
    pub record: Option<Record>,
}

/// Runs `main` with these built-ins, in this world.
///
/// # Panics
/// If the system has no threads for the workers.
pub fn run(code: &Arc<Code>, options: &Options, host: &'static HostTable, world: &mut dyn World) -> RunResult {
    let interrupt = &options.interrupt;
    let budget = Budget::new(options.max_memory);
    let alone = options.issue == Issue::InOrder || (options.workers <= 1 && options.issue == Issue::Lazy);
    let alone = (alone || !code.issues_calls(code.program().main)) && !options.record && !options.trace;
    // A limit of steps is one of the steps in program order.
    let alone = alone || options.migrate || options.max_steps.is_some();
    let once = |world: &mut dyn World| {
        if alone {
            options.pulse.note(1);
            (run_alone(code, options, host, world, &budget), None)
        } else {
            run_shared(code, options, host, world, &budget)
        }
    };
    let ((outcome, counts, moves, workers), record) = match options.timeout {
        None => once(world),
        Some(after) => {
            let alarm = interrupt.clone();
            os::with_alarm(after, move || alarm.time_out(), || once(world))
        }
    };
    options.pulse.note(0);
    let stats = Stats {
        instructions: counts.steps,
        calls: counts.calls,
        peak_depth: counts.peak_depth,
        peak_memory: budget.peak(),
        leaked: budget.used(),
        moves,
        workers,
    };
    RunResult { outcome, stats, record }
}

type Ended = (Outcome, Counts, u64, Vec<WorkerStats>);

impl Outcome {
    pub(super) fn of(failure: Failure) -> Outcome {
        match failure.fault {
            Fault::Trap(code, message) => Outcome::Trap(failure.trace.finish(code, message)),
            Fault::Stop(stop) => Outcome::Stop(stop),
            Fault::Exit(code) => Outcome::Exit(code),
            Fault::Wait | Fault::Await | Fault::Decided => unreachable!("the machine sees to it"),
        }
    }
}

/// Several workers, or one that issues: a crew that takes on one submission, for which the calling thread beats the heart.
fn run_shared(
    code: &Arc<Code>,
    options: &Options,
    host: &'static HostTable,
    world: &mut dyn World,
    budget: &Arc<Budget>,
) -> (Ended, Option<Record>) {
    let settings = Settings {
        workers: options.workers,
        guests: 0,
        issue: options.issue,
        window: options.window,
        max_depth: options.max_depth,
        count: options.count,
        seed: options.seed,
        record: options.record || options.trace,
        trace: options.trace,
        leave_out: options.leave_out,
        name: "tgvm".to_owned(),
        own_heart: false,
    };
    let crew = Crew::start(&settings, host).expect("the system has threads for the workers");
    options.pulse.record(crew.recorder());
    let mut order = Order {
        function: code.program().main,
        args: Default::default(),
        // SAFETY: the submission, which is the only one to use it, ends before this function does.
        world: Some(unsafe { Lent::new(world) }),
        memory: Memory::Of(budget.clone()),
        priority: Priority::Normal,
    };
    let submission = crew.submit(code, &mut order);
    submission.beat_for(&mut || {
        options.pulse.note(crew.who_is_awake());
        if let Err(stop) = options.interrupt.check() {
            submission.cancel(stop);
        }
        false
    });
    let counts = crew.disband();
    options.pulse.record(None);
    let outcome = submission.outcome();
    let total = Counts {
        steps: counts.iter().map(|c| c.steps).sum(),
        calls: counts.iter().map(|c| c.calls).sum(),
        peak_depth: counts.iter().map(|c| c.peak_depth).max().unwrap_or(0),
        ..Counts::default()
    };
    ((outcome, total, 0, counts.iter().map(WorkerStats::of).collect()), crew.record())
}

/// One worker that runs in order.
fn run_alone(
    code: &Arc<Code>,
    options: &Options,
    host: &'static HostTable,
    world: &mut dyn World,
    budget: &Arc<Budget>,
) -> Ended {
    let interrupt = &options.interrupt;
    let mut run = Run::new(Stack::new(Arc::default()));
    let new_heap = || Heap::new(budget.clone(), interrupt.clone());
    let mut heap = new_heap();
    // SAFETY: the verifier has seen that `main` has no parameters and no result; the code outlives the run.
    if let Err(fault) = unsafe { run.begin(code, code.entry(code.program().main), 0, options.max_depth, &mut heap) } {
        let failure = Failure { fault, trace: Trace::default() };
        return (Outcome::of(failure), Counts::default(), 0, vec![WorkerStats::of(&Counts::default())]);
    }
    let baton = Baton { run, world, counts: Counts::default(), moves: 0 };
    let turn = |heap: &mut Heap, baton| turn(code, options, heap, host, baton);
    if options.migrate {
        interrupt.migrate();
        drop(heap);
        return os::alternate(baton, new_heap, turn);
    }
    match turn(&mut heap, baton) {
        os::Turn::Last(result) => result,
        os::Turn::Next(_) => unreachable!("it was not asked to move"),
    }
}

/// What goes from thread to thread.
struct Baton<'w> {
    run: Run,
    world: &'w mut (dyn World + 'w),
    counts: Counts,
    moves: u64,
}

fn turn<'w>(
    code: &Code,
    options: &Options,
    heap: &mut Heap,
    host: &HostTable,
    mut baton: Baton<'w>,
) -> os::Turn<Baton<'w>, Ended> {
    let interrupt = &options.interrupt;
    let nothing = AtomicU64::new(0);
    let run = &mut baton.run;
    let mut cx = Context {
        limit: run.stack.limit(),
        counts: &raw mut baton.counts,
        max_steps: options.max_steps.unwrap_or(u64::MAX),
        code,
        stack: &mut run.stack,
        heap,
        interrupt,
        host,
        world: &mut *baton.world,
        issuer: ptr::null_mut(),
        oldest: ptr::null(),
        trace: ptr::null_mut(),
        held: &nothing,
        awaits: &raw mut run.awaits,
        pc: run.pc,
        regs: run.regs,
        fault: None,
    };
    let exit = loop {
        // SAFETY: the run's invariant, and the loop's.
        let exit = unsafe {
            let (pc, regs) = (cx.pc, cx.regs);
            if options.count || options.max_steps.is_some() {
                execute::<true, false>(&mut cx, pc, regs)
            } else {
                execute::<false, false>(&mut cx, pc, regs)
            }
        };
        if exit == Exit::Polled && !options.migrate {
            interrupt.lower();
            continue;
        }
        if cx.fault != Some(Fault::Await) {
            break exit;
        }
        // SAFETY: nobody else has the run.
        let wait = unsafe { (*cx.awaits).clone() }.expect("it awaits something");
        cx.fault = wait.block(interrupt).err().map(Fault::Stop);
        if cx.fault.is_some() {
            break exit;
        }
    };
    let (fault, pc, regs) = (cx.fault.take(), cx.pc, cx.regs);
    (run.pc, run.regs) = (pc, regs);
    let outcome = match exit {
        Exit::Polled => {
            baton.moves += 1;
            return os::Turn::Next(baton);
        }
        Exit::Issued => unreachable!("nothing is issued in order"),
        Exit::Complete => {
            run.stack.close(heap);
            Outcome::Done
        }
        Exit::Fault => {
            let mut failure = Failure { fault: fault.expect("a fault left its reason"), trace: Trace::default() };
            if matches!(failure.fault, Fault::Trap(..)) {
                run.trace(code, &mut failure.trace);
            }
            run.unwind(code, heap);
            Outcome::of(failure)
        }
    };
    let workers = vec![WorkerStats::of(&baton.counts)];
    os::Turn::Last((outcome, baton.counts, baton.moves, workers))
}

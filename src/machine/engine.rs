//! Runs a prepared program from beginning to end.

use std::sync::Arc;
use std::time::Duration;

use super::code::Code;
use super::fiber::{Counts, Fiber, Surroundings, Turn};
use super::host_call::{HostTable, World};
use super::interrupt::{Interrupt, Stop};
use super::memory::{Budget, Heap};
use super::trap::{Fault, Trap};
use crate::platform::os;

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
    /// Counts instructions, calls and depth, which takes time.
    pub count: bool,
    /// Moves to another thread at every poll: for tests.
    pub migrate: bool,
    /// Stops the run when it is raised.
    pub interrupt: Interrupt,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_memory: u64::MAX >> 1,
            max_depth: 256 << 20,
            max_steps: None,
            timeout: None,
            count: false,
            migrate: false,
            interrupt: Interrupt::new(),
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
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
}

/// How a run ended, and what it took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunResult {
    /// How it ended.
    pub outcome: Outcome,
    /// What it took.
    pub stats: Stats,
}

/// Runs `main` with these built-ins, in this world.
pub fn run(code: &Arc<Code>, options: &Options, host: &HostTable, world: &mut dyn World) -> RunResult {
    let interrupt = &options.interrupt;
    let budget = Budget::new(options.max_memory);
    let (outcome, counts, moves) = match options.timeout {
        None => run_in(code, options, host, world, &budget),
        Some(after) => {
            let alarm = interrupt.clone();
            os::with_alarm(after, move || alarm.time_out(), || run_in(code, options, host, world, &budget))
        }
    };
    let stats = Stats {
        instructions: counts.steps,
        calls: counts.calls,
        peak_depth: counts.peak_depth,
        peak_memory: budget.peak(),
        leaked: budget.used(),
        moves,
    };
    RunResult { outcome, stats }
}

fn run_in(
    code: &Arc<Code>,
    options: &Options,
    host: &HostTable,
    world: &mut dyn World,
    budget: &Arc<Budget>,
) -> (Outcome, Counts, u64) {
    let interrupt = &options.interrupt;
    let max_steps = options.max_steps.or(options.count.then_some(u64::MAX));
    let fiber = match Fiber::new(code.clone(), budget.clone(), options.max_depth, max_steps) {
        Ok(fiber) => fiber,
        Err(Fault::Stop(stop)) => return (Outcome::Stop(stop), Counts::default(), 0),
        Err(Fault::Exit(exit)) => return (Outcome::Exit(exit), Counts::default(), 0),
        Err(Fault::Trap(code, message)) => {
            let trap = Trap { code, message, backtrace: Vec::new(), omitted: None };
            return (Outcome::Trap(trap), Counts::default(), 0);
        }
    };
    let new_heap = || Heap::new(budget.clone(), code.layouts.clone(), interrupt.clone());
    let baton = Baton { fiber, world, moves: 0 };
    let turn = |heap: &mut Heap, baton| turn(heap, interrupt, host, baton);
    if options.migrate {
        interrupt.migrate();
        return os::alternate(baton, new_heap, turn);
    }
    match turn(&mut new_heap(), baton) {
        os::Turn::Last(result) => result,
        os::Turn::Next(_) => unreachable!("it was not asked to move"),
    }
}

/// What goes from thread to thread.
struct Baton<'w> {
    fiber: Fiber,
    world: &'w mut (dyn World + 'w),
    moves: u64,
}

fn turn<'w>(
    heap: &mut Heap,
    interrupt: &Interrupt,
    host: &HostTable,
    mut baton: Baton<'w>,
) -> os::Turn<Baton<'w>, (Outcome, Counts, u64)> {
    let outcome = match baton.fiber.resume(Surroundings { heap, interrupt, host, world: &mut *baton.world }) {
        Turn::Done => Outcome::Done,
        Turn::Trap(trap) => Outcome::Trap(trap),
        Turn::Stop(stop) => Outcome::Stop(stop),
        Turn::Exit(exit) => Outcome::Exit(exit),
        Turn::Suspended => {
            baton.moves += 1;
            return os::Turn::Next(baton);
        }
    };
    os::Turn::Last((outcome, baton.fiber.counts, baton.moves))
}

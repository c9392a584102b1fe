//! Programs that are run from beginning to end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tgvm::embed::Module;
use tgvm::machine::Issue;
use tgvm::machine::code::Code;
use tgvm::machine::engine::Options;
use tgvm::machine::interrupt::Interrupt;
use tgvm::machine::pulse::Pulse;
use tgvm::platform::web;
use tgvm::syntax::span::Source;

use crate::envelope::Envelope;
use crate::requests::{Program, Why, pack, unpack};
use crate::world::{Files, PageWorld};
use crate::{events, functions, report};

/// Events that are told at once of a run that is under way.
const AT_ONCE: usize = 2000;

/// A run under way.
struct Run {
    code: Arc<Code>,
    interrupt: Interrupt,
    pulse: Pulse,
    /// When it began, in seconds.
    begin: f64,
    /// How many of its events have been told, and the order of the next.
    told: usize,
    next: u64,
}

static RUNS: Mutex<BTreeMap<u64, Run>> = Mutex::new(BTreeMap::new());

fn runs() -> MutexGuard<'static, BTreeMap<u64, Run>> {
    RUNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compiles a program and starts it: what is wrong with it. How it ends is an event; where the service is alone, it has ended.
///
/// # Errors
/// In words: there are not enough threads.
pub fn start(program: Program, bytes: &[u8]) -> Result<Value, String> {
    let source = Source::new(program.name, program.source);
    let module = match Module::from_source(&source).and_then(functions::link) {
        Ok(module) => module,
        Err(found) => return Ok(json!({ "diagnostics": report::diagnostics(&found, &source) })),
    };
    let (id, limits) = (program.id, program.limits);
    let (interrupt, pulse) = (Interrupt::new(), Pulse::default());
    let mut options = Options {
        max_memory: limits.max_memory,
        max_depth: limits.max_depth,
        max_steps: limits.max_steps,
        workers: limits.workers,
        issue: limits.issue,
        window: limits.window,
        count: limits.count,
        record: limits.record,
        interrupt: interrupt.clone(),
        pulse: pulse.clone(),
        ..Options::default()
    };
    let files = Arc::new(Mutex::new(Files::new(unpack(program.files, bytes)?, limits.max_memory)));
    let begin = web::seconds();
    let world = PageWorld {
        args: program.args,
        input: (program.input.into(), 0),
        files: files.clone(),
        sink: Box::new(move |stream, bytes| events::print(id, stream, bytes)),
        clock: Box::new(move || web::seconds() - begin),
    };
    let code = module.into_code();
    runs().insert(id, Run { code: code.clone(), interrupt, pulse, begin, told: 0, next: 0 });
    if events::alone() {
        (options.workers, options.issue, options.record) = (1, Issue::InOrder, false);
        events::tell(run(id, &code, &options, world, &files, begin));
    } else {
        let needed = limits.workers + 1;
        if web::free() < needed {
            runs().remove(&id);
            return Err(format!("the run needs {needed} threads, and {} are free", web::free()));
        }
        let body = move || run(id, &code, &options, world, &files, begin);
        web::start(body, events::tell).map_err(|error| error.to_string())?;
    }
    Ok(json!({ "diagnostics": [] }))
}

fn run(
    id: u64,
    code: &Arc<Code>,
    options: &Options,
    mut world: PageWorld,
    files: &Mutex<Files>,
    begin: f64,
) -> Envelope {
    let started = web::seconds();
    let result = tgvm::embed::run(code, options, &mut world);
    let milliseconds = (web::seconds() - started) * 1e3;
    runs().remove(&id);
    let mut json = report::outcome(&result.outcome, code.program());
    json["event"] = json!("ended");
    json["of"] = json!(id);
    json["stats"] = report::stats(&result.stats, milliseconds);
    json["record"] = result.record.map_or(Value::Null, |record| report::record(&record, begin, code.program()));
    let written = files.lock().unwrap_or_else(PoisonError::into_inner).take_written();
    let (list, bytes) = pack(written);
    json["files"] = list;
    Envelope { json, bytes }
}

/// What a run is at: the milliseconds since it began, which workers are awake, by number, and what has been taken down of it since this
/// was last asked; null if it is not under way.
pub fn progress(id: u64) -> Value {
    let mut runs = runs();
    let Some(run) = runs.get_mut(&id) else { return Value::Null };
    let events = run.pulse.events(run.next, AT_ONCE.min(report::MOST_EVENTS - run.told));
    run.told += events.len();
    run.next = events.last().map_or(run.next, |event| event.order + 1);
    let awake = run.pulse.awake();
    json!({
        "time": (web::seconds() - run.begin) * 1e3,
        "awake": (0..64).filter(|worker| awake >> worker & 1 == 1).collect::<Vec<u32>>(),
        "events": report::events(&events, run.begin, run.code.program()),
    })
}

/// Asks a run to stop, if it is under way.
pub fn stop(id: u64, why: Why) {
    if let Some(Run { interrupt, .. }) = runs().get(&id) {
        match why {
            Why::Abort => interrupt.interrupt(),
            Why::Time => interrupt.time_out(),
        }
    }
}

/// Lets a run enter the interpreter's loop anew.
pub fn nudge(id: u64) {
    if let Some(Run { interrupt, .. }) = runs().get(&id) {
        interrupt.nudge();
    }
}

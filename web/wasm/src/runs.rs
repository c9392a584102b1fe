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

/// Those under way.
static RUNS: Mutex<BTreeMap<u64, (Interrupt, Pulse)>> = Mutex::new(BTreeMap::new());

fn runs() -> MutexGuard<'static, BTreeMap<u64, (Interrupt, Pulse)>> {
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
    runs().insert(id, (interrupt, pulse));
    if events::alone() {
        (options.workers, options.issue, options.record) = (1, Issue::InOrder, false);
        events::tell(run(id, &code, &options, world, &files));
    } else {
        let needed = limits.workers + 1;
        if web::free() < needed {
            runs().remove(&id);
            return Err(format!("the run needs {needed} threads, and {} are free", web::free()));
        }
        let body = move || run(id, &code, &options, world, &files);
        web::start(body, events::tell).map_err(|error| error.to_string())?;
    }
    Ok(json!({ "diagnostics": [] }))
}

fn run(id: u64, code: &Arc<Code>, options: &Options, mut world: PageWorld, files: &Mutex<Files>) -> Envelope {
    let begin = web::seconds();
    let result = tgvm::embed::run(code, options, &mut world);
    let milliseconds = (web::seconds() - begin) * 1e3;
    runs().remove(&id);
    let mut json = report::outcome(&result.outcome, code.program());
    json["event"] = json!("ended");
    json["of"] = json!(id);
    json["stats"] = report::stats(&result.stats, milliseconds);
    json["record"] = result.record.map_or(Value::Null, |record| report::record(&record, code.program()));
    let written = files.lock().unwrap_or_else(PoisonError::into_inner).take_written();
    let (list, bytes) = pack(written);
    json["files"] = list;
    Envelope { json, bytes }
}

/// Which workers of a run are awake, by number; none if it is not under way.
pub fn awake(id: u64) -> Value {
    let awake = runs().get(&id).map_or(0, |(_, pulse)| pulse.awake());
    (0..64).filter(|worker| awake >> worker & 1 == 1).collect::<Vec<u32>>().into()
}

/// Asks a run to stop, if it is under way.
pub fn stop(id: u64, why: Why) {
    if let Some((interrupt, _)) = runs().get(&id) {
        match why {
            Why::Abort => interrupt.interrupt(),
            Why::Time => interrupt.time_out(),
        }
    }
}

//! The engine, which is started when somebody needs it and lives on, and its sessions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tgvm::embed::{Ended, Engine, Entered, Session};
use tgvm::platform::web;

use crate::requests::{Limits, milliseconds, pack};
use crate::world::{Files, PageWorld};
use crate::{events, functions, report};

#[derive(Default)]
struct State {
    engine: Option<Arc<Engine>>,
    sessions: BTreeMap<u64, Session>,
}

static STATE: Mutex<State> = Mutex::new(State { engine: None, sessions: BTreeMap::new() });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine; the first to ask says what it is like.
///
/// # Errors
/// In words: there are not enough threads.
pub fn engine(limits: &Limits) -> Result<Arc<Engine>, String> {
    let mut state = state();
    if let Some(engine) = &state.engine {
        return Ok(engine.clone());
    }
    let needed = limits.workers + 1;
    if web::free() < needed {
        return Err(format!("an engine needs {needed} threads, and {} are free", web::free()));
    }
    let builder = Engine::builder().workers(limits.workers).window(limits.window).issue(limits.issue);
    let builder = builder.max_memory(limits.max_memory).max_depth(limits.max_depth);
    let engine = Arc::new(builder.build().map_err(|error| error.to_string())?);
    Ok(state.engine.insert(engine).clone())
}

/// Opens a session with these files.
///
/// # Errors
/// As for [`engine`].
pub fn open(id: u64, files: Vec<(String, Vec<u8>)>, limits: &Limits) -> Result<(), String> {
    let engine = engine(limits)?;
    let files = Arc::new(Mutex::new(Files::new(files, limits.max_memory)));
    let seen = files.clone();
    let begin = web::seconds();
    let worlds = Box::new(move |_: u64| {
        let world = PageWorld {
            args: Vec::new(),
            input: ("".into(), 0),
            files: seen.clone(),
            // The session keeps what a statement prints.
            sink: Box::new(|_, _| ()),
            clock: Box::new(move || web::seconds() - begin),
        };
        Box::new(world) as Box<dyn tgvm::machine::host_call::World>
    });
    let listener = Box::new(move |ended: &Ended| tell(id, ended, &files));
    let session = engine.session_with(worlds, Some(listener));
    session.provide(functions::table()).expect("nothing has been declared");
    state().sessions.insert(id, session);
    Ok(())
}

/// Lets the engine's workers leave their threads, and calls `then` when all have; at once, if there is no engine.
pub fn relieve(then: impl FnOnce() + Send + Sync + 'static) {
    let engine = state().engine.clone();
    match engine {
        Some(engine) => engine.relieve(then),
        None => then(),
    }
}

/// Gives all sessions the functions that there are now. One whose items have declared others keeps those.
pub fn provide() {
    for session in state().sessions.values() {
        let _ = session.provide(functions::table());
    }
}

/// A statement has ended.
fn tell(session: u64, ended: &Ended, files: &Mutex<Files>) {
    let (list, bytes) = pack(files.lock().unwrap_or_else(PoisonError::into_inner).take_written());
    let (value, failed) = match &ended.result {
        Ok(value) => (json!(value), Value::Null),
        Err(failed) => (Value::Null, json!(failed.to_string())),
    };
    let json = json!({
        "event": "statement",
        "session": session,
        "number": ended.number,
        "output": ended.output,
        "value": value,
        "failed": failed,
        "files": list,
    });
    events::tell(crate::envelope::Envelope { json, bytes });
}

fn with<R>(id: u64, body: impl FnOnce(&Session) -> R) -> Result<R, String> {
    // Whoever tells of a statement takes no lock of this file's, so that this one may be held.
    state().sessions.get(&id).map(body).ok_or_else(|| "the session has been closed".to_owned())
}

/// Enters items and statements.
///
/// # Errors
/// There is no such session.
pub fn enter(id: u64, text: &str) -> Result<Value, String> {
    with(id, |session| match session.enter(text) {
        Ok(entered) => {
            let one = |entered: Entered| match entered {
                Entered::Defined(name) => json!({ "defined": name }),
                Entered::Statement(number) => json!({ "statement": number }),
            };
            json!({ "entered": entered.into_iter().map(one).collect::<Vec<_>>(), "diagnostics": [] })
        }
        Err(problem) => {
            let diagnostics = report::diagnostics(&problem.diagnostics, &problem.source);
            json!({ "entered": [], "diagnostics": diagnostics, "text": problem.to_string() })
        }
    })
}

/// Cancels a statement, or all; whether it was there.
///
/// # Errors
/// There is no such session.
pub fn cancel(id: u64, statement: Option<u64>) -> Result<Value, String> {
    with(id, |session| match statement {
        Some(number) => json!({ "was": session.cancel(number) }),
        None => {
            session.cancel_all();
            json!({ "was": true })
        }
    })
}

/// What is in flight, and the variables.
///
/// # Errors
/// There is no such session.
pub fn scoreboard(id: u64) -> Result<Value, String> {
    with(id, |session| {
        let statements = session.in_flight().into_iter().map(|statement| {
            let waits = statement.waits_for.iter().map(|(on, why)| json!({ "on": on, "why": why.to_string() }));
            json!({
                "number": statement.number,
                "text": statement.text,
                "milliseconds": milliseconds(statement.age),
                "waitsFor": waits.collect::<Vec<_>>(),
            })
        });
        let variables = session.variables().into_iter().map(|(name, ty)| json!({ "name": name, "type": ty }));
        json!({
            "statements": statements.collect::<Vec<_>>(),
            "variables": variables.collect::<Vec<_>>(),
            "items": session.items(),
        })
    })
}

/// Closes a session, which cancels what is in flight.
pub fn close(id: u64) {
    let session = state().sessions.remove(&id);
    drop(session);
}

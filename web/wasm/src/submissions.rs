//! Calls of functions that are submitted at run time, beside all else.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use serde_json::{Value, json};
use tgvm::bytecode::types::TypeId;
use tgvm::embed::{Error, Handle, Module, Priority, Values};
use tgvm::syntax::span::Source;

use crate::envelope::Envelope;
use crate::requests::Call;
use crate::{events, functions, report, sessions, values};

/// How many modules are kept that have been compiled.
const MODULES: usize = 16;

static SUBMITTED: Mutex<BTreeMap<u64, Handle<Values>>> = Mutex::new(BTreeMap::new());
static COMPILED: Mutex<Vec<(String, Module)>> = Mutex::new(Vec::new());

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets what has been compiled: there are other functions to be linked with.
pub fn forget() {
    lock(&COMPILED).clear();
}

/// The module of a text; it is compiled once.
fn module(name: &str, text: &str) -> Result<Module, Value> {
    let mut compiled = lock(&COMPILED);
    if let Some(at) = compiled.iter().position(|(other, _)| other == text) {
        let found = compiled.remove(at);
        let module = found.1.clone();
        compiled.push(found);
        return Ok(module);
    }
    let module = Module::library(name, text).map_err(|mistakes| mistakes.diagnostics).and_then(functions::link);
    let module = module.map_err(|found| report::diagnostics(&found, &Source::new(name, text)))?;
    if compiled.len() == MODULES {
        compiled.remove(0);
    }
    compiled.push((text.to_owned(), module.clone()));
    Ok(module)
}

/// Submits a call: what is wrong with the program. What it gives is an event.
///
/// # Errors
/// In words: the function or an argument is wrong, or there are not enough threads.
pub fn submit(call: Call, mut bytes: &[u8]) -> Result<Value, String> {
    let engine = sessions::engine(&call.limits)?;
    let module = match module(&call.name, &call.source) {
        Ok(module) => module,
        Err(diagnostics) => return Ok(json!({ "diagnostics": diagnostics })),
    };
    let program = module.program();
    let function = program.functions.iter().find(|function| function.name == call.function);
    let params = function.map_or(&[][..], |function| &function.params);
    let mut args = Vec::with_capacity(call.args.len());
    for (index, json) in call.args.iter().enumerate() {
        let ty = params.get(index).map_or(TypeId::UNIT, |param| param.ty);
        let value = values::value(json, ty, &program.types, &mut bytes);
        args.push(value.map_err(|error| format!("argument {} of `{}`: {error}", index + 1, call.function))?);
    }
    let priority = if call.background { Priority::Background } else { Priority::Normal };
    let id = call.id;
    let made = engine.call(&module, &call.function).priority(priority).max_memory(call.limits.max_memory);
    let made = made.output(move |stream, bytes| events::print(id, stream, bytes));
    let handle = made.submit::<Values>(args).map_err(|error| error.to_string())?;
    lock(&SUBMITTED).insert(id, handle);
    look(id);
    Ok(json!({ "diagnostics": [] }))
}

/// Looks after the submission of that number.
struct Look(u64);

impl Wake for Look {
    fn wake(self: Arc<Self>) {
        look(self.0);
    }
}

/// Tells how a submission ended, if it has; otherwise it will be looked at again.
fn look(id: u64) {
    let waker = Waker::from(Arc::new(Look(id)));
    let mut submitted = lock(&SUBMITTED);
    let Some(handle) = submitted.get_mut(&id) else { return };
    let Poll::Ready(result) = Pin::new(handle).poll(&mut Context::from_waker(&waker)) else { return };
    let handle = submitted.remove(&id);
    drop(submitted);
    drop(handle);
    let mut bytes = Vec::new();
    let json = match result {
        Ok(Values(all)) => {
            let all: Vec<Value> = all.iter().map(|value| values::to_json(value, &mut bytes)).collect();
            json!({ "event": "returned", "of": id, "values": all })
        }
        Err(error) => {
            let reason = match &error {
                Error::Trap(_) => "trap",
                Error::Exit(_) => "exit",
                Error::Memory => "memory",
                Error::Cancelled => "abort",
                _ => "error",
            };
            json!({ "event": "failed", "of": id, "reason": reason, "message": error.to_string() })
        }
    };
    events::tell(Envelope { json, bytes });
}

/// Asks a submission to end, if it is under way.
pub fn cancel(id: u64) {
    if let Some(handle) = lock(&SUBMITTED).get(&id) {
        handle.cancel();
    }
}

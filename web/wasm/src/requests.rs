//! What a script calls, and the requests that it makes. Only the service's thread makes them.

use std::alloc::{Layout, alloc_zeroed};
use std::sync::{Arc, Once};
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use tgvm::embed::Module;
use tgvm::machine::Issue;
use tgvm::platform::{conformance, web};
use tgvm::syntax::span::Source;

use crate::envelope::Envelope;
use crate::functions::Declared;
use crate::{events, functions, handoffs, report, runs, sessions, submissions};

#[link(wasm_import_module = "tgvm")]
unsafe extern "C" {
    /// Throws an error with that text.
    safe fn fail(at: *const u8, length: usize);
}

/// Memory for a request, or for a thread's stack; null if there is none. It is never given back but by [`tgvm_request`].
///
/// # Safety
/// `align` is a power of two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tgvm_allocate(size: usize, align: usize) -> *mut u8 {
    // SAFETY: the size is not 0, and the caller's promise.
    unsafe { alloc_zeroed(Layout::from_size_align_unchecked(size.max(1), align)) }
}

/// So many more threads will enter [`tgvm_serve`].
#[unsafe(no_mangle)]
pub extern "C" fn tgvm_expect(count: usize) {
    web::expect(count);
}

/// What every thread but the service's enters when it has been told of so many modules. Returns when it has to be told of more: how many.
#[unsafe(no_mangle)]
pub extern "C" fn tgvm_serve(heard: u32) -> u32 {
    web::serve(heard)
}

/// Makes a panic tell the script why, before the module ends by it.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let text = info.to_string();
            fail(text.as_ptr(), text.len());
        }));
    });
}

/// A word that changes, and is notified, when there are events.
#[unsafe(no_mangle)]
pub extern "C" fn tgvm_signal() -> *mut i32 {
    events::signal()
}

/// A response: where it is, and its length.
#[repr(C)]
pub struct Response {
    at: *const u8,
    length: usize,
    bytes: Vec<u8>,
}

/// Answers the request of that length, for which [`tgvm_allocate`] has given the memory with alignment 1, and takes the memory back.
/// The response is there until [`tgvm_release`].
///
/// # Safety
/// All of that is so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tgvm_request(at: *mut u8, length: usize) -> *mut Response {
    report_panics();
    // SAFETY: the caller's promise: a vector of bytes is allocated just so.
    let request = unsafe { Vec::from_raw_parts(at, length, length.max(1)) };
    let response = Envelope::read(&request).and_then(answer);
    respond(response.unwrap_or_else(|error| json!({ "error": error }).into()).write())
}

/// A response, which is there until [`tgvm_release`].
pub fn respond(bytes: Vec<u8>) -> *mut Response {
    Box::into_raw(Box::new(Response { at: bytes.as_ptr(), length: bytes.len(), bytes }))
}

/// Gives a response back.
///
/// # Safety
/// [`tgvm_request`] gave it, and it was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tgvm_release(response: *mut Response) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(response).bytes });
}

/// A file, whose bytes follow the request.
#[derive(Deserialize)]
pub struct File {
    /// Its path.
    pub path: String,
    /// How many bytes.
    pub size: usize,
}

/// Reads the name of an [`Issue`].
fn issue<'de, D: Deserializer<'de>>(from: D) -> Result<Issue, D::Error> {
    let name = String::deserialize(from)?;
    Issue::named(&name).ok_or_else(|| D::Error::unknown_variant(&name, &["lazy", "eager", "in-order"]))
}

/// How something is run.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    pub workers: usize,
    #[serde(deserialize_with = "issue")]
    pub issue: Issue,
    pub window: u32,
    pub max_memory: u64,
    pub max_depth: u64,
    pub max_steps: Option<u64>,
    pub count: bool,
    pub record: bool,
}

/// A program, and what it is run with.
#[derive(Deserialize)]
pub struct Program {
    pub id: u64,
    pub name: String,
    pub source: String,
    pub args: Vec<String>,
    pub input: String,
    pub files: Vec<File>,
    pub limits: Limits,
}

/// A call of a function.
#[derive(Deserialize)]
pub struct Call {
    pub id: u64,
    pub name: String,
    pub source: String,
    pub function: String,
    pub args: Vec<Value>,
    pub limits: Limits,
    pub background: bool,
}

/// Why a run is stopped.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    Abort,
    Time,
}

#[derive(Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
enum Request {
    /// Programs run on this thread from now on.
    Alone,
    Check {
        name: String,
        source: String,
    },
    Run(Program),
    Stop {
        id: u64,
        why: Why,
    },
    /// Lets a run go on in better code, if there is some by now.
    Nudge {
        id: u64,
    },
    /// What a run is at.
    Watch {
        id: u64,
    },
    Events,
    /// Checks that the page's workers are what the machine relies on; an event tells.
    Conform,
    /// Measures what it takes to wake a worker; an event tells.
    HandOver,
    Submit(Call),
    Open {
        session: u64,
        files: Vec<File>,
        limits: Limits,
    },
    Enter {
        session: u64,
        text: String,
    },
    Cancel {
        session: u64,
        statement: Option<u64>,
    },
    Scoreboard {
        session: u64,
    },
    Close {
        session: u64,
    },
    /// Threads have to be told of so many modules; an event of that number tells when none is left that has not the time to.
    Relieve {
        id: u64,
        heard: u32,
    },
    /// A module's functions are in the table from now on.
    Provide {
        module: u32,
        functions: Vec<Declared>,
    },
}

fn answer(Envelope { json, bytes }: Envelope) -> Result<Envelope, String> {
    let request = serde_json::from_value(json).map_err(|error| format!("the request is not known: {error}"))?;
    Ok(match request {
        Request::Alone => {
            events::be_alone();
            json!({}).into()
        }
        Request::Check { name, source } => {
            let source = Source::new(name, source);
            let found = Module::from_source(&source).and_then(functions::link).err().unwrap_or_default();
            json!({ "diagnostics": report::diagnostics(&found, &source) }).into()
        }
        Request::Run(program) => runs::start(program, &bytes)?.into(),
        Request::Stop { id, why } => {
            runs::stop(id, why);
            submissions::cancel(id);
            json!({}).into()
        }
        Request::Nudge { id } => {
            runs::nudge(id);
            json!({}).into()
        }
        Request::Watch { id } => json!({ "progress": runs::progress(id) }).into(),
        Request::Conform => {
            let body = || conformance::check(|workers| Arc::new(web::Threads::new(workers))).err();
            let tell = |broken| events::tell(json!({ "event": "conforms", "broken": broken }).into());
            web::start(body, tell).map_err(|error| error.to_string())?;
            json!({}).into()
        }
        Request::HandOver => {
            handoffs::measure()?;
            json!({}).into()
        }
        Request::Events => events::take(),
        Request::Submit(call) => submissions::submit(call, &bytes)?.into(),
        Request::Open { session, files, limits } => {
            sessions::open(session, unpack(files, &bytes)?, &limits)?;
            json!({}).into()
        }
        Request::Enter { session, text } => sessions::enter(session, &text)?.into(),
        Request::Cancel { session, statement } => sessions::cancel(session, statement)?.into(),
        Request::Scoreboard { session } => sessions::scoreboard(session)?.into(),
        Request::Close { session } => {
            sessions::close(session);
            json!({}).into()
        }
        Request::Relieve { id, heard } => {
            web::call_out(heard);
            sessions::relieve(move || events::tell(json!({ "event": "relieved", "of": id }).into()));
            json!({}).into()
        }
        Request::Provide { module, functions } => {
            functions::provide(module, functions);
            submissions::forget();
            sessions::provide();
            json!({}).into()
        }
    })
}

/// Files with their bytes, which follow each other.
pub fn unpack(files: Vec<File>, bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut rest = bytes;
    let mut unpacked = Vec::with_capacity(files.len());
    for File { path, size } in files {
        let (these, others) = rest.split_at_checked(size).ok_or("a file is shorter than it says")?;
        unpacked.push((path, these.to_vec()));
        rest = others;
    }
    Ok(unpacked)
}

/// The other way round.
pub fn pack(files: Vec<(String, Vec<u8>)>) -> (Value, Vec<u8>) {
    let list = files.iter().map(|(path, bytes)| json!({ "path": path, "size": bytes.len() })).collect();
    (list, files.into_iter().flat_map(|(_, bytes)| bytes).collect())
}

/// A duration for scripts.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

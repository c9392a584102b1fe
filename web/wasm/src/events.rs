//! What the service is told later: pieces of output, and how things ended. Any thread posts; the service takes all at once.
//!
//! What is printed faster than it is taken is held up, past a limit, so that it takes bounded memory. Where the service's own thread
//! runs the program ([`alone`]) nobody could take it meanwhile, and the script is asked to, at most so often.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tgvm::machine::host_call::Stream;
use tgvm::platform::web;

use crate::envelope::Envelope;

#[link(wasm_import_module = "tgvm")]
unsafe extern "C" {
    /// Takes the events now: on the service's thread, while that runs a program.
    safe fn take_events();
}

/// Output that may wait to be taken.
const HELD: usize = 4 << 20;
/// Where the service is alone: so many pieces are passed on at once, and one more for each so many seconds.
const CREDIT: f64 = 64.0;
const CREDIT_FOR: f64 = 0.002;

enum Event {
    Printed { of: u64, stream: Stream, bytes: Vec<u8> },
    Told(Envelope),
}

#[derive(Default)]
struct Outbox {
    events: VecDeque<Event>,
    /// Bytes of output in it.
    held: usize,
    /// How many pieces may be passed on at once, at that time.
    credit: (f64, f64),
}

static OUTBOX: Mutex<Outbox> = Mutex::new(Outbox { events: VecDeque::new(), held: 0, credit: (CREDIT, 0.0) });
static TAKEN: Condvar = Condvar::new();
static SIGNAL: AtomicI32 = AtomicI32::new(0);
static ALONE: AtomicBool = AtomicBool::new(false);

/// Changes with each event, and is notified.
pub fn signal() -> *mut i32 {
    SIGNAL.as_ptr()
}

/// From now on programs run on the service's own thread.
pub fn be_alone() {
    ALONE.store(true, Ordering::SeqCst);
}

/// Whether they do.
pub fn alone() -> bool {
    ALONE.load(Ordering::SeqCst)
}

fn outbox() -> MutexGuard<'static, Outbox> {
    OUTBOX.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Posts a piece of output of run `of`.
pub fn print(of: u64, stream: Stream, bytes: &[u8]) {
    let mut outbox = outbox();
    while outbox.held > HELD && !alone() {
        outbox = TAKEN.wait(outbox).unwrap_or_else(PoisonError::into_inner);
    }
    outbox.held += bytes.len();
    match outbox.events.back_mut() {
        Some(Event::Printed { of: last, stream: to, bytes: text }) if *last == of && *to == stream => {
            text.extend_from_slice(bytes);
        }
        _ => outbox.events.push_back(Event::Printed { of, stream, bytes: bytes.to_vec() }),
    }
    if alone() {
        let now = web::seconds();
        let (left, at) = outbox.credit;
        let left = (left + (now - at) / CREDIT_FOR).min(CREDIT);
        let passes = left >= 1.0 || outbox.held > HELD;
        outbox.credit = (if passes { left - 1.0 } else { left }, now);
        drop(outbox);
        if passes {
            take_events();
        }
    } else {
        drop(outbox);
        wake();
    }
}

/// Posts how something ended.
pub fn tell(event: Envelope) {
    outbox().events.push_back(Event::Told(event));
    wake();
}

fn wake() {
    SIGNAL.fetch_add(1, Ordering::SeqCst);
    web::notify(&SIGNAL);
}

/// All events that have not been taken.
pub fn take() -> Envelope {
    let events = {
        let mut outbox = outbox();
        outbox.held = 0;
        std::mem::take(&mut outbox.events)
    };
    TAKEN.notify_all();
    let mut all = Envelope { json: Value::Null, bytes: Vec::new() };
    let mut list = Vec::with_capacity(events.len());
    for event in events {
        match event {
            Event::Printed { of, stream, bytes } => {
                let stream = if stream == Stream::Out { "out" } else { "error" };
                list.push(json!({ "event": "printed", "of": of, "stream": stream, "size": bytes.len() }));
                all.bytes.extend_from_slice(&bytes);
            }
            Event::Told(Envelope { json, bytes }) => {
                list.push(json);
                all.bytes.extend_from_slice(&bytes);
            }
        }
    }
    all.json = Value::Array(list);
    all
}

//! A handle of something submitted: to wait for it, to ask, to cancel.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use super::value::FromAnswer;
use crate::machine::code::Code;
use crate::machine::engine::Outcome;
use crate::machine::interrupt::Stop;
use crate::machine::ledger::Ticket;
use crate::machine::transfer::{Returned, TransferError, Value};
use crate::machine::trap::Trap;
use crate::platform::system::Instant;
use crate::syntax::span::Source;

/// Why there is no result.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Error {
    /// The program trapped.
    #[error("{}", .0.text)]
    Trap(Box<Trapped>),
    /// The program ended itself with that code.
    #[error("the program ended itself with code {0}")]
    Exit(u8),
    /// It would have taken more memory than it may.
    #[error("out of memory")]
    Memory,
    /// It was cancelled, or the engine ended.
    #[error("cancelled")]
    Cancelled,
    /// Its output could not be written.
    #[error("its output could not be written: {0}")]
    Output(String),
    /// The result is of another type than was asked for.
    #[error("what it gave: {0}")]
    Value(#[from] TransferError),
    /// It ended so, and may have written these resources of the host: what is in them is indeterminate.
    #[error("{why}; what is in {} of the host is indeterminate", list(.places))]
    Indeterminate {
        /// How it ended.
        why: Box<Error>,
        /// What messages call them.
        places: Vec<String>,
    },
    /// A worker of the engine itself would have waited, which might be for ever.
    #[error("a worker of the engine can't wait for it")]
    OnWorker,
    /// The result has been taken before.
    #[error("the result has been taken")]
    Taken,
}

/// `a`, `b` and `c`
pub(super) fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, others @ [_, ..])) => format!("{} and {last}", others.join(", ")),
        _ => quoted.concat(),
    }
}

/// A trap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trapped {
    /// What, and where.
    pub trap: Trap,
    /// In one line: code, message, values, and the place.
    pub text: String,
}

impl Trapped {
    fn new(trap: Trap, code: &Code) -> Trapped {
        let program = code.program();
        let values = if trap.message.is_empty() { String::new() } else { format!(": {}", trap.message) };
        let place = trap.backtrace.first().map_or(String::new(), |line| {
            let site = program.sites[line.site as usize];
            let source = Source::new(program.source_name.clone(), program.source.clone());
            let (line, column) = source.line_column(site.start);
            format!(", at {}:{line}:{column}", program.source_name)
        });
        let text = format!("{} {}{values}{place}", trap.code.code(), trap.code.title());
        Trapped { trap, text }
    }
}

impl Error {
    /// Of what did not end well.
    pub(super) fn of(outcome: Outcome, code: &Code) -> Result<(), Error> {
        Err(match outcome {
            Outcome::Done => return Ok(()),
            Outcome::Exit(code) => Error::Exit(code),
            Outcome::Trap(trap) => Error::Trap(Box::new(Trapped::new(trap, code))),
            Outcome::Stop(Stop::Memory) => Error::Memory,
            Outcome::Stop(Stop::OutputFailed(reason)) => Error::Output(reason),
            Outcome::Stop(Stop::OutputClosed) => Error::Output("nobody reads it".to_owned()),
            Outcome::Stop(Stop::Interrupted | Stop::Time | Stop::Steps) => Error::Cancelled,
        })
    }
}

/// What a function and all that it calls may write in the host.
pub(super) fn written(code: &Code, function: u32) -> Vec<String> {
    code.places(function).filter(|&(_, write)| write).map(|(place, _)| place.name.to_string()).collect()
}

impl Error {
    /// With what that function may have written in the host.
    fn with_places(self, code: &Code, function: u32) -> Error {
        let places = written(code, function);
        if places.is_empty() { self } else { Error::Indeterminate { why: Box::new(self), places } }
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// How often a waiting thread looks before it sleeps.
const LOOKS: u32 = 200;

/// Waits until the submission has ended, or the time has come; whether it has ended.
pub(super) fn wait(submission: &Ticket, until: Option<Instant>) -> Result<bool, Error> {
    if submission.has_ended() {
        return Ok(true);
    }
    if submission.is_worked_for_here() {
        return Err(Error::OnWorker);
    }
    if submission.is_simulated() {
        submission.beat_for(&mut || until.is_some_and(|until| now() >= until));
        return Ok(submission.has_ended());
    }
    for _ in 0..LOOKS {
        if submission.has_ended() {
            return Ok(true);
        }
        std::hint::spin_loop();
    }
    if submission.watch(&Waker::from(Arc::new(Unpark(thread::current())))) {
        while !submission.has_ended() {
            match until {
                None => thread::park(),
                Some(until) => match until.checked_duration_since(now()) {
                    Some(left) if !left.is_zero() => thread::park_timeout(left),
                    _ => return Ok(submission.has_ended()),
                },
            }
        }
    }
    Ok(true)
}

#[allow(clippy::disallowed_methods, reason = "a deadline is one of the host's clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// A submission. `T` is what comes back: see [`FromAnswer`].
///
/// It is a future, too, which any executor may poll. Dropping it lets the submission go on by itself.
///
/// ```
/// # use tgvm::embed::{Engine, Module};
/// let engine = Engine::new()?;
/// let module = Module::library("square.tg", "fn square(x: Int) -> Int { return x * x }")?;
/// let handle = engine.submit::<i64>(&module, "square", (12,))?;
/// assert_eq!(handle.wait()?, 144);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it goes on by itself, but how it ends is not known"]
pub struct Handle<T> {
    pub(super) submission: Ticket,
    gives: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("is_done", &self.is_done()).finish_non_exhaustive()
    }
}

impl<T: FromAnswer> Handle<T> {
    pub(super) fn new(submission: Ticket) -> Handle<T> {
        Handle { submission, gives: PhantomData }
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// Why there is none. [`Error::OnWorker`] on a worker of the same engine, unless the submission has ended: there a
    /// handle can be awaited, but not waited for.
    pub fn wait(self) -> Result<T, Error> {
        self.wait_here()
    }

    pub(super) fn wait_here(&self) -> Result<T, Error> {
        wait(&self.submission, None)?;
        self.result()
    }

    /// Waits for the result, but no longer than `time`: `None` if it is not there by then.
    ///
    /// # Errors
    /// As for [`Handle::wait`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tgvm::embed::{Engine, Error, Module};
    /// # let engine = Engine::new()?;
    /// let module = Module::library("endless.tg", "fn endless() { while true {} }")?;
    /// let handle = engine.submit::<()>(&module, "endless", ())?;
    /// if handle.wait_for(Duration::from_millis(5))?.is_none() {
    ///     handle.cancel();
    /// }
    /// assert_eq!(handle.wait(), Err(Error::Cancelled));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_for(&self, time: Duration) -> Result<Option<T>, Error> {
        if wait(&self.submission, now().checked_add(time))? { self.result().map(Some) } else { Ok(None) }
    }

    /// The result, if it is there; it can be taken once.
    ///
    /// # Errors
    /// As for [`Handle::wait`].
    ///
    /// ```
    /// # use tgvm::embed::{Engine, Module};
    /// # let engine = Engine::new()?;
    /// # let module = Module::library("square.tg", "fn square(x: Int) -> Int { return x * x }")?;
    /// let handle = engine.submit::<i64>(&module, "square", (12,))?;
    /// let square = loop {
    ///     match handle.poll_result()? {
    ///         Some(square) => break square,
    ///         None => { /* Shows a frame, say. */ }
    ///     }
    /// };
    /// assert_eq!(square, 144);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll_result(&self) -> Result<Option<T>, Error> {
        if self.is_done() { self.result().map(Some) } else { Ok(None) }
    }

    fn result(&self) -> Result<T, Error> {
        let (code, function) = (self.submission.code(), self.submission.function());
        Error::of(self.submission.outcome(), code).map_err(|error| error.with_places(code, function))?;
        let returned = self.submission.take().ok_or(Error::Taken)?;
        Ok(T::from_answer(answer(&self.submission, returned)?)?)
    }
}

impl<T> Handle<T> {
    /// Whether it has ended, one way or another.
    pub fn is_done(&self) -> bool {
        self.submission.has_ended()
    }

    /// Asks it to end at its next poll. What it has printed by then has been printed.
    pub fn cancel(&self) {
        self.submission.cancel(Stop::Interrupted);
    }
}

/// Result, then what is in the `inout` parameters.
fn answer(submission: &Ticket, returned: Returned) -> Result<Vec<Value>, Error> {
    let program = submission.code().program();
    let function = &program.functions[submission.function() as usize];
    let mut values = Vec::new();
    if program.types.slots(function.result) > 0 {
        values.push(returned.result.value(&program.types, function.result)?);
    }
    for (param, kept) in function.params.iter().zip(&returned.params) {
        if let Some(kept) = kept {
            values.push(kept.value(&program.types, param.ty)?);
        }
    }
    Ok(values)
}

impl<T: FromAnswer> Future for Handle<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.submission.watch(cx.waker()) { Poll::Pending } else { Poll::Ready(self.result()) }
    }
}

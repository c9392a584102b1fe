//! A session: one frame that stays open. What is entered becomes statements, each a submission of its own, which begins when
//! those have ended that it has to wait for, and not before; all others run side by side.
//!
//! The scoreboard is over whole variables. A variable names a *version*; assigning it as a whole, or declaring it anew, makes a new
//! one (so nobody waits for those that read the old one), and writing a part of it takes the old version over when those
//! that read it have ended. Files and standard input are resources that conflict as variables do; the clock is a fence.
//!
//! Invariants: a statement waits for earlier ones only, so there is always one that waits for nobody. A version's value is there
//! when the statement that makes it has ended well, and taken out at most once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use super::engine::{Engine, Inner};
use super::function::Functions;
use super::handle::{Error, list, now, written};
use super::pending::{Content, State, Version, keep, lock};
use super::statement::{Compiled, Problem};
use super::value::FromValue;
use super::world::{Broken, Redirected};
use crate::machine::Budget;
use crate::machine::engine::Outcome;
use crate::machine::host_call::{Nowhere, World};
use crate::machine::interrupt::Stop;
use crate::machine::ledger::Ticket;
use crate::machine::submission::{Memory, Order, Priority, unwritten};
use crate::machine::transfer::Args;
use crate::machine::trap::Trap;
use crate::syntax::pieces::{Piece, PieceKind, group, pieces};
use crate::syntax::span::{Source, Span};

/// How a statement ended that did not end well.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Failed {
    /// It trapped.
    #[error("{}", .0.text)]
    Trap(Box<StatementTrap>),
    /// It ended itself with that code.
    #[error("the program ended itself with code {0}")]
    Exit(u8),
    /// It, or the session, would have taken more memory than it may.
    #[error("out of memory")]
    Memory,
    /// It was cancelled, or the engine ended.
    #[error("cancelled")]
    Cancelled,
    /// Nobody reads what it prints any more.
    #[error("nobody reads the output")]
    Closed,
    /// What it printed could not be written.
    #[error("can't write the output: {0}")]
    Output(String),
    /// It ended so, and may have written these resources of the host: what is in them is indeterminate.
    #[error("{why}; what is in {} of the host is indeterminate", list(.places))]
    Indeterminate {
        /// How it ended.
        why: Box<Failed>,
        /// What messages call them.
        places: Vec<String>,
    },
    /// It did not begin, since a variable has no value.
    #[error("`{name}` has no value, since [{by}] failed: {why}")]
    Poisoned {
        /// The variable.
        name: String,
        /// The statement that would have given it one.
        by: u64,
        /// How that ended.
        why: String,
    },
}

/// A trap of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatementTrap {
    /// What happened.
    pub trap: Trap,
    /// In one line: code, message, values, and the place.
    pub text: String,
    /// Where, for each line of the backtrace: the function, the text that it stands in, and where in that.
    pub places: Vec<(String, Source, Span)>,
}

/// How a statement ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Ended {
    /// Its number.
    pub number: u64,
    /// What it printed, unless it did so to its world.
    pub output: String,
    /// The value of an expression, as `print` shows it; none of other statements.
    pub result: Result<Option<String>, Failed>,
}

/// What has been entered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entered {
    /// An item, which counts for what is entered from now on.
    Defined(String),
    /// A statement, by number.
    Statement(u64),
}

/// A statement that has not ended.
#[derive(Clone, PartialEq, Debug)]
pub struct InFlight {
    /// Its number.
    pub number: u64,
    /// As it was entered.
    pub text: String,
    /// Since it was entered.
    pub age: Duration,
    /// Whom it waits for, and for what; empty if it runs.
    pub waits_for: Vec<(u64, Hazard)>,
}

/// What a worker of the engine is at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AtWork {
    /// It has nothing to do, and takes no processor time.
    pub is_asleep: bool,
    /// How many jobs wait in its deque.
    pub queued: usize,
    /// The statement of this session that it works for, or did lastly and is looking for more.
    pub statement: Option<u64>,
}

/// Why a statement waits for another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hazard {
    /// It reads a variable that the other writes.
    ReadAfterWrite(String),
    /// It writes a part of a variable that the other reads.
    WriteAfterRead(String),
    /// Both use files or standard input, and one of them writes.
    Effect,
    /// Both use that resource of the host, and one of them writes it; without a name, both call what is irrevocable.
    Host(Option<String>),
    /// One of them reads the clock.
    Clock,
}

impl std::fmt::Display for Hazard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Hazard::ReadAfterWrite(name) => write!(f, "it writes `{name}`"),
            Hazard::WriteAfterRead(name) => write!(f, "it reads `{name}`"),
            Hazard::Effect => f.write_str("files"),
            Hazard::Host(Some(name)) => write!(f, "`{name}` of the host"),
            Hazard::Host(None) => f.write_str("the host"),
            Hazard::Clock => f.write_str("the clock"),
        }
    }
}

/// Told of each statement that has ended, on the thread that has ended it.
pub type Listener = Box<dyn Fn(&Ended) + Send + Sync>;
/// The world of a statement, which has that number.
pub type Worlds = Box<dyn Fn(u64) -> Box<dyn World> + Send + Sync>;

struct Shared {
    inner: Arc<Inner>,
    budget: Arc<Budget>,
    state: Mutex<State>,
    changed: Condvar,
    listener: Option<Listener>,
    worlds: Worlds,
    /// Statements print to their worlds.
    prints: bool,
    this: Weak<Shared>,
}

/// See the head of this file.
///
/// ```
/// # use tgvm::embed::Engine;
/// let engine = Engine::new()?;
/// let session = engine.session();
/// session.enter("task square(x: Int) -> Int { return x * x }")?;
/// session.enter("var all = [square(i) for i in 0..4]")?;
/// session.enter("all[0] = 10")?;
/// assert_eq!(session.get::<Vec<i64>>("all")?, [10, 1, 4, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    shared: Arc<Shared>,
}

/// A statement's submission has ended.
struct End {
    session: Weak<Shared>,
    number: u64,
    is_told: AtomicBool,
}

impl Wake for End {
    fn wake(self: Arc<Self>) {
        if !self.is_told.swap(true, Ordering::AcqRel)
            && let Some(session) = self.session.upgrade()
        {
            session.ended(self.number);
        }
    }
}

fn closed() -> Worlds {
    Box::new(|_| Box::new(Nowhere))
}

impl Engine {
    /// A session without variables. It has no files; [`Engine::session_with`] says more.
    pub fn session(&self) -> Session {
        self.session_with(closed(), None)
    }

    /// The same, of whose statements the listener is told as they end.
    pub fn session_listening(&self, listener: Listener) -> Session {
        self.session_with(closed(), Some(listener))
    }

    /// A session whose statements see these worlds, but for their output, and of whose statements the listener is told as they end.
    pub fn session_with(&self, worlds: Worlds, listener: Option<Listener>) -> Session {
        self.open(worlds, listener, false)
    }

    /// The same, but what a statement prints goes to its world at once, and not to the listener when it has ended. Statements that run
    /// side by side print side by side.
    pub fn session_printing(&self, worlds: Worlds, listener: Option<Listener>) -> Session {
        self.open(worlds, listener, true)
    }

    fn open(&self, worlds: Worlds, listener: Option<Listener>, prints: bool) -> Session {
        let (inner, budget) = (self.inner.clone(), Budget::new(self.inner.max_memory));
        let (state, changed) = (Mutex::default(), Condvar::new());
        let make = |this: &Weak<Shared>| {
            let this = this.clone();
            Shared { inner, budget, state, changed, listener, worlds, prints, this }
        };
        Session { shared: Arc::new_cyclic(make) }
    }
}

impl Session {
    /// Enters items and statements, one after the other. Items that follow each other are taken together, and may name each other in any
    /// order. Statements are submitted, and not waited for.
    ///
    /// # Errors
    /// What is wrong with the first that has mistakes; what comes before it has been entered, the rest has not, nor have the items that
    /// it is taken together with.
    pub fn enter(&self, text: &str) -> Result<Vec<Entered>, Problem> {
        let whole =
            |text: &str| Piece { span: Span::new(0, text.len() as u32), kind: PieceKind::Statement, names: Vec::new() };
        // What is not complete is parsed for the sake of what is wrong with it.
        let all = pieces(text).unwrap_or_else(|| vec![whole(text)]);
        let (mut entered, mut rest) = (Vec::new(), all.as_slice());
        while let Some((first, others)) = rest.split_first() {
            let (items, others) = match group(rest) {
                0 => (&[][..], others),
                count => rest.split_at(count),
            };
            if items.is_empty() {
                entered.push(Entered::Statement(self.issue(text, first)?));
            } else {
                entered.extend(self.define(text, items)?.into_iter().map(Entered::Defined));
            }
            rest = others;
        }
        Ok(entered)
    }

    /// Enters items; their names.
    fn define(&self, text: &str, items: &[Piece]) -> Result<Vec<String>, Problem> {
        let source = |piece: &Piece| match &piece.kind {
            PieceKind::Item(name) => Some(Source::new(name.clone(), &text[piece.span.range()])),
            _ => None,
        };
        let sources: Vec<Source> = items.iter().filter_map(source).collect();
        let mut state = self.shared.state();
        let all = state.definitions.with(&sources);
        all.check(&sources)?;
        state.definitions = all;
        Ok(sources.into_iter().map(|source| source.name).collect())
    }

    /// Enters a statement; its number.
    fn issue(&self, text: &str, piece: &Piece) -> Result<u64, Problem> {
        let mut state = self.shared.state();
        let number = state.entered + 1;
        let source = Source::new(format!("[{number}]"), text);
        let compiled = state.definitions.compile(&source, piece, &state.seen())?;
        let declared = match &piece.kind {
            PieceKind::Let { name, mutable, .. } => Some((name.clone(), *mutable)),
            PieceKind::Assign { name, .. } => Some((name.clone(), true)),
            _ => None,
        };
        state.entered = number;
        let crew = &self.shared.inner.crew;
        let (place, lifted) = crew.reserve(&compiled.code, compiled.function);
        state.issue(number, text[piece.span.range()].to_owned(), compiled, declared, place);
        drop(state);
        crew.lift(&lifted);
        self.shared.settle();
        Ok(number)
    }

    /// The functions of the host that items may declare (`extern fn`) from now on, in place of those that it had.
    ///
    /// # Errors
    /// Items that have been entered declare others.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tgvm::embed::{Engine, Functions};
    /// let mut functions = Functions::new();
    /// functions.add("answer", || 42).pure();
    /// let engine = Engine::new()?;
    /// let session = engine.session();
    /// session.provide(Arc::new(functions))?;
    /// session.enter("extern fn answer() -> Int")?;
    /// session.enter("let x = answer()")?;
    /// assert_eq!(session.get::<i64>("x")?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn provide(&self, functions: Arc<Functions<'static>>) -> Result<(), Problem> {
        let mut state = self.shared.state();
        let all = state.definitions.with_functions(functions);
        all.check(&[Source::new("host", "")])?;
        state.definitions = all;
        Ok(())
    }

    /// The type of an expression, as it is written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn type_of(&self, text: &str) -> Result<String, Problem> {
        let state = self.shared.state();
        let source = Source::new("type", text);
        let piece = pieces(text).and_then(|pieces| pieces.into_iter().next());
        let piece = piece.unwrap_or(Piece {
            span: Span::new(0, text.len() as u32),
            kind: PieceKind::Expression,
            names: Vec::new(),
        });
        state.definitions.type_of(&source, &piece, &state.seen())
    }

    /// Waits for a statement: how it ended, which is told once.
    ///
    /// # Errors
    /// [`Error::OnWorker`] on a worker of the engine; [`Error::Taken`] if it was told before, there is no such statement, or it is not known any
    /// more: it is of the last thousand that ended, and of those that printed 64 MiB together.
    pub fn wait(&self, number: u64) -> Result<Ended, Error> {
        self.shared.wait_until(|state| !state.statements.contains_key(&number))?;
        self.shared.state().ended.remove(&number).ok_or(Error::Taken)
    }

    /// Waits for all statements.
    ///
    /// # Errors
    /// [`Error::OnWorker`] on a worker of the engine.
    pub fn wait_all(&self) -> Result<(), Error> {
        self.shared.wait_until(|state| state.statements.is_empty())
    }

    /// The value of a variable, once it is there.
    ///
    /// # Errors
    /// There is no such variable, it is of another type, or it is poisoned.
    pub fn get<T: FromValue>(&self, name: &str) -> Result<T, GetError> {
        let missing = || GetError::Missing(name.to_owned());
        let version = self.shared.state().variables.get(name).ok_or_else(missing)?.version;
        let is_there =
            |state: &State| !matches!(state.versions.get(&version), Some(Version { content: Content::Pending, .. }));
        self.shared.wait_until(is_there)?;
        let state = self.shared.state();
        match state.versions.get(&version).map(|version| &version.content) {
            Some(Content::Ready(kept, code, ty)) => {
                let value = kept.value(&code.program().types, *ty);
                // A host's type may use the session.
                drop(state);
                Ok(value.and_then(T::from_value).map_err(Error::Value)?)
            }
            Some(Content::Poisoned { by, why }) => {
                Err(GetError::Failed(Failed::Poisoned { name: name.to_owned(), by: *by, why: why.clone() }))
            }
            // Somebody else has entered something meanwhile.
            _ => {
                drop(state);
                self.get(name)
            }
        }
    }

    /// Asks a statement to end; what it would have written is poisoned. Whether it was there.
    ///
    /// ```
    /// # use tgvm::embed::{Engine, Entered, Failed};
    /// let engine = Engine::new()?;
    /// let session = engine.session();
    /// session.enter("fn endless() -> Int { while true {}\n return 1 }")?;
    /// session.enter("let never = endless()\nlet more = never + 1")?;
    /// assert_eq!(session.in_flight().len(), 2);
    /// session.cancel(1);
    /// assert_eq!(session.wait(1)?.result, Err(Failed::Cancelled));
    /// assert_eq!(session.get::<i64>("more").unwrap_err().to_string(), "`more` has no value, since [1] failed: cancelled");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self, number: u64) -> bool {
        let submission = {
            let mut state = self.shared.state();
            let Some(statement) = state.statements.get_mut(&number) else { return false };
            match &statement.submission {
                Some(submission) => Some(submission.clone()),
                // Whoever submits it will see that.
                None if statement.has_begun => {
                    statement.is_cancelled = true;
                    return true;
                }
                None => {
                    state.fail(number, Failed::Cancelled);
                    None
                }
            }
        };
        match submission {
            Some(submission) => submission.cancel(Stop::Interrupted),
            None => self.shared.settle(),
        }
        true
    }

    /// Asks all statements to end.
    pub fn cancel_all(&self) {
        let numbers: Vec<u64> = self.shared.state().statements.keys().rev().copied().collect();
        numbers.into_iter().for_each(|number| {
            self.cancel(number);
        });
    }

    /// The statements that have not ended, oldest first.
    pub fn in_flight(&self) -> Vec<InFlight> {
        let state = self.shared.state();
        let now = now();
        let all = state.statements.iter().map(|(&number, statement)| InFlight {
            number,
            text: statement.text.clone(),
            age: now.saturating_duration_since(statement.since),
            waits_for: statement.waits_for.iter().map(|(&number, hazard)| (number, hazard.clone())).collect(),
        });
        all.collect()
    }

    /// What each worker of the engine is at.
    pub fn workers(&self) -> Vec<AtWork> {
        let state = self.shared.state();
        let statement = |address: usize| {
            let is_it = |of: &Option<Ticket>| of.as_ref().is_some_and(|of| of.as_ptr().addr() == address);
            state.statements.iter().find(|(_, statement)| is_it(&statement.submission)).map(|(&number, _)| number)
        };
        let all = self.shared.inner.crew.at_work().into_iter().map(|worker| AtWork {
            is_asleep: worker.is_asleep,
            queued: worker.queued,
            statement: statement(worker.works_for),
        });
        all.collect()
    }

    /// The variables and their types.
    pub fn variables(&self) -> Vec<(String, String)> {
        let state = self.shared.state();
        state.variables.iter().map(|(name, variable)| (name.clone(), variable.shape.name.clone())).collect()
    }

    /// The names of the items.
    pub fn items(&self) -> Vec<String> {
        self.shared.state().definitions.names().map(str::to_owned).collect()
    }

    /// Bytes that its variables and statements take.
    pub fn memory(&self) -> u64 {
        self.shared.budget.used()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.cancel_all();
    }
}

/// Why a variable's value is not there.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum GetError {
    /// There is no such variable.
    #[error("there is no variable `{0}`")]
    Missing(String),
    /// It has no value.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// It is of another type, or can't be waited for here.
    #[error(transparent)]
    Other(#[from] Error),
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Submits what waits for nobody, and tells of what has ended. The machine is never entered with the lock held: another worker
    /// may wait for it.
    fn settle(&self) {
        let mut again = true;
        while std::mem::take(&mut again) {
            let mut state = self.state();
            let mut orders = Vec::new();
            for number in state.statements.keys().copied().collect::<Vec<_>>() {
                match state.operands(number) {
                    None => {}
                    Some(Err(failed)) => state.fail(number, failed),
                    Some(Ok(args)) => {
                        let statement = state.statements.get_mut(&number).expect("it is there");
                        statement.has_begun = true;
                        let Compiled { code, function, .. } = &statement.compiled;
                        orders.push((
                            number,
                            statement.place.take(),
                            code.clone(),
                            *function,
                            statement.output.clone(),
                            args,
                        ));
                    }
                }
            }
            let left = std::mem::take(&mut state.left);
            drop(state);
            left.into_iter().for_each(|place| self.inner.crew.leave_empty(place));
            for (number, place, code, function, output, args) in orders {
                let mut order = self.order(number, function, output, args);
                let submission = match place {
                    Some(place) => self.inner.crew.submit_in(place, &code, &mut order),
                    None => self.inner.crew.submit(&code, &mut order),
                };
                again |= self.begun(number, submission);
            }
            self.tell();
        }
    }

    fn order(&self, number: u64, function: u32, output: Arc<Mutex<Vec<u8>>>, args: Args) -> Order {
        let world = catch_unwind(AssertUnwindSafe(|| (self.worlds)(number)))
            .unwrap_or_else(|payload| Box::new(Broken(unwritten(&*payload))));
        let world = if self.prints {
            world
        } else {
            Box::new(Redirected { world, write: move |_, bytes: &[u8]| keep(&output, bytes) })
        };
        Order {
            function,
            args,
            world: Some(world),
            memory: Memory::Kept(Box::new([self.budget.part(self.inner.max_memory), self.budget.clone()])),
            priority: Priority::Normal,
        }
    }

    /// A statement has been submitted; whether it has ended already.
    fn begun(&self, number: u64, submission: Ticket) -> bool {
        let mut state = self.state();
        let statement = state.statements.get_mut(&number).expect("nobody ends it before");
        statement.submission = Some(submission.clone());
        let is_cancelled = statement.is_cancelled;
        drop(state);
        if is_cancelled {
            submission.cancel(Stop::Interrupted);
        }
        let end = End { session: self.this.clone(), number, is_told: AtomicBool::new(false) };
        if submission.watch(&Waker::from(Arc::new(end))) {
            return false;
        }
        self.finish(number);
        true
    }

    /// The submission of a statement has ended.
    fn ended(&self, number: u64) {
        self.finish(number);
        self.settle();
    }

    fn finish(&self, number: u64) {
        let mut state = self.state();
        let Some(statement) = state.statements.remove(&number) else { return };
        let submission = statement.submission.as_ref().expect("it has been submitted");
        let failed = match submission.outcome() {
            Outcome::Done => None,
            Outcome::Exit(code) => Some(Failed::Exit(code)),
            Outcome::Trap(trap) => Some(Failed::Trap(Box::new(statement.compiled.describe(trap)))),
            Outcome::Stop(Stop::Memory) => Some(Failed::Memory),
            Outcome::Stop(Stop::OutputClosed) => Some(Failed::Closed),
            Outcome::Stop(Stop::OutputFailed(why)) => Some(Failed::Output(why)),
            Outcome::Stop(Stop::Interrupted | Stop::Time | Stop::Steps) => Some(Failed::Cancelled),
        };
        let places = written(submission.code(), submission.function());
        let result = match failed {
            Some(failed) if places.is_empty() => Err(failed),
            Some(failed) => Err(Failed::Indeterminate { why: Box::new(failed), places }),
            None => state.take(&statement, submission),
        };
        state.retire(number, &statement, result);
    }

    /// Lets those know who wait, and the listener, who is told of each once: by one thread at a time, so that he hears of a statement before he
    /// hears of those that waited for it.
    fn tell(&self) {
        let mut state = self.state();
        if let Some(listener) = &self.listener {
            if std::mem::replace(&mut state.is_telling, true) {
                drop(state);
                // He may wait himself.
                self.changed.notify_all();
                return;
            }
            while !state.ended.is_empty() {
                let ended = std::mem::take(&mut state.ended);
                drop(state);
                for ended in ended.values() {
                    // Its panic is its own, and has been shown.
                    let _ = catch_unwind(AssertUnwindSafe(|| listener(ended)));
                }
                state = self.state();
            }
            state.is_telling = false;
        } else {
            state.forget_ended();
        }
        drop(state);
        self.changed.notify_all();
    }

    fn wait_until(&self, mut done: impl FnMut(&State) -> bool) -> Result<(), Error> {
        if self.inner.crew.is_here() {
            return Err(Error::OnWorker);
        }
        if self.inner.crew.is_simulated() {
            self.inner.crew.beat_until(&mut || done(&self.state()));
            return Ok(());
        }
        let waits = |state: &mut State| !done(state);
        drop(self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

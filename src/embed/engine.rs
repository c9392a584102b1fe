//! An engine: workers that run what is submitted to them, from any thread.

use std::io;
use std::mem::forget;
use std::sync::Arc;

use super::Module;
use super::handle::{Error, Handle};
use super::scope::Submissions;
use super::value::{FromAnswer, IntoArgs};
use super::world::Printing;
use crate::host;
use crate::machine::Issue;
use crate::machine::crew::{Crew, MAX_WORKERS, Settings};
use crate::machine::host_call::{Stream, World};
use crate::machine::ledger::Ticket;
use crate::machine::submission::{Memory, Order, Priority};
use crate::machine::transfer::{Args, Kept, TransferError};

/// Why something was not submitted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitError {
    /// The module has no such function.
    #[error("the module has no function `{0}`")]
    NoFunction(String),
    /// It calls functions of a host, and the module has not been linked with any: this one, for example.
    #[error("the module has not been linked with a host's functions: it needs `{0}`")]
    NotLinked(String),
    /// It takes another number of arguments.
    #[error("`{0}` takes {1} arguments, not {2}")]
    Count(String, usize, usize),
    /// An argument, counted from 1, is not what the function takes.
    #[error("argument {0} of `{1}`: {2}")]
    Argument(usize, String, TransferError),
}

/// What makes an engine.
///
/// ```
/// # use tgvm::embed::Engine;
/// let engine = Engine::builder().workers(2).max_memory(64 << 20).name("physics").build()?;
/// assert_eq!(engine.workers(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    settings: Settings,
    max_memory: u64,
}

impl Builder {
    /// How many workers there are: 1 to 60. All cores, if it is not said.
    pub fn workers(mut self, workers: usize) -> Builder {
        self.settings.workers = workers.clamp(1, MAX_WORKERS);
        self
    }

    /// How many calls of one function may be in flight: 64, if it is not said.
    pub fn window(mut self, window: u32) -> Builder {
        self.settings.window = window.max(1);
        self
    }

    /// When calls run out of order: when a worker has nothing to do, if it is not said.
    pub fn issue(mut self, issue: Issue) -> Builder {
        self.settings.issue = issue;
        self
    }

    /// Bytes that each submission, and each session, may take: 1 GiB, if it is not said.
    pub fn max_memory(mut self, bytes: u64) -> Builder {
        self.max_memory = bytes;
        self
    }

    /// Bytes of frames that a submission may nest: 256 MiB, if it is not said. It counts as memory, too.
    pub fn max_depth(mut self, bytes: u64) -> Builder {
        self.settings.max_depth = bytes;
        self
    }

    /// What the threads are called, before a number.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.settings.name = name.into();
        self
    }

    /// Workers take turns in a simulation, as this seed says, instead of running at the same time: for tests, which find with many seeds what
    /// a host may see in many orders, and see it again with the same seed. The calling thread takes part, and must be the only one to use the engine.
    ///
    /// ```
    /// # use tgvm::embed::{Engine, Module};
    /// let module = Module::library("fib.tg", "
    ///     task fib(n: Int) -> Int { return if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }")?;
    /// for seed in 0..20 {
    ///     let engine = Engine::builder().workers(3).simulated(seed).build()?;
    ///     assert_eq!(engine.submit::<i64>(&module, "fib", (8,))?.wait()?, 21);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn simulated(mut self, seed: u64) -> Builder {
        (self.settings.seed, self.settings.own_heart, self.settings.guests) = (Some(seed), false, 0);
        self
    }

    /// Starts the workers.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn build(self) -> io::Result<Engine> {
        let Builder { settings, max_memory } = self;
        let crew = Crew::start(&settings, host::table())?;
        Ok(Engine { inner: Arc::new(Inner { crew, workers: settings.workers, max_memory }) })
    }
}

/// What an engine shares with sessions.
pub(super) struct Inner {
    pub(super) crew: Crew,
    pub(super) workers: usize,
    pub(super) max_memory: u64,
}

/// Workers for many modules, sessions and submissions at once. Dropping it cancels what is in flight, and waits for the workers to
/// end; every handle is told. On one of its own workers it does not wait.
///
/// ```
/// # use tgvm::embed::{Engine, Module};
/// let module = Module::library("scale.tg", "
///     task scale(inout xs: [Float], k: Float) {
///         for i in 0..xs.len() { xs[i] = xs[i] * k }
///     }")?;
/// let engine = Engine::new()?;
/// // The data moves in, and comes back.
/// let handle = engine.submit::<Vec<f64>>(&module, "scale", (vec![1.0, 2.0], 10.0))?;
/// assert_eq!(handle.wait()?, [10.0, 20.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine {
    pub(super) inner: Arc<Inner>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("workers", &self.inner.workers).finish_non_exhaustive()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let inner = self.inner.clone();
        if inner.crew.is_here() {
            // A worker can't wait for its own end. Without a thread nothing is waited for: what is in flight ends as it is.
            inner.crew.close();
            let _ = std::thread::Builder::new().spawn(move || inner.crew.disband());
        } else {
            inner.crew.disband();
        }
    }
}

impl Engine {
    /// One with a worker for each core.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn new() -> io::Result<Engine> {
        Engine::builder().build()
    }

    /// Says what it is to be like.
    pub fn builder() -> Builder {
        let workers = std::thread::available_parallelism().map_or(1, |count| count.get().min(60));
        let settings = Settings {
            workers,
            guests: 1,
            issue: Issue::Lazy,
            window: 64,
            max_depth: 256 << 20,
            count: false,
            seed: None,
            record: false,
            trace: false,
            leave_out: None,
            name: "tgvm".to_owned(),
            own_heart: true,
        };
        Builder { settings, max_memory: 1 << 30 }
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.inner.workers
    }

    /// How many submissions have not ended, those of sessions included.
    pub fn in_flight(&self) -> usize {
        self.inner.crew.in_flight()
    }

    /// Submits a call of a module's function; what it prints goes nowhere. See [`Engine::call`] for more. It does not wait.
    ///
    /// # Errors
    /// There is no such function, or it takes other arguments.
    pub fn submit<T: FromAnswer>(
        &self,
        module: &Module,
        function: &str,
        args: impl IntoArgs,
    ) -> Result<Handle<T>, SubmitError> {
        self.call(module, function).submit(args)
    }

    /// A call of a module's function that is to be submitted: with a priority, a limit, or output.
    pub fn call<'e>(&'e self, module: &'e Module, function: &'e str) -> Call<'e> {
        let max_memory = self.inner.max_memory;
        let inner = &self.inner;
        Call { inner, module, function, priority: Priority::Normal, max_memory, world: None, scope: None }
    }

    /// Lets every worker leave its thread at its next poll, where another thread goes on in its place: for a page whose threads have to hear
    /// something. When all have left, `then` is called.
    #[doc(hidden)]
    pub fn relieve(&self, then: impl FnOnce() + Send + Sync + 'static) {
        self.inner.crew.relieve(then);
    }

    /// Waits as [`Handle::wait`] does, and works meanwhile: the calling thread is one more worker. If another thread lends itself
    /// already, it only waits.
    ///
    /// # Errors
    /// As for [`Handle::wait`].
    ///
    /// ```
    /// # use tgvm::embed::{Engine, Module};
    /// # let module = Module::library("sum.tg", "fn sum_to(n: Int) -> Int { return sum(i for i in 0..n) }")?;
    /// let engine = Engine::builder().workers(1).build()?;
    /// let handle = engine.submit::<i64>(&module, "sum_to", (100_000,))?;
    /// // The worker and this thread share the sum.
    /// assert_eq!(engine.work_until(&handle)?, 4_999_950_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn work_until<T: FromAnswer>(&self, handle: &Handle<T>) -> Result<T, Error> {
        if !handle.is_done() && !self.inner.crew.is_here() {
            self.inner.crew.lend_to(&handle.submission);
        }
        handle.wait_here()
    }
}

/// A call that is to be submitted.
///
/// ```
/// # use std::sync::mpsc::channel;
/// # use tgvm::embed::{Engine, Module, Priority};
/// let module = Module::library("hello.tg", "fn hello(name: Str) { print(\"hello {name}\") }")?;
/// let engine = Engine::new()?;
/// let (sender, printed) = channel();
/// let call = engine.call(&module, "hello").priority(Priority::Background).max_memory(1 << 20);
/// let call = call.output(move |_, bytes| drop(sender.send(String::from_utf8_lossy(bytes).into_owned())));
/// call.submit::<()>(("you",))?.wait()?;
/// assert_eq!(printed.iter().collect::<String>(), "hello you\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Call<'e> {
    inner: &'e Arc<Inner>,
    module: &'e Module,
    function: &'e str,
    priority: Priority,
    max_memory: u64,
    world: Option<Box<dyn World>>,
    scope: Option<&'e Submissions>,
}

impl<'e> Call<'e> {
    /// It belongs to a scope.
    pub(super) fn in_scope(mut self, submissions: &'e Submissions) -> Call<'e> {
        self.scope = Some(submissions);
        self
    }
}

impl Call<'_> {
    /// Normal, if it is not said.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Bytes that it may take: what the engine was built with, if it is not said.
    pub fn max_memory(mut self, bytes: u64) -> Self {
        self.max_memory = bytes;
        self
    }

    /// Where what it prints goes, in the order in which the program prints it: a worker calls that, and nothing else can print until
    /// it returns.
    pub fn output(self, sink: impl FnMut(Stream, &[u8]) + Send + 'static) -> Self {
        self.world(Box::new(Printing(Box::new(sink))))
    }

    /// The world that it sees: output, input, files, the clock.
    pub fn world(mut self, world: Box<dyn World>) -> Self {
        self.world = Some(world);
        self
    }

    /// Submits it.
    ///
    /// # Errors
    /// There is no such function, or it takes other arguments.
    pub fn submit<T: FromAnswer>(self, args: impl IntoArgs) -> Result<Handle<T>, SubmitError> {
        let code = self.module.code();
        let name = || self.function.to_owned();
        if let Some(&missing) = code.missing().first() {
            return Err(SubmitError::NotLinked(code.program().functions[missing as usize].name.clone()));
        }
        let function = self.module.function(self.function).ok_or_else(|| SubmitError::NoFunction(name()))?;
        let params = &code.program().functions[function as usize].params;
        let mut order = Order {
            function,
            args: Args::default(),
            world: self.world,
            memory: Memory::Own(self.max_memory),
            priority: self.priority,
        };
        let (mut count, mut problem) = (0, None);
        args.pass(&mut |value| {
            count += 1;
            match params.get(count - 1) {
                // There is nothing in it to be dropped.
                Some(param) if order.args.push_scalar(&code.program().types, param.ty, &value) => forget(value),
                Some(param) if problem.is_none() => match Kept::of(code, param.ty, &value, order.memory.budget()) {
                    Ok(made) => order.args.push(made),
                    Err(error) => problem = Some(SubmitError::Argument(count, name(), error)),
                },
                _ => {}
            }
        });
        if count != params.len() {
            return Err(SubmitError::Count(name(), params.len(), count));
        }
        if let Some(problem) = problem {
            return Err(problem);
        }
        let submission: Ticket = self.inner.crew.submit(code, &mut order);
        // Nothing is left of it.
        forget(order);
        if let Some(scope) = self.scope {
            scope.add(&submission);
        }
        Ok(Handle::new(submission))
    }
}

//! A scope: a time during which functions of the host may borrow from the stack of whoever opened it.
//!
//! Invariant: when `Engine::scope` is left, whichever way, every submission of a module that was linked in it has ended. The scope itself
//! keeps them and waits for them, so nothing depends on what becomes of their handles. A submission that has ended calls nothing, and
//! what is left of its code does not touch the functions any more.

use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use super::engine::{Call, Engine};
use super::function::Functions;
use super::handle::{Error, wait};
use super::{FromAnswer, IntoArgs};
use super::{Handle, Mistakes, Module, SubmitError};
use crate::machine::interrupt::Stop;
use crate::machine::ledger::Ticket;

/// See [`Engine::scope`]. `'env` is how long what is borrowed lives, and `'scope` how long the scope is open.
pub struct Scope<'scope, 'env: 'scope> {
    engine: &'scope Engine,
    submissions: Submissions,
    /// Neither may be taken for a longer or a shorter one.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl std::fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// A module that is linked with functions that borrow. It can be submitted in its scope only.
#[derive(Debug)]
pub struct ScopedModule<'scope> {
    module: Module,
    scope: PhantomData<&'scope mut &'scope ()>,
}

/// The submissions of a scope, but for some that have ended.
#[derive(Default)]
pub(super) struct Submissions(Mutex<Vec<Ticket>>);

impl Submissions {
    pub(super) fn add(&self, submission: &Ticket) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == all.capacity() {
            all.retain(|submission| !submission.has_ended());
        }
        all.push(submission.clone());
    }

    fn take(&self) -> Vec<Ticket> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Waits when it is dropped.
struct Open<'o>(&'o Submissions);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let all = self.0.take();
        if std::thread::panicking() {
            all.iter().for_each(|submission| submission.cancel(Stop::Interrupted));
        }
        for submission in &all {
            // It was made sure that this is no worker, and nobody becomes one by being here.
            while !submission.has_ended() {
                wait(submission, None).expect("the thread that opened a scope is no worker");
            }
        }
    }
}

impl Engine {
    /// Lets functions of the host borrow from this thread's stack: blocks until all that was submitted in the scope has ended, also if
    /// `body` panics (then it is cancelled first).
    ///
    /// # Errors
    /// [`Error::OnWorker`] on a worker of the engine; `body` has not been called then.
    ///
    /// ```
    /// # use std::sync::atomic::{AtomicI64, Ordering};
    /// # use tgvm::embed::{Engine, Functions, Module};
    /// let module = Module::library("add.tg", "
    ///     extern fn add(x: Int)
    ///
    ///     task all(n: Int) { for i in 0..n { add(i) } }")?;
    /// let engine = Engine::new()?;
    /// let total = AtomicI64::new(0);
    /// let mut functions = Functions::new();
    /// functions.add("add", |x: i64| _ = total.fetch_add(x, Ordering::Relaxed)).pure();
    /// engine.scope(|scope| {
    ///     let module = scope.link(&module, &functions)?;
    ///     // Nobody waits for these two but the scope.
    ///     drop(scope.submit::<()>(&module, "all", (10,)));
    ///     drop(scope.submit::<()>(&module, "all", (100,)));
    ///     Ok::<(), tgvm::embed::Mistakes>(())
    /// })??;
    /// assert_eq!(total.load(Ordering::Relaxed), 45 + 4950);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// What is borrowed must live longer than the scope:
    ///
    /// ```compile_fail,E0597
    /// # use std::sync::Mutex;
    /// # use tgvm::embed::{Engine, Functions, Module};
    /// # let module = Module::library("add.tg", "extern fn add(x: Int)").unwrap();
    /// let engine = Engine::new().unwrap();
    /// engine.scope(|scope| {
    ///     let all = Mutex::new(Vec::new());
    ///     let mut functions = Functions::new();
    ///     functions.add("add", |x: i64| all.lock().unwrap().push(x));
    ///     let module = scope.link(&module, &functions).unwrap();
    ///     drop(scope.submit::<()>(&module, "add", (1,)));
    /// });
    /// ```
    ///
    /// and a module does not leave the scope that it is linked in:
    ///
    /// ```compile_fail
    /// # use tgvm::embed::{Engine, Functions, Module};
    /// # let module = Module::library("add.tg", "extern fn add(x: Int)").unwrap();
    /// # let functions = Functions::new();
    /// let engine = Engine::new().unwrap();
    /// let linked = engine.scope(|scope| scope.link(&module, &functions).unwrap());
    /// ```
    pub fn scope<'env, R>(&self, body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R) -> Result<R, Error> {
        if self.inner.crew.is_here() {
            return Err(Error::OnWorker);
        }
        let scope = Scope { engine: self, submissions: Submissions::default(), scope: PhantomData, env: PhantomData };
        let _open = Open(&scope.submissions);
        Ok(body(&scope))
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// As [`Module::link`], with functions that may borrow what outlives the scope.
    ///
    /// # Errors
    /// As there.
    pub fn link(
        &'scope self,
        module: &Module,
        functions: &'env Functions<'env>,
    ) -> Result<ScopedModule<'scope>, Mistakes> {
        // SAFETY: the table is borrowed for longer than the scope is open, and all submissions of the module have ended by then.
        let module = module.linked(functions, |found| unsafe { found.link_lent() })?;
        Ok(ScopedModule { module, scope: PhantomData })
    }

    /// As [`Engine::submit`].
    ///
    /// # Errors
    /// As there.
    pub fn submit<T: FromAnswer>(
        &'scope self,
        module: &ScopedModule<'scope>,
        function: &str,
        args: impl IntoArgs,
    ) -> Result<Handle<T>, SubmitError> {
        self.call(module, function).submit(args)
    }

    /// As [`Engine::call`].
    pub fn call<'e>(&'e self, module: &'e ScopedModule<'scope>, function: &'e str) -> Call<'e> {
        self.engine.call(&module.module, function).in_scope(&self.submissions)
    }
}

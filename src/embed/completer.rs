//! Functions of the host that answer later.

use std::marker::PhantomData;
use std::sync::Arc;

use super::crossing::Return;
use crate::bytecode::trap::TrapCode;
use crate::machine::answer::Wait;
use crate::machine::trap::Fault;

/// The answer that a call of a function of the host waits for. A function that takes one as its first parameter gives no result of its own:
/// the call goes on in the program when the completer has been given one, from any thread. Until then it holds no worker, and calls
/// of an `extern task` that come later may be under way as well.
///
/// Dropping it instead is a trap in the program (T0021).
///
/// ```
/// # use std::thread;
/// # use std::time::Duration;
/// # use tgvm::embed::{Completer, Engine, Functions, Module};
/// let mut functions = Functions::new();
/// functions
///     .add("fetch", |done: Completer<i64>, number: i64| {
///         thread::spawn(move || {
///             thread::sleep(Duration::from_millis(1));
///             done.complete(number * number);
///         });
///     })
///     .pure();
/// let module = Module::library("fetch.tg", "
///     extern task fetch(number: Int) -> Int
///
///     fn all(n: Int) -> Int {
///         var total = 0
///         for i in 0..n { total += fetch(i) }
///         return total
///     }")?;
/// let engine = Engine::builder().workers(1).build()?;
/// assert_eq!(engine.submit::<i64>(&module.link(&functions)?, "all", (10,))?.wait()?, 285);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the call waits for it, and traps if it is dropped"]
pub struct Completer<T: Return + Send + 'static> {
    /// Until it has answered.
    wait: Option<Arc<Wait>>,
    gives: PhantomData<fn(T)>,
}

impl<T: Return + Send + 'static> std::fmt::Debug for Completer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Completer").finish_non_exhaustive()
    }
}

impl<T: Return + Send + 'static> Completer<T> {
    /// One for a call that waits for it.
    pub(super) fn new(wait: Arc<Wait>) -> Completer<T> {
        Completer { wait: Some(wait), gives: PhantomData }
    }

    /// Gives the answer. If the call has been cancelled meanwhile, that is of no consequence.
    pub fn complete(mut self, value: T) {
        if let Some(wait) = self.wait.take() {
            // SAFETY: it is given in the call that the completer was made for, whose result is a `T`.
            wait.answer(Box::new(move |call| unsafe { value.give(call) }));
        }
    }
}

impl<T: Return + Send + 'static> Drop for Completer<T> {
    fn drop(&mut self) {
        if let Some(wait) = self.wait.take() {
            wait.answer(Box::new(|_| Err(Fault::trap(TrapCode::HostFailed, "it gave no answer"))));
        }
    }
}

//! Calls of functions of the host that answer later: a run that waits for an answer is parked, and nobody's worker is held.
//!
//! A [`Wait`] is shared by whoever is to answer and by the run. The run lies in it while it is parked; who answers, or finds that the run
//! is squashed, takes it out and injects it, so that happens once. When it goes on, the instruction that it stopped at is executed again,
//! finds the answer, and gives it.
//!
//! *Nobody waits in vain.* A run is parked under the lock of [`Waits`], after a look whether it is squashed; who squashes raises what
//! says so first, and then looks at all that is parked under that lock. The answer is looked for under the wait's own lock, where the run is
//! left.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::extern_call::ExternCall;
use super::interrupt::{Interrupt, Stop};
use super::machine::Machine;
use super::run::Run;
use super::trap::Fault;
use super::worker::Job;

/// Puts an answer where the call has its result.
pub(crate) type Give = Box<dyn FnOnce(&mut ExternCall<'_, '_>) -> Result<(), Fault> + Send>;

/// How often a thread that waits by itself looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Default)]
struct State {
    answer: Option<Give>,
    parked: Option<Parked>,
}

/// A run that waits, and whose worker takes it up again.
struct Parked(*mut Run, Arc<Machine>);

// SAFETY: the run belongs to whoever has this.
unsafe impl Send for Parked {}

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Wait {
    state: Mutex<State>,
    answered: Condvar,
}

/// The runs of a machine that are parked.
#[derive(Default)]
pub(super) struct Waits(Mutex<Vec<Arc<Wait>>>);

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wait {
    /// Answers, once.
    pub(crate) fn answer(self: &Arc<Self>, give: Give) {
        let parked = {
            let mut state = lock(&self.state);
            state.answer = Some(give);
            state.parked.take()
        };
        self.answered.notify_all();
        if let Some(Parked(run, machine)) = parked {
            machine.waits.forget(self);
            machine.inject(Job::Run(run));
        }
    }

    /// The answer, if it is there.
    pub(super) fn take(&self) -> Option<Give> {
        lock(&self.state).answer.take()
    }

    /// Blocks the thread until the answer is there.
    ///
    /// # Errors
    /// The run is to stop.
    pub(super) fn block(&self, interrupt: &Interrupt) -> Result<(), Stop> {
        let mut state = lock(&self.state);
        while state.answer.is_none() {
            interrupt.check()?;
            state = self.answered.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

impl Waits {
    fn forget(&self, wait: &Arc<Wait>) {
        lock(&self.0).retain(|other| !Arc::ptr_eq(other, wait));
    }
}

impl Machine {
    /// Parks a run until what it awaits is answered; gives it back if that has happened, or if it is squashed.
    ///
    /// # Safety
    /// The caller has the run, which awaits something.
    pub(super) unsafe fn park(&self, run: Box<Run>) -> Option<Box<Run>> {
        let wait = run.awaits.clone().expect("it awaits something");
        let mut all = lock(&self.waits.0);
        // SAFETY: the run's entry has not completed.
        if unsafe { self.is_squashed(run.entry) } {
            return Some(run);
        }
        let mut state = lock(&wait.state);
        if state.answer.is_some() {
            return Some(run);
        }
        let this = self.this.upgrade().expect("its workers hold it");
        state.parked = Some(Parked(Box::into_raw(run), this));
        drop(state);
        all.push(wait);
        None
    }

    /// Lets those parked runs go on that are squashed: to their end. Called after what says so was raised.
    pub(super) fn wake_squashed(&self) {
        let mut ready = Vec::new();
        lock(&self.waits.0).retain(|wait| {
            let mut state = lock(&wait.state);
            // SAFETY: the entry of a run that is parked has not completed.
            let squashed = state.parked.take_if(|parked| unsafe { self.is_squashed((*parked.0).entry) });
            let goes_on = squashed.is_some();
            ready.extend(squashed);
            !goes_on
        });
        ready.into_iter().for_each(|Parked(run, _)| self.inject(Job::Run(run)));
    }
}

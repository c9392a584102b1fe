//! Submissions that use resources of the host, in the order in which they were accepted: where two use one and one of them writes it, the
//! later begins when the earlier has ended. All others are the machine's at once.
//!
//! Priority does not change that order. What normal work waits for is normal, too, from then on: else it might wait for
//! background work that never has its turn.
//!
//! Invariants: a submission waits for earlier ones only. One that is cancelled while it waits ends at once, but stays in the line until those have
//! ended that it waits for, since whoever waits for it may have to wait for them. Nothing is handed to the machine with the lock held: that may
//! end a submission, which comes back here.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};

use super::extern_call::Place;
use super::ledger::Ticket;
use super::machine::Machine;
use super::submission::{Priority, Submission};

/// A submission in the line.
struct Queued {
    submission: Ticket,
    /// It is not the machine's yet.
    is_held: bool,
    /// Whom it waits for, and how many of them have not ended.
    waits_for: Vec<u64>,
    waits: usize,
    /// Who waits for it.
    waiters: Vec<u64>,
}

/// Who used a resource lastly.
#[derive(Default)]
struct Use {
    writer: Option<u64>,
    readers: Vec<u64>,
}

#[derive(Default)]
struct State {
    last: u64,
    line: BTreeMap<u64, Queued>,
    /// Those that are not the machine's yet, by address.
    held: HashMap<usize, u64>,
    uses: HashMap<u64, Use>,
    /// Those that wait for nobody any more, and are to be handed over; and whether somebody does that.
    ready: VecDeque<(u64, Ticket)>,
    is_handing_over: bool,
}

/// See the head of this file.
#[derive(Default)]
pub(super) struct Queue(Mutex<State>);

/// A submission of the line has ended.
struct End {
    machine: Weak<Machine>,
    number: u64,
    is_told: AtomicBool,
}

impl Wake for End {
    fn wake(self: Arc<Self>) {
        if !self.is_told.swap(true, Ordering::AcqRel)
            && let Some(machine) = self.machine.upgrade()
        {
            machine.queue.state().ended(self.number);
            machine.queue.hand_over(&machine);
        }
    }
}

/// Readers of a resource above which those that have ended are looked for.
const MANY: usize = 64;

impl State {
    /// Takes a submission into the line; those that are to be lifted for it.
    fn add(&mut self, submission: Ticket, places: &[(Place, bool)]) -> Vec<Ticket> {
        self.last += 1;
        let number = self.last;
        let mut waits_for: Vec<u64> = Vec::new();
        for (place, write) in places {
            let used = self.uses.entry(place.id).or_default();
            waits_for.extend(used.writer);
            if *write {
                waits_for.append(&mut used.readers);
                used.writer = Some(number);
            } else {
                if used.readers.len() >= MANY && used.readers.len().is_power_of_two() {
                    used.readers.retain(|reader| self.line.contains_key(reader));
                }
                used.readers.push(number);
            }
        }
        waits_for.sort_unstable();
        waits_for.dedup();
        waits_for.retain(|other| self.line.contains_key(other));
        for other in &waits_for {
            self.line.get_mut(other).expect("it is there").waiters.push(number);
        }
        let waits = waits_for.len();
        if waits == 0 {
            self.ready.push_back((number, submission.clone()));
        } else {
            self.held.insert(submission.as_ptr().addr(), number);
        }
        let lifted = if submission.priority() == Priority::Normal { self.before(&waits_for) } else { Vec::new() };
        self.line.insert(number, Queued { submission, is_held: waits > 0, waits_for, waits, waiters: Vec::new() });
        lifted
    }

    /// Those of the line that are background work among these, and all that they wait for.
    fn before(&self, numbers: &[u64]) -> Vec<Ticket> {
        let (mut left, mut found) = (numbers.to_vec(), Vec::new());
        while let Some(number) = left.pop() {
            let Some(queued) = self.line.get(&number) else { continue };
            // What a normal one waits for has been lifted for it.
            if queued.submission.priority() == Priority::Background {
                left.extend_from_slice(&queued.waits_for);
                found.push(queued.submission.clone());
            }
        }
        found
    }

    /// A submission has ended that was the machine's, and left the line.
    fn ended(&mut self, number: u64) {
        let mut left = vec![number];
        while let Some(number) = left.pop() {
            let Some(queued) = self.line.remove(&number) else { continue };
            for waiter in queued.waiters {
                let Some(queued) = self.line.get_mut(&waiter) else { continue };
                queued.waits -= 1;
                if queued.waits > 0 {
                    continue;
                }
                if std::mem::replace(&mut queued.is_held, false) {
                    self.held.remove(&queued.submission.as_ptr().addr());
                    self.ready.push_back((waiter, queued.submission.clone()));
                } else {
                    // It was cancelled before.
                    left.push(waiter);
                }
            }
        }
        if self.line.is_empty() {
            self.uses.clear();
        }
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many wait.
    pub(super) fn held(&self) -> usize {
        self.state().held.len()
    }

    /// Hands a submission to the machine that uses these, when its turn has come.
    pub(super) fn submit(&self, machine: &Machine, submission: Ticket, places: &[(Place, bool)]) {
        let lifted = self.state().add(submission, places);
        lifted.iter().for_each(|submission| machine.lift(submission));
        self.hand_over(machine);
    }

    /// A submission has been cancelled: it ends, also if its turn has not come.
    pub(super) fn cancelled(&self, machine: &Machine, submission: &Submission) {
        let mut state = self.state();
        let Some(number) = state.held.remove(&std::ptr::from_ref(submission).addr()) else { return };
        let queued = state.line.get_mut(&number).expect("one that is held is in the line");
        queued.is_held = false;
        let submission = queued.submission.clone();
        drop(state);
        machine.take_on(submission);
    }

    /// Hands over all that is ready. One thread does so at a time, and comes back to what has become ready meanwhile.
    fn hand_over(&self, machine: &Machine) {
        let mut state = self.state();
        if std::mem::replace(&mut state.is_handing_over, true) {
            return;
        }
        while let Some((number, submission)) = state.ready.pop_front() {
            drop(state);
            machine.take_on(submission.clone());
            let end = End { machine: machine.this.clone(), number, is_told: AtomicBool::new(false) };
            let is_over = !submission.watch(&Waker::from(Arc::new(end)));
            state = self.state();
            if is_over {
                state.ended(number);
            }
        }
        state.is_handing_over = false;
    }
}

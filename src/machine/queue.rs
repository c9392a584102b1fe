//! Submissions that use resources of the host, files or standard input, in the order in which they were accepted: where two use one and one of
//! them writes it, the later begins when the earlier has ended. All others are the machine's at once.
//!
//! A statement of a session is accepted when it is entered, and submitted when its variables are there: it has its place in the line before it is a
//! submission.
//!
//! Priority does not change that order. What normal work waits for is normal, too, from then on: else it might wait for
//! background work that never has its turn.
//!
//! Invariants: a submission waits for earlier ones only. One that is cancelled while it waits ends at once, but stays in the line until those have
//! ended that it waits for, since whoever waits for it may have to wait for them. Nothing is handed to the machine with the lock held: that may
//! end a submission, which comes back here.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};

use super::ledger::Ticket;
use super::machine::Machine;
use super::submission::{Priority, Submission};

/// What a place in the line is for.
enum Of {
    /// What has not been submitted yet.
    Expected,
    /// What never will be, or was cancelled before its turn.
    Nothing,
    /// It is not the machine's yet.
    Held(Ticket),
    Handed(Ticket),
}

/// A place in the line.
struct Queued {
    of: Of,
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

/// A place in the line that is kept for something.
#[must_use]
#[derive(Debug)]
pub(crate) struct Reservation(u64);

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
    /// Adds a place to the line, for what uses these and whether it writes them; whom that waits for.
    fn add(&mut self, uses: &[(u64, bool)]) -> (u64, Vec<u64>) {
        self.last += 1;
        let number = self.last;
        let mut waits_for: Vec<u64> = Vec::new();
        for &(id, write) in uses {
            let used = self.uses.entry(id).or_default();
            waits_for.extend(used.writer);
            if write {
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
        let (waits, waiters) = (waits_for.len(), Vec::new());
        self.line.insert(number, Queued { of: Of::Expected, waits_for: waits_for.clone(), waits, waiters });
        (number, waits_for)
    }

    /// What a place was for has been submitted.
    fn fill(&mut self, number: u64, submission: Ticket) {
        let queued = self.line.get_mut(&number).expect("a place is there until it is filled");
        if queued.waits == 0 {
            queued.of = Of::Handed(submission.clone());
            self.ready.push_back((number, submission));
        } else {
            self.held.insert(submission.as_ptr().addr(), number);
            queued.of = Of::Held(submission);
        }
    }

    /// What a place was for is not submitted.
    fn leave_empty(&mut self, number: u64) {
        let queued = self.line.get_mut(&number).expect("a place is there until it is filled");
        queued.of = Of::Nothing;
        if queued.waits == 0 {
            self.ended(number);
        }
    }

    /// Those of the line that are background work among these, and all that they wait for.
    fn before(&self, numbers: &[u64]) -> Vec<Ticket> {
        let (mut left, mut found) = (BTreeSet::from_iter(numbers.iter().copied()), Vec::new());
        while let Some(number) = left.pop_last() {
            let Some(queued) = self.line.get(&number) else { continue };
            match &queued.of {
                // What a normal one waits for has been lifted for it, and so it is for statements.
                Of::Expected => continue,
                Of::Held(submission) | Of::Handed(submission) if submission.priority() == Priority::Normal => continue,
                Of::Held(submission) | Of::Handed(submission) => found.push(submission.clone()),
                Of::Nothing => {}
            }
            left.extend(&queued.waits_for);
        }
        found
    }

    /// What was handed to the machine has ended, or nothing is to be handed to it: it leaves the line.
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
                match std::mem::replace(&mut queued.of, Of::Nothing) {
                    Of::Expected => queued.of = Of::Expected,
                    Of::Held(submission) => {
                        self.held.remove(&submission.as_ptr().addr());
                        queued.of = Of::Handed(submission.clone());
                        self.ready.push_back((waiter, submission));
                    }
                    Of::Nothing => left.push(waiter),
                    Of::Handed(_) => unreachable!("it was handed over when nothing was left to wait for"),
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

    /// How many the machine does not have yet.
    pub(super) fn held(&self) -> usize {
        let state = self.state();
        state.held.len() + state.ready.len()
    }

    /// Hands a submission to the machine that uses these, by number, and whether it writes them, when its turn has come.
    pub(super) fn submit(&self, machine: &Machine, submission: Ticket, uses: &[(u64, bool)]) {
        let mut state = self.state();
        let (number, waits_for) = state.add(uses);
        let is_normal = submission.priority() == Priority::Normal;
        let lifted = if is_normal { state.before(&waits_for) } else { Vec::new() };
        state.fill(number, submission);
        drop(state);
        lifted.iter().for_each(|submission| machine.lift(submission));
        self.hand_over(machine);
    }

    /// Keeps a place in the line for something normal that uses these, and is to be submitted or not; the background work that is to be lifted
    /// for it.
    pub(super) fn reserve(&self, uses: &[(u64, bool)]) -> (Reservation, Vec<Ticket>) {
        let mut state = self.state();
        let (number, waits_for) = state.add(uses);
        (Reservation(number), state.before(&waits_for))
    }

    /// Hands a submission to the machine when the turn of that place has come.
    pub(super) fn fill(&self, machine: &Machine, place: Reservation, submission: Ticket) {
        self.state().fill(place.0, submission);
        self.hand_over(machine);
    }

    /// Nothing is submitted for that place.
    pub(super) fn leave_empty(&self, machine: &Machine, place: Reservation) {
        self.state().leave_empty(place.0);
        self.hand_over(machine);
    }

    /// A submission has been cancelled: it ends, also if its turn has not come.
    pub(super) fn cancelled(&self, machine: &Machine, submission: &Submission) {
        let mut state = self.state();
        let Some(number) = state.held.remove(&std::ptr::from_ref(submission).addr()) else { return };
        let queued = state.line.get_mut(&number).expect("one that is held is in the line");
        let Of::Held(submission) = std::mem::replace(&mut queued.of, Of::Nothing) else { unreachable!("it is held") };
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
            // The last of it may be a host's, which is dropped then.
            drop(submission);
            state = self.state();
            if is_over {
                state.ended(number);
            }
        }
        state.is_handing_over = false;
    }
}

//! Where a worker finds its next job: with itself, among what was injected, with the others; where there is none it sleeps.

use std::cell::RefCell;
use std::sync::atomic::Ordering;

use super::{Job, Worker};
use crate::machine::deque::{Owner, Thief};
use crate::machine::lanes::Waiting;
use crate::machine::ledger::Span;
use crate::machine::local::Local;
use crate::machine::submission::Submission;
use crate::platform::step;

/// Rounds that a worker searches before it sleeps.
const ROUNDS: u32 = if cfg!(modelled) { 1 } else { 200 };

impl Worker {
    /// The next job, if there is one; sleeps if not.
    pub(super) fn find(&mut self) -> Option<Job> {
        if self.looks_outside() {
            // What has its turn now may not wait until nothing is left here.
            if let Some(job) = self.machine().take_injected() {
                if let Some(next) = self.next.take() {
                    self.local.push(next);
                }
                return Some(job);
            }
        }
        self.next.take().or_else(|| self.pop()).or_else(|| self.take_injected()).or_else(|| self.search())
    }

    /// Whether others' work comes before what is on the deque: once a tick, and where normal work waits and this is not.
    #[inline]
    fn looks_outside(&mut self) -> bool {
        let machine = self.machine();
        let in_background = || self.local.seat().in_background.load(Ordering::Relaxed);
        std::mem::take(&mut self.gave_way) || (in_background() && machine.normal_waits())
    }

    /// What others injected, while the deque is empty.
    fn take_injected(&mut self) -> Option<Job> {
        match self.machine().take_some_injected()? {
            Waiting::Job(job) => Some(job),
            Waiting::Submissions(mut span) => {
                let first = span.next().map(Job::Submission);
                self.taken_on = span;
                first
            }
        }
    }

    /// Puts the submissions that it has taken on where others find them, and those that were taken on first come first: what the worker does
    /// now may take long.
    #[inline]
    pub(super) fn publish_submissions(&mut self) {
        publish(&mut self.taken_on, &mut self.local);
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        step();
        self.local.pushed = self.local.pushed.saturating_sub(1);
        self.local.deque.pop()
    }

    /// Puts the oldest work of the submission on top of the deque, if it is ready there; whether it was. If the slice is over, it is looked for
    /// in the lanes, too, and what is squashed, which the oldest may wait for, is as good. Younger work that makes more and more would else
    /// lie above it for ever. What lay above it on the deque comes to lie below all else there: what is next to it is often the oldest next.
    ///
    /// Frames around the oldest work go on when that is done, one after the other: they come along, and before that, when all they do is to issue
    /// what is younger, they lie below all else.
    pub(super) fn brings_up_the_oldest(&mut self, slice_is_over: bool) -> bool {
        let machine = self.machine();
        let of: *const Submission = self.of();
        let (board, entry) = machine.oldest(self.of());
        let is_oldest = |job: Job| match job {
            Job::Board(of_job) => of_job == board,
            Job::Entry(of_job) => of_job == entry,
            // SAFETY: the job is at hand.
            Job::Run(run) => unsafe { (*run).entry == entry },
            Job::Submission(_) => false,
        };
        let (older, squashed) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        // SAFETY: the worker has the jobs on its deque, and holds the lock of the lane that has the others. Their entries have not completed.
        let takes = |job: Job| unsafe {
            let entry = job.entry();
            if entry.is_null() || job.done_for() != of {
                return false;
            }
            let board = (*entry).board;
            if (*entry).oldest.load(Ordering::Acquire) {
                older.borrow_mut().push((if board.is_null() { 0 } else { (*board).level + 1 }, job));
            } else if slice_is_over && machine.is_squashed(entry) {
                squashed.borrow_mut().push(job);
            } else {
                return false;
            }
            true
        };
        // Popped from the top.
        let mut rest: Vec<Job> = std::iter::from_fn(|| self.local.deque.pop()).collect();
        let (mut at, mut above) = (0, None);
        rest.retain(|&job| {
            let is_taken = takes(job);
            above = above.or(is_taken.then_some(at));
            at += 1;
            !is_taken
        });
        let now = machine.platform.now();
        if slice_is_over && now >= self.looks_in_lanes_from {
            machine.lanes.extract(takes);
            // There may be many, and most of the time is for work.
            let then = machine.platform.now();
            self.looks_in_lanes_from = then + 8 * (then - now);
        }
        let (mut older, squashed) = (older.into_inner(), squashed.into_inner());
        older.sort_unstable_by_key(|&(level, _)| level);
        let oldest = older.pop_if(|&mut (_, job)| is_oldest(job)).map(|(_, job)| job);
        let found = oldest.is_some() || !squashed.is_empty();
        if found {
            rest.rotate_left(above.unwrap_or(0));
        }
        let (younger, around) = (rest.into_iter().rev(), older.into_iter().map(|(_, job)| job));
        // Others may have found nothing meanwhile, and sleep.
        match oldest {
            Some(job) => younger.chain(around).chain(squashed).chain([job]).for_each(|job| self.local.push(job)),
            None => around.chain(younger).chain(squashed).for_each(|job| self.local.push(job)),
        }
        found
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Looks for a job elsewhere, and sleeps if there is none.
    fn search(&mut self) -> Option<Job> {
        let machine = self.machine();
        self.leaving.let_go();
        let since = machine.platform.now();
        let found = self.look_around();
        if found.is_none() && !machine.done.load(Ordering::Acquire) {
            self.turn_away();
            machine.sleep(self.local.index);
        }
        self.local.counts.idle += machine.platform.now() - since;
        found
    }

    /// Looks for a job with the others, for a while.
    fn look_around(&mut self) -> Option<Job> {
        let machine = self.machine();
        let searches = machine.begin_search();
        let mut found = None;
        for round in 0..if searches { ROUNDS } else { 1 } {
            step();
            found = self.steal();
            if found.is_some() || machine.done.load(Ordering::Acquire) {
                break;
            }
            if round % 16 == 4 {
                machine.raise_hungry();
            }
            for _ in 0..16 {
                std::hint::spin_loop();
            }
        }
        if searches {
            machine.end_search(found.is_some());
        }
        found
    }

    fn steal(&mut self) -> Option<Job> {
        let machine = self.machine();
        if let Some(job) = self.take_injected() {
            return Some(job);
        }
        let count = machine.seats.len();
        let first = self.random() as usize % count;
        for offset in 0..count {
            let victim = (first + offset) % count;
            if victim != self.local.index
                && let Some(job) = machine.seats[victim].thief.steal_into(&self.local.deque)
            {
                self.local.counts.stolen += 1;
                self.local.pushed = self.local.deque.len();
                return Some(job);
            }
        }
        None
    }
}

/// Puts submissions on a worker's deque, where others find them.
pub(super) fn publish(taken_on: &mut Span, local: &mut Local) {
    if taken_on.len() == 0 {
        return;
    }
    while let Some(of) = taken_on.next_back() {
        local.deque.push(Job::Submission(of));
    }
    local.pushed = local.deque.len();
    step();
    local.machine().wake_one();
}

//! Lanes: where jobs wait that any worker may take, and where submissions are taken down. Each thread has one, which is nobody else's as long
//! as there are few threads; all of a lane is behind one lock, so that a submission takes that once.
//!
//! A worker takes jobs from the lanes in turn, of each the first first.
//!
//! Invariants: under a lane's lock, its bit in `waiting` says whether it has jobs. A sleeper that does not see the first job of a lane is seen
//! by who has pushed it, afterwards: see "Sleeping and waking" in `docs/protocols.md`.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{PoisonError, TryLockError};

use super::ledger::{Open, Span};
use super::submission::Priority;
use super::worker::Job;
use crate::platform::step;
use crate::platform::sync::{self, Mutex, MutexGuard, fence};

/// How many there are.
const LANES: usize = if cfg!(modelled) { 1 } else { 8 };
/// How many submissions are taken at once at most.
const BATCH: usize = 32;
/// How many lanes that are locked somebody leaves alone who looks for jobs, before he waits for one.
const PATIENCE: u32 = 16;
/// Places for so many jobs are kept while there are none.
const KEPT: usize = 1 << 12;

/// The number of the calling thread.
fn number() -> usize {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) as usize;
        NUMBER.set(Some(number));
        number
    })
}

/// Something on a cache line of its own.
#[derive(Default, Debug)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// What waits in a lane, to be taken as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waiting {
    /// A job that is no submission's beginning.
    Job(Job),
    /// Submissions that nobody has begun.
    Submissions(Span),
}

/// What a lane's lock guards.
#[derive(Default)]
pub(super) struct Lane {
    /// The page that is being filled.
    pub(super) open: Option<Open>,
    /// By priority.
    jobs: [VecDeque<Waiting>; 2],
}

#[derive(Default)]
struct Place {
    lane: Mutex<Lane>,
    /// Submissions that were taken on here; changed under the lock.
    taken_on: sync::AtomicUsize,
}

/// See the head of this file.
pub(super) struct Lanes {
    places: [Padded<Place>; LANES],
    /// All threads have the first.
    is_one: bool,
    /// Which lanes have jobs, by priority.
    waiting: [Padded<sync::AtomicU32>; 2],
    /// The lane that is looked at next: a hint.
    turn: AtomicUsize,
}

/// A lane that is locked.
pub(super) struct Locked<'l> {
    lanes: &'l Lanes,
    at: usize,
    pub(super) lane: MutexGuard<'l, Lane>,
}

impl Locked<'_> {
    /// Which one it is.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Counts a submission as taken on.
    pub(super) fn take_on(&mut self) {
        let taken_on = &self.lanes.places[self.at].0.taken_on;
        // The lock is held.
        taken_on.store(taken_on.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Puts a job at the end, and unlocks; whether it is the only one. If so, others are to be told.
    #[inline]
    pub(super) fn push(mut self, job: Job, priority: Priority) -> bool {
        let jobs = &mut self.lane.jobs[priority as usize];
        let is_first = jobs.is_empty();
        let is_added = match (job, jobs.back_mut()) {
            (Job::Submission(of), Some(Waiting::Submissions(span))) => span.add(of),
            _ => false,
        };
        match job {
            _ if is_added => {}
            Job::Submission(of) => jobs.push_back(Waiting::Submissions(Span::of(of))),
            _ => jobs.push_back(Waiting::Job(job)),
        }
        if is_first {
            self.lanes.waiting[priority as usize].0.fetch_or(1 << self.at, Ordering::SeqCst);
        }
        drop(self);
        if is_first {
            step();
            fence(Ordering::SeqCst);
        }
        is_first
    }
}

impl Lanes {
    /// Empty ones. Where threads are numbered differently from run to run, and that may make no difference, there is one for all.
    pub(super) fn new(is_one: bool) -> Lanes {
        Lanes { places: Default::default(), is_one, waiting: Default::default(), turn: AtomicUsize::new(0) }
    }

    /// Locks one.
    pub(super) fn lock(&self, at: usize) -> Locked<'_> {
        let lane = self.places[at].0.lane.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { lanes: self, at, lane }
    }

    /// The same, if nobody has it.
    fn try_lock(&self, at: usize) -> Option<Locked<'_>> {
        let lane = match self.places[at].0.lane.try_lock() {
            Ok(lane) => lane,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Locked { lanes: self, at, lane })
    }

    /// Locks the calling thread's.
    #[inline]
    pub(super) fn mine(&self) -> Locked<'_> {
        self.lock(if self.is_one { 0 } else { number() % LANES })
    }

    /// Locks each for a moment: who had one has seen nothing of what the caller did before, and who gets one afterwards sees it.
    pub(super) fn pass(&self) {
        (0..LANES).for_each(|at| drop(self.lock(at)));
    }

    /// How many submissions were taken on.
    pub(super) fn taken_on(&self) -> usize {
        self.places.iter().map(|place| place.0.taken_on.load(Ordering::Acquire)).sum()
    }

    /// Whether there are jobs.
    #[inline]
    pub(super) fn has_some(&self, priority: Priority) -> bool {
        self.waiting[priority as usize].0.load(Ordering::SeqCst) != 0
    }

    /// Takes the first job of some lane; whether there are more anywhere.
    pub(super) fn take(&self, priority: Priority) -> Option<(Job, bool)> {
        let (taken, more) = self.take_up_to(1, priority)?;
        let job = match taken {
            Waiting::Job(job) => job,
            Waiting::Submissions(mut span) => Job::Submission(span.next().expect("it is not empty")),
        };
        Some((job, more))
    }

    /// The same, and, if it is a submission's, perhaps those of a few more that were taken on after that one.
    #[inline]
    pub(super) fn take_some(&self, priority: Priority) -> Option<(Waiting, bool)> {
        self.take_up_to(BATCH, priority)
    }

    /// Gives each job out that `takes` it, submissions that nobody has begun not among them.
    pub(super) fn extract(&self, takes: impl Fn(Job) -> bool) {
        for (all, priority) in self.waiting.iter().zip(0..) {
            let mut waiting = all.0.load(Ordering::Relaxed);
            while waiting != 0 {
                let at = waiting.trailing_zeros() as usize;
                waiting &= waiting - 1;
                let mut locked = self.lock(at);
                let jobs = &mut locked.lane.jobs[priority];
                if jobs.is_empty() {
                    continue;
                }
                jobs.retain(|waiting| !matches!(*waiting, Waiting::Job(job) if takes(job)));
                if jobs.is_empty() {
                    all.0.fetch_and(!(1 << at), Ordering::SeqCst);
                }
            }
        }
    }

    fn take_up_to(&self, most: usize, priority: Priority) -> Option<(Waiting, bool)> {
        let all = &self.waiting[priority as usize].0;
        let mut patience = PATIENCE;
        loop {
            let waiting = all.load(Ordering::Relaxed);
            if waiting == 0 {
                return None;
            }
            let turn = self.turn.load(Ordering::Relaxed);
            let after = waiting & (u32::MAX << turn);
            let at = if after != 0 { after } else { waiting }.trailing_zeros() as usize;
            self.turn.store((at + 1) % LANES, Ordering::Relaxed);
            // Who is waited for has to wake who waits; and there may be another lane.
            let waits = patience == 0 || waiting.is_power_of_two();
            let locked = if waits { Some(self.lock(at)) } else { self.try_lock(at) };
            let Some(mut locked) = locked else {
                patience -= 1;
                continue;
            };
            let jobs = &mut locked.lane.jobs[priority as usize];
            let taken = match jobs.front_mut() {
                Some(Waiting::Submissions(span)) if span.len() > most => Waiting::Submissions(span.split(most)),
                Some(_) => jobs.pop_front().expect("there is one"),
                // Somebody was quicker, and has been seen to take the bit down by now.
                None => continue,
            };
            if jobs.is_empty() {
                if jobs.capacity() > KEPT {
                    *jobs = VecDeque::new();
                }
                all.fetch_and(!(1 << at), Ordering::SeqCst);
            }
            drop(locked);
            return Some((taken, all.load(Ordering::Relaxed) != 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: usize) -> Job {
        Job::Entry(std::ptr::without_provenance_mut(number))
    }

    #[test]
    fn jobs_of_a_lane_keep_their_order() {
        let lanes = Lanes::new(false);
        assert!(!lanes.has_some(Priority::Normal) && lanes.take(Priority::Normal).is_none());
        let all: Vec<Job> = (0..100).map(job).collect();
        for (at, &job) in all.iter().enumerate() {
            assert_eq!(lanes.mine().push(job, Priority::Normal), at == 0, "others are told of the first");
        }
        assert!(lanes.has_some(Priority::Normal) && !lanes.has_some(Priority::Background));
        let mut taken = Vec::new();
        while let Some((job, more)) = lanes.take(Priority::Normal) {
            taken.push(job);
            assert_eq!(more, taken.len() < all.len());
        }
        assert_eq!(taken, all);
    }

    #[test]
    fn submissions_of_a_page_are_taken_together() {
        let lanes = Lanes::new(true);
        let records = Span::places(BATCH + 10);
        let mut all: Vec<Job> = records.iter().map(|&of| Job::Submission(of)).collect();
        // What is no neighbour ends a span.
        all.insert(2, job(1));
        all.swap(4, 5);
        let push = |priority| all.iter().for_each(|&job| _ = lanes.mine().push(job, priority));
        push(Priority::Normal);
        let (mut taken, mut spans) = (Vec::new(), Vec::new());
        while let Some((some, _)) = lanes.take_some(Priority::Normal) {
            match some {
                Waiting::Job(job) => taken.push(job),
                Waiting::Submissions(mut span) => {
                    spans.push(span.len());
                    taken.extend(std::iter::from_fn(|| span.next()).map(Job::Submission));
                }
            }
        }
        assert_eq!(taken, all);
        assert_eq!(spans, [2, 1, 1, 1, BATCH, 5]);
        push(Priority::Background);
        let one = || lanes.take(Priority::Background).map(|(job, _)| job);
        assert!(std::iter::from_fn(one).eq(all.iter().copied()), "one by one");
    }

    #[test]
    fn some_jobs_are_taken_out() {
        let lanes = Lanes::new(false);
        for at in 0..3 {
            (0..3).for_each(|n| _ = lanes.lock(at).push(job(10 * at + n), Priority::Normal));
        }
        lanes.lock(3).push(job(11), Priority::Background);
        let extracted = || {
            let taken = std::cell::RefCell::new(Vec::new());
            lanes.extract(|some| {
                let is_taken = (10..13).any(|n| some == job(n));
                taken.borrow_mut().extend(is_taken.then_some(some));
                is_taken
            });
            taken.into_inner()
        };
        assert_eq!(extracted(), [10, 11, 12, 11].map(job));
        assert!(!lanes.has_some(Priority::Background), "its lane is empty");
        assert!(extracted().is_empty());
        let next = || lanes.take(Priority::Normal).map(|(job, _)| job);
        assert!(std::iter::from_fn(next).eq([0, 20, 1, 21, 2, 22].map(job)), "the others keep their order");
    }

    #[test]
    fn lanes_have_their_turns() {
        let lanes = Lanes::new(false);
        for at in 0..LANES {
            for n in 0..3 {
                lanes.lock(at).push(job(10 * at + n), Priority::Normal);
            }
        }
        let next = || lanes.take(Priority::Normal).map(|(job, _)| job);
        let rounds = (0..3).flat_map(|n| (0..LANES).map(move |at| job(10 * at + n)));
        assert!(std::iter::from_fn(next).eq(rounds), "a long one keeps nobody waiting");
        let one = Lanes::new(true);
        std::thread::scope(|scope| {
            for n in 0..4 {
                let one = &one;
                scope.spawn(move || one.mine().push(job(n), Priority::Normal));
            }
        });
        assert_eq!(one.lock(0).lane.jobs[0].len(), 4, "all have the same");
    }
}

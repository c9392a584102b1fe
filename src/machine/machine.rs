//! What workers share, whatever they work for.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::answer::Waits;
use super::code::Code;
use super::deque::{Deque, Owner, Thief};
use super::frame::Segments;
use super::host_call::HostTable;
use super::interrupt::{CHECK, HUNGRY, Interrupt, Stop, TICK, URGENT};
use super::lanes::{Lanes, Locked, Padded, Waiting};
use super::ledger::{Leaving, Ledger, Ticket};
use super::queue::Queue;
use super::recorder::Recorder;
use super::relief::{Relief, Wanted};
use super::scoreboard::{Board, NO_SQUASH, before};
use super::sleep::Sleepers;
use super::station::{Entry, Status};
use super::submission::{Order, Priority, Submission, is_in_world, lock};
use super::trap::Failure;
use super::worker::Job;
use crate::platform::sync::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Mutex, checked_seq_cst};
use crate::platform::{Platform, step};

/// When calls are issued out of order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Issue {
    /// When a worker has nothing to do.
    #[default]
    Lazy,
    /// Whenever they can be.
    Eager,
    /// Never.
    InOrder,
}

impl Issue {
    /// All, with their names.
    pub const NAMED: [(&'static str, Issue); 3] =
        [("lazy", Issue::Lazy), ("eager", Issue::Eager), ("in-order", Issue::InOrder)];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Issue> {
        Self::NAMED.iter().find_map(|&(found, issue)| (found == name).then_some(issue))
    }
}

/// What others see of a worker.
#[repr(align(128))]
pub(super) struct Seat {
    pub(super) interrupt: Interrupt,
    /// It does background work.
    pub(super) in_background: AtomicBool,
    /// What it writes all the time.
    pub(super) now: Padded<Now>,
    /// Whether its thread is wanted back.
    pub(super) relief: Wanted,
    pub(super) thief: <Deque<Job> as Owner<Job>>::Thief,
}

/// What a worker is at.
#[derive(Default)]
pub(super) struct Now {
    /// The address of the submission that it works for; 0 for none. Only to be compared.
    pub(super) works_for: AtomicUsize,
    /// It has looked for a job since the last tick.
    pub(super) stirred: AtomicBool,
    /// How many submissions have ended here.
    ended: AtomicUsize,
}

/// What a worker is at, at some moment.
pub(crate) struct AtWork {
    pub(crate) is_asleep: bool,
    /// Jobs on its deque.
    pub(crate) queued: usize,
    /// The address of the submission that it works for; 0 for none.
    pub(crate) works_for: usize,
}

/// How long the heart rests between two beats, at first and at most; and at least while nobody sleeps that could have a processor,
/// since it takes one from a worker.
const FIRST_NAP: Duration = Duration::from_micros(200);
const LAST_NAP: Duration = Duration::from_millis(10);
const BUSY_NAP: Duration = Duration::from_millis(1);

/// Held output past which work that prints waits for its turn.
pub(super) const HELD: u64 = 16 << 20;

/// Beats without anything to do after which the heart rests until somebody wakes up.
const IDLE_BEATS: u32 = 32;

pub(crate) struct Machine {
    pub(super) host: &'static HostTable,
    pub(super) segments: Arc<Segments>,
    pub(super) issue: Issue,
    pub(super) window: u32,
    /// Bytes of frames that a submission may nest.
    pub(super) max_depth: u64,
    pub(super) count: bool,
    /// Every poll is a step of the simulator.
    pub(super) simulated: bool,
    pub(super) platform: Arc<dyn Platform>,
    /// The workers', then those of threads that are lent.
    pub(super) seats: Box<[Seat]>,
    /// How many of the seats are workers'.
    pub(super) workers: usize,
    /// Where submissions lie.
    pub(super) ledger: Ledger,
    /// Where those are taken down that come, and jobs that any worker may take.
    pub(super) lanes: Lanes,
    /// Those that wait for others.
    pub(super) queue: Queue,
    /// How often a submission was lifted from one to the other.
    lifts: AtomicUsize,
    /// Workers that do background work.
    in_background: AtomicUsize,
    sleepers: Padded<Sleepers>,
    /// Workers that look for work: of them there are at most `searchers`.
    searching: Padded<AtomicU32>,
    searchers: u32,
    processors: usize,
    /// How many workers are kept awake: one for each processor, and for each that waits in a function of the host.
    useful: AtomicUsize,
    /// Nothing more is taken on, and what is in flight is squashed.
    pub(super) closing: AtomicBool,
    pub(super) done: AtomicBool,
    heart_rests: AtomicBool,
    /// What was cancelled by a thread in a world, which may have the lock of retirement: the heart sees to it.
    to_retire: Mutex<Vec<Ticket>>,
    /// Frames that others took over as they were promoted.
    pub(super) taken: AtomicU64,
    pub(super) recorder: Option<Arc<Recorder>>,
    /// Runs that wait for an answer of the host.
    pub(super) waits: Waits,
    pub(super) this: Weak<Machine>,
}

/// What a machine is made with.
pub(super) struct Parts {
    pub(super) host: &'static HostTable,
    pub(super) issue: Issue,
    pub(super) window: u32,
    /// Bytes of frames that a submission may nest.
    pub(super) max_depth: u64,
    pub(super) count: bool,
    pub(super) simulated: bool,
    pub(super) platform: Arc<dyn Platform>,
    pub(super) workers: usize,
    pub(super) recorder: Option<Arc<Recorder>>,
}

impl Machine {
    /// A machine for workers, and threads that are lent, with these deques.
    pub(super) fn new(parts: Parts, deques: &[Deque<Job>]) -> Arc<Machine> {
        let Parts { host, issue, window, max_depth, count, simulated, platform, workers, recorder } = parts;
        let seat = |deque: &Deque<Job>| Seat {
            interrupt: Interrupt::new(),
            in_background: AtomicBool::new(false),
            now: Padded::default(),
            relief: Wanted::default(),
            thief: deque.thief(),
        };
        // Half of them, so that the others' work is not slowed down by being looked for.
        let processors = platform.processors().min(workers);
        let searchers = (processors / 2).max(1) as u32;
        Arc::new_cyclic(|this| Machine {
            host,
            segments: Arc::default(),
            issue,
            window,
            max_depth,
            count,
            simulated,
            platform,
            seats: deques.iter().map(seat).collect(),
            workers,
            ledger: Ledger::default(),
            lanes: Lanes::new(simulated),
            queue: Queue::default(),
            lifts: AtomicUsize::new(0),
            in_background: AtomicUsize::new(0),
            sleepers: Padded(Sleepers::new()),
            searching: Padded(AtomicU32::new(0)),
            searchers,
            processors,
            useful: AtomicUsize::new(processors),
            closing: AtomicBool::new(false),
            done: AtomicBool::new(false),
            heart_rests: AtomicBool::new(false),
            to_retire: Mutex::default(),
            taken: AtomicU64::new(0),
            recorder,
            waits: Waits::default(),
            this: this.clone(),
        })
    }

    /// Takes an order on, as a submission that begins when a worker has time. It ends at once if the machine is about to.
    #[inline]
    pub(super) fn submit(&self, code: &Arc<Code>, order: &mut Order) -> Ticket {
        let priority = order.priority;
        let mut lane = self.lane_with_page();
        let [asked, machines] = lane.take_down(code, order);
        self.take_on_in(lane, machines, priority);
        asked
    }

    /// Takes an order down, as a submission that is not taken on yet: a ticket for who asked, and one to take it on with.
    pub(super) fn take_down(&self, code: &Arc<Code>, order: &mut Order) -> [Ticket; 2] {
        self.lane_with_page().take_down(code, order)
    }

    /// Takes a submission on that nobody has taken on. It ends at once if the machine is about to.
    pub(super) fn take_on(&self, of: Ticket) {
        let lifts = self.lifts.load(Ordering::SeqCst);
        let priority = of.priority();
        self.take_on_in(self.lanes.mine(), of, priority);
        self.look_at_lifts(priority, lifts);
    }

    #[inline(always)]
    fn take_on_in(&self, mut lane: Locked<'_>, of: Ticket, priority: Priority) {
        if self.closing.load(Ordering::SeqCst) {
            // The workers may have ended.
            drop(lane);
            // SAFETY: nobody has taken it on, and nobody will.
            return unsafe { of.refuse() };
        }
        lane.take_on();
        // The machine's count of it, until `ended`.
        if lane.push(Job::Submission(of.into_raw()), priority) {
            self.tell_others(priority);
        }
    }

    /// A submission has ended on worker `index`: those are told that wait for it, after `before`, and so many counts of it are dropped.
    ///
    /// # Safety
    /// It was taken on, there are as many counts that nobody else drops, and it is not used after that but by who has one.
    pub(super) unsafe fn ended(
        &self,
        of: *const Submission,
        counts: u32,
        index: usize,
        leaving: &mut Leaving,
        before: impl FnOnce(),
    ) {
        // SAFETY: `take_on` has left one of them; the caller's.
        unsafe { Ticket::end(of, counts, leaving, before) };
        let ended = &self.seats[index].now.0.ended;
        // It is this worker's.
        ended.store(ended.load(Ordering::Relaxed) + 1, Ordering::Release);
        if self.closing.load(Ordering::SeqCst) {
            self.platform.unpark(self.heart());
        }
    }

    /// How many submissions had been taken on and had not ended when it was asked, or more: those are looked at first that have ended. 0 is what
    /// there was.
    pub(super) fn in_flight(&self) -> usize {
        let ended: usize = self.seats.iter().map(|seat| seat.now.0.ended.load(Ordering::Acquire)).sum();
        self.lanes.taken_on() - ended
    }

    /// The seat of the thread that beats the heart.
    pub(super) fn heart(&self) -> usize {
        self.seats.len()
    }

    /// Puts a job where any worker finds it.
    pub(super) fn inject(&self, job: Job) {
        let lifts = self.lifts.load(Ordering::SeqCst);
        // SAFETY: the caller has the job, and what it is done for has not ended.
        let priority = unsafe { (*job.done_for()).priority() };
        if self.lanes.mine().push(job, priority) {
            self.tell_others(priority);
        }
        self.look_at_lifts(priority, lifts);
    }

    /// A job of that priority was put into a lane; before that, there had been so many lifts.
    fn look_at_lifts(&self, priority: Priority, lifts: usize) {
        if priority == Priority::Background && self.lifts.load(Ordering::SeqCst) != lifts {
            // It may be normal work meanwhile, and who lifted it has not seen the job.
            self.sort_background();
        }
    }

    /// A lane has got jobs that had none.
    #[cold]
    fn tell_others(&self, priority: Priority) {
        if self.searching.0.load(Ordering::Relaxed) > 0 {
            // It sees the job before it sleeps.
        } else if self.has_spare() {
            self.sleepers.0.wake_one(&*self.platform);
        } else if priority == Priority::Normal {
            self.ask_background();
        }
    }

    /// Makes a submission normal that is background work, since normal work waits for it.
    pub(super) fn lift(&self, of: &Submission) {
        if of.lift() {
            // Who injects a job as background work after this sees that.
            self.lifts.fetch_add(1, Ordering::SeqCst);
            self.sort_background();
        }
    }

    /// Puts all jobs that are injected as background work where they belong now.
    #[cold]
    fn sort_background(&self) {
        let jobs: Vec<Job> = std::iter::from_fn(|| Some(self.lanes.take(Priority::Background)?.0)).collect();
        jobs.into_iter().for_each(|job| self.inject(job));
    }

    /// Asks the workers that do background work for a seat: all of them, since some may be without a processor. One gets the job, and the
    /// others find that nothing waits any more.
    fn ask_background(&self) {
        if self.in_background.load(Ordering::Relaxed) == 0 {
            return;
        }
        for seat in self.seats.iter().filter(|seat| seat.in_background.load(Ordering::Relaxed)) {
            seat.interrupt.raise(URGENT);
        }
    }

    /// Worker `index` does background work from now on, or other.
    #[inline]
    pub(super) fn note_background(&self, index: usize, is: bool) {
        let noted = &self.seats[index].in_background;
        if noted.load(Ordering::Relaxed) != is {
            noted.store(is, Ordering::Relaxed);
            if is {
                self.in_background.fetch_add(1, Ordering::Relaxed);
            } else {
                self.in_background.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Takes such a job: normal ones come before others.
    pub(super) fn take_injected(&self) -> Option<Job> {
        let taken = self.lanes.take(Priority::Normal).or_else(|| self.lanes.take(Priority::Background));
        self.taken(taken)
    }

    /// Takes such a job, or a few submissions. One by one where there is background work, which looks at lanes, and not at what workers have,
    /// for what it has to give way to.
    #[inline]
    pub(super) fn take_some_injected(&self) -> Option<Waiting> {
        if self.in_background.load(Ordering::Relaxed) != 0 || self.lanes.has_some(Priority::Background) {
            return self.take_injected().map(Waiting::Job);
        }
        self.taken(self.lanes.take_some(Priority::Normal))
    }

    /// Who leaves jobs to others wakes one: who puts them there does so for the first only.
    #[inline]
    fn taken<T>(&self, taken: Option<(T, bool)>) -> Option<T> {
        let (taken, more) = taken?;
        if more {
            self.wake_one();
        }
        Some(taken)
    }

    /// Whether any injected job waits.
    #[inline]
    pub(super) fn anything_waits(&self) -> bool {
        self.normal_waits() || self.lanes.has_some(Priority::Background)
    }

    /// Whether an injected job of normal priority waits.
    #[inline]
    pub(super) fn normal_waits(&self) -> bool {
        self.lanes.has_some(Priority::Normal)
    }

    /// Whether a worker would find something to do.
    pub(super) fn has_work(&self) -> bool {
        self.anything_waits() || self.seats.iter().any(|seat| !seat.thief.has_none())
    }

    /// Which workers do not sleep, by bit.
    pub(super) fn who_is_awake(&self) -> u64 {
        (0..self.workers).filter(|&worker| !self.sleepers.0.has(worker)).fold(0, |awake, worker| awake | 1 << worker)
    }

    /// What each worker is at.
    pub(super) fn at_work(&self) -> Vec<AtWork> {
        let at_work = |(worker, seat): (usize, &Seat)| AtWork {
            is_asleep: self.sleepers.0.has(worker),
            queued: Thief::len(&seat.thief),
            works_for: seat.now.0.works_for.load(Ordering::Relaxed),
        };
        self.seats[..self.workers].iter().enumerate().map(at_work).collect()
    }

    /// Whether some worker has nothing to do.
    pub(super) fn is_hungry(&self) -> bool {
        self.searching.0.load(Ordering::Relaxed) > 0 || self.has_spare()
    }

    /// Whether a worker sleeps that had better work, if there is something to do.
    #[inline]
    fn has_spare(&self) -> bool {
        self.sleepers.0.any() && self.awake() < self.useful.load(Ordering::Relaxed)
    }

    /// How many workers don't sleep, at some moment.
    fn awake(&self) -> usize {
        self.workers - self.sleepers.0.count(self.workers)
    }

    /// Lets worker `index` sleep until somebody wakes it, unless there is something to do.
    pub(super) fn sleep(&self, index: usize) {
        let needed = || self.has_work() || self.done.load(Ordering::SeqCst) || self.seats[index].relief.is_wanted();
        self.sleepers.0.sleep(&*self.platform, index, needed);
        if self.heart_rests.load(Ordering::SeqCst) {
            self.platform.unpark(self.heart());
        }
    }

    /// Whether all workers sleep, and none is about to be woken.
    fn is_idle(&self) -> bool {
        self.sleepers.0.are_all(self.workers) && !self.has_work()
    }

    /// Wakes one of those that sleep, unless somebody is looking for work, and so will find what there is.
    #[inline]
    pub(super) fn wake_one(&self) {
        if self.has_spare() && self.searching.0.load(Ordering::Relaxed) == 0 {
            self.sleepers.0.wake_one(&*self.platform);
        }
    }

    /// Whether a worker may look for work; if so, [`Machine::end_search`] when it does no more.
    pub(super) fn begin_search(&self) -> bool {
        if self.searching.0.fetch_add(1, Ordering::SeqCst) < self.searchers {
            return true;
        }
        self.searching.0.fetch_sub(1, Ordering::SeqCst);
        false
    }

    /// A worker looks no more. Whoever saw it looking has woken nobody: the last one does, if it has found something and there is
    /// more.
    pub(super) fn end_search(&self, has_found: bool) {
        let others = self.searching.0.fetch_sub(1, Ordering::SeqCst) - 1;
        if has_found && others == 0 && self.has_spare() && self.has_work() {
            self.sleepers.0.wake_one(&*self.platform);
        }
    }

    /// Raises bits of every worker's poll word.
    pub(super) fn raise_all(&self, bits: u32) {
        self.seats.iter().for_each(|seat| seat.interrupt.raise(bits));
    }

    /// Tells every worker that somebody has nothing to do, if it has not been told.
    pub(super) fn raise_hungry(&self) {
        self.seats.iter().filter(|seat| !seat.interrupt.has(HUNGRY)).for_each(|seat| seat.interrupt.raise(HUNGRY));
    }

    /// What has to be done now and then.
    fn heartbeat(&self, tick: bool) {
        if tick {
            self.count_waiting();
        }
        if self.has_spare() {
            if self.has_work() {
                // Whoever is looking may be without a processor.
                self.sleepers.0.wake_one(&*self.platform);
            }
            self.raise_hungry();
        }
        if tick {
            self.raise_all(TICK);
        }
        if self.normal_waits() {
            self.ask_background();
        }
    }

    /// Whoever has neither polled nor looked for a job since the last tick waits for something outside: another may work in its
    /// place, and what is on its deque waits for all.
    fn count_waiting(&self) {
        let mut waiting = 0;
        for (worker, seat) in self.seats[..self.workers].iter().enumerate() {
            let stirred = seat.now.0.stirred.swap(false, Ordering::Relaxed);
            if !stirred && seat.interrupt.has(TICK) && !self.sleepers.0.has(worker) {
                waiting += 1;
                let aside = Deque::new();
                while let Some(job) = seat.thief.steal_into(&aside).or_else(|| aside.pop()) {
                    self.inject(job);
                }
            }
        }
        self.useful.store(self.processors + waiting, Ordering::Relaxed);
    }

    /// Beats the heart until `until` says so, which is asked at every beat, and whenever the heart's seat is unparked: on a thread that is
    /// no worker's.
    pub(super) fn beat(&self, until: &mut dyn FnMut() -> bool) {
        let mut nap = FIRST_NAP;
        // Since the last tick, and since a promoted frame was taken.
        let (mut since, mut fruitless) = (Duration::ZERO, Duration::ZERO);
        let (mut taken, mut idle) = (0, 0);
        while !until() {
            self.retire_cancelled();
            if idle >= IDLE_BEATS {
                // Announced first, and then looked: who wakes up after that sees that the heart rests.
                self.heart_rests.store(true, Ordering::SeqCst);
                if self.is_idle() && !until() {
                    self.platform.park(self.heart(), None);
                }
                self.heart_rests.store(false, Ordering::SeqCst);
                (idle, nap, fruitless) = (0, FIRST_NAP, Duration::ZERO);
                continue;
            }
            self.platform.park(self.heart(), Some(nap));
            since += nap;
            fruitless += nap;
            let tick = since >= LAST_NAP;
            if tick {
                since = Duration::ZERO;
            }
            self.heartbeat(tick);
            let now = self.taken.load(Ordering::Relaxed);
            if now != taken {
                (taken, fruitless) = (now, Duration::ZERO);
            }
            // Whoever is hungry waits for an eighth of the time in which there was nothing for him.
            nap = (fruitless / 8).clamp(if self.has_spare() { FIRST_NAP } else { BUSY_NAP }, LAST_NAP);
            idle = if self.is_idle() { idle + 1 } else { 0 };
        }
        self.retire_cancelled();
    }

    /// Ends what is in flight; what is taken on from now on ends at once, too.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        // What was taken on by somebody who had not seen that is counted.
        self.lanes.pass();
        self.raise_all(CHECK);
        self.wake_squashed();
        self.platform.unpark(self.heart());
    }

    /// Whether that is done.
    pub(super) fn is_closed(&self) -> bool {
        self.closing.load(Ordering::SeqCst) && self.in_flight() == 0
    }

    /// Asks every worker for its thread.
    pub(super) fn relieve(&self, relief: Arc<Relief>) {
        for (worker, seat) in self.seats[..self.workers].iter().enumerate() {
            seat.relief.want(relief.clone());
            // As a sleeper announces itself first, and then looks.
            seat.interrupt.raise(URGENT);
            self.platform.unpark(worker);
        }
    }

    /// Lets the workers end.
    pub(super) fn finish(&self) {
        self.done.store(true, Ordering::SeqCst);
        (0..=self.seats.len()).for_each(|worker| self.platform.unpark(worker));
    }

    /// Stops a submission, if it has not been stopped before.
    pub(super) fn stop(&self, of: &Submission, stop: Stop) {
        if of.note_stop(stop) {
            self.raise_all(CHECK);
            self.wake_squashed();
        }
    }

    /// The same, from outside.
    pub(super) fn cancel(&self, of: &Ticket, stop: Stop) {
        self.stop(of, stop);
        if of.has_waiting() {
            if is_in_world() {
                lock(&self.to_retire).push(of.clone());
                self.platform.unpark(self.heart());
            } else {
                self.retire(of);
            }
        }
        self.queue.cancelled(self, of);
    }

    /// Lets those go on that wait in what has been cancelled from a world.
    fn retire_cancelled(&self) {
        let cancelled = std::mem::take(&mut *lock(&self.to_retire));
        cancelled.iter().for_each(|of| self.retire(of));
    }

    /// Whether what an entry does will never be seen.
    ///
    /// # Safety
    /// The entry has not completed.
    pub(super) unsafe fn is_squashed(&self, entry: *mut Entry) -> bool {
        if self.closing.load(Ordering::Relaxed) {
            return true;
        }
        // SAFETY: what an entry is done for has not ended before it.
        let of = unsafe { &*(*entry).root };
        if !of.has_failed.load(Ordering::Acquire) {
            return false;
        }
        if of.stopping.load(Ordering::Acquire) {
            return true;
        }
        let failures = of.failures();
        // SAFETY: an entry that has not completed has a live frame, whose entry has not completed.
        unsafe {
            let mut at = entry;
            let squashed = loop {
                let board: *mut Board = (*at).board;
                if board.is_null() {
                    break false;
                }
                if (*board).squashes((*at).seq) || (*board).is_lost.load(Ordering::Relaxed) {
                    break true;
                }
                // Nothing further up has failed since it was good.
                if of.last_failure_above((*board).level) <= (*board).good_at.load(Ordering::Relaxed) {
                    (*board).good_at.store(failures, Ordering::Relaxed);
                    break false;
                }
                at = (*board).entry;
            };
            // It holds for all on the way, which may be long.
            let mut below = entry;
            while below != at {
                let board = (*below).board;
                if squashed {
                    (*board).is_lost.store(true, Ordering::Relaxed);
                } else {
                    (*board).good_at.store(failures, Ordering::Relaxed);
                }
                below = (*board).entry;
            }
            squashed
        }
    }

    /// Notes that an entry failed: what is younger in its frame is squashed.
    ///
    /// # Safety
    /// The caller runs the entry.
    pub(super) unsafe fn fail(&self, entry: *mut Entry, failure: Failure) {
        // SAFETY: the caller's.
        unsafe {
            let of = &*(*entry).root;
            (*entry).status = Status::Failed;
            (*entry).failure = Some(Box::new(failure));
            let board: *mut Board = (*entry).board;
            if !board.is_null() {
                let from = (*entry).seq.wrapping_add(1);
                let squash = &(*board).squash;
                let mut now = squash.load(Ordering::Acquire);
                while now == NO_SQUASH || before(from, now) {
                    match squash.compare_exchange_weak(now, from, Ordering::AcqRel, Ordering::Acquire) {
                        Ok(_) => break,
                        Err(other) => now = other,
                    }
                }
            }
            step();
            of.note_failure((!board.is_null()).then(|| (*board).level));
            step();
            self.raise_all(CHECK);
            self.wake_squashed();
            checked_seq_cst();
            if of.has_waiting() {
                self.retire(of);
            }
        }
    }
}

//! A machine with its threads: what a run or an embedding program works with.
//!
//! One thread beats the heart: one of the crew's own, or, where the crew was started without, whoever waits for a submission
//! ([`Crew::beat_for`]).

use std::cell::Cell;
use std::io::{self, Write};
use std::mem::forget;
use std::process;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Wake, Waker};

use super::code::Code;
use super::deque::{Deque, Owner};
use super::host_call::HostTable;
use super::interrupt::{Stop, URGENT};
use super::ledger::Ticket;
use super::local::Counts;
use super::machine::{AtWork, Issue, Machine, Parts};
use super::queue::Reservation;
use super::record::{Hazard, Record};
use super::recorder::Recorder;
use super::relief::Relief;
use super::submission::{Order, lock};
use super::worker::{Job, Worker};
use crate::platform::Platform;
use crate::platform::os::Turn;
use crate::platform::sim::{Simulated, Simulator};
use crate::platform::sync::Mutex;
use crate::platform::system::{JoinHandle, Threads, spawn, spawn_turns};

/// The most workers of a crew: with its guests, they fit into the bits of a word.
pub(crate) const MAX_WORKERS: usize = 60;

/// What a crew is like.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Up to [`MAX_WORKERS`].
    pub(crate) workers: usize,
    /// How many threads may lend themselves at a time.
    pub(crate) guests: usize,
    pub(crate) issue: Issue,
    pub(crate) window: u32,
    /// Bytes of frames that a submission may nest.
    pub(crate) max_depth: u64,
    pub(crate) count: bool,
    /// Workers take turns as this seed says.
    pub(crate) seed: Option<u64>,
    pub(crate) record: bool,
    /// Records what is read and written, too.
    pub(crate) trace: bool,
    pub(crate) leave_out: Option<Hazard>,
    /// What threads are called, with a number.
    pub(crate) name: String,
    /// Whether there is a thread that beats the heart.
    pub(crate) own_heart: bool,
}

/// See the head of this file.
pub(crate) struct Crew {
    machine: Arc<Machine>,
    /// Seats that nobody has.
    guests: Mutex<Vec<(usize, Deque<Job>)>>,
    threads: Mutex<Vec<JoinHandle<Counts>>>,
    heart: Mutex<Option<JoinHandle<()>>>,
    recorder: Option<Arc<Recorder>>,
}

thread_local! {
    /// Whose worker this thread is.
    static WORKS_FOR: Cell<*const Machine> = const { Cell::new(ptr::null()) };
}

/// Whether the calling thread is a worker of the machine.
fn is_here(machine: &Arc<Machine>) -> bool {
    ptr::eq(WORKS_FOR.get(), Arc::as_ptr(machine))
}

/// What whoever waits for a submission has to do with its machine.
impl Ticket {
    /// Whether the calling thread is one of its workers.
    pub(crate) fn is_worked_for_here(&self) -> bool {
        is_here(self.machine())
    }

    /// Whether its workers take turns in a simulation.
    pub(crate) fn is_simulated(&self) -> bool {
        self.machine().simulated
    }

    /// Beats the machine's heart until the submission has ended, or `enough` says so; that is asked at every beat.
    pub(crate) fn beat_for(&self, enough: &mut dyn FnMut() -> bool) {
        let machine = self.machine();
        let nudge = Waker::from(Arc::new(Nudge(machine.clone(), machine.heart())));
        if self.watch(&nudge) {
            machine.beat(&mut || self.has_ended() || enough());
        }
    }

    /// Asks it to end.
    pub(crate) fn cancel(&self, stop: Stop) {
        self.machine().cancel(self, stop);
    }
}

/// Tells whoever has a seat that what it is there for has ended.
struct Nudge(Arc<Machine>, usize);

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        if let Some(seat) = self.0.seats.get(self.1) {
            // A worker may be busy with something else.
            seat.interrupt.raise(URGENT);
        }
        self.0.platform.unpark(self.1);
    }
}

/// Ends the process if it is dropped: what a worker, or the heart, had in hand when a panic took it is lost, and others wait for that.
struct Whole;

impl Drop for Whole {
    #[allow(clippy::disallowed_methods, reason = "nobody else can end it, nor say why")]
    fn drop(&mut self) {
        // Not `eprintln`, which a test may keep.
        let _ = io::stderr().write_all(b"tgvm: a thread of an engine panicked, and can't go on\n");
        process::abort();
    }
}

/// Does that whole, or not at all.
fn wholly<T>(body: impl FnOnce() -> T) -> T {
    let whole = Whole;
    let result = body();
    forget(whole);
    result
}

impl Crew {
    /// Starts the threads. In a simulation the caller takes part from now on, until [`Crew::disband`].
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(settings: &Settings, host: &'static HostTable) -> io::Result<Crew> {
        let workers = settings.workers.clamp(1, MAX_WORKERS);
        let seats = workers + settings.guests.min(4);
        let platform: Arc<dyn Platform> = match settings.seed {
            None => Arc::new(Threads::new(seats)),
            Some(seed) => Arc::new(Simulated(Arc::new(Simulator::new(seats, seed)))),
        };
        // Accesses that meet must not race.
        let leave_out = settings.leave_out.filter(|_| seats == 1 || settings.seed.is_some());
        let recorder = settings.record.then(|| Recorder::new(platform.clone(), seats, leave_out, settings.trace));
        let mut deques: Vec<Deque<Job>> = (0..seats).map(|_| Deque::new()).collect();
        let parts = Parts {
            host,
            issue: settings.issue,
            window: settings.window.max(1),
            max_depth: settings.max_depth,
            count: settings.count || settings.record,
            simulated: settings.seed.is_some(),
            platform,
            workers,
            recorder: recorder.clone(),
        };
        let machine = Machine::new(parts, &deques);
        let guests = deques.split_off(workers).into_iter().enumerate();
        let crew = Crew {
            machine: machine.clone(),
            guests: Mutex::new(guests.map(|(index, deque)| (workers + index, deque)).collect()),
            threads: Mutex::default(),
            heart: Mutex::default(),
            recorder,
        };
        for (index, deque) in deques.into_iter().enumerate() {
            let machine = machine.clone();
            let turn = move |(deque, counts)| match Self::work(&machine, index, (deque, counts), None) {
                (_, counts) if machine.done.load(Ordering::Acquire) => Turn::Last(counts),
                left => Turn::Next(left),
            };
            match spawn_turns(format!("{}-{index}", settings.name), (deque, Counts::default()), turn) {
                Ok(thread) => lock(&crew.threads).push(thread),
                Err(error) => {
                    crew.abandon();
                    return Err(error);
                }
            }
        }
        if settings.own_heart {
            let spawned = spawn(format!("{}-heart", settings.name), move || {
                wholly(|| {
                    machine.beat(&mut || machine.is_closed());
                    machine.finish();
                });
            });
            match spawned {
                Ok(thread) => *lock(&crew.heart) = Some(thread),
                Err(error) => {
                    crew.abandon();
                    return Err(error);
                }
            }
        } else {
            crew.machine.platform.enter(crew.machine.heart());
        }
        Ok(crew)
    }

    /// Works in a seat, with what was left there, until the machine ends, or that submission, or it is relieved.
    fn work(
        machine: &Arc<Machine>,
        index: usize,
        left: (Deque<Job>, Counts),
        lent_to: Option<&Ticket>,
    ) -> (Deque<Job>, Counts) {
        let before = WORKS_FOR.replace(Arc::as_ptr(machine));
        // SAFETY: the machine is held here, and the worker ends before.
        let mut worker = unsafe { Worker::new(machine, index, left) };
        machine.platform.enter(index);
        wholly(|| worker.work(lent_to));
        machine.platform.leave(index);
        WORKS_FOR.set(before);
        worker.leave()
    }

    /// Whether the calling thread is one of its workers.
    pub(crate) fn is_here(&self) -> bool {
        is_here(&self.machine)
    }

    /// Whether its workers take turns in a simulation.
    pub(crate) fn is_simulated(&self) -> bool {
        self.machine.simulated
    }

    /// Takes an order on, to begin when those have ended that were taken on before and share something with it.
    #[inline]
    pub(crate) fn submit(&self, code: &Arc<Code>, order: &mut Order) -> Ticket {
        let mut shared = code.shared(order.function, order.world.is_some()).peekable();
        if shared.peek().is_none() {
            return self.machine.submit(code, order);
        }
        let shared: Vec<(u64, bool)> = shared.collect();
        let [asked, machines] = self.machine.take_down(code, order);
        self.machine.queue.submit(&self.machine, machines, &shared);
        asked
    }

    /// Accepts what is to be ordered later: a place for it among those that share something with it, if there may be any, and what is to be
    /// lifted for it. The machine is not entered, so this may be called with a lock held.
    pub(crate) fn reserve(&self, code: &Code, function: u32) -> (Option<Reservation>, Vec<Ticket>) {
        let shared: Vec<(u64, bool)> = code.shared(function, true).collect();
        if shared.is_empty() {
            return (None, Vec::new());
        }
        let (place, lifted) = self.machine.queue.reserve(&shared);
        (Some(place), lifted)
    }

    /// These are normal work from now on.
    pub(crate) fn lift(&self, background: &[Ticket]) {
        background.iter().for_each(|submission| self.machine.lift(submission));
    }

    /// Takes an order on for which there is a place.
    pub(crate) fn submit_in(&self, place: Reservation, code: &Arc<Code>, order: &mut Order) -> Ticket {
        let [asked, machines] = self.machine.take_down(code, order);
        self.machine.queue.fill(&self.machine, place, machines);
        asked
    }

    /// Nothing is ordered for that place.
    pub(crate) fn leave_empty(&self, place: Reservation) {
        self.machine.queue.leave_empty(&self.machine, place);
    }

    /// Which workers do not sleep, by bit.
    pub(crate) fn who_is_awake(&self) -> u64 {
        self.machine.who_is_awake()
    }

    /// What each worker is at.
    pub(crate) fn at_work(&self) -> Vec<AtWork> {
        self.machine.at_work()
    }

    /// How many submissions have not ended.
    pub(crate) fn in_flight(&self) -> usize {
        self.machine.in_flight() + self.machine.queue.held()
    }

    /// Beats the heart until `enough` says so.
    pub(crate) fn beat_until(&self, enough: &mut dyn FnMut() -> bool) {
        self.machine.beat(enough);
    }

    /// Lends the calling thread until the submission has ended; whether there was a seat for it.
    pub(crate) fn lend_to(&self, submission: &Ticket) -> bool {
        let Some((index, deque)) = lock(&self.guests).pop() else { return false };
        let nudge = Waker::from(Arc::new(Nudge(self.machine.clone(), index)));
        let deque = if submission.watch(&nudge) {
            Self::work(&self.machine, index, (deque, Counts::default()), Some(submission)).0
        } else {
            deque
        };
        lock(&self.guests).push((index, deque));
        true
    }

    /// Lets every worker leave its thread at its next poll; another thread goes on in its place. When all have left, `then` is called.
    pub(crate) fn relieve(&self, then: impl FnOnce() + Send + Sync + 'static) {
        self.machine.relieve(Arc::new(Relief::new(then)));
    }

    /// Ends all that is in flight, and the threads; what each did. The caller is no worker, and beats the heart if nobody else
    /// does.
    pub(crate) fn disband(&self) -> Vec<Counts> {
        self.machine.close();
        match lock(&self.heart).take() {
            Some(heart) => heart.join().expect("the heart does not panic"),
            None => {
                self.machine.beat(&mut || self.machine.is_closed());
                self.machine.finish();
                self.machine.platform.leave(self.machine.heart());
            }
        }
        let threads = std::mem::take(&mut *lock(&self.threads));
        threads.into_iter().map(|thread| thread.join().expect("a worker does not panic")).collect()
    }

    /// Nothing more is taken on, and what is in flight is squashed.
    pub(crate) fn close(&self) {
        self.machine.close();
    }

    /// Ends the threads that have been started, where not all could be.
    fn abandon(&self) {
        self.machine.finish();
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            thread.join().expect("a worker does not panic");
        }
    }

    /// Who takes down what happens, if somebody does.
    pub(super) fn recorder(&self) -> Option<Arc<Recorder>> {
        self.recorder.clone()
    }

    /// What was taken down, once it has been disbanded.
    pub(crate) fn record(&self) -> Option<Record> {
        self.recorder.as_ref().map(|recorder| recorder.finish())
    }
}

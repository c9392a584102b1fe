//! The protocols in every order of their steps, as far as `tests/models.sh` bounds it: see "The models" in `docs/protocols.md`.
//! It is the machine's own code that runs here, on the checker's atomics and locks.
//!
//! Of plain memory the checker sees only a [`Witness`]: whoever uses one must have been told so by a protocol's orderings.
//! "Notices" names changes of the code that make the model fail; each was tried.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Wake, Waker};

use loom::cell::UnsafeCell;
use loom::thread;

use super::code::Code;
use super::deque::{Deque, Owner, Thief};
use super::engine::Outcome;
use super::host_call::{Stream, World};
use super::interrupt::HUNGRY;
use super::ledger::Ticket;
use super::local::Counts;
use super::machine::{Issue, Machine, Parts};
use super::memory::Budget;
use super::scoreboard::Board;
use super::station::{Entry, Kind, Link, Ready, close, depend, stall};
use super::submission::{Memory, Order, Priority};
use super::trap::Fault;
use super::worker::{Job, Worker};
use crate::bytecode::trap::TrapCode;
use crate::embed::Module;
use crate::host;
use crate::platform::os::Threads;
use crate::platform::sync::{self, Mutex};
use crate::syntax::span::Source;

/// Checks a model, with at most so many interruptions if the environment does not say.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 100_000;
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    let orders = Arc::new(AtomicU64::new(0));
    let counted = orders.clone();
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    println!("{} orders", orders.load(Ordering::Relaxed));
}

/// Something that a protocol hands from one thread to another.
struct Shared<T>(T);

// SAFETY: that it is used by one thread at a time is what the models check.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

/// Plain memory.
struct Witness(UnsafeCell<u32>);

impl Witness {
    fn new() -> Witness {
        Witness(UnsafeCell::new(0))
    }
    fn add(&self, by: u32) {
        // SAFETY: the checker fails if anybody else uses it without being told that it is free.
        self.0.with_mut(|value| unsafe { *value += by });
    }
    fn get(&self) -> u32 {
        // SAFETY: as above.
        self.0.with(|value| unsafe { *value })
    }
}

/// Entries of a frame, and what their work is.
struct Frame {
    entries: Vec<*mut Entry>,
    /// What each entry's issuer wrote before it was armed, and what its work was.
    issued: Vec<Witness>,
    done: Vec<Witness>,
    runs: Vec<AtomicU32>,
    ready: Mutex<Vec<*mut Entry>>,
    pushed: sync::AtomicU32,
}

impl Frame {
    fn new(entries: usize) -> Arc<Shared<Frame>> {
        let new = |seq| {
            let entry = Box::into_raw(Box::new(Entry::new()));
            // SAFETY: it is new.
            unsafe { Entry::reset(entry, seq, std::ptr::null_mut(), Kind::Call, 4) };
            entry
        };
        let witnesses = || (0..entries).map(|_| Witness::new()).collect();
        Arc::new(Shared(Frame {
            entries: (0..entries as u32).map(new).collect(),
            issued: witnesses(),
            done: witnesses(),
            runs: (0..entries).map(|_| AtomicU32::new(0)).collect(),
            ready: Mutex::default(),
            pushed: sync::AtomicU32::new(0),
        }))
    }

    fn number(&self, entry: *mut Entry) -> usize {
        self.entries.iter().position(|&other| other == entry).expect("it is one of them")
    }

    /// Issues an entry that needs the results of `needs`; whether it is ready.
    fn issue(&self, number: usize, needs: &[usize]) -> bool {
        let entry = self.entries[number];
        // SAFETY: the caller is the issuer.
        unsafe {
            for (at, &need) in needs.iter().enumerate() {
                if !depend(entry, self.entries[need], Some((at as u16 + 1, 0))) {
                    assert_eq!(self.done[need].get(), 1, "it has completed");
                }
            }
            self.issued[number].add(1);
            Entry::arm(entry)
        }
    }

    /// Runs an entry, which needs that many results, each of which is `10 + its number`. What is ready then goes on the list.
    fn run(&self, number: usize, needs: &[usize]) {
        let entry = self.entries[number];
        self.runs[number].fetch_add(1, Ordering::Relaxed);
        assert_eq!(self.issued[number].get(), 1, "all of it was issued");
        // SAFETY: the caller has it to run.
        unsafe {
            for (at, &need) in needs.iter().enumerate() {
                assert_eq!(self.done[need].get(), 1, "it has completed");
                assert_eq!(*(*entry).args.add(at + 1), 10 + need as u64);
            }
            *(*entry).args = 10 + number as u64;
            self.done[number].add(1);
            close(entry, |ready| match ready {
                Ready::Entry(ready) => {
                    self.ready.lock().expect("nobody panics").push(ready);
                    // So that the checker tries what others do with it before the next step, too.
                    self.pushed.fetch_add(1, Ordering::Relaxed);
                }
                Ready::Board(_) => unreachable!("no frame waits"),
            });
        }
    }

    fn take(&self) -> Option<usize> {
        let entry = self.ready.lock().expect("nobody panics").pop()?;
        Some(self.number(entry))
    }

    fn ran(&self) -> Vec<u32> {
        self.runs.iter().map(|runs| runs.load(Ordering::Relaxed)).collect()
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        for &entry in &self.entries {
            // SAFETY: from `Box::into_raw`; no thread is left.
            drop(unsafe { Box::from_raw(entry) });
        }
    }
}

/// An entry is issued while the one that it needs completes: it runs once, sees the result, and its issuer's writes.
///
/// Notices: `close` without Release; `depend` that reads CLOSED without Acquire, or looks for it only once; `arm` and the count-down
/// without Acquire or without Release.
#[test]
fn hand_off_to_one_that_is_being_issued() {
    check(|| {
        let frame = Frame::new(2);
        assert!(frame.0.issue(0, &[]));
        let other = frame.clone();
        let closer = thread::spawn(move || {
            let frame = &other.0;
            frame.run(0, &[]);
            while let Some(ready) = frame.take() {
                frame.run(ready, &[0]);
            }
        });
        if frame.0.issue(1, &[0]) {
            frame.0.run(1, &[0]);
        }
        closer.join().expect("it does not panic");
        assert_eq!(frame.0.ran(), [1, 1]);
    });
}

/// An entry needs two, which complete at the same time: who completes the second sees both results.
///
/// Notices: a count-down without Acquire or without Release; the short cut for the last without Acquire.
#[test]
fn hand_off_from_two_at_once() {
    check(|| {
        let frame = Frame::new(3);
        assert!(frame.0.issue(0, &[]) && frame.0.issue(1, &[]));
        let closers: Vec<_> = (0..2)
            .map(|number| {
                let frame = frame.clone();
                thread::spawn(move || {
                    let frame = &frame.0;
                    frame.run(number, &[]);
                    while let Some(ready) = frame.take() {
                        frame.run(ready, &[0, 1]);
                    }
                })
            })
            .collect();
        if frame.0.issue(2, &[0, 1]) {
            frame.0.run(2, &[0, 1]);
        }
        closers.into_iter().for_each(|closer| closer.join().expect("it does not panic"));
        assert_eq!(frame.0.ran(), [1, 1, 1]);
    });
}

/// One of two that wait runs, completes and is used anew, while the one that they waited for is still counting down.
///
/// Notices: a link's next that is read after its waiter is counted down.
#[test]
fn hand_off_to_one_that_is_recycled_at_once() {
    check(|| {
        let frame = Frame::new(4);
        assert!(frame.0.issue(0, &[]) && frame.0.issue(3, &[]));
        // Entry 2 comes first on the list.
        assert!(!frame.0.issue(1, &[0]) && !frame.0.issue(2, &[0]));
        let other = frame.clone();
        let closer = thread::spawn(move || other.0.run(0, &[]));
        let this = &frame.0;
        let mut recycled = false;
        if let Some(ready) = this.take() {
            this.run(ready, &[0]);
            if ready == 2 {
                recycled = true;
                // SAFETY: it has completed.
                unsafe { Entry::reset(this.entries[2], 4, std::ptr::null_mut(), Kind::Call, 4) };
                // SAFETY: this is its issuer.
                unsafe {
                    assert!(depend(this.entries[2], this.entries[3], None));
                    assert!(!Entry::arm(this.entries[2]));
                }
                this.pushed.fetch_add(1, Ordering::Relaxed);
            }
        }
        closer.join().expect("it does not panic");
        this.run(3, &[]);
        while let Some(ready) = this.take() {
            this.runs[ready].fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(this.ran(), [1, 1, 1 + u32::from(recycled), 1], "one was lost, or ran twice");
    });
}

/// A frame stalls on an entry that completes: somebody goes on with it, and nobody else, and sees what its issuer wrote.
///
/// Notices: `close` without Acquire or without Release; `enlist` without Release, or reading CLOSED without Acquire.
#[test]
fn hand_off_to_a_frame_that_stalls() {
    check(|| {
        let frame = Frame::new(1);
        assert!(frame.0.issue(0, &[]));
        let board = Arc::new(Shared((Witness::new(), Board::new(), Link::new())));
        let resume = |board: &Shared<(Witness, Box<Board>, Link)>| {
            assert_eq!(board.0.0.get(), 1, "it is gone on with once, where it was");
            board.0.0.add(1);
        };
        let (entry, other) = (frame.clone(), board.clone());
        let closer = thread::spawn(move || {
            // SAFETY: this runs the entry.
            unsafe {
                entry.0.done[0].add(1);
                close(entry.0.entries[0], |ready| match ready {
                    Ready::Board(_) => resume(&other),
                    Ready::Entry(_) => unreachable!("no entry waits"),
                });
            }
        });
        board.0.0.add(1);
        let (_, of, link) = &board.0;
        let (of, link) = ((&raw const **of).cast_mut(), (&raw const *link).cast_mut());
        // SAFETY: this is the issuer; the link is used by the protocol alone.
        if !unsafe { stall(of, link, frame.0.entries[0]) } {
            assert_eq!(frame.0.done[0].get(), 1, "it has completed");
            resume(&board);
        }
        closer.join().expect("it does not panic");
        assert_eq!(board.0.0.get(), 2, "nobody goes on with it");
    });
}

/// What a program prints, and writes to files.
#[derive(Clone, Default)]
struct Page(Arc<std::sync::Mutex<String>>);

impl Page {
    fn text(&self) -> std::sync::MutexGuard<'_, String> {
        self.0.lock().expect("nobody panics")
    }
}

impl World for Page {
    fn write(&mut self, _: Stream, bytes: &[u8]) -> Result<(), Fault> {
        self.text().push_str(str::from_utf8(bytes).expect("a Str is UTF-8"));
        Ok(())
    }
    fn append_file(&mut self, _: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.write(Stream::Out, bytes)
    }
}

fn compile(text: &str) -> Arc<Code> {
    let source = Source { name: "model.tg".into(), text: text.into() };
    Module::from_source(&source).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}")).into_code()
}

/// A machine for workers with these deques.
fn machine_for(deques: &[Deque<Job>], issue: Issue) -> Arc<Machine> {
    let parts = Parts {
        host: host::table(),
        issue,
        window: 64,
        max_depth: 1 << 20,
        count: false,
        simulated: false,
        platform: Arc::new(Threads::new(deques.len())),
        workers: deques.len(),
        recorder: None,
    };
    Machine::new(parts, deques)
}

/// A submission of `main`: tickets for who asked, and for the machine.
fn submission(machine: &Machine, code: &Arc<Code>, world: &Page, budget: &Arc<Budget>) -> [Ticket; 2] {
    let mut order = Order {
        function: code.program().main,
        args: Default::default(),
        world: Some(Box::new(world.clone())),
        memory: Memory::Of(budget.clone()),
        priority: Priority::Normal,
    };
    machine.take_down(code, &mut order)
}

/// Lets the workers end when a submission has.
struct Last(Arc<Machine>);

impl Wake for Last {
    fn wake(self: Arc<Self>) {
        self.0.finish();
    }
}

/// A job that is never done.
fn pushed() -> Job {
    Job::Entry(std::ptr::without_provenance_mut(64))
}

/// Takes what is in the lanes and, as a thief, on the deques, and sleeps in between, until it is over. What it got.
fn takes(machine: &Machine, index: usize, got: impl Fn(Job)) {
    while !machine.done.load(Ordering::Acquire) {
        let own = Deque::new();
        let stolen = || machine.seats.iter().find_map(|seat| seat.thief.steal_into(&own));
        match machine.take_injected().or_else(stolen) {
            Some(job) => got(job),
            None => machine.sleep(index),
        }
    }
}

/// Jobs are injected while workers fall asleep, and no heart beats: each is taken, once.
///
/// Notices: a sleeper that does not look again before it parks, or looks before it raises its bit; either fence left out; a waker
/// that takes the bit down and wakes nobody.
#[test]
fn sleep_while_jobs_are_injected() {
    let code = compile("fn main() {}");
    check(move || {
        let deques: Vec<Deque<Job>> = (0..2).map(|_| Deque::new()).collect();
        let machine = machine_for(&deques, Issue::Lazy);
        let [of, _] = submission(&machine, &code, &Page::default(), &Budget::new(1 << 30));
        let jobs = [(); 2].map(|()| {
            let mut entry = Box::new(Entry::new());
            entry.root = of.as_ptr();
            Job::Entry(Box::into_raw(entry))
        });
        let taken = Arc::new(AtomicU32::new(0));
        let workers: Vec<_> = (0..2)
            .map(|index| {
                let (machine, taken, first) = (machine.clone(), taken.clone(), Shared(jobs[0]));
                thread::spawn(move || {
                    let first = first;
                    takes(&machine, index, |got| {
                        let bit = if got == first.0 { 1 } else { 2 };
                        let before = taken.fetch_or(bit, Ordering::SeqCst);
                        assert_eq!(before & bit, 0, "it was taken twice");
                        if before | bit == 3 {
                            machine.finish();
                        }
                    });
                })
            })
            .collect();
        jobs.into_iter().for_each(|job| machine.inject(job));
        workers.into_iter().for_each(|worker| worker.join().expect("it does not panic"));
        for job in jobs {
            let Job::Entry(entry) = job else { unreachable!("they are entries") };
            // SAFETY: from `Box::into_raw`; no thread is left.
            drop(unsafe { Box::from_raw(entry) });
        }
    });
}

/// A worker pushes to its deque and is busy from then on. The other, which may fall asleep without having seen that, has the job
/// after the heart has beaten often enough.
///
/// Notices: a heart that does not wake; a sleeper that raises no bit.
#[test]
fn sleep_while_a_busy_worker_pushes() {
    check(move || {
        let deques: Vec<Deque<Job>> = (0..2).map(|_| Deque::new()).collect();
        let machine = machine_for(&deques, Issue::Lazy);
        let other = machine.clone();
        let worker = thread::spawn(move || {
            takes(&other, 1, |got| {
                assert_eq!(got, pushed());
                other.finish();
            });
        });
        deques[0].push(pushed());
        machine.wake_one();
        machine.beat(&mut || machine.done.load(Ordering::Acquire));
        worker.join().expect("it does not panic");
    });
}

/// The run is over while workers fall asleep: nobody sleeps on.
///
/// Notices: an end that wakes only those whose bit is up, or wakes before it says so; an unpark that leaves no token.
#[test]
fn sleep_at_the_end() {
    check(move || {
        let deques: Vec<Deque<Job>> = (0..2).map(|_| Deque::new()).collect();
        let machine = machine_for(&deques, Issue::Lazy);
        let workers: Vec<_> = (0..2)
            .map(|index| {
                let machine = machine.clone();
                thread::spawn(move || takes(&machine, index, |_| unreachable!("there is nothing")))
            })
            .collect();
        machine.finish();
        workers.into_iter().for_each(|worker| worker.join().expect("it does not panic"));
    });
}

/// What happened in some of the orders of a model.
#[derive(Default)]
struct Seen {
    promoted: AtomicU64,
    stolen: AtomicU64,
    /// A promoted frame was not stolen.
    kept: AtomicU64,
    squashed: AtomicU64,
}

impl Seen {
    fn add(&self, counts: &[Counts]) {
        let sum = |count: fn(&Counts) -> u64| counts.iter().map(count).sum::<u64>();
        let (promoted, stolen) = (sum(|c| c.promoted), sum(|c| c.stolen));
        self.promoted.fetch_add(promoted, Ordering::Relaxed);
        self.stolen.fetch_add(stolen, Ordering::Relaxed);
        self.kept.fetch_add(u64::from(promoted > 0 && stolen == 0), Ordering::Relaxed);
        self.squashed.fetch_add(sum(|c| c.squashed), Ordering::Relaxed);
    }
}

/// Checks a program: what it prints and how it ends is told to `right`.
fn check_run(text: &str, issue: Issue, right: impl Fn(Outcome, String) + Sync + Send + 'static) -> Arc<Seen> {
    let (code, seen) = (compile(text), Arc::<Seen>::default());
    let counted = seen.clone();
    check(move || {
        let (outcome, printed) = run(&code, issue, &counted);
        right(outcome, printed);
    });
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "promoted {}, stolen {}, kept {}, squashed {}",
        of(&seen.promoted),
        of(&seen.stolen),
        of(&seen.kept),
        of(&seen.squashed)
    );
    assert!(of(&seen.stolen) > 0 && of(&seen.kept) > 0, "in no order is anything stolen, or in all");
    seen
}

/// Runs a program on two workers, and no heart beats; what it prints and how it ends. Who takes it up knows from the beginning that the
/// other one has nothing to do.
fn run(code: &Arc<Code>, issue: Issue, seen: &Seen) -> (Outcome, String) {
    let mut deques: Vec<Deque<Job>> = (0..2).map(|_| Deque::new()).collect();
    let machine = machine_for(&deques, issue);
    machine.raise_all(HUNGRY);
    let (page, budget) = (Page::default(), Budget::new(1 << 30));
    let [of, machines] = submission(&machine, code, &page, &budget);
    assert!(of.watch(&Waker::from(Arc::new(Last(machine.clone())))), "it has not begun");
    machine.take_on(machines);
    let workers: Vec<_> = deques
        .drain(..)
        .enumerate()
        .map(|(index, deque)| {
            let (machine, deque) = (machine.clone(), Shared(deque));
            let body = move || {
                let deque = deque;
                // SAFETY: the machine is held here.
                let mut worker = unsafe { Worker::new(&machine, index, (deque.0, Counts::default())) };
                worker.work(None);
                worker.leave().1
            };
            thread::Builder::new().stack_size(1 << 16).spawn(body).expect("a thread is made")
        })
        .collect();
    let counts: Vec<Counts> = workers.into_iter().map(|worker| worker.join().expect("it does not panic")).collect();
    seen.add(&counts);
    let outcome = of.outcome();
    drop((of, machine));
    assert_eq!(budget.used(), 0, "it leaks");
    let printed = std::mem::take(&mut *page.text());
    (outcome, printed)
}

/// The last item: a frame is promoted, and it is all there is on any deque. Its owner and a thief want it; somebody goes on with
/// it, and whoever completes the call in progress finds it, or wakes who sleeps.
///
/// Notices: a promoted frame that is not pushed, or a stalled one; a stall that looks for CLOSED only once.
#[test]
fn run_with_the_last_item() {
    let text = "task next(n: Int) -> Int { return n + 1 }\nfn main() { print(next(1)) }";
    check_run(text, Issue::Lazy, |outcome, printed| assert_eq!((outcome, printed.as_str()), (Outcome::Done, "2\n")));
}

/// Two tasks run at once and print: in order, whoever is the first.
///
/// Notices: an entry that believes from the beginning that it is the oldest.
#[test]
fn run_that_prints() {
    let text = "task say(n: Int) { print(n) }\nfn main() {\n say(1)\n say(2)\n}";
    check_run(text, Issue::Eager, |outcome, printed| {
        assert_eq!((outcome, printed.as_str()), (Outcome::Done, "1\n2\n"))
    });
}

/// A task waits until it is the oldest, while what is older completes: its turn comes.
///
/// Notices: a wait that is announced after the look, or without the fence; who completes and looks before `close`, or not at all,
/// whether somebody waits.
#[test]
fn run_that_waits_for_its_turn() {
    let text = "task note(n: Int) { append_file(\"f\", \"{n};\") }
task next(n: Int) -> Int { return n + 1 }
fn main() {
    let a = next(1)
    note(2)
    print(a)
}";
    check_run(text, Issue::Eager, |outcome, printed| assert_eq!((outcome, printed.as_str()), (Outcome::Done, "2;2\n")));
}

/// An older task traps while a younger one runs, and prints.
///
/// Notices: a cursor that goes on past a failure; a younger entry taken for the oldest; nothing squashed.
#[test]
fn run_that_traps() {
    let text = "task say(n: Int) { print(10 / n) }\nfn main() {\n say(0)\n say(2)\n}";
    let seen = check_run(text, Issue::Eager, |outcome, printed| {
        assert!(matches!(outcome, Outcome::Trap(trap) if trap.code == TrapCode::DivisionByZero));
        assert_eq!(printed, "");
    });
    assert!(seen.squashed.load(Ordering::Relaxed) > 0);
}

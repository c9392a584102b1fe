//! Submissions, statements, calls of the host, cancellations and traps at random, from several threads: nothing is left in flight then, and all
//! memory has been given back.
//!
//! `TGVM_SOAK=60 cargo test --test soak` takes a minute.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use common::{TASKS, library};
use tgvm::embed::{Completer, Engine, Error, Functions, Handle, Module, Priority, Resource, Value};

/// The system's allocator; counts the bytes that are not given back.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: the system's does all of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PROGRAM: &str = "
extern task later(n: Int) -> Int
extern task never(n: Int) -> Int
extern fn note(n: Int)
task waits(n: Int) -> Int {
    note(n)
    return later(n) + later(n + 1)
}
task waits_for_ever(n: Int) -> Int { return later(n) + never(n) }
task index(xs: [Int], i: Int) -> Int { return fib(8) + xs[i] }
task says(n: Int) -> Int {
    for i in 0..n { print(\"line {i}\") }
    return n
}
task hungry(n: Int) -> Int {
    var all: [[Int]] = []
    while all.len() >= 0 { all.push([Int](1000, fill: n)) }
    return all.len()
}";

/// A host whose answers come from other threads, later or never.
fn host() -> Functions<'static> {
    let mut functions = Functions::new();
    let resource = Resource::new("notes");
    functions
        .add("later", |done: Completer<i64>, n: i64| {
            drop(thread::spawn(move || {
                thread::sleep(Duration::from_micros(50));
                done.complete(n);
            }));
        })
        .pure();
    // Kept a while, and then dropped: a trap, if nobody has cancelled it.
    let kept = Mutex::new(Vec::new());
    functions
        .add("never", move |done: Completer<i64>, _: i64| {
            let mut kept = kept.lock().expect("nobody panics with it");
            kept.push(done);
            if kept.len() > 8 {
                kept.clear();
            }
        })
        .pure();
    functions.add("note", |_: i64| ()).writes(&resource);
    functions
}

/// Numbers at random.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a handle as an executor does.
fn awaited(handle: &mut Handle<i64>) -> Result<i64, Error> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match Pin::new(&mut *handle).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

/// Submissions that borrow from this thread, and of which some do not end by themselves.
fn in_a_scope(engine: &Engine) {
    let count = AtomicIsize::new(0);
    let mut functions = Functions::new();
    functions.add("count", |n: i64| _ = count.fetch_add(n as isize, Ordering::Relaxed)).pure();
    let module = library(
        "extern task count(n: Int)\nfn all(n: Int) { for i in 0..n { count(1) } }
        fn endless() { while true { count(0) } }",
    );
    engine
        .scope(|scope| {
            let module = scope.link(&module, &functions).expect("it fits");
            (0..3).for_each(|_| drop(scope.submit::<()>(&module, "all", (10,)).expect("it fits")));
            scope.submit::<()>(&module, "endless", ()).expect("it fits").cancel();
        })
        .expect("it is no worker");
    assert_eq!(count.load(Ordering::Relaxed), 30);
}

/// What one thread does.
fn submit_at_random(engine: &Engine, module: &Module, seed: u64, until: Instant) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    while Instant::now() < until {
        let mut handles: Vec<(u64, Handle<Value>)> = Vec::new();
        for _ in 0..random.below(12) {
            let kind = random.below(8);
            let (name, args) = match kind {
                0 => ("fib", vec![Value::Int(12)]),
                1 => ("for_ever", vec![Value::Int(2)]),
                2 => ("index", vec![Value::Ints(vec![1, 2]), Value::Int(0)]),
                3 => ("index", vec![Value::Ints(vec![1, 2]), Value::Int(2)]),
                4 => ("hungry", vec![Value::Int(1)]),
                5 => ("waits", vec![Value::Int(20)]),
                7 => ("says", vec![Value::Int(30)]),
                _ => ("waits_for_ever", vec![Value::Int(1)]),
            };
            let priority = if random.below(3) == 0 { Priority::Background } else { Priority::Normal };
            let mut call = engine.call(module, name).priority(priority).max_memory(2 << 20);
            if kind == 7 {
                let mut left = if random.below(2) == 0 { 50 } else { 10 };
                call = call.output(move |_, lines| {
                    left -= lines.iter().filter(|byte| **byte == b'\n').count() as i64;
                    // A panic that says nothing.
                    if left < 0 {
                        std::panic::resume_unwind(Box::new("full"));
                    }
                });
            }
            handles.push((kind, call.submit(args).expect("it fits")));
        }
        // Nobody ever asks for these.
        for _ in 0..random.below(5) {
            drop(engine.submit::<i64>(module, "waits", (3,)).expect("it fits"));
            drop(engine.submit::<i64>(module, "fib", (6,)).expect("it fits"));
        }
        assert_eq!(awaited(&mut engine.submit(module, "waits", (1,)).expect("it fits")), Ok(3));
        if random.below(4) == 0 {
            in_a_scope(engine);
        }
        let session = engine.session();
        session.enter("var xs = [1, 2, 3]\nxs[0] = 5\nlet s = sum(x for x in xs)").expect("it compiles");
        session.enter("xs[9] = 1\nlet late = xs[0]\nlet ok = s + 1").expect("it compiles");
        // Normal work comes before background work, endless work too: so that ends first.
        let is_endless = |kind: u64| kind == 1 || kind == 6;
        handles.iter().filter(|(kind, _)| is_endless(*kind)).for_each(|(_, handle)| handle.cancel());
        for (kind, handle) in handles {
            if is_endless(kind) || random.below(4) == 0 {
                handle.cancel();
                let _ = handle.wait();
                continue;
            }
            let result = if random.below(3) == 0 { engine.work_until(&handle) } else { handle.wait() };
            match kind {
                0 => assert_eq!(result, Ok(Value::Int(144))),
                2 => assert_eq!(result, Ok(Value::Int(22))),
                3 => assert!(matches!(result, Err(Error::Trap(_))), "{result:?}"),
                4 => assert_eq!(result, Err(Error::Memory)),
                7 => assert!(matches!(result, Ok(Value::Int(30)) | Err(Error::Output(_))), "{result:?}"),
                _ => assert_eq!(result, Ok(Value::Int(41))),
            }
        }
        assert_eq!(session.get::<i64>("ok"), Ok(11));
        session.wait_all().expect("it is no worker");
        assert!(session.in_flight().is_empty());
    }
}

/// An engine's life of so many seconds.
fn soak(seconds: f64) {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let engine = Engine::builder().workers(2).build().expect("there are threads");
    let module = library(&format!("{TASKS}{PROGRAM}")).link(&host()).expect("it fits");
    thread::scope(|scope| {
        for seed in 1..=3 {
            let (engine, module) = (&engine, &module);
            scope.spawn(move || submit_at_random(engine, module, seed, until));
        }
    });
    // A handle is told just before the engine counts its submission out.
    while engine.in_flight() > 0 {
        assert!(Instant::now() < until + Duration::from_secs(60), "{} are in flight", engine.in_flight());
        thread::yield_now();
    }
}

#[test]
fn nothing_is_left_in_flight_or_in_memory_after_a_soak() {
    let seconds = std::env::var("TGVM_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let settled = || {
        // Threads of the host may be about to end.
        thread::sleep(Duration::from_millis(50));
        LIVE.load(Ordering::Relaxed)
    };
    // What is made once and for all is there after that.
    soak(0.2);
    let before = settled();
    soak(seconds);
    let left = settled() - before;
    assert!(left < 64 << 10, "{left} bytes have not been given back");
}

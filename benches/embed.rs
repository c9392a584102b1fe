//! What it costs to submit work to an engine: from a host thread to the result and back, beside tokio's spawn-and-await from outside its
//! runtime; a million submissions from four threads, beside rayon's `spawn`; how soon normal work starts on an engine
//! full of background work; and a call of a host's function from bytecode, beside one of an `fn`.
//!
//! `cargo bench --bench embed -- many` measures only the parts that are named.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use tgvm::embed::{Engine, Functions, Handle, Module, Priority};

const PROGRAM: &str = "
task nothing(n: Int) -> Int { return n }
task turns(n: Int) -> Int {
    var x = n
    for i in 0..8 { x = x +% i & 255 }
    return x
}
task for_ever(n: Int) -> Int {
    var x = n
    while x != -1 { x = x +% 2 & 1023 }
    return x
}
extern fn host_next(x: Int) -> Int
extern fn started()
fn start() { started() }
extern fn host_add(inout xs: [Int], x: Int)
fn next(x: Int) -> Int {
    var y = x
    y = y +% 1
    return y
}
fn add(inout xs: [Int], x: Int) {
    xs[0] = xs[0] +% x
    xs[1] = xs[1] +% x
}
fn no_calls(n: Int) -> Int {
    var x = 0
    for i in 0..n { x = x +% i & 7 }
    return x
}
fn calls(n: Int) -> Int {
    var x = 0
    for i in 0..n { x = next(x) }
    return x
}
fn host_calls(n: Int) -> Int {
    var x = 0
    for i in 0..n { x = host_next(x) }
    return x
}
fn view_calls(n: Int) -> Int {
    var xs = [0, 0]
    for i in 0..n { add(&xs, i) }
    return xs[0]
}
fn host_view_calls(n: Int) -> Int {
    var xs = [0, 0]
    for i in 0..n { host_add(&xs, i) }
    return xs[0]
}";

/// Round trips of each kind, which take turns.
const TRIPS: usize = 4000;
/// Submissions from each of four threads.
const EACH: u64 = 250_000;

/// Calls of each kind.
const CALLS: i64 = 2_000_000;
/// How often those that are compared take turns.
const TURNS: usize = 9;

/// When the last call of `started` was, in nanoseconds.
static STARTED: AtomicU64 = AtomicU64::new(0);

fn nanoseconds() -> u64 {
    static SINCE: LazyLock<Instant> = LazyLock::new(Instant::now);
    SINCE.elapsed().as_nanos() as u64
}

/// The functions that the program declares.
fn functions() -> Functions<'static> {
    let mut functions = Functions::new();
    functions.add("started", || STARTED.store(nanoseconds(), Ordering::SeqCst)).pure();
    functions.add("host_next", |x: i64| x.wrapping_add(1)).pure();
    functions
        .add("host_add", |xs: &mut [i64], x: i64| {
            xs[0] = xs[0].wrapping_add(x);
            xs[1] = xs[1].wrapping_add(x);
        })
        .pure();
    functions
}

/// What a call of a function of the host costs, beside one of an `fn` that does the same; the loop around them is taken off.
fn host_calls(engine: &Engine, module: &Module) {
    let names = ["no_calls", "calls", "host_calls", "view_calls", "host_view_calls"];
    let mut times: [Vec<Duration>; 5] = Default::default();
    for _ in 0..TURNS {
        for (name, times) in names.iter().zip(&mut times) {
            times.push(timed(|| {
                let handle = engine.submit::<i64>(module, name, (CALLS,)).expect("it fits");
                black_box(handle.wait().expect("it ends"));
            }));
        }
    }
    let [empty, plain, host, view, host_view] = times.map(|times| median(times).as_secs_f64() * 1e9 / CALLS as f64);
    verdict("a call of the host / of an fn", host - empty, plain - empty, "ns", 3.0);
    verdict("the same with a view to write", host_view - empty, view - empty, "ns", 3.0);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn timed(body: impl FnOnce()) -> Duration {
    let start = Instant::now();
    body();
    start.elapsed()
}

fn verdict(what: &str, ours: f64, theirs: f64, unit: &str, most: f64) {
    let ratio = ours / theirs;
    let met = if ratio <= most { "met" } else { "NOT met" };
    println!(
        "{what:<44} {ours:>9.2} {unit:<3} peer {theirs:>9.2} {unit:<3} ratio {ratio:>5.2}  at most {most:.2}: {met}"
    );
}

fn round_trip(engine: &Engine, module: &Module) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(engine.workers()).build().expect("threads");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for trip in 0..TRIPS as i64 {
        ours.push(timed(|| {
            let handle = engine.submit::<i64>(module, "nothing", (trip,)).expect("it fits");
            assert_eq!(handle.wait(), Ok(trip));
        }));
        theirs.push(timed(|| {
            let handle = runtime.spawn(async move { black_box(trip) });
            assert_eq!(runtime.block_on(handle).expect("it ends"), trip);
        }));
    }
    let micros = |times| median(times).as_secs_f64() * 1e6;
    verdict("submit to result, idle engine / tokio", micros(ours), micros(theirs), "us", 1.0);
}

fn many(engine: &Engine, module: &Module) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(engine.workers()).build().expect("threads");
    let ours = |function: &str| {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut last: Option<Handle<i64>> = None;
                    for n in 0..EACH as i64 {
                        last = Some(engine.submit(module, function, (n,)).expect("it fits"));
                    }
                    last.map(Handle::wait)
                });
            }
        });
        while engine.in_flight() > 0 {
            thread::yield_now();
        }
    };
    let theirs = || {
        let done = Arc::new(AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..EACH {
                        let done = done.clone();
                        pool.spawn(move || {
                            done.fetch_add(black_box(n) | 1, Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        while done.load(Ordering::Relaxed) < 4 * EACH {
            thread::yield_now();
        }
    };
    // As a submission has a handle with its result.
    let sent_back = || {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut last: Option<Receiver<u64>> = None;
                    for n in 0..EACH {
                        let (sender, receiver) = channel();
                        pool.spawn(move || _ = sender.send(black_box(n)));
                        last = Some(receiver);
                    }
                    last.map(|last| last.recv())
                });
            }
        });
    };
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..TURNS {
        let turn = [timed(|| ours("nothing")), timed(theirs), timed(sent_back), timed(|| ours("turns"))];
        times.iter_mut().zip(turn).for_each(|(all, time)| all.push(time));
    }
    let [ours, theirs, sent_back, turns] = times.map(|all| median(all).as_secs_f64() * 1e9 / (4 * EACH) as f64);
    verdict("a million from four threads / rayon spawn", ours, theirs, "ns", 1.0);
    verdict("the same / with the result sent back", ours, sent_back, "ns", 1.0);
    println!(
        "  and with a loop of 8 turns in it, which takes the usual way and not that of what is brief: {turns:.0} ns"
    );
}

fn on_a_full_engine(engine: &Engine, module: &Module) {
    let background = |_| engine.call(module, "for_ever").priority(Priority::Background).submit((2,)).expect("it fits");
    let endless: Vec<Handle<i64>> = (0..2 * engine.workers()).map(background).collect();
    thread::sleep(Duration::from_millis(50));
    let (mut starts, mut trips) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        trips.push(timed(|| {
            let since = nanoseconds();
            engine.submit::<()>(module, "start", ()).expect("it fits").wait().expect("it ends");
            starts.push(Duration::from_nanos(STARTED.load(Ordering::SeqCst) - since));
        }));
        thread::sleep(Duration::from_millis(1));
    }
    endless.iter().for_each(Handle::cancel);
    let last = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() * 99 / 100].as_secs_f64() * 1e6
    };
    verdict("normal work starts among background, 99 %", last(starts), 1000.0, "us", 1.0);
    println!("  and its result is back on the host's thread, which has no processor to itself: {:.0} us", last(trips));
}

fn main() {
    let engine = Engine::new().expect("threads");
    let module = Module::library("embed.tg", PROGRAM).expect("it compiles");
    let module = module.link(&functions()).expect("it fits");
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    type Part = (&'static str, fn(&Engine, &Module));
    let parts: [Part; 4] = [("calls", host_calls), ("trip", round_trip), ("many", many), ("full", on_a_full_engine)];
    for (name, part) in parts {
        if named.is_empty() || named.iter().any(|named| named == name) {
            part(&engine, &module);
        }
    }
}

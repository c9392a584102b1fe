//! Submissions, statements, cancellations and traps at random, from several threads. `TGVM_SOAK=60` says for how many seconds.

use std::thread;
use std::time::{Duration, Instant};

use tgvm::embed::{Error, Handle, Priority, Value};

use crate::{engine, library};

const PROGRAM: &str = "
task fib(n: Int) -> Int {
    if n < 2 { return n }
    return fib(n - 1) + fib(n - 2)
}
task for_ever(n: Int) -> Int {
    var x = n
    while x != -1 { x = x +% 2 & 1023 }
    return x
}
task grow(inout xs: [Int], n: Int) -> Int {
    for i in 0..n { xs.push(i) }
    return xs.len()
}
task index(xs: [Int], i: Int) -> Int { return fib(8) + xs[i] }
task hungry(n: Int) -> Int {
    var all: [[Int]] = []
    while all.len() >= 0 { all.push([Int](1000, fill: n)) }
    return all.len()
}";

#[test]
fn nothing_is_left_in_flight_after_a_soak() {
    let seconds = std::env::var("TGVM_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let (engine, module) = (engine(2), library(PROGRAM));
    thread::scope(|scope| {
        for seed in 1..=3u64 {
            let (engine, module) = (&engine, &module);
            scope.spawn(move || {
                let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mut next = |below: u64| {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    random % below
                };
                while Instant::now() < until {
                    let mut handles: Vec<(u64, Handle<Value>)> = Vec::new();
                    for _ in 0..next(12) {
                        let kind = next(5);
                        let (name, args) = match kind {
                            0 => ("fib", vec![Value::Int(12)]),
                            1 => ("for_ever", vec![Value::Int(2)]),
                            2 => ("index", vec![Value::Ints(vec![1, 2]), Value::Int(0)]),
                            3 => ("index", vec![Value::Ints(vec![1, 2]), Value::Int(2)]),
                            _ => ("hungry", vec![Value::Int(1)]),
                        };
                        let priority = if next(3) == 0 { Priority::Background } else { Priority::Normal };
                        let call = engine.call(module, name).priority(priority).max_memory(2 << 20);
                        handles.push((kind, call.submit(args).expect("it fits")));
                    }
                    let session = engine.session();
                    session.enter("var xs = [1, 2, 3]\nxs[0] = 5\nlet s = sum(x for x in xs)").expect("it compiles");
                    session.enter("xs[9] = 1\nlet late = xs[0]\nlet ok = s + 1").expect("it compiles");
                    // Normal work comes before background work, endless work too: so that ends first.
                    handles.iter().filter(|(kind, _)| *kind == 1).for_each(|(_, handle)| handle.cancel());
                    for (kind, handle) in handles {
                        if kind == 1 || next(4) == 0 {
                            handle.cancel();
                            let _ = handle.wait();
                            continue;
                        }
                        let result = handle.wait();
                        match kind {
                            0 => assert_eq!(result, Ok(Value::Int(144))),
                            2 => assert_eq!(result, Ok(Value::Int(22))),
                            3 => assert!(matches!(result, Err(Error::Trap(_))), "{result:?}"),
                            _ => assert_eq!(result, Err(Error::Memory)),
                        }
                    }
                    assert_eq!(session.get::<i64>("ok"), Ok(11));
                    session.wait_all().expect("it is no worker");
                    assert!(session.in_flight().is_empty());
                }
            });
        }
    });
    // A handle is told just before the engine counts its submission out.
    while engine.in_flight() > 0 {
        assert!(Instant::now() < until + Duration::from_secs(60), "{} are in flight", engine.in_flight());
        thread::yield_now();
    }
}

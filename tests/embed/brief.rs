//! Submissions of functions that are done at once take a shorter way; nobody sees that but by the clock.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake};
use std::thread;
use std::time::Duration;

use tgvm::embed::{Engine, Error, Handle, Issue, Module, Priority};

use crate::{TASKS, engine, library};

const PROGRAM: &str = "
struct Pair { a: Int, b: Float }

task nothing() {}
task same(x: Int) -> Int { return x }
task third(x: Int, y: Int) -> Int { return if x > y { x / y } else { x - y } }
fn mean(a: Float, b: Float, c: Float, d: Float) -> Float { return (a + b + c + d) / 4.0 }
fn less(p: Pair, b: Float) -> Bool { return p.b < b && p.a > 0 }
fn halved(inout x: Int) { x = x / 2 }
";

fn program() -> Module {
    library(&format!("{TASKS}{PROGRAM}"))
}

fn fib(n: i64) -> i64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

/// Brief ones between others, that trap, that are endless and cancelled: each ends as it does alone.
fn all_end_as_alone(engine: &Engine, module: &Module, rounds: i64) {
    let submit = |name: &str, args: (i64, i64)| engine.submit::<i64>(module, name, args).unwrap();
    let mut endless: Vec<Handle<i64>> = Vec::new();
    let mut traps = Vec::new();
    let (mut values, mut later) = (Vec::new(), Vec::new());
    for n in 0..rounds {
        values.push((submit("third", (n, 3)), if n > 3 { n / 3 } else { n - 3 }));
        drop(submit("third", (n, 0)));
        if n % 5 == 0 {
            traps.push(submit("third", (n + 1, 0)));
        }
        if n % 7 == 0 {
            values.push((engine.submit(module, "fib", (n % 10,)).unwrap(), fib(n % 10)));
        }
        if n % 50 == 10 {
            endless.push(engine.submit(module, "for_ever", (2,)).unwrap());
        }
        let background = engine.call(module, "same").priority(Priority::Background);
        if n % 9 == 0 {
            later.push((background.submit((n,)).unwrap(), n));
        }
    }
    for (handle, value) in values {
        assert_eq!(handle.wait(), Ok(value));
    }
    for trap in traps {
        let Err(Error::Trap(trapped)) = trap.wait() else { panic!("it divides by zero") };
        assert!(trapped.text.contains("test.tg:") && trapped.trap.backtrace.len() == 1, "{}", trapped.text);
    }
    // Background work has its turn when no normal work waits.
    endless.iter().for_each(Handle::cancel);
    later.into_iter().for_each(|(handle, value)| assert_eq!(handle.wait(), Ok(value)));
    endless.into_iter().for_each(|handle| assert_eq!(handle.wait(), Err(Error::Cancelled)));
}

#[test]
fn brief_ones_end_among_others() {
    let module = program();
    for workers in [1, 2, 4] {
        let engine = engine(workers);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| all_end_as_alone(&engine, &module, 200));
            }
        });
        while engine.in_flight() > 0 {
            thread::yield_now();
        }
    }
    for issue in [Issue::InOrder, Issue::Eager] {
        let engine = Engine::builder().workers(2).issue(issue).build().unwrap();
        all_end_as_alone(&engine, &module, 100);
    }
}

#[test]
fn brief_ones_end_among_others_under_every_seed() {
    let module = program();
    for seed in 0..20 {
        let engine = Engine::builder().workers(1 + seed as usize % 3).simulated(seed).build().unwrap();
        all_end_as_alone(&engine, &module, 40);
    }
}

#[test]
fn scalars_of_every_kind_cross() {
    use tgvm::embed::Struct;
    let (engine, module) = (engine(1), program());
    for n in 0..100_i64 {
        let x = n as f64;
        engine.submit::<()>(&module, "nothing", ()).unwrap().wait().unwrap();
        assert_eq!(engine.submit::<f64>(&module, "mean", (x, x, x, x + 4.0)).unwrap().wait(), Ok(x + 1.0));
        let less = engine.submit::<bool>(&module, "less", (Struct((n, x)), 50.0)).unwrap();
        assert_eq!(less.wait(), Ok(n > 0 && n < 50));
        assert_eq!(engine.submit::<i64>(&module, "halved", (n,)).unwrap().wait(), Ok(n / 2));
    }
}

#[test]
fn limits_hold_for_brief_ones() {
    let module = program();
    let least = |bytes| {
        let engine = engine(1);
        engine.call(&module, "same").max_memory(bytes).submit::<i64>((7,)).unwrap().wait()
    };
    // What a stack begins with.
    assert_eq!((least(64 << 10), least((64 << 10) - 1)), (Ok(7), Err(Error::Memory)));
    let shallow = |bytes| {
        let engine = Engine::builder().workers(1).max_depth(bytes).build().unwrap();
        engine.submit::<i64>(&module, "same", (7,)).unwrap().wait()
    };
    let least = (0..1000).find(|&bytes| shallow(bytes) == Ok(7));
    // A header of 8 slots, the result and the parameter.
    assert_eq!(least, Some(8 * 10));
    assert!(matches!(shallow(79), Err(Error::Trap(_))));
}

/// The engine ends while thousands are in flight; each handle is told.
#[test]
fn an_engine_that_ends_tells_those_that_are_brief() {
    let module = program();
    for _ in 0..20 {
        let engine = engine(2);
        let handles: Vec<Handle<i64>> =
            (0..3000).map(|n| engine.submit::<i64>(&module, "same", (n,)).unwrap()).collect();
        drop(engine);
        for (n, handle) in (0..).zip(handles) {
            let ended = handle.wait();
            assert!(ended == Ok(n) || ended == Err(Error::Cancelled), "{ended:?}");
        }
    }
}

/// Takes that lock when it is woken.
struct Locking(Arc<Mutex<()>>);

impl Wake for Locking {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap());
    }
}

/// Who is woken blocks until another submission has ended, which was taken on right after that one.
#[test]
fn others_go_on_while_somebody_who_is_told_blocks() {
    let module = program();
    for watched_early in [true, false] {
        let engine = engine(2);
        for n in 0..200 {
            let busy: Vec<Handle<i64>> = (0..2).map(|_| engine.submit(&module, "for_ever", (2,)).unwrap()).collect();
            let mut first = pin!(engine.submit::<i64>(&module, "same", (n,)).unwrap());
            let second: Handle<i64> = engine.submit(&module, "same", (n + 1,)).unwrap();
            let lock = Arc::new(Mutex::new(()));
            let held = lock.lock().unwrap();
            let waker = Arc::new(Locking(lock.clone())).into();
            if !watched_early {
                busy.iter().for_each(Handle::cancel);
            }
            let _ = first.as_mut().poll(&mut Context::from_waker(&waker));
            busy.iter().for_each(Handle::cancel);
            assert_eq!(second.wait_for(Duration::from_secs(60)), Ok(Some(n + 1)), "it waits for who waits for it");
            drop(held);
        }
    }
}

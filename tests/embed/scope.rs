//! Scopes: what is borrowed is given back, whatever happens.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tgvm::embed::{Engine, Error, Functions, Handle, Module, Resource};

use crate::{engine, library, nothing_is_left};

const PROGRAM: &str = "
extern task add(x: Int)
extern fn slow()
task all(n: Int) { for i in 0..n { add(i) } }
fn for_ever() { while true { slow() } }
fn fail(xs: [Int]) { slow()
    print(xs[1]) }
";

/// A table of which `add` counts, and `slow` takes a millisecond and is counted while it runs.
fn counting<'f>(total: &'f AtomicI64, running: &'f AtomicUsize) -> Functions<'f> {
    let mut functions = Functions::new();
    functions.add("add", |x: i64| _ = total.fetch_add(x, Ordering::Relaxed)).pure();
    functions.add("slow", || {
        running.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(1));
        running.fetch_sub(1, Ordering::SeqCst);
    });
    functions
}

#[test]
fn a_scope_waits_for_all_that_was_submitted_in_it() {
    let module = library(PROGRAM);
    for workers in [1, 2, 4] {
        let (total, running) = (AtomicI64::new(0), AtomicUsize::new(0));
        let functions = counting(&total, &running);
        let engine = engine(workers);
        let kept = engine.scope(|scope| {
            let module = scope.link(&module, &functions).unwrap();
            for n in 0..200 {
                let handle = scope.submit::<()>(&module, "all", (n % 20,)).unwrap();
                match n % 3 {
                    0 => handle.wait().unwrap(),
                    1 => drop(handle),
                    _ => std::mem::forget(handle),
                }
            }
            // A handle may leave: it tells how a submission has ended.
            scope.submit::<()>(&module, "fail", (vec![1],)).unwrap()
        });
        assert!(kept.as_ref().unwrap().is_done());
        assert!(matches!(kept.unwrap().wait(), Err(Error::Trap(_))));
        assert_eq!(total.load(Ordering::SeqCst), 10 * (0..20).map(|n| n * (n - 1) / 2).sum::<i64>());
        nothing_is_left(&engine);
    }
}

#[test]
fn a_panic_in_a_scope_cancels_and_waits() {
    let module = library(PROGRAM);
    let engine = engine(2);
    let (total, running) = (AtomicI64::new(0), AtomicUsize::new(0));
    let functions = counting(&total, &running);
    let mut handles: Vec<Handle<()>> = Vec::new();
    let result = catch_unwind(AssertUnwindSafe(|| {
        engine.scope(|scope| {
            let module = scope.link(&module, &functions).unwrap();
            for _ in 0..5 {
                handles.push(scope.submit(&module, "for_ever", ()).unwrap());
            }
            while running.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            panic!("enough");
        })
    }));
    assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "enough");
    assert_eq!(running.load(Ordering::SeqCst), 0);
    nothing_is_left(&engine);
    for handle in handles {
        assert_eq!(handle.wait(), Err(Error::Cancelled));
    }
}

#[test]
fn a_worker_opens_no_scope() {
    let engine = Arc::new(engine(1));
    let (sender, receiver) = channel();
    let mut functions = Functions::new();
    let weak = Arc::downgrade(&engine);
    functions.add("ask", move || {
        let engine: Arc<Engine> = weak.upgrade().expect("it waits for this");
        sender.send(engine.scope(|_| ()).unwrap_err()).unwrap();
    });
    let module: Module = library("extern fn ask()\nfn f() { ask() }").link(&functions).unwrap();
    engine.submit::<()>(&module, "f", ()).unwrap().wait().unwrap();
    assert_eq!(receiver.recv().unwrap(), Error::OnWorker);
}

#[test]
fn a_scope_is_left_under_every_seed() {
    let module = library(PROGRAM);
    for seed in 0..30 {
        let order = Mutex::new(Vec::new());
        let resource = Resource::new("order");
        let mut functions = Functions::new();
        functions.add("add", |x: i64| order.lock().unwrap().push(x)).writes(&resource);
        functions.add("slow", || ());
        let engine = Engine::builder().workers(1 + seed as usize % 3).simulated(seed).build().unwrap();
        engine
            .scope(|scope| {
                let module = scope.link(&module, &functions).unwrap();
                drop(scope.submit::<()>(&module, "all", (9,)));
                scope.submit::<()>(&module, "for_ever", ()).unwrap().cancel();
            })
            .unwrap();
        assert_eq!(*order.lock().unwrap(), (0..9).collect::<Vec<_>>(), "seed {seed}");
    }
}

//! Parts of the host's data, and submissions that use them.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tgvm::embed::{Completer, Engine, Error, Functions, Handle, Issue, Module, Part, Priority, Resource};

use crate::{engine, library};

const PROGRAM: &str = "
extern task put_a(x: Int)
extern task put_b(x: Int)
extern fn swap()
extern task total() -> Int
task frame(n: Int) -> Int {
    put_a(n)
    put_b(n + 1)
    swap()
    put_a(n + 2)
    return total()
}
fn frames(n: Int) -> Int {
    var sum = 0
    for i in 0..n { sum = sum *% 31 +% frame(i) }
    return sum
}
fn fail(n: Int) -> Int {
    put_a(n)
    return 1 / n
}
fn spin(n: Int) -> Int {
    put_b(n)
    var x = n
    while x != -1 { x = x +% 2 & 1023 }
    return x
}
";

fn host() -> (Module, Part<Vec<i64>>, Part<Vec<i64>>) {
    let (a, b) = (Part::new("a", Vec::new()), Part::new("b", Vec::new()));
    let mut functions = Functions::new();
    functions.add_with("put_a", a.writes(), |a: &mut Vec<i64>, x: i64| a.push(x));
    functions.add_with("put_b", b.writes(), |b: &mut Vec<i64>, x: i64| b.push(x));
    functions.add_with("swap", (a.writes(), b.writes()), |(a, b): (&mut Vec<i64>, &mut Vec<i64>)| {
        std::mem::swap(a, b);
    });
    functions.add_with("total", (a.reads(), b.reads()), |(a, b): (&Vec<i64>, &Vec<i64>)| {
        a.iter().zip(1..).map(|(x, i)| x * i).sum::<i64>() - b.iter().sum::<i64>()
    });
    (library(PROGRAM).link(&functions).unwrap(), a, b)
}

#[test]
fn parts_are_written_in_the_order_of_the_program() {
    let once = |engine: &Engine| {
        let (module, a, b) = host();
        let sum = engine.submit::<i64>(&module, "frames", (30,)).unwrap().wait();
        let parts = (a.read().clone(), b.read().clone());
        (sum, parts)
    };
    let expected = once(&Engine::builder().issue(Issue::InOrder).workers(1).build().unwrap());
    for issue in [Issue::Lazy, Issue::Eager] {
        for workers in [1, 2, 4] {
            let engine = Engine::builder().issue(issue).workers(workers).build().unwrap();
            assert_eq!(once(&engine), expected, "{issue:?}, {workers} workers");
        }
    }
    for seed in 0..20 {
        let engine = Engine::builder().issue(Issue::Eager).workers(3).simulated(seed).build().unwrap();
        assert_eq!(once(&engine), expected, "seed {seed}");
    }
}

#[test]
fn disjoint_parts_are_used_side_by_side() {
    let (a, b) = (Part::new("a", 0_i64), Part::new("b", 0_i64));
    let mut functions = Functions::new();
    let (inside, together) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for (name, part) in [("left", &a), ("right", &b)] {
        let (inside, together) = (inside.clone(), together.clone());
        functions.add_with(name, part.writes(), move |part: &mut i64| {
            inside.fetch_add(1, Ordering::SeqCst);
            // Long enough for the other to begin, if it may.
            let begun = Instant::now();
            while together.load(Ordering::SeqCst) == 0 && begun.elapsed() < Duration::from_millis(20) {
                if inside.load(Ordering::SeqCst) == 2 {
                    together.fetch_add(1, Ordering::SeqCst);
                }
                std::thread::yield_now();
            }
            inside.fetch_sub(1, Ordering::SeqCst);
            *part += 1;
        });
    }
    let text = "extern task left()\nextern task right()\nfn both(n: Int) { for i in 0..n { left()\nright() } }";
    let module = library(text).link(&functions).unwrap();
    let engine = Engine::builder().workers(2).issue(Issue::Eager).build().unwrap();
    engine.submit::<()>(&module, "both", (200,)).unwrap().wait().unwrap();
    assert_eq!((*a.read(), *b.read()), (200, 200));
    assert!(together.load(Ordering::SeqCst) > 0);
}

#[test]
#[should_panic(expected = "the part `a` is taken twice")]
fn a_part_is_taken_once() {
    let a = Part::new("a", 0_i64);
    Functions::new().add_with("f", (a.reads(), a.writes()), |(_, _): (&i64, &mut i64)| ());
}

#[test]
fn how_it_ended_says_what_is_indeterminate() {
    let (module, a, _) = host();
    let engine = engine(2);
    let error = engine.submit::<i64>(&module, "fail", (0,)).unwrap().wait().unwrap_err();
    let text = "T0002 division by zero: 1 / 0, at test.tg:20:12; what is in `a` of the host is indeterminate";
    assert_eq!(error.to_string(), text);
    let Error::Indeterminate { why, places } = error else { panic!("it is not said") };
    assert!(matches!(*why, Error::Trap(_)));
    assert_eq!(places, ["a"]);
    assert_eq!(*a.read(), [0]);
    let spins = engine.submit::<i64>(&module, "spin", (2,)).unwrap();
    assert_eq!(spins.wait_for(Duration::from_millis(5)), Ok(None));
    spins.cancel();
    let cancelled = Error::Indeterminate { why: Box::new(Error::Cancelled), places: vec!["b".to_owned()] };
    assert_eq!(spins.wait(), Err(cancelled));
    // A function that only reads leaves nothing behind.
    assert!(engine.submit::<i64>(&module, "total", ()).unwrap().wait().is_ok());
}

#[test]
fn submissions_that_use_one_part_run_in_the_order_in_which_they_were_accepted() {
    for workers in [1, 3] {
        let (module, a, b) = host();
        let engine = engine(workers);
        let handles: Vec<Handle<()>> = (0..3000)
            .map(|i| {
                let name = if i % 3 == 0 { "put_b" } else { "put_a" };
                let handle = engine.submit(&module, name, (i,)).unwrap();
                if i % 7 == 6 {
                    drop(engine.submit::<i64>(&module, "total", ()).unwrap());
                }
                handle
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.wait().unwrap());
        assert_eq!(*a.read(), (0..3000).filter(|i| i % 3 != 0).collect::<Vec<_>>());
        assert_eq!(*b.read(), (0..3000).filter(|i| i % 3 == 0).collect::<Vec<_>>());
    }
}

/// A host whose `hold` takes as long as somebody likes, and whose `next` counts.
fn holding() -> (Module, std::sync::mpsc::Receiver<Completer<i64>>, Arc<AtomicI64>) {
    let resource = Resource::new("door");
    let (sender, held) = channel();
    let sender = Mutex::new(sender);
    let mut functions = Functions::new();
    functions.add("hold", move |done: Completer<i64>| drop(sender.lock().unwrap().send(done))).writes(&resource);
    let count = Arc::new(AtomicI64::new(0));
    let counted = count.clone();
    functions.add("next", move || counted.fetch_add(1, Ordering::SeqCst)).writes(&resource);
    functions.add("other", || 7).pure();
    let module = library("extern fn hold() -> Int\nextern fn next() -> Int\nextern fn other() -> Int");
    (module.link(&functions).unwrap(), held, count)
}

#[test]
fn one_that_is_cancelled_while_it_waits_ends_at_once_and_keeps_the_order() {
    let (module, held, count) = holding();
    let engine = engine(2);
    let first = engine.submit::<i64>(&module, "hold", ()).unwrap();
    let second = engine.submit::<i64>(&module, "next", ()).unwrap();
    let third = engine.submit::<i64>(&module, "next", ()).unwrap();
    let done = held.recv().unwrap();
    assert_eq!(engine.in_flight(), 3);
    second.cancel();
    assert!(matches!(second.wait(), Err(Error::Indeterminate { .. })));
    // Others are not held up.
    assert_eq!(engine.submit::<i64>(&module, "other", ()).unwrap().wait(), Ok(7));
    assert_eq!(third.wait_for(Duration::from_millis(20)), Ok(None));
    assert_eq!(count.load(Ordering::SeqCst), 0);
    done.complete(1);
    assert_eq!((first.wait(), third.wait()), (Ok(1), Ok(0)));
}

/// Workers are busy with normal work for ever, so background work has no turn, unless normal work waits for it.
#[test]
fn background_work_that_normal_work_waits_for_has_its_turn() {
    let (module, _, count) = holding();
    let endless = library("fn for_ever(n: Int) -> Int { var x = n\nwhile x != -1 { x = x +% 2 & 1023 }\nreturn x }");
    for workers in 1..3 {
        let engine = engine(workers);
        let normal: Vec<Handle<i64>> =
            (0..2 * workers).map(|_| engine.submit(&endless, "for_ever", (2,)).unwrap()).collect();
        let background = || engine.call(&module, "next").priority(Priority::Background).submit::<i64>(()).unwrap();
        // The second waits for the first.
        let (first, second) = (background(), background());
        assert_eq!(first.wait_for(Duration::from_millis(50)), Ok(None));
        let last = engine.submit::<i64>(&module, "next", ()).unwrap();
        assert_eq!(last.wait_for(Duration::from_secs(60)), Ok(Some(2)), "{workers} workers");
        assert_eq!((first.wait(), second.wait()), (Ok(0), Ok(1)));
        count.store(0, Ordering::SeqCst);
        normal.iter().for_each(Handle::cancel);
    }
}

#[test]
fn submissions_that_write_one_resource_run_in_the_order_in_which_they_were_accepted() {
    let (log, resource) = (Arc::new(Mutex::new(Vec::new())), Resource::new("log"));
    let mut functions = Functions::new();
    let noted = log.clone();
    functions.add("note", move |x: i64| noted.lock().unwrap().push(x)).writes(&resource);
    let module = library("extern fn note(x: Int)\ntask twice(x: Int) { note(x)\nnote(x) }").link(&functions).unwrap();
    let engine = engine(3);
    let priority = |n: i64| if n % 3 == 0 { Priority::Background } else { Priority::Normal };
    let handles: Vec<Handle<()>> =
        (0..200).map(|n| engine.call(&module, "twice").priority(priority(n)).submit((n,)).unwrap()).collect();
    handles.into_iter().for_each(|handle| handle.wait().unwrap());
    assert_eq!(*log.lock().unwrap(), (0..400).map(|n| n / 2).collect::<Vec<i64>>());
}

#[test]
fn an_engine_that_ends_tells_those_that_wait() {
    let (module, held, count) = holding();
    let engine = engine(1);
    let first = engine.submit::<i64>(&module, "hold", ()).unwrap();
    let waiting: Vec<Handle<i64>> = (0..5000).map(|_| engine.submit(&module, "next", ()).unwrap()).collect();
    let _done = held.recv().unwrap();
    drop(engine);
    assert!(first.wait().is_err());
    assert!(waiting.into_iter().all(|handle| handle.wait().is_err()));
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn the_host_may_look_while_calls_wait() {
    let (module, a, _) = host();
    let engine = engine(2);
    let seen = AtomicUsize::new(0);
    for i in 0..50 {
        let handle = engine.submit::<()>(&module, "put_a", (i,)).unwrap();
        seen.fetch_max(a.read().len(), Ordering::Relaxed);
        handle.wait().unwrap();
    }
    a.write().push(50);
    assert!(seen.into_inner() <= 50);
    assert_eq!(*a.read(), (0..=50).collect::<Vec<_>>());
}

#[path = "../../examples/game/main.rs"]
#[allow(dead_code)]
mod game;

#[test]
fn the_game_is_the_same_in_every_run() {
    let run = |engine: &Engine| {
        let (sender, printed) = channel();
        game::simulate(engine, 100, move |text| sender.send(text.to_owned()).unwrap()).unwrap();
        printed.iter().collect::<String>()
    };
    let first = run(&Engine::builder().issue(Issue::InOrder).workers(1).build().unwrap());
    insta::assert_snapshot!(first);
    for workers in [1, 2, 4] {
        assert_eq!(run(&engine(workers)), first, "{workers} workers");
        let eager = Engine::builder().issue(Issue::Eager).workers(workers).build().unwrap();
        assert_eq!(run(&eager), first, "{workers} workers, eager");
    }
}

//! Functions of the host that answer later.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tgvm::embed::{Completer, Engine, Error, Functions, Handle, Issue, Module, Output};
use tgvm::machine::engine::{Options, Outcome};
use tgvm::machine::interrupt::Interrupt;

use crate::common::Page;
use crate::{engine, library};

const PROGRAM: &str = "
extern task ask(x: Int) -> Int
extern fn text(x: Str) -> Str
extern fn say(x: Int)
extern task numbers(inout xs: [Int], n: Int) -> [Int]
fn one(x: Int) -> Int { return ask(x) + 1 }
fn many(n: Int) -> Int {
    var total = 0
    for i in 0..n { total = total +% ask(i) * i }
    return total
}
task spin(n: Int) -> Int {
    var x = n
    for i in 0..n { x = x *% 31 +% i & 255 }
    return x
}
fn for_ever(n: Int) -> Int {
    var total = ask(n)
    while total > -1 { total = spin(100) }
    return total
}
fn index(n: Int) -> Int {
    let waits = ask(n)
    let xs = [1, 2]
    return xs[n] + waits
}
fn twice(s: Str) -> Str { return text(s) + text(\"{s}!\") }
fn vectors(n: Int) -> Str {
    var xs = [1, 2, 3]
    let ys = numbers(&xs[1..], n)
    return \"{xs} {ys}\"
}
";

type Asked = (i64, Completer<i64>);

/// A host that passes on what it is asked.
fn asking() -> (Module, Receiver<Asked>) {
    let (sender, asked): (Sender<Asked>, _) = channel();
    let sender = Mutex::new(sender);
    let mut functions = Functions::new();
    functions.add("ask", move |done: Completer<i64>, x: i64| drop(sender.lock().unwrap().send((x, done)))).pure();
    functions
        .add("text", |done: Completer<Result<String, String>>, x: &str| {
            let answer = if x.len() < 4 { Ok(x.to_uppercase()) } else { Err(format!("{x} is too long")) };
            thread::spawn(move || done.complete(answer));
        })
        .pure();
    functions.add("say", |done: Completer<()>, out: &mut Output, x: i64| {
        out.write(&format!("<{x}>"));
        done.complete(());
    });
    functions
        .add("numbers", |done: Completer<Vec<i64>>, xs: &mut [i64], n: i64| {
            xs.fill(n);
            thread::spawn(move || done.complete(vec![n; 3]));
        })
        .pure();
    (library(PROGRAM).link(&functions).unwrap(), asked)
}

#[test]
fn a_call_waits_for_its_answer_and_holds_no_worker() {
    let (module, asked) = asking();
    let engine = engine(1);
    let waiting: Vec<Handle<i64>> = (0..20).map(|x| engine.submit(&module, "one", (x,)).unwrap()).collect();
    let mut asked: Vec<Asked> = (0..20).map(|_| asked.recv().unwrap()).collect();
    // All wait, and the one worker is free.
    let free = engine.submit::<i64>(&module, "spin", (1000,)).unwrap();
    assert!(free.wait_for(Duration::from_secs(20)).unwrap().is_some());
    assert!(waiting.iter().all(|handle| !handle.is_done()));
    asked.reverse();
    asked.into_iter().for_each(|(x, done)| done.complete(10 * x));
    for (x, handle) in waiting.into_iter().enumerate() {
        assert_eq!(handle.wait(), Ok(10 * x as i64 + 1));
    }
}

#[test]
fn calls_of_a_task_wait_side_by_side() {
    for issue in [Issue::Lazy, Issue::Eager] {
        for workers in [1, 2] {
            let (module, asked) = asking();
            let engine = Engine::builder().workers(workers).issue(issue).build().unwrap();
            let handle = engine.submit::<i64>(&module, "many", (16,)).unwrap();
            let mut all: Vec<Asked> = (0..16).map(|_| asked.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
            // Each was asked before the first was answered.
            all.sort_by_key(|&(x, _)| (x * 7) % 16);
            all.into_iter().for_each(|(x, done)| done.complete(x + 1));
            assert_eq!(handle.wait(), Ok((0..16).map(|x| (x + 1) * x).sum()), "{issue:?}, {workers} workers");
        }
    }
}

#[test]
fn in_order_each_waits_for_the_one_before() {
    let (module, asked) = asking();
    let engine = Engine::builder().workers(2).issue(Issue::InOrder).build().unwrap();
    let handle = engine.submit::<i64>(&module, "many", (4,)).unwrap();
    for expected in 0..4 {
        let (x, done) = asked.recv().unwrap();
        assert_eq!(x, expected);
        thread::sleep(Duration::from_millis(5));
        assert!(asked.try_recv().is_err());
        done.complete(2);
    }
    assert_eq!(handle.wait(), Ok(12));
}

#[test]
fn answers_may_be_errors_and_text_and_arrays() {
    let (module, _asked) = asking();
    let engine = engine(2);
    let text = |s: &str| engine.submit::<String>(&module, "twice", (s,)).unwrap().wait();
    assert_eq!(text("ab"), Ok("ABAB!".to_owned()));
    let Err(Error::Trap(trap)) = text("abc") else { panic!("no trap") };
    assert_eq!(trap.text, "T0021 a function of the host failed: abc! is too long, at test.tg:27:44");
    let vectors = engine.submit::<String>(&module, "vectors", (7,)).unwrap().wait();
    assert_eq!(vectors, Ok("[1, 7, 7] [7, 7, 7]".to_owned()));
}

#[test]
fn an_answer_that_is_dropped_is_a_trap() {
    let (module, asked) = asking();
    let engine = engine(1);
    let handle = engine.submit::<i64>(&module, "one", (1,)).unwrap();
    drop(asked.recv().unwrap());
    let Err(Error::Trap(trap)) = handle.wait() else { panic!("no trap") };
    assert_eq!(trap.text, "T0021 a function of the host failed: it gave no answer, at test.tg:6:32");
}

#[test]
fn what_waits_can_be_cancelled_and_ends_with_the_engine() {
    let (module, asked) = asking();
    let engine = engine(2);
    let cancelled = engine.submit::<i64>(&module, "many", (8,)).unwrap();
    let late = asked.recv().unwrap();
    cancelled.cancel();
    assert_eq!(cancelled.wait(), Err(Error::Cancelled));
    // Nobody waits for it any more.
    late.1.complete(1);
    let left = engine.submit::<i64>(&module, "one", (1,)).unwrap();
    let (_, later) = asked.recv().unwrap();
    drop(engine);
    assert_eq!(left.wait(), Err(Error::Cancelled));
    later.complete(1);
}

#[test]
fn a_trap_of_what_is_older_ends_what_waits() {
    let (module, asked) = asking();
    let engine = Engine::builder().workers(2).issue(Issue::Eager).build().unwrap();
    let handle = engine.submit::<i64>(&module, "index", (5,)).unwrap();
    let (_, done) = asked.recv().unwrap();
    done.complete(0);
    let Err(Error::Trap(trap)) = handle.wait() else { panic!("no trap") };
    assert_eq!(trap.trap.code.code(), "T0004");
    let module = library(
        "
        extern task ask(x: Int) -> Int
        task fail(xs: [Int]) -> Int { return xs[ask(0)] }
        task two(xs: [Int]) -> Int {
            let a = fail(xs)
            let b = ask(1)
            return a + b
        }",
    );
    let (sender, asked): (Sender<Asked>, _) = channel();
    let sender = Mutex::new(sender);
    let mut functions = Functions::new();
    functions.add("ask", move |done: Completer<i64>, x: i64| drop(sender.lock().unwrap().send((x, done)))).pure();
    let handle = engine.submit::<i64>(&module.link(&functions).unwrap(), "two", (vec![1],)).unwrap();
    // The younger is never answered.
    let mut all = vec![asked.recv().unwrap(), asked.recv().unwrap()];
    all.sort_by_key(|&(x, _)| x);
    let (_, _kept) = all.pop().unwrap();
    all.pop().unwrap().1.complete(9);
    let Err(Error::Trap(trap)) = handle.wait() else { panic!("no trap") };
    assert_eq!(trap.trap.code.code(), "T0004");
}

/// A host that answers from a thread of its own, in bunches, the later ones first.
fn answering() -> Functions<'static> {
    let (sender, asked): (Sender<Asked>, Receiver<Asked>) = channel();
    thread::spawn(move || {
        while let Ok(first) = asked.recv() {
            let mut bunch: Vec<Asked> = std::iter::once(first).chain(asked.try_iter()).collect();
            bunch.reverse();
            bunch.into_iter().for_each(|(x, done)| done.complete(x * 3));
        }
    });
    let mut functions = Functions::new();
    let sender = Mutex::new(sender);
    functions.add("ask", move |done: Completer<i64>, x: i64| drop(sender.lock().unwrap().send((x, done)))).pure();
    functions.add("say", |done: Completer<()>, out: &mut Output, x: i64| {
        out.write(&format!("<{x}>"));
        thread::spawn(move || done.complete(()));
    });
    functions
}

#[test]
fn it_is_the_same_in_every_order() {
    let text = "
        extern task ask(x: Int) -> Int
        extern fn say(x: Int)
        task pair(x: Int) -> Int {
            let a = ask(x)
            let b = ask(x + 1)
            print(\"{a} {b}\")
            if x % 4 == 0 { say(x) }
            return a + b
        }
        fn main() {
            var total = 0
            for i in 0..24 { total += pair(i) }
            var xs = [Int](40, fill: 0)
            each i in 0..xs.len() { xs[i] = ask(i) + total }
            let ys = [ask(x) for x in xs if x % 2 == 0]
            print(\"{total} {xs} {ys}\")
        }";
    let once = |options: &Options| {
        let code = library(text).link(&answering()).unwrap().into_code();
        let mut page = Page::default();
        let result = tgvm::embed::run(&code, options, &mut page);
        assert_eq!((result.outcome, result.stats.leaked), (Outcome::Done, 0), "{options:?}");
        page
    };
    let expected = once(&Options { issue: Issue::InOrder, ..Options::default() });
    for issue in [Issue::Lazy, Issue::Eager] {
        for workers in [1, 2, 5] {
            assert_eq!(
                once(&Options { issue, workers, ..Options::default() }),
                expected,
                "{issue:?}, {workers} workers"
            );
        }
    }
    for seed in 0..12 {
        let options = Options { issue: Issue::Eager, workers: 2, seed: Some(seed), ..Options::default() };
        assert_eq!(once(&options), expected, "seed {seed}");
    }
}

#[test]
fn what_waits_in_order_can_be_interrupted() {
    let mut functions = Functions::new();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    functions.add("ask", move |done: Completer<i64>, _: i64| keep.lock().unwrap().push(done)).pure();
    let module = library("extern task ask(x: Int) -> Int\nfn main() { print(ask(1)) }").link(&functions).unwrap();
    let interrupt = Interrupt::new();
    let options = Options { issue: Issue::InOrder, interrupt: interrupt.clone(), ..Options::default() };
    let started = Instant::now();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        interrupt.interrupt();
    });
    let result = tgvm::embed::run(&module.into_code(), &options, &mut Page::default());
    assert!(matches!(result.outcome, Outcome::Stop(_)), "{:?}", result.outcome);
    assert!(started.elapsed() < Duration::from_secs(20));
}

//! What the machine calls of a host's may panic: that ends one submission, and neither a worker nor the engine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Wake, Waker};

use tgvm::embed::{
    Completer, Ended, Engine, Error, Failed, Fault, Functions, Handle, Issue, Module, Stream, World, Worlds,
};

use crate::{TASKS, engine, library, nothing_is_left};

const PROGRAM: &str = "
fn one() -> Int { return 1 }
task square(i: Int) -> Int { print(\"square of {i}\")
    return i * i }
fn squares(n: Int) -> Int {
    var total = 0
    for i in 0..n { total = total + square(i) }
    print(\"{total}\")
    return total
}
fn read() -> Int { return read_file(\"a\").len() }
fn write() { write_file(\"a\", \"b\") }
fn time() -> Bool { return clock() > 0.0 }
";

/// Panics whatever it is asked, and when it is dropped.
struct Panicking;

impl World for Panicking {
    fn write(&mut self, _: Stream, _: &[u8]) -> Result<(), Fault> {
        panic!("no paper")
    }
    fn read_file(&mut self, path: &str, _: u64) -> Result<Vec<u8>, Fault> {
        panic!("no {path}")
    }
    fn write_file(&mut self, _: &str, _: &[u8]) -> Result<(), Fault> {
        std::panic::panic_any(1)
    }
    fn clock(&mut self) -> Result<f64, Fault> {
        panic!("no hands")
    }
}

impl Drop for Panicking {
    fn drop(&mut self) {
        panic!("not gone");
    }
}

fn told<T>(result: Result<T, Error>) -> String {
    result.err().expect("it fails").to_string()
}

/// Several submissions whose worlds panic, among one that has none.
fn all_end(engine: &Engine, module: &Module) {
    let call = |name| engine.call(module, name).world(Box::new(Panicking));
    let good: Handle<i64> = engine.submit(module, "squares", (20,)).unwrap();
    let written = "its output could not be written: what takes it panicked: no paper";
    for n in [1, 2, 50] {
        assert_eq!(told(call("squares").submit::<i64>((n,)).unwrap().wait()), written);
    }
    let sink = engine.call(module, "squares").output(|_, bytes| assert!(bytes.len() < 5, "too long"));
    assert!(told(sink.submit::<i64>((9,)).unwrap().wait()).contains("what takes it panicked: "));
    assert_eq!(call("one").submit::<i64>(()).unwrap().wait(), Ok(1));
    let read = told(call("read").submit::<i64>(()).unwrap().wait());
    assert!(read.starts_with("T0020 a function of the host panicked: no a, at test.tg:11:"), "{read}");
    let write = told(call("write").submit::<()>(()).unwrap().wait());
    assert!(write.starts_with("T0020 a function of the host panicked, at test.tg:12:"), "{write}");
    let time = told(call("time").submit::<bool>(()).unwrap().wait());
    assert!(time.starts_with("T0020 a function of the host panicked: no hands, at"), "{time}");
    assert_eq!(good.wait(), Ok((0..20).map(|i| i * i).sum()));
    nothing_is_left(engine);
}

#[test]
fn a_world_that_panics_ends_its_submission_alone() {
    let module = library(PROGRAM);
    for (workers, issue) in [(1, Issue::InOrder), (1, Issue::Eager), (2, Issue::Lazy), (3, Issue::Eager)] {
        let engine = Engine::builder().workers(workers).issue(issue).build().unwrap();
        (0..10).for_each(|_| all_end(&engine, &module));
    }
}

#[test]
fn a_world_that_panics_ends_its_submission_alone_under_every_seed() {
    let module = library(PROGRAM);
    for seed in 0..20 {
        let engine = Engine::builder().workers(1 + seed as usize % 3).issue(Issue::Eager).simulated(seed).build();
        all_end(&engine.unwrap(), &module);
    }
}

/// Refuses what is printed as it may not, with a trap.
struct Refusing;

impl World for Refusing {
    fn write(&mut self, _: Stream, _: &[u8]) -> Result<(), Fault> {
        Err(Fault::not_permitted("to print"))
    }
}

#[test]
fn what_is_not_written_is_told_alike_whenever_it_is_written() {
    let module = library(PROGRAM);
    for (workers, issue) in [(1, Issue::InOrder), (1, Issue::Eager), (3, Issue::Eager)] {
        let engine = Engine::builder().workers(workers).issue(issue).build().unwrap();
        for _ in 0..20 {
            let handle = engine.call(&module, "squares").world(Box::new(Refusing)).submit::<i64>((20,)).unwrap();
            let why = "its output could not be written: not permitted: to print";
            assert_eq!(told(handle.wait()), why);
        }
    }
}

#[test]
fn a_listener_that_panics_is_told_of_the_next() {
    let engine = engine(2);
    let (sender, told) = channel();
    let listener = move |ended: &Ended| {
        sender.send(ended.number).unwrap();
        assert!(!ended.number.is_multiple_of(2), "an even one");
    };
    let session = engine.session_listening(Box::new(listener));
    for i in 0..10 {
        session.enter(&format!("let x = {i}\nx * 2")).unwrap();
    }
    session.wait_all().unwrap();
    assert_eq!(session.get::<i64>("x"), Ok(9));
    drop(session);
    let mut numbers: Vec<u64> = told.iter().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_statement_whose_world_can_not_be_made_has_none() {
    let engine = engine(2);
    let worlds = || -> Worlds { Box::new(|number| panic!("no world {number}")) };
    let session = engine.session_printing(worlds(), None);
    session.enter("let x = 2 + 3\nprint(x)\nlet y = read_file(\"a\")\nlet z = x * 2").unwrap();
    let failed = |number| session.wait(number).unwrap().result.unwrap_err();
    assert_eq!(failed(2), Failed::Output("what takes it panicked: no world 2".to_owned()));
    assert!(failed(3).to_string().starts_with("T0019 "));
    assert_eq!(session.get::<i64>("z"), Ok(10));
    // What is printed is kept for the listener, and needs no world.
    let session = engine.session_with(worlds(), None);
    session.enter("print(7)").unwrap();
    assert_eq!(session.wait(1).unwrap().output, "7\n");
}

/// An error whose message can not be had.
struct Speechless;

impl std::fmt::Display for Speechless {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words")
    }
}

#[test]
fn an_error_that_panics_is_a_trap() {
    let mut functions = Functions::new();
    functions.add("now", || Err::<i64, Speechless>(Speechless)).pure();
    functions.add("later", |done: Completer<Result<i64, Speechless>>| done.complete(Err(Speechless))).pure();
    let text = "extern fn now() -> Int\nextern task later() -> Int\nfn a() -> Int { return now() }\nfn b() -> Int { return later() }";
    let module = library(text).link(&functions).unwrap();
    for workers in [1, 3] {
        let engine = engine(workers);
        for name in ["a", "b"] {
            let why = told(engine.submit::<i64>(&module, name, ()).unwrap().wait());
            assert!(why.starts_with("T0020 a function of the host panicked: no words, at"), "{why}");
        }
        nothing_is_left(&engine);
    }
}

/// Panics when it is woken.
struct Asleep;

impl Wake for Asleep {
    fn wake(self: Arc<Self>) {
        panic!("too early")
    }
}

#[test]
fn a_waker_that_panics_wakes_nobody_and_harms_nobody() {
    let (engine, module) = (engine(2), library(TASKS));
    let waker = Waker::from(Arc::new(Asleep));
    let mut first = engine.submit::<i64>(&module, "for_ever", (2,)).unwrap();
    assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&waker)).is_pending());
    let second = engine.submit::<i64>(&module, "fib", (10,)).unwrap();
    first.cancel();
    assert_eq!((first.wait(), second.wait()), (Err(Error::Cancelled), Ok(55)));
    nothing_is_left(&engine);
}

/// Asks the machine for what only the machine may ask for.
struct Presuming(Fault);

impl World for Presuming {
    fn write(&mut self, _: Stream, _: &[u8]) -> Result<(), Fault> {
        Err(self.0.clone())
    }
    fn read_file(&mut self, _: &str, _: u64) -> Result<Vec<u8>, Fault> {
        Err(self.0.clone())
    }
}

#[test]
fn a_world_does_not_tell_the_machine_to_wait() {
    let module = library(PROGRAM);
    for (workers, issue) in [(1, Issue::InOrder), (2, Issue::Eager)] {
        let engine = Engine::builder().workers(workers).issue(issue).build().unwrap();
        for fault in [Fault::Wait, Fault::Await] {
            let call = |name| engine.call(&module, name).world(Box::new(Presuming(fault.clone())));
            let read = told(call("read").submit::<i64>(()).unwrap().wait());
            assert!(read.starts_with("T0021 ") && read.contains("to wait"), "{read}");
            let written = told(call("squares").submit::<i64>((3,)).unwrap().wait());
            assert_eq!(written, "its output could not be written: it was refused");
        }
    }
}

/// Cancels its own submission from its sink, while something in it waits for its turn: for what was printed before to be written.
#[test]
fn a_sink_may_cancel_its_submission() {
    let text = "
        task slow(n: Int) -> Int {
            var x = n
            for i in 0..20_000 { x = x *% 31 +% i }
            print(\"slow {x & 1}\")
            return x
        }
        task note(n: Int) { append_file(\"notes\", \"{n}\") }
        fn all(n: Int) { for i in 0..n {
            let x = slow(i)
            note(i)
            print(x)
        } }";
    let module = library(text);
    for (workers, issue) in [(1, Issue::Eager), (2, Issue::Eager), (3, Issue::Lazy)] {
        for round in 0..20 {
            let engine = Engine::builder().workers(workers).issue(issue).build().unwrap();
            let (sender, handle) = channel::<Handle<()>>();
            let mut left = round;
            let sink = move |_: Stream, _: &[u8]| {
                if left == 0 {
                    handle.recv().unwrap().cancel();
                }
                left -= 1;
            };
            let handle = engine.call(&module, "all").output(sink).submit::<()>((1000,)).unwrap();
            sender.send(handle).unwrap();
            while engine.in_flight() > 0 {
                std::thread::yield_now();
            }
        }
    }
}

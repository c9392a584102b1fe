//! What the machine calls of a host's may panic: that ends one submission, and neither a worker nor the engine.

use std::sync::mpsc::channel;

use tgvm::embed::{Ended, Engine, Error, Failed, Fault, Handle, Issue, Module, Stream, World, Worlds};

use crate::{engine, library, nothing_is_left};

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

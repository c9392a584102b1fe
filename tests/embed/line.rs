//! Submissions and statements of sessions that share something run in the order in which they were accepted.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tgvm::embed::{
    Completer, Engine, Entered, Error, Fault, Functions, Handle, Module, Priority, Resource, Session, Stream, World,
};

use crate::{engine, library};

const PROGRAM: &str = "
fn append(text: Str) { append_file(\"log\", text) }
fn late(text: Str) {
    var n = 0
    for i in 0..20_000 { n = n + i % 7 }
    if n > 0 { append_file(\"log\", text) }
}
fn read() -> Str { return read_file(\"log\") }
fn line() -> Str {
    var text = \"\"
    if read_line(&text) { return text }
    return \"none\"
}
fn other() -> Int { return 7 }
";

/// A file and lines of input that many see.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<(String, i64)>>);

impl World for Shelf {
    fn write(&mut self, _: Stream, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }
    fn read_file(&mut self, _: &str, _: u64) -> Result<Vec<u8>, Fault> {
        Ok(self.0.lock().unwrap().0.clone().into_bytes())
    }
    fn append_file(&mut self, _: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.0.lock().unwrap().0.push_str(std::str::from_utf8(bytes).unwrap());
        Ok(())
    }
    fn read_line(&mut self, _: u64) -> Result<Option<Vec<u8>>, Fault> {
        let mut all = self.0.lock().unwrap();
        all.1 += 1;
        Ok(Some(format!("{}\n", all.1).into_bytes()))
    }
}

fn files_are_used_in_order(engine: &Engine) {
    let module = library(PROGRAM);
    let shelf = Shelf::default();
    let call = |name| engine.call(&module, name).world(Box::new(shelf.clone()));
    let mut written = String::new();
    let mut read: Vec<(Handle<String>, String)> = Vec::new();
    let mut lines: Vec<Handle<String>> = Vec::new();
    for i in 0..40 {
        let name = if i % 3 == 0 { "late" } else { "append" };
        let priority = if i % 5 == 0 { Priority::Background } else { Priority::Normal };
        drop(call(name).priority(priority).submit::<()>((format!("{i} "),)).unwrap());
        written += &format!("{i} ");
        read.push((call("read").submit(()).unwrap(), written.clone()));
        read.push((call("read").submit(()).unwrap(), written.clone()));
        lines.push(call("line").submit(()).unwrap());
    }
    read.into_iter().for_each(|(handle, expected)| assert_eq!(handle.wait(), Ok(expected)));
    let lines: Vec<String> = lines.into_iter().map(|line| line.wait().unwrap()).collect();
    assert_eq!(lines, (1..=40).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(call("other").submit::<i64>(()).unwrap().wait(), Ok(7));
}

#[test]
fn submissions_use_files_and_input_in_the_order_in_which_they_were_accepted() {
    for workers in [1, 2, 3] {
        let engine = engine(workers);
        (0..10).for_each(|_| files_are_used_in_order(&engine));
    }
}

#[test]
fn submissions_use_files_and_input_in_order_under_every_seed() {
    for seed in 0..10 {
        files_are_used_in_order(&Engine::builder().workers(3).simulated(seed).build().unwrap());
    }
}

/// A host whose `ask` takes as long as somebody likes, and whose `next` counts, which is ordered.
struct Host {
    functions: Functions<'static>,
    asked: Receiver<Completer<i64>>,
    count: Arc<AtomicI64>,
}

const DECLARED: &str = "extern fn ask() -> Int\nextern fn next(x: Int) -> Int\n";

impl Host {
    fn new() -> Host {
        let (sender, asked) = channel();
        let sender = Mutex::new(sender);
        let mut functions = Functions::new();
        functions.add("ask", move |done: Completer<i64>| drop(sender.lock().unwrap().send(done))).pure();
        let count = Arc::new(AtomicI64::new(0));
        let counted = count.clone();
        functions.add("next", move |_: i64| counted.fetch_add(1, Ordering::SeqCst)).writes(&Resource::new("count"));
        Host { functions, asked, count }
    }
}

fn module(functions: &Functions<'static>) -> Module {
    library(&format!("{DECLARED}fn count() -> Int {{ return next(0) }}")).link(functions).unwrap()
}

/// A session where `x` is pending and a statement that counts waits for it, and who answers.
fn waiting(engine: &Engine, host: Host) -> (Session, Completer<i64>, u64, Module, Arc<AtomicI64>) {
    let module = module(&host.functions);
    let session = engine.session();
    session.provide(Arc::new(host.functions)).unwrap();
    session.enter(&format!("{DECLARED}let x = ask()")).unwrap();
    let entered = session.enter("let y = next(x)").unwrap();
    let [Entered::Statement(number)] = entered[..] else { panic!("{entered:?}") };
    (session, host.asked.recv().unwrap(), number, module, host.count)
}

#[test]
fn a_statement_comes_before_what_was_submitted_after_it() {
    for workers in [1, 3] {
        let engine = engine(workers);
        let (session, done, _, module, _) = waiting(&engine, Host::new());
        let later = engine.submit::<i64>(&module, "count", ()).unwrap();
        let other = engine.session();
        assert_eq!(later.wait_for(Duration::from_millis(20)), Ok(None));
        other.enter("let z = 3").unwrap();
        assert_eq!(other.get::<i64>("z"), Ok(3));
        done.complete(1);
        assert_eq!((session.get::<i64>("y"), later.wait()), (Ok(0), Ok(1)));
    }
}

#[test]
fn a_statement_that_does_not_begin_holds_nobody_up() {
    let engine = engine(2);
    // It is cancelled, poisoned by what is cancelled, or poisoned by a trap.
    for how in 0..4 {
        let (session, done, number, module, count) = waiting(&engine, Host::new());
        let later = engine.submit::<i64>(&module, "count", ()).unwrap();
        let mut done = Some(done);
        match how {
            0 => assert!(session.cancel(number)),
            1 => assert!(session.cancel(number - 1)),
            2 => drop(done.take()),
            _ => drop(session),
        }
        assert_eq!((later.wait(), count.load(Ordering::SeqCst)), (Ok(0), 1), "{how}");
    }
}

/// The line keeps its order where one of its places stays empty.
#[test]
fn who_comes_after_an_empty_place_waits_for_who_comes_before_it() {
    let engine = engine(2);
    let host = Host::new();
    let text = format!("{DECLARED}fn slow() -> Int {{ return next(ask()) }}");
    let slow = library(&text).link(&host.functions).unwrap();
    let first = engine.submit::<i64>(&slow, "slow", ()).unwrap();
    let goes_on = host.asked.recv().unwrap();
    let (session, _done, number, module, count) = waiting(&engine, host);
    let last = engine.submit::<i64>(&module, "count", ()).unwrap();
    assert!(session.cancel(number));
    assert_eq!(last.wait_for(Duration::from_millis(20)), Ok(None));
    assert_eq!(count.load(Ordering::SeqCst), 0);
    goes_on.complete(0);
    assert_eq!((first.wait(), last.wait()), (Ok(0), Ok(1)));
}

/// Background work has no turn while there is normal work, unless a statement waits for it.
#[test]
fn background_work_that_a_statement_waits_for_has_its_turn() {
    let engine = engine(1);
    let host = Host::new();
    let module = module(&host.functions);
    let endless = library(crate::TASKS);
    let normal: [Handle<i64>; 2] = [2, 4].map(|n| engine.submit(&endless, "for_ever", (n,)).unwrap());
    let background = engine.call(&module, "count").priority(Priority::Background).submit::<i64>(()).unwrap();
    assert_eq!(background.wait_for(Duration::from_millis(50)), Ok(None));
    let session = engine.session();
    session.provide(Arc::new(host.functions)).unwrap();
    session.enter(&format!("{DECLARED}let y = next(0)")).unwrap();
    assert_eq!((background.wait(), session.get::<i64>("y")), (Ok(0), Ok(1)));
    normal.iter().for_each(Handle::cancel);
    assert!(normal.into_iter().all(|handle| handle.wait() == Err(Error::Cancelled)));
}

/// What was cancelled in the line leads to what normal work waits for still.
#[test]
fn background_work_behind_a_cancelled_place_has_its_turn() {
    let engine = engine(1);
    let host = Host::new();
    let module = module(&host.functions);
    let endless = library(crate::TASKS);
    let normal: [Handle<i64>; 2] = [2, 4].map(|n| engine.submit(&endless, "for_ever", (n,)).unwrap());
    let background = || engine.call(&module, "count").priority(Priority::Background).submit::<i64>(()).unwrap();
    let (first, second) = (background(), background());
    second.cancel();
    let last = engine.submit::<i64>(&module, "count", ()).unwrap();
    assert_eq!((first.wait(), last.wait()), (Ok(0), Ok(1)));
    normal.iter().for_each(Handle::cancel);
    assert!(second.wait().is_err());
}

/// Each waits for the two before it, which are asked once each whom they wait for.
#[test]
fn many_that_wait_for_each_other_are_lifted_at_once() {
    let (a, b) = (Resource::new("a"), Resource::new("b"));
    let mut functions = Functions::new();
    functions.add("left", || ()).writes(&a).reads(&b);
    functions.add("right", || ()).writes(&b).reads(&a);
    let text = "extern fn left()\nextern fn right()\nfn f() { left() }\nfn g() { right() }";
    let module = library(text).link(&functions).unwrap();
    let engine = engine(1);
    let endless = engine.submit::<i64>(&library(crate::TASKS), "for_ever", (2,)).unwrap();
    for n in 0..200 {
        let name = if n % 2 == 0 { "f" } else { "g" };
        drop(engine.call(&module, name).priority(Priority::Background).submit::<()>(()).unwrap());
    }
    engine.submit::<()>(&module, "f", ()).unwrap().wait().unwrap();
    endless.cancel();
}

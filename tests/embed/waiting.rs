//! Who waits, and where: on a worker nobody does, and a thread that waits may work meanwhile.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tgvm::embed::{Completer, Engine, Error, Functions, GetError, Handle, Module, Session};

use crate::{TASKS, engine, library};

/// Enters a statement that ends when the completer that is sent has its answer, and one that reads it.
fn session(engine: &Engine) -> (Session, Completer<i64>) {
    let (sender, asked) = channel();
    let sender = Mutex::new(sender);
    let mut functions = Functions::new();
    functions.add("ask", move |done: Completer<i64>| drop(sender.lock().unwrap().send(done))).pure();
    let session = engine.session();
    session.provide(Arc::new(functions)).unwrap();
    session.enter("extern fn ask() -> Int\nlet x = ask()\nlet y = x + 1").unwrap();
    (session, asked.recv().unwrap())
}

/// What each way to wait gives.
type Given = (Result<i64, Error>, Result<Option<i64>, Error>, Result<i64, Error>, [Error; 2], GetError);

#[test]
fn on_a_worker_nobody_waits() {
    for workers in [1, 3] {
        let engine = Arc::new(engine(workers));
        let endless = library(TASKS);
        let never = || engine.submit::<i64>(&endless, "for_ever", (2,)).unwrap();
        let (first, others) = (never(), [never(), never()]);
        let (session, done) = session(&engine);
        let in_hand = Mutex::new(Some((first, others, session)));
        let (sender, told) = channel::<(Given, [Handle<i64>; 2], Session)>();
        let weak = Arc::downgrade(&engine);
        let mut functions = Functions::new();
        functions.add("wait", move || {
            let (first, others, session) = in_hand.lock().unwrap().take().expect("it is called once");
            let engine: Arc<Engine> = weak.upgrade().expect("it waits for this");
            let given = (
                first.wait(),
                others[0].wait_for(Duration::from_secs(100)),
                engine.work_until(&others[1]),
                [session.wait(2).unwrap_err(), session.wait_all().unwrap_err()],
                session.get::<i64>("y").unwrap_err(),
            );
            sender.send((given, others, session)).unwrap();
        });
        let module: Module = library("extern fn wait()\nfn f() { wait() }").link(&functions).unwrap();
        engine.submit::<()>(&module, "f", ()).unwrap().wait().unwrap();
        let (given, others, session) = told.recv().unwrap();
        let no = || Error::OnWorker;
        assert_eq!(given, (Err(no()), Err(no()), Err(no()), [no(), no()], GetError::Other(no())));
        // Nothing of that has been lost: others wait.
        done.complete(4);
        assert_eq!((session.get::<i64>("y"), session.wait(2).unwrap().number), (Ok(5), 2));
        for handle in others {
            handle.cancel();
            assert_eq!(handle.wait(), Err(Error::Cancelled));
        }
    }
}

#[test]
fn on_a_worker_what_has_ended_is_told() {
    let engine = Arc::new(engine(1));
    let module = library(TASKS);
    let handles = Mutex::new(
        [20, 21, 22].map(|n| engine.submit::<i64>(&module, "fib", (n,)).unwrap()).into_iter().collect::<Vec<_>>(),
    );
    handles.lock().unwrap().iter().for_each(|handle| while !handle.is_done() {});
    let weak = Arc::downgrade(&engine);
    let mut functions = Functions::new();
    functions.add("sum", move || {
        let (mut handles, engine) = (handles.lock().unwrap(), weak.upgrade().unwrap());
        let third = engine.work_until(&handles.pop().unwrap()).unwrap();
        let second = handles.pop().unwrap().wait_for(Duration::ZERO).unwrap().unwrap();
        handles.pop().unwrap().wait().unwrap() + second + third
    });
    let asking = library("extern fn sum() -> Int\nfn f() -> Int { return sum() }").link(&functions).unwrap();
    assert_eq!(engine.submit::<i64>(&asking, "f", ()).unwrap().wait(), Ok(6765 + 10_946 + 17_711));
}

#[test]
fn the_thread_that_waits_does_the_work_when_no_worker_can() {
    let (blocked, open) = (channel::<()>(), channel::<()>());
    let (begun, door) = (Mutex::new(blocked.0), Mutex::new(open.1));
    let threads: Arc<Mutex<Vec<ThreadId>>> = Arc::default();
    let noted = threads.clone();
    let mut functions = Functions::new();
    functions.add("block", move || {
        begun.lock().unwrap().send(()).unwrap();
        door.lock().unwrap().recv().unwrap();
    });
    functions.add("here", move || noted.lock().unwrap().push(thread::current().id()));
    let text = "extern fn block()\nextern fn here()\nfn wait() { block() }
        fn work(n: Int) -> Int { here()\nreturn sum(i for i in 0..n) }";
    let module = library(text).link(&functions).unwrap();
    let engine = engine(1);
    let blocking = engine.submit::<()>(&module, "wait", ()).unwrap();
    blocked.1.recv().unwrap();
    for n in 0..50 {
        let handle = engine.submit::<i64>(&module, "work", (n,)).unwrap();
        assert_eq!(engine.work_until(&handle), Ok(n * (n - 1) / 2));
    }
    assert_eq!(*threads.lock().unwrap(), vec![thread::current().id(); 50]);
    assert!(!blocking.is_done());
    open.0.send(()).unwrap();
    assert_eq!(blocking.wait(), Ok(()));
}

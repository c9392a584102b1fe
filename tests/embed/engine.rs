//! What is submitted ends as it should, whatever else is in flight.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, RwLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use tgvm::embed::{
    Engine, Error, Functions, Grid, Handle, Module, Priority, Struct, SubmitError, TransferError, Value, Values,
};

use crate::{TASKS, engine, library};

const PROGRAM: &str = "
struct Point { x: Int, y: Float, name: Str }

task many_for_ever(n: Int) -> Int {
    var total = 0
    for i in 0..n { total = total +% for_ever(i * 2) }
    return total
}
task scale(inout xs: [Float], k: Float) {
    for i in 0..xs.len() { xs[i] = xs[i] * k }
}
fn index(xs: [Int], i: Int) -> Int { return xs[i] }
fn deep(n: Int) -> Int { return if n == 0 { 0 } else { 1 + deep(n - 1) } }
task hungry() -> Int {
    var all: [[Int]] = []
    while all.len() >= 0 { all.push([Int](10_000, fill: 1)) }
    return all.len()
}
fn total(xs: [Int]) -> Int { return sum(x for x in xs) }
fn names(xs: [Str]) -> Str {
    var all = \"\"
    for x in xs { all = all + x + \";\" }
    return all
}
fn shift(p: Point) -> Point { return Point(x: p.x + 1, y: p.y * 2.0, name: p.name + \"!\") }
fn turn(g: Grid[Int]) -> Grid[Int] {
    var t = Grid[Int](g.cols(), g.rows(), fill: 0)
    for r in 0..g.rows() { for c in 0..g.cols() { t[c, r] = g[r, c] } }
    return t
}
fn nested(n: Int) -> [[Int]] { return [[j for j in 0..i] for i in 0..n] }
fn flip(b: Bool) -> Bool { return !b }
fn leave(n: Int) { exit(n) }
fn say(n: Int) { for i in 0..n { print(\"line {i}\") } }
fn read(path: Str) -> Str { return read_file(path) }
";

fn program() -> Module {
    library(&format!("{TASKS}{PROGRAM}"))
}

#[test]
fn values_go_in_and_come_back() {
    let (engine, module) = (engine(2), program());
    assert_eq!(engine.submit::<i64>(&module, "total", (vec![1, 2, 3],)).unwrap().wait(), Ok(6));
    assert_eq!(engine.submit::<i64>(&module, "total", (Vec::<i64>::new(),)).unwrap().wait(), Ok(0));
    assert_eq!(engine.submit::<bool>(&module, "flip", (true,)).unwrap().wait(), Ok(false));
    let names = vec!["a".to_owned(), String::new(), "ü".to_owned()];
    assert_eq!(engine.submit::<String>(&module, "names", (names,)).unwrap().wait(), Ok("a;;ü;".to_owned()));
    let nested = engine.submit::<Vec<Vec<i64>>>(&module, "nested", (3,)).unwrap();
    assert_eq!(nested.wait(), Ok(vec![vec![], vec![0], vec![0, 1]]));
    let grid = Grid { rows: 2, cols: 3, cells: vec![1, 2, 3, 4, 5, 6] };
    let turned = engine.submit::<Grid<i64>>(&module, "turn", (grid,)).unwrap().wait();
    assert_eq!(turned, Ok(Grid { rows: 3, cols: 2, cells: vec![1, 4, 2, 5, 3, 6] }));
    let point = Value::Struct(vec![Value::Int(1), Value::Float(2.5), Value::Str("p".into())]);
    let shifted = Value::Struct(vec![Value::Int(2), Value::Float(5.0), Value::Str("p!".into())]);
    assert_eq!(engine.submit::<Value>(&module, "shift", [point]).unwrap().wait(), Ok(shifted));
    let point = Struct((1, 2.5, "p"));
    let shifted = engine.submit::<Struct<(i64, f64, String)>>(&module, "shift", (point,)).unwrap().wait();
    assert_eq!(shifted, Ok(Struct((2, 5.0, "p!".to_owned()))));
    let short = engine.submit::<Struct<(i64, f64)>>(&module, "shift", (point,)).unwrap().wait();
    assert_eq!(short, Err(Error::Value(TransferError::Count(2, 3))));
}

#[test]
fn inout_parameters_come_back_after_the_result() {
    let (engine, module) = (engine(2), program());
    let scaled = engine.submit::<Vec<f64>>(&module, "scale", (vec![1.0, 2.0], 3.0)).unwrap();
    assert_eq!(scaled.wait(), Ok(vec![3.0, 6.0]));
    let grown = engine.submit::<(i64, Vec<i64>)>(&module, "grow", (vec![7], 2)).unwrap();
    assert_eq!(grown.wait(), Ok((3, vec![7, 0, 1])));
    let all = engine.submit::<Values>(&module, "grow", (vec![7], 0)).unwrap();
    assert_eq!(all.wait(), Ok(Values(vec![Value::Int(1), Value::Ints(vec![7])])));
    let nothing = engine.submit::<()>(&module, "say", (0,)).unwrap();
    assert_eq!(nothing.wait(), Ok(()));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (engine, module) = (engine(1), program());
    let refused = |function: &str, args: Vec<Value>| engine.submit::<Value>(&module, function, args).unwrap_err();
    assert_eq!(refused("nobody", vec![]), SubmitError::NoFunction("nobody".into()));
    assert_eq!(refused("fib", vec![]), SubmitError::Count("fib".into(), 1, 0));
    let wrong = SubmitError::Argument(1, "fib".into(), TransferError::Type("Int".into()));
    assert_eq!(refused("fib", vec![Value::Float(1.0)]), wrong);
    let grid = Value::Grid(2, 2, Box::new(Value::Ints(vec![1, 2, 3])));
    let shape = SubmitError::Argument(1, "turn".into(), TransferError::Shape(2, 2, 3));
    assert_eq!(refused("turn", vec![grid]), shape);
    let other = engine.submit::<String>(&module, "fib", (1,)).unwrap().wait();
    assert_eq!(other, Err(Error::Value(TransferError::Type("Str".into()))));
    let several = engine.submit::<i64>(&module, "grow", (Vec::<i64>::new(), 1)).unwrap().wait();
    assert_eq!(several, Err(Error::Value(TransferError::Count(1, 2))));
}

#[test]
fn failures_are_told() {
    let (engine, module) = (engine(2), program());
    let trap = engine.submit::<i64>(&module, "index", (vec![1, 2], 2)).unwrap().wait();
    let Err(Error::Trap(trapped)) = trap else { panic!("{trap:?}") };
    assert!(trapped.text.contains("index 2, length 2, at test.tg:"), "{}", trapped.text);
    assert_eq!(engine.submit::<()>(&module, "leave", (3,)).unwrap().wait(), Err(Error::Exit(3)));
    let file = engine.submit::<String>(&module, "read", ("/etc/passwd",)).unwrap().wait();
    assert!(matches!(file, Err(Error::Trap(_))), "{file:?}");
    let hungry = engine.call(&module, "hungry").max_memory(1 << 20).submit::<i64>(()).unwrap().wait();
    assert_eq!(hungry, Err(Error::Memory));
    // All of that left the engine as it was.
    assert_eq!(engine.submit::<i64>(&module, "fib", (15,)).unwrap().wait(), Ok(610));
}

#[test]
fn output_comes_in_order_and_apart() {
    let (engine, module) = (engine(2), program());
    let printed: Vec<Arc<Mutex<String>>> = (0..4).map(|_| Arc::default()).collect();
    let handles: Vec<Handle<()>> = printed
        .iter()
        .map(|page| {
            let page = page.clone();
            let call = engine.call(&module, "say");
            let call = call.output(move |_, bytes| *page.lock().unwrap() += str::from_utf8(bytes).unwrap());
            call.submit((50,)).unwrap()
        })
        .collect();
    handles.into_iter().for_each(|handle| handle.wait().unwrap());
    let expected: String = (0..50).map(|i| format!("line {i}\n")).collect();
    printed.iter().for_each(|page| assert_eq!(*page.lock().unwrap(), expected));
}

#[test]
fn a_handle_can_be_asked_and_cancelled() {
    let (engine, module) = (engine(2), program());
    let handle = engine.submit::<i64>(&module, "for_ever", (2,)).unwrap();
    assert_eq!(handle.wait_for(Duration::from_millis(20)), Ok(None));
    assert!(!handle.is_done());
    assert_eq!(handle.poll_result(), Ok(None));
    handle.cancel();
    assert_eq!(handle.wait(), Err(Error::Cancelled));
    let handle = engine.submit::<i64>(&module, "fib", (5,)).unwrap();
    while !handle.is_done() {
        thread::yield_now();
    }
    assert_eq!(handle.poll_result(), Ok(Some(5)));
    assert_eq!(handle.poll_result(), Err(Error::Taken));
}

#[test]
fn more_endless_submissions_than_workers_disturb_nobody() {
    let (engine, module) = (engine(2), program());
    let endless: Vec<Handle<i64>> = (0..5)
        .map(|i| {
            let function = if i % 2 == 0 { "for_ever" } else { "many_for_ever" };
            engine.submit(&module, function, (100,)).unwrap()
        })
        .collect();
    for n in 10..16 {
        engine.submit::<i64>(&module, "fib", (n,)).unwrap().wait().unwrap();
    }
    let background = engine.call(&module, "fib").priority(Priority::Background).submit::<i64>((10,)).unwrap();
    assert!(endless.iter().all(|handle| !handle.is_done()));
    endless.iter().for_each(Handle::cancel);
    assert_eq!(background.wait(), Ok(55));
    endless.into_iter().for_each(|handle| assert_eq!(handle.wait(), Err(Error::Cancelled)));
}

#[test]
fn normal_work_is_done_on_an_engine_full_of_background_work() {
    let (engine, module) = (engine(2), program());
    let background = |_| engine.call(&module, "for_ever").priority(Priority::Background).submit::<i64>((2,)).unwrap();
    let endless: Vec<_> = (0..4).map(background).collect();
    for n in 0..20 {
        engine.submit::<i64>(&module, "fib", (n,)).unwrap().wait().unwrap();
    }
    endless.iter().for_each(Handle::cancel);
}

#[test]
fn one_submissions_hunger_is_not_anothers() {
    let (engine, module) = (engine(2), program());
    for _ in 0..5 {
        let hungry = engine.call(&module, "hungry").max_memory(4 << 20).submit::<i64>(()).unwrap();
        let modest: Vec<_> = (0..4)
            .map(|_| engine.submit::<(i64, Vec<i64>)>(&module, "grow", (Vec::<i64>::new(), 50_000)).unwrap())
            .collect();
        modest.into_iter().for_each(|handle| assert_eq!(handle.wait().unwrap().0, 50_000));
        assert_eq!(hungry.wait(), Err(Error::Memory));
    }
}

#[test]
fn many_threads_submit_to_one_engine() {
    let (engine, module) = (engine(2), program());
    thread::scope(|scope| {
        for start in 0..4 {
            let (engine, module) = (&engine, &module);
            scope.spawn(move || {
                for n in start..start + 200 {
                    let sum = engine.submit::<i64>(module, "total", (vec![n, 1],)).unwrap();
                    assert_eq!(sum.wait(), Ok(n + 1));
                }
            });
        }
    });
}

#[test]
fn the_caller_can_work_too() {
    let (engine, module) = (engine(1), program());
    let endless = engine.submit::<i64>(&module, "for_ever", (2,)).unwrap();
    for n in 0..20 {
        let handle = engine.submit::<i64>(&module, "fib", (n,)).unwrap();
        engine.work_until(&handle).unwrap();
    }
    endless.cancel();
    assert_eq!(engine.work_until(&endless), Err(Error::Cancelled));
}

#[test]
fn the_last_owner_may_be_a_worker() {
    let owner = Arc::new(engine(1));
    let (go, gone) = channel();
    let (dropped, told) = channel();
    let kept = Mutex::new((Some(owner.clone()), gone, dropped));
    let mut functions = Functions::new();
    functions.add("leave", move || {
        let mut kept = kept.lock().unwrap();
        kept.1.recv().unwrap();
        let last: Arc<Engine> = kept.0.take().unwrap();
        assert_eq!(Arc::strong_count(&last), 1);
        drop(last);
        kept.2.send(()).unwrap();
    });
    let module: Module = library("extern fn leave()\nfn f() { leave() }").link(&functions).unwrap();
    let handle = owner.submit::<()>(&module, "f", ()).unwrap();
    drop(owner);
    go.send(()).unwrap();
    told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_ne!(handle.wait_for(Duration::from_secs(60)), Ok(None));
}

/// Says that it was woken.
struct Bell(Mutex<std::sync::mpsc::Sender<()>>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.lock().unwrap().send(());
    }
}

fn bell() -> (Waker, Receiver<()>) {
    let (sender, rung) = channel();
    (Waker::from(Arc::new(Bell(Mutex::new(sender)))), rung)
}

#[test]
fn a_handle_is_a_future() {
    let (engine, module) = (engine(2), program());
    let both = async {
        let first = engine.submit::<i64>(&module, "fib", (20,)).unwrap();
        let second = engine.submit::<i64>(&module, "fib", (10,)).unwrap();
        first.await.unwrap() + second.await.unwrap()
    };
    let (waker, rung) = bell();
    let mut both = pin!(both);
    let result = loop {
        match both.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => break result,
            Poll::Pending => rung.recv().expect("it rings when there is something to see"),
        }
    };
    assert_eq!(result, 6765 + 55);
}

#[test]
fn dropping_the_engine_ends_everything() {
    let module = program();
    for workers in [1, 2, 3] {
        let engine = engine(workers);
        let endless: Vec<Handle<i64>> =
            (0..6).map(|_| engine.submit(&module, "many_for_ever", (50,)).unwrap()).collect();
        let background = engine.call(&module, "for_ever").priority(Priority::Background).submit::<i64>((2,)).unwrap();
        drop(engine);
        endless.into_iter().for_each(|handle| assert_eq!(handle.wait(), Err(Error::Cancelled)));
        assert_eq!(background.wait(), Err(Error::Cancelled));
    }
}

#[test]
fn an_engine_that_rests_wakes_up() {
    let (engine, module) = (engine(2), program());
    for rest in [0, 1, 20, 500, 1] {
        thread::sleep(Duration::from_millis(rest));
        assert_eq!(engine.submit::<i64>(&module, "fib", (18,)).unwrap().wait(), Ok(2584));
    }
}

/// One worker does all, one after the other and in the same place: what one has used or how it failed is nothing to the next.
#[test]
fn a_submission_begins_with_what_is_its_own() {
    let engine = engine(1);
    let module = library("fn hold(n: Int) -> Int {\n    let xs = [Int](n, fill: 1)\n    return xs[n - 1]\n}");
    let hold = |n: i64, limit: u64| engine.call(&module, "hold").max_memory(limit).submit::<i64>((n,)).unwrap();
    let round = |_| {
        // Whoever waits before he submits the next lets the worker sleep, and that settles its accounts.
        [hold(80_000, 1 << 20), hold(200_000, 1 << 20), hold(200_000, 2 << 20), hold(0, 1 << 20)]
    };
    let rounds: Vec<_> = (0..20).map(round).collect();
    for [first, too_much, more, trapping] in rounds {
        assert_eq!(first.wait(), Ok(1), "its memory is not what the ones before had");
        assert_eq!(too_much.wait(), Err(Error::Memory));
        assert_eq!(more.wait(), Ok(1), "its limit is not the one before's");
        assert!(matches!(trapping.wait(), Err(Error::Trap(_))));
    }
}

#[test]
fn recursion_that_is_too_deep_traps() {
    let module = program();
    let engine = tgvm::embed::Engine::builder().workers(2).max_depth(1 << 20).build().unwrap();
    assert_eq!(engine.submit::<i64>(&module, "deep", (1000,)).unwrap().wait(), Ok(1000));
    let deep = engine.submit::<i64>(&module, "deep", (1_000_000,)).unwrap().wait();
    assert!(matches!(deep, Err(Error::Trap(_))), "{deep:?}");
}

/// What a worker has taken together with a call that blocks is not held up, although the other worker always has something.
#[test]
fn what_waits_behind_a_function_that_blocks_has_its_turn() {
    let (engine, program) = (engine(2), program());
    let (gates, doors): (Vec<_>, Vec<_>) = (0..2).map(|_| channel::<()>()).unzip();
    let doors: Vec<Mutex<Receiver<()>>> = doors.into_iter().map(Mutex::new).collect();
    let mut functions = Functions::new();
    functions.add("block", move |door: i64| _ = doors[door as usize].lock().unwrap().recv()).pure();
    let blocking = library("extern fn block(door: Int)\nfn wait(door: Int) { block(door) }").link(&functions).unwrap();
    let block = |door: i64| engine.submit::<()>(&blocking, "wait", (door,)).unwrap();
    let first = block(0);
    let endless = engine.submit::<i64>(&program, "for_ever", (2,)).unwrap();
    thread::sleep(Duration::from_millis(30));
    // The worker with the endless one gives way, and takes all of these.
    let second = block(1);
    let quick: Vec<Handle<i64>> = (0..5).map(|n| engine.submit(&program, "fib", (n,)).unwrap()).collect();
    thread::sleep(Duration::from_millis(50));
    // The other worker has this from then on, and need not look at what the first one has.
    let more = engine.submit::<i64>(&program, "for_ever", (2,)).unwrap();
    gates[0].send(()).unwrap();
    first.wait().unwrap();
    for (handle, fib) in quick.iter().zip([0, 1, 1, 2, 3]) {
        assert_eq!(handle.wait_for(Duration::from_secs(60)), Ok(Some(fib)));
    }
    endless.cancel();
    more.cancel();
    gates[1].send(()).unwrap();
    second.wait().unwrap();
}

/// The only worker has taken an endless one together with another, which lies on its deque and nowhere else.
#[test]
fn what_was_taken_together_with_an_endless_one_has_its_turn() {
    let (engine, program) = (engine(1), program());
    let (begins, begun) = channel();
    let (open, door) = channel::<()>();
    let door = Mutex::new(door);
    let mut functions = Functions::new();
    let block = move || {
        begins.send(()).unwrap();
        door.lock().unwrap().recv().unwrap();
    };
    functions.add("block", block).pure();
    let blocking = library("extern fn block()\nfn wait() { block() }").link(&functions).unwrap();
    let first = engine.submit::<()>(&blocking, "wait", ()).unwrap();
    begun.recv().unwrap();
    let endless = engine.submit::<i64>(&program, "for_ever", (2,)).unwrap();
    let quick = engine.submit::<i64>(&program, "fib", (10,)).unwrap();
    open.send(()).unwrap();
    first.wait().unwrap();
    assert_eq!(quick.wait_for(Duration::from_secs(60)), Ok(Some(55)));
    endless.cancel();
}

/// With more workers than processors, some sleep although there is work; but not while others wait for something outside.
#[test]
fn another_worker_takes_the_place_of_one_that_blocks() {
    let processors = thread::available_parallelism().map_or(1, |count| count.get().min(30));
    let (engine, program) = (engine(2 * processors), program());
    let (begins, begun) = channel();
    let gate = Arc::new(RwLock::new(()));
    let closed = gate.write().unwrap();
    let mut functions = Functions::new();
    let door = gate.clone();
    let block = move || {
        begins.send(()).unwrap();
        drop(door.read().unwrap());
    };
    functions.add("block", block).pure();
    let blocking = library("extern fn block()\nfn wait() { block() }").link(&functions).unwrap();
    let blocked: Vec<Handle<()>> = (0..processors).map(|_| engine.submit(&blocking, "wait", ()).unwrap()).collect();
    blocked.iter().for_each(|_| begun.recv_timeout(Duration::from_secs(60)).unwrap());
    let quick = engine.submit::<i64>(&program, "fib", (10,)).unwrap();
    assert_eq!(quick.wait_for(Duration::from_secs(20)), Ok(Some(55)));
    drop(closed);
    blocked.into_iter().for_each(|handle| handle.wait().unwrap());
}

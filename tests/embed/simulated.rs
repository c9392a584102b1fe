//! The same in the simulator, whose interleavings are those of a seed.

use std::sync::{Arc, Mutex};

use tgvm::embed::{Completer, Engine, Error, Functions, Handle, Issue, Part, Priority};

use crate::{TASKS, library};

const PROGRAM: &str = "
fn index(xs: [Int], i: Int) -> Int { return xs[i] }
";

fn simulated(seed: u64, workers: usize) -> Engine {
    let issue = if seed.is_multiple_of(2) { Issue::Lazy } else { Issue::Eager };
    Engine::builder().workers(workers).issue(issue).simulated(seed).build().expect("there are threads")
}

#[test]
fn submissions_end_under_every_seed() {
    let module = library(&format!("{TASKS}{PROGRAM}"));
    for seed in 0..60 {
        let engine = simulated(seed, 1 + seed as usize % 3);
        let fibs: Vec<Handle<i64>> = (4..9).map(|n| engine.submit(&module, "fib", (n,)).unwrap()).collect();
        let trap = engine.submit::<i64>(&module, "index", (vec![1], 1)).unwrap();
        let grown = engine.call(&module, "grow").priority(Priority::Background);
        let grown = grown.submit::<(i64, Vec<i64>)>((Vec::<i64>::new(), 3)).unwrap();
        let expected = [3, 5, 8, 13, 21];
        for (handle, expected) in fibs.into_iter().zip(expected) {
            assert_eq!(handle.wait(), Ok(expected), "seed {seed}");
        }
        assert!(matches!(trap.wait(), Err(Error::Trap(_))), "seed {seed}");
        assert_eq!(grown.wait(), Ok((3, vec![0, 1, 2])), "seed {seed}");
    }
}

#[test]
fn endless_ones_are_cancelled_under_every_seed() {
    let module = library(&format!("{TASKS}{PROGRAM}"));
    for seed in 0..40 {
        let engine = simulated(seed, 2);
        let endless: Vec<Handle<i64>> = (0..3).map(|n| engine.submit(&module, "for_ever", (n * 2,)).unwrap()).collect();
        assert_eq!(engine.submit::<i64>(&module, "fib", (6,)).unwrap().wait(), Ok(8), "seed {seed}");
        endless[1].cancel();
        let [first, second, third] = <[Handle<i64>; 3]>::try_from(endless).expect("there are three");
        assert_eq!(second.wait(), Err(Error::Cancelled), "seed {seed}");
        drop(engine);
        assert_eq!(first.wait(), Err(Error::Cancelled), "seed {seed}");
        assert_eq!(third.wait(), Err(Error::Cancelled), "seed {seed}");
    }
}

/// Statements of a session, functions of the host and parts of its data.
#[test]
fn sessions_and_hosts_are_the_same_under_every_seed() {
    for seed in 0..40 {
        let engine = simulated(seed, 1 + seed as usize % 3);
        let part = Part::new("log", Vec::new());
        let mut functions = Functions::new();
        functions.add_with("note", part.writes(), |log: &mut Vec<i64>, x: i64| log.push(x));
        functions.add("double", |x: i64| 2 * x).pure();
        let functions = Arc::new(functions);
        let module = library("extern task note(x: Int)\ntask twice(x: Int) { note(x)\nnote(x + 1) }");
        let module = module.link(&functions).unwrap();
        let twice: Vec<Handle<()>> = (0..6).map(|n| engine.submit(&module, "twice", (2 * n,)).unwrap()).collect();
        let session = engine.session();
        session.provide(functions).unwrap();
        session
            .enter("extern task double(x: Int) -> Int\nvar all = [double(i) for i in 0..5]\nlet n = all[4]")
            .unwrap();
        session.enter("all[9] = 0\nlet lost = all[0]\nall = [1]\nall[0] += n").unwrap();
        assert_eq!(session.get::<Vec<i64>>("all"), Ok(vec![9]), "seed {seed}");
        assert!(session.get::<i64>("lost").is_err(), "seed {seed}");
        session.wait_all().unwrap();
        twice.into_iter().for_each(|handle| assert_eq!(handle.wait(), Ok(()), "seed {seed}"));
        assert_eq!(*part.read(), (0..12).collect::<Vec<i64>>(), "seed {seed}");
    }
}

/// Calls that wait for an answer, which a later call of the same submission gives, or another submission.
#[test]
fn answers_come_under_every_seed() {
    let text = "extern task ask(n: Int) -> Int\nextern fn answer() -> Int
        fn own(n: Int) -> Int {
            let a = ask(n)
            let b = ask(n + 1)
            let answered = answer()
            return a * 100 + b * 10 + answered
        }
        fn asks(n: Int) -> Int { return ask(n) + 1 }
        fn answers() -> Int { return answer() }";
    for seed in 0..60 {
        let asked = Arc::new(Mutex::new(Vec::<(Completer<i64>, i64)>::new()));
        let (kept, given) = (asked.clone(), asked.clone());
        let mut functions = Functions::new();
        functions.add("ask", move |done: Completer<i64>, n: i64| kept.lock().unwrap().push((done, n))).pure();
        functions
            .add("answer", move || {
                let all = std::mem::take(&mut *given.lock().unwrap());
                let count = all.len() as i64;
                all.into_iter().for_each(|(done, n)| done.complete(2 * n));
                count
            })
            .pure();
        let module = library(text).link(&functions).unwrap();
        let engine = simulated(seed, 1 + seed as usize % 3);
        let asking = engine.submit::<i64>(&module, "asks", (5,)).unwrap();
        let dropped = engine.submit::<i64>(&module, "asks", (6,)).unwrap();
        let cancelled = engine.submit::<i64>(&module, "asks", (7,)).unwrap();
        assert_eq!(asking.wait_for(std::time::Duration::from_millis(1)), Ok(None), "seed {seed}");
        while asked.lock().unwrap().len() < 3 {
            let _ = asking.wait_for(std::time::Duration::from_millis(1));
        }
        cancelled.cancel();
        assert_eq!(cancelled.wait(), Err(Error::Cancelled), "seed {seed}");
        asked.lock().unwrap().retain(|(_, n)| *n != 6);
        assert!(matches!(dropped.wait(), Err(Error::Trap(_))), "seed {seed}");
        assert_eq!(engine.submit::<i64>(&module, "answers", ()).unwrap().wait(), Ok(2), "seed {seed}");
        assert_eq!(engine.work_until(&asking), Ok(11), "seed {seed}");
    }
}

#[test]
fn limits_hold_under_every_seed() {
    let module = library(&format!("{TASKS}{PROGRAM}"));
    for seed in 0..40 {
        let engine = simulated(seed, 1 + seed as usize % 3);
        let call = |n: i64| engine.call(&module, "grow").max_memory(1 << 20).submit((Vec::<i64>::new(), n)).unwrap();
        let hungry: [Handle<(i64, Vec<i64>)>; 2] = [call(200_000), call(1000)];
        let fib = engine.submit::<i64>(&module, "fib", (7,)).unwrap();
        let [first, second] = hungry.map(|handle| engine.work_until(&handle).map(|(n, _)| n));
        assert_eq!((first, second), (Err(Error::Memory), Ok(1000)), "seed {seed}");
        assert_eq!(fib.wait(), Ok(13), "seed {seed}");
    }
}

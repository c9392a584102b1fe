//! Statements that are entered one after the other have the values that they would have line by line.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use tgvm::embed::{Ended, Engine, Entered, Failed, Functions, GetError, Hazard, Issue, Session};

use crate::engine;

const FOR_EVER: &str = "task for_ever(n: Int) -> Int {
    var x = n
    while x != -1 { x = x +% 2 & 1023 }
    return x
}";

fn enter(session: &Session, text: &str) -> u64 {
    let entered = session.enter(text).unwrap_or_else(|problem| panic!("{problem}\n{text}"));
    match entered.last() {
        Some(Entered::Statement(number)) => *number,
        _ => 0,
    }
}

fn shown(session: &Session, text: &str) -> Result<Option<String>, Failed> {
    let number = enter(session, text);
    session.wait(number).expect("it is told once").result
}

fn value(session: &Session, text: &str) -> String {
    shown(session, text).unwrap_or_else(|failed| panic!("{text}: {failed}")).unwrap_or_default()
}

#[test]
fn statements_see_what_came_before() {
    let engine = engine(2);
    let session = engine.session();
    enter(&session, "struct Point { x: Int, name: Str }");
    enter(&session, "let n = 3");
    enter(&session, "var xs = [i * n for i in 0..4]");
    enter(&session, "xs.push(100)");
    enter(&session, "xs[0] = -1");
    assert_eq!(value(&session, "xs"), "[-1, 3, 6, 9, 100]");
    enter(&session, "let ys = xs");
    enter(&session, "xs = [1]\nxs[0] += n");
    assert_eq!(value(&session, "xs"), "[4]");
    assert_eq!(value(&session, "ys"), "[-1, 3, 6, 9, 100]");
    enter(&session, "var p = Point(x: n, name: \"p\")");
    enter(&session, "p.x += 1\np.name = p.name + \"!\"");
    assert_eq!(value(&session, "p.x"), "4");
    assert_eq!(value(&session, "\"{p.name} {n}\""), "p! 3");
    enter(&session, "let n = n + 1");
    assert_eq!(session.get::<i64>("n"), Ok(4));
    assert_eq!(session.get::<Vec<i64>>("ys"), Ok(vec![-1, 3, 6, 9, 100]));
    assert_eq!(session.get::<i64>("nobody"), Err(GetError::Missing("nobody".into())));
    assert_eq!(session.type_of("ys").unwrap(), "[Int]");
    assert_eq!(session.type_of("p.x + n").unwrap(), "Int");
}

#[test]
fn output_and_values_are_a_statements_own() {
    let engine = engine(2);
    let session = engine.session();
    let first = enter(&session, "for i in 0..3 { print(i) }");
    let second = enter(&session, "print(\"x\")");
    let third = enter(&session, "1 + 1");
    let ended = |number| session.wait(number).expect("it is told once");
    assert_eq!(ended(third), Ended { number: third, output: String::new(), result: Ok(Some("2".into())) });
    assert_eq!(ended(first), Ended { number: first, output: "0\n1\n2\n".into(), result: Ok(None) });
    assert_eq!(ended(second), Ended { number: second, output: "x\n".into(), result: Ok(None) });
}

#[test]
fn mistakes_enter_nothing_and_say_where() {
    let engine = engine(1);
    let session = engine.session();
    let problem = |text: &str| session.enter(text).expect_err(text).to_string();
    assert!(problem("let x = y").starts_with("[1]:1:9: E0"), "{}", problem("let x = y"));
    assert!(problem("fn f() -> Int { return z }").starts_with("f:1:24: E0"));
    assert!(problem("(").contains("E01"));
    for text in ["let x =", "let x =  ", "let x =\n"] {
        assert_eq!(problem(text), "[1]:1:8: E0112 unexpected end of the text", "{text:?}");
    }
    enter(&session, "let x = 1");
    assert_eq!(problem("x = 2"), "[2]:1:1: E0401 `x` was declared with `let`");
    assert_eq!(value(&session, "x"), "1");
}

#[test]
fn a_redefinition_counts_for_later_statements_and_in_older_functions() {
    let engine = engine(2);
    let session = engine.session();
    enter(&session, "fn one() -> Int { return 1 }\nfn two() -> Int { return one() * 2 }");
    assert_eq!(value(&session, "two()"), "2");
    enter(&session, "fn one() -> Int { return 10 }");
    assert_eq!(value(&session, "two()"), "20");
    // It no longer fits: it is refused, and the old one stays.
    let problem = session.enter("fn one() -> Str { return \"\" }").expect_err("it does not fit");
    assert!(problem.to_string().starts_with("two:1:"), "{problem}");
    assert_eq!(value(&session, "two()"), "20");
}

#[test]
fn what_is_in_flight_keeps_the_code_that_it_was_entered_with() {
    let engine = engine(2);
    let session = engine.session();
    let (open, door) = channel::<()>();
    let door = Mutex::new(door);
    let mut functions = Functions::new();
    functions.add("wait", move || _ = door.lock().unwrap().recv()).pure();
    session.provide(Arc::new(functions)).unwrap();
    enter(&session, "extern fn wait()\nfn one() -> Int { return 1 }\nfn late() -> Int {\nwait()\nreturn one()\n}");
    let number = enter(&session, "late()");
    enter(&session, "fn one() -> Int { return 10 }");
    open.send(()).unwrap();
    assert_eq!(session.wait(number).unwrap().result, Ok(Some("1".to_owned())));
    open.send(()).unwrap();
    assert_eq!(value(&session, "late()"), "10");
}

#[test]
fn a_variable_of_an_older_struct_is_not_taken_for_a_new_one() {
    let engine = engine(1);
    let session = engine.session();
    enter(&session, "struct P { x: Int }\nlet p = P(x: 1)\nlet all = [p]");
    enter(&session, "struct P { x: Int, name: Str }");
    for text in ["p.x", "all.len()"] {
        let problem = session.enter(text).expect_err("it is of another type").to_string();
        assert!(problem.contains("of before"), "{problem}");
    }
    enter(&session, "let p = P(x: 1, name: \"a\")");
    assert_eq!(value(&session, "p.name"), "a");
}

#[test]
fn a_trap_poisons_what_it_would_have_written_and_nothing_else() {
    let engine = engine(2);
    let session = engine.session();
    enter(&session, "var xs = [1, 2, 3]\nvar ys = [1]\nlet k = 3");
    let trap = enter(&session, "xs[k] = 1");
    let dependent = enter(&session, "let z = xs[0]");
    let far = enter(&session, "print(z)");
    let apart = enter(&session, "ys[0] = 5");
    let ended = |number| session.wait(number).expect("it is told once").result;
    let Err(Failed::Trap(failed)) = ended(trap) else { panic!("it traps") };
    let why = &failed.text;
    assert!(why.contains("index 3, length 3, at [4]:1:1"), "{why}");
    let poisoned = |name: &str| Err(Failed::Poisoned { name: name.into(), by: trap, why: why.clone() });
    assert_eq!(ended(dependent), poisoned("xs"));
    assert_eq!(ended(far), poisoned("z"));
    assert_eq!(ended(apart), Ok(None));
    assert_eq!(session.get::<Vec<i64>>("ys"), Ok(vec![5]));
    assert!(matches!(session.get::<Vec<i64>>("xs"), Err(GetError::Failed(Failed::Poisoned { by: 4, .. }))));
    enter(&session, "xs = [7]\nlet z = 1");
    assert_eq!(value(&session, "xs[0] + z"), "8");
}

#[test]
fn only_what_depends_waits() {
    let engine = engine(2);
    let session = engine.session();
    enter(&session, FOR_EVER);
    enter(&session, "var a = [1]\nvar n = 1");
    session.wait_all().unwrap();
    let endless = enter(&session, "let never = for_ever(a[0] * 2)");
    // Reads share; a whole assignment does not wait for those that read; parts do.
    assert_eq!(value(&session, "a[0]"), "1");
    let part = enter(&session, "a[0] = 3");
    enter(&session, "n = n + 1");
    assert_eq!(session.get::<i64>("n"), Ok(2));
    let waiting = enter(&session, "print(never)");
    let flight = session.in_flight();
    let waits: Vec<_> = flight.iter().map(|one| (one.number, one.waits_for.clone())).collect();
    assert_eq!(
        waits,
        [
            (endless, vec![]),
            (part, vec![(endless, Hazard::WriteAfterRead("a".into()))]),
            (waiting, vec![(endless, Hazard::ReadAfterWrite("never".into()))]),
        ]
    );
    enter(&session, "a = [9]");
    assert_eq!(session.get::<Vec<i64>>("a"), Ok(vec![9]));
    assert!(session.cancel(endless));
    let ended = |number| session.wait(number).expect("it is told once").result;
    assert_eq!(ended(endless), Err(Failed::Cancelled));
    assert!(matches!(ended(waiting), Err(Failed::Poisoned { by, .. }) if by == endless));
    assert_eq!(ended(part), Ok(None));
    assert!(!session.cancel(endless));
    assert!(session.in_flight().is_empty());
}

#[test]
fn what_waits_can_be_cancelled() {
    let engine = engine(1);
    let session = engine.session();
    enter(&session, FOR_EVER);
    let endless = enter(&session, "let never = for_ever(2)");
    let waiting = enter(&session, "let x = never");
    let last = enter(&session, "x");
    session.cancel(waiting);
    let ended = |number| session.wait(number).expect("it is told once").result;
    assert_eq!(ended(waiting), Err(Failed::Cancelled));
    assert!(matches!(ended(last), Err(Failed::Poisoned { by, .. }) if by == waiting));
    session.cancel_all();
    assert_eq!(ended(endless), Err(Failed::Cancelled));
}

#[test]
fn a_listener_is_told_of_each() {
    let engine = engine(2);
    let (sender, told) = channel();
    let listener = move |ended: &Ended| drop(sender.send(ended.clone()));
    let session = engine.session_listening(Box::new(listener));
    for i in 0..5 {
        enter(&session, &format!("{i} * 2"));
    }
    session.wait_all().unwrap();
    drop(session);
    let mut results: Vec<(u64, String)> = told.iter().map(|e| (e.number, e.result.unwrap().unwrap())).collect();
    results.sort();
    let expected: Vec<(u64, String)> = (0..5).map(|i| (i + 1, (i * 2).to_string())).collect();
    assert_eq!(results, expected);
}

#[test]
fn a_listener_hears_of_a_statement_before_those_that_waited_for_it() {
    let engine = engine(3);
    for _ in 0..200 {
        let (sender, told) = channel();
        let listener = move |ended: &Ended| {
            std::thread::yield_now();
            sender.send(ended.number).unwrap();
        };
        let session = engine.session_listening(Box::new(listener));
        session.enter("var x = 1\nx += 1\nx += 2\nx += 3\nx += 4\nx").unwrap();
        let numbers: Vec<u64> = told.iter().take(6).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn a_session_gives_back_what_it_took() {
    let engine = engine(2);
    let session = engine.session();
    enter(&session, "var xs: [[Int]] = []\nfor i in 0..50 { xs.push([j for j in 0..i]) }");
    enter(&session, "let copy = xs\nxs[0].push(1)");
    session.wait_all().unwrap();
    assert!(session.memory() > 50 * 48);
    enter(&session, "xs = []\nlet copy = 0");
    session.wait_all().unwrap();
    // What workers took in advance goes back when they rest.
    for _ in 0..2000 {
        if session.memory() == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("{} bytes are left", session.memory());
}

#[test]
fn hunger_ends_a_statement_and_not_the_session() {
    let engine = Engine::builder().workers(2).max_memory(4 << 20).build().unwrap();
    let session = engine.session();
    enter(&session, "let kept = [Int](1000, fill: 1)");
    let hungry = shown(&session, "let all = [[Int](10_000, fill: i) for i in 0..10_000]");
    assert_eq!(hungry, Err(Failed::Memory));
    assert_eq!(value(&session, "sum(x for x in kept)"), "1000");
}

#[test]
fn sessions_are_the_same_under_every_seed() {
    for seed in 0..40 {
        let issue = if seed % 2 == 0 { Issue::Lazy } else { Issue::Eager };
        let engine = Engine::builder().workers(1 + seed as usize % 3).issue(issue).simulated(seed).build().unwrap();
        let session = engine.session();
        enter(&session, "task add(inout xs: [Int], k: Int) { for i in 0..xs.len() { xs[i] = xs[i] + k } }");
        enter(&session, FOR_EVER);
        enter(&session, "var xs = [1, 2, 3]\nlet never = for_ever(2)");
        for k in 0..4 {
            enter(&session, &format!("add(&xs, {k})\nlet sum{k} = sum(x for x in xs)"));
        }
        enter(&session, "let bad = xs[10]\nlet worse = bad + 1\nxs = [xs[0]]\nadd(&xs[0..1], 1)");
        let sums: Vec<i64> = (0..4).map(|k| session.get(&format!("sum{k}")).unwrap()).collect();
        assert_eq!(sums, [6, 9, 15, 24], "seed {seed}");
        assert_eq!(session.get::<Vec<i64>>("xs"), Ok(vec![8]), "seed {seed}");
        assert!(matches!(session.get::<i64>("worse"), Err(GetError::Failed(Failed::Poisoned { .. }))), "seed {seed}");
        session.cancel_all();
        session.wait_all().unwrap();
    }
}

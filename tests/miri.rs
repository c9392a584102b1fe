//! Small programs that reach the unsafe files of the machine, for Miri: see "Tests" in the README. Without Miri they are as
//! good a test as any, only small.
//!
//! Under Miri the compiler takes longer than all else, so `tests/miri.sh` first runs this without Miri, which leaves the
//! programs' bytecode in the folder `MIRI_PROGRAMS`, and then with it, which takes them from there.

mod common;

use std::path::PathBuf;
use std::thread;

use common::Page;
use tgvm::bytecode::file;
use tgvm::bytecode::trap::TrapCode;
use tgvm::embed::{self, Completer, Engine, Error, Functions, GridView, Module, Output};
use tgvm::machine::Issue;
use tgvm::machine::engine::{Options, Outcome};
use tgvm::syntax::span::Source;

/// The program of that name.
fn module(name: &str, text: &str) -> Module {
    let folder = std::env::var_os("MIRI_PROGRAMS").map(PathBuf::from);
    let path = folder.map(|folder| folder.join(name).with_extension("tgb"));
    if let (true, Some(path)) = (cfg!(miri), &path) {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}: run tests/miri.sh", path.display()));
        return Module::from_bytecode(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
    let source = Source { name: "test.tg".into(), text: text.into() };
    let module = Module::from_source(&source).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"));
    if let Some(path) = path {
        std::fs::write(&path, file::write(module.program())).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
    module
}

/// The module of a program with loops that run as ranges: files do not keep those, so it is compiled in either run.
fn module_with_ranges(text: &str) -> Module {
    let source = Source { name: "test.tg".into(), text: text.into() };
    Module::from_source(&source).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"))
}

/// Runs a program in each of these ways: it prints this, and traps so.
fn does(name: &str, text: &str, ways: &[Options], printed: &str, trap: Option<TrapCode>) {
    runs(module(name, text), ways, printed, trap);
}

/// The same for a module.
fn runs(module: Module, ways: &[Options], printed: &str, trap: Option<TrapCode>) {
    let code = module.into_code();
    for options in ways {
        let mut page = Page::default();
        let result = embed::run(&code, options, &mut page);
        let found = match result.outcome {
            Outcome::Done => None,
            Outcome::Trap(trap) => Some(trap.code),
            other => panic!("{other:?} with {options:?}"),
        };
        assert_eq!((page.0.as_str(), found), (printed, trap), "with {options:?}");
        assert_eq!(result.stats.leaked, 0, "memory is given back with {options:?}");
    }
}

/// In order.
fn in_order() -> Options {
    Options { issue: Issue::InOrder, ..Options::default() }
}

/// In order, on another thread after every poll.
fn moving() -> Options {
    Options { migrate: true, ..in_order() }
}

/// Every call of a task is issued.
fn eager(workers: usize) -> Options {
    Options { issue: Issue::Eager, workers, ..Options::default() }
}

#[test]
fn arrays_and_slices() {
    does(
        "arrays_and_slices",
        r#"
        fn fill(inout xs: [Int], from: Int) { for i in 0..xs.len() { xs[i] = from + i } }
        fn grow(inout xs: [Int]) { xs.push(7); xs.insert(0, 8); xs.swap(0, 1) }
        fn main() {
            var a = [Int](5, fill: 1)
            let kept = a
            fill(&a[1..4], 10)
            grow(&a)
            var b = a[2..] + [a.pop(), a.remove(0)]
            b.sort()
            b = reversed(b)
            print("{kept} {a} {b} {sum(x * 2 for x in b if x > 1)} {a == b}")
        }"#,
        &[in_order()],
        "[1, 1, 1, 1, 1] [8, 10, 11, 12, 1] [12, 11, 10, 7, 7, 1, 1] 94 false\n",
        None,
    );
}

#[test]
fn nested_arrays() {
    does(
        "nested_arrays",
        r#"
        fn add(inout xs: [Int], x: Int) { xs.push(x) }
        fn set(inout x: Int, to: Int) { x = to }
        fn main() {
            var a = [[1], [2, 3], []]
            let kept = a
            add(&a[1], 4)
            set(&a[1][0], 5)
            a[2] = a[1]
            a[2][1] += 6
            a.push([9])
            var deep = [a, kept]
            deep[1][0][0] = 10
            print("{a} {kept} {deep.len()} {deep[1][0]} {deep < [a]}")
        }"#,
        &[in_order()],
        "[[1], [5, 3, 4], [5, 9, 4], [9]] [[1], [2, 3], []] 2 [10] false\n",
        None,
    );
}

#[test]
fn structs_and_grids() {
    does(
        "structs_and_grids",
        r#"
        struct P { at: Int, name: Str }
        struct Q { p: P, xs: [Int] }
        fn set(inout g: Grid[Int], v: Int) { for i in 0..g.rows() { for j in 0..g.cols() { g[i, j] = v + i } } }
        fn rename(inout p: P) { p.name = "{p.name}!"; p.at += 1 }
        fn main() {
            var g = Grid[Int](3, 3, fill: 0)
            set(&g[1.., ..2], 4)
            let h = g
            g[0, 0] = 9
            var names = Grid[P](1, 2, fill: P(at: 1, name: "a"))
            rename(&names[0, 1])
            var q = [Q(p: names[0, 1], xs: [1]), Q(p: names[0, 0], xs: [])]
            q[0].xs.push(2)
            rename(&q[1].p)
            print("{g} {h[1, ..]} {names}")
            print("{q} {q[0] == q[1]}")
        }"#,
        &[in_order()],
        "[[9, 0, 0], [4, 4, 0], [5, 5, 0]] [4, 4, 0] [[P(at: 1, name: \"a\"), P(at: 2, name: \"a!\")]]\n\
         [Q(p: P(at: 2, name: \"a!\"), xs: [1, 2]), Q(p: P(at: 2, name: \"a!\"), xs: [])] false\n",
        None,
    );
}

#[test]
fn strings() {
    does(
        "strings",
        r#"
        fn main() {
            var words = "the quick brown fox".split(" ")
            words.sort()
            let text = words.join("-")
            var s = ""
            for i in 0..4 { s = s + "{i}" }
            let at = text.find("fox")
            let n = parse_int("12")
            print("{text.upper()} {s} {s[1..3]} {at} {1.5:8.2} {n}")
        }"#,
        &[in_order()],
        "BROWN-FOX-QUICK-THE 0123 12 6     1.50 12\n",
        None,
    );
}

#[test]
fn tasks() {
    does(
        "tasks",
        r#"
        struct Pair { n: Int, xs: [Int] }
        task fib(n: Int) -> Int {
            if n < 2 { return n }
            return fib(n - 1) + fib(n - 2)
        }
        task fill(inout xs: [Int], x: Int) { for i in 0..xs.len() { xs[i] += x } }
        task pair(n: Int) -> Pair { return Pair(n: n, xs: [n, n + 1]) }
        task tile(inout g: Grid[Int], from: Grid[Int]) { g[0, 0] += from[0, 0] + 1 }
        fn main() {
            var a = [Int](4, fill: 1)
            fill(&a[..2], 10)
            fill(&a[2..], 20)
            fill(&a[1..3], fib(5))
            let before = a
            fill(&a, 1)
            let ps = [pair(i) for i in 0..3]
            var g = Grid[Int](2, 2, fill: 0)
            tile(&g[..1, ..1], g[1.., 1..])
            tile(&g[1.., 1..], g[..1, ..1])
            tile(&g[..1, ..1], g[1.., 1..])
            print("{before} {a} {ps} {g}")
        }"#,
        &[in_order(), eager(1), eager(2)],
        "[11, 16, 26, 21] [12, 17, 27, 22] [Pair(n: 0, xs: [0, 1]), Pair(n: 1, xs: [1, 2]), Pair(n: 2, xs: [2, 3])] \
         [[4, 0], [0, 2]]\n",
        None,
    );
}

#[test]
fn tasks_that_print_and_renew() {
    does(
        "tasks_that_print_and_renew",
        r#"
        task say(x: Int) -> Str { print("say {x}"); return "s{x}" }
        task put(inout s: Str, x: Int) { s = s + "{x}" }
        task count(xs: [Int]) -> Int { return sum(x for x in xs) }
        fn main() {
            var all: [Str] = []
            for i in 0..3 { all.push(say(i)) }
            var s = ""
            for i in 0..3 { put(&s, i) }
            var xs = [0, 0]
            var total = 0
            for i in 0..3 { xs[0] = i; total += count(xs) }
            put(&all[1], 5)
            print("{all} {s} {total}")
        }"#,
        &[in_order(), eager(1), eager(2)],
        "say 0\nsay 1\nsay 2\n[\"s0\", \"s15\", \"s2\"] 012 3\n",
        None,
    );
}

#[test]
fn tasks_that_trap() {
    does(
        "tasks_that_trap",
        r#"
        task make(n: Int) -> [Int] { return [10 / (2 - i) for i in 0..n] }
        task show(xs: [Int]) { print(xs) }
        fn main() {
            let a = make(2)
            show(a)
            let b = make(3)
            show(b)
            let c = make(1)
            show(c)
        }"#,
        &[in_order(), eager(1), eager(2)],
        "[5, 10]\n",
        Some(TrapCode::DivisionByZero),
    );
}

#[test]
fn tasks_in_ranges() {
    let text = r#"
        fn spin(n: Int) -> Int {
            var x = n
            while x > 99 { x = x / 2 }
            if n == 6 { print("six") }
            return x
        }
        fn main() {
            var a = [spin(i) for i in 4..9]
            each i in 0..5 { a[i] += spin(i) }
            print("{a} {any(spin(i) == 3 || 9 / (i - 4) == 10 for i in 0..9)} {all(spin(x) < 14 for x in a)}")
        }"#;
    runs(module_with_ranges(text), &[eager(1), eager(2)], "six\nsix\n[4, 6, 8, 10, 12] true true\n", None);
}

#[test]
fn an_index_that_is_not_there() {
    does(
        "an_index_that_is_not_there",
        r#"
        fn at(xs: [[Int]], i: Int) -> Int { return xs[i][i] }
        fn main() {
            let a = [[1, 2], [3]]
            print(at(a, 0))
            let s = "{a}"
            print(at(a, 1) + s.len())
        }"#,
        &[in_order()],
        "1\n",
        Some(TrapCode::IndexOutOfBounds),
    );
}

#[test]
fn deep_calls() {
    does(
        "deep_calls",
        r#"
        fn down(n: Int, xs: [Int]) -> [Int] {
            if n == 0 { return xs }
            return down(n - 1, xs + [n])
        }
        fn main() { print(down(40, []).len()) }"#,
        &[in_order(), moving()],
        "40\n",
        None,
    );
}

/// Functions of a host, in every mode that arguments are passed in.
fn host() -> Functions<'static> {
    let mut functions = Functions::new();
    functions.add("scale", |xs: &mut [f64], k: f64| xs.iter_mut().for_each(|x| *x *= k)).pure();
    functions.add("total", |xs: &[i64]| xs.iter().sum::<i64>()).pure();
    functions.add("repeat", |text: &str, n: i64| text.repeat(n as usize)).pure();
    functions.add("add", |text: &mut String, more: &str| text.push_str(more)).pure();
    functions.add("turn", |grid: GridView<i64>| grid.rows() as i64 * 10 + grid.cols() as i64).pure();
    functions.add("evens", |n: i64| (0..n).map(|i| 2 * i).collect::<Vec<i64>>()).pure();
    functions.add("say", |n: i64, output: &mut Output| output.write(&format!("{n};"))).pure();
    functions.add("check", |n: i64| if n < 3 { Ok(n) } else { Err("too large") }).pure();
    functions
        .add("later", |done: Completer<i64>, n: i64| drop(std::thread::spawn(move || done.complete(n + 1))))
        .pure();
    functions
}

#[test]
fn functions_of_a_host() {
    let module = module(
        "functions_of_a_host",
        r#"
        extern fn scale(inout xs: [Float], k: Float)
        extern fn total(xs: [Int]) -> Int
        extern fn repeat(text: Str, n: Int) -> Str
        extern fn add(inout text: Str, more: Str)
        extern fn turn(grid: Grid[Int]) -> Int
        extern fn evens(n: Int) -> [Int]
        extern fn say(n: Int)
        extern fn check(n: Int) -> Int
        fn main() {
            var xs = [1.0, 2.0, 3.0]
            scale(&xs[1..], 2.0)
            var name = repeat("ab", 2)
            add(&name, "!")
            let ys = evens(4)
            say(total(ys[1..3]) + turn(Grid[Int](2, 3, fill: 0)))
            print("{xs} {name} {ys} {total([])}")
            for i in 0..5 { print(check(i)) }
        }"#,
    );
    let module = module.link(&host()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let printed = "29;[1.0, 4.0, 6.0] abab! [0, 2, 4, 6] 0\n0\n1\n2\n";
    runs(module, &[in_order(), moving()], printed, Some(TrapCode::HostFailed));
}

#[test]
fn tasks_of_a_host() {
    let module = module(
        "tasks_of_a_host",
        r#"
        extern task later(n: Int) -> Int
        extern task scale(inout xs: [Float], k: Float)
        fn main() {
            var xs = [1.0, 2.0, 3.0, 4.0]
            scale(&xs[0..2], 2.0)
            scale(&xs[2..4], 3.0)
            scale(&xs[1..3], 0.5)
            let a = later(1)
            let b = later(a)
            print("{xs} {a} {b}")
        }"#,
    );
    let module = module.link(&host()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    runs(module, &[eager(1), eager(2)], "[2.0, 2.0, 4.5, 12.0] 2 3\n", None);
}

/// Calls that a host submits from two threads: brief ones and others, whose handles are waited for or dropped.
#[test]
fn submissions() {
    let module = module(
        "submissions",
        "
fn same(x: Int) -> Int { return x }
fn over(x: Int, y: Int) -> Int { return if x > y { x / y } else { y } }
fn total(xs: [Int]) -> Int { return sum(x for x in xs) }
fn main() { print(same(1)) }",
    );
    let engine = Engine::builder().workers(2).issue(Issue::InOrder).build().expect("there are threads");
    let submit = |name: &str, x, y| engine.submit::<i64>(&module, name, (x, y)).expect("it fits");
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for n in 0..6 {
                    drop(engine.submit::<i64>(&module, "same", (n,)).expect("it fits"));
                    let (brief, traps) = (submit("over", n, 3), submit("over", n + 1, 0));
                    let total = engine.submit::<i64>(&module, "total", (vec![n, 1],)).expect("it fits");
                    assert_eq!(brief.wait(), Ok(if n > 3 { n / 3 } else { 3 }));
                    assert!(matches!(traps.wait(), Err(Error::Trap(_))));
                    assert_eq!(total.wait(), Ok(n + 1));
                }
            });
        }
    });
    while engine.in_flight() > 0 {
        thread::yield_now();
    }
}

/// A result that nobody takes may be a constant of code that goes with its submission.
#[test]
fn a_constant_that_nobody_takes() {
    let text = |result: &str| format!("fn result() -> Str {{ return \"{result}\" }}\nfn main() {{ print(result()) }}");
    let [first, second] =
        ["one that is kept", "one that goes"].map(|result| module(&result.replace(' ', "_"), &text(result)));
    let engine = Engine::builder().workers(1).issue(Issue::InOrder).build().expect("there are threads");
    // Submissions that lie together share the code of the first: the second has its own.
    let kept = engine.submit::<String>(&first, "result", ()).expect("it fits");
    let left = engine.submit::<String>(&second, "result", ()).expect("it fits");
    drop(second);
    while !left.is_done() {
        thread::yield_now();
    }
    drop(left);
    assert_eq!(kept.wait(), Ok("one that is kept".to_owned()));
}

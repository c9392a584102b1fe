//! Functions of the host: what crosses, what does not fit, how they end, and that their resources keep the order of the program.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tgvm::embed::{
    Engine, Entered, Error, Flag, FromAnswer, Functions, Grid, GridView, GridViewMut, Hazard, IntoArgs, Issue, Module,
    Output, Resource, SubmitError,
};
use tgvm::machine::engine::{Options, Outcome};

use crate::common::Page;
use crate::{engine, library};

/// The answer of a function of a module.
fn answer<T: FromAnswer>(module: &Module, function: &str, args: impl IntoArgs) -> Result<T, Error> {
    engine(2).submit(module, function, args).expect("it fits").wait()
}

/// The text of the trap that a call ends with.
fn trap(module: &Module, function: &str, args: impl IntoArgs) -> String {
    match answer::<i64>(module, function, args) {
        Err(Error::Trap(trap)) => trap.text,
        other => panic!("no trap: {other:?}"),
    }
}

#[test]
fn every_type_crosses_in_every_mode() {
    let mut functions = Functions::new();
    functions.add("nothing", || {}).pure();
    functions.add("int", |x: i64| x + 1).pure();
    functions.add("float", |x: f64| x * 2.0).pure();
    functions.add("not", |x: bool| !x).pure();
    functions.add("text", |x: &str| x.to_uppercase()).pure();
    functions.add("ints", |x: &[i64]| x.iter().rev().copied().collect::<Vec<_>>()).pure();
    functions.add("floats", |x: &[f64]| x.iter().sum::<f64>()).pure();
    functions.add("flags", |x: &[Flag]| x.iter().map(|flag| Flag::from(!flag.get())).collect::<Vec<_>>()).pure();
    functions
        .add("grid", |x: GridView<i64>| {
            let cells = (0..x.cols()).flat_map(|col| (0..x.rows()).map(move |row| x.row(row)[col])).collect();
            Grid { rows: x.cols(), cols: x.rows(), cells }
        })
        .pure();
    functions.add("set_int", |x: &mut i64| *x += 1).pure();
    functions.add("set_float", |x: &mut f64| *x /= 2.0).pure();
    functions.add("set_bool", |x: &mut bool| *x = !*x).pure();
    functions.add("set_text", |x: &mut String, more: &str| x.push_str(more)).pure();
    functions.add("set_ints", |x: &mut [i64], by: i64| x.iter_mut().for_each(|x| *x *= by)).pure();
    functions.add("set_flags", |x: &mut [Flag]| x.iter_mut().for_each(|x| x.set(!x.get()))).pure();
    functions
        .add("set_grid", |mut x: GridViewMut<f64>, from: f64| {
            for row in 0..x.rows() {
                x.row_mut(row).iter_mut().zip(0..).for_each(|(x, col)| *x = from + (10 * row + col) as f64);
            }
            (x.rows() * x.cols()) as i64
        })
        .pure();
    functions
        .add("many", |a: i64, b: f64, c: bool, d: &str, e: &[i64], f: &mut i64, g: &mut [f64], h: &mut String| {
            *f = a + e[0];
            g[0] = b;
            *h = format!("{c} {d}");
            e.len() as i64
        })
        .pure();
    let text = r#"
        extern fn nothing()
        extern fn int(x: Int) -> Int
        extern fn float(x: Float) -> Float
        extern fn not(x: Bool) -> Bool
        extern fn text(x: Str) -> Str
        extern fn ints(x: [Int]) -> [Int]
        extern fn floats(x: [Float]) -> Float
        extern fn flags(x: [Bool]) -> [Bool]
        extern fn grid(x: Grid[Int]) -> Grid[Int]
        extern fn set_int(inout x: Int)
        extern fn set_float(inout x: Float)
        extern fn set_bool(inout x: Bool)
        extern fn set_text(inout x: Str, more: Str)
        extern fn set_ints(inout x: [Int], k: Int)
        extern fn set_flags(inout x: [Bool])
        extern fn set_grid(inout x: Grid[Float], from: Float) -> Int
        extern task many(a: Int, b: Float, c: Bool, d: Str, e: [Int], inout f: Int, inout g: [Float], inout h: Str) -> Int

        fn all() -> Str {
            nothing()
            var t = "{int(1)} {float(1.5)} {not(true)} {text("é")} {text("")}"
            let empty: [Int] = []
            t = t + "\n{ints([1, 2, 3])} {ints(empty)} {ints([1, 2, 3, 4][1..3])} {floats([0.5, 0.25])} {flags([true, false])}"
            var g = Grid[Int](2, 3, fill: 7)
            g[0, 2] = 1
            t = t + "\n{grid(g)} {grid(g[0..1, 1..])} {grid(Grid[Int](0, 2, fill: 0))}"
            var i = 1
            var x = 1.0
            var b = true
            var s = "a"
            set_int(&i)
            set_float(&x)
            set_bool(&b)
            set_text(&s, "bc")
            let shared = s
            set_text(&s, s)
            t = t + "\n{i} {x} {b} {s} {shared}"
            var a = [1, 2, 3, 4]
            let before = a
            set_ints(&a[1..3], 10)
            set_ints(&a[2..2], 10)
            set_int(&a[0])
            var flags = [true, false]
            set_flags(&flags)
            t = t + "\n{a} {before} {flags}"
            var h = Grid[Float](3, 3, fill: 0.0)
            let cells = set_grid(&h[1.., 1..], 0.5)
            let column = set_grid(&h[.., 0], 9.0)
            t = t + "\n{h} {cells} {column}"
            var f = 0
            var v = [0.0]
            let n = many(1, 2.5, true, "x", [4, 5], &f, &v, &s)
            return t + "\n{n} {f} {v} {s}"
        }"#;
    let module = library(text).link(&functions).unwrap();
    let expected = [
        "2 3.0 false É ",
        "[3, 2, 1] [] [3, 2] 0.75 [false, true]",
        "[[7, 7], [7, 7], [1, 7]] [[7], [1]] [[], []]",
        "2 0.5 false abcabc abc",
        "[2, 20, 30, 4] [1, 2, 3, 4] [false, true]",
        "[[9.0, 0.0, 0.0], [19.0, 0.5, 1.5], [29.0, 10.5, 11.5]] 4 3",
        "2 5 [2.5] true x",
    ];
    let shown: String = answer(&module, "all", ()).unwrap();
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
    // The host may call one of its own, too.
    assert_eq!(answer(&module, "int", (41,)), Ok(42));
    assert_eq!(answer(&module, "set_ints", (vec![1, 2], 3)), Ok(vec![3, 6]));
    assert_eq!(answer(&module, "text", ("a",)), Ok("A".to_owned()));
}

#[test]
fn arrays_cross_without_a_copy() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut functions = Functions::new();
    let at = seen.clone();
    functions.add("look", move |x: &[i64]| at.lock().unwrap().push((x.as_ptr().addr(), x.len()))).pure();
    let module = library("extern fn look(x: [Int])\nfn f(xs: [Int]) { look(xs)\nlook(xs[2..])\nlook(xs) }");
    let module = module.link(&functions).unwrap();
    answer::<()>(&module, "f", (vec![1, 2, 3],)).unwrap();
    let seen = seen.lock().unwrap();
    let (first, _) = seen[0];
    assert_eq!(*seen, [(first, 3), (first + 16, 1), (first, 3)]);
}

#[test]
fn what_does_not_fit_is_said_when_it_is_linked() {
    let mut functions = Functions::new();
    functions.add("taken", |_: i64| {});
    functions.add("given", || 1.5);
    functions.add("written", |_: &mut [f64]| {});
    functions.add("right", |_: &mut Output| {});
    let module = library(
        "extern fn taken(x: Float)\nextern fn given() -> Int\nextern fn written(xs: [Float])\nextern fn absent(x: Int) -> Str\nextern fn right()",
    );
    let mistakes = module.link(&functions).unwrap_err();
    let mut shown = String::new();
    for diagnostic in &mistakes.diagnostics {
        writeln!(shown, "{} {}: {}", diagnostic.code, diagnostic.message, diagnostic.help.join("; ")).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn what_is_not_linked_is_not_submitted() {
    let module = library("extern fn f()\nfn g() { f() }\nfn h() {}");
    let error = engine(1).submit::<()>(&module, "g", ()).unwrap_err();
    assert_eq!(error, SubmitError::NotLinked("f".to_owned()));
    // Nor is it run: whoever insists gets a trap.
    let code = Module::library("test.tg", "extern fn f()\nfn main() { f() }").unwrap().into_code();
    let result = tgvm::embed::run(&code, &Options::default(), &mut Page::default());
    let Outcome::Trap(trap) = result.outcome else { panic!("no trap: {:?}", result.outcome) };
    assert_eq!(trap.code.code(), "T0021");
}

#[test]
fn a_panic_or_an_error_is_a_trap_of_that_call_alone() {
    let mut functions = Functions::new();
    functions.add("panics", |x: i64| -> i64 { panic!("no {x} here") }).pure();
    functions.add("fails", |x: i64, s: &str| if x > 0 { Ok(x) } else { Err(format!("no {x}, {s}")) }).pure();
    functions.add("index", |xs: &[i64], i: i64| xs[i as usize]).pure();
    functions.add("odd", || Grid { rows: 2, cols: 2, cells: vec![1.0] }).pure();
    let module = library(
        "extern fn panics(x: Int) -> Int
extern fn fails(x: Int, s: Str) -> Int
extern task index(xs: [Int], i: Int) -> Int
extern fn odd() -> Grid[Float]
fn a(x: Int) -> Int { return panics(x) + 1 }
fn b(x: Int) -> Int {
    var text = \"a\"
    text = text + \"b\"
    return fails(x, text)
}
task c(xs: [Int]) -> Int {
    var total = 0
    for i in 0..xs.len() + 1 { total += index(xs, i) }
    return total
}
fn d() -> Int { return odd().rows() }
",
    )
    .link(&functions)
    .unwrap();
    let traps = [
        (trap(&module, "a", (7,)), "T0020 a function of the host panicked: no 7 here, at test.tg:5:30"),
        (trap(&module, "b", (-1,)), "T0021 a function of the host failed: no -1, ab, at test.tg:9:12"),
        (
            trap(&module, "c", (vec![1, 2],)),
            "T0020 a function of the host panicked: index out of bounds: the len is 2 but the index is 2, at test.tg:13:41",
        ),
        (
            trap(&module, "d", ()),
            "T0021 a function of the host failed: a grid of 2 rows and 2 columns has not 1 elements, at test.tg:16:24",
        ),
        (trap(&module, "panics", (1,)), "T0020 a function of the host panicked: no 1 here, at test.tg:1:1"),
    ];
    for (text, expected) in traps {
        assert_eq!(text, expected);
    }
    assert_eq!(answer(&module, "b", (5,)), Ok(5));
}

/// What happened in the host.
type Log = Arc<Mutex<Vec<i64>>>;

/// A host with two logs, which are two resources, and one that is not named.
fn logging() -> (Functions<'static>, [Log; 3]) {
    let logs = [Log::default(), Log::default(), Log::default()];
    let mut functions = Functions::new();
    for (name, log) in [("a", &logs[0]), ("b", &logs[1])] {
        let resource = Resource::new(name);
        let (add, size) = (log.clone(), log.clone());
        functions.add(format!("add_{name}"), move |x: i64| add.lock().unwrap().push(x)).writes(&resource);
        functions.add(format!("size_{name}"), move || size.lock().unwrap().len() as i64).reads(&resource);
    }
    let log = logs[2].clone();
    functions.add("send", move |x: i64| log.lock().unwrap().push(x));
    functions.add("work", |x: i64| (0..200).fold(x, |x, i| x.wrapping_mul(31).wrapping_add(i)) & 0xff).pure();
    functions.add("say", |out: &mut Output, text: &str| out.write(text)).pure();
    functions.add("warn", |out: &mut Output, text: &str| out.write_error(text)).pure();
    functions.add("refuse", |x: i64| if x == 13 { Err("13") } else { Ok(()) }).pure();
    (functions, logs)
}

const LOGGING: &str = r#"
extern task add_a(x: Int)
extern task add_b(x: Int)
extern fn size_a() -> Int
extern task size_b() -> Int
extern fn send(x: Int)
extern fn work(x: Int) -> Int
extern task say(text: Str)
extern fn warn(text: Str)
extern fn refuse(x: Int)

task both(x: Int) -> Int {
    let y = work(x)
    if x % 3 == 0 { add_a(y) } else { add_b(y) }
    if x % 5 == 0 { say("[{x}]") }
    return y + size_b()
}
task leaf(n: Int) -> Int {
    if n < 2 { return work(n) }
    return leaf(n - 1) + leaf(n - 2)
}
task send_two(x: Int) {
    send(leaf(6) + x)
    print("sent {x}")
    send(x)
}
"#;

/// Runs a `main` in every configuration, and compares output, outcome and logs with those of the run in order.
fn the_same_everywhere(main: &str) {
    let once = |options: Options| {
        let (functions, logs) = logging();
        let module = library(&format!("{LOGGING}{main}")).link(&functions).unwrap();
        let mut page = Page::default();
        let result = tgvm::embed::run(&module.into_code(), &options, &mut page);
        assert_eq!(result.stats.leaked, 0, "it leaks");
        (result.outcome, page, logs.map(|log| log.lock().unwrap().clone()))
    };
    let expected = once(Options { issue: Issue::InOrder, ..Options::default() });
    for issue in [Issue::Lazy, Issue::Eager] {
        for workers in [1, 2, 3, 8] {
            for window in [1, 64] {
                let options = Options { issue, workers, window, ..Options::default() };
                assert_eq!(once(options), expected, "{issue:?}, {workers} workers, window {window}");
            }
        }
    }
    for seed in 0..40 {
        let issue = if seed % 3 == 0 { Issue::Lazy } else { Issue::Eager };
        let (workers, window) = (1 + seed as usize % 4, if seed % 5 == 0 { 2 } else { 64 });
        let options = Options { issue, workers, window, seed: Some(seed), ..Options::default() };
        assert_eq!(once(options), expected, "seed {seed}");
    }
    assert_eq!(once(Options { record: true, issue: Issue::Eager, ..Options::default() }), expected, "recorded");
    assert_eq!(once(Options { migrate: true, ..Options::default() }), expected, "from thread to thread");
}

#[test]
fn resources_keep_the_order_of_the_program() {
    the_same_everywhere(
        "fn main() {
            var total = 0
            for i in 0..60 { total = total +% both(i) * (i + 1) }
            print(\"{total} {size_a()}\")
            for i in 0..20 {
                add_a(i)
                add_b(size_a() + i)
                say(\"{size_b()} \")
                warn(\"!\")
            }
            print(size_a() + size_b())
        }",
    );
}

#[test]
fn what_is_irrevocable_waits_for_its_turn() {
    the_same_everywhere(
        "fn main() {
            for i in 0..12 {
                send_two(i)
                add_b(leaf(5) + i)
            }
            send(size_b())
        }",
    );
}

#[test]
fn a_trap_of_the_host_comes_after_all_before_it() {
    // The logs of what is younger may have been written by then, so they are not looked at.
    let once = |options: Options| {
        let (functions, logs) = logging();
        let text = format!(
            "{LOGGING}
            task step(i: Int) {{
                send(i)
                say(\"{{leaf(7) + i}} \")
                refuse(i)
            }}
            fn main() {{
                for i in 0..30 {{ step(i) }}
                print(\"never\")
            }}"
        );
        let module = library(&text).link(&functions).unwrap();
        let mut page = Page::default();
        let result = tgvm::embed::run(&module.into_code(), &options, &mut page);
        let Outcome::Trap(trap) = result.outcome else { panic!("no trap: {:?}", result.outcome) };
        (trap, page, logs[2].lock().unwrap().clone(), result.stats.leaked)
    };
    let expected = once(Options { issue: Issue::InOrder, ..Options::default() });
    assert_eq!(expected.2, (0..14).collect::<Vec<_>>());
    for workers in [1, 2, 4] {
        assert_eq!(once(Options { issue: Issue::Eager, workers, ..Options::default() }), expected, "{workers} workers");
        assert_eq!(once(Options { issue: Issue::Lazy, workers, ..Options::default() }), expected, "{workers} workers");
    }
    for seed in 0..30 {
        let options = Options { issue: Issue::Eager, workers: 3, seed: Some(seed), ..Options::default() };
        assert_eq!(once(options), expected, "seed {seed}");
    }
}

#[test]
fn loops_whose_iterations_call_the_host_are_the_same_everywhere() {
    the_same_everywhere(
        "fn main() {
            var xs = [Int](3000, fill: 0)
            each i in 0..xs.len() {
                xs[i] = work(i)
                if i % 500 == 0 { send(xs[i]) }
            }
            each i in 0..40 { add_a(xs[i]) }
            let ys = [work(x) + size_a() for x in xs]
            print(\"{sum(x for x in xs)} {sum(y * 3 for y in ys)}\")
        }",
    );
}

#[test]
fn statements_of_a_session_keep_the_order_of_what_they_use() {
    let (functions, logs) = logging();
    let functions = Arc::new(functions);
    for workers in [1, 3] {
        let engine = engine(workers);
        let session = engine.session();
        let problem = session.enter("extern task add_a(x: Int)").unwrap_err();
        assert_eq!(problem.to_string(), "add_a:1:1: E0701 the host has no function `add_a`");
        session.provide(functions.clone()).unwrap();
        session.enter(LOGGING).unwrap();
        for i in 0..10 {
            session.enter(&format!("add_a(leaf({}))", 10 - i)).unwrap();
            session.enter(&format!("send({i})")).unwrap();
            session.enter("let n = size_a()").unwrap();
        }
        assert_eq!(session.get::<i64>("n"), Ok(10));
        session.wait_all().unwrap();
        let leaf = |n: i64| logs[0].lock().unwrap()[(10 - n) as usize];
        assert_eq!(leaf(10), (leaf(9) + leaf(8)));
        assert_eq!(*logs[2].lock().unwrap(), (0..10).collect::<Vec<_>>());
        logs.iter().for_each(|log| log.lock().unwrap().clear());
        session.enter("let z = 0").unwrap();
        let entered = session.enter("add_a(1 / z)").unwrap();
        let [Entered::Statement(number)] = entered[..] else { panic!("{entered:?}") };
        let text = "T0002 division by zero: 1 / 0, at [32]:1:7; what is in `a` of the host is indeterminate";
        assert_eq!(session.wait(number).unwrap().result.unwrap_err().to_string(), text);
        // Others do not fit any more.
        assert!(session.provide(Arc::new(Functions::new())).is_err());
    }
}

#[test]
fn a_statement_says_what_of_the_host_it_waits_for() {
    let (begun, goes_on) = std::sync::mpsc::channel::<()>();
    let goes_on = Mutex::new(goes_on);
    let resource = Resource::new("door");
    let mut functions = Functions::new();
    functions.add("wait", move || goes_on.lock().unwrap().recv().is_err()).writes(&resource);
    functions.add("look", || 1).reads(&resource);
    let engine = Engine::builder().workers(2).build().unwrap();
    let session = engine.session();
    session.provide(Arc::new(functions)).unwrap();
    session.enter("extern fn wait() -> Bool\nextern fn look() -> Int\nwait()\nlet x = look()").unwrap();
    let waits_for = session.in_flight().last().unwrap().waits_for.clone();
    assert_eq!(waits_for, [(1, Hazard::Host(Some("door".to_owned())))]);
    assert_eq!(waits_for[0].1.to_string(), "`door` of the host");
    begun.send(()).unwrap();
    assert_eq!(session.get::<i64>("x"), Ok(1));
}

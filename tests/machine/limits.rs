//! Depth, memory, steps, time, and being moved or stopped in the middle.

use std::time::Duration;

use super::{Page, compile, prints, run};
use tgvm::bytecode::trap::TrapCode;
use tgvm::embed;
use tgvm::machine::engine::{Options, Outcome, RunResult};
use tgvm::machine::interrupt::Interrupt;
use tgvm::machine::trap::Stop;

fn run_with(text: &str, options: &Options) -> (RunResult, String) {
    let mut page = Page::default();
    let result = embed::run(&compile(text), options, &mut page);
    assert_eq!(result.stats.leaked, 0, "memory is given back after {:?}", result.outcome);
    (result, page.0)
}

/// Counts down through `n` frames; with owned values, structs, `inout` parameters and results that cross segments.
const DEEP: &str = r#"
struct Pair { count: Int, names: [Str] }
fn down(n: Int) -> Int {
    if n == 0 { return 0 }
    return 1 + down(n - 1)
}
fn carry(n: Int, inout trail: [Int], label: Str) -> Pair {
    if n == 0 { return Pair(count: trail.len(), names: [label]) }
    if n % 1000 == 0 { trail.push(n) }
    let mine = label + "."
    var got = carry(n - 1, &trail, mine[0..1])
    got.count += 1
    if n % 5000 == 0 { got.names.push(Str(n)) }
    return got
}
"#;

#[test]
fn recursion_crosses_segments() {
    let text = format!(
        "{DEEP}
fn main() {{
    for i in 0..3 {{ print(down(10000 + i)) }}
    var trail: [Int] = []
    let pair = carry(5000, &trail, \"x\")
    print(\"{{pair}} {{trail.len()}} {{trail[4]}}\")
}}"
    );
    let expected = "10000\n10001\n10002\n\
        Pair(count: 5005, names: [\"x\", \"5000\"]) 5 1000\n";
    assert_eq!(prints(&text), expected);
}

#[test]
fn a_call_back_and_forth_over_a_segments_end_reuses_it() {
    let text = "
fn leaf(n: Int) -> Int {
    if n < 2 { return n }
    return leaf(n - 1) + leaf(n - 2)
}
fn down(n: Int) -> Int {
    if n == 0 { return leaf(12) }
    return down(n - 1) + leaf(5)
}
fn main() { for i in 700..900 { if down(i) != 144 + 5 * i { print(i) } } }";
    let (result, printed) = run_with(text, &Options::default());
    assert_eq!((result.outcome, printed.as_str()), (Outcome::Done, ""));
    assert!(result.stats.peak_memory < 1 << 20, "{} bytes", result.stats.peak_memory);
}

/// The deepest `n` for which `down(n)` does not trap.
fn deepest(max_depth: u64) -> u64 {
    let reaches = |n: u64| {
        let options = Options { max_depth, ..Options::default() };
        let (result, _) = run_with(&format!("{DEEP}\nfn main() {{ print(down({n})) }}"), &options);
        match result.outcome {
            Outcome::Done => true,
            Outcome::Trap(trap) => {
                assert_eq!(trap.code, TrapCode::RecursionTooDeep);
                false
            }
            other => panic!("{other:?}"),
        }
    };
    let (mut low, mut high) = (0, max_depth / 64);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if reaches(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

#[test]
fn depth_is_counted_to_the_byte() {
    let code = compile(&format!("{DEEP}\nfn main() {{ print(down(1)) }}"));
    let cost = |name: &str| {
        let function = code.program().functions.iter().find(|f| f.name == name).expect("it is there");
        64 + 8 * function.registers.len() as u64
    };
    for max_depth in [4096, 65536, 100_000, 1 << 20] {
        // `down(n)` takes n + 1 frames of `down`.
        let frames = (max_depth - cost("main")) / cost("down");
        assert_eq!(deepest(max_depth), frames - 1, "of {max_depth} bytes");
    }
    let options = Options { max_depth: 50_000, count: true, ..Options::default() };
    let (result, _) = run_with(&format!("{DEEP}\nfn main() {{ print(down(20)) }}"), &options);
    assert_eq!(result.stats.peak_depth, cost("main") + 21 * cost("down"));
}

#[test]
fn endless_recursion_traps_with_a_short_chain() {
    let text = "
fn ping(n: Int, inout xs: [Str]) -> Int { return pong(n + 1, &xs) + xs.len() }
fn pong(n: Int, inout xs: [Str]) -> Int {
    let s = Str(n)
    xs.push(s)
    return ping(n, &xs) + s.len()
}
fn main() {
    var xs: [Str] = []
    print(ping(0, &xs))
}";
    let (result, _) = run_with(text, &Options::default());
    let Outcome::Trap(trap) = result.outcome else { panic!("{:?}", result.outcome) };
    assert_eq!(trap.code, TrapCode::RecursionTooDeep);
    assert_eq!(trap.backtrace.len(), 12);
    let (at, left_out) = trap.omitted.expect("a deep chain is cut");
    assert!(at == 7 && left_out > 1_000_000, "{at} {left_out}");
    assert_eq!(trap.backtrace[11].function, compile(text).program().main);
}

#[test]
fn the_memory_limit_stops_it() {
    let options = Options { max_memory: 4 << 20, ..Options::default() };
    for body in [
        "var xs: [Int] = []\nfor i in 0..10000000 { xs.push(i) }\nprint(xs.len())",
        "var s = \"0123456789\"\nwhile true { s += s }",
        "let xs = [Float](1000000, fill: 0.0)\nprint(xs.len())",
        "var n = 9000000000000000000\nlet xs = [Int](n, fill: 1)\nprint(xs.len())",
        "var n = 4000000000\nlet g = Grid[Int](n, n, fill: 1)\nprint(g.len())",
        "var xs: [[Int]] = []\nfor i in 0..10000000 { xs.push([i]) }\nprint(xs.len())",
        "let a = [Int](300000, fill: 1)\nvar b = a\nvar c = a\nb[0] = 2\nc[0] = 3\nprint(b == c)",
    ] {
        let (result, _) = run_with(&format!("fn main() {{\n{body}\n}}"), &options);
        assert_eq!(result.outcome, Outcome::Stop(Stop::Memory), "{body}");
    }
    // What is dropped counts no more.
    let text = "fn main() {\nfor i in 0..1000 {\nlet xs = [Int](100000, fill: i)\nif xs[i] != i { print(i) }\n}\n}";
    let (result, _) = run_with(text, &options);
    assert_eq!(result.outcome, Outcome::Done);
    let deep = format!("{DEEP}\nfn main() {{ print(down(1000000)) }}");
    assert_eq!(run_with(&deep, &options).0.outcome, Outcome::Stop(Stop::Memory));
}

#[test]
fn the_limit_of_steps_stops_it() {
    let text = "fn main() {\nvar n = 0\nwhile true { n = n +% 1 }\n}";
    let options = Options { max_steps: Some(10_000), ..Options::default() };
    let (result, _) = run_with(text, &options);
    assert_eq!(result.outcome, Outcome::Stop(Stop::Steps));
    assert!((10_000..10_100).contains(&result.stats.instructions), "{}", result.stats.instructions);
    let text = "fn main() {\nvar n = 0\nfor i in 0..100 { n += i }\nprint(n)\n}";
    assert_eq!(run_with(text, &options).0.outcome, Outcome::Done);
}

#[test]
fn time_and_interrupts_stop_it() {
    let text = "fn main() {\nvar n = 0\nwhile true { n = n +% 1 }\n}";
    let options = Options { timeout: Some(Duration::from_millis(20)), ..Options::default() };
    assert_eq!(run_with(text, &options).0.outcome, Outcome::Stop(Stop::Time));
    // One that ends before is not held up.
    let options = Options { timeout: Some(Duration::from_secs(3600)), ..Options::default() };
    assert_eq!(run_with("fn main() { print(1) }", &options).0.outcome, Outcome::Done);
    let interrupt = Interrupt::new();
    let handle = interrupt.clone();
    let raised = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        handle.interrupt();
    });
    let options = Options { interrupt, ..Options::default() };
    let text = "fn main() {\nvar xs = [Int](1000000, fill: 1)\nwhile true {\nlet ys = xs\nxs[0] = ys[0]\n}\n}";
    assert_eq!(run_with(text, &options).0.outcome, Outcome::Stop(Stop::Interrupted));
    raised.join().expect("it does not panic");
}

#[test]
fn a_nudge_changes_nothing_but_the_way_through_the_loop() {
    let text = "fn sum_to(n: Int) -> Int {\nvar sum = 0\nfor i in 0..n { sum += i }\nreturn sum\n}\nfn main() {\nvar sums = [Int](0, fill: 0)\n\
                for n in 0..2000 { sums.push(sum_to(n)) }\nprint(\"{sums.len()} {sums[1999]}\")\n}";
    for workers in [1, 2] {
        let interrupt = Interrupt::new();
        let options = Options { interrupt: interrupt.clone(), workers, ..Options::default() };
        let (result, printed) = std::thread::scope(|scope| {
            let run = scope.spawn(|| run_with(text, &options));
            while !run.is_finished() {
                interrupt.nudge();
            }
            run.join().expect("it does not panic")
        });
        assert_eq!((result.outcome, printed.as_str()), (Outcome::Done, "2000 1997001\n"));
    }
}

#[test]
fn deep_values_are_walked_and_dropped_without_recursion() {
    let text = r#"
struct Node { value: Int, next: [Node] }
fn chain(n: Int) -> Node {
    var node = Node(value: 0, next: [])
    for i in 1..n { node = Node(value: i, next: [node]) }
    return node
}
fn main() {
    let a = chain(200000)
    let b = chain(200000)
    print("{a == b} {a < b} {Str(a).len()}")
    var c = [a, b]
    c[0].next[0].value = -1
    print("{c[0] < b} {a == b}")
}"#;
    assert_eq!(prints(text), "true false 5688890\ntrue true\n");
}

#[test]
fn it_moves_between_threads() {
    let code = compile(&format!("{DEEP}\nfn main() {{ print(down(3000)) }}"));
    let mut page = Page::default();
    let result = embed::run(&code, &Options { migrate: true, ..Options::default() }, &mut page);
    assert_eq!((result.outcome, page.0.as_str()), (Outcome::Done, "3000\n"));
    assert!(result.stats.moves > 3000, "{} moves", result.stats.moves);
}

#[test]
fn an_exit_gives_back_its_memory() {
    let (outcome, printed) = run(&compile("fn main() {\nlet xs = [\"a\" + Str(1)]\nprint(xs)\nexit(7)\n}"));
    assert_eq!((outcome, printed.as_str()), (Outcome::Exit(7), "[\"a1\"]\n"));
}

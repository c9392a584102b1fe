//! Little memory: what runs in order within a limit runs out of order within about the same, on however many workers.

use super::harness::{Configuration, IN_ORDER, Page, compile, run_watched};
use std::sync::Arc;
use tgvm::machine::Issue;
use tgvm::machine::code::Code;
use tgvm::machine::engine::{Options, Outcome};
use tgvm::machine::trap::Stop;

/// Programs, of which each asks for memory in another way: for stacks, for many small pieces, for few large ones, by growing, and for a
/// deep recursion. How much of what they need in order is enough out of order, in percent: what one task may need by itself has to fit
/// into the last third, beside what younger ones have taken in advance.
const PROGRAMS: &[(&str, u64, &str)] = &[
    (
        "stacks",
        110,
        "task fib(n: Int) -> Int {
    if n < 2 { return n }
    return fib(n - 1) + fib(n - 2)
}
fn main() { print(fib(17)) }",
    ),
    (
        "a flat loop",
        110,
        "task work(n: Int) -> Int {
    var x = n
    for i in 0..(n & 63) { x = x *% 31 +% i }
    return x & 255
}
fn main() {
    var out = [Int](3000, fill: 0)
    for i in 0..3000 { out[i] = work(i) }
    print(sum(x for x in out))
}",
    ),
    (
        "small pieces",
        500,
        "task words(n: Int) -> Int {
    var all: [Str] = []
    for i in 0..n { all.push(\"{i}, and some more that has to be kept\") }
    return all[n - 1].len() + all.len()
}
fn main() {
    var t = 0
    for i in 0..60 { t += words(1000 + i) }
    print(t)
}",
    ),
    (
        "large pieces",
        500,
        "task large(n: Int) -> Int {
    var xs = [Int](n, fill: 0)
    for i in 0..n { xs[i] = i % 7 }
    let ys = [x + 1 for x in xs]
    return sum(y for y in ys)
}
fn main() {
    var t = 0
    for i in 0..40 { t += large(20000 + i) }
    print(t)
}",
    ),
    (
        "arrays that grow",
        500,
        "task grow(n: Int) -> Int {
    var xs: [Int] = []
    var i = 0
    while xs.len() < n {
        xs.push(i)
        i += 3
    }
    var s = \"\"
    while s.len() < n { s += \"0123456789\" }
    return xs[n / 2] + s.len()
}
fn main() {
    var t = 0
    for i in 0..40 { t += grow(20000 + i) }
    print(t)
}",
    ),
    (
        "arrays of what passes",
        500,
        "fn odd(n: Int) -> Bool { for i in 0..2 { if n & 1 == i { return i == 1 } }; return false }
task some(n: Int) -> Int {
    let xs = [x for x in 0..n if odd(x)]
    let ys = [\"{x}\" for x in xs[..n / 9] if x % 3 == 0]
    return xs.len() + ys.len()
}
fn main() {
    var t = 0
    for i in 0..40 { t += some(20000 + i) }
    print(t)
}",
    ),
    (
        "a deep recursion",
        500,
        "task down(n: Int) -> Int { return if n == 0 { 0 } else { 1 + down(n - 1) } }
fn main() {
    var t = 0
    for i in 0..8 { t += down(1500 + i) }
    print(t)
}",
    ),
    (
        "a recursion that holds something",
        110,
        "task tree(n: Int, xs: [Int]) -> Int {
    if n == 0 { return sum(x for x in xs) }
    var ys = xs
    ys[n] = n
    return tree(n - 1, ys) + tree(n - 1, xs)
}
fn main() { print(tree(8, [Int](1000, fill: 1))) }",
    ),
    (
        "arrays that are dropped while what used them is to retire",
        300,
        "task fill(inout xs: [Int], k: Int) { for i in 0..xs.len() { xs[i] = i * k & 15 } }
fn main() {
    var t = 0
    for round in 0..200 {
        var xs = [Int](20000, fill: 0)
        fill(&xs[0..10000], round)
        fill(&xs[10000..20000], round + 1)
        t += xs[77] + xs[12345]
    }
    print(t)
}",
    ),
    (
        "arrays of arrays that are dropped so",
        500,
        "task fill(inout xs: [[Int]], k: Int) { for i in 0..xs.len() { xs[i] = [j * k & 15 for j in 0..1000] } }
fn main() {
    var t = 0
    for round in 0..200 {
        var xs = [[Int]](20, fill: [0])
        fill(&xs[0..10], round)
        fill(&xs[10..20], round + 1)
        t += xs[7][77] + xs[12][345]
    }
    print(t)
}",
    ),
];

fn within(code: &Arc<Code>, limit: u64, configuration: Configuration, about: &str) -> (Outcome, Page) {
    let options = Options { max_memory: limit, max_depth: 1 << 24, ..configuration.options() };
    let (result, page) =
        run_watched(code, options, &Page::default(), &format!("{about} in {limit} bytes: {configuration:?}"));
    assert!(result.stats.peak_memory <= limit, "{about}: {} bytes of {limit}", result.stats.peak_memory);
    (result.outcome, page)
}

/// The least memory, by 4 KiB, in which it runs in order.
fn least(code: &Arc<Code>, about: &str) -> u64 {
    let (mut low, mut high) = (0, 8 << 20);
    while high - low > 4 << 10 {
        let middle = (low + high) / 2;
        match within(code, middle, IN_ORDER, about).0 {
            Outcome::Done => high = middle,
            Outcome::Stop(Stop::Memory) => low = middle,
            other => panic!("{about}: {other:?}"),
        }
    }
    high
}

#[test]
fn what_fits_in_order_fits_out_of_order() {
    for (name, percent, text) in PROGRAMS {
        let code = compile(text);
        let least = least(&code, name);
        let (outcome, expected) = within(&code, least, IN_ORDER, name);
        assert_eq!(outcome, Outcome::Done);
        for issue in [Issue::Eager, Issue::Lazy] {
            for (workers, seed) in [(8, None), (2, None), (3, Some(1)), (8, Some(2))] {
                let configuration = Configuration { issue, workers, seed, ..IN_ORDER };
                let (outcome, page) = within(&code, least * percent / 100, configuration, name);
                assert_eq!(outcome, Outcome::Done, "{name}, which needs {least} bytes: {configuration:?}");
                assert_eq!(page, expected, "{name}: {configuration:?}");
            }
        }
    }
}

//! The functions that run iterations of loops keep what they promise (`bytecode::program::Range`): a range may be cut anywhere,
//! each part gets only its own share of what is written, and where nothing is printed the later part may run first.
//!
//! The cutting is done here and not by the machine: each wrapper is rewritten so that it halves its range, with the views cut
//! exactly, down to single iterations. So a share that is wrong, or iterations that do meet, show in every run.
//!
//! `RANGE_CASES=20000 cargo test --test ranges` looks at more loops.

mod common;

use std::sync::Arc;

use common::WithArguments;
use tgvm::bytecode::effects::Effects;
use tgvm::bytecode::ops::{HEADER, Instr, Op};
use tgvm::bytecode::program::{Function, Passing, Program, Range, RegType};
use tgvm::bytecode::trap::TrapCode;
use tgvm::bytecode::types::{Type, TypeTable};
use tgvm::bytecode::verify::verify;
use tgvm::embed::{self, Module};
use tgvm::machine::code::Code;
use tgvm::machine::engine::{Options, Outcome};
use tgvm::syntax::span::Source;

/// Which half of a range comes first.
#[derive(Clone, Copy, PartialEq, Debug)]
enum First {
    Earlier,
    Later,
}

/// What a register of a parameter is passed on as.
enum Piece {
    /// Copied.
    Scalar(u16),
    /// Borrowed.
    Borrow(u16),
    /// A view, read only.
    View(u16, bool),
    /// A view, of which each iteration has that many elements, or rows.
    Share(u16, bool, u32),
}

/// The parameters after the bounds, and past the last register.
fn pieces(types: &TypeTable, function: &Function, range: &Range) -> (Vec<Piece>, u16) {
    let (mut pieces, mut at) = (Vec::new(), 2);
    for (param, &per) in function.params[2..].iter().zip(&range.per) {
        let is_grid = matches!(types.get(param.ty), Type::Grid(_));
        for register in param.registers(types) {
            match register {
                RegType::Int | RegType::Float | RegType::Bool => pieces.push(Piece::Scalar(at)),
                RegType::Borrow(_) => pieces.push(Piece::Borrow(at)),
                RegType::View(_) => pieces.push(Piece::View(at, is_grid)),
                RegType::ViewMut(_) => pieces.push(Piece::Share(at, is_grid, per)),
                RegType::Tail => {}
                RegType::Own(_) => panic!("a range owns nothing"),
            }
            at += 1;
        }
        assert_ne!(param.passing, Passing::Inout);
    }
    (pieces, at)
}

/// The code of a wrapper that halves its range as long as it has two iterations.
struct Halving<'a> {
    code: Vec<Instr>,
    pieces: &'a [Piece],
    /// The register of the step by which shares are multiplied.
    step: Option<u16>,
    /// The first local, of a dozen, and the first window register.
    locals: u16,
    window: u16,
}

impl Halving<'_> {
    fn push(&mut self, op: Op, a: u16, b: u16, c: u16) {
        self.code.push(Instr::abc(op, a, b, c));
    }

    /// Loads how many elements, or rows, an iteration has.
    fn share(&mut self, to: u16, per: u32) {
        self.code.push(Instr::ai(Op::LoadInt, to, per as i32));
        if let Some(step) = self.step {
            self.push(Op::MulI, to, to, step);
        }
    }

    /// Traps unless the Ints in two registers are equal.
    fn require(&mut self, a: u16, b: u16) {
        self.push(Op::JumpEqI, a, b, 1);
        self.code.push(Instr::xabc(Op::Trap, TrapCode::Panic as u8, 0, 0, 0));
    }

    /// Calls `function` for the iterations between two registers, with the shares that begin at `from` iterations.
    fn call(&mut self, lo: u16, hi: u16, from: u16, to: u16, function: u32) {
        let (window, bounds) = (self.window, self.locals + 4);
        for piece in self.pieces {
            if let Piece::Share(at, is_grid, per) = *piece {
                let factor = self.locals + 8;
                self.share(factor, per);
                self.push(Op::MulI, bounds, from, factor);
                self.push(Op::MulI, bounds + 1, to, factor);
                if is_grid {
                    self.code.push(Instr::ai(Op::LoadInt, bounds + 2, 0));
                    self.code.push(Instr::xabc(Op::DimV, 1, bounds + 3, at, 0));
                    self.code.push(Instr::xabc(Op::GridView, 7, window + at, at, bounds));
                } else {
                    self.code.push(Instr::xabc(Op::View, 7, window + at, at, bounds));
                }
            }
        }
        self.push(Op::Move, window, lo, 0);
        self.push(Op::Move, window + 1, hi, 0);
        for piece in self.pieces {
            match *piece {
                Piece::Scalar(at) => self.push(Op::Move, window + at, at, 0),
                Piece::Borrow(at) => self.push(Op::Borrow, window + at, at, 0),
                Piece::View(at, true) => self.code.push(Instr::xabc(Op::GridView, 1, window + at, at, 0)),
                Piece::View(at, false) => self.code.push(Instr::xabc(Op::View, 1, window + at, at, 0)),
                Piece::Share(..) => {}
            }
        }
        self.code.push(Instr::ai(Op::Call, window, function as i32));
    }
}

/// Rewrites all wrappers; how many there are.
fn halve(program: &mut Program, first: First) -> usize {
    let mut count = 0;
    for index in 0..program.functions.len() {
        let Some(range) = program.functions[index].range.clone() else { continue };
        if program.functions[index].code.iter().any(|instr| instr.op() == Some(Op::Decide)) {
            // Its wrapper must not call it twice: what follows a decision is not run.
            continue;
        }
        count += 1;
        let (pieces, boundary) = pieces(&program.types, &program.functions[index], &range);
        let number = range.wrapper;
        let wrapper = &mut program.functions[number as usize];
        wrapper.registers.truncate(usize::from(boundary));
        wrapper.registers.extend([RegType::Int; 12]);
        (wrapper.owned_start, wrapper.owned_end) = (boundary, boundary);
        wrapper.window = boundary;
        let window = (wrapper.registers.len() + HEADER) as u16;
        let mut halving = Halving { code: Vec::new(), pieces: &pieces, step: range.step, locals: boundary, window };
        let (total, half, zero, middle) = (boundary, boundary + 1, boundary + 2, boundary + 3);
        halving.push(Op::SubI, total, 1, 0);
        halving.code.push(Instr::ai(Op::LoadInt, zero, 0));
        let (size, factor) = (boundary + 9, boundary + 8);
        for piece in &pieces {
            if let Piece::Share(at, is_grid, per) = *piece {
                halving.share(factor, per);
                halving.push(Op::MulI, factor, factor, total);
                if is_grid {
                    halving.code.push(Instr::xabc(Op::DimV, 0, size, at, 0));
                } else {
                    halving.push(Op::LenV, size, at, 0);
                }
                halving.require(factor, size);
            }
        }
        halving.push(Op::DivPow, half, total, 1);
        halving.push(Op::AddI, middle, half, 0);
        let branch = halving.code.len();
        halving.push(Op::JumpGtK, total, 1, 0);
        halving.call(0, 1, zero, total, index as u32);
        halving.code.push(Instr::abc(Op::Return, 0, 0, 0));
        halving.code[branch] = Instr::abc(Op::JumpGtK, total, 1, (halving.code.len() - branch - 1) as u16);
        for second in [first == First::Later, first == First::Earlier] {
            if second {
                halving.call(middle, 1, half, total, number);
            } else {
                halving.call(0, middle, zero, half, number);
            }
        }
        halving.code.push(Instr::abc(Op::Return, 0, 0, 0));
        wrapper.code = halving.code;
        wrapper.sites = vec![wrapper.sites[0]; wrapper.code.len()];
    }
    count
}

#[derive(PartialEq, Debug)]
struct Ran {
    output: String,
    outcome: Outcome,
}

fn run(program: &Program, arguments: &[&str]) -> Ran {
    let verified = verify(program.clone()).unwrap_or_else(|error| panic!("the verifier refuses it: {error}"));
    let arguments = arguments.iter().map(|&argument| argument.into()).collect();
    let mut world = WithArguments { output: String::new(), arguments };
    let options = Options { max_memory: 1 << 30, ..Options::default() };
    let result = embed::run(&Arc::new(Code::new(verified)), &options, &mut world);
    assert_eq!(result.stats.leaked, 0, "memory leaks");
    Ran { output: world.output, outcome: result.outcome }
}

/// Runs a program as it is and with its ranges cut, which must be the same; how many ranges it has, and whether it trapped.
fn compare(source: &Source, arguments: &[&str]) -> Option<(usize, bool)> {
    let module = Module::from_source(source).ok()?;
    let program = module.program();
    let whole = run(program, arguments);
    let asserted = matches!(&whole.outcome, Outcome::Trap(trap) if trap.code == TrapCode::AssertionFailed);
    assert!(!asserted, "it is not what it says: {:?}\n{}", whole.outcome, source.text);
    let mut cut = program.clone();
    let count = halve(&mut cut, First::Earlier);
    if count > 0 {
        let found = run(&cut, arguments);
        assert!(found == whole, "cut, it does something else: {found:?}\ninstead of\n{whole:?}\n{}", source.text);
        let silent = program.functions.iter().all(|f| f.range.is_none() || f.effects == Effects::NONE);
        if silent && whole.outcome == Outcome::Done {
            let mut cut = program.clone();
            halve(&mut cut, First::Later);
            let found = run(&cut, arguments);
            assert!(
                found == whole,
                "backwards, it does something else: {found:?}\ninstead of\n{whole:?}\n{}",
                source.text
            );
        }
    }
    Some((count, matches!(whole.outcome, Outcome::Trap(_))))
}

#[test]
fn sample_programs_do_the_same_in_pieces() {
    let programs: &[(&str, &[&str])] = &[
        ("cholesky", &["40"]),
        ("csv_report", &["50"]),
        ("heat", &["2"]),
        ("kmeans", &["1"]),
        ("life", &["2"]),
        ("mandelbrot", &["12"]),
        ("matmul", &["24"]),
        ("merge_sort", &["3000"]),
        ("monte_carlo", &["5000"]),
        ("nbody", &["10"]),
        ("nqueens", &["5"]),
        ("quicksort", &["1000"]),
        ("sieve", &["2000"]),
        ("smith_waterman", &["60"]),
        ("spectral_norm", &["12"]),
        ("sudoku", &["1"]),
        ("word_count", &["3"]),
    ];
    for (name, arguments) in programs {
        let path = format!("{}/programs/{name}.tg", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).expect("it is there");
        let found = compare(&Source::new(*name, text), arguments);
        eprintln!("{name}: {:?}", found.expect("it compiles"));
    }
}

/// Programs with ranges in them.
const PROGRAMS: &[(&str, &str)] = &[
    (
        "a comprehension over each kind of source",
        "struct P { x: Int, s: Str, xs: [Int] }
task slow(n: Int) -> Int { return n * 3 - 1 }
fn main() {
    let n = 300
    let a = [i * i for i in -5..n]
    let b = [slow(x) + a[0] for x in a]
    let c = [slow(x) for x in a[3..n - 7]]
    let g = Grid[Int](20, 17, fill: 4)
    let d = [x + 1 for x in g]
    let e = [slow(x) for x in g[3, 2..]]
    let f = [slow(x) for x in g[2..19, 3]]
    let s = [\"{x}!\" for x in a]
    let p = [P(x: x, s: s[0], xs: [x, x + 1]) for x in a]
    let q = [y.xs[1] for y in p]
    let t = [[i * j for j in 0..i] for i in 0..80]
    print(\"{a} {b} {c} {d} {e} {f} {s} {p} {q} {t}\")
}",
    ),
    (
        "a comprehension of some over each kind of source",
        "struct P { x: Int, s: Str, xs: [Int] }
task slow(n: Int) -> Int { return n * 3 - 1 }
fn odd(n: Int) -> Bool { for i in 0..2 { if n & 1 == i { return i == 1 } }; return false }
fn main() {
    for n in [0, 1, 2, 3, 300, 1023, 1024, 1025, 2047, 2048, 2049, 5000] {
        var all: [Int] = []
        var odds: [Int] = []
        var i = -5
        while i < n {
            all.push(i * i)
            if odd(i) { odds.push(i) }
            i += 1
        }
        let a = [i * i for i in -5..n if true]
        let b = [i for i in -5..n if odd(i)]
        let down = [i for i in n - 1..-6 by -1 if odd(i)]
        assert(a == all && b == odds && down == odds.reversed(), \"{n}\")
        assert([i for i in -5..n if i & 1 == 1] == odds, \"{n}\")
        assert([i for i in -5..n if i > n].is_empty() && [odd(i) for i in 0..n if odd(i) && i & 1 == 0].is_empty(), \"{n}\")
        let c = [slow(x) for x in a[2..] if x % 3 != n % 3]
        let g = Grid[Int](n + 1, 4, fill: 4)
        let d = [x + 1 for x in g if x == 4]
        let e = [slow(x) for x in g[n / 2, 2..] if odd(x + 1)]
        let f = [slow(x) for x in g[1.., 3] if x > 0]
        let s = [\"{x}!\" for x in a if odd(x)]
        let t = [x for x in s if x.len() == 3]
        let p = [P(x: x, s: s[0], xs: [x, x + 1]) for x in a if odd(x)]
        let q = [y for y in p if y.xs[1] % 3 == 0]
        let r = [i for i in 0..n by 3 if odd(i)]
        let u = [i for i in 0..n by 3 if i % 5 == 2]
        print(\"{c.len()} {c} {d.len()} {e} {f.len()} {s} {t} {q.len()} {r} {u}\")
        if n < 400 { print(\"{p} {q} {[[i * j for j in 0..i if odd(i + j)] for i in 0..n if odd(i)]}\") }
        var out = [n]
        for i in -5..n { if odd(i) { out.push(slow(i)) } }
        for x in out { if odd(x) { out.push(x) } }
        for i in n..0 by -7 { if odd(i) { out.push(i) } }
        for i in 0..n { if odd(out.len()) { out.push(i) } }
        print(out)
    }
}",
    ),
    (
        "a comprehension of some of very many",
        "fn main() {
    let n = 600_000
    let a = [i for i in 0..n if i % 1000 == 7]
    assert(a == [1000 * i + 7 for i in 0..600], \"\")
    assert([i & 7 for i in 0..3 * n by 3 if i % 1000 == 9].len() == 600, \"\")
}",
    ),
    (
        "reductions of few",
        "fn slow(n: Int) -> Int { for i in 0..9 { if i > 7 { return n * 3 - i } }; return n }
fn main() {
    for n in [0, 1, 2, 3, 40, 1023, 1024, 1025, 1300] {
        var sums = [0, 0]
        var floats = [0.0, 0.0, 1.0]
        var counts = [0, 0]
        var least = \"~\"
        var i = 0
        while i < n {
            let x = slow(i)
            sums[0] += x
            if x % 3 != 0 { sums[1] += 2 * x }
            floats[0] += 1.0 / Float(x)
            if x % 7 > 2 { floats[1] += 1.0 / Float(x) }
            floats[2] *= 1.0 + 1.0 / Float(x * x)
            if x % 5 == 0 { counts[0] += 1 }
            if x % 5 == 0 && i > 9 { counts[1] += 1 }
            if i > 5 { least = min(least, \"{x}\") }
            i += 1
        }
        assert(sums == [sum(slow(i) for i in 0..n), sum(2 * slow(i) for i in 0..n if slow(i) % 3 != 0)], \"{n}\")
        assert(counts[0] == count(slow(i) % 5 == 0 for i in 0..n), \"{n}\")
        assert(counts[1] == count(slow(i) % 5 == 0 for i in 0..n if i > 9), \"{n}\")
        let f = [sum(1.0 / Float(slow(i)) for i in 0..n), sum(1.0 / Float(slow(i)) for i in 0..n if slow(i) % 7 > 2)]
        let p = product(1.0 + 1.0 / Float(slow(i) * slow(i)) for i in 0..n)
        assert(n > 1024 || floats == f + [p], \"{n}\")
        if n > 6 {
            assert(least == min(\"{slow(i)}\" for i in 0..n if i > 5), \"{n}\")
            assert(max(slow(i) for i in 0..n) == 3 * n - 11 && min(Float(slow(i)) for i in 0..n if i > 2) == 1.0, \"{n}\")
            print(\"{f} {p} {max([slow(i), i] for i in 0..n)} {product(1 - 2 * (slow(i) & 1) for i in 0..n)}\")
        }
    }
}",
    ),
    (
        "reductions",
        "task slow(n: Int) -> Int { return n * 3 - 1 }
fn main() {
    for n in [0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 5000] {
        let xs = [1.0 / Float(i + 1) for i in 0..n]
        let big = [INT_MAX / (i + 1) for i in 0..n]
        print(\"{sum(x for x in xs)} {sum(x for x in xs if x < 0.3)} {sum(i for i in -n..n)}\")
        print(\"{sum(x - x / 2 for x in big if x % 7 != 0 && x < 1000000)} {product(1.0 + x / 100.0 for x in xs)}\")
        print(\"{product(1 - 2 * (i % 2) for i in 0..n)} {count(slow(i) % 5 == 0 for i in 0..n)}\")
        print(\"{sum(-x for x in big if x < INT_MAX / 300)} {sum(0.0 - x for x in xs if x > 2.0)}\")
        if n > 0 {
            print(\"{min(slow(i) * (i % 9 - 4) for i in 0..n)} {max(x for x in xs)} {min(-x for x in xs)}\")
            print(\"{max(\"{i}\" for i in 0..n)} {min([i % 10, i] for i in 0..n)}\")
        }
    }
}",
    ),
    (
        "steps",
        "task slow(n: Int) -> Int { return (n & 0xffff) * 3 - 1 }
fn steps(lo: Int, hi: Int, k: Int) {
    var found: [Int] = []
    var total = 0.0
    for i in lo..hi by k {
        found.push(slow(i))
        total += Float(slow(i))
    }
    assert(found == [slow(i) for i in lo..hi by k], \"an element\")
    assert(found == [(i & 0xffff) * 3 - 1 for i in lo..hi by k], \"a cheap element\")
    assert(found.len() == count(slow(i) == (i & 0xffff) * 3 - 1 for i in lo..hi by k), \"how many\")
    if !found.is_empty() { assert(found.sorted()[0] == min(slow(i) for i in lo..hi by k), \"the least\") }
    print(\"{found.len()} {sum(slow(i) for i in lo..hi by k if i % 3 != 0)} {total == sum(Float(slow(i)) for i in lo..hi by k)}\")
}
fn main() {
    steps(0, 30000, 7)
    steps(-1024, 1024 * 2, 1)
    steps(30000, -3, -7)
    steps(5, 5, 3)
    steps(5, 4, 3)
    steps(INT_MAX - 30000, INT_MAX, 2)
    steps(INT_MIN, INT_MAX, 1 << 52)
    steps(-5, INT_MAX, INT_MAX)
    steps(INT_MAX, INT_MIN, INT_MIN)
    print([10 / (i - 2100) for i in 0..3000 by 3])
}",
    ),
    (
        "loops by steps",
        "fn fill(inout xs: [Int], k: Int) { for j in 0..xs.len() { xs[j] = xs[j] * 3 + k + j } }
fn loops(n: Int, lo: Int, hi: Int, k: Int, m: Int) {
    var a = [i for i in 0..n]
    var b = [Int](3 * n, fill: 1)
    var g = Grid[Int](n, 3, fill: 2)
    each i in lo..hi by k { fill(&a[i..i + k], i) }
    each i in lo..hi by k { fill(&a[i..min(i + k, hi)], a.len()) }
    each i in lo..hi by k {
        let end = min(a.len(), i + k)
        fill(&a[i..end], end)
    }
    each i in lo..hi by k { fill(&b[3 * i..3 * i + 3 * k], sum(x for x in b[3 * i..3 * i + 3 * k])) }
    each i in lo..hi by k { fill(&b[2 * i + 1..2 * i + m], i) }
    each i in lo..hi by k {
        a[i] += i
        g[i, 1] = a[i] + g.rows()
        for j in 0..3 { g[i, j] += j }
    }
    each i in lo..hi by 4 {
        fill(&a[i..min(i + 4, hi)], i)
        fill(&b[i..i + 3], a[i])
    }
    for i in lo..hi by 3 { fill(&g[i, ..], i) }
    for i in lo..hi by k { fill(&a[i..min(hi, i + k)], i) }
    each r in 0..3 { each i in lo..hi by k { g[i, r] += i } }
    each i in lo..hi by k { each r in 0..3 { g[i, r] += i } }
    print(\"{a} {b} {g}\")
}
fn main() {
    loops(40, 0, 40, 4, 5)
    loops(41, 1, 40, 3, 4)
    loops(41, 0, 38, 3, 2)
    loops(40, 0, 37, 1, 3)
    loops(40, 8, 8, 3, 2)
    loops(40, 8, 7, 3, 2)
    loops(40, 3, 9, 30, 2)
    each i in INT_MAX - 3000..INT_MAX by 700 { print(i) }
    each i in INT_MIN..INT_MAX by INT_MAX { print(i) }
}",
    ),
    (
        "a trap in the middle of a loop by steps",
        "fn invert(inout xs: [Int], k: Int) { for j in 0..xs.len() { xs[j] = 100 / (k + j - 21) } }
fn main() {
    var a = [Int](40, fill: 1)
    let k = a.len() / 10
    each i in 0..40 by k {
        print(i)
        invert(&a[i..i + k], i)
    }
}",
    ),
    (
        "a loop by steps whose last slice is not there",
        "fn fill(inout xs: [Int], k: Int) { for j in 0..xs.len() { xs[j] = k + j } }
fn main() {
    var a = [Int](39, fill: 1)
    let k = a.len() / 9
    each i in 0..40 by k {
        fill(&a[i..i + k], i)
        print(i)
    }
}",
    ),
    (
        "a loop by steps whose end is before some slices",
        "fn fill(inout xs: [Int], k: Int) { for j in 0..xs.len() { xs[j] = k + j } }
fn main() {
    var a = [Int](40, fill: 1)
    let n = a.len() / 2 + 1
    each i in 0..40 by 4 {
        fill(&a[i..min(i + 4, n)], i)
        print(i)
    }
}",
    ),
    (
        "a loop by steps of a slice that ends before it begins",
        "fn fill(inout xs: [Int], k: Int) { for j in 0..xs.len() { xs[j] = k + j } }
fn main() {
    var a = [Int](40, fill: 1)
    let k = a.len() / 20
    each i in 6..40 by k { fill(&a[i..i + k - 3], i) }
}",
    ),
    (
        "a step of zero",
        "fn fill(inout xs: [Int]) { for j in 0..xs.len() { xs[j] += j } }
fn main() {
    var a = [Int](40, fill: 1)
    let k = a.len() - 40
    print(\"before\")
    each i in 0..40 by k { fill(&a[i..i + k]) }
}",
    ),
    (
        "a negative step",
        "fn fill(inout xs: [Int], k: Int) { for j in 0..xs.len() { xs[j] += j + k } }
fn main() {
    var a = [Int](40, fill: 1)
    let k = a.len() - 44
    each i in 36..-1 by k { a[i] += i * i }
    each i in 0..40 by k { fill(&a[i..i + k], i) }
    print(a)
    each i in 36..0 by k { fill(&a[i..i + k], i) }
}",
    ),
    (
        "pushes",
        "task slow(n: Int) -> Int { return n * 3 - 1 }
task name(n: Int) -> Str { return \"{slow(n)}!\" }
fn shown(n: Int) -> Int {
    print(\"  {n}\")
    return 100 / (n - 40)
}
fn more(inout xs: [Int], n: Int) {
    for i in 0..n { xs.push(slow(i)) }
    for i in n..0 by -3 { xs.push(slow(i)) }
    for i in 0..n by 7 { xs.push(slow(i) + xs.len()) }
}
fn main() {
    var out = [7]
    more(&out, 300)
    let before = out
    for x in out { out.push(slow(x)) }
    for x in before[2..60] { out.push(slow(x)) }
    var names: [Str] = []
    for x in out { names.push(name(x)) }
    var lists: [[Int]] = []
    for i in 0..50 { lists.push([slow(i), i]) }
    print(\"{before} {out} {names} {lists}\")
    for i in 0..50 { out.push(shown(i)) }
}",
    ),
    ("a sum that does not fit", "fn main() { print(sum(INT_MAX - i for i in 0..5000)) }"),
    ("a product that does not fit", "fn main() { print(product(i + 1 for i in 0..5000)) }"),
    ("nothing there", "fn main() { print(max(i for i in 0..5000 if i < 0)) }"),
    ("a sum of few that does not fit", "fn f(n: Int) -> Int { return if n > 9 { INT_MAX } else { f(n + 9) } }
fn main() { print(sum(f(i) for i in 0..50)) }"),
    ("a product of few that does not fit", "fn f(n: Int) -> Int { return if n > 9 { n } else { f(n + 9) } }
fn main() { print(product(f(i) for i in 0..50 if i > 1)) }"),
    ("nothing there of few", "fn f(n: Int) -> Int { return if n > 9 { n } else { f(n + 9) } }
fn main() { print(max(f(i) for i in 0..50 if f(i) < 0)) }"),
    (
        "a trap in a condition",
        "fn f(n: Int) -> Int {
    print(n)
    return 100 / (n - 777)
}
fn main() { print([i for i in 0..1000 if f(i) > 0]) }",
    ),
    (
        "a trap in a condition of many, and one later in an element",
        "fn f(n: Int) -> Int {
    if n % 100 == 0 { print(n) }
    return 100 / (n - 2777)
}
fn main() { print([1 / (i - 2900) for i in 0..4000 if f(i) < 200]) }",
    ),
    (
        "a trap in an element, and one later in a condition",
        "fn f(n: Int) -> Int { return 100 / (n - 2777) }
fn main() { print([1 / (i - 2600) for i in 0..4000 if f(i) < 200]) }",
    ),
    (
        "a trap in an element",
        "fn f(n: Int) -> Int {
    if n == 777 { return 1 / (n - n) }
    print(n)
    return n
}
fn main() { print([f(i) for i in 0..1000]) }",
    ),
    (
        "a trap in a block",
        "fn f(n: Int) -> Int { return 100 / (n - 4321) }
fn main() {
    let base = 7
    print(sum(f(i) + base for i in 0..9000))
}",
    ),
    (
        "a trap that is inlined, in a nested loop",
        "fn at(xs: [Int], i: Int) -> Int { return xs[i] }
fn main() {
    let xs = [1, 2, 3]
    var out = [Int](400, fill: 0)
    for i in 0..400 {
        for j in 0..3 { out[i] += at(xs, i / 100 + j) }
    }
    print(out)
}",
    ),
];

#[test]
fn programs_do_the_same_in_pieces() {
    for (name, text) in PROGRAMS {
        let source = Source::new(*name, text.to_string());
        match compare(&source, &[]) {
            None => {
                let found = Module::from_source(&source).err().unwrap_or_default();
                panic!("{name}: {:?}", found.iter().map(|d| format!("{} {}", d.code, d.message)).collect::<Vec<_>>());
            }
            Some(found) => eprintln!("{name}: {found:?}"),
        }
    }
}

#[test]
fn slices_may_be_walked_downwards() {
    let text = "fn add(inout xs: [Int]) { for i in 0..xs.len() { xs[i] += i } }
fn main() {
    var a = [Int](8, fill: 1)
    let k = args().len() + 2
    each lo in a.len() - k..-1 by -k { add(&a[lo..lo + k]) }
    each lo in 6..-1 by -2 { add(&a[lo..lo + k]) }
    print(a)
}";
    let module = Module::from_source(&Source::new("down.tg", text)).expect("it compiles");
    let down = run(module.program(), &[]);
    assert_eq!((down.output.as_str(), down.outcome), ("[1, 3, 1, 3, 1, 3, 1, 3]\n", Outcome::Done));
    let wide = run(module.program(), &["wider"]).outcome;
    assert!(matches!(wide, Outcome::Trap(trap) if trap.code == TrapCode::OverlappingArguments));
}

/// Small numbers, always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

/// An index that may or may not be an iteration's own.
fn index(dice: &mut Dice) -> String {
    match dice.below(14) {
        0..5 => "i".into(),
        5 => format!("i + {}", dice.below(3)),
        6 => format!("i - {}", dice.below(3)),
        7 => format!("2 * i + {}", dice.below(3)),
        8 => "i + d".into(),
        9 => "d + i + 1".into(),
        10 => format!("{} * i + {}", 1 + dice.below(3), dice.below(4)),
        11 => dice.of(&["k", "k", "k - i", "i + d - d", "d + i - d + 1", "2 * i - i"]).into(),
        12 => "n - 1 - i".into(),
        _ => dice.of(&["j", "d", "i * i", "i / 2", "i % 7", "i + j", "k + 1", "i * d", "-i + n", "a[i]", "3"]).into(),
    }
}

fn place(dice: &mut Dice) -> String {
    let at = index(dice);
    match dice.below(8) {
        0..4 => format!("a[{at}]"),
        4 => format!("b[{at}]"),
        5 => format!("g[{at}, {}]", dice.of(&["j", "0", "i", "g.cols() - 1", "d"])),
        6 => format!("p[{at}].x"),
        _ => format!("t[{at}][{}]", dice.of(&["0", "j", "i", "t[0].len() - 1"])),
    }
}

fn value(dice: &mut Dice, depth: u32) -> String {
    match dice.below(if depth == 0 { 4 } else { 9 }) {
        0 => "i".into(),
        1 => format!("{}", dice.below(9)),
        2 => place(dice),
        3 => {
            let shapes = ["a.len()", "g.rows()", "g.cols()", "g.len()", "b.len()", "p.len()", "t.len()", "t[0].len()"];
            let flags = ["Int(a.is_empty())", "Int(b.is_empty())"];
            match dice.below(4) {
                0 => dice.of(&["j", "d", "n", "k", "w"]).into(),
                1 => dice.of(&flags).into(),
                _ => dice.of(&shapes).into(),
            }
        }
        4 | 5 => format!("{} + {}", value(dice, depth - 1), value(dice, depth - 1)),
        6 => format!("work({}, {})", value(dice, depth - 1), value(dice, depth - 1)),
        7 => format!("{} * 2 - {}", value(dice, depth - 1), value(dice, depth - 1)),
        _ => format!("total({})", dice.of(&["b", "a", "a[i..i + 1]", "t[i]", "g[i, ..]", "a[2 * i..2 * i + 2]"])),
    }
}

fn slice(dice: &mut Dice) -> String {
    let at = index(dice);
    match dice.below(9) {
        0 => format!("a[{at}..{at} + 1]"),
        1 => format!("a[2 * i..2 * i + {}]", 1 + dice.below(3)),
        2 => format!("g[{at}, ..]"),
        3 => format!("g[{at}, {}]", dice.of(&["1..3", "..2", "3..", "2..6", "j..j + 2"])),
        4 => format!("t[{at}]"),
        5 => "b[i..min(i + 1, n)]".into(),
        6 => format!("a[{at}..{at} + s]"),
        7 => {
            dice.of(&["a[i..min(i + s, n)]", "b[i..min(b.len(), i + 3)]", "a[2 * i..min(2 * i + 2 * s, n + 4)]"]).into()
        }
        _ => dice.of(&["a[i..i + 3]", "b[i..i + s]", "a[2 * i + 1..2 * i + 2 * s]", "a[i..i + s - 1]"]).into(),
    }
}

fn statement(dice: &mut Dice, lines: &mut Vec<String>, depth: u32) {
    let op = dice.of(&["=", "+=", "=", "-="]);
    match dice.below(10) {
        0..4 => lines.push(format!("{} {op} {} % 1000", place(dice), value(dice, 2))),
        4 => lines.push(format!("bump(&{}, {})", slice(dice), value(dice, 1))),
        5 => lines.push(format!("add(&{}, {})", place(dice), value(dice, 1))),
        6 => lines.push(format!("w {op} {} % 1000", value(dice, 1))),
        7 if depth > 0 => {
            lines.push(format!("if {} % 3 == 0 {{", value(dice, 1)));
            statement(dice, lines, depth - 1);
            lines.push("}".into());
        }
        8 if depth > 0 => {
            lines.push("for j in 0..3 {".into());
            statement(dice, lines, depth - 1);
            if dice.below(4) == 0 {
                lines.push(format!("if j == i % 3 {{ {} }}", dice.of(&["break", "continue"])));
            }
            lines.push("}".into());
        }
        _ => lines.push(format!("w = {} % 1000", value(dice, 1))),
    }
}

/// A program with one loop, whose iterations may be independent. As a `while` loop it is never a range.
fn random_loop(seed: u64, keyword: &str) -> String {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut body =
        vec!["let j = 1".into(), "var w = 1".into(), format!("let k = {}", dice.of(&["i", "2 * i", "i + 2"]))];
    for _ in 0..1 + dice.below(3) {
        statement(&mut dice, &mut body, 2);
    }
    body.push(dice.of(&["for q in 0..2 { w = w + q }", "w = work(w, i)"]).into());
    if dice.below(5) == 0 {
        let at = 1 + dice.below(body.len() as u64) as usize;
        body.insert(at.max(3), "if i % 4 == 2 { continue }".into());
    }
    let lo = dice.of(&["0", "0", "1", "2", "d", "-1"]);
    let hi = dice.of(&["n", "n", "n - 1", "n - 2", "n / 2", "n / 2 - 1", "a.len() / 2", "n - 19"]);
    let d = dice.of(&["0", "1", "2", "3", "1", "0", "INT_MAX - 3", "3_000_000_000", "-2"]);
    let (s, by) = (1 + dice.below(4), dice.of(&["1", "1", "2", "3", "s", "s", "s"]));
    let head = match keyword {
        "while" => format!("var turn = {lo}; let end = {hi}; while turn < end {{ let i = turn; turn += {by}"),
        _ => format!("{keyword} i in {lo}..{hi} by {by} {{"),
    };
    format!(
        "struct P {{ x: Int, s: Str }}
task work(x: Int, y: Int) -> Int {{ return (x * 31 + y) % 1009 }}
fn total(xs: [Int]) -> Int {{ return sum(x for x in xs) }}
task bump(inout xs: [Int], more: Int) {{ for z in 0..xs.len() {{ xs[z] = (xs[z] + more + z) % 1000 }} }}
fn add(inout x: Int, more: Int) {{ x = (x + more) % 1000 }}
fn main() {{
    let n = 24
    let d = {d}
    let s = {s} + n - 24
    let j = 2
    var a = [i for i in 0..2 * n]
    var b = [i * 7 % 10 for i in 0..n]
    var g = Grid[Int](n, 5, fill: 3)
    var p = [P(x: i, s: \"s{{i}}\") for i in 0..n]
    var t = [[i, i + 1, i + 2] for i in 0..n]
    {head}
        {}
    }}
    print(\"{{a}} {{b}} {{g}} {{p}} {{t}}\")
}}",
        body.join("\n        ")
    )
}

fn random_loops(keyword: &str) -> (u64, u64, u64, u64) {
    let cases = std::env::var("RANGE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(3000);
    let (mut refused, mut ordinary, mut ranges, mut trapped) = (0, 0, 0, 0);
    // The rest of the program has ranges, too.
    let text = random_loop(1, keyword);
    let head = text.split(&format!("    {keyword} i in")).next().unwrap_or_default();
    let rest = Module::from_source(&Source::new("rest", format!("{head}}}")));
    let count = |module: Module| module.program().functions.iter().filter(|f| f.range.is_some()).count();
    let base = rest.map_or(0, count);
    for seed in 0..cases {
        let source = Source::new("generated.tg", random_loop(seed, keyword));
        match compare(&source, &[]) {
            None => {
                refused += 1;
                if keyword == "for" {
                    let found = Module::from_source(&source).err().unwrap_or_default();
                    let found: Vec<_> = found.iter().map(|d| format!("{} {}", d.code, d.message)).collect();
                    panic!("{found:?}\n{}", source.text);
                }
            }
            Some((count, trap)) => {
                let plain = Module::from_source(&Source::new("generated.tg", random_loop(seed, "while")));
                let plain = run(plain.expect("it is as well-typed").program(), &[]);
                let found = run(Module::from_source(&source).expect("it compiled before").program(), &[]);
                // Iterations that are seen to meet when it begins.
                let met = matches!(&found.outcome, Outcome::Trap(trap) if trap.code == TrapCode::OverlappingArguments);
                if keyword == "each" && met && found.output.is_empty() {
                    refused += 1;
                    continue;
                }
                let same = plain.output == found.output
                    && match (&plain.outcome, &found.outcome) {
                        (Outcome::Trap(a), Outcome::Trap(b)) => (a.code, &a.message) == (b.code, &b.message),
                        (a, b) => a == b,
                    };
                assert!(same, "{found:?}\ninstead of\n{plain:?}\n{}", source.text);
                ranges += u64::from(count > base);
                ordinary += u64::from(count <= base);
                trapped += u64::from(trap && count > base);
            }
        }
    }
    (refused, ordinary, ranges, trapped)
}

#[test]
fn loops_that_are_taken_for_independent_are() {
    let (refused, ordinary, ranges, trapped) = random_loops("for");
    eprintln!("for: {refused} refused, {ordinary} ordinary, {ranges} ranges, of which {trapped} trap");
}

#[test]
fn what_each_accepts_is_independent() {
    let (refused, ordinary, ranges, trapped) = random_loops("each");
    eprintln!("each: {refused} refused, {ordinary} ordinary, {ranges} ranges, of which {trapped} trap");
}

/// A loop that pushes is no comprehension where the value that it pushes changes something, or leaves the loop.
#[test]
fn what_a_loop_pushes_may_change_things_or_end_it() {
    let text = "
fn slow(n: Int) -> Int {
    var t = 0
    for i in 0..10 { t += i * n }
    return t
}
fn next(inout n: Int) -> Int {
    n += 1
    return slow(n)
}
fn loud(n: Int) -> Int {
    if n == 3 { panic(\"three\") }
    print(\"loud {n}\")
    return slow(n)
}
fn first(most: Int) -> [Int] {
    var v: [Int] = []
    for i in 0..20 { v.push(if i == most { return v } else { slow(i) }) }
    return v
}
fn main() {
    var n = 0
    var q = [5, 6, 7]
    var v: [Int] = []
    for i in 0..3 { v.push(next(&n)) }
    for i in 0..3 { v.push(q.pop()) }
    for i in 0..3 { v.push(if i == 1 { n += 10; slow(n) } else { slow(i) }) }
    for i in 0..20 { v.push(if i == 4 { break } else { slow(i) }) }
    for i in 0..5 { v.push(if i == 2 { continue } else { slow(i) }) }
    print(\"{n} {q} {v} {first(3)}\")
    for i in 0..INT_MAX { v.push(loud(i)) }
}";
    let module = Module::from_source(&Source::new("pushes.tg", text.to_string())).expect("it compiles");
    let ran = run(module.program(), &[]);
    let numbers = "45, 90, 135, 7, 6, 5, 0, 585, 90, 0, 45, 90, 135, 0, 45, 135, 180";
    assert_eq!(ran.output, format!("13 [] [{numbers}] [0, 45, 90]\nloud 0\nloud 1\nloud 2\n"));
    assert!(matches!(ran.outcome, Outcome::Trap(_)), "{:?}", ran.outcome);
}

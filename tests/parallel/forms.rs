//! Each form of a loop whose iterations may run side by side does run so, and gives what it gives in order.

use super::harness::{Configuration, IN_ORDER, Page, Seen, compile, difference, in_order, simulated};
use tgvm::machine::Issue;
use tgvm::machine::engine::Outcome;

/// Forms of loops: what runs beside another part of it, and the statements.
const FORMS: &[(&str, &str, &str)] = &[
    ("an element each", "a loop of main", "each i in 0..40 { a[i] = spin(i) }"),
    ("an element each, with a factor", "a loop of main", "each i in 0..20 { a[2 * i + 1] = spin(a[2 * i]) }"),
    ("a row each", "a loop of main", "each r in 0..20 { g[r, ..] = [spin(r + c) for c in 0..9] }"),
    ("a row each, passed on", "a loop of main", "each r in 0..20 { set(&g[r, ..], r) }"),
    ("an element of a grid each", "a loop of main", "each r in 0..20 { each c in 0..9 { g[r, c] = spin(r + c) } }"),
    ("a slice each", "a loop of main", "each i in 0..13 { set(&a[3 * i..3 * i + 3], i) }"),
    ("a struct each", "a loop of main", "each i in 0..20 { ps[i].n = spin(i)\n ps[i].xs.push(i) }"),
    ("an array each", "a loop of main", "each i in 0..20 { set(&m[i], i) }"),
    ("a slice each, by a step", "a loop of main", "each lo in 0..40 by 4 { set(&a[lo..lo + 4], lo) }"),
    (
        "a slice each, by a step, the last a shorter one",
        "a loop of main",
        "each lo in 0..39 by 4 { set(&a[lo..min(lo + 4, 39)], lo) }",
    ),
    (
        "a slice each, by a step that is seen at run time",
        "a loop of main",
        "let k = ps.len() / 5\n each lo in 0..40 by k { set(&a[lo..min(lo + k, a.len())], lo) }",
    ),
    ("an element each, by a step, without calls", "a loop of main", "each i in 0..40 by 3 { a[i] = spin(i) }"),
    ("a slice each, by a step, without tasks", "a loop of main", "each lo in 0..40 by 4 { fill(&a[lo..lo + 4], lo) }"),
    (
        "a slice each, by a step, without tasks, the last a shorter one",
        "a loop of main",
        "each lo in 0..39 by 4 { fill(&a[lo..min(lo + 4, 39)], lo) }",
    ),
    (
        "an element each, by a step that is seen at run time, in plain loops",
        "a loop of main",
        "let k = ps.len() / 10\n each i in 0..40 by k { for j in 0..90 { a[i] = a[i] *% 31 +% j } }",
    ),
    (
        "a slice each, by a step that is seen at run time, without tasks",
        "a loop of main",
        "let k = ps.len() / 5\n each lo in 0..40 by k { fill(&a[lo..lo + k], lo) }",
    ),
    (
        "a slice each, by a step that is seen at run time, without tasks, the last a shorter one",
        "a loop of main",
        "let k = ps.len() / 5\n let n = a.len() - 2\n each lo in 0..n by k { fill(&a[lo..min(lo + k, n)], lo) }",
    ),
    (
        "a shorter slice each than the step, both seen at run time",
        "a loop of main",
        "let k = ps.len() / 5\n let j = ps.len() / 7\n each lo in 0..40 by k { fill(&a[lo..lo + j], lo) }",
    ),
    (
        "some rows each, by a step that is seen at run time",
        "a loop of main",
        "let k = ps.len() / 10\n each r in 0..20 by k { each c in 0..9 { for j in 0..9 { g[r, c] = spin(g[r, c] + j) } } }",
    ),
    (
        "a slice each, by a step, in each of two",
        "a loop of main",
        "each t in 0..2 { each lo in 0..9 by 3 { for j in 0..40 { g[t, lo] = g[t, lo] *% 31 +% j } } }",
    ),
    (
        "a slice each, by a step, inside of an ordinary loop",
        "a loop of main",
        "let k = ps.len() / 5\n for z in 0..3 { each lo in 0..40 by k { fill(&a[lo..lo + k], lo + z) } }",
    ),
    ("an ordinary loop by a step", "a loop of main", "for lo in 0..40 by 4 { fill(&a[lo..lo + 4], lo) }"),
    (
        "an ordinary loop by a step that is seen at run time",
        "a loop of main",
        "let k = ps.len() / 5\n for lo in 0..38 by k { fill(&a[lo..min(lo + k, 38)], lo) }",
    ),
    ("a loop by a step with print", "a loop of main", "each i in 0..40 by 2 { print(\"{i}: {spin(i)}\")\n a[i] = i }"),
    ("a loop with print", "a loop of main", "each i in 0..20 { print(\"{i}: {spin(i)}\")\n a[i] = i }"),
    ("an ordinary loop that is as independent", "a loop of main", "for i in 0..40 { a[i] = spin(i) }"),
    ("an ordinary loop over elements", "a loop of main", "for i in 0..40 { a[i] += spin(i) + g[i / 2, 3] }"),
    ("a loop that pushes", "a loop of main", "for i in 0..40 { a.push(spin(i)) }"),
    ("a loop that pushes, by a step", "a loop of main", "for i in 0..90 by 3 { a.push(spin(i)) }"),
    ("a loop that pushes some", "a loop of main", "for i in 0..40 { if i % 3 != 0 { a.push(spin(i)) } }"),
    ("a loop that pushes some of many", "a loop of main", "for i in 0..3000 { if spin(i) % 9 == 0 { a.push(i) } }"),
    ("a loop that pushes some results of calls", "work", "for i in 0..40 { if i % 3 != 0 { a.push(work(i)) } }"),
    (
        "a loop that pushes to two",
        "work",
        "var b: [Int] = []\n for i in 0..40 { a.push(work(i))\n b.push(work(i + 1)) }",
    ),
    (
        "a loop that pushes structs",
        "pair",
        "var b: [Pair] = []\n for i in 0..40 { if i != 9 { b.push(pair(i)) } }\n t = b[7].y",
    ),
    ("a loop of calls", "work", "for i in 0..40 { a[i] = work(i) }"),
    ("a loop that adds up calls", "work", "for i in 0..40 { t = t +% work(i) }"),
    ("a comprehension", "a loop of main", "a = [spin(i) for i in 0..40]"),
    ("a comprehension over elements", "a loop of main", "a = [spin(x) for x in a]"),
    ("a comprehension by a step", "a loop of main", "a = [spin(i) for i in 0..90 by 2]"),
    ("a comprehension of arrays", "a loop of main", "m = [[spin(i), i] for i in 0..40]"),
    ("a comprehension of some", "a loop of main", "a = [spin(i) for i in 0..40 if i % 3 != 0]"),
    ("a comprehension with a call in the condition", "a loop of main", "a = [i for i in 0..40 if spin(i) % 3 != 0]"),
    (
        "a comprehension of some elements",
        "a loop of main",
        "a = [i for i in 0..40]\n a = [spin(x) for x in a if x % 3 != 0]",
    ),
    ("a comprehension of some of a row", "a loop of main", "a = [spin(x) for x in g[3, 1..8] if x == 2]"),
    ("a comprehension of some by a step", "a loop of main", "a = [spin(i) for i in 0..90 by 2 if spin(i) % 3 != 0]"),
    ("a comprehension of some arrays", "a loop of main", "m = [[spin(i), i] for i in 0..40 if i % 3 != 0]"),
    ("a comprehension of some structs", "a loop of main", "ps = [P(n: spin(i), xs: [i]) for i in 0..40 if i % 3 != 0]"),
    ("a comprehension of some of many", "a loop of main", "a = [spin(i) for i in 0..3000 if spin(i) % 9 == 0]"),
    (
        "a comprehension of some of many by a step",
        "a loop of main",
        "a = [i for i in 0..9000 by 3 if spin(i) % 9 == 0]",
    ),
    (
        "a comprehension of some of many structs",
        "a loop of main",
        "ps = [P(n: spin(i), xs: [i]) for i in 0..3000 if i % 99 == 0]",
    ),
    ("a comprehension of some that takes little time", "a loop of main", "a = [i for i in 0..9000 if i % 99 == 0]"),
    ("a sum of few", "a loop of main", "t = sum(spin(i) for i in 0..40)"),
    ("a sum of some of few", "a loop of main", "t = sum(i for i in 0..40 if spin(i) % 3 == 0)"),
    ("a sum of few Floats", "a loop of main", "t = Int(sum(Float(spin(i)) / 3.0 for i in 0..40))"),
    (
        "a sum of some of few Floats",
        "a loop of main",
        "t = Int(sum(Float(i) / 3.0 for i in 0..40 if spin(i) % 3 == 0))",
    ),
    ("a product of few", "a loop of main", "t = product(spin(i) % 3 + 1 for i in 0..40)"),
    ("a product of few Floats", "a loop of main", "t = Int(product(1.0 + Float(spin(i)) / 100.0 for i in 0..40))"),
    ("a maximum of few", "a loop of main", "t = max(spin(i) for i in 0..40)"),
    ("a minimum of some of few Strs", "a loop of main", "t = min(\"{spin(i)}\" for i in 0..40 if i > 3).len()"),
    ("a maximum of few structs", "a loop of main", "t = max(Pair(x: spin(i), y: i) for i in 0..40).y"),
    ("a count of few", "a loop of main", "t = count(spin(i) % 3 == 0 for i in 0..40)"),
    ("a count of some of few", "a loop of main", "t = count(spin(i) % 3 == 0 for i in 0..40 if i > 3)"),
    ("a sum", "a loop of main", "t = sum(spin(i) for i in 0..5000)"),
    ("a sum of Floats", "a loop of main", "t = Int(sum(Float(spin(i)) / 3.0 for i in 0..5000))"),
    ("a product", "a loop of main", "t = Int(100.0 * product(1.0 + Float(spin(i)) / 1000000.0 for i in 0..5000))"),
    ("a maximum", "a loop of main", "t = max(spin(i) for i in 0..5000)"),
    ("a count", "a loop of main", "t = count(spin(i) % 3 == 0 for i in 0..5000)"),
    ("whether any is", "a loop of main", "if any(spin(i) == 256 for i in 0..40) { t = 1 }"),
    ("whether all are", "a loop of main", "if all(spin(i) < 256 for i in 0..90 by 2 if i != 8) { t = 1 }"),
    (
        "whether any is, of cheap ones",
        "a loop of main",
        "a = [i for i in 0..9000]\n if any(x == 8999 for x in a) { t = 1 }",
    ),
    ("whether all are, of a grid", "a loop of main", "if all(spin(x) == spin(2) for x in g) { t = 1 }"),
];

fn program(statements: &str) -> String {
    format!(
        "
struct P {{ n: Int, xs: [Int] }}
struct Pair {{ x: Int, y: Int }}
fn spin(n: Int) -> Int {{
    var x = n
    for i in 0..(n & 31) {{ x = x *% 31 +% i }}
    return x & 255
}}
task work(n: Int) -> Int {{ return spin(n) }}
task pair(n: Int) -> Pair {{ return Pair(x: n, y: spin(n)) }}
task set(inout xs: [Int], k: Int) {{ for i in 0..xs.len() {{ xs[i] = spin(xs[i] + k + i) }} }}
fn fill(inout xs: [Int], k: Int) {{ for i in 0..xs.len() {{ xs[i] = spin(xs[i] + k + i) }} }}
fn main() {{
    var t = 0
    var a = [Int](40, fill: 1)
    var g = Grid[Int](20, 9, fill: 2)
    var ps = [P](20, fill: P(n: 1, xs: [3]))
    var m = [[Int]](20, fill: [4, 5])
    {statements}
    print(\"{{t}} {{a}} {{g}} {{ps}} {{m}}\")
}}"
    )
}

#[test]
fn each_form_runs_side_by_side() {
    for (name, function, statements) in FORMS {
        let text = program(statements);
        let (code, page) = (compile(&text), Page::default());
        let expected = in_order(&code, &page, 10_000_000, &text).expect("it ends");
        assert_eq!(expected.0, Outcome::Done, "{name}");
        let mut seen = Seen::default();
        let threads = [2, 8].map(|workers| Configuration { issue: Issue::Eager, workers, ..IN_ORDER });
        for configuration in (0..6).map(|seed| Configuration { record: true, ..simulated(seed) }).chain(threads) {
            if let Some(why) = difference(&text, &code, &page, &expected, configuration, &mut seen) {
                panic!("{name}: {why}\n{text}");
            }
        }
        assert!(seen.beside.contains_key(*function), "{name} does not run side by side: {seen:?}");
    }
}

/// Whatever comes after what decides has no trap and no output, and needs no end; what comes before has both.
#[test]
fn nothing_is_seen_of_what_follows_a_decision() {
    let asked = |n: &str, past: &str| {
        format!(
            "fn ask(n: Int) -> Bool {{
    if n == {n} {{ return true }}
    if n % 9 == 4 {{ print(\"asked {{n}}\") }}
    if n == {n} + 2 {{ {past} }}
    return spin(n) == 256
}}"
        )
    };
    let ends = "assert(n < 0, \"past\")";
    let turns = "var x = n\n while true { x = x *% 31 }";
    for (functions, statements) in [
        (asked("5", ends), "if any(ask(i) for i in 0..40) { t = 1 }"),
        (asked("33", turns), "if any(ask(i) for i in 0..40) { t = 1 }"),
        (asked("0", turns), "if all(!ask(i) for i in 0..40) { t = 1 }"),
        (asked("39", turns), "if all(!ask(i) for i in 0..78 by 1 if i != 7) { t = 1 }"),
        (asked("30", ends), "a = [count(any(ask(j + i) for j in k..40) for k in 0..9) for i in 0..20]"),
        (
            asked("30", turns),
            "for k in 0..9 { a.push(if any(any(ask(j) for j in i..31) for i in k..40) { k } else { 0 }) }",
        ),
        (asked("7", turns), "if any(work(i) == 256 || ask(i) for i in 0..40) { t = 1 }"),
        (asked("5", "print(\"ab\".repeat(1 << (n + 50)).len())"), "if any(ask(i) for i in 0..40) { t = 1 }"),
        (asked("90", ends), "if any(ask(i) for i in 0..40) { t = 1 }"),
        (asked("35", ends), "if any(9 / (i - 20) == 9 for i in 0..40 if spin(i) >= 0 && ask(i) == false) { t = 1 }"),
        (asked("35", ends), "if any(ask(i) || (i == 20 && i / (i - 20) == 1) for i in 0..40) { t = 1 }"),
        (asked("2000", turns), "if any(ask(i) for i in 0..3000) { t = 1 }\n if any(ask(i) for i in 1..1) { t += 2 }"),
    ] {
        let text = program(statements) + "\n" + &functions;
        let (code, page) = (compile(&text), Page::default());
        let expected = in_order(&code, &page, 10_000_000, &text).expect("it ends");
        for configuration in (0..4).flat_map(super::harness::configurations) {
            let why = difference(&text, &code, &page, &expected, configuration, &mut Seen::default());
            assert_eq!(why, None, "{statements}\n{functions}");
        }
    }
}

/// A decision ends the range that it is made in, and not the one around that, whose frames may have been promoted or not.
#[test]
fn a_decision_inside_of_a_range_ends_its_own() {
    let text = "
fn spin(n: Int, k: Int) -> Int {
    var x = n
    for i in 0..k { x = x *% 31 +% i }
    return x
}
task tiny(x: Int) -> Int { return spin(x, 3) }
fn hard(j: Int) -> Bool { return spin(j, 30000) == 5 || j == 1 }
fn main() {
    let a = [1 +% (if some(i) { 1 } else { 0 }) for i in 0..3]
    var b = [Int](3, fill: 0)
    each i in 0..3 { for k in 0..60 {
        var t = i
        for l in 0..3000 { t = tiny(t) }
        if t == 1 || any(hard(j) for j in 0..8) { b[i] += 1 }
    } }
    print(\"{a} {b}\")
}
fn some(i: Int) -> Bool {
    var t = i
    for l in 0..90000 { t = tiny(t) }
    return t == 1 || any(hard(j) for j in 0..8)
}";
    let (code, page) = (compile(text), Page::default());
    let expected = in_order(&code, &page, 100_000_000, text).expect("it ends");
    let configuration = Configuration { issue: Issue::Lazy, workers: 2, ..IN_ORDER };
    for _ in 0..8 {
        let why = difference(text, &code, &page, &expected, configuration, &mut Seen::default());
        assert_eq!(why, None);
    }
}

/// What is to be seen at run time is: slices that are longer than the step meet.
#[test]
fn a_step_that_is_too_short_traps_in_every_configuration() {
    let text = program("let k = ps.len() / 5\n let j = k - 1\n each lo in 0..36 by j { set(&a[lo..lo + k], lo) }");
    let (code, page) = (compile(&text), Page::default());
    let expected = in_order(&code, &page, 10_000_000, &text).expect("it ends");
    assert!(matches!(&expected.0, Outcome::Trap(_)), "{:?}", expected.0);
    for configuration in super::harness::configurations(3) {
        let why = difference(&text, &code, &page, &expected, configuration, &mut Seen::default());
        assert_eq!(why, None);
    }
}

/// So are a step of zero, one that is negative, and a trap in the middle, after what was printed before.
#[test]
fn loops_by_steps_trap_as_in_order() {
    for statements in [
        "let k = ps.len() - 20\n print(k)\n each lo in 0..40 by k { fill(&a[lo..lo + k], lo) }",
        "let k = ps.len() - 24\n each lo in 36..0 by k { fill(&a[lo..lo + k], lo) }",
        "let k = ps.len() / 5\n each lo in 0..40 by k { print(lo)\n fill(&a[lo..lo + k], 9 / (lo - 20)) }",
        "let k = ps.len() / 5\n each lo in 0..44 by k { fill(&a[lo..lo + k], lo) }",
        "let k = ps.len() / 5\n each lo in 0..40 by k { fill(&a[lo..min(lo + k, 18)], lo) }",
    ] {
        let text = program(statements);
        let (code, page) = (compile(&text), Page::default());
        let expected = in_order(&code, &page, 10_000_000, &text).expect("it ends");
        assert!(matches!(&expected.0, Outcome::Trap(_)), "{:?}\n{statements}", expected.0);
        for configuration in super::harness::configurations(3) {
            let why = difference(&text, &code, &page, &expected, configuration, &mut Seen::default());
            assert_eq!(why, None, "{statements}");
        }
    }
}

/// Comprehensions with a condition, and reductions of few elements that take long, with all that may be in them.
#[test]
fn some_elements_are_as_in_order() {
    let traps = [
        "a = [100 / (i - 21) for i in 0..40 if spin(i) < 300]",
        "a = [spin(i) for i in 0..40 if 100 / (i - 21) != 7]",
        "a = [shown(i, 21) for i in 0..40 if shown(i + 100, 122) > 0]",
        "a = [shown(i, 21) for i in 0..40 if shown(i + 100, 121) > 0]",
        "a = [shown(i, 1400) for i in 0..3000 if i % 70 == 0]",
        "a = [shown(i, 2100) for i in 0..3000 if 100 / (i - 1800) < 300 && i % 70 == 0]",
        "a = [i for i in 0..5000 if 100 / (i - 1800) < 300 && 100 / (i - 4000) < 300]",
        "for i in 0..40 { if shown(i, 17) > 0 { a.push(100 / (i - 21)) } }",
        "t = sum(shown(i, 21) for i in 0..40 if 100 / (i - 33) < 300)",
        "t = sum(INT_MAX - shown(i, 41) for i in 0..40)",
        "t = Int(product(1.0 / Float(shown(i, 21)) for i in 0..40 if i > 5))",
        "t = product(shown(i, 41) + 2 for i in 0..40)",
        "t = min(shown(i, 41) for i in 0..40 if i > 50)",
        "t = count(shown(i, 30) > 20 for i in 0..40 if 100 / (i - 29) < 300)",
    ];
    let others = [
        "a = [shown(i, 41) for i in 0..40 if shown(i + 100, 0) % 3 == 0]",
        "a = [spin(i) for i in 0..40 if spin(i) > 255]\n m = [[spin(i)] for i in 0..3000 if spin(i) > 255]",
        "a = [spin(i) for i in 0..1024 if spin(i) <= 255]\n t = sum(x for x in a)\n a = [x for x in a if spin(x) < 3]",
        "a = [spin(i) for i in 0..1025 if spin(i) <= 255]\n t = sum(x for x in a)\n a = [x for x in a if spin(x) < 3]",
        "a = [i for i in 0..2048 if i >= 0]\n t = sum(x for x in a)\n a = [x for x in a if x % 100 == 0]",
        "a = [i for i in 0..2049 if i >= 0]\n t = sum(x for x in a)\n a = [x for x in a if x % 100 == 0]",
        "a = [spin(i) for i in 0..0 if spin(i) > 3]\n t = sum(spin(i) for i in 5..5) + count(spin(i) == 0 for i in 9..5)",
        "a = [spin(i) for i in 90..0 by -3 if spin(i) % 3 != 0]",
        "m = [[spin(i + j) for j in 0..i if spin(j) & 1 == 0] for i in 0..30 if spin(i) % 3 != 0]",
        "let s = [\"<{spin(i)}>\" for i in 0..60 if spin(i) > 9]\n let u = [x + s[0] for x in s if x.len() > 4]\n print(\"{s} {u}\")",
        "ps = [P(n: p.n + 1, xs: p.xs) for p in ps if p.n + spin(p.xs[0]) > 0]",
        "for x in a { if spin(x) > 0 { a.push(spin(x + 1)) } }",
        "t = Int(1000.0 * sum(1.0 / Float(shown(i, 0) + 1) for i in 1..40 if i % 3 != 0))",
    ];
    for (statements, traps) in traps.iter().map(|s| (s, true)).chain(others.iter().map(|s| (s, false))) {
        let shown = "fn shown(n: Int, bad: Int) -> Int {
    print(n)
    return n + 0 * (1 / (n - bad)) + spin(n) % 2
}
";
        let text = format!("{shown}{}", program(statements));
        let (code, page) = (compile(&text), Page::default());
        let expected = in_order(&code, &page, 10_000_000, &text).expect("it ends");
        assert_eq!(matches!(&expected.0, Outcome::Trap(_)), traps, "{:?}\n{statements}", expected.0);
        for configuration in super::harness::configurations(3) {
            let why = difference(&text, &code, &page, &expected, configuration, &mut Seen::default());
            assert_eq!(why, None, "{statements}");
        }
    }
}

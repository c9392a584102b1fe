//! Programs that once did something else out of order than in order, each the smallest of its kind.

use super::harness::{
    Configuration, IN_ORDER, Page, Seen, compile, difference, in_order, run_in, simulated, some_configurations,
};
use tgvm::machine::Issue;
use tgvm::machine::engine::Outcome;

/// Runs a program under many seeds, and then in some configurations with threads.
#[track_caller]
fn agree_under_seeds(text: &str, seeds: u64) {
    let (code, page) = (compile(text), Page::default());
    let expected = in_order(&code, &page, 10_000_000, text).expect("it ends");
    let simulations = (0..seeds).map(simulated);
    let threads = (0..4).flat_map(some_configurations);
    for configuration in simulations.chain(threads) {
        if let Some(why) = difference(text, &code, &page, &expected, configuration, &mut Seen::default()) {
            panic!("{why}\n{text}");
        }
    }
}

/// What a run had printed before its turn came, and before its frame was promoted, came after what its callee printed then.
#[test]
fn output_held_by_a_run_that_is_promoted_in_its_turn() {
    agree_under_seeds(
        "
task say(n: Int) -> Int {
    print(\"say {n}\")
    return n & 31
}
task chat(n: Int) -> Int {
    print(\"chat {n}\")
    let a = say(n)
    if n > 0 { print(\"more {chat(n - 1) + a}\") }
    return a + say(n + 1)
}
fn main() {
    var t = 0
    for i in 0..30 { t += chat(2) ^ say(10) }
    print(t)
}",
        30,
    );
}

/// Workers that wait until they are the oldest were woken under the lock that they want next.
#[test]
fn writes_that_wait_for_their_turn() {
    agree_under_seeds(
        "
task work(n: Int) -> Int {
    var x = n
    for i in 0..(n & 127) { x = x *% 31 +% i }
    return x & 255
}
task note(n: Int) -> Int {
    append_file(\"notes\", \"{n} \")
    return work(n)
}
fn main() {
    var a = [Int](20, fill: 0)
    for i in 0..40 {
        note(i)
        a[2] = a[2] + work(29)
    }
    print(a)
}",
        30,
    );
}

/// A frame that went on with the result of a call that had failed meanwhile found no array there.
#[test]
fn the_array_of_a_call_that_fails() {
    agree_under_seeds(
        "
task numbers(n: Int) -> [Int] {
    var x = [n]
    for i in 0..(n & 15) { x.push(x[i] / (n - 7)) }
    return x
}
task total(xs: [Int]) -> Int { return xs.len() +% xs[0] }
fn main() {
    var t = 0
    for i in 0..20 {
        let a = numbers(i)
        let b = numbers(i + 1)
        t = t +% total(a) +% b.len() +% total(b)
        print(t)
    }
}",
        200,
    );
}

/// The result of a call in progress, when its frame was promoted, was put into the window after all when the frame was squashed, and
/// nobody dropped it.
#[test]
fn a_result_for_a_frame_that_is_squashed() {
    agree_under_seeds(
        "
task fails(n: Int) -> Int { return 10 / n }
task make(n: Int) -> [Int] { return [n] }
task second(n: Int) -> Int { return make(n).len() }
fn main() { print(fails(0) + second(1)) }",
        300,
    );
}

/// What had been moved into the window for a call or a built-in that waited for a task was lost when that task trapped.
#[test]
fn a_trap_while_a_call_is_prepared() {
    for body in [
        "print(\"text {n} {fails(n)}\")",
        "var xs = [[n]]\nxs.push([fails(n), n])\nprint(xs)",
        "var s = \"a{n}\"\nprint(glue(s + \".\", label(n) + Str(fails(n))))",
        "var xs = [n, n]\nfails(n)\nrenew(&xs, work(n))\nrenew(&xs, fails(n))\nprint(xs)",
        "var xs = [n, n]\nset(&xs, n)\nvar ys = xs\nrenew(&ys, n)\nfails(n)\nrenew(&ys, total(xs))\nprint(ys)",
        "var line = \"none\"\nfails(n)\nread_line(&line)\nprint(line)",
    ] {
        agree_under_seeds(
            &format!(
                "
fn spin(n: Int) -> Int {{
    var x = n
    for i in 0..(n & 63) {{ x = x *% 31 +% i }}
    return x & 1023
}}
task work(n: Int) -> Int {{ return spin(n) & 31 }}
task fails(n: Int) -> Int {{ return [1, 2, 3, 4][n / 4 + (spin(n) & 1)] }}
task label(n: Int) -> Str {{ return \"<{{spin(n) & 15}}>\" }}
task glue(a: Str, b: Str) -> Str {{ return \"{{a}}{{b}}\" }}
task total(xs: [Int]) -> Int {{ return spin(xs.len()) + xs[0] }}
task set(inout xs: [Int], k: Int) {{ xs[0] = spin(k) }}
task renew(inout xs: [Int], k: Int) {{ xs = [k, spin(k)] }}
task turn(n: Int) {{
{body}
}}
fn main() {{
    for n in 0..20 {{ turn(n) }}
}}"
            ),
            12,
        );
    }
}

/// A loop that only adds to an array what takes long is a range, however many that array held before, and whoever has it, too.
#[test]
fn pushes_that_run_as_a_range() {
    agree_under_seeds(
        "
task work(n: Int) -> Int {
    var x = n
    for i in 0..(n & 63) { x = x *% 31 +% i }
    return x & 255
}
task name(n: Int) -> Str {
    if n == 77 { print(\"seventy-seven\") }
    return \"{work(n)}\"
}
fn main() {
    var out = [1, 2]
    let kept = out
    for i in 0..60 { out.push(work(i)) }
    for x in out { out.push(work(x)) }
    for i in 0..200 by 5 { out.push(work(i) / (200 - out.len())) }
    var names: [Str] = []
    for i in 0..80 { names.push(name(i)) }
    print(\"{kept} {out} {names}\")
    for i in 0..80 { out.push(100 / (work(i) - work(70))) }
}",
        20,
    );
}

/// What is pushed may come later than what is done with the array meanwhile: its length is looked at, elements are read, parts of it are
/// read and written by tasks, it grows, is copied, passed on, moved away, and a push traps.
#[test]
fn pushes_of_what_is_not_there_yet() {
    let head = "
struct Pair { x: Int, y: Float }
fn spin(n: Int) -> Int {
    var x = n
    for i in 0..(n & 63) { x = x *% 31 +% i }
    return x & 255
}
task work(n: Int) -> Int { return spin(n) }
task pair(n: Int) -> Pair { return Pair(x: spin(n), y: Float(n)) }
task total(xs: [Int]) -> Int { return sum(x for x in xs) + spin(xs.len()) }
task add(inout xs: [Int], k: Int) { for i in 0..xs.len() { xs[i] += spin(k) } }
task more(inout xs: [Int], k: Int) { xs.push(spin(k)) }
task label(n: Int) -> Str { return \"<{spin(n)}>\" }
task fails(n: Int) -> Int { return 100 / (spin(n) - spin(50)) }
task named(n: Int) -> Str { return \"{fails(n)}\" }
task same(xs: [Int]) -> [Int] { return xs }
";
    let bodies = [
        "var a: [Int] = []
    for i in 0..50 { if i % 3 != 0 { a.push(work(i)) } }
    print(\"{a.len()} {a[3]} {a}\")",
        "var a: [Int] = []
    for i in 0..50 {
        a.push(work(i))
        if a.len() % 7 == 0 { print(a[a.len() - 2]) }
        a[i / 2] = work(i + 1)
    }
    print(a)",
        "var a = [1, 2, 3]
    var b: [Int] = []
    for i in 0..40 {
        a.push(work(i))
        b.push(total(a[0..3]))
        b.push(total(a))
        add(&a[i..i + 2], i)
    }
    print(\"{a} {b}\")",
        "var a: [Int] = []
    var kept: [[Int]] = []
    for i in 0..30 {
        a.push(work(i))
        if i % 5 == 0 {
            let b = a
            kept.push(b)
        }
        if i % 7 == 0 { more(&a, i) }
    }
    print(\"{a} {kept}\")
    a = []
    for i in 0..20 { a.push(work(total(a) & 31)) }
    print(a)",
        "var a: [Pair] = []
    var names: [Str] = []
    for i in 0..40 {
        if i % 4 != 1 {
            a.push(pair(i))
            names.push(label(i))
        }
    }
    print(\"{a} {names}\")",
        "var a: [Int] = []
    var sums: [Int] = []
    for i in 0..60 {
        sums.push(total(a[a.len() / 2..a.len()]))
        a.push(fails(i))
        if i == 58 { print(\"late\") }
    }
    print(\"{a} {sums}\")",
    ];
    let owners = [
        "var names: [Str] = []
    for i in 0..50 { if i % 3 != 0 { names.push(label(i)) } }
    print(\"{names.len()} {names[5]} {names}\")",
        "var a = [1, 2, 3]
    var kept: [[Int]] = []
    for i in 0..40 {
        kept.push(same(a))
        add(&a[i % 3..3], i)
        if i % 6 == 5 {
            kept.push(a)
            kept[i / 3].push(i)
            add(&kept[i / 2][0..2], i)
        }
        if i % 11 == 10 { print(\"{kept.len()} {kept[i]}\") }
    }
    let all = kept
    for i in 0..9 { kept.push(same(kept[i])) }
    print(\"{a} {kept} {all}\")",
        "var names = [\"first\"]
    for i in 0..60 {
        if i != 7 { names.push(named(i)) }
        if i == 57 { print(names[56]) }
    }
    print(names)",
    ];
    for body in bodies.iter().chain(&owners) {
        agree_under_seeds(&format!("{head}\nfn main() {{\n    {body}\n}}"), 16);
    }
}

/// An array that tasks in flight use moves into an element of an array that is copied for that, since it has another owner.
#[test]
fn an_array_in_use_moves_into_an_array_that_is_copied() {
    let head = "
struct Held { all: [Int], n: Int }
fn spin(n: Int) -> Int {
    var x = n
    for i in 0..40 { x = x *% 31 +% i }
    return x & 255
}
task work(n: Int) -> Int { return spin(n) }
task list(n: Int) -> [Int] { return [spin(i + n) for i in 0..3] }
task total(m: [[Int]]) -> Int { return sum(sum(y for y in x) for x in m) }
task add(inout xs: [Int], k: Int) { for i in 0..xs.len() { xs[i] += spin(k) } }
";
    let bodies = [
        "var a = [[1], [2]]
    let b = a
    a[0] = [work(y) for y in 0..20 if y != 3]
    print(\"{a} {b}\")",
        "var m = [[[1, 2], [3]], [[4]]]
    m[0][0] = [work(0), total(m[0]), work(1), work(2)]
    print(m)",
        "var q = [[0], [1]]
    let copy = q
    var r = [1, 2, 3]
    var s = [1]
    add(&s, 3)
    add(&r, 4)
    q[0] = r
    print(q)
    print(\"{copy} {s}\")",
        "var h = [Held(all: [1], n: 1), Held(all: [2], n: 2)]
    var kept = h
    for i in 0..20 {
        h[i % 2].all = [work(y) for y in 0..i if y % 3 > 0]
        if i % 3 == 0 { kept = h }
    }
    print(h[0].all)
    print(\"{h[1].all} {kept[0].all} {kept[1].all}\")",
        "var m = [[1, 2, 3], [4], [5]]
    var t = [m, [[4, 4, 4], [5, 5, 5], [6]]]
    var keep = t
    for i in 0..8 {
        t[1][1] = [work(y) for y in m[0] if y > 0]
        t[1] = [list(y) for y in 0..4 if y != i]
        m[1] = m[0]
        if i % 2 == 1 { keep = t }
    }
    print(m)
    print(t)
    print(keep)",
        "var g = Grid[[Int]](2, 2, fill: [0])
    let b = g
    for i in 0..6 { g[i % 2, i / 3] = [work(y) for y in 0..i + 3 if y != 2] }
    print(g)
    print(b)",
    ];
    for body in bodies {
        agree_under_seeds(&format!("{head}\nfn main() {{\n    {body}\n}}"), 16);
    }
}

/// A push of what a task gives that was passed the same array, in a struct: it sees the array as it was before.
#[test]
fn a_task_sees_the_array_before_its_result_is_pushed() {
    for (element, first, call) in [("Int", "0", "f(s)"), ("[Int]", "[0]", "[f(s), 1]"), ("[Int]", "[0]", "g(s)")] {
        agree_under_seeds(
            &format!(
                "
struct S {{ xs: [{element}], n: Int }}
task f(s: S) -> Int {{ return s.xs.len() * 10 + s.n }}
task g(s: S) -> [Int] {{ return [s.xs.len(), s.n] }}
task more(inout s: S) {{ for i in 0..9 {{ s.xs.push({call}) }} }}
fn main() {{
    var s = S(xs: [{first}], n: 1)
    for i in 0..12 {{ s.xs.push({call}) }}
    more(&s)
    print(s.xs)
}}"
            ),
            16,
        );
    }
}

/// Runs a `main` after tasks `work`, `pair` and `label`, which issues 600 calls, and waits for hardly any of them.
#[track_caller]
fn goes_on(main: &str, prints: &str) {
    let text = format!(
        "
struct Pair {{ x: Int, y: Int }}
struct Named {{ f: Int, name: Str }}
fn spin(n: Int) -> Int {{
    var x = n
    for i in 0..40 {{ x = x *% 31 +% i }}
    return x & 255
}}
task work(n: Int) -> Int {{ return spin(n) }}
task pair(n: Int) -> Pair {{ return Pair(x: n, y: spin(n)) }}
task label(n: Int) -> Str {{ return \"<{{spin(n)}}>\" }}
fn main() {{
    {main}
}}"
    );
    let configuration = Configuration { issue: Issue::Eager, workers: 2, ..IN_ORDER };
    let (result, page) = run_in(&compile(&text), configuration, &Page::default(), &text);
    assert_eq!((result.outcome, page.text().as_str()), (Outcome::Done, prints), "{main}");
    let mut seen = Seen::default();
    seen.add(&result.stats.workers);
    let stalls = seen.counts["stalled by a register"] + seen.counts["stalled by a region"];
    assert!(seen.counts["issued"] >= 500 && stalls < 100, "{main}: {seen:?}");
}

/// Where the array grows it waits, and where the window is full.
#[test]
fn a_loop_that_pushes_goes_on() {
    for (element, call) in [("Int", "work(i)"), ("Pair", "pair(i)"), ("Str", "label(i)")] {
        goes_on(
            &format!(
                "var all: [{element}] = []
    for i in 0..1200 {{ if i & 1 == 1 {{ continue }}; all.push({call}) }}
    print(all.len())"
            ),
            "600\n",
        );
    }
}

#[test]
fn a_loop_that_stores_goes_on() {
    let stored = [
        ("var out = [Int](600, fill: 0)", "out[i] = work(i)", "out.len()", "600"),
        ("var g = Grid[Int](30, 20, fill: 0)", "g[i / 20, i % 20] = work(i)", "g.rows()", "30"),
        ("var p = Pair(x: 3, y: 0)", "p.y = work(i)", "p.x", "3"),
        ("var p = Named(f: 0, name: \"n\")", "p.f = work(i)", "p.name", "n"),
        ("var ps = [Pair](600, fill: Pair(x: 3, y: 0))", "ps[i].y = work(i)", "ps[599].x", "3"),
        ("var ps = [Pair](2, fill: Pair(x: 3, y: 0))", "ps[i & 1].y = work(i)", "ps[1].x", "3"),
    ];
    for (made, store, shown, prints) in stored {
        goes_on(
            &format!(
                "{made}
    var i = 0
    while i < 600 {{
        {store}
        i += 1
    }}
    print({shown})"
            ),
            &format!("{prints}\n"),
        );
    }
}

/// Whoever asked whether his work was squashed, or what was the oldest, went all the way up or down a deep tree each time.
#[test]
fn deep_recursions_that_fail_side_by_side() {
    agree_under_seeds(
        "
task down(n: Int) -> [Int] {
    if n <= 0 { return down(n - 1) }
    down(n - 1)
    print(n)
    return [n]
}
task twice(n: Int) -> Int {
    for i in 0..2 {
        down(2)
        down(3)
    }
    return n
}
fn main() {
    print(\"begins\")
    var t = 0
    for i in 0..3 {
        down(3)
        t += twice(i)
    }
    print(t)
}",
        3,
    );
}

/// Who was passed an array may keep it: what is pushed while he looks whether he can is not in what he keeps.
#[test]
fn a_push_beside_who_keeps_the_array() {
    for (ty, first, pushed) in [("Int", "1", "work(n)"), ("Int", "1", "n"), ("Str", "\"a\"", "label(n)")] {
        for kept in ["a", "a[0..a.len()]", "a[0..2]", "a[0..0]"] {
            let text = format!(
                "
fn spin(n: Int) -> Int {{
    var x = n
    for i in 0..(n % 12) {{ x = x *% 31 +% i }}
    return x & 255
}}
task work(n: Int) -> Int {{ return n }}
task label(n: Int) -> Str {{ return \"<{{n}}>\" }}
task same(xs: [{ty}], n: Int) -> [{ty}] {{
    spin(n)
    return xs
}}
task one(n: Int) -> Int {{
    var a = [{first}, {first}, {first}]
    a.push({first})
    a.push({first})
    if n & 1 == 0 {{ a.pop() }}
    let k = same({kept}, n)
    a.push({pushed})
    a.push({pushed})
    return k.len() * 100 + a.len()
}}
fn main() {{
    for i in 0..24 {{ print(one(i)) }}
}}"
            );
            agree_under_seeds(&text, 24);
        }
    }
}

//! Strs, arrays, grids and structs: what instructions on them do, and that every owner is dropped once.

use super::{prints, trap_in, traps};
use tgvm::bytecode::trap::TrapCode;

/// The tests of this file, for the one that asks whether every instruction is run.
pub fn all() {
    arrays_of_scalars();
    arrays_of_buffers();
    arrays_of_structs();
    grids();
    views();
    texts();
    values_are_values();
    comparisons();
}

#[test]
fn arrays_of_scalars() {
    let text = "
fn total(xs: [Int]) -> Int {
    var t = 0
    for i in 0..xs.len() { t += xs[i] }
    return t
}
fn double(inout xs: [Int]) {
    for i in 0..xs.len() { xs[i] = 2 * xs[i] }
}
fn main() {
    var xs = [Int](5, fill: 3)
    xs[1] = 10
    for i in 0..20 { xs.push(i * i) }
    print(xs.len())
    print(total(xs))
    double(&xs)
    double(&xs[0..2])
    print(total(xs[..3]))
    print(xs + [7])
    var ys: [Float] = []
    print(ys)
    ys.push(1.5)
    ys.push(-0.0)
    print(ys)
}";
    let expected = "25
2492
58
[12, 40, 6, 6, 6, 0, 2, 8, 18, 32, 50, 72, 98, 128, 162, 200, 242, 288, 338, 392, 450, 512, 578, 648, 722, 7]
[]
[1.5, -0.0]
";
    assert_eq!(prints(text), expected);
    assert_eq!(
        trap_in("let xs = [1, 2]\nvar i = 2\nprint(xs[i])"),
        (TrapCode::IndexOutOfBounds, "index 2, length 2".into())
    );
    assert_eq!(
        trap_in("var xs = [1, 2]\nvar i = -1\nxs[i] = 3\nprint(xs)"),
        (TrapCode::IndexOutOfBounds, "index -1, length 2".into())
    );
    assert_eq!(
        trap_in("var n = -3\nlet xs = [Int](n, fill: 0)\nprint(xs)"),
        (TrapCode::InvalidArgument, "length -3".into())
    );
}

#[test]
fn arrays_of_buffers() {
    let text = r#"
fn change(inout rows: [[Str]], at: Int) {
    rows[at].push("new")
    rows[at][0] = rows[at][0] + "!"
}
fn main() {
    var rows = [["a", "b"], ["c"], []]
    rows[2].push("d")
    let before = rows
    change(&rows, 0)
    change(&rows[1..], 1)
    print(before)
    print(rows)
    let row = rows[0]
    rows[0] = []
    print("{row} {rows[0]} {rows[2][1].len()}")
    var deep: [[[Int]]] = [[[1], [2, 3]], []]
    deep[0][1][0] += 40
    deep[1].push([9])
    print(deep)
    let last = rows.pop()
    print(last)
    var filled = [[Int]](3, fill: [0, 0])
    filled[1][1] = 5
    print(filled)
}"#;
    let expected = r#"[["a", "b"], ["c"], ["d"]]
[["a!", "b", "new"], ["c"], ["d!", "new"]]
["a!", "b", "new"] [] 3
[[[1], [42, 3]], [[9]]]
["d!", "new"]
[[0, 0], [0, 5], [0, 0]]
"#;
    assert_eq!(prints(text), expected);
    // The trap finds owned values in every frame.
    let text = r#"
fn inner(inout rows: [[Str]], name: Str) -> [Str] {
    let local = [name + "1", name + "2"]
    rows.push(local)
    return rows[7]
}
fn main() {
    var rows = [["x"]]
    for i in 0..9 {
        rows.push([Str(i)])
        if i == 5 { rows = [["y"]] }
        let got = inner(&rows, "n{i}")
        print(got)
    }
}"#;
    let (_, code, message) = traps(text);
    assert_eq!((code, message.as_str()), (TrapCode::IndexOutOfBounds, "index 7, length 3"));
}

#[test]
fn arrays_of_structs() {
    let text = r#"
struct Point { x: Float, y: Float }
struct Body { name: Str, at: Point, marks: [Int] }
fn move(inout bodies: [Body], step: Float) {
    for i in 0..bodies.len() {
        bodies[i].at.x += step
        bodies[i].marks.push(i)
        bodies[i].name = bodies[i].name + "'"
    }
}
fn named(bodies: [Body], name: Str) -> Body {
    for b in bodies { if b.name == name { return b } }
    return bodies[0]
}
fn rename(inout b: Body, name: Str) { b.name = name }
fn first_mark(bodies: [Body]) -> Int { return bodies[bodies.len() - 1].marks[0] }
fn main() {
    var bodies: [Body] = []
    for i in 0..3 { bodies.push(Body(name: "b{i}", at: Point(x: 0.0, y: Float(i)), marks: [])) }
    let before = bodies
    move(&bodies, 0.5)
    move(&bodies[1..2], 0.25)
    rename(&bodies[2], "last")
    print(bodies)
    print(before[1])
    print(named(bodies, "last").at)
    print(first_mark(bodies))
    var one = bodies[1]
    one.marks[0] = 77
    print("{one.marks} {bodies[1].marks} {one == bodies[1]} {one.at == bodies[1].at}")
    let grown = [Body](2, fill: one)
    print(grown[1].marks)
}"#;
    let expected = r#"[Body(name: "b0'", at: Point(x: 0.5, y: 0.0), marks: [0]), Body(name: "b1''", at: Point(x: 0.75, y: 1.0), marks: [1, 0]), Body(name: "last", at: Point(x: 0.5, y: 2.0), marks: [2])]
Body(name: "b1", at: Point(x: 0.0, y: 1.0), marks: [])
Point(x: 0.5, y: 2.0)
2
[77, 0] [1, 0] false true
[77, 0]
"#;
    assert_eq!(prints(text), expected);
}

#[test]
fn grids() {
    let text = r#"
struct Cell { kind: Int, tags: [Str] }
fn sum_of(g: Grid[Int]) -> Int {
    var t = 0
    for r in 0..g.rows() { for c in 0..g.cols() { t += g[r, c] } }
    return t + 1000 * g.len()
}
fn clear(inout g: Grid[Int], value: Int) {
    for r in 0..g.rows() { for c in 0..g.cols() { g[r, c] = value * (r + c) } }
}
fn tag(inout g: Grid[Cell], r: Int, c: Int) {
    g[r, c].kind += 1
    g[r, c].tags.push("t{g[r, c].kind}")
}
fn tags(g: Grid[Cell], r: Int, c: Int) -> Int { return g[r, c].tags.len() + 10 * g[r, c].kind }
fn lines(g: Grid[Str], r: Int) -> Str { return g[r, 0] + g[r, 1] }
fn total(xs: [Int]) -> Int { return sum(x for x in xs) }
fn main() {
    var g = Grid[Int](3, 4, fill: 0)
    clear(&g, 1)
    print(g)
    print(sum_of(g[1..3, 1..3]))
    let copy = g
    clear(&g[0..2, 2..4], 10)
    print(g)
    print(copy == g)
    g[2, 0] = 99
    print(g[2, 0] + g[2, 1])
    print(total(g[1, ..]) + total(g[2, 1..3]))
    print(g[.., 3])
    var cells = Grid[Cell](2, 2, fill: Cell(kind: 0, tags: []))
    tag(&cells, 1, 0)
    tag(&cells[1..2, ..], 0, 0)
    cells[0, 1].tags.push("own")
    cells[0, 1] = cells[1, 0]
    print(cells)
    print(tags(cells, 1, 0) + tags(cells[0..1, 1..2], 0, 0))
    var names = Grid[Str](2, 2, fill: "-")
    names[1, 1] = "n"
    print(lines(names, 1) + lines(names[1.., ..], 0))
    let none = Grid[Str](2, 0, fill: "")
    print("{none} {none.rows()} {names[0..0, ..]}")
}"#;
    let expected = r#"[[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]]
4012
[[0, 1, 0, 10], [1, 2, 10, 20], [2, 3, 4, 5]]
false
102
40
[[10], [20], [5]]
[[Cell(kind: 0, tags: []), Cell(kind: 2, tags: ["t1", "t2"])], [Cell(kind: 2, tags: ["t1", "t2"]), Cell(kind: 0, tags: [])]]
44
-n-n
[[], []] 2 []
"#;
    assert_eq!(prints(text), expected);
    assert_eq!(
        trap_in("let g = Grid[Int](2, 3, fill: 0)\nvar r = 2\nprint(g[r, 0])"),
        (TrapCode::IndexOutOfBounds, "index 2, 0, in 2 rows and 3 columns".into())
    );
    assert_eq!(
        trap_in("var g = Grid[Str](2, 3, fill: \"\")\nvar c = -1\ng[1, c] = \"x\"\nprint(g)"),
        (TrapCode::IndexOutOfBounds, "index 1, -1, in 2 rows and 3 columns".into())
    );
    assert_eq!(
        trap_in("let g = Grid[Int](2, 3, fill: 0)\nvar r = 3\nprint(g[1..r, 0..1])"),
        (TrapCode::SliceOutOfBounds, "rows 1..3, length 2".into())
    );
}

#[test]
fn views() {
    let text = r#"
fn set(inout xs: [Int], at: Int, to: Int) { xs[at] = to }
fn both(inout a: [Int], inout b: [Int]) {
    a[0] = 1
    b[0] = 2
}
fn add(inout to: [Int], from: [Int]) {
    for i in 0..to.len() { to[i] += from[i] }
}
fn keep(inout xs: [Int]) -> [Int] {
    let kept = xs
    xs[0] = -1
    return kept
}
fn twice(xs: [Int]) -> [Int] {
    var mine = xs
    mine[0] = mine[0] * 2
    return mine
}
fn inside(inout xs: [Int], lo: Int, hi: Int) { set(&xs[lo..hi], 0, 5) }
fn rows(inout g: Grid[Int], inout h: Grid[Int]) {
    g[0, 0] = 1
    h[0, 0] = 2
}
fn main() {
    var xs = [1, 2, 3, 4, 5, 6]
    set(&xs[2..4], 1, 40)
    both(&xs[0..3], &xs[3..6])
    add(&xs[0..2], xs[4..6])
    inside(&xs, 4, 6)
    print(xs)
    print("{keep(&xs)} {keep(&xs[1..3])} {xs} {twice(xs)} {xs}")
    xs[0..3] = xs[1..4]
    print(xs)
    xs[2..5] = xs[1..4]
    print(xs)
    var g = Grid[Int](4, 4, fill: 0)
    rows(&g[0..2, 0..2], &g[0..2, 2..4])
    rows(&g[2..3, ..], &g[3..4, ..])
    print(g)
    var texts = ["a", "b", "c", "d"]
    texts[1..4] = texts[0..3]
    print(texts)
}"#;
    let expected = "[6, 8, 3, 2, 5, 6]
[6, 8, 3, 2, 5, 6] [8, 3] [-1, -1, 3, 2, 5, 6] [-2, -1, 3, 2, 5, 6] [-1, -1, 3, 2, 5, 6]
[-1, 3, 2, 2, 5, 6]
[-1, 3, 3, 2, 2, 6]
[[1, 0, 2, 0], [0, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0]]
[\"a\", \"a\", \"b\", \"c\"]
";
    assert_eq!(prints(text), expected);
    let overlapping = |call: &str| {
        let (_, code, _) = traps(&format!(
            "fn two(inout a: [Int], b: [Int]) {{ a[0] = b[0] }}
fn grids(inout a: Grid[Int], inout b: Grid[Int]) {{ a[0, 0] = b[0, 0] }}
fn row(inout a: Grid[Int], b: [Int]) {{ a[0, 0] = b[0] }}
fn main() {{
    var xs = [1, 2, 3, 4]
    var g = Grid[Int](4, 4, fill: 0)
    var i = 2
    {call}
    print(xs)
    print(g)
}}"
        ));
        assert_eq!(code, TrapCode::OverlappingArguments, "{call}");
    };
    overlapping("two(&xs[0..i], xs[i - 1..i])");
    overlapping("grids(&g[0..i, 0..i], &g[i - 1.., i - 1..])");
    overlapping("row(&g[0..i, i..], g[1, 0..i + 1])");
    let (code, message) = trap_in("let xs = [1, 2]\nvar i = 3\nprint(xs[1..i])");
    assert_eq!((code, message.as_str()), (TrapCode::SliceOutOfBounds, "1..3, length 2"));
    let (code, _) = trap_in("var xs = [1, 2, 3]\nvar i = 2\nxs[0..i] = xs[0..1]\nprint(xs)");
    assert_eq!(code, TrapCode::LengthMismatch);
}

#[test]
fn texts() {
    let text = r#"
fn join(parts: [Str]) -> Str {
    var all = ""
    for p in parts { all += p }
    return all
}
fn bytes(s: Str) -> Int {
    var t = 0
    for i in 0..s.len() { t += s[i] }
    return t
}
fn main() {
    let s = "grün" + "e " + "Wiese"
    print("{s.len()} {s[0..4]} {s[4..]} {bytes(s)}")
    print(join(["a", "", "bc", s[..0], s]))
    var t = s
    t += t
    print("{t} {s}")
    print("{s < t} {t <= s} {s == "grüne Wiese"} {s != t}")
    print(["q\"\\\n", "\{", "\u{1}"].len())
    print(["q\"\n"])
}"#;
    let expected = r#"12 grü ne Wiese 1352
abcgrüne Wiese
grüne Wiesegrüne Wiese grüne Wiese
true false true true
3
["q\"\n"]
"#;
    assert_eq!(prints(text), expected);
    let slice = |range: &str| trap_in(&format!("let s = \"grün\"\nvar i = 3\nprint(s[{range}])"));
    assert_eq!(slice("0..i"), (TrapCode::SplitCharacter, "0..3, length 5".into()));
    assert_eq!(slice("i..9"), (TrapCode::SliceOutOfBounds, "3..9, length 5".into()));
    assert_eq!(slice("i..1"), (TrapCode::SliceOutOfBounds, "3..1, length 5".into()));
    assert_eq!(slice("i + 7"), (TrapCode::IndexOutOfBounds, "index 10, length 5".into()));
}

#[test]
fn values_are_values() {
    let text = r#"
struct Pair { left: [Int], right: [Int] }
fn swap(inout p: Pair) {
    let kept = p.left
    p.left = p.right
    p.right = kept
}
fn main() {
    var a = [1, 2]
    var b = a
    let c = [a, b, a]
    b.push(3)
    a[0] = 9
    print("{a} {b} {c}")
    var p = Pair(left: a, right: b)
    let q = p
    swap(&p)
    p.left[0] = 0
    print("{p} {q} {a} {b}")
    var nested = [p, q]
    nested[0] = nested[1]
    nested[1].left.push(7)
    print("{nested[0] == q} {nested[1].left}")
    for x in a { a.push(x) }
    print(a)
    a = a + a
    print(a)
}"#;
    let expected = "[9, 2] [1, 2, 3] [[1, 2], [1, 2], [1, 2]]
Pair(left: [0, 2, 3], right: [9, 2]) Pair(left: [9, 2], right: [1, 2, 3]) [9, 2] [1, 2, 3]
true [9, 2, 7]
[9, 2, 9, 2]
[9, 2, 9, 2, 9, 2, 9, 2]
";
    assert_eq!(prints(text), expected);
}

#[test]
fn comparisons() {
    let text = r#"
struct Key { name: Str, at: [Float] }
fn main() {
    let nan = 0.0 / 0.0
    let a = [[1.0, 2.0], [3.0]]
    print("{a == [[1.0, 2.0], [3.0]]} {a < [[1.0, 2.0], [4.0]]} {a < [[1.0]]} {a <= a} {a != [[1.0]]}")
    print("{[nan] == [nan]} {[nan] < [1.0]} {[nan] >= [1.0]} {[1.0, nan] < [2.0, nan]}")
    let k = Key(name: "k", at: [1.0])
    let l = Key(name: "k", at: [1.0, 0.0])
    print("{k == l} {k < l} {k <= k} {l > k}")
    print("{min(k, l).at.len()} {max([nan], [1.0])} {min([-0.0], [0.0])}")
    print("{[true, false] < [true, true]} {[1, 2, 3] < [1, 2]} {["b"] > ["a", "z"]}")
    var xs = [[2.0, nan], [2.0], [-0.0], [0.0], [nan], [1.0]]
    xs.sort()
    print(xs)
}"#;
    let expected = "true true false true true
false false false true
false true true true
1 [nan] [-0.0]
true false true
[[-0.0], [0.0], [1.0], [2.0], [2.0, nan], [nan]]
";
    assert_eq!(prints(text), expected);
}

/// What a parameter holds may not be moved out of it before it is replaced, if the function may return between the two.
#[test]
fn what_is_returned_is_not_moved_out() {
    let text = r#"
struct P { n: Int, xs: [Int] }
fn renew(inout p: P, n: Int) -> Int {
    let old = p
    for i in 0..n { if i == 3 { return old.n + i } }
    p = P(n: n, xs: [n])
    return old.xs.len()
}
fn clear(inout xs: [Int], n: Int) -> Int {
    let old = xs
    if n < 0 { return old.len() }
    xs = []
    return old[0]
}
fn main() {
    var p = P(n: 1, xs: [1, 2])
    for n in [9, 2, 9] { print("{renew(&p, n)} {p}") }
    var xs = [7, 8]
    for n in -1..1 { print("{clear(&xs, n)} {xs}") }
}"#;
    let expected = "4 P(n: 1, xs: [1, 2])\n2 P(n: 2, xs: [2])\n5 P(n: 2, xs: [2])\n2 [7, 8]\n7 []\n";
    assert_eq!(prints(text), expected);
}

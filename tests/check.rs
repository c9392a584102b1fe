//! The check stage: its diagnostics, what it infers, and its limits.

use std::fmt::Write as _;
use tgvm::bytecode::builtins::{BUILTINS, Mode};
use tgvm::bytecode::effects::Effects;
use tgvm::check::check;
use tgvm::check::codes::CHECK;
use tgvm::check::typed::{Block, ConstValue, ExprKind, Function, Local, LocalKind, StmtKind, Typed};
use tgvm::syntax::diagnostic::Diagnostic;
use tgvm::syntax::parse;
use tgvm::syntax::span::Source;

fn run(text: &str) -> Result<Typed, Vec<Diagnostic>> {
    let (tree, diagnostics) = parse(&Source::new("test.tg", text));
    assert!(diagnostics.is_empty(), "the text should parse: {}\n{text}", render(text, &diagnostics));
    check(&tree)
}

/// The codes that a program gives.
fn codes(text: &str) -> Vec<&'static str> {
    run(text).err().unwrap_or_default().iter().map(|d| d.code).collect()
}

/// The codes that the statements of a `main` give, after some items.
fn codes_in(items: &str, statements: &str) -> Vec<&'static str> {
    codes(&format!("{items}\nfn main() {{\n{statements}\n}}\n"))
}

/// The first of them.
fn first_code(items: &str, statements: &str) -> Option<&'static str> {
    codes_in(items, statements).first().copied()
}

fn typed(text: &str) -> Typed {
    run(text).unwrap_or_else(|diagnostics| panic!("{}\n{text}", render(text, &diagnostics)))
}

/// The help of the first diagnostic.
fn help(text: &str) -> String {
    run(text).expect_err("it is wrong")[0].help.join(" / ")
}

fn function<'a>(typed: &'a Typed, name: &str) -> &'a Function {
    typed.functions.iter().find(|f| f.name == name).expect("the function is there")
}

/// Diagnostics as plain text: each label with the line it is on, underlined.
fn render(text: &str, diagnostics: &[Diagnostic]) -> String {
    let source = Source::new("test.tg", text);
    let mut out = String::new();
    for diagnostic in diagnostics {
        writeln!(out, "{}: {}", diagnostic.code, diagnostic.message).unwrap();
        for label in &diagnostic.labels {
            let (line, column) = source.line_column(label.span.start);
            let shown = text.lines().nth(line - 1).unwrap_or("");
            let width = text[label.span.range()].lines().next().map_or(1, |l| l.chars().count().max(1));
            writeln!(out, "{line:3} | {shown}").unwrap();
            writeln!(out, "    | {}{} {}", " ".repeat(column - 1), "^".repeat(width), label.text).unwrap();
        }
        for help in &diagnostic.help {
            writeln!(out, "    help: {help}").unwrap();
        }
    }
    out
}

#[test]
fn each_wrong_example_gives_its_code_and_each_right_one_none() {
    for code in CHECK {
        let found = codes(code.wrong);
        assert!(found == [code.code], "{}: {found:?}\n{}", code.code, code.wrong);
        typed(code.right);
    }
    assert!(CHECK.windows(2).all(|pair| pair[0].code < pair[1].code), "in order, each once");
}

/// Each way in which iterations of an `each` loop may meet, as a snapshot of its own.
#[test]
fn iterations_that_may_meet_read_as_recorded() {
    let refused = [
        ("total", "var n = 0\n    each i in 0..9 { n += i }"),
        ("one_element", "var a = [1, 2]\n    each i in 0..2 { a[0] = i }"),
        ("neighbour", "var a = [1, 2, 3]\n    each i in 0..2 { a[i] = a[i + 1] }"),
        ("other_stride", "var a = [1, 2, 3]\n    each i in 0..2 { a[i] = a[2 * i] }"),
        ("other_offset", "var a = [1, 2, 3]\n    let d = 1\n    each i in 0..2 { a[i] = a[i + d] }"),
        ("unknown_index", "var a = [1, 2]\n    let at = [1, 1]\n    each i in 0..2 { a[at[i]] = i }"),
        ("whole_read", "var a = [1, 2]\n    each i in 0..2 { a[i] = sum(x for x in a) }"),
        ("whole_to_call", "var a = [1, 2]\n    each i in 0..2 { a.push(i) }"),
        ("slices", "var a = [1, 2, 3]\n    each i in 0..2 { a[i..i + 2] = [i, i] }"),
        ("grid_neighbour", "var g = Grid[Int](2, 2, fill: 0)\n    each i in 0..1 { g[i, 0] = g[i + 1, 0] }"),
        ("array_to_call", "var a = [1, 2, 3, 4]\n    each i in 0..2 { a.swap(i, i + 2) }"),
        ("columns", "var g = Grid[Int](2, 2, fill: 0)\n    each i in 0..2 { g[i, 0] = g[0, i] }"),
        ("short_step", "var a = [1, 2, 3, 4]\n    each i in 0..3 by 2 { a[i..i + 3] = [i, i, i] }"),
    ];
    for (name, statements) in refused {
        let text = format!("fn main() {{\n    {statements}\n}}\n");
        let diagnostics = run(&text).expect_err(name);
        assert_eq!(diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0604"], "{name}");
        insta::assert_snapshot!(format!("each_{name}"), render(&text, &diagnostics));
    }
    let proved = [
        "var a = [1, 2]\n each i in 0..2 { a[i] = i }",
        "var a = [1, 2]\n each i in 0..2 { let j = 1 - i\n a[j] += a[j] * 2 }",
        "var a = [1, 2, 3, 4]\n let d = 1\n each i in 0..2 { a[2 * i + d] = a[2 * i + d - 1] }",
        "var g = Grid[Int](2, 2, fill: 0)\n each r in 0..2 { each c in 0..2 { g[r, c] = r } }",
        "var g = Grid[Int](2, 2, fill: 0)\n each r in 0..2 { g[r, ..] = [r, r] }",
        "var a = [1, 2, 3]\n let k = 2\n each lo in 0..3 by k { a[lo..min(lo + k, a.len())] = a[lo..min(lo + k, a.len())] }",
        "var a = [1, 2, 3]\n let k = 2\n each lo in 0..3 by k { let hi = min(a.len(), lo + k)\n a[lo..hi] = a[lo..hi] }",
        "var a = [1, 2, 3]\n each i in 0..3 { for j in 0..9 { if j > i { break }\n a[i] += j } }",
        "let a = [1, 2]\n each i in 0..2 { print(a[1 - i] + a.len()) }",
    ];
    for statements in proved {
        typed(&format!("fn main() {{\n    {statements}\n}}\n"));
    }
}

#[test]
fn an_each_loop_may_use_a_variable_often() {
    let body = |turns: usize, index: &dyn Fn(usize) -> String| {
        let stores: String = (0..turns).map(|k| format!("        a[{}] = {k}\n", index(k))).collect();
        format!("fn main() {{\n    var a = [Int](20000, fill: 0)\n    each i in 0..2 {{\n{stores}    }}\n}}\n")
    };
    typed(&body(5000, &|_| "i".to_owned()));
    typed(&body(2048, &|k| format!("3000 * i + {k}")));
    // One iteration's last part is the next one's first.
    let met = run(&body(1500, &|k| format!("1499 * i + {k}"))).expect_err("they meet");
    assert!(met[0].message.contains("may meet in `a`"), "{met:?}");
    let many = run(&body(2049, &|k| format!("3000 * i + {k}"))).expect_err("there are too many");
    assert_eq!(many.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0604"]);
    assert!(many[0].message.contains("more than 2048 different parts of `a`"), "{many:?}");
}

#[test]
fn neither_break_nor_return_leaves_an_each_loop() {
    for (word, statements) in [
        ("break", "each x in 0..2 { if x == a[0] { break } }"),
        ("return", "each x in 0..2 { if x == a[0] { return } }"),
        ("return", "each x in 0..2 { for j in 0..3 { if j == x { return } } }"),
    ] {
        let text = format!("fn main() {{\n    let a = [1, 2]\n    {statements}\n}}\n");
        let diagnostics = run(&text).expect_err(statements);
        let found: Vec<_> = diagnostics.iter().map(|d| (d.code, d.message.as_str())).collect();
        assert_eq!(found, [("E0605", format!("`{word}` can't leave an `each` loop").as_str())], "{statements}");
    }
    typed("fn main() {\n    each x in 0..2 { for j in 0..3 { if j == x { break } } }\n}\n");
}

#[test]
fn diagnostics_read_as_recorded() {
    for code in CHECK {
        let diagnostics = run(code.wrong).expect_err("the wrong example is wrong");
        insta::assert_snapshot!(code.code, render(code.wrong, &diagnostics));
    }
}

#[test]
fn the_built_ins_of_a_name_agree_on_what_they_change() {
    for a in BUILTINS {
        for b in BUILTINS.iter().filter(|b| b.name == a.name && b.params.len() == a.params.len()) {
            for (p, q) in a.params.iter().zip(b.params) {
                assert_eq!(p.1 == Mode::In, q.1 == Mode::In, "{}", a.name);
            }
        }
    }
}

#[test]
fn one_mistake_gives_one_error() {
    let items = "struct P { x: Int, ys: [Int] }
fn two(a: Int, b: Int) -> Int { return a + b }
fn ping(n: Int) { print(n) }";
    for (statements, expected) in [
        ("let a = nope\nlet b = a + 1\nprint(b.len())\nfor i in a { print(i) }", "E0201"),
        ("var xs: [Nope] = []\nxs.push(1)\nxs[0].foo = 3", "E0203"),
        ("let n = two(1)\nlet m: Int = n + 1\nprint(m)", "E0304"),
        ("ping()", "E0304"),
        ("let p = P(x: 1)\nprint(p.x + p.ys[0])", "E0314"),
        ("let p = P(x: 1, ys: [], z: 3)\nprint(p.x)", "E0204"),
        ("let a = [1, 2.0, 3]\nprint(a)", "E0301"),
        ("let a = if true { 1 } else { \"x\" }\nprint(a)", "E0301"),
        ("let a = if true { 1 }\nprint(a)", "E0309"),
        ("let a: Int = if true { 1.0 } else { 2 }\nprint(a)", "E0301"),
        ("let a: [[Float]] = [if true { [1.0] } else { [2] }]\nprint(a)", "E0301"),
        ("let a = undefined(1, 2)\nprint(a[0])", "E0202"),
        ("let a = [nope(i) for i in 0..3]\nprint(sum(x for x in a))", "E0202"),
        ("undefined = 3", "E0201"),
        ("let xs = []\nprint(xs)", "E0308"),
        ("print([])", "E0308"),
        ("let x = -true\nprint(x + 1)", "E0302"),
        ("let x = print(1)\nprint(x)", "E0307"),
        ("let x: Int = panic(\"x\")\nprint(x)", "E0307"),
        ("print(1 + (2 + nope))", "E0201"),
        ("print(1 +% 2.0)", "E0302"),
        ("print(\"a\" + 1)", "E0302"),
        ("print(1 == 2.0 || true)", "E0302"),
        ("print(sqrt(1) + 1.0)", "E0305"),
        ("print(min(1, 2.0))", "E0305"),
        ("for i in 0..1.5 { print(i) }", "E0301"),
        ("let i = 0\nwhile i { print(i) }", "E0303"),
        ("nope.push(1)", "E0201"),
        ("nope.foo(1)", "E0201"),
        ("let xs = [1]\nxs.foo().bar()", "E0202"),
    ] {
        assert_eq!(codes_in(items, statements), [expected], "{statements}");
    }
}

#[test]
fn errors_come_in_the_order_of_the_text_and_all_at_once() {
    let text = "fn main() {\n    print(b)\n    f(1)\n}\nfn f(x: Strr) -> Int {\n}\nconst A = 1 / 0\n";
    let found = run(text).expect_err("it is wrong");
    let spans: Vec<_> = found.iter().map(|d| d.labels[0].span.start).collect();
    assert!(spans.is_sorted());
    assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0201", "E0203", "E0603", "E0503"]);
}

#[test]
fn suggestions() {
    assert_eq!(help("fn main() {\n    let count = 1\n    print(cuont)\n}\n"), "did you mean `count`?");
    assert_eq!(help("fn main() {\n    println(1)\n}\n"), "did you mean `print`?");
    assert_eq!(help("fn f(s: string) {\n}\nfn main() {\n    f(\"\")\n}\n"), "did you mean `Str`?");
    assert_eq!(help("fn main() {\n    let x = pi\n    print(x)\n}\n"), "did you mean `PI`?");
    assert_eq!(help("struct P { width: Int }\nfn main() {\n    print(P(widht: 1))\n}\n"), "did you mean `width`?");
    assert_eq!(help("fn main() {\n    let xs = [1]\n    print(xs.length())\n}\n"), "did you mean `len`?");
    assert_eq!(help("fn main() {\n    let xs = [1]\n    print(xs.len)\n}\n"), "call the function: `.len(…)`");
    let of = |line: &str| help(&format!("fn main() {{\n    let xs = [1]\n    {line}\n}}\n"));
    assert_eq!(of("print(xs.length)"), "the length is a function: `.len()`");
    assert_eq!(of("for i in range(10) { print(i) }"), "a range is written `lo..hi`: `for i in 0..n`");
    assert_eq!(of("print(sum(xs))"), "over the elements of an array it is written `sum(x for x in xs)`");
    assert!(of("print(max(xs))").ends_with("over the elements of an array it is written `max(x for x in xs)`"));
    assert_eq!(of("let g: Grid = 1"), "a grid's type names that of its elements: `Grid[Int]`");
    for nothing in ["null", "None", "nil"] {
        assert!(of(&format!("let x = {nothing}")).starts_with("every variable has a value"), "{nothing}");
    }
    assert_eq!(codes_in("", "let s = \"abc\"\ns[0] = \"d\""), ["E0405"]);
    assert_eq!(help("fn main() {\n    x = 1\n}\n"), "a new variable is declared: `var x = …`");
}

#[test]
fn names() {
    for (items, statements, expected) in [
        // Shadowing, in a block and by a later declaration.
        (
            "",
            "let x = 1\nif true {\n    let x = \"a\"\n    print(x.len())\n}\nlet y = x + 1\nlet x = \"b\"\nprint(x.len() + y)",
            None,
        ),
        ("", "let x = x\nprint(1)", Some("E0201")),
        ("", "if true {\n    let x = 1\n    print(x)\n}\nprint(x)", Some("E0201")),
        ("", "for i in 0..3 {\n}\nprint(i)", Some("E0201")),
        ("", "print([i for i in 0..3])\nprint(i)", Some("E0201")),
        // The program's own functions and constants win.
        ("fn len(n: Int) -> Int { return n }", "print(len(3) + 4.len())", None),
        ("fn assert(n: Int) { print(n) }", "assert(3)", None),
        ("const PI = 3", "let n: Int = PI\nprint(n)", None),
        ("", "let E = 1\nprint(E + 1)", None),
        ("fn __f() { }", "print(1)", Some("E0207")),
        ("", "__append(1, 2)", Some("E0202")),
        ("", "1.__append(2)", Some("E0202")),
        ("struct Int { x: Float }", "print(1)", Some("E0207")),
        ("struct A { x: Int }\nconst A = 1", "print(1)", Some("E0205")),
        ("struct A { x: Int, x: Int }", "print(1)", Some("E0205")),
        ("fn f(a: Int, a: Int) { }", "print(1)", Some("E0205")),
        ("", "print(Int)", Some("E0206")),
        ("", "print(len)", Some("E0206")),
        ("", "let f = 1\nf(2)", Some("E0206")),
        ("const F = 1", "F()", Some("E0206")),
        ("struct P { x: Int }", "print(P(x: 1).x())", Some("E0206")),
        ("", "print(1.Str())", Some("E0206")),
        // A variable and a function may share a name.
        ("fn f() -> Int { return 1 }", "let f = f()\nprint(f + f())", None),
    ] {
        assert_eq!(first_code(items, statements), expected, "{items}\n{statements}");
    }
}

#[test]
fn types() {
    let items = "struct P { x: Int, ys: [Float] }
struct Cell { g: Grid[Int] }
fn total(xs: [Float]) -> Float { return sum(x for x in xs) }
fn pair() -> P { return P(ys: [], x: 1) }";
    let cell = "let c = Cell(g: Grid[Int](1, 1, fill: 0))\n";
    for (statements, expected) in [
        ("print(total([]))\nprint(total([1.0]) + 1.0)", None),
        ("print(total([1]))", Some("E0301")),
        ("var p = pair()\np.ys = []\np.ys += [1.0]\np.ys.push(2.0)\np.x += 1\nprint(p)", None),
        ("print(pair() == pair() && pair() < pair() && [pair()] <= [pair()])", None),
        (&format!("{cell}print(c == c)"), None),
        (&format!("{cell}print(c < c)"), Some("E0302")),
        (&format!("{cell}print([c].sorted())"), Some("E0302")),
        (&format!("{cell}print(min(c for i in 0..3))"), Some("E0302")),
        ("print(len(if true { [1] } else { [] }) + len(if true { \"a\" } else { \"b\" }))", None),
        ("print(max(\"a\", \"b\") + max(x for x in [\"a\"]))", None),
        ("print(sum(\"a\" for i in 0..2))", Some("E0302")),
        ("print(any(i > 1 for i in 0..3) && all(i > 1 for i in 0..3) && count(i > 1 for i in 0..3) > 1)", None),
        ("print(any(i for i in 0..3))", Some("E0303")),
        ("print(total(x for x in [1.0]))", Some("E0210")),
        ("print(1 << 3 >> 1 & 7 | 2 ^ 1)", None),
        ("print(1.0 << 2)", Some("E0302")),
        ("print(true & false)", Some("E0302")),
        ("print(!1)", Some("E0302")),
        ("print(1.5 % 1.0 - -2.0)", None),
        ("print([1] + [2] == [1, 2])", None),
        ("print([1] + 2)", Some("E0302")),
        ("let s = \"abc\"\nlet b: Int = s[0]\nlet t: Str = s[1..]\nprint(b + t.len())", None),
        (
            "let g = Grid[Int](2, 2, fill: 0)\nlet r: [Int] = g[0, ..]\nlet c: Grid[Int] = g[.., 0]\nlet x: Int = g[0, 1]\nprint(r.len() + c.rows() + x)",
            None,
        ),
        ("let xs = [1]\nprint(xs[0, 0])", Some("E0306")),
        ("print(1[0])", Some("E0306")),
        ("print([1][true])", Some("E0301")),
        ("print(Int(1.5) + Int(true))\nprint(Float(1) + 1.0)\nprint(Str([1]) + Str(\"a\"))", None),
        ("print(Int(1))", Some("E0313")),
        ("print(Int(\"1\"))", Some("E0313")),
        ("print(Float(true))", Some("E0313")),
        ("print(Bool(1))", Some("E0313")),
        ("print(Int())", Some("E0304")),
        ("print([Int](3, fill: 0) + [Int](3, fill: 0))", None),
        ("print([Int](3))", Some("E0304")),
        ("print([Int](fill: 0))", Some("E0304")),
        ("print([Int](3, init: 0))", Some("E0315")),
        ("print([Float](3, fill: 0))", Some("E0301")),
        ("print(Grid[Int](2, 2, fill: 0).rows())", None),
        ("print(Grid[Int](2, fill: 0))", Some("E0304")),
        ("print(P(1, []))", Some("E0314")),
        ("print(P(x: 1, x: 2, ys: []))", Some("E0314")),
        ("print(\"{1:x} {2:>5} {1.5:.2e} {1.0:08.3} {\"a\":.2} {[1]:<9} {true:^7}\")", None),
        ("print(\"{1.0:x}\")", Some("E0312")),
        ("print(\"{true:05}\")", Some("E0312")),
        ("print(\"{1:.2}\")", Some("E0312")),
        ("print(\"{[1.0]:.2}\")", Some("E0312")),
        ("print(\"{print(1)}\")", Some("E0307")),
        ("let xs: [[Int]] = [[], [1]]\nlet ys = [[1], []]\nprint(xs == ys)", None),
        ("let xs: [[Float]] = [[i] for i in 0..2]\nprint(xs)", Some("E0301")),
        (
            "for row in [[1]] {\n    for x in row { print(x) }\n}\nfor x in Grid[Int](2, 2, fill: 0) { print(x + 1) }",
            None,
        ),
        ("for i in 10 { print(i) }", Some("E0311")),
        ("let r = Rng(seed: 1)\nprint(r.seed)", None),
        ("assert(1 > 0)\nassert(1 > 0, \"{1}\")", None),
        ("assert(1)", Some("E0303")),
        ("assert(true, 1)", Some("E0301")),
        ("assert()", Some("E0304")),
        ("let x: [Grid[[Int]]] = []\nprint(x)", None),
        ("print(-9223372036854775808 + 9223372036854775807)", None),
        ("print(9223372036854775808)", Some("E0504")),
    ] {
        assert_eq!(first_code(items, statements), expected, "{statements}");
    }
}

#[test]
fn statements_without_effect() {
    for (statements, expected) in [
        ("1", Some("E0316")),
        ("let x = 1\nx", Some("E0316")),
        ("let x = 1\nx == 1", Some("E0316")),
        ("Int(1.5)", Some("E0316")),
        ("[print(1) for i in 0..3]", Some("E0307")),
        ("[pure(i) for i in 0..3]", Some("E0316")),
        ("if true { 1 } else { print(2) }", Some("E0316")),
        ("pure(1)", None),
        ("1.pure()", None),
        ("abs(1)", Some("E0317")),
        ("[1].len()", Some("E0317")),
        ("args()", None),
        ("var xs = [1]\nxs.pop()\nxs.remove(0)", None),
        ("clock()", None),
        ("panic(\"x\")", None),
    ] {
        assert_eq!(first_code("fn pure(n: Int) -> Int { return n }", statements), expected, "{statements}");
    }
    let text = "fn f() -> Int {\n    1\n}\nfn main() {\n    f()\n}\n";
    assert_eq!(help(text), "to give it as the result, write `return …`");
}

#[test]
fn flow() {
    for (function, expected) in [
        ("fn f() -> Int { while true { } }", vec![]),
        ("fn f() -> Int { while true { break } }", vec!["E0603"]),
        ("fn f() -> Int { while true { while true { break } } }", vec![]),
        ("fn f() -> Int { while 1 < 2 { } }", vec![]),
        ("fn f(c: Bool) -> Int { if c { return 1 } else { panic(\"\") } }", vec![]),
        ("fn f(c: Bool) -> Int { if c { return 1 } else if !c { exit(1) } else { return 2 } }", vec![]),
        ("fn f(c: Bool) -> Int { if c { return 1 } else if !c { return 2 } }", vec!["E0603"]),
        ("fn f() -> Int { for i in 0..3 { return i } }", vec!["E0603"]),
        ("fn f() -> Int { return 1\nprint(2) }", vec![]),
        ("fn f() -> Int { }", vec!["E0603"]),
        ("fn f() -> Int { 1 + 2 }", vec!["E0316"]),
        ("fn f(c: Bool) -> Int { if c { 1 } else { 2 } }", vec!["E0316", "E0316"]),
        ("fn f() -> Int { return }", vec!["E0318"]),
        ("fn f() { return 1 }", vec!["E0318"]),
        ("fn f() { return print(1) }", vec!["E0318"]),
        ("fn f() -> Int { return 1.0 }", vec!["E0301"]),
        ("fn f() { continue }", vec!["E0601"]),
        ("fn f() -> [Int] { return [if x > 1 { return [] } else { x } for x in 0..3] }", vec!["E0602"]),
        ("fn f() -> [Int] { return [if x > 1 { for i in 0..3 { break }\n1 } else { x } for x in 0..3] }", vec![]),
        ("fn f(c: Bool) -> Int { let x = if c { return 1 } else { 2 }\nreturn x }", vec![]),
        ("fn f(c: Bool) -> Int { let x = if c { return 1 } else { return 2 }\nreturn x }", vec!["E0307"]),
        (
            "fn f(c: Bool) -> Int { let x = if c { if c { return 1 } else { panic(\"\") } } else { 2 }\nreturn x }",
            vec![],
        ),
        ("fn f(c: Bool) -> Int { let x = if c { if c { return 1 } } else { 2 }\nreturn x }", vec!["E0309"]),
        ("fn f(c: Bool) -> Int { let x = if c { } else { 2 }\nreturn x }", vec!["E0309"]),
        ("fn f(c: Bool) -> Int { let x = if c { print(1) } else { 2 }\nreturn x }", vec!["E0309"]),
    ] {
        assert_eq!(codes(&format!("{function}\nfn main() {{\n    print(1)\n}}\n")), expected, "{function}");
    }
}

#[test]
fn places() {
    let items = "struct P { x: Int, ys: [Int] }
const C = [1]
fn set(inout n: Int) { n = 1 }
fn fill_all(inout xs: [Int]) { for i in 0..xs.len() { xs[i] = 1 } }
fn grow(inout xs: [Int]) { xs += [1] }
fn grow_by(inout xs: [Int]) { xs.grow() }
fn clear_inner(inout xs: [[Int]]) { xs[0].clear() }
fn make() -> [Int] { return [1] }";
    for (statements, expected) in [
        (
            "var p = [P(x: 1, ys: [1])]\np[0].ys[0] = 2\np[0].x += 1\nset(&p[0].x)\np[0].ys.fill_all()\np[0].ys[0].set()",
            None,
        ),
        ("let p = P(x: 1, ys: [])\np.x = 1", Some("E0401")),
        ("let xs = [1]\nxs.push(1)", Some("E0401")),
        ("let xs = [1]\nfill_all(&xs)", Some("E0401")),
        ("for i in 0..3 { i = 1 }", Some("E0401")),
        ("C[0] = 1", Some("E0401")),
        ("make()[0] = 1", Some("E0402")),
        ("make().push(1)", Some("E0402")),
        ("set(3)", Some("E0402")),
        ("var n = 1\nset(n)", Some("E0403")),
        ("var n = 1\nprint(&n)", Some("E0404")),
        ("var s = \"a\"\ns[0..1] = \"b\"", Some("E0405")),
        ("var s = \"a\"\nset(&s[0])", Some("E0405")),
        ("var x = 1.0\nset(&x)", Some("E0301")),
        (
            "var xs = [1, 2]\nxs[0..1] = [3]\nfill_all(&xs[0..1])\nxs[0..2].sort()\nxs[0..2].fill_all()\nxs[..].swap(0, 1)",
            None,
        ),
        ("var xs = [1, 2]\nxs[0..1].push(1)", Some("E0406")),
        ("var xs = [1, 2]\nxs[0..1] += [1]", Some("E0406")),
        ("var xs = [1, 2]\ngrow(&xs[0..1])", Some("E0406")),
        ("var xs = [1, 2]\nxs[0..1].grow_by()", Some("E0406")),
        ("var xs = [[1], [2]]\nclear_inner(&xs[0..1])\nxs[0..1][0].push(1)\nxs[0].grow()", None),
        (
            "var g = Grid[Int](2, 2, fill: 0)\ng[0, ..].fill_all()\ng[0..1, 0] = g[0..1, 1]\ng[0, ..] = [1, 2]\ng[.., 1].fill(3)\ng[1, 1] += 1",
            None,
        ),
        ("var g = Grid[Int](2, 2, fill: 0)\ng[0, ..].grow()", Some("E0406")),
        ("var n = 1\nprint([if i > 0 { n = 2\n1 } else { 0 } for i in 0..3])", Some("E0408")),
        ("print([if i > 0 { var n = 1\nn = 2\nset(&n)\nn } else { 0 } for i in 0..3])", None),
        (
            "print([if i > 0 { var n = 1\nsum(if j > 0 { n = 2\n1 } else { 2 } for j in 0..2) } else { 0 } for i in 0..3])",
            Some("E0408"),
        ),
        ("var n = 1\nn += 1.0", Some("E0302")),
        ("var b = true\nb += true", Some("E0302")),
        ("var s = \"a\"\ns += \"b\"\nvar xs = [1]\nxs += [2]", None),
        ("var g = Grid[Int](2, 2, fill: 0)\ng += g", Some("E0302")),
        ("var r = Rng(seed: 1)\nvar xs = [1]\nxs.shuffle(&r)\nprint(r.next_int(0, 3) + next_int(&r, 0, 3))", None),
        ("var line = \"\"\nwhile read_line(&line) { print(line) }\nwhile line.read_line() { }", None),
    ] {
        assert_eq!(first_code(items, statements), expected, "{statements}");
    }
}

/// What the checker says of the overlap of the arguments of `statement`: an error, a test at run time, or nothing.
fn overlap(statement: &str) -> &'static str {
    let text = format!(
        "struct P {{ x: [Int], y: [Int], n: Int }}
fn two(inout a: [Int], inout b: [Int]) {{ a[0] = b[0] }}
fn read(inout a: [Int], b: [Int]) {{ a[0] = b[0] }}
fn grids(inout a: Grid[Int], inout b: Grid[Int]) {{ a[0, 0] = b[0, 0] }}
fn rows(inout a: [Int], b: Grid[Int]) {{ a[0] = b[0, 0] }}
fn ints(inout a: Int, inout b: Int) {{ a = b }}
fn mixed(inout a: [Int], n: Int) {{ a[0] = n }}
fn step(inout i: Int) -> Int {{ i += 1\nreturn i }}
fn main() {{
    var a = [1]
    var b = [1]
    var g = Grid[Int](9, 9, fill: 0)
    var p = P(x: [1], y: [2], n: 0)
    var ps = [p]
    var i = 0
    let j = 1
    let mid = 2
    let hi = 3
    {statement}
}}
"
    );
    match run(&text) {
        Err(diagnostics) => {
            assert_eq!(diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0407"], "{statement}");
            "error"
        }
        Ok(typed) => {
            let tested = typed.exprs.iter().any(|e| match &e.kind {
                ExprKind::Call { may_overlap, .. } | ExprKind::Builtin { may_overlap, .. } => !may_overlap.is_empty(),
                _ => false,
            });
            if tested { "test" } else { "free" }
        }
    }
}

#[test]
fn exclusivity() {
    for (statement, expected) in [
        ("two(&a, &b)", "free"),
        ("two(&a, &a)", "error"),
        ("read(&a, a)", "error"),
        ("read(&a, b)", "free"),
        ("read(&a, a + b)", "free"),
        ("mixed(&a, a[0])", "free"),
        ("mixed(&a, a.len())", "free"),
        ("ints(&a[0], &a[1])", "free"),
        ("ints(&a[i], &a[i])", "error"),
        ("ints(&a[i], &a[j])", "test"),
        ("ints(&a[i], &a[i + 1])", "free"),
        ("ints(&a[i - 1], &a[1 + i])", "free"),
        ("ints(&a[i + 1 - 1], &a[i])", "error"),
        ("ints(&a[step(&i)], &a[i])", "test"),
        ("ints(&a[i], &a[step(&i)])", "test"),
        ("ints(&a[j], &a[j + step(&i)])", "test"),
        ("two(&a[0..3], &a[3..5])", "free"),
        ("two(&a[0..3], &a[2..5])", "error"),
        ("two(&a[0..0], &a[0..5])", "free"),
        ("two(&a[..mid], &a[mid..])", "free"),
        ("two(&a[j..mid], &a[mid..hi])", "free"),
        ("two(&a[j..mid], &a[mid - 1..hi])", "test"),
        ("two(&a[j..mid], &a[mid + 1..hi])", "free"),
        ("two(&a[i..mid], &a[i..mid])", "error"),
        ("two(&a[..a.len() / 2], &a[a.len() / 2..])", "free"),
        ("read(&a[0..3], a)", "error"),
        ("read(&a[i..j], a[j..hi])", "free"),
        ("two(&p.x, &p.y)", "free"),
        ("two(&p.x, &p.x)", "error"),
        ("two(&ps[i].x, &ps[j].y)", "free"),
        ("two(&ps[i].x, &ps[j].x)", "test"),
        ("two(&ps[0].x, &ps[1].x)", "free"),
        ("two(&a[0..4][1..2], &a[2..3])", "free"),
        ("two(&a[0..4][1..2], &a[1..3])", "error"),
        ("two(&a[j..][0..2], &a[j + 2..])", "free"),
        ("two(&a[j..hi][i..mid], &a[hi..])", "free"),
        ("two(&g[0, ..], &g[1, ..])", "free"),
        ("two(&g[i, ..], &g[i, ..])", "error"),
        ("two(&g[i, ..], &g[j, ..])", "test"),
        ("two(&g[0, ..3], &g[0, 3..])", "free"),
        ("two(&g[0, ..][..3], &g[0, 3..])", "free"),
        ("grids(&g[..4, ..], &g[4.., ..])", "free"),
        ("grids(&g[..4, ..5], &g[..4, 4..])", "test"),
        ("grids(&g[0..4, 0..5], &g[3..6, 4..6])", "error"),
        ("grids(&g[.., 0], &g[.., 1])", "free"),
        ("ints(&g[0, 1], &g[1, 0])", "free"),
        ("ints(&g[i, j], &g[i, j])", "error"),
        ("rows(&g[0, ..], g[1.., ..])", "free"),
        ("rows(&g[0, ..], g)", "error"),
        ("a.append(a)", "error"),
        ("a.append(b)", "free"),
        ("a.append(a[0..1])", "error"),
        ("a.push(a[0])", "free"),
        ("ps.push(ps[0])", "error"),
        ("ps[0].x.append(ps[0].y)", "free"),
        ("a.swap(a[0], a[1])", "free"),
        ("ints(&a[a[i]], &a[a[i]])", "error"),
    ] {
        assert_eq!(overlap(statement), expected, "{statement}");
    }
}

#[test]
fn resizing_is_inferred_through_calls() {
    let typed = typed(
        "fn a(inout xs: [Int], inout ys: [Int], inout s: Str) {
    b(&xs, &ys)
    s += \"x\"
}
fn b(inout xs: [Int], inout ys: [Int]) {
    var s = \"\"
    ys[0] = 1
    c(&xs)
    a(&xs, &ys, &s)
}
fn c(inout xs: [Int]) { xs.push(1) }
fn d(inout xs: [[Int]]) { c(&xs[0]) }
fn e(inout xs: [Int]) { xs = [] }
fn f(inout xs: [Int]) {
    xs[0..1] = [1]
    xs.sort()
}
fn g(inout xs: [Int]) { xs += [1] }
fn main() { }
",
    );
    let resizes = |name: &str| -> Vec<bool> {
        let function = function(&typed, name);
        let mark = |local: &Local| local.kind == LocalKind::Inout { resizes: true };
        function.locals[..function.params].iter().map(mark).collect()
    };
    assert_eq!(resizes("a"), [true, false, false]);
    assert_eq!(resizes("b"), [true, false]);
    assert_eq!(resizes("c"), [true]);
    assert_eq!(resizes("d"), [false]);
    assert_eq!(resizes("e"), [true]);
    assert_eq!(resizes("f"), [false]);
    assert_eq!(resizes("g"), [true]);
}

#[test]
fn effects_are_inferred_through_calls() {
    let typed = typed(
        "fn a(n: Int) -> Int {
    if n > 0 { return b(n - 1) }
    return 0
}
fn b(n: Int) -> Int {
    print(n)
    return a(n)
}
fn c() -> Float { return clock() }
fn d(n: Int) -> Int {
    assert(n > 0)
    return n + 1
}
fn main() {
    print(a(1))
    if c() > 0.0 { exit(d(1)) }
}
",
    );
    let effects = |name: &str| function(&typed, name).effects;
    assert_eq!(effects("a"), Effects::OUTPUT);
    assert_eq!(effects("b"), Effects::OUTPUT);
    assert_eq!(effects("c"), Effects::CLOCK);
    assert_eq!(effects("d"), Effects::NONE);
    assert_eq!(effects("main"), Effects::OUTPUT.with(Effects::CLOCK).with(Effects::EXIT));
}

/// What `let x = …` in `main` is bound to.
fn bound(items: &str, expr: &str) -> ExprKind {
    let typed = typed(&format!("{items}\nfn main() {{\n    let x = {expr}\n}}\n"));
    match &typed.functions[typed.main.0 as usize].body.stmts[0].kind {
        StmtKind::Let { value, .. } => typed[*value].kind.clone(),
        other => panic!("a declaration, not {other:?}"),
    }
}

#[test]
fn constants_fold_where_that_cannot_trap() {
    let int = |expr: &str| match bound("const N = 4\nconst F = N > 3 && true", expr) {
        ExprKind::Int(value) => Some(value),
        ExprKind::Bool(value) => Some(value.into()),
        _ => None,
    };
    assert_eq!(int("N * 2 + 1"), Some(9));
    assert_eq!(int("-9223372036854775808"), Some(i64::MIN));
    assert_eq!(int("9223372036854775807 + 1"), None);
    assert_eq!(int("1 / 0"), None);
    assert_eq!(int("1 << 64"), None);
    assert_eq!(int("INT_MIN / -1"), None);
    assert_eq!(int("9223372036854775807 +% 1"), Some(i64::MIN));
    assert_eq!(int("-7 / 2 * 10 + -7 % 2"), Some(-31));
    assert_eq!(int("Int(2.9) + Int(true)"), Some(3));
    assert_eq!(int("Int(1e300)"), None);
    assert_eq!(int("F || 1 / 0 > 1"), Some(1));
    assert_eq!(int("1 / 0 > 1 || F"), None);
    assert_eq!(int("NAN == NAN"), Some(0));
    assert_eq!(int("~5 >> 1"), Some(-3));
    assert!(matches!(bound("", "1.5 * Float(2)"), ExprKind::Float(3.0)));
    assert!(matches!(bound("const S = \"a\" + \"b\"", "S"), ExprKind::Str(text) if &*text == "ab"));
}

#[test]
fn constants() {
    let typed = typed(
        "struct P { x: Int, y: [Float] }
const B = A + [3]
const A = [1, 2]
const Q = P(y: [1.0], x: N)
const N = 2 * M
const M: Int = -3
const SAME = B == [1, 2, 3] && \"a\" + \"b\" < \"b\"
const NONE: [Str] = []
fn main() {
    print(B)
    print(Q)
    print(SAME)
    print(NONE)
}
",
    );
    let value = |name: &str| typed.consts.iter().find(|c| c.name == name).map(|c| c.value.clone());
    let ints = |values: &[i64]| ConstValue::Array(values.iter().copied().map(ConstValue::Int).collect());
    assert_eq!(value("B"), Some(ints(&[1, 2, 3])));
    let expected = ConstValue::Struct(vec![ConstValue::Int(-6), ConstValue::Array(vec![ConstValue::Float(1.0)])]);
    assert_eq!(value("Q"), Some(expected));
    assert_eq!(value("NONE"), Some(ConstValue::Array(vec![])));
    assert_eq!(value("SAME"), None, "a scalar stands where it is used");
    assert!(typed.exprs.iter().any(|e| matches!(e.kind, ExprKind::Bool(true))));
}

#[test]
fn wrong_constants() {
    for (items, expected) in [
        ("const A = B\nconst B = C\nconst C = A\nconst D = A", vec!["E0502"]),
        ("const A = A", vec!["E0502"]),
        ("const A = 1 / (2 - 2)", vec!["E0503"]),
        ("const A = 1 << 64\nconst B = A + 1", vec!["E0503"]),
        ("const A = Int(NAN)", vec!["E0503"]),
        ("const A = -(-9223372036854775808)", vec!["E0503"]),
        ("const A = nope", vec!["E0201"]),
        ("const A = [1].len()", vec!["E0501"]),
        ("const A = \"{1}\"", vec!["E0501"]),
        ("const A: Float = 1", vec!["E0301"]),
        ("const A = [1, \"a\"]", vec!["E0301"]),
        ("const A = []", vec!["E0308"]),
        ("const A = 1 + true < 3 && nope", vec!["E0201", "E0302"]),
        ("struct S { x: Int }\nconst A = S(x: 1, y: 2)", vec!["E0204"]),
        ("struct S { x: Int }\nconst A = S(x: \"a\")\nconst B = [A]", vec!["E0301"]),
        ("const A: Nope = 1", vec!["E0203"]),
        ("const A = main", vec!["E0206"]),
        ("const A = Nope(x: 1)", vec!["E0202"]),
    ] {
        let mut found = codes_in(items, "print(1)");
        found.sort();
        assert_eq!(found, expected, "{items}");
    }
}

#[test]
fn structs() {
    for (items, expected) in [
        ("struct A { b: [B], g: Grid[A] }\nstruct B { a: A }", vec![]),
        ("struct A { b: B }\nstruct B { c: C }\nstruct C { a: A }", vec!["E0505"]),
        ("struct A { a: A }", vec!["E0505"]),
        ("struct A { a: Nope }\nstruct B { a: A }", vec!["E0203"]),
        ("struct A { }", vec!["E0508"]),
    ] {
        assert_eq!(codes_in(items, "print(1)"), expected, "{items}");
    }
}

/// Checks `text` on a thread with a stack of 2 MiB.
fn on_small_stack(text: String) -> Vec<&'static str> {
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            let (tree, diagnostics) = parse(&Source::new("test.tg", text));
            assert!(diagnostics.is_empty(), "{:?}", &diagnostics[..1]);
            check(&tree).err().unwrap_or_default().iter().map(|d| d.code).collect()
        })
        .expect("a thread starts")
        .join()
        .expect("it fits")
}

const NONE: [&str; 0] = [];

#[test]
fn long_chains_need_no_stack() {
    const N: usize = 100_000;
    let main = |body: &str| format!("fn f(n: Int) -> Int {{ return n }}\nfn main() {{\n{body}\n}}\n");
    let arms = " else if x > 1 { print(1) }".repeat(N);
    let value_arms = " else if x > 1 { 1 }".repeat(N);
    for body in [
        format!("let x = 1\nprint(x{})", " + x".repeat(N)),
        format!("print(1{})", " + 1".repeat(N)),
        format!("let x = 1\nprint(x{})", ".f()".repeat(N)),
        format!("let x = [1]\nprint(x{})", "[..]".repeat(N)),
        format!("var x = [1]\nx{} = [2]", "[..]".repeat(N)),
        format!("let x = 1\nif x > 1 {{ print(1) }}{arms}"),
        format!("let x = 1\nlet y = if x > 1 {{ 1 }}{value_arms} else {{ 2 }}\nprint(y)"),
    ] {
        assert_eq!(on_small_stack(main(&body)), NONE, "{}", &body[..40]);
    }
    let consts: String = (0..N).map(|i| format!("const C{i} = C{} + 1\n", i + 1)).collect();
    assert_eq!(on_small_stack(format!("{consts}const C{N} = 1\n{}", main("print(C0)"))), NONE);
    assert_eq!(on_small_stack(format!("const S = \"a\"{}\n{}", " + \"a\"".repeat(N), main("print(S)"))), NONE);
    let structs: String = (0..N / 4).map(|i| format!("struct S{i} {{ next: S{} }}\n", i + 1)).collect();
    assert_eq!(on_small_stack(format!("{structs}struct S{} {{ n: Int }}\n{}", N / 4, main("print(1)"))), NONE);
}

#[test]
fn nesting_fits_a_small_stack() {
    let main = |body: &str| format!("fn f(n: Int) -> Int {{ return n }}\nfn main() {{\nlet x = 1\n{body}\n}}\n");
    let nested =
        |open: &str, inner: &str, close: &str, n: usize| format!("{}{inner}{}", open.repeat(n), close.repeat(n));
    for body in [
        format!("print({})", nested("(x + ", "1", ")", 240)),
        format!("print({})", nested("f(f(", "1", "))", 120)),
        format!("print({})", nested("true || 1 < 1 | 1 ^ 1 & 1 << 1 + 1 * f(Int(", "true", "))", 120)),
        format!("print({})", nested("if x > 1 { ", "1", " } else { 2 }", 240)),
        nested("if x > 1 {\n", "print(1)", "\n}", 240),
        nested("while x > 1 {\n", "print(1)", "\n}", 240),
        format!("print({})", nested("[", "1", "]", 240)),
        format!("print({})", nested("[", "1", " for i in 0..1]", 240)),
        format!("print({})", nested("sum(", "1", " for i in 0..1)", 240)),
        format!("print({})", nested("-", "x", "", 200)),
        format!("print({})", nested("Str([", "x", "])", 120)),
    ] {
        assert_eq!(on_small_stack(main(&body)), NONE, "{}", &body[..60]);
    }
}

#[test]
fn what_would_grow_without_end_is_refused() {
    let main = "fn main() {\n    print(1)\n}\n";
    let doubling: String = (1..60).map(|i| format!("const C{i} = C{p} + C{p}\n", p = i - 1)).collect();
    assert_eq!(codes(&format!("const C0 = [1]\n{doubling}{main}")), ["E0507"]);
    let deeper: String = (1..400).map(|i| format!("const C{i} = [C{}]\n", i - 1)).collect();
    assert_eq!(codes(&format!("const C0 = [1]\n{deeper}{main}")), ["E0507"]);
    let types: String = (1..60_100).map(|i| format!("    let c{i} = [c{}]\n", i - 1)).collect();
    assert_eq!(codes(&format!("fn main() {{\n    let c0 = 1\n{types}}}\n")), ["E0507"]);
    let params: Vec<String> = (0..256).map(|i| format!("p{i}: Int")).collect();
    assert_eq!(codes(&format!("fn f({}) {{ }}\n{main}", params.join(", "))), ["E0507"]);
}

#[test]
fn many_functions_and_many_errors_take_linear_time() {
    let started = std::time::Instant::now();
    let chain: String = (0..50_000)
        .map(|i| format!("fn f{i}(inout xs: [Int], n: Int) -> Int {{ return f{}(&xs, n) + n }}\n", i + 1))
        .collect();
    let last = "fn f50000(inout xs: [Int], n: Int) -> Int {\n    xs.push(n)\n    print(n)\n    return n\n}\n";
    let typed = typed(&format!("{chain}{last}fn main() {{\n    var xs = [1]\n    print(f0(&xs, 1))\n}}\n"));
    assert_eq!(function(&typed, "f0").effects, Effects::OUTPUT);
    assert_eq!(function(&typed, "f0").locals[0].kind, LocalKind::Inout { resizes: true });
    let errors: String =
        (0..20_000).map(|i| format!("fn g{i}() -> Int {{ return undefined_{i} + missing({i}) }}\n")).collect();
    assert_eq!(codes(&format!("{errors}fn main() {{ }}\n")).len(), 40_000);
    assert!(started.elapsed().as_secs() < 20, "linear work takes a second or two");
}

/// Asserts that each statement that is an expression is a call or an `if`, in all blocks.
fn only_calls_and_ifs(typed: &Typed, block: &Block) {
    for stmt in &block.stmts {
        let StmtKind::Expr(id) = stmt.kind else { continue };
        match &typed[id].kind {
            ExprKind::Call { .. } | ExprKind::Builtin { .. } | ExprKind::Assert(..) => {}
            ExprKind::If { arms, otherwise } => {
                for block in arms.iter().map(|arm| &arm.1).chain(otherwise.as_deref()) {
                    assert!(block.value.is_none());
                    only_calls_and_ifs(typed, block);
                }
            }
            kind => panic!("a statement is {kind:?}"),
        }
    }
}

#[test]
fn only_calls_and_ifs_stand_as_statements() {
    let typed = typed(
        "fn f(n: Int) -> Int { return n }
fn main() {
    f(1)
    1.f().f()
    let x = if args().len() > 1 {
        if true { return } else { panic(\"\") }
    } else {
        f(2)
    }
    print(x)
    assert(true)
}
",
    );
    for function in &typed.functions {
        only_calls_and_ifs(&typed, &function.body);
    }
    let block = typed.exprs.iter().find_map(|e| match &e.kind {
        ExprKind::If { arms, .. } if arms[0].1.diverges && e.ty == tgvm::bytecode::types::TypeId::INT => {
            Some(&arms[0].1)
        }
        _ => None,
    });
    let block = block.expect("the block that leaves is there");
    assert!(block.value.is_none());
    only_calls_and_ifs(&typed, block);
}

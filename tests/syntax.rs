//! The syntax stage as its users see it: text in; tree and diagnostics out.

use std::fmt::Write;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tgvm::syntax::codes::SYNTAX;
use tgvm::syntax::diagnostic::Diagnostic;
use tgvm::syntax::parse;
use tgvm::syntax::span::Source;
use tgvm::syntax::tree::*;

fn parsed(text: &str) -> (Tree, Vec<Diagnostic>) {
    parse(&Source::new("test.tg", text))
}

/// The tree of a program without mistakes.
#[track_caller]
fn good(text: &str) -> Tree {
    let (tree, diagnostics) = parsed(text);
    assert!(diagnostics.is_empty(), "{}", shown(text, &diagnostics));
    tree
}

/// The codes of what is wrong, with their lines.
fn codes(text: &str) -> Vec<(&'static str, usize)> {
    let source = Source::new("test.tg", text);
    let place = |d: &Diagnostic| (d.code, source.line_column(d.labels[0].span.start).0);
    parse(&source).1.iter().map(place).collect()
}

/// A plain rendering: the line, marks under it, the help.
fn shown(text: &str, diagnostics: &[Diagnostic]) -> String {
    let source = Source::new("test.tg", text);
    let mut out = String::new();
    for diagnostic in diagnostics {
        writeln!(out, "{}: {}", diagnostic.code, diagnostic.message).unwrap();
        for label in &diagnostic.labels {
            let (line, column) = source.line_column(label.span.start);
            let marks = source.text[label.span.range()].chars().count().max(1);
            writeln!(out, "{line:4} | {}", text.lines().nth(line - 1).unwrap_or("")).unwrap();
            writeln!(out, "     | {}{} {}", " ".repeat(column - 1), "^".repeat(marks), label.text).unwrap();
        }
        for help in &diagnostic.help {
            writeln!(out, "help: {help}").unwrap();
        }
    }
    out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// What the value of `const X = …` is, fully parenthesised.
fn grouped(text: &str) -> String {
    let tree = good(&format!("const X = {text}\n"));
    let Item::Const(item) = &tree.items[0] else { panic!("not a constant") };
    group(&tree, item.value)
}

fn group(tree: &Tree, e: ExprId) -> String {
    let name = |name: &Name| tree.names.text(name.symbol);
    let join = |parts: Vec<String>| parts.join(", ");
    let args = |args: &[Arg]| {
        let one = |arg: &Arg| {
            let label = arg.label.map_or(String::new(), |label| format!("{}: ", name(&label)));
            format!("{label}{}{}", if arg.inout.is_some() { "&" } else { "" }, group(tree, arg.value))
        };
        join(args.iter().map(one).collect())
    };
    let index = |index: &Index| match *index {
        Index::At(e) => group(tree, e),
        Index::Range { lo, hi, .. } => {
            let end = |e: Option<ExprId>| e.map_or(String::new(), |e| group(tree, e));
            format!("{}..{}", end(lo), end(hi))
        }
    };
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => format!("{text:?}"),
        Piece::Value { value, format: None } => format!("<{}>", group(tree, *value)),
        Piece::Value { value, format: Some(f) } => {
            format!("<{} : {:?}.{:?}>", group(tree, *value), f.width, f.precision)
        }
    };
    match &tree[e].kind {
        ExprKind::Int(n) => n.to_string(),
        ExprKind::Float(x) => format!("{x:?}"),
        ExprKind::Bool(b) => b.to_string(),
        ExprKind::Str(s) => format!("{s:?}"),
        ExprKind::Interpolation(pieces) => pieces.iter().map(piece).collect::<Vec<_>>().join(" "),
        ExprKind::Name(symbol) => tree.names.text(*symbol).into(),
        ExprKind::Unary(op, e) => format!("({op:?} {})", group(tree, *e)),
        ExprKind::Binary(op, a, b) => format!("({} {} {})", group(tree, *a), op.text(), group(tree, *b)),
        ExprKind::Field(e, field) => format!("{}.{}", group(tree, *e), name(field)),
        ExprKind::Index(e, i) => format!("{}[{}]", group(tree, *e), join(i.iter().map(index).collect())),
        ExprKind::Call { name: f, args: a } => format!("{}({})", name(f), args(a)),
        ExprKind::Method { receiver, name: f, args: a } => {
            format!("{}.{}({})", group(tree, *receiver), name(f), args(a))
        }
        ExprKind::Array(es) => format!("[{}]", join(es.iter().map(|&e| group(tree, e)).collect())),
        ExprKind::NewArray(ty, a) => format!("new [{}]({})", type_text(tree, ty), args(a)),
        ExprKind::NewGrid(ty, a) => format!("new Grid[{}]({})", type_text(tree, ty), args(a)),
        ExprKind::Comprehension { element, .. } => format!("[{} for]", group(tree, *element)),
        ExprKind::Reduction { name: f, element, .. } => format!("{}({} for)", name(f), group(tree, *element)),
        ExprKind::If { arms, otherwise } => format!("if/{}/{}", arms.len(), otherwise.is_some()),
        ExprKind::Error => "error".into(),
    }
}

fn type_text(tree: &Tree, ty: &TypeExpr) -> String {
    match &ty.kind {
        TypeKind::Name(name) => tree.names.text(name.symbol).into(),
        TypeKind::Array(element) => format!("[{}]", type_text(tree, element)),
        TypeKind::Grid(element) => format!("Grid[{}]", type_text(tree, element)),
    }
}

/// How many statements are in `fn main() { … }`.
#[track_caller]
fn statements(body: &str) -> usize {
    let tree = good(&format!("fn main() {{\n{body}\n}}\n"));
    match &tree.items[0] {
        Item::Function(function) => function.body.as_ref().expect("it has one").stmts.len(),
        other => panic!("{other:?}"),
    }
}

mod grammar {
    use super::*;

    #[test]
    fn operators_bind_as_the_spec_says() {
        assert_eq!(grouped("1 + 2 * 3 - 4"), "((1 + (2 * 3)) - 4)");
        assert_eq!(
            grouped("a || b && c == d | e ^ f & g << h + i * -j"),
            "(a || (b && (c == (d | (e ^ (f & (g << (h + (i * (Neg j))))))))))"
        );
        assert_eq!(grouped("-a.b[0] + !c(d)"), "((Neg a.b[0]) + (Not c(d)))");
        assert_eq!(grouped("a - b - c"), "((a - b) - c)");
        assert_eq!(grouped("a *% b +% c -% d"), "(((a *% b) +% c) -% d)");
        assert_eq!(grouped("(a + b) * c"), "((a + b) * c)");
        assert_eq!(grouped("(a < b) == c"), "((a < b) == c)");
        assert_eq!(grouped("a - -b"), "(a - (Neg b))");
        assert_eq!(grouped("~a & b"), "((BitNot a) & b)");
    }

    #[test]
    fn calls_and_new_arrays_are_told_apart() {
        assert_eq!(grouped("f(1, x: 2, &a[0].b)"), "f(1, x: 2, &a[0].b)");
        assert_eq!(grouped("a.f(1).g().h"), "a.f(1).g().h");
        assert_eq!(grouped("[Float](n, fill: 0.0)"), "new [Float](n, fill: 0.0)");
        assert_eq!(grouped("[[Int]](3)"), "new [[Int]](3)");
        assert_eq!(grouped("[Grid[[Int]]](3)"), "new [Grid[[Int]]](3)");
        assert_eq!(grouped("Grid[Float](2, 3, fill: 1.0)"), "new Grid[Float](2, 3, fill: 1.0)");
        assert_eq!(grouped("[x].len()"), "[x].len()");
        assert_eq!(grouped("5.max(3)"), "5.max(3)");
        assert_eq!(grouped("sum(x * x for x in xs if x > 0)"), "sum((x * x) for)");
        assert_eq!(grouped("[i for i in 0..10 by 2]"), "[i for]");
        assert_eq!(grouped("[]"), "[]");
        assert_eq!(grouped("[1, 2,]"), "[1, 2]");
    }

    #[test]
    fn indices_may_be_open_ranges() {
        assert_eq!(grouped("a[1..n]"), "a[1..n]");
        assert_eq!(grouped("g[r, ..]"), "g[r, ..]");
        assert_eq!(grouped("g[a..b, ..c]"), "g[a..b, ..c]");
        assert_eq!(grouped("a[i + 1..]"), "a[(i + 1)..]");
    }

    #[test]
    fn numbers_have_their_forms() {
        assert_eq!(grouped("0xff + 0b1010 + 0o17 + 1_000"), "(((255 + 10) + 15) + 1000)");
        assert_eq!(grouped("-9223372036854775808"), "(Neg 9223372036854775808)");
        assert_eq!(grouped("1.5 + 2.5e-3 + 1e9 + 1_0.2_5"), "(((1.5 + 0.0025) + 1000000000.0) + 10.25)");
        for wrong in ["1__0", "1_", "0x", "0b2", "0o8", "12ab", "1e", "0xfg", "1.5x", "1_.5", "1e5e5", "1.5e"] {
            assert_eq!(codes(&format!("const X = {wrong}\n")), [("E0107", 1)], "{wrong}");
        }
        for large in ["9223372036854775809", "0xffffffffffffffff", "99999999999999999999999", "1e999"] {
            assert_eq!(codes(&format!("const X = {large}\n")), [("E0106", 1)], "{large}");
        }
    }

    #[test]
    fn strings_interpolate_and_nest() {
        assert_eq!(grouped(r#""""#), r#""""#);
        assert_eq!(grouped(r#""a\n\"\{\u{1F600}\}\\""#), r#""a\n\"{😀}\\""#);
        assert_eq!(grouped(r#""total {x}, {y:8.2}""#), r#""total " <x> ", " <y : Some(8).Some(2)>"#);
        assert_eq!(grouped(r#""{join(names, ", ")}""#), r#"<join(names, ", ")>"#);
        assert_eq!(grouped(r#""{f("{g("{h}")}")}!""#), r#"<f(<g(<h>)>)> "!""#);
        assert_eq!(grouped(r#""{if a { "x" } else { "y" }}""#), "<if/1/true>");
        assert_eq!(grouped(r#""{P(x: 1)[a..b]:>5}""#), "<P(x: 1)[a..b] : Some(5).None>");
        assert_eq!(grouped("\"é{x}ü\""), "\"é\" <x> \"ü\"");
    }

    #[test]
    fn statements_end_as_in_go() {
        assert_eq!(statements("a()\nb()"), 2);
        assert_eq!(statements("a(); b();;\n\n\n;c()"), 3);
        assert_eq!(statements("let x = 1 +\n    2 *\n    3\nlet y = f(\n    1,\n    2,\n)"), 2);
        assert_eq!(statements("return\na"), 2);
        assert_eq!(statements("if a { b() } else { c() }\nd()"), 2);
        assert_eq!(statements("xs.\n    map().\n    sort()"), 1);
        assert_eq!(statements("a() // comment\n/// doc\nb()"), 2);
        assert_eq!(statements(""), 0);
        good("struct A { x: Int, y: [Float]\n z: Grid[Bool], }\nstruct B {\n    x: Int\n    y: Int\n}\nstruct C {}\n");
        good("fn f(inout a: [Int], b: Int,) -> Int { return b }");
    }

    #[test]
    fn unusual_but_right_text_is_accepted() {
        good("");
        good("\n\n// nothing\n");
        good("\u{feff}fn main() {\r\n    print(\"a\")\r\n}\r\n");
        good(&format!("fn main() {{ print(\"{}\") }}", "x".repeat(1 << 20)));
        good(&format!("fn main() {{ print(1) }} // {}", "é".repeat(1 << 19)));
        good(&format!("fn main() {{ let a = [{}] }}", "1, ".repeat(1 << 18)));
    }

    #[test]
    fn long_chains_parse() {
        const N: usize = 100_000;
        good(&format!("const X = 1{}\n", " + 1".repeat(N)));
        good(&format!("const X = a{}\n", ".f(1)".repeat(N)));
        good(&format!("const X = a{}\n", "[0]".repeat(N)));
        good(&format!("fn main() {{\n{}}}\n", "a()\n".repeat(N)));
        let chain = format!("    if a {{ b }}{}\n", " else if a { b }".repeat(N));
        let arms = |e: &Expr| if let ExprKind::If { arms, .. } = &e.kind { Some(arms.len()) } else { None };
        let tree = good(&format!("fn main() {{\n{chain}}}\n"));
        assert_eq!(tree.exprs.iter().find_map(arms), Some(N + 1));
        // The same beside a mistake, which is read piece by piece.
        let (tree, diagnostics) = parsed(&format!("fn main() {{\n{chain}    let = 1\n}}\n"));
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(tree.exprs.iter().filter_map(arms).max(), Some(N + 1));
    }

    #[test]
    fn the_nesting_limit_is_exact() {
        for (open, close) in [("(", ")"), ("[", "]"), ("-", ""), ("!(", ")"), ("-f(", ")"), ("a[", "]")] {
            let text = |n: usize| format!("const X = {}1{}\n", open.repeat(n), close.repeat(n));
            let n = if matches!(open, "!(" | "-f(") { 128 } else { 256 };
            good(&text(n));
            assert_eq!(codes(&text(n + 1)), [("E0108", 1)], "{open}");
        }
        let blocks = |n: usize| format!("fn main() {{{}{}}}\n", "if a {".repeat(n), "}".repeat(n));
        good(&blocks(255));
        assert_eq!(codes(&blocks(256)), [("E0108", 1)]);
        let ifs = |n: usize| format!("fn main() {{ {}a{} }}\n", "if ".repeat(n), " { b } else { c }".repeat(n));
        good(&ifs(250));
        assert_eq!(codes(&ifs(300)), [("E0108", 1)]);
        // Only what is around counts, not what came before.
        good(&format!("fn main() {{\n{}}}\n", "    let x = -(-1)\n    f(!a, [-1])\n    if -x < 1 { }\n".repeat(1_000)));
        good(&format!("const X = 0{}\n", " + -(-a.b[1])".repeat(1_000)));
    }
}

mod mistakes {
    use super::*;

    #[test]
    fn every_code_has_its_program() {
        for code in SYNTAX {
            let diagnostics = parsed(code.wrong).1;
            let found: Vec<_> = diagnostics.iter().map(|d| d.code).collect();
            assert_eq!(found, [code.code], "{}", shown(code.wrong, &diagnostics));
            good(code.right);
            if !matches!(code.code, "E0101" | "E0108") {
                insta::assert_snapshot!(code.code, format!("{}\n{}", code.wrong, shown(code.wrong, &diagnostics)));
            }
        }
        assert!(SYNTAX.is_sorted_by_key(|code| code.code));
    }

    /// Each of these lines, in a function, is one mistake.
    const LINES: &[(&str, &str)] = &[
        ("and_word", "if a and b { c() }"),
        ("argument_lines", "f(\n        a,\n        b\n        c,\n    )"),
        ("as_word", "let x = y as Float"),
        ("assign_in_argument", "f(x = 1)"),
        ("await_word", "let x = await f(1)"),
        ("block_by_itself", "{ f() }"),
        ("brace_literal", "let p = Point { x: 1 }"),
        ("call_twice", "f(1)(2)"),
        ("call_without_parentheses", "print \"hello\""),
        ("chained_comparison", "while 0 <= x < 10 { f() }"),
        ("closure", "let f = |x| x + 1"),
        ("colon_block", "if x:"),
        ("colon_equals", "x := 1"),
        ("comprehension_without_in", "let a = [x for x xs]"),
        ("condition_assigns", "while x = 1 { f() }"),
        ("decrement", "i--"),
        ("decrement_again", "let x = i-- ;"),
        ("dictionary", "let m = { \"a\": 1 }"),
        ("dollar", "let x = $y"),
        ("each", "each x in xs { f(x) }"),
        ("elif", "if a { b() } elif c { d() }"),
        ("else_by_itself", "else { f() }"),
        ("empty_condition", "if { f() }"),
        ("empty_interpolation", "print(\"{ }\")"),
        ("for_c", "for (var i = 0; i < n; i++) { f(i) }"),
        ("for_equals", "for i = 0 { f(i) }"),
        ("format", "print(\"{x:5d}\")"),
        ("hash_comment", "# a comment"),
        ("if_then", "if a then b()"),
        ("inclusive_range", "for i in 0..=n { f(i) }"),
        ("int_declaration", "int x = 5"),
        ("keyword_as_name", "let in = 3"),
        ("let_mut", "let mut x = 1"),
        ("let_tuple", "let (a, b) = f()"),
        ("let_two", "let a, b = f()"),
        ("let_without_equals", "let x 5"),
        ("let_without_value", "let x: Int"),
        ("lost_operand", "let x = 1 +* 2"),
        ("match", "match x { 1 => a(), _ => b() }"),
        ("method_on_next_line", "xs\n        .sort()"),
        ("mismatched", "print(a[1)]"),
        ("missing_comma", "f(a b)"),
        ("missing_parenthesis", "print(a + (b * c)"),
        ("new_array_of_nothing", "let a = [](3)"),
        ("no_brace", "if x return"),
        ("not_word", "if not a { b() }"),
        ("number_point", "let x = 1. + 2.0"),
        ("range_alone", "let r = 0..10"),
        ("single_quotes", "let s = 'single'"),
        ("slice_colon", "let b = a[0:2]"),
        ("spread", "f(...xs)"),
        ("step_word", "for i in 0..n step 2 { f(i) }"),
        ("stray_brace_in_string", "print(\"a } b\")"),
        ("struct_inside", "struct P { x: Int }"),
        ("struct_with_type", "class P {\n        x: Int\n    }"),
        ("ternary", "let x = a ? b : c"),
        ("triple_equals", "if a === b { c() }"),
        ("try", "try { f() }"),
        ("tuple", "let t = (1, 2)"),
        ("two_after_block", "if a { b() } c()"),
        ("two_calls", "a() b()"),
        ("typed_without_let", "x: Int = 5"),
        ("unicode_name", "let größe = 1"),
        ("unicode_quotes", "print(“hello”)"),
        ("unknown_escapes", "print(\"\\q \\u{110000} \\x\")"),
        ("unterminated", "print(\"hello)"),
        ("unterminated_before_block", "if a == \"b {\n    }"),
        ("unterminated_interpolation", "print(\"a {x\")"),
    ];

    #[test]
    fn common_mistakes_are_explained() {
        for (name, line) in LINES {
            let text = format!("fn main() {{\n    before()\n    {line}\n    after()\n}}\n");
            insta::assert_snapshot!(*name, format!("{line}\n\n{}", shown(&text, &parsed(&text).1)));
        }
    }

    /// Each of these is a program with one mistake in an item.
    const ITEMS: &[(&str, &str)] = &[
        ("item_allman", "fn main()\n{\n    while a\n    {\n        b()\n    }\n}\n"),
        ("item_block_comment", "/* a\n   b */\nfn main() {\n}\n"),
        ("item_class", "class Point {\n    x: Int\n}\n"),
        ("item_colon_result", "fn f(): Int { return 1 }\n"),
        ("item_const_value", "const X\n"),
        ("item_def", "def f(x):\n    return x\n"),
        ("item_extra_brace", "fn main() {\n    if a {\n        b()\n    }\n    }\n    c()\n}\n\nfn f() {\n}\n"),
        ("item_extern_body", "extern fn draw(x: Int) {\n    print(x)\n}\n\nfn main() {\n}\n"),
        ("item_extern_bare", "extern draw(x: Int)\n\nfn main() {\n}\n"),
        ("item_extern_no_parameters", "extern task draw -> Int\n\nfn main() {\n}\n"),
        ("item_extern_untyped", "extern fn draw(x, y: Int)\n\nfn main() {\n}\n"),
        ("item_field_types", "struct P { x, y }\n"),
        ("item_generic_type", "fn f(m: Map[Int]) {\n}\n"),
        ("item_import", "import math\n\nfn main() {\n}\n"),
        ("item_keyword_field", "struct S { in: Int }\n"),
        ("item_keyword_parameter", "fn f(x: Int, by: Int) {\n}\n"),
        (
            "item_missing_brace",
            "fn main() {\n    while a {\n        if b {\n            c()\n    }\n    d()\n}\n\nfn f() {\n}\n",
        ),
        ("item_no_parameters", "fn main {\n    a()\n}\n"),
        ("item_parameter_order", "fn f(Int x) {\n}\n"),
        ("item_pub", "pub fn f() {\n}\n"),
        ("item_result", "fn f() Int {\n    return 1\n}\n"),
        ("item_script", "let x = 1\nprint(x)\nif x == 1 {\n    print(x)\n}\n"),
        ("item_shebang", "#!/usr/bin/env tgvm\nfn main() {\n}\n"),
        ("item_stray_word", "fn main() {\n} extra\n"),
        ("item_struct_parentheses", "struct P(x: Int)\n"),
        ("item_truncated", "fn main() {\n    if a {\n        let x ="),
        ("item_truncated_call", "fn main() {\n    print(1"),
        ("item_unclosed_head", "fn f(a: Int\n\nfn g() {\n}\n"),
        ("item_unfinished_const", "const X = 1 +\n\nfn g() {\n}\n"),
        ("item_use", "use \"matrix.tg\"\n\nfn main() {\n}\n"),
    ];

    #[test]
    fn mistakes_in_items_are_explained() {
        for (name, text) in ITEMS {
            insta::assert_snapshot!(*name, format!("{text}\n{}", shown(text, &parsed(text).1)));
        }
    }

    #[test]
    fn each_mistake_is_one_diagnostic() {
        let text = "fn f() {\n    let = 1\n    ok()\n    while x y {\n        g(1, )\n        h(,)\n    }\n}\n\n\
            fn g( {\n}\n\nfn h() {\n    )\n}\n";
        assert_eq!(codes(text), [("E0112", 2), ("E0115", 4), ("E0112", 6), ("E0110", 10), ("E0111", 14)]);
    }

    #[test]
    fn what_is_right_beside_a_mistake_is_in_the_tree() {
        let text = "fn f() {\n    a()\n    let = 1\n    if c { b( } else { d() }\n    e()\n}\nfn g() {\n";
        let (tree, diagnostics) = parsed(text);
        assert_eq!(diagnostics.len(), 3, "{}", shown(text, &diagnostics));
        let Item::Function(f) = &tree.items[0] else { panic!() };
        let stmts = &f.body.as_ref().expect("it has one").stmts;
        assert_eq!(stmts.len(), 4);
        assert!(matches!(stmts[1].kind, StmtKind::Error));
        assert!(matches!(stmts[3].kind, StmtKind::Expr(_)));
        assert_eq!(tree.items.len(), 2);
    }

    #[test]
    fn no_more_than_about_a_thousand_are_kept() {
        let wrong = ["let = 1", "f(a b)", "print(\"x", "'x", "f(", "}", "if a", "else", "1__0", "{"];
        for line in wrong {
            let text = format!("fn main() {{\n{}}}\n", format!("    {line}\n").repeat(100_000));
            let begin = Instant::now();
            let n = parsed(&text).1.len();
            assert!((1..=2_000).contains(&n), "{line}: {n}");
            assert!(begin.elapsed() < Duration::from_secs(10), "{line}: {:?}", begin.elapsed());
        }
    }

    #[test]
    fn endless_nesting_is_one_quick_error() {
        for open in ["(", "[", "{", "-", "!", "if ", "f(", "[[Int", "\"{", "fn main() {\n", "if a {\n", "a[", "-("] {
            for before in ["", "fn main() {\n    ", "const X = "] {
                let text = format!("{before}{}", open.repeat(100_000));
                let begin = Instant::now();
                let diagnostics = parsed(&text).1;
                assert!(begin.elapsed() < Duration::from_secs(5), "{open:?}");
                assert!(diagnostics.iter().filter(|d| d.code == "E0108").count() <= 1, "{open:?}");
                assert!(!diagnostics.is_empty());
            }
        }
        let text = format!("fn main() {{\n    print({}1)\n}}\n", "(".repeat(100_000));
        assert_eq!(codes(&text), [("E0108", 2)]);
    }
}

mod properties {
    use super::*;

    /// Any text gives a tree and diagnostics whose spans are places in it.
    fn survives(text: &str) -> Result<(), TestCaseError> {
        let (tree, diagnostics) = parsed(text);
        let spans = diagnostics.iter().flat_map(|d| d.labels.iter().map(|label| label.span));
        for span in spans.chain(tree.exprs.iter().map(|e| e.span)) {
            prop_assert!(span.start <= span.end && text.get(span.range()).is_some(), "{span:?} in {text:?}");
        }
        for diagnostic in &diagnostics {
            prop_assert!(SYNTAX.iter().any(|code| code.code == diagnostic.code), "{diagnostic:?}");
            prop_assert!(!diagnostic.message.ends_with('.') && !diagnostic.message.contains('\n'), "{diagnostic:?}");
        }
        prop_assert!(diagnostics.is_sorted_by_key(|d| d.labels[0].span.start));
        Ok(())
    }

    const PROGRAM: &str = "\
struct Body { pos: Float, vel: Float }
const N: Int = 1_000
task scale(inout xs: [Float], k: Float) -> Int {
    for i in 0..xs.len() by 2 { xs[i] *= k }
    while xs.len() > 0 && k != 1.5e-3 {
        if a { break } else if b { continue } else { return -1 }
    }
    return 0
}
fn main() {
    var a = [Float](N, fill: 1.0)
    scale(&a[lo..hi], 2.0)
    let g = Grid[Int](2, 3, fill: 0)
    let total = sum(x * x for x in a if x > 0.0)
    let fibs = [fib(n) for n in 20..30]
    print(\"total {total:8.2}, {join(names, \", \")} \\u{1F600}\\n\")
    let b = Body(pos: 1.0, vel: if a { 1.0 } else { 2.0 })
    g[1, ..] = b.pos.f(~3)[..2] // comment
}
";

    /// A piece of text that means something to the parser.
    fn word() -> impl Strategy<Value = String> {
        const WORDS: &[&str] = &[
            "fn",
            "task",
            "struct",
            "const",
            "let",
            "var",
            "if",
            "else",
            "while",
            "for",
            "in",
            "by",
            "break",
            "return",
            "inout",
            "match",
            "x",
            "main",
            "Grid",
            "Int",
            "1",
            "2.5",
            "\"",
            "\"a\"",
            "\\",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            ".",
            "..",
            "->",
            "=",
            "+=",
            "+",
            "-",
            "*",
            "!",
            "&",
            "<",
            "==",
            ";",
            "\n",
            "\nfn f() {\n",
            "é",
            "'",
            "/*",
            "*/",
            "//",
            "\r\n",
            "#",
            "1.",
            "\u{feff}",
            "\"{",
            "}\"",
            ":5}\"",
            "++",
            "else if",
            "\\u{",
            "\0",
        ];
        prop_oneof![4 => proptest::sample::select(WORDS).prop_map(String::from), 1 => "\\PC{0,4}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_survived(text in "(?s).{0,200}") {
            survives(&text)?;
        }

        #[test]
        fn any_words_are_survived(words in proptest::collection::vec(word(), 0..60), gap in "[ \n]?") {
            survives(&words.join(&gap))?;
        }

        #[test]
        fn a_changed_program_is_survived(
            at in 0..PROGRAM.len(),
            length in 0usize..20,
            words in proptest::collection::vec(word(), 0..3),
        ) {
            let to = (at + length).min(PROGRAM.len());
            survives(&format!("{}{}{}", &PROGRAM[..at], words.join(" "), &PROGRAM[to..]))?;
        }

        #[test]
        fn a_mistake_in_one_function_leaves_the_next(words in proptest::collection::vec(word(), 0..20)) {
            let words = words.join(" ").replace(['\n', '\0'], " ");
            let text = format!("fn f() {{\n{words}\n}}\nfn g() {{\n    a()\n}}\n");
            let (tree, _) = parsed(&text);
            let g = tree.names.find("g");
            let is_g = |item: &Item| matches!(item, Item::Function(f) if Some(f.name.symbol) == g);
            prop_assert!(tree.items.iter().any(is_g) || text.contains("/*"), "{text}");
        }
    }

    #[test]
    fn reading_by_pieces_gives_the_same_tree() {
        let whole = parsed(PROGRAM).0;
        // A mistake in a last function has the rest read by pieces, too.
        let pieces = parsed(&format!("{PROGRAM}fn f() {{\n    let = 1\n}}\n")).0;
        assert_eq!(pieces.items.len(), whole.items.len() + 1);
        assert_eq!(outline(&pieces), outline(&whole));
    }

    /// What is in the program, without the numbers of expressions and names: the order of reading shows in them.
    fn outline(tree: &Tree) -> Vec<String> {
        let items = tree.items.iter().take(4).map(|item| format!("{item:?}"));
        let exprs = tree.exprs.iter().map(|e| format!("{:?} {e:?}", e.span));
        let plain = |text: String| {
            let parts = text.split("Id(").flat_map(|part| part.split("Symbol("));
            parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect()
        };
        let mut lines: Vec<String> = items.chain(exprs).map(plain).collect();
        lines.sort();
        lines
    }

    #[test]
    fn the_program_itself_is_right() {
        good(PROGRAM);
    }
}

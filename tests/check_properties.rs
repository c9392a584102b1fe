//! Laws of the check stage, on programs made by changing correct ones: it never panics, whatever tree it gets, and what
//! it passes is well typed.

use tgvm::bytecode::builtins::BUILTINS;
use tgvm::bytecode::types::{Type, TypeId};
use tgvm::check::check;
use tgvm::check::codes::CHECK;
use tgvm::check::typed::{Arg, BinaryOp, Expr, ExprId, ExprKind, Extent, Typed};
use tgvm::syntax::parse;
use tgvm::syntax::span::Source;

/// A program with a bit of everything.
const RICH: &str = "struct Body { pos: [Float], mass: Float, tags: [Str] }
const LIMIT = 10
const PRIMES = [2, 3, 5]
const ORIGIN = Body(pos: [0.0, 0.0], mass: 1.0, tags: [])

fn norm(xs: [Float]) -> Float {
    return sqrt(sum(x * x for x in xs))
}

task scale(inout xs: [Float], k: Float) {
    for i in 0..xs.len() {
        xs[i] *= k
    }
}

fn grow(inout xs: [Float]) -> Int {
    xs.push(1.0)
    if xs.len() > LIMIT { return 0 } else { return grow(&xs) + 1 }
}

fn classify(n: Int) -> Str {
    let kind = if n < 0 { \"low\" } else if n == 0 { return \"zero\" } else { \"high\" }
    while true {
        if n > 3 { break }
        return kind + \"!\"
    }
    return \"{kind:>8} {n:04} {Float(n):.2}\"
}

fn main() {
    var bodies = [ORIGIN, Body(pos: [1.0], mass: 2.5, tags: [\"a\"])]
    var grid = Grid[Int](4, 4, fill: 0)
    var rng = Rng(seed: 42)
    scale(&bodies[0].pos, 2.0)
    print(grow(&bodies[1].pos) + PRIMES[0])
    grid[1, 2] = rng.next_int(0, 6)
    grid[0, ..] = [1, 2, 3, 4]
    grid[1..2, ..].fill(7)
    let evens = [x + 1 for x in grid if x % 2 == 0]
    print(count(x > 1 for x in evens) + max(x for x in evens))
    for body in bodies {
        print(classify(Int(body.mass)) + Str(norm(body.pos)))
    }
    bodies.sort()
    assert(bodies[0] <= bodies[1] && !bodies.is_empty(), \"order {bodies.len()}\")
}
";

/// Whether `c` may be part of a name or a number.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The tokens of a text, roughly, each with the spaces after it.
fn tokens(text: &str) -> Vec<&str> {
    let (mut tokens, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if first == '"' {
            rest[1..].find('"').map_or(rest.len(), |at| at + 2)
        } else {
            first.len_utf8()
        };
        let spaces = rest[length..].find(|c| c != ' ').unwrap_or(rest.len() - length);
        let (token, after) = rest.split_at(length + spaces);
        tokens.push(token);
        rest = after;
    }
    tokens
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// `text` with a few tokens replaced, dropped, doubled or swapped.
fn mutate(text: &str, pool: &[&str], random: &mut Random) -> String {
    let mut list = tokens(text);
    for _ in 0..=random.below(3) {
        let at = random.below(list.len());
        match random.below(8) {
            0 => {
                list.remove(at);
            }
            1 => list.insert(at, list[at]),
            2 => {
                let other = random.below(list.len());
                list.swap(at, other);
            }
            // Most often one name or number for another, so that many of the texts still parse.
            _ => {
                let other = pool[random.below(pool.len())];
                if other.starts_with(is_word) == list[at].starts_with(is_word) {
                    list[at] = other;
                }
            }
        }
    }
    let mut text = String::new();
    for token in list {
        if text.ends_with(is_word) && token.starts_with(is_word) {
            text.push(' ');
        }
        text.push_str(token);
    }
    text
}

#[test]
fn changed_programs_do_not_panic_and_what_passes_is_well_typed() {
    let mut sources: Vec<&str> = CHECK.iter().flat_map(|code| [code.right, code.wrong]).collect();
    sources.extend([RICH; 40]);
    let mut pool: Vec<&str> = sources.iter().flat_map(|text| tokens(text)).collect();
    pool.sort_unstable();
    pool.dedup();
    pool.extend(BUILTINS.iter().map(|b| b.name));
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut passed, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let text = mutate(sources[random.below(sources.len())], &pool, &mut random);
        let (tree, diagnostics) = parse(&Source::new("changed.tg", text.as_str()));
        match check(&tree) {
            Ok(typed) => {
                passed += 1;
                if diagnostics.is_empty() {
                    assert_well_typed(&typed, &text);
                }
            }
            Err(found) => {
                refused += usize::from(diagnostics.is_empty());
                assert!(!found.is_empty() || !diagnostics.is_empty(), "refused without a reason:\n{text}");
                for diagnostic in found {
                    let known = CHECK.iter().any(|code| code.code == diagnostic.code);
                    assert!(known, "{} is in the table", diagnostic.code);
                    assert!(diagnostic.labels.iter().all(|l| l.span.end as usize <= text.len()), "{text}");
                }
            }
        }
    }
    assert!(passed > 1_000 && refused > 3_000, "{passed} programs passed, {refused} were refused");
}

#[test]
fn the_rich_program_is_well_typed() {
    let (tree, diagnostics) = parse(&Source::new("rich.tg", RICH));
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let typed = check(&tree).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"));
    assert_well_typed(&typed, RICH);
}

/// Asserts the typing rules of each expression of the arena.
fn assert_well_typed(typed: &Typed, text: &str) {
    for expr in &typed.exprs {
        assert!((expr.ty.0 as usize) < typed.types.len(), "{expr:?}\n{text}");
        assert!(is_well_typed(typed, expr), "{expr:?} of type {}\n{text}", typed.types.name(expr.ty));
    }
}

fn is_well_typed(typed: &Typed, expr: &Expr) -> bool {
    let ty = |id: ExprId| typed[id].ty;
    let int = |id: ExprId| ty(id) == TypeId::INT;
    let bound = |id: Option<ExprId>| id.is_none_or(int);
    let extent = |extent: &Extent| match *extent {
        Extent::At(at) => int(at),
        Extent::Range(lo, hi) => bound(lo) && bound(hi),
    };
    let element = |id: ExprId| typed.types.element(ty(id));
    let is_grid = |id: ExprId| matches!(typed.types.get(ty(id)), Type::Grid(_));
    let valued = |id: ExprId| ty(id) != TypeId::UNIT && ty(id) != TypeId::NEVER;
    match &expr.kind {
        ExprKind::Int(_) => expr.ty == TypeId::INT,
        ExprKind::Float(_) => expr.ty == TypeId::FLOAT,
        ExprKind::Bool(_) => expr.ty == TypeId::BOOL,
        ExprKind::Str(_) => expr.ty == TypeId::STR,
        ExprKind::Const(index) => typed.consts[*index as usize].ty == expr.ty,
        ExprKind::Local(_) => valued_type(expr.ty),
        ExprKind::Unary(_, operand) => ty(*operand) == expr.ty,
        ExprKind::Binary(op, lhs, rhs) => {
            use BinaryOp::*;
            let gives = if matches!(op, Eq | Ne | Lt | Le | Gt | Ge) { TypeId::BOOL } else { ty(*lhs) };
            ty(*lhs) == ty(*rhs) && expr.ty == gives && valued(*lhs)
        }
        ExprKind::Convert(operand) => ty(*operand) != expr.ty && valued(*operand),
        ExprKind::Field(base, field) => typed.types.field(ty(*base), *field).1 == expr.ty,
        ExprKind::Index(base, at) => int(*at) && element(*base).unwrap_or(TypeId::INT) == expr.ty && !is_grid(*base),
        ExprKind::Index2(base, row, column) => {
            int(*row) && int(*column) && is_grid(*base) && element(*base) == Some(expr.ty)
        }
        ExprKind::Slice(base, lo, hi) => bound(*lo) && bound(*hi) && ty(*base) == expr.ty && !is_grid(*base),
        ExprKind::Slice2(base, rows, columns) => {
            let is_row = matches!(rows, Extent::At(_));
            let is_array = matches!(typed.types.get(expr.ty), Type::Array(_));
            extent(rows) && extent(columns) && is_grid(*base) && is_row == is_array
        }
        ExprKind::Call { function, args, may_overlap } => {
            let callee = &typed.functions[function.0 as usize];
            callee.result == expr.ty
                && callee.params == args.len()
                && args.iter().zip(&callee.locals).all(|(arg, param)| match arg {
                    Arg::In(value) => ty(*value) == param.ty,
                    Arg::Inout(place) => place.ty == param.ty,
                })
                && overlaps_fit(args, may_overlap)
        }
        ExprKind::Builtin { builtin, args, may_overlap, .. } => {
            args.len() == BUILTINS[*builtin as usize].params.len() && overlaps_fit(args, may_overlap)
        }
        ExprKind::Assert(cond, message) => {
            ty(*cond) == TypeId::BOOL && message.is_none_or(|message| ty(message) == TypeId::STR)
        }
        ExprKind::Struct(fields) => {
            let Type::Struct(index) = *typed.types.get(expr.ty) else { return false };
            let declared = &typed.types.structs[index as usize].fields;
            fields.len() == declared.len() && fields.iter().all(|&(field, value)| declared[field].1 == ty(value))
        }
        ExprKind::Array(elements) => {
            let want = typed.types.element(expr.ty);
            elements.iter().all(|&value| Some(ty(value)) == want)
        }
        ExprKind::NewArray(count, fill) => int(*count) && typed.types.element(expr.ty) == Some(ty(*fill)),
        ExprKind::NewGrid(rows, columns, fill) => {
            int(*rows) && int(*columns) && typed.types.element(expr.ty) == Some(ty(*fill))
        }
        ExprKind::Interpolation(_) => expr.ty == TypeId::STR,
        ExprKind::If { arms, otherwise } => {
            arms.iter().all(|(cond, _)| ty(*cond) == TypeId::BOOL)
                && arms.iter().map(|arm| &arm.1).chain(otherwise.as_deref()).all(|block| match block.value {
                    Some(value) => ty(value) == expr.ty,
                    None => !valued_type(expr.ty) || block.diverges,
                })
        }
        ExprKind::Comprehension { element, .. } => typed.types.element(expr.ty) == Some(ty(*element)),
        ExprKind::Reduction { element, .. } => valued(*element) && valued_type(expr.ty),
    }
}

fn valued_type(ty: TypeId) -> bool {
    ty != TypeId::UNIT && ty != TypeId::NEVER
}

fn overlaps_fit(args: &[Arg], may_overlap: &[(u16, u16)]) -> bool {
    may_overlap.iter().all(|&(i, j)| matches!(args[i as usize], Arg::Inout(_)) && (j as usize) < args.len() && i != j)
}

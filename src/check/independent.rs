//! Whether the iterations of a loop are independent: what one of them writes, no other one touches.
//!
//! The proof is by indices. A place that is written has, at some step of its path, an index that is `c * i + d`, with i
//! the loop's variable, c a number and d the same in all iterations; and whatever else the loop does with that variable
//! has such an index at that step, too, so near that two iterations can't meet. `each` asks for the proof; the compiler
//! looks for it in `for` loops.
//!
//! Invariant: whatever is not understood counts as an access to everything it could touch.

use super::typed::*;
use super::walk::operands;
use crate::bytecode::builtins::BUILTINS;
use crate::bytecode::types::Type;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

/// No factor is larger, so that sums of a few products of 32-bit numbers fit into 64 bits.
const MAX_FACTOR: i64 = 1 << 20;
/// No constant is larger.
const MAX_CONSTANT: i64 = 1 << 40;
/// So many different parts of a variable are compared with each other, two million pairs: some tenths of a second.
const MOST_SHAPES: usize = 2048;

/// `by * i + terms + plus`
#[derive(Clone, Debug, Default)]
pub struct Linear {
    /// The factor of the loop's variable.
    pub by: i64,
    /// Variables that no iteration writes, with their factors, which are not 0.
    pub terms: BTreeMap<u32, i64>,
    /// A constant.
    pub plus: i64,
    /// All variables that it is computed from, those that cancel out too: as long as all of them are small, nothing overflows.
    pub reads: BTreeSet<u32>,
}

/// Of the values.
impl PartialEq for Linear {
    fn eq(&self, other: &Linear) -> bool {
        (self.by, self.plus) == (other.by, other.plus) && self.terms == other.terms
    }
}

impl Eq for Linear {}

impl Hash for Linear {
    fn hash<H: Hasher>(&self, to: &mut H) {
        (self.by, self.plus, &self.terms).hash(to);
    }
}

impl Linear {
    fn constant(plus: i64) -> Option<Linear> {
        Linear { plus, ..Linear::default() }.small()
    }

    fn small(self) -> Option<Linear> {
        let factors = self.terms.values().chain([&self.by]).all(|factor| factor.abs() <= MAX_FACTOR);
        (factors && self.terms.len() <= 8 && self.plus.abs() <= MAX_CONSTANT).then_some(self)
    }

    /// It and so many times the other one.
    pub fn plus(mut self, other: &Linear, factor: i64) -> Option<Linear> {
        self.by += other.by * factor;
        self.plus += other.plus * factor;
        self.reads.extend(&other.reads);
        for (&local, &times) in &other.terms {
            let sum = self.terms.entry(local).or_default();
            *sum += times * factor;
            if *sum == 0 {
                self.terms.remove(&local);
            }
        }
        self.small()
    }

    fn times(self, factor: i64) -> Option<Linear> {
        if factor.abs() > MAX_FACTOR {
            return None;
        }
        Linear::default().plus(&self, factor)
    }

    /// Whether it is a number.
    pub fn is_constant(&self) -> bool {
        self.by == 0 && self.terms.is_empty()
    }
}

/// One step of an access's path.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Dim {
    Field(usize),
    /// From the first to before the second; none: anything.
    Window(Option<(Linear, Linear)>),
}

/// What a body does with a variable from outside.
#[derive(Clone, Debug)]
struct Access {
    root: LocalId,
    span: Span,
    write: bool,
    /// Only its length or shape is asked for.
    length: bool,
    dims: Vec<Dim>,
    /// What is touched may be less than what the window says, or the call that touches it has to see the whole.
    loose: bool,
    /// If it is loose only because its first step, a slice, ends at the smaller of what the window says and this: this.
    limit: Option<ExprId>,
}

/// How an expression finds out a length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Length {
    /// By an instruction, or a register where only a part of the elements is here.
    Known,
    /// By a call, which would see only a part.
    Asked,
}

/// What must hold at run time so that iterations don't meet: a slice, whose length is the sum of the terms, is no longer than
/// the way from one iteration's to the next one's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Variables and their factors.
    pub terms: Vec<(LocalId, i64)>,
    /// Added to them.
    pub plus: i64,
    /// That way, for a step of 1.
    pub stride: i64,
    /// The access that may meet itself.
    pub span: Span,
}

/// A variable that the loop writes.
#[derive(Clone, Debug)]
pub struct Written {
    /// It.
    pub root: LocalId,
    /// If each iteration has elements, or rows, of its own, and no other ones: which.
    pub part: Option<Share>,
}

/// The elements, or rows, of a variable that an iteration touches. The next one's begin at the earliest where they end.
#[derive(Clone, Debug)]
pub struct Share {
    /// The first. It has all variables as `reads` that the indices of these elements are computed from.
    pub from: Linear,
    /// Past the last. It has the same factor.
    pub past: Linear,
    /// Nor do they go beyond one of these, each a sum ([`Env::linear`]) or a length, and the same in all iterations.
    pub limits: Vec<ExprId>,
}

/// Iterations are independent.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// The variables from outside that the loop writes.
    pub written: Vec<Written>,
    /// Asked for at run time.
    pub gaps: Vec<Gap>,
}

/// What is the same in all iterations of a loop.
#[derive(Clone, Debug)]
pub struct Env {
    index: LocalId,
    /// Declared in the body.
    own: FxHashSet<LocalId>,
    /// Declared or written in the body.
    changing: FxHashSet<LocalId>,
    /// The values of what is declared by `let` in it.
    lets: FxHashMap<LocalId, ExprId>,
}

impl Env {
    /// An expression as a linear one.
    pub fn linear(&self, typed: &Typed, e: ExprId) -> Option<Linear> {
        self.linear_within(typed, e, 0)
    }

    /// What a variable that the body declares by `let` stands for; else the expression itself.
    fn value(&self, typed: &Typed, mut e: ExprId) -> ExprId {
        // Each leads to an earlier one.
        while let ExprKind::Local(local) = typed[e].kind
            && let Some(&value) = self.lets.get(&local)
        {
            e = value;
        }
        e
    }

    /// The end of a slice as a linear expression; and if it is the smaller of that and something else: that.
    pub fn bound(&self, typed: &Typed, e: ExprId) -> Option<(Linear, Option<ExprId>)> {
        let e = self.value(typed, e);
        if let Some(bound) = self.linear(typed, e) {
            return Some((bound, None));
        }
        let ExprKind::Builtin { builtin, args, .. } = &typed[e].kind else { return None };
        let [Arg::In(a), Arg::In(b)] = args[..] else { return None };
        if BUILTINS[*builtin as usize].name != "min" {
            return None;
        }
        let either = [(a, b), (b, a)].into_iter().filter_map(|(e, other)| Some((self.linear(typed, e)?, Some(other))));
        either.max_by_key(|(bound, _)| bound.by.abs())
    }

    /// The variable whose length an expression is, if the loop has it from outside.
    pub fn length_of(&self, typed: &Typed, e: ExprId) -> Option<LocalId> {
        let ExprKind::Builtin { builtin, args, .. } = &typed[self.value(typed, e)].kind else { return None };
        match (BUILTINS[*builtin as usize].name, &args[..]) {
            ("len", [Arg::In(of)]) => match typed[*of].kind {
                ExprKind::Local(local) if !self.own.contains(&local) => {
                    matches!(typed.types.get(typed[*of].ty), Type::Array(_) | Type::Grid(_)).then_some(local)
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn linear_within(&self, typed: &Typed, e: ExprId, depth: u32) -> Option<Linear> {
        if depth > 16 {
            return None;
        }
        let of = |e| self.linear_within(typed, e, depth + 1);
        match &typed[e].kind {
            ExprKind::Int(value) if value.unsigned_abs() <= MAX_CONSTANT as u64 => Linear::constant(*value),
            ExprKind::Local(local) if *local == self.index => Some(Linear { by: 1, ..Linear::default() }),
            ExprKind::Local(local) => match self.lets.get(local) {
                Some(&value) => of(value),
                None if self.changing.contains(local) => None,
                None => {
                    let (terms, reads) = ([(local.0, 1)].into(), [local.0].into());
                    Some(Linear { terms, reads, ..Linear::default() })
                }
            },
            ExprKind::Unary(UnaryOp::Neg, a) => of(*a)?.times(-1),
            ExprKind::Binary(BinaryOp::Add, a, b) => of(*a)?.plus(&of(*b)?, 1),
            ExprKind::Binary(BinaryOp::Sub, a, b) => of(*a)?.plus(&of(*b)?, -1),
            ExprKind::Binary(BinaryOp::Mul, a, b) => match (of(*a)?, of(*b)?) {
                (a, b) if b.is_constant() => a.times(b.plus),
                (a, b) if a.is_constant() => b.times(a.plus),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Why iterations may depend on each other.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What, and the labels.
    pub diagnostic: Diagnostic,
}

/// A loop that is looked at.
struct Look<'a> {
    typed: &'a Typed,
    function: &'a Function,
    env: Env,
    accesses: Vec<Access>,
    /// A `break` or `return` that leaves the loop.
    leaves: Option<(Span, &'static str)>,
}

/// Looks for a proof that the iterations of a loop over a range are independent.
///
/// # Errors
/// Which two accesses may meet.
pub fn prove(
    typed: &Typed,
    function: &Function,
    index: LocalId,
    step: Option<ExprId>,
    body: &Block,
) -> Result<(Proof, Env), Box<Refusal>> {
    let own = FxHashSet::from_iter([index]);
    let env = Env { index, changing: own.clone(), own, lets: FxHashMap::default() };
    let mut look = Look { typed, function, env, accesses: Vec::new(), leaves: None };
    look.declarations(body);
    look.env.changing.extend(&look.env.own);
    look.block(body, 0);
    if let Some((span, word)) = look.leaves {
        let message = format!("`{word}` can't leave an `each` loop");
        let diagnostic = Diagnostic::new("E0605", span, message, "the other iterations may have run by then")
            .help("`continue` ends an iteration; use `for` where later ones shall not run");
        return Err(Box::new(Refusal { diagnostic }));
    }
    let step = match step {
        None => Linear::constant(1),
        Some(step) => look.env.linear(typed, step).filter(|step| step.by == 0),
    };
    look.judge(step.as_ref()).map(|proof| (proof, look.env))
}

impl<'a> Look<'a> {
    /// Finds what the body declares and writes.
    fn declarations(&mut self, body: &'a Block) {
        let mut blocks = vec![body];
        let mut exprs: Vec<ExprId> = Vec::new();
        loop {
            while let Some(e) = exprs.pop() {
                match &self.typed[e].kind {
                    ExprKind::Comprehension { clause, .. } | ExprKind::Reduction { clause, .. } => {
                        self.env.own.insert(clause.local);
                    }
                    ExprKind::Call { args, .. } | ExprKind::Builtin { args, .. } => {
                        for arg in args {
                            if let Arg::Inout(place) = arg {
                                self.env.changing.insert(place.root);
                            }
                        }
                    }
                    _ => {}
                }
                operands(self.typed, e, &mut |child| exprs.push(child), &mut |block| blocks.push(block));
            }
            let Some(block) = blocks.pop() else { break };
            exprs.extend(block.value);
            for stmt in &block.stmts {
                match &stmt.kind {
                    StmtKind::Let { local, value } => {
                        self.env.own.insert(*local);
                        if self.function.locals[local.0 as usize].kind == LocalKind::Let {
                            self.env.lets.insert(*local, *value);
                        }
                        exprs.push(*value);
                    }
                    StmtKind::Assign { place, value, .. } => {
                        self.env.changing.insert(place.root);
                        exprs.push(*value);
                        exprs.extend(indices(&place.path));
                    }
                    StmtKind::Expr(e) => exprs.push(*e),
                    StmtKind::While { cond, body } => {
                        exprs.push(*cond);
                        blocks.push(body);
                    }
                    StmtKind::For { local, source, body, .. } => {
                        self.env.own.insert(*local);
                        exprs.extend(source_parts(source));
                        blocks.push(body);
                    }
                    StmtKind::Return(value) => exprs.extend(*value),
                    StmtKind::Break | StmtKind::Continue => {}
                }
            }
        }
    }

    /// Collects accesses; `loops` counts those inside of the one that is looked at.
    fn block(&mut self, block: &'a Block, loops: u32) {
        for stmt in &block.stmts {
            match &stmt.kind {
                StmtKind::Let { value, .. } => self.expr(*value, loops),
                StmtKind::Assign { place, value, .. } => {
                    self.expr(*value, loops);
                    self.place(place, loops);
                }
                StmtKind::Expr(e) => self.expr(*e, loops),
                StmtKind::While { cond, body } => {
                    self.expr(*cond, loops);
                    self.block(body, loops + 1);
                }
                StmtKind::For { source, body, .. } => {
                    source_parts(source).into_iter().for_each(|e| self.expr(e, loops));
                    self.block(body, loops + 1);
                }
                StmtKind::Return(value) => {
                    self.leaves = self.leaves.or(Some((stmt.span, "return")));
                    value.iter().for_each(|&e| self.expr(e, loops));
                }
                StmtKind::Break if loops == 0 => self.leaves = self.leaves.or(Some((stmt.span, "break"))),
                StmtKind::Break | StmtKind::Continue => {}
            }
        }
        block.value.iter().for_each(|&e| self.expr(e, loops));
    }

    /// Whether a variable is the body's own.
    fn is_own(&self, local: LocalId) -> bool {
        self.env.own.contains(&local)
    }

    fn place(&mut self, place: &'a Place, loops: u32) {
        indices(&place.path).into_iter().for_each(|e| self.expr(e, loops));
        if !self.is_own(place.root) {
            let (dims, loose, limit) = self.dims(&place.path);
            let (root, span) = (place.root, place.span);
            self.accesses.push(Access { root, span, write: true, length: false, dims, loose, limit });
        }
    }

    fn expr(&mut self, root: ExprId, loops: u32) {
        let mut stack = vec![(root, None)];
        while let Some((e, length)) = stack.pop() {
            // The longest path that is read.
            let (mut path, mut base) = (Vec::new(), e);
            loop {
                let (step, of) = match self.typed[base].kind {
                    ExprKind::Field(of, field) => (Step::Field(field), of),
                    ExprKind::Index(of, at) => (Step::Index(at), of),
                    ExprKind::Index2(of, row, col) => (Step::Index2(row, col), of),
                    ExprKind::Slice(of, lo, hi) => (Step::Slice(lo, hi), of),
                    ExprKind::Slice2(of, rows, cols) => (Step::Slice2(rows, cols), of),
                    _ => break,
                };
                path.push(step);
                base = of;
            }
            path.reverse();
            if let ExprKind::Local(local) = self.typed[base].kind {
                stack.extend(indices(&path).into_iter().map(|e| (e, None)));
                if !self.is_own(local) {
                    let (dims, loose, limit) = self.dims(&path);
                    let asked = length == Some(Length::Asked);
                    let (length, loose) = (length.is_some() && path.is_empty(), loose || asked);
                    let limit = limit.filter(|_| !asked);
                    let span = self.typed[e].span;
                    self.accesses.push(Access { root: local, span, write: false, length, dims, loose, limit });
                }
                continue;
            }
            let mut blocks = Vec::new();
            let mut lengths = None;
            match &self.typed[e].kind {
                ExprKind::Call { args, .. } => self.arguments(args),
                ExprKind::Builtin { builtin, args, .. } => {
                    lengths = match BUILTINS[*builtin as usize].name {
                        "len" | "rows" | "cols" => Some(Length::Known),
                        "is_empty" => Some(Length::Asked),
                        _ => None,
                    };
                    self.arguments(args);
                }
                _ => {}
            }
            operands(self.typed, e, &mut |child| stack.push((child, lengths)), &mut |block| blocks.push(block));
            for block in blocks {
                self.block(block, loops);
            }
        }
    }

    fn arguments(&mut self, args: &'a [Arg]) {
        for arg in args {
            if let Arg::Inout(place) = arg
                && !self.is_own(place.root)
            {
                let (dims, loose, limit) = self.dims(&place.path);
                let (root, span) = (place.root, place.span);
                self.accesses.push(Access { root, span, write: true, length: false, dims, loose, limit });
            }
        }
    }

    /// The steps of a path up to and with the first slice; whether it may end before what is said, and the limit
    /// ([`Access::limit`]).
    fn dims(&self, path: &[Step]) -> (Vec<Dim>, bool, Option<ExprId>) {
        let at = |e: ExprId| {
            let first = self.env.linear(self.typed, e);
            Dim::Window(first.and_then(|first| {
                let past = first.clone().plus(&Linear::constant(1)?, 1)?;
                Some((first, past))
            }))
        };
        let (mut loose, mut limit) = (false, None);
        let mut slice = |lo: Option<ExprId>, hi: Option<ExprId>| {
            let lo = match lo {
                Some(lo) => self.env.linear(self.typed, lo),
                None => Linear::constant(0),
            };
            let hi = hi.and_then(|hi| self.env.bound(self.typed, hi));
            let hi = hi.map(|(hi, other)| {
                loose |= other.is_some();
                limit = other;
                hi
            });
            Dim::Window(lo.zip(hi))
        };
        let mut dims = Vec::new();
        for step in path {
            match *step {
                Step::Field(field) => dims.push(Dim::Field(field)),
                Step::Index(i) => dims.push(at(i)),
                Step::Index2(row, col) => dims.extend([at(row), at(col)]),
                Step::Slice(lo, hi) => {
                    dims.push(slice(lo, hi));
                    break;
                }
                Step::Slice2(rows, cols) => {
                    for extent in [rows, cols] {
                        dims.push(match extent {
                            Extent::At(e) => at(e),
                            Extent::Range(lo, hi) => slice(lo, hi),
                        });
                    }
                    break;
                }
            }
        }
        let limit = limit.filter(|_| matches!(path, [Step::Slice(..), ..]));
        (dims, loose, limit)
    }

    /// Compares all accesses to what is written.
    fn judge(&self, step: Option<&Linear>) -> Result<Proof, Box<Refusal>> {
        let mut proof = Proof::default();
        let roots: Vec<LocalId> = {
            let mut roots: Vec<LocalId> = self.accesses.iter().filter(|a| a.write).map(|a| a.root).collect();
            roots.sort_by_key(|root| root.0);
            roots.dedup();
            roots
        };
        for root in roots {
            let all: Vec<&Access> = self.accesses.iter().filter(|a| a.root == root).collect();
            // Each shape of a path once: a body that does the same n times is not compared n times n.
            let mut shapes = FxHashSet::default();
            let mut different = all.clone();
            different.retain(|access| shapes.insert((access.write, access.length, &access.dims)));
            if different.len() > MOST_SHAPES {
                return Err(Box::new(self.too_many(root, different[MOST_SHAPES].span)));
            }
            for (at, first) in different.iter().enumerate() {
                for second in &different[at..] {
                    if !(first.write || second.write) || first.length && !second.dims.is_empty() {
                        continue;
                    }
                    if second.length && !first.dims.is_empty() {
                        continue;
                    }
                    match apart(first, second, step) {
                        Some(None) => {}
                        Some(Some(gap)) => {
                            if !proof.gaps.contains(&gap) {
                                proof.gaps.push(gap);
                            }
                        }
                        None => return Err(Box::new(self.refuse(first, second))),
                    }
                }
            }
            proof.written.push(Written { root, part: self.share(&all, step, &proof.gaps) });
        }
        Ok(proof)
    }

    /// The part of a variable's elements, or rows, that an iteration has, if all accesses have it as their first step.
    fn share(&self, all: &[&Access], step: Option<&Linear>, gaps: &[Gap]) -> Option<Share> {
        let mut share: Option<Share> = None;
        for access in all {
            if access.length && !access.loose {
                continue;
            }
            let Some(Dim::Window(Some((lo, hi)))) = access.dims.first() else { return None };
            if lo.by <= 0 || hi.by != lo.by || hi.terms == lo.terms && lo.plus > hi.plus {
                return None;
            }
            let it = share.get_or_insert_with(|| Share { from: lo.clone(), past: hi.clone(), limits: Vec::new() });
            if it.from.by != lo.by || it.from.terms != lo.terms || it.past.terms != hi.terms {
                return None;
            }
            if lo.terms == hi.terms {
                it.from.plus = it.from.plus.min(lo.plus);
                it.past.plus = it.past.plus.max(hi.plus);
            } else if it.from.plus != lo.plus || it.past.plus != hi.plus {
                return None;
            }
            it.from.reads.extend(lo.reads.iter().chain(&hi.reads));
            if access.loose {
                let limit = access.limit?;
                match self.env.linear(self.typed, limit) {
                    Some(value) if value.by == 0 => it.from.reads.extend(value.reads),
                    Some(_) => return None,
                    None => {
                        self.env.length_of(self.typed, limit)?;
                    }
                }
                it.limits.push(limit);
            }
        }
        let share = share?;
        let size = share.past.clone().plus(&share.from, -1)?;
        let by = share.from.by;
        let fits = if size.is_constant() {
            size.plus <= by * step.filter(|step| step.is_constant()).map_or(1, |step| step.plus.max(1))
        } else {
            let room = step.and_then(|step| step.clone().times(by)?.plus(&size, -1));
            // Or it is asked at run time.
            let terms: Vec<_> = size.terms.iter().map(|(&local, &factor)| (LocalId(local), factor)).collect();
            room.is_some_and(|room| room.is_constant() && room.plus >= 0)
                || gaps.iter().any(|gap| gap.terms == terms && gap.plus == size.plus && gap.stride == by)
        };
        fits.then_some(share)
    }

    /// There are more different accesses than are compared, of which this is the first.
    fn too_many(&self, root: LocalId, span: Span) -> Refusal {
        let name = &self.function.locals[root.0 as usize].name;
        let message = format!("this `each` uses more than {MOST_SHAPES} different parts of `{name}`");
        let diagnostic = Diagnostic::new("E0604", span, message, "and here is one more");
        Refusal { diagnostic: diagnostic.help("use fewer in one loop; or use `for`") }
    }

    fn refuse(&self, first: &Access, second: &Access) -> Refusal {
        let name = &self.function.locals[first.root.0 as usize].name;
        let index = &self.function.locals[self.env.index.0 as usize].name;
        let (first, second) = if first.write { (first, second) } else { (second, first) };
        let same = first.span == second.span;
        let whole = first.dims.is_empty();
        let message = match whole {
            true => format!("the iterations of this `each` all write `{name}`"),
            false if same => format!("iterations of this `each` may write the same part of `{name}`"),
            false => format!("iterations of this `each` may meet in `{name}`"),
        };
        let label = if whole { "every iteration writes this".to_string() } else { "one iteration writes this".into() };
        let mut diagnostic = Diagnostic::new("E0604", first.span, message, label);
        diagnostic = if same {
            let declared = self.function.locals[self.env.index.0 as usize].span;
            diagnostic.and(declared, format!("and so may another value of `{index}`"))
        } else if second.write {
            diagnostic.and(second.span, "another one may write the same here")
        } else {
            diagnostic.and(second.span, "another one may read the same here")
        };
        let ty = self.function.locals[first.root.0 as usize].ty;
        diagnostic = if matches!(self.typed.types.get(ty), Type::Grid(_)) {
            diagnostic.help(format!(
                "each iteration must have its own part, such as the elements `{name}[{index}, …]` of a row, and touch no other; or use `for`"
            ))
        } else if whole && matches!(self.typed.types.get(ty), Type::Array(_)) {
            diagnostic.help("each iteration must have its own part, and pass no more than that to a call; or use `for`")
        } else if whole {
            diagnostic.help("a total is a reduction: `sum(… for …)`; or use `for`")
        } else {
            diagnostic.help(format!(
                "each iteration must have its own part, such as `{name}[{index}]` or `{name}[2 * {index}..2 * {index} + 2]`, and \
                 touch no other; or use `for`"
            ))
        };
        Refusal { diagnostic }
    }
}

/// Whether two accesses of different iterations never meet; with what must hold for that at run time.
fn apart(a: &Access, b: &Access, step: Option<&Linear>) -> Option<Option<Gap>> {
    for (x, y) in a.dims.iter().zip(&b.dims) {
        match (x, y) {
            (Dim::Field(x), Dim::Field(y)) if x != y => return Some(None),
            (Dim::Window(Some((alo, ahi))), Dim::Window(Some((blo, bhi)))) => {
                if alo.by == 0 || alo.by != blo.by || ahi.by != alo.by || bhi.by != alo.by || alo.terms != blo.terms {
                    continue;
                }
                let stride = alo.by.abs();
                let least = step.filter(|step| step.is_constant()).map_or(1, |step| step.plus.abs().max(1));
                if ahi.terms == alo.terms && bhi.terms == alo.terms {
                    let size = ahi.plus.max(bhi.plus) - alo.plus.min(blo.plus);
                    if size <= stride * least {
                        return Some(None);
                    }
                }
                // `a[lo..lo + k]` with a step that is no number, or the other way round.
                if alo.plus == blo.plus
                    && ahi == bhi
                    && let Some(size) = ahi.clone().plus(alo, -1)
                {
                    // A loop down by k has only slices that are not there, if k is their size and negative.
                    let least = step.and_then(|step| {
                        let step = step.clone();
                        let times = if step.is_constant() && step.plus < 0 { -stride } else { stride };
                        step.times(times)?.plus(&size, -1)
                    });
                    match least {
                        Some(least) if least.is_constant() && least.plus >= 0 => return Some(None),
                        Some(least) if least.is_constant() => continue,
                        _ => {}
                    }
                    let terms = size.terms.iter().map(|(&local, &factor)| (LocalId(local), factor)).collect();
                    return Some(Some(Gap { terms, plus: size.plus, stride, span: a.span }));
                }
            }
            _ => {}
        }
    }
    None
}

/// The expressions of a path.
fn indices(path: &[Step]) -> Vec<ExprId> {
    let mut all = Vec::new();
    let extent = |extent| match extent {
        Extent::At(e) => vec![e],
        Extent::Range(lo, hi) => lo.into_iter().chain(hi).collect(),
    };
    for step in path {
        match *step {
            Step::Field(_) => {}
            Step::Index(at) => all.push(at),
            Step::Index2(row, col) => all.extend([row, col]),
            Step::Slice(lo, hi) => all.extend(lo.into_iter().chain(hi)),
            Step::Slice2(rows, cols) => all.extend([rows, cols].into_iter().flat_map(extent)),
        }
    }
    all
}

fn source_parts(source: &Source) -> Vec<ExprId> {
    match *source {
        Source::Range { lo, hi, step } => [Some(lo), Some(hi), step].into_iter().flatten().collect(),
        Source::Elements(e) => vec![e],
    }
}

/// Proves all `each` loops of a program independent, and notes what they ask for at run time.
///
/// # Errors
/// Those of which that can't be seen.
pub(super) fn check(typed: &mut Typed) -> Result<(), Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let mut gaps = FxHashMap::default();
    for (at, function) in typed.functions.iter().enumerate().filter(|(_, function)| function.has_each) {
        for (local, source, body) in eaches(typed, &function.body) {
            let step = match *source {
                Source::Range { step, .. } => step,
                Source::Elements(_) => None,
            };
            match prove(typed, function, local, step, body) {
                Ok((proof, _)) if proof.gaps.is_empty() => {}
                Ok((proof, _)) => {
                    gaps.insert((at, local), proof.gaps);
                }
                Err(refusal) => diagnostics.push(refusal.diagnostic),
            }
        }
    }
    typed.gaps = gaps;
    diagnostics.sort_by_key(|d| d.labels[0].span);
    if diagnostics.is_empty() { Ok(()) } else { Err(diagnostics) }
}

/// The `each` loops in a block.
fn eaches<'a>(typed: &'a Typed, body: &'a Block) -> Vec<(LocalId, &'a Source, &'a Block)> {
    let mut found = Vec::new();
    let mut blocks = vec![body];
    let mut exprs: Vec<ExprId> = Vec::new();
    loop {
        while let Some(e) = exprs.pop() {
            operands(typed, e, &mut |child| exprs.push(child), &mut |block| blocks.push(block));
        }
        let Some(block) = blocks.pop() else { return found };
        exprs.extend(block.value);
        for stmt in &block.stmts {
            match &stmt.kind {
                StmtKind::Let { value, .. } => exprs.push(*value),
                StmtKind::Assign { place, value, .. } => {
                    exprs.push(*value);
                    exprs.extend(indices(&place.path));
                }
                StmtKind::Expr(e) => exprs.push(*e),
                StmtKind::While { cond, body } => {
                    exprs.push(*cond);
                    blocks.push(body);
                }
                StmtKind::For { local, source, body, each } => {
                    if *each {
                        found.push((*local, source, body));
                    }
                    exprs.extend(source_parts(source));
                    blocks.push(body);
                }
                StmtKind::Return(value) => exprs.extend(*value),
                StmtKind::Break | StmtKind::Continue => {}
            }
        }
    }
}

//! Exclusivity: whether two arguments of one call may share memory, one of them being written.
//!
//! A path is compared as a list of parts: fields, and for each dimension an interval of indices whose ends are a
//! symbolic base and a number. A slice followed by an index is one interval. What is not known statically is left to
//! the machine (`may_overlap`).

use super::Checker;
use super::typed::{Arg, BinaryOp, Expr, ExprId, ExprKind, Extent, Local, LocalId, LocalKind, Step};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use smallvec::SmallVec;

/// What is known of two places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// They share nothing.
    Never,
    /// It depends on values.
    Maybe,
    /// They do.
    Always,
}

/// `base + offset`
#[derive(Clone, Copy)]
struct Bound {
    base: Option<ExprId>,
    offset: i128,
}

/// The indices of one dimension.
#[derive(Clone, Copy)]
struct Interval {
    lo: Bound,
    /// `None`: to the end.
    hi: Option<Bound>,
    /// Whether it is one index, which exists.
    single: bool,
    /// Whether it is these indices, not some of them.
    exact: bool,
}

/// A part of a path.
enum Part {
    Field(usize),
    Dimension(Interval),
}

/// What expressions are compared with.
struct Context<'a> {
    exprs: &'a [Expr],
    locals: &'a [Local],
    /// Whether no variable is written between the evaluation of the two.
    stable: bool,
}

/// How many nodes a comparison of two indices looks at.
const MAX_COMPARED: usize = 64;

impl Checker<'_> {
    /// Compares the arguments of a call; `writes` is the number of places written before the first of them. Reports
    /// pairs that overlap, and gives those that may.
    pub(super) fn compare_arguments(&mut self, args: &[Arg], writes: u32) -> Box<[(u16, u16)]> {
        let inouts = args.iter().filter(|arg| matches!(arg, Arg::Inout(_))).count();
        if inouts == 0 || args.len() == 1 {
            return Box::default();
        }
        let stable = self.body.writes - writes == inouts as u32;
        let context = Context { exprs: &self.exprs, locals: &self.body.locals, stable };
        let paths: Vec<Option<(LocalId, Path, Span)>> = args
            .iter()
            .map(|arg| match arg {
                Arg::Inout(place) => Some((place.root, context.normalise(&place.path), place.span)),
                Arg::In(value) if self.is_scalar(self.ty(*value)) => None,
                Arg::In(value) => {
                    let (root, steps) = self.read_path(*value)?;
                    Some((root, context.normalise(&steps), self.span(*value)))
                }
            })
            .collect();
        let (mut may_overlap, mut reports) = (Vec::new(), Vec::new());
        for (i, first) in paths.iter().enumerate() {
            let (Some((root, path, span)), Arg::Inout(_)) = (first, &args[i]) else { continue };
            for (j, second) in paths.iter().enumerate() {
                let Some((other, other_path, other_span)) = second else { continue };
                // Two that are both written are compared once.
                if other != root || i == j || (j < i && matches!(args[j], Arg::Inout(_))) {
                    continue;
                }
                match context.compare(path, other_path) {
                    Verdict::Never => {}
                    Verdict::Maybe => may_overlap.push((i as u16, j as u16)),
                    Verdict::Always => reports.push((*root, *span, *other_span, matches!(args[j], Arg::In(_)))),
                }
            }
        }
        for (root, span, other, read) in reports {
            let name = self.local(root).name.clone();
            let what = if read { "read here" } else { "changed here, too" };
            let diagnostic = Diagnostic::new(
                "E0407",
                span,
                format!("two arguments of one call share a part of `{name}`"),
                "changed here",
            )
            .and(other, what)
            .help(if read {
                "copy what is read first: `let copy = …`"
            } else {
                "pass places that have nothing in common, or make two calls"
            });
            self.report(diagnostic);
        }
        may_overlap.into()
    }

    /// The variable and the path that an expression reads, if it is one.
    pub(super) fn read_path(&self, value: ExprId) -> Option<(LocalId, Vec<Step>)> {
        let (mut path, mut id) = (Vec::new(), value);
        let root = loop {
            let (base, step) = match self.at(id).kind {
                ExprKind::Local(local) => break local,
                ExprKind::Field(base, field) => (base, Step::Field(field)),
                ExprKind::Index(base, at) => (base, Step::Index(at)),
                ExprKind::Index2(base, row, column) => (base, Step::Index2(row, column)),
                ExprKind::Slice(base, lo, hi) => (base, Step::Slice(lo, hi)),
                ExprKind::Slice2(base, rows, columns) => (base, Step::Slice2(rows, columns)),
                _ => return None,
            };
            path.push(step);
            id = base;
        };
        path.reverse();
        Some((root, path))
    }
}

type Path = SmallVec<[Part; 4]>;

impl Context<'_> {
    /// The parts of a path.
    fn normalise(&self, steps: &[Step]) -> Path {
        let mut parts = Path::new();
        // The dimensions that the next index is relative to.
        let mut open: SmallVec<[usize; 2]> = SmallVec::new();
        for step in steps {
            let intervals: SmallVec<[Interval; 2]> = match *step {
                Step::Field(field) => {
                    parts.push(Part::Field(field));
                    open.clear();
                    continue;
                }
                Step::Index(at) => SmallVec::from_iter([self.interval(Extent::At(at))]),
                Step::Slice(lo, hi) => SmallVec::from_iter([self.interval(Extent::Range(lo, hi))]),
                Step::Index2(row, column) => {
                    SmallVec::from_iter([self.interval(Extent::At(row)), self.interval(Extent::At(column))])
                }
                Step::Slice2(rows, columns) => SmallVec::from_iter([self.interval(rows), self.interval(columns)]),
            };
            if open.is_empty() {
                open = (parts.len()..parts.len() + intervals.len()).collect();
                parts.extend(intervals.iter().map(|&interval| Part::Dimension(interval)));
            } else {
                for (&at, interval) in open.iter().zip(&intervals) {
                    if let Part::Dimension(outer) = &mut parts[at] {
                        *outer = outer.narrow(*interval);
                    }
                }
            }
            match *step {
                Step::Index(_) | Step::Index2(..) => open.clear(),
                // A row is an array: only its columns are left. A column is still a grid.
                Step::Slice2(Extent::At(_), _) => {
                    open.remove(0);
                }
                _ => {}
            }
        }
        parts
    }

    fn interval(&self, extent: Extent) -> Interval {
        let zero = Bound { base: None, offset: 0 };
        match extent {
            Extent::At(at) => {
                let lo = self.bound(at);
                let hi = Bound { offset: lo.offset + 1, ..lo };
                Interval { lo, hi: Some(hi), single: true, exact: true }
            }
            Extent::Range(lo, hi) => Interval {
                lo: lo.map_or(zero, |lo| self.bound(lo)),
                hi: hi.map(|hi| self.bound(hi)),
                single: false,
                exact: true,
            },
        }
    }

    /// Takes the numbers that are added and subtracted off an expression.
    fn bound(&self, id: ExprId) -> Bound {
        let (mut id, mut offset) = (id, 0);
        loop {
            let number = |id: ExprId| match self.exprs[id.0 as usize].kind {
                ExprKind::Int(value) => Some(i128::from(value)),
                _ => None,
            };
            if let Some(value) = number(id) {
                return Bound { base: None, offset: offset + value };
            }
            (id, offset) = match self.exprs[id.0 as usize].kind {
                ExprKind::Binary(BinaryOp::Add, lhs, rhs) => match (number(lhs), number(rhs)) {
                    (_, Some(value)) => (lhs, offset + value),
                    (Some(value), _) => (rhs, offset + value),
                    _ => return Bound { base: Some(id), offset },
                },
                ExprKind::Binary(BinaryOp::Sub, lhs, rhs) => match number(rhs) {
                    Some(value) => (lhs, offset - value),
                    None => return Bound { base: Some(id), offset },
                },
                _ => return Bound { base: Some(id), offset },
            };
        }
    }

    /// `b - a`, if it is known.
    fn difference(&self, a: Bound, b: Bound) -> Option<i128> {
        let same = match (a.base, b.base) {
            (None, None) => true,
            (Some(a), Some(b)) => self.equal(a, b),
            _ => false,
        };
        same.then(|| b.offset - a.offset)
    }

    /// Whether two expressions surely have one value.
    fn equal(&self, a: ExprId, b: ExprId) -> bool {
        let mut open: SmallVec<[(ExprId, ExprId); 16]> = SmallVec::from_iter([(a, b)]);
        let mut left = MAX_COMPARED;
        while let Some((a, b)) = open.pop() {
            let Some(next) = left.checked_sub(1) else { return false };
            left = next;
            match (&self.exprs[a.0 as usize].kind, &self.exprs[b.0 as usize].kind) {
                (ExprKind::Int(a), ExprKind::Int(b)) if a == b => {}
                (ExprKind::Local(a), ExprKind::Local(b)) if a == b => {
                    let kind = self.locals[a.0 as usize].kind;
                    if !self.stable && matches!(kind, LocalKind::Var | LocalKind::Inout { .. }) {
                        return false;
                    }
                }
                (ExprKind::Unary(op, a), ExprKind::Unary(other, b)) if op == other => open.push((*a, *b)),
                (ExprKind::Binary(op, a, c), ExprKind::Binary(other, b, d)) if op == other => {
                    open.extend([(*a, *b), (*c, *d)]);
                }
                (ExprKind::Field(a, field), ExprKind::Field(b, other)) if field == other => open.push((*a, *b)),
                (ExprKind::Index(a, c), ExprKind::Index(b, d)) => open.extend([(*a, *b), (*c, *d)]),
                (ExprKind::Builtin { builtin, args, .. }, ExprKind::Builtin { builtin: other, args: others, .. })
                    if builtin == other && pure(*builtin) =>
                {
                    for pair in args.iter().zip(others) {
                        let (Arg::In(a), Arg::In(b)) = pair else { return false };
                        open.push((*a, *b));
                    }
                }
                _ => return false,
            }
        }
        true
    }

    fn compare(&self, a: &Path, b: &Path) -> Verdict {
        let mut verdict = Verdict::Always;
        for parts in a.iter().zip(b) {
            let one = match parts {
                (Part::Field(a), Part::Field(b)) if a != b => Verdict::Never,
                (Part::Dimension(a), Part::Dimension(b)) => self.meet(a, b),
                _ => Verdict::Always,
            };
            match one {
                Verdict::Never => return Verdict::Never,
                Verdict::Maybe => verdict = Verdict::Maybe,
                Verdict::Always => {}
            }
        }
        verdict
    }

    fn meet(&self, a: &Interval, b: &Interval) -> Verdict {
        let at_most = |a: Option<Bound>, b: Bound| a.and_then(|a| self.difference(a, b)).is_some_and(|d| d >= 0);
        let empty = |i: &Interval| at_most(i.hi, i.lo);
        if at_most(a.hi, b.lo) || at_most(b.hi, a.lo) || empty(a) || empty(b) {
            return Verdict::Never;
        }
        if !a.exact || !b.exact {
            return Verdict::Maybe;
        }
        let whole = |i: &Interval| i.hi.is_none() && i.lo.base.is_none() && i.lo.offset == 0;
        let same_end = match (a.hi, b.hi) {
            (None, None) => true,
            (Some(a), Some(b)) => self.difference(a, b) == Some(0),
            _ => false,
        };
        let same = same_end && self.difference(a.lo, b.lo) == Some(0);
        let below = |a: Bound, b: Option<Bound>| b.and_then(|b| self.difference(a, b)).is_some_and(|d| d > 0);
        let common = below(a.lo, b.hi) && below(b.lo, a.hi) && below(a.lo, a.hi) && below(b.lo, b.hi);
        if same || common || (whole(a) && b.single) || (whole(b) && a.single) {
            Verdict::Always
        } else {
            Verdict::Maybe
        }
    }
}

impl Interval {
    /// The part of `self` that `inner`, whose indices count from its start, leaves.
    fn narrow(self, inner: Interval) -> Interval {
        let shift = |bound: Bound| match (self.lo.base, bound.base) {
            (base, None) => Some(Bound { base, offset: self.lo.offset + bound.offset }),
            (None, base) => Some(Bound { base, offset: self.lo.offset + bound.offset }),
            _ => None,
        };
        let hi = match inner.hi {
            Some(hi) => shift(hi).map(Some),
            None => Some(self.hi),
        };
        match (shift(inner.lo), hi) {
            (Some(lo), Some(hi)) if self.exact => Interval { lo, hi, single: inner.single, exact: inner.exact },
            _ => Interval { exact: false, single: false, ..self },
        }
    }
}

/// Whether a built-in's result depends on its arguments only.
fn pure(builtin: u16) -> bool {
    crate::bytecode::builtins::BUILTINS[builtin as usize].effects == crate::bytecode::effects::Effects::NONE
}

//! Walking the typed tree: the direct operands of an expression, a place and a loop's source.

use super::typed::*;

/// Calls `f` for each direct operand of an expression, in the order of evaluation; blocks go to `g`.
pub fn operands<'a>(typed: &'a Typed, e: ExprId, f: &mut dyn FnMut(ExprId), g: &mut dyn FnMut(&'a Block)) {
    let args = |args: &[Arg], f: &mut dyn FnMut(ExprId)| {
        for arg in args {
            match arg {
                Arg::In(value) => f(*value),
                Arg::Inout(place) => place_operands(place, f),
            }
        }
    };
    let extent = |extent: &Extent, f: &mut dyn FnMut(ExprId)| match *extent {
        Extent::At(at) => f(at),
        Extent::Range(lo, hi) => lo.into_iter().chain(hi).for_each(f),
    };
    match &typed[e].kind {
        ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Bool(_)
        | ExprKind::Str(_)
        | ExprKind::Const(_)
        | ExprKind::Local(_) => {}
        ExprKind::Unary(_, a) | ExprKind::Convert(a) | ExprKind::Field(a, _) => f(*a),
        ExprKind::Binary(_, a, b) | ExprKind::Index(a, b) | ExprKind::NewArray(a, b) => {
            f(*a);
            f(*b);
        }
        ExprKind::Index2(a, b, c) | ExprKind::NewGrid(a, b, c) => {
            f(*a);
            f(*b);
            f(*c);
        }
        ExprKind::Slice(a, lo, hi) => {
            f(*a);
            lo.iter().chain(hi).for_each(|e| f(*e));
        }
        ExprKind::Slice2(a, rows, cols) => {
            f(*a);
            extent(rows, f);
            extent(cols, f);
        }
        ExprKind::Call { args: list, .. } | ExprKind::Builtin { args: list, .. } => args(list, f),
        ExprKind::Assert(cond, message) => {
            f(*cond);
            message.iter().for_each(|e| f(*e));
        }
        ExprKind::Struct(fields) => fields.iter().for_each(|&(_, e)| f(e)),
        ExprKind::Array(elements) => elements.iter().for_each(|&e| f(e)),
        ExprKind::Interpolation(pieces) => pieces.iter().for_each(|piece| {
            if let Piece::Value(value, _) = piece {
                f(*value);
            }
        }),
        ExprKind::If { arms, otherwise } => {
            for (cond, block) in arms {
                f(*cond);
                g(block);
            }
            otherwise.as_deref().into_iter().for_each(g);
        }
        ExprKind::Comprehension { element, clause } | ExprKind::Reduction { element, clause, .. } => {
            source_operands(&clause.source, f);
            clause.cond.iter().for_each(|e| f(*e));
            f(*element);
        }
    }
}

/// Calls `f` for each expression in a path, in the order of evaluation.
pub fn place_operands(place: &Place, f: &mut dyn FnMut(ExprId)) {
    for step in &place.path {
        match *step {
            Step::Field(_) => {}
            Step::Index(i) => f(i),
            Step::Index2(r, c) => {
                f(r);
                f(c);
            }
            Step::Slice(lo, hi) => lo.into_iter().chain(hi).for_each(&mut *f),
            Step::Slice2(rows, cols) => {
                for extent in [rows, cols] {
                    match extent {
                        Extent::At(at) => f(at),
                        Extent::Range(lo, hi) => lo.into_iter().chain(hi).for_each(&mut *f),
                    }
                }
            }
        }
    }
}

/// Calls `f` for what a loop's source is made of.
pub fn source_operands(source: &Source, f: &mut dyn FnMut(ExprId)) {
    match *source {
        Source::Range { lo, hi, step } => [Some(lo), Some(hi), step].into_iter().flatten().for_each(f),
        Source::Elements(e) => f(e),
    }
}

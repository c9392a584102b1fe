//! Constants: their order, their values, and the folding of operators on literals.
//!
//! A constant's expression is first tested for its form, which also tells what it depends on; then it is checked like
//! any other expression, and the typed tree is evaluated with a stack. What traps at run time is an error here. Folding
//! uses the same arithmetic, and leaves alone what would trap.

use super::typed::{BinaryOp, Const, ConstValue, ExprId, ExprKind, UnaryOp};
use super::{BROKEN, Body, Checker, ERROR, Global};
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::TypeId;
use crate::syntax::MAX_NESTING;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use crate::syntax::tree;
use std::cmp::Ordering;

/// How many values, and bytes of text, the constants of a program may copy from each other.
pub(super) const MAX_COPIED: usize = 1 << 20;

/// A text of at most this many bytes stands as a literal where its constant is used.
const SHORT_TEXT: usize = 256;

/// A constant.
pub(super) struct Constant<'t> {
    /// `None` for a predeclared one.
    pub(super) item: Option<&'t tree::ConstItem>,
    /// Its name.
    pub(super) name: &'t str,
    /// Its type; [`ERROR`] until it has been evaluated.
    ty: TypeId,
    stored: Stored,
}

/// Where a constant's value is.
enum Stored {
    Nowhere,
    /// It stands as a literal where it is used.
    Literal(ConstValue),
    /// In `Checker::table`.
    Table(u32),
}

/// How large a constant's value is.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    /// Values and bytes of text in it.
    size: usize,
    /// How deep arrays and structs are nested.
    depth: usize,
}

impl<'t> Constant<'t> {
    /// One of the program's.
    pub(super) fn of_program(item: &'t tree::ConstItem, name: &'t str) -> Constant<'t> {
        Constant { item: Some(item), name, ty: ERROR, stored: Stored::Nowhere }
    }

    /// One that is there without a declaration.
    pub(super) fn predeclared(name: &'static str, ty: TypeId, value: ConstValue) -> Constant<'t> {
        Constant { item: None, name, ty, stored: Stored::Literal(value) }
    }
}

impl Checker<'_> {
    /// Evaluates all constants, each after those that it uses.
    pub(super) fn evaluate_constants(&mut self) {
        let mut uses: Vec<Option<Vec<(u32, Span)>>> = Vec::with_capacity(self.consts.len());
        for index in 0..self.consts.len() {
            let item = self.consts[index].item;
            uses.push(item.map_or(Some(Vec::new()), |item| self.constants_used(item.value)));
        }
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut states = vec![State::New; uses.len()];
        for start in 0..uses.len() as u32 {
            if states[start as usize] != State::New {
                continue;
            }
            states[start as usize] = State::Open;
            // A constant, the next of its uses, whether it needs itself.
            let mut path = vec![(start, 0, false)];
            while let Some(&mut (index, ref mut next, ref mut circular)) = path.last_mut() {
                let Some(&(used, at)) = uses[index as usize].as_ref().and_then(|uses| uses.get(*next)) else {
                    if uses[index as usize].is_some() && !*circular {
                        self.evaluate_constant(index);
                    }
                    states[index as usize] = State::Done;
                    path.pop();
                    continue;
                };
                *next += 1;
                match states[used as usize] {
                    State::Done => {}
                    State::New => {
                        states[used as usize] = State::Open;
                        path.push((used, 0, false));
                    }
                    State::Open => {
                        let members = path.iter_mut().rev();
                        for member in members {
                            member.2 = true;
                            if member.0 == used {
                                break;
                            }
                        }
                        let name = self.consts[used as usize].name;
                        let message = format!("the constant `{name}` needs its own value");
                        let mut diagnostic = Diagnostic::new("E0502", at, message, "here");
                        if let Some(item) = self.consts[used as usize].item {
                            diagnostic = diagnostic.and(item.name.span, "to compute this");
                        }
                        self.report(diagnostic);
                    }
                }
            }
        }
    }

    /// The constants that an expression uses, with where; `None`, and a report, if its form is not that of a constant.
    fn constants_used(&mut self, root: tree::ExprId) -> Option<Vec<(u32, Span)>> {
        let tree = self.tree;
        let (mut used, mut open, mut constant) = (Vec::new(), vec![root], true);
        while let Some(id) = open.pop() {
            let expr = &tree[id];
            let what = match &expr.kind {
                tree::ExprKind::Int(_)
                | tree::ExprKind::Float(_)
                | tree::ExprKind::Bool(_)
                | tree::ExprKind::Str(_)
                | tree::ExprKind::Error => continue,
                // A name that means no constant is reported when the expression is checked.
                tree::ExprKind::Name(symbol) => {
                    if let Global::Const(index) = self.entry(*symbol).global {
                        used.push((index, expr.span));
                    }
                    continue;
                }
                tree::ExprKind::Unary(_, operand) => {
                    open.push(*operand);
                    continue;
                }
                tree::ExprKind::Binary(_, lhs, rhs) => {
                    open.extend([*rhs, *lhs]);
                    continue;
                }
                tree::ExprKind::Array(elements) => {
                    open.extend(elements.iter().rev());
                    continue;
                }
                tree::ExprKind::Call { name, args } => match self.entry(name.symbol).global {
                    Global::Type(ty) if ty != TypeId::STR => {
                        open.extend(args.iter().rev().map(|arg| arg.value));
                        continue;
                    }
                    // What is no function at all is reported when the expression is checked.
                    Global::None if self.entry(name.symbol).overloads.is_none() => continue,
                    _ => "a call",
                },
                tree::ExprKind::Interpolation(_) => "text with values in it",
                tree::ExprKind::If { .. } => "`if`",
                tree::ExprKind::Comprehension { .. } | tree::ExprKind::Reduction { .. } => "a loop",
                tree::ExprKind::Method { .. } => "a call",
                tree::ExprKind::Field(..) | tree::ExprKind::Index(..) => "a part of a value",
                tree::ExprKind::NewArray(..) | tree::ExprKind::NewGrid(..) => "an array made at run time",
            };
            self.report_not_constant(expr.span, what);
            constant = false;
        }
        constant.then_some(used)
    }

    fn report_not_constant(&mut self, span: Span, what: &str) {
        let diagnostic = Diagnostic::new("E0501", span, format!("{what} can't be part of a constant"), "").help(
            "a constant is made of literals, operators, `Int(…)`, `Float(…)`, other constants, arrays and structs of these",
        );
        self.report(diagnostic);
    }

    fn evaluate_constant(&mut self, index: u32) {
        let Some(item) = self.consts[index as usize].item else { return };
        self.body = Body::default();
        let written = item.ty.as_ref().map(|ty| (self.resolve_type(ty), ty.span));
        let mut value = self.value(item.value, written.map(|w| w.0));
        if let Some((ty, span)) = written {
            value = self.expect(value, ty, Some((span, "because of this")));
        }
        let ty = self.ty(value);
        if ty == ERROR {
            return;
        }
        let Some((value, measure)) = self.evaluate(value) else { return };
        let literal = match &value {
            ConstValue::Array(_) | ConstValue::Struct(_) => false,
            ConstValue::Str(text) => text.len() <= SHORT_TEXT,
            _ => true,
        };
        let name = self.consts[index as usize].name;
        let stored = if literal {
            Stored::Literal(value)
        } else {
            self.table.push(Const { name: name.into(), ty, value });
            self.measures.push(measure);
            Stored::Table(self.table.len() as u32 - 1)
        };
        let constant = &mut self.consts[index as usize];
        (constant.ty, constant.stored) = (ty, stored);
    }

    /// A use of a constant.
    pub(super) fn use_constant(&mut self, index: u32, span: Span) -> ExprId {
        let constant = &self.consts[index as usize];
        let ty = constant.ty;
        let kind = match &constant.stored {
            Stored::Nowhere => return self.poison(span),
            Stored::Literal(value) => literal_kind(value.clone()),
            Stored::Table(slot) => Some(ExprKind::Const(*slot)),
        };
        match kind {
            Some(kind) => self.push(kind, ty, span),
            None => self.poison(span),
        }
    }

    /// The value of a typed expression. What is not constant, or traps, is reported; what has been reported has none.
    fn evaluate(&mut self, root: ExprId) -> Option<(ConstValue, Measure)> {
        enum Task {
            Enter(ExprId),
            Apply(ExprId),
        }
        let mut tasks = vec![Task::Enter(root)];
        let mut values: Vec<(ConstValue, usize)> = Vec::new();
        while let Some(task) = tasks.pop() {
            let (id, enter) = match task {
                Task::Enter(id) => (id, true),
                Task::Apply(id) => (id, false),
            };
            let expr = &self.exprs[id.0 as usize];
            let (span, ty) = (expr.span, expr.ty);
            if ty == ERROR || matches!(expr.kind, ExprKind::Const(BROKEN)) {
                return None;
            }
            if enter {
                let parts: &[ExprId] = match &expr.kind {
                    ExprKind::Unary(_, operand) | ExprKind::Convert(operand) => &[*operand],
                    ExprKind::Binary(_, lhs, rhs) => &[*lhs, *rhs],
                    ExprKind::Array(elements) => elements,
                    ExprKind::Struct(fields) => &fields.iter().map(|f| f.1).collect::<Vec<_>>(),
                    ExprKind::Const(slot) => {
                        let measure = self.measures[*slot as usize];
                        let Some(left) = self.const_budget.checked_sub(measure.size) else {
                            self.report_too_large(span);
                            return None;
                        };
                        self.const_budget = left;
                        values.push((self.table[*slot as usize].value.clone(), measure.depth));
                        continue;
                    }
                    kind => {
                        match literal_value(kind) {
                            Some(value) => values.push((value, 0)),
                            None => {
                                self.report_not_constant(span, "this");
                                return None;
                            }
                        }
                        continue;
                    }
                };
                tasks.push(Task::Apply(id));
                tasks.extend(parts.iter().rev().map(|&part| Task::Enter(part)));
                continue;
            }
            let (result, depth) = match &expr.kind {
                ExprKind::Unary(op, _) => (apply_unary(*op, values.pop()?.0), 0),
                ExprKind::Convert(_) => (convert(values.pop()?.0, ty), 0),
                ExprKind::Binary(op, ..) => {
                    let (rhs, lhs) = (values.pop()?, values.pop()?);
                    (apply_binary(*op, lhs.0, rhs.0), lhs.1.max(rhs.1))
                }
                ExprKind::Array(elements) => {
                    let parts = values.split_off(values.len() - elements.len());
                    let depth = parts.iter().map(|p| p.1).max().unwrap_or(0) + 1;
                    (Ok(ConstValue::Array(parts.into_iter().map(|p| p.0).collect())), depth)
                }
                ExprKind::Struct(fields) => {
                    let parts = values.split_off(values.len() - fields.len());
                    let depth = parts.iter().map(|p| p.1).max().unwrap_or(0) + 1;
                    let mut parts: Vec<_> = fields.iter().map(|f| f.0).zip(parts).collect();
                    parts.sort_by_key(|p| p.0);
                    (Ok(ConstValue::Struct(parts.into_iter().map(|p| p.1.0).collect())), depth)
                }
                _ => return None,
            };
            match result {
                Ok(_) if depth > MAX_NESTING => {
                    self.report_too_large(span);
                    return None;
                }
                Ok(value) => values.push((value, depth)),
                Err(trap) => {
                    let message = format!("{} in a constant", trap.title());
                    self.report(Diagnostic::new("E0503", span, message, "this has no value"));
                    return None;
                }
            }
        }
        let (value, depth) = values.pop()?;
        let measure = Measure { size: size(&value), depth };
        Some((value, measure))
    }

    fn report_too_large(&mut self, span: Span) {
        let message = "the constants of the program are too large";
        let diagnostic = Diagnostic::new("E0507", span, message, "with this one")
            .help("a constant is copied into those that use it: compute large values in a function");
        self.report(diagnostic);
    }

    /// The literal that a unary operator on a literal gives, if it does not trap.
    pub(super) fn fold_unary(&self, op: UnaryOp, operand: ExprId) -> Option<ExprKind> {
        literal_kind(apply_unary(op, self.scalar_literal(operand)?).ok()?)
    }

    /// The literal that a binary operator on literals gives, if it does not trap.
    pub(super) fn fold_binary(&self, op: BinaryOp, lhs: ExprId, rhs: ExprId) -> Option<ExprKind> {
        literal_kind(apply_binary(op, self.scalar_literal(lhs)?, self.scalar_literal(rhs)?).ok()?)
    }

    /// The literal that a conversion of a literal to `ty` gives, if it does not trap.
    pub(super) fn fold_conversion(&self, operand: ExprId, ty: TypeId) -> Option<ExprKind> {
        if ty == TypeId::STR {
            return None;
        }
        literal_kind(convert(self.scalar_literal(operand)?, ty).ok()?)
    }

    fn scalar_literal(&self, id: ExprId) -> Option<ConstValue> {
        match self.at(id).kind {
            ExprKind::Str(_) => None,
            ref kind if self.ty(id) != ERROR => literal_value(kind),
            _ => None,
        }
    }
}

fn literal_value(kind: &ExprKind) -> Option<ConstValue> {
    Some(match kind {
        ExprKind::Int(value) => ConstValue::Int(*value),
        ExprKind::Float(value) => ConstValue::Float(*value),
        ExprKind::Bool(value) => ConstValue::Bool(*value),
        ExprKind::Str(value) => ConstValue::Str(value.to_string()),
        _ => return None,
    })
}

fn literal_kind(value: ConstValue) -> Option<ExprKind> {
    Some(match value {
        ConstValue::Int(value) => ExprKind::Int(value),
        ConstValue::Float(value) => ExprKind::Float(value),
        ConstValue::Bool(value) => ExprKind::Bool(value),
        ConstValue::Str(value) => ExprKind::Str(value.into()),
        ConstValue::Array(_) | ConstValue::Struct(_) => return None,
    })
}

/// Values and bytes of text. Recurses as deep as the value is nested, which [`MAX_NESTING`] bounds.
fn size(value: &ConstValue) -> usize {
    match value {
        ConstValue::Str(text) => 1 + text.len(),
        ConstValue::Array(parts) | ConstValue::Struct(parts) => 1 + parts.iter().map(size).sum::<usize>(),
        _ => 1,
    }
}

fn apply_unary(op: UnaryOp, value: ConstValue) -> Result<ConstValue, TrapCode> {
    use ConstValue::*;
    Ok(match (op, value) {
        (UnaryOp::Neg, Int(n)) => Int(n.checked_neg().ok_or(TrapCode::Overflow)?),
        (UnaryOp::Neg, Float(x)) => Float(-x),
        (UnaryOp::Not, Bool(b)) => Bool(!b),
        (UnaryOp::BitNot, Int(n)) => Int(!n),
        (op, value) => unreachable!("checked: {op:?} on {value:?}"),
    })
}

fn apply_binary(op: BinaryOp, lhs: ConstValue, rhs: ConstValue) -> Result<ConstValue, TrapCode> {
    use ConstValue::*;
    match op {
        BinaryOp::Eq => return Ok(Bool(lhs == rhs)),
        BinaryOp::Ne => return Ok(Bool(lhs != rhs)),
        BinaryOp::Lt => return Ok(Bool(order(&lhs, &rhs) == Some(Ordering::Less))),
        BinaryOp::Gt => return Ok(Bool(order(&lhs, &rhs) == Some(Ordering::Greater))),
        BinaryOp::Le => return Ok(Bool(order(&lhs, &rhs).is_some_and(Ordering::is_le))),
        BinaryOp::Ge => return Ok(Bool(order(&lhs, &rhs).is_some_and(Ordering::is_ge))),
        _ => {}
    }
    Ok(match (lhs, rhs) {
        (Int(a), Int(b)) => Int(apply_int(op, a, b)?),
        (Float(a), Float(b)) => Float(match op {
            BinaryOp::Add => a + b,
            BinaryOp::Sub => a - b,
            BinaryOp::Mul => a * b,
            BinaryOp::Div => a / b,
            BinaryOp::Rem => libm::fmod(a, b),
            op => unreachable!("checked: {op:?} on Floats"),
        }),
        (Bool(a), Bool(b)) => Bool(if op == BinaryOp::And { a && b } else { a || b }),
        (Str(mut a), Str(b)) => {
            a.push_str(&b);
            Str(a)
        }
        (Array(mut a), Array(mut b)) => {
            a.append(&mut b);
            Array(a)
        }
        (lhs, rhs) => unreachable!("checked: {op:?} on {lhs:?} and {rhs:?}"),
    })
}

fn apply_int(op: BinaryOp, a: i64, b: i64) -> Result<i64, TrapCode> {
    let shift = || u32::try_from(b).ok().filter(|&n| n < 64).ok_or(TrapCode::ShiftAmount);
    let whole = |value: Option<i64>| value.ok_or(TrapCode::Overflow);
    match op {
        BinaryOp::Add => whole(a.checked_add(b)),
        BinaryOp::Sub => whole(a.checked_sub(b)),
        BinaryOp::Mul => whole(a.checked_mul(b)),
        BinaryOp::Div | BinaryOp::Rem if b == 0 => Err(TrapCode::DivisionByZero),
        BinaryOp::Div => whole(a.checked_div(b)),
        BinaryOp::Rem => whole(a.checked_rem(b)),
        BinaryOp::WrapAdd => Ok(a.wrapping_add(b)),
        BinaryOp::WrapSub => Ok(a.wrapping_sub(b)),
        BinaryOp::WrapMul => Ok(a.wrapping_mul(b)),
        BinaryOp::BitAnd => Ok(a & b),
        BinaryOp::BitOr => Ok(a | b),
        BinaryOp::BitXor => Ok(a ^ b),
        BinaryOp::Shl => Ok(a << shift()?),
        BinaryOp::Shr => Ok(a >> shift()?),
        op => unreachable!("checked: {op:?} on Ints"),
    }
}

fn convert(value: ConstValue, to: TypeId) -> Result<ConstValue, TrapCode> {
    use ConstValue::*;
    Ok(match value {
        Int(n) if to == TypeId::FLOAT => Float(n as f64),
        Bool(b) if to == TypeId::INT => Int(b.into()),
        Float(x) if x.is_nan() => return Err(TrapCode::NotANumber),
        // 2^63 is a Float, the greatest Int is not.
        Float(x) if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x) => Int(x as i64),
        _ => return Err(TrapCode::Conversion),
    })
}

/// The order of `<`. Recurses as deep as the values are nested, which [`MAX_NESTING`] bounds.
fn order(a: &ConstValue, b: &ConstValue) -> Option<Ordering> {
    use ConstValue::*;
    match (a, b) {
        (Int(a), Int(b)) => Some(a.cmp(b)),
        (Float(a), Float(b)) => a.partial_cmp(b),
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        (Str(a), Str(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Array(a), Array(b)) | (Struct(a), Struct(b)) => {
            for (a, b) in a.iter().zip(b) {
                match order(a, b) {
                    Some(Ordering::Equal) => {}
                    unequal => return unequal,
                }
            }
            Some(a.len().cmp(&b.len()))
        }
        _ => None,
    }
}

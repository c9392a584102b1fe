//! Operators: which types they take, and what they give. Constant operands are folded where that can't trap.
//!
//! A tree of binary operators is walked with a stack of its own, so its depth is not bounded by the native stack.

use super::typed::{BinaryOp, ExprId, ExprKind, UnaryOp};
use super::{Checker, ERROR};
use crate::bytecode::types::{Type, TypeId};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use crate::syntax::tree;
use smallvec::SmallVec;

impl Checker<'_> {
    pub(super) fn unary(&mut self, op: UnaryOp, operand: tree::ExprId, hint: Option<TypeId>, span: Span) -> ExprId {
        // The least Int has no positive counterpart.
        if let (UnaryOp::Neg, tree::ExprKind::Int(value)) = (op, &self.tree[operand].kind)
            && *value == 1 << 63
        {
            return self.push(ExprKind::Int(i64::MIN), TypeId::INT, span);
        }
        let operand = self.value(operand, hint);
        let ty = self.ty(operand);
        let fits = match op {
            UnaryOp::Neg => ty == TypeId::INT || ty == TypeId::FLOAT,
            UnaryOp::Not => ty == TypeId::BOOL,
            UnaryOp::BitNot => ty == TypeId::INT,
        };
        if ty == ERROR {
            return self.poison(span);
        }
        if !fits {
            let text = match op {
                UnaryOp::Neg => "-",
                UnaryOp::Not => "!",
                UnaryOp::BitNot => "~",
            };
            let found = self.type_name(ty);
            let mut diagnostic = Diagnostic::new(
                "E0302",
                self.span(operand),
                format!("`{text}` does not fit `{found}`"),
                format!("this is `{found}`"),
            );
            match (op, ty) {
                (UnaryOp::Not, TypeId::INT) => {
                    diagnostic = diagnostic.help("`~` flips the bits of an Int; `… == 0` asks whether it is zero");
                }
                (UnaryOp::BitNot, TypeId::BOOL) => diagnostic = diagnostic.help("`!` is for Bool"),
                _ => {}
            }
            self.report(diagnostic);
            return self.poison(span);
        }
        let kind = self.fold_unary(op, operand).unwrap_or(ExprKind::Unary(op, operand));
        self.push(kind, ty, span)
    }

    /// A tree of binary operators.
    pub(super) fn binary_tree(&mut self, root: tree::ExprId, hint: Option<TypeId>) -> ExprId {
        enum Task {
            /// Check this operand, with that hint.
            Operand(tree::ExprId, Option<TypeId>),
            /// The left operand is done: check the right one.
            Right(tree::ExprId),
            /// Both are done.
            Apply(BinaryOp, Span),
        }
        let tree = self.tree;
        let mut tasks: SmallVec<[Task; 8]> = SmallVec::new();
        let mut values: SmallVec<[ExprId; 8]> = SmallVec::new();
        tasks.push(Task::Operand(root, hint));
        while let Some(task) = tasks.pop() {
            match task {
                Task::Operand(id, hint) => match tree[id].kind {
                    tree::ExprKind::Binary(op, lhs, rhs) => {
                        tasks.push(Task::Apply(op, tree[id].span));
                        tasks.push(Task::Right(rhs));
                        let joins = op == BinaryOp::Add;
                        tasks.push(Task::Operand(lhs, hint.filter(|_| joins)));
                    }
                    _ => values.push(self.value(id, hint)),
                },
                Task::Right(id) => {
                    let hint = values.last().map(|&lhs| self.ty(lhs));
                    tasks.push(Task::Operand(id, hint));
                }
                Task::Apply(op, span) => {
                    let (Some(rhs), Some(lhs)) = (values.pop(), values.pop()) else { continue };
                    values.push(self.binary(op, lhs, rhs, span));
                }
            }
        }
        values[0]
    }

    fn binary(&mut self, op: BinaryOp, lhs: ExprId, rhs: ExprId, span: Span) -> ExprId {
        use BinaryOp::*;
        let (left, right) = (self.ty(lhs), self.ty(rhs));
        let gives_bool = matches!(op, Eq | Ne | Lt | Le | Gt | Ge | And | Or);
        if left == ERROR || right == ERROR {
            return self.broken(if gives_bool { TypeId::BOOL } else { ERROR }, span);
        }
        if left != right || !self.takes(op, left) {
            self.report_operands(op, lhs, rhs);
            return self.broken(if gives_bool { TypeId::BOOL } else { ERROR }, span);
        }
        // Only the side that is evaluated may decide: `x && false` still evaluates `x`.
        match (op, &self.at(lhs).kind) {
            (And, ExprKind::Bool(true)) | (Or, ExprKind::Bool(false)) => return rhs,
            (And, ExprKind::Bool(false)) | (Or, ExprKind::Bool(true)) => return lhs,
            _ => {}
        }
        let ty = if gives_bool { TypeId::BOOL } else { left };
        let kind = self.fold_binary(op, lhs, rhs).unwrap_or(ExprKind::Binary(op, lhs, rhs));
        self.push(kind, ty, span)
    }

    /// Whether `op` takes two values of type `ty`.
    pub(super) fn takes(&mut self, op: BinaryOp, ty: TypeId) -> bool {
        use BinaryOp::*;
        match op {
            Add => ty == TypeId::INT || ty == TypeId::FLOAT || ty == TypeId::STR || self.array_element(ty).is_some(),
            Sub | Mul | Div | Rem => ty == TypeId::INT || ty == TypeId::FLOAT,
            WrapAdd | WrapSub | WrapMul | BitAnd | BitOr | BitXor | Shl | Shr => ty == TypeId::INT,
            Eq | Ne => true,
            Lt | Le | Gt | Ge => self.is_ordered(ty),
            And | Or => ty == TypeId::BOOL,
        }
    }

    fn report_operands(&mut self, op: BinaryOp, lhs: ExprId, rhs: ExprId) {
        let (left, right) = (self.type_name(self.ty(lhs)), self.type_name(self.ty(rhs)));
        let message = format!("`{}` does not fit `{left}` and `{right}`", op.text());
        let mut diagnostic = Diagnostic::new("E0302", self.span(lhs), message, format!("this is `{left}`"))
            .and(self.span(rhs), format!("this is `{right}`"));
        if let Some(help) = self.operand_help(op, lhs, rhs) {
            diagnostic = diagnostic.help(help);
        }
        self.report(diagnostic);
    }

    /// What to write instead of `lhs op rhs`.
    pub(super) fn operand_help(&mut self, op: BinaryOp, lhs: ExprId, rhs: ExprId) -> Option<String> {
        use BinaryOp::*;
        const INT: TypeId = TypeId::INT;
        const FLOAT: TypeId = TypeId::FLOAT;
        const BOOL: TypeId = TypeId::BOOL;
        const STR: TypeId = TypeId::STR;
        let comparison = matches!(op, Eq | Ne | Lt | Le | Gt | Ge);
        Some(match (op, self.ty(lhs), self.ty(rhs)) {
            (And | Or, INT, _) | (And | Or, _, INT) => {
                let bits = if op == And { "&" } else { "|" };
                format!("compare the Int: `… != 0`; `{bits}` works on bits")
            }
            (BitAnd | BitOr | BitXor, BOOL, BOOL) => match op {
                BitAnd => "`&&` is for Bool".into(),
                BitOr => "`||` is for Bool".into(),
                _ => "write `!=`: it is true if one of them is".into(),
            },
            (WrapAdd | WrapSub | WrapMul, FLOAT, FLOAT) => {
                format!("Floats do not overflow: write `{}`", &op.text()[..1])
            }
            (Add | Sub | Mul | Div | Rem | Eq | Ne | Lt | Le | Gt | Ge, INT, FLOAT) => {
                self.conversion_help(lhs, FLOAT)?
            }
            (Add | Sub | Mul | Div | Rem | Eq | Ne | Lt | Le | Gt | Ge, FLOAT, INT) => {
                self.conversion_help(rhs, FLOAT)?
            }
            (Add, STR, _) => format!("{}, or put it in the text: `\"… {{x}}\"`", self.conversion_help(rhs, STR)?),
            (Add, _, STR) => format!("{}, or put it in the text: `\"{{x}} …\"`", self.conversion_help(lhs, STR)?),
            (Mul, STR, INT) => "write `repeat(s, n)`".into(),
            (Add, array, element) if self.array_element(array) == Some(element) => self.conversion_help(rhs, array)?,
            (Add | Sub | Mul | Div, BOOL, _) => "`Int(b)` is 1 for true, 0 for false".into(),
            (Lt | Le | Gt | Ge, a, b) if a == b => "values that hold a grid have no order: compare with `==`".into(),
            (_, a, b) if comparison && a != b && matches!(self.shape(a), Type::Bool) => {
                "comparisons do not chain: write `a < b && b < c`".into()
            }
            _ => return None,
        })
    }
}

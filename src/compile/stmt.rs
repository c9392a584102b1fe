//! Statements and blocks.

use super::call::Later;
use super::emit::Reg;
use super::expr::Want;
use super::function::{Gen, Loop, Slots};
use crate::bytecode::builtins;
use crate::bytecode::ops::Op;
use crate::bytecode::program::RegType;
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::TypeId;
use crate::check::typed::*;

/// Conditions up to that size are tested at both ends of a `while` loop.
const SMALL_CONDITION: usize = 16;

impl<'a> Gen<'a, '_> {
    /// A block with a scope of its own.
    pub fn block(&mut self, block: &'a Block) {
        self.open_scope();
        self.statements(&block.stmts);
        if let Some(value) = block.value {
            self.call_statement(value);
        }
        self.close_scope(!block.diverges);
    }

    /// Statements, one after the other.
    pub fn statements(&mut self, stmts: &'a [Stmt]) {
        for stmt in stmts {
            self.statement(stmt);
        }
    }

    fn statement(&mut self, stmt: &'a Stmt) {
        self.at(stmt.span);
        match &stmt.kind {
            StmtKind::Let { local, value } => {
                let ty = self.ty(*value);
                let slots = self.declare(ty);
                let mark = self.mark();
                self.into(*value, &slots, true);
                self.release(mark);
                self.bind(*local, slots);
            }
            StmtKind::Assign { place, op, value } => self.assign(stmt, place, *op, *value),
            StmtKind::Expr(e) => self.expression_statement(*e),
            StmtKind::While { cond, body } => self.while_loop(*cond, body),
            StmtKind::For { local, source, body, each } => self.for_loop(stmt, *local, source, body, *each),
            StmtKind::Break => {
                let Loop { on_break, scopes, .. } = *self.loops.last().expect("the checker saw the loop");
                self.drop_scopes(scopes);
                self.out.emit(Op::Jump, [on_break.arg()]);
            }
            StmtKind::Continue => {
                let Loop { on_continue, scopes, .. } = *self.loops.last().expect("the checker saw the loop");
                self.drop_scopes(scopes);
                self.out.emit(Op::Jump, [on_continue.arg()]);
            }
            StmtKind::Return(None) => self.out.emit(Op::Return, []),
            StmtKind::Return(Some(value)) => self.return_value(stmt, *value),
        }
    }

    fn return_value(&mut self, stmt: &'a Stmt, value: ExprId) {
        let mark = self.mark();
        let ty = self.ty(value);
        let results: Slots = (0..self.types.slots(ty)).map(Reg::fixed).collect();
        if self.is_scalar(ty) {
            if let ExprKind::Local(_) = self.typed[value].kind {
                let reg = self.scalar(value, Want::Brief);
                self.at(stmt.span);
                self.out.emit(Op::ReturnValue, [reg.arg()]);
                return self.release(mark);
            }
            self.scalar(value, Want::Fresh(results[0]));
        } else if let ExprKind::Local(local) = self.typed[value].kind
            && matches!(
                self.typed.functions[self.current].locals[local.0 as usize].kind,
                LocalKind::Let | LocalKind::Var | LocalKind::Loop
            )
        {
            // The variable ends here.
            let super::function::Binding::Slots(slots) = self.binding(local) else {
                unreachable!("only parameters are views")
            };
            self.copy_slots(&results, &slots, true);
        } else {
            self.into(value, &results, true);
        }
        self.at(stmt.span);
        self.out.emit(Op::Return, []);
        self.release_silently(mark);
    }

    fn expression_statement(&mut self, e: ExprId) {
        match &self.typed[e].kind {
            ExprKind::If { arms, otherwise } => self.if_statement(arms, otherwise.as_deref()),
            ExprKind::Assert(cond, message) => self.assert(e, *cond, *message),
            ExprKind::Call { .. } | ExprKind::Builtin { .. } => self.call_statement(e),
            _ => {
                let mark = self.mark();
                self.slots(e);
                self.release(mark);
            }
        }
    }

    fn assert(&mut self, e: ExprId, cond: ExprId, message: Option<ExprId>) {
        let holds = self.out.label();
        self.jump_on(cond, holds, true);
        match message {
            None => {
                self.at(self.typed[e].span);
                self.out.emit(Op::Trap, [TrapCode::AssertionFailed as i64]);
            }
            Some(message) => {
                let mark = self.mark();
                let operand = self.operand(message, Later::NOTHING);
                self.at(self.typed[e].span);
                self.stage(0, &operand, TypeId::STR);
                self.sys(builtins::find("__assert_failed", 1).expect("it is in the table"), TypeId::UNIT);
                self.release(mark);
            }
        }
        self.out.place(holds);
    }

    fn while_loop(&mut self, cond: ExprId, body: &'a Block) {
        let (top, on_break, on_continue) = (self.out.label(), self.out.label(), self.out.label());
        let outermost = self.enter_loop();
        if self.is_small(cond) {
            self.jump_on(cond, on_break, false);
        } else {
            self.out.emit(Op::Jump, [on_continue.arg()]);
        }
        self.out.place(top);
        self.loops.push(Loop { on_break, on_continue, scopes: self.scope_count() });
        self.block(body);
        self.loops.pop();
        self.out.place(on_continue);
        self.jump_on(cond, top, true);
        self.out.place(on_break);
        self.leave_loop(outermost);
    }

    /// Whether an expression is small, and without blocks, loops and calls, so that it may be compiled twice.
    fn is_small(&self, e: ExprId) -> bool {
        let mut stack = vec![e];
        let mut count = 0;
        while let Some(e) = stack.pop() {
            count += 1;
            let plain = matches!(
                self.typed[e].kind,
                ExprKind::Int(_)
                    | ExprKind::Float(_)
                    | ExprKind::Bool(_)
                    | ExprKind::Local(_)
                    | ExprKind::Unary(..)
                    | ExprKind::Binary(..)
                    | ExprKind::Field(..)
                    | ExprKind::Index(..)
                    | ExprKind::Index2(..)
                    | ExprKind::Builtin { .. }
                    | ExprKind::Call { .. }
            );
            if !plain || count > SMALL_CONDITION {
                return false;
            }
            super::uses::operands(self.typed, e, &mut |child| stack.push(child), &mut |_| ());
        }
        true
    }

    /// A variable's register for an Int, filled.
    pub fn int_register(&mut self, e: ExprId) -> Reg {
        let reg = self.temp(RegType::Int);
        self.scalar(e, Want::Fresh(reg))
    }
}

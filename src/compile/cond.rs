//! Conditions: jumps instead of Bools, with compare and branch in one instruction.

use super::emit::{Label, Reg};
use super::expr::Want;
use super::function::{Gen, Slots};
use crate::bytecode::ops::Op;
use crate::bytecode::program::RegType;
use crate::bytecode::types::TypeId;
use crate::check::typed::*;

impl<'a> Gen<'a, '_> {
    /// Goes on at `target` if the condition's value is `sense`, else right after.
    pub fn jump_on(&mut self, cond: ExprId, target: Label, sense: bool) {
        match &self.typed[cond].kind {
            ExprKind::Bool(value) => {
                if *value == sense {
                    self.at(self.typed[cond].span);
                    self.out.emit(Op::Jump, [target.arg()]);
                }
            }
            ExprKind::Unary(UnaryOp::Not, operand) => self.jump_on(*operand, target, !sense),
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), ..) => {
                let terms = self.terms(cond, *op);
                // One deciding term settles the whole: `false` for `&&`, `true` for `||`.
                let decides = *op == BinaryOp::Or;
                if decides == sense {
                    terms.iter().for_each(|&term| self.jump_on(term, target, sense));
                } else {
                    let settled = self.out.label();
                    let (&last, rest) = terms.split_last().expect("two at least");
                    rest.iter().for_each(|&term| self.jump_on(term, settled, decides));
                    self.jump_on(last, target, sense);
                    self.out.place(settled);
                }
            }
            ExprKind::Binary(op, a, b) if self.is_scalar(self.ty(*a)) && is_comparison(*op) => {
                self.compare_and_jump(cond, *op, *a, *b, target, sense);
            }
            _ => {
                let mark = self.mark();
                let reg = self.scalar(cond, Want::Brief);
                self.at(self.typed[cond].span);
                let op = if sense { Op::JumpIf } else { Op::JumpNot };
                self.out.emit(op, [reg.arg(), target.arg()]);
                self.release(mark);
            }
        }
    }

    /// The terms of a chain of one operator, in order.
    fn terms(&self, e: ExprId, of: BinaryOp) -> Vec<ExprId> {
        let mut terms = Vec::new();
        let mut rest = e;
        while let ExprKind::Binary(op, a, b) = self.typed[rest].kind
            && op == of
        {
            terms.push(b);
            rest = a;
        }
        terms.push(rest);
        terms.reverse();
        terms
    }

    fn compare_and_jump(&mut self, e: ExprId, op: BinaryOp, a: ExprId, b: ExprId, target: Label, sense: bool) {
        use BinaryOp::*;
        let float = self.ty(a) == TypeId::FLOAT;
        let mark = self.mark();
        let small = |e: ExprId| match self.typed[e].kind {
            ExprKind::Int(value) => i16::try_from(value).ok().map(i64::from),
            _ => None,
        };
        let (op, a, b) = if small(a).is_some() && small(b).is_none() { (mirrored(op), b, a) } else { (op, a, b) };
        if !float && let Some(k) = small(b) {
            let reg = self.scalar(a, Want::Brief);
            let op = match (op, sense) {
                (Eq, true) | (Ne, false) => Op::JumpEqK,
                (Ne, true) | (Eq, false) => Op::JumpNeK,
                (Lt, true) | (Ge, false) => Op::JumpLtK,
                (Le, true) | (Gt, false) => Op::JumpLeK,
                (Gt, true) | (Le, false) => Op::JumpGtK,
                _ => Op::JumpGeK,
            };
            self.at(self.typed[e].span);
            self.out.emit(op, [reg.arg(), k, target.arg()]);
            return self.release(mark);
        }
        let lhs = self.first_of(a, b, None);
        let rhs = self.scalar(b, Want::Brief);
        // Of two Ints, not `<` is `>=`; of two Floats it is not, because of NaN.
        let (op, swap) = match (op, sense, float) {
            (Eq, true, false) | (Ne, false, false) => (Op::JumpEqI, false),
            (Ne, true, false) | (Eq, false, false) => (Op::JumpNeI, false),
            (Lt, true, false) | (Ge, false, false) => (Op::JumpLtI, false),
            (Le, true, false) | (Gt, false, false) => (Op::JumpLeI, false),
            (Gt, true, false) | (Le, false, false) => (Op::JumpLtI, true),
            (_, _, false) => (Op::JumpLeI, true),
            (Eq, true, true) | (Ne, false, true) => (Op::JumpEqF, false),
            (Ne, true, true) | (Eq, false, true) => (Op::JumpNeF, false),
            (Lt, true, true) => (Op::JumpLtF, false),
            (Le, true, true) => (Op::JumpLeF, false),
            (Gt, true, true) => (Op::JumpLtF, true),
            (Ge, true, true) => (Op::JumpLeF, true),
            (Lt, false, true) => (Op::JumpNotLtF, false),
            (Le, false, true) => (Op::JumpNotLeF, false),
            (Gt, false, true) => (Op::JumpNotLtF, true),
            (_, _, true) => (Op::JumpNotLeF, true),
        };
        let (lhs, rhs) = if swap { (rhs, lhs) } else { (lhs, rhs) };
        self.at(self.typed[e].span);
        self.out.emit(op, [lhs.arg(), rhs.arg(), target.arg()]);
        self.release(mark);
    }

    /// A Bool from a condition with `&&` or `||`.
    pub fn bool_by_jumps(&mut self, e: ExprId, dest: Reg) {
        let end = self.out.label();
        self.load_constant(dest, RegType::Bool, 0);
        self.jump_on(e, end, false);
        self.load_constant(dest, RegType::Bool, 1);
        self.out.place(end);
    }

    /// The value of an `if` into `dests`, which nothing in it reads.
    pub fn if_value(&mut self, arms: &'a [(ExprId, Block)], otherwise: Option<&'a Block>, dests: &Slots) {
        let end = self.out.label();
        for (cond, block) in arms {
            let next = self.out.label();
            self.jump_on(*cond, next, false);
            self.value_block(block, dests);
            if !block.diverges {
                self.out.emit(Op::Jump, [end.arg()]);
            }
            self.out.place(next);
        }
        if let Some(block) = otherwise {
            self.value_block(block, dests);
        }
        self.out.place(end);
        dests.iter().for_each(|&dest| self.now_live(dest));
    }

    fn value_block(&mut self, block: &'a Block, dests: &Slots) {
        self.open_scope();
        self.statements(&block.stmts);
        if let Some(value) = block.value {
            let mark = self.mark();
            if self.types.slots(self.ty(value)) == 0 {
                // It ends the program.
                self.call_statement(value);
            } else {
                self.into(value, dests, true);
            }
            self.release(mark);
        }
        self.close_scope(!block.diverges);
        dests.iter().for_each(|&dest| self.moved(dest));
    }

    /// An `if` as a statement.
    pub fn if_statement(&mut self, arms: &'a [(ExprId, Block)], otherwise: Option<&'a Block>) {
        let end = self.out.label();
        for (index, (cond, block)) in arms.iter().enumerate() {
            let next = self.out.label();
            self.jump_on(*cond, next, false);
            self.block(block);
            let last = index + 1 == arms.len() && otherwise.is_none();
            if !last && !block.diverges {
                self.out.emit(Op::Jump, [end.arg()]);
            }
            self.out.place(next);
        }
        if let Some(block) = otherwise {
            self.block(block);
        }
        self.out.place(end);
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::*;
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge)
}

/// The comparison with its sides exchanged.
fn mirrored(op: BinaryOp) -> BinaryOp {
    use BinaryOp::*;
    match op {
        Lt => Gt,
        Le => Ge,
        Gt => Lt,
        Ge => Le,
        same => same,
    }
}

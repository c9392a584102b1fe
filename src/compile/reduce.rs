//! Reductions over a clause. Float sums and products, and Int products, are combined in the fixed tree of the spec:
//! blocks of [`BLOCK`] source elements, left to right inside, and the block results in a binary tree.

use super::call::Operand;
use super::emit::Reg;
use super::expr::{Elements, Want};
use super::function::{Gen, Slots};
use super::loops::Walk;
use crate::bytecode::ops::Op;
use crate::bytecode::program::RegType;
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::{Type, TypeId};
use crate::check::typed::*;

/// Source elements in a block of the tree.
const BLOCK: i64 = 1024;

impl<'a> Gen<'a, '_> {
    /// A reduction into `dests`, which nothing in it reads.
    pub fn reduction(&mut self, e: ExprId, which: Reduction, element: ExprId, clause: &Clause, dests: &Slots) {
        let dest = dests[0];
        let ty = self.ty(e);
        match which {
            Reduction::Sum if ty == TypeId::INT => self.sum_of_ints(e, element, clause, dest),
            Reduction::Sum => self.tree(e, 0, Op::AddF, element, clause, dest),
            Reduction::Product if ty == TypeId::FLOAT => self.tree(e, 1, Op::MulF, element, clause, dest),
            Reduction::Product => self.tree(e, 2, Op::Prod, element, clause, dest),
            Reduction::Count => {
                self.load_constant(dest, RegType::Int, 0);
                self.clause(clause, &mut |g, walk| {
                    g.turns(walk, clause, &mut |g| {
                        let no = g.out.label();
                        g.jump_on(element, no, false);
                        g.out.emit(Op::AddImm, [dest.arg(), dest.arg(), 1]);
                        g.out.place(no);
                    });
                });
            }
            Reduction::Any | Reduction::All => {
                let decides = which == Reduction::Any;
                self.clause(clause, &mut |g, walk| {
                    let (decided, end) = (g.out.label(), g.out.label());
                    g.turns(walk, clause, &mut |g| g.jump_on(element, decided, decides));
                    g.load_constant(dest, RegType::Bool, u64::from(!decides));
                    g.out.emit(Op::Jump, [end.arg()]);
                    g.out.place(decided);
                    g.load_constant(dest, RegType::Bool, u64::from(decides));
                    g.out.place(end);
                });
            }
            Reduction::Min | Reduction::Max => self.extreme(e, which == Reduction::Max, element, clause, dests),
        }
    }

    fn sum_of_ints(&mut self, e: ExprId, element: ExprId, clause: &Clause, dest: Reg) {
        let mark = self.mark();
        let total = self.temp_ints(2);
        self.load_constant(total, RegType::Int, 0);
        self.load_constant(total.plus(1), RegType::Int, 0);
        self.clause(clause, &mut |g, walk| {
            g.turns(walk, clause, &mut |g| {
                let value = g.scalar(element, Want::Brief);
                g.out.emit(Op::Acc, [total.arg(), value.arg()]);
            });
        });
        self.at(self.typed[e].span);
        self.out.emit(Op::AccEnd, [dest.arg(), total.arg()]);
        self.release(mark);
    }

    /// Sum (0) or product (1) of Floats, product of Ints (2).
    fn tree(&mut self, e: ExprId, kind: i64, combine: Op, element: ExprId, clause: &Clause, dest: Reg) {
        let of = if kind == 2 { TypeId::INT } else { TypeId::FLOAT };
        let ty = self.slot_type(of);
        let identity = match kind {
            0 => 0f64.to_bits(),
            1 => 1f64.to_bits(),
            _ => 1,
        };
        let span = self.typed[e].span;
        let list = self.types.find(&Type::Array(of)).expect("the pool made it");
        let mark = self.mark();
        let blocks = self.temp_own(list);
        let number = self.temp(RegType::Int);
        // A product of Ints has a second register: whether it overflowed, which is told when all elements are done.
        let result = if kind == 2 { self.temp_ints(2) } else { self.temp(ty) };
        self.load_constant(number, RegType::Int, 0);
        self.at(span);
        self.out.emit(Op::NewArray, [blocks.arg(), number.arg(), i64::from(list.0)]);
        self.now_live(blocks);
        self.clause(clause, &mut |g, walk| {
            let (outer, inner, done) = (g.out.label(), g.out.label(), g.out.label());
            let bound = g.temp(RegType::Int);
            let outermost = g.enter_loop();
            g.skip_if_empty(walk, done);
            g.out.place(outer);
            g.load_constant(result, ty, identity);
            if kind == 2 {
                g.load_constant(result.plus(1), ty, 0);
            }
            let body = &mut |g: &mut Self| {
                let value = g.scalar(element, Want::Brief);
                match combine {
                    Op::Prod => g.out.emit(combine, [result.arg(), value.arg()]),
                    _ => g.out.emit(combine, [result.arg(), result.arg(), value.arg()]),
                }
            };
            let fold = |g: &mut Self| {
                g.at(span);
                let mut tagged = number;
                if combine == Op::Prod {
                    tagged = result.plus(1);
                    g.out.emit(Op::Xor, [tagged.arg(), tagged.arg(), number.arg()]);
                }
                g.out.emit(Op::Fold, [blocks.arg(), result.arg(), tagged.arg(), kind]);
                g.out.emit(Op::AddImm, [number.arg(), number.arg(), 1]);
            };
            match *walk {
                Walk::Range { at, end } | Walk::Elements { at, end, .. } => {
                    // The block ends BLOCK further on, or where the source does.
                    let (long, short) = (g.out.label(), g.out.label());
                    g.out.emit(Op::SubW, [bound.arg(), end.arg(), at.arg()]);
                    g.out.emit(Op::JumpLtK, [bound.arg(), 0, long.arg()]);
                    g.out.emit(Op::JumpGtK, [bound.arg(), BLOCK, long.arg()]);
                    g.out.emit(Op::Move, [bound.arg(), end.arg()]);
                    g.out.emit(Op::Jump, [short.arg()]);
                    g.out.place(long);
                    g.out.emit(Op::AddImm, [bound.arg(), at.arg(), BLOCK]);
                    g.out.place(short);
                    g.out.place(inner);
                    g.turn(walk, clause, body);
                    g.out.emit(Op::For, [at.arg(), bound.arg(), inner.arg()]);
                    fold(g);
                    g.out.emit(Op::JumpLtI, [at.arg(), end.arg(), outer.arg()]);
                }
                Walk::Steps { .. } => {
                    let full = g.out.label();
                    g.load_constant(bound, RegType::Int, BLOCK as u64);
                    g.out.place(inner);
                    g.turn(walk, clause, body);
                    g.out.emit(Op::AddImm, [bound.arg(), bound.arg(), -1]);
                    g.out.emit(Op::JumpEqK, [bound.arg(), 0, full.arg()]);
                    g.next_turn(walk, inner);
                    fold(g);
                    g.out.emit(Op::Jump, [done.arg()]);
                    g.out.place(full);
                    fold(g);
                    g.next_turn(walk, outer);
                }
            }
            g.out.place(done);
            g.leave_loop(outermost);
        });
        self.at(span);
        self.out.emit(Op::FoldEnd, [dest.arg(), blocks.arg(), kind]);
        self.release(mark);
    }

    /// The least or greatest element, by total order; the first of equal ones.
    fn extreme(&mut self, e: ExprId, greatest: bool, element: ExprId, clause: &Clause, dests: &Slots) {
        let ty = self.ty(e);
        let span = self.typed[e].span;
        let mark = self.mark();
        let seen = self.temp(RegType::Bool);
        self.load_constant(seen, RegType::Bool, 0);
        // A register must hold something on every path that reads it.
        for (&dest, &leaf) in dests.iter().zip(self.types.leaves(ty)) {
            self.empty_slot(dest, leaf);
        }
        self.clause(clause, &mut |g, walk| {
            g.turns(walk, clause, &mut |g| {
                let (later, next) = (g.out.label(), g.out.label());
                let value = g.slots(element);
                g.at(span);
                g.out.emit(Op::JumpIf, [seen.arg(), later.arg()]);
                g.copy_slots(dests, &value, false);
                // What a temporary held has moved on this path only: the other one shares it.
                value.iter().for_each(|&reg| g.now_live(reg));
                g.load_constant(seen, RegType::Bool, 1);
                g.out.emit(Op::Jump, [next.arg()]);
                g.out.place(later);
                let op = match (ty, greatest) {
                    (TypeId::INT, false) => Some(Op::MinI),
                    (TypeId::INT, true) => Some(Op::MaxI),
                    (TypeId::FLOAT, false) => Some(Op::MinF),
                    (TypeId::FLOAT, true) => Some(Op::MaxF),
                    _ => None,
                };
                match op {
                    Some(op) => {
                        let dest = dests[0];
                        g.out.emit(op, [dest.arg(), dest.arg(), value[0].arg()]);
                    }
                    None => {
                        let better = g.temp(RegType::Bool);
                        let operand = |slots: &Slots| {
                            if g.is_elements(ty) {
                                Operand::Whole(Elements::Held(slots[0]))
                            } else {
                                Operand::Slots(slots.clone())
                            }
                        };
                        let (mut a, mut b) = (operand(&value), operand(dests));
                        if greatest {
                            std::mem::swap(&mut a, &mut b);
                        }
                        g.compare_operands(e, ty, &a, &b, 4, better);
                        g.out.emit(Op::JumpNot, [better.arg(), next.arg()]);
                        g.copy_slots(dests, &value, false);
                        value.iter().for_each(|&reg| g.now_live(reg));
                    }
                }
                g.out.place(next);
            });
        });
        let found = self.out.label();
        self.at(span);
        self.out.emit(Op::JumpIf, [seen.arg(), found.arg()]);
        self.out.emit(Op::Trap, [TrapCode::Empty as i64]);
        self.out.place(found);
        self.release(mark);
    }

    /// Fills a slot with what is cheapest of its type.
    pub fn empty_slot(&mut self, dest: Reg, leaf: TypeId) {
        let mark = self.mark();
        match *self.types.get(leaf) {
            Type::Str => {
                let index = self.pool.text("");
                self.load_constant(dest, RegType::Own(leaf), u64::from(index));
            }
            Type::Array(_) => {
                let zero = self.constant(RegType::Int, 0);
                self.out.emit(Op::NewArray, [dest.arg(), zero.arg(), i64::from(leaf.0)]);
            }
            Type::Grid(_) => {
                let shape = self.temp_ints(2);
                self.load_constant(shape, RegType::Int, 0);
                self.load_constant(shape.plus(1), RegType::Int, 0);
                self.out.emit(Op::NewGrid, [dest.arg(), shape.arg(), i64::from(leaf.0)]);
            }
            _ => {
                let slot = self.slot_type(leaf);
                return self.load_constant(dest, slot, 0);
            }
        }
        self.now_live(dest);
        self.release(mark);
    }
}

//! Reductions over a clause. Float sums and products, and Int products, are combined in the fixed tree of the spec:
//! blocks of [`BLOCK`] source elements, left to right inside, and the block results in a binary tree.

use super::call::Operand;
use super::emit::{Label, Reg};
use super::expr::{Elements, Want};
use super::function::{Gen, Slots};
use super::loops::Walk;
use super::range::{BlockFold, Each};
use crate::bytecode::ops::Op;
use crate::bytecode::program::RegType;
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::{Type, TypeId};
use crate::check::typed::*;

/// Source elements in a block of the tree.
pub const BLOCK: i64 = 1024;

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
                let count = |g: &mut Gen<'a, '_>, total: Reg| {
                    let no = g.out.label();
                    g.jump_on(element, no, false);
                    g.out.emit(Op::AddImm, [total.arg(), total.arg(), 1]);
                    g.out.place(no);
                };
                self.clause(clause, &mut |g, walk| {
                    let mut fold = BlockFold {
                        types: &[RegType::Int],
                        any_size: true,
                        init: &mut |g, to| g.load_constant(to[0], RegType::Int, 0),
                        turn: &mut |g, to| count(g, to[0]),
                        combine: &mut |g, _, of| g.out.emit(Op::AddI, [dest.arg(), dest.arg(), of[0].arg()]),
                    };
                    let each = &mut |g: &mut Gen<'a, '_>, value: &Slots| {
                        let no = g.out.label();
                        g.out.emit(Op::JumpNot, [value[0].arg(), no.arg()]);
                        g.out.emit(Op::AddImm, [dest.arg(), dest.arg(), 1]);
                        g.out.place(no);
                    };
                    g.by_blocks(e, element, clause, walk, &mut fold, each, &mut |g| {
                        g.turns(walk, clause, &mut |g| count(g, dest));
                    });
                });
            }
            Reduction::Any | Reduction::All => {
                let decides = which == Reduction::Any;
                self.clause(clause, &mut |g, walk| {
                    let (decided, otherwise, undecided) = (g.out.label(), g.out.label(), g.out.label());
                    let end = g.out.label();
                    if g.decided_range((e, decides), element, clause, walk, decided, otherwise) {
                        g.out.emit(Op::Jump, [undecided.arg()]);
                    }
                    g.out.place(otherwise);
                    g.turns(walk, clause, &mut |g| g.jump_on(element, decided, decides));
                    g.out.place(undecided);
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

    /// By a call that runs blocks, where that is worth it, or one for few elements that may take long, of which `each` then takes the value, else
    /// as `ordinary` does.
    #[allow(clippy::too_many_arguments)]
    fn by_blocks(
        &mut self,
        e: ExprId,
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        fold: &mut BlockFold<'_, 'a>,
        each: Each<'_, 'a>,
        ordinary: &mut dyn FnMut(&mut Self),
    ) {
        let (more, otherwise, done) = (self.out.label(), self.out.label(), self.out.label());
        if self.few(e, element, clause, walk, each, more) {
            self.out.emit(Op::Jump, [done.arg()]);
        }
        self.out.place(more);
        if self.blocks_range(e, element, clause, walk, fold, otherwise) {
            self.out.emit(Op::Jump, [done.arg()]);
        }
        self.out.place(otherwise);
        ordinary(self);
        self.out.place(done);
    }

    /// The elements of not more than a block by a call, if each may take long, and then `each` with each value, in order; else on at
    /// `otherwise`. Whether there is such a call.
    fn few(
        &mut self,
        e: ExprId,
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        each: Each<'_, 'a>,
        otherwise: Label,
    ) -> bool {
        let of = if let ExprKind::Reduction { reduction: Reduction::Count, .. } = self.typed[e].kind {
            TypeId::BOOL
        } else {
            self.ty(e)
        };
        // All of them are kept until the last is there: not where one may be large.
        let small = self.types.leaves(of).iter().all(|&leaf| self.is_scalar(leaf) || leaf == TypeId::STR);
        if !small || !self.is_heavy(element, clause) {
            return false;
        }
        let list = self.types.find(&Type::Array(of)).expect("the pool made it");
        let of_this = (self.typed[e].span, list);
        self.few_range(of_this, element, clause, walk, (None, each), otherwise)
    }

    fn sum_of_ints(&mut self, e: ExprId, element: ExprId, clause: &Clause, dest: Reg) {
        let mark = self.mark();
        let total = self.temp_ints(2);
        self.load_constant(total, RegType::Int, 0);
        self.load_constant(total.plus(1), RegType::Int, 0);
        let add = |g: &mut Gen<'a, '_>, total: Reg| {
            let value = g.scalar(element, Want::Brief);
            g.out.emit(Op::Acc, [total.arg(), value.arg()]);
        };
        self.clause(clause, &mut |g, walk| {
            let mut fold = BlockFold {
                types: &[RegType::Int, RegType::Int],
                any_size: true,
                init: &mut |g, to| to.iter().for_each(|&half| g.load_constant(half, RegType::Int, 0)),
                turn: &mut |g, to| add(g, to[0]),
                combine: &mut |g, _, of| {
                    // The lower half has no sign; where `acc` sees one, it takes 1 too many from the upper half.
                    let unsigned = g.out.label();
                    g.out.emit(Op::Acc, [total.arg(), of[0].arg()]);
                    g.out.emit(Op::AddW, [total.plus(1).arg(), total.plus(1).arg(), of[1].arg()]);
                    g.out.emit(Op::JumpGeK, [of[0].arg(), 0, unsigned.arg()]);
                    g.out.emit(Op::AddImm, [total.plus(1).arg(), total.plus(1).arg(), 1]);
                    g.out.place(unsigned);
                },
            };
            let each = &mut |g: &mut Gen<'a, '_>, value: &Slots| g.out.emit(Op::Acc, [total.arg(), value[0].arg()]);
            g.by_blocks(e, element, clause, walk, &mut fold, each, &mut |g| {
                g.turns(walk, clause, &mut |g| add(g, total));
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
        let add = |g: &mut Gen<'a, '_>, result: Reg, value: Reg| match combine {
            Op::Prod => g.out.emit(combine, [result.arg(), value.arg()]),
            _ => g.out.emit(combine, [result.arg(), result.arg(), value.arg()]),
        };
        let step = |g: &mut Gen<'a, '_>, result: Reg| {
            let value = g.scalar(element, Want::Brief);
            add(g, result, value);
        };
        let begin = |g: &mut Gen<'a, '_>| {
            g.load_constant(result, ty, identity);
            if kind == 2 {
                g.load_constant(result.plus(1), ty, 0);
            }
        };
        let fold = |g: &mut Gen<'a, '_>| {
            g.at(span);
            let mut tagged = number;
            if combine == Op::Prod {
                tagged = result.plus(1);
                g.out.emit(Op::Xor, [tagged.arg(), tagged.arg(), number.arg()]);
            }
            g.out.emit(Op::Fold, [blocks.arg(), result.arg(), tagged.arg(), kind]);
            g.out.emit(Op::AddImm, [number.arg(), number.arg(), 1]);
        };
        let types = if kind == 2 { &[RegType::Int, RegType::Int][..] } else { &[RegType::Float] };
        let heavy = self.is_heavy(element, clause);
        self.clause(clause, &mut |g, walk| {
            let (more, otherwise, called) = (g.out.label(), g.out.label(), g.out.label());
            if heavy {
                begin(g);
                let each = &mut |g: &mut Gen<'a, '_>, value: &Slots| add(g, result, value[0]);
                if g.few(e, element, clause, walk, each, more) {
                    fold(g);
                    g.out.emit(Op::Jump, [called.arg()]);
                }
            }
            g.out.place(more);
            let mut blockwise = BlockFold {
                types,
                any_size: false,
                init: &mut |g, to| {
                    g.load_constant(to[0], ty, identity);
                    to[1..].iter().for_each(|&flag| g.load_constant(flag, ty, 0));
                },
                turn: &mut |g, to| step(g, to[0]),
                combine: &mut |g, block, of| {
                    g.at(span);
                    let mut tagged = block;
                    if let Some(&flag) = of.get(1) {
                        tagged = flag;
                        g.out.emit(Op::Xor, [flag.arg(), flag.arg(), block.arg()]);
                    }
                    g.out.emit(Op::Fold, [blocks.arg(), of[0].arg(), tagged.arg(), kind]);
                },
            };
            if g.blocks_range(e, element, clause, walk, &mut blockwise, otherwise) {
                g.out.emit(Op::Jump, [called.arg()]);
            }
            g.out.place(otherwise);
            let (outer, inner, done) = (g.out.label(), g.out.label(), g.out.label());
            let bound = g.temp(RegType::Int);
            let outermost = g.enter_loop();
            g.skip_if_empty(walk, done);
            g.out.place(outer);
            begin(g);
            let body = &mut |g: &mut Self| step(g, result);
            match *walk {
                Walk::Range { at, end } | Walk::Elements { at, end, .. } | Walk::Turns { at, end, .. } => {
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
            g.out.place(called);
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
        let op = match (ty, greatest) {
            (TypeId::INT, false) => Some(Op::MinI),
            (TypeId::INT, true) => Some(Op::MaxI),
            (TypeId::FLOAT, false) => Some(Op::MinF),
            (TypeId::FLOAT, true) => Some(Op::MaxF),
            _ => None,
        };
        self.clause(clause, &mut |g, walk| {
            let take = &mut |g: &mut Gen<'a, '_>, value: &Slots| {
                let (later, next) = (g.out.label(), g.out.label());
                g.at(span);
                g.out.emit(Op::JumpIf, [seen.arg(), later.arg()]);
                g.copy_slots(dests, value, false);
                // What a temporary held has moved on this path only: the other one shares it.
                value.iter().for_each(|&reg| g.now_live(reg));
                g.load_constant(seen, RegType::Bool, 1);
                g.out.emit(Op::Jump, [next.arg()]);
                g.out.place(later);
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
                        let (mut a, mut b) = (operand(value), operand(dests));
                        if greatest {
                            std::mem::swap(&mut a, &mut b);
                        }
                        g.compare_operands(e, ty, &a, &b, 4, better);
                        g.out.emit(Op::JumpNot, [better.arg(), next.arg()]);
                        g.copy_slots(dests, value, false);
                        value.iter().for_each(|&reg| g.now_live(reg));
                    }
                }
                g.out.place(next);
            };
            let (more, otherwise, called) = (g.out.label(), g.out.label(), g.out.label());
            if g.few(e, element, clause, walk, take, more) {
                g.out.emit(Op::Jump, [called.arg()]);
            }
            g.out.place(more);
            if let Some(op) = op
                && g.extreme_blocks(e, op, element, clause, walk, dests[0], seen, otherwise)
            {
                g.out.emit(Op::Jump, [called.arg()]);
            }
            g.out.place(otherwise);
            g.turns(walk, clause, &mut |g| {
                let value = g.slots(element);
                take(g, &value);
            });
            g.out.place(called);
        });
        let found = self.out.label();
        self.at(span);
        self.out.emit(Op::JumpIf, [seen.arg(), found.arg()]);
        self.out.emit(Op::Trap, [TrapCode::Empty as i64]);
        self.out.place(found);
        self.release(mark);
    }

    /// The least or greatest of each block by a call, and then of those; `seen` if there is one.
    #[allow(clippy::too_many_arguments)]
    fn extreme_blocks(
        &mut self,
        e: ExprId,
        op: Op,
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        dest: Reg,
        seen: Reg,
        otherwise: Label,
    ) -> bool {
        let ty = if matches!(op, Op::MinF | Op::MaxF) { RegType::Float } else { RegType::Int };
        let span = self.typed[e].span;
        let mut fold = BlockFold {
            // The second says whether any element has passed.
            types: &[ty, RegType::Int],
            any_size: true,
            init: &mut |g, to| {
                g.load_constant(to[0], ty, 0);
                g.load_constant(to[1], RegType::Int, 0);
            },
            turn: &mut |g, to| {
                let (later, next) = (g.out.label(), g.out.label());
                let value = g.scalar(element, Want::Any);
                g.at(span);
                g.out.emit(Op::JumpNeK, [to[1].arg(), 0, later.arg()]);
                g.out.emit(Op::Move, [to[0].arg(), value.arg()]);
                g.load_constant(to[1], RegType::Int, 1);
                g.out.emit(Op::Jump, [next.arg()]);
                g.out.place(later);
                g.out.emit(op, [to[0].arg(), to[0].arg(), value.arg()]);
                g.out.place(next);
            },
            combine: &mut |g, _, of| {
                let (later, next) = (g.out.label(), g.out.label());
                g.out.emit(Op::JumpEqK, [of[1].arg(), 0, next.arg()]);
                g.out.emit(Op::JumpIf, [seen.arg(), later.arg()]);
                g.out.emit(Op::Move, [dest.arg(), of[0].arg()]);
                g.load_constant(seen, RegType::Bool, 1);
                g.out.emit(Op::Jump, [next.arg()]);
                g.out.place(later);
                g.out.emit(op, [dest.arg(), dest.arg(), of[0].arg()]);
                g.out.place(next);
            },
        };
        self.blocks_range(e, element, clause, walk, &mut fold, otherwise)
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

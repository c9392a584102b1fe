//! Reductions, and comprehensions with a condition. Many elements are cut into blocks of the source: an iteration of such a range is a block,
//! whose results are elements of arrays, and these are put together when the blocks are done.
//!
//! Invariant: the elements of a block are computed in order, and so are the blocks put together.

use super::{Callee, LoopKey};
use crate::bytecode::ops::Op;
use crate::bytecode::program::{Param, Passing, RegType};
use crate::bytecode::types::{Type, TypeId};
use crate::check::typed::*;
use crate::compile::emit::{Label, Reg};
use crate::compile::expr::Elements;
use crate::compile::function::{Binding, Gen, Slots};
use crate::compile::loops::Walk;
use crate::compile::place::{At, Element};
use crate::compile::reduce::BLOCK;
use crate::syntax::span::Span;
use smallvec::smallvec;
use std::rc::Rc;

/// A source is cut into about 2 to this many blocks, but into blocks of [`BLOCK`] elements at most if one may take long, and at least if
/// not.
const BLOCKS: i64 = 8;
/// No block has fewer elements.
const LEAST: i64 = 8;
/// How many elements one call looks at to keep some, which are then in memory twice.
const AT_ONCE: i64 = 1 << 18;

/// How a block is computed, and blocks are put together.
pub struct BlockFold<'f, 'a> {
    /// What a block's results are: Ints, Floats and arrays; two Ints lie side by side.
    pub types: &'f [RegType],
    /// Whether it does not matter where the source is cut.
    pub any_size: bool,
    pub init: &'f mut dyn FnMut(&mut Gen<'a, '_>, &[Reg]),
    pub turn: &'f mut dyn FnMut(&mut Gen<'a, '_>, &[Reg]),
    pub combine: &'f mut dyn FnMut(&mut Gen<'a, '_>, Reg, &[Reg]),
}

/// What is done with each element's slots.
pub type Each<'f, 'a> = &'f mut dyn FnMut(&mut Gen<'a, '_>, &Slots);

/// What is cut into blocks: iterations `from..to` of a walk, so many each.
pub(super) struct Cut {
    pub(super) turns: Walk,
    pub(super) from: Reg,
    pub(super) to: Reg,
    pub(super) size: Reg,
}

impl<'a> Gen<'a, '_> {
    /// The blocks of a reduction's source by a call, if that is possible and worth it; else on at `otherwise`. Whether there is such
    /// a call. A block's results are in registers of those `types`: `fold.init` fills them, `fold.turn` adds an element; when all
    /// blocks are done, `fold.combine` takes each block's, in order.
    pub fn blocks_range(
        &mut self,
        e: ExprId,
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        fold: &mut BlockFold<'_, 'a>,
        otherwise: Label,
    ) -> bool {
        let mark = self.mark();
        let turns = self.by_turns(walk);
        let (from, to) = turns.bounds();
        let cut = Cut { turns, from, to, size: self.temp(RegType::Int) };
        let made = (LoopKey::Block(element), self.typed[e].span);
        let Some(callee) = self.made_blocks(made, element, clause, &cut, fold) else {
            self.release(mark);
            return false;
        };
        self.at(self.typed[e].span);
        self.count_turns(walk, &turns, otherwise);
        let count = self.unless_many(from, to, BLOCK + 1, otherwise);
        if fold.any_size {
            self.block_size(&cut, count, self.is_heavy(element, clause));
        } else {
            self.load_constant(cut.size, RegType::Int, BLOCK as u64);
        }
        self.call_blocks(&callee, &cut, count, fold);
        self.release(mark);
        true
    }

    /// Into how many elements each `count` of them are cut, where that does not matter to the result.
    fn block_size(&mut self, cut: &Cut, count: Reg, heavy: bool) {
        let mark = self.mark();
        let size = cut.size;
        self.out.emit(Op::DivPow, [size.arg(), count.arg(), BLOCKS]);
        let bounds =
            if heavy { [(Op::MinI, BLOCK), (Op::MaxI, LEAST)] } else { [(Op::MaxI, BLOCK), (Op::MinI, AT_ONCE)] };
        for (op, bound) in bounds {
            let bound = self.constant(RegType::Int, bound as u64);
            self.out.emit(op, [size.arg(), size.arg(), bound.arg()]);
        }
        self.release(mark);
    }

    /// Whether an element, or the condition on it, may take long.
    pub fn is_heavy(&self, element: ExprId, clause: &Clause) -> bool {
        self.survey_element(element, clause).heavy
    }

    /// What the function that runs blocks takes after its bounds, and then the arrays of results.
    pub(super) fn cut_extras(&self, cut: &Cut) -> Vec<(Param, Binding)> {
        let int = Param { ty: TypeId::INT, passing: Passing::In };
        let mut extras = self.walk_extras(&cut.turns);
        extras.extend([cut.from, cut.to, cut.size].map(|reg| (int, Binding::Slots(smallvec![reg]))));
        extras
    }

    /// The type of the array of a result of all blocks.
    pub fn results_type(&self, ty: RegType) -> TypeId {
        let of = match ty {
            RegType::Own(ty) => ty,
            RegType::Float => TypeId::FLOAT,
            _ => TypeId::INT,
        };
        self.types.find(&Type::Array(of)).expect("the pool made it")
    }

    /// Makes the function that runs blocks, unless it is there.
    fn made_blocks(
        &mut self,
        (key, span): (LoopKey, Span),
        element: ExprId,
        clause: &Clause,
        cut: &Cut,
        fold: &mut BlockFold<'_, 'a>,
    ) -> Option<Rc<Callee>> {
        let mut params: Vec<Param> = self.cut_extras(cut).iter().map(|&(param, _)| param).collect();
        let own = params.len() - 3;
        for &ty in fold.types {
            params.push(Param { ty: self.results_type(ty), passing: Passing::InoutView });
        }
        let found = self.survey_element(element, clause);
        self.made_once((key, span), &found, clause, &params, &mut |g, inside| {
            let [Binding::Slots(from), Binding::Slots(to), Binding::Slots(size), results @ ..] = &inside.extras[own..]
            else {
                unreachable!("what is cut comes before the results")
            };
            let mark = g.mark();
            let (at, end) = (g.temp(RegType::Int), g.temp(RegType::Int));
            let regs: Vec<Reg> = match fold.types {
                [RegType::Int, RegType::Int] => {
                    let first = g.temp_ints(2);
                    vec![first, first.plus(1)]
                }
                types => types.iter().map(|&ty| g.temp(ty)).collect(),
            };
            g.bound_block(inside.index, [from[0], to[0], size[0]], at, end);
            (fold.init)(g, &regs);
            let walk = Self::walk_inside(&cut.turns, at, end, &inside.extras);
            g.bind_walk(&walk, clause.local);
            let inner = g.out.label();
            g.out.place(inner);
            g.turn(&walk, clause, &mut |g| (fold.turn)(g, &regs));
            g.out.emit(Op::For, [at.arg(), end.arg(), inner.arg()]);
            g.at(span);
            g.out.emit(Op::SubW, [at.arg(), inside.index.arg(), inside.lo.arg()]);
            for ((&reg, &ty), list) in regs.iter().zip(fold.types).zip(results) {
                let Binding::View(list) = *list else { unreachable!("an array is a view") };
                let element = g.types.element(g.results_type(ty)).expect("an array's type");
                let base = Elements::View(list);
                let place = Element { base, is_grid: false, element, at: At::One(at), slot: 0, ty: element };
                g.store_element(&place, &[reg]);
            }
            g.release(mark);
        })
    }

    /// Where a block of what is cut begins and ends: the last one, where the source does.
    pub(super) fn bound_block(&mut self, index: Reg, [from, to, size]: [Reg; 3], at: Reg, end: Reg) {
        self.out.emit(Op::MulW, [at.arg(), index.arg(), size.arg()]);
        self.out.emit(Op::AddW, [at.arg(), at.arg(), from.arg()]);
        self.out.emit(Op::SubW, [end.arg(), to.arg(), at.arg()]);
        self.out.emit(Op::MinI, [end.arg(), end.arg(), size.arg()]);
        self.out.emit(Op::AddW, [end.arg(), end.arg(), at.arg()]);
    }

    /// How many blocks `count` elements are.
    pub(super) fn count_blocks(&mut self, cut: &Cut, count: Reg) -> Reg {
        let blocks = self.temp(RegType::Int);
        self.out.emit(Op::AddImm, [blocks.arg(), count.arg(), -1]);
        self.out.emit(Op::DivI, [blocks.arg(), blocks.arg(), cut.size.arg()]);
        self.out.emit(Op::AddImm, [blocks.arg(), blocks.arg(), 1]);
        blocks
    }

    /// Calls the function that runs blocks for `count` elements, and puts the results together.
    fn call_blocks(&mut self, callee: &Callee, cut: &Cut, count: Reg, fold: &mut BlockFold<'_, 'a>) {
        let mark = self.mark();
        let block = self.temp(RegType::Int);
        let blocks = self.count_blocks(cut, count);
        let mut extras = self.cut_extras(cut);
        let mut kept = Vec::new();
        for &ty in fold.types {
            let list = self.results_type(ty);
            let array = self.temp_own(list);
            self.out.emit(Op::NewZeros, [array.arg(), blocks.arg(), i64::from(list.0), 0]);
            self.now_live(array);
            extras.push((Param { ty: list, passing: Passing::InoutView }, Binding::Slots(smallvec![array])));
            kept.push((array, self.temp(ty), matches!(ty, RegType::Own(_))));
        }
        self.load_constant(block, RegType::Int, 0);
        self.call_range(callee, block, blocks, &extras, &[]);
        let top = self.out.label();
        self.out.place(top);
        for &(array, result, is_own) in &kept {
            if is_own {
                self.out.emit(Op::TakeR, [result.arg(), array.arg(), block.arg(), 0]);
            } else {
                self.out.emit(Op::Load, [result.arg(), array.arg(), block.arg()]);
            }
        }
        let results: Vec<Reg> = kept.iter().map(|&(_, result, _)| result).collect();
        (fold.combine)(self, block, &results);
        for (_, result, _) in kept.iter().filter(|(.., is_own)| *is_own) {
            self.out.emit(Op::Drop, [result.arg()]);
        }
        self.out.emit(Op::For, [block.arg(), blocks.arg(), top.arg()]);
        self.release(mark);
    }

    // Comprehensions with a condition

    /// As [`Gen::comprehension_range`], with a condition: in a new array in `dest`, or added to the one that is there.
    pub fn kept_range(
        &mut self,
        of_this: (Span, TypeId),
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        (dest, is_new): (Reg, bool),
        otherwise: Label,
    ) -> bool {
        let heavy = self.is_heavy(element, clause);
        let (more, done) = (self.out.label(), self.out.label());
        if heavy {
            if !self.few_kept(of_this, element, clause, walk, (dest, is_new), more) {
                return false;
            }
            self.out.emit(Op::Jump, [done.arg()]);
            self.moved(dest);
        }
        self.out.place(more);
        let called = self.kept_blocks(of_this, element, clause, walk, (dest, heavy, is_new), otherwise);
        if !called && heavy {
            self.out.emit(Op::Jump, [otherwise.arg()]);
        }
        self.out.place(done);
        called || heavy
    }

    /// Not more elements than a block has.
    fn few_kept(
        &mut self,
        (span, ty): (Span, TypeId),
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        (dest, is_new): (Reg, bool),
        otherwise: Label,
    ) -> bool {
        let of = self.types.element(ty).expect("an array's type");
        let each = &mut |g: &mut Gen<'a, '_>, slots: &Slots| {
            if g.side_by_side(of) {
                g.out.emit(Op::Push, [dest.arg(), slots[0].arg()]);
                g.moved(slots[0]);
            } else {
                g.push_slots(dest, of, slots);
            }
        };
        self.few_range((span, ty), element, clause, walk, (is_new.then_some(dest), each), otherwise)
    }

    /// The elements of a clause that walks not more than a block by a call, in an array of that type; then an empty one in `new`, if that is
    /// asked for, and `each` with each element that passes the condition, in order. Else on at `otherwise`. Whether there is such a call.
    pub fn few_range(
        &mut self,
        (span, ty): (Span, TypeId),
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        (new, each): (Option<Reg>, Each<'_, 'a>),
        otherwise: Label,
    ) -> bool {
        let of = self.types.element(ty).expect("an array's type");
        let outer = self.mark();
        let values = self.temp_own(ty);
        let passed = clause.cond.map(|_| {
            let flags = self.results_type(RegType::Int);
            self.temp_own(flags)
        });
        if !self.elements_range((span, ty), element, clause, walk, (values, passed, BLOCK), otherwise) {
            self.release(outer);
            return false;
        }
        let (at, count) = (self.temp(RegType::Int), self.temp(RegType::Int));
        self.length(Elements::Held(values), false, count);
        if let Some(new) = new {
            self.new_empty(span, ty, new);
        }
        let (top, next) = (self.out.label(), self.out.label());
        self.load_constant(at, RegType::Int, 0);
        self.out.place(top);
        let mark = self.mark();
        if let Some(passed) = passed {
            let passes = self.temp(RegType::Int);
            self.out.emit(Op::Load, [passes.arg(), passed.arg(), at.arg()]);
            self.out.emit(Op::JumpEqK, [passes.arg(), 0, next.arg()]);
        }
        let slots = self.temp_slots(of);
        let base = Elements::Held(values);
        let place = Element { base, is_grid: false, element: of, at: At::One(at), slot: 0, ty: of };
        self.load_element(&place, &slots);
        each(self, &slots);
        self.release(mark);
        self.out.place(next);
        self.out.emit(Op::For, [at.arg(), count.arg(), top.arg()]);
        self.release(outer);
        true
    }

    /// More than a block: what is kept of each goes into an array of its own.
    fn kept_blocks(
        &mut self,
        (span, ty): (Span, TypeId),
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        (dest, heavy, is_new): (Reg, bool, bool),
        otherwise: Label,
    ) -> bool {
        let of = self.types.element(ty).expect("an array's type");
        let mut fold = BlockFold {
            types: &[RegType::Own(ty)],
            any_size: true,
            init: &mut |g, to| g.new_empty(span, ty, to[0]),
            turn: &mut |g, to| g.push_value(span, to[0], of, element),
            combine: &mut |g, _, of| g.out.emit(Op::Cat, [dest.arg(), of[0].arg()]),
        };
        let mark = self.mark();
        let turns = self.by_turns(walk);
        let (at, end) = turns.bounds();
        let [from, to, size] = [(); 3].map(|()| self.temp(RegType::Int));
        let cut = Cut { turns, from, to, size };
        let Some(callee) = self.made_blocks((LoopKey::Kept(element), span), element, clause, &cut, &mut fold) else {
            self.release(mark);
            return false;
        };
        self.at(span);
        self.count_turns(walk, &turns, otherwise);
        let count = self.unless_many(at, end, BLOCK + 1, otherwise);
        if is_new {
            self.new_empty(span, ty, dest);
        }
        let top = self.out.label();
        self.out.emit(Op::Move, [from.arg(), at.arg()]);
        self.out.place(top);
        self.out.emit(Op::SubW, [count.arg(), end.arg(), from.arg()]);
        let most = self.constant(RegType::Int, AT_ONCE as u64);
        self.out.emit(Op::MinI, [count.arg(), count.arg(), most.arg()]);
        self.out.emit(Op::AddW, [to.arg(), from.arg(), count.arg()]);
        self.block_size(&cut, count, heavy);
        self.call_blocks(&callee, &cut, count, &mut fold);
        self.out.emit(Op::Move, [from.arg(), to.arg()]);
        self.out.emit(Op::JumpLtI, [from.arg(), end.arg(), top.arg()]);
        self.release(mark);
        true
    }

    /// A new array of that type.
    fn new_empty(&mut self, span: Span, ty: TypeId, dest: Reg) {
        let mark = self.mark();
        let room = self.constant(RegType::Int, 0);
        self.at(span);
        self.out.emit(Op::NewArray, [dest.arg(), room.arg(), i64::from(ty.0)]);
        self.now_live(dest);
        self.release(mark);
    }
}

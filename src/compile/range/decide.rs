//! `any` and `all` by a call that runs blocks of their source side by side. The first block that decides leaves nothing of those
//! after it: neither their traps nor their output, and whatever would not end in them ends.

use super::blocks::Cut;
use super::{Inside, LoopKey, MANY};
use crate::bytecode::ops::Op;
use crate::bytecode::program::{Param, Passing, RegType};
use crate::check::typed::*;
use crate::compile::emit::Label;
use crate::compile::function::{Binding, Gen};
use crate::compile::loops::Walk;
use crate::compile::reduce::BLOCK;
use smallvec::smallvec;

/// A source is cut into about so many blocks at most, as a power of two: it may be long, and its first element decide.
const MOST_BLOCKS: i64 = 8;

impl<'a> Gen<'a, '_> {
    /// Whether an element decides, by a call, if that is possible and worth it: on at `decided` then, and behind it if none does;
    /// else on at `otherwise`. Whether there is such a call. `decides` is what an element must be for that.
    pub fn decided_range(
        &mut self,
        (e, decides): (ExprId, bool),
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        decided: Label,
        otherwise: Label,
    ) -> bool {
        let mark = self.mark();
        let turns = self.by_turns(walk);
        let (from, to) = turns.bounds();
        let cut = Cut { turns, from, to, size: self.temp(RegType::Int) };
        let span = self.typed[e].span;
        let found = self.survey_element(element, clause);
        let results = Param { ty: self.results_type(RegType::Int), passing: Passing::InoutView };
        let mut extras = self.cut_extras(&cut);
        let params: Vec<Param> = extras.iter().map(|&(param, _)| param).chain([results]).collect();
        let made = (LoopKey::Element(element), span);
        let callee = self.made_once(made, &found, clause, &params, &mut |g, inside| {
            g.deciding_block((element, decides), clause, &cut, inside);
        });
        let Some(callee) = callee else {
            self.release(mark);
            return false;
        };
        self.at(span);
        self.count_turns(walk, &turns, otherwise);
        let (many, least) = if found.heavy { (MANY, 1) } else { (BLOCK + 1, BLOCK) };
        let count = self.unless_many(from, to, many, otherwise);
        let some = self.temp(RegType::Int);
        self.load_constant(cut.size, RegType::Int, least as u64);
        self.out.emit(Op::DivPow, [some.arg(), count.arg(), MOST_BLOCKS]);
        self.out.emit(Op::MaxI, [cut.size.arg(), cut.size.arg(), some.arg()]);
        let blocks = self.count_blocks(&cut, count);
        let array = self.temp_own(results.ty);
        self.out.emit(Op::NewZeros, [array.arg(), blocks.arg(), i64::from(results.ty.0), 0]);
        self.now_live(array);
        extras.push((results, Binding::Slots(smallvec![array])));
        let (block, result) = (self.temp(RegType::Int), self.temp(RegType::Int));
        self.load_constant(block, RegType::Int, 0);
        self.call_range(&callee, block, blocks, &extras, &[]);
        let top = self.out.label();
        self.out.place(top);
        self.out.emit(Op::Load, [result.arg(), array.arg(), block.arg()]);
        self.out.emit(Op::JumpNeK, [result.arg(), 0, decided.arg()]);
        self.out.emit(Op::For, [block.arg(), blocks.arg(), top.arg()]);
        self.release(mark);
        true
    }

    /// A block, whose result is 1 if it decides.
    fn deciding_block(&mut self, (element, decides): (ExprId, bool), clause: &Clause, cut: &Cut, inside: &Inside) {
        let [.., Binding::Slots(from), Binding::Slots(to), Binding::Slots(size), Binding::View(results)] =
            &inside.extras[..]
        else {
            unreachable!("what is cut comes before the results")
        };
        let mark = self.mark();
        let (at, bound) = (self.temp(RegType::Int), self.temp(RegType::Int));
        let (inner, decided, done) = (self.out.label(), self.out.label(), self.out.label());
        let left = self.loops.last().expect("it is in a loop").on_break;
        self.bound_block(inside.index, [from[0], to[0], size[0]], at, bound);
        let walk = Self::walk_inside(&cut.turns, at, bound, &inside.extras);
        self.bind_walk(&walk, clause.local);
        self.out.place(inner);
        self.turn(&walk, clause, &mut |g| g.jump_on(element, decided, decides));
        self.out.emit(Op::For, [at.arg(), bound.arg(), inner.arg()]);
        self.out.emit(Op::Jump, [done.arg()]);
        self.out.place(decided);
        self.out.emit(Op::SubW, [at.arg(), inside.index.arg(), inside.lo.arg()]);
        self.load_constant(bound, RegType::Int, 1);
        self.out.emit(Op::StoreV, [results.arg(), at.arg(), bound.arg()]);
        self.out.emit(Op::Decide, [1]);
        self.out.emit(Op::Jump, [left.arg()]);
        self.out.place(done);
        self.release(mark);
    }
}

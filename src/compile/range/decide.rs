//! `any` and `all` by a call that runs blocks of their source side by side. The first block that decides leaves nothing of those
//! after it: neither their traps nor their output, and whatever would not end in them ends.

use super::{Callee, Inside, LoopKey, MANY};
use crate::bytecode::ops::Op;
use crate::bytecode::program::{Param, Passing, RegType};
use crate::bytecode::types::{Type, TypeId};
use crate::check::typed::*;
use crate::compile::emit::{Label, Reg};
use crate::compile::function::{Binding, Gen};
use crate::compile::loops::Walk;
use crate::compile::reduce::BLOCK;
use smallvec::smallvec;
use std::rc::Rc;

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
        let (at, end) = turns.bounds();
        let span = self.typed[e].span;
        let list = self.types.find(&Type::Array(TypeId::INT)).expect("the pool made it");
        // The loop's variable is bound already, and is not one from outside.
        let variable = self.bindings[clause.local.0 as usize].take();
        let found = self.survey(clause.cond.into_iter().chain([element]).collect(), Vec::new());
        let captures = self.captures(&found);
        let size = self.temp(RegType::Int);
        let int = Param { ty: TypeId::INT, passing: Passing::In };
        let mut extras = self.walk_extras(&turns);
        let own = extras.len();
        extras.extend([at, end, size].map(|reg| (int, Binding::Slots(smallvec![reg]))));
        let results = Param { ty: list, passing: Passing::InoutView };
        let key = LoopKey::Element(element);
        let callee = captures.and_then(|captures| match self.pool.ranges.made.get(&key) {
            Some(made) => made.clone().filter(|made| made.captures == captures),
            None => {
                let params: Vec<Param> = extras.iter().map(|&(param, _)| param).chain([results]).collect();
                self.at(span);
                let callee = self.make_range((&params, None), captures, &mut |g, inside| {
                    g.deciding_block((element, decides), clause, &turns, own, inside);
                });
                self.pool.ranges.made.insert(key, callee.clone());
                callee
            }
        });
        self.bindings[clause.local.0 as usize] = variable;
        let Some(callee) = callee else {
            self.release(mark);
            return false;
        };
        self.at(span);
        self.count_turns(walk, &turns, otherwise);
        let (many, least) = if found.heavy { (MANY, 1) } else { (BLOCK + 1, BLOCK) };
        let count = self.unless_many(at, end, many, otherwise);
        // How many elements a block has, and how many blocks there are.
        self.load_constant(size, RegType::Int, least as u64);
        let some = self.temp(RegType::Int);
        self.out.emit(Op::DivPow, [some.arg(), count.arg(), MOST_BLOCKS]);
        self.out.emit(Op::MaxI, [size.arg(), size.arg(), some.arg()]);
        self.out.emit(Op::AddImm, [count.arg(), count.arg(), -1]);
        self.out.emit(Op::DivI, [count.arg(), count.arg(), size.arg()]);
        self.out.emit(Op::AddImm, [count.arg(), count.arg(), 1]);
        self.ask_blocks(&callee, (list, count), extras, results, decided);
        self.release(mark);
        true
    }

    /// A block, whose result is 1 if it decides.
    fn deciding_block(
        &mut self,
        (element, decides): (ExprId, bool),
        clause: &Clause,
        turns: &Walk,
        own: usize,
        inside: &Inside,
    ) {
        let [Binding::Slots(start), Binding::Slots(end), Binding::Slots(size), Binding::View(results)] =
            &inside.extras[own..]
        else {
            unreachable!("bounds, size and results follow what the source is")
        };
        let mark = self.mark();
        let (at, bound) = (self.temp(RegType::Int), self.temp(RegType::Int));
        let (inner, decided, done) = (self.out.label(), self.out.label(), self.out.label());
        let left = self.loops.last().expect("it is in a loop").on_break;
        self.out.emit(Op::MulW, [at.arg(), inside.index.arg(), size[0].arg()]);
        self.out.emit(Op::AddW, [at.arg(), at.arg(), start[0].arg()]);
        self.out.emit(Op::SubW, [bound.arg(), end[0].arg(), at.arg()]);
        self.out.emit(Op::MinI, [bound.arg(), bound.arg(), size[0].arg()]);
        self.out.emit(Op::AddW, [bound.arg(), bound.arg(), at.arg()]);
        let walk = Self::walk_inside(turns, at, bound, &inside.extras);
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

    /// Calls for the blocks, and goes on at `decided` if one of them decides.
    fn ask_blocks(
        &mut self,
        callee: &Rc<Callee>,
        (list, count): (TypeId, Reg),
        mut extras: Vec<(Param, Binding)>,
        results: Param,
        decided: Label,
    ) {
        let array = self.temp_own(list);
        self.out.emit(Op::NewZeros, [array.arg(), count.arg(), i64::from(list.0), 0]);
        self.now_live(array);
        extras.push((results, Binding::Slots(smallvec![array])));
        let (block, result) = (self.temp(RegType::Int), self.temp(RegType::Int));
        self.load_constant(block, RegType::Int, 0);
        self.call_range(callee, block, count, &extras, &[]);
        let top = self.out.label();
        self.out.place(top);
        self.out.emit(Op::Load, [result.arg(), array.arg(), block.arg()]);
        self.out.emit(Op::JumpNeK, [result.arg(), 0, decided.arg()]);
        self.out.emit(Op::For, [block.arg(), count.arg(), top.arg()]);
    }
}

//! What each iteration has of a variable that the loop writes: how a call's parts are cut, by turns of one or by steps, and how the body of
//! a range function reads and checks places of which it sees only its part.
//!
//! Invariant: a part is cut only where all of it is there, and nothing that its bounds are computed from overflows.

use super::Narrow;
use crate::bytecode::builtins;
use crate::bytecode::ops::Op;
use crate::bytecode::program::RegType;
use crate::bytecode::types::TypeId;
use crate::check::independent::{Env, Linear, Share};
use crate::check::typed::*;
use crate::compile::emit::{Label, Reg};
use crate::compile::expr::{Elements, Want};
use crate::compile::function::{Binding, Gen};
use crate::compile::loops::Walk;
use crate::compile::place::{Part, Shape};

impl Gen<'_, '_> {
    /// The variable that an expression is.
    pub fn variable(&self, e: ExprId) -> Option<LocalId> {
        match self.typed[e].kind {
            ExprKind::Local(local) => Some(local),
            _ => None,
        }
    }

    /// The index `e` of a variable of which only a part is here, as one into that part.
    pub fn narrowed(&mut self, root: Option<LocalId>, e: ExprId) -> Option<Reg> {
        if self.is_inlined() {
            return None;
        }
        let narrow = self.narrow.get(&root?)?.clone();
        let (index, _) = narrow.env.bound(self.typed, e).expect("all indices into it have been looked at");
        let more = index.plus(&narrow.from, -1).expect("it is near the first");
        if more.is_constant() && more.plus == 0 {
            return Some(narrow.at);
        }
        let at = self.temp(RegType::Int);
        match i16::try_from(more.plus) {
            Ok(plus) => self.out.emit(Op::AddImm, [at.arg(), narrow.at.arg(), i64::from(plus)]),
            Err(_) => {
                let plus = self.constant(RegType::Int, more.plus as u64);
                self.out.emit(Op::AddW, [at.arg(), narrow.at.arg(), plus.arg()]);
            }
        }
        self.add_terms(at, &more);
        Some(at)
    }

    /// Adds what a linear expression has of variables that no iteration writes, which are small.
    fn add_terms(&mut self, sum: Reg, linear: &Linear) {
        for (&local, &times) in &linear.terms {
            let Binding::Slots(slots) = self.binding(LocalId(local)) else { unreachable!("an Int is no view") };
            self.add_times(sum, slots[0], times);
        }
    }

    /// Adds so many times that value.
    fn add_times(&mut self, sum: Reg, value: Reg, times: i64) {
        let mark = self.mark();
        let product = self.temp(RegType::Int);
        self.load_constant(product, RegType::Int, times as u64);
        self.out.emit(Op::MulW, [product.arg(), value.arg(), product.arg()]);
        self.out.emit(Op::AddW, [sum.arg(), sum.arg(), product.arg()]);
        self.release(mark);
    }

    /// Traps, as all of the grid would, unless there is a column `col` in that of which only a part is here. `row` as it is
    /// written.
    pub fn check_column(&mut self, root: Option<LocalId>, row: ExprId, col: Reg) {
        let narrow = root.filter(|_| !self.is_inlined()).and_then(|root| self.narrow.get(&root));
        let Some(Narrow { count, cols: Some(cols), .. }) = narrow else { return };
        let (rows, cols) = (*count, *cols);
        let (bad, good) = (self.out.label(), self.out.label());
        self.out.emit(Op::JumpLtK, [col.arg(), 0, bad.arg()]);
        self.out.emit(Op::JumpLtI, [col.arg(), cols.arg(), good.arg()]);
        self.out.place(bad);
        let mark = self.mark();
        let site = self.out.site;
        let row = self.scalar(row, Want::Any);
        self.out.site = site;
        self.out.need_window(4);
        for (at, value) in [row, col, rows, cols].into_iter().enumerate() {
            self.out.emit(Op::Move, [Reg::window(at).arg(), value.arg()]);
        }
        self.sys(builtins::find("__index2_failed", 4).expect("it is in the table"), TypeId::UNIT);
        self.release(mark);
        self.out.place(good);
    }

    /// Its `len`, `rows` or `cols`, if `e` is a variable of which only a part is here. Whether it is.
    pub fn narrow_length(&mut self, e: ExprId, name: &str, dest: Reg) -> bool {
        let narrow = self.variable(e).filter(|_| !self.is_inlined()).and_then(|root| self.narrow.get(&root));
        let Some(&Narrow { count, cols, .. }) = narrow else { return false };
        match (name, cols) {
            ("len", Some(cols)) => self.out.emit(Op::MulW, [dest.arg(), count.arg(), cols.arg()]),
            ("cols", Some(cols)) => self.out.emit(Op::Move, [dest.arg(), cols.arg()]),
            _ => self.out.emit(Op::Move, [dest.arg(), count.arg()]),
        }
        true
    }

    /// The same for an index of an expression.
    pub fn narrow_read(&mut self, of: ExprId, e: ExprId) -> Option<Reg> {
        let root = self.variable(of);
        self.narrowed(root, e)
    }

    /// The same, into `dest`; whether there is only a part.
    pub fn narrow_into(&mut self, root: Option<LocalId>, e: ExprId, dest: Reg) -> bool {
        let mark = self.mark();
        let at = self.narrowed(root, e);
        if let Some(at) = at {
            self.out.emit(Op::Move, [dest.arg(), at.arg()]);
        }
        self.release(mark);
        at.is_some()
    }

    /// The same for both ends of a slice.
    pub fn narrow_bounds(
        &mut self,
        root: Option<LocalId>,
        lo: Option<ExprId>,
        hi: Option<ExprId>,
        bounds: Reg,
    ) -> bool {
        let Some((lo, hi)) = lo.zip(hi) else { return false };
        self.narrow_into(root, lo, bounds) && self.narrow_into(root, hi, bounds.plus(1))
    }

    /// Goes on at `otherwise` unless all is so small that no index of a part overflows, nor a sum of products, here or in the body.
    pub(super) fn unless_small(&mut self, walk: &Walk, parts: &[(LocalId, Share)], otherwise: Label) {
        let (least, most) = (self.temp(RegType::Int), self.temp(RegType::Int));
        self.load_constant(least, RegType::Int, i64::from(i32::MIN) as u64);
        self.load_constant(most, RegType::Int, i32::MAX as u64);
        let (at, end) = walk.bounds();
        let mut small = vec![at, end];
        if let Walk::Steps { .. } = walk {
            small.push(end.plus(1));
        }
        for &local in parts.iter().flat_map(|(_, part)| &part.from.reads) {
            let Binding::Slots(slots) = self.binding(LocalId(local)) else { unreachable!("an Int is no view") };
            if !small.contains(&slots[0]) {
                small.push(slots[0]);
            }
        }
        for &value in &small {
            self.out.emit(Op::JumpLtI, [value.arg(), least.arg(), otherwise.arg()]);
            self.out.emit(Op::JumpLtI, [most.arg(), value.arg(), otherwise.arg()]);
        }
    }

    /// The elements, or rows, from where the share of iteration `lo` begins to where that of `hi` does; what they are of; and
    /// how many it has.
    fn bounds_of(&mut self, root: LocalId, part: &Share, lo: Reg, hi: Reg) -> (Part, Reg) {
        let is_grid = self.is_grid(self.local_ty(root));
        let bounds = self.temp_ints(if is_grid { 4 } else { 2 });
        for (bound, iteration) in [(bounds, lo), (bounds.plus(1), hi)] {
            self.load_constant(bound, RegType::Int, part.from.plus as u64);
            self.add_times(bound, iteration, part.from.by);
            self.add_terms(bound, &part.from);
        }
        let base = self.elements_of(root);
        let length = self.temp(RegType::Int);
        if is_grid {
            self.dimension(base, 0, length);
            self.load_constant(bounds.plus(2), RegType::Int, 0);
            self.dimension(base, 1, bounds.plus(3));
        } else {
            self.length(base, false, length);
        }
        let shape = if is_grid { Shape::Block } else { Shape::Slice };
        (Part { base, shape, bounds }, length)
    }

    fn elements_of(&self, local: LocalId) -> Elements {
        match self.binding(local) {
            Binding::View(reg) => Elements::View(reg),
            Binding::Slots(slots) => Elements::Held(slots[0]),
        }
    }

    /// What no iteration touches anything beyond; on at `otherwise` if their slices end before they begin. `length` is that of all.
    fn limit_of(&mut self, part: &Share, env: &Env, length: Reg, otherwise: Label) -> Reg {
        let size = part.past.clone().plus(&part.from, -1).expect("it was looked at");
        let value = self.temp(RegType::Int);
        if !size.is_constant() {
            self.load_constant(value, RegType::Int, size.plus as u64);
            self.add_terms(value, &size);
            self.out.emit(Op::JumpLtK, [value.arg(), 0, otherwise.arg()]);
        }
        if part.limits.is_empty() {
            return length;
        }
        let limit = self.temp(RegType::Int);
        self.out.emit(Op::Move, [limit.arg(), length.arg()]);
        for &other in &part.limits {
            match env.linear(self.typed, other) {
                Some(linear) => {
                    self.load_constant(value, RegType::Int, linear.plus as u64);
                    self.add_terms(value, &linear);
                }
                None => {
                    let of = env.length_of(self.typed, other).expect("a sum or a length");
                    let is_grid = self.is_grid(self.local_ty(of));
                    let elements = self.elements_of(of);
                    self.length(elements, is_grid, value);
                }
            }
            self.out.emit(Op::MinI, [limit.arg(), limit.arg(), value.arg()]);
        }
        limit
    }

    /// The parts of what iterations `lo..hi` write, if all of it is there; else on at `otherwise`. Also how many
    /// elements, or rows, all of each has.
    pub(super) fn cut_parts(
        &mut self,
        parts: &[(LocalId, Share)],
        env: &Env,
        (lo, hi): (Reg, Reg),
        otherwise: Label,
    ) -> (Vec<(LocalId, Part)>, Vec<Reg>) {
        let (mut views, mut counts) = (Vec::new(), Vec::new());
        for (root, part) in parts {
            let (view, length) = self.bounds_of(*root, part, lo, hi);
            let limit = self.limit_of(part, env, length, otherwise);
            self.out.emit(Op::JumpLtK, [view.bounds.arg(), 0, otherwise.arg()]);
            self.out.emit(Op::JumpLtI, [limit.arg(), view.bounds.plus(1).arg(), otherwise.arg()]);
            views.push((*root, view));
            counts.push(length);
        }
        (views, counts)
    }

    /// The same for the turns of a loop by steps: their first value, the step, and how many they are. If the last
    /// one's share ends early, that turn is not counted.
    pub(super) fn cut_turns(
        &mut self,
        parts: &[(LocalId, Share)],
        env: &Env,
        (first, step, turns): (Reg, Reg, Reg),
        many: i64,
        otherwise: Label,
    ) -> (Vec<(LocalId, Part)>, Vec<Reg>) {
        let (mut views, mut counts, mut limits) = (Vec::new(), Vec::new(), Vec::new());
        if parts.is_empty() {
            return (views, counts);
        }
        let past = self.temp(RegType::Int);
        self.out.emit(Op::MulW, [past.arg(), turns.arg(), step.arg()]);
        self.out.emit(Op::AddW, [past.arg(), past.arg(), first.arg()]);
        for (root, part) in parts {
            let (view, length) = self.bounds_of(*root, part, first, past);
            self.out.emit(Op::JumpLtK, [view.bounds.arg(), 0, otherwise.arg()]);
            limits.push(self.limit_of(part, env, length, otherwise));
            views.push((*root, view));
            counts.push(length);
        }
        let (short, whole) = (self.out.label(), self.out.label());
        for ((_, view), limit) in views.iter().zip(&limits) {
            self.out.emit(Op::JumpLtI, [limit.arg(), view.bounds.plus(1).arg(), short.arg()]);
        }
        self.out.emit(Op::Jump, [whole.arg()]);
        self.out.place(short);
        self.out.emit(Op::AddImm, [turns.arg(), turns.arg(), -1]);
        self.out.emit(Op::JumpLtK, [turns.arg(), many, otherwise.arg()]);
        for (((_, view), limit), (_, part)) in views.iter().zip(&limits).zip(parts) {
            let past = view.bounds.plus(1);
            self.add_times(past, step, -part.from.by);
            self.out.emit(Op::JumpLtI, [limit.arg(), past.arg(), otherwise.arg()]);
        }
        self.out.place(whole);
        (views, counts)
    }
}

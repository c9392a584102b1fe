//! Loops: what `for` and comprehensions walk, and how.

use super::call::{Later, Operand};
use super::emit::{Label, Reg};
use super::expr::{Elements, Want};
use super::function::{Binding, Gen, Loop};
use super::place::{At, Element, Shape};
use super::uses::operands;
use crate::bytecode::ops::Op;
use crate::bytecode::program::RegType;
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::TypeId;
use crate::check::typed::*;

/// A source whose bounds are evaluated. Its temporaries must last as long as the loop.
#[derive(Clone, Copy)]
pub enum Walk {
    /// `at` is the variable itself, and goes up by one to below `end`.
    Range { at: Reg, end: Reg },
    /// `at` is the variable itself; end and step are side by side.
    Steps { at: Reg, end: Reg },
    /// The same by its turns, which `at` counts up to below `end`: the variable is `first + at * step`.
    Turns { at: Reg, end: Reg, first: Reg, step: Reg },
    /// The element's index goes up by one from `at` to below `end`.
    Elements { at: Reg, end: Reg, element: Element },
}

impl Walk {
    /// Where it is, and where it ends.
    pub fn bounds(&self) -> (Reg, Reg) {
        match *self {
            Walk::Range { at, end }
            | Walk::Steps { at, end }
            | Walk::Elements { at, end, .. }
            | Walk::Turns { at, end, .. } => (at, end),
        }
    }
}

impl<'a> Gen<'a, '_> {
    /// `for local in source { … }`
    pub fn for_loop(&mut self, stmt: &'a Stmt, local: LocalId, source: &'a Source, body: &'a Block, each: bool) {
        let mark = self.mark();
        self.open_scope();
        let written = |g: &Self, root: LocalId| g.block_writes(body, root);
        let walk = self.walk(local, source, &written);
        let (top, on_break, on_continue) = (self.out.label(), self.out.label(), self.out.label());
        let (ordinary, done) = (self.out.label(), self.out.label());
        if each {
            self.check_gaps(stmt, local, &walk);
        }
        let clause = Clause { local, source: *source, cond: None };
        if self.loop_range(stmt, (local, source), &walk, body, each, ordinary)
            || (!each && self.pushes_range(&clause, &walk, body, ordinary))
        {
            self.out.emit(Op::Jump, [done.arg()]);
        }
        self.out.place(ordinary);
        let outermost = self.enter_loop();
        self.skip_if_empty(&walk, on_break);
        self.out.place(top);
        self.load_current(&walk, local);
        self.loops.push(Loop { on_break, on_continue, scopes: self.scope_count() });
        self.block(body);
        self.loops.pop();
        self.out.place(on_continue);
        self.next_turn(&walk, top);
        self.out.place(on_break);
        self.leave_loop(outermost);
        self.out.place(done);
        self.close_scope(true);
        self.release(mark);
    }

    /// Traps if the iterations of an `each` loop, which has some, may meet after all.
    fn check_gaps(&mut self, stmt: &Stmt, local: LocalId, walk: &Walk) {
        let Some(gaps) = self.typed.gaps.get(&(self.current, local)) else { return };
        let end = self.out.label();
        self.skip_if_empty(walk, end);
        for gap in gaps {
            let mark = self.mark();
            self.at(gap.span);
            let (sum, product) = (self.temp(RegType::Int), self.temp(RegType::Int));
            let way = self.temp(RegType::Int);
            self.load_constant(way, RegType::Int, gap.stride as u64);
            if let Walk::Steps { end, .. } = *walk {
                // No slice is longer than that.
                self.load_constant(product, RegType::Int, 1 << 40);
                self.out.emit(Op::MinI, [product.arg(), product.arg(), end.plus(1).arg()]);
                self.load_constant(sum, RegType::Int, -(1i64 << 40) as u64);
                self.out.emit(Op::MaxI, [product.arg(), product.arg(), sum.arg()]);
                self.out.emit(Op::AbsI, [product.arg(), product.arg()]);
                self.out.emit(Op::MulI, [way.arg(), way.arg(), product.arg()]);
            }
            self.load_constant(sum, RegType::Int, gap.plus as u64);
            for &(local, factor) in &gap.terms {
                let Binding::Slots(slots) = self.binding(local) else { unreachable!("an Int is no view") };
                self.load_constant(product, RegType::Int, factor as u64);
                self.out.emit(Op::MulI, [product.arg(), product.arg(), slots[0].arg()]);
                self.out.emit(Op::AddI, [sum.arg(), sum.arg(), product.arg()]);
            }
            let apart = self.out.label();
            self.out.emit(Op::JumpLeI, [sum.arg(), way.arg(), apart.arg()]);
            self.out.emit(Op::Trap, [TrapCode::OverlappingArguments as i64]);
            self.out.place(apart);
            self.release(mark);
        }
        self.out.place(end);
        self.at(stmt.span);
    }

    /// Evaluates a loop's source and makes its variable. `written`: whether the body may write that variable.
    pub fn walk(&mut self, local: LocalId, source: &Source, written: &dyn Fn(&Self, LocalId) -> bool) -> Walk {
        match *source {
            Source::Range { lo, hi, step } => {
                let at = self.declare(TypeId::INT);
                let step = step.filter(|&step| !matches!(self.typed[step].kind, ExprKind::Int(1)));
                self.scalar(lo, Want::Fresh(at[0]));
                let walk = match step {
                    None => Walk::Range { at: at[0], end: self.lasting_int(hi) },
                    Some(step) => {
                        let end = self.temp_ints(2);
                        self.scalar(hi, Want::Fresh(end));
                        self.scalar(step, Want::Fresh(end.plus(1)));
                        self.at(self.typed[step].span);
                        Walk::Steps { at: at[0], end }
                    }
                };
                self.bind(local, at);
                walk
            }
            Source::Elements(e) => {
                let walk = self.walk_elements(e, written);
                let slots = self.declare(self.typed_local(local));
                self.bind(local, slots);
                walk
            }
        }
    }

    fn typed_local(&self, local: LocalId) -> TypeId {
        self.typed.functions[self.current].locals[local.0 as usize].ty
    }

    /// An Int whose register keeps its value: a constant, a variable that is never written, or a copy.
    fn lasting_int(&mut self, e: ExprId) -> Reg {
        let lasting = match self.typed[e].kind {
            ExprKind::Int(_) => true,
            ExprKind::Local(local) => matches!(
                self.typed.functions[self.current].locals[local.0 as usize].kind,
                LocalKind::In | LocalKind::Let | LocalKind::Loop
            ),
            _ => false,
        };
        if lasting { self.scalar(e, Want::Any) } else { self.int_register(e) }
    }

    fn walk_elements(&mut self, e: ExprId, written: &dyn Fn(&Self, LocalId) -> bool) -> Walk {
        let ty = self.ty(e);
        let element = self.types.element(ty).expect("an array or grid");
        let mut is_grid = self.is_grid(ty);
        // Walked where it stands, unless it is a variable that the body writes.
        let in_place = self.root(e).is_none_or(|root| !written(self, root));
        let operand = self.operand(e, if in_place { Later::NOTHING } else { Later::WRITES });
        let (at, end) = (self.temp(RegType::Int), self.temp(RegType::Int));
        self.at(self.typed[e].span);
        let mut place = At::One(at);
        let base = match operand {
            Operand::Whole(elements) => {
                self.load_constant(at, RegType::Int, 0);
                self.length(elements, is_grid, end);
                elements
            }
            Operand::Part(part) if matches!(part.shape, Shape::Block | Shape::Column) => {
                let copy = self.temp_slots(ty);
                self.stage_part(0, &part, false);
                self.out.emit(Op::Own, [copy[0].arg(), Reg::window(0).arg()]);
                self.now_live(copy[0]);
                self.load_constant(at, RegType::Int, 0);
                self.length(Elements::Held(copy[0]), true, end);
                Elements::Held(copy[0])
            }
            Operand::Part(part) => {
                // Checks the bounds; the elements are then walked in what it is a part of.
                self.stage_part(0, &part, false);
                let first = if part.shape == Shape::Row { part.bounds.plus(1) } else { part.bounds };
                self.out.emit(Op::Move, [at.arg(), first.arg()]);
                self.out.emit(Op::Move, [end.arg(), first.plus(1).arg()]);
                if part.shape == Shape::Row {
                    is_grid = true;
                    place = At::Two(part.bounds, at);
                }
                part.base
            }
            Operand::Slots(_) | Operand::Staged => unreachable!("not an array"),
        };
        Walk::Elements { at, end, element: Element { base, is_grid, element, at: place, slot: 0, ty: element } }
    }

    /// The variable that an expression reads in place.
    pub fn root(&self, mut e: ExprId) -> Option<LocalId> {
        loop {
            e = match self.typed[e].kind {
                ExprKind::Local(local) => return Some(local),
                ExprKind::Field(of, _) | ExprKind::Slice(of, ..) | ExprKind::Slice2(of, ..) => of,
                _ => return None,
            };
        }
    }

    /// Jumps if a loop has no turn.
    pub fn skip_if_empty(&mut self, walk: &Walk, exit: Label) {
        match *walk {
            Walk::Range { at, end } | Walk::Elements { at, end, .. } | Walk::Turns { at, end, .. } => {
                self.out.emit(Op::JumpLeI, [end.arg(), at.arg(), exit.arg()]);
            }
            Walk::Steps { at, end } => self.out.emit(Op::ForTest, [at.arg(), end.arg(), exit.arg()]),
        }
    }

    /// Loads the loop's variable at the beginning of a turn.
    pub fn load_current(&mut self, walk: &Walk, local: LocalId) {
        let slots = match self.binding(local) {
            Binding::Slots(slots) => slots,
            Binding::View(_) => unreachable!("a loop's variable is no view"),
        };
        match walk {
            Walk::Elements { element, .. } => {
                let mark = self.mark();
                self.load_element(element, &slots);
                self.release(mark);
            }
            Walk::Turns { at, first, step, .. } => {
                self.out.emit(Op::MulW, [slots[0].arg(), at.arg(), step.arg()]);
                self.out.emit(Op::AddW, [slots[0].arg(), slots[0].arg(), first.arg()]);
            }
            Walk::Range { .. } | Walk::Steps { .. } => {}
        }
    }

    /// Goes on at `top` if there is another turn.
    pub fn next_turn(&mut self, walk: &Walk, top: Label) {
        match *walk {
            Walk::Range { at, end } | Walk::Elements { at, end, .. } | Walk::Turns { at, end, .. } => {
                self.out.emit(Op::For, [at.arg(), end.arg(), top.arg()]);
            }
            Walk::Steps { at, end } => self.out.emit(Op::ForStep, [at.arg(), end.arg(), top.arg()]),
        }
    }

    /// `[element for …]`
    pub fn comprehension(&mut self, e: ExprId, element: ExprId, clause: &Clause, dest: Reg) {
        let ty = self.ty(e);
        let of = self.types.element(ty).expect("an array's type");
        self.clause(clause, &mut |g, walk| {
            let (ordinary, done) = (g.out.label(), g.out.label());
            let of_this = (g.typed[e].span, ty);
            let called = g.comprehension_range(of_this, element, clause, walk, (dest, i64::MAX), ordinary);
            if called {
                g.out.emit(Op::Jump, [done.arg()]);
                g.moved(dest);
            }
            g.out.place(ordinary);
            let mark = g.mark();
            let room = g.temp(RegType::Int);
            match *walk {
                Walk::Range { at, end } | Walk::Elements { at, end, .. } if clause.cond.is_none() => {
                    let zero = g.temp(RegType::Int);
                    g.load_constant(zero, RegType::Int, 0);
                    g.out.emit(Op::SubW, [room.arg(), end.arg(), at.arg()]);
                    g.out.emit(Op::MaxI, [room.arg(), room.arg(), zero.arg()]);
                }
                _ => g.load_constant(room, RegType::Int, 0),
            }
            g.at(g.typed[e].span);
            g.out.emit(Op::NewArray, [dest.arg(), room.arg(), i64::from(ty.0)]);
            g.now_live(dest);
            g.release(mark);
            g.turns(walk, clause, &mut |g| g.push_value(g.typed[e].span, dest, of, element));
            g.out.place(done);
        });
    }

    /// Evaluates a clause's source, and gives back what it needs when `f` is done.
    pub fn clause(&mut self, clause: &Clause, f: &mut dyn FnMut(&mut Self, &Walk)) {
        let mark = self.mark();
        self.open_scope();
        let walk = self.walk(clause.local, &clause.source, &|_, _| false);
        f(self, &walk);
        self.close_scope(true);
        self.release(mark);
    }

    /// One turn of `body` for each element that the clause lets pass.
    pub fn turns(&mut self, walk: &Walk, clause: &Clause, body: &mut dyn FnMut(&mut Self)) {
        let (top, exit) = (self.out.label(), self.out.label());
        let outermost = self.enter_loop();
        self.skip_if_empty(walk, exit);
        self.out.place(top);
        self.turn(walk, clause, body);
        self.next_turn(walk, top);
        self.out.place(exit);
        self.leave_loop(outermost);
    }

    /// One turn.
    pub fn turn(&mut self, walk: &Walk, clause: &Clause, body: &mut dyn FnMut(&mut Self)) {
        let next = self.out.label();
        self.load_current(walk, clause.local);
        if let Some(cond) = clause.cond {
            self.jump_on(cond, next, false);
        }
        let mark = self.mark();
        body(self);
        self.release(mark);
        self.out.place(next);
    }

    /// Whether a block may write the variable.
    fn block_writes(&self, block: &Block, root: LocalId) -> bool {
        let kind = self.typed.functions[self.current].locals[root.0 as usize].kind;
        if matches!(kind, LocalKind::In | LocalKind::Let | LocalKind::Loop) {
            return false;
        }
        let mut blocks = vec![block];
        let mut exprs: Vec<ExprId> = Vec::new();
        while let Some(block) = blocks.pop() {
            exprs.extend(block.value);
            for stmt in &block.stmts {
                match &stmt.kind {
                    StmtKind::Let { value, .. } => exprs.push(*value),
                    StmtKind::Assign { place, value, .. } => {
                        if place.root == root {
                            return true;
                        }
                        exprs.push(*value);
                        exprs.extend(super::place::place_indices(place));
                    }
                    StmtKind::Expr(e) => exprs.push(*e),
                    StmtKind::While { cond, body } => {
                        exprs.push(*cond);
                        blocks.push(body);
                    }
                    StmtKind::For { source, body, .. } => {
                        match *source {
                            Source::Range { lo, hi, step } => exprs.extend([Some(lo), Some(hi), step].iter().flatten()),
                            Source::Elements(e) => exprs.push(e),
                        }
                        blocks.push(body);
                    }
                    StmtKind::Return(value) => exprs.extend(*value),
                    StmtKind::Break | StmtKind::Continue => {}
                }
            }
            while let Some(e) = exprs.pop() {
                if let ExprKind::Call { args, .. } | ExprKind::Builtin { args, .. } = &self.typed[e].kind
                    && args.iter().any(|arg| matches!(arg, Arg::Inout(place) if place.root == root))
                {
                    return true;
                }
                operands(self.typed, e, &mut |child| exprs.push(child), &mut |block| blocks.push(block));
            }
        }
        false
    }
}

//! Loops whose iterations are independent become calls of a function that runs a range of them, which the machine splits
//! when somebody is idle ([`crate::bytecode::program::Range`]).
//!
//! The loop's ordinary form is there, too: what is called must not trap where the ordinary loop would go on, or the other
//! way round. So the call is made only where it is seen before, at run time, that all that is cut into parts is there; and
//! not for a few cheap iterations.

mod blocks;
mod decide;
mod share;

pub use blocks::{BlockFold, Each};

use super::call::Operand;
use super::emit::{Label, Reg};
use super::expr::{Elements, Want};
use super::function::{Binding, Gen, Loop, param_binding};
use super::loops::Walk;
use super::place::{At, Element, Part};
use super::uses::operands;
use crate::bytecode::builtins::{BUILTINS, Lowering};
use crate::bytecode::effects::Effects;
use crate::bytecode::ops::Op;
use crate::bytecode::program::{Function, Param, Passing, Range, RegType};
use crate::bytecode::types::TypeId;
use crate::check::independent::{self, Env, Linear, Share};
use crate::check::typed::*;
use crate::syntax::span::Span;
use smallvec::smallvec;
use std::rc::Rc;

/// So many iterations make a call, if each does little.
const MANY_CHEAP: i64 = 256;
/// The same where one may take long.
const MANY: i64 = 2;
/// A loop that pushes more than so many is left as it stands: it may end long before it has pushed all, and their array is made at once.
const MOST_PUSHED: i64 = 1 << 20;

/// Which loop: function and first local of a statement, or the element of a comprehension or reduction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LoopKey {
    Element(ExprId),
    /// The same by blocks of the source, of a reduction.
    Block(ExprId),
    /// And of a comprehension with a condition.
    Kept(ExprId),
    Statement(usize, LocalId),
}

/// A variable of which each iteration has only a part.
#[derive(Clone, Debug)]
pub struct Narrow {
    /// To read indices by.
    env: Rc<Env>,
    /// The index of the part's first element, or row.
    from: Linear,
    /// That element or row, in the view.
    at: Reg,
    /// How many elements, or rows, all of it has.
    count: Reg,
    /// Of a grid: how many columns.
    cols: Option<Reg>,
}

/// A function that runs iterations: its wrapper, and the variables that it takes after its bounds and what the loop's form
/// asks for.
#[derive(Debug)]
pub struct Callee {
    pub wrapper: u32,
    pub captures: Vec<Capture>,
}

/// A variable that a loop's body uses and that is declared outside of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capture {
    pub local: LocalId,
    /// How many elements or rows each iteration has of it; 0: it is only read.
    pub per: u32,
}

/// Inside a function that runs iterations.
pub struct Inside {
    /// The iteration in progress.
    pub index: Reg,
    /// The first iteration.
    pub lo: Reg,
    /// Past the last.
    pub hi: Reg,
    /// Where what the loop's form asked for lives.
    pub extras: Vec<Binding>,
}

/// What is found by looking through a body.
#[derive(Default)]
struct Survey {
    /// The variables it names, each once, in order.
    locals: Vec<LocalId>,
    effects: Effects,
    /// It calls, or has a loop of its own.
    heavy: bool,
    /// It writes a variable, or may leave by `return`, `break` or `continue`; inside of it, perhaps.
    changes: bool,
}

/// The functions of a loop, the part of each written array that an iteration has, and what indices are read by.
type Made = (Rc<Callee>, Vec<(LocalId, Share)>, Rc<Env>);

impl<'a> Gen<'a, '_> {
    /// Looks through expressions and blocks.
    fn survey(&self, mut exprs: Vec<ExprId>, mut blocks: Vec<&'a Block>) -> Survey {
        let mut found = Survey::default();
        let mut seen = vec![false; self.bindings.len()];
        loop {
            while let Some(e) = exprs.pop() {
                let mut name = |local: LocalId| {
                    if !std::mem::replace(&mut seen[local.0 as usize], true) {
                        found.locals.push(local);
                    }
                };
                match &self.typed[e].kind {
                    ExprKind::Local(local) => name(*local),
                    ExprKind::Call { args, .. } | ExprKind::Builtin { args, .. } => {
                        for arg in args {
                            if let Arg::Inout(place) = arg {
                                found.changes = true;
                                name(place.root);
                            }
                        }
                    }
                    _ => {}
                }
                match &self.typed[e].kind {
                    ExprKind::Call { function, .. } => {
                        found.heavy |= self.shared.inlinable[function.0 as usize].is_none();
                        let effects = self.typed.functions[function.0 as usize].effects;
                        found.effects = found.effects.with(effects);
                    }
                    ExprKind::Builtin { builtin, .. } => {
                        let builtin = &BUILTINS[*builtin as usize];
                        found.heavy |= builtin.lowering != Lowering::Inline;
                        found.effects = found.effects.with(builtin.effects);
                    }
                    ExprKind::Comprehension { .. } | ExprKind::Reduction { .. } => found.heavy = true,
                    _ => {}
                }
                operands(self.typed, e, &mut |child| exprs.push(child), &mut |block| blocks.push(block));
            }
            let Some(block) = blocks.pop() else { break };
            exprs.extend(block.value);
            for stmt in &block.stmts {
                match &stmt.kind {
                    StmtKind::Let { value, .. } => exprs.push(*value),
                    StmtKind::Assign { place, value, .. } => {
                        if !std::mem::replace(&mut seen[place.root.0 as usize], true) {
                            found.locals.push(place.root);
                        }
                        found.changes = true;
                        exprs.push(*value);
                        exprs.extend(super::place::place_indices(place));
                    }
                    StmtKind::Expr(e) => exprs.push(*e),
                    StmtKind::While { cond, body } => {
                        found.heavy = true;
                        exprs.push(*cond);
                        blocks.push(body);
                    }
                    StmtKind::For { source, body, .. } => {
                        found.heavy = true;
                        match *source {
                            Source::Range { lo, hi, step } => exprs.extend([Some(lo), Some(hi), step].iter().flatten()),
                            Source::Elements(e) => exprs.push(e),
                        }
                        blocks.push(body);
                    }
                    StmtKind::Return(value) => {
                        found.changes = true;
                        exprs.extend(*value);
                    }
                    StmtKind::Break | StmtKind::Continue => found.changes = true,
                }
            }
        }
        found
    }

    /// The variables of a body that are declared outside of it, all of them only read. None if iterations of it can't be run
    /// apart, or would have to take along what is not whole here.
    fn captures(&self, found: &Survey) -> Option<Vec<Capture>> {
        if found.effects.meets(Effects::IRREVOCABLE.with(Effects::CLOCK)) || self.is_inlined() {
            return None;
        }
        let mut captures = Vec::new();
        for &local in &found.locals {
            if self.narrow.contains_key(&local) {
                return None;
            }
            if self.bindings[local.0 as usize].is_some() {
                captures.push(Capture { local, per: 0 });
            }
        }
        Some(captures)
    }

    fn local_ty(&self, local: LocalId) -> TypeId {
        self.typed.functions[self.current].locals[local.0 as usize].ty
    }

    /// How a captured variable is passed.
    fn capture_param(&self, capture: Capture) -> Param {
        let ty = self.local_ty(capture.local);
        let passing = match (self.is_elements(ty), capture.per) {
            (true, 0) => Passing::View,
            (true, _) => Passing::InoutView,
            (false, _) => Passing::In,
        };
        Param { ty, passing }
    }

    /// Makes the function that runs iterations of a loop, and its wrapper. `extras` are parameters that come before the
    /// captured variables; of one that is written, each iteration has one element. `step` is the register of the step by which what
    /// each has of a captured variable is to be multiplied, if there is one. `body` compiles an iteration.
    fn make_range(
        &mut self,
        (extras, step): (&[Param], Option<u16>),
        captures: Vec<Capture>,
        body: &mut dyn FnMut(&mut Gen<'a, '_>, &Inside),
    ) -> Option<Rc<Callee>> {
        let bound = Param { ty: TypeId::INT, passing: Passing::In };
        let mut params = vec![bound, bound];
        params.extend(extras);
        params.extend(captures.iter().map(|&capture| self.capture_param(capture)));
        let one = |param: &Param| u32::from(param.passing == Passing::InoutView);
        let per = extras.iter().map(one).chain(captures.iter().map(|capture| capture.per)).collect();
        let site = self.out.site;
        let mut part = self.part_of_this(&params);
        part.out.site = site;
        let mut next = 0;
        let mut bindings = params.iter().map(|&param| param_binding(part.types, param, &mut next));
        let mut int = || match bindings.next() {
            Some(Binding::Slots(slots)) => slots[0],
            _ => unreachable!("a bound is an Int"),
        };
        let (lo, hi) = (int(), int());
        let extras: Vec<Binding> = bindings.by_ref().take(extras.len()).collect();
        for (capture, binding) in captures.iter().zip(bindings) {
            part.bindings[capture.local.0 as usize] = Some(binding);
        }
        let index = part.out.fresh(RegType::Int);
        let (top, next, end) = (part.out.label(), part.out.label(), part.out.label());
        part.out.emit(Op::Move, [index.arg(), lo.arg()]);
        let outermost = part.enter_loop();
        part.out.emit(Op::JumpLeI, [hi.arg(), index.arg(), end.arg()]);
        part.out.place(top);
        part.open_scope();
        part.loops.push(Loop { on_break: end, on_continue: next, scopes: part.scope_count() });
        body(&mut part, &Inside { index, lo, hi, extras });
        part.loops.pop();
        part.close_scope(true);
        part.out.site = site;
        part.out.place(next);
        part.out.emit(Op::For, [index.arg(), hi.arg(), top.arg()]);
        part.out.place(end);
        part.leave_loop(outermost);
        part.out.emit(Op::Return, []);
        let index = part.out.number(index);
        let finished = part.out.finish().ok()?;
        let body = (finished.label(top), finished.label(end));

        let number = self.pool.ranges.first + self.pool.ranges.functions.len() as u32;
        let range = Range { index, body, per, step, wrapper: number + 1 };
        let function = self.range_function(&params, finished, Some(range));
        self.pool.ranges.functions.push(function);
        let mut wrapper = self.part_of_this(&params);
        wrapper.out.site = site;
        wrapper.pass_all(&params);
        wrapper.out.emit(Op::Call, [0, i64::from(number)]);
        wrapper.out.emit(Op::Return, []);
        let finished = wrapper.out.finish().ok().expect("it has no more registers than what it calls");
        let function = self.range_function(&params, finished, None);
        self.pool.ranges.functions.push(function);
        Some(Rc::new(Callee { wrapper: number + 1, captures }))
    }

    fn range_function(&self, params: &[Param], finished: super::emit::Finished, range: Option<Range>) -> Function {
        Function {
            name: self.typed.functions[self.current].name.clone(),
            is_task: true,
            params: params.to_vec(),
            result: TypeId::UNIT,
            registers: finished.registers,
            results: 0,
            owned_start: finished.owned.start,
            owned_end: finished.owned.end,
            window: finished.window,
            effects: Effects::NONE,
            code: finished.code,
            sites: finished.sites,
            part_of: Some(self.current as u32),
            range,
        }
    }

    /// Passes all parameters on to a function that takes the same.
    fn pass_all(&mut self, params: &[Param]) {
        let mut at = 0;
        for &param in params {
            let first = at;
            let binding = param_binding(self.types, param, &mut at);
            self.stage_binding(first, &binding, param);
        }
    }

    /// Puts what lives there into the window, as that parameter.
    fn stage_binding(&mut self, at: usize, binding: &Binding, param: Param) {
        let operand = match binding {
            Binding::View(reg) => Operand::Whole(Elements::View(*reg)),
            Binding::Slots(slots) if self.is_elements(param.ty) => Operand::Whole(Elements::Held(slots[0])),
            Binding::Slots(slots) => Operand::Slots(slots.clone()),
        };
        match operand {
            Operand::Whole(elements) => {
                let write = param.passing == Passing::InoutView;
                self.stage_whole(at, elements, self.is_grid(param.ty), write);
            }
            operand => self.stage(at, &operand, param.ty),
        }
    }

    /// Calls a function that runs iterations `lo..hi`. `extras` as they live here, `parts` of what is written.
    fn call_range(
        &mut self,
        callee: &Callee,
        lo: Reg,
        hi: Reg,
        extras: &[(Param, Binding)],
        parts: &[(LocalId, Part)],
    ) {
        let bound = Param { ty: TypeId::INT, passing: Passing::In };
        let mut arguments = vec![(bound, Binding::Slots(smallvec![lo])), (bound, Binding::Slots(smallvec![hi]))];
        arguments.extend(extras.iter().cloned());
        for &capture in &callee.captures {
            arguments.push((self.capture_param(capture), self.binding(capture.local)));
        }
        let mut places = Vec::with_capacity(arguments.len());
        let mut end = 0;
        for (param, _) in &arguments {
            places.push(end);
            end += param.registers(self.types).len();
        }
        self.out.need_window(end);
        // Views through which is written first, since that may move a buffer.
        let captures = &places[places.len() - callee.captures.len()..];
        let captured = |root: LocalId| {
            let number = callee.captures.iter().position(|capture| capture.local == root);
            number.map(|number| captures[number])
        };
        for written in [true, false] {
            for ((param, binding), &at) in arguments.iter().zip(&places) {
                let is_part = parts.iter().any(|(root, _)| matches!(captured(*root), Some(place) if place == at));
                if (param.passing == Passing::InoutView) == written && !is_part {
                    self.stage_binding(at, binding, *param);
                }
            }
            if written {
                for (root, part) in parts {
                    let at = captured(*root).expect("it is a captured variable");
                    self.stage_part(at, part, true);
                }
            }
        }
        self.out.emit(Op::Call, [0, i64::from(callee.wrapper)]);
    }

    /// Jumps unless `lo..hi` is of `many` iterations at least, which are then counted in a new register.
    fn unless_many(&mut self, lo: Reg, hi: Reg, many: i64, otherwise: Label) -> Reg {
        let count = self.temp(RegType::Int);
        self.out.emit(Op::JumpLeI, [hi.arg(), lo.arg(), otherwise.arg()]);
        self.out.emit(Op::SubW, [count.arg(), hi.arg(), lo.arg()]);
        self.out.emit(Op::JumpLtK, [count.arg(), many, otherwise.arg()]);
        count
    }

    /// Jumps if there are more than `most`.
    fn unless_more(&mut self, count: Reg, most: i64, otherwise: Label) {
        if most < i64::MAX {
            let most = self.constant(RegType::Int, most as u64);
            self.out.emit(Op::JumpLtI, [most.arg(), count.arg(), otherwise.arg()]);
        }
    }

    /// The walk by its turns, in new registers, if it is by steps; [`Gen::count_turns`] sets those.
    fn by_turns(&mut self, walk: &Walk) -> Walk {
        match *walk {
            Walk::Steps { at: first, end } => {
                Walk::Turns { at: self.temp(RegType::Int), end: self.temp(RegType::Int), first, step: end.plus(1) }
            }
            walk => walk,
        }
    }

    /// Counts the turns of a walk by steps up; goes on at `otherwise` if it is none, or has none.
    fn count_turns(&mut self, walk: &Walk, turns: &Walk, otherwise: Label) {
        let (Walk::Steps { end: bound, .. }, Walk::Turns { at, end, first, step }) = (*walk, *turns) else { return };
        self.out.emit(Op::JumpLeK, [step.arg(), 0, otherwise.arg()]);
        self.out.emit(Op::JumpLeI, [bound.arg(), first.arg(), otherwise.arg()]);
        self.out.emit(Op::SubW, [end.arg(), bound.arg(), first.arg()]);
        // It is more than fits.
        self.out.emit(Op::JumpLtK, [end.arg(), 0, otherwise.arg()]);
        self.out.emit(Op::AddImm, [end.arg(), end.arg(), -1]);
        self.out.emit(Op::DivI, [end.arg(), end.arg(), step.arg()]);
        self.out.emit(Op::AddImm, [end.arg(), end.arg(), 1]);
        self.load_constant(at, RegType::Int, 0);
    }

    /// What a walk's loop takes besides its bounds, and how it lives here.
    fn walk_extras(&self, walk: &Walk) -> Vec<(Param, Binding)> {
        if let Walk::Turns { first, step, .. } = *walk {
            let int = Param { ty: TypeId::INT, passing: Passing::In };
            return [first, step].map(|reg| (int, Binding::Slots(smallvec![reg]))).into();
        }
        let Walk::Elements { element, .. } = walk else { return Vec::new() };
        let (base, ty) = match element.base {
            Elements::Held(reg) => (Binding::Slots(smallvec![reg]), reg),
            Elements::View(reg) => (Binding::View(reg), reg),
        };
        let Some(RegType::Own(ty) | RegType::Borrow(ty) | RegType::View(ty) | RegType::ViewMut(ty)) =
            self.out.type_of(ty)
        else {
            unreachable!("it holds or shows an array or grid")
        };
        let mut extras = vec![(Param { ty, passing: Passing::View }, base)];
        if let At::Two(row, _) = element.at {
            extras.push((Param { ty: TypeId::INT, passing: Passing::In }, Binding::Slots(smallvec![row])));
        }
        extras
    }

    /// The walk inside a function that runs iterations of it, at iteration `at`.
    fn walk_inside(walk: &Walk, at: Reg, end: Reg, extras: &[Binding]) -> Walk {
        if let (Walk::Turns { .. }, [Binding::Slots(first), Binding::Slots(step), ..]) = (walk, extras) {
            return Walk::Turns { at, end, first: first[0], step: step[0] };
        }
        let Walk::Elements { element, .. } = *walk else { return Walk::Range { at, end } };
        let Some(&Binding::View(base)) = extras.first() else { unreachable!("the source comes first") };
        let place = match (element.at, extras.get(1)) {
            (At::Two(..), Some(Binding::Slots(row))) => At::Two(row[0], at),
            _ => At::One(at),
        };
        Walk::Elements { at, end, element: Element { base: Elements::View(base), at: place, ..element } }
    }

    /// Makes a loop's variable live where the walk is.
    fn bind_walk(&mut self, walk: &Walk, local: LocalId) {
        let slots = match *walk {
            Walk::Range { at, .. } => smallvec![at],
            _ => self.declare(self.local_ty(local)),
        };
        // A scope gives the registers of its variables back: the iteration's own is no such.
        match *walk {
            Walk::Range { .. } => self.bindings[local.0 as usize] = Some(Binding::Slots(slots)),
            _ => self.bind(local, slots),
        }
    }

    // Loops

    /// A loop over a range by a call, if its iterations are independent and it is worth it; else on at `otherwise`. Whether
    /// there is such a call.
    pub fn loop_range(
        &mut self,
        stmt: &Stmt,
        (local, source): (LocalId, &Source),
        walk: &Walk,
        body: &'a Block,
        each: bool,
        otherwise: Label,
    ) -> bool {
        let (Walk::Range { .. } | Walk::Steps { .. }, Source::Range { step, .. }) = (walk, *source) else {
            return false;
        };
        let found = self.survey(Vec::new(), vec![body]);
        let outermost = self.loops.is_empty() && self.narrow.is_empty();
        if !(each || outermost && found.heavy) {
            return false;
        }
        let mark = self.mark();
        let turns = self.by_turns(walk);
        let (at, end) = turns.bounds();
        let variable = self.bindings[local.0 as usize].take();
        let made = self.made_loop(stmt, (local, step), &turns, body, each, &found);
        self.bindings[local.0 as usize] = variable;
        let Some((callee, parts, env)) = made else {
            self.release(mark);
            return false;
        };
        self.at(stmt.span);
        let many = if found.heavy { MANY } else { MANY_CHEAP };
        self.count_turns(walk, &turns, otherwise);
        self.unless_many(at, end, many, otherwise);
        if !parts.is_empty() {
            self.unless_small(walk, &parts, otherwise);
        }
        let (views, counts) = match turns {
            Walk::Turns { end, first, step, .. } => self.cut_turns(&parts, &env, (first, step, end), many, otherwise),
            _ => self.cut_parts(&parts, &env, (at, end), otherwise),
        };
        let int = Param { ty: TypeId::INT, passing: Passing::In };
        let mut extras = self.walk_extras(&turns);
        extras.extend(counts.into_iter().map(|count| (int, Binding::Slots(smallvec![count]))));
        self.call_range(&callee, at, end, &extras, &views);
        if let (Walk::Steps { at: variable, end: bound }, Walk::Turns { end, step, .. }, false) =
            (walk, turns, parts.is_empty())
        {
            // The last turn may be left, since its part ends early.
            let way = self.temp(RegType::Int);
            self.out.emit(Op::MulW, [way.arg(), end.arg(), step.arg()]);
            self.out.emit(Op::AddW, [variable.arg(), variable.arg(), way.arg()]);
            self.out.emit(Op::JumpLtI, [variable.arg(), bound.arg(), otherwise.arg()]);
        }
        self.release(mark);
        true
    }

    fn made_loop(
        &mut self,
        stmt: &Stmt,
        (local, step): (LocalId, Option<ExprId>),
        turns: &Walk,
        body: &'a Block,
        each: bool,
        found: &Survey,
    ) -> Option<Made> {
        let mut captures = self.captures(found)?;
        let function = &self.typed.functions[self.current];
        let (proof, env) = independent::prove(self.typed, function, local, step, body).ok()?;
        // Only an `each` loop has asked for these.
        if !each && !proof.gaps.is_empty() {
            return None;
        }
        let mut parts = Vec::new();
        for written in &proof.written {
            let part = written.part.clone()?;
            let ty = self.local_ty(written.root);
            if !self.is_elements(ty) {
                return None;
            }
            let capture = captures.iter_mut().find(|capture| capture.local == written.root)?;
            capture.per = u32::try_from(part.from.by).ok()?;
            parts.push((written.root, part));
        }
        let env = Rc::new(env);
        let key = LoopKey::Statement(self.current, local);
        if let Some(made) = self.pool.ranges.made.get(&key) {
            return made.clone().filter(|made| made.captures == captures).map(|made| (made, parts, env));
        }
        self.at(stmt.span);
        let count = Param { ty: TypeId::INT, passing: Passing::In };
        let by_steps = matches!(turns, Walk::Turns { .. });
        // First and step are the walk's, after the bounds.
        let (own, step) = if by_steps { (2, Some(3)) } else { (0, None) };
        let callee = self.make_range((&vec![count; own + parts.len()], step), captures, &mut |g, inside| {
            let mut counts = inside.extras[own..].iter();
            let walk = Self::walk_inside(turns, inside.index, inside.hi, &inside.extras);
            g.bind_walk(&walk, local);
            g.load_current(&walk, local);
            let mark = g.mark();
            let mut starts: Vec<(i64, Reg)> = Vec::new();
            for (root, part) in &parts {
                let known = starts.iter().find(|start| start.0 == part.from.by);
                let at = match known {
                    Some(&(_, at)) => at,
                    None => {
                        let at = g.temp(RegType::Int);
                        g.out.emit(Op::SubW, [at.arg(), inside.index.arg(), inside.lo.arg()]);
                        if let Walk::Turns { step, .. } = walk {
                            g.out.emit(Op::MulW, [at.arg(), at.arg(), step.arg()]);
                        }
                        if part.from.by > 1 {
                            match i16::try_from(part.from.by) {
                                Ok(by) => g.out.emit(Op::MulImm, [at.arg(), at.arg(), i64::from(by)]),
                                Err(_) => {
                                    let by = g.constant(RegType::Int, part.from.by as u64);
                                    g.out.emit(Op::MulW, [at.arg(), at.arg(), by.arg()]);
                                }
                            }
                        }
                        starts.push((part.from.by, at));
                        at
                    }
                };
                let Some(Binding::Slots(count)) = counts.next() else { unreachable!("one for each part") };
                let mut columns = None;
                if let (true, Binding::View(view)) = (g.is_grid(g.local_ty(*root)), g.binding(*root)) {
                    let cols = g.temp(RegType::Int);
                    g.out.emit(Op::DimV, [cols.arg(), view.arg(), 1]);
                    columns = Some(cols);
                }
                let narrow = Narrow { env: env.clone(), from: part.from.clone(), at, count: count[0], cols: columns };
                g.narrow.insert(*root, narrow);
            }
            g.block(body);
            g.narrow.clear();
            g.release(mark);
        });
        self.pool.ranges.made.insert(key, callee.clone());
        callee.map(|callee| (callee, parts, env))
    }

    /// A loop that does nothing but add to an array what may take long, or those of them that pass a condition, by a call for those
    /// elements, if that is possible; else on at `otherwise`, which is placed by the caller. Whether there is such a call.
    pub fn pushes_range(&mut self, clause: &Clause, walk: &Walk, body: &'a Block, otherwise: Label) -> bool {
        let Some((cond, place, element, span)) = pushed(self.typed, body) else { return false };
        let outermost = self.loops.is_empty() && self.narrow.is_empty();
        if !place.path.is_empty() || !outermost {
            return false;
        }
        let clause = &Clause { cond, ..*clause };
        let found = self.survey_element(element, clause);
        // As in a comprehension: all elements are computed, and nothing else is changed.
        if !found.heavy || found.changes || found.locals.contains(&place.root) {
            return false;
        }
        let Binding::Slots(array) = self.binding(place.root) else { unreachable!("a view can't be resized") };
        if cond.is_some() {
            return self.kept_range((span, place.ty), element, clause, walk, (array[0], false), otherwise);
        }
        let mark = self.mark();
        let added = self.temp_own(place.ty);
        let called = self.comprehension_range((span, place.ty), element, clause, walk, (added, MOST_PUSHED), otherwise);
        if called {
            self.at(span);
            self.out.emit(Op::Cat, [array[0].arg(), added.arg()]);
        }
        self.release(mark);
        called
    }

    /// `[element for …]`, of that type, by a call, if that is possible and worth it, and the source has not more than `most` elements;
    /// else on at `otherwise`, which is placed by the caller. Whether there is such a call.
    pub fn comprehension_range(
        &mut self,
        of_this: (Span, TypeId),
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        (dest, most): (Reg, i64),
        otherwise: Label,
    ) -> bool {
        if clause.cond.is_some() {
            return self.kept_range(of_this, element, clause, walk, (dest, true), otherwise);
        }
        self.elements_range(of_this, element, clause, walk, (dest, None, most), otherwise)
    }

    /// Looks through an element of a clause, and the condition on it.
    fn survey_element(&self, element: ExprId, clause: &Clause) -> Survey {
        self.survey(clause.cond.into_iter().chain([element]).collect(), Vec::new())
    }

    /// The function that runs iterations of a clause, made when it is first asked for, if it can be; `params` and `body` as of
    /// [`Gen::make_range`].
    fn made_once(
        &mut self,
        (key, span): (LoopKey, Span),
        found: &Survey,
        clause: &Clause,
        params: &[Param],
        body: &mut dyn FnMut(&mut Gen<'a, '_>, &Inside),
    ) -> Option<Rc<Callee>> {
        // The loop's variable is bound already, and is not one from outside.
        let variable = self.bindings[clause.local.0 as usize].take();
        let captures = self.captures(found);
        self.bindings[clause.local.0 as usize] = variable;
        let captures = captures?;
        if let Some(made) = self.pool.ranges.made.get(&key) {
            return made.clone().filter(|made| made.captures == captures);
        }
        self.at(span);
        let callee = self.make_range((params, None), captures, body);
        self.pool.ranges.made.insert(key, callee.clone());
        callee
    }

    /// [`Gen::comprehension_range`] for all elements, those that don't pass the condition left empty: `passed` then holds 1 for each that does.
    fn elements_range(
        &mut self,
        (span, ty): (Span, TypeId),
        element: ExprId,
        clause: &Clause,
        walk: &Walk,
        (dest, passed, most): (Reg, Option<Reg>, i64),
        otherwise: Label,
    ) -> bool {
        let mark = self.mark();
        let turns = self.by_turns(walk);
        let (at, end) = turns.bounds();
        let of = self.types.element(ty).expect("an array's type");
        let found = self.survey_element(element, clause);
        let mut outs = vec![(Param { ty, passing: Passing::InoutView }, Binding::Slots(smallvec![dest]))];
        if let Some(passed) = passed {
            let ty = self.results_type(RegType::Int);
            outs.push((Param { ty, passing: Passing::InoutView }, Binding::Slots(smallvec![passed])));
        }
        let mut extras = self.walk_extras(&turns);
        let own = extras.len();
        let params: Vec<Param> = extras.iter().chain(&outs).map(|&(param, _)| param).collect();
        let made = (LoopKey::Element(element), span);
        let callee = self.made_once(made, &found, clause, &params, &mut |g, inside| {
            let walk = Self::walk_inside(&turns, inside.index, inside.hi, &inside.extras);
            g.bind_walk(&walk, clause.local);
            g.turn(&walk, clause, &mut |g| {
                let slots = if g.is_scalar(of) {
                    smallvec![g.scalar(element, Want::Brief)]
                } else {
                    let slots = g.temp_slots(of);
                    g.into(element, &slots, true);
                    slots
                };
                let at = g.temp(RegType::Int);
                g.at(span);
                g.out.emit(Op::SubW, [at.arg(), inside.index.arg(), inside.lo.arg()]);
                let mut outs = inside.extras[own..].iter().map(|out| match *out {
                    Binding::View(out) => out,
                    Binding::Slots(_) => unreachable!("an array is a view"),
                });
                let base = Elements::View(outs.next().expect("the elements come first"));
                let place = Element { base, is_grid: false, element: of, at: At::One(at), slot: 0, ty: of };
                g.store_element(&place, &slots);
                if let Some(passed) = outs.next() {
                    let one = g.constant(RegType::Int, 1);
                    g.out.emit(Op::StoreV, [passed.arg(), at.arg(), one.arg()]);
                }
            });
        });
        let Some(callee) = callee else {
            self.release(mark);
            return false;
        };
        self.at(span);
        self.count_turns(walk, &turns, otherwise);
        let count = self.unless_many(at, end, if found.heavy { MANY } else { MANY_CHEAP }, otherwise);
        self.unless_more(count, most, otherwise);
        // Without a condition each iteration writes its element last, and has no other way to end: so scalars need not be zeros before.
        let scalars = passed.is_none() && self.types.leaves(of).iter().all(|&leaf| self.is_scalar(leaf));
        for (reg, (param, _)) in passed.into_iter().chain([dest]).zip(outs.iter().rev()) {
            let written = scalars && reg == dest;
            self.out.emit(Op::NewZeros, [reg.arg(), count.arg(), i64::from(param.ty.0), i64::from(written)]);
            self.now_live(reg);
        }
        extras.extend(outs);
        self.call_range(&callee, at, end, &extras, &[]);
        self.release(mark);
        true
    }
}

/// What a loop's body does, if it is nothing but one `push`, or an `if` around it: the condition, the array, the element, and where
/// `push` stands.
pub fn pushed<'a>(typed: &'a Typed, body: &'a Block) -> Option<(Option<ExprId>, &'a Place, ExprId, Span)> {
    let ([Stmt { kind: StmtKind::Expr(e), .. }], None) = (&body.stmts[..], body.value) else { return None };
    match &typed[*e].kind {
        ExprKind::If { arms, otherwise: None } => match &arms[..] {
            [(cond, block)] => match pushed(typed, block)? {
                (None, place, element, span) => Some((Some(*cond), place, element, span)),
                _ => None,
            },
            _ => None,
        },
        ExprKind::Builtin { builtin, args, .. } if BUILTINS[*builtin as usize].name == "push" => match &args[..] {
            [Arg::Inout(place), Arg::In(element)] => Some((None, place, *element, typed[*e].span)),
            _ => None,
        },
        _ => None,
    }
}

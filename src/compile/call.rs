//! Calls: arguments are evaluated left to right, checked for overlap, put into the window, and what is `inout` is taken
//! back from there. Small functions are compiled in place; some built-ins have instructions of their own.
//!
//! Invariant: an owned value stands in the window only right before a call and right after it, with nothing between
//! that could trap.

use super::emit::{Label, Reg};
use super::expr::{Elements, Want};
use super::function::{Binding, Gen, Slots};
use super::place::{Element, Open, Part, Path, Shape, Target, place_indices};
use crate::bytecode::builtins::{self, BUILTINS, Builtin, Lowering, Mode, Pattern};
use crate::bytecode::ops::Op;
use crate::bytecode::program::{Param, Passing, RegType};
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::{Type, TypeId};
use crate::check::typed::*;
use smallvec::smallvec;

/// An argument that is read, evaluated.
pub enum Operand {
    /// A scalar, a Str or a struct.
    Slots(Slots),
    /// An array or grid.
    Whole(Elements),
    /// A slice.
    Part(Part),
    /// It is in the window already.
    Staged,
}

/// An argument that is read and written.
struct InoutArg {
    ty: TypeId,
    open: Open,
    /// Where the callee has it.
    at: usize,
    passing: Passing,
    /// Nested arrays taken out of their elements for the call.
    taken: Vec<(Element, Reg)>,
    /// What is moved in and out.
    slots: Slots,
    /// It is a copy, to be written back to the place of that argument.
    back: Option<usize>,
}

/// What is evaluated between an operand and its use.
#[derive(Clone, Copy)]
pub struct Later {
    /// It may write variables.
    writes: bool,
    /// It may trap, print, or not end.
    stops: bool,
    /// It uses the window.
    window: bool,
}

impl Later {
    /// Nothing.
    pub const NOTHING: Later = Later { writes: false, stops: false, window: false };
    /// Something that may write variables, and stop.
    pub const WRITES: Later = Later { writes: true, stops: true, window: false };
}

impl<'a> Gen<'a, '_> {
    /// What it may mean for an operand that `e` is evaluated before its use.
    pub fn later(&mut self, e: ExprId) -> Later {
        Later {
            writes: self.memo.writes(e),
            stops: self.memo.stops(e),
            window: self.memo.window(e) || !self.narrow.is_empty(),
        }
    }

    /// Evaluates what is read only. It has its value of now, and is checked now, whatever comes later.
    pub fn operand(&mut self, e: ExprId, later: Later) -> Operand {
        let ty = self.ty(e);
        let expr = &self.typed[e];
        if !self.is_elements(ty) {
            if later.writes && self.is_variable(e) {
                let copy = self.temp_slots(ty);
                self.into(e, &copy, true);
                return Operand::Slots(copy);
            }
            return Operand::Slots(self.slots(e));
        }
        if later.writes && (self.is_variable(e) || matches!(expr.kind, ExprKind::Slice(..) | ExprKind::Slice2(..))) {
            let copy = self.temp_slots(ty);
            self.into(e, &copy, true);
            return Operand::Whole(Elements::Held(copy[0]));
        }
        match expr.kind {
            ExprKind::Slice(..) | ExprKind::Slice2(..) if !self.ready.contains_key(&e) => {
                let part = self.part(e);
                if later.stops {
                    self.at(expr.span);
                    self.stage_part(0, &part, false);
                }
                Operand::Part(part)
            }
            _ => Operand::Whole(self.elements(e)),
        }
    }

    /// Whether a value is read from a variable of which another argument is an `inout` place.
    fn is_moved_by(&self, args: &[Arg], value: ExprId) -> bool {
        self.root(value)
            .is_some_and(|root| args.iter().any(|arg| matches!(arg, Arg::Inout(place) if place.root == root)))
    }

    /// An operand in place, kept as it is now whatever comes later.
    fn kept(&mut self, e: ExprId, operand: Operand, later: Later) -> Operand {
        let ty = self.ty(e);
        self.at(self.typed[e].span);
        if later.writes {
            let copy = self.copied(&operand, ty);
            return if self.is_elements(ty) { Operand::Whole(Elements::Held(copy[0])) } else { Operand::Slots(copy) };
        }
        if let (Operand::Part(part), true) = (&operand, later.stops) {
            self.stage_part(0, part, false);
        }
        operand
    }

    /// An operand as a value of its own, in temporaries.
    pub fn copied(&mut self, operand: &Operand, ty: TypeId) -> Slots {
        let copy = self.temp_slots(ty);
        let view = match operand {
            Operand::Slots(slots) => {
                self.copy_slots(&copy, slots, false);
                return copy;
            }
            Operand::Whole(Elements::Held(reg)) => {
                self.copy_slots(&copy, &[*reg], false);
                return copy;
            }
            Operand::Whole(Elements::View(view)) => *view,
            Operand::Part(part) => {
                self.stage_part(0, part, false);
                Reg::window(0)
            }
            Operand::Staged => unreachable!("it is in the window already"),
        };
        self.out.emit(Op::Own, [copy[0].arg(), view.arg()]);
        self.now_live(copy[0]);
        copy
    }

    fn is_variable(&self, mut e: ExprId) -> bool {
        while let ExprKind::Field(of, _) = self.typed[e].kind {
            e = of;
        }
        matches!(self.typed[e].kind, ExprKind::Local(_))
    }

    /// How many registers an operand of that type takes in the window.
    pub fn operand_width(&self, _operand: &Operand, ty: TypeId) -> usize {
        match self.types.get(ty) {
            Type::Array(_) => 3,
            Type::Grid(_) => 5,
            _ => self.types.slots(ty),
        }
    }

    /// Puts an operand into the window.
    pub fn stage(&mut self, at: usize, operand: &Operand, ty: TypeId) {
        match operand {
            Operand::Slots(slots) => {
                let leaves = self.types.leaves(ty);
                self.out.need_window(at + leaves.len());
                for (k, (&slot, &leaf)) in slots.iter().zip(leaves).enumerate() {
                    let op = if self.is_scalar(leaf) { Op::Move } else { Op::Borrow };
                    self.out.emit(op, [Reg::window(at + k).arg(), slot.arg()]);
                }
            }
            Operand::Whole(elements) => self.stage_whole(at, *elements, self.is_grid(ty), false),
            Operand::Part(part) => self.stage_part(at, part, false),
            Operand::Staged => {}
        }
    }

    /// Calls a built-in whose arguments are in the window.
    pub fn sys(&mut self, builtin: u16, of: TypeId) {
        self.out.emit(Op::Sys, [0, i64::from(builtin), i64::from(of.0)]);
        if BUILTINS[usize::from(builtin)].result == Pattern::Never {
            // The verifier takes nobody's word for it that this isn't reached: what comes next may read what only the other
            // ways to it have initialised.
            self.out.emit(Op::Trap, [TrapCode::Panic as i64]);
        }
    }

    /// Compares two operands; `relation` as for `__compare`.
    pub fn compare_operands(&mut self, e: ExprId, ty: TypeId, a: &Operand, b: &Operand, relation: i64, dest: Reg) {
        self.at(self.typed[e].span);
        if self.types.is_ref(ty)
            && let (Some(a), Some(b)) = (held(a), held(b))
        {
            return self.out.emit(Op::Compare, [dest.arg(), a.arg(), b.arg(), relation]);
        }
        let width = self.operand_width(a, ty);
        self.stage(1, a, ty);
        self.stage(1 + width, b, ty);
        self.out.need_window(2 + 2 * width);
        self.load_constant(Reg::window(1 + 2 * width), RegType::Int, relation as u64);
        self.sys(builtins::find("__compare", 3).expect("it is in the table"), ty);
        self.out.emit(Op::Move, [dest.arg(), Reg::window(0).arg()]);
    }

    /// Adds a value to an owned array whose slots don't lie side by side in registers.
    pub fn push_slots(&mut self, array: Reg, element: TypeId, slots: &Slots) {
        let insert = self.builtin_on_arrays("insert", 3);
        let at = self.temp(RegType::Int);
        self.out.emit(Op::Len, [at.arg(), array.arg()]);
        self.out.need_window(2 + slots.len());
        self.out.emit(Op::Move, [Reg::window(1).arg(), at.arg()]);
        self.stage(2, &Operand::Slots(slots.clone()), element);
        self.move_through(array, |g| g.sys(insert, element));
    }

    /// Makes an owned, empty array `count` elements long.
    pub fn resize_with(&mut self, array: Reg, element: TypeId, ty: TypeId, count: Reg, value: &Slots) {
        debug_assert_eq!(self.types.element(ty), Some(element), "the array's type");
        let resize = self.builtin_on_arrays("resize", 3);
        self.out.need_window(2 + self.window_width(element));
        self.out.emit(Op::Move, [Reg::window(1).arg(), count.arg()]);
        self.stage_element(2, element, value);
        self.move_through(array, |g| g.sys(resize, element));
    }

    /// Sets every element of an owned grid.
    pub fn fill_grid_with(&mut self, grid: Reg, element: TypeId, value: &Slots) {
        let fill = BUILTINS
            .iter()
            .position(|b| b.name == "fill" && b.params[0].2 == Pattern::GridT)
            .expect("it is in the table");
        self.stage_whole(0, Elements::Held(grid), true, true);
        self.out.need_window(5 + self.window_width(element));
        self.stage_element(5, element, value);
        self.sys(fill as u16, element);
    }

    fn window_width(&self, ty: TypeId) -> usize {
        match self.types.get(ty) {
            Type::Array(_) => 3,
            Type::Grid(_) => 5,
            _ => self.types.slots(ty),
        }
    }

    fn stage_element(&mut self, at: usize, element: TypeId, value: &Slots) {
        let operand = if self.is_elements(element) {
            Operand::Whole(Elements::Held(value[0]))
        } else {
            Operand::Slots(value.clone())
        };
        self.stage(at, &operand, element);
    }

    fn builtin_on_arrays(&self, name: &str, arity: usize) -> u16 {
        BUILTINS
            .iter()
            .position(|b| b.name == name && b.params.len() == arity && b.params[0].2 == Pattern::ArrayT)
            .expect("it is in the table") as u16
    }

    /// Moves an owned array into the first window register, calls, and moves it back.
    fn move_through(&mut self, array: Reg, call: impl FnOnce(&mut Self)) {
        self.out.emit(Op::MoveRef, [Reg::window(0).arg(), array.arg()]);
        call(self);
        self.out.emit(Op::MoveRef, [array.arg(), Reg::window(0).arg()]);
    }

    /// Takes a call's results from the window.
    pub fn take_results(&mut self, dests: &Slots) {
        for (k, &dest) in dests.iter().enumerate() {
            let source = Reg::window(k);
            match self.out.type_of(dest) {
                Some(RegType::Own(_)) => {
                    self.out.emit(Op::MoveRef, [dest.arg(), source.arg()]);
                    self.now_live(dest);
                }
                _ => self.out.emit(Op::Move, [dest.arg(), source.arg()]),
            }
        }
    }

    /// A call for its effect; a result is dropped.
    pub fn call_statement(&mut self, e: ExprId) {
        let mark = self.mark();
        if !self.inline_statement(e) {
            if self.types.slots(self.ty(e)) > 0 {
                self.slots(e);
            } else {
                self.call(e);
            }
        }
        self.release(mark);
    }

    /// Calls; scalar results are in the window afterwards. Owned ones must be taken by [`Gen::call_into`].
    pub fn call(&mut self, e: ExprId) {
        self.call_into(e, &smallvec![]);
    }

    /// Calls, and takes the results if there are `dests`.
    pub fn call_into(&mut self, e: ExprId, dests: &Slots) {
        let expr = &self.typed[e];
        let (params, args, may_overlap, callee): (Vec<Param>, &'a [Arg], _, _) = match &expr.kind {
            ExprKind::Call { function, args, may_overlap } => {
                (self.shared.params[function.0 as usize].clone(), args, may_overlap, Ok(*function))
            }
            ExprKind::Builtin { builtin, of, args, may_overlap } => {
                let params = self.builtin_params(&BUILTINS[*builtin as usize], *of);
                (params, args, may_overlap, Err((*builtin, *of)))
            }
            _ => unreachable!("not a call"),
        };
        let results = self.types.slots(expr.ty);
        let widths: Vec<usize> = params.iter().map(|param| param.registers(self.types).len()).collect();
        let mut offsets = Vec::with_capacity(widths.len());
        let mut end = results;
        for width in &widths {
            offsets.push(end);
            end += width;
        }
        self.out.need_window(end);

        let mark = self.mark();
        // What follows each argument. All places are opened when all arguments are evaluated.
        let mut follows = vec![Later::NOTHING; args.len()];
        let mut later = Later { window: !may_overlap.is_empty(), ..Later::NOTHING };
        for arg in args {
            if let Arg::Inout(place) = arg {
                // With two that may not be there, the first is checked through the window.
                // So is a column of what only a part is here of.
                let checked = later.stops || !self.narrow.is_empty();
                later.window |= follows_slice(place) || checked && has_index(place);
                later.stops |= has_index(place);
            }
        }
        for (i, arg) in args.iter().enumerate().rev() {
            follows[i] = later;
            let parts = match arg {
                Arg::In(e) => vec![*e],
                Arg::Inout(place) => place_indices(place),
            };
            for part in parts {
                let one = self.later(part);
                later.writes |= one.writes;
                later.stops |= one.stops;
                later.window |= one.window;
            }
        }

        let mut operands: Vec<Operand> = Vec::with_capacity(args.len());
        // The paths of the arguments that may overlap, and whether what is passed is a copy.
        let mut paths: Vec<Option<Path>> = Vec::with_capacity(args.len());
        let mut copied = vec![false; args.len()];
        for (i, arg) in args.iter().enumerate() {
            let (operand, path) = match arg {
                Arg::In(value) => {
                    if let Some(place) = self.compared_place(*value, i, may_overlap) {
                        let (path, operand, is_copy) = self.read_path(&place);
                        copied[i] = is_copy || follows[i].writes;
                        (self.kept(*value, operand, follows[i]), Some(path))
                    } else if self.is_scalar(params[i].ty) && !follows[i].window {
                        self.scalar(*value, Want::Into(Reg::window(offsets[i])));
                        (Operand::Staged, None)
                    } else {
                        // What is copied when it is passed must not be what an `inout` argument moves out.
                        let copied = !self.is_elements(params[i].ty) && self.is_moved_by(args, *value);
                        (self.operand(*value, Later { writes: follows[i].writes || copied, ..follows[i] }), None)
                    }
                }
                Arg::Inout(place) => {
                    copied[i] = is_detached(place, args);
                    (Operand::Staged, Some(self.path(place, true)))
                }
            };
            operands.push(operand);
            paths.push(path);
        }

        self.at(expr.span);
        let overlaps: Vec<(usize, usize)> = may_overlap
            .iter()
            .map(|&(first, second)| (usize::from(first), usize::from(second)))
            .filter(|&(first, second)| {
                // The machine compares views of one type at the call, as long as both are of the one buffer.
                let seen = |i: usize| {
                    let nested = paths[i].as_ref().is_none_or(Path::is_nested);
                    matches!(params[i].passing, Passing::View | Passing::InoutView) && !copied[i] && !nested
                };
                !(seen(first) && seen(second) && params[first].ty == params[second].ty)
            })
            .collect();
        // Open the places. The bounds of one come before those of the next, and all before exclusivity.
        let mut opened: Vec<InoutArg> = Vec::new();
        for (i, arg) in args.iter().enumerate() {
            if let (Arg::Inout(place), Some(path)) = (arg, &paths[i]) {
                let open = if is_detached(place, args) {
                    let operand = self.operand_at(path);
                    let slots = self.copied(&operand, path.ty);
                    let (ty, at, passing) = (path.ty, offsets[i], params[i].passing);
                    InoutArg {
                        ty,
                        open: Open::slots(slots.clone()),
                        at,
                        passing,
                        taken: Vec::new(),
                        slots,
                        back: Some(i),
                    }
                } else {
                    self.open_inout(path, offsets[i], params[i].passing)
                };
                let next_may_trap = args[i + 1..].iter().any(|arg| matches!(arg, Arg::Inout(next) if has_index(next)));
                if let Target::Part(part) = &open.open.target
                    && (next_may_trap || !overlaps.is_empty())
                {
                    self.stage_part(0, part, false);
                }
                opened.push(open);
            }
        }
        for (first, second) in overlaps {
            if let (Some(a), Some(b)) = (&paths[first], &paths[second]) {
                let (a, b) = (self.ranges(a), self.ranges(b));
                self.check_overlap(e, &a, &b);
            }
        }
        self.at(expr.span);
        // Views through which is written first, since that may move a buffer.
        for arg in &mut opened {
            self.stage_written_view(arg);
        }
        self.at(expr.span);
        for (i, operand) in operands.iter().enumerate() {
            self.stage(offsets[i], operand, params[i].ty);
        }
        for arg in &opened {
            if arg.passing == Passing::Inout {
                self.move_slots_in(arg);
            }
        }
        match callee {
            Ok(function) => self.out.emit(Op::Call, [0, i64::from(function.0)]),
            Err((builtin, of)) => self.sys(builtin, of),
        }
        if !dests.is_empty() {
            self.take_results(dests);
        }
        for arg in &opened {
            if arg.passing == Passing::Inout {
                self.move_slots_out(arg);
            }
        }
        for arg in opened.iter().rev() {
            if arg.passing == Passing::Inout
                && let Target::Element(element) = &arg.open.target
            {
                self.store_element(element, &arg.slots);
            }
            self.close_taken(&arg.taken);
            self.close(&arg.open);
        }
        if opened.iter().any(|arg| arg.back.is_some()) {
            // Writing back uses the window, where a scalar result still is.
            let result = (dests.is_empty() && results > 0).then(|| self.temp(self.slot_type(expr.ty)));
            if let Some(result) = result {
                self.out.emit(Op::Move, [result.arg(), Reg::window(0).arg()]);
            }
            for arg in &opened {
                if let Some(path) = arg.back.and_then(|i| paths[i].as_ref()) {
                    self.store_at(path, &arg.slots);
                }
            }
            if let Some(result) = result {
                self.out.emit(Op::Move, [Reg::window(0).arg(), result.arg()]);
            }
        }
        self.release(mark);
    }

    /// How a built-in's arguments are passed.
    fn builtin_params(&self, builtin: &Builtin, of: TypeId) -> Vec<Param> {
        builtin
            .params
            .iter()
            .map(|&(_, mode, pattern)| {
                let ty = self.pattern_type(pattern, of);
                let passing = match mode {
                    Mode::In if self.is_elements(ty) => Passing::View,
                    Mode::In => Passing::In,
                    Mode::Inout => Passing::Inout,
                    Mode::InoutView => Passing::InoutView,
                };
                Param { ty, passing }
            })
            .collect()
    }

    fn pattern_type(&self, pattern: Pattern, of: TypeId) -> TypeId {
        let find = |ty: Type| self.types.find(&ty).expect("the checker or the pool made the type");
        match pattern {
            Pattern::Unit => TypeId::UNIT,
            Pattern::Never => TypeId::NEVER,
            Pattern::Int => TypeId::INT,
            Pattern::Float => TypeId::FLOAT,
            Pattern::Bool => TypeId::BOOL,
            Pattern::Str => TypeId::STR,
            Pattern::T | Pattern::N => of,
            Pattern::Ints => find(Type::Array(TypeId::INT)),
            Pattern::Strs => find(Type::Array(TypeId::STR)),
            Pattern::ArrayT => find(Type::Array(of)),
            Pattern::GridT => find(Type::Grid(of)),
            Pattern::GridInt => find(Type::Grid(TypeId::INT)),
            Pattern::Rng => {
                let index = self.types.structs.iter().position(|s| s.name == "Rng").expect("it is predeclared");
                find(Type::Struct(index as u32))
            }
        }
    }

    /// Opens the place of an `inout` argument. For one that is moved, `slots` are what is moved.
    fn open_inout(&mut self, path: &Path, at: usize, passing: Passing) -> InoutArg {
        let open = self.open(path);
        let mut taken = Vec::new();
        let slots = match (&open.target, passing) {
            (Target::Slots(slots), _) => slots.clone(),
            (Target::Element(element), Passing::InoutView) => smallvec![self.take_element(element, &mut taken)],
            (Target::Element(element), _) => {
                let slots = self.temp_slots(element.ty);
                self.take_slots_of(element, &slots);
                slots
            }
            _ => smallvec![],
        };
        InoutArg { ty: path.ty, open, at, passing, taken, slots, back: None }
    }

    /// Reads the scalar slots of an element and takes the owned ones out of it.
    fn take_slots_of(&mut self, element: &Element, slots: &Slots) {
        let leaves: Vec<TypeId> = self.types.leaves(element.ty).to_vec();
        for (k, (&leaf, &slot)) in leaves.iter().zip(slots).enumerate() {
            let part = Element { slot: element.slot + k, ty: leaf, ..*element };
            if self.is_scalar(leaf) {
                self.load_element(&part, &[slot]);
            } else {
                let mut taken = Vec::new();
                let reg = self.take_element(&part, &mut taken);
                self.copy_slots(&[slot], &[reg], true);
            }
        }
    }

    fn stage_written_view(&mut self, arg: &mut InoutArg) {
        if arg.passing != Passing::InoutView {
            return;
        }
        let is_grid = self.is_grid(arg.ty);
        match &arg.open.target {
            Target::Slots(_) | Target::Element(_) => {
                self.stage_whole(arg.at, Elements::Held(arg.slots[0]), is_grid, true);
            }
            Target::View(reg) => self.stage_whole(arg.at, Elements::View(*reg), is_grid, true),
            Target::Part(part) => self.stage_part(arg.at, part, true),
        }
    }

    fn move_slots_in(&mut self, arg: &InoutArg) {
        for (k, &slot) in arg.slots.iter().enumerate() {
            let op = if self.is_owned(slot) { Op::MoveRef } else { Op::Move };
            // Scalars first: they can't be lost.
            if op == Op::Move {
                self.out.emit(op, [Reg::window(arg.at + k).arg(), slot.arg()]);
            }
        }
        for (k, &slot) in arg.slots.iter().enumerate() {
            if self.is_owned(slot) {
                self.out.emit(Op::MoveRef, [Reg::window(arg.at + k).arg(), slot.arg()]);
                self.moved(slot);
            }
        }
    }

    fn move_slots_out(&mut self, arg: &InoutArg) {
        for (k, &slot) in arg.slots.iter().enumerate() {
            if self.is_owned(slot) {
                self.out.emit(Op::MoveRef, [slot.arg(), Reg::window(arg.at + k).arg()]);
                self.now_live(slot);
            } else {
                self.out.emit(Op::Move, [slot.arg(), Reg::window(arg.at + k).arg()]);
            }
        }
    }

    fn is_owned(&self, reg: Reg) -> bool {
        matches!(self.out.type_of(reg), Some(RegType::Own(_)))
    }

    // Overlap

    /// The place of an argument that is read where it stands and compared with an `inout` one.
    fn compared_place(&self, value: ExprId, index: usize, may_overlap: &[(u16, u16)]) -> Option<Place> {
        if !may_overlap.iter().any(|&(_, second)| usize::from(second) == index) {
            return None;
        }
        let mut path = Vec::new();
        let mut e = value;
        let root = loop {
            match self.typed[e].kind {
                ExprKind::Local(root) => break root,
                ExprKind::Field(of, field) => {
                    path.push(Step::Field(field));
                    e = of;
                }
                ExprKind::Index(of, at) => {
                    path.push(Step::Index(at));
                    e = of;
                }
                ExprKind::Index2(of, row, col) => {
                    path.push(Step::Index2(row, col));
                    e = of;
                }
                ExprKind::Slice(of, lo, hi) => {
                    path.push(Step::Slice(lo, hi));
                    e = of;
                }
                ExprKind::Slice2(of, rows, cols) => {
                    path.push(Step::Slice2(rows, cols));
                    e = of;
                }
                _ => return None,
            }
        };
        path.reverse();
        Some(Place { root, path, ty: self.ty(value), span: self.typed[value].span })
    }

    /// Traps if what two arguments cover overlaps.
    fn check_overlap(&mut self, e: ExprId, a: &[Range], b: &[Range]) {
        let apart = self.out.label();
        self.at(self.typed[e].span);
        for (a, b) in a.iter().zip(b) {
            self.jump_if_apart(*a, *b, apart);
        }
        // An empty range overlaps nothing, also where the other one does not go that far.
        let common = a.len().min(b.len());
        for range in a[common..].iter().chain(&b[common..]) {
            if let Range::FromTo(lo, hi) = range {
                self.out.emit(Op::JumpLeI, [hi.arg(), lo.arg(), apart.arg()]);
            }
        }
        self.out.emit(Op::Trap, [TrapCode::OverlappingArguments as i64]);
        self.out.place(apart);
    }

    fn jump_if_apart(&mut self, a: Range, b: Range, apart: Label) {
        match (a, b) {
            (Range::At(a), Range::At(b)) => self.out.emit(Op::JumpNeI, [a.arg(), b.arg(), apart.arg()]),
            (Range::At(at), Range::FromTo(lo, hi)) | (Range::FromTo(lo, hi), Range::At(at)) => {
                self.out.emit(Op::JumpLtI, [at.arg(), lo.arg(), apart.arg()]);
                self.out.emit(Op::JumpLeI, [hi.arg(), at.arg(), apart.arg()]);
            }
            (Range::FromTo(lo, hi), Range::FromTo(from, to)) => {
                self.out.emit(Op::JumpLeI, [hi.arg(), from.arg(), apart.arg()]);
                self.out.emit(Op::JumpLeI, [to.arg(), lo.arg(), apart.arg()]);
                // An empty range overlaps nothing.
                self.out.emit(Op::JumpLeI, [hi.arg(), lo.arg(), apart.arg()]);
                self.out.emit(Op::JumpLeI, [to.arg(), from.arg(), apart.arg()]);
            }
        }
    }

    // In place

    /// Compiles a small function in place of its call.
    pub fn inline_call(&mut self, e: ExprId, want: Want) -> Option<Reg> {
        let ExprKind::Call { function, args, .. } = &self.typed[e].kind else { return None };
        let index = function.0 as usize;
        let body = self.shared.inlinable[index]?;
        if self.is_current(index) {
            return None;
        }
        let plain = args.iter().all(|arg| {
            let Arg::In(value) = arg else { return false };
            !self.is_elements(self.ty(*value)) || self.is_variable(*value)
        });
        if !plain {
            return None;
        }
        let dest = self.dest(self.slot_type(self.ty(e)), want);
        let mark = self.mark();
        let mut follows = vec![false; args.len()];
        for i in (1..args.len()).rev() {
            let Arg::In(value) = args[i] else { unreachable!("looked at above") };
            follows[i - 1] = follows[i] || self.memo.writes(value);
        }
        let mut bindings = Vec::with_capacity(args.len());
        for (arg, later) in args.iter().zip(follows) {
            let Arg::In(value) = arg else { unreachable!("looked at above") };
            let later = if later { Later::WRITES } else { Later::NOTHING };
            bindings.push(match self.operand(*value, later) {
                Operand::Slots(slots) => Binding::Slots(slots),
                Operand::Whole(Elements::Held(reg)) => Binding::Slots(smallvec![reg]),
                Operand::Whole(Elements::View(reg)) => Binding::View(reg),
                Operand::Part(_) | Operand::Staged => unreachable!("a variable is neither"),
            });
        }
        self.at(self.typed[e].span);
        // The body reads the arguments, and one may be the destination's variable.
        let want = match want {
            Want::Fresh(_) => Want::Fresh(dest),
            _ => Want::Into(dest),
        };
        self.inlined(index, bindings, |g| g.scalar(body, want));
        self.release(mark);
        Some(dest)
    }

    /// A built-in with an instruction of its own, of scalar result.
    pub fn inline_builtin(&mut self, e: ExprId, want: Want) -> Option<Reg> {
        let ExprKind::Builtin { builtin, of, args, .. } = &self.typed[e].kind else { return None };
        let builtin = &BUILTINS[*builtin as usize];
        if builtin.lowering != Lowering::Inline {
            return None;
        }
        let arg = |i: usize| match args[i] {
            Arg::In(value) => value,
            Arg::Inout(_) => unreachable!("it has no result"),
        };
        let span = self.typed[e].span;
        let dest = self.dest(self.slot_type(self.ty(e)), want);
        let mark = self.mark();
        let float = *of == TypeId::FLOAT;
        match (builtin.name, args.len()) {
            ("min" | "max", 2) if matches!(*of, TypeId::INT | TypeId::FLOAT) => {
                let op = match (builtin.name, float) {
                    ("min", false) => Op::MinI,
                    ("min", true) => Op::MinF,
                    (_, false) => Op::MaxI,
                    (_, true) => Op::MaxF,
                };
                let lhs = self.first_of(arg(0), arg(1), None);
                let rhs = self.scalar(arg(1), Want::Brief);
                self.at(span);
                self.out.emit(op, [dest.arg(), lhs.arg(), rhs.arg()]);
            }
            ("min" | "max", 2) => {
                let result = self.temp_slots(*of);
                self.lesser(e, builtin.name == "max", arg(0), arg(1), &result);
                self.out.emit(Op::Move, [dest.arg(), result[0].arg()]);
            }
            ("len" | "rows" | "cols", 1) if self.narrow_length(arg(0), builtin.name, dest) => {}
            ("len" | "rows" | "cols", 1) => {
                let ty = self.ty(arg(0));
                let is_grid = self.is_grid(ty);
                // The length of a slice of an array is known from its bounds, once they are checked.
                let operand = self.operand(arg(0), Later::NOTHING);
                self.at(span);
                match (&operand, builtin.name) {
                    (Operand::Slots(slots), _) => self.out.emit(Op::Len, [dest.arg(), slots[0].arg()]),
                    (Operand::Whole(elements), "len") => self.length(*elements, is_grid, dest),
                    (Operand::Whole(elements), name) => {
                        self.dimension(*elements, i64::from(name == "cols"), dest);
                    }
                    (Operand::Part(part), name) => {
                        self.stage_part(0, part, false);
                        let view = Reg::window(0);
                        match (part.shape, name) {
                            (Shape::Block | Shape::Column, "len") => {
                                self.out.emit(Op::DimV, [dest.arg(), view.arg(), 2])
                            }
                            (Shape::Block | Shape::Column, name) => {
                                self.out.emit(Op::DimV, [dest.arg(), view.arg(), i64::from(name == "cols")]);
                            }
                            _ => self.out.emit(Op::LenV, [dest.arg(), view.arg()]),
                        }
                    }
                    (Operand::Staged, _) => unreachable!("nothing was staged"),
                }
            }
            (name, 1) => {
                let op = match (name, float) {
                    ("abs", true) => Op::AbsF,
                    ("abs", false) => Op::AbsI,
                    ("sqrt", _) => Op::Sqrt,
                    ("floor", _) => Op::Floor,
                    ("ceil", _) => Op::Ceil,
                    _ => unreachable!("every inline built-in is compiled here"),
                };
                let operand = self.scalar(arg(0), Want::Brief);
                self.at(span);
                self.out.emit(op, [dest.arg(), operand.arg()]);
            }
            _ => unreachable!("every inline built-in is compiled here"),
        }
        self.release(mark);
        Some(dest)
    }

    /// A built-in with instructions of its own whose result is no scalar: `min` and `max`.
    pub fn inline_builtin_into(&mut self, e: ExprId, dests: &Slots) -> bool {
        let ExprKind::Builtin { builtin, args, .. } = &self.typed[e].kind else { return false };
        let builtin = &BUILTINS[*builtin as usize];
        if builtin.lowering != Lowering::Inline {
            return false;
        }
        let (Arg::In(a), Arg::In(b)) = (&args[0], &args[1]) else { unreachable!("both are read") };
        self.lesser(e, builtin.name == "max", *a, *b, dests);
        true
    }

    /// `dests` = the lesser (or greater) of two values of any type, by total order; the first if they are equal.
    fn lesser(&mut self, e: ExprId, greater: bool, a: ExprId, b: ExprId, dests: &Slots) {
        let ty = self.ty(a);
        self.into(a, dests, true);
        let mark = self.mark();
        let other = self.slots(b);
        let better = self.temp(RegType::Bool);
        let as_operand = |g: &Self, slots: &Slots| {
            if g.is_elements(ty) { Operand::Whole(Elements::Held(slots[0])) } else { Operand::Slots(slots.clone()) }
        };
        let (mut first, mut second) = (as_operand(self, &other), as_operand(self, dests));
        if greater {
            std::mem::swap(&mut first, &mut second);
        }
        self.compare_operands(e, ty, &first, &second, 4, better);
        let keep = self.out.label();
        self.out.emit(Op::JumpNot, [better.arg(), keep.arg()]);
        self.copy_slots(dests, &other, false);
        self.out.place(keep);
        self.release(mark);
    }

    /// A statement with an instruction of its own: `push`.
    fn inline_statement(&mut self, e: ExprId) -> bool {
        let ExprKind::Builtin { builtin, of, args, .. } = &self.typed[e].kind else { return false };
        if BUILTINS[*builtin as usize].name != "push" {
            return false;
        }
        let (Arg::Inout(place), Arg::In(value)) = (&args[0], &args[1]) else { unreachable!("the modes of `push`") };
        let span = self.typed[e].span;
        // The place's indices come first; the value may be read from the same array.
        let path = self.path(place, true);
        let fields_only = place.path.iter().all(|step| matches!(step, Step::Field(_)));
        if fields_only {
            let Target::Slots(slots) = self.open(&path).target else { unreachable!("only fields") };
            self.push_value(span, slots[0], *of, *value);
            return true;
        }
        let slots = self.temp_slots(*of);
        self.into(*value, &slots, true);
        self.at(span);
        let open = self.open(&path);
        let Target::Element(element) = &open.target else { unreachable!("a slice can't be resized") };
        let mut taken = Vec::new();
        let array = self.take_element(element, &mut taken);
        if self.side_by_side(*of) {
            self.out.emit(Op::Push, [array.arg(), slots[0].arg()]);
            self.moved(slots[0]);
        } else {
            self.push_slots(array, *of, &slots);
        }
        self.close_taken(&taken);
        self.close(&open);
        true
    }
}

/// The part of one dimension that an argument covers.
#[derive(Clone, Copy)]
pub enum Range {
    At(Reg),
    FromTo(Reg, Reg),
}

/// Whether the place may not be there.
fn has_index(place: &Place) -> bool {
    place.path.iter().any(|step| !matches!(step, Step::Field(_)))
}

/// Whether the place is passed as a copy that is written back: to open it would take an array out of an element that another
/// argument's path may lead through.
fn is_detached(place: &Place, args: &[Arg]) -> bool {
    let nested = |place: &Place| {
        let first = place.path.iter().position(|step| matches!(step, Step::Index(_) | Step::Index2(..)));
        first.is_some_and(|first| place.path[first + 1..].iter().any(|step| !matches!(step, Step::Field(_))))
    };
    let mut indexed = 0;
    let mut any_nested = false;
    for arg in args {
        if let Arg::Inout(other) = arg
            && other.root == place.root
            && has_index(other)
        {
            indexed += 1;
            any_nested |= nested(other);
        }
    }
    has_index(place) && indexed > 1 && any_nested
}

/// Whether the path goes on behind a slice, so that opening it uses the window.
fn follows_slice(place: &Place) -> bool {
    place.path.iter().rev().skip(1).any(|step| matches!(step, Step::Slice(..) | Step::Slice2(..)))
}

fn held(operand: &Operand) -> Option<Reg> {
    match operand {
        Operand::Slots(slots) => Some(slots[0]),
        Operand::Whole(Elements::Held(reg)) => Some(*reg),
        _ => None,
    }
}

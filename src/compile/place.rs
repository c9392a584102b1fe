//! Places: elements and fields that are read, and paths that are written. A nested array is taken out of its element
//! while it is written, and put back afterwards; all indices of a path are evaluated before.

use super::call::{Operand, Range};
use super::emit::Reg;
use super::expr::{Elements, Want};
use super::function::{Binding, Gen, Slots};
use crate::bytecode::ops::Op;
use crate::bytecode::program::RegType;
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::{Type, TypeId};
use crate::check::typed::*;
use smallvec::{SmallVec, smallvec};

/// The index of an element.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// Of an array, or of a grid row by row.
    One(Reg),
    /// Row and column of a grid.
    Two(Reg, Reg),
}

/// A field of an element: slots `slot…` of element `at` of `base`.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    pub base: Elements,
    pub is_grid: bool,
    /// The element's type.
    pub element: TypeId,
    pub at: At,
    pub slot: usize,
    /// The type of the field.
    pub ty: TypeId,
}

/// Some of the elements: what becomes a view.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub base: Elements,
    pub shape: Shape,
    /// The bounds, side by side: `lo hi`; `r0 r1 c0 c1`; `r0 r1 c` and a fourth that nothing reads; `r c0 c1`.
    pub bounds: Reg,
}

/// What a [`Part`] is a part of, and is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Elements of an array.
    Slice,
    /// Rows and columns of a grid.
    Block,
    /// Rows of one column of a grid: a grid.
    Column,
    /// Elements of one row of a grid: an array.
    Row,
}

/// Where something is read.
enum Spot {
    Slots(Slots),
    Element(Element),
}

/// A path whose indices are evaluated.
pub struct Path {
    root: Binding,
    root_ty: TypeId,
    steps: Vec<PathStep>,
    /// The first step is this row, as it is written, and column.
    column: Option<(LocalId, ExprId, Reg)>,
    pub ty: TypeId,
}

/// A step of a [`Path`].
#[derive(Clone, Copy)]
pub enum PathStep {
    Field(usize),
    At(At),
    Part(Shape, Reg),
}

/// What a path leads to.
pub enum Target {
    /// A variable, or fields of one.
    Slots(Slots),
    /// A whole array or grid that is a view.
    View(Reg),
    Element(Element),
    Part(Part),
}

impl Target {
    /// A field of it: `count` slots from `first` on.
    fn field(self, first: usize, count: usize, ty: TypeId) -> Target {
        match self {
            Target::Slots(slots) => Target::Slots(slots[first..first + count].into()),
            Target::Element(element) => Target::Element(Element { slot: element.slot + first, ty, ..element }),
            Target::View(_) | Target::Part(_) => unreachable!("an array has no fields"),
        }
    }
}

/// A path that is open for writing.
pub struct Open {
    pub target: Target,
    /// Elements that nested arrays were taken out of, outermost first, and the registers that hold these.
    pub taken: Vec<(Element, Reg)>,
}

impl Open {
    /// Of what stands in registers.
    pub fn slots(slots: Slots) -> Open {
        Open { target: Target::Slots(slots), taken: Vec::new() }
    }
}

impl<'a> Gen<'a, '_> {
    // Reading

    /// Follows fields and indices as far as nothing needs to be loaded.
    fn locate(&mut self, e: ExprId) -> Spot {
        if self.ready.contains_key(&e) {
            return Spot::Slots(self.slots(e));
        }
        let expr = &self.typed[e];
        match expr.kind {
            ExprKind::Field(of, field) => {
                let (first, ty) = self.types.field(self.ty(of), field);
                match self.locate(of) {
                    Spot::Slots(slots) => Spot::Slots(slots[first..first + self.types.slots(ty)].into()),
                    Spot::Element(element) => Spot::Element(Element { slot: element.slot + first, ty, ..element }),
                }
            }
            ExprKind::Index(of, at) if self.ty(of) != TypeId::STR => {
                let base = self.elements_before(of, &[at]);
                let at = match self.narrow_read(of, at) {
                    Some(at) => at,
                    None => self.scalar(at, Want::Any),
                };
                self.element(of, base, At::One(at))
            }
            ExprKind::Index2(of, row, col) => {
                let base = self.elements_before(of, &[row, col]);
                let at_row = match self.narrow_read(of, row) {
                    Some(row) => row,
                    None => self.first_of(row, col, None),
                };
                let col = self.scalar(col, Want::Any);
                if !self.narrow.is_empty() {
                    self.at(expr.span);
                    let root = self.variable(of);
                    self.check_column(root, row, col);
                }
                self.element(of, base, At::Two(at_row, col))
            }
            _ => Spot::Slots(self.slots(e)),
        }
    }

    fn element(&mut self, of: ExprId, base: Elements, at: At) -> Spot {
        let ty = self.ty(of);
        let element = self.types.element(ty).expect("an array or grid");
        Spot::Element(Element { base, is_grid: self.is_grid(ty), element, at, slot: 0, ty: element })
    }

    /// The array or grid, whose value is that of now even if one of `later` writes the variable.
    fn elements_before(&mut self, of: ExprId, later: &[ExprId]) -> Elements {
        if later.iter().any(|&e| self.memo.writes(e)) {
            let copy = self.temp_slots(self.ty(of));
            self.into(of, &copy, true);
            return Elements::Held(copy[0]);
        }
        self.elements(of)
    }

    /// The slots of a field of a variable, without loading.
    pub fn field_slots(&mut self, e: ExprId) -> Option<Slots> {
        let mut root = e;
        while let ExprKind::Field(of, _) = self.typed[root].kind {
            root = of;
        }
        if !matches!(self.typed[root].kind, ExprKind::Local(_)) {
            return None;
        }
        match self.locate(e) {
            Spot::Slots(slots) => Some(slots),
            Spot::Element(_) => None,
        }
    }

    /// Reads a scalar field, element or byte.
    pub fn load_scalar(&mut self, e: ExprId, want: Want) -> Reg {
        let expr = &self.typed[e];
        if let ExprKind::Index(of, at) = expr.kind
            && self.ty(of) == TypeId::STR
        {
            let dest = self.dest(RegType::Int, want);
            let mark = self.mark();
            let later = self.memo.writes(at);
            let text = if later { self.own_copy(of) } else { self.held(of) };
            let at = self.scalar(at, Want::Brief);
            self.at(expr.span);
            self.out.emit(Op::LoadByte, [dest.arg(), text.arg(), at.arg()]);
            self.release(mark);
            return dest;
        }
        if self.field_root_is_variable(e) {
            let Spot::Slots(slots) = self.locate(e) else { unreachable!("fields of a variable are slots") };
            return self.deliver(slots[0], expr.ty, want);
        }
        let dest = self.dest(self.slot_type(expr.ty), want);
        let mark = self.mark();
        match self.locate(e) {
            Spot::Slots(slots) => {
                self.out.emit(Op::Move, [dest.arg(), slots[0].arg()]);
            }
            Spot::Element(element) => {
                self.at(expr.span);
                self.load_element(&element, &[dest]);
            }
        }
        self.release(mark);
        dest
    }

    fn field_root_is_variable(&self, e: ExprId) -> bool {
        let mut root = e;
        while let ExprKind::Field(of, _) = self.typed[root].kind {
            if self.ready.contains_key(&root) {
                return false;
            }
            root = of;
        }
        matches!(self.typed[root].kind, ExprKind::Local(_))
    }

    pub fn own_copy(&mut self, e: ExprId) -> Reg {
        let copy = self.temp_slots(self.ty(e));
        self.into(e, &copy, true);
        copy[0]
    }

    /// Reads a field or element of any type, owned.
    pub fn load_into(&mut self, e: ExprId, dests: &Slots) {
        let mark = self.mark();
        match self.locate(e) {
            Spot::Slots(slots) => {
                self.at(self.typed[e].span);
                // Slots of a temporary may be moved: nothing else of it is needed. Those of a variable are shared.
                self.copy_slots(dests, &slots, false);
            }
            Spot::Element(element) => {
                self.at(self.typed[e].span);
                self.load_element(&element, dests);
            }
        }
        self.release(mark);
    }

    /// Loads the slots of an element's field.
    pub fn load_element(&mut self, element: &Element, dests: &[Reg]) {
        let leaves = self.types.leaves(element.ty);
        let simple = self.types.slots(element.element) == 1;
        let scalar = leaves.len() == 1 && self.is_scalar(leaves[0]);
        if let (At::Two(row, col), true) = (element.at, simple && scalar) {
            let (op, base) = match element.base {
                Elements::Held(reg) => (Op::LoadG, reg),
                Elements::View(reg) => (Op::LoadGV, reg),
            };
            return self.out.emit(op, [dests[0].arg(), base.arg(), row.arg(), col.arg()]);
        }
        let at = self.linear(element);
        for (k, (&leaf, &dest)) in leaves.iter().zip(dests).enumerate() {
            let slot = (element.slot + k) as i64;
            let scalar = self.is_scalar(leaf);
            match (element.base, element.is_grid) {
                (Elements::Held(base), false) if simple && scalar => {
                    self.out.emit(Op::Load, [dest.arg(), base.arg(), at.arg()]);
                }
                (Elements::View(base), false) if simple && scalar => {
                    self.out.emit(Op::LoadV, [dest.arg(), base.arg(), at.arg()]);
                }
                (Elements::Held(base), _) => {
                    let op = if scalar { Op::LoadF } else { Op::LoadR };
                    self.out.emit(op, [dest.arg(), base.arg(), at.arg(), slot]);
                }
                (Elements::View(base), false) => {
                    let op = if scalar { Op::LoadVF } else { Op::LoadVR };
                    self.out.emit(op, [dest.arg(), base.arg(), at.arg(), slot]);
                }
                (Elements::View(base), true) => {
                    let op = if scalar { Op::LoadGVF } else { Op::LoadGVR };
                    self.out.emit(op, [dest.arg(), base.arg(), at.arg(), slot]);
                }
            }
            if !scalar {
                self.now_live(dest);
            }
        }
    }

    /// The index of an element as one Int.
    pub fn linear(&mut self, element: &Element) -> Reg {
        let (row, col) = match element.at {
            At::One(at) => return at,
            At::Two(row, col) => (row, col),
        };
        let pair = self.temp_ints(2);
        self.out.emit(Op::Move, [pair.arg(), row.arg()]);
        self.out.emit(Op::Move, [pair.plus(1).arg(), col.arg()]);
        let at = self.temp(RegType::Int);
        let (op, base) = match element.base {
            Elements::Held(reg) => (Op::Index2, reg),
            Elements::View(reg) => (Op::Index2V, reg),
        };
        self.out.emit(op, [at.arg(), base.arg(), pair.arg()]);
        at
    }

    /// The length of an array, or how many elements a grid has.
    pub fn length(&mut self, base: Elements, is_grid: bool, dest: Reg) {
        match base {
            Elements::Held(reg) => self.out.emit(Op::Len, [dest.arg(), reg.arg()]),
            Elements::View(reg) if is_grid => self.out.emit(Op::DimV, [dest.arg(), reg.arg(), 2]),
            Elements::View(reg) => self.out.emit(Op::LenV, [dest.arg(), reg.arg()]),
        }
    }

    /// Rows (0) or columns (1) of a grid.
    pub fn dimension(&mut self, base: Elements, which: i64, dest: Reg) {
        match base {
            Elements::Held(reg) => self.out.emit(Op::Dim, [dest.arg(), reg.arg(), which]),
            Elements::View(reg) => self.out.emit(Op::DimV, [dest.arg(), reg.arg(), which]),
        }
    }

    /// A slice that is read: its elements stay where they are.
    pub fn part(&mut self, e: ExprId) -> Part {
        match self.typed[e].kind {
            ExprKind::Slice(of, lo, hi) => {
                let later: Vec<ExprId> = lo.into_iter().chain(hi).collect();
                let base = self.elements_before(of, &later);
                let bounds = self.temp_ints(2);
                if !self.narrow_bounds(self.variable(of), lo, hi, bounds) {
                    self.bounds(lo, hi, bounds, &mut |g, dest| g.length(base, false, dest));
                }
                Part { base, shape: Shape::Slice, bounds }
            }
            ExprKind::Slice2(of, rows, cols) => {
                let later: Vec<ExprId> = [rows, cols].into_iter().flat_map(extent_operands).collect();
                let base = self.elements_before(of, &later);
                let root = self.variable(of);
                let (shape, bounds) =
                    self.extents(root, rows, cols, &mut |g, which, dest| g.dimension(base, which, dest));
                Part { base, shape, bounds }
            }
            _ => unreachable!("not a slice"),
        }
    }

    fn bounds(&mut self, lo: Option<ExprId>, hi: Option<ExprId>, bounds: Reg, length: &mut dyn FnMut(&mut Self, Reg)) {
        match lo {
            Some(lo) => {
                self.scalar(lo, Want::Fresh(bounds));
            }
            None => self.load_constant(bounds, RegType::Int, 0),
        }
        match hi {
            Some(hi) => {
                self.scalar(hi, Want::Fresh(bounds.plus(1)));
            }
            None => length(self, bounds.plus(1)),
        }
    }

    /// Evaluates the bounds of a part of a grid; `dimension` gives the end of an open range.
    fn extents(
        &mut self,
        root: Option<LocalId>,
        rows: Extent,
        cols: Extent,
        dimension: &mut dyn FnMut(&mut Self, i64, Reg),
    ) -> (Shape, Reg) {
        let (shape, bounds, cols_at) = match (rows, cols) {
            (Extent::At(_), _) => (Shape::Row, self.temp_ints(3), 1),
            (_, Extent::At(_)) => (Shape::Column, self.temp_ints(4), 2),
            _ => (Shape::Block, self.temp_ints(4), 2),
        };
        for (which, (extent, at)) in [(0, (rows, 0)), (1, (cols, cols_at))] {
            let narrow = root.filter(|_| which == 0);
            match extent {
                Extent::At(e) if self.narrow_into(narrow, e, bounds.plus(at)) => {}
                Extent::Range(lo, hi) if self.narrow_bounds(narrow, lo, hi, bounds.plus(at)) => {}
                Extent::At(e) => {
                    self.scalar(e, Want::Fresh(bounds.plus(at)));
                    if shape == Shape::Column {
                        self.load_constant(bounds.plus(at + 1), RegType::Int, 0);
                    }
                }
                Extent::Range(lo, hi) => {
                    self.bounds(lo, hi, bounds.plus(at), &mut |g, dest| dimension(g, which, dest));
                }
            }
        }
        (shape, bounds)
    }

    /// A slice as a value of its own.
    pub fn slice_into(&mut self, e: ExprId, dest: Reg) {
        let expr = &self.typed[e];
        let mark = self.mark();
        if let ExprKind::Slice(of, lo, hi) = expr.kind
            && self.ty(of) == TypeId::STR
        {
            let later = lo.into_iter().chain(hi).any(|e| self.memo.writes(e));
            let text = if later { self.own_copy(of) } else { self.held(of) };
            let bounds = self.temp_ints(2);
            self.bounds(lo, hi, bounds, &mut |g, dest| g.out.emit(Op::Len, [dest.arg(), text.arg()]));
            self.at(expr.span);
            self.out.emit(Op::SliceStr, [dest.arg(), text.arg(), bounds.arg()]);
        } else {
            let part = self.part(e);
            self.at(expr.span);
            self.stage_part(0, &part, false);
            self.out.emit(Op::Own, [dest.arg(), Reg::window(0).arg()]);
        }
        self.now_live(dest);
        self.release(mark);
    }

    /// Puts a view of a part into the window.
    pub fn stage_part(&mut self, at: usize, part: &Part, write: bool) {
        let (base, view) = match part.base {
            Elements::Held(reg) => (reg, 0),
            Elements::View(reg) => (reg, 1),
        };
        let (op, width) = match part.shape {
            Shape::Slice => (Op::View, 3),
            Shape::Block | Shape::Column => (Op::GridView, 5),
            Shape::Row => (Op::RowView, 3),
        };
        self.out.need_window(at + width);
        let flags = view | if write { 2 } else { 0 } | 4 | if part.shape == Shape::Column { 8 } else { 0 };
        self.out.emit(op, [Reg::window(at).arg(), base.arg(), part.bounds.arg(), flags]);
    }

    /// Puts a view of a whole array or grid into the window.
    pub fn stage_whole(&mut self, at: usize, base: Elements, is_grid: bool, write: bool) {
        let (reg, view) = match base {
            Elements::Held(reg) => (reg, 0),
            Elements::View(reg) => (reg, 1),
        };
        let (op, width) = if is_grid { (Op::GridView, 5) } else { (Op::View, 3) };
        self.out.need_window(at + width);
        let flags = view | if write { 2 } else { 0 };
        self.out.emit(op, [Reg::window(at).arg(), reg.arg(), 0, flags]);
    }

    // Writing

    /// Evaluates the indices of a place, left to right. `fixed`: into registers that nothing else writes.
    pub fn path(&mut self, place: &Place, fixed: bool) -> Path {
        let mut path = self.root_of(place);
        for (number, &step) in place.path.iter().enumerate() {
            let next = self.path_step(first_root(place, number), &path, step, fixed);
            path.push(first_root(place, number), step, next);
        }
        path.ty = place.ty;
        path
    }

    /// Evaluates an argument that is read from a place, and says where that is. Each step has its value, and is checked, before
    /// the indices of the next are evaluated. The third is whether it is a copy, since one of its own indices writes.
    pub fn read_path(&mut self, place: &Place) -> (Path, Operand, bool) {
        let mut path = self.root_of(place);
        // What is read: the place, or the rest of it in a copy, where an index writes.
        let (mut read, mut is_copy) = (self.root_of(place), false);
        for (number, &step) in place.path.iter().enumerate() {
            let indices = step_indices(step);
            if indices.iter().any(|&e| self.memo.writes(e)) {
                self.at(place.span);
                let operand = self.operand_at(&read);
                let copy = self.copied(&operand, read.ty);
                let root = Binding::Slots(copy);
                read = Path { root, root_ty: read.ty, steps: Vec::new(), column: None, ty: read.ty };
                is_copy = true;
            } else if read.has_checks() && indices.iter().any(|&e| self.memo.stops(e)) {
                self.at(place.span);
                if let Operand::Part(part) = self.operand_at(&read) {
                    self.stage_part(0, &part, false);
                }
            }
            let next = self.path_step(first_root(place, number), &read, step, true);
            path.push(first_root(place, number), step, next);
            read.push(first_root(place, number), step, next);
            read.ty = match next {
                PathStep::Field(field) => self.types.field(read.ty, field).1,
                PathStep::At(_) => self.types.element(read.ty).expect("an array or grid"),
                PathStep::Part(shape, _) => self.part_type(read.ty, shape),
            };
        }
        path.ty = place.ty;
        self.at(place.span);
        let operand = self.operand_at(&read);
        (path, operand, is_copy)
    }

    /// The path to the variable.
    fn root_of(&self, place: &Place) -> Path {
        let ty = self.typed.functions[self.current].locals[place.root.0 as usize].ty;
        Path { root: self.binding(place.root), root_ty: ty, steps: Vec::new(), column: None, ty }
    }

    /// Evaluates the indices of the step that comes after `path`; `root` for the first one.
    fn path_step(&mut self, root: Option<LocalId>, path: &Path, step: Step, fixed: bool) -> PathStep {
        match step {
            Step::Field(field) => PathStep::Field(field),
            Step::Index(at) => PathStep::At(At::One(match self.narrowed(root, at) {
                Some(at) => at,
                None => self.index(at, fixed),
            })),
            Step::Index2(row, col) => {
                let fixed = fixed || self.memo.writes(col);
                let row = match self.narrowed(root, row) {
                    Some(row) => row,
                    None => self.index(row, fixed),
                };
                PathStep::At(At::Two(row, self.index(col, fixed)))
            }
            Step::Slice(lo, hi) => {
                let bounds = self.temp_ints(2);
                if !self.narrow_bounds(root, lo, hi, bounds) {
                    self.bounds(lo, hi, bounds, &mut |g, dest| g.path_dimension(path, 2, dest));
                }
                PathStep::Part(Shape::Slice, bounds)
            }
            Step::Slice2(rows, cols) => {
                let (shape, bounds) =
                    self.extents(root, rows, cols, &mut |g, which, dest| g.path_dimension(path, which, dest));
                PathStep::Part(shape, bounds)
            }
        }
    }

    fn index(&mut self, e: ExprId, fixed: bool) -> Reg {
        if fixed && !matches!(self.typed[e].kind, ExprKind::Int(_)) {
            let copy = self.temp(RegType::Int);
            return self.scalar(e, Want::Fresh(copy));
        }
        self.scalar(e, Want::Any)
    }

    /// Rows (0) or columns (1) of the grid that a path leads to so far, or the length (2) of the array.
    fn path_dimension(&mut self, path: &Path, which: i64, dest: Reg) {
        match self.operand_at(path) {
            Operand::Whole(elements) if which == 2 => self.length(elements, false, dest),
            Operand::Whole(elements) => self.dimension(elements, which, dest),
            Operand::Part(part) => {
                self.stage_part(0, &part, false);
                let view = Reg::window(0).arg();
                match which {
                    2 => self.out.emit(Op::LenV, [dest.arg(), view]),
                    which => self.out.emit(Op::DimV, [dest.arg(), view, which]),
                }
            }
            Operand::Slots(_) | Operand::Staged => unreachable!("an array or grid is one of the others"),
        }
    }

    /// What a path leads to, read: in place, or loaded from an element.
    pub fn operand_at(&mut self, path: &Path) -> Operand {
        if let Some((root, row, col)) = path.column {
            self.check_column(Some(root), row, col);
        }
        let mut ty = path.root_ty;
        let mut target = match &path.root {
            Binding::Slots(slots) => Target::Slots(slots.clone()),
            Binding::View(reg) => Target::View(*reg),
        };
        for step in &path.steps {
            match *step {
                PathStep::Field(field) => {
                    let (first, field_ty) = self.types.field(ty, field);
                    target = target.field(first, self.types.slots(field_ty), field_ty);
                    ty = field_ty;
                }
                PathStep::At(at) => {
                    let element = self.types.element(ty).expect("an array or grid");
                    let is_grid = self.is_grid(ty);
                    let (base, is_grid, at) = match target {
                        Target::Part(part) => self.index_part(&part, at),
                        target => (self.read_elements(target), is_grid, at),
                    };
                    target = Target::Element(Element { base, is_grid, element, at, slot: 0, ty: element });
                    ty = element;
                }
                PathStep::Part(shape, bounds) => {
                    target = Target::Part(match target {
                        Target::Part(part) => self.narrow(&part, shape, bounds),
                        target => Part { base: self.read_elements(target), shape, bounds },
                    });
                    ty = self.part_type(ty, shape);
                }
            }
        }
        match target {
            Target::Slots(slots) if self.is_elements(ty) => Operand::Whole(Elements::Held(slots[0])),
            Target::Slots(slots) => Operand::Slots(slots),
            Target::View(reg) => Operand::Whole(Elements::View(reg)),
            Target::Part(part) => Operand::Part(part),
            Target::Element(element) => {
                let slots = self.temp_slots(element.ty);
                self.load_element(&element, &slots);
                if self.is_elements(element.ty) {
                    Operand::Whole(Elements::Held(slots[0]))
                } else {
                    Operand::Slots(slots)
                }
            }
        }
    }

    fn read_elements(&mut self, target: Target) -> Elements {
        match target {
            Target::Slots(slots) => Elements::Held(slots[0]),
            Target::View(reg) => Elements::View(reg),
            Target::Element(element) => {
                let copy = self.temp_own(element.ty);
                self.load_element(&element, &[copy]);
                Elements::Held(copy)
            }
            Target::Part(_) => unreachable!("a part of a part is narrowed"),
        }
    }

    /// The type of a part of an array or grid of type `ty`.
    fn part_type(&self, ty: TypeId, shape: Shape) -> TypeId {
        if shape != Shape::Row {
            return ty;
        }
        let element = self.types.element(ty).expect("a grid");
        self.types.find(&Type::Array(element)).expect("the checker made it")
    }

    /// Opens a path for writing: takes nested arrays out of the elements they are in.
    pub fn open(&mut self, path: &Path) -> Open {
        if let Some((root, row, col)) = path.column {
            self.check_column(Some(root), row, col);
        }
        let mut ty = path.root_ty;
        let mut taken = Vec::new();
        let mut target = match &path.root {
            Binding::Slots(slots) => Target::Slots(slots.clone()),
            Binding::View(reg) => Target::View(*reg),
        };
        for step in &path.steps {
            match *step {
                PathStep::Field(field) => {
                    let (first, field_ty) = self.types.field(ty, field);
                    target = target.field(first, self.types.slots(field_ty), field_ty);
                    ty = field_ty;
                }
                PathStep::At(at) => {
                    let element = self.types.element(ty).expect("an array or grid");
                    let (base, is_grid, at) = match target {
                        Target::Part(part) => self.index_part(&part, at),
                        target => (self.open_elements(target, &mut taken), self.is_grid(ty), at),
                    };
                    target = Target::Element(Element { base, is_grid, element, at, slot: 0, ty: element });
                    ty = element;
                }
                PathStep::Part(shape, bounds) => {
                    target = Target::Part(match target {
                        Target::Part(part) => self.narrow(&part, shape, bounds),
                        target => Part { base: self.open_elements(target, &mut taken), shape, bounds },
                    });
                    ty = self.part_type(ty, shape);
                }
            }
        }
        Open { target, taken }
    }

    fn open_elements(&mut self, target: Target, taken: &mut Vec<(Element, Reg)>) -> Elements {
        match target {
            Target::Slots(slots) => Elements::Held(slots[0]),
            Target::View(reg) => Elements::View(reg),
            Target::Element(element) => Elements::Held(self.take_element(&element, taken)),
            Target::Part(_) => unreachable!("a part of a part is narrowed"),
        }
    }

    /// Takes a Str, array or grid out of an element.
    pub fn take_element(&mut self, element: &Element, taken: &mut Vec<(Element, Reg)>) -> Reg {
        let reg = self.temp_own(element.ty);
        let at = self.linear(element);
        let (op, base) = match (element.base, element.is_grid) {
            (Elements::Held(base), _) => (Op::TakeR, base),
            (Elements::View(base), false) => (Op::TakeV, base),
            (Elements::View(base), true) => (Op::TakeGV, base),
        };
        self.out.emit(op, [reg.arg(), base.arg(), at.arg(), element.slot as i64]);
        self.now_live(reg);
        taken.push((Element { at: At::One(at), ..*element }, reg));
        reg
    }

    /// Checks a part, through the window, and ends the one column that it may be.
    fn check_part(&mut self, part: &Part) {
        self.stage_part(0, part, false);
        if part.shape == Shape::Column {
            self.out.emit(Op::AddImm, [part.bounds.plus(3).arg(), part.bounds.plus(2).arg(), 1]);
        }
    }

    /// An index into a part, as an index into what it is a part of.
    fn index_part(&mut self, part: &Part, at: At) -> (Elements, bool, At) {
        self.check_part(part);
        let bounds = part.bounds;
        match (part.shape, at) {
            (Shape::Slice, At::One(at)) => (part.base, false, At::One(self.offset(bounds, at))),
            (Shape::Row, At::One(at)) => (part.base, true, At::Two(bounds, self.offset(bounds.plus(1), at))),
            (Shape::Block | Shape::Column, At::Two(row, col)) => {
                (part.base, true, At::Two(self.offset(bounds, row), self.offset(bounds.plus(2), col)))
            }
            _ => unreachable!("the checker counts indices"),
        }
    }

    /// A part of a part, as a part of what that is a part of.
    fn narrow(&mut self, outer: &Part, shape: Shape, inner: Reg) -> Part {
        self.check_part(outer);
        let (base, from) = (outer.base, outer.bounds);
        match outer.shape {
            Shape::Slice => Part { base, shape, bounds: self.offset_range(from, inner) },
            Shape::Row => {
                let cols = self.offset_range(from.plus(1), inner);
                Part { base, shape: Shape::Row, bounds: self.side_by_side_ints(&[from, cols, cols.plus(1)]) }
            }
            Shape::Block | Shape::Column => {
                let mut bounds = Vec::with_capacity(4);
                let cols_at = if shape == Shape::Row { 1 } else { 2 };
                if shape == Shape::Row {
                    bounds.push(self.offset(from, inner));
                } else {
                    let rows = self.offset_range(from, inner);
                    bounds.extend([rows, rows.plus(1)]);
                }
                if shape == Shape::Column {
                    let col = self.offset(from.plus(2), inner.plus(2));
                    bounds.extend([col, col]);
                } else {
                    let cols = self.offset_range(from.plus(2), inner.plus(cols_at));
                    bounds.extend([cols, cols.plus(1)]);
                }
                Part { base, shape, bounds: self.side_by_side_ints(&bounds) }
            }
        }
    }

    fn side_by_side_ints(&mut self, sources: &[Reg]) -> Reg {
        let first = self.temp_ints(sources.len());
        for (k, source) in sources.iter().enumerate() {
            self.out.emit(Op::Move, [first.plus(k).arg(), source.arg()]);
        }
        first
    }

    /// `lo + at`, where `at` must be from 0 to below `hi - lo`.
    fn offset(&mut self, bounds: Reg, at: Reg) -> Reg {
        let sum = self.temp(RegType::Int);
        let (bad, good) = (self.out.label(), self.out.label());
        self.out.emit(Op::SubI, [sum.arg(), bounds.plus(1).arg(), bounds.arg()]);
        self.out.emit(Op::JumpLtK, [at.arg(), 0, bad.arg()]);
        self.out.emit(Op::JumpLtI, [at.arg(), sum.arg(), good.arg()]);
        self.out.place(bad);
        self.out.emit(Op::Trap, [TrapCode::IndexOutOfBounds as i64]);
        self.out.place(good);
        self.out.emit(Op::AddI, [sum.arg(), bounds.arg(), at.arg()]);
        sum
    }

    /// `lo + from` and `lo + to`, which must be a range of `hi - lo` elements.
    fn offset_range(&mut self, bounds: Reg, range: Reg) -> Reg {
        let sums = self.temp_ints(2);
        let (from, to) = (range, range.plus(1));
        let (bad, good) = (self.out.label(), self.out.label());
        self.out.emit(Op::SubI, [sums.arg(), bounds.plus(1).arg(), bounds.arg()]);
        self.out.emit(Op::JumpLtK, [from.arg(), 0, bad.arg()]);
        self.out.emit(Op::JumpLtI, [to.arg(), from.arg(), bad.arg()]);
        self.out.emit(Op::JumpLeI, [to.arg(), sums.arg(), good.arg()]);
        self.out.place(bad);
        self.out.emit(Op::Trap, [TrapCode::SliceOutOfBounds as i64]);
        self.out.place(good);
        self.out.emit(Op::AddI, [sums.arg(), bounds.arg(), from.arg()]);
        self.out.emit(Op::AddI, [sums.plus(1).arg(), bounds.arg(), to.arg()]);
        sums
    }
}

fn extent_operands(extent: Extent) -> Vec<ExprId> {
    match extent {
        Extent::At(e) => vec![e],
        Extent::Range(lo, hi) => lo.into_iter().chain(hi).collect(),
    }
}

/// The expressions in a place's path.
pub fn place_indices(place: &Place) -> Vec<ExprId> {
    place.path.iter().flat_map(|&step| step_indices(step)).collect()
}

/// The variable, for the first step: where only a part of it is here, that step leads into the part.
fn first_root(place: &Place, number: usize) -> Option<LocalId> {
    Some(place.root).filter(|_| number == 0)
}

fn step_indices(step: Step) -> Vec<ExprId> {
    match step {
        Step::Field(_) => Vec::new(),
        Step::Index(at) => vec![at],
        Step::Index2(row, col) => vec![row, col],
        Step::Slice(lo, hi) => lo.into_iter().chain(hi).collect(),
        Step::Slice2(rows, cols) => [rows, cols].into_iter().flat_map(extent_operands).collect(),
    }
}

impl Path {
    /// Adds a step, evaluated; `root` for the first one.
    fn push(&mut self, root: Option<LocalId>, step: Step, next: PathStep) {
        if let (Some(root), Step::Index2(row, _), PathStep::At(At::Two(_, col))) = (root, step, next) {
            self.column = Some((root, row, col));
        }
        self.steps.push(next);
    }

    /// Whether it may lead nowhere.
    fn has_checks(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step, PathStep::Field(_)))
    }

    /// Whether it leads into an array that is an element.
    pub fn is_nested(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, PathStep::At(_)))
    }
}

impl Gen<'_, '_> {
    /// What a path whose bounds are checked covers, dimension by dimension; fields, which the checker has compared, are
    /// left out.
    pub fn ranges(&mut self, path: &Path) -> Vec<Range> {
        let mut ranges: Vec<Range> = Vec::new();
        // The dimensions of the part so far, by index into `ranges`, which the next indices count in.
        let mut open: SmallVec<[usize; 2]> = SmallVec::new();
        for step in &path.steps {
            let (next, stay): (SmallVec<[Range; 2]>, SmallVec<[bool; 2]>) = match *step {
                PathStep::Field(_) => {
                    open.clear();
                    continue;
                }
                PathStep::At(At::One(at)) => (smallvec![Range::At(at)], smallvec![false]),
                PathStep::At(At::Two(row, col)) => (smallvec![Range::At(row), Range::At(col)], smallvec![false, false]),
                PathStep::Part(shape, at) => match shape {
                    Shape::Slice => (smallvec![Range::FromTo(at, at.plus(1))], smallvec![true]),
                    Shape::Row => {
                        (smallvec![Range::At(at), Range::FromTo(at.plus(1), at.plus(2))], smallvec![false, true])
                    }
                    Shape::Column => {
                        (smallvec![Range::FromTo(at, at.plus(1)), Range::At(at.plus(2))], smallvec![true, true])
                    }
                    Shape::Block => (
                        smallvec![Range::FromTo(at, at.plus(1)), Range::FromTo(at.plus(2), at.plus(3))],
                        smallvec![true, true],
                    ),
                },
            };
            if open.is_empty() {
                open = (ranges.len()..ranges.len() + next.len()).collect();
                ranges.extend(next);
            } else {
                for (&at, inner) in open.iter().zip(next) {
                    ranges[at] = self.within(ranges[at], inner);
                }
            }
            open = open.iter().zip(stay).filter(|&(_, stays)| stays).map(|(&at, _)| at).collect();
        }
        ranges
    }

    /// A range whose indices count from the start of another one.
    fn within(&mut self, outer: Range, inner: Range) -> Range {
        let Range::FromTo(start, _) = outer else { return outer };
        let mut shift = |at: Reg| {
            let sum = self.temp(RegType::Int);
            self.out.emit(Op::AddW, [sum.arg(), start.arg(), at.arg()]);
            sum
        };
        match inner {
            Range::At(at) => Range::At(shift(at)),
            Range::FromTo(lo, hi) => Range::FromTo(shift(lo), shift(hi)),
        }
    }
}

//! Assignment: what a path leads to is written, and what was taken out of elements for that is put back.

use super::emit::Reg;
use super::expr::{Elements, Want, scalar_op};
use super::function::{Binding, Gen, Slots};
use super::place::*;
use crate::bytecode::builtins;
use crate::bytecode::ops::Op;
use crate::bytecode::program::RegType;
use crate::bytecode::types::TypeId;
use crate::check::typed::*;
use smallvec::smallvec;

impl Gen<'_, '_> {
    /// Writes slots to an element's field; owned ones are moved.
    pub fn store_element(&mut self, element: &Element, sources: &[Reg]) {
        let leaves = self.types.leaves(element.ty);
        let simple = self.types.slots(element.element) == 1;
        let scalar = leaves.len() == 1 && self.is_scalar(leaves[0]);
        if let (At::Two(row, col), true) = (element.at, simple && scalar) {
            let (op, base) = match element.base {
                Elements::Held(reg) => (Op::StoreG, reg),
                Elements::View(reg) => (Op::StoreGV, reg),
            };
            return self.out.emit(op, [base.arg(), row.arg(), col.arg(), sources[0].arg()]);
        }
        let at = self.linear(element);
        for (k, (&leaf, &source)) in leaves.iter().zip(sources).enumerate() {
            let slot = (element.slot + k) as i64;
            let scalar = self.is_scalar(leaf);
            match (element.base, element.is_grid) {
                (Elements::Held(base), false) if simple && scalar => {
                    self.out.emit(Op::Store, [base.arg(), at.arg(), source.arg()]);
                }
                (Elements::View(base), false) if simple && scalar => {
                    self.out.emit(Op::StoreV, [base.arg(), at.arg(), source.arg()]);
                }
                (Elements::Held(base), _) => {
                    let op = if scalar { Op::StoreF } else { Op::StoreR };
                    self.out.emit(op, [base.arg(), at.arg(), source.arg(), slot]);
                }
                (Elements::View(base), false) => {
                    let op = if scalar { Op::StoreVF } else { Op::StoreVR };
                    self.out.emit(op, [base.arg(), at.arg(), source.arg(), slot]);
                }
                (Elements::View(base), true) => {
                    let op = if scalar { Op::StoreGVF } else { Op::StoreGVR };
                    self.out.emit(op, [base.arg(), at.arg(), source.arg(), slot]);
                }
            }
            if !scalar {
                self.moved(source);
            }
        }
    }

    /// Puts what was taken back, innermost first.
    pub fn close(&mut self, open: &Open) {
        for (element, reg) in open.taken.iter().rev() {
            self.store_element(element, &[*reg]);
        }
    }

    /// Closes what an argument's own take added, too.
    pub fn close_taken(&mut self, taken: &[(Element, Reg)]) {
        for (element, reg) in taken.iter().rev() {
            self.store_element(element, &[*reg]);
        }
    }

    /// `place = value` and `place op= value`.
    pub fn assign(&mut self, stmt: &Stmt, place: &Place, op: Option<BinaryOp>, value: ExprId) {
        let fields_only = place.path.iter().all(|step| matches!(step, Step::Field(_)));
        let mark = self.mark();
        if fields_only && matches!(self.binding(place.root), Binding::Slots(_)) {
            let path = self.path(place, false);
            let Target::Slots(slots) = self.open(&path).target else { unreachable!("only fields") };
            match op {
                None => self.into(value, &slots, false),
                Some(op) => self.update_slots(stmt, place.root, &slots, op, value),
            }
        } else if let Some(Step::Slice(..) | Step::Slice2(..)) = place.path.last() {
            debug_assert!(op.is_none(), "no operator keeps the length of an array");
            self.assign_part(stmt, place, value);
        } else {
            let indices_write = self.place_writes(place);
            let sources: Slots = if self.is_scalar(place.ty) {
                let reg = if indices_write && matches!(self.typed[value].kind, ExprKind::Local(_)) {
                    let copy = self.temp(self.slot_type(place.ty));
                    self.scalar(value, Want::Fresh(copy))
                } else {
                    self.scalar(value, Want::Any)
                };
                smallvec![reg]
            } else {
                let slots = self.temp_slots(place.ty);
                self.into(value, &slots, true);
                slots
            };
            let path = self.path(place, false);
            self.at(stmt.span);
            let open = self.open(&path);
            let Target::Element(element) = &open.target else { unreachable!("it has an index") };
            match op {
                None => self.store_element(element, &sources),
                Some(op) => {
                    // Read and written at the same index, which a grid's row and column need only give once.
                    let element = match element.at {
                        At::Two(..) if self.types.slots(element.element) > 1 => {
                            Element { at: At::One(self.linear(element)), ..*element }
                        }
                        _ => *element,
                    };
                    let current = self.temp_slots(place.ty);
                    self.load_element(&element, &current);
                    if self.is_scalar(place.ty) {
                        let (op, swap) = scalar_op(op, place.ty == TypeId::FLOAT);
                        debug_assert!(!swap, "no comparison is compound");
                        let args = [current[0].arg(), current[0].arg(), sources[0].arg()];
                        self.out.emit(op, args);
                    } else {
                        self.out.emit(Op::Cat, [current[0].arg(), sources[0].arg()]);
                    }
                    self.store_element(&element, &current);
                }
            }
            self.close(&open);
        }
        self.release(mark);
    }

    /// Whether evaluating a place's indices may write a variable.
    pub fn place_writes(&mut self, place: &Place) -> bool {
        place_indices(place).into_iter().any(|e| self.memo.writes(e))
    }

    fn update_slots(&mut self, stmt: &Stmt, root: LocalId, slots: &Slots, op: BinaryOp, value: ExprId) {
        let (dest, ty) = (slots[0], self.ty(value));
        if !self.is_scalar(ty) {
            if let ExprKind::Interpolation(pieces) = &self.typed[value].kind
                && !super::uses::mentions(self.typed, value, root)
            {
                return self.append_pieces(value, pieces, dest);
            }
            // `s += s`: what is added must not be the register that grows.
            let added = match self.held(value) {
                reg if reg == dest => {
                    let copy = self.temp_own(ty);
                    self.out.emit(Op::Share, [copy.arg(), reg.arg()]);
                    self.now_live(copy);
                    copy
                }
                reg => reg,
            };
            self.at(stmt.span);
            return self.out.emit(Op::Cat, [dest.arg(), added.arg()]);
        }
        if let ExprKind::Int(k) = self.typed[value].kind
            && let Ok(k) = i16::try_from(k)
            && let Some((op, k)) = match op {
                BinaryOp::Add => Some((Op::AddImm, i64::from(k))),
                BinaryOp::Sub if k != i16::MIN => Some((Op::AddImm, -i64::from(k))),
                BinaryOp::Mul => Some((Op::MulImm, i64::from(k))),
                BinaryOp::Shl if (0..64).contains(&k) => Some((Op::ShlImm, i64::from(k))),
                BinaryOp::Shr if (0..64).contains(&k) => Some((Op::ShrImm, i64::from(k))),
                BinaryOp::Div if k > 1 && k.count_ones() == 1 => Some((Op::DivPow, i64::from(k.trailing_zeros()))),
                BinaryOp::Rem if k > 1 && k.count_ones() == 1 => Some((Op::RemPow, i64::from(k.trailing_zeros()))),
                BinaryOp::Div if k != 0 && k != -1 => Some((Op::DivImm, i64::from(k))),
                BinaryOp::Rem if k != 0 && k != -1 => Some((Op::RemImm, i64::from(k))),
                _ => None,
            }
        {
            self.at(stmt.span);
            return self.out.emit(op, [dest.arg(), dest.arg(), k]);
        }
        if let ExprKind::Binary(BinaryOp::Mul, x, y) = self.typed[value].kind
            && ty == TypeId::FLOAT
            && let Some(fused) = match op {
                BinaryOp::Add => Some(Op::MulAdd),
                BinaryOp::Sub => Some(Op::MulSub),
                _ => None,
            }
        {
            let x = self.first_of(x, y, None);
            let y = self.scalar(y, Want::Brief);
            self.at(stmt.span);
            return self.out.emit(fused, [dest.arg(), dest.arg(), x.arg(), y.arg()]);
        }
        let rhs = self.scalar(value, Want::Brief);
        let (op, _) = scalar_op(op, ty == TypeId::FLOAT);
        self.at(stmt.span);
        self.out.emit(op, [dest.arg(), dest.arg(), rhs.arg()]);
    }

    /// `a[lo..hi] = value`
    fn assign_part(&mut self, stmt: &Stmt, place: &Place, value: ExprId) {
        // A copy (shared where it can be), so that it may be a part of what is written.
        let from = self.own_copy(value);
        let path = self.path(place, false);
        self.at(stmt.span);
        let open = self.open(&path);
        let Target::Part(part) = &open.target else { unreachable!("it ends in a slice") };
        self.assign_elements(part, from);
        self.close(&open);
    }

    /// Copies all elements of the array or grid in `from` to a part of that shape.
    fn assign_elements(&mut self, part: &Part, from: Reg) {
        let is_grid = matches!(part.shape, Shape::Block | Shape::Column);
        self.stage_part(0, part, true);
        self.stage_whole(if is_grid { 5 } else { 3 }, Elements::Held(from), is_grid, false);
        let Some(RegType::Own(ty)) = self.out.type_of(from) else { unreachable!("it is owned") };
        let element = self.types.element(ty).expect("an array or grid");
        let assign = builtins::BUILTINS
            .iter()
            .position(|b| b.name == "__assign" && (b.params[0].2 == builtins::Pattern::GridT) == is_grid)
            .expect("it is in the table");
        self.sys(assign as u16, element);
    }

    /// Writes a value to what a path leads to: an element, a field of one, or a part.
    pub fn store_at(&mut self, path: &Path, sources: &Slots) {
        let open = self.open(path);
        match &open.target {
            Target::Element(element) => self.store_element(element, sources),
            Target::Part(part) => self.assign_elements(part, sources[0]),
            Target::Slots(_) | Target::View(_) => unreachable!("it has an index"),
        }
        self.close(&open);
    }
}

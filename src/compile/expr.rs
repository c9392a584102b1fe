//! Expressions: scalars into a register, other values into their slots.

use super::call::Later;
use super::emit::Reg;
use super::function::{Binding, Gen, Slots};
use super::uses::first_operand;
use crate::bytecode::builtins::{self, PackedFormat};
use crate::bytecode::ops::Op;
use crate::bytecode::program::RegType;
use crate::bytecode::types::TypeId;
use crate::check::typed::*;
use crate::syntax::span::Span;
use crate::syntax::tree::{Align, Format, Radix};
use smallvec::smallvec;

/// Where a scalar is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// In any register that lasts: a variable's own, or a temporary.
    Any,
    /// In any register that lasts until the next instruction: the window, too.
    Brief,
    /// In that register, which may be written early: the expression can't read it.
    Fresh(Reg),
    /// In that register, which the expression may read: only the last instruction writes it.
    Into(Reg),
}

/// An array or grid that is read or written in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Elements {
    /// A register that owns or borrows it.
    Held(Reg),
    /// A view, from that register on.
    View(Reg),
}

/// How many links of a chain are compiled by recursion; longer ones are cut into pieces.
const LINKS: usize = 8;

impl<'a> Gen<'a, '_> {
    /// Cuts a long chain (`a + b + c + …`): evaluates its lower pieces, one after the other, so that what is left is short.
    fn cut(&mut self, e: ExprId) {
        let mut below = e;
        for _ in 0..LINKS {
            match self.link(below) {
                Some(first) => below = first,
                None => return,
            }
        }
        let mut chain = vec![e];
        while let Some(first) = self.link(*chain.last().expect("it has one")) {
            chain.push(first);
        }
        let mut previous: Option<Slots> = None;
        for piece in (1..chain.len() / LINKS).rev() {
            let node = chain[piece * LINKS];
            let ty = self.ty(node);
            let slots = self.temp_slots(ty);
            let mark = self.mark();
            self.into(node, &slots, true);
            self.release(mark);
            if let Some(previous) = previous.replace(slots.clone()) {
                self.release_below(&previous);
            }
            self.ready.insert(node, slots);
        }
    }

    /// What a chain goes on with below `e`. Chains of `&&` and `||` are compiled in a loop anyhow.
    fn link(&self, e: ExprId) -> Option<ExprId> {
        if matches!(self.typed[e].kind, ExprKind::Binary(BinaryOp::And | BinaryOp::Or, ..)) {
            return None;
        }
        first_operand(self.typed, e).filter(|first| !self.ready.contains_key(first))
    }

    /// Evaluates an expression of type Int, Float or Bool.
    pub fn scalar(&mut self, e: ExprId, want: Want) -> Reg {
        if let Some(slots) = self.ready.remove(&e) {
            return self.deliver(slots[0], self.ty(e), want);
        }
        self.cut(e);
        let expr = &self.typed[e];
        let ty = self.slot_type(expr.ty);
        match &expr.kind {
            ExprKind::Int(value) => self.literal(ty, *value as u64, want),
            ExprKind::Float(value) => self.literal(ty, value.to_bits(), want),
            ExprKind::Bool(value) => self.literal(ty, u64::from(*value), want),
            ExprKind::Local(local) => {
                let Binding::Slots(slots) = self.binding(*local) else { unreachable!("a scalar is never a view") };
                self.at(expr.span);
                self.deliver(slots[0], expr.ty, want)
            }
            ExprKind::Const(_) => unreachable!("scalar constants stand as literals"),
            ExprKind::Unary(op, a) => self.unary(e, *op, *a, want),
            ExprKind::Binary(BinaryOp::And | BinaryOp::Or, ..) => {
                let dest = self.early_dest(ty, want);
                self.bool_by_jumps(e, dest);
                self.late_dest(dest, expr.ty, want)
            }
            ExprKind::Binary(op, a, b) => self.binary(e, *op, *a, *b, want),
            ExprKind::Convert(a) => {
                let dest = self.dest(ty, want);
                let mark = self.mark();
                let op = match (self.ty(*a), expr.ty) {
                    (TypeId::INT, TypeId::FLOAT) => Op::IntToFloat,
                    (TypeId::FLOAT, TypeId::INT) => Op::FloatToInt,
                    (TypeId::BOOL, TypeId::INT) => Op::BoolToInt,
                    _ => Op::Move,
                };
                let operand = self.scalar(*a, Want::Brief);
                self.at(expr.span);
                self.out.emit(op, [dest.arg(), operand.arg()]);
                self.release(mark);
                dest
            }
            ExprKind::Field(..) | ExprKind::Index(..) | ExprKind::Index2(..) => self.load_scalar(e, want),
            ExprKind::Call { .. } => {
                if let Some(reg) = self.inline_call(e, want) {
                    return reg;
                }
                self.call(e);
                self.deliver(Reg::window(0), expr.ty, want)
            }
            ExprKind::Builtin { .. } => match self.inline_builtin(e, want) {
                Some(reg) => reg,
                None => {
                    self.call(e);
                    self.deliver(Reg::window(0), expr.ty, want)
                }
            },
            ExprKind::If { arms, otherwise } => {
                let dest = self.early_dest(ty, want);
                self.if_value(arms, otherwise.as_deref(), &smallvec![dest]);
                self.late_dest(dest, expr.ty, want)
            }
            ExprKind::Reduction { reduction, element, clause } => {
                let dest = self.early_dest(ty, want);
                self.reduction(e, *reduction, *element, clause, &smallvec![dest]);
                self.late_dest(dest, expr.ty, want)
            }
            _ => unreachable!("not an expression of scalar type"),
        }
    }

    /// A scalar that is in `reg` (a variable, a temporary, the window), where it is wanted.
    pub fn deliver(&mut self, reg: Reg, ty: TypeId, want: Want) -> Reg {
        match want {
            Want::Brief => reg,
            Want::Any if !reg.is_window() => reg,
            Want::Any => {
                let temp = self.temp(self.slot_type(ty));
                self.out.emit(Op::Move, [temp.arg(), reg.arg()]);
                temp
            }
            Want::Fresh(dest) | Want::Into(dest) => {
                if dest != reg {
                    self.out.emit(Op::Move, [dest.arg(), reg.arg()]);
                }
                dest
            }
        }
    }

    fn literal(&mut self, ty: RegType, bits: u64, want: Want) -> Reg {
        match want {
            Want::Any | Want::Brief => self.constant(ty, bits),
            Want::Fresh(dest) | Want::Into(dest) => {
                self.load_constant(dest, ty, bits);
                dest
            }
        }
    }

    /// The register that the last instruction of an expression writes.
    pub fn dest(&mut self, ty: RegType, want: Want) -> Reg {
        match want {
            Want::Any | Want::Brief => self.temp(ty),
            Want::Fresh(dest) | Want::Into(dest) => dest,
        }
    }

    /// A register that may be written before the whole expression has been read.
    fn early_dest(&mut self, ty: RegType, want: Want) -> Reg {
        match want {
            Want::Fresh(dest) if !dest.is_window() => dest,
            _ => self.temp(ty),
        }
    }

    fn late_dest(&mut self, early: Reg, ty: TypeId, want: Want) -> Reg {
        self.deliver(early, ty, want)
    }

    fn unary(&mut self, e: ExprId, op: UnaryOp, a: ExprId, want: Want) -> Reg {
        let expr = &self.typed[e];
        let op = match (op, expr.ty) {
            (UnaryOp::Neg, TypeId::FLOAT) => Op::NegF,
            (UnaryOp::Neg, _) => Op::NegI,
            (UnaryOp::Not, _) => Op::NotB,
            (UnaryOp::BitNot, _) => Op::Not,
        };
        let dest = self.dest(self.slot_type(expr.ty), want);
        let mark = self.mark();
        let operand = self.scalar(a, Want::Brief);
        self.at(expr.span);
        self.out.emit(op, [dest.arg(), operand.arg()]);
        self.release(mark);
        dest
    }

    /// Whether evaluating `e` emits at most a load of a constant.
    pub fn is_simple(&self, e: ExprId) -> bool {
        matches!(self.typed[e].kind, ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Local(_))
            && self.is_scalar(self.ty(e))
    }

    /// Evaluates `a` so that its value lasts while `b` is evaluated.
    pub fn first_of(&mut self, a: ExprId, b: ExprId, scratch: Option<Reg>) -> Reg {
        if self.is_simple(b) {
            return self.scalar(a, Want::Brief);
        }
        let variable = matches!(self.typed[a].kind, ExprKind::Local(_) | ExprKind::Field(..));
        if variable && self.memo.writes(b) {
            let copy = self.temp(self.slot_type(self.ty(a)));
            return self.scalar(a, Want::Fresh(copy));
        }
        match scratch {
            Some(scratch) if !variable && !self.is_simple(a) => self.scalar(a, Want::Fresh(scratch)),
            _ => self.scalar(a, Want::Any),
        }
    }

    fn binary(&mut self, e: ExprId, op: BinaryOp, a: ExprId, b: ExprId, want: Want) -> Reg {
        let expr = &self.typed[e];
        let operand_ty = self.ty(a);
        if !self.is_scalar(operand_ty) {
            let dest = self.dest(RegType::Bool, want);
            self.compare(e, op, a, b, dest);
            return dest;
        }
        let ty = self.slot_type(expr.ty);
        if let Some(reg) = self.binary_immediate(e, op, a, b, want) {
            return reg;
        }
        if operand_ty == TypeId::FLOAT
            && let Some(reg) = self.multiply_add(e, op, a, b, want)
        {
            return reg;
        }
        let (op, swap) = scalar_op(op, operand_ty == TypeId::FLOAT);
        let dest = self.dest(ty, want);
        let mark = self.mark();
        // The destination can hold the left operand, unless it is a variable, or of another type.
        let scratch = match want {
            Want::Into(_) => None,
            _ => (!dest.is_window() && operand_ty == expr.ty).then_some(dest),
        };
        let lhs = self.first_of(a, b, scratch);
        let rhs = self.scalar(b, Want::Brief);
        let (lhs, rhs) = if swap { (rhs, lhs) } else { (lhs, rhs) };
        self.at(expr.span);
        self.out.emit(op, [dest.arg(), lhs.arg(), rhs.arg()]);
        self.release(mark);
        dest
    }

    /// `x + a * b`, `a * b + x` and `x - a * b` of Floats.
    fn multiply_add(&mut self, e: ExprId, op: BinaryOp, a: ExprId, b: ExprId, want: Want) -> Option<Reg> {
        let factors = |e: ExprId| match self.typed[e].kind {
            ExprKind::Binary(BinaryOp::Mul, x, y) if !self.ready.contains_key(&e) => Some((x, y)),
            _ => None,
        };
        let (op, product_first, (x, y)) = match (op, factors(a), factors(b)) {
            (BinaryOp::Add, _, Some(product)) => (Op::MulAdd, false, product),
            (BinaryOp::Add, Some(product), None) => (Op::MulAdd, true, product),
            (BinaryOp::Sub, _, Some(product)) => (Op::MulSub, false, product),
            _ => return None,
        };
        let dest = self.dest(RegType::Float, want);
        let mark = self.mark();
        let scratch = match want {
            Want::Into(_) => None,
            _ => (!dest.is_window()).then_some(dest),
        };
        let (sum, x, y) = if product_first {
            let (lhs, rhs) = (self.first_of_all(x, &[y, b], scratch), self.first_of_all(y, &[b], None));
            (self.scalar(b, Want::Brief), lhs, rhs)
        } else {
            let sum = self.first_of_all(a, &[x, y], scratch);
            let lhs = self.first_of_all(x, &[y], None);
            (sum, lhs, self.scalar(y, Want::Brief))
        };
        self.at(self.typed[e].span);
        self.out.emit(op, [dest.arg(), sum.arg(), x.arg(), y.arg()]);
        self.release(mark);
        Some(dest)
    }

    /// Evaluates `a` so that its value lasts while `later` are evaluated.
    fn first_of_all(&mut self, a: ExprId, later: &[ExprId], scratch: Option<Reg>) -> Reg {
        let decisive = later.iter().copied().find(|&b| self.memo.writes(b));
        let decisive = decisive.or_else(|| later.iter().copied().find(|&b| !self.is_simple(b)));
        self.first_of(a, decisive.unwrap_or(later[0]), scratch)
    }

    /// An Int operator with a constant that fits into the instruction.
    fn binary_immediate(&mut self, e: ExprId, op: BinaryOp, a: ExprId, b: ExprId, want: Want) -> Option<Reg> {
        let int = |e: ExprId| match self.typed[e].kind {
            ExprKind::Int(value) => i16::try_from(value).ok().map(i64::from),
            _ => None,
        };
        let (operand, immediate) = match (op, int(a), int(b)) {
            (_, _, Some(k)) => (a, k),
            (BinaryOp::Add | BinaryOp::Mul | BinaryOp::BitAnd, Some(k), None) => (b, k),
            _ => return None,
        };
        let power = |k: i64| (k > 1 && k.count_ones() == 1).then(|| i64::from(k.trailing_zeros()));
        let (op, immediate) = match (op, immediate) {
            (BinaryOp::Add, k) => (Op::AddImm, k),
            (BinaryOp::Sub, k) if k != i64::from(i16::MIN) => (Op::AddImm, -k),
            (BinaryOp::Mul, k) => (Op::MulImm, k),
            (BinaryOp::Div, k) if power(k).is_some() => (Op::DivPow, power(k)?),
            (BinaryOp::Rem, k) if power(k).is_some() => (Op::RemPow, power(k)?),
            (BinaryOp::Div, k) if k != 0 && k != -1 => (Op::DivImm, k),
            (BinaryOp::Rem, k) if k != 0 && k != -1 => (Op::RemImm, k),
            (BinaryOp::BitAnd, k) => (Op::AndImm, k),
            (BinaryOp::Shl, k @ 0..=63) => (Op::ShlImm, k),
            (BinaryOp::Shr, k @ 0..=63) => (Op::ShrImm, k),
            _ => return None,
        };
        let dest = self.dest(RegType::Int, want);
        let mark = self.mark();
        let operand = self.scalar(operand, Want::Brief);
        self.at(self.typed[e].span);
        self.out.emit(op, [dest.arg(), operand.arg(), immediate]);
        self.release(mark);
        Some(dest)
    }

    /// Compares two values that are not scalars.
    fn compare(&mut self, e: ExprId, op: BinaryOp, a: ExprId, b: ExprId, dest: Reg) {
        let (relation, swap) = match op {
            BinaryOp::Eq => (0, false),
            BinaryOp::Ne => (1, false),
            BinaryOp::Lt => (2, false),
            BinaryOp::Le => (3, false),
            BinaryOp::Gt => (2, true),
            _ => (3, true),
        };
        let ty = self.ty(a);
        let mark = self.mark();
        let later = self.later(b);
        let (first, second) = (self.operand(a, later), self.operand(b, Later::NOTHING));
        let (first, second) = if swap { (second, first) } else { (first, second) };
        self.compare_operands(e, ty, &first, &second, relation, dest);
        self.release(mark);
    }

    /// Evaluates a value of any type into its slots: those of a variable or temporaries.
    pub fn slots(&mut self, e: ExprId) -> Slots {
        let ty = self.ty(e);
        if self.is_scalar(ty) {
            return smallvec![self.scalar(e, Want::Any)];
        }
        if let Some(slots) = self.ready.remove(&e) {
            return slots;
        }
        self.cut(e);
        match &self.typed[e].kind {
            ExprKind::Local(local) => {
                if let Binding::Slots(slots) = self.binding(*local) {
                    return slots;
                }
            }
            ExprKind::Field(..) => {
                if let Some(slots) = self.field_slots(e) {
                    return slots;
                }
            }
            ExprKind::Str(text) => return smallvec![self.text_constant(text)],
            _ => {}
        }
        let slots = self.temp_slots(ty);
        let mark = self.mark();
        self.into(e, &slots, true);
        self.release(mark);
        slots
    }

    /// A register that owns or borrows the Str, array or grid.
    pub fn held(&mut self, e: ExprId) -> Reg {
        self.slots(e)[0]
    }

    /// The array or grid, in place where it is a variable.
    pub fn elements(&mut self, e: ExprId) -> Elements {
        if let ExprKind::Local(local) = self.typed[e].kind
            && let Binding::View(reg) = self.binding(local)
        {
            return Elements::View(reg);
        }
        Elements::Held(self.held(e))
    }

    /// Puts an owned Str, array or grid into `dest`: moved if it is a temporary's or a variable's last use, else shared.
    fn take_over(&mut self, dest: Reg, source: Reg, last_use: bool) {
        if last_use || self.is_live_temp(source) {
            self.out.emit(Op::MoveRef, [dest.arg(), source.arg()]);
            self.moved(source);
        } else {
            self.out.emit(Op::Share, [dest.arg(), source.arg()]);
        }
        self.now_live(dest);
    }

    /// Copies slots, sharing what is owned (or moving it).
    pub fn copy_slots(&mut self, dests: &[Reg], sources: &[Reg], last_use: bool) {
        for (&dest, &source) in dests.iter().zip(sources) {
            if dest == source {
                continue;
            }
            match self.out.type_of(dest) {
                Some(RegType::Own(_)) => self.take_over(dest, source, last_use),
                _ => self.out.emit(Op::Move, [dest.arg(), source.arg()]),
            }
        }
    }

    /// Evaluates a value into `dests`, owned. `fresh`: they may be written before the whole expression has been read.
    pub fn into(&mut self, e: ExprId, dests: &Slots, fresh: bool) {
        let expr = &self.typed[e];
        if self.is_scalar(expr.ty) {
            let want = if fresh { Want::Fresh(dests[0]) } else { Want::Into(dests[0]) };
            self.scalar(e, want);
            return;
        }
        if let Some(slots) = self.ready.remove(&e) {
            return self.copy_slots(dests, &slots, false);
        }
        if !fresh && !self.writes_last(e) {
            let slots = self.temp_slots(expr.ty);
            let mark = self.mark();
            self.into(e, &slots, true);
            self.release(mark);
            return self.copy_slots(dests, &slots, false);
        }
        self.cut(e);
        match &expr.kind {
            ExprKind::Str(text) => {
                let index = self.pool.text(text);
                self.at(expr.span);
                self.load_constant(dests[0], RegType::Own(TypeId::STR), u64::from(index));
                self.now_live(dests[0]);
            }
            ExprKind::Const(index) => {
                self.at(expr.span);
                let slots = self.pool.constant(*index).to_vec();
                let leaves = self.types.leaves(expr.ty);
                for ((&dest, slot), &leaf) in dests.iter().zip(slots).zip(leaves) {
                    self.load_slot(dest, leaf, slot);
                }
            }
            ExprKind::Local(local) => {
                self.at(expr.span);
                match self.binding(*local) {
                    Binding::Slots(slots) => {
                        let last = self.is_last_use(e);
                        self.copy_slots(dests, &slots, last);
                    }
                    Binding::View(view) => {
                        self.out.emit(Op::Own, [dests[0].arg(), view.arg()]);
                        self.now_live(dests[0]);
                    }
                }
            }
            ExprKind::Binary(_, a, b) => self.join(e, *a, *b, dests[0]),
            ExprKind::Convert(a) => {
                if self.ty(*a) == TypeId::STR {
                    return self.into(*a, dests, fresh);
                }
                let index = self.pool.text("");
                self.at(expr.span);
                self.load_constant(dests[0], RegType::Own(TypeId::STR), u64::from(index));
                self.now_live(dests[0]);
                self.append_value(e, dests[0], *a, None);
            }
            ExprKind::Field(..) | ExprKind::Index(..) | ExprKind::Index2(..) => self.load_into(e, dests),
            ExprKind::Slice(..) | ExprKind::Slice2(..) => self.slice_into(e, dests[0]),
            ExprKind::Call { .. } => self.call_into(e, dests),
            ExprKind::Builtin { .. } => {
                if !self.inline_builtin_into(e, dests) {
                    self.call_into(e, dests);
                }
            }
            ExprKind::Struct(fields) => {
                for &(field, value) in fields.iter() {
                    let (first, ty) = self.types.field(expr.ty, field);
                    let part: Slots = dests[first..first + self.types.slots(ty)].into();
                    self.into(value, &part, true);
                }
            }
            ExprKind::Array(elements) => self.array_literal(e, elements, dests[0]),
            ExprKind::NewArray(count, fill) => self.new_array(e, *count, *fill, dests[0]),
            ExprKind::NewGrid(rows, cols, fill) => self.new_grid(e, *rows, *cols, *fill, dests[0]),
            ExprKind::Interpolation(pieces) => self.interpolation(e, pieces, dests[0]),
            ExprKind::If { arms, otherwise } => self.if_value(arms, otherwise.as_deref(), dests),
            ExprKind::Comprehension { element, clause } => self.comprehension(e, *element, clause, dests[0]),
            ExprKind::Reduction { reduction, element, clause } => {
                self.reduction(e, *reduction, *element, clause, dests);
            }
            _ => unreachable!("an expression of scalar type, or without a value"),
        }
    }

    /// Whether the expression writes its destination with its last instruction.
    fn writes_last(&self, e: ExprId) -> bool {
        let one = self.types.slots(self.ty(e)) == 1;
        match &self.typed[e].kind {
            ExprKind::Str(_) | ExprKind::Const(_) => true,
            // The results are taken when the call is over, but before its `inout` arguments are.
            ExprKind::Call { args, .. } => args.iter().all(|arg| matches!(arg, Arg::In(_))),
            ExprKind::Local(_) => one,
            ExprKind::Index(..) | ExprKind::Index2(..) | ExprKind::Field(..) => one,
            _ => false,
        }
    }

    /// `a + b` of Strs or arrays.
    fn join(&mut self, e: ExprId, a: ExprId, b: ExprId, dest: Reg) {
        self.into(a, &smallvec![dest], true);
        let mark = self.mark();
        let second = self.held(b);
        self.at(self.typed[e].span);
        self.out.emit(Op::Cat, [dest.arg(), second.arg()]);
        self.release(mark);
    }

    fn array_literal(&mut self, e: ExprId, elements: &[ExprId], dest: Reg) {
        let ty = self.ty(e);
        let element = self.types.element(ty).expect("an array's type");
        let mark = self.mark();
        let count = self.constant(RegType::Int, elements.len() as u64);
        self.at(self.typed[e].span);
        self.out.emit(Op::NewArray, [dest.arg(), count.arg(), i64::from(ty.0)]);
        self.now_live(dest);
        self.release(mark);
        for &value in elements {
            let mark = self.mark();
            self.push_value(self.typed[e].span, dest, element, value);
            self.release(mark);
        }
    }

    /// Adds the value of an expression to the owned array in `array`.
    pub fn push_value(&mut self, span: Span, array: Reg, element: TypeId, value: ExprId) {
        if self.is_scalar(element) {
            let reg = self.scalar(value, Want::Brief);
            self.at(span);
            self.out.emit(Op::Push, [array.arg(), reg.arg()]);
        } else if self.side_by_side(element) {
            let slots = self.temp_slots(element);
            self.into(value, &slots, true);
            self.at(span);
            self.out.emit(Op::Push, [array.arg(), slots[0].arg()]);
            self.moved(slots[0]);
        } else {
            let slots = self.slots(value);
            self.at(span);
            self.push_slots(array, element, &slots);
        }
    }

    /// Whether a value's slots lie side by side in registers: all scalars, or one slot.
    pub fn side_by_side(&self, ty: TypeId) -> bool {
        let leaves = self.types.leaves(ty);
        leaves.len() == 1 || (!leaves.is_empty() && leaves.iter().all(|&leaf| self.is_scalar(leaf)))
    }

    fn new_array(&mut self, e: ExprId, count: ExprId, fill: ExprId, dest: Reg) {
        let ty = self.ty(e);
        let element = self.types.element(ty).expect("an array's type");
        let mark = self.mark();
        let count = self.first_of(count, fill, None);
        if self.is_zero(fill) {
            self.at(self.typed[e].span);
            self.out.emit(Op::NewZeros, [dest.arg(), count.arg(), i64::from(ty.0), 0]);
            self.now_live(dest);
            return self.release(mark);
        }
        let value = self.slots_of_element(element, fill);
        self.at(self.typed[e].span);
        self.out.emit(Op::NewArray, [dest.arg(), count.arg(), i64::from(ty.0)]);
        self.now_live(dest);
        if self.side_by_side(element) {
            self.out.emit(Op::Fill, [dest.arg(), count.arg(), value[0].arg()]);
        } else {
            self.resize_with(dest, element, ty, count, &value);
        }
        self.release(mark);
    }

    /// Whether it is a constant that new arrays and grids hold from the beginning, which the system has ready.
    fn is_zero(&self, fill: ExprId) -> bool {
        match self.typed[fill].kind {
            ExprKind::Int(value) => value == 0,
            ExprKind::Float(value) => value.to_bits() == 0,
            ExprKind::Bool(value) => !value,
            _ => false,
        }
    }

    /// The slots of a value, side by side if its type lets them.
    fn slots_of_element(&mut self, element: TypeId, value: ExprId) -> Slots {
        if self.side_by_side(element) && self.types.slots(element) > 1 {
            let slots = self.temp_slots(element);
            self.into(value, &slots, true);
            slots
        } else {
            self.slots(value)
        }
    }

    fn new_grid(&mut self, e: ExprId, rows: ExprId, cols: ExprId, fill: ExprId, dest: Reg) {
        let ty = self.ty(e);
        let element = self.types.element(ty).expect("a grid's type");
        let mark = self.mark();
        let shape = self.temp_ints(2);
        self.scalar(rows, Want::Fresh(shape));
        self.scalar(cols, Want::Fresh(shape.plus(1)));
        let is_zero = self.is_zero(fill);
        let value = if is_zero { Slots::new() } else { self.slots_of_element(element, fill) };
        self.at(self.typed[e].span);
        self.out.emit(Op::NewGrid, [dest.arg(), shape.arg(), i64::from(ty.0)]);
        self.now_live(dest);
        if self.side_by_side(element) && !is_zero {
            self.out.emit(Op::FillGrid, [dest.arg(), value[0].arg()]);
        } else if !is_zero {
            self.fill_grid_with(dest, element, &value);
        }
        self.release(mark);
    }

    fn interpolation(&mut self, e: ExprId, pieces: &[Piece], dest: Reg) {
        let span = self.typed[e].span;
        let (first, rest) = match pieces.split_first() {
            Some((Piece::Text(text), rest)) => (self.pool.text(text), rest),
            _ => (self.pool.text(""), pieces),
        };
        self.at(span);
        self.load_constant(dest, RegType::Own(TypeId::STR), u64::from(first));
        self.now_live(dest);
        self.append_pieces(e, rest, dest);
    }

    /// Adds an interpolated string to the owned Str in `dest`, piece by piece.
    pub fn append_pieces(&mut self, e: ExprId, pieces: &[Piece], dest: Reg) {
        let span = self.typed[e].span;
        for piece in pieces {
            let mark = self.mark();
            match piece {
                Piece::Text(text) => {
                    let text = self.text_constant(text);
                    self.at(span);
                    self.out.emit(Op::Cat, [dest.arg(), text.arg()]);
                }
                Piece::Value(value, None) if self.ty(*value) == TypeId::STR => {
                    let text = self.held(*value);
                    self.at(span);
                    self.out.emit(Op::Cat, [dest.arg(), text.arg()]);
                }
                Piece::Value(value, format) => self.append_value(e, dest, *value, *format),
            }
            self.release(mark);
        }
    }

    /// Adds a printed value to the owned Str in `dest`.
    fn append_value(&mut self, e: ExprId, dest: Reg, value: ExprId, format: Option<Format>) {
        let mark = self.mark();
        let operand = self.operand(value, Later::NOTHING);
        let of = self.ty(value);
        self.at(self.typed[e].span);
        let width = self.operand_width(&operand, of);
        let name = match format {
            None => "__append",
            Some(format) => {
                let bits = pack(format).pack() as u64;
                self.load_constant(Reg::window(1 + width), RegType::Int, bits);
                "__append_format"
            }
        };
        let arity = 2 + usize::from(format.is_some());
        let builtin = builtins::find(name, arity).expect("it is in the table");
        self.out.need_window(2 + width);
        self.stage(1, &operand, of);
        self.out.emit(Op::MoveRef, [Reg::window(0).arg(), dest.arg()]);
        self.sys(builtin, of);
        self.out.emit(Op::MoveRef, [dest.arg(), Reg::window(0).arg()]);
        self.release(mark);
    }
}

fn pack(format: Format) -> PackedFormat {
    PackedFormat {
        align: match format.align {
            None => 0,
            Some(Align::Left) => 1,
            Some(Align::Center) => 2,
            Some(Align::Right) => 3,
        },
        zero: format.zero,
        radix: match format.radix {
            None => 0,
            Some(Radix::Hex) => 1,
            Some(Radix::Binary) => 2,
            Some(Radix::Exponent) => 3,
        },
        width: format.width.map(u32::from),
        precision: format.precision.map(u32::from),
    }
}

/// The instruction of an operator on scalars, and whether its operands change places.
pub fn scalar_op(op: BinaryOp, float: bool) -> (Op, bool) {
    use BinaryOp::*;
    let op = match (op, float) {
        (Add, false) => Op::AddI,
        (Sub, false) => Op::SubI,
        (Mul, false) => Op::MulI,
        (Div, false) => Op::DivI,
        (Rem, false) => Op::RemI,
        (WrapAdd, _) => Op::AddW,
        (WrapSub, _) => Op::SubW,
        (WrapMul, _) => Op::MulW,
        (BitAnd, _) => Op::And,
        (BitOr, _) => Op::Or,
        (BitXor, _) => Op::Xor,
        (Shl, _) => Op::Shl,
        (Shr, _) => Op::Shr,
        (Add, true) => Op::AddF,
        (Sub, true) => Op::SubF,
        (Mul, true) => Op::MulF,
        (Div, true) => Op::DivF,
        (Rem, true) => Op::RemF,
        (Eq, false) => Op::EqI,
        (Ne, false) => Op::NeI,
        (Lt, false) => Op::LtI,
        (Le, false) => Op::LeI,
        (Gt, false) => return (Op::LtI, true),
        (Ge, false) => return (Op::LeI, true),
        (Eq, true) => Op::EqF,
        (Ne, true) => Op::NeF,
        (Lt, true) => Op::LtF,
        (Le, true) => Op::LeF,
        (Gt, true) => return (Op::LtF, true),
        (Ge, true) => return (Op::LeF, true),
        (And | Or, _) => unreachable!("compiled as jumps"),
    };
    (op, false)
}

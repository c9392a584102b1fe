//! Values outside of frames: what a submission is passed and gives back, and how a host's values become those.
//!
//! Invariant: a [`Kept`] holds the slots of one value, and each of them that is a buffer an owner, never 0.

use std::collections::HashSet;
use std::slice;
use std::sync::Arc;

use smallvec::SmallVec;

use super::code::Code;
use super::interrupt::{Interrupt, Stop};
use super::layout::Layouts;
use super::memory::{Budget, Buffer, Heap, WRITTEN, buffer, data, is_unique, slot, view_tail};
use super::trap::Fault;
use super::value::{ValueRef, display};
use crate::bytecode::program::{Param, Passing};
use crate::bytecode::types::{Type, TypeId, TypeTable};

/// How deep values may be nested that a host takes or gives, since its own are walked by recursion.
const DEEPEST: usize = 100;

/// A value as a host sees it.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// No value: what a function without a result gives.
    Unit,
    /// An Int.
    Int(i64),
    /// A Float.
    Float(f64),
    /// A Bool.
    Bool(bool),
    /// A Str.
    Str(String),
    /// `[Int]`
    Ints(Vec<i64>),
    /// `[Float]`
    Floats(Vec<f64>),
    /// Any other array.
    Array(Vec<Value>),
    /// A grid: rows, columns, and its elements row by row, as an array.
    Grid(usize, usize, Box<Value>),
    /// The fields of a struct, in order.
    Struct(Vec<Value>),
}

/// Why a value did not go over.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TransferError {
    /// It is not of that type.
    #[error("it is not of type `{0}`")]
    Type(String),
    /// Its rows times its columns are not the number of its elements.
    #[error("a grid of {0} rows and {1} columns has not {2} elements")]
    Shape(usize, usize, usize),
    /// So many values were expected, and there are others.
    #[error("it is {1} values, not {0}")]
    Count(usize, usize),
    /// Arrays in arrays, too many of them.
    #[error("it is nested too deeply")]
    Depth,
    /// The memory limit.
    #[error("it does not fit into the memory limit")]
    Memory,
}

impl From<Stop> for TransferError {
    fn from(_: Stop) -> TransferError {
        TransferError::Memory
    }
}

/// A value that lies in no frame. Cloning it shares its buffers.
#[derive(Default, Debug)]
pub(crate) struct Kept {
    slots: SmallVec<[u64; 2]>,
    /// None if no slot is a buffer.
    owned: Option<Box<Owned>>,
}

/// The buffers of a value.
#[derive(Clone, Debug)]
struct Owned {
    /// The slots that they are.
    refs: SmallVec<[u16; 4]>,
    /// Whose memory they are.
    budget: Arc<Budget>,
}

// SAFETY: buffers are counted atomically, and one with several owners is never written.
unsafe impl Send for Kept {}
// SAFETY: as above; through a shared reference it is only read.
unsafe impl Sync for Kept {}

/// Arguments, by parameter.
#[derive(Default)]
pub(crate) struct Args {
    count: usize,
    /// The slots of those without buffers, one after the other.
    slots: SmallVec<[u64; 3]>,
    /// The others.
    owned: Option<Box<Lent>>,
}
/// What lives for as long as a call runs, by parameter; those after the last of them are left out.
pub(super) type Lent = Vec<Option<Kept>>;

/// Puts what there is for a parameter where it belongs.
fn put(kept: Option<Kept>, param: usize, to: &mut Lent) {
    if kept.is_some() {
        to.resize_with(param, || None);
        to.push(kept);
    }
}

impl Args {
    /// One more.
    pub(crate) fn push(&mut self, arg: Kept) {
        if arg.owned.is_some() {
            put(Some(arg), self.count, self.owned.get_or_insert_default());
        } else {
            self.slots.extend_from_slice(&arg.slots);
        }
        self.count += 1;
    }

    /// One more, if it takes no memory: the value of type `ty` that is `value`.
    #[inline]
    pub(crate) fn push_scalar(&mut self, types: &TypeTable, ty: TypeId, value: &Value) -> bool {
        let slot = match (types.get(ty), value) {
            (Type::Int, &Value::Int(int)) => int as u64,
            (Type::Float, &Value::Float(float)) => float.to_bits(),
            (Type::Bool, &Value::Bool(truth)) => u64::from(truth),
            _ => return false,
        };
        self.slots.push(slot);
        self.count += 1;
        true
    }

    /// All of them, if they are scalars, and few.
    #[inline]
    pub(super) fn scalars(&self) -> Option<&[u64]> {
        (self.owned.is_none() && !self.slots.spilled()).then_some(&self.slots)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

/// A way to memory for a moment.
fn heap(budget: &Arc<Budget>) -> Heap {
    Heap::new(budget.clone(), Interrupt::new())
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(owned) = self.owned.take() {
            let mut heap = heap(&owned.budget);
            for &at in &owned.refs {
                // SAFETY: the invariant.
                unsafe { heap.release(buffer(self.slots[usize::from(at)])) };
            }
        }
    }
}

impl Clone for Kept {
    fn clone(&self) -> Kept {
        for &at in self.owned.iter().flat_map(|owned| &owned.refs) {
            // SAFETY: the invariant.
            unsafe { Heap::share(buffer(self.slots[usize::from(at)])) };
        }
        Kept { slots: SmallVec::from_slice(&self.slots), owned: self.owned.clone() }
    }
}

impl Kept {
    /// # Safety
    /// The slots are a value of type `ty`, whose owners are given up.
    unsafe fn new(types: &TypeTable, ty: TypeId, slots: &[u64], budget: &Arc<Budget>) -> Kept {
        let leaves = types.leaves(ty);
        let owned = leaves.iter().any(|&leaf| types.is_ref(leaf)).then(|| {
            let is_ref = |&(_, &leaf): &(u16, &TypeId)| types.is_ref(leaf);
            let refs = (0..).zip(leaves).filter(is_ref).map(|(at, _)| at).collect();
            Box::new(Owned { refs, budget: budget.clone() })
        });
        Kept { slots: SmallVec::from_slice(slots), owned }
    }

    /// The value of type `ty` that is `value`, in that memory.
    ///
    /// # Errors
    /// It is of another type, too deep, or too large.
    pub(crate) fn of(code: &Code, ty: TypeId, value: &Value, budget: &Arc<Budget>) -> Result<Kept, TransferError> {
        let types = &code.program().types;
        let mut maker = Maker { types, layouts: &code.layouts, heap: heap(budget) };
        let mut slots = Slots::new();
        maker.check(ty, value, 0)?;
        maker.add(ty, value, &mut slots)?;
        // SAFETY: `add` has made it.
        Ok(unsafe { Kept::new(types, ty, &slots, budget) })
    }

    /// The value, which is of type `ty`.
    ///
    /// # Errors
    /// It is nested too deeply.
    pub(crate) fn value(&self, types: &TypeTable, ty: TypeId) -> Result<Value, TransferError> {
        // SAFETY: the caller made it with that type, and it lives as long as it is read.
        read(types, ty, unsafe { ValueRef::of_slots(ty, &self.slots) }, 0)
    }

    /// The value as it is printed inside others.
    ///
    /// # Errors
    /// What `out` says.
    pub(crate) fn show(
        &self,
        types: &TypeTable,
        ty: TypeId,
        out: &mut dyn FnMut(&str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // SAFETY: as in `value`.
        display(types, unsafe { ValueRef::of_slots(ty, &self.slots) }, out)
    }

    /// Puts copies in the place of constants, which live as long as their program only: for a value that goes on to another.
    ///
    /// # Errors
    /// The memory limit.
    pub(crate) fn leave_program(&mut self) -> Result<(), Stop> {
        let Kept { slots, owned: Some(owned) } = self else { return Ok(()) };
        let mut heap = heap(&owned.budget);
        // Shared buffers may be reached on many ways.
        let (mut left, mut shared): (Vec<*mut Buffer>, HashSet<*mut Buffer>) = Default::default();
        // SAFETY: slots that own, each visited while nobody else has the value. What others share with it has no constants in it, since
        // it came here this way; so it is not written.
        unsafe {
            let mut visit = |place: *mut u64, left: &mut Vec<*mut Buffer>| -> Result<(), Stop> {
                let held = buffer(*place);
                if held.is_null() || ((*held).is_immortal() && *place == (*held).layout().empty()) {
                    return Ok(());
                }
                let held = if (*held).is_immortal() { heap.make_unique(place)? } else { held };
                if (*held).holds_buffers() && (is_unique(held) || shared.insert(held)) {
                    left.push(held);
                }
                Ok(())
            };
            for &at in &owned.refs {
                visit(&raw mut slots[usize::from(at)], &mut left)?;
            }
            while let Some(held) = left.pop() {
                let layout = (*held).layout();
                for element in 0..(*held).len as usize {
                    for &at in &layout.refs {
                        visit(data(held).add(element * layout.stride as usize + usize::from(at)), &mut left)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts arguments where the parameters lie, from `window` on, and leaves nothing of them; what has to live until the call has returned is
    /// given back.
    ///
    /// # Errors
    /// The memory limit.
    ///
    /// # Safety
    /// `window` has room for the parameters; the arguments are values of their types.
    pub(super) unsafe fn pass(
        types: &TypeTable,
        params: &[Param],
        args: &mut Args,
        window: *mut u64,
    ) -> Result<Lent, Stop> {
        let Some(owned) = args.owned.take() else {
            // SAFETY: the caller's.
            unsafe { window.copy_from_nonoverlapping(args.slots.as_ptr(), args.slots.len()) };
            return Ok(Lent::new());
        };
        // What can fail comes first: nothing has been moved then.
        let mut owned = *owned;
        for (param, arg) in params.iter().zip(&mut owned) {
            if param.passing == Passing::InoutView
                && let Some(arg) = arg
                && let Some(owned) = &arg.owned
            {
                // SAFETY: the slot holds an owner.
                unsafe { heap(&owned.budget).make_unique(&raw mut arg.slots[0]) }?;
            }
        }
        let mut at = window;
        let (mut slots, mut lent) = (args.slots.as_slice(), Lent::new());
        for (index, param) in params.iter().enumerate() {
            let Some(mut arg) = owned.get_mut(index).and_then(Option::take) else {
                let (own, others) = slots.split_at(types.slots(param.ty));
                // SAFETY: the caller's.
                unsafe {
                    at.copy_from_nonoverlapping(own.as_ptr(), own.len());
                    at = at.add(own.len());
                }
                slots = others;
                continue;
            };
            // SAFETY: the caller's. A view is of a live buffer, which is kept; one to write through has no other owner.
            unsafe {
                match param.passing {
                    Passing::In | Passing::Inout => {
                        at.copy_from_nonoverlapping(arg.slots.as_ptr(), arg.slots.len());
                        at = at.add(arg.slots.len());
                        if param.passing == Passing::Inout {
                            // Moved in.
                            arg.owned = None;
                        }
                    }
                    Passing::View | Passing::InoutView => {
                        let held: *mut Buffer = buffer(arg.slots[0]);
                        let mark = if param.passing == Passing::InoutView { WRITTEN } else { 0 };
                        let (first, tail) = (data(held).expose_provenance() as u64, view_tail(held, mark));
                        let words: &[u64] = match types.get(param.ty) {
                            Type::Grid(_) => &[first, (*held).rows, (*held).cols, (*held).cols, tail],
                            _ => &[first, (*held).len, tail],
                        };
                        at.copy_from_nonoverlapping(words.as_ptr(), words.len());
                        at = at.add(words.len());
                    }
                }
            }
            put(arg.owned.is_some().then_some(arg), index, &mut lent);
        }
        Ok(lent)
    }
}

/// What a call gave.
pub(crate) struct Returned {
    /// Its result.
    pub(crate) result: Kept,
    /// What is in each `inout` parameter then.
    pub(crate) params: Lent,
}

impl Returned {
    /// A result of scalars, and nothing else.
    pub(super) fn of_scalars(slots: &[u64]) -> Returned {
        Returned { result: Kept { slots: SmallVec::from_slice(slots), owned: None }, params: Lent::new() }
    }

    /// Takes it from where results and parameters lie.
    ///
    /// # Safety
    /// A call of the function has returned there, with `kept` from [`Kept::pass`]; nobody takes it again.
    pub(super) unsafe fn collect(
        code: &Code,
        function: u32,
        args: *mut u64,
        kept: Lent,
        budget: &Arc<Budget>,
    ) -> Returned {
        let program = code.program();
        let (types, function) = (&program.types, &program.functions[function as usize]);
        // SAFETY: the caller's.
        unsafe {
            let results = types.slots(function.result);
            let result = Kept::new(types, function.result, slice::from_raw_parts(args, results), budget);
            let mut at = results;
            let (mut kept, mut params) = (kept.into_iter(), Lent::new());
            for (index, param) in function.params.iter().enumerate() {
                let (kept, first) = (kept.next().flatten(), at);
                at += match param.passing {
                    Passing::In | Passing::Inout => types.slots(param.ty),
                    Passing::View | Passing::InoutView => param.registers(types).len(),
                };
                let gives = match param.passing {
                    Passing::In | Passing::View => None,
                    Passing::InoutView => kept,
                    Passing::Inout => {
                        Some(Kept::new(types, param.ty, slice::from_raw_parts(args.add(first), at - first), budget))
                    }
                };
                put(gives, index, &mut params);
            }
            Returned { params, result }
        }
    }
}

type Slots = SmallVec<[u64; 8]>;

/// Makes values of a program from those of a host.
struct Maker<'c> {
    types: &'c TypeTable,
    layouts: &'c Layouts,
    heap: Heap,
}

impl Maker<'_> {
    fn wrong(&self, ty: TypeId) -> TransferError {
        TransferError::Type(self.types.name(ty))
    }

    /// Whether it is a value of that type.
    fn check(&self, ty: TypeId, value: &Value, depth: usize) -> Result<(), TransferError> {
        if depth > DEEPEST {
            return Err(TransferError::Depth);
        }
        match (self.types.get(ty), value) {
            (Type::Int, Value::Int(_))
            | (Type::Float, Value::Float(_))
            | (Type::Bool, Value::Bool(_))
            | (Type::Str, Value::Str(_))
            | (Type::Unit, Value::Unit) => Ok(()),
            (&Type::Array(element), value) => self.check_elements(ty, element, value, depth).map(|_| ()),
            (&Type::Grid(element), &Value::Grid(rows, cols, ref cells)) => {
                let count = self.check_elements(ty, element, cells, depth)?;
                if rows.checked_mul(cols) != Some(count) {
                    return Err(TransferError::Shape(rows, cols, count));
                }
                Ok(())
            }
            (&Type::Struct(index), Value::Struct(values)) => {
                let fields = &self.types.structs[index as usize].fields;
                if fields.len() != values.len() {
                    return Err(self.wrong(ty));
                }
                fields.iter().zip(values).try_for_each(|(&(_, ty), value)| self.check(ty, value, depth + 1))
            }
            _ => Err(self.wrong(ty)),
        }
    }

    /// How many elements there are, which are of that type.
    fn check_elements(&self, ty: TypeId, element: TypeId, value: &Value, depth: usize) -> Result<usize, TransferError> {
        match value {
            Value::Ints(ints) if element == TypeId::INT => Ok(ints.len()),
            Value::Floats(floats) if element == TypeId::FLOAT => Ok(floats.len()),
            Value::Array(values) => {
                values.iter().try_for_each(|value| self.check(element, value, depth + 1))?;
                Ok(values.len())
            }
            _ => Err(self.wrong(ty)),
        }
    }

    /// Adds the slots of a value that has been checked.
    fn add(&mut self, ty: TypeId, value: &Value, to: &mut Slots) -> Result<(), Stop> {
        match value {
            Value::Unit => {}
            Value::Int(int) => to.push(*int as u64),
            Value::Float(float) => to.push(float.to_bits()),
            Value::Bool(truth) => to.push(u64::from(*truth)),
            Value::Str(text) => to.push(slot(self.heap.text(text)?)),
            Value::Ints(_) | Value::Floats(_) | Value::Array(_) => to.push(slot(self.array(ty, value)?)),
            Value::Grid(rows, cols, cells) => {
                let grid = self.array(ty, cells)?;
                // SAFETY: made just now; the shape has been checked.
                unsafe { ((*grid).rows, (*grid).cols) = (*rows as u64, *cols as u64) };
                to.push(slot(grid));
            }
            Value::Struct(values) => {
                for (field, value) in values.iter().enumerate() {
                    let (_, field) = self.types.field(ty, field);
                    self.add(field, value, to)?;
                }
            }
        }
        Ok(())
    }

    /// A new buffer of type `ty` with these elements, of one owner.
    fn array(&mut self, ty: TypeId, value: &Value) -> Result<*mut Buffer, Stop> {
        let layout = self.layouts.get(ty);
        let element = self.types.element(ty).expect("it was checked");
        let count = match value {
            Value::Ints(ints) => ints.len(),
            Value::Floats(floats) => floats.len(),
            Value::Array(values) => values.len(),
            _ => unreachable!("it was checked"),
        };
        let array = self.heap.new_room(layout, count as u64)?;
        // SAFETY: fresh, with room for all; `len` elements are there at any time.
        unsafe {
            match value {
                Value::Ints(ints) => {
                    data(array).copy_from_nonoverlapping(ints.as_ptr().cast(), count);
                    (*array).len = count as u64;
                }
                Value::Floats(floats) => {
                    data(array).copy_from_nonoverlapping(floats.as_ptr().cast(), count);
                    (*array).len = count as u64;
                }
                Value::Array(values) => {
                    for value in values {
                        let mut slots = Slots::new();
                        if let Err(stop) = self.add(element, value, &mut slots) {
                            self.give_up(element, &slots);
                            self.heap.release(array);
                            return Err(stop);
                        }
                        let end = data(array).add(((*array).len * u64::from(layout.stride)) as usize);
                        end.copy_from_nonoverlapping(slots.as_ptr(), slots.len());
                        (*array).len += 1;
                    }
                }
                _ => unreachable!("it was checked"),
            }
        }
        Ok(array)
    }

    /// Drops the first slots of a value of type `ty`.
    fn give_up(&mut self, ty: TypeId, slots: &[u64]) {
        for (&slot, &leaf) in slots.iter().zip(self.types.leaves(ty)) {
            if self.types.is_ref(leaf) {
                // SAFETY: `add` has made it, and nobody has it.
                unsafe { self.heap.release(buffer(slot)) };
            }
        }
    }
}

/// A host's value of what is there.
fn read(types: &TypeTable, ty: TypeId, value: ValueRef<'_>, depth: usize) -> Result<Value, TransferError> {
    if depth > DEEPEST {
        return Err(TransferError::Depth);
    }
    Ok(match *types.get(ty) {
        Type::Unit | Type::Never => Value::Unit,
        Type::Int => Value::Int(value.int()),
        Type::Float => Value::Float(value.float()),
        Type::Bool => Value::Bool(value.bool()),
        Type::Str => Value::Str(value.text().to_owned()),
        Type::Array(element) | Type::Grid(element) => {
            let elements = value.elements(types).expect("it is an array or a grid");
            let (rows, cols) = (elements.rows(), elements.cols());
            let whole = elements.as_one_row();
            let cells = match element {
                TypeId::INT => Value::Ints(whole.ints().to_vec()),
                TypeId::FLOAT => Value::Floats(whole.floats().to_vec()),
                _ => {
                    let each = (0..whole.len()).map(|at| read(types, element, whole.get(at), depth + 1));
                    Value::Array(each.collect::<Result<_, _>>()?)
                }
            };
            if matches!(types.get(ty), Type::Grid(_)) { Value::Grid(rows, cols, Box::new(cells)) } else { cells }
        }
        Type::Struct(index) => {
            let slots = value.slots().expect("a struct is its slots");
            let fields = types.structs[index as usize].fields.iter().enumerate().map(|(number, &(_, field))| {
                let (first, _) = types.field(ty, number);
                // SAFETY: the slots of a field of a live struct.
                let part = unsafe { ValueRef::of_slots(field, &slots[first..first + types.slots(field)]) };
                read(types, field, part, depth + 1)
            });
            Value::Struct(fields.collect::<Result<_, _>>()?)
        }
    })
}

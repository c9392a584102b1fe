//! What a built-in function sees of the machine: its arguments, its results, memory, and the world outside.
//!
//! A host function is safe code. It reads arguments as typed references, and makes results in place: what it has begun when
//! it fails is dropped by the machine. A place of the wrong type is a mistake in the host, and panics.
//!
//! Invariant: window slots that own (results, `inout` parameters) hold 0 or an owner at any moment.

use std::cmp::Ordering;
use std::slice;

use smallvec::SmallVec;

use super::code::{Code, Passed, ViewParam, only_if_they_may_meet, view_param};
use super::interrupt::Interrupt;
use super::layout::{Layout, Layouts};
use super::memory::{Buffer, Heap, POLL_EVERY, buffer, data, is_unique, slot};
use super::trap::Fault;
use super::value::{Elements, Relation, ValueRef, compare, display};
use super::view::{ElementsMut, append_fill, own_view, view};
use crate::bytecode::builtins::{BUILTINS, Mode, Pattern};
use crate::bytecode::effects::Effects;
use crate::bytecode::program::{Param, Passing, RegType, slot_registers};
use crate::bytecode::types::{Type, TypeId, TypeTable};

/// A built-in of the host.
pub type HostFn = for<'a> fn(&mut HostCall<'a>) -> Result<(), Fault>;

/// The host's functions, by index into [`BUILTINS`]; `None` where the compiler has instructions.
pub type HostTable = [Option<HostFn>; BUILTINS.len()];

/// Where output goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// The world outside a run. The machine does no input or output by itself. By default there is nothing but a place for output: what a
/// program may not use traps with `TrapCode::NotPermitted`.
pub trait World: Send {
    /// Writes all of it, perhaps later. Fails with `Stop::OutputClosed` or `Stop::OutputFailed`.
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault>;
    /// The program's arguments.
    fn args(&mut self) -> Result<Vec<String>, Fault> {
        Err(Fault::not_permitted("the program's arguments"))
    }
    /// The next line of standard input with its end, if it has one; `None` at the end of input. A line longer than `limit`
    /// fails with `Stop::Memory`. What can't be read traps.
    fn read_line(&mut self, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
        let _ = limit;
        Ok(None)
    }
    /// The bytes of a file, with `limit` as for lines.
    fn read_file(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        let _ = limit;
        Err(Fault::not_permitted(format!("to read `{path}`")))
    }
    /// Whether there is a file or folder.
    fn file_exists(&mut self, path: &str) -> Result<bool, Fault> {
        Err(Fault::not_permitted(format!("to read `{path}`")))
    }
    /// Writes a file, whole or not at all.
    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        let _ = bytes;
        Err(Fault::not_permitted(format!("to write `{path}`")))
    }
    /// Adds to the end of a file, made if it is not there.
    fn append_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        let _ = bytes;
        Err(Fault::not_permitted(format!("to write `{path}`")))
    }
    /// Seconds of a monotonic clock.
    fn clock(&mut self) -> Result<f64, Fault> {
        Err(Fault::not_permitted("the clock"))
    }
}

/// What is printed is lost, and there is nothing else.
pub(crate) struct Nowhere;

impl World for Nowhere {
    fn write(&mut self, _: Stream, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }
}

/// A world that is lent for a while.
pub(super) struct Lent(*mut (dyn World + 'static));

// SAFETY: a world is `Send`, and the pointer is the only way to it.
unsafe impl Send for Lent {}

impl Lent {
    /// # Safety
    /// It is used while `world` lives and nobody else uses it.
    pub(super) unsafe fn new(world: &mut dyn World) -> Box<Lent> {
        let world: *mut (dyn World + '_) = world;
        // SAFETY: only the lifetime changes, and the caller answers for it.
        Box::new(Lent(unsafe { std::mem::transmute::<*mut (dyn World + '_), *mut (dyn World + 'static)>(world) }))
    }

    fn world(&mut self) -> &mut (dyn World + 'static) {
        // SAFETY: the promise of `new`.
        unsafe { &mut *self.0 }
    }
}

impl World for Lent {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        self.world().write(stream, bytes)
    }
    fn args(&mut self) -> Result<Vec<String>, Fault> {
        self.world().args()
    }
    fn read_line(&mut self, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.world().read_line(limit)
    }
    fn read_file(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        self.world().read_file(path, limit)
    }
    fn file_exists(&mut self, path: &str) -> Result<bool, Fault> {
        self.world().file_exists(path)
    }
    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.world().write_file(path, bytes)
    }
    fn append_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.world().append_file(path, bytes)
    }
    fn clock(&mut self) -> Result<f64, Fault> {
        self.world().clock()
    }
}

/// What a host function may write to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Its result.
    Result,
    /// A parameter that is `Inout` or `InoutView`.
    Param(usize),
}

/// Where a built-in's results and parameters lie in the window, for one binding of its type variable.
#[derive(Debug)]
pub(crate) struct SysLayout {
    pub(crate) builtin: u16,
    of: TypeId,
    result: TypeId,
    params: SmallVec<[(Param, u16); 4]>,
    /// The window slots that own, and the type of each: results first.
    pub(crate) owned: Box<[(u16, TypeId)]>,
    /// How many of `owned` are results.
    pub(crate) owned_results: usize,
    /// What it does besides.
    pub(crate) effects: Effects,
    /// It waits until all older work has retired.
    pub(crate) waits: bool,
    /// What it is passed besides scalars.
    pub(super) passed: Box<[Passed]>,
    /// Its views, if they must not overlap.
    pub(super) views: Box<[ViewParam]>,
}

impl SysLayout {
    /// Whether all that it leaves are its results.
    pub(super) fn only_reads(&self) -> bool {
        let reads = |&(param, _): &(Param, u16)| !matches!(param.passing, Passing::Inout | Passing::InoutView);
        self.effects == Effects::NONE && self.params.iter().all(reads)
    }

    /// The layout for built-in `builtin` where `T` or `N` is `of`; `None` if the program has no such types.
    pub(crate) fn new(types: &TypeTable, builtin: u16, of: TypeId) -> Option<SysLayout> {
        let info = BUILTINS.get(usize::from(builtin))?;
        let resolve = |pattern| resolve(types, pattern, of);
        let result = resolve(info.result)?;
        let owned_of = |registers: &[RegType], from: usize| -> Vec<(u16, TypeId)> {
            let own = |(at, reg): (usize, &RegType)| match *reg {
                RegType::Own(ty) => Some(((from + at) as u16, ty)),
                _ => None,
            };
            registers.iter().enumerate().filter_map(own).collect()
        };
        let mut owned = owned_of(&slot_registers(types, result, RegType::Own), 0);
        let owned_results = owned.len();
        let mut at = types.slots(result);
        let mut params: SmallVec<[(Param, u16); 4]> = SmallVec::new();
        for &(_, mode, pattern) in info.params {
            let ty = resolve(pattern)?;
            let passing = match mode {
                Mode::Inout => Passing::Inout,
                Mode::InoutView => Passing::InoutView,
                Mode::In if matches!(types.get(ty), Type::Array(_) | Type::Grid(_)) => Passing::View,
                Mode::In => Passing::In,
            };
            let param = Param { ty, passing };
            let registers = param.registers(types);
            owned.extend(owned_of(&registers, at));
            params.push((param, at as u16));
            at += registers.len();
        }
        // A slice may be assigned to one that it overlaps: the elements are moved as `memmove` does.
        let views = match info.name {
            "__assign" => Box::default(),
            _ => only_if_they_may_meet(
                params.iter().filter_map(|&(param, at)| view_param(types, param, usize::from(at))).collect(),
            ),
        };
        let passed = params
            .iter()
            .flat_map(|&(param, at)| (at..).zip(param.registers(types)))
            .filter_map(|(at, register)| Passed::of(types, at, register))
            .collect();
        let effects = info.effects;
        Some(SysLayout {
            builtin,
            of,
            result,
            params,
            owned: owned.into(),
            owned_results,
            effects,
            waits: effects.meets(Effects::IRREVOCABLE),
            passed,
            views,
        })
    }
}

/// The type that a built-in's signature means, if the program has it.
fn resolve(types: &TypeTable, pattern: Pattern, of: TypeId) -> Option<TypeId> {
    let array = |element| types.find(&Type::Array(element));
    match pattern {
        Pattern::Unit => Some(TypeId::UNIT),
        Pattern::Never => Some(TypeId::NEVER),
        Pattern::Int => Some(TypeId::INT),
        Pattern::Float => Some(TypeId::FLOAT),
        Pattern::Bool => Some(TypeId::BOOL),
        Pattern::Str => Some(TypeId::STR),
        Pattern::T | Pattern::N => Some(of),
        Pattern::Ints => array(TypeId::INT),
        Pattern::Strs => array(TypeId::STR),
        Pattern::ArrayT => array(of),
        Pattern::GridT => types.find(&Type::Grid(of)),
        Pattern::GridInt => types.find(&Type::Grid(TypeId::INT)),
        Pattern::Rng => {
            let index = types.structs.iter().position(|s| s.name == "Rng")?;
            types.find(&Type::Struct(index as u32))
        }
    }
}

/// One call of a host function.
pub struct HostCall<'a> {
    window: *mut u64,
    layout: &'a SysLayout,
    heap: &'a mut Heap,
    types: &'a TypeTable,
    layouts: &'a Layouts,
    interrupt: &'a Interrupt,
    world: &'a mut (dyn World + 'a),
}

/// An owned value on its way into an array.
type Slots = SmallVec<[u64; 8]>;

impl<'a> HostCall<'a> {
    /// # Safety
    /// The window holds the arguments as `layout` says, live for `'a`, with results 0; `layout` belongs to `code`.
    pub(crate) unsafe fn new(
        window: *mut u64,
        layout: &'a SysLayout,
        heap: &'a mut Heap,
        code: &'a Code,
        interrupt: &'a Interrupt,
        world: &'a mut (dyn World + 'a),
    ) -> HostCall<'a> {
        let (types, layouts) = (&code.program().types, &code.layouts);
        HostCall { window, layout, heap, types, layouts, interrupt, world }
    }

    /// The program's types.
    pub fn types(&self) -> &'a TypeTable {
        self.types
    }

    /// What `T` or `N` is in this call.
    pub fn of(&self) -> TypeId {
        self.layout.of
    }

    /// The world outside.
    pub fn world(&mut self) -> &mut (dyn World + 'a) {
        self.world
    }

    /// To poll while something else is borrowed from `self`.
    pub fn interrupt(&self) -> &'a Interrupt {
        self.interrupt
    }

    /// Whether the run shall stop; asked every few thousand steps by whoever walks data.
    pub fn poll(&self) -> Result<(), Fault> {
        Ok(self.interrupt.check()?)
    }

    /// Fails if so many bytes more would pass the memory limit: asked before the host takes memory of its own.
    pub fn check_room(&self, bytes: u64) -> Result<(), Fault> {
        self.heap.budget().take(bytes)?;
        self.heap.budget().give_back(bytes);
        Ok(())
    }

    /// The bytes left under the memory limit.
    pub fn memory_left(&self) -> u64 {
        self.heap.budget().left()
    }

    fn param(&self, index: usize) -> (Param, *mut u64) {
        let (param, at) = self.layout.params[index];
        // SAFETY: the layout's slots are in the window.
        (param, unsafe { self.window.add(usize::from(at)) })
    }

    fn scalar(&self, index: usize, ty: TypeId) -> u64 {
        let (param, at) = self.param(index);
        assert!(self.types.leaves(param.ty) == [ty], "a parameter of another type");
        // SAFETY: the parameter takes one slot.
        unsafe { *at }
    }

    /// Parameter `index`, an Int (or a struct of one). Panics if it is something else; so do all that follow.
    pub fn int(&self, index: usize) -> i64 {
        self.scalar(index, TypeId::INT) as i64
    }

    /// A Float parameter.
    pub fn float(&self, index: usize) -> f64 {
        f64::from_bits(self.scalar(index, TypeId::FLOAT))
    }

    /// A Bool parameter.
    pub fn bool(&self, index: usize) -> bool {
        self.scalar(index, TypeId::BOOL) != 0
    }

    /// A Str parameter that is read.
    pub fn text(&self, index: usize) -> &'a str {
        assert!(self.param(index).0.passing == Passing::In, "a Str that may be written");
        self.value(index).text()
    }

    /// A parameter that is read, whatever it is.
    pub fn value(&self, index: usize) -> ValueRef<'a> {
        let (param, at) = self.param(index);
        match param.passing {
            // SAFETY: a parameter that is read is borrowed, and so lives and stays as it is for the whole call.
            Passing::In => unsafe {
                let slots = self.types.slots(param.ty);
                ValueRef::of_slots(param.ty, slice::from_raw_parts(at, slots))
            },
            // SAFETY: as above; no `inout` parameter overlaps it, by the check before the call.
            Passing::View => unsafe { ValueRef::of_elements(view(self.types, param.ty, at)) },
            Passing::Inout | Passing::InoutView => panic!("a parameter that may be written"),
        }
    }

    /// An array or grid parameter that is read.
    pub fn elements(&self, index: usize) -> Elements<'a> {
        self.value(index).elements(self.types).expect("an array or a grid")
    }

    /// Compares two values of one type, polling.
    pub fn compare(&self, a: ValueRef<'a>, b: ValueRef<'a>, relation: Relation) -> Result<Option<Ordering>, Fault> {
        let interrupt = self.interrupt;
        Ok(compare(self.types, a, b, relation, &mut || interrupt.check())?)
    }

    /// Prints `value` to a stream, polling.
    pub fn print(&mut self, stream: Stream, value: ValueRef<'a>) -> Result<(), Fault> {
        let interrupt = self.interrupt;
        let world = &mut *self.world;
        display(self.types, value, &mut |text| {
            interrupt.check()?;
            world.write(stream, text.as_bytes())
        })
    }

    /// The type of a place, and its first slot.
    fn place(&mut self, place: Place) -> (TypeId, *mut u64) {
        match place {
            Place::Result => (self.layout.result, self.window),
            Place::Param(index) => {
                let (param, at) = self.param(index);
                assert!(matches!(param.passing, Passing::Inout | Passing::InoutView), "a parameter that is only read");
                (param.ty, at)
            }
        }
    }

    fn set_scalar(&mut self, place: Place, ty: TypeId, bits: u64) {
        let (of, at) = self.place(place);
        assert!(self.types.leaves(of) == [ty], "a place of another type");
        // SAFETY: the place takes one slot, which is a scalar.
        unsafe { *at = bits };
    }

    /// Sets the result, or an Int that is `inout` (or a struct of one).
    pub fn set_int(&mut self, place: Place, value: i64) {
        self.set_scalar(place, TypeId::INT, value as u64);
    }

    /// Sets the result to an Int.
    pub fn return_int(&mut self, value: i64) {
        self.set_int(Place::Result, value);
    }

    /// Sets the result to a Float.
    pub fn return_float(&mut self, value: f64) {
        self.set_scalar(Place::Result, TypeId::FLOAT, value.to_bits());
    }

    /// Sets the result to a Bool.
    pub fn return_bool(&mut self, value: bool) {
        self.set_scalar(Place::Result, TypeId::BOOL, u64::from(value));
    }

    /// The slot of a whole Str, array or grid that may be replaced; it holds an owner then.
    fn whole(&mut self, place: Place) -> (TypeId, *mut u64) {
        let (ty, at) = self.place(place);
        let moved = match place {
            Place::Result => true,
            Place::Param(index) => self.param(index).0.passing == Passing::Inout,
        };
        assert!(moved && self.types.is_ref(ty), "not a whole Str, array or grid");
        // SAFETY: it is one slot; 0 stands for the empty value.
        unsafe {
            if *at == 0 {
                *at = self.layouts.get(ty).empty();
            }
        }
        (ty, at)
    }

    fn replace(&mut self, at: *mut u64, new: *mut Buffer) {
        // SAFETY: `at` came from `whole`, and owns what it holds.
        unsafe {
            let old = buffer(*at);
            *at = slot(new);
            self.heap.release(old);
        }
    }

    /// Replaces a Str.
    pub fn set_text(&mut self, place: Place, text: &str) -> Result<(), Fault> {
        let (ty, at) = self.whole(place);
        assert!(ty == TypeId::STR, "a place of another type");
        let new = self.heap.text(text)?;
        self.replace(at, new);
        Ok(())
    }

    /// Sets the result to a Str.
    pub fn return_text(&mut self, text: &str) -> Result<(), Fault> {
        self.set_text(Place::Result, text)
    }

    /// Adds to a Str; a result begins empty.
    pub fn append_text(&mut self, place: Place, text: &str) -> Result<(), Fault> {
        let (ty, at) = self.whole(place);
        assert!(ty == TypeId::STR, "a place of another type");
        // SAFETY: the place owns a Str; text borrowed from it is borrowed from another owner too, so it isn't unique then.
        Ok(unsafe { self.heap.append_text(at, text) }?)
    }

    /// Makes room for `extra` more bytes of a Str or elements of an array, all at once.
    pub fn reserve(&mut self, place: Place, extra: usize) -> Result<(), Fault> {
        let (ty, at) = self.whole(place);
        assert!(!matches!(self.types.get(ty), Type::Grid(_)), "a grid does not grow");
        if extra > 0 {
            // SAFETY: the place owns a Str or an array.
            unsafe { self.heap.reserve(at, extra as u64) }?;
        }
        Ok(())
    }

    fn array(&mut self, place: Place) -> (TypeId, TypeId, *mut u64) {
        let (ty, at) = self.whole(place);
        let Type::Array(element) = *self.types.get(ty) else { panic!("not an array") };
        (ty, element, at)
    }

    fn push_slot(&mut self, place: Place, ty: TypeId, bits: u64) -> Result<(), Fault> {
        let (_, element, at) = self.array(place);
        assert!(self.types.leaves(element) == [ty], "an array of another type");
        // SAFETY: `reserve` gives a unique array with room for one more slot.
        unsafe {
            let array = self.heap.reserve(at, 1)?;
            *data(array).add((*array).len as usize) = bits;
            (*array).len += 1;
        }
        Ok(())
    }

    /// Adds to an array of Int; a result begins empty.
    pub fn push_int(&mut self, place: Place, value: i64) -> Result<(), Fault> {
        self.push_slot(place, TypeId::INT, value as u64)
    }

    /// Adds to an array of Str; a result begins empty.
    pub fn push_text(&mut self, place: Place, text: &str) -> Result<(), Fault> {
        let new = self.heap.text(text)?;
        let pushed = self.push_slot(place, TypeId::STR, slot(new));
        if pushed.is_err() {
            // SAFETY: it was made above, and not handed over.
            unsafe { self.heap.release(new) };
        }
        pushed
    }

    /// Adds copies of elements to an array, polling; a result begins empty.
    pub fn append_elements(&mut self, place: Place, more: Elements<'a>) -> Result<(), Fault> {
        let (_, element, at) = self.array(place);
        assert!(element == more.element_type(), "elements of another type");
        for row in 0..more.rows() {
            let row = more.row(row);
            if row.is_empty() {
                continue;
            }
            // SAFETY: unique with room; the elements are of its type. They lie elsewhere: were they borrowed from this
            // array, it would have another owner, and `reserve` copy it.
            unsafe {
                let array = self.heap.reserve(at, row.len() as u64)?;
                self.heap.append_copies(array, row.data(), row.len() as u64)?;
            }
        }
        Ok(())
    }

    /// The length of a whole array.
    pub fn array_len(&mut self, place: Place) -> usize {
        let (_, _, at) = self.array(place);
        // SAFETY: the place holds an array.
        unsafe { (*buffer(*at)).len as usize }
    }

    /// Takes element `index` out of an `inout` array, moves up those behind it, and makes it the result. Panics if there
    /// is none.
    pub fn remove_to_result(&mut self, param: usize, index: usize) -> Result<(), Fault> {
        let (_, element, at) = self.array(Place::Param(param));
        assert!(element == self.layout.result, "a result of another type");
        // SAFETY: the array is unique then; the element moves to the result, which held nothing, and the rest closes up.
        unsafe {
            let array = self.heap.make_unique(at)?;
            let (len, stride) = ((*array).len as usize, (*array).stride() as usize);
            assert!(index < len, "an element that is not there");
            let from = data(array).add(index * stride);
            self.window.copy_from_nonoverlapping(from, stride);
            from.copy_from(from.add(stride), (len - index - 1) * stride);
            (*array).len -= 1;
        }
        Ok(())
    }

    /// Keeps the first `len` elements of an `inout` array at most.
    pub fn truncate(&mut self, param: usize, len: usize) -> Result<(), Fault> {
        let (ty, _, at) = self.array(Place::Param(param));
        // SAFETY: the place owns the array; what is cut off is dropped once, after the length says so.
        unsafe {
            let held = buffer(*at);
            let old = (*held).len;
            if len as u64 >= old {
                return Ok(());
            }
            if len == 0 && !is_unique(held) {
                let empty = buffer(self.layouts.get(ty).empty());
                self.replace(at, empty);
                return Ok(());
            }
            let array = self.heap.make_unique(at)?;
            (*array).len = len as u64;
            let rest = data(array).add(len * (*array).stride() as usize);
            self.heap.drop_elements(self.layouts.get(ty), rest, old - len as u64);
        }
        Ok(())
    }

    /// Puts a copy of parameter `value` before element `index` of an `inout` array. Panics if there is no such place.
    pub fn insert(&mut self, param: usize, index: usize, value: usize) -> Result<(), Fault> {
        let (ty, _, at) = self.array(Place::Param(param));
        let new = self.owned(value)?;
        // SAFETY: the array is unique with room for one; the elements move up, and the gap takes the value.
        unsafe {
            let array = match self.heap.reserve(at, 1) {
                Ok(array) => array,
                Err(stop) => return Err(self.give_up(ty, new, stop)),
            };
            let (len, stride) = ((*array).len as usize, (*array).stride() as usize);
            assert!(index <= len && new.len() == stride, "a place that is not there");
            let to = data(array).add(index * stride);
            to.add(stride).copy_from(to, (len - index) * stride);
            to.copy_from_nonoverlapping(new.as_ptr(), stride);
            (*array).len += 1;
        }
        Ok(())
    }

    /// Adds copies of parameter `value` to an `inout` array until it has `len` elements.
    pub fn extend(&mut self, param: usize, len: usize, value: usize) -> Result<(), Fault> {
        let (ty, _, at) = self.array(Place::Param(param));
        let new = self.owned(value)?;
        // SAFETY: the value is of the element type.
        let filled = unsafe {
            let extra = (len as u64).saturating_sub((*buffer(*at)).len);
            append_fill(self.heap, at, extra, new.as_ptr())
        };
        // SAFETY: `owned` gave it to us.
        unsafe { self.heap.drop_elements(self.layouts.get(ty), new.as_ptr().cast_mut(), 1) };
        Ok(filled?)
    }

    /// Sets every element of the viewed array or grid to a copy of parameter `value`.
    pub fn fill(&mut self, param: usize, value: usize) -> Result<(), Fault> {
        let target = self.target(param);
        let array = self.counted_array(target.element);
        let new = self.owned(value)?;
        let mut result = Ok(());
        'rows: for row in 0..target.rows {
            for col in 0..target.cols {
                // SAFETY: inside the view, which nothing else uses; the old element is dropped, and a copy put there.
                unsafe {
                    let at = target.data.add((row * target.row_stride + col) as usize * target.stride);
                    if let Some(array) = array {
                        Heap::share_one(array, new.as_ptr());
                        self.heap.drop_elements(array, at, 1);
                    }
                    at.copy_from_nonoverlapping(new.as_ptr(), target.stride);
                }
                if col % POLL_EVERY == POLL_EVERY - 1 {
                    result = self.interrupt.check();
                    if result.is_err() {
                        break 'rows;
                    }
                }
            }
        }
        if let Some(array) = array {
            // SAFETY: `owned` gave it to us.
            unsafe { self.heap.drop_elements(array, new.as_ptr().cast_mut(), 1) };
        }
        Ok(result?)
    }

    /// Copies the elements of parameter `from` to the viewed elements of parameter `to`, as if all were read before one is
    /// written. Panics unless the shapes are equal.
    pub fn assign(&mut self, to: usize, from: usize) -> Result<(), Fault> {
        let (param, at) = self.param(from);
        assert!(param.passing == Passing::View, "not a view");
        // SAFETY: it is a view; it is only read before anything is written that overlaps it.
        let from = unsafe { view(self.types, param.ty, at) };
        let to = self.target(to);
        assert!(
            to.element == from.element_type() && (to.rows, to.cols) == (from.rows() as u64, from.cols() as u64),
            "another type or shape"
        );
        let array = self.counted_array(to.element);
        let len = to.cols as usize * to.stride;
        // Rows go in the order in which a row that is overwritten has been read.
        let backwards = to.data.cast_const() > from.data();
        for turn in 0..to.rows {
            let row = if backwards { to.rows - 1 - turn } else { turn };
            if to.cols == 0 {
                break;
            }
            // SAFETY: both rows are inside their views; `copy` allows overlap, and counts follow the elements: each new one
            // is counted before an old one is dropped.
            unsafe {
                let target = to.data.add((row * to.row_stride) as usize * to.stride);
                let source = from.data().add((row * from.row_stride()) as usize * to.stride);
                if let Some(array) = array {
                    let mut old: Vec<u64> = slice::from_raw_parts(target, len).to_vec();
                    for element in 0..to.cols as usize {
                        Heap::share_one(array, source.add(element * to.stride));
                    }
                    target.copy_from(source, len);
                    self.heap.drop_elements(array, old.as_mut_ptr(), to.cols);
                } else {
                    target.copy_from(source, len);
                }
            }
            if turn % 64 == 63 {
                self.interrupt.check()?;
            }
        }
        Ok(())
    }

    /// The elements of an `InoutView` parameter, to be moved about or, if scalars, written.
    pub fn elements_mut(&mut self, param: usize) -> ElementsMut<'_> {
        self.target(param)
    }

    fn target(&self, param: usize) -> ElementsMut<'a> {
        let (info, at) = self.param(param);
        assert!(info.passing == Passing::InoutView, "not a view to write through");
        // SAFETY: a view of its type, which by the check before the call is the only one of these elements. It is handed out
        // with `self` borrowed.
        unsafe { ElementsMut::new(view(self.types, info.ty, at), self.types) }
    }

    /// The elements of a result, unique from here on.
    pub fn result_mut(&mut self) -> Result<ElementsMut<'_>, Fault> {
        let (ty, _, at) = self.array(Place::Result);
        // SAFETY: the result is owned, and borrowed with `self`.
        unsafe {
            self.heap.make_unique(at)?;
            Ok(ElementsMut::new(Elements::of_slot(self.types, ty, *at), self.types))
        }
    }

    /// The layout of an array or grid of such elements, if they have reference slots.
    fn counted_array(&self, element: TypeId) -> Option<&'a Layout> {
        let counted = self.types.leaves(element).iter().any(|&leaf| self.types.is_ref(leaf));
        let of = |ty: Type| self.types.find(&ty).map(|id| self.layouts.get(id));
        if counted { of(Type::Array(element)).or_else(|| of(Type::Grid(element))) } else { None }
    }

    /// A copy of parameter `index` that the caller owns.
    fn owned(&mut self, index: usize) -> Result<Slots, Fault> {
        let (param, at) = self.param(index);
        // SAFETY: the parameter is live, and of that type.
        unsafe {
            if param.passing == Passing::View {
                return Ok(SmallVec::from_slice(&[own_view(self.heap, self.types, self.layouts, param.ty, at)?]));
            }
            let slots = Slots::from_slice(slice::from_raw_parts(at, self.types.slots(param.ty)));
            for (&slot, &leaf) in slots.iter().zip(self.types.leaves(param.ty)) {
                if self.types.is_ref(leaf) && slot != 0 {
                    Heap::share(buffer(slot));
                }
            }
            Ok(slots)
        }
    }

    /// Drops a value that found no place in an array of type `ty`.
    fn give_up(&mut self, ty: TypeId, value: Slots, stop: super::trap::Stop) -> Fault {
        // SAFETY: `owned` gave it.
        unsafe { self.heap.drop_elements(self.layouts.get(ty), value.as_ptr().cast_mut(), 1) };
        stop.into()
    }
}

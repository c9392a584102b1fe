//! What crosses between a program and functions of the host: the types that there are on both sides, and how an argument or a result gets
//! over.
//!
//! Invariant: what a function is lent borrows from the call ([`Pass::lend`] ties its lifetime to what the call holds), so it can't be
//! kept.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::value::Grid;
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::{Type, TypeId, TypeTable};
use crate::machine::extern_call::{ExternCall, GridParts, Word};
use crate::machine::host_call::Stream;
use crate::machine::trap::Fault;

/// A type that values cross in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `Int`, `Float` or `Bool`
    Scalar(Scalar),
    /// `Str`
    Str,
    /// An array of these.
    Array(Scalar),
    /// A grid of these.
    Grid(Scalar),
}

/// A type of one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Scalar {
    Int,
    Float,
    Bool,
}

impl Scalar {
    fn of(ty: TypeId) -> Option<Scalar> {
        Some(match ty {
            TypeId::INT => Scalar::Int,
            TypeId::FLOAT => Scalar::Float,
            TypeId::BOOL => Scalar::Bool,
            _ => return None,
        })
    }
}

impl Kind {
    /// That of a type, if its values cross.
    pub(super) fn of(types: &TypeTable, ty: TypeId) -> Option<Kind> {
        if let Some(scalar) = Scalar::of(ty) {
            return Some(Kind::Scalar(scalar));
        }
        match *types.get(ty) {
            Type::Str => Some(Kind::Str),
            Type::Array(element) => Scalar::of(element).map(Kind::Array),
            Type::Grid(element) => Scalar::of(element).map(Kind::Grid),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Scalar(scalar) => write!(f, "{scalar:?}"),
            Kind::Str => f.write_str("Str"),
            Kind::Array(element) => write!(f, "[{element:?}]"),
            Kind::Grid(element) => write!(f, "Grid[{element:?}]"),
        }
    }
}

/// A parameter of a program's declaration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Its type.
    pub kind: Kind,
    /// `inout`
    pub is_inout: bool,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_inout { "inout " } else { "" }, self.kind)
    }
}

/// How an argument gets to a function.
pub trait Pass {
    /// What the call holds while the function has it.
    type Held;
    /// What the function has.
    type Lent<'c>;
    /// What it is in the declaration; `None` if it is not there.
    const SLOT: Option<Slot>;
    /// How many registers it takes.
    const WIDTH: usize;

    /// Takes it up.
    ///
    /// # Safety
    /// The registers from `at` on are those of such a parameter.
    unsafe fn load(call: &mut ExternCall<'_, '_>, at: usize) -> Self::Held;

    /// Lends it to the function.
    ///
    /// # Safety
    /// It was taken up for the call in progress, and no other argument is in the same place, unless both are only read.
    unsafe fn lend(held: &mut Self::Held) -> Self::Lent<'_>;

    /// Puts back what the function has written, where that is not done in place.
    ///
    /// # Safety
    /// As for `load`.
    unsafe fn store(held: Self::Held, call: &mut ExternCall<'_, '_>, at: usize) -> Result<(), Fault> {
        let _ = (held, call, at);
        Ok(())
    }
}

/// How a result gets to the program.
pub trait Give {
    /// What it is in the declaration; `None` if there is none.
    const KIND: Option<Kind>;

    /// Puts it into register 0.
    ///
    /// # Safety
    /// That is a result of such a type, 0 if it owns.
    unsafe fn give(self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault>;
}

/// What a function of the host may take: see [`Functions::add`](super::Functions::add).
#[diagnostic::on_unimplemented(
    message = "a function of the host can not take `{Self}`",
    note = "the documentation of `Functions::add` lists what it can"
)]
pub trait Param: Pass {}
impl<T: Pass> Param for T {}

/// What a function of the host may give: see [`Functions::add`](super::Functions::add).
#[diagnostic::on_unimplemented(
    message = "a function of the host can not give `{Self}`",
    note = "the documentation of `Functions::add` lists what it can"
)]
pub trait Return: Give {}
impl<T: Give> Return for T {}

/// A Bool as it lies in an array or a grid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(transparent)]
pub struct Flag(u64);

impl Flag {
    /// The Bool.
    pub fn get(self) -> bool {
        self.0 != 0
    }

    /// Sets it.
    pub fn set(&mut self, value: bool) {
        *self = value.into();
    }
}

impl From<bool> for Flag {
    fn from(value: bool) -> Flag {
        Flag(u64::from(value))
    }
}

// SAFETY: it is a word, and Bools lie in arrays as 0 or 1.
unsafe impl Word for Flag {}

/// A type whose values lie in arrays as words do.
pub trait Element: Word {
    /// What it is in a declaration.
    const SCALAR: Scalar;
}

impl Element for i64 {
    const SCALAR: Scalar = Scalar::Int;
}

impl Element for f64 {
    const SCALAR: Scalar = Scalar::Float;
}

impl Element for Flag {
    const SCALAR: Scalar = Scalar::Bool;
}

const fn slot(kind: Kind, is_inout: bool) -> Option<Slot> {
    Some(Slot { kind, is_inout })
}

macro_rules! scalars {
    ($($type:ty, $scalar:ident, $load:expr, $store:expr;)*) => {$(
        impl Pass for $type {
            type Held = $type;
            type Lent<'c> = $type;
            const SLOT: Option<Slot> = slot(Kind::Scalar(Scalar::$scalar), false);
            const WIDTH: usize = 1;

            #[inline(always)]
            unsafe fn load(call: &mut ExternCall<'_, '_>, at: usize) -> $type {
                // SAFETY: the caller's.
                $load(unsafe { *call.register(at) })
            }

            #[inline(always)]
            unsafe fn lend(held: &mut $type) -> $type {
                *held
            }
        }

        impl Pass for &mut $type {
            type Held = $type;
            type Lent<'c> = &'c mut $type;
            const SLOT: Option<Slot> = slot(Kind::Scalar(Scalar::$scalar), true);
            const WIDTH: usize = 1;

            #[inline(always)]
            unsafe fn load(call: &mut ExternCall<'_, '_>, at: usize) -> $type {
                // SAFETY: the caller's.
                $load(unsafe { *call.register(at) })
            }

            #[inline(always)]
            unsafe fn lend(held: &mut $type) -> &mut $type {
                held
            }

            #[inline(always)]
            unsafe fn store(held: $type, call: &mut ExternCall<'_, '_>, at: usize) -> Result<(), Fault> {
                // SAFETY: the caller's.
                unsafe { *call.register(at) = $store(held) };
                Ok(())
            }
        }

        impl Give for $type {
            const KIND: Option<Kind> = Some(Kind::Scalar(Scalar::$scalar));

            #[inline(always)]
            unsafe fn give(self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
                // SAFETY: the caller's.
                unsafe { *call.register(0) = $store(self) };
                Ok(())
            }
        }
    )*};
}

scalars! {
    i64, Int, |bits| bits as i64, |value| value as u64;
    f64, Float, f64::from_bits, f64::to_bits;
    bool, Bool, |bits| bits != 0, u64::from;
}

impl Pass for &str {
    type Held = *const str;
    type Lent<'c> = &'c str;
    const SLOT: Option<Slot> = slot(Kind::Str, false);
    const WIDTH: usize = 1;

    unsafe fn load(call: &mut ExternCall<'_, '_>, at: usize) -> *const str {
        // SAFETY: the caller's.
        unsafe { call.text(at) }
    }

    unsafe fn lend(held: &mut *const str) -> &str {
        // SAFETY: a Str that is passed to be read lives, and stays as it is, for the whole call.
        unsafe { &**held }
    }
}

impl Pass for &mut String {
    type Held = String;
    type Lent<'c> = &'c mut String;
    const SLOT: Option<Slot> = slot(Kind::Str, true);
    const WIDTH: usize = 1;

    unsafe fn load(call: &mut ExternCall<'_, '_>, at: usize) -> String {
        // SAFETY: the caller's; it is copied at once.
        unsafe { (*call.text(at)).to_owned() }
    }

    unsafe fn lend(held: &mut String) -> &mut String {
        held
    }

    unsafe fn store(held: String, call: &mut ExternCall<'_, '_>, at: usize) -> Result<(), Fault> {
        // SAFETY: the caller's.
        unsafe { call.set_text(at, &held) }
    }
}

impl<T: Element> Pass for &[T] {
    type Held = *const [T];
    type Lent<'c> = &'c [T];
    const SLOT: Option<Slot> = slot(Kind::Array(T::SCALAR), false);
    const WIDTH: usize = 3;

    #[inline(always)]
    unsafe fn load(call: &mut ExternCall<'_, '_>, at: usize) -> *const [T] {
        // SAFETY: the caller's.
        unsafe { call.elements(at) }
    }

    #[inline(always)]
    unsafe fn lend(held: &mut *const [T]) -> &[T] {
        // SAFETY: nobody writes what a call reads while it runs.
        unsafe { &**held }
    }
}

impl<T: Element> Pass for &mut [T] {
    type Held = *mut [T];
    type Lent<'c> = &'c mut [T];
    const SLOT: Option<Slot> = slot(Kind::Array(T::SCALAR), true);
    const WIDTH: usize = 3;

    #[inline(always)]
    unsafe fn load(call: &mut ExternCall<'_, '_>, at: usize) -> *mut [T] {
        // SAFETY: the caller's.
        unsafe { call.elements(at) }
    }

    #[inline(always)]
    unsafe fn lend(held: &mut *mut [T]) -> &mut [T] {
        // SAFETY: nobody else touches what a call writes while it runs, nor does another argument.
        unsafe { &mut **held }
    }
}

/// A grid that a function of the host reads: some rows and columns of one, perhaps.
#[derive(Clone, Copy, Debug)]
pub struct GridView<'c, T> {
    parts: GridParts<T>,
    lent: PhantomData<&'c [T]>,
}

/// The same, to be written.
#[derive(Debug)]
pub struct GridViewMut<'c, T> {
    parts: GridParts<T>,
    lent: PhantomData<&'c mut [T]>,
}

// SAFETY: it is a shared slice, but for its shape.
unsafe impl<T: Sync> Send for GridView<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for GridView<'_, T> {}
// SAFETY: it is a slice of its own, but for its shape.
unsafe impl<T: Send> Send for GridViewMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for GridViewMut<'_, T> {}

/// Where a row begins, and how long it is.
///
/// # Panics
/// If there is no such row.
fn row_of<T>((first, rows, cols, pitch): GridParts<T>, row: usize) -> (*mut T, usize) {
    assert!(row < rows, "row {row} of a grid of {rows} rows");
    // SAFETY: the row lies in the grid.
    (unsafe { first.add(if cols == 0 { 0 } else { row * pitch }) }, cols)
}

impl<'c, T: Element> GridView<'c, T> {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.parts.1
    }

    /// How many columns it has.
    pub fn cols(&self) -> usize {
        self.parts.2
    }

    /// A row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &'c [T] {
        let (first, len) = row_of(self.parts, row);
        // SAFETY: nobody writes what a call reads while it runs.
        unsafe { std::slice::from_raw_parts(first, len) }
    }
}

impl<T: Element> GridViewMut<'_, T> {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.parts.1
    }

    /// How many columns it has.
    pub fn cols(&self) -> usize {
        self.parts.2
    }

    /// A row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[T] {
        let (first, len) = row_of(self.parts, row);
        // SAFETY: it is borrowed from the one view through which its elements are reached.
        unsafe { std::slice::from_raw_parts(first, len) }
    }

    /// A row, to be written.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        let (first, len) = row_of(self.parts, row);
        // SAFETY: as above, and nobody else touches what a call writes while it runs.
        unsafe { std::slice::from_raw_parts_mut(first, len) }
    }
}

impl<T: Element> Pass for GridView<'_, T> {
    type Held = GridParts<T>;
    type Lent<'c> = GridView<'c, T>;
    const SLOT: Option<Slot> = slot(Kind::Grid(T::SCALAR), false);
    const WIDTH: usize = 5;

    unsafe fn load(call: &mut ExternCall<'_, '_>, at: usize) -> GridParts<T> {
        // SAFETY: the caller's.
        unsafe { call.grid(at) }
    }

    unsafe fn lend(held: &mut GridParts<T>) -> GridView<'_, T> {
        GridView { parts: *held, lent: PhantomData }
    }
}

impl<T: Element> Pass for GridViewMut<'_, T> {
    type Held = GridParts<T>;
    type Lent<'c> = GridViewMut<'c, T>;
    const SLOT: Option<Slot> = slot(Kind::Grid(T::SCALAR), true);
    const WIDTH: usize = 5;

    unsafe fn load(call: &mut ExternCall<'_, '_>, at: usize) -> GridParts<T> {
        // SAFETY: the caller's.
        unsafe { call.grid(at) }
    }

    unsafe fn lend(held: &mut GridParts<T>) -> GridViewMut<'_, T> {
        GridViewMut { parts: *held, lent: PhantomData }
    }
}

/// Where a function prints, as the program's own `print` and `eprint` do.
#[derive(Debug, Default)]
pub struct Output {
    /// In order, each as long as its stream stays the same.
    printed: Vec<(Stream, String)>,
}

impl Output {
    fn add(&mut self, stream: Stream, text: &str) {
        match self.printed.last_mut() {
            Some((last, printed)) if *last == stream => printed.push_str(text),
            _ => self.printed.push((stream, text.to_owned())),
        }
    }

    /// Writes to standard output.
    pub fn write(&mut self, text: &str) {
        self.add(Stream::Out, text);
    }

    /// Writes to standard error.
    pub fn write_error(&mut self, text: &str) {
        self.add(Stream::Error, text);
    }
}

impl Pass for &mut Output {
    type Held = Output;
    type Lent<'c> = &'c mut Output;
    const SLOT: Option<Slot> = None;
    const WIDTH: usize = 0;

    unsafe fn load(_: &mut ExternCall<'_, '_>, _: usize) -> Output {
        Output::default()
    }

    unsafe fn lend(held: &mut Output) -> &mut Output {
        held
    }

    unsafe fn store(held: Output, call: &mut ExternCall<'_, '_>, _: usize) -> Result<(), Fault> {
        held.printed.iter().try_for_each(|(stream, text)| call.print(*stream, text))
    }
}

impl Give for () {
    const KIND: Option<Kind> = None;

    unsafe fn give(self, _: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
        Ok(())
    }
}

impl Give for String {
    const KIND: Option<Kind> = Some(Kind::Str);

    unsafe fn give(self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
        // SAFETY: the caller's.
        unsafe { call.set_text(0, &self) }
    }
}

impl<T: Element> Give for Vec<T> {
    const KIND: Option<Kind> = Some(Kind::Array(T::SCALAR));

    unsafe fn give(self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
        // SAFETY: the caller's.
        unsafe { call.set_elements(0, &self, None) }
    }
}

impl<T: Element> Give for Grid<T> {
    const KIND: Option<Kind> = Some(Kind::Grid(T::SCALAR));

    unsafe fn give(self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
        let Grid { rows, cols, cells } = self;
        if rows.checked_mul(cols) != Some(cells.len()) {
            let message = format!("a grid of {rows} rows and {cols} columns has not {} elements", cells.len());
            return Err(Fault::trap(TrapCode::HostFailed, message));
        }
        // SAFETY: the caller's.
        unsafe { call.set_elements(0, &cells, Some((rows, cols))) }
    }
}

/// The trap of an error, which is a host's and may panic.
#[cold]
fn failed(error: impl fmt::Display) -> Fault {
    catch_unwind(AssertUnwindSafe(move || error.to_string()))
        .map_or_else(|payload| Fault::panicked(&*payload), |text| Fault::trap(TrapCode::HostFailed, text))
}

impl<T: Give, E: fmt::Display> Give for Result<T, E> {
    const KIND: Option<Kind> = T::KIND;

    unsafe fn give(self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
        match self {
            // SAFETY: the caller's.
            Ok(value) => unsafe { value.give(call) },
            Err(error) => Err(failed(error)),
        }
    }
}

//! Values seen from the outside: what the host's functions compare, print and walk.
//!
//! A [`ValueRef`] is a value where it lies: the slots of an element or a register, or a view. It can only be made by the
//! machine, from live values; so its slots are what its type says, and reading them is safe. All walks are iterative.
//!
//! Used by `host_call` and, for `cmp`, by the interpreter.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::slice;

use super::memory::{Buffer, POLL_EVERY, buffer, data};
use crate::bytecode::types::{Type, TypeId, TypeTable};

/// The elements of an array or grid, or of a view of one: `rows` rows of `cols` elements (an array is one row).
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    data: *const u64,
    rows: u64,
    cols: u64,
    /// Elements from one row to the next.
    row_stride: u64,
    element: TypeId,
    /// Slots of an element.
    stride: usize,
    is_grid: bool,
    lives: PhantomData<&'a [u64]>,
}

/// A value where it lies.
#[derive(Clone, Copy, Debug)]
pub struct ValueRef<'a>(Place<'a>);

#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    Slots(TypeId, &'a [u64]),
    Elements(Elements<'a>),
}

/// The text of a slot that holds a Str.
///
/// # Safety
/// The slot is 0 or holds a live Str that lives for `'a` and is not written meanwhile.
pub(super) unsafe fn text_of<'a>(slot: u64) -> &'a str {
    if slot == 0 {
        return "";
    }
    // SAFETY: the caller's; a Str's bytes are UTF-8.
    unsafe {
        let held = buffer(slot);
        str::from_utf8_unchecked(slice::from_raw_parts(data(held).cast(), (*held).len as usize))
    }
}

impl<'a> Elements<'a> {
    /// Those of an array or grid of type `ty`.
    ///
    /// # Safety
    /// The slot is 0 or holds a live value of that type that lives for `'a` and is not written meanwhile.
    pub(super) unsafe fn of_slot(types: &TypeTable, ty: TypeId, slot: u64) -> Elements<'a> {
        let is_grid = matches!(types.get(ty), Type::Grid(_));
        // SAFETY: the caller's.
        unsafe {
            let held: *mut Buffer = buffer(slot);
            let (data, rows, cols) = match (held.is_null(), is_grid) {
                (true, _) => (std::ptr::null(), u64::from(!is_grid), 0),
                (false, true) => (data(held).cast_const(), (*held).rows, (*held).cols),
                (false, false) => (data(held).cast_const(), 1, (*held).len),
            };
            Self::of_parts(types, ty, data, rows, cols, cols)
        }
    }

    /// Those of a view.
    ///
    /// # Safety
    /// `data` points to live elements of that shape, which are not written during `'a`.
    pub(super) unsafe fn of_parts(
        types: &TypeTable,
        ty: TypeId,
        data: *const u64,
        rows: u64,
        cols: u64,
        row_stride: u64,
    ) -> Elements<'a> {
        let element = types.element(ty).expect("an array or a grid");
        let is_grid = matches!(types.get(ty), Type::Grid(_));
        Elements { data, rows, cols, row_stride, element, stride: types.slots(element), is_grid, lives: PhantomData }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        (self.rows * self.cols) as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows of a grid; 1 for an array.
    pub fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Columns of a grid; the length of an array.
    pub fn cols(&self) -> usize {
        self.cols as usize
    }

    pub(super) fn data(&self) -> *const u64 {
        self.data
    }

    pub(super) fn row_stride(&self) -> u64 {
        self.row_stride
    }

    pub(super) fn is_grid(&self) -> bool {
        self.is_grid
    }

    /// The type of an element.
    pub fn element_type(&self) -> TypeId {
        self.element
    }

    /// Element `index`, row by row. Panics if there is none.
    pub fn get(&self, index: usize) -> ValueRef<'a> {
        assert!(index < self.len(), "an element that is not there");
        let (row, col) = if self.cols == self.row_stride || self.rows == 1 {
            (0, index as u64)
        } else {
            (index as u64 / self.cols, index as u64 % self.cols)
        };
        // SAFETY: inside.
        unsafe { self.at(row, col) }
    }

    /// # Safety
    /// `col` is below the columns of row `row`, or the elements are contiguous and it is below their number.
    unsafe fn at(&self, row: u64, col: u64) -> ValueRef<'a> {
        let slots = if self.stride == 0 {
            &[]
        } else {
            let first = (row * self.row_stride + col) as usize * self.stride;
            // SAFETY: the caller's, and by the constructors' promise the elements live and stay as they are.
            unsafe { slice::from_raw_parts(self.data.add(first), self.stride) }
        };
        ValueRef(Place::Slots(self.element, slots))
    }

    /// All of them as one row: of a whole array or grid, whose rows lie one behind the other.
    pub(super) fn as_one_row(&self) -> Elements<'a> {
        assert!(self.cols == self.row_stride || self.rows <= 1, "a part of a grid");
        Elements { rows: 1, cols: self.rows * self.cols, row_stride: self.rows * self.cols, is_grid: false, ..*self }
    }

    /// Row `row`, as an array. Panics if there is none.
    pub fn row(&self, row: usize) -> Elements<'a> {
        assert!((row as u64) < self.rows, "a row that is not there");
        let skip = if self.cols == 0 { 0 } else { row * self.row_stride as usize * self.stride };
        // SAFETY: inside the elements.
        let data = if skip == 0 { self.data } else { unsafe { self.data.add(skip) } };
        Elements { data, rows: 1, row_stride: self.cols, is_grid: false, ..*self }
    }

    /// The slots of one row whose elements are of type `ty`.
    fn row_of(&self, ty: TypeId) -> &'a [u64] {
        assert!(self.element == ty && self.rows == 1, "elements of another type or shape");
        if self.cols == 0 {
            return &[];
        }
        // SAFETY: by the constructors' promise; the stride of a scalar is 1.
        unsafe { slice::from_raw_parts(self.data, self.cols as usize) }
    }

    /// An array of Int, as it lies. Panics if it is something else.
    pub fn ints(&self) -> &'a [i64] {
        let row = self.row_of(TypeId::INT);
        // SAFETY: i64 and u64 have one layout and no invalid values.
        unsafe { slice::from_raw_parts(row.as_ptr().cast(), row.len()) }
    }

    /// An array of Float, as it lies. Panics if it is something else.
    pub fn floats(&self) -> &'a [f64] {
        let row = self.row_of(TypeId::FLOAT);
        // SAFETY: f64 and u64 have one size; 8-byte alignment is that of the slots; no bits are invalid.
        unsafe { slice::from_raw_parts(row.as_ptr().cast(), row.len()) }
    }

    /// The texts of an array of Str. Panics if it is something else.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = &'a str> + Clone {
        // SAFETY: the element type is Str.
        self.row_of(TypeId::STR).iter().map(|&slot| unsafe { text_of(slot) })
    }
}

impl<'a> ValueRef<'a> {
    /// The value in these slots.
    ///
    /// # Safety
    /// They hold a live value of type `ty`, which lives for `'a` and is not written meanwhile.
    pub(super) unsafe fn of_slots(ty: TypeId, slots: &'a [u64]) -> ValueRef<'a> {
        ValueRef(Place::Slots(ty, slots))
    }

    /// The array or grid of these elements.
    pub fn of_elements(elements: Elements<'a>) -> ValueRef<'a> {
        ValueRef(Place::Elements(elements))
    }

    fn slot(&self, wanted: TypeId) -> u64 {
        match self.0 {
            Place::Slots(ty, slots) if ty == wanted => slots[0],
            _ => panic!("a value of another type"),
        }
    }

    /// An Int. Panics if it is something else; so do the next three.
    pub fn int(&self) -> i64 {
        self.slot(TypeId::INT) as i64
    }

    /// A Float.
    pub fn float(&self) -> f64 {
        f64::from_bits(self.slot(TypeId::FLOAT))
    }

    /// A Bool.
    pub fn bool(&self) -> bool {
        self.slot(TypeId::BOOL) != 0
    }

    /// A Str.
    pub fn text(&self) -> &'a str {
        // SAFETY: the type is Str.
        unsafe { text_of(self.slot(TypeId::STR)) }
    }

    /// The beginning of the value as a number: of two values, the one with the lesser number is the lesser by total
    /// order. Of a view it tells nothing.
    pub fn order_key(&self, types: &TypeTable) -> u64 {
        const SIGN: u64 = 1 << 63;
        let Place::Slots(ty, slots) = self.0 else { return 0 };
        match types.leaves(ty).first() {
            Some(&TypeId::INT | &TypeId::BOOL) => slots[0] ^ SIGN,
            Some(&TypeId::FLOAT) => match f64::from_bits(slots[0]) {
                x if x.is_nan() => u64::MAX,
                x if x.is_sign_negative() => !x.to_bits(),
                x => x.to_bits() | SIGN,
            },
            Some(&TypeId::STR) => {
                // SAFETY: the slots are what the type says.
                let text = unsafe { text_of(slots[0]) }.as_bytes();
                let mut bytes = [0; 8];
                let length = text.len().min(8);
                bytes[..length].copy_from_slice(&text[..length]);
                u64::from_be_bytes(bytes)
            }
            _ => 0,
        }
    }

    /// The slots, if it isn't a view.
    pub(super) fn slots(&self) -> Option<&'a [u64]> {
        match self.0 {
            Place::Slots(_, slots) => Some(slots),
            Place::Elements(_) => None,
        }
    }

    /// The elements of an array or grid; `None` of another type.
    pub fn elements(&self, types: &TypeTable) -> Option<Elements<'a>> {
        match self.0 {
            Place::Elements(elements) => Some(elements),
            // SAFETY: by `of_slots`' promise.
            Place::Slots(ty, slots) => types.element(ty).map(|_| unsafe { Elements::of_slot(types, ty, slots[0]) }),
        }
    }
}

/// Where -inf is first and NaN last, -0.0 before 0.0, and all NaNs are equal.
pub fn total_order(a: f64, b: f64) -> Ordering {
    let key = |x: f64| if x.is_nan() { f64::NAN.abs() } else { x };
    key(a).total_cmp(&key(b))
}

/// How [`compare`] treats Floats, and what its answer must tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// Only whether they are equal, by IEEE 754.
    Equality,
    /// The order, by IEEE 754: `None` if a NaN decides.
    Partial,
    /// The total order.
    Total,
}

/// One pair of arrays or grids in a comparison, and how far it has come.
struct Pair<'a> {
    a: Elements<'a>,
    b: Elements<'a>,
    leaves: &'a [TypeId],
    row: u64,
    col: u64,
    /// The next slot of the element at `row`, `col`.
    slot: usize,
}

/// Compares two values of one type: arrays by elements, then length, structs by fields. For `Equality` anything but
/// `Some(Equal)` means unequal. `poll` is called now and then, and its error ends the comparison.
pub fn compare<'a, E>(
    types: &'a TypeTable,
    a: ValueRef<'a>,
    b: ValueRef<'a>,
    relation: Relation,
    poll: &mut dyn FnMut() -> Result<(), E>,
) -> Result<Option<Ordering>, E> {
    let mut stack: Vec<Pair<'a>> = Vec::new();
    let open = |a: Elements<'a>, b: Elements<'a>, stack: &mut Vec<Pair<'a>>| {
        if relation == Relation::Equality && (a.cols != b.cols || a.rows != b.rows) {
            return false;
        }
        stack.push(Pair { a, b, leaves: types.leaves(a.element), row: 0, col: 0, slot: 0 });
        true
    };
    // Compares two runs of slots from slot `from` on, as far as no array or grid comes up.
    let run = |leaves: &[TypeId], x: &'a [u64], y: &'a [u64], from: usize| -> Result<(), Step<'a>> {
        for at in from..leaves.len() {
            let order = match leaves[at] {
                TypeId::INT | TypeId::BOOL => Some((x[at] as i64).cmp(&(y[at] as i64))),
                TypeId::FLOAT if relation == Relation::Total => {
                    Some(total_order(f64::from_bits(x[at]), f64::from_bits(y[at])))
                }
                TypeId::FLOAT => f64::from_bits(x[at]).partial_cmp(&f64::from_bits(y[at])),
                // SAFETY: `ValueRef` promises that the slots are what the types say.
                TypeId::STR => Some(unsafe { text_of(x[at]).as_bytes().cmp(text_of(y[at]).as_bytes()) }),
                ty => {
                    // SAFETY: the same.
                    let pair = unsafe { (Elements::of_slot(types, ty, x[at]), Elements::of_slot(types, ty, y[at])) };
                    return Err(Step::Nested(at, pair.0, pair.1));
                }
            };
            if order != Some(Ordering::Equal) {
                return Err(Step::Decided(order));
            }
        }
        Ok(())
    };
    // The outermost value: if it is a struct, its own slots are a pair of arrays of one element.
    let begin = match (a.0, b.0) {
        (Place::Elements(a), Place::Elements(b)) => open(a, b, &mut stack),
        (Place::Slots(ty, x), Place::Slots(_, y)) => {
            // Most hold no array, and need no stack.
            match run(types.leaves(ty), x, y, 0) {
                Ok(()) => return Ok(Some(Ordering::Equal)),
                Err(Step::Decided(order)) => return Ok(order),
                Err(Step::Nested(..)) => {}
            }
            let one = |slots: &'a [u64]| Elements {
                data: slots.as_ptr(),
                rows: 1,
                cols: 1,
                row_stride: 1,
                element: ty,
                stride: slots.len(),
                is_grid: false,
                lives: PhantomData,
            };
            open(one(x), one(y), &mut stack)
        }
        _ => {
            let elements = |v: ValueRef<'a>| v.elements(types).expect("both are arrays, or both grids");
            open(elements(a), elements(b), &mut stack)
        }
    };
    if !begin {
        return Ok(Some(Ordering::Less));
    }
    let mut work = 0;
    'pairs: while let Some(pair) = stack.last_mut() {
        let (rows, cols) = (pair.a.rows.min(pair.b.rows), pair.a.cols.min(pair.b.cols));
        while pair.row < rows && cols > 0 {
            while pair.col < cols {
                work += 1;
                if work % POLL_EVERY == 0 {
                    poll()?;
                }
                // SAFETY: `row` and `col` are inside both.
                let (x, y) = unsafe { (pair.a.at(pair.row, pair.col), pair.b.at(pair.row, pair.col)) };
                let (Some(x), Some(y)) = (x.slots(), y.slots()) else { unreachable!("elements are slots") };
                match run(pair.leaves, x, y, pair.slot) {
                    Ok(()) => (pair.col, pair.slot) = (pair.col + 1, 0),
                    Err(Step::Decided(order)) => return Ok(order),
                    Err(Step::Nested(at, x, y)) => {
                        pair.slot = at + 1;
                        if !open(x, y, &mut stack) {
                            return Ok(Some(Ordering::Less));
                        }
                        continue 'pairs;
                    }
                }
            }
            (pair.row, pair.col) = (pair.row + 1, 0);
        }
        let order = pair.a.rows.cmp(&pair.b.rows).then(pair.a.cols.cmp(&pair.b.cols));
        if order != Ordering::Equal {
            return Ok(Some(order));
        }
        stack.pop();
    }
    Ok(Some(Ordering::Equal))
}

enum Step<'a> {
    Decided(Option<Ordering>),
    Nested(usize, Elements<'a>, Elements<'a>),
}

/// `value` in decimal, written into `digits`.
pub fn format_int(value: i64, digits: &mut [u8; 20]) -> &str {
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        start -= 1;
        digits[start] = b'-';
    }
    str::from_utf8(&digits[start..]).expect("digits are text")
}

/// Appends `x` as it is printed: the shortest text that reads back as the same number.
pub fn format_float(x: f64, out: &mut String) {
    use std::fmt::Write;
    let size = x.abs();
    if x.is_nan() {
        out.push_str("nan");
    } else if x.is_infinite() {
        out.push_str(if x > 0.0 { "inf" } else { "-inf" });
    } else if size != 0.0 && !(1e-5..1e16).contains(&size) {
        write!(out, "{x:e}").expect("a String takes all");
    } else {
        write!(out, "{x}").expect("a String takes all");
        if size.fract() == 0.0 {
            out.push_str(".0");
        }
    }
}

/// Appends `text` in quotes, escaped as in source.
pub fn format_quoted(text: &str, out: &mut String) {
    use std::fmt::Write;
    out.push('"');
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '"' | '\\' | '{' | '}' => out.extend(['\\', c]),
            c if c.is_control() => write!(out, "\\u{{{:X}}}", c as u32).expect("a String takes all"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// What is left to print.
enum Item<'a> {
    Text(&'static str),
    Name(&'a str),
    Slots(TypeId, &'a [u64]),
    /// Elements from that row and column on.
    Row(Elements<'a>, u64),
    Grid(Elements<'a>, u64),
}

/// Prints `value` into `sink`, piece by piece; a Str at the top is printed bare, one inside something is quoted. The sink's
/// error ends it. Pieces are a few KiB at most, but for a long Str, so that the sink can poll.
pub fn display<'a, E>(
    types: &'a TypeTable,
    value: ValueRef<'a>,
    sink: &mut dyn FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let mut out = String::new();
    let mut stack: Vec<Item<'a>> = Vec::new();
    match value.0 {
        // SAFETY: `ValueRef` promises that the slots are what the type says.
        Place::Slots(TypeId::STR, slots) => return sink(unsafe { text_of(slots[0]) }),
        Place::Slots(TypeId::INT, slots) => return sink(format_int(slots[0] as i64, &mut [0; 20])),
        Place::Slots(TypeId::BOOL, slots) => return sink(if slots[0] != 0 { "true" } else { "false" }),
        Place::Slots(ty, slots) => stack.push(Item::Slots(ty, slots)),
        Place::Elements(elements) => stack.push(opened(elements, &mut out)),
    }
    while let Some(item) = stack.pop() {
        if out.len() >= 4096 {
            sink(&out)?;
            out.clear();
        }
        match item {
            Item::Text(text) => out.push_str(text),
            Item::Name(name) => out.push_str(name),
            Item::Row(row, at) if at == row.cols => out.push(']'),
            Item::Row(row, at) => {
                if at > 0 {
                    out.push_str(", ");
                }
                stack.push(Item::Row(row, at + 1));
                // SAFETY: `at` is below `cols`.
                let element = unsafe { row.at(0, at) };
                stack.push(Item::Slots(row.element, element.slots().expect("elements are slots")));
            }
            Item::Grid(grid, at) if at == grid.rows => out.push(']'),
            Item::Grid(grid, at) => {
                out.push_str(if at > 0 { ", [" } else { "[" });
                stack.push(Item::Grid(grid, at + 1));
                stack.push(Item::Row(grid.row(at as usize), 0));
            }
            Item::Slots(ty, slots) => match *types.get(ty) {
                Type::Int => out.push_str(format_int(slots[0] as i64, &mut [0; 20])),
                Type::Float => format_float(f64::from_bits(slots[0]), &mut out),
                Type::Bool => out.push_str(if slots[0] != 0 { "true" } else { "false" }),
                // SAFETY: as above.
                Type::Str => format_quoted(unsafe { text_of(slots[0]) }, &mut out),
                Type::Array(_) | Type::Grid(_) => {
                    // SAFETY: as above.
                    let elements = unsafe { Elements::of_slot(types, ty, slots[0]) };
                    stack.push(opened(elements, &mut out));
                }
                Type::Struct(index) => {
                    let definition = &types.structs[index as usize];
                    stack.push(Item::Text(")"));
                    let mut end = slots.len();
                    for (at, (name, field)) in definition.fields.iter().enumerate().rev() {
                        let start = end - types.slots(*field);
                        stack.push(Item::Slots(*field, &slots[start..end]));
                        end = start;
                        stack.push(Item::Text(": "));
                        stack.push(Item::Name(name));
                        if at > 0 {
                            stack.push(Item::Text(", "));
                        }
                    }
                    out.push_str(&definition.name);
                    out.push('(');
                }
                Type::Unit | Type::Never => {}
            },
        }
    }
    if out.is_empty() { Ok(()) } else { sink(&out) }
}

/// Prints the first bracket; what is left then.
fn opened<'a>(elements: Elements<'a>, out: &mut String) -> Item<'a> {
    out.push('[');
    if elements.is_grid { Item::Grid(elements, 0) } else { Item::Row(elements, 0) }
}

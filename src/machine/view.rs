//! Views and whole arrays from the inside: reading a view's registers, owning what a view shows, filling, and moving elements
//! about.
//!
//! Invariant: an [`ElementsMut`] is the only one to use its elements while it lives, and leaves each of them in place once.
//!
//! Called by `host_call` and the interpreter's slow paths.

use std::mem::MaybeUninit;
use std::slice;

use super::interrupt::Stop;
use super::layout::Layouts;
use super::memory::{Heap, POLL_EVERY, WRITTEN, buffer, data, slot, tail_buffer};
use super::value::{Elements, ValueRef};
use crate::bytecode::types::{Type, TypeId, TypeTable};
use crate::platform::step;

/// Adds `count` copies of the element at `value` to the array in `place`, polling.
///
/// # Safety
/// `place` owns an array; `value` is a live element of it, or of its type.
pub(crate) unsafe fn append_fill(heap: &mut Heap, place: *mut u64, count: u64, value: *const u64) -> Result<(), Stop> {
    if count == 0 {
        return Ok(());
    }
    // SAFETY: unique with room; after each turn `len` elements are initialised and owned.
    unsafe {
        let layout = (*buffer(*place)).layout();
        let stride = layout.stride as usize;
        let array = heap.reserve(place, count)?;
        if stride == 0 {
            (*array).len += count;
            return Ok(());
        }
        let mut done = 0;
        while done < count {
            let turn = (count - done).min(POLL_EVERY * 16);
            let mut to = data(array).add((*array).len as usize * stride);
            if stride == 1 && layout.refs.is_empty() {
                slice::from_raw_parts_mut(to.cast::<MaybeUninit<u64>>(), turn as usize).fill(MaybeUninit::new(*value));
            } else {
                for _ in 0..turn {
                    to.copy_from_nonoverlapping(value, stride);
                    Heap::share_one(layout, value);
                    to = to.add(stride);
                }
            }
            (*array).len += turn;
            done += turn;
            heap.interrupt.check()?;
        }
    }
    Ok(())
}

/// The elements of the view of type `ty` in the registers at `at`.
///
/// # Safety
/// They hold such a view, of elements that live for `'a` and are not written while the result is read.
pub(crate) unsafe fn view<'a>(types: &TypeTable, ty: TypeId, at: *const u64) -> Elements<'a> {
    // SAFETY: the caller's; a view's registers are as `ops` says.
    unsafe {
        let from = buffer(*at).cast::<u64>();
        match types.get(ty) {
            Type::Grid(_) => Elements::of_parts(types, ty, from, *at.add(1), *at.add(2), *at.add(3)),
            _ => Elements::of_parts(types, ty, from, 1, *at.add(1), *at.add(1)),
        }
    }
}

/// An owner of what a view of type `ty` shows: the viewed buffer itself, if it shows all of that and
/// nobody may write through a view of it, else a copy.
///
/// # Safety
/// `at` holds such a view of live elements.
pub(crate) unsafe fn own_view(
    heap: &mut Heap,
    types: &TypeTable,
    layouts: &Layouts,
    ty: TypeId,
    at: *const u64,
) -> Result<u64, Stop> {
    // SAFETY: the caller's.
    unsafe {
        let seen = view(types, ty, at);
        let tail = *at.add(if seen.is_grid() { 4 } else { 2 });
        let held = tail_buffer(tail);
        // The length of what others may push to meanwhile is not looked at.
        if seen.is_empty() && !seen.is_grid() {
            return Ok(layouts.get(ty).empty());
        }
        // Who sees nothing has said that it uses nothing, and the buffer may be gone.
        let may_share = !seen.is_empty() && tail & WRITTEN == 0 && (*held).is_grid() == seen.is_grid();
        let is_whole = || {
            seen.len() as u64 == (*held).len
                && seen.data() == data(held).cast_const()
                && (!seen.is_grid() || ((*held).rows, (*held).cols) == (seen.rows() as u64, seen.cols() as u64))
        };
        if may_share && is_whole() {
            step();
            Heap::share(held);
            return Ok(slot(held));
        }
        let mut new = slot(heap.new_room(layouts.get(ty), seen.len() as u64)?);
        for row in 0..seen.rows() {
            let row = seen.row(row);
            if row.is_empty() {
                break;
            }
            if let Err(stop) = heap.append_copies(buffer(new), row.data(), row.len() as u64) {
                heap.release(buffer(std::mem::take(&mut new)));
                return Err(stop);
            }
        }
        if seen.is_grid() {
            ((*buffer(new)).rows, (*buffer(new)).cols) = (seen.rows() as u64, seen.cols() as u64);
        }
        Ok(new)
    }
}

/// Elements that may be moved about and, if they are scalars, written.
pub struct ElementsMut<'c> {
    pub(super) data: *mut u64,
    pub(super) rows: u64,
    pub(super) cols: u64,
    pub(super) row_stride: u64,
    pub(super) element: TypeId,
    /// Slots of an element.
    pub(super) stride: usize,
    seen: Elements<'c>,
}

impl<'c> ElementsMut<'c> {
    /// # Safety
    /// Nothing else uses the elements during `'c`.
    pub(super) unsafe fn new(seen: Elements<'c>, types: &TypeTable) -> ElementsMut<'c> {
        let element = seen.element_type();
        ElementsMut {
            data: seen.data().cast_mut(),
            rows: seen.rows() as u64,
            cols: seen.cols() as u64,
            row_stride: seen.row_stride(),
            element,
            stride: types.slots(element),
            seen,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Rows and columns; an array is one row.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows as usize, self.cols as usize)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Element `index` as it is now.
    pub fn get(&self, index: usize) -> ValueRef<'_> {
        self.seen.get(index)
    }

    fn row(&mut self, ty: TypeId) -> &mut [u64] {
        assert!(self.element == ty && self.rows == 1, "elements of another type or shape");
        if self.cols == 0 {
            return &mut [];
        }
        // SAFETY: the elements are one row of scalars that this view alone uses.
        unsafe { slice::from_raw_parts_mut(self.data, self.cols as usize) }
    }

    /// An array of Int, to be written. Panics if it is something else.
    pub fn ints(&mut self) -> &mut [i64] {
        let row = self.row(TypeId::INT);
        // SAFETY: i64 and u64 have one layout and no invalid values.
        unsafe { slice::from_raw_parts_mut(row.as_mut_ptr().cast(), row.len()) }
    }

    /// An array of Float, to be written. Panics if it is something else.
    pub fn floats(&mut self) -> &mut [f64] {
        let row = self.row(TypeId::FLOAT);
        // SAFETY: f64 and u64 have one size, and no bits are invalid.
        unsafe { slice::from_raw_parts_mut(row.as_mut_ptr().cast(), row.len()) }
    }

    /// All slots of an array. Moving elements whole keeps every count right.
    fn slots(&mut self) -> &mut [u64] {
        assert!(self.rows == 1, "not an array");
        if self.cols == 0 || self.stride == 0 {
            return &mut [];
        }
        // SAFETY: the slots of the viewed elements, used by this view alone.
        unsafe { slice::from_raw_parts_mut(self.data, self.cols as usize * self.stride) }
    }

    /// Exchanges two elements of an array. Panics if one is not there.
    pub fn swap(&mut self, i: usize, j: usize) {
        assert!(i < self.len() && j < self.len(), "an element that is not there");
        let stride = self.stride;
        let slots = self.slots();
        if stride == 1 {
            slots.swap(i, j);
            return;
        }
        for slot in 0..stride {
            slots.swap(i * stride + slot, j * stride + slot);
        }
    }

    /// Puts the elements of an array in the opposite order.
    pub fn reverse(&mut self) {
        let stride = self.stride;
        let slots = self.slots();
        slots.reverse();
        if stride > 1 {
            slots.chunks_exact_mut(stride).for_each(<[u64]>::reverse);
        }
    }

    /// Puts at each place `i` of an array what was at `order[i]`. Panics unless `order` has every index once. Leaves
    /// `order` sorted.
    pub fn permute(&mut self, order: &mut [usize]) {
        let len = self.len();
        let mut seen = vec![false; len];
        let once = order.iter().all(|&from| from < len && !std::mem::replace(&mut seen[from], true));
        assert!(order.len() == len && once, "not a permutation");
        // Each cycle is followed once: the place just emptied takes what belongs there.
        for start in 0..len {
            let mut to = start;
            while order[to] != start {
                let from = order[to];
                self.swap(to, from);
                order[to] = to;
                to = from;
            }
            order[to] = to;
        }
    }
}

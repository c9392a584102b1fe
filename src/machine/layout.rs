//! What the machine has to know of a type to handle its buffers, one for each shape and not for each program: so that a value may
//! go from one program to another.
//!
//! Invariant: a [`Layout`] is never freed, nor is its empty value. There are as many as there are shapes, however many programs
//! have types of these.

use std::collections::HashMap;
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::memory::{Buffer, immortal, slot};
use crate::bytecode::types::{Type, TypeId, TypeTable};

/// Elements have reference slots.
pub(super) const HAS_REFS: u32 = 1;
/// It holds bytes, not slots.
pub(super) const TEXT: u32 = 2;
/// Its elements have rows and columns.
pub(super) const GRID: u32 = 4;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Slots of an element; 0 if it is not an array or a grid.
    pub(crate) stride: u32,
    pub(super) flags: u32,
    /// Which slots of an element hold buffers.
    pub(crate) refs: Box<[u16]>,
    /// The immortal empty value.
    empty: OnceLock<Empty>,
}

#[derive(Debug)]
struct Empty(*mut Buffer);

// SAFETY: it is never written.
unsafe impl Send for Empty {}
// SAFETY: as above.
unsafe impl Sync for Empty {}

/// The shape of an element: slots, flags, which of them hold buffers.
type Shape = (u32, u32, Box<[u16]>);

static SHAPES: OnceLock<Mutex<HashMap<Shape, &'static Layout>>> = OnceLock::new();

impl Layout {
    fn of(shape: Shape) -> &'static Layout {
        let mut shapes = SHAPES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        shapes.entry(shape).or_insert_with_key(|(stride, flags, refs)| {
            Box::leak(Box::new(Layout { stride: *stride, flags: *flags, refs: refs.clone(), empty: OnceLock::new() }))
        })
    }

    /// That of a Str.
    pub(crate) fn text() -> &'static Layout {
        static TEXT_LAYOUT: OnceLock<&'static Layout> = OnceLock::new();
        TEXT_LAYOUT.get_or_init(|| Layout::of((0, TEXT, Box::default())))
    }

    /// That of an array of Ints, Floats or Bools, or of a grid of them.
    pub(crate) fn of_scalars(is_grid: bool) -> &'static Layout {
        static LAYOUTS: [OnceLock<&'static Layout>; 2] = [OnceLock::new(), OnceLock::new()];
        let flags = if is_grid { GRID } else { 0 };
        LAYOUTS[usize::from(is_grid)].get_or_init(|| Layout::of((1, flags, Box::default())))
    }

    /// The immortal empty value.
    pub(crate) fn empty(&'static self) -> u64 {
        slot(self.empty.get_or_init(|| Empty(immortal(self, 0, 0))).0)
    }

    /// What a buffer's header says of it: its address above 16 bits, then the slots of an element. Addresses have 48 bits on every
    /// platform that runs this.
    pub(super) fn shape(&'static self) -> u64 {
        let address = ptr::from_ref(self).expose_provenance() as u64;
        debug_assert!(address < 1 << 48 && self.stride < 1 << 15, "an address or a stride that does not fit");
        address << 16 | u64::from(self.stride)
    }
}

/// The [`Layout`] of every type of a program, by [`TypeId`].
#[derive(Debug)]
pub(crate) struct Layouts(Box<[&'static Layout]>);

impl Layouts {
    /// Those of `types`.
    pub(crate) fn new(types: &TypeTable) -> Layouts {
        let all = (0..types.len() as u32).map(|id| {
            let ty = TypeId(id);
            if *types.get(ty) == Type::Str {
                return Layout::text();
            }
            let element = types.element(ty).map_or(&[][..], |element| types.leaves(element));
            let refs: Box<[u16]> =
                (0..).zip(element).filter(|&(_, &leaf)| types.is_ref(leaf)).map(|(slot, _)| slot).collect();
            let grid = if matches!(types.get(ty), Type::Grid(_)) { GRID } else { 0 };
            let flags = grid | if refs.is_empty() { 0 } else { HAS_REFS };
            Layout::of((element.len() as u32, flags, refs))
        });
        Layouts(all.collect())
    }

    /// The layout of `ty`.
    #[inline(always)]
    pub(crate) fn get(&self, ty: TypeId) -> &'static Layout {
        self.0[ty.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_share_the_layouts_of_their_types() {
        let (mut one, mut other) = (TypeTable::default(), TypeTable::default());
        let texts = one.array(TypeId::STR);
        let grid = other.grid(TypeId::FLOAT);
        let nested = other.array(grid);
        let (ones, others) = (Layouts::new(&one), Layouts::new(&other));
        assert!(ptr::eq(ones.get(texts), others.get(nested)), "an element is one slot that holds a buffer");
        assert!(!ptr::eq(others.get(grid), others.get(nested)));
        assert!(ptr::eq(ones.get(TypeId::STR), Layout::text()));
    }
}

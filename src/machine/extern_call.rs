//! Functions of the host that a program declares (`extern`), as the machine sees them: what is called, what that uses, and how it
//! gets at its arguments.
//!
//! A call goes to a *shim*, made for the one function it stands for, with the registers of the callee's frame: results first, then
//! parameters, as `bytecode::ops` lays them out. So it costs an indirect call more than one of an `fn`.
//!
//! Invariant: what a shim is called with is what its function was checked against when it was linked.

use std::fmt;
use std::slice;
use std::sync::Arc;

use super::answer::{Give, Wait};
use super::execute::Context;
use super::host_call::Stream;
use super::layout::Layout;
use super::memory::{Buffer, buffer, data, slot};
use super::trap::Fault;
use crate::bytecode::effects::Effects;
use crate::bytecode::trap::TrapCode;

/// What is called: with what it was linked with, and the call.
pub(crate) type Shim = unsafe fn(*const (), &mut ExternCall<'_, '_>) -> Result<(), Box<Fault>>;

/// Something of the host's that its functions read or write.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    /// No two have one, nor has another resource: at least [`RESOURCES`](super::linked::RESOURCES).
    pub(crate) id: u64,
    pub(crate) name: Arc<str>,
}

/// What can be kept for a function of the host: anything.
pub(crate) trait Keep: Send + Sync {}
impl<T: Send + Sync> Keep for T {}

/// A function of the host.
pub(crate) struct Extern {
    shim: Shim,
    data: *const (),
    /// [`Effects::OUTPUT`] if it may print, [`Effects::HOST`] if it is irrevocable.
    pub(crate) effects: Effects,
    /// What it uses, and whether it writes that.
    pub(crate) uses: Vec<(Place, bool)>,
    /// What `data` points into, if it is to be kept for as long as this.
    _keep: Option<Arc<dyn Keep>>,
}

// SAFETY: `Extern::new` asks for it.
unsafe impl Send for Extern {}
// SAFETY: as above.
unsafe impl Sync for Extern {}

impl fmt::Debug for Extern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extern").field("effects", &self.effects).field("uses", &self.uses).finish_non_exhaustive()
    }
}

impl Extern {
    /// # Safety
    /// `shim` may be called, on any thread, with `data` and a call of a function that has the parameters and the result that the
    /// shim is made for, as long as this lives.
    pub(crate) unsafe fn new(
        shim: Shim,
        data: *const (),
        effects: Effects,
        uses: Vec<(Place, bool)>,
        keep: Option<Arc<dyn Keep>>,
    ) -> Extern {
        Extern { shim, data, effects, uses, _keep: keep }
    }

    /// What stands for a function that the host does not have.
    pub(super) fn missing() -> Extern {
        let shim: Shim = |_, _| {
            Err(Box::new(Fault::trap(TrapCode::HostFailed, "the program was not linked with a host's functions")))
        };
        Extern { shim, data: std::ptr::null(), effects: Effects::HOST, uses: Vec::new(), _keep: None }
    }

    /// Whether it has to wait until all older work has retired.
    pub(super) fn waits(&self) -> bool {
        self.effects.meets(Effects::HOST)
    }

    /// Calls it.
    ///
    /// # Safety
    /// `regs` is the frame of a function that was linked with this, whose results are 0 where they own.
    #[inline(always)]
    pub(super) unsafe fn call(&self, cx: &mut Context<'_>, regs: *mut u64) -> Result<(), Box<Fault>> {
        // SAFETY: the caller's, and the promise of `new`.
        unsafe { (self.shim)(self.data, &mut ExternCall { cx, regs }) }
    }
}

/// A value that takes one slot of an array, as it lies there.
///
/// # Safety
/// It has the size and alignment of a `u64`, and any slot of an array of that type is one.
pub unsafe trait Word: Copy + 'static {}

// SAFETY: any 64 bits are an Int.
unsafe impl Word for i64 {}
// SAFETY: any 64 bits are a Float.
unsafe impl Word for f64 {}

/// One call of a function of the host.
pub struct ExternCall<'c, 'a> {
    cx: &'c mut Context<'a>,
    regs: *mut u64,
}

/// A part of a grid: the first element, rows, columns, and elements from one row to the next.
pub(crate) type GridParts<T> = (*mut T, usize, usize, usize);

impl ExternCall<'_, '_> {
    /// A register.
    ///
    /// # Safety
    /// It is one of the function's.
    pub(crate) unsafe fn register(&self, at: usize) -> *mut u64 {
        // SAFETY: the caller's.
        unsafe { self.regs.add(at) }
    }

    /// The text of the Str in a register, good until that is written.
    ///
    /// # Safety
    /// The register holds a Str.
    pub(crate) unsafe fn text(&self, at: usize) -> *const str {
        // SAFETY: the caller's; a Str's bytes are UTF-8.
        unsafe {
            let held = buffer(*self.register(at));
            str::from_utf8_unchecked(slice::from_raw_parts(data(held).cast::<u8>(), (*held).len as usize))
        }
    }

    /// The elements of the view of an array in the registers from `at` on.
    ///
    /// # Safety
    /// They hold such a view, of elements that are `T`s.
    pub(crate) unsafe fn elements<T: Word>(&self, at: usize) -> *mut [T] {
        // SAFETY: the caller's.
        let (first, len) = unsafe { (*self.register(at), *self.register(at + 1)) };
        let first = if len == 0 { std::ptr::dangling_mut() } else { buffer(first).cast::<T>() };
        std::ptr::slice_from_raw_parts_mut(first, len as usize)
    }

    /// The same for a grid.
    ///
    /// # Safety
    /// As above.
    pub(crate) unsafe fn grid<T: Word>(&self, at: usize) -> GridParts<T> {
        // SAFETY: the caller's.
        let word = |index: usize| unsafe { *self.register(at + index) };
        let (rows, cols, pitch) = (word(1) as usize, word(2) as usize, word(3) as usize);
        let first = if rows == 0 || cols == 0 { std::ptr::dangling_mut() } else { buffer(word(0)).cast::<T>() };
        (first, rows, cols, pitch)
    }

    /// # Safety
    /// The register holds 0 or an owner, of the type of `new`.
    unsafe fn replace(&mut self, at: usize, new: *mut Buffer) {
        // SAFETY: the caller's.
        unsafe {
            let old = std::mem::replace(&mut *self.register(at), slot(new));
            if old != 0 {
                self.cx.heap.release(buffer(old));
            }
        }
    }

    /// Puts a text into a register.
    ///
    /// # Safety
    /// It owns a Str, or is a Str's and 0.
    pub(crate) unsafe fn set_text(&mut self, at: usize, text: &str) -> Result<(), Fault> {
        let new = self.cx.heap.text(text)?;
        // SAFETY: the caller's.
        unsafe { self.replace(at, new) };
        Ok(())
    }

    /// Puts an array into a register, or, with a number of columns, a grid.
    ///
    /// # Safety
    /// It owns an array or a grid of `T`s, or is such a one's and 0.
    pub(crate) unsafe fn set_elements<T: Word>(
        &mut self,
        at: usize,
        values: &[T],
        shape: Option<(usize, usize)>,
    ) -> Result<(), Fault> {
        let new = self.cx.heap.new_room(Layout::of_scalars(shape.is_some()), values.len() as u64)?;
        // SAFETY: it has room for the values; the rest is the caller's.
        unsafe {
            data(new).cast::<T>().copy_from_nonoverlapping(values.as_ptr(), values.len());
            (*new).len = values.len() as u64;
            if let Some((rows, cols)) = shape {
                ((*new).rows, (*new).cols) = (rows as u64, cols as u64);
            }
            self.replace(at, new);
        }
        Ok(())
    }

    /// The answer that the call has waited for, if it has.
    pub(crate) fn answered(&mut self) -> Option<Give> {
        // SAFETY: what the run waits for is its own.
        let awaits = unsafe { self.cx.awaits.as_mut() }?;
        awaits.take()?.take()
    }

    /// Lets the call wait for an answer, unless it is there.
    ///
    /// # Errors
    /// [`Fault::Await`]: the call is made again when the answer is there.
    pub(crate) fn wait_for(&mut self, wait: Arc<Wait>) -> Result<Give, Fault> {
        if let Some(give) = wait.take() {
            return Ok(give);
        }
        // SAFETY: as above; a run can wait wherever it can call the host.
        unsafe { *self.cx.awaits = Some(wait) };
        Err(Fault::Await)
    }

    /// Prints.
    pub(crate) fn print(&mut self, stream: Stream, text: &str) -> Result<(), Fault> {
        self.cx.world.write(stream, text.as_bytes())
    }
}

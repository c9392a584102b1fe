//! Counted buffers and the memory they take: the budget, the per-thread cache in front of the global allocator, and
//! what is done to a whole buffer (share, release, make unique, grow).
//!
//! A Str, array or grid is one block: a [`Buffer`] header, then its bytes or its elements' slots. A slot that holds one
//! is its address; 0 is an empty value in an element, and "moved out" in a register.
//!
//! Invariants: `owners` counts the slots that hold the buffer; only a buffer with one owner is written. The bytes of a Str
//! are UTF-8. `len` elements (bytes) are initialised, and each of their reference slots is 0 or holds an owner. A count
//! that reaches [`IMMORTAL`] stays there, so that it can't wrap: constants begin so.
//!
//! Called by the interpreter's slow paths and by the host's functions through `host_call`.

use std::alloc::{Layout as Block, alloc, alloc_zeroed, dealloc, realloc};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering, fence};

use super::interrupt::{Interrupt, Stop};
use super::large::{self, LARGE};
use super::layout::{GRID, HAS_REFS, Layout, TEXT};
use super::recorder::{SharedRoots, forget};

/// The header of a counted buffer.
#[repr(C)]
pub(crate) struct Buffer {
    pub(crate) owners: AtomicU32,
    flags: u32,
    /// Bytes of a Str, elements of an array or grid.
    pub(crate) len: u64,
    /// Room: bytes of a Str, else slots.
    pub(crate) cap: u64,
    /// The address of its layout above 16 bits, then the slots of an element.
    shape: u64,
    /// Of a grid. In a buffer that is being destroyed, the next such.
    pub(crate) rows: u64,
    /// Of a grid.
    pub(crate) cols: u64,
}

impl Buffer {
    /// Slots of an element.
    #[inline(always)]
    pub(crate) fn stride(&self) -> u32 {
        u32::from(self.shape as u16)
    }

    /// What it is like.
    #[inline(always)]
    pub(crate) fn layout(&self) -> &'static Layout {
        // SAFETY: `write_header` put the address of one there, and layouts are for ever.
        unsafe { &*ptr::with_exposed_provenance::<Layout>((self.shape >> 16) as usize) }
    }

    /// Whether its elements are one slot that holds no buffer.
    #[inline(always)]
    pub(crate) fn takes_scalars(&self) -> bool {
        self.flags == 0 && self.stride() == 1
    }

    /// Whether it is a Str.
    #[inline(always)]
    pub(crate) fn is_text(&self) -> bool {
        self.flags & TEXT != 0
    }

    /// Whether it has rows and columns.
    #[inline(always)]
    pub(crate) fn is_grid(&self) -> bool {
        self.flags & GRID != 0
    }

    /// Whether its elements have slots that hold buffers.
    #[inline(always)]
    pub(crate) fn holds_buffers(&self) -> bool {
        self.flags & HAS_REFS != 0
    }

    /// Whether it is a constant, or shared so often that it counts as one.
    #[inline(always)]
    pub(crate) fn is_immortal(&self) -> bool {
        self.owners.load(Ordering::Relaxed) >= IMMORTAL
    }

    /// Bytes that it will take more, at least, if so many elements are added.
    pub(crate) fn growth(&self, extra: u64) -> u64 {
        let needed = self.len.saturating_add(extra).saturating_mul(self.room_of_one());
        let more = if needed <= self.cap { 0 } else { (needed - self.cap).max(self.cap) };
        if self.is_text() { more } else { more.saturating_mul(8) }
    }

    /// What an element takes of the room: slots, or the byte of a Str.
    fn room_of_one(&self) -> u64 {
        if self.flags & TEXT != 0 { 1 } else { u64::from(self.stride()) }
    }
}

/// The size of the header.
pub(crate) const HEADER_BYTES: usize = size_of::<Buffer>();
/// A count from here on is for ever.
pub(crate) const IMMORTAL: u32 = 1 << 31;

/// How many elements, or 8-byte words, are done between two polls.
pub(crate) const POLL_EVERY: u64 = 4096;

/// The first slot of `buffer`, or its first byte.
///
/// # Safety
/// `buffer` points to a live buffer.
#[inline(always)]
pub(crate) unsafe fn data(buffer: *mut Buffer) -> *mut u64 {
    // SAFETY: a block is as large as its header at least.
    unsafe { buffer.cast::<u8>().add(HEADER_BYTES).cast() }
}

/// The buffer that a slot holds, null for 0.
#[inline(always)]
pub(crate) fn buffer(slot: u64) -> *mut Buffer {
    ptr::with_exposed_provenance_mut(slot as usize)
}

/// The slot that holds `buffer`.
#[inline(always)]
pub(crate) fn slot(buffer: *mut Buffer) -> u64 {
    buffer.expose_provenance() as u64
}

/// Whether `buffer` may be written in place.
///
/// # Safety
/// `buffer` points to a live buffer, of which the caller holds an owner.
#[inline(always)]
pub(crate) unsafe fn is_unique(buffer: *mut Buffer) -> bool {
    // SAFETY: live. Acquire: what a former owner on another thread read happens before our write.
    unsafe { (*buffer).owners.load(Ordering::Acquire) == 1 }
}

/// A new buffer that is never counted and belongs to no budget: for constants. `cap` is bytes or slots, and `len`
/// of them (elements) must be written before it is used.
pub(crate) fn immortal(layout: &'static Layout, cap: u64, len: u64) -> *mut Buffer {
    let size = size_of_buffer(layout.flags, cap).expect("constants are smaller than the program");
    let block = Block::from_size_align(size, 8).expect("it has a header's size at least");
    // SAFETY: the size isn't 0.
    let buffer: *mut Buffer = unsafe { alloc_zeroed(block) }.cast();
    if buffer.is_null() {
        std::alloc::handle_alloc_error(block);
    }
    // SAFETY: fresh, and large enough.
    unsafe { write_header(buffer, layout, cap, len, IMMORTAL) };
    buffer
}

/// Frees what [`immortal`] gave.
///
/// # Safety
/// `buffer` came from `immortal`, and nobody uses it any more.
pub(crate) unsafe fn free_immortal(buffer: *mut Buffer) {
    // SAFETY: allocated with this size.
    unsafe {
        let size = size_of_buffer((*buffer).flags, (*buffer).cap).expect("it was allocated");
        dealloc(buffer.cast(), Block::from_size_align_unchecked(size, 8));
    }
}

/// # Safety
/// `buffer` points to a block of at least the size that `cap` asks for.
unsafe fn write_header(buffer: *mut Buffer, layout: &'static Layout, cap: u64, len: u64, owners: u32) {
    let header = Buffer {
        owners: AtomicU32::new(owners),
        flags: layout.flags,
        len,
        cap,
        shape: layout.shape(),
        rows: 0,
        cols: 0,
    };
    // SAFETY: the caller's.
    unsafe { buffer.write(header) };
}

/// Bytes of a block with room for `cap`, rounded to 16; `None` if that can't be.
fn size_of_buffer(flags: u32, cap: u64) -> Option<usize> {
    let data = if flags & TEXT == 0 { cap.checked_mul(8)? } else { cap };
    let size = data.checked_add(HEADER_BYTES as u64 + 15)? & !15;
    usize::try_from(size).ok().filter(|&size| size <= isize::MAX as usize)
}

/// The room in a block of `size` bytes.
fn room(flags: u32, size: usize) -> u64 {
    let data = (size - HEADER_BYTES) as u64;
    if flags & TEXT == 0 { data / 8 } else { data }
}

/// The memory that a submission may take, shared by the threads that work for it. It may be a part of another's; then what
/// it frees that others took is its gain, and the whole is right.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicU64,
    used: AtomicI64,
    peak: AtomicU64,
    whole: Option<Arc<Budget>>,
}

impl Budget {
    /// One of `limit` bytes.
    pub fn new(limit: u64) -> Arc<Budget> {
        let limit = AtomicU64::new(limit);
        Arc::new(Budget { limit, used: AtomicI64::new(0), peak: AtomicU64::new(0), whole: None })
    }

    /// A part of this one, of `limit` bytes.
    pub fn part(self: &Arc<Budget>, limit: u64) -> Arc<Budget> {
        let limit = AtomicU64::new(limit);
        Arc::new(Budget { limit, used: AtomicI64::new(0), peak: AtomicU64::new(0), whole: Some(self.clone()) })
    }

    /// The bytes in use; what threads have taken in advance counts.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed).max(0) as u64
    }

    /// The bytes left.
    pub fn left(&self) -> u64 {
        let own = self.limit().saturating_sub(self.used());
        self.whole.as_ref().map_or(own, |whole| whole.left().min(own))
    }

    /// Whether with so many bytes more it would be into its last third, which is for the oldest work alone.
    pub(crate) fn is_tight(&self, more: u64) -> bool {
        let others = self.limit() - self.limit() / 3;
        self.used().saturating_add(more) > others || self.whole.as_ref().is_some_and(|whole| whole.is_tight(more))
    }

    /// The most that were in use at once.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// The limit.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Begins anew, with so many bytes in use.
    fn reset(&self, limit: u64, used: i64) {
        self.limit.store(limit, Ordering::Relaxed);
        self.used.store(used, Ordering::Relaxed);
        self.peak.store(used as u64, Ordering::Relaxed);
    }

    pub(crate) fn take(&self, bytes: u64) -> Result<(), Stop> {
        let signed = i64::try_from(bytes).map_err(|_| Stop::Memory)?;
        if let Some(whole) = &self.whole {
            whole.take(bytes)?;
        }
        let used = self.used.fetch_add(signed, Ordering::Relaxed).saturating_add(signed);
        if used > 0 && used as u64 > self.limit() {
            self.give_back(bytes);
            return Err(Stop::Memory);
        }
        if used > 0 && used as u64 > self.peak() {
            self.peak.fetch_max(used as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes as i64, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.give_back(bytes);
        }
    }
}

/// Blocks up to this size are kept for reuse.
const CACHED: usize = 1024;
const CLASSES: usize = CACHED / 16;
/// How many bytes of a class are kept.
const KEPT: usize = 64 << 10;
/// Bytes taken from the budget in advance, at most.
const CHUNK: i64 = 64 << 10;

/// The same where there may be so many in all: little of it lies idle, with however many threads.
fn chunk_of(limit: u64) -> i64 {
    ((limit / 1024) as i64).clamp(1 << 9, CHUNK)
}

#[derive(Clone, Copy)]
struct FreeList {
    head: *mut FreeBlock,
    count: usize,
}

struct FreeBlock {
    next: *mut FreeBlock,
}

/// One thread's way to memory.
pub(crate) struct Heap {
    /// Bytes taken from the budget and not in use.
    credit: i64,
    /// How many are taken in advance.
    chunk: i64,
    free: [FreeList; CLASSES + 1],
    budget: Arc<Budget>,
    /// Where numbers of buffers are forgotten that are freed, if the run is recorded.
    pub(super) roots: Option<SharedRoots>,
    pub(crate) interrupt: Interrupt,
}

// SAFETY: the free lists' blocks belong to this heap alone.
unsafe impl Send for Heap {}

impl Drop for Heap {
    fn drop(&mut self) {
        for class in 1..=CLASSES {
            let mut block = self.free[class].head;
            while !block.is_null() {
                // SAFETY: the list holds blocks of this class, each once.
                unsafe {
                    let next = (*block).next;
                    dealloc(block.cast(), Block::from_size_align_unchecked(class * 16, 8));
                    block = next;
                }
            }
        }
        self.settle();
    }
}

impl Heap {
    pub(crate) fn new(budget: Arc<Budget>, interrupt: Interrupt) -> Heap {
        let none = FreeList { head: ptr::null_mut(), count: 0 };
        let chunk = chunk_of(budget.limit());
        Heap { credit: 0, chunk, free: [none; CLASSES + 1], budget, roots: None, interrupt }
    }

    /// The budget that it draws on.
    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Goes on with memory of another budget.
    pub(super) fn switch(&mut self, budget: &Arc<Budget>) {
        if !Arc::ptr_eq(&self.budget, budget) {
            self.settle();
            self.budget = budget.clone();
            self.chunk = chunk_of(budget.limit());
        }
    }

    /// Goes on with memory of a new budget of `limit` bytes: the old one, used anew, if nobody else has it.
    pub(super) fn begin(&mut self, limit: u64) {
        if !self.is_alone() {
            self.settle();
            self.budget = Budget::new(0);
        }
        self.chunk = chunk_of(limit);
        // The first frames, and some more.
        self.credit = if limit >= 4 * CHUNK as u64 { 2 * CHUNK } else { 0 };
        self.budget.reset(limit, self.credit);
    }

    /// Work in this memory has ended.
    pub(super) fn end(&mut self) {
        if !self.is_alone() {
            self.settle();
        }
    }

    /// Whether nobody else will see what becomes of the budget.
    fn is_alone(&self) -> bool {
        let is_alone = self.budget.whole.is_none() && Arc::strong_count(&self.budget) == 1;
        // What others did with it came before; and nobody can get it but from here.
        fence(Ordering::Acquire);
        is_alone
    }

    /// Gives back what was taken in advance.
    pub(super) fn settle(&mut self) {
        if self.credit != 0 {
            self.budget.give_back(std::mem::take(&mut self.credit) as u64);
        }
    }

    /// Whether so many bytes more would be taken from the last third of the budget, which is for the oldest work alone.
    #[inline]
    pub(super) fn is_tight_for(&self, bytes: usize) -> bool {
        self.credit < bytes as i64 && self.budget.is_tight(bytes as u64)
    }

    #[inline]
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Stop> {
        self.credit -= bytes as i64;
        if self.credit < 0 { self.refill(bytes) } else { Ok(()) }
    }

    #[cold]
    fn refill(&mut self, bytes: usize) -> Result<(), Stop> {
        let missing = -self.credit;
        let result = match self.budget.take((missing + self.chunk) as u64) {
            Ok(()) => {
                self.credit += missing + self.chunk;
                if self.budget.is_tight(0) {
                    self.interrupt.crowd();
                }
                return Ok(());
            }
            // Near the limit: exactly what is missing.
            Err(_) => self.budget.take(missing as u64),
        };
        self.credit += if result.is_ok() { missing } else { bytes as i64 };
        self.interrupt.crowd();
        result
    }

    #[inline]
    pub(super) fn refund(&mut self, bytes: usize) {
        self.credit += bytes as i64;
        if self.credit > 4 * self.chunk {
            self.return_credit();
        }
    }

    #[cold]
    fn return_credit(&mut self) {
        self.budget.give_back((self.credit - self.chunk) as u64);
        self.credit = self.chunk;
    }

    /// A block of `size` bytes, which is a multiple of 16.
    #[inline]
    fn take_block(&mut self, size: usize, zeroed: bool) -> Result<*mut u8, Stop> {
        self.charge(size)?;
        if size <= CACHED {
            let list = &mut self.free[size / 16];
            let head = list.head;
            if !head.is_null() {
                // SAFETY: blocks in the list are free, of this size, and begin with their link.
                unsafe {
                    list.head = (*head).next;
                    list.count -= 1;
                    if zeroed {
                        head.cast::<u8>().write_bytes(0, size);
                    }
                }
                return Ok(head.cast());
            }
        }
        self.take_new_block(size, zeroed)
    }

    #[cold]
    #[inline(never)]
    fn take_new_block(&mut self, size: usize, zeroed: bool) -> Result<*mut u8, Stop> {
        // SAFETY: a block has a header's size at least, and `size_of_buffer` keeps it below `isize::MAX`.
        let block = unsafe {
            let layout = Block::from_size_align_unchecked(size, 8);
            match zeroed {
                _ if size >= LARGE => large::take(size, zeroed),
                true => alloc_zeroed(layout),
                false => alloc(layout),
            }
        };
        if block.is_null() {
            self.refund(size);
            return Err(Stop::Memory);
        }
        Ok(block)
    }

    /// # Safety
    /// `block` came from [`Heap::take_block`] of some heap of this run with this size, and is not used any more.
    #[inline]
    unsafe fn give_block(&mut self, block: *mut u8, size: usize) {
        if let Some(roots) = &self.roots {
            forget(roots, block.addr());
        }
        self.refund(size);
        if size <= CACHED {
            let list = &mut self.free[size / 16];
            if list.count < KEPT / size {
                let block: *mut FreeBlock = block.cast();
                // SAFETY: the block is ours, and has room for a link.
                unsafe { (*block).next = list.head };
                list.head = block;
                list.count += 1;
                return;
            }
        }
        // SAFETY: allocated with this layout.
        unsafe {
            if size >= LARGE {
                large::free(block, size);
            } else {
                dealloc(block, Block::from_size_align_unchecked(size, 8));
            }
        }
    }

    /// An empty buffer with room for `cap` bytes or slots.
    fn new_buffer(&mut self, layout: &'static Layout, cap: u64, zeroed: bool) -> Result<*mut Buffer, Stop> {
        let flags = layout.flags;
        let size = size_of_buffer(flags, cap).ok_or(Stop::Memory)?;
        let buffer: *mut Buffer = self.take_block(size, zeroed)?.cast();
        // SAFETY: fresh, of that size.
        unsafe { write_header(buffer, layout, room(flags, size), 0, 1) };
        Ok(buffer)
    }

    /// An empty array with room for `elements`.
    pub(crate) fn new_array(&mut self, layout: &'static Layout, elements: u64) -> Result<*mut Buffer, Stop> {
        if elements == 0 { Ok(buffer(layout.empty())) } else { self.new_room(layout, elements) }
    }

    /// An empty array or grid, of this owner alone, with room for `elements`.
    pub(crate) fn new_room(&mut self, layout: &'static Layout, elements: u64) -> Result<*mut Buffer, Stop> {
        self.new_buffer(layout, elements.checked_mul(u64::from(layout.stride)).ok_or(Stop::Memory)?, false)
    }

    /// An array of `len` elements: zeros, or whatever was in memory.
    ///
    /// # Safety
    /// If they are not zeroed, they are scalars, and each is written before it is read.
    pub(crate) unsafe fn new_elements(
        &mut self,
        layout: &'static Layout,
        len: u64,
        zeroed: bool,
    ) -> Result<*mut Buffer, Stop> {
        if len == 0 {
            return Ok(buffer(layout.empty()));
        }
        let cap = len.checked_mul(u64::from(layout.stride)).ok_or(Stop::Memory)?;
        let buffer = self.new_buffer(layout, cap, zeroed)?;
        // SAFETY: fresh, and 0 is a value of every type; or the caller's.
        unsafe { (*buffer).len = len };
        Ok(buffer)
    }

    /// An empty Str with room for `bytes`.
    pub(crate) fn new_text(&mut self, bytes: u64) -> Result<*mut Buffer, Stop> {
        let layout = Layout::text();
        if bytes == 0 {
            return Ok(buffer(layout.empty()));
        }
        self.new_buffer(layout, bytes, false)
    }

    /// A Str of this text.
    pub(crate) fn text(&mut self, text: &str) -> Result<*mut Buffer, Stop> {
        let buffer = self.new_text(text.len() as u64)?;
        if !text.is_empty() {
            // SAFETY: the buffer is fresh, with room for the text.
            unsafe {
                data(buffer).cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
                (*buffer).len = text.len() as u64;
            }
        }
        Ok(buffer)
    }

    /// A grid whose slots are all 0.
    pub(crate) fn new_grid(&mut self, layout: &'static Layout, rows: u64, cols: u64) -> Result<*mut Buffer, Stop> {
        let len = rows.checked_mul(cols).ok_or(Stop::Memory)?;
        let cap = len.checked_mul(u64::from(layout.stride)).ok_or(Stop::Memory)?;
        let buffer = self.new_buffer(layout, cap, true)?;
        // SAFETY: fresh, and its slots are 0, which is a value of every type.
        unsafe {
            (*buffer).len = len;
            (*buffer).rows = rows;
            (*buffer).cols = cols;
        }
        Ok(buffer)
    }

    /// Adds an owner.
    ///
    /// # Safety
    /// `buffer` points to a live buffer.
    #[inline(always)]
    pub(crate) unsafe fn share(buffer: *mut Buffer) {
        // SAFETY: live. Relaxed: whoever shares it has an owner or a borrow, so the count can't reach 0 meanwhile.
        unsafe {
            if (*buffer).owners.load(Ordering::Relaxed) < IMMORTAL {
                (*buffer).owners.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Takes an owner away; whether it was the last.
    ///
    /// # Safety
    /// `buffer` points to a live buffer, of which the caller gives up an owner.
    #[inline(always)]
    unsafe fn disown(buffer: *mut Buffer) -> bool {
        // SAFETY: live. With a count of one nobody else can raise it, so no locked instruction is needed; Acquire (or
        // Release and the fence) makes every former owner's reads happen before what is done to the memory next.
        unsafe {
            let owners = (*buffer).owners.load(Ordering::Acquire);
            if owners == 1 {
                return true;
            }
            if owners >= IMMORTAL || (*buffer).owners.fetch_sub(1, Ordering::Release) != 1 {
                return false;
            }
            fence(Ordering::Acquire);
            true
        }
    }

    /// Takes an owner away, and frees what nobody owns then.
    ///
    /// # Safety
    /// As for `disown`.
    #[inline]
    pub(crate) unsafe fn release(&mut self, buffer: *mut Buffer) {
        // SAFETY: the caller's.
        unsafe {
            if Self::disown(buffer) {
                self.destroy(buffer);
            }
        }
    }

    /// Frees a buffer that nobody owns, and all that it alone held. The dead are linked through their headers, so that
    /// it needs neither recursion nor memory.
    ///
    /// # Safety
    /// The buffer is live and its last owner gone.
    #[inline(never)]
    unsafe fn destroy(&mut self, first: *mut Buffer) {
        // SAFETY: every buffer in the list is dead, once, and reached through its elements' slots, which hold owners.
        unsafe {
            (*first).rows = 0;
            let mut dead = first;
            while !dead.is_null() {
                let this = dead;
                dead = buffer((*this).rows);
                if (*this).flags & HAS_REFS != 0 {
                    dead = Self::disown_elements(data(this), (*this).len, (*this).layout(), dead);
                }
                let size = size_of_buffer((*this).flags, (*this).cap).unwrap_unchecked();
                self.give_block(this.cast(), size);
            }
        }
    }

    /// Gives up what `count` elements from `from` on hold; those that nobody owns then are put before `dead`.
    ///
    /// # Safety
    /// They are elements of a buffer with this layout, and not used any more.
    unsafe fn disown_elements(from: *mut u64, count: u64, layout: &Layout, mut dead: *mut Buffer) -> *mut Buffer {
        // SAFETY: the caller's.
        unsafe {
            let mut element = from;
            for _ in 0..count {
                for &at in &layout.refs {
                    let child = buffer(*element.add(usize::from(at)));
                    if !child.is_null() && Self::disown(child) {
                        (*child).rows = slot(dead);
                        dead = child;
                    }
                }
                element = element.add(layout.stride as usize);
            }
        }
        dead
    }

    /// Drops `count` elements from `from` on.
    ///
    /// # Safety
    /// They are elements of a buffer with this layout, and not used any more.
    pub(crate) unsafe fn drop_elements(&mut self, layout: &Layout, from: *mut u64, count: u64) {
        if layout.flags & HAS_REFS == 0 {
            return;
        }
        // SAFETY: the caller's; `destroy` frees each of the list that the links make.
        unsafe {
            let mut dead = Self::disown_elements(from, count, layout, ptr::null_mut());
            while !dead.is_null() {
                let next = buffer((*dead).rows);
                self.destroy(dead);
                dead = next;
            }
        }
    }

    /// Adds copies of `count` elements (bytes of a Str) at `from` to `to`, polling.
    ///
    /// # Safety
    /// `to` is unique and has room for them; they are of its type and outside its room.
    pub(crate) unsafe fn append_copies(&mut self, to: *mut Buffer, from: *const u64, count: u64) -> Result<(), Stop> {
        // SAFETY: the caller's. After each turn `len` elements are initialised and owned.
        unsafe {
            let layout = (*to).layout();
            if layout.flags & TEXT != 0 {
                let end = data(to).cast::<u8>().add((*to).len as usize);
                end.copy_from_nonoverlapping(from.cast(), count as usize);
                (*to).len += count;
                return Ok(());
            }
            let stride = layout.stride as usize;
            let per_poll = (64 * POLL_EVERY / (stride as u64).max(1)).max(1);
            let mut done = 0;
            while done < count {
                let turn = (count - done).min(if stride == 0 { count } else { per_poll });
                let source = from.add(done as usize * stride);
                let end = data(to).add((*to).len as usize * stride);
                end.copy_from_nonoverlapping(source, turn as usize * stride);
                Self::share_elements(end, turn, layout);
                (*to).len += turn;
                done += turn;
                self.interrupt.check()?;
            }
        }
        Ok(())
    }

    /// Adds an owner to all that `count` elements from `from` on hold.
    ///
    /// # Safety
    /// They are elements of a buffer with this layout.
    unsafe fn share_elements(from: *mut u64, count: u64, layout: &Layout) {
        if layout.flags & HAS_REFS == 0 {
            return;
        }
        // SAFETY: the caller's.
        unsafe {
            for element in 0..count as usize {
                Self::share_one(layout, from.add(element * layout.stride as usize));
            }
        }
    }

    /// Adds an owner to all that the element at `from` holds.
    ///
    /// # Safety
    /// It is a live element of a buffer with this layout.
    #[inline]
    pub(crate) unsafe fn share_one(layout: &Layout, from: *const u64) {
        for &at in &layout.refs {
            // SAFETY: the caller's.
            unsafe {
                let child = buffer(*from.add(usize::from(at)));
                if !child.is_null() {
                    Self::share(child);
                }
            }
        }
    }

    /// Makes the buffer in `place` unique: copies it if it has other owners.
    ///
    /// # Safety
    /// `place` holds an owner.
    #[inline]
    pub(crate) unsafe fn make_unique(&mut self, place: *mut u64) -> Result<*mut Buffer, Stop> {
        // SAFETY: the caller's.
        unsafe {
            let held = buffer(*place);
            if is_unique(held) { Ok(held) } else { self.copy_into(place, (*held).len, 0) }
        }
    }

    /// Puts a copy with room for `extra` more elements (bytes) into `place`.
    ///
    /// # Safety
    /// `place` holds an owner, whose first `len` elements are copied.
    #[cold]
    #[inline(never)]
    unsafe fn copy_into(&mut self, place: *mut u64, len: u64, extra: u64) -> Result<*mut Buffer, Stop> {
        // SAFETY: the caller's; the copy is unique and has room.
        unsafe {
            let old = buffer(*place);
            let stride = (*old).room_of_one();
            let room = len.checked_add(extra).and_then(|n| n.checked_mul(stride)).ok_or(Stop::Memory)?;
            let copy = self.new_buffer((*old).layout(), room, false)?;
            if let Err(stop) = self.append_copies(copy, data(old), len) {
                self.release(copy);
                return Err(stop);
            }
            (*copy).rows = (*old).rows;
            (*copy).cols = (*old).cols;
            *place = slot(copy);
            self.release(old);
            Ok(copy)
        }
    }

    /// Makes the Str or array in `place` unique, with room for `extra` more bytes or elements.
    ///
    /// # Safety
    /// `place` holds an owner.
    #[inline]
    pub(crate) unsafe fn reserve(&mut self, place: *mut u64, extra: u64) -> Result<*mut Buffer, Stop> {
        // SAFETY: the caller's.
        unsafe {
            let held = buffer(*place);
            if is_unique(held) {
                let stride = (*held).room_of_one();
                let needed = (*held).len.checked_add(extra).and_then(|n| n.checked_mul(stride)).ok_or(Stop::Memory)?;
                if needed <= (*held).cap {
                    return Ok(held);
                }
                return self.grow(place, needed);
            }
            let len = (*held).len;
            self.copy_into(place, len, extra.max(len / 2).max(if (*held).flags & TEXT != 0 { 32 } else { 4 }))
        }
    }

    /// Gives the unique buffer in `place` room for `needed` slots (bytes), and for as many more as keeps the cost of a
    /// row of additions linear.
    ///
    /// # Safety
    /// `place` holds the only owner.
    #[cold]
    #[inline(never)]
    unsafe fn grow(&mut self, place: *mut u64, needed: u64) -> Result<*mut Buffer, Stop> {
        // SAFETY: the caller's; the block has the size that its room asks for.
        unsafe {
            let old = buffer(*place);
            let flags = (*old).flags;
            let old_size = size_of_buffer(flags, (*old).cap).unwrap_unchecked();
            let generous = size_of_buffer(flags, needed.max((*old).cap.saturating_mul(2)));
            let exact = size_of_buffer(flags, needed).ok_or(Stop::Memory)?;
            let mut last = Err(Stop::Memory);
            for size in [generous.unwrap_or(exact), exact] {
                last = self.resize_block(old.cast(), old_size, size);
                if last.is_ok() {
                    break;
                }
            }
            let (block, size) = last?;
            let new: *mut Buffer = block.cast();
            (*new).cap = room(flags, size);
            *place = slot(new);
            Ok(new)
        }
    }

    /// # Safety
    /// `block` is one of `old_size` bytes.
    unsafe fn resize_block(&mut self, block: *mut u8, old_size: usize, size: usize) -> Result<(*mut u8, usize), Stop> {
        // SAFETY: the caller's; on failure the block stays as it was.
        unsafe {
            if old_size <= CACHED || (old_size < LARGE && size >= LARGE) {
                let new = self.take_block(size, false)?;
                new.copy_from_nonoverlapping(block, old_size.min(size));
                self.give_block(block, old_size);
                return Ok((new, size));
            }
            self.charge(size - old_size)?;
            if let Some(roots) = &self.roots {
                forget(roots, block.addr());
            }
            let new = if old_size >= LARGE {
                large::resize(block, old_size, size)
            } else {
                realloc(block, Block::from_size_align_unchecked(old_size, 8), size)
            };
            if new.is_null() {
                self.refund(size - old_size);
                return Err(Stop::Memory);
            }
            Ok((new, size))
        }
    }

    /// Adds text to the Str in `place`.
    ///
    /// # Safety
    /// `place` holds an owner of a Str, and `text` does not lie in it if it is unique.
    pub(crate) unsafe fn append_text(&mut self, place: *mut u64, text: &str) -> Result<(), Stop> {
        if text.is_empty() {
            return Ok(());
        }
        // SAFETY: `reserve` gives a unique buffer with the room.
        unsafe {
            let buffer = self.reserve(place, text.len() as u64)?;
            let end = data(buffer).cast::<u8>().add((*buffer).len as usize);
            end.copy_from_nonoverlapping(text.as_ptr(), text.len());
            (*buffer).len += text.len() as u64;
        }
        Ok(())
    }
}

/// The last register of a view: its buffer's address above 16 bits, then [`WRITTEN`], then the slots of an element, so that an
/// element is found without a look at the buffer. Addresses have 48 bits on every platform that runs this.
pub(super) fn view_tail(container: *mut Buffer, flags: u64) -> u64 {
    let address = slot(container);
    debug_assert!(address < 1 << 48, "an address of more than 48 bits");
    // SAFETY: the caller has a live buffer in hand.
    address << 16 | flags | u64::from(unsafe { (*container).stride() })
}

/// In a view's last register: somebody may write the elements through a view without asking for owners, so the buffer
/// must not be shared. It is passed on to views of the view.
pub(super) const WRITTEN: u64 = 1 << 15;

/// The buffer of a view, from its last register.
#[inline(always)]
pub(super) fn tail_buffer(tail: u64) -> *mut Buffer {
    buffer(tail >> 16)
}

/// The slots of an element of a view, from its last register.
#[inline(always)]
pub(super) fn tail_stride(tail: u64) -> usize {
    (tail & (WRITTEN - 1)) as usize
}

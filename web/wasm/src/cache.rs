//! Small blocks of memory without a lock: each thread keeps lists of free ones by size class, and moves whole chains of them to and
//! from the lists that all share. The standard library's allocator, which is one spinlock on this target, is asked for chunks only.
//!
//! A block stays in its class for ever: what is carved is never given back, and is bounded by the most that was in use of
//! each class at some time, plus two chains a thread.
//!
//! Invariant: a block is in use, or in one list, of its class. Only the thread itself touches its lists; a shared list is touched
//! with its lock held.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::hint::spin_loop;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Larger ones are the standard library's business.
pub const LARGEST: usize = 32 << 10;
/// What every block is aligned to.
pub const ALIGN: usize = 16;
/// 16 to 128 in steps of 16, then four to each doubling.
const CLASSES: usize = 8 + 4 * (LARGEST.ilog2() - 7) as usize;

/// The class of a size from 1 to [`LARGEST`].
#[inline]
fn class_of(size: usize) -> usize {
    if size <= 128 {
        return (size.max(1) - 1) / 16;
    }
    let log = (size - 1).ilog2();
    // The two bits after the first.
    8 + 4 * (log as usize - 7) + ((size - 1) >> (log - 2) & 3)
}

/// The size of a class's blocks.
fn size_of(class: usize) -> usize {
    if class < 8 {
        return 16 * (class + 1);
    }
    let (doubling, step) = ((class - 8) / 4, (class - 8) % 4);
    (5 + step) << (5 + doubling)
}

/// How many blocks move at once.
fn chain_of(class: usize) -> usize {
    (LARGEST / size_of(class)).clamp(1, 64)
}

/// A free block.
struct Block {
    next: *mut Block,
    /// Of the first block of a chain in a shared list.
    next_chain: *mut Block,
}

/// A list of chains that all threads share.
struct Shared {
    locked: AtomicBool,
    chains: UnsafeCell<*mut Block>,
}

// SAFETY: `chains` is touched with the lock held.
unsafe impl Sync for Shared {}

impl Shared {
    const fn new() -> Shared {
        Shared { locked: AtomicBool::new(false), chains: UnsafeCell::new(ptr::null_mut()) }
    }

    fn with<R>(&self, body: impl FnOnce(&mut *mut Block) -> R) -> R {
        while self.locked.swap(true, Ordering::Acquire) {
            spin_loop();
        }
        // SAFETY: this thread has the lock.
        let result = body(unsafe { &mut *self.chains.get() });
        self.locked.store(false, Ordering::Release);
        result
    }

    fn push(&self, chain: *mut Block) {
        self.with(|first| {
            // SAFETY: the chain is the caller's, and goes into this list.
            unsafe { (*chain).next_chain = *first };
            *first = chain;
        });
    }

    fn pop(&self) -> *mut Block {
        self.with(|first| {
            let chain = *first;
            if !chain.is_null() {
                // SAFETY: it is in this list, and leaves it.
                *first = unsafe { (*chain).next_chain };
            }
            chain
        })
    }
}

static SHARED: [Shared; CLASSES] = [const { Shared::new() }; CLASSES];

/// A thread's list of one class.
struct Own {
    first: Cell<*mut Block>,
    count: Cell<usize>,
}

thread_local! {
    static OWN: [Own; CLASSES] = const { [const { Own { first: Cell::new(ptr::null_mut()), count: Cell::new(0) } }; CLASSES] };
}

/// The allocator: see the head of this file.
pub struct Cached;

impl Cached {
    #[inline]
    fn is_small(layout: &Layout) -> bool {
        layout.size() <= LARGEST && layout.align() <= ALIGN
    }

    /// Gets a chain: of the shared ones, or a new chunk cut into blocks. The list is empty before.
    #[cold]
    fn refill(own: &Own, class: usize) -> *mut u8 {
        let (size, count) = (size_of(class), chain_of(class));
        let mut chain = SHARED[class].pop();
        if chain.is_null() {
            let Ok(layout) = Layout::from_size_align(size * count, ALIGN) else { return ptr::null_mut() };
            // SAFETY: the layout is not empty.
            let chunk = unsafe { System.alloc(layout) };
            if chunk.is_null() {
                return chunk;
            }
            for index in (0..count).rev() {
                // SAFETY: block `index` lies within the chunk, and is large enough for two pointers.
                let block = unsafe { chunk.add(index * size) }.cast::<Block>();
                // SAFETY: as above.
                unsafe { block.write(Block { next: chain, next_chain: ptr::null_mut() }) };
                chain = block;
            }
        }
        // SAFETY: a chain has a first block, which is this thread's now.
        own.first.set(unsafe { (*chain).next });
        own.count.set(count - 1);
        chain.cast()
    }

    /// Moves a chain to the shared ones. The list has two.
    #[cold]
    fn spill(own: &Own, class: usize) {
        let count = chain_of(class);
        let first = own.first.get();
        let mut last = first;
        for _ in 1..count {
            // SAFETY: the list has more blocks than that.
            last = unsafe { (*last).next };
        }
        // SAFETY: as above.
        own.first.set(unsafe { std::mem::replace(&mut (*last).next, ptr::null_mut()) });
        own.count.set(own.count.get() - count);
        SHARED[class].push(first);
    }
}

// SAFETY: a block is in use once at a time (the invariant), is as large as its class and aligned as `ALIGN`; all else is the
// standard library's.
unsafe impl GlobalAlloc for Cached {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !Self::is_small(&layout) {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        }
        let class = class_of(layout.size());
        OWN.with(|own| {
            let own = &own[class];
            let block = own.first.get();
            if block.is_null() {
                return Self::refill(own, class);
            }
            // SAFETY: it is in this thread's list, and leaves it.
            own.first.set(unsafe { (*block).next });
            own.count.set(own.count.get() - 1);
            block.cast()
        })
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if !Self::is_small(&layout) {
            // SAFETY: the caller's promise, and so it was allocated.
            return unsafe { System.dealloc(at, layout) };
        }
        let class = class_of(layout.size());
        OWN.with(|own| {
            let own = &own[class];
            let block = at.cast::<Block>();
            // SAFETY: the caller has no more use for it, and it is a block of that class.
            unsafe { block.write(Block { next: own.first.get(), next_chain: ptr::null_mut() }) };
            own.first.set(block);
            own.count.set(own.count.get() + 1);
            if own.count.get() >= 2 * chain_of(class) {
                Self::spill(own, class);
            }
        });
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !Self::is_small(&layout) {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's promise.
        let at = unsafe { self.alloc(layout) };
        if !at.is_null() {
            // SAFETY: it has just been allocated with that size.
            unsafe { at.write_bytes(0, layout.size()) };
        }
        at
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size fits.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (Self::is_small(&layout), Self::is_small(&wanted)) {
            // SAFETY: both are the standard library's, and the caller's promise holds for it.
            (false, false) => unsafe { System.realloc(at, layout, size) },
            (true, true) if class_of(layout.size()) == class_of(size) => at,
            _ => {
                // SAFETY: the caller's promise.
                let to = unsafe { self.alloc(wanted) };
                if !to.is_null() {
                    // SAFETY: both are as large, and apart; the old one has no more use.
                    unsafe {
                        ptr::copy_nonoverlapping(at, to, layout.size().min(size));
                        self.dealloc(at, layout);
                    }
                }
                to
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread;

    #[test]
    fn classes_hold_what_they_are_for() {
        for size in 1..=LARGEST {
            let class = class_of(size);
            assert!(class < CLASSES && size_of(class) >= size, "{size}");
            assert!(class == 0 || size_of(class - 1) < size, "{size} would fit into the class below");
            assert_eq!(size_of(class) % ALIGN, 0);
        }
        assert_eq!(size_of(CLASSES - 1), LARGEST);
    }

    /// Blocks that one thread takes and another gives back, as work goes from worker to worker: none is handed out twice, and the
    /// memory does not grow with the rounds.
    #[test]
    fn blocks_go_round_between_threads() {
        let (sender, receiver) = channel::<(usize, Layout, u8)>();
        let taker = thread::spawn(move || {
            let mut seen = std::collections::HashSet::new();
            for round in 0..200usize {
                for (index, size) in [1, 16, 17, 100, 129, 1000, 5000, LARGEST, LARGEST + 1].into_iter().enumerate() {
                    let layout = Layout::from_size_align(size, 8).unwrap();
                    let mark = (round * 9 + index) as u8;
                    // SAFETY: the layout is not empty; the block is filled within its size, and freed by the other thread.
                    let at = unsafe {
                        let at = Cached.alloc(layout);
                        at.write_bytes(mark, size);
                        at
                    };
                    assert_eq!(at as usize % 8, 0);
                    if size <= LARGEST {
                        seen.insert(at as usize);
                    }
                    sender.send((at as usize, layout, mark)).unwrap();
                }
            }
            seen.len()
        });
        let giver = thread::spawn(move || {
            for (at, layout, mark) in receiver {
                let at = at as *mut u8;
                // SAFETY: the other thread has allocated and filled it, and does not use it any more.
                unsafe {
                    assert!(std::slice::from_raw_parts(at, layout.size()).iter().all(|&byte| byte == mark));
                    Cached.dealloc(at, layout);
                }
            }
        });
        giver.join().unwrap();
        assert!(taker.join().unwrap() <= 200 * 8);
    }

    #[test]
    fn what_grows_and_shrinks_keeps_its_bytes() {
        let mut layout = Layout::from_size_align(8, 8).unwrap();
        // SAFETY: each layout is the one that it was last given.
        unsafe {
            let mut at = Cached.alloc_zeroed(layout);
            assert_eq!(at.cast::<u64>().read(), 0);
            at.cast::<u64>().write(0x0123_4567_89ab_cdef);
            for size in [16, 24, 200, LARGEST, LARGEST + 8, 4 * LARGEST, LARGEST, 64, 8] {
                at = Cached.realloc(at, layout, size);
                layout = Layout::from_size_align(size, 8).unwrap();
                assert_eq!(at.cast::<u64>().read(), 0x0123_4567_89ab_cdef, "{size}");
            }
            Cached.dealloc(at, layout);
        }
    }
}

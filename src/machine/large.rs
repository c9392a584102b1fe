//! Large blocks: each is mapped by itself, on huge pages where the system has them, and is zero unless its taker does not care.
//!
//! A page of a large block is given by the system when it is first touched: by whichever worker that is, so that workers which
//! fill a grid or an array share that work, too. With small pages it takes longer than the filling does. Even a huge page is cleared
//! slowly when another processor wrote it last; so the block that was freed lastly is kept, if it is of moderate size, for who writes all
//! of it anyway.
//!
//! Elsewhere than on Linux, and under Miri, blocks of any size are the allocator's.

/// Blocks of so many bytes and more are large.
pub(super) const LARGE: usize = if cfg!(all(target_os = "linux", not(miri))) { 4 << 20 } else { usize::MAX };

#[cfg(all(target_os = "linux", not(miri)))]
mod mapped {
    use rustix::mm::{Advice, MapFlags, MremapFlags, ProtFlags, madvise, mmap_anonymous, mremap_fixed, munmap};
    use std::ptr;
    use std::sync::{Mutex, PoisonError};

    /// The largest block that is kept.
    const KEPT: usize = 32 << 20;

    /// The block that is kept, and the size of its mapping.
    static LAST: Mutex<Option<Mapping>> = Mutex::new(None);

    struct Mapping {
        block: *mut u8,
        size: usize,
    }

    // SAFETY: nobody else refers to a block that is kept.
    unsafe impl Send for Mapping {}

    /// Keeps another mapping, or none; gives the one that was kept, if it is wanted.
    fn exchange(new: Option<Mapping>, is_wanted: impl FnOnce(&Mapping) -> bool) -> Option<Mapping> {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let old = last.take_if(|last| is_wanted(last));
        if new.is_some() {
            *last = new;
        }
        old
    }

    /// What a huge page has on most machines. With another size, blocks are larger than they need to be, and no more.
    const HUGE: usize = 2 << 20;

    /// The size of the mapping for a block; no block's is near the end of the addresses.
    fn mapping(size: usize) -> usize {
        size.next_multiple_of(HUGE)
    }

    fn anonymous(size: usize) -> Option<*mut u8> {
        // SAFETY: a new mapping, where the system finds room for it.
        let block =
            unsafe { mmap_anonymous(ptr::null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
        block.ok().map(|block| block.cast())
    }

    /// A block, of zeros if it has to be; or null if the system has none.
    pub(in crate::machine) fn take(size: usize, zeroed: bool) -> *mut u8 {
        let size = mapping(size);
        if !zeroed && let Some(last) = exchange(None, |last| last.size == size) {
            return last.block;
        }
        let Some(mut block) = anonymous(size) else { return ptr::null_mut() };
        // SAFETY: what is unmapped is ours alone and outside of the block; advice changes nothing but the time that it takes.
        unsafe {
            if block.addr() % HUGE != 0 {
                let _ = munmap(block.cast(), size);
                let Some(wide) = anonymous(size + HUGE) else { return ptr::null_mut() };
                let before = wide.addr().next_multiple_of(HUGE) - wide.addr();
                block = wide.add(before);
                if before > 0 {
                    let _ = munmap(wide.cast(), before);
                }
                let _ = munmap(block.add(size).cast(), HUGE - before);
            }
            let _ = madvise(block.cast(), size, Advice::LinuxHugepage);
        }
        block
    }

    /// Frees a block.
    ///
    /// # Safety
    /// It is from [`take`] or [`resize`], with this size, and not used any more.
    pub(in crate::machine) unsafe fn free(block: *mut u8, size: usize) {
        let mut unused = Mapping { block, size: mapping(size) };
        if unused.size <= KEPT {
            match exchange(Some(unused), |_| true) {
                Some(last) => unused = last,
                None => return,
            }
        }
        // SAFETY: the caller's, or a former one's.
        let _ = unsafe { munmap(unused.block.cast(), unused.size) };
    }

    /// Moves a block's pages to a larger one. Null if the system has none: then the block stays.
    ///
    /// # Safety
    /// It is from [`take`] or [`resize`], with this size, which is less than the new one.
    pub(in crate::machine) unsafe fn resize(block: *mut u8, old_size: usize, size: usize) -> *mut u8 {
        let (old_size, new_size) = (mapping(old_size), mapping(size));
        if old_size == new_size {
            return block;
        }
        let new = take(size, true);
        if new.is_null() {
            return new;
        }
        // SAFETY: both mappings are ours; the first part of the new one, untouched so far, is replaced.
        unsafe {
            if mremap_fixed(block.cast(), old_size, old_size, MremapFlags::MAYMOVE, new.cast()).is_ok() {
                return new;
            }
            free(new, size);
        }
        ptr::null_mut()
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod mapped {
    pub(in crate::machine) fn take(_: usize, _: bool) -> *mut u8 {
        unreachable!("no block is large here")
    }
    pub(in crate::machine) unsafe fn free(_: *mut u8, _: usize) {
        unreachable!("no block is large here")
    }
    pub(in crate::machine) unsafe fn resize(_: *mut u8, _: usize, _: usize) -> *mut u8 {
        unreachable!("no block is large here")
    }
}

pub(super) use mapped::{free, resize, take};

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_not_given_to_who_wants_zeros() {
        let words = LARGE / 8;
        // SAFETY: each block has that size, and is not used after it was freed.
        unsafe {
            for _ in 0..3 {
                let old = take(LARGE, false).cast::<u64>();
                std::slice::from_raw_parts_mut(old, words).fill(7);
                free(old.cast(), LARGE);
                let new = take(LARGE, true).cast::<u64>();
                assert!(std::slice::from_raw_parts(new, words).iter().all(|&word| word == 0));
                let other = take(LARGE, false).cast::<u64>();
                assert!(other != new, "a block is given once");
                free(new.cast(), LARGE);
                free(other.cast(), LARGE);
            }
        }
    }
}

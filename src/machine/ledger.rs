//! Where submissions lie: on *pages* of so many records, which those who submit fill one record after the other, and which are used again
//! when all on them has been let go of. So a submission takes nothing from the system's allocator, and what is common to those on a page, their
//! code above all, is counted once for all of them.
//!
//! A thread that submits has a *lane*, which is nobody else's as long as there are few such threads; a lane has one page open. Who lets go of a
//! submission, on whatever thread, takes it off the page's count.
//!
//! Who is thousands of submissions ahead of the workers waits a moment when he needs another page, so that what is in flight
//! stays in the processor's caches. That helps where submissions are short; where it does not, more are in flight from then on, and nobody waits again
//! before they are twice as many.
//!
//! Invariants: a page is there as long as anything on it is, or it is open in its lane. A record is there as long as there is a [`Ticket`] for
//! it. A page's code is set while nothing is on it.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::code::Code;
use super::submission::{Cold, Order, Submission};

/// Records of a page.
const RECORDS: usize = if cfg!(any(miri, modelled)) { 2 } else { 64 };
/// Lanes, of threads that submit or count.
pub(crate) const LANES: usize = if cfg!(modelled) { 1 } else { 8 };
/// Pages in use from which on those who submit wait, at first; and how many are kept that are not in use.
const AHEAD: usize = 64;
/// How long somebody waits at most until half of the pages have come back.
const PATIENCE: Duration = Duration::from_millis(2);
/// What the count of a page has in it while the page is open.
const OPEN: usize = 1 << 16;

/// The lane of the calling thread.
pub(crate) fn lane() -> usize {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static LANE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    LANE.get().unwrap_or_else(|| {
        let lane = NEXT.fetch_add(1, Ordering::Relaxed) as usize % LANES;
        LANE.set(Some(lane));
        lane
    })
}

/// Something of each lane's own, on a cache line of its own.
#[derive(Default, Debug)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A submission, if there are tickets, and where it lies.
#[repr(C, align(64))]
struct Record {
    tickets: AtomicUsize,
    page: NonNull<Page>,
    submission: MaybeUninit<Submission>,
    cold: Cold,
}

struct Page {
    /// That of most submissions on it.
    code: UnsafeCell<Option<Arc<Code>>>,
    /// Where it goes back, while it is in use, and the lane that it is open in, or was.
    home: UnsafeCell<Option<Arc<Ledger>>>,
    lane: Cell<usize>,
    /// Records on it, and [`OPEN`].
    count: Padded<AtomicUsize>,
    records: [UnsafeCell<Record>; RECORDS],
}

/// A page that is being filled.
struct Open {
    page: NonNull<Page>,
    next: usize,
}

#[derive(Default)]
struct Shelf {
    free: Vec<Box<Page>>,
    in_use: usize,
    /// How many may be before somebody waits.
    ahead: usize,
    waiting: usize,
    /// How often those that wait have been told to go on.
    told: usize,
}

/// See the head of this file.
pub(crate) struct Ledger {
    lanes: [Padded<Mutex<Option<Open>>>; LANES],
    shelf: Mutex<Shelf>,
    came_back: Condvar,
}

// SAFETY: an open page is used under its lane's lock, a free one under the shelf's.
unsafe impl Send for Ledger {}
// SAFETY: as above.
unsafe impl Sync for Ledger {}

/// A count of a submission: as long as somebody has one, it is there.
pub(crate) struct Ticket(NonNull<Record>);

// SAFETY: what is reached through it can be used by any thread, and tickets are counted atomically.
unsafe impl Send for Ticket {}
// SAFETY: as above.
unsafe impl Sync for Ticket {}

impl Deref for Ticket {
    type Target = Submission;

    fn deref(&self) -> &Submission {
        // SAFETY: there is a ticket.
        unsafe { (*self.0.as_ptr()).submission.assume_init_ref() }
    }
}

impl Clone for Ticket {
    fn clone(&self) -> Ticket {
        // SAFETY: there is a ticket.
        unsafe { (*self.0.as_ptr()).tickets.fetch_add(1, Ordering::Relaxed) };
        Ticket(self.0)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // SAFETY: there is a ticket, which is not used again.
        unsafe { Ticket::drop_some(self.0, 1) };
    }
}

impl Ticket {
    /// Where the submission is.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *const Submission {
        // SAFETY: there is a ticket.
        unsafe { (&raw const (*self.0.as_ptr()).submission).cast() }
    }

    /// Leaves it to whoever has the pointer: see [`Ticket::drop_with_left`].
    pub(super) fn into_raw(self) -> *const Submission {
        let of = self.as_ptr();
        std::mem::forget(self);
        of
    }

    fn record(of: *const Submission) -> NonNull<Record> {
        // SAFETY: submissions lie in records.
        unsafe {
            NonNull::new_unchecked(of.byte_sub(std::mem::offset_of!(Record, submission)).cast::<Record>().cast_mut())
        }
    }

    /// One more.
    ///
    /// # Safety
    /// `of` is from a ticket that is there.
    pub(super) unsafe fn another(of: *const Submission) -> Ticket {
        let record = Ticket::record(of);
        // SAFETY: the caller's.
        unsafe { (*record.as_ptr()).tickets.fetch_add(1, Ordering::Relaxed) };
        Ticket(record)
    }

    /// Drops it, and one of the same submission that was left with [`Ticket::into_raw`].
    ///
    /// # Safety
    /// There is such a one, and its pointer is not used any more.
    pub(super) unsafe fn drop_with_left(self) {
        let record = self.0;
        std::mem::forget(self);
        // SAFETY: the caller's.
        unsafe { Ticket::drop_some(record, 2) };
    }

    /// # Safety
    /// That many tickets are not used again.
    unsafe fn drop_some(record: NonNull<Record>, count: usize) {
        // SAFETY: the caller's; when the last has gone, nobody else has the record.
        unsafe {
            if (*record.as_ptr()).tickets.fetch_sub(count, Ordering::Release) == count {
                fence(Ordering::Acquire);
                let record = &mut *record.as_ptr();
                let is_cold_used = record.submission.assume_init_mut().is_cold_used();
                record.submission.assume_init_drop();
                if is_cold_used {
                    record.cold = Cold::default();
                }
                Page::let_go(record.page);
            }
        }
    }
}

impl Page {
    fn new() -> Box<Page> {
        let mut page = Box::<Page>::new_uninit();
        let this = page.as_mut_ptr();
        // SAFETY: all is written.
        unsafe {
            (&raw mut (*this).code).write(UnsafeCell::new(None));
            (&raw mut (*this).home).write(UnsafeCell::new(None));
            (&raw mut (*this).lane).write(Cell::new(0));
            (&raw mut (*this).count).write(Padded(AtomicUsize::new(0)));
            for at in 0..RECORDS {
                (&raw mut (*this).records[at]).write(UnsafeCell::new(Record {
                    tickets: AtomicUsize::new(0),
                    page: NonNull::dangling(),
                    submission: MaybeUninit::uninit(),
                    cold: Cold::default(),
                }));
            }
            page.assume_init()
        }
    }

    /// One record less is on it.
    ///
    /// # Safety
    /// There was one.
    unsafe fn let_go(page: NonNull<Page>) {
        // SAFETY: the caller's: the page is there until its record has been taken off.
        unsafe {
            let count = &(*page.as_ptr()).count.0;
            let mut now = count.load(Ordering::Relaxed);
            while now != OPEN + 1 {
                match count.compare_exchange_weak(now, now - 1, Ordering::AcqRel, Ordering::Relaxed) {
                    Ok(1) => return Page::go_home(page),
                    Ok(_) => return,
                    Err(other) => now = other,
                }
            }
            // The last on an open page: nobody shall have the code of a page because it is open.
            let lane = &(*(*page.as_ptr()).home()).lanes[(*page.as_ptr()).lane.get()].0;
            let mut open = lock(lane);
            match count.fetch_sub(1, Ordering::AcqRel) - 1 {
                OPEN => {
                    let closed = open.take();
                    debug_assert!(closed.is_some_and(|open| open.page == page), "it is open in its lane");
                    count.store(0, Ordering::Relaxed);
                }
                0 => {}
                _ => return,
            }
            // Whoever goes home may drop the ledger.
            drop(open);
            Page::go_home(page);
        }
    }

    /// # Safety
    /// The page is in use.
    unsafe fn home(&self) -> *const Ledger {
        // SAFETY: set when it was opened, and until it goes home.
        unsafe { Arc::as_ptr((*self.home.get()).as_ref().expect("it is in use")) }
    }

    /// Nothing is on it, and it is not open.
    ///
    /// # Safety
    /// It is in use, and nobody else's.
    unsafe fn go_home(page: NonNull<Page>) {
        // SAFETY: the caller's; it comes from a box.
        let mut page = unsafe { Box::from_raw(page.as_ptr()) };
        let code = page.code.get_mut().take();
        let home = page.home.get_mut().take().expect("it is in use");
        home.put(page);
        drop(code);
    }
}

impl Ledger {
    /// One without pages.
    pub(super) fn new() -> Arc<Ledger> {
        Arc::new(Ledger {
            lanes: Default::default(),
            shelf: Mutex::new(Shelf { ahead: AHEAD, ..Shelf::default() }),
            came_back: Condvar::new(),
        })
    }

    /// Takes an order down. Who may not wait does not.
    #[inline]
    pub(super) fn add(self: &Arc<Ledger>, code: &Arc<Code>, order: Order, may_wait: bool) -> Ticket {
        let at = lane();
        let lane = &self.lanes[at].0;
        let mut open = lock(lane);
        if open.is_none() {
            drop(open);
            let mut page = self.take(may_wait);
            open = lock(lane);
            if open.is_some() {
                self.put(page);
            } else {
                *page.home.get_mut() = Some(self.clone());
                page.lane.set(at);
                *page.count.0.get_mut() = OPEN;
                let page = NonNull::from(Box::leak(page));
                *open = Some(Open { page, next: 0 });
            }
        }
        let here = open.as_mut().expect("one is open now");
        let (page, record) = (here.page, here.next);
        here.next += 1;
        let is_full = here.next == RECORDS;
        // SAFETY: an open page is there; under its lane's lock its count goes up, and its code is set while nothing is on it. The record is
        // nobody's.
        unsafe {
            let this = page.as_ptr();
            if record == 0 {
                *(*this).code.get() = Some(code.clone());
            }
            let one = if is_full { 1_usize.wrapping_sub(OPEN) } else { 1 };
            (*this).count.0.fetch_add(one, Ordering::Relaxed);
            if is_full {
                *open = None;
            }
            drop(open);
            let common = (*(*this).code.get()).as_ref().expect("something is on it");
            let own = (!Arc::ptr_eq(common, code)).then(|| code.clone());
            let record = (*this).records[record].get();
            *(*record).tickets.get_mut() = 1;
            (*record).page = page;
            (*record).submission.write(Submission::new(order, code, own, &raw const (*record).cold));
            Ticket(NonNull::new_unchecked(record))
        }
    }

    #[cold]
    fn take(&self, may_wait: bool) -> Box<Page> {
        let mut shelf = lock(&self.shelf);
        if shelf.in_use >= shelf.ahead && may_wait {
            shelf.waiting += 1;
            let told = shelf.told;
            let waited = self.came_back.wait_timeout_while(shelf, PATIENCE, |shelf| shelf.told == told);
            let (back, time) = waited.unwrap_or_else(PoisonError::into_inner);
            shelf = back;
            shelf.waiting -= 1;
            if time.timed_out() {
                shelf.ahead = shelf.ahead.max(shelf.in_use.saturating_mul(2));
            }
        }
        shelf.in_use += 1;
        let free = shelf.free.pop();
        drop(shelf);
        free.unwrap_or_else(Page::new)
    }

    #[cold]
    fn put(&self, page: Box<Page>) {
        let mut shelf = lock(&self.shelf);
        shelf.in_use -= 1;
        let are_told = shelf.waiting > 0 && shelf.in_use <= shelf.ahead / 2;
        if are_told {
            shelf.told += 1;
        }
        if shelf.in_use <= shelf.ahead / 2 {
            shelf.ahead = AHEAD.max(shelf.ahead / 2);
        }
        let left = if shelf.free.len() < AHEAD {
            shelf.free.push(page);
            None
        } else {
            Some(page)
        };
        drop(shelf);
        drop(left);
        if are_told {
            self.came_back.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Module;
    use crate::machine::host_call::World;
    use crate::machine::submission::{Memory, Priority};
    use crate::machine::trap::Fault;

    struct Nothing;
    impl World for Nothing {
        fn write(&mut self, _: crate::machine::host_call::Stream, _: &[u8]) -> Result<(), Fault> {
            Ok(())
        }
    }

    fn code() -> Arc<Code> {
        let module = Module::library("f.tg", "fn f() {}").expect("it compiles");
        module.code().clone()
    }

    fn add(ledger: &Arc<Ledger>, code: &Arc<Code>, may_wait: bool) -> Ticket {
        let order = Order {
            function: 0,
            args: Default::default(),
            world: Box::new(Nothing),
            memory: Memory::Own(1 << 20),
            max_depth: 1 << 20,
            priority: Priority::Normal,
        };
        ledger.add(code, order, may_wait)
    }

    fn in_use(ledger: &Ledger) -> usize {
        lock(&ledger.shelf).in_use
    }

    #[test]
    fn pages_come_back_and_let_go_of_their_code() {
        let (ledger, one, other) = (Ledger::new(), code(), code());
        for count in [1, RECORDS - 1, RECORDS, RECORDS + 1, 3 * RECORDS] {
            let mut tickets: Vec<Ticket> =
                (0..count).map(|n| add(&ledger, if n % RECORDS % 3 == 1 { &other } else { &one }, true)).collect();
            assert_eq!(in_use(&ledger), count.div_ceil(RECORDS));
            assert!(Arc::strong_count(&one) <= 1 + count.div_ceil(RECORDS), "a page has one count");
            let last = tickets.pop();
            tickets.clear();
            assert_eq!(in_use(&ledger), 1, "that of the last one of {count}");
            drop(last.clone());
            drop(last);
            assert_eq!((in_use(&ledger), Arc::strong_count(&one), Arc::strong_count(&other)), (0, 1, 1));
        }
    }

    #[test]
    fn who_is_far_ahead_waits_until_he_is_not_or_a_moment() {
        let (ledger, code) = (Ledger::new(), code());
        let many: Vec<Ticket> = (0..AHEAD * RECORDS).map(|_| add(&ledger, &code, true)).collect();
        assert_eq!(lock(&ledger.shelf).ahead, AHEAD, "nobody has waited");
        // Nothing ends meanwhile.
        let next = add(&ledger, &code, true);
        assert_eq!(lock(&ledger.shelf).ahead, 2 * AHEAD);
        drop((many, next));
        assert_eq!((in_use(&ledger), lock(&ledger.shelf).ahead), (0, AHEAD));
        assert_eq!(lock(&ledger.shelf).free.len(), AHEAD, "the others are given back");
    }

    #[test]
    fn threads_share_pages() {
        let (ledger, code) = (Ledger::new(), code());
        std::thread::scope(|scope| {
            for _ in 0..2 * LANES {
                scope.spawn(|| {
                    let mut kept = Vec::new();
                    for n in 0..10 * RECORDS {
                        let ticket = add(&ledger, &code, n % 2 == 0);
                        if n % 5 == 0 {
                            kept.push(ticket);
                        }
                    }
                });
            }
        });
        assert_eq!((in_use(&ledger), Arc::strong_count(&code)), (0, 1));
    }
}

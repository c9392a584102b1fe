//! Where submissions lie: on *pages* of so many records, which those who submit fill one record after the other, and which are used again
//! when all on them has been let go of. So a submission takes nothing from the system's allocator, and what is common to those on a page, their
//! code and their machine, is counted once for all of them.
//!
//! A lane (`lanes.rs`) has one page open. Who lets go of a submission, on whatever thread, takes it off the page's count; a worker does that for
//! several at once.
//!
//! Invariants: a page is there as long as anything on it is, or it is open in its lane. A record is there as long as there is a [`Ticket`] for
//! it. A page's code is set while nothing is on it.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::code::Code;
use super::lanes::{Locked, Padded};
use super::machine::Machine;
use super::submission::{Cold, Order, Submission};
use crate::platform::{fetch_to_read, fetch_to_write};

/// Records of a page.
const RECORDS: usize = if cfg!(any(miri, modelled)) { 2 } else { 64 };
/// After how many others a record will be written that is fetched.
const SOON: usize = 2;
/// How many pages are kept that are not in use.
const KEPT: usize = if cfg!(any(miri, modelled)) { 4 } else { 4096 };
/// What the count of a page begins with while the page is open.
const OPEN: usize = 1 << 16;

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A submission, if there are tickets, and where it lies.
#[repr(C, align(64))]
struct Record {
    tickets: AtomicU32,
    page: NonNull<Page>,
    submission: MaybeUninit<Submission>,
}

#[cfg(all(target_pointer_width = "64", not(modelled)))]
const _: () = assert!(size_of::<Record>() == 128);

struct Page {
    /// That of most submissions on it.
    code: UnsafeCell<Option<Arc<Code>>>,
    /// Whose ledger it goes back to, while it is in use, and the lane that it is open in, or was.
    home: UnsafeCell<Option<Arc<Machine>>>,
    lane: Cell<usize>,
    /// While it is open: records that have been given out. Changed under the lane's lock.
    given: AtomicUsize,
    /// Records on it; while it is open, [`OPEN`] less those that have been let go of.
    count: Padded<AtomicUsize>,
    records: [UnsafeCell<Record>; RECORDS],
    /// What is cold of each.
    cold: [UnsafeCell<Cold>; RECORDS],
}

/// A page that is being filled.
pub(super) struct Open {
    page: NonNull<Page>,
    /// As in the page, where others look at it.
    given: usize,
}

// SAFETY: an open page is used under its lane's lock.
unsafe impl Send for Open {}

#[derive(Default)]
struct Shelf {
    free: Vec<Box<Page>>,
    in_use: usize,
}

// SAFETY: a free page is used under the shelf's lock.
unsafe impl Send for Shelf {}

/// Pages that are not in use. See the head of this file.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Shelf>);

/// Records that a worker has let go of, and that are still counted on their page: all are on one.
#[derive(Default)]
pub(super) struct Leaving {
    page: Option<NonNull<Page>>,
    records: usize,
}

// SAFETY: a page can be counted down by any thread.
unsafe impl Send for Leaving {}

/// Submissions whose records lie side by side, in the order in which they were taken on. Who has it has their jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    first: *const Submission,
    count: usize,
}

// SAFETY: as for `Job`.
unsafe impl Send for Span {}

impl Span {
    /// Of none.
    pub(super) const NONE: Span = Span { first: std::ptr::null(), count: 0 };

    /// Of one, which is from a ticket.
    pub(super) fn of(submission: *const Submission) -> Span {
        Span { first: submission, count: 1 }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The next one will be read: it was another thread's lastly.
    #[inline]
    pub(super) fn fetch(&self) {
        let record = Ticket::record_at(self.first).cast::<u8>();
        fetch_to_read(record);
        fetch_to_read(record.wrapping_add(64));
    }

    /// The one in the record after so many.
    fn at(&self, at: usize) -> *const Submission {
        self.first.wrapping_byte_add(at * size_of::<Record>())
    }

    /// Adds that one, which is from a ticket, if it is in the next record: no two pages have records side by side.
    #[inline]
    pub(super) fn add(&mut self, submission: *const Submission) -> bool {
        let is_next = self.count > 0 && self.at(self.count) == submission;
        self.count += usize::from(is_next);
        is_next
    }

    /// Takes the first so many.
    #[inline]
    pub(super) fn split(&mut self, most: usize) -> Span {
        let taken = Span { first: self.first, count: most.min(self.count) };
        (self.first, self.count) = (self.at(taken.count), self.count - taken.count);
        taken
    }

    /// Takes the first one.
    #[inline]
    pub(super) fn next(&mut self) -> Option<*const Submission> {
        let first = self.split(1);
        (first.count > 0).then_some(first.first)
    }

    /// Places of so many, where nothing lies.
    #[cfg(test)]
    pub(super) fn places(count: usize) -> Vec<*const Submission> {
        let span = Span { first: std::ptr::without_provenance(1 << 20), count };
        (0..count).map(|at| span.at(at)).collect()
    }

    /// Takes the last one.
    pub(super) fn next_back(&mut self) -> Option<*const Submission> {
        self.count = self.count.checked_sub(1)?;
        Some(self.at(self.count))
    }
}

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
        unsafe {
            if let Some(page) = Ticket::drop_some(self.0, 1) {
                Page::let_go(page, 1);
            }
        }
    }
}

impl Ticket {
    /// Where the submission is.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *const Submission {
        // SAFETY: there is a ticket.
        unsafe { (&raw const (*self.0.as_ptr()).submission).cast() }
    }

    /// Whose submission it is.
    pub(super) fn machine(&self) -> &Arc<Machine> {
        // SAFETY: there is a ticket, so its page is in use.
        unsafe { (*(*self.0.as_ptr()).page.as_ptr()).home() }
    }

    /// Leaves it to whoever has the pointer: see [`Ticket::end`].
    pub(super) fn into_raw(self) -> *const Submission {
        let of = self.as_ptr();
        std::mem::forget(self);
        of
    }

    fn record_at(of: *const Submission) -> *const Record {
        of.wrapping_byte_sub(std::mem::offset_of!(Record, submission)).cast()
    }

    fn record(of: *const Submission) -> NonNull<Record> {
        // SAFETY: submissions lie in records.
        unsafe { NonNull::new_unchecked(Ticket::record_at(of).cast_mut()) }
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

    /// Whether anybody else may ask how a submission ends, of which the caller has so many tickets.
    ///
    /// # Safety
    /// There are that many.
    pub(super) unsafe fn is_asked_for(of: *const Submission, tickets: u32) -> bool {
        // SAFETY: the caller's. If there are no others, there won't be, and who watches has done so before.
        unsafe { (*Ticket::record(of).as_ptr()).tickets.load(Ordering::Acquire) != tickets || (*of).is_watched() }
    }

    /// A submission has ended: those are told that wait for it, and so many tickets of it are dropped that were left with [`Ticket::into_raw`].
    ///
    /// # Safety
    /// There are that many, and the pointer is not used any more.
    pub(super) unsafe fn end(of: *const Submission, tickets: u32, leaving: &mut Leaving, before: impl FnOnce()) {
        let record = Ticket::record(of);
        // SAFETY: the caller's.
        unsafe {
            if Ticket::is_asked_for(of, tickets) {
                (*of).announce(before);
            }
            if let Some(page) = Ticket::drop_some(record, tickets) {
                leaving.add(page);
            }
        }
    }

    /// The page that it has been taken off, if those were the last: to be let go of.
    ///
    /// # Safety
    /// That many tickets are not used again.
    #[inline]
    unsafe fn drop_some(record: NonNull<Record>, count: u32) -> Option<NonNull<Page>> {
        // SAFETY: the caller's; when the last has gone, nobody else has the record.
        unsafe {
            let tickets = &(*record.as_ptr()).tickets;
            // There can't be more again if these are all.
            if tickets.load(Ordering::Acquire) != count {
                if tickets.fetch_sub(count, Ordering::Release) != count {
                    return None;
                }
                fence(Ordering::Acquire);
            }
            let record = &mut *record.as_ptr();
            if !record.submission.assume_init_mut().holds_nothing() {
                record.clear();
            }
            Some(record.page)
        }
    }
}

impl Record {
    /// Drops its submission.
    ///
    /// # Safety
    /// It is there, and nobody else has it.
    #[cold]
    unsafe fn clear(&mut self) {
        // SAFETY: the caller's; what is cold is the submission's as long as that is there.
        unsafe {
            let cold = self.submission.assume_init_mut().used_cold();
            self.submission.assume_init_drop();
            if let Some(cold) = cold {
                (*cold).renew();
            }
        }
    }
}

impl Leaving {
    #[inline]
    fn add(&mut self, page: NonNull<Page>) {
        if self.page != Some(page) {
            self.let_go();
            self.page = Some(page);
        }
        self.records += 1;
    }

    /// Lets go of them, unless they are on the same page as that submission, which keeps it anyhow.
    ///
    /// # Safety
    /// It is from a ticket that is there.
    #[inline]
    pub(super) unsafe fn stay_with(&mut self, of: *const Submission) {
        // SAFETY: the caller's.
        if self.page.is_some_and(|page| page != unsafe { (*Ticket::record(of).as_ptr()).page }) {
            self.let_go();
        }
    }

    /// Lets go of them.
    pub(super) fn let_go(&mut self) {
        if let Some(page) = self.page.take() {
            // SAFETY: they are counted on it.
            unsafe { Page::let_go(page, std::mem::take(&mut self.records)) };
        }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.let_go();
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
            (&raw mut (*this).given).write(AtomicUsize::new(0));
            (&raw mut (*this).count).write(Padded(AtomicUsize::new(0)));
            for at in 0..RECORDS {
                (&raw mut (*this).records[at]).write(UnsafeCell::new(Record {
                    tickets: AtomicU32::new(0),
                    page: NonNull::dangling(),
                    submission: MaybeUninit::uninit(),
                }));
                (&raw mut (*this).cold[at]).write(UnsafeCell::default());
            }
            page.assume_init()
        }
    }

    /// So many records less are on it.
    ///
    /// # Safety
    /// There were as many.
    unsafe fn let_go(page: NonNull<Page>, records: usize) {
        // SAFETY: the caller's: the page is there until its records have been taken off.
        unsafe {
            let count = &(*page.as_ptr()).count.0;
            let mut now = count.load(Ordering::Acquire);
            // What has been given out may be more than is seen: then those are not the last, though it looks so.
            while now <= RECORDS || now - records != OPEN - (*page.as_ptr()).given.load(Ordering::Relaxed) {
                match count.compare_exchange_weak(now, now - records, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(before) if before == records => return Page::go_home(page),
                    Ok(_) => return,
                    Err(other) => now = other,
                }
            }
            // The last on an open page: nobody shall have the code of a page because it is open. The lock outlives whoever has it.
            let home = (*page.as_ptr()).home().clone();
            let mut open = home.lanes.lock((*page.as_ptr()).lane.get());
            let now = count.fetch_sub(records, Ordering::AcqRel) - records;
            if now > RECORDS && now == OPEN - (*page.as_ptr()).given.load(Ordering::Relaxed) {
                let closed = open.lane.open.take();
                debug_assert!(closed.is_some_and(|open| open.page == page), "it is open in its lane");
            } else if now != 0 {
                return;
            }
            drop(open);
            Page::go_home(page);
        }
    }

    /// # Safety
    /// The page is in use.
    unsafe fn home(&self) -> &Arc<Machine> {
        // SAFETY: set when it was opened, and until it goes home.
        unsafe { (*self.home.get()).as_ref().expect("it is in use") }
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
        home.ledger.put(page);
        drop(code);
    }
}

impl Open {
    /// A page is opened in that lane.
    fn new(mut page: Box<Page>, home: Arc<Machine>, lane: usize) -> Open {
        *page.home.get_mut() = Some(home);
        page.lane.set(lane);
        *page.given.get_mut() = 0;
        *page.count.0.get_mut() = OPEN;
        Open { page: NonNull::from(Box::leak(page)), given: 0 }
    }

    /// Takes an order down: a ticket for who asked, and one for the machine. The caller has the lane's lock.
    #[inline(always)]
    fn add(&mut self, code: &Arc<Code>, order: &mut Order) -> [Ticket; 2] {
        let (page, at) = (self.page.as_ptr(), self.given);
        self.given += 1;
        // SAFETY: an open page is there; under its lane's lock its records are given out, and its code is set while nothing is on it. The
        // record is nobody's.
        unsafe {
            if at + SOON < RECORDS {
                // It was another thread's lastly.
                let record = (&raw const (*page).records[at + SOON]).cast::<u8>();
                fetch_to_write(record);
                fetch_to_write(record.add(64));
            }
            if at == 0 {
                *(*page).code.get() = Some(code.clone());
            }
            let common = (*(*page).code.get()).as_ref().expect("something is on it");
            let is_own = !Arc::ptr_eq(common, code);
            if is_own {
                std::mem::forget(code.clone());
            }
            let record = UnsafeCell::raw_get(&raw const (*page).records[at]);
            *(*record).tickets.get_mut() = 2;
            (*record).page = self.page;
            let cold = UnsafeCell::raw_get(&raw const (*page).cold[at]);
            (*record).submission.write(Submission::new(order, Arc::as_ptr(code), is_own, cold));
            (*page).given.store(self.given, Ordering::Relaxed);
            [(); 2].map(|()| Ticket(NonNull::new_unchecked(record)))
        }
    }

    /// Whether all of its records have been given out; if so, it is closed.
    #[inline(always)]
    fn is_over(&self) -> bool {
        let is_full = self.given == RECORDS;
        if is_full {
            // SAFETY: an open page is there, and the caller has its lane's lock.
            unsafe { (*self.page.as_ptr()).count.0.fetch_sub(OPEN - RECORDS, Ordering::Relaxed) };
        }
        is_full
    }
}

impl Locked<'_> {
    /// Takes an order down in this lane, which has a page open: a ticket for who asked, and one for the machine.
    #[inline(always)]
    pub(super) fn take_down(&mut self, code: &Arc<Code>, order: &mut Order) -> [Ticket; 2] {
        let open = self.lane.open.as_mut().expect("a page is open");
        let tickets = open.add(code, order);
        if open.is_over() {
            self.lane.open = None;
        }
        tickets
    }
}

impl Machine {
    /// Locks the calling thread's lane, in which a page is open then.
    #[inline]
    pub(super) fn lane_with_page(&self) -> Locked<'_> {
        let locked = self.lanes.mine();
        if locked.lane.open.is_some() { locked } else { self.open_page(locked) }
    }

    #[cold]
    fn open_page<'l>(&'l self, locked: Locked<'l>) -> Locked<'l> {
        drop(locked);
        let page = self.ledger.take();
        let mut locked = self.lanes.mine();
        if locked.lane.open.is_some() {
            self.ledger.put(page);
        } else {
            let this = self.this.upgrade().expect("it takes on submissions");
            locked.lane.open = Some(Open::new(page, this, locked.at()));
        }
        locked
    }
}

impl Ledger {
    fn take(&self) -> Box<Page> {
        let mut shelf = lock(&self.0);
        shelf.in_use += 1;
        let free = shelf.free.pop();
        drop(shelf);
        free.unwrap_or_else(Page::new)
    }

    fn put(&self, page: Box<Page>) {
        let mut shelf = lock(&self.0);
        shelf.in_use -= 1;
        let left = if shelf.free.len() < KEPT {
            shelf.free.push(page);
            None
        } else {
            Some(page)
        };
        drop(shelf);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Module;
    use crate::machine::machine::{Issue, Parts};
    use crate::machine::submission::{Memory, Priority};
    use crate::platform::os::Threads;

    fn code() -> Arc<Code> {
        let module = Module::library("f.tg", "fn f() {}").expect("it compiles");
        module.code().clone()
    }

    /// A machine without workers.
    fn machine() -> Arc<Machine> {
        let parts = Parts {
            host: crate::host::table(),
            issue: Issue::Lazy,
            window: 64,
            max_depth: 1 << 20,
            count: false,
            simulated: false,
            platform: Arc::new(Threads::new(0)),
            workers: 1,
            recorder: None,
        };
        Machine::new(parts, &[])
    }

    fn add(machine: &Arc<Machine>, code: &Arc<Code>) -> Ticket {
        let mut order = Order {
            function: 0,
            args: Default::default(),
            world: None,
            memory: Memory::Own(1 << 20),
            priority: Priority::Normal,
        };
        let [asked, _] = machine.take_down(code, &mut order);
        asked
    }

    fn in_use(machine: &Machine) -> usize {
        lock(&machine.ledger.0).in_use
    }

    #[test]
    fn pages_come_back_and_let_go_of_their_code() {
        let (machine, one, other) = (machine(), code(), code());
        for count in [1, RECORDS - 1, RECORDS, RECORDS + 1, 3 * RECORDS] {
            let mut tickets: Vec<Ticket> =
                (0..count).map(|n| add(&machine, if n % RECORDS % 3 == 1 { &other } else { &one })).collect();
            assert_eq!(in_use(&machine), count.div_ceil(RECORDS));
            assert!(Arc::strong_count(&one) <= 1 + count.div_ceil(RECORDS), "a page has one count");
            let last = tickets.pop();
            tickets.clear();
            assert_eq!(in_use(&machine), 1, "that of the last one of {count}");
            drop(last.clone());
            drop(last);
            assert_eq!((in_use(&machine), Arc::strong_count(&one), Arc::strong_count(&other)), (0, 1, 1));
        }
    }

    #[test]
    fn few_free_pages_are_kept() {
        let (machine, code) = (machine(), code());
        let tickets: Vec<Ticket> = (0..(KEPT + 10) * RECORDS).map(|_| add(&machine, &code)).collect();
        assert_eq!(in_use(&machine), KEPT + 10);
        drop(tickets);
        assert_eq!((in_use(&machine), lock(&machine.ledger.0).free.len()), (0, KEPT));
    }

    /// Nothing but tickets is left, and threads drop the last ones of an open page at the same time: its lock is in what they drop.
    #[test]
    fn the_last_tickets_end_the_machine() {
        for _ in 0..if cfg!(miri) { 20 } else { 1000 } {
            let (machine, code) = (machine(), code());
            let mut tickets: Vec<Ticket> = (0..RECORDS + 1).map(|_| add(&machine, &code)).collect();
            let there = Arc::downgrade(&machine);
            drop(machine);
            let others = tickets.split_off(RECORDS / 2);
            std::thread::scope(|scope| {
                scope.spawn(|| drop(tickets));
                scope.spawn(|| drop(others));
            });
            assert!(there.upgrade().is_none());
        }
    }

    #[test]
    fn threads_share_pages() {
        let (machine, code) = (machine(), code());
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let mut kept = Vec::new();
                    for n in 0..10 * RECORDS {
                        let ticket = add(&machine, &code);
                        if n % 5 == 0 {
                            kept.push(ticket);
                        }
                    }
                });
            }
        });
        assert_eq!((in_use(&machine), Arc::strong_count(&code)), (0, 1));
    }
}

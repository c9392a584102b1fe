//! The scoreboard of a promoted frame: the ring of its entries in flight, its pending registers, and the parts of buffers that
//! are in use.
//!
//! A promoted frame has registers of its own (`regs`), since where it was, its callee goes on. When it has drained it is
//! *folded*: the registers go back to where they came from, and the frame goes on in order.
//!
//! Invariants:
//! - Entries `head..tail` are in the ring; entries before `head` have completed and left nothing behind.
//! - A pending register stands for a result of one of them; if it owns, the register itself holds 0 and it is the only one that
//!   stands for that result.
//! - A buffer that an entry in flight was passed is kept alive by an owner that the frame holds: in a register, or in
//!   `deferred` if the register was let go meanwhile.
//!
//! Who holds the frame's job is its issuer and may use it alone, but for what the lock of retirement guards: `ring`, `head`,
//! `cursor` and `log` are changed, and by others than the issuer also read, under that lock only.

use std::collections::VecDeque;
use std::ptr;
use std::sync::atomic::Ordering;

use super::boxes::{Area, Boxes, Filed, Flight};
use super::code::{Code, FunctionInfo};
use super::memory::{Heap, buffer};
use super::output::Log;
use super::plan::{WATCH_ALWAYS, WATCH_REST, watched};
use super::record::{EntryId, Hazard};
use super::recorder::Shadow;
use super::run::Run;
use super::station::{Entry, Kind, Link, Status};
use super::submission::Submission;
use super::trap::Fault;
use crate::platform::sync::{AtomicBool, AtomicU32, AtomicU64, Set};

/// What a register is while its value is not there: bit 63, the entry's number, the result's number.
const PENDING: u64 = 1 << 63;

/// The first size of a ring.
const RING: usize = 4;

pub(super) struct Board {
    /// Where it goes on; set before it is handed over.
    pub(super) pc: *const u64,
    /// Register 0 of the copy.
    pub(super) regs: *mut u64,
    /// What `regs` lies in.
    words: Vec<u64>,
    /// The frame as it was in its stack, and the run whose innermost frame that is.
    pub(super) origin: *mut u64,
    pub(super) run: Option<Box<Run>>,
    /// The entry that the run belongs to, and what that is done for.
    pub(super) entry: *mut Entry,
    pub(super) root: *const Submission,
    pub(super) function: u32,
    /// Registers of the function, and the first of its window.
    pub(super) registers: usize,
    pub(super) window_at: usize,
    pub(super) depth: u64,
    /// How many frames are above it in the tree.
    pub(super) level: u32,

    /// Where entries `head..tail` are found, by their numbers.
    ring: Vec<*mut Entry>,
    /// Entries that are in no use, each from a `Box`: the issuer's. The one that was used lastly is the next, since it is in the cache.
    free: Vec<*mut Entry>,
    pub(super) head: u32,
    pub(super) tail: AtomicU32,
    /// How many entries may be in flight before it is looked again how many are.
    pub(super) allowed: u32,
    pub(super) window: u32,

    pending: Vec<u64>,
    pub(super) pending_count: usize,
    /// What instructions are looked at before they run: the pending registers, by [`watched`], and bits that the plan's masks explain.
    pub(super) watch: u64,

    pub(super) boxes: Boxes,
    /// Entries up to this one may share what they were passed to read.
    pub(super) sharing: u32,
    pub(super) has_sharing: bool,
    deferred: VecDeque<(u32, u64)>,

    /// Entries from this one on are squashed.
    pub(super) squash: AtomicU32,
    /// Its own entry was found squashed, or not squashed when so many had failed, so that nobody need look further up.
    pub(super) is_lost: AtomicBool,
    pub(super) good_at: AtomicU64,
    /// An instruction of the frame itself failed with this, at `pc`.
    pub(super) fault: Option<Fault>,
    /// Nothing more is issued: when it has drained, it is folded.
    pub(super) draining: bool,
    /// What a stalled frame waits with.
    pub(super) link: Link,

    /// What it printed itself since the last entry.
    pub(super) text: Log,
    /// The first entry that has not retired.
    pub(super) cursor: u32,
    /// What has retired and waits for the frame's own entry to do so.
    pub(super) log: Log,

    /// Whoever promoted it, and when.
    pub(super) promoted_by: usize,
    pub(super) promoted_at: u64,
    /// When the window was full lastly.
    pub(super) full_at: u64,
    /// It is counted how many are in flight when `tail` has come that far.
    pub(super) flight_from: u32,
    pub(super) judged: bool,
    pub(super) retired: u32,
    pub(super) ran: Vec<u32>,

    /// Its number in the record, and what was issued of it, while the run is recorded.
    pub(super) frame: u32,
    pub(super) shadow: Option<Box<Shadow>>,
}

/// No entry is squashed.
pub(super) const NO_SQUASH: u32 = u32::MAX;

/// Whether entry `a` comes before `b`.
#[inline(always)]
pub(super) fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

impl Drop for Board {
    fn drop(&mut self) {
        for &entry in &self.free {
            // SAFETY: made by `next_entry`; nothing is in flight.
            drop(unsafe { Box::from_raw(entry) });
        }
    }
}

impl Board {
    pub(super) fn new() -> Box<Board> {
        Box::new(Board {
            pc: ptr::null(),
            regs: ptr::null_mut(),
            words: Vec::new(),
            origin: ptr::null_mut(),
            run: None,
            entry: ptr::null_mut(),
            root: ptr::null(),
            function: 0,
            registers: 0,
            window_at: 0,
            depth: 0,
            level: 0,
            ring: Vec::new(),
            free: Vec::new(),
            head: 0,
            tail: AtomicU32::new(0),
            allowed: 0,
            window: 0,
            pending: Vec::new(),
            pending_count: 0,
            watch: 0,
            boxes: Boxes::default(),
            sharing: 0,
            has_sharing: false,
            deferred: VecDeque::new(),
            squash: AtomicU32::new(NO_SQUASH),
            is_lost: AtomicBool::new(false),
            good_at: AtomicU64::new(0),
            fault: None,
            draining: false,
            link: Link::new(),
            text: Log::default(),
            cursor: 0,
            log: Log::default(),
            promoted_by: 0,
            promoted_at: 0,
            full_at: 0,
            flight_from: 0,
            judged: false,
            retired: 0,
            ran: Vec::new(),
            frame: 0,
            shadow: None,
        })
    }

    /// Takes over the frame `origin` of `run`, with `slots` slots from register 0 on.
    ///
    /// # Safety
    /// It is the innermost frame of the run, which is suspended; the board is not in use.
    pub(super) unsafe fn take_over(
        &mut self,
        code: &Code,
        origin: *mut u64,
        function: u32,
        header: usize,
        window: u32,
        workers: usize,
    ) {
        let info = &code.functions[function as usize];
        let slots = info.slots;
        // SAFETY: the frame has these slots, its window included.
        unsafe {
            self.words.clear();
            self.words.resize(header + slots, 0);
            let words = self.words.as_mut_ptr();
            words.copy_from_nonoverlapping(origin.sub(header), header + slots);
            self.regs = words.add(header);
        }
        self.origin = origin;
        self.function = function;
        self.registers = info.registers;
        self.window_at = info.registers + header;
        self.pending.clear();
        self.pending.resize(slots, 0);
        self.pending_count = 0;
        self.watch = WATCH_ALWAYS;
        self.window = window;
        self.allowed = window;
        self.squash.set(NO_SQUASH);
        self.is_lost.store(false, Ordering::Relaxed);
        self.good_at.store(0, Ordering::Relaxed);
        self.draining = false;
        self.has_sharing = false;
        self.judged = false;
        self.retired = 0;
        self.ran.clear();
        self.ran.resize(workers, 0);
        self.head = self.tail_now();
        self.cursor = self.head;
        self.flight_from = self.head;
    }

    #[inline(always)]
    pub(super) fn tail_now(&self) -> u32 {
        self.tail.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn info<'c>(&self, code: &'c Code) -> &'c FunctionInfo {
        &code.functions[self.function as usize]
    }

    /// The entries in the ring.
    #[inline(always)]
    pub(super) fn flight(&self) -> Flight {
        Flight { head: self.head, tail: self.tail_now() }
    }

    /// The same, and the next entry, if it is being issued: what that has filed counts.
    #[inline(always)]
    pub(super) fn filed(&self) -> Flight {
        Flight { head: self.head, tail: self.tail_now().wrapping_add(1) }
    }

    /// How many entries are in the ring.
    #[inline(always)]
    pub(super) fn in_flight(&self) -> u32 {
        self.tail_now().wrapping_sub(self.head)
    }

    /// Whether nothing is in the ring.
    pub(super) fn is_empty(&self) -> bool {
        self.head == self.tail_now()
    }

    /// Entry `seq`, which is in the ring.
    #[inline(always)]
    pub(super) fn entry_of(&self, seq: u32) -> *mut Entry {
        self.ring[seq as usize & (self.ring.len() - 1)]
    }

    /// An entry with the next number, for which the ring has room. It is in the ring once `tail` is past it.
    #[inline(always)]
    pub(super) fn next_entry(&mut self) -> *mut Entry {
        let entry = self.free.pop().unwrap_or_else(|| Box::into_raw(Box::new(Entry::new())));
        let at = self.tail_now() as usize & (self.ring.len() - 1);
        // SAFETY: inside of the ring. By pointer, since who holds the lock of retirement may read other places of it.
        unsafe { *self.ring.as_mut_ptr().add(at) = entry };
        entry
    }

    /// Whether the ring has no room for one more.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.tail_now().wrapping_sub(self.head) as usize >= self.ring.len()
    }

    /// Doubles the ring. Under the lock of retirement.
    pub(super) fn grow(&mut self) {
        let old = self.ring.len();
        let new = (old * 2).max(RING);
        let mut ring = vec![ptr::null_mut(); new];
        for offset in 0..old as u32 {
            let seq = self.head.wrapping_add(offset) as usize;
            ring[seq & (new - 1)] = self.ring[seq & (old - 1)];
        }
        self.ring = ring;
    }

    /// What a pending register stands for: entry and result.
    #[inline(always)]
    pub(super) fn pending(&self, register: usize) -> Option<(u32, u16)> {
        let word = self.pending[register];
        (word != 0).then_some(((word >> 16) as u32, word as u16))
    }

    /// Makes a register stand for a result. It does not stand for another.
    pub(super) fn set_pending(&mut self, register: usize, seq: u32, result: u16) {
        debug_assert!(self.pending[register] == 0);
        self.pending[register] = PENDING | u64::from(seq) << 16 | u64::from(result);
        self.pending_count += 1;
        self.watch |= watched(register);
        // SAFETY: it is in the ring, and the issuer's.
        unsafe { (*self.entry_of(seq)).aliases += 1 };
    }

    /// The register stands for nothing any more: it is written, or was moved out.
    #[inline]
    pub(super) fn forget(&mut self, register: usize) {
        if let Some((seq, _)) = self.pending(register) {
            self.pending[register] = 0;
            self.pending_count -= 1;
            if watched(register) != WATCH_REST || self.pending_count == 0 {
                self.watch &= !watched(register);
            }
            // SAFETY: as above.
            unsafe { (*self.entry_of(seq)).aliases -= 1 };
        }
    }

    /// No register stands for anything any more.
    pub(super) fn forget_all(&mut self) {
        (0..self.pending.len()).for_each(|register| self.forget(register));
    }

    /// Puts the value into a pending register, if it is there; else the entry to wait for. One that failed or was squashed has no
    /// value: who waits for it looks again, and finds that the frame is to drain.
    #[inline]
    pub(super) fn settle(&mut self, code: &Code, register: usize) -> Result<(), *mut Entry> {
        let Some((seq, result)) = self.pending(register) else { return Ok(()) };
        let entry = self.entry_of(seq);
        // SAFETY: in the ring; once closed its results are there, and nobody else takes this one.
        unsafe {
            if !Entry::is_closed(entry) || (*entry).status != Status::Good {
                return Err(entry);
            }
            self.take_result(code, register, entry, result);
        }
        Ok(())
    }

    /// # Safety
    /// The register stands for that result of the entry, which has completed.
    unsafe fn take_result(&mut self, code: &Code, register: usize, entry: *mut Entry, result: u16) {
        // SAFETY: the caller's.
        unsafe {
            let slot = (*entry).args.add(usize::from(result));
            *self.regs.add(register) = *slot;
            if (*entry).kind == Kind::Call && code.callee((*entry).code).gives_owner(result) {
                *slot = 0;
            }
        }
        self.forget(register);
    }

    /// The frame gives up an owner; it is dropped once all that is in flight has completed.
    pub(super) fn defer(&mut self, held: u64) {
        self.deferred.push_back((self.tail_now(), held));
    }

    /// Drops what was deferred and nobody in flight can use any more.
    pub(super) fn drop_deferred(&mut self, heap: &mut Heap) {
        while let Some(&(seq, held)) = self.deferred.front() {
            if before(self.head, seq) {
                break;
            }
            self.deferred.pop_front();
            // SAFETY: `defer` was given the owner; entries that might use it have completed.
            unsafe { heap.release(buffer(held)) };
        }
    }

    /// Takes the oldest entry, which has completed, out of the ring: settles the registers that stand for it, and drops
    /// the results that nobody took. Under the lock of retirement; the entry has retired.
    #[inline]
    pub(super) fn recycle_head(&mut self, code: &Code, heap: &mut Heap) {
        let seq = self.head;
        let entry = self.entry_of(seq);
        // SAFETY: in the ring and closed: the issuer's alone.
        unsafe {
            debug_assert!(Entry::is_closed(entry));
            if (*entry).aliases > 0 {
                for register in 0..self.pending.len() {
                    if let Some((found, result)) = self.pending(register)
                        && found == seq
                    {
                        self.take_result(code, register, entry, result);
                    }
                }
            }
            if (*entry).kind == Kind::Call {
                let returned = &code.callee((*entry).code).returned;
                for &(slot, _) in returned.iter().filter(|&&(_, owns)| owns) {
                    let slot = (*entry).args.add(usize::from(slot));
                    let held = std::mem::take(&mut *slot);
                    if held != 0 {
                        heap.release(buffer(held));
                    }
                }
            }
            if let Some(ran) = self.ran.get_mut(usize::from((*entry).ran_by)) {
                *ran += 1;
            }
        }
        self.retired += 1;
        self.head = seq.wrapping_add(1);
        self.free.push(entry);
    }

    /// The youngest entry that has not completed.
    pub(super) fn youngest_open(&self) -> Option<*mut Entry> {
        let mut seq = self.tail_now();
        while seq != self.head {
            seq = seq.wrapping_sub(1);
            let entry = self.entry_of(seq);
            // SAFETY: in the ring.
            if unsafe { !Entry::is_closed(entry) } {
                return Some(entry);
            }
        }
        None
    }

    /// How many entries the ring has room for.
    pub(super) fn size(&self) -> u32 {
        self.ring.len() as u32
    }

    /// Those that have not completed, the oldest first.
    fn all_open(&self) -> impl Iterator<Item = *mut Entry> {
        let flight = (0..self.in_flight()).map(|offset| self.entry_of(self.head.wrapping_add(offset)));
        // SAFETY: in the ring.
        flight.filter(|&entry| unsafe { !Entry::is_closed(entry) })
    }

    /// How many have not completed.
    pub(super) fn open(&self) -> u32 {
        self.all_open().count() as u32
    }

    /// The one of them with so many before it, if there are more than that.
    pub(super) fn nth_open(&self, number: u32) -> Option<*mut Entry> {
        self.all_open().nth(number as usize)
    }

    /// Puts the registers back to where they came from. Nothing is in the ring, no register pending.
    ///
    /// # Safety
    /// The frame at `origin` is the innermost of its run, and nobody else uses what is above it.
    pub(super) unsafe fn fold(&mut self, code: &Code) {
        debug_assert!(self.is_empty() && self.pending_count == 0 && self.deferred.is_empty());
        let slots = self.info(code).slots;
        // SAFETY: the caller's; both have these slots.
        unsafe { self.origin.copy_from_nonoverlapping(self.regs, slots) };
        self.boxes.clear();
    }

    /// Files an access of the next entry, and calls `met` with the entries in flight that it has to wait for.
    #[inline]
    pub(super) fn access(&mut self, area: Area, write: bool, mut met: impl FnMut(*mut Entry)) {
        let flight = self.flight();
        let Board { boxes, ring, shadow, .. } = self;
        if let Some(shadow) = shadow {
            shadow.access(area, write);
        }
        boxes.access(area, write, flight, &mut |filed| {
            if !shadow.as_ref().is_some_and(|shadow| shadow.leaves_out(filed, write)) {
                met(ring[filed.seq as usize & (ring.len() - 1)]);
            }
        });
    }

    /// What the frame itself does next comes before its entry of this name. It is recorded.
    pub(super) fn place(&self) -> EntryId {
        let number = self.shadow.as_ref().map_or(0, |shadow| shadow.next());
        EntryId { frame: self.frame, number }
    }

    /// Whether a test wants that rule left out.
    pub(super) fn leaves_out(&self, filed: Filed<'_>, write: bool) -> bool {
        self.shadow.as_ref().is_some_and(|shadow| shadow.leaves_out(filed, write))
    }

    /// The same for a rule that is not about accesses.
    pub(super) fn overlooks(&self, rule: Hazard) -> bool {
        self.shadow.as_ref().is_some_and(|shadow| shadow.overlooks(rule))
    }

    /// Whether entry `seq` is squashed.
    #[inline(always)]
    pub(super) fn squashes(&self, seq: u32) -> bool {
        let from = self.squash.load(Ordering::Acquire);
        from != NO_SQUASH && !before(seq, from)
    }
}

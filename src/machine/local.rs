//! What a worker has for itself and its issue stage uses too: its deque, what it counted, and the bounds of what it issues.

use std::ptr;
use std::sync::atomic::Ordering;

use super::deque::{Deque, Owner};
use super::machine::{Issue, Machine, Seat};
use super::memory::Heap;
use super::scoreboard::{Board, before};
use super::station::Entry;
use super::worker::Job;
use crate::platform::step;

/// Ready entries that a worker leaves to thieves before it runs some itself, so many at a time.
const KEEP: usize = 8;
/// Entries that retire before a promotion is judged, and nanoseconds.
const JUDGED_AFTER: u32 = 32;
const JUDGED_AT: u64 = 50_000;
/// Nanoseconds: where the entries of a frame take longer than that on the average, taking up the frame for a few of them costs little.
const LONG: u64 = 1_000;
/// Entries in flight and behind them at most, in windows.
const RINGS: u32 = 16;

/// What a worker counted.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counts {
    pub(super) steps: u64,
    /// Of the steps, by their cost classes; counted with them.
    pub(super) cost: u64,
    pub(super) calls: u64,
    /// Calls of tasks that began as plain calls; counted with them.
    pub(super) inlined: u64,
    pub(super) peak_depth: u64,
    pub(super) issued: u64,
    /// Of them, calls of tasks.
    pub(super) issued_tasks: u64,
    pub(super) run_here: u64,
    pub(super) promoted: u64,
    pub(super) stolen: u64,
    pub(super) parked: u64,
    pub(super) renamed: u64,
    pub(super) squashed: u64,
    pub(super) fruitless: u64,
    /// Counted with the steps.
    pub(super) peak_flight: u64,
    /// Bytes of output.
    pub(super) peak_held: u64,
    pub(super) stalls: [u64; 5],
    /// Nanoseconds.
    pub(super) idle: u64,
}

/// See the head of the file.
pub(super) struct Local {
    machine: *const Machine,
    seat: *const Seat,
    pub(super) index: usize,
    pub(super) deque: Deque<Job>,
    /// Ready entries pushed since it was last looked how many are there.
    pub(super) pushed: usize,
    /// Ready entries that nobody else sees yet, the oldest first.
    kept: [*mut Entry; KEEP],
    kept_count: usize,
    pub(super) counts: Counts,
}

impl Local {
    /// # Safety
    /// The machine outlives it.
    pub(super) unsafe fn new(machine: &Machine, index: usize, deque: Deque<Job>, counts: Counts) -> Local {
        Local {
            machine,
            seat: &raw const machine.seats[index],
            index,
            deque,
            pushed: 0,
            kept: [ptr::null_mut(); KEEP],
            kept_count: 0,
            counts,
        }
    }

    pub(super) fn machine(&self) -> &'static Machine {
        // SAFETY: it outlives this, whose methods don't let the reference out, nor do its worker's.
        unsafe { &*self.machine }
    }

    /// The worker's own.
    #[inline]
    pub(super) fn seat(&self) -> &'static Seat {
        // SAFETY: it is the machine's, as above.
        unsafe { &*self.seat }
    }

    /// Puts a job on the deque, for others too.
    #[inline]
    pub(super) fn push(&mut self, job: Job) {
        self.deque.push(job);
        self.pushed += 1;
        step();
        self.machine().wake_one();
    }

    /// Whether the deque has room for more ready entries before the issuer runs some itself.
    #[inline]
    fn wants_more(&mut self) -> bool {
        if self.pushed >= KEEP {
            self.pushed = self.deque.len();
        }
        self.pushed < KEEP
    }

    /// Takes a ready entry: to the deque while that has room, else it is kept; `false` if no more can be.
    #[inline]
    pub(super) fn offer(&mut self, entry: *mut Entry) -> bool {
        if self.wants_more() {
            self.publish();
            self.push(Job::Entry(entry));
            return true;
        }
        self.kept[self.kept_count] = entry;
        self.kept_count += 1;
        self.kept_count < KEEP
    }

    /// Puts what is kept on the deque: who issues may be long about something else.
    #[inline]
    pub(super) fn publish(&mut self) {
        for at in 0..std::mem::take(&mut self.kept_count) {
            self.push(Job::Entry(self.kept[at]));
        }
    }

    /// Puts the frame that issued them on the deque, and above it what is kept, the oldest on top, but for that one, which the worker
    /// runs now. So thieves get what was there before, then the frame, and the worker issues again after it has run the others.
    pub(super) fn run_kept(&mut self, board: *mut Board) -> *mut Entry {
        self.push(Job::Board(board));
        for at in (1..std::mem::take(&mut self.kept_count)).rev() {
            self.push(Job::Entry(self.kept[at]));
        }
        self.kept[0]
    }

    /// Makes room for one more entry of a frame; else the entry to wait for.
    pub(super) unsafe fn make_room(&mut self, board: *mut Board, heap: &mut Heap) -> Option<*mut Entry> {
        let machine = self.machine();
        // SAFETY: this worker is its issuer.
        unsafe {
            machine.recycle(board, heap);
            (*board).boxes.tidy((*board).flight());
            self.judge(board);
            let (flight, window) = ((*board).in_flight(), (*board).window);
            // What is done at once needs little room; a ring that is used much gets more.
            let small = (*board).size() < window.min(64) && (*board).retired > 2 * (*board).size();
            let mut open = flight;
            if flight >= window || (*board).is_full() {
                open = (*board).open();
                // Where entries take long the window is kept full; else many are issued at a time, since each look is one at all of them.
                let now = machine.platform.now();
                let is_slow = now.saturating_sub((*board).full_at) > u64::from(window) * LONG;
                let (few, part) = if is_slow { (1, 8) } else { ((window / 4).max(1), 2) };
                // When the frame goes on, it is looked again how many are open.
                (*board).allowed = flight;
                if open + few > window {
                    match (*board).nth_open(open / part) {
                        Some(entry) => {
                            (*board).full_at = now;
                            return Some(entry);
                        }
                        // So many have completed meanwhile.
                        None => open /= part,
                    }
                }
                // Behind work that takes long there may be many; behind work that nobody has begun yet, it had better be begun.
                let head = (*board).entry_of((*board).head);
                let most = if (*head).started.load(Ordering::Relaxed) { RINGS } else { 2 };
                if flight >= most * window.max(64) {
                    return Some(head);
                }
            }
            if small || (*board).is_full() {
                machine.grow(board);
            }
            (*board).allowed = flight + (window - open);
            None
        }
    }

    /// An entry was issued: counts how many are in flight, if that is asked for.
    #[inline]
    pub(super) unsafe fn note_flight(&mut self, board: *mut Board) {
        if self.machine().count {
            // SAFETY: this worker is its issuer.
            unsafe { self.count_flight(&mut *board) };
        }
    }

    /// Looks no sooner than when as many may be in flight as never before: since the last look, no more than were issued.
    #[cold]
    fn count_flight(&mut self, board: &mut Board) {
        let tail = board.tail_now();
        if !before(tail, board.flight_from) {
            let open = board.open();
            let peak = self.counts.peak_flight.max(u64::from(open));
            self.counts.peak_flight = peak;
            board.flight_from = tail.wrapping_add(peak as u32 - open + 1);
        }
    }

    /// Judges a promotion, once.
    unsafe fn judge(&mut self, board: *mut Board) {
        let machine = self.machine();
        // SAFETY: this worker is its issuer.
        unsafe {
            let board = &mut *board;
            if board.judged || machine.issue != Issue::Lazy || board.retired < JUDGED_AFTER {
                return;
            }
            if machine.platform.now().saturating_sub(board.promoted_at) < JUDGED_AT {
                return;
            }
            board.judged = true;
            let most = board.ran.iter().copied().max().unwrap_or(0);
            if u64::from(most) * 10 > u64::from(board.retired) * 9 {
                self.counts.fruitless += 1;
                (&*board.root).code().functions[board.function as usize].back_off.lengthen(machine.platform.now());
                board.draining = true;
            }
        }
    }

    /// Entry `seq` of a frame is ready as it is issued. If a thief has found it while what comes before it is being done, the function
    /// is worth promoting.
    #[inline]
    pub(super) unsafe fn lift_back_off(&self, board: &Board, seq: u32) {
        // SAFETY: this worker is its issuer; what comes before the entry is in the ring if there are two.
        unsafe {
            let has_other = board.promoted_by != self.index && board.in_flight() > 1;
            if has_other && !Entry::is_closed(board.entry_of(seq.wrapping_sub(1))) {
                (&*board.root).code().functions[board.function as usize].back_off.lift();
            }
        }
    }
}

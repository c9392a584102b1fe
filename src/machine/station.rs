//! Stations: the entries of a frame's ring, each an issued instruction, and how one that completes hands its result on.
//!
//! The protocol, in which only `waiters` and `waits` are shared:
//! - The issuer of the frame fills an entry in plainly, links it to each incomplete entry that it needs
//!   ([`depend`]), and lastly takes its own share of `waits` away ([`Entry::arm`]).
//! - Whoever runs an entry writes its results plainly and then closes its list of waiters ([`close`]), which is its last access to
//!   the entry; it reads each link before it counts that waiter down. Who counts a waiter down to zero has it to run.
//!
//! Invariant: an entry is recycled by its frame's issuer alone, once its list is [`CLOSED`]; so a link never leads to an entry
//! that is used anew. Every link on a list belongs to an entry (or a frame) that waits, and is on one list.

use std::ptr;
use std::sync::atomic::Ordering;

use super::output::Log;
use super::scoreboard::Board;
use super::submission::Submission;
use super::trap::Failure;
use crate::platform::step;
use crate::platform::sync::{AtomicBool, AtomicPtr, AtomicU32, Set, fence};

/// What an entry does when it is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Calls the function whose first instruction is at `code`, with `args` as its results and parameters.
    Call,
    /// Runs the one instruction in `instr`, whose registers are `args`.
    Scalar,
    /// Stores what comes after the first two of `args` at the address that is the first; the second says how much.
    Store,
}

/// How an entry ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    /// Not yet, or well.
    Good,
    /// With the failure in `failure`.
    Failed,
    /// It was younger than one that failed, and left out or broken off.
    Squashed,
}

/// Arguments and results that lie in the entry itself.
const INLINE: usize = 20;
/// Links that lie in the entry itself, besides the first.
const LINKS: usize = 5;
/// The issuer's share of `waits`.
const UNARMED: u32 = 1 << 30;

/// An issued instruction of a frame.
///
/// Who runs it needs the first line of a processor's cache, and those from the third on with the arguments: another worker has to fetch
/// each. Who completes the first that it waits for, and has no value to hand over, needs the first alone. The second is the issuer's, but
/// for what is written where something is printed, promoted, or fails.
#[repr(C, align(64))]
pub(super) struct Entry {
    /// Who waits for it: links, or [`CLOSED`].
    pub(super) waiters: AtomicPtr<Link>,
    /// For the first that it waits for.
    link: Link,
    /// What it is done for.
    pub(super) root: *const Submission,
    /// The first instruction of the called function.
    pub(super) code: *const u64,
    /// How many it waits for.
    waits: AtomicU32,
    pub(super) seq: u32,
    pub(super) kind: Kind,
    pub(super) status: Status,
    /// The worker that ran it.
    pub(super) ran_by: u8,
    /// It is that of a submission, and in no frame.
    pub(super) is_root: bool,
    /// It was promoted while it ran in order, so its callees may share what they were passed to read.
    pub(super) shares: bool,
    /// Somebody has begun it, or runs it already.
    pub(super) started: AtomicBool,
    /// All that is older has retired: set under the lock of retirement.
    pub(super) oldest: AtomicBool,

    /// The frame whose instruction it is; null for the root of a submission.
    pub(super) board: *mut Board,
    /// The instruction, for messages.
    pub(super) site: *const u64,
    /// How many links are used.
    links_used: u32,
    /// The last entry that was linked to it, and one: the issuer's.
    pub(super) mark: u32,
    /// Registers of the frame that stand for a result of it: the issuer's.
    pub(super) aliases: u32,
    /// Its number in the record.
    pub(super) number: u32,
    /// The promoted frame inside it: under the lock of retirement.
    pub(super) child: *mut Board,
    /// What the frame itself printed before it, and what it printed and nobody has retired yet.
    pub(super) before: Option<Box<Log>>,
    pub(super) log: Option<Box<Log>>,
    pub(super) failure: Option<Box<Failure>>,

    /// Results, then parameters.
    pub(super) args: *mut u64,
    /// Where its first result is also stored, if not null.
    pub(super) store_to: *mut u64,
    /// Bytes of frames above it.
    pub(super) depth: u64,
    inline: [u64; INLINE],
    /// A `Scalar` and the instruction that ends it.
    pub(super) instr: [u64; 2],
    links: [Link; LINKS],
    #[expect(clippy::vec_box, reason = "a link on a list stays where it is")]
    more_links: Vec<Box<Link>>,
    more_args: Vec<u64>,
}

#[cfg(all(target_pointer_width = "64", not(modelled)))]
const _: () = assert!(std::mem::offset_of!(Entry, board) == 64 && std::mem::offset_of!(Entry, args) == 128);

/// That somebody waits for an entry.
pub(super) struct Link {
    next: *mut Link,
    waiter: Waiter,
}

#[derive(Clone, Copy)]
enum Waiter {
    None,
    /// An entry, and which of its arguments is which result.
    Entry(*mut Entry, Option<(u16, u16)>),
    /// A stalled frame.
    Board(*mut Board),
}

impl Link {
    /// One that is on no list.
    pub(super) const fn new() -> Link {
        Link { next: ptr::null_mut(), waiter: Waiter::None }
    }
}

/// The list of an entry that has completed.
#[inline(always)]
pub(super) fn closed() -> *mut Link {
    ptr::without_provenance_mut(1)
}

/// Somebody who has nothing to wait for any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ready {
    Entry(*mut Entry),
    Board(*mut Board),
}

impl Entry {
    /// An entry for a ring, or the root of a submission.
    pub(super) fn new() -> Entry {
        Entry {
            waiters: AtomicPtr::new(ptr::null_mut()),
            link: Link::new(),
            root: ptr::null(),
            code: ptr::null(),
            waits: AtomicU32::new(0),
            seq: 0,
            kind: Kind::Call,
            status: Status::Good,
            ran_by: 0,
            is_root: false,
            shares: false,
            started: AtomicBool::new(false),
            oldest: AtomicBool::new(false),
            board: ptr::null_mut(),
            site: ptr::null(),
            links_used: 0,
            mark: 0,
            aliases: 0,
            number: 0,
            child: ptr::null_mut(),
            before: None,
            log: None,
            failure: None,
            args: ptr::null_mut(),
            store_to: ptr::null_mut(),
            depth: 0,
            inline: [0; INLINE],
            instr: [0; 2],
            links: [const { Link::new() }; LINKS],
            more_links: Vec::new(),
            more_args: Vec::new(),
        }
    }

    /// Makes it an entry that is not yet armed, with room for `args` arguments.
    ///
    /// # Safety
    /// `this` is an entry that nobody else refers to.
    pub(super) unsafe fn reset(this: *mut Entry, seq: u32, board: *mut Board, kind: Kind, args: usize) {
        // SAFETY: the caller's.
        unsafe {
            let entry = &mut *this;
            entry.waiters.set(ptr::null_mut());
            entry.waits.set(UNARMED);
            entry.seq = seq;
            entry.board = board;
            entry.is_root = board.is_null();
            if !entry.is_root {
                entry.root = (*board).root;
            }
            entry.kind = kind;
            entry.store_to = ptr::null_mut();
            entry.status = Status::Good;
            entry.shares = false;
            entry.started.set(false);
            entry.oldest.set(false);
            entry.links_used = 0;
            entry.aliases = 0;
            entry.child = ptr::null_mut();
            if args <= INLINE {
                entry.args = (&raw mut (*this).inline).cast();
            } else {
                entry.more_args.resize(args, 0);
                entry.args = entry.more_args.as_mut_ptr();
            }
        }
    }

    /// Whether it has completed; what it wrote is visible then. By pointer, since a reference would be to all of it, which its worker
    /// may be writing.
    ///
    /// # Safety
    /// `this` is in the ring of a frame of which the caller is the issuer, or holds the lock of retirement.
    #[inline(always)]
    pub(super) unsafe fn is_closed(this: *const Entry) -> bool {
        // SAFETY: the caller's.
        unsafe { (*this).waiters.load(Ordering::Acquire) == closed() }
    }

    /// The entry waits for whom it was linked to; whether that is nobody any more, so that it is ready.
    ///
    /// # Safety
    /// `this` was reset and not yet armed; called by its issuer, whose last access to it this is unless it is ready.
    #[inline]
    pub(super) unsafe fn arm(this: *mut Entry) -> bool {
        // SAFETY: the caller's.
        unsafe {
            let entry = &*this;
            if entry.links_used == 0 {
                entry.waits.store(0, Ordering::Relaxed);
                return true;
            }
            let left = UNARMED - entry.links_used;
            step();
            entry.waits.fetch_sub(left, Ordering::AcqRel) == left
        }
    }
}

/// Lets `waiter` wait for `entry`, and hands over result `from` as argument `to` if `value` is `(to, from)`. `false` if the
/// entry has completed: then the value has been copied.
///
/// # Safety
/// Both are entries of one frame, called by its issuer; `waiter` is not armed.
pub(super) unsafe fn depend(waiter: *mut Entry, entry: *mut Entry, value: Option<(u16, u16)>) -> bool {
    // SAFETY: the caller's. The link is the waiter's own, and used once.
    unsafe {
        let used = (*waiter).links_used as usize;
        let link: *mut Link = match used {
            0 => &raw mut (*waiter).link,
            1..=LINKS => (&raw mut (*waiter).links).cast::<Link>().add(used - 1),
            _ => {
                let more = &mut (*waiter).more_links;
                if more.len() == used - LINKS - 1 {
                    more.push(Box::new(Link::new()));
                }
                &raw mut *more[used - LINKS - 1]
            }
        };
        (*link).waiter = Waiter::Entry(waiter, value);
        if !enlist(entry, link) {
            if let Some((to, from)) = value {
                *(*waiter).args.add(usize::from(to)) = *(*entry).args.add(usize::from(from));
            }
            return false;
        }
        (*waiter).links_used += 1;
        true
    }
}

/// Lets the frame `board` wait for `entry`, through its one link. `false` if the entry has completed; else the frame is no
/// longer the caller's.
///
/// # Safety
/// The caller is the issuer of `board`, which is ready to be taken up by any worker; `link` is the frame's.
pub(super) unsafe fn stall(board: *mut Board, link: *mut Link, entry: *mut Entry) -> bool {
    // SAFETY: the caller's.
    unsafe {
        (*link).waiter = Waiter::Board(board);
        enlist(entry, link)
    }
}

/// # Safety
/// `link` is on no list, and its waiter is set.
unsafe fn enlist(entry: *mut Entry, link: *mut Link) -> bool {
    // SAFETY: the entry is not recycled meanwhile: its issuer is the caller.
    let waiters = unsafe { &(*entry).waiters };
    let mut head = waiters.load(Ordering::Acquire);
    loop {
        if head == closed() {
            return false;
        }
        // SAFETY: the caller's.
        unsafe { (*link).next = head };
        step();
        match waiters.compare_exchange_weak(head, link, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return true,
            Err(now) => head = now,
        }
    }
}

/// Completes `entry`, whose results are written: hands them on, and passes those that are ready then to `ready`. The
/// entry must not be used by the caller afterwards.
///
/// # Safety
/// The caller runs the entry.
#[inline]
pub(super) unsafe fn close(entry: *mut Entry, mut ready: impl FnMut(Ready)) {
    // SAFETY: results are read before the waiter they are for is counted down, and a waiter's issuer is the entry's, which does
    // not recycle the entry before the list is closed. After that the entry may be used anew at any time, so a
    // copy of the address of its arguments is all that is kept, and it is used only while some waiter is not counted down: an entry
    // with waiters that are not ready is kept by them (see `Board::recycle`).
    unsafe {
        step();
        let waiters = &(*entry).waiters;
        if waiters.load(Ordering::Relaxed).is_null()
            && waiters.compare_exchange(ptr::null_mut(), closed(), Ordering::SeqCst, Ordering::Relaxed).is_ok()
        {
            return;
        }
        let args = (*entry).args;
        let good = (*entry).status == Status::Good;
        let mut values: [u64; 4] = [0; 4];
        for (at, value) in values.iter_mut().enumerate() {
            *value = *args.add(at);
        }
        let mut link = waiters.swap(closed(), Ordering::SeqCst);
        while !link.is_null() {
            let next = (*link).next;
            match (*link).waiter {
                Waiter::None => unreachable!("a link on a list has a waiter"),
                Waiter::Board(board) => ready(Ready::Board(board)),
                Waiter::Entry(waiter, value) => {
                    if let Some((to, from)) = value
                        && good
                    {
                        *(*waiter).args.add(usize::from(to)) = values[usize::from(from)];
                    }
                    let waits = &(*waiter).waits;
                    step();
                    let last = waits.load(Ordering::Acquire) == 1 || waits.fetch_sub(1, Ordering::AcqRel) == 1;
                    if last {
                        fence(Ordering::Acquire);
                        ready(Ready::Entry(waiter));
                    }
                }
            }
            link = next;
        }
    }
}

//! The issue stage: what happens to each instruction of a promoted frame, in program order, before it runs.
//!
//! An instruction whose registers are there and which meets nothing in flight runs at once, in the loop. A call becomes an
//! entry, which is dispatched or parked on what it waits for; so do scalar operations on pending registers, and stores.
//! What can be neither run nor parked stalls the frame until what it waits for has completed.
//!
//! Invariant: an instruction that is answered with [`Step::Leave`] and a stall has changed nothing, and is issued again.
//!
//! Called by the loop, `execute::run`, for each instruction; the caller is the issuer of the frame.

mod stores;

pub(super) use stores::place_of_push;

use self::stores::{Fused, address, fused, push, store};
use super::boxes::Area;
use super::code::{INTO_WINDOW, Passed};
use super::execute::{Context, overlap};
use super::frame::complete;
use super::host_call::SysLayout;
use super::linked::FILES;
use super::local::Local;
use super::memory::{Heap, WRITTEN, buffer, data, is_unique, tail_buffer, tail_stride};
use super::plan::{Plan, Renumbered, Shape, Slot, Value, What, renumbered};
use super::record::Hazard;
use super::recorder;
use super::scoreboard::{Board, before};
use super::station::{self, Entry, Kind};
use super::worker::Job;
use crate::bytecode::effects::Effects;
use crate::bytecode::ops::{Field, Instr, Op};

/// What the issue stage works on, and what its worker has to do next.
pub(super) struct Issuer {
    pub(super) board: *mut Board,
    /// Set whenever the loop is entered.
    pub(super) local: *mut Local,
    pub(super) plan: *const Plan,
    /// Those of the plan.
    pub(super) masks: *const u64,
    /// The first instruction of the frame's function.
    pub(super) code: *const u64,
    pub(super) action: Action,
    /// How many instructions were issued when the action says that the frame goes on behind them.
    pub(super) issued: usize,
}

impl Issuer {
    /// Whether the instruction has to pass [`step`]; else it runs: its registers are there, and are all that matters.
    ///
    /// # Safety
    /// It is one of the frame's function.
    #[inline(always)]
    pub(super) unsafe fn watches(&self, pc: *const u64) -> bool {
        // SAFETY: the caller's; the board and plan are the issuer's.
        unsafe {
            let index = (pc.addr() - self.code.addr()) / 8;
            *self.masks.add(index) & (*self.board).watch != 0
        }
    }
}

/// Why the issue stage was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    None,
    /// The frame waits for that entry, and then looks again.
    Stall(*mut Entry, Cause),
    /// The entries kept in [`Local`] are to be run; the frame goes on with the next instruction.
    RunKept,
    /// The frame waits for that entry, which is parked, and goes on with the next instruction.
    Wait(*mut Entry),
    /// The frame waits for that entry, which is ready and to be run at once, and goes on with the next instruction.
    RunAndWait(*mut Entry),
    /// The frame waits for all that is in flight, and goes on in order.
    Drain,
}

/// Why a frame stalled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cause {
    /// An instruction that can't be parked needs a pending register.
    Register,
    /// It meets a part of a buffer that is in use.
    Region,
    /// A file.
    Effect,
    /// The window is full.
    Window,
    /// The frame returns, or is to go on in order.
    Drain,
}

/// Causes of stalls, for counting.
pub(super) const CAUSES: [&str; 5] = ["register", "region", "effect", "window", "drain"];

/// What the loop does with the instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Runs it.
    Run,
    /// Goes on so many instructions further: they were issued.
    Next(usize),
    /// Leaves: see [`Issuer::action`].
    Leave,
}

/// See [`Step`].
///
/// # Safety
/// `cx.issuer` is set, `pc` an instruction of its frame, whose register 0 `regs` is.
#[inline]
pub(super) unsafe fn step(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Step {
    // SAFETY: the caller's.
    unsafe {
        if (*(*cx.issuer).board).shadow.is_none() {
            return stage(cx, pc, regs);
        }
        recorded(cx, pc, regs)
    }
}

/// The same for a frame that is recorded.
///
/// # Safety
/// As for `step`.
#[cold]
unsafe fn recorded(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Step {
    // SAFETY: the caller's.
    unsafe {
        recorder::begin(cx);
        let place = (!cx.trace.is_null()).then(|| (*(*cx.issuer).board).place());
        let answer = stage(cx, pc, regs);
        recorder::end(cx, pc, regs, answer);
        let instr = Instr(u64::from_le(*pc));
        if let (Some(place), Step::Next(_), Some(Op::Push)) = (place, answer, instr.op()) {
            // Older entries may have completed until the place was taken, and the parked push may run since it was issued.
            let order = (*(*cx.issuer).board).shadow.as_ref().map_or(0, |shadow| shadow.issued_at);
            (*cx.trace).claimed(place, *regs.add(instr.get(Field::A) as usize), order);
        }
        answer
    }
}

/// # Safety
/// As for `step`.
#[inline]
unsafe fn stage(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Step {
    // SAFETY: the caller's.
    unsafe {
        let issuer = &mut *cx.issuer;
        let plan = &*issuer.plan;
        let index = (pc.addr() - issuer.code.addr()) / 8;
        let step = plan.step(index);
        let board = &mut *issuer.board;
        let what = step.what;
        if matches!(what, What::Call) {
            return call(cx, pc, regs);
        }
        if board.pending_count != 0 {
            let (reads, writes) = plan.sets(step);
            match what {
                What::Park => {
                    let mut missing = false;
                    for &register in reads {
                        missing |= board.settle(cx.code, usize::from(register)).is_err();
                    }
                    if missing {
                        return park(cx, pc, regs);
                    }
                }
                What::Move | What::MoveRef | What::Drop => return moved(cx, pc, regs, what),
                What::Element { value: Value::Scalar(value), .. } => {
                    for &register in reads {
                        if register != value
                            && let Err(entry) = board.settle(cx.code, usize::from(register))
                        {
                            return stall(issuer, entry, Cause::Register);
                        }
                    }
                    let _ = board.settle(cx.code, usize::from(value));
                }
                What::Push(array, value) => {
                    if let Err(entry) = board.settle(cx.code, usize::from(array)) {
                        return stall(issuer, entry, Cause::Register);
                    }
                    for &register in reads.iter().filter(|&&register| register >= value) {
                        let _ = board.settle(cx.code, usize::from(register));
                    }
                }
                _ => {
                    for &register in reads {
                        if let Err(entry) = board.settle(cx.code, usize::from(register)) {
                            return stall(issuer, entry, Cause::Register);
                        }
                    }
                }
            }
            for &register in writes {
                board.forget(usize::from(register));
            }
        }
        match what {
            What::Plain | What::Park | What::Move | What::MoveRef | What::Drop => Step::Run,
            What::Call => unreachable!("it has been issued"),
            What::Sys => sys(cx, pc, regs),
            What::Leave => leave(issuer),
            _ if board.is_empty() => Step::Run,
            What::Element { write, root, index, column, view, slot, value } => {
                let Some(area) = element(regs, root, index, column, view, slot) else { return Step::Run };
                touch(cx, pc, regs, area, write, root, view, value)
            }
            What::Whole(roots) => {
                for root in roots.into_iter().flatten() {
                    if let Some(entry) = meets(board, &Area::whole(*regs.add(usize::from(root))), false) {
                        return stall(issuer, entry, Cause::Region);
                    }
                }
                Step::Run
            }
            What::WholeView(root, shape) => {
                let area = Area::of_view(regs.add(usize::from(root)), shape == Shape::Grid);
                match area.and_then(|area| meets(board, &area, false)) {
                    Some(entry) => stall(issuer, entry, Cause::Region),
                    None => Step::Run,
                }
            }
            What::Unique(root) => unique(issuer, *regs.add(usize::from(root))),
            What::Replace(root, more) => {
                if let Some(more) = more
                    && let Some(entry) = meets(board, &Area::whole(*regs.add(usize::from(more))), false)
                {
                    return stall(issuer, entry, Cause::Region);
                }
                replace(issuer, *regs.add(usize::from(root)))
            }
            What::Push(array, value) => push(cx, pc, regs, array, value),
            What::PushOwner(array, _) => replace(issuer, *regs.add(usize::from(array))),
        }
    }
}

#[cold]
fn leave(issuer: &mut Issuer) -> Step {
    issuer.action = Action::Drain;
    Step::Leave
}

#[cold]
fn stall(issuer: &mut Issuer, entry: *mut Entry, cause: Cause) -> Step {
    issuer.action = Action::Stall(entry, cause);
    Step::Leave
}

/// The youngest entry in flight that an access to `area` must wait for.
unsafe fn meets(board: &Board, area: &Area, write: bool) -> Option<*mut Entry> {
    let mut youngest: Option<u32> = None;
    board.boxes.conflicts(area, write, board.filed(), &mut |filed| {
        let later = youngest.is_none_or(|seq| before(seq, filed.seq)) && !board.leaves_out(filed, write);
        // SAFETY: it is in the ring.
        if later && unsafe { !Entry::is_closed(board.entry_of(filed.seq)) } {
            youngest = Some(filed.seq);
        }
    });
    youngest.map(|seq| board.entry_of(seq))
}

/// The element that an instruction touches; `None` if it will trap.
///
/// # Safety
/// The registers hold what the opcode asks.
pub(super) unsafe fn element(
    regs: *mut u64,
    root: u16,
    index: u16,
    column: Option<u16>,
    view: Shape,
    slot: Slot,
) -> Option<Area> {
    // SAFETY: the caller's.
    unsafe {
        let at = regs.add(usize::from(root));
        let first = *regs.add(usize::from(index));
        let (held, from, rows, cols, pitch, stride) = match view {
            Shape::Held => {
                let held = buffer(*at);
                let (rows, cols) = if (*held).is_grid() { ((*held).rows, (*held).cols) } else { (1, (*held).len) };
                (held, data(held), rows, cols, cols, (*held).stride() as usize)
            }
            Shape::View => {
                let len = *at.add(1);
                (tail_buffer(*at.add(2)), buffer(*at).cast(), 1, len, len, tail_stride(*at.add(2)))
            }
            Shape::Grid => {
                let (rows, cols, pitch, tail) = (*at.add(1), *at.add(2), *at.add(3), *at.add(4));
                (tail_buffer(tail), buffer(*at).cast(), rows, cols, pitch, tail_stride(tail))
            }
        };
        let (row, col) = match column {
            Some(column) => (first, *regs.add(usize::from(column))),
            None if cols == 0 => return None,
            None => (first / cols, first % cols),
        };
        if row >= rows || col >= cols {
            return None;
        }
        let slot = match slot {
            Slot::Only => 0,
            Slot::Number(slot) => usize::from(slot),
        };
        let element = from.add((row * pitch + col) as usize * stride + slot);
        Some(Area::slots(crate::machine::memory::slot(held), element, 1))
    }
}

/// An instruction that reads or writes one element.
///
/// # Safety
/// As for [`step`].
#[expect(clippy::too_many_arguments, reason = "the parts of one instruction")]
unsafe fn touch(
    cx: &mut Context<'_>,
    pc: *const u64,
    regs: *mut u64,
    area: Area,
    write: bool,
    root: u16,
    view: Shape,
    value: Value,
) -> Step {
    // SAFETY: the caller's.
    unsafe {
        let issuer = &mut *cx.issuer;
        if write && view == Shape::Held {
            let held = *regs.add(usize::from(root));
            let answer = unique(issuer, held);
            // Looked at after who may share it: one that has completed has shared it, or does not.
            let copied = !is_unique(buffer(held));
            if answer != Step::Run {
                return answer;
            }
            if copied {
                let board = &*issuer.board;
                return match value {
                    Value::Scalar(value) if let Some((seq, _)) = board.pending(usize::from(value)) => {
                        stall(issuer, board.entry_of(seq), Cause::Register)
                    }
                    // Who uses what is moved there can't be taken along to a copy that is still to be made.
                    Value::Owner(value) if let Some(entry) = user(board, *regs.add(usize::from(value))) => {
                        stall(issuer, entry, Cause::Region)
                    }
                    _ => Step::Run,
                };
            }
        }
        let board = &mut *issuer.board;
        let conflict = meets(board, &area, write);
        match value {
            Value::Scalar(value) if conflict.is_some() || board.pending(usize::from(value)).is_some() => {
                store(cx, pc, regs, area, value, 1)
            }
            _ if let Some(entry) = conflict => stall(issuer, entry, Cause::Region),
            Value::Owner(value) => {
                // What is moved there takes along who uses it.
                let moved = *regs.add(usize::from(value));
                let (mut found, flight) = (Vec::new(), board.flight());
                board.boxes.of_root(moved, flight, &mut |filed| found.push((filed.write, filed.seq)));
                for (write, seq) in found {
                    board.boxes.bring(area, write, seq, flight);
                }
                Step::Run
            }
            _ => Step::Run,
        }
    }
}

/// The youngest entry in flight that uses a buffer.
///
/// # Safety
/// The caller is the issuer.
unsafe fn user(board: &Board, held: u64) -> Option<*mut Entry> {
    let mut youngest: Option<u32> = None;
    board.boxes.of_root(held, board.flight(), &mut |filed| {
        // SAFETY: it is in flight, so in the ring.
        let is_open = unsafe { !Entry::is_closed(board.entry_of(filed.seq)) };
        if is_open && youngest.is_none_or(|seq| before(seq, filed.seq)) {
            youngest = Some(filed.seq);
        }
    });
    youngest.map(|seq| board.entry_of(seq))
}

/// What `held` is about to be written through a view, or in part: it must have one owner, which is seen to in order.
///
/// # Safety
/// `held` is a live buffer that the frame owns.
unsafe fn unique(issuer: &mut Issuer, held: u64) -> Step {
    // SAFETY: the caller's; the issuer's board is its own.
    unsafe {
        let board = &mut *issuer.board;
        if !board.boxes.may_have(held) {
            return Step::Run;
        }
        if let Some(entry) = sharer(board, held, |area| area.is_whole()) {
            return stall(issuer, entry, Cause::Region);
        }
        if !is_unique(buffer(held)) {
            // It will be copied.
            return detach(issuer, held);
        }
        Step::Run
    }
}

/// Who was passed it, or such a part of it, to read, and may still look whether that is all of it, and share it. Looked for before the
/// owners are counted: who has completed has shared it by then, or will not.
///
/// # Safety
/// `held` is a live buffer that the frame owns.
unsafe fn sharer(board: &Board, held: u64, is_such: impl Fn(&Area) -> bool) -> Option<*mut Entry> {
    let mut sharer = None;
    if board.has_sharing && !before(board.sharing, board.head) {
        board.boxes.of_root(held, board.filed(), &mut |filed| {
            // SAFETY: the caller's; it is in flight, so in the ring.
            unsafe {
                if is_such(filed.area) {
                    let entry = board.entry_of(filed.seq);
                    if (*entry).shares && !Entry::is_closed(entry) {
                        sharer = Some(entry);
                    }
                }
            }
        });
    }
    sharer
}

/// What `held` is about to be replaced or resized, and buffers may be put into it.
///
/// # Safety
/// `held` is 0 or a live buffer that the frame owns.
unsafe fn replace(issuer: &mut Issuer, held: u64) -> Step {
    // SAFETY: the caller's.
    unsafe {
        if held != 0 && (*buffer(held)).holds_buffers() {
            // What is put into it may be in use, too.
            return match (*issuer.board).youngest_open() {
                Some(entry) => stall(issuer, entry, Cause::Region),
                None => Step::Run,
            };
        }
        detach(issuer, held)
    }
}

/// `held` is about to be replaced, resized or copied: waits for those that write it, and leaves it as it is to those that
/// read it, so that the frame gets a copy.
///
/// # Safety
/// `held` is 0 or a live buffer that the frame owns.
unsafe fn detach(issuer: &mut Issuer, held: u64) -> Step {
    // SAFETY: the caller's.
    unsafe {
        let board = &mut *issuer.board;
        if held == 0 || !board.boxes.may_have(held) || (*buffer(held)).is_immortal() {
            return Step::Run;
        }
        if let Some(entry) = meets(board, &Area::whole(held), false) {
            return stall(issuer, entry, Cause::Region);
        }
        if meets(board, &Area::whole(held), true).is_some() {
            Heap::share(buffer(held));
            board.defer(held);
            (*issuer.local).counts.renamed += 1;
        }
        Step::Run
    }
}

/// The frame gives up an owner.
///
/// # Safety
/// `held` is one, and `cx.issuer` set.
pub(super) unsafe fn let_go(cx: &mut Context<'_>, held: u64) {
    // SAFETY: the caller's.
    unsafe { give_up(&mut *(*cx.issuer).board, cx.heap, held) }
}

/// The frame of that board gives up an owner.
///
/// # Safety
/// `held` is one, and the caller the issuer.
unsafe fn give_up(board: &mut Board, heap: &mut Heap, held: u64) {
    // SAFETY: the caller's.
    unsafe {
        if board.is_empty() || !board.boxes.may_have(held) || !is_in_use(board, held) {
            heap.release(buffer(held));
        } else {
            board.defer(held);
        }
    }
}

/// Whether an entry may still use a buffer that the frame owns, or what is in it. Memory is not to be kept for entries that have completed and
/// are to retire: there may be a window of them.
///
/// # Safety
/// `held` is live.
unsafe fn is_in_use(board: &Board, held: u64) -> bool {
    // SAFETY: the caller's; what is filed is in the ring.
    unsafe {
        if (*buffer(held)).holds_buffers() {
            return board.youngest_open().is_some();
        }
        let mut is_in_use = false;
        board.boxes.conflicts(&Area::whole(held), true, board.filed(), &mut |filed| {
            is_in_use |= !Entry::is_closed(board.entry_of(filed.seq));
        });
        is_in_use
    }
}

/// `mov`, `mov.r` and `drop`, where registers are pending.
unsafe fn moved(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64, what: What) -> Step {
    // SAFETY: as for `step`.
    unsafe {
        let board = &mut *(*cx.issuer).board;
        let instr = Instr(u64::from_le(*pc));
        let (a, b) = (instr.get(Field::A) as usize, instr.get(Field::B) as usize);
        if matches!(what, What::Drop) {
            if board.settle(cx.code, a).is_err() {
                board.forget(a);
                return Step::Next(1);
            }
            return Step::Run;
        }
        if board.settle(cx.code, b).is_ok() {
            board.forget(a);
            return Step::Run;
        }
        let Some((seq, result)) = board.pending(b) else { unreachable!("it is not settled") };
        if a == b {
            return Step::Next(1);
        }
        board.forget(a);
        if matches!(what, What::MoveRef) {
            board.forget(b);
            let old = std::mem::take(&mut *regs.add(a));
            if old != 0 && instr.get(Field::X) != u32::from(INTO_WINDOW) {
                let_go(cx, old);
            }
        }
        let board = &mut *(*cx.issuer).board;
        board.set_pending(a, seq, result);
        (*(*cx.issuer).local).counts.renamed += 1;
        Step::Next(1)
    }
}

/// An entry for the next instruction, or the stall that stands before it.
#[inline(always)]
unsafe fn reserve(issuer: &mut Issuer, heap: &mut Heap, kind: Kind, args: usize) -> Result<*mut Entry, Step> {
    // SAFETY: the issuer's board and worker.
    unsafe {
        let board = &mut *issuer.board;
        if board.in_flight() >= board.allowed || board.is_full() {
            let local = &mut *issuer.local;
            if let Some(entry) = local.make_room(issuer.board, heap) {
                return Err(stall(issuer, entry, Cause::Window));
            }
        }
        let board = &mut *issuer.board;
        let seq = board.tail_now();
        let entry = board.next_entry();
        Entry::reset(entry, seq, issuer.board, kind, args);
        if !board.text.is_empty() {
            hold_before(board, entry);
        }
        Ok(entry)
    }
}

/// What the frame has printed goes with its next entry.
#[cold]
unsafe fn hold_before(board: &mut Board, entry: *mut Entry) {
    // SAFETY: the entry is the issuer's.
    unsafe { (*entry).before = Some(Box::new(std::mem::take(&mut board.text))) };
}

/// Links the entry to those in flight that its access to `area` meets, and files the access.
unsafe fn access(board: &mut Board, entry: *mut Entry, area: Area, write: bool) {
    // SAFETY: in the ring; the entry is not armed yet.
    board.access(area, write, |met| unsafe { depend_once(met, entry) });
}

/// # Safety
/// Both are in the ring of one frame, whose issuer calls; `waiter` is not armed.
unsafe fn depend_once(entry: *mut Entry, waiter: *mut Entry) {
    // SAFETY: the caller's; the mark is the issuer's.
    unsafe {
        let mark = (*waiter).seq.wrapping_add(1);
        if (*entry).mark != mark {
            (*entry).mark = mark;
            station::depend(waiter, entry, None);
        }
    }
}

/// Publishes the entry and arms it; whether it is ready.
unsafe fn publish(board: &mut Board, entry: *mut Entry) -> bool {
    let seq = board.tail_now();
    if let Some(shadow) = &mut board.shadow {
        // SAFETY: the caller's.
        unsafe { shadow.issued(entry, None) };
    }
    board.tail.store(seq.wrapping_add(1), std::sync::atomic::Ordering::Release);
    // SAFETY: the entry is complete.
    unsafe { Entry::arm(entry) }
}

/// Parks a scalar operation on its pending operands.
unsafe fn park(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Step {
    // SAFETY: as for `step`; the plan says that it may be parked.
    unsafe {
        let issuer = &mut *cx.issuer;
        let instr = Instr(u64::from_le(*pc));
        let Renumbered { instr, registers, written, modifies } = renumbered(instr);
        let board = &*issuer.board;
        let first = if modifies { 0 } else { written };
        let far =
            registers[first..].iter().find_map(|&r| board.pending(usize::from(r)).filter(|&(_, result)| result > 3));
        if let Some((seq, _)) = far {
            return stall(issuer, board.entry_of(seq), Cause::Register);
        }
        let entry = match reserve(issuer, cx.heap, Kind::Scalar, registers.len()) {
            Ok(entry) => entry,
            Err(step) => return step,
        };
        let board = &mut *issuer.board;
        (*entry).instr = [instr.0.to_le(), *complete()];
        (*entry).site = pc;
        for (to, &register) in registers.iter().enumerate().skip(first) {
            operand(board, entry, regs, usize::from(register), to as u16);
        }
        let ready = publish(board, entry);
        for (result, &register) in registers[..written].iter().enumerate() {
            board.forget(usize::from(register));
            board.set_pending(usize::from(register), (*entry).seq, result as u16);
        }
        let local = &mut *issuer.local;
        local.counts.parked += 1;
        local.note_flight(board);
        if ready {
            local.push(Job::Entry(entry));
        }
        Step::Next(1)
    }
}

/// Copies a scalar register into an argument, or lets the entry wait for it.
unsafe fn operand(board: &mut Board, entry: *mut Entry, regs: *mut u64, register: usize, to: u16) {
    // SAFETY: as for `step`; the entry is the one being issued.
    unsafe {
        match board.pending(register).filter(|_| !board.overlooks(Hazard::Register)) {
            None => *(*entry).args.add(usize::from(to)) = *regs.add(register),
            Some((seq, result)) => {
                station::depend(entry, board.entry_of(seq), Some((to, result)));
            }
        }
    }
}

/// `call`
unsafe fn call(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Step {
    // SAFETY: as for `step`; the verifier's promise about the window.
    unsafe {
        let issuer = &mut *cx.issuer;
        let instr = Instr(u64::from_le(*pc));
        let at = instr.get(Field::A) as usize;
        let window = regs.add(at);
        let code = pc.offset(instr.signed(Field::I) as isize);
        let info = cx.code.callee(code);
        let board = &mut *issuer.board;
        if info.effects.meets(Effects::CLOCK)
            && let Some(entry) = board.youngest_open()
            && !board.overlooks(Hazard::Fence)
        {
            return stall(issuer, entry, Cause::Effect);
        }
        let mut pending = false;
        if board.pending_count > 0 {
            // Only scalars may be handed over later, the first four results of an entry.
            for passed in &info.passed {
                let (first, count) = match *passed {
                    Passed::View { at, is_grid, .. } => (at, if is_grid { 5 } else { 3 }),
                    Passed::Borrow(at) | Passed::Owner(at) => (at, 1),
                };
                for register in first..first + count {
                    if let Err(entry) = board.settle(cx.code, at + usize::from(register)) {
                        return stall(issuer, entry, Cause::Register);
                    }
                }
            }
            for register in info.results..info.boundary {
                if board.settle(cx.code, at + register).is_err() {
                    pending = true;
                    if let Some((seq, 4..)) = board.pending(at + register) {
                        return stall(issuer, board.entry_of(seq), Cause::Register);
                    }
                }
            }
        }
        if overlap(window, &info.views) {
            return leave(issuer);
        }
        let entry = match reserve(issuer, cx.heap, Kind::Call, info.boundary) {
            Ok(entry) => entry,
            Err(step) => return step,
        };
        let board = &mut *issuer.board;
        (*entry).code = code;
        (*entry).site = pc;
        (*entry).depth = board.depth;
        let args = (*entry).args;
        for register in 0..info.results {
            *args.add(register) = 0;
        }
        if pending {
            for register in info.results..info.boundary {
                operand(board, entry, regs, at + register, register as u16);
            }
        } else {
            let first = info.results;
            match info.boundary - first {
                // Not worth a call.
                1 => *args.add(first) = *window.add(first),
                count => args.add(first).copy_from_nonoverlapping(window.add(first), count),
            }
        }
        let seq = (*entry).seq;
        for passed in &info.passed {
            match *passed {
                Passed::View { at: first, is_grid, mutable } => {
                    // Read from the frame, since the line of the arguments may still be another worker's.
                    let first = usize::from(first);
                    if !mutable {
                        // Nobody may share what somebody younger is about to write.
                        let tail = first + if is_grid { 4 } else { 2 };
                        *args.add(tail) = *window.add(tail) | WRITTEN;
                    }
                    if let Some(area) = Area::of_view(window.add(first), is_grid) {
                        access(board, entry, area, mutable);
                    }
                }
                Passed::Borrow(first) => {
                    let held = *window.add(usize::from(first));
                    if !(*buffer(held)).is_immortal() {
                        access(board, entry, Area::whole(held), false);
                        if !(*buffer(held)).is_text() {
                            (*entry).shares = true;
                            (board.sharing, board.has_sharing) = (seq, true);
                        }
                    }
                }
                Passed::Owner(first) => {
                    let held = std::mem::take(&mut *window.add(usize::from(first)));
                    if held != 0 && !(*buffer(held)).is_immortal() {
                        access(board, entry, Area::whole(held), true);
                    }
                }
            }
        }
        let effects = info.effects;
        for &(root, write) in &info.resources {
            access(board, entry, Area::whole(root), write);
        }
        let stored = if info.results == 1 && board.shadow.is_none() {
            fused(board, &*issuer.plan, issuer.code, pc, at, regs)
        } else {
            None
        };
        if let Some(Fused { area, .. }) = stored {
            access(board, entry, area, true);
            (*entry).store_to = address(&area);
        }
        let ready = publish(board, entry);
        for &(register, owns) in &info.returned {
            let to = at + usize::from(register);
            board.forget(to);
            board.set_pending(to, seq, register);
            if owns {
                *regs.add(to) = 0;
            }
        }
        issuer.issued = 1;
        if let Some(Fused { moved, owns, .. }) = stored {
            issuer.issued = 2;
            if let Some(register) = moved {
                board.forget(register);
                if owns {
                    board.forget(at);
                    let old = std::mem::take(&mut *regs.add(register));
                    if old != 0 {
                        give_up(board, cx.heap, old);
                    }
                } else {
                    board.set_pending(register, seq, 0);
                }
                issuer.issued = 3;
            }
        }
        let local = &mut *issuer.local;
        local.counts.issued += 1;
        local.counts.issued_tasks += u64::from(info.is_task);
        local.note_flight(board);
        let waits = (!info.issues && !pending) || effects.meets(Effects::CLOCK);
        if !ready {
            local.counts.parked += 1;
            if waits {
                issuer.action = Action::Wait(entry);
                return Step::Leave;
            }
            return Step::Next(issuer.issued);
        }
        if waits {
            issuer.action = Action::RunAndWait(entry);
            return Step::Leave;
        }
        local.lift_back_off(board, seq);
        if local.offer(entry) {
            return Step::Next(issuer.issued);
        }
        issuer.action = Action::RunKept;
        Step::Leave
    }
}

/// `sys`
unsafe fn sys(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Step {
    // SAFETY: as for `step`; the distance leads to the address of a layout.
    unsafe {
        let issuer = &mut *cx.issuer;
        let instr = Instr(u64::from_le(*pc));
        let window = regs.add(instr.get(Field::A) as usize);
        let at = pc.offset(instr.signed(Field::I) as isize);
        let layout: &SysLayout = &*std::ptr::with_exposed_provenance(*at as usize);
        let effects = layout.effects;
        if layout.waits || effects.meets(Effects::CLOCK) {
            return leave(issuer);
        }
        // It may take long.
        (*issuer.local).publish();
        let board = &mut *issuer.board;
        if board.is_empty() {
            return Step::Run;
        }
        if effects.meets(Effects::READ_FILES)
            && let Some(entry) = meets(board, &Area::whole(FILES), false)
        {
            return stall(issuer, entry, Cause::Effect);
        }
        for passed in &layout.passed {
            let board = &*issuer.board;
            let answer = match *passed {
                Passed::View { at, is_grid, mutable } => {
                    let area = Area::of_view(window.add(usize::from(at)), is_grid);
                    match area.and_then(|area| meets(board, &area, mutable)) {
                        Some(entry) => stall(issuer, entry, Cause::Region),
                        None => Step::Run,
                    }
                }
                Passed::Borrow(at) => match meets(board, &Area::whole(*window.add(usize::from(at))), false) {
                    Some(entry) => stall(issuer, entry, Cause::Region),
                    None => Step::Run,
                },
                Passed::Owner(at) => detach(issuer, *window.add(usize::from(at))),
            };
            if answer != Step::Run {
                return answer;
            }
        }
        Step::Run
    }
}

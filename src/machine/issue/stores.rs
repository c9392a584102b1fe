//! Stores of values that are not there yet: parked, or part of the entry of the call that gives the value; and pushes, which take their
//! place in the array at once.
//!
//! Called by the issue stage, as the issuer of the frame.

use super::{Cause, Step, access, element, meets, operand, publish, replace, reserve, sharer, stall};
use crate::bytecode::ops::{Field, Instr};
use crate::machine::boxes::Area;
use crate::machine::code::INTO_WINDOW;
use crate::machine::execute::Context;
use crate::machine::memory::{buffer, data, is_unique};
use crate::machine::plan::{Plan, Shape, Value, What};
use crate::machine::scoreboard::{Board, before};
use crate::machine::station::Kind;
use crate::machine::worker::Job;

/// The place that `push` to an array puts a value into: `None` if the array would be copied, or is full.
///
/// # Safety
/// `held` is a live array that the frame owns.
pub(in crate::machine) unsafe fn place_of_push(held: u64) -> Option<Area> {
    // SAFETY: the caller's; the place is inside of the array's block.
    unsafe {
        let array = buffer(held);
        let stride = u64::from((*array).stride());
        let end = (*array).len * stride;
        let has_room = is_unique(array) && end + stride <= (*array).cap;
        has_room.then(|| Area::slots(held, data(array).add(end as usize), stride))
    }
}

/// `push`: where the value is not there yet, its place is taken, and the store is parked. What is in flight uses other elements, unless it
/// was passed the whole array, or may share it.
pub(super) unsafe fn push(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64, array: u16, value: u16) -> Step {
    // SAFETY: as for `step`.
    unsafe {
        let issuer = &mut *cx.issuer;
        let board = &*issuer.board;
        let held = *regs.add(usize::from(array));
        let slots = (*buffer(held)).stride() as u16;
        let pending = (value..value + slots).find_map(|register| board.pending(usize::from(register)));
        let shared = sharer(board, held, |_| true).is_some();
        let place = place_of_push(held).filter(|place| !shared && meets(board, place, true).is_none());
        match (place, pending) {
            (Some(_), None) => Step::Run,
            (None, None) => replace(issuer, held),
            (None, Some((seq, _))) => stall(issuer, board.entry_of(seq), Cause::Register),
            (Some(place), Some(_)) => {
                address(&place).write_bytes(0, usize::from(slots));
                let answer = store(cx, pc, regs, place, value, slots);
                if matches!(answer, Step::Next(_)) {
                    (*buffer(held)).len += 1;
                }
                answer
            }
        }
    }
}

/// Parks a store of the scalars in so many registers to an element.
pub(super) unsafe fn store(
    cx: &mut Context<'_>,
    pc: *const u64,
    regs: *mut u64,
    area: Area,
    value: u16,
    slots: u16,
) -> Step {
    // SAFETY: as for `step`.
    unsafe {
        let issuer = &mut *cx.issuer;
        let board = &*issuer.board;
        let mut pending = (value..value + slots).filter_map(|register| board.pending(usize::from(register)));
        if let Some((seq, _)) = pending.find(|&(_, result)| result > 3) {
            return stall(issuer, board.entry_of(seq), Cause::Register);
        }
        let entry = match reserve(issuer, cx.heap, Kind::Store, 2 + usize::from(slots)) {
            Ok(entry) => entry,
            Err(step) => return step,
        };
        let board = &mut *issuer.board;
        (*entry).site = pc;
        *(*entry).args = address(&area).expose_provenance() as u64;
        *(*entry).args.add(1) = u64::from(slots);
        for slot in 0..slots {
            operand(board, entry, regs, usize::from(value + slot), 2 + slot);
        }
        access(board, entry, area, true);
        let ready = publish(board, entry);
        let local = &mut *issuer.local;
        local.counts.parked += 1;
        local.note_flight(board);
        if ready {
            local.push(Job::Entry(entry));
        }
        Step::Next(1)
    }
}

/// A store that is part of a call's entry.
pub(super) struct Fused {
    /// The element.
    pub(super) area: Area,
    /// To which register the result is moved before.
    pub(super) moved: Option<usize>,
    /// It is a buffer, and is nowhere else then.
    pub(super) owns: bool,
}

/// Whether the call at `pc` is followed by a `push` of its result, in register `result`, or by a move of it to a register and a store or
/// a push of that: then the store is part of the entry, if it meets nothing in flight and traps not. The place of a push is taken
/// then.
pub(super) unsafe fn fused(
    board: &Board,
    plan: &Plan,
    code: *const u64,
    pc: *const u64,
    result: usize,
    regs: *mut u64,
) -> Option<Fused> {
    // SAFETY: as for `step`; a call is not the last instruction of a function, nor is a move.
    unsafe {
        let index = (pc.addr() - code.addr()) / 8;
        match plan.step(index + 1).what {
            What::Push(array, value) if usize::from(value) == result => {
                return Some(Fused { area: claim(board, regs, array)?, moved: None, owns: false });
            }
            What::MoveRef => {
                let What::PushOwner(array, value) = plan.step(index + 2).what else { return None };
                let moved = Instr(u64::from_le(*pc.add(1)));
                let (to, from) = (moved.get(Field::A) as usize, moved.get(Field::B) as usize);
                if from != result || to != usize::from(value) || moved.get(Field::X) == u32::from(INTO_WINDOW) {
                    return None;
                }
                return Some(Fused { area: claim(board, regs, array)?, moved: Some(to), owns: true });
            }
            What::Move => {}
            _ => return None,
        }
        let moved = Instr(u64::from_le(*pc.add(1)));
        let register = moved.get(Field::A) as usize;
        let What::Element { root, index: at, column, view, slot, value: Value::Scalar(value), .. } =
            plan.step(index + 2).what
        else {
            return None;
        };
        let (root_at, at_) = (usize::from(root), usize::from(at));
        let pending = |register: usize| register == moved.get(Field::A) as usize || board.pending(register).is_some();
        if moved.get(Field::B) as usize != result
            || usize::from(value) != register
            || pending(root_at)
            || pending(at_)
            || column.is_some_and(|column| pending(usize::from(column)))
        {
            return None;
        }
        if view == Shape::Held {
            let held = *regs.add(root_at);
            let sharing = board.has_sharing && !before(board.sharing, board.head);
            if sharing || !is_unique(buffer(held)) {
                return None;
            }
        }
        let area = element(regs, root, at, column, view, slot)?;
        if meets(board, &area, true).is_some() {
            return None;
        }
        Some(Fused { area, moved: Some(register), owns: false })
    }
}

/// The place of a push of one slot to the array in that register, which is taken, if that meets nothing in flight and nobody may share
/// the array.
///
/// # Safety
/// As for [`step`].
unsafe fn claim(board: &Board, regs: *mut u64, array: u16) -> Option<Area> {
    // SAFETY: the caller's; the place is inside of the array's block.
    unsafe {
        if board.pending(usize::from(array)).is_some() {
            return None;
        }
        let held = *regs.add(usize::from(array));
        let shared = sharer(board, held, |_| true).is_some();
        let place = place_of_push(held)?;
        if shared || (*buffer(held)).stride() != 1 || meets(board, &place, true).is_some() {
            return None;
        }
        *address(&place) = 0;
        (*buffer(held)).len += 1;
        Some(place)
    }
}

/// Where the first slot of an area lies.
pub(super) unsafe fn address(area: &Area) -> *mut u64 {
    // SAFETY: the area is inside a live buffer.
    unsafe {
        let held = buffer(area.root);
        let width = if (*held).is_grid() { (*held).cols * u64::from((*held).stride()) } else { 0 };
        data(held).add((u64::from(area.rows.0) * width + area.cols.0) as usize)
    }
}

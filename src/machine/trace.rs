//! Takes down what instructions really read and write of buffers: see [`Options::trace`](super::engine::Options::trace).
//!
//! What an instruction is going to use is worked out from the instruction and its registers alone, just before it runs, and taken
//! down when it has run. What the scoreboard files, and how it finds out what a call uses, has no part in that: calls use nothing
//! here, only what is done in them does. A buffer that an instruction exchanges for a copy is read, and the copy written.
//!
//! Invariant: a piece is of one doer, and nobody else's event is between two of its accesses if they are a frame's own; nothing is
//! promoted between them if they are an entry's.
//!
//! Called by the loop, in the variant that counts, and by the worker, for what it does itself.

use std::collections::HashSet;
use std::mem::discriminant;
use std::sync::Arc;

use smallvec::SmallVec;

use super::code::{Code, Passed, prologue};
use super::execute::Context;
use super::frame;
use super::host_call::SysLayout;
use super::layout::Layout;
use super::memory::{Buffer, HEADER_BYTES, buffer, data, is_unique, slot, tail_buffer, tail_stride};
use super::record::{Doer, Element, EntryId, Piece, Touch, Use};
use super::recorder::{Recorder, name};
use super::station::Entry;
use crate::bytecode::builtins::BUILTINS;
use crate::bytecode::ops::{Field, Instr, Kind, Op, OpInfo, Region, Role};
use crate::bytecode::program::RegType;
use crate::bytecode::types::Type;

/// How much a worker takes down: accesses of either kind.
const KEPT: usize = if cfg!(target_family = "wasm") { 1 << 16 } else { 1 << 21 };
/// How many of a piece's last accesses a new one may be joined to.
const JOINED: usize = 8;
/// How many buffers inside others are looked at for one instruction.
const NESTED: usize = 1 << 14;

/// What a worker takes down.
pub(super) struct Tracer {
    recorder: Arc<Recorder>,
    worker: usize,
    /// How much more is taken down.
    left: usize,
    /// Whose work the instructions in order are.
    entry: EntryId,
    /// What is done by whom, so far.
    piece: Option<Piece>,
    /// What the instruction in progress uses.
    staged: Staged,
}

/// What one instruction uses.
#[derive(Default)]
struct Staged {
    is_some: bool,
    own: Option<EntryId>,
    order: u64,
    touches: SmallVec<[Touch; 4]>,
    element: Option<Element>,
    written: SmallVec<[Written; 2]>,
}

/// A buffer that the instruction writes, and may exchange.
struct Written {
    /// The register.
    place: *const u64,
    /// Its number before, and how it is read if it is copied.
    old: Option<(u64, Use)>,
    /// How many slots were in use.
    end: u64,
    what: Part,
}

enum Part {
    /// These slots.
    Slots(u64, u64),
    /// What is added at the end.
    More,
    All,
    /// All, by a function of the host, which may leave it as it is: if it had other owners, and is still the same, it was not written.
    Passed,
    /// Nothing, but it is made unique.
    Nothing,
    /// Its elements, if it is new.
    New,
}

/// How many slots of a buffer are in use, or bytes of a Str.
///
/// # Safety
/// It is live.
unsafe fn end(held: *mut Buffer) -> u64 {
    // SAFETY: the caller's.
    unsafe { (*held).len * if (*held).is_text() { 1 } else { u64::from((*held).stride()) } }
}

/// Whether a built-in looks at what is in the buffers in what it is passed.
fn looks_inside(builtin: u16) -> bool {
    let name = BUILTINS[usize::from(builtin)].name;
    let prints = ["print", "write", "eprint", "ewrite", "__append", "__append_format"];
    let compares = ["__compare", "sort", "sorted", "contains", "find"];
    prints.contains(&name) || compares.contains(&name) || name == "join"
}

/// Adds the use of some slots, if there are any.
fn touch(touches: &mut SmallVec<[Touch; 4]>, root: u64, from: u64, to: u64, how: Use) {
    if from < to || matches!(how, Use::Unique(_)) {
        touches.push(Touch { root, from, to, how });
    }
}

/// The same for the length or shape.
fn header(touches: &mut SmallVec<[Touch; 4]>, root: u64, how: Use) {
    touch(touches, root, Touch::HEADER, Touch::HEADER + 1, how);
}

impl Staged {
    fn touch(&mut self, root: Option<(u64, Use)>, from: u64, to: u64) {
        if let Some((root, how)) = root {
            touch(&mut self.touches, root, from, to, how);
        }
    }

    /// Its length or shape.
    fn header(&mut self, root: Option<(u64, Use)>) {
        self.touch(root, Touch::HEADER, Touch::HEADER + 1);
    }
}

impl Tracer {
    pub(super) fn new(recorder: &Arc<Recorder>, worker: usize) -> Option<Box<Tracer>> {
        let recorder = recorder.clone();
        recorder.traces().then(|| {
            Box::new(Tracer {
                recorder,
                worker,
                left: KEPT,
                entry: EntryId::ROOT,
                piece: None,
                staged: Staged::default(),
            })
        })
    }

    /// The loop is entered for that entry's work.
    ///
    /// # Safety
    /// It is live.
    pub(super) unsafe fn enter(&mut self, entry: *const Entry) {
        // SAFETY: the caller's.
        self.entry = unsafe { name(entry) };
    }

    /// The loop was left; if with a fault, its last instruction has done nothing, or will be done again.
    pub(super) fn leave(&mut self) {
        if self.staged.is_some {
            self.staged = Staged::default();
        }
    }

    /// Another work is begun or gone on with.
    pub(super) fn end(&mut self) {
        if let Some(piece) = self.piece.take() {
            self.recorder.traced(self.worker, piece);
        }
    }

    /// The number of a buffer that is going to be read, and how; none if it can't change.
    ///
    /// # Safety
    /// The slot is 0 or holds a live buffer.
    unsafe fn root(&self, held: u64) -> Option<(u64, Use)> {
        // SAFETY: the caller's.
        unsafe {
            if held == 0 || (*buffer(held)).is_immortal() {
                return None;
            }
            let how = if is_unique(buffer(held)) { Use::Read } else { Use::Shared(self.recorder.moment()) };
            Some((self.recorder.number(held).0, how))
        }
    }

    /// Whoever's is the instruction at which the frame, or the run, is.
    fn stage(&mut self, cx: &Context<'_>) -> &mut Staged {
        // SAFETY: the issuer's board is its own.
        let own = unsafe { cx.issuer.as_ref().map(|issuer| (*issuer.board).place()) };
        self.staged.is_some = true;
        self.staged.own = own;
        self.staged.order = self.recorder.now();
        &mut self.staged
    }

    /// What is staged has been done.
    fn commit(&mut self) {
        let staged = std::mem::take(&mut self.staged);
        let (order, mut touches) = (staged.order, staged.touches);
        for Written { place, old, end: before, what } in staged.written {
            // SAFETY: the register was there when the instruction began, and the frame's memory still is; it holds 0 or a live buffer.
            unsafe {
                let held = *place;
                if held == 0 || (*buffer(held)).is_immortal() {
                    continue;
                }
                if let Part::New = what {
                    self.new_buffers(held, &mut touches);
                    continue;
                }
                let (root, after) = (self.recorder.number(held).0, end(buffer(held)));
                let unique = Use::Unique(self.recorder.moment());
                match old {
                    Some((old, Use::Shared(_))) if old == root && matches!(what, Part::Passed) => continue,
                    Some((old, _)) if old == root => touch(&mut touches, root, 0, 0, unique),
                    _ => {
                        if let Some((old, how)) = old {
                            touch(&mut touches, old, 0, before, how);
                            header(&mut touches, old, how);
                        }
                        touch(&mut touches, root, 0, 0, unique);
                        touch(&mut touches, root, 0, after, Use::Write);
                        header(&mut touches, root, Use::Write);
                        continue;
                    }
                }
                match what {
                    Part::Slots(from, to) => touch(&mut touches, root, from, to, Use::Write),
                    Part::More => touch(&mut touches, root, before, after, Use::Write),
                    Part::All | Part::Passed => touch(&mut touches, root, 0, before.max(after), Use::Write),
                    Part::Nothing | Part::New => {}
                }
                if matches!(what, Part::More | Part::All | Part::Passed) {
                    header(&mut touches, root, Use::Write);
                }
            }
        }
        let doer = staged.own.map_or(Doer::Entry(self.entry), Doer::Frame);
        self.add(doer, order, &touches, staged.element);
    }

    /// A buffer that was made just now is written, and so are those in it.
    ///
    /// # Safety
    /// It is live.
    unsafe fn new_buffers(&self, held: u64, touches: &mut SmallVec<[Touch; 4]>) {
        let mut left = vec![held];
        // SAFETY: the caller's; so is what is in it.
        unsafe {
            for _ in 0..NESTED {
                let Some(held) = left.pop() else { return };
                if held == 0 || (*buffer(held)).is_immortal() {
                    continue;
                }
                let (root, is_new) = self.recorder.number(held);
                if !is_new {
                    continue;
                }
                touch(touches, root, 0, 0, Use::Unique(self.recorder.moment()));
                touch(touches, root, 0, end(buffer(held)), Use::Write);
                header(touches, root, Use::Write);
                let layout = (*buffer(held)).layout();
                inside(layout, data(buffer(held)), (*buffer(held)).len, |child| left.push(child));
            }
        }
    }

    fn add(&mut self, of: Doer, order: u64, touches: &[Touch], element: Option<Element>) {
        let goes_on = self.piece.as_ref().is_some_and(|piece| {
            // Others may have completed since, which a frame's own accesses are to come after.
            piece.of == of && (matches!(of, Doer::Entry(_)) || piece.order == order)
        });
        if !goes_on {
            self.end();
        }
        let piece = self.piece.get_or_insert_with(|| Piece { of, order, touches: Vec::new(), elements: Vec::new() });
        for &touch in touches {
            let first = piece.touches.len().saturating_sub(JOINED);
            let met = piece.touches[first..].iter_mut().rev().find(|last| {
                last.root == touch.root
                    && discriminant(&last.how) == discriminant(&touch.how)
                    && last.from <= touch.to
                    && touch.from <= last.to
            });
            match met {
                Some(last) => {
                    (last.from, last.to) = (last.from.min(touch.from), last.to.max(touch.to));
                    // The later read counts, and the first look at the owners.
                    if let (Use::Shared(last), Use::Shared(now)) = (&mut last.how, touch.how) {
                        *last = now;
                    }
                }
                None if self.left == 0 => self.recorder.lose_trace(),
                None => {
                    self.left -= 1;
                    piece.touches.push(touch);
                }
            }
        }
        if let Some(element) = element {
            if self.left == 0 {
                return self.recorder.lose_trace();
            }
            self.left -= 1;
            piece.elements.push(element);
        }
    }

    /// Reads or writes what a view shows, and what is inside.
    ///
    /// # Safety
    /// The registers hold such a view.
    unsafe fn view(&mut self, at: *const u64, is_grid: bool, write: bool, deep: bool) {
        // SAFETY: the caller's. Of an empty view the buffer may be gone.
        unsafe {
            let (rows, cols, pitch, tail) = if is_grid {
                (*at.add(1), *at.add(2), *at.add(3), *at.add(4))
            } else {
                (1, *at.add(1), *at.add(1), *at.add(2))
            };
            let stride = tail_stride(tail) as u64;
            if rows == 0 || cols == 0 || stride == 0 {
                return;
            }
            let held = tail_buffer(tail);
            let root = self.root(slot(held)).map(|(root, how)| (root, if write { Use::Write } else { how }));
            for row in 0..rows {
                let first = *at + 8 * row * pitch * stride;
                let from = offset(held, first);
                self.staged.touch(root, from, from + cols * stride);
                if deep {
                    let mut children = Vec::new();
                    inside((*held).layout(), buffer(first).cast(), cols, |child| children.push(child));
                    self.deep(children);
                }
            }
        }
    }

    /// Reads whole buffers, and what is in them.
    ///
    /// # Safety
    /// Each is 0 or live.
    unsafe fn deep(&mut self, mut left: Vec<u64>) {
        let mut seen = HashSet::new();
        // SAFETY: the caller's; so is what is in them.
        unsafe {
            while let Some(held) = left.pop() {
                if held == 0 || !seen.insert(held) {
                    continue;
                }
                if seen.len() > NESTED {
                    return self.recorder.lose_trace();
                }
                self.whole(held);
                let held = buffer(held);
                inside((*held).layout(), data(held), (*held).len, |child| left.push(child));
            }
        }
    }

    /// Reads a whole buffer.
    ///
    /// # Safety
    /// It is live, or 0.
    unsafe fn whole(&mut self, held: u64) {
        // SAFETY: the caller's.
        unsafe {
            if let Some(root) = self.root(held) {
                self.staged.touch(Some(root), 0, end(buffer(held)));
                self.staged.header(Some(root));
            }
        }
    }

    /// Writes what a register holds then.
    ///
    /// # Safety
    /// It holds 0 or a live buffer, and will.
    unsafe fn written(&mut self, place: *const u64, what: Part) {
        // SAFETY: the caller's.
        unsafe {
            let (held, is_new) = (*place, matches!(what, Part::New));
            let (old, end) = if is_new || held == 0 { (None, 0) } else { (self.root(held), end(buffer(held))) };
            self.staged.written.push(Written { place, old, end, what });
        }
    }

    /// What is passed to a function of the host.
    ///
    /// # Safety
    /// The registers hold it.
    unsafe fn passed(&mut self, window: *const u64, passed: &[Passed], deep: bool) {
        // SAFETY: the caller's.
        unsafe {
            for passed in passed {
                match *passed {
                    Passed::View { at, is_grid, mutable } => {
                        let at = window.add(usize::from(at));
                        self.view(at, is_grid, false, deep);
                        if mutable {
                            self.view(at, is_grid, true, false);
                        }
                    }
                    Passed::Borrow(at) => {
                        let held = *window.add(usize::from(at));
                        if deep { self.deep(vec![held]) } else { self.whole(held) }
                    }
                    Passed::Owner(at) => {
                        let place = window.add(usize::from(at));
                        self.whole(*place);
                        self.written(place, Part::Passed);
                    }
                }
            }
        }
    }

    /// An entry that stores what is in its arguments.
    ///
    /// # Safety
    /// It is one, and about to do so.
    pub(super) unsafe fn store(&mut self, code: &Code, entry: *const Entry) {
        // SAFETY: the caller's. The arguments are the address, how many slots, and these.
        unsafe {
            self.enter(entry);
            let args = (*entry).args;
            let (address, slots) = (*args, *args.add(1));
            // Where that lies nobody has told: found from the address alone.
            let Some((held, root)) = self.recorder.containing(address) else { return self.recorder.lose_trace() };
            let from = offset(buffer(held), address);
            let touch = Touch { root, from, to: from + slots, how: Use::Write };
            let values = (0..slots as usize).map(|at| *args.add(2 + at));
            let element =
                Element { at: number_of(code, (*entry).site), offset: from, value: join(values), write: true };
            let order = self.recorder.now();
            self.add(Doer::Entry(self.entry), order, &[touch], Some(element));
        }
    }

    /// The place of what is pushed has been taken, and zeroed: before the entry of that name, which stores the value.
    ///
    /// # Safety
    /// The array is what the register holds.
    pub(super) unsafe fn claimed(&mut self, entry: EntryId, held: u64, order: u64) {
        // SAFETY: the caller's.
        unsafe {
            let Some((root, _)) = self.root(held) else { return };
            let (mut touches, to) = (SmallVec::new(), end(buffer(held)));
            touch(&mut touches, root, 0, 0, Use::Unique(self.recorder.moment()));
            touch(&mut touches, root, to - u64::from((*buffer(held)).stride()), to, Use::Write);
            header(&mut touches, root, Use::Write);
            self.add(Doer::Frame(entry), order, &touches, None);
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.end();
    }
}

/// In slots, from the first.
fn offset(held: *mut Buffer, address: u64) -> u64 {
    (address - slot(held) - HEADER_BYTES as u64) / 8
}

/// The number of an instruction in all the code.
fn number_of(code: &Code, pc: *const u64) -> u32 {
    ((pc.addr() - code.entry(0).addr()) / 8) as u32
}

/// What several slots hold, in one.
fn join(slots: impl Iterator<Item = u64>) -> u64 {
    slots.reduce(|all, one| all.wrapping_mul(31).wrapping_add(one)).unwrap_or(0)
}

/// The buffers in `count` elements.
///
/// # Safety
/// They are elements of a buffer of that layout.
unsafe fn inside(layout: &Layout, first: *const u64, count: u64, mut found: impl FnMut(u64)) {
    if layout.refs.is_empty() {
        return;
    }
    for element in 0..count as usize {
        for &at in &layout.refs {
            // SAFETY: the caller's.
            found(unsafe { *first.add(element * layout.stride as usize + usize::from(at)) });
        }
    }
}

/// The instruction before the one at which the loop is has been done.
///
/// # Safety
/// `cx.trace` is set.
#[inline]
pub(super) unsafe fn after(cx: &mut Context<'_>) {
    // SAFETY: the caller's.
    unsafe {
        if (*cx.trace).staged.is_some {
            (*cx.trace).commit();
        }
    }
}

/// The instruction at `pc` is about to run.
///
/// # Safety
/// `cx.trace` is set; `pc` is an instruction of the frame `regs`, whose registers are as it asks.
#[inline(never)]
pub(super) unsafe fn before(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) {
    // SAFETY: the caller's.
    unsafe {
        let tracer = &mut *cx.trace;
        let instr = Instr(u64::from_le(*pc));
        let Some(op) = instr.op() else { return };
        let info = op.info();
        if info.region == Region::None && !matches!(op, Op::NewArray | Op::NewZeros | Op::NewGrid | Op::Host) {
            return;
        }
        let register = |field| regs.add(instr.get(field) as usize);
        let (a, b, c) = (register(Field::A), register(Field::B), register(Field::C));
        match op {
            Op::Call => return,
            Op::Return | Op::ReturnValue | Op::ReturnDrop => return,
            _ => {}
        }
        tracer.stage(cx);
        match op {
            Op::Sys => {
                let layout: &SysLayout =
                    &*std::ptr::with_exposed_provenance(*pc.offset(instr.signed(Field::I) as isize) as usize);
                tracer.passed(a, &layout.passed, looks_inside(layout.builtin));
                for &(at, _) in &layout.owned[..layout.owned_results] {
                    tracer.written(a.add(usize::from(at)), Part::New);
                }
            }
            Op::Host => {
                let info = cx.code.callee(frame::entry(regs));
                tracer.passed(regs, &info.passed, false);
                for &(at, owns) in info.returned.iter().take(info.results) {
                    if owns {
                        tracer.written(regs.add(usize::from(at)), Part::New);
                    }
                }
            }
            Op::Compare => tracer.deep(vec![*b, *c]),
            Op::Share => tracer.whole(*b),
            Op::Own => {
                let function = (*prologue(frame::entry(regs))).index as usize;
                let to = cx.code.program().functions[function].registers[instr.get(Field::A) as usize];
                let is_grid = |ty| matches!(cx.code.program().types.get(ty), Type::Grid(_));
                tracer.view(b, matches!(to, RegType::Own(ty) if is_grid(ty)), false, false);
                tracer.written(a, Part::New);
            }
            Op::SliceStr => {
                let root = tracer.root(*b);
                tracer.staged.header(root);
                tracer.staged.touch(root, *c, *c.add(1));
                tracer.written(a, Part::New);
            }
            Op::NewArray | Op::NewZeros | Op::NewGrid => tracer.written(a, Part::New),
            Op::Cat => {
                tracer.whole(*b);
                tracer.written(a, Part::More);
            }
            Op::Fill => tracer.written(a, Part::More),
            Op::Push => {
                let held = buffer(*a);
                let layout = (*held).layout();
                let scalars = (0..layout.stride as u16).filter(|at| !layout.refs.contains(at));
                let value = join(scalars.map(|at| *b.add(usize::from(at))));
                let element = Element { at: number_of(cx.code, pc), offset: end(held), value, write: true };
                tracer.staged.element = Some(element);
                tracer.written(a, Part::More);
            }
            Op::FillGrid | Op::Fold => tracer.written(a, Part::All),
            Op::FoldEnd => tracer.written(b, Part::All),
            Op::View | Op::GridView | Op::RowView => {
                let flags = instr.get(Field::X);
                if flags & 1 == 0 {
                    let root = tracer.root(*b);
                    tracer.staged.header(root);
                }
                if flags & 3 == 2 {
                    tracer.written(b, Part::Nothing);
                }
            }
            _ => match info.region {
                Region::Length(root) if shape(info, root).is_none() => {
                    let root = tracer.root(*register(root));
                    tracer.staged.header(root);
                }
                Region::Read(root, index) => element(tracer, cx.code, pc, regs, (root, index), false),
                Region::Write(root, index) => element(tracer, cx.code, pc, regs, (root, index), true),
                _ => {}
            },
        }
    }
}

/// Whether an operand is a view, and then whether of a grid.
fn shape(info: &OpInfo, field: Field) -> Option<bool> {
    match info.operands.iter().find(|operand| operand.field == field)?.kind {
        Kind::View | Kind::ViewMut => Some(false),
        Kind::GridView | Kind::GridViewMut => Some(true),
        _ => None,
    }
}

/// An instruction that reads or writes one element; nothing if it will trap.
///
/// # Safety
/// As for [`before`].
unsafe fn element(
    tracer: &mut Tracer,
    code: &Code,
    pc: *const u64,
    regs: *mut u64,
    (root, index): (Field, Field),
    write: bool,
) {
    // SAFETY: the caller's.
    unsafe {
        let instr = Instr(u64::from_le(*pc));
        let Some(op) = instr.op() else { return };
        let info = op.info();
        let register = |field| regs.add(instr.get(field) as usize);
        let place: *mut u64 = register(root);
        let first = *register(index);
        let second = match index {
            Field::Q => Some(*register(Field::R)),
            Field::R => Some(*register(Field::S)),
            _ => None,
        };
        let shape = shape(info, root);
        let (held, base, rows, cols, pitch, stride) = match shape {
            None => {
                let held = buffer(*place);
                let stride = if (*held).is_text() { 1 } else { u64::from((*held).stride()) };
                let (rows, cols) = if second.is_some() { ((*held).rows, (*held).cols) } else { (1, (*held).len) };
                (held, 0, rows, cols, cols, stride)
            }
            Some(is_grid) => {
                let (rows, cols, pitch, tail) = if is_grid {
                    (*place.add(1), *place.add(2), *place.add(3), *place.add(4))
                } else {
                    (1, *place.add(1), *place.add(1), *place.add(2))
                };
                if rows == 0 || cols == 0 {
                    return;
                }
                let held = tail_buffer(tail);
                (held, offset(held, *place), rows, cols, pitch, tail_stride(tail) as u64)
            }
        };
        let (row, col) = match second {
            Some(col) => (first, col),
            None if cols == 0 => return,
            None => (first / cols, first % cols),
        };
        if row >= rows || col >= cols {
            return;
        }
        let has_slot = info.operands.iter().any(|operand| operand.field == Field::X);
        let slot_at = if has_slot { u64::from(instr.get(Field::X)) } else { 0 };
        let from = base + (row * pitch + col) * stride + slot_at;
        let is_scalar = |role| {
            info.operands.iter().find(|operand| operand.kind == Kind::Element && operand.role == role).map(|o| o.field)
        };
        let value = match write {
            true => is_scalar(Role::Use).map_or(0, |field| *register(field)),
            false if op == Op::LoadByte => u64::from(*data(held).cast::<u8>().add(from as usize)),
            false => is_scalar(Role::Def).map_or(0, |_| *data(held).add(from as usize)),
        };
        if !write && info.operands.iter().any(|operand| operand.kind == Kind::ElementRef) {
            // It is shared, which counts as a copy.
            tracer.whole(*data(held).add(from as usize));
        }
        let number = tracer.root(slot(held));
        tracer.staged.element = Some(Element { at: number_of(code, pc), offset: from, value, write });
        if shape.is_none() {
            tracer.staged.header(number);
            if write {
                return tracer.written(place, Part::Slots(from, from + 1));
            }
        }
        let number = number.map(|(root, how)| (root, if write { Use::Write } else { how }));
        tracer.staged.touch(number, from, from + 1);
    }
}

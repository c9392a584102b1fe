//! Takes down a run's record: events of each worker, and for each promoted frame a *shadow* of its scoreboard.
//!
//! The scoreboard forgets what has completed, since nothing has to wait for it. The shadow does not: it says what an
//! instruction needs whatever the schedule was. Whether the schedule kept to it is another's business (`observe::check`).
//!
//! Invariants: an entry's completion is taken down before its list of waiters is closed, and its start by who was handed it,
//! so that the orders of the two numbers are the order of the schedule. What is kept are the first events of the run, without a gap:
//! whoever replays a schedule has to begin with what was promoted first, and can't make up for what is missing. A shadow belongs to its frame's issuer. A buffer's
//! number is forgotten before its memory is given back.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;

use super::boxes::{Area, Boxes, Filed, Flight};
use super::code::{Code, Passed};
use super::execute::Context;
use super::host_call::SysLayout;
use super::issue::{Step, element, place_of_push};
use super::linked::builtin_resources;
use super::memory::{buffer, is_unique};
use super::plan::{Plan, Shape, Value, WATCH_RECORD, What as Planned};
use super::record::{
    Access, Carrier, Ending, EntryId, Event, Hazard, Issued, Kind, Need, Order, Piece, Record, Region, Trace, What,
};
use super::scoreboard::Board;
use super::split;
use super::station::{Entry, Kind as Does, Status};
use crate::bytecode::effects::Effects;
use crate::bytecode::ops::{Field, Instr};
use crate::platform::Platform;

/// How many events of a worker are kept; a page has less memory.
const KEPT: usize = if cfg!(target_family = "wasm") { 1 << 16 } else { 1 << 20 };
/// How many entries of a frame are looked back for what an entry needs: far more than the ring of a frame holds.
const HORIZON: u32 = 1 << 14;

/// The instructions that number `number` may need.
fn in_reach(number: u32) -> Flight {
    Flight { head: number.saturating_sub(HORIZON), tail: number }
}

/// Numbers of buffers by address.
#[derive(Default)]
pub(super) struct Roots {
    given: u64,
    numbers: BTreeMap<u64, u64>,
}

impl Roots {
    /// The number of the buffer at that address, and whether it was given just now.
    fn number(&mut self, address: u64) -> (u64, bool) {
        let next = Region::RESOURCES + self.given;
        let number = *self.numbers.entry(address).or_insert(next);
        self.given += u64::from(number == next);
        (number, number == next)
    }
}

/// Shared by those that free buffers.
pub(super) type SharedRoots = Arc<Mutex<Roots>>;

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The buffer at `address` is freed.
#[cold]
pub(super) fn forget(roots: &SharedRoots, address: usize) {
    lock(roots).numbers.remove(&(address as u64));
}

pub(super) struct Recorder {
    platform: Arc<dyn Platform>,
    order: AtomicU64,
    frames: AtomicU32,
    /// One for each worker, and one for what retires.
    lanes: Box<[Mutex<Vec<Event>>]>,
    /// How many events a lane keeps.
    kept: usize,
    /// The first event that was not kept; from there on none is.
    end: AtomicU64,
    pub(super) roots: SharedRoots,
    leave_out: Option<Hazard>,
    /// What each worker has traced, if it is to.
    pieces: Option<Box<[Mutex<Vec<Piece>>]>>,
    lost_of_trace: AtomicU64,
    /// Orders what the trace says of owners.
    moment: AtomicU64,
}

impl Recorder {
    pub(super) fn new(
        platform: Arc<dyn Platform>,
        workers: usize,
        leave_out: Option<Hazard>,
        trace: bool,
    ) -> Arc<Recorder> {
        let pieces = trace.then(|| (0..workers).map(|_| Mutex::default()).collect());
        Arc::new(Recorder { pieces, ..Recorder::keeping(KEPT, platform, workers, leave_out) })
    }

    fn keeping(kept: usize, platform: Arc<dyn Platform>, workers: usize, leave_out: Option<Hazard>) -> Recorder {
        Recorder {
            platform,
            order: AtomicU64::new(0),
            frames: AtomicU32::new(0),
            lanes: (0..=workers).map(|_| Mutex::default()).collect(),
            kept,
            end: AtomicU64::new(u64::MAX),
            roots: SharedRoots::default(),
            leave_out,
            pieces: None,
            lost_of_trace: AtomicU64::new(0),
            moment: AtomicU64::new(0),
        }
    }

    /// Whether reads and writes are traced.
    pub(super) fn traces(&self) -> bool {
        self.pieces.is_some()
    }

    /// How many events have happened.
    pub(super) fn now(&self) -> u64 {
        self.order.load(Ordering::Acquire)
    }

    /// A moment after all that were told so far.
    pub(super) fn moment(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::AcqRel)
    }

    /// The number of a buffer, and whether it was given just now.
    pub(super) fn number(&self, address: u64) -> (u64, bool) {
        lock(&self.roots).number(address)
    }

    /// The buffer that has a slot at that address, and its number, if it has one.
    pub(super) fn containing(&self, address: u64) -> Option<(u64, u64)> {
        lock(&self.roots).numbers.range(..=address).next_back().map(|(&held, &number)| (held, number))
    }

    /// Takes down what a worker has traced.
    pub(super) fn traced(&self, worker: usize, piece: Piece) {
        if let Some(pieces) = &self.pieces {
            lock(&pieces[worker]).push(piece);
        }
    }

    /// An access is not taken down.
    pub(super) fn lose_trace(&self) {
        self.lost_of_trace.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes down what a worker does, which has run instructions of that cost.
    pub(super) fn add(&self, worker: usize, cost: u64, what: What) {
        let time = self.platform.now();
        let mut lane = lock(&self.lanes[worker]);
        let order = self.order.fetch_add(1, Ordering::AcqRel);
        if lane.len() >= self.kept {
            self.end.fetch_min(order, Ordering::Relaxed);
        }
        // What another lane has lost is not known at once, but what comes after it is left out at last.
        if order >= self.end.load(Ordering::Relaxed) {
            return;
        }
        lane.push(Event { order, time, worker: worker as u8, cost, what });
    }

    /// # Safety
    /// As for [`name`].
    pub(super) unsafe fn retired(&self, entry: *const Entry) {
        // SAFETY: the caller's.
        self.add(self.lanes.len() - 1, 0, What::Retired(unsafe { name(entry) }));
    }

    /// # Safety
    /// As for [`name`]; the caller runs it.
    pub(super) unsafe fn completed(&self, worker: usize, cost: u64, entry: *const Entry) {
        // SAFETY: the caller's.
        let (name, status) = unsafe { (name(entry), (*entry).status) };
        let ending = match status {
            Status::Good => Ending::Good,
            Status::Failed => Ending::Failed,
            Status::Squashed => Ending::Squashed,
        };
        self.add(worker, cost, What::Completed(name, ending));
    }

    /// A frame was promoted, and nothing of it issued yet.
    ///
    /// # Safety
    /// The caller is its issuer; its entry is live.
    pub(super) unsafe fn promoted(self: &Arc<Self>, code: Arc<Code>, board: &mut Board, worker: usize, cost: u64) {
        let frame = self.frames.fetch_add(1, Ordering::Relaxed) + 1;
        board.frame = frame;
        board.watch |= WATCH_RECORD;
        board.shadow = Some(Box::new(Shadow {
            recorder: self.clone(),
            producers: vec![None; code.functions[board.function as usize].slots],
            code,
            frame,
            function: board.function,
            worker,
            cost,
            next: 0,
            boxes: Boxes::default(),
            accesses: Vec::new(),
            joined: HashSet::new(),
            joined_before: 0,
            has_issued: false,
            issued_at: 0,
        }));
        // SAFETY: the caller's.
        let parent = unsafe { name(board.entry) };
        self.add(worker, cost, What::Promoted { frame, function: board.function, parent });
    }

    /// What has been taken down so far from the event of that order on, in order, at most so many.
    pub(super) fn since(&self, from: u64, most: usize) -> Vec<Event> {
        // An event gets its number while its lane is held: nobody has one that is not in its lane when all are.
        let lanes: Vec<_> = self.lanes.iter().map(lock).collect();
        let end = self.end.load(Ordering::Relaxed);
        let news = lanes.iter().flat_map(|lane| {
            let first = lane.partition_point(|event| event.order < from);
            lane[first..].iter().take(most).take_while(|event| event.order < end).cloned()
        });
        let mut events: Vec<Event> = news.collect();
        drop(lanes);
        events.sort_unstable_by_key(|event| event.order);
        events.truncate(most);
        events
    }

    /// All there is, once the workers have ended.
    pub(super) fn finish(&self) -> Record {
        let mut events: Vec<Event> = self.lanes.iter().flat_map(|lane| std::mem::take(&mut *lock(lane))).collect();
        let end = self.end.load(Ordering::Relaxed);
        events.retain(|event| event.order < end);
        events.sort_unstable_by_key(|event| event.order);
        let lost = self.order.load(Ordering::Relaxed) - events.len() as u64;
        let trace = self.pieces.as_ref().map(|pieces| {
            let mut pieces: Vec<Piece> = pieces.iter().flat_map(|lane| std::mem::take(&mut *lock(lane))).collect();
            pieces.sort_by_key(|piece| piece.order);
            Trace { pieces, lost: self.lost_of_trace.load(Ordering::Relaxed) }
        });
        Record { events, lost, trace }
    }
}

/// The name of an entry.
///
/// # Safety
/// It is live, and was issued with a shadow, or is the root.
pub(super) unsafe fn name(entry: *const Entry) -> EntryId {
    // SAFETY: the caller's.
    unsafe {
        let board = (*entry).board;
        if board.is_null() {
            return EntryId::ROOT;
        }
        EntryId { frame: (*board).frame, number: (*entry).number }
    }
}

/// What was issued of a frame, and what it was for.
pub(super) struct Shadow {
    recorder: Arc<Recorder>,
    code: Arc<Code>,
    frame: u32,
    function: u32,
    /// Whoever issues the frame now, and what it has done.
    pub(super) worker: usize,
    cost: u64,
    next: u32,
    /// Whose result a register is, completed or not.
    producers: Vec<Option<u32>>,
    boxes: Boxes,
    /// What the entry that is being issued was found to use.
    accesses: Vec<(Area, bool)>,
    /// Whom the frame itself has waited for: these, and all before that one.
    joined: HashSet<u32>,
    joined_before: u32,
    has_issued: bool,
    /// How many events had happened when the last entry was about to be issued.
    pub(super) issued_at: u64,
}

impl Shadow {
    /// Whether the machine is to overlook that an access meets one that was filed.
    pub(super) fn leaves_out(&self, filed: Filed<'_>, write: bool) -> bool {
        let Some(rule) = self.recorder.leave_out else { return false };
        if filed.area.root < Region::RESOURCES {
            return rule == Hazard::Effect;
        }
        match Order::of(filed.write, write) {
            Order::ReadAfterWrite => rule == Hazard::ReadAfterWrite,
            Order::WriteAfterRead => rule == Hazard::WriteAfterRead,
            Order::WriteAfterWrite => rule == Hazard::WriteAfterWrite,
        }
    }

    /// Whether the machine is to overlook that rule.
    pub(super) fn overlooks(&self, rule: Hazard) -> bool {
        self.recorder.leave_out == Some(rule)
    }

    /// The entry that is being issued reads or writes this.
    pub(super) fn access(&mut self, area: Area, write: bool) {
        self.accesses.push((area, write));
    }

    /// The number of what is issued next.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    fn has_joined(&self, number: u32) -> bool {
        number < self.joined_before || self.joined.contains(&number)
    }

    /// The area with its buffer's number, and as it is taken down.
    fn numbered(&self, area: Area) -> (Area, Region) {
        let (mut root, mut stride) = (area.root, 1);
        if root >= Region::RESOURCES {
            // SAFETY: the issuer looks at what its frame holds.
            stride = unsafe { (*buffer(root)).stride().max(1) };
            root = self.recorder.number(root).0;
        }
        (Area { root, ..area }, Region { root, rows: area.rows, cols: area.cols, stride })
    }

    /// Takes down an instruction: its needs, of which the frame waits for those that `holds` says.
    fn needs(
        &self,
        reads: &[u16],
        accesses: &[(Area, bool)],
        holds: impl Fn(Option<u16>) -> bool,
    ) -> (Vec<Need>, Vec<Access>) {
        let mut needs: Vec<Need> = Vec::new();
        for &register in reads {
            if let Some(on) = self.producers.get(usize::from(register)).copied().flatten() {
                let carrier = Carrier::Register(register);
                needs.push(Need { on, carrier, order: Order::ReadAfterWrite, holds: holds(Some(register)) });
            }
        }
        let mut taken = Vec::with_capacity(accesses.len());
        let holds = holds(None);
        let mut seen = HashSet::new();
        for &(area, write) in accesses {
            let (area, region) = self.numbered(area);
            taken.push(Access { region, write });
            self.boxes.conflicts(&area, write, in_reach(self.next), &mut |filed| {
                if seen.insert(filed.seq) {
                    let order = Order::of(filed.write, write);
                    needs.push(Need { on: filed.seq, carrier: Carrier::Region(region), order, holds });
                }
            });
        }
        (needs, taken)
    }

    /// Files an instruction's accesses under its number, and makes it the producer of what it writes.
    fn file(&mut self, number: u32, accesses: &[Access], writes: &[u16]) {
        for &Access { region, write } in accesses {
            let area = Area { root: region.root, rows: region.rows, cols: region.cols };
            self.boxes.access(area, write, in_reach(number), &mut |_| {});
        }
        for &register in writes {
            self.producers[usize::from(register)] = Some(number);
        }
    }

    fn join(&mut self, needs: &[Need]) {
        self.joined.extend(needs.iter().filter(|need| need.holds).map(|need| need.on));
    }

    /// The entry is about to be published; the registers of its frame, if it runs already.
    ///
    /// # Safety
    /// It is complete, and an instruction of this frame, whose issuer calls.
    pub(super) unsafe fn issued(&mut self, entry: *mut Entry, running: Option<*const u64>) {
        self.has_issued = true;
        self.issued_at = self.recorder.now();
        let is_running = running.is_some();
        let code = self.code.clone();
        let plan = code.plan(self.function);
        let first = code.entry(self.function);
        // SAFETY: the caller's; the site is an instruction of the frame's function.
        let (pc, kind, params) = unsafe { ((*entry).site, (*entry).kind, running.unwrap_or((*entry).args)) };
        let index = (pc.addr() - first.addr()) / 8;
        let step = plan.step(index);
        let (reads, writes) = plan.sets(step);
        // SAFETY: as above.
        let (instr, info) = unsafe {
            let info = (kind == Does::Call).then(|| code.callee((*entry).code));
            (Instr(u64::from_le(*pc)), info)
        };
        let window = instr.get(Field::A) as u16;
        let holds = |register: Option<u16>| match (register, info) {
            (None, _) => false,
            (Some(register), Some(info)) => register.checked_sub(window).is_some_and(|at| is_passed(&info.passed, at)),
            (Some(register), None) => !may_be_pending(step.what, register),
        };
        let used = std::mem::take(&mut self.accesses);
        let (needs, accesses) =
            if is_running { self.needs(&[], &used, holds) } else { self.needs(reads, &used, holds) };
        let number = self.next;
        self.next += 1;
        // SAFETY: as above.
        unsafe { (*entry).number = number };
        let is_fence = info.is_some_and(|info| info.effects.meets(Effects::CLOCK));
        let late = |need: &Need| matches!(need.carrier, Carrier::Register(_)) && !self.has_joined(need.on);
        let is_awaited = info.is_some_and(|info| !info.issues && !is_running && !needs.iter().any(late)) || is_fence;
        self.join(&needs);
        if is_fence {
            self.joined_before = number + 1;
            self.joined.clear();
        }
        if is_awaited {
            self.joined.insert(number);
        }
        // A store gives the frame no result, though it may exchange the buffer.
        self.file(number, &accesses, if kind == Does::Store { &[] } else { writes });
        let does = match info {
            // SAFETY: as above.
            Some(_) => Kind::Call(unsafe { (*super::code::prologue((*entry).code)).index }),
            None => Kind::Operation(instr.op().expect("it was planned")),
        };
        let site = code.program().functions[self.function as usize].sites[index];
        let entry = EntryId { frame: self.frame, number };
        let turns = match info {
            // SAFETY: as above; the machine has seen the bounds before the loop is called.
            Some(info) if info.range.is_some() => unsafe { split::turns(params) }.max(1) as u64,
            _ => 1,
        };
        let issued = Issued { entry, kind: does, site, accesses, needs, is_fence, is_awaited, is_running, turns };
        self.recorder.add(self.worker, self.cost, What::Issued(Box::new(issued)));
    }

    /// The frame is going to run an instruction itself, which uses these elements.
    fn ran(&mut self, plan: &Plan, index: usize, instr: Instr, areas: &[(Area, bool)]) {
        let code = self.code.clone();
        let step = plan.step(index);
        let (reads, writes) = plan.sets(step);
        let parks = matches!(step.what, Planned::Park)
            || matches!(step.what, Planned::Element { write: true, value: Value::Scalar(_), .. } | Planned::Push(..));
        let holds = |register: Option<u16>| match register {
            Some(register) => !may_be_pending(step.what, register),
            None => !parks,
        };
        let (mut needs, accesses) = self.needs(reads, areas, holds);
        needs.retain(|need| !self.has_joined(need.on));
        if needs.is_empty() {
            return writes.iter().for_each(|&register| self.producers[usize::from(register)] = None);
        }
        let number = self.next;
        self.next += 1;
        self.join(&needs);
        if needs.iter().all(|need| need.holds) {
            self.joined.insert(number);
            writes.iter().for_each(|&register| self.producers[usize::from(register)] = None);
        } else {
            self.file(number, &accesses, if accesses.is_empty() { writes } else { &[] });
        }
        let issued = Issued {
            entry: EntryId { frame: self.frame, number },
            kind: Kind::Operation(instr.op().expect("it was planned")),
            site: code.program().functions[self.function as usize].sites[index],
            accesses,
            needs,
            is_fence: false,
            is_awaited: false,
            is_running: false,
            turns: 1,
        };
        self.recorder.add(self.worker, self.cost, What::Ran(Box::new(issued)));
    }
}

/// Whether a parameter is a view or a buffer, which an entry is not handed later.
fn is_passed(passed: &[Passed], at: u16) -> bool {
    passed.iter().any(|passed| match *passed {
        Passed::View { at: first, is_grid, .. } => (first..first + if is_grid { 5 } else { 3 }).contains(&at),
        Passed::Borrow(first) | Passed::Owner(first) => first == at,
    })
}

/// Whether an instruction can be issued before that register is there.
fn may_be_pending(what: Planned, register: u16) -> bool {
    match what {
        Planned::Park => true,
        Planned::Element { value: Value::Scalar(value), .. } => value == register,
        Planned::Push(array, _) => array != register,
        _ => false,
    }
}

/// The issue stage is about to look at an instruction.
///
/// # Safety
/// As for [`super::issue::step`].
pub(super) unsafe fn begin(cx: &mut Context<'_>) {
    // SAFETY: the caller's.
    let (shadow, cost) = unsafe { (&mut (*(*cx.issuer).board).shadow, (*cx.counts).cost) };
    if let Some(shadow) = shadow {
        (shadow.cost, shadow.has_issued) = (cost, false);
        shadow.accesses.clear();
    }
}

/// The issue stage has answered; if with [`Step::Run`], the instruction is about to run.
///
/// # Safety
/// As for [`super::issue::step`].
pub(super) unsafe fn end(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64, answer: Step) {
    // SAFETY: the caller's; the registers that are looked at hold what the opcode asks, as the instruction would run.
    unsafe {
        let issuer = &mut *cx.issuer;
        let Some(shadow) = &mut (*issuer.board).shadow else { return };
        if shadow.has_issued {
            let count = if let Step::Next(count) = answer { count } else { issuer.issued };
            if count > 1 {
                // The move of a call's result, and its store, belong to the entry.
                let moved = Instr(u64::from_le(*pc.add(1)));
                let (to, from) = (moved.get(Field::A) as usize, moved.get(Field::B) as usize);
                shadow.producers[to] = shadow.producers[from];
            }
            return;
        }
        if answer == Step::Leave {
            return;
        }
        let plan = &*issuer.plan;
        let index = (pc.addr() - issuer.code.addr()) / 8;
        let instr = Instr(u64::from_le(*pc));
        let (a, b) = (instr.get(Field::A) as usize, instr.get(Field::B) as usize);
        match plan.step(index).what {
            Planned::Move => shadow.producers[a] = shadow.producers[b],
            Planned::MoveRef => {
                let from = shadow.producers[b].take();
                shadow.producers[a] = from;
            }
            Planned::Drop => shadow.producers[a] = None,
            // It traps, whatever it would have stored, and is the last that is issued.
            Planned::Element { root, index, column, view, slot, .. }
                if element(regs, root, index, column, view, slot).is_none() => {}
            what => {
                let areas = used(what, pc, regs);
                shadow.ran(plan, index, instr, &areas);
            }
        }
    }
}

/// The elements and resources that an instruction uses which is about to run.
///
/// # Safety
/// The registers hold what the opcode asks.
unsafe fn used(what: Planned, pc: *const u64, regs: *mut u64) -> SmallVec<[(Area, bool); 2]> {
    let mut areas = SmallVec::new();
    // SAFETY: the caller's. A register with an owner or a borrow may hold 0, if it is about to be given its first.
    unsafe {
        let held = |register: u16| {
            let held = *regs.add(usize::from(register));
            (held != 0 && !(*buffer(held)).is_immortal()).then(|| (Area::whole(held), false))
        };
        match what {
            Planned::Element { write, root, index, column, view, slot, .. } => {
                let replaced = write && view == Shape::Held && !is_unique(buffer(*regs.add(usize::from(root))));
                if replaced {
                    areas.extend(held(root));
                } else if let Some(area) = element(regs, root, index, column, view, slot) {
                    areas.push((area, write));
                }
            }
            Planned::Whole(roots) => areas.extend(roots.into_iter().flatten().filter_map(held)),
            Planned::WholeView(root, shape) => {
                let area = Area::of_view(regs.add(usize::from(root)), shape == Shape::Grid);
                areas.extend(area.map(|area| (area, false)));
            }
            Planned::Push(array, _) => match place_of_push(*regs.add(usize::from(array))) {
                Some(place) => areas.push((place, true)),
                None => areas.extend(held(array)),
            },
            Planned::PushOwner(array, _) => areas.extend(held(array)),
            Planned::Replace(root, more) => areas.extend([Some(root), more].into_iter().flatten().filter_map(held)),
            Planned::Sys => {
                let instr = Instr(u64::from_le(*pc));
                let window = instr.get(Field::A) as u16;
                let at = pc.offset(instr.signed(Field::I) as isize);
                let layout: &SysLayout = &*std::ptr::with_exposed_provenance(*at as usize);
                areas.extend(builtin_resources(layout.effects).map(|(root, write)| (Area::whole(root), write)));
                for passed in &layout.passed {
                    match *passed {
                        Passed::View { at, is_grid, mutable } => {
                            let area = Area::of_view(regs.add(usize::from(window + at)), is_grid);
                            areas.extend(area.map(|area| (area, mutable)));
                        }
                        Passed::Borrow(at) | Passed::Owner(at) => areas.extend(held(window + at)),
                    }
                }
            }
            _ => {}
        }
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::sim::{Simulated, Simulator};

    #[test]
    fn what_is_kept_is_how_the_run_began() {
        let platform = Arc::new(Simulated(Arc::new(Simulator::new(2, 0))));
        let recorder = Recorder::keeping(3, platform, 2, None);
        let add = |worker, times| (0..times).for_each(|_| recorder.add(worker, 0, What::TakenUp(1)));
        let orders = |events: Vec<Event>| events.iter().map(|event| event.order).collect::<Vec<u64>>();
        add(0, 2);
        add(1, 2);
        assert_eq!(orders(recorder.since(1, 9)), [1, 2, 3]);
        // The second of these is one too many; what the others do after that is left out, too.
        add(0, 2);
        add(1, 1);
        add(2, 1);
        assert_eq!(orders(recorder.since(2, 9)), [2, 3, 4]);
        let record = recorder.finish();
        assert!(record.is_cut());
        assert_eq!((orders(record.events), record.lost), (vec![0, 1, 2, 3, 4], 3));
    }
}

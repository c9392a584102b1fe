//! The trace checker: whether what a run really read and wrote kept the order that the program's text asks for.
//!
//! It looks at nothing that the machine filed. Of the record it takes which frames were promoted where, and when entries started
//! and completed; of the trace, who read and wrote which slots. So it also finds what the machine forgot to file.
//!
//! Every access has its place in program order: the path that leads to it from the run itself, through entries by their
//! numbers and the frames that were promoted in them. Of two that meet, the paths part in one frame, and there the
//! older entry must have completed before the younger started; whatever the workers did, and whether or not anybody could see it.
//! That is asked of each access and the last write before it, and of each write and the reads since then; all others follow from these.
//! Where two variables share a buffer, the count of its owners puts them in order: a read while there are several comes before a write
//! by who has found only one later.
//!
//! Loads and stores of elements are compared, too, in program order, with those of a run in order: instruction by instruction, with the
//! slot and the value. Not with the buffers: a run out of order makes copies where one in order moves, and the other way round.
//! Nor are those compared that come after what failed, or decided an `any`: in order they were not reached.

use std::collections::{BTreeMap, HashMap};

use crate::machine::record::{Doer, Element, Ending, EntryId, Order, Piece, Record, Touch, Use, What};

/// What a trace was found to hold, so that a test can see that there was something to check.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traced {
    /// Accesses, where those side by side count once.
    pub accesses: u64,
    /// Slots that one read after another had written them.
    pub reads_after_writes: u64,
    /// Slots that one wrote after another had read them.
    pub writes_after_reads: u64,
    /// Slots that one wrote after another had.
    pub writes_after_writes: u64,
}

/// What is wrong with a trace.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Violation {
    /// Nothing was traced.
    #[error("there is no trace")]
    Missing,
    /// Events or accesses are missing, so nothing can be said.
    #[error("the record is not complete: it lacks {0} events and accesses")]
    Cut(u64),
    /// The record contradicts itself.
    #[error("{0:?} is {1}")]
    Nonsense(Doer, &'static str),
    /// Two accesses that meet were not in order.
    #[error("{younger:?} used {touch:?} before {older:?}, whose {order:?} it meets, had completed")]
    Race {
        /// Which is first in program order.
        older: Doer,
        /// Which comes after it.
        younger: Doer,
        /// Which of the two writes.
        order: Order,
        /// What the younger used.
        touch: Touch,
    },
    /// The loads and stores are not those of the run in order.
    #[error("load or store number {number} is {found:?}, and in order it is {expected:?}")]
    Other {
        /// Counted from 0, in program order.
        number: usize,
        /// In order.
        expected: Option<Element>,
        /// What there is.
        found: Option<Element>,
    },
}

/// A promoted frame.
struct Frame {
    parent: EntryId,
    /// How many frames it is in.
    depth: u32,
    promoted: u64,
    concluded: u64,
}

/// When what happened, as far as the schedule of entries goes.
#[derive(Default)]
struct Schedule {
    frames: HashMap<u32, Frame>,
    started: HashMap<EntryId, u64>,
    completed: HashMap<EntryId, u64>,
    /// Of each frame, the oldest entry that did not end well: what is younger in it counts for nothing.
    ends: HashMap<u32, u32>,
}

impl Schedule {
    fn of(record: &Record) -> Result<Schedule, Violation> {
        let mut schedule = Schedule::default();
        let Schedule { frames, started, completed, ends } = &mut schedule;
        for event in &record.events {
            let order = event.order;
            match &event.what {
                &What::Promoted { frame, parent, .. } => {
                    let depth = match frames.get(&parent.frame) {
                        Some(above) => above.depth + 1,
                        None if parent == EntryId::ROOT => 1,
                        None => return Err(Violation::Nonsense(Doer::Entry(parent), "of no frame")),
                    };
                    frames.insert(frame, Frame { parent, depth, promoted: order, concluded: u64::MAX });
                }
                What::Concluded(frame) => {
                    if let Some(frame) = frames.get_mut(frame) {
                        frame.concluded = order;
                    }
                }
                What::Issued(issued) if issued.is_running => {
                    started.insert(issued.entry, order);
                }
                What::Started(entry) => {
                    started.insert(*entry, order);
                }
                What::Completed(entry, ending) => {
                    completed.insert(*entry, order);
                    if *ending != Ending::Good {
                        let first = ends.entry(entry.frame).or_insert(entry.number);
                        *first = entry.number.min(*first);
                    }
                }
                What::Issued(_) | What::Ran(_) | What::TakenUp(_) | What::Resumed(_) | What::Retired(_) => {}
            }
        }
        Ok(schedule)
    }

    fn depth(&self, of: &At) -> u32 {
        self.frames.get(&of.entry.frame).map_or(0, |frame| frame.depth)
    }

    /// The entry that the frame is in.
    fn above(&self, at: &At) -> At {
        let frame = &self.frames[&at.entry.frame];
        At { entry: frame.parent, is_own: false, order: at.order }
    }

    /// When all of it was done; `None`: never.
    fn done(&self, at: &At) -> Option<u64> {
        if at.is_own { Some(at.order) } else { self.completed.get(&at.entry).map(|done| done + 1) }
    }

    /// When it began.
    fn began(&self, at: &At) -> Option<u64> {
        if at.is_own { Some(at.order) } else { self.started.get(&at.entry).copied() }
    }

    /// Whether what comes first in program order had been done before the other began.
    fn is_kept(&self, older: &Piece, younger: &Piece) -> bool {
        let (mut a, mut b) = (At::of(older), At::of(younger));
        // What of an entry's work the two are in, where their paths meet in one.
        let (mut done, mut began) = (Some(older.order), Some(younger.order));
        while a.entry.frame != b.entry.frame {
            if self.depth(&a) >= self.depth(&b) {
                done = self.done(&a);
                a = self.above(&a);
            } else {
                began = self.frames.get(&b.entry.frame).map(|frame| frame.promoted);
                b = self.above(&b);
            }
        }
        if (a.entry, a.is_own) != (b.entry, b.is_own) {
            (done, began) = (self.done(&a), self.began(&b));
        }
        matches!((done, began), (Some(done), Some(began)) if done <= began)
    }
}

/// A place in program order: an entry of a frame, or what a frame itself does before that entry.
struct At {
    entry: EntryId,
    is_own: bool,
    order: u64,
}

impl At {
    fn of(piece: &Piece) -> At {
        let (entry, is_own) = match piece.of {
            Doer::Entry(entry) => (entry, false),
            Doer::Frame(entry) => (entry, true),
        };
        At { entry, is_own, order: piece.order }
    }
}

/// A part of the tree of the run.
#[derive(Clone, Copy)]
enum Item {
    Piece(usize),
    Entry(EntryId),
    Frame(u32),
}

/// The pieces in program order, and for each whether it counts: nothing has failed that is older.
fn in_order(pieces: &[Piece], schedule: &Schedule) -> Result<Vec<(usize, bool)>, Violation> {
    // By entry and time; by frame, number, and whether it is an entry.
    let mut in_entries: HashMap<EntryId, Vec<(u64, bool, Item)>> = HashMap::new();
    let mut in_frames: HashMap<u32, Vec<(u32, bool, Item)>> = HashMap::new();
    let mut named: Vec<EntryId> = schedule.frames.values().map(|frame| frame.parent).collect();
    for (&number, frame) in &schedule.frames {
        // What the entry does itself before the frame is promoted began when fewer events had happened.
        in_entries.entry(frame.parent).or_default().push((frame.promoted, true, Item::Frame(number)));
    }
    for (index, piece) in pieces.iter().enumerate() {
        match piece.of {
            Doer::Entry(entry) => {
                in_entries.entry(entry).or_default().push((piece.order, false, Item::Piece(index)));
                named.push(entry);
            }
            Doer::Frame(at) => {
                in_frames.entry(at.frame).or_default().push((at.number, false, Item::Piece(index)));
            }
        }
    }
    named.sort_unstable();
    named.dedup();
    for entry in named {
        if entry != EntryId::ROOT {
            in_frames.entry(entry.frame).or_default().push((entry.number, true, Item::Entry(entry)));
        }
    }
    let mut found = Vec::with_capacity(pieces.len());
    let mut left = vec![(Item::Entry(EntryId::ROOT), true)];
    while let Some((item, counts)) = left.pop() {
        match item {
            Item::Piece(index) => found.push((index, counts)),
            Item::Entry(entry) => {
                let mut items = in_entries.remove(&entry).unwrap_or_default();
                items.sort_by_key(|&(order, is_frame, _)| (order, is_frame));
                // In order, nothing is done in a frame that is promoted, but by its entries.
                let mut until = None;
                for &(order, _, item) in &items {
                    if until.is_some_and(|until| order <= until) {
                        return Err(Violation::Nonsense(Doer::Entry(entry), "at work while a frame in it is promoted"));
                    }
                    if let Item::Frame(frame) = item {
                        until = Some(schedule.frames[&frame].concluded);
                    }
                }
                left.extend(items.into_iter().rev().map(|(_, _, item)| (item, counts)));
            }
            Item::Frame(frame) => {
                let mut items = in_frames.remove(&frame).unwrap_or_default();
                items.sort_by_key(|&(number, is_entry, _)| (number, is_entry));
                let last = schedule.ends.get(&frame).copied().unwrap_or(u32::MAX);
                let items = items.into_iter().rev();
                left.extend(items.map(|(number, _, item)| (item, counts && number <= last)));
            }
        }
    }
    match pieces.first() {
        Some(piece) if found.len() != pieces.len() => Err(Violation::Nonsense(piece.of, "in no promoted frame")),
        _ => Ok(found),
    }
}

/// Slots that the same have used.
#[derive(Clone, Default)]
struct Span {
    to: u64,
    writer: Option<User>,
    /// Since then.
    readers: Vec<User>,
}

/// Who used slots.
#[derive(Clone, Copy, PartialEq, Eq)]
struct User {
    piece: usize,
    /// Of a write: when the buffer was found to have one owner for it. Of a read: until when it has had several.
    moment: Option<u64>,
}

impl User {
    /// Whether the count of owners has put the two in order.
    fn is_counted_before(reader: User, writer: User) -> bool {
        matches!((reader.moment, writer.moment), (Some(read), Some(written)) if read < written)
    }
}

/// Who has used the slots of a buffer.
#[derive(Default)]
struct Slots {
    /// By the first slot.
    spans: BTreeMap<u64, Span>,
    /// When it was last found to have one owner, in program order.
    unique: Option<u64>,
}

impl Slots {
    /// Lets a span begin at that slot, if one goes across it.
    fn cut(&mut self, at: u64) {
        if let Some((_, span)) = self.spans.range_mut(..at).next_back()
            && span.to > at
        {
            let rest = span.clone();
            span.to = at;
            self.spans.insert(at, rest);
        }
    }

    /// Tells with whom it has to be in order, and takes it down.
    fn touch(
        &mut self,
        touch: &Touch,
        piece: usize,
        met: &mut impl FnMut(User, User, Order) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        let Touch { from, to, how, .. } = *touch;
        let moment = match how {
            Use::Unique(moment) => {
                self.unique = Some(moment);
                return Ok(());
            }
            Use::Write => self.unique,
            Use::Shared(moment) => Some(moment),
            Use::Read => None,
        };
        let (by, write) = (User { piece, moment }, how == Use::Write);
        self.cut(from);
        self.cut(to);
        let (mut at, mut gaps, mut inside) = (from, Vec::new(), Vec::new());
        for (&first, span) in self.spans.range_mut(from..to) {
            if at < first {
                gaps.push((at, first));
            }
            at = span.to;
            inside.push(first);
            if let Some(writer) = span.writer {
                met(writer, by, Order::of(true, write))?;
            }
            if write {
                span.readers.iter().try_for_each(|&reader| met(reader, by, Order::WriteAfterRead))?;
            } else if span.readers.last() != Some(&by) {
                span.readers.push(by);
            }
        }
        if write {
            inside.iter().for_each(|first| {
                self.spans.remove(first);
            });
            self.spans.insert(from, Span { to, writer: Some(by), readers: Vec::new() });
            return Ok(());
        }
        if at < to {
            gaps.push((at, to));
        }
        self.spans.extend(gaps.into_iter().map(|(from, to)| (from, Span { to, writer: None, readers: vec![by] })));
        Ok(())
    }
}

/// Checks the trace of a record.
///
/// # Errors
/// The first thing in program order that is wrong.
pub fn check(record: &Record) -> Result<Traced, Violation> {
    let (pieces, schedule) = parts(record)?;
    let mut traced = Traced::default();
    let mut roots: HashMap<u64, Slots> = HashMap::new();
    for (index, _) in in_order(pieces, &schedule)? {
        let piece = &pieces[index];
        for touch in &piece.touches {
            traced.accesses += 1;
            let mut met = |other: User, by: User, order: Order| {
                let older = &pieces[other.piece];
                let is_counted = match order {
                    Order::ReadAfterWrite => User::is_counted_before(by, other),
                    Order::WriteAfterRead => User::is_counted_before(other, by),
                    Order::WriteAfterWrite => false,
                };
                if older.of == piece.of || is_counted {
                    return Ok(());
                }
                *match order {
                    Order::ReadAfterWrite => &mut traced.reads_after_writes,
                    Order::WriteAfterRead => &mut traced.writes_after_reads,
                    Order::WriteAfterWrite => &mut traced.writes_after_writes,
                } += 1;
                if schedule.is_kept(older, piece) {
                    return Ok(());
                }
                Err(Violation::Race { older: older.of, younger: piece.of, order, touch: *touch })
            };
            roots.entry(touch.root).or_default().touch(touch, index, &mut met)?;
        }
    }
    Ok(traced)
}

/// The pieces of a record, and its schedule, if they are all there is.
fn parts(record: &Record) -> Result<(&[Piece], Schedule), Violation> {
    let trace = record.trace.as_ref().ok_or(Violation::Missing)?;
    if record.lost + trace.lost > 0 {
        return Err(Violation::Cut(record.lost + trace.lost));
    }
    Ok((&trace.pieces, Schedule::of(record)?))
}

/// Compares the loads and stores of elements with those of a run of the same program in order, whose record is `expected`: how many
/// there are. What is younger than something that failed, or than what decides an `any` or an `all`, is left out.
///
/// # Errors
/// The first thing in program order that differs.
pub fn compare(expected: &Record, record: &Record) -> Result<usize, Violation> {
    let [expected, found] = [elements(expected)?, elements(record)?];
    let same = expected.iter().zip(&found).take_while(|(expected, found)| expected == found).count();
    let [expected, found] = [expected.get(same).copied(), found.get(same).copied()];
    if expected.or(found).is_some() {
        return Err(Violation::Other { number: same, expected, found });
    }
    Ok(same)
}

/// All loads and stores of elements that count, in program order.
fn elements(record: &Record) -> Result<Vec<Element>, Violation> {
    let (pieces, schedule) = parts(record)?;
    let order = in_order(pieces, &schedule)?;
    Ok(order.iter().filter(|(_, counts)| *counts).flat_map(|&(index, _)| &pieces[index].elements).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::record::{Event, Issued, Kind, Trace};
    use crate::observe::check;

    const F: u32 = 1;
    const R: u64 = 5000;

    fn id(frame: u32, number: u32) -> EntryId {
        EntryId { frame, number }
    }

    /// An entry of which the machine has filed nothing.
    fn issued(entry: EntryId) -> What {
        What::Issued(Box::new(Issued {
            entry,
            kind: Kind::Call(0),
            site: 0,
            accesses: vec![],
            needs: vec![],
            is_fence: false,
            is_awaited: false,
            is_running: false,
            turns: 1,
        }))
    }

    fn promoted(frame: u32, parent: EntryId) -> What {
        What::Promoted { frame, function: 0, parent }
    }

    fn done(entry: EntryId) -> What {
        What::Completed(entry, Ending::Good)
    }

    fn slots(from: u64, to: u64, how: Use) -> Touch {
        Touch { root: R, from, to, how }
    }

    /// A record of these events, in which each doer used something when so many had happened.
    fn record(events: Vec<What>, used: &[(Doer, u64, Touch)]) -> Record {
        let events = events.into_iter().zip(0..);
        let events = events.map(|(what, order)| Event { order, time: 0, worker: 0, cost: 0, what }).collect();
        let piece = |&(of, order, touch): &_| Piece { of, order, touches: vec![touch], elements: vec![] };
        let mut pieces: Vec<Piece> = used.iter().map(piece).collect();
        pieces.sort_by_key(|piece| piece.order);
        Record { events, lost: 0, trace: Some(Trace { pieces, lost: 0 }) }
    }

    /// Two entries of a frame, the younger started before or after the older has completed.
    fn two(older: Touch, younger: Touch, early: bool) -> Record {
        let (a, b) = (id(F, 0), id(F, 1));
        let mut all = vec![What::Started(EntryId::ROOT), promoted(F, EntryId::ROOT), issued(a), issued(b)];
        all.push(What::Started(a));
        // Whoever is first has done what it does when the other begins.
        let at = if early { [What::Started(b), done(b), done(a)] } else { [done(a), What::Started(b), done(b)] };
        all.extend(at);
        all.extend([What::Retired(a), What::Retired(b), What::Concluded(F), done(EntryId::ROOT)]);
        record(
            all,
            &[(Doer::Entry(a), if early { 7 } else { 5 }, older), (Doer::Entry(b), if early { 6 } else { 7 }, younger)],
        )
    }

    #[test]
    fn what_meets_must_be_in_order_whatever_was_filed() {
        for (older, younger, expected) in [
            (Use::Write, Use::Read, Order::ReadAfterWrite),
            (Use::Read, Use::Write, Order::WriteAfterRead),
            (Use::Write, Use::Write, Order::WriteAfterWrite),
        ] {
            let (older, younger) = (slots(0, 8, older), slots(7, 16, younger));
            let wrong = two(older, younger, true);
            assert!(check::check(&wrong).is_ok(), "by what was filed they have nothing to do with each other");
            let found = check(&wrong);
            assert!(matches!(found, Err(Violation::Race { order, .. }) if order == expected), "{found:?}");
            let traced = check(&two(older, younger, false)).expect("they are in order");
            let counts = [traced.reads_after_writes, traced.writes_after_reads, traced.writes_after_writes];
            assert_eq!(counts.iter().sum::<u64>(), 1, "{traced:?}");
            assert!(check(&two(older, slots(8, 16, Use::Write), true)).is_ok(), "they are apart");
            assert!(check(&two(older, Touch { root: R + 1, ..younger }, true)).is_ok(), "in different buffers");
        }
        assert!(check(&two(slots(0, 8, Use::Read), slots(0, 8, Use::Read), true)).is_ok(), "both read");
    }

    #[test]
    fn a_write_is_remembered_where_it_was_not_written_again() {
        // Three entries side by side, the second of which writes a part of what the first has written.
        let entries = [id(F, 0), id(F, 1), id(F, 2)];
        let run = |from| {
            let [a, b, c] = entries;
            let mut all = vec![What::Started(EntryId::ROOT), promoted(F, EntryId::ROOT)];
            all.extend(entries.map(issued));
            all.extend([What::Started(a), done(a), What::Started(b), What::Started(c), done(b), done(c)]);
            all.extend([What::Concluded(F), done(EntryId::ROOT)]);
            let used = [
                (Doer::Entry(a), 6, slots(0, 16, Use::Write)),
                (Doer::Entry(b), 8, slots(4, 8, Use::Write)),
                (Doer::Entry(c), 9, slots(from, from + 2, Use::Read)),
            ];
            check(&record(all, &used))
        };
        assert_eq!(run(2).map(|traced| traced.reads_after_writes), Ok(1));
        assert_eq!(run(8).map(|traced| traced.reads_after_writes), Ok(1));
        for from in [3, 4, 7] {
            assert!(matches!(run(from), Err(Violation::Race { .. })), "from {from} on");
        }
    }

    #[test]
    fn a_frame_itself_must_wait_too() {
        let entry = id(F, 0);
        let own = |number, order, how| (Doer::Frame(id(F, number)), order, slots(0, 1, how));
        let run = |own| {
            let mut all = vec![What::Started(EntryId::ROOT), promoted(F, EntryId::ROOT), issued(entry)];
            all.extend([What::Started(entry), done(entry), What::Concluded(F), done(EntryId::ROOT)]);
            check(&record(all, &[(Doer::Entry(entry), 4, slots(0, 8, Use::Write)), own]))
        };
        assert!(run(own(1, 5, Use::Read)).is_ok(), "it has waited");
        assert!(matches!(run(own(1, 4, Use::Read)), Err(Violation::Race { .. })));
        assert!(run(own(0, 3, Use::Write)).is_ok(), "it has written before the entry started");
        assert!(matches!(run(own(0, 4, Use::Write)), Err(Violation::Race { .. })));
    }

    #[test]
    fn what_lies_deeper_counts_where_the_paths_part() {
        // In the first entry a frame is promoted, in which an entry writes; the second entry reads.
        let (a, b, inner) = (id(F, 0), id(F, 1), id(2, 0));
        let run = |early| {
            let mut all = vec![What::Started(EntryId::ROOT), promoted(F, EntryId::ROOT), issued(a), issued(b)];
            all.extend([What::Started(a), promoted(2, a), issued(inner), What::Started(inner), done(inner)]);
            let ending = [What::Concluded(2), done(a)];
            if early {
                all.push(What::Started(b));
                all.extend(ending);
            } else {
                all.extend(ending);
                all.push(What::Started(b));
            }
            all.extend([done(b), What::Concluded(F), done(EntryId::ROOT)]);
            let reads = if early { 10 } else { 12 };
            check(&record(
                all,
                &[(Doer::Entry(inner), 8, slots(0, 1, Use::Write)), (Doer::Entry(b), reads, slots(0, 1, Use::Read))],
            ))
        };
        assert_eq!(run(false).map(|traced| traced.reads_after_writes), Ok(1));
        let found = run(true);
        assert!(
            matches!(found, Err(Violation::Race { .. })),
            "the inner one has completed, but not what it is in: {found:?}"
        );
    }

    #[test]
    fn the_count_of_owners_orders_those_who_share() {
        // The younger copies what the older then finds to be its own alone.
        let with = |found| {
            let mut record = two(slots(0, 8, Use::Write), slots(0, 8, Use::Shared(4)), true);
            let trace = record.trace.as_mut().expect("it is there");
            for piece in trace.pieces.iter_mut().filter(|piece| piece.of == Doer::Entry(id(F, 0))) {
                piece.touches.insert(0, slots(0, 0, Use::Unique(found)));
            }
            check(&record)
        };
        assert!(with(5).is_ok(), "it had been copied by then");
        assert!(matches!(with(3), Err(Violation::Race { .. })), "it was found to be its own before");
    }

    #[test]
    fn nothing_is_done_in_order_where_a_frame_is_promoted() {
        let all = || {
            let entry = id(F, 0);
            let all =
                vec![What::Started(EntryId::ROOT), promoted(F, EntryId::ROOT), issued(entry), What::Started(entry)];
            [all, vec![done(entry), What::Concluded(F), done(EntryId::ROOT)]].concat()
        };
        let root = |order| check(&record(all(), &[(Doer::Entry(EntryId::ROOT), order, slots(0, 1, Use::Write))]));
        assert!(root(1).is_ok() && root(6).is_ok());
        assert!(matches!(root(2), Err(Violation::Nonsense(..))));
        assert!(matches!(root(5), Err(Violation::Nonsense(..))));
        let nobody = [(Doer::Entry(id(7, 0)), 3, slots(0, 1, Use::Write))];
        assert!(matches!(check(&record(all(), &nobody)), Err(Violation::Nonsense(..))));
    }

    #[test]
    fn elements_are_compared_in_program_order() {
        let element = |value| Element { at: 3, offset: value, value, write: false };
        let with = |values: [&[u64]; 2]| {
            let mut record = two(slots(0, 1, Use::Read), slots(0, 1, Use::Read), true);
            let pieces = &mut record.trace.as_mut().expect("it is there").pieces;
            // The younger was first.
            for (piece, values) in pieces.iter_mut().rev().zip(values) {
                piece.elements = values.iter().map(|&value| element(value)).collect();
            }
            record
        };
        let in_order = |values: &[u64]| {
            let elements = values.iter().map(|&value| element(value)).collect();
            let piece = Piece { of: Doer::Entry(EntryId::ROOT), order: 1, touches: vec![], elements };
            let mut record = record(vec![What::Started(EntryId::ROOT), done(EntryId::ROOT)], &[]);
            record.trace.as_mut().expect("it is there").pieces.push(piece);
            record
        };
        let expected = in_order(&[1, 2, 3]);
        assert_eq!(compare(&expected, &with([&[1, 2], &[3]])), Ok(3));
        let (there, found) = (Some(element(2)), Some(element(3)));
        let other = Violation::Other { number: 1, expected: there, found };
        assert_eq!(compare(&expected, &with([&[1], &[3, 2]])), Err(other));
        assert!(compare(&expected, &with([&[1, 2], &[]])).is_err(), "one is missing");
        assert!(compare(&expected, &with([&[1, 2, 3], &[4]])).is_err(), "one is too many");
        // The older has failed, so that nothing is seen of the younger.
        let mut failed = with([&[1, 2, 3], &[4]]);
        for event in &mut failed.events {
            if let What::Completed(entry, ending) = &mut event.what
                && *entry == id(F, 0)
            {
                *ending = Ending::Failed;
            }
        }
        assert_eq!(compare(&expected, &failed), Ok(3));
    }

    #[test]
    fn what_is_missing_is_noticed() {
        assert_eq!(check(&Record::default()), Err(Violation::Missing));
        let trace = Some(Trace { pieces: vec![], lost: 2 });
        assert_eq!(check(&Record { events: vec![], lost: 1, trace }), Err(Violation::Cut(3)));
    }
}

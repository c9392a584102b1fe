//! The schedule checker: whether a run kept the order that the program's text asks for.
//!
//! It replays a [`Record`] and asks of each entry, when it was started, whether all older entries of its frame had completed
//! whose elements or resources it meets, and those whose results it takes; and of the whole, whether everything that was
//! issued ran once, and whether it retired in order. It shares no code with the scoreboard: what meets what it
//! finds out from the accesses alone, pair by pair. That the accesses are all there are it believes; [`super::trace`] does not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::machine::record::{Access, Carrier, Ending, EntryId, Issued, Order, Record, Region, What};

/// What a record was found to hold, so that a test can see that there was something to check.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Checked {
    /// Frames that were promoted.
    pub frames: u64,
    /// Entries that ran.
    pub entries: u64,
    /// Instructions of frames themselves that needed something.
    pub instructions: u64,
    /// Results that were taken.
    pub registers: u64,
    /// Elements that were read after an older entry's write.
    pub reads_after_writes: u64,
    /// Elements that were written after an older entry's read.
    pub writes_after_reads: u64,
    /// Elements that were written after an older entry's write.
    pub writes_after_writes: u64,
    /// Uses of one resource, in order.
    pub effects: u64,
    /// Entries that were left out or broken off.
    pub squashed: u64,
}

/// What is wrong with a schedule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Violation {
    /// Events are missing, so nothing can be said.
    #[error("the record is not complete: it lacks {0} events")]
    Cut(u64),
    /// The record contradicts itself.
    #[error("{0:?} is {1}")]
    Nonsense(EntryId, &'static str),
    /// An entry started too early.
    #[error("{younger:?} started before {older:?} had completed, whose {order:?} it meets in {region:?}")]
    Region {
        /// What had not completed.
        older: EntryId,
        /// What started.
        younger: EntryId,
        /// Which of the two writes.
        order: Order,
        /// What the younger uses.
        region: Region,
    },
    /// An operand was not there.
    #[error("{younger:?} started before {older:?} had completed, whose result it takes from register {register}")]
    Register {
        /// What had not completed.
        older: EntryId,
        /// What started.
        younger: EntryId,
        /// The frame's register.
        register: u16,
    },
    /// Something was in flight together with what reads the clock.
    #[error("{younger:?} was in flight together with {older:?}, and one of them is a fence")]
    Fence {
        /// The older.
        older: EntryId,
        /// The younger.
        younger: EntryId,
    },
    /// Something retired before what is older.
    #[error("{0:?} retired out of order")]
    Retirement(EntryId),
    /// A frame was left, or its entry completed, while something in it was in flight.
    #[error("{0:?} was still in flight when its frame ended")]
    Left(EntryId),
    /// Something was issued and never ran.
    #[error("{0:?} was issued and never completed")]
    Lost(EntryId),
}

/// Whether two accesses must be in order, and what for.
fn order(older: &Access, younger: &Access) -> Option<Order> {
    let (a, b) = (&older.region, &younger.region);
    let apart = a.root != b.root
        || a.rows.1 <= b.rows.0
        || b.rows.1 <= a.rows.0
        || a.cols.1 <= b.cols.0
        || b.cols.1 <= a.cols.0;
    (!apart && (older.write || younger.write)).then(|| Order::of(older.write, younger.write))
}

/// The first pair of accesses of two instructions that must be in order.
fn conflict(older: &Issued, younger: &Issued) -> Option<(Order, Region)> {
    let pairs = older.accesses.iter().flat_map(|a| younger.accesses.iter().map(move |b| (a, b)));
    pairs.into_iter().find_map(|(a, b)| order(a, b).map(|order| (order, b.region)))
}

#[derive(Default)]
struct Frame<'r> {
    parent: Option<EntryId>,
    /// Issued and not completed, by number.
    open: BTreeMap<u32, &'r Issued>,
    /// Issued and not started.
    waiting: BTreeSet<u32>,
    /// Issued and not retired.
    to_retire: BTreeSet<u32>,
    /// Completed well and not retired.
    good: BTreeSet<u32>,
    issued: u32,
}

#[derive(Default)]
struct Replay<'r> {
    frames: HashMap<u32, Frame<'r>>,
    /// The promoted frame in each entry that has one.
    inside: HashMap<EntryId, u32>,
    root: (bool, bool),
    checked: Checked,
}

/// Checks a record.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(record: &Record) -> Result<Checked, Violation> {
    if record.is_cut() {
        return Err(Violation::Cut(record.lost));
    }
    let mut replay = Replay::default();
    let mut last = None;
    for event in &record.events {
        if last.is_some_and(|last| last >= event.order) {
            return Err(Violation::Nonsense(EntryId::ROOT, "recorded with events out of order"));
        }
        last = Some(event.order);
        replay.event(&event.what)?;
    }
    if replay.root != (true, true) {
        return Err(Violation::Lost(EntryId::ROOT));
    }
    match replay.frames.iter().find_map(|(&frame, state)| Some((frame, *state.open.keys().next()?))) {
        Some((frame, number)) => Err(Violation::Lost(EntryId { frame, number })),
        None => Ok(replay.checked),
    }
}

impl<'r> Replay<'r> {
    fn event(&mut self, what: &'r What) -> Result<(), Violation> {
        match what {
            What::Promoted { frame, parent, .. } => {
                self.checked.frames += 1;
                if !self.is_running(*parent) || self.inside.insert(*parent, *frame).is_some() {
                    return Err(Violation::Nonsense(*parent, "promoted while it does not run"));
                }
                let state = Frame { parent: Some(*parent), ..Frame::default() };
                if self.frames.insert(*frame, state).is_some() {
                    return Err(Violation::Nonsense(*parent, "promoted twice"));
                }
                Ok(())
            }
            What::TakenUp(_) | What::Resumed(_) => Ok(()),
            What::Issued(issued) => self.issued(issued),
            What::Ran(ran) => {
                self.checked.instructions += 1;
                self.number(ran)?;
                self.in_order(ran)
            }
            What::Concluded(frame) => self.concluded(*frame),
            What::Started(entry) => self.started(*entry),
            What::Completed(entry, ending) => self.completed(*entry, *ending),
            What::Retired(entry) => self.retired(*entry),
        }
    }

    fn frame(&mut self, entry: EntryId) -> Result<&mut Frame<'r>, Violation> {
        self.frames.get_mut(&entry.frame).ok_or(Violation::Nonsense(entry, "of a frame that was not promoted"))
    }

    fn is_running(&self, entry: EntryId) -> bool {
        if entry == EntryId::ROOT {
            return self.root == (true, false);
        }
        let number = &entry.number;
        self.frames.get(&entry.frame).is_some_and(|f| f.open.contains_key(number) && !f.waiting.contains(number))
    }

    /// Numbers are given in program order.
    fn number(&mut self, issued: &Issued) -> Result<(), Violation> {
        let state = self.frame(issued.entry)?;
        if issued.entry.number != state.issued {
            return Err(Violation::Nonsense(issued.entry, "issued out of order"));
        }
        state.issued += 1;
        Ok(())
    }

    fn issued(&mut self, issued: &'r Issued) -> Result<(), Violation> {
        self.number(issued)?;
        let entry = issued.entry;
        let state = self.frame(entry)?;
        if let Some((&number, _)) = state.open.iter().find(|(_, older)| older.is_fence) {
            return Err(Violation::Fence { older: EntryId { number, ..entry }, younger: entry });
        }
        if !issued.is_running {
            state.waiting.insert(entry.number);
        }
        state.to_retire.insert(entry.number);
        if issued.is_running {
            self.in_order(issued)?;
        }
        self.frame(entry)?.open.insert(entry.number, issued);
        Ok(())
    }

    /// An instruction begins: all that it must come after has completed.
    fn in_order(&mut self, younger: &Issued) -> Result<(), Violation> {
        let entry = younger.entry;
        let state = self.frames.get(&entry.frame).ok_or(Violation::Nonsense(entry, "of no frame"))?;
        let named = |number| EntryId { number, ..entry };
        for (&number, older) in state.open.range(..entry.number) {
            if younger.is_fence {
                return Err(Violation::Fence { older: named(number), younger: entry });
            }
            if let Some((order, region)) = conflict(older, younger) {
                return Err(Violation::Region { older: named(number), younger: entry, order, region });
            }
        }
        for need in &younger.needs {
            if need.on >= entry.number {
                return Err(Violation::Nonsense(entry, "said to need something younger"));
            }
            let count = match need.carrier {
                Carrier::Register(register) => {
                    if state.open.contains_key(&need.on) {
                        return Err(Violation::Register { older: named(need.on), younger: entry, register });
                    }
                    &mut self.checked.registers
                }
                Carrier::Region(region) if region.is_resource() => &mut self.checked.effects,
                Carrier::Region(_) => match need.order {
                    Order::ReadAfterWrite => &mut self.checked.reads_after_writes,
                    Order::WriteAfterRead => &mut self.checked.writes_after_reads,
                    Order::WriteAfterWrite => &mut self.checked.writes_after_writes,
                },
            };
            *count += 1;
        }
        Ok(())
    }

    fn started(&mut self, entry: EntryId) -> Result<(), Violation> {
        if entry == EntryId::ROOT {
            if std::mem::replace(&mut self.root.0, true) {
                return Err(Violation::Nonsense(entry, "started twice"));
            }
            return Ok(());
        }
        let state = self.frame(entry)?;
        if !state.waiting.remove(&entry.number) {
            return Err(Violation::Nonsense(entry, "started twice, or never issued"));
        }
        let issued = state.open[&entry.number];
        self.in_order(issued)
    }

    fn completed(&mut self, entry: EntryId, ending: Ending) -> Result<(), Violation> {
        if !self.is_running(entry) {
            return Err(Violation::Nonsense(entry, "completed twice, or never started"));
        }
        if self.inside.contains_key(&entry) {
            return Err(Violation::Left(entry));
        }
        self.checked.entries += 1;
        self.checked.squashed += u64::from(ending == Ending::Squashed);
        if entry == EntryId::ROOT {
            self.root.1 = true;
            return Ok(());
        }
        let state = self.frame(entry)?;
        state.open.remove(&entry.number);
        if ending == Ending::Good {
            state.good.insert(entry.number);
        }
        Ok(())
    }

    fn retired(&mut self, entry: EntryId) -> Result<(), Violation> {
        let state = self.frame(entry)?;
        if state.to_retire.pop_first() != Some(entry.number) || !state.good.remove(&entry.number) {
            return Err(Violation::Retirement(entry));
        }
        Ok(())
    }

    fn concluded(&mut self, frame: u32) -> Result<(), Violation> {
        let nobody = EntryId { frame, number: 0 };
        let state = self.frames.remove(&frame).ok_or(Violation::Nonsense(nobody, "of a frame that was left twice"))?;
        if let Some(&number) = state.open.keys().next() {
            return Err(Violation::Left(EntryId { frame, number }));
        }
        // What has not retired is younger than one that failed or was squashed.
        if let Some(&number) = state.to_retire.first()
            && state.good.contains(&number)
        {
            return Err(Violation::Retirement(EntryId { frame, number }));
        }
        if let Some(parent) = state.parent {
            self.inside.remove(&parent);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::record::{Event, Kind, Need};

    const F: u32 = 1;

    fn id(number: u32) -> EntryId {
        EntryId { frame: F, number }
    }

    fn region(from: u64, to: u64) -> Region {
        Region { root: 64, rows: (0, 1), cols: (from, to), stride: 1 }
    }

    fn issued(number: u32, accesses: &[(Region, bool)], needs: Vec<Need>) -> What {
        let accesses = accesses.iter().map(|&(region, write)| Access { region, write }).collect();
        What::Issued(Box::new(Issued {
            entry: id(number),
            kind: Kind::Call(0),
            site: 0,
            accesses,
            needs,
            is_fence: false,
            is_awaited: false,
            is_running: false,
            turns: 1,
        }))
    }

    fn done(number: u32) -> What {
        What::Completed(id(number), Ending::Good)
    }

    /// Checks what happens in one frame of the run.
    fn run(inside: Vec<What>) -> Result<Checked, Violation> {
        let mut all =
            vec![What::Started(EntryId::ROOT), What::Promoted { frame: F, function: 0, parent: EntryId::ROOT }];
        all.extend(inside);
        all.extend([What::Concluded(F), What::Completed(EntryId::ROOT, Ending::Good)]);
        let events = all.into_iter().zip(0..).map(|(what, order)| Event { order, time: 0, worker: 0, cost: 0, what });
        check(&Record { events: events.collect(), ..Record::default() })
    }

    /// Two entries that use these, the younger started before or after the older has completed.
    fn two(older: (Region, bool), younger: (Region, bool), early: bool) -> Result<Checked, Violation> {
        let mut all = vec![issued(0, &[older], vec![]), issued(1, &[younger], vec![]), What::Started(id(0))];
        if early {
            all.extend([What::Started(id(1)), done(0), done(1)]);
        } else {
            all.extend([done(0), What::Started(id(1)), done(1)]);
        }
        all.extend([What::Retired(id(0)), What::Retired(id(1))]);
        run(all)
    }

    #[test]
    fn what_meets_must_be_in_order() {
        let (low, high, both) = (region(0, 8), region(8, 16), region(0, 16));
        for (older, younger, order) in [
            ((low, true), (both, false), Order::ReadAfterWrite),
            ((both, false), (high, true), Order::WriteAfterRead),
            ((high, true), (region(15, 16), true), Order::WriteAfterWrite),
        ] {
            let refused = two(older, younger, true);
            assert!(matches!(refused, Err(Violation::Region { order: o, .. }) if o == order), "{refused:?}");
            assert!(two(older, younger, false).is_ok());
        }
        assert!(two((low, true), (high, true), true).is_ok(), "they are apart");
        assert!(two((low, false), (low, false), true).is_ok(), "both read");
        let files = Region { root: 8, rows: (0, u32::MAX), cols: (0, 1), stride: 1 };
        assert!(two((files, false), (files, true), true).is_err(), "so are resources");
    }

    #[test]
    fn a_frame_itself_must_wait_too() {
        let ran = |number| match issued(number, &[(region(0, 1), false)], vec![]) {
            What::Issued(ran) => What::Ran(ran),
            _ => unreachable!("it issues"),
        };
        let entry = || issued(0, &[(region(0, 8), true)], vec![]);
        let good = vec![entry(), What::Started(id(0)), done(0), ran(1), What::Retired(id(0))];
        assert_eq!(run(good).map(|checked| checked.instructions), Ok(1));
        let bad = vec![entry(), What::Started(id(0)), ran(1), done(0), What::Retired(id(0))];
        assert!(matches!(run(bad), Err(Violation::Region { .. })));
    }

    #[test]
    fn operands_must_be_there() {
        let need = |on| Need { on, carrier: Carrier::Register(3), order: Order::ReadAfterWrite, holds: false };
        let both = || vec![issued(0, &[], vec![]), issued(1, &[], vec![need(0)]), What::Started(id(0))];
        let mut good = both();
        good.extend([done(0), What::Started(id(1)), done(1), What::Retired(id(0)), What::Retired(id(1))]);
        assert_eq!(run(good).map(|checked| checked.registers), Ok(1));
        let mut bad = both();
        bad.extend([What::Started(id(1)), done(1), done(0)]);
        assert!(matches!(run(bad), Err(Violation::Register { register: 3, .. })));
    }

    #[test]
    fn everything_runs_once_and_retires_in_order() {
        let two = || vec![issued(0, &[], vec![]), issued(1, &[], vec![]), What::Started(id(0)), What::Started(id(1))];
        let with = |more: &[What]| {
            let mut all = two();
            all.extend(more.iter().cloned());
            run(all)
        };
        let (r0, r1) = (What::Retired(id(0)), What::Retired(id(1)));
        assert!(with(&[done(1), done(0), r0.clone(), r1.clone()]).is_ok());
        assert!(matches!(with(&[done(1), r1.clone(), done(0), r0.clone()]), Err(Violation::Retirement(_))));
        assert!(matches!(with(&[done(1), done(0)]), Err(Violation::Retirement(_))), "they are left unretired");
        assert!(matches!(with(&[done(1)]), Err(Violation::Left(_))));
        assert!(matches!(with(&[done(1), done(0), done(0)]), Err(Violation::Nonsense(..))));
        assert!(matches!(with(&[done(1), What::Started(id(1))]), Err(Violation::Nonsense(..))));
        let failed = What::Completed(id(0), Ending::Failed);
        let squashed = What::Completed(id(1), Ending::Squashed);
        assert_eq!(with(&[failed.clone(), squashed.clone()]).map(|checked| checked.squashed), Ok(1));
        assert!(matches!(with(&[failed, squashed, r0]), Err(Violation::Retirement(_))));
    }

    #[test]
    fn what_is_missing_is_noticed() {
        assert_eq!(check(&Record { lost: 3, ..Record::default() }), Err(Violation::Cut(3)));
        assert_eq!(check(&Record::default()), Err(Violation::Lost(EntryId::ROOT)));
    }
}

//! How parallel a run is: the work that its record holds as a graph of pieces, each with a cost and with what it comes after,
//! its span, and a schedule on any number of workers.
//!
//! A promoted frame is a chain of pieces, since its instructions are issued in order; an entry begins after the piece
//! that issues it and after what it needs. A range of a loop's iterations that was not split further is one piece in the run, but
//! whoever has nothing to do would split it: it is taken to be so many equal pieces, side by side. Costs are those of the
//! instruction table's classes. That the window was full, or what the machine itself takes, does not count.
//!
//! Invariant: pieces are in an order in which they could run, each after all that it comes after.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::machine::record::{EntryId, Event, Issued, Need, Record, What};

/// So many pieces at most are made of a range, and none that costs less: to split it takes about as long.
const PIECES: u64 = 64;
const LEAST: u64 = 1_000;

/// Pieces of work.
#[derive(Clone, Debug, Default)]
pub struct Dag {
    costs: Vec<u64>,
    /// Which piece comes before which.
    edges: Vec<(u32, u32)>,
}

impl Dag {
    /// The work in a record; `None` if it was cut.
    pub fn of(record: &Record) -> Option<Dag> {
        if record.is_cut() {
            return None;
        }
        let mut builder = Builder::default();
        record.events.iter().for_each(|event| builder.event(event));
        Some(builder.dag)
    }

    /// What all of it costs.
    pub fn work(&self) -> u64 {
        self.costs.iter().sum()
    }

    /// What the longest chain costs: no number of workers is faster.
    pub fn span(&self) -> u64 {
        let mut ends = self.costs.clone();
        let mut edges = self.edges.clone();
        edges.sort_unstable_by_key(|&(_, to)| to);
        let mut edges = edges.into_iter().peekable();
        for to in 0..ends.len() as u32 {
            let mut start = 0;
            while let Some((from, _)) = edges.next_if(|edge| edge.1 == to) {
                start = start.max(ends[from as usize]);
            }
            ends[to as usize] += start;
        }
        ends.into_iter().max().unwrap_or(0)
    }

    /// How long it takes on so many workers, none of which is idle while there is something that could run: the
    /// first in the order of the pieces.
    ///
    /// # Panics
    /// If there are no workers.
    pub fn schedule(&self, workers: usize) -> u64 {
        assert!(workers > 0, "somebody has to work");
        let count = self.costs.len();
        let (mut waits, mut first) = (vec![0u32; count], vec![0u32; count + 1]);
        for &(from, to) in &self.edges {
            waits[to as usize] += 1;
            first[from as usize + 1] += 1;
        }
        for at in 0..count {
            first[at + 1] += first[at];
        }
        let mut after = vec![0u32; self.edges.len()];
        let mut filled = first.clone();
        for &(from, to) in &self.edges {
            let at = &mut filled[from as usize];
            after[*at as usize] = to;
            *at += 1;
        }
        let mut ready: BinaryHeap<Reverse<u32>> =
            (0..count as u32).filter(|&piece| waits[piece as usize] == 0).map(Reverse).collect();
        let mut running: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
        let mut now = 0;
        loop {
            while running.len() < workers
                && let Some(Reverse(piece)) = ready.pop()
            {
                running.push(Reverse((now + self.costs[piece as usize], piece)));
            }
            let Some(Reverse((end, piece))) = running.pop() else { return now };
            now = end;
            for &next in &after[first[piece as usize] as usize..first[piece as usize + 1] as usize] {
                let left = &mut waits[next as usize];
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse(next));
                }
            }
        }
    }
}

/// What a worker's instructions belong to.
#[derive(Clone, Copy)]
enum Doing {
    Nothing,
    Entry(EntryId),
    Frame(u32),
}

struct Frame {
    parent: EntryId,
    /// The piece that its instructions belong to.
    now: u32,
    /// The last piece of each of its entries, by number.
    ends: Vec<Option<u32>>,
    /// It goes on when that one has completed.
    awaited: Option<u32>,
}

#[derive(Default)]
struct Builder {
    dag: Dag,
    frames: HashMap<u32, Frame>,
    /// The piece that an entry's own instructions belong to.
    entries: HashMap<EntryId, u32>,
    /// Where an entry was issued, and what it needs.
    issued: HashMap<EntryId, (u32, Vec<u32>)>,
    workers: HashMap<u8, (u64, Doing)>,
    /// How many iterations an entry runs of which nothing was promoted yet, if they can be split.
    turns: HashMap<EntryId, u64>,
}

impl Builder {
    fn piece(&mut self, after: impl IntoIterator<Item = u32>) -> u32 {
        let piece = self.dag.costs.len() as u32;
        self.dag.costs.push(0);
        self.dag.edges.extend(after.into_iter().map(|before| (before, piece)));
        piece
    }

    fn does(&mut self, worker: u8, what: Doing) {
        self.workers.entry(worker).or_insert((0, Doing::Nothing)).1 = what;
    }

    /// A frame that waited for an entry which has completed goes on with a new piece.
    fn go_on(&mut self, frame: u32) {
        let Some(state) = self.frames.get_mut(&frame) else { return };
        let Some(awaited) = state.awaited else { return };
        if let Some(end) = state.ends[awaited as usize] {
            state.awaited = None;
            let now = state.now;
            let next = self.piece([now, end]);
            self.set_now(frame, next);
        }
    }

    fn set_now(&mut self, frame: u32, piece: u32) {
        if let Some(state) = self.frames.get_mut(&frame) {
            state.now = piece;
        }
    }

    /// Makes a piece that runs so many independent iterations several, side by side; the one that comes after them all.
    fn split(&mut self, piece: u32, turns: u64) -> u32 {
        let cost = self.dag.costs[piece as usize];
        let count = turns.min(cost / LEAST).min(PIECES);
        if count < 2 {
            return piece;
        }
        let each = cost / count;
        self.dag.costs[piece as usize] = cost % count;
        let parts: Vec<u32> = (0..count).map(|_| self.piece([piece])).collect();
        parts.iter().for_each(|&part| self.dag.costs[part as usize] = each);
        self.piece(parts)
    }

    /// Lets the pieces be what the worker has done since its last event.
    fn charge(&mut self, event: &Event) {
        let (done, doing) = self.workers.entry(event.worker).or_insert((0, Doing::Nothing));
        let cost = event.cost.saturating_sub(*done);
        *done = event.cost.max(*done);
        let doing = *doing;
        if cost == 0 {
            return;
        }
        let piece = match doing {
            Doing::Nothing => None,
            Doing::Entry(entry) => self.entries.get(&entry).copied(),
            Doing::Frame(frame) => {
                self.go_on(frame);
                self.frames.get(&frame).map(|state| state.now)
            }
        };
        if let Some(piece) = piece {
            self.dag.costs[piece as usize] += cost;
        }
    }

    /// The last pieces of what is needed, as far as `which` says.
    fn ends(&self, frame: u32, needs: &[Need], which: impl Fn(&Need) -> bool) -> Vec<u32> {
        let Some(state) = self.frames.get(&frame) else { return Vec::new() };
        needs
            .iter()
            .filter(|need| which(need))
            .filter_map(|need| state.ends.get(need.on as usize).copied().flatten())
            .collect()
    }

    fn event(&mut self, event: &Event) {
        self.charge(event);
        match &event.what {
            What::Promoted { frame, parent, .. } => {
                self.turns.remove(parent);
                let before = self.entries.get(parent).copied();
                let now = self.piece(before);
                self.frames.insert(*frame, Frame { parent: *parent, now, ends: Vec::new(), awaited: None });
            }
            What::TakenUp(frame) => {
                self.go_on(*frame);
                self.does(event.worker, Doing::Frame(*frame));
            }
            What::Issued(issued) => self.issue(issued, event.worker),
            What::Ran(ran) => self.ran(ran),
            What::Concluded(frame) => {
                self.go_on(*frame);
                let Some(state) = self.frames.remove(frame) else { return };
                let last = self.piece(state.ends.into_iter().flatten().chain([state.now]));
                self.entries.insert(state.parent, last);
                self.does(event.worker, Doing::Entry(state.parent));
            }
            What::Started(entry) => {
                let before = match self.issued.remove(entry) {
                    None => Vec::new(),
                    Some((issue, needs)) => {
                        let ends = self.frames.get(&entry.frame).map(|state| &state.ends);
                        let ends = needs.iter().filter_map(|&on| ends?.get(on as usize).copied().flatten());
                        ends.chain([issue]).collect()
                    }
                };
                let piece = self.piece(before);
                self.entries.insert(*entry, piece);
                self.does(event.worker, Doing::Entry(*entry));
            }
            What::Resumed(entry) => self.does(event.worker, Doing::Entry(*entry)),
            What::Completed(entry, _) => {
                let mut end = self.entries.remove(entry);
                if let Some(turns) = self.turns.remove(entry) {
                    end = end.map(|piece| self.split(piece, turns));
                }
                if let Some(state) = self.frames.get_mut(&entry.frame) {
                    state.ends[entry.number as usize] = end;
                }
                self.does(event.worker, Doing::Nothing);
            }
            What::Retired(_) => {}
        }
    }

    /// The frame waits for what holds it; the piece then.
    fn held(&mut self, issued: &Issued) -> Option<u32> {
        let frame = issued.entry.frame;
        self.go_on(frame);
        let mut ends = self.ends(frame, &issued.needs, |need| need.holds);
        let state = self.frames.get_mut(&frame)?;
        if issued.is_fence {
            ends.extend(state.ends.iter().flatten());
        }
        let number = issued.entry.number as usize;
        if state.ends.len() <= number {
            state.ends.resize(number + 1, None);
        }
        let now = state.now;
        if !ends.is_empty() {
            let next = self.piece(ends.into_iter().chain([now]));
            self.set_now(frame, next);
            return Some(next);
        }
        Some(now)
    }

    fn issue(&mut self, issued: &Issued, worker: u8) {
        let entry = issued.entry;
        let Some(issue) = self.held(issued) else { return };
        if issued.turns > 1 {
            self.turns.insert(entry, issued.turns);
        }
        if issued.is_running {
            let piece = self.piece([issue]);
            self.entries.insert(entry, piece);
            self.does(worker, Doing::Entry(entry));
        } else {
            let needs = issued.needs.iter().filter(|need| !need.holds).map(|need| need.on).collect();
            self.issued.insert(entry, (issue, needs));
        }
        let next = self.piece([issue]);
        self.set_now(entry.frame, next);
        if issued.is_awaited
            && let Some(state) = self.frames.get_mut(&entry.frame)
        {
            state.awaited = Some(entry.number);
        }
    }

    fn ran(&mut self, ran: &Issued) {
        let frame = ran.entry.frame;
        let Some(at) = self.held(ran) else { return };
        let before = self.ends(frame, &ran.needs, |need| !need.holds);
        let end = if before.is_empty() { at } else { self.piece(before.into_iter().chain([at])) };
        if end != at {
            let next = self.piece([at]);
            self.set_now(frame, next);
        }
        if let Some(state) = self.frames.get_mut(&frame) {
            state.ends[ran.entry.number as usize] = Some(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_span_and_schedules() {
        // A fork of three and a join.
        let dag = Dag { costs: vec![1, 4, 4, 4, 1], edges: vec![(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)] };
        assert_eq!((dag.work(), dag.span()), (14, 6));
        assert_eq!([1, 2, 3, 9].map(|workers| dag.schedule(workers)), [14, 10, 6, 6]);
        let nothing = Dag::default();
        assert_eq!((nothing.work(), nothing.span(), nothing.schedule(2)), (0, 0, 0));
    }

    #[test]
    fn a_range_is_split_evenly() {
        let mut builder = Builder { dag: Dag { costs: vec![100_003], edges: Vec::new() }, ..Builder::default() };
        let end = builder.split(0, 4);
        let dag = &builder.dag;
        assert_eq!((dag.costs[0], dag.costs[end as usize]), (3, 0));
        assert_eq!((dag.work(), dag.span(), dag.schedule(2)), (100_003, 25_003, 50_003));
        // It is too cheap to be split, or has one iteration.
        builder.dag.costs[0] = LEAST;
        assert_eq!([builder.split(0, 4), builder.split(0, 1)], [0, 0]);
    }
}

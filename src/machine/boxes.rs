//! Which parts of which buffers the entries in flight of one frame read and write: a table that finds, for a new access, those
//! that it meets.
//!
//! A part is a *box*: rows and columns of a buffer, in slots; an array is one row. A box is filed under cells of a grid whose
//! pitch is the power of two at or above the box's own size, in each dimension, so that it lies in four cells at most. A
//! new access looks into the cells that it touches, once for each pitch in use. Equal tiles meet in one cell; a whole
//! array looks at all there is, which the number of entries in flight bounds.
//!
//! Entries are named by sequence number, and what belongs to one that has completed is dead by that alone. Records lie in a ring, of
//! which the dead are given up at its tail, and chains name them by their numbers, the newest first: where a chain comes to one before
//! the tail, it ends. So nothing is ever swept out, and the table takes no more memory than what is in flight.
//!
//! Invariant: two boxes of one buffer meet if and only if they have a slot in common.

use smallvec::SmallVec;

use super::memory::{buffer, data, tail_buffer, tail_stride};

/// Rows and columns of a buffer, or a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Area {
    /// The buffer's address, or a number below [`RESOURCES`](super::linked::RESOURCES), and even, for a resource.
    pub(super) root: u64,
    pub(super) rows: (u32, u32),
    /// In slots.
    pub(super) cols: (u64, u64),
}

impl Area {
    /// All of a buffer or a resource.
    pub(super) fn whole(root: u64) -> Area {
        Area { root, rows: (0, u32::MAX), cols: (0, u64::MAX >> 1) }
    }

    /// `slots` slots from `at` on, in one row of the buffer.
    ///
    /// # Safety
    /// `root` is a live buffer of elements, and `at` one of its slots.
    pub(super) unsafe fn slots(root: u64, at: *const u64, slots: u64) -> Area {
        // SAFETY: the caller's.
        unsafe { Self::rows(root, at, 1, slots) }
    }

    /// `slots` slots from `at` on, and those below them in the next rows.
    ///
    /// # Safety
    /// As for `slots`.
    unsafe fn rows(root: u64, at: *const u64, rows: u64, slots: u64) -> Area {
        // SAFETY: the caller's.
        unsafe {
            let held = buffer(root);
            let offset = (at.addr().wrapping_sub(data(held).addr()) / 8) as u64;
            let width = (*held).cols * u64::from((*held).stride());
            if !(*held).is_grid() || width == 0 {
                return Area { root, rows: (0, 1), cols: (offset, offset + slots) };
            }
            let (row, col) = (offset / width, offset % width);
            if row + rows > u64::from(u32::MAX) {
                return Area::whole(root);
            }
            Area { root, rows: (row as u32, (row + rows) as u32), cols: (col, col + slots) }
        }
    }

    /// What the view in the registers at `at` shows; `None` if that is nothing.
    ///
    /// # Safety
    /// They hold such a view of a live buffer.
    pub(super) unsafe fn of_view(at: *const u64, is_grid: bool) -> Option<Area> {
        // SAFETY: the caller's.
        unsafe {
            let (rows, cols, tail) =
                if is_grid { (*at.add(1), *at.add(2), *at.add(4)) } else { (1, *at.add(1), *at.add(2)) };
            let slots = cols * tail_stride(tail) as u64;
            if rows == 0 || slots == 0 {
                return None;
            }
            let root = tail_buffer(tail).addr() as u64;
            Some(Area::rows(root, buffer(*at).cast::<u64>(), rows, slots))
        }
    }

    /// Whether it is all of its buffer.
    ///
    /// # Safety
    /// The buffer is live, and nobody resizes it.
    pub(super) unsafe fn is_whole(&self) -> bool {
        // SAFETY: the caller's.
        let held = unsafe { &*buffer(self.root) };
        let (rows, cols) = if held.is_grid() { (held.rows, held.cols) } else { (1, held.len) };
        let slots = cols * u64::from(held.stride());
        (self.rows.0, self.cols.0) == (0, 0) && u64::from(self.rows.1) >= rows && self.cols.1 >= slots
    }

    pub(super) fn meets(&self, other: &Area) -> bool {
        self.root == other.root
            && self.rows.0 < other.rows.1
            && other.rows.0 < self.rows.1
            && self.cols.0 < other.cols.1
            && other.cols.0 < self.cols.1
    }

    fn contains(&self, other: &Area) -> bool {
        self.root == other.root
            && self.rows.0 <= other.rows.0
            && other.rows.1 <= self.rows.1
            && self.cols.0 <= other.cols.0
            && other.cols.1 <= self.cols.1
    }

    /// The logarithms of the pitches that it is filed under.
    fn level(&self) -> Level {
        let bits = |len: u64| (64 - (len - 1).leading_zeros()) as u8;
        (bits(u64::from(self.rows.1 - self.rows.0)), bits(self.cols.1 - self.cols.0))
    }
}

type Level = (u8, u8);

/// A read or write of a part by an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) area: Area,
    pub(super) seq: u32,
    pub(super) write: bool,
    /// Whoever meets it need not wait for what was filed before it and meets it: it does so itself.
    covers: bool,
    /// The next in the chain of each of its cells.
    next: [Node; CELLS],
}

/// A record's number, and which of its cells: what a chain is made of. Those below the number at the ring's tail are dead.
type Node = u32;

/// A box lies in so many cells at most.
const CELLS: usize = 4;
/// No record has number 0.
const NONE: Node = 0;
/// Numbers begin anew from here on.
const LAST: u32 = u32::MAX / CELLS as u32 - 1;
/// The first size of the ring.
const RING: usize = 16;
/// Heads of chains for each record of the ring.
const HEADS: usize = 4;

/// The table. See the head of the file.
#[derive(Default)]
pub(super) struct Boxes {
    /// A power of two, or empty.
    ring: Vec<Record>,
    /// The numbers of the first record in the ring and of the next to come.
    tail: u32,
    next: u32,
    /// By what is left of a cell's key: cells may share one.
    heads: Vec<Node>,
    /// Those in use, with the last record that was filed under each: of reads, and of writes.
    levels: SmallVec<[(Level, [u32; 2]); 4]>,
    /// Bits of roots that have records.
    filter: u64,
}

/// Beyond so many cells it is as well to look at all records.
const MANY: u64 = 16;

fn root_bit(root: u64) -> u64 {
    1 << (root.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

fn key(root: u64, level: Level, row: u64, col: u64, write: bool) -> u64 {
    let at = root ^ (u64::from(level.0) << 56) ^ (u64::from(level.1) << 49) ^ u64::from(write);
    let mixed =
        (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ row.rotate_left(32) ^ col).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ mixed >> 32
}

/// The cells of an area at a level: rows, and columns.
fn cells(area: &Area, level: Level) -> ((u64, u64), (u64, u64)) {
    let shift = |at: u64, by: u8| if by >= 64 { 0 } else { at >> by };
    (
        (shift(u64::from(area.rows.0), level.0), shift(u64::from(area.rows.1 - 1), level.0)),
        (shift(area.cols.0, level.1), shift(area.cols.1 - 1, level.1)),
    )
}

impl Boxes {
    /// Nothing is in flight any more.
    pub(super) fn clear(&mut self) {
        self.tail = self.next;
        self.levels.clear();
        self.filter = 0;
    }

    /// Whether something of this buffer may be in the table.
    #[inline]
    pub(super) fn may_have(&self, root: u64) -> bool {
        self.filter & root_bit(root) != 0
    }

    /// The records in the ring, the oldest first.
    fn records(&self) -> impl Iterator<Item = &Record> {
        (self.tail..self.next).map(|number| &self.ring[self.place(number)])
    }

    /// Where in the ring a record is.
    #[inline]
    fn place(&self, number: u32) -> usize {
        number as usize & (self.ring.len() - 1)
    }

    /// Calls `found` for each record that meets `area`, where one of the two is a write (each may come more than once). Records may
    /// be left out that a found one waits for.
    #[inline]
    pub(super) fn conflicts(&self, area: &Area, write: bool, found: &mut impl FnMut(&Record)) {
        if !self.may_have(area.root) {
            return;
        }
        let alive = |last: u32| last >= self.tail;
        for &(level, [reads, writes]) in &self.levels {
            let (rows, cols) = cells(area, level);
            let many = (rows.1 - rows.0 + 1).saturating_mul(cols.1 - cols.0 + 1) > MANY;
            if many && (alive(writes) || write && alive(reads)) {
                let hits = self.records().filter(|r| (write || r.write) && r.area.meets(area));
                return hits.for_each(found);
            }
        }
        // Reads are many, and stay in their chains until they are dead.
        let since = if write { self.covered_since(area) } else { 0 };
        let mut look = |key| {
            let mut node = self.heads[self.head(key)];
            while let Some((at, cell)) = self.in_ring(node)
                && node / CELLS as u32 >= since
            {
                let record = &self.ring[at];
                if (write || record.write) && record.area.meets(area) {
                    found(record);
                }
                node = record.next[cell];
            }
        };
        for &(level, [reads, writes]) in &self.levels {
            let (reads, writes) = (write && alive(reads), alive(writes));
            if !reads && !writes {
                continue;
            }
            let (rows, cols) = cells(area, level);
            for row in rows.0..=rows.1 {
                for col in cols.0..=cols.1 {
                    if writes {
                        look(key(area.root, level, row, col, true));
                    }
                    if reads {
                        look(key(area.root, level, row, col, false));
                    }
                }
            }
        }
    }

    /// The number of the last record of the area's own level that waits for all that was filed before it and meets the area; 0 if there
    /// is none.
    #[inline]
    fn covered_since(&self, area: &Area) -> u32 {
        let level = area.level();
        let (rows, cols) = cells(area, level);
        // What contains the area lies in each of its cells.
        let mut node = self.heads[self.head(key(area.root, level, rows.0, cols.0, true))];
        while let Some((at, cell)) = self.in_ring(node) {
            let record = &self.ring[at];
            if record.covers && record.area.contains(area) {
                return node / CELLS as u32;
            }
            node = record.next[cell];
        }
        0
    }

    /// Which chain a cell's records are in.
    #[inline]
    fn head(&self, key: u64) -> usize {
        key as usize & (self.heads.len() - 1)
    }

    /// The record of a node, and which of its cells it is; `None` at the end of a chain.
    #[inline]
    fn in_ring(&self, node: Node) -> Option<(usize, usize)> {
        let number = node / CELLS as u32;
        (number >= self.tail).then(|| (self.place(number), node as usize % CELLS))
    }

    /// Calls `found` for each record of a buffer.
    pub(super) fn of_root(&self, root: u64, found: &mut dyn FnMut(&Record)) {
        if self.may_have(root) {
            self.records().filter(|r| r.area.root == root).for_each(found);
        }
    }

    /// Files an access of entry `seq`, which waits for all that it meets. Those before `head` are dead. A write takes the place of
    /// all that was filed for the very same box: who meets it later waits for it, and it for them.
    pub(super) fn insert(&mut self, area: Area, write: bool, seq: u32, head: u32) {
        self.make_room(head);
        self.file(area, write, write, seq);
    }

    /// Files an access for one more part: that of a buffer which was moved there. It does not wait for others that came with it.
    pub(super) fn bring(&mut self, area: Area, write: bool, seq: u32, head: u32) {
        self.make_room(head);
        self.file(area, write, false, seq);
    }

    /// Gives up the dead, and sees to it that there is room for a record.
    fn make_room(&mut self, head: u32) {
        let is_dead = |record: &Record| (record.seq.wrapping_sub(head) as i32) < 0;
        while self.tail < self.next && is_dead(&self.ring[self.place(self.tail)]) {
            self.tail += 1;
        }
        let size = self.ring.len();
        if (self.next - self.tail) as usize == size || self.next >= LAST {
            let alive: Vec<Record> = self.records().filter(|record| !is_dead(record)).copied().collect();
            self.file_anew(&alive, (alive.len() * 2).next_power_of_two().max(size).max(RING));
        } else if self.place(self.next) == 0 {
            self.filter = self.records().fold(0, |filter, record| filter | root_bit(record.area.root));
        }
    }

    /// Files these, and no others, in a ring of that size.
    fn file_anew(&mut self, records: &[Record], size: usize) {
        let unused = Record { area: Area::whole(0), seq: 0, write: false, covers: false, next: [NONE; CELLS] };
        self.ring.resize(size, unused);
        self.heads.clear();
        self.heads.resize(size * HEADS, NONE);
        (self.tail, self.next, self.filter) = (1, 1, 0);
        self.levels.clear();
        records.iter().for_each(|record| self.file(record.area, record.write, record.covers, record.seq));
    }

    /// Files a record, for which there is room.
    fn file(&mut self, area: Area, write: bool, covers: bool, seq: u32) {
        let number = self.next;
        let level = area.level();
        let at = self.levels.iter().position(|(found, _)| *found == level).unwrap_or_else(|| {
            self.levels.retain(|(_, last)| last.iter().any(|&last| last >= self.tail));
            self.levels.push((level, [NONE; 2]));
            self.levels.len() - 1
        });
        self.levels[at].1[usize::from(write)] = number;
        self.filter |= root_bit(area.root);
        let (rows, cols) = cells(&area, level);
        let cells = || (rows.0..=rows.1).flat_map(|row| (cols.0..=cols.1).map(move |col| (row, col)));
        if covers {
            for (row, col) in cells() {
                for write in [true, false] {
                    self.unlink(self.head(key(area.root, level, row, col, write)), &area);
                }
            }
        }
        let mut next = [NONE; CELLS];
        for (cell, (row, col)) in cells().enumerate() {
            let head = self.head(key(area.root, level, row, col, write));
            next[cell] = std::mem::replace(&mut self.heads[head], number * CELLS as u32 + cell as u32);
        }
        let at = self.place(number);
        self.ring[at] = Record { area, seq, write, covers, next };
        self.next += 1;
    }

    /// Takes the records of the very same box off a chain.
    fn unlink(&mut self, head: usize, area: &Area) {
        let mut last = None;
        let mut node = self.heads[head];
        while let Some((at, cell)) = self.in_ring(node) {
            let record = &self.ring[at];
            let next = record.next[cell];
            if record.area != *area {
                last = Some((at, cell));
            } else if let Some((at, cell)) = last {
                self.ring[at].next[cell] = next;
            } else {
                self.heads[head] = next;
            }
            node = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn areas() -> impl Strategy<Value = Area> {
        let side = (0u32..20, 1u32..9);
        let wide = (0u64..300, 1u64..200);
        (64u64..66, side, wide, prop::bool::weighted(0.05)).prop_map(|(root, (row, rows), (col, cols), whole)| {
            if whole {
                return Area::whole(root * 64);
            }
            Area { root: root * 64, rows: (row, row + rows), cols: (col, col + cols) }
        })
    }

    proptest! {
        /// Against a list of all accesses: what a new access meets is found, or hidden behind a later write of the same box
        /// that is itself met, or of all of the new one's.
        #[test]
        fn every_conflict_is_found(
            accesses in prop::collection::vec((areas(), any::<bool>(), prop::bool::weighted(0.8)), 1..120),
            step in 0u32..3,
            ends_soon: bool,
        ) {
            let mut boxes = Boxes::default();
            if ends_soon {
                boxes.file_anew(&[], RING);
                (boxes.tail, boxes.next) = (LAST - 60, LAST - 60);
            }
            let mut all: Vec<Record> = Vec::new();
            for (seq, (area, write, waits)) in accesses.into_iter().enumerate() {
                let seq = seq as u32;
                let head = seq.saturating_sub(40) * step.min(1);
                let mut found = Vec::new();
                boxes.conflicts(&area, write, &mut |r| found.push(r.seq));
                for old in &all {
                    let expected = old.seq >= head && (write || old.write) && old.area.meets(&area);
                    let hides = |r: &Record| r.covers && (r.area == old.area || r.area.contains(&area));
                    let hidden = all.iter().any(|r| r.seq > old.seq && hides(r));
                    if expected && !hidden {
                        prop_assert!(found.contains(&old.seq), "{old:?} is not found for {area:?}");
                    }
                }
                for seq in found {
                    let old = all[seq as usize];
                    prop_assert!((write || old.write) && old.area.meets(&area), "{old:?} does not meet {area:?}");
                }
                if waits {
                    boxes.insert(area, write, seq, head);
                } else {
                    boxes.bring(area, write, seq, head);
                }
                all.push(Record { area, seq, write, covers: write && waits, next: [NONE; CELLS] });
            }
        }
    }
}

//! Which parts of which buffers the entries in flight of one frame read and write: a table that finds, for a new access, those
//! that it meets.
//!
//! A part is a *box*: rows and columns of a buffer, in slots; an array is one row. For each box in use there is a *tile*, with who
//! wrote the box last and who has read it since. Programs use the same boxes again and again, so most accesses find their
//! tile at once; all that they can meet is filed there, or under one of the few tiles that overlap it, which it
//! names.
//!
//! Which tiles overlap is found when a tile is made. It is filed under cells of a grid whose pitch is the power of two at or above
//! the box's own size, in each dimension, so that it lies in four cells at most; a new one looks into the cells that it touches,
//! once for each pitch in use. A whole array looks at all tiles that there are, which the number of entries in flight bounds.
//!
//! Entries are named by sequence number, and what belongs to one that has completed is dead by that alone. Tiles lie in a ring, and so
//! do reads; chains name them by their numbers, the newest first: where a chain comes to one before the ring's tail, it ends. So nothing
//! is ever swept out, and the table takes no more memory than what is in flight.
//!
//! Invariants:
//! - Two boxes of one buffer meet if and only if they have a slot in common.
//! - A tile that was written is near each tile that it overlaps, and they are near it; unless it is crowded, its list is whole.
//! - A write waits for all that it meets; so who waits for it need not wait for what it met.

use super::memory::{buffer, data, tail_buffer, tail_stride};
use super::scoreboard::before;

/// Rows and columns of a buffer, or a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Area {
    /// The buffer's address, or a number below [`RESOURCES`](super::linked::RESOURCES) for a resource.
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

    /// The logarithms of the pitches that it is filed under.
    fn level(&self) -> Level {
        let bits = |len: u64| (64 - (len - 1).leading_zeros()) as u8;
        (bits(u64::from(self.rows.1 - self.rows.0)), bits(self.cols.1 - self.cols.0))
    }
}

type Level = (u8, u8);

/// The entries that have not retired: from `head` on, before `tail`.
#[derive(Clone, Copy)]
pub(super) struct Flight {
    pub(super) head: u32,
    pub(super) tail: u32,
}

impl Flight {
    #[inline(always)]
    pub(super) fn has(self, seq: u32) -> bool {
        seq.wrapping_sub(self.head) < self.tail.wrapping_sub(self.head)
    }

    /// Whether it has not retired, or is the next, which may have filed something already.
    #[inline(always)]
    fn reaches(self, seq: u32) -> bool {
        self.has(seq) || seq == self.tail
    }

    /// One that has retired, after which come all that have not.
    #[inline(always)]
    fn past(self) -> u32 {
        self.head.wrapping_sub(1)
    }
}

/// An access that a new one meets: a read or write of a part by an entry in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filed<'t> {
    pub(super) area: &'t Area,
    pub(super) seq: u32,
    pub(super) write: bool,
}

/// A tile's number, and which of its cells: what a chain is made of. Those below the number at the ring's tail are dead.
type Node = u32;

/// A box lies in so many cells at most.
const CELLS: usize = 4;
/// A tile names so many that overlap it.
const NEAR: usize = 12;
/// Numbers of tiles begin anew from here on.
const LAST: u32 = u32::MAX / CELLS as u32 - 1;
/// The first size of the rings.
const RING: usize = 32;
/// Heads of chains for each tile of the ring.
const HEADS: usize = 4;
/// Numbers of tiles that are kept to be found at once: a power of two.
const FOUND: usize = 64;
/// So many entries later numbers of those that have retired are not kept any more, since they come again.
const AGE: u32 = 1 << 30;

/// A box in use. No larger than a line of a processor's cache.
#[derive(Clone, Copy)]
struct Tile {
    area: Area,
    /// The number of the last of its others: reads since the last write, and what was brought.
    others: u64,
    /// The next in the chain of each of its cells.
    next: [Node; CELLS],
    /// Who wrote it last, and waits for all that was filed before; one that has retired if nobody did.
    write: u32,
    /// How many tiles its list names.
    near: u8,
    /// It has been written.
    is_written: bool,
    marks: u8,
}

/// Its others came in any order, and there are writes among them.
const BROUGHT: u8 = 1;
/// More tiles overlap it than its list has room for.
const CROWDED: u8 = 2;

impl Tile {
    fn has(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }
}

/// An access of a tile beside its last write.
#[derive(Clone, Copy)]
struct Other {
    /// The one before.
    next: u64,
    seq: u32,
    write: bool,
}

/// The table. See the head of the file.
pub(super) struct Boxes {
    /// A power of two, or empty.
    tiles: Vec<Tile>,
    /// By the same places: the numbers of tiles that overlap one. Those below `tail` are dead.
    near: Vec<[u32; NEAR]>,
    /// The numbers of the first tile in the ring and of the next to come. None has number 0.
    tail: u32,
    next: u32,
    /// By what is left of a cell's key: cells may share one.
    heads: Vec<Node>,
    /// By what is left of a box's key: the number of the tile that was found lastly. Boxes may share a place.
    found: [u32; FOUND],
    /// Those in use, with the last tile that was filed under each.
    levels: Vec<(Level, u32)>,
    /// A power of two, or empty.
    others: Vec<Other>,
    others_tail: u64,
    others_next: u64,
    /// Bits of roots that have tiles.
    filter: u64,
    /// Where roots share bits makes no difference: it is not the same in each run, since roots are addresses.
    pub(super) is_exact: bool,
    /// The first entry in flight when all that is dead was given up.
    tidied: u32,
    /// Tiles that were met: empty between calls.
    met: Vec<u32>,
}

impl Default for Boxes {
    fn default() -> Boxes {
        Boxes {
            tiles: Vec::new(),
            near: Vec::new(),
            tail: 1,
            next: 1,
            heads: Vec::new(),
            found: [0; FOUND],
            levels: Vec::new(),
            others: Vec::new(),
            others_tail: 0,
            others_next: 0,
            filter: 0,
            is_exact: false,
            tidied: 0,
            met: Vec::new(),
        }
    }
}

/// Beyond so many cells it is as well to look at all tiles.
const MANY: u64 = 16;

fn root_bit(root: u64) -> u64 {
    1 << (root.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

#[inline]
fn key(root: u64, level: Level, row: u64, col: u64) -> u64 {
    let at = root ^ (u64::from(level.0) << 56) ^ (u64::from(level.1) << 49);
    let mixed =
        (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ row.rotate_left(32) ^ col).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ mixed >> 32
}

/// Where the number of a box's tile is kept.
#[inline(always)]
fn place_of_found(area: &Area) -> usize {
    let ends = area.cols.0.rotate_left(20) ^ area.cols.1.rotate_left(40) ^ u64::from(area.rows.0) << 50;
    ((area.root ^ ends).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FOUND.trailing_zeros())) as usize
}

/// The cells of an area at a level: rows, and columns.
#[inline]
fn cells(area: &Area, level: Level) -> ((u64, u64), (u64, u64)) {
    // No pitch is above 2^63.
    let shift = |at: u64, by: u8| at >> (by & 63);
    (
        (shift(u64::from(area.rows.0), level.0), shift(u64::from(area.rows.1 - 1), level.0)),
        (shift(area.cols.0, level.1), shift(area.cols.1 - 1, level.1)),
    )
}

impl Boxes {
    /// Nothing is in flight any more.
    pub(super) fn clear(&mut self) {
        self.tail = self.next;
        self.others_tail = self.others_next;
        self.levels.clear();
        self.filter = 0;
    }

    /// Whether something of this buffer may be in the table.
    #[inline]
    pub(super) fn may_have(&self, root: u64) -> bool {
        self.filter & root_bit(root) != 0 && (!self.is_exact || self.has(root))
    }

    #[cold]
    fn has(&self, root: u64) -> bool {
        (self.tail..self.next).any(|number| self.tile(number).area.root == root)
    }

    /// Calls `found` for each access in flight that one to `area` meets, where one of the two is a write (each may come more than
    /// once). Some may be left out that a found one waits for.
    #[inline]
    pub(super) fn conflicts(&self, area: &Area, write: bool, flight: Flight, found: &mut impl FnMut(Filed<'_>)) {
        if !self.may_have(area.root) {
            return;
        }
        match self.find(area, area.level()) {
            // One that was only read does not name others that were only read.
            Some(number) if !write || self.tile(number).is_written => self.met_by(number, write, flight, found),
            _ => self.around(area, |_, tile| self.met_in(tile, write, flight.past(), flight, found)),
        }
    }

    /// The same for an access of the next entry, which is filed: a write takes the place of all that was filed for the very same box,
    /// since who meets it later waits for it, and it for them.
    #[inline]
    pub(super) fn access(&mut self, area: Area, write: bool, flight: Flight, found: &mut impl FnMut(Filed<'_>)) {
        let number = self.tile_of(area, write, flight);
        self.met_by(number, write, flight, found);
        let seq = flight.tail;
        if write {
            let tile = self.tile_mut(number);
            (tile.write, tile.others) = (seq, 0);
            tile.marks &= !BROUGHT;
        } else {
            self.add_other(number, seq, false, flight);
        }
    }

    /// Files an access of entry `seq` for one more part: that of a buffer which was moved there. It does not wait for others that
    /// came with it.
    pub(super) fn bring(&mut self, area: Area, write: bool, seq: u32, flight: Flight) {
        let number = self.tile_of(area, write, flight);
        self.tile_mut(number).marks |= BROUGHT;
        self.add_other(number, seq, write, flight);
    }

    /// Calls `found` for each access in flight of a buffer.
    pub(super) fn of_root(&self, root: u64, flight: Flight, found: &mut dyn FnMut(Filed<'_>)) {
        if !self.may_have(root) {
            return;
        }
        for tile in (self.tail..self.next).map(|number| self.tile(number)).filter(|tile| tile.area.root == root) {
            if flight.has(tile.write) {
                found(Filed { area: &tile.area, seq: tile.write, write: true });
            }
            for other in self.others_of(tile).filter(|other| flight.has(other.seq)) {
                found(Filed { area: &tile.area, seq: other.seq, write: other.write });
            }
        }
    }

    /// Gives up what is dead, if that was not done for so long that numbers of entries come again.
    pub(super) fn tidy(&mut self, flight: Flight) {
        if flight.head.wrapping_sub(self.tidied) >= AGE {
            self.make_anew(flight);
        }
    }

    #[inline(always)]
    fn place(&self, number: u32) -> usize {
        number as usize & (self.tiles.len() - 1)
    }

    #[inline(always)]
    fn tile(&self, number: u32) -> &Tile {
        &self.tiles[self.place(number)]
    }

    #[inline(always)]
    fn tile_mut(&mut self, number: u32) -> &mut Tile {
        let place = self.place(number);
        &mut self.tiles[place]
    }

    /// The tile and cell of a node; `None` at the end of a chain.
    #[inline(always)]
    fn in_ring(&self, node: Node) -> Option<(u32, usize)> {
        let number = node / CELLS as u32;
        (number >= self.tail).then_some((number, node as usize % CELLS))
    }

    /// Which chain a cell's tiles are in.
    #[inline(always)]
    fn chain(&self, root: u64, level: Level, row: u64, col: u64) -> usize {
        key(root, level, row, col) as usize & (self.heads.len() - 1)
    }

    /// The tile of that very box.
    #[inline]
    fn find(&self, area: &Area, level: Level) -> Option<u32> {
        let (rows, cols) = cells(area, level);
        let mut node = self.heads[self.chain(area.root, level, rows.0, cols.0)];
        while let Some((number, cell)) = self.in_ring(node) {
            let tile = self.tile(number);
            if tile.area == *area {
                return Some(number);
            }
            node = tile.next[cell];
        }
        None
    }

    /// The tile of that very box, which is made if there is none, for a read or a write.
    #[inline]
    fn tile_of(&mut self, area: Area, write: bool, flight: Flight) -> u32 {
        let place = place_of_found(&area);
        let mut number = self.found[place];
        if number < self.tail || self.tile(number).area != area {
            number = self.look_for(area, write, flight);
            self.found[place] = number;
        }
        if write && !self.tile(number).is_written {
            self.tile_mut(number).is_written = true;
            self.meet(number);
        }
        number
    }

    /// The same, where it was not the last in its place.
    #[inline(never)]
    fn look_for(&mut self, area: Area, write: bool, flight: Flight) -> u32 {
        let found = if self.filter & root_bit(area.root) != 0 { self.find(&area, area.level()) } else { None };
        found.unwrap_or_else(|| self.make(area, write, flight))
    }

    fn make(&mut self, area: Area, write: bool, flight: Flight) -> u32 {
        self.make_room(flight);
        self.filter |= root_bit(area.root);
        self.add(Tile { area, others: 0, next: [0; CELLS], write: flight.past(), near: 0, is_written: write, marks: 0 })
    }

    /// Calls `each` with the tiles that overlap `area`, and their numbers. Each may come more than once.
    fn around(&self, area: &Area, mut each: impl FnMut(u32, &Tile)) {
        let alive = || self.levels.iter().filter(|&&(_, last)| last >= self.tail);
        let is_many = |&(level, _): &(Level, u32)| {
            let (rows, cols) = cells(area, level);
            (rows.1 - rows.0 + 1).saturating_mul(cols.1 - cols.0 + 1) > MANY
        };
        if alive().any(is_many) {
            for number in self.tail..self.next {
                let tile = self.tile(number);
                if tile.area.meets(area) {
                    each(number, tile);
                }
            }
            return;
        }
        for &(level, _) in alive() {
            let (rows, cols) = cells(area, level);
            for row in rows.0..=rows.1 {
                for col in cols.0..=cols.1 {
                    let mut node = self.heads[self.chain(area.root, level, row, col)];
                    while let Some((number, cell)) = self.in_ring(node) {
                        let tile = self.tile(number);
                        if tile.area.meets(area) {
                            each(number, tile);
                        }
                        node = tile.next[cell];
                    }
                }
            }
        }
    }

    /// Calls `found` for what an access of the tile's box meets, in the tile or those near it. Who is filed before its last
    /// write, that waits for.
    #[inline]
    fn met_by(&self, number: u32, write: bool, flight: Flight, found: &mut impl FnMut(Filed<'_>)) {
        let tile = self.tile(number);
        let since = if flight.has(tile.write) { tile.write } else { flight.past() };
        self.met_in(tile, write, since, flight, found);
        if tile.near > 0 || tile.has(CROWDED) {
            self.met_near(number, write, since, flight, found);
        }
    }

    /// The same for what is filed in tiles near it.
    #[inline(never)]
    fn met_near(&self, number: u32, write: bool, since: u32, flight: Flight, found: &mut impl FnMut(Filed<'_>)) {
        let tile = self.tile(number);
        if tile.has(CROWDED) {
            self.around(&tile.area, |other, tile| {
                if other != number {
                    self.met_in(tile, write, since, flight, found);
                }
            });
        } else {
            for &near in &self.near[self.place(number)][..usize::from(tile.near)] {
                if near >= self.tail {
                    self.met_in(self.tile(near), write, since, flight, found);
                }
            }
        }
    }

    /// Calls `found` for what is filed in a tile, from `since` on or brought, and meets an access that meets the tile.
    #[inline(always)]
    fn met_in(&self, tile: &Tile, write: bool, since: u32, flight: Flight, found: &mut impl FnMut(Filed<'_>)) {
        if flight.has(tile.write) && !before(tile.write, since) {
            found(Filed { area: &tile.area, seq: tile.write, write: true });
        }
        if tile.has(BROUGHT) {
            for other in self.others_of(tile).filter(|other| flight.has(other.seq) && (write || other.write)) {
                found(Filed { area: &tile.area, seq: other.seq, write: other.write });
            }
        } else if write {
            let others =
                self.others_of(tile).take_while(|other| flight.reaches(other.seq) && !before(other.seq, since));
            for other in others.filter(|other| flight.has(other.seq)) {
                found(Filed { area: &tile.area, seq: other.seq, write: false });
            }
        }
    }

    /// The newest first.
    #[inline]
    fn others_of(&self, tile: &Tile) -> impl Iterator<Item = &Other> {
        let other =
            |number: u64| (number >= self.others_tail).then(|| &self.others[number as usize & (self.others.len() - 1)]);
        let first = if tile.others == 0 { None } else { other(tile.others) };
        std::iter::successors(first, move |last| if last.next == 0 { None } else { other(last.next) })
    }

    #[inline]
    fn add_other(&mut self, number: u32, seq: u32, write: bool, flight: Flight) {
        if (self.others_next - self.others_tail) as usize == self.others.len() {
            self.make_room_for_others(flight);
        }
        let place = self.place(number);
        let next = std::mem::replace(&mut self.tiles[place].others, self.others_next);
        let at = self.others_next as usize & (self.others.len() - 1);
        self.others[at] = Other { next, seq, write };
        self.others_next += 1;
    }

    #[cold]
    fn make_room_for_others(&mut self, flight: Flight) {
        let old = self.others.len();
        let at = |number: u64, size: usize| number as usize & (size - 1);
        while self.others_tail < self.others_next && !flight.reaches(self.others[at(self.others_tail, old)].seq) {
            self.others_tail += 1;
        }
        if (self.others_next - self.others_tail) as usize == old {
            let new = (old * 2).max(RING);
            let mut ring = vec![Other { next: 0, seq: 0, write: false }; new];
            for number in self.others_tail..self.others_next {
                ring[at(number, new)] = self.others[at(number, old)];
            }
            self.others = ring;
            if old == 0 {
                (self.others_tail, self.others_next) = (1, 1);
            }
        }
    }

    /// Sees to it that there is room for a tile.
    fn make_room(&mut self, flight: Flight) {
        let size = self.tiles.len();
        if (self.next - self.tail) as usize == size || self.next >= LAST {
            while self.tail < self.next && !self.is_alive(self.tile(self.tail), flight) {
                self.tail += 1;
            }
            if (self.next - self.tail) as usize == size || self.next >= LAST {
                return self.make_anew(flight);
            }
        }
        if self.place(self.next) == 0 {
            let alive =
                (self.tail..self.next).map(|number| self.tile(number)).filter(|tile| self.is_alive(tile, flight));
            self.filter = alive.fold(0, |filter, tile| filter | root_bit(tile.area.root));
            // Those that are dead are not to be used again: the filter does not tell of them.
            self.found = [0; FOUND];
        }
    }

    /// Whether an access that is filed there is in flight, or that of the next entry.
    fn is_alive(&self, tile: &Tile, flight: Flight) -> bool {
        let newest = if tile.has(BROUGHT) { usize::MAX } else { 1 };
        flight.reaches(tile.write) || self.others_of(tile).take(newest).any(|other| flight.reaches(other.seq))
    }

    /// Gives up all dead tiles; the ring is twice as long as those that are left, at least.
    #[cold]
    fn make_anew(&mut self, flight: Flight) {
        let tiles = (self.tail..self.next).map(|number| *self.tile(number));
        let alive: Vec<Tile> = tiles.filter(|tile| self.is_alive(tile, flight)).collect();
        let size = (alive.len() * 2).next_power_of_two().max(self.tiles.len()).max(RING);
        self.near.resize(size, [0; NEAR]);
        self.heads.clear();
        self.heads.resize(size * HEADS, 0);
        self.found = [0; FOUND];
        (self.tail, self.next, self.filter) = (1, 1, 0);
        self.levels.clear();
        self.tidied = flight.head;
        let nothing =
            Tile { area: Area::whole(0), others: 0, next: [0; CELLS], write: 0, near: 0, is_written: false, marks: 0 };
        self.tiles.clear();
        self.tiles.resize(size, nothing);
        for tile in alive {
            let write = if flight.reaches(tile.write) { tile.write } else { flight.past() };
            self.filter |= root_bit(tile.area.root);
            self.add(Tile { write, near: 0, marks: tile.marks & !CROWDED, ..tile });
        }
    }

    /// Files a tile, for which there is room; its number.
    fn add(&mut self, mut tile: Tile) -> u32 {
        let number = self.next;
        let (area, level) = (tile.area, tile.area.level());
        match self.levels.iter_mut().find(|(found, _)| *found == level) {
            Some((_, last)) => *last = number,
            None => {
                let tail = self.tail;
                self.levels.retain(|&(_, last)| last >= tail);
                self.levels.push((level, number));
            }
        }
        let (rows, cols) = cells(&area, level);
        let mut cell = 0;
        for row in rows.0..=rows.1 {
            for col in cols.0..=cols.1 {
                let chain = self.chain(area.root, level, row, col);
                tile.next[cell] = std::mem::replace(&mut self.heads[chain], number * CELLS as u32 + cell as u32);
                cell += 1;
            }
        }
        *self.tile_mut(number) = tile;
        self.next += 1;
        self.meet(number);
        number
    }

    /// The tile and those that overlap it name each other, if one of them was written.
    fn meet(&mut self, number: u32) {
        let mut met = std::mem::take(&mut self.met);
        let Tile { area, is_written, .. } = *self.tile(number);
        self.around(&area, |other, tile| {
            if other != number && (is_written || tile.is_written) {
                met.push(other);
            }
        });
        for other in met.drain(..) {
            self.name(number, other);
            self.name(other, number);
        }
        self.met = met;
    }

    /// Puts a tile on another's list.
    fn name(&mut self, number: u32, other: u32) {
        let (place, tail) = (self.place(number), self.tail);
        let (tile, list) = (&mut self.tiles[place], &mut self.near[place]);
        if list[..usize::from(tile.near)].contains(&other) {
            return;
        }
        if usize::from(tile.near) == NEAR {
            let mut kept = 0;
            for at in 0..NEAR {
                if list[at] >= tail {
                    list[kept] = list[at];
                    kept += 1;
                }
            }
            tile.near = kept as u8;
        }
        match list.get_mut(usize::from(tile.near)) {
            Some(place) => {
                *place = other;
                tile.near += 1;
            }
            None => tile.marks |= CROWDED,
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
        let any =
            (64u64..66, side, wide, prop::bool::weighted(0.05)).prop_map(|(root, (row, rows), (col, cols), whole)| {
                if whole {
                    return Area::whole(root * 64);
                }
                Area { root: root * 64, rows: (row, row + rows), cols: (col, col + cols) }
            });
        // The same boxes again and again, and those beside them.
        let tiles = (0u32..4, 0u64..4, 0u64..2).prop_map(|(row, col, halo)| Area {
            root: 64 * 64,
            rows: (row * 3, row * 3 + 3),
            cols: ((col * 5).saturating_sub(halo), col * 5 + 5 + halo),
        });
        // Buffers that come seldom: in between all of theirs is dead.
        let seldom = (66u64..90).prop_map(|root| Area { root: root * 64, rows: (0, 1), cols: (0, 8) });
        prop_oneof![any, tiles, seldom]
    }

    /// An access that was filed.
    #[derive(Clone, Copy, Debug)]
    struct Known {
        area: Area,
        seq: u32,
        write: bool,
        waits: bool,
    }

    proptest! {
        /// Against a list of all accesses: what a new access meets is found, or hidden behind a later write of the same box, or of the new
        /// one's, that is itself met.
        #[test]
        fn every_conflict_is_found(
            accesses in prop::collection::vec((areas(), any::<bool>(), prop::bool::weighted(0.8), 0u32..2), 1..200),
            span in prop_oneof![Just(4u32), Just(40), Just(1000)],
            (start, ends_soon, ages) in (prop_oneof![Just(0u32), Just(u32::MAX - 20)], any::<bool>(), any::<bool>()),
        ) {
            let mut boxes = Boxes::default();
            if ends_soon {
                boxes.make_anew(Flight { head: start, tail: start });
                (boxes.tail, boxes.next) = (LAST - 60, LAST - 60);
            }
            let mut all: Vec<Known> = Vec::new();
            let mut count = 0;
            for (area, write, waits, step) in accesses {
                count += step;
                let flight = Flight { head: start.wrapping_add(count.saturating_sub(span)), tail: start.wrapping_add(count) };
                if ages && count % 16 == 0 {
                    boxes.make_anew(flight);
                }
                let mut looked = Vec::new();
                boxes.conflicts(&area, write, flight, &mut |filed| looked.push((*filed.area, filed.seq, filed.write)));
                let mut found = Vec::new();
                if waits {
                    boxes.access(area, write, flight, &mut |filed| found.push((*filed.area, filed.seq, filed.write)));
                } else {
                    // Somebody who is in flight.
                    let seq = flight.tail.wrapping_sub(1 + count % 3);
                    boxes.bring(area, write, seq, flight);
                    all.push(Known { area, seq, write, waits });
                    continue;
                }
                for (at, old) in all.iter().enumerate() {
                    let expected = flight.has(old.seq) && (write || old.write) && old.area.meets(&area);
                    let hides = |r: &Known| r.waits && r.write && flight.reaches(r.seq) && (r.area == old.area || r.area == area);
                    if expected && !all[at + 1..].iter().any(hides) {
                        for found in [&looked, &found] {
                            prop_assert!(found.contains(&(old.area, old.seq, old.write)), "{old:?} is not found for {area:?}");
                        }
                    }
                }
                for &(old, seq, old_write) in found.iter().chain(&looked) {
                    prop_assert!((write || old_write) && old.meets(&area) && flight.has(seq), "{old:?} does not meet {area:?}");
                    prop_assert!(all.iter().any(|known| (known.area, known.seq, known.write) == (old, seq, old_write)));
                }
                all.push(Known { area, seq: flight.tail, write, waits });
            }
        }
    }
}

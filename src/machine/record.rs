//! The record of a run: which instruction of which promoted frame was issued, started, completed and retired when, and what it
//! reads and writes. See [`Options::record`](super::engine::Options::record). Beside it, what it really read and wrote: its [`Trace`].
//!
//! Entries are named by the frame and by their number in it, in program order. The events of all workers are in the order in
//! which they happened: an entry's completion comes before the start of every entry that the machine let wait for it.

use crate::bytecode::ops::Op;

/// What a run did. If that is more than is kept, it is how it began.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// In the order in which they happened, from the first one on; none is missing between two of them.
    pub events: Vec<Event>,
    /// So many more happened after that.
    pub lost: u64,
    /// What was read and written, if that was asked for.
    pub trace: Option<Trace>,
}

impl Record {
    /// Whether it is not all of the run.
    pub fn is_cut(&self) -> bool {
        self.lost > 0
    }
}

/// What a run really read and wrote of buffers: see [`Options::trace`](super::engine::Options::trace).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    /// By [`Piece::order`]; those of one doer in its own order.
    pub pieces: Vec<Piece>,
    /// So many accesses were not taken down.
    pub lost: u64,
}

/// What was done by one doer without a break.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Who did it.
    pub of: Doer,
    /// How many events of the record had happened when it began; and still, when it ended, if a frame did it.
    pub order: u64,
    /// Slots that were used; what lies side by side is joined.
    pub touches: Vec<Touch>,
    /// Loads and stores of elements, one by one.
    pub elements: Vec<Element>,
}

/// Whose work an instruction is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Doer {
    /// An entry's, in order.
    Entry(EntryId),
    /// A promoted frame's own, which comes before its entry of that number and after the one before.
    Frame(EntryId),
}

/// Slots of a buffer that were used, or bytes of a Str.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Touch {
    /// Which buffer, as in [`Region::root`].
    pub root: u64,
    /// The first slot.
    pub from: u64,
    /// Past the last.
    pub to: u64,
    /// What for.
    pub how: Use,
}

impl Touch {
    /// What stands for the length or the shape.
    pub const HEADER: u64 = u64::MAX - 1;
}

/// How slots were used. Who counts owners is told when; a read of a buffer with several is then before whatever is written by who has
/// found only one later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Read.
    Read,
    /// Read, at that moment, while the buffer had several owners.
    Shared(u64),
    /// Written.
    Write,
    /// Nothing yet, but the buffer was found to have one owner, at that moment, or before, so that it could be written.
    Unique(u64),
}

/// A load or a store of an element, or the addition of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element {
    /// The number of the instruction in all the code.
    pub at: u32,
    /// Which slot of its buffer.
    pub offset: u64,
    /// What it was, or became; 0 for what holds a buffer.
    pub value: u64,
    /// Whether it was stored.
    pub write: bool,
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// One number for all workers: what has the smaller one happened before.
    pub order: u64,
    /// Nanoseconds since some moment before the run.
    pub time: u64,
    /// The worker that did it, counted from 0; their number for what retired.
    pub worker: u8,
    /// What the instructions that this worker has run by then cost, by the table's cost classes ([`cost`]).
    pub cost: u64,
    /// What happened.
    pub what: What,
}

/// An entry: frame 0 has one only, the run itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntryId {
    /// The promoted frame whose instruction it is, counted from 1.
    pub frame: u32,
    /// Its number there, in program order.
    pub number: u32,
}

impl EntryId {
    /// The run itself: the call of `main`.
    pub const ROOT: EntryId = EntryId { frame: 0, number: 0 };
}

/// What can happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A frame of an entry's work was promoted. Its call in progress, which is issued next, goes on with that work.
    Promoted {
        /// The frame.
        frame: u32,
        /// Its function.
        function: u32,
        /// The entry whose work it is.
        parent: EntryId,
    },
    /// The worker issues the frame's instructions from here on.
    TakenUp(u32),
    /// An instruction of a frame became an entry.
    Issued(Box<Issued>),
    /// A frame's own instruction is run at once that needs what an entry gives or uses.
    Ran(Box<Issued>),
    /// All of the frame's entries have completed; the work of its parent goes on in order.
    Concluded(u32),
    /// The worker begins with an entry.
    Started(EntryId),
    /// It goes on with one that was suspended.
    Resumed(EntryId),
    /// It is done with one.
    Completed(EntryId, Ending),
    /// All of the frame that is older has retired, and so has this.
    Retired(EntryId),
}

/// How an entry ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Well.
    Good,
    /// It trapped.
    Failed,
    /// Something older had failed: it was left out, or broken off.
    Squashed,
}

/// An instruction in flight.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issued {
    /// Its name.
    pub entry: EntryId,
    /// What it does.
    pub kind: Kind,
    /// Its place in [`Program::sites`](crate::bytecode::program::Program::sites).
    pub site: u32,
    /// Elements and resources that it reads and writes.
    pub accesses: Vec<Access>,
    /// What it needs of older ones in the frame. Of those that use the very same elements, the last that writes them, and
    /// those that read them since, stand for all.
    pub needs: Vec<Need>,
    /// Nothing older in the frame is in flight while it runs, and nothing younger.
    pub is_fence: bool,
    /// The frame goes on when it has completed.
    pub is_awaited: bool,
    /// It was already running, in order, when its frame was promoted.
    pub is_running: bool,
    /// Of a call that runs a range of a loop's iterations: how many, which are independent. Else 1.
    pub turns: u64,
}

/// What an entry does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Calls that function.
    Call(u32),
    /// Runs that one instruction.
    Operation(Op),
}

/// A read or a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Of what.
    pub region: Region,
    /// Whether it may write it.
    pub write: bool,
}

/// A part of a buffer, or a resource.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Region {
    /// Which buffer: no two of a run have one number, also where one took the other's memory. Below
    /// [`RESOURCES`](Region::RESOURCES) it is a resource.
    pub root: u64,
    /// Rows, from and to; an array has one.
    pub rows: (u32, u32),
    /// In slots, from and to.
    pub cols: (u64, u64),
    /// Slots of an element.
    pub stride: u32,
}

impl Region {
    /// Roots of resources are below this one.
    pub const RESOURCES: u64 = super::linked::RESOURCES;

    /// Whether it is something outside the program.
    pub fn is_resource(&self) -> bool {
        self.root < Region::RESOURCES
    }

    /// Whether it is all that there is of its root.
    pub fn is_whole(&self) -> bool {
        self.rows == (0, u32::MAX)
    }

    /// What it is, in a word: an effect, the whole of a buffer, a tile, field, element or slice. One row of a grid is a slice.
    pub fn sort(&self) -> &'static str {
        let width = self.cols.1.saturating_sub(self.cols.0);
        if self.is_resource() {
            "effect"
        } else if self.is_whole() {
            "whole"
        } else if self.rows.1 - self.rows.0 > 1 {
            "tile"
        } else if width < u64::from(self.stride) {
            "field"
        } else if width == u64::from(self.stride) {
            "element"
        } else {
            "slice"
        }
    }
}

/// That an entry needs an older one of its frame to have completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Need {
    /// The older one's number.
    pub on: u32,
    /// What carries it.
    pub carrier: Carrier,
    /// Which of the two reads and which writes.
    pub order: Order,
    /// The frame itself waits, and issues nothing before.
    pub holds: bool,
}

/// What carries a dependency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Carrier {
    /// A register of the frame, which holds the older one's result.
    Register(u16),
    /// Elements that both use, or a resource: what the younger one uses.
    Region(Region),
}

/// Which of two accesses writes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Order {
    /// The younger reads what the older writes.
    ReadAfterWrite,
    /// The younger writes what the older reads.
    WriteAfterRead,
    /// Both write.
    WriteAfterWrite,
}

impl Order {
    /// Of two accesses, not both reads.
    pub fn of(older_writes: bool, younger_writes: bool) -> Order {
        match (older_writes, younger_writes) {
            (true, true) => Order::WriteAfterWrite,
            (true, false) => Order::ReadAfterWrite,
            (false, _) => Order::WriteAfterRead,
        }
    }

    /// The usual three letters.
    pub fn name(self) -> &'static str {
        match self {
            Order::ReadAfterWrite => "RAW",
            Order::WriteAfterRead => "WAR",
            Order::WriteAfterWrite => "WAW",
        }
    }
}

/// A rule of the scoreboard, to be left out by tests: see [`Options::leave_out`](super::engine::Options::leave_out).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hazard {
    /// An operand is there only when its producer has completed.
    Register,
    /// Elements are read only when older writers have completed.
    ReadAfterWrite,
    /// Elements are written only when older readers have completed.
    WriteAfterRead,
    /// Elements are written only when older writers have completed.
    WriteAfterWrite,
    /// What uses a resource waits for older conflicting use of it.
    Effect,
    /// What reads the clock waits for all that is older.
    Fence,
}

/// What an opcode costs: about nanoseconds.
pub const fn cost(op: Op) -> u8 {
    use crate::bytecode::ops::{Cost, TABLE};
    match TABLE[op as usize].cost {
        Cost::Scalar => 1,
        Cost::Memory => 2,
        Cost::Heavy => 12,
        Cost::Data => 60,
    }
}

/// The cost of each opcode, by its number.
pub(super) const COSTS: [u8; 256] = {
    use crate::bytecode::ops::OPS;
    let mut costs = [0; 256];
    let mut at = 0;
    while at < OPS.len() {
        costs[at] = cost(OPS[at]);
        at += 1;
    }
    costs
};

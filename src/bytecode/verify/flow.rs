//! Data flow: no register is read where, on some path from the function's beginning, it is not initialised or has been
//! moved out; and what the caller takes back is there at every return.
//!
//! A function comes as a list of [`Events`] in the order of its code. The state is a set of initialised registers; where
//! paths meet, their states' intersection counts. The list is walked in order; a backward jump that takes something
//! away from the state at its target (a loop's head) makes the walk go on from there again. States only shrink, so this
//! ends; well-structured code is walked about twice at most.
//!
//! The states of labels are kept only as long as somebody may ask: that of a forward jump's target until the walk gets
//! there, that of a loop's head (and of an entry into a loop's middle) until the walk has left the outermost loop. So
//! the memory grows with the depth of nesting and not with the length of the function. Both time and memory have a
//! limit, which only a function written against the verifier reaches.

use std::collections::BinaryHeap;
use std::ops::Range;

/// The most words that the kept states take.
const MAX_STATE_WORDS: usize = 1 << 24;
/// The most events that are walked again, besides a few times the function's length.
const MAX_WALKED_AGAIN: usize = 1 << 24;

const READ: u32 = 0;
const DEFINE: u32 = 1;
const KILL: u32 = 2;
const LABEL: u32 = 3;
const JUMP: u32 = 4;
const END: u32 = 5;
const RETURN: u32 = 6;
/// An event's kind is above this many bits, its register (14 bits) or label below, the count of registers between.
const KIND_SHIFT: u32 = 29;
const COUNT_SHIFT: u32 = 14;

/// What a function does to its registers.
#[derive(Default)]
pub struct Events {
    list: Vec<u32>,
    /// For each instruction, its first event.
    starts: Vec<u32>,
    /// For each label, its event.
    labels: Vec<u32>,
}

impl Events {
    /// Begins a function with that many labels.
    pub fn start(&mut self, labels: usize) {
        self.list.clear();
        self.starts.clear();
        self.labels.clear();
        self.labels.resize(labels, 0);
    }

    /// Begins the next instruction.
    pub fn instruction(&mut self) {
        self.starts.push(self.list.len() as u32);
    }

    /// The target of jumps to that label is here; before [`Events::instruction`].
    pub fn label(&mut self, label: u32) {
        self.labels[label as usize] = self.list.len() as u32;
        self.list.push(LABEL << KIND_SHIFT | label);
    }

    /// Registers are read.
    pub fn read(&mut self, first: u16, count: usize) {
        self.list.push(READ << KIND_SHIFT | (count as u32) << COUNT_SHIFT | u32::from(first));
    }

    /// A register gets a value.
    pub fn define(&mut self, register: u16) {
        self.list.push(DEFINE << KIND_SHIFT | u32::from(register));
    }

    /// A register is left without a value.
    pub fn kill(&mut self, register: u16) {
        self.list.push(KILL << KIND_SHIFT | u32::from(register));
    }

    /// A jump that may be taken.
    pub fn jump(&mut self, label: u32) {
        self.list.push(JUMP << KIND_SHIFT | label);
    }

    /// Nothing goes on from here.
    pub fn end(&mut self) {
        self.list.push(END << KIND_SHIFT);
    }

    /// The function returns.
    pub fn returns(&mut self) {
        self.list.push(RETURN << KIND_SHIFT);
    }

    /// The instruction of an event.
    fn instruction_of(&self, event: usize) -> usize {
        self.starts.partition_point(|&start| start as usize <= event) - 1
    }
}

/// What is known of a label before the walk.
#[derive(Clone, Copy)]
struct Label {
    /// The last backward jump to it; 0 if there is none.
    last_back: u32,
    /// The first forward jump to it.
    first_forward: u32,
    /// Its state is kept after the walk has passed it.
    kept: bool,
    /// Where in the pool its state lies.
    state: Option<u32>,
}

/// The walk over functions, one after the other.
#[derive(Default)]
pub struct Flow {
    labels: Vec<Label>,
    /// Words of a state.
    words: usize,
    /// The registers that have a value here.
    state: Vec<u64>,
    /// Those that must have one at return.
    due: Vec<u64>,
    /// States, kept or pending.
    pool: Vec<u64>,
    free: Vec<u32>,
    kept: Vec<u32>,
    loops: BinaryHeap<(u32, u32)>,
}

/// Makes `set` the set of those registers.
fn fill(set: &mut Vec<u64>, words: usize, registers: impl Iterator<Item = usize>) {
    set.clear();
    set.resize(words, 0);
    registers.for_each(|r| set[r / 64] |= 1 << (r % 64));
}

impl Flow {
    /// Proves a function of `count` registers, of which `given` have a value at entry and `due` must have one at return.
    ///
    /// # Errors
    /// The instruction, and what is wrong.
    pub fn check(
        &mut self,
        events: &Events,
        count: usize,
        given: Range<usize>,
        due: impl Iterator<Item = usize>,
    ) -> Result<(), (usize, String)> {
        self.words = count.div_ceil(64);
        fill(&mut self.state, self.words, given);
        fill(&mut self.due, self.words, due);
        self.pool.clear();
        self.free.clear();
        self.kept.clear();
        self.find_loops(events);
        self.walk(events).map_err(|(event, what)| (events.instruction_of(event), what))
    }

    /// Looks at the jumps, for which labels' states are to be kept.
    fn find_loops(&mut self, events: &Events) {
        let blank = Label { last_back: 0, first_forward: u32::MAX, kept: false, state: None };
        self.labels.clear();
        self.labels.resize(events.labels.len(), blank);
        for (at, &event) in (0..).zip(&events.list) {
            if event >> KIND_SHIFT == JUMP {
                let number = (event & ((1 << KIND_SHIFT) - 1)) as usize;
                let label = &mut self.labels[number];
                if events.labels[number] > at {
                    label.first_forward = label.first_forward.min(at);
                } else {
                    label.last_back = at;
                }
            }
        }
        // The loops around the position, the innermost on top: (head, last jump back). Labels are numbered in order.
        self.loops.clear();
        for (label, &at) in self.labels.iter_mut().zip(&events.labels) {
            while self.loops.peek().is_some_and(|&(_, last)| last < at) {
                self.loops.pop();
            }
            let entered_from_outside = self.loops.peek().is_some_and(|&(head, _)| label.first_forward < head);
            label.kept = label.last_back > 0 || entered_from_outside;
            if label.last_back > 0 {
                self.loops.push((at, label.last_back));
            }
        }
    }

    fn walk(&mut self, events: &Events) -> Result<(), (usize, String)> {
        let list = &events.list;
        let mut credit = MAX_WALKED_AGAIN + 16 * list.len();
        let mut at = 0;
        // Whether there is a path to here.
        let mut live = true;
        // The end of the loops that the walk is in.
        let mut inside = 0;
        while let Some(&event) = list.get(at) {
            let payload = event & ((1 << KIND_SHIFT) - 1);
            let register = (payload & ((1 << COUNT_SHIFT) - 1)) as usize;
            let (word, bit) = (register / 64, 1u64 << (register % 64));
            at += 1;
            match event >> KIND_SHIFT {
                LABEL => {
                    if at > inside {
                        self.drop_kept();
                    }
                    live = self.arrive(payload, live).map_err(|what| (at, what))?;
                    inside = inside.max(self.labels[payload as usize].last_back as usize);
                }
                _ if !live => {}
                READ => {
                    let count = (payload >> COUNT_SHIFT) as usize;
                    if self.state[word] & bit == 0 || count > 1 {
                        for r in register..register + count {
                            if self.state[r / 64] >> (r % 64) & 1 == 0 {
                                return Err((at - 1, format!("r{r} may hold nothing here")));
                            }
                        }
                    }
                }
                DEFINE => self.state[word] |= bit,
                KILL => self.state[word] &= !bit,
                JUMP => {
                    let changed = self.leave_for(payload).map_err(|what| (at - 1, what))?;
                    let target = events.labels[payload as usize] as usize;
                    if changed && target < at {
                        let Some(left) = credit.checked_sub(at - target) else {
                            return Err((at - 1, "its loops are too tangled to be verified".into()));
                        };
                        credit = left;
                        at = target;
                        live = false;
                    }
                }
                RETURN => {
                    let missing = self.due.iter().zip(&self.state).position(|(due, state)| due & !state != 0);
                    if let Some(word) = missing {
                        let r = word * 64 + (self.due[word] & !self.state[word]).trailing_zeros() as usize;
                        return Err((at - 1, format!("r{r}, which the caller takes, may hold nothing here")));
                    }
                    live = false;
                }
                _ => live = false,
            }
        }
        Ok(())
    }

    /// The walk gets to a label; whether any path does.
    fn arrive(&mut self, label: u32, live: bool) -> Result<bool, String> {
        let Label { kept, state, .. } = self.labels[label as usize];
        match state {
            None if !live => return Ok(false),
            None => {}
            Some(slot) => {
                let kept = &self.pool[slot as usize * self.words..][..self.words];
                if live {
                    self.state.iter_mut().zip(kept).for_each(|(to, from)| *to &= from);
                } else {
                    self.state.copy_from_slice(kept);
                }
            }
        }
        match (kept, state) {
            (false, None) => {}
            (false, Some(slot)) => {
                self.free.push(slot);
                self.labels[label as usize].state = None;
            }
            (true, Some(slot)) => {
                self.pool[slot as usize * self.words..][..self.words].copy_from_slice(&self.state);
                self.kept.push(label);
            }
            (true, None) => {
                self.labels[label as usize].state = Some(self.save()?);
                self.kept.push(label);
            }
        }
        Ok(true)
    }

    /// The walk has left all loops: nobody comes back to the labels in them.
    fn drop_kept(&mut self) {
        for label in self.kept.drain(..) {
            if let Some(slot) = self.labels[label as usize].state.take() {
                self.free.push(slot);
            }
        }
    }

    /// A path goes to a label; whether its state shrank.
    fn leave_for(&mut self, label: u32) -> Result<bool, String> {
        let Some(slot) = self.labels[label as usize].state else {
            self.labels[label as usize].state = Some(self.save()?);
            return Ok(true);
        };
        let mut lost = 0;
        for (to, from) in self.pool[slot as usize * self.words..][..self.words].iter_mut().zip(&self.state) {
            lost |= *to & !from;
            *to &= from;
        }
        Ok(lost != 0)
    }

    /// Puts the state into the pool.
    fn save(&mut self) -> Result<u32, String> {
        if let Some(slot) = self.free.pop() {
            self.pool[slot as usize * self.words..][..self.words].copy_from_slice(&self.state);
            return Ok(slot);
        }
        if self.pool.len() + self.words > MAX_STATE_WORDS {
            return Err("it has too many registers for so many jumps".into());
        }
        let slot = self.pool.len() / self.words.max(1);
        self.pool.extend_from_slice(&self.state);
        Ok(slot as u32)
    }
}

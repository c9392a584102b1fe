//! One function's code while it is written: registers by zone, labels, and the assembly into final instructions.
//!
//! While a function is compiled, registers are named by zone ([`Reg`]), since how many there are of each is known only
//! at the end, and jumps by label. [`Emitter::finish`] lays the zones out as `bytecode::ops` says, widens jumps
//! that don't fit, and picks the form of `return`.
//!
//! Invariant: a register of a zone has one type for good; it is reused only for that type.

use crate::bytecode::ops::{Field, HEADER, Instr, Kind, MAX_REGISTERS, Op, Role};
use crate::bytecode::program::RegType;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// A register of the function that is being compiled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reg(u32);

const ZONE: u32 = 30;

impl Reg {
    /// A result or parameter, by final number.
    pub fn fixed(number: usize) -> Reg {
        Reg(number as u32)
    }

    /// A window register: results, then parameters of the callee.
    pub fn window(number: usize) -> Reg {
        Reg(3 << ZONE | number as u32)
    }

    /// Whether it is a window register.
    pub fn is_window(self) -> bool {
        self.0 >> ZONE == 3
    }

    /// The register `count` further on.
    pub fn plus(self, count: usize) -> Reg {
        Reg(self.0 + count as u32)
    }

    /// As an instruction's operand.
    pub fn arg(self) -> i64 {
        i64::from(self.0)
    }
}

/// A place in the code, for jumps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(u32);

impl Label {
    /// As an instruction's operand.
    pub fn arg(self) -> i64 {
        i64::from(self.0)
    }
}

/// A piece of code set aside, where constants of a loop are loaded before it is entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Preheader(u32);

#[derive(Clone, Copy)]
struct Ins {
    op: Op,
    /// In the order of the table's operands.
    args: [i64; 4],
    site: u32,
}

enum Item {
    Ins(Ins),
    Preheader(u32),
}

/// The code of one function.
#[derive(Default)]
pub struct Emitter {
    items: Vec<Item>,
    preheaders: Vec<Vec<Ins>>,
    labels: Vec<usize>,
    fixed: Vec<RegType>,
    owned: Vec<RegType>,
    other: Vec<RegType>,
    free: FxHashMap<RegType, SmallVec<[Reg; 4]>>,
    free_groups: FxHashMap<Vec<RegType>, Vec<Reg>>,
    window: usize,
    /// What instructions are emitted for.
    pub site: u32,
}

/// What [`Emitter::finish`] gives.
pub struct Finished {
    pub code: Vec<Instr>,
    pub sites: Vec<u32>,
    pub registers: Vec<RegType>,
    pub owned: std::ops::Range<u16>,
    pub window: u16,
    /// Where each label is.
    labels: Vec<u32>,
}

impl Finished {
    /// The instruction at a label.
    pub fn label(&self, label: Label) -> u32 {
        self.labels[label.0 as usize]
    }
}

/// More registers than an instruction can name.
pub struct TooManyRegisters;

impl Emitter {
    /// An empty function whose results and parameters are `fixed`.
    pub fn new(fixed: Vec<RegType>) -> Emitter {
        Emitter { fixed, items: Vec::with_capacity(32), ..Emitter::default() }
    }

    /// A register of that type that was never used before.
    pub fn fresh(&mut self, ty: RegType) -> Reg {
        let (zone, list) = match ty {
            RegType::Own(_) => (1, &mut self.owned),
            _ => (2, &mut self.other),
        };
        list.push(ty);
        Reg(zone << ZONE | (list.len() - 1) as u32)
    }

    /// A free register of that type.
    pub fn take(&mut self, ty: RegType) -> Reg {
        match self.free.get_mut(&ty).and_then(SmallVec::pop) {
            Some(reg) => reg,
            None => self.fresh(ty),
        }
    }

    /// Gives a register back.
    pub fn give(&mut self, reg: Reg) {
        let ty = self.type_of(reg).expect("not a window register");
        self.free.entry(ty).or_default().push(reg);
    }

    /// Scalar registers of those types, side by side; the first.
    pub fn take_group(&mut self, types: &[RegType]) -> Reg {
        if let [one] = types {
            return self.take(*one);
        }
        if let Some(reg) = self.free_groups.get_mut(types).and_then(Vec::pop) {
            return reg;
        }
        let first = self.fresh(types[0]);
        for &ty in &types[1..] {
            self.fresh(ty);
        }
        first
    }

    /// Gives registers of [`Emitter::take_group`] back.
    pub fn give_group(&mut self, first: Reg, count: usize) {
        if count == 1 {
            return self.give(first);
        }
        let types = (0..count).map(|i| self.type_of(first.plus(i)).expect("not a window register")).collect();
        self.free_groups.entry(types).or_default().push(first);
    }

    /// What a register holds; none for one of the window.
    pub fn type_of(&self, reg: Reg) -> Option<RegType> {
        let index = (reg.0 & ((1 << ZONE) - 1)) as usize;
        match reg.0 >> ZONE {
            0 => Some(self.fixed[index]),
            1 => Some(self.owned[index]),
            2 => Some(self.other[index]),
            _ => None,
        }
    }

    /// Makes room for a callee's first `count` registers.
    pub fn need_window(&mut self, count: usize) {
        self.window = self.window.max(count);
    }

    /// Adds an instruction; `args` in the order of the table.
    pub fn emit<const N: usize>(&mut self, op: Op, args: [i64; N]) {
        debug_assert_eq!(op.info().operands.len(), N, "operands of {}", op.info().name);
        self.items.push(Item::Ins(Ins { op, args: pad(args), site: self.site }));
    }

    /// A label, to be placed later.
    pub fn label(&mut self) -> Label {
        self.labels.push(usize::MAX);
        Label(self.labels.len() as u32 - 1)
    }

    /// Places a label here.
    pub fn place(&mut self, label: Label) {
        self.labels[label.0 as usize] = self.items.len();
    }

    /// Whether what is emitted next could be reached: by a label placed here, or from the last instruction.
    pub fn end_is_open(&self) -> bool {
        let returns = [Op::Return, Op::ReturnValue, Op::Jump, Op::Trap];
        let closed = matches!(self.items.last(), Some(Item::Ins(ins)) if returns.contains(&ins.op));
        !closed || self.labels.contains(&self.items.len())
    }

    /// Sets a piece of code aside here.
    pub fn preheader(&mut self) -> Preheader {
        self.preheaders.push(Vec::new());
        let number = self.preheaders.len() as u32 - 1;
        self.items.push(Item::Preheader(number));
        Preheader(number)
    }

    /// Adds an instruction to a piece set aside.
    pub fn emit_before<const N: usize>(&mut self, preheader: Preheader, op: Op, args: [i64; N]) {
        self.preheaders[preheader.0 as usize].push(Ins { op, args: pad(args), site: self.site });
    }

    /// The final number of a register, once all are taken.
    pub fn number(&self, reg: Reg) -> u16 {
        let fixed = self.fixed.len();
        let bases = [0, fixed, fixed + self.owned.len()];
        (bases[(reg.0 >> ZONE) as usize] as u32 + (reg.0 & ((1 << ZONE) - 1))) as u16
    }

    /// The final code. A `ret.v` or `ret` becomes `ret.d` where there are owned locals.
    pub fn finish(mut self) -> Result<Finished, TooManyRegisters> {
        let fixed = self.fixed.len();
        let count = fixed + self.owned.len() + self.other.len();
        if count + HEADER + self.window >= MAX_REGISTERS {
            return Err(TooManyRegisters);
        }
        let bases = [0, fixed, fixed + self.owned.len(), count + HEADER];
        let drops = !self.owned.is_empty();

        // Flatten; every label then is an index into `flat`.
        let mut flat: Vec<Ins> = Vec::with_capacity(self.items.len() + 8);
        let mut moved_to = Vec::with_capacity(self.items.len() + 1);
        for item in &self.items {
            moved_to.push(flat.len());
            match *item {
                Item::Preheader(number) => flat.append(&mut self.preheaders[number as usize]),
                Item::Ins(ins) => match ins.op {
                    Op::Return if drops => flat.push(Ins { op: Op::ReturnDrop, ..ins }),
                    Op::ReturnValue if drops => {
                        let args = [Reg::fixed(0).arg(), ins.args[0], 0, 0];
                        flat.push(Ins { op: Op::Move, args, site: ins.site });
                        flat.push(Ins { op: Op::ReturnDrop, args: [0; 4], site: ins.site });
                    }
                    _ => flat.push(ins),
                },
            }
        }
        moved_to.push(flat.len());
        let targets: Vec<usize> = self.labels.iter().map(|&at| moved_to.get(at).copied().unwrap_or(0)).collect();

        let layout = Layout::of(&flat, &targets);
        let mut code = Vec::with_capacity(layout.at(flat.len()) as usize);
        let mut sites = Vec::with_capacity(code.capacity());
        for (i, ins) in flat.iter().enumerate() {
            let mut word = ins.op as u64;
            for (operand, &arg) in ins.op.info().operands.iter().zip(&ins.args) {
                let value = match (operand.role, operand.kind) {
                    (Role::Jump, _) if layout.is_far(i) => 1,
                    (Role::Jump, _) => layout.at(targets[arg as usize]) - layout.at(i) - 1,
                    (_, Kind::None) if matches!(ins.op, Op::Call | Op::Sys) && operand.field == Field::A => {
                        bases[3] as i64
                    }
                    (_, Kind::None) => arg,
                    _ => (bases[(arg >> ZONE) as usize] as i64) + (arg & ((1 << ZONE) - 1)),
                };
                word |= place_field(operand.field, value);
            }
            code.push(Instr(word));
            sites.push(ins.site);
            if layout.is_far(i) {
                let label = short_jump(ins).expect("only short jumps are widened");
                code.push(Instr::ai(Op::Jump, 0, 1));
                code.push(Instr::ai(Op::Jump, 0, (layout.at(targets[label]) - layout.at(i) - 3) as i32));
                sites.extend([ins.site; 2]);
            }
        }
        let mut registers = self.fixed;
        registers.append(&mut self.owned);
        registers.append(&mut self.other);
        let labels = targets.iter().map(|&target| layout.at(target) as u32).collect();
        let owned = bases[1] as u16..bases[2] as u16;
        Ok(Finished { code, sites, registers, owned, window: self.window as u16, labels })
    }
}

/// Where the instructions lie. A short jump that doesn't reach takes three: `j +1; jmp +1; jmp target`.
#[derive(Default)]
struct Layout {
    /// For each instruction and the end; empty if none takes more than one.
    at: Vec<i64>,
    /// Whether it is a short jump that doesn't reach; empty as above.
    far: Vec<bool>,
}

impl Layout {
    /// The layout of instructions whose labels are at `targets`.
    fn of(flat: &[Ins], targets: &[usize]) -> Layout {
        if flat.len() < i16::MAX as usize {
            return Layout::default();
        }
        let mut layout = Layout { at: vec![0; flat.len() + 1], far: vec![false; flat.len()] };
        loop {
            for i in 0..flat.len() {
                layout.at[i + 1] = layout.at[i] + if layout.far[i] { 3 } else { 1 };
            }
            let mut changed = false;
            for (i, ins) in flat.iter().enumerate() {
                if let Some(label) = short_jump(ins)
                    && !layout.far[i]
                    && i16::try_from(layout.at[targets[label]] - layout.at[i] - 1).is_err()
                {
                    layout.far[i] = true;
                    changed = true;
                }
            }
            if !changed {
                return layout;
            }
        }
    }

    /// Where the `i`th instruction lies.
    fn at(&self, i: usize) -> i64 {
        self.at.get(i).copied().unwrap_or(i as i64)
    }

    /// Whether the `i`th is a short jump that doesn't reach.
    fn is_far(&self, i: usize) -> bool {
        self.far.get(i).copied().unwrap_or(false)
    }
}

fn pad<const N: usize>(args: [i64; N]) -> [i64; 4] {
    let mut padded = [0; 4];
    padded[..N].copy_from_slice(&args);
    padded
}

/// The label of a jump whose distance has 16 bits.
fn short_jump(ins: &Ins) -> Option<usize> {
    let info = ins.op.info();
    (info.jump == Some(Field::C)).then(|| ins.args[info.operands.len() - 1] as usize)
}

fn place_field(field: Field, value: i64) -> u64 {
    let (shift, mask) = match field {
        Field::X => (8, 0xff),
        Field::A => (16, 0xffff),
        Field::B => (32, 0xffff),
        Field::C => (48, 0xffff),
        Field::I => (32, 0xffff_ffff),
        Field::P => (8, 0x3fff),
        Field::Q => (22, 0x3fff),
        Field::R => (36, 0x3fff),
        Field::S => (50, 0x3fff),
    };
    (value as u64 & mask) << shift
}

//! What the issue stage has to know of each instruction of a function: which registers it reads and writes, and what else must
//! be looked at before it may run or be parked. Derived from the instruction table once, when a frame of the function is
//! first promoted.

use smallvec::SmallVec;

use crate::bytecode::access::Access;
use crate::bytecode::ops::{Cost, Field, Instr, Kind, Op, Operand, Region, Role};
use crate::bytecode::program::{Function, Program, RegType};
use crate::bytecode::types::Type;

/// How an instruction is issued.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// Runs as soon as its registers are there.
    Plain,
    /// The same, and may be parked on a pending register that it reads: its operands are single registers.
    Park,
    /// A = B, which may be pending: A then stands for the same result.
    Move,
    /// The same, and B is moved out.
    MoveRef,
    /// Lets A go, pending or not.
    Drop,
    /// Reads or writes the element at register `index`, or at that row and register `column`, of what register `root`
    /// holds or shows.
    Element {
        write: bool,
        root: u16,
        index: u16,
        column: Option<u16>,
        view: Shape,
        slot: Slot,
        value: Value,
    },
    /// Reads the whole of what these registers hold.
    Whole([Option<u16>; 2]),
    /// Reads the whole view.
    WholeView(u16, Shape),
    /// Stages a view to write through of what this register holds.
    Unique(u16),
    /// Replaces or resizes what the first register holds, and reads the whole of the second.
    Replace(u16, Option<u16>),
    /// Adds the scalars in the registers from the second on, as an element, to the array that the first holds.
    Push(u16, u16),
    /// The same with one buffer.
    PushOwner(u16, u16),
    Call,
    Sys,
    /// The frame is left, or its work is not for the issue stage.
    Leave,
}

/// What a register is the first of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// A Str, array or grid.
    Held,
    /// A view of an array.
    View,
    /// A view of a grid.
    Grid,
}

/// Which slots of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Slot {
    Only,
    Number(u8),
}

/// What is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// Nothing: it reads.
    None,
    /// The scalar in that register.
    Scalar(u16),
    /// The buffer in that register, moved.
    Owner(u16),
}

/// Of all but those whose registers are all that matters.
pub(super) const WATCH_ALWAYS: u64 = 1 << 63;
/// Of all, for a frame that is recorded.
pub(super) const WATCH_RECORD: u64 = 1 << 62;
/// Of all registers from 61 on.
pub(super) const WATCH_REST: u64 = 1 << 61;

/// The bit of a register.
#[inline(always)]
pub(super) fn watched(register: usize) -> u64 {
    1 << register.min(61)
}

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) what: What,
    first: u32,
    reads: u16,
    writes: u16,
}

/// The instructions of a function.
#[derive(Debug)]
pub(super) struct Plan {
    steps: Box<[Step]>,
    /// For each what makes it worth a look before it runs: see [`watched`].
    masks: Box<[u64]>,
    registers: Box<[u16]>,
}

impl Plan {
    pub(super) fn new(program: &Program, function: &Function) -> Plan {
        let mut registers = Vec::new();
        let mut masks = Vec::with_capacity(function.code.len());
        let steps = function
            .code
            .iter()
            .map(|&instr| {
                let access = Access::of(program, function, instr);
                let first = registers.len() as u32;
                registers.extend(access.registers_read.iter().cloned().flatten());
                let reads = registers.len() as u32 - first;
                registers.extend(access.registers_written.iter().cloned().flatten());
                let writes = registers.len() as u32 - first - reads;
                let what = what(program, function, instr);
                let plain = matches!(what, What::Plain | What::Park | What::Move | What::MoveRef | What::Drop);
                let touched = registers[first as usize..].iter().map(|&register| watched(usize::from(register)));
                masks.push(touched.fold(WATCH_RECORD | if plain { 0 } else { WATCH_ALWAYS }, |mask, bit| mask | bit));
                Step { what, first, reads: reads as u16, writes: writes as u16 }
            })
            .collect();
        Plan { steps, masks: masks.into(), registers: registers.into() }
    }

    /// By instruction, the bits that keep it from running without a look: those of the registers that it touches, and more.
    #[inline(always)]
    pub(super) fn masks(&self) -> *const u64 {
        self.masks.as_ptr()
    }

    #[inline(always)]
    pub(super) fn step(&self, index: usize) -> &Step {
        &self.steps[index]
    }

    /// The registers that the step reads, and those that it writes.
    #[inline(always)]
    pub(super) fn sets(&self, step: &Step) -> (&[u16], &[u16]) {
        let (first, reads) = (step.first as usize, usize::from(step.reads));
        let (read, rest) = self.registers[first..].split_at(reads);
        (read, &rest[..usize::from(step.writes)])
    }
}

fn what(program: &Program, function: &Function, instr: Instr) -> What {
    let Some(op) = instr.op() else { return What::Leave };
    let info = op.info();
    let register = |field| instr.get(field) as u16;
    let kind_of = |field: Field| info.operands.iter().find(|o| o.field == field).map(|o| o.kind);
    let shape = |field: Field| match kind_of(field) {
        Some(Kind::View | Kind::ViewMut) => Shape::View,
        Some(Kind::GridView | Kind::GridViewMut) => Shape::Grid,
        _ => Shape::Held,
    };
    match op {
        Op::Move => What::Move,
        Op::MoveRef => What::MoveRef,
        Op::Drop => What::Drop,
        Op::Call => What::Call,
        Op::Sys => What::Sys,
        Op::Return
        | Op::ReturnValue
        | Op::ReturnDrop
        | Op::Host
        | Op::Decide
        | Op::Trap
        | Op::Complete
        | Op::Bridge => What::Leave,
        Op::View | Op::GridView | Op::RowView if instr.get(Field::X) & 3 == 2 => What::Unique(register(Field::B)),
        Op::Share | Op::SliceStr => What::Whole([Some(register(Field::B)), None]),
        Op::Compare => What::Whole([Some(register(Field::B)), Some(register(Field::C))]),
        Op::Own => {
            let to = function.registers.get(register(Field::A) as usize);
            let grid = matches!(to, Some(&RegType::Own(ty)) if matches!(program.types.get(ty), Type::Grid(_)));
            What::WholeView(register(Field::B), if grid { Shape::Grid } else { Shape::View })
        }
        Op::Cat => What::Replace(register(Field::A), Some(register(Field::B))),
        Op::Push => pushed(program, function, register(Field::A), register(Field::B)),
        Op::Fill | Op::FillGrid | Op::Fold => What::Replace(register(Field::A), None),
        Op::FoldEnd => What::Replace(register(Field::B), None),
        // A Str is never written in part.
        Op::LoadByte => What::Plain,
        _ => match info.region {
            Region::Read(root, index) | Region::Write(root, index) => {
                let write = matches!(info.region, Region::Write(..));
                let slot =
                    if kind_of(Field::X).is_some() { Slot::Number(instr.get(Field::X) as u8) } else { Slot::Only };
                let value = if write { stored(info.operands, &register) } else { Value::None };
                What::Element {
                    write,
                    root: register(root),
                    index: register(index),
                    column: match index {
                        Field::Q => Some(register(Field::R)),
                        Field::R => Some(register(Field::S)),
                        _ => None,
                    },
                    view: shape(root),
                    slot,
                    value,
                }
            }
            _ if info.cost == Cost::Scalar && parks(info.operands) => What::Park,
            _ => What::Plain,
        },
    }
}

/// How a value is pushed to what the register `array` holds.
fn pushed(program: &Program, function: &Function, array: u16, value: u16) -> What {
    let types = &program.types;
    let leaves = match function.registers.get(usize::from(array)) {
        Some(&RegType::Own(ty)) => types.element(ty).map(|element| types.leaves(element)),
        _ => None,
    };
    match leaves {
        Some(&[leaf]) if types.is_ref(leaf) => What::PushOwner(array, value),
        Some(leaves) if !leaves.iter().any(|&leaf| types.is_ref(leaf)) => What::Push(array, value),
        _ => What::Replace(array, None),
    }
}

fn stored(operands: &[Operand], register: &dyn Fn(Field) -> u16) -> Value {
    operands
        .iter()
        .find_map(|operand| match (operand.kind, operand.role) {
            (Kind::Element, Role::Use) => Some(Value::Scalar(register(operand.field))),
            (Kind::ElementRef, Role::Take) => Some(Value::Owner(register(operand.field))),
            _ => None,
        })
        .unwrap_or(Value::None)
}

/// Whether all register operands are scalars or pairs of them, of which the first alone is written.
fn parks(operands: &[Operand]) -> bool {
    let scalar =
        |kind| matches!(kind, Kind::Int | Kind::Float | Kind::Bool | Kind::Discrete | Kind::Scalar | Kind::Int2);
    let immediate = |o: &Operand| o.role == Role::Immediate;
    let Some((first, rest)) = operands.split_first() else { return false };
    matches!(first.role, Role::Def | Role::Modify)
        && scalar(first.kind)
        && rest.iter().any(|o| !immediate(o))
        && rest.iter().all(|o| immediate(o) || (o.role == Role::Use && scalar(o.kind)))
}

/// An instruction whose registers are the first ones of an entry's arguments.
pub(super) struct Renumbered {
    pub(super) instr: Instr,
    /// What registers those were.
    pub(super) registers: SmallVec<[u16; 6]>,
    /// How many of them, the first, it writes.
    pub(super) written: usize,
    /// Whether it reads these, too.
    pub(super) modifies: bool,
}

/// Of a step that may be parked.
pub(super) fn renumbered(instr: Instr) -> Renumbered {
    let op = instr.op().expect("it was planned");
    let (mut word, mut registers, mut written, mut modifies) = (instr.0, SmallVec::new(), 0, false);
    for operand in op.info().operands {
        if operand.role == Role::Immediate {
            continue;
        }
        let (shift, mask) = match operand.field {
            Field::A => (16, 0xffff),
            Field::B => (32, 0xffff),
            Field::C => (48, 0xffff),
            Field::P => (8, 0x3fff),
            Field::Q => (22, 0x3fff),
            Field::R => (36, 0x3fff),
            Field::S => (50, 0x3fff),
            Field::X | Field::I => unreachable!("registers are not there"),
        };
        word = word & !(mask << shift) | (registers.len() as u64) << shift;
        let (first, width) = (instr.get(operand.field) as u16, if operand.kind == Kind::Int2 { 2 } else { 1 });
        if operand.role != Role::Use {
            (written, modifies) = (usize::from(width), operand.role == Role::Modify);
        }
        registers.extend(first..first + width);
    }
    Renumbered { instr: Instr(word), registers, written, modifies }
}

//! What an instruction reads and writes: registers, and regions of arrays and grids; derived from the instruction table,
//! and for calls from the callee's parameters. The disassembler prints it; the verifier takes the effects from here.
//!
//! The unit is the frame: window registers stand for what is in them, so a call's regions are those of the views and
//! borrows in the window. A program that was not verified may be given: what refers to nothing is left out.

use super::builtins::BUILTINS;
use super::effects::Effects;
use super::ops::{Field, HEADER, Instr, Kind, Op, Operand, Region, Role};
use super::program::{Function, Passing, Program, RegType};
use super::types::{TypeId, TypeTable};
use super::verify::Signature;
use std::fmt;
use std::ops::Range;

/// The read set and the write set of an instruction.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Access {
    /// Registers read, in order.
    pub registers_read: Vec<Range<u16>>,
    /// Registers written, in order.
    pub registers_written: Vec<Range<u16>>,
    /// Parts of arrays, grids and Strs read.
    pub regions_read: Vec<Part>,
    /// Parts written.
    pub regions_written: Vec<Part>,
    /// The first window register, for printing.
    window: u16,
}

/// A part of what a register holds or shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// The register of the Str, array, grid or view.
    pub root: u16,
    /// Which part.
    pub extent: Extent,
}

/// Which part of an array, grid or Str.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All elements, and the length.
    Whole,
    /// All elements, but not the length: what a view shows.
    Elements,
    /// The length or the shape.
    Length,
    /// One element, or one slot of it.
    Element {
        /// The register of the index, or of the row.
        index: u16,
        /// The register of the column, where row and column are given.
        column: Option<u16>,
        /// The slot, where the instruction names one.
        slot: Option<u8>,
    },
}

impl Access {
    /// The sets of an instruction of `function`.
    pub fn of(program: &Program, function: &Function, instr: Instr) -> Access {
        let window = (function.registers.len() + HEADER) as u16;
        let mut access = Access { window, ..Access::default() };
        let Some(op) = instr.op() else { return access };
        for operand in op.info().operands {
            access.operand(program, function, op, instr, operand);
        }
        access.region(program, op, instr);
        match op {
            Op::Return | Op::ReturnValue | Op::ReturnDrop => access.returns(program, function, op),
            // Its own registers are where a call of it has them in the window.
            Op::Host => {
                if let Ok(own) = Signature::of_function(program, function) {
                    access.call(&own, 0);
                }
            }
            _ => {}
        }
        join(&mut access.registers_read);
        join(&mut access.registers_written);
        access
    }

    fn operand(&mut self, program: &Program, function: &Function, op: Op, instr: Instr, operand: &Operand) {
        let first = instr.get(operand.field) as u16;
        let staging = matches!(op, Op::View | Op::GridView | Op::RowView);
        let flags = instr.get(Field::X);
        let width = match operand.kind {
            Kind::None => return,
            // Bounds are looked at for a part only.
            Kind::Int2 | Kind::Int4 if staging && flags & 4 == 0 => return,
            Kind::Int2 => 2,
            Kind::Int3 => 3,
            Kind::Int4 => 4,
            Kind::Staged => match op {
                Op::Borrow => 1,
                Op::GridView => 5,
                _ => 3,
            },
            Kind::ElementAll => {
                let container = function.registers.get(instr.get(Field::A) as usize).copied();
                let leaves = container.and_then(type_of).and_then(|ty| element_leaves(&program.types, ty));
                let leaves = leaves.unwrap_or_default();
                if operand.role == Role::Take {
                    let owned = (first..).zip(leaves).filter(|&(_, &leaf)| program.types.is_ref(leaf));
                    self.registers_written.extend(owned.map(|(register, _)| register..register.saturating_add(1)));
                }
                self.registers_read.push(first..first.saturating_add(leaves.len() as u16));
                return;
            }
            _ => 1,
        };
        let range = first..first.saturating_add(width);
        if operand.role != Role::Def {
            self.registers_read.push(range.clone());
        }
        // To write through a view of an owned array may exchange its buffer for a copy.
        let made_unique = operand.kind == Kind::Viewed && flags & 3 == 2;
        if matches!(operand.role, Role::Def | Role::Modify | Role::Take) || made_unique {
            self.registers_written.push(range);
        }
    }

    fn region(&mut self, program: &Program, op: Op, instr: Instr) {
        let register = |field| instr.get(field) as u16;
        let element = |field: Field, index: Field| {
            let has_slot = op.info().operands.iter().any(|operand| operand.field == Field::X);
            let column = match index {
                Field::Q => Some(register(Field::R)),
                Field::R => Some(register(Field::S)),
                _ => None,
            };
            let slot = has_slot.then(|| instr.get(Field::X) as u8);
            Part { root: register(field), extent: Extent::Element { index: register(index), column, slot } }
        };
        let part = |field, extent| Part { root: register(field), extent };
        match op.info().region {
            Region::None => {}
            Region::Read(root, index) => self.regions_read.push(element(root, index)),
            Region::Write(root, index) => self.regions_written.push(element(root, index)),
            Region::Length(root) => self.regions_read.push(part(root, Extent::Length)),
            Region::Whole(root) => self.regions_read.push(part(root, Extent::Whole)),
            Region::Replace(root) => self.regions_written.push(part(root, Extent::Whole)),
            Region::Call => {
                if let Some(callee) = callee(program, op, instr) {
                    self.call(&callee, self.window);
                }
            }
        }
    }

    /// A call of `callee`, whose results and arguments are in the registers from `first` on.
    fn call(&mut self, callee: &Signature, first: u16) {
        for (number, &held) in (0..).zip(&callee.registers) {
            let root = first.saturating_add(number);
            if usize::from(number) >= callee.results {
                self.registers_read.push(root..root.saturating_add(1));
            }
            match held {
                RegType::View(_) => self.regions_read.push(Part { root, extent: Extent::Elements }),
                RegType::ViewMut(_) => {
                    self.regions_read.push(Part { root, extent: Extent::Elements });
                    self.regions_written.push(Part { root, extent: Extent::Elements });
                }
                RegType::Borrow(_) => self.regions_read.push(Part { root, extent: Extent::Whole }),
                _ => {}
            }
        }
        for &(number, held) in &callee.returned {
            let root = first.saturating_add(number);
            self.registers_written.push(root..root.saturating_add(1));
            if let RegType::Own(_) = held {
                let part = Part { root, extent: Extent::Whole };
                self.regions_written.push(part);
                if usize::from(number) >= callee.results {
                    self.regions_read.push(part);
                }
            }
        }
    }

    fn returns(&mut self, program: &Program, function: &Function, op: Op) {
        if op == Op::ReturnValue {
            self.registers_written.push(0..1);
        } else {
            self.registers_read.push(0..function.results);
        }
        let mut first = function.results;
        for param in &function.params {
            if param.ty.0 as usize >= program.types.len() {
                return;
            }
            let end = first.saturating_add(param.registers(&program.types).len() as u16);
            if param.passing == Passing::Inout {
                self.registers_read.push(first..end);
            }
            first = end;
        }
        if op == Op::ReturnDrop {
            self.registers_written.push(function.owned_start..function.owned_end);
        }
    }

    fn print(&self, f: &mut fmt::Formatter<'_>, registers: &[Range<u16>], parts: &[Part]) -> fmt::Result {
        let name = |register| RegisterName { register, window: self.window };
        let mut separator = "";
        for range in registers {
            write!(f, "{separator}{}", name(range.start))?;
            if range.len() > 1 {
                write!(f, "-{}", name(range.end - 1))?;
            }
            separator = " ";
        }
        for part in parts {
            write!(f, "{separator}{}", name(part.root))?;
            separator = " ";
            match part.extent {
                Extent::Whole => f.write_str("[*]")?,
                Extent::Elements => f.write_str("[..]")?,
                Extent::Length => f.write_str(".len")?,
                Extent::Element { index, column, slot } => {
                    write!(f, "[{}", name(index))?;
                    if let Some(column) = column {
                        write!(f, ", {}", name(column))?;
                    }
                    f.write_str("]")?;
                    if let Some(slot) = slot {
                        write!(f, ".{slot}")?;
                    }
                }
            }
        }
        if separator.is_empty() { f.write_str("-") } else { Ok(()) }
    }

    /// The read set, for printing: `r1 r4-r5 r3[r4]`, or `-`.
    pub fn read_set(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.print(f, &self.registers_read, &self.regions_read))
    }

    /// The write set, for printing.
    pub fn write_set(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.print(f, &self.registers_written, &self.regions_written))
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reads {}, writes {}", self.read_set(), self.write_set())
    }
}

/// A register as it is printed: `r3`, or `w0` for the first of the window.
#[derive(Clone, Copy, Debug)]
pub struct RegisterName {
    /// Its number in the frame.
    pub register: u16,
    /// The first window register's number.
    pub window: u16,
}

impl fmt::Display for RegisterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.register.checked_sub(self.window) {
            Some(number) => write!(f, "w{number}"),
            None => write!(f, "r{}", self.register),
        }
    }
}

/// Sorts ranges and joins those that meet.
fn join(ranges: &mut Vec<Range<u16>>) {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| (range.start, range.end));
    ranges.dedup_by(|next, last| {
        let meet = next.start <= last.end;
        if meet {
            last.end = last.end.max(next.end);
        }
        meet
    });
}

fn type_of(register: RegType) -> Option<TypeId> {
    match register {
        RegType::Own(ty) | RegType::Borrow(ty) | RegType::View(ty) | RegType::ViewMut(ty) => Some(ty),
        RegType::Int | RegType::Float | RegType::Bool | RegType::Tail => None,
    }
}

fn element_leaves(types: &TypeTable, ty: TypeId) -> Option<&[TypeId]> {
    let exists = |ty: &TypeId| (ty.0 as usize) < types.len();
    let element = Some(ty).filter(exists).and_then(|ty| types.element(ty)).filter(exists)?;
    Some(types.leaves(element))
}

fn callee(program: &Program, op: Op, instr: Instr) -> Option<Signature> {
    if op == Op::Sys {
        let (builtin, ty) = (instr.get(Field::B) as usize, TypeId(instr.get(Field::C)));
        return Signature::of_builtin(&program.types, builtin, ty).ok();
    }
    Signature::of_function(program, program.functions.get(instr.get(Field::I) as usize)?).ok()
}

/// A register's type in a few words.
pub fn describe(types: &TypeTable, register: RegType) -> String {
    let (prefix, ty) = match register {
        RegType::Int => return "Int".into(),
        RegType::Float => return "Float".into(),
        RegType::Bool => return "Bool".into(),
        RegType::Tail => return "a further register of a view".into(),
        RegType::Own(ty) => ("own", ty),
        RegType::Borrow(ty) => ("borrowed", ty),
        RegType::View(ty) => ("view of", ty),
        RegType::ViewMut(ty) => ("mutable view of", ty),
    };
    if ty.0 as usize >= types.len() {
        return format!("{prefix} type {}", ty.0);
    }
    format!("{prefix} {}", types.name(ty))
}

/// The effects of each function: those of the built-ins that it and all that it calls call.
pub fn effects(program: &Program) -> Vec<Effects> {
    let count = program.functions.len();
    let mut effects = vec![Effects::NONE; count];
    // (callee, caller)
    let mut calls: Vec<(u32, u32)> = Vec::new();
    for (index, function) in program.functions.iter().enumerate() {
        for &instr in &function.code {
            match instr.op() {
                Some(Op::Sys) => {
                    if let Some(builtin) = BUILTINS.get(instr.get(Field::B) as usize) {
                        effects[index] = effects[index].with(builtin.effects);
                    }
                }
                Some(Op::Host) => effects[index] = effects[index].with(Effects::HOST),
                Some(Op::Call) => {
                    let call = (instr.get(Field::I), index as u32);
                    if calls.last() != Some(&call) {
                        calls.push(call);
                    }
                }
                _ => {}
            }
        }
    }
    calls.sort_unstable();
    // Each function's set grows at most once for every effect there is.
    let mut changed: Vec<usize> = (0..count).filter(|&index| effects[index] != Effects::NONE).collect();
    while let Some(callee) = changed.pop() {
        let first = calls.partition_point(|&(other, _)| (other as usize) < callee);
        for caller in calls[first..].iter().take_while(|&&(other, _)| other as usize == callee) {
            let caller = caller.1 as usize;
            if !effects[caller].has(effects[callee]) {
                effects[caller] = effects[caller].with(effects[callee]);
                changed.push(caller);
            }
        }
    }
    effects
}

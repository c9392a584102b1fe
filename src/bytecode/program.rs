//! A compiled program: functions, constants, and where each instruction came from.

use super::effects::Effects;
use super::ops::{Instr, Op};
use super::types::{TypeId, TypeTable};
use smallvec::SmallVec;

/// What a register of a function holds, from the first instruction to the last.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RegType {
    /// An Int.
    Int,
    /// A Float.
    Float,
    /// A Bool.
    Bool,
    /// A Str, array or grid that this frame owns; null when it is moved out.
    Own(TypeId),
    /// A Str, array or grid that the caller owns: a parameter. Never written.
    Borrow(TypeId),
    /// The first register of a view of that array (3 registers) or grid (5): a parameter. Never written.
    View(TypeId),
    /// The same, and its elements may be written.
    ViewMut(TypeId),
    /// A further register of a view.
    Tail,
}

/// How a parameter is passed; the registers it takes are those of [`Passing::registers`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Passing {
    /// Read: scalar slots are copied, Str, array and grid slots (of a Str or a struct) borrowed.
    In,
    /// Read: an array or grid, as a view.
    View,
    /// Moved in and out: every slot is the callee's until it returns.
    Inout,
    /// An array or grid whose elements are written, as a view.
    InoutView,
}

/// What the registers of a parameter or a value hold, in order.
pub type Registers = SmallVec<[RegType; 8]>;

/// A parameter's type and how it is passed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Param {
    /// Its type.
    pub ty: TypeId,
    /// How it is passed.
    pub passing: Passing,
}

impl Param {
    /// The registers that the parameter takes in the callee's frame.
    pub fn registers(self, types: &TypeTable) -> Registers {
        let tails = |head: RegType| {
            let count = if matches!(types.get(self.ty), super::types::Type::Grid(_)) { 5 } else { 3 };
            std::iter::once(head).chain(std::iter::repeat_n(RegType::Tail, count - 1)).collect()
        };
        match self.passing {
            Passing::View => tails(RegType::View(self.ty)),
            Passing::InoutView => tails(RegType::ViewMut(self.ty)),
            Passing::In => slot_registers(types, self.ty, RegType::Borrow),
            Passing::Inout => slot_registers(types, self.ty, RegType::Own),
        }
    }
}

/// The registers of a value of type `ty`, with `held` for its Str, array and grid slots.
pub fn slot_registers(types: &TypeTable, ty: TypeId, held: fn(TypeId) -> RegType) -> Registers {
    types
        .leaves(ty)
        .iter()
        .map(|&leaf| match leaf {
            TypeId::INT => RegType::Int,
            TypeId::FLOAT => RegType::Float,
            TypeId::BOOL => RegType::Bool,
            _ => held(leaf),
        })
        .collect()
}

/// A function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// A call of it may run out of order.
    pub is_task: bool,
    /// Its parameters: they take the registers from [`Function::results`] on.
    pub params: Vec<Param>,
    /// The type of its result, UNIT for none: its slots are the first registers, owned.
    pub result: TypeId,
    /// What each register holds: results, parameters, owned locals, other locals.
    pub registers: Vec<RegType>,
    /// How many of them are results.
    pub results: u16,
    /// The first owned local; null when the function is entered.
    pub owned_start: u16,
    /// Past the last owned local.
    pub owned_end: u16,
    /// The most window registers that a call in it uses, from register `registers.len() + HEADER` on.
    pub window: u16,
    /// What it and all that it calls does besides computing.
    pub effects: Effects,
    /// Its instructions; it begins at the first.
    pub code: Vec<Instr>,
    /// For each instruction, its place in [`Program::sites`].
    pub sites: Vec<u32>,
    /// The function that this one is a part of: a loop that the compiler has made a function of. Traps show that function, and
    /// neither this one nor its call.
    pub part_of: Option<u32>,
    /// It runs iterations of a loop. Not in files: whoever forges one must not be able to claim that iterations are independent.
    pub range: Option<Range>,
}

impl Function {
    /// Whether it stands for a function of the host.
    pub fn is_extern(&self) -> bool {
        self.code.first().is_some_and(|instr| instr.op() == Some(Op::Host))
    }
}

/// What a function that runs iterations `lo..hi` of a loop promises. `lo` and `hi` are its first two parameters (Ints, passed In);
/// it runs the iterations one after the other, and has no result. The machine may lower `hi` while it runs, and have the
/// rest done by another call. No parameter is moved in and out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// The register of the iteration in progress: an Int local, counted up by one by a `for` instruction that compares with
    /// the parameter `hi` itself.
    pub index: u16,
    /// The instructions of the loop (first, past the last): while the frame is at one of them (or in a call made by one),
    /// `index` holds the iteration in progress.
    pub body: (u32, u32),
    /// For each parameter after `lo` and `hi`: how many elements (rows, of a grid) of it each iteration has, if it is a view
    /// to write through. Iteration i touches only elements per * (i - lo) to per * (i - lo) + per, where lo is the
    /// parameter. 0 for everything else, which is passed whole and only read.
    pub per: Vec<u32>,
    /// If iterations are the turns of a loop by steps: the register of the parameter, an Int, that is the step, by which
    /// `per` is to be multiplied.
    pub step: Option<u16>,
    /// The function with the same parameters that only calls this one. Calls of the loop go to it.
    pub wrapper: u32,
}

/// Where an instruction came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Site {
    /// Byte offsets into the source text.
    pub start: u32,
    /// Past the end.
    pub end: u32,
    /// For an instruction of an inlined function: that function's index, and the site of the call (an earlier site).
    pub inlined: Option<(u32, u32)>,
}

/// A constant that is not a scalar.
#[derive(Clone, PartialEq, Debug)]
pub struct Value {
    /// Its type: Str or an array.
    pub ty: TypeId,
    /// What it is.
    pub data: Constant,
}

/// The data of a constant.
#[derive(Clone, PartialEq, Debug)]
pub enum Constant {
    /// A Str.
    Str(String),
    /// An array: the slots of its elements, in order; a ref slot is an index into [`Program::values`], of an earlier value.
    Array(Vec<u64>),
}

/// A compiled program. What the machine runs is a `Verified` one.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    /// Its types.
    pub types: TypeTable,
    /// Its functions.
    pub functions: Vec<Function>,
    /// The index of `main`: no parameters, no result.
    pub main: u32,
    /// Int and Float constants, as bits.
    pub words: Vec<u64>,
    /// Str and array constants.
    pub values: Vec<Value>,
    /// Where instructions came from.
    pub sites: Vec<Site>,
    /// What messages call the source.
    pub source_name: String,
    /// The source text, for messages.
    pub source: String,
}

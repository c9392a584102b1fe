//! A verified program made ready to run: all functions in one array of words, with what instructions refer to (callees,
//! constants, layouts of built-ins) at a distance from the instruction itself, so that the loop needs no tables.
//!
//! ```text
//!   prologue | instructions of function 0 | prologue | instructions of function 1 | … | words | values | sys layouts
//! ```
//!
//! Invariant: everything that a distance in the code leads to is inside the array, and what values and layouts point to
//! lives as long as the code.

use std::sync::OnceLock;

use super::back_off::BackOff;
use super::extern_call::{Extern, Place};
use super::host_call::SysLayout;
use super::layout::Layouts;
use super::linked::{Linked, Uses};
use super::memory::{HEADER_BYTES, buffer, data, free_immortal, immortal, slot};
use super::plan::Plan;
use crate::bytecode::effects::Effects;
use crate::bytecode::ops::{Field, HEADER, Instr, Op};
use crate::bytecode::program::{Constant, Function, Param, Passing, Program, Range, RegType, Value};
use crate::bytecode::types::{Type, TypeId, TypeTable};
use crate::bytecode::verify::Verified;

/// What stands before a function's first instruction.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Prologue {
    /// Index of the function.
    pub(super) index: u32,
    /// How many registers it has, without the window.
    pub(super) registers: u32,
    pub(super) owned_start: u16,
    pub(super) owned_end: u16,
    /// Registers of the result.
    pub(super) results: u16,
    /// Registers of the result and the parameters.
    pub(super) boundary: u16,
    /// Bytes from register 0 to the end of the window; with [`PREPARE`] added if a call has more to do than to link a frame.
    pub(super) extent: u64,
    /// The exposed address of what else the machine knows of it.
    info: u64,
}

impl Prologue {
    /// Bytes from register 0 to the end of the window.
    pub(super) fn bytes(&self) -> u64 {
        self.extent & !PREPARE
    }
}

/// In [`Prologue::extent`]: larger than any stack, so that one comparison asks for both.
pub(super) const PREPARE: u64 = 1 << 62;
const PROLOGUE_WORDS: usize = size_of::<Prologue>() / 8;

/// A parameter that is a view, for the check that views don't overlap.
#[derive(Clone, Copy, Debug)]
pub(super) struct ViewParam {
    /// Its first register.
    pub(super) at: u16,
    pub(super) is_grid: bool,
    /// Its elements may be written.
    pub(super) mutable: bool,
    /// The type of its elements.
    pub(super) element: TypeId,
    /// How many slots one takes.
    pub(super) stride: u32,
}

/// What the machine knows of a function besides its prologue.
#[derive(Debug)]
pub(super) struct FunctionInfo {
    /// Its first instruction, as an index into the words.
    pub(super) entry: usize,
    /// Registers that own: results, `inout` parameters, locals.
    pub(super) owned: Box<[u16]>,
    /// Those of them that are parameters.
    pub(super) owned_params: Box<[u16]>,
    /// Those of them that are null at entry.
    pub(super) nulls: Box<[u16]>,
    /// Its views, if one may be written and there are others it could overlap.
    pub(super) views: Box<[ViewParam]>,
    /// Registers, without the window and its header, and with them.
    pub(super) registers: usize,
    pub(super) slots: usize,
    /// Registers of the result, and with the parameters.
    pub(super) results: usize,
    pub(super) boundary: usize,
    /// What it is passed besides scalars.
    pub(super) passed: Box<[Passed]>,
    /// Registers that the caller takes back, and whether they own: results, then those of `inout` parameters.
    pub(super) returned: Box<[(u16, bool)]>,
    pub(super) effects: Effects,
    /// What it and all that it calls use besides buffers: roots, and whether they write them.
    pub(super) resources: Box<[(u64, bool)]>,
    /// What it is if it runs iterations of a loop.
    pub(super) range: Option<RangeInfo>,
    /// Its calls may run out of order.
    pub(super) is_task: bool,
    /// They may, or calls in it may.
    pub(super) issues: bool,
    /// It is done soon, and nothing but its result is left of it: no loops, no calls, nothing but scalars. It may trap.
    pub(super) is_brief: bool,
    pub(super) back_off: BackOff,
    plan: OnceLock<Plan>,
}

/// An argument that is not a scalar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Passed {
    /// A view from that register on.
    View { at: u16, is_grid: bool, mutable: bool },
    /// A buffer that the caller owns and the callee reads.
    Borrow(u16),
    /// A buffer that is moved in.
    Owner(u16),
}

/// A loop that may be split.
#[derive(Debug)]
pub(super) struct RangeInfo {
    /// The register of the iteration in progress.
    pub(super) index: u16,
    /// The instructions of the loop: first, past the last.
    pub(super) body: (u32, u32),
    /// Index of the function that calls it.
    pub(super) wrapper: u32,
    /// Views to be cut: the first register, whether it is a grid's, and how many elements or rows each iteration has.
    pub(super) parts: Box<[(u16, bool, u64)]>,
    /// The register by which that is to be multiplied.
    pub(super) step: Option<u16>,
}

impl RangeInfo {
    fn of(types: &TypeTable, function: &Function, range: &Range) -> RangeInfo {
        let mut at = 0;
        let mut parts = Vec::new();
        for (number, param) in function.params.iter().enumerate() {
            let per = number.checked_sub(2).map_or(0, |number| range.per[number]);
            if per > 0 {
                parts.push((at, matches!(types.get(param.ty), Type::Grid(_)), u64::from(per)));
            }
            at += param.registers(types).len() as u16;
        }
        RangeInfo {
            index: range.index,
            body: range.body,
            wrapper: range.wrapper,
            parts: parts.into(),
            step: range.step,
        }
    }
}

impl Passed {
    /// What is passed in a register, if that is not a scalar.
    pub(super) fn of(types: &TypeTable, at: u16, register: RegType) -> Option<Passed> {
        let is_grid = |ty: TypeId| matches!(types.get(ty), Type::Grid(_));
        match register {
            RegType::View(ty) => Some(Passed::View { at, is_grid: is_grid(ty), mutable: false }),
            RegType::ViewMut(ty) => Some(Passed::View { at, is_grid: is_grid(ty), mutable: true }),
            RegType::Borrow(_) => Some(Passed::Borrow(at)),
            RegType::Own(_) => Some(Passed::Owner(at)),
            RegType::Int | RegType::Float | RegType::Bool | RegType::Tail => None,
        }
    }
}

impl FunctionInfo {
    /// Whether the caller takes back an owner in that register.
    pub(super) fn gives_owner(&self, register: u16) -> bool {
        self.returned.contains(&(register, true))
    }
}

/// In the X of a prepared `mov.r`: it moves into the window, and drops nothing that stood there.
pub(super) const INTO_WINDOW: u8 = 1;

/// A program ready to run.
pub struct Code {
    program: Verified,
    pub(super) layouts: Layouts,
    words: Box<[u64]>,
    /// What prologues point to. Not a box, as below.
    pub(super) functions: Vec<FunctionInfo>,
    values: Box<[u64]>,
    /// What `host` instructions point to. Not a box, as below.
    linked: Linked,
    /// What `sys` instructions point to. Not a box: moving one claims all that it holds, and the pointers would be void.
    _sys: Vec<SysLayout>,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Code of {}", self.program.source_name)
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        for &value in &self.values {
            // SAFETY: `make_value` made it, and runs hold the code for as long as they last.
            unsafe { free_immortal(buffer(value)) };
        }
    }
}

impl Code {
    /// Prepares a program. If it calls functions of a host, these trap: see [`crate::embed::Module::link`].
    pub fn new(program: Verified) -> Code {
        Code::link(program, &mut |_| None)
    }

    /// Prepares a program that calls functions of a host: those that `find` gives. They fit those that they are given for.
    pub(crate) fn link(program: Verified, find: &mut dyn FnMut(&Function) -> Option<Extern>) -> Code {
        let linked = Linked::new(&program, find);
        let layouts = Layouts::new(&program.types);
        let values = make_values(&program, &layouts);
        let sys = SysTable::of(&program);
        let mut functions = Vec::with_capacity(program.functions.len());
        let issuing = issuing(&program);
        let mut end = 0;
        for ((function, uses), &issues) in program.functions.iter().zip(linked.uses(&program)).zip(&issuing) {
            functions.push(FunctionInfo::of(&program.types, function, end + PROLOGUE_WORDS, issues, uses));
            end += PROLOGUE_WORDS + function.code.len();
        }
        let mut words = Vec::with_capacity(end + program.words.len() + values.len() + sys.layouts.len());
        let mut writer = Writer {
            program: &program,
            functions: &functions,
            sys: &sys,
            linked: &linked,
            data: end,
            words: &mut words,
        };
        for index in 0..functions.len() {
            writer.function(index);
        }
        words.extend_from_slice(&program.words);
        words.extend_from_slice(&values);
        let layouts_of_sys = sys.layouts;
        words.extend(layouts_of_sys.iter().map(|layout| std::ptr::from_ref(layout).expose_provenance() as u64));
        words.extend(linked.externs().iter().map(|callee| std::ptr::from_ref(callee).expose_provenance() as u64));
        Code { layouts, words: words.into(), functions, values: values.into(), linked, _sys: layouts_of_sys, program }
    }

    /// The program it was made of.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The functions of a host that it calls and was not linked with, by index.
    pub(crate) fn missing(&self) -> &[u32] {
        self.linked.missing()
    }

    /// What a function and all that it calls do besides computing; [`Effects::HOST`] if they call what is irrevocable in the host.
    pub(crate) fn effects(&self, function: u32) -> Effects {
        self.functions[function as usize].effects
    }

    /// What of the host's a function and all that it calls use, and whether they write it.
    pub(crate) fn places(&self, function: u32) -> impl Iterator<Item = (&Place, bool)> {
        let resources = &self.functions[function as usize].resources;
        resources.iter().filter_map(|&(root, write)| Some((self.linked.place(root)?, write)))
    }

    /// What is shared with other submissions of what a function and all that it calls use, by number, and whether they write it; with a world
    /// files and standard input, too.
    pub(crate) fn shared(&self, function: u32, has_world: bool) -> impl Iterator<Item = (u64, bool)> {
        let resources = &self.functions[function as usize].resources;
        let numbered = move |&(root, write): &(u64, bool)| match self.linked.place(root) {
            Some(place) => Some((place.id, write)),
            None => has_world.then_some((root, write)),
        };
        resources.iter().filter_map(numbered)
    }

    /// The first instruction of function `index`.
    pub(super) fn entry(&self, index: u32) -> *const u64 {
        let entry = self.functions[index as usize].entry;
        // SAFETY: an entry is inside the words.
        unsafe { self.words.as_ptr().add(entry) }
    }

    /// What the machine knows of the function whose first instruction is at `entry`.
    ///
    /// # Safety
    /// `entry` is the entry of one of its functions.
    #[inline(always)]
    pub(super) unsafe fn callee(&self, entry: *const u64) -> &FunctionInfo {
        // SAFETY: the caller's; it lives as long as the code.
        unsafe { &*std::ptr::with_exposed_provenance((*prologue(entry)).info as usize) }
    }

    /// Whether a function has calls that may run out of order.
    pub(super) fn issues_calls(&self, function: u32) -> bool {
        self.functions[function as usize].issues
    }

    /// The plan of a function, made when it is first asked for.
    pub(super) fn plan(&self, function: u32) -> &Plan {
        let make = || Plan::new(&self.program, &self.program.functions[function as usize]);
        self.functions[function as usize].plan.get_or_init(make)
    }

    /// The place in the source of the instruction at `pc`, in a function whose first one is at `entry`.
    pub(super) fn site(&self, function: u32, entry: *const u64, pc: *const u64) -> u32 {
        let index = (pc.addr() - entry.addr()) / 8;
        self.program.functions[function as usize].sites[index]
    }
}

/// The prologue of the function whose first instruction is at `entry`.
///
/// # Safety
/// `entry` is the entry of a function of a live [`Code`].
#[inline(always)]
pub(super) unsafe fn prologue(entry: *const u64) -> *const Prologue {
    // SAFETY: a prologue stands before each entry.
    unsafe { entry.cast::<Prologue>().sub(1) }
}

impl FunctionInfo {
    fn of(types: &TypeTable, function: &Function, entry: usize, issues: bool, uses: Uses) -> FunctionInfo {
        let own = |range: std::ops::Range<usize>| -> Box<[u16]> {
            let owns = |at: &usize| matches!(function.registers[*at], RegType::Own(_));
            range.filter(owns).map(|at| at as u16).collect()
        };
        let results = usize::from(function.results);
        let (start, end) = (usize::from(function.owned_start), usize::from(function.owned_end));
        let (mut views, mut passed) = (Vec::new(), Vec::new());
        let mut returned: Vec<u16> = (0..results as u16).collect();
        let mut at = results;
        for &param in &function.params {
            views.extend(view_param(types, param, at));
            let registers = param.registers(types);
            if param.passing == Passing::Inout {
                returned.extend((at..at + registers.len()).map(|at| at as u16));
            }
            passed.extend((at as u16..).zip(&registers).filter_map(|(at, &register)| Passed::of(types, at, register)));
            at += registers.len();
        }
        FunctionInfo {
            entry,
            owned: own(0..function.registers.len()),
            owned_params: own(results..at),
            nulls: own(0..results).iter().copied().chain(start as u16..end as u16).collect(),
            views: only_if_they_may_meet(views),
            registers: function.registers.len(),
            slots: function.registers.len() + HEADER + usize::from(function.window),
            results,
            boundary: at,
            passed: passed.into(),
            returned: returned
                .into_iter()
                .map(|at| (at, matches!(function.registers[usize::from(at)], RegType::Own(_))))
                .collect(),
            effects: uses.effects,
            resources: uses.resources.into(),
            range: function.range.as_ref().map(|range| RangeInfo::of(types, function, range)),
            is_task: function.is_task,
            issues,
            is_brief: is_brief(function),
            back_off: BackOff::default(),
            plan: OnceLock::new(),
        }
    }
}

/// See [`FunctionInfo::is_brief`].
fn is_brief(function: &Function) -> bool {
    let is_scalar = |register: &RegType| matches!(register, RegType::Int | RegType::Float | RegType::Bool);
    let is_soon_done = |instr: &Instr| {
        let op = instr.op().expect("the verifier has seen it");
        let goes_on = |field| instr.signed(field) >= 0;
        !matches!(op, Op::Call | Op::Sys | Op::Host) && op.info().jump.is_none_or(goes_on)
    };
    let gives_its_result_alone = function.params.iter().all(|param| param.passing == Passing::In);
    function.range.is_none()
        && gives_its_result_alone
        && function.registers.iter().all(is_scalar)
        && function.code.iter().all(is_soon_done)
}

/// Which functions are tasks or call some, however deep.
fn issuing(program: &Program) -> Vec<bool> {
    let mut issues: Vec<bool> = program.functions.iter().map(|f| f.is_task).collect();
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); issues.len()];
    for (caller, function) in program.functions.iter().enumerate() {
        for instr in function.code.iter().filter(|i| i.op() == Some(Op::Call)) {
            callers[instr.get(Field::I) as usize].push(caller);
        }
    }
    let mut found: Vec<usize> = (0..issues.len()).filter(|&i| issues[i]).collect();
    while let Some(callee) = found.pop() {
        for &caller in &callers[callee] {
            if !std::mem::replace(&mut issues[caller], true) {
                found.push(caller);
            }
        }
    }
    issues
}

/// What the check of overlaps has to know of a parameter, if it is a view.
pub(super) fn view_param(types: &TypeTable, param: Param, at: usize) -> Option<ViewParam> {
    let mutable = match param.passing {
        Passing::View => false,
        Passing::InoutView => true,
        Passing::In | Passing::Inout => return None,
    };
    let element = types.element(param.ty)?;
    let is_grid = matches!(types.get(param.ty), Type::Grid(_));
    Some(ViewParam { at: at as u16, is_grid, mutable, element, stride: types.slots(element) as u32 })
}

/// Nothing, unless two views have one element type and one of them may be written.
pub(super) fn only_if_they_may_meet(views: Vec<ViewParam>) -> Box<[ViewParam]> {
    let meet = |i: usize| views[..i].iter().any(|v| v.element == views[i].element && (v.mutable || views[i].mutable));
    if (0..views.len()).any(meet) { views.into() } else { Box::new([]) }
}

/// The layouts of the built-ins that a program calls, each once.
struct SysTable {
    layouts: Vec<SysLayout>,
    index: std::collections::HashMap<(u16, u16), usize>,
}

impl SysTable {
    fn of(program: &Program) -> SysTable {
        let mut table = SysTable { layouts: Vec::new(), index: Default::default() };
        for instr in program.functions.iter().flat_map(|f| &f.code).filter(|i| i.op() == Some(Op::Sys)) {
            let key = (instr.get(Field::B) as u16, instr.get(Field::C) as u16);
            table.index.entry(key).or_insert_with(|| {
                let layout = SysLayout::new(&program.types, key.0, TypeId(u32::from(key.1)));
                table.layouts.push(layout.expect("the verifier has found its types"));
                table.layouts.len() - 1
            });
        }
        table
    }
}

/// Writes functions into the words.
struct Writer<'a> {
    program: &'a Program,
    functions: &'a [FunctionInfo],
    sys: &'a SysTable,
    linked: &'a Linked,
    /// Where the words after the functions begin.
    data: usize,
    words: &'a mut Vec<u64>,
}

impl Writer<'_> {
    fn function(&mut self, index: usize) {
        let function = &self.program.functions[index];
        let info = &self.functions[index];
        let boundary: usize = function.params.iter().map(|p| p.registers(&self.program.types).len()).sum::<usize>()
            + usize::from(function.results);
        let extent = 8 * (function.registers.len() + HEADER + usize::from(function.window)) as u64;
        let prepare = info.range.is_some() || !info.nulls.is_empty() || !info.views.is_empty();
        let prologue = Prologue {
            index: index as u32,
            registers: function.registers.len() as u32,
            owned_start: function.owned_start,
            owned_end: function.owned_end,
            results: function.results,
            boundary: boundary as u16,
            extent: extent | if prepare { PREPARE } else { 0 },
            info: std::ptr::from_ref(info).expose_provenance() as u64,
        };
        // SAFETY: the struct has no padding, and any bits are words.
        self.words.extend_from_slice(&unsafe { std::mem::transmute::<Prologue, [u64; PROLOGUE_WORDS]>(prologue) });
        for at in 0..function.code.len() {
            let word = self.instruction(index, at);
            self.words.push(word.0.to_le());
        }
    }

    /// The instruction as the loop wants it.
    fn instruction(&self, of: usize, index: usize) -> Instr {
        let function = &self.program.functions[of];
        let instr = function.code[index];
        let Some(op) = instr.op() else { unreachable!("the verifier has looked") };
        let number = || instr.get(Field::I) as usize;
        let (words, values) = (self.program.words.len(), self.program.values.len());
        let target = match op {
            Op::Call => self.functions[number()].entry,
            Op::LoadWordI | Op::LoadWordF => self.data + number(),
            Op::LoadValue => self.data + words + number(),
            Op::Sys => {
                let key = (instr.get(Field::B) as u16, instr.get(Field::C) as u16);
                self.data + words + values + self.sys.index[&key]
            }
            Op::Host => self.data + words + values + self.sys.layouts.len() + self.linked.number(of),
            Op::MoveRef if instr.get(Field::A) as usize >= function.registers.len() => {
                return Instr(instr.0 & !0xff00 | u64::from(INTO_WINDOW) << 8);
            }
            Op::MoveRef => return Instr(instr.0 & !0xff00),
            _ => return instr,
        };
        let distance = target as i64 - self.words.len() as i64;
        let distance = i32::try_from(distance).expect("a program has fewer than 2^31 instructions");
        Instr(instr.0 & 0xffff_ffff | u64::from(distance as u32) << 32)
    }
}

fn make_values(program: &Program, layouts: &Layouts) -> Vec<u64> {
    let mut values: Vec<u64> = Vec::with_capacity(program.values.len());
    for value in &program.values {
        let made = make_value(program, layouts, value, &values);
        values.push(made);
    }
    values
}

/// The buffer of a constant, whose elements are among `earlier`.
fn make_value(program: &Program, layouts: &Layouts, value: &Value, earlier: &[u64]) -> u64 {
    let layout = layouts.get(value.ty);
    match &value.data {
        Constant::Str(text) => {
            let made = immortal(layout, text.len() as u64, text.len() as u64);
            // SAFETY: it has room for the text.
            unsafe { data(made).cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len()) };
            slot(made)
        }
        Constant::Array(slots) => {
            let leaves = program.types.leaves(program.types.element(value.ty).expect("an array"));
            let made = immortal(layout, slots.len() as u64, (slots.len() / leaves.len().max(1)) as u64);
            for (at, (&word, &leaf)) in slots.iter().zip(leaves.iter().cycle()).enumerate() {
                let word = if program.types.is_ref(leaf) { earlier[word as usize] } else { word };
                // SAFETY: it has room for the slots.
                unsafe { *data(made).add(at) = word };
            }
            slot(made)
        }
    }
}

const _: () = assert!(HEADER_BYTES == 48 && size_of::<Prologue>() == 32);

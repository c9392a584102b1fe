//! The instructions of a function, one by one in the order of the code: each operand is what the table asks, immediates
//! are in range, jumps land, the window is used as it must be. What is read and written is noted as [`Events`] for the
//! data flow.

use super::Fault;
use super::flow::{Events, Flow};
use super::signature::Signature;
use super::types::is_value;
use super::window::{Held, Window};
use crate::bytecode::access::describe;
use crate::bytecode::ops::{Field, HEADER, Instr, Kind, Op, Operand, Role};
use crate::bytecode::program::{Function, Program, RegType};
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::{Type, TypeId};
use rustc_hash::FxHashMap;

/// Functions longer than this are refused, so that an event's label and a clock's time fit.
const MAX_CODE: usize = 1 << 26;
/// No label.
const NONE: u32 = u32::MAX;

type Result<T = ()> = std::result::Result<T, String>;

/// Checks functions, one after the other.
pub struct Checker<'p> {
    program: &'p Program,
    signatures: &'p [Signature],
    /// Of the built-ins that were called, at each type.
    builtins: FxHashMap<(u16, u16), Signature>,
    function: &'p Function,
    /// How many registers the function has.
    count: usize,
    /// The first window register's number.
    base: usize,
    /// Registers of parameters that are read only: they are never written.
    read_only: Vec<bool>,
    window: Window,
    events: Events,
    flow: Flow,
    /// For each instruction, its label if it is a jump's target.
    labels: Vec<u32>,
}

/// What the operands of the instruction at hand have told so far.
#[derive(Default)]
struct Step {
    /// What `Discrete` and `Scalar` operands are.
    scalar: Option<RegType>,
    /// The type of `Own` and `Held` operands.
    held: Option<TypeId>,
    /// The array or grid whose elements are touched.
    container: Option<TypeId>,
    /// Operands that own or borrow buffers: first register, how many, whether it is moved or modified.
    buffers: [(usize, usize, bool); 4],
    buffer_count: usize,
}

impl Step {
    fn buffer(&mut self, first: usize, count: usize, role: Role) {
        self.buffers[self.buffer_count] = (first, count, matches!(role, Role::Modify | Role::Take));
        self.buffer_count += 1;
    }

    /// What is moved or modified is no other operand.
    fn check_apart(&self) -> Result {
        for (i, &(a, a_count, a_changes)) in self.buffers[..self.buffer_count].iter().enumerate() {
            for &(b, b_count, b_changes) in &self.buffers[..i] {
                if (a_changes || b_changes) && a < b + b_count && b < a + a_count {
                    return Err(format!("r{} is moved or modified and is another operand too", a.max(b)));
                }
            }
        }
        Ok(())
    }
}

/// The register type for a slot of an element, owned.
fn owned(leaf: TypeId) -> RegType {
    match leaf {
        TypeId::INT => RegType::Int,
        TypeId::FLOAT => RegType::Float,
        TypeId::BOOL => RegType::Bool,
        _ => RegType::Own(leaf),
    }
}

fn is_scalar(register: RegType) -> bool {
    matches!(register, RegType::Int | RegType::Float | RegType::Bool)
}

/// Whether the instruction neither traps nor allocates nor polls, so that it may stand where the window holds owned values.
pub fn is_quiet(op: Op, x: u32) -> bool {
    use Op::*;
    match op {
        LoadInt | LoadBool | LoadWordI | LoadWordF | Move | MoveRef | Share | Drop | Borrow => true,
        // Neither for a part, nor to write.
        View | GridView => x & 6 == 0,
        AddW | SubW | MulW | And | Or | Xor | Not | AndImm | ShlImm | ShrImm => true,
        DivImm | RemImm | DivPow | RemPow | MinI | MaxI | LtI | LeI | EqI | NeI | NotB => true,
        AddF | SubF | MulF | DivF | RemF | NegF | AbsF | MinF | MaxF | Sqrt | Floor | Ceil | LtF | LeF | EqF | NeF => {
            true
        }
        IntToFloat | BoolToInt | Len | Dim | LenV | DimV => true,
        _ => false,
    }
}

impl<'p> Checker<'p> {
    /// A checker for the functions of `program`, whose signatures are proved.
    pub fn new(program: &'p Program, signatures: &'p [Signature]) -> Checker<'p> {
        Checker {
            program,
            signatures,
            builtins: FxHashMap::default(),
            function: &program.functions[0],
            count: 0,
            base: 0,
            read_only: Vec::new(),
            window: Window::default(),
            events: Events::default(),
            flow: Flow::default(),
            labels: Vec::new(),
        }
    }

    /// Checks function `index`.
    pub fn function(&mut self, index: usize) -> std::result::Result<(), Fault> {
        let function = &self.program.functions[index];
        self.function = function;
        self.count = function.registers.len();
        self.base = self.count + HEADER;
        self.window.start(self.count, usize::from(function.window));
        if function.code.is_empty() || function.code.len() > MAX_CODE {
            return Err(Fault::from(format!("it has {} instructions", function.code.len())));
        }
        if function.sites.len() != function.code.len() {
            return Err(Fault::from(format!("it has {} sites for its instructions", function.sites.len())));
        }
        let signature = &self.signatures[index];
        let fixed = signature.registers.len();
        self.read_only.clear();
        self.read_only.resize(self.count, false);
        self.read_only[signature.results..fixed].fill(true);
        let returned = signature.returned.iter().map(|&(register, _)| usize::from(register));
        returned.clone().for_each(|register| self.read_only[register] = false);
        let labels = self.find_labels()?;
        self.events.start(labels);
        for (index, &instr) in function.code.iter().enumerate() {
            self.step(index, instr).map_err(|what| Fault::at(index, what))?;
        }
        let last = function.code.len() - 1;
        match function.code[last].op() {
            Some(Op::Jump | Op::Return | Op::ReturnValue | Op::ReturnDrop | Op::Host | Op::Trap) => {}
            _ => return Err(Fault::at(last, "the function goes on past its last instruction".into())),
        }
        self.flow
            .check(&self.events, self.count, signature.results..fixed, returned)
            .map_err(|(index, what)| Fault::at(index, what))
    }

    /// Checks opcodes and where jumps go, and numbers the targets in their order; how many there are.
    fn find_labels(&mut self) -> std::result::Result<usize, Fault> {
        let code = &self.function.code;
        self.labels.clear();
        self.labels.resize(code.len(), NONE);
        for (index, &instr) in code.iter().enumerate() {
            let op = match instr.op() {
                None => return Err(Fault::at(index, "there is no such instruction".into())),
                Some(Op::Complete | Op::Bridge) => {
                    return Err(Fault::at(index, "this instruction is the machine's own".into()));
                }
                Some(op) => op,
            };
            if let Some(field) = op.info().jump {
                let target = index as i64 + 1 + instr.signed(field);
                match usize::try_from(target).ok().and_then(|target| self.labels.get_mut(target)) {
                    Some(label) => *label = 0,
                    None => return Err(Fault::at(index, format!("it jumps to {target}, out of the function"))),
                }
            }
        }
        let mut count = 0;
        for label in self.labels.iter_mut().filter(|label| **label != NONE) {
            *label = count;
            count += 1;
        }
        Ok(count as usize)
    }

    fn step(&mut self, index: usize, instr: Instr) -> Result {
        if self.function.sites[index] as usize >= self.program.sites.len() {
            return Err(format!("there is no site {}", self.function.sites[index]));
        }
        let label = self.labels[index];
        if label != NONE {
            self.window.clear()?;
            self.events.label(label);
        }
        self.events.instruction();
        let op = instr.op().expect("`find_labels` looked");
        if self.window.owned() > 0 && !matches!(op, Op::Call | Op::Sys) && !is_quiet(op, instr.get(Field::X)) {
            return Err("it may trap or stop while the window holds an owned value".into());
        }
        match op {
            Op::Borrow => return self.borrow(instr),
            Op::View | Op::GridView | Op::RowView => return self.view(op, instr),
            Op::Drop => return self.drop_value(instr),
            Op::Call | Op::Sys => return self.call(op, instr),
            Op::Host => return self.host(),
            _ => {}
        }
        let info = op.info();
        let mut step = Step::default();
        for operand in info.operands {
            if operand.role == Role::Def {
                continue;
            }
            if operand.kind == Kind::None {
                self.number(op, instr, operand, &mut step)?;
            } else {
                self.used(op, instr, operand, &mut step)?;
            }
        }
        for operand in info.operands.iter().filter(|operand| operand.role == Role::Def) {
            self.defined(op, instr, operand, &mut step)?;
        }
        if step.buffer_count > 1 {
            step.check_apart()?;
        }
        match op {
            Op::Return | Op::ReturnValue | Op::ReturnDrop => self.returns(op, instr),
            Op::Trap => {
                self.events.end();
                self.window.clear()
            }
            _ => self.jumps(index, op, instr),
        }
    }

    fn jumps(&mut self, index: usize, op: Op, instr: Instr) -> Result {
        let Some(field) = op.info().jump else { return Ok(()) };
        let target = (index as i64 + 1 + instr.signed(field)) as usize;
        self.events.jump(self.labels[target]);
        if op == Op::Jump {
            self.events.end();
        }
        self.window.clear()
    }

    fn returns(&mut self, op: Op, instr: Instr) -> Result {
        let owned_locals = self.function.owned_start < self.function.owned_end;
        if owned_locals != (op == Op::ReturnDrop) {
            return Err(if owned_locals { "it leaves owned locals behind" } else { "there are no owned locals" }.into());
        }
        if op == Op::ReturnValue {
            let value = self.held(instr.get(Field::A) as usize)?;
            if self.function.results != 1 || self.function.registers[0] != value {
                return Err(format!("the function's result is no {}", self.describe(value)));
            }
            self.events.define(0);
        }
        self.events.returns();
        self.window.clear()
    }

    /// The function is one of the host, which sees its parameters and sets its results: there is nothing else to it.
    fn host(&mut self) -> Result {
        let results = usize::from(self.function.results);
        if self.function.code.len() != 1 {
            return Err("it is not the only instruction of its function".into());
        }
        if usize::from(self.function.owned_start) != self.count || self.function.window != 0 {
            return Err("a function of the host has no locals, and calls nothing".into());
        }
        (0..results).for_each(|register| self.events.define(register as u16));
        self.events.returns();
        Ok(())
    }

    // Registers

    fn describe(&self, register: RegType) -> String {
        describe(&self.program.types, register)
    }

    fn name(&self, register: usize) -> String {
        match register.checked_sub(self.base) {
            Some(window) => format!("w{window}"),
            None => format!("r{register}"),
        }
    }

    /// What a register holds: a local always, one of the window now.
    fn held(&self, register: usize) -> Result<RegType> {
        if register < self.count {
            return Ok(self.function.registers[register]);
        }
        let Some(at) = register.checked_sub(self.base) else { return Err(format!("there is no register {register}")) };
        Ok(match self.window.get(at)? {
            Held::Scalar(scalar) => scalar,
            Held::Own(ty) => RegType::Own(ty),
            Held::Borrow(ty, ..) => RegType::Borrow(ty),
            Held::View(view) if view.mutable => RegType::ViewMut(view.ty),
            Held::View(view) => RegType::View(view.ty),
            Held::Tail(_) => RegType::Tail,
        })
    }

    fn mismatch<T>(&self, register: usize, held: RegType, wanted: &str) -> Result<T> {
        Err(format!("{} is {}, not {wanted}", self.name(register), self.describe(held)))
    }

    fn read(&mut self, first: usize, count: usize) {
        if first < self.count {
            self.events.read(first as u16, count);
        }
    }

    /// The local register is about to be written.
    fn check_writable(&self, register: usize) -> Result {
        if self.read_only[register] {
            return Err(format!("r{register} belongs to a parameter that is only read"));
        }
        Ok(())
    }

    /// `count` scalars side by side.
    fn scalars(&mut self, first: usize, count: usize, wanted: RegType) -> Result {
        for register in first..first + count {
            let held = self.held(register)?;
            if held != wanted {
                return self.mismatch(register, held, &self.describe(wanted));
            }
        }
        self.read(first, count);
        Ok(())
    }

    fn used(&mut self, op: Op, instr: Instr, operand: &Operand, step: &mut Step) -> Result {
        let register = instr.get(operand.field) as usize;
        if operand.role == Role::Modify {
            if register >= self.count {
                return Err(format!("{} can't be modified", self.name(register)));
            }
            let width = if operand.kind == Kind::Int2 { 2 } else { 1 };
            (register..(register + width).min(self.count)).try_for_each(|r| self.check_writable(r))?;
        }
        match operand.kind {
            Kind::Int => self.scalars(register, 1, RegType::Int),
            Kind::Float => self.scalars(register, 1, RegType::Float),
            Kind::Bool => self.scalars(register, 1, RegType::Bool),
            Kind::Int2 => self.scalars(register, 2, RegType::Int),
            Kind::Int3 => self.scalars(register, 3, RegType::Int),
            Kind::Int4 => self.scalars(register, 4, RegType::Int),
            Kind::Discrete | Kind::Scalar => {
                let held = self.held(register)?;
                if !is_scalar(held) || operand.kind == Kind::Discrete && held == RegType::Float {
                    let wanted = if operand.kind == Kind::Scalar { "a scalar" } else { "an Int or a Bool" };
                    return self.mismatch(register, held, wanted);
                }
                if step.scalar.is_some_and(|scalar| scalar != held) {
                    return self.mismatch(register, held, "of the other operand's type");
                }
                step.scalar = Some(held);
                self.read(register, 1);
                Ok(())
            }
            Kind::Element | Kind::ElementRef => {
                let wanted = self.element(op, instr, operand.kind, step)?;
                let held = self.held(register)?;
                if held != wanted {
                    return self.mismatch(register, held, &self.describe(wanted));
                }
                if is_scalar(wanted) {
                    self.read(register, 1);
                    return Ok(());
                }
                step.buffer(register, 1, operand.role);
                self.take(register)
            }
            Kind::ElementAll => self.element_all(register, operand.role, step),
            _ => self.used_buffer(op, register, operand, step),
        }
    }

    /// An operand that is a Str, array, grid or a view of one.
    fn used_buffer(&mut self, op: Op, register: usize, operand: &Operand, step: &mut Step) -> Result {
        use RegType::{Borrow, Own, View, ViewMut};
        let held = self.held(register)?;
        let (Own(ty) | Borrow(ty) | View(ty) | ViewMut(ty)) = held else {
            return self.mismatch(register, held, "a Str, array, grid or view");
        };
        let shape = self.program.types.get(ty);
        let (array, grid) = (matches!(shape, Type::Array(_)), matches!(shape, Type::Grid(_)));
        let (own, view) = (matches!(held, Own(_)), matches!(held, View(_) | ViewMut(_)));
        let (fits, wanted, is_container) = match operand.kind {
            Kind::Own => (own, "an owned value", false),
            Kind::OwnArray => (own && array, "an owned array", true),
            Kind::OwnGrid => (own && grid, "an owned grid", true),
            Kind::OwnElements => (own && (array || grid), "an owned array or grid", true),
            Kind::Held => (!view, "an owned or borrowed value", false),
            Kind::HeldStr => (!view && ty == TypeId::STR, "an owned or borrowed Str", false),
            Kind::HeldElements => (!view && (array || grid), "an owned or borrowed array or grid", true),
            Kind::HeldGrid => (!view && grid, "an owned or borrowed grid", true),
            Kind::View => (view && array, "a view of an array", true),
            Kind::ViewMut => (held == ViewMut(ty) && array, "a view of an array to write through", true),
            Kind::GridView => (view && grid, "a view of a grid", true),
            Kind::GridViewMut => (held == ViewMut(ty) && grid, "a view of a grid to write through", true),
            Kind::AnyView => (view, "a view", false),
            kind => unreachable!("{kind:?} is no operand of `{}` that is read", op.info().name),
        };
        if !fits {
            return self.mismatch(register, held, wanted);
        }
        if op == Op::Cat && grid {
            return self.mismatch(register, held, "a Str or array");
        }
        if is_container {
            step.container = Some(ty);
        } else if step.held.is_some_and(|other| other != ty) {
            return self.mismatch(register, held, "of the other operand's type");
        } else {
            step.held = Some(ty);
        }
        step.buffer(register, 1, operand.role);
        if operand.role == Role::Take {
            return self.take(register);
        }
        self.read(register, 1);
        match (op, self.window_source(register)) {
            // Another owner for what a view in the window shows.
            (Op::Own, Some(source)) if own_register(self.function.registers[usize::from(source)]) => {
                self.window.shared(source);
            }
            (Op::Share, None) if own && register < self.count => self.window.shared(register as u16),
            _ if operand.role == Role::Modify => self.window.wrote(register as u16),
            _ => {}
        }
        Ok(())
    }

    /// The register that a view in the window shows.
    fn window_source(&self, register: usize) -> Option<u16> {
        match self.window.get(register.checked_sub(self.base)?) {
            Ok(Held::View(view)) => Some(view.source),
            _ => None,
        }
    }

    /// Moves the owned value of a register out.
    fn take(&mut self, register: usize) -> Result {
        match register.checked_sub(self.base) {
            Some(at) => self.window.take(at),
            None => {
                self.check_writable(register)?;
                self.events.read(register as u16, 1);
                self.events.kill(register as u16);
                self.window.wrote(register as u16);
            }
        }
        Ok(())
    }

    /// The slot of an element that the instruction touches, as a register holds it.
    fn element(&self, op: Op, instr: Instr, kind: Kind, step: &Step) -> Result<RegType> {
        let types = &self.program.types;
        let container = step.container.expect("in the table, the container comes first");
        let leaves = types.leaves(types.element(container).expect("only arrays and grids are containers"));
        let has_slot = op.info().operands.iter().any(|operand| operand.field == Field::X);
        let leaf = match op {
            Op::Fold | Op::FoldEnd => {
                let wanted = if instr.get(Field::X) == 2 { TypeId::INT } else { TypeId::FLOAT };
                if leaves != [wanted] {
                    return Err(format!("the tree can't be in {}", types.name(container)));
                }
                wanted
            }
            _ if has_slot => {
                let slot = instr.get(Field::X) as usize;
                let Some(&leaf) = leaves.get(slot) else {
                    return Err(format!("the elements of {} have no slot {slot}", types.name(container)));
                };
                leaf
            }
            _ => match *leaves {
                [leaf] => leaf,
                _ => return Err(format!("the elements of {} have several slots", types.name(container))),
            },
        };
        let wanted = owned(leaf);
        if is_scalar(wanted) != (kind == Kind::Element) {
            return Err(format!("the slot of {} is of type {}", types.name(container), types.name(leaf)));
        }
        Ok(wanted)
    }

    /// All slots of an element, side by side.
    fn element_all(&mut self, first: usize, role: Role, step: &mut Step) -> Result {
        let types = &self.program.types;
        let container = step.container.expect("in the table, the container comes first");
        let leaves = types.leaves(types.element(container).expect("only arrays and grids are containers"));
        step.buffer(first, leaves.len(), role);
        for (register, &leaf) in (first..).zip(leaves) {
            let held = self.held(register)?;
            let wanted = owned(leaf);
            let borrowed = role == Role::Use && held == RegType::Borrow(leaf);
            if held != wanted && !borrowed {
                return self.mismatch(register, held, &self.describe(wanted));
            }
            match (role, wanted) {
                (Role::Take, RegType::Own(_)) => self.take(register)?,
                _ => self.read(register, 1),
            }
            if role == Role::Use && register < self.count && own_register(held) {
                self.window.shared(register as u16);
            }
        }
        Ok(())
    }

    // What is written

    fn defined(&mut self, op: Op, instr: Instr, operand: &Operand, step: &mut Step) -> Result {
        let register = instr.get(operand.field) as usize;
        let types = &self.program.types;
        let held = |step: &Step| step.held.map(RegType::Own).expect("another operand tells the type");
        let value = match operand.kind {
            Kind::Int => RegType::Int,
            Kind::Float => RegType::Float,
            Kind::Bool => RegType::Bool,
            Kind::Scalar => step.scalar.expect("another operand tells the type"),
            Kind::Element | Kind::ElementRef => self.element(op, instr, operand.kind, step)?,
            Kind::Own if op == Op::SliceStr => RegType::Own(TypeId::STR),
            Kind::Own | Kind::OwnArray | Kind::OwnGrid => held(step),
            kind => unreachable!("{kind:?} is no operand of `{}` that is written", op.info().name),
        };
        debug_assert!(!matches!(value, RegType::Own(ty) if !types.is_ref(ty)));
        if let Some(at) = register.checked_sub(self.base) {
            return match value {
                // Only this one drops nothing that stood there.
                RegType::Own(ty) if op == Op::MoveRef => {
                    step.buffer(register, 1, Role::Def);
                    self.window.put(at, Held::Own(ty))
                }
                RegType::Own(_) => Err(format!("w{at} can't be written by it: only `mov.r` puts owned values there")),
                scalar => self.window.put(at, Held::Scalar(scalar)),
            };
        }
        let local = self.held(register)?;
        if local != value {
            return self.mismatch(register, local, &self.describe(value));
        }
        self.check_writable(register)?;
        if own_register(value) {
            step.buffer(register, 1, Role::Def);
            self.window.wrote(register as u16);
        }
        self.events.define(register as u16);
        Ok(())
    }

    /// `drop` takes any state: what was moved out is null.
    fn drop_value(&mut self, instr: Instr) -> Result {
        let register = instr.get(Field::A) as usize;
        let held = self.held(register)?;
        if !own_register(held) {
            return self.mismatch(register, held, "an owned value");
        }
        match register.checked_sub(self.base) {
            Some(at) => self.window.take(at),
            None => {
                self.check_writable(register)?;
                self.events.kill(register as u16);
                self.window.wrote(register as u16);
            }
        }
        Ok(())
    }

    // Numbers

    fn number(&self, op: Op, instr: Instr, operand: &Operand, step: &mut Step) -> Result {
        let number = instr.get(operand.field);
        let signed = instr.signed(operand.field);
        let sound = match operand.role {
            Role::Immediate => match op {
                Op::LoadBool => matches!(signed, 0 | 1),
                Op::DivImm | Op::RemImm => !matches!(signed, 0 | -1),
                Op::DivPow | Op::RemPow => (1..=62).contains(&signed),
                Op::ShlImm | Op::ShrImm => (0..=63).contains(&signed),
                Op::Compare => number <= 4,
                Op::Dim | Op::NewZeros | Op::Decide => number <= 1,
                Op::DimV | Op::Fold | Op::FoldEnd => number <= 2,
                Op::Trap => TrapCode::from_number(number as u8).is_some(),
                // An Int, or a slot: that is looked at with the element.
                _ => true,
            },
            Role::Word => (number as usize) < self.program.words.len(),
            Role::Value => {
                let value = self.program.values.get(number as usize);
                step.held = value.map(|value| value.ty);
                value.is_some()
            }
            Role::Type => {
                let ty = TypeId(number);
                let types = &self.program.types;
                step.held = Some(ty);
                is_value(types, ty)
                    && match types.get(ty) {
                        Type::Array(_) => matches!(op, Op::NewArray | Op::NewZeros),
                        Type::Grid(_) => op == Op::NewGrid,
                        _ => false,
                    }
            }
            // `find_labels` looked; functions and built-ins are those of calls.
            _ => true,
        };
        if sound { Ok(()) } else { Err(format!("{signed} is not allowed as its number")) }
    }

    // The window

    /// The window register that the instruction stages.
    fn staged(&self, instr: Instr) -> Result<usize> {
        let register = instr.get(Field::A) as usize;
        register.checked_sub(self.base).ok_or_else(|| format!("r{register} is not in the window"))
    }

    fn borrow(&mut self, instr: Instr) -> Result {
        let at = self.staged(instr)?;
        let register = instr.get(Field::B) as usize;
        match self.held(register)? {
            _ if register >= self.count => Err(format!("{} can't be borrowed", self.name(register))),
            RegType::Own(ty) | RegType::Borrow(ty) => {
                self.read(register, 1);
                self.window.put_borrow(at, ty, register as u16)
            }
            held => self.mismatch(register, held, "an owned or borrowed value"),
        }
    }

    fn view(&mut self, op: Op, instr: Instr) -> Result {
        let at = self.staged(instr)?;
        let register = instr.get(Field::B) as usize;
        let flags = instr.get(Field::X);
        let (of_view, mutable, part) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
        let allowed = if op == Op::GridView { 15 } else { 7 };
        if flags > allowed || (op == Op::RowView || flags & 8 != 0) && !part {
            return Err(format!("{flags} is not allowed as its flags"));
        }
        let held = self.held(register)?;
        let ty = match held {
            _ if register >= self.count => return Err(format!("{} can't be viewed", self.name(register))),
            RegType::View(ty) if of_view && !mutable => ty,
            RegType::ViewMut(ty) if of_view => ty,
            RegType::Own(ty) if !of_view => ty,
            RegType::Borrow(ty) if !of_view && !mutable => ty,
            _ => {
                let wanted = match (of_view, mutable) {
                    (true, true) => "a view to write through",
                    (true, false) => "a view",
                    (false, true) => "an owned array or grid",
                    (false, false) => "an owned or borrowed array or grid",
                };
                return self.mismatch(register, held, wanted);
            }
        };
        let types = &self.program.types;
        let shown = match (op, types.get(ty)) {
            (Op::View, Type::Array(_)) | (Op::GridView, Type::Grid(_)) => Some(ty),
            (Op::RowView, Type::Grid(element)) => types.find(&Type::Array(*element)),
            _ => None,
        };
        let Some(shown) = shown else { return self.mismatch(register, held, "what it can show") };
        self.read(register, 1);
        if part {
            let bounds = instr.get(Field::C) as usize;
            let count = match op {
                Op::View => 2,
                Op::RowView => 3,
                _ => 4,
            };
            self.scalars(bounds, count, RegType::Int)?;
        }
        let width = if op == Op::GridView { 5 } else { 3 };
        self.window.put_view(at, shown, mutable, width, register as u16, mutable && !of_view)
    }

    fn call(&mut self, op: Op, instr: Instr) -> Result {
        let at = instr.get(Field::A) as usize;
        if at != self.base {
            return Err(format!("the window begins at {}, not {at}", self.base));
        }
        if op == Op::Call {
            let number = instr.get(Field::I);
            let signatures = self.signatures;
            let Some(callee) = signatures.get(number as usize) else {
                return Err(format!("there is no function {number}"));
            };
            return self.window.call(callee);
        }
        let key = (instr.get(Field::B) as u16, instr.get(Field::C) as u16);
        let callee = match self.builtins.entry(key) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                let ty = TypeId(u32::from(key.1));
                new.insert(Signature::of_builtin(&self.program.types, usize::from(key.0), ty)?)
            }
        };
        self.window.call(callee)
    }
}

fn own_register(register: RegType) -> bool {
    matches!(register, RegType::Own(_))
}

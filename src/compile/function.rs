//! A function while it is compiled: where its variables live, its temporaries, the constants of its loops.
//!
//! Temporaries are a stack: whoever evaluates something takes a [`Gen::mark`] and gives what came after it back with
//! [`Gen::release`], which also drops owned values that nobody has moved on. A variable's registers are given back at
//! the end of its block. What stands in the window lasts only until the next call or jump.

use super::emit::{Emitter, Finished, Label, Preheader, Reg, TooManyRegisters};
use super::fixed_registers;
use super::pool::{Pool, Slot};
use super::range::Narrow;
use super::uses::{self, Memo};
use crate::bytecode::ops::Op;
use crate::bytecode::program::{Param, Passing, RegType};
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::{Type, TypeId, TypeTable};
use crate::check::typed::*;
use crate::syntax::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};
use std::rc::Rc;

/// The registers of a value's slots.
pub type Slots = SmallVec<[Reg; 4]>;

/// Where a variable lives.
#[derive(Clone, Debug)]
pub enum Binding {
    /// Each slot in a register.
    Slots(Slots),
    /// A view of an array or grid, from that register on.
    View(Reg),
}

/// What is compiled, and what is known of all functions.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    pub typed: &'a Typed,
    pub types: &'a TypeTable,
    /// How the parameters of each function are passed.
    pub params: &'a [Vec<Param>],
    /// What stands for a call, for those functions that are compiled in place.
    pub inlinable: &'a [Option<ExprId>],
}

/// A temporary on the stack.
struct Temp {
    reg: Reg,
    count: usize,
    /// Holds a value that must be dropped when it is given back.
    live: bool,
}

/// A loop that is being compiled.
pub struct Loop {
    pub on_break: Label,
    pub on_continue: Label,
    /// How many scopes there are outside its body.
    pub scopes: usize,
}

/// The constants of the outermost loop, loaded before it.
struct Hoisted {
    preheader: Preheader,
    words: FxHashMap<(RegType, u64), Reg>,
}

/// A function that is being compiled.
pub struct Gen<'a, 'p> {
    pub shared: Shared<'a>,
    pub typed: &'a Typed,
    pub types: &'a TypeTable,
    pub pool: &'p mut Pool,
    pub memo: &'p mut Memo<'a>,
    pub out: Emitter,
    /// The function whose expressions are compiled: the one at hand, or one inlined into it.
    pub current: usize,
    /// For instructions of an inlined function: it, and the site of the call.
    inlined: Option<(u32, u32)>,
    pub bindings: Vec<Option<Binding>>,
    scopes: Vec<Vec<LocalId>>,
    temps: Vec<Temp>,
    pub loops: Vec<Loop>,
    hoisted: Option<Hoisted>,
    last_uses: Rc<FxHashSet<ExprId>>,
    /// Values of the lower part of a long chain.
    pub ready: FxHashMap<ExprId, Slots>,
    /// In a function that runs iterations of a loop: the variables of which each iteration has only its own part.
    pub narrow: FxHashMap<LocalId, Narrow>,
}

/// Compiles function `index`; also gives the number of its result registers.
pub fn compile<'a>(
    shared: Shared<'a>,
    pool: &mut Pool,
    memo: &mut Memo<'a>,
    index: usize,
) -> Result<(Finished, u16), TooManyRegisters> {
    let function = &shared.typed.functions[index];
    let last_uses = Rc::new(uses::last_uses(shared.typed, function).into_iter().collect());
    let params = &shared.params[index];
    let mut generator = Gen::new(shared, pool, memo, index, last_uses, function.result, params);
    let results = shared.types.slots(function.result);
    let mut next = results;
    for (local, param) in params.iter().enumerate() {
        generator.bindings[local] = Some(param_binding(shared.types, *param, &mut next));
    }
    generator.at(function.head);
    generator.block(&function.body);
    generator.at(function.head);
    if function.is_extern {
        generator.out.emit(Op::Host, []);
    } else if !function.body.diverges {
        generator.out.emit(Op::Return, []);
    } else if generator.out.end_is_open() {
        // After a call that never returns.
        generator.out.emit(Op::Trap, [TrapCode::Panic as i64]);
    }
    Ok((generator.out.finish()?, results as u16))
}

/// Where a parameter lives that begins at register `next`, which is moved on past it.
pub fn param_binding(types: &TypeTable, param: Param, next: &mut usize) -> Binding {
    let first = *next;
    *next += param.registers(types).len();
    match param.passing {
        Passing::View | Passing::InoutView => Binding::View(Reg::fixed(first)),
        _ => Binding::Slots((first..*next).map(Reg::fixed).collect()),
    }
}

impl<'a, 'p> Gen<'a, 'p> {
    /// A function with that result and those parameters, whose locals are those of function `index` and nowhere yet.
    pub fn new(
        shared: Shared<'a>,
        pool: &'p mut Pool,
        memo: &'p mut Memo<'a>,
        index: usize,
        last_uses: Rc<FxHashSet<ExprId>>,
        result: TypeId,
        params: &[Param],
    ) -> Gen<'a, 'p> {
        Gen {
            shared,
            typed: shared.typed,
            types: shared.types,
            pool,
            memo,
            out: Emitter::new(fixed_registers(shared.types, result, params)),
            current: index,
            inlined: None,
            bindings: vec![None; shared.typed.functions[index].locals.len()],
            scopes: Vec::new(),
            temps: Vec::new(),
            loops: Vec::new(),
            hoisted: None,
            last_uses,
            ready: FxHashMap::default(),
            narrow: FxHashMap::default(),
        }
    }

    /// A function for a part of this one, with those parameters.
    pub fn part_of_this(&mut self, params: &[Param]) -> Gen<'a, '_> {
        Gen::new(self.shared, self.pool, self.memo, self.current, self.last_uses.clone(), TypeId::UNIT, params)
    }
}

impl<'a> Gen<'a, '_> {
    /// Says what the next instructions are for.
    pub fn at(&mut self, span: Span) {
        self.out.site = self.pool.site(span, self.inlined);
    }

    /// The type of an expression.
    pub fn ty(&self, e: ExprId) -> TypeId {
        self.typed[e].ty
    }

    /// Whether values of the type are one Int, Float or Bool.
    pub fn is_scalar(&self, ty: TypeId) -> bool {
        matches!(ty, TypeId::INT | TypeId::FLOAT | TypeId::BOOL)
    }

    /// An array or a grid.
    pub fn is_elements(&self, ty: TypeId) -> bool {
        matches!(self.types.get(ty), Type::Array(_) | Type::Grid(_))
    }

    /// A grid.
    pub fn is_grid(&self, ty: TypeId) -> bool {
        matches!(self.types.get(ty), Type::Grid(_))
    }

    /// What a register for a slot of that type holds.
    pub fn slot_type(&self, leaf: TypeId) -> RegType {
        match leaf {
            TypeId::INT => RegType::Int,
            TypeId::FLOAT => RegType::Float,
            TypeId::BOOL => RegType::Bool,
            _ => RegType::Own(leaf),
        }
    }

    // Temporaries

    /// The height of the stack of temporaries.
    pub fn mark(&self) -> usize {
        self.temps.len()
    }

    /// Gives back every temporary since `mark`; values that nobody took are dropped.
    pub fn release(&mut self, mark: usize) {
        while self.temps.len() > mark {
            let temp = self.temps.pop().expect("there is one");
            if temp.live {
                self.out.emit(Op::Drop, [temp.reg.arg()]);
            }
            self.out.give_group(temp.reg, temp.count);
        }
    }

    /// Gives back every temporary since `mark` after a `return`, which has dropped what they held.
    pub fn release_silently(&mut self, mark: usize) {
        while self.temps.len() > mark {
            let temp = self.temps.pop().expect("there is one");
            self.out.give_group(temp.reg, temp.count);
        }
    }

    /// Gives back the temporaries of a value that has been used, from below others that still are.
    pub fn release_below(&mut self, slots: &Slots) {
        for &reg in slots {
            if let Some(at) = self.temps.iter().rposition(|temp| temp.reg == reg) {
                let temp = self.temps.remove(at);
                if temp.live {
                    self.out.emit(Op::Drop, [temp.reg.arg()]);
                }
                self.out.give_group(temp.reg, temp.count);
            }
        }
    }

    /// A temporary for one scalar.
    pub fn temp(&mut self, ty: RegType) -> Reg {
        let reg = self.out.take(ty);
        self.temps.push(Temp { reg, count: 1, live: false });
        reg
    }

    /// A temporary that will hold an owned value; [`Gen::now_live`] once it does.
    pub fn temp_own(&mut self, ty: TypeId) -> Reg {
        self.temp(RegType::Own(ty))
    }

    /// Temporary Ints side by side.
    pub fn temp_ints(&mut self, count: usize) -> Reg {
        let reg = self.out.take_group(&[RegType::Int; 4][..count]);
        self.temps.push(Temp { reg, count, live: false });
        reg
    }

    /// Temporaries for a value of type `ty`; side by side if all its slots are scalars.
    pub fn temp_slots(&mut self, ty: TypeId) -> Slots {
        let (slots, group) = self.take_slots(ty);
        if group {
            self.temps.push(Temp { reg: slots[0], count: slots.len(), live: false });
        } else {
            self.temps.extend(slots.iter().map(|&reg| Temp { reg, count: 1, live: false }));
        }
        slots
    }

    /// The temporary now holds a value. Without effect on a variable's register, or a scalar's.
    pub fn now_live(&mut self, reg: Reg) {
        if matches!(self.out.type_of(reg), Some(RegType::Own(_))) {
            self.set_live(reg, true);
        }
    }

    /// The owned temporary's value has been moved out.
    pub fn moved(&mut self, reg: Reg) {
        self.set_live(reg, false);
    }

    /// Whether the register is a temporary that holds a value of its own.
    pub fn is_live_temp(&self, reg: Reg) -> bool {
        self.temps.iter().rev().any(|temp| temp.reg == reg && temp.live)
    }

    fn set_live(&mut self, reg: Reg, live: bool) {
        if let Some(temp) = self.temps.iter_mut().rev().find(|temp| temp.reg == reg) {
            temp.live = live;
        }
    }

    fn take_slots(&mut self, ty: TypeId) -> (Slots, bool) {
        let types: SmallVec<[RegType; 8]> = self.types.leaves(ty).iter().map(|&leaf| self.slot_type(leaf)).collect();
        let scalars = types.len() > 1 && types.iter().all(|ty| !matches!(ty, RegType::Own(_)));
        if scalars {
            let first = self.out.take_group(&types);
            ((0..types.len()).map(|i| first.plus(i)).collect(), true)
        } else {
            (types.iter().map(|&ty| self.out.take(ty)).collect(), false)
        }
    }

    // Variables

    /// Opens a block.
    pub fn open_scope(&mut self) {
        self.scopes.push(Vec::new());
    }

    /// Closes a block whose end is reached (or not, then nothing is emitted).
    pub fn close_scope(&mut self, reached: bool) {
        if reached {
            self.drop_scopes(self.scopes.len() - 1);
        }
        for local in self.scopes.pop().expect("one is open") {
            let Some(Binding::Slots(slots)) = self.bindings[local.0 as usize].take() else { continue };
            let group = slots.len() > 1
                && self.out.type_of(slots[0]).is_some_and(|ty| !matches!(ty, RegType::Own(_)))
                && slots.iter().all(|&reg| !matches!(self.out.type_of(reg), Some(RegType::Own(_))));
            if group {
                self.out.give_group(slots[0], slots.len());
            } else {
                slots.iter().for_each(|&reg| self.out.give(reg));
            }
        }
    }

    /// Drops the owned variables of the scopes from `from` on, for a jump out of them.
    pub fn drop_scopes(&mut self, from: usize) {
        let mut owned: SmallVec<[Reg; 8]> = smallvec![];
        for scope in &self.scopes[from..] {
            for local in scope {
                if let Some(Binding::Slots(slots)) = &self.bindings[local.0 as usize] {
                    owned.extend(
                        slots.iter().copied().filter(|&r| matches!(self.out.type_of(r), Some(RegType::Own(_)))),
                    );
                }
            }
        }
        for reg in owned {
            self.out.emit(Op::Drop, [reg.arg()]);
        }
    }

    /// How many scopes are open.
    pub fn scope_count(&self) -> usize {
        self.scopes.len()
    }

    /// New registers for a variable of the innermost block. It can be named from [`Gen::bind`] on.
    pub fn declare(&mut self, ty: TypeId) -> Slots {
        self.take_slots(ty).0
    }

    /// Makes a variable live in these registers.
    pub fn bind(&mut self, local: LocalId, slots: Slots) {
        self.bindings[local.0 as usize] = Some(Binding::Slots(slots));
        self.scopes.last_mut().expect("a block is open").push(local);
    }

    /// Where a variable lives.
    pub fn binding(&self, local: LocalId) -> Binding {
        self.bindings[local.0 as usize].clone().expect("the checker resolved the name to a local in scope")
    }

    /// Whether this use of a variable is its last, so that its value may be moved out.
    pub fn is_last_use(&self, e: ExprId) -> bool {
        self.inlined.is_none() && self.last_uses.contains(&e)
    }

    /// Compiles `value` as the body of function `index`, inlined at the current site.
    pub fn inlined<T>(&mut self, index: usize, bindings: Vec<Binding>, f: impl FnOnce(&mut Self) -> T) -> T {
        let call = self.out.site;
        let outer_bindings = std::mem::replace(&mut self.bindings, bindings.into_iter().map(Some).collect());
        let outer = (self.current, self.inlined);
        (self.current, self.inlined) = (index, Some((index as u32, call)));
        let result = f(self);
        (self.current, self.inlined) = outer;
        self.bindings = outer_bindings;
        self.out.site = call;
        result
    }

    /// Whether what is compiled is the body of an inlined function.
    pub fn is_inlined(&self) -> bool {
        self.inlined.is_some()
    }

    /// Whether function `index` is being compiled in place already (or is the one at hand).
    pub fn is_current(&self, index: usize) -> bool {
        self.current == index
    }

    // Constants

    /// Begins an outermost loop, before which the constants of its body are loaded; `true` if it is one.
    pub fn enter_loop(&mut self) -> bool {
        if self.hoisted.is_some() {
            return false;
        }
        let preheader = self.out.preheader();
        self.hoisted = Some(Hoisted { preheader, words: FxHashMap::default() });
        true
    }

    /// Ends the loop that [`Gen::enter_loop`] began.
    pub fn leave_loop(&mut self, outermost: bool) {
        if !outermost {
            return;
        }
        let hoisted = self.hoisted.take().expect("it was entered");
        let mut regs: Vec<(RegType, Reg)> = hoisted.words.into_iter().map(|((ty, _), reg)| (ty, reg)).collect();
        regs.sort_by_key(|&(_, reg)| reg.arg());
        for (ty, reg) in regs {
            if matches!(ty, RegType::Own(_)) {
                self.out.emit(Op::Drop, [reg.arg()]);
            }
            self.out.give(reg);
        }
    }

    /// A register that holds the constant; not to be written.
    pub fn constant(&mut self, ty: RegType, bits: u64) -> Reg {
        let Some(hoisted) = &self.hoisted else {
            let reg = self.temp(ty);
            self.load_constant(reg, ty, bits);
            if matches!(ty, RegType::Own(_)) {
                self.now_live(reg);
            }
            return reg;
        };
        if let Some(&reg) = hoisted.words.get(&(ty, bits)) {
            return reg;
        }
        // Never used before: what is loaded ahead of the loop must not be overwritten by an earlier turn of it.
        let reg = self.out.fresh(ty);
        let preheader = hoisted.preheader;
        let (op, args) = self.constant_load(reg, ty, bits);
        self.out.emit_before(preheader, op, args);
        self.hoisted.as_mut().expect("looked at above").words.insert((ty, bits), reg);
        reg
    }

    /// Loads a constant into a register.
    pub fn load_constant(&mut self, reg: Reg, ty: RegType, bits: u64) {
        let (op, args) = self.constant_load(reg, ty, bits);
        self.out.emit(op, args);
    }

    fn constant_load(&mut self, reg: Reg, ty: RegType, bits: u64) -> (Op, [i64; 2]) {
        match ty {
            RegType::Int => match i32::try_from(bits as i64) {
                Ok(small) => (Op::LoadInt, [reg.arg(), i64::from(small)]),
                Err(_) => (Op::LoadWordI, [reg.arg(), i64::from(self.pool.word(bits))]),
            },
            RegType::Float => (Op::LoadWordF, [reg.arg(), i64::from(self.pool.word(bits))]),
            RegType::Bool => (Op::LoadBool, [reg.arg(), bits as i64]),
            _ => (Op::LoadValue, [reg.arg(), bits as i64]),
        }
    }

    /// A register that holds a Str constant; not to be written.
    pub fn text_constant(&mut self, text: &str) -> Reg {
        let index = self.pool.text(text);
        self.constant(RegType::Own(TypeId::STR), u64::from(index))
    }

    /// Loads a slot of a constant of the program.
    pub fn load_slot(&mut self, reg: Reg, leaf: TypeId, slot: Slot) {
        let bits = match slot {
            Slot::Word(bits) => bits,
            Slot::Value(index) => u64::from(index),
        };
        let ty = self.slot_type(leaf);
        self.load_constant(reg, ty, bits);
        if matches!(ty, RegType::Own(_)) {
            self.now_live(reg);
        }
    }
}

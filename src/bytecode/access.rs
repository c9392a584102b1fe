//! What an instruction reads and writes: registers, and regions of arrays and grids; derived from the instruction table,
//! and for calls from the callee's parameters. The disassembler prints it; the verifier takes the effects from here.
//!
//! A program that was not verified may be given: what refers to nothing is left out.

use super::builtins::BUILTINS;
use super::effects::Effects;
use super::ops::{Field, Op};
use super::program::{Program, RegType};
use super::types::TypeTable;

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
    format!("{prefix} {}", types.name(ty))
}

/// The effects of each function: those of the built-ins that it and all that it calls call.
pub fn effects(program: &Program) -> Vec<Effects> {
    let count = program.functions.len();
    let mut effects = vec![Effects::NONE; count];
    let mut callers: Vec<Vec<u32>> = vec![Vec::new(); count];
    for (index, function) in program.functions.iter().enumerate() {
        for &instr in &function.code {
            match instr.op() {
                Some(Op::Sys) => {
                    if let Some(builtin) = BUILTINS.get(instr.get(Field::B) as usize) {
                        effects[index] = effects[index].with(builtin.effects);
                    }
                }
                Some(Op::Call) => {
                    if let Some(callers) = callers.get_mut(instr.get(Field::I) as usize)
                        && callers.last() != Some(&(index as u32))
                    {
                        callers.push(index as u32);
                    }
                }
                _ => {}
            }
        }
    }
    // Each function's set grows at most once for every effect there is.
    let mut changed: Vec<usize> = (0..count).filter(|&index| effects[index] != Effects::NONE).collect();
    while let Some(callee) = changed.pop() {
        for &caller in &callers[callee] {
            let caller = caller as usize;
            if !effects[caller].has(effects[callee]) {
                effects[caller] = effects[caller].with(effects[callee]);
                changed.push(caller);
            }
        }
    }
    effects
}

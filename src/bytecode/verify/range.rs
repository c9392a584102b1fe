//! Functions that run iterations of a loop, and parts of functions. That iterations are independent nobody can prove here:
//! so files don't say it ([`super::super::file`]), and only the compiler's word is taken. What is proved is all that the
//! machine needs to find the iteration in progress, to lower the bound, and to cut the views.

use crate::bytecode::ops::{Field, Op};
use crate::bytecode::program::{Passing, Program, RegType};
use crate::bytecode::types::TypeId;

/// Checks what function number `number`, whose instructions are verified, says of itself.
///
/// # Errors
/// What is wrong.
pub fn check(program: &Program, number: usize) -> Result<(), String> {
    let function = &program.functions[number];
    if let Some(whole) = function.part_of {
        let Some(whole) = program.functions.get(whole as usize) else {
            return Err(format!("there is no function {whole} that it could be a part of"));
        };
        if whole.part_of.is_some() {
            return Err("it is a part of a part".into());
        }
    }
    let Some(range) = &function.range else { return Ok(()) };
    let bound = |number: usize| {
        let param = function.params.get(number);
        param.is_some_and(|param| param.passing == Passing::In && param.ty == TypeId::INT)
    };
    if function.result != TypeId::UNIT || !bound(0) || !bound(1) {
        return Err("it can't run iterations: its parameters don't begin with two bounds, or it has a result".into());
    }
    let views = &function.params[2..];
    if range.per.len() != views.len() {
        return Err(format!("it has {} parameters after the bounds, but parts of {}", views.len(), range.per.len()));
    }
    for (number, (param, &per)) in views.iter().zip(&range.per).enumerate() {
        let sound = match param.passing {
            Passing::InoutView => per > 0,
            Passing::In | Passing::View => per == 0,
            Passing::Inout => false,
        };
        if !sound {
            return Err(format!("parameter {} can't be cut so that an iteration has {per} of it", number + 2));
        }
    }
    let index = usize::from(range.index);
    if index < usize::from(function.owned_end) || function.registers.get(index) != Some(&RegType::Int) {
        return Err(format!("r{index} can't hold the iteration in progress"));
    }
    let (first, past) = (range.body.0 as usize, range.body.1 as usize);
    if first >= past || past > function.code.len() {
        return Err(format!("{first} to {past} is no loop of its instructions"));
    }
    let counts = |at: usize| {
        let instr = function.code[at];
        instr.op() == Some(Op::For)
            && instr.get(Field::A) as usize == index
            && instr.get(Field::B) == 1
            && (first..past).contains(&(at + 1).wrapping_add_signed(instr.get(Field::C) as i16 as isize))
    };
    if !(first..past).any(counts) {
        return Err(format!("no `for` counts r{index} up to its second parameter"));
    }
    let Some(wrapper) = program.functions.get(range.wrapper as usize) else {
        return Err(format!("there is no function {} to call it", range.wrapper));
    };
    if wrapper.range.is_some() || (&wrapper.params, wrapper.result) != (&function.params, function.result) {
        return Err(format!("`{}` can't be called for it", wrapper.name));
    }
    // Only then are its effects those that its callers see. It may call itself, to cut the range into pieces.
    let calls = wrapper.code.iter().filter(|instr| instr.op() == Some(Op::Call)).map(|instr| instr.get(Field::I));
    let (calls_it, others): (Vec<u32>, Vec<u32>) = calls.partition(|&called| called as usize == number);
    let others = others.iter().any(|&called| called != range.wrapper);
    if calls_it.is_empty() || others || wrapper.effects != function.effects {
        return Err(format!("`{}` does not call it, or does something else", wrapper.name));
    }
    Ok(())
}

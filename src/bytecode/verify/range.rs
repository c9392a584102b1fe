//! Functions that run iterations of a loop, and parts of functions. That iterations are independent nobody can prove here:
//! so files don't say it ([`super::super::file`]), and only the compiler's word is taken. What is proved is all that the
//! machine needs to find the iteration in progress, to lower the bound, and to cut the views. Nor is proved here that the
//! iterations write all of an array that was not zeroed for them, only that a call for them follows.

use super::Fault;
use super::operands::is_quiet;
use crate::bytecode::ops::{Field, Instr, Op};
use crate::bytecode::program::{Function, Passing, Program, RegType};
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
    if let Some(step) = range.step.map(usize::from) {
        let mut registers = views.iter().flat_map(|param| param.registers(&program.types));
        if step.checked_sub(2).and_then(|at| registers.nth(at)) != Some(RegType::Int) {
            return Err(format!("r{step} can't hold the step"));
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

/// Checks that only what runs iterations, in its loop, decides for those that follow, and that nobody but its wrapper calls it.
pub fn check_decided(program: &Program, number: usize) -> Result<(), Fault> {
    let function = &program.functions[number];
    for (at, &instr) in function.code.iter().enumerate() {
        match instr.op() {
            Some(Op::Decide) if instr.get(Field::X) != 0 => {
                let range = function.range.as_ref();
                let Some(range) = range.filter(|r| (r.body.0 as usize..r.body.1 as usize).contains(&at)) else {
                    return Err(Fault::at(at, "it is in no loop of a range".into()));
                };
                let wrapper = &program.functions[range.wrapper as usize].code;
                if wrapper.iter().filter(|instr| instr.op() == Some(Op::Call)).count() != 1 {
                    return Err(Fault::at(at, "what calls it goes on with it after a decision".into()));
                }
            }
            Some(Op::Call) => {
                let called =
                    program.functions.get(instr.get(Field::I) as usize).and_then(|called| called.range.as_ref());
                if called.is_some_and(|range| range.wrapper as usize != number) {
                    return Err(Fault::at(at, "a range is called by its wrapper only".into()));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks what function number `number`, whose instructions are verified, makes without zeroing it.
pub fn check_unwritten(program: &Program, number: usize) -> Result<(), Fault> {
    let function = &program.functions[number];
    for (at, &instr) in function.code.iter().enumerate() {
        if instr.op() == Some(Op::NewZeros) && instr.get(Field::X) != 0 && !is_written(program, function, at, instr) {
            return Err(Fault::at(at, "no call of a range that writes all elements follows".into()));
        }
    }
    Ok(())
}

fn is_written(program: &Program, function: &Function, at: usize, new: Instr) -> bool {
    let types = &program.types;
    let element = types.element(TypeId(new.get(Field::C)));
    let scalar = |&leaf: &TypeId| matches!(leaf, TypeId::INT | TypeId::FLOAT | TypeId::BOOL);
    let mut is_passed = false;
    for &instr in &function.code[at + 1..] {
        match instr.op() {
            Some(Op::View) if instr.get(Field::X) & 3 == 2 && instr.get(Field::B) == new.get(Field::A) => {
                is_passed = instr.get(Field::X) & 4 == 0;
            }
            Some(Op::View | Op::GridView | Op::RowView) => {}
            Some(Op::Call) => {
                return is_passed
                    && element.is_some_and(|element| types.leaves(element).iter().all(scalar))
                    && runs_range(program, instr.get(Field::I));
            }
            Some(op) if is_quiet(op, instr.get(Field::X)) => {}
            _ => return false,
        }
    }
    false
}

/// Whether a function is what calls for a range go to.
fn runs_range(program: &Program, wrapper: u32) -> bool {
    // They may not have been looked at yet.
    let function = |number: u32| program.functions.get(number as usize);
    let call = function(wrapper).and_then(|it| it.code.iter().find(|instr| instr.op() == Some(Op::Call)));
    let called = call.and_then(|call| function(call.get(Field::I)));
    called.and_then(|called| called.range.as_ref()).is_some_and(|range| range.wrapper == wrapper)
}

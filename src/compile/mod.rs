//! Typed tree to bytecode.
//!
//! `compile` takes a checked program and returns the [`Program`] that the verifier takes. It is one pass over each
//! function, with a small look ahead ([`uses`]): which use of a variable is its last, which calls are small enough to be
//! compiled in place. Files: [`emit`] (registers, labels, assembly), [`function`] (a function's variables,
//! temporaries and constants), `expr`, `cond`, `call`, `place`, `assign`, `loops`, `reduce`, `stmt` (the parts of the language).

mod assign;
mod call;
pub mod codes;
mod cond;
mod emit;
mod expr;
mod function;
mod loops;
mod place;
mod pool;
mod range;
mod reduce;
mod stmt;
mod uses;

use crate::bytecode::access;
use crate::bytecode::program::RegType;
use crate::bytecode::program::{self, Passing, Program, slot_registers};
use crate::bytecode::types::{Type, TypeTable};
use crate::check::typed::{LocalKind, Typed};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Source;

/// Compiles a checked program. The one thing that can go wrong is a function with more values at a time than an
/// instruction can name.
pub fn compile(typed: &Typed, source: &Source) -> Result<Program, Vec<Diagnostic>> {
    let mut types = typed.types.clone();
    let mut pool = pool::Pool::new(&mut types, typed);
    pool.ranges.first = typed.functions.len() as u32;
    let params: Vec<Vec<program::Param>> = typed.functions.iter().map(|f| params_of(f, &types)).collect();
    let inlinable = uses::inlinable(typed);
    let mut memo = uses::Memo::new(typed);
    let mut functions = Vec::with_capacity(typed.functions.len());
    let mut errors = Vec::new();
    for (index, function) in typed.functions.iter().enumerate() {
        let shared = function::Shared { typed, types: &types, params: &params, inlinable: &inlinable };
        match function::compile(shared, &mut pool, &mut memo, index) {
            Ok((finished, results)) => functions.push(program::Function {
                name: function.name.clone(),
                is_task: function.is_task,
                params: params[index].clone(),
                result: function.result,
                registers: finished.registers,
                results,
                owned_start: finished.owned.start,
                owned_end: finished.owned.end,
                window: finished.window,
                effects: function.effects,
                code: finished.code,
                sites: finished.sites,
                part_of: None,
                range: None,
            }),
            Err(emit::TooManyRegisters) => errors.push(
                Diagnostic::new(
                    "E0510",
                    function.head,
                    format!("`{}` has too many values alive at a time", function.name),
                    "this function is too large",
                )
                .help("split it into smaller functions, or keep the values in an array"),
            ),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let (words, values, sites, ranges) = pool.finish();
    functions.extend(ranges);
    let mut program = Program {
        types,
        functions,
        main: typed.main.0,
        words,
        values,
        sites,
        source_name: source.name.clone(),
        source: source.text.clone(),
    };
    // Not those that the checker inferred: it looks at calls that are folded away, too.
    let effects = access::effects(&program);
    for (function, effects) in program.functions.iter_mut().zip(effects) {
        function.effects = effects;
    }
    Ok(program)
}

fn params_of(function: &crate::check::typed::Function, types: &TypeTable) -> Vec<program::Param> {
    let passing = |ty, kind| {
        let elements = matches!(types.get(ty), Type::Array(_) | Type::Grid(_));
        match kind {
            LocalKind::Inout { resizes: false } if elements => Passing::InoutView,
            LocalKind::Inout { .. } => Passing::Inout,
            _ if elements => Passing::View,
            _ => Passing::In,
        }
    };
    function.locals[..function.params]
        .iter()
        .map(|local| program::Param { ty: local.ty, passing: passing(local.ty, local.kind) })
        .collect()
}

/// The registers of a function's results and parameters.
fn fixed_registers(
    types: &TypeTable,
    result: crate::bytecode::types::TypeId,
    params: &[program::Param],
) -> Vec<RegType> {
    let mut registers = slot_registers(types, result, RegType::Own).into_vec();
    for param in params {
        registers.extend(param.registers(types));
    }
    registers
}

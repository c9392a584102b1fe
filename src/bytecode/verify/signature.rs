//! What a call needs and gives: the registers that stand for results and parameters in the callee's frame, for
//! functions and for built-ins at a given type. Called by the verifier and by the access sets.

use super::types::is_value;
use crate::bytecode::builtins::{BUILTINS, Lowering, Mode, Pattern};
use crate::bytecode::ops::{HEADER, MAX_REGISTERS};
use crate::bytecode::program::{Function, Param, Passing, Program, RegType, slot_registers};
use crate::bytecode::types::{Type, TypeId, TypeTable};

/// The fixed registers of a callee.
#[derive(Debug)]
pub struct Signature {
    /// Results, then parameters.
    pub registers: Vec<RegType>,
    /// How many are results.
    pub results: usize,
    /// Those that the caller takes back: results, then those of `inout` parameters.
    pub returned: Vec<(u16, RegType)>,
}

impl Signature {
    /// Lays the registers out; they may not be more than `limit`.
    fn new(types: &TypeTable, result: TypeId, params: &[Param], limit: usize) -> Result<Signature, String> {
        if result != TypeId::UNIT && !is_value(types, result) {
            return Err(format!("its result can't be of type {}", result.0));
        }
        let mut registers = slot_registers(types, result, RegType::Own).into_vec();
        let results = registers.len();
        let mut returned: Vec<(u16, RegType)> = (0..).zip(registers.iter().copied()).collect();
        for (number, param) in params.iter().enumerate() {
            if !is_value(types, param.ty) {
                return Err(format!("parameter {number} can't be of type {}", param.ty.0));
            }
            let elements = matches!(types.get(param.ty), Type::Array(_) | Type::Grid(_));
            let legal = match param.passing {
                Passing::In => !elements,
                Passing::View | Passing::InoutView => elements,
                Passing::Inout => true,
            };
            if !legal {
                return Err(format!("parameter {number}, {}, can't be passed so", types.name(param.ty)));
            }
            let first = registers.len();
            registers.extend(param.registers(types));
            if registers.len() > limit {
                return Err("more registers for results and parameters than there are".into());
            }
            if param.passing == Passing::Inout {
                returned.extend((first as u16..).zip(registers[first..].iter().copied()));
            }
        }
        Ok(Signature { registers, results, returned })
    }

    /// The signature of a function, whose registers are proved to lie as they must.
    pub fn of_function(program: &Program, function: &Function) -> Result<Signature, String> {
        let types = &program.types;
        let count = function.registers.len();
        if count + HEADER + usize::from(function.window) >= MAX_REGISTERS {
            return Err("it has too many registers".into());
        }
        if function.result.0 as usize >= types.len() {
            return Err(format!("there is no type {}", function.result.0));
        }
        let signature = Signature::new(types, function.result, &function.params, count)?;
        let fixed = signature.registers.len();
        if usize::from(function.results) != signature.results {
            return Err(format!("its result takes {} registers, not {}", signature.results, function.results));
        }
        if fixed > count || function.registers[..fixed] != signature.registers {
            return Err("its first registers are not those of its result and parameters".into());
        }
        let (start, end) = (usize::from(function.owned_start), usize::from(function.owned_end));
        if start != fixed || end < start || end > count {
            return Err(format!("{start} to {end} is no place for its owned locals"));
        }
        for (number, register) in function.registers.iter().enumerate().skip(fixed) {
            let sound = match *register {
                RegType::Own(ty) => number < end && is_value(types, ty) && types.is_ref(ty),
                RegType::Int | RegType::Float | RegType::Bool => number >= end,
                RegType::Borrow(_) | RegType::View(_) | RegType::ViewMut(_) | RegType::Tail => false,
            };
            if !sound {
                return Err(format!("r{number} can't be a local of its type there"));
            }
        }
        Ok(signature)
    }

    /// The signature of a built-in whose `T` or `N` is `ty`.
    pub fn of_builtin(types: &TypeTable, builtin: usize, ty: TypeId) -> Result<Signature, String> {
        let Some(info) = BUILTINS.get(builtin) else { return Err(format!("there is no built-in {builtin}")) };
        if info.lowering == Lowering::Inline {
            return Err(format!("`{}` is not a function of the host", info.name));
        }
        if ty.0 as usize >= types.len() {
            return Err(format!("there is no type {}", ty.0));
        }
        let find = |pattern| {
            instance(types, pattern, ty)
                .ok_or_else(|| format!("`{}` can't be called with {}", info.name, types.name(ty)))
        };
        let result = find(info.result)?;
        let mut params = Vec::with_capacity(info.params.len());
        for &(_, mode, pattern) in info.params {
            let ty = find(pattern)?;
            let elements = matches!(types.get(ty), Type::Array(_) | Type::Grid(_));
            let passing = match mode {
                Mode::In if elements => Passing::View,
                Mode::In => Passing::In,
                Mode::Inout => Passing::Inout,
                Mode::InoutView => Passing::InoutView,
            };
            params.push(Param { ty, passing });
        }
        Signature::new(types, result, &params, MAX_REGISTERS)
    }
}

/// The type that a pattern stands for, if the program has it.
fn instance(types: &TypeTable, pattern: Pattern, ty: TypeId) -> Option<TypeId> {
    let value = is_value(types, ty).then_some(ty);
    match pattern {
        // A built-in that does not return has no result.
        Pattern::Unit | Pattern::Never => Some(TypeId::UNIT),
        Pattern::Int => Some(TypeId::INT),
        Pattern::Float => Some(TypeId::FLOAT),
        Pattern::Bool => Some(TypeId::BOOL),
        Pattern::Str => Some(TypeId::STR),
        Pattern::T => value,
        Pattern::N => value.filter(|&ty| ty == TypeId::INT || ty == TypeId::FLOAT),
        Pattern::Ints => types.find(&Type::Array(TypeId::INT)),
        Pattern::Strs => types.find(&Type::Array(TypeId::STR)),
        Pattern::ArrayT => types.find(&Type::Array(value?)),
        Pattern::GridT => types.find(&Type::Grid(value?)),
        Pattern::GridInt => types.find(&Type::Grid(TypeId::INT)),
        Pattern::Rng => {
            let index = types.structs.iter().position(|s| s.name == "Rng")?;
            let sound = types.structs[index].fields == [("seed".into(), TypeId::INT)];
            types.find(&Type::Struct(index as u32)).filter(|_| sound)
        }
    }
}

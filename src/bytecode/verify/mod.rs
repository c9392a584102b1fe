//! The safety boundary: whatever the bytes of a program say, only a [`Verified`] one reaches the machine, and the
//! machine trusts what is proved here.
//!
//! - [`types`](self::types): the type table is well-formed, layouts are those of the fields.
//! - [`signature`](self::signature): registers lie as `bytecode::ops` says, what a call expects in the window.
//! - [`operands`](self::operands): each instruction's operands are what the table asks; jumps land; immediates fit.
//! - [`window`](self::window): what the window holds, and that views and borrows in it still point to what they did.
//! - [`range`](self::range): functions that run iterations of a loop are of the form that the machine relies on.
//! - [`flow`](self::flow): registers are initialised, and not moved out, on every path to where they are read.
//!
//! Effects are recomputed, and must be equal. A program that passes may be wrong; it can't be unsafe.
//!
//! What the machine must do in turn, since it is not visible in the registers' types: results and owned locals are null
//! at entry; a `Take` leaves null; `mov.r` into the window drops nothing that stood there; when `push` fails it lets go of
//! what it took from the window, and when a call fails the callee's owned parameters are let go. At every other
//! instruction that may trap, stop or be suspended, the window holds nothing owned.

mod flow;
mod operands;
mod range;
mod signature;
mod types;
mod window;

use super::access;
use super::ops::Instr;
use super::program::{Constant, Function, Program};
use super::types::TypeId;
use operands::Checker;
pub(super) use signature::Signature;
pub(super) use types::struct_order;

/// A program that the verifier has accepted.
#[derive(Clone, PartialEq, Debug)]
pub struct Verified(Program);

impl Verified {
    /// The program, no longer known to be verified.
    pub fn into_inner(self) -> Program {
        self.0
    }
}

impl std::ops::Deref for Verified {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.0
    }
}

/// Why a program was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VerifyError {
    /// Something that belongs to no function.
    #[error("the program is not well-formed: {0}")]
    Program(String),
    /// A function as a whole.
    #[error("function `{function}`: {what}")]
    Function {
        /// Its name.
        function: String,
        /// What is wrong.
        what: String,
    },
    /// One instruction.
    #[error("function `{function}`, instruction {index} (`{mnemonic}`): {what}")]
    Instruction {
        /// The function's name.
        function: String,
        /// Which instruction.
        index: usize,
        /// Its mnemonic, or its number if it has none.
        mnemonic: String,
        /// What is wrong.
        what: String,
    },
}

/// What is wrong with a function, and at which instruction.
struct Fault {
    index: Option<usize>,
    what: String,
}

impl Fault {
    fn at(index: usize, what: String) -> Fault {
        Fault { index: Some(index), what }
    }

    fn name(self, function: &Function) -> VerifyError {
        let (name, what) = (function.name.clone(), self.what);
        let Some(index) = self.index else { return VerifyError::Function { function: name, what } };
        let mnemonic = function.code.get(index).map_or_else(String::new, |&instr| mnemonic(instr));
        VerifyError::Instruction { function: name, index, mnemonic, what }
    }
}

impl From<String> for Fault {
    fn from(what: String) -> Fault {
        Fault { index: None, what }
    }
}

fn mnemonic(instr: Instr) -> String {
    instr.op().map_or_else(|| format!("number {}", instr.0 as u8), |op| op.info().name.into())
}

/// Proves that running `program` is safe.
///
/// # Errors
/// The first thing found that is not as it must be.
pub fn verify(program: Program) -> Result<Verified, VerifyError> {
    types::check(&program.types).map_err(VerifyError::Program)?;
    check_values(&program).map_err(VerifyError::Program)?;
    check_sites(&program).map_err(VerifyError::Program)?;
    let mut signatures = Vec::with_capacity(program.functions.len());
    for function in &program.functions {
        let signature = Signature::of_function(&program, function).map_err(|what| Fault::from(what).name(function))?;
        signatures.push(signature);
    }
    match program.functions.get(program.main as usize) {
        Some(main) if main.params.is_empty() && main.result == TypeId::UNIT => {}
        Some(main) => return Err(Fault::from("`main` has parameters or a result".to_string()).name(main)),
        None => return Err(VerifyError::Program("there is no main function".into())),
    }
    let mut checker = Checker::new(&program, &signatures);
    for (index, function) in program.functions.iter().enumerate() {
        checker.function(index).map_err(|fault| fault.name(function))?;
        range::check(&program, index).map_err(|what| Fault::from(what).name(function))?;
        range::check_unwritten(&program, index).map_err(|fault| fault.name(function))?;
        range::check_decided(&program, index).map_err(|fault| fault.name(function))?;
    }
    for (function, effects) in program.functions.iter().zip(access::effects(&program)) {
        if function.effects != effects {
            let what = format!("its effects are `{}`, but it says `{}`", effects, function.effects);
            return Err(Fault::from(what).name(function));
        }
    }
    Ok(Verified(program))
}

fn check_values(program: &Program) -> Result<(), String> {
    let types = &program.types;
    for (index, value) in program.values.iter().enumerate() {
        if value.ty.0 as usize >= types.len() {
            return Err(format!("value {index}: there is no type {}", value.ty.0));
        }
        let element = match (&value.data, types.get(value.ty)) {
            (Constant::Str(_), super::types::Type::Str) => continue,
            (Constant::Array(_), super::types::Type::Array(element)) => *element,
            _ => return Err(format!("value {index} is not of its type, {}", types.name(value.ty))),
        };
        let Constant::Array(slots) = &value.data else { continue };
        let leaves = types.leaves(element);
        if slots.len() % leaves.len() != 0 {
            return Err(format!("value {index}: its last element is not complete"));
        }
        for (slot, &leaf) in slots.iter().zip(leaves.iter().cycle()) {
            let sound = match leaf {
                TypeId::INT | TypeId::FLOAT => true,
                TypeId::BOOL => *slot <= 1,
                _ => *slot < index as u64 && program.values[*slot as usize].ty == leaf,
            };
            if !sound {
                return Err(format!("value {index}: {slot} is not a slot of type {}", types.name(leaf)));
            }
        }
    }
    Ok(())
}

fn check_sites(program: &Program) -> Result<(), String> {
    for (index, site) in program.sites.iter().enumerate() {
        let (start, end) = (site.start as usize, site.end as usize);
        if start > end || !program.source.is_char_boundary(start) || !program.source.is_char_boundary(end) {
            return Err(format!("site {index}: {start} to {end} is not a part of the source"));
        }
        if let Some((function, call)) = site.inlined {
            if function as usize >= program.functions.len() {
                return Err(format!("site {index}: there is no function {function}"));
            }
            if call as usize >= index {
                return Err(format!("site {index} is inlined at site {call}, which is not an earlier one"));
            }
        }
    }
    Ok(())
}

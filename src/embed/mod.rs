//! What drives the stages: text or bytecode to a module, and a module to a run. The command line, the tests and the fuzz
//! targets go through it.

use std::sync::Arc;

use crate::bytecode::file;
use crate::bytecode::program::Program;
use crate::bytecode::verify::{Verified, VerifyError, verify};
use crate::check::check;
use crate::compile::compile;
use crate::host;
use crate::machine::code::Code;
use crate::machine::engine::{self, Options, RunResult};
use crate::machine::host_call::World;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::parse;
use crate::syntax::span::Source;

/// Why bytecode is refused.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are damaged, or of another version.
    #[error(transparent)]
    File(#[from] file::FileError),
    /// The program is not safe to run.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// A program that can be run.
#[derive(Clone, Debug)]
pub struct Module {
    verified: Verified,
}

impl Module {
    /// Compiles a program.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the text; if the syntax is, only that.
    ///
    /// # Panics
    /// If the verifier refuses what the compiler made, which is a mistake in one of them.
    pub fn from_source(source: &Source) -> Result<Module, Vec<Diagnostic>> {
        let in_order = |mut diagnostics: Vec<Diagnostic>| {
            diagnostics.sort_by_key(|diagnostic| diagnostic.labels[0].span);
            diagnostics
        };
        let (tree, diagnostics) = parse(source);
        if !diagnostics.is_empty() {
            return Err(in_order(diagnostics));
        }
        let typed = check(&tree).map_err(in_order)?;
        let program = compile(&typed, source).map_err(in_order)?;
        let verified = verify(program).unwrap_or_else(|error| panic!("the compiler made a wrong program: {error}"));
        Ok(Module { verified })
    }

    /// Reads a program that [`crate::bytecode::file::write`] wrote.
    ///
    /// # Errors
    /// The bytes are damaged, of another version, or not a program that is safe to run.
    pub fn from_bytecode(bytes: &[u8]) -> Result<Module, LoadError> {
        Ok(Module { verified: verify(file::read(bytes)?)? })
    }

    /// The program as the machine runs it.
    pub fn into_code(self) -> Arc<Code> {
        Arc::new(Code::new(self.verified))
    }

    /// The program, for the disassembler and the file format.
    pub fn program(&self) -> &Program {
        &self.verified
    }
}

/// Runs a program with the built-ins of the host.
pub fn run(code: &Arc<Code>, options: &Options, world: &mut dyn World) -> RunResult {
    engine::run(code, options, host::table(), world)
}

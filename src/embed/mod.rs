//! What drives the stages: text or bytecode to a module, and a module to a run. The command line, the tests and the fuzz
//! targets go through it.

use crate::bytecode::verify::{VerifyError, Verified, verify};
use crate::check::check;
use crate::compile::compile;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::parse;
use crate::syntax::span::Source;

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

    /// The program, for the disassembler and the file format.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

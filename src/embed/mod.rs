//! What a program sees that embeds the machine, and what the command line is made of: text or bytecode becomes a [`Module`], an
//! [`Engine`] runs calls of its functions, and a [`Handle`] gives what comes back.
//!
//! `docs/embedding.md` is the guide.

mod callable;
pub mod codes;
mod completer;
mod crossing;
mod dynamic;
mod engine;
mod function;
mod handle;
mod link;
mod pending;
mod region;
mod scope;
mod session;
mod statement;
mod value;
mod world;

use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;

use crate::bytecode::file;
use crate::bytecode::program::Program;
use crate::bytecode::verify::{Verified, VerifyError, verify};
use crate::check::check;
use crate::compile::compile;
use crate::host;
use crate::machine::code::Code;
use crate::machine::engine::{Options, RunResult};
use crate::syntax::parse;
use crate::syntax::tree::Tree;

#[cfg(not(target_family = "wasm"))]
pub use crate::host::{Grants, StdWorld};
pub use crate::machine::Issue;
pub use crate::machine::host_call::{Stream, World};
pub use crate::machine::submission::Priority;
pub use crate::machine::transfer::TransferError;
pub use crate::machine::trap::{Fault, Stop, Trap};
pub use crate::syntax::diagnostic::Diagnostic;
pub use crate::syntax::span::Source;
pub use callable::Callable;
pub use completer::Completer;
pub use crossing::{Element, Flag, GridView, GridViewMut, Kind, Output, Param, Return, Scalar, Slot};
pub use dynamic::{Arg, Bound, Dynamic, Signature};
pub use engine::{Builder, Call, Engine, SubmitError};
pub use function::{Entry, Functions, Resource};
pub use handle::{Error, Handle, Trapped};
pub use region::{Part, Parts, Reads, Writes};
pub use scope::{Scope, ScopedModule};
pub use session::{
    AtWork, Ended, Entered, Failed, GetError, Hazard, InFlight, Listener, Session, StatementTrap, Worlds,
};
pub use statement::Problem;
pub use value::{FromAnswer, FromValue, Grid, IntoArgs, IntoValue, Struct, Value, Values};
pub use world::{Redirected, Sink};

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

/// What is wrong with a program's text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistakes {
    /// One or more, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    text: String,
}

impl Mistakes {
    fn new(diagnostics: Vec<Diagnostic>, source: &Source) -> Mistakes {
        let line = |diagnostic: &Diagnostic| {
            let (line, column) = source.line_column(diagnostic.labels[0].span.start);
            format!("{}:{line}:{column}: {} {}", source.name, diagnostic.code, diagnostic.message)
        };
        let text = diagnostics.iter().map(line).collect::<Vec<_>>().join("\n");
        Mistakes { diagnostics, text }
    }
}

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Mistakes {}

/// Compiles a program that is not run here, and so need not be verified: whoever reads bytecode verifies it.
///
/// # Errors
/// As [`Module::from_source`].
pub(crate) fn compile_source(source: &Source) -> Result<Program, Vec<Diagnostic>> {
    let (tree, diagnostics) = parse(source);
    if !diagnostics.is_empty() {
        return Err(in_order(diagnostics));
    }
    compile_tree(tree, source)
}

fn compile_tree(tree: Tree, source: &Source) -> Result<Program, Vec<Diagnostic>> {
    let typed = check(&tree).map_err(in_order)?;
    // Each stage's memory is the next one's.
    drop(tree);
    compile(&typed, source).map_err(in_order)
}

fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|diagnostic| diagnostic.labels[0].span);
    diagnostics
}

/// A program that can be run.
#[derive(Clone, Debug)]
pub struct Module {
    verified: Verified,
    /// As the machine runs it, once somebody has asked for that.
    code: OnceLock<Arc<Code>>,
    /// The functions that a host may call, by name, likewise.
    names: OnceLock<FxHashMap<String, u32>>,
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
        compile_source(source).map(Module::of)
    }

    fn verified(verified: Verified) -> Module {
        Module { verified, code: OnceLock::new(), names: OnceLock::new() }
    }

    fn of(program: Program) -> Module {
        let verified = verify(program).unwrap_or_else(|error| panic!("the compiler made a wrong program: {error}"));
        Module::verified(verified)
    }

    /// Compiles a program of which a host calls functions, so that it may be without `main`. Messages call it `name`.
    ///
    /// # Errors
    /// All that is wrong with it.
    ///
    /// ```
    /// # use tgvm::embed::Module;
    /// let mistakes = Module::library("half.tg", "fn half(x: Float) -> Float { return x / 2 }").unwrap_err();
    /// assert!(mistakes.to_string().starts_with("half.tg:1:"));
    /// ```
    pub fn library(name: &str, text: &str) -> Result<Module, Mistakes> {
        let source = Source::new(name, text);
        let (mut tree, diagnostics) = parse(&source);
        let result = if diagnostics.is_empty() {
            tree.ensure_main();
            compile_tree(tree, &source).map(Module::of)
        } else {
            Err(in_order(diagnostics))
        };
        result.map_err(|diagnostics| Mistakes::new(diagnostics, &source))
    }

    /// Reads a program that [`crate::bytecode::file::write`] wrote.
    ///
    /// # Errors
    /// The bytes are damaged, of another version, or not a program that is safe to run.
    pub fn from_bytecode(bytes: &[u8]) -> Result<Module, LoadError> {
        Ok(Module::verified(verify(file::read(bytes)?)?))
    }

    /// The program as the machine runs it.
    pub fn into_code(self) -> Arc<Code> {
        match self.code.into_inner() {
            Some(code) => code,
            None => Arc::new(Code::new(self.verified)),
        }
    }

    /// The same, prepared once.
    pub(crate) fn code(&self) -> &Arc<Code> {
        self.code.get_or_init(|| Arc::new(Code::new(self.verified.clone())))
    }

    /// The index of a function that a host may call.
    fn function(&self, name: &str) -> Option<u32> {
        let names = self.names.get_or_init(|| {
            let functions = (0..).zip(&self.verified.functions);
            let callable = functions.filter(|(_, f)| f.part_of.is_none() && f.range.is_none());
            callable.map(|(index, f)| (f.name.clone(), index)).collect()
        });
        names.get(name).copied()
    }

    /// The program, to be looked at or written.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn into_program(self) -> Program {
        self.verified.into_inner()
    }

    /// The program, for the disassembler and the file format.
    pub fn program(&self) -> &Program {
        &self.verified
    }
}

/// Runs a program with the built-ins of the host.
pub fn run(code: &Arc<Code>, options: &Options, world: &mut dyn World) -> RunResult {
    crate::machine::engine::run(code, options, host::table(), world)
}

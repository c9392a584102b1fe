//! Linking: a module's declarations (`extern fn`) get the functions of a host.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::function::{Fit, Functions, Misfit};
use super::{Mistakes, Module};
use crate::bytecode::program::{Function, Passing, Program};
use crate::bytecode::types::TypeId;
use crate::bytecode::verify::Verified;
use crate::machine::code::Code;
use crate::machine::extern_call::Extern;
use crate::machine::linked::MAX_PLACES;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::{Source, Span};

/// A function as it is declared, after its name.
fn signature(program: &Program, function: &Function) -> String {
    let param = |param: &crate::bytecode::program::Param| {
        let is_inout = matches!(param.passing, Passing::Inout | Passing::InoutView);
        format!("{}{}", if is_inout { "inout " } else { "" }, program.types.name(param.ty))
    };
    let params: Vec<String> = function.params.iter().map(param).collect();
    let result = match function.result {
        TypeId::UNIT => String::new(),
        ty => format!(" -> {}", program.types.name(ty)),
    };
    format!("({}){result}", params.join(", "))
}

/// The declarations of a program that a host's functions do not fit.
pub(super) fn misfits(program: &Program, functions: &Functions<'_>) -> Vec<Diagnostic> {
    let mut places = BTreeSet::new();
    let mut diagnostics = Vec::new();
    for function in program.functions.iter().filter(|function| function.is_extern()) {
        match functions.fit(&program.types, function) {
            Ok(found) => places.extend(found.places()),
            Err(Misfit::Missing) => diagnostics.push(missing(program, function)),
            Err(Misfit::Signature(has)) => {
                let declared = signature(program, function);
                let name = &function.name;
                let help = format!("the host has `{name}{has}`, and this is `{name}{declared}`");
                diagnostics.push(misfit(program, function).help(help));
            }
            Err(Misfit::Refused(why)) => diagnostics.push(misfit(program, function).help(why)),
        }
    }
    if places.len() > MAX_PLACES {
        let function = program.functions.iter().find(|function| function.is_extern()).expect("one uses them");
        let message = format!("the host's functions use more than {MAX_PLACES} resources");
        diagnostics.push(Diagnostic::new("E0701", head(program, function), message, ""));
    }
    diagnostics
}

/// Where an `extern` function is declared.
fn head(program: &Program, function: &Function) -> Span {
    let site = program.sites[function.sites[0] as usize];
    Span::new(site.start, site.end)
}

fn misfit(program: &Program, function: &Function) -> Diagnostic {
    let message = format!("the host's `{}` does not fit its declaration", function.name);
    Diagnostic::new("E0701", head(program, function), message, "declared here")
}

fn missing(program: &Program, function: &Function) -> Diagnostic {
    let message = format!("the host has no function `{}`", function.name);
    Diagnostic::new("E0701", head(program, function), message, "declared here")
}

impl<'f> Functions<'f> {
    /// A program linked with those that fit its declarations.
    pub(super) fn link(&self, program: Verified, link: impl Fn(Fit<'_, 'f>) -> Extern) -> Code {
        let types = program.types.clone();
        Code::link(program, &mut |function| self.fit(&types, function).ok().map(&link))
    }
}

impl Module {
    /// With the functions that it declares as `extern`, from a host's table.
    ///
    /// # Errors
    /// Those that the table does not have, or has with other parameters or another result.
    ///
    /// ```
    /// # use tgvm::embed::{Functions, Module};
    /// let module = Module::library("plot.tg", "extern fn plot(x: Float, y: Float)")?;
    /// let mut functions = Functions::new();
    /// functions.add("plot", |x: f64| println!("{x}"));
    /// let mistakes = module.link(&functions).unwrap_err();
    /// assert_eq!(mistakes.to_string(), "plot.tg:1:1: E0701 the host's `plot` does not fit its declaration");
    /// # Ok::<(), tgvm::embed::Mistakes>(())
    /// ```
    pub fn link(&self, functions: &Functions<'static>) -> Result<Module, Mistakes> {
        self.linked(functions, |found| found.link_kept())
    }

    /// With what `link` makes of the functions that it declares.
    pub(super) fn linked<'f>(
        &self,
        functions: &Functions<'f>,
        link: impl Fn(Fit<'_, 'f>) -> Extern,
    ) -> Result<Module, Mistakes> {
        let program = self.program();
        let misfits = misfits(program, functions);
        if !misfits.is_empty() {
            let source = Source::new(program.source_name.clone(), program.source.clone());
            return Err(Mistakes::new(misfits, &source));
        }
        let code = functions.link(self.verified.clone(), link);
        Ok(Module { code: OnceLock::from(Arc::new(code)), ..Module::verified(self.verified.clone()) })
    }

    /// What is wrong with running it without a host: the functions that it declares as `extern`.
    pub fn needs_host(&self) -> Vec<Diagnostic> {
        let program = self.program();
        let needs = |function: &Function| {
            let message = format!("`{}` is a function of a host, and there is none here", function.name);
            Diagnostic::new("E0701", head(program, function), message, "declared here")
                .help("a program that embeds tgvm can have it: see `Functions` in the documentation of the library")
        };
        program.functions.iter().filter(|function| function.is_extern()).map(needs).collect()
    }
}

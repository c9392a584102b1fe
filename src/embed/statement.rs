//! A statement of a session as a program: the session's definitions, and a hidden function that takes the variables that the
//! statement reads, `inout` those that it writes a part of, and gives the value that a variable gets as a whole, or that is shown.
//!
//! Invariant: what a hidden function takes has the type that the variable has: the same name, and if it is that of a struct, the
//! same fields.

use std::sync::Arc;

use super::function::Functions;
use super::link::misfits;
use super::session::StatementTrap;
use crate::bytecode::types::{Type, TypeId, TypeTable};
use crate::bytecode::verify::verify;
use crate::check::check;
use crate::check::typed::{LocalKind, Typed};
use crate::compile::compile;
use crate::machine::code::Code;
use crate::machine::trap::{TraceLine, Trap};
use crate::syntax::diagnostic::{Diagnostic, Label};
use crate::syntax::parse;
use crate::syntax::pieces::{Piece, PieceKind};
use crate::syntax::span::{Source, Span};

/// What is wrong with what was entered.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Where the mistakes are: what was entered, or a definition of before that no longer fits.
    pub source: Source,
    /// One or more, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            let (line, column) = self.source.line_column(diagnostic.labels[0].span.start);
            let end = if index + 1 < self.diagnostics.len() { "\n" } else { "" };
            let Diagnostic { code, message, .. } = diagnostic;
            write!(f, "{}:{line}:{column}: {code} {message}{end}", self.source.name)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// The type of a variable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    /// As it is written.
    pub(super) name: String,
    /// With the fields of all structs.
    full: String,
}

impl Shape {
    fn of(types: &TypeTable, ty: TypeId) -> Shape {
        let mut full = String::new();
        // Structs in the order in which they come up, each once.
        let (mut stack, mut structs) = (vec![ty], Vec::new());
        while let Some(ty) = stack.pop() {
            full += &types.name(ty);
            full.push(';');
            match *types.get(ty) {
                Type::Array(element) | Type::Grid(element) => stack.push(element),
                Type::Struct(index) if !structs.contains(&index) => {
                    structs.push(index);
                    let fields = &types.structs[index as usize].fields;
                    full.extend(fields.iter().map(|(name, _)| format!("{name},")));
                    stack.extend(fields.iter().rev().map(|&(_, ty)| ty));
                }
                _ => {}
            }
        }
        Shape { name: types.name(ty), full }
    }
}

/// A variable as a statement sees it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) mutable: bool,
}

/// What a session's statements see besides its variables.
#[derive(Clone, Default, Debug)]
pub(super) struct Definitions {
    /// Items, each called by its name, in the order in which they were first entered.
    items: Vec<Source>,
    /// The functions of the host, which some of them declare.
    functions: Arc<Functions<'static>>,
}

/// A statement that can be submitted.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) code: Arc<Code>,
    pub(super) function: u32,
    /// The variables that it takes, and whether it writes them.
    pub(super) takes: Vec<(String, bool)>,
    /// What it gives.
    pub(super) gives: Option<(TypeId, Shape)>,
    origins: Arc<Origins>,
}

/// Where the parts of a program's text come from.
#[derive(Clone, Default, Debug)]
struct Origins(Vec<(Span, Source)>);

impl Origins {
    /// The source that a span lies in, and the span there.
    fn locate(&self, span: Span) -> Option<(&Source, Span)> {
        let (whole, source) = self.0.iter().find(|(whole, _)| whole.start <= span.start && span.start <= whole.end)?;
        let inside = |at: u32| at.clamp(whole.start, whole.end) - whole.start;
        Some((source, Span::new(inside(span.start), inside(span.end))))
    }

    fn problem(&self, diagnostics: Vec<Diagnostic>, fallback: &Source) -> Problem {
        let first = diagnostics.first().map_or(Span::default(), |diagnostic| diagnostic.labels[0].span);
        let source = self.locate(first).map_or(fallback, |(source, _)| source);
        // Where the text ends that was entered, the hidden function's begins again.
        let is_past = |span: Span| {
            let rest = |(whole, source): &(Span, Source)| {
                let entered = source.text.get(span.start.checked_sub(whole.start)? as usize..);
                Some(entered.is_none_or(|rest| rest.trim().is_empty()))
            };
            self.0.last().and_then(rest).unwrap_or(false)
        };
        let here = |mut diagnostic: Diagnostic| {
            if diagnostic.code == "E0112" && diagnostic.labels.first().is_some_and(|label| is_past(label.span)) {
                diagnostic.message = "unexpected end of the text".to_owned();
            }
            let place = |label: &Label| {
                let (found, span) = self.locate(label.span)?;
                (found.name == source.name && found.text == source.text)
                    .then(|| Label { span, text: label.text.clone() })
            };
            diagnostic.labels = diagnostic.labels.iter().filter_map(place).collect();
            (!diagnostic.labels.is_empty()).then_some(diagnostic)
        };
        Problem { source: source.clone(), diagnostics: diagnostics.into_iter().filter_map(here).collect() }
    }
}

impl Compiled {
    /// A trap with the places in what was entered.
    pub(super) fn describe(&self, trap: Trap) -> StatementTrap {
        let program = self.code.program();
        let place = |line: &TraceLine| {
            let site = program.sites[line.site as usize];
            let (source, span) = self.origins.locate(Span::new(site.start, site.end))?;
            Some((program.functions[line.function as usize].name.clone(), source.clone(), span))
        };
        let places: Vec<_> = trap.backtrace.iter().map_while(place).collect();
        let values = if trap.message.is_empty() { String::new() } else { format!(": {}", trap.message) };
        let at = places.first().map_or(String::new(), |(_, source, span)| {
            let (line, column) = source.line_column(span.start);
            format!(", at {}:{line}:{column}", source.name)
        });
        let text = format!("{} {}{values}{at}", trap.code.code(), trap.code.title());
        StatementTrap { trap, text, places }
    }
}

/// The name of the hidden function in the text. It gets its statement's label afterwards.
const HIDDEN: &str = "statement__";

/// A hidden function that is being tried.
struct Attempt<'a> {
    definitions: &'a Definitions,
    source: &'a Source,
    takes: Vec<(&'a Seen, bool)>,
    piece: &'a Piece,
}

/// What a hidden function does with its piece.
#[derive(Clone, Copy)]
enum Form<'f> {
    /// Does it.
    Plain,
    /// Declares a variable of it, so that its type can be seen.
    Typed,
    /// Gives what begins at that offset, of that type.
    Gives(u32, &'f str),
}

impl Attempt<'_> {
    fn check(&self, form: Form) -> Result<(Typed, Source, Origins), Problem> {
        let mut text = String::new();
        let mut origins = Origins::default();
        // The first bytes, as many as `blank` says, are left out, and all places stay as they are.
        let mut add = |text: &mut String, source: &Source, span: Span, blank: u32| {
            let start = text.len() as u32;
            text.push_str(&" ".repeat(blank as usize));
            text.push_str(&source.text[(span.start + blank) as usize..span.end as usize]);
            origins.0.push((Span::new(start, text.len() as u32), source.clone()));
        };
        for source in &self.definitions.items {
            add(&mut text, source, Span::new(0, source.text.len() as u32), 0);
            text.push('\n');
        }
        let params = self
            .takes
            .iter()
            .map(|(seen, writes)| format!("{}{}: {}", if *writes { "inout " } else { "" }, seen.name, seen.shape.name));
        let params = params.collect::<Vec<_>>().join(", ");
        let span = self.piece.span;
        let piece = Source::new(self.source.name.clone(), &self.source.text[span.range()]);
        let whole = Span::new(0, piece.text.len() as u32);
        match form {
            Form::Plain => {
                text += &format!("fn {HIDDEN}({params}) {{ ");
                add(&mut text, &piece, whole, 0);
            }
            Form::Typed => {
                text += &format!("fn {HIDDEN}({params}) {{ let {HIDDEN} = ");
                add(&mut text, &piece, whole, 0);
            }
            Form::Gives(value, ty) => {
                text += &format!("fn {HIDDEN}({params}) -> {ty} {{ return ");
                add(&mut text, &piece, whole, value - span.start);
            }
        }
        text += "\n}\n";
        let source = Source::new(self.source.name.clone(), text);
        let (mut tree, diagnostics) = parse(&source);
        if !diagnostics.is_empty() {
            return Err(origins.problem(diagnostics, &piece));
        }
        tree.ensure_main();
        match check(&tree) {
            Ok(typed) => Ok((typed, source, origins)),
            Err(diagnostics) => Err(origins.problem(diagnostics, &piece)),
        }
    }

    /// The type of the last variable of that name in the hidden function.
    fn type_of(typed: &Typed, name: &str) -> Option<TypeId> {
        let hidden = typed.functions.iter().find(|function| function.name == HIDDEN)?;
        hidden.locals.iter().rev().find(|local| local.name == name).map(|local| local.ty)
    }
}

impl Definitions {
    /// With these items, each in place of one of that name if there is one.
    pub(super) fn with(&self, items: &[Source]) -> Definitions {
        let mut all = self.clone();
        for item in items {
            match all.items.iter_mut().find(|old| old.name == item.name) {
                Some(old) => *old = item.clone(),
                None => all.items.push(item.clone()),
            }
        }
        all
    }

    /// With other functions of the host.
    pub(super) fn with_functions(&self, functions: Arc<Functions<'static>>) -> Definitions {
        Definitions { items: self.items.clone(), functions }
    }

    /// Whether they fit together, and the host. These are new.
    pub(super) fn check(&self, new: &[Source]) -> Result<(), Problem> {
        self.check_all(&new[0]).map_err(|mut problem| {
            let is_old = new.iter().all(|source| source.name != problem.source.name);
            let names: Vec<String> = new.iter().map(|source| format!("`{}`", source.name)).collect();
            let (old, names) = (&problem.source.name, names.join(", "));
            let misfit =
                format!("`{old}` was entered before, and does not fit what {names} would be: nothing has changed");
            for diagnostic in &mut problem.diagnostics {
                if is_old {
                    diagnostic.help.push(misfit.clone());
                } else if new.len() == 1
                    && diagnostic.help.is_empty()
                    && matches!(diagnostic.code, "E0201" | "E0202" | "E0203")
                {
                    diagnostic
                        .help
                        .push("what needs each other is entered together: `fn a() { … }; fn b() { … }`".into());
                }
            }
            problem
        })
    }

    fn check_all(&self, source: &Source) -> Result<(), Problem> {
        let piece = Piece { span: Span::default(), kind: PieceKind::Statement, names: Vec::new() };
        let attempt = Attempt { definitions: self, source, takes: Vec::new(), piece: &piece };
        let (typed, text, origins) = attempt.check(Form::Plain)?;
        if typed.functions.iter().any(|function| function.is_extern) {
            let program = compile(&typed, &text).map_err(|diagnostics| origins.problem(diagnostics, source))?;
            let misfits = misfits(&program, &self.functions);
            if !misfits.is_empty() {
                return Err(origins.problem(misfits, source));
            }
        }
        Ok(())
    }

    /// The text and names of all.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item.name.as_str())
    }

    /// The type of an expression.
    pub(super) fn type_of(&self, source: &Source, piece: &Piece, variables: &[Seen]) -> Result<String, Problem> {
        let takes = variables.iter().filter(|seen| piece.names.contains(&seen.name)).map(|seen| (seen, seen.mutable));
        let attempt = Attempt { definitions: self, source, takes: takes.collect(), piece };
        let (typed, ..) = attempt.check(Form::Typed)?;
        let ty = Attempt::type_of(&typed, HIDDEN).unwrap_or(TypeId::UNIT);
        Ok(typed.types.name(ty))
    }

    /// Compiles a statement that stands in `source`.
    pub(super) fn compile(&self, source: &Source, piece: &Piece, variables: &[Seen]) -> Result<Compiled, Problem> {
        let used = variables.iter().filter(|seen| piece.names.contains(&seen.name)).map(|seen| (seen, seen.mutable));
        let mut attempt = Attempt { definitions: self, source, takes: used.collect(), piece };
        let wrong = |code, at: Span, message: String| {
            let text = source.text[piece.span.range()].to_owned();
            let diagnostics = vec![Diagnostic::new(code, at, message, "")];
            Problem { source: Source::new(source.name.clone(), text), diagnostics }
        };
        let target = match &piece.kind {
            PieceKind::Assign { name, .. } => variables.iter().find(|seen| seen.name == *name),
            _ => None,
        };
        if let Some(target) = target
            && !target.mutable
        {
            let span = Span::new(0, target.name.len() as u32);
            return Err(wrong("E0401", span, format!("`{}` was declared with `let`", target.name)));
        }
        // What it gives, and from where on.
        let gives: Option<(u32, String)> = match (&piece.kind, target) {
            (PieceKind::Let { name, value, .. }, _) => {
                let (typed, ..) = attempt.check(Form::Plain)?;
                let ty = Attempt::type_of(&typed, name).expect("it is declared");
                Some((*value, typed.types.name(ty)))
            }
            (PieceKind::Assign { value, .. }, Some(target)) => Some((*value, target.shape.name.clone())),
            (PieceKind::Expression, _) => match attempt.check(Form::Typed) {
                Ok((typed, ..)) => {
                    let ty = Attempt::type_of(&typed, HIDDEN).expect("it is declared");
                    (typed.types.slots(ty) > 0).then(|| (piece.span.start, typed.types.name(ty)))
                }
                Err(_) => None,
            },
            _ => None,
        };
        let form = gives.as_ref().map_or(Form::Plain, |(value, ty)| Form::Gives(*value, ty));
        let mut checked = attempt.check(form)?;
        // Those that need not be `inout` are only read.
        for at in 0..attempt.takes.len() {
            if std::mem::replace(&mut attempt.takes[at].1, false) {
                match attempt.check(form) {
                    Ok(better) => checked = better,
                    Err(_) => attempt.takes[at].1 = true,
                }
            }
        }
        let (mut typed, text, origins) = checked;
        let function = typed.functions.iter().position(|function| function.name == HIDDEN).expect("it is there");
        let hidden = &mut typed.functions[function];
        hidden.name.clone_from(&source.name);
        let params = hidden.params;
        for (local, (seen, _)) in hidden.locals[..params].iter_mut().zip(&attempt.takes) {
            // Moved in and out, whatever is done with it: then a variable has one owner.
            if let LocalKind::Inout { resizes } = &mut local.kind {
                *resizes = true;
            }
            if Shape::of(&typed.types, local.ty) != seen.shape {
                let message = format!("`{}` is of a type `{}` of before", seen.name, seen.shape.name);
                return Err(wrong("E0301", Span::new(0, 0), message));
            }
        }
        let result = hidden.result;
        let program = compile(&typed, &text).map_err(|diagnostics| origins.problem(diagnostics, source))?;
        let verified = verify(program).unwrap_or_else(|error| panic!("the compiler made a wrong program: {error}"));
        let gives = gives.map(|_| (result, Shape::of(&typed.types, result)));
        Ok(Compiled {
            code: Arc::new(self.functions.link(verified, |found| found.link_kept())),
            function: function as u32,
            takes: attempt.takes.iter().map(|(seen, writes)| (seen.name.clone(), *writes)).collect(),
            gives,
            origins: Arc::new(origins),
        })
    }
}

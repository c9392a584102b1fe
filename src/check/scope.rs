//! Names in scope: binding locals, what an unknown name may have been meant to be.

use super::clauses::REDUCTIONS;
use super::typed::{Local, LocalId, LocalKind};
use super::{Checker, Global};
use crate::bytecode::builtins::BUILTINS;
use crate::bytecode::types::TypeId;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::tree::{Name, Symbol};

/// How many names one check compares in search of the one that was meant.
pub(super) const MAX_COMPARED: usize = 500_000;

/// How long a name may be to be compared; the time grows with the square of it.
const MAX_COMPARED_LENGTH: usize = 64;

/// What other languages call what is there.
const ALIASES: &[(&str, &str)] = &[
    ("int", "Int"),
    ("i32", "Int"),
    ("i64", "Int"),
    ("integer", "Int"),
    ("Integer", "Int"),
    ("float", "Float"),
    ("f32", "Float"),
    ("f64", "Float"),
    ("double", "Float"),
    ("Double", "Float"),
    ("bool", "Bool"),
    ("boolean", "Bool"),
    ("Boolean", "Bool"),
    ("str", "Str"),
    ("string", "Str"),
    ("String", "Str"),
    ("char", "Str"),
    ("println", "print"),
    ("printf", "print"),
    ("echo", "print"),
    ("eprintln", "eprint"),
    ("length", "len"),
    ("size", "len"),
    ("add", "push"),
    ("throw", "panic"),
    ("error", "panic"),
    ("log", "ln"),
    ("toString", "Str"),
    ("to_string", "Str"),
    ("to_upper", "upper"),
    ("to_lower", "lower"),
    ("pi", "PI"),
];

/// What kind of name is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Value,
    Function,
    Type,
}

/// What to write where other languages have a name that stands for no name here.
fn hint(text: &str, wanted: Wanted) -> Option<String> {
    let hint = match (wanted, text) {
        (Wanted::Value, "null" | "None" | "nil" | "undefined") => {
            "every variable has a value: say that there is none with a Bool beside it, or with an empty array"
        }
        (Wanted::Value, "True") => "write `true`",
        (Wanted::Value, "False") => "write `false`",
        (Wanted::Value, "self" | "this") => "a method is a function, and what stands before the dot its first argument",
        (Wanted::Function, "range") => "a range is written `lo..hi`: `for i in 0..n`",
        (Wanted::Type, "Grid") => "a grid's type names that of its elements: `Grid[Int]`",
        (Wanted::Function, _) if REDUCTIONS.iter().any(|reduction| reduction.0 == text) => {
            return Some(over_elements(text));
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// How a reduction of an array's elements is written.
pub(super) fn over_elements(reduction: &str) -> String {
    format!("over the elements of an array it is written `{reduction}(x for x in xs)`")
}

impl<'t> Checker<'t> {
    /// Declares a local, in scope from here to the end of the block.
    pub(super) fn bind(&mut self, name: Name, ty: TypeId, kind: LocalKind) -> LocalId {
        let id = LocalId(self.body.locals.len() as u32);
        let text = self.text(name.symbol).to_owned();
        self.body.locals.push(Local { name: text, ty, span: name.span, kind });
        let hidden = self.names[name.symbol.0 as usize].local.replace(id);
        self.body.undo.push((name.symbol, hidden));
        id
    }

    /// Begins a block; give the result to [`Checker::leave`].
    pub(super) fn enter(&self) -> usize {
        self.body.undo.len()
    }

    /// Ends a block: what it declared goes out of scope.
    pub(super) fn leave(&mut self, mark: usize) {
        for (symbol, hidden) in self.body.undo.drain(mark..).rev() {
            self.names[symbol.0 as usize].local = hidden;
        }
    }

    /// Reports a name that means nothing, or nothing of the kind that is wanted.
    pub(super) fn report_unknown(&mut self, name: Name, wanted: Wanted) {
        let text = self.text(name.symbol);
        if let Some(diagnostic) = self.other_kind(name, wanted) {
            return self.report(diagnostic);
        }
        let (code, what) = match wanted {
            Wanted::Value => ("E0201", "variable or constant"),
            Wanted::Function => ("E0202", "function"),
            Wanted::Type => ("E0203", "type"),
        };
        let mut diagnostic = Diagnostic::new(code, name.span, format!("there is no {what} `{text}`"), "not found");
        if let Some(hint) = hint(text, wanted) {
            diagnostic = diagnostic.help(hint);
        } else if self.suggestion_budget > 0 {
            let candidates = self.candidates(wanted);
            if let Some(meant) = self.suggest(text, candidates) {
                diagnostic = diagnostic.help(format!("did you mean `{meant}`?"));
            }
        }
        self.report(diagnostic);
    }

    /// The message for a name that means something of another kind.
    fn other_kind(&self, name: Name, wanted: Wanted) -> Option<Diagnostic> {
        let (text, entry) = (self.text(name.symbol), self.entry(name.symbol));
        let wrong = |what: &str, help: String| {
            Some(Diagnostic::new("E0206", name.span, format!("`{text}` is {what}"), "").help(help))
        };
        let is_builtin = entry.overloads.is_some() && !text.starts_with("__");
        match wanted {
            Wanted::Value => match entry.global {
                Global::Function(_) => wrong("a function, not a value", format!("call it: `{text}(…)`")),
                Global::Type(_) => wrong("a type, not a value", format!("make a value of it: `{text}(…)`")),
                _ if is_builtin => wrong("a built-in function, not a value", format!("call it: `{text}(…)`")),
                _ => None,
            },
            Wanted::Function if entry.local.is_some() => {
                wrong("a variable, not a function", "an element is written with brackets: `xs[i]`".into())
            }
            Wanted::Function if matches!(entry.global, Global::Const(_)) => {
                wrong("a constant, not a function", "leave the parentheses out".into())
            }
            Wanted::Type if matches!(entry.global, Global::Function(_) | Global::Const(_)) => {
                wrong("not a type", "types are `Int`, `Float`, `Bool`, `Str`, `[T]`, `Grid[T]` and structs".into())
            }
            Wanted::Function | Wanted::Type => None,
        }
    }

    /// The names of that kind that are in scope.
    fn candidates(&self, wanted: Wanted) -> Vec<&'t str> {
        let mut names: Vec<&'t str> = Vec::new();
        let items = |symbol: Symbol| self.text(symbol);
        match wanted {
            Wanted::Value => {
                names.extend(self.body.undo.iter().rev().map(|&(symbol, _)| items(symbol)));
                names.extend(self.consts.iter().map(|c| c.name));
            }
            Wanted::Function => {
                names.extend(self.functions.iter().map(|f| items(f.item.name.symbol)));
                names.extend(BUILTINS.iter().map(|b| b.name).filter(|name| !name.starts_with("__")));
                names.extend(self.structs.iter().flatten().map(|s| items(s.name.symbol)));
                names.extend(["Int", "Float", "Str", "assert", "Rng"]);
            }
            Wanted::Type => {
                names.extend(["Int", "Float", "Bool", "Str", "Rng"]);
                names.extend(self.structs.iter().flatten().map(|s| items(s.name.symbol)));
            }
        }
        names
    }

    /// The candidate that `text` was probably meant to be.
    pub(super) fn suggest<'a>(&mut self, text: &str, candidates: Vec<&'a str>) -> Option<&'a str> {
        let alias = ALIASES.iter().find(|(theirs, _)| *theirs == text).map(|&(_, ours)| ours);
        if let Some(alias) = alias.and_then(|ours| candidates.iter().find(|&&candidate| candidate == ours)) {
            return Some(alias);
        }
        if text.len() > MAX_COMPARED_LENGTH {
            return None;
        }
        self.suggestion_budget = self.suggestion_budget.saturating_sub(candidates.len());
        if self.suggestion_budget == 0 {
            return None;
        }
        let allowed = (text.len() / 3).max(1);
        candidates
            .into_iter()
            .filter(|candidate| candidate.len().abs_diff(text.len()) <= allowed && *candidate != text)
            .map(|candidate| match candidate.eq_ignore_ascii_case(text) {
                true => (0, candidate),
                false => (strsim::osa_distance(text, candidate), candidate),
            })
            // A name of one letter is near every other one.
            .filter(|&(distance, candidate)| distance <= allowed && distance < candidate.len().max(text.len()))
            .min_by_key(|&(distance, _)| distance)
            .map(|(_, candidate)| candidate)
    }
}

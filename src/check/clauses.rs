//! What loops walk, comprehensions and reductions.
//!
//! The body of a comprehension may not write what is outside of it, nor leave it: its elements may be computed side by
//! side.

use super::typed::{Clause, ExprId, ExprKind, LocalId, LocalKind, Reduction, Source};
use super::{Checker, ERROR};
use crate::bytecode::types::{Type, TypeId};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use crate::syntax::tree::{self, LoopSource, Name};

/// What is put back when a clause ends.
struct Opened {
    mark: usize,
    loops: Vec<bool>,
    clause: Option<(u32, Span)>,
}

pub(super) const REDUCTIONS: [(&str, Reduction); 7] = [
    ("sum", Reduction::Sum),
    ("product", Reduction::Product),
    ("min", Reduction::Min),
    ("max", Reduction::Max),
    ("count", Reduction::Count),
    ("any", Reduction::Any),
    ("all", Reduction::All),
];

impl<'t> Checker<'t> {
    /// What a loop walks, and the type of its variable.
    pub(super) fn source(&mut self, source: &LoopSource) -> (Source, TypeId) {
        match *source {
            LoopSource::Range { lo, hi, step } => {
                let lo = self.value_of(lo, TypeId::INT);
                let hi = self.value_of(hi, TypeId::INT);
                let step = step.map(|step| self.value_of(step, TypeId::INT));
                (Source::Range { lo, hi, step }, TypeId::INT)
            }
            LoopSource::Elements(elements) => {
                let elements = self.value(elements, None);
                let element = match *self.shape(self.ty(elements)) {
                    Type::Array(element) | Type::Grid(element) => element,
                    _ => {
                        self.report_no_elements(elements);
                        ERROR
                    }
                };
                (Source::Elements(elements), element)
            }
        }
    }

    fn report_no_elements(&mut self, source: ExprId) {
        let (ty, span) = (self.ty(source), self.span(source));
        if ty == ERROR {
            return;
        }
        let message = format!("a loop can't walk `{}`", self.type_name(ty));
        let mut diagnostic = Diagnostic::new("E0311", span, message, "");
        if ty == TypeId::STR {
            diagnostic = diagnostic.help("walk its characters: `s.chars()`, or its bytes: `s.bytes()`");
        } else if ty == TypeId::INT {
            diagnostic = diagnostic.help("walk the numbers below it: `0..n`");
        }
        self.report(diagnostic);
    }

    /// Begins the body of a comprehension: the variable, what the clause walks.
    fn open_clause(&mut self, clause: &'t tree::Clause, whole: Span) -> (LocalId, Source, Opened) {
        let (source, element) = self.source(&clause.source);
        let opened =
            Opened { mark: self.enter(), loops: std::mem::take(&mut self.body.loops), clause: self.body.clause };
        self.body.clause = Some((self.body.locals.len() as u32, whole));
        let local = self.bind(clause.name, element, LocalKind::Loop);
        (local, source, opened)
    }

    fn close_clause(&mut self, opened: Opened) {
        self.leave(opened.mark);
        self.body.loops = opened.loops;
        self.body.clause = opened.clause;
    }

    /// `[element for …]`
    pub(super) fn comprehension(
        &mut self,
        element: tree::ExprId,
        clause: &'t tree::Clause,
        hint: Option<TypeId>,
        span: Span,
    ) -> ExprId {
        let (local, source, opened) = self.open_clause(clause, span);
        let cond = clause.cond.map(|cond| self.condition(cond));
        let want = hint.and_then(|ty| self.array_element(ty));
        let mut element = self.value(element, want);
        if let Some(want) = want {
            element = self.expect(element, want, None);
        }
        self.close_clause(opened);
        let ty = self.array_of(self.ty(element), span);
        self.push(ExprKind::Comprehension { element, clause: Clause { local, source, cond } }, ty, span)
    }

    /// `sum(element for …)` and its like
    pub(super) fn reduction(
        &mut self,
        name: Name,
        element: tree::ExprId,
        clause: &'t tree::Clause,
        span: Span,
    ) -> ExprId {
        let text = self.text(name.symbol);
        let reduction = REDUCTIONS.iter().find(|r| r.0 == text).map(|r| r.1);
        if reduction.is_none() {
            self.report_no_reduction(name);
        }
        let (local, source, opened) = self.open_clause(clause, span);
        let cond = clause.cond.map(|cond| self.condition(cond));
        let deciding = matches!(reduction, Some(Reduction::Count | Reduction::Any | Reduction::All));
        let element = if deciding { self.condition(element) } else { self.value(element, None) };
        self.close_clause(opened);
        let Some(reduction) = reduction else { return self.poison(span) };
        let of = self.ty(element);
        let ty = match reduction {
            Reduction::Count => TypeId::INT,
            Reduction::Any | Reduction::All => TypeId::BOOL,
            Reduction::Sum | Reduction::Product => {
                if of != TypeId::INT && of != TypeId::FLOAT && of != ERROR {
                    self.report_no_number(text, element);
                    return self.poison(span);
                }
                of
            }
            Reduction::Min | Reduction::Max => {
                if !self.is_ordered(of) {
                    self.report_unordered(text, of, self.span(element));
                    return self.poison(span);
                }
                of
            }
        };
        self.push(ExprKind::Reduction { reduction, element, clause: Clause { local, source, cond } }, ty, span)
    }

    fn report_no_number(&mut self, name: &str, element: ExprId) {
        let (found, span) = (self.type_name(self.ty(element)), self.span(element));
        let message = format!("`{name}` takes `Int` or `Float`, not `{found}`");
        let mut diagnostic = Diagnostic::new("E0302", span, message, format!("this is `{found}`"));
        if self.ty(element) == TypeId::BOOL {
            diagnostic = diagnostic.help("`count(c for …)` counts the elements that are true");
        } else if self.ty(element) == TypeId::STR {
            diagnostic = diagnostic.help("collect them and join: `[… for …].join(\"\")`");
        }
        self.report(diagnostic);
    }

    fn report_no_reduction(&mut self, name: Name) {
        let text = self.text(name.symbol);
        let names: Vec<&str> = REDUCTIONS.iter().map(|r| r.0).collect();
        let mut diagnostic = Diagnostic::new("E0210", name.span, format!("`{text}` can't take a `for`"), "");
        diagnostic = match self.suggest(text, names) {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
            None => {
                diagnostic.help("`sum product min max count any all` can; for anything else make an array: `[… for …]`")
            }
        };
        self.report(diagnostic);
    }
}

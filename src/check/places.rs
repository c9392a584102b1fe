//! Places: what is written, and the steps of a path, which reading shares.

use super::scope::Wanted;
use super::typed::{ExprId, ExprKind, Extent, LocalKind, Place, Step};
use super::{Checker, ERROR, Global};
use crate::bytecode::types::{Type, TypeId};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use crate::syntax::tree::{self, Index, Name};
use smallvec::SmallVec;

/// Why a place is written.
#[derive(Clone, Copy)]
pub(super) enum Write {
    /// It is assigned.
    Assign,
    /// It is passed to that function, which may write it.
    Call {
        /// The function.
        name: Name,
    },
}

/// Where an index leads.
pub(super) struct Reach {
    pub(super) step: Step,
    pub(super) ty: TypeId,
}

impl Step {
    /// The expression that reads this step of `base`.
    pub(super) fn on(self, base: ExprId) -> ExprKind {
        match self {
            Step::Field(field) => ExprKind::Field(base, field),
            Step::Index(at) => ExprKind::Index(base, at),
            Step::Index2(row, column) => ExprKind::Index2(base, row, column),
            Step::Slice(lo, hi) => ExprKind::Slice(base, lo, hi),
            Step::Slice2(rows, columns) => ExprKind::Slice2(base, rows, columns),
        }
    }
}

impl<'t> Checker<'t> {
    /// Checks a place that is written. `None` if something was wrong with it.
    pub(super) fn place(&mut self, id: tree::ExprId, write: Write) -> Option<Place> {
        let tree = self.tree;
        let (mut chain, mut root): (SmallVec<[tree::ExprId; 8]>, _) = (SmallVec::new(), id);
        let symbol = loop {
            match &tree[root].kind {
                tree::ExprKind::Field(base, _) | tree::ExprKind::Index(base, _) => {
                    chain.push(root);
                    root = *base;
                }
                tree::ExprKind::Name(symbol) => break *symbol,
                tree::ExprKind::Error => {
                    self.incomplete = true;
                    return None;
                }
                _ => {
                    self.report_no_place(id, root, write);
                    return None;
                }
            }
        };
        self.body.writes += 1;
        let name = Name { symbol, span: tree[root].span };
        let Some(local) = self.entry(symbol).local else {
            self.report_no_variable(name, write);
            return None;
        };
        let mut ty = self.local(local).ty;
        // A part of a Str can't be written, whatever holds it; that is said below.
        let mut sound = ty == TypeId::STR && !chain.is_empty() || self.may_write(name, write);
        let mut path = Vec::with_capacity(chain.len());
        for &outer in chain.iter().rev() {
            let tree::Expr { kind, span } = &tree[outer];
            let reach = match kind {
                tree::ExprKind::Field(_, name) => {
                    self.find_field(ty, *name).map(|(field, ty)| Reach { step: Step::Field(field), ty })
                }
                tree::ExprKind::Index(_, indices) => {
                    let reach = self.index_step(ty, indices, *span);
                    if ty == TypeId::STR && reach.is_some() {
                        let diagnostic = Diagnostic::new("E0405", *span, "a part of a Str can't be written", "")
                            .help("a Str does not change: make a new one, or work on `s.bytes()` or `s.chars()`");
                        self.report(diagnostic);
                        None
                    } else {
                        reach
                    }
                }
                _ => unreachable!("only these were put on the chain"),
            };
            match reach {
                Some(reach) => {
                    path.push(reach.step);
                    ty = reach.ty;
                }
                None => (sound, ty) = (false, ERROR),
            }
        }
        (sound && ty != ERROR).then_some(Place { root: local, path, ty, span: tree[id].span })
    }

    /// Whether the local of that name may be written here; reports if not.
    fn may_write(&mut self, name: Name, write: Write) -> bool {
        let Some(id) = self.entry(name.symbol).local else { return false };
        let local = self.local(id);
        let (text, declared) = (self.text(name.symbol), local.span);
        let (is, help) = match local.kind {
            LocalKind::Var | LocalKind::Inout { .. } => {
                if let Some((first, clause)) = self.body.clause
                    && id.0 < first
                {
                    let message = format!("the body of a comprehension can't write `{text}`, which is outside of it");
                    let diagnostic = Diagnostic::new("E0408", name.span, message, "")
                        .and(clause, "its elements may be computed side by side")
                        .help("write a `for` loop");
                    self.report(diagnostic);
                    return false;
                }
                return true;
            }
            LocalKind::Let => ("declared with `let`", format!("declare it with `var {text}`")),
            LocalKind::Loop => ("a loop's variable", format!("copy it: `var copy = {text}`")),
            LocalKind::In => (
                "a parameter that is only read",
                format!(
                    "write `inout {text}: {}` to change the caller's, or copy it to a `var`",
                    self.type_name(local.ty)
                ),
            ),
        };
        let message = match write {
            Write::Assign => format!("`{text}` can't be assigned: it is {is}"),
            Write::Call { name: callee } => {
                format!("`{}` can't change `{text}`: it is {is}", self.text(callee.symbol))
            }
        };
        let diagnostic = Diagnostic::new("E0401", name.span, message, "").and(declared, "declared here").help(help);
        self.report(diagnostic);
        false
    }

    fn report_no_variable(&mut self, name: Name, write: Write) {
        let text = self.text(name.symbol);
        match self.entry(name.symbol).global {
            Global::Const(index) => {
                let message = format!("`{text}` can't be changed: it is a constant");
                let mut diagnostic = Diagnostic::new("E0401", name.span, message, "");
                if let Some(item) = self.consts[index as usize].item {
                    diagnostic = diagnostic.and(item.name.span, "defined here");
                }
                self.report(diagnostic.help(format!("copy it to a variable: `var copy = {text}`")));
            }
            _ => {
                let before = self.diagnostics.len();
                self.report_unknown(name, Wanted::Value);
                if let (Write::Assign, Some(last)) = (write, self.diagnostics.get_mut(before))
                    && last.code == "E0201"
                {
                    last.help.push(format!("a new variable is declared: `var {text} = …`"));
                }
            }
        }
    }

    /// Reports that `id`, whose path starts at `root`, is not a place.
    fn report_no_place(&mut self, id: tree::ExprId, root: tree::ExprId, write: Write) {
        let tree = self.tree;
        let what = match &tree[root].kind {
            tree::ExprKind::Call { .. } | tree::ExprKind::Method { .. } => "the result of a call",
            tree::ExprKind::Int(_) | tree::ExprKind::Float(_) | tree::ExprKind::Bool(_) | tree::ExprKind::Str(_) => {
                "a literal"
            }
            _ => "a computed value",
        };
        let (message, help) = match write {
            Write::Assign => (
                format!("{what} can't be assigned"),
                "on the left stands a variable, then fields and indices: `a[i].x`".to_owned(),
            ),
            Write::Call { name } => {
                let name = self.text(name.symbol);
                (
                    format!("`{name}` changes its argument, but this is {what}, which nobody would see again"),
                    "store it in a `var` first".to_owned(),
                )
            }
        };
        self.report(Diagnostic::new("E0402", tree[id].span, message, "not a place").help(help));
    }

    /// Checks an index of a value of type `ty`. `None` if something was wrong with it.
    pub(super) fn index_step(&mut self, ty: TypeId, indices: &'t [Index], span: Span) -> Option<Reach> {
        let shape = self.shape(ty).clone();
        let (wanted, element) = match shape {
            Type::Array(element) => (1, element),
            Type::Str => (1, TypeId::INT),
            Type::Grid(element) => (2, element),
            _ => (indices.len(), ERROR),
        };
        if ty != ERROR && (element == ERROR || indices.len() != wanted) {
            self.report_index(ty, indices.len(), span);
        }
        let extents: SmallVec<[Extent; 2]> = indices.iter().map(|index| self.extent(index)).collect();
        if element == ERROR {
            return None;
        }
        Some(match (shape, extents.as_slice()) {
            (Type::Array(_) | Type::Str, &[Extent::At(at)]) => Reach { step: Step::Index(at), ty: element },
            (Type::Array(_) | Type::Str, &[Extent::Range(lo, hi)]) => Reach { step: Step::Slice(lo, hi), ty },
            (Type::Grid(_), &[Extent::At(row), Extent::At(column)]) => {
                Reach { step: Step::Index2(row, column), ty: element }
            }
            (Type::Grid(_), &[rows, columns]) => {
                let ty = if matches!(rows, Extent::At(_)) { self.array_of(element, span) } else { ty };
                Reach { step: Step::Slice2(rows, columns), ty }
            }
            _ => return None,
        })
    }

    fn extent(&mut self, index: &'t Index) -> Extent {
        match index {
            Index::At(at) => Extent::At(self.value_of(*at, TypeId::INT)),
            Index::Range { lo, hi, .. } => {
                Extent::Range(lo.map(|lo| self.value_of(lo, TypeId::INT)), hi.map(|hi| self.value_of(hi, TypeId::INT)))
            }
        }
    }

    fn report_index(&mut self, ty: TypeId, count: usize, span: Span) {
        let name = self.type_name(ty);
        let (message, help) = match self.shape(ty) {
            Type::Grid(_) => (
                format!("a grid takes two indices, not {count}"),
                Some("an element is `g[r, c]`, a row `g[r, ..]`, a column `g[.., c]`"),
            ),
            Type::Array(_) | Type::Str => (
                format!("`{name}` takes one index, not {count}"),
                Some("an array of arrays is indexed twice: `a[i][j]`; two indices are for `Grid`"),
            ),
            Type::Struct(_) => (format!("`{name}` can't be indexed"), Some("a field is written `x.name`")),
            _ => (format!("`{name}` can't be indexed"), None),
        };
        let mut diagnostic = Diagnostic::new("E0306", span, message, "");
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        self.report(diagnostic);
    }
}

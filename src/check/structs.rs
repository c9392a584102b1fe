//! Values made from a type's name: structs, conversions, new arrays and grids.

use super::calls::count;
use super::typed::{ExprId, ExprKind};
use super::{Checker, ERROR};
use crate::bytecode::types::TypeId;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use crate::syntax::tree::{self, Name};

impl<'t> Checker<'t> {
    /// `Body(pos: 1.0, vel: 0.0)`
    pub(super) fn construct(
        &mut self,
        ty: TypeId,
        index: u32,
        name: Name,
        args: &'t [tree::Arg],
        span: Span,
    ) -> ExprId {
        let text = self.text(name.symbol);
        let mut given: Vec<Option<Span>> = vec![None; self.types.structs[index as usize].fields.len()];
        let mut fields = Vec::with_capacity(args.len());
        let mut sound = true;
        for arg in args {
            self.refuse_mark(arg, text);
            let Some(label) = arg.label else {
                if sound {
                    let message = format!("the fields of `{text}` are written with their names");
                    let at = self.tree[arg.value].span;
                    let help = format!("write `{text}({})`", self.field_list(index));
                    self.report(Diagnostic::new("E0314", at, message, "which field?").help(help));
                }
                sound = false;
                self.value(arg.value, Some(ERROR));
                continue;
            };
            let Some((field, want)) = self.find_field(ty, label) else {
                sound = false;
                self.value(arg.value, Some(ERROR));
                continue;
            };
            let value = self.value(arg.value, Some(want));
            let declared =
                self.structs[index as usize].map(|item| (item.fields[field].1.span, "because of this field"));
            let value = self.expect(value, want, declared);
            if let Some(first) = given[field].replace(label.span) {
                let message = format!("the field `{}` is given twice", self.text(label.symbol));
                self.report(Diagnostic::new("E0314", label.span, message, "again here").and(first, "first here"));
            }
            fields.push((field, value));
        }
        let missing: Vec<String> = given
            .iter()
            .zip(&self.types.structs[index as usize].fields)
            .filter(|(given, _)| given.is_none())
            .map(|(_, (name, _))| format!("`{name}`"))
            .collect();
        if sound && !missing.is_empty() {
            let shown = missing.len().min(8);
            let more = if shown < missing.len() { " and more" } else { "" };
            let what = if missing.len() == 1 { "the field" } else { "the fields" };
            let message = format!("{what} {}{more} of `{text}` must be given", missing[..shown].join(", "));
            let help = format!("write `{text}({})`", self.field_list(index));
            self.report(Diagnostic::new("E0314", name.span, message, "").help(help));
        }
        self.push(ExprKind::Struct(fields.into()), ty, span)
    }

    /// `pos: …, vel: …`
    fn field_list(&self, index: u32) -> String {
        let fields = &self.types.structs[index as usize].fields;
        let mut list: Vec<_> = fields.iter().take(8).map(|(name, _)| format!("{name}: …")).collect();
        if fields.len() > list.len() {
            list.push("…".into());
        }
        list.join(", ")
    }

    /// `Int(x)`, `Float(n)`, `Str(x)`
    pub(super) fn convert(&mut self, to: TypeId, name: Name, args: &'t [tree::Arg], span: Span) -> ExprId {
        let text = self.text(name.symbol);
        let [arg] = args else {
            let message = format!("`{text}` takes 1 argument, not {}", args.len());
            self.report(Diagnostic::new("E0304", name.span, message, "").help(format!("write `{text}(x)`")));
            self.loose_arguments(args);
            return self.broken(to, span);
        };
        self.refuse_mark(arg, text);
        if let Some(label) = arg.label {
            let message = format!("the argument of `{text}` has no name");
            self.report(Diagnostic::new("E0315", label.span, message, ""));
        }
        let value = self.value(arg.value, None);
        let from = self.ty(value);
        if from == ERROR {
            return self.poison(span);
        }
        let fits = match to {
            TypeId::INT => from == TypeId::FLOAT || from == TypeId::BOOL,
            TypeId::FLOAT => from == TypeId::INT,
            _ => to == TypeId::STR,
        };
        if !fits {
            let found = self.type_name(from);
            let message = format!("`{text}` does not convert `{found}`");
            let mut diagnostic = Diagnostic::new("E0313", self.span(value), message, format!("this is `{found}`"));
            let help = match (from, to) {
                _ if from == to => Some(format!("it is `{text}` already: leave the conversion out")),
                (TypeId::BOOL, TypeId::FLOAT) => Some("write `Float(Int(b))`".into()),
                (TypeId::STR, TypeId::BOOL) => Some("compare it: `s == \"true\"`".into()),
                _ => self.conversion_help(value, to),
            };
            if let Some(help) = help {
                diagnostic = diagnostic.help(help);
            }
            self.report(diagnostic);
            return self.broken(to, span);
        }
        if from == to {
            return value;
        }
        let kind = self.fold_conversion(value, to).unwrap_or(ExprKind::Convert(value));
        self.push(kind, to, span)
    }

    /// `[T](n, fill: v)`
    pub(super) fn new_array(&mut self, element: &tree::TypeExpr, args: &'t [tree::Arg], span: Span) -> ExprId {
        let element = self.resolve_type(element);
        let ty = self.array_of(element, span);
        let form = "`[T](n, fill: v)`, with the number of elements and the value of each";
        match self.new_sequence(element, args, 1, form, span) {
            Some(parts) => self.push(ExprKind::NewArray(parts[0], parts[1]), ty, span),
            None => self.broken(ty, span),
        }
    }

    /// `Grid[T](rows, columns, fill: v)`
    pub(super) fn new_grid(&mut self, element: &tree::TypeExpr, args: &'t [tree::Arg], span: Span) -> ExprId {
        let element = self.resolve_type(element);
        let ty = self.grid_of(element, span);
        let form = "`Grid[T](rows, columns, fill: v)`, with the value of each element";
        match self.new_sequence(element, args, 2, form, span) {
            Some(parts) => self.push(ExprKind::NewGrid(parts[0], parts[1], parts[2]), ty, span),
            None => self.broken(ty, span),
        }
    }

    /// The dimensions, then the fill.
    fn new_sequence(
        &mut self,
        element: TypeId,
        args: &'t [tree::Arg],
        dimensions: usize,
        form: &str,
        span: Span,
    ) -> Option<Vec<ExprId>> {
        let labelled = |arg: &tree::Arg| arg.label.is_some_and(|label| self.text(label.symbol) == "fill");
        let well_formed = args.len() == dimensions + 1
            && args.iter().enumerate().all(|(i, arg)| match i < dimensions {
                true => arg.label.is_none(),
                false => labelled(arg),
            });
        if !well_formed {
            let (code, at, message) = match args.iter().find(|arg| arg.label.is_some() && !labelled(arg)) {
                Some(arg) => {
                    let label = arg.label.expect("it was found by its label");
                    ("E0315", label.span, format!("there is no argument `{}`", self.text(label.symbol)))
                }
                None if args.iter().any(labelled) => {
                    ("E0304", span, format!("it takes {} before `fill:`", count(dimensions, "argument")))
                }
                None => ("E0304", span, "the value of the elements must be given by `fill:`".into()),
            };
            self.report(Diagnostic::new(code, at, message, "").help(format!("write {form}")));
            self.loose_arguments(args);
            return None;
        }
        let mut parts = Vec::with_capacity(args.len());
        for (position, arg) in args.iter().enumerate() {
            self.refuse_mark(arg, "a new array or grid");
            let want = if position < dimensions { TypeId::INT } else { element };
            parts.push(self.value_of(arg.value, want));
        }
        Some(parts)
    }
}

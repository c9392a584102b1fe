//! Expressions: one function for each form, but for operators, calls and loops, which have files of their own.
//!
//! A *hint* is the type that the surroundings need, where they know it beforehand. It decides the type of `[]`, and lets
//! the elements of an array and the blocks of an `if` be blamed one by one; for everything else the surroundings compare
//! the result with what they need.

use super::calls::Receiver;
use super::places::{Reach, Write};
use super::scope::Wanted;
use super::typed::{Block, ExprId, ExprKind, Piece};
use super::{Checker, ERROR, Global};
use crate::bytecode::types::{Type, TypeId};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use crate::syntax::tree::{self, Format, Name, Radix, Symbol};
use smallvec::SmallVec;

impl<'t> Checker<'t> {
    /// Checks an expression whose value is used.
    pub(super) fn value(&mut self, id: tree::ExprId, hint: Option<TypeId>) -> ExprId {
        let value = self.expr(id, hint);
        self.need_value(value)
    }

    /// Checks an expression whose value must be of type `ty`.
    pub(super) fn value_of(&mut self, id: tree::ExprId, ty: TypeId) -> ExprId {
        let value = self.value(id, Some(ty));
        self.expect(value, ty, None)
    }

    /// Reports an expression that gives no value.
    fn need_value(&mut self, id: ExprId) -> ExprId {
        let (ty, span) = (self.ty(id), self.span(id));
        let message = match ty {
            TypeId::UNIT => "this gives no value",
            TypeId::NEVER => "this never gives a value: it does not come back",
            _ => return id,
        };
        let mut diagnostic = Diagnostic::new("E0307", span, message, "a value is needed here");
        if let ExprKind::Call { function, .. } = self.at(id).kind {
            let head = self.functions[function.0 as usize].item.head;
            diagnostic = diagnostic.and(head, "the function has no result: it would be written `-> T`");
        }
        self.report(diagnostic);
        self.poison(span)
    }

    /// Reports a value that is not of type `want`. `why` is the place that asks for that type, if it is not near.
    pub(super) fn expect(&mut self, id: ExprId, want: TypeId, why: Option<(Span, &str)>) -> ExprId {
        let (found, span) = (self.ty(id), self.span(id));
        if found == want || found == ERROR || want == ERROR {
            return id;
        }
        let message = format!("expected `{}`, found `{}`", self.type_name(want), self.type_name(found));
        let mut diagnostic = Diagnostic::new("E0301", span, message, format!("this is `{}`", self.type_name(found)));
        if let Some((span, text)) = why {
            diagnostic = diagnostic.and(span, text);
        }
        if let Some(help) = self.conversion_help(id, want) {
            diagnostic = diagnostic.help(help);
        }
        self.report(diagnostic);
        self.poison(span)
    }

    /// How `id` can be made a value of type `want`.
    pub(super) fn conversion_help(&self, id: ExprId, want: TypeId) -> Option<String> {
        let expr = self.at(id);
        let shown = match &expr.kind {
            ExprKind::Local(local) => self.local(*local).name.as_str(),
            _ => "…",
        };
        Some(match (expr.ty, want) {
            (TypeId::INT, TypeId::FLOAT) => match expr.kind {
                ExprKind::Int(value) => format!("write `{value}.0`"),
                _ => format!("write `Float({shown})`"),
            },
            (TypeId::FLOAT, TypeId::INT) => format!("`Int({shown})` rounds towards zero"),
            (TypeId::BOOL, TypeId::INT) => format!("write `Int({shown})`: 1 for true, 0 for false"),
            (TypeId::INT, TypeId::BOOL) => format!("compare it: `{shown} != 0`"),
            (TypeId::FLOAT, TypeId::BOOL) => format!("compare it: `{shown} != 0.0`"),
            (TypeId::STR, TypeId::INT) => format!("read the number in it: `parse_int({shown})`"),
            (TypeId::STR, TypeId::FLOAT) => format!("read the number in it: `parse_float({shown})`"),
            (_, TypeId::STR) => format!("write `Str({shown})`"),
            (found, want) if self.array_element(want) == Some(found) => format!("write `[{shown}]`"),
            _ => return None,
        })
    }

    /// Checks an expression. Its type is `UNIT` or `NEVER` for a call that gives no value.
    pub(super) fn expr(&mut self, id: tree::ExprId, hint: Option<TypeId>) -> ExprId {
        let tree = self.tree;
        let tree::Expr { kind, span } = &tree[id];
        let span = *span;
        match kind {
            tree::ExprKind::Int(value) => self.int(*value, span),
            tree::ExprKind::Float(value) => self.push(ExprKind::Float(*value), TypeId::FLOAT, span),
            tree::ExprKind::Bool(value) => self.push(ExprKind::Bool(*value), TypeId::BOOL, span),
            tree::ExprKind::Str(text) => self.push(ExprKind::Str(text.clone()), TypeId::STR, span),
            tree::ExprKind::Interpolation(pieces) => self.interpolation(pieces, span),
            tree::ExprKind::Name(symbol) => self.name(*symbol, span),
            tree::ExprKind::Unary(op, operand) => self.unary(*op, *operand, hint, span),
            tree::ExprKind::Binary(..) => self.binary_tree(id, hint),
            tree::ExprKind::Field(..) | tree::ExprKind::Index(..) | tree::ExprKind::Method { .. } => self.postfix(id),
            tree::ExprKind::Call { name, args } => self.call(*name, args, span),
            tree::ExprKind::Array(elements) => self.array(elements, hint, span),
            tree::ExprKind::NewArray(element, args) => self.new_array(element, args, span),
            tree::ExprKind::NewGrid(element, args) => self.new_grid(element, args, span),
            tree::ExprKind::Comprehension { element, clause } => self.comprehension(*element, clause, hint, span),
            tree::ExprKind::Reduction { name, element, clause } => self.reduction(*name, *element, clause, span),
            tree::ExprKind::If { arms, otherwise } => self.if_value(arms, otherwise.as_deref(), hint, span),
            tree::ExprKind::Error => {
                self.incomplete = true;
                self.poison(span)
            }
        }
    }

    fn int(&mut self, value: u64, span: Span) -> ExprId {
        match i64::try_from(value) {
            Ok(value) => self.push(ExprKind::Int(value), TypeId::INT, span),
            Err(_) => {
                let diagnostic = Diagnostic::new("E0504", span, format!("{value} does not fit in an Int"), "")
                    .help("the greatest Int is 9223372036854775807, the least is -9223372036854775808");
                self.report(diagnostic);
                self.poison(span)
            }
        }
    }

    fn name(&mut self, symbol: Symbol, span: Span) -> ExprId {
        let entry = self.entry(symbol);
        if let Some(local) = entry.local {
            let ty = self.local(local).ty;
            return self.push(ExprKind::Local(local), ty, span);
        }
        if let Global::Const(index) = entry.global {
            return self.use_constant(index, span);
        }
        self.report_unknown(Name { symbol, span }, Wanted::Value);
        self.poison(span)
    }

    fn array(&mut self, elements: &'t [tree::ExprId], hint: Option<TypeId>, span: Span) -> ExprId {
        let mut element_type = hint.and_then(|ty| self.array_element(ty));
        let mut why = None;
        let mut values = Vec::with_capacity(elements.len());
        for &element in elements {
            let value = self.value(element, element_type);
            match element_type {
                Some(ty) => values.push(self.expect(value, ty, why)),
                None => {
                    if self.ty(value) != ERROR {
                        element_type = Some(self.ty(value));
                        why = Some((self.span(value), "the elements before it have the type of this one"));
                    }
                    values.push(value);
                }
            }
        }
        let Some(element_type) = element_type else {
            if elements.is_empty() && hint != Some(ERROR) {
                let diagnostic = Diagnostic::new("E0308", span, "the type of this empty array is not known", "")
                    .help("write it: `let xs: [Int] = []`");
                self.report(diagnostic);
            }
            return self.poison(span);
        };
        let ty = self.array_of(element_type, span);
        self.push(ExprKind::Array(values.into()), ty, span)
    }

    fn interpolation(&mut self, pieces: &'t [tree::Piece], span: Span) -> ExprId {
        let mut typed = Vec::with_capacity(pieces.len());
        for piece in pieces {
            typed.push(match piece {
                tree::Piece::Text(text) => Piece::Text(text.clone()),
                tree::Piece::Value { value, format } => {
                    let value = self.value(*value, None);
                    if let Some(format) = format {
                        self.check_format(format, value);
                    }
                    Piece::Value(value, *format)
                }
            });
        }
        self.push(ExprKind::Interpolation(typed.into()), TypeId::STR, span)
    }

    /// Reports a format that does not fit the type of `value`.
    fn check_format(&mut self, format: &Format, value: ExprId) {
        let ty = self.ty(value);
        if ty == ERROR {
            return;
        }
        let number = ty == TypeId::INT || ty == TypeId::FLOAT;
        let (what, fits, whose) = match format.radix {
            Some(Radix::Hex) if ty != TypeId::INT => ("`x`", false, "Int"),
            Some(Radix::Binary) if ty != TypeId::INT => ("`b`", false, "Int"),
            Some(Radix::Exponent) if ty != TypeId::FLOAT => ("`e`", false, "Float"),
            _ if format.precision.is_some() => {
                ("a precision", ty == TypeId::FLOAT || ty == TypeId::STR, "Float and Str")
            }
            _ => ("", true, ""),
        };
        let (what, fits, whose) =
            if fits && format.zero { ("`0`", number, "Int and Float") } else { (what, fits, whose) };
        if !fits {
            let found = self.type_name(ty);
            let message = format!("{what} in a format is for {whose}, not for `{found}`");
            let diagnostic =
                Diagnostic::new("E0312", format.span, message, "").and(self.span(value), format!("this is `{found}`"));
            self.report(diagnostic);
        }
    }

    /// Fields, indices and method calls, from the innermost out.
    fn postfix(&mut self, id: tree::ExprId) -> ExprId {
        let tree = self.tree;
        let (mut chain, mut innermost): (SmallVec<[tree::ExprId; 8]>, _) = (SmallVec::new(), id);
        let mut value = loop {
            match &tree[innermost].kind {
                tree::ExprKind::Method { receiver, name, args } if self.changes_receiver(name.symbol) => {
                    break self.method_on_place(*name, *receiver, args, tree[innermost].span);
                }
                tree::ExprKind::Field(base, _) | tree::ExprKind::Index(base, _) => {
                    chain.push(innermost);
                    innermost = *base;
                }
                tree::ExprKind::Method { receiver, .. } => {
                    chain.push(innermost);
                    innermost = *receiver;
                }
                _ => break self.value(innermost, None),
            }
        };
        for &outer in chain.iter().rev() {
            value = self.need_value(value);
            let tree::Expr { kind, span } = &tree[outer];
            value = match kind {
                tree::ExprKind::Field(_, name) => self.field(value, *name, *span),
                tree::ExprKind::Index(_, indices) => self.index(value, indices, *span),
                tree::ExprKind::Method { name, args, .. } => self.method(*name, value, args, *span),
                _ => unreachable!("only these were put on the chain"),
            };
        }
        value
    }

    fn field(&mut self, base: ExprId, name: Name, span: Span) -> ExprId {
        match self.find_field(self.ty(base), name) {
            Some((index, ty)) => self.push(ExprKind::Field(base, index), ty, span),
            None => self.poison(span),
        }
    }

    /// Index and type of a field; reports if there is none.
    pub(super) fn find_field(&mut self, ty: TypeId, name: Name) -> Option<(usize, TypeId)> {
        if ty == ERROR {
            return None;
        }
        let text = self.text(name.symbol);
        let Type::Struct(index) = *self.shape(ty) else {
            let message = format!("a value of type `{}` has no field `{text}`", self.type_name(ty));
            let mut diagnostic = Diagnostic::new("E0204", name.span, message, "only structs have fields");
            let entry = self.entry(name.symbol);
            if entry.overloads.is_some() || matches!(entry.global, Global::Function(_)) {
                diagnostic = diagnostic.help(format!("call the function: `.{text}(…)`"));
            } else if matches!(text, "length" | "size" | "count") {
                diagnostic = diagnostic.help("the length is a function: `.len()`");
            }
            self.report(diagnostic);
            return None;
        };
        if let Some(&field) = self.fields.get(&(index, name.symbol)) {
            return Some((field as usize, self.types.structs[index as usize].fields[field as usize].1));
        }
        let message = format!("the struct `{}` has no field `{text}`", self.type_name(ty));
        let mut diagnostic = Diagnostic::new("E0204", name.span, message, "not found");
        if let Some(meant) = self.suggest_field(index, text) {
            diagnostic = diagnostic.help(format!("did you mean `{meant}`?"));
        } else if matches!(self.entry(name.symbol).global, Global::Function(_)) {
            diagnostic = diagnostic.help(format!("call the function: `.{text}(…)`"));
        }
        self.report(diagnostic);
        None
    }

    /// The field that was probably meant.
    pub(super) fn suggest_field(&mut self, index: u32, text: &str) -> Option<String> {
        if self.suggestion_budget == 0 {
            return None;
        }
        let names: Vec<String> = self.types.structs[index as usize].fields.iter().map(|f| f.0.clone()).collect();
        self.suggest(text, names.iter().map(String::as_str).collect()).map(str::to_owned)
    }

    fn index(&mut self, base: ExprId, indices: &'t [tree::Index], span: Span) -> ExprId {
        match self.index_step(self.ty(base), indices, span) {
            Some(Reach { step, ty }) => self.push(step.on(base), ty, span),
            None => self.poison(span),
        }
    }

    /// An `if` whose value is used. Its type is `NEVER` if all its blocks leave.
    fn if_value(
        &mut self,
        arms: &'t [(tree::ExprId, tree::Block)],
        otherwise: Option<&'t tree::Block>,
        hint: Option<TypeId>,
        span: Span,
    ) -> ExprId {
        let Some(otherwise) = otherwise else {
            let diagnostic = Diagnostic::new("E0309", span, "an `if` whose value is used needs an `else`", "")
                .help("add `else { … }` with the value for the other case");
            self.report(diagnostic);
            let mark = self.diagnostics.len();
            self.if_statement(arms, None, span);
            // What its blocks say about unused values is the same mistake.
            let said = self.diagnostics.split_off(mark);
            self.diagnostics.extend(said.into_iter().filter(|d| d.code != "E0316" && d.code != "E0317"));
            return self.poison(span);
        };
        let hint = hint.filter(|&ty| ty != ERROR);
        let mut found: Option<(TypeId, Span)> = None;
        let mut poisoned = false;
        let mut block = |checker: &mut Self, block: &'t tree::Block| {
            let mut typed = checker.value_block(block, hint.or(found.map(|f| f.0)));
            if let Some(value) = typed.value {
                let (ty, span) = (checker.ty(value), checker.span(value));
                typed.value = Some(match (hint, found) {
                    (Some(want), _) => checker.expect(value, want, None),
                    (None, Some((want, first))) => {
                        checker.expect(value, want, Some((first, "the value of another block")))
                    }
                    (None, None) => value,
                });
                match found {
                    None if ty != ERROR => found = Some((hint.unwrap_or(ty), span)),
                    _ => poisoned |= ty == ERROR,
                }
            }
            typed
        };
        let mut typed_arms: Vec<(ExprId, Block)> = Vec::with_capacity(arms.len());
        for (cond, body) in arms {
            let cond = self.condition(*cond);
            typed_arms.push((cond, block(self, body)));
        }
        let otherwise = block(self, otherwise);
        let ty = match found {
            Some((ty, _)) => ty,
            None if poisoned => ERROR,
            None => TypeId::NEVER,
        };
        self.push(ExprKind::If { arms: typed_arms.into(), otherwise: Some(Box::new(otherwise)) }, ty, span)
    }

    /// The condition of an `if` or a `while`.
    pub(super) fn condition(&mut self, id: tree::ExprId) -> ExprId {
        let cond = self.value(id, Some(TypeId::BOOL));
        let (ty, span) = (self.ty(cond), self.span(cond));
        if ty == TypeId::BOOL || ty == ERROR {
            return cond;
        }
        let message = format!("a condition is a `Bool`, not `{}`", self.type_name(ty));
        let mut diagnostic = Diagnostic::new("E0303", span, message, "");
        if let Some(help) = self.conversion_help(cond, TypeId::BOOL) {
            diagnostic = diagnostic.help(help);
        } else if ty == TypeId::STR || self.is_sequence(ty) {
            diagnostic = diagnostic.help("write what is asked, like `….len() > 0`");
        }
        self.report(diagnostic);
        self.poison(span)
    }

    /// Checks a place that is written, and makes a method call of it.
    fn method_on_place(&mut self, name: Name, receiver: tree::ExprId, args: &'t [tree::Arg], span: Span) -> ExprId {
        let writes = self.body.writes;
        let place = self.place(receiver, Write::Call { name });
        self.function_or_builtin(name, Some(Receiver::Place(place, writes)), args, span)
    }
}

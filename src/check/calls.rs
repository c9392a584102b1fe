//! Calls of functions and built-ins: which one is meant, how its arguments are passed.

use super::clauses::REDUCTIONS;
use super::places::Write;
use super::scope::{Wanted, over_elements};
use super::typed::{Arg, ExprId, ExprKind, FunctionId, LocalKind, Place, Step};
use super::{Checker, ERROR, Global, Parameter};
use crate::bytecode::builtins::{BUILTINS, Builtin, Mode, Pattern};
use crate::bytecode::types::{Type, TypeId};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use crate::syntax::tree::{self, Name, Symbol};
use smallvec::SmallVec;

/// What stands before the dot of a method call.
pub(super) enum Receiver {
    /// A value.
    Value(ExprId),
    /// A place that the call may write, `None` if something was wrong with it; and how many places were written
    /// before it.
    Place(Option<Place>, u32),
}

/// A built-in that the arguments so far fit, and what `T` or `N` is by them.
#[derive(Clone, Copy)]
struct Candidate {
    builtin: u16,
    of: Option<TypeId>,
}

impl Candidate {
    fn signature(self) -> &'static Builtin {
        &BUILTINS[self.builtin as usize]
    }
}

impl<'t> Checker<'t> {
    /// `name(args)`
    pub(super) fn call(&mut self, name: Name, args: &'t [tree::Arg], span: Span) -> ExprId {
        let entry = self.entry(name.symbol);
        let text = self.text(name.symbol);
        match entry.global {
            Global::Function(_) => self.function_or_builtin(name, None, args, span),
            Global::Type(ty) => match *self.shape(ty) {
                Type::Struct(index) => self.construct(ty, index, name, args, span),
                _ => self.convert(ty, name, args, span),
            },
            _ if entry.overloads.is_some() && !text.starts_with("__") => {
                self.function_or_builtin(name, None, args, span)
            }
            _ if text == "assert" => self.assert(name, args, span),
            _ => {
                if text == "Grid" {
                    let diagnostic = Diagnostic::new("E0202", name.span, "a grid is made with its element type", "")
                        .help("write `Grid[Int](rows, columns, fill: 0)`");
                    self.report(diagnostic);
                } else {
                    self.report_unknown(name, Wanted::Function);
                }
                self.loose_arguments(args);
                self.poison(span)
            }
        }
    }

    /// `receiver.name(args)`, where the receiver is only read.
    pub(super) fn method(&mut self, name: Name, receiver: ExprId, args: &'t [tree::Arg], span: Span) -> ExprId {
        let entry = self.entry(name.symbol);
        let text = self.text(name.symbol);
        let is_builtin = entry.overloads.is_some() && !text.starts_with("__");
        if matches!(entry.global, Global::Function(_)) || is_builtin {
            return self.function_or_builtin(name, Some(Receiver::Value(receiver)), args, span);
        }
        let ty = self.ty(receiver);
        let field = match *self.shape(ty) {
            Type::Struct(index) => self.fields.contains_key(&(index, name.symbol)),
            _ => false,
        };
        if ty == ERROR {
            // It may have been meant for a type that is not known.
        } else if field {
            let diagnostic = Diagnostic::new("E0206", name.span, format!("`{text}` is a field, not a function"), "")
                .help("leave the parentheses out");
            self.report(diagnostic);
        } else if let Global::Type(_) = entry.global {
            let diagnostic = Diagnostic::new("E0206", name.span, format!("`{text}` is a type, not a function"), "")
                .help(format!("write `{text}(…)` with the value in the parentheses"));
            self.report(diagnostic);
        } else {
            self.report_unknown(name, Wanted::Function);
        }
        self.loose_arguments(args);
        self.poison(span)
    }

    /// Whether a method call of that name may write its receiver.
    pub(super) fn changes_receiver(&self, symbol: Symbol) -> bool {
        let entry = self.entry(symbol);
        match (entry.global, entry.overloads) {
            (Global::Function(index), _) => {
                self.functions[index as usize].params.first().is_some_and(|param| param.inout)
            }
            (_, Some(list)) => {
                let first = self.overloads[list as usize][0];
                let builtin = &BUILTINS[first as usize];
                !builtin.name.starts_with("__") && builtin.params.first().is_some_and(|p| p.1 != Mode::In)
            }
            _ => false,
        }
    }

    /// A call of the function or built-in of that name: the program's own win.
    pub(super) fn function_or_builtin(
        &mut self,
        name: Name,
        receiver: Option<Receiver>,
        args: &'t [tree::Arg],
        span: Span,
    ) -> ExprId {
        let entry = self.entry(name.symbol);
        match (entry.global, entry.overloads) {
            (Global::Function(index), _) => self.call_function(index, name, receiver, args, span),
            (_, Some(list)) => self.call_builtin(list, name, receiver, args, span),
            _ => self.poison(span),
        }
    }

    fn call_function(
        &mut self,
        index: u32,
        name: Name,
        mut receiver: Option<Receiver>,
        args: &'t [tree::Arg],
        span: Span,
    ) -> ExprId {
        let signature = &self.functions[index as usize];
        let (item, result, expected) = (signature.item, signature.result, signature.params.len());
        let before = usize::from(receiver.is_some());
        self.facts.called(self.body.function, index);
        self.refuse_labels(args);
        if expected != before + args.len() {
            let message = format!(
                "`{}` takes {}, not {}",
                self.text(name.symbol),
                count(expected, "argument"),
                before + args.len()
            );
            self.report(Diagnostic::new("E0304", name.span, message, "").and(item.head, "defined here"));
            self.loose_arguments(args);
            // An argument too many or too few says nothing about the result.
            return self.broken(result, span);
        }
        let writes = self.writes_before(&receiver);
        let mut typed = Vec::with_capacity(expected);
        let mut sound = true;
        for position in 0..expected {
            let Parameter { inout, ty } = self.functions[index as usize].params[position];
            let argument = match receiver.take() {
                Some(receiver) => self.receiver_argument(receiver),
                None => self.argument(&args[position - before], inout, Some(ty), name),
            };
            let argument = argument.and_then(|argument| {
                let why = (item.params[position].ty.span, "because of this parameter");
                self.fit_argument(argument, ty, why)
            });
            match argument {
                Some(argument) => {
                    if let (Arg::Inout(place), true) = (&argument, self.is_sequence(ty)) {
                        self.note_passed(index, position, place);
                    }
                    typed.push(argument);
                }
                None => sound = false,
            }
        }
        if !sound {
            return self.broken(result, span);
        }
        let may_overlap = self.compare_arguments(&typed, writes);
        let function = FunctionId(index);
        self.push(ExprKind::Call { function, args: typed.into(), may_overlap }, result, span)
    }

    /// Notes what a place passed to an `inout` parameter tells about resizing.
    fn note_passed(&mut self, callee: u32, position: usize, place: &Place) {
        if let Some(Step::Slice(..) | Step::Slice2(..)) = place.path.last() {
            self.facts.slice_passed(callee, position as u32, place.span);
        } else if place.path.is_empty() && matches!(self.local(place.root).kind, LocalKind::Inout { .. }) {
            self.facts.passed_on((self.body.function, place.root.0), (callee, position as u32));
        }
    }

    /// How many places were written before the first argument.
    fn writes_before(&self, receiver: &Option<Receiver>) -> u32 {
        match receiver {
            Some(Receiver::Place(_, writes)) => *writes,
            _ => self.body.writes,
        }
    }

    fn receiver_argument(&mut self, receiver: Receiver) -> Option<Arg> {
        match receiver {
            Receiver::Value(value) => (self.ty(value) != ERROR).then_some(Arg::In(value)),
            Receiver::Place(place, _) => place.map(Arg::Inout),
        }
    }

    /// Reports an argument that is not of type `want`.
    fn fit_argument(&mut self, argument: Arg, want: TypeId, why: (Span, &str)) -> Option<Arg> {
        match argument {
            Arg::In(value) => {
                let value = self.expect(value, want, Some(why));
                (self.ty(value) != ERROR).then_some(Arg::In(value))
            }
            Arg::Inout(place) if place.ty == want => Some(Arg::Inout(place)),
            Arg::Inout(place) => {
                if want != ERROR {
                    let (want, found) = (self.type_name(want), self.type_name(place.ty));
                    let message = format!("expected `{want}`, found `{found}`");
                    let diagnostic = Diagnostic::new("E0301", place.span, message, format!("this is `{found}`"))
                        .and(why.0, why.1)
                        .help("a place that a call may write is of exactly the parameter's type");
                    self.report(diagnostic);
                }
                None
            }
        }
    }

    /// Checks an argument for a parameter that is `inout` or not. `None` if something was wrong with it.
    fn argument(&mut self, arg: &'t tree::Arg, inout: bool, hint: Option<TypeId>, callee: Name) -> Option<Arg> {
        match (inout, arg.inout) {
            (true, Some(_)) => self.place(arg.value, Write::Call { name: callee }).map(Arg::Inout),
            (true, None) => {
                let value = self.value(arg.value, hint);
                if self.ty(value) != ERROR {
                    self.report_missing_mark(value, callee);
                }
                None
            }
            (false, Some(mark)) => {
                let text = self.text(callee.symbol);
                let message = format!("`{text}` only reads this argument, so it is passed without `&`");
                self.report(Diagnostic::new("E0404", mark, message, "").help("take the `&` away"));
                self.value(arg.value, hint);
                None
            }
            (false, None) => {
                let value = self.value(arg.value, hint);
                (self.ty(value) != ERROR).then_some(Arg::In(value))
            }
        }
    }

    fn report_missing_mark(&mut self, value: ExprId, callee: Name) {
        let (text, span) = (self.text(callee.symbol), self.span(value));
        let diagnostic = match self.read_path(value) {
            Some((root, path)) => {
                let root = &self.local(root).name;
                let rest = if path.is_empty() { "" } else { "…" };
                Diagnostic::new("E0403", span, format!("`{text}` may change this argument: mark it with `&`"), "")
                    .help(format!("write `&{root}{rest}`"))
            }
            None => {
                let message = format!("`{text}` changes this argument, but it is not a place");
                Diagnostic::new("E0402", span, message, "not a place")
                    .help("store it in a `var` and pass that with `&`")
            }
        };
        self.report(diagnostic);
    }

    /// Reports the first argument that has a name.
    fn refuse_labels(&mut self, args: &[tree::Arg]) {
        if let Some(label) = args.iter().find_map(|arg| arg.label) {
            let text = self.text(label.symbol);
            let message = format!("arguments of a function have no names, but here is `{text}:`");
            let diagnostic = Diagnostic::new("E0315", label.span, message, "")
                .help("names are for the fields of a struct, and for `fill:` of a new array or grid");
            self.report(diagnostic);
        }
    }

    /// Checks arguments of which nothing is known, for what is wrong inside of them.
    pub(super) fn loose_arguments(&mut self, args: &'t [tree::Arg]) {
        for arg in args {
            self.value(arg.value, Some(ERROR));
        }
    }

    fn arg_type(&self, arg: &Arg) -> TypeId {
        match arg {
            Arg::In(value) => self.ty(*value),
            Arg::Inout(place) => place.ty,
        }
    }

    fn call_builtin(
        &mut self,
        list: u16,
        name: Name,
        mut receiver: Option<Receiver>,
        args: &'t [tree::Arg],
        span: Span,
    ) -> ExprId {
        self.refuse_labels(args);
        let before = usize::from(receiver.is_some());
        let total = before + args.len();
        let all: SmallVec<[Candidate; 4]> =
            self.overloads[list as usize].iter().map(|&builtin| Candidate { builtin, of: None }).collect();
        let mut fitting: SmallVec<[Candidate; 4]> =
            all.iter().copied().filter(|c| c.signature().params.len() == total).collect();
        let Some(&model) = fitting.first() else {
            let text = self.text(name.symbol);
            let message = match total {
                0 => format!("`{text}` takes arguments"),
                _ => format!("`{text}` does not take {}", count(total, "argument")),
            };
            let mut diagnostic = Diagnostic::new("E0304", name.span, message, "").help(signatures(&all));
            if total == 1 && REDUCTIONS.iter().any(|reduction| reduction.0 == text) {
                diagnostic = diagnostic.help(over_elements(text));
            }
            self.report(diagnostic);
            self.loose_arguments(args);
            return self.poison(span);
        };
        let writes = self.writes_before(&receiver);
        let mut typed = Vec::with_capacity(total);
        let mut sound = true;
        for position in 0..total {
            let inout = model.signature().params[position].1 != Mode::In;
            let argument = match receiver.take() {
                Some(receiver) => self.receiver_argument(receiver),
                None => {
                    let hint = self.common_hint(&fitting, position);
                    self.argument(&args[position - before], inout, hint, name)
                }
            };
            let Some(argument) = argument else {
                sound = false;
                continue;
            };
            let ty = self.arg_type(&argument);
            let tried = fitting.clone();
            fitting.retain(|c| self.unify(c.signature().params[position].2, ty, &mut c.of));
            if fitting.is_empty() {
                if sound {
                    self.report_unfit(&tried, position, &argument, name);
                }
                sound = false;
                // What comes next is checked for what is wrong inside of it.
                self.loose_arguments(&args[(position + 1).saturating_sub(before)..]);
                break;
            }
            typed.push(argument);
        }
        let chosen = fitting.first().copied().unwrap_or(model);
        let signature = chosen.signature();
        let result = self.instantiate(signature.result, chosen.of).unwrap_or(ERROR);
        if !sound {
            // Where the result depends on the arguments, nothing is known of it.
            let known = all.iter().all(|c| c.signature().result == signature.result);
            return self.broken(if known { result } else { ERROR }, span);
        }
        self.body.effects = self.body.effects.with(signature.effects);
        self.check_resizing(signature, &typed, name);
        self.check_order(signature, chosen.of, &typed);
        let may_overlap = self.compare_arguments(&typed, writes);
        let of = chosen.of.unwrap_or(TypeId::UNIT);
        let kind = ExprKind::Builtin { builtin: chosen.builtin, of, args: typed.into(), may_overlap };
        self.push(kind, result, span)
    }

    /// The type of the parameter at `position`, if all candidates agree on it.
    fn common_hint(&mut self, candidates: &[Candidate], position: usize) -> Option<TypeId> {
        let mut hints = candidates.iter().map(|c| self.instantiate(c.signature().params[position].2, c.of));
        let first = hints.next()??;
        hints.all(|hint| hint == Some(first)).then_some(first)
    }

    /// A built-in that resizes an array takes no slice of one; a parameter that it resizes is resized by the function.
    fn check_resizing(&mut self, signature: &Builtin, args: &[Arg], name: Name) {
        for (arg, param) in args.iter().zip(signature.params) {
            let Arg::Inout(place) = arg else { continue };
            if param.1 != Mode::Inout || !self.is_sequence(place.ty) {
                continue;
            }
            if let Some(Step::Slice(..) | Step::Slice2(..)) = place.path.last() {
                let (name, span) = (self.text(name.symbol), place.span);
                self.report_slice_resized(name, span);
            } else if place.path.is_empty() {
                self.note_resized(place);
            }
        }
    }

    /// Reports a slice that is passed to what may change its length.
    pub(super) fn report_slice_resized(&mut self, callee: &str, span: Span) {
        let message = format!("`{callee}` may change the length of this argument, and a slice's length can't change");
        let diagnostic =
            Diagnostic::new("E0406", span, message, "a slice").help("pass the whole array, or work on a copy");
        self.report(diagnostic);
    }

    /// Notes that the variable `place` is assigned as a whole or resized.
    pub(super) fn note_resized(&mut self, place: &Place) {
        if matches!(self.local(place.root).kind, LocalKind::Inout { .. }) && self.is_sequence(place.ty) {
            self.facts.resized((self.body.function, place.root.0));
        }
    }

    /// `min`, `max` and sorting need an order.
    fn check_order(&mut self, signature: &Builtin, of: Option<TypeId>, args: &[Arg]) {
        if !matches!(signature.name, "min" | "max" | "sort" | "sorted") {
            return;
        }
        if let Some(ty) = of
            && !self.is_ordered(ty)
        {
            let span = match &args[0] {
                Arg::In(value) => self.span(*value),
                Arg::Inout(place) => place.span,
            };
            self.report_unordered(signature.name, ty, span);
        }
    }

    /// Reports values without an order.
    pub(super) fn report_unordered(&mut self, name: &str, ty: TypeId, span: Span) {
        let message = format!("`{name}` needs values that have an order, and `{}` has none", self.type_name(ty));
        self.report(Diagnostic::new("E0302", span, message, "").help("values that hold a grid compare with `==` only"));
    }

    fn report_unfit(&mut self, tried: &[Candidate], position: usize, argument: &Arg, name: Name) {
        let found = self.type_name(self.arg_type(argument));
        let span = match argument {
            Arg::In(value) => self.span(*value),
            Arg::Inout(place) => place.span,
        };
        let message = format!("`{}` does not take `{found}` here", self.text(name.symbol));
        let mut diagnostic = Diagnostic::new("E0305", span, message, format!("this is `{found}`"));
        if let (Arg::In(value), [only]) = (argument, tried)
            && let Some(want) = self.instantiate(only.signature().params[position].2, only.of)
            && let Some(help) = self.conversion_help(*value, want)
        {
            diagnostic = diagnostic.help(help);
        }
        self.report(diagnostic.help(signatures(tried)));
    }

    /// Whether `ty` fits `pattern`; finds out what `T` or `N` is.
    fn unify(&self, pattern: Pattern, ty: TypeId, of: &mut Option<TypeId>) -> bool {
        let mut bind = |ty: TypeId| *of.get_or_insert(ty) == ty;
        match (pattern, self.shape(ty)) {
            (Pattern::T, _) => bind(ty),
            (Pattern::N, Type::Int | Type::Float) => bind(ty),
            (Pattern::ArrayT, Type::Array(element)) | (Pattern::GridT, Type::Grid(element)) => bind(*element),
            (Pattern::Ints, Type::Array(element)) | (Pattern::GridInt, Type::Grid(element)) => *element == TypeId::INT,
            (Pattern::Strs, Type::Array(element)) => *element == TypeId::STR,
            (Pattern::Int, Type::Int) => true,
            (Pattern::Float, Type::Float) => true,
            (Pattern::Bool, Type::Bool) => true,
            (Pattern::Str, Type::Str) => true,
            (Pattern::Rng, _) => ty == self.rng,
            _ => false,
        }
    }

    /// The type that `pattern` stands for, as far as that is known.
    fn instantiate(&mut self, pattern: Pattern, of: Option<TypeId>) -> Option<TypeId> {
        Some(match pattern {
            Pattern::Unit => TypeId::UNIT,
            Pattern::Never => TypeId::NEVER,
            Pattern::Int => TypeId::INT,
            Pattern::Float => TypeId::FLOAT,
            Pattern::Bool => TypeId::BOOL,
            Pattern::Str => TypeId::STR,
            Pattern::T | Pattern::N => of?,
            Pattern::Ints => self.types.array(TypeId::INT),
            Pattern::Strs => self.types.array(TypeId::STR),
            Pattern::ArrayT => self.types.array(of?),
            Pattern::GridT => self.types.grid(of?),
            Pattern::GridInt => self.types.grid(TypeId::INT),
            Pattern::Rng => self.rng,
        })
    }

    fn assert(&mut self, name: Name, args: &'t [tree::Arg], span: Span) -> ExprId {
        if args.is_empty() || args.len() > 2 {
            let diagnostic =
                Diagnostic::new("E0304", name.span, "`assert` takes a condition, and a message if you like", "")
                    .help("`assert(x > 0)` or `assert(x > 0, \"x is {x}\")`");
            self.report(diagnostic);
            self.loose_arguments(args);
            return self.broken(TypeId::UNIT, span);
        }
        self.refuse_labels(args);
        for arg in args {
            self.refuse_mark(arg, "assert");
        }
        let cond = self.condition(args[0].value);
        let message = args.get(1).map(|arg| self.value_of(arg.value, TypeId::STR));
        self.push(ExprKind::Assert(cond, message), TypeId::UNIT, span)
    }

    /// Reports `&` before an argument that is only read.
    pub(super) fn refuse_mark(&mut self, arg: &tree::Arg, callee: &str) {
        if let Some(mark) = arg.inout {
            let message = format!("`{callee}` only reads this argument, so it is passed without `&`");
            self.report(Diagnostic::new("E0404", mark, message, "").help("take the `&` away"));
        }
    }
}

/// `2 arguments`
pub(super) fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// The signatures of these built-ins, for a line of help.
fn signatures(candidates: &[Candidate]) -> String {
    let texts: Vec<_> = candidates.iter().map(|c| signature(c.signature())).collect();
    format!("it is {}", texts.join(" or "))
}

fn signature(builtin: &Builtin) -> String {
    let pattern = |pattern: Pattern| match pattern {
        Pattern::Unit => "()",
        Pattern::Never => "never",
        Pattern::Int => "Int",
        Pattern::Float => "Float",
        Pattern::Bool => "Bool",
        Pattern::Str => "Str",
        Pattern::T => "T",
        Pattern::N => "N",
        Pattern::Ints => "[Int]",
        Pattern::Strs => "[Str]",
        Pattern::ArrayT => "[T]",
        Pattern::GridT => "Grid[T]",
        Pattern::GridInt => "Grid[Int]",
        Pattern::Rng => "Rng",
    };
    let params: Vec<_> = builtin
        .params
        .iter()
        .map(|&(name, mode, ty)| format!("{}{name}: {}", if mode == Mode::In { "" } else { "inout " }, pattern(ty)))
        .collect();
    let result = match builtin.result {
        Pattern::Unit | Pattern::Never => String::new(),
        result => format!(" -> {}", pattern(result)),
    };
    format!("`{}({}){result}`", builtin.name, params.join(", "))
}

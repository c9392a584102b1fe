//! The items of a program: their names, the fields and the layout of structs, the signatures of functions.

use super::consts::Constant;
use super::scope::Wanted;
use super::{Checker, ERROR, Global, MAX_PARAMS, Parameter, Signature};
use crate::bytecode::builtins::{BUILTINS, FLOAT_CONSTANTS, INT_CONSTANTS};
use crate::bytecode::types::{MAX_STRUCT_SLOTS, StructType, Type, TypeId};
use crate::check::typed::ConstValue;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use crate::syntax::tree::{Item, Name, TypeExpr, TypeKind};
use rustc_hash::FxHashMap;

/// Where an item stands.
pub(super) fn span(item: &Item) -> Span {
    match item {
        Item::Const(item) => item.span,
        Item::Struct(item) => item.span,
        Item::Function(item) => item.head,
    }
}

impl Checker<'_> {
    /// Declares what is there without a declaration, then the program's items.
    pub(super) fn collect(&mut self) {
        self.predeclare();
        let tree = self.tree;
        for item in &tree.items {
            let (name, global) = match item {
                Item::Const(item) => {
                    self.consts.push(Constant::of_program(item, self.text(item.name.symbol)));
                    (item.name, Global::Const(self.consts.len() as u32 - 1))
                }
                Item::Struct(item) => {
                    let ty = self.declare_struct(self.text(item.name.symbol));
                    self.structs.push(Some(item));
                    (item.name, Global::Type(ty))
                }
                Item::Function(item) => {
                    self.functions.push(Signature { item, params: Vec::new(), result: ERROR });
                    (item.name, Global::Function(self.functions.len() as u32 - 1))
                }
            };
            self.define(name, global);
        }
    }

    fn predeclare(&mut self) {
        self.rng = self.declare_struct("Rng");
        self.structs.push(None);
        self.types.structs[0].fields.push(("seed".into(), TypeId::INT));
        self.types.lay_out(self.rng);
        if let Some(seed) = self.tree.names.find("seed") {
            self.fields.insert((0, seed), 0);
        }
        let basic = [("Int", TypeId::INT), ("Float", TypeId::FLOAT), ("Bool", TypeId::BOOL), ("Str", TypeId::STR)];
        for (name, ty) in basic.into_iter().chain([("Rng", self.rng)]) {
            self.name_globally(name, Global::Type(ty));
        }
        let floats = FLOAT_CONSTANTS.iter().map(|&(name, value)| (name, TypeId::FLOAT, ConstValue::Float(value)));
        let ints = INT_CONSTANTS.iter().map(|&(name, value)| (name, TypeId::INT, ConstValue::Int(value)));
        for (name, ty, value) in floats.chain(ints) {
            self.consts.push(Constant::predeclared(name, ty, value));
            self.name_globally(name, Global::Const(self.consts.len() as u32 - 1));
        }
        let mut known: FxHashMap<&str, u16> = FxHashMap::default();
        for (index, builtin) in BUILTINS.iter().enumerate() {
            let list = *known.entry(builtin.name).or_insert_with(|| {
                self.overloads.push(Vec::new());
                self.overloads.len() as u16 - 1
            });
            self.overloads[list as usize].push(index as u16);
            if let Some(symbol) = self.tree.names.find(builtin.name) {
                self.names[symbol.0 as usize].overloads = Some(list);
            }
        }
    }

    fn name_globally(&mut self, name: &str, global: Global) {
        if let Some(symbol) = self.tree.names.find(name) {
            self.names[symbol.0 as usize].global = global;
        }
    }

    fn declare_struct(&mut self, name: &str) -> TypeId {
        self.types.structs.push(StructType { name: name.into(), fields: Vec::new() });
        self.types.add(Type::Struct(self.types.structs.len() as u32 - 1))
    }

    /// Gives `name` its meaning, unless it is reserved or taken.
    fn define(&mut self, name: Name, global: Global) {
        let text = self.text(name.symbol);
        let taken = self.entry(name.symbol).global;
        let first = match taken {
            Global::Type(ty) => match *self.types.get(ty) {
                Type::Struct(index) => self.structs[index as usize].map(|item| item.name.span),
                _ => None,
            },
            Global::Const(index) => self.consts[index as usize].item.map(|item| item.name.span),
            Global::Function(index) => Some(self.functions[index as usize].item.name.span),
            Global::None => None,
        };
        if let Some(first) = first {
            let diagnostic = Diagnostic::new("E0205", name.span, format!("`{text}` is defined twice"), "again here")
                .and(first, "first here")
                .help("give one of them another name");
            return self.report(diagnostic);
        }
        // Predeclared types have no item; neither have predeclared constants, but those may be redefined.
        let reserved = match taken {
            Global::Type(_) => Some("the name of a type that is always there"),
            _ if text == "Grid" => Some("the name of a type that is always there"),
            _ if text.starts_with("__") => Some("reserved: names that begin with `__` are the machine's"),
            _ => None,
        };
        if let Some(why) = reserved {
            let diagnostic =
                Diagnostic::new("E0207", name.span, format!("`{text}` is {why}"), "").help("choose another name");
            self.report(diagnostic);
            // Uses of it are right all the same, unless they mean a basic type.
            if !matches!(taken, Global::Type(ty) if ty != self.rng) {
                self.names[name.symbol.0 as usize].global = global;
            }
            return;
        }
        self.names[name.symbol.0 as usize].global = global;
    }

    /// The type that is written there.
    pub(super) fn resolve_type(&mut self, ty: &TypeExpr) -> TypeId {
        match &ty.kind {
            TypeKind::Name(name) => match self.entry(name.symbol).global {
                Global::Type(ty) => ty,
                _ => {
                    self.report_unknown(*name, Wanted::Type);
                    ERROR
                }
            },
            TypeKind::Array(element) => {
                let element = self.resolve_type(element);
                self.array_of(element, ty.span)
            }
            TypeKind::Grid(element) => {
                let element = self.resolve_type(element);
                self.grid_of(element, ty.span)
            }
        }
    }

    /// Reads the fields of all structs.
    pub(super) fn resolve_fields(&mut self) {
        for index in 0..self.structs.len() {
            let Some(item) = self.structs[index] else { continue };
            if item.fields.is_empty() {
                let message = format!("the struct `{}` has no fields", self.text(item.name.symbol));
                self.report(Diagnostic::new("E0508", item.name.span, message, "").help("give it at least one"));
            }
            for (number, (name, ty)) in item.fields.iter().enumerate() {
                let text = self.text(name.symbol);
                let resolved = self.resolve_type(ty);
                self.types.structs[index].fields.push((text.into(), resolved));
                let first = *self.fields.entry((index as u32, name.symbol)).or_insert(number as u32);
                if first as usize != number {
                    let diagnostic = Diagnostic::new(
                        "E0205",
                        name.span,
                        format!("the field `{text}` is defined twice"),
                        "again here",
                    )
                    .and(item.fields[first as usize].0.span, "first here");
                    self.report(diagnostic);
                }
            }
        }
    }

    /// Computes the slots of all structs, those inside of others first.
    pub(super) fn lay_out_structs(&mut self) {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Sound,
            Broken,
        }
        let mut states = vec![State::New; self.structs.len()];
        states[0] = State::Sound;
        for start in 1..states.len() {
            if states[start] != State::New {
                continue;
            }
            states[start] = State::Open;
            // A struct, its next field, whether all so far are sound.
            let mut path = vec![(start, 0, true)];
            while let Some(&mut (index, ref mut next, ref mut sound)) = path.last_mut() {
                let Some(&(_, ty)) = self.types.structs[index].fields.get(*next) else {
                    let sound = *sound;
                    path.pop();
                    let sound = sound && self.lay_out(index);
                    states[index] = if sound { State::Sound } else { State::Broken };
                    if let Some(outer) = path.last_mut() {
                        outer.2 &= sound;
                    }
                    continue;
                };
                let field = *next;
                *next += 1;
                *sound &= ty != ERROR;
                let Type::Struct(inner) = *self.shape(ty) else { continue };
                match states[inner as usize] {
                    State::Sound => {}
                    State::Broken => *sound = false,
                    State::New => {
                        states[inner as usize] = State::Open;
                        path.push((inner as usize, 0, true));
                    }
                    State::Open => {
                        *sound = false;
                        self.report_endless(index, field, inner as usize);
                    }
                }
            }
        }
    }

    fn lay_out(&mut self, index: usize) -> bool {
        let ty = self.types.add(Type::Struct(index as u32));
        let fits = self.types.lay_out(ty);
        if let (false, Some(item)) = (fits, self.structs[index]) {
            let name = self.text(item.name.symbol);
            let message = format!("the struct `{name}` takes more than {MAX_STRUCT_SLOTS} words");
            let diagnostic = Diagnostic::new("E0506", item.name.span, message, "with all that it holds")
                .help("put a part of it in an array: an array takes one word");
            self.report(diagnostic);
        }
        fits
    }

    /// `index` holds, by its field, `inner`, which holds `index`.
    fn report_endless(&mut self, index: usize, field: usize, inner: usize) {
        let (Some(item), Some(inner)) = (self.structs[index], self.structs[inner]) else { return };
        let inner = self.text(inner.name.symbol);
        let message = format!("the struct `{inner}` holds itself, so it would be endless");
        let diagnostic = Diagnostic::new("E0505", item.fields[field].1.span, message, "by this field")
            .help(format!("put it in an array, which may be empty: `[{inner}]`"));
        self.report(diagnostic);
    }

    /// Reads the signatures of all functions.
    pub(super) fn read_signatures(&mut self) {
        for index in 0..self.functions.len() {
            let item = self.functions[index].item;
            if item.params.len() > MAX_PARAMS {
                let message = format!("a function has at most {MAX_PARAMS} parameters");
                let at = item.params[MAX_PARAMS].name.span;
                self.report(Diagnostic::new("E0507", at, message, "this one is too many").help("pass a struct"));
            }
            let mut params = Vec::with_capacity(item.params.len());
            for param in &item.params {
                params.push(Parameter { inout: param.inout, ty: self.resolve_type(&param.ty) });
            }
            let result = item.result.as_ref().map_or(TypeId::UNIT, |ty| self.resolve_type(ty));
            let signature = &mut self.functions[index];
            (signature.params, signature.result) = (params, result);
        }
    }
}

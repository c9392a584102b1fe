//! What types can do: their names, their elements, which of them are scalars and which have an order.
//!
//! All of it takes [`ERROR`] in its stride; `types.get` must not be asked for it, so nobody else asks.

use super::{Checker, ERROR, MAX_TYPES};
use crate::bytecode::types::{Type, TypeId};
use crate::syntax::span::Span;

impl Checker<'_> {
    /// The shape of `ty`; [`Type::Never`] for an error.
    pub(super) fn shape(&self, ty: TypeId) -> &Type {
        if ty == ERROR { &Type::Never } else { self.types.get(ty) }
    }

    /// As it is written in a program.
    pub(super) fn type_name(&self, ty: TypeId) -> String {
        if ty == ERROR { "unknown".into() } else { self.types.name(ty) }
    }

    /// The array of `element`, wanted at `span`.
    pub(super) fn array_of(&mut self, element: TypeId, span: Span) -> TypeId {
        self.make(element, Type::Array(element), span)
    }

    /// The grid of `element`, wanted at `span`.
    pub(super) fn grid_of(&mut self, element: TypeId, span: Span) -> TypeId {
        self.make(element, Type::Grid(element), span)
    }

    fn make(&mut self, element: TypeId, ty: Type, span: Span) -> TypeId {
        if element == ERROR {
            return ERROR;
        }
        let ty = self.types.add(ty);
        if self.types.len() > MAX_TYPES && self.too_many_types.is_none() {
            self.too_many_types = Some(span);
        }
        ty
    }

    /// The element type, if `ty` is an array.
    pub(super) fn array_element(&self, ty: TypeId) -> Option<TypeId> {
        match *self.shape(ty) {
            Type::Array(element) => Some(element),
            _ => None,
        }
    }

    /// An array or a grid: an argument of it may be a view.
    pub(super) fn is_sequence(&self, ty: TypeId) -> bool {
        matches!(self.shape(ty), Type::Array(_) | Type::Grid(_))
    }

    /// Int, Float, Bool, Str, and structs of only these: as arguments they are copied first.
    pub(super) fn is_scalar(&self, ty: TypeId) -> bool {
        match self.shape(ty) {
            Type::Array(_) | Type::Grid(_) => false,
            Type::Struct(_) => !self.types.leaves(ty).iter().any(|&leaf| self.is_sequence(leaf)),
            _ => true,
        }
    }

    /// Whether `<` orders values of `ty`: all do but those that hold a grid.
    pub(super) fn is_ordered(&mut self, ty: TypeId) -> bool {
        match self.shape(ty) {
            Type::Grid(_) => return false,
            Type::Array(_) | Type::Struct(_) => {}
            _ => return true,
        }
        if let Some(&known) = self.ordered.get(&ty) {
            return known;
        }
        let (mut seen, mut open) = (rustc_hash::FxHashSet::from_iter([ty]), vec![ty]);
        let mut ordered = true;
        while let Some(ty) = open.pop() {
            let mut visit = |part: TypeId| {
                if part != ERROR && seen.insert(part) {
                    open.push(part);
                }
            };
            match *self.shape(ty) {
                Type::Grid(_) => {
                    ordered = false;
                    break;
                }
                Type::Array(element) => visit(element),
                Type::Struct(index) => self.types.structs[index as usize].fields.iter().for_each(|f| visit(f.1)),
                _ => {}
            }
        }
        self.ordered.insert(ty, ordered);
        ordered
    }
}

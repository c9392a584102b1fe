//! Functions that the host has: what they may be passed and give.

use super::typed::Block;
use super::{Checker, ERROR};
use crate::bytecode::effects::Effects;
use crate::bytecode::types::{Type, TypeId};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;

impl Checker<'_> {
    /// What stands for the body of an `extern` function, whose parameters are bound: nothing. What it does is not known before it is
    /// linked.
    pub(super) fn extern_body(&mut self, index: u32) -> Block {
        let item = self.functions[index as usize].item;
        self.body.effects = Effects::HOST;
        for (position, param) in item.params.iter().enumerate() {
            let ty = self.functions[index as usize].params[position].ty;
            self.check_crossing(ty, param.ty.span);
        }
        if let Some(result) = &item.result {
            self.check_crossing(self.functions[index as usize].result, result.span);
        }
        Block { stmts: Vec::new(), value: None, diverges: false }
    }

    /// Reports a type whose values don't cross to the host.
    fn check_crossing(&mut self, ty: TypeId, at: Span) {
        let scalar = |ty| matches!(ty, TypeId::INT | TypeId::FLOAT | TypeId::BOOL);
        let crosses = ty == ERROR
            || scalar(ty)
            || match *self.shape(ty) {
                Type::Str => true,
                Type::Array(element) | Type::Grid(element) => scalar(element) || element == ERROR,
                _ => false,
            };
        if !crosses {
            let message = format!("`{}` does not cross to the host", self.type_name(ty));
            let diagnostic = Diagnostic::new("E0319", at, message, "in an `extern` function").help(
                "Int, Float, Bool, Str, and arrays and grids of Int, Float or Bool do; pass a struct field by field",
            );
            self.report(diagnostic);
        }
    }
}

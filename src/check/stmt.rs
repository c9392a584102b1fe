//! Function bodies: statements, blocks, and where control can't come.

use super::places::Write;
use super::typed::{Arg, BinaryOp, Block, ExprId, ExprKind, Function, LocalKind, Step, Stmt, StmtKind};
use super::{BROKEN, Body, Checker, ERROR};
use crate::bytecode::builtins::BUILTINS;
use crate::bytecode::effects::Effects;
use crate::bytecode::types::TypeId;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use crate::syntax::tree;

impl<'t> Checker<'t> {
    /// Checks the bodies of all functions.
    pub(super) fn check_bodies(&mut self) {
        for index in 0..self.functions.len() {
            let function = self.function(index as u32);
            self.checked.push(function);
        }
    }

    fn function(&mut self, index: u32) -> Function {
        let item = self.functions[index as usize].item;
        let result = self.functions[index as usize].result;
        self.body = Body { function: index, result: Some(result), ..Body::default() };
        let mark = self.enter();
        for (position, param) in item.params.iter().enumerate() {
            let text = self.text(param.name.symbol);
            if let Some(first) = self.entry(param.name.symbol).local {
                let diagnostic = Diagnostic::new(
                    "E0205",
                    param.name.span,
                    format!("the parameter `{text}` is defined twice"),
                    "again here",
                )
                .and(self.local(first).span, "first here");
                self.report(diagnostic);
            }
            let kind = if param.inout { LocalKind::Inout { resizes: false } } else { LocalKind::In };
            let ty = self.functions[index as usize].params[position].ty;
            self.bind(param.name, ty, kind);
        }
        let body = match &item.body {
            Some(block) => {
                let body = self.block(block);
                if result != TypeId::UNIT && !body.diverges {
                    self.report_no_return(block, item, result);
                }
                body
            }
            None => self.extern_body(index),
        };
        self.leave(mark);
        let state = std::mem::take(&mut self.body);
        Function {
            name: self.text(item.name.symbol).into(),
            is_task: item.is_task,
            is_extern: item.body.is_none(),
            params: item.params.len(),
            result,
            locals: state.locals,
            body,
            effects: state.effects,
            has_each: state.has_each,
            head: item.head,
        }
    }

    fn report_no_return(&mut self, block: &tree::Block, item: &tree::FunctionItem, result: TypeId) {
        // A last expression without `return` has been reported; so has a syntax error.
        let fails = matches!(block.stmts.last(), Some(tree::Stmt { kind: tree::StmtKind::Error, .. }));
        if self.body.ends_unused || fails {
            return;
        }
        let end = block.span.end;
        let name = self.text(item.name.symbol);
        let message = format!("`{name}` may end without giving its `{}`", self.type_name(result));
        let diagnostic =
            Diagnostic::new("E0603", Span::new(end.saturating_sub(1), end), message, "the end is reached here")
                .and(item.head, "a value is promised here")
                .help("end with `return …`, or with `panic` where that can't happen");
        self.report(diagnostic);
    }

    /// A block whose value, if it has one, is not used.
    fn block(&mut self, block: &'t tree::Block) -> Block {
        let mark = self.enter();
        let (stmts, diverges) = self.statements(&block.stmts);
        self.leave(mark);
        Block { stmts, value: None, diverges }
    }

    /// A block whose value is used.
    pub(super) fn value_block(&mut self, block: &'t tree::Block, hint: Option<TypeId>) -> Block {
        let mark = self.enter();
        let (last, before) = match block.stmts.split_last() {
            Some((tree::Stmt { kind: tree::StmtKind::Expr(last), .. }, before)) => (Some(*last), before),
            _ => (None, block.stmts.as_slice()),
        };
        let (mut stmts, mut diverges) = self.statements(before);
        let mut value = None;
        if let Some(last) = last {
            let result = self.expr(last, hint);
            match self.ty(result) {
                TypeId::NEVER => {
                    stmts.push(self.statement_of(result));
                    diverges = true;
                }
                TypeId::UNIT if diverges => stmts.push(self.statement_of(result)),
                TypeId::UNIT => {
                    let span = self.span(result);
                    self.report_no_value(span, "this gives no value");
                    value = Some(self.poison(span));
                }
                // What comes after a `return` is checked, but never run.
                _ => value = Some(result).filter(|_| !diverges),
            }
        } else if !diverges {
            if !matches!(block.stmts.last(), Some(tree::Stmt { kind: tree::StmtKind::Error, .. })) {
                self.report_no_value(block.span, "this block ends without one");
            }
            value = Some(self.poison(block.span));
        }
        self.leave(mark);
        Block { stmts, value, diverges }
    }

    fn report_no_value(&mut self, span: Span, label: &str) {
        let diagnostic =
            Diagnostic::new("E0309", span, "each block of an `if` whose value is used ends with a value", label)
                .help("write the value as the block's last line");
        self.report(diagnostic);
    }

    /// The statement of an expression that gives no value.
    fn statement_of(&mut self, id: ExprId) -> Stmt {
        // An `if` whose blocks all leave is the statement.
        let expr = &mut self.exprs[id.0 as usize];
        if let ExprKind::If { .. } = expr.kind {
            expr.ty = TypeId::UNIT;
        }
        Stmt { kind: StmtKind::Expr(id), span: expr.span }
    }

    fn statements(&mut self, stmts: &'t [tree::Stmt]) -> (Vec<Stmt>, bool) {
        let (mut typed, mut diverges) = (Vec::with_capacity(stmts.len()), false);
        for stmt in stmts {
            if let Some((kind, leaves)) = self.statement(stmt) {
                typed.push(Stmt { kind, span: stmt.span });
                diverges |= leaves;
            }
        }
        (typed, diverges)
    }

    /// A statement, and whether control can't come past it.
    fn statement(&mut self, stmt: &'t tree::Stmt) -> Option<(StmtKind, bool)> {
        Some(match &stmt.kind {
            tree::StmtKind::Let { mutable, name, ty, value } => {
                (self.declaration(*mutable, *name, ty.as_ref(), *value), false)
            }
            tree::StmtKind::Assign { place, op, value } => (self.assignment(*place, *op, *value)?, false),
            tree::StmtKind::Expr(id) => {
                if let tree::ExprKind::If { arms, otherwise } = &self.tree[*id].kind {
                    let (id, diverges) = self.if_statement(arms, otherwise.as_deref(), self.tree[*id].span);
                    (StmtKind::Expr(id), diverges)
                } else {
                    let value = self.expr(*id, None);
                    self.check_effect(*id, value);
                    (StmtKind::Expr(value), self.ty(value) == TypeId::NEVER)
                }
            }
            tree::StmtKind::While { cond, body } => {
                let cond = self.condition(*cond);
                let (body, breaks) = self.loop_body(body);
                let endless = matches!(self.at(cond).kind, ExprKind::Bool(true));
                (StmtKind::While { cond, body }, endless && !breaks)
            }
            tree::StmtKind::For { name, source, body } | tree::StmtKind::Each { name, source, body } => {
                let each = matches!(stmt.kind, tree::StmtKind::Each { .. });
                self.body.has_each |= each;
                let (source, element) = self.source(source);
                let mark = self.enter();
                let local = self.bind(*name, element, LocalKind::Loop);
                let (body, _) = self.loop_body(body);
                self.leave(mark);
                (StmtKind::For { local, source, body, each }, false)
            }
            tree::StmtKind::Break => {
                self.check_in_loop("break", stmt.span);
                if let Some(breaks) = self.body.loops.last_mut() {
                    *breaks = true;
                }
                (StmtKind::Break, true)
            }
            tree::StmtKind::Continue => {
                self.check_in_loop("continue", stmt.span);
                (StmtKind::Continue, true)
            }
            tree::StmtKind::Return(value) => (self.return_statement(*value, stmt.span), true),
            tree::StmtKind::Error => {
                self.incomplete = true;
                return None;
            }
        })
    }

    fn declaration(
        &mut self,
        mutable: bool,
        name: tree::Name,
        written: Option<&tree::TypeExpr>,
        value: tree::ExprId,
    ) -> StmtKind {
        let written = written.map(|ty| (self.resolve_type(ty), ty.span));
        let mut value = self.value(value, written.map(|w| w.0));
        let mut ty = self.ty(value);
        if let Some((want, span)) = written {
            value = self.expect(value, want, Some((span, "because of this")));
            ty = want;
        }
        let kind = if mutable { LocalKind::Var } else { LocalKind::Let };
        let local = self.bind(name, ty, kind);
        StmtKind::Let { local, value }
    }

    fn assignment(&mut self, place: tree::ExprId, op: Option<BinaryOp>, value: tree::ExprId) -> Option<StmtKind> {
        let at = self.tree[place].span;
        let Some(place) = self.place(place, Write::Assign) else {
            self.value(value, Some(ERROR));
            return None;
        };
        let value = self.value(value, Some(place.ty));
        let ty = self.ty(value);
        if let Some(op) = op {
            if ty != ERROR && (ty != place.ty || !self.takes(op, place.ty)) {
                self.report_compound(op, place.ty, at, value);
                return None;
            }
            let joins = op == BinaryOp::Add && self.is_sequence(place.ty);
            if let (true, Some(Step::Slice(..) | Step::Slice2(..))) = (joins, place.path.last()) {
                self.report_slice_resized("+=", at);
                return None;
            }
        } else {
            self.expect(value, place.ty, Some((at, "because of this place")));
        }
        if place.path.is_empty() {
            self.note_resized(&place);
        }
        Some(StmtKind::Assign { place, op, value })
    }

    fn report_compound(&mut self, op: BinaryOp, place: TypeId, at: Span, value: ExprId) {
        let (left, right) = (self.type_name(place), self.type_name(self.ty(value)));
        let message = format!("`{}=` does not fit `{left}` and `{right}`", op.text());
        let mut diagnostic = Diagnostic::new("E0302", self.span(value), message, format!("this is `{right}`"))
            .and(at, format!("this is `{left}`"));
        if self.takes(op, place)
            && let Some(help) = self.conversion_help(value, place)
        {
            diagnostic = diagnostic.help(help);
        }
        self.report(diagnostic);
    }

    /// An `if` whose value is not used, and whether all its ways leave.
    pub(super) fn if_statement(
        &mut self,
        arms: &'t [(tree::ExprId, tree::Block)],
        otherwise: Option<&'t tree::Block>,
        span: Span,
    ) -> (ExprId, bool) {
        let mut diverges = otherwise.is_some();
        let mut typed = Vec::with_capacity(arms.len());
        for (cond, body) in arms {
            let cond = self.condition(*cond);
            let body = self.block(body);
            diverges &= body.diverges;
            typed.push((cond, body));
        }
        let otherwise = otherwise.map(|body| self.block(body));
        diverges &= otherwise.as_ref().is_some_and(|body| body.diverges);
        let kind = ExprKind::If { arms: typed.into(), otherwise: otherwise.map(Box::new) };
        (self.push(kind, TypeId::UNIT, span), diverges)
    }

    /// Reports a statement that does nothing.
    fn check_effect(&mut self, source: tree::ExprId, value: ExprId) {
        let (ty, span) = (self.ty(value), self.tree[source].span);
        if ty == ERROR {
            return;
        }
        let source = &self.tree[source].kind;
        let last = self.is_last(span);
        let help = match &self.at(value).kind {
            ExprKind::Call { .. } | ExprKind::Assert(..) | ExprKind::Const(BROKEN) => return,
            ExprKind::Builtin { builtin, args, .. } => {
                let builtin = &BUILTINS[*builtin as usize];
                let changes = args.iter().any(|arg| matches!(arg, Arg::Inout(_)));
                if ty == TypeId::UNIT || ty == TypeId::NEVER || changes || builtin.effects != Effects::NONE {
                    return;
                }
                let help = match builtin.name {
                    "sorted" => "did you mean `.sort()`, which sorts in place?",
                    "reversed" => "did you mean `.reverse()`, which works in place?",
                    "concat" => "did you mean `.append(…)`, which works in place?",
                    _ => "use what it gives: `let x = …`",
                };
                let message = format!("`{}` changes nothing, and what it gives is not used", builtin.name);
                return self.report(Diagnostic::new("E0317", span, message, "").help(help));
            }
            _ => match source {
                tree::ExprKind::Binary(BinaryOp::Eq, ..) => "did you mean `=`?",
                tree::ExprKind::Comprehension { .. } => "a `for` loop does something for each element",
                _ if last => "to give it as the result, write `return …`",
                _ => "store it, print it, or take it away",
            },
        };
        self.body.ends_unused |= last;
        self.report(Diagnostic::new("E0316", span, "this is computed and not used", "").help(help));
    }

    /// Whether the function, which has a result, ends with what stands there.
    fn is_last(&self, span: Span) -> bool {
        let signature = &self.functions[self.body.function as usize];
        let last = signature.item.body.as_ref().and_then(|body| body.stmts.last());
        signature.result != TypeId::UNIT
            && last.is_some_and(|stmt| stmt.span.end >= span.end && stmt.span.start <= span.start)
    }

    /// The body of a loop, and whether it has a `break`.
    fn loop_body(&mut self, body: &'t tree::Block) -> (Block, bool) {
        self.body.loops.push(false);
        let body = self.block(body);
        (body, self.body.loops.pop().unwrap_or_default())
    }

    /// Reports `break` and `continue` where there is no loop to leave.
    fn check_in_loop(&mut self, what: &str, span: Span) {
        if !self.body.loops.is_empty() {
            return;
        }
        if let Some((_, clause)) = self.body.clause {
            self.report_leaving(what, span, clause);
        } else {
            self.report(Diagnostic::new("E0601", span, format!("`{what}` outside of a loop"), ""));
        }
    }

    fn report_leaving(&mut self, what: &str, span: Span, clause: Span) {
        let diagnostic =
            Diagnostic::new("E0602", span, format!("`{what}` can't leave the body of a comprehension"), "")
                .and(clause, "all its elements are computed")
                .help("choose elements with `if`, or write a `for` loop");
        self.report(diagnostic);
    }

    fn return_statement(&mut self, value: Option<tree::ExprId>, span: Span) -> StmtKind {
        if let Some((_, clause)) = self.body.clause {
            self.report_leaving("return", span, clause);
        }
        let head = self.functions[self.body.function as usize].item.head;
        let result = self.body.result.unwrap_or(ERROR);
        let Some(value) = value else {
            if result != TypeId::UNIT && result != ERROR {
                let message = format!("`return` must give a value of type `{}`", self.type_name(result));
                self.report(Diagnostic::new("E0318", span, message, "").and(head, "promised here"));
            }
            return StmtKind::Return(None);
        };
        if result == TypeId::UNIT {
            let value = self.expr(value, None);
            if self.ty(value) != ERROR {
                let mut diagnostic = Diagnostic::new(
                    "E0318",
                    self.span(value),
                    "the function has no result, so `return` gives no value",
                    "",
                )
                .and(head, "no result is written here");
                let ty = self.ty(value);
                if ty != TypeId::UNIT && ty != TypeId::NEVER {
                    diagnostic = diagnostic
                        .help(format!("write the result's type after the parameters: `-> {}`", self.type_name(ty)));
                }
                self.report(diagnostic);
            }
            return StmtKind::Return(None);
        }
        let value = self.value(value, Some(result));
        let item = self.functions[self.body.function as usize].item;
        let why = item.result.as_ref().map(|ty| (ty.span, "because of this result"));
        StmtKind::Return(Some(self.expect(value, result, why)))
    }
}

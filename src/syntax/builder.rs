//! What the grammar's actions call: puts nodes into the tree, and says what the grammar alone can't.
//!
//! Statements pile up on one stack; a block takes those above the mark that its `{` left. So the parser's own stack
//! holds only small values, and a piece that failed is undone by cutting the stack ([`Builder::undo`]).

use super::diagnostic::Diagnostic;
use super::literal::{self, NumberError, TextError};
use super::span::Span;
use super::token::Token;
use super::tree::*;
use lalrpop_util::ParseError;

/// How many diagnostics are kept; who has so many will not read on.
pub(crate) const MAX_DIAGNOSTICS: usize = 1_000;

/// A tree being built.
pub(crate) struct Builder<'s> {
    text: &'s str,
    pub tree: Tree,
    pub diagnostics: Vec<Diagnostic>,
    stmts: Vec<Stmt>,
    /// How many statements there were at each open `{`, and where it stands.
    marks: Vec<(usize, u32)>,
    /// Blocks already read, in source order, for the tokens that stand for them.
    pub blocks: Vec<Block>,
    /// What waits for its right operand, in every expression that is being read: the left operand and the operator.
    operators: Vec<(ExprId, BinaryOp)>,
}

/// An expression being read: operands with infix operators between them.
#[derive(Clone, Copy)]
pub(crate) struct Operands {
    /// How many operators wait outside of it.
    base: usize,
    /// The operand read last.
    last: ExprId,
}

/// `a < b < c`: the second comparison, which has no meaning.
#[derive(Debug)]
pub(crate) struct ChainedComparison(pub Span);

/// Where a [`Builder`] stood.
#[derive(Clone, Copy)]
pub(crate) struct Checkpoint {
    items: usize,
    stmts: usize,
    /// How many diagnostics there were.
    pub diagnostics: usize,
}

impl<'s> Builder<'s> {
    /// An empty tree over `text`.
    pub fn new(text: &'s str) -> Builder<'s> {
        Builder {
            text,
            tree: Tree::default(),
            diagnostics: Vec::new(),
            stmts: Vec::new(),
            marks: Vec::new(),
            blocks: Vec::new(),
            operators: Vec::new(),
        }
    }

    /// Where it stands now.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { items: self.tree.items.len(), stmts: self.stmts.len(), diagnostics: self.diagnostics.len() }
    }

    /// Takes back the items and statements since `checkpoint`, between which no block was opened.
    pub fn undo(&mut self, checkpoint: Checkpoint) {
        self.tree.items.truncate(checkpoint.items);
        self.stmts.truncate(checkpoint.stmts);
        self.operators.clear();
    }

    /// Keeps a diagnostic, unless there are very many.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        }
    }

    /// The statements since `checkpoint`, taken off the stack.
    pub fn take_stmts(&mut self, checkpoint: Checkpoint) -> Vec<Stmt> {
        self.stmts.drain(checkpoint.stmts..).collect()
    }

    /// The text that the tree is built over.
    pub fn text(&self) -> &'s str {
        self.text
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &'s str {
        &self.text[span.range()]
    }

    // Items.

    pub fn item(&mut self, item: Item) {
        self.tree.items.push(item);
    }

    pub fn grid_type(&mut self, name: Name, element: TypeExpr, r: u32) -> TypeExpr {
        if self.tree.names.text(name.symbol) != "Grid" {
            let element = self.slice(element.span);
            self.report(
                Diagnostic::new(
                    "E0126",
                    name.span,
                    "only `Grid` takes a type between brackets",
                    "not a type with elements",
                )
                .help(format!("an array's type is `[{element}]`, a grid's `Grid[{element}]`")),
            );
        }
        TypeExpr { kind: TypeKind::Grid(Box::new(element)), span: Span::new(name.span.start, r) }
    }

    // Statements.

    pub fn open_block(&mut self, l: u32) {
        self.marks.push((self.stmts.len(), l));
    }

    pub fn close_block(&mut self, r: u32) -> Block {
        let (mark, l) = self.marks.pop().expect("the grammar closes only what it opened");
        Block { stmts: self.stmts.drain(mark..).collect(), span: Span::new(l, r) }
    }

    /// The block that the token at `l` stands for.
    pub fn take_block(&mut self, l: u32, r: u32) -> Block {
        let empty = Block { stmts: Vec::new(), span: Span::new(l, r) };
        match self.blocks.binary_search_by_key(&l, |block| block.span.start) {
            Ok(at) => std::mem::replace(&mut self.blocks[at], empty),
            Err(_) => empty,
        }
    }

    pub fn stmt(&mut self, l: u32, kind: StmtKind, r: u32) {
        self.stmts.push(Stmt { kind, span: Span::new(l, r) });
    }

    // Expressions.

    pub fn name(&mut self, l: u32, r: u32) -> Name {
        let span = Span::new(l, r);
        Name { symbol: self.tree.names.intern(self.slice(span)), span }
    }

    pub fn expr(&mut self, l: u32, kind: ExprKind, r: u32) -> ExprId {
        self.tree.add(kind, Span::new(l, r))
    }

    pub fn integer(&mut self, l: u32, r: u32) -> ExprId {
        let span = Span::new(l, r);
        let value = literal::integer(self.slice(span)).unwrap_or_else(|error| {
            self.bad_number(span, error);
            0
        });
        self.tree.add(ExprKind::Int(value), span)
    }

    pub fn float(&mut self, l: u32, r: u32) -> ExprId {
        let span = Span::new(l, r);
        let value = literal::float(self.slice(span)).unwrap_or_else(|error| {
            self.bad_number(span, error);
            0.0
        });
        self.tree.add(ExprKind::Float(value), span)
    }

    fn bad_number(&mut self, span: Span, error: NumberError) {
        let text = self.slice(span);
        let float = text.contains('.') || (!text.starts_with("0x") && text.contains(['e', 'E']));
        self.report(match error {
            NumberError::TooLarge if float => Diagnostic::new("E0106", span, "this number is too large for a Float", "")
                .help("the largest Float is about 1.8e308"),
            NumberError::TooLarge => Diagnostic::new("E0106", span, "this number is too large for an Int", "")
                .help("the largest Int is 9223372036854775807; write `1e20` for a Float"),
            NumberError::Malformed => Diagnostic::new("E0107", span, "this is not a number", "").help(
                "numbers are written `42`, `1_000`, `0xff`, `0b1010`, `0o17`, `1.5`, `2.5e-3`; names don't begin with a digit",
            ),
        });
    }

    pub fn piece(&mut self, l: u32, r: u32) -> Piece {
        let raw = self.slice(Span::new(l, r));
        Piece::Text(literal::unescape(raw, |range, error| {
            let span = Span::new(l + range.start as u32, l + range.end as u32);
            let diagnostic = match error {
                TextError::UnknownEscape => Diagnostic::new("E0104", span, "unknown escape", "")
                    .help("the escapes are `\\n` `\\t` `\\r` `\\0` `\\\\` `\\\"` `\\{` `\\}` and `\\u{1F600}`"),
                TextError::BadCodePoint => Diagnostic::new("E0104", span, "this is no character's number", "")
                    .help("write the character's number in hexadecimal, as in `\\u{1F600}`"),
                TextError::BareBrace => {
                    Diagnostic::new("E0125", span, "this `}` closes nothing", "").help("write `\\}` for the character")
                }
            };
            if self.diagnostics.len() < MAX_DIAGNOSTICS {
                self.diagnostics.push(diagnostic);
            }
        }))
    }

    pub fn format(&mut self, l: u32, r: u32) -> Option<Format> {
        let span = Span::new(l, r);
        match literal::format(self.slice(span), span) {
            Ok(format) => Some(format),
            Err(problem) => {
                self.report(
                    Diagnostic::new("E0105", span, "this is not a format", problem)
                        .help("a format is `[<|^|>][0][width][.precision][x|b|e]`, as in `{x:8.2}` or `{n:08x}`"),
                );
                None
            }
        }
    }

    pub fn string(&mut self, l: u32, mut pieces: Vec<Piece>, r: u32) -> ExprId {
        let kind = match pieces.as_mut_slice() {
            [] => ExprKind::Str("".into()),
            [Piece::Text(text)] => ExprKind::Str(std::mem::take(text)),
            _ => ExprKind::Interpolation(pieces.into()),
        };
        self.expr(l, kind, r)
    }

    pub fn unary(&mut self, l: u32, op: UnaryOp, e: ExprId) -> ExprId {
        let span = Span::new(l, self.tree[e].span.end);
        self.tree.add(ExprKind::Unary(op, e), span)
    }

    /// An expression that begins with `first`.
    pub fn open_operands(&mut self, first: ExprId) -> Operands {
        Operands { base: self.operators.len(), last: first }
    }

    /// The expression goes on with an operator, which stands at `span`, and an operand.
    pub fn operand(
        &mut self,
        before: Operands,
        op: BinaryOp,
        span: Span,
        next: ExprId,
    ) -> Result<Operands, ParseError<u32, Token, ChainedComparison>> {
        let mut last = before.last;
        while let Some(&(left, waiting)) = self.operators[before.base..].last()
            && waiting.precedence() >= op.precedence()
        {
            if waiting.precedence() == op.precedence() && op.compares() {
                return Err(ParseError::User { error: ChainedComparison(span) });
            }
            self.operators.pop();
            last = self.binary(left, waiting, last);
        }
        self.operators.push((last, op));
        Ok(Operands { base: before.base, last: next })
    }

    /// The expression ends.
    pub fn close_operands(&mut self, Operands { base, mut last }: Operands) -> ExprId {
        while self.operators.len() > base
            && let Some((left, op)) = self.operators.pop()
        {
            last = self.binary(left, op, last);
        }
        last
    }

    fn binary(&mut self, a: ExprId, op: BinaryOp, b: ExprId) -> ExprId {
        let span = self.tree[a].span.to(self.tree[b].span);
        self.tree.add(ExprKind::Binary(op, a, b), span)
    }

    /// `(e)` is `e`, with the parentheses in its span.
    pub fn paren(&mut self, l: u32, e: ExprId, r: u32) -> ExprId {
        self.tree.exprs[e.0 as usize].span = Span::new(l, r);
        e
    }

    pub fn field(&mut self, e: ExprId, name: Name) -> ExprId {
        let span = self.tree[e].span.to(name.span);
        self.tree.add(ExprKind::Field(e, name), span)
    }

    pub fn index(&mut self, e: ExprId, indices: Box<[Index]>, r: u32) -> ExprId {
        let span = Span::new(self.tree[e].span.start, r);
        self.tree.add(ExprKind::Index(e, indices), span)
    }

    /// `callee(args)`: the callee's node becomes the call's.
    pub fn call(&mut self, callee: ExprId, args: Vec<Arg>, r: u32) -> ExprId {
        let args = args.into_boxed_slice();
        let span = Span::new(self.tree[callee].span.start, r);
        let bare = |name: &Name, node: &Expr| name.span.end == node.span.end;
        let node = &self.tree[callee];
        let kind = match &node.kind {
            &ExprKind::Name(symbol) if !self.parenthesised(callee) => {
                ExprKind::Call { name: Name { symbol, span: node.span }, args }
            }
            ExprKind::Field(receiver, name) if bare(name, node) => {
                ExprKind::Method { receiver: *receiver, name: *name, args }
            }
            ExprKind::Array(elements) if let &[element] = &elements[..] => {
                ExprKind::NewArray(Box::new(self.as_type(element)), args)
            }
            ExprKind::Array(_) => {
                self.not_a_type(callee);
                ExprKind::Error
            }
            ExprKind::Index(grid, indices) if self.is_grid(*grid) => match indices[..] {
                [Index::At(element)] => ExprKind::NewGrid(Box::new(self.as_type(element)), args),
                _ => {
                    self.not_a_type(callee);
                    ExprKind::Error
                }
            },
            _ => {
                self.not_callable(callee);
                ExprKind::Error
            }
        };
        self.tree.exprs[callee.0 as usize] = Expr { kind, span };
        callee
    }

    /// `callee(element for …)`
    pub fn reduction(&mut self, callee: ExprId, element: ExprId, clause: Box<Clause>, r: u32) -> ExprId {
        let node = &self.tree[callee];
        let span = Span::new(node.span.start, r);
        let kind = match node.kind {
            ExprKind::Name(symbol) if !self.parenthesised(callee) => {
                ExprKind::Reduction { name: Name { symbol, span: node.span }, element, clause }
            }
            _ => {
                self.not_callable(callee);
                ExprKind::Error
            }
        };
        self.tree.exprs[callee.0 as usize] = Expr { kind, span };
        callee
    }

    fn parenthesised(&self, e: ExprId) -> bool {
        self.slice(self.tree[e].span).starts_with('(')
    }

    fn is_grid(&self, e: ExprId) -> bool {
        matches!(self.tree[e].kind, ExprKind::Name(symbol) if self.tree.names.text(symbol) == "Grid")
    }

    fn not_callable(&mut self, callee: ExprId) {
        self.report(
            Diagnostic::new("E0119", self.tree[callee].span, "this can't be called", "not a function's name")
                .help("a call is `f(x)`, `x.f(y)`, `[T](n, fill: v)` or `Grid[T](rows, columns, fill: v)`"),
        );
    }

    fn not_a_type(&mut self, e: ExprId) {
        self.report(
            Diagnostic::new("E0126", self.tree[e].span, "a type should stand between these brackets", "")
                .help("a new array is written `[Int](n, fill: 0)`"),
        );
    }

    /// The type that was read as the expression `e`.
    fn as_type(&mut self, e: ExprId) -> TypeExpr {
        // Wrappers from the outside in; brackets nest, so there are few.
        let (mut at, mut wrappers) = (e, Vec::new());
        let name = loop {
            let node = &self.tree[at];
            match &node.kind {
                &ExprKind::Name(symbol) => break Name { symbol, span: node.span },
                ExprKind::Array(elements) if let &[element] = &elements[..] => {
                    wrappers.push((TypeKind::Array as fn(Box<TypeExpr>) -> TypeKind, node.span));
                    at = element;
                }
                ExprKind::Index(grid, indices)
                    if self.is_grid(*grid)
                        && let &[Index::At(element)] = &indices[..] =>
                {
                    wrappers.push((TypeKind::Grid, node.span));
                    at = element;
                }
                _ => {
                    let span = node.span;
                    self.not_a_type(at);
                    break Name { symbol: self.tree.names.intern("Int"), span };
                }
            }
        };
        let innermost = TypeExpr { kind: TypeKind::Name(name), span: name.span };
        wrappers.into_iter().rev().fold(innermost, |ty, (wrap, span)| TypeExpr { kind: wrap(Box::new(ty)), span })
    }
}

//! The syntax tree: what the parser returns and the checker reads.
//!
//! Expressions live in one arena and name each other by [`ExprId`], so that a sum of 100,000 terms is
//! dropped without recursion. Blocks own their statements; their nesting is bounded by the lexer
//! ([`crate::syntax::MAX_NESTING`]), and so is the depth of any walk that recurses into them. Left-deep
//! chains (`a + b + c …`, `x.f().g() …`) are *not* bounded: a walk over them goes down the left spine in a
//! loop. `else if` chains are a flat list of arms.

use super::span::Span;
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

/// A name's text, interned in [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Symbol(pub u32);

/// A name where it stands in the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name {
    /// Its text.
    pub symbol: Symbol,
    /// Where it stands.
    pub span: Span,
}

/// The interned names of one tree.
#[derive(Clone, Debug, Default)]
pub struct Names {
    texts: IndexSet<Box<str>, FxBuildHasher>,
}

impl Names {
    /// The symbol of `text`, made if it is new.
    pub fn intern(&mut self, text: &str) -> Symbol {
        match self.texts.get_index_of(text) {
            Some(index) => Symbol(index as u32),
            None => Symbol(self.texts.insert_full(text.into()).0 as u32),
        }
    }

    /// The symbol of `text`, if it occurs in the program.
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.texts.get_index_of(text).map(|index| Symbol(index as u32))
    }

    /// How many there are: symbols count from 0, so a table by symbol has this length.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of `symbol`.
    pub fn text(&self, symbol: Symbol) -> &str {
        &self.texts[symbol.0 as usize]
    }
}

/// An expression of the arena.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExprId(pub u32);

/// A whole program.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The items, in source order.
    pub items: Vec<Item>,
    /// The arena.
    pub exprs: Vec<Expr>,
    /// The interned names.
    pub names: Names,
}

impl Tree {
    /// Puts an expression into the arena.
    pub fn add(&mut self, kind: ExprKind, span: Span) -> ExprId {
        self.exprs.push(Expr { kind, span });
        ExprId(self.exprs.len() as u32 - 1)
    }

    /// Adds a `main` that does nothing, if there is none.
    pub fn ensure_main(&mut self) {
        let symbol = self.names.intern("main");
        let is_main = |item: &Item| matches!(item, Item::Function(function) if function.name.symbol == symbol);
        if !self.items.iter().any(is_main) {
            let span = Span::default();
            let (name, body) = (Name { symbol, span }, Some(Block { stmts: Vec::new(), span }));
            let (params, result) = (Vec::new(), None);
            self.items.push(Item::Function(FunctionItem { is_task: false, name, params, result, body, head: span }));
        }
    }
}

impl std::ops::Index<ExprId> for Tree {
    type Output = Expr;
    fn index(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0 as usize]
    }
}

/// A top-level item.
#[derive(Clone, Debug)]
pub enum Item {
    /// `const NAME: T = expr`
    Const(ConstItem),
    /// `struct Name { … }`
    Struct(StructItem),
    /// `fn` or `task`
    Function(FunctionItem),
}

/// A top-level constant.
#[derive(Clone, Debug)]
pub struct ConstItem {
    /// Its name.
    pub name: Name,
    /// The type written, if any.
    pub ty: Option<TypeExpr>,
    /// What it is.
    pub value: ExprId,
    /// The whole item.
    pub span: Span,
}

/// A struct definition.
#[derive(Clone, Debug)]
pub struct StructItem {
    /// Its name.
    pub name: Name,
    /// Its fields, in order.
    pub fields: Vec<(Name, TypeExpr)>,
    /// The whole item.
    pub span: Span,
}

/// A function or task definition.
#[derive(Clone, Debug)]
pub struct FunctionItem {
    /// `task`, so that its calls may run out of order.
    pub is_task: bool,
    /// Its name.
    pub name: Name,
    /// Its parameters, in order.
    pub params: Vec<Param>,
    /// The result's type; none for a function without `->`.
    pub result: Option<TypeExpr>,
    /// Its statements; none of one that the host has (`extern`).
    pub body: Option<Block>,
    /// From the keyword to the end of the signature.
    pub head: Span,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// `inout`: the call writes the caller's place.
    pub inout: bool,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
}

/// A type as written. Its nesting is bounded by the lexer.
#[derive(Clone, Debug)]
pub struct TypeExpr {
    /// Which.
    pub kind: TypeKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of a type.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `Int`, `Float`, `Bool`, `Str`, a struct's name.
    Name(Name),
    /// `[T]`
    Array(Box<TypeExpr>),
    /// `Grid[T]`
    Grid(Box<TypeExpr>),
}

/// Statements between braces.
#[derive(Clone, Debug)]
pub struct Block {
    /// In order. Where the block is an expression's, the last is an [`StmtKind::Expr`].
    pub stmts: Vec<Stmt>,
    /// With the braces.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// Which.
    pub kind: StmtKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of a statement.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // of the fields, which the forms above them name
pub enum StmtKind {
    /// `let` (not `mutable`) or `var`.
    Let { mutable: bool, name: Name, ty: Option<TypeExpr>, value: ExprId },
    /// `place = value` (`op` none) or `place op= value`. The parser has not checked that it is a place.
    Assign { place: ExprId, op: Option<BinaryOp>, value: ExprId },
    /// An expression for its effect, or a block's value. An `if` at statement level is one of these, too.
    Expr(ExprId),
    /// `while cond { … }`
    While { cond: ExprId, body: Block },
    /// `for name in source { … }`
    For { name: Name, source: LoopSource, body: Block },
    /// `each name in lo..hi { … }`
    Each { name: Name, source: LoopSource, body: Block },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `return`, with or without a value.
    Return(Option<ExprId>),
    /// A statement with a syntax error, already reported.
    Error,
}

/// What a loop or a comprehension walks.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // of the fields, which the forms above them name
pub enum LoopSource {
    /// `lo..hi by step`
    Range { lo: ExprId, hi: ExprId, step: Option<ExprId> },
    /// An array, a grid or a view of one.
    Elements(ExprId),
}

/// `for name in source if cond`
#[derive(Clone, Copy, Debug)]
pub struct Clause {
    /// The loop's variable.
    pub name: Name,
    /// What it walks.
    pub source: LoopSource,
    /// The filter.
    pub cond: Option<ExprId>,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Which.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // of the fields, which the forms above them name
pub enum ExprKind {
    /// An integer literal. `-9223372036854775808` comes as a `Unary(Neg, Int(1 << 63))`; the checker folds it.
    Int(u64),
    /// A float literal.
    Float(f64),
    /// `true`, `false`
    Bool(bool),
    /// A string without interpolation, escapes resolved.
    Str(Box<str>),
    /// A string with interpolation.
    Interpolation(Box<[Piece]>),
    /// A name: a variable, a constant.
    Name(Symbol),
    /// `op e`
    Unary(UnaryOp, ExprId),
    /// `a op b`; `&&` and `||` too.
    Binary(BinaryOp, ExprId, ExprId),
    /// `e.name`
    Field(ExprId, Name),
    /// `e[i]`, `e[i, j]`: one or two indices.
    Index(ExprId, Box<[Index]>),
    /// `name(args)`: a function, a built-in, a conversion or a struct.
    Call { name: Name, args: Box<[Arg]> },
    /// `receiver.name(args)`
    Method { receiver: ExprId, name: Name, args: Box<[Arg]> },
    /// `[a, b, c]`
    Array(Box<[ExprId]>),
    /// `[T](args)`: the element type.
    NewArray(Box<TypeExpr>, Box<[Arg]>),
    /// `Grid[T](args)`: the element type.
    NewGrid(Box<TypeExpr>, Box<[Arg]>),
    /// `[e for x in xs if c]`
    Comprehension { element: ExprId, clause: Box<Clause> },
    /// `sum(e for x in xs if c)` and its like.
    Reduction { name: Name, element: ExprId, clause: Box<Clause> },
    /// `if`, as a statement or as an expression: its arms in order, and `else`.
    If { arms: Box<[(ExprId, Block)]>, otherwise: Option<Box<Block>> },
    /// An expression with a syntax error, already reported.
    Error,
}

/// A piece of an interpolated string.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // of the fields, which the forms above them name
pub enum Piece {
    /// Text, escapes resolved.
    Text(Box<str>),
    /// `{expr:format}`
    Value { value: ExprId, format: Option<Format> },
}

/// How an interpolated value is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Format {
    /// `<`, `^` or `>`
    pub align: Option<Align>,
    /// A `0` before the width.
    pub zero: bool,
    /// In characters, at most 65,535.
    pub width: Option<u16>,
    /// Digits after the point (Float) or characters at most (Str), at most 1,000.
    pub precision: Option<u16>,
    /// `x`, `b` or `e`
    pub radix: Option<Radix>,
    /// Where the format stands.
    pub span: Span,
}

/// Where padding goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// Value first.
    Left,
    /// Value in the middle.
    Center,
    /// Value last.
    Right,
}

/// The letter at the end of a format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Radix {
    /// `x`: an Int in hexadecimal.
    Hex,
    /// `b`: an Int in binary.
    Binary,
    /// `e`: a Float with an exponent.
    Exponent,
}

/// One index between brackets.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // of the fields, which the forms above them name
pub enum Index {
    /// `e`
    At(ExprId),
    /// `lo..hi`, either end open.
    Range { lo: Option<ExprId>, hi: Option<ExprId>, span: Span },
}

/// One argument of a call.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// `name:` before it.
    pub label: Option<Name>,
    /// `&` before it: the place is read and written. The span of the `&`.
    pub inout: Option<Span>,
    /// The expression or place.
    pub value: ExprId,
}

/// A prefix operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `!`
    Not,
    /// `~`
    BitNot,
}

/// An infix operator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    WrapAdd,
    WrapSub,
    WrapMul,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}

impl BinaryOp {
    /// How tightly it binds: of two operators the one with more takes the operand between them, of equals the left one.
    pub fn precedence(self) -> u8 {
        use BinaryOp::*;
        match self {
            Mul | Div | Rem | WrapMul => 9,
            Add | Sub | WrapAdd | WrapSub => 8,
            Shl | Shr => 7,
            BitAnd => 6,
            BitXor => 5,
            BitOr => 4,
            Eq | Ne | Lt | Le | Gt | Ge => 3,
            And => 2,
            Or => 1,
        }
    }

    /// Whether it is a comparison, which does not chain.
    pub fn compares(self) -> bool {
        use BinaryOp::*;
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge)
    }

    /// As it is written.
    pub fn text(self) -> &'static str {
        use BinaryOp::*;
        match self {
            Add => "+",
            Sub => "-",
            Mul => "*",
            Div => "/",
            Rem => "%",
            WrapAdd => "+%",
            WrapSub => "-%",
            WrapMul => "*%",
            BitAnd => "&",
            BitOr => "|",
            BitXor => "^",
            Shl => "<<",
            Shr => ">>",
            Eq => "==",
            Ne => "!=",
            Lt => "<",
            Le => "<=",
            Gt => ">",
            Ge => ">=",
            And => "&&",
            Or => "||",
        }
    }
}

//! The typed tree: what the checker returns and the compiler reads. Every name is resolved, every type is known,
//! every place is a place, modes and effects are inferred. As in the syntax tree, expressions live in one arena,
//! and a walk goes down left-deep chains (binary operators, fields, calls on calls) in a loop.

use super::independent::Gap;
use crate::bytecode::effects::Effects;
use crate::bytecode::types::{TypeId, TypeTable};
use crate::syntax::span::Span;
use crate::syntax::tree::Format;
pub use crate::syntax::tree::{BinaryOp, UnaryOp};
use rustc_hash::FxHashMap;

/// An expression of the arena.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExprId(pub u32);

/// A local of a function: a parameter, a variable, a loop's variable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LocalId(pub u32);

/// A function of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FunctionId(pub u32);

/// A checked program.
#[derive(Clone, Debug)]
pub struct Typed {
    /// Its types.
    pub types: TypeTable,
    /// Its functions.
    pub functions: Vec<Function>,
    /// `main`: no parameters, no result.
    pub main: FunctionId,
    /// Arrays, structs and long texts among the constants; numbers, Bools and short texts stand as literals where they
    /// are used.
    pub consts: Vec<Const>,
    /// The arena.
    pub exprs: Vec<Expr>,
    /// What must hold before an `each` loop begins (else T0008), by function and the loop's variable.
    pub gaps: FxHashMap<(usize, LocalId), Vec<Gap>>,
}

impl std::ops::Index<ExprId> for Typed {
    type Output = Expr;
    fn index(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0 as usize]
    }
}

/// A constant's value.
#[derive(Clone, Debug)]
pub struct Const {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: TypeId,
    /// What it is.
    pub value: ConstValue,
}

/// The value of a constant expression.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum ConstValue {
    Int(i64),
    Float(f64),
    Bool(bool),
    Str(String),
    Array(Vec<ConstValue>),
    /// The fields in the order of declaration.
    Struct(Vec<ConstValue>),
}

/// A function or task.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// `task`
    pub is_task: bool,
    /// `extern`: the host has it, and `body` is empty.
    pub is_extern: bool,
    /// How many of `locals` are parameters; they come first, in order.
    pub params: usize,
    /// [`TypeId::UNIT`] for none.
    pub result: TypeId,
    /// Parameters, then variables in order of declaration.
    pub locals: Vec<Local>,
    /// Its statements. A function with a result never falls off the end.
    pub body: Block,
    /// What it and all that it calls does besides computing.
    pub effects: Effects,
    /// Whether an `each` loop stands in it.
    pub has_each: bool,
    /// Keyword to end of signature.
    pub head: Span,
}

/// A parameter or variable.
#[derive(Clone, Debug)]
pub struct Local {
    /// Its name; several locals may share it.
    pub name: String,
    /// Its type.
    pub ty: TypeId,
    /// Where it is declared.
    pub span: Span,
    /// What it is.
    pub kind: LocalKind,
}

/// The kinds of local.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LocalKind {
    /// A read-only parameter.
    In,
    /// An `inout` parameter. `resizes`: the function (or one that it passes it to) may change its length or
    /// assign it as a whole; only for arrays and grids does it matter: without it they are passed as views.
    Inout {
        /// See above.
        resizes: bool,
    },
    /// `let`
    Let,
    /// `var`
    Var,
    /// A loop's variable, read-only.
    Loop,
}

/// Statements, and the value of a block that is an expression's.
#[derive(Clone, Debug)]
pub struct Block {
    /// In order, without the value.
    pub stmts: Vec<Stmt>,
    /// The value, where the block has one. A block of an `if` of type UNIT has none.
    pub value: Option<ExprId>,
    /// Whether its end can't be reached (it ends in `return`, `break`, `continue`, `panic`, `exit`).
    pub diverges: bool,
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
pub enum StmtKind {
    /// `let` or `var`
    Let {
        /// The new local.
        local: LocalId,
        /// Its first value.
        value: ExprId,
    },
    /// `place = value`, `place op= value`
    Assign {
        /// What is written (and read, with `op`).
        place: Place,
        /// For `op=`: the operator on two values of the place's type.
        op: Option<BinaryOp>,
        /// The right side, evaluated first.
        value: ExprId,
    },
    /// For its effect: a call, or an `if` of type UNIT. A value is dropped.
    Expr(ExprId),
    /// `while`
    While {
        /// A Bool.
        cond: ExprId,
        /// What is repeated.
        body: Block,
    },
    /// `for` or `each`
    For {
        /// The loop's variable.
        local: LocalId,
        /// What it walks.
        source: Source,
        /// What is repeated.
        body: Block,
        /// `each`: its iterations are independent.
        each: bool,
    },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `return`
    Return(Option<ExprId>),
}

/// What a loop walks.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// `lo..hi by step`: Ints.
    Range {
        /// First.
        lo: ExprId,
        /// Not reached.
        hi: ExprId,
        /// None is 1.
        step: Option<ExprId>,
    },
    /// An array or a grid (row-major); a read of a place is walked as it was at the start, without copying if the body does
    /// not write it.
    Elements(ExprId),
}

/// `for local in source if cond`
#[derive(Clone, Copy, Debug)]
pub struct Clause {
    /// The variable.
    pub local: LocalId,
    /// What it walks.
    pub source: Source,
    /// The filter.
    pub cond: Option<ExprId>,
}

/// A place that is written: a `var` or an `inout` parameter, then a path.
#[derive(Clone, Debug)]
pub struct Place {
    /// The variable.
    pub root: LocalId,
    /// From the variable to the place.
    pub path: Vec<Step>,
    /// The type of what is there.
    pub ty: TypeId,
    /// Where it stands.
    pub span: Span,
}

/// One step of a place's path.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Field of that index.
    Field(usize),
    /// `[i]` of an array.
    Index(ExprId),
    /// `[r, c]` of a grid.
    Index2(ExprId, ExprId),
    /// `[lo..hi]` of an array: the last step of a path, or followed by indices.
    Slice(Option<ExprId>, Option<ExprId>),
    /// `[…, …]` of a grid with at least one range. With `At` for the rows it is a row, of type `[T]`.
    Slice2(Extent, Extent),
}

/// One dimension of a rank-2 slice.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// One row or column.
    At(ExprId),
    /// `lo..hi`, either end open.
    Range(Option<ExprId>, Option<ExprId>),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Which.
    pub kind: ExprKind,
    /// Its type.
    pub ty: TypeId,
    /// Where it stands.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A literal, or a folded constant.
    Int(i64),
    /// A literal, or a folded constant.
    Float(f64),
    /// A literal, or a folded constant.
    Bool(bool),
    /// A literal, or a folded constant.
    Str(Box<str>),
    /// A use of a constant of `Typed::consts`, by index.
    Const(u32),
    /// A use of a local.
    Local(LocalId),
    /// `- ! ~`
    Unary(UnaryOp, ExprId),
    /// Both sides have one type, but for `<<` and `>>` all the same: it decides what the operator does. `&&`
    /// and `||` too. `+` on Str and arrays joins.
    Binary(BinaryOp, ExprId, ExprId),
    /// `Int(x)` of a Float or Bool, `Float(n)` of an Int, `Str(x)` of anything: from the type of the operand to that of the expression.
    Convert(ExprId),
    /// Field of that index of a struct.
    Field(ExprId, usize),
    /// `xs[i]`, or the byte `s[i]` of a Str.
    Index(ExprId, ExprId),
    /// `g[r, c]`
    Index2(ExprId, ExprId, ExprId),
    /// `xs[lo..hi]` of an array or a Str.
    Slice(ExprId, Option<ExprId>, Option<ExprId>),
    /// `g[…, …]` with at least one range. With `At` for the rows its type is `[T]`.
    Slice2(ExprId, Extent, Extent),
    /// A call of a function.
    Call {
        /// Which.
        function: FunctionId,
        /// In order of the parameters, which is the order of evaluation.
        args: Box<[Arg]>,
        /// Pairs of arguments that may overlap (the first is `inout`) and so are compared at run time.
        may_overlap: Box<[(u16, u16)]>,
    },
    /// A call of a built-in.
    Builtin {
        /// Index into [`crate::bytecode::builtins::BUILTINS`].
        builtin: u16,
        /// What `T` or `N` stands for; UNIT if the signature has neither.
        of: TypeId,
        /// In order of the parameters, which is the order of evaluation.
        args: Box<[Arg]>,
        /// As for [`ExprKind::Call`].
        may_overlap: Box<[(u16, u16)]>,
    },
    /// `assert(cond, message)`: the message is evaluated only if `cond` is false.
    Assert(ExprId, Option<ExprId>),
    /// A struct: each field once, by index, in the order of evaluation.
    Struct(Box<[(usize, ExprId)]>),
    /// `[a, b, c]`
    Array(Box<[ExprId]>),
    /// `[T](n, fill: v)`: length, then value.
    NewArray(ExprId, ExprId),
    /// `Grid[T](rows, cols, fill: v)`
    NewGrid(ExprId, ExprId, ExprId),
    /// A string with values in it.
    Interpolation(Box<[Piece]>),
    /// `if`: as an expression every block has a value (or diverges) and there is an `else`; as a statement none has one.
    If {
        /// Condition and block, in order.
        arms: Box<[(ExprId, Block)]>,
        /// `else`
        otherwise: Option<Box<Block>>,
    },
    /// `[e for …]`
    Comprehension {
        /// Of the array's element type.
        element: ExprId,
        /// The loop.
        clause: Clause,
    },
    /// `sum(e for …)` and its like.
    Reduction {
        /// Which.
        reduction: Reduction,
        /// Int or Float for sum and product, any type for min and max, Bool for count, any, all.
        element: ExprId,
        /// The loop.
        clause: Clause,
    },
}

/// The reductions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Reduction {
    Sum,
    Product,
    Min,
    Max,
    Count,
    Any,
    All,
}

/// A piece of an interpolated string.
#[derive(Clone, Debug)]
pub enum Piece {
    /// As it is.
    Text(Box<str>),
    /// A printed value; the format fits the type.
    Value(ExprId, Option<Format>),
}

/// An argument.
#[derive(Clone, Debug)]
pub enum Arg {
    /// Read.
    In(ExprId),
    /// Read and written.
    Inout(Place),
}

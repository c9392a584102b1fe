//! Tree to typed tree: names, types, places and modes, constants, effects.
//!
//! [`check`] is the only entry. Its passes run in this order, each over the whole program: collect the items, lay the
//! structs out, read the signatures, evaluate the constants, check the bodies, infer effects and resizing.
//!
//! Invariants: whatever has been reported has the type [`ERROR`], which fits everything, so that one mistake gives one
//! error; native recursion follows brackets, blocks and prefix operators only, whose nesting the lexer bounds.

mod calls;
mod clauses;
pub mod codes;
mod consts;
mod effects;
mod expr;
mod externs;
pub mod independent;
mod items;
mod kinds;
mod operators;
mod overlap;
mod places;
mod scope;
mod stmt;
mod structs;
pub mod typed;
pub mod walk;

use crate::bytecode::effects::Effects;
use crate::bytecode::types::{TypeId, TypeTable};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Span;
use crate::syntax::tree::{self, Symbol, Tree};
use rustc_hash::FxHashMap;
use typed::{Const, Expr, ExprId, ExprKind, Function, FunctionId, Local, LocalId, Typed};

/// The type of what has been reported already. It is never part of a [`Typed`].
const ERROR: TypeId = TypeId(u32::MAX);

/// The constant that stands for an expression that has been reported. It is never part of a [`Typed`].
const BROKEN: u32 = u32::MAX;

/// How many types a program may have.
const MAX_TYPES: usize = 60_000;

/// How many parameters a function may have.
const MAX_PARAMS: usize = 255;

/// Checks a program.
///
/// # Errors
///
/// All that is wrong with it, in the order of the text. The list is empty if the only faults are those that the parser
/// has reported (nodes of kind `Error`).
pub fn check(tree: &Tree) -> Result<Typed, Vec<Diagnostic>> {
    let mut checker = Checker::new(tree);
    checker.collect();
    checker.resolve_fields();
    checker.lay_out_structs();
    checker.read_signatures();
    checker.evaluate_constants();
    checker.check_bodies();
    checker.infer();
    checker.finish()
}

/// What a name means at top level.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Global {
    /// Nothing.
    None,
    /// A basic type or a struct.
    Type(TypeId),
    /// Index into `Checker::consts`.
    Const(u32),
    /// Index into `Checker::functions`.
    Function(u32),
}

/// All that a symbol means at the point that is being checked.
#[derive(Clone, Copy)]
struct Entry {
    /// At top level.
    global: Global,
    /// In the scope.
    local: Option<LocalId>,
    /// The built-ins of that name: index into `Checker::overloads`.
    overloads: Option<u16>,
}

/// A function's signature.
struct Signature<'t> {
    item: &'t tree::FunctionItem,
    params: Vec<Parameter>,
    result: TypeId,
}

/// A parameter of a signature.
#[derive(Clone, Copy)]
struct Parameter {
    inout: bool,
    ty: TypeId,
}

/// The state of the function, or constant, that is being checked.
#[derive(Default)]
struct Body {
    /// Which function.
    function: u32,
    /// Its result; `None` outside of functions.
    result: Option<TypeId>,
    /// All its locals so far.
    locals: Vec<Local>,
    /// What each binding in scope has hidden, innermost last.
    undo: Vec<(Symbol, Option<LocalId>)>,
    /// The loops around, innermost last: whether each has a `break`. A comprehension starts afresh.
    loops: Vec<bool>,
    /// Inside the body of a comprehension: the first local that belongs to it, and where it stands.
    clause: Option<(u32, Span)>,
    /// How many places have been written so far.
    writes: u32,
    /// Whether the last statement was reported for a value that is not used: it was meant to be returned.
    ends_unused: bool,
    /// What its built-ins do.
    effects: Effects,
    /// Whether an `each` loop stands in it.
    has_each: bool,
}

/// The state of a check.
struct Checker<'t> {
    tree: &'t Tree,
    types: TypeTable,
    /// The predeclared struct.
    rng: TypeId,
    diagnostics: Vec<Diagnostic>,
    /// Whether the tree has nodes of kind `Error`.
    incomplete: bool,
    /// By symbol.
    names: Vec<Entry>,
    overloads: Vec<Vec<u16>>,
    /// Parallel to `types.structs`; `None` for the predeclared one.
    structs: Vec<Option<&'t tree::StructItem>>,
    /// Index of a struct's field by its name.
    fields: FxHashMap<(u32, Symbol), u32>,
    consts: Vec<consts::Constant<'t>>,
    /// The constants that are not literals, and their sizes.
    table: Vec<Const>,
    measures: Vec<consts::Measure>,
    /// How many more values, or bytes of text, constants may copy from each other.
    const_budget: usize,
    functions: Vec<Signature<'t>>,
    checked: Vec<Function>,
    exprs: Vec<Expr>,
    body: Body,
    facts: effects::Facts,
    /// How many more names may be compared for "did you mean".
    suggestion_budget: usize,
    /// By type: whether `<` orders it, as far as that is known.
    ordered: FxHashMap<TypeId, bool>,
    /// Where the number of types went over the limit.
    too_many_types: Option<Span>,
}

impl<'t> Checker<'t> {
    fn new(tree: &'t Tree) -> Checker<'t> {
        Checker {
            tree,
            types: TypeTable::default(),
            rng: ERROR,
            diagnostics: Vec::new(),
            incomplete: false,
            names: vec![Entry { global: Global::None, local: None, overloads: None }; tree.names.len()],
            overloads: Vec::new(),
            structs: Vec::new(),
            fields: FxHashMap::default(),
            consts: Vec::new(),
            table: Vec::new(),
            measures: Vec::new(),
            const_budget: consts::MAX_COPIED,
            functions: Vec::new(),
            checked: Vec::new(),
            exprs: Vec::with_capacity(tree.exprs.len()),
            body: Body::default(),
            facts: effects::Facts::default(),
            suggestion_budget: scope::MAX_COMPARED,
            ordered: FxHashMap::default(),
            too_many_types: None,
        }
    }

    /// The result, or what was reported.
    fn finish(mut self) -> Result<Typed, Vec<Diagnostic>> {
        let main = self.find_main();
        if let Some(span) = self.too_many_types {
            let message = format!("the program has more than {MAX_TYPES} types");
            self.report(Diagnostic::new("E0507", span, message, "this one is too many"));
        }
        match main {
            Some(main) if self.diagnostics.is_empty() && !self.incomplete => {
                let (types, functions) = (self.types, self.checked);
                let mut typed =
                    Typed { types, functions, main, consts: self.table, exprs: self.exprs, gaps: FxHashMap::default() };
                independent::check(&mut typed).map(|()| typed)
            }
            _ => {
                self.diagnostics.sort_by_key(|d| d.labels[0].span);
                Err(self.diagnostics)
            }
        }
    }

    /// Finds `main` and reports what is wrong with it.
    fn find_main(&mut self) -> Option<FunctionId> {
        let symbol = self.tree.names.find("main");
        let Some(Global::Function(main)) = symbol.map(|symbol| self.entry(symbol).global) else {
            let end = self.tree.items.last().map_or(Span::default(), items::span);
            let diagnostic = Diagnostic::new("E0208", end, "the program has no function `main`", "")
                .help("a run starts there: add `fn main() { … }`");
            self.report(diagnostic);
            return None;
        };
        let item = self.functions[main as usize].item;
        if !item.params.is_empty() || item.result.is_some() {
            let diagnostic = Diagnostic::new("E0209", item.head, "`main` takes no parameters and gives no result", "")
                .help("write `fn main()`; the program's arguments come from `args()`, an exit code goes to `exit`");
            self.report(diagnostic);
        } else if item.body.is_none() {
            let diagnostic = Diagnostic::new("E0209", item.head, "`main` is the program's own, and not the host's", "")
                .help("write `fn main() { … }`; a host that only calls functions needs no `main`");
            self.report(diagnostic);
        }
        Some(FunctionId(main))
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// What `symbol` means here.
    fn entry(&self, symbol: Symbol) -> Entry {
        self.names[symbol.0 as usize]
    }

    /// The text of `symbol`.
    fn text(&self, symbol: Symbol) -> &'t str {
        self.tree.names.text(symbol)
    }

    /// Puts an expression into the arena.
    fn push(&mut self, kind: ExprKind, ty: TypeId, span: Span) -> ExprId {
        self.exprs.push(Expr { kind, ty, span });
        ExprId(self.exprs.len() as u32 - 1)
    }

    /// What stands for an expression with an error.
    fn poison(&mut self, span: Span) -> ExprId {
        self.broken(ERROR, span)
    }

    /// What stands for an expression with an error whose type is known all the same.
    fn broken(&mut self, ty: TypeId, span: Span) -> ExprId {
        self.push(ExprKind::Const(BROKEN), ty, span)
    }

    fn at(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0 as usize]
    }

    fn ty(&self, id: ExprId) -> TypeId {
        self.at(id).ty
    }

    fn span(&self, id: ExprId) -> Span {
        self.at(id).span
    }

    fn local(&self, id: LocalId) -> &Local {
        &self.body.locals[id.0 as usize]
    }
}

//! Looking ahead in the typed tree: which use of a variable is its last, what an expression may write, whether it
//! needs the window, and which functions are small enough to be compiled in place.

use crate::bytecode::builtins::{BUILTINS, Lowering};
use crate::bytecode::types::TypeId;
use crate::check::typed::*;
pub use crate::check::walk::operands;
use crate::check::walk::{place_operands, source_operands};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

/// How much an inlined function's expression may hold.
const INLINE_NODES: usize = 24;

/// Whether a variable occurs in an expression.
pub fn mentions(typed: &Typed, e: ExprId, local: LocalId) -> bool {
    let mut stack = vec![e];
    while let Some(e) = stack.pop() {
        let occurs = match &typed[e].kind {
            ExprKind::Local(other) => *other == local,
            ExprKind::Call { args, .. } | ExprKind::Builtin { args, .. } => {
                args.iter().any(|arg| matches!(arg, Arg::Inout(place) if place.root == local))
            }
            // Blocks are not looked into.
            ExprKind::If { .. } => true,
            _ => false,
        };
        if occurs {
            return true;
        }
        operands(typed, e, &mut |child| stack.push(child), &mut |_| ());
    }
    false
}

/// The operand that comes first, and so is what a long chain hangs on.
pub fn first_operand(typed: &Typed, e: ExprId) -> Option<ExprId> {
    match &typed[e].kind {
        ExprKind::Unary(_, a)
        | ExprKind::Convert(a)
        | ExprKind::Field(a, _)
        | ExprKind::Binary(_, a, _)
        | ExprKind::Index(a, _)
        | ExprKind::Index2(a, ..)
        | ExprKind::Slice(a, ..)
        | ExprKind::Slice2(a, ..) => Some(*a),
        ExprKind::Call { args, .. } | ExprKind::Builtin { args, .. } => match args.first() {
            Some(Arg::In(a)) => Some(*a),
            _ => None,
        },
        _ => None,
    }
}

/// What is known of each expression, found out when it is asked for.
pub struct Memo<'a> {
    typed: &'a Typed,
    /// 0 not looked at; else 1 + a set of [`WRITES`], [`WINDOW`], [`STOPS`].
    facts: Vec<u8>,
}

/// It may write a variable.
const WRITES: u8 = 1;
/// It uses the window.
const WINDOW: u8 = 2;
/// It may trap, print, or not end.
const STOPS: u8 = 4;

impl<'a> Memo<'a> {
    /// Nothing known yet.
    pub fn new(typed: &'a Typed) -> Memo<'a> {
        Memo { typed, facts: vec![0; typed.exprs.len()] }
    }

    /// Whether evaluating `e` may write a variable that was there before.
    pub fn writes(&mut self, e: ExprId) -> bool {
        self.facts(e) & WRITES != 0
    }

    /// Whether evaluating `e` leaves nothing of what stood in the window.
    pub fn window(&mut self, e: ExprId) -> bool {
        self.facts(e) & WINDOW != 0
    }

    /// Whether evaluating `e` may trap, print, or not end. Of a slice, its bounds: they are checked when it is used.
    pub fn stops(&mut self, e: ExprId) -> bool {
        match self.typed[e].kind {
            ExprKind::Slice(..) | ExprKind::Slice2(..) => {
                let mut parts = Vec::new();
                operands(self.typed, e, &mut |part| parts.push(part), &mut |_| ());
                parts.into_iter().any(|part| self.facts(part) & STOPS != 0)
            }
            _ => self.facts(e) & STOPS != 0,
        }
    }

    fn facts(&mut self, root: ExprId) -> u8 {
        let mut stack: SmallVec<[ExprId; 16]> = smallvec![root];
        while let Some(&e) = stack.last() {
            if self.facts[e.0 as usize] != 0 {
                stack.pop();
                continue;
            }
            let before = stack.len();
            let mut facts = self.own_facts(e) | if self.may_stop(e) { STOPS } else { 0 };
            operands(
                self.typed,
                e,
                &mut |child| match self.facts[child.0 as usize] {
                    0 => stack.push(child),
                    known => facts |= known - 1,
                },
                // Whatever stands in a block: it is a statement, and so may write.
                &mut |_| (),
            );
            if stack.len() == before {
                self.facts[e.0 as usize] = 1 + facts;
                stack.pop();
            }
        }
        self.facts[root.0 as usize] - 1
    }

    fn own_facts(&self, e: ExprId) -> u8 {
        let expr = &self.typed[e];
        let inout = |args: &[Arg]| args.iter().any(|arg| matches!(arg, Arg::Inout(_)));
        let is_ref = self.typed.types.is_ref(expr.ty);
        match &expr.kind {
            ExprKind::Call { args, .. } => WINDOW | if inout(args) { WRITES } else { 0 },
            ExprKind::Builtin { builtin, args, of, .. } => {
                let inline = BUILTINS[*builtin as usize].lowering == Lowering::Inline
                    && (matches!(*of, TypeId::INT | TypeId::FLOAT | TypeId::UNIT));
                (if inline { 0 } else { WINDOW }) | if inout(args) { WRITES } else { 0 }
            }
            ExprKind::If { arms, otherwise } => {
                let simple = |block: &Block| block.stmts.is_empty();
                if arms.iter().all(|(_, block)| simple(block)) && otherwise.as_deref().is_some_and(simple) {
                    // The values are not among the operands: be careful about them, too.
                    if is_ref { WINDOW | WRITES } else { WINDOW | self.block_values(arms, otherwise.as_deref()) }
                } else {
                    WINDOW | WRITES
                }
            }
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Str(_)
            | ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Unary(..)
            | ExprKind::Field(..)
            | ExprKind::Index(..)
            | ExprKind::Index2(..) => 0,
            ExprKind::Binary(op, a, _) => {
                let joins = matches!(op, BinaryOp::And | BinaryOp::Or);
                let scalar = matches!(self.typed[*a].ty, TypeId::INT | TypeId::FLOAT | TypeId::BOOL);
                if joins || !scalar { WINDOW } else { 0 }
            }
            ExprKind::Convert(_) => {
                if is_ref {
                    WINDOW
                } else {
                    0
                }
            }
            _ => WINDOW,
        }
    }

    /// Whether the expression itself, not its operands, may trap, print, or not end.
    fn may_stop(&self, e: ExprId) -> bool {
        use BinaryOp::*;
        let expr = &self.typed[e];
        match &expr.kind {
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Str(_)
            | ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Field(..)
            | ExprKind::Struct(_)
            | ExprKind::Array(_)
            | ExprKind::Interpolation(_) => false,
            ExprKind::Unary(op, _) => *op == UnaryOp::Neg && expr.ty == TypeId::INT,
            ExprKind::Binary(op, ..) => expr.ty == TypeId::INT && matches!(op, Add | Sub | Mul | Div | Rem | Shl | Shr),
            ExprKind::Convert(_) => expr.ty == TypeId::INT,
            ExprKind::Builtin { builtin, .. } => !matches!(
                BUILTINS[*builtin as usize].name,
                "len" | "rows" | "cols" | "min" | "max" | "sqrt" | "floor" | "ceil"
            ),
            _ => true,
        }
    }

    /// Whether the values of blocks without statements may write.
    fn block_values(&self, arms: &[(ExprId, Block)], otherwise: Option<&Block>) -> u8 {
        let leaf = |block: &Block| {
            block.value.is_none_or(|value| {
                matches!(
                    self.typed[value].kind,
                    ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Local(_)
                )
            })
        };
        if arms.iter().map(|(_, block)| block).chain(otherwise).all(leaf) { 0 } else { WRITES }
    }
}

/// For each function, the expression that stands for a call of it, if it is an `fn` whose body is one small `return`
/// that only reads scalars, elements and fields, with at most one look at each parameter that is costly to copy.
pub fn inlinable(typed: &Typed) -> Vec<Option<ExprId>> {
    typed
        .functions
        .iter()
        .map(|function| {
            let [Stmt { kind: StmtKind::Return(Some(value)), .. }] = function.body.stmts[..] else { return None };
            let read_only = function.locals[..function.params].iter().all(|local| local.kind == LocalKind::In);
            let scalar = |ty| matches!(ty, TypeId::INT | TypeId::FLOAT | TypeId::BOOL);
            if function.is_task || !read_only || !scalar(function.result) || function.locals.len() != function.params {
                return None;
            }
            let mut stack = vec![value];
            let mut nodes = 0;
            while let Some(e) = stack.pop() {
                nodes += 1;
                let expr = &typed[e];
                let plain = match &expr.kind {
                    ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Local(_) => true,
                    ExprKind::Unary(..) | ExprKind::Field(..) | ExprKind::Index(..) | ExprKind::Index2(..) => {
                        scalar(expr.ty) || matches!(expr.kind, ExprKind::Field(..))
                    }
                    ExprKind::Binary(_, a, _) => scalar(typed[*a].ty),
                    ExprKind::Convert(a) => scalar(expr.ty) && scalar(typed[*a].ty),
                    ExprKind::Builtin { builtin, args, .. } => {
                        BUILTINS[*builtin as usize].lowering == Lowering::Inline
                            && args.iter().all(|arg| matches!(arg, Arg::In(_)))
                            && scalar(expr.ty)
                    }
                    _ => false,
                };
                if !plain || nodes > INLINE_NODES {
                    return None;
                }
                operands(typed, e, &mut |child| stack.push(child), &mut |_| ());
            }
            Some(value)
        })
        .collect()
}

/// The uses of owned variables that are their last, so that the value may be moved out: the only one in its statement,
/// none later in the text, and not inside a loop that the variable is declared outside of; or the last one before
/// the variable is assigned as a whole (`a = f(a)`, `let t = a` and then `a = b`).
pub fn last_uses(typed: &Typed, function: &Function) -> Vec<ExprId> {
    let mut walk = LastUses {
        typed,
        function,
        declared: vec![0; function.locals.len()],
        last: vec![None; function.locals.len()],
        counts: FxHashMap::default(),
        stmt: 0,
        next_stmt: 0,
        depth: 0,
        pending: 0,
        block: 0,
        next_block: 0,
        jumps: 0,
        overwritten: Vec::new(),
    };
    walk.block(&function.body);
    let LastUses { mut overwritten, last, counts, .. } = walk;
    for (local, last) in last.iter().enumerate() {
        if let Some(Use { e: Some(e), stmt, last_depth: true, .. }) = last
            && counts.get(&(*stmt, local as u32)) == Some(&1)
        {
            overwritten.push(*e);
        }
    }
    overwritten
}

#[derive(Clone, Copy)]
struct Use {
    /// None for a place that is written.
    e: Option<ExprId>,
    stmt: u32,
    depth: u32,
    block: u32,
    jumps: u32,
    /// It stands at the loop depth of the declaration.
    last_depth: bool,
}

fn is_inout(local: &Local) -> bool {
    matches!(local.kind, LocalKind::Inout { .. })
}

struct LastUses<'a> {
    typed: &'a Typed,
    function: &'a Function,
    declared: Vec<u32>,
    last: Vec<Option<Use>>,
    counts: FxHashMap<(u32, u32), u32>,
    stmt: u32,
    next_stmt: u32,
    depth: u32,
    /// How many `if` expressions we are in whose surroundings may hold operands already evaluated.
    pending: u32,
    block: u32,
    next_block: u32,
    /// How many `break` and `continue` have passed.
    jumps: u32,
    overwritten: Vec<ExprId>,
}

impl<'a> LastUses<'a> {
    fn block(&mut self, block: &'a Block) {
        self.next_block += 1;
        let outer = std::mem::replace(&mut self.block, self.next_block);
        for stmt in &block.stmts {
            self.stmt(stmt);
        }
        if let Some(value) = block.value {
            let outer = self.enter();
            self.expr(value);
            self.stmt = outer;
        }
        self.block = outer;
    }

    /// Begins a statement; gives the one around it.
    fn enter(&mut self) -> u32 {
        self.next_stmt += 1;
        std::mem::replace(&mut self.stmt, self.next_stmt)
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        let outer = self.enter();
        match &stmt.kind {
            StmtKind::Let { local, value } => {
                self.expr(*value);
                self.declared[local.0 as usize] = self.depth;
            }
            StmtKind::Assign { place, op, value } => {
                self.expr(*value);
                let root = place.root.0;
                // The last use before, in this statement or an earlier one of the block with no way out between.
                if place.path.is_empty()
                    && op.is_none()
                    && let Some(Use { e: Some(e), stmt, depth, block, jumps, .. }) = self.last[root as usize]
                    && self.counts.get(&(stmt, root)) == Some(&1)
                    && (depth, block, jumps) == (self.depth, self.block, self.jumps)
                {
                    self.overwritten.push(e);
                }
                place_operands(place, &mut |e| self.expr(e));
                self.used(place.root, None);
            }
            StmtKind::Expr(e) => match &self.typed[*e].kind {
                ExprKind::If { arms, otherwise } => self.arms(arms, otherwise.as_deref()),
                _ => self.expr(*e),
            },
            StmtKind::While { cond, body } => {
                self.depth += 1;
                self.expr(*cond);
                self.block(body);
                self.depth -= 1;
            }
            StmtKind::For { local, source, body, .. } => {
                source_operands(source, &mut |e| self.expr(e));
                self.depth += 1;
                self.declared[local.0 as usize] = self.depth;
                self.block(body);
                self.depth -= 1;
            }
            StmtKind::Return(value) => {
                if let Some(e) = value {
                    self.expr(*e);
                }
                // The caller takes what is in those.
                for (local, _) in (0..).zip(&self.function.locals).filter(|(_, local)| is_inout(local)) {
                    self.used(LocalId(local), None);
                }
            }
            StmtKind::Break | StmtKind::Continue => self.jumps += 1,
        }
        self.stmt = outer;
    }

    fn arms(&mut self, arms: &'a [(ExprId, Block)], otherwise: Option<&'a Block>) {
        for (cond, block) in arms {
            self.expr(*cond);
            self.block(block);
        }
        if let Some(block) = otherwise {
            self.block(block);
        }
    }

    fn used(&mut self, local: LocalId, e: Option<ExprId>) {
        let index = local.0 as usize;
        // What is not owned by this frame can't be moved out of it.
        let movable = self.function.locals[index].kind != LocalKind::In && self.pending == 0;
        let inout = is_inout(&self.function.locals[index]);
        if e.is_some() {
            *self.counts.entry((self.stmt, local.0)).or_default() += 1;
        }
        self.last[index] = Some(Use {
            e: if movable { e } else { None },
            stmt: self.stmt,
            depth: self.depth,
            block: self.block,
            jumps: self.jumps,
            last_depth: !inout && self.depth == self.declared[index],
        });
    }

    fn expr(&mut self, root: ExprId) {
        // Long chains hang on first operands: go down those in a loop, then come back up.
        let mut spine: SmallVec<[ExprId; 16]> = smallvec![root];
        while let Some(first) = first_operand(self.typed, *spine.last().expect("it has the root")) {
            spine.push(first);
        }
        let mut done = None;
        while let Some(e) = spine.pop() {
            self.node(e, done);
            done = Some(e);
        }
    }

    fn node(&mut self, e: ExprId, done: Option<ExprId>) {
        let typed = self.typed;
        match &typed[e].kind {
            ExprKind::Local(local) => self.used(*local, Some(e)),
            ExprKind::If { arms, otherwise } => {
                self.pending += 1;
                self.arms(arms, otherwise.as_deref());
                self.pending -= 1;
            }
            ExprKind::Comprehension { element, clause } | ExprKind::Reduction { element, clause, .. } => {
                source_operands(&clause.source, &mut |e| self.expr(e));
                self.depth += 1;
                self.declared[clause.local.0 as usize] = self.depth;
                if let Some(cond) = clause.cond {
                    self.expr(cond);
                }
                self.expr(*element);
                self.depth -= 1;
            }
            ExprKind::Call { args, .. } | ExprKind::Builtin { args, .. } => {
                let mut first = done;
                for arg in args {
                    match arg {
                        Arg::In(value) => {
                            if first.take() != Some(*value) {
                                self.expr(*value);
                            }
                        }
                        Arg::Inout(place) => {
                            first = None;
                            place_operands(place, &mut |e| self.expr(e));
                        }
                    }
                }
                // The call itself comes after all its arguments.
                for arg in args {
                    if let Arg::Inout(place) = arg {
                        self.used(place.root, None);
                    }
                }
            }
            _ => {
                let mut first = done;
                operands(
                    typed,
                    e,
                    &mut |child| {
                        if first.take() != Some(child) {
                            self.expr(child);
                        }
                    },
                    &mut |_| (),
                );
            }
        }
    }
}

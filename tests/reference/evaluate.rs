//! The evaluator: sections 3, 5 and 8 of the spec, one after the other, over the typed tree. It recurses and copies
//! everything; whoever calls it gives it a large stack and little to do.

use super::builtins;
use super::place::{self, Atom, Dimension};
use super::value::{self, Value, display};
use std::cmp::Ordering;
use tgvm::bytecode::builtins::{BUILTINS, Mode};
use tgvm::bytecode::trap::TrapCode;
use tgvm::bytecode::types::TypeId;
use tgvm::check::typed::*;

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What it printed, standard error included.
    pub output: String,
    /// The trap that ended it.
    pub trap: Option<TrapCode>,
    /// The code of `exit`.
    pub exit: Option<u8>,
}

/// Why a run has no outcome here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unknown {
    /// It took too many steps, or its calls are too deep.
    Exhausted,
    /// It calls a built-in that the reference does not know.
    Builtin(&'static str),
}

/// Runs a program.
pub fn evaluate(typed: &Typed, arguments: &[String], fuel: u64) -> Result<Outcome, Unknown> {
    let mut evaluator = Evaluator { typed, arguments, output: String::new(), fuel, depth: 0 };
    let ended = evaluator.call(typed.main, Vec::new());
    let (trap, exit) = match ended {
        Ok(_) => (None, None),
        Err(Leave::Trap(code)) => (Some(code), None),
        Err(Leave::Exit(code)) => (None, Some(code)),
        Err(Leave::Unknown(unknown)) => return Err(unknown),
        Err(Leave::Break | Leave::Continue | Leave::Return(_)) => panic!("control left a function"),
    };
    Ok(Outcome { output: evaluator.output, trap, exit })
}

/// Why evaluation goes on elsewhere.
pub enum Leave {
    Break,
    Continue,
    Return(Value),
    Trap(TrapCode),
    Exit(u8),
    Unknown(Unknown),
}

impl From<TrapCode> for Leave {
    fn from(code: TrapCode) -> Leave {
        Leave::Trap(code)
    }
}

/// A result, or what ends its evaluation.
pub type Eval<T> = Result<T, Leave>;

/// How many calls may be active.
const MAX_DEPTH: usize = 2_000;

/// How many source elements are combined left to right by a reduction.
const BLOCK: usize = 1024;

pub struct Evaluator<'t> {
    pub typed: &'t Typed,
    pub arguments: &'t [String],
    pub output: String,
    fuel: u64,
    depth: usize,
}

/// The locals of a call; `Unit` until they are declared.
type Frame = Vec<Value>;

/// A place: the variable, and what leads to its part.
type Path = (LocalId, Vec<Atom>);

impl Evaluator<'_> {
    /// Takes fuel.
    pub fn charge(&mut self, amount: u64) -> Eval<()> {
        self.fuel = self.fuel.checked_sub(amount).ok_or(Leave::Unknown(Unknown::Exhausted))?;
        Ok(())
    }

    /// Calls a function; gives its result, then its `inout` parameters as they are in the end, in order.
    fn call(&mut self, function: FunctionId, args: Vec<Value>) -> Eval<(Value, Vec<Value>)> {
        if self.depth == MAX_DEPTH {
            return Err(Leave::Unknown(Unknown::Exhausted));
        }
        self.depth += 1;
        let function = &self.typed.functions[function.0 as usize];
        let mut frame: Frame = args;
        frame.resize(function.locals.len(), Value::Unit);
        let result = match self.block(&mut frame, &function.body) {
            Ok(_) => Value::Unit,
            Err(Leave::Return(value)) => value,
            Err(other) => return Err(other),
        };
        self.depth -= 1;
        let inout = (0..function.params)
            .filter(|&i| matches!(function.locals[i].kind, LocalKind::Inout { .. }))
            .map(|i| frame[i].clone())
            .collect();
        Ok((result, inout))
    }

    fn block(&mut self, frame: &mut Frame, block: &Block) -> Eval<Value> {
        for stmt in &block.stmts {
            self.statement(frame, stmt)?;
        }
        match block.value {
            Some(value) => self.value(frame, value),
            None => Ok(Value::Unit),
        }
    }

    fn statement(&mut self, frame: &mut Frame, stmt: &Stmt) -> Eval<()> {
        self.charge(1)?;
        match &stmt.kind {
            StmtKind::Let { local, value } => {
                frame[local.0 as usize] = self.value(frame, *value)?;
            }
            StmtKind::Assign { place, op, value } => {
                let mut value = self.value(frame, *value)?;
                let path = self.indices(frame, place)?;
                if let Some(op) = op {
                    let current = self.read(frame, &path)?;
                    value = self.operator(*op, current, value)?;
                }
                self.write(frame, &path, value)?;
            }
            StmtKind::Expr(value) => {
                self.value(frame, *value)?;
            }
            StmtKind::While { cond, body } => {
                while self.value(frame, *cond)?.bool() {
                    self.charge(1)?;
                    match self.block(frame, body) {
                        Ok(_) | Err(Leave::Continue) => {}
                        Err(Leave::Break) => break,
                        Err(other) => return Err(other),
                    }
                }
            }
            StmtKind::For { local, source, body, .. } => {
                self.walk(frame, source, |this, frame, element| {
                    frame[local.0 as usize] = element;
                    match this.block(frame, body) {
                        Ok(_) | Err(Leave::Continue) => Ok(true),
                        Err(Leave::Break) => Ok(false),
                        Err(other) => Err(other),
                    }
                })?;
            }
            StmtKind::Break => return Err(Leave::Break),
            StmtKind::Continue => return Err(Leave::Continue),
            StmtKind::Return(None) => return Err(Leave::Return(Value::Unit)),
            StmtKind::Return(Some(value)) => return Err(Leave::Return(self.value(frame, *value)?)),
        }
        Ok(())
    }

    /// Calls `turn` for each element of a source, until it gives `false`.
    fn walk(
        &mut self,
        frame: &mut Frame,
        source: &Source,
        mut turn: impl FnMut(&mut Self, &mut Frame, Value) -> Eval<bool>,
    ) -> Eval<()> {
        match *source {
            Source::Range { lo, hi, step } => {
                let lo = self.value(frame, lo)?.int();
                let hi = i128::from(self.value(frame, hi)?.int());
                let step = match step {
                    Some(step) => i128::from(self.value(frame, step)?.int()),
                    None => 1,
                };
                if step == 0 {
                    return Err(TrapCode::StepIsZero.into());
                }
                let mut at = i128::from(lo);
                while if step > 0 { at < hi } else { at > hi } {
                    self.charge(1)?;
                    if !turn(self, frame, Value::Int(at as i64))? {
                        break;
                    }
                    at += step;
                    if i64::try_from(at).is_err() {
                        break;
                    }
                }
            }
            Source::Elements(elements) => {
                let elements = self.value(frame, elements)?;
                for element in elements.elements() {
                    self.charge(1)?;
                    if !turn(self, frame, element.clone())? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn value(&mut self, frame: &mut Frame, e: ExprId) -> Eval<Value> {
        Ok(self.located(frame, e)?.0)
    }

    fn values(&mut self, frame: &mut Frame, list: &[ExprId]) -> Eval<Vec<Value>> {
        list.iter().map(|&e| self.value(frame, e)).collect()
    }

    fn optional(&mut self, frame: &mut Frame, e: Option<ExprId>) -> Eval<Option<i64>> {
        e.map(|e| Ok(self.value(frame, e)?.int())).transpose()
    }

    /// An expression's value, and where it stands if it is a variable or a part of one.
    fn located(&mut self, frame: &mut Frame, e: ExprId) -> Eval<(Value, Option<Path>)> {
        let (of, atom) = match self.typed[e].kind {
            ExprKind::Local(local) => {
                let value = frame[local.0 as usize].clone();
                self.charge(value.size())?;
                return Ok((value, Some((local, Vec::new()))));
            }
            ExprKind::Field(of, field) => (self.located(frame, of)?, Atom::Field(field)),
            ExprKind::Index(of, at) => {
                let of = self.located(frame, of)?;
                (of, Atom::Index(self.value(frame, at)?.int()))
            }
            ExprKind::Index2(of, row, col) => {
                let of = self.located(frame, of)?;
                let row = self.value(frame, row)?.int();
                (of, Atom::Index2(row, self.value(frame, col)?.int()))
            }
            ExprKind::Slice(of, lo, hi) => {
                let of = self.located(frame, of)?;
                let lo = self.optional(frame, lo)?.unwrap_or(0);
                let hi = self.optional(frame, hi)?.unwrap_or(place::length(&of.0, 0));
                (of, Atom::Slice(lo, hi))
            }
            ExprKind::Slice2(of, rows, cols) => {
                let of = self.located(frame, of)?;
                let rows = self.extent(frame, rows, |_| Ok(place::length(&of.0, 0)))?;
                let cols = self.extent(frame, cols, |_| Ok(place::length(&of.0, 1)))?;
                (of, Atom::Slice2(rows, cols))
            }
            _ => return Ok((self.computed(frame, e)?, None)),
        };
        let (value, path) = of;
        let path = path.map(|(root, mut path)| {
            path.push(atom);
            (root, path)
        });
        Ok((place::step(&value, atom)?, path))
    }

    fn extent(
        &mut self,
        frame: &mut Frame,
        extent: Extent,
        length: impl FnOnce(&Frame) -> Result<i64, TrapCode>,
    ) -> Eval<Dimension> {
        Ok(match extent {
            Extent::At(at) => Dimension::At(self.value(frame, at)?.int()),
            Extent::Range(lo, hi) => {
                let lo = self.optional(frame, lo)?.unwrap_or(0);
                let hi = match self.optional(frame, hi)? {
                    Some(hi) => hi,
                    None => length(frame)?,
                };
                Dimension::Range(lo, hi)
            }
        })
    }

    /// The indices of a place, evaluated from left to right. An open end is the length that is there now.
    fn indices(&mut self, frame: &mut Frame, place: &Place) -> Eval<Path> {
        let root = place.root.0 as usize;
        let mut path: Vec<Atom> = Vec::new();
        for step in &place.path {
            let so_far = path.clone();
            let length = |frame: &Frame, dimension| {
                Ok::<i64, TrapCode>(place::length(&place::read(&frame[root], &so_far)?, dimension))
            };
            path.push(match *step {
                Step::Field(field) => Atom::Field(field),
                Step::Index(at) => Atom::Index(self.value(frame, at)?.int()),
                Step::Index2(row, col) => {
                    let row = self.value(frame, row)?.int();
                    Atom::Index2(row, self.value(frame, col)?.int())
                }
                Step::Slice(lo, hi) => {
                    let Dimension::Range(lo, hi) =
                        self.extent(frame, Extent::Range(lo, hi), |frame| length(frame, 0))?
                    else {
                        unreachable!("a range gives a range")
                    };
                    Atom::Slice(lo, hi)
                }
                Step::Slice2(rows, cols) => {
                    let rows = self.extent(frame, rows, |frame| length(frame, 0))?;
                    Atom::Slice2(rows, self.extent(frame, cols, |frame| length(frame, 1))?)
                }
            });
        }
        Ok((place.root, path))
    }

    fn read(&mut self, frame: &Frame, (root, path): &Path) -> Eval<Value> {
        self.charge(1)?;
        Ok(place::read(&frame[root.0 as usize], path)?)
    }

    fn write(&mut self, frame: &mut Frame, (root, path): &Path, value: Value) -> Eval<()> {
        self.charge(1)?;
        Ok(place::write(&mut frame[root.0 as usize], path, value)?)
    }

    /// The value of an expression that is no path.
    fn computed(&mut self, frame: &mut Frame, e: ExprId) -> Eval<Value> {
        self.charge(1)?;
        let expr = &self.typed[e];
        Ok(match &expr.kind {
            ExprKind::Int(n) => Value::Int(*n),
            ExprKind::Float(x) => Value::Float(*x),
            ExprKind::Bool(b) => Value::Bool(*b),
            ExprKind::Str(text) => Value::Str(text.to_string()),
            ExprKind::Const(index) => constant(&self.typed.consts[*index as usize].value),
            ExprKind::Unary(op, operand) => match (op, self.value(frame, *operand)?) {
                (UnaryOp::Neg, Value::Int(n)) => Value::Int(n.checked_neg().ok_or(TrapCode::Overflow)?),
                (UnaryOp::Neg, Value::Float(x)) => Value::Float(-x),
                (UnaryOp::Not, Value::Bool(b)) => Value::Bool(!b),
                (UnaryOp::BitNot, Value::Int(n)) => Value::Int(!n),
                (op, operand) => panic!("{op:?} of {operand:?}"),
            },
            ExprKind::Binary(BinaryOp::And, a, b) => {
                Value::Bool(self.value(frame, *a)?.bool() && self.value(frame, *b)?.bool())
            }
            ExprKind::Binary(BinaryOp::Or, a, b) => {
                Value::Bool(self.value(frame, *a)?.bool() || self.value(frame, *b)?.bool())
            }
            ExprKind::Binary(op, a, b) => {
                let a = self.value(frame, *a)?;
                let b = self.value(frame, *b)?;
                self.operator(*op, a, b)?
            }
            ExprKind::Convert(operand) => {
                let of = self.typed[*operand].ty;
                match (self.value(frame, *operand)?, expr.ty) {
                    (Value::Float(x), TypeId::INT) => {
                        let whole = x.trunc();
                        // Both bounds are Floats; that of `i64::MAX` would not be.
                        if !(-9223372036854775808.0..9223372036854775808.0).contains(&whole) {
                            return Err(TrapCode::Conversion.into());
                        }
                        Value::Int(whole as i64)
                    }
                    (Value::Bool(b), TypeId::INT) => Value::Int(i64::from(b)),
                    (Value::Int(n), TypeId::FLOAT) => Value::Float(n as f64),
                    (value, TypeId::STR) => Value::Str(display(&self.typed.types, of, &value)),
                    (value, _) => value,
                }
            }
            ExprKind::Call { function, args, .. } => {
                let (values, paths) = self.arguments(frame, args)?;
                let (result, inout) = self.call(*function, values)?;
                for (path, value) in paths.iter().zip(inout) {
                    self.write(frame, path, value)?;
                }
                result
            }
            ExprKind::Builtin { builtin, of, args, .. } => {
                let (mut values, paths) = self.arguments(frame, args)?;
                let result = builtins::call(self, *builtin, *of, &mut values)?;
                self.charge(result.size() + values.iter().map(Value::size).sum::<u64>())?;
                let inout = BUILTINS[*builtin as usize].params.iter().zip(values).filter(|(p, _)| p.1 != Mode::In);
                for (path, (_, value)) in paths.iter().zip(inout) {
                    self.write(frame, path, value)?;
                }
                result
            }
            ExprKind::Assert(cond, message) => {
                if !self.value(frame, *cond)?.bool() {
                    if let Some(message) = message {
                        self.value(frame, *message)?;
                    }
                    return Err(TrapCode::AssertionFailed.into());
                }
                Value::Unit
            }
            ExprKind::Struct(fields) => {
                let mut values = vec![Value::Unit; fields.len()];
                for &(field, value) in fields.iter() {
                    values[field] = self.value(frame, value)?;
                }
                Value::Struct(values)
            }
            ExprKind::Array(elements) => Value::Array(self.values(frame, elements)?),
            ExprKind::NewArray(count, fill) => {
                let count = self.value(frame, *count)?.int();
                let fill = self.value(frame, *fill)?;
                let count = usize::try_from(count).map_err(|_| TrapCode::InvalidArgument)?;
                self.charge(fill.size().saturating_mul(count as u64))?;
                Value::Array(vec![fill; count])
            }
            ExprKind::NewGrid(rows, cols, fill) => {
                let rows = self.value(frame, *rows)?.int();
                let cols = self.value(frame, *cols)?.int();
                let fill = self.value(frame, *fill)?;
                let rows = usize::try_from(rows).map_err(|_| TrapCode::InvalidArgument)?;
                let cols = usize::try_from(cols).map_err(|_| TrapCode::InvalidArgument)?;
                self.charge(fill.size().saturating_mul((rows as u64).saturating_mul(cols as u64)))?;
                Value::Grid { rows, cols, cells: vec![fill; rows * cols] }
            }
            ExprKind::Interpolation(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(piece) => text.push_str(piece),
                        Piece::Value(e, format) => {
                            let value = self.value(frame, *e)?;
                            let ty = self.typed[*e].ty;
                            text.push_str(&match format {
                                Some(format) => value::formatted(&self.typed.types, ty, &value, format),
                                None => display(&self.typed.types, ty, &value),
                            });
                        }
                    }
                }
                self.charge(text.len() as u64)?;
                Value::Str(text)
            }
            ExprKind::If { arms, otherwise } => {
                for (cond, block) in arms {
                    if self.value(frame, *cond)?.bool() {
                        return self.block(frame, block);
                    }
                }
                match otherwise {
                    Some(block) => self.block(frame, block)?,
                    None => Value::Unit,
                }
            }
            ExprKind::Comprehension { element, clause } => {
                let mut values = Vec::new();
                self.clause(frame, clause, *element, |_, value| {
                    values.push(value);
                    true
                })?;
                Value::Array(values)
            }
            ExprKind::Reduction { reduction, element, clause } => {
                self.reduction(frame, *reduction, *element, clause, expr.ty)?
            }
            ExprKind::Local(_)
            | ExprKind::Field(..)
            | ExprKind::Index(..)
            | ExprKind::Index2(..)
            | ExprKind::Slice(..)
            | ExprKind::Slice2(..) => unreachable!("`located` evaluates paths"),
        })
    }

    /// The values of a call's arguments, and the places of those that are `inout`, in order.
    fn arguments(&mut self, frame: &mut Frame, args: &[Arg]) -> Eval<(Vec<Value>, Vec<Path>)> {
        // Each at its turn.
        let mut values = Vec::new();
        let mut paths = Vec::new();
        for arg in args {
            match arg {
                Arg::In(e) => {
                    let (value, path) = self.located(frame, *e)?;
                    paths.push(path.filter(|_| is_view(&value)));
                    values.push(value);
                }
                Arg::Inout(place) => {
                    paths.push(Some(self.indices(frame, place)?));
                    values.push(Value::Unit);
                }
            }
        }
        // Then the bounds of the places that are read and written.
        for (i, arg) in args.iter().enumerate() {
            if let (Arg::Inout(_), Some(path)) = (arg, &paths[i]) {
                values[i] = self.read(frame, path)?;
            }
        }
        // Then exclusivity.
        for (i, first) in args.iter().enumerate() {
            for j in 0..args.len() {
                if let (Arg::Inout(_), Some(a), Some(b)) = (first, &paths[i], &paths[j])
                    && i != j
                    && a.0 == b.0
                    && place::overlap(&a.1, &b.1)
                {
                    return Err(TrapCode::OverlappingArguments.into());
                }
            }
        }
        let inout = args.iter().zip(paths).filter(|(arg, _)| matches!(arg, Arg::Inout(_))).filter_map(|(_, path)| path);
        Ok((values, inout.collect()))
    }

    /// An operator that evaluates both sides.
    fn operator(&mut self, op: BinaryOp, a: Value, b: Value) -> Eval<Value> {
        use BinaryOp::*;
        let order = |test: fn(Ordering) -> bool| Value::Bool(value::partial_order(&a, &b).is_some_and(test));
        match op {
            Eq => return Ok(Value::Bool(value::equal(&a, &b))),
            Ne => return Ok(Value::Bool(!value::equal(&a, &b))),
            Lt => return Ok(order(Ordering::is_lt)),
            Le => return Ok(order(Ordering::is_le)),
            Gt => return Ok(order(Ordering::is_gt)),
            Ge => return Ok(order(Ordering::is_ge)),
            _ => {}
        }
        Ok(match (a, b) {
            (Value::Int(a), Value::Int(b)) => {
                let result = match op {
                    Add => a.checked_add(b),
                    Sub => a.checked_sub(b),
                    Mul => a.checked_mul(b),
                    Div | Rem if b == 0 => return Err(TrapCode::DivisionByZero.into()),
                    Div => a.checked_div(b),
                    Rem => a.checked_rem(b),
                    Shl | Shr if !(0..64).contains(&b) => return Err(TrapCode::ShiftAmount.into()),
                    Shl => Some(a << b),
                    Shr => Some(a >> b),
                    WrapAdd => Some(a.wrapping_add(b)),
                    WrapSub => Some(a.wrapping_sub(b)),
                    WrapMul => Some(a.wrapping_mul(b)),
                    BitAnd => Some(a & b),
                    BitOr => Some(a | b),
                    BitXor => Some(a ^ b),
                    _ => panic!("{op:?} of Ints"),
                };
                Value::Int(result.ok_or(TrapCode::Overflow)?)
            }
            (Value::Float(a), Value::Float(b)) => Value::Float(match op {
                Add => a + b,
                Sub => a - b,
                Mul => a * b,
                Div => a / b,
                Rem => a % b,
                _ => panic!("{op:?} of Floats"),
            }),
            (Value::Str(a), Value::Str(b)) => {
                self.charge((a.len() + b.len()) as u64)?;
                Value::Str(a + &b)
            }
            (Value::Array(a), Value::Array(b)) => Value::Array([a, b].concat()),
            (a, b) => panic!("{op:?} of {a:?} and {b:?}"),
        })
    }

    /// Calls `f` with the source's index and the value of each element of a clause that passes, until it gives `false`.
    fn clause(
        &mut self,
        frame: &mut Frame,
        clause: &Clause,
        element: ExprId,
        mut f: impl FnMut(usize, Value) -> bool,
    ) -> Eval<()> {
        let mut index = 0;
        self.walk(frame, &clause.source, |this, frame, current| {
            frame[clause.local.0 as usize] = current;
            let passes = match clause.cond {
                Some(cond) => this.value(frame, cond)?.bool(),
                None => true,
            };
            let goes_on = !passes || f(index, this.value(frame, element)?);
            index += 1;
            Ok(goes_on)
        })
    }

    fn reduction(
        &mut self,
        frame: &mut Frame,
        reduction: Reduction,
        element: ExprId,
        clause: &Clause,
        ty: TypeId,
    ) -> Eval<Value> {
        let mut passed: Vec<(usize, Value)> = Vec::new();
        self.clause(frame, clause, element, |index, value| {
            let decides = match reduction {
                Reduction::Any => value.bool(),
                Reduction::All => !value.bool(),
                _ => false,
            };
            passed.push((index, value));
            !decides
        })?;
        let mut values = passed.iter().map(|(_, value)| value);
        Ok(match reduction {
            Reduction::Count => Value::Int(values.filter(|value| value.bool()).count() as i64),
            Reduction::Any => Value::Bool(values.any(Value::bool)),
            Reduction::All => Value::Bool(values.all(Value::bool)),
            Reduction::Min | Reduction::Max => {
                let mut best = values.next().ok_or(TrapCode::Empty)?;
                for value in values {
                    let order = value::total_order(value, best);
                    if if reduction == Reduction::Min { order.is_lt() } else { order.is_gt() } {
                        best = value;
                    }
                }
                best.clone()
            }
            Reduction::Sum if ty == TypeId::INT => {
                let total: i128 = values.map(|value| i128::from(value.int())).sum();
                Value::Int(i64::try_from(total).map_err(|_| TrapCode::Overflow)?)
            }
            Reduction::Sum => Value::Float(tree(&passed, Value::float, 0.0, |a, b| a + b)),
            Reduction::Product if ty == TypeId::INT => {
                let mut overflows = false;
                let product = tree(&passed, Value::int, 1, |a, b| {
                    overflows |= a.checked_mul(b).is_none();
                    a.wrapping_mul(b)
                });
                if overflows {
                    return Err(TrapCode::Overflow.into());
                }
                Value::Int(product)
            }
            Reduction::Product => Value::Float(tree(&passed, Value::float, 1.0, |a, b| a * b)),
        })
    }
}

/// The fixed tree of section 8 over values with their source indices.
fn tree<T: Copy>(
    passed: &[(usize, Value)],
    number: fn(&Value) -> T,
    neutral: T,
    mut combine: impl FnMut(T, T) -> T,
) -> T {
    // The blocks, each from left to right, beginning with the neutral element; `None` where nothing passes.
    let mut level: Vec<Option<T>> = Vec::new();
    for (index, value) in passed {
        let block = index / BLOCK;
        if level.len() <= block {
            level.resize(block + 1, None);
        }
        level[block] = Some(combine(level[block].unwrap_or(neutral), number(value)));
    }
    let mut both = |left: Option<T>, right: Option<T>| match (left, right) {
        (Some(left), Some(right)) => Some(combine(left, right)),
        (one, None) | (None, one) => one,
    };
    // Level by level; the last node of a level that has no partner has no complete parent.
    let mut without: Vec<Option<T>> = Vec::new();
    while !level.is_empty() {
        if level.len() % 2 == 1 {
            without.extend(level.pop());
        }
        level = level.chunks(2).map(|pair| both(pair[0], pair[1])).collect();
    }
    without.into_iter().fold(None, |right, left| both(left, right)).unwrap_or(neutral)
}

/// Whether an argument of that value is passed as a view: arrays, grids, and structs that hold one.
fn is_view(value: &Value) -> bool {
    match value {
        Value::Array(_) | Value::Grid { .. } => true,
        Value::Struct(fields) => fields.iter().any(is_view),
        _ => false,
    }
}

fn constant(value: &ConstValue) -> Value {
    let all = |values: &[ConstValue]| values.iter().map(constant).collect();
    match value {
        ConstValue::Int(n) => Value::Int(*n),
        ConstValue::Float(x) => Value::Float(*x),
        ConstValue::Bool(b) => Value::Bool(*b),
        ConstValue::Str(text) => Value::Str(text.clone()),
        ConstValue::Array(values) => Value::Array(all(values)),
        ConstValue::Struct(values) => Value::Struct(all(values)),
    }
}

//! Instructions one by one, assembled by hand.

use std::sync::Arc;

use super::{SEEN, compile, prepare, run};
use tgvm::bytecode::builtins;
use tgvm::bytecode::effects::Effects;
use tgvm::bytecode::ops::{HEADER, Instr, OPS, Op};
use tgvm::bytecode::program::{Function, Param, Passing, Program, RegType, Site};
use tgvm::bytecode::trap::TrapCode;
use tgvm::bytecode::types::{TypeId, TypeTable};
use tgvm::machine::code::Code;
use tgvm::machine::engine::Outcome;

/// A value of a register.
#[derive(Clone, Copy, Debug)]
enum V {
    I(i64),
    F(f64),
    B(bool),
}
use V::{B, F, I};

impl V {
    fn register(self) -> RegType {
        match self {
            I(_) => RegType::Int,
            F(_) => RegType::Float,
            B(_) => RegType::Bool,
        }
    }

    fn load(self, to: u16, words: &mut Vec<u64>) -> Instr {
        let mut word = |op, bits| {
            words.push(bits);
            Instr::ai(op, to, words.len() as i32 - 1)
        };
        match self {
            I(value) if i32::try_from(value).is_ok() => Instr::ai(Op::LoadInt, to, value as i32),
            I(value) => word(Op::LoadWordI, value as u64),
            F(value) => word(Op::LoadWordF, value.to_bits()),
            B(value) => Instr::ai(Op::LoadBool, to, i32::from(value)),
        }
    }
}

fn type_of(register: RegType) -> TypeId {
    match register {
        RegType::Int => TypeId::INT,
        RegType::Float => TypeId::FLOAT,
        RegType::Bool => TypeId::BOOL,
        other => panic!("{other:?} is no scalar"),
    }
}

fn function(name: &str, registers: Vec<RegType>, window: u16, code: Vec<Instr>) -> Function {
    Function {
        name: name.into(),
        is_task: false,
        part_of: None,
        range: None,
        params: Vec::new(),
        result: TypeId::UNIT,
        results: 0,
        owned_start: 0,
        owned_end: 0,
        registers,
        window,
        effects: Effects::OUTPUT,
        sites: (0..code.len() as u32).collect(),
        code,
    }
}

fn program(functions: Vec<Function>, words: Vec<u64>) -> Program {
    let most = functions.iter().map(|f| f.code.len()).max().unwrap_or(0);
    Program {
        types: TypeTable::default(),
        functions,
        main: 0,
        words,
        values: Vec::new(),
        sites: vec![Site { start: 0, end: 0, inlined: None }; most],
        source_name: "test".into(),
        source: String::new(),
    }
}

/// Instructions that print register `at` of a function with `count` registers.
fn print(at: u16, ty: TypeId, count: usize) -> [Instr; 2] {
    let window = (count + HEADER) as u16;
    let sys = builtins::find("print", 1).expect("there is one");
    [Instr::abc(Op::Move, window, at, 0), Instr::abc(Op::Sys, window, sys, ty.0 as u16)]
}

/// A program that loads `inputs` into registers from 1 on, does `instr`, and prints register 0.
fn one(instr: Instr, inputs: &[V], result: RegType) -> Arc<Code> {
    let mut words = Vec::new();
    let registers: Vec<RegType> = std::iter::once(result).chain(inputs.iter().map(|v| v.register())).collect();
    let count = registers.len();
    let mut code: Vec<Instr> = inputs.iter().zip(1..).map(|(v, at)| v.load(at, &mut words)).collect();
    code.push(instr);
    code.extend(print(0, type_of(result), count));
    code.push(Instr::abc(Op::Return, 0, 0, 0));
    prepare(program(vec![function("main", registers, 1, code)], words))
}

fn expect(instr: Instr, inputs: &[V], result: RegType, expected: &str) {
    let (outcome, printed) = run(&one(instr, inputs, result));
    let shown = match outcome {
        Outcome::Done => printed,
        Outcome::Trap(trap) => format!("{} {}", trap.code.code(), trap.message),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown.trim_end(), expected, "{instr:?} of {inputs:?}");
}

/// `A = B op C` for Ints.
fn ints(op: Op, cases: &[(i64, i64, &str)]) {
    for &(b, c, expected) in cases {
        expect(Instr::abc(op, 0, 1, 2), &[I(b), I(c)], RegType::Int, expected);
    }
}

/// `A = B op imm`.
fn imms(op: Op, cases: &[(i64, i16, &str)]) {
    for &(b, c, expected) in cases {
        expect(Instr::abc(op, 0, 1, c as u16), &[I(b)], RegType::Int, expected);
    }
}

const MAX: i64 = i64::MAX;
const MIN: i64 = i64::MIN;

#[test]
fn arithmetic_of_int() {
    ints(Op::AddI, &[(2, 3, "5"), (-2, -3, "-5"), (MAX, 1, "T0001 9223372036854775807 + 1")]);
    ints(Op::SubI, &[(2, 3, "-1"), (MIN, 1, "T0001 -9223372036854775808 - 1")]);
    ints(
        Op::MulI,
        &[(-4, 5, "-20"), (MAX, 2, "T0001 9223372036854775807 * 2"), (MIN, -1, "T0001 -9223372036854775808 * -1")],
    );
    ints(
        Op::DivI,
        &[(-7, 2, "-3"), (7, -2, "-3"), (7, 0, "T0002 7 / 0"), (MIN, -1, "T0001 -9223372036854775808 / -1")],
    );
    ints(Op::RemI, &[(-7, 2, "-1"), (7, -2, "1"), (7, 0, "T0002 7 % 0"), (MIN, -1, "T0001 -9223372036854775808 % -1")]);
    ints(Op::AddW, &[(MAX, 1, "-9223372036854775808")]);
    ints(Op::SubW, &[(MIN, 1, "9223372036854775807")]);
    ints(Op::MulW, &[(MAX, 2, "-2")]);
    ints(Op::And, &[(12, 10, "8")]);
    ints(Op::Or, &[(12, 10, "14")]);
    ints(Op::Xor, &[(12, 10, "6")]);
    ints(Op::Shl, &[(1, 63, "-9223372036854775808"), (1, 64, "T0003 1 << 64"), (1, -1, "T0003 1 << -1")]);
    ints(Op::Shr, &[(-8, 1, "-4"), (-8, 63, "-1"), (-8, 64, "T0003 -8 >> 64")]);
    ints(Op::MinI, &[(3, -4, "-4")]);
    ints(Op::MaxI, &[(3, -4, "3")]);
    for (op, b, expected) in [
        (Op::NegI, 5, "-5"),
        (Op::NegI, MIN, "T0001 -(-9223372036854775808)"),
        (Op::Not, 5, "-6"),
        (Op::AbsI, -5, "5"),
        (Op::AbsI, MIN, "T0001 abs(-9223372036854775808)"),
        (Op::Move, MIN, "-9223372036854775808"),
    ] {
        expect(Instr::abc(op, 0, 1, 0), &[I(b)], RegType::Int, expected);
    }
}

#[test]
fn arithmetic_with_immediates() {
    imms(
        Op::AddImm,
        &[(2, -3, "-1"), (MAX, 1, "T0001 9223372036854775807 + 1"), (MIN, -1, "T0001 -9223372036854775808 - 1")],
    );
    imms(Op::MulImm, &[(-4, 5, "-20"), (MAX, 2, "T0001 9223372036854775807 * 2")]);
    imms(Op::DivImm, &[(-7, 2, "-3"), (MIN, 3, "-3074457345618258602"), (7, -2, "-3")]);
    imms(Op::RemImm, &[(-7, 2, "-1"), (7, -3, "1")]);
    imms(Op::AndImm, &[(-1, -2, "-2"), (13, 6, "4")]);
    imms(Op::ShlImm, &[(3, 62, "-4611686018427387904"), (3, 0, "3")]);
    imms(Op::ShrImm, &[(-8, 2, "-2"), (-8, 0, "-8")]);
    for b in [0, 1, -1, 7, -7, 8, -8, 1023, -1025, MAX, MIN] {
        for shift in [1, 3, 10, 62] {
            imms(Op::DivPow, &[(b, shift, &(b / (1 << shift)).to_string())]);
            imms(Op::RemPow, &[(b, shift, &(b % (1 << shift)).to_string())]);
        }
    }
}

#[test]
fn arithmetic_of_float() {
    for (op, b, c, expected) in [
        (Op::AddF, 0.1, 0.2, "0.30000000000000004"),
        (Op::SubF, 1.0, 0.75, "0.25"),
        (Op::MulF, 1e200, 1e200, "inf"),
        (Op::DivF, 1.0, -0.0, "-inf"),
        (Op::RemF, -7.5, 2.0, "-1.5"),
        (Op::MinF, -0.0, 0.0, "-0.0"),
        (Op::MinF, f64::NAN, 1.0, "1.0"),
        (Op::MaxF, -0.0, 0.0, "0.0"),
        (Op::MaxF, 1.0, -f64::NAN, "nan"),
    ] {
        expect(Instr::abc(op, 0, 1, 2), &[F(b), F(c)], RegType::Float, expected);
    }
    for (op, b, expected) in [
        (Op::NegF, 0.0, "-0.0"),
        (Op::AbsF, -2.5, "2.5"),
        (Op::Sqrt, 2.0, "1.4142135623730951"),
        (Op::Sqrt, -1.0, "nan"),
        (Op::Floor, -1.5, "-2.0"),
        (Op::Ceil, -1.5, "-1.0"),
        (Op::Move, 1e16, "1e16"),
    ] {
        expect(Instr::abc(op, 0, 1, 0), &[F(b)], RegType::Float, expected);
    }
    // Rounded twice: fused, the first would give 2^-54.
    let (a, b) = (1.0 + f64::EPSILON, 1.0 - f64::EPSILON);
    expect(Instr::packed(Op::MulAdd, 0, 1, 2, 3), &[F(-1.0), F(a), F(b)], RegType::Float, "0.0");
    expect(Instr::packed(Op::MulSub, 0, 1, 2, 3), &[F(1.0), F(2.0), F(3.0)], RegType::Float, "-5.0");
}

#[test]
fn conversions() {
    expect(Instr::abc(Op::IntToFloat, 0, 1, 0), &[I(MAX)], RegType::Float, "9.223372036854776e18");
    expect(Instr::abc(Op::BoolToInt, 0, 1, 0), &[B(true)], RegType::Int, "1");
    for (b, expected) in [
        (-1.9, "-1"),
        (-9_223_372_036_854_775_808.0, "-9223372036854775808"),
        (9_223_372_036_854_775_808.0, "T0013 Int(9.223372036854776e18)"),
        (f64::NAN, "T0013 Int(nan)"),
        (f64::NEG_INFINITY, "T0013 Int(-inf)"),
    ] {
        expect(Instr::abc(Op::FloatToInt, 0, 1, 0), &[F(b)], RegType::Int, expected);
    }
}

#[test]
fn comparisons() {
    let nan = f64::NAN;
    for (op, [less, equal, greater, unordered]) in [
        (Op::LtF, [true, false, false, false]),
        (Op::LeF, [true, true, false, false]),
        (Op::EqF, [false, true, false, false]),
        (Op::NeF, [true, false, true, true]),
    ] {
        for (b, c, expected) in [(1.0, 2.0, less), (0.0, -0.0, equal), (2.0, 1.0, greater), (nan, nan, unordered)] {
            expect(Instr::abc(op, 0, 1, 2), &[F(b), F(c)], RegType::Bool, &expected.to_string());
        }
    }
    for (op, [less, equal, greater]) in [
        (Op::LtI, [true, false, false]),
        (Op::LeI, [true, true, false]),
        (Op::EqI, [false, true, false]),
        (Op::NeI, [true, false, true]),
    ] {
        for (b, c, expected) in [(MIN, MAX, less), (3, 3, equal), (2, -1, greater)] {
            expect(Instr::abc(op, 0, 1, 2), &[I(b), I(c)], RegType::Bool, &expected.to_string());
        }
        expect(Instr::abc(op, 0, 1, 2), &[B(false), B(true)], RegType::Bool, &less.to_string());
    }
    expect(Instr::abc(Op::NotB, 0, 1, 0), &[B(false)], RegType::Bool, "true");
}

/// Prints whether a jump is taken.
fn jumps(instr: Instr, inputs: &[V], expected: bool) {
    let mut words = Vec::new();
    let registers: Vec<RegType> = std::iter::once(RegType::Bool).chain(inputs.iter().map(|v| v.register())).collect();
    let count = registers.len();
    let mut code: Vec<Instr> = inputs.iter().zip(1..).map(|(v, at)| v.load(at, &mut words)).collect();
    code.push(Instr::ai(Op::LoadBool, 0, 1));
    code.push(instr);
    code.push(Instr::ai(Op::LoadBool, 0, 0));
    code.extend(print(0, TypeId::BOOL, count));
    code.push(Instr::abc(Op::Return, 0, 0, 0));
    let (outcome, printed) = run(&prepare(program(vec![function("main", registers, 1, code)], words)));
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(printed.trim_end(), expected.to_string(), "{instr:?} of {inputs:?}");
}

#[test]
fn jumps_go_where_they_should() {
    jumps(Instr::ai(Op::Jump, 0, 1), &[], true);
    for taken in [false, true] {
        jumps(Instr::ai(Op::JumpIf, 1, 1), &[B(taken)], taken);
        jumps(Instr::ai(Op::JumpNot, 1, 1), &[B(taken)], !taken);
    }
    for (a, b) in [(1, 2), (2, 2), (3, 2), (MIN, 2), (MAX, 2)] {
        for (op, op_k, expected) in [
            (Op::JumpLtI, Op::JumpLtK, a < b),
            (Op::JumpLeI, Op::JumpLeK, a <= b),
            (Op::JumpEqI, Op::JumpEqK, a == b),
            (Op::JumpNeI, Op::JumpNeK, a != b),
        ] {
            jumps(Instr::abc(op, 1, 2, 1), &[I(a), I(b)], expected);
            jumps(Instr::abc(op_k, 1, b as u16, 1), &[I(a)], expected);
        }
        jumps(Instr::abc(Op::JumpGtK, 1, b as u16, 1), &[I(a)], a > b);
        jumps(Instr::abc(Op::JumpGeK, 1, b as u16, 1), &[I(a)], a >= b);
    }
    for (a, b) in [(1.0, 2.0), (2.0, 2.0), (3.0, 2.0), (f64::NAN, 2.0)] {
        for (op, expected) in [
            (Op::JumpLtF, a < b),
            (Op::JumpLeF, a <= b),
            (Op::JumpEqF, a == b),
            (Op::JumpNeF, a != b),
            (Op::JumpNotLtF, a >= b || a.is_nan()),
            (Op::JumpNotLeF, a > b || a.is_nan()),
        ] {
            jumps(Instr::abc(op, 1, 2, 1), &[F(a), F(b)], expected);
        }
    }
    for (a, end, step, none) in
        [(0, 3, 1, false), (3, 3, 1, true), (0, 3, -1, true), (3, 0, -1, false), (0, 0, -1, true)]
    {
        jumps(Instr::abc(Op::ForTest, 1, 2, 1), &[I(a), I(end), I(step)], none);
        jumps(Instr::abc(Op::For, 1, 2, 1), &[I(a), I(end)], a + 1 < end);
    }
    for (a, end, step, more) in
        [(0, 3, 2, true), (1, 3, 2, false), (MAX - 1, MAX, 2, false), (MIN + 1, MIN, -2, false), (3, 0, -2, true)]
    {
        jumps(Instr::abc(Op::ForStep, 1, 2, 1), &[I(a), I(end), I(step)], more);
    }
    let code = compile("fn main() {\nlet s = 0\nfor i in 3..5 by s { print(i) }\n}");
    let (Outcome::Trap(trap), _) = run(&code) else { panic!("it traps") };
    assert_eq!((trap.code, trap.message.as_str()), (TrapCode::StepIsZero, "from 3 to 5 by 0"));
}

#[test]
fn sums_of_int_are_exact_in_128_bits() {
    let sum = |terms: &[i64]| {
        let mut words = Vec::new();
        let mut code = vec![I(0).load(0, &mut words), I(0).load(1, &mut words)];
        for &term in terms {
            code.push(I(term).load(2, &mut words));
            code.push(Instr::abc(Op::Acc, 0, 2, 0));
        }
        code.push(Instr::abc(Op::AccEnd, 2, 0, 0));
        code.extend(print(2, TypeId::INT, 3));
        code.push(Instr::abc(Op::Return, 0, 0, 0));
        match run(&prepare(program(vec![function("main", vec![RegType::Int; 3], 1, code)], words))) {
            (Outcome::Done, printed) => printed.trim_end().to_string(),
            (Outcome::Trap(trap), _) => trap.code.code(),
            (other, _) => panic!("{other:?}"),
        }
    };
    assert_eq!(sum(&[1, -2, 3]), "2");
    assert_eq!(sum(&[MAX, MAX, -5, MIN, MIN]), "-7");
    assert_eq!(sum(&[MIN, MIN, 1, MAX, MAX, 1, 1]), "1");
    assert_eq!(sum(&[MAX, 1]), "T0001");
    assert_eq!(sum(&[MIN, -1]), "T0001");
}

#[test]
fn products_of_int_wrap_and_keep_in_mind_that_they_overflowed() {
    let product = |factors: &[i64]| {
        let mut words = Vec::new();
        let mut code = vec![I(1).load(0, &mut words), I(0).load(1, &mut words)];
        for &factor in factors {
            code.push(I(factor).load(2, &mut words));
            code.push(Instr::abc(Op::Prod, 0, 2, 0));
        }
        code.extend(print(0, TypeId::INT, 3));
        code.extend(print(1, TypeId::INT, 3));
        code.push(Instr::abc(Op::Return, 0, 0, 0));
        let (outcome, printed) = run(&prepare(program(vec![function("main", vec![RegType::Int; 3], 1, code)], words)));
        assert_eq!(outcome, Outcome::Done);
        printed
    };
    assert_eq!(product(&[3, -5, 7]), "-105\n0\n");
    assert_eq!(product(&[MAX, 2, 0]), "0\n-1\n");
}

/// The tree of section 8, by its definition: a node of `width` blocks, a power of two, from `first` on.
fn tree(blocks: &[(u64, f64)], first: u64, width: u64) -> Option<f64> {
    let inside: Vec<_> = blocks.iter().copied().filter(|b| (first..first + width).contains(&b.0)).collect();
    if width == 1 || inside.is_empty() {
        return inside.first().map(|b| b.1);
    }
    match (tree(&inside, first, width / 2), tree(&inside, first + width / 2, width / 2)) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

#[test]
fn floats_are_summed_in_the_tree_of_the_spec() {
    let fold = |kind: u8, blocks: &[(u64, V)], result: RegType| {
        let mut types = TypeTable::default();
        let array = types.array(type_of(result));
        let mut words = Vec::new();
        let mut code = vec![I(0).load(2, &mut words), Instr::abc(Op::NewArray, 0, 2, array.0 as u16)];
        for &(block, value) in blocks {
            code.push(value.load(1, &mut words));
            code.push(I(block as i64).load(2, &mut words));
            code.push(Instr::xabc(Op::Fold, kind, 0, 1, 2));
        }
        code.push(Instr::xabc(Op::FoldEnd, kind, 1, 0, 0));
        code.extend(print(1, type_of(result), 3));
        code.push(Instr::abc(Op::ReturnDrop, 0, 0, 0));
        let mut main = function("main", vec![RegType::Own(array), result, RegType::Int], 1, code);
        main.owned_end = 1;
        let program = Program { types, ..program(vec![main], words) };
        match run(&prepare(program)) {
            (Outcome::Done, printed) => printed.trim_end().to_string(),
            (Outcome::Trap(trap), _) => format!("{} {}", trap.code.code(), trap.message),
            (other, _) => panic!("{other:?}"),
        }
    };
    let blocks: Vec<(u64, f64)> = [0, 1, 2, 5, 6, 7, 8, 9, 12, 13, 40, 41, 43, 1000]
        .map(|k| (k, 1.0 / (k as f64 + 3.0) + 1e15 * (k % 3) as f64))
        .into();
    for len in 0..=blocks.len() {
        let expected = tree(&blocks[..len], 0, 1024).unwrap_or(0.0);
        let nodes: Vec<_> = blocks[..len].iter().map(|&(k, v)| (k, F(v))).collect();
        assert_eq!(fold(0, &nodes, RegType::Float).parse(), Ok(expected), "{len} blocks");
    }
    assert_eq!(fold(1, &[], RegType::Float), "1.0");
    assert_eq!(fold(1, &[(0, F(3.0)), (7, F(5.0))], RegType::Float), "15.0");
    assert_eq!(fold(2, &[], RegType::Int), "1");
    assert_eq!(fold(2, &[(0, I(3)), (1, I(5)), (2, I(7))], RegType::Int), "105");
    assert_eq!(fold(2, &[(0, I(MAX)), (1, I(5))], RegType::Int), "T0001 the product does not fit");
    // Whatever a forged program has put into the array, and in whatever order the blocks come.
    assert_eq!(fold(0, &[(9, F(1.0)), (2, F(2.0)), (2, F(3.0)), (0, F(4.0))], RegType::Float), "10.0");
}

#[test]
fn calls_hand_over_and_back() {
    // fn pair(a: Int, inout b: Int) -> Int { b = b * a; return a - b }
    let types = TypeTable::default();
    let int = |passing| Param { ty: TypeId::INT, passing };
    let pair = Function {
        params: vec![int(Passing::In), int(Passing::Inout)],
        result: TypeId::INT,
        results: 1,
        owned_start: 3,
        owned_end: 3,
        effects: Effects::NONE,
        ..function(
            "pair",
            vec![RegType::Int; 4],
            0,
            vec![Instr::abc(Op::MulI, 2, 2, 1), Instr::abc(Op::SubI, 3, 1, 2), Instr::abc(Op::ReturnValue, 3, 0, 0)],
        )
    };
    let base = 2 + HEADER as u16;
    let mut code = vec![
        Instr::ai(Op::LoadInt, base + 1, 6),
        Instr::ai(Op::LoadInt, base + 2, 7),
        Instr::ai(Op::Call, base, 1),
        Instr::abc(Op::Move, 0, base, 0),
        Instr::abc(Op::Move, 1, base + 2, 0),
    ];
    code.extend(print(0, TypeId::INT, 2));
    code.extend(print(1, TypeId::INT, 2));
    code.push(Instr::abc(Op::Return, 0, 0, 0));
    let main = function("main", vec![RegType::Int; 2], 3, code);
    let code = prepare(Program { types, ..program(vec![main, pair], Vec::new()) });
    assert_eq!(run(&code), (Outcome::Done, "-36\n42\n".into()));
}

#[test]
fn a_trap_of_the_program_itself() {
    let code = vec![Instr::xabc(Op::Trap, TrapCode::Empty as u8, 0, 0, 0)];
    let main = Function { effects: Effects::NONE, ..function("main", vec![], 0, code) };
    let (Outcome::Trap(trap), _) = run(&prepare(program(vec![main], Vec::new()))) else { panic!("it traps") };
    assert_eq!((trap.code, trap.message.as_str(), trap.backtrace.len()), (TrapCode::Empty, "", 1));
}

#[test]
fn a_decision_ends_the_loop_in_order() {
    let code = compile(
        "fn ask(n: Int) -> Bool {
    print(n)
    return n == 2
}
fn main() {
    print(any(ask(n) for n in 0..9))
    print(all(!ask(n) for n in 1..9))
}",
    );
    assert!(code.program().functions.iter().flat_map(|f| &f.code).any(|instr| instr.op() == Some(Op::Decide)));
    assert_eq!(run(&code), (Outcome::Done, "0\n1\n2\ntrue\n1\n2\nfalse\n".into()));
    // In no range it does nothing.
    let code = vec![Instr::xabc(Op::Decide, 0, 0, 0, 0), Instr::abc(Op::Return, 0, 0, 0)];
    let main = Function { effects: Effects::NONE, ..function("main", vec![], 0, code) };
    assert_eq!(run(&prepare(program(vec![main], Vec::new()))), (Outcome::Done, String::new()));
}

#[test]
fn a_function_of_the_host_that_is_not_linked() {
    let host = function("draw", vec![], 0, vec![Instr::abc(Op::Host, 0, 0, 0)]);
    let code = vec![Instr::ai(Op::Call, HEADER as u16, 1), Instr::abc(Op::Return, 0, 0, 0)];
    let main = function("main", vec![], 0, code);
    let both = vec![main, host].into_iter().map(|f| Function { effects: Effects::HOST, ..f }).collect();
    let (Outcome::Trap(trap), _) = run(&prepare(program(both, Vec::new()))) else { panic!("it traps") };
    // It stands where the call is.
    assert_eq!((trap.code, trap.backtrace.len(), trap.backtrace[0].function), (TrapCode::HostFailed, 1, 0));
}

/// All tests of this file run the machine's whole table, but for its own two. They may run in any order, so this one asks
/// the programs that cover most of it, too.
#[test]
fn every_instruction_is_run_by_a_test() {
    arithmetic_of_int();
    arithmetic_with_immediates();
    arithmetic_of_float();
    conversions();
    comparisons();
    jumps_go_where_they_should();
    sums_of_int_are_exact_in_128_bits();
    products_of_int_wrap_and_keep_in_mind_that_they_overflowed();
    floats_are_summed_in_the_tree_of_the_spec();
    calls_hand_over_and_back();
    a_trap_of_the_program_itself();
    a_decision_ends_the_loop_in_order();
    a_function_of_the_host_that_is_not_linked();
    super::values::all();
    let seen = *SEEN.lock().expect("no test panics with it");
    let missing: Vec<_> = OPS
        .iter()
        .filter(|&&op| !matches!(op, Op::Complete | Op::Bridge) && !seen[op as usize])
        .map(|op| op.info().name)
        .collect();
    assert!(missing.is_empty(), "no test runs {missing:?}");
}

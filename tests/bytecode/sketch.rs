//! Programs written by hand: a function in a few words, among some others that it can call.

use tgvm::bytecode::access;
use tgvm::bytecode::effects::Effects;
use tgvm::bytecode::ops::{Field, HEADER, Instr, TABLE};
use tgvm::bytecode::program::{Constant, Function, Param, Passing, Program, RegType, Site, Value, slot_registers};
use tgvm::bytecode::types::{StructType, Type, TypeId, TypeTable};

// The types of all programs here.
pub const INTS: TypeId = TypeId(6);
pub const STRS: TypeId = TypeId(7);
pub const GRID: TypeId = TypeId(8);
/// `struct Pair { name: Str, n: Int }`
pub const PAIR: TypeId = TypeId(9);
pub const PAIRS: TypeId = TypeId(10);
pub const MATRIX: TypeId = TypeId(11);
pub const FLOATS: TypeId = TypeId(12);
/// `struct Holder { xs: [Int] }`
pub const HOLDER: TypeId = TypeId(13);
/// `struct Tree { label: Int, trees: [Tree] }`
pub const TREE: TypeId = TypeId(14);
pub const TREES: TypeId = TypeId(15);
pub const STR: TypeId = TypeId::STR;
pub const INT: TypeId = TypeId::INT;

pub fn types() -> TypeTable {
    let mut types = TypeTable::default();
    types.array(INT);
    types.array(STR);
    types.grid(INT);
    let pair = types.add(Type::Struct(0));
    types.array(pair);
    types.array(INTS);
    types.array(TypeId::FLOAT);
    let holder = types.add(Type::Struct(1));
    let tree = types.add(Type::Struct(2));
    types.array(tree);
    let define = |name: &str, fields: &[(&str, TypeId)]| StructType {
        name: name.into(),
        fields: fields.iter().map(|&(name, ty)| (name.into(), ty)).collect(),
    };
    types.structs = vec![
        define("Pair", &[("name", STR), ("n", INT)]),
        define("Holder", &[("xs", INTS)]),
        define("Tree", &[("label", INT), ("trees", TREES)]),
    ];
    [pair, holder, tree].into_iter().for_each(|ty| assert!(types.lay_out(ty)));
    types
}

/// A function to be, its code as text: `mnemonic operand, operand`, separated by `;`. Operands are in the order of the
/// table: `r1` a register, `w1` one of the window, anything else a number.
#[derive(Clone, Copy)]
pub struct Sketch<'a> {
    pub params: &'a [(Passing, TypeId)],
    pub result: TypeId,
    /// Owned ones first.
    pub locals: &'a [RegType],
    pub window: u16,
    pub code: &'a str,
}

pub const EMPTY: Sketch = Sketch { params: &[], result: TypeId::UNIT, locals: &[], window: 0, code: "ret" };

pub fn assemble(code: &str, registers: usize) -> Vec<Instr> {
    let parse = |text: &str| -> i64 {
        let number = |digits: &str| digits.parse().expect("an operand is a register or a number");
        match text.as_bytes()[0] {
            b'r' => number(&text[1..]),
            b'w' => number(&text[1..]) + (registers + HEADER) as i64,
            _ => number(text),
        }
    };
    let place = |field, value: i64| match field {
        Field::X => (value as u64 & 0xff) << 8,
        Field::A => (value as u64 & 0xffff) << 16,
        Field::B => (value as u64 & 0xffff) << 32,
        Field::C => (value as u64 & 0xffff) << 48,
        Field::I => (value as u64 & 0xffff_ffff) << 32,
        Field::P => (value as u64 & 0x3fff) << 8,
        Field::Q => (value as u64 & 0x3fff) << 22,
        Field::R => (value as u64 & 0x3fff) << 36,
        Field::S => (value as u64 & 0x3fff) << 50,
    };
    code.split([';', '\n'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (name, operands) = line.split_once(' ').unwrap_or((line, ""));
            let number = TABLE.iter().position(|info| info.name == name).unwrap_or_else(|| panic!("no opcode {name}"));
            let operands: Vec<&str> = operands.split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
            assert_eq!(operands.len(), TABLE[number].operands.len(), "operands of {line}");
            let fields = TABLE[number].operands.iter().zip(operands);
            Instr(fields.fold(number as u64, |word, (operand, text)| word | place(operand.field, parse(text))))
        })
        .collect()
}

pub fn function(types: &TypeTable, name: &str, sketch: Sketch) -> Function {
    let params: Vec<Param> = sketch.params.iter().map(|&(passing, ty)| Param { ty, passing }).collect();
    let mut registers = slot_registers(types, sketch.result, RegType::Own).into_vec();
    let results = registers.len();
    params.iter().for_each(|param| registers.extend(param.registers(types)));
    let owned_start = registers.len();
    let owned = sketch.locals.iter().filter(|local| matches!(local, RegType::Own(_))).count();
    registers.extend(sketch.locals);
    let code = assemble(sketch.code, registers.len());
    Function {
        name: name.into(),
        is_task: false,
        part_of: None,
        range: None,
        params,
        result: sketch.result,
        results: results as u16,
        owned_start: owned_start as u16,
        owned_end: (owned_start + owned) as u16,
        window: sketch.window,
        effects: Effects::NONE,
        sites: vec![0; code.len()],
        code,
        registers,
    }
}

/// Functions to call, by number. 0 is `main`, 1 the one at hand.
pub const CALLEES: [(&str, Sketch); 8] = [
    // 2
    ("next", Sketch { params: &[(Passing::In, INT)], result: INT, code: "addi r0, r1, 1; ret", ..EMPTY }),
    // 3
    ("change", Sketch { params: &[(Passing::Inout, STR)], ..EMPTY }),
    // 4
    ("copy", Sketch { params: &[(Passing::View, INTS), (Passing::InoutView, INTS)], ..EMPTY }),
    // 5
    ("text", Sketch { result: STR, code: "ldv r0, 0; ret", ..EMPTY }),
    // 6
    ("both", Sketch { params: &[(Passing::In, HOLDER), (Passing::InoutView, INTS)], ..EMPTY }),
    // 7
    ("two", Sketch { params: &[(Passing::Inout, STR), (Passing::In, STR)], ..EMPTY }),
    // 8
    ("grid", Sketch { params: &[(Passing::View, GRID)], ..EMPTY }),
    // 9
    ("pair", Sketch { params: &[(Passing::In, PAIR)], result: PAIR, code: "share r0, r2; mov r1, r3; ret", ..EMPTY }),
];

/// A program whose function 1 is `sketch`.
pub fn program(sketch: Sketch) -> Program {
    let types = types();
    let mut functions = vec![function(&types, "main", EMPTY), function(&types, "f", sketch)];
    functions.extend(CALLEES.iter().map(|&(name, callee)| function(&types, name, callee)));
    let mut program = Program {
        types,
        functions,
        main: 0,
        words: vec![5, 1.5f64.to_bits()],
        values: vec![
            Value { ty: STR, data: Constant::Str("abc".into()) },
            Value { ty: INTS, data: Constant::Array(vec![1, 2]) },
            Value { ty: MATRIX, data: Constant::Array(vec![1, 1]) },
            Value { ty: PAIRS, data: Constant::Array(vec![0, 7]) },
        ],
        sites: vec![Site { start: 0, end: 2, inlined: None }, Site { start: 0, end: 2, inlined: Some((1, 0)) }],
        source_name: "test.tg".into(),
        source: "fn main() {}".into(),
    };
    let effects = access::effects(&program);
    program.functions.iter_mut().zip(effects).for_each(|(function, effects)| function.effects = effects);
    program
}

pub fn own(ty: TypeId) -> RegType {
    RegType::Own(ty)
}

pub const STR_LOCAL: RegType = RegType::Own(STR);
pub const INTS_LOCAL: RegType = RegType::Own(INTS);
pub const STRS_LOCAL: RegType = RegType::Own(STRS);
pub const GRID_LOCAL: RegType = RegType::Own(GRID);
pub const PAIRS_LOCAL: RegType = RegType::Own(PAIRS);
pub const MATRIX_LOCAL: RegType = RegType::Own(MATRIX);
pub const FLOATS_LOCAL: RegType = RegType::Own(FLOATS);
pub const I: RegType = RegType::Int;
pub const F: RegType = RegType::Float;
pub const B: RegType = RegType::Bool;

/// Shorthand: a function of no parameters and no result.
pub fn code<'a>(locals: &'a [RegType], window: u16, code: &'a str) -> Sketch<'a> {
    Sketch { locals, window, code, ..EMPTY }
}

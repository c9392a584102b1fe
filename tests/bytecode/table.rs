//! The instruction table itself, and what is derived from it.

use crate::sketch::*;
use tgvm::bytecode::access;
use tgvm::bytecode::disassemble::disassemble;
use tgvm::bytecode::ops::{Field, Instr, Kind, OPS, Op, Region, Role, TABLE};

#[test]
fn the_table_is_sound() {
    assert!(TABLE.len() < 256 && TABLE.len() == OPS.len());
    for (number, (info, &op)) in TABLE.iter().zip(OPS).enumerate() {
        let name = info.name;
        assert_eq!(op as usize, number);
        assert!(TABLE.iter().filter(|other| other.name == name).count() == 1, "{name} is there twice");
        let has = |field| info.operands.iter().any(|operand| operand.field == field);
        let fields: Vec<Field> = info.operands.iter().map(|operand| operand.field).collect();
        assert!((1..fields.len()).all(|i| !fields[..i].contains(&fields[i])), "{name} has two operands in one field");
        let packed = [Field::P, Field::Q, Field::R, Field::S].map(has).contains(&true);
        let plain = [Field::X, Field::A, Field::B, Field::C, Field::I].map(has).contains(&true);
        assert!(!(packed && plain), "{name} mixes layouts");
        assert!(
            !(has(Field::I) && (has(Field::B) || has(Field::C) || has(Field::X))),
            "{name}: I overlaps another field"
        );
        for operand in info.operands {
            let register = matches!(operand.role, Role::Def | Role::Use | Role::Modify | Role::Take);
            assert_eq!(register, operand.kind != Kind::None, "{name}: a register, and only that, has a kind");
            assert!(operand.field != Field::X || operand.role == Role::Immediate, "{name}: X is a number");
        }
        // The verifier and the disassembler look for it there.
        let jumps = info.operands.iter().filter(|operand| operand.role == Role::Jump).count();
        let last = info.operands.last().is_some_and(|operand| operand.role == Role::Jump);
        assert!(jumps == usize::from(last), "{name}: the jump is not the last operand");
        let region: &[Field] = match info.region {
            Region::None | Region::Call => &[],
            Region::Read(root, index) | Region::Write(root, index) => &[root, index],
            Region::Length(root) | Region::Whole(root) | Region::Replace(root) => &[root],
        };
        assert!(region.iter().all(|&field| has(field)), "{name}: its region is no operand");
        // An element's type comes from a container among the operands before it that are read.
        let element = |kind| matches!(kind, Kind::Element | Kind::ElementRef | Kind::ElementAll);
        let container = |kind| {
            use Kind::*;
            matches!(
                kind,
                OwnArray | OwnGrid | OwnElements | HeldElements | HeldGrid | View | ViewMut | GridView | GridViewMut
            )
        };
        for (at, operand) in info.operands.iter().enumerate().filter(|(_, operand)| element(operand.kind)) {
            let known = info.operands.iter().enumerate().any(|(other, container_operand)| {
                container(container_operand.kind)
                    && container_operand.role != Role::Def
                    && (operand.role == Role::Def || other < at)
            });
            assert!(known, "{name}: nothing tells what its element is");
        }
    }
}

#[test]
fn fields_are_where_the_layouts_say() {
    let instr = Instr::xabc(Op::LoadF, 0x12, 0x3456, 0x789a, 0xbcde);
    let fields = [Field::X, Field::A, Field::B, Field::C, Field::I].map(|field| instr.get(field));
    assert_eq!(fields, [0x12, 0x3456, 0x789a, 0xbcde, 0xbcde_789a]);
    let instr = Instr::packed(Op::LoadG, 0x3fff, 1, 0x2aaa, 0x1555);
    assert_eq!([Field::P, Field::Q, Field::R, Field::S].map(|field| instr.get(field)), [0x3fff, 1, 0x2aaa, 0x1555]);
    assert_eq!(Instr::abc(Op::AddImm, 0, 0, -3i16 as u16).signed(Field::C), -3);
    assert_eq!(Instr::ai(Op::Jump, 0, -3).signed(Field::I), -3);
    assert_eq!(Instr(255).op(), None);
}

#[test]
fn a_listing_shows_operands_and_sets_under_their_lines() {
    let source = "task fib(n: Int) -> Int {\n    if n < 2 { return n }\n    return fib(n - 1) + fib(n - 2)\n}\n\n\
                  fn main() { print(fib(20)) }\n";
    insta::assert_snapshot!(disassemble(&crate::compiled("fib.tg", source)));
}

#[test]
fn access_sets_come_from_the_table_and_the_callee() {
    let show = |sketch: Sketch| -> Vec<String> {
        let program = program(sketch);
        let function = &program.functions[1];
        function.code.iter().map(|&instr| access::Access::of(&program, function, instr).to_string()).collect()
    };
    let lines = show(code(
        &[INTS_LOCAL, PAIRS_LOCAL, STR_LOCAL, I, I],
        6,
        "ld r3, r0, r4; st.r r1, r3, r2, 0; push r0, r3; view w0, r0, r3, 4; view w3, r0, r3, 2; call w0, 4; call w0, 5
         mov.r r2, w0; drop r2; acc r3, r4; ret.d",
    ));
    let expected = [
        "reads r0 r4 r0[r4], writes r3",
        "reads r1-r3, writes r1-r2 r1[r3].0",
        "reads r0 r3, writes r0 r0[*]",
        "reads r0 r3-r4 r0.len, writes w0-w2",
        "reads r0 r0.len, writes r0 w3-w5",
        "reads w0-w5 w0[..] w3[..], writes w3[..]",
        "reads -, writes w0 w0[*]",
        "reads w0, writes r2 w0",
        "reads r2, writes r2",
        "reads r3-r4, writes r3-r4",
        "reads -, writes r0-r2",
    ];
    assert_eq!(lines, expected);
}

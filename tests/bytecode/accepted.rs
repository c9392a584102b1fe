//! What the verifier accepts.

use crate::sketch::*;
use tgvm::bytecode::access;
use tgvm::bytecode::disassemble::disassemble;
use tgvm::bytecode::effects::Effects;
use tgvm::bytecode::program::Passing;
use tgvm::bytecode::verify::verify;

#[test]
fn well_formed_programs_are_accepted() {
    let pair = &[PAIRS_LOCAL, STR_LOCAL, I, I];
    let accepted: &[(&str, Sketch)] = &[
        ("a function of the host", code(&[], 0, "host")),
        (
            "one that takes and gives",
            Sketch {
                params: &[(Passing::In, INT), (Passing::InoutView, INTS), (Passing::Inout, STR)],
                result: STR,
                code: "host",
                ..EMPTY
            },
        ),
        ("scalars", code(&[I, F, B], 0, "ldi r0, 1; ldk.f r1, 1; lt.i r2, r0, r0; ldk.i r0, 0; jt r2, 0; ret")),
        ("a loop", code(&[I, I], 0, "ldi r0, 0; ldi r1, 9; for r0, r1, -1; ret")),
        (
            "a loop that is entered at its test",
            code(&[I, I, B], 0, "ldi r0, 0; jmp 2; mov r1, r0; addi r0, r1, 1; jlt.k r0, 9, -3; ret"),
        ),
        (
            "either way defines it",
            code(&[I, B], 0, "ldb r1, 1; jt r1, 2; ldi r0, 1; jmp 1; ldi r0, 2; addi r0, r0, 1; ret"),
        ),
        ("a jump to the first instruction", code(&[I], 0, "ldi r0, 1; jlt.k r0, 0, -2; ret")),
        ("what is never reached", code(&[I], 0, "ret; addi r0, r0, 1; ret")),
        ("drop takes any state", code(&[STR_LOCAL], 0, "drop r0; ldv r0, 0; drop r0; drop r0; ret.d")),
        ("an overwritten value", code(&[STR_LOCAL], 0, "ldv r0, 0; ldv r0, 0; ret.d")),
        ("dropped on one way", code(&[STR_LOCAL, B], 0, "ldv r0, 0; ldb r1, 1; jt r1, 1; drop r0; drop r0; ret.d")),
        ("a call", code(&[I], 2, "ldi w1, 1; call w0, 2; mov r0, w0; ret")),
        ("a result as a condition", code(&[], 2, "ldi w1, 1; call w0, 2; jeq.k w0, 2, 0; ret")),
        ("inout", code(&[STR_LOCAL], 1, "ldv r0, 0; mov.r w0, r0; call w0, 3; mov.r r0, w0; ret.d")),
        ("an owned result", code(&[STR_LOCAL], 1, "call w0, 5; mov.r r0, w0; ret.d")),
        ("a dropped result", code(&[], 1, "call w0, 5; drop w0; ret")),
        (
            "a result straight to the next call",
            code(&[STR_LOCAL, STR_LOCAL], 2, "ldv r1, 0; call w0, 5; bor w1, r1; call w0, 7; mov.r r0, w0; ret.d"),
        ),
        (
            "a struct in and out",
            code(
                &[STR_LOCAL, I],
                4,
                "ldv r0, 0; ldi r1, 1; bor w2, r0; mov w3, r1; call w0, 9; mov.r r0, w0; mov r1, w1; ret.d",
            ),
        ),
        (
            "views",
            code(
                &[INTS_LOCAL, I, I],
                6,
                "ldv r0, 1; ldi r1, 0; ldi r2, 1; view w3, r0, r1, 6; view w0, r0, r1, 4; call w0, 4; ret.d",
            ),
        ),
        (
            "a second view to write through needs no new owner",
            code(
                &[INTS_LOCAL],
                6,
                "ldv r0, 1; view w0, r0, r0, 2; view w0, r0, r0, 0; view w3, r0, r0, 2; call w0, 4; ret.d",
            ),
        ),
        (
            "a slice as a value",
            code(&[INTS_LOCAL, I, I], 3, "ldv r0, 1; ldi r1, 0; ldi r2, 1; view w0, r0, r1, 4; own r0, w0; ret.d"),
        ),
        (
            "a row of a grid",
            code(
                &[INTS_LOCAL, GRID_LOCAL, I, I, I],
                3,
                "ldi r2, 1; ldi r3, 1; ldi r4, 1; new.g r1, r2, 8; rview w0, r1, r2, 4; own r0, w0; ret.d",
            ),
        ),
        (
            "a grid as a view",
            code(
                &[GRID_LOCAL, I, I],
                5,
                "ldi r1, 1; ldi r2, 1; new.g r0, r1, 8; gview w0, r0, r1, 0; call w0, 8; ret.d",
            ),
        ),
        (
            "parameters of all kinds",
            Sketch {
                params: &[
                    (Passing::In, PAIR),
                    (Passing::View, INTS),
                    (Passing::Inout, STR),
                    (Passing::InoutView, INTS),
                    (Passing::Inout, INT),
                ],
                result: INT,
                locals: &[STR_LOCAL, I],
                window: 6,
                // r0 result; r1 name, r2 n; r3-5 view; r6 Str; r7-9 view; r10 Int; r11 Str; r12 Int
                code: "len r12, r1; len.v r12, r3; ldv.1 r12, r3, r2; stv.1 r7, r2, r12; share r11, r6; mov.r r6, r11
                       addi r10, r10, 1; view w0, r3, r0, 1; view w3, r7, r0, 3; call w0, 4; mov r0, r12; ret.d",
            },
        ),
        ("a scalar result", Sketch { result: INT, locals: &[I], code: "ldi r1, 1; ret.v r1", ..EMPTY }),
        (
            "elements of one slot",
            code(&[INTS_LOCAL, I], 0, "ldv r0, 1; ldi r1, 0; ld r1, r0, r1; st r0, r1, r1; ret.d"),
        ),
        (
            "elements of several slots",
            code(
                pair,
                0,
                "ldv r0, 3; ldi r2, 0; ld.r r1, r0, r2, 0; ld.x r3, r0, r2, 1; st.x r0, r2, r3, 1
                  st.r r0, r2, r1, 0; take r1, r0, r2, 0; ret.d",
            ),
        ),
        (
            "fill with a struct in the window",
            code(pair, 2, "ldv r1, 0; ldi r2, 3; new r0, r2, 10; bor w0, r1; mov w1, r2; fill r0, r2, w0; ret.d"),
        ),
        ("push", code(&[STRS_LOCAL, STR_LOCAL, I], 0, "ldi r2, 1; new r0, r2, 7; ldv r1, 0; push r0, r1; ret.d")),
        (
            "the tree of a reduction",
            code(
                &[FLOATS_LOCAL, F, I],
                0,
                "ldi r2, 0; ldk.f r1, 1; new r0, r2, 12; fold r0, r1, r2, 0
                  fold.e r1, r0, 1; ret.d",
            ),
        ),
        (
            "a grid by row and column",
            code(
                &[GRID_LOCAL, I, I],
                0,
                "ldi r1, 1; ldi r2, 1; new.g r0, r1, 8; ldg r1, r0, r1, r2
                  stg r0, r1, r1, r2; idx r1, r0, r1; dim r1, r0, 1; ret.d",
            ),
        ),
        ("a built-in", code(&[STR_LOCAL], 1, "ldv r0, 0; bor w0, r0; sys w0, 0, 3; ret.d")),
        ("a built-in at an array", code(&[INTS_LOCAL], 3, "ldv r0, 1; view w0, r0, r0, 0; sys w0, 0, 6; ret.d")),
    ];
    for &(name, sketch) in accepted {
        if let Err(error) = verify(program(sketch)) {
            panic!("{name}: {error}\n{}", disassemble(&program(sketch)));
        }
    }
}

#[test]
fn effects_go_round_in_circles() {
    let mut program = program(EMPTY);
    let types = types();
    program.functions[1] = function(&types, "f", code(&[], 1, "call w0, 0; sys w0, 1, 4; ret"));
    program.functions[0] = function(&types, "main", code(&[], 1, "call w0, 1; ret"));
    let effects = access::effects(&program);
    assert_eq!((effects[0], effects[1], effects[2]), (Effects::OUTPUT, Effects::OUTPUT, Effects::NONE));
}

/// A function that the verifier's limits must not refuse: 300,000 instructions, 10,000 variables, loops and branches.
#[test]
fn large_functions_are_verified() {
    let mut text = String::new();
    let variables = 10_000;
    for turn in 0..50_000 {
        let r = turn % variables;
        text.push_str(&format!(
            "ldi r{r}, {turn}; jlt.k r{r}, 5, 2; addi r{r}, r{r}, 1; jmp 1; addi r{r}, r{r}, 2; mov r{r}, r{r};"
        ));
    }
    text.push_str("jlt.k r0, 0, 1; jmp -300002; ret");
    verify(program(code(&vec![I; variables], 0, &text))).expect("it is well-formed");
}

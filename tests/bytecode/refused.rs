//! What the verifier refuses: each rule broken once.

use crate::sketch::*;
use tgvm::bytecode::builtins;
use tgvm::bytecode::disassemble::disassemble;
use tgvm::bytecode::effects::Effects;
use tgvm::bytecode::file;
use tgvm::bytecode::ops::{HEADER, Instr, Op};
use tgvm::bytecode::program::{Constant, Param, Passing, Program, Range, RegType, Value};
use tgvm::bytecode::types::{Type, TypeId, TypeTable};
use tgvm::bytecode::verify::verify;

/// The number of a host built-in.
fn builtin(name: &str, arity: usize) -> u16 {
    builtins::find(name, arity).expect("there is one")
}

fn assert_refused(program: Program, because: &str, name: &str) {
    // It prints, whatever is wrong.
    let text = disassemble(&program);
    match verify(program) {
        Ok(_) => panic!("{name}: accepted\n{text}"),
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains(because), "{name}: {message:?} does not contain {because:?}\n{text}");
        }
    }
}

#[test]
fn each_rule_for_instructions_refuses() {
    let abs = format!("ldi w1, 1; sys w0, {}, 0; ret", builtin("abs", 1));
    let clamp_str = format!("sys w0, {}, 3; ret", builtin("clamp", 3));
    let refused: &[(&str, Sketch, &str)] = &[
        // Opcodes, registers, numbers
        ("the machine's own", code(&[], 0, "complete; ret"), "the machine's own"),
        ("the machine's own, too", code(&[], 0, "bridge; ret"), "the machine's own"),
        ("a host function with more to it", code(&[I], 0, "ldi r0, 1; host"), "not the only instruction"),
        ("a host function with locals", code(&[I], 0, "host"), "has no locals"),
        ("a host function that calls", code(&[], 2, "host"), "has no locals, and calls nothing"),
        ("no register", code(&[I], 0, "ldi r1, 0; ret"), "no register 1"),
        ("a register of the header", code(&[I], 1, "mov r0, r3; ret"), "no register 3"),
        ("beyond the window", code(&[I], 1, "ldi w1, 0; ret"), "w1 is beyond the window"),
        ("not a Bool", code(&[B], 0, "ldb r0, 2; ret"), "2 is not allowed"),
        ("division by zero", code(&[I], 0, "ldi r0, 1; divi r0, r0, 0; ret"), "0 is not allowed"),
        ("division by -1", code(&[I], 0, "ldi r0, 1; remi r0, r0, -1; ret"), "-1 is not allowed"),
        ("a power of 0", code(&[I], 0, "ldi r0, 1; divp r0, r0, 0; ret"), "0 is not allowed"),
        ("a power of 63", code(&[I], 0, "ldi r0, 1; remp r0, r0, 63; ret"), "63 is not allowed"),
        ("a shift by 64", code(&[I], 0, "ldi r0, 1; shli r0, r0, 64; ret"), "64 is not allowed"),
        ("a shift by -1", code(&[I], 0, "ldi r0, 1; shri r0, r0, -1; ret"), "-1 is not allowed"),
        ("a relation", code(&[STR_LOCAL, B], 0, "ldv r0, 0; cmp r1, r0, r0, 5; ret.d"), "5 is not allowed"),
        ("a dimension", code(&[GRID_LOCAL, I], 0, "dim r1, r0, 2; ret.d"), "2 is not allowed"),
        ("a trap code", code(&[], 0, "trap 0"), "0 is not allowed"),
        ("a trap code beyond", code(&[], 0, "trap 200"), "200 is not allowed"),
        ("a word", code(&[I], 0, "ldk.i r0, 2; ret"), "2 is not allowed"),
        ("a value", code(&[STR_LOCAL], 0, "ldv r0, 9; ret.d"), "9 is not allowed"),
        ("flags", code(&[INTS_LOCAL], 3, "ldv r0, 1; view w0, r0, r0, 8; ret.d"), "8 is not allowed as its flags"),
        ("a row is a part", code(&[GRID_LOCAL], 3, "rview w0, r0, r0, 0; ret.d"), "0 is not allowed as its flags"),
        ("a type of no array", code(&[INTS_LOCAL, I], 0, "ldi r1, 0; new r0, r1, 8; ret.d"), "8 is not allowed"),
        (
            "a type that is not there",
            code(&[INTS_LOCAL, I], 0, "ldi r1, 0; new r0, r1, 99; ret.d"),
            "99 is not allowed",
        ),
        // Control
        ("a jump out at the end", code(&[], 0, "jmp 1; ret"), "jumps to 2"),
        ("a jump out at the beginning", code(&[], 0, "jmp -2; ret"), "jumps to -1"),
        ("falls off", code(&[I], 0, "ldi r0, 0"), "past its last instruction"),
        ("falls off a branch", code(&[B], 0, "ldb r0, 0; jt r0, -2"), "past its last instruction"),
        (
            "falls off a call that never returns",
            code(&[STR_LOCAL], 1, "bor w0, r0; sys w0, 5, 4"),
            "past its last instruction",
        ),
        ("ret past owned locals", code(&[STR_LOCAL], 0, "ret"), "leaves owned locals behind"),
        (
            "ret.v past owned locals",
            Sketch { result: INT, ..code(&[STR_LOCAL, I], 0, "ldi r2, 0; ret.v r2") },
            "leaves owned locals behind",
        ),
        ("ret.d without any", code(&[], 0, "ret.d"), "no owned locals"),
        ("ret.v without a result", code(&[I], 0, "ldi r0, 0; ret.v r0"), "the function's result is no Int"),
        (
            "ret.v of another type",
            Sketch { result: INT, ..code(&[F], 0, "ldk.f r1, 0; ret.v r1") },
            "the function's result is no Float",
        ),
        // Types of operands
        ("a Float as an Int", code(&[I, F], 0, "ldk.f r1, 0; add.i r0, r1, r1; ret"), "r1 is Float, not Int"),
        ("a Def of another type", code(&[F], 0, "ldi r0, 0; ret"), "r0 is Float, not Int"),
        ("an owned value as a scalar", code(&[STR_LOCAL, I], 0, "ldv r0, 0; mov r1, r0; ret.d"), "r0 is own Str"),
        ("a pair of Ints", code(&[I, F], 0, "ldi r0, 0; ldk.f r1, 0; acc.e r0, r0; ret"), "r1 is Float, not Int"),
        ("a pair at the end", code(&[I], 0, "ldi r0, 0; acc.e r0, r0; ret"), "no register 1"),
        (
            "a comparison of two types",
            code(&[I, B], 0, "ldi r0, 0; ldb r1, 0; jlt.i r0, r1, 0; ret"),
            "other operand's type",
        ),
        ("a comparison of Floats", code(&[F], 0, "ldk.f r0, 0; jlt.i r0, r0, 0; ret"), "not an Int or a Bool"),
        ("a value of another type", code(&[INTS_LOCAL], 0, "ldv r0, 0; ret.d"), "r0 is own [Int], not own Str"),
        (
            "sharing another type",
            code(&[INTS_LOCAL, STR_LOCAL], 0, "ldv r1, 0; share r0, r1; ret.d"),
            "r0 is own [Int]",
        ),
        (
            "joining two types",
            code(&[INTS_LOCAL, STR_LOCAL], 0, "ldv r0, 1; ldv r1, 0; cat r0, r1; ret.d"),
            "other operand's",
        ),
        (
            "joining grids",
            code(
                &[GRID_LOCAL, GRID_LOCAL, I, I],
                0,
                "ldi r2, 1; ldi r3, 1; new.g r0, r2, 8; new.g r1, r2, 8; cat r0, r1; ret.d",
            ),
            "not a Str or array",
        ),
        (
            "a byte of an array",
            code(&[INTS_LOCAL, I], 0, "ldv r0, 1; ldi r1, 0; ld.s r1, r0, r1; ret.d"),
            "not an owned or borrowed Str",
        ),
        (
            "an element of a Str",
            code(&[STR_LOCAL, I], 0, "ldv r0, 0; ldi r1, 0; ld r1, r0, r1; ret.d"),
            "not an owned or borrowed array",
        ),
        (
            "a view as an array",
            Sketch { params: &[(Passing::View, INTS)], ..code(&[I], 0, "len r3, r0; ret") },
            "r0 is view of [Int]",
        ),
        ("an array as a view", code(&[INTS_LOCAL, I], 0, "ldv r0, 1; len.v r1, r0; ret.d"), "not a view of an array"),
        (
            "a grid's view as an array's",
            Sketch { params: &[(Passing::View, GRID)], ..code(&[I], 0, "len.v r5, r0; ret") },
            "not a view of an array",
        ),
        (
            "a tail as a view",
            Sketch { params: &[(Passing::View, INTS)], ..code(&[I], 0, "len.v r3, r1; ret") },
            "a further register of a view",
        ),
        (
            "a tail as a scalar",
            Sketch { params: &[(Passing::View, INTS)], ..code(&[I], 0, "mov r3, r1; ret") },
            "not a scalar",
        ),
        // Elements
        (
            "a slot of another type",
            code(&[PAIRS_LOCAL, I], 0, "ldv r0, 3; ldi r1, 0; ld.x r1, r0, r1, 0; ret.d"),
            "the slot of [Pair] is of type Str",
        ),
        (
            "a scalar slot as owned",
            code(&[PAIRS_LOCAL, STR_LOCAL, I], 0, "ldv r0, 3; ldi r2, 0; ld.r r1, r0, r2, 1; ret.d"),
            "the slot of [Pair] is of type Int",
        ),
        (
            "no such slot",
            code(&[PAIRS_LOCAL, I], 0, "ldv r0, 3; ldi r1, 0; ld.x r1, r0, r1, 2; ret.d"),
            "have no slot 2",
        ),
        (
            "one slot of several",
            code(&[PAIRS_LOCAL, I], 0, "ldv r0, 3; ldi r1, 0; ld r1, r0, r1; ret.d"),
            "have several slots",
        ),
        (
            "an element of another type",
            code(&[INTS_LOCAL, I, F], 0, "ldv r0, 1; ldi r1, 0; ld r2, r0, r1; ret.d"),
            "r2 is Float, not Int",
        ),
        (
            "storing another type",
            code(&[INTS_LOCAL, I, F], 0, "ldv r0, 1; ldi r1, 0; ldk.f r2, 0; st r0, r1, r2; ret.d"),
            "r2 is Float, not Int",
        ),
        (
            "pushing another type",
            code(&[INTS_LOCAL, F], 0, "ldv r0, 1; ldk.f r1, 0; push r0, r1; ret.d"),
            "r1 is Float, not Int",
        ),
        (
            "pushing a part",
            code(&[PAIRS_LOCAL, STR_LOCAL], 0, "ldv r0, 3; ldv r1, 0; push r0, r1; ret.d"),
            "no register 2",
        ),
        (
            "a tree in another array",
            code(&[INTS_LOCAL, I], 0, "ldv r0, 1; ldi r1, 0; fold r0, r1, r1, 0; ret.d"),
            "the tree can't be in [Int]",
        ),
        (
            "a kind of tree",
            code(&[INTS_LOCAL, I], 0, "ldv r0, 1; ldi r1, 0; fold r0, r1, r1, 3; ret.d"),
            "the tree can't be in [Int]",
        ),
        // What is only read
        (
            "writing a parameter",
            Sketch { params: &[(Passing::In, INT)], ..code(&[], 0, "ldi r0, 0; ret") },
            "only read",
        ),
        (
            "counting a parameter up",
            Sketch { params: &[(Passing::In, INT)], ..code(&[], 0, "for r0, r0, 0; ret") },
            "only read",
        ),
        (
            "moving a borrowed value",
            Sketch { params: &[(Passing::In, STR)], ..code(&[STR_LOCAL], 0, "mov.r r1, r0; ret.d") },
            "not an owned value",
        ),
        (
            "dropping a borrowed value",
            Sketch { params: &[(Passing::In, STR)], ..code(&[], 0, "drop r0; ret") },
            "not an owned value",
        ),
        (
            "writing through a read view",
            Sketch { params: &[(Passing::View, INTS)], ..code(&[I], 0, "ldi r3, 0; stv.1 r0, r3, r3; ret") },
            "to write through",
        ),
        (
            "a view to write of a read view",
            Sketch { params: &[(Passing::View, INTS)], ..code(&[], 3, "view w0, r0, r0, 3; ret") },
            "not a view to write through",
        ),
        (
            "a view to write of a borrowed array",
            Sketch { params: &[(Passing::In, HOLDER)], ..code(&[], 3, "view w0, r0, r0, 2; ret") },
            "not an owned array or grid",
        ),
        // One register twice
        ("joined to itself", code(&[STR_LOCAL], 0, "ldv r0, 0; cat r0, r0; ret.d"), "another operand too"),
        ("moved to itself", code(&[STR_LOCAL], 0, "ldv r0, 0; mov.r r0, r0; ret.d"), "another operand too"),
        (
            "an array into itself",
            Sketch { params: &[(Passing::Inout, TREE)], ..code(&[], 0, "push r1, r0; ret") },
            "another operand too",
        ),
        (
            "an array filled with itself",
            Sketch { params: &[(Passing::Inout, TREE)], ..code(&[], 0, "fill r1, r0, r0; ret") },
            "another operand too",
        ),
        (
            "an array stored in itself",
            Sketch { params: &[(Passing::Inout, TREE)], ..code(&[], 0, "st.r r1, r0, r1, 1; ret") },
            "another operand too",
        ),
        // Data flow
        ("uninitialised", code(&[I], 0, "addi r0, r0, 1; ret"), "r0 may hold nothing"),
        (
            "initialised on one way",
            code(&[I, B], 0, "ldb r1, 0; jt r1, 1; ldi r0, 0; mov r0, r0; ret"),
            "r0 may hold nothing",
        ),
        (
            "initialised in a loop only",
            code(&[I, I], 0, "ldi r1, 0; jlt.k r1, 0, 1; ldi r0, 0; mov r0, r0; ret"),
            "r0 may hold nothing",
        ),
        (
            "moved out",
            code(&[STR_LOCAL, STR_LOCAL, I], 0, "ldv r0, 0; mov.r r1, r0; len r2, r0; ret.d"),
            "r0 may hold nothing",
        ),
        (
            "moved out twice",
            code(&[STR_LOCAL, STR_LOCAL], 0, "ldv r0, 0; mov.r r1, r0; mov.r r1, r0; ret.d"),
            "r0 may hold nothing",
        ),
        ("dropped", code(&[STR_LOCAL, I], 0, "ldv r0, 0; drop r0; len r1, r0; ret.d"), "r0 may hold nothing"),
        (
            "moved out in the turn before",
            code(&[STR_LOCAL, STR_LOCAL, I], 0, "ldv r0, 0; ldi r2, 0; mov.r r1, r0; jlt.k r2, 0, -2; ret.d"),
            "r0 may hold nothing",
        ),
        (
            "moved out in the turn before, in a loop in a loop",
            code(
                &[STR_LOCAL, I, I],
                0,
                "ldv r0, 0; ldi r2, 0; ldi r1, 0; len r1, r0; jlt.k r1, 0, -2; drop r0; jlt.k r2, 0, -5; ret.d",
            ),
            "r0 may hold nothing",
        ),
        ("a result that is not given", Sketch { result: INT, ..EMPTY }, "r0, which the caller takes"),
        (
            "an owned result that is moved out",
            Sketch { result: STR, ..code(&[STR_LOCAL], 0, "ldv r0, 0; mov.r r1, r0; ret.d") },
            "r0, which the caller takes",
        ),
        (
            "inout moved out",
            Sketch { params: &[(Passing::Inout, STR)], ..code(&[STR_LOCAL], 0, "mov.r r1, r0; ret.d") },
            "r0, which the caller takes",
        ),
        (
            "inout moved out on one way",
            Sketch { params: &[(Passing::Inout, STR)], ..code(&[B], 0, "ldb r1, 0; jt r1, 1; drop r0; ret") },
            "r0, which the caller takes",
        ),
        // The window
        ("an argument too few", code(&[], 2, "call w0, 2; ret"), "w1 holds nothing"),
        ("an argument of another type", code(&[], 2, "ldb w1, 0; call w0, 2; ret"), "w1 is not what"),
        ("an argument before a jump", code(&[], 2, "ldi w1, 0; jmp 0; call w0, 2; ret"), "w1 holds nothing"),
        (
            "an argument before a jump's target",
            code(&[B], 2, "ldb r0, 0; jt r0, 1; ldi w1, 0; call w0, 2; ret"),
            "w1 holds nothing",
        ),
        ("an argument before another call", code(&[], 2, "ldi w1, 0; call w0, 2; call w0, 2; ret"), "w1 holds nothing"),
        (
            "a result after another call",
            code(&[I], 2, "ldi w1, 0; call w0, 2; ldi w1, 1; call w0, 2; mov r0, w1; ret"),
            "w1 holds nothing",
        ),
        ("too small a window", code(&[], 1, "call w0, 2; ret"), "needs 2 window registers"),
        ("another window", code(&[I], 2, "ldi w1, 0; call r0, 2; ret"), "the window begins at"),
        ("no such function", code(&[], 2, "ldi w1, 0; call w0, 99; ret"), "no function 99"),
        ("borrowed for inout", code(&[STR_LOCAL], 1, "ldv r0, 0; bor w0, r0; call w0, 3; ret.d"), "w0 is not what"),
        ("moved for read", code(&[STR_LOCAL], 1, "ldv r0, 0; mov.r w0, r0; sys w0, 0, 3; ret.d"), "w0 is not what"),
        (
            "a read view to write",
            code(&[INTS_LOCAL], 6, "ldv r0, 1; view w0, r0, r0, 0; view w3, r0, r0, 0; call w0, 4; ret.d"),
            "w3 is not what",
        ),
        (
            "a view to write for read",
            code(&[INTS_LOCAL], 6, "ldv r0, 1; view w3, r0, r0, 2; view w0, r0, r0, 2; call w0, 4; ret.d"),
            "w0 is not what",
        ),
        (
            "a view of another type",
            code(&[STRS_LOCAL, I], 5, "ldi r1, 0; new r0, r1, 7; view w0, r0, r0, 0; call w0, 8; ret.d"),
            "w0 is not what",
        ),
        (
            "a view in another place",
            code(&[INTS_LOCAL], 6, "ldv r0, 1; view w1, r0, r0, 0; call w0, 4; ret.d"),
            "w0 holds nothing",
        ),
        (
            "half a view",
            code(&[INTS_LOCAL], 6, "ldv r0, 1; view w0, r0, r0, 0; ldi w2, 0; len.v w3, w0; ret.d"),
            "a part of the view in w0",
        ),
        (
            "a view over a view",
            code(&[INTS_LOCAL], 6, "ldv r0, 1; view w0, r0, r0, 0; view w1, r0, r0, 0; len.v w5, w0; ret.d"),
            "a part of the view in w0",
        ),
        (
            "a view beyond the window",
            code(&[INTS_LOCAL], 2, "ldv r0, 1; view w0, r0, r0, 0; ret.d"),
            "w2 is beyond the window",
        ),
        (
            "a view not in the window",
            code(&[INTS_LOCAL], 3, "ldv r0, 1; view r0, r0, r0, 0; ret.d"),
            "r0 is not in the window",
        ),
        (
            "a view of a view in the window",
            code(&[INTS_LOCAL], 6, "ldv r0, 1; view w0, r0, r0, 0; view w3, w0, r0, 1; ret.d"),
            "w0 can't be viewed",
        ),
        ("a borrow of what is in the window", code(&[], 2, "call w0, 5; bor w1, w0; ret"), "w0 can't be borrowed"),
        ("a view of what is moved out", code(&[INTS_LOCAL], 3, "view w0, r0, r0, 0; ret.d"), "r0 may hold nothing"),
        ("the bounds of a view", code(&[INTS_LOCAL, I, F], 3, "ldv r0, 1; view w0, r0, r1, 4; ret.d"), "r2 is Float"),
        (
            "a view of an array as a grid",
            code(&[INTS_LOCAL], 5, "ldv r0, 1; gview w0, r0, r0, 0; ret.d"),
            "not what it can show",
        ),
        // The source of a view or borrow
        (
            "written since it was borrowed",
            code(&[STR_LOCAL], 2, "ldv r0, 0; bor w0, r0; ldv r0, 0; sys w0, 0, 3; ret.d"),
            "r0, which w0 borrows, has been written",
        ),
        (
            "moved since it was borrowed",
            code(&[STR_LOCAL], 2, "ldv r0, 0; bor w1, r0; mov.r w0, r0; call w0, 7; mov.r r0, w0; ret.d"),
            "r0, which w1 borrows, has been written",
        ),
        (
            "dropped since it was borrowed",
            code(&[STR_LOCAL], 2, "ldv r0, 0; bor w0, r0; drop r0; sys w0, 0, 3; ret.d"),
            "r0, which w0 borrows, has been written",
        ),
        (
            "modified since it was viewed",
            code(&[INTS_LOCAL, I], 3, "ldv r0, 1; ldi r1, 0; view w0, r0, r0, 0; push r0, r1; sys w0, 0, 6; ret.d"),
            "of which w0 is a view, has been written",
        ),
        (
            "stored to since it was viewed",
            code(&[INTS_LOCAL, I], 3, "ldv r0, 1; ldi r1, 0; view w0, r0, r0, 0; st r0, r1, r1; sys w0, 0, 6; ret.d"),
            "of which w0 is a view, has been written",
        ),
        (
            "made unique since it was viewed",
            code(&[INTS_LOCAL], 6, "ldv r0, 1; view w0, r0, r0, 0; view w3, r0, r0, 2; call w0, 4; ret.d"),
            "of which w0 is a view, has been written",
        ),
        (
            "shared since it was viewed to write",
            code(
                &[INTS_LOCAL, INTS_LOCAL],
                6,
                "ldv r0, 1; view w3, r0, r0, 2; share r1, r0; view w0, r1, r1, 0; call w0, 4; ret.d",
            ),
            "of which w3 is a view, has been shared",
        ),
        (
            "copied since it was viewed to write",
            code(
                &[INTS_LOCAL, INTS_LOCAL],
                6,
                "ldv r0, 1; view w3, r0, r0, 2; view w0, r0, r0, 0; own r1, w0; call w0, 4; ret.d",
            ),
            "of which w3 is a view, has been shared",
        ),
        (
            "filled with since it was viewed to write",
            code(
                &[INTS_LOCAL, MATRIX_LOCAL, I],
                6,
                "ldv r0, 1; ldi r2, 1; new r1, r2, 11; view w0, r0, r0, 2; fill r1, r2, r0; ldi r2, 0; stv.1 w0, r2, r2; ret.d",
            ),
            "of which w0 is a view, has been shared",
        ),
        (
            "borrowed and written",
            code(&[INTS_LOCAL], 4, "ldv r0, 1; view w1, r0, r0, 2; bor w0, r0; call w0, 6; ret.d"),
            "both borrowed and written",
        ),
        // Owned values in the window
        ("forgotten at a jump", code(&[], 1, "call w0, 5; jmp 0; ret"), "it may trap or stop"),
        ("forgotten at a jump's target", code(&[B], 1, "ldb r0, 0; jt r0, 1; call w0, 5; ret"), "is forgotten"),
        ("forgotten at return", code(&[], 1, "call w0, 5; ret"), "it may trap or stop"),
        ("forgotten at a call", code(&[], 2, "call w0, 5; ldi w1, 0; call w0, 2; ret"), "is forgotten"),
        (
            "forgotten by a call",
            code(&[STR_LOCAL], 2, "ldv r0, 0; mov.r w0, r0; ldi w1, 0; call w0, 2; ret.d"),
            "is forgotten",
        ),
        ("overwritten", code(&[], 1, "call w0, 5; ldi w0, 0; ret"), "the owned value in w0 is overwritten"),
        (
            "overwritten by another",
            code(&[STR_LOCAL], 1, "ldv r0, 0; call w0, 5; mov.r w0, r0; ret.d"),
            "the owned value in w0 is overwritten",
        ),
        (
            "a trap while it holds one",
            code(&[STR_LOCAL, I], 1, "ldi r1, 0; call w0, 5; addi r1, r1, 1; mov.r r0, w0; ret.d"),
            "it may trap or stop",
        ),
        (
            "a part while it holds one",
            code(
                &[STR_LOCAL, INTS_LOCAL, I, I],
                4,
                "ldv r0, 0; ldv r1, 1; ldi r2, 0; ldi r3, 0; mov.r w0, r0; view w1, r1, r2, 4; ret.d",
            ),
            "it may trap or stop",
        ),
        (
            "a new owner while it holds one",
            code(&[STR_LOCAL, INTS_LOCAL], 4, "ldv r0, 0; ldv r1, 1; mov.r w0, r0; view w1, r1, r1, 2; ret.d"),
            "it may trap or stop",
        ),
        ("put there by another instruction", code(&[STR_LOCAL], 1, "ldv r0, 0; share w0, r0; ret.d"), "only `mov.r`"),
        (
            "taken twice",
            code(&[STR_LOCAL, STR_LOCAL], 1, "call w0, 5; mov.r r0, w0; mov.r r1, w0; ret.d"),
            "w0 holds nothing",
        ),
        (
            "modified in the window",
            code(&[STR_LOCAL], 1, "ldv r0, 0; ldi w0, 0; for w0, w0, 0; ret.d"),
            "w0 can't be modified",
        ),
        // Built-ins
        ("no such built-in", code(&[], 1, "sys w0, 9999, 0; ret"), "no built-in 9999"),
        ("one with an instruction of its own", code(&[], 2, &abs), "`abs` is not a function of the host"),
        ("no such type", code(&[], 1, "sys w0, 0, 99; ret"), "no type 99"),
        ("at no value", code(&[], 1, "sys w0, 0, 4; ret"), "`print` can't be called with no value"),
        ("not Int or Float", code(&[], 4, &clamp_str), "`clamp` can't be called with Str"),
    ];
    for &(name, sketch, because) in refused {
        assert_refused(program(sketch), because, name);
    }
}

#[test]
fn a_built_in_needs_its_types() {
    // Neither `[Str]` nor the struct `Rng` nor `Grid[Int]` nor `[Bool]` is in the table.
    let mut plain = program(EMPTY);
    plain.types = TypeTable::default();
    plain.values.clear();
    plain.functions.truncate(1);
    plain.sites.truncate(1);
    for (name, arity, ty) in [("args", 0, 4), ("next_float", 1, 4), ("write_png", 2, 4), ("pop", 1, 2)] {
        let mut program = plain.clone();
        program.functions[0].code[0] = Instr::abc(Op::Sys, HEADER as u16, builtin(name, arity), ty);
        program.functions[0].window = 8;
        assert_refused(program, &format!("`{name}` can't be called with"), name);
    }
}

#[test]
fn each_rule_for_programs_refuses() {
    type Change = fn(&mut Program);
    let refused: &[(&str, Change, &str)] = &[
        // Types
        ("an array of nothing", |p| _ = p.types.array(TypeId::UNIT), "its elements can't be of type 4"),
        ("an array of never", |p| _ = p.types.grid(TypeId::NEVER), "its elements can't be of type 5"),
        ("an array of what is not there", |p| _ = p.types.array(TypeId(99)), "its elements can't be of type 99"),
        ("an array of itself", |p| _ = p.types.array(TypeId(16)), "its elements can't be of type 16"),
        ("a struct that is not there", |p| _ = p.types.add(Type::Struct(9)), "there is no such struct"),
        ("a field that is not there", |p| p.types.structs[0].fields[0].1 = TypeId(99), "a field can't be of type 99"),
        ("a field of no value", |p| p.types.structs[0].fields[0].1 = TypeId::UNIT, "a field can't be of type 4"),
        ("a struct in itself", |p| p.types.structs[0].fields[0].1 = PAIR, "it holds itself"),
        (
            "two structs in each other",
            |p| {
                p.types.structs[0].fields[0].1 = HOLDER;
                p.types.structs[1].fields[0].1 = PAIR;
            },
            "it holds itself",
        ),
        ("another layout", |p| p.types.structs[0].fields[0].1 = INT, "its layout is not that of its fields"),
        (
            "a struct of no slot",
            |p| {
                p.types.structs[1].fields.clear();
                p.types.lay_out(HOLDER);
            },
            "a struct without fields",
        ),
        (
            "a struct of too many slots",
            |p| p.types.structs[1].fields = vec![("x".into(), INT); 257],
            "takes more than 256 slots",
        ),
        // Constants
        ("a value of no type", |p| p.values[0].ty = TypeId(99), "there is no type 99"),
        ("a value of another type", |p| p.values[0].ty = INTS, "value 0 is not of its type"),
        ("a value that is a grid", |p| p.values[1].ty = GRID, "value 1 is not of its type"),
        ("a later value", |p| p.values[2].data = Constant::Array(vec![2]), "2 is not a slot of type [Int]"),
        (
            "an element of another type",
            |p| p.values[2].data = Constant::Array(vec![0]),
            "0 is not a slot of type [Int]",
        ),
        (
            "a value that is not there",
            |p| p.values[3].data = Constant::Array(vec![u64::MAX, 1]),
            "is not a slot of type Str",
        ),
        ("half an element", |p| p.values[3].data = Constant::Array(vec![0]), "its last element is not complete"),
        (
            "not a Bool",
            |p| {
                let ty = p.types.array(TypeId::BOOL);
                p.values.push(Value { ty, data: Constant::Array(vec![1, 2]) });
            },
            "2 is not a slot of type Bool",
        ),
        // Sites
        ("a site outside", |p| p.sites[0].end = 99, "site 0: 0 to 99"),
        ("a site backwards", |p| p.sites[0].start = 3, "site 0: 3 to 2"),
        ("a site in a character", |p| p.source = "xä".into(), "is not a part of the source"),
        ("inlined at a later site", |p| p.sites[1].inlined = Some((1, 1)), "which is not an earlier one"),
        ("an inlined function", |p| p.sites[1].inlined = Some((99, 0)), "there is no function 99"),
        ("no such site", |p| p.functions[1].sites[0] = 9, "there is no site 9"),
        ("too few sites", |p| p.functions[1].sites.clear(), "it has 0 sites"),
        // Functions
        ("no main", |p| p.main = 99, "no main function"),
        (
            "no functions",
            |p| {
                p.functions.clear();
                p.sites.truncate(1);
            },
            "no main function",
        ),
        ("main with parameters", |p| p.main = 2, "`main` has parameters or a result"),
        ("main with a result", |p| p.main = 5, "`main` has parameters or a result"),
        ("no code", |p| p.functions[1].code.clear(), "it has 0 instructions"),
        ("a result of no type", |p| p.functions[1].result = TypeId(99), "there is no type 99"),
        ("a result of never", |p| p.functions[1].result = TypeId::NEVER, "its result can't be of type 5"),
        ("more results", |p| p.functions[2].results = 2, "its result takes 1 registers, not 2"),
        ("another result", |p| p.functions[2].registers[0] = F, "its first registers are not"),
        ("another parameter", |p| p.functions[4].registers[0] = RegType::ViewMut(INTS), "its first registers are not"),
        ("a parameter too many", |p| _ = p.functions[2].registers.pop(), "more registers for results and parameters"),
        ("a parameter of no type", |p| p.functions[2].params[0].ty = TypeId(99), "parameter 0 can't be of type 99"),
        ("a parameter of no value", |p| p.functions[2].params[0].ty = TypeId::UNIT, "parameter 0 can't be of type 4"),
        ("a view of a scalar", |p| p.functions[2].params[0].passing = Passing::View, "can't be passed so"),
        ("an array read as a whole", |p| p.functions[4].params[0].passing = Passing::In, "can't be passed so"),
        ("owned locals elsewhere", |p| p.functions[2].owned_start = 0, "is no place for its owned locals"),
        ("owned locals beyond", |p| p.functions[2].owned_end = 9, "is no place for its owned locals"),
        ("owned locals backwards", |p| p.functions[2].owned_end = 1, "is no place for its owned locals"),
        ("an owned local among the others", |p| p.functions[1].registers.push(own(STR)), "r0 can't be a local"),
        ("a borrowed local", |p| p.functions[1].registers.push(RegType::Borrow(STR)), "r0 can't be a local"),
        ("a view as a local", |p| p.functions[1].registers.push(RegType::View(INTS)), "r0 can't be a local"),
        (
            "an owned local that is a scalar",
            |p| {
                p.functions[1].registers.push(I);
                p.functions[1].owned_end = 1;
            },
            "r0 can't be a local",
        ),
        (
            "an owned local of a struct",
            |p| {
                p.functions[1].registers.push(own(PAIR));
                p.functions[1].owned_end = 1;
            },
            "r0 can't be a local",
        ),
        ("too many registers", |p| p.functions[1].registers = vec![I; 1 << 14], "too many registers"),
        ("too large a window", |p| p.functions[1].window = u16::MAX, "too many registers"),
        // Effects
        (
            "too few effects",
            |p| p.functions[1] = function(&types(), "f", code(&[], 1, "sys w0, 1, 4; ret")),
            "its effects are `output`",
        ),
        ("too many effects", |p| p.functions[1].effects = Effects::CLOCK, "but it says `clock`"),
        (
            "too few effects of a callee",
            |p| {
                p.functions[1] = function(&types(), "f", code(&[], 1, "sys w0, 1, 4; ret"));
                p.functions[1].effects = Effects::OUTPUT;
                p.functions[0] = function(&types(), "main", code(&[], 1, "call w0, 1; ret"));
            },
            "function `main`: its effects are `output`",
        ),
    ];
    assert_eq!(verify(program(EMPTY)).map(|_| ()), Ok(()));
    for &(name, change, because) in refused {
        let mut program = program(EMPTY);
        change(&mut program);
        assert_refused(program, because, name);
    }
    let mut unknown = program(EMPTY);
    unknown.functions[1].code[0] = Instr(0xfe);
    assert_refused(unknown, "instruction 0 (`number 254`): there is no such instruction", "an unknown opcode");
}

#[test]
fn refusals_name_function_and_instruction() {
    let error = verify(program(code(&[I], 0, "ldi r0, 1; divi r0, r0, 0; ret"))).expect_err("it is refused");
    assert_eq!(error.to_string(), "function `f`, instruction 1 (`divi`): 0 is not allowed as its number");
}

/// A program whose function 1 runs iterations of a loop, each of one element of what it writes, and 10 is its wrapper.
fn with_range() -> Program {
    let params = [
        (Passing::In, INT),
        (Passing::In, INT),
        (Passing::InoutView, INTS),
        (Passing::View, INTS),
        (Passing::In, TypeId::FLOAT),
    ];
    let runs = Sketch {
        params: &params,
        locals: &[STR_LOCAL, I, I, F],
        code: "mov r10, r0; jle.i r1, r10, 3; ldi r11, 7; stv.x r2, r10, r11, 0; for r10, r1, -3; ret.d",
        ..EMPTY
    };
    let wraps = Sketch {
        params: &params,
        window: 9,
        code: "mov w0, r0; mov w1, r1; view w2, r2, r0, 3; view w5, r5, r0, 1; mov w8, r8; call w0, 1; ret",
        ..EMPTY
    };
    let mut program = program(runs);
    program.functions.push(function(&program.types, "wrapper", wraps));
    program.functions[1].range = Some(Range { index: 10, body: (2, 5), per: vec![1, 0, 0], step: None, wrapper: 10 });
    for number in [1, 10] {
        program.functions[number].part_of = Some(0);
    }
    program
}

#[test]
fn each_rule_for_ranges_refuses() {
    fn range(program: &mut Program) -> &mut Range {
        program.functions[1].range.as_mut().expect("it has one")
    }
    fn with_code(program: &mut Program, number: usize, code: &str) {
        let function = &mut program.functions[number];
        function.code = assemble(code, function.registers.len());
        function.sites = vec![0; function.code.len()];
    }
    /// Both functions with that parameter instead, which neither uses.
    fn with_param(program: &mut Program, number: usize, param: Param) {
        for function in [1, 10] {
            let function = &mut program.functions[function];
            function.params[number] = param;
        }
    }
    type Change = fn(&mut Program);
    let refused: &[(&str, Change, &str)] = &[
        // The step
        ("no register as the step", |p| range(p).step = Some(99), "r99 can't hold the step"),
        ("a bound as the step", |p| range(p).step = Some(1), "r1 can't hold the step"),
        ("a view as the step", |p| range(p).step = Some(2), "r2 can't hold the step"),
        ("a Float as the step", |p| range(p).step = Some(8), "r8 can't hold the step"),
        ("a local as the step", |p| range(p).step = Some(10), "r10 can't hold the step"),
        // The index
        ("no register", |p| range(p).index = 99, "r99 can't hold the iteration in progress"),
        ("a parameter as the index", |p| range(p).index = 0, "r0 can't hold the iteration in progress"),
        ("the bound as the index", |p| range(p).index = 1, "r1 can't hold the iteration in progress"),
        ("an owned local as the index", |p| range(p).index = 9, "r9 can't hold the iteration in progress"),
        ("a Float as the index", |p| range(p).index = 12, "r12 can't hold the iteration in progress"),
        ("a local that nothing counts", |p| range(p).index = 11, "no `for` counts r11"),
        (
            "another bound",
            |p| {
                with_code(
                    p,
                    1,
                    "mov r10, r0; jle.i r1, r10, 3; ldi r11, 7; stv.x r2, r10, r11, 0; for r10, r0, -3; ret.d",
                )
            },
            "no `for` counts r10 up to its second parameter",
        ),
        (
            "a `for` that leaves the loop",
            |p| {
                with_code(
                    p,
                    1,
                    "mov r10, r0; jle.i r1, r10, 3; ldi r11, 7; stv.x r2, r10, r11, 0; for r10, r1, 0; ret.d",
                )
            },
            "no `for` counts r10 up to its second parameter",
        ),
        // The body
        ("an empty body", |p| range(p).body = (2, 2), "2 to 2 is no loop"),
        ("a body backwards", |p| range(p).body = (5, 2), "5 to 2 is no loop"),
        ("a body beyond the end", |p| range(p).body = (2, 7), "2 to 7 is no loop"),
        ("a body far away", |p| range(p).body = (u32::MAX - 1, u32::MAX), "is no loop of its instructions"),
        ("a body without its `for`", |p| range(p).body = (2, 4), "no `for` counts r10"),
        ("a body that begins too late", |p| range(p).body = (3, 5), "no `for` counts r10"),
        // The parts
        ("a part too few", |p| _ = range(p).per.pop(), "it has 3 parameters after the bounds, but parts of 2"),
        ("a part too many", |p| range(p).per.push(0), "it has 3 parameters after the bounds, but parts of 4"),
        ("no part of what is written", |p| range(p).per[0] = 0, "parameter 2 can't be cut so that an iteration has 0"),
        ("a part of what is read", |p| range(p).per[1] = 1, "parameter 3 can't be cut so that an iteration has 1"),
        ("a part of a scalar", |p| range(p).per[2] = 1, "parameter 4 can't be cut so that an iteration has 1"),
        (
            "something moved in and out",
            |p| with_param(p, 4, Param { ty: TypeId::FLOAT, passing: Passing::Inout }),
            "can't be cut",
        ),
        // The bounds and the result
        (
            "a bound that is no Int",
            |p| {
                with_param(p, 1, Param { ty: TypeId::FLOAT, passing: Passing::In });
                (p.functions[1].registers[1], p.functions[10].registers[1]) = (F, F);
                with_code(p, 1, "ret.d");
            },
            "its parameters don't begin with two bounds",
        ),
        (
            "a bound that is moved in and out",
            |p| with_param(p, 0, Param { ty: INT, passing: Passing::Inout }),
            "its parameters don't begin with two bounds",
        ),
        (
            "no bounds",
            |p| p.functions[5].range = p.functions[1].range.clone(),
            "its parameters don't begin with two bounds",
        ),
        ("a result", |p| p.functions[2].range = p.functions[1].range.clone(), "or it has a result"),
        // The wrapper
        ("no wrapper", |p| range(p).wrapper = 99, "there is no function 99 to call it"),
        ("itself as its wrapper", |p| range(p).wrapper = 1, "`f` can't be called for it"),
        ("a wrapper of other parameters", |p| range(p).wrapper = 2, "`next` can't be called for it"),
        (
            "a wrapper that does not call it",
            |p| with_code(p, 10, "ret"),
            "`wrapper` does not call it, or does something else",
        ),
        (
            "a wrapper that calls something else",
            |p| {
                let again = p.functions[10].clone();
                p.functions.push(again);
                with_code(
                    p,
                    10,
                    "mov w0, r0; mov w1, r1; view w2, r2, r0, 3; view w5, r5, r0, 1; mov w8, r8; call w0, 11; ret",
                );
            },
            "`wrapper` does not call it, or does something else",
        ),
        (
            "a wrapper that calls something else, too",
            |p| {
                with_code(
                    p,
                    10,
                    "mov w0, r0; mov w1, r1; view w2, r2, r0, 3; view w5, r5, r0, 1; mov w8, r8; call w0, 1;
                    mov w1, r0; call w0, 2; ret",
                );
            },
            "`wrapper` does not call it, or does something else",
        ),
        (
            "a wrapper that prints",
            |p| {
                with_code(
                    p,
                    10,
                    "mov w0, r0; mov w1, r1; view w2, r2, r0, 3; view w5, r5, r0, 1; mov w8, r8; call w0, 1;
                    sys w0, 1, 4; ret",
                );
                p.functions[10].effects = Effects::OUTPUT;
            },
            "`wrapper` does not call it, or does something else",
        ),
        // Decisions
        (
            "a decision outside of the loop",
            |p| {
                with_code(
                    p,
                    1,
                    "mov r10, r0; jle.i r1, r10, 3; ldi r11, 7; stv.x r2, r10, r11, 0; for r10, r1, -3; decide 1; ret.d",
                )
            },
            "it is in no loop of a range",
        ),
        ("a decision of no range", |p| with_code(p, 0, "decide 1; ret"), "it is in no loop of a range"),
        (
            "a decision after which there is more",
            |p| {
                with_code(p, 1, DECIDING);
                range(p).body = (2, 6);
                with_code(
                    p,
                    10,
                    "mov w0, r0; mov w1, r1; view w2, r2, r0, 3; view w5, r5, r0, 1; mov w8, r8; call w0, 1;
                    mov w0, r0; mov w1, r1; view w2, r2, r0, 3; view w5, r5, r0, 1; mov w8, r8; call w0, 1; ret",
                );
            },
            "what calls it goes on with it after a decision",
        ),
        (
            "a call past the wrapper",
            |p| {
                let again = p.functions[10].clone();
                p.functions.push(again);
            },
            "a range is called by its wrapper only",
        ),
        // Parts of functions
        ("a part of no function", |p| p.functions[1].part_of = Some(99), "there is no function 99 that it could be"),
        ("a part of itself", |p| p.functions[1].part_of = Some(1), "it is a part of a part"),
        ("a part of a part", |p| p.functions[10].part_of = Some(1), "it is a part of a part"),
    ];
    const DECIDING: &str =
        "mov r10, r0; jle.i r1, r10, 4; ldi r11, 7; stv.x r2, r10, r11, 0; decide 1; for r10, r1, -4; ret.d";
    assert_eq!(verify(with_range()).map(|_| ()), Ok(()));
    let mut decides = with_range();
    with_code(&mut decides, 1, DECIDING);
    range(&mut decides).body = (2, 6);
    assert_eq!(verify(decides).map(|_| ()), Ok(()));
    for &(name, change, because) in refused {
        let mut program = with_range();
        change(&mut program);
        assert_refused(program, because, name);
    }
}

/// The program of [`with_range`], with a main function that makes two arrays and calls the loop.
fn with_unwritten(main: &str) -> Program {
    let mut program = with_range();
    let locals = &[INTS_LOCAL, INTS_LOCAL, I, F];
    let call = "mov w0, r2; mov w1, r2; view w2, r0, r0, 2; view w5, r1, r0, 0; mov w8, r3; call w0, 10";
    let main = main.replace("CALL", call);
    let sketch = Sketch { locals, window: 9, code: &format!("ldi r2, 5; i2f r3, r2; {main}; ret.d"), ..EMPTY };
    program.functions[0] = function(&program.types, "main", sketch);
    program
}

#[test]
fn what_is_not_zeroed_is_written_by_a_range_next() {
    let sound = "new.z r1, r2, 6, 0; new.z r0, r2, 6, 1; CALL";
    assert_eq!(verify(with_unwritten(sound)).map(|_| ()), Ok(()));
    let refused = [
        ("no call", "new.z r1, r2, 6, 0; new.z r0, r2, 6, 1", "no call of a range that writes all elements follows"),
        ("only read", "new.z r0, r2, 6, 0; new.z r1, r2, 6, 1; CALL", "no call of a range that writes"),
        (
            "read before",
            "new.z r1, r2, 6, 0; new.z r0, r2, 6, 1; ld r2, r0, r2; CALL",
            "no call of a range that writes",
        ),
        ("a jump before", "new.z r1, r2, 6, 0; new.z r0, r2, 6, 1; jmp 0; CALL", "no call of a range that writes"),
        ("another bit", "new.z r1, r2, 6, 2", "2 is not allowed as its number"),
        ("a grid", "new.z r1, r2, 8, 0", "8 is not allowed as its number"),
    ];
    for (name, main, because) in refused {
        assert_refused(with_unwritten(main), because, name);
    }
    // Of a file no function runs a range.
    let mut program = with_unwritten(sound);
    assert_eq!(verify(file::read(&file::write(&program)).expect("it was just written")).map(|_| ()), Ok(()));
    program.functions[1].range = None;
    assert_refused(program, "no call of a range that writes", "a call of what runs no range");
}

//! The instruction table: every opcode once, with its operands, which of them it reads and writes, its cost class and
//! its meaning. The interpreter, the disassembler, the verifier, the access sets and the spec's appendix are derived
//! from it or checked against it.
//!
//! An instruction is 64 bits, in one of three layouts (bit 0 is the lowest):
//!
//! ```text
//!   plain    | op 0..8 | X 8..16 | A 16..32 | B 32..48 | C 48..64 |
//!   wide     | op 0..8 | X 8..16 | A 16..32 |     I  32..64       |
//!   packed   | op 0..8 | P 8..22 | Q 22..36 | R 36..50 | S 50..64 |
//! ```
//!
//! A register is the number of a 64-bit slot of the frame. A frame of a function with `n` registers lies so:
//!
//! ```text
//!   header (HEADER slots) | results | parameters | owned locals | other locals |  header of a callee | window …
//!                         ^ register 0                                         ^ n                  ^ n + HEADER
//! ```
//!
//! The *window* is where a call's frame will be: before `call` or `sys` the arguments are put at the callee's registers in
//! it, afterwards its results and `inout` parameters are taken from there. A window register holds something only
//! between its writing and the next `call`, `sys`, jump or jump target.

/// Slots of a frame's header, and so the distance from a function's last register to its window.
pub const HEADER: usize = 8;
/// A function has fewer registers than this, window included, so that four fit into a packed instruction.
pub const MAX_REGISTERS: usize = 1 << 14;

/// Where in the instruction an operand stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// Bits 8–15.
    X,
    /// Bits 16–31.
    A,
    /// Bits 32–47.
    B,
    /// Bits 48–63.
    C,
    /// Bits 32–63, signed.
    I,
    /// Bits 8–21.
    P,
    /// Bits 22–35.
    Q,
    /// Bits 36–49.
    R,
    /// Bits 50–63.
    S,
}

/// What the instruction does with an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Writes the register. (An owned value that was there is dropped.)
    Def,
    /// Reads it.
    Use,
    /// Reads and writes it.
    Modify,
    /// Reads it and leaves it moved out.
    Take,
    /// A number in the instruction itself. In B or C it is signed, in X not.
    Immediate,
    /// A jump's distance from the next instruction, signed; in C or I.
    Jump,
    /// Index of a function.
    Function,
    /// Index into the program's words.
    Word,
    /// Index into the program's constant values.
    Value,
    /// Index of a type.
    Type,
    /// Index of a built-in.
    Builtin,
}

/// What a register operand must hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Not a register.
    None,
    /// An Int.
    Int,
    /// A Float.
    Float,
    /// A Bool.
    Bool,
    /// An Int or a Bool; all such operands of an instruction are the same.
    Discrete,
    /// An Int, Float or Bool; all such operands of an instruction are the same.
    Scalar,
    /// Two Ints in registers side by side.
    Int2,
    /// Three.
    Int3,
    /// Four.
    Int4,
    /// An owned Str, array or grid; all `Own` and `Held` operands of an instruction have one type.
    Own,
    /// An owned array.
    OwnArray,
    /// An owned grid.
    OwnGrid,
    /// An owned array or grid.
    OwnElements,
    /// An owned or borrowed Str, array or grid.
    Held,
    /// An owned or borrowed Str.
    HeldStr,
    /// An owned or borrowed array or grid.
    HeldElements,
    /// An owned or borrowed grid.
    HeldGrid,
    /// A view of an array: three registers (data, length, buffer).
    View,
    /// A view of an array whose elements may be written.
    ViewMut,
    /// A view of a grid: five registers (data, rows, columns, row stride, buffer).
    GridView,
    /// A view of a grid whose elements may be written.
    GridViewMut,
    /// A view of an array or a grid.
    AnyView,
    /// `Held`, `View` or `GridView`, as the flags in X tell.
    Viewed,
    /// A window register, written as what a parameter is: borrowed, or a view.
    Staged,
    /// A scalar slot of the element of the instruction's array, grid or view: slot X where the opcode has X, else the only one.
    Element,
    /// A Str, array or grid slot of the element; owned in the register.
    ElementRef,
    /// All slots of an element, side by side; the owned ones are moved out if the role is `Take`.
    ElementAll,
}

/// Elements that an instruction touches besides registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Region {
    /// None.
    None,
    /// Reads one element: the container, its index (two registers from there, for `packed` both).
    Read(Field, Field),
    /// Writes one element.
    Write(Field, Field),
    /// Reads the length or the shape.
    Length(Field),
    /// Reads the whole.
    Whole(Field),
    /// Writes the whole, its length too.
    Replace(Field),
    /// What the callee's parameters say, over what the window holds.
    Call,
}

/// What an instruction costs, for the simulator's clock and for deciding what is worth handing over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cost {
    /// About a nanosecond.
    Scalar,
    /// A load or store, or a few scalars' worth.
    Memory,
    /// Counting, allocating, or a frame.
    Heavy,
    /// Grows with the data.
    Data,
}

/// One operand of an opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operand {
    /// Where it stands.
    pub field: Field,
    /// What is done with it.
    pub role: Role,
    /// What it must hold.
    pub kind: Kind,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// As `tgvm dis` prints it.
    pub name: &'static str,
    /// Its operands, in the order of printing.
    pub operands: &'static [Operand],
    /// The field of the distance that it may jump: its last operand's, if that is one.
    pub jump: Option<Field>,
    /// The elements it touches.
    pub region: Region,
    /// What it costs.
    pub cost: Cost,
    /// What it does.
    pub doc: &'static str,
}

const fn jump(operands: &[(Field, Role)]) -> Option<Field> {
    match operands {
        [.., (field, Role::Jump)] => Some(*field),
        _ => None,
    }
}

macro_rules! region {
    () => { Region::None };
    ($kind:ident) => { Region::$kind };
    ($kind:ident $($field:ident)+) => { Region::$kind($(Field::$field),+) };
}

macro_rules! ops {
    ($( $op:ident $name:literal [$($field:ident $role:ident $kind:ident),*] {$($region:ident)*} $cost:ident $doc:literal; )*) => {
        /// An opcode.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Op {
            $(#[doc = $doc] $op),*
        }
        /// All opcodes; the index is the opcode's number.
        pub const OPS: &[Op] = &[$(Op::$op),*];
        /// The table.
        pub const TABLE: &[OpInfo] = &[$(OpInfo {
            name: $name,
            operands: &[$(Operand { field: Field::$field, role: Role::$role, kind: Kind::$kind }),*],
            jump: jump(&[$((Field::$field, Role::$role)),*]),
            region: region!($($region)*),
            cost: Cost::$cost,
            doc: $doc,
        }),*];
    };
}

ops! {
    // The machine's own: never in a program.
    Complete  "complete" [] {} Scalar "the root frame is done";
    Bridge    "bridge"   [] {} Heavy "the callee was the first of its segment: its results go back to the caller's window";

    // Constants and moves
    LoadInt   "ldi"   [A Def Int, I Immediate None] {} Scalar "A = I";
    LoadBool  "ldb"   [A Def Bool, I Immediate None] {} Scalar "A = I (0 or 1)";
    LoadWordI "ldk.i" [A Def Int, I Word None] {} Scalar "A = word I, an Int";
    LoadWordF "ldk.f" [A Def Float, I Word None] {} Scalar "A = word I, a Float";
    LoadValue "ldv"   [A Def Own, I Value None] {} Memory "A = constant value I, shared";
    Move      "mov"   [A Def Scalar, B Use Scalar] {} Scalar "A = B";
    MoveRef   "mov.r" [A Def Own, B Take Own] {} Memory "A = B, moved";
    Share     "share" [A Def Own, B Use Held] {Whole B} Memory "A = B, shared until one is written";
    Drop      "drop"  [A Take Own] {} Memory "lets A go";
    Borrow    "bor"   [A Def Staged, B Use Held] {} Scalar "window A = B, borrowed for the call";
    View      "view"  [A Def Staged, B Use Viewed, C Use Int2, X Immediate None] {Length B} Memory "window A, A+1, A+2 = a view of array B. X: 1 if B is a view, +2 to write through it (an owned B is made unique), +4 for elements C to C+1 only (traps if there are no such)";
    GridView  "gview" [A Def Staged, B Use Viewed, C Use Int4, X Immediate None] {Length B} Memory "window A…A+4 = a view of grid B; X as for `view`, with rows C to C+1 and columns C+2 to C+3, or, +8, column C+2 alone (traps if there is none)";
    RowView   "rview" [A Def Staged, B Use Viewed, C Use Int3, X Immediate None] {Length B} Memory "window A, A+1, A+2 = a view of row C of grid B as an array, columns C+1 to C+2; X as for `view`, its 4 always set";
    Own       "own"   [A Def Own, B Use AnyView] {Whole B} Data "A = the elements of view B (a parameter or in the window): shared if it covers its buffer, else copied";

    // Int
    AddI  "add.i"  [A Def Int, B Use Int, C Use Int] {} Scalar "A = B + C; traps on overflow";
    SubI  "sub.i"  [A Def Int, B Use Int, C Use Int] {} Scalar "A = B - C; traps on overflow";
    MulI  "mul.i"  [A Def Int, B Use Int, C Use Int] {} Scalar "A = B * C; traps on overflow";
    DivI  "div.i"  [A Def Int, B Use Int, C Use Int] {} Scalar "A = B / C, towards zero; traps on zero and overflow";
    RemI  "rem.i"  [A Def Int, B Use Int, C Use Int] {} Scalar "A = B % C, with the sign of B; traps on zero and overflow";
    NegI  "neg.i"  [A Def Int, B Use Int] {} Scalar "A = -B; traps on overflow";
    AddW  "add.w"  [A Def Int, B Use Int, C Use Int] {} Scalar "A = B + C, wrapping";
    SubW  "sub.w"  [A Def Int, B Use Int, C Use Int] {} Scalar "A = B - C, wrapping";
    MulW  "mul.w"  [A Def Int, B Use Int, C Use Int] {} Scalar "A = B * C, wrapping";
    And   "and"    [A Def Int, B Use Int, C Use Int] {} Scalar "A = B & C";
    Or    "or"     [A Def Int, B Use Int, C Use Int] {} Scalar "A = B | C";
    Xor   "xor"    [A Def Int, B Use Int, C Use Int] {} Scalar "A = B ^ C";
    Not   "not"    [A Def Int, B Use Int] {} Scalar "A = ~B";
    Shl   "shl"    [A Def Int, B Use Int, C Use Int] {} Scalar "A = B << C; traps unless C is 0 to 63";
    Shr   "shr"    [A Def Int, B Use Int, C Use Int] {} Scalar "A = B >> C, arithmetic; traps unless C is 0 to 63";
    AddImm "addi"  [A Def Int, B Use Int, C Immediate None] {} Scalar "A = B + C; traps on overflow";
    MulImm "muli"  [A Def Int, B Use Int, C Immediate None] {} Scalar "A = B * C; traps on overflow";
    DivImm "divi"  [A Def Int, B Use Int, C Immediate None] {} Scalar "A = B / C; C is not 0 or -1";
    RemImm "remi"  [A Def Int, B Use Int, C Immediate None] {} Scalar "A = B % C; C is not 0 or -1";
    DivPow "divp"  [A Def Int, B Use Int, C Immediate None] {} Scalar "A = B / 2^C, towards zero; C is 1 to 62";
    RemPow "remp"  [A Def Int, B Use Int, C Immediate None] {} Scalar "A = B % 2^C, with the sign of B; C is 1 to 62";
    AndImm "andi"  [A Def Int, B Use Int, C Immediate None] {} Scalar "A = B & C";
    ShlImm "shli"  [A Def Int, B Use Int, C Immediate None] {} Scalar "A = B << C; C is 0 to 63";
    ShrImm "shri"  [A Def Int, B Use Int, C Immediate None] {} Scalar "A = B >> C, arithmetic; C is 0 to 63";
    AbsI  "abs.i"  [A Def Int, B Use Int] {} Scalar "A = |B|; traps on overflow";
    MinI  "min.i"  [A Def Int, B Use Int, C Use Int] {} Scalar "A = the lesser";
    MaxI  "max.i"  [A Def Int, B Use Int, C Use Int] {} Scalar "A = the greater";
    LtI   "lt.i"   [A Def Bool, B Use Discrete, C Use Discrete] {} Scalar "A = B < C";
    LeI   "le.i"   [A Def Bool, B Use Discrete, C Use Discrete] {} Scalar "A = B <= C";
    EqI   "eq.i"   [A Def Bool, B Use Discrete, C Use Discrete] {} Scalar "A = B == C";
    NeI   "ne.i"   [A Def Bool, B Use Discrete, C Use Discrete] {} Scalar "A = B != C";
    NotB  "not.b"  [A Def Bool, B Use Bool] {} Scalar "A = !B";

    // Float
    AddF  "add.f"  [A Def Float, B Use Float, C Use Float] {} Scalar "A = B + C";
    SubF  "sub.f"  [A Def Float, B Use Float, C Use Float] {} Scalar "A = B - C";
    MulF  "mul.f"  [A Def Float, B Use Float, C Use Float] {} Scalar "A = B * C";
    MulAdd "mad.f" [P Def Float, Q Use Float, R Use Float, S Use Float] {} Scalar "P = Q + R * S, rounded twice";
    MulSub "msb.f" [P Def Float, Q Use Float, R Use Float, S Use Float] {} Scalar "P = Q - R * S, rounded twice";
    DivF  "div.f"  [A Def Float, B Use Float, C Use Float] {} Scalar "A = B / C";
    RemF  "rem.f"  [A Def Float, B Use Float, C Use Float] {} Scalar "A = B % C, as C's fmod";
    NegF  "neg.f"  [A Def Float, B Use Float] {} Scalar "A = -B";
    AbsF  "abs.f"  [A Def Float, B Use Float] {} Scalar "A = |B|";
    MinF  "min.f"  [A Def Float, B Use Float, C Use Float] {} Scalar "A = the lesser by total order";
    MaxF  "max.f"  [A Def Float, B Use Float, C Use Float] {} Scalar "A = the greater by total order";
    Sqrt  "sqrt"   [A Def Float, B Use Float] {} Scalar "A = the square root of B";
    Floor "floor"  [A Def Float, B Use Float] {} Scalar "A = B rounded down";
    Ceil  "ceil"   [A Def Float, B Use Float] {} Scalar "A = B rounded up";
    LtF   "lt.f"   [A Def Bool, B Use Float, C Use Float] {} Scalar "A = B < C";
    LeF   "le.f"   [A Def Bool, B Use Float, C Use Float] {} Scalar "A = B <= C";
    EqF   "eq.f"   [A Def Bool, B Use Float, C Use Float] {} Scalar "A = B == C";
    NeF   "ne.f"   [A Def Bool, B Use Float, C Use Float] {} Scalar "A = B != C";

    // Conversions
    IntToFloat "i2f" [A Def Float, B Use Int] {} Scalar "A = B, rounded to nearest";
    FloatToInt "f2i" [A Def Int, B Use Float] {} Scalar "A = B rounded towards zero; traps if it does not fit";
    BoolToInt  "b2i" [A Def Int, B Use Bool] {} Scalar "A = 0 or 1";

    // Str and buffers as a whole
    Compare "cmp"   [A Def Bool, B Use Held, C Use Held, X Immediate None] {} Data "A = whether B and C are so related: X is 0 `==`, 1 `!=`, 2 `<`, 3 `<=`, 4 `<` by total order";
    Cat     "cat"   [A Modify Own, B Use Held] {Replace A} Data "A = A + B (Str or array), in place if A is unique";
    LoadByte "ld.s" [A Def Int, B Use HeldStr, C Use Int] {Read B C} Memory "A = byte C of Str B; traps if there is none";
    SliceStr "slice.s" [A Def Own, B Use HeldStr, C Use Int2] {Whole B} Data "A = bytes C to C+1 of Str B; traps if there are no such or they split a character";
    NewArray "new"  [A Def OwnArray, B Use Int, C Type None] {} Heavy "A = an empty array of type C with room for B elements; traps if B is negative";
    NewZeros "new.z" [A Def OwnArray, B Use Int, C Type None, X Immediate None] {} Data "A = an array of type C with B elements, zeros; traps if B is negative. X 1: the call that follows runs a loop of which each iteration writes one of them, so that they are not zeroed; never in a file";
    NewGrid  "new.g" [A Def OwnGrid, B Use Int2, C Type None] {} Data "A = a grid of type C with B rows and B+1 columns, zeros; traps if one is negative";
    Fill     "fill" [A Modify OwnArray, B Use Int, C Use ElementAll] {Replace A} Data "adds B copies of the value at C… to array A; traps if B is negative";
    FillGrid "fill.g" [A Modify OwnGrid, B Use ElementAll] {Replace A} Data "sets every element of grid A to the value at B…";
    Push     "push" [A Modify OwnArray, B Take ElementAll] {Replace A} Memory "adds the value at B… to array A";
    Len      "len"  [A Def Int, B Use Held] {Length B} Memory "A = the length of B (Str: bytes; grid: rows times columns)";
    Dim      "dim"  [A Def Int, B Use HeldGrid, X Immediate None] {Length B} Memory "A = rows (X 0) or columns (X 1) of grid B";
    LenV     "len.v" [A Def Int, B Use View] {Length B} Scalar "A = the length of view B";
    DimV     "dim.v" [A Def Int, B Use GridView, X Immediate None] {Length B} Scalar "A = rows (X 0) or columns (X 1) of view B, or their product (2)";

    // Elements. An index outside traps. A write makes its array unique first.
    Load    "ld"    [A Def Element, B Use HeldElements, C Use Int] {Read B C} Memory "A = B[C], elements of one slot";
    LoadF   "ld.x"  [A Def Element, B Use HeldElements, C Use Int, X Immediate None] {Read B C} Memory "A = slot X of B[C]; a grid is indexed row by row";
    LoadR   "ld.r"  [A Def ElementRef, B Use HeldElements, C Use Int, X Immediate None] {Read B C} Memory "A = slot X of B[C], shared";
    Store   "st"    [A Modify OwnElements, B Use Int, C Use Element] {Write A B} Memory "A[B] = C, elements of one slot";
    StoreF  "st.x"  [A Modify OwnElements, B Use Int, C Use Element, X Immediate None] {Write A B} Memory "slot X of A[B] = C";
    StoreR  "st.r"  [A Modify OwnElements, B Use Int, C Take ElementRef, X Immediate None] {Write A B} Memory "slot X of A[B] = C, moved";
    TakeR   "take"  [A Def ElementRef, B Modify OwnElements, C Use Int, X Immediate None] {Write B C} Memory "A = slot X of B[C], moved; what is left there counts as empty";
    LoadV   "ldv.1" [A Def Element, B Use View, C Use Int] {Read B C} Memory "A = B[C], elements of one slot";
    LoadVF  "ldv.x" [A Def Element, B Use View, C Use Int, X Immediate None] {Read B C} Memory "A = slot X of B[C]";
    LoadVR  "ldv.r" [A Def ElementRef, B Use View, C Use Int, X Immediate None] {Read B C} Memory "A = slot X of B[C], shared";
    StoreV  "stv.1" [A Use ViewMut, B Use Int, C Use Element] {Write A B} Memory "A[B] = C, elements of one slot";
    StoreVF "stv.x" [A Use ViewMut, B Use Int, C Use Element, X Immediate None] {Write A B} Memory "slot X of A[B] = C";
    StoreVR "stv.r" [A Use ViewMut, B Use Int, C Take ElementRef, X Immediate None] {Write A B} Memory "slot X of A[B] = C, moved";
    TakeV   "takev" [A Def ElementRef, B Use ViewMut, C Use Int, X Immediate None] {Write B C} Memory "A = slot X of B[C], moved; what is left there counts as empty";
    LoadG   "ldg"   [P Def Element, Q Use HeldGrid, R Use Int, S Use Int] {Read Q R} Memory "P = Q[R, S], elements of one slot";
    StoreG  "stg"   [P Modify OwnGrid, Q Use Int, R Use Int, S Use Element] {Write P Q} Memory "P[Q, R] = S, elements of one slot";
    LoadGV  "ldgv"  [P Def Element, Q Use GridView, R Use Int, S Use Int] {Read Q R} Memory "P = Q[R, S], elements of one slot";
    StoreGV "stgv"  [P Use GridViewMut, Q Use Int, R Use Int, S Use Element] {Write P Q} Memory "P[Q, R] = S, elements of one slot";
    Index2  "idx"   [A Def Int, B Use HeldGrid, C Use Int2] {Length B} Memory "A = the row-by-row index of element C, C+1 of grid B; traps if there is none";
    Index2V "idx.v" [A Def Int, B Use GridView, C Use Int2] {Length B} Memory "A = the row-by-row index of element C, C+1 of view B; traps if there is none";
    LoadGVF "ldgv.x" [A Def Element, B Use GridView, C Use Int, X Immediate None] {Read B C} Memory "A = slot X of the element of row-by-row index C";
    LoadGVR "ldgv.r" [A Def ElementRef, B Use GridView, C Use Int, X Immediate None] {Read B C} Memory "A = slot X of the element of row-by-row index C, shared";
    StoreGVF "stgv.x" [A Use GridViewMut, B Use Int, C Use Element, X Immediate None] {Write A B} Memory "slot X of the element of row-by-row index B = C";
    StoreGVR "stgv.r" [A Use GridViewMut, B Use Int, C Take ElementRef, X Immediate None] {Write A B} Memory "slot X of the element of row-by-row index B = C, moved";
    TakeGV  "takegv" [A Def ElementRef, B Use GridViewMut, C Use Int, X Immediate None] {Write B C} Memory "A = slot X of the element of row-by-row index C, moved";

    // Reductions
    Acc     "acc"   [A Modify Int2, B Use Int] {} Scalar "the 128-bit number A (low), A+1 (high) += B";
    Prod    "prod"  [A Modify Int2, B Use Int] {} Scalar "A *= B, wrapping; A+1 = -1 if that overflowed";
    AccEnd  "acc.e" [A Def Int, B Use Int2] {} Scalar "A = the 128-bit number B, B+1; traps if it does not fit";
    Fold    "fold"  [A Modify OwnArray, B Use Element, C Use Int, X Immediate None] {Replace A} Heavy "adds block result B with block number C to the tree in A; X is 0 sum of Float, 1 product of Float, 2 product of Int, where a number ~C says that the block overflowed";
    FoldEnd "fold.e" [A Def Element, B Modify OwnArray, X Immediate None] {Replace B} Heavy "A = the root of the tree in B; X as for `fold`; traps if a node of a product of Int overflowed";

    // Control. A taken jump polls.
    Jump    "jmp"   [I Jump None] {} Scalar "goes on at I";
    JumpIf  "jt"    [A Use Bool, I Jump None] {} Scalar "goes on at I if A";
    JumpNot "jf"    [A Use Bool, I Jump None] {} Scalar "goes on at I unless A";
    JumpLtI "jlt.i" [A Use Discrete, B Use Discrete, C Jump None] {} Scalar "goes on at C if A < B";
    JumpLeI "jle.i" [A Use Discrete, B Use Discrete, C Jump None] {} Scalar "goes on at C if A <= B";
    JumpEqI "jeq.i" [A Use Discrete, B Use Discrete, C Jump None] {} Scalar "goes on at C if A == B";
    JumpNeI "jne.i" [A Use Discrete, B Use Discrete, C Jump None] {} Scalar "goes on at C if A != B";
    JumpLtK "jlt.k" [A Use Int, B Immediate None, C Jump None] {} Scalar "goes on at C if A < B";
    JumpLeK "jle.k" [A Use Int, B Immediate None, C Jump None] {} Scalar "goes on at C if A <= B";
    JumpGtK "jgt.k" [A Use Int, B Immediate None, C Jump None] {} Scalar "goes on at C if A > B";
    JumpGeK "jge.k" [A Use Int, B Immediate None, C Jump None] {} Scalar "goes on at C if A >= B";
    JumpEqK "jeq.k" [A Use Int, B Immediate None, C Jump None] {} Scalar "goes on at C if A == B";
    JumpNeK "jne.k" [A Use Int, B Immediate None, C Jump None] {} Scalar "goes on at C if A != B";
    JumpLtF "jlt.f" [A Use Float, B Use Float, C Jump None] {} Scalar "goes on at C if A < B";
    JumpLeF "jle.f" [A Use Float, B Use Float, C Jump None] {} Scalar "goes on at C if A <= B";
    JumpEqF "jeq.f" [A Use Float, B Use Float, C Jump None] {} Scalar "goes on at C if A == B";
    JumpNeF "jne.f" [A Use Float, B Use Float, C Jump None] {} Scalar "goes on at C if A != B";
    JumpNotLtF "jnlt.f" [A Use Float, B Use Float, C Jump None] {} Scalar "goes on at C unless A < B";
    JumpNotLeF "jnle.f" [A Use Float, B Use Float, C Jump None] {} Scalar "goes on at C unless A <= B";
    For     "for"   [A Modify Int, B Use Int, C Jump None] {} Scalar "A += 1, wrapping; goes on at C if A < B";
    ForStep "for.s" [A Modify Int, B Use Int2, C Jump None] {} Scalar "A += B+1; goes on at C if that did not overflow and A has not reached B";
    ForTest "for.t" [A Use Int, B Use Int2, C Jump None] {} Scalar "goes on at C if a loop from A to B by B+1 has no turn; traps if B+1 is 0";

    // Calls
    Call    "call"  [A Immediate None, I Function None] {Call} Heavy "calls function I, whose frame's register 0 is A, the first window register";
    Sys     "sys"   [A Immediate None, B Builtin None, C Type None] {Call} Heavy "calls built-in B with `T` or `N` being type C; results and arguments are in the window from A on as for `call`";
    Return  "ret"   [] {} Heavy "returns; the results are in the first registers. Not in a function with owned locals";
    ReturnValue "ret.v" [A Use Scalar] {} Heavy "register 0 = A, and returns. Not in a function with owned locals";
    ReturnDrop "ret.d" [] {} Heavy "drops the owned locals and returns";
    Host    "host"  [] {} Heavy "calls the host's function that this function stands for, on its registers, and returns. The only instruction of its function";
    Decide  "decide" [X Immediate None] {} Heavy "X 1, in a function that runs iterations of a loop: those that come after the one in progress are not to be run, or to leave nothing behind where they have been begun; never in a file. X 0: nothing";
    Trap    "trap"  [X Immediate None] {} Scalar "traps with code X";
}

impl Op {
    /// Its row of the table.
    pub fn info(self) -> &'static OpInfo {
        &TABLE[self as usize]
    }
}

/// One instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Instr(pub u64);

impl Instr {
    /// A plain instruction.
    pub fn abc(op: Op, a: u16, b: u16, c: u16) -> Instr {
        Instr::xabc(op, 0, a, b, c)
    }

    /// A plain instruction with X.
    pub fn xabc(op: Op, x: u8, a: u16, b: u16, c: u16) -> Instr {
        Instr(op as u64 | u64::from(x) << 8 | u64::from(a) << 16 | u64::from(b) << 32 | u64::from(c) << 48)
    }

    /// A wide instruction.
    pub fn ai(op: Op, a: u16, i: i32) -> Instr {
        Instr(op as u64 | u64::from(a) << 16 | u64::from(i as u32) << 32)
    }

    /// A packed instruction; each operand is below [`MAX_REGISTERS`].
    pub fn packed(op: Op, p: u16, q: u16, r: u16, s: u16) -> Instr {
        Instr(op as u64 | u64::from(p) << 8 | u64::from(q) << 22 | u64::from(r) << 36 | u64::from(s) << 50)
    }

    /// Its opcode, if its number is one.
    pub fn op(self) -> Option<Op> {
        OPS.get(self.0 as u8 as usize).copied()
    }

    /// An operand, not sign-extended.
    pub fn get(self, field: Field) -> u32 {
        (match field {
            Field::X => self.0 >> 8 & 0xff,
            Field::A => self.0 >> 16 & 0xffff,
            Field::B => self.0 >> 32 & 0xffff,
            Field::C => self.0 >> 48,
            Field::I => self.0 >> 32,
            Field::P => self.0 >> 8 & 0x3fff,
            Field::Q => self.0 >> 22 & 0x3fff,
            Field::R => self.0 >> 36 & 0x3fff,
            Field::S => self.0 >> 50,
        }) as u32
    }

    /// An immediate or a jump, sign-extended where the field is signed (B, C, I).
    pub fn signed(self, field: Field) -> i64 {
        match field {
            Field::B | Field::C => i64::from(self.get(field) as u16 as i16),
            Field::I => i64::from(self.get(field) as i32),
            _ => i64::from(self.get(field)),
        }
    }
}

impl std::fmt::Debug for Instr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.op() {
            Some(op) => write!(f, "{} {:#018x}", op.info().name, self.0),
            None => write!(f, "{:#018x}", self.0),
        }
    }
}

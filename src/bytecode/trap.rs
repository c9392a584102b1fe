//! The trap codes: the one table that the machine, the built-ins, the messages and the spec share.

/// Why a program trapped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum TrapCode {
    Overflow = 1,
    DivisionByZero = 2,
    ShiftAmount = 3,
    IndexOutOfBounds = 4,
    SliceOutOfBounds = 5,
    SplitCharacter = 6,
    LengthMismatch = 7,
    OverlappingArguments = 8,
    RecursionTooDeep = 9,
    AssertionFailed = 10,
    Panic = 11,
    NotANumber = 12,
    Conversion = 13,
    InvalidArgument = 14,
    Empty = 15,
    File = 16,
    InvalidText = 17,
    StepIsZero = 18,
    NotPermitted = 19,
    HostPanicked = 20,
    HostFailed = 21,
}

impl TrapCode {
    /// All of them, in order.
    pub const ALL: [TrapCode; 21] = {
        use TrapCode::*;
        [
            Overflow,
            DivisionByZero,
            ShiftAmount,
            IndexOutOfBounds,
            SliceOutOfBounds,
            SplitCharacter,
            LengthMismatch,
            OverlappingArguments,
            RecursionTooDeep,
            AssertionFailed,
            Panic,
            NotANumber,
            Conversion,
            InvalidArgument,
            Empty,
            File,
            InvalidText,
            StepIsZero,
            NotPermitted,
            HostPanicked,
            HostFailed,
        ]
    };

    /// The code of that number.
    pub fn from_number(number: u8) -> Option<TrapCode> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// `T0004`
    pub fn code(self) -> String {
        format!("T{:04}", self as u8)
    }

    /// What happened, in a few words; the machine adds the values concerned.
    pub const fn title(self) -> &'static str {
        use TrapCode::*;
        match self {
            Overflow => "integer overflow",
            DivisionByZero => "division by zero",
            ShiftAmount => "shift amount out of range",
            IndexOutOfBounds => "index out of bounds",
            SliceOutOfBounds => "slice out of bounds",
            SplitCharacter => "a slice splits a character",
            LengthMismatch => "lengths differ in a slice assignment",
            OverlappingArguments => "overlapping arguments",
            RecursionTooDeep => "recursion too deep",
            AssertionFailed => "assertion failed",
            Panic => "panic",
            NotANumber => "not a number",
            Conversion => "conversion out of range",
            InvalidArgument => "invalid argument",
            Empty => "nothing there",
            File => "file error",
            InvalidText => "invalid text",
            StepIsZero => "the step of a range is zero",
            NotPermitted => "not permitted",
            HostPanicked => "a function of the host panicked",
            HostFailed => "a function of the host failed",
        }
    }
}

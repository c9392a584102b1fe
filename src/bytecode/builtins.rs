//! The signatures of the built-in functions: the one table that the checker, the compiler, the verifier, the
//! host's functions and the spec's section 7 are derived from or checked against.

use super::effects::Effects;

/// The type of a parameter or result, with the two type variables `T` (any) and `N` (Int or Float).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// No value.
    Unit,
    /// Does not return.
    Never,
    /// `Int`
    Int,
    /// `Float`
    Float,
    /// `Bool`
    Bool,
    /// `Str`
    Str,
    /// Any type; the same at each place.
    T,
    /// Int or Float; the same at each place.
    N,
    /// `[Int]`
    Ints,
    /// `[Str]`
    Strs,
    /// `[T]`
    ArrayT,
    /// `Grid[T]`
    GridT,
    /// `Grid[Int]`
    GridInt,
    /// The predeclared struct `Rng(seed: Int)`.
    Rng,
}

/// How an argument is passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Read: scalars copied, Str and struct fields borrowed, arrays and grids as views.
    In,
    /// The whole value is moved in and out; arrays may be resized, so no slice fits.
    Inout,
    /// An array or grid whose elements are written and whose length stays: a view, so a slice fits.
    InoutView,
}

/// How a built-in is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lowering {
    /// The compiler has instructions for it.
    Inline,
    /// A `sys` instruction calls the host's function of that index.
    Host,
}

/// One built-in function.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// As it is called. Several may share a name; the first whose parameters fit is taken.
    pub name: &'static str,
    /// Name, mode and type of each parameter.
    pub params: &'static [(&'static str, Mode, Pattern)],
    /// Its result.
    pub result: Pattern,
    /// What it does besides.
    pub effects: Effects,
    /// How it is carried out.
    pub lowering: Lowering,
    /// One line: what it gives, and when it traps.
    pub doc: &'static str,
}

macro_rules! builtins {
    ($( $how:ident $(($effect:ident))? $name:ident ( $($mode:ident $param:ident : $ty:ident),* ) -> $result:ident, $doc:literal; )*) => {
        /// All built-in functions; the index is the operand of `sys`.
        pub const BUILTINS: &[Builtin] = &[$(Builtin {
            name: stringify!($name),
            params: &[$((stringify!($param), Mode::$mode, Pattern::$ty)),*],
            result: Pattern::$result,
            effects: Effects::NONE $(.with(Effects::$effect))?,
            lowering: Lowering::$how,
            doc: $doc,
        }),*];
    };
}

builtins! {
    // Printing
    Host(OUTPUT) print(In x: T) -> Unit, "prints `x` and a newline";
    Host(OUTPUT) print() -> Unit, "prints a newline";
    Host(OUTPUT) write(In x: T) -> Unit, "prints `x` without a newline";
    Host(OUTPUT) eprint(In x: T) -> Unit, "prints `x` and a newline to standard error";
    Host(OUTPUT) ewrite(In x: T) -> Unit, "prints `x` without a newline to standard error";
    // Ending
    Host panic(In message: Str) -> Never, "traps with `message`";
    Host(EXIT) exit(In code: Int) -> Never, "ends the program with that exit code (0 to 255, else it traps)";
    // Int and Float
    Inline abs(In x: N) -> N, "the absolute value; traps for the least Int";
    Inline min(In a: N, In b: N) -> N, "the lesser (Floats by total order)";
    Inline max(In a: N, In b: N) -> N, "the greater (Floats by total order)";
    Inline min(In a: T, In b: T) -> T, "the lesser";
    Inline max(In a: T, In b: T) -> T, "the greater";
    Host clamp(In x: N, In lo: N, In hi: N) -> N, "`x`, but at least `lo` and at most `hi`; traps if `lo > hi`";
    Host sign(In x: Int) -> Int, "-1, 0 or 1";
    Host sign(In x: Float) -> Float, "-1.0, 1.0, or `x` itself if it is a zero or NaN";
    Host pow(In base: Int, In exponent: Int) -> Int, "the power; traps on overflow or a negative exponent";
    Host pow(In base: Float, In exponent: Float) -> Float, "the power";
    Host gcd(In a: Int, In b: Int) -> Int, "the greatest common divisor; traps if it does not fit";
    Host isqrt(In n: Int) -> Int, "the square root, rounded down; traps if `n` is negative";
    Host div_floor(In a: Int, In b: Int) -> Int, "the quotient, rounded down; traps like `/`";
    Host mod_floor(In a: Int, In b: Int) -> Int, "the remainder with the sign of `b`; traps like `%`";
    Inline sqrt(In x: Float) -> Float, "the square root";
    Host cbrt(In x: Float) -> Float, "the cube root";
    Host exp(In x: Float) -> Float, "e to the `x`";
    Host exp2(In x: Float) -> Float, "2 to the `x`";
    Host ln(In x: Float) -> Float, "the natural logarithm";
    Host log2(In x: Float) -> Float, "the logarithm to base 2";
    Host log10(In x: Float) -> Float, "the logarithm to base 10";
    Host sin(In x: Float) -> Float, "the sine, in radians";
    Host cos(In x: Float) -> Float, "the cosine, in radians";
    Host tan(In x: Float) -> Float, "the tangent, in radians";
    Host asin(In x: Float) -> Float, "the arc sine, in radians";
    Host acos(In x: Float) -> Float, "the arc cosine, in radians";
    Host atan(In x: Float) -> Float, "the arc tangent, in radians";
    Host atan2(In y: Float, In x: Float) -> Float, "the angle of the point (x, y), in radians";
    Host sinh(In x: Float) -> Float, "the hyperbolic sine";
    Host cosh(In x: Float) -> Float, "the hyperbolic cosine";
    Host tanh(In x: Float) -> Float, "the hyperbolic tangent";
    Host hypot(In x: Float, In y: Float) -> Float, "the length of the vector (x, y)";
    Inline floor(In x: Float) -> Float, "rounded down";
    Inline ceil(In x: Float) -> Float, "rounded up";
    Host round(In x: Float) -> Float, "rounded to the nearest, halves away from zero";
    Host trunc(In x: Float) -> Float, "rounded towards zero";
    Host is_nan(In x: Float) -> Bool, "whether `x` is NaN";
    Host is_finite(In x: Float) -> Bool, "whether `x` is neither infinite nor NaN";
    Host float_bits(In x: Float) -> Int, "the bits of `x`; those of every NaN are the same";
    Host bits_float(In bits: Int) -> Float, "the Float of these bits";
    // Bits
    Host count_ones(In x: Int) -> Int, "how many bits are 1";
    Host leading_zeros(In x: Int) -> Int, "how many high bits are 0";
    Host trailing_zeros(In x: Int) -> Int, "how many low bits are 0";
    Host rotate_left(In x: Int, In n: Int) -> Int, "the bits rotated by `n` modulo 64";
    Host rotate_right(In x: Int, In n: Int) -> Int, "the bits rotated by `n` modulo 64";
    Host shift_right_logical(In x: Int, In n: Int) -> Int, "shifted right, zeros in; traps unless `n` is 0 to 63";
    // Strings
    Inline len(In s: Str) -> Int, "its length in bytes";
    Host is_empty(In s: Str) -> Bool, "whether its length is 0";
    Host contains(In s: Str, In part: Str) -> Bool, "whether `part` occurs in it";
    Host starts_with(In s: Str, In part: Str) -> Bool, "whether it starts with `part`";
    Host ends_with(In s: Str, In part: Str) -> Bool, "whether it ends with `part`";
    Host find(In s: Str, In part: Str) -> Int, "the byte offset of the first `part`, or -1";
    Host replace(In s: Str, In old: Str, In new: Str) -> Str, "each `old` replaced by `new`; traps if `old` is empty";
    Host upper(In s: Str) -> Str, "in upper case";
    Host lower(In s: Str) -> Str, "in lower case";
    Host trim(In s: Str) -> Str, "without white space at both ends";
    Host trim_start(In s: Str) -> Str, "without white space at the start";
    Host trim_end(In s: Str) -> Str, "without white space at the end";
    Host split(In s: Str, In separator: Str) -> Strs, "the parts between separators; traps if `separator` is empty";
    Host words(In s: Str) -> Strs, "the parts between runs of white space";
    Host lines(In s: Str) -> Strs, "its lines, without their ends";
    Host chars(In s: Str) -> Strs, "its characters, each a Str";
    Host bytes(In s: Str) -> Ints, "its bytes";
    Host codepoints(In s: Str) -> Ints, "the Unicode code points of its characters";
    Host from_bytes(In bytes: Ints) -> Str, "the text of these bytes; traps if they are not UTF-8";
    Host from_codepoints(In points: Ints) -> Str, "the text of these code points; traps if one is not a character";
    Host repeat(In s: Str, In n: Int) -> Str, "`s` `n` times; traps if `n` is negative";
    Host join(In parts: Strs, In separator: Str) -> Str, "the parts with separators between them";
    Host parse_int(In s: Str) -> Int, "the Int written in `s`, white space around it allowed; traps if it is none";
    Host parse_float(In s: Str) -> Float, "the Float written in `s`, white space around it allowed; traps if it is none";
    Host is_int(In s: Str) -> Bool, "whether `parse_int` would take it";
    Host is_float(In s: Str) -> Bool, "whether `parse_float` would take it";
    // Arrays
    Inline len(In xs: ArrayT) -> Int, "how many elements";
    Host is_empty(In xs: ArrayT) -> Bool, "whether there are none";
    Inline push(Inout xs: ArrayT, In x: T) -> Unit, "adds `x` at the end";
    Host pop(Inout xs: ArrayT) -> T, "takes the last element off; traps if there is none";
    Host insert(Inout xs: ArrayT, In at: Int, In x: T) -> Unit, "puts `x` before index `at`; traps unless `at` is 0 to the length";
    Host remove(Inout xs: ArrayT, In at: Int) -> T, "takes the element at `at` out; traps if there is none";
    Host clear(Inout xs: ArrayT) -> Unit, "removes all elements";
    Host truncate(Inout xs: ArrayT, In n: Int) -> Unit, "keeps the first `n` at most; traps if `n` is negative";
    Host resize(Inout xs: ArrayT, In n: Int, In fill: T) -> Unit, "shortens to `n`, or lengthens with `fill`; traps if `n` is negative";
    Host append(Inout xs: ArrayT, In more: ArrayT) -> Unit, "adds the elements of `more` at the end";
    Host swap(InoutView xs: ArrayT, In i: Int, In j: Int) -> Unit, "exchanges two elements; traps if one is not there";
    Host fill(InoutView xs: ArrayT, In x: T) -> Unit, "sets every element to `x`";
    Host reverse(InoutView xs: ArrayT) -> Unit, "puts the elements in the opposite order";
    Host sort(InoutView xs: ArrayT) -> Unit, "sorts, stable, in the order of section 4";
    Host sorted(In xs: ArrayT) -> ArrayT, "a sorted copy";
    Host reversed(In xs: ArrayT) -> ArrayT, "a reversed copy";
    Host concat(In a: ArrayT, In b: ArrayT) -> ArrayT, "the elements of both";
    Host contains(In xs: ArrayT, In x: T) -> Bool, "whether one element equals `x`";
    Host find(In xs: ArrayT, In x: T) -> Int, "the index of the first that equals `x`, or -1";
    // Grids
    Inline len(In g: GridT) -> Int, "rows times columns";
    Inline rows(In g: GridT) -> Int, "how many rows";
    Inline cols(In g: GridT) -> Int, "how many columns";
    Host fill(InoutView g: GridT, In x: T) -> Unit, "sets every element to `x`";
    // Random numbers
    Host next_int(Inout r: Rng, In lo: Int, In hi: Int) -> Int, "the next, at least `lo` and below `hi`; traps if there is none";
    Host next_float(Inout r: Rng) -> Float, "the next, at least 0 and below 1";
    Host shuffle(InoutView xs: ArrayT, Inout r: Rng) -> Unit, "puts the elements in random order";
    Host random_int(In seed: Int, In counter: Int, In lo: Int, In hi: Int) -> Int, "the one of that seed and counter, from `lo` to below `hi`; traps if there is none";
    Host random_float(In seed: Int, In counter: Int) -> Float, "the one of that seed and counter, from 0 to below 1";
    // The world
    Host(ARGS) args() -> Strs, "the program's arguments";
    Host(STDIN) read_line(Inout line: Str) -> Bool, "reads a line of standard input without its end; false at the end of input";
    Host(STDIN) read_lines() -> Strs, "the lines of standard input that are left";
    Host(READ_FILES) read_file(In path: Str) -> Str, "the text of a file; traps if it can't be read or is not UTF-8";
    Host(READ_FILES) file_exists(In path: Str) -> Bool, "whether there is a file or folder";
    Host(WRITE_FILES) write_file(In path: Str, In text: Str) -> Unit, "writes a file, whole or not at all; traps if it can't be written";
    Host(WRITE_FILES) append_file(In path: Str, In text: Str) -> Unit, "adds to the end of a file, made if it is not there; traps if it can't";
    Host(WRITE_FILES) write_png(In path: Str, In image: GridInt) -> Unit, "writes a picture, an Int 0xRRGGBB a pixel; traps if it can't be written";
    Host(CLOCK) clock() -> Float, "seconds of a monotonic clock";
    // What the compiler emits for `Str(x)`, interpolation, comparisons, slice assignment and `assert`
    Host __compare(In a: T, In b: T, In relation: Int) -> Bool, "whether the relation holds: 0 `==`, 1 `!=`, 2 `<`, 3 `<=`, 4 `<` by total order";
    Host __assign(InoutView to: ArrayT, In from: ArrayT) -> Unit, "copies the elements; traps unless the lengths are equal";
    Host __assign(InoutView to: GridT, In from: GridT) -> Unit, "copies the elements; traps unless the shapes are equal";
    Host __assert_failed(In message: Str) -> Never, "traps: assertion failed, with that message";
    Host __index2_failed(In row: Int, In col: Int, In rows: Int, In cols: Int) -> Never, "traps: no such element of a grid";
    Host __append(Inout text: Str, In x: T) -> Unit, "adds `x`, printed, to `text`";
    Host __append_format(Inout text: Str, In x: T, In format: Int) -> Unit, "adds `x`, laid out as the packed format says, to `text`";
}

/// The first built-in of that name whose number of parameters is `arity`, for the compiler's own calls.
pub fn find(name: &str, arity: usize) -> Option<u16> {
    BUILTINS.iter().position(|b| b.name == name && b.params.len() == arity).map(|i| i as u16)
}

/// The constants that are there without a declaration: `PI`, `E`, `INF`, `NAN`, `INT_MIN`, `INT_MAX`.
pub const FLOAT_CONSTANTS: &[(&str, f64)] =
    &[("PI", std::f64::consts::PI), ("E", std::f64::consts::E), ("INF", f64::INFINITY), ("NAN", f64::NAN)];
/// See [`FLOAT_CONSTANTS`].
pub const INT_CONSTANTS: &[(&str, i64)] = &[("INT_MIN", i64::MIN), ("INT_MAX", i64::MAX)];

/// An interpolation's format in one Int: align in bits 0–1 (0 none, 1 left, 2 center, 3 right), zero in bit 2, radix in bits
/// 3–4 (0 none, 1 x, 2 b, 3 e), 1 + width in bits 16–32 (0 none), 1 + precision in bits 34–50 (0 none).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PackedFormat {
    /// 0 none, 1 left, 2 center, 3 right.
    pub align: u8,
    /// Pad with zeros.
    pub zero: bool,
    /// 0 none, 1 hexadecimal, 2 binary, 3 exponent.
    pub radix: u8,
    /// In characters.
    pub width: Option<u32>,
    /// Digits or characters.
    pub precision: Option<u32>,
}

impl PackedFormat {
    /// As the operand of `__append_format`.
    pub fn pack(self) -> i64 {
        let part = |value: Option<u32>| value.map_or(0, |v| i64::from(v) + 1);
        i64::from(self.align)
            | i64::from(self.zero) << 2
            | i64::from(self.radix) << 3
            | part(self.width) << 16
            | part(self.precision) << 34
    }

    /// Back from [`PackedFormat::pack`]; whatever the bits are, the result is a valid format.
    pub fn unpack(bits: i64) -> PackedFormat {
        let part = |shift: u32| (bits >> shift & 0x1_ffff).checked_sub(1).filter(|&v| v >= 0).map(|v| v as u32);
        PackedFormat {
            align: (bits & 3) as u8,
            zero: bits >> 2 & 1 == 1,
            radix: (bits >> 3 & 3) as u8,
            width: part(16),
            precision: part(34),
        }
    }
}

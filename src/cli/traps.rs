//! The explanations of the trap codes, each with a program that traps and one that does not. `tests/cli.rs` runs them.

use crate::bytecode::trap::TrapCode;
use crate::syntax::codes::Code;

macro_rules! traps {
    ($($code:literal $trap:ident $explain:literal $wrong:literal $right:literal)*) => {
        /// All of them, in the order of [`TrapCode::ALL`].
        pub const TRAPS: &[Code] = &[$(Code {
            code: $code,
            title: TrapCode::$trap.title(),
            explain: $explain,
            wrong: $wrong,
            right: $right,
        }),*];
    };
}

traps! {
    "T0001" Overflow
    "The result of an Int operation does not fit into 64 bits. Write `+%`, `-%` or `*%` where wrapping around is \
     meant, as in hashes; use Float where the size matters more than the last digit."
"fn main() {
    var factorial = 1
    for n in 1..30 { factorial *= n }
    print(factorial)
}
"
"fn main() {
    var factorial = 1.0
    for n in 1..30 { factorial *= Float(n) }
    print(factorial)
}
"
    "T0002" DivisionByZero
    "`/`, `%`, `div_floor` and `mod_floor` on Ints have no result when the divisor is 0. (Floats give `inf` or \
     `nan`.)"
"fn mean(xs: [Int]) -> Int { return sum(x for x in xs) / xs.len() }

fn main() { print(mean([])) }
"
"fn mean(xs: [Int]) -> Int {
    if xs.is_empty() { return 0 }
    return sum(x for x in xs) / xs.len()
}

fn main() { print(mean([])) }
"
    "T0003" ShiftAmount
    "`<<`, `>>` and `shift_right_logical` take an amount from 0 to 63."
"fn main() {
    let bits = 64
    print((1 << bits) - 1)
}
"
"fn main() {
    let bits = 64
    let mask = if bits < 63 { (1 << bits) - 1 } else { -1 }
    print(mask)
}
"
    "T0004" IndexOutOfBounds
    "The elements of an array of length n have the indices 0 to n - 1; those of a grid the rows and columns below its \
     own. The same holds for the bytes of a Str."
"fn main() {
    let xs = [3, 1, 2]
    for i in 0..xs.len() + 1 { print(xs[i]) }
}
"
"fn main() {
    let xs = [3, 1, 2]
    for i in 0..xs.len() { print(xs[i]) }
}
"
    "T0005" SliceOutOfBounds
    "In `xs[lo..hi]`, `lo` is at least 0, at most `hi`, and `hi` at most the length."
"fn main() {
    let xs = [1, 2, 3, 4, 5]
    for lo in 0..xs.len() by 2 { print(xs[lo..lo + 2]) }
}
"
"fn main() {
    let xs = [1, 2, 3, 4, 5]
    for lo in 0..xs.len() by 2 { print(xs[lo..min(lo + 2, xs.len())]) }
}
"
    "T0006" SplitCharacter
    "A Str is indexed by bytes, and a character may take up to four. A slice begins and ends between characters: \
     `find` gives such offsets, and `chars` walks the characters."
"fn main() {
    let word = \"éclair\"
    print(word[0..1])
}
"
"fn main() {
    let word = \"éclair\"
    print(word.chars()[0])
}
"
    "T0007" LengthMismatch
    "Assigning to a slice sets its elements and keeps their number, so both sides have one length (grids: one shape). \
     To put in more or fewer, build a new array."
"fn main() {
    var xs = [1, 2, 3, 4]
    xs[0..2] = [7, 8, 9]
    print(xs)
}
"
"fn main() {
    var xs = [1, 2, 3, 4]
    xs = [7, 8, 9] + xs[2..]
    print(xs)
}
"
    "T0008" OverlappingArguments
    "While a call writes a place through `&`, no other argument of the call may be a view of the same elements: what \
     the call does would depend on the order in which it works. Pass slices that don't overlap, or a copy."
"fn add(inout to: [Int], from: [Int]) {
    for i in 0..to.len() { to[i] += from[i] }
}

fn main() {
    var xs = [1, 2, 3, 4]
    let shift = xs[0]
    add(&xs[0..3], xs[shift..shift + 3])
    print(xs)
}
"
"fn add(inout to: [Int], from: [Int]) {
    for i in 0..to.len() { to[i] += from[i] }
}

fn main() {
    var xs = [1, 2, 3, 4]
    let shift = xs[0]
    let before = xs
    add(&xs[0..3], before[shift..shift + 3])
    print(xs)
}
"
    "T0009" RecursionTooDeep
    "Calls are nested more deeply than the limit allows, mostly because a recursion does not end. `--max-depth` \
     raises the limit, which counts 8 bytes a register and 64 a call."
"fn count(n: Int) -> Int { return 1 + count(n - 1) }

fn main() { print(count(10)) }
"
"fn count(n: Int) -> Int {
    if n == 0 { return 0 }
    return 1 + count(n - 1)
}

fn main() { print(count(10)) }
"
    "T0010" AssertionFailed
    "The condition of an `assert` was false: something that the program takes for granted does not hold. A message as \
     the second argument tells what was expected."
"fn main() {
    let parts = \"3;4\".split(\",\")
    assert(parts.len() == 2, \"two numbers expected\")
    print(parts)
}
"
"fn main() {
    let parts = \"3;4\".split(\";\")
    assert(parts.len() == 2, \"two numbers expected\")
    print(parts)
}
"
    "T0011" Panic
    "The program called `panic` with this message, since it could not go on."
"fn day(n: Int) -> Str {
    if n == 0 { return \"Monday\" }
    panic(\"no day {n}\")
}

fn main() { print(day(7)) }
"
"fn day(n: Int) -> Str {
    if n == 0 { return \"Monday\" }
    panic(\"no day {n}\")
}

fn main() { print(day(0)) }
"
    "T0012" NotANumber
    "`parse_int` or `parse_float` was given a text that is no number. `is_int` and `is_float` tell beforehand."
"fn main() {
    for word in \"10 ten\".words() { print(word.parse_int()) }
}
"
"fn main() {
    for word in \"10 ten\".words() {
        if word.is_int() { print(word.parse_int()) } else { print(\"not a number: {word}\") }
    }
}
"
    "T0013" Conversion
    "`Int(x)` takes a Float that, rounded towards zero, is between -9223372036854775808 and 9223372036854775807; NaN \
     and the infinities have no Int."
"fn main() {
    print(Int(1e300))
}
"
"fn main() {
    let x = 1e300
    if x.abs() < 9e18 { print(Int(x)) } else { print(x) }
}
"
    "T0014" InvalidArgument
    "A built-in function was given a value that it does not take; `tgvm help` and its name tell which it does."
"fn main() {
    print(\"-\".repeat(3 - 5))
}
"
"fn main() {
    print(\"-\".repeat(max(0, 3 - 5)))
}
"
    "T0015" Empty
    "There is no least or greatest of no elements, and nothing to take from an empty array."
"fn main() {
    let xs = [4, 8]
    print(max(x for x in xs if x > 10))
}
"
"fn main() {
    let xs = [4, 8]
    let large = [x for x in xs if x > 10]
    if large.is_empty() { print(\"none\") } else { print(max(x for x in large)) }
}
"
    "T0016" File
    "A file could not be read or written; the message says why. `file_exists` tells whether there is one."
"fn main() {
    print(read_file(\"no-such-file.txt\"))
}
"
"fn main() {
    let path = \"no-such-file.txt\"
    if file_exists(path) { print(read_file(path)) } else { print(\"there is no {path}\") }
}
"
    "T0017" InvalidText
    "Bytes that were to become a Str are not UTF-8, or a code point is that of no character."
"fn main() {
    print(from_bytes([104, 105, 255]))
}
"
"fn main() {
    print(from_bytes([104, 105, 33]))
}
"
    "T0018" StepIsZero
    "`lo..hi by step` goes up with a positive step and down with a negative one; with 0 it would never end."
"fn main() {
    let step = 10 / 20
    for i in 0..10 by step { print(i) }
}
"
"fn main() {
    let step = max(1, 10 / 20)
    for i in 0..10 by step { print(i) }
}
"
    "T0019" NotPermitted
    "The program asked for something outside it that whoever runs it has not granted: `tgvm run --sandbox` lets it use no \
     files, no clock and no arguments but what `--allow-read`, `--allow-write`, `--allow-clock` and `--allow-env` add. \
     At the prompt of `tgvm repl`, no statement reads standard input: the prompt does."
"fn main() {
    let start = clock()
    print(sum(i for i in 0..1000))
    eprint(\"{clock() - start:.3} s\")
}
"
"fn main() {
    print(sum(i for i in 0..1000))
}
"
    "T0020" HostPanicked
    "An `extern` function, which is one of the program that embeds the machine, panicked: that is a mistake in it. The message is \
     what it said. Nothing but this call has ended, and what the function would have written may be half written."
"extern fn tenth(xs: [Int]) -> Int       // in the host: |xs: &[i64]| xs[9]

fn main() {
    print(tenth([1, 2, 3]))
}
"
"extern fn tenth(xs: [Int]) -> Int

fn main() {
    let xs = [1, 2, 3]
    if xs.len() > 9 { print(tenth(xs)) } else { print(\"there is none\") }
}
"
    "T0021" HostFailed
    "An `extern` function, which is one of the program that embeds the machine, gave an error instead of a result, or was to answer \
     later and will not. The message is the host's."
"extern fn price(item: Str) -> Float     // in the host: an error if it does not know the item

fn main() {
    print(price(\"phlogiston\"))
}
"
"extern fn is_known(item: Str) -> Bool
extern fn price(item: Str) -> Float

fn main() {
    if is_known(\"phlogiston\") { print(price(\"phlogiston\")) }
}
"
}

//! The error code of this stage, with a wrong and a right program.

use crate::syntax::codes::Code;

/// Structs of 64 and 256 words.
macro_rules! structs {
    () => {
        "struct Eight { a: Int, b: Int, c: Int, d: Int, e: Int, f: Int, g: Int, h: Int }
struct Large { a: Eight, b: Eight, c: Eight, d: Eight, e: Eight, f: Eight, g: Eight, h: Eight }
struct Larger { a: Large, b: Large, c: Large, d: Large }

fn main() {
    let e = Eight(a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8)
    let l = Large(a: e, b: e, c: e, d: e, e: e, f: e, g: e, h: e)
    let x = Larger(a: l, b: l, c: l, d: l)
"
    };
}

/// Eight variables of that size.
macro_rules! eight {
    () => {
        "    let x = x
    let x = x
    let x = x
    let x = x
    let x = x
    let x = x
    let x = x
    let x = x
"
    };
}

/// All of them.
pub const COMPILE: &[Code] = &[Code {
    code: "E0510",
    title: "too many values in one function",
    explain: "The variables and intermediate values of a function take one register a word, and there are 16,384 of them. A \
              large struct takes one for each of its words. Split the function, or keep the values in an array, which \
              takes one register however long it is.",
    wrong: concat!(
        structs!(),
        eight!(),
        eight!(),
        eight!(),
        eight!(),
        eight!(),
        eight!(),
        eight!(),
        eight!(),
        "    print(x.a.a.a)\n}\n"
    ),
    right: concat!(structs!(), "    let xs = [Larger](64, fill: x)\n    print(xs[0].a.a.a)\n}\n"),
}];

//! What each code of this stage means: the source of `tgvm help E0107`. A test holds that every wrong program gives
//! its code and nothing else, and that every right one parses.

/// A code that diagnostics carry, explained.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// `E0107`
    pub code: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// What it means and what to do, in a few sentences.
    pub explain: &'static str,
    /// A small program that gives the code.
    pub wrong: &'static str,
    /// The same program, corrected.
    pub right: &'static str,
}

/// Sixteen times the same text.
macro_rules! sixteen {
    ($text:expr) => {
        concat!(
            $text, $text, $text, $text, $text, $text, $text, $text, $text, $text, $text, $text, $text, $text, $text,
            $text
        )
    };
}

/// The codes of lexing and parsing, in order.
pub const SYNTAX: &[Code] = &[
    Code {
        code: "E0101",
        title: "this is not a program's text",
        explain: "A program is UTF-8 text of less than 4 GiB without NUL bytes. A file with a NUL byte in it is most \
            likely a binary file.",
        wrong: "fn main() {\n    print(\"a\0b\")\n}\n",
        right: "fn main() {\n    print(\"a\\0b\")\n}\n",
    },
    Code {
        code: "E0102",
        title: "a symbol that the language does not have",
        explain: "The symbol is one of another language, or a character that means nothing outside strings and comments. \
            The help says what to write instead, where there is something.",
        wrong: "fn main() {\n    var i = 0\n    i++\n}\n",
        right: "fn main() {\n    var i = 0\n    i += 1\n}\n",
    },
    Code {
        code: "E0103",
        title: "unterminated string",
        explain: "A string begins and ends with `\"` on the same line, and so does each `{…}` in it. A line end in a string \
            is written `\\n`, a brace `\\{`.",
        wrong: "fn main() {\n    print(\"hello)\n}\n",
        right: "fn main() {\n    print(\"hello\")\n}\n",
    },
    Code {
        code: "E0104",
        title: "unknown escape in a string",
        explain: "After a backslash stands one of `n t r 0 \\ \" { }`, or `u{…}` with a character's number in hexadecimal. \
            The backslash itself is written `\\\\`.",
        wrong: "fn main() {\n    print(\"C:\\data\")\n}\n",
        right: "fn main() {\n    print(\"C:\\\\data\")\n}\n",
    },
    Code {
        code: "E0105",
        title: "not a format",
        explain: "In `{value:format}` the format is `[<|^|>][0][width][.precision][x|b|e]`: where padding goes, zeros for \
            padding, the least width, digits after the point, and the notation.",
        wrong: "fn main() {\n    print(\"{1.5:.2f}\")\n}\n",
        right: "fn main() {\n    print(\"{1.5:.2}\")\n}\n",
    },
    Code {
        code: "E0106",
        title: "a number that is too large",
        explain: "An Int goes from -9223372036854775808 to 9223372036854775807, a Float up to about 1.8e308.",
        wrong: "fn main() {\n    print(9999999999999999999)\n}\n",
        right: "fn main() {\n    print(9999999999999999999.0)\n}\n",
    },
    Code {
        code: "E0107",
        title: "not a number",
        explain: "Numbers are written `42`, `1_000_000`, `0xff`, `0b1010`, `0o17`, `1.0`, `2.5e-3`. A `_` stands between \
            digits, and digits stand on both sides of the point. A name does not begin with a digit.",
        wrong: "fn main() {\n    print(.5)\n}\n",
        right: "fn main() {\n    print(0.5)\n}\n",
    },
    Code {
        code: "E0108",
        title: "nested too deeply",
        explain: "Brackets, blocks and prefix operators nest to 256 levels. Sums, calls of methods one after the other \
            and `else if` may be as long as you like. Put the inner part into a variable or a function of its own.",
        wrong: concat!("fn main() {\n    print(", sixteen!(sixteen!("(")), "1", sixteen!(sixteen!(")")), ")\n}\n"),
        right: "fn main() {\n    print((1))\n}\n",
    },
    Code {
        code: "E0109",
        title: "a block comment",
        explain: "Comments run from `//` to the end of the line; there are no others.",
        wrong: "fn main() {\n    /* says hello */\n    print(\"hello\")\n}\n",
        right: "fn main() {\n    // says hello\n    print(\"hello\")\n}\n",
    },
    Code {
        code: "E0110",
        title: "a bracket that is never closed",
        explain: "Each `(`, `[` and `{` needs its counterpart. Where a `}` is missing, the `{` shown is the one whose \
            block does not end where its indentation says.",
        wrong: "fn main() {\n    print(\"hello\"\n}\n",
        right: "fn main() {\n    print(\"hello\")\n}\n",
    },
    Code {
        code: "E0111",
        title: "a bracket that closes nothing",
        explain: "A `)`, `]` or `}` closes the bracket of its own kind that was opened last. Either this one is too many, \
            or an earlier one is of the wrong kind or in the wrong place.",
        wrong: "fn main() {\n    print(\"hello\"))\n}\n",
        right: "fn main() {\n    print(\"hello\")\n}\n",
    },
    Code {
        code: "E0112",
        title: "something else was expected here",
        explain: "The text up to here could be the beginning of a program, but not together with what follows. The message \
            says what would fit.",
        wrong: "fn main() {\n    let = 1\n}\n",
        right: "fn main() {\n    let x = 1\n    print(x)\n}\n",
    },
    Code {
        code: "E0113",
        title: "a statement outside a function",
        explain: "At the top level stand functions, tasks, structs and constants. Statements stand inside a function; a \
            program starts in `fn main()`. Only the first such statement is reported.",
        wrong: "print(\"hello\")\n",
        right: "fn main() {\n    print(\"hello\")\n}\n",
    },
    Code {
        code: "E0114",
        title: "an `else` without its `if` before it",
        explain: "A line end after `}` ends the statement, so `else` stands on the line of the `}` before it: `} else {`.",
        wrong: "fn main() {\n    if true {\n        print(1)\n    }\n    else {\n        print(2)\n    }\n}\n",
        right: "fn main() {\n    if true {\n        print(1)\n    } else {\n        print(2)\n    }\n}\n",
    },
    Code {
        code: "E0115",
        title: "a `{` is missing",
        explain: "The body of a function, of `if`, `else`, `while` and `for` stands in braces, also if it is one statement. \
            Its `{` stands on the same line as what it belongs to, since a line end ends the statement.",
        wrong: "fn main()\n{\n    print(\"hello\")\n}\n",
        right: "fn main() {\n    print(\"hello\")\n}\n",
    },
    Code {
        code: "E0116",
        title: "a reserved word",
        explain: "A keyword can't be a name; neither can `enum`, `match` and `use`, which are kept for later versions of the language.",
        wrong: "fn main() {\n    let match = 1\n}\n",
        right: "fn main() {\n    let hit = 1\n    print(hit)\n}\n",
    },
    Code {
        code: "E0117",
        title: "comparisons in a chain",
        explain: "`a < b < c` would compare a Bool with `c`. Write each comparison by itself and join them with `&&`.",
        wrong: "fn main() {\n    print(1 < 2 < 3)\n}\n",
        right: "fn main() {\n    print(1 < 2 && 2 < 3)\n}\n",
    },
    Code {
        code: "E0118",
        title: "`=` in a condition",
        explain: "`=` assigns, and is a statement; `==` compares.",
        wrong: "fn main() {\n    let x = 1\n    if x = 1 {\n        print(x)\n    }\n}\n",
        right: "fn main() {\n    let x = 1\n    if x == 1 {\n        print(x)\n    }\n}\n",
    },
    Code {
        code: "E0119",
        title: "this can't be called",
        explain: "Functions are not values: what is called is a name, as in `f(x)` or `x.f(y)`, or a type in brackets, as \
            in `[Int](n, fill: 0)` and `Grid[Int](rows, columns, fill: 0)`.",
        wrong: "fn main() {\n    print(2(3))\n}\n",
        right: "fn main() {\n    print(2 * (3))\n}\n",
    },
    Code {
        code: "E0120",
        title: "a name without a value",
        explain: "`let`, `var` and `const` give their name a value at once: `let x = 1`, or `let x: Int = 1`.",
        wrong: "fn main() {\n    var x\n    x = 1\n    print(x)\n}\n",
        right: "fn main() {\n    var x = 0\n    x = 1\n    print(x)\n}\n",
    },
    Code {
        code: "E0121",
        title: "an item inside a function",
        explain: "Functions, tasks, structs and constants stand at the top level, not inside a function. Their order does \
            not matter.",
        wrong: "fn main() {\n    fn twice(x: Int) -> Int { return 2 * x }\n    print(1)\n}\n",
        right: "fn main() {\n    print(twice(1))\n}\n\nfn twice(x: Int) -> Int { return 2 * x }\n",
    },
    Code {
        code: "E0122",
        title: "a parameter or field without a type",
        explain: "The types of variables are found by the compiler, those of parameters and fields are written: `x: Int`.",
        wrong: "fn twice(x) -> Int {\n    return 2 * x\n}\n\nfn main() {\n    print(twice(1))\n}\n",
        right: "fn twice(x: Int) -> Int {\n    return 2 * x\n}\n\nfn main() {\n    print(twice(1))\n}\n",
    },
    Code {
        code: "E0123",
        title: "a word of another language",
        explain: "The word has a meaning in other languages and none in this one. The help says what is written instead.",
        wrong: "def main() {\n    print(\"hello\")\n}\n",
        right: "fn main() {\n    print(\"hello\")\n}\n",
    },
    Code {
        code: "E0124",
        title: "a line that begins with an operator",
        explain: "A line end after a complete expression ends the statement. To go on with it on the next line, let the \
            line end with the operator or with the `.`.",
        wrong: "fn main() {\n    let x = 1\n        + 2\n    print(x)\n}\n",
        right: "fn main() {\n    let x = 1 +\n        2\n    print(x)\n}\n",
    },
    Code {
        code: "E0125",
        title: "a brace in a string",
        explain: "In a string, `{x}` stands for the value of `x`. The braces themselves are written `\\{` and `\\}`.",
        wrong: "fn main() {\n    print(\"empty: {}\")\n}\n",
        right: "fn main() {\n    print(\"empty: \\{\\}\")\n}\n",
    },
    Code {
        code: "E0126",
        title: "not a type",
        explain: "A type is `Int`, `Float`, `Bool`, `Str`, a struct's name, `[T]` or `Grid[T]`. In `[T](n, fill: v)` the \
            brackets hold the elements' type.",
        wrong: "fn main() {\n    let xs = [0](10, fill: 0)\n    print(xs)\n}\n",
        right: "fn main() {\n    let xs = [Int](10, fill: 0)\n    print(xs)\n}\n",
    },
    Code {
        code: "E0127",
        title: "not a loop's head",
        explain: "A loop walks a range, `for i in lo..hi` or `for i in lo..hi by step`, or the elements of an array, `for x \
            in xs`. For any other loop there is `while`.",
        wrong: "fn main() {\n    for (i = 0; i < 3; i += 1) {\n        print(i)\n    }\n}\n",
        right: "fn main() {\n    for i in 0..3 {\n        print(i)\n    }\n}\n",
    },
    Code {
        code: "E0128",
        title: "a line that ends inside brackets",
        explain: "A line end after a complete expression ends the statement, inside brackets too. There a line ends with \
            `,`, an operator or an opening bracket; a `,` before the closing bracket is fine.",
        wrong: "fn main() {\n    print([\n        1,\n        2\n    ])\n}\n",
        right: "fn main() {\n    print([\n        1,\n        2,\n    ])\n}\n",
    },
    Code {
        code: "E0129",
        title: "a struct's value in braces",
        explain: "A struct's value is written like a call, with every field by name: `Point(x: 1, y: 2)`.",
        wrong: "struct Point { x: Int, y: Int }\n\nfn main() {\n    print(Point { x: 1, y: 2 })\n}\n",
        right: "struct Point { x: Int, y: Int }\n\nfn main() {\n    print(Point(x: 1, y: 2))\n}\n",
    },
];

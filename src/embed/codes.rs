//! The error code of linking, with a wrong and a right program.

use crate::syntax::codes::Code;

/// All of them.
pub const LINK: &[Code] = &[Code {
    code: "E0701",
    title: "a function that the host does not have",
    explain: "An `extern` function is one of the program that embeds the machine, and has the name, the parameters and the result that \
              are declared. `tgvm run` has no such functions: a program that needs some runs in its host only. `tgvm check`, \
              `tgvm build` and `tgvm dis` take it.",
    wrong: "extern fn draw(x: Int, y: Int)\n\nfn main() {\n    draw(1, 2)\n}\n",
    right: "fn draw(x: Int, y: Int) {\n    print(\"{x} {y}\")\n}\n\nfn main() {\n    draw(1, 2)\n}\n",
}];

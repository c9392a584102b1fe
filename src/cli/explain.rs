//! The explanations of the error and trap codes, gathered from the stages that use them.

use super::traps::TRAPS;
use crate::check::codes::CHECK;
use crate::compile::codes::COMPILE;
use crate::embed::codes::LINK;
use crate::syntax::codes::{Code, SYNTAX};

/// All codes, in order: errors, then traps.
pub fn all() -> Vec<&'static Code> {
    let mut codes: Vec<_> = SYNTAX.iter().chain(CHECK).chain(COMPILE).chain(LINK).chain(TRAPS).collect();
    codes.sort_by_key(|code| code.code);
    codes
}

/// The explanation of a code.
pub fn find(code: &str) -> Option<&'static Code> {
    all().into_iter().find(|known| known.code == code)
}

/// An explanation for the terminal.
pub fn text(code: &Code) -> String {
    let indented = |program: &str| -> String {
        program.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
    };
    format!(
        "{}: {}\n\n{}\nWrong:\n\n{}\nRight:\n\n{}",
        code.code,
        code.title,
        wrap(code.explain, 100),
        indented(code.wrong),
        indented(code.right)
    )
}

/// The words of `text` in lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::trap::TrapCode;

    #[test]
    fn each_trap_is_explained_under_its_own_code() {
        let codes: Vec<String> = TRAPS.iter().map(|code| code.code.to_owned()).collect();
        assert_eq!(codes, TrapCode::ALL.map(TrapCode::code));
        assert!(TRAPS.iter().zip(TrapCode::ALL).all(|(code, trap)| code.title == trap.title()));
    }

    #[test]
    fn codes_are_unique() {
        assert!(all().is_sorted_by(|a, b| a.code < b.code));
    }
}

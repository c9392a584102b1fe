//! The explanations of the error and trap codes: the files of `docs/errors`, which the build script gathers.
//!
//! A file begins with `# E0107: what it is called` and has a wrong and a right example, each a block of code marked `tg`.

/// Code and text of each, in the order of the codes.
pub const EXPLANATIONS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/explanations.rs"));

/// The explanation of a code.
pub fn explanation(code: &str) -> Option<&'static str> {
    EXPLANATIONS.iter().find(|(known, _)| *known == code).map(|(_, text)| *text)
}

/// The first line of an explanation, without its mark.
pub fn title(text: &str) -> &str {
    text.lines().next().unwrap_or("").trim_start_matches("# ")
}

/// An explanation for the terminal: code is indented instead of fenced.
pub fn plain(text: &str) -> String {
    let (mut out, mut in_code) = (String::new(), false);
    for line in text.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
            continue;
        }
        let line = if in_code { line } else { line.trim_start_matches("# ") };
        if in_code && !line.is_empty() {
            out.push_str("    ");
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::trap::TrapCode;

    #[test]
    fn each_explanation_has_a_title_and_examples() {
        for (code, text) in EXPLANATIONS {
            assert!(title(text).starts_with(&format!("{code}: ")), "{code}: title");
            for part in ["\nWrong:\n", "\nRight:\n"] {
                assert!(text.contains(part), "{code}: {part:?}");
            }
            assert_eq!(text.matches("```").count() % 2, 0, "{code}: fences");
        }
    }

    #[test]
    fn each_trap_is_explained() {
        for trap in TrapCode::ALL {
            let text = explanation(&trap.code()).unwrap_or_else(|| panic!("{} has no explanation", trap.code()));
            assert_eq!(title(text), format!("{}: {}", trap.code(), trap.title()));
        }
    }
}

//! Error codes.

/// One.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Code {
    pub code: &'static str,
    pub title: &'static str,
    pub explain: &'static str,
    pub wrong: &'static str,
    pub right: &'static str,
}

//! What is used wrongly is refused by types, or told.

use tgvm::embed::{Handle, Module};

#[test]
fn handles_modules_and_engines_go_from_thread_to_thread() {
    fn goes<T: Send>() {}
    fn is_shared<T: Sync>() {}
    goes::<Handle<i64>>();
    goes::<tgvm::embed::Engine>();
    is_shared::<tgvm::embed::Engine>();
    goes::<Module>();
    is_shared::<Module>();
}

#[test]
fn a_module_needs_no_main_but_a_program_does() {
    let source = tgvm::syntax::span::Source::new("a.tg", "fn one() -> Int { return 1 }");
    assert!(Module::from_source(&source).is_err());
    assert!(Module::library("a.tg", &source.text).is_ok());
    assert!(Module::library("a.tg", "fn main() { print(1) }").is_ok());
}

#[test]
fn mistakes_say_where() {
    let mistakes = Module::library("a.tg", "fn one() -> Int { return x }\nfn two() { y() }").unwrap_err();
    let lines: Vec<String> = mistakes.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{mistakes}");
    assert!(lines[0].starts_with("a.tg:1:26: E0"), "{mistakes}");
    assert!(lines[1].starts_with("a.tg:2:12: E0"), "{mistakes}");
}

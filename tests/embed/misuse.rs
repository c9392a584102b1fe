//! What is used wrongly is refused by types, or told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use tgvm::embed::{Completer, Functions, Handle, Module, Part, Source};

use crate::engine;

/// The examples that must not compile (`compile_fail`, in the documentation of [`Functions`], `add_with` and `scope`) as they do: each differs
/// from its neighbour there in what is wrong with that.
#[test]
fn what_is_nearly_misuse_compiles() {
    static KEPT: Mutex<Vec<Vec<f64>>> = Mutex::new(Vec::new());
    static CALLS: AtomicI64 = AtomicI64::new(0);
    let mut functions = Functions::new();
    functions.add("keep", |xs: &[f64]| KEPT.lock().unwrap().push(xs.to_vec()));
    functions.add("hold", |_: &[f64]| {});
    let calls = std::sync::Arc::new(AtomicI64::new(0));
    functions.add("count", move || _ = calls.fetch_add(1, Ordering::Relaxed));
    functions.add("count_all", || _ = CALLS.fetch_add(1, Ordering::Relaxed));
    functions.add("half", |x: f64| x / 2.0);
    let part = Part::new("number", 1);
    functions.add_with("now", part.reads(), |number: &i64| *number);
    functions.add("later", |done: Completer<i64>| done.complete(1));

    let module = Module::library("add.tg", "extern fn add(x: Int)").unwrap();
    let engine = engine(1);
    let all = Mutex::new(Vec::new());
    let mut functions = Functions::new();
    functions.add("add", |x: i64| all.lock().unwrap().push(x));
    let left = engine.scope(|scope| {
        let module = scope.link(&module, &functions).unwrap();
        scope.submit::<()>(&module, "add", (1,)).unwrap()
    });
    left.unwrap().wait().unwrap();
    assert_eq!(*all.lock().unwrap(), [1]);
}

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
    let source = Source::new("a.tg", "fn one() -> Int { return 1 }");
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

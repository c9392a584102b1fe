//! The sample programs, at small sizes.

use std::collections::BTreeMap;
use std::path::Path;

use super::harness::{Page, agree_on};

/// As in `tests/programs.rs`, but larger: some milliseconds each.
const SIZES: [(&str, &str); 19] = [
    ("cholesky", "40"),
    ("csv_report", "60"),
    ("fib", "18"),
    ("heat", "2"),
    ("hello", ""),
    ("kmeans", "2"),
    ("life", "3"),
    ("mandelbrot", "30"),
    ("matmul", "40"),
    ("merge_sort", "3000"),
    ("monte_carlo", "5000"),
    ("nbody", "20"),
    ("nqueens", "6"),
    ("quicksort", "2000"),
    ("sieve", "5000"),
    ("smith_waterman", "130"),
    ("spectral_norm", "20"),
    ("sudoku", "1"),
    ("word_count", "5"),
];

#[test]
fn each_sample_prints_the_same_out_of_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder.join("data")).expect("the data is there") {
        let path = entry.expect("a folder can be read").path();
        let name = path.file_name().expect("a file has a name").to_str().expect("the name is ASCII");
        files.insert(format!("programs/data/{name}"), std::fs::read(&path).expect("it can be read"));
    }
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the programs are there") {
        let path = entry.expect("a folder can be read").path();
        if path.extension().is_some_and(|e| e == "tg") {
            count += 1;
            let name = path.file_stem().expect("it has a name").to_str().expect("it is ASCII");
            let size = SIZES.iter().find(|(other, _)| *other == name).map(|(_, size)| *size);
            let size = size.unwrap_or_else(|| panic!("{name} has no small size"));
            let text = std::fs::read_to_string(&path).expect("it can be read");
            let args = if size.is_empty() { vec![] } else { vec![size.to_string()] };
            let page = Page { args, files: files.clone(), ..Page::default() };
            let (outcome, page) = agree_on(&text, &page, 1);
            assert!(matches!(outcome, tgvm::machine::engine::Outcome::Done), "{name}: {outcome:?}");
            assert!(!page.printed.is_empty(), "{name} prints something");
        }
    }
    assert_eq!(count, SIZES.len());
}

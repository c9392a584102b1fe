//! What comes first: the smallest programs for which the compiler's order of evaluation was once not the spec's.

use super::{prints, traps};
use tgvm::bytecode::trap::TrapCode;

#[test]
fn a_slice_that_is_read_is_checked_before_it_is_indexed() {
    let program = |index: &str| {
        format!(
            "
struct P {{ x: Int, xs: [Int] }}
fn f(p: P, inout q: P) {{ q.x = p.x }}
fn main() {{
    var g = Grid[P](1, 1, fill: P(x: 7, xs: []))
    let far = 3
    {index}
}}"
        )
    };
    let code = |index: &str| traps(&program(index)).1;
    assert_eq!(code("f(g[0..far, ..][0, 1 / (g[0, 0].x - 7)], &g[0, 0])"), TrapCode::SliceOutOfBounds);
    assert_eq!(code("f(g[0..1, ..][0, 1 / (g[0, 0].x - 7)], &g[0, 0])"), TrapCode::DivisionByZero);
    assert_eq!(code("f(g[0..1, ..][1 / (g[0, 0].x - 7)..far, ..][0, 0], &g[0, 0])"), TrapCode::DivisionByZero);
}

#[test]
fn an_element_that_is_read_is_checked_before_the_next_index() {
    let text = "
fn f(xs: [Int], inout ys: [[Int]]) { ys[0][0] = xs[0] }
fn main() {
    var a = [[[1]]]
    let far = 3
    f(a[far][1 / (a[0][0][0] - 1)], &a[0])
}";
    assert_eq!(traps(text).1, TrapCode::IndexOutOfBounds);
}

#[test]
fn what_is_read_is_that_of_before_its_own_index_wrote() {
    let text = "
fn grow(inout a: [[[Int]]]) -> Int {
    a[0][0][0] = 5
    return 0
}
fn f(xs: [Int], inout ys: [[Int]]) { ys[0][0] += xs[0] * 10 }
fn main() {
    var a = [[[1]], [[2]]]
    let n = 1
    f(a[0][grow(&a)], &a[n])
    f(a[0..1][grow(&a)][0], &a[n])
    print(a)
}";
    assert_eq!(prints(text), "[[[5]], [[62]]]\n");
}

#[test]
fn what_overlaps_still_does_if_its_own_index_wrote() {
    let program = |n: i64| {
        format!(
            "
fn next(inout a: [Int]) -> Int {{
    a[0] = 5
    return 1
}}
fn f(xs: [Int], inout ys: [Int]) {{ ys[0] += xs[0] }}
fn main() {{
    var a = [1, 2]
    let n = {n}
    f(a[next(&a)..], &a[..n])
    print(a)
}}"
        )
    };
    assert_eq!(traps(&program(2)).1, TrapCode::OverlappingArguments);
    assert_eq!(prints(&program(1)), "[7, 2]\n");
}

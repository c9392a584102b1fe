//! The error codes of this stage, each with a wrong and a right program. `tests/check.rs` holds them to what the checker
//! says.

use crate::syntax::codes::Code;

macro_rules! codes {
    ($($code:literal $title:literal $explain:literal $wrong:literal $right:literal)*) => {
        /// All codes of the checker, in order.
        pub const CHECK: &[Code] = &[$(Code {
            code: $code,
            title: $title,
            explain: $explain,
            wrong: $wrong,
            right: $right,
        }),*];
    };
}

codes! {
    "E0201" "unknown variable"
    "A name is used that is neither a variable in scope nor a constant. A variable is in scope from its `let` or `var` to \
     the end of the block that it stands in."
"fn main() {
    let total = 3
    print(totl)
}
"
"fn main() {
    let total = 3
    print(total)
}
"
    "E0202" "unknown function"
    "A function is called that is neither defined in the program nor built in. A method call `x.f(y)` is the call `f(x, y)`."
"fn main() {
    prnt(1)
}
"
"fn main() {
    print(1)
}
"
    "E0203" "unknown type"
    "The types are `Int`, `Float`, `Bool`, `Str`, `[T]`, `Grid[T]` and the program's structs."
"fn half(n: Integer) -> Int {
    return n / 2
}

fn main() {
    print(half(4))
}
"
"fn half(n: Int) -> Int {
    return n / 2
}

fn main() {
    print(half(4))
}
"
    "E0204" "unknown field"
    "A value has only the fields of its struct; values of other types have none. What other languages give as a field, \
     like a length, is a function here: `xs.len()`."
"struct Point { x: Float, y: Float }

fn main() {
    let p = Point(x: 1.0, y: 2.0)
    print(p.z)
}
"
"struct Point { x: Float, y: Float }

fn main() {
    let p = Point(x: 1.0, y: 2.0)
    print(p.y)
}
"
    "E0205" "defined twice"
    "Two items of a program, two fields of a struct or two parameters of a function have the same name."
"fn double(n: Int) -> Int {
    return n + n
}

fn double(x: Float) -> Float {
    return x + x
}

fn main() {
    print(double(2))
}
"
"fn double(n: Int) -> Int {
    return n + n
}

fn double_float(x: Float) -> Float {
    return x + x
}

fn main() {
    print(double(2))
}
"
    "E0206" "a name of another kind"
    "A function or a type is used as a value, or a variable, a constant or a field is called. Functions are not values."
"fn answer() -> Int {
    return 42
}

fn main() {
    print(answer)
}
"
"fn answer() -> Int {
    return 42
}

fn main() {
    print(answer())
}
"
    "E0207" "a reserved name"
    "`Int`, `Float`, `Bool`, `Str`, `Grid` and `Rng` are always there and can't be defined again, and names that begin with \
     `__` belong to the machine. Built-in functions and constants may be defined again: the program's own win."
"struct Rng { state: Int }

fn main() {
    let rng = Rng(state: 1)
    print(rng.state)
}
"
"struct Generator { state: Int }

fn main() {
    let rng = Generator(state: 1)
    print(rng.state)
}
"
    "E0208" "no `main`"
    "A run starts with the function `main`, so every program has one."
"fn start() {
    print(1)
}
"
"fn main() {
    print(1)
}
"
    "E0209" "`main` with parameters or a result"
    "`main` takes no parameters and gives no result. The program's arguments come from `args()`; an exit code goes to `exit`."
"fn main(arguments: [Str]) {
    print(arguments.len())
}
"
"fn main() {
    print(args().len())
}
"
    "E0210" "not a reduction"
    "Only `sum`, `product`, `min`, `max`, `count`, `any` and `all` take a `for` between their parentheses. Every other function \
     takes an array, which a comprehension makes."
"fn main() {
    print(len(x for x in 0..10 if x % 3 == 0))
}
"
"fn main() {
    print(len([x for x in 0..10 if x % 3 == 0]))
}
"
    "E0301" "mismatched types"
    "A value of one type stands where another is needed. There are no implicit conversions: `Float(n)`, `Int(x)` and `Str(x)` \
     convert."
"fn main() {
    let share: Float = 1
    print(share)
}
"
"fn main() {
    let share: Float = 1.0
    print(share)
}
"
    "E0302" "an operator that does not fit"
    "Both sides of an operator have the same type, and it is one that the operator is made for: arithmetic for Int and Float, \
     `&& || !` for Bool, `& | ^ ~ << >>` and the wrapping operators for Int, `+` for joining Str and arrays, too. Everything \
     but grids has an order for `<`, `min` and sorting."
"fn main() {
    let n = 3
    print(n * 0.5)
}
"
"fn main() {
    let n = 3
    print(Float(n) * 0.5)
}
"
    "E0303" "a condition that is not a Bool"
    "`if`, `while`, `assert` and the filter of a comprehension need a Bool. No other type counts as true or false."
"fn main() {
    let n = 3
    if n {
        print(n)
    }
}
"
"fn main() {
    let n = 3
    if n != 0 {
        print(n)
    }
}
"
    "E0304" "the wrong number of arguments"
    "A call gives each parameter one argument. In a method call, what stands before the dot is the first."
"fn area(width: Int, height: Int) -> Int {
    return width * height
}

fn main() {
    print(area(3))
}
"
"fn area(width: Int, height: Int) -> Int {
    return width * height
}

fn main() {
    print(area(3, 4))
}
"
    "E0305" "arguments that no form of a built-in takes"
    "A built-in function is called with an argument of a type that it does not take. Several built-ins may share a name; the \
     help lists them."
"fn main() {
    print(sqrt(2))
}
"
"fn main() {
    print(sqrt(2.0))
}
"
    "E0306" "an index that does not fit"
    "Arrays and Strs take one index, grids take two; other types take none."
"fn main() {
    let g = Grid[Int](2, 2, fill: 0)
    print(g[1])
}
"
"fn main() {
    let g = Grid[Int](2, 2, fill: 0)
    print(g[1, ..])
}
"
    "E0307" "no value where one is needed"
    "A function without `->` gives no value, and `panic` and `exit` do not come back, so a call of them can't stand where a \
     value is needed."
"fn greet(name: Str) {
    print(\"hello {name}\")
}

fn main() {
    let text = greet(\"you\")
}
"
"fn greeting(name: Str) -> Str {
    return \"hello {name}\"
}

fn main() {
    let text = greeting(\"you\")
    print(text)
}
"
    "E0308" "an empty array of unknown type"
    "`[]` gets its type from where it stands: a declared type, a parameter, a field, a place that it is assigned to."
"fn main() {
    var names = []
    names.push(\"Ada\")
}
"
"fn main() {
    var names: [Str] = []
    names.push(\"Ada\")
}
"
    "E0309" "an `if` without a value"
    "An `if` whose value is used has an `else`, and each of its blocks ends with a value, or leaves by `return`, `break`, \
     `continue`, `panic` or `exit`."
"fn main() {
    let n = 3
    let sign = if n < 0 { -1 }
    print(sign)
}
"
"fn main() {
    let n = 3
    let sign = if n < 0 { -1 } else { 1 }
    print(sign)
}
"
    "E0311" "a loop over what has no elements"
    "A loop walks a range, an array or a grid. The characters of a Str are `s.chars()`."
"fn main() {
    for c in \"abc\" {
        print(c)
    }
}
"
"fn main() {
    for c in \"abc\".chars() {
        print(c)
    }
}
"
    "E0312" "a format that does not fit"
    "In `{value:format}` a precision is for Float and Str, `0` for Int and Float, `x` and `b` for Int, `e` for Float; width and \
     alignment are for everything."
"fn main() {
    let n = 12
    print(\"{n:.2}\")
}
"
"fn main() {
    let n = 12
    print(\"{Float(n):.2}\")
}
"
    "E0313" "a conversion that does not exist"
    "`Int(x)` takes a Float or a Bool, `Float(n)` an Int, `Str(x)` anything. A number is read from text by `parse_int` and \
     `parse_float`."
"fn main() {
    let text = \"12\"
    print(Int(text) + 1)
}
"
"fn main() {
    let text = \"12\"
    print(parse_int(text) + 1)
}
"
    "E0314" "fields of a struct value"
    "A struct value is written with every field once, by name, in any order."
"struct Point { x: Float, y: Float }

fn main() {
    print(Point(x: 1.0))
}
"
"struct Point { x: Float, y: Float }

fn main() {
    print(Point(x: 1.0, y: 0.0))
}
"
    "E0315" "a name for an argument"
    "The arguments of a function are given in order, without names. Names are for the fields of a struct, and for `fill:` of a \
     new array or grid."
"fn area(width: Int, height: Int) -> Int {
    return width * height
}

fn main() {
    print(area(width: 3, height: 4))
}
"
"fn area(width: Int, height: Int) -> Int {
    return width * height
}

fn main() {
    print(area(3, 4))
}
"
    "E0316" "a value that is not used"
    "A statement computes a value, does nothing else, and the value is dropped. It was probably meant to be assigned or returned."
"fn main() {
    var n = 1
    n == 2
    print(n)
}
"
"fn main() {
    var n = 1
    n = 2
    print(n)
}
"
    "E0317" "a result that is not used"
    "A built-in function that changes nothing is called, and what it gives is dropped."
"fn main() {
    var xs = [3, 1, 2]
    xs.sorted()
    print(xs)
}
"
"fn main() {
    var xs = [3, 1, 2]
    xs.sort()
    print(xs)
}
"
    "E0318" "a `return` that does not fit"
    "A function with `->` returns a value, and one without does not."
"fn double(n: Int) {
    return n * 2
}

fn main() {
    double(4)
}
"
"fn double(n: Int) -> Int {
    return n * 2
}

fn main() {
    print(double(4))
}
"
    "E0319" "a type that does not cross to the host"
    "An `extern` function is one of the program that embeds the machine. What goes there and comes back is an Int, Float, Bool or \
     Str, or an array or grid of Int, Float or Bool: these lie in memory as the host's own do."
"struct Point { x: Float, y: Float }

extern fn plot(p: Point)

fn main() {
    plot(Point(x: 1.0, y: 2.0))
}
"
"struct Point { x: Float, y: Float }

extern fn plot(x: Float, y: Float)

fn main() {
    let p = Point(x: 1.0, y: 2.0)
    plot(p.x, p.y)
}
"
    "E0401" "a change of what is only read"
    "Only a `var` and an `inout` parameter can be assigned or passed with `&`. What is declared with `let`, other parameters, \
     loop variables and constants keep their value."
"fn main() {
    let n = 1
    n = 2
    print(n)
}
"
"fn main() {
    var n = 1
    n = 2
    print(n)
}
"
    "E0402" "not a place"
    "What is assigned, or passed to an `inout` parameter, is a place: a variable, then fields and indices. The result of a call \
     or a literal is none: the change would be lost."
"fn main() {
    [3, 1, 2].sort()
}
"
"fn main() {
    var xs = [3, 1, 2]
    xs.sort()
    print(xs)
}
"
    "E0403" "a missing `&`"
    "An argument that the function may change is marked with `&`, so that a reader sees it. Only what stands before the dot of a \
     method call needs no mark."
"fn bump(inout n: Int) {
    n += 1
}

fn main() {
    var count = 0
    bump(count)
    print(count)
}
"
"fn bump(inout n: Int) {
    n += 1
}

fn main() {
    var count = 0
    bump(&count)
    print(count)
}
"
    "E0404" "a `&` where nothing is changed"
    "The parameter is not `inout`, so the argument is only read, and passed without `&`."
"fn double(n: Int) -> Int {
    return n * 2
}

fn main() {
    var count = 1
    print(double(&count))
}
"
"fn double(n: Int) -> Int {
    return n * 2
}

fn main() {
    var count = 1
    count = double(count)
    print(count)
}
"
    "E0405" "a change of a part of a Str"
    "A Str does not change. Make a new one from its parts, or work on an array of its bytes or characters."
"fn main() {
    var s = \"cat\"
    s[0] = 98
    print(s)
}
"
"fn main() {
    var bytes = \"cat\".bytes()
    bytes[0] = 98
    print(from_bytes(bytes))
}
"
    "E0406" "a slice that would be resized"
    "A slice is a view of a part of an array, so its length can't change. It can't be passed to what may resize its argument or \
     assign it as a whole. Whether a function does that is inferred, through all that it calls."
"fn add_zero(inout xs: [Int]) {
    xs.push(0)
}

fn main() {
    var xs = [1, 2, 3]
    add_zero(&xs[0..2])
    print(xs)
}
"
"fn add_zero(inout xs: [Int]) {
    xs.push(0)
}

fn main() {
    var xs = [1, 2, 3]
    add_zero(&xs)
    print(xs)
}
"
    "E0407" "overlapping arguments"
    "In one call, no place that is passed with `&` may share a part with another argument, unless that is a scalar, which is \
     copied first. Where it depends on indices, it is tested when the program runs."
"fn add(inout to: [Int], from: [Int]) {
    for i in 0..to.len() {
        to[i] += from[i]
    }
}

fn main() {
    var xs = [1, 2, 3, 4]
    add(&xs[0..3], xs[1..4])
    print(xs)
}
"
"fn add(inout to: [Int], from: [Int]) {
    for i in 0..to.len() {
        to[i] += from[i]
    }
}

fn main() {
    var xs = [1, 2, 3, 4]
    add(&xs[0..2], xs[2..4])
    print(xs)
}
"
    "E0408" "a change outside of a comprehension"
    "The elements of a comprehension or reduction may be computed side by side, so its body can't write a variable that is outside \
     of it."
"fn next(inout n: Int) -> Int {
    n += 1
    return n
}

fn main() {
    var n = 0
    print([next(&n) for i in 0..3])
}
"
"fn next(inout n: Int) -> Int {
    n += 1
    return n
}

fn main() {
    var n = 0
    for i in 0..3 {
        print(next(&n))
    }
}
"
    "E0501" "not a constant"
    "A constant is made of literals, operators, `Int(…)` and `Float(…)`, other constants, and arrays and structs of these: it is \
     computed before the program runs."
"const ROOT = sqrt(2.0)

fn main() {
    print(ROOT)
}
"
"const ROOT = 1.4142135623730951

fn main() {
    print(ROOT)
}
"
    "E0502" "a constant that needs itself"
    "The value of a constant depends, perhaps by way of others, on itself."
"const WIDTH = 2 * HEIGHT
const HEIGHT = WIDTH + 1

fn main() {
    print(WIDTH * HEIGHT)
}
"
"const WIDTH = 2 * HEIGHT
const HEIGHT = 10

fn main() {
    print(WIDTH * HEIGHT)
}
"
    "E0503" "a constant that would trap"
    "Computing a constant overflows, divides by zero, shifts too far, or converts a Float that does not fit."
"const SIZE = 1024 * 1024 * 1024 * 1024 * 1024 * 1024 * 1024

fn main() {
    print(SIZE)
}
"
"const SIZE = 1024 * 1024 * 1024

fn main() {
    print(SIZE)
}
"
    "E0504" "an integer that is too large"
    "An Int has 64 bits: it goes from -9223372036854775808 to 9223372036854775807."
"fn main() {
    print(9223372036854775808)
}
"
"fn main() {
    print(9223372036854775807)
}
"
    "E0505" "a struct that holds itself"
    "The fields of a struct lie side by side, so one that holds itself would be endless. Arrays and grids hold their elements \
     elsewhere, and may be empty."
"struct Node { value: Int, next: Node }

fn main() {
    print(0)
}
"
"struct Node { value: Int, next: [Node] }

fn main() {
    let list = Node(value: 1, next: [Node(value: 2, next: [])])
    print(list)
}
"
    "E0506" "a struct that is too large"
    "A struct takes at most 256 words with all that it holds. An array takes one word, whatever its length."
"struct S4 { a: Int, b: Int, c: Int, d: Int }
struct S16 { a: S4, b: S4, c: S4, d: S4 }
struct S64 { a: S16, b: S16, c: S16, d: S16 }
struct S256 { a: S64, b: S64, c: S64, d: S64 }
struct S2048 { a: S256, b: S256, c: S256, d: S256, e: S256, f: S256, g: S256, h: S256 }

fn main() {
    print(0)
}
"
"struct Table { values: [Int] }

fn main() {
    print(Table(values: [Int](2048, fill: 0)).values.len())
}
"
    "E0507" "a limit"
    "A program has at most 60,000 types, a function at most 255 parameters, and the constants copy at most 1,048,576 values and \
     bytes of text from each other."
"const A = \"0123456789012345678901234567890123456789012345678901234567890123\"
const B = A + A + A + A + A + A + A + A
const C = B + B + B + B + B + B + B + B
const D = C + C + C + C + C + C + C + C
const E = D + D + D + D + D + D + D + D
const F = E + E + E + E + E + E + E + E
const G = F + F + F + F + F + F + F + F

fn main() {
    print(G.len())
}
"
"fn main() {
    let line = \"0123456789012345678901234567890123456789012345678901234567890123\"
    print(repeat(line, 32_768).len())
}
"
    "E0508" "a struct without fields"
    "A struct has at least one field."
"struct Marker {
}

fn main() {
    print(0)
}
"
"struct Marker {
    number: Int
}

fn main() {
    print(Marker(number: 1))
}
"
    "E0601" "`break` or `continue` outside of a loop"
    "`break` leaves the loop around it, `continue` goes on with its next round; outside of a loop there is nothing to leave."
"fn main() {
    let n = 3
    if n > 2 {
        break
    }
    print(n)
}
"
"fn main() {
    let n = 3
    if n > 2 {
        return
    }
    print(n)
}
"
    "E0602" "leaving a comprehension"
    "All elements of a comprehension or reduction are computed, so `break`, `continue` and `return` can't leave its body."
"fn main() {
    print([if x > 2 { continue } else { x } for x in 0..5])
}
"
"fn main() {
    print([x for x in 0..5 if x <= 2])
}
"
    "E0603" "a missing `return`"
    "A function with a result must not reach its end without a `return`. Only `while true` without a `break`, `panic` and `exit` \
     end a way as `return` does."
"fn sign(n: Int) -> Int {
    if n < 0 {
        return -1
    }
}

fn main() {
    print(sign(1))
}
"
"fn sign(n: Int) -> Int {
    if n < 0 {
        return -1
    }
    return 1
}

fn main() {
    print(sign(1))
}
"
    "E0604" "iterations that may meet"
    "The iterations of an `each` loop may run in any order, so what one of them writes no other one may touch. It is proved by \
     indices: `a[c * i + d]`, a row `g[i, ..]` or `g[i, j]`, a slice `a[lo..lo + k]` with step k, where c is a number, and d \
     and k are the same in all iterations. All that the loop does with the variable must be that near. A `for` loop takes \
     anything."
"fn main() {
    var xs = [1, 2, 3, 4]
    each i in 1..xs.len() { xs[i] += xs[i - 1] }
    print(xs)
}
"
"fn main() {
    var xs = [1, 2, 3, 4]
    let before = xs
    each i in 1..xs.len() { xs[i] += before[i - 1] }
    print(xs)
}
"
    "E0605" "leaving an `each` loop"
    "The iterations of an `each` loop may run in any order, so `break` and `return` can't keep later ones from running. \
     `continue` ends an iteration. Where a loop shall end early, use `for`."
"fn main() {
    var xs = [1, 2, 0, 4]
    each i in 0..xs.len() {
        if xs[i] == 0 { break }
        xs[i] = 12 / xs[i]
    }
    print(xs)
}
"
"fn main() {
    var xs = [1, 2, 0, 4]
    each i in 0..xs.len() {
        if xs[i] == 0 { continue }
        xs[i] = 12 / xs[i]
    }
    print(xs)
}
"
}

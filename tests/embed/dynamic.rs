//! Functions of the host that take what a program declares; and workers that leave their threads to others.

use std::sync::mpsc::channel;
use std::time::Duration;

use tgvm::embed::{
    Arg, Bound, Dynamic, Error, Flag, Functions, Grid, GridView, Kind, Module, Output, Scalar, Signature, Slot, Value,
    Values,
};

use crate::{engine, library};

fn grid<T: tgvm::embed::Element>(view: &GridView<'_, T>, text: impl Fn(&[T]) -> String) -> String {
    (0..view.rows()).map(|row| text(view.row(row))).collect::<Vec<_>>().join("/")
}

fn bools(flags: &[Flag]) -> Vec<bool> {
    flags.iter().map(|flag| flag.get()).collect()
}

/// What an argument is, in words; what is `inout` is changed.
fn tell(arg: &mut Arg<'_>) -> String {
    match arg {
        Arg::Int(x) => format!("{x}"),
        Arg::Float(x) => format!("{x:?}"),
        Arg::Bool(x) => format!("{x}"),
        Arg::Str(x) => format!("{x:?}"),
        Arg::Ints(x) => format!("{x:?}"),
        Arg::Floats(x) => format!("{x:?}"),
        Arg::Bools(x) => format!("{:?}", bools(x)),
        Arg::IntGrid(x) => grid(x, |row| format!("{row:?}")),
        Arg::FloatGrid(x) => grid(x, |row| format!("{row:?}")),
        Arg::BoolGrid(x) => grid(x, |row| format!("{:?}", bools(row))),
        Arg::IntMut(x) => {
            **x += 1;
            "int".to_owned()
        }
        Arg::FloatMut(x) => {
            **x /= 2.0;
            "float".to_owned()
        }
        Arg::BoolMut(x) => {
            **x = !**x;
            "bool".to_owned()
        }
        Arg::StrMut(x) => {
            x.push('!');
            "text".to_owned()
        }
        Arg::IntsMut(x) => {
            x.reverse();
            "ints".to_owned()
        }
        Arg::FloatsMut(x) => {
            x.reverse();
            "floats".to_owned()
        }
        Arg::BoolsMut(x) => {
            x.iter_mut().for_each(|x| x.set(!x.get()));
            "bools".to_owned()
        }
        Arg::IntGridMut(x) => {
            x.row_mut(0).reverse();
            "grid".to_owned()
        }
        Arg::FloatGridMut(x) => {
            x.row_mut(0).reverse();
            "grid".to_owned()
        }
        Arg::BoolGridMut(x) => {
            x.row_mut(0).reverse();
            "grid".to_owned()
        }
    }
}

#[test]
fn whatever_is_declared_crosses() {
    let mut functions = Functions::new();
    let all =
        |args: &mut [Arg<'_>], _: &mut Output| Ok(Value::Str(args.iter_mut().map(tell).collect::<Vec<_>>().join(" ")));
    functions.add_dynamic("read", all).pure();
    functions.add_dynamic("write", all).pure();
    let module = library(
        r#"
        extern fn read(a: Int, b: Float, c: Bool, d: Str, e: [Int], f: [Float], g: [Bool], h: Grid[Int], i: Grid[Float],
            j: Grid[Bool]) -> Str
        extern fn write(inout a: Int, inout b: Float, inout c: Bool, inout d: Str, inout e: [Int], inout f: [Float],
            inout g: [Bool], inout h: Grid[Int], inout i: Grid[Float], inout j: Grid[Bool]) -> Str

        fn test() -> Str {
            var a = 1
            var b = 2.5
            var c = true
            var d = "ä"
            var e = [1, 2]
            var f = [0.5, 1.5]
            var g = [true, false]
            var h = Grid[Int](2, 2, fill: 3)
            var i = Grid[Float](1, 2, fill: 0.5)
            var j = Grid[Bool](1, 2, fill: true)
            h[0, 1] = 4
            i[0, 1] = 1.5
            j[0, 1] = false
            let before = read(a, b, c, d, e, f, g, h, i, j)
            let names = write(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j)
            return "{before}\n{names}\n{read(a, b, c, d, e[1..], f, g, h[.., 0..1], i, j)}"
        }"#,
    );
    let engine = engine(2);
    let handle = engine.submit::<String>(&module.link(&functions).unwrap(), "test", ()).unwrap();
    assert_eq!(
        handle.wait().unwrap(),
        "1 2.5 true \"ä\" [1, 2] [0.5, 1.5] [true, false] [3, 4]/[3, 3] [0.5, 1.5] [true, false]\n\
         int float bool text ints floats bools grid grid grid\n\
         2 1.25 false \"ä!\" [1] [1.5, 0.5] [false, true] [4]/[3] [1.5, 0.5] [false, true]"
    );
}

#[test]
fn every_result_crosses_and_no_other() {
    let mut functions = Functions::new();
    let give = |value: Value| move |_: &mut [Arg<'_>], _: &mut Output| Ok(value.clone());
    let flags = || Value::Array(vec![Value::Bool(true), Value::Bool(false)]);
    functions.add_dynamic("unit", give(Value::Unit)).pure();
    functions.add_dynamic("float", give(Value::Float(0.5))).pure();
    functions.add_dynamic("yes", give(Value::Bool(true))).pure();
    functions.add_dynamic("ints", give(Value::Ints(vec![1, 2]))).pure();
    functions.add_dynamic("floats", give(Value::Floats(vec![0.5]))).pure();
    functions.add_dynamic("flags", give(flags())).pure();
    functions.add_dynamic("grid", give(Value::Grid(1, 2, Box::new(flags())))).pure();
    functions.add_dynamic("wrong", give(Value::Float(1.0))).pure();
    functions.add_dynamic("too_much", give(Value::Int(1))).pure();
    functions.add_dynamic("shape", give(Value::Grid(2, 2, Box::new(Value::Ints(vec![1]))))).pure();
    let module = library(
        r#"
        extern fn unit()
        extern fn float() -> Float
        extern fn yes() -> Bool
        extern fn ints() -> [Int]
        extern fn floats() -> [Float]
        extern fn flags() -> [Bool]
        extern fn grid() -> Grid[Bool]
        extern fn wrong() -> Int
        extern fn too_much()
        extern fn shape() -> Grid[Int]

        fn all() -> Str {
            unit()
            return "{float()} {yes()} {ints()} {floats()} {flags()} {grid()[0, 1]}"
        }
        fn gives_wrong() -> Int { return wrong() }
        fn gives_too_much() { too_much() }
        fn gives_shape() -> Int { return shape()[0, 0] }"#,
    );
    let module = module.link(&functions).unwrap();
    let engine = engine(1);
    let all = engine.submit::<String>(&module, "all", ()).unwrap().wait().unwrap();
    assert_eq!(all, "0.5 true [1, 2] [0.5] [true, false] false");
    for (function, why) in [
        ("gives_wrong", "what it gave: it is not of type `Int`"),
        ("gives_too_much", "it gave a value, and is declared to give none"),
        ("gives_shape", "a grid of 2 rows and 2 columns has not 1 elements"),
    ] {
        let Err(Error::Trap(trap)) = engine.submit::<Values>(&module, function, ()).unwrap().wait() else {
            panic!("{function} did not trap")
        };
        assert!(trap.text.contains("T0021") && trap.text.contains(why), "{function}: {}", trap.text);
    }
}

#[test]
fn an_error_and_a_panic_are_traps() {
    let mut functions = Functions::new();
    functions.add_dynamic("fails", |_: &mut [Arg<'_>], _: &mut Output| Err("for a reason".to_owned())).pure();
    functions.add_dynamic("panics", |_: &mut [Arg<'_>], _: &mut Output| panic!("for another")).pure();
    let text = "extern fn fails()\nextern fn panics()\nfn a() { fails() }\nfn b() { panics() }\n";
    let module = library(text).link(&functions).unwrap();
    let engine = engine(1);
    for (function, code, why) in [("a", "T0021", "for a reason"), ("b", "T0020", "for another")] {
        let Err(Error::Trap(trap)) = engine.submit::<()>(&module, function, ()).unwrap().wait() else {
            panic!("{function} did not trap")
        };
        assert!(trap.text.contains(code) && trap.text.contains(why), "{}", trap.text);
    }
}

/// Takes one Int.
struct Picky;

impl Dynamic for Picky {
    fn bind(&self, declared: &Signature) -> Result<Bound, String> {
        let int = Kind::Scalar(Scalar::Int);
        let wanted = Signature { params: vec![Slot { kind: int, is_inout: false }], result: Some(int) };
        if *declared != wanted {
            return Err(format!("it is `picky{wanted}`, not `picky{declared}`"));
        }
        Ok(Box::new(|args, _| match args {
            [Arg::Int(x)] => Ok(Value::Int(*x + 1)),
            _ => Err("it has not been bound to that".to_owned()),
        }))
    }
}

#[test]
fn a_declaration_may_be_refused() {
    let mut functions = Functions::new();
    functions.add_dynamic("picky", Picky).pure();
    let right = library("extern fn picky(x: Int) -> Int\nfn f() -> Int { return picky(1) }").link(&functions).unwrap();
    assert_eq!(engine(1).submit::<i64>(&right, "f", ()).unwrap().wait().unwrap(), 2);
    let wrong = library("extern fn picky(inout x: [Float])").link(&functions).unwrap_err();
    assert_eq!(wrong.diagnostics[0].code, "E0701");
    assert_eq!(wrong.diagnostics[0].help, ["it is `picky(Int) -> Int`, not `picky(inout [Float])`"]);
}

#[test]
fn what_it_prints_appears_in_order() {
    let mut functions = Functions::new();
    functions
        .add_dynamic("note", |args: &mut [Arg<'_>], out: &mut Output| {
            let [Arg::Int(n)] = args else { return Err("it takes an Int".to_owned()) };
            out.write(&format!("{n} "));
            Ok(Value::Unit)
        })
        .pure();
    let module =
        library("extern task note(n: Int)\nfn all() { for n in 0..100 { note(n) } }").link(&functions).unwrap();
    let engine = engine(3);
    let (sender, printed) = channel();
    let call = engine.call(&module, "all").output(move |_, bytes| drop(sender.send(bytes.to_vec())));
    call.submit::<()>(()).unwrap().wait().unwrap();
    let text = printed.iter().flatten().collect::<Vec<u8>>();
    let wanted: String = (0..100).map(|n| format!("{n} ")).collect();
    assert_eq!(String::from_utf8(text).unwrap(), wanted);
}

const WORK: &str = "
    task fib(n: Int) -> Int {
        if n < 2 { return n }
        return fib(n - 1) + fib(n - 2)
    }
    task endless() { while true { } }
    fn loops(n: Int) -> Int {
        var x = 0
        for i in 0..n { x = x +% i * i }
        return x
    }";

#[test]
fn workers_that_are_relieved_lose_nothing() {
    let module: Module = library(WORK);
    let engine = engine(3);
    for round in 0..40_i64 {
        let fibs: Vec<_> = (10..22).map(|n| engine.submit::<i64>(&module, "fib", (n,)).unwrap()).collect();
        let looped = engine.submit::<i64>(&module, "loops", (300_000 + round,)).unwrap();
        let (sender, told) = channel();
        for _ in 0..3 {
            let sender = sender.clone();
            engine.relieve(move || _ = sender.send(()));
        }
        for _ in 0..3 {
            told.recv_timeout(Duration::from_secs(60)).expect("all leave");
        }
        let mut fib = (55, 89);
        for handle in fibs {
            assert_eq!(handle.wait().unwrap(), fib.0);
            fib = (fib.1, fib.0 + fib.1);
        }
        let n = 300_000 + round;
        assert_eq!(looped.wait().unwrap(), (n - 1) * n * (2 * n - 1) / 6);
    }
}

#[test]
fn workers_leave_when_they_sleep_and_when_they_do_not_end() {
    let module = library(WORK);
    let engine = engine(2);
    let relieved = || {
        let (sender, told) = channel();
        engine.relieve(move || _ = sender.send(()));
        told.recv_timeout(Duration::from_secs(60)).expect("all leave");
    };
    relieved();
    let endless: Vec<_> = (0..2).map(|_| engine.submit::<()>(&module, "endless", ()).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(20));
    relieved();
    endless.iter().for_each(|handle| handle.cancel());
    for handle in endless {
        assert!(matches!(handle.wait(), Err(Error::Cancelled)));
    }
    assert_eq!(engine.submit::<i64>(&module, "fib", (20,)).unwrap().wait().unwrap(), 6765);
}

#[test]
fn a_grid_of_flags_is_given_and_taken() {
    let mut functions = Functions::new();
    let turn = |args: &mut [Arg<'_>], _: &mut Output| {
        let [Arg::BoolGrid(view)] = args else { return Err("it takes a grid".to_owned()) };
        let cells = (0..view.cols()).flat_map(|col| (0..view.rows()).map(move |row| (row, col)));
        let cells = cells.map(|(row, col)| Value::Bool(view.row(row)[col].get())).collect();
        Ok(Value::Grid(view.cols(), view.rows(), Box::new(Value::Array(cells))))
    };
    functions.add_dynamic("turn", turn).pure();
    let text = "extern fn turn(g: Grid[Bool]) -> Grid[Bool]\nfn f(g: Grid[Bool]) -> Grid[Bool] { return turn(g) }";
    let module = library(text).link(&functions).unwrap();
    let before = Grid { rows: 1, cols: 2, cells: vec![true, false] };
    let after = engine(1).submit::<Grid<bool>>(&module, "f", (before,)).unwrap().wait().unwrap();
    assert_eq!(after, Grid { rows: 2, cols: 1, cells: vec![true, false] });
}

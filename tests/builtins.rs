//! Every built-in function does what its line in the table says.
//!
//! The programs here print, and a comment `//= text` behind a statement says what it prints. Each runs twice: as it is, and
//! with its frame moved to another thread at every poll.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use tgvm::bytecode::builtins::BUILTINS;

const PROGRAMS: &[&str] =
    &[INTS, FLOATS, BITS, TEXTS, MORE_TEXTS, ARRAYS, NESTED, SORTING, GRIDS, RANDOM, WORLD, FORMATS];

const INTS: &str = r#"
fn main() {
    print(abs(-3) + abs(3))                          //= 6
    print([min(2, 1), max(2, 1), min(-5, 5)])        //= [1, 2, -5]
    print([clamp(5, 0, 3), clamp(-5, 0, 3), clamp(2, 0, 3)]) //= [3, 0, 2]
    print([sign(-9), sign(0), sign(INT_MAX)])        //= [-1, 0, 1]
    print([pow(2, 10), pow(-3, 3), pow(0, 0), pow(7, 0), pow(1, INT_MAX), pow(-1, INT_MAX)]) //= [1024, -27, 1, 1, 1, -1]
    print(pow(-2, 63) == INT_MIN)                    //= true
    print([gcd(12, 18), gcd(-4, 6), gcd(0, 5), gcd(0, 0), gcd(INT_MIN, 6)]) //= [6, 2, 5, 0, 2]
    print([isqrt(0), isqrt(99), isqrt(100), isqrt(INT_MAX)]) //= [0, 9, 10, 3037000499]
    print([div_floor(7, 2), div_floor(-7, 2), div_floor(7, -2), div_floor(-7, -2)]) //= [3, -4, -4, 3]
    print([mod_floor(7, 3), mod_floor(-7, 3), mod_floor(7, -3), mod_floor(-7, -3)]) //= [1, 2, -2, -1]
    print(5.clamp(1, 2))                             //= 2
    eprint("not here")
    ewrite("nor here")
    write(1)
    write(" ")
    print("2")                                       //= 1 2
    print()                                          //=
}
"#;

const FLOATS: &str = r#"
fn near(a: Float, b: Float) -> Bool { return abs(a - b) < 1e-12 }

fn main() {
    print([abs(-1.5), abs(-0.0), abs(-INF)])         //= [1.5, 0.0, inf]
    print([min(0.0, -0.0), max(-0.0, 0.0), min(NAN, 1.0), max(NAN, 1.0), max(1.0, INF)]) //= [-0.0, 0.0, 1.0, nan, inf]
    print([clamp(1.5, 0.0, 1.0), clamp(-1.0, 0.0, 1.0), clamp(0.25, 0.0, 1.0)]) //= [1.0, 0.0, 0.25]
    print([sign(-2.5), sign(-0.0), sign(7.0), sign(NAN)]) //= [-1.0, -0.0, 1.0, nan]
    print([pow(2.0, 0.5), sqrt(2.0), cbrt(27.0)])    //= [1.4142135623730951, 1.4142135623730951, 3.0]
    print([exp(0.0), exp2(3.0), ln(1.0), log2(8.0), log10(1000.0)]) //= [1.0, 8.0, 0.0, 3.0, 3.0]
    print(near(exp(1.0), E) && near(ln(E), 1.0))     //= true
    print(near(sin(PI / 6.0), 0.5) && near(cos(PI / 3.0), 0.5) && near(tan(PI / 4.0), 1.0)) //= true
    print(near(asin(0.5), PI / 6.0) && near(acos(0.5), PI / 3.0) && near(atan(1.0), PI / 4.0)) //= true
    print(near(atan2(-1.0, -1.0), -0.75 * PI) && near(sinh(1.0) + cosh(1.0), E) && near(tanh(0.5), sinh(0.5) / cosh(0.5))) //= true
    print(hypot(3.0, 4.0))                           //= 5.0
    print([floor(-1.5), ceil(-1.5), round(-1.5), trunc(-1.5), round(2.5), round(0.49999999999999994)]) //= [-2.0, -1.0, -2.0, -1.0, 3.0, 0.0]
    print([is_nan(NAN), is_nan(INF), is_finite(INF), is_finite(NAN), is_finite(1e308)]) //= [true, false, false, false, true]
    print([float_bits(1.0), float_bits(-0.0), float_bits(NAN) - float_bits(-NAN), float_bits(sqrt(-1.0)) - float_bits(INF - INF)]) //= [4607182418800017408, -9223372036854775808, 0, 0]
    print([bits_float(0), bits_float(4607182418800017408), bits_float(float_bits(PI))]) //= [0.0, 1.0, 3.141592653589793]
    print(sqrt(-1.0))                                //= nan
    print([Int(2.9), Int(-2.9)])                     //= [2, -2]
}
"#;

const BITS: &str = r#"
fn main() {
    print([count_ones(0), count_ones(-1), count_ones(255)]) //= [0, 64, 8]
    print([leading_zeros(0), leading_zeros(1), leading_zeros(-1)]) //= [64, 63, 0]
    print([trailing_zeros(0), trailing_zeros(8), trailing_zeros(1)]) //= [64, 3, 0]
    print([rotate_left(1, 63), rotate_left(3, 64), rotate_left(1, -1), rotate_right(1, 1)]) //= [-9223372036854775808, 3, -9223372036854775808, -9223372036854775808]
    print([shift_right_logical(-1, 60), shift_right_logical(16, 2), shift_right_logical(-1, 0)]) //= [15, 4, -1]
}
"#;

const TEXTS: &str = r#"
fn main() {
    let s = "  Grüße, Welt  "
    print([s.len(), s.trim().len(), "".len()])       //= [17, 13, 0]
    print(["".is_empty(), s.is_empty()])             //= [true, false]
    print([s.contains("Welt"), s.contains("welt"), s.contains(""), "".contains("a")]) //= [true, false, true, false]
    print([s.trim().starts_with("Gr"), s.starts_with("Gr"), "ab".ends_with("b"), "ab".ends_with("abc")]) //= [true, false, true, false]
    print([s.find("Welt"), s.find("x"), "".find(""), "aab".find("ab")]) //= [11, -1, 0, 1]
    print("a-b-c".replace("-", "+") + "aaa".replace("aa", "b") + "abc".replace("x", "y")) //= a+b+cbaabc
    print([s.upper(), s.lower()])                    //= ["  GRÜSSE, WELT  ", "  grüße, welt  "]
    print([s.trim(), s.trim_start(), s.trim_end()])  //= ["Grüße, Welt", "Grüße, Welt  ", "  Grüße, Welt"]
    print("a,b,,c,".split(","))                      //= ["a", "b", "", "c", ""]
    print("".split(", "))                            //= [""]
    print(" a  b\tc\n".words())                      //= ["a", "b", "c"]
    print("".words())                                //= []
    print("one\ntwo\r\n\nfour".lines())              //= ["one", "two", "", "four"]
    print("äb€".chars())                             //= ["ä", "b", "€"]
    print("äb".bytes())                              //= [195, 164, 98]
    print("äb€".codepoints())                        //= [228, 98, 8364]
    print(from_bytes([195, 164, 98]) + from_codepoints([8364, 128512]) + from_bytes([])) //= äb€😀
    print("ab".repeat(3) + "x".repeat(0) + "".repeat(5)) //= ababab
    print(["a", "b", "c"].join(", ") + [""].join("x") + "none".words()[1..].join("-")) //= a, b, c
    print(["42".parse_int(), " -7\n".parse_int(), "+5".parse_int(), "-9223372036854775808".parse_int()]) //= [42, -7, 5, -9223372036854775808]
    print(["1.5".parse_float(), "-2e3".parse_float(), " 7 ".parse_float(), "inf".parse_float(), "nan".parse_float()]) //= [1.5, -2000.0, 7.0, inf, nan]
    print(["1".is_int(), "1.5".is_int(), "".is_int(), "9223372036854775808".is_int(), "1 2".is_int()]) //= [true, false, false, false, false]
    print(["1".is_float(), "1.5e".is_float(), "".is_float(), "x".is_float(), "-.5".is_float()]) //= [true, false, false, false, true]
}
"#;

const MORE_TEXTS: &str = r#"
fn main() {
    // Long ones, which are done piece by piece.
    let long = "abcdefghij".repeat(30_000)
    print(long.len())                                //= 300000
    print([long.find("ja"), long.find("jb"), (long + "needle" + long).find("needle")]) //= [9, -1, 300000]
    print(long.replace("j", "").len())               //= 270000
    print(long.split("ij").len())                    //= 30001
    print(long.upper().lower() == long)              //= true
    let bytes = long.bytes()
    print(from_bytes(bytes) == long)                 //= true
    print(from_codepoints(long.codepoints()) == long) //= true
    print(long.chars().join("") == long)             //= true
    let needle = "x".repeat(600_000) + "y"
    print(("x".repeat(3_000_000) + "y").find(needle)) //= 2400000
    print("ß".repeat(5000).upper() == "SS".repeat(5000)) //= true
}
"#;

const ARRAYS: &str = r#"
struct Point { x: Int, name: Str }

fn main() {
    var xs = [3, 1, 2]
    print([xs.len(), [xs, xs].len()])                //= [3, 2]
    print([xs.is_empty(), xs[0..0].is_empty()])      //= [false, true]
    xs.push(9)
    print("{xs} {xs.pop()} {xs}")                    //= [3, 1, 2, 9] 9 [3, 1, 2]
    xs.insert(0, 7)
    xs.insert(4, 8)
    print(xs)                                        //= [7, 3, 1, 2, 8]
    print("{xs.remove(1)} {xs.remove(3)} {xs}")      //= 3 8 [7, 1, 2]
    xs.append([7, 1, 2])
    print(xs)                                        //= [7, 1, 2, 7, 1, 2]
    xs.truncate(4)
    xs.truncate(10)
    print(xs)                                        //= [7, 1, 2, 7]
    xs.resize(6, -1)
    print(xs)                                        //= [7, 1, 2, 7, -1, -1]
    xs.resize(2, 0)
    print(xs)                                        //= [7, 1]
    let before = xs
    xs.clear()
    print("{before} {xs}")                           //= [7, 1] []
    var ys = [1, 2, 3, 4, 5]
    ys.swap(0, 4)
    swap(&ys[1..3], 0, 1)
    print(ys)                                        //= [5, 3, 2, 4, 1]
    reverse(&ys[1..])
    print("{ys} {ys.reversed()}")                    //= [5, 1, 4, 2, 3] [3, 2, 4, 1, 5]
    fill(&ys[1..3], 0)
    print(ys)                                        //= [5, 0, 0, 2, 3]
    print(concat(ys, before) + [1])                  //= [5, 0, 0, 2, 3, 7, 1, 1]
    print([ys.contains(2), ys.contains(9)])          //= [true, false]
    print([ys.find(0), ys[2..].find(0), ys.find(9)]) //= [1, 0, -1]
    ys[0..2] = [8, 9]
    ys[1..4] = ys[0..3]
    print(ys)                                        //= [8, 8, 9, 0, 3]

    var points = [Point(x: 1, name: "a"), Point(x: 2, name: "b")]
    points.push(Point(x: 3, name: "c" + "d"))
    print(points.find(Point(x: 2, name: "b")))       //= 1
    print(points.contains(Point(x: 2, name: "c")))   //= false
    points.insert(1, points[2])
    print("{points.remove(0)} {points.pop().name} {points.len()}") //= Point(x: 1, name: "a") cd 2
    points.resize(4, Point(x: 0, name: "new"))
    points.reverse()
    points.swap(0, 3)
    print(points)                                    //= [Point(x: 3, name: "cd"), Point(x: 0, name: "new"), Point(x: 2, name: "b"), Point(x: 0, name: "new")]
    fill(&points[2..], Point(x: 5, name: "e".repeat(2)))
    print(points.reversed()[0..2])                   //= [Point(x: 5, name: "ee"), Point(x: 5, name: "ee")]
    print(max(points[0], points[1]).x + min(points[0], points[1]).x) //= 3
}
"#;

const NESTED: &str = r#"
fn main() {
    var rows = [[1, 2], [3]]
    rows.push([4, 5, 6])
    rows.insert(0, [])
    print("{rows} {rows.find([3])} {rows.contains([4, 5])}") //= [[], [1, 2], [3], [4, 5, 6]] 2 false
    let taken = rows.pop()
    rows.append([taken, taken])
    rows[0].push(0)
    print("{taken} {rows}")                          //= [4, 5, 6] [[0], [1, 2], [3], [4, 5, 6], [4, 5, 6]]
    rows.sort()
    reverse(&rows[0..2])
    print(rows)                                      //= [[1, 2], [0], [3], [4, 5, 6], [4, 5, 6]]
    rows.resize(7, ["x".len()])
    fill(&rows[0..2], taken)
    rows[2..4] = rows[1..3]
    rows.swap(0, 6)
    print(rows)                                      //= [[1], [4, 5, 6], [4, 5, 6], [3], [4, 5, 6], [1], [4, 5, 6]]
    rows.truncate(2)
    print("{rows.remove(0)} {rows.sorted()} {rows.concat(rows).len()}") //= [1] [[4, 5, 6]] 2
    var words = ["b", "a"]
    words.resize(3, "c" + "")
    print(words.sorted().join(""))                   //= abc
    print([[1.0, NAN], [1.0]].find([1.0, NAN]))      //= -1
    print([NAN].contains(NAN))                       //= false
    print([true, false].sorted())                    //= [false, true]
}
"#;

const SORTING: &str = r#"
struct Item { key: Int, label: Str }
struct Pair { a: Float, b: [Int] }

fn main() {
    print([5, 3, INT_MIN, 9, 3].sorted())            //= [-9223372036854775808, 3, 3, 5, 9]
    print([NAN, 1.0, 0.0, -0.0, INF, -INF].sorted()) //= [-inf, -0.0, 0.0, 1.0, inf, nan]
    print(["pear", "Apple", "äpfel", "app", ""].sorted()) //= ["", "Apple", "app", "pear", "äpfel"]
    var xs = [9, 8, 7, 6, 5]
    sort(&xs[1..4])
    print(xs)                                        //= [9, 6, 7, 8, 5]
    var items = [Item(key: i * 7919 % 13, label: "{i}") for i in 0..1000]
    items.sort()
    print(all(items[i - 1] <= items[i] for i in 1..items.len())) //= true
    print(items[0])                                  //= Item(key: 0, label: "0")
    print([Pair(a: 1.0, b: [2]), Pair(a: 1.0, b: [1, 5]), Pair(a: -1.0, b: [])].sorted()) //= [Pair(a: -1.0, b: []), Pair(a: 1.0, b: [1, 5]), Pair(a: 1.0, b: [2])]
    var many = [i *% 1_103_515_245 % 1_000_003 for i in 0..70_000]
    many.sort()
    print(all(many[i - 1] <= many[i] for i in 1..many.len())) //= true
    let texts = ["{x}" for x in many[0..5000]].sorted()
    print(all(texts[i - 1] <= texts[i] for i in 1..texts.len())) //= true
    let empty: [Str] = []
    print([empty.sorted().len(), [1].sorted().len()]) //= [0, 1]
}
"#;

const GRIDS: &str = r#"
fn main() {
    var g = Grid[Int](2, 3, fill: 1)
    print([g.len(), g.rows(), g.cols()])             //= [6, 2, 3]
    fill(&g[0..1, 1..3], 7)
    print(g)                                         //= [[1, 7, 7], [1, 1, 1]]
    fill(&g[.., 0..1], 4)
    print(g)                                         //= [[4, 7, 7], [4, 1, 1]]
    g[0..2, 1..3] = g[0..2, 0..2]
    print(g)                                         //= [[4, 4, 7], [4, 4, 1]]
    print(g[0, ..].sorted().reversed())              //= [7, 4, 4]
    sort(&g[1, ..])
    print(g)                                         //= [[4, 4, 7], [1, 4, 4]]
    print([g == g, g[0..1, ..] == g[1..2, ..]])      //= [true, false]
    g.fill(0)
    print(g)                                         //= [[0, 0, 0], [0, 0, 0]]
    var names = Grid[Str](1, 2, fill: "a")
    names.fill("b" + "c")
    print(names)                                     //= [["bc", "bc"]]
}
"#;

const RANDOM: &str = r#"
fn main() {
    var r = Rng(seed: 1234567)
    var same = Rng(seed: 1234567)
    let first = r.next_int(0, 1_000_000)
    print(first == same.next_int(0, 1_000_000) && r == same) //= true
    var counts = [Int](7, fill: 0)
    for i in 0..7000 { counts[r.next_int(-3, 4) + 3] += 1 }
    print(all(c > 800 && c < 1200 for c in counts))  //= true
    var low = 0
    for i in 0..1000 {
        let x = r.next_float()
        assert(x >= 0.0 && x < 1.0)
        if x < 0.5 { low += 1 }
    }
    print(low > 400 && low < 600)                    //= true
    var deck = [i for i in 0..52]
    deck.shuffle(&r)
    print([deck == [i for i in 0..52], deck.sorted() == [i for i in 0..52]]) //= [false, true]
    shuffle(&deck[0..1], &r)
    print(random_int(1, 2, 0, 100) == random_int(1, 2, 0, 100)) //= true
    print(all(x >= 5 && x < 8 for x in [random_int(3, i, 5, 8) for i in 0..100])) //= true
    let mean = sum(random_float(9, i) for i in 0..10_000) / 10_000.0
    print(mean > 0.48 && mean < 0.52)                //= true
    print(random_int(0, 0, INT_MIN, INT_MAX) != random_int(0, 1, INT_MIN, INT_MAX)) //= true
}
"#;

const WORLD: &str = r#"
fn main() {
    print(args())                                    //= ["one", "two words"]
    var line = "before"
    print("{read_line(&line)} {line}")               //= true first
    print(read_lines())                              //= ["second", "", "last"]
    print("{read_line(&line)} [{line}]")             //= false []
    print(read_lines())                              //= []
    print([file_exists("out.txt"), file_exists(".")]) //= [false, true]
    write_file("out.txt", "one\n")
    append_file("out.txt", "two\n")
    append_file("new.txt", "")
    print(read_file("out.txt").lines())              //= ["one", "two"]
    write_file("out.txt", "three")
    print([read_file("out.txt"), read_file("new.txt")]) //= ["three", ""]
    print(file_exists("out.txt"))                    //= true
    var image = Grid[Int](2, 3, fill: 0xff8000)
    image[1, 2] = 0x0000ff
    write_png("picture.png", image)
    write_png("part.png", image[1..2, 1..3])
    let start = clock()
    print(clock() >= start && start >= 0.0)          //= true
}
"#;

const FORMATS: &str = r#"
struct P { x: Int, s: Str }

fn main() {
    let n = 42
    let x = 3.14159
    print("[{n:5}] [{n:<5}] [{n:^5}] [{n:05}] [{-n:05}] [{n:x}] [{n:08b}] [{-1:x}]") //= [   42] [42   ] [ 42  ] [00042] [-0042] [2a] [00101010] [ffffffffffffffff]
    print("[{x:.2}] [{x:8.3}] [{x:<8.1}] [{x:08.2}] [{x:e}] [{x:.2e}] [{-0.001:.2}]") //= [3.14] [   3.142] [3.1     ] [00003.14] [3.14159e0] [3.14e0] [-0.00]
    print("[{"abc":5}] [{"abc":>5}] [{"abc":^5}] [{"äöü":.2}] [{true:6}]") //= [abc  ] [  abc] [ abc ] [äö] [true  ]
    print(Str(1) + Str(2.0) + Str("s") + Str(true) + Str([1, 2]) + Str(P(x: 1, s: "q\"\n"))) //= 12.0strue[1, 2]P(x: 1, s: "q\"\n")
    print([INF, -INF, NAN, 1e300 * 1e300, 0.1 + 0.2, 1e15, 1e16, 1e-5, 1e-6, 5e-324]) //= [inf, -inf, nan, inf, 0.30000000000000004, 1000000000000000.0, 1e16, 0.00001, 1e-6, 5e-324]
    print("{[["{n}"]]} {n}{x}{"in {"side"}"}")       //= [["42"]] 423.14159in side
}
"#;

/// What a program's comments say that it prints.
fn expected(program: &str) -> Vec<String> {
    program.lines().filter_map(|line| line.split_once("//=")).map(|(_, text)| text.trim_start().to_owned()).collect()
}

fn run(program: &str, folder: &Path, options: &[&str]) -> (Option<i32>, String, String) {
    use std::io::Write;
    std::fs::write(folder.join("p.tg"), program).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tgvm"))
        .current_dir(folder)
        .arg("run")
        .args(options)
        .args(["p.tg", "one", "two words"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads nothing may have ended.
    let _ = child.stdin.take().unwrap().write_all(b"first\r\nsecond\n\nlast");
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn each_does_what_its_line_says() {
    for program in PROGRAMS {
        for options in [&[][..], &["--migrate"]] {
            let folder = tempfile::tempdir().unwrap();
            let (code, printed, error) = run(program, folder.path(), options);
            let printed: Vec<&str> = printed.lines().collect();
            for (at, line) in expected(program).iter().enumerate() {
                assert_eq!(printed.get(at), Some(&line.as_str()), "{options:?} {error}");
            }
            assert_eq!((code, printed.len()), (Some(0), expected(program).len()), "{options:?} {error}");
        }
    }
}

#[test]
fn none_is_left_out() {
    let all: String = PROGRAMS.concat() + &TRAPS.iter().map(|(program, ..)| *program).collect::<String>();
    let words: BTreeSet<&str> = all.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    for builtin in BUILTINS.iter().filter(|b| !b.name.starts_with("__")) {
        assert!(words.contains(builtin.name), "{} is not tested", builtin.name);
    }
}

#[test]
fn pictures_hold_what_was_drawn() {
    let folder = tempfile::tempdir().unwrap();
    run(WORLD, folder.path(), &[]);
    let decode = |name: &str| {
        let file = std::io::BufReader::new(std::fs::File::open(folder.path().join(name)).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    };
    let (o, b) = ([0xff, 0x80, 0], [0, 0, 0xff]);
    assert_eq!(decode("picture.png"), (3, 2, [o, o, o, o, o, b].concat()));
    assert_eq!(decode("part.png"), (2, 1, [o, b].concat()));
}

/// The body of `main`, and what its trap says.
const TRAPS: &[(&str, &str, &str)] = &[
    ("panic(\"no \" + \"way\")", "T0011", "panic: no way"),
    ("exit(-1)", "T0014", "exit(-1)"),
    ("print(abs(INT_MIN))", "T0001", ""),
    ("print(clamp(1, 3, 2))", "T0014", "at least 3 and at most 2"),
    ("print(pow(10, 19))", "T0001", "pow(10, 19)"),
    ("print(pow(2, -1))", "T0014", "-1"),
    ("print(gcd(INT_MIN, 0))", "T0001", "gcd(-9223372036854775808, 0)"),
    ("print(isqrt(-1))", "T0014", "isqrt(-1)"),
    ("print(div_floor(1, 0))", "T0002", "div_floor(1, 0)"),
    ("print(mod_floor(1, 0))", "T0002", "mod_floor(1, 0)"),
    ("print(div_floor(INT_MIN, -1))", "T0001", "div_floor"),
    ("print(shift_right_logical(1, 64))", "T0003", "64"),
    ("print(\"abc\".replace(\"\", \"x\"))", "T0014", "empty"),
    ("print(\"abc\".split(\"\"))", "T0014", "the separator is empty"),
    ("print(from_bytes([256]))", "T0017", "256 at index 0"),
    ("print(from_bytes([97, 255]))", "T0017", "index 1"),
    ("print(from_codepoints([55296]))", "T0017", "55296"),
    ("print(\"x\".repeat(-1))", "T0014", "-1"),
    ("print(\"ten\".parse_int())", "T0012", "\"ten\" is not an Int"),
    ("print(\"x\".repeat(99).parse_float())", "T0012", "…"),
    ("var xs = [1]\n    xs.clear()\n    print(xs.pop())", "T0015", "empty"),
    ("var xs = [1]\n    xs.insert(2, 0)", "T0004", "index 2, length 1"),
    ("var xs = [1]\n    print(xs.remove(1))", "T0004", "index 1, length 1"),
    ("var xs = [1]\n    xs.truncate(-1)", "T0014", "-1"),
    ("var xs = [1]\n    xs.resize(-1, 0)", "T0014", "-1"),
    ("var xs = [1]\n    xs.swap(0, -1)", "T0004", "index -1, length 1"),
    ("var xs = [1, 2, 3]\n    xs[0..2] = xs", "T0007", "3 elements assigned to 2"),
    ("var g = Grid[Int](2, 2, fill: 0)\n    g[0..1, ..] = g", "T0007", "2 by 2 elements assigned to 1 by 2"),
    ("var r = Rng(seed: 1)\n    print(r.next_int(3, 3))", "T0014", "at least 3 and below 3"),
    ("print(random_int(0, 0, 5, 4))", "T0014", "at least 5 and below 4"),
    ("print(read_file(\"no/file\"))", "T0016", "can't read `no/file`: there is no such file"),
    ("print(read_file(\".\"))", "T0016", "it is a folder"),
    ("write_file(\"no/file\", \"\")", "T0016", "can't write `no/file`"),
    ("append_file(\".\", \"\")", "T0016", "can't write `.`"),
    ("write_png(\"p.png\", Grid[Int](0, 5, fill: 0))", "T0014", "0 rows and 5 columns"),
    ("write_png(\"p.png\", Grid[Int](1, 2, fill: -1))", "T0014", "pixel -1 in row 0, column 0"),
    ("assert(1 > 2, \"one \" + \"two\")", "T0010", "assertion failed: one two"),
];

#[test]
fn traps_tell_the_values_concerned() {
    let folder = tempfile::tempdir().unwrap();
    for (body, code, says) in TRAPS {
        let (exit, _, error) = run(&format!("fn main() {{\n    {body}\n}}\n"), folder.path(), &[]);
        assert_eq!(exit, Some(1), "{body}\n{error}");
        assert!(error.contains(&format!("trap[{code}]")) && error.contains(says), "{body}\n{error}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["p.tg"], "nothing is left of files that could not be written");
}

//! A generator of programs that give the out-of-order machine work: calls of tasks in loops, with slices, tiles, fields and
//! nested arrays, among copies, moves and resizings of what they were passed, prints and traps. As in `generate`, the choices
//! are bytes, of which a shorter list gives a simpler program.

#[path = "tasks/items.rs"]
mod items;
#[path = "tasks/shapes.rs"]
mod shapes;

pub use items::ITEMS;
use std::fmt::Write;

/// Makes a program from choices.
pub fn program(choices: &[u8]) -> String {
    let mut generator = Generator {
        choices,
        out: String::new(),
        indent: 1,
        scope: Scope::default(),
        names: 0,
        budget: 0,
        loops: 0,
        drivers: 0,
        result: false,
    };
    let drivers = generator.pick(3);
    for _ in 0..drivers {
        generator.driver();
    }
    generator.main();
    let body = generator.out;
    let mut used = vec![false; ITEMS.len()];
    let mut texts = vec![body.as_str()];
    while let Some(text) = texts.pop() {
        for (index, &(name, item)) in ITEMS.iter().enumerate() {
            if !used[index] && mentions(text, name) {
                used[index] = true;
                texts.push(item);
            }
        }
    }
    let mut program = String::new();
    for (&(_, item), _) in ITEMS.iter().zip(used).filter(|(_, used)| *used) {
        program += item;
        program.push('\n');
    }
    program + &body
}

/// Whether the text has that word.
fn mentions(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part)
    })
}

/// What can be named: variables of each type.
#[derive(Clone, Default)]
struct Scope {
    ints: Vec<String>,
    /// Those that are not written: counters.
    counters: Vec<String>,
    floats: Vec<String>,
    texts: Vec<String>,
    arrays: Vec<String>,
    grids: Vec<String>,
    people: Vec<String>,
    packs: Vec<String>,
    matrices: Vec<String>,
}

struct Generator<'a> {
    choices: &'a [u8],
    out: String,
    indent: usize,
    scope: Scope,
    names: usize,
    /// How many more statements there may be.
    budget: i32,
    loops: usize,
    drivers: usize,
    /// Whether the function has a result, an Int.
    result: bool,
}

impl Generator<'_> {
    fn pick(&mut self, n: usize) -> usize {
        let Some((&first, rest)) = self.choices.split_first() else { return 0 };
        self.choices = rest;
        usize::from(first) % n
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.pick(100) >= 100 - percent
    }

    fn one_of(&mut self, list: &[String]) -> Option<String> {
        if list.is_empty() { None } else { Some(list[self.pick(list.len())].clone()) }
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(&"    ".repeat(self.indent));
        self.out.push_str(text);
        self.out.push('\n');
    }

    // Functions

    fn main(&mut self) {
        self.scope = Scope::default();
        self.out.push_str("fn main() {\n");
        self.result = false;
        for _ in 0..2 + self.pick(6) {
            self.declare();
        }
        self.budget = 26;
        let count = 3 + self.pick(12);
        self.statements(count);
        let scope = self.scope.clone();
        let lists = [
            scope.ints,
            scope.floats,
            scope.texts,
            scope.arrays,
            scope.grids,
            scope.people,
            scope.packs,
            scope.matrices,
        ];
        for name in lists.into_iter().flatten() {
            self.line(&format!("print({name})"));
        }
        self.out.push_str("}\n");
    }

    /// A task that issues others, and may call itself.
    fn driver(&mut self) {
        let name = format!("drive{}", self.drivers);
        self.scope = Scope { arrays: vec!["xs".into()], people: vec!["p".into()], ..Scope::default() };
        self.scope.counters = vec!["n".into()];
        writeln!(self.out, "task {name}(n: Int, inout xs: [Int], inout p: P) -> Int {{").expect("a String takes all");
        self.result = true;
        for _ in 0..self.pick(4) {
            self.declare();
        }
        self.budget = 10;
        let recursive = self.chance(40);
        if recursive {
            self.line("if n <= 0 { return xs.len() }");
        }
        let count = 1 + self.pick(6);
        self.statements(count);
        if recursive {
            let first = self.chance(50).then(|| self.fresh("v"));
            match first {
                Some(v) => {
                    self.line(&format!("let {v} = {name}(n - 1, &xs, &p)"));
                    self.statements(1);
                    self.line(&format!("return {v} + 1"));
                }
                None => self.line(&format!("return {name}(n / 2, &xs, &p)")),
            }
        } else {
            let value = self.int(2);
            self.line(&format!("return {value}"));
        }
        self.out.push_str("}\n");
        self.drivers += 1;
    }

    fn declare(&mut self) {
        let number = self.pick(40);
        let (prefix, value) = match self.pick(12) {
            0..=2 => ("a", self.array_value()),
            3 | 4 => ("n", self.int(1)),
            5 => ("f", ["0.5", "3.0", "half(2.0, 3)"][self.pick(3)].into()),
            6 => ("t", ["\"t\"".to_string(), "\"\"".into(), format!("label({number})")][self.pick(3)].clone()),
            7 | 8 => {
                let fill = self.pick(9);
                let (rows, cols) = (3 + self.pick(6), 3 + self.pick(6));
                ("g", format!("Grid[Int]({rows}, {cols}, fill: {fill})"))
            }
            9 => ("p", self.person_value()),
            10 => ("q", format!("pack({})", self.person_value())),
            _ => ("m", self.matrix_value()),
        };
        let name = self.fresh(prefix);
        self.line(&format!("var {name} = {value}"));
        let list = match prefix {
            "a" => &mut self.scope.arrays,
            "n" => &mut self.scope.ints,
            "f" => &mut self.scope.floats,
            "t" => &mut self.scope.texts,
            "g" => &mut self.scope.grids,
            "p" => &mut self.scope.people,
            "q" => &mut self.scope.packs,
            _ => &mut self.scope.matrices,
        };
        list.push(name);
    }

    // Statements

    fn statements(&mut self, count: usize) {
        for _ in 0..count {
            if self.budget <= 0 {
                return;
            }
            self.budget -= 1;
            self.statement();
        }
    }

    fn block(&mut self, head: &str, count: usize) {
        self.line(&format!("{head} {{"));
        self.indent += 1;
        let scope = self.scope.clone();
        self.statements(count);
        self.scope = scope;
        self.indent -= 1;
        self.line("}");
    }

    fn for_loop(&mut self) {
        let turns = if self.loops > 0 { 1 + self.pick(5) } else { [3, 6, 10, 24, 90][self.pick(5)] };
        let name = self.fresh("i");
        let scope = self.scope.clone();
        self.scope.counters.push(name.clone());
        self.loops += 1;
        let head = match self.pick(5) {
            0..=2 => format!("for {name} in 0..{turns}"),
            3 => format!("for {name} in {turns}..0 by -{}", 1 + self.pick(2)),
            _ => match self.one_of(&scope.arrays) {
                Some(array) => format!("for {name} in {array}[..min(4, {array}.len())]"),
                None => format!("for {name} in 0..{turns}"),
            },
        };
        let count = 1 + self.pick(4);
        self.block(&head, count);
        self.loops -= 1;
        self.scope = scope;
    }

    /// A loop whose iterations may well not meet.
    fn even_loop(&mut self) {
        let arrays: Vec<String> = self.scope.arrays.clone();
        let (Some(to), Some(from)) = (self.one_of(&arrays), self.one_of(&arrays)) else { return self.for_loop() };
        let i = self.fresh("i");
        let k = self.index();
        let head = match self.pick(4) {
            0 | 1 => format!("for {i} in 0..{to}.len()"),
            2 => format!("for {i} in 0..{to}.len() by 2"),
            _ => format!("for {i} in {to}.len() - 1..-1 by -1"),
        };
        let value = match self.pick(6) {
            0 => format!("spin({i} + {k})"),
            1 => format!("work({i} + {k})"),
            2 => format!("{from}[at({i}, {from}.len())] + 1 & 255"),
            3 => format!("{to}[{i}] *% 3 & 255"),
            4 => format!("{to}[at({i} + 1, {to}.len())] ^ {k}"),
            _ => format!("slow({i})"),
        };
        let print = if self.chance(20) { format!("print({to}[{i}]); ") } else { String::new() };
        self.line(&format!("{head} {{ {print}{to}[{i}] = {value} }}"));
    }

    fn statement(&mut self) {
        match self.pick(40) {
            0..=5 if self.loops < 2 => self.for_loop(),
            0..=3 => self.call(),
            4..=8 => self.call(),
            9 | 10 => {
                // A sum over calls.
                let Some(to) = self.int_place() else { return self.declare() };
                let call = self.int_call();
                match self.pick(5) {
                    0 | 1 => self.line(&format!("{to} = {to} + {call}")),
                    2 => self.line(&format!("{to} += {call}")),
                    3 => self.line(&format!("{to} = {to} +% {call} *% 3")),
                    _ => self.line(&format!("{to} = ({to} ^ {call}) & 4095")),
                }
            }
            11 | 12 => {
                let Some(to) = self.int_place() else { return self.declare() };
                let call = self.int_call();
                self.line(&format!("{to} = {call}"));
            }
            13 => {
                // A chain.
                let Some(to) = self.int_place() else { return self.declare() };
                self.line(&format!("{to} = step({to})"));
            }
            14 => self.declare(),
            15 | 16 => self.whole(),
            17 | 18 => self.resize(),
            19 => {
                let Some(to) = self.int_place() else { return self.declare() };
                let value = self.int(2);
                self.line(&format!("{to} = {value}"));
            }
            20 => {
                let cond = self.bool();
                let count = 1 + self.pick(2);
                self.block(&format!("if {cond}"), count);
            }
            21 | 22 => self.print(),
            23 => self.builtin(),
            24 => self.text(),
            25 => {
                let name = self.fresh("v");
                let value = match self.pick(3) {
                    0 => self.int_call(),
                    1 => self.int(2),
                    _ => {
                        let call = ["work(x)", "both(x, 3)", "say(x)"][self.pick(3)];
                        let (end, cond) = (self.pick(9), self.filter());
                        format!("sum({call} for x in 0..{end}{cond})")
                    }
                };
                self.line(&format!("let {name} = {value}"));
                self.scope.counters.push(name);
            }
            26 if self.chance(60) => {
                let (n, k) = (self.int(1), self.pick(20));
                self.line(&format!("risk({n}, {k})"));
            }
            27 => match self.pick(4) {
                0 => self.line("note(1)"),
                1 => {
                    let n = self.int(1);
                    self.line(&format!("note({n})"));
                }
                2 => self.line("print(recall(2))"),
                _ => self.line("print(tick())"),
            },
            28 if self.result => {
                let (cond, value) = (self.bool(), self.int(1));
                self.line(&format!("if {cond} {{ return {value} }}"));
            }
            29 if self.loops > 0 => {
                let cond = self.bool();
                let leave = ["continue", "break"][self.pick(2)];
                self.line(&format!("if {cond} {{ {leave} }}"));
            }
            31 => self.even_loop(),
            33..=38 => self.shape(),
            30 => {
                let (cond, value) = (self.bool(), self.int(1));
                self.line(&format!("assert({cond} || {value} != {}, \"it holds\")", self.names));
            }
            _ => self.call(),
        }
    }

    /// A statement that calls a task which may write what it is passed.
    fn call(&mut self) {
        let k = self.int(1);
        let text = match self.pick(34) {
            26 | 27 => self.array_part().map(|xs| format!("spread(&{xs}, {k})")),
            28 => self.array_part().map(|xs| format!("chunks(&{xs}, {k})")),
            29 => self.grid_part().map(|g| format!("paint(&{g}, {k})")),
            30 => self.grid_part().map(|g| format!("stripes(&{g}, {k})")),
            31 | 32 => {
                let (to, from) = (self.array_part(), self.other_array());
                to.map(|to| format!("within(&{to}, {from}, {k})"))
            }
            0..=4 => self.array_part().map(|xs| format!("set(&{xs}, {k})")),
            5 => {
                let (to, from) = (self.array_part(), self.other_array());
                to.map(|to| format!("copy(&{to}, {from})"))
            }
            6 => {
                let (a, b) = (self.array_part(), self.array_part());
                a.zip(b).map(|(a, b)| format!("mix(&{a}, &{b})"))
            }
            7 => self.array_place().map(|xs| format!("grow(&{xs}, {k})")),
            8 => self.array_place().map(|xs| format!("renew(&{xs}, {k})")),
            9 | 10 => self.int_place().map(|n| format!("bump(&{n}, {k})")),
            11 => {
                let (a, b) = (self.int_place(), self.int_place());
                a.zip(b).map(|(a, b)| format!("swap_ints(&{a}, &{b})"))
            }
            12..=14 => self.grid_part().map(|g| format!("tint(&{g}, {k})")),
            15 => {
                let (g, h) = (self.grid_part(), self.grid_part());
                g.zip(h).map(|(g, h)| format!("blend(&{g}, {h})"))
            }
            16 => self.person_place().map(|p| format!("age(&{p}, {k})")),
            17 => {
                let q = self.scope.packs.clone();
                self.one_of(&q).map(|q| format!("deepen(&{q}, {k})"))
            }
            18 => self.matrix_place().map(|m| format!("set_rows(&{m}, {k})")),
            19 => {
                let (m, xs) = (self.matrix_place(), self.other_array());
                m.map(|m| format!("add_row(&{m}, {xs})"))
            }
            20 => self.array_part().map(|xs| format!("split(&{xs}, {k})")),
            21 => {
                let depth = [3, 3, 10, 10, 150][self.pick(5)];
                self.array_part().map(|xs| format!("down({depth}, &{xs})"))
            }
            22 => self.array_part().map(|xs| format!("shout({xs})")),
            23 => self.array_part().map(|xs| format!("plain_set(&{xs}, {k})")),
            24 if self.drivers > 0 => {
                let driver = self.pick(self.drivers);
                let n = self.pick(4);
                let (xs, p) = (self.array_part(), self.person_place());
                xs.zip(p).map(|(xs, p)| format!("drive{driver}({n}, &{xs}, &{p})"))
            }
            _ => {
                let (zs, g, p) = (self.array_part(), self.grid_part(), self.person_place());
                let (xs, ys, s) = (self.other_array(), self.other_array(), self.text_value());
                zs.zip(g)
                    .zip(p)
                    .map(|((zs, g), p)| format!("crowd({k}, 2, {k}, 4, 0.5, {s}, {xs}, {ys}, &{zs}, {g}, {p}, {k})"))
            }
        };
        match text {
            // A slice that a task may replace is refused.
            Some(text) => self.line(&text),
            None => self.declare(),
        }
    }

    /// A copy or move of a whole value, or a result that replaces one.
    fn whole(&mut self) {
        let k = self.int(1);
        match self.pick(12) {
            0..=3 => {
                let value = self.array_value();
                let name = self.fresh("a");
                self.line(&format!("var {name} = {value}"));
                self.scope.arrays.push(name);
            }
            4 | 5 => {
                let Some(to) = self.array_place() else { return self.declare() };
                let value = self.array_value();
                self.line(&format!("{to} = {value}"));
            }
            6 => {
                let Some(to) = self.person_place() else { return self.declare() };
                let value = self.person_value();
                self.line(&format!("{to} = {value}"));
            }
            7 => {
                let (grids, name) = (self.scope.grids.clone(), self.fresh("g"));
                let Some(grid) = self.one_of(&grids) else { return self.declare() };
                if self.chance(50) && grids.len() > 1 {
                    self.line(&format!("{} = {grid}", grids[0]));
                } else {
                    self.line(&format!("var {name} = {grid}"));
                    self.scope.grids.push(name);
                }
            }
            8 => {
                let packs = self.scope.packs.clone();
                let Some(q) = self.one_of(&packs) else { return self.declare() };
                let person = self.person_value();
                let text = match self.pick(5) {
                    0 => format!("{q} = pack({person})"),
                    1 => format!("{q}.p = {person}"),
                    2 => format!("{q}.ps.push({person})"),
                    3 => format!("{q}.ps = [{person}, {person}]"),
                    _ => format!("{q} = {}", packs[0]),
                };
                self.line(&text);
            }
            9 => {
                let Some(m) = self.matrix_place() else { return self.declare() };
                let value = self.matrix_value();
                self.line(&format!("{m} = {value}"));
            }
            10 => {
                let name = self.fresh("w");
                self.line(&format!("let {name} = wide({k})"));
                let part = ["a", "d", "e", "h"][self.pick(4)];
                self.scope.counters.push(format!("{name}.{part}"));
                if self.chance(40) {
                    self.line(&format!("print({name})"));
                }
            }
            _ => {
                let floats = self.scope.floats.clone();
                let Some(f) = self.one_of(&floats) else { return self.declare() };
                let before = ["", "1.0 + ", "0.5 * "][self.pick(3)];
                self.line(&format!("{f} = {before}half({f}, {k})"));
            }
        }
    }

    fn resize(&mut self) {
        if self.chance(15)
            && let Some(m) = self.matrix_place()
        {
            let xs = self.array_value();
            let text = match self.pick(3) {
                0 => format!("{m}.push({xs})"),
                1 => format!("if {m}.len() > 1 {{ {m}.pop() }}"),
                _ => format!("{m}.resize(3, {xs})"),
            };
            return self.line(&text);
        }
        let Some(xs) = self.array_place() else { return self.declare() };
        let k = self.int(1);
        let text = match self.pick(8) {
            0..=2 => format!("{xs}.push({k})"),
            3 => format!("if {xs}.len() > 12 {{ {xs}.pop() }}"),
            4 => format!("{xs}.resize(14, {k})"),
            5 => format!("{xs}.insert(at(3, {xs}.len()), {k})"),
            6 => format!("append(&{xs}, [1, {k}])"),
            _ => format!("if {xs}.len() > 30 {{ {xs}.truncate(11) }}"),
        };
        self.line(&text);
    }

    fn builtin(&mut self) {
        let Some(xs) = self.array_part() else { return self.declare() };
        let k = self.int(1);
        let text = match self.pick(5) {
            0 => format!("sort(&{xs})"),
            1 => format!("reverse(&{xs})"),
            2 => format!("fill(&{xs}, {k})"),
            3 => format!("if {xs}.len() > 1 {{ swap(&{xs}, 0, 1) }}"),
            _ => format!("print({xs}.contains({k}))"),
        };
        self.line(&text);
    }

    fn text(&mut self) {
        let (texts, k) = (self.scope.texts.clone(), self.int(1));
        let Some(t) = self.one_of(&texts) else { return self.declare() };
        let text = match self.pick(6) {
            0 | 1 => format!("{t} = {t} + label({k})"),
            2 => format!("{t} += label({k})"),
            3 => format!("{t} = glue({t}, label({k}))"),
            4 => format!("{t} += \"{{{k}}}.\""),
            _ => format!("{t} = label({k})"),
        };
        self.line(&text);
        if self.chance(60) {
            self.line(&format!("if {t}.len() > 60 {{ {t} = {t}[..7] }}"));
        }
    }

    fn print(&mut self) {
        let scope = self.scope.clone();
        let text = match self.pick(8) {
            0..=2 => self.int(2),
            3 => self.array_part().unwrap_or_else(|| "1".into()),
            4 => self.one_of(&scope.grids).unwrap_or_else(|| "2".into()),
            5 => self.one_of(&scope.people).unwrap_or_else(|| "3".into()),
            6 => self.one_of(&scope.texts).unwrap_or_else(|| "4".into()),
            _ => format!("\"{{{}}} and {{{}}}\"", self.int(1), self.int(1)),
        };
        self.line(&format!("print({text})"));
    }

    // Places

    /// A whole array that can be resized.
    fn array_place(&mut self) -> Option<String> {
        let scope = self.scope.clone();
        // The parameter of a driver may be a slice.
        let arrays: Vec<String> = scope.arrays.into_iter().filter(|name| name != "xs").collect();
        match self.pick(8) {
            0..=3 => self.one_of(&arrays),
            4 => self.one_of(&scope.people).map(|p| format!("{p}.xs")),
            5 => self.one_of(&scope.packs).map(|q| format!("{q}.p.xs")),
            6 => {
                let index = self.index();
                self.one_of(&scope.packs).map(|q| format!("{q}.ps[at({index}, {q}.ps.len())].xs"))
            }
            _ => {
                let index = self.index();
                self.one_of(&scope.matrices).map(|m| format!("{m}[at({index}, {m}.len())]"))
            }
        }
        .or_else(|| self.one_of(&arrays))
    }

    /// An array, a slice or a row.
    fn array_part(&mut self) -> Option<String> {
        if self.chance(25) {
            let grids = self.scope.grids.clone();
            if let Some(g) = self.one_of(&grids) {
                let r = self.index();
                let cols = ["..", "1..", "..2", "1..3", "0..1"][self.pick(5)];
                return Some(format!("{g}[at({r}, {g}.rows()), {cols}]"));
            }
        }
        let place = if self.chance(10) && self.result { Some("xs".into()) } else { self.array_place() }?;
        Some(match self.pick(7) {
            0 | 1 => place,
            2 => {
                let lo = self.pick(6);
                format!("{place}[{lo}..{}]", lo + self.pick(5))
            }
            3 => format!("{place}[..{place}.len() / 2]"),
            4 => format!("{place}[{place}.len() / 2..]"),
            _ => {
                let i = self.index();
                format!("{place}[at({i}, {place}.len())..at({i}, {place}.len()) + min(1, {place}.len())]")
            }
        })
    }

    /// An array to read, mostly of its own.
    fn other_array(&mut self) -> String {
        match self.pick(5) {
            0 => self.array_part().unwrap_or_else(|| "[1, 2]".into()),
            1 => format!("make({})", self.pick(9)),
            2 => "[5, 6, 7]".into(),
            _ => self.array_value(),
        }
    }

    fn array_value(&mut self) -> String {
        let k = self.index();
        match self.pick(12) {
            10 => self.array_part().map_or("make(4)".into(), |xs| format!("gather({xs})")),
            11 => format!("collect({k})"),
            0 | 1 => format!("[Int]({}, fill: {})", 12 + self.pick(14), self.pick(5)),
            2 | 3 => format!("make({k})"),
            4 | 5 => self.array_place().unwrap_or_else(|| "[Int](14, fill: 1)".into()),
            6 => self.array_place().map_or("make(1)".into(), |xs| format!("keep({xs})")),
            7 => {
                let ms = self.scope.matrices.clone();
                self.one_of(&ms).map_or("make(2)".into(), |m| format!("longest({m})"))
            }
            8 => {
                let (value, cond) = (["x * 2", "work(x)", "step(x)", "say(x)"][self.pick(4)], self.filter());
                format!("[{value} for x in 0..12{cond}]")
            }
            _ => self.array_place().map_or("make(3)".into(), |xs| format!("{xs} + [{k}]")),
        }
    }

    /// The condition of a comprehension over `x`, or none.
    fn filter(&mut self) -> &'static str {
        ["", "", " if x & 1 == 0", " if work(x) & 1 == 0", " if say(x) != 3", " if step(x) > 40"][self.pick(6)]
    }

    fn matrix_value(&mut self) -> String {
        let (a, b) = (self.array_value(), self.array_value());
        match self.pick(4) {
            0 | 1 => format!("[{a}, {b}, [1, 2, 3]]"),
            2 => format!("[[Int]](4, fill: {a})"),
            _ => "[make(x) for x in 0..4]".into(),
        }
    }

    fn matrix_place(&mut self) -> Option<String> {
        let scope = self.scope.clone();
        if self.chance(25)
            && let Some(q) = self.one_of(&scope.packs)
        {
            return Some(format!("{q}.m"));
        }
        self.one_of(&scope.matrices)
    }

    fn grid_part(&mut self) -> Option<String> {
        let grids = self.scope.grids.clone();
        let g = self.one_of(&grids)?;
        Some(match self.pick(8) {
            0 | 1 => g,
            2 => format!("{g}[0..2, 0..2]"),
            3 => format!("{g}[.., 1..3]"),
            4 => format!("{g}[1..3, ..]"),
            5 => {
                let c = self.index();
                format!("{g}[.., at({c}, {g}.cols())]")
            }
            6 => format!("{g}[..{g}.rows() / 2, {g}.cols() / 2..]"),
            _ => {
                let r = self.index();
                format!("{g}[at({r}, {g}.rows() - 1)..at({r}, {g}.rows() - 1) + 1, 0..2]")
            }
        })
    }

    fn person_place(&mut self) -> Option<String> {
        let scope = self.scope.clone();
        match self.pick(4) {
            0 | 1 => self.one_of(&scope.people),
            2 => self.one_of(&scope.packs).map(|q| format!("{q}.p")),
            _ => {
                let i = self.index();
                self.one_of(&scope.packs).map(|q| format!("{q}.ps[at({i}, {q}.ps.len())]"))
            }
        }
        .or_else(|| self.one_of(&scope.people))
    }

    fn person_value(&mut self) -> String {
        let k = self.index();
        match self.pick(5) {
            0 | 1 => format!("person({k})"),
            2 => {
                let xs = self.array_value();
                format!("P(n: {k}, xs: {xs}, name: \"new\", f: 1.5)")
            }
            3 => self.person_place().unwrap_or_else(|| "person(4)".into()),
            _ => {
                let packs = self.scope.packs.clone();
                self.one_of(&packs).map_or("person(5)".into(), |q| format!("unpack({q})"))
            }
        }
    }

    fn text_value(&mut self) -> String {
        let (texts, k) = (self.scope.texts.clone(), self.index());
        match self.pick(3) {
            0 => "\"s\"".into(),
            1 => format!("label({k})"),
            _ => self.one_of(&texts).unwrap_or_else(|| "\"u\"".into()),
        }
    }

    /// An Int that can be written.
    fn int_place(&mut self) -> Option<String> {
        let scope = self.scope.clone();
        let i = self.index();
        match self.pick(9) {
            0..=3 => self.one_of(&scope.ints),
            4 | 5 => self.array_place().map(|xs| format!("{xs}[at({i}, {xs}.len())]")),
            6 => self.person_place().map(|p| format!("{p}.n")),
            7 => self.one_of(&scope.grids).map(|g| format!("{g}[at({i}, {g}.rows()), {}]", i.len() % 3)),
            _ => self.array_place().map(|xs| format!("{xs}[{}]", i.len() % 7)),
        }
        .or_else(|| self.one_of(&scope.ints))
    }

    // Values

    /// A small number, the same whenever it is evaluated.
    fn index(&mut self) -> String {
        let counters: Vec<String> = self.scope.counters.iter().filter(|name| !name.starts_with('v')).cloned().collect();
        match self.pick(4) {
            0 => self.pick(9).to_string(),
            1 | 2 => self.one_of(&counters).unwrap_or_else(|| "2".into()),
            _ => self.one_of(&counters).map_or("3".into(), |i| format!("{i} + {}", self.pick(4))),
        }
    }

    fn int_call(&mut self) -> String {
        let (n, k) = (self.int(1), self.int(0));
        match self.pick(30) {
            22 | 23 => self.array_part().map_or(format!("work({k})"), |xs| format!("fold({xs}, {n})")),
            24 => self.array_part().map_or(format!("work({k})"), |xs| format!("until({xs}, {n})")),
            25 => self.array_part().map_or(format!("work({k})"), |xs| format!("every({xs}, 0, 1 + ({n} & 3))")),
            26 => self.matrix_place().map_or(format!("work({k})"), |m| format!("total_rows({m})")),
            27 => format!("given({n})"),
            28 => format!("complain({n})"),
            0..=3 => format!("work({n})"),
            4 => format!("slow({n})"),
            5 => format!("step({n})"),
            6 => format!("both({n}, {k})"),
            7 => format!("say({n})"),
            8 => format!("chat({})", self.pick(3)),
            9 | 10 => self.array_part().map_or(format!("work({k})"), |xs| format!("total({xs})")),
            11 | 12 => self.grid_part().map_or(format!("work({k})"), |g| format!("area({g})")),
            13 => self.person_place().map_or(format!("work({k})"), |p| format!("weigh({p})")),
            14 => format!("fib({})", self.pick(12)),
            15 => format!("nest({})", self.pick(7)),
            16 => format!("plain({n})"),
            17 => format!("work(step(work({n})))"),
            18 => format!("risk({k}, {})", 3 + self.pick(60)),
            19 => format!("label({n}).len()"),
            20 => format!("make({n})[1]"),
            _ if self.drivers > 0 => {
                let driver = self.pick(self.drivers);
                let (xs, p) = (self.array_part(), self.person_place());
                match xs.zip(p) {
                    Some((xs, p)) => format!("drive{driver}({}, &{xs}, &{p})", self.pick(5)),
                    None => format!("work({n})"),
                }
            }
            _ => format!("(work({n}) - work({k}))"),
        }
    }

    fn int(&mut self, depth: usize) -> String {
        let scope = self.scope.clone();
        match self.pick(if depth == 0 { 5 } else { 12 }) {
            0 => self.pick(70).to_string(),
            1 | 2 => self.one_of(&scope.counters).unwrap_or_else(|| "7".into()),
            3 | 4 => self.one_of(&scope.ints).unwrap_or_else(|| "8".into()),
            5 => self.array_place().map_or("9".into(), |xs| format!("{xs}.len()")),
            6 => self.int_place().unwrap_or_else(|| "10".into()),
            7 => self.int_call(),
            8 => format!("({} + {})", self.int(depth - 1), self.int(depth - 1)),
            9 => format!("({} -% {})", self.int(depth - 1), self.int(depth - 1)),
            10 => {
                let mask = [1, 15, 255][self.pick(3)];
                format!("({} & {mask})", self.int(depth - 1))
            }
            _ => {
                let cond = self.bool();
                format!("(if {cond} {{ {} }} else {{ {} }})", self.int(depth - 1), self.int(depth - 1))
            }
        }
    }

    fn bool(&mut self) -> String {
        let (a, b) = (self.int(0), self.int(0));
        match self.pick(4) {
            0 | 1 => format!("{a} < {b}"),
            2 => format!("even({a})"),
            _ => format!("{a} % 3 == {}", self.pick(3)),
        }
    }
}

//! A generator of well-typed programs. It reads its choices from bytes, the first option of each being the simplest, so
//! that a shorter list of smaller bytes gives a simpler program. The programs end: loops are bounded, and a function calls
//! only those before it, or itself with one less.

#[path = "generate/expr.rs"]
mod expr;

use std::fmt::Write;

/// A type of the generated program.
#[derive(Clone, PartialEq, Debug)]
enum Ty {
    Int,
    Float,
    Bool,
    Str,
    Array(Box<Ty>),
    Grid(Box<Ty>),
    /// Index into `Generator::structs`.
    Struct(usize),
}

fn array(element: Ty) -> Ty {
    Ty::Array(Box::new(element))
}

/// A step of a path.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Step {
    Field(usize),
    Index,
    Cell,
    Slice,
    Row,
    Column,
    Block,
}

/// What a path is for.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Need {
    /// To be read.
    Read,
    /// To be read as a variable, a field or an element: no slice.
    ReadWhole,
    /// To be assigned.
    Assign,
    /// To be passed to what may change its length.
    Resize,
    /// To be passed to what writes its elements only.
    Elements,
}

#[derive(Clone)]
struct Var {
    name: String,
    ty: Ty,
    writable: bool,
    /// An array that may have another length afterwards.
    resizable: bool,
}

#[derive(Clone)]
struct Param {
    ty: Ty,
    inout: bool,
    resizable: bool,
}

#[derive(Clone)]
struct Function {
    name: String,
    params: Vec<Param>,
    result: Option<Ty>,
    /// Its first parameter counts down.
    recursive: bool,
}

/// The functions that are there where they are used.
const HELPERS: [(&str, &str); 5] = [
    ("wrap", "fn wrap(i: Int, n: Int) -> Int { return if n <= 0 { 0 } else { mod_floor(i, n) } }\n"),
    ("say", "fn say(x: Int) -> Int {\n    write(\"{x} \")\n    return x\n}\n"),
    ("bump", "fn bump(inout n: Int) -> Int {\n    n += 1\n    return n\n}\n"),
    ("grow", "fn grow(inout xs: [Int]) -> Int {\n    xs.push(xs.len())\n    return xs.len()\n}\n"),
    (
        "clear_first",
        "task clear_first(inout xs: [Int]) -> Int {\n    if xs.len() > 0 { xs[0] = 0 }\n    return xs.len()\n}\n",
    ),
];

/// What programs are to be like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mix {
    /// Of everything a little.
    Even,
    /// Most functions are tasks, and most statements call them.
    Tasks,
}

/// Makes a program from choices.
pub fn program(choices: &[u8], mix: Mix) -> String {
    let mut generator = Generator {
        choices,
        mix,
        structs: Vec::new(),
        functions: Vec::new(),
        vars: Vec::new(),
        frozen: 0,
        names: 0,
        used: [false; HELPERS.len()],
        out: String::new(),
        indent: 1,
        loops: 0,
        in_clause: false,
        budget: 0,
        current: None,
    };
    generator.program()
}

struct Generator<'a> {
    choices: &'a [u8],
    mix: Mix,
    /// The types of each struct's fields, which are called `a`, `b`, ….
    structs: Vec<Vec<Ty>>,
    functions: Vec<Function>,
    vars: Vec<Var>,
    /// How many of `vars` can't be written here: those outside of a comprehension.
    frozen: usize,
    names: usize,
    used: [bool; HELPERS.len()],
    out: String,
    indent: usize,
    /// How many loops are around.
    loops: usize,
    in_clause: bool,
    /// How many more statements and operators this function may have.
    budget: i32,
    /// The function that is being made; `None` in `main`.
    current: Option<Function>,
}

impl Generator<'_> {
    // Choices

    /// A number below `n`; 0 when the choices are used up.
    fn pick(&mut self, n: usize) -> usize {
        let Some((&first, rest)) = self.choices.split_first() else { return 0 };
        self.choices = rest;
        if n <= 256 {
            return usize::from(first) % n;
        }
        usize::from(first) * 256 % n + self.pick(256).min(n - 1 - usize::from(first) * 256 % n)
    }

    /// True in `percent` of 100.
    fn chance(&mut self, percent: usize) -> bool {
        self.pick(100) >= 100 - percent
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    fn helper(&mut self, name: &str) {
        let index = HELPERS.iter().position(|helper| helper.0 == name).expect("there is such a helper");
        self.used[index] = true;
    }

    // Types

    fn scalar(&mut self) -> Ty {
        [Ty::Int, Ty::Float, Ty::Bool, Ty::Str][[0, 0, 0, 0, 1, 1, 2, 3, 3][self.pick(9)]].clone()
    }

    fn ty(&mut self, depth: usize) -> Ty {
        if depth == 0 {
            return self.scalar();
        }
        match self.pick(10) {
            0..=2 => Ty::Int,
            3 => self.scalar(),
            4 | 5 => array(Ty::Int),
            6 => array(self.ty(depth - 1)),
            7 => Ty::Grid(Box::new(if self.chance(25) { self.ty(depth - 1) } else { Ty::Int })),
            _ if self.structs.is_empty() => array(self.scalar()),
            _ => Ty::Struct(self.pick(self.structs.len())),
        }
    }

    fn name(&self, ty: &Ty) -> String {
        match ty {
            Ty::Int => "Int".into(),
            Ty::Float => "Float".into(),
            Ty::Bool => "Bool".into(),
            Ty::Str => "Str".into(),
            Ty::Array(element) => format!("[{}]", self.name(element)),
            Ty::Grid(element) => format!("Grid[{}]", self.name(element)),
            Ty::Struct(index) => format!("S{index}"),
        }
    }

    /// Whether values of that type have an order.
    fn ordered(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Grid(_) => false,
            Ty::Array(element) => self.ordered(element),
            // It may hold itself in an array.
            Ty::Struct(index) => {
                self.structs[*index].iter().all(|field| *field == array(ty.clone()) || self.ordered(field))
            }
            _ => true,
        }
    }

    // Programs

    fn program(&mut self) -> String {
        for index in 0..self.pick(4) {
            let count = 1 + self.pick(4);
            let mut fields: Vec<Ty> = (0..count).map(|_| self.ty(1)).collect();
            if self.chance(15) {
                fields.push(array(Ty::Struct(index)));
            }
            let list: Vec<String> =
                fields.iter().enumerate().map(|(i, ty)| format!("{}: {}", field(i), self.name(ty))).collect();
            writeln!(self.out, "struct S{index} {{ {} }}", list.join(", ")).expect("a String takes all");
            self.structs.push(fields);
        }
        let least = if self.mix == Mix::Tasks { 2 } else { 0 };
        for _ in 0..least + self.pick(5) {
            self.function();
        }
        self.out.push_str("fn main() {\n");
        self.budget = 120;
        self.current = None;
        self.vars.clear();
        for _ in 0..self.pick(5) {
            let ty = self.ty(2);
            self.declare(ty, true);
        }
        let count = 1 + self.pick(12);
        self.statements(count);
        for var in self.vars.clone() {
            self.line(&format!("print({})", var.name));
        }
        self.out.push_str("}\n");
        let helpers = HELPERS.iter().zip(self.used).filter(|(_, used)| *used).map(|((_, text), _)| *text);
        helpers.collect::<String>() + &self.out
    }

    fn function(&mut self) {
        let mut function = Function {
            name: format!("f{}", self.functions.len()),
            params: Vec::new(),
            result: None,
            recursive: self.chance(20),
        };
        let tasks = if self.mix == Mix::Tasks { 85 } else { 40 };
        let keyword = if self.chance(tasks) { "task" } else { "fn" };
        if function.recursive {
            function.params.push(Param { ty: Ty::Int, inout: false, resizable: false });
        }
        for _ in 0..self.pick(4) {
            let inout = self.chance(55);
            let resizable = inout && self.chance(40);
            let ty = self.ty(2);
            function.params.push(Param { ty, inout, resizable });
        }
        function.result = if self.chance(75) { Some(self.ty(1)) } else { None };
        self.vars = function
            .params
            .iter()
            .enumerate()
            .map(|(i, param)| Var {
                name: format!("p{i}"),
                ty: param.ty.clone(),
                writable: param.inout,
                resizable: param.resizable,
            })
            .collect();
        let params: Vec<String> = self
            .vars
            .iter()
            .map(|var| format!("{}{}: {}", if var.writable { "inout " } else { "" }, var.name, self.name(&var.ty)))
            .collect();
        let result = function.result.as_ref().map_or(String::new(), |ty| format!(" -> {}", self.name(ty)));
        writeln!(self.out, "{keyword} {}({}){result} {{", function.name, params.join(", "))
            .expect("a String takes all");
        self.budget = 50;
        self.current = Some(function.clone());
        if function.recursive {
            let value = function.result.clone().map_or(String::new(), |ty| format!(" {}", self.expr(&ty, 1)));
            self.line(&format!("if p0 <= 0 {{ return{value} }}"));
        }
        let count = self.pick(6);
        self.statements(count);
        if let Some(ty) = &function.result {
            let value = self.expr(ty, 3);
            self.line(&format!("return {value}"));
        }
        self.out.push_str("}\n");
        self.current = None;
        self.functions.push(function);
    }

    // Statements

    fn line(&mut self, text: &str) {
        self.out.push_str(&"    ".repeat(self.indent));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn statements(&mut self, count: usize) {
        for _ in 0..count {
            if self.budget <= 0 {
                return;
            }
            self.budget -= 1;
            self.statement();
        }
    }

    fn declare(&mut self, ty: Ty, writable: bool) {
        let value = self.expr(&ty, 3);
        // Now and then a name that hides another one; not that of a loop's counter.
        let hides = self.chance(6).then(|| self.vars.iter().find(|var| var.name.starts_with('v')).cloned()).flatten();
        let name = match hides {
            Some(var) if !self.in_clause => {
                self.vars.retain(|other| other.name != var.name);
                var.name
            }
            _ => self.fresh("v"),
        };
        let written = if self.chance(30) { format!(": {}", self.name(&ty)) } else { String::new() };
        let keyword = if writable { "var" } else { "let" };
        self.line(&format!("{keyword} {name}{written} = {value}"));
        self.vars.push(Var { name, ty, writable, resizable: writable });
    }

    /// A block of statements, whose variables are forgotten afterwards.
    fn block(&mut self, head: &str, count: usize) {
        self.line(&format!("{head} {{"));
        self.indent += 1;
        self.scoped(|this| this.statements(count));
        self.indent -= 1;
        self.line("}");
    }

    fn scoped(&mut self, f: impl FnOnce(&mut Self)) {
        let vars = self.vars.clone();
        f(self);
        self.vars = vars;
    }

    fn statement(&mut self) {
        if self.mix == Mix::Tasks && self.loops == 0 && self.chance(15) {
            return self.for_loop();
        }
        if self.mix == Mix::Tasks && self.chance(30) && self.call_statement() {
            return;
        }
        match self.pick(24) {
            0 => {
                let ty = self.ty(2);
                let value = self.expr(&ty, 2);
                self.line(&format!("print({value})"));
            }
            1 | 2 => {
                let ty = self.ty(2);
                let writable = !self.chance(30);
                self.declare(ty, writable);
            }
            3..=6 => self.assignment(),
            7..=9 => self.compound(),
            10 | 11 => {
                if !self.array_statement() {
                    self.assignment();
                }
            }
            12..=15 => {
                if !self.call_statement() {
                    self.assignment();
                }
            }
            16 => {
                let cond = self.expr(&Ty::Bool, 2);
                let count = 1 + self.pick(3);
                self.block(&format!("if {cond}"), count);
                if self.chance(40) {
                    self.out.truncate(self.out.len() - 1);
                    let count = self.pick(3);
                    self.out.push_str(" else {\n");
                    self.indent += 1;
                    self.scoped(|this| this.statements(count));
                    self.indent -= 1;
                    self.line("}");
                }
            }
            17 | 18 if self.loops < 2 => self.for_loop(),
            19 if self.loops < 2 => {
                let name = self.fresh("w");
                let turns = 1 + self.pick(4);
                self.line(&format!("var {name} = {turns}"));
                self.vars.push(Var { name: name.clone(), ty: Ty::Int, writable: false, resizable: false });
                let cond = if self.chance(30) { self.expr(&Ty::Bool, 1) } else { "true".into() };
                self.line(&format!("while {name} > 0 && {cond} {{"));
                self.indent += 1;
                self.line(&format!("{name} -= 1"));
                self.loops += 1;
                let count = 1 + self.pick(3);
                self.scoped(|this| this.statements(count));
                self.loops -= 1;
                self.indent -= 1;
                self.line("}");
            }
            20 if self.loops > 0 => {
                let cond = self.expr(&Ty::Bool, 1);
                let leave = ["continue", "break"][self.pick(2)];
                self.line(&format!("if {cond} {{ {leave} }}"));
            }
            21 => {
                let cond = self.expr(&Ty::Bool, 1);
                if self.chance(50) {
                    let message = self.expr(&Ty::Str, 1);
                    self.line(&format!("assert({cond} || {}, {message})", self.frequent()));
                } else {
                    self.line(&format!("assert({cond} || {})", self.frequent()));
                }
            }
            22 => {
                if let Some(function) = self.current.clone() {
                    let cond = self.expr(&Ty::Bool, 1);
                    let value = function.result.map_or(String::new(), |ty| format!(" {}", self.expr(&ty, 1)));
                    self.line(&format!("if {cond} {{ return{value} }}"));
                } else if self.chance(20) {
                    let (cond, code) = (self.expr(&Ty::Bool, 1), self.expr(&Ty::Int, 1));
                    let last = if self.chance(50) { format!("exit({code})") } else { "panic(\"no\")".into() };
                    self.line(&format!("if {cond} {{ {last} }}"));
                }
            }
            _ => {
                let text = self.interpolation(2);
                self.line(&format!("print({text})"));
            }
        }
    }

    /// True more often than not.
    fn frequent(&self) -> &'static str {
        if self.choices.first().is_some_and(|byte| byte % 4 == 0) { "false" } else { "true" }
    }

    fn for_loop(&mut self) {
        let (source, ty) = self.source(4);
        let name = self.fresh("i");
        self.loops += 1;
        self.line(&format!("for {name} in {source} {{"));
        self.indent += 1;
        self.scoped(|this| {
            this.vars.push(Var { name, ty, writable: false, resizable: false });
            let count = 1 + this.pick(4);
            this.statements(count);
        });
        self.indent -= 1;
        self.line("}");
        self.loops -= 1;
    }

    /// What a loop of some `turns` turns walks, and the type of its variable.
    fn source(&mut self, turns: usize) -> (String, Ty) {
        match self.pick(8) {
            0..=2 => (format!("0..{}", 1 + self.pick(turns)), Ty::Int),
            3 => {
                let step = ["2", "-1", "-3", "5", "1"][self.pick(5)];
                let (lo, hi) = (self.pick(8), self.pick(8));
                (format!("{lo}..{hi} by {step}"), Ty::Int)
            }
            4 => {
                let lo = self.expr(&Ty::Int, 1);
                self.helper("wrap");
                (format!("0..wrap({lo}, {})", turns + 1), Ty::Int)
            }
            5 => {
                let ends = [
                    "INT_MAX - 3..INT_MAX by 2",
                    "INT_MIN + 2..INT_MIN by -2",
                    "INT_MAX - 1..INT_MAX",
                    "3..INT_MIN by INT_MIN",
                ];
                (ends[self.pick(ends.len())].into(), Ty::Int)
            }
            _ => {
                let element = self.ty(1);
                let of = if self.chance(25) { Ty::Grid(Box::new(element.clone())) } else { array(element.clone()) };
                (self.expr(&of, 2), element)
            }
        }
    }

    fn assignment(&mut self) {
        let Some((place, ty)) = self.any_place(Need::Assign) else {
            let ty = self.ty(2);
            return self.declare(ty, true);
        };
        let value = self.expr(&ty, 3);
        self.line(&format!("{place} = {value}"));
    }

    fn compound(&mut self) {
        let ty = [Ty::Int, Ty::Float, Ty::Str, array(Ty::Int)][[0, 0, 0, 0, 1, 2, 3][self.pick(7)]].clone();
        let need = if matches!(ty, Ty::Array(_)) { Need::Resize } else { Need::Assign };
        let Some(place) = self.place(&ty, need) else { return self.assignment() };
        let operators: &[&str] = match ty {
            Ty::Int => &["+", "-", "*", "+%", "-%", "*%", "&", "|", "^", "%", "/", "<<", ">>"],
            Ty::Float => &["+", "-", "*", "/", "%"],
            _ => &["+"],
        };
        let op = operators[self.pick(operators.len())];
        let value = self.expr(&ty, 2);
        self.line(&format!("{place} {op}= {value}"));
    }

    /// A built-in that changes an array.
    fn array_statement(&mut self) -> bool {
        let places = self.places(&|ty| matches!(ty, Ty::Array(_)), Need::Resize);
        let Some((place, Ty::Array(element))) = self.choose(places) else { return false };
        let text = match self.pick(10) {
            0 | 1 => format!("{place}.push({})", self.expr(&element, 2)),
            2 => format!("{place}.pop()"),
            3 => {
                let at = self.expr(&Ty::Int, 1);
                format!("{place}.insert({at}, {})", self.expr(&element, 1))
            }
            4 => format!("{place}.remove({})", self.expr(&Ty::Int, 1)),
            5 => format!("append(&{place}, {})", self.expr(&Ty::Array(element), 2)),
            6 => format!("{place}.truncate({})", self.expr(&Ty::Int, 1)),
            7 => {
                self.helper("wrap");
                let n = self.expr(&Ty::Int, 1);
                format!("{place}.resize(wrap({n}, 5), {})", self.expr(&element, 1))
            }
            8 => format!("{place}.clear()"),
            _ => return self.elements_statement(),
        };
        self.line(&text);
        true
    }

    /// A built-in that changes elements.
    fn elements_statement(&mut self) -> bool {
        let places = self.places(&|ty| matches!(ty, Ty::Array(_)), Need::Elements);
        let Some((place, Ty::Array(element))) = self.choose(places) else { return false };
        let text = match self.pick(4) {
            0 => format!("reverse(&{place})"),
            1 => format!("fill(&{place}, {})", self.expr(&element, 2)),
            2 => {
                let i = self.index(&place);
                format!("swap(&{place}, {i}, {})", self.expr(&Ty::Int, 1))
            }
            _ if self.ordered(&element) => format!("sort(&{place})"),
            _ => return false,
        };
        self.line(&text);
        true
    }

    fn call_statement(&mut self) -> bool {
        let candidates: Vec<Function> = self.callable();
        if candidates.is_empty() {
            return false;
        }
        let function = candidates[self.pick(candidates.len())].clone();
        let Some(call) = self.call(&function, 2) else { return false };
        self.line(&call);
        true
    }

    // Places

    /// What one step leads to.
    fn steps(&self, ty: &Ty) -> Vec<(Step, Ty)> {
        match ty {
            Ty::Array(element) => vec![(Step::Index, *element.clone()), (Step::Slice, ty.clone())],
            Ty::Grid(element) => vec![
                (Step::Cell, *element.clone()),
                (Step::Row, Ty::Array(element.clone())),
                (Step::Block, ty.clone()),
                (Step::Column, ty.clone()),
            ],
            Ty::Struct(index) => {
                self.structs[*index].iter().enumerate().map(|(i, ty)| (Step::Field(i), ty.clone())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// All paths of up to three steps that lead to a type that fits.
    fn places(&self, fits: &dyn Fn(&Ty) -> bool, need: Need) -> Vec<(usize, Vec<Step>, Ty)> {
        let mut places = Vec::new();
        for (index, var) in self.vars.iter().enumerate() {
            let reads = matches!(need, Need::Read | Need::ReadWhole);
            if !reads && (!var.writable || index < self.frozen) {
                continue;
            }
            let mut paths = vec![(Vec::new(), var.ty.clone())];
            for _ in 0..3 {
                let mut longer = Vec::new();
                for (path, ty) in &paths {
                    let path: &Vec<Step> = path;
                    let sliced = path.last().is_some_and(|step| is_slice(*step));
                    let sequence = matches!(ty, Ty::Array(_) | Ty::Grid(_));
                    let allowed = match need {
                        Need::Read => true,
                        Need::ReadWhole => !sliced,
                        Need::Elements => !sequence || var.resizable || !path.is_empty() || var.writable,
                        Need::Assign => !sequence || var.resizable || !path.is_empty(),
                        Need::Resize => !sliced && (!sequence || var.resizable || !path.is_empty()),
                    };
                    if allowed && fits(ty) {
                        places.push((index, path.clone(), ty.clone()));
                    }
                    for (step, ty) in self.steps(ty) {
                        let mut path = path.clone();
                        path.push(step);
                        longer.push((path, ty));
                    }
                }
                paths = longer;
            }
        }
        places
    }

    /// One of these, as text, and its type.
    fn choose(&mut self, places: Vec<(usize, Vec<Step>, Ty)>) -> Option<(String, Ty)> {
        if places.is_empty() {
            return None;
        }
        let (var, path, ty) = places[self.pick(places.len())].clone();
        let mut text = self.vars[var].name.clone();
        for step in path {
            text = self.step(text, step);
        }
        Some((text, ty))
    }

    fn place(&mut self, ty: &Ty, need: Need) -> Option<String> {
        let places = self.places(&|other| other == ty, need);
        self.choose(places).map(|(text, _)| text)
    }

    /// A part of the variable `root`.
    fn place_in(&mut self, root: &str, ty: &Ty, need: Need) -> Option<String> {
        let mut places = self.places(&|other| other == ty, need);
        places.retain(|(var, path, _)| self.vars[*var].name == root && !path.is_empty());
        self.choose(places).map(|(text, _)| text)
    }

    fn any_place(&mut self, need: Need) -> Option<(String, Ty)> {
        let places = self.places(&|_| true, need);
        self.choose(places)
    }

    fn step(&mut self, of: String, step: Step) -> String {
        match step {
            Step::Field(index) => format!("{of}.{}", field(index)),
            Step::Index => format!("{of}[{}]", self.index(&of)),
            Step::Slice => format!("{of}[{}]", self.range(&format!("{of}.len()"))),
            Step::Cell | Step::Row | Step::Column | Step::Block => {
                let (rows, cols) = (format!("{of}.rows()"), format!("{of}.cols()"));
                let row = if matches!(step, Step::Cell | Step::Row) { self.below(&rows) } else { self.range(&rows) };
                let col = if matches!(step, Step::Cell | Step::Column) { self.below(&cols) } else { self.range(&cols) };
                format!("{of}[{row}, {col}]")
            }
        }
    }

    /// An index of the array `of`, mostly inside.
    fn index(&mut self, of: &str) -> String {
        self.below(&format!("{of}.len()"))
    }

    /// An Int from 0 to below `end`, mostly.
    fn below(&mut self, end: &str) -> String {
        match self.pick(12) {
            0..=3 => self.pick(3).to_string(),
            4 => self.expr(&Ty::Int, 1),
            5 => {
                self.helper("say");
                format!("say({})", self.pick(3))
            }
            // What is evaluated twice must not write.
            6..=10 if !end.contains('&') => {
                self.helper("wrap");
                let value = self.expr(&Ty::Int, 1);
                format!("wrap({value}, {end})")
            }
            _ => ["0", "4", "-1", "INT_MAX", "INT_MIN"][self.pick(5)].into(),
        }
    }

    fn range(&mut self, end: &str) -> String {
        let (lo, hi) = match self.pick(9) {
            0 => (String::new(), String::new()),
            1 => (self.pick(3).to_string(), String::new()),
            2 => (String::new(), self.pick(4).to_string()),
            3 | 4 => {
                let lo = self.pick(3);
                (lo.to_string(), (lo + self.pick(3)).to_string())
            }
            5 if !end.contains('&') => (self.below(end), String::new()),
            6 if !end.contains('&') => (String::new(), self.below(end)),
            7 => {
                let lo = self.expr(&Ty::Int, 1);
                (lo, String::new())
            }
            _ => (self.expr(&Ty::Int, 1), self.expr(&Ty::Int, 1)),
        };
        format!("{lo}..{hi}")
    }

    // Calls

    fn callable(&self) -> Vec<Function> {
        let mut functions = self.functions.clone();
        // A function calls itself once or twice, not in a loop.
        if let Some(current) = &self.current
            && current.recursive
            && self.loops == 0
            && !self.in_clause
        {
            functions.push(current.clone());
        }
        functions
    }

    fn call(&mut self, function: &Function, depth: usize) -> Option<String> {
        let is_self = self.current.as_ref().is_some_and(|current| current.name == function.name);
        if is_self {
            self.budget -= 20;
        }
        let mut args: Vec<String> = Vec::new();
        for (i, param) in function.params.iter().enumerate() {
            // Arguments that meet are rare unless they are looked for.
            let same = if self.chance(30) { args.iter().find_map(|arg| arg.strip_prefix('&')).map(root) } else { None };
            args.push(if function.recursive && i == 0 {
                if is_self { "p0 - 1".into() } else { (1 + self.pick(3)).to_string() }
            } else if param.inout {
                let sequence = matches!(param.ty, Ty::Array(_) | Ty::Grid(_));
                let need = if param.resizable || !sequence { Need::Resize } else { Need::Elements };
                match same.and_then(|root| self.place_in(&root, &param.ty, need)) {
                    Some(place) => format!("&{place}"),
                    None => format!("&{}", self.place(&param.ty, need)?),
                }
            } else {
                same.and_then(|root| self.place_in(&root, &param.ty, Need::Read))
                    .unwrap_or_else(|| self.expr(&param.ty, depth))
            });
        }
        Some(format!("{}({})", function.name, args.join(", ")))
    }
}

fn field(index: usize) -> String {
    char::from(b'a' + index as u8).to_string()
}

/// The variable that a place begins with.
fn root(place: &str) -> String {
    place.chars().take_while(|c| c.is_alphanumeric()).collect()
}

fn is_slice(step: Step) -> bool {
    matches!(step, Step::Slice | Step::Row | Step::Column | Step::Block)
}

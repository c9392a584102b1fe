//! Expressions of every type.

use std::fmt::Write;

use super::{Function, Generator, Mix, Need, Ty, Var, array, field};

impl Generator<'_> {
    /// An expression of that type.
    pub fn expr(&mut self, ty: &Ty, depth: usize) -> String {
        self.budget -= 1;
        if depth == 0 || self.budget <= 0 {
            return self.leaf(ty);
        }
        match self.pick(10) {
            0 => self.leaf(ty),
            1..=3 => {
                let need = if self.chance(40) { Need::Read } else { Need::ReadWhole };
                self.place(ty, need).unwrap_or_else(|| self.leaf(ty))
            }
            4 => self.call_of(ty, depth - 1).unwrap_or_else(|| self.leaf(ty)),
            6 | 7 if self.mix == Mix::Tasks => self.call_of(ty, depth - 1).unwrap_or_else(|| self.leaf(ty)),
            5 => self.if_expr(ty, depth - 1),
            _ => match ty {
                Ty::Int => self.int(depth - 1),
                Ty::Float => self.float(depth - 1),
                Ty::Bool => self.bool(depth - 1),
                Ty::Str => self.text(depth - 1),
                Ty::Array(element) => self.array(element, depth - 1),
                Ty::Grid(element) => {
                    let (rows, cols) = (self.pick(4), self.pick(4));
                    format!("Grid[{}]({rows}, {cols}, fill: {})", self.name(element), self.expr(element, depth - 1))
                }
                Ty::Struct(index) => self.construct(*index, depth - 1),
            },
        }
    }

    fn construct(&mut self, index: usize, depth: usize) -> String {
        let fields = self.structs[index].clone();
        let mut list: Vec<String> = Vec::new();
        for (i, ty) in fields.iter().enumerate() {
            let value = match ty {
                Ty::Array(_) if depth == 0 => "[]".into(),
                ty => self.expr(ty, depth),
            };
            list.push(format!("{}: {value}", field(i)));
        }
        if self.chance(20) {
            list.reverse();
        }
        format!("S{index}({})", list.join(", "))
    }

    /// A literal or a variable.
    fn leaf(&mut self, ty: &Ty) -> String {
        if self.chance(50)
            && let Some(var) = self.vars.iter().rev().find(|var| var.ty == *ty)
        {
            return var.name.clone();
        }
        match ty {
            Ty::Int => match self.pick(8) {
                0..=5 => self.pick(6).to_string(),
                6 => ["-1", "7", "63", "64", "1000"][self.pick(5)].into(),
                _ => ["INT_MAX", "INT_MIN", "(-5)", "0x7fff"][self.pick(4)].into(),
            },
            Ty::Float => ["0.5", "1.0", "2.25", "1e300", "NAN", "INF", "(-0.0)", "0.1"][self.pick(8)].into(),
            Ty::Bool => ["true", "false"][self.pick(2)].into(),
            Ty::Str => {
                ["\"a\"", "\"\"", "\"héy\"", "\"x y z\"", "\"\\{\\\"\"", "\"12\"", "\"b\\n\""][self.pick(7)].into()
            }
            Ty::Array(element) => {
                let count = self.pick(4);
                if count == 0 || matches!(**element, Ty::Struct(_)) {
                    return self.empty(ty);
                }
                let list: Vec<String> = (0..count).map(|_| self.leaf(element)).collect();
                format!("[{}]", list.join(", "))
            }
            Ty::Grid(element) => {
                format!("Grid[{}]({}, 2, fill: {})", self.name(element), self.pick(3), self.leaf(element))
            }
            Ty::Struct(index) => {
                let fields = self.structs[*index].clone();
                let list: Vec<String> = fields
                    .iter()
                    .enumerate()
                    .map(|(i, ty)| match ty {
                        Ty::Array(_) => format!("{}: []", field(i)),
                        ty => format!("{}: {}", field(i), self.leaf(ty)),
                    })
                    .collect();
                format!("S{index}({})", list.join(", "))
            }
        }
    }

    fn empty(&mut self, ty: &Ty) -> String {
        let Ty::Array(element) = ty else { panic!("{ty:?} is no array") };
        format!("{}(0, fill: {})", self.name(ty), self.leaf(element))
    }

    fn call_of(&mut self, ty: &Ty, depth: usize) -> Option<String> {
        let functions: Vec<Function> =
            self.callable().into_iter().filter(|function| function.result.as_ref() == Some(ty)).collect();
        if functions.is_empty() || (*ty == Ty::Int && self.chance(40)) {
            return if *ty == Ty::Int { self.helper_call(depth) } else { None };
        }
        let function = functions[self.pick(functions.len())].clone();
        self.call(&function, depth)
    }

    fn helper_call(&mut self, depth: usize) -> Option<String> {
        let (name, arg) = match self.pick(4) {
            0 => ("say", self.expr(&Ty::Int, depth)),
            1 => ("bump", format!("&{}", self.place(&Ty::Int, Need::Resize)?)),
            2 => ("grow", format!("&{}", self.place(&array(Ty::Int), Need::Resize)?)),
            _ => ("clear_first", format!("&{}", self.place(&array(Ty::Int), Need::Elements)?)),
        };
        self.helper(name);
        Some(format!("{name}({arg})"))
    }

    fn if_expr(&mut self, ty: &Ty, depth: usize) -> String {
        let cond = self.expr(&Ty::Bool, depth);
        let first = self.value_block(ty, depth);
        let more = if self.chance(20) {
            let cond = self.expr(&Ty::Bool, depth);
            format!("else if {cond} {} ", self.value_block(ty, depth))
        } else {
            String::new()
        };
        let last = self.value_block(ty, depth);
        format!("(if {cond} {first} {more}else {last})")
    }

    /// `{ …; value }` on one line.
    fn value_block(&mut self, ty: &Ty, depth: usize) -> String {
        let mut before = String::new();
        if self.chance(25) {
            let vars = self.vars.clone();
            let (out, indent) = (std::mem::take(&mut self.out), std::mem::replace(&mut self.indent, 0));
            match self.pick(3) {
                0 => self.assignment(),
                1 => self.compound(),
                _ => {
                    let ty = self.ty(1);
                    self.declare(ty, true);
                }
            }
            before = std::mem::replace(&mut self.out, out).trim().replace('\n', "; ") + "; ";
            self.indent = indent;
            let value = self.expr(ty, depth);
            self.vars = vars;
            return format!("{{ {before}{value} }}");
        }
        let leaves = !self.in_clause && self.chance(6);
        let value = match (leaves, self.current.clone(), self.loops) {
            (true, _, 1..) => "break".into(),
            (true, Some(Function { result: Some(result), .. }), _) => format!("return {}", self.expr(&result, depth)),
            _ => self.expr(ty, depth),
        };
        format!("{{ {before}{value} }}")
    }

    fn two(&mut self, ty: &Ty, depth: usize) -> (String, String) {
        (self.expr(ty, depth), self.expr(ty, depth))
    }

    /// `element for x in source if cond`, where what is outside is not written.
    fn clause(&mut self, element: &Ty, depth: usize) -> String {
        let (source, ty) = self.source(5);
        let name = self.fresh("x");
        let (vars, frozen, in_clause) = (self.vars.clone(), self.frozen, self.in_clause);
        self.frozen = self.vars.len();
        self.in_clause = true;
        self.vars.push(Var { name: name.clone(), ty, writable: false, resizable: false });
        let value = self.expr(element, depth);
        let cond = if self.chance(35) { format!(" if {}", self.expr(&Ty::Bool, depth)) } else { String::new() };
        (self.vars, self.frozen, self.in_clause) = (vars, frozen, in_clause);
        format!("{value} for {name} in {source}{cond}")
    }

    fn int(&mut self, depth: usize) -> String {
        match self.pick(18) {
            0..=4 => {
                let op = ["+", "-", "*", "+", "-", "/", "%"][self.pick(7)];
                let (a, b) = self.two(&Ty::Int, depth);
                format!("({a} {op} {b})")
            }
            5 | 6 => {
                let op = ["+%", "-%", "*%", "&", "|", "^", "<<", ">>"][self.pick(8)];
                let (a, b) = self.two(&Ty::Int, depth);
                format!("({a} {op} {b})")
            }
            7 => format!("({}{})", ["-", "~"][self.pick(2)], self.expr(&Ty::Int, depth)),
            8 => {
                let ty = array(self.ty(1));
                format!("{}.len()", self.expr(&ty, depth))
            }
            9 => {
                let name = ["min", "max", "gcd", "div_floor", "mod_floor", "rotate_left", "shift_right_logical", "pow"]
                    [self.pick(8)];
                let (a, b) = self.two(&Ty::Int, depth);
                format!("{name}({a}, {b})")
            }
            10 => {
                let name = ["abs", "sign", "isqrt", "count_ones", "leading_zeros"][self.pick(5)];
                format!("{name}({})", self.expr(&Ty::Int, depth))
            }
            11 => {
                let ty = [Ty::Bool, Ty::Float][self.pick(2)].clone();
                format!("Int({})", self.expr(&ty, depth))
            }
            12 => {
                let (s, at) = (self.expr(&Ty::Str, depth), self.pick(2));
                format!("{s}[{at}]")
            }
            13 | 14 => {
                let name = ["sum", "product", "min", "max", "sum"][self.pick(5)];
                format!("{name}({})", self.clause(&Ty::Int, depth))
            }
            15 => format!("count({})", self.clause(&Ty::Bool, depth)),
            16 => {
                let element = self.scalar();
                let (xs, x) = (self.expr(&array(element.clone()), depth), self.expr(&element, depth));
                format!("{xs}.find({x})")
            }
            _ => {
                let (s, t) = self.two(&Ty::Str, depth);
                ["len", "find"].map(|name| match name {
                    "len" => format!("{s}.len()"),
                    _ => format!("{s}.find({t})"),
                })[self.pick(2)]
                .clone()
            }
        }
    }

    fn float(&mut self, depth: usize) -> String {
        match self.pick(8) {
            0..=2 => {
                let op = ["+", "-", "*", "/", "%"][self.pick(5)];
                let (a, b) = self.two(&Ty::Float, depth);
                format!("({a} {op} {b})")
            }
            3 => format!("Float({})", self.expr(&Ty::Int, depth)),
            4 => {
                let name = ["abs", "sqrt", "floor", "ceil", "round", "trunc", "sign"][self.pick(7)];
                format!("{name}({})", self.expr(&Ty::Float, depth))
            }
            5 => {
                let (a, b) = self.two(&Ty::Float, depth);
                format!("{}({a}, {b})", ["min", "max"][self.pick(2)])
            }
            6 => format!("(-{})", self.expr(&Ty::Float, depth)),
            _ => {
                let name = ["sum", "product", "min", "max"][self.pick(4)];
                format!("{name}({})", self.clause(&Ty::Float, depth))
            }
        }
    }

    fn bool(&mut self, depth: usize) -> String {
        match self.pick(9) {
            0..=2 => {
                let op = ["<", "<=", ">", ">=", "==", "!="][self.pick(6)];
                let ty = if self.chance(60) { Ty::Int } else { self.ty(2) };
                let op = if self.ordered(&ty) { op } else { ["==", "!="][self.pick(2)] };
                let (a, b) = self.two(&ty, depth);
                format!("({a} {op} {b})")
            }
            3 | 4 => {
                let op = ["&&", "||"][self.pick(2)];
                let (a, b) = self.two(&Ty::Bool, depth);
                format!("({a} {op} {b})")
            }
            5 => format!("!{}", self.expr(&Ty::Bool, depth)),
            6 => format!("{}({})", ["any", "all"][self.pick(2)], self.clause(&Ty::Bool, depth)),
            7 => {
                let element = self.ty(1);
                let (xs, x) = (self.expr(&array(element.clone()), depth), self.expr(&element, depth));
                format!("{xs}.contains({x})")
            }
            _ => {
                let (s, t) = self.two(&Ty::Str, depth);
                let name = ["starts_with", "ends_with", "contains"][self.pick(3)];
                format!("{s}.{name}({t})")
            }
        }
    }

    fn text(&mut self, depth: usize) -> String {
        match self.pick(8) {
            0 | 1 => {
                let (a, b) = self.two(&Ty::Str, depth);
                format!("({a} + {b})")
            }
            2 | 3 => self.interpolation(depth),
            4 => {
                let ty = self.ty(2);
                format!("Str({})", self.expr(&ty, depth))
            }
            5 => {
                let s = self.expr(&Ty::Str, depth);
                format!("{s}[{}]", ["..", "1..", "..1", "1..2", "0..9"][self.pick(5)])
            }
            6 => {
                let s = self.expr(&Ty::Str, depth);
                format!("{s}.{}()", ["upper", "lower", "trim"][self.pick(3)])
            }
            _ => format!("{}.join(\"-\")", self.expr(&array(Ty::Str), depth)),
        }
    }

    pub fn interpolation(&mut self, depth: usize) -> String {
        let mut text = String::from("\"");
        for _ in 0..=self.pick(3) {
            let ty = self.ty(2);
            let value = self.expr(&ty, depth);
            let format = match (self.chance(20), &ty) {
                (false, _) => "",
                (_, Ty::Int) => [":5", ":<5", ":^6", ":05", ":x", ":b"][self.pick(6)],
                (_, Ty::Float) => [":.2", ":9.3", ":e", ":08.1"][self.pick(4)],
                (_, Ty::Str) => [":4", ":>4", ":.2", ":^5.1"][self.pick(4)],
                _ => [":9", ":>9"][self.pick(2)],
            };
            write!(text, "{{{value}{format}}} ").expect("a String takes all");
        }
        text.pop();
        text + "\""
    }

    fn array(&mut self, element: &Ty, depth: usize) -> String {
        let whole = array(element.clone());
        match self.pick(10) {
            0..=3 => {
                let count = 1 + self.pick(5);
                let list: Vec<String> = (0..count).map(|_| self.expr(element, depth)).collect();
                format!("[{}]", list.join(", "))
            }
            4 => {
                let count = self.pick(5);
                format!("{}({count}, fill: {})", self.name(&whole), self.expr(element, depth))
            }
            5 | 6 => format!("[{}]", self.clause(element, depth)),
            7 => {
                let (a, b) = self.two(&whole, depth);
                format!("({a} + {b})")
            }
            8 if self.ordered(element) => format!("{}.sorted()", self.expr(&whole, depth)),
            _ if *element == Ty::Str => format!("{}.chars()", self.expr(&Ty::Str, depth)),
            _ => format!("{}.reversed()", self.expr(&whole, depth)),
        }
    }
}

//! A program as text: what `tgvm dis` prints. Registers with their types, instructions with their operands in the order of
//! the table, their read set and their write set, under the source line they come from.
//!
//! The types must be well-formed; apart from that the program need not be verified.

use super::access::{Access, RegisterName, describe};
use super::builtins::{BUILTINS, Pattern};
use super::ops::{Field, HEADER, Instr, Kind, Op, Operand, Role};
use super::program::{Constant, Function, Passing, Program, RegType};
use super::trap::TrapCode;
use super::types::{TypeId, TypeTable};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Columns that mnemonic and operands take, and the read set.
const OPERANDS_WIDTH: usize = 34;
const READS_WIDTH: usize = 24;
/// A constant's text is cut off after so many characters.
const MAX_TEXT: usize = 40;

/// The whole program.
pub fn disassemble(program: &Program) -> String {
    let lines = Lines::of(&program.source);
    let mut out = String::from("; label, index, instruction  ; read set > write set\n\n");
    for index in 0..program.functions.len() {
        if index > 0 {
            out.push('\n');
        }
        Listing { program, function: &program.functions[index], lines: &lines, labels: BTreeMap::new(), out: &mut out }
            .print();
    }
    out
}

/// Where the source's lines begin.
struct Lines<'a> {
    source: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(source: &'a str) -> Lines<'a> {
        let after_newlines = source.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        Lines { source, starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    /// The index of the line that a byte is in.
    fn number(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset) - 1
    }

    fn text(&self, number: usize) -> &'a str {
        let end = self.starts.get(number + 1).copied().unwrap_or(self.source.len());
        self.source[self.starts[number]..end].trim()
    }
}

struct Listing<'a> {
    program: &'a Program,
    function: &'a Function,
    lines: &'a Lines<'a>,
    /// The number of each jump target's label.
    labels: BTreeMap<usize, usize>,
    out: &'a mut String,
}

/// Writing to a String can't fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => { write!($out, $($arg)*).expect("a String takes all") };
}

impl Listing<'_> {
    fn print(mut self) {
        self.header();
        let code = &self.function.code;
        for (index, &instr) in code.iter().enumerate() {
            if let Some(target) = target(index, instr).filter(|&target| target < code.len()) {
                self.labels.insert(target, 0);
            }
        }
        self.labels.values_mut().zip(1..).for_each(|(label, number)| *label = number);
        let mut line = None;
        for (index, &instr) in code.iter().enumerate() {
            self.source_line(index, &mut line);
            self.instruction(index, instr);
        }
    }

    fn header(&mut self) {
        let types = &self.program.types;
        let function = self.function;
        let keyword = if function.is_task { "task" } else { "fn" };
        let params: Vec<String> = function
            .params
            .iter()
            .map(|param| match param.passing {
                Passing::In => type_name(types, param.ty),
                Passing::View => format!("view {}", type_name(types, param.ty)),
                Passing::Inout => format!("inout {}", type_name(types, param.ty)),
                Passing::InoutView => format!("inout view {}", type_name(types, param.ty)),
            })
            .collect();
        put!(self.out, "{keyword} {}({})", function.name, params.join(", "));
        if function.result != TypeId::UNIT {
            put!(self.out, " -> {}", type_name(types, function.result));
        }
        if function.effects.0 != 0 {
            put!(self.out, "  effects: {}", function.effects);
        }
        self.out.push('\n');

        let count = function.registers.len();
        let (start, end) = (usize::from(function.owned_start).min(count), usize::from(function.owned_end).min(count));
        let results = usize::from(function.results).min(start);
        for (name, from, to) in
            [("result", 0, results), ("parameters", results, start), ("owned", start, end), ("locals", end, count)]
        {
            let registers = self.registers(from, to);
            if !registers.is_empty() {
                put!(self.out, "  {name:<10}  {}\n", registers.join(", "));
            }
        }
        if function.window > 0 {
            let (first, last) = (count + HEADER, count + HEADER + usize::from(function.window) - 1);
            put!(self.out, "  {:<10}  w0-w{} (r{first}-r{last})\n", "window", function.window - 1);
        }
    }

    /// `r0: Int`, and runs of the same type as one.
    fn registers(&self, from: usize, to: usize) -> Vec<String> {
        let registers = &self.function.registers;
        let mut runs = Vec::new();
        let mut at = from;
        while at < to {
            let head = registers[at];
            let view = matches!(head, RegType::View(_) | RegType::ViewMut(_));
            let belongs = |next: RegType| if view { next == RegType::Tail } else { next == head };
            let end = at + 1 + registers[at + 1..to].iter().take_while(|&&next| belongs(next)).count();
            let name = describe(&self.program.types, head);
            runs.push(if end - at > 1 { format!("r{at}-r{}: {name}", end - 1) } else { format!("r{at}: {name}") });
            at = end;
        }
        runs
    }

    /// Prints the line of an instruction, unless it is that of the one before.
    fn source_line(&mut self, index: usize, last: &mut Option<(usize, Option<u32>)>) {
        let site = self.function.sites.get(index).and_then(|&site| self.program.sites.get(site as usize));
        let Some(site) = site.filter(|site| (site.start as usize) <= self.program.source.len()) else { return };
        let number = self.lines.number(site.start as usize);
        let inlined = site.inlined.map(|(function, _)| function);
        if *last == Some((number, inlined)) {
            return;
        }
        *last = Some((number, inlined));
        put!(self.out, "  ; {} | {}", number + 1, self.lines.text(number));
        if let Some(function) = inlined {
            put!(self.out, "  (inlined {})", function_name(self.program, function));
        }
        self.out.push('\n');
    }

    fn instruction(&mut self, index: usize, instr: Instr) {
        let label = self.labels.get(&index).map_or_else(String::new, |number| format!("L{number}:"));
        let Some(op) = instr.op() else {
            put!(self.out, "{label:<5}{index:>5}  {:#018x}\n", instr.0);
            return;
        };
        let mut operands = String::new();
        let mut separator = "";
        for operand in op.info().operands {
            if let Some(text) = self.operand(index, op, instr, operand) {
                put!(operands, "{separator}{text}");
                separator = ", ";
            }
        }
        let access = Access::of(self.program, self.function, instr);
        let text = format!("{:<7} {operands}", op.info().name);
        let (reads, writes) = (access.read_set().to_string(), access.write_set());
        put!(self.out, "{label:<5}{index:>5}  {text:<OPERANDS_WIDTH$}  ; {reads:<READS_WIDTH$} > {writes}\n");
    }

    /// An operand as text; none for what the instruction's flags leave out.
    fn operand(&self, index: usize, op: Op, instr: Instr, operand: &Operand) -> Option<String> {
        let number = instr.get(operand.field);
        let signed = instr.signed(operand.field);
        if operand.kind != Kind::None {
            let staging = matches!(op, Op::View | Op::GridView | Op::RowView);
            if staging && operand.field == Field::C && instr.get(Field::X) & 4 == 0 {
                return None;
            }
            return Some(self.register(number));
        }
        Some(match operand.role {
            Role::Immediate => match op {
                Op::Call | Op::Sys => self.register(number),
                Op::View | Op::GridView | Op::RowView => view_flags(number),
                Op::Trap => {
                    TrapCode::from_number(number as u8).map_or_else(|| signed.to_string(), |code| format!("{code:?}"))
                }
                _ => signed.to_string(),
            },
            Role::Jump => match target(index, instr).and_then(|target| self.labels.get(&target)) {
                Some(label) => format!("L{label}"),
                None => format!("{signed:+}"),
            },
            Role::Function => function_name(self.program, number),
            Role::Builtin => {
                BUILTINS.get(number as usize).map_or_else(|| number.to_string(), |builtin| builtin.name.into())
            }
            // What a built-in without type variables is given tells nothing.
            Role::Type if op == Op::Sys && !is_generic(instr.get(Field::B)) => return None,
            Role::Type => type_name(&self.program.types, TypeId(number)),
            Role::Word => match self.program.words.get(number as usize) {
                Some(&bits) if op == Op::LoadWordF => format!("{:?}", f64::from_bits(bits)),
                Some(&bits) => (bits as i64).to_string(),
                None => format!("word {number}"),
            },
            Role::Value => self.value(number),
            Role::Def | Role::Use | Role::Modify | Role::Take => unreachable!("those are registers"),
        })
    }

    fn register(&self, number: u32) -> String {
        let window = (self.function.registers.len() + HEADER) as u16;
        RegisterName { register: number as u16, window }.to_string()
    }

    fn value(&self, number: u32) -> String {
        match self.program.values.get(number as usize).map(|value| (&value.data, value.ty)) {
            Some((Constant::Str(text), _)) => {
                let cut: String = text.chars().take(MAX_TEXT).collect();
                format!("{cut:?}{}", if cut.len() < text.len() { "…" } else { "" })
            }
            Some((Constant::Array(_), ty)) => format!("value {number} ({})", type_name(&self.program.types, ty)),
            None => format!("value {number}"),
        }
    }
}

/// Where a jump goes, if the instruction is one.
fn target(index: usize, instr: Instr) -> Option<usize> {
    let field = instr.op()?.info().jump?;
    usize::try_from(index as i64 + 1 + instr.signed(field)).ok()
}

fn is_generic(builtin: u32) -> bool {
    use Pattern::{ArrayT, GridT, N, T};
    let Some(builtin) = BUILTINS.get(builtin as usize) else { return true };
    builtin.params.iter().any(|(_, _, pattern)| matches!(pattern, T | N | ArrayT | GridT))
}

fn view_flags(flags: u32) -> String {
    let names = [(1, "of view"), (2, "mutable"), (4, "part"), (8, "column")];
    let set: Vec<&str> = names.iter().filter(|(bit, _)| flags & bit != 0).map(|&(_, name)| name).collect();
    if set.is_empty() { "whole".into() } else { set.join(" ") }
}

fn function_name(program: &Program, number: u32) -> String {
    program.functions.get(number as usize).map_or_else(|| format!("function {number}"), |f| f.name.clone())
}

fn type_name(types: &TypeTable, ty: TypeId) -> String {
    if (ty.0 as usize) < types.len() { types.name(ty) } else { format!("type {}", ty.0) }
}

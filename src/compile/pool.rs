//! What the functions of a program share: constant words, constant values, and the sites of instructions.

use super::range::{Callee, LoopKey, pushed};
use crate::bytecode::program::{Constant, Function, Site, Value};
use crate::bytecode::types::{Type, TypeId, TypeTable};
use crate::check::typed::{Clause, ConstValue, ExprKind, Reduction, Typed};
use crate::syntax::span::Span;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// How many of the last sites are looked at before a new one is made.
const RECENT_SITES: usize = 8;

/// Adds the types of arrays in which the elements of reductions are kept, and the blocks of comprehensions with a condition.
fn kept(types: &mut TypeTable, typed: &Typed) {
    for expr in &typed.exprs {
        let list = match &expr.kind {
            ExprKind::Comprehension { clause: Clause { cond: Some(_), .. }, .. } => expr.ty,
            ExprKind::Reduction { reduction, .. } => {
                types.array(if *reduction == Reduction::Count { TypeId::BOOL } else { expr.ty });
                continue;
            }
            ExprKind::If { arms, otherwise: None } => match &arms[..] {
                [(_, block)] if let Some((None, place, ..)) = pushed(typed, block) => place.ty,
                _ => continue,
            },
            _ => continue,
        };
        types.array(list);
    }
}

/// One slot of a constant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// The bits of an Int, Float or Bool.
    Word(u64),
    /// Index of a constant value.
    Value(u32),
}

/// The pool of a program.
pub struct Pool {
    words: Vec<u64>,
    word_index: FxHashMap<u64, u32>,
    values: Vec<Value>,
    text_index: FxHashMap<Box<str>, u32>,
    sites: Vec<Site>,
    /// For each constant of the typed tree, its slots.
    consts: Vec<Vec<Slot>>,
    /// The functions that run iterations of loops, which come after those of the program's text, and which loop's they are.
    pub ranges: Ranges,
}

/// See [`Pool::ranges`].
#[derive(Default)]
pub struct Ranges {
    pub functions: Vec<Function>,
    /// The number of the first one.
    pub first: u32,
    /// For each loop, by its body's or variable's identity: the function to call and what it takes, if there is one.
    pub made: FxHashMap<LoopKey, Option<Rc<Callee>>>,
}

impl Pool {
    /// A pool with the program's constants. Adds the types that built-ins and reductions need.
    pub fn new(types: &mut TypeTable, typed: &Typed) -> Pool {
        for element in [TypeId::INT, TypeId::FLOAT, TypeId::STR] {
            types.array(element);
        }
        kept(types, typed);
        let mut pool = Pool {
            words: Vec::new(),
            word_index: FxHashMap::default(),
            values: Vec::new(),
            text_index: FxHashMap::default(),
            sites: Vec::with_capacity(typed.exprs.len()),
            consts: Vec::new(),
            ranges: Ranges::default(),
        };
        for constant in &typed.consts {
            let mut slots = Vec::new();
            pool.slots(types, constant.ty, &constant.value, &mut slots);
            pool.consts.push(slots);
        }
        pool
    }

    /// The slots of a constant of the typed tree.
    pub fn constant(&self, index: u32) -> &[Slot] {
        &self.consts[index as usize]
    }

    /// The index of a word.
    pub fn word(&mut self, bits: u64) -> u32 {
        *self.word_index.entry(bits).or_insert_with(|| {
            self.words.push(bits);
            self.words.len() as u32 - 1
        })
    }

    /// The index of a Str.
    pub fn text(&mut self, text: &str) -> u32 {
        if let Some(&index) = self.text_index.get(text) {
            return index;
        }
        let index = self.value(TypeId::STR, Constant::Str(text.to_owned()));
        self.text_index.insert(text.into(), index);
        index
    }

    /// The index of a site; `inlined` as in [`Site`].
    pub fn site(&mut self, span: Span, inlined: Option<(u32, u32)>) -> u32 {
        let site = Site { start: span.start, end: span.end, inlined };
        // An expression is come back to after its operands: most sites that are there already are among the last.
        let recent = self.sites.len().saturating_sub(RECENT_SITES);
        let index = match self.sites[recent..].iter().rposition(|&known| known == site) {
            Some(at) => recent + at,
            None => {
                self.sites.push(site);
                self.sites.len() - 1
            }
        };
        index as u32
    }

    /// The parts of the program: words, values, sites, and the functions that run iterations of loops.
    pub fn finish(self) -> (Vec<u64>, Vec<Value>, Vec<Site>, Vec<Function>) {
        (self.words, self.values, self.sites, self.ranges.functions)
    }

    fn value(&mut self, ty: TypeId, data: Constant) -> u32 {
        self.values.push(Value { ty, data });
        self.values.len() as u32 - 1
    }

    /// Appends the slots of a constant. Its nesting is that of the source, which the lexer bounds.
    fn slots(&mut self, types: &TypeTable, ty: TypeId, value: &ConstValue, out: &mut Vec<Slot>) {
        match value {
            ConstValue::Int(value) => out.push(Slot::Word(*value as u64)),
            ConstValue::Float(value) => out.push(Slot::Word(value.to_bits())),
            ConstValue::Bool(value) => out.push(Slot::Word(u64::from(*value))),
            ConstValue::Str(text) => out.push(Slot::Value(self.text(text))),
            ConstValue::Array(elements) => {
                let element = types.element(ty).expect("an array's type");
                let mut slots = Vec::new();
                for value in elements {
                    self.slots(types, element, value, &mut slots);
                }
                let words = slots
                    .iter()
                    .map(|slot| match *slot {
                        Slot::Word(bits) => bits,
                        Slot::Value(index) => u64::from(index),
                    })
                    .collect();
                out.push(Slot::Value(self.value(ty, Constant::Array(words))));
            }
            ConstValue::Struct(fields) => {
                let Type::Struct(index) = *types.get(ty) else { unreachable!("a struct's type") };
                for (value, (_, field)) in fields.iter().zip(&types.structs[index as usize].fields) {
                    self.slots(types, *field, value, out);
                }
            }
        }
    }
}

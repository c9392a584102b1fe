//! What a program was linked with: the functions of a host that it calls, and what each of its functions uses of the world because of
//! that.
//!
//! What is used is named by *roots* among those of buffers: the files, standard input, and one for each place of the host's that the
//! program uses. Invariant: roots of resources are below [`RESOURCES`], where no buffer is.

use super::extern_call::{Extern, Place};
use crate::bytecode::effects::Effects;
use crate::bytecode::ops::{Field, Op};
use crate::bytecode::program::{Function, Program};

/// Roots of resources are below this one: the first page of memory.
pub(crate) const RESOURCES: u64 = 4096;
/// What stands for the files, and for standard input.
pub(super) const FILES: u64 = 8;
const STDIN: u64 = 16;
/// The first place of the host's, and from one to the next.
const FIRST: u64 = 24;
const PITCH: u64 = 2;
/// How many places of a host a program may use.
pub(crate) const MAX_PLACES: usize = ((RESOURCES - FIRST) / PITCH) as usize;

/// What effects use besides buffers: roots, and whether they write them.
pub(super) fn builtin_resources(effects: Effects) -> impl Iterator<Item = (u64, bool)> {
    let files = effects.meets(Effects::READ_FILES.with(Effects::WRITE_FILES));
    let files = files.then_some((FILES, effects.meets(Effects::WRITE_FILES)));
    files.into_iter().chain(effects.meets(Effects::STDIN).then_some((STDIN, true)))
}

/// What a function and all that it calls use.
#[derive(Clone, Default)]
pub(super) struct Uses {
    /// With [`Effects::HOST`] only if something in the host is irrevocable.
    pub(super) effects: Effects,
    /// In order; each once.
    pub(super) resources: Vec<(u64, bool)>,
}

impl Uses {
    /// Adds what another one uses; whether that is news.
    fn add(&mut self, other: &Uses) -> bool {
        let mut news = !self.effects.has(other.effects);
        self.effects = self.effects.with(other.effects);
        for &(root, write) in &other.resources {
            match self.resources.binary_search_by_key(&root, |&(root, _)| root) {
                Ok(at) if write && !self.resources[at].1 => {
                    self.resources[at].1 = true;
                    news = true;
                }
                Ok(_) => {}
                Err(at) => {
                    self.resources.insert(at, (root, write));
                    news = true;
                }
            }
        }
        news
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Linked {
    /// Not a box: moving one claims all that it holds, and pointers to that would be void.
    externs: Vec<Extern>,
    /// Where in `externs` a function's is.
    numbers: Vec<u32>,
    /// Functions that the host does not have.
    missing: Vec<u32>,
    /// Of all that they use.
    places: Vec<Place>,
}

impl Linked {
    /// Links the functions of the host that a program declares.
    ///
    /// # Panics
    /// If they use more than [`MAX_PLACES`] places.
    pub(super) fn new(program: &Program, find: &mut dyn FnMut(&Function) -> Option<Extern>) -> Linked {
        let mut linked = Linked { externs: Vec::new(), numbers: Vec::new(), missing: Vec::new(), places: Vec::new() };
        for (index, function) in (0..).zip(&program.functions) {
            linked.numbers.push(linked.externs.len() as u32);
            if function.is_extern() {
                let found = find(function).unwrap_or_else(|| {
                    linked.missing.push(index);
                    Extern::missing()
                });
                linked.places.extend(found.uses.iter().map(|(place, _)| place.clone()));
                linked.externs.push(found);
            }
        }
        linked.places.sort();
        linked.places.dedup();
        assert!(linked.places.len() <= MAX_PLACES, "more places than there are roots for");
        linked
    }

    pub(super) fn externs(&self) -> &[Extern] {
        &self.externs
    }

    /// Where among them that of a function is.
    pub(super) fn number(&self, function: usize) -> usize {
        self.numbers[function] as usize
    }

    pub(super) fn missing(&self) -> &[u32] {
        &self.missing
    }

    /// The place of the host's that a root stands for, if it does.
    pub(super) fn place(&self, root: u64) -> Option<&Place> {
        self.places.get((root.checked_sub(FIRST)? / PITCH) as usize)
    }

    fn uses_of_extern(&self, callee: &Extern) -> Uses {
        let root = |place: &Place| {
            let at = self.places.binary_search(place).expect("they are all there");
            FIRST + PITCH * at as u64
        };
        let mut uses = Uses { effects: callee.effects, resources: Vec::new() };
        for (place, write) in &callee.uses {
            uses.add(&Uses { effects: Effects::NONE, resources: vec![(root(place), *write)] });
        }
        uses
    }

    /// What each function uses.
    pub(super) fn uses(&self, program: &Program) -> Vec<Uses> {
        let of_builtins = |function: &Function| Uses {
            effects: if self.externs.is_empty() { function.effects } else { function.effects.without(Effects::HOST) },
            resources: builtin_resources(function.effects).collect(),
        };
        let mut all: Vec<Uses> = program.functions.iter().map(of_builtins).collect();
        if self.externs.is_empty() {
            return all;
        }
        let mut callers: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
        for (caller, function) in program.functions.iter().enumerate() {
            for instr in function.code.iter().filter(|instr| instr.op() == Some(Op::Call)) {
                callers[instr.get(Field::I) as usize].push(caller);
            }
        }
        let mut changed = Vec::new();
        for index in (0..all.len()).filter(|&index| program.functions[index].is_extern()) {
            all[index] = self.uses_of_extern(&self.externs[self.number(index)]);
            changed.push(index);
        }
        // Each function's uses grow at most twice for every resource there is.
        while let Some(callee) = changed.pop() {
            let uses = all[callee].clone();
            for &caller in &callers[callee] {
                if all[caller].add(&uses) {
                    changed.push(caller);
                }
            }
        }
        all
    }
}

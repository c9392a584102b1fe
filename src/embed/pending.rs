//! The scoreboard of a session: its variables, their versions, and the statements that have not ended. Nothing here is shared, or
//! enters the machine: `session` does that.
//!
//! Invariant: a statement waits for earlier ones only, and for none that has ended.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::handle::now;
use super::session::{Ended, Failed, Hazard};
use super::statement::{Compiled, Definitions, Seen, Shape};
use crate::bytecode::effects::Effects;
use crate::bytecode::types::TypeId;
use crate::machine::code::Code;
use crate::machine::extern_call::Place;
use crate::machine::interrupt::Stop;
use crate::machine::ledger::Ticket;
use crate::machine::queue::Reservation;
use crate::machine::submission::Submission;
use crate::machine::transfer::{Args, Kept};
use crate::machine::trap::Fault;
use crate::platform::system::Instant;

pub(super) struct Variable {
    pub(super) shape: Shape,
    pub(super) mutable: bool,
    pub(super) version: u64,
}

pub(super) enum Content {
    /// Its maker has not ended.
    Pending,
    /// With what is needed to read it.
    Ready(Kept, Arc<Code>, TypeId),
    /// A later statement has taken it over.
    Taken,
    Poisoned {
        by: u64,
        why: String,
    },
}

/// One value of a variable over time.
pub(super) struct Version {
    pub(super) maker: u64,
    pub(super) content: Content,
    /// Statements that read it and have not ended.
    pub(super) readers: BTreeSet<u64>,
    /// Whether a variable, or a statement that has not ended, refers to it still.
    pub(super) named: bool,
}

pub(super) struct Statement {
    pub(super) text: String,
    pub(super) since: Instant,
    pub(super) compiled: Compiled,
    /// The version of each parameter, and the one that it makes of it.
    pub(super) takes: Vec<(u64, Option<u64>)>,
    /// The version that it gives a value.
    pub(super) makes: Option<u64>,
    pub(super) waits_for: BTreeMap<u64, Hazard>,
    pub(super) output: Arc<Mutex<Vec<u8>>>,
    /// Its place among the submissions that share something with it, until it is submitted.
    pub(super) place: Option<Reservation>,
    /// It is being submitted, or has been; and somebody has cancelled it meanwhile.
    pub(super) has_begun: bool,
    pub(super) is_cancelled: bool,
    pub(super) submission: Option<Ticket>,
}

/// A resource that statements use.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Used {
    Files,
    Stdin,
    /// Whatever the irrevocable functions of the host use.
    Host,
    Place(Place),
}

/// What a function and all that it calls use, and whether they write it.
fn used_by(code: &Code, function: u32) -> Vec<(Used, bool)> {
    let effects = code.effects(function);
    let files = effects.meets(Effects::READ_FILES.with(Effects::WRITE_FILES));
    let builtin = [
        (Used::Files, files, effects.meets(Effects::WRITE_FILES)),
        (Used::Stdin, effects.meets(Effects::STDIN), true),
        (Used::Host, effects.meets(Effects::HOST), true),
    ];
    let builtin = builtin.into_iter().filter(|&(_, uses, _)| uses).map(|(used, _, writes)| (used, writes));
    let places = code.places(function).map(|(place, writes)| (Used::Place(place.clone()), writes));
    builtin.chain(places).collect()
}

/// Who used a resource lastly.
#[derive(Default)]
pub(super) struct Resource {
    pub(super) writer: Option<u64>,
    pub(super) readers: Vec<u64>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) definitions: Definitions,
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) versions: HashMap<u64, Version>,
    pub(super) statements: BTreeMap<u64, Statement>,
    /// Of those that have ended, until somebody asks.
    pub(super) ended: BTreeMap<u64, Ended>,
    /// Somebody tells the listener of them.
    pub(super) is_telling: bool,
    pub(super) entered: u64,
    pub(super) last_version: u64,
    pub(super) resources: BTreeMap<Used, Resource>,
    pub(super) fence: Option<u64>,
    /// Places of statements that are not submitted any more.
    pub(super) left: Vec<Reservation>,
}

pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of output of a statement that are kept at most.
pub(super) const OUTPUT: usize = 64 << 20;

/// Statements for which it is kept how they ended.
const ENDED: usize = 1000;

/// Keeps what a statement prints.
pub(super) fn keep(output: &Mutex<Vec<u8>>, bytes: &[u8]) -> Result<(), Fault> {
    let mut output = lock(output);
    if output.len() + bytes.len() > OUTPUT {
        return Err(Stop::OutputFailed("it is too long".to_owned()).into());
    }
    output.extend_from_slice(bytes);
    Ok(())
}

impl State {
    /// The variables as a statement sees them.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let seen = |(name, variable): (&String, &Variable)| Seen {
            name: name.clone(),
            shape: variable.shape.clone(),
            mutable: variable.mutable,
        };
        self.variables.iter().map(seen).collect()
    }

    pub(super) fn new_version(&mut self, maker: u64) -> u64 {
        self.last_version += 1;
        let version = Version { maker, content: Content::Pending, readers: BTreeSet::new(), named: true };
        self.versions.insert(self.last_version, version);
        self.last_version
    }

    /// Takes a statement into the scoreboard, which has that place among submissions.
    pub(super) fn issue(
        &mut self,
        number: u64,
        text: String,
        compiled: Compiled,
        declared: Option<(String, bool)>,
        place: Option<Reservation>,
    ) {
        let mut waits_for: BTreeMap<u64, Hazard> = BTreeMap::new();
        let mut wait = |statements: &BTreeMap<u64, Statement>, other: u64, hazard: Hazard| {
            if statements.contains_key(&other) {
                waits_for.entry(other).or_insert(hazard);
            }
        };
        let mut takes = Vec::new();
        for (name, writes) in &compiled.takes {
            let old = self.variables[name].version;
            let version = self.versions.get_mut(&old).expect("a variable names one");
            wait(&self.statements, version.maker, Hazard::ReadAfterWrite(name.clone()));
            if *writes {
                for &reader in &version.readers {
                    wait(&self.statements, reader, Hazard::WriteAfterRead(name.clone()));
                }
            }
            version.readers.insert(number);
            let new = writes.then(|| self.rename(name, number));
            takes.push((old, new));
        }
        let makes = match (declared, &compiled.gives) {
            (Some((name, mutable)), Some((_, shape))) => {
                if let Some(old) = self.variables.get(&name) {
                    let old = old.version;
                    self.unname(old);
                }
                let version = self.new_version(number);
                self.variables.insert(name, Variable { shape: shape.clone(), mutable, version });
                Some(version)
            }
            _ => None,
        };
        let (code, function) = (&compiled.code, compiled.function);
        let effects = code.effects(function);
        if effects.meets(Effects::CLOCK) {
            for &other in self.statements.keys() {
                wait(&self.statements, other, Hazard::Clock);
            }
            self.fence = Some(number);
        } else if let Some(fence) = self.fence {
            wait(&self.statements, fence, Hazard::Clock);
        }
        for (used, writes) in used_by(code, function) {
            let hazard = || match &used {
                Used::Files | Used::Stdin => Hazard::Effect,
                Used::Host => Hazard::Host(None),
                Used::Place(place) => Hazard::Host(Some(place.name.to_string())),
            };
            let resource = self.resources.entry(used.clone()).or_default();
            resource.writer.into_iter().for_each(|other| wait(&self.statements, other, hazard()));
            if writes {
                resource.readers.drain(..).for_each(|other| wait(&self.statements, other, hazard()));
                resource.writer = Some(number);
            } else {
                resource.readers.retain(|other| self.statements.contains_key(other));
                resource.readers.push(number);
            }
        }
        let statement = Statement {
            text,
            since: now(),
            compiled,
            takes,
            makes,
            waits_for,
            output: Arc::default(),
            place,
            has_begun: false,
            is_cancelled: false,
            submission: None,
        };
        self.statements.insert(number, statement);
    }

    /// A new version of a variable, which a statement makes of the old one.
    pub(super) fn rename(&mut self, name: &str, maker: u64) -> u64 {
        let new = self.new_version(maker);
        let variable = self.variables.get_mut(name).expect("it is there");
        let old = std::mem::replace(&mut variable.version, new);
        self.unname(old);
        new
    }

    /// No variable names that version any more.
    pub(super) fn unname(&mut self, version: u64) {
        if let Some(old) = self.versions.get_mut(&version) {
            old.named = false;
        }
        self.forget(version);
    }

    /// Lets go of a version that nobody needs.
    pub(super) fn forget(&mut self, version: u64) {
        let is_used = |v: &Version| v.named || !v.readers.is_empty() || matches!(v.content, Content::Pending);
        if self.versions.get(&version).is_some_and(|version| !is_used(version)) {
            self.versions.remove(&version);
        }
    }

    /// A statement has ended: nobody waits for it any more.
    pub(super) fn retire(&mut self, number: u64, statement: &Statement, result: Result<Option<String>, Failed>) {
        for &(old, _) in &statement.takes {
            if let Some(version) = self.versions.get_mut(&old) {
                version.readers.remove(&number);
            }
            self.forget(old);
        }
        let made = statement.takes.iter().filter_map(|&(_, new)| new).chain(statement.makes);
        if let Err(failed) = &result {
            let (by, why) = match failed {
                Failed::Poisoned { by, why, .. } => (*by, why.clone()),
                failed => (number, failed.to_string()),
            };
            for version in made.clone() {
                if let Some(version) = self.versions.get_mut(&version) {
                    version.content = Content::Poisoned { by, why: why.clone() };
                }
            }
        }
        made.for_each(|version| self.forget(version));
        for other in self.statements.values_mut() {
            other.waits_for.remove(&number);
        }
        let output = String::from_utf8_lossy(&lock(&statement.output)).into_owned();
        self.ended.insert(number, Ended { number, output, result });
    }

    /// Forgets how the oldest statements ended, where there are too many.
    pub(super) fn forget_ended(&mut self) {
        let size = |ended: &Ended| {
            ended.output.len() + ended.result.as_ref().map_or(0, |shown| shown.as_ref().map_or(0, String::len))
        };
        let mut bytes: usize = self.ended.values().map(size).sum();
        while self.ended.len() > ENDED || (bytes > OUTPUT && self.ended.len() > 1) {
            let (_, oldest) = self.ended.pop_first().expect("there are some");
            bytes -= size(&oldest);
        }
    }

    /// The values of a statement that ended well go to their versions; what is shown.
    pub(super) fn take(&mut self, statement: &Statement, submission: &Submission) -> Result<Option<String>, Failed> {
        let mut returned = submission.take().expect("it ended well, and nobody has taken it");
        let compiled = &statement.compiled;
        let code = &compiled.code;
        let program = code.program();
        let params = &program.functions[compiled.function as usize].params;
        if !program.values.is_empty() {
            let mut values = returned.params.iter_mut().flatten().chain([&mut returned.result]);
            values.try_for_each(Kept::leave_program).map_err(|_| Failed::Memory)?;
        }
        let mut set = |version: u64, kept, ty| {
            if let Some(version) = self.versions.get_mut(&version) {
                version.content = Content::Ready(kept, code.clone(), ty);
            }
        };
        for ((&(_, new), kept), param) in statement.takes.iter().zip(returned.params).zip(params) {
            if let (Some(new), Some(kept)) = (new, kept) {
                set(new, kept, param.ty);
            }
        }
        let Some((ty, _)) = &compiled.gives else { return Ok(None) };
        if let Some(made) = statement.makes {
            set(made, returned.result, *ty);
            return Ok(None);
        }
        let mut shown = String::new();
        let result = returned.result.show(&program.types, *ty, &mut |text| {
            shown.push_str(text);
            if shown.len() > OUTPUT { Err(Stop::Memory.into()) } else { Ok(()) }
        });
        result.map(|()| Some(shown)).map_err(|_| Failed::Memory)
    }

    /// A statement ends before it has begun.
    pub(super) fn fail(&mut self, number: u64, failed: Failed) {
        if let Some(mut statement) = self.statements.remove(&number) {
            self.left.extend(statement.place.take());
            self.retire(number, &statement, Err(failed));
        }
    }

    /// The values that a statement takes, if it waits for nobody.
    pub(super) fn operands(&mut self, number: u64) -> Option<Result<Args, Failed>> {
        let statement = self.statements.get(&number)?;
        if !statement.waits_for.is_empty() || statement.has_begun {
            return None;
        }
        let mut operands = Args::default();
        for (&(old, new), (name, _)) in statement.takes.iter().zip(&statement.compiled.takes) {
            let version = self.versions.get_mut(&old).expect("it is read");
            match &version.content {
                Content::Poisoned { by, why } => {
                    return Some(Err(Failed::Poisoned { name: name.clone(), by: *by, why: why.clone() }));
                }
                Content::Ready(kept, ..) if new.is_none() => operands.push(kept.clone()),
                Content::Ready(..) => {
                    let Content::Ready(kept, ..) = std::mem::replace(&mut version.content, Content::Taken) else {
                        unreachable!("it is ready");
                    };
                    operands.push(kept);
                }
                Content::Pending | Content::Taken => unreachable!("it waits for nobody"),
            }
        }
        Some(Ok(operands))
    }
}

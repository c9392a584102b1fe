//! The function table: functions of the host, by name, which programs declare (`extern fn`) and call.
//!
//! A function is checked once, when a module is linked: its parameters and its result are those of the declaration. A call then reads the
//! arguments where they lie. Arrays and grids are passed as slices of the program's own memory, for as long as the call
//! lasts and no longer: that is in the types of what a function may take.
//!
//! Invariant: a [`Fit`] is called with the registers of the declaration that it was found for only.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::callable::{Callable, WithParts};
use super::crossing::{Kind, Slot};
use super::dynamic::{Dynamic, Linked, Signature};
use super::region::Parts;
use crate::bytecode::effects::Effects;
use crate::bytecode::program::{self, Passing};
use crate::bytecode::types::{TypeId, TypeTable};
use crate::machine::extern_call::{Extern, ExternCall, Keep, Place, Shim};
use crate::machine::linked::RESOURCES;
use crate::machine::trap::Fault;

/// Something of the host's that its functions read or write, and that the machine orders their calls by: of those that use one
/// resource, where one writes it, the later waits for the earlier; all others may run side by side.
///
/// A clone is the same resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resource {
    place: Place,
}

impl Resource {
    /// A new one; messages call it `name`.
    pub fn new(name: impl Into<Arc<str>>) -> Resource {
        static NEXT: AtomicU64 = AtomicU64::new(RESOURCES);
        Resource { place: Place { id: NEXT.fetch_add(1, Ordering::Relaxed), name: name.into() } }
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.place.name
    }
}

/// What a function of the host does besides computing.
#[derive(Clone, Debug)]
enum Class {
    /// Nobody has said: anything. Its calls wait until all that comes before them has happened.
    Irrevocable,
    /// It uses these, and whether it writes them; nothing else.
    Ordered(Vec<(Place, bool)>),
}

/// One function of the table.
struct Registered<'f> {
    function: Function<'f>,
    prints: bool,
    class: Class,
}

/// What is called, and where.
enum Function<'f> {
    /// Where just that is declared.
    Typed { signature: Signature, shim: Shim, function: Arc<dyn Keep + 'f> },
    /// Wherever it likes what is declared.
    Dynamic(Box<dyn Dynamic>),
}

/// A function that fits a declaration.
pub(super) struct Fit<'t, 'f> {
    found: &'t Registered<'f>,
    shim: Shim,
    callee: Callee<'f>,
}

/// What a shim is called with is in there.
enum Callee<'f> {
    Typed(Arc<dyn Keep + 'f>),
    Dynamic(Arc<Linked>),
}

/// See the head of this file. `'f` is how long the functions are good for.
///
/// ```
/// # use tgvm::embed::{Engine, Functions, Module, Resource};
/// let mut functions = Functions::new();
/// functions.add("scale", |xs: &mut [f64], k: f64| xs.iter_mut().for_each(|x| *x *= k)).pure();
/// let module = Module::library("scale.tg", "
///     extern fn scale(inout xs: [Float], k: Float)
///
///     fn twice(inout xs: [Float]) { scale(&xs, 2.0) }")?;
/// let module = module.link(&functions)?;
/// let engine = Engine::new()?;
/// assert_eq!(engine.submit::<Vec<f64>>(&module, "twice", (vec![1.0, 2.0],))?.wait()?, [2.0, 4.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What a function is lent, it can't keep:
///
/// ```compile_fail
/// # use std::sync::Mutex;
/// # use tgvm::embed::Functions;
/// static KEPT: Mutex<Vec<&[f64]>> = Mutex::new(Vec::new());
/// let mut functions = Functions::new();
/// functions.add("keep", |xs: &[f64]| KEPT.lock().unwrap().push(xs));
/// ```
///
/// nor can it take what would have to live longer than the call:
///
/// ```compile_fail
/// # use tgvm::embed::Functions;
/// let mut functions = Functions::new();
/// functions.add("hold", |xs: &'static [f64]| {});
/// ```
///
/// It may be called on any thread:
///
/// ```compile_fail
/// # use std::cell::Cell;
/// # use std::rc::Rc;
/// # use tgvm::embed::Functions;
/// let calls = Rc::new(Cell::new(0));
/// let mut functions = Functions::new();
/// functions.add("count", move || calls.set(calls.get() + 1));
/// ```
///
/// and on several at once, so it does not change what it has by itself:
///
/// ```compile_fail
/// # use tgvm::embed::Functions;
/// let mut calls = 0;
/// let mut functions = Functions::new();
/// functions.add("count", move || calls += 1);
/// ```
///
/// What it takes and gives has types that programs have:
///
/// ```compile_fail
/// # use tgvm::embed::Functions;
/// let mut functions = Functions::new();
/// functions.add("half", |x: f32| x / 2.0);
/// ```
#[derive(Default)]
pub struct Functions<'f> {
    list: HashMap<String, Registered<'f>>,
}

impl std::fmt::Debug for Functions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.list.keys()).finish()
    }
}

/// A function of the table, to say more of it. What nothing is said of is *irrevocable*: a call of it waits until all that comes before
/// it in the program has happened.
pub struct Entry<'t> {
    class: &'t mut Class,
}

impl Entry<'_> {
    /// It computes, and prints if it takes an [`Output`](super::Output), and does nothing else: calls of it may run whenever their
    /// arguments are there, and what they print appears in the program's order.
    pub fn pure(self) {
        *self.class = Class::Ordered(Vec::new());
    }

    fn uses(self, resource: &Resource, write: bool) -> Self {
        let place = resource.place.clone();
        match &mut *self.class {
            Class::Ordered(uses) => uses.push((place, write)),
            class => *class = Class::Ordered(vec![(place, write)]),
        }
        self
    }

    /// It reads that, and uses nothing else that is not said.
    pub fn reads(self, resource: &Resource) -> Self {
        self.uses(resource, false)
    }

    /// It writes that, and may read it; it uses nothing else that is not said.
    pub fn writes(self, resource: &Resource) -> Self {
        self.uses(resource, true)
    }
}

/// The shim of a function.
///
/// # Safety
/// `data` is an `F`, and the call that of a function of its signature.
unsafe fn shim<F: Callable<M>, M>(data: *const (), call: &mut ExternCall<'_, '_>) -> Result<(), Box<Fault>> {
    // SAFETY: the caller's.
    unsafe { (*data.cast::<F>()).call(call) }.map_err(Box::new)
}

impl<'f> Functions<'f> {
    /// None.
    pub fn new() -> Functions<'f> {
        Functions::default()
    }

    /// Adds a function of up to eight parameters, or replaces the one of that name. It takes and gives:
    ///
    /// | tg | in Rust |
    /// | --- | --- |
    /// | `Int`, `Float`, `Bool`, `Str` | `i64`, `f64`, `bool`, `&str`; as a result `String` |
    /// | `[Int]`, `[Float]`, `[Bool]` | `&[i64]`, `&[f64]`, `&[Flag]`; as a result a vector |
    /// | `Grid[Int]` and so on | [`GridView`](super::GridView); as a result a [`Grid`](super::Grid) |
    /// | `inout` Int, Float, Bool, Str | `&mut i64`, `&mut f64`, `&mut bool`, `&mut String` |
    /// | `inout [Int]` and so on | `&mut [i64]`, whose length stays |
    /// | `inout Grid[Int]` and so on | [`GridViewMut`](super::GridViewMut) |
    ///
    /// A result may be in a `Result`: an error is a trap (T0021) in the program, as a panic is (T0020). To print, a function takes a
    /// `&mut` [`Output`](super::Output), which is no parameter in tg.
    pub fn add<F: Callable<M> + 'f, M>(&mut self, name: impl Into<String>, function: F) -> Entry<'_> {
        self.register(name.into(), function)
    }

    /// Adds a function that takes parts of the host's data before its arguments: references to them, in a tuple if there are several. It uses
    /// nothing else, unless more is said of it. See [`Part`](super::Part).
    ///
    /// They are lent for as long as the Rust function runs; so one that answers later, by a [`Completer`](super::Completer), takes none:
    ///
    /// ```compile_fail
    /// # use tgvm::embed::{Completer, Functions, Part};
    /// let (part, mut functions) = (Part::new("number", 1), Functions::new());
    /// functions.add_with("later", part.reads(), |number: &i64, done: Completer<i64>| done.complete(*number));
    /// ```
    ///
    /// # Panics
    /// If a part is there twice.
    pub fn add_with<P, F, M>(&mut self, name: impl Into<String>, parts: P, function: F) -> Entry<'_>
    where
        P: Parts + 'f,
        F: 'f,
        WithParts<P, F>: Callable<M>,
    {
        let mut uses = parts.uses();
        uses.sort_by_key(|(resource, _)| resource.place.id);
        if let Some(twice) = uses.windows(2).find(|two| two[0].0 == two[1].0) {
            panic!("the part `{}` is taken twice", twice[0].0.name());
        }
        let entry = self.register(name.into(), WithParts { parts, function });
        uses.iter().fold(entry, |entry, (resource, write)| entry.uses(resource, *write))
    }

    /// Adds a function that takes and gives whatever the program declares of it: what another language has, say. Nothing keeps it from
    /// refusing a declaration.
    ///
    /// ```
    /// # use tgvm::embed::{Arg, Engine, Functions, Module, Output, Value};
    /// let mut functions = Functions::new();
    /// let count = |args: &mut [Arg<'_>], _: &mut Output| Ok(Value::Int(args.len() as i64));
    /// functions.add_dynamic("count", count).pure();
    /// let module = Module::library("count.tg", "
    ///     extern fn count(a: Int, b: [Float], c: Str) -> Int
    ///
    ///     fn three() -> Int { return count(1, [2.0], \"c\") }")?;
    /// let engine = Engine::new()?;
    /// assert_eq!(engine.submit::<i64>(&module.link(&functions)?, "three", ())?.wait()?, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_dynamic(&mut self, name: impl Into<String>, function: impl Dynamic + 'static) -> Entry<'_> {
        let prints = function.prints();
        self.insert(name.into(), Function::Dynamic(Box::new(function)), prints)
    }

    fn register<F: Callable<M> + 'f, M>(&mut self, name: String, function: F) -> Entry<'_> {
        let signature = Signature { params: F::params(), result: F::result() };
        let typed = Function::Typed { signature, shim: shim::<F, M>, function: Arc::new(function) };
        self.insert(name, typed, F::prints())
    }

    fn insert(&mut self, name: String, function: Function<'f>, prints: bool) -> Entry<'_> {
        let registered = Registered { function, prints, class: Class::Irrevocable };
        self.list.remove(&name);
        Entry { class: &mut self.list.entry(name).or_insert(registered).class }
    }

    /// The function that fits a declaration, or why there is none.
    pub(super) fn fit(&self, types: &TypeTable, declared: &program::Function) -> Result<Fit<'_, 'f>, Misfit> {
        let Some(found) = self.list.get(&declared.name) else { return Err(Misfit::Missing) };
        let wanted = crossing(types, declared);
        match (&found.function, wanted) {
            (Function::Typed { signature, shim, function }, Some(wanted)) if *signature == wanted => {
                Ok(Fit { found, shim: *shim, callee: Callee::Typed(function.clone()) })
            }
            (Function::Typed { signature, .. }, _) => Err(Misfit::Signature(signature.to_string())),
            (Function::Dynamic(dynamic), Some(wanted)) => match dynamic.bind(&wanted) {
                Ok(bound) => {
                    Ok(Fit { found, shim: Linked::shim, callee: Callee::Dynamic(Linked::new(bound, &wanted)) })
                }
                Err(why) => Err(Misfit::Refused(why)),
            },
            (Function::Dynamic(_), None) => Err(Misfit::Refused("what is declared does not cross".to_owned())),
        }
    }
}

/// What a declaration says, if all of it crosses.
fn crossing(types: &TypeTable, declared: &program::Function) -> Option<Signature> {
    let slot = |param: &program::Param| {
        let kind = Kind::of(types, param.ty)?;
        let is_elements = matches!(kind, Kind::Array(_) | Kind::Grid(_));
        let is_inout = match param.passing {
            Passing::In | Passing::View => false,
            Passing::InoutView => true,
            // An array that is moved in and out has other registers. No compiler says that of one.
            Passing::Inout if is_elements => return None,
            Passing::Inout => true,
        };
        Some(Slot { kind, is_inout })
    };
    let params = declared.params.iter().map(slot).collect::<Option<_>>()?;
    let result = match declared.result {
        TypeId::UNIT => None,
        ty => Some(Kind::of(types, ty)?),
    };
    Some(Signature { params, result })
}

/// Why a declaration has no function.
pub(super) enum Misfit {
    /// There is none of its name.
    Missing,
    /// It is of this signature.
    Signature(String),
    /// It says so itself.
    Refused(String),
}

impl Fit<'_, '_> {
    /// What it uses that is named.
    pub(super) fn places(&self) -> Vec<Place> {
        self.uses().1.into_iter().map(|(place, _)| place).collect()
    }

    fn uses(&self) -> (Effects, Vec<(Place, bool)>) {
        let output = if self.found.prints { Effects::OUTPUT } else { Effects::NONE };
        match &self.found.class {
            Class::Irrevocable => (output.with(Effects::HOST), Vec::new()),
            Class::Ordered(uses) => (output, uses.clone()),
        }
    }

    /// What a program is linked with.
    ///
    /// # Safety
    /// Whenever it is called, the table is there still.
    pub(super) unsafe fn link_lent(&self) -> Extern {
        let keep = match &self.callee {
            Callee::Typed(_) => None,
            Callee::Dynamic(linked) => Some(linked.clone() as Arc<dyn Keep>),
        };
        // SAFETY: it keeps what the table does not.
        unsafe { self.made(keep) }
    }

    /// # Safety
    /// Whenever it is called, its function is there still, or it is kept.
    unsafe fn made(&self, keep: Option<Arc<dyn Keep>>) -> Extern {
        let (effects, uses) = self.uses();
        let data = match &self.callee {
            Callee::Typed(function) => Arc::as_ptr(function).cast(),
            Callee::Dynamic(linked) => Arc::as_ptr(linked).cast(),
        };
        // SAFETY: the shim is made for what the pointer leads to, and was found for the declaration that is linked.
        unsafe { Extern::new(self.shim, data, effects, uses, keep) }
    }
}

impl Fit<'_, 'static> {
    /// What a program is linked with, for as long as that likes.
    pub(super) fn link_kept(&self) -> Extern {
        let keep: Arc<dyn Keep> = match &self.callee {
            Callee::Typed(function) => function.clone(),
            Callee::Dynamic(linked) => linked.clone(),
        };
        // SAFETY: it keeps the function.
        unsafe { self.made(Some(keep)) }
    }
}

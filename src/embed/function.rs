//! The function table: functions of the host, by name, which programs declare (`extern fn`) and call.
//!
//! A function is checked once, when a module is linked: its parameters and its result are those of the declaration. A call then reads the
//! arguments where they lie. Arrays and grids are passed as slices of the program's own memory, for as long as the call
//! lasts and no longer: that is in the types of what a function may take.
//!
//! Invariant: a [`Registered`] is called with the registers of a function of its signature only.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::callable::{Callable, WithParts};
use super::crossing::{Kind, Slot};
use super::region::Parts;
use crate::bytecode::effects::Effects;
use crate::bytecode::program::{Function, Passing};
use crate::bytecode::types::{TypeId, TypeTable};
use crate::machine::extern_call::{Extern, ExternCall, Keep, Place, Shim};
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
        static LAST: AtomicU64 = AtomicU64::new(0);
        Resource { place: Place { id: LAST.fetch_add(1, Ordering::Relaxed), name: name.into() } }
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
pub(super) struct Registered<'f> {
    /// What it is called with is in there.
    function: Arc<dyn Keep + 'f>,
    shim: Shim,
    data: *const (),
    params: Vec<Slot>,
    result: Option<Kind>,
    prints: bool,
    class: Class,
}

// SAFETY: `data` leads into `function`, which may be shared.
unsafe impl Send for Registered<'_> {}
// SAFETY: as above.
unsafe impl Sync for Registered<'_> {}

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

    /// Adds a function, or replaces the one of that name. It takes and gives:
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

    fn register<F: Callable<M> + 'f, M>(&mut self, name: String, function: F) -> Entry<'_> {
        let function = Arc::new(function);
        let registered = Registered {
            shim: shim::<F, M>,
            data: Arc::as_ptr(&function).cast(),
            function,
            params: F::params(),
            result: F::result(),
            prints: F::prints(),
            class: Class::Irrevocable,
        };
        self.list.remove(&name);
        Entry { class: &mut self.list.entry(name).or_insert(registered).class }
    }

    /// The function that fits a declaration, or why there is none.
    pub(super) fn fit(&self, types: &TypeTable, function: &Function) -> Result<&Registered<'f>, Misfit> {
        let Some(found) = self.list.get(&function.name) else { return Err(Misfit::Missing) };
        let params: Option<Vec<Slot>> = function
            .params
            .iter()
            .map(|param| {
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
            })
            .collect();
        let result = match function.result {
            TypeId::UNIT => Some(None),
            ty => Kind::of(types, ty).map(Some),
        };
        if params.as_ref() == Some(&found.params) && result == Some(found.result) {
            return Ok(found);
        }
        Err(Misfit::Signature(found.signature()))
    }
}

/// Why a declaration has no function.
pub(super) enum Misfit {
    /// There is none of its name.
    Missing,
    /// It is of this signature.
    Signature(String),
}

impl Registered<'_> {
    /// As a declaration has it after the name.
    fn signature(&self) -> String {
        let params: Vec<String> = self.params.iter().map(Slot::to_string).collect();
        let result = self.result.map_or(String::new(), |kind| format!(" -> {kind}"));
        format!("({}){result}", params.join(", "))
    }

    /// What it uses that is named.
    pub(super) fn places(&self) -> Vec<Place> {
        self.uses().1.into_iter().map(|(place, _)| place).collect()
    }

    fn uses(&self) -> (Effects, Vec<(Place, bool)>) {
        let output = if self.prints { Effects::OUTPUT } else { Effects::NONE };
        match &self.class {
            Class::Irrevocable => (output.with(Effects::HOST), Vec::new()),
            Class::Ordered(uses) => (output, uses.clone()),
        }
    }

    /// What a program is linked with.
    ///
    /// # Safety
    /// Whenever it is called, the table is there still.
    pub(super) unsafe fn link_lent(&self) -> Extern {
        // SAFETY: the caller's.
        unsafe { self.made(None) }
    }

    /// # Safety
    /// Whenever it is called, the table is there still, or it is kept.
    unsafe fn made(&self, keep: Option<Arc<dyn Keep>>) -> Extern {
        let (effects, uses) = self.uses();
        // SAFETY: the shim is made for what `data` leads to, and who links has looked at the signature.
        unsafe { Extern::new(self.shim, self.data, effects, uses, keep) }
    }
}

impl Registered<'static> {
    /// What a program is linked with, for as long as that likes.
    pub(super) fn link_kept(&self) -> Extern {
        // SAFETY: it keeps the function.
        unsafe { self.made(Some(self.function.clone())) }
    }
}

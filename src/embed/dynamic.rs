//! Functions of the host whose parameters and result are not known when this is compiled: those of a program's declaration. They are how
//! another language gets into the function table.
//!
//! Invariant: a [`Linked`] is called with the registers of the declaration that it was bound to.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use smallvec::SmallVec;

use super::crossing::{Flag, Give, GridView, GridViewMut, Kind, Output, Pass, Scalar, Slot};
use super::value::{FromValue, Grid, Value};
use crate::bytecode::trap::TrapCode;
use crate::machine::extern_call::ExternCall;
use crate::machine::trap::Fault;

/// What a program declares of a function of the host: its parameters and its result, as they cross.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// The parameters, in order.
    pub params: Vec<Slot>,
    /// The result, if there is one.
    pub result: Option<Kind>,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params: Vec<String> = self.params.iter().map(Slot::to_string).collect();
        write!(f, "({})", params.join(", "))?;
        self.result.map_or(Ok(()), |kind| write!(f, " -> {kind}"))
    }
}

/// What is called: it gets one argument for each parameter, and a place to print to; it gives a value of the declared result, or in words
/// why not, which is a trap (T0021).
pub type Bound = Box<dyn Fn(&mut [Arg<'_>], &mut Output) -> Result<Value, String> + Send + Sync>;

/// A function that takes and gives whatever a program declares: see [`Functions::add_dynamic`](super::Functions::add_dynamic).
pub trait Dynamic: Send + Sync {
    /// Whether it may print.
    fn prints(&self) -> bool {
        false
    }

    /// What is called where that is declared. Asked whenever a program is checked or linked.
    ///
    /// # Errors
    /// In words: what the declaration should be instead.
    fn bind(&self, declared: &Signature) -> Result<Bound, String>;
}

/// Those that take and give one signature can be written as a closure that is called with any.
impl<F: Fn(&mut [Arg<'_>], &mut Output) -> Result<Value, String> + Clone + Send + Sync + 'static> Dynamic for F {
    fn prints(&self) -> bool {
        true
    }

    fn bind(&self, _: &Signature) -> Result<Bound, String> {
        Ok(Box::new(self.clone()))
    }
}

macro_rules! arguments {
    ($($(#[$doc:meta])* $name:ident: $lent:ty, $pass:ty;)*) => {
        /// An argument. What it borrows is lent for the call, and lies where the program has it.
        #[derive(Debug)]
        pub enum Arg<'c> {
            $($(#[$doc])* $name($lent),)*
        }

        /// What a call holds of an argument.
        enum Held {
            $($name(<$pass as Pass>::Held),)*
        }

        impl Held {
            /// How those of a parameter are taken up, and how many registers they have.
            fn loader(slot: Slot) -> Loader {
                $(if Some(slot) == <$pass as Pass>::SLOT {
                    return Loader {
                        // SAFETY: the caller's.
                        load: |call, at| Held::$name(unsafe { <$pass as Pass>::load(call, at) }),
                        width: <$pass as Pass>::WIDTH,
                    };
                })*
                unreachable!("there is an argument for every parameter")
            }

            /// # Safety
            /// As for [`Pass::lend`].
            unsafe fn lend(&mut self) -> Arg<'_> {
                match self {
                    // SAFETY: the caller's.
                    $(Held::$name(held) => Arg::$name(unsafe { <$pass as Pass>::lend(held) }),)*
                }
            }

            /// # Safety
            /// As for [`Pass::store`].
            unsafe fn store(self, call: &mut ExternCall<'_, '_>, at: usize) -> Result<(), Fault> {
                match self {
                    // SAFETY: the caller's.
                    $(Held::$name(held) => unsafe { <$pass as Pass>::store(held, call, at) },)*
                }
            }
        }
    };
}

arguments! {
    /// `Int`
    Int: i64, i64;
    /// `Float`
    Float: f64, f64;
    /// `Bool`
    Bool: bool, bool;
    /// `Str`
    Str: &'c str, &'static str;
    /// `[Int]`
    Ints: &'c [i64], &'static [i64];
    /// `[Float]`
    Floats: &'c [f64], &'static [f64];
    /// `[Bool]`
    Bools: &'c [Flag], &'static [Flag];
    /// `Grid[Int]`
    IntGrid: GridView<'c, i64>, GridView<'static, i64>;
    /// `Grid[Float]`
    FloatGrid: GridView<'c, f64>, GridView<'static, f64>;
    /// `Grid[Bool]`
    BoolGrid: GridView<'c, Flag>, GridView<'static, Flag>;
    /// `inout Int`
    IntMut: &'c mut i64, &'static mut i64;
    /// `inout Float`
    FloatMut: &'c mut f64, &'static mut f64;
    /// `inout Bool`
    BoolMut: &'c mut bool, &'static mut bool;
    /// `inout Str`
    StrMut: &'c mut String, &'static mut String;
    /// `inout [Int]`
    IntsMut: &'c mut [i64], &'static mut [i64];
    /// `inout [Float]`
    FloatsMut: &'c mut [f64], &'static mut [f64];
    /// `inout [Bool]`
    BoolsMut: &'c mut [Flag], &'static mut [Flag];
    /// `inout Grid[Int]`
    IntGridMut: GridViewMut<'c, i64>, GridViewMut<'static, i64>;
    /// `inout Grid[Float]`
    FloatGridMut: GridViewMut<'c, f64>, GridViewMut<'static, f64>;
    /// `inout Grid[Bool]`
    BoolGridMut: GridViewMut<'c, Flag>, GridViewMut<'static, Flag>;
}

/// How the arguments of a parameter are taken up.
struct Loader {
    /// # Safety
    /// The registers from there on are those of the parameter.
    load: unsafe fn(&mut ExternCall<'_, '_>, usize) -> Held,
    width: usize,
}

/// A function that is bound to a declaration.
pub(super) struct Linked {
    function: Bound,
    params: Vec<Loader>,
    result: Option<Kind>,
}

/// How many arguments are held without asking for memory.
const FEW: usize = 6;

impl Linked {
    pub(super) fn new(function: Bound, declared: &Signature) -> Arc<Linked> {
        let params = declared.params.iter().map(|&slot| Held::loader(slot)).collect();
        Arc::new(Linked { function, params, result: declared.result })
    }

    /// The shim of all of them.
    ///
    /// # Safety
    /// `data` is a `Linked`, and the call that of a function of its declaration.
    pub(super) unsafe fn shim(data: *const (), call: &mut ExternCall<'_, '_>) -> Result<(), Box<Fault>> {
        // SAFETY: the caller's.
        unsafe { (*data.cast::<Linked>()).call(call) }.map_err(Box::new)
    }

    /// # Safety
    /// As above.
    unsafe fn call(&self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
        let mut at = usize::from(self.result.is_some());
        let mut held = SmallVec::<[(Held, usize); FEW]>::new();
        for Loader { load, width } in &self.params {
            // SAFETY: the caller's: the registers of a result come first, then those of each parameter.
            held.push((unsafe { load(call, at) }, at));
            at += width;
        }
        let mut output = Output::default();
        let given = {
            let mut args = SmallVec::<[Arg<'_>; FEW]>::new();
            for (held, _) in &mut held {
                // SAFETY: it was taken up just now, and a call's arguments meet only where they are read.
                args.push(unsafe { held.lend() });
            }
            catch_unwind(AssertUnwindSafe(|| (self.function)(&mut args, &mut output)))
        };
        let given = given.map_err(|payload| Fault::panicked(&*payload))?;
        for (held, at) in held.drain(..) {
            // SAFETY: the caller's.
            unsafe { held.store(call, at)? };
        }
        // SAFETY: it has no registers.
        unsafe { <&mut Output as Pass>::store(output, call, at)? };
        let value = given.map_err(|error| Fault::trap(TrapCode::HostFailed, error))?;
        // SAFETY: the caller's.
        unsafe { self.give(value, call) }
    }

    /// # Safety
    /// As for [`Give::give`], of the declared result.
    unsafe fn give(&self, value: Value, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
        let flags = |cells: Vec<bool>| cells.into_iter().map(Flag::from).collect::<Vec<_>>();
        // SAFETY: the caller's.
        unsafe {
            match self.result {
                None => match value {
                    Value::Unit => Ok(()),
                    _ => Err(misfit("it gave a value, and is declared to give none")),
                },
                Some(Kind::Scalar(Scalar::Int)) => taken::<i64>(value)?.give(call),
                Some(Kind::Scalar(Scalar::Float)) => taken::<f64>(value)?.give(call),
                Some(Kind::Scalar(Scalar::Bool)) => taken::<bool>(value)?.give(call),
                Some(Kind::Str) => taken::<String>(value)?.give(call),
                Some(Kind::Array(Scalar::Int)) => taken::<Vec<i64>>(value)?.give(call),
                Some(Kind::Array(Scalar::Float)) => taken::<Vec<f64>>(value)?.give(call),
                Some(Kind::Array(Scalar::Bool)) => flags(taken(value)?).give(call),
                Some(Kind::Grid(Scalar::Int)) => taken::<Grid<i64>>(value)?.give(call),
                Some(Kind::Grid(Scalar::Float)) => taken::<Grid<f64>>(value)?.give(call),
                Some(Kind::Grid(Scalar::Bool)) => {
                    let Grid { rows, cols, cells } = taken(value)?;
                    Grid { rows, cols, cells: flags(cells) }.give(call)
                }
            }
        }
    }
}

fn misfit(why: impl fmt::Display) -> Fault {
    Fault::trap(TrapCode::HostFailed, why.to_string())
}

/// The value as a type of Rust's.
fn taken<T: FromValue>(value: Value) -> Result<T, Fault> {
    T::from_value(value).map_err(|error| misfit(format_args!("what it gave: {error}")))
}

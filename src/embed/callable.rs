//! Which Rust functions can be functions of the host: those of up to eight parameters that are [`Param`]s, with a result that is a
//! [`Return`]. A call of one is monomorphic from the shim on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::crossing::{Give, Kind, Param, Pass, Return, Slot};
use crate::bytecode::trap::TrapCode;
use crate::machine::extern_call::ExternCall;
use crate::machine::trap::Fault;

/// A function of the host: see [`Functions::add`](super::Functions::add). `M` tells those of different types apart.
pub trait Callable<M>: Call<M> {}
impl<M, F: Call<M>> Callable<M> for F {}

/// What is behind it.
pub trait Call<M>: Send + Sync {
    /// The parameters that a declaration has.
    fn params() -> Vec<Slot>;
    /// The result that it has.
    fn result() -> Option<Kind>;
    /// Whether it may print.
    fn prints() -> bool;

    /// Calls it.
    ///
    /// # Safety
    /// The call is one of a function that has these parameters and this result.
    unsafe fn call(&self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault>;
}

/// The trap that a panic is.
#[cold]
pub(super) fn panicked(payload: &(dyn std::any::Any + Send)) -> Fault {
    let said = payload.downcast_ref::<&str>().copied();
    let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    Fault::trap(TrapCode::HostPanicked, said.unwrap_or(""))
}

macro_rules! callables {
    ($($($name:ident)*;)*) => {$(
        impl<F, Out, $($name),*> Call<fn($($name),*) -> Out> for F
        where
            F: Send + Sync,
            Out: Return,
            $($name: Param,)*
            // The first finds out the types of the parameters, the second that they may live as short as a call.
            for<'c> &'c F: Fn($($name),*) -> Out + Fn($(<$name as Pass>::Lent<'c>),*) -> Out,
        {
            fn params() -> Vec<Slot> {
                let slots: &[Option<Slot>] = &[$(<$name as Pass>::SLOT),*];
                slots.iter().copied().flatten().collect()
            }

            fn result() -> Option<Kind> {
                <Out as Give>::KIND
            }

            fn prints() -> bool {
                let slots: &[Option<Slot>] = &[$(<$name as Pass>::SLOT),*];
                slots.contains(&None)
            }

            #[inline(always)]
            #[allow(non_snake_case, unused_mut, unused_variables, unused_assignments, unused_unsafe)]
            unsafe fn call(&self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
                // With the types that the arguments are lent in.
                #[allow(clippy::too_many_arguments)]
                fn enter<Out, $($name),*>(function: impl Fn($($name),*) -> Out, $($name: $name),*) -> Out {
                    function($($name),*)
                }
                let mut at = usize::from(<Out as Give>::KIND.is_some());
                $(
                    // SAFETY: the caller's: the registers of a result come first, then those of each parameter.
                    let mut $name = (unsafe { <$name as Pass>::load(call, at) }, at);
                    at += <$name as Pass>::WIDTH;
                )*
                // SAFETY: they were taken up just now, and a call's arguments meet only where they are read.
                let result = catch_unwind(AssertUnwindSafe(|| unsafe {
                    enter::<Out, $(<$name as Pass>::Lent<'_>),*>(self, $(<$name as Pass>::lend(&mut $name.0)),*)
                }));
                let result = result.map_err(|payload| panicked(&*payload))?;
                // SAFETY: the caller's.
                unsafe {
                    $(<$name as Pass>::store($name.0, call, $name.1)?;)*
                    result.give(call)
                }
            }
        }
    )*};
}

callables! {
    ;
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E G;
    A B C D E G H;
    A B C D E G H I;
}

//! The machine as a WebAssembly module: one shared memory, a *service* thread that takes requests, and threads that run bodies.
//!
//! What a script sees is in [`requests`]. A request is JSON, and so is the response; bytes (of files and arrays) follow it, in the
//! order in which it mentions them. What takes longer than a moment is answered later, by an *event*, which the service fetches
//! when the word of `tgvm_signal` has changed. `web/src/service.js` is the other side.
//!
//! Order on the script's side: the service's thread instantiates the module first, which lays out its data. Every further thread
//! is given a stack and thread-local memory by `tgvm_allocate`, sets `__stack_pointer`, calls `__wasm_init_tls`, and then
//! `tgvm_serve`, which returns only where there are messages that it has to hear. Such a stack has no guard: the machine does not recurse, and what may (the compiler) runs
//! on the service's own stack, below which there is nothing.

#[cfg(any(target_family = "wasm", test))]
mod cache;
#[cfg(any(target_family = "wasm", test))]
mod world;

#[cfg(target_family = "wasm")]
mod allocator;
#[cfg(target_family = "wasm")]
mod envelope;
#[cfg(target_family = "wasm")]
mod events;
#[cfg(target_family = "wasm")]
mod functions;
#[cfg(target_family = "wasm")]
mod handoffs;
#[cfg(target_family = "wasm")]
mod report;
#[cfg(target_family = "wasm")]
mod requests;
#[cfg(target_family = "wasm")]
mod runs;
#[cfg(target_family = "wasm")]
mod sessions;
#[cfg(target_family = "wasm")]
mod submissions;
#[cfg(target_family = "wasm")]
mod values;

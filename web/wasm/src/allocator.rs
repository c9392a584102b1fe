//! The module's allocator.

use crate::cache::Cached;

#[global_allocator]
static ALLOCATOR: Cached = Cached;

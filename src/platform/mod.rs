//! What the machine asks of the system that it runs on.

pub mod os;

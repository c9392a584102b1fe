//! The cases that are hard for a machine that runs out of order, one by one.

//! The conformance suite of the platform trait, on threads of the system and in the simulator.

use std::sync::Arc;

use tgvm::platform::conformance::check;
use tgvm::platform::os::Threads;
use tgvm::platform::sim::{Simulated, Simulator};

#[test]
fn threads_of_the_system_conform() {
    check(|workers| Arc::new(Threads::new(workers))).unwrap();
}

#[test]
fn the_simulator_conforms_with_every_seed() {
    for seed in 0..30 {
        check(|workers| Arc::new(Simulated(Arc::new(Simulator::new(workers, seed))))).unwrap();
    }
}

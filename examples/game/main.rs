//! A small simulation, as a game has it: a thousand entities, ten systems, frame after frame. The host has the components and the systems; the
//! program says what a frame does, in the order in which it is to be understood; the machine finds out which systems may run side by
//! side.
//!
//! `cargo run --release --example game [FRAMES]`

pub mod systems;

use std::error::Error;
use std::time::Instant;

use systems::{Components, Pair};
use tgvm::embed::{Engine, Functions, Module, Part};

/// What a frame does.
const PROGRAM: &str = "
    extern task steer()
    extern task accelerate(time: Float)
    extern task move_all(time: Float)
    extern task bounce()
    extern task grow_old(time: Float)
    extern task heal(time: Float)
    extern task crowd()
    extern task hurt(time: Float)
    extern task animate(time: Float)
    extern task light(time: Float)
    extern fn alive() -> Int
    extern fn checksum() -> Int

    fn frame(time: Float) {
        animate(time)
        light(time)
        steer()
        accelerate(time)
        move_all(time)
        bounce()
        grow_old(time)
        heal(time)
        crowd()
        hurt(time)
    }

    fn quietly(frames: Int) {
        for i in 0..frames { frame(0.02) }
    }

    fn run(frames: Int) {
        for i in 0..frames {
            frame(0.02)
            if (i + 1) % 50 == 0 { print(\"frame {i + 1}: {alive()} alive, checksum {checksum()}\") }
        }
    }";

/// The components, each a part of the host's data.
struct World {
    position: Part<Vec<Pair>>,
    velocity: Part<Vec<Pair>>,
    force: Part<Vec<Pair>>,
    health: Part<Vec<f64>>,
    age: Part<Vec<f64>>,
    sprite: Part<Vec<f64>>,
    glow: Part<Vec<f64>>,
    map: Part<Vec<u32>>,
}

impl World {
    fn new() -> World {
        let Components { position, velocity, force, health, age, sprite, glow, map } = Components::at_the_start();
        World {
            position: Part::new("position", position),
            velocity: Part::new("velocity", velocity),
            force: Part::new("force", force),
            health: Part::new("health", health),
            age: Part::new("age", age),
            sprite: Part::new("sprite", sprite),
            glow: Part::new("glow", glow),
            map: Part::new("map", map),
        }
    }

    /// The systems: each says which components it reads and which it writes.
    fn systems(&self) -> Functions<'static> {
        let World { position, velocity, force, health, age, sprite, glow, map } = self;
        let mut all = Functions::new();
        all.add_with("steer", (force.writes(), position.reads()), |(force, position): (&mut Vec<Pair>, &Vec<Pair>)| {
            systems::steer(force, position)
        });
        all.add_with(
            "accelerate",
            (velocity.writes(), force.reads()),
            |(velocity, force): (&mut Vec<Pair>, &Vec<Pair>), time: f64| systems::accelerate(velocity, force, time),
        );
        all.add_with(
            "move_all",
            (position.writes(), velocity.reads()),
            |(position, velocity): (&mut Vec<Pair>, &Vec<Pair>), time: f64| systems::move_all(position, velocity, time),
        );
        all.add_with(
            "bounce",
            (position.writes(), velocity.writes()),
            |(position, velocity): (&mut Vec<Pair>, &mut Vec<Pair>)| systems::bounce(position, velocity),
        );
        all.add_with("grow_old", age.writes(), |age: &mut Vec<f64>, time: f64| systems::grow_old(age, time));
        all.add_with("heal", (health.writes(), age.reads()), |(health, age): (&mut Vec<f64>, &Vec<f64>), time: f64| {
            systems::heal(health, age, time)
        });
        all.add_with("crowd", (map.writes(), position.reads()), |(map, position): (&mut Vec<u32>, &Vec<Pair>)| {
            systems::crowd(map, position)
        });
        all.add_with(
            "hurt",
            (health.writes(), map.reads(), position.reads()),
            |(health, map, position): (&mut Vec<f64>, &Vec<u32>, &Vec<Pair>), time: f64| {
                systems::hurt(health, map, position, time)
            },
        );
        all.add_with("animate", sprite.writes(), |sprite: &mut Vec<f64>, time: f64| systems::animate(sprite, time));
        all.add_with("light", glow.writes(), |glow: &mut Vec<f64>, time: f64| systems::light(glow, time));
        all.add_with("alive", health.reads(), |health: &Vec<f64>| health.iter().filter(|h| **h > 0.0).count() as i64);
        all.add_with(
            "checksum",
            (position.reads(), health.reads(), sprite.reads(), glow.reads()),
            |(position, health, sprite, glow): (&Vec<Pair>, &Vec<f64>, &Vec<f64>, &Vec<f64>)| {
                systems::checksum(position, health, sprite, glow)
            },
        );
        all
    }
}

/// The program, linked with a new world.
pub fn module() -> Result<Module, Box<dyn Error>> {
    Ok(Module::library("game.tg", PROGRAM)?.link(&World::new().systems())?)
}

/// Runs so many frames, and tells `print` what the program prints.
pub fn simulate(
    engine: &Engine,
    frames: i64,
    mut print: impl FnMut(&str) + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let module = module()?;
    let run = engine.call(&module, "run").output(move |_, bytes| print(&String::from_utf8_lossy(bytes)));
    Ok(run.submit::<()>((frames,))?.wait()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let frames = std::env::args().nth(1).map_or(Ok(200), |text| text.parse::<i64>())?;
    let engine = Engine::new()?;
    let started = Instant::now();
    simulate(&engine, frames, |text| print!("{text}"))?;
    eprintln!("{:.1} us a frame", started.elapsed().as_secs_f64() * 1e6 / frames.max(1) as f64);
    Ok(())
}

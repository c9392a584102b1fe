//! A schedule of a game: the ten systems of `examples/game` on a thousand entities, frame after frame, beside the same on Bevy's executor
//! (`bevy_ecs` alone) and on rayon, and on one thread.
//!
//! The peers are told by hand what may run side by side: edges between systems, or a tree of joins. Here the program says what comes after
//! what, and the parts that systems declare do the rest. All end with the same checksum.
//!
//! `cargo run --release --manifest-path benches/schedule/Cargo.toml`

#[path = "../../examples/game/main.rs"]
#[allow(dead_code)]
mod game;

use std::time::{Duration, Instant};

use bevy_ecs::prelude::*;
use bevy_ecs::schedule::MultiThreadedExecutor;
use game::systems::{self, Components, Pair};
use tgvm::embed::{Engine, Error};

/// Seconds of a frame.
const TIME: f64 = 0.02;
/// Frames of a turn, and how often each has its turn.
const FRAMES: usize = 500;
const TURNS: usize = 11;

fn checksum(c: &Components) -> i64 {
    systems::checksum(&c.position, &c.health, &c.sprite, &c.glow)
}

fn serial(c: &mut Components) {
    systems::animate(&mut c.sprite, TIME);
    systems::light(&mut c.glow, TIME);
    systems::steer(&mut c.force, &c.position);
    systems::accelerate(&mut c.velocity, &c.force, TIME);
    systems::move_all(&mut c.position, &c.velocity, TIME);
    systems::bounce(&mut c.position, &mut c.velocity);
    systems::grow_old(&mut c.age, TIME);
    systems::heal(&mut c.health, &c.age, TIME);
    systems::crowd(&mut c.map, &c.position);
    systems::hurt(&mut c.health, &c.map, &c.position, TIME);
}

fn with_rayon(c: &mut Components) {
    let Components { position, velocity, force, health, age, sprite, glow, map } = c;
    let bodies = || {
        systems::steer(force, position);
        systems::accelerate(velocity, force, TIME);
        systems::move_all(position, velocity, TIME);
        systems::bounce(position, velocity);
        systems::crowd(map, position);
    };
    let lives = || {
        systems::grow_old(age, TIME);
        systems::heal(health, age, TIME);
    };
    let looks = || rayon::join(|| systems::animate(sprite, TIME), || systems::light(glow, TIME));
    rayon::join(bodies, || rayon::join(lives, looks));
    systems::hurt(health, map, position, TIME);
}

macro_rules! components {
    ($($name:ident($type:ty);)*) => {$(
        #[derive(Resource)]
        struct $name(Vec<$type>);
    )*};
}

components! {
    Position(Pair);
    Velocity(Pair);
    Force(Pair);
    Health(f64);
    Age(f64);
    Sprite(f64);
    Glow(f64);
    Map(u32);
}

fn steer(mut force: ResMut<Force>, position: Res<Position>) {
    systems::steer(&mut force.0, &position.0);
}
fn accelerate(mut velocity: ResMut<Velocity>, force: Res<Force>) {
    systems::accelerate(&mut velocity.0, &force.0, TIME);
}
fn move_all(mut position: ResMut<Position>, velocity: Res<Velocity>) {
    systems::move_all(&mut position.0, &velocity.0, TIME);
}
fn bounce(mut position: ResMut<Position>, mut velocity: ResMut<Velocity>) {
    systems::bounce(&mut position.0, &mut velocity.0);
}
fn grow_old(mut age: ResMut<Age>) {
    systems::grow_old(&mut age.0, TIME);
}
fn heal(mut health: ResMut<Health>, age: Res<Age>) {
    systems::heal(&mut health.0, &age.0, TIME);
}
fn crowd(mut map: ResMut<Map>, position: Res<Position>) {
    systems::crowd(&mut map.0, &position.0);
}
fn hurt(mut health: ResMut<Health>, map: Res<Map>, position: Res<Position>) {
    systems::hurt(&mut health.0, &map.0, &position.0, TIME);
}
fn animate(mut sprite: ResMut<Sprite>) {
    systems::animate(&mut sprite.0, TIME);
}
fn light(mut glow: ResMut<Glow>) {
    systems::light(&mut glow.0, TIME);
}

fn bevy() -> (World, Schedule) {
    let Components { position, velocity, force, health, age, sprite, glow, map } = Components::at_the_start();
    let mut world = World::new();
    world.insert_resource(Position(position));
    world.insert_resource(Velocity(velocity));
    world.insert_resource(Force(force));
    world.insert_resource(Health(health));
    world.insert_resource(Age(age));
    world.insert_resource(Sprite(sprite));
    world.insert_resource(Glow(glow));
    world.insert_resource(Map(map));
    let mut schedule = Schedule::default();
    schedule.set_executor(MultiThreadedExecutor::new());
    schedule.add_systems((animate, light, (steer, accelerate, move_all, bounce, crowd, hurt).chain()));
    schedule.add_systems(((grow_old, heal).chain()).before(hurt));
    (world, schedule)
}

fn timed(body: impl FnOnce()) -> f64 {
    let start = Instant::now();
    body();
    micros(start.elapsed())
}

/// Microseconds of a frame.
fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / FRAMES as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let engine = Engine::new().expect("threads");
    let module = game::module().expect("it compiles, and fits");
    let call =
        |name: &str, frames: usize| engine.submit::<()>(&module, name, (frames as i64,)).expect("it fits").wait();
    let (mut alone, mut on_rayon) = (Components::at_the_start(), Components::at_the_start());
    let (mut world, mut schedule) = bevy();
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..TURNS {
        times[0].push(timed(|| call("quietly", FRAMES).expect("it ends")));
        times[1].push(timed(|| (0..FRAMES).for_each(|_| schedule.run(&mut world))));
        times[2].push(timed(|| (0..FRAMES).for_each(|_| with_rayon(&mut on_rayon))));
        times[3].push(timed(|| (0..FRAMES).for_each(|_| serial(&mut alone))));
    }
    let expected = checksum(&alone);
    assert_eq!(checksum(&on_rayon), expected);
    let in_bevy = systems::checksum(
        &world.resource::<Position>().0,
        &world.resource::<Health>().0,
        &world.resource::<Sprite>().0,
        &world.resource::<Glow>().0,
    );
    assert_eq!(in_bevy, expected);
    let ours: Result<i64, Error> = engine.submit(&module, "checksum", ()).expect("it fits").wait();
    assert_eq!(ours, Ok(expected));
    let [ours, bevy, rayon, alone] = times.map(median);
    println!("ten systems, {} entities, microseconds a frame, {} workers", systems::ENTITIES, engine.workers());
    println!("  here {ours:.1}, bevy {bevy:.1}, rayon {rayon:.1}, one thread {alone:.1}");
    println!(
        "  here / bevy {:.2}, here / rayon {:.2}, here / one thread {:.2}",
        ours / bevy,
        ours / rayon,
        ours / alone
    );
}

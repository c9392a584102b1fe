//! What the entities are made of, and what becomes of them in a frame.

/// How many entities there are.
pub const ENTITIES: usize = 1000;
/// The side of the field that they move on.
const SIDE: f64 = 100.0;
/// Cells of the map, by row and by column.
const CELLS: usize = 20;

/// Along both axes.
pub type Pair = [f64; 2];

/// One of each for every entity, and a map of how many are where.
pub struct Components {
    /// Where it is.
    pub position: Vec<Pair>,
    /// Where it goes.
    pub velocity: Vec<Pair>,
    /// What draws it.
    pub force: Vec<Pair>,
    /// 0 to 100.
    pub health: Vec<f64>,
    /// In seconds.
    pub age: Vec<f64>,
    /// The picture shown.
    pub sprite: Vec<f64>,
    /// How bright.
    pub glow: Vec<f64>,
    /// Entities by cell.
    pub map: Vec<u32>,
}

impl Components {
    /// The same in every run.
    pub fn at_the_start() -> Components {
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut pairs = |from: f64, to: f64| {
            (0..ENTITIES).map(|_| [from + random() * (to - from), from + random() * (to - from)]).collect()
        };
        Components {
            position: pairs(0.0, SIDE),
            velocity: pairs(-5.0, 5.0),
            force: vec![[0.0; 2]; ENTITIES],
            health: pairs(50.0, 100.0).into_iter().map(|[health, _]: Pair| health).collect(),
            age: vec![0.0; ENTITIES],
            sprite: vec![0.0; ENTITIES],
            glow: vec![1.0; ENTITIES],
            map: vec![0; CELLS * CELLS],
        }
    }
}

/// The cell of the map that a position is in.
fn cell(at: &Pair) -> usize {
    let along = |x: f64| ((x / SIDE * CELLS as f64) as usize).min(CELLS - 1);
    along(at[1]) * CELLS + along(at[0])
}

/// Everybody wants to the middle.
pub fn steer(force: &mut [Pair], position: &[Pair]) {
    for (force, at) in force.iter_mut().zip(position) {
        *force = [0, 1].map(|axis| (SIDE / 2.0 - at[axis]) * 0.3);
    }
}

/// Forces change velocities.
pub fn accelerate(velocity: &mut [Pair], force: &[Pair], time: f64) {
    for (velocity, force) in velocity.iter_mut().zip(force) {
        *velocity = [0, 1].map(|axis| velocity[axis] + force[axis] * time);
    }
}

/// Velocities change positions.
pub fn move_all(position: &mut [Pair], velocity: &[Pair], time: f64) {
    for (at, velocity) in position.iter_mut().zip(velocity) {
        *at = [0, 1].map(|axis| at[axis] + velocity[axis] * time);
    }
}

/// Nobody leaves the field.
pub fn bounce(position: &mut [Pair], velocity: &mut [Pair]) {
    for (at, velocity) in position.iter_mut().flatten().zip(velocity.iter_mut().flatten()) {
        if !(0.0..SIDE).contains(at) {
            *at = at.clamp(0.0, SIDE - 1e-9);
            *velocity = -*velocity;
        }
    }
}

/// Time passes.
pub fn grow_old(age: &mut [f64], time: f64) {
    age.iter_mut().for_each(|age| *age += time);
}

/// The young recover faster.
pub fn heal(health: &mut [f64], age: &[f64], time: f64) {
    for (health, age) in health.iter_mut().zip(age).filter(|(health, _)| **health > 0.0) {
        *health = (*health + time * 3.0 / (1.0 + age)).min(100.0);
    }
}

/// How many are where.
pub fn crowd(map: &mut [u32], position: &[Pair]) {
    map.fill(0);
    position.iter().for_each(|at| map[cell(at)] += 1);
}

/// Where there are many it is not healthy.
pub fn hurt(health: &mut [f64], map: &[u32], position: &[Pair], time: f64) {
    for (health, at) in health.iter_mut().zip(position) {
        *health = (*health - time * f64::from(map[cell(at)].saturating_sub(2))).max(0.0);
    }
}

/// Pictures change.
pub fn animate(sprite: &mut [f64], time: f64) {
    sprite.iter_mut().zip(0..).for_each(|(sprite, i)| *sprite = (*sprite + time * f64::from(i % 7)) % 8.0);
}

/// Everybody glows in their own way.
pub fn light(glow: &mut [f64], time: f64) {
    glow.iter_mut().zip(0..).for_each(|(glow, i)| *glow = *glow * (1.0 - time) + time * f64::from(i % 3));
}

/// Of all that can be seen.
pub fn checksum(position: &[Pair], health: &[f64], sprite: &[f64], glow: &[f64]) -> i64 {
    let numbers = position.iter().flatten().chain(health).chain(sprite).chain(glow);
    let mixed = numbers.fold(0_u64, |sum, x| sum.rotate_left(5) ^ x.to_bits());
    (mixed % 1_000_000_007) as i64
}

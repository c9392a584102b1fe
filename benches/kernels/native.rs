//! The kernels in Rust, with the loops of the `.tg` and `.lua` files beside it. Each prints what those print.
#![allow(clippy::needless_range_loop, clippy::approx_constant, reason = "the loops are those of the other languages")]

/// The kernel of that name.
pub fn find(name: &str) -> Option<fn()> {
    Some(match name {
        "fib" => || println!("{}", fib(std::hint::black_box(35))),
        "nqueens" => nqueens,
        "mandelbrot" => mandelbrot,
        "matmul" => matmul,
        "nbody" => nbody,
        "sieve" => sieve,
        "spectral" => spectral,
        "collatz" => collatz,
        "mergesort" => mergesort,
        "fannkuch" => fannkuch,
        "levenshtein" => || println!("{}", distance(&letters(2000, 1), &letters(2000, 2))),
        "strings" => strings,
        _ => return None,
    })
}

fn fib(n: i64) -> i64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

fn nqueens() {
    fn place(board: &mut [i64], row: usize, n: usize) -> i64 {
        if row == n {
            return 1;
        }
        let mut count = 0;
        for col in 0..n as i64 {
            let mut free = true;
            for r in 0..row {
                let c = board[r];
                if c == col || c - r as i64 == col - row as i64 || c + r as i64 == col + row as i64 {
                    free = false;
                    break;
                }
            }
            if free {
                board[row] = col;
                count += place(board, row + 1, n);
            }
        }
        count
    }
    let mut total = 0;
    for _ in 0..5 {
        total += place(&mut [0; 10], 0, std::hint::black_box(10));
    }
    println!("{total}");
}

fn mandelbrot() {
    let size = 400;
    let mut total = 0;
    for py in 0..size {
        let cy = py as f64 * 2.0 / size as f64 - 1.0;
        for px in 0..size {
            let cx = px as f64 * 2.0 / size as f64 - 1.5;
            let (mut x, mut y, mut n) = (0.0, 0.0, 0);
            while n < 200 {
                let (xx, yy) = (x * x, y * y);
                if xx + yy > 4.0 {
                    break;
                }
                y = 2.0 * x * y + cy;
                x = xx - yy + cx;
                n += 1;
            }
            total += n;
        }
    }
    println!("{total}");
}

fn matmul() {
    let n = std::hint::black_box(256);
    let mut a = vec![0.0; n * n];
    let mut b = vec![0.0; n * n];
    let mut c = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            a[i * n + j] = ((i * 3 + j) % 11) as f64 - 5.0;
            b[i * n + j] = ((i + j * 7) % 13) as f64 / 4.0;
        }
    }
    for i in 0..n {
        for j in 0..n {
            let mut total = 0.0;
            for k in 0..n {
                total += a[i * n + k] * b[k * n + j];
            }
            c[i * n + j] = total;
        }
    }
    let mut check = 0.0;
    for i in 0..n {
        for j in 0..n {
            check += c[i * n + j] * ((i + j) % 5) as f64;
        }
    }
    println!("{check:.3}");
}

struct Body {
    x: f64,
    y: f64,
    z: f64,
    vx: f64,
    vy: f64,
    vz: f64,
    mass: f64,
}

fn advance(bodies: &mut [Body], dt: f64) {
    for i in 0..bodies.len() {
        let Body { x, y, z, mut vx, mut vy, mut vz, mass } = bodies[i];
        for other in &mut bodies[i + 1..] {
            let (dx, dy, dz) = (x - other.x, y - other.y, z - other.z);
            let d2 = dx * dx + dy * dy + dz * dz;
            let mag = dt / (d2.sqrt() * d2);
            let mj = other.mass * mag;
            vx -= dx * mj;
            vy -= dy * mj;
            vz -= dz * mj;
            let mi = mass * mag;
            other.vx += dx * mi;
            other.vy += dy * mi;
            other.vz += dz * mi;
        }
        bodies[i] = Body { x: x + dt * vx, y: y + dt * vy, z: z + dt * vz, vx, vy, vz, mass };
    }
}

fn energy(bodies: &[Body]) -> f64 {
    let mut e = 0.0;
    for (i, b) in bodies.iter().enumerate() {
        e += 0.5 * b.mass * (b.vx * b.vx + b.vy * b.vy + b.vz * b.vz);
        for o in &bodies[i + 1..] {
            let (dx, dy, dz) = (b.x - o.x, b.y - o.y, b.z - o.z);
            e -= b.mass * o.mass / (dx * dx + dy * dy + dz * dz).sqrt();
        }
    }
    e
}

fn nbody() {
    const DAYS: f64 = 365.24;
    const SOLAR: f64 = 39.47841760435743;
    let body = |x, y, z, vx: f64, vy: f64, vz: f64, mass: f64| Body {
        x,
        y,
        z,
        vx: vx * DAYS,
        vy: vy * DAYS,
        vz: vz * DAYS,
        mass: mass * SOLAR,
    };
    #[rustfmt::skip]
    let mut bodies = [
        body(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
        body(4.841_431_442_464_721, -1.160_320_044_027_428_4, -0.103_622_044_471_123_11,
            0.001_660_076_642_744_037, 0.007_699_011_184_197_404, -0.000_069_046_001_697_206_3, 0.000_954_791_938_424_326_6),
        body(8.343_366_718_244_58, 4.124_798_564_124_305, -0.403_523_417_114_321_4,
            -0.002_767_425_107_264_116, 0.004_998_528_012_349_172, 0.000_023_041_729_757_376_393, 0.000_285_885_980_666_130_8),
        body(12.894_369_562_139_131, -15.111_151_401_698_631, -0.223_307_578_892_655_73,
            0.002_964_601_375_647_616, 0.002_378_471_739_594_809_5, -0.000_029_658_956_854_023_756, 0.000_043_662_440_433_515_63),
        body(15.379_697_114_850_917, -25.919_314_609_987_964, 0.179_258_772_950_371_18,
            0.002_680_677_724_903_893_2, 0.001_628_241_700_382_423, -0.000_095_159_225_451_971_59, 0.000_051_513_890_204_661_145),
    ];
    let (mut px, mut py, mut pz) = (0.0, 0.0, 0.0);
    for b in &bodies {
        px += b.vx * b.mass;
        py += b.vy * b.mass;
        pz += b.vz * b.mass;
    }
    bodies[0].vx = -px / SOLAR;
    bodies[0].vy = -py / SOLAR;
    bodies[0].vz = -pz / SOLAR;
    println!("{:.9}", energy(&bodies));
    for _ in 0..500_000 {
        advance(&mut bodies, 0.01);
    }
    println!("{:.9}", energy(&bodies));
}

fn sieve() {
    let n = std::hint::black_box(5_000_000);
    let mut prime = vec![true; n + 1];
    let mut count = 0;
    for i in 2..=n {
        if prime[i] {
            count += 1;
            let mut j = i * i;
            while j <= n {
                prime[j] = false;
                j += i;
            }
        }
    }
    println!("{count}");
}

fn spectral() {
    fn entry(i: usize, j: usize) -> f64 {
        1.0 / ((i + j) * (i + j + 1) / 2 + i + 1) as f64
    }
    fn times(v: &[f64], out: &mut [f64]) {
        for i in 0..v.len() {
            let mut total = 0.0;
            for j in 0..v.len() {
                total += entry(i, j) * v[j];
            }
            out[i] = total;
        }
    }
    fn times_transposed(v: &[f64], out: &mut [f64]) {
        for i in 0..v.len() {
            let mut total = 0.0;
            for j in 0..v.len() {
                total += entry(j, i) * v[j];
            }
            out[i] = total;
        }
    }
    let n = std::hint::black_box(300);
    let (mut u, mut v, mut t) = (vec![1.0; n], vec![0.0; n], vec![0.0; n]);
    for _ in 0..10 {
        times(&u, &mut t);
        times_transposed(&t, &mut v);
        times(&v, &mut t);
        times_transposed(&t, &mut u);
    }
    let (mut uv, mut vv) = (0.0, 0.0);
    for i in 0..n {
        uv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    println!("{:.9}", f64::sqrt(uv / vv));
}

fn collatz() {
    let (mut best, mut longest) = (0, 0);
    for start in 1..1_000_000i64 {
        let (mut n, mut steps) = (start, 0);
        while n != 1 {
            if n % 2 == 0 {
                n /= 2;
            } else {
                n = 3 * n + 1;
            }
            steps += 1;
        }
        if steps > longest {
            longest = steps;
            best = start;
        }
    }
    println!("{best} {longest}");
}

fn mergesort() {
    fn merge(from: &[i64], to: &mut [i64], lo: usize, mid: usize, hi: usize) {
        let (mut i, mut j) = (lo, mid);
        for k in lo..hi {
            if i < mid && (j >= hi || from[i] <= from[j]) {
                to[k] = from[i];
                i += 1;
            } else {
                to[k] = from[j];
                j += 1;
            }
        }
    }
    fn pass(from: &[i64], to: &mut [i64], width: usize) {
        let n = from.len();
        let mut lo = 0;
        while lo < n {
            merge(from, to, lo, n.min(lo + width), n.min(lo + 2 * width));
            lo += 2 * width;
        }
    }
    let n = 1_000_000;
    let mut xs = vec![0; n];
    let mut seed = 42;
    for x in &mut xs {
        seed = seed * 16807 % 2147483647;
        *x = seed;
    }
    let mut spare = vec![0; n];
    let mut width = 1;
    while width < n {
        pass(&xs, &mut spare, width);
        pass(&spare, &mut xs, 2 * width);
        width *= 4;
    }
    let mut check = 0;
    for i in 0..n {
        if i > 0 {
            assert!(xs[i - 1] <= xs[i]);
        }
        check = (check * 31 + xs[i]) % 1000003;
    }
    println!("{check}");
}

fn fannkuch() {
    let n = std::hint::black_box(9);
    let (mut perm, mut start, mut count) = (vec![0; n], vec![0; n], vec![0; n]);
    for (i, s) in start.iter_mut().enumerate() {
        *s = i;
    }
    let (mut most, mut check) = (0, 0);
    let mut even = true;
    let mut r = n;
    'all: loop {
        while r > 1 {
            count[r - 1] = r;
            r -= 1;
        }
        perm[..n].copy_from_slice(&start[..n]);
        let mut flips = 0;
        let mut first = perm[0];
        while first != 0 {
            let (mut lo, mut hi) = (0, first);
            while lo < hi {
                perm.swap(lo, hi);
                lo += 1;
                hi -= 1;
            }
            flips += 1;
            first = perm[0];
        }
        most = most.max(flips);
        if even {
            check += flips;
        } else {
            check -= flips;
        }
        even = !even;
        loop {
            if r == n {
                break 'all;
            }
            let head = start[0];
            for i in 0..r {
                start[i] = start[i + 1];
            }
            start[r] = head;
            count[r] -= 1;
            if count[r] > 0 {
                break;
            }
            r += 1;
        }
    }
    println!("{check} {most}");
}

fn letters(n: usize, mut seed: i64) -> Vec<i64> {
    let mut text = vec![0; n];
    for letter in &mut text {
        seed = seed * 16807 % 2147483647;
        *letter = seed % 4;
    }
    text
}

fn distance(a: &[i64], b: &[i64]) -> i64 {
    let n = b.len();
    let mut before: Vec<i64> = (0..=n as i64).collect();
    let mut row = vec![0; n + 1];
    for (i, &letter) in a.iter().enumerate() {
        row[0] = i as i64 + 1;
        for j in 0..n {
            let mut best = before[j];
            if letter != b[j] {
                best += 1;
            }
            let deleted = before[j + 1] + 1;
            if deleted < best {
                best = deleted;
            }
            let inserted = row[j] + 1;
            if inserted < best {
                best = inserted;
            }
            row[j + 1] = best;
        }
        std::mem::swap(&mut before, &mut row);
    }
    before[n]
}

fn strings() {
    use std::fmt::Write;
    let mut lines = Vec::new();
    for i in 0..200_000 {
        let mut line = String::new();
        for j in 1..9 {
            write!(line, "{},", i * j % 1000).expect("writing to a String");
        }
        lines.push(line);
    }
    let text = lines.join("\n");
    let mut check = 0;
    for byte in text.bytes().step_by(8) {
        check = (check * 31 + i64::from(byte)) % 1000003;
    }
    println!("{} {check}", text.len());
}

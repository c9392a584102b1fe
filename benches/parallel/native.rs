//! The same work in native Rust, by fork and join: rayon's and chili's. Tiles go in waves with a join between them, since
//! neither library knows dependencies.

use chili::{Config, Scope, ThreadPool};
use std::num::NonZero;
use std::sync::RwLock;
use std::time::Instant;

/// Who joins.
#[derive(Clone, Copy, PartialEq)]
pub enum Library {
    Rayon,
    Chili,
}

/// Runs two closures, perhaps side by side: in chili's scope, or else by rayon.
struct Fork<'a, 's, const CHILI: bool>(Option<&'a mut Scope<'s>>);

impl<const CHILI: bool> Fork<'_, '_, CHILI> {
    #[inline]
    fn join<A: Send, B: Send>(
        &mut self,
        a: impl FnOnce(&mut Fork<'_, '_, CHILI>) -> A + Send,
        b: impl FnOnce(&mut Fork<'_, '_, CHILI>) -> B + Send,
    ) -> (A, B) {
        match &mut self.0 {
            Some(scope) if CHILI => scope.join(|s| a(&mut Fork(Some(s))), |s| b(&mut Fork(Some(s)))),
            _ => rayon::join(|| a(&mut Fork(None)), || b(&mut Fork(None))),
        }
    }

    /// `body` for each number from `lo` to `hi`, in halves down to `grain` of them.
    fn each(&mut self, lo: usize, hi: usize, grain: usize, body: &(impl Fn(usize) + Sync)) {
        if hi - lo <= grain {
            (lo..hi).for_each(body);
        } else {
            let mid = (lo + hi) / 2;
            self.join(|f| f.each(lo, mid, grain, body), |f| f.each(mid, hi, grain, body));
        }
    }

    /// Sets each element to `body` of its index, in halves down to `grain` elements.
    fn fill<T: Send>(&mut self, out: &mut [T], first: usize, grain: usize, body: &(impl Fn(usize) -> T + Sync)) {
        if out.len() <= grain {
            out.iter_mut().enumerate().for_each(|(i, x)| *x = body(first + i));
        } else {
            let mid = out.len() / 2;
            let (left, right) = out.split_at_mut(mid);
            self.join(|f| f.fill(left, first, grain, body), |f| f.fill(right, first + mid, grain, body));
        }
    }

    fn fib(&mut self, n: i64) -> i64 {
        if n < 2 {
            return n;
        }
        let (a, b) = self.join(|f| f.fib(n - 1), |f| f.fib(n - 2));
        a + b
    }

    fn solutions(&mut self, queens: &[i64], n: i64, columns: std::ops::Range<i64>) -> i64 {
        match columns.end - columns.start {
            0 => 0,
            1 => {
                let (row, column) = (queens.len() as i64, columns.start);
                if !(0..row).zip(queens).all(|(r, &q)| q != column && (q - column).abs() != row - r) {
                    return 0;
                }
                let more = [queens, &[column]].concat();
                if more.len() as i64 == n { 1 } else { self.solutions(&more, n, 0..n) }
            }
            count => {
                let mid = columns.start + count / 2;
                let (a, b) = self
                    .join(|f| f.solutions(queens, n, columns.start..mid), |f| f.solutions(queens, n, mid..columns.end));
                a + b
            }
        }
    }

    fn merge(&mut self, a: &[i64], b: &[i64], out: &mut [i64]) {
        if out.len() > 1024 {
            if a.len() < b.len() {
                return self.merge(b, a, out);
            }
            let i = a.len() / 2;
            let j = b.partition_point(|&x| x < a[i]);
            let (left, right) = out.split_at_mut(i + j);
            self.join(|f| f.merge(&a[..i], &b[..j], left), |f| f.merge(&a[i..], &b[j..], right));
            return;
        }
        let (mut i, mut j) = (0, 0);
        for x in out {
            if j == b.len() || i < a.len() && a[i] <= b[j] {
                *x = a[i];
                i += 1;
            } else {
                *x = b[j];
                j += 1;
            }
        }
    }

    fn merge_sort(&mut self, xs: &[i64]) -> Vec<i64> {
        if xs.len() < 2 {
            return xs.to_vec();
        }
        let (left, right) = xs.split_at(xs.len() / 2);
        let (left, right) = self.join(|f| f.merge_sort(left), |f| f.merge_sort(right));
        let mut out = vec![0; xs.len()];
        self.merge(&left, &right, &mut out);
        out
    }

    fn cholesky(&mut self, tiles: &Tiles<f64>) {
        const T: usize = 32;
        for k in 0..tiles.side {
            {
                let mut a = tiles.write(k, k);
                for j in 0..T {
                    for i in j..T {
                        let x = (0..j).fold(a[i * T + j], |x, k| x - a[i * T + k] * a[j * T + k]);
                        a[i * T + j] = if i == j { x.sqrt() } else { x / a[j * T + j] };
                    }
                }
            }
            self.each(k + 1, tiles.side, 1, &|i| {
                let (l, mut a) = (tiles.read(k, k), tiles.write(i, k));
                for i in 0..T {
                    for j in 0..T {
                        let x = (0..j).fold(a[i * T + j], |x, k| x - a[i * T + k] * l[j * T + k]);
                        a[i * T + j] = x / l[j * T + j];
                    }
                }
            });
            let left = tiles.side - k - 1;
            self.each(0, left * left, 1, &|index| {
                let (i, j) = (k + 1 + index / left, k + 1 + index % left);
                if j > i {
                    return;
                }
                let (x, y, mut c) = (tiles.read(i, k), tiles.read(j, k), tiles.write(i, j));
                for i in 0..T {
                    for j in 0..T {
                        c[i * T + j] = (0..T).fold(c[i * T + j], |t, k| t - x[i * T + k] * y[j * T + k]);
                    }
                }
            });
        }
    }

    fn smith_waterman(&mut self, a: &[i64], b: &[i64], tiles: &Tiles<i64>) {
        let size = tiles.size;
        for wave in 0..2 * tiles.side - 1 {
            let first = wave.saturating_sub(tiles.side - 1);
            self.each(first, wave.min(tiles.side - 1) + 1, 1, &|ti| {
                let tj = wave - ti;
                let mut h = tiles.write(ti, tj);
                let above = ti.checked_sub(1).map(|i| tiles.read(i, tj));
                let left = tj.checked_sub(1).map(|j| tiles.read(ti, j));
                let corner = if ti > 0 && tj > 0 { tiles.read(ti - 1, tj - 1)[size * size - 1] } else { 0 };
                let left = |i: usize| left.as_ref().map_or(0, |tile| tile[i * size + size - 1]);
                for i in 0..size.min(a.len() - ti * size) {
                    let (mut west, mut corner) = (left(i), if i == 0 { corner } else { left(i - 1) });
                    for j in 0..size.min(b.len() - tj * size) {
                        let north = match &above {
                            _ if i > 0 => h[(i - 1) * size + j],
                            Some(tile) => tile[(size - 1) * size + j],
                            None => 0,
                        };
                        let here = corner + if a[ti * size + i] == b[tj * size + j] { 2 } else { -1 };
                        west = here.max(0).max(north.max(west) - 1);
                        h[i * size + j] = west;
                        corner = north;
                    }
                }
            });
        }
    }
}

/// A square of square tiles.
struct Tiles<T> {
    tiles: Vec<RwLock<Vec<T>>>,
    side: usize,
    size: usize,
}

impl<T: Copy + Default> Tiles<T> {
    fn new(side: usize, size: usize) -> Tiles<T> {
        let tiles = (0..side * side).map(|_| RwLock::new(vec![T::default(); size * size])).collect();
        Tiles { tiles, side, size }
    }

    fn read(&self, i: usize, j: usize) -> impl std::ops::Deref<Target = Vec<T>> {
        self.tiles[i * self.side + j].read().expect("no kernel panics")
    }

    fn write(&self, i: usize, j: usize) -> impl std::ops::DerefMut<Target = Vec<T>> {
        self.tiles[i * self.side + j].write().expect("no kernel panics")
    }

    fn at(&self, i: usize, j: usize) -> T {
        self.read(i / self.size, j / self.size)[i % self.size * self.size + j % self.size]
    }
}

fn turns(x: i64, turns: i64) -> i64 {
    (0..turns).fold(x, |y, k| y.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407) ^ k)
}

fn escape(re: f64, im: f64) -> i64 {
    let (mut x, mut y) = (0.0, 0.0);
    for n in 0..250 {
        let (xx, yy) = (x * x, y * y);
        if xx + yy > 4.0 {
            return n;
        }
        y = 2.0 * x * y + im;
        x = xx - yy + re;
    }
    250
}

fn hash(xs: impl IntoIterator<Item = i64>) -> String {
    xs.into_iter().fold(0i64, |hash, x| hash.wrapping_mul(31).wrapping_add(x)).to_string()
}

fn random(n: i64) -> impl Iterator<Item = i64> {
    (0..n).map(|i| (i * 7919 + 12345) * 104_729 % 1_000_003)
}

/// The answer that the program of that name prints for these arguments, and the seconds; `None` if it isn't here.
fn kernel<const CHILI: bool>(fork: &mut Fork<'_, '_, CHILI>, program: &str, args: &[i64]) -> Option<(String, f64)> {
    let n = args[0];
    let start = Instant::now();
    // Each arm sets the clock after its inputs are made, and takes the seconds before it looks at the result.
    let seconds = |start: Instant| start.elapsed().as_secs_f64();
    Some(match program {
        "fib" => (fork.fib(n).to_string(), seconds(start)),
        "nqueens" => (fork.solutions(&[], n, 0..n).to_string(), seconds(start)),
        "merge_sort" => {
            let xs: Vec<i64> = random(n).collect();
            let start = Instant::now();
            let sorted = fork.merge_sort(&xs);
            let time = seconds(start);
            (hash(sorted), time)
        }
        "cholesky" => {
            let n = n as usize;
            let tiles = Tiles::new(n / 32, 32);
            for i in 0..n {
                for j in 0..n {
                    let x = 1.0 / (1 + i.abs_diff(j)) as f64 + if i == j { 1.0 } else { 0.0 };
                    tiles.write(i / 32, j / 32)[i % 32 * 32 + j % 32] = x;
                }
            }
            let start = Instant::now();
            fork.cholesky(&tiles);
            let time = seconds(start);
            (
                hash((0..n).flat_map(|i| (0..=i).map(move |j| (i, j))).map(|(i, j)| tiles.at(i, j).to_bits() as i64)),
                time,
            )
        }
        "smith_waterman" => {
            let a: Vec<i64> = random(n).map(|x| x % 4).collect();
            let b: Vec<i64> = a.iter().enumerate().map(|(i, &x)| if i % 10 == 0 { 3 - x } else { x }).collect();
            let start = Instant::now();
            let tiles = Tiles::new(a.len().div_ceil(64), 64);
            fork.smith_waterman(&a, &b, &tiles);
            let time = seconds(start);
            let best = tiles.tiles.iter().flat_map(|tile| tile.read().expect("no kernel panics").clone()).max();
            (format!("{} {}", best.unwrap_or(0), tiles.at(a.len() - 1, b.len() - 1)), time)
        }
        "mandelbrot" => {
            let (width, height) = (n, n * 2 / 3);
            let mut rows = vec![Vec::new(); height as usize];
            fork.fill(&mut rows, 0, 1, &|y| {
                let im = 2.0 * y as f64 / height as f64 - 1.0;
                (0..width).map(|x| escape(3.0 * x as f64 / width as f64 - 2.1, im)).collect()
            });
            let time = seconds(start);
            (rows.iter().flatten().sum::<i64>().to_string(), time)
        }
        "comprehension" => {
            let mut total = 0;
            for round in 0..args[1] {
                let mut xs = vec![0; n as usize];
                fork.fill(&mut xs, 0, 1024, &|i| (i * i % 1000) as i64 + round);
                total += xs[xs.len() / 2] + xs[xs.len() - 1];
            }
            (total.to_string(), seconds(start))
        }
        "flat" => {
            let mut out = vec![0; n as usize];
            fork.fill(&mut out, 0, 1, &|i| turns(i as i64, args[1]));
            let time = seconds(start);
            (hash(out), time)
        }
        _ => return None,
    })
}

/// See [`kernel`]; on so many workers.
pub fn run(library: Library, workers: usize, program: &str, args: &[i64]) -> Option<(String, f64)> {
    if library == Library::Chili {
        let pool = ThreadPool::with_config(Config { thread_count: NonZero::new(workers), ..Config::default() });
        let mut scope = pool.scope();
        return kernel::<true>(&mut Fork(Some(&mut scope)), program, args);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().expect("threads can be started");
    pool.install(|| kernel::<false>(&mut Fork(None), program, args))
}

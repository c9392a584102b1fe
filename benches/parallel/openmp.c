// The same work in C with OpenMP's tasks, and `depend` where there is something to depend on. fib, nqueens and the merge sort
// make no tasks below a size, without which libgomp does little else. Prints the answer, then the seconds.
//
//     openmp PROGRAM n [more]

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int64_t i64;

static i64 max(i64 a, i64 b) { return a > b ? a : b; }
static i64 min(i64 a, i64 b) { return a < b ? a : b; }

static i64 fib(i64 n) {
    if (n < 2) return n;
    if (n < 20) return fib(n - 1) + fib(n - 2);
    i64 a, b;
#pragma omp task shared(a)
    a = fib(n - 1);
    b = fib(n - 2);
#pragma omp taskwait
    return a + b;
}

static int is_safe(const i64 *queens, i64 row, i64 column) {
    for (i64 r = 0; r < row; r++)
        if (queens[r] == column || llabs(queens[r] - column) == row - r) return 0;
    return 1;
}

static i64 solutions(const i64 *queens, i64 row, i64 n) {
    if (row == n) return 1;
    i64 counts[n], total = 0;
    for (i64 column = 0; column < n; column++) {
        counts[column] = 0;
        if (!is_safe(queens, row, column)) continue;
#pragma omp task shared(counts) if (row < 4)
        {
            i64 *more = malloc((row + 1) * sizeof(i64));
            memcpy(more, queens, row * sizeof(i64));
            more[row] = column;
            counts[column] = solutions(more, row + 1, n);
            free(more);
        }
    }
    if (row < 4) {
#pragma omp taskwait
    }
    for (i64 column = 0; column < n; column++) total += counts[column];
    return total;
}

static i64 place_of(i64 x, const i64 *xs, i64 hi) {
    i64 lo = 0;
    while (lo < hi) {
        i64 mid = (lo + hi) / 2;
        if (xs[mid] < x) lo = mid + 1; else hi = mid;
    }
    return lo;
}

static void merge(const i64 *a, i64 na, const i64 *b, i64 nb, i64 *out) {
    if (na + nb > 1024) {
        if (na < nb) {
            merge(b, nb, a, na, out);
            return;
        }
        i64 i = na / 2, j = place_of(a[i], b, nb);
#pragma omp task
        merge(a, i, b, j, out);
        merge(a + i, na - i, b + j, nb - j, out + i + j);
#pragma omp taskwait
        return;
    }
    i64 i = 0, j = 0;
    for (i64 k = 0; k < na + nb; k++) out[k] = j == nb || (i < na && a[i] <= b[j]) ? a[i++] : b[j++];
}

static i64 *merge_sort(const i64 *xs, i64 n) {
    i64 *out = malloc(n * sizeof(i64)), mid = n / 2, *left, *right;
    if (n < 2) {
        memcpy(out, xs, n * sizeof(i64));
        return out;
    }
#pragma omp task shared(left) if (n > 1024)
    left = merge_sort(xs, mid);
    right = merge_sort(xs + mid, n - mid);
    if (n > 1024) {
#pragma omp taskwait
    }
    merge(left, mid, right, n - mid, out);
    free(left);
    free(right);
    return out;
}

enum { T = 32 };
typedef double Tile[T][T];

static void factor(Tile a) {
    for (int j = 0; j < T; j++)
        for (int i = j; i < T; i++) {
            double x = a[i][j];
            for (int k = 0; k < j; k++) x -= a[i][k] * a[j][k];
            a[i][j] = i == j ? sqrt(x) : x / a[j][j];
        }
}

static void solve(Tile l, Tile a) {
    for (int i = 0; i < T; i++)
        for (int j = 0; j < T; j++) {
            double x = a[i][j];
            for (int k = 0; k < j; k++) x -= a[i][k] * l[j][k];
            a[i][j] = x / l[j][j];
        }
}

static void update(Tile x, Tile y, Tile c) {
    for (int i = 0; i < T; i++)
        for (int j = 0; j < T; j++) {
            double t = c[i][j];
            for (int k = 0; k < T; k++) t -= x[i][k] * y[j][k];
            c[i][j] = t;
        }
}

static void cholesky(Tile *a, i64 side) {
    for (i64 k = 0; k < side; k++) {
        Tile *kk = a + k * side + k;
#pragma omp task depend(inout : kk[0])
        factor(*kk);
        for (i64 i = k + 1; i < side; i++) {
            Tile *ik = a + i * side + k;
#pragma omp task depend(in : kk[0]) depend(inout : ik[0])
            solve(*kk, *ik);
        }
        for (i64 i = k + 1; i < side; i++)
            for (i64 j = k + 1; j <= i; j++) {
                Tile *ik = a + i * side + k, *jk = a + j * side + k, *ij = a + i * side + j;
#pragma omp task depend(in : ik[0], jk[0]) depend(inout : ij[0])
                update(*ik, *jk, *ij);
            }
    }
#pragma omp taskwait
}

enum { S = 64 };

// h has a row and a column of zeros before the rest.
static void fill_tile(const i64 *a, const i64 *b, i64 n, i64 i0, i64 j0, i64 *h) {
    for (i64 i = i0; i < min(i0 + S, n + 1); i++) {
        i64 west = h[i * (n + 1) + j0 - 1], corner = h[(i - 1) * (n + 1) + j0 - 1];
        for (i64 j = j0; j < min(j0 + S, n + 1); j++) {
            i64 north = h[(i - 1) * (n + 1) + j], here = corner + (a[i - 1] == b[j - 1] ? 2 : -1);
            west = max(max(0, here), max(north, west) - 1);
            h[i * (n + 1) + j] = west;
            corner = north;
        }
    }
}

static void smith_waterman(const i64 *a, const i64 *b, i64 n, i64 *h) {
    i64 side = (n + S - 1) / S;
    char *done = calloc((side + 1) * (side + 1), 1);
    for (i64 i = 1; i <= side; i++)
        for (i64 j = 1; j <= side; j++) {
            char *here = done + i * (side + 1) + j, *above = here - side - 1, *left = here - 1;
#pragma omp task depend(in : above[0], left[0]) depend(out : here[0])
            fill_tile(a, b, n, (i - 1) * S + 1, (j - 1) * S + 1, h);
        }
#pragma omp taskwait
    free(done);
}

static i64 escape(double re, double im) {
    double x = 0, y = 0;
    for (i64 n = 0; n < 250; n++) {
        double xx = x * x, yy = y * y;
        if (xx + yy > 4) return n;
        y = 2 * x * y + im;
        x = xx - yy + re;
    }
    return 250;
}

static i64 turns(i64 x, i64 turns) {
    uint64_t y = x;
    for (i64 k = 0; k < turns; k++) y = (y * 6364136223846793005u + 1442695040888963407u) ^ k;
    return y;
}

static i64 hash(const i64 *xs, i64 n) {
    uint64_t hash = 0;
    for (i64 i = 0; i < n; i++) hash = hash * 31 + xs[i];
    return hash;
}

int main(int argc, char **argv) {
    const char *program = argv[1];
    i64 n = atoll(argv[2]), more = argc > 3 ? atoll(argv[3]) : 0, square = (n + 1) * (n + 1), answer = 0, total = 0;
    int is_cholesky = !strcmp(program, "cholesky"), is_smith = !strcmp(program, "smith_waterman");
    i64 *a = malloc(n * sizeof(i64)), *b = malloc(n * sizeof(i64)), *out = malloc(n * sizeof(i64));
    i64 *h = is_smith ? calloc(square, sizeof(i64)) : NULL;
    Tile *tiles = is_cholesky ? malloc(n * n * sizeof(double)) : NULL;
    i64 side = n / T;
    for (i64 i = 0; i < n; i++) {
        a[i] = (i * 7919 + 12345) * 104729 % 1000003;
        if (is_smith) a[i] %= 4;
        b[i] = i % 10 == 0 ? 3 - a[i] : a[i];
    }
    for (i64 i = 0; is_cholesky && i < n; i++)
        for (i64 j = 0; j < n; j++)
            tiles[i / T * side + j / T][i % T][j % T] = 1.0 / (1 + llabs(i - j)) + (i == j ? 1 : 0);
    double start = 0, seconds = 0;
#pragma omp parallel
#pragma omp single
    {
        start = omp_get_wtime();
        if (!strcmp(program, "fib")) answer = fib(n);
        if (!strcmp(program, "nqueens")) answer = solutions(NULL, 0, n);
        if (!strcmp(program, "merge_sort")) out = merge_sort(a, n);
        if (is_cholesky) cholesky(tiles, side);
        if (is_smith) smith_waterman(a, b, n, h);
        if (!strcmp(program, "mandelbrot"))
            for (i64 y = 0; y < n * 2 / 3; y++) {
#pragma omp task shared(out)
                {
                    i64 steps = 0;
                    double im = 2.0 * y / (n * 2 / 3) - 1;
                    for (i64 x = 0; x < n; x++) steps += escape(3.0 * x / n - 2.1, im);
                    out[y] = steps;
                }
            }
        for (i64 round = 0; !strcmp(program, "comprehension") && round < more; round++) {
            i64 *xs = malloc(n * sizeof(i64));
#pragma omp taskloop grainsize(1024) shared(xs)
            for (i64 i = 0; i < n; i++) xs[i] = i * i % 1000 + round;
            answer += xs[n / 2] + xs[n - 1];
            free(xs);
        }
        if (!strcmp(program, "flat"))
            for (i64 i = 0; i < n; i++) {
#pragma omp task shared(out)
                out[i] = turns(i, more);
            }
#pragma omp taskwait
        seconds = omp_get_wtime() - start;
    }
    if (!strcmp(program, "merge_sort") || !strcmp(program, "flat")) answer = hash(out, n);
    if (!strcmp(program, "mandelbrot"))
        for (i64 y = 0; y < n * 2 / 3; y++) answer += out[y];
    if (is_cholesky) {
        uint64_t bits, sum = 0;
        for (i64 i = 0; i < n; i++)
            for (i64 j = 0; j <= i; j++) {
                memcpy(&bits, &tiles[i / T * side + j / T][i % T][j % T], 8);
                sum = sum * 31 + bits;
            }
        answer = sum;
    }
    if (is_smith) {
        for (i64 i = 0; i < square; i++) total = max(total, h[i]);
        printf("%lld %lld\n%.9f\n", (long long)total, (long long)h[square - 1], seconds);
    } else {
        printf("%lld\n%.9f\n", (long long)answer, seconds);
    }
    return 0;
}

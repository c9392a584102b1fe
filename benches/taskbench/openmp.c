// The program taskbench.tg in C: a plain loop of calls, or OpenMP tasks that depend on the cells they read and write.
//
//     openmp serial|tasks pattern width steps turns

#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int64_t i64;
typedef struct { i64 step, point, value; } Cell;
// Steps that are kept. taskbench.tg keeps two; libgomp is several times as slow then, for tasks that wait for readers of what
// they overwrite.
enum { ROWS = 1024 };
// What a task takes: the numbers of its inputs, which may repeat.
typedef struct { i64 count, at[5]; } Inputs;

static void task(i64 step, i64 point, const Inputs *in, const Cell *old, Cell *out, i64 turns) {
    uint64_t y = step + point;
    for (i64 i = 0; i < in->count; i++) {
        const Cell *from = old + in->at[i];
        if (from->step != step - 1 || from->point != in->at[i]) abort();
        y += from->value;
    }
    for (i64 k = 0; k < turns; k++) y = (y * 6364136223846793005u + 1442695040888963407u) ^ k;
    *out = (Cell){step, point, y};
}

static i64 max(i64 a, i64 b) { return a > b ? a : b; }
static i64 min(i64 a, i64 b) { return a < b ? a : b; }

static Inputs inputs(const char *pattern, i64 width, i64 step, i64 p, i64 distance) {
    Inputs in = {0};
    i64 left = 0, right = 0, set = step % 4;
    if (!strcmp(pattern, "tree")) return (Inputs){1, {p / 2}};
    if (!strcmp(pattern, "fft"))
        return (Inputs){3, {p >= distance ? p - distance : p, p, p + distance < width ? p + distance : p}};
    if (!strcmp(pattern, "spread") || !strcmp(pattern, "random_nearest")) {
        for (i64 i = 0; i < 5; i++) {
            i64 near = p + i - 2;
            int chosen = near >= 0 && near < width && (set * 7919 + p * 104729 + near * 1299709) % 1000003 % 2 == 0;
            in.at[i] = *pattern == 's' ? (p + i * width / 5 + (i > 0 ? set : 0)) % width : chosen ? near : p;
        }
        in.count = 5;
        return in;
    }
    if (!strcmp(pattern, "trivial")) right = -1;
    if (!strcmp(pattern, "dom")) left = 1;
    if (!strcmp(pattern, "stencil_1d")) left = right = 1;
    if (!strcmp(pattern, "nearest")) left = right = 2;
    for (i64 i = max(0, p - left); i < min(width, p + right + 1); i++) in.at[in.count++] = i;
    return in;
}

// Each input once, for the dependencies.
static Inputs distinct(const Inputs *in) {
    Inputs out = {0};
    for (i64 i = 0; i < in->count; i++) {
        int seen = 0;
        for (i64 j = 0; j < out.count; j++) seen |= out.at[j] == in->at[i];
        if (!seen) out.at[out.count++] = in->at[i];
    }
    return out;
}

int main(int argc, char **argv) {
    const char *pattern = argv[2];
    int tasks = !strcmp(argv[1], "tasks"), is_tree = !strcmp(pattern, "tree");
    i64 width = atoll(argv[3]), steps = atoll(argv[4]), turns = atoll(argv[5]), period = 1;
    Cell *state = malloc(ROWS * width * sizeof(Cell));
    for (i64 i = 0; i < ROWS * width; i++) state[i] = (Cell){-1, i % width, i % width};
    // The patterns repeat; their edges are made before the clock runs.
    i64 distances[64], levels = 0;
    for (i64 distance = 1; distance < width || levels == 0; distance *= 2) distances[levels++] = distance;
    period = 4 * levels;
    Inputs *in = malloc(period * width * sizeof(Inputs)), *on = malloc(period * width * sizeof(Inputs));
    for (i64 s = 0; s < period; s++)
        for (i64 p = 0; p < width; p++) {
            in[s * width + p] = inputs(pattern, width, s, p, distances[s % levels]);
            on[s * width + p] = distinct(&in[s * width + p]);
        }
    double seconds = 0;
#pragma omp parallel
#pragma omp single
    {
        double start = omp_get_wtime();
        i64 points = is_tree ? 1 : width;
        for (i64 step = 0; step < steps; step++) {
            Cell *old = state + step % ROWS * width, *new = state + (step + 1) % ROWS * width;
            for (i64 p = 0; p < points; p++) {
                const Inputs *take = &in[step % period * width + p], *deps = &on[step % period * width + p];
                const i64 *at = deps->at;
                Cell *out = new + p;
#define STRING(x) #x
#define PRAGMA(x) _Pragma(STRING(x))
#define CASE(n, ...)                                                                                                   \
    case n:                                                                                                            \
        PRAGMA(omp task depend(out : out[0]) __VA_ARGS__) task(step, p, take, old, out, turns);                         \
        break;
                if (!tasks) {
                    task(step, p, take, old, out, turns);
                    continue;
                }
                switch (deps->count) {
                    CASE(0)
                    CASE(1, depend(in : old[at[0]]))
                    CASE(2, depend(in : old[at[0]], old[at[1]]))
                    CASE(3, depend(in : old[at[0]], old[at[1]], old[at[2]]))
                    CASE(4, depend(in : old[at[0]], old[at[1]], old[at[2]], old[at[3]]))
                    CASE(5, depend(in : old[at[0]], old[at[1]], old[at[2]], old[at[3]], old[at[4]]))
                }
            }
            if (is_tree) points = min(2 * points, width);
        }
#pragma omp taskwait
        seconds = omp_get_wtime() - start;
    }
    uint64_t hash = 0;
    for (i64 step = steps - 1 - steps % 2, last = step + 2; step < last; step++) {
        // The two rows of taskbench.tg: first that of the last odd step, then that of the last even one.
        i64 there = step < steps ? step : step - 2;
        for (i64 i = 0; i < width; i++) hash = hash * 31 + state[(there + 1) % ROWS * width + i].value;
    }
    printf("%s %lld\n%.9f\n", pattern, (long long)(i64)hash, seconds);
    return 0;
}

/*
 * tests/sim/run: plays seeds, counts what they came to, shrinks the first finding.
 *
 * Seeds are played by worker processes, so that a failed CHECK ends a worker and not the run. What
 * a worker has done stands in memory it shares with its parent. A worker gives no memory back and
 * slows down as its blocks scatter, so it leaves after WORKER_SEEDS seeds and a fresh one goes on.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "coordinator/definition/plan.h"
#include "coordinator/engine/event.h"
#include "tests/sim/run.h"

enum {
    JOBS_MAX = 64,
    FINDINGS_SHOWN = 10,
    PROGRESS_SEEDS = 5000,
    WORKER_SEEDS = 2000,
    PATIENCE_S = 30,
    GIVEN_UP_MOST = 1000, /* one of so many */
    SPREAD_STEP = 10,
    SPREAD_STEPS = 500,
    TURNS_COUNT = 200,
    FLOW_BYTES = 256 * 1024,
    EXIT_USAGE = 2
};

static const char usage_text[] =
    "usage: sim_run [options]\n"
    "  --seeds N     play until N seeds count (default 100)\n"
    "  --from S      first seed (default 1)\n"
    "  --seed S      play one seed and print its trace digest; a finding is shrunk\n"
    "  --trace       with --seed: print what happens on stderr\n"
    "  --jobs N      worker processes (default 1)\n"
    "  --within N    stop after N seeds, counted or not (default: 4 times --seeds)\n"
    "  --no-shrink   print findings as they are\n"
    "  --load        load the definitions of --seeds seeds, and play none\n"
    "  --flow FILE   with --seed: play this definition (JSON) instead of those drawn; repeatable\n"
    "  --figures F   write the figures as one JSON object into file F\n";

#ifdef SIM_PLANTED
int sim_plant; /* the fault that is there; 0: none */
#endif

struct arguments {
    struct run_options options;
    uint64_t seeds;
    uint64_t from;
    uint64_t within;
    unsigned jobs;
    bool one;
    bool load;
    bool until; /* the first finding */
    const char *figures;
};

/* How many turns the seeds had that count: in steps of SPREAD_STEP, the last without end. */
struct spread {
    uint64_t seeds[SPREAD_STEPS];
    uint64_t most;
};

/* What one worker tells its parent. */
struct desk {
    uint64_t seed; /* being played */
    uint64_t done;
    uint64_t counted;
    struct sim_figures sum;
    struct spread turns;
    uint64_t slowest; /* seed */
    double slowest_s; /* of CPU */
    uint64_t given_up;
    uint64_t findings;
    uint64_t finding_seed[FINDINGS_SHOWN];
    bool finished;
};

struct board {
    struct desk desks[JOBS_MAX];
    _Atomic uint64_t next;    /* seed to be played */
    _Atomic uint64_t counted; /* by all workers */
};

static void figures_add(struct sim_figures *sum, const struct sim_figures *figures)
{
    sum->turns += figures->turns;
    sum->acts += figures->acts;
    sum->instances += figures->instances;
    sum->effects += figures->effects;
    sum->hits += figures->hits;
    for (int i = 0; i < FAULT_COUNT; i++) {
        sum->faults[i] += figures->faults[i];
    }
    for (int i = 0; i < SIM_TASK_KINDS; i++) {
        sum->tasks[i] += figures->tasks[i];
    }
    for (int i = 0; i < FEATURE_COUNT; i++) {
        sum->features[i] += figures->features[i];
    }
    for (int i = 0; i < SIM_EVENT_KINDS; i++) {
        sum->events[i] += figures->events[i];
    }
}

static void spread_add(struct spread *spread, uint64_t turns)
{
    uint64_t step = turns / SPREAD_STEP;
    spread->seeds[step < SPREAD_STEPS ? step : SPREAD_STEPS - 1]++;
    spread->most = turns > spread->most ? turns : spread->most;
}

static void spread_join(struct spread *sum, const struct spread *spread)
{
    for (int i = 0; i < SPREAD_STEPS; i++) {
        sum->seeds[i] += spread->seeds[i];
    }
    sum->most = spread->most > sum->most ? spread->most : sum->most;
}

/* What `percent` of the seeds have at most, within a step. */
static uint64_t spread_percentile(const struct spread *spread, uint64_t counted, unsigned percent)
{
    uint64_t below = 0;
    for (uint64_t i = 0; i < SPREAD_STEPS - 1; i++) {
        below += spread->seeds[i];
        if (below * 100 >= counted * percent) {
            uint64_t turns = (i + 1) * SPREAD_STEP - 1;
            return turns < spread->most ? turns : spread->most;
        }
    }
    return spread->most;
}

static bool seed_counts(const struct sim_figures *figures)
{
    return figures->turns >= TURNS_COUNT && figures->hits > 0;
}

static uint64_t faults_of(const struct sim_figures *figures)
{
    uint64_t faults = 0;
    for (int i = 0; i < FAULT_COUNT; i++) {
        faults += figures->faults[i];
    }
    return faults;
}

/* ---- workers ---- */

static double seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A word now and then from a run that takes an hour. */
static void count(struct board *board, const struct arguments *arguments)
{
    uint64_t counted = ++board->counted;
    if (counted % PROGRESS_SEEDS == 0 && counted < arguments->seeds) {
        fprintf(stderr, "%llu seeds counted, now at seed %llu\n", (unsigned long long)counted,
                (unsigned long long)board->next);
    }
}

static void worker(struct board *board, struct desk *desk, const struct arguments *arguments)
{
    char finding[SIM_FINDING_BYTES];
    for (unsigned played = 0; board->counted < arguments->seeds; played++) {
        if (played == WORKER_SEEDS) {
            return;
        }
        uint64_t seed = board->next++;
        if (seed >= arguments->from + arguments->within) {
            break;
        }
        desk->seed = seed;
        struct sim_figures figures;
        double begun = seconds(CLOCK_PROCESS_CPUTIME_ID);
        bool well = sim_play(seed, NULL, 0, false, &figures, finding);
        double took = seconds(CLOCK_PROCESS_CPUTIME_ID) - begun;
        if (took > desk->slowest_s) {
            desk->slowest = seed;
            desk->slowest_s = took;
        }
        desk->seed = 0;
        desk->done++;
        if (!well && arguments->until) {
            desk->finding_seed[desk->findings++] = seed;
            break;
        }
        if (!well) {
            fprintf(stderr, "finding in seed %llu: %s\n", (unsigned long long)seed, finding);
            desk->finding_seed[desk->findings++ % FINDINGS_SHOWN] = seed;
        } else if (figures.given_up) {
            fprintf(stderr, "seed %llu was given up after %d s of CPU\n", (unsigned long long)seed,
                    PATIENCE_S);
            desk->given_up++;
        } else if (seed_counts(&figures)) {
            desk->counted++;
            count(board, arguments);
            figures_add(&desk->sum, &figures);
            spread_add(&desk->turns, figures.turns);
        }
    }
    desk->finished = true;
}

static pid_t worker_start(struct board *board, unsigned at, const struct arguments *arguments)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        sim_patience_s = PATIENCE_S;
        worker(board, &board->desks[at], arguments);
        _exit(0);
    }
    return pid;
}

/* A worker that died took its seed with it: a finding. Another one goes on, as after one that left.
 */
static void workers_run(struct board *board, const struct arguments *arguments)
{
    pid_t pids[JOBS_MAX];
    unsigned running = arguments->jobs;
    for (unsigned i = 0; i < arguments->jobs; i++) {
        pids[i] = worker_start(board, i, arguments);
    }
    while (running > 0) {
        int status = 0;
        pid_t pid = wait(&status);
        CHECK(pid > 0 || errno == EINTR);
        for (unsigned i = 0; i < arguments->jobs; i++) {
            struct desk *desk = &board->desks[i];
            if (pids[i] != pid) {
                continue;
            }
            if (desk->finished) {
                running--;
                continue;
            }
            bool left = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            if (!left) {
                desk->finding_seed[desk->findings++ % FINDINGS_SHOWN] = desk->seed;
                desk->done++;
            }
            if (!left && arguments->until) {
                running--;
                continue;
            }
            pids[i] = worker_start(board, i, arguments);
        }
    }
}

/* ---- telling ---- */

static const char *const task_names[SIM_TASK_KINDS] = {
#define SIM_TASK(kind, name) [kind] = name,
#include "tests/sim/tasks.def"
#undef SIM_TASK
};

struct total {
    uint64_t done;
    uint64_t counted;
    uint64_t findings;
    struct sim_figures sum;
    struct spread turns;
    uint64_t given_up;
    uint64_t slowest;
    double slowest_s;
    uint64_t first; /* lowest seed with a finding; 0: none */
    uint64_t faults;
};

static void tell_turns(const struct spread *spread, uint64_t counted)
{
    static const unsigned percents[] = {1, 10, 25, 50, 75, 90, 99};
    printf("turns of a seed:");
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        printf(" %u %% <= %llu,", percents[i],
               (unsigned long long)spread_percentile(spread, counted, percents[i]));
    }
    printf(" most %llu\n", (unsigned long long)spread->most);
}

static void tell_distribution(const struct total *total)
{
    const struct sim_figures *sum = &total->sum;
    uint64_t counted = total->counted;
    printf("turns %llu (%llu a seed), acts %llu, instances %llu, effects %llu, faults that hit an "
           "instance in flight %llu\n",
           (unsigned long long)sum->turns, (unsigned long long)(sum->turns / counted),
           (unsigned long long)sum->acts, (unsigned long long)sum->instances,
           (unsigned long long)sum->effects, (unsigned long long)sum->hits);
    tell_turns(&total->turns, counted);
    printf("tasks:");
    for (int i = 0; i < SIM_TASK_KINDS; i++) {
        if (task_names[i] != NULL || sum->tasks[i] > 0) {
            printf(" %s=%llu", task_names[i] == NULL ? "?" : task_names[i],
                   (unsigned long long)sum->tasks[i]);
        }
    }
    printf("\nevents:");
    for (unsigned i = 0; i < SIM_EVENT_KINDS; i++) {
        if (event_kind_version(i) > 0 || sum->events[i] > 0) {
            printf(" %s=%llu", event_kind_name((enum event_kind)i),
                   (unsigned long long)sum->events[i]);
        }
    }
    printf("\nfeatures:\n");
    for (int i = 0; i < FEATURE_COUNT; i++) {
        printf("  %10llu  %s\n", (unsigned long long)sum->features[i], feature_names[i]);
    }
    printf("faults:\n");
    for (int i = 0; i < FAULT_COUNT; i++) {
        printf("  %10llu  %s\n", (unsigned long long)sum->faults[i], fault_names[i]);
    }
}

static void total_of(const struct board *board, unsigned jobs, struct total *total)
{
    *total = (struct total){0};
    for (unsigned i = 0; i < jobs; i++) {
        const struct desk *desk = &board->desks[i];
        total->done += desk->done;
        total->counted += desk->counted;
        total->findings += desk->findings;
        total->given_up += desk->given_up;
        figures_add(&total->sum, &desk->sum);
        spread_join(&total->turns, &desk->turns);
        if (desk->slowest_s > total->slowest_s) {
            total->slowest = desk->slowest;
            total->slowest_s = desk->slowest_s;
        }
        uint64_t kept = desk->findings < FINDINGS_SHOWN ? desk->findings : FINDINGS_SHOWN;
        for (uint64_t k = 0; k < kept; k++) {
            uint64_t seed = desk->finding_seed[k];
            total->first = total->first == 0 || seed < total->first ? seed : total->first;
            printf("finding in seed %llu\n", (unsigned long long)seed);
        }
    }
    total->faults = faults_of(&total->sum);
}

static void figures_write(const char *path, const struct total *total, double took, unsigned jobs)
{
    FILE *file = fopen(path, "we");
    CHECK(file != NULL);
    fprintf(file,
            "{\"seeds\":%llu,\"played\":%llu,\"turns\":%llu,\"faults\":%llu,\"hits\":%llu,"
            "\"findings\":%llu,\"seconds\":%.1f,\"jobs\":%u,\"seeds_per_second_and_job\":%.1f}\n",
            (unsigned long long)total->counted, (unsigned long long)total->done,
            (unsigned long long)total->sum.turns, (unsigned long long)total->faults,
            (unsigned long long)total->sum.hits, (unsigned long long)total->findings, took, jobs,
            (double)total->counted / took / jobs);
    (void)fclose(file);
}

static void tell_end(uint64_t seeds, uint64_t faults, uint64_t findings)
{
    printf("seeds=%llu faults=%llu findings=%llu\n", (unsigned long long)seeds,
           (unsigned long long)faults, (unsigned long long)findings);
}

static int run_single(const struct arguments *arguments)
{
    struct sim_figures figures;
    bool well = run_one(arguments->from, &arguments->options, &figures);
    tell_end(well && seed_counts(&figures) ? 1 : 0, faults_of(&figures), well ? 0 : 1);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Of a planted fault: a finding is what is wanted. */
static int tell_found(const struct total *total, const struct arguments *arguments)
{
    if (total->first == 0) {
        printf("not found in %llu seeds\n", (unsigned long long)total->done);
        return EXIT_FAILURE;
    }
    printf("found in seed %llu\n", (unsigned long long)total->first);
    struct sim_figures figures;
    return run_one(total->first, &arguments->options, &figures) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_many(const struct arguments *arguments)
{
    struct board *board =
        mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(board != MAP_FAILED);
    board->next = arguments->from;
    double begun = seconds(CLOCK_MONOTONIC);
    workers_run(board, arguments);
    double took = seconds(CLOCK_MONOTONIC) - begun;
    struct total total;
    total_of(board, arguments->jobs, &total);
    if (arguments->until) {
        return tell_found(&total, arguments);
    }
    if (total.counted > 0) {
        tell_distribution(&total);
    }
    printf("%llu seeds played, %llu counted, %.1f s, %.1f counted seeds a second and job\n",
           (unsigned long long)total.done, (unsigned long long)total.counted, took,
           (double)total.counted / took / arguments->jobs);
    if (total.done > 0) {
        printf("the longest was seed %llu: %.1f s of CPU; %llu were given up\n",
               (unsigned long long)total.slowest, total.slowest_s,
               (unsigned long long)total.given_up);
    }
    if (total.first != 0) {
        printf("%s --seed %llu plays the first finding again:\n", "sim_run",
               (unsigned long long)total.first);
        struct sim_figures figures;
        (void)run_one(total.first, &arguments->options, &figures);
    }
    if (arguments->figures != NULL) {
        figures_write(arguments->figures, &total, took, arguments->jobs);
    }
    bool enough = total.counted >= arguments->seeds;
    if (!enough && total.findings == 0) {
        printf("only %llu of the wanted %llu seeds count\n", (unsigned long long)total.counted,
               (unsigned long long)arguments->seeds);
    }
    tell_end(total.counted, total.faults, total.findings);
    (void)munmap(board, sizeof(*board));
    bool patient = total.given_up * GIVEN_UP_MOST <= total.done;
    return enough && patient && total.findings == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- only loading ---- */

static bool flow_loads(const json_t *flow, uint64_t seed)
{
    struct buf text = BUF_INIT(FLOW_BYTES);
    generate_write(flow, &text);
    CHECK(!text.failed);
    struct plan *plan = NULL;
    struct plan_report report;
    enum err code = plan_load(text.data, text.size, &plan, &report);
    if (code != ERR_OK) {
        printf("seed %llu: %s\n%s", (unsigned long long)seed,
               report.count == 0 ? "not loaded" : report.problems[0].message, text.data);
    }
    plan_destroy(&plan);
    plan_report_release(&report);
    buf_release(&text);
    return code == ERR_OK;
}

/* What the loader refuses would be a finding of the generator. */
static int run_load(const struct arguments *arguments)
{
    uint64_t refused = 0;
    for (uint64_t seed = arguments->from; seed < arguments->from + arguments->seeds; seed++) {
        json_t *flows[SIM_FLOWS_MAX];
        size_t count = sim_flows(seed, flows);
        for (size_t i = 0; i < count; i++) {
            refused += flow_loads(flows[i], seed) ? 0 : 1;
            json_decref(flows[i]);
        }
        caches_clear();
    }
    tell_end(arguments->seeds, 0, refused);
    return refused == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- arguments ---- */

static bool number(const char *text, uint64_t most, uint64_t *ret_value)
{
    return text_to_u64(text, ret_value) && *ret_value <= most;
}

static json_t *flow_read(const char *path)
{
    json_error_t problem;
    json_t *flow = json_load_file(path, 0, &problem);
    if (flow == NULL) {
        fprintf(stderr, "sim_run: %s:%d: %s\n", path, problem.line, problem.text);
    }
    return flow;
}

static bool option_take(int option, struct arguments *arguments)
{
    uint64_t jobs = 0;
    switch (option) {
    case 'n':
        return number(optarg, UINT64_MAX / 8, &arguments->seeds);
    case 'f':
        return number(optarg, UINT64_MAX / 8, &arguments->from) && arguments->from > 0;
    case 's':
        arguments->one = true;
        return number(optarg, UINT64_MAX / 8, &arguments->from) && arguments->from > 0;
    case 'w':
        return number(optarg, UINT64_MAX / 8, &arguments->within);
    case 'j':
        if (!number(optarg, JOBS_MAX, &jobs) || jobs == 0) {
            return false;
        }
        arguments->jobs = (unsigned)jobs;
        return true;
    case 't':
        arguments->options.trace = true;
        return true;
    case 'k':
        arguments->options.shrink = false;
        return true;
    case 'l':
        arguments->load = true;
        return true;
    case 'g':
        arguments->figures = optarg;
        return true;
#ifdef SIM_PLANTED
    case 'p':
        arguments->until = true;
        if (!number(optarg, INT32_MAX, &jobs)) {
            return false;
        }
        sim_plant = (int)jobs;
        return true;
#endif
    case 'd':
        if (arguments->options.flow_count == SIM_FLOWS_MAX) {
            return false;
        }
        arguments->options.flows[arguments->options.flow_count] = flow_read(optarg);
        return arguments->options.flows[arguments->options.flow_count++] != NULL;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seeds", required_argument, NULL, 'n'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"within", required_argument, NULL, 'w'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {"trace", no_argument, NULL, 't'},
                                            {"no-shrink", no_argument, NULL, 'k'},
                                            {"load", no_argument, NULL, 'l'},
                                            {"figures", required_argument, NULL, 'g'},
                                            {"flow", required_argument, NULL, 'd'},
#ifdef SIM_PLANTED
                                            {"plant", required_argument, NULL, 'p'},
#endif
                                            {NULL, 0, NULL, 0}};
    struct arguments arguments = {.options = {.shrink = true}, .seeds = 100, .from = 1, .jobs = 1};
    int option = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!option_take(option, &arguments)) {
            fputs(usage_text, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fputs(usage_text, stderr);
        return EXIT_USAGE;
    }
    arguments.within = arguments.within == 0 ? 4 * arguments.seeds : arguments.within;
    if (arguments.until) {
        arguments.seeds = arguments.within;
        arguments.options.shrink = false;
    }
    struct error err = {0};
    CHECK(crypto_init(&err) == ERR_OK);
    log_init("sim", LOG_ERROR);
    if (arguments.load) {
        return run_load(&arguments);
    }
    if (arguments.one) {
        return run_single(&arguments);
    }
    return run_many(&arguments);
}

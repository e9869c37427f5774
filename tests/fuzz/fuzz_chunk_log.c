/*
 * What lies beside an unfinished output: the chunk log, the job and the checkpoint, with the bytes
 * of the output itself. All of them may be anything.
 *
 * What is taken from a log are chunks that lie in the file, each once, and those are found whole
 * that are; what is taken from a checkpoint is what it holds when it is opened once more.
 */
#include "fuzzing.h"
#include <slab/storage/checkpoint_impl.h>
#include <slab/storage/kept.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

long fuzz_taken;

/* What an input asks to have put right, or no mutation would get past the checksums. */
enum { LOG = 1, CHUNKS = 2, JOB = 4, STATE = 8 };
enum { HEAD = 64, BATCH = 32, CHUNK = 40, RECORD = 32, MOST = 1 << 16 };

static uint8_t bytes_of_log[MOST], bytes_of_state[MOST], output[MOST];
static char job[MOST];
static const char *const names[] = {"a", "moments", "iteration 3"};

static uint32_t get32(const uint8_t *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static void set64(uint8_t *at, uint64_t number)
{
    memcpy(at, &number, sizeof number);
}

/* The sum of the head of a batch or record, and of what follows it. */
static uint64_t sum_of(const uint8_t *head, const uint8_t *body, size_t n)
{
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, head, 24);
    XXH3_64bits_update(&state, body, n);
    return XXH3_64bits_digest(&state);
}

/* --- putting checksums right --- */

static void put_chunk_right(uint8_t *chunk, size_t output_bytes)
{
    uint64_t address = get64(chunk + 16), size = get64(chunk + 24);
    if (address <= output_bytes && size <= output_bytes - address)
        set64(chunk + 32, XXH3_64bits(output + address, size));
}

static void put_log_right(int how, size_t n, const uint8_t key[SLAB_JOB_KEY_BYTES],
                          size_t output_bytes)
{
    if (!(how & LOG) || n < HEAD)
        return;
    memcpy(bytes_of_log, "SLABLOG\n\2\0\0\0", 12);
    memcpy(bytes_of_log + 32, key, SLAB_JOB_KEY_BYTES);
    set64(bytes_of_log + 56, XXH3_64bits(bytes_of_log, 56));
    uint64_t sequence = 0;
    for (size_t at = HEAD; n - at >= BATCH; sequence++) {
        uint8_t *batch = bytes_of_log + at, *body = batch + BATCH;
        size_t payload = get32(batch + 20);
        if (payload > n - at - BATCH)
            break;
        memcpy(batch, "SLBB", 4);
        set64(batch + 8, sequence);
        if (how & CHUNKS)
            for (size_t c = 0; get32(batch + 4) == 2 && c + CHUNK <= payload; c += CHUNK)
                put_chunk_right(body + c, output_bytes);
        set64(batch + 24, sum_of(batch, body, payload));
        at += BATCH + payload;
    }
}

static void put_state_right(int how, size_t n, const uint8_t key[SLAB_JOB_KEY_BYTES])
{
    if (!(how & STATE) || n < HEAD)
        return;
    memcpy(bytes_of_state, "SLABSTAT\1\0\0\0", 12);
    memcpy(bytes_of_state + 16, key, SLAB_JOB_KEY_BYTES);
    set64(bytes_of_state + 56, XXH3_64bits(bytes_of_state, 56));
    uint64_t sequence = 0;
    for (size_t at = HEAD; n - at >= RECORD; sequence++) {
        uint8_t *head = bytes_of_state + at;
        uint64_t name = get32(head + 4), data = get64(head + 8), left = n - at - RECORD;
        if (name > left || data > left - name)
            break;
        memcpy(head, "SLSR", 4);
        set64(head + 16, sequence);
        set64(head + 24, sum_of(head, head + RECORD, (size_t)(name + data)));
        at += RECORD + (size_t)(name + data);
    }
}

/* The job as a file: as it is, or with its head and tail around it. */
static void write_job(int how, const char *text)
{
    static char file[MOST + 64];
    int n = how & JOB ? snprintf(file, sizeof file, "slab-job 1\n%sslab-job-end %016llx\n", text,
                                 (unsigned long long)XXH3_64bits(text, strlen(text)))
                      : snprintf(file, sizeof file, "%s", text);
    file_write(".out.h5.slab-job", file, (size_t)n);
}

/* --- using it --- */

static void use_job(void)
{
    char *there = NULL, difference[SLAB_MESSAGE_MAX];
    size_t length = 0;
    if (!is_good(slab_job_read("out.h5", &there)) || !there)
        return;
    slab_job_compare(there, there, difference); /* it may say a name twice, and then differs */
    slab_job_compare("command slab stat x\noption seed 1\n", there, difference);
    const char *value = slab_job_value(there, "command", &length);
    MUST(!value || (value > there && length <= strlen(value)), "a value outside of the job");
    slab_memory_free(there);
    fuzz_taken++;
}

static bool is_whole(const slab_logged_chunk *c)
{
    return XXH3_64bits(output + c->address, c->size) == c->checksum;
}

/* Returns how many are whole. */
static int64_t check_array(const slab_kept_array *a, size_t output_bytes)
{
    int64_t whole = 0;
    for (int64_t i = 0; i < a->count; i++) {
        const slab_logged_chunk *c = &a->chunks[i];
        MUST(c->number >= 0 && c->number < a->nchunks && (i == 0 || c[-1].address <= c->address),
             "chunk %ld of %ld", (long)c->number, (long)a->nchunks);
        MUST(c->size > 0 && c->address <= output_bytes && c->size <= output_bytes - c->address,
             "a chunk that the file does not hold");
        for (int64_t k = 0; k < i; k++)
            MUST(a->chunks[k].number != c->number, "chunk %ld twice", (long)c->number);
        whole += is_whole(c);
    }
    return whole;
}

static int64_t found_whole;

static slab_status see_whole(void *context, const slab_logged_chunk *chunks, size_t n)
{
    (void)context;
    for (size_t i = 0; i < n; i++)
        MUST(is_whole(&chunks[i]), "a chunk that is not whole was found so");
    found_whole += (int64_t)n;
    return SLAB_OK;
}

static void check_bytes(slab_kept *kept, int fd, int64_t whole)
{
    int64_t broken = 0;
    slab_kept_check check = {.fd = fd, .direct_fd = -1, .bytes = 256 << 10, .whole = see_whole};
    found_whole = 0;
    MUST(is_good(slab_kept_check_begin(kept, &check)), "%s", slab_error_last()->message);
    MUST(is_good(slab_kept_check_wait(kept, &broken)), "%s", slab_error_last()->message);
    MUST(found_whole == whole && broken == slab_kept_count(kept).chunks - whole,
         "%ld of %ld are whole", (long)found_whole, (long)whole);
}

static void use_log(const uint8_t key[SLAB_JOB_KEY_BYTES], size_t n, size_t output_bytes)
{
    static const slab_chunk_log_visitor nothing;
    slab_chunk_log_head head;
    slab_kept *kept = NULL;
    uint64_t whole = 0;
    const int number = 0;
    if (is_good(slab_chunk_log_read(".out.h5.slab-log.0", &nothing, &head, &whole)))
        fuzz_taken++;
    MUST(whole <= n, "%lu whole bytes of %zu", (unsigned long)whole, n);
    int fd = open("out.h5", O_RDONLY | O_CLOEXEC);
    slab_kept_source from = {.ranks = slab_ranks_alone(),
                             .file = "out.h5",
                             .logs = &number,
                             .nlogs = 1,
                             .job = key,
                             .committed = 8,
                             .end = output_bytes};
    if (is_good(slab_kept_load(&from, &kept))) {
        int64_t all = 0;
        for (int i = 0; slab_kept_at(kept, i); i++)
            all += check_array(slab_kept_at(kept, i), output_bytes);
        check_bytes(kept, fd, all);
    }
    slab_kept_destroy(&kept);
    close(fd);
}

static void use_state(const uint8_t key[SLAB_JOB_KEY_BYTES])
{
    static uint8_t room[MOST];
    uint8_t byte = 42;
    slab_state_part put = {&byte, 1};
    slab_checkpoint *c = NULL;
    int records = slab_checkpoint_count("out.h5", key);
    for (int round = 0; round < 2; round++) {
        MUST(is_good(slab_checkpoint_open(slab_ranks_world(), "out.h5", key, true, false, &c)),
             "%s", slab_error_last()->message);
        MUST(slab_checkpoint_count("out.h5", key) == records, "not %d records as before", records);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            int64_t bytes;
            bool found;
            MUST(is_good(slab_checkpoint_size(c, names[i], &bytes)), "no size");
            slab_state_part part = {room, bytes < 0 ? 0 : (size_t)bytes};
            MUST(bytes <= MOST, "a record of %ld bytes", (long)bytes);
            MUST(is_good(slab_checkpoint_get(c, names[i], &part, 1, &found)) &&
                     found == (bytes >= 0),
                 "a record that is there and cannot be read: %s", slab_error_last()->message);
            MUST(round == 0 || i > 0 || (bytes == 1 && room[0] == byte), "what was put is gone");
            fuzz_taken += found && round == 0;
        }
        MUST(is_good(slab_checkpoint_put(c, names[0], &put, 1)), "cannot put");
        records = slab_checkpoint_count("out.h5", key);
        slab_checkpoint_close(&c, round == 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    feed f = {bytes, n};
    uint8_t key[SLAB_JOB_KEY_BYTES];
    fuzz_folder();
    size_t before = memory_begin();
    int how = (int)feed_number(&f, 1);
    feed log = feed_piece(&f), text = feed_piece(&f), state = feed_piece(&f),
         rest = feed_part(&f, MOST);
    memcpy(bytes_of_log, log.at, log.left);
    memcpy(bytes_of_state, state.at, state.left);
    memcpy(output, rest.at, rest.left);
    memcpy(job, text.at, text.left);
    job[text.left] = '\0';
    slab_job_key(job, key);
    put_log_right(how, log.left, key, rest.left);
    put_state_right(how, state.left, key);
    write_job(how, job);
    file_write("out.h5", output, rest.left);
    file_write(".out.h5.slab-log.0", bytes_of_log, log.left);
    file_write(".out.h5.slab-state", bytes_of_state, state.left);
    use_job();
    use_log(key, log.left, rest.left);
    use_state(key);
    memory_end(before);
    return 0;
}

/* --- seeds: what slab itself writes --- */

static size_t make_log(size_t nchunks)
{
    slab_chunk_log *log = NULL;
    slab_chunk_log_head head = {.ranks = 1};
    slab_logged_chunk chunks[8];
    unlink("log");
    for (size_t c = 0; c < nchunks; c++)
        chunks[c] = (slab_logged_chunk){.number = (int64_t)c,
                                        .address = 64 + 100 * c,
                                        .size = 80,
                                        .checksum = XXH3_64bits(output + 64 + 100 * c, 80)};
    MUST(is_good(slab_chunk_log_create("log", &head, &log)) &&
             is_good(slab_chunk_log_array(log, 0, "/x", 77, 12)) &&
             is_good(slab_chunk_log_append(log, chunks, nchunks / 2)) &&
             is_good(slab_chunk_log_append(log, chunks + nchunks / 2, nchunks - nchunks / 2)),
         "%s", slab_error_last()->message);
    slab_chunk_log_close(&log, false);
    return (size_t)file_read("log", bytes_of_log, sizeof bytes_of_log);
}

static size_t make_state(const uint8_t key[SLAB_JOB_KEY_BYTES])
{
    slab_checkpoint *c = NULL;
    slab_state_part part = {output, 40};
    MUST(is_good(slab_checkpoint_open(slab_ranks_world(), "out.h5", key, false, false, &c)), "%s",
         slab_error_last()->message);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        MUST(is_good(slab_checkpoint_put(c, names[i], &part, 1)), "cannot put");
    slab_checkpoint_close(&c, false);
    return (size_t)file_read(".out.h5.slab-state", bytes_of_state, sizeof bytes_of_state);
}

static void make_seed(const char *name, int how, size_t log, const char *text, size_t state,
                      fuzz_take take)
{
    static seed s;
    s.n = 0;
    seed_number(&s, (uint64_t)how, 1);
    seed_piece(&s, bytes_of_log, log);
    seed_piece(&s, text, strlen(text));
    seed_piece(&s, bytes_of_state, state);
    seed_bytes(&s, output, 900);
    take(name, s.bytes, s.n);
}

void fuzz_seeds(fuzz_take take)
{
    static const char text[] = "# command slab calc -o out.h5\ncommand slab calc 'x + 1'\n"
                               "option seed 1\ninput x.h5:/x 12 34\n";
    uint8_t key[SLAB_JOB_KEY_BYTES];
    fuzz_folder();
    for (size_t i = 0; i < sizeof output; i++)
        output[i] = (uint8_t)(i * i >> 3);
    slab_job_key(text, key);
    size_t log = make_log(8), state = make_state(key);
    make_seed("seed-log", LOG | CHUNKS, log, text, 0, take);
    make_seed("seed-job", JOB, 0, text, 0, take);
    log = make_log(2);
    make_seed("seed-log-short", LOG, log, text, 0, take);
    state = make_state(key);
    make_seed("seed-state-as-written", 0, 0, text, state, take);
}

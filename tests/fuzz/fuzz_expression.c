/*
 * Expressions: any text whatever is parsed and built over small arrays, and computed where that is
 * little work.
 *
 * A failure says where in the text, and no memory is lost. What is computed once more comes to the
 * same bits.
 */
#include "fuzzing.h"
#include <slab/compute/expression/expression.h>
#include <slab/compute/program/program.h>

long fuzz_taken;

enum { TEXT_MOST = 2048, OUTPUTS_MOST = 8, ELEMENTS_MOST = 4096 };
#define WORK_MOST ((int64_t)4 << 20) /* bytes that go through a program's passes */

static slab_crew *crew;

/* x: f64 [2, 3], i: int32 [3], u: uint8 [3], b: bool [2, 3] */
enum { INPUTS = 4 };
static const char *const input_names[INPUTS] = {"x", "i", "u", "b"};

static void make_inputs(slab_value *values[INPUTS])
{
    static const double x[] = {0.5, -1.5, 2, 3, 0.25, -4};
    static const int32_t i[] = {7, -2, 3};
    static const uint8_t u[] = {0, 200, 255}, b[] = {1, 0, 0, 1, 1, 0};
    slab_shape two_three = {2, {2, 3}}, three = {1, {3}};
    values[0] = slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 8), &two_three, x);
    values[1] = slab_value_from(slab_dtype_make(SLAB_KIND_INT, 4), &three, i);
    values[2] = slab_value_from(slab_dtype_make(SLAB_KIND_UINT, 1), &three, u);
    values[3] = slab_value_from(slab_dtype_make(SLAB_KIND_BOOL, 1), &two_three, b);
}

static bool build(slab_expression *e, slab_expression_outputs *out)
{
    slab_value *values[INPUTS], *used[INPUTS];
    const char *names[INPUTS];
    int n = 0;
    make_inputs(values);
    for (int k = 0; k < INPUTS; k++)
        if (slab_expression_uses(e, input_names[k])) {
            names[n] = input_names[k];
            used[n++] = values[k];
        }
    bool good = is_good(slab_expression_build(e, names, used, n, NULL, out));
    for (int k = 0; k < INPUTS; k++)
        slab_value_drop(&values[k]);
    return good;
}

static void check_message(const char *text)
{
    const char *message = slab_error_last()->message;
    char point[2 * TEXT_MOST + 64];
    int at = slab_expression_failed_at();
    MUST(at >= 0 && at <= (int)strlen(text) + 1, "'%s': character %d: %s", text, at, message);
    MUST(at == 0 || strncmp(message, "at character ", 13) == 0, "'%s': %s", text, message);
    if (at > 0)
        slab_expression_point(text, at, point, sizeof point);
}

static int64_t work_of(const slab_plan *plan)
{
    int64_t sum = 0;
    for (int i = 0; i < plan->nsteps; i++) {
        const slab_plan_step *s = &plan->steps[i];
        int64_t bytes = s->plain_bytes > s->read_bytes ? s->plain_bytes : s->read_bytes;
        if (bytes > WORK_MOST || s->times > WORK_MOST || s->flops > (double)WORK_MOST)
            return INT64_MAX;
        sum += s->times * (bytes + 1);
    }
    return sum;
}

/* Fetches what is small. *bytes of all elements at `out`; false: it is too much work, or refused.
 */
static bool compute(const slab_expression_outputs *outputs, uint8_t *out, size_t *bytes)
{
    slab_program *program = NULL;
    slab_plan plan = {0};
    int number[OUTPUTS_MOST], n = 0;
    size_t size[OUTPUTS_MOST];
    *bytes = 0;
    MUST(is_good(slab_program_create(crew, NULL, &program)), "no program");
    bool good = true;
    for (int i = 0; i < outputs->n && n < OUTPUTS_MOST && good; i++) {
        slab_value *value = outputs->output[i].value;
        int64_t elements;
        if (slab_shape_elements(slab_value_shape(value), &elements) != SLAB_OK ||
            elements > ELEMENTS_MOST || slab_value_dtype(value).size > 64)
            continue;
        size[n] = (size_t)elements * slab_value_dtype(value).size;
        good = is_good(slab_program_fetch(program, "x", value, &number[n++]));
    }
    good = good && is_good(slab_program_plan(program, FUZZ_BUDGET / 4, &plan)) &&
           work_of(&plan) <= WORK_MOST && is_good(slab_program_run(program, FUZZ_BUDGET / 4));
    for (int i = 0; i < n && good; i++) {
        if (size[i] > 0)
            memcpy(out + *bytes, slab_program_data(program, number[i]), size[i]);
        *bytes += size[i];
    }
    slab_program_destroy(&program);
    return good;
}

static void check_twice(slab_expression *e, const slab_expression_outputs *outputs)
{
    static uint8_t first[OUTPUTS_MOST * ELEMENTS_MOST * 64], second[sizeof first];
    slab_expression_outputs again = {0};
    size_t n, m;
    if (!compute(outputs, first, &n))
        return;
    MUST(build(e, &again), "built once of two times: %s", slab_error_last()->message);
    MUST(compute(&again, second, &m), "computed once of two times: %s", slab_error_last()->message);
    MUST(n == m && memcmp(first, second, n) == 0, "other bits than before");
    slab_expression_outputs_clear(&again);
    fuzz_taken++;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    feed f = {bytes, n};
    char text[TEXT_MOST + 1];
    slab_expression *e = NULL;
    slab_expression_outputs outputs = {0};
    if (!crew)
        MUST(is_good(slab_crew_create(slab_ranks_world(), 1, &crew)), "no crew");
    size_t before = memory_begin();
    feed part = feed_part(&f, TEXT_MOST);
    memcpy(text, part.at, part.left);
    text[part.left] = '\0';
    if (is_good(slab_expression_parse(text, &e)) && build(e, &outputs))
        check_twice(e, &outputs);
    else
        check_message(text);
    slab_expression_outputs_clear(&outputs);
    slab_expression_destroy(&e);
    memory_end(before);
    return 0;
}

void fuzz_seeds(fuzz_take take)
{
    static const char *const texts[] = {
        "log1p(x) - mean(x, axis=0, keepdims=True)",
        "m = mean(x, axis=0); s = std(x, axis=0, ddof=1); (x - m) / s",
        "h, e = histogram(x, bins=[0, 1, 2]); h / sum(h)",
        "where((x > 0) & ~b, x ** 2, -x // 3 % 2)",
        "x[..., None, ::-1][1:, 0] + [1, 2.5e-3, 0x1f]",
        "a, (c, d) = 1, (2, 3)\na if x.ndim == 2 else c",
        "np.linalg.norm(x.T[0], ord=2) * 1j - float32(pi)",
        "zeros((2, 3) + x.shape, dtype='f4').transpose(1, 0, 3, 2)",
        "arange(10)[2:8:3] << 2 | 7 ^ 3 & u[0]",
        "quantile(x, linspace(0, 1, 5), axis=-1); clip(i, min=-1, max=2)",
        "not 1 < 2 <= 3 != 4 or 5 in (1, 2) and None is not None",
        "random_normal((4,), 0, 1, seed=3) + random_integers(0, 9, 4)",
        "array([[1, 2], [3, 4]]).mT.astype(int8).round(1).sum(axis=(0, 1))",
        "cumsum(x, axis=1); cov(x); bincount(u, minlength=256)",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char name[32];
        snprintf(name, sizeof name, "seed-%zu", i);
        take(name, texts[i], strlen(texts[i]));
    }
}

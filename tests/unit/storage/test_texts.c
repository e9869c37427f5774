/* Strings of variable length. */
#include "reading.h"

#include <slab/storage/texts.h>

static const char *const six[6] = {"a", "", "three", "v\tier", "zw\xc3\xb6lf", "six"};

/* x: six strings [2, 3] in chunks of [1, 2]; "unwritten" [4]; "numbers" [4]. */
static void make_texts(void)
{
    hsize_t extent[2] = {2, 3}, chunk[2] = {1, 2}, four = 4;
    hid_t type = H5Tcopy(H5T_C_S1), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(2, extent, NULL), line = H5Screate_simple(1, &four, NULL);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Pset_chunk(dcpl, 2, chunk);
    hid_t file = H5Fcreate("t.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t x = H5Dcreate2(file, "x", type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(x, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, six), 0);
    H5Dclose(x);
    H5Dclose(H5Dcreate2(file, "unwritten", type, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(
        H5Dcreate2(file, "numbers", H5T_STD_I8LE, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Pclose(dcpl);
    H5Sclose(line);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);
}

static slab_status read_texts(opened *o, const char *brackets, slab_texts **out)
{
    slab_selection selection;
    ok(slab_selection_parse(brackets, &slab_array_describe(o->array)->shape, &selection));
    return slab_texts_read(o->array, &selection, out);
}

START_TEST(texts_of_a_selection_come_in_its_order)
{
    opened o;
    slab_texts *texts;
    make_texts();
    open_array(&o, "t.h5", "x");
    ck_assert(slab_texts_are_in(o.array));
    ok(read_texts(&o, "", &texts));
    for (int i = 0; i < 6; i++)
        ck_assert_str_eq(slab_texts_at(texts, i), six[i]);
    slab_texts_destroy(&texts);
    ok(read_texts(&o, "1, ::-2", &texts));
    ck_assert_str_eq(slab_texts_at(texts, 0), "six");
    ck_assert_str_eq(slab_texts_at(texts, 1), "v\tier");
    slab_texts_destroy(&texts);
    ok(read_texts(&o, "0:0", &texts));
    slab_texts_destroy(&texts);
    shut(&o);
}
END_TEST

START_TEST(texts_that_nobody_wrote_are_empty)
{
    opened o;
    slab_texts *texts;
    make_texts();
    open_array(&o, "t.h5", "unwritten");
    ok(read_texts(&o, "", &texts));
    ck_assert_str_eq(slab_texts_at(texts, 3), "");
    slab_texts_destroy(&texts);
    shut(&o);
}
END_TEST

START_TEST(numbers_are_no_texts)
{
    opened o;
    slab_texts *texts;
    make_texts();
    open_array(&o, "t.h5", "numbers");
    ck_assert(!slab_texts_are_in(o.array));
    fails(read_texts(&o, "", &texts), SLAB_ERR_TYPE);
    ck_assert_ptr_null(texts);
    shut(&o);
}
END_TEST

/* Whichever allocation fails, it is that error, and nothing is left of the budget. */
START_TEST(texts_that_do_not_fit_the_memory_are_an_error)
{
    opened o;
    slab_texts *texts;
    slab_status rc;
    int failures = 0;
    make_texts();
    do {
        open_array(&o, "t.h5", "x");
        slab_memory_fail_at(failures + 1);
        rc = read_texts(&o, "", &texts);
        slab_memory_fail_at(0);
        if (rc != SLAB_OK) {
            ck_assert_int_eq(rc, SLAB_ERR_MEMORY);
            ck_assert_ptr_null(texts);
            failures++;
        }
        slab_texts_destroy(&texts);
        shut(&o);
    } while (rc != SLAB_OK);
    ck_assert_int_ge(failures, 3); /* the object, the pointers, the strings */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("texts");
    TCase *c = tcase_create("texts");
    tcase_add_checked_fixture(c, scratch_begin, scratch_end);
    tcase_add_test(c, texts_of_a_selection_come_in_its_order);
    tcase_add_test(c, texts_that_nobody_wrote_are_empty);
    tcase_add_test(c, numbers_are_no_texts);
    tcase_add_test(c, texts_that_do_not_fit_the_memory_are_an_error);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* What is sealed by a transaction, and what is found when plain HDF5 changes it afterwards. */
#include "writing.h"

#include <slab/storage/seal.h>

static char file[512];

static void setup(void)
{
    make_folder();
    snprintf(file, sizeof file, "%s/a.h5", folder);
}

static slab_txn *begin(bool force)
{
    slab_txn *txn;
    slab_txn_options options = slab_txn_defaults();
    options.force = force;
    ok(slab_txn_begin(slab_ranks_alone(), file, &options, &txn));
    return txn;
}

/* Four chunks that count from `first`. */
static void put_chunked(slab_txn *txn, const char *path, int first)
{
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = SHAPE(8),
                            .chunk = SHAPE(2),
                            .filter = "gzip"};
    slab_writer *w;
    ok(slab_txn_create(txn, path, &spec, &w));
    for (int c = 0; c < 4; c++) {
        int32_t data[2] = {first + 2 * c, first + 2 * c + 1};
        ok(slab_writer_put(w, 0, c, data));
    }
    ok(slab_writer_close(&w));
}

static void put_small(slab_txn *txn, const char *path)
{
    double data[3] = {1, 2, 3};
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8), .shape = SHAPE(3)};
    ok(slab_txn_put(txn, path, &spec, data));
}

/* /x in chunks, with an attribute; /g/small in one piece. */
static void make_file(void)
{
    slab_txn *txn = begin(false);
    put_chunked(txn, "/x", 0);
    ok(slab_txn_attribute_text(txn, "/x", "units", "K"));
    put_small(txn, "/g/small");
    ok(slab_txn_commit(&txn));
}

/* What differs, one after the other with commas; and how it is sealed. */
static const char *differs(const char *path, slab_sealed *sealed)
{
    static char text[512];
    slab_file *f;
    slab_seal_check check;
    ok(slab_file_open(slab_ranks_alone(), file, &f));
    ok(slab_file_seal_check(f, path, &check));
    text[0] = '\0';
    for (size_t i = 0; i < check.ndiffers; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? "," : "",
                 check.differs[i]);
    if (sealed)
        *sealed = check.sealed;
    slab_seal_check_clear(&check);
    slab_file_close(&f);
    return text;
}

static void check_holds(const char *path)
{
    slab_sealed sealed;
    ck_assert_str_eq(differs(path, &sealed), "");
    ck_assert_int_eq(sealed, SLAB_SEALED_WHOLLY);
}

static hid_t open_with_hdf5(void)
{
    hid_t f = H5Fopen(file, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(f, 0);
    return f;
}

static void text_with_hdf5(const char *path, const char *name, const char *text)
{
    hid_t f = open_with_hdf5(), type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text) + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    if (H5Aexists_by_name(f, path, name, H5P_DEFAULT) > 0)
        H5Adelete_by_name(f, path, name, H5P_DEFAULT);
    hid_t a = H5Acreate_by_name(f, path, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(a, type, text), 0);
    H5Aclose(a);
    H5Tclose(type);
    H5Sclose(space);
    H5Fclose(f);
}

START_TEST(all_that_slab_writes_is_sealed)
{
    make_file();
    check_holds("/");
    check_holds("/x");
    check_holds("/g");
    check_holds("/g/small");
}
END_TEST

START_TEST(what_a_later_transaction_adds_removes_and_replaces_is_sealed)
{
    make_file();
    slab_txn *txn = begin(true);
    put_chunked(txn, "/x", 100);
    put_chunked(txn, "/g/deep/y", 5);
    ok(slab_txn_attribute_text(txn, "/g", "title", "all"));
    ok(slab_txn_remove(txn, "/g/small"));
    put_small(txn, "/g/new");
    ok(slab_txn_commit(&txn));
    check_holds("/");
    check_holds("/x");
    check_holds("/g");
    check_holds("/g/deep");
    check_holds("/g/deep/y");
    check_holds("/g/new");
}
END_TEST

START_TEST(what_is_made_and_removed_again_leaves_no_trace)
{
    make_file();
    slab_txn *txn = begin(true);
    put_small(txn, "/g/h/z");
    ok(slab_txn_remove(txn, "/g/small"));
    ok(slab_txn_remove(txn, "/g"));
    put_small(txn, "/g/z");
    ok(slab_txn_attribute_text(txn, "/x", "units", "C"));
    ok(slab_txn_attribute_remove(txn, "/x", "units"));
    ok(slab_txn_commit(&txn));
    check_holds("/");
    check_holds("/g");
    check_holds("/g/z");
    check_holds("/x");
}
END_TEST

START_TEST(an_attribute_that_another_program_sets_is_named)
{
    make_file();
    text_with_hdf5("/x", "units", "C");
    ck_assert_str_eq(differs("/x", NULL), "attribute 'units'");
    check_holds("/");
    text_with_hdf5("/x", "units", "K");
    check_holds("/x");
    text_with_hdf5("/x", "more", "1");
    ck_assert_str_eq(differs("/x", NULL), "attribute 'more'");
}
END_TEST

START_TEST(an_attribute_that_another_program_takes_away_is_missed)
{
    make_file();
    hid_t f = open_with_hdf5();
    H5Adelete_by_name(f, "/x", "units", H5P_DEFAULT);
    H5Fclose(f);
    ck_assert_str_eq(differs("/x", NULL), "number of attributes");
}
END_TEST

START_TEST(setting_an_attribute_seals_that_one_and_no_other)
{
    make_file();
    text_with_hdf5("/x", "units", "C");
    slab_txn *txn = begin(false);
    ok(slab_txn_attribute_text(txn, "/x", "title", "t"));
    ok(slab_txn_commit(&txn));
    ck_assert_str_eq(differs("/x", NULL), "attribute 'units'");
    txn = begin(false);
    ok(slab_txn_attribute_text(txn, "/x", "units", "F"));
    ok(slab_txn_commit(&txn));
    check_holds("/x");
}
END_TEST

START_TEST(elements_that_another_program_writes_are_found)
{
    double other[3] = {1, 2, 4};
    make_file();
    hid_t f = open_with_hdf5(), d = H5Dopen2(f, "/g/small", H5P_DEFAULT);
    H5Dwrite(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, other);
    H5Dclose(d);
    H5Fclose(f);
    ck_assert_str_eq(differs("/g/small", NULL), "elements");
}
END_TEST

START_TEST(links_that_another_program_makes_or_moves_are_found)
{
    make_file();
    hid_t f = open_with_hdf5();
    H5Lcreate_soft("/x", f, "/g/soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lmove(f, "/x", f, "/y", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(f);
    ck_assert_str_eq(differs("/g", NULL), "links");
    ck_assert_str_eq(differs("/", NULL), "links");
    check_holds("/y");
}
END_TEST

/* The old array is where it was; its own seal holds, and it is not the one that belongs there. */
START_TEST(a_link_that_leads_to_the_array_that_was_replaced_is_found)
{
    hobj_ref_t place;
    make_file();
    hid_t f = open_with_hdf5();
    ck_assert_int_ge(H5Rcreate(&place, f, "/x", H5R_OBJECT, H5I_INVALID_HID), 0);
    H5Fclose(f);
    slab_txn *txn = begin(true);
    put_chunked(txn, "/x", 0);
    ok(slab_txn_attribute_text(txn, "/x", "units", "K"));
    ok(slab_txn_commit(&txn));
    check_holds("/");
    f = open_with_hdf5();
    hid_t old = H5Rdereference2(f, H5P_DEFAULT, H5R_OBJECT, &place);
    ck_assert_int_ge(old, 0);
    H5Ldelete(f, "/x", H5P_DEFAULT);
    ck_assert_int_ge(H5Olink(old, f, "/x", H5P_DEFAULT, H5P_DEFAULT), 0);
    H5Oclose(old);
    H5Fclose(f);
    check_holds("/x");
    ck_assert_str_eq(differs("/", NULL), "links");
}
END_TEST

START_TEST(a_seal_that_was_taken_away_is_missed)
{
    slab_sealed sealed;
    make_file();
    hid_t f = open_with_hdf5();
    H5Adelete(f, "slab_seal");
    H5Arename_by_name(f, "/x", "slab_seal", "slab_zeal", H5P_DEFAULT);
    H5Fclose(f);
    ck_assert_str_eq(differs("/", &sealed), "seal");
    ck_assert_int_eq(sealed, SLAB_SEALED_ONCE);
    ck_assert_str_eq(differs("/x", NULL), "seal");
}
END_TEST

/* A file of HDF5's own with an array; slab adds one, and sets an attribute on the other. */
START_TEST(in_a_file_of_another_program_what_slab_put_there_is_sealed)
{
    slab_sealed sealed;
    hid_t f = H5Fcreate(file, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), s = H5Screate(H5S_SCALAR);
    H5Dclose(H5Dcreate2(f, "/theirs", H5T_STD_I32LE, s, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(s);
    H5Fclose(f);
    ck_assert_str_eq(differs("/theirs", &sealed), "");
    ck_assert_int_eq(sealed, SLAB_SEALED_NOT);
    slab_txn *txn = begin(false);
    put_small(txn, "/ours");
    ok(slab_txn_attribute_text(txn, "/theirs", "units", "K"));
    ok(slab_txn_commit(&txn));
    check_holds("/ours");
    text_with_hdf5("/theirs", "title", "theirs");
    text_with_hdf5("/", "title", "theirs");
    f = open_with_hdf5();
    H5Lcreate_soft("/ours", f, "/soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(f);
    ck_assert_str_eq(differs("/", &sealed), "");
    ck_assert_int_eq(sealed, SLAB_SEALED_PARTLY);
    ck_assert_str_eq(differs("/theirs", &sealed), "");
    ck_assert_int_eq(sealed, SLAB_SEALED_PARTLY);
    text_with_hdf5("/theirs", "units", "C");
    ck_assert_str_eq(differs("/theirs", NULL), "attribute 'units'");
    f = open_with_hdf5();
    H5Lmove(f, "/ours", f, "/mine", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(f);
    ck_assert_str_eq(differs("/", NULL), "links");
}
END_TEST

START_TEST(nobody_else_sets_a_seal)
{
    make_file();
    slab_txn *txn = begin(false);
    ck_assert_int_eq(slab_txn_attribute_text(txn, "/x", "slab_seal", "1"), SLAB_ERR_VALUE);
    ck_assert_int_eq(slab_txn_attribute_remove(txn, "/x", "slab_seal"), SLAB_ERR_VALUE);
    slab_txn_abort(&txn);
    check_holds("/x");
}
END_TEST

START_TEST(a_seal_is_not_among_the_attributes)
{
    slab_attribute *list;
    slab_file *f;
    size_t n;
    make_file();
    ok(slab_file_open(slab_ranks_alone(), file, &f));
    ok(slab_file_attributes(f, "/x", &list, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(list[0].name, "units");
    slab_attributes_free(&list, n);
    slab_file_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seals");
    TCase *tests = tcase_create("seals");
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    tcase_add_checked_fixture(tests, setup, remove_folder);
    tcase_add_test(tests, all_that_slab_writes_is_sealed);
    tcase_add_test(tests, what_a_later_transaction_adds_removes_and_replaces_is_sealed);
    tcase_add_test(tests, what_is_made_and_removed_again_leaves_no_trace);
    tcase_add_test(tests, an_attribute_that_another_program_sets_is_named);
    tcase_add_test(tests, an_attribute_that_another_program_takes_away_is_missed);
    tcase_add_test(tests, setting_an_attribute_seals_that_one_and_no_other);
    tcase_add_test(tests, elements_that_another_program_writes_are_found);
    tcase_add_test(tests, links_that_another_program_makes_or_moves_are_found);
    tcase_add_test(tests, a_link_that_leads_to_the_array_that_was_replaced_is_found);
    tcase_add_test(tests, a_seal_that_was_taken_away_is_missed);
    tcase_add_test(tests, in_a_file_of_another_program_what_slab_put_there_is_sealed);
    tcase_add_test(tests, nobody_else_sets_a_seal);
    tcase_add_test(tests, a_seal_is_not_among_the_attributes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

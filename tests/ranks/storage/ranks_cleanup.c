/*
 * A group that cannot be finished, because the file cannot be read any more, stays open in HDF5,
 * and HDF5 1.10 crashes on it when it tidies up at the end of MPI or of the process. Told not to,
 * it does not: this program ends with 0 on any number of ranks.
 */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <slab/storage/array.h>
#include <slab/storage/transaction.h>

static char folder[128], path[160];

static void make_file(void)
{
    hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 0; i < 20; i++) { /* more names than fit into the root group's first nodes */
        char name[32];
        snprintf(name, sizeof name, "group-%d", i);
        H5Gclose(H5Gcreate2(f, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    }
    H5Fclose(f);
}

int main(void)
{
    slab_ranks *ranks;
    slab_txn *txn = NULL;
    slab_file_skip_cleanup();
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 2;
    bool first = slab_ranks_me(ranks) == 0;
    snprintf(folder, sizeof folder, "/tmp/slab-ranks-XXXXXX");
    if (first && !mkdtemp(folder))
        slab_ranks_kill_job(2);
    slab_ranks_broadcast(ranks, folder, sizeof folder, 0);
    snprintf(path, sizeof path, "%s/f.h5", folder);
    if (first)
        make_file();
    slab_txn_options options = slab_txn_defaults();
    slab_status begun = slab_txn_begin(ranks, path, &options, &txn);
    if (first && truncate(path, 100) != 0)
        slab_ranks_kill_job(2);
    slab_status made = begun == SLAB_OK ? slab_txn_group(txn, "/result") : SLAB_OK;
    if (first && (begun != SLAB_OK || made == SLAB_OK))
        fprintf(stderr, "begin: %d, a group: %d: %s\n", begun, made, slab_error_last()->message);
    slab_txn_abort(&txn);
    if (first) {
        unlink(path);
        rmdir(folder);
    }
    slab_ranks_stop();
    return begun == SLAB_OK && made != SLAB_OK ? 0 : 1;
}

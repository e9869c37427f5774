/* The estimators. A new one is a row here and a file beside it that defines slab_estimator_<row>.
 */
SLAB_ESTIMATOR(pca)

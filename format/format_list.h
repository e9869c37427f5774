/* The formats. A new one is a row here and a file beside it that defines slab_format_<row>. */
SLAB_FORMAT(plink)
SLAB_FORMAT(npy)
SLAB_FORMAT(csv)

/* The codecs. A new one is a row here and a file beside it that defines slab_codec_<row>. */
SLAB_CODEC(shuffle)
SLAB_CODEC(nbit)
SLAB_CODEC(fletcher32)
SLAB_CODEC(deflate)
SLAB_CODEC(zstd)
SLAB_CODEC(lz4)
SLAB_CODEC(lzf)
SLAB_CODEC(bitshuffle)

/*
 * The turning of one block of 64 rows x 4 * VEC_BYTES columns, written once for every vector
 * width. The includer defines VEC_BYTES, LOW(a, b) and HIGH(a, b) (interleave the bytes of the
 * lower or upper halves of every 128-bit lane), TARGET, and BLOCK, the name of the function.
 *
 * Four rows are turned inside their bytes; then groups g = 0..15 of four rows each give 16 vectors
 * whose bytes are turned within lanes: four perfect shuffles are a 16 x 16 transposition.
 */
#define VEC_LANES (VEC_BYTES / 16)
#define SHUFFLE(to, from)                                                                          \
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++)                                            \
    {                                                                                              \
        (to)[2 * i] = (vec)LOW((from)[i], (from)[i + 8]);                                          \
        (to)[2 * i + 1] = (vec)HIGH((from)[i], (from)[i + 8]);                                     \
    }

TARGET static void BLOCK(slab_turn turn, const uint8_t *src, size_t src_stride, uint8_t *dst,
                         size_t dst_stride)
{
    typedef uint64_t vec __attribute__((vector_size(VEC_BYTES)));
    typedef uint64_t loose __attribute__((vector_size(VEC_BYTES), aligned(1), may_alias));
    vec t[4][16];
    for (int g = 0; g < 16; g++) {
        vec a[4];
        for (int i = 0; i < 4; i++) {
            int row = turn == SLAB_TURN_IMPORT ? 3 - i : i;
            a[i] = *(const loose *)(src + (size_t)(4 * g + row) * src_stride);
            a[i] = RELABEL(turn, a[i]);
        }
        TURN_4X4(vec, a);
        for (int k = 0; k < 4; k++)
            t[turn == SLAB_TURN_IMPORT ? k : 3 - k][g] = a[k];
    }
    for (int k = 0; k < 4; k++) {
        vec even[16], odd[16], *v = t[k];
        SHUFFLE(even, v);
        SHUFFLE(odd, even);
        SHUFFLE(even, odd);
        SHUFFLE(odd, even);
        for (int j = 0; j < 16; j++) {
            uint8_t bytes[VEC_BYTES];
            memcpy(bytes, &odd[j], VEC_BYTES);
            for (int lane = 0; lane < VEC_LANES; lane++)
                memcpy(dst + (size_t)(4 * (16 * lane + j) + k) * dst_stride, bytes + 16 * lane, 16);
        }
    }
}

#undef SHUFFLE
#undef VEC_LANES
#undef VEC_BYTES
#undef LOW
#undef HIGH
#undef TARGET
#undef BLOCK

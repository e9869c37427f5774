/*
 * The turning of one block of 64 rows x 4 * VEC_BYTES columns, written once for every vector
 * width. The includer defines VEC_BYTES, LOW(a, b) and HIGH(a, b) (interleave the bytes of the
 * lower or upper halves of every 128-bit lane), TARGET, and BLOCK, the name of the function.
 *
 * Four rows are turned inside their bytes; then groups g = 0..15 of four rows each give 16 vectors
 * whose bytes are turned within lanes: four perfect shuffles are a 16 x 16 transposition.
 */
#define VEC_LANES (VEC_BYTES / 16)

TARGET static void BLOCK(slab_turn turn, const uint8_t *src, size_t src_stride, uint8_t *dst,
                         size_t dst_stride)
{
    typedef uint64_t vec __attribute__((vector_size(VEC_BYTES)));
    vec t[4][16];
    for (int g = 0; g < 16; g++) {
        vec a[4];
        for (int i = 0; i < 4; i++) {
            int row = turn == SLAB_TURN_IMPORT ? 3 - i : i;
            memcpy(&a[i], src + (size_t)(4 * g + row) * src_stride, VEC_BYTES);
            a[i] = RELABEL(turn, a[i]);
        }
        TURN_4X4(vec, a);
        for (int k = 0; k < 4; k++)
            t[turn == SLAB_TURN_IMPORT ? k : 3 - k][g] = a[k];
    }
    for (int k = 0; k < 4; k++) {
        vec other[16], *from = t[k], *to = other;
        for (int stage = 0; stage < 4; stage++) {
            for (int i = 0; i < 8; i++) {
                to[2 * i] = (vec)LOW(from[i], from[i + 8]);
                to[2 * i + 1] = (vec)HIGH(from[i], from[i + 8]);
            }
            vec *swap = from;
            from = to;
            to = swap;
        }
        for (int j = 0; j < 16; j++) {
            uint8_t bytes[VEC_BYTES];
            memcpy(bytes, &from[j], VEC_BYTES);
            for (int lane = 0; lane < VEC_LANES; lane++)
                memcpy(dst + (size_t)(4 * (16 * lane + j) + k) * dst_stride, bytes + 16 * lane, 16);
        }
    }
}

#undef VEC_LANES
#undef VEC_BYTES
#undef LOW
#undef HIGH
#undef TARGET
#undef BLOCK

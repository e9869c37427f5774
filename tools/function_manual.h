/**
 * Help for functions of expressions, made from their descriptors.
 */
#ifndef SLAB_TOOLS_FUNCTION_MANUAL_H
#define SLAB_TOOLS_FUNCTION_MANUAL_H

#include <slab/compute/expression/function.h>
#include <stdio.h>

/** One function: its signature, what it is, which types it gives, its other names, and the
 * parameters that NumPy has and it has not. */
void slab_manual_function(FILE *to, const slab_function_info *function);

/** All functions, a line each. */
void slab_manual_functions(FILE *to);

#endif
